//! What the options of a connection leave out is told, and what they don't is scanned.

use std::collections::BTreeSet;

use ox_harness::image::{Artefact, Image, Index, Layer, Platform, root};
use ox_harness::rig::{Rig, draft_with};
use ox_harness::sim::{GitLab, Modes, Organisation, Registry};
use ox_host::contract::SkipReason;

use super::scan::{TOKEN, acme};

const PATH: &str = "acme/app";

fn image(number: u32, created: &str) -> Artefact {
    let created = created.to_owned();
    Image::amd64()
        .layer(root::alpine(3).layer)
        .layer(Layer::new().file("n", number.to_string()))
        .config(move |config| {
            config["created"] = created.into();
        })
        .build()
}

/// Five tags, the oldest pushed and built first.
fn five() -> Organisation {
    let (mut org, project) = acme();
    let repository = org.repository(project, "");
    for (number, tag) in ["v1", "v2", "v3-dev", "nightly", "v4"].iter().enumerate() {
        let number = u32::try_from(number).unwrap();
        org.push(
            repository,
            tag,
            &image(number, &format!("2026-0{}-01T00:00:00Z", number + 1)),
        );
    }
    org
}

/// Tags that were scanned, and tags that an option left out.
async fn chosen(org: Organisation, modes: Modes, options: &[(&str, &str)]) -> (String, String) {
    let gitlab = GitLab::start(org, modes).unwrap();
    let draft = draft_with(&gitlab.base_url(), TOKEN, options);
    let rig = Rig::connected_as(&gitlab, draft).await.unwrap();
    let report = rig.scan(&[]).await.unwrap();
    assert!(report.complete, "an option is no loss: {report:#?}");
    let images = rig.images(PATH).unwrap();
    let taken: BTreeSet<String> = images.into_iter().flat_map(|image| image.tags).collect();
    let left = rig.reasons(PATH).unwrap().into_iter();
    let left: BTreeSet<String> = left
        .filter(|(_, reason)| *reason == SkipReason::NotSelected)
        .map(|(name, _)| name)
        .collect();
    let line = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(" ");
    (line(taken), line(left))
}

fn pair(taken: &str, left: &str) -> (String, String) {
    (taken.to_owned(), left.to_owned())
}

#[tokio::test]
async fn patterns_choose_tags_and_exclusion_wins() {
    let options = [("tags-include", "v*"), ("tags-exclude", "*-dev\nv1")];
    let found = chosen(five(), Modes::default(), &options).await;
    assert_eq!(found, pair("v2 v4", "nightly v1 v3-dev"));
}

#[tokio::test]
async fn the_newest_tags_are_those_pushed_last_whatever_the_registry() {
    let found = chosen(five(), Modes::default(), &[("newest-tags", "2")]).await;
    assert_eq!(found, pair("nightly v4", "v1 v2 v3-dev"));
    // Without the database nobody knows when a tag was pushed, so the time of the build counts.
    let legacy = Modes {
        registry: Registry::Legacy,
        ..Modes::default()
    };
    let found = chosen(five(), legacy, &[("newest-tags", "2")]).await;
    assert_eq!(found, pair("nightly v4", "v1 v2 v3-dev"));
}

#[tokio::test]
async fn old_tags_are_left_out_by_age() {
    let now = jiff::Timestamp::now();
    let days = |days: i64| (now - jiff::SignedDuration::from_hours(days * 24)).to_string();
    let (mut org, project) = acme();
    let repository = org.repository(project, "");
    for (number, (tag, age)) in [("old", 40), ("edge", 8), ("new", 2)]
        .into_iter()
        .enumerate()
    {
        org.push(
            repository,
            tag,
            &image(u32::try_from(number).unwrap(), &days(age)),
        );
        let stored = org.store.repositories.get_mut(PATH).unwrap();
        stored.tags.get_mut(tag).unwrap().created_at = days(age);
    }
    let found = chosen(org, Modes::default(), &[("max-age-days", "30")]).await;
    assert_eq!(found, pair("edge new", "old"));
}

#[tokio::test]
async fn platforms_that_are_not_chosen_are_told() {
    let (mut org, project) = acme();
    let repository = org.repository(project, "");
    let amd64 = image(1, "2026-01-01T00:00:00Z");
    let arm64 = Image::new(Platform::arm64())
        .layer(root::alpine(4).layer)
        .build();
    org.push(
        repository,
        "both",
        &Index::oci().child(&amd64).child(&arm64).build(),
    );
    // Of a single image only its config tells the platform.
    org.push(repository, "arm", &arm64);
    let gitlab = GitLab::start(org, Modes::default()).unwrap();
    let draft = draft_with(&gitlab.base_url(), TOKEN, &[("platforms", "linux/amd64")]);
    let rig = Rig::connected_as(&gitlab, draft).await.unwrap();
    let report = rig.scan(&[]).await.unwrap();
    assert!(report.complete, "{report:#?}");
    let images = rig.images(PATH).unwrap();
    assert_eq!(images.len(), 1, "{images:#?}");
    assert_eq!(images[0].digest, amd64.digest);
    let reasons = rig.reasons(PATH).unwrap();
    assert!(
        reasons.contains(&(arm64.digest.clone(), SkipReason::NotSelected)),
        "{reasons:?}"
    );
}
