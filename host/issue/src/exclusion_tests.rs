#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-05-01T00:00:00Z";

fn rule(scope: Scope) -> Rule {
    Rule {
        kind: ExclusionKind::Excluded,
        scope,
        reason: "behind the mesh".to_owned(),
        by: "mira".to_owned(),
        at: "2026-04-01T00:00:00Z".to_owned(),
        until: None,
    }
}

fn by_rule(pattern: &str, application: Option<&str>) -> Rule {
    rule(Scope::Rule {
        pattern: pattern.to_owned(),
        application: application.map(str::to_owned),
    })
}

fn subject() -> Subject<'static> {
    Subject {
        id: 7,
        ids: &["CVE-2024-1", "GHSA-aaaa-bbbb-cccc"],
        application: "shop",
        location: "acme/shop/api",
        ecosystem: Some("Debian:12"),
        format: Some("dpkg"),
        package: Some("libssl3"),
        source_package: Some("openssl"),
    }
}

#[test]
fn each_scope_covers_what_it_names_and_nothing_else() {
    let package = |ecosystem: Option<&str>, name: &str| {
        rule(Scope::Package {
            ecosystem: ecosystem.map(str::to_owned),
            name: name.to_owned(),
            application: None,
        })
    };
    let application = |name: &str| {
        rule(Scope::Application {
            name: name.to_owned(),
        })
    };
    let location = |path: &str| {
        rule(Scope::Location {
            path: path.to_owned(),
        })
    };
    for (one, covers) in [
        (rule(Scope::Issue { id: 7 }), true),
        (rule(Scope::Issue { id: 8 }), false),
        (by_rule("cve-2024-*", None), true),
        (by_rule("GHSA-aaaa-bbbb-cccc", Some("shop")), true),
        (by_rule("CVE-2024-1", Some("tools")), false),
        (by_rule("CVE-2024", None), false),
        (package(Some("debian"), "openssl"), true),
        (package(Some("Debian:12"), "libssl*"), true),
        (package(Some("dpkg"), "libssl3"), true),
        (package(Some("Debian:11"), "libssl3"), false),
        (package(Some("npm"), "libssl3"), false),
        (package(None, "ssl"), false),
        (application("shop"), true),
        (application("Shop"), false),
        (location("acme/*/api"), true),
        (location("acme/*"), false),
        (location("acme/**"), true),
    ] {
        assert_eq!(applies(&one, &subject(), NOW), covers, "{:?}", one.scope);
    }
}

#[test]
fn an_exclusion_ends_by_itself() {
    let mut one = rule(Scope::Issue { id: 7 });
    one.until = Some("2026-05-01T00:00:01Z".to_owned());
    assert!(applies(&one, &subject(), NOW));
    assert!(!applies(&one, &subject(), "2026-05-01T00:00:01Z"));
    one.until = Some("some day".to_owned());
    assert!(!applies(&one, &subject(), NOW));
}

#[test]
fn of_several_the_strongest_then_the_narrowest_is_shown() {
    let mut snooze = rule(Scope::Issue { id: 7 });
    snooze.kind = ExclusionKind::Snoozed;
    snooze.until = Some("2026-06-01T00:00:00Z".to_owned());
    let wide = rule(Scope::Application {
        name: "shop".to_owned(),
    });
    let mut ending = by_rule("CVE-*", None);
    ending.until = Some("2026-07-01T00:00:00Z".to_owned());
    let lasting = by_rule("CVE-2024-*", None);
    let mut wrong = by_rule("CVE-2024-1", None);
    wrong.kind = ExclusionKind::FalsePositive;
    let all = [snooze, wide, ending, lasting, wrong];
    let compiled: Vec<(i64, Compiled<'_>)> = (1..).zip(all.iter().map(Compiled::of)).collect();
    let shown = |count: usize| {
        of_issue(&compiled[..count], &subject(), NOW)
            .map(|(id, _)| *id)
            .unwrap()
    };
    assert_eq!(shown(1), 1);
    assert_eq!(shown(2), 2);
    assert_eq!(shown(3), 3);
    assert_eq!(shown(4), 4);
    assert_eq!(shown(5), 5);
    let none = Subject {
        id: 9,
        ..Subject::default()
    };
    assert!(of_issue(&compiled, &none, NOW).is_none());
}

#[test]
fn what_is_shown_says_in_words_what_is_covered() {
    let words = |rule: &Rule| rule.shown(Some(3)).scope;
    assert_eq!(words(&rule(Scope::Issue { id: 7 })), "this issue");
    assert_eq!(
        words(&by_rule("posture/root-user", Some("shop"))),
        "rule posture/root-user in shop"
    );
    assert_eq!(words(&by_rule("secret/*", None)), "rule secret/*");
}

#[test]
fn what_nobody_could_judge_later_is_refused() {
    let check = |change: &dyn Fn(&mut Rule)| {
        let mut one = by_rule("CVE-2024-1", None);
        change(&mut one);
        one.check(NOW).map_err(|error| error.to_string())
    };
    assert_eq!(check(&|_| ()), Ok(()));
    for (change, message) in [
        (
            (&|one: &mut Rule| one.reason = " ".to_owned()) as &dyn Fn(&mut Rule),
            "an exclusion needs a reason; say why, so that others can judge it later",
        ),
        (
            &|one| one.by = String::new(),
            "an exclusion needs the name of who makes it",
        ),
        (
            &|one| one.reason = "x".repeat(4_001),
            "the reason is longer than 4000 bytes; write a shorter one",
        ),
        (
            &|one| one.by = "a\u{1b}[2J".to_owned(),
            "the name has a control character in it; take it out",
        ),
        (
            &|one| one.until = Some(NOW.to_owned()),
            "the exclusion would end at 2026-05-01T00:00:00Z, which has passed; name a later time",
        ),
        (
            &|one| one.until = Some("2099-05-01T00:00:00Z".to_owned()),
            "the exclusion would end at 2099-05-01T00:00:00Z, in more than 10 years; name an earlier time, or none",
        ),
        (
            &|one| one.until = Some("2026-06-01".to_owned()),
            "\"2026-06-01\" is not a time as RFC 3339 writes it (2026-01-31T12:00:00Z)",
        ),
        (
            &|one| one.kind = ExclusionKind::Snoozed,
            "a snooze needs an end; say until when",
        ),
        (
            &|one| one.scope = by_rule("[", None).scope,
            "the pattern \"[\" can't be used: unclosed character class; missing ']'; write for example posture/*, \
             CVE-2024-* or acme/**",
        ),
        (
            &|one| one.scope = by_rule("**", None).scope,
            "the pattern \"**\" covers every issue; name a rule, a package, an application or a location",
        ),
        (
            &|one| one.scope = by_rule("", None).scope,
            "the rule is empty; name what the exclusion is to cover",
        ),
    ] {
        assert_eq!(check(change), Err(message.to_owned()));
    }
    // Everything of one application is a thing that one may say.
    assert_eq!(by_rule("*", Some("shop")).check(NOW), Ok(()));
}

#[test]
fn a_stored_rule_reads_back_as_it_was() {
    for scope in [
        Scope::Issue { id: 7 },
        by_rule("CVE-*", Some("shop")).scope,
        Scope::Location {
            path: "acme/**".to_owned(),
        },
    ] {
        let one = rule(scope);
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Rule>(&text).unwrap(), one);
    }
}

proptest! {
    #[test]
    fn any_rule_is_checked_and_applied_without_panic(
        pattern in ".{0,60}", application in proptest::option::of(".{0,20}"), until in proptest::option::of(".{0,30}"),
    ) {
        let mut one = by_rule(&pattern, application.as_deref());
        one.until = until;
        let _ = one.check(NOW);
        let _ = applies(&one, &subject(), NOW);
    }
}
