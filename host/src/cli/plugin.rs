//! `plugin`: inspect, install and list connectors, and change between their versions.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use crate::host::{HostError, PluginVersion, SwapOptions, VersionState};
use crate::report::text::{inert, short_digest};
use crate::report::{connector, json};

/// Who changes versions from here.
const BY: &str = "cli";

/// Inspect, install and list connectors, and change between their versions.
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
    /// Try a component file on the connections and make it the active version of its connector
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
    /// List all versions: active, installed, refused
    Versions {
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Make an installed version the active one
    Activate {
        /// Digest of the version, or its beginning
        digest: String,
    },
    /// Go back to the version that was active before
    Rollback {
        /// Id of the connector; may be left out where there is one
        connector: Option<String>,
    },
    /// Forget a version that is not active
    Remove {
        /// Digest of the version, or its beginning
        digest: String,
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
            Action::Versions { json } => {
                let versions = context.backend.host()?.plugin_versions().await?;
                if *json {
                    context.out.data(&json::plugin_versions(&versions));
                } else if versions.is_empty() {
                    context.remark(
                        "No connector is installed; `ox-host plugin install FILE` installs one.",
                    );
                } else {
                    context.out.data(&connector::versions(&versions, look));
                }
            }
            Action::Activate { digest } => {
                let host = context.backend.host()?;
                let digest = whole_digest(&host.plugin_versions().await?, digest)?;
                let version = host
                    .activate_version(&digest, self.options(context))
                    .await?;
                return told(context, &version);
            }
            Action::Rollback { connector } => {
                let host = context.backend.host()?;
                let connector = match connector {
                    Some(connector) => connector.clone(),
                    None => only_connector(&host.plugin_versions().await?)?,
                };
                let options = self.options(context);
                let version = host.roll_back_version(&connector, options).await?;
                return told(context, &version);
            }
            Action::Remove { digest } => {
                let host = context.backend.host()?;
                let digest = whole_digest(&host.plugin_versions().await?, digest)?;
                host.remove_version(&digest).await?;
                context
                    .out
                    .data(&format!("Removed {}\n", short_digest(&digest)));
            }
        }
        Ok(Exit::Ok)
    }

    fn options(&self, context: &Context) -> SwapOptions {
        SwapOptions {
            cancel: context.cancel.clone(),
            ..SwapOptions::new(BY)
        }
    }
}

/// What became of a swap.
fn told(context: &Context, version: &PluginVersion) -> CliResult {
    if let Some(why) = &version.report.refused {
        return Err(CliError::settings(
            why.clone(),
            "the version before goes on; `ox-host plugin versions` lists all",
        ));
    }
    context.out.data(&format!(
        "Active: {} {} ({})\n",
        context.out.look.strong(&inert(&version.connector)),
        inert(&version.version),
        short_digest(&version.digest)
    ));
    Ok(Exit::Ok)
}

/// The version whose digest begins like that.
fn whole_digest(versions: &[PluginVersion], beginning: &str) -> CliResult<String> {
    let wanted = beginning.strip_prefix("sha256:").unwrap_or(beginning);
    let mut found = versions.iter().filter(|version| {
        let digits = version.digest.strip_prefix("sha256:");
        !wanted.is_empty() && digits.is_some_and(|digits| digits.starts_with(wanted))
    });
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.digest.clone()),
        (None, _) => Err(HostError::Unknown {
            what: "version",
            name: beginning.to_owned(),
            list: "plugin versions",
        }
        .into()),
        (Some(_), Some(_)) => Err(CliError::usage(
            format!("more than one version begins with {beginning:?}"),
            "give more of the digest",
        )),
    }
}

fn only_connector(versions: &[PluginVersion]) -> CliResult<String> {
    let mut ids: Vec<&str> = versions
        .iter()
        .filter(|version| version.state == VersionState::Active)
        .map(|version| version.connector.as_str())
        .collect();
    ids.dedup();
    match ids.as_slice() {
        [one] => Ok((*one).to_owned()),
        _ => Err(CliError::usage(
            "which connector is meant?",
            "name it: `ox-host plugin rollback CONNECTOR`; `ox-host plugin list` lists them",
        )),
    }
}
