#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::matching::testing::{Simple, record};
use crate::osv::Range;

fn element(value: Value) -> Affected {
    let mut value = value;
    value["package"] = json!({"ecosystem": "E", "name": "n"});
    let (_, mut affected) = record(&json!({"id": "X-1", "affected": [value]}));
    affected.remove(0)
}

fn rule() -> Rule<'static> {
    Rule::of("E", Some(&Simple))
}

/// `0 -1.2 +2.0 <=2.5 |3`: introduced, fixed, introduced, last affected, limit.
fn range(events: &str) -> Affected {
    let events = events
        .split(' ')
        .map(|event| {
            if let Some(at) = event.strip_prefix('-') {
                Event::Fixed(at.to_owned())
            } else if let Some(at) = event.strip_prefix("<=") {
                Event::LastAffected(at.to_owned())
            } else if let Some(at) = event.strip_prefix('|') {
                Event::Limit(at.to_owned())
            } else {
                Event::Introduced(event.trim_start_matches('+').to_owned())
            }
        })
        .collect();
    Affected {
        ranges: vec![Range {
            kind: "ECOSYSTEM".to_owned(),
            events,
        }],
        ..Affected::default()
    }
}

fn is_affected(affected: &Affected, version: &str) -> bool {
    judge(affected, version, rule()).is_some()
}

#[test]
fn a_range_holds_from_introduced_to_before_fixed_and_through_last_affected() {
    for (events, inside, outside) in [
        ("0 -1.2", &["0.1", "1.1.9", "0"][..], &["1.2", "1.3"][..]),
        ("+1.0 -1.2", &["1.0", "1.1"], &["0.9", "1.2", "2"]),
        ("+1.0 <=1.2", &["1.0", "1.2"], &["0.9", "1.2.1"]),
        (
            "0 -1.2 +2.0 -2.3",
            &["1", "2.0", "2.2"],
            &["1.2", "1.9", "2.3"],
        ),
        ("+1.0", &["1.0", "99"], &["0.9"]),
        ("0", &["0", "1"], &[]),
        // Not in sequence.
        (
            "-2.3 +2.0 -1.2 0",
            &["1", "2.0", "2.2"],
            &["1.2", "1.9", "2.3"],
        ),
        // One branch ends where the next begins.
        ("0 -1.2 +1.2 -1.3", &["1.1", "1.2", "1.2.5"], &["1.3"]),
        ("+1.2 0 -1.3 -1.2", &["1.1", "1.2", "1.2.5"], &["1.3"]),
        // An empty range.
        ("+1.2 -1.2", &[], &["1.1", "1.2", "1.3"]),
        ("-1.2 +1.2", &[], &["1.1", "1.2", "1.3"]),
        // One version.
        ("+1.2 <=1.2", &["1.2"], &["1.1", "1.2.1"]),
        ("<=1.2 +1.2", &["1.2"], &["1.1", "1.2.1"]),
        ("0 <=1.2 +1.2 -1.3", &["1.1", "1.2", "1.2.5"], &["1.3"]),
        // Never affected.
        ("0 -0", &[], &["0", "0.1", "9"]),
        ("-1.2", &[], &["1.1", "1.3"]),
        // Limits.
        ("0 |2", &["1.9"], &["2", "3"]),
        ("0 -1.2 |*", &["1.1"], &["1.2"]),
        ("0 |1 |2", &["0.5", "1.5"], &["2"]),
    ] {
        let affected = range(events);
        for version in inside {
            assert!(is_affected(&affected, version), "{events}: {version}");
        }
        for version in outside {
            assert!(!is_affected(&affected, version), "{events}: {version}");
        }
    }
}

#[test]
fn the_reason_is_the_interval_that_holds_the_version() {
    let finding = judge(&range("+2.0 -2.3 0 -1.2"), "2.1", rule()).unwrap();
    assert_eq!(
        finding.because,
        Because::InRange {
            introduced: "2.0".to_owned(),
            fixed: Some("2.3".to_owned()),
            last_affected: None
        }
    );
    assert_eq!(finding.doubt, None);
    let finding = judge(&range("0 <=1.2"), "1.2", rule()).unwrap();
    assert_eq!(
        finding.because,
        Because::InRange {
            introduced: "0".to_owned(),
            fixed: None,
            last_affected: Some("1.2".to_owned())
        }
    );
}

#[test]
fn any_of_several_ranges_or_the_list_suffices() {
    let both = element(json!({
        "versions": ["3.0.0"],
        "ranges": [
            {"type": "GIT", "events": [{"introduced": "0"}]},
            {"type": "ECOSYSTEM", "events": [{"introduced": "1"}, {"fixed": "2"}]},
            {"type": "ECOSYSTEM", "events": [{"introduced": "4"}, {"fixed": "5"}]},
        ]
    }));
    assert!(is_affected(&both, "1.5"));
    assert!(is_affected(&both, "4.5"));
    assert_eq!(
        judge(&both, "3.0.0", rule()).unwrap().because,
        Because::Listed
    );
    assert!(!is_affected(&both, "2.5"));
    // A list is of texts, unless one version has several.
    assert!(!is_affected(&both, "3.0"));
    let respelled = Rule::of("PyPI", Some(&Simple));
    assert!(judge(&both, "3.0", respelled).is_some());
    assert!(judge(&both, "v3", respelled).is_some());
    assert!(judge(&both, "3.1", respelled).is_none());
}

#[test]
fn an_element_without_ranges_and_versions_says_nothing() {
    assert!(!is_affected(&Affected::default(), "1"));
    let only_git = Affected {
        ranges: vec![Range {
            kind: "GIT".to_owned(),
            events: vec![Event::Introduced("0".to_owned())],
        }],
        ..Affected::default()
    };
    assert!(!is_affected(&only_git, "1"));
}

#[test]
fn a_version_that_is_none_is_judged_by_what_holds_for_all() {
    let doubt = |events: &str| judge(&range(events), "garbage", rule()).map(|it| it.doubt);
    assert_eq!(doubt("0"), Some(Some(Doubt::Installed)));
    assert_eq!(doubt("0 -1.2"), None);
    assert_eq!(doubt("+1.0"), None);
    assert_eq!(doubt("0 |9"), None);
    let listed = element(json!({"versions": ["garbage"]}));
    assert_eq!(judge(&listed, "garbage", rule()).unwrap().doubt, None);
}

#[test]
fn without_an_order_only_the_list_and_all_versions_are_judged() {
    let rule = Rule::of("Unknown", None);
    assert!(judge(&range("0"), "1", rule).is_some());
    assert!(judge(&range("0 -2"), "1", rule).is_none());
    assert!(judge(&element(json!({"versions": ["1"]})), "1", rule).is_some());
}

#[test]
fn a_boundary_that_is_no_version_leaves_a_doubt() {
    let finding = judge(&range("0 -2 +3 -next"), "3.1", rule());
    let doubt = finding.and_then(|finding| finding.doubt);
    assert!(matches!(doubt, None | Some(Doubt::Boundary(_))));
    let finding = judge(&range("+master -2"), "1", rule()).unwrap();
    assert_eq!(finding.doubt, Some(Doubt::Boundary("master".to_owned())));
}

#[test]
fn rust_records_begin_below_every_version() {
    let affected = range("0.0.0-0 -0.3.1");
    for version in ["0.0.1", "0.3.0", "0.0.0"] {
        assert!(is_affected(&affected, version), "{version}");
    }
    assert!(!is_affected(&affected, "0.3.1"));
}

#[test]
fn custom_ranges_stand_for_ranges_that_say_every_version() {
    let placeholder = element(json!({
        "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}]}],
        "ecosystem_specific": {"custom_ranges": [
            {"type": "ECOSYSTEM", "events": [{"introduced": "8.6.0"}, {"fixed": "8.19.9"}]}
        ]}
    }));
    assert!(!is_affected(&placeholder, "8.5.0"));
    assert!(!is_affected(&placeholder, "8.19.9"));
    let finding = judge(&placeholder, "8.7.0", rule()).unwrap();
    assert_eq!(finding.doubt, Some(Doubt::Custom));
}

#[test]
fn custom_ranges_complete_ranges_that_say_more() {
    let halves = element(json!({
        "ranges": [{"type": "SEMVER", "events": [
            {"introduced": "10.11.0"}, {"fixed": "10.11.8"}, {"fixed": "11.0.6"}
        ]}],
        "ecosystem_specific": {"custom_ranges": [
            {"type": "ECOSYSTEM", "events": [{"introduced": "11.0.0"}]}
        ]}
    }));
    assert_eq!(judge(&halves, "10.11.1", rule()).unwrap().doubt, None);
    assert_eq!(
        judge(&halves, "11.0.1", rule()).unwrap().doubt,
        Some(Doubt::Custom)
    );
    for version in ["10.10", "10.11.8", "10.12", "11.0.6", "12"] {
        assert!(!is_affected(&halves, version), "{version}");
    }
}

#[test]
fn the_fix_is_the_lowest_above_that_opens_nothing_again() {
    let fix_of =
        |all: &[Affected], version: &str| fix(all.iter(), version, rule()).map(str::to_owned);
    let branches = [range("0 -1.4.13 +1.5.0 -1.5.10 +1.6.0 -1.6.1")];
    assert_eq!(fix_of(&branches, "1.3").as_deref(), Some("1.4.13"));
    assert_eq!(fix_of(&branches, "1.5.1").as_deref(), Some("1.5.10"));
    assert_eq!(fix_of(&branches, "1.6.1"), None);
    assert_eq!(fix_of(&[range("0 <=2")], "1"), None);
    assert_eq!(fix_of(&[range("0 -0")], "1"), None);
    assert_eq!(fix_of(&[range("0 -2")], "garbage"), None);
    // What fixed it opened it again.
    let incomplete = [range("0 -1.20.11"), range("+1.20.11 -1.20.12")];
    assert_eq!(fix_of(&incomplete, "1.20.3").as_deref(), Some("1.20.12"));
}

#[test]
fn the_epoch_of_a_source_counts_only_where_both_sides_state_it() {
    let affected = range("0 -4:5.26.3-422");
    let blind = Rule {
        blind_to_epoch: true,
        ..rule()
    };
    assert!(judge(&affected, "5.26.3-423", rule()).is_some());
    assert!(judge(&affected, "5.26.3-423", blind).is_none());
    assert!(judge(&affected, "5.26.3-421", blind).is_some());
    assert!(judge(&affected, "4:5.26.3-421", blind).is_some());
    assert!(judge(&affected, "4:5.26.3-422", blind).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..Default::default() })]

    /// Intervals that don't touch, their events in any sequence, against being in one of them.
    #[test]
    fn evaluation_equals_being_in_one_of_the_intervals(
        steps in prop::collection::vec((1u32..4, 0u32..4, 0u8..3), 1..6),
        version in 0u32..40,
        shuffle in any::<u64>(),
    ) {
        let mut events = Vec::new();
        let mut naive = false;
        let mut at = 0;
        let last = steps.len() - 1;
        for (index, (gap, length, kind)) in steps.into_iter().enumerate() {
            let from = at + gap;
            let to = from + length;
            events.push(Event::Introduced(from.to_string()));
            match kind {
                0 => {
                    events.push(Event::Fixed(to.to_string()));
                    naive |= (from..to).contains(&version);
                }
                1 => {
                    events.push(Event::LastAffected(to.to_string()));
                    naive |= (from..=to).contains(&version);
                }
                _ if index == last => naive |= version >= from,
                _ => {
                    events.push(Event::Fixed(to.to_string()));
                    naive |= (from..to).contains(&version);
                }
            }
            at = to + 1;
        }
        let mut state = shuffle;
        for index in (1..events.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let other = usize::try_from(state >> 33).unwrap() % (index + 1);
            events.swap(index, other);
        }
        let affected = Affected {
            ranges: vec![Range { kind: "ECOSYSTEM".to_owned(), events }],
            ..Affected::default()
        };
        let found = judge(&affected, &version.to_string(), rule());
        prop_assert_eq!(found.is_some(), naive);
        if let Some(finding) = found {
            prop_assert_eq!(finding.doubt, None);
            let fix = fix(std::iter::once(&affected), &version.to_string(), rule());
            if let Because::InRange { fixed: Some(end), .. } = finding.because {
                prop_assert_eq!(fix, Some(end.as_str()));
            }
        }
    }

    /// The rule of the specification, word by word, wherever no two events meet at one version.
    #[test]
    fn evaluation_equals_the_walk_of_the_specification(
        events in prop::collection::btree_map(1u32..30, 0u8..3, 0..8),
        version in 0u32..32,
    ) {
        let mut naive = false;
        for (at, kind) in &events {
            match kind {
                0 if version >= *at => naive = true,
                1 if version >= *at => naive = false,
                2 if version > *at => naive = false,
                _ => {}
            }
        }
        let events = events
            .into_iter()
            .map(|(at, kind)| match kind {
                0 => Event::Introduced(at.to_string()),
                1 => Event::Fixed(at.to_string()),
                _ => Event::LastAffected(at.to_string()),
            })
            .collect();
        let affected = Affected {
            ranges: vec![Range { kind: "SEMVER".to_owned(), events }],
            ..Affected::default()
        };
        prop_assert_eq!(judge(&affected, &version.to_string(), rule()).is_some(), naive);
    }

    #[test]
    fn any_events_and_versions_are_survived(
        events in prop::collection::vec((0u8..4, "[0-9a-z.:~+-]{0,6}|0|\\*"), 0..12),
        version in "[0-9a-z.:é-]{0,8}",
        blind in any::<bool>(),
    ) {
        let events: Vec<Event> = events
            .into_iter()
            .map(|(kind, at)| match kind {
                0 => Event::Introduced(at),
                1 => Event::Fixed(at),
                2 => Event::LastAffected(at),
                _ => Event::Limit(at),
            })
            .collect();
        let range = Range { kind: "SEMVER".to_owned(), events };
        let affected = Affected {
            ranges: vec![range.clone()],
            custom_ranges: vec![range],
            ..Affected::default()
        };
        let rule = Rule { blind_to_epoch: blind, respelled: true, ..rule() };
        judge(&affected, &version, rule);
        fix(std::iter::once(&affected), &version, rule);
    }
}
