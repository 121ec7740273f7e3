//! `locations`: what is there, and what of it is scanned.

use clap::Args;

use super::context::Context;
use super::errors::CliResult;
use super::exit::Exit;
use crate::host::LocationRow;
use crate::report::{json, locations};

/// Show the locations of an account, and which of them are scanned.
///
/// Shows them as they were listed last; an account that was never listed is listed first.
#[derive(Args, Debug)]
pub(crate) struct Locations {
    /// Name of the connection
    name: String,
    /// Draw the tree of groups and projects
    #[arg(long, conflicts_with = "json")]
    tree: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
    /// List them anew
    #[arg(long)]
    refresh: bool,
}

impl Locations {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        context.connection(&self.name)?;
        let rows = known_or_listed(context, &self.name, self.refresh).await?;
        let look = context.out.look;
        if self.json {
            context.out.data(&json::locations(&self.name, &rows));
        } else if rows.is_empty() {
            context.remark("The account has no locations that its token can see.");
        } else if self.tree {
            context.out.data(&locations::tree(&rows, look));
        } else {
            context.out.data(&locations::table(&rows, look));
        }
        Ok(Exit::Ok)
    }
}

/// The locations as the host knows them; listed anew when asked, or when it knows none.
pub(crate) async fn known_or_listed(
    context: &Context,
    name: &str,
    refresh: bool,
) -> CliResult<Vec<LocationRow>> {
    if !refresh {
        let known = context.backend.known_locations(name)?;
        if !known.is_empty() {
            return Ok(known);
        }
    }
    let reporter = context.reporter();
    let _watch = context.watch(&reporter);
    let listed = context
        .backend
        .list_locations(name, &*reporter, &context.cancel)
        .await;
    reporter.finish();
    Ok(listed?)
}
