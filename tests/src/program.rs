//! The real program, with the connector, in a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use crate::component;
use crate::measure::{Measured, measured};

/// How long one command may take.
const LIMIT: Duration = Duration::from_secs(120);

/// `ox-host` and where it keeps things. The folder goes with the value.
pub struct OxHost {
    program: PathBuf,
    connector: PathBuf,
    data: tempfile::TempDir,
}

impl OxHost {
    /// Builds the program and the connector, where that has not been done.
    ///
    /// # Errors
    /// When either can't be built.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self {
            connector: component::connector()?,
            program: component::ox_host()?,
            data: tempfile::tempdir()?,
        })
    }

    /// The component.
    pub fn connector(&self) -> &Path {
        &self.connector
    }

    /// Runs a command with the token in `GITLAB_TOKEN`.
    ///
    /// # Errors
    /// When it ends with anything but 0, or takes longer than two minutes.
    pub fn run(&self, token: &str, arguments: &[&str]) -> anyhow::Result<Measured> {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env("GITLAB_TOKEN", token)
            .env("OX_HOST_DATA_DIR", self.data.path())
            .env("OX_HOST_PLUGIN", &self.connector)
            .env("NO_COLOR", "1");
        measured("ox-host", &mut command, LIMIT)
    }

    /// Scans what matches `include`, without a saved connection. The document and what it took.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn scan(&self, url: &str, token: &str, include: &str) -> anyhow::Result<(Value, Measured)> {
        let took = self.run(
            token,
            &[
                "scan",
                "--url",
                url,
                "--token-env",
                "GITLAB_TOKEN",
                "--include",
                include,
                "--format",
                "json",
                "--progress",
                "none",
                "--fresh",
            ],
        )?;
        let document = serde_json::from_str(&took.stdout)
            .with_context(|| format!("ox-host scan wrote no JSON: {:.300}", took.stdout))?;
        Ok((document, took))
    }

    /// The packages of an image that was scanned.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn packages(&self, digest: &str) -> anyhow::Result<Vec<Value>> {
        let took = self.run("", &["images", "--packages", digest, "--format", "json"])?;
        let document: Value = serde_json::from_str(&took.stdout)
            .with_context(|| format!("ox-host images wrote no JSON: {:.300}", took.stdout))?;
        let packages = document.get("packages").and_then(Value::as_array).cloned();
        packages.context("the list of packages has no packages")
    }

    /// Forgets every scan and every layer; compiled code stays.
    ///
    /// # Errors
    /// When the folder can't be emptied.
    pub fn forget(&self) -> anyhow::Result<()> {
        for entry in std::fs::read_dir(self.data.path())? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }
}
