//! The command line: the commands and what they all share. What one command takes stands in its own file.

use std::path::PathBuf;

use anstream::ColorChoice;
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::errors::{CliError, CliResult};
use super::exit::Exit;
use super::limits::LimitFlags;
use super::{
    advisories, connect, connections, diff, disconnect, exclusions, findings, image, images, issue,
    issues, locations, plugin, policy, scan, select, serve, skipped, users, verify,
};
use crate::contract::{FindingKind, Severity};
use crate::secret::SecretString;

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

/// The daemon that commands are done by.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ServerFlags {
    /// Address of a daemon that does the command, instead of the data folder (`https://ox.example.com`)
    #[arg(
        long,
        value_name = "URL",
        env = "OX_HOST_SERVER",
        hide_env_values = true,
        global = true,
        help_heading = "Global options"
    )]
    pub(crate) server: Option<String>,
    /// File with the API token for --server; the variable OX_HOST_TOKEN may hold it instead
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help_heading = "Global options"
    )]
    server_token_file: Option<PathBuf>,
    /// PEM file with certificates that are trusted for --server besides the system's (repeatable)
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help_heading = "Global options"
    )]
    server_ca: Vec<PathBuf>,
}

/// Bytes of a file with a token or certificates.
const SERVER_FILE: u64 = 1 << 20;

impl ServerFlags {
    fn read(file: &std::path::Path, flag: &str) -> CliResult<String> {
        use std::io::Read as _;
        let mut text = String::new();
        std::fs::File::open(file)
            .and_then(|file| file.take(SERVER_FILE).read_to_string(&mut text))
            .map_err(|error| {
                CliError::settings(
                    format!("{} can't be read: {error}", file.display()),
                    format!("{flag} names a file"),
                )
            })?;
        Ok(text)
    }

    /// The API token, when there is one.
    pub(crate) fn token(&self) -> CliResult<Option<SecretString>> {
        let text = match &self.server_token_file {
            Some(file) => Self::read(file, "--server-token-file")?,
            None => std::env::var("OX_HOST_TOKEN").unwrap_or_default(),
        };
        let text = text.trim();
        Ok((!text.is_empty()).then(|| SecretString::new(text.to_owned())))
    }

    /// Certificates that are trusted besides the system's.
    pub(crate) fn ca(&self) -> CliResult<Vec<String>> {
        self.server_ca
            .iter()
            .map(|file| Self::read(file, "--server-ca"))
            .collect()
    }
}

#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    #[command(flatten)]
    pub(crate) server: ServerFlags,
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
