//! What opens and closes issues.

use super::super::*;
use super::world::{POISON, img, said, world};

const OLD: &[(&str, &str)] = &[("flask", "1.0")];
const NEW: &[(&str, &str)] = &[("flask", "2.0")];

#[tokio::test]
async fn an_issue_opens_once_and_weighing_it_again_changes_nothing() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    assert_eq!(world.scan(&[img(1, &["latest"], OLD)]).await.opened, 1);
    let first = world.only();
    assert_eq!((first.against.as_str(), first.places.len()), ("new", 1));
    let again = world.weigh_all().await;
    assert_eq!(
        (
            again.locations,
            again.opened + again.changed + again.reopened
        ),
        (1, 0)
    );
    assert_eq!(
        world.only(),
        first,
        "nothing looked, so it was not even seen again"
    );
    pass();
    world.scan(&[img(1, &["latest"], OLD)]).await;
    let second = world.only();
    assert_eq!(second.against, "same");
    assert!(second.last_seen > first.last_seen);
    assert_eq!(world.events(first.id), ["opened"]);
    // Another reason than a scan leaves what the last scan made of it.
    world.weigh_all().await;
    assert_eq!(world.only().against, "same");
}

/// Times are told in milliseconds.
fn pass() {
    std::thread::sleep(std::time::Duration::from_millis(2));
}

#[tokio::test]
async fn a_tag_that_moves_to_a_mended_image_resolves_and_one_that_moves_back_reopens() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    let clock = world.only().due;
    assert_eq!(world.scan(&[img(2, &["latest"], NEW)]).await.resolved, 1);
    let closed = world.only();
    assert_eq!(
        (closed.state.as_str(), closed.against.as_str(), closed.due),
        ("resolved", "closed", None)
    );
    assert!(
        world
            .last_event(closed.id)
            .contains("acme/api:latest has flask 2.0 now.")
    );
    // What is closed stays closed, once.
    world.scan(&[img(2, &["latest"], NEW)]).await;
    world.weigh_all().await;
    assert_eq!(world.events(closed.id), ["opened", "resolved"]);
    pass();
    assert_eq!(world.scan(&[img(1, &["latest"], OLD)]).await.reopened, 1);
    let back = world.only();
    assert_eq!(
        (back.id, back.state.as_str(), back.against.as_str()),
        (closed.id, "open", "reopened")
    );
    assert!(back.due > clock, "its days begin anew");
    assert_eq!(world.events(closed.id), ["opened", "resolved", "reopened"]);
}

#[tokio::test]
async fn a_tag_of_another_repository_or_platform_is_no_heir() {
    for other in [
        img(2, &["latest"], NEW).of("acme/worker", "amd64"),
        img(2, &["latest"], NEW).of("acme/api", "arm64"),
    ] {
        let mut world = world(&["acme/api"]).await;
        world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
        world.scan(&[img(1, &["latest"], OLD), other.clone()]).await;
        assert_eq!(world.scan(&[other]).await.removed, 1);
        assert!(
            world.last_event(1).contains("deleted"),
            "{}",
            world.last_event(1)
        );
    }
}

#[tokio::test]
async fn only_a_complete_scan_closes() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    for state in [LocationState::Partial, LocationState::Failed] {
        world
            .scan_with(&[img(2, &["latest"], NEW)], &[], state)
            .await;
        assert_eq!(world.only().state, "open");
    }
    world.scan(&[img(2, &["latest"], NEW)]).await;
    assert_eq!(world.only().state, "resolved");
}

#[tokio::test]
async fn an_image_that_was_not_read_whole_keeps_its_issue_and_says_so_once() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    for _ in 0..3 {
        world.scan(&[img(2, &["latest"], &[]).unread()]).await;
    }
    let kept = world.only();
    assert_eq!(
        (kept.state.as_str(), kept.against.as_str()),
        ("open", "same")
    );
    assert_eq!(world.events(kept.id), ["opened", "kept"]);
    world.scan(&[img(3, &["latest"], NEW)]).await;
    assert_eq!(world.only().state, "resolved");
}

#[tokio::test]
async fn the_fix_of_one_image_does_not_close_what_another_one_may_still_have() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    world
        .scan(&[img(1, &["a"], OLD), img(2, &["b"], OLD)])
        .await;
    // What `a` leads to now could not be read, `b` has it still.
    world
        .scan(&[img(3, &["a"], &[]).unread(), img(2, &["b"], OLD)])
        .await;
    let one = world.only();
    assert_eq!(one.places.len(), 2, "{one:#?}");
    assert_eq!(one.record.occurrences.len(), 2);
    assert_eq!(world.events(one.id), ["opened"]);
    world
        .scan(&[img(3, &["a"], &[]).unread(), img(4, &["b"], NEW)])
        .await;
    assert_eq!(world.only().state, "open", "nobody knows what is in a");
    world
        .scan(&[img(5, &["a"], NEW), img(4, &["b"], NEW)])
        .await;
    assert_eq!(world.only().state, "resolved");
}

#[tokio::test]
async fn an_advisory_that_changes_or_is_withdrawn_removes_and_does_not_resolve() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![
        said("flask", &["1.0"], &["CVE-1"]),
        said("flask", &["1.0"], &["CVE-2"]),
    ];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    world.advisories.clear();
    world.withdrawn.insert("CVE-2".to_owned());
    assert_eq!(world.gather().await.removed, 2);
    assert!(
        world.last_event(1).contains("no longer say that flask 1.0"),
        "{}",
        world.last_event(1)
    );
    assert!(
        world.last_event(2).contains("withdrawn"),
        "{}",
        world.last_event(2)
    );
}

#[tokio::test]
async fn an_alias_that_becomes_known_leaves_the_issue_its_number_and_history() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["GHSA-1"])];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1", "GHSA-1"])];
    let totals = world.gather().await;
    assert_eq!((totals.opened, totals.removed, totals.changed), (0, 0, 1));
    assert_eq!(world.only().brief(), (1, "CVE-1", "open"));
    assert!(world.last_event(1).contains("known as CVE-1 now"));
    assert_eq!(world.weigh_all().await.changed, 0);
}

#[tokio::test]
async fn two_issues_that_turn_out_to_be_one_leave_one_and_the_other_says_which() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![
        said("flask", &["1.0"], &["GHSA-1"]),
        said("flask", &["1.0"], &["CVE-1"]),
    ];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    let ghsa = world
        .issues()
        .into_iter()
        .find(|one| one.primary == "GHSA-1")
        .unwrap()
        .id;
    let cve = world
        .issues()
        .into_iter()
        .find(|one| one.primary == "CVE-1")
        .unwrap()
        .id;
    world
        .store()
        .assign(ghsa, Some("mira".to_owned()), "lee".to_owned())
        .await
        .unwrap();
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1", "GHSA-1"])];
    let totals = world.gather().await;
    assert_eq!((totals.opened, totals.removed, totals.resolved), (0, 1, 0));
    let all = world.issues();
    let state = |id: i64| all.iter().find(|one| one.id == id).unwrap().state.as_str();
    assert_eq!((state(ghsa), state(cve)), ("removed", "open"));
    assert!(
        world
            .last_event(ghsa)
            .contains(&format!("the same as OX-{cve}"))
    );
    let survivor = all.iter().find(|one| one.id == cve).unwrap();
    assert_eq!(survivor.assignee.as_deref(), Some("mira"));
    // And apart again.
    world.advisories = vec![
        said("flask", &["1.0"], &["GHSA-1"]),
        said("flask", &["1.0"], &["CVE-1"]),
    ];
    let totals = world.gather().await;
    assert_eq!((totals.opened, totals.reopened), (0, 1));
    assert!(world.issues().iter().all(|one| one.state == "open"));
}

#[tokio::test]
async fn an_open_issue_keeps_its_number_when_a_closed_one_has_the_key_that_it_gets() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    world.advisories.clear();
    world.gather().await;
    world.advisories = vec![said("flask", &["1.0"], &["GHSA-1"])];
    world.gather().await;
    world
        .store()
        .assign(2, Some("mira".to_owned()), "lee".to_owned())
        .await
        .unwrap();
    // GHSA-1 is CVE-1, whose key the closed issue holds.
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1", "GHSA-1"])];
    let totals = world.gather().await;
    assert_eq!(totals.failed, 0);
    let all = world.issues();
    let briefs: Vec<_> = all.iter().map(super::world::Seen::brief).collect();
    assert_eq!(briefs, [(1, "CVE-1", "removed"), (2, "CVE-1", "open")]);
    assert_eq!(world.weigh_all().await.opened, 0);
    assert_eq!(world.issues(), all);
}

#[tokio::test]
async fn what_was_one_and_is_two_keeps_one_and_opens_the_other() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1", "CVE-2"])];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    world.advisories = vec![
        said("flask", &["1.0"], &["CVE-3", "CVE-1"]),
        said("flask", &["1.0"], &["CVE-2"]),
    ];
    let totals = world.gather().await;
    assert_eq!(
        (totals.opened, totals.removed),
        (1, 0),
        "no row is given away twice"
    );
    assert!(world.issues().iter().all(|one| one.state == "open"));
}

#[tokio::test]
async fn packages_of_two_registries_with_one_name_are_two_things() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("yaml", &["1.0"], &["CVE-1"])];
    let both = &[("yaml", "1.0"), ("npm:yaml", "1.0")];
    world.scan(&[img(1, &["latest"], both)]).await;
    assert_eq!(world.issues().len(), 2);
    world
        .scan(&[img(2, &["latest"], &[("npm:yaml", "1.0"), ("yaml", "2.0")])])
        .await;
    let states: Vec<String> = world.issues().into_iter().map(|one| one.state).collect();
    assert_eq!(
        states.iter().filter(|one| *one == "resolved").count(),
        1,
        "{states:?}"
    );
}

#[tokio::test]
async fn a_location_that_is_gone_closes_its_issues_and_one_that_is_back_opens_them() {
    let mut world = world(&["a", "b", "c", "d"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    let connection = world.fixture.connection;
    let list = |paths: &[&str]| paths.iter().map(|path| location(path)).collect::<Vec<_>>();
    world
        .store()
        .record_listing(connection, list(&["b", "c", "d"]), Vec::new(), true)
        .await
        .unwrap();
    world.gather().await;
    assert_eq!(world.only().state, "removed");
    assert!(
        world
            .last_event(1)
            .contains("The repository a is no longer there.")
    );
    world
        .store()
        .record_listing(connection, list(&["a", "b", "c", "d"]), Vec::new(), true)
        .await
        .unwrap();
    world.gather().await;
    assert_eq!(world.only().state, "open");
    assert_eq!(world.events(1), ["opened", "removed", "reopened"]);
}

#[tokio::test]
async fn a_connection_that_is_removed_takes_its_queue_and_no_other() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    let first = world.fixture.connection;
    let other = world
        .store()
        .save_connection(new_connection(Some("other")))
        .unwrap()
        .id;
    world
        .store()
        .record_listing(other, vec![location("acme/api")], Vec::new(), true)
        .await
        .unwrap();
    world.fixture.connection = other;
    world.scan(&[img(1, &["latest"], OLD)]).await;
    assert_eq!(world.issues().len(), 2);
    world.store().pend_all("inputs").await.unwrap();
    assert!(world.store().remove_connection("main").unwrap());
    let left = world.only();
    assert_eq!(left.id, 2);
    assert_eq!(world.store().pending().unwrap(), 1);
    assert_ne!(first, other);
    assert_eq!(world.weigh().await.failed, 0);
}

#[tokio::test]
async fn a_location_that_can_not_be_weighed_is_told_and_does_not_stop_the_others() {
    let mut world = world(&["a", "b"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    world
        .look(
            0,
            img(1, &["latest"], OLD).observations(),
            LocationState::Complete,
        )
        .await;
    world
        .look(
            1,
            img(2, &["latest"], OLD).observations(),
            LocationState::Complete,
        )
        .await;
    assert_eq!(world.gather().await.opened, 2);
    // One has a record that this program can't read, the other panics.
    for fault in ["UPDATE image SET record = '{}' WHERE id = 1", ""] {
        world.run_sql(fault);
        let poison = if fault.is_empty() { POISON } else { "CVE-2" };
        let package = if fault.is_empty() { "bad" } else { "flask" };
        world.advisories.push(said(package, &["1.0"], &[poison]));
        world
            .look(
                0,
                img(3, &["other"], &[("bad", "1.0"), ("flask", "1.0")]).observations(),
                LocationState::Partial,
            )
            .await;
        world
            .look(
                1,
                img(2, &["latest"], OLD).observations(),
                LocationState::Complete,
            )
            .await;
        let totals = world.gather().await;
        assert_eq!((totals.failed, totals.locations), (1, 1), "{fault}");
        assert_eq!(world.store().pending().unwrap(), 1, "it waits still");
        let skipped = world.store().skipped(&Filter::default()).unwrap();
        assert!(
            skipped
                .iter()
                .any(|one| one.skipped.name == "issues" && one.location == "a"),
            "{skipped:?}"
        );
        assert!(
            world
                .issues()
                .iter()
                .filter(|one| one.location == "a")
                .all(|one| one.state == "open")
        );
        // The next run tries again, and says no more once it can.
        world.advisories.retain(|one| one.ids[0] != POISON);
        let record = serde_json::to_string(&img(1, &["latest"], OLD).record()).unwrap();
        world
            .store()
            .write_now(move |tx| {
                Ok(tx.execute("UPDATE image SET record = ?1 WHERE id = 1", [record])?)
            })
            .unwrap();
        let totals = world.gather().await;
        assert_eq!(totals.failed, 0);
        assert_eq!(world.store().pending().unwrap(), 0);
        let skipped = world.store().skipped(&Filter::default()).unwrap();
        assert!(
            skipped.iter().all(|one| one.skipped.name != "issues"),
            "{skipped:?}"
        );
    }
}

#[tokio::test]
async fn an_issue_whose_record_can_not_be_read_is_made_anew() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![
        said("flask", &["1.0"], &["CVE-1"]),
        said("flask", &["1.0"], &["CVE-2"]),
    ];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    let before = world.issues();
    world.run_sql("UPDATE issue SET record = '{\"of\": \"another time\"}'");
    world.advisories.pop();
    let totals = world.gather().await;
    assert_eq!((totals.failed, totals.changed, totals.removed), (0, 1, 1));
    world.run_sql("DELETE FROM issue WHERE id = 2");
    assert_eq!(world.only().record, before[0].record);
}

#[tokio::test]
async fn nothing_is_concluded_from_an_inventory_that_was_not_looked_up_and_matched() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    // The same image is read again while others are weighed: its packages are new rows.
    world
        .look(
            0,
            img(1, &["latest"], &[("flask", "1.0"), ("new", "1")]).observations(),
            LocationState::Complete,
        )
        .await;
    assert_eq!(world.weigh().await.locations, 0);
    while world.store().look_up_some().await.unwrap() > 0 {}
    assert_eq!(
        world.weigh().await.locations,
        0,
        "a component was not matched yet"
    );
    assert_eq!(world.events(1), ["opened"]);
    assert_eq!(world.gather().await.locations, 1);
    assert_eq!(world.events(1), ["opened"]);
    assert_eq!(world.store().pending().unwrap(), 0);
}

#[tokio::test]
async fn a_version_that_moves_within_what_is_affected_is_a_change() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0", "1.1"], &["CVE-1"])];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    let totals = world
        .scan(&[img(2, &["latest"], &[("flask", "1.1")])])
        .await;
    assert_eq!(totals.changed, 1);
    assert!(
        world.last_event(1).contains("installed 1.0 → 1.1"),
        "{}",
        world.last_event(1)
    );
}

#[tokio::test]
async fn a_repository_that_lost_most_of_its_images_is_looked_at_twice() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    let images: Vec<_> = (1..=5)
        .map(|seed| img(seed, &[&format!("v{seed}")], OLD))
        .collect();
    world.scan(&images).await;
    let complete = |world: &super::world::World| {
        world.store().locations(world.fixture.connection).unwrap()[0]
            .last_scan
            .clone()
            .unwrap()
            .1
    };
    world.scan(&images[..2]).await;
    assert_eq!(world.only().places.len(), 5, "nothing was closed");
    assert!(!complete(&world), "the scan is not a complete one");
    let said = world.store().skipped(&Filter::default()).unwrap();
    assert!(
        said.iter().any(|one| one
            .skipped
            .skip
            .why
            .message
            .contains("had 5 images and has 2")),
        "{said:?}"
    );
    // One that is whole again begins the count anew.
    world.scan(&images).await;
    world.scan(&images[..2]).await;
    assert_eq!(world.only().places.len(), 5);
    // A partial one in between proves nothing.
    world
        .scan_with(&images[..1], &[], LocationState::Partial)
        .await;
    world.scan(&images[..2]).await;
    assert_eq!(
        world.only().places.len(),
        2,
        "the second in a row is believed"
    );
    assert!(complete(&world));
    // Fewer than four are not guarded, and tags that moved all are as many as before.
    world.scan(&[]).await;
    assert_eq!(world.only().state, "removed");
    world.scan(&images).await;
    let moved: Vec<_> = (11..=15)
        .map(|seed| img(seed, &[&format!("v{}", seed - 10)], NEW))
        .collect();
    world.scan(&moved).await;
    assert_eq!(world.only().state, "resolved");
}

#[tokio::test]
async fn a_package_with_ten_thousand_vulnerabilities_is_weighed() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = (0..10_000)
        .map(|number| {
            said(
                "flask",
                &["1.0"],
                &[&format!("CVE-{number}"), &format!("GHSA-{number}")],
            )
        })
        .collect();
    assert_eq!(
        world
            .scan(&[img(1, &["latest"], OLD), img(2, &["b"], OLD)])
            .await
            .opened,
        10_000
    );
    let again = world.weigh_all().await;
    assert_eq!((again.changed, again.failed), (0, 0));
    assert_eq!(
        world.scan(&[img(3, &["latest", "b"], NEW)]).await.resolved,
        10_000
    );
}
