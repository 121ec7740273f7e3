//! `ox-bench`: the real program beside Trivy and Syft, on the same images in one real registry, in one run.
//!
//! Four questions, each with a table: one image; twelve images on one base, and then once more; an image
//! with packages of every kind, secrets looked for; and what memory takes as a layer grows. `--five` adds a
//! layer of 5 GB to the last. Two more need no registry: a whole inventory against all advisories, and the
//! queue with 100 000 issues in it; `--million` adds a million. `console`, which is asked for by name alone, times
//! the console's pages over a million findings. Names (`one`, `twelve`, `everything`,
//! `memory`, `match`, `queue`) choose among them.
//! Where a peer is absent it says so and goes on (`OX_PEERS=required` makes that an error).

mod console;
mod everything;
mod inventory;
mod matching;
mod memory;
mod one;
mod queue;
mod table;
mod twelve;

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use ox_harness::measure::Measured;
use ox_harness::peers::Installation;
use ox_harness::program::OxHost;
use ox_harness::scanners::{Kind, Scanner, Task};
use ox_harness::sim::{Organisation, level, scope};
use serde_json::Value;
use table::Row;

const TOKEN: &str = "glpat-bench";
/// Repositories of the one project, by what is asked of them.
const REPOSITORIES: [&str; 6] = ["debian", "apps", "everything", "small", "large", "huge"];
/// Runs of each program on a single image; the best one counts.
const RUNS: usize = 3;

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// All that the questions are asked with.
struct Bench {
    site: Installation,
    host: OxHost,
    scanners: Vec<Scanner>,
}

fn bench() -> anyhow::Result<()> {
    let (flags, asked): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|one| one.starts_with("--"));
    let five = flags.iter().any(|flag| flag == "--five");
    let wanted = |name: &str| asked.is_empty() || asked.iter().any(|one| one == name);
    let mut out = std::io::stdout().lock();
    if wanted("match") {
        matching::ask(&mut out)?;
    }
    if wanted("queue") {
        queue::ask(&mut out, flags.iter().any(|flag| flag == "--million"))?;
    }
    // It fills a disk for some minutes, so it is asked for by name.
    if asked.iter().any(|one| one == "console") {
        console::ask(&mut out)?;
    }
    if !["one", "twelve", "everything", "memory"]
        .into_iter()
        .any(wanted)
    {
        return Ok(writeln!(out, "How: {}", machine())?);
    }
    let Some(site) = Installation::start(organisation())? else {
        return Ok(());
    };
    let mut scanners = Vec::new();
    for kind in [Kind::Trivy, Kind::Syft] {
        scanners.extend(Scanner::find(kind)?);
    }
    let bench = Bench {
        site,
        host: OxHost::new()?,
        scanners,
    };
    // Compiles the component, once for all that follows.
    bench.ours("debian")?;
    if wanted("one") {
        one::ask(&bench, &mut out)?;
    }
    if wanted("twelve") {
        twelve::ask(&bench, &mut out)?;
    }
    if wanted("everything") {
        everything::ask(&bench, &mut out)?;
    }
    if wanted("memory") {
        memory::ask(&bench, &mut out, five)?;
    }
    writeln!(out, "{}", how())?;
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
    for name in REPOSITORIES {
        org.repository(project, name);
    }
    org
}

/// The path of a repository.
fn path(repository: &str) -> String {
    format!("quarry/stones/{repository}")
}

impl Bench {
    /// How the other scanners name an image.
    fn reference(&self, repository: &str, tag: &str) -> String {
        format!("{}/{}:{tag}", self.site.open.host(), path(repository))
    }

    /// One scan of a repository.
    fn ours(&self, repository: &str) -> anyhow::Result<(Value, Measured)> {
        let url = self.site.gitlab.base_url();
        self.host.scan(&url, TOKEN, &path(repository))
    }

    /// The best of some scans of a repository of which nothing is known.
    fn ours_cold(&self, repository: &str, runs: usize) -> anyhow::Result<(Value, Measured)> {
        let mut best: Option<(Value, Measured)> = None;
        for _ in 0..runs {
            self.host.forget()?;
            let run = self.ours(repository)?;
            if best.as_ref().is_none_or(|best| run.1.wall < best.1.wall) {
                best = Some(run);
            }
        }
        best.context("nothing was run")
    }

    /// The best of some runs of another scanner on one image, each with an empty cache; none where it does
    /// not run here.
    fn theirs_cold(
        &self,
        scanner: &Scanner,
        task: Task,
        reference: &str,
        runs: usize,
    ) -> anyhow::Result<Option<Measured>> {
        let mut best: Option<Measured> = None;
        for _ in 0..runs {
            let cache = scanner.cache()?;
            let Some(run) = scanner.try_run(reference, task, &cache)? else {
                return Ok(None);
            };
            if best.as_ref().is_none_or(|best| run.wall < best.wall) {
                best = Some(run);
            }
        }
        Ok(best)
    }

    /// A row of the other scanner for [`Task::Packages`].
    fn row(&self, scanner: &Scanner, took: Measured) -> anyhow::Result<Row> {
        let packages = scanner.packages(&took.stdout)?.len();
        Ok(Row::new(&scanner.name(), took).packages(packages as u64))
    }
}

/// A number of a scan's counts.
fn counted(scan: &Value, key: &str) -> u64 {
    let counts = scan.get("counts").and_then(|counts| counts.get(key));
    counts.and_then(Value::as_u64).unwrap_or_default()
}

/// Profile and cores.
fn machine() -> String {
    let profile = if cfg!(debug_assertions) {
        "dev (dependencies optimised, the host's own code hardly)"
    } else {
        "release"
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("profile {profile}; {cores} cores, of which matching and weighing use one.")
}

fn how() -> String {
    format!(
        "How: images in a docker-registry process on the loopback interface of this machine, {} \
         ox-host is the whole program: start, sign-in, listing the account, tokens, the \
         scan, the store; compiled code is kept between runs, nothing of the images is. It reads through a \
         registry that asks for GitLab's tokens. Trivy and Syft read the same blobs from an open one. Trivy's \
         database of jars is an empty one: it can't be fetched everywhere. Time and memory of a program \
         include its children; `ours` is ox-host's share of a row.",
        machine()
    )
}
