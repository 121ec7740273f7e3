//! A scan's end, as JSON: its numbers, its locations, and what it found.

use serde::{Deserialize, Serialize};

use super::enums::{LocationFailure, Outcome};
use super::finding::{Finding, Skipped};
use super::image::Image;
use super::{document, line};
use crate::host::{
    Counts as HostCounts, FindingRow, ImageRow, LocationOutcome, LocationReport, ScanReport,
    SkippedRow,
};

/// A scan and the rows of the locations that it took.
pub struct ScanResult<'a> {
    /// What the scan says of itself.
    pub report: &'a ScanReport,
    /// Findings of its locations.
    pub findings: &'a [FindingRow],
    /// Images of its locations.
    pub images: &'a [ImageRow],
    /// What was skipped in its locations.
    pub skipped: &'a [SkippedRow],
}

/// A location of a scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ScanLocation)]
pub struct Location {
    /// Its path.
    pub path: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What kind of reason it failed for.
    pub failure: Option<LocationFailure>,
    /// Why it failed, in a sentence.
    pub message: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// What was counted.
    pub counts: HostCounts,
    /// Wall time.
    pub milliseconds: u64,
}

impl From<&LocationReport> for Location {
    fn from(report: &LocationReport) -> Self {
        let (outcome, failure, message, hint) = match &report.outcome {
            LocationOutcome::Complete => (Outcome::Complete, None, None, None),
            LocationOutcome::Partial => (Outcome::Partial, None, None, None),
            LocationOutcome::Interrupted => (Outcome::Interrupted, None, None, None),
            LocationOutcome::Failed {
                class,
                message,
                hint,
            } => (
                Outcome::Failed,
                Some(LocationFailure::from(*class)),
                Some(message.clone()),
                Some(hint.clone()),
            ),
        };
        Self {
            path: report.path.clone(),
            outcome,
            failure,
            message,
            hint,
            counts: report.counts,
            milliseconds: report.milliseconds,
        }
    }
}

impl From<Location> for LocationReport {
    fn from(json: Location) -> Self {
        let outcome = match json.outcome {
            Outcome::Complete => LocationOutcome::Complete,
            Outcome::Partial => LocationOutcome::Partial,
            Outcome::Interrupted => LocationOutcome::Interrupted,
            Outcome::Failed => LocationOutcome::Failed {
                class: json.failure.unwrap_or(LocationFailure::Connector).into(),
                message: json.message.unwrap_or_default(),
                hint: json.hint.unwrap_or_default(),
            },
        };
        Self {
            path: json.path,
            outcome,
            counts: json.counts,
            milliseconds: json.milliseconds,
        }
    }
}

#[derive(Serialize)]
struct Summary<'a> {
    scan: i64,
    connection: &'a str,
    started_at: &'a str,
    milliseconds: u64,
    complete: bool,
    location_count: usize,
    counts: HostCounts,
    refused: &'a [String],
}

impl<'a> From<&'a ScanReport> for Summary<'a> {
    fn from(report: &'a ScanReport) -> Self {
        Self {
            scan: report.scan,
            connection: &report.connection,
            started_at: &report.started_at,
            milliseconds: report.milliseconds,
            complete: report.complete,
            location_count: report.locations.len(),
            counts: report.counts,
            refused: &report.refused,
        }
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    locations: Vec<Location>,
    findings: Vec<Finding>,
    images: Vec<Image>,
    skipped: Vec<Skipped>,
}

/// `{"kind": "scan", …, "locations": […], "findings": […], "images": […], "skipped": […]}`.
pub fn scan(result: &ScanResult<'_>) -> String {
    document(
        "scan",
        Whole {
            summary: result.report.into(),
            locations: result.report.locations.iter().map(Location::from).collect(),
            findings: result.findings.iter().map(Finding::from).collect(),
            images: result.images.iter().map(Image::from).collect(),
            skipped: result.skipped.iter().map(Skipped::from).collect(),
        },
    )
}

/// Lines of kind `image`, `finding`, `skipped` and `location`; the last one is the `scan`.
pub fn scan_lines(result: &ScanResult<'_>) -> String {
    let mut out = super::image_lines(result.images);
    out.push_str(&super::finding_lines(result.findings));
    out.push_str(&super::skipped_lines(result.skipped));
    for report in &result.report.locations {
        out.push_str(&line("location", Location::from(report)));
    }
    out.push_str(&line("scan", Summary::from(result.report)));
    out
}

/// The end of one location, for progress lines.
pub fn location_report(report: &LocationReport) -> serde_json::Value {
    serde_json::to_value(Location::from(report)).unwrap_or_default()
}
