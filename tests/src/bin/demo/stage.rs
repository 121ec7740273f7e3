//! The stage: each command is shown before its output.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use ox_harness::sim::acme;
use serde_json::Value;

/// The program, its connector, and where it writes.
pub(crate) struct Stage {
    /// `ox-host`.
    pub(crate) program: PathBuf,
    /// The component.
    pub(crate) connector: PathBuf,
    /// Everything that the demo writes.
    pub(crate) folder: PathBuf,
}

impl Stage {
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("GITLAB_TOKEN", acme::TOKEN)
            .env("OX_HOST_DATA_DIR", self.folder.join("data"))
            .env("OX_HOST_PLUGIN", &self.connector)
            .stdin(Stdio::null());
        command
    }

    /// Shows the command and runs it; its exit code.
    pub(crate) fn code(&self, why: &str, arguments: &[&str]) -> anyhow::Result<i32> {
        // The temporary folder has a long name that says nothing.
        let folder = format!("{}/", self.folder.display());
        let shown: Vec<String> = arguments
            .iter()
            .map(|argument| quoted(argument.strip_prefix(&folder).unwrap_or(argument)))
            .collect();
        say(&format!("\n# {why}\n$ ox-host {}", shown.join(" ")))?;
        let status = self
            .command(arguments)
            .status()
            .with_context(|| format!("{} did not start", self.program.display()))?;
        status
            .code()
            .with_context(|| format!("ox-host ended with {status}"))
    }

    /// Shows the command, runs it, and stops the demo when it fails.
    pub(crate) fn run(&self, why: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let code = self.code(why, arguments)?;
        if code != 0 {
            bail!(
                "ox-host {} ended with {code}",
                arguments.first().unwrap_or(&"")
            );
        }
        Ok(())
    }

    /// The number of the first issue of a list, without showing how it was found.
    pub(crate) fn first(&self, filter: &[&str]) -> anyhow::Result<String> {
        let list = ["issues", "--format", "jsonl", "-n", "1"];
        let output = self.command(&[&list[..], filter].concat()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let number = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find_map(|line| line.get("number")?.as_i64());
        let number = number.with_context(|| {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            format!("no issue is like {}: {text}{said}", filter.join(" "))
        })?;
        Ok(format!("OX-{number}"))
    }
}

fn quoted(argument: &str) -> String {
    if argument.contains(['*', ' ', '?', '\'']) {
        format!("'{argument}'")
    } else {
        argument.to_owned()
    }
}

pub(crate) fn display(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here)
        .unwrap_or(path)
        .display()
        .to_string()
}

pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
