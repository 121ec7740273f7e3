//! `disconnect`: forget an account.

use clap::Args;

use super::context::Context;
use super::errors::CliResult;
use super::exit::Exit;
use crate::report::json;

/// Forget an account, its token, and everything that was found through it.
#[derive(Args, Debug)]
pub(crate) struct Disconnect {
    /// Name of the connection
    name: String,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

impl Disconnect {
    pub(crate) fn run(&self, context: &Context) -> CliResult {
        context.connection(&self.name)?;
        context.backend.remove_connection(&self.name)?;
        if self.json {
            context.out.data(&json::disconnected(&self.name));
        } else {
            context.remark(&format!(
                "{} is forgotten, with its token and what was found. The token itself is still valid: \
                 revoke it where it was made.",
                crate::report::text::inert(&self.name)
            ));
        }
        Ok(Exit::Ok)
    }
}
