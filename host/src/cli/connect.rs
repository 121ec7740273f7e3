//! `connect`: verify an account, and save it when all is well.

use std::io::IsTerminal;

use clap::Args;

use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::{Exit, of_verification};
use super::form::FormFlags;
use super::ticks::Ticks;
use super::token::Sources;
use crate::host::SecretString;
use crate::report::json;
use crate::report::steps::is_green;
use crate::report::text::inert;

/// Connect an account: verify it step by step, and save it when all is well.
///
/// Warnings are fine; a failed step keeps the account from being saved. The token never stands on the
/// command line: it comes from standard input, a file, an environment variable, or is asked for.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ox-host connect gitlab-registry --url https://gitlab.com --token-env GITLAB_TOKEN
  ox-host connect gitlab-registry --url gitlab.example.com --token-file token --ca company.pem")]
pub(crate) struct Connect {
    /// Which connector (`plugin list` shows them)
    #[arg(value_name = "CONNECTOR")]
    connector: String,
    /// Name of the connection [default: what the connector calls the account]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    pub(crate) form: FormFlags,
    /// Save it although a step failed
    #[arg(long)]
    save_anyway: bool,
    /// Write one JSON document instead of ticks
    #[arg(long)]
    json: bool,
}

impl Connect {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        let manifest = context.manifest(&self.connector).await?;
        let token = read_token(&self.form, context)?;
        let draft = self.form.draft(&manifest, self.name.clone(), token)?;
        if draft.network.insecure_tls {
            context
                .warning("certificates are not verified: whoever is in between can read the token");
        }
        let reporter = context.reporter();
        let ticks = Ticks::new(&manifest, &context.out, !self.json, reporter.clone());
        let _watch = context.watch(&reporter);
        let tried = context
            .backend
            .try_connection(draft, &ticks, &context.cancel)
            .await;
        reporter.finish();
        let trial = tried?;
        ticks.close(&trial.verification);

        let green = is_green(&trial.verification);
        let name = self.name.as_deref().unwrap_or(&trial.profile.display_name);
        if !green && !self.save_anyway {
            if self.json {
                let text =
                    json::verification(name, &trial.verification, &ticks.labels, Some(false));
                context.out.data(&text);
            }
            context.remark("Not saved. Mend what failed and connect again, or add --save-anyway.");
            return Ok(of_verification(&trial.verification));
        }
        let before = context.backend.connections()?;
        let saved = context.backend.save_connection(&trial)?;
        if self.json {
            let text =
                json::verification(&saved.name, &trial.verification, &ticks.labels, Some(true));
            context.out.data(&text);
            return Ok(Exit::Ok);
        }
        let replaced = before.iter().any(|known| known.name == saved.name);
        let name = inert(&saved.name);
        let how = if replaced {
            ", in place of the earlier one"
        } else {
            ""
        };
        let shell = quoted(&name);
        context.out.data(&format!(
            "Saved as {}{how}.\n",
            context.out.look.strong(&name)
        ));
        context.remark(&format!(
            "Next: `ox-host locations {shell} --tree` shows what is there, `ox-host scan {shell}` scans it."
        ));
        Ok(Exit::Ok)
    }
}

/// Reads the token, and keeps it out of everything that is written from now on.
pub(crate) fn read_token(form: &FormFlags, context: &Context) -> CliResult<SecretString> {
    let stdin = std::io::stdin();
    let terminal = stdin.is_terminal();
    let token = form.token.read(Sources {
        stdin: &mut stdin.lock(),
        terminal,
        prompt: &|| {
            context.out.note("Token (it is not shown): ");
            console::Term::stderr().read_secure_line()
        },
        variable: &|name| std::env::var_os(name),
    })?;
    context.out.protect(token.clone());
    Ok(token)
}

/// A name as it has to be typed in a shell.
pub(crate) fn quoted(name: &str) -> String {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@');
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

impl Connect {
    /// A form without an address can't be meant.
    pub(crate) fn check(&self) -> CliResult<()> {
        self.form.token.check()?;
        if self.form.url.is_none() && !self.form.sets_url() {
            return Err(CliError::usage(
                "no address was given",
                "add --url, for example --url https://gitlab.com",
            ));
        }
        Ok(())
    }
}
