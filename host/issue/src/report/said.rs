//! Sources that say the same thing of several images, told once; and ids that say of what they are one.

use super::text::inert;
use crate::factor::{Evidence, Factor, Verdict};
use crate::issue::{Identifier, Source};

/// The label of evidence that names the image in which something was found.
const IMAGE: &str = "image";

/// What one source says, of one image or of several.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// The first source that says it.
    pub source: &'a Source,
    /// Its id, without the digest of the image.
    pub id: &'a str,
    /// How many sources say it, one an image.
    pub times: usize,
}

impl Said<'_> {
    /// What a piece of evidence is worth for all of them ("web:1.0 and 4 more").
    pub fn value(&self, evidence: &Evidence) -> String {
        match self.times {
            2.. if evidence.label == IMAGE => {
                format!("{} and {} more", evidence.value, self.times - 1)
            }
            _ => evidence.value.clone(),
        }
    }
}

/// One rule over many images becomes one entry. The order is that of the first of each.
pub fn said(sources: &[Source]) -> Vec<Said<'_>> {
    let mut all: Vec<Said<'_>> = Vec::new();
    for source in sources {
        let id = without_digest(&source.id);
        match all.iter_mut().find(|said| same(said, source, id)) {
            Some(said) => said.times += 1,
            None => all.push(Said {
                source,
                id,
                times: 1,
            }),
        }
    }
    all
}

fn same(said: &Said<'_>, source: &Source, id: &str) -> bool {
    let first = said.source;
    // A tool whose findings have a state numbers them by image; of others the id names a rule or a record.
    (source.state.is_some() || said.id == id)
        && first.tool == source.tool
        && first.scanner == source.scanner
        && first.severity == source.severity
        && first.certainty == source.certainty
        && first.state == source.state
        && first.state_reason == source.state_reason
        && of_no_image(first).eq(of_no_image(source))
}

fn of_no_image(source: &Source) -> impl Iterator<Item = &Evidence> {
    source.evidence.iter().filter(|one| one.label != IMAGE)
}

/// `posture/old-base/sha256:4d26…` without its digest.
fn without_digest(id: &str) -> &str {
    match id.split_once("/sha256:") {
        Some((rule, digest)) if digest.bytes().all(|byte| byte.is_ascii_hexdigit()) => rule,
        _ => id,
    }
}

/// The factors that moved the severity.
pub(super) fn counted(verdict: &Verdict) -> impl Iterator<Item = &Factor> {
    verdict.factors.iter().filter(|one| one.change != 0.0)
}

/// What is not known and would count, in one line; the sentences are in the JSON and on the page.
pub(super) fn unknown(verdict: &Verdict) -> Option<String> {
    let names: Vec<String> = crate::severity::not_known(verdict)
        .take(50)
        .map(|one| inert(&one.short_name).to_lowercase())
        .collect();
    (!names.is_empty()).then(|| format!("Not known, and it would count: {}", names.join(", ")))
}

/// An id as people read it: the number of a CIS control alone says nothing.
pub fn known_as(id: &Identifier) -> String {
    match id.kind.as_str() {
        "cis" => format!("CIS Docker {}", id.value),
        _ => id.value.clone(),
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests {
    use super::*;

    fn source(id: &str, image: &str, days: &str) -> Source {
        let evidence = [("days", days), (IMAGE, image)].map(|(label, value)| Evidence {
            label: label.to_owned(),
            value: value.to_owned(),
            link: None,
        });
        Source {
            tool: "OX connector".to_owned(),
            scanner: None,
            id: id.to_owned(),
            severity: Some("low".to_owned()),
            state: None,
            state_reason: None,
            evidence: evidence.to_vec(),
            certainty: None,
            url: None,
        }
    }

    #[test]
    fn one_rule_over_many_images_is_told_once_with_their_number() {
        let sources = [
            source("posture/old-base/sha256:4d26", "web:1", "691"),
            source("posture/old-base/sha256:6644", "web:2", "691"),
            source("posture/old-base/sha256:77e6", "web:3", "40"),
            source("posture/root-user/sha256:77e6", "web:3", "691"),
        ];
        let all = said(&sources);
        let told: Vec<(&str, usize)> = all.iter().map(|one| (one.id, one.times)).collect();
        assert_eq!(
            told,
            [
                ("posture/old-base", 2),
                ("posture/old-base", 1),
                ("posture/root-user", 1)
            ]
        );
        let image = &sources[0].evidence[1];
        assert_eq!(all[0].value(image), "web:1 and 1 more");
        assert_eq!(all[1].value(image), "web:1");
    }

    #[test]
    fn findings_that_a_tool_numbers_by_image_are_one_while_their_state_is_one() {
        let states = ["detected", "detected", "dismissed"];
        let sources = states.map(|state| Source {
            state: Some(state.to_owned()),
            ..source(&format!("id-of-{state}"), "web:1", "1")
        });
        let all = said(&sources);
        assert_eq!(all.iter().map(|one| one.times).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn records_of_two_advisories_stay_two() {
        let sources = [source("GHSA-1", "web:1", "1"), source("GO-1", "web:1", "1")];
        assert_eq!(said(&sources).len(), 2);
    }

    #[test]
    fn the_number_of_a_control_is_told_with_its_standard() {
        let id = |kind: &str, value: &str| Identifier {
            kind: kind.to_owned(),
            value: value.to_owned(),
            same: false,
            url: None,
        };
        assert_eq!(known_as(&id("cis", "4.4")), "CIS Docker 4.4");
        assert_eq!(known_as(&id("cve", "CVE-2023-4911")), "CVE-2023-4911");
    }
}
