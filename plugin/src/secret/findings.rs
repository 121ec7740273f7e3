//! Secrets as findings.
//!
//! A finding is a secret at a place: the same value in the same file of two layers, or twice in one file, is
//! one, and it keeps its id when the image is built again. Two secrets that look alike behind their masks
//! are one, too, with the number of its places.

use std::collections::HashMap;

use super::MAX_FILE_HITS;
use super::rules::{self, Rule, Severity};
use crate::contract::{
    Attribute, Explanation, Finding, FindingKind, FindingState, Identifier, Skip, SkipReason,
};
use crate::posture::Inspected;
use crate::registry::Digest;

/// Secrets of one image that are told.
pub const MAX_IMAGE_FINDINGS: usize = 2000;
/// Lines of a file that are told of one secret.
const MAX_LINES: usize = 20;
/// Bytes of a layer's command that are told.
const MAX_COMMAND: usize = 512;

/// A secret at a place.
struct Spot<'i> {
    rule: &'static Rule,
    place: &'i str,
    /// A file has layers and lines.
    in_file: bool,
    masked: &'i str,
    lines: Vec<u32>,
    layer: Option<u32>,
    /// The layer that removes it; `None` while one holds it still.
    removed: Option<u32>,
    count: usize,
}

/// One finding for each secret of an image. What was too much to tell goes to `skips`, with its path (empty
/// for the image).
pub fn findings(inspected: &Inspected<'_>, skips: &mut Vec<(String, Skip)>) -> Vec<Finding> {
    let mut spots: Vec<Spot<'_>> = Vec::new();
    let mut places: HashMap<(&str, &str, &str), usize> = HashMap::new();
    let mut beyond = 0_usize;
    for secret in inspected.secrets {
        if secret.hits.len() > MAX_FILE_HITS {
            skips.push((
                secret.path.clone(),
                over(format!(
                    "{} holds more than {MAX_FILE_HITS} secrets; those beyond were passed over",
                    secret.path
                )),
            ));
        }
        for hit in secret.hits.iter().take(MAX_FILE_HITS) {
            let Some(rule) = rules::by_id(&hit.rule) else {
                continue;
            };
            let key = (rule.id, secret.path.as_str(), hit.masked.as_str());
            let held = spots.len();
            match places.get(&key).and_then(|place| spots.get_mut(*place)) {
                Some(spot) => {
                    spot.count += 1;
                    if spot.lines.len() < MAX_LINES && !spot.lines.contains(&hit.line) {
                        spot.lines.push(hit.line);
                    }
                    // It is there as long as one of them is.
                    if secret.removed.is_none() {
                        spot.removed = None;
                    }
                }
                None if held >= MAX_IMAGE_FINDINGS => beyond += 1,
                None => {
                    places.insert(key, held);
                    spots.push(Spot {
                        rule,
                        place: &secret.path,
                        in_file: true,
                        masked: &hit.masked,
                        lines: vec![hit.line],
                        layer: Some(secret.layer),
                        removed: secret.removed,
                        count: 1,
                    });
                }
            }
        }
    }
    for (place, hit) in inspected.config_secrets {
        // The instruction that sets a variable is in the history, too.
        let told_as_variable = place.starts_with("history ")
            && inspected.config_secrets.iter().any(|(other, same)| {
                other.starts_with("env ") && same.rule == hit.rule && same.masked == hit.masked
            });
        if told_as_variable {
            continue;
        }
        let Some(rule) = rules::by_id(&hit.rule) else {
            continue;
        };
        let key = (rule.id, place.as_str(), hit.masked.as_str());
        let held = spots.len();
        match places.get(&key).and_then(|place| spots.get_mut(*place)) {
            Some(spot) => spot.count += 1,
            None if held >= MAX_IMAGE_FINDINGS => beyond += 1,
            None => {
                places.insert(key, held);
                spots.push(Spot {
                    rule,
                    place,
                    in_file: false,
                    masked: &hit.masked,
                    lines: Vec::new(),
                    layer: None,
                    removed: None,
                    count: 1,
                });
            }
        }
    }
    if beyond > 0 {
        skips.push((
            String::new(),
            over(format!(
                "the image holds more than {MAX_IMAGE_FINDINGS} secrets; {beyond} more were passed over"
            )),
        ));
    }
    spots.iter().map(|spot| spot.finding(inspected)).collect()
}

fn over(message: String) -> Skip {
    Skip {
        reason: SkipReason::OverLimit,
        why: Explanation {
            message,
            hint: "Remove the secrets that are told; the next scan tells the others.".to_owned(),
        },
    }
}

impl Spot<'_> {
    fn finding(&self, inspected: &Inspected<'_>) -> Finding {
        let rule = self.rule;
        let said = severity(rule.severity);
        let identity = format!("{}\n{}\n{}", rule.id, self.place, self.masked);
        let digest = Digest::of(identity.as_bytes());
        let id = digest.as_str().trim_start_matches("sha256:");
        Finding {
            id: format!("secret/{}", id.get(..32).unwrap_or(id)),
            source: "connector".to_owned(),
            kind: FindingKind::Secret,
            title: format!("{} in {}", capital(rule.title), self.place),
            description: self.description(),
            severity: rule.severity,
            severity_as_said: said.to_owned(),
            state: FindingState::Detected,
            state_reason: None,
            no_longer_detected: false,
            identifiers: vec![
                Identifier {
                    kind: "ox-secret".to_owned(),
                    value: rule.id.to_owned(),
                    name: rule.title.to_owned(),
                    url: None,
                },
                Identifier {
                    kind: "cwe".to_owned(),
                    value: "798".to_owned(),
                    name: "CWE-798".to_owned(),
                    url: Some("https://cwe.mitre.org/data/definitions/798.html".to_owned()),
                },
            ],
            scanner_id: "gitlab-registry".to_owned(),
            scanner_name: "GitLab Container Registry connector".to_owned(),
            scanner_vendor: "OX".to_owned(),
            package_name: None,
            package_version: None,
            operating_system: None,
            image_reference: None,
            image_digest: Some(inspected.image.digest.clone()),
            solution: Some(self.solution()),
            links: Vec::new(),
            cvss: Vec::new(),
            detected_at: None,
            changed_at: None,
            web_url: None,
            evidence: self.evidence(inspected),
            attributes: vec![
                ("rule".to_owned(), rule.id.to_owned()),
                ("provider".to_owned(), rule.provider.to_owned()),
            ],
        }
    }

    fn description(&self) -> String {
        let rule = self.rule;
        let opens = format!("It gives access to {}.", rule.opens);
        let who = "Anyone who may pull the image can read it.";
        let keeps = if self.in_file {
            match self.removed {
                Some(_) => {
                    "A later layer deletes or replaces the file, which does not remove it from the image: the layer \
                     that brought it is still a part, and is pulled with it."
                }
                None => {
                    "Deleting the file in a later layer would not remove it: every layer stays a part of the image, \
                     and is pulled with it."
                }
            }
        } else {
            "It is part of the image's config, which is pulled with it; a later instruction that sets another value \
             leaves this one in the history."
        };
        format!(
            "{} lies in {} of the image. {opens} {who} {keeps}",
            article(rule.title),
            self.place
        )
    }

    fn solution(&self) -> String {
        let build = if self.in_file {
            "Rebuild the image without the file; what a build needs goes in with `RUN --mount=type=secret`, what the \
             program needs when it runs."
        } else {
            "Rebuild the image without it: `RUN --mount=type=secret` instead of ARG and ENV for what a build needs, \
             and variables that are set when it runs for the program."
        };
        format!(
            "Revoke it and make a new one: it has to be taken as known. {build} Then delete the old image from the \
             registry."
        )
    }

    fn evidence(&self, inspected: &Inspected<'_>) -> Vec<Attribute> {
        let mut evidence = Vec::new();
        let mut add = |key: &str, value: String| evidence.push((key.to_owned(), value));
        add(
            if self.in_file { "path" } else { "place" },
            self.place.to_owned(),
        );
        match self.lines.as_slice() {
            [] | [0] => {}
            [line] => add("line", line.to_string()),
            [line, ..] => {
                let all: Vec<String> = self.lines.iter().map(u32::to_string).collect();
                add("line", line.to_string());
                add("lines", all.join(", "));
            }
        }
        if self.count > 1 {
            add("count", self.count.to_string());
        }
        add("match", self.masked.to_owned());
        let layer = |index: u32| inspected.image.layers.get(index as usize);
        if let Some(held) = self.layer.and_then(layer) {
            add("layer", held.digest.clone());
            if let Some(command) = &held.command {
                add("layer.command", command.chars().take(MAX_COMMAND).collect());
            }
        }
        if let Some(removed) = self.removed.and_then(layer) {
            add("removed-by", removed.digest.clone());
        }
        evidence
    }
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown => "Unknown",
        Severity::Info => "Info",
        Severity::Low => "Low",
        Severity::Medium => "Medium",
        Severity::High => "High",
        Severity::Critical => "Critical",
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}

fn article(text: &str) -> String {
    let vowel = text.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']);
    format!("{} {text}", if vowel { "An" } else { "A" })
}
