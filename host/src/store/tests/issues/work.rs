//! What people do with issues, and what it means when they are weighed again; and what a diff tells.

use ox_issue::exclusion::Scope;
use ox_issue::issue::ExclusionKind;
use ox_issue::severity::Severity;

use super::super::*;
use super::world::{World, img, said, world};
use crate::store::issues::{Covers, NewExclusion};

const OLD: &[(&str, &str)] = &[("flask", "1.0")];
const NEW: &[(&str, &str)] = &[("flask", "2.0")];

async fn with_one() -> World {
    let mut world = world(&["acme/api"]).await;
    let mut advisory = said("flask", &["1.0"], &["CVE-1"]);
    advisory.word = "MODERATE".to_owned();
    world.advisories = vec![advisory];
    world.scan(&[img(1, &["latest"], OLD)]).await;
    world
}

fn exclusion(kind: ExclusionKind, scope: Scope, until: Option<&str>) -> NewExclusion {
    NewExclusion {
        kind,
        covers: Covers::Scope(scope),
        reason: "It is not reached.".to_owned(),
        by: "lee".to_owned(),
        until: until.map(str::to_owned),
    }
}

fn by_rule() -> Scope {
    Scope::Rule {
        pattern: "CVE-1".to_owned(),
        application: None,
    }
}

#[tokio::test]
async fn an_exclusion_covers_until_its_day_and_survives_closing_and_reopening() {
    let mut world = with_one().await;
    let until = Some("2031-01-01T00:00:00Z");
    world
        .store()
        .exclude(exclusion(
            ExclusionKind::Excluded,
            Scope::Issue { id: 1 },
            until,
        ))
        .await
        .unwrap();
    world.weigh().await;
    let one = world.only();
    assert_eq!(
        (one.excluded.as_deref(), one.due.clone()),
        (Some("excluded"), None)
    );
    world.scan(&[img(2, &["latest"], NEW)]).await;
    world.scan(&[img(1, &["latest"], OLD)]).await;
    assert_eq!(world.only().excluded.as_deref(), Some("excluded"));
    // Its day comes.
    world.run_sql(
        "UPDATE exclusion SET until = '2020-01-01T00:00:00.000Z';
         UPDATE issue SET excluded_until = '2020-01-01T00:00:00.000Z'",
    );
    world
        .store()
        .pend_day(now().chars().take(10).collect())
        .await
        .unwrap();
    world.weigh().await;
    let one = world.only();
    assert!(one.excluded.is_none() && one.due.is_some());
    assert!(world.store().exclusions(false).unwrap().is_empty());
    assert_eq!(
        world.store().exclusions(true).unwrap()[0]
            .ended
            .as_ref()
            .unwrap()
            .1,
        "expiry"
    );
}

#[tokio::test]
async fn of_two_exclusions_the_other_one_covers_when_one_ends() {
    let world = with_one().await;
    let narrow = world
        .store()
        .exclude(exclusion(
            ExclusionKind::FalsePositive,
            Scope::Issue { id: 1 },
            None,
        ))
        .await
        .unwrap();
    let wide = world
        .store()
        .exclude(exclusion(ExclusionKind::Excluded, by_rule(), None))
        .await
        .unwrap();
    world.weigh().await;
    assert_eq!(world.only().excluded.as_deref(), Some("false-positive"));
    world
        .store()
        .end_exclusion(narrow, "lee".to_owned())
        .await
        .unwrap();
    world.weigh().await;
    assert_eq!(world.only().excluded.as_deref(), Some("excluded"));
    world
        .store()
        .end_exclusion(wide, "lee".to_owned())
        .await
        .unwrap();
    world.weigh().await;
    assert_eq!(world.only().excluded, None);
    assert!(
        world
            .store()
            .end_exclusion(wide, "lee".to_owned())
            .await
            .is_err(),
        "it ended already"
    );
}

#[tokio::test]
async fn what_is_only_late_is_late_from_the_same_day() {
    let world = with_one().await;
    let due = world.only().due;
    world
        .store()
        .exclude(exclusion(
            ExclusionKind::Snoozed,
            by_rule(),
            Some("2031-01-01T00:00:00Z"),
        ))
        .await
        .unwrap();
    world.weigh().await;
    assert_eq!(
        (world.only().excluded.as_deref(), world.only().due),
        (Some("snoozed"), due)
    );
}

#[tokio::test]
async fn an_exclusion_that_can_not_be_read_covers_nothing_and_stops_nothing() {
    let world = with_one().await;
    world
        .store()
        .exclude(exclusion(ExclusionKind::Excluded, by_rule(), None))
        .await
        .unwrap();
    world.run_sql("UPDATE exclusion SET scope = '{\"of\": \"another time\"}'");
    assert_eq!(world.weigh().await.failed, 0);
    assert_eq!(world.only().excluded, None);
    assert!(world.store().exclusions(true).unwrap().is_empty());
}

#[tokio::test]
async fn a_severity_that_a_person_set_stays_and_a_rise_has_its_own_days() {
    let mut world = with_one().await;
    world.run_sql("UPDATE issue SET clock_from = '2020-01-01T00:00:00.000Z'");
    world.weigh_all().await;
    let before = world.only();
    assert!(before.due.clone().unwrap() < now());
    world
        .store()
        .set_severity(
            1,
            Some(Severity::Critical),
            "It is reached.".to_owned(),
            "lee".to_owned(),
        )
        .await
        .unwrap();
    world.weigh().await;
    let raised = world.only();
    assert!(raised.severity > before.severity);
    // What was overdue stays overdue: a rise does not give more days than there were.
    assert_eq!(raised.due, before.due);
    world.scan(&[img(2, &["latest"], NEW)]).await;
    world.scan(&[img(1, &["latest"], OLD)]).await;
    assert_eq!(world.only().severity, raised.severity);
    world
        .store()
        .set_severity(1, None, String::new(), "lee".to_owned())
        .await
        .unwrap();
    world.weigh().await;
    assert_eq!(world.only().severity, before.severity);
    let nobody = world
        .store()
        .set_severity(1, None, String::new(), " ".to_owned())
        .await;
    assert!(nobody.is_err(), "somebody does it");
}

#[tokio::test]
async fn a_raise_of_a_person_does_not_make_late_what_was_in_time() {
    let world = with_one().await;
    // Seen 20 days ago: what comes out has more days than that, the highest severity fewer.
    let seen: jiff::Timestamp = now().parse().unwrap();
    let seen = seen
        .checked_sub(jiff::SignedDuration::from_hours(20 * 24))
        .unwrap();
    let text = format!("{seen:.3}");
    world
        .store()
        .write_now(move |tx| Ok(tx.execute("UPDATE issue SET clock_from = ?1", [text])?))
        .unwrap();
    world.weigh_all().await;
    let before = world.only();
    assert!(before.due.clone().unwrap() > now(), "{before:?}");
    world
        .store()
        .set_severity(
            1,
            Some(Severity::Appoxalypse),
            "It is reached.".to_owned(),
            "lee".to_owned(),
        )
        .await
        .unwrap();
    world.weigh().await;
    let raised = world.only();
    assert!(raised.due.clone().unwrap() > now(), "{raised:?}");
    assert!(raised.due <= before.due);
}

/// Kinds of what a diff tells, with the scan that brought each.
fn diff(world: &World, from: i64, to: i64) -> Vec<(String, Option<i64>)> {
    let events = world
        .store()
        .events_between(from, to, world.fixture.connection)
        .unwrap();
    events
        .into_iter()
        .map(|event| (event.kind, event.scan))
        .collect()
}

#[tokio::test]
async fn a_diff_tells_what_its_scans_brought_and_what_came_between() {
    let mut world = world(&["a", "b"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    let complete = LocationState::Complete;
    let first = world
        .look(0, img(1, &["latest"], OLD).observations(), complete)
        .await;
    world.gather().await;
    // A scan that brings nothing, then new advisories, then one that mends.
    let second = world
        .look(0, img(1, &["latest"], OLD).observations(), complete)
        .await;
    world.gather().await;
    std::thread::sleep(std::time::Duration::from_millis(5));
    world.advisories.push(said("flask", &["1.0"], &["CVE-2"]));
    world.gather().await;
    let third = world
        .look(0, img(2, &["latest"], NEW).observations(), complete)
        .await;
    world.gather().await;
    let opened = ("opened".to_owned(), Some(first));
    let between = ("opened".to_owned(), None);
    let mended = ("resolved".to_owned(), Some(third));
    assert_eq!(diff(&world, 0, first), std::slice::from_ref(&opened));
    assert_eq!(diff(&world, first, second), []);
    assert_eq!(
        diff(&world, second, third),
        [between.clone(), mended.clone(), mended.clone()]
    );
    assert_eq!(
        diff(&world, first, third),
        [between.clone(), mended.clone(), mended.clone()]
    );
    assert_eq!(
        diff(&world, 0, third),
        [opened, between, mended.clone(), mended]
    );
    assert_eq!(diff(&world, third, third), []);
    assert_eq!(diff(&world, third, first), []);
}

#[tokio::test]
async fn a_diff_does_not_depend_on_when_its_scans_were_weighed() {
    let mut world = world(&["a", "b"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    let complete = LocationState::Complete;
    // Both are weighed in one run, the later scan's location first.
    let of_b = world
        .look(1, img(1, &["latest"], OLD).observations(), complete)
        .await;
    let of_a = world
        .look(0, img(2, &["latest"], OLD).observations(), complete)
        .await;
    world.gather().await;
    assert_eq!(diff(&world, 0, of_b), [("opened".to_owned(), Some(of_b))]);
    assert_eq!(
        diff(&world, of_b, of_a),
        [("opened".to_owned(), Some(of_a))]
    );
    // Another connection's scans are no part of it.
    let main = world.fixture.connection;
    let other = world
        .store()
        .save_connection(new_connection(Some("other")))
        .unwrap()
        .id;
    world
        .store()
        .record_listing(other, vec![location("x")], Vec::new(), true)
        .await
        .unwrap();
    world.fixture.connection = other;
    world.scan(&[img(1, &["latest"], OLD)]).await;
    world.fixture.connection = main;
    let last = world
        .look(1, img(1, &["latest"], OLD).observations(), complete)
        .await;
    world.gather().await;
    assert_eq!(diff(&world, of_a, last), []);
}
