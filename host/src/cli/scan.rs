//! `scan`: the main job, of a connected account or of one that is given in the same line.

use std::collections::HashSet;
use std::num::NonZeroU8;
use std::sync::Arc;

use clap::Args;

use super::args::{Format, SeverityChoice};
use super::connect::{quoted, read_token};
use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::{Exit, Gate, of_scan, reaching};
use super::form::FormFlags;
use super::globs;
use super::progress::Reporter;
use crate::host::{
    ConnectionDraft, Events, Filter, HostError, NewLocations, ScanOptions, ScanReport, Selection,
};
use crate::report::json::{self, ScanResult};
use crate::report::text::count;
use crate::report::{scan, words};

/// Scan the selected locations of an account.
///
/// With a NAME it scans a connected account. With --url it scans without saving a connection: the whole job
/// in one line, for a pipeline.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  ox-host scan work
  ox-host scan work --location 'acme/shop/*' --format jsonl
  ox-host scan --url https://gitlab.com --token-env GITLAB_TOKEN --include 'acme/**' --fail-on high")]
pub(crate) struct Scan {
    /// Name of the connection
    #[arg(required_unless_present = "url", conflicts_with = "url")]
    name: Option<String>,
    /// Scan only these locations, by path or pattern, whatever is selected (repeatable)
    #[arg(long, value_name = "GLOB")]
    location: Vec<String>,
    /// How the result is written to stdout
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Begin anew where an interrupted scan could go on
    #[arg(long)]
    fresh: bool,
    /// Locations that are scanned at the same time [default: number of cores]
    #[arg(long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroU8>,
    /// End with code 10 when an open finding is at least this severe
    #[arg(long, value_name = "SEVERITY", value_enum)]
    fail_on: Option<SeverityChoice>,
    /// End with code 6 when a part was not looked at
    #[arg(long)]
    require_complete: bool,
    /// With --url: which connector
    #[arg(
        long,
        value_name = "CONNECTOR",
        default_value = "gitlab-registry",
        requires = "url"
    )]
    connector: String,
    /// With --url: scan only locations whose path matches (repeatable)
    #[arg(long, value_name = "GLOB", requires = "url")]
    include: Vec<String>,
    /// With --url: leave out locations whose path matches (repeatable)
    #[arg(long, value_name = "GLOB", requires = "url")]
    exclude: Vec<String>,
    #[command(flatten)]
    pub(crate) form: FormFlags,
}

impl Scan {
    pub(crate) async fn run(&self, context: &Context) -> CliResult {
        globs::check(&self.location)?;
        globs::check(&self.include)?;
        globs::check(&self.exclude)?;
        let draft = match &self.name {
            Some(name) => {
                self.refuse_form_flags()?;
                context.connection(name)?;
                None
            }
            None => Some(self.draft(context).await?),
        };
        let reporter = context.reporter();
        let _watch = context.watch(&reporter);
        let scanned = self.scan(context, draft, &reporter).await;
        reporter.finish();
        match scanned {
            Ok(report) => self.conclude(context, &report),
            Err(_) if context.cancel.is_cancelled() => {
                context.remark(&self.how_to_resume());
                Ok(Exit::Interrupted)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The flags that fill in a form belong to `connect` when the connection is saved.
    fn refuse_form_flags(&self) -> CliResult<()> {
        if self.form.is_empty() {
            return Ok(());
        }
        Err(CliError::usage(
            "a connected account is scanned as it was connected",
            "leave out the flags of the token, the form and the network, or use --url instead of NAME",
        ))
    }

    async fn draft(&self, context: &Context) -> CliResult<ConnectionDraft> {
        let manifest = context.manifest(&self.connector).await?;
        let token = read_token(&self.form, context)?;
        let draft = self.form.draft(&manifest, None, token)?;
        if draft.network.insecure_tls {
            context
                .warning("certificates are not verified: whoever is in between can read the token");
        }
        Ok(draft)
    }

    async fn scan(
        &self,
        context: &Context,
        draft: Option<ConnectionDraft>,
        reporter: &Arc<dyn Reporter>,
    ) -> Result<ScanReport, HostError> {
        let options = ScanOptions {
            locations: self.location.clone(),
            fresh: self.fresh,
            ..ScanOptions::default()
        };
        let events: Arc<dyn Events> = reporter.clone();
        let cancel = context.cancel.clone();
        match (&self.name, draft) {
            (None, Some(draft)) => {
                let selection = Selection {
                    include: self.include.clone(),
                    exclude: self.exclude.clone(),
                    new_locations: NewLocations::Include,
                };
                context
                    .backend
                    .scan_draft(draft, selection, options, events, cancel)
                    .await
            }
            (name, _) => {
                let name = name.as_deref().unwrap_or_default();
                context.backend.scan(name, options, events, cancel).await
            }
        }
    }

    fn conclude(&self, context: &Context, report: &ScanReport) -> CliResult {
        let filter = Filter {
            connection: Some(report.connection.clone()),
            ..Filter::default()
        };
        let taken: HashSet<&str> = report
            .locations
            .iter()
            .map(|one| one.path.as_str())
            .collect();
        let mut findings = context.backend.findings(&filter)?;
        findings.retain(|row| taken.contains(row.location.as_str()));
        let mut images = match self.format {
            Format::Table => Vec::new(),
            Format::Json | Format::Jsonl => context.backend.images(&filter)?,
        };
        images.retain(|row| taken.contains(row.location.as_str()));
        let mut skipped = context.backend.skipped(&filter)?;
        skipped.retain(|row| taken.contains(row.location.as_str()));
        let result = ScanResult {
            report,
            findings: &findings,
            images: &images,
            skipped: &skipped,
        };
        let text = match self.format {
            Format::Json => json::scan(&result),
            Format::Jsonl => json::scan_lines(&result),
            Format::Table => {
                // A scan without a saved connection keeps what it found under a name of its own.
                let more = format!(
                    "ox-host findings --connection {}",
                    quoted(&report.connection)
                );
                scan::summary(&result, Some(&more), context.out.look)
            }
        };
        context.out.data(&text);

        let gate = Gate {
            fail_on: self.fail_on.map(Into::into),
            require_complete: self.require_complete,
        };
        let exit = of_scan(report, &findings, gate);
        let exit = if context.cancel.is_cancelled() && !report.complete {
            Exit::Interrupted
        } else {
            exit
        };
        match exit {
            Exit::Interrupted => context.remark(&self.how_to_resume()),
            Exit::NothingSelected => context.warning(
                "nothing is selected to be scanned; `ox-host locations NAME` shows what is there, \
                 `ox-host select` changes it",
            ),
            Exit::Findings => {
                if let Some(least) = gate.fail_on {
                    let many = reaching(&findings, least) as u64;
                    let severity = words::severity(least);
                    context.warning(&format!(
                        "{} at or above {severity} (--fail-on)",
                        count(many, "open finding", "open findings")
                    ));
                }
            }
            Exit::Partial => {
                context.warning("a part was not looked at, and --require-complete is set");
            }
            Exit::Unexpected => context.warning("none of the locations could be scanned"),
            _ => {}
        }
        Ok(exit)
    }

    fn how_to_resume(&self) -> String {
        match &self.name {
            Some(name) => format!(
                "Interrupted. What was acknowledged is stored; `ox-host scan {}` goes on from there.",
                quoted(&crate::report::text::inert(name))
            ),
            None => {
                "Interrupted. What was acknowledged is stored; the same command goes on from there."
                    .to_owned()
            }
        }
    }
}
