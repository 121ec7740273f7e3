//! The pages of the console over a queue that a million findings were laid together into: what the browser waits
//! for, from the request to the last byte, over real HTTP from the real program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use ox_harness::component;
use rusqlite::Connection;

use crate::inventory::public_data;
use crate::matching::{gather, open, prepare};
use crate::queue::{SEED, multiply};
use crate::table::questions;

/// Findings that the store has.
const FINDINGS: u64 = 1_000_000;
/// Milliseconds that the page of issues may take.
const LIMIT: f64 = 50.0;
/// How often each page is asked for.
const ASKED: usize = 30;
/// No page is asked for longer than that.
const LONG: Duration = Duration::from_secs(15);
const PASSWORD: &str = "a password of the bench";

pub(crate) fn ask(out: &mut impl Write) -> anyhow::Result<()> {
    let Some(data) = public_data("console") else {
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        prepare(folder.path(), &data, SEED).await?;
        let host = open(folder.path()).await?;
        gather(&host).await.map(drop)
    })?;
    let path = folder.path().join("store.db");
    let (issues, found) = counts(&path)?;
    let many = FINDINGS.div_ceil((found / issues.max(1)).max(1));
    let began = Instant::now();
    multiply(&path, many)?;
    let made = began.elapsed();
    let (issues, found) = counts(&path)?;
    let daemon = Daemon::start(folder.path())?;
    let mut asked = Vec::new();
    let mut first = None;
    for (name, path) in pages(&path)? {
        let mut took = Vec::new();
        let mut bytes = 0;
        while took.len() < ASKED && took.iter().sum::<Duration>() < LONG {
            let began = Instant::now();
            let answer = daemon.get(&path)?;
            took.push(began.elapsed());
            ensure!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer:.200}");
            bytes = answer.len();
        }
        took.sort();
        if first.is_none() {
            first = took.get(took.len() / 2).copied();
        }
        asked.push((name, took, format!("{} KB", bytes / 1000)));
    }
    let bytes = std::fs::metadata(&path)?.len();
    questions(
        out,
        &format!("The console over {found} findings in {issues} issues, a page over HTTP"),
        &mut asked,
    )?;
    let first = first.unwrap_or_default().as_secs_f64() * 1e3;
    writeln!(
        out,
        "  The page of issues takes {first:.1} ms; that is {:.0} % of the {LIMIT:.0} ms that it may take.\n  \
         {:.1} findings make an issue; a database of {:.1} GB, made in {:.0} s.\n",
        first / LIMIT * 100.0,
        found as f64 / issues as f64,
        bytes as f64 / 1e9,
        made.as_secs_f64()
    )?;
    Ok(())
}

/// Issues and findings of a store.
fn counts(path: &Path) -> anyhow::Result<(u64, u64)> {
    let store = Connection::open(path)?;
    let (issues, found): (i64, i64) =
        store.query_row("SELECT count(*), sum(found) FROM issue", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    ensure!(issues > 0, "no issue came out of the inventory");
    Ok((issues.unsigned_abs(), found.unsigned_abs()))
}

/// What is asked for.
fn pages(path: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let store = Connection::open(path)?;
    let (number, application, package): (i64, String, String) = store.query_row(
        "SELECT id, application, package FROM issue
         WHERE package IS NOT NULL AND id >= (SELECT max(id) / 2 FROM issue) ORDER BY id LIMIT 1",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let mut all: Vec<(String, String)> = [
        ("issues", ""),
        ("source tool GitLab", "?source-tool=GitLab"),
        ("critical", "?severity=critical"),
        (
            "critical and fixable",
            "?severity=appoxalypse,critical&fixable=true",
        ),
        ("new since the last scan", "?status=new"),
        ("increased by OX", "?reprioritised=increased"),
        ("text that nothing has", "?text=xyzzyx"),
        ("by title", "?sort=title"),
        ("by owner", "?sort=owner"),
        ("by location", "?sort=location"),
        ("by occurrences", "?sort=occurrences"),
        ("by first seen", "?sort=first-seen"),
        ("laid together by CVE", "?group=cve"),
        ("laid together by package", "?group=package"),
        ("laid together by image", "?group=image"),
        ("laid together by application", "?group=application"),
    ]
    .map(|(name, query)| (name.to_owned(), format!("/issues{query}")))
    .to_vec();
    all.push((
        "one application".to_owned(),
        format!("/issues?application={}", encoded(&application)),
    ));
    all.push((
        "one package".to_owned(),
        format!("/issues?package={}", encoded(&package)),
    ));
    all.push(("one issue".to_owned(), format!("/issues/{number}")));
    Ok(all)
}

fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// `ox-host serve` over a data folder, and a session.
struct Daemon {
    child: Child,
    address: String,
    cookie: String,
}

impl Daemon {
    fn start(folder: &Path) -> anyhow::Result<Self> {
        let program = component::ox_host()?;
        let command = |arguments: &[&str]| {
            let mut command = Command::new(&program);
            command.args(arguments).env("OX_HOST_DATA_DIR", folder);
            command
        };
        let mut add = command(&[
            "users",
            "add",
            "bench",
            "--role",
            "admin",
            "--password-stdin",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
        if let Some(mut stdin) = add.stdin.take() {
            writeln!(stdin, "{PASSWORD}")?;
        }
        ensure!(add.wait()?.success(), "the account could not be made");
        let mut child = command(&["serve", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().context("ox-host has no stderr")?;
        let mut daemon = Self {
            child,
            address: String::new(),
            cookie: String::new(),
        };
        let mut lines = BufReader::new(stderr);
        while daemon.address.is_empty() {
            let mut line = String::new();
            ensure!(lines.read_line(&mut line)? > 0, "ox-host serve ended");
            if let Some((_, rest)) = line.split_once("http://") {
                let end = rest.find(|one: char| one == '/' || one.is_whitespace());
                daemon.address = rest
                    .get(..end.unwrap_or(rest.len()))
                    .unwrap_or("")
                    .to_owned();
            }
        }
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        let form = format!("name=bench&password={}&next=%2F", encoded(PASSWORD));
        let answer = daemon.send(&format!(
            "POST /signin HTTP/1.1\r\nhost: {}\r\nsec-fetch-site: same-origin\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            daemon.address,
            form.len()
        ))?;
        let session = answer
            .lines()
            .filter_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("set-cookie: ")
                    .map(|_| line)
            })
            .filter_map(|line| line.get("set-cookie: ".len()..))
            .find(|cookie| cookie.contains("ox_session="));
        let Some(session) = session.and_then(|cookie| cookie.split(';').next()) else {
            bail!("signing in gave no session: {answer:.300}");
        };
        daemon.cookie = session.to_owned();
        Ok(daemon)
    }

    fn get(&self, path: &str) -> anyhow::Result<String> {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\ncookie: {}\r\naccept: text/html\r\nconnection: close\r\n\r\n",
            self.address, self.cookie
        ))
    }

    fn send(&self, request: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_nodelay(true)?;
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
