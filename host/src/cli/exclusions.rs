//! `exclusions`: what is kept out of the queue, why, and until when.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use ox_issue::exclusion::Scope;
use ox_issue::issue::ExclusionKind;

use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use super::when::{By, until};
use crate::report::text::count;
use crate::report::{exclusions, json};
use crate::store::issues::{Covers, NewExclusion};

/// Longest VEX document that is read, in bytes.
const VEX_BYTES: u64 = 64 << 20;

/// What is kept out of the queue, why, and until when.
#[derive(Args, Debug)]
pub(crate) struct Exclusions {
    #[command(subcommand)]
    action: Option<Action>,
    /// Those that ended, too
    #[arg(long)]
    all: bool,
    /// Write one JSON document
    #[arg(long)]
    json: bool,
}

/// What kind of exclusion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum KindChoice {
    /// Accepted
    #[default]
    Excluded,
    /// It is not so
    FalsePositive,
    /// Later
    Snoozed,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Exclude more than one issue: a rule or CVE, a package, an application, a location
    Add {
        /// A CVE, an advisory, or a rule of the connector (`posture/root-user`); `*` takes everything
        #[arg(long, value_name = "ID", group = "covered")]
        rule: Option<String>,
        /// A package, by its name or its source package's; `*` takes everything
        #[arg(long, value_name = "PACKAGE", group = "covered")]
        package: Option<String>,
        /// With --package: only of this ecosystem ("Debian", "npm")
        #[arg(long, value_name = "NAME", requires = "package")]
        ecosystem: Option<String>,
        /// Locations, by their path
        #[arg(long, value_name = "GLOB", group = "covered")]
        location: Option<String>,
        /// An application; with --rule or --package: only in it
        #[arg(long, value_name = "NAME")]
        application: Option<String>,
        /// What kind
        #[arg(long, value_enum, default_value_t)]
        kind: KindChoice,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// When it ends by itself (2026-12-31, 30d, 2w)
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
        #[command(flatten)]
        by: By,
    },
    /// End one
    End {
        /// Its number
        id: i64,
        #[command(flatten)]
        by: By,
    },
    /// Read a VEX document (OpenVEX or CycloneDX): what it calls not affected is excluded
    Vex {
        /// The document
        file: PathBuf,
        #[command(flatten)]
        by: By,
    },
}

impl Exclusions {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        let host = context.backend.queue()?;
        match &self.action {
            None => {
                let rows = host.exclusions(self.all)?;
                if rows.is_empty() && !self.json {
                    context.remark("Nothing is excluded.");
                }
                context.out.data(&if self.json {
                    json::exclusions(&rows)
                } else {
                    exclusions::table(&rows, context.out.look)
                });
            }
            Some(Action::Add {
                rule,
                package,
                ecosystem,
                location,
                application,
                kind,
                reason,
                until: end,
                by,
            }) => {
                let application = application.clone();
                let scope = match (rule, package, location) {
                    (Some(pattern), _, _) => Scope::Rule {
                        pattern: pattern.clone(),
                        application,
                    },
                    (_, Some(name), _) => Scope::Package {
                        ecosystem: ecosystem.clone(),
                        name: name.clone(),
                        application,
                    },
                    (_, _, Some(path)) => Scope::Location { path: path.clone() },
                    (None, None, None) => Scope::Application {
                        name: application.ok_or_else(|| {
                            CliError::usage(
                                "nothing is named that is to be excluded",
                                "give --rule, --package, --location or --application",
                            )
                        })?,
                    },
                };
                let id = host
                    .exclude(NewExclusion {
                        kind: match kind {
                            KindChoice::Excluded => ExclusionKind::Excluded,
                            KindChoice::FalsePositive => ExclusionKind::FalsePositive,
                            KindChoice::Snoozed => ExclusionKind::Snoozed,
                        },
                        covers: Covers::Scope(scope),
                        reason: reason.clone(),
                        by: by.name(),
                        until: end.as_deref().map(until).transpose()?,
                    })
                    .await?;
                context.out.data(&format!("Exclusion {id}\n"));
            }
            Some(Action::End { id, by }) => {
                host.end_exclusion(*id, &by.name()).await?;
                context.out.data(&format!("Exclusion {id} is ended\n"));
            }
            Some(Action::Vex { file, by }) => {
                let bytes = read_capped(file)?;
                let (all, excluded) = host.import_vex(&bytes, &by.name()).await?;
                context.out.data(&format!(
                    "{}, {} of them say that something is not affected or fixed\n",
                    count(all as u64, "statement", "statements"),
                    excluded
                ));
            }
        }
        Ok(Exit::Ok)
    }
}

fn read_capped(file: &PathBuf) -> CliResult<Vec<u8>> {
    let wrong = |error: std::io::Error| {
        CliError::settings(
            format!("{} can't be read: {error}", file.display()),
            "name an OpenVEX or CycloneDX document",
        )
    };
    let size = std::fs::metadata(file).map_err(wrong)?.len();
    if size > VEX_BYTES {
        return Err(CliError::settings(
            format!(
                "{} has {size} bytes, and {VEX_BYTES} are read",
                file.display()
            ),
            "divide the document",
        ));
    }
    std::fs::read(file).map_err(wrong)
}
