//! The command line: the commands and what they all share. What one command takes stands in its own file.

use std::path::PathBuf;

use anstream::ColorChoice;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::exit::Exit;
use super::limits::LimitFlags;
use super::{
    advisories, connect, connections, diff, disconnect, exclusions, findings, image, images, issue,
    issues, locations, plugin, policy, scan, select, serve, skipped, users, verify,
};
use crate::contract::{FindingKind, Severity};

/// The reference host for OX connectors: connect an account, choose locations, scan, see what was found.
#[derive(Parser, Debug)]
#[command(
    name = "ox-host",
    version,
    after_help = Exit::table(),
    max_term_width = 100,
    disable_help_subcommand = true,
    propagate_version = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Folder of the store, the key file and the installed connectors [default: XDG data folder]
    #[arg(
        long,
        value_name = "DIR",
        env = "OX_HOST_DATA_DIR",
        hide_env_values = true,
        global = true,
        help_heading = "Global options"
    )]
    pub(crate) data_dir: Option<PathBuf>,
    /// Use this component instead of the installed connector
    #[arg(
        long,
        value_name = "FILE",
        env = "OX_HOST_PLUGIN",
        hide_env_values = true,
        global = true,
        help_heading = "Global options"
    )]
    pub(crate) plugin: Option<PathBuf>,
    /// How progress is shown on stderr
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value_t,
        global = true,
        help_heading = "Global options"
    )]
    pub(crate) progress: ProgressChoice,
    /// When colours are used; NO_COLOR and CLICOLOR_FORCE count too
    #[arg(
        long,
        value_name = "WHEN",
        value_enum,
        default_value_t,
        global = true,
        help_heading = "Global options"
    )]
    pub(crate) color: Colour,
    /// Only data and errors: no progress, no remarks
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Say more: causes of errors, log lines; twice for the host's own log
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Global options")]
    pub(crate) verbose: u8,
    #[command(flatten)]
    pub(crate) limits: LimitFlags,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Connect an account: verify it step by step, and save it when all is well
    Connect(Box<connect::Connect>),
    /// List the connected accounts
    Connections(connections::Connections),
    /// Forget an account and everything that was found through it
    Disconnect(disconnect::Disconnect),
    /// Verify a connected account again
    Verify(verify::Verify),
    /// Show the locations of an account, and which of them are scanned
    Locations(locations::Locations),
    /// Choose the locations that are scanned
    Select(select::Select),
    /// Scan the selected locations of an account
    Scan(Box<scan::Scan>),
    /// List what the tools found, worst first
    Findings(findings::Findings),
    /// List the images, or the packages of one
    Images(images::Images),
    /// Show one image: layers, packages, secrets, configuration; or write its SBOM
    Image(image::Image),
    /// List what was not scanned, and why
    Skipped(skipped::Skipped),
    /// The queue: what to work on, worst first, and why
    Issues(Box<issues::Issues>),
    /// One issue: why it is as severe as it is, what shows it, what to do; and work on it
    Issue(issue::OneIssue),
    /// What is kept out of the queue, why, and until when
    Exclusions(exclusions::Exclusions),
    /// What changed between two scans, and why
    Diff(diff::Diff),
    /// List scans
    Scans(diff::Scans),
    /// What is known about vulnerabilities: import it, bring it up to date, ask it
    Advisories(Box<advisories::Advisories>),
    /// The file that tunes severities, maps applications and sets deadlines
    Policy(policy::PolicyCommand),
    /// Inspect, install and list connectors
    Plugin(plugin::Plugin),
    /// Stay up: scan on a schedule, and serve the console and the API
    Serve(serve::Serve),
    /// Who has an account on the daemon: users, roles, API tokens
    Users(users::Users),
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressChoice {
    /// Bars on a terminal, plain lines elsewhere
    #[default]
    Auto,
    /// Bars
    Bars,
    /// One line for each thing that happens
    Plain,
    /// One JSON object a line
    Json,
    /// Nothing
    None,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl From<Colour> for ColorChoice {
    fn from(colour: Colour) -> Self {
        match colour {
            Colour::Auto => Self::Auto,
            Colour::Always => Self::Always,
            Colour::Never => Self::Never,
        }
    }
}

/// How a list is written to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people
    #[default]
    Table,
    /// One JSON document
    Json,
    /// One JSON object a line
    Jsonl,
}

/// A severity on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeverityChoice {
    Critical,
    High,
    Medium,
    Low,
    Info,
    /// Those that the tool did not rate, too
    Unknown,
}

impl From<SeverityChoice> for Severity {
    fn from(choice: SeverityChoice) -> Self {
        match choice {
            SeverityChoice::Critical => Self::Critical,
            SeverityChoice::High => Self::High,
            SeverityChoice::Medium => Self::Medium,
            SeverityChoice::Low => Self::Low,
            SeverityChoice::Info => Self::Info,
            SeverityChoice::Unknown => Self::Unknown,
        }
    }
}

/// A kind of finding on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindChoice {
    Vulnerability,
    Secret,
    Misconfiguration,
    Licence,
    Other,
}

impl From<KindChoice> for FindingKind {
    fn from(choice: KindChoice) -> Self {
        match choice {
            KindChoice::Vulnerability => Self::Vulnerability,
            KindChoice::Secret => Self::Secret,
            KindChoice::Misconfiguration => Self::Misconfiguration,
            KindChoice::Licence => Self::Licence,
            KindChoice::Other => Self::Other,
        }
    }
}

/// Which rows a list shows, and how.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ListFlags {
    /// Only this connection
    #[arg(long, value_name = "NAME")]
    pub(crate) connection: Option<String>,
    /// Only locations whose path matches; `*` stops at `/`, `**` does not (repeatable)
    #[arg(long, value_name = "GLOB")]
    pub(crate) location: Vec<String>,
    /// How the list is written
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}
