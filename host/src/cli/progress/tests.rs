#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use super::*;
use crate::cli::testing::Capture;
use crate::contract::{ScanProgress, StepResult, StepStatus};
use crate::report::samples;

fn events() -> Vec<Event> {
    let path = "acme/shop/\u{1b}[2Japi".to_owned();
    let mut ended = samples::scan_report().locations;
    ended.truncate(1);
    let ended = ended.into_iter().next().unwrap();
    vec![
        Event::Step(StepResult {
            id: "token".to_owned(),
            status: StepStatus::Passed,
            seen: "glados".to_owned(),
            hint: String::new(),
        }),
        Event::Listed(3),
        Event::ScanStarted {
            scan: 1,
            ended: 0,
            locations: 1,
        },
        Event::LocationStarted {
            path: path.clone(),
            resumed: true,
        },
        Event::LocationProgress {
            path: path.clone(),
            progress: ScanProgress {
                done: 1,
                total: 3,
                doing: "layer".to_owned(),
            },
        },
        Event::LocationRetried {
            path: path.clone(),
            message: "502".to_owned(),
            wait_ms: 2_000,
        },
        Event::Log {
            subject: path,
            level: LogLevel::Warn,
            message: "odd\nfake line".to_owned(),
        },
        Event::Log {
            subject: "x".to_owned(),
            level: LogLevel::Debug,
            message: "detail".to_owned(),
        },
        Event::LocationEnded(ended),
    ]
}

fn shown(choice: ProgressChoice, verbose: u8) -> String {
    let capture = Capture::new();
    let reporter = reporter(choice, verbose, &capture.output());
    for event in events() {
        reporter.event(event);
    }
    reporter.remark("Done.");
    reporter.finish();
    assert_eq!(capture.stdout(), "");
    capture.stderr()
}

#[test]
fn plain_lines_read_well_and_foreign_text_stays_in_its_line() {
    insta::assert_snapshot!(shown(ProgressChoice::Plain, 0));
}

#[test]
fn log_lines_below_a_warning_are_for_those_who_ask() {
    assert!(!shown(ProgressChoice::Plain, 0).contains("detail"));
    assert!(shown(ProgressChoice::Plain, 2).contains("detail"));
}

#[test]
fn json_lines_are_numbered_objects() {
    let text = shown(ProgressChoice::Json, 0);
    for (number, line) in text.lines().enumerate() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["seq"], number);
        assert!(value["kind"].is_string());
        value["ts"]
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .unwrap();
    }
    assert_eq!(text.lines().count(), events().len() + 1);
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn none_means_nothing() {
    assert_eq!(shown(ProgressChoice::None, 0), "");
}

#[test]
fn bars_without_a_terminal_draw_no_escape_sequences() {
    let text = shown(ProgressChoice::Bars, 0);
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert!(text.contains("Done."));
}
