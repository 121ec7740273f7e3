//! What one call may use, and what a component may be.
//!
//! Every limit is declared once, below: its name, its unit, its default and what it is for. The error that
//! a reached limit becomes, the command line (`--limit memory=128MiB`) and `plugin inspect` all read this
//! table, so a limit can't exist without a sentence.

use std::fmt;
use std::time::Duration;

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes; written with `KiB`, `MiB`, `GiB` or without a suffix.
    Bytes,
    /// Things.
    Count,
    /// Milliseconds; written with `ms`, `s`, `m`, `h`, or without a suffix for seconds.
    Time,
}

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

macro_rules! limits {
    ($( $(#[doc = $doc:literal])+ $variant:ident $field:ident $name:literal $unit:ident $default:expr; )+) => {
        /// One of the limits.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Limit { $( $(#[doc = $doc])+ $variant, )+ }

        /// The limits of one call (and of loading a component). Bytes, counts, or milliseconds.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Limits { $( $(#[doc = $doc])+ pub $field: u64, )+ }

        impl Default for Limits {
            fn default() -> Self { Self { $( $field: $default, )+ } }
        }

        impl Limit {
            /// Every limit, in the order in which lists show them.
            pub const ALL: &'static [Limit] = &[ $( Limit::$variant, )+ ];

            /// Its name on the command line and in messages.
            pub fn name(self) -> &'static str { match self { $( Limit::$variant => $name, )+ } }

            /// What it counts.
            pub fn unit(self) -> Unit { match self { $( Limit::$variant => Unit::$unit, )+ } }

            /// The value when nobody says otherwise.
            pub fn default_value(self) -> u64 { match self { $( Limit::$variant => $default, )+ } }

            /// What it is for.
            pub fn doc(self) -> &'static str {
                match self { $( Limit::$variant => concat!($($doc),+).trim_ascii(), )+ }
            }
        }

        impl Limits {
            /// The value of one.
            pub fn get(&self, limit: Limit) -> u64 {
                match limit { $( Limit::$variant => self.$field, )+ }
            }

            /// Sets one.
            pub fn set(&mut self, limit: Limit, value: u64) {
                match limit { $( Limit::$variant => self.$field = value, )+ }
            }
        }
    };
}

limits! {
    /// Linear memory of one call, summed over all memories of the component.
    Memory memory "memory" Bytes 64 * MIB;
    /// Stack of the component's code; set when the host starts, for all calls.
    Stack stack "stack" Bytes 512 * KIB;
    /// Elements of one call's tables, summed.
    TableElements table_elements "table-elements" Count 100_000;
    /// Core instances in one call.
    Instances instances "instances" Count 100;
    /// Core memories, and core tables, in one call.
    Memories memories "memories" Count 20;
    /// Handles that the component holds at once.
    Handles handles "handles" Count 10_000;
    /// Things of the host (requests, bodies, streams) that the component holds at once.
    Resources resources "resources" Count 4_096;
    /// Bytes that the component hands to the host in one call of a host function, and in one answer.
    HostcallBytes hostcall_bytes "hostcall-bytes" Bytes 16 * MIB;
    /// Time that one call may keep a processor busy.
    Cpu cpu "cpu" Time 15 * MINUTE;
    /// Time that `describe` and `configure` may take; both do no I/O.
    ConfigureTime configure_time "configure-time" Time 10 * SECOND;
    /// Time that `verify` may take.
    VerifyTime verify_time "verify-time" Time 3 * MINUTE;
    /// Time that one page of `list-locations` may take.
    ListTime list_time "list-time" Time 10 * MINUTE;
    /// Time that one call of `scan` may take. What it emitted by then is kept.
    ScanTime scan_time "scan-time" Time 2 * HOUR;
    /// Time between a stop and the moment at which a call that goes on is cut.
    StopGrace stop_grace "stop-grace" Time 5 * SECOND;
    /// Bytes of log lines of one call; more are dropped, with a note.
    LogBytes log_bytes "log-bytes" Bytes MIB;
    /// Bytes of one batch of observations.
    BatchBytes batch_bytes "batch-bytes" Bytes 8 * MIB;
    /// Bytes of all observations of one call.
    EmittedBytes emitted_bytes "emitted-bytes" Bytes GIB;
    /// Observations of one call, each package of a batch counted.
    EmittedObservations emitted_observations "emitted-observations" Count 2_000_000;
    /// Batches of one call.
    EmittedBatches emitted_batches "emitted-batches" Count 200_000;
    /// Bytes that one call may put into the cache; more are not kept.
    CacheBytes cache_bytes "cache-bytes" Bytes GIB;
    /// Size of a component file.
    ComponentBytes component_bytes "component-bytes" Bytes 32 * MIB;
    /// Time to compile a component.
    CompileTime compile_time "compile-time" Time 2 * MINUTE;
}

impl Limits {
    /// The value of a time limit.
    pub fn time(&self, limit: Limit) -> Duration {
        Duration::from_millis(self.get(limit))
    }

    /// The value as a size in memory.
    pub(crate) fn size(&self, limit: Limit) -> usize {
        usize::try_from(self.get(limit)).unwrap_or(usize::MAX)
    }

    /// Reads `NAME=VALUE` as the command line takes it (`memory=128MiB`, `scan-time=30m`).
    pub fn assign(&mut self, assignment: &str) -> Result<(), BadLimit> {
        let Some((name, value)) = assignment.split_once('=') else {
            return Err(BadLimit(format!(
                "{assignment:?} is not a limit; write NAME=VALUE, for example memory=128MiB"
            )));
        };
        let limit = Limit::ALL
            .iter()
            .copied()
            .find(|limit| limit.name() == name.trim())
            .ok_or_else(|| {
                let names: Vec<_> = Limit::ALL.iter().map(|limit| limit.name()).collect();
                BadLimit(format!(
                    "no limit is called {name:?}; the limits are {}",
                    names.join(", ")
                ))
            })?;
        let parsed = limit.unit().parse(value.trim()).ok_or_else(|| {
            BadLimit(format!(
                "{value:?} is no value for the limit {}; write {}",
                limit.name(),
                match limit.unit() {
                    Unit::Bytes => "bytes, such as 64MiB",
                    Unit::Count => "a whole number",
                    Unit::Time => "a time, such as 30s or 10m",
                }
            ))
        })?;
        if parsed == 0 {
            return Err(BadLimit(format!(
                "the limit {} can't be zero: nothing would run",
                limit.name()
            )));
        }
        self.set(limit, parsed);
        Ok(())
    }
}

/// A limit on the command line that can't be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct BadLimit(String);

impl Unit {
    fn parse(self, text: &str) -> Option<u64> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, suffix) = text.split_at_checked(digits)?;
        let number: u64 = number.parse().ok()?;
        let factor = match (self, suffix.trim()) {
            (Unit::Bytes | Unit::Count, "") => 1,
            (Unit::Bytes, "KiB" | "k" | "K") => KIB,
            (Unit::Bytes, "MiB" | "m" | "M") => MIB,
            (Unit::Bytes, "GiB" | "g" | "G") => GIB,
            (Unit::Time, "ms") => 1,
            (Unit::Time, "" | "s") => SECOND,
            (Unit::Time, "m" | "min") => MINUTE,
            (Unit::Time, "h") => HOUR,
            _ => return None,
        };
        number.checked_mul(factor)
    }

    /// The value as people write it, in the largest unit that fits evenly.
    pub fn show(self, value: u64) -> String {
        let steps: &[(u64, &str)] = match self {
            Unit::Bytes => &[(GIB, " GiB"), (MIB, " MiB"), (KIB, " KiB"), (1, " bytes")],
            Unit::Count => &[(1, "")],
            Unit::Time => &[(HOUR, " h"), (MINUTE, " min"), (SECOND, " s"), (1, " ms")],
        };
        steps
            .iter()
            .find(|(size, _)| value >= *size && value.is_multiple_of(*size))
            .map_or_else(
                || value.to_string(),
                |(size, unit)| format!("{}{unit}", value / size),
            )
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_has_a_name_a_sentence_and_a_default_that_it_can_read_back() {
        let mut names = std::collections::HashSet::new();
        for &limit in Limit::ALL {
            assert!(names.insert(limit.name()), "{limit} is there twice");
            assert!(limit.doc().ends_with('.'), "{limit}: {:?}", limit.doc());
            let shown = limit.unit().show(limit.default_value());
            let parsed = limit.unit().parse(&shown.replace(" bytes", ""));
            assert_eq!(parsed, Some(limit.default_value()), "{limit}: {shown}");
            assert_eq!(Limits::default().get(limit), limit.default_value());
        }
    }

    #[test]
    fn the_page_for_authors_tells_every_limit_as_it_is() {
        let page = include_str!("../../../wit/README.md");
        for &limit in Limit::ALL {
            let shown = limit.unit().show(limit.default_value());
            let row = format!("| `{limit}` | {shown} | {} |", limit.doc());
            assert!(page.contains(&row), "wit/README.md lacks the row {row}");
        }
    }

    #[test]
    fn a_limit_is_set_by_its_name_in_the_units_that_people_write() {
        let mut limits = Limits::default();
        limits.assign("memory=128MiB").unwrap();
        limits.assign("scan-time=30m").unwrap();
        limits.assign("cpu=1500ms").unwrap();
        limits.assign("handles=7").unwrap();
        assert_eq!(limits.memory, 128 << 20);
        assert_eq!(limits.time(Limit::ScanTime), Duration::from_secs(1800));
        assert_eq!(limits.time(Limit::Cpu), Duration::from_millis(1500));
        assert_eq!(limits.handles, 7);
    }

    #[test]
    fn what_is_no_limit_is_refused_with_what_would_be_one() {
        let mut limits = Limits::default();
        for (text, expected) in [
            ("memory", "NAME=VALUE"),
            ("remembrance=1", "the limits are memory"),
            ("memory=lots", "such as 64MiB"),
            ("handles=3MiB", "whole number"),
            ("memory=0", "zero"),
            ("memory=99999999999999GiB", "such as"),
        ] {
            let message = limits.assign(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        }
        assert_eq!(limits, Limits::default());
    }
}
