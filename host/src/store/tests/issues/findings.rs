//! Issues of tools and of the connector: joined, dismissed, resolved, and many images with one.

use super::super::*;
use super::world::{img, in_state, reported, said, secret, world};
use crate::contract::FindingState;

const OLD: &[(&str, &str)] = &[("flask", "1.0")];
const NEW: &[(&str, &str)] = &[("flask", "2.0")];

#[tokio::test]
async fn what_only_gitlab_says_ends_and_comes_back_with_its_word() {
    let mut world = world(&["acme/api"]).await;
    // The image could not be read whole: what GitLab says does not depend on it.
    let images = [img(1, &["latest"], OLD).unread()];
    let found = reported("g1", "openssl", "CVE-1");
    world
        .scan_with(
            &images,
            std::slice::from_ref(&found),
            LocationState::Complete,
        )
        .await;
    let first = world.only();
    assert_eq!(
        (first.brief(), first.places.len()),
        ((1, "CVE-1", "open"), 1)
    );
    let resolved = in_state(found.clone(), FindingState::Resolved);
    let totals = world
        .scan_with(&images, &[resolved], LocationState::Complete)
        .await;
    assert_eq!((totals.resolved, totals.removed), (1, 0));
    assert!(
        world
            .last_event(1)
            .contains("GitLab's users marked it as resolved.")
    );
    let totals = world
        .scan_with(
            &images,
            std::slice::from_ref(&found),
            LocationState::Complete,
        )
        .await;
    assert_eq!(totals.reopened, 1);
    let mut undetected = found.clone();
    undetected.no_longer_detected = true;
    world
        .scan_with(&images, &[undetected], LocationState::Complete)
        .await;
    assert!(world.last_event(1).contains("GitLab no longer detects it"));
    world
        .scan_with(&images, &[found], LocationState::Complete)
        .await;
    world.scan_with(&images, &[], LocationState::Partial).await;
    assert_eq!(world.only().state, "open", "a partial scan proves nothing");
    world.scan_with(&images, &[], LocationState::Complete).await;
    assert!(world.last_event(1).contains("GitLab no longer reports it."));
    assert_eq!(
        world.events(1),
        [
            "opened", "resolved", "reopened", "resolved", "reopened", "resolved"
        ]
    );
}

#[tokio::test]
async fn several_findings_of_one_thing_are_one_issue_and_end_with_the_last() {
    let mut world = world(&["acme/api"]).await;
    let images = [img(1, &["latest"], &[])];
    let (a, mut b) = (
        reported("a", "openssl", "CVE-1"),
        reported("b", "OpenSSL", "cve-1"),
    );
    b.source = "gitlab-graphql".to_owned();
    world
        .scan_with(&images, &[a.clone(), b.clone()], LocationState::Complete)
        .await;
    assert_eq!(world.only().record.sources.len(), 2);
    let a = in_state(a, FindingState::Resolved);
    let totals = world
        .scan_with(&images, &[a.clone(), b.clone()], LocationState::Complete)
        .await;
    assert_eq!((totals.resolved, totals.changed), (0, 1));
    let b = in_state(b, FindingState::Resolved);
    let totals = world
        .scan_with(&images, &[a, b], LocationState::Complete)
        .await;
    assert_eq!((totals.resolved, totals.removed), (1, 0));
}

#[tokio::test]
async fn two_findings_that_one_update_mends_are_two_issues() {
    let mut world = world(&["acme/api"]).await;
    let with_update = |id: &str, cve: &str| {
        let mut one = reported(id, "openssl", cve);
        let mut update = one.identifiers[0].clone();
        (update.kind, update.value) = ("rhsa".to_owned(), "RHSA-2024:1".to_owned());
        one.identifiers.push(update);
        one
    };
    let images = [img(1, &["latest"], &[])];
    world
        .scan_with(
            &images,
            &[with_update("a", "CVE-1")],
            LocationState::Complete,
        )
        .await;
    let totals = world
        .scan_with(
            &images,
            &[with_update("b", "CVE-2")],
            LocationState::Complete,
        )
        .await;
    assert_eq!(
        (totals.opened, totals.resolved),
        (1, 1),
        "the one is not the other renamed"
    );
}

#[tokio::test]
async fn an_advisory_that_explains_a_finding_leaves_the_issue_its_number() {
    let mut world = world(&["acme/api"]).await;
    let images = [img(1, &["latest"], OLD)];
    let found = reported("g1", "flask", "CVE-1");
    world
        .scan_with(
            &images,
            std::slice::from_ref(&found),
            LocationState::Complete,
        )
        .await;
    world.advisories = vec![said("flask", &["1.0"], &["GHSA-1", "CVE-1"])];
    let totals = world.gather().await;
    assert_eq!((totals.opened, totals.changed, totals.removed), (0, 1, 0));
    let joined = world.only();
    assert_eq!(joined.brief(), (1, "GHSA-1", "open"));
    assert_eq!(joined.record.sources.len(), 2);
    // GitLab resolves it, and the package is there still: it stays, and says so.
    let resolved = in_state(found, FindingState::Resolved);
    world
        .scan_with(&images, &[resolved], LocationState::Complete)
        .await;
    assert_eq!(world.only().state, "open");
    // And the other way round: the advisory goes, nothing else says it.
    world.advisories.clear();
    world.gather().await;
    assert_eq!(world.only().state, "removed");
}

#[tokio::test]
async fn what_its_users_dismissed_in_gitlab_is_excluded_until_they_detect_it_again() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    let images = [img(1, &["latest"], OLD)];
    let found = reported("g1", "flask", "CVE-1");
    let mut excluded = Vec::new();
    for state in [
        FindingState::Dismissed,
        FindingState::Detected,
        FindingState::Dismissed,
        FindingState::Resolved,
    ] {
        let finding = in_state(found.clone(), state);
        world
            .scan_with(&images, &[finding], LocationState::Complete)
            .await;
        let one = world.only();
        assert_eq!(one.due.is_some(), one.excluded.is_none());
        excluded.push(one.excluded.is_some());
    }
    assert_eq!(excluded, [true, false, true, false]);
    assert_eq!(world.only().state, "open", "the package is there");
}

#[tokio::test]
async fn a_secret_is_one_issue_over_all_images_that_have_it() {
    let mut world = world(&["acme/api"]).await;
    let images = [img(1, &["a"], &[]), img(2, &["b"], &[])];
    let both = [secret("secret/1", 1), secret("secret/1", 2)];
    world
        .scan_with(&images, &both, LocationState::Complete)
        .await;
    let one = world.only();
    assert_eq!(one.places.len(), 2);
    assert_eq!(
        one.record.identifiers.iter().filter(|id| id.same).count(),
        1
    );
    world
        .scan_with(&images, &both[..1], LocationState::Complete)
        .await;
    assert_eq!(
        (world.only().state.as_str(), world.only().places.len()),
        ("open", 1)
    );
    // The tag leads to an image without it.
    world
        .scan_with(
            &[img(3, &["a"], &[]), images[1].clone()],
            &[],
            LocationState::Complete,
        )
        .await;
    assert_eq!(world.only().state, "resolved");
    assert!(
        world
            .last_event(1)
            .contains("acme/api:a no longer has the secret."),
        "{}",
        world.last_event(1)
    );
}

#[tokio::test]
async fn a_secret_in_an_image_that_could_not_be_read_stays() {
    let mut world = world(&["acme/api"]).await;
    world
        .scan_with(
            &[img(1, &["a"], &[])],
            &[secret("secret/1", 1)],
            LocationState::Complete,
        )
        .await;
    world
        .scan_with(
            &[img(2, &["a"], &[]).unread()],
            &[],
            LocationState::Complete,
        )
        .await;
    assert_eq!(world.only().state, "open");
    assert_eq!(world.events(1), ["opened", "kept"]);
}

#[tokio::test]
async fn one_image_in_two_repositories_is_two_places_of_its_secret() {
    let mut world = world(&["acme/api"]).await;
    let images = [
        img(1, &["a"], &[]),
        img(1, &["a"], &[]).of("acme/worker", "amd64"),
    ];
    world
        .scan_with(&images, &[secret("secret/1", 1)], LocationState::Complete)
        .await;
    assert_eq!(world.only().places.len(), 2);
}

#[tokio::test]
async fn a_tag_of_another_repository_is_no_place_of_a_finding() {
    let mut world = world(&["acme/api"]).await;
    let images = [
        img(1, &["latest"], &[]),
        img(2, &["latest"], &[]).of("acme/worker", "amd64"),
    ];
    world
        .scan_with(
            &images,
            &[reported("g1", "openssl", "CVE-1")],
            LocationState::Complete,
        )
        .await;
    assert_eq!(world.only().places, [format!("{}  1.0", digest(1))]);
}

#[tokio::test]
async fn a_title_without_measure_is_one_line() {
    let mut world = world(&["acme/api"]).await;
    let mut found = reported("g1", "openssl", "CVE-1");
    found.title = format!("bad\u{1b}[31m\n{}", "x".repeat(1 << 20));
    found.description = "y".repeat(1 << 20);
    world
        .scan_with(
            &[img(1, &["latest"], NEW)],
            &[found],
            LocationState::Complete,
        )
        .await;
    let record = world.only().record;
    assert!(
        record.title.starts_with("bad [31m x") && record.title.chars().count() <= 301,
        "{}",
        record.title
    );
    assert!(record.description.len() <= 20_000);
}

/// An image with two layers, of which the first is its base image's.
fn on_base(seed: u8, tag: &str) -> Observation {
    let mut image = img(seed, &[tag], &[]).record();
    let layer = |seed: u8| crate::contract::Layer {
        digest: digest(seed),
        diff_id: None,
        media_type: String::new(),
        size: 1,
        command: None,
    };
    image.layers = vec![layer(100), layer(101)];
    image.attributes = vec![("base.layers".to_owned(), "1".to_owned())];
    Observation::Image(image)
}

#[tokio::test]
async fn a_rule_of_the_connector_is_one_issue_with_one_id_and_knows_whose_layer_it_is() {
    for (layers, expected) in [
        (&[100_u8][..], Some(true)),
        (&[101], Some(false)),
        (&[100, 101], None),
        (&[], None),
    ] {
        let mut world = world(&["acme/api"]).await;
        let rule = |seed: u8| {
            let mut found = secret(&format!("posture/cache/{}", digest(seed)), seed);
            found.kind = FindingKind::Misconfiguration;
            found.attributes = vec![("rule".to_owned(), "package-cache".to_owned())];
            let layers = layers
                .iter()
                .map(|layer| ("layer".to_owned(), digest(*layer)));
            found.evidence = layers.collect();
            let id = |kind: &str, value: &str| crate::contract::Identifier {
                kind: kind.to_owned(),
                value: value.to_owned(),
                name: value.to_owned(),
                url: None,
            };
            found.identifiers = vec![
                id("ox-posture", "package-cache"),
                id("cis", "4.3"),
                id("cwe", "1104"),
            ];
            Observation::Finding(found)
        };
        let batch = vec![on_base(1, "a"), on_base(2, "b"), rule(1), rule(2)];
        world.look(0, batch, LocationState::Complete).await;
        world.gather().await;
        let one = world.only().record;
        assert_eq!(one.occurrences.len(), 2);
        let ids: Vec<_> = one
            .identifiers
            .iter()
            .map(|id| (id.value.as_str(), id.same))
            .collect();
        assert_eq!(
            ids,
            [
                ("package-cache", true),
                ("CIS Docker 4.3", false),
                ("CWE-1104", false)
            ]
        );
        let inherited = one
            .verdict
            .factors
            .iter()
            .find(|factor| factor.rule == "inherited")
            .unwrap();
        let base = match inherited.change {
            change if change < 0.0 => Some(true),
            change if change > 0.0 => Some(false),
            _ => None,
        };
        assert_eq!(base, expected, "{layers:?} {inherited:?}");
    }
}
