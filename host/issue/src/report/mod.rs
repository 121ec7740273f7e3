//! Reports: the issues of a list, in the formats that others read.
//!
//! One function, [`write`], and one format a file. All formats say the same of an issue; where a format has
//! no room for something (GitLab's report knows no secrets), what is left out is counted and told in
//! [`Written`], and in the report where it can hold that. Everything in an issue may come from a hostile
//! image or advisory: each format escapes by its own rules, none repeats a character that a terminal or a
//! page would obey, and addresses are links only when they are plain http or https.
//!
//! Issues are written as they come. What a format has to gather (rules of SARIF, components of CycloneDX)
//! is kept once for each distinct rule or component; the two formats that must know all issues before the
//! first byte keep what the caller handed over (references, where it handed over those).
//!
//! The same issues and the same [`ReportMeta`] give the same bytes.

mod csv;
mod cyclonedx;
mod gitlab;
mod html;
mod ids;
mod json;
mod openvex;
mod ox_upload;
mod said;
mod sarif;
mod state;
mod stream;
mod text;

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod properties;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod samples;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests;

use std::borrow::Borrow;
use std::fmt;
use std::io;
use std::str::FromStr;

use jiff::Timestamp;

use crate::Issue;

pub use csv::COLUMNS as CSV_COLUMNS;
pub use html::MAX_ISSUES as HTML_MAX_ISSUES;
pub use json::SCHEMA_VERSION as JSON_SCHEMA_VERSION;
pub use said::{Said, known_as, said};

/// Name of the program, as the reports call it.
const TOOL: &str = "ox-host";

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// One JSON document: what the report is about, the funnel, the issues.
    Json,
    /// One JSON object a line, one line an issue.
    JsonLines,
    /// RFC 4180, with a header.
    Csv,
    /// SARIF 2.1.0.
    Sarif,
    /// CycloneDX 1.6: components, vulnerabilities, and what was decided about them.
    CycloneDx,
    /// CycloneDX 1.6, with what was decided about each vulnerability and nothing else.
    CycloneDxVex,
    /// OpenVEX 0.2.0.
    OpenVex,
    /// GitLab's container-scanning report, schema 15.2.1.
    GitLab,
    /// The file that OX takes for a manual upload of issues.
    OxUpload,
    /// One page that needs nothing else.
    Html,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Json,
        Self::JsonLines,
        Self::Csv,
        Self::Sarif,
        Self::CycloneDx,
        Self::CycloneDxVex,
        Self::OpenVex,
        Self::GitLab,
        Self::OxUpload,
        Self::Html,
    ];

    /// What a person types.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Sarif => "sarif",
            Self::CycloneDx => "cyclonedx",
            Self::CycloneDxVex => "cyclonedx-vex",
            Self::OpenVex => "openvex",
            Self::GitLab => "gitlab",
            Self::OxUpload => "ox",
            Self::Html => "html",
        }
    }

    /// How a file of it is usually called.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Json => "issues.json",
            Self::JsonLines => "issues.jsonl",
            Self::Csv => "issues.csv",
            Self::Sarif => "issues.sarif",
            Self::CycloneDx => "issues.cdx.json",
            Self::CycloneDxVex => "issues.vex.cdx.json",
            Self::OpenVex => "issues.openvex.json",
            Self::GitLab => "gl-container-scanning-report.json",
            Self::OxUpload => "ox-issues.json",
            Self::Html => "issues.html",
        }
    }

    /// Its media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json | Self::GitLab | Self::OxUpload | Self::OpenVex => "application/json",
            Self::JsonLines => "application/jsonl",
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::Sarif => "application/sarif+json",
            Self::CycloneDx | Self::CycloneDxVex => "application/vnd.cyclonedx+json; version=1.6",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The text is none of the formats.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a report's format; they are json, jsonl, csv, sarif, cyclonedx, cyclonedx-vex, openvex, gitlab, ox and html"
)]
pub struct NotAFormat(pub String);

impl FromStr for Format {
    type Err = NotAFormat;

    fn from_str(text: &str) -> Result<Self, NotAFormat> {
        Self::ALL
            .into_iter()
            .find(|one| one.name() == text)
            .ok_or_else(|| NotAFormat(text.to_owned()))
    }
}

/// What a report says about itself. It is the only source of time and numbers beside the issues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportMeta {
    /// Version of the program.
    pub tool_version: String,
    /// When the report is made.
    pub generated_at: Timestamp,
    /// The filter in words ("severity at least High, fixable"); empty when everything is in it.
    pub filter: String,
    /// How the findings came down to these issues, where it is known.
    pub funnel: Option<Funnel>,
    /// On whose behalf it is made: the author of VEX statements, the tester of an upload to OX.
    pub author: Author,
}

/// Findings of the tools → what is left after prioritisation → issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Funnel {
    /// What the tools found.
    pub found: u64,
    /// What is left of it after prioritisation.
    pub prioritised: u64,
    /// Issues that these make.
    pub issues: u64,
}

/// Whoever answers for a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// A person's, a team's or the program's name.
    pub name: String,
    /// OX asks for one.
    pub email: String,
}

impl Default for Author {
    /// The program itself, with an address that leads nowhere.
    fn default() -> Self {
        Self {
            name: TOOL.to_owned(),
            email: "ox-host@example.invalid".to_owned(),
        }
    }
}

/// What went into a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Issues that are in it.
    pub issues: u64,
    /// Issues that are not, and why.
    pub left_out: Vec<LeftOut>,
}

/// Issues that a format has no place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub count: u64,
    /// Why, to be read after "3 issues left out: ".
    pub why: &'static str,
}

impl Written {
    fn leave_out(&mut self, why: &'static str) {
        match self.left_out.iter_mut().find(|one| one.why == why) {
            Some(one) => one.count += 1,
            None => self.left_out.push(LeftOut { count: 1, why }),
        }
    }

    /// One sentence for each reason.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.left_out.iter().map(|one| {
            let issues = if one.count == 1 { "issue" } else { "issues" };
            format!("{} {issues} left out: {}.", one.count, one.why)
        })
    }
}

/// Writes the issues, in their order, in that format. Every element is one write: a file wants no buffer
/// before it, and none is flushed.
pub fn write<I>(
    format: Format,
    issues: I,
    meta: &ReportMeta,
    out: &mut dyn io::Write,
) -> io::Result<Written>
where
    I: IntoIterator,
    I::Item: Borrow<Issue>,
{
    let issues = issues.into_iter();
    match format {
        Format::Json => json::document(issues, meta, out),
        Format::JsonLines => json::lines(issues, out),
        Format::Csv => csv::write(issues, out),
        Format::Sarif => sarif::write(issues, meta, out),
        Format::CycloneDx => cyclonedx::write(issues, meta, cyclonedx::Variant::Full, out),
        Format::CycloneDxVex => cyclonedx::write(issues, meta, cyclonedx::Variant::Vex, out),
        Format::OpenVex => openvex::write(issues, meta, out),
        Format::GitLab => gitlab::write(issues, meta, out),
        Format::OxUpload => ox_upload::write(issues, meta, out),
        Format::Html => html::write(issues, meta, out),
    }
}
