//! `plugin`: inspect, install and list connectors.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::context::Context;
use super::errors::CliResult;
use super::exit::Exit;
use crate::report::text::{inert, short_digest};
use crate::report::{connector, json};

/// Inspect, install and list connectors.
#[derive(Args, Debug)]
pub(crate) struct Plugin {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Show what a component file is: manifest, imports, exports, digest, limits
    Inspect {
        /// The component
        file: PathBuf,
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Make a component file one of the installed connectors
    Install {
        /// The component
        file: PathBuf,
    },
    /// List the connectors that can be used
    List {
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
}

impl Plugin {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        let look = context.out.look;
        match &self.action {
            Action::Inspect { file, json } => {
                let inspected = context.backend.inspect(file).await?;
                context.out.data(&if *json {
                    json::connector(&inspected)
                } else {
                    connector::inspected(&inspected, look)
                });
            }
            Action::Install { file } => {
                let (manifest, digest) = context.backend.install_connector(file).await?;
                context.out.data(&format!(
                    "Installed {} {} ({})\n",
                    look.strong(&inert(&manifest.id)),
                    inert(&manifest.version),
                    short_digest(&digest)
                ));
            }
            Action::List { json } => {
                let list = context.backend.connectors().await?;
                if *json {
                    context.out.data(&json::connectors(&list));
                } else if list.is_empty() {
                    context.remark(
                        "No connector is installed; `ox-host plugin install FILE` installs one.",
                    );
                } else {
                    context.out.data(&connector::table(&list, look));
                }
            }
        }
        Ok(Exit::Ok)
    }
}
