#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;

use super::*;

fn clock(severity: Severity, first_seen: &'static str, now: &'static str) -> Clock<'static> {
    Clock {
        severity,
        first_seen,
        rose: None,
        is_out: false,
        now,
    }
}

fn of(clock: Clock<'_>) -> Option<(String, SlaState, i64)> {
    Terms::default()
        .of(clock)
        .unwrap()
        .map(|sla| (sla.due, sla.state, sla.days_left))
}

#[test]
fn it_is_due_so_many_days_after_it_was_first_seen() {
    let at = |now| of(clock(Severity::Critical, "2026-03-01T10:00:00Z", now)).unwrap();
    let due = "2026-03-08T10:00:00Z".to_owned();
    assert_eq!(
        at("2026-03-01T10:00:00Z"),
        (due.clone(), SlaState::Within, 7)
    );
    assert_eq!(
        at("2026-03-05T10:00:00Z"),
        (due.clone(), SlaState::Within, 3)
    );
    assert_eq!(at("2026-03-05T10:00:01Z"), (due.clone(), SlaState::Near, 2));
    assert_eq!(at("2026-03-08T10:00:00Z"), (due.clone(), SlaState::Near, 0));
    assert_eq!(
        at("2026-03-08T10:00:01Z"),
        (due.clone(), SlaState::Overdue, -1)
    );
    assert_eq!(at("2026-03-10T10:00:00Z"), (due, SlaState::Overdue, -2));
}

#[test]
fn an_offset_is_understood() {
    let with_offset = of(clock(
        Severity::High,
        "2026-03-01T12:00:00+02:00",
        "2026-03-01T10:00:00Z",
    ));
    let without = of(clock(
        Severity::High,
        "2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00Z",
    ));
    assert_eq!(with_offset, without);
}

#[test]
fn what_is_excluded_or_has_no_days_has_no_deadline() {
    let mut out = clock(
        Severity::Critical,
        "2020-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
    );
    assert!(of(out).is_some());
    out.is_out = true;
    assert_eq!(of(out), None);
    let info = clock(
        Severity::Info,
        "2020-01-01T00:00:00Z",
        "2026-01-01T00:00:00Z",
    );
    assert_eq!(of(info), None);
    let off = Terms {
        enabled: false,
        ..Terms::default()
    };
    out.is_out = false;
    assert_eq!(off.of(out).unwrap(), None);
}

#[test]
fn a_severity_that_rises_gives_its_days_from_then_on() {
    // Seen as Low in January, Critical in March: seven days from then, not overdue at once.
    let mut risen = clock(
        Severity::Critical,
        "2026-01-01T00:00:00Z",
        "2026-03-01T00:00:00Z",
    );
    assert_eq!(of(risen).unwrap().1, SlaState::Overdue);
    risen.rose = Some(Rise {
        at: "2026-03-01T00:00:00Z",
        from: Severity::Low,
    });
    assert_eq!(
        of(risen).unwrap(),
        ("2026-03-08T00:00:00Z".to_owned(), SlaState::Within, 7)
    );
}

#[test]
fn a_rise_never_gives_more_time_than_there_was() {
    // High was due on 31 January; the rise on the 29th would have given until 5 February.
    let mut risen = clock(
        Severity::Critical,
        "2026-01-01T00:00:00Z",
        "2026-01-29T00:00:00Z",
    );
    risen.rose = Some(Rise {
        at: "2026-01-29T00:00:00Z",
        from: Severity::High,
    });
    assert_eq!(of(risen).unwrap().0, "2026-01-31T00:00:00Z");
    // From a severity without deadline there was no time to keep.
    risen.rose = Some(Rise {
        at: "2026-01-29T00:00:00Z",
        from: Severity::Info,
    });
    assert_eq!(of(risen).unwrap().0, "2026-02-05T00:00:00Z");
}

#[test]
fn what_was_there_before_the_start_counts_from_the_start() {
    let terms = Terms {
        start: Some("2026-06-01".to_owned()),
        ..Terms::default()
    };
    let old = clock(
        Severity::Critical,
        "2025-01-01T00:00:00Z",
        "2026-06-02T00:00:00Z",
    );
    assert_eq!(terms.of(old).unwrap().unwrap().due, "2026-06-08T00:00:00Z");
    let new = clock(
        Severity::Critical,
        "2026-06-02T00:00:00Z",
        "2026-06-02T00:00:00Z",
    );
    assert_eq!(terms.of(new).unwrap().unwrap().due, "2026-06-09T00:00:00Z");
}

#[test]
fn a_time_that_is_none_is_an_error_and_not_a_missing_deadline() {
    let broken = clock(Severity::High, "yesterday", "2026-01-01T00:00:00Z");
    assert_eq!(
        Terms::default().of(broken).unwrap_err().to_string(),
        "\"yesterday\" is not a time as RFC 3339 writes it (2026-01-31T12:00:00Z), so the deadline is not known"
    );
}

proptest! {
    #[test]
    fn any_text_as_time_is_answered(first in ".{0,40}", now in ".{0,40}") {
        let _ = Terms::default().of(Clock {
            severity: Severity::Low, first_seen: &first, rose: None, is_out: false, now: &now,
        });
    }

    #[test]
    fn a_worse_severity_is_never_due_later(days in 0i64..20_000, worse in 1u8..6) {
        let at = Timestamp::from_second(days * DAY).unwrap().to_string();
        let due = |rank| {
            let clock = Clock {
                severity: Severity::from_rank(rank), first_seen: &at, rose: None, is_out: false, now: &at,
            };
            Terms::default().of(clock).unwrap().map(|sla| sla.days_left)
        };
        if let (Some(better), Some(worse)) = (due(worse - 1), due(worse)) {
            prop_assert!(worse < better);
        }
    }
}
