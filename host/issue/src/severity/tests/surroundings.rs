//! Each factor of the image, the place and the business: up, down, and not known.

use super::*;

#[test]
fn current_tags_raise_old_ones_lower_and_untagged_images_lower_more() {
    let verdict = |change: fn(&mut ImageFacts)| weighed(|facts| change(&mut facts.images[0]));
    assert_eq!(
        number(&verdict(|image| image.latest = true), "current-tag"),
        Some(0.25)
    );
    assert_eq!(
        number(&verdict(|image| image.newest = true), "current-tag"),
        Some(0.25)
    );
    assert_eq!(number(&verdict(|_| ()), "current-tag"), Some(-0.35));
    assert_eq!(
        number(&verdict(|image| image.tags.clear()), "current-tag"),
        Some(-0.6)
    );
    assert!(misses(
        &weighed(|facts| facts.images.clear()),
        Input::Images
    ));
}

#[test]
fn root_raises_and_another_user_lowers_only_where_all_are_known() {
    let verdict = |users: &[Option<&str>]| {
        weighed(|facts| {
            facts.images = users
                .iter()
                .map(|user| ImageFacts {
                    user: user.map(str::to_owned),
                    ..image()
                })
                .collect();
        })
    };
    for root in ["", "root", "0", "0:0", "root:wheel"] {
        assert_eq!(
            number(&verdict(&[Some("app"), Some(root)]), "runs-as-root"),
            Some(0.15),
            "{root}"
        );
    }
    assert_eq!(
        number(&verdict(&[Some("app"), Some("1000")]), "runs-as-root"),
        Some(-0.1)
    );
    assert!(misses(&verdict(&[Some("app"), None]), Input::ImageConfig));
}

#[test]
fn an_exposed_port_raises() {
    let verdict = weighed(|facts| facts.images[0].exposed_ports = vec!["8080/tcp".to_owned()]);
    assert_eq!(number(&verdict, "exposed-ports"), Some(0.1));
    assert_eq!(number(&weighed(|_| ()), "exposed-ports"), None);
}

#[test]
fn only_images_that_are_old_and_not_pushed_for_long_lower() {
    let verdict = |created: Option<&str>, pushed: Option<&str>| {
        weighed(|facts| {
            facts.images[0].created = created.map(str::to_owned);
            facts.images[0].pushed = pushed.map(str::to_owned);
        })
    };
    let (old, recent) = (Some("2024-01-01T00:00:00Z"), Some("2026-05-01T00:00:00Z"));
    assert_eq!(number(&verdict(old, old), "image-age"), Some(-0.2));
    assert_eq!(number(&verdict(old, recent), "image-age"), None);
    assert_eq!(number(&verdict(recent, None), "image-age"), None);
    for (created, pushed) in [(old, None), (None, None), (Some("soon"), old)] {
        assert!(
            misses(&verdict(created, pushed), Input::ImageDates),
            "{created:?} {pushed:?}"
        );
    }
}

#[test]
fn a_repository_that_nobody_pushed_to_lowers() {
    let verdict =
        |pushed: Option<&str>| weighed(|facts| facts.place.last_push = pushed.map(str::to_owned));
    assert_eq!(
        number(&verdict(Some("2025-05-20T12:00:00Z")), "last-push"),
        Some(-0.15)
    );
    assert_eq!(
        number(&verdict(Some("2025-05-21T12:00:00Z")), "last-push"),
        None
    );
    assert!(misses(&verdict(None), Input::LastPush));
}

#[test]
fn archived_and_inactive_projects_lower_once() {
    let archived = weighed(|facts| {
        facts.place.archived = Some(true);
        facts.place.last_activity = Some("2020-01-01".to_owned());
    });
    assert_eq!(number(&archived, "archived-project"), Some(-0.5));
    assert_eq!(number(&archived, "inactive-project"), None);
    let inactive =
        weighed(|facts| facts.place.last_activity = Some("2025-11-21T00:00:00Z".to_owned()));
    assert_eq!(number(&inactive, "inactive-project"), Some(-0.3));
    assert!(misses(
        &weighed(|facts| facts.place.archived = None),
        Input::Archived
    ));
    assert!(misses(
        &weighed(|facts| facts.place.last_activity = None),
        Input::LastActivity
    ));
}

#[test]
fn visibility_counts_by_who_can_pull() {
    let verdict =
        |who: Option<&str>| weighed(|facts| facts.place.visibility = who.map(str::to_owned));
    assert_eq!(number(&verdict(Some("public")), "visibility"), Some(0.25));
    assert_eq!(number(&verdict(Some("internal")), "visibility"), Some(0.05));
    assert_eq!(number(&verdict(Some("private")), "visibility"), Some(-0.1));
    assert!(misses(&verdict(None), Input::Visibility));
    assert!(misses(&verdict(Some("secret")), Input::Visibility));
}

#[test]
fn business_priority_counts_both_ways() {
    let verdict = |priority: Option<&str>| {
        weighed(|facts| facts.business.priority = priority.map(str::to_owned))
    };
    assert_eq!(
        number(&verdict(Some("critical")), "business-priority"),
        Some(0.5)
    );
    assert_eq!(
        number(&verdict(Some("High")), "business-priority"),
        Some(0.25)
    );
    assert_eq!(number(&verdict(Some("medium")), "business-priority"), None);
    assert_eq!(
        number(&verdict(Some("low")), "business-priority"),
        Some(-0.4)
    );
    assert!(misses(&verdict(None), Input::Priority));
    let gold = verdict(Some("gold"));
    assert!(
        of(&gold, "business-priority")
            .unwrap()
            .reason
            .contains("gold")
    );
}

#[test]
fn production_raises_and_test_lowers() {
    let verdict =
        |name: Option<&str>| weighed(|facts| facts.business.environment = name.map(str::to_owned));
    assert_eq!(number(&verdict(Some("prod")), "environment"), Some(0.3));
    assert_eq!(number(&verdict(Some("staging")), "environment"), Some(-0.1));
    assert_eq!(
        number(&verdict(Some("development")), "environment"),
        Some(-0.4)
    );
    assert!(misses(&verdict(None), Input::Environment));
    assert!(misses(&verdict(Some("moonbase")), Input::Environment));
}

#[test]
fn the_internet_raises_and_its_absence_lowers() {
    let verdict = |facing| weighed(|facts| facts.business.internet_facing = facing);
    assert_eq!(number(&verdict(Some(true)), "internet-facing"), Some(0.4));
    assert_eq!(
        number(&verdict(Some(false)), "internet-facing"),
        Some(-0.25)
    );
    assert!(misses(&verdict(None), Input::InternetFacing));
}

#[test]
fn sensitive_data_raises() {
    assert_eq!(number(&weighed(|_| ()), "sensitive-data"), Some(0.3));
    assert!(misses(
        &weighed(|facts| facts.business.data.clear()),
        Input::Data
    ));
}

#[test]
fn a_fix_raises_a_little_and_a_refusal_is_said() {
    let fixed = weighed(|facts| facts.package.as_mut().unwrap().fixed = Some("1:1.3".to_owned()));
    assert_eq!(number(&fixed, "fix"), Some(0.1));
    assert!(of(&fixed, "fix").unwrap().reason.contains("1:1.3"));
    let refused = weighed(|facts| {
        facts.package.as_mut().unwrap().fix_refused = Some("Debian 9 has ended.".to_owned());
    });
    assert_eq!(number(&refused, "fix"), Some(0.05));
    assert!(
        of(&refused, "fix")
            .unwrap()
            .reason
            .contains("Debian 9 has ended. Move")
    );
    assert!(misses(&weighed(|_| ()), Input::Fix));
}

fn secret(change: impl FnOnce(&mut Facts)) -> Verdict {
    weighed(|facts| {
        facts.kind = Kind::Secret;
        facts.package = None;
        facts.threats.clear();
        facts.ratings = vec![rating("OX connector", "word", "high")];
        facts.finding = Some(FindingFacts {
            rule: "aws-secret-access-key".to_owned(),
            form_checked: Some(true),
            from_base: Some(false),
            ..FindingFacts::default()
        });
        change(facts);
    })
}

#[test]
fn a_secret_has_factors_of_its_own_and_none_of_a_package_s() {
    let verdict = secret(|facts| facts.place.visibility = Some("public".to_owned()));
    assert_eq!(number(&verdict, "secret-form"), Some(0.3));
    assert_eq!(number(&verdict, "secret-visibility"), Some(0.75));
    assert_eq!(number(&verdict, "inherited"), Some(0.1));
    assert_eq!(number(&verdict, "current-tag"), Some(-0.35));
    for rule in [
        "visibility",
        "fix",
        "epss",
        "known-exploited",
        "origin",
        "attack-vector",
    ] {
        assert_eq!(number(&verdict, rule), None, "{rule}");
    }
    let example = secret(|facts| facts.finding.as_mut().unwrap().placeholder = Some(true));
    assert_eq!(number(&example, "secret-form"), Some(-1.0));
    let base = secret(|facts| facts.finding.as_mut().unwrap().from_base = Some(true));
    assert_eq!(number(&base, "inherited"), Some(-0.25));
    let private = secret(|_| ());
    assert_eq!(number(&private, "secret-visibility"), Some(-0.2));
    let unknown = secret(|facts| facts.finding = None);
    assert!(misses(&unknown, Input::SecretForm) && misses(&unknown, Input::FindingLayer));
}

#[test]
fn a_misconfiguration_is_judged_by_its_place_and_its_layer() {
    let verdict = weighed(|facts| {
        facts.kind = Kind::Misconfiguration;
        facts.finding = Some(FindingFacts {
            from_base: Some(true),
            ..FindingFacts::default()
        });
    });
    assert_eq!(number(&verdict, "inherited"), Some(-0.25));
    assert_eq!(number(&verdict, "visibility"), Some(-0.1));
    assert_eq!(number(&verdict, "secret-form"), None);
    assert_eq!(number(&verdict, "runs-as-root"), None);
}

#[test]
fn a_licence_is_not_judged_by_what_attackers_do() {
    let verdict = weighed(|facts| facts.kind = Kind::Licence);
    for rule in ["epss", "internet-facing", "visibility", "attack-vector"] {
        assert_eq!(number(&verdict, rule), None, "{rule}");
    }
    assert_eq!(number(&verdict, "current-tag"), Some(-0.35));
}

#[test]
fn other_people_s_text_stays_on_one_line_and_is_cut() {
    let verdict = weighed(|facts| {
        facts.package.as_mut().unwrap().fixed =
            Some(format!("1\n2\u{1b}[31m{}", "x".repeat(5_000)));
    });
    let reason = &of(&verdict, "fix").unwrap().reason;
    assert!(
        reason.len() < 200 && !reason.chars().any(char::is_control),
        "{reason}"
    );
}
