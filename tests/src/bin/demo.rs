//! `cargo demo`: a simulated GitLab with a whole organisation, and the real program connected to it.
//!
//! It runs the commands that a person would type, shows each before its output, and leaves nothing behind.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use ox_harness::component;
use ox_harness::sim::{Modes, acme};

fn main() -> ExitCode {
    match demo() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo() -> anyhow::Result<()> {
    let connector = component::connector()?;
    let program = component::ox_host()?;
    let began = Instant::now();
    let gitlab = acme::start(Modes::default())?;
    let data = tempfile::tempdir()?;
    let stage = Stage {
        program,
        connector,
        data: data.path().to_owned(),
    };

    say(&format!(
        "A simulated GitLab {} (Ultimate) listens on {}, its registry on {}.\n\
         Everything below is the real program, ox-host, with the connector in its sandbox.",
        "18.5",
        gitlab.base_url(),
        gitlab.registry_host()
    ))?;

    stage.run(
        "Connect an account. The token comes from the environment, never from the command line.",
        &[
            "connect",
            "gitlab-registry",
            "--url",
            &gitlab.base_url(),
            "--token-env",
            "GITLAB_TOKEN",
            "--name",
            "northwind",
        ],
    )?;
    stage.run(
        "What there is to scan.",
        &["locations", "northwind", "--tree"],
    )?;
    stage.run("Choose: everything of the group, without the archive; what is created later is scanned too.", &[
        "select", "northwind", "--include", "northwind/**", "--exclude", "northwind/archive/**", "--new-locations", "include",
    ])?;
    stage.run("Scan.", &["scan", "northwind"])?;
    stage.run(
        "What GitLab's own scanners had found, worst first.",
        &["findings", "--connection", "northwind"],
    )?;
    stage.run(
        "The images, and what is in them.",
        &["images", "--connection", "northwind"],
    )?;
    stage.run(
        "One of them: its layers, packages by format, secrets, configuration. `--sbom cyclonedx` writes it down.",
        &["image", "northwind/shop/web-store/jobs/mailer:4.2.0"],
    )?;
    stage.run(
        "What was not looked at, and why. Nothing is left out in silence.",
        &["skipped", "--connection", "northwind"],
    )?;

    stage.run("Packages.", &["advisories", "status"])?;
    if let Some(data) = std::env::var_os("OX_TEST_DATA") {
        let folder = std::path::Path::new(&data)
            .join("advisories")
            .display()
            .to_string();
        stage.run("Advisories.", &["advisories", "import", &folder])?;
        let kev = std::path::Path::new(&data)
            .join("known_exploited_vulnerabilities.json")
            .display()
            .to_string();
        stage.run("KEV.", &["advisories", "import", &kev])?;
    }
    stage.run("Queue.", &["issues", "--funnel"])?;
    stage.run("One.", &["issue", "show", "1"])?;
    if let Some(keep) = std::env::var_os("OX_DEMO_KEEP") {
        let _ = std::process::Command::new("cp")
            .arg("-a")
            .arg(&stage.data)
            .arg(keep)
            .status();
    }

    gitlab.clear_log();
    stage.run(
        "Once more. Layers are known by their digest: none is read again.",
        &["scan", "northwind", "--fresh"],
    )?;

    let log = gitlab.log();
    say(&format!(
        "That second scan took {} requests, {} of them for a token. The demo took {:.1} s.\n\n\
         Next: your own GitLab, as README.md says under \"Connect a GitLab\". The program is {}",
        log.len(),
        gitlab.jwt_requests(),
        began.elapsed().as_secs_f64(),
        display(&stage.program)
    ))
}

struct Stage {
    program: PathBuf,
    connector: PathBuf,
    data: PathBuf,
}

impl Stage {
    /// Shows the command, runs it, and stops the demo when it fails.
    fn run(&self, why: &str, arguments: &[&str]) -> anyhow::Result<()> {
        say(&format!(
            "\n# {why}\n$ ox-host {}",
            arguments
                .iter()
                .map(|a| quoted(a))
                .collect::<Vec<_>>()
                .join(" ")
        ))?;
        let status = Command::new(&self.program)
            .args(arguments)
            .env("GITLAB_TOKEN", acme::TOKEN)
            .env("OX_HOST_DATA_DIR", &self.data)
            .env("OX_HOST_PLUGIN", &self.connector)
            .stdin(Stdio::null())
            .status()
            .with_context(|| format!("{} did not start", self.program.display()))?;
        if !status.success() {
            bail!(
                "ox-host {} ended with {status}",
                arguments.first().unwrap_or(&"")
            );
        }
        Ok(())
    }
}

fn quoted(argument: &str) -> String {
    if argument.contains(['*', ' ', '?']) {
        format!("'{argument}'")
    } else {
        argument.to_owned()
    }
}

fn display(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(&here)
        .unwrap_or(path)
        .display()
        .to_string()
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}
