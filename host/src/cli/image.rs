//! `image`: one image, its layers, packages, secrets and configuration; and its SBOM.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use globset::{GlobBuilder, GlobMatcher};

use super::args::Format;
use super::connect::quoted;
use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use super::files::{made, write_whole};
use super::reference::Reference;
use crate::contract::Package;
use crate::host::{Filter, HostError, ImageRow};
use crate::report::detail::{Detail, platform};
use crate::report::sbom::{self, Form};
use crate::report::text::{count, short_digest};
use crate::report::{image, images, json};

/// Candidates that an error lists.
const MAX_CHOICES: usize = 12;
/// Tags that an error lists.
const MAX_TAGS: usize = 8;

/// Show one image: its layers, packages, secrets and configuration; or write its SBOM.
#[derive(Args, Debug)]
#[command(
    after_help = "REFERENCE is [registry/]repository:tag, repository@sha256:…, or sha256:… (8 digits or more).

Examples:
  ox-host image acme/shop/api:1.4
  ox-host image acme/shop/api:1.4 --platform linux/arm64 --packages --name 'libssl*'
  ox-host image sha256:9f86d081884c --sbom cyclonedx --output api.cdx.json"
)]
pub(crate) struct Image {
    /// Which image
    reference: String,
    /// Only this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Which of several platforms: os/architecture, with /variant where that is needed
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
    /// How it is written
    #[arg(long, value_enum, default_value_t, conflicts_with = "sbom")]
    format: Format,
    /// List its packages instead
    #[arg(long, conflicts_with = "sbom")]
    packages: bool,
    /// Only packages of this format, for example dpkg (repeatable)
    #[arg(long, value_name = "FORMAT", requires = "packages")]
    package_format: Vec<String>,
    /// Only packages that this layer brought, counted from 0
    #[arg(long, value_name = "N", requires = "packages")]
    layer: Option<u32>,
    /// Only packages whose name matches (repeatable)
    #[arg(long, value_name = "GLOB", requires = "packages")]
    name: Vec<String>,
    /// Show all licences, not only those of most packages
    #[arg(long)]
    licences: bool,
    /// Write a software bill of materials
    #[arg(long, value_name = "FORM", value_enum)]
    sbom: Option<FormChoice>,
    /// Write the SBOM into this file
    #[arg(long, value_name = "FILE", requires = "sbom")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormChoice {
    /// CycloneDX 1.6, JSON
    #[value(name = "cyclonedx")]
    CycloneDx,
    /// SPDX 2.3, JSON
    Spdx,
}

impl From<FormChoice> for Form {
    fn from(choice: FormChoice) -> Self {
        match choice {
            FormChoice::CycloneDx => Self::CycloneDx,
            FormChoice::Spdx => Self::Spdx,
        }
    }
}

impl Image {
    pub(crate) fn run(&self, context: &Context) -> CliResult {
        let names = matchers(&self.name)?;
        let reference = Reference::parse(&self.reference)?;
        let (row, also) = self.resolve(context, &reference)?;
        let mut detail = detail(context, row, also)?;
        detail.tag = reference.tag;
        if let Some(form) = self.sbom {
            return self.write_sbom(context, &detail, form.into());
        }
        if self.packages {
            return self.list_packages(context, &detail, &names);
        }
        context.out.data(&match self.format {
            Format::Table => image::page(&detail, self.licences, context.out.look),
            Format::Json => json::image_report(&detail),
            Format::Jsonl => json::image_report_line(&detail),
        });
        Ok(Exit::Ok)
    }

    fn list_packages(
        &self,
        context: &Context,
        detail: &Detail,
        names: &[GlobMatcher],
    ) -> CliResult {
        let wanted = |package: &&Package| {
            (self.package_format.is_empty() || self.package_format.contains(&package.format))
                && self.layer.is_none_or(|layer| layer == package.layer)
                && (names.is_empty() || names.iter().any(|name| name.is_match(&package.name)))
        };
        let rows: Vec<Package> = detail.packages().iter().filter(wanted).cloned().collect();
        if detail.packages.is_none() {
            context.warning("the packages of this image have not come whole; scan it again");
        } else if rows.is_empty() && detail.packages().is_empty() {
            context.remark("No packages were found in this image.");
        } else if rows.is_empty() {
            let formats: Vec<_> = detail.formats().iter().map(|row| row.format).collect();
            context.remark(&format!(
                "No package is like that; {} of {} are there.",
                count(detail.packages().len() as u64, "package", "packages"),
                formats.join(", ")
            ));
        }
        let digest = &detail.row.image.digest;
        context.out.data(&match self.format {
            Format::Table => images::packages(&rows, context.out.look),
            Format::Json => json::packages(digest, &rows),
            Format::Jsonl => json::package_lines(digest, &rows),
        });
        Ok(Exit::Ok)
    }

    fn write_sbom(&self, context: &Context, detail: &Detail, form: Form) -> CliResult {
        if detail.packages.is_none() {
            return Err(CliError::usage(
                "the packages of this image have not come whole, so an SBOM would leave some out",
                format!(
                    "scan it again: ox-host scan {} --location {}",
                    quoted(&detail.row.connection),
                    quoted(&detail.row.location)
                ),
            ));
        }
        let made = made()?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let text = sbom::write(form, detail, &made);
        let Some(file) = &self.output else {
            context.out.data(&text);
            return Ok(Exit::Ok);
        };
        write_whole(file, &context.out.masked(&text)).map_err(|error| {
            CliError::new(
                Exit::Unexpected,
                format!("{} could not be written: {error}", file.display()),
                "",
            )
        })?;
        let packages = detail.packages().len() as u64;
        context.remark(&format!(
            "Wrote {}: {}.",
            file.display(),
            count(packages, "package", "packages")
        ));
        if !detail.row.image.complete {
            context.warning(
                "a part of the image could not be read; the SBOM says that it is incomplete",
            );
        }
        Ok(Exit::Ok)
    }

    /// The one image that is meant, and the same image at other places of its connection.
    fn resolve(
        &self,
        context: &Context,
        reference: &Reference,
    ) -> CliResult<(ImageRow, Vec<ImageRow>)> {
        let named = self.candidates(context, reference)?;
        let mut rows = named.clone();
        if let Some(tag) = &reference.tag {
            rows.retain(|row| row.image.tags.contains(tag));
            if rows.is_empty() && !named.is_empty() {
                return Err(no_such_tag(tag, &named));
            }
        }
        if rows.is_empty() {
            return Err(CliError::usage(
                format!("no image is called {:?}", self.reference),
                "`ox-host images` lists them",
            ));
        }
        if let Some(wanted) = &self.platform {
            let all = rows.clone();
            // A platform without a variant means all its variants, unless it is one itself.
            let exact = |row: &ImageRow| platform(&row.image).eq_ignore_ascii_case(wanted);
            match rows.iter().any(exact) {
                true => rows.retain(exact),
                false => rows.retain(|row| is_platform(row, wanted)),
            }
            if rows.is_empty() {
                let there: BTreeSet<String> = all.iter().map(|row| platform(&row.image)).collect();
                return Err(CliError::usage(
                    format!("{} is not there for {wanted}", self.reference),
                    "choose one that is:",
                )
                .choices(
                    there.iter().map(|platform| {
                        format!("{} --platform {}", self.command(), quoted(platform))
                    }),
                ));
            }
        }
        let identities: BTreeSet<(&str, &str)> = rows.iter().map(identity).collect();
        if identities.len() > 1 {
            return Err(self.several(&rows));
        }
        let mut rows = rows.into_iter();
        match rows.next() {
            Some(row) => {
                // The same image in repositories that the reference does not name.
                let mut filter = self.filter();
                filter.connection = Some(row.connection.clone());
                filter.image = Some(row.image.digest.clone());
                let mut also = context.backend.images(&filter)?;
                also.retain(|other| {
                    other.location != row.location || other.image.repository != row.image.repository
                });
                Ok((row, also))
            }
            None => Err(CliError::usage("no image is called that", "")),
        }
    }

    fn filter(&self) -> Filter {
        Filter {
            connection: self.connection.clone(),
            ..Filter::default()
        }
    }

    /// Rows that the name and the digest of a reference lead to.
    fn candidates(&self, context: &Context, reference: &Reference) -> CliResult<Vec<ImageRow>> {
        let mut filter = self.filter();
        filter.repository = reference.name.clone();
        filter.image = reference.digest.clone();
        let mut rows = context.backend.images(&filter)?;
        if let Some(digest) = reference.as_digest().filter(|_| rows.is_empty()) {
            filter.repository = None;
            filter.image = Some(digest);
            rows = context.backend.images(&filter)?;
        }
        if let Some(digest) = filter.image.take().filter(|_| rows.is_empty()) {
            // The digest of an index leads to the images of its platforms.
            rows = context.backend.images(&filter)?;
            rows.retain(|row| {
                let index = row.image.index.as_deref();
                index.is_some_and(|index| index.starts_with(&digest))
            });
        }
        Ok(rows)
    }

    /// Each image that is meant by the reference, with the command that names it alone.
    fn several(&self, rows: &[ImageRow]) -> CliError {
        let connections: BTreeSet<&str> = rows.iter().map(|row| row.connection.as_str()).collect();
        let digests: BTreeSet<&str> = rows.iter().map(|row| row.image.digest.as_str()).collect();
        let platforms: BTreeSet<String> = rows.iter().map(|row| platform(&row.image)).collect();
        let what = format!("{} names {} images", self.reference, digests.len());
        if connections.len() > 1 {
            let commands = connections
                .iter()
                .map(|name| format!("{} --connection {}", self.command(), quoted(name)));
            let several = connections.len();
            let message = format!("{} is in {several} connections", self.reference);
            return CliError::usage(message, "say which one is meant:").choices(commands);
        }
        if platforms.len() == digests.len() && self.platform.is_none() {
            let commands = platforms
                .iter()
                .map(|one| format!("{} --platform {}", self.command(), quoted(one)));
            let message = format!("{what}, one for each platform");
            return CliError::usage(message, "say which one is meant:").choices(commands);
        }
        let mut seen = BTreeSet::new();
        let commands = rows
            .iter()
            .filter(|row| seen.insert(row.image.digest.as_str()))
            .take(MAX_CHOICES)
            .map(|row| {
                let tags = row.image.tags.iter().take(3).cloned().collect::<Vec<_>>();
                format!(
                    "ox-host image {}@{}  # {} {}",
                    quoted(&row.image.repository),
                    short_digest(&row.image.digest),
                    platform(&row.image),
                    tags.join(" ")
                )
            })
            .collect::<Vec<_>>();
        let hint = if digests.len() > MAX_CHOICES {
            "say which one is meant; `ox-host images` lists them all; the first are:"
        } else {
            "say which one is meant:"
        };
        CliError::usage(what, hint).choices(commands)
    }

    /// This command with its reference and connection, for the commands of an error.
    fn command(&self) -> String {
        let mut command = format!("ox-host image {}", quoted(&self.reference));
        if let Some(name) = &self.connection {
            command.push_str(&format!(" --connection {}", quoted(name)));
        }
        command
    }
}

/// Nothing has that tag; what has been seen.
fn no_such_tag(tag: &str, named: &[ImageRow]) -> CliError {
    let repository = named
        .first()
        .map_or("", |row| row.image.repository.as_str());
    let tags: BTreeSet<&str> = named
        .iter()
        .flat_map(|row| row.image.tags.iter().map(String::as_str))
        .collect();
    let mut few: Vec<&str> = tags.iter().take(MAX_TAGS).copied().collect();
    let more = format!("and {} more", tags.len().saturating_sub(MAX_TAGS));
    if tags.len() > MAX_TAGS {
        few.push(&more);
    }
    let hint = if few.is_empty() {
        "none of its images has a tag; `ox-host images` lists their digests".to_owned()
    } else {
        format!("its tags are {}", few.join(", "))
    };
    CliError::usage(
        format!("no image of {repository} has the tag {tag:?}"),
        hint,
    )
}

fn identity(row: &ImageRow) -> (&str, &str) {
    (&row.connection, &row.image.digest)
}

/// `linux/arm64` means every variant of it, and `linux` every architecture.
fn is_platform(row: &ImageRow, wanted: &str) -> bool {
    platform(&row.image)
        .to_lowercase()
        .strip_prefix(&wanted.to_lowercase())
        .is_some_and(|rest| rest.starts_with('/'))
}

fn detail(context: &Context, row: ImageRow, also: Vec<ImageRow>) -> CliResult<Detail> {
    let filter = Filter {
        connection: Some(row.connection.clone()),
        image: Some(row.image.digest.clone()),
        ..Filter::default()
    };
    let packages = match context.backend.packages(&row.connection, &row.image.digest) {
        Ok(packages) => Some(packages),
        Err(HostError::Unknown { what: "image", .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let mut findings = context.backend.findings(&filter)?;
    findings.retain(|found| found.location == row.location);
    let mut skipped = context.backend.skipped(&filter)?;
    skipped.retain(|skip| skip.location == row.location);
    Ok(Detail {
        row,
        tag: None,
        also,
        packages,
        findings,
        skipped,
    })
}

/// Patterns over names of packages, in which `*` takes everything: `@acme/*` and `github.com/*`.
fn matchers(patterns: &[String]) -> CliResult<Vec<GlobMatcher>> {
    let compiled = patterns.iter().map(|pattern| {
        let glob = GlobBuilder::new(pattern).literal_separator(false).build();
        glob.map(|glob| glob.compile_matcher()).map_err(|error| {
            CliError::usage(
                format!("the pattern {pattern:?} can't be used: {}", error.kind()),
                "write for example 'libssl*'",
            )
        })
    });
    compiled.collect()
}
