//! `ox-bench`: the real program beside Trivy and Syft, on one image in one real registry, in one run.
//!
//! A Debian 12 root becomes a one-layer image in a `docker-registry` process on the loopback interface. Each
//! program reads it with nothing of it at hand; the best of three runs counts. Then ours looks again.
//! Where a peer is absent it says so and goes on (`OX_PEERS=required` makes that an error).

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::Context;
use ox_harness::image::{Artefact, Image, Layer};
use ox_harness::instance::Instance;
use ox_harness::measure::{Measured, measured};
use ox_harness::peers::{Installation, absent, debian_root, program};
use ox_harness::program::OxHost;
use ox_harness::sim::{Organisation, level, scope};
use serde_json::Value;

const TOKEN: &str = "glpat-bench";
const REPOSITORY: &str = "quarry/stones/debian";
const TAG: &str = "12";
/// Runs of each program; the best one counts.
const RUNS: usize = 3;
/// How long one run of another scanner may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Names of packages that are listed where two programs differ.
const SHOWN: usize = 10;

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// One line of the table.
struct Row {
    name: String,
    took: Measured,
    /// `name version`.
    packages: BTreeSet<String>,
}

fn bench() -> anyhow::Result<()> {
    let Some(root) = debian_root("bookworm")? else {
        return Ok(());
    };
    let Some(site) = Installation::start(organisation())? else {
        return Ok(());
    };
    let layer = Layer::from_folder(&root.root)?.gzip().build();
    let image = Image::amd64().layer(&layer).build();
    if !site.open.push(&image, REPOSITORY, TAG)? {
        return Ok(());
    }
    let truth: BTreeSet<String> = root.packages.iter().map(|line| first_two(line)).collect();
    let reference = format!("{}/{REPOSITORY}:{TAG}", site.open.host());

    let url = site.gitlab.base_url();
    let host = OxHost::new()?;
    // Compiles the component, once for all that follows.
    host.scan(&url, TOKEN, REPOSITORY)?;
    let mut best: Option<(Value, Measured)> = None;
    for _ in 0..RUNS {
        host.forget()?;
        let run = host.scan(&url, TOKEN, REPOSITORY)?;
        if best.as_ref().is_none_or(|best| run.1.wall < best.1.wall) {
            best = Some(run);
        }
    }
    let (cold, took) = best.context("nothing was run")?;
    let mut rows = vec![Row {
        name: "ox-host".to_owned(),
        took,
        packages: of_ours(&host.packages(&image.digest)?),
    }];
    for peer in [trivy(&reference)?, syft(&reference)?] {
        rows.extend(peer);
    }
    let (again, took) = host.scan(&url, TOKEN, REPOSITORY)?;
    rows.push(Row {
        name: "ox-host, again".to_owned(),
        took,
        packages: of_ours(&host.packages(&image.digest)?),
    });
    let memory = memory(&host, &url)?;

    let mut out = std::io::stdout().lock();
    table(&mut out, &rows)?;
    writeln!(out)?;
    for row in &rows {
        differences(&mut out, row, &truth)?;
    }
    writeln!(out)?;
    writeln!(out, "ox-host says of itself: {}", of_itself(&cold))?;
    writeln!(out, "               and again: {}", of_itself(&again))?;
    writeln!(
        out,
        "The connector's instance had at most {} of memory.",
        megabytes(memory)
    )?;
    writeln!(out)?;
    writeln!(out, "{}", how(&image))?;
    Ok(())
}

fn organisation() -> Organisation {
    let mut org = Organisation::new();
    let reader = org.user("reader");
    org.token(reader, TOKEN, &scope::CONNECTOR);
    let group = org.group(None, "quarry", |group| {
        group.members.push((reader, level::DEVELOPER));
    });
    let project = org.project(group, "stones", |_| {});
    org.repository(project, "debian");
    org
}

/// What the instance itself needs; the program does not print it.
fn memory(host: &OxHost, url: &str) -> anyhow::Result<u64> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let instance = Instance::load(host.connector(), url, TOKEN).await?;
        Ok(instance.scan(REPOSITORY).await?.0.memory_peak)
    })
}

fn trivy(reference: &str) -> anyhow::Result<Option<Row>> {
    peer("trivy", "components", "type", "library", &|trivy, cache| {
        let mut command = Command::new(trivy);
        command
            .args(["image", "--quiet", "--format", "cyclonedx"])
            .args(["--skip-db-update", "--skip-java-db-update"])
            .args(["--offline-scan", "--skip-version-check"])
            .args(["--image-src", "remote", "--cache-dir"])
            .arg(cache)
            .arg(reference);
        command
    })
}

fn syft(reference: &str) -> anyhow::Result<Option<Row>> {
    peer("syft", "artifacts", "type", "deb", &|syft, cache| {
        let mut command = Command::new(syft);
        command
            .args(["scan", "--quiet", "--output", "json"])
            .arg(format!("registry:{reference}"))
            .env("SYFT_REGISTRY_INSECURE_USE_HTTP", "true")
            .env("SYFT_CHECK_FOR_APP_UPDATE", "false")
            .env("SYFT_CACHE_DIR", cache);
        command
    })
}

/// Runs another scanner, each time with an empty cache. `list` holds its packages: those whose `key` is
/// `value`.
fn peer(
    name: &str,
    list: &str,
    key: &str,
    value: &str,
    command: &dyn Fn(&Path, &Path) -> Command,
) -> anyhow::Result<Option<Row>> {
    let Some(path) = program(name)? else {
        return Ok(None);
    };
    let version = Command::new(&path).arg("--version").output()?;
    let version = String::from_utf8_lossy(&version.stdout);
    let version = version.split_whitespace().nth(1).unwrap_or_default();
    let mut best: Option<Measured> = None;
    for _ in 0..RUNS {
        let cache = tempfile::tempdir()?;
        let mut command = command(&path, cache.path());
        command
            .env("no_proxy", "127.0.0.1")
            .env("NO_PROXY", "127.0.0.1");
        let run = match measured(name, &mut command, LIMIT) {
            Ok(run) => run,
            Err(error) => {
                absent(&format!("{name} does not run here: {error:#}"))?;
                return Ok(None);
            }
        };
        if best.as_ref().is_none_or(|best| run.wall < best.wall) {
            best = Some(run);
        }
    }
    let took = best.context("nothing was run")?;
    let document: Value = serde_json::from_str(&took.stdout)
        .with_context(|| format!("{name} wrote no JSON: {:.300}", took.stdout))?;
    let rows = document.get(list).and_then(Value::as_array);
    let packages = rows
        .into_iter()
        .flatten()
        .filter(|row| row.get(key).is_some_and(|found| found == value))
        .map(name_and_version)
        .collect();
    Ok(Some(Row {
        name: format!("{name} {version}"),
        took,
        packages,
    }))
}

fn of_ours(packages: &[Value]) -> BTreeSet<String> {
    packages.iter().map(name_and_version).collect()
}

fn name_and_version(row: &Value) -> String {
    let text = |key| row.get(key).and_then(Value::as_str).unwrap_or("?");
    format!("{} {}", text("name"), text("version"))
}

fn first_two(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').take(2).collect();
    words.join(" ")
}

fn table(out: &mut impl Write, rows: &[Row]) -> anyhow::Result<()> {
    writeln!(
        out,
        "{:<16} {:>8} {:>6} {:>8} {:>10} {:>6} {:>9}",
        "", "time", "ratio", "cpu", "memory", "ratio", "packages"
    )?;
    let Some(first) = rows.first() else {
        return Ok(());
    };
    for row in rows {
        // How many times ours.
        let ratio = |own: f64, ours: f64| format!("{:.2}x", own / ours.max(f64::MIN_POSITIVE));
        writeln!(
            out,
            "{:<16} {:>7.2}s {:>6} {:>7.2}s {:>10} {:>6} {:>9}",
            row.name,
            row.took.wall.as_secs_f64(),
            ratio(row.took.wall.as_secs_f64(), first.took.wall.as_secs_f64()),
            row.took.cpu.as_secs_f64(),
            megabytes(row.took.peak),
            ratio(row.took.peak as f64, first.took.peak as f64),
            row.packages.len()
        )?;
    }
    Ok(())
}

/// Names what a program did not find, or found beside what `dpkg-query` says.
fn differences(out: &mut impl Write, row: &Row, truth: &BTreeSet<String>) -> anyhow::Result<()> {
    let list = |names: Vec<&String>| {
        let shown: Vec<&str> = names.iter().take(SHOWN).map(|name| name.as_str()).collect();
        let more = names.len().saturating_sub(SHOWN);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!("{}{more}", shown.join(", "))
    };
    let missing: Vec<&String> = truth.difference(&row.packages).collect();
    let beside: Vec<&String> = row.packages.difference(truth).collect();
    let name = &row.name;
    if missing.is_empty() && beside.is_empty() {
        writeln!(
            out,
            "{name}: the packages of dpkg-query, each with its version"
        )?;
    }
    if !missing.is_empty() {
        writeln!(out, "{name} does not find: {}", list(missing))?;
    }
    if !beside.is_empty() {
        writeln!(out, "{name} finds besides: {}", list(beside))?;
    }
    Ok(())
}

fn of_itself(scan: &Value) -> String {
    let count = |key| {
        let counts = scan.get("counts").and_then(|counts| counts.get(key));
        counts.and_then(Value::as_u64).unwrap_or_default()
    };
    format!(
        "{} requests, {} read, {} layers read, {} reused",
        count("requests"),
        megabytes(count("bytes_read")),
        count("layers_read"),
        count("layers_reused")
    )
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn how(image: &Artefact) -> String {
    let profile = if cfg!(debug_assertions) {
        "dev (dependencies optimised, the host's own code hardly)"
    } else {
        "release"
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "How: a Debian 12 root as one gzip layer ({}) in a docker-registry process on the loopback interface \
         of this machine ({cores} cores); best of {RUNS} runs by the clock. ox-host is the whole program, \
         profile {profile}: start, sign-in, listing the account, tokens, the scan, the store; compiled code is \
         kept between runs, nothing of the image is. It reads through a registry that asks for GitLab's \
         tokens. Trivy and Syft read the same blobs from an open one, with an empty cache, and look for more \
         kinds of packages than Debian's. Time and memory of a program include its children; ratios are \
         multiples of ox-host's.",
        megabytes(image.size)
    )
}
