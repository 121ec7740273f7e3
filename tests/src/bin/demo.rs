//! `cargo demo`: a simulated GitLab with a whole organisation, and the real program connected to it.
//!
//! It runs the commands that a person would type, shows each before its output, changes the organisation
//! between two scans, and leaves nothing behind: `cargo demo -- --keep FOLDER` keeps the data folder and the
//! reports to look around in.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use ox_harness::advisories::{self, Edition};
use ox_harness::component;
use ox_harness::sim::{Modes, Running, acme, northwind};
use serde_json::Value;

/// Ecosystems whose real advisories are taken where they are at hand, by the folders of the export.
const REAL: [&str; 4] = ["PyPI", "Go", "crates.io", "KEV"];

/// What Northwind knows and no scanner can: what runs where, and how much it matters.
const POLICY: &str = r#"# What scanners can't know: which application it is, where it runs, how much it matters.
[[application]]
name = "Web store"
team = "Shop"
priority = "critical"
environment = "production"
internet-facing = true
data = ["personal"]
match = { project = "northwind/Shop/Web-Store" }

[[application]]
name = "Ledger"
team = "Payments"
priority = "high"
environment = "production"
internet-facing = false
data = ["payment"]
match = { project = "northwind/Shop/payments/ledger" }

[[application]]
name = "Build tools"
priority = "low"
environment = "test"
match = { group = "northwind/platform" }

[sla]
enabled = true

[sla.days]
critical = 5
"#;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let keep = match (arguments.next(), arguments.next(), arguments.next()) {
        (None, None, None) => None,
        (Some(flag), Some(folder), None) if flag == "--keep" => Some(PathBuf::from(folder)),
        _ => {
            let _ = writeln!(
                std::io::stderr(),
                "usage: cargo demo [-- --keep FOLDER]\n  --keep FOLDER  leave data and reports in this new folder"
            );
            return ExitCode::from(2);
        }
    };
    match demo(keep.as_deref()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn demo(keep: Option<&Path>) -> anyhow::Result<()> {
    let connector = component::connector()?;
    let program = component::ox_host()?;
    let began = Instant::now();
    let gitlab = acme::start(Modes::default())?;
    northwind::everyday(&gitlab);
    let temporary = tempfile::tempdir()?;
    let folder = match keep {
        None => temporary.path().to_owned(),
        Some(folder) => {
            // A folder that is there is somebody's.
            std::fs::create_dir(folder)
                .with_context(|| format!("can't make {}", folder.display()))?;
            folder.canonicalize()?
        }
    };
    let stage = Stage {
        program,
        connector,
        folder,
    };

    say(&format!(
        "A simulated GitLab 18.5 (Ultimate) listens on {}, its registry on {}.\n\
         Everything below is the real program, ox-host, with the connector in its sandbox.",
        gitlab.base_url(),
        gitlab.registry_host()
    ))?;
    connect(&stage, &gitlab)?;
    bring_in_advisories(&stage)?;
    scan(&stage)?;
    explain(&stage)?;
    work(&stage)?;
    change(&stage, &gitlab)?;
    publish(&stage, &gitlab)?;
    report(&stage)?;
    say(&format!(
        "\nThe demo took {:.1} s.\n\n\
         Next: your own GitLab, as README.md says under \"Connect a GitLab\". The program is {}",
        began.elapsed().as_secs_f64(),
        display(&stage.program)
    ))?;
    if let Some(folder) = keep {
        say(&format!(
            "What it did is in {0}: OX_HOST_DATA_DIR={0}/data shows it to ox-host.",
            folder.display()
        ))?;
    }
    Ok(())
}

fn connect(stage: &Stage, gitlab: &Running) -> anyhow::Result<()> {
    let url = gitlab.base_url();
    stage.run(
        "Connect an account. The token comes from the environment, never from the command line.",
        &[
            "connect",
            "gitlab-registry",
            "--url",
            &url,
            "--token-env",
            "GITLAB_TOKEN",
            "--name",
            "northwind",
        ],
    )?;
    stage.run(
        "Is it still so? Every step says what was seen.",
        &["verify", "northwind"],
    )?;
    stage.run(
        "What there is to scan.",
        &["locations", "northwind", "--tree"],
    )?;
    stage.run(
        "Choose: both groups, without the archive; what is created later is scanned too.",
        &[
            "select",
            "northwind",
            "--include",
            "northwind/**",
            "--include",
            "harbour/**",
            "--exclude",
            "northwind/archive/**",
            "--new-locations",
            "include",
        ],
    )
}

fn bring_in_advisories(stage: &Stage) -> anyhow::Result<()> {
    let own = stage.folder.join("advisories");
    std::fs::create_dir_all(&own)?;
    let real = advisories::shared_data();
    let elsewhere: &[&str] = if real.is_some() { &REAL } else { &[] };
    advisories::write(&own, Edition::First, elsewhere)?;
    stage.run(
        "What is known about vulnerabilities: a folder of OSV records, as the public export has them.",
        &["advisories", "import", &own.display().to_string()],
    )?;
    if let Some(real) = &real {
        let folder = real.join("advisories").display().to_string();
        let kev = real
            .join("known_exploited_vulnerabilities.json")
            .display()
            .to_string();
        stage.run(
            "The real ones of four ecosystems are at hand.",
            &["advisories", "import", &folder],
        )?;
        stage.run(
            "And which vulnerabilities attackers use.",
            &["advisories", "import", &kev],
        )?;
    }
    Ok(())
}

fn scan(stage: &Stage) -> anyhow::Result<()> {
    stage.run("Scan.", &["scan", "northwind"])?;
    stage.run(
        "What was not looked at, and why. Nothing is left out in silence.",
        &["skipped", "--connection", "northwind"],
    )?;
    stage.run(
        "How old the advisories are, and which packages they cover.",
        &["advisories", "status"],
    )?;
    stage.run(
        "One queue: what GitLab found, what the advisories say, what the connector saw; worst first.",
        &["issues", "--funnel", "-n", "20"],
    )
}

fn explain(stage: &Stage) -> anyhow::Result<()> {
    let critical = [
        "--severity-before",
        "critical",
        "--reprioritised",
        "decreased",
    ];
    let fallen = stage.first(&[&critical[..], &["--kind", "vulnerability"]].concat())?;
    stage.run(
        "One that fell from Critical. Every reason has its number.",
        &["issue", "show", &fallen],
    )?;
    let raised = stage.first(&[
        "--reprioritised",
        "increased",
        "--reported-by",
        "GitLab",
        "--exploited",
        "--fixable",
    ])?;
    stage.run(
        "One that rose. GitLab's finding and our match are one issue.",
        &["issue", "show", &raised],
    )?;
    stage.run(
        "What people dismissed in GitLab stays out of the queue,",
        &["issues", "--standing", "excluded"],
    )?;
    let dismissed = stage.first(&["--standing", "excluded", "--cve", "CVE-2022-1471"])?;
    stage.run(
        "with their reason. Our match of the same package joined it.",
        &["issue", "show", &dismissed],
    )
}

fn work(stage: &Stage) -> anyhow::Result<()> {
    let policy = stage.folder.join("policy.toml");
    std::fs::write(&policy, POLICY).with_context(|| format!("can't write {}", policy.display()))?;
    say(&format!(
        "\n# What no scanner can know is said in a file.\n$ cat policy.toml\n{}",
        POLICY.trim_end()
    ))?;
    stage.run(
        "Set it. Every issue is weighed again, without asking GitLab.",
        &[
            "policy",
            "set",
            &policy.display().to_string(),
            "--as",
            "ines",
        ],
    )?;
    stage.run(
        "What it moved.",
        &["issues", "--status", "changed", "-n", "15"],
    )?;
    let redirect = stage.first(&["--cve", "CVE-2024-43796", "--location", northwind::STORE])?;
    stage.run(
        "Out of the queue for a month, with a reason; it comes back by itself.",
        &[
            "issue",
            "exclude",
            &redirect,
            "--reason",
            "we never redirect to what users send",
            "--until",
            "30d",
            "--as",
            "mira",
        ],
    )?;
    let lodash = stage.first(&["--cve", "CVE-2021-23337", "--location", northwind::STORE])?;
    stage.run(
        "Give one to somebody,",
        &["issue", "assign", &lodash, "jonas", "--as", "mira"],
    )?;
    stage.run(
        "and say something about it.",
        &[
            "issue",
            "comment",
            &lodash,
            "4.17.21 is tested, it goes out on Monday",
            "--as",
            "jonas",
        ],
    )
}

fn change(stage: &Stage, gitlab: &Running) -> anyhow::Result<()> {
    gitlab.clear_log();
    stage.run(
        "Scan again. Layers are known by their digest: none is read twice, and the work is kept.",
        &["scan", "northwind"],
    )?;
    say(&format!(
        "# It took {} requests, {} of them for a token.",
        gitlab.log().len(),
        gitlab.jwt_requests()
    ))?;
    northwind::rebuild_store(gitlab);
    northwind::delete_old_release(gitlab);
    northwind::new_importer(gitlab);
    say(
        "\n# Monday at Northwind: the store was built again with a mended lodash, under the same tags; the tag\n\
         # web-store:4.1.0, the last with semver 5.7.1, was deleted; catalogue/importer got its first image.",
    )?;
    stage.run("And again.", &["scan", "northwind"])?;
    stage.run(
        "What changed: resolved by which image, gone with which tag, new in which.",
        &["diff", "--connection", "northwind"],
    )?;
    // The story is only told when it is true.
    stage.first(&["--standing", "resolved", "--cve", "CVE-2021-23337"])?;
    stage.first(&["--standing", "removed", "--cve", "CVE-2022-25883"])?;
    Ok(())
}

fn publish(stage: &Stage, gitlab: &Running) -> anyhow::Result<()> {
    let own = stage.folder.join("advisories");
    let elsewhere: &[&str] = if advisories::shared_data().is_some() {
        &REAL
    } else {
        &[]
    };
    let withdrawn = stage.first(&[
        "--cve",
        "GHSA-8p5q-j9m2-g8wr",
        "--location",
        northwind::STORE,
    ])?;
    advisories::write(&own, Edition::Second, elsewhere)?;
    say(
        "\n# Then the advisories change: GHSA-8p5q-j9m2-g8wr is withdrawn, CVE-2025-27789 is published.",
    )?;
    gitlab.clear_log();
    stage.run(
        "Import the folder again.",
        &["advisories", "import", &own.display().to_string()],
    )?;
    say(&format!("# GitLab was asked {} times.", gitlab.log().len()))?;
    if !gitlab.log().is_empty() {
        bail!("an import of advisories asked GitLab");
    }
    stage.run(
        "What the withdrawn one had opened is closed, and says why.",
        &["issue", "show", &withdrawn],
    )?;
    stage.run(
        "What the new one concerns is there.",
        &["issues", "--status", "new", "--cve", "CVE-2025-27789"],
    )
}

fn report(stage: &Stage) -> anyhow::Result<()> {
    for (why, format, name) in [
        ("A page for people.", "html", "queue.html"),
        ("For a dashboard of code scanning.", "sarif", "queue.sarif"),
        (
            "For GitLab's own vulnerability report.",
            "gitlab",
            "gl-container-scanning-report.json",
        ),
        ("To be uploaded to OX.", "ox", "ox-upload.json"),
    ] {
        let file = stage.folder.join(name);
        let path = file.display().to_string();
        stage.run(why, &["issues", "--format", format, "--output", &path])?;
        let size = std::fs::metadata(&file)
            .with_context(|| path.clone())?
            .len();
        say(&format!("# {name}: {} KiB", size.div_ceil(1024)))?;
    }
    let code = stage.code(
        "The gate of a pipeline: nothing critical in what the shop runs.",
        &[
            "issues",
            "--location",
            "northwind/shop/**",
            "--min-severity",
            "critical",
            "-n",
            "3",
            "--fail-on",
            "critical",
        ],
    )?;
    say(&format!("# exit code {code}"))?;
    if code != 10 {
        bail!("the gate ended with {code} and not with 10");
    }
    Ok(())
}

struct Stage {
    program: PathBuf,
    connector: PathBuf,
    /// Everything that the demo writes.
    folder: PathBuf,
}

impl Stage {
    fn command(&self, arguments: &[&str]) -> Command {
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
    fn code(&self, why: &str, arguments: &[&str]) -> anyhow::Result<i32> {
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
    fn run(&self, why: &str, arguments: &[&str]) -> anyhow::Result<()> {
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
    fn first(&self, filter: &[&str]) -> anyhow::Result<String> {
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
