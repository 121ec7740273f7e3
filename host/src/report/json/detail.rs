//! One image with what is in it, as JSON.

use serde::Serialize;

use super::finding::{Finding, Skipped};
use super::image::Image;
use super::{document, line};
use crate::report::detail::{Detail, references};

#[derive(Serialize)]
struct Report<'a> {
    references: Vec<String>,
    image: Image,
    also_in: Vec<Place<'a>>,
    /// Null when nothing tells of one.
    base: Option<Base<'a>>,
    osv_ecosystem: Option<&'a str>,
    /// Null when the packages have never come whole.
    packages: Option<usize>,
    layers: Vec<Layer<'a>>,
    formats: Vec<Format<'a>>,
    licences: Vec<Licence<'a>>,
    packages_without_licence: usize,
    findings: Vec<Finding>,
    skipped: Vec<Skipped>,
}

#[derive(Serialize)]
struct Place<'a> {
    location: &'a str,
    registry: &'a str,
    repository: &'a str,
    tags: &'a [String],
}

#[derive(Serialize)]
struct Base<'a> {
    layers: Option<usize>,
    name: Option<&'a str>,
    digest: Option<&'a str>,
    why: Option<&'a str>,
}

#[derive(Serialize)]
struct Layer<'a> {
    index: usize,
    digest: &'a str,
    size: u64,
    command: Option<&'a str>,
    /// Whether it is the base image's; null when that is not known.
    base: Option<bool>,
    packages: usize,
    findings: usize,
}

#[derive(Serialize)]
struct Format<'a> {
    format: &'a str,
    packages: usize,
    owned_by_system: usize,
    in_base: usize,
}

#[derive(Serialize)]
struct Licence<'a> {
    licence: &'a str,
    packages: usize,
}

impl<'a> From<&'a Detail> for Report<'a> {
    fn from(detail: &'a Detail) -> Self {
        let licences = detail.licences();
        Self {
            references: references(&detail.row),
            image: (&detail.row).into(),
            also_in: detail
                .also
                .iter()
                .map(|row| Place {
                    location: &row.location,
                    registry: &row.image.registry,
                    repository: &row.image.repository,
                    tags: &row.image.tags,
                })
                .collect(),
            base: detail.base().map(|base| Base {
                layers: base.layers,
                name: base.name,
                digest: base.digest,
                why: base.why,
            }),
            osv_ecosystem: detail.ecosystem(),
            packages: detail.packages.as_ref().map(Vec::len),
            layers: detail
                .layers()
                .into_iter()
                .map(|row| Layer {
                    index: row.index,
                    digest: row.digest,
                    size: row.size,
                    command: row.command,
                    base: row.base,
                    packages: row.packages,
                    findings: row.findings,
                })
                .collect(),
            formats: detail
                .formats()
                .into_iter()
                .map(|row| Format {
                    format: row.format,
                    packages: row.packages,
                    owned_by_system: row.owned,
                    in_base: row.in_base,
                })
                .collect(),
            licences: licences
                .rows
                .into_iter()
                .map(|(licence, packages)| Licence { licence, packages })
                .collect(),
            packages_without_licence: licences.none,
            findings: detail.findings.iter().map(Finding::from).collect(),
            skipped: detail.skipped.iter().map(Skipped::from).collect(),
        }
    }
}

/// `{"kind": "image-report", "image": {…}, "layers": […], …}`.
pub fn image_report(detail: &Detail) -> String {
    document("image-report", Report::from(detail))
}

/// The same in one line.
pub fn image_report_line(detail: &Detail) -> String {
    line("image-report", Report::from(detail))
}
