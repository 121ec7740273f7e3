//! `select`: choose the locations that are scanned.

use clap::{Args, ValueEnum};

use super::context::Context;
use super::errors::CliResult;
use super::exit::Exit;
use super::globs;
use super::locations::known_or_listed;
use crate::host::{NewLocations, Selection};
use crate::report::{json, locations};

/// Choose the locations that are scanned. What is not given is as at the beginning: all, and new ones too.
#[derive(Args, Debug)]
#[command(
    after_help = "Patterns match whole paths: `*` stops at `/`, `**` does not.

Examples:
  ox-host select work --include 'acme/**' --exclude '**/cache'
  ox-host select work --new-locations exclude"
)]
pub(crate) struct Select {
    /// Name of the connection
    name: String,
    /// Scan only locations whose path matches (repeatable)
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    include: Vec<String>,
    /// Leave out locations whose path matches (repeatable)
    #[arg(long, value_name = "GLOB", num_args = 1..)]
    exclude: Vec<String>,
    /// What happens with locations that appear later
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    new_locations: New,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum New {
    /// They are scanned when the patterns match
    #[default]
    Include,
    /// They are not scanned until the selection is saved again
    Exclude,
}

impl Select {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        globs::check(&self.include)?;
        globs::check(&self.exclude)?;
        context.connection(&self.name)?;
        known_or_listed(context, &self.name, false).await?;
        let selection = Selection {
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            new_locations: match self.new_locations {
                New::Include => NewLocations::Include,
                New::Exclude => NewLocations::Exclude,
            },
        };
        let rows = context.backend.select(&self.name, selection.clone())?;
        if self.json {
            context
                .out
                .data(&json::selection(&self.name, &selection, &rows));
        } else {
            context.out.data(&locations::table(&rows, context.out.look));
        }
        let scannable = rows.iter().filter(|row| row.location.scannable);
        let paths: Vec<_> = scannable.map(|row| row.location.path.as_str()).collect();
        for patterns in [&self.include, &self.exclude] {
            for sentence in globs::unmatched(patterns, &paths)? {
                context.warning(&sentence);
            }
        }
        if !rows.iter().any(|row| row.selected) {
            context.warning("nothing is selected: a scan would have nothing to do");
        }
        Ok(Exit::Ok)
    }
}
