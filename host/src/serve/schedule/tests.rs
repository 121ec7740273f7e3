#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::due::{Due, Next, look, next};
use super::times::Times;
use super::*;
use crate::host::tests::{World, connected, world};
use crate::scan::script::{Script, Scripted};
use crate::serve::ServeOptions;
use crate::serve::bus::Bus;
use crate::serve::metrics::Metrics;
use crate::serve::runs::{Cause, Run, RunFilter, RunState, Runs};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn after(cron: &str, zone: &str, moment: &str, many: usize) -> Vec<String> {
    let times = Times::parse(cron, zone).unwrap();
    let mut moment = at(moment);
    let mut found = Vec::new();
    for _ in 0..many {
        moment = times.after(moment).unwrap();
        found.push(moment.to_string());
    }
    found
}

#[test]
fn nonsense_is_refused_with_a_sentence() {
    for (cron, zone, why) in [
        ("", "UTC", "0 fields"),
        ("17 3 * *", "UTC", "4 fields"),
        ("0 17 3 * * *", "UTC", "6 fields"),
        ("@daily", "UTC", "1 fields"),
        ("99 3 * * *", "UTC", "can't be read"),
        ("a b c d e", "UTC", "can't be read"),
        ("0 0 30 2 *", "UTC", "never come"),
        ("17 3 * * *", "Mars/Olympus", "no time zone"),
        ("17 3 * * *", "", "no time zone"),
    ] {
        let refused = Times::parse(cron, zone).unwrap_err();
        assert!(refused.contains(why), "{cron:?} {zone:?}: {refused}");
    }
    let long = Times::parse(&"1,".repeat(100), "UTC").unwrap_err();
    assert!(long.contains("more than"), "{long}");
}

#[test]
fn a_time_in_the_gap_of_spring_runs_once_that_day() {
    // In Berlin 02:00 to 03:00 does not exist on 2026-03-29.
    let found = after("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
    assert_eq!(found[0], "2026-03-28T01:30:00Z");
    assert!(found[1].starts_with("2026-03-29T01:"), "{found:?}");
    assert_eq!(found[2], "2026-03-30T00:30:00Z");
}

#[test]
fn a_time_in_the_overlap_of_autumn_runs_once() {
    // In Berlin 02:00 to 03:00 comes twice on 2026-10-25.
    let found = after("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
    assert_eq!(found, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
}

#[test]
fn a_time_that_repeats_follows_the_clock_through_both() {
    let spring = after("0 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3);
    assert_eq!(
        spring,
        [
            "2026-03-29T01:00:00Z",
            "2026-03-29T02:00:00Z",
            "2026-03-29T03:00:00Z"
        ]
    );
    let autumn = after("0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", 3);
    assert_eq!(
        autumn,
        [
            "2026-10-25T00:00:00Z",
            "2026-10-25T01:00:00Z",
            "2026-10-25T02:00:00Z"
        ]
    );
}

fn schedule(cron: &str, missed: Missed) -> Schedule {
    Schedule {
        connection: None,
        cron: cron.to_owned(),
        time_zone: "Europe/Berlin".to_owned(),
        jitter_minutes: 0,
        missed,
        enabled: true,
        next_at: None,
        last_at: None,
    }
}

fn daily(minute: u32, hour: u32) -> String {
    format!("{minute} {hour} * * *")
}

proptest! {
    #[test]
    fn a_daily_time_comes_once_each_day_whatever_the_clock_does(
        minute in 0_u32..60,
        hour in 0_u32..24,
        zone in prop::sample::select(vec![
            "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Cairo",
        ]),
        start in 1_700_000_000_i64..2_000_000_000,
    ) {
        let times = Times::parse(&daily(minute, hour), zone).unwrap();
        let mut moment = Timestamp::from_second(start).unwrap();
        let mut last = times.after(moment).unwrap();
        for _ in 0..400 {
            moment = last;
            let next = times.after(moment).unwrap();
            let apart = next.duration_since(last).as_hours();
            prop_assert!((22..=26).contains(&apart), "{last} {next}");
            last = next;
        }
    }

    #[test]
    fn the_next_time_is_later_and_before_the_one_behind_it(
        cron in prop::sample::select(vec!["*/5 * * * *", "17 3 * * *", "0 0 1 * *", "30 2 * * 0", "0 1-5 * * 1-5"]),
        jitter in 0_u32..3000,
        start in 1_700_000_000_i64..2_000_000_000,
        dice in 0.0_f64..=1.0,
    ) {
        let times = Times::parse(cron, "Europe/Berlin").unwrap();
        let now = Timestamp::from_second(start).unwrap();
        let Next { slot, at } = next(&times, jitter, now, dice).unwrap();
        prop_assert!(slot > now && at >= slot);
        prop_assert!(at < times.after(slot).unwrap());
        prop_assert!(at.duration_since(slot) <= SignedDuration::from_mins(24 * 60));
    }

    /// The clock goes on, sleeps, and is set back a little: a slot is served at most once, and after every look the
    /// next time lies ahead.
    #[test]
    fn no_slot_is_served_twice_whatever_the_clock_does(
        steps in prop::collection::vec((-7200_i64..90_000, 0.0_f64..=1.0), 1..200),
        jitter in 0_u32..120,
        missed in prop::sample::select(vec![Missed::Run, Missed::Skip]),
    ) {
        let mut schedule = schedule("30 2 * * *", missed);
        schedule.jitter_minutes = jitter;
        let times = Times::parse(&schedule.cron, &schedule.time_zone).unwrap();
        let mut now = at("2026-03-20T00:00:00Z");
        let mut noted = next(&times, jitter, now, 0.5);
        let mut served = Vec::new();
        for (step, dice) in steps {
            now += SignedDuration::from_secs(step);
            match look(&schedule, &times, noted, now, dice) {
                Due::Wait => {}
                Due::Move(next) => noted = next,
                Due::Run { next, missed: late } => {
                    prop_assert!(!late || missed == Missed::Run);
                    served.push(noted.unwrap().slot);
                    schedule.last_at = Some(now.to_string());
                    noted = next;
                }
            }
            prop_assert!(noted.unwrap().at > now);
        }
        let many = served.len();
        served.sort();
        served.dedup();
        prop_assert_eq!(served.len(), many);
    }
}

#[test]
fn a_clock_that_was_years_ahead_does_not_keep_it_from_running() {
    let wrong = at("2040-01-01T00:00:00Z");
    let mut schedule = schedule("30 2 * * *", Missed::Run);
    let times = Times::parse(&schedule.cron, &schedule.time_zone).unwrap();
    let noted = next(&times, 0, wrong, 0.0);
    schedule.last_at = Some(wrong.to_string());
    let now = at("2026-05-01T00:00:00Z");
    let Due::Move(Some(moved)) = look(&schedule, &times, noted, now, 0.0) else {
        panic!("it waits for 2040");
    };
    assert_eq!(moved.at, at("2026-05-01T00:30:00Z"));
}

#[test]
fn one_that_is_off_has_no_next_time() {
    let mut off = schedule("30 2 * * *", Missed::Run);
    off.enabled = false;
    let times = Times::parse(&off.cron, &off.time_zone).unwrap();
    let now = at("2026-05-01T00:00:00Z");
    let noted = next(&times, 0, at("2026-04-01T00:00:00Z"), 0.0);
    assert_eq!(look(&off, &times, noted, now, 0.0), Due::Move(None));
    assert_eq!(look(&off, &times, None, now, 0.0), Due::Wait);
}

// ---- With a store ------------------------------------------------------------------------------------

struct Hand(Mutex<Timestamp>);

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

struct Stage {
    world: World,
    name: String,
    runs: Arc<Runs>,
    schedules: Arc<Schedules>,
    clock: Arc<Hand>,
}

impl Stage {
    async fn new(now: &str) -> Self {
        let world = world(Script::flat(vec![("acme/api", Scripted::default())]));
        let name = connected(&world).await;
        let bus = Arc::new(Bus::default());
        let metrics = Arc::new(Metrics::default());
        let runs = Runs::new(
            world.host.clone(),
            bus.clone(),
            metrics,
            &ServeOptions::default(),
        );
        let clock = Arc::new(Hand(Mutex::new(at(now))));
        let schedules = Schedules::new(world.host.clone(), runs.clone(), bus, clock.clone());
        Self {
            world,
            name,
            runs,
            schedules,
            clock,
        }
    }

    async fn tick(&self, now: &str) -> Vec<Run> {
        *self.clock.0.lock().unwrap() = at(now);
        self.schedules.tick().await.unwrap();
        self.asked()
    }

    fn asked(&self) -> Vec<Run> {
        self.runs.runs(&RunFilter::default(), None, 100).unwrap()
    }

    async fn set(&self, cron: &str, missed: Missed) -> Schedule {
        let schedule = Schedule {
            connection: Some(self.name.clone()),
            ..schedule(cron, missed)
        };
        self.schedules.set(schedule, "alice").await.unwrap()
    }
}

#[tokio::test]
async fn a_connection_is_scanned_every_night_unless_somebody_says_otherwise() {
    let stage = Stage::new("2026-05-01T12:00:00Z").await;
    let before = stage.schedules.of(Some(&stage.name)).unwrap();
    assert!(stage.tick("2026-05-01T12:00:10Z").await.is_empty());
    let kept = stage.schedules.of(Some(&stage.name)).unwrap();
    assert_eq!(
        (&kept.cron, kept.enabled),
        (&before.cron, true),
        "the default is the same before it is written down"
    );
    let next = at(kept.next_at.as_deref().unwrap());
    assert!(
        (at("2026-05-02T01:00:00Z")..at("2026-05-02T05:05:00Z")).contains(&next),
        "{next}"
    );
    let advisories = stage.schedules.of(None).unwrap();
    assert!(
        !advisories.enabled && advisories.next_at.is_none(),
        "nothing was updated over the network"
    );
    assert!(stage.schedules.of(Some("nobody")).is_err());
}

#[tokio::test]
async fn its_time_comes_and_it_is_asked_for_once() {
    let stage = Stage::new("2026-05-01T12:00:00Z").await;
    let set = stage.set("0 14 * * *", Missed::Run).await;
    assert_eq!(set.next_at.as_deref(), Some("2026-05-02T12:00:00.000Z"));
    assert!(stage.tick("2026-05-02T11:59:59Z").await.is_empty());
    let asked = stage.tick("2026-05-02T12:00:05Z").await;
    assert_eq!(
        (asked.len(), asked[0].cause, asked[0].by.as_str()),
        (1, Cause::Schedule, "schedule")
    );
    // The run is not over: what comes next joins it.
    let asked = stage.tick("2026-05-02T12:00:15Z").await;
    assert_eq!((asked.len(), asked[0].joined), (1, 0), "once");
    let asked = stage.tick("2026-05-03T12:00:05Z").await;
    assert_eq!((asked.len(), asked[0].joined), (1, 1), "overlap joins");
    let kept = stage.schedules.of(Some(&stage.name)).unwrap();
    assert_eq!(kept.last_at.as_deref(), Some("2026-05-03T12:00:05.000Z"));
}

#[tokio::test]
async fn missed_times_are_done_once_or_not_at_all() {
    for (missed, many) in [(Missed::Run, 1), (Missed::Skip, 0)] {
        let stage = Stage::new("2026-05-01T12:30:00Z").await;
        stage.set("0 14 * * *", missed).await;
        let asked = stage.tick("2026-05-09T18:00:00Z").await;
        assert_eq!(asked.len(), many, "{missed:?}");
        assert!(asked.iter().all(|run| run.cause == Cause::Missed));
        let kept = stage.schedules.of(Some(&stage.name)).unwrap();
        assert_eq!(kept.next_at.as_deref(), Some("2026-05-10T12:00:00.000Z"));
    }
}

#[tokio::test]
async fn what_is_set_wrongly_is_refused_and_nothing_changes() {
    let stage = Stage::new("2026-05-01T12:00:00Z").await;
    stage.set("0 14 * * *", Missed::Run).await;
    let set = |change: fn(&mut Schedule)| {
        let mut new = Schedule {
            connection: Some(stage.name.clone()),
            ..schedule("0 14 * * *", Missed::Run)
        };
        change(&mut new);
        stage.schedules.set(new, "alice")
    };
    assert!(set(|new| new.cron = "often".to_owned()).await.is_err());
    assert!(
        set(|new| new.time_zone = "Berlin".to_owned())
            .await
            .is_err()
    );
    assert!(set(|new| new.jitter_minutes = 100_000).await.is_err());
    assert!(
        set(|new| new.connection = Some("nobody".to_owned()))
            .await
            .is_err()
    );
    assert_eq!(
        stage.schedules.of(Some(&stage.name)).unwrap().cron,
        "0 14 * * *"
    );
    let preview = stage
        .schedules
        .preview("0 14 * * *", "Europe/Berlin", 2)
        .unwrap();
    assert_eq!(
        preview,
        ["2026-05-02T12:00:00.000Z", "2026-05-03T12:00:00.000Z"]
    );
    assert!(stage.schedules.preview("often", "UTC", 2).is_err());
}

#[tokio::test]
async fn the_schedule_leaves_a_connector_that_crashes_alone_for_a_while() {
    let stage = Stage::new("2026-05-01T12:00:00Z").await;
    stage.set("*/5 * * * *", Missed::Run).await;
    let store = stage.world.host.store();
    for _ in 0..2 {
        let asked = stage
            .tick(
                &stage
                    .schedules
                    .of(Some(&stage.name))
                    .unwrap()
                    .next_at
                    .unwrap(),
            )
            .await;
        store.start_task(asked[0].id, None).await.unwrap().unwrap();
        let outcome = crate::store::TaskOutcome {
            class: Some(crate::host::FailureClass::Connector),
            ..Default::default()
        };
        store
            .end_task(asked[0].id, RunState::Failed, outcome)
            .await
            .unwrap();
    }
    // The runs ended now, by the clock of this machine.
    let now = Timestamp::now();
    let soon = now + SignedDuration::from_mins(6);
    assert_eq!(stage.tick(&soon.to_string()).await.len(), 2, "backed off");
    let later = now + SignedDuration::from_mins(16);
    assert_eq!(stage.tick(&later.to_string()).await.len(), 3, "tried again");
}

#[tokio::test]
async fn the_day_before_is_noted_once_and_today_is_how_it_stands() {
    let stage = Stage::new("2026-05-01T12:00:00Z").await;
    let today = jiff::Timestamp::now();
    let tomorrow = today + SignedDuration::from_hours(24);
    stage.tick(&today.to_string()).await;
    assert_eq!(
        stage.world.host.trend(30).unwrap().len(),
        6,
        "the connection was not there yesterday"
    );
    stage.tick(&tomorrow.to_string()).await;
    let noted = stage.world.host.store().last_queue_day().unwrap().unwrap();
    assert_eq!(
        noted,
        today.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
    );
    let day_after = tomorrow
        .to_zoned(jiff::tz::TimeZone::UTC)
        .date()
        .to_string();
    let trend = stage.world.host.store().trend(30, &day_after).unwrap();
    let days: Vec<&str> = trend.iter().map(|day| day.day.as_str()).collect();
    assert_eq!(
        (days.len(), days[0], days[11]),
        (12, noted.as_str(), day_after.as_str())
    );
}
