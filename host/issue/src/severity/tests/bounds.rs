//! What no sum may leave.

use super::*;

/// High, in KEV with ransomware, in `latest` of a public application in production.
fn worst() -> Facts {
    let mut facts = plain();
    facts.ratings = vec![
        rating("GHSA", "word", "HIGH"),
        rating("GHSA", "CVSS_V3", NETWORK),
    ];
    facts.threats[0].known_exploited = Some(known(true));
    facts.images[0].latest = true;
    facts.place.visibility = Some("public".to_owned());
    facts
}

#[test]
fn a_high_that_ransomware_uses_in_latest_of_a_public_production_app_is_appoxalypse() {
    let verdict = weigh(&worst(), &Tuning::default());
    assert_eq!(
        verdict.severity,
        Severity::Appoxalypse,
        "{}",
        explain(&verdict)
    );
}

#[test]
fn a_critical_in_a_kernel_package_of_old_tags_with_little_epss_falls_to_medium() {
    let verdict = weighed(|facts| {
        facts.ratings = vec![
            rating("GitLab", "word", "Critical"),
            rating("NVD", "CVSS_V3", LOCAL),
        ];
        facts.threats[0].epss = Some(epss(0.0004, 0.12));
        facts.package.as_mut().unwrap().name = "linux-libc-dev".to_owned();
    });
    assert_eq!(
        (verdict.original, verdict.severity),
        (Severity::Critical, Severity::Medium)
    );
}

#[test]
fn the_same_without_the_kernel_is_high() {
    let verdict = weighed(|facts| {
        facts.ratings = vec![
            rating("GitLab", "word", "Critical"),
            rating("NVD", "CVSS_V3", LOCAL),
        ];
        facts.threats[0].epss = Some(epss(0.0004, 0.12));
    });
    assert_eq!(verdict.severity, Severity::High, "{}", explain(&verdict));
}

#[test]
fn appoxalypse_needs_evidence_of_exploitation() {
    let mut facts = worst();
    facts.ratings[0].value = "CRITICAL".to_owned();
    facts.threats[0].known_exploited = None;
    facts.business.internet_facing = Some(true);
    let verdict = weigh(&facts, &Tuning::default());
    assert!(verdict.score >= 4.5, "{}", verdict.score);
    assert_eq!(verdict.severity, Severity::Critical);
    assert!(
        verdict.held.as_deref().unwrap().contains("evidence"),
        "{:?}",
        verdict.held
    );
    facts.threats[0].epss = Some(epss(0.5, 0.98));
    assert_eq!(
        weigh(&facts, &Tuning::default()).severity,
        Severity::Appoxalypse
    );
}

#[test]
fn appoxalypse_needs_a_way_to_reach_it() {
    let mut facts = worst();
    facts.ratings[0].value = "CRITICAL".to_owned();
    facts.business.priority = Some("critical".to_owned());
    facts.ratings[1].value = LOCAL.to_owned();
    let verdict = weigh(&facts, &Tuning::default());
    assert!(verdict.score >= 4.5);
    assert_eq!(verdict.severity, Severity::Critical);
    assert!(
        verdict
            .held
            .as_deref()
            .unwrap()
            .contains("from within the container")
    );
}

#[test]
fn an_original_appoxalypse_stays_one_without_evidence() {
    let verdict = weighed(|facts| facts.ratings = vec![rating("OX", "word", "Appoxalypse")]);
    assert_eq!(verdict.original, Severity::Appoxalypse);
    assert_eq!(
        verdict.severity,
        Severity::Appoxalypse,
        "{}",
        explain(&verdict)
    );
}

#[test]
fn a_secret_that_everybody_can_read_may_become_appoxalypse_and_a_private_one_not() {
    let secret = |visibility: &str| {
        weighed(|facts| {
            facts.kind = Kind::Secret;
            facts.ratings = vec![rating("OX connector", "word", "critical")];
            facts.images[0].newest = true;
            facts.place.visibility = Some(visibility.to_owned());
            facts.business.priority = Some("critical".to_owned());
            facts.finding = Some(FindingFacts {
                form_checked: Some(true),
                ..FindingFacts::default()
            });
        })
    };
    assert_eq!(secret("public").severity, Severity::Appoxalypse);
    let private = secret("private");
    assert!(private.score >= 4.5);
    assert_eq!(private.severity, Severity::Critical);
}

#[test]
fn nothing_falls_or_rises_by_more_than_two_severities() {
    let verdict = weighed(|facts| {
        facts.ratings = vec![
            rating("GitLab", "word", "Critical"),
            rating("NVD", "CVSS_V3", LOCAL),
        ];
        facts.threats[0].epss = Some(epss(0.0004, 0.12));
        facts.package.as_mut().unwrap().name = "linux-libc-dev".to_owned();
        facts.place.archived = Some(true);
        facts.images[0].tags.clear();
        facts.business.environment = Some("test".to_owned());
    });
    assert!(verdict.score < 1.5, "{}", verdict.score);
    assert_eq!(verdict.severity, Severity::Medium);
    assert!(
        verdict
            .held
            .as_deref()
            .unwrap()
            .contains("2 steps below Critical")
    );

    let mut facts = worst();
    facts.ratings[0].value = "LOW".to_owned();
    facts.threats[0].epss = Some(epss(0.9, 0.99));
    facts.business.internet_facing = Some(true);
    facts.business.priority = Some("critical".to_owned());
    let verdict = weigh(&facts, &Tuning::default());
    assert!(verdict.score >= 3.5);
    assert_eq!(verdict.severity, Severity::High);
    assert!(
        verdict
            .held
            .as_deref()
            .unwrap()
            .contains("2 steps above Low")
    );
}

#[test]
fn what_is_known_to_be_exploited_never_falls_below_high_unless_the_operator_says_so() {
    let mut facts = plain();
    facts.ratings = vec![rating("NVD", "CVSS_V3", LOCAL)];
    facts.threats[0].known_exploited = Some(known(false));
    facts.package.as_mut().unwrap().name = "linux-libc-dev".to_owned();
    facts.place.archived = Some(true);
    let verdict = weigh(&facts, &Tuning::default());
    assert!(verdict.score < 2.5, "{}", verdict.score);
    assert_eq!(verdict.severity, Severity::High);
    assert!(verdict.held.as_deref().unwrap().contains("below High"));
    let tuning = Tuning {
        known_exploited_floor: Severity::Info,
        ..Tuning::default()
    };
    assert!(weigh(&facts, &tuning).severity < Severity::High);
}

#[test]
fn what_is_for_information_stays_info_unless_it_is_exploited() {
    let informational = |facts: &mut Facts| {
        facts.ratings = vec![rating("RustSec", "word", "informational")];
        facts.images[0].latest = true;
        facts.place.visibility = Some("public".to_owned());
        facts.business.priority = Some("critical".to_owned());
    };
    let verdict = weighed(informational);
    assert!(verdict.score >= 0.5);
    assert_eq!(verdict.severity, Severity::Info);
    assert!(verdict.held.as_deref().unwrap().contains("stays Info"));
    let exploited = weighed(|facts| {
        informational(facts);
        facts.threats[0].known_exploited = Some(known(false));
    });
    assert_eq!(exploited.severity, Severity::High);
}

#[test]
fn where_the_rounded_score_comes_out_nothing_held_it() {
    let verdict = weighed(|_| ());
    assert_eq!(verdict.held, None);
    assert_eq!(verdict.severity, Severity::High, "{}", explain(&verdict));
}

#[test]
fn halves_round_up() {
    let tuning = Tuning {
        rules: crate::severity::rules()
            .filter(|rule| rule.id != "current-tag")
            .map(|rule| {
                (
                    rule.id.to_owned(),
                    RuleTuning {
                        enabled: Some(false),
                        ..RuleTuning::default()
                    },
                )
            })
            .chain([(
                "current-tag".to_owned(),
                RuleTuning {
                    changes: [("old".to_owned(), -0.5)].into(),
                    ..RuleTuning::default()
                },
            )])
            .collect(),
        ..Tuning::default()
    };
    let verdict = weigh(&plain(), &tuning);
    assert_eq!((verdict.score, verdict.severity), (2.5, Severity::High));
}
