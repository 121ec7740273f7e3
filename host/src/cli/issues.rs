//! `issues`: the queue, filtered, sorted, paged, and in the formats of others.

mod filter;

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use ox_issue::report::{self, ReportMeta};

use filter::IssueFlags;

use super::context::Context;
use super::errors::{CliError, CliResult};
use super::exit::Exit;
use super::files::{made, write_whole};
use crate::report::issues;
use crate::report::text::count;
use crate::store::issues::{IssueFilter, IssueOrder, PAGE, SortKey};

/// How the queue is written: a table for people, or a report in one of the formats of others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IssueFormat {
    #[default]
    Table,
    Report(report::Format),
}

impl FromStr for IssueFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "table" {
            return Ok(Self::Table);
        }
        text.parse()
            .map(Self::Report)
            .map_err(|error: report::NotAFormat| format!("{error}, and table"))
    }
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SortChoice {
    #[default]
    Severity,
    /// The tool's severity
    Before,
    Epss,
    /// The number of images and places
    Occurrences,
    FirstSeen,
    /// When it changed last
    Changed,
    /// The deadline
    Due,
    Package,
    Application,
    Location,
    Owner,
    Title,
}

impl From<SortChoice> for SortKey {
    fn from(choice: SortChoice) -> Self {
        match choice {
            SortChoice::Severity => Self::Severity,
            SortChoice::Before => Self::SeverityBefore,
            SortChoice::Epss => Self::Epss,
            SortChoice::Occurrences => Self::Occurrences,
            SortChoice::FirstSeen => Self::FirstSeen,
            SortChoice::Changed => Self::Changed,
            SortChoice::Due => Self::Due,
            SortChoice::Package => Self::Package,
            SortChoice::Application => Self::Application,
            SortChoice::Location => Self::Location,
            SortChoice::Owner => Self::Owner,
            SortChoice::Title => Self::Title,
        }
    }
}

/// The queue: what to work on, worst first, and why.
#[derive(Args, Debug)]
pub(crate) struct Issues {
    #[command(flatten)]
    filter: IssueFlags,
    /// How it is written: table, json, jsonl, csv, sarif, cyclonedx, cyclonedx-vex, openvex, gitlab, ox
    /// (its manual upload) or html (one page that needs nothing else)
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: IssueFormat,
    /// Write to this file instead of stdout
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Columns of the table, with commas between; `--columns help` lists them
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
    /// What it is sorted by
    #[arg(long, value_enum, default_value_t)]
    sort: SortChoice,
    /// The other way round
    #[arg(long)]
    reverse: bool,
    /// Issues on this page (a table has 50 unless told otherwise, the other formats all)
    #[arg(long, short = 'n', value_name = "N")]
    rows: Option<usize>,
    /// The next page, as the page before it says
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    /// Show how many were found, how many of these are in the queue, and how many issues that makes
    #[arg(long)]
    funnel: bool,
    /// End with exit code 10 when an issue of this list is at least this severe
    #[arg(long, value_name = "SEVERITY")]
    fail_on: Option<ox_issue::Severity>,
}

/// Issues of a table's page.
const TABLE_PAGE: usize = 50;

impl Issues {
    pub(crate) fn run(&self, context: &Context) -> CliResult {
        if self.columns.iter().any(|one| one == "help") {
            for name in issues::columns() {
                context.out.data(&format!("{name}\n"));
            }
            return Ok(Exit::Ok);
        }
        for column in &self.columns {
            if !issues::columns().any(|known| known == column) {
                return Err(CliError::usage(
                    format!("there is no column {column:?}"),
                    format!(
                        "columns are {}",
                        issues::columns().collect::<Vec<_>>().join(", ")
                    ),
                ));
            }
        }
        let host = context.backend.queue()?;
        let filter = self.filter.filter()?;
        let mut order = IssueOrder {
            by: self.sort.into(),
            reverse: self.reverse,
            after: self.after.clone(),
            limit: self.rows.unwrap_or(match self.format {
                IssueFormat::Table => TABLE_PAGE,
                _ => PAGE,
            }),
        };
        let look = context.out.look;
        match self.format {
            IssueFormat::Table => {
                let page = host.issues(&filter, &order)?;
                let mut text = String::new();
                if self.funnel {
                    text.push_str(&issues::funnel(&host.funnel(&filter)?, look));
                    text.push('\n');
                }
                text.push_str(&issues::table(&page.issues, &self.columns, look));
                if page.issues.is_empty() {
                    context.remark(&nothing(&filter));
                } else {
                    text.push('\n');
                    text.push_str(&issues::total(page.issues.len(), page.total, look));
                }
                self.write(context, text.as_bytes())?;
                if let Some(next) = &page.next {
                    context.remark(&format!(
                        "The next page: --after {}",
                        super::connect::quoted(next)
                    ));
                }
            }
            IssueFormat::Report(format) => {
                let meta = ReportMeta {
                    tool_version: env!("CARGO_PKG_VERSION").to_owned(),
                    generated_at: made()?,
                    filter: self.filter.words(),
                    funnel: Some(issues::totals(&host.funnel(&filter)?)),
                    author: report::Author::default(),
                };
                let mut bytes = Vec::new();
                let all = self.rows.is_none() && self.after.is_none();
                let mut pages = Pages {
                    host,
                    filter: &filter,
                    order: &mut order,
                    all,
                    waiting: Vec::new().into_iter(),
                    ended: false,
                    failed: None,
                };
                let written = report::write(format, &mut pages, &meta, &mut bytes)
                    .map_err(|error| CliError::new(Exit::Unexpected, error.to_string(), ""))?;
                if let Some(error) = pages.failed {
                    return Err(error.into());
                }
                self.write(context, &bytes)?;
                for note in written.notes() {
                    context.remark(&note);
                }
            }
        }
        let Some(least) = self.fail_on else {
            return Ok(Exit::Ok);
        };
        let mut failing = filter.clone();
        failing.min_severity = Some(filter.min_severity.map_or(least, |one| one.max(least)));
        let page = host.issues(
            &failing,
            &IssueOrder {
                limit: 1,
                ..IssueOrder::default()
            },
        )?;
        if page.total == 0 {
            return Ok(Exit::Ok);
        }
        context.warning(&format!(
            "{} at or above {least} (--fail-on)",
            count(page.total, "issue", "issues")
        ));
        Ok(Exit::Findings)
    }

    fn write(&self, context: &Context, bytes: &[u8]) -> CliResult<()> {
        let text = context.out.masked(&String::from_utf8_lossy(bytes));
        match &self.output {
            None => context.out.data(&text),
            Some(path) => write_whole(path, &text).map_err(|error| {
                CliError::settings(
                    format!("{} can't be written: {error}", path.display()),
                    "choose another file with --output",
                )
            })?,
        }
        Ok(())
    }
}

fn nothing(filter: &IssueFilter) -> String {
    if *filter == IssueFilter::default() {
        "The queue is empty. `ox-host scan NAME` fills it, `ox-host advisories status` shows what is \
         known about packages."
            .to_owned()
    } else {
        "No issue is like that.".to_owned()
    }
}

/// All issues of a filter, a page at a time, so that a long queue is not held at once.
struct Pages<'a> {
    host: &'a dyn crate::cli::queue::Queue,
    filter: &'a IssueFilter,
    order: &'a mut IssueOrder,
    all: bool,
    waiting: std::vec::IntoIter<ox_issue::Issue>,
    ended: bool,
    failed: Option<crate::host::HostError>,
}

impl Iterator for Pages<'_> {
    type Item = ox_issue::Issue;

    fn next(&mut self) -> Option<ox_issue::Issue> {
        loop {
            if let Some(issue) = self.waiting.next() {
                return Some(issue);
            }
            if self.ended {
                return None;
            }
            match self.host.issues(self.filter, self.order) {
                Ok(page) => {
                    self.ended = page.next.is_none() || !self.all;
                    self.order.after = page.next;
                    self.waiting = page.issues.into_iter();
                }
                Err(error) => {
                    self.failed = Some(error);
                    self.ended = true;
                }
            }
        }
    }
}
