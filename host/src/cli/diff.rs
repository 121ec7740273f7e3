//! `diff`: what changed between two scans; `scans` lists them.

use clap::Args;

use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use crate::report::{diff, json};

/// What changed between two scans of a connection: new, changed, resolved and removed issues, and why.
#[derive(Args, Debug)]
pub(crate) struct Diff {
    /// The earlier scan; `ox-host scans` lists them, 0 is the beginning
    from: Option<i64>,
    /// The later scan; left out, the newest of the same connection
    to: Option<i64>,
    /// With no scans named: the last two of this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub(crate) fn run(&self, context: &Context) -> CliResult {
        let host = context.backend.queue()?;
        let (from, to) = match (self.from, self.to) {
            (Some(from), Some(to)) => (from, to),
            (from, _) => {
                let connection = match (&self.connection, from) {
                    (Some(name), _) => Some(name.clone()),
                    (None, Some(scan)) if scan != 0 => host
                        .scans(None)?
                        .into_iter()
                        .find(|one| one.scan == scan)
                        .map(|one| one.connection),
                    _ => None,
                };
                let mut scans = host.scans(connection.as_deref())?.into_iter();
                let newest = scans.next().ok_or_else(|| {
                    CliError::usage("nothing was scanned yet", "`ox-host scan NAME` scans")
                })?;
                let before = scans
                    .find(|one| one.connection == newest.connection)
                    .map_or(0, |one| one.scan);
                (from.unwrap_or(before), newest.scan)
            }
        };
        if from >= to {
            return Err(CliError::usage(
                format!("scan {from} is not before scan {to}"),
                "name the earlier one first",
            ));
        }
        let found = host.diff(from, to)?;
        context.out.data(&if self.json {
            json::diff(&found)
        } else {
            diff::text(&found, context.out.look)
        });
        Ok(Exit::Ok)
    }
}

/// List scans, newest first.
#[derive(Args, Debug)]
pub(crate) struct Scans {
    /// Only of this connection
    #[arg(long, value_name = "NAME")]
    connection: Option<String>,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Scans {
    pub(crate) fn run(&self, context: &Context) -> CliResult {
        let rows = context.backend.queue()?.scans(self.connection.as_deref())?;
        if rows.is_empty() && !self.json {
            context.remark("Nothing was scanned yet.");
        }
        context.out.data(&if self.json {
            json::scans(&rows)
        } else {
            diff::scans(&rows, context.out.look)
        });
        Ok(Exit::Ok)
    }
}
