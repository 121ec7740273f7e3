//! `skipped`: what was not scanned, and why.

use clap::Args;

use super::args::{Format, ListFlags};
use super::context::Context;
use super::errors::CliResult;
use super::exit::Exit;
use crate::report::{json, skipped};

/// List what the newest scan of each location did not look at, and why.
#[derive(Args, Debug)]
pub(crate) struct Skipped {
    #[command(flatten)]
    list: ListFlags,
}

impl Skipped {
    pub(crate) fn run(&self, context: &Context) -> CliResult {
        let rows = context.backend.skipped(&context.filter(&self.list)?)?;
        if rows.is_empty() {
            context.remark("Nothing was skipped.");
        }
        context.out.data(&match self.list.format {
            Format::Table => skipped::table(&rows, context.out.look),
            Format::Json => json::skipped(&rows),
            Format::Jsonl => json::skipped_lines(&rows),
        });
        Ok(Exit::Ok)
    }
}
