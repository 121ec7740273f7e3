//! How the simulated installation is set up.

use std::fmt;
use std::time::Duration;

/// A GitLab version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Before `/metadata`, before tokens could describe themselves.
    pub const V13_12: Self = Self(13, 12, 15);
    /// The oldest that the connector supports fully.
    pub const V15_11: Self = Self(15, 11, 13);
    /// Current.
    pub const V18_5: Self = Self(18, 5, 1);
    /// Answers 500 for the tag of a multi-arch image without the registry's database.
    pub const V19_0_2: Self = Self(19, 0, 2);

    /// True from `major.minor` on.
    pub fn at_least(self, major: u32, minor: u32) -> bool {
        (self.0, self.1) >= (major, minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What was installed, and which licence it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// Community Edition: no vulnerability types at all.
    Community,
    /// Enterprise Edition without a licence.
    Free,
    /// Enterprise Edition, Premium.
    Premium,
    /// Enterprise Edition, Ultimate: has the vulnerability report.
    Ultimate,
}

impl Edition {
    /// True for the Enterprise build, whatever its licence.
    pub fn enterprise(self) -> bool {
        self != Self::Community
    }
}

/// Which registry belongs to the installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registry {
    /// GitLab's own, with the metadata database.
    Database,
    /// GitLab's own, on a plain file system or bucket: no `/gitlab/v1`, no keyset, no paging of tags.
    Legacy,
    /// Somebody else's, at `host:port`; GitLab is only its token service.
    External(String),
    /// The instance has none.
    Disabled,
}

/// Everything that can be switched. Change it while the simulator runs with [`super::Running::modes`].
#[derive(Clone, Debug)]
pub struct Modes {
    /// Version of GitLab.
    pub version: Version,
    /// Edition and licence.
    pub edition: Edition,
    /// The registry. Read at the start for the host that GitLab states.
    pub registry: Registry,
    /// The registry answers 503, and what GitLab needs from it fails.
    pub registry_down: bool,
    /// `/gitlab`, or empty. Read at the start.
    pub relative_root: String,
    /// Address that GitLab believes it has; links and the token realm are made from it. The address it
    /// listens on when none.
    pub external_url: Option<String>,
    /// Speak TLS on all three ports, with a certificate of the simulator's own authority. Read at the start.
    pub tls: bool,
    /// Blobs are redirected to the storage. Otherwise the registry serves them itself.
    pub redirect_blobs: bool,
    /// Address of the storage that redirects name, when it differs from the one that listens
    /// (`http://storage.internal:9000`): a host that can't be reached, or that the policy must refuse.
    pub storage_url: Option<String>,
    /// How long a JWT is good.
    pub jwt_lifetime: Duration,
    /// The registry's leeway for an expired JWT.
    pub jwt_leeway: Duration,
    /// Rack::Attack: requests per minute and token; none = throttles off, and no headers.
    pub requests_per_minute: Option<u32>,
    /// Failed sign-ins at `/jwt/auth` after which the address is banned; none = off.
    pub ban_after_failures: Option<u32>,
    /// `x-total` and `rel="last"` are left out when a listing has more rows.
    pub count_limit: usize,
    /// Offset pages beyond so many rows are refused for projects.
    pub offset_limit: usize,
    /// Tag names that GitLab asks the registry for, at most, when it pages by offset.
    pub tags_fetched: usize,
    /// Milliseconds before every answer.
    pub latency: Duration,
    /// GraphQL complexity for signed-in users.
    pub max_complexity: u64,
    /// `vulnerabilities` is null instead of an empty connection where there is no Ultimate licence.
    pub unlicensed_is_null: bool,
    /// GraphQL asks for more than so many findings a page end in a 503 time-out.
    pub graphql_page_limit: Option<i64>,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            version: Version::V18_5,
            edition: Edition::Ultimate,
            registry: Registry::Database,
            registry_down: false,
            relative_root: String::new(),
            external_url: None,
            tls: false,
            redirect_blobs: true,
            storage_url: None,
            jwt_lifetime: Duration::from_secs(300),
            jwt_leeway: Duration::from_secs(60),
            requests_per_minute: None,
            ban_after_failures: None,
            count_limit: 10_000,
            offset_limit: 50_000,
            tags_fetched: 10_000,
            latency: Duration::ZERO,
            max_complexity: 250,
            unlicensed_is_null: false,
            graphql_page_limit: None,
        }
    }
}

impl Modes {
    /// The usual installation of another version.
    #[must_use]
    pub fn version(version: Version) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }

    /// The usual installation of another edition.
    #[must_use]
    pub fn edition(edition: Edition) -> Self {
        Self {
            edition,
            ..Self::default()
        }
    }

    /// True where the registry has the metadata database.
    pub(crate) fn has_database(&self) -> bool {
        self.registry == Registry::Database
    }
}
