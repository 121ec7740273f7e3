//! SPDX 2.3 as JSON.
//!
//! Files are not listed: SPDX wants a checksum of each, and a connector reads a layer once and keeps none.
//! Where a package was found stands in an annotation of it.

use serde::Serialize;

use super::licence::Extracted;
use super::{Item, Source, TOOL, VERSION, facts, properties, technique};

const NONE: &str = "NOASSERTION";
const DOCUMENT: &str = "SPDXRef-DOCUMENT";
const IMAGE: &str = "SPDXRef-Image";
const SYSTEM: &str = "SPDXRef-OperatingSystem";
/// Characters of a package's name that its id repeats.
const MAX_NAME: usize = 60;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Document<'a> {
    #[serde(rename = "SPDXID")]
    id: &'static str,
    spdx_version: &'static str,
    data_license: &'static str,
    name: String,
    document_namespace: String,
    creation_info: CreationInfo<'a>,
    packages: Vec<Package<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    has_extracted_licensing_infos: Vec<ExtractedLicence>,
    relationships: Vec<Relationship>,
}

#[derive(Serialize)]
struct CreationInfo<'a> {
    created: &'a str,
    creators: [String; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'a> {
    #[serde(rename = "SPDXID")]
    id: String,
    name: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    version_info: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_package_purpose: Option<&'static str>,
    download_location: &'static str,
    files_analyzed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checksums: Vec<Checksum<'a>>,
    license_concluded: &'static str,
    license_declared: String,
    copyright_text: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_info: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<ExternalRef>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Checksum<'a> {
    algorithm: &'static str,
    checksum_value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExternalRef {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Annotation<'a> {
    annotation_date: &'a str,
    annotation_type: &'static str,
    annotator: String,
    comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExtractedLicence {
    license_id: String,
    extracted_text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: String,
    relationship_type: &'static str,
    related_spdx_element: String,
}

pub(super) fn document<'a>(source: &'a Source<'a>) -> Document<'a> {
    let image = &source.detail.row.image;
    let mut extracted = Extracted::default();
    let mut packages = vec![Package {
        version_info: &image.digest,
        primary_package_purpose: Some("CONTAINER"),
        checksums: source
            .sha256()
            .map(|checksum_value| Checksum {
                algorithm: "SHA256",
                checksum_value,
            })
            .into_iter()
            .collect(),
        external_refs: vec![purl(source.purl())],
        annotations: vec![annotation(source, &facts(source.detail))],
        ..package(IMAGE.to_owned(), source.name())
    }];
    let mut relationships = vec![relationship(DOCUMENT, "DESCRIBES", IMAGE)];
    if let Some(system) = &image.operating_system {
        packages.push(Package {
            version_info: system.version_id.as_deref().unwrap_or_default(),
            primary_package_purpose: Some("OPERATING-SYSTEM"),
            summary: system.pretty_name.as_deref(),
            ..package(SYSTEM.to_owned(), system.id.clone())
        });
        relationships.push(relationship(IMAGE, "CONTAINS", SYSTEM));
    }
    let ids: Vec<String> = source.items.iter().map(id).collect();
    for (item, id) in source.items.iter().zip(&ids) {
        packages.push(of_item(source, item, id, &mut extracted));
        let holder = item.owner.and_then(|owner| ids.get(owner));
        let holder = holder.map_or(IMAGE, String::as_str);
        relationships.push(relationship(holder, "CONTAINS", id));
    }
    let name = super::super::detail::references(&source.detail.row);
    Document {
        id: DOCUMENT,
        spdx_version: "SPDX-2.3",
        data_license: "CC0-1.0",
        name: name.into_iter().next().unwrap_or_else(|| source.name()),
        document_namespace: format!("urn:uuid:{}", source.uuid("spdx")),
        creation_info: CreationInfo {
            created: source.made,
            creators: [tool()],
        },
        packages,
        has_extracted_licensing_infos: extracted
            .0
            .into_iter()
            .map(|(license_id, extracted_text)| ExtractedLicence {
                license_id,
                extracted_text,
            })
            .collect(),
        relationships,
    }
}

fn tool() -> String {
    format!("Tool: {TOOL}-{VERSION}")
}

/// A package of which nothing is known but its name.
fn package<'a>(id: String, name: String) -> Package<'a> {
    Package {
        id,
        name,
        version_info: "",
        primary_package_purpose: None,
        download_location: NONE,
        files_analyzed: false,
        checksums: Vec::new(),
        license_concluded: NONE,
        license_declared: NONE.to_owned(),
        copyright_text: NONE,
        source_info: None,
        summary: None,
        external_refs: Vec::new(),
        annotations: Vec::new(),
    }
}

fn of_item<'a>(
    source: &Source<'a>,
    item: &Item<'a>,
    id: &str,
    extracted: &mut Extracted,
) -> Package<'a> {
    let stated = item.package;
    let built_from = match (&stated.source_name, &stated.source_version) {
        (Some(name), Some(version)) => Some(format!("built from {name} {version}")),
        (Some(name), None) => Some(format!("built from {name}")),
        _ => None,
    };
    let (technique, confidence) = technique(stated);
    let mut known = properties(source, item);
    known.push(("ox:technique".to_owned(), technique.to_owned()));
    known.push(("ox:confidence".to_owned(), confidence.to_string()));
    Package {
        version_info: &stated.version,
        license_declared: extracted
            .declared(&stated.licences)
            .unwrap_or_else(|| NONE.to_owned()),
        source_info: built_from,
        external_refs: item
            .purl
            .map(|text| purl(text.to_owned()))
            .into_iter()
            .collect(),
        annotations: vec![annotation(source, &known)],
        ..package(id.to_owned(), stated.name.clone())
    }
}

/// `SPDXRef-Package-dpkg-libssl3-1f0c…`: readable, of the characters that are allowed, and unique.
fn id(item: &Item<'_>) -> String {
    let mut id = "SPDXRef-Package-".to_owned();
    let words = format!("{}-{}", item.package.format, item.package.name);
    for c in words.chars().take(MAX_NAME) {
        let allowed = c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        id.push(if allowed { c } else { '-' });
    }
    format!("{id}-{}", item.key)
}

fn purl(locator: String) -> ExternalRef {
    ExternalRef {
        reference_category: "PACKAGE-MANAGER",
        reference_type: "purl",
        reference_locator: locator,
    }
}

/// Names and values in one comment, a line each: the form that a script takes apart most easily.
fn annotation<'a>(source: &Source<'a>, known: &[(String, String)]) -> Annotation<'a> {
    let lines = known
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace(['\n', '\r'], " ")));
    Annotation {
        annotation_date: source.made,
        annotation_type: "OTHER",
        annotator: tool(),
        comment: lines.collect::<Vec<_>>().join("\n"),
    }
}

fn relationship(from: &str, kind: &'static str, to: &str) -> Relationship {
    Relationship {
        spdx_element_id: from.to_owned(),
        relationship_type: kind,
        related_spdx_element: to.to_owned(),
    }
}
