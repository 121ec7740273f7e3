//! `policy`: the file that tunes severities, maps applications and sets deadlines.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ox_issue::policy::Policy;
use ox_issue::severity;

use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use super::when::By;
use crate::report::issues::day;
use crate::report::text::{count, inert};

/// The file that tunes severities, maps applications and owners, and sets deadlines.
#[derive(Args, Debug)]
pub(crate) struct PolicyCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Print the policy that is in force
    Show,
    /// Print the default policy, with a comment on everything that can be set
    Default,
    /// Check a policy file without setting it
    Check {
        /// The file
        file: PathBuf,
    },
    /// Check a policy file, set it, and weigh every issue by it
    Set {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        by: By,
    },
    /// Print every factor that can change a severity, with its number
    Factors,
}

impl PolicyCommand {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        match &self.action {
            Action::Show => match context.backend.queue()?.policy()? {
                Some(stored) => {
                    context.remark(&format!(
                        "Set by {} on {}",
                        inert(&stored.by),
                        day(&stored.at)
                    ));
                    context.out.data(&stored.text);
                }
                None => {
                    context.remark("Nobody has set a policy; this is the default.");
                    context.out.data(Policy::default_text());
                }
            },
            Action::Default => context.out.data(Policy::default_text()),
            Action::Check { file } => {
                let policy = parse(&read(file)?)?;
                context.out.data(&format!(
                    "It is well-formed: {}, {}, {}, {}\n",
                    count(
                        policy.applications.len() as u64,
                        "application",
                        "applications"
                    ),
                    count(policy.teams.len() as u64, "team", "teams"),
                    count(policy.owners.len() as u64, "owner rule", "owner rules"),
                    count(
                        policy.environments.len() as u64,
                        "environment",
                        "environments"
                    ),
                ));
            }
            Action::Set { file, by } => {
                let text = read(file)?;
                parse(&text)?;
                let host = context.backend.queue()?;
                let reporter = context.reporter();
                let events: std::sync::Arc<dyn crate::host::Events> = reporter.clone();
                let gathered = host.set_policy(&text, &by.name(), events).await;
                reporter.finish();
                context
                    .out
                    .data(&crate::report::gathered::sentence(&gathered?));
            }
            Action::Factors => context.out.data(&severity::markdown()),
        }
        Ok(Exit::Ok)
    }
}

fn read(file: &PathBuf) -> CliResult<String> {
    std::fs::read_to_string(file).map_err(|error| {
        CliError::settings(
            format!("{} can't be read: {error}", file.display()),
            "`ox-host policy default` prints one to begin with",
        )
    })
}

fn parse(text: &str) -> CliResult<Policy> {
    let wrong = |error: String| {
        CliError::settings(
            error,
            "`ox-host policy default` shows everything that can be set",
        )
    };
    Policy::parse(text).map_err(|error| wrong(error.to_string()))
}
