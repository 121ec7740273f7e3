//! What holds for all facts.

use proptest::prelude::*;

use super::arbitrary::{an_image, some_facts, some_tuning};
use super::*;

/// Takes one input away; the names of which one must be told as not known when that lowers the severity.
type Removal = (fn(&mut Facts), &'static [Input]);

const REMOVALS: &[Removal] = &[
    (
        |facts| {
            facts.inputs.kev = None;
            facts
                .threats
                .iter_mut()
                .for_each(|threat| threat.known_exploited = None);
        },
        &[Input::Kev, Input::Cve],
    ),
    (
        |facts| {
            facts.inputs.epss = None;
            facts
                .threats
                .iter_mut()
                .for_each(|threat| threat.epss = None);
        },
        &[Input::Epss, Input::Cve],
    ),
    (
        |facts| {
            facts
                .threats
                .iter_mut()
                .for_each(|threat| threat.epss = None);
        },
        &[Input::EpssScore, Input::Epss, Input::Cve],
    ),
    (|facts| facts.threats.clear(), &[Input::Cve]),
    (
        |facts| {
            facts.inputs.advisories = false;
            facts
                .threats
                .iter_mut()
                .for_each(|threat| threat.exploits.clear());
        },
        &[Input::Advisories, Input::Cve],
    ),
    (
        |facts| facts.package = None,
        &[Input::Package, Input::Fix, Input::Origin, Input::Rating],
    ),
    (
        |facts| {
            if let Some(package) = &mut facts.package {
                package.fixed = None;
                package.fix_refused = None;
            }
        },
        &[Input::Fix],
    ),
    (
        |facts| {
            if let Some(package) = &mut facts.package {
                package.origins.clear();
            }
        },
        &[Input::Origin],
    ),
    (
        |facts| {
            if let Some(package) = &mut facts.package {
                package.certainty = None;
                package.test_only = None;
                package.imports.clear();
            }
        },
        &[],
    ),
    (|facts| facts.images.clear(), &[Input::Images]),
    (
        |facts| {
            facts.images.iter_mut().for_each(|image| {
                image.user = None;
                image.exposed_ports.clear();
            });
        },
        &[Input::ImageConfig, Input::Images],
    ),
    (
        |facts| {
            facts.images.iter_mut().for_each(|image| {
                image.created = None;
                image.pushed = None;
            });
        },
        &[Input::ImageDates],
    ),
    (|facts| facts.place.visibility = None, &[Input::Visibility]),
    (|facts| facts.place.archived = None, &[Input::Archived]),
    (
        |facts| facts.place.last_activity = None,
        &[Input::LastActivity],
    ),
    (|facts| facts.place.last_push = None, &[Input::LastPush]),
    (|facts| facts.business.priority = None, &[Input::Priority]),
    (
        |facts| facts.business.environment = None,
        &[Input::Environment],
    ),
    (
        |facts| facts.business.internet_facing = None,
        &[Input::InternetFacing],
    ),
    (|facts| facts.business.data.clear(), &[Input::Data]),
    (
        |facts| facts.finding = None,
        &[Input::SecretForm, Input::FindingLayer],
    ),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_factors_are_the_difference_between_original_and_score(facts in some_facts(), tuning in some_tuning()) {
        let verdict = weigh(&facts, &tuning);
        let sum: f64 = verdict.factors.iter().map(|factor| factor.change).sum();
        prop_assert!((f64::from(verdict.original.rank()) + sum - verdict.score).abs() < 1e-9);
        for factor in &verdict.factors {
            prop_assert!(factor.change.abs() <= MAX_CHANGE);
            prop_assert_eq!((factor.change * 100.0).round() / 100.0, factor.change);
        }
    }

    #[test]
    fn the_same_facts_give_the_same_verdict(facts in some_facts(), tuning in some_tuning()) {
        let first = serde_json::to_string(&weigh(&facts, &tuning)).unwrap();
        let again: Facts = serde_json::from_str(&serde_json::to_string(&facts).unwrap()).unwrap();
        prop_assert_eq!(first, serde_json::to_string(&weigh(&again, &tuning)).unwrap());
    }

    #[test]
    fn the_largest_change_comes_first_and_what_is_not_known_last(facts in some_facts(), tuning in some_tuning()) {
        let sizes: Vec<f64> = weigh(&facts, &tuning).factors.iter().map(|factor| factor.change.abs()).collect();
        prop_assert!(sizes.windows(2).all(|pair| pair[0] >= pair[1]), "{:?}", sizes);
    }

    #[test]
    fn what_comes_out_is_the_rounded_score_or_a_bound_says_why(facts in some_facts(), tuning in some_tuning()) {
        let verdict = weigh(&facts, &tuning);
        let rounded = (verdict.score + 0.5 + 1e-9).floor();
        prop_assert_eq!(rounded == f64::from(verdict.severity.rank()), verdict.held.is_none(), "{:?}", verdict);
    }

    #[test]
    fn an_input_that_is_taken_away_never_lowers_in_silence(
        facts in some_facts(),
        tuning in some_tuning(),
        which in 0..REMOVALS.len(),
    ) {
        let before = weigh(&facts, &tuning);
        let (remove, inputs) = REMOVALS[which];
        let mut less = facts.clone();
        remove(&mut less);
        let after = weigh(&less, &tuning);
        // A package takes its distribution's word with it; `original_why` tells whose word counts then.
        if after.severity < before.severity && after.original == before.original {
            prop_assert!(
                inputs.iter().any(|input| misses(&after, *input)),
                "{:?}\n{}\n{}", inputs, explain(&before), explain(&after)
            );
        }
    }

    #[test]
    fn no_rating_at_all_counts_as_medium_and_says_so(facts in some_facts()) {
        let mut facts = facts;
        facts.ratings.clear();
        if let Some(package) = &mut facts.package {
            package.urgency = None;
        }
        let verdict = weigh(&facts, &Tuning::default());
        prop_assert_eq!(verdict.original, Severity::Medium);
        prop_assert!(misses(&verdict, Input::Rating));
    }

    #[test]
    fn an_entry_in_kev_never_lowers(facts in some_facts(), tuning in some_tuning(), ransomware in any::<bool>()) {
        let mut more = facts.clone();
        more.inputs.kev = Some("2026-05-18".to_owned());
        let mut before = facts;
        before.inputs.kev = more.inputs.kev.clone();
        before.threats.insert(0, threat());
        more.threats.insert(0, Threat { known_exploited: Some(known(ransomware)), ..threat() });
        prop_assert!(weigh(&more, &tuning).severity >= weigh(&before, &tuning).severity);
        // Nor does it where there was no catalogue before.
        before.inputs.kev = None;
        prop_assert!(weigh(&more, &tuning).severity >= weigh(&before, &tuning).severity);
    }

    #[test]
    fn a_higher_epss_never_lowers(
        facts in some_facts(),
        low in (0.0_f64..=1.0, 0.0_f64..=1.0),
        more in (0.0_f64..=1.0, 0.0_f64..=1.0),
    ) {
        let tuning = Tuning::default();
        let with = |score: f64, percentile: f64| {
            let mut facts = facts.clone();
            facts.threats.push(Threat { epss: Some(epss(score.min(1.0), percentile.min(1.0))), ..threat() });
            weigh(&facts, &tuning)
        };
        let (before, after) = (with(low.0, low.1), with(low.0 + more.0, low.1 + more.1));
        prop_assert!(after.severity >= before.severity && after.score >= before.score);
    }

    #[test]
    fn another_image_never_lowers(
        facts in some_facts(),
        tuning in some_tuning(),
        first in an_image(),
        another in an_image(),
    ) {
        // From no image to one is from "not known" to something, which may well lower.
        let mut one = facts;
        one.images.push(first);
        let before = weigh(&one, &tuning);
        let mut more = one;
        more.images.push(another);
        let after = weigh(&more, &tuning);
        prop_assert!(after.severity >= before.severity, "{}\n{}", explain(&before), explain(&after));
    }

    #[test]
    fn another_exploit_never_lowers(facts in some_facts(), tuning in some_tuning()) {
        let mut before = facts;
        before.threats.push(threat());
        let mut more = before.clone();
        more.threats.last_mut().unwrap().exploits.push("https://example.com/1".to_owned());
        prop_assert!(weigh(&more, &tuning).severity >= weigh(&before, &tuning).severity);
    }

    #[test]
    fn the_ladder_ends_where_the_verdict_does(facts in some_facts(), tuning in some_tuning()) {
        let verdict = weigh(&facts, &tuning);
        let steps = ladder(&verdict);
        let (first, last) = (steps.first().unwrap(), steps.last().unwrap());
        prop_assert_eq!((first.kind, first.severity), (StepKind::Original, verdict.original));
        prop_assert_eq!((last.kind, last.severity, last.score), (StepKind::Final, verdict.severity, verdict.score));
        let before_end = steps.iter().rfind(|step| matches!(step.kind, StepKind::Factor | StepKind::Original)).unwrap();
        prop_assert!((before_end.score - verdict.score).abs() < 1e-9);
    }

    #[test]
    fn a_diff_tells_the_whole_difference_and_of_the_same_nothing(one in some_facts(), other in some_facts()) {
        let tuning = Tuning::default();
        let (old, new) = (weigh(&one, &tuning), weigh(&other, &tuning));
        prop_assert!(diff(&old, &old).is_empty());
        let sum: f64 = diff(&old, &new).iter().map(|change| change.change).sum();
        let moved = (new.score - f64::from(new.original.rank())) - (old.score - f64::from(old.original.rank()));
        prop_assert!((sum - moved).abs() < 1e-9);
    }
}
