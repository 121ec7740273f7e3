//! The program `ox-host` as a person or a pipeline drives it: the real executable, the real connector in its
//! sandbox, the simulated GitLab.
//!
//! Each test has a data folder and (mostly) a GitLab of its own. The compiled code of the connector is made
//! once and copied into each data folder, because compiling takes longer than all the rest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
#![allow(
    clippy::cmp_owned,
    reason = "a JSON number is compared with its text, not with a JSON text"
)]

mod advisories;
mod connect;
mod exit;
mod image;
mod interrupt;
mod issues;
mod issues_list;
mod issues_work;
mod kill;
mod kill_queue;
mod lists;
mod parts;
mod plugin;
mod secrecy;
mod serve;
mod start;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ox_harness::component;
use ox_harness::image::{Image, Layer, root};
use ox_harness::sim::{Finding, GitLab, Modes, Organisation, Running, level, scope};
use serde_json::Value;
use tempfile::TempDir;

/// The token of the small organisation. Long enough that it is in no file by chance.
const TOKEN: &str = "glpat-Qz7vN4kXw2-program-tests";
/// The variable that it is handed over in.
const VARIABLE: &str = "THE_TOKEN";
/// For one run of the program. None of them takes a tenth of it.
const LIMIT: Duration = Duration::from_secs(240);

static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| component::ox_host().unwrap());
static CONNECTOR: LazyLock<PathBuf> = LazyLock::new(|| component::connector().unwrap());

/// A data folder in which the connector has been compiled.
static WARM: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let run = Run::new(&folder.path().join("data"), &["plugin", "list"]).end();
    assert_eq!(run.code, 0, "{run:?}");
    folder
});

/// A run of the program, prepared.
struct Run {
    command: Command,
    input: String,
}

/// A run that goes on.
struct Going {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: JoinHandle<String>,
    began: Instant,
}

/// A run that ended.
#[derive(Debug)]
struct Ended {
    /// -1 when a signal ended it.
    code: i32,
    stdout: String,
    stderr: String,
    took: Duration,
}

impl Run {
    fn new(data: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(&*PROGRAM);
        command
            .args(arguments)
            .env_clear()
            .env("OX_HOST_DATA_DIR", data)
            .env("OX_HOST_PLUGIN", &*CONNECTOR)
            .env(VARIABLE, TOKEN);
        Self {
            command,
            input: String::new(),
        }
    }

    fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    fn input(mut self, text: &str) -> Self {
        text.clone_into(&mut self.input);
        self
    }

    fn begin(mut self) -> Going {
        let began = Instant::now();
        let mut child = self
            .command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A program that does not read its input ends before all of it is written; that is its right.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        Going {
            stdout: collect(child.stdout.take().unwrap()),
            stderr: collect(child.stderr.take().unwrap()),
            child,
            began,
        }
    }

    fn end(self) -> Ended {
        self.begin().end()
    }
}

impl Going {
    /// Sends a signal to this program, and to no other.
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    fn end(mut self) -> Ended {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.began.elapsed() > LIMIT {
                let _ = self.child.kill();
                let _ = self.child.wait();
                panic!("not done in time: {}", self.stderr.join().unwrap());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let took = self.began.elapsed();
        Ended {
            code: status.code().unwrap_or(-1),
            stdout: self.stdout.join().unwrap(),
            stderr: self.stderr.join().unwrap(),
            took,
        }
    }
}

impl Ended {
    fn must(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }

    fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout));
        assert!(value["schema_version"].is_number(), "{value}");
        assert!(value["kind"].is_string(), "{value}");
        value
    }

    fn lines(&self) -> Vec<Value> {
        let parse = |line: &str| -> Value {
            let value: Value = serde_json::from_str(line).unwrap();
            assert!(value["schema_version"].is_number(), "{value}");
            assert!(value["kind"].is_string(), "{value}");
            value
        };
        self.stdout.lines().map(parse).collect()
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A GitLab and a data folder.
struct Stage {
    gitlab: Running,
    folder: TempDir,
}

impl Stage {
    /// With the small organisation.
    fn small() -> Self {
        Self::of(small())
    }

    fn of(organisation: Organisation) -> Self {
        let gitlab = GitLab::start(organisation, Modes::default()).unwrap();
        Self {
            gitlab,
            folder: data_folder(),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, arguments: &[&str]) -> Run {
        Run::new(&self.data(), arguments)
    }

    fn ox(&self, arguments: &[&str]) -> Ended {
        self.run(arguments).end()
    }

    /// Connects the account as `work`.
    fn connected(self) -> Self {
        self.connect("work");
        self
    }

    fn connect(&self, name: &str) -> Ended {
        let url = self.gitlab.base_url();
        let arguments = ["connect", "gitlab-registry", "--url", &url];
        let rest = ["--token-env", VARIABLE, "--name", name];
        self.ox(&[&arguments[..], &rest[..]].concat()).must(0)
    }

    /// What was found, without what differs between two scans of the same things: times and addresses.
    fn state(&self) -> State {
        let address = self.gitlab.base_url();
        let (_, host) = address.split_once("://").unwrap();
        state_of(&self.data(), [host, &self.gitlab.registry_host()])
    }

    /// Runs a query on the store, which no program has open then.
    fn query(&self, sql: &str) -> BTreeSet<String> {
        let store = rusqlite::Connection::open(self.data().join("store.db")).unwrap();
        let mut statement = store.prepare(sql).unwrap();
        let rows = statement
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    /// Waits until the simulator has answered so many requests.
    fn wait_for_requests(&self, many: usize, going: &mut Going) {
        while self.gitlab.count(|_| true) < many && !going.is_over() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// A data folder with the connector's code in it.
fn data_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let code = data.join("code");
    make_private(&data);
    make_private(&code);
    for entry in std::fs::read_dir(WARM.path().join("data/code")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), code.join(entry.file_name())).unwrap();
    }
    folder
}

fn make_private(folder: &Path) {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(folder)
        .unwrap();
}

/// Findings, images, packages and what was skipped.
#[derive(Debug, PartialEq, Eq)]
struct State {
    findings: Vec<Value>,
    images: Vec<Value>,
    packages: Vec<Value>,
    skipped: Vec<Value>,
}

fn state_of(data: &Path, hosts: [&str; 2]) -> State {
    let lines = |arguments: &[&str]| {
        let mut ended = Run::new(data, arguments).end().must(0);
        for (host, name) in hosts.iter().zip(["gitlab.test", "registry.test"]) {
            ended.stdout = ended.stdout.replace(host, name);
        }
        let mut lines = ended.lines();
        for line in &mut lines {
            let object = line.as_object_mut().unwrap();
            for key in ["first_seen", "last_seen", "seen", "connection"] {
                object.remove(key);
            }
        }
        lines.sort_by_key(ToString::to_string);
        lines
    };
    let images = lines(&["images", "--format", "jsonl"]);
    let digests: BTreeSet<&str> = images
        .iter()
        .map(|image| image["digest"].as_str().unwrap())
        .collect();
    let packages = digests
        .iter()
        .flat_map(|digest| lines(&["images", "--packages", digest, "--format", "jsonl"]))
        .collect();
    State {
        findings: lines(&["findings", "--format", "jsonl"]),
        packages,
        skipped: lines(&["skipped", "--format", "jsonl"]),
        images,
    }
}

/// `acme/shop` with four repositories, and `acme/tools`: 10 images on two bases.
fn small() -> Organisation {
    let mut org = Organisation::new();
    let alice = org.user("alice");
    org.token(alice, TOKEN, &scope::CONNECTOR);
    let acme = org.group(None, "acme", |g| g.members.push((alice, level::DEVELOPER)));
    let shop = org.project(acme, "shop", |p| p.topics = vec!["web".to_owned()]);
    let tools = org.project(acme, "tools", |_| {});
    let debian = root::debian(40).layer.build();
    let alpine = root::alpine(12).layer.build();
    let image = |base: &ox_harness::image::BuiltLayer, text: &str| {
        let own = Layer::new().file("srv/version", text);
        Image::amd64().layer(base).layer(own).build()
    };
    for name in ["api", "web", "jobs/mailer", "jobs/cron"] {
        let repository = org.repository(shop, name);
        org.push(repository, "1.0", &image(&debian, &format!("{name} 1.0")));
        org.push(repository, "1.1", &image(&debian, &format!("{name} 1.1")));
    }
    let repository = org.repository(tools, "");
    org.push(repository, "2024", &image(&alpine, "2024"));
    org.push(repository, "2025", &image(&alpine, "2025"));
    org
}

/// Adds findings to `acme/shop/api`: one high and open, one low, one dismissed and critical.
fn with_findings(gitlab: &Running) {
    let image = format!("{}/acme/shop/api:1.0", gitlab.registry_host());
    gitlab.world(|world| {
        let shop = world
            .organisation
            .projects
            .iter()
            .find(|project| project.full_path == "acme/shop")
            .unwrap()
            .id;
        for (cve, severity, state) in [
            ("CVE-2024-0001", "HIGH", "DETECTED"),
            ("CVE-2024-0002", "LOW", "DETECTED"),
            ("CVE-2024-0003", "CRITICAL", "DISMISSED"),
        ] {
            let mut finding = Finding::new(cve, "libc6", "2.36-9", &image);
            severity.clone_into(&mut finding.severity);
            state.clone_into(&mut finding.state);
            world.organisation.vulnerability(shop, &finding);
        }
    });
}
