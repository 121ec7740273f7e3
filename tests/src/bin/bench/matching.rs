//! A whole inventory against all advisories: from nothing, after one record, after nothing; then weighing.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use ox_advisory::import::{Cancel, from_path};
use ox_advisory::index::Index;
use ox_advisory::matching::Advisories;
use ox_host::host::{Event, Events, Gathered, Host, HostOptions};
use ox_host::store::Store;
use rusqlite::Connection;

use crate::inventory::{Size, fill, public_data};
use crate::table::{Step, steps};

/// Runs of everything; the best of each step counts.
const RUNS: usize = 3;
/// What is matched.
const WHOLE: Size = Size {
    images: 1000,
    distinct: 5000,
};
/// The record that is imported between two gatherings.
const ONE: &str = "OX-BENCH-1";

pub(crate) fn ask(out: &mut impl Write) -> anyhow::Result<()> {
    let Some(data) = public_data("match") else {
        return Ok(());
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let filled = tempfile::tempdir()?;
    let began = Instant::now();
    runtime.block_on(prepare(filled.path(), &data, WHOLE))?;
    let prepared = began.elapsed();
    let mut all: Vec<Vec<Step>> = Vec::new();
    for _ in 0..RUNS {
        let folder = tempfile::tempdir()?;
        copy(filled.path(), folder.path())?;
        all.push(runtime.block_on(run(folder.path(), &data))?);
    }
    steps(
        out,
        &format!(
            "{} images, matched and weighed; milliseconds, the best and the worst of {RUNS} runs",
            WHOLE.images
        ),
        &all,
    )?;
    writeln!(
        out,
        "  Names and versions are of the advisories themselves, and of names that none knows; made in {:.1} s.\n",
        prepared.as_secs_f64()
    )?;
    Ok(())
}

/// Advisories, and an inventory that nobody has looked at yet.
pub(crate) async fn prepare(folder: &Path, data: &Path, size: Size) -> anyhow::Result<()> {
    let index = Index::open(folder)?;
    for what in ["advisories", "known_exploited_vulnerabilities.json"] {
        let report = from_path(&index, &data.join(what), &(), &Cancel::new())?;
        ensure!(!report.incomplete(), "{what} was not imported whole");
    }
    fill(folder, &index, size).await
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// When matching and weighing said something last.
#[derive(Default)]
struct Marks(Mutex<(Option<Instant>, Option<Instant>)>);

impl Events for Marks {
    fn event(&self, event: Event) {
        let mut marks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Matched { .. } => marks.0 = Some(Instant::now()),
            Event::Weighed { .. } => marks.1 = Some(Instant::now()),
            _ => {}
        }
    }
}

/// What a run of the queue did, how long matching took, and how long the rest.
pub(crate) async fn gather(host: &Host) -> anyhow::Result<(Gathered, Duration, Duration)> {
    let marks = Arc::new(Marks::default());
    let events: Arc<dyn Events> = marks.clone();
    let began = Instant::now();
    let gathered = host.gather(&events).await?;
    let all = began.elapsed();
    let matched = marks.0.lock().unwrap_or_else(PoisonError::into_inner).0;
    let matched = matched.map_or(Duration::ZERO, |at| at - began);
    Ok((gathered, matched, all - matched))
}

pub(crate) async fn open(folder: &Path) -> anyhow::Result<Arc<Host>> {
    Ok(Host::open(HostOptions {
        data_dir: folder.to_owned(),
        cache_dir: None,
        jobs: 1,
        plugin: None,
        limits: Vec::new(),
    })
    .await?)
}

fn count(folder: &Path, sql: &str) -> anyhow::Result<i64> {
    let store = Connection::open(folder.join("store.db"))?;
    Ok(store.query_row(sql, [], |row| row.get(0))?)
}

async fn run(folder: &Path, data: &Path) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    let began = Instant::now();
    let index = Index::open(folder)?;
    let known = index.covers("PyPI");
    steps.push(Step::new("open the index", began.elapsed(), String::new()));
    ensure!(known, "there are no advisories");
    drop(index);

    let store = Store::open(folder)?;
    let began = Instant::now();
    while store.look_up_some().await? > 0 {}
    let took = began.elapsed();
    drop(store);
    let packages = count(folder, "SELECT count(*) FROM package")?;
    let components = count(folder, "SELECT count(*) FROM component")?;
    let note = format!("{packages} packages are {components} distinct components");
    steps.push(Step::new("look up", took, note));

    let host = open(folder).await?;
    let (first, matching, weighing) = gather(&host).await?;
    let affected = count(
        folder,
        "SELECT count(*) FROM component WHERE matches <> '[]'",
    )?;
    let vulnerabilities = count(
        folder,
        "SELECT sum(json_array_length(matches)) FROM component WHERE matches <> '[]'",
    )?;
    let pairs = count(
        folder,
        "SELECT count(*) FROM package JOIN component ON component.id = package.component_id
         WHERE component.matches <> '[]'",
    )?;
    steps.push(Step::new(
        "match all",
        matching,
        format!(
            "{} components; {affected} of them have {vulnerabilities} vulnerabilities, in {pairs} packages of images",
            first.matched
        ),
    ));
    let issues = first.issues;
    steps.push(Step::new(
        "weigh all",
        weighing,
        format!(
            "{} locations, {} issues opened",
            issues.locations, issues.opened
        ),
    ));

    let (again, matching, weighing) = gather(&host).await?;
    ensure!(
        again.matched == 0 && again.issues.locations == 0,
        "{again:?}"
    );
    steps.push(Step::new(
        "gather again",
        matching + weighing,
        "nothing has changed".to_owned(),
    ));

    let began = Instant::now();
    let report = host
        .import_advisories(&data.join("advisories"), false, &(), &Cancel::new())
        .await?;
    let took = began.elapsed();
    ensure!(!report.incomplete(), "the second import was not whole");
    steps.push(Step::new("import the same again", took, String::new()));
    let (again, matching, weighing) = gather(&host).await?;
    ensure!(
        again.matched == 0 && again.issues.locations == 0,
        "{again:?}"
    );
    steps.push(Step::new(
        "gather after it",
        matching + weighing,
        "nothing has changed".to_owned(),
    ));

    let record = one_record(folder)?;
    host.import_advisories(&record, false, &(), &Cancel::new())
        .await?;
    let (one, matching, weighing) = gather(&host).await?;
    ensure!(one.matched > 0 && one.changed > 0, "{one:?}");
    steps.push(Step::new(
        "match one new record",
        matching,
        format!("{} components asked, {} changed", one.matched, one.changed),
    ));
    steps.push(Step::new(
        "weigh what it concerns",
        weighing,
        format!(
            "{} locations, {} issues opened",
            one.issues.locations, one.issues.opened
        ),
    ));
    Ok(steps)
}

/// A record about a package that some images have.
fn one_record(folder: &Path) -> anyhow::Result<std::path::PathBuf> {
    let store = Connection::open(folder.join("store.db"))?;
    let name: String = store
        .query_row(
            "SELECT name FROM component WHERE ecosystem = 'PyPI' AND name LIKE 'own-package-%' ORDER BY name LIMIT 1",
            [],
            |row| row.get(0),
        )
        .context("no component of PyPI")?;
    let path = folder.join("new").join(format!("{ONE}.json"));
    std::fs::create_dir_all(folder.join("new"))?;
    let record = serde_json::json!({
        "schema_version": "1.7.0",
        "id": ONE,
        "modified": "2026-06-01T00:00:00Z",
        "published": "2026-06-01T00:00:00Z",
        "summary": "For the bench",
        "affected": [{
            "package": {"ecosystem": "PyPI", "name": name},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}]
        }]
    });
    std::fs::write(&path, record.to_string())?;
    Ok(folder.join("new"))
}
