#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod arbitrary;
mod bounds;
mod factors;
mod ladder;
mod original;
mod properties;
mod readme;
mod surroundings;
mod tuning;

use ox_advisory::epss::Score;
use ox_advisory::kev::Known;
use ox_advisory::matching::Certainty;

use super::*;
use crate::factor::{Factor, Verdict};
use crate::facts::*;

pub(super) const NOW: &str = "2026-05-20T12:00:00Z";
pub(super) const NETWORK: &str = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
pub(super) const LOCAL: &str = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H";

pub(super) fn rating(source: &str, kind: &str, value: &str) -> Rating {
    Rating {
        source: source.to_owned(),
        kind: kind.to_owned(),
        value: value.to_owned(),
    }
}

pub(super) fn known(ransomware: bool) -> Known {
    Known {
        cve: "CVE-2021-44228".to_owned(),
        name: "Apache Log4j2 Remote Code Execution".to_owned(),
        added: "2021-12-10".to_owned(),
        due: "2021-12-24".to_owned(),
        ransomware,
        action: "Apply updates".to_owned(),
    }
}

pub(super) fn epss(score: f64, percentile: f64) -> Score {
    Score {
        cve: "CVE-2021-44228".to_owned(),
        score,
        percentile,
        date: "2026-05-18".to_owned(),
    }
}

pub(super) fn threat() -> Threat {
    Threat {
        id: "CVE-2021-44228".to_owned(),
        ..Threat::default()
    }
}

pub(super) fn image() -> ImageFacts {
    ImageFacts {
        digest: "sha256:00".to_owned(),
        tags: vec!["1.0".to_owned()],
        created: Some("2026-05-01T00:00:00Z".to_owned()),
        pushed: Some("2026-05-02T00:00:00Z".to_owned()),
        user: Some("app".to_owned()),
        platform: "linux/amd64".to_owned(),
        ..ImageFacts::default()
    }
}

pub(super) fn package() -> PackageFacts {
    PackageFacts {
        format: "dpkg".to_owned(),
        name: "zlib1g".to_owned(),
        versions: vec!["1:1.2.13".to_owned()],
        certainty: Some(Certainty::Certain),
        origins: vec!["operating-system".to_owned()],
        ..PackageFacts::default()
    }
}

/// A vulnerability of which everything is known and nothing is remarkable, but that no fix is known.
pub(super) fn plain() -> Facts {
    Facts {
        kind: Kind::Vulnerability,
        ratings: vec![
            rating("GHSA", "word", "HIGH"),
            rating("NVD", "CVSS_V2", "AV:A/AC:L/Au:S/C:P/I:P/A:P"),
        ],
        threats: vec![Threat {
            epss: Some(epss(0.02, 0.8)),
            ..threat()
        }],
        package: Some(package()),
        images: vec![image()],
        place: PlaceFacts {
            location: "acme/shop/api".to_owned(),
            project: "acme/shop".to_owned(),
            visibility: Some("private".to_owned()),
            archived: Some(false),
            last_activity: Some("2026-05-01T00:00:00Z".to_owned()),
            last_push: Some("2026-05-02T00:00:00Z".to_owned()),
            images: 1,
            ..PlaceFacts::default()
        },
        business: BusinessFacts {
            application: "shop".to_owned(),
            priority: Some("medium".to_owned()),
            environment: Some("production".to_owned()),
            internet_facing: Some(false),
            data: vec!["personal".to_owned()],
        },
        inputs: Inputs {
            kev: Some("2026-05-18".to_owned()),
            epss: Some("2026-05-18".to_owned()),
            advisories: true,
        },
        now: NOW.to_owned(),
        ..Facts::default()
    }
}

pub(super) fn weighed(change: impl FnOnce(&mut Facts)) -> Verdict {
    let mut facts = plain();
    change(&mut facts);
    weigh(&facts, &Tuning::default())
}

/// The factor of a rule.
pub(super) fn of<'v>(verdict: &'v Verdict, rule: &str) -> Option<&'v Factor> {
    verdict.factors.iter().find(|factor| factor.rule == rule)
}

/// Its number; `None` when there is no such factor.
pub(super) fn number(verdict: &Verdict, rule: &str) -> Option<f64> {
    of(verdict, rule).map(|factor| factor.change)
}

/// The names of what is not known.
pub(super) fn unknowns(verdict: &Verdict) -> Vec<String> {
    not_known(verdict)
        .flat_map(|factor| factor.evidence.iter().map(|one| one.value.clone()))
        .collect()
}

pub(super) fn misses(verdict: &Verdict, input: Input) -> bool {
    unknowns(verdict).iter().any(|name| name == input.name())
}
