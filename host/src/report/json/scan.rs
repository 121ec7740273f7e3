//! A scan's end, as JSON: its numbers, its locations, and what it found.

use serde::Serialize;

use super::finding::{Finding, Skipped};
use super::image::Image;
use super::{document, line};
use crate::host::{
    Counts as HostCounts, FindingRow, ImageRow, LocationOutcome, LocationReport, ScanReport,
    SkippedRow,
};
use crate::report::words;

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

#[derive(Serialize)]
struct Counts {
    tags: u64,
    images: u64,
    packages: u64,
    findings: u64,
    skipped: u64,
    layers_read: u64,
    layers_reused: u64,
    requests: u64,
    bytes_read: u64,
}

impl From<&HostCounts> for Counts {
    fn from(counts: &HostCounts) -> Self {
        Self {
            tags: counts.tags,
            images: counts.images,
            packages: counts.packages,
            findings: counts.findings,
            skipped: counts.skipped,
            layers_read: counts.layers_read,
            layers_reused: counts.layers_reused,
            requests: counts.requests,
            bytes_read: counts.bytes_read,
        }
    }
}

#[derive(Serialize)]
struct Location<'a> {
    path: &'a str,
    outcome: &'static str,
    failure: Option<&'static str>,
    message: Option<&'a str>,
    hint: Option<&'a str>,
    counts: Counts,
    milliseconds: u64,
}

impl<'a> From<&'a LocationReport> for Location<'a> {
    fn from(report: &'a LocationReport) -> Self {
        let (failure, message, hint) = match &report.outcome {
            LocationOutcome::Failed {
                class,
                message,
                hint,
            } => (
                Some(words::failure_class(*class)),
                Some(message.as_str()),
                Some(hint.as_str()),
            ),
            _ => (None, None, None),
        };
        Self {
            path: &report.path,
            outcome: words::outcome(&report.outcome),
            failure,
            message,
            hint,
            counts: (&report.counts).into(),
            milliseconds: report.milliseconds,
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
    counts: Counts,
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
            counts: (&report.counts).into(),
            refused: &report.refused,
        }
    }
}

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    summary: Summary<'a>,
    locations: Vec<Location<'a>>,
    findings: Vec<Finding<'a>>,
    images: Vec<Image<'a>>,
    skipped: Vec<Skipped<'a>>,
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
