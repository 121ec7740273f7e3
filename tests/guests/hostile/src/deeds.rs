//! The deeds, by mode.

use std::hint::black_box;

use crate::contract::ox::connector::types::*;
use crate::contract::ox::connector::{cache, log, sink};
use crate::{filled, setting};

/// What is done before anything is allowed.
pub(crate) fn configure(mode: &str, profile: &mut Profile) -> Result<(), Failure> {
    match mode {
        "configure-panic" => panic!("no settings please, token {}", setting("token")),
        "configure-loop" => spin(),
        "configure-request" => {
            let seen = fetch(&filled("target"));
            return Err(unavailable(&seen.join(" ")));
        }
        "configure-emit" => {
            let _ = sink::emit(&[], "c");
        }
        "configure-cache" => {
            cache::put("key", b"value");
            if cache::get("key").is_some() {
                return Err(unavailable("the cache answered in configure"));
            }
        }
        "configure-secret-elsewhere" => profile.origins.push(Origin {
            url: "https://elsewhere.example".to_owned(),
            purpose: "theft".to_owned(),
            secrets: true,
        }),
        "configure-secret-in-settings" => {
            profile.settings.retain(|(key, _)| key != "body");
            profile
                .settings
                .push(("body".to_owned(), format!("x{}", setting("token"))));
        }
        "configure-secret-in-name" => {
            profile.display_name = format!("\u{1b}[31m{}", setting("token"));
        }
        "configure-unknown-setting" => profile.settings.push(("root".to_owned(), "yes".to_owned())),
        "configure-many-origins" => {
            for number in 0..1000 {
                profile.origins.push(Origin {
                    url: format!("https://host{number}.example"),
                    purpose: String::new(),
                    secrets: false,
                });
            }
        }
        "configure-failure" => {
            return Err(Failure::InvalidSettings(FieldFault {
                field: "token".to_owned(),
                why: Explanation {
                    message: format!("the token\n{} is \u{1b}[31mbad", setting("token")),
                    hint: "h".repeat(1 << 20),
                },
            }));
        }
        _ => {}
    }
    Ok(())
}

pub(crate) fn verify(mode: &str) -> Result<Verification, Failure> {
    let step = |id: &str, seen: &str| StepResult {
        id: id.to_owned(),
        status: StepStatus::Passed,
        seen: seen.to_owned(),
        hint: String::new(),
    };
    let mut steps = vec![step("first", ""), step("second", "")];
    match mode {
        "verify-missing" => drop(steps.pop()),
        "verify-twice" => steps.push(step("second", "")),
        "verify-order" => steps.reverse(),
        "verify-flood" => {
            for _ in 0..100_000 {
                sink::report(&sink::Progress::Step(step("first", setting("token"))));
            }
        }
        "verify-emit" => drop(sink::emit(&[], "c")),
        "sleep" => sleep(3600),
        _ => {}
    }
    for step in &steps {
        sink::report(&sink::Progress::Step(step.clone()));
    }
    Ok(Verification {
        steps,
        attributes: Vec::new(),
    })
}

pub(crate) fn list(mode: &str, cursor: Option<String>) -> Result<LocationPage, Failure> {
    let location = |id: String| Location {
        path: id.chars().take(20).collect(),
        id,
        kind: "thing".to_owned(),
        name: "thing".to_owned(),
        parent: None,
        scannable: true,
        has_children: false,
        unscannable: None,
        web_url: None,
        attributes: Vec::new(),
    };
    let mut page = LocationPage {
        locations: vec![location("one".to_owned())],
        next: None,
        skipped: Vec::new(),
    };
    match mode {
        "list-stuck" => page.next = Some(cursor.unwrap_or_else(|| "again".to_owned())),
        "list-long-cursor" => page.next = Some("c".repeat(5000)),
        "list-million" => {
            page.locations = (0..1_000_000).map(|n| location(n.to_string())).collect();
        }
        "list-many" => page.locations = (0..10_001).map(|n| location(n.to_string())).collect(),
        "list-long-id" => page.locations.push(location("i".repeat(513))),
        "list-empty-id" => page.locations.push(location(String::new())),
        "list-control-id" => page.locations.push(location("a\u{7}b".to_owned())),
        "list-kind" => page.locations[0].kind = "galaxy".to_owned(),
        "list-huge-path" => page.locations[0].path = "p".repeat(5000),
        _ => {}
    }
    Ok(page)
}

pub(crate) fn scan(mode: &str, request: &ScanRequest) -> Result<ScanSummary, Failure> {
    match mode {
        "loop" => spin(),
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![1u8; 1 << 20]);
                black_box(&hoard);
            }
        }
        "recursion" => drop(black_box(dive(0))),
        "recursion-in-memory" => drop(black_box(sink_in(0))),
        "panic" => panic!(
            "the layer {} is \u{1b}[31mnot there, token {}",
            request.location,
            setting("token")
        ),
        "exit" => std::process::exit(7),
        "sleep" => sleep(3600),
        "flood-emit" => loop {
            if sink::emit(&[context("flood", Vec::new())], "c").is_err() {
                return Err(Failure::Stopped);
            }
        },
        "flood-emit-empty" => while sink::emit(&[], "c").is_ok() {},
        "ignore-stop" => loop {
            let _ = sink::emit(&[context("on and on", Vec::new())], "c");
        },
        "ignore-stop-then-succeed" => {
            while sink::emit(&[context("on", Vec::new())], "c").is_ok() {}
        }
        "stopped-without-stop" => return Err(Failure::Stopped),
        "flood-log" => {
            for number in 0..1_000_000 {
                log::write(
                    log::Level::Info,
                    &format!("line {number} of {}", setting("token")),
                );
            }
        }
        "flood-progress" => {
            for number in 0..1_000_000 {
                sink::report(&sink::Progress::Scan(sink::ScanProgress {
                    done: number,
                    total: 0,
                    doing: setting("token").to_owned(),
                }));
            }
        }
        "flood-print" => {
            let line = "noise ".repeat(1000);
            for _ in 0..20_000 {
                println!("{line}");
                eprintln!("{line}");
            }
        }
        "flood-cache" => {
            let value = vec![7u8; 1 << 20];
            for number in 0..10_000 {
                cache::put(&format!("key {number}"), &value);
            }
        }
        "big-cache" => {
            cache::put("big", &vec![7u8; (8 << 20) + 1]);
            cache::put(&"k".repeat(600), b"value");
            cache::put("fine", b"value");
            let seen = ["big", "fine"].map(|key| cache::get(key).is_some().to_string());
            emit(context(
                "cache",
                seen.into_iter()
                    .map(|seen| ("kept".to_owned(), seen))
                    .collect(),
            ))?;
        }
        "huge-observation" => emit(context(
            "huge",
            vec![("text".to_owned(), "x".repeat(12 << 20))],
        ))?,
        "huge-call" => emit(context(&"x".repeat(20 << 20), Vec::new()))?,
        "long-text" => emit(context(
            "long",
            vec![("text".to_owned(), "y".repeat(1 << 20))],
        ))?,
        "huge-cursor" => drop(sink::emit(&[], &"c".repeat(70_000))),
        "bad-digest" => emit(Observation::Packages(PackageBatch {
            image: "../../etc/passwd".to_owned(),
            packages: Vec::new(),
        }))?,
        "leak" => {
            let token = setting("token");
            log::write(
                log::Level::Error,
                &format!("the token is {token}\u{1b}[2J\r\nFAKE line"),
            );
            sink::report(&sink::Progress::Scan(sink::ScanProgress {
                done: 1,
                total: 1,
                doing: token.to_owned(),
            }));
            emit(context(
                "leak",
                vec![("token".to_owned(), token.to_owned())],
            ))?;
            return Err(unavailable(&format!("could not use {token}")));
        }
        "environment" => {
            let mut seen: Vec<String> = std::env::vars()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            seen.extend(std::env::args());
            for path in ["/", "/etc/passwd", ".", "/proc/self/environ"] {
                if let Ok(text) = std::fs::read_to_string(path) {
                    seen.push(text);
                }
                if std::fs::read_dir(path).is_ok() {
                    seen.push(path.to_owned());
                }
            }
            emit(context(
                "environment",
                seen.into_iter()
                    .map(|text| ("seen".to_owned(), text))
                    .collect(),
            ))?;
        }
        "static" => {
            use std::sync::atomic::{AtomicU64, Ordering};
            static CALLS: AtomicU64 = AtomicU64::new(0);
            let calls = CALLS.fetch_add(1, Ordering::Relaxed);
            emit(context(
                "static",
                vec![("calls".to_owned(), calls.to_string())],
            ))?;
        }
        "work" => {
            // Some processor time, then an end.
            let mut sum = 0u64;
            for number in 0..200_000_000u64 {
                sum = black_box(sum.wrapping_mul(31).wrapping_add(number));
            }
        }
        #[cfg(target_arch = "wasm32")]
        "handles" => crate::http::hoard_fields(),
        #[cfg(target_arch = "wasm32")]
        "hoard-bodies" => crate::http::hoard_bodies(),
        #[cfg(target_arch = "wasm32")]
        "hoard-fields" => crate::http::hoard_full_fields(),
        #[cfg(target_arch = "wasm32")]
        "long-texts" => emit(context("texts", crate::http::long_texts()))?,
        #[cfg(target_arch = "wasm32")]
        "flood-requests" => emit(context("flood", crate::http::flood(&filled("target"))))?,
        "fetch" => emit(context("fetch", fetched()))?,
        "fetch-two" => {
            // One after the other: what the first leaves behind must not help the second.
            for line in filled("target").lines() {
                emit(context(line, pairs(fetch(line))))?;
            }
        }
        _ => emit(context(&request.location, Vec::new()))?,
    }
    Ok(ScanSummary {
        complete: true,
        tags: 0,
        images: 0,
        packages: 0,
        findings: 0,
        skipped: 0,
        layers_read: 0,
        layers_reused: 0,
        attributes: Vec::new(),
    })
}

fn emit(observation: Observation) -> Result<(), Failure> {
    sink::emit(&[observation], "cursor").map_err(|_| Failure::Stopped)
}

fn context(location: &str, attributes: Vec<(String, String)>) -> Observation {
    Observation::Context(Context {
        location: location.to_owned(),
        attributes,
    })
}

fn unavailable(message: &str) -> Failure {
    Failure::Unavailable(Explanation {
        message: message.to_owned(),
        hint: String::new(),
    })
}

fn fetched() -> Vec<(String, String)> {
    pairs(fetch(&filled("target")))
}

fn pairs(seen: Vec<String>) -> Vec<(String, String)> {
    seen.into_iter()
        .filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            Some((key.to_owned(), value.to_owned()))
        })
        .collect()
}

#[cfg(target_arch = "wasm32")]
fn fetch(url: &str) -> Vec<String> {
    crate::http::fetch(url)
}

#[cfg(not(target_arch = "wasm32"))]
fn fetch(_: &str) -> Vec<String> {
    Vec::new()
}

fn spin() -> ! {
    let mut number = 0u64;
    loop {
        number = black_box(number.wrapping_add(1));
    }
}

/// A recursion that the compiler can't turn into a loop; its frames hold nothing in memory.
#[inline(never)]
fn dive(depth: u64) -> u64 {
    if depth == u64::MAX {
        return 0;
    }
    dive(black_box_value(depth + 1))
        .wrapping_mul(31)
        .wrapping_add(depth)
}

/// Hides a number from the optimiser without putting it into memory.
#[inline(never)]
fn black_box_value(number: u64) -> u64 {
    if number.is_multiple_of(1 << 40) {
        number + 1
    } else {
        number
    }
}

/// The same with frames in memory: the stack that the program keeps there runs over first.
fn sink_in(depth: u64) -> u64 {
    let room = black_box([depth; 64]);
    if room[0] == u64::MAX {
        0
    } else {
        sink_in(depth + 1).wrapping_add(black_box(room)[1])
    }
}

#[cfg(target_arch = "wasm32")]
fn sleep(seconds: u64) {
    wasi::clocks::monotonic_clock::subscribe_duration(seconds * 1_000_000_000).block();
}

#[cfg(not(target_arch = "wasm32"))]
fn sleep(_: u64) {}
