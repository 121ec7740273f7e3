//! Errors for the person at the terminal: what happened, what to do, and which exit code says so.

use serde::Serialize;

use super::exit::{Exit, of_host_error};
use crate::contract::Failure;
use crate::host::HostError;
use crate::report::Look;
use crate::report::text::inert;

/// Why a command did not do what was asked.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    /// Empty when there is nothing to add.
    pub(crate) hint: String,
    /// Commands of which one is meant, a line each below the hint.
    pub(crate) choices: Vec<String>,
    /// The chain below the message; shown with `-v`.
    pub(crate) causes: Vec<String>,
}

/// What a command answers.
pub(crate) type CliResult<T = Exit> = Result<T, CliError>;

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            exit,
            message: message.into(),
            hint: hint.into(),
            choices: Vec::new(),
            causes: Vec::new(),
        }
    }

    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message, hint)
    }

    pub(crate) fn settings(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::new(Exit::Settings, message, hint)
    }

    pub(crate) fn choices(mut self, commands: impl IntoIterator<Item = String>) -> Self {
        self.choices.extend(commands);
        self
    }

    pub(crate) fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// `error: …`, `hint: …`, and with `verbose` one `cause: …` for each cause.
    pub(crate) fn render(&self, look: Look, verbose: bool) -> String {
        let mut out = format!("{} {}\n", look.bad("error:"), inert(&self.message));
        if verbose {
            for cause in &self.causes {
                out.push_str(&format!("{} {}\n", look.faint("cause:"), inert(cause)));
            }
        }
        if !self.hint.is_empty() {
            out.push_str(&format!("{} {}\n", look.good("hint:"), inert(&self.hint)));
        }
        for choice in &self.choices {
            out.push_str(&format!("  {}\n", inert(choice)));
        }
        out
    }

    /// The same as one JSON line, for `--progress json`.
    pub(crate) fn json(&self) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            exit: u8,
            message: &'a str,
            hint: &'a str,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            choices: &'a [String],
            causes: &'a [String],
        }
        crate::report::json::line(
            "error",
            Line {
                exit: self.exit.code(),
                message: &self.message,
                hint: &self.hint,
                choices: &self.choices,
                causes: &self.causes,
            },
        )
    }
}

impl From<HostError> for CliError {
    fn from(error: HostError) -> Self {
        let exit = of_host_error(&error);
        match error {
            HostError::Connector(failure) => from_failure(exit, failure),
            HostError::Unknown { what, name, list } => Self::new(
                exit,
                format!("no {what} is called {name:?}"),
                format!("`ox-host {list}` lists them"),
            ),
            HostError::Limit(message) => Self::new(
                exit,
                message,
                "`ox-host plugin inspect FILE` shows the limits, --limit NAME=VALUE changes one",
            ),
            HostError::Settings(other) | HostError::Other(other) => {
                let mut chain = other.chain().map(ToString::to_string);
                let message = chain.next().unwrap_or_default();
                let causes: Vec<_> = chain.collect();
                let hint = match causes.last() {
                    // Most people need the last cause: it is what the system said.
                    Some(last) if !message.contains(last.as_str()) => last.clone(),
                    _ => String::new(),
                };
                let message = if hint.is_empty() {
                    message
                } else {
                    format!("{message}: {hint}")
                };
                Self {
                    exit,
                    message,
                    hint: String::new(),
                    choices: Vec::new(),
                    causes,
                }
            }
        }
    }
}

fn from_failure(exit: Exit, failure: Failure) -> CliError {
    match failure {
        Failure::InvalidSettings(fault) => CliError::new(
            exit,
            format!("{}: {}", fault.field, fault.why.message),
            fault.why.hint,
        ),
        Failure::Forbidden(lack) if !lack.missing_scopes.is_empty() => {
            let scopes = lack.missing_scopes.join(", ");
            CliError::new(exit, lack.why.message, lack.why.hint)
                .because(format!("the token lacks {scopes}"))
        }
        Failure::Forbidden(lack) => CliError::new(exit, lack.why.message, lack.why.hint),
        Failure::RateLimited(limit) => {
            let hint = match limit.retry_after {
                Some(seconds) if limit.why.hint.is_empty() => {
                    format!(
                        "try again in {}",
                        crate::report::text::count(seconds.into(), "second", "seconds")
                    )
                }
                _ => limit.why.hint,
            };
            CliError::new(exit, limit.why.message, hint)
        }
        Failure::Unauthenticated(why)
        | Failure::NotFound(why)
        | Failure::Unavailable(why)
        | Failure::UnexpectedAnswer(why)
        | Failure::OverLimit(why) => CliError::new(exit, why.message, why.hint),
        Failure::Stopped => CliError::new(exit, "interrupted", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Explanation;

    #[test]
    fn an_error_is_one_line_and_a_hint_whatever_the_connector_says() {
        let failure = Failure::Unauthenticated(Explanation {
            message: "GitLab answered 401\nerror: \u{1b}[2Jfake".to_owned(),
            hint: "Make a new token.".to_owned(),
        });
        let error = CliError::from(HostError::Connector(failure));
        assert_eq!(error.exit, Exit::Permission);
        insta::assert_snapshot!(error.render(Look::PLAIN, false), @r"
        error: GitLab answered 401 error: �[2Jfake
        hint: Make a new token.
        ");
    }

    #[test]
    fn causes_are_shown_when_asked_for() {
        let other = anyhow::anyhow!("permission denied")
            .context("open the store")
            .context("start");
        let error = CliError::from(HostError::from(other));
        insta::assert_snapshot!(error.render(Look::PLAIN, false), @"error: start: permission denied");
        insta::assert_snapshot!(error.render(Look::PLAIN, true), @r"
        error: start: permission denied
        cause: open the store
        cause: permission denied
        ");
    }
}
