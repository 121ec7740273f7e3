//! The limits of a connector's calls, as flags.
//!
//! `plugin::limits` declares every limit with its name, unit and default, and reads `NAME=VALUE`;
//! `plugin inspect` lists them all. Here is one flag for any of them, and three with the names that people
//! know from elsewhere:
//!
//! | flag | limit |
//! |---|---|
//! | `--limit NAME=VALUE` | `NAME` |
//! | `--max-memory SIZE` | `memory` |
//! | `--max-cpu TIME` | `cpu` |
//! | `--max-wall TIME` | `scan-time` |

use clap::Args;

use super::errors::{CliError, CliResult};
use crate::plugin::Limits;

/// Flags of the limits.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LimitFlags {
    /// Memory of one call of the connector (`128MiB`)
    #[arg(long, value_name = "SIZE", global = true, help_heading = "Limits")]
    max_memory: Option<String>,
    /// Time that one call may keep a processor busy (`10m`)
    #[arg(long, value_name = "TIME", global = true, help_heading = "Limits")]
    max_cpu: Option<String>,
    /// Time that the scan of one location may take (`1h`)
    #[arg(long, value_name = "TIME", global = true, help_heading = "Limits")]
    max_wall: Option<String>,
    /// Any limit by its name; `plugin inspect` lists them
    #[arg(
        long = "limit",
        value_name = "NAME=VALUE",
        global = true,
        help_heading = "Limits"
    )]
    limits: Vec<String>,
}

impl LimitFlags {
    /// Each as `NAME=VALUE`. A named flag comes after `--limit`, so it wins over it.
    pub(crate) fn assignments(&self) -> CliResult<Vec<String>> {
        let mut all = Vec::new();
        for limit in &self.limits {
            if !limit
                .split_once('=')
                .is_some_and(|(name, value)| !name.is_empty() && !value.is_empty())
            {
                return Err(CliError::usage(
                    format!("{limit:?} is not a limit"),
                    "write --limit NAME=VALUE, for example --limit memory=128MiB",
                ));
            }
            all.push(limit.clone());
        }
        for (name, value) in [
            ("memory", &self.max_memory),
            ("cpu", &self.max_cpu),
            ("scan-time", &self.max_wall),
        ] {
            if let Some(value) = value {
                all.push(format!("{name}={value}"));
            }
        }
        for limit in &all {
            Limits::default().assign(limit).map_err(|error| {
                CliError::usage(
                    error.to_string(),
                    "write --limit NAME=VALUE, for example --limit memory=128MiB",
                )
            })?;
        }
        Ok(all)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn named_flags_come_after_the_general_one() {
        let flags = LimitFlags {
            max_memory: Some("128MiB".to_owned()),
            limits: vec!["memory=1MiB".to_owned(), "log-bytes=5".to_owned()],
            ..LimitFlags::default()
        };
        assert_eq!(
            flags.assignments().unwrap(),
            ["memory=1MiB", "log-bytes=5", "memory=128MiB"]
        );
    }

    #[test]
    fn a_limit_without_a_value_is_refused() {
        for bad in ["memory", "=5", "memory=", "speed=5", "memory=lots"] {
            let flags = LimitFlags {
                limits: vec![bad.to_owned()],
                ..LimitFlags::default()
            };
            assert!(flags.assignments().is_err(), "{bad}");
        }
    }
}
