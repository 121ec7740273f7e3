//! `issue`: one issue, and what people do with it.

use clap::{Args, Subcommand};
use ox_issue::Severity;
use ox_issue::exclusion::Scope;
use ox_issue::issue::ExclusionKind;

use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use super::when::{By, until};
use crate::report::{issue, json};
use crate::store::issues::{Covers, NewExclusion};

/// One issue: show it, and work on it.
#[derive(Args, Debug)]
pub(crate) struct OneIssue {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Show why it is as severe as it is, what shows it, what to do, and what happened to it
    Show {
        /// Its number (`OX-17` or `17`)
        #[arg(value_parser = number)]
        id: i64,
        /// Show everything that is otherwise cut
        #[arg(long)]
        all: bool,
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Assign it to somebody, or to nobody
    Assign {
        /// Its number (`OX-17` or `17`)
        #[arg(value_parser = number)]
        id: i64,
        /// Who; left out, nobody
        to: Option<String>,
        #[command(flatten)]
        by: By,
    },
    /// Write a comment into its history
    Comment {
        /// Its number (`OX-17` or `17`)
        #[arg(value_parser = number)]
        id: i64,
        /// What to say
        text: String,
        #[command(flatten)]
        by: By,
    },
    /// Set its severity by hand; `auto` goes back to what the factors make it
    Severity {
        /// Its number (`OX-17` or `17`)
        #[arg(value_parser = number)]
        id: i64,
        /// appoxalypse, critical, high, medium, low, info or auto
        severity: String,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
        #[command(flatten)]
        by: By,
    },
    /// Take it out of the queue, for good or until a day
    Exclude {
        /// Its number (`OX-17` or `17`)
        #[arg(value_parser = number)]
        id: i64,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// When it comes back by itself (2026-12-31, 30d, 2w)
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
        #[command(flatten)]
        by: By,
    },
    /// Mark it as a false positive and take it out of the queue
    FalsePositive {
        /// Its number (`OX-17` or `17`)
        #[arg(value_parser = number)]
        id: i64,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// When somebody should look again (2026-12-31, 30d, 2w)
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
        #[command(flatten)]
        by: By,
    },
    /// Take it out of the queue until a day; its deadline stays
    Snooze {
        /// Its number (`OX-17` or `17`)
        #[arg(value_parser = number)]
        id: i64,
        /// When it comes back (2026-12-31, 30d, 2w)
        until: String,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "later")]
        reason: String,
        #[command(flatten)]
        by: By,
    },
    /// Put it back into the queue: ends what excludes it
    Include {
        /// Its number (`OX-17` or `17`)
        #[arg(value_parser = number)]
        id: i64,
        #[command(flatten)]
        by: By,
    },
}

/// `OX-17` or `17`.
fn number(text: &str) -> Result<i64, String> {
    let digits = text
        .strip_prefix("OX-")
        .or_else(|| text.strip_prefix("ox-"))
        .unwrap_or(text);
    digits
        .parse()
        .map_err(|_| format!("{text:?} is not the number of an issue (OX-17)"))
}

impl OneIssue {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        let host = context.backend.queue()?;
        let exclude = |id: i64, kind, reason: &str, until: Option<String>, by: &By| NewExclusion {
            kind,
            covers: Covers::Scope(Scope::Issue { id }),
            reason: reason.to_owned(),
            by: by.name(),
            until,
        };
        let id = match &self.action {
            Action::Show { id, all, json } => {
                let detail = host.issue(*id)?;
                context.out.data(&if *json {
                    json::issue(&detail)
                } else {
                    issue::page(&detail, *all, context.out.look)
                });
                return Ok(Exit::Ok);
            }
            Action::Assign { id, to, by } => {
                host.assign(*id, to.as_deref(), &by.name()).await?;
                *id
            }
            Action::Comment { id, text, by } => {
                host.comment(*id, text, &by.name()).await?;
                *id
            }
            Action::Severity {
                id,
                severity,
                reason,
                by,
            } => {
                let severity = match severity.as_str() {
                    "auto" => None,
                    word => Some(
                        word.parse::<Severity>()
                            .map_err(|error| CliError::usage(format!("{error}, and auto"), ""))?,
                    ),
                };
                host.set_severity(*id, severity, reason, &by.name()).await?;
                *id
            }
            Action::Exclude {
                id,
                reason,
                until: end,
                by,
            } => {
                let end = end.as_deref().map(until).transpose()?;
                host.exclude(exclude(*id, ExclusionKind::Excluded, reason, end, by))
                    .await?;
                *id
            }
            Action::FalsePositive {
                id,
                reason,
                until: end,
                by,
            } => {
                let end = end.as_deref().map(until).transpose()?;
                host.exclude(exclude(*id, ExclusionKind::FalsePositive, reason, end, by))
                    .await?;
                *id
            }
            Action::Snooze {
                id,
                until: end,
                reason,
                by,
            } => {
                let end = Some(until(end)?);
                host.exclude(exclude(*id, ExclusionKind::Snoozed, reason, end, by))
                    .await?;
                *id
            }
            Action::Include { id, by } => {
                let detail = host.issue(*id)?;
                let exclusion = detail
                    .issue
                    .exclusion
                    .ok_or_else(|| CliError::usage(format!("OX-{id} is not excluded"), ""))?;
                let number = exclusion.id.ok_or_else(|| {
                    CliError::usage(
                        format!("OX-{id} was dismissed by {}", exclusion.by),
                        "take the dismissal back there; the next scan brings it",
                    )
                })?;
                let alone = exclusion.scope == "this issue";
                if !alone {
                    return Err(CliError::usage(
                        format!("OX-{id} is excluded by {} ({})", number, exclusion.scope),
                        format!(
                            "`ox-host exclusions end {number}` ends it for everything that it covers"
                        ),
                    ));
                }
                host.end_exclusion(number, &by.name()).await?;
                *id
            }
        };
        // What came of it, in one line.
        let detail = host.issue(id)?;
        context.out.data(&crate::report::issues::table(
            &[detail.issue],
            &[],
            context.out.look,
        ));
        Ok(Exit::Ok)
    }
}
