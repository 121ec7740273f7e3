//! A host that answers from memory, and streams that can be read afterwards.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use clap::Parser;
use tokio_util::sync::CancellationToken;

use super::args::Cli;
use super::backend::Backend;
use super::exit::Exit;
use super::output::{Output, lock};
use crate::contract::*;
use crate::host::{
    Connection, ConnectionDraft, Event, Events, Filter, FindingRow, HostError, ImageRow,
    Inspection, LocationOutcome, LocationRow, ScanOptions, ScanReport, Selection, SkippedRow,
    Trial,
};
use crate::report::{Look, samples};

/// A stream whose text can be read while it is written.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    /// What was written so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(lock(&self.0).clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that can't be written to.
pub(crate) struct Broken(pub(crate) io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

/// Both streams.
pub(crate) struct Capture {
    stdout: Shared,
    stderr: Shared,
}

impl Capture {
    pub(crate) fn new() -> Self {
        Self {
            stdout: Shared::default(),
            stderr: Shared::default(),
        }
    }

    pub(crate) fn output(&self) -> Arc<Output> {
        let (stdout, stderr) = (Box::new(self.stdout.clone()), Box::new(self.stderr.clone()));
        Arc::new(Output::to(stdout, stderr, Look::PLAIN))
    }

    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub(crate) fn stderr(&self) -> String {
        self.stderr.text()
    }
}

/// A host in memory.
pub(crate) struct Fake {
    pub(crate) verification: Verification,
    pub(crate) report: ScanReport,
    pub(crate) connections: Vec<Connection>,
    pub(crate) known: Mutex<Vec<LocationRow>>,
    /// What the next scan answers instead of the report.
    pub(crate) failure: Mutex<Option<HostError>>,
    /// The draft that was tried or scanned last.
    pub(crate) draft: Mutex<Option<ConnectionDraft>>,
    pub(crate) saved: Mutex<Vec<String>>,
    pub(crate) selection: Mutex<Option<Selection>>,
    pub(crate) options: Mutex<Option<ScanOptions>>,
    pub(crate) filter: Mutex<Option<Filter>>,
    /// A scan waits until it is cancelled.
    pub(crate) endless: bool,
    /// What the connector says in a log line: what it should not know.
    pub(crate) leak: Option<String>,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            verification: samples::green_verification(),
            report: samples::scan_report(),
            connections: vec![samples::connection()],
            known: Mutex::new(samples::locations()),
            failure: Mutex::default(),
            draft: Mutex::default(),
            saved: Mutex::default(),
            selection: Mutex::default(),
            options: Mutex::default(),
            filter: Mutex::default(),
            endless: false,
            leak: None,
        }
    }
}

impl Fake {
    fn tell(&self, events: &dyn Events) {
        for step in &self.verification.steps {
            events.event(Event::Step(step.clone()));
        }
        if let Some(message) = &self.leak {
            events.event(Event::Log {
                subject: "verify".to_owned(),
                level: LogLevel::Error,
                message: message.clone(),
            });
        }
    }

    async fn scanned(
        &self,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Result<ScanReport, HostError> {
        *lock(&self.options) = Some(options);
        if let Some(failure) = lock(&self.failure).take() {
            return Err(failure);
        }
        let mut report = self.report.clone();
        if self.endless {
            cancel.cancelled().await;
            report.complete = false;
            for location in &mut report.locations {
                location.outcome = LocationOutcome::Interrupted;
            }
        }
        events.event(Event::ScanStarted {
            scan: 1,
            ended: 0,
            locations: report.locations.len(),
        });
        for location in &report.locations {
            events.event(Event::LocationEnded(location.clone()));
        }
        Ok(report)
    }
}

#[async_trait]
impl Backend for Fake {
    async fn connectors(&self) -> Result<Vec<(Manifest, String)>, HostError> {
        Ok(vec![(samples::manifest(), samples::digest('7'))])
    }
    async fn inspect(&self, _: &Path) -> Result<Inspection, HostError> {
        Ok(samples::inspected())
    }
    async fn install_connector(&self, _: &Path) -> Result<(Manifest, String), HostError> {
        Ok((samples::manifest(), samples::digest('7')))
    }
    async fn try_connection(
        &self,
        draft: ConnectionDraft,
        events: &dyn Events,
        _: &CancellationToken,
    ) -> Result<Trial, HostError> {
        *lock(&self.draft) = Some(draft.clone());
        if let Some(failure) = lock(&self.failure).take() {
            return Err(failure);
        }
        self.tell(events);
        let profile = Profile {
            display_name: "gitlab.example.com".to_owned(),
            settings: draft.settings.clone(),
            origins: vec![],
        };
        Ok(Trial {
            draft,
            profile,
            verification: self.verification.clone(),
        })
    }
    fn save_connection(&self, trial: &Trial) -> Result<Connection, HostError> {
        let mut connection = samples::connection();
        connection.name = trial
            .draft
            .name
            .clone()
            .unwrap_or(trial.profile.display_name.clone());
        lock(&self.saved).push(connection.name.clone());
        Ok(connection)
    }
    fn connections(&self) -> Result<Vec<Connection>, HostError> {
        Ok(self.connections.clone())
    }
    fn remove_connection(&self, _: &str) -> Result<(), HostError> {
        Ok(())
    }
    async fn verify(
        &self,
        _: &str,
        events: &dyn Events,
        _: &CancellationToken,
    ) -> Result<Verification, HostError> {
        self.tell(events);
        Ok(self.verification.clone())
    }
    async fn list_locations(
        &self,
        _: &str,
        events: &dyn Events,
        _: &CancellationToken,
    ) -> Result<Vec<LocationRow>, HostError> {
        events.event(Event::Listed(7));
        *lock(&self.known) = samples::locations();
        Ok(samples::locations())
    }
    fn known_locations(&self, _: &str) -> Result<Vec<LocationRow>, HostError> {
        Ok(lock(&self.known).clone())
    }
    fn select(&self, _: &str, selection: Selection) -> Result<Vec<LocationRow>, HostError> {
        *lock(&self.selection) = Some(selection);
        Ok(lock(&self.known).clone())
    }
    async fn scan(
        &self,
        _: &str,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Result<ScanReport, HostError> {
        self.scanned(options, events, cancel).await
    }
    async fn scan_draft(
        &self,
        draft: ConnectionDraft,
        selection: Selection,
        options: ScanOptions,
        events: Arc<dyn Events>,
        cancel: CancellationToken,
    ) -> Result<ScanReport, HostError> {
        *lock(&self.draft) = Some(draft);
        *lock(&self.selection) = Some(selection);
        self.tell(&*events);
        self.scanned(options, events, cancel).await
    }
    fn findings(&self, filter: &Filter) -> Result<Vec<FindingRow>, HostError> {
        *lock(&self.filter) = Some(filter.clone());
        match filter.connection.as_deref() {
            Some(name) if name != "work" => {
                let name = name.to_owned();
                Err(HostError::Unknown {
                    what: "connection",
                    name,
                    list: "connections",
                })
            }
            _ => Ok(samples::findings()),
        }
    }
    fn images(&self, filter: &Filter) -> Result<Vec<ImageRow>, HostError> {
        let mut rows = samples::images();
        if let Some(beginning) = &filter.image {
            rows.retain(|row| row.image.digest.starts_with(beginning.as_str()));
        }
        if let Some(name) = &filter.repository {
            rows.retain(|row| {
                let whole = format!("{}/{}", row.image.registry, row.image.repository);
                [&row.image.repository, &whole, &row.location].contains(&name)
            });
        }
        Ok(rows)
    }
    fn packages(&self, _: &str, _: &str) -> Result<Vec<Package>, HostError> {
        Ok(samples::packages())
    }
    fn skipped(&self, _: &Filter) -> Result<Vec<SkippedRow>, HostError> {
        Ok(samples::skipped())
    }
}

/// What a run of the program left behind.
pub(crate) struct Ran {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) fake: Arc<Fake>,
}

/// Runs a command line against a fake host.
pub(crate) async fn run_with(fake: Fake, args: &[&str]) -> Ran {
    let capture = Capture::new();
    let fake = Arc::new(fake);
    let cli = Cli::try_parse_from(["ox-host"].iter().chain(args));
    let cli = cli.unwrap_or_else(|error| panic!("{error}"));
    let exit = super::run(cli, fake.clone(), capture.output()).await;
    Ran {
        exit,
        stdout: capture.stdout(),
        stderr: capture.stderr(),
        fake,
    }
}

/// The same with the usual host.
pub(crate) async fn run(args: &[&str]) -> Ran {
    run_with(Fake::default(), args).await
}
