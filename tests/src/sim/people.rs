//! Users and their tokens.

/// Roles, as GitLab numbers them.
pub mod level {
    /// Guest.
    pub const GUEST: u8 = 10;
    /// Reporter: the least that reads a private registry.
    pub const REPORTER: u8 = 20;
    /// Developer: the least that sees vulnerabilities, and that pushes.
    pub const DEVELOPER: u8 = 30;
    /// Maintainer.
    pub const MAINTAINER: u8 = 40;
    /// Owner.
    pub const OWNER: u8 = 50;
    /// Administrator of the instance.
    pub const ADMIN: u8 = 60;
}

/// Token scopes.
pub mod scope {
    /// What the connector asks for.
    pub const CONNECTOR: [&str; 3] = ["read_user", "read_api", "read_registry"];
    /// Everything.
    pub const API: [&str; 1] = ["api"];
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Identifier.
    pub id: u64,
    /// Name to sign in with, and the path of the user's namespace.
    pub username: String,
    /// Name for people.
    pub name: String,
    /// Administrator of the instance.
    pub admin: bool,
    /// Made for a project or group access token.
    pub bot: bool,
    /// Blocked by an administrator.
    pub blocked: bool,
}

/// What kind of credential a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// Personal, or of a project's or group's bot: they are the same to the API.
    Personal,
    /// A deploy token: `/jwt/auth` only, with its exact user name.
    Deploy {
        /// The user name that goes with it.
        username: String,
        /// The project it belongs to.
        project: u64,
    },
    /// A CI job's token: `/jwt/auth` only, with the user name `gitlab-ci-token`.
    Job,
    /// An OAuth access token.
    OAuth,
}

/// A token.
#[derive(Clone, Debug)]
pub struct Token {
    /// Identifier.
    pub id: u64,
    /// The secret itself.
    pub value: String,
    /// Name for people.
    pub name: String,
    /// Whose it is; deploy tokens are nobody's.
    pub user: Option<u64>,
    /// What it is.
    pub kind: TokenKind,
    /// Its scopes.
    pub scopes: Vec<String>,
    /// `YYYY-MM-DD`: not good from the start of that day (UTC).
    pub expires_at: Option<String>,
    /// Taken back.
    pub revoked: bool,
    /// A fine-grained token: classic scopes are empty, and what it may is decided elsewhere.
    pub granular: bool,
}

impl Token {
    /// True for one of the scopes, and for every fine-grained token.
    pub(crate) fn has_any(&self, wanted: &[&str]) -> bool {
        self.granular
            || self
                .scopes
                .iter()
                .any(|scope| wanted.contains(&scope.as_str()))
    }

    /// True when its last day has come.
    pub(crate) fn expired(&self) -> bool {
        let today = jiff::Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date()
            .to_string();
        self.expires_at.as_ref().is_some_and(|day| *day <= today)
    }
}
