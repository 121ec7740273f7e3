#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;

/// `(id, number of the benchmark)` of every posture rule, and the ids of secret rules, as the connector's
/// source has them: this crate does not build the connector.
fn connector() -> (Vec<(String, Option<String>)>, BTreeSet<String>) {
    let plugin = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../plugin/src");
    let text = std::fs::read_to_string(plugin.join("posture/rules.rs")).unwrap();
    let value = |block: &str, key: &str| {
        let rest = block.split(key).nth(1)?;
        rest.split('"').nth(1).map(str::to_owned)
    };
    let rules: Vec<_> = text
        .split(": Rule = Rule {")
        .skip(1)
        .map(|block| {
            let cis = block.split("cis: Some(").nth(1);
            (
                value(block, "id:").unwrap(),
                cis.map(|rest| rest.split('"').nth(1).unwrap().to_owned()),
            )
        })
        .collect();
    let mut secrets = BTreeSet::new();
    for file in ["cloud", "files", "forges", "services"] {
        let text = std::fs::read_to_string(plugin.join(format!("secret/rules/{file}.rs"))).unwrap();
        for call in text.split("Rule::").skip(1) {
            secrets.extend(call.split('"').nth(1).map(str::to_owned));
        }
    }
    assert!(rules.len() >= 20 && secrets.len() >= 100);
    (rules, secrets)
}

fn subject(kind: Kind, rule: Option<&str>) -> Subject<'_> {
    Subject {
        kind,
        rule,
        severity: Severity::High,
        has_fix: false,
        is_exploited: false,
        is_malicious: false,
        is_library: false,
    }
}

fn all() -> Vec<String> {
    STANDARDS.iter().map(|one| one.id.to_owned()).collect()
}

fn numbers(subject: &Subject<'_>, standard: &str) -> Vec<String> {
    touched(subject, &[standard.to_owned()])
        .into_iter()
        .map(|control| control.control)
        .collect()
}

#[test]
fn what_the_connector_says_of_the_benchmark_is_what_an_issue_shows() {
    for (id, cis) in connector().0 {
        let Some(number) = cis else { continue };
        let shown = numbers(&subject(Kind::Misconfiguration, Some(&id)), "cis-docker");
        assert!(
            shown.contains(&number),
            "{id} is {number}, shown: {shown:?}"
        );
    }
}

#[test]
fn every_rule_that_a_control_names_is_one_of_the_connector() {
    fn named(when: &When, into: &mut Vec<&'static str>) {
        match when {
            When::Rules(rules) => into.extend(*rules),
            When::All(all) | When::Any(all) => all.iter().for_each(|one| named(one, into)),
            _ => {}
        }
    }
    let (posture, secrets) = connector();
    let mut known: BTreeSet<String> = posture.into_iter().map(|(id, _)| id).collect();
    known.extend(secrets);
    let mut rules = Vec::new();
    for rule in STANDARDS.iter().flat_map(|one| one.controls) {
        named(&rule.when, &mut rules);
    }
    for rule in rules {
        assert!(known.contains(rule), "{rule}");
    }
}

#[test]
fn every_posture_rule_touches_a_control_of_each_general_standard() {
    for (id, _) in connector().0 {
        let subject = subject(Kind::Misconfiguration, Some(&id));
        for standard in ["nist-ssdf", "pci-dss", "iso-27001"] {
            assert!(!numbers(&subject, standard).is_empty(), "{id} {standard}");
        }
    }
}

#[test]
fn a_vulnerability_touches_what_asks_for_fixes_only_when_there_is_one() {
    let mut one = subject(Kind::Vulnerability, None);
    assert_eq!(numbers(&one, "pci-dss"), ["6.3.1", "11.3.1"]);
    assert_eq!(numbers(&one, "cis-docker"), Vec::<String>::new());
    one.has_fix = true;
    one.is_library = true;
    assert_eq!(
        numbers(&one, "pci-dss"),
        ["6.3.1", "6.3.2", "6.3.3", "11.3.1"]
    );
    assert_eq!(numbers(&one, "cis-docker"), ["4.4"]);
    one.severity = Severity::Low;
    assert_eq!(
        numbers(&one, "pci-dss"),
        ["6.3.1", "6.3.2", "6.3.3", "11.3.1.1"]
    );
    assert_eq!(
        numbers(&one, "nist-ssdf"),
        ["PW.4.1", "PW.4.4", "RV.1.1", "RV.2.2"]
    );
}

#[test]
fn a_secret_touches_what_forbids_passwords_in_files() {
    let one = subject(Kind::Secret, Some("secret/private-key"));
    assert_eq!(numbers(&one, "pci-dss"), ["8.3.2", "8.6.2"]);
    assert_eq!(numbers(&one, "cis-docker"), ["4.10"]);
    assert_eq!(numbers(&one, "iso-27001"), ["A.5.17", "A.8.24"]);
}

#[test]
fn a_standard_that_is_not_chosen_is_not_shown() {
    let one = subject(Kind::Secret, None);
    assert_eq!(touched(&one, &[]), []);
    let shown = touched(&one, &all());
    let names: BTreeSet<&str> = shown.iter().map(|one| one.standard.as_str()).collect();
    assert_eq!(names.len(), 4);
}

#[test]
fn the_facts_of_an_issue_say_what_a_control_asks() {
    let mut facts = Facts::default();
    facts.package = Some(crate::facts::PackageFacts {
        fixed: Some("2".to_owned()),
        origins: vec!["user-layer".to_owned(), "java-archive".to_owned()],
        ..Default::default()
    });
    facts.threats = vec![crate::facts::Threat {
        id: "MAL-2024-1".to_owned(),
        ..Default::default()
    }];
    let one = Subject::of(&facts, None, Severity::Low);
    assert!(one.has_fix && one.is_library && one.is_malicious && !one.is_exploited);
    facts
        .package
        .as_mut()
        .unwrap()
        .origins
        .push("operating-system".to_owned());
    assert!(!Subject::of(&facts, None, Severity::Low).is_library);
}

#[test]
fn numbers_are_unique_and_every_control_has_words() {
    let mut seen = BTreeSet::new();
    for standard in STANDARDS {
        for rule in standard.controls {
            assert!(seen.insert((standard.id, rule.control)));
            assert!(
                rule.asks.len() > 20 && !rule.asks.ends_with('.'),
                "{}",
                rule.asks
            );
        }
    }
    assert!(!table().contains("||"));
}
