//! What was not scanned, gathered until it is told: each thing by itself, or together where thousands are
//! left out for one reason.

use crate::contract::{Observation, Skip, SkipReason, SkipSubject, Skipped};

/// Things with one reason that are told one by one.
const MAX_SINGLE: usize = 200;
/// Names that are told of more.
const MAX_NAMES: usize = 20;

/// True when leaving that out leaves the scan incomplete: a later scan of the same images may see more, so
/// nothing may be closed because this one did not see it.
///
/// What the connector does not read (a foreign or encrypted layer, schema 1, an algorithm of digests) is a
/// property of the image, which is named by its digest: no scan has seen into it, and none will. Counting
/// that as a gap would keep a repository with one Windows image from ever closing anything. The image says
/// itself that it is not complete. Where the list itself or a source of findings is not understood, that is
/// another matter: it may be understood tomorrow.
pub(super) fn is_loss(skipped: &Skipped) -> bool {
    match skipped.skip.reason {
        SkipReason::NotSelected
        | SkipReason::NotAnImage
        | SkipReason::Gone
        | SkipReason::Empty
        | SkipReason::NotLicensed => false,
        SkipReason::Unsupported => {
            matches!(skipped.subject, SkipSubject::Location | SkipSubject::Source)
        }
        SkipReason::UnavailableHere
        | SkipReason::Forbidden
        | SkipReason::OverLimit
        | SkipReason::Corrupt
        | SkipReason::Unreachable => true,
    }
}

/// True when the inventory of the image that it is part of is not whole.
pub(super) fn is_gap(skipped: &Skipped) -> bool {
    is_loss(skipped) || skipped.skip.reason == SkipReason::Unsupported
}

/// Gathers what is skipped.
#[derive(Debug, Default)]
pub(super) struct Skips(Vec<Skipped>);

impl Skips {
    /// One more.
    pub(super) fn add(
        &mut self,
        subject: SkipSubject,
        name: impl Into<String>,
        image: Option<&str>,
        skip: Skip,
    ) {
        let skip = Skipped {
            subject,
            name: name.into(),
            image: image.map(str::to_owned),
            skip,
        };
        self.0.push(skip);
    }

    /// How many things were skipped.
    pub(super) fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// True when one of them leaves the scan incomplete.
    pub(super) fn any_loss(&self) -> bool {
        self.0.iter().any(is_loss)
    }

    /// True when one of them leaves an image's inventory incomplete.
    pub(super) fn any_gap(&self) -> bool {
        self.0.iter().any(is_gap)
    }

    /// Everything as observations. Long lists with one reason become one.
    pub(super) fn into_observations(self) -> Vec<Observation> {
        let mut groups: Vec<Vec<Skipped>> = Vec::new();
        let mut places: std::collections::HashMap<(u8, u8, String, Option<String>), usize> =
            std::collections::HashMap::new();
        for skipped in self.0 {
            let key = (
                skipped.subject as u8,
                skipped.skip.reason as u8,
                skipped.skip.why.message.clone(),
                skipped.image.clone(),
            );
            let place = *places.entry(key).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.push(skipped),
                None => groups.push(vec![skipped]),
            }
        }
        let mut observations = Vec::new();
        for mut group in groups {
            if group.len() <= MAX_SINGLE {
                observations.extend(group.into_iter().map(Observation::Skipped));
                continue;
            }
            let count = group.len();
            group.truncate(MAX_NAMES);
            let names: Vec<String> = group.iter().map(|skipped| skipped.name.clone()).collect();
            if let Some(mut first) = group.into_iter().next() {
                first.name = format!("{} and {} more", names.join(", "), count - names.len());
                first.skip.why.message = format!("{count} in all: {}", first.skip.why.message);
                observations.push(Observation::Skipped(first));
            }
        }
        observations
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use super::*;
    use crate::contract::Explanation;

    #[test]
    fn only_what_a_later_scan_may_see_leaves_a_scan_incomplete() {
        let skipped = |subject, reason| Skipped {
            subject,
            name: String::new(),
            image: None,
            skip: Skip {
                reason,
                why: Explanation {
                    message: String::new(),
                    hint: String::new(),
                },
            },
        };
        let windows = skipped(SkipSubject::Layer, SkipReason::Unsupported);
        assert!(!is_loss(&windows) && is_gap(&windows));
        let schema1 = skipped(SkipSubject::Image, SkipReason::Unsupported);
        assert!(!is_loss(&schema1));
        let report = skipped(SkipSubject::Source, SkipReason::Unsupported);
        assert!(is_loss(&report));
        let broken = skipped(SkipSubject::Layer, SkipReason::Unreachable);
        assert!(is_loss(&broken) && is_gap(&broken));
        let chart = skipped(SkipSubject::Image, SkipReason::NotAnImage);
        assert!(!is_loss(&chart) && !is_gap(&chart));
    }

    #[test]
    fn thousands_with_one_reason_are_told_together_and_counted() {
        let mut skips = Skips::default();
        for n in 0..5000 {
            let why = Explanation {
                message: "left out".to_owned(),
                hint: String::new(),
            };
            skips.add(
                SkipSubject::Tag,
                format!("v{n}"),
                None,
                Skip {
                    reason: SkipReason::NotSelected,
                    why,
                },
            );
        }
        let why = Explanation {
            message: "gone".to_owned(),
            hint: String::new(),
        };
        skips.add(
            SkipSubject::Tag,
            "x",
            None,
            Skip {
                reason: SkipReason::Gone,
                why,
            },
        );
        assert_eq!(skips.len(), 5001);
        assert!(!skips.any_loss());
        let told = skips.into_observations();
        assert_eq!(told.len(), 2);
        let Observation::Skipped(many) = &told[0] else {
            panic!()
        };
        assert!(
            many.name.starts_with("v0, v1, ") && many.name.ends_with("and 4980 more"),
            "{}",
            many.name
        );
        assert!(many.skip.why.message.contains("5000"));
    }
}
