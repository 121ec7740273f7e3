//! The queue with many issues in it: what a page, a count, the funnel and one issue take.
//!
//! A small inventory is matched and weighed as always; then its repositories are multiplied, with everything
//! that belongs to them, until there are as many issues as were asked for. Each copy has names and times of
//! its own.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use ox_host::store::Store;
use ox_host::store::issues::{Deadlines, IssueFilter, IssueOrder, SortKey};
use rusqlite::Connection;

use crate::inventory::{Size, public_data};
use crate::matching::{gather, open, prepare};
use crate::table::questions;

/// What is multiplied.
pub(crate) const SEED: Size = Size {
    images: 120,
    distinct: 3000,
};
/// How often each question is asked.
const ASKED: usize = 40;
/// Issues of a page.
const PAGE: usize = 50;
/// Free bytes that an issue needs while a store is made; a million need more than some disks have.
const BYTES_PER_ISSUE: u64 = 16_000;

/// Rows of one table: its name, how many, and which columns are made how.
type Copied = (&'static str, u64, Vec<(&'static str, String)>);

pub(crate) fn ask(out: &mut impl Write, million: bool) -> anyhow::Result<()> {
    let Some(data) = public_data("queue") else {
        return Ok(());
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let seed = tempfile::tempdir()?;
    runtime.block_on(async {
        prepare(seed.path(), &data, SEED).await?;
        let host = open(seed.path()).await?;
        gather(&host).await.map(drop)
    })?;
    let mut sizes = vec![100_000];
    if million {
        sizes.push(1_000_000);
    }
    for many in sizes {
        let began = Instant::now();
        multiply(&seed.path().join("store.db"), many)?;
        let made = began.elapsed();
        one_size(out, seed.path(), made)?;
    }
    Ok(())
}

fn one_size(out: &mut impl Write, folder: &Path, made: Duration) -> anyhow::Result<()> {
    let began = Instant::now();
    let store = Store::open(folder)?;
    let opened = began.elapsed();
    let plain = IssueFilter::default();
    let total = page(&store, &plain, &IssueOrder::default(), 1)?.0;
    let some = some(&folder.join("store.db"))?;
    let mut asked: Vec<(String, Vec<Duration>, String)> = Vec::new();
    let mut ask =
        |name: &str, filter: &IssueFilter, order: &IssueOrder| -> anyhow::Result<Option<String>> {
            let mut took = Vec::new();
            let mut last = (0, 0, None);
            for _ in 0..ASKED {
                let began = Instant::now();
                last = page(&store, filter, order, PAGE)?;
                took.push(began.elapsed());
                // What takes long need not be asked so often.
                if took.iter().sum::<Duration>() > Duration::from_secs(20) {
                    break;
                }
            }
            let note = format!("{} of {}", last.1, last.0);
            asked.push((name.to_owned(), took, note));
            Ok(last.2)
        };
    let first = IssueOrder::default();
    let next = ask("first page", &plain, &first)?;
    let next = IssueOrder {
        after: next,
        ..first.clone()
    };
    ask("next page", &plain, &next)?;
    ask(
        "one application",
        &IssueFilter {
            application: vec![some.application],
            ..plain.clone()
        },
        &first,
    )?;
    ask(
        "one CVE",
        &IssueFilter {
            id: vec![some.id.clone()],
            ..plain.clone()
        },
        &first,
    )?;
    ask(
        "one package",
        &IssueFilter {
            package: vec![some.package.clone()],
            ..plain.clone()
        },
        &first,
    )?;
    ask(
        "source tool GitLab",
        &IssueFilter {
            source_tool: vec!["GitLab".to_owned()],
            ..plain.clone()
        },
        &first,
    )?;
    let severe = IssueFilter {
        severity: vec![ox_issue::severity::Severity::High],
        fixable: Some(true),
        ..plain.clone()
    };
    ask("high and fixable", &severe, &first)?;
    for by in [SortKey::FirstSeen, SortKey::Due, SortKey::Application] {
        let order = IssueOrder {
            by,
            ..first.clone()
        };
        ask(&format!("first page by {by:?}"), &plain, &order)?;
    }
    ask(
        "text: a CVE",
        &IssueFilter {
            text: Some(some.id),
            ..plain.clone()
        },
        &first,
    )?;
    ask(
        "text: a package",
        &IssueFilter {
            text: Some(some.package),
            ..plain.clone()
        },
        &first,
    )?;
    ask(
        "text: nothing has it",
        &IssueFilter {
            text: Some("xyzzyx".to_owned()),
            ..plain.clone()
        },
        &first,
    )?;
    let mut often = |name: &str, question: &dyn Fn() -> anyhow::Result<()>| -> anyhow::Result<()> {
        let mut took = Vec::new();
        while took.len() < ASKED && took.iter().sum::<Duration>() < Duration::from_secs(20) {
            let began = Instant::now();
            question()?;
            took.push(began.elapsed());
        }
        asked.push((name.to_owned(), took, String::new()));
        Ok(())
    };
    often("funnel", &|| {
        Ok(store.funnel(&plain, &deadlines()).map(drop)?)
    })?;
    often("one issue", &|| {
        Ok(store.issue(some.number, &deadlines()).map(drop)?)
    })?;
    let bytes = std::fs::metadata(folder.join("store.db"))?.len();
    questions(
        out,
        &format!("The queue with {total} open issues, {PAGE} a page"),
        &mut asked,
    )?;
    writeln!(
        out,
        "  A database of {:.1} GB, made in {:.0} s, opened in {:.1} ms; the pages of the questions are in memory.\n",
        bytes as f64 / 1e9,
        made.as_secs_f64(),
        opened.as_secs_f64() * 1e3
    )?;
    Ok(())
}

/// Total, issues of the page, and where the next one begins.
fn page(
    store: &Store,
    filter: &IssueFilter,
    order: &IssueOrder,
    limit: usize,
) -> anyhow::Result<(u64, usize, Option<String>)> {
    let order = IssueOrder {
        limit,
        ..order.clone()
    };
    let page = store.issues(filter, &order, &deadlines())?;
    Ok((page.total, page.issues.len(), page.next))
}

fn deadlines() -> Deadlines {
    Deadlines {
        near: "2026-12-24T00:00:00.000Z".to_owned(),
        stand: Box::new(|_| None),
    }
}

/// What is asked for.
struct Sample {
    application: String,
    id: String,
    package: String,
    number: i64,
}

fn some(path: &Path) -> anyhow::Result<Sample> {
    let store = Connection::open(path)?;
    let number: i64 = store.query_row("SELECT max(id) / 2 FROM issue", [], |row| row.get(0))?;
    let (number, application, package) = store
        .query_row(
            "SELECT id, application, package FROM issue WHERE id >= ?1 AND package IS NOT NULL ORDER BY id LIMIT 1",
            [number],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .context("no issue about a package")?;
    let id = store
        .query_row(
            "SELECT word FROM issue_word WHERE issue_id = ?1 AND kind = 'id' AND word LIKE 'CVE-%'
             UNION ALL SELECT primary_id FROM issue WHERE id = ?1 LIMIT 1",
            [number],
            |row| row.get(0),
        )
        .context("an issue without an id")?;
    Ok(Sample {
        application,
        id,
        package,
        number,
    })
}

/// Repeats the rows of locations until there are `many` issues.
pub(crate) fn multiply(path: &Path, many: u64) -> anyhow::Result<()> {
    let store = Connection::open(path)?;
    // A file that nobody else reads and that is thrown away needs no journal.
    store.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -1000000;",
    )?;
    let one = |sql: &str| -> anyhow::Result<u64> {
        Ok(store
            .query_row(sql, [], |row| row.get::<_, i64>(0))?
            .unsigned_abs())
    };
    let issues = one("SELECT count(*) FROM issue")?;
    ensure!(issues > 0, "no issue came out of the inventory");
    let free = free_bytes(path)?;
    ensure!(
        free > many.saturating_sub(issues) * BYTES_PER_ISSUE,
        "{many} issues need {} GB of free disk, and there are {} GB",
        many * BYTES_PER_ISSUE / 1_000_000_000,
        free / 1_000_000_000
    );
    // Indexes of the tables that grow are made anew at the end: that is quicker than to keep them.
    let tables =
        "('location', 'image', 'image_tag', 'issue', 'issue_word', 'occurrence', 'issue_event')";
    let indexes: Vec<(String, String)> = store
        .prepare(&format!(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name IN {tables}"
        ))?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (name, _) in &indexes {
        store.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    store.execute_batch("BEGIN")?;
    let bound = |table: &str| one(&format!("SELECT coalesce(max(id), 0) FROM {table}"));
    let (location, image, issue, event) = (
        bound("location")?,
        bound("image")?,
        bound("issue")?,
        bound("issue_event")?,
    );
    let mut copy = 0;
    let mut there = issues;
    while there < many {
        copy += 1;
        // The last copy is a part.
        let part = issue.min(many - there);
        let id = |column: &str, bound: u64| format!("{column} + {}", bound * copy);
        let name = |column: &str| format!("{column} || '-{copy}'");
        let days = |column: &str| {
            format!(
                "strftime('%Y-%m-%dT%H:%M:%fZ', {column}, '-{} hours')",
                copy * 7
            )
        };
        let copies: [Copied; 7] = [
            (
                "location",
                location,
                vec![
                    ("id", id("id", location)),
                    ("external_id", name("external_id")),
                    ("path", name("path")),
                ],
            ),
            (
                "image",
                image,
                vec![
                    ("id", id("id", image)),
                    ("location_id", id("location_id", location)),
                ],
            ),
            (
                "image_tag",
                image,
                vec![("image_id", id("image_id", image))],
            ),
            (
                "issue",
                part,
                vec![
                    ("id", id("id", issue)),
                    ("location_id", id("location_id", location)),
                    ("application", name("application")),
                    ("first_seen", days("first_seen")),
                    ("due", days("due")),
                ],
            ),
            (
                "issue_word",
                part,
                vec![("issue_id", id("issue_id", issue))],
            ),
            (
                "occurrence",
                part,
                vec![
                    ("issue_id", id("issue_id", issue)),
                    ("image_id", id("image_id", image)),
                ],
            ),
            (
                "issue_event",
                event,
                vec![("id", id("id", event)), ("issue_id", id("issue_id", issue))],
            ),
        ];
        for (table, bound, exchanged) in copies {
            let columns: Vec<String> = store
                .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let values: Vec<&str> = columns
                .iter()
                .map(|column| {
                    let other = exchanged.iter().find(|(name, _)| name == column);
                    other.map_or(column.as_str(), |(_, sql)| sql.as_str())
                })
                .collect();
            let key = match table {
                "image_tag" => "image_id",
                "issue_word" | "occurrence" => "issue_id",
                _ => "id",
            };
            let also = if table == "issue_event" {
                format!(" AND issue_id <= {part}")
            } else {
                String::new()
            };
            let made = store.execute(
                &format!(
                    "INSERT INTO {table} ({}) SELECT {} FROM {table} WHERE {key} <= {bound}{also}",
                    columns.join(", "),
                    values.join(", ")
                ),
                [],
            )?;
            if table == "issue" {
                there += made as u64;
            }
        }
    }
    store.execute_batch("COMMIT")?;
    for (_, sql) in &indexes {
        store.execute_batch(sql)?;
    }
    store.execute_batch("PRAGMA journal_mode = WAL")?;
    Ok(())
}

/// As `df` says.
fn free_bytes(path: &Path) -> anyhow::Result<u64> {
    let folder = path.parent().unwrap_or(path);
    let said = std::process::Command::new("df")
        .arg("-Pk")
        .arg(folder)
        .output()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let kilobytes = said
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3)?.parse::<u64>().ok());
    Ok(kilobytes.context("df did not say how much is free")? * 1024)
}
