//! The words of the facade: what goes into [`super::Host`] and what comes out of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::contract::{Location, Manifest, Profile, ScanProgress, StepResult, Verification};
use crate::secret::SecretString;

/// Where the host keeps things and how much it does at once.
#[derive(Clone, Debug)]
pub struct HostOptions {
    /// Folder of the store, the key file and the installed connectors. Made (0700) when missing.
    pub data_dir: PathBuf,
    /// Folder of compiled code; `None` puts it into the data folder.
    pub cache_dir: Option<PathBuf>,
    /// Instances that scan at the same time.
    pub jobs: usize,
    /// A component file to use instead of the installed connector.
    pub plugin: Option<PathBuf>,
    /// Limits of a call that differ from their defaults, as `NAME=VALUE` (`memory=128MiB`).
    pub limits: Vec<String>,
}

/// What the person entered to connect an account.
#[derive(Clone)]
pub struct ConnectionDraft {
    /// Connector id (`gitlab-registry`).
    pub connector: String,
    /// Name of the connection; `None` takes the profile's display name.
    pub name: Option<String>,
    /// Values of the form that are not secret.
    pub settings: Vec<(String, String)>,
    /// Values of the form's secret fields.
    pub secrets: Vec<(String, SecretString)>,
    /// How requests leave.
    pub network: NetworkOptions,
}

/// How requests of a connection leave, beyond what the connector declares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkOptions {
    /// PEM certificates that are trusted besides the system's.
    pub ca_pem: Vec<String>,
    /// PEM certificate chain and key that this host shows.
    pub client_pem: Option<String>,
    /// `http://host:port`; requests go through it.
    pub proxy: Option<String>,
    /// Origins that the operator allows besides the connector's (`https://minio.internal:9000`).
    pub allow: Vec<String>,
    /// Do not verify certificates. Shown wherever the connection is shown.
    pub insecure_tls: bool,
}

/// A draft that was configured and verified, not yet saved.
pub struct Trial {
    /// What was entered.
    pub draft: ConnectionDraft,
    /// What the connector made of it.
    pub profile: Profile,
    /// The steps.
    pub verification: Verification,
}

/// One configured account.
#[derive(Clone, Debug, Serialize)]
pub struct Connection {
    /// Its name, unique.
    pub name: String,
    /// Connector id.
    pub connector: String,
    /// Display name from the profile.
    pub display_name: String,
    /// Settings in normal form, without secrets.
    pub settings: Vec<(String, String)>,
    /// How requests leave.
    pub network: NetworkOptions,
    /// Which locations are scanned.
    pub selection: Selection,
    /// RFC 3339.
    pub created_at: String,
    /// When it was verified last, and whether every step passed.
    pub verified: Option<(String, bool)>,
}

/// Which locations of a connection are scanned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Selection {
    /// Globs over location paths; empty means all. `*` stops at `/`, `**` does not.
    pub include: Vec<String>,
    /// Globs that leave out, after `include`.
    pub exclude: Vec<String>,
    /// Whether locations that were not known when the selection was saved are scanned.
    pub new_locations: NewLocations,
}

/// What happens with locations that appear after the selection was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
#[schema(as = NewLocations)]
pub enum NewLocations {
    /// Scanned when the globs match.
    Include,
    /// Not scanned until the selection is saved again.
    Exclude,
}

/// A location with what the host knows of it.
#[derive(Clone, Debug, Serialize)]
pub struct LocationRow {
    /// As the connector listed it.
    pub location: Location,
    /// Whether a scan takes it.
    pub selected: bool,
    /// Why not, when it is scannable and not selected.
    pub reason: Option<String>,
    /// When it was scanned last, and whether completely.
    pub last_scan: Option<(String, bool)>,
}

/// What a scan takes.
#[derive(Clone, Debug, Default)]
pub struct ScanOptions {
    /// Only these locations (paths or globs); empty means the selection.
    pub locations: Vec<String>,
    /// Begin anew where an interrupted scan could be resumed.
    pub fresh: bool,
    /// Go on with this scan of the connection, if it did not end; one of some locations, too.
    pub resume: Option<i64>,
}

/// How one location ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LocationOutcome {
    /// All of it was looked at.
    Complete,
    /// Parts were not; the skipped observations say which.
    Partial,
    /// The connector gave up, with its reason.
    Failed {
        /// What kind of reason.
        class: FailureClass,
        /// One sentence.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Cancelled before it ended; a later scan goes on from its cursor.
    Interrupted,
}

/// What kind of reason a location failed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The credential may not do it.
    Permission,
    /// The other side can't be reached, has no such thing, or does not answer as it should.
    Connectivity,
    /// A limit was reached.
    Limit,
    /// The connector crashed or broke the contract.
    Connector,
}

/// One location of a scan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct LocationReport {
    /// Path of the location.
    pub path: String,
    /// How it ended.
    pub outcome: LocationOutcome,
    /// What the call counted, summed over its tries.
    pub counts: Counts,
    /// Wall time in milliseconds.
    pub milliseconds: u64,
}

/// The numbers that a scan prints about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Counts {
    /// Tags looked at.
    pub tags: u64,
    /// Images inventoried.
    pub images: u64,
    /// Packages in them.
    pub packages: u64,
    /// Findings emitted.
    pub findings: u64,
    /// Things skipped, each with its reason.
    pub skipped: u64,
    /// Layers read.
    pub layers_read: u64,
    /// Layers whose inventory was known.
    pub layers_reused: u64,
    /// Requests sent, redirects included.
    pub requests: u64,
    /// Bytes of bodies received.
    pub bytes_read: u64,
}

impl Counts {
    /// The sum of two.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.with(other, u64::saturating_add)
    }

    /// The larger of two, number by number.
    #[must_use]
    pub fn at_least(&self, other: &Self) -> Self {
        self.with(other, u64::max)
    }

    fn with(&self, other: &Self, join: fn(u64, u64) -> u64) -> Self {
        Self {
            tags: join(self.tags, other.tags),
            images: join(self.images, other.images),
            packages: join(self.packages, other.packages),
            findings: join(self.findings, other.findings),
            skipped: join(self.skipped, other.skipped),
            layers_read: join(self.layers_read, other.layers_read),
            layers_reused: join(self.layers_reused, other.layers_reused),
            requests: join(self.requests, other.requests),
            bytes_read: join(self.bytes_read, other.bytes_read),
        }
    }
}

/// A scan's end.
#[derive(Clone, Debug, Serialize)]
pub struct ScanReport {
    /// Id of the scan in the store.
    pub scan: i64,
    /// Name of the connection.
    pub connection: String,
    /// RFC 3339.
    pub started_at: String,
    /// Wall time in milliseconds.
    pub milliseconds: u64,
    /// Each location, in the order of their paths.
    pub locations: Vec<LocationReport>,
    /// The sum.
    pub counts: Counts,
    /// What the egress policy refused in this scan, each with the exact line that would allow it.
    pub refused: Vec<String>,
    /// True when every location was looked at completely.
    pub complete: bool,
    /// What the scan made of the queue.
    pub queue: super::Gathered,
}

/// What happens while the host works; for progress bars and logs. Never blocks.
#[derive(Clone, Debug)]
pub enum Event {
    /// A step of `verify` has ended.
    Step(StepResult),
    /// Locations listed so far.
    Listed(usize),
    /// A scan begins with that many locations.
    ScanStarted {
        /// The scan in the store.
        scan: i64,
        /// Locations that ended before, when an interrupted scan goes on.
        ended: usize,
        /// How many locations.
        locations: usize,
    },
    /// A location begins; `resumed` when from a cursor.
    LocationStarted {
        /// Its path.
        path: String,
        /// From a cursor.
        resumed: bool,
    },
    /// A location goes on.
    LocationProgress {
        /// Its path.
        path: String,
        /// How far.
        progress: ScanProgress,
    },
    /// A location is tried again after a failure.
    LocationRetried {
        /// Its path.
        path: String,
        /// Why.
        message: String,
        /// Milliseconds until then.
        wait_ms: u64,
    },
    /// A location ended.
    LocationEnded(LocationReport),
    /// Components were matched against the advisories.
    Matched {
        /// So many.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// Locations were weighed.
    Weighed {
        /// So many.
        done: usize,
        /// Of so many.
        of: usize,
    },
    /// A connector's log line.
    Log {
        /// Path of the location, or the name of the call.
        subject: String,
        /// How loud.
        level: crate::contract::LogLevel,
        /// The line.
        message: String,
    },
}

/// Takes events.
pub trait Events: Send + Sync {
    /// One event.
    fn event(&self, event: Event);
}

/// Ignores events.
pub struct Silent;

impl Events for Silent {
    fn event(&self, _: Event) {}
}

/// A stored finding, as lists show it.
#[derive(Clone, Debug, Serialize)]
pub struct FindingRow {
    /// Name of the connection.
    pub connection: String,
    /// The tool whose finding it is ("GitLab"), from the manifest.
    pub source_tool: String,
    /// Path of the location.
    pub location: String,
    /// The finding.
    pub finding: crate::contract::Finding,
    /// RFC 3339.
    pub first_seen: String,
    /// RFC 3339.
    pub last_seen: String,
}

/// A stored image, as lists show it.
#[derive(Clone, Debug, Serialize)]
pub struct ImageRow {
    /// Name of the connection.
    pub connection: String,
    /// Path of the location.
    pub location: String,
    /// The image.
    pub image: crate::contract::Image,
    /// Secrets that were found in it and that nobody has closed.
    pub secrets: u32,
    /// The same for its configuration.
    pub misconfigurations: u32,
    /// RFC 3339.
    pub first_seen: String,
    /// RFC 3339.
    pub last_seen: String,
}

/// A stored skip, as lists show it.
#[derive(Clone, Debug, Serialize)]
pub struct SkippedRow {
    /// Name of the connection.
    pub connection: String,
    /// Path of the location.
    pub location: String,
    /// What was skipped, and why.
    pub skipped: crate::contract::Skipped,
    /// RFC 3339.
    pub seen: String,
}

/// Which rows a list takes.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this connection.
    pub connection: Option<String>,
    /// Only locations whose path matches one of these globs.
    pub locations: Vec<String>,
    /// Only what this source tool reported ("GitLab").
    pub source_tool: Option<String>,
    /// Only findings at least this severe.
    pub min_severity: Option<crate::contract::Severity>,
    /// Only findings of these kinds; empty means all.
    pub kinds: Vec<crate::contract::FindingKind>,
    /// Only this image (a digest, or a beginning of one).
    pub image: Option<String>,
    /// Only images of this repository, with its registry's host or without.
    pub repository: Option<String>,
}

/// What `inspect` says about a component file.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// What it says of itself.
    pub manifest: Manifest,
    /// What it imports.
    pub imports: Vec<String>,
    /// What it exports.
    pub exports: Vec<String>,
    /// `sha256:…` of the file.
    pub digest: String,
    /// Bytes of the file.
    pub size: u64,
    /// The limits of a call, each with its name and value.
    pub limits: Vec<(String, String)>,
}

/// A scan, as lists show it.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = Scan)]
pub struct ScanSummaryRow {
    /// Id of the scan in the store.
    pub scan: i64,
    /// Name of the connection.
    pub connection: String,
    /// RFC 3339.
    pub started_at: String,
    /// RFC 3339; `None` while it is interrupted or running.
    pub ended_at: Option<String>,
    /// Locations in it, and how many of them have not ended.
    pub locations: usize,
    /// Locations that have not ended; the next scan goes on with them.
    pub unfinished: usize,
    /// The sum.
    pub counts: Counts,
    /// True when every location was looked at completely.
    pub complete: bool,
}
