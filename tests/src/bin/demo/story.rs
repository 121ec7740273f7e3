//! The story: Northwind is connected, scanned, explained, worked through, changed and scanned again.

use anyhow::{Context, bail};
use ox_harness::advisories::{self, Edition};
use ox_harness::sim::{Running, northwind};

use super::stage::{Stage, say};

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

/// Tells all of it.
pub(crate) fn tell(stage: &Stage, gitlab: &Running) -> anyhow::Result<()> {
    connect(stage, gitlab)?;
    bring_in_advisories(stage)?;
    scan(stage)?;
    explain(stage)?;
    work(stage)?;
    change(stage, gitlab)?;
    publish(stage, gitlab)?;
    report(stage)
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
