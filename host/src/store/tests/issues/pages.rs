//! What pages read: a part at a time, and from tallies.

use std::collections::BTreeSet;

use super::super::*;
use super::world::{img, said, world};
use crate::contract::{Skip, SkipReason, SkipSubject, Skipped};
use crate::scan::script::why;
use crate::store::ImageQuery;

fn of(limit: usize) -> ImageQuery {
    ImageQuery {
        limit,
        ..ImageQuery::default()
    }
}

fn text(text: &str) -> ImageQuery {
    ImageQuery {
        text: Some(text.to_owned()),
        ..ImageQuery::default()
    }
}

fn left_out(name: &str, reason: SkipReason) -> Observation {
    Observation::Skipped(Skipped {
        subject: SkipSubject::Tag,
        name: name.to_owned(),
        image: None,
        skip: Skip {
            reason,
            why: why("It is so."),
        },
    })
}

#[tokio::test]
async fn pages_of_images_follow_each_other_and_hold_every_image_once() {
    let mut world = world(&["acme/api"]).await;
    let images: Vec<_> = (1..8)
        .map(|seed| {
            let repository = if seed % 2 == 0 {
                "acme/api"
            } else {
                "acme/web"
            };
            img(seed, &["latest"], &[]).of(repository, "amd64")
        })
        .collect();
    world.scan(&images).await;
    let whole = world.store().image_page(&of(0)).unwrap();
    assert_eq!((whole.rows.len(), whole.total, whole.next), (7, 7, None));
    let mut query = of(2);
    let mut seen = Vec::new();
    loop {
        let part = world.store().image_page(&query).unwrap();
        assert!(part.rows.len() <= 2);
        assert_eq!(part.total, 7, "the total does not shrink from page to page");
        seen.extend(part.rows.into_iter().map(|row| row.image.digest));
        match part.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    let all: Vec<_> = whole.rows.into_iter().map(|row| row.image.digest).collect();
    assert_eq!(seen, all);
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), 7);
}

#[tokio::test]
async fn an_image_is_found_by_repository_tag_both_and_digest_and_by_nothing_else() {
    let mut world = world(&["acme/api"]).await;
    world
        .scan(&[
            img(1, &["1.4"], &[]).of("acme/api", "amd64"),
            img(2, &["100%"], &[]).of("acme/web", "amd64"),
        ])
        .await;
    let found = |query: &str| -> Vec<String> {
        let part = world.store().image_page(&text(query)).unwrap();
        part.rows.into_iter().map(|row| row.image.digest).collect()
    };
    for query in [
        "acme/api",
        "1.4",
        "acme/api:1.4",
        "registry.example.com/acme/api",
        "010101",
        "sha256:0101",
    ] {
        assert_eq!(found(query), [digest(1)], "{query}");
    }
    // Signs that a pattern would read otherwise mean themselves.
    assert_eq!(found("%"), [digest(2)]);
    assert!(found("_").is_empty() && found("acme/web:1.4").is_empty());
}

#[tokio::test]
async fn what_was_left_out_is_paged_and_counted_alike() {
    let world = world(&["acme/api", "acme/web"]).await;
    let batch = |place: &str| {
        let names = (0..5).map(|n| left_out(&format!("{place}-{n}"), SkipReason::NotAnImage));
        names
            .chain([left_out("big", SkipReason::OverLimit)])
            .collect::<Vec<_>>()
    };
    for at in 0..2 {
        world
            .look(at, batch(&at.to_string()), LocationState::Complete)
            .await;
    }
    let reasons = world.store().skip_reasons(&of(0)).unwrap();
    assert_eq!(
        reasons,
        [(SkipReason::NotAnImage, 10), (SkipReason::OverLimit, 2)]
    );
    for (reason, many) in reasons {
        let mut query = ImageQuery {
            reason: Some(reason),
            ..of(3)
        };
        let mut seen = BTreeSet::new();
        loop {
            let part = world.store().skip_page(&query).unwrap();
            assert_eq!(part.total, many);
            for row in part.rows {
                assert!(seen.insert((row.location, row.skipped.name)), "once each");
            }
            match part.next {
                Some(next) => query.after = Some(next),
                None => break,
            }
        }
        assert_eq!(seen.len() as u64, many);
    }
}

#[tokio::test]
async fn a_place_in_a_list_that_is_none_is_refused() {
    let world = world(&["acme/api"]).await;
    for after in ["x", "5:a", "999999999999999999999:a"] {
        let query = ImageQuery {
            after: Some(after.to_owned()),
            ..ImageQuery::default()
        };
        assert!(world.store().image_page(&query).is_err(), "{after}");
        assert!(world.store().skip_page(&query).is_err(), "{after}");
        assert!(world.store().failed_locations(&query).is_err(), "{after}");
    }
}

#[tokio::test]
async fn a_location_is_listed_as_failed_until_a_scan_of_it_ends_well() {
    let world = world(&["acme/api"]).await;
    world.look(0, Vec::new(), LocationState::Failed).await;
    let failed = world.store().failed_locations(&of(0)).unwrap();
    assert_eq!((failed.rows.len(), failed.total), (1, 1));
    assert_eq!(failed.rows[0].state, "failed");
    let ends = world.store().last_ends(world.fixture.connection).unwrap();
    assert_eq!(ends.into_values().collect::<Vec<_>>(), ["failed"]);
    world.look(0, Vec::new(), LocationState::Complete).await;
    assert_eq!(world.store().failed_locations(&of(0)).unwrap().total, 0);
}

/// What the tallies say, and what counting says.
fn tallies(world: &super::world::World) -> [Vec<String>; 2] {
    let rows = |sql: &'static str| -> Vec<String> {
        world
            .store()
            .read(|tx| {
                let mut statement = tx.prepare(sql)?;
                let rows = statement.query_map([], |row| row.get(0))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .unwrap()
    };
    [
        rows(
            "SELECT location_id || ' ' || application || ' ' || severity || ' ' || issues AS one
             FROM issue_place_tally WHERE issues <> 0
             UNION ALL SELECT day || ' ' || severity || ' ' || issues FROM issue_age_tally WHERE issues <> 0
             ORDER BY one",
        ),
        rows(
            "SELECT location_id || ' ' || application || ' ' || severity || ' ' || count(*) AS one FROM issue
             WHERE state = 'open' AND excluded IS NULL GROUP BY location_id, application, severity
             UNION ALL SELECT substr(first_seen, 1, 10) || ' ' || severity || ' ' || count(*) FROM issue
             WHERE state = 'open' AND excluded IS NULL GROUP BY substr(first_seen, 1, 10), severity
             ORDER BY one",
        ),
    ]
}

#[tokio::test]
async fn the_tallies_say_what_counting_says_whatever_happens_to_issues() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![
        said("flask", &["1.0"], &["CVE-1"]),
        said("jinja", &["1.0"], &["CVE-2"]),
    ];
    let images = [img(1, &["latest"], &[("flask", "1.0"), ("jinja", "1.0")])];
    world.scan(&images).await;
    let mut seen = Vec::new();
    let mut check = |world: &super::world::World, when: &str| {
        let [told, counted] = tallies(world);
        assert_eq!(told, counted, "{when}");
        seen.push(told);
    };
    check(&world, "opened");
    for (when, sql) in [
        (
            "excluded",
            "UPDATE issue SET excluded = 'person' WHERE id = 1",
        ),
        ("weighed otherwise", "UPDATE issue SET severity = 0"),
        (
            "no longer excluded",
            "UPDATE issue SET excluded = NULL, application = 'other' WHERE id = 1",
        ),
        (
            "seen earlier",
            "UPDATE issue SET first_seen = '2020-01-01T00:00:00.000Z' WHERE id = 2",
        ),
        (
            "resolved",
            "UPDATE issue SET state = 'resolved' WHERE id = 2",
        ),
        (
            "reopened and excluded at once",
            "UPDATE issue SET state = 'open', excluded = 'person' WHERE id = 2",
        ),
        ("deleted", "DELETE FROM issue WHERE id = 1"),
    ] {
        world.run_sql(sql);
        check(&world, when);
    }
    seen.dedup();
    assert!(seen.len() > 5, "the tallies moved: {seen:?}");
}

#[tokio::test]
async fn a_glance_tells_of_today_ages_places_and_what_the_last_scan_brought() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![said("flask", &["1.0"], &["CVE-1"])];
    world
        .scan(&[img(1, &["latest"], &[("flask", "1.0")])])
        .await;
    let rank = usize::try_from(world.only().severity).unwrap();
    let glance = |world: &super::world::World| world.store().overview(30, &now()).unwrap();
    let one = glance(&world);
    assert_eq!(one.ages[rank], [1, 0, 0, 0]);
    assert_eq!(
        (one.locations[0].name.as_str(), one.locations[0].open[rank]),
        ("acme/api", 1)
    );
    assert!(one.locations[0].weight > 0);
    assert_eq!(one.days.last().unwrap().open[rank], 1);
    assert_eq!((one.brought[0].opened, one.brought[0].closed), (1, 0));
    assert_eq!(one.images, (1, 0));
    // Long ago, past its deadline, and mended by the next scan.
    world.run_sql("UPDATE issue SET first_seen = '2020-01-01T00:00:00.000Z', due = '2020-02-01T00:00:00.000Z'");
    let two = glance(&world);
    assert_eq!(
        (two.ages[rank], two.overdue, two.near),
        ([0, 0, 0, 1], 1, 0)
    );
    world
        .scan(&[img(2, &["latest"], &[("flask", "2.0")])])
        .await;
    let three = glance(&world);
    assert_eq!((three.overdue, three.ages[rank]), (0, [0; 4]));
    assert_eq!(
        (three.mended[0].issues, three.mended[0].days > 1000.0),
        (1, true)
    );
    assert_eq!((three.brought[0].opened, three.brought[0].closed), (0, 1));
    assert!(three.locations.is_empty());
}

#[tokio::test]
async fn changes_between_scans_are_those_of_the_history_counted() {
    let mut world = world(&["acme/api"]).await;
    world.advisories = vec![
        said("flask", &["1.0"], &["CVE-1"]),
        said("jinja", &["1.0"], &["CVE-2"]),
    ];
    let both = img(1, &["latest"], &[("flask", "1.0"), ("jinja", "1.0")]);
    let one = img(2, &["latest"], &[("flask", "2.0"), ("jinja", "1.0")]);
    let first = world
        .look(0, both.observations(), LocationState::Complete)
        .await;
    world.gather().await;
    // Between the scans, an advisory is known by another severity.
    world.advisories[1].word = "LOW".to_owned();
    world.gather().await;
    let second = world
        .look(0, one.observations(), LocationState::Complete)
        .await;
    world.gather().await;
    let connection = world.fixture.connection;
    for (from, to) in [(0, first), (0, second), (first, second), (second, second)] {
        let told = world
            .store()
            .changes_between(connection, from, to, 1)
            .unwrap();
        let history = world.store().events_between(from, to, connection).unwrap();
        let sum: u64 = told.iter().map(|group| group.of.count).sum();
        assert_eq!(
            sum,
            history.len() as u64,
            "{from} to {to}: {told:?} {history:?}"
        );
        assert!(told.iter().all(|group| group.first.len() == 1));
    }
    let kinds: BTreeSet<String> = world
        .store()
        .changes_between(connection, first, second, 1)
        .unwrap()
        .into_iter()
        .map(|group| group.of.kind)
        .collect();
    assert!(
        kinds.contains("severity") && kinds.contains("resolved"),
        "{kinds:?}"
    );
}
