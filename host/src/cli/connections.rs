//! `connections`: the connected accounts.

use clap::Args;

use super::context::Context;
use super::errors::CliResult;
use super::exit::Exit;
use crate::report::{connections, json};

/// List the connected accounts, and how each is set up.
#[derive(Args, Debug)]
pub(crate) struct Connections {
    /// Write one JSON document instead of a table
    #[arg(long)]
    json: bool,
}

impl Connections {
    pub(crate) fn run(&self, context: &Context) -> CliResult {
        let list = context.backend.connections()?;
        if self.json {
            context.out.data(&json::connections(&list));
        } else if list.is_empty() {
            context.remark(
                "No account is connected yet. `ox-host connect gitlab-registry --url https://gitlab.com` \
                 connects one.",
            );
        } else {
            context
                .out
                .data(&connections::table(&list, context.out.look));
        }
        Ok(Exit::Ok)
    }
}
