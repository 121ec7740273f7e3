//! What shows that an issue is so: who said it, by what, and in which file of which layer.

use ox_advisory::matching::{Because, Certainty, MatchedBy};
use ox_issue::issue::{Occurrence, Source};
use ox_issue::{Evidence, facts::Kind};

use super::compose::Draft;
use super::judge::{CONNECTOR, OWN_MATCH};
use super::{LocationInputs, findings};
use crate::contract::{Finding, FindingState, PackageOrigin};

/// Occurrences that an issue shows.
const OCCURRENCES: usize = 1000;
/// Sources that an issue shows.
const SOURCES: usize = 200;

/// Every place of an issue, with what is known of it.
pub(super) fn occurrences(draft: &Draft<'_>, inputs: &LocationInputs) -> Vec<Occurrence> {
    let mut all = Vec::new();
    for hit in &draft.hits {
        let Some(image) = inputs.images.get(hit.input.image) else {
            continue;
        };
        let package = &hit.input.package;
        let mut one = of_image(inputs, hit.input.image, &image.first_seen);
        let layer = image.image.layers.get(package.layer as usize);
        one.layer = Some(package.layer);
        one.layer_digest = layer.map(|layer| layer.digest.clone());
        one.layer_command = layer.and_then(|layer| layer.command.clone());
        one.from_base = from_base(inputs, hit.input.image, Some(package.layer))
            .or(Some(package.origin == PackageOrigin::BaseImage));
        one.path.clone_from(&package.path);
        one.version.clone_from(&package.version);
        one.purl.clone_from(&package.purl);
        one.origin = crate::store::origin_word(package.origin).to_owned();
        all.push(one);
    }
    if draft.hits.is_empty() {
        for finding in &draft.findings {
            for place in findings::places(&finding.finding, inputs) {
                let mut one = of_image(inputs, place.image, &finding.first_seen);
                one.path = place.path;
                one.version = place.version;
                let digest = findings::evidence(&finding.finding, "layer");
                one.layer_digest = digest.map(str::to_owned);
                one.layer_command =
                    findings::evidence(&finding.finding, "layer.command").map(str::to_owned);
                one.layer = digest.and_then(|digest| {
                    let layers = &inputs.images.get(place.image)?.image.layers;
                    let at = layers.iter().position(|layer| layer.digest == digest)?;
                    u32::try_from(at).ok()
                });
                one.from_base = from_base(inputs, place.image, one.layer);
                all.push(one);
            }
        }
    }
    all.sort();
    all.dedup();
    all.truncate(OCCURRENCES);
    all
}

fn of_image(inputs: &LocationInputs, index: usize, first_seen: &str) -> Occurrence {
    let image = inputs.images.get(index).map(|one| &one.image);
    Occurrence {
        repository: image.map(|one| one.repository.clone()).unwrap_or_default(),
        digest: image.map(|one| one.digest.clone()).unwrap_or_default(),
        tags: image.map(|one| one.tags.clone()).unwrap_or_default(),
        platform: image
            .map(|one| format!("{}/{}", one.platform.os, one.platform.architecture))
            .unwrap_or_default(),
        operating_system: image
            .and_then(|one| one.operating_system.as_ref())
            .map(|os| os.pretty_name.clone().unwrap_or_else(|| os.id.clone())),
        layer: None,
        layer_digest: None,
        layer_command: None,
        from_base: None,
        path: String::new(),
        version: String::new(),
        purl: String::new(),
        origin: "unknown".to_owned(),
        first_seen: first_seen.to_owned(),
    }
}

/// Whether a layer is the base image's, where the connector could tell how many of them are.
fn from_base(inputs: &LocationInputs, image: usize, layer: Option<u32>) -> Option<bool> {
    let image = &inputs.images.get(image)?.image;
    let layers = image
        .attributes
        .iter()
        .find(|(key, _)| key == "base.layers")?;
    let base: u32 = layers.1.parse().ok()?;
    Some(layer? < base)
}

/// Who said it.
pub(super) fn sources(draft: &Draft<'_>, inputs: &LocationInputs) -> Vec<Source> {
    let mut all: Vec<Source> = Vec::new();
    for finding in &draft.findings {
        all.push(of_finding(&finding.finding, draft.kind, inputs));
    }
    let mut seen = std::collections::BTreeSet::new();
    for hit in &draft.hits {
        for found in &hit.group.matches {
            if !seen.insert((&found.advisory, &found.compared, &hit.input.package.name)) {
                continue;
            }
            let severity = hit
                .group
                .heads
                .iter()
                .find(|head| head.id == found.advisory)
                .and_then(|head| {
                    let score = head.severity.first().map(|one| one.score.clone());
                    head.severity_word.clone().or(score)
                });
            all.push(Source {
                tool: OWN_MATCH.to_owned(),
                scanner: None,
                id: found.advisory.clone(),
                severity: found.urgency.clone().or(severity),
                state: None,
                state_reason: None,
                evidence: of_match(found, &hit.input.package, inputs, hit.input.image),
                certainty: Some(certainty_word(found.certainty).to_owned()),
                url: Some(format!("https://osv.dev/vulnerability/{}", found.advisory)),
            });
        }
    }
    all.truncate(SOURCES);
    all
}

fn certainty_word(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Certain => "certain",
        Certainty::Likely => "likely",
        Certainty::Unsure => "unsure",
    }
}

fn line(label: &str, value: impl Into<String>) -> Evidence {
    Evidence {
        label: label.to_owned(),
        value: value.into(),
        link: None,
    }
}

fn of_match(
    found: &ox_advisory::matching::Match,
    package: &crate::contract::Package,
    inputs: &LocationInputs,
    image: usize,
) -> Vec<Evidence> {
    let by = match found.by {
        MatchedBy::Name => "by its own name",
        MatchedBy::Source => "by its source package",
    };
    let because = match &found.because {
        Because::Listed => format!("{} is listed as affected", found.compared),
        Because::InRange {
            introduced,
            fixed,
            last_affected,
        } => {
            let from = if introduced == "0" {
                "every version".to_owned()
            } else {
                format!("from {introduced}")
            };
            let until = match (fixed, last_affected) {
                (Some(fixed), _) => format!(" before {fixed}"),
                (None, Some(last)) => format!(" up to {last}"),
                (None, None) => ", with no fix".to_owned(),
            };
            format!("{} is in the range: {from}{until}", found.compared)
        }
    };
    let mut all = vec![
        line(
            "advisory",
            format!(
                "{} for {} in {}",
                found.advisory, found.package, found.ecosystem
            ),
        ),
        line(
            "package",
            format!("{} {} ({by})", package.name, package.version),
        ),
        line("because", because),
        line("file", format!("/{}", package.path.trim_start_matches('/'))),
    ];
    if let Some(image) = inputs.images.get(image) {
        let layer = image.image.layers.get(package.layer as usize);
        if let Some(layer) = layer {
            let command = layer.command.as_deref().unwrap_or("no command is recorded");
            all.push(line(
                "layer",
                format!(
                    "{} of {}: {command}",
                    package.layer + 1,
                    image.image.layers.len()
                ),
            ));
        }
    }
    if let Some(doubt) = &found.doubt {
        all.push(line("doubt", doubt.clone()));
    }
    all
}

fn of_finding(finding: &Finding, kind: Kind, inputs: &LocationInputs) -> Source {
    let own = finding.source == "connector";
    let mut evidence: Vec<Evidence> = finding
        .evidence
        .iter()
        .map(|(label, value)| line(label, value.clone()))
        .collect();
    if let (Some(name), Kind::Vulnerability) = (&finding.package_name, kind) {
        let version = finding.package_version.as_deref().unwrap_or_default();
        evidence.push(line(
            "package",
            format!("{name} {version}").trim().to_owned(),
        ));
    }
    if let Some(image) = &finding.image_reference {
        evidence.push(line("image", image.clone()));
    }
    Source {
        tool: if own {
            CONNECTOR.to_owned()
        } else {
            inputs.source_tool.clone()
        },
        scanner: (!own && !finding.scanner_name.is_empty()).then(|| finding.scanner_name.clone()),
        id: finding.id.clone(),
        severity: Some(finding.severity_as_said.clone()),
        state: (!own).then(|| {
            if finding.no_longer_detected {
                return "no longer detected".to_owned();
            }
            match finding.state {
                FindingState::Detected => "detected",
                FindingState::Confirmed => "confirmed",
                FindingState::Resolved => "resolved",
                FindingState::Dismissed => "dismissed",
            }
            .to_owned()
        }),
        state_reason: finding.state_reason.clone(),
        evidence,
        certainty: None,
        url: finding.web_url.clone(),
    }
}
