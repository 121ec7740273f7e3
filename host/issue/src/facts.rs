//! Everything that is known of an issue when it is weighed.
//!
//! `None` means "not known", never "no": rules must not take the one for the other.

use serde::{Deserialize, Serialize};

/// What an issue is about.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "kebab-case")]
#[schema(as = IssueKind)]
pub enum Kind {
    /// A vulnerable package.
    #[default]
    Vulnerability,
    /// A secret in an image.
    Secret,
    /// How an image is made.
    Misconfiguration,
    /// A licence.
    Licence,
    /// Anything else that a tool reported.
    Other,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Vulnerability,
        Self::Secret,
        Self::Misconfiguration,
        Self::Licence,
        Self::Other,
    ];

    /// As lists and filters spell it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Vulnerability => "vulnerability",
            Self::Secret => "secret",
            Self::Misconfiguration => "misconfiguration",
            Self::Licence => "licence",
            Self::Other => "other",
        }
    }
}

/// The facts of one issue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// What it is about.
    pub kind: Kind,
    /// Every severity that somebody stated, each with its source. The first that is usable counts.
    pub ratings: Vec<Rating>,
    /// Each CVE (or other id) of it, with what is known of its exploitation.
    pub threats: Vec<Threat>,
    /// The package, when there is one.
    pub package: Option<PackageFacts>,
    /// The images that have it now.
    pub images: Vec<ImageFacts>,
    /// Where it is.
    pub place: PlaceFacts,
    /// What it means to the business.
    pub business: BusinessFacts,
    /// A secret or a misconfiguration: what the tool that found it knows of it.
    #[serde(default)]
    pub finding: Option<FindingFacts>,
    /// Which inputs were there at all.
    pub inputs: Inputs,
    /// Now, RFC 3339. Ages are counted to here, in whole days.
    pub now: String,
}

/// A severity that somebody stated.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rating {
    /// Who: "GitLab", "AlmaLinux", "GHSA", "NVD", "connector".
    pub source: String,
    /// What kind: a `CVSS_V2`/`CVSS_V3`/`CVSS_V4` vector, or `word`.
    pub kind: String,
    /// The vector or the word, as stated.
    pub value: String,
}

/// A vulnerability id and what is known of its exploitation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Threat {
    /// `CVE-2024-1`.
    pub id: String,
    /// The KEV entry; `None` when it is not in the catalogue (or there is no catalogue: see `inputs`).
    pub known_exploited: Option<ox_advisory::kev::Known>,
    /// The EPSS score; `None` when it has none (or there are no scores: see `inputs`).
    pub epss: Option<ox_advisory::epss::Score>,
    /// Pages that hold an exploit, as the advisory says (`EVIDENCE` references and the like).
    pub exploits: Vec<String>,
}

/// What is known of the package.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PackageFacts {
    /// `dpkg`, `npm`, …
    pub format: String,
    /// Name.
    pub name: String,
    /// Source package.
    pub source_name: Option<String>,
    /// Versions that are installed, of all occurrences.
    pub versions: Vec<String>,
    /// The lowest fixed version; `None` when there is none yet.
    pub fixed: Option<String>,
    /// The distribution says that it will not be fixed, or that its release has ended.
    pub fix_refused: Option<String>,
    /// The distribution's urgency for this package.
    pub urgency: Option<String>,
    /// How sure the match is, and what is doubted.
    pub certainty: Option<ox_advisory::matching::Certainty>,
    /// Why it is not certain.
    pub doubt: Option<String>,
    /// `base-image`, `operating-system`, `user-layer`, `java-archive`, `unknown`, of all occurrences.
    pub origins: Vec<String>,
    /// Paths of all occurrences, at most 50.
    pub paths: Vec<String>,
    /// The package is for tests or development only (Composer's and npm's own marks, or all paths lie below
    /// a folder of tests).
    pub test_only: Option<bool>,
    /// Go: packages of the module that the advisory names.
    pub imports: Vec<String>,
}

/// What is known of a secret or a misconfiguration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FindingFacts {
    /// Its rule (`aws-secret-access-key`).
    pub rule: String,
    /// A secret: true when more than its pattern was checked (its checksum, its alphabet, a key that parses),
    /// false when only the pattern speaks for it.
    pub form_checked: Option<bool>,
    /// A secret: true when it looks like an example or a placeholder.
    pub placeholder: Option<bool>,
    /// True when the base image has it, false when a layer above added it.
    pub from_base: Option<bool>,
    /// Where it is, at most 50.
    pub paths: Vec<String>,
}

/// What is known of one image that has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ImageFacts {
    /// Digest of its manifest.
    pub digest: String,
    /// Its tags, in the connector's order.
    pub tags: Vec<String>,
    /// True when one of its tags is `latest`.
    pub latest: bool,
    /// True when it was pushed last (or made last, where no push is known) of its repository.
    pub newest: bool,
    /// RFC 3339.
    pub created: Option<String>,
    /// RFC 3339.
    pub pushed: Option<String>,
    /// `User` of its config; empty means root.
    pub user: Option<String>,
    /// Ports that it exposes.
    pub exposed_ports: Vec<String>,
    /// `linux/amd64`.
    pub platform: String,
    /// Labels of its config.
    pub labels: Vec<(String, String)>,
}

/// What is known of where it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlaceFacts {
    /// Path of the location (`acme/shop/api`).
    pub location: String,
    /// Path of the project.
    pub project: String,
    /// `private`, `internal`, `public`.
    pub visibility: Option<String>,
    /// The project is archived.
    pub archived: Option<bool>,
    /// RFC 3339.
    pub last_activity: Option<String>,
    /// The newest push to the repository, RFC 3339.
    pub last_push: Option<String>,
    /// Topics of the project.
    pub topics: Vec<String>,
    /// Images in the repository now.
    pub images: usize,
}

/// What it means to the business, from the mapping in the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BusinessFacts {
    /// The application.
    pub application: String,
    /// `critical`, `high`, `medium`, `low`.
    pub priority: Option<String>,
    /// `production`, `staging`, `development`, `test` or what the policy names.
    pub environment: Option<String>,
    /// Whether it faces the internet.
    pub internet_facing: Option<bool>,
    /// Kinds of data (`personal`, `payment`).
    pub data: Vec<String>,
}

/// Which inputs were there, each with its age: a factor that finds nothing must be able to tell "is not in
/// the catalogue" from "there is no catalogue".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// Day of the KEV catalogue; `None` when none was imported.
    pub kev: Option<String>,
    /// Day of the EPSS scores; `None` when none were imported.
    pub epss: Option<String>,
    /// True when advisories of the package's ecosystem were imported.
    pub advisories: bool,
}
