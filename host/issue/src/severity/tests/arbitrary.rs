//! Facts and tunings of every kind, for the properties.

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

pub(super) fn an_image() -> impl Strategy<Value = ImageFacts> {
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

pub(super) fn some_facts() -> impl Strategy<Value = Facts> {
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
pub(super) fn some_tuning() -> impl Strategy<Value = Tuning> {
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
