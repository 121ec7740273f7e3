//! `users`: who has an account on this host. For machines without a browser, for the first account, and for
//! when nobody knows a password any more. It works on the data folder itself, so no daemon may be running on it.

use std::io::{IsTerminal, Read};

use clap::{Args, Subcommand, ValueEnum};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use super::when::By;
use crate::host::SecretString;
use crate::report::issues::day;
use crate::serve::auth::{Accounts, Actor, Role, Via};

/// Bytes that are read of a password: one more than the longest, and its line end.
const MAX_PASSWORD_BYTES: u64 = 1024 + 3;

/// Who has an account on this host.
#[derive(Args, Debug)]
pub(crate) struct Users {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    by: By,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RoleChoice {
    /// Reads
    Viewer,
    /// Works on issues, asks for scans
    Analyst,
    /// Connects accounts, changes connectors, users and policy
    Admin,
}

impl From<RoleChoice> for Role {
    fn from(choice: RoleChoice) -> Self {
        match choice {
            RoleChoice::Viewer => Self::Viewer,
            RoleChoice::Analyst => Self::Analyst,
            RoleChoice::Admin => Self::Admin,
        }
    }
}

/// Where the password comes from.
#[derive(Args, Clone, Copy, Debug)]
struct PasswordFlag {
    /// Read the password from standard input (one line); at a terminal it is asked for otherwise
    #[arg(long)]
    password_stdin: bool,
}

#[derive(Subcommand, Debug)]
enum Action {
    /// Add a user
    Add {
        /// Name to sign in with
        name: String,
        /// What the user may do
        #[arg(long, value_enum)]
        role: RoleChoice,
        #[command(flatten)]
        password: PasswordFlag,
    },
    /// List the users
    List {
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Give a user another role
    Role {
        /// Name
        name: String,
        /// What the user may do from now on
        #[arg(value_enum)]
        role: RoleChoice,
    },
    /// Set a user's password; all their sessions end
    Password {
        /// Name
        name: String,
        #[command(flatten)]
        password: PasswordFlag,
    },
    /// Let a user in no more: their sessions and tokens end
    Disable {
        /// Name
        name: String,
    },
    /// Let a user in again
    Enable {
        /// Name
        name: String,
    },
    /// Make an API token for a user and print it, once
    Token {
        /// Name of the user
        name: String,
        /// What the token may do; never more than its user
        #[arg(long, value_enum)]
        role: RoleChoice,
        /// What it is for
        #[arg(long = "for", value_name = "TEXT", default_value = "command line")]
        label: String,
        /// After so many days it opens nothing; without it, it does not end by itself
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: Option<u16>,
    },
    /// List API tokens
    Tokens {
        /// Of this user only
        name: Option<String>,
        /// Write one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Take an API token back, at once
    Revoke {
        /// Its number, as `users tokens` lists it
        id: i64,
    },
}

impl Users {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        let host = std::sync::Arc::clone(&context.backend).shared()?;
        let accounts = Accounts::new(host);
        let told = self.act(context, &accounts).await?;
        if let Some((action, subject, record)) = told {
            accounts
                .audit_command(&self.by.name(), action, &subject, record)
                .await?;
        }
        Ok(Exit::Ok)
    }

    /// Does it; answers what is to be written into the audit log.
    async fn act(
        &self,
        context: &Context,
        accounts: &Accounts,
    ) -> CliResult<Option<(&'static str, String, Value)>> {
        Ok(match &self.action {
            Action::Add {
                name,
                role,
                password,
            } => {
                let password = password.read()?;
                let user = accounts.add_user(name, (*role).into(), password).await?;
                context.remark(&format!("{} is added as {}.", user.name, user.role.word()));
                Some(("added a user", user.name, json!({"role": user.role})))
            }
            Action::List { json } => {
                list(context, accounts, *json)?;
                None
            }
            Action::Role { name, role } => {
                let user = accounts.set_role(name, (*role).into()).await?;
                context.remark(&format!("{} is {} now.", user.name, user.role.word()));
                let about = json!({"role": user.role});
                Some(("changed the role of a user", user.name, about))
            }
            Action::Password { name, password } => {
                let password = password.read()?;
                let user = accounts.set_password(name, password).await?;
                context.remark(&format!(
                    "The password of {} is set, and all their sessions ended.",
                    user.name
                ));
                Some(("reset the password of a user", user.name, Value::Null))
            }
            Action::Disable { name } => {
                let user = accounts.disable(name).await?;
                context.remark(&format!("{} is not let in any more.", user.name));
                Some(("disabled a user", user.name, Value::Null))
            }
            Action::Enable { name } => {
                let user = accounts.enable(name).await?;
                context.remark(&format!("{} is let in again.", user.name));
                Some(("enabled a user", user.name, Value::Null))
            }
            Action::Token {
                name,
                role,
                label,
                days,
            } => {
                let user = accounts.user(name)?;
                if user.disabled_at.is_some() {
                    return Err(CliError::settings(
                        format!(
                            "{} is disabled, so a token of theirs opens nothing",
                            user.name
                        ),
                        format!("`ox-host users enable {}` lets them in again", user.name),
                    ));
                }
                let maker = Actor {
                    user: user.id,
                    name: user.name,
                    role: user.role,
                    via: Via::Host,
                };
                let end = days.map(|days| {
                    let now = Timestamp::now().to_zoned(TimeZone::UTC);
                    now.saturating_add(i64::from(days).days())
                        .timestamp()
                        .to_string()
                });
                let (token, secret) = accounts
                    .make_token(&maker, label, (*role).into(), end.as_deref())
                    .await?;
                context.remark("This is the only time that the token is shown:");
                context.out.data(&format!("{}\n", secret.expose()));
                let about = json!({
                    "name": token.name, "role": token.role, "beginning": token.beginning,
                    "expires_at": token.expires_at
                });
                Some(("made an API token", token.user, about))
            }
            Action::Tokens { name, json } => {
                tokens(context, accounts, name.as_deref(), *json)?;
                None
            }
            Action::Revoke { id } => {
                let everybody = Actor {
                    user: 0,
                    name: self.by.name(),
                    role: Role::Admin,
                    via: Via::Host,
                };
                let token = accounts.revoke_token(&everybody, *id).await?;
                context.remark(&format!(
                    "The token {} ({}) of {} opens nothing any more.",
                    token.beginning, token.name, token.user
                ));
                let about = json!({"name": token.name, "beginning": token.beginning});
                Some(("revoked an API token", token.user, about))
            }
        })
    }
}

fn list(context: &Context, accounts: &Accounts, as_json: bool) -> CliResult<()> {
    let users = accounts.users()?;
    if as_json {
        context.out.data(&document("users", &users));
        return Ok(());
    }
    if users.is_empty() {
        context.remark("Nobody has an account. `ox-host users add NAME --role admin` makes one.");
        return Ok(());
    }
    let rows = users.iter().map(|user| {
        [
            user.name.clone(),
            user.role.word().to_owned(),
            match &user.disabled_at {
                Some(_) => "disabled".to_owned(),
                None => "active".to_owned(),
            },
            user.last_seen.as_deref().map_or("never", day).to_owned(),
        ]
    });
    let table = columns(["name", "role", "state", "last seen"], rows);
    context.out.data(&table);
    Ok(())
}

fn tokens(
    context: &Context,
    accounts: &Accounts,
    user: Option<&str>,
    as_json: bool,
) -> CliResult<()> {
    let tokens = accounts.tokens(user)?;
    if as_json {
        context.out.data(&document("tokens", &tokens));
        return Ok(());
    }
    let now = crate::store::now();
    let rows = tokens.iter().map(|token| {
        [
            token.id.to_string(),
            token.user.clone(),
            token.name.clone(),
            token.role.word().to_owned(),
            format!("{}…", token.beginning),
            match (&token.revoked_at, &token.expires_at) {
                (Some(_), _) => "revoked".to_owned(),
                (None, Some(_)) if !token.is_live(&now) => "past its end".to_owned(),
                (None, Some(end)) => format!("until {}", day(end)),
                (None, None) => "active".to_owned(),
            },
            token.last_used.as_deref().map_or("never", day).to_owned(),
        ]
    });
    let titles = ["id", "user", "for", "role", "token", "state", "last used"];
    let table = columns(titles, rows);
    context.out.data(&table);
    Ok(())
}

fn document(name: &str, rows: &impl serde::Serialize) -> String {
    crate::report::json::document(name, json!({ name: rows }))
}

/// A plain table.
fn columns<const N: usize>(titles: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    use unicode_width::UnicodeWidthStr;
    let head = titles.map(str::to_uppercase);
    let rows: Vec<[String; N]> = std::iter::once(head)
        .chain(rows.map(|row| row.map(|cell| crate::report::text::inert(&cell))))
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.width().max(*width);
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width + 2 - cell.width()));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

impl PasswordFlag {
    /// The password: a line of standard input, or asked for twice at a terminal.
    fn read(self) -> CliResult<SecretString> {
        if self.password_stdin {
            return from(&mut std::io::stdin().lock());
        }
        if !std::io::stdin().is_terminal() {
            return Err(CliError::usage(
                "no password was given",
                "give it on standard input with --password-stdin",
            ));
        }
        let ask = |question: &str| {
            let term = console::Term::stderr();
            term.write_str(question)
                .and_then(|()| term.read_secure_line())
                .map(Zeroizing::new)
                .map_err(|error| {
                    CliError::usage(
                        "the password could not be read from the terminal",
                        "give it on standard input with --password-stdin",
                    )
                    .because(error)
                })
        };
        let password = ask("Password (at least 12 characters): ")?;
        if *ask("Once more: ")? != *password {
            return Err(CliError::usage(
                "the two passwords are not the same",
                "begin again",
            ));
        }
        Ok(SecretString::new(password.to_string()))
    }
}

fn from(reader: &mut dyn Read) -> CliResult<SecretString> {
    let wrong = |why: &str| {
        CliError::usage(
            format!("the password on standard input {why}"),
            "write it alone on one line",
        )
    };
    let size = usize::try_from(MAX_PASSWORD_BYTES).unwrap_or(usize::MAX);
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    reader
        .take(MAX_PASSWORD_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| wrong("could not be read").because(error))?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return Err(wrong("has more than one line"));
    }
    let text = std::str::from_utf8(line).map_err(|_| wrong("is not UTF-8"))?;
    Ok(SecretString::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_password_is_one_line_of_standard_input_and_is_never_repeated() {
        let read = |text: &str| from(&mut text.as_bytes());
        assert_eq!(read("a b c d e f g\r\n").unwrap().expose(), "a b c d e f g");
        assert_eq!(read("ohne Ende").unwrap().expose(), "ohne Ende");
        let error = read("hunter22\nhunter22\n").unwrap_err();
        assert!(!format!("{error:?}").contains("hunter22"));
    }
}
