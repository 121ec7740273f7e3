//! What holds for all facts.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn maybe<T: Clone + std::fmt::Debug + 'static>(
    values: &[T],
) -> impl Strategy<Value = Option<T>> + use<T> {
    prop::option::of(select(values.to_vec()))
}

fn text(values: &[&str]) -> impl Strategy<Value = Option<String>> + use<> {
    maybe(
        &values
            .iter()
            .map(|one| (*one).to_owned())
            .collect::<Vec<_>>(),
    )
}

fn a_rating() -> impl Strategy<Value = Rating> {
    select(vec![
        rating("GitLab", "word", "Critical"),
        rating("GHSA", "word", "HIGH"),
        rating("AlmaLinux", "word", "Moderate"),
        rating("Ubuntu", "Ubuntu", "negligible"),
        rating("Alpine", "word", "unknown"),
        rating("x", "word", "spicy"),
        rating("NVD", "CVSS_V3", NETWORK),
        rating("NVD", "CVSS_V3", LOCAL),
        rating(
            "NVD",
            "CVSS_V3",
            "CVSS:3.1/AV:P/AC:L/PR:H/UI:R/S:U/C:L/I:N/A:N",
        ),
        rating("NVD", "CVSS_V2", "AV:A/AC:L/Au:S/C:P/I:P/A:P"),
        rating(
            "CNA",
            "CVSS_V4",
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:L/UI:A/VC:N/VI:N/VA:N/SC:L/SI:L/SA:N",
        ),
        rating("NVD", "CVSS_V3", "CVSS:3.1/nonsense"),
    ])
}

fn a_threat() -> impl Strategy<Value = Threat> {
    (
        select(vec!["CVE-2021-44228", "CVE-2024-3094", "GHSA-x"]),
        prop::option::weighted(0.3, any::<bool>()),
        prop::option::of((0.0_f64..1.0, 0.0_f64..1.0, any::<bool>())),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(id, exploited, score, exploit)| Threat {
            id: id.to_owned(),
            known_exploited: exploited.map(known),
            // Half of them small, as most really are.
            epss: score.map(|(score, percentile, small)| {
                epss(if small { score / 1_000.0 } else { score }, percentile)
            }),
            exploits: if exploit {
                vec!["https://example.com/poc".to_owned()]
            } else {
                Vec::new()
            },
        })
}

fn a_package() -> impl Strategy<Value = PackageFacts> {
    (
        select(vec!["dpkg", "npm", "java", "go-binary"]),
        select(vec!["zlib1g", "linux-libc-dev"]),
        text(&["1.2"]),
        text(&["ended"]),
        text(&["low", "high", "not yet assigned"]),
        maybe(&[Certainty::Certain, Certainty::Likely, Certainty::Unsure]),
        prop::collection::vec(
            select(vec![
                "base-image",
                "user-layer",
                "operating-system",
                "unknown",
            ]),
            0..3,
        ),
        prop::option::of(any::<bool>()),
        any::<bool>(),
    )
        .prop_map(
            |(
                format,
                name,
                fixed,
                fix_refused,
                urgency,
                certainty,
                origins,
                test_only,
                imports,
            )| {
                PackageFacts {
                    format: format.to_owned(),
                    name: name.to_owned(),
                    fixed,
                    fix_refused,
                    urgency,
                    certainty,
                    origins: origins.into_iter().map(str::to_owned).collect(),
                    test_only,
                    imports: if imports {
                        vec!["net/http".to_owned()]
                    } else {
                        Vec::new()
                    },
                    ..PackageFacts::default()
                }
            },
        )
}

const DATES: &[&str] = &[
    "2026-05-01T00:00:00Z",
    "2025-09-01T00:00:00Z",
    "2022-01-01T00:00:00Z",
    "soon",
];

fn an_image() -> impl Strategy<Value = ImageFacts> {
    (
        0_usize..3,
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.3),
        text(DATES),
        text(DATES),
        text(&["", "root", "app"]),
        any::<bool>(),
    )
        .prop_map(
            |(tags, latest, newest, created, pushed, user, port)| ImageFacts {
                tags: (0..tags).map(|tag| format!("1.{tag}")).collect(),
                latest,
                newest,
                created,
                pushed,
                user,
                exposed_ports: if port {
                    vec!["80/tcp".to_owned()]
                } else {
                    Vec::new()
                },
                ..image()
            },
        )
}

fn some_facts() -> impl Strategy<Value = Facts> {
    let place = (
        text(&["public", "internal", "private"]),
        prop::option::of(any::<bool>()),
        text(DATES),
        text(DATES),
    );
    let business = (
        text(&["critical", "high", "medium", "low", "gold"]),
        text(&["production", "staging", "dev", "moon"]),
        prop::option::of(any::<bool>()),
        any::<bool>(),
    );
    let finding = prop::option::of((
        prop::option::of(any::<bool>()),
        prop::option::of(any::<bool>()),
        prop::option::of(any::<bool>()),
    ));
    (
        select(vec![
            Kind::Vulnerability,
            Kind::Vulnerability,
            Kind::Vulnerability,
            Kind::Secret,
            Kind::Misconfiguration,
            Kind::Licence,
            Kind::Other,
        ]),
        prop::collection::vec(a_rating(), 0..4),
        prop::collection::vec(a_threat(), 0..3),
        prop::option::of(a_package()),
        prop::collection::vec(an_image(), 0..4),
        place,
        business,
        finding,
        (any::<bool>(), any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |(kind, ratings, threats, package, images, place, business, finding, inputs)| Facts {
                kind,
                ratings,
                threats,
                package,
                images,
                place: PlaceFacts {
                    visibility: place.0,
                    archived: place.1,
                    last_activity: place.2,
                    last_push: place.3,
                    ..PlaceFacts::default()
                },
                business: BusinessFacts {
                    application: "shop".to_owned(),
                    priority: business.0,
                    environment: business.1,
                    internet_facing: business.2,
                    data: if business.3 {
                        vec!["personal".to_owned()]
                    } else {
                        Vec::new()
                    },
                },
                finding: finding.map(|(form_checked, placeholder, from_base)| FindingFacts {
                    form_checked,
                    placeholder,
                    from_base,
                    ..FindingFacts::default()
                }),
                inputs: Inputs {
                    kev: inputs.0.then(|| "2026-05-18".to_owned()),
                    epss: inputs.1.then(|| "2026-05-18".to_owned()),
                    advisories: inputs.2,
                },
                now: NOW.to_owned(),
            },
        )
}

/// Default, or some numbers and switches changed.
fn some_tuning() -> impl Strategy<Value = Tuning> {
    let ids: Vec<&'static Rule> = rules().collect();
    (
        any::<bool>(),
        prop::collection::vec((select(ids), any::<bool>(), 0_u8..=30), 0..8),
        0_u8..=5,
        0_u8..=5,
    )
        .prop_map(|(default, rules, down, up)| {
            if default {
                return Tuning::default();
            }
            let mut tuning = Tuning {
                max_steps_down: down,
                max_steps_up: up,
                ..Tuning::default()
            };
            for (rule, enabled, tenth) in rules {
                // The direction stays: a rule that is turned around is monotone the other way round.
                let changes = rule
                    .changes
                    .iter()
                    .map(|one| (one.name.to_owned(), one.default * f64::from(tenth) / 10.0))
                    .collect();
                let tuned = RuleTuning {
                    enabled: Some(enabled),
                    changes,
                    ..RuleTuning::default()
                };
                tuning.rules.insert(rule.id.to_owned(), tuned);
            }
            tuning
        })
}

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
