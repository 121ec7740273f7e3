//! Trivy and Syft: how they are called, and what they found in the one spelling.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::measure::{Measured, measured};
use crate::peers::{absent, program};
use crate::purl::Package;

/// How long one run may take.
const LIMIT: Duration = Duration::from_secs(300);

/// Packages, each with the files that show it.
pub type Finds = BTreeMap<Package, BTreeSet<String>>;

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Aqua's.
    Trivy,
    /// Anchore's.
    Syft,
}

/// What Trivy is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Packages, as CycloneDX.
    Packages,
    /// Packages' licences, secrets and what is wrong with the image's configuration, as JSON.
    All,
}

/// A scanner that is installed here.
#[derive(Clone, Debug)]
pub struct Scanner {
    /// Which it is.
    pub kind: Kind,
    /// As it says itself.
    pub version: String,
    path: PathBuf,
}

/// Where a scanner keeps what it may use again. Goes with the value.
pub struct Cache(tempfile::TempDir);

impl Scanner {
    /// None where it is not installed.
    ///
    /// # Errors
    /// When it is required or does not start.
    pub fn find(kind: Kind) -> anyhow::Result<Option<Self>> {
        let name = match kind {
            Kind::Trivy => "trivy",
            Kind::Syft => "syft",
        };
        let Some(path) = program(name)? else {
            return Ok(None);
        };
        let output = Command::new(&path).arg("--version").output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.split_whitespace().nth(1);
        Ok(Some(Self {
            kind,
            version: version.unwrap_or_default().to_owned(),
            path,
        }))
    }

    /// `trivy 0.76.0`.
    pub fn name(&self) -> String {
        match self.kind {
            Kind::Trivy => format!("trivy {}", self.version),
            Kind::Syft => format!("syft {}", self.version),
        }
    }

    /// A cache with nothing in it. Trivy reads no jar without its database of jars, which can't be fetched
    /// everywhere: it gets one that is in order and empty, and goes by what is in the jars, as the others do.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn cache(&self) -> anyhow::Result<Cache> {
        let folder = tempfile::tempdir()?;
        if self.kind == Kind::Trivy {
            empty_java_database(&folder.path().join("java-db"))?;
        }
        Ok(Cache(folder))
    }

    /// Reads an image of a registry that speaks HTTP.
    ///
    /// # Errors
    /// With the program's last words.
    pub fn run(&self, reference: &str, task: Task, cache: &Cache) -> anyhow::Result<Measured> {
        let mut command = Command::new(&self.path);
        match self.kind {
            Kind::Trivy => {
                command.args(["image", "--quiet"]);
                match task {
                    Task::Packages => command.args(["--format", "cyclonedx"]),
                    Task::All => command
                        .args(["--format", "json", "--list-all-pkgs"])
                        .args(["--scanners", "secret,license"])
                        .args(["--image-config-scanners", "secret"]),
                };
                command
                    .args(["--skip-db-update", "--skip-java-db-update"])
                    .args(["--offline-scan", "--skip-version-check"])
                    .args(["--timeout", "5m"])
                    .args(["--image-src", "remote", "--cache-dir"])
                    .arg(cache.0.path())
                    .arg(reference);
            }
            Kind::Syft => {
                command
                    .args(["scan", "--quiet", "--output", "json"])
                    .arg(format!("registry:{reference}"))
                    .env("SYFT_REGISTRY_INSECURE_USE_HTTP", "true")
                    .env("SYFT_CHECK_FOR_APP_UPDATE", "false")
                    .env("SYFT_CACHE_DIR", cache.0.path());
            }
        }
        command
            .env("no_proxy", "127.0.0.1")
            .env("NO_PROXY", "127.0.0.1");
        measured(&self.name(), &mut command, LIMIT)
    }

    /// As [`Self::run`], and none (with a line that says so) where it does not run on this machine.
    ///
    /// # Errors
    /// When it is required and does not run.
    pub fn try_run(
        &self,
        reference: &str,
        task: Task,
        cache: &Cache,
    ) -> anyhow::Result<Option<Measured>> {
        match self.run(reference, task, cache) {
            Ok(took) => Ok(Some(took)),
            Err(error) => {
                absent(&format!("{} does not run here: {error:#}", self.name()))?;
                Ok(None)
            }
        }
    }

    /// What it wrote of packages, for [`Task::Packages`].
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn packages(&self, stdout: &str) -> anyhow::Result<Finds> {
        let document: Value = serde_json::from_str(stdout)
            .with_context(|| format!("{} wrote no JSON: {stdout:.300}", self.name()))?;
        let list = match self.kind {
            Kind::Trivy => "components",
            Kind::Syft => "artifacts",
        };
        let rows = document.get(list).and_then(Value::as_array);
        let mut finds = Finds::new();
        for row in rows.into_iter().flatten() {
            let package = row.get("purl").and_then(Value::as_str);
            let Some(package) = package.and_then(Package::of_purl) else {
                continue;
            };
            let paths: Vec<&str> = match self.kind {
                Kind::Trivy => of_trivy(row).collect(),
                Kind::Syft => of_syft(row).collect(),
            };
            let known = finds.entry(package).or_default();
            known.extend(
                paths
                    .into_iter()
                    .map(|path| path.trim_start_matches('/').to_owned()),
            );
        }
        Ok(finds)
    }
}

fn of_trivy(row: &Value) -> impl Iterator<Item = &str> {
    let properties = row.get("properties").and_then(Value::as_array);
    let properties = properties.into_iter().flatten();
    properties.filter_map(|one| {
        let name = one.get("name")?.as_str()?;
        (name == "aquasecurity:trivy:FilePath").then(|| one.get("value")?.as_str())?
    })
}

fn of_syft(row: &Value) -> impl Iterator<Item = &str> {
    let locations = row.get("locations").and_then(Value::as_array);
    let locations = locations.into_iter().flatten();
    locations.filter_map(|one| one.get("path")?.as_str())
}

/// What the connector found, as the program lists it.
pub fn ours(packages: &[Value]) -> Finds {
    let mut finds = Finds::new();
    for row in packages {
        let text = |key: &str| row.get(key).and_then(Value::as_str);
        if let Some(package) = text("purl").and_then(Package::of_purl) {
            let path = text("path").unwrap_or_default().to_owned();
            finds.entry(package).or_default().insert(path);
        }
    }
    finds
}

/// The database of jars that Trivy keeps, with no jar in it.
fn empty_java_database(folder: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let database = rusqlite::Connection::open(folder.join("trivy-java.db"))?;
    database.execute_batch(
        "CREATE TABLE artifacts(id INTEGER PRIMARY KEY, group_id TEXT, artifact_id TEXT);
         CREATE TABLE indices(artifact_id INTEGER, version TEXT, sha1 BLOB, archive_type TEXT, license TEXT);",
    )?;
    std::fs::write(
        folder.join("metadata.json"),
        r#"{"Version":1,"NextUpdate":"2099-01-01T00:00:00Z","UpdatedAt":"2026-01-01T00:00:00Z","DownloadedAt":"2026-01-01T00:00:00Z"}"#,
    )?;
    Ok(())
}
