//! The token, the user it stands for, and the GitLab that answers.

use jiff::Timestamp;
use serde::Deserialize;

use super::api::{Api, lenient, read_object};
use crate::contract::Failure;
use crate::http::Fetched;
use crate::time;

/// The oldest version with everything that the connector uses.
pub const FULL_SUPPORT: (u32, u32) = (15, 11);

/// The oldest version that works at all.
pub const OLDEST: (u32, u32) = (13, 6);

/// What `GET /personal_access_tokens/self` tells.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Token {
    /// As its owner named it.
    #[serde(deserialize_with = "lenient")]
    pub name: String,
    /// Scopes, by GitLab's names.
    #[serde(deserialize_with = "lenient")]
    pub scopes: Option<Vec<String>>,
    /// Date (`2026-01-01`) at whose beginning, UTC, the token ends.
    #[serde(deserialize_with = "lenient")]
    pub expires_at: Option<String>,
    /// Not revoked and not expired.
    #[serde(deserialize_with = "lenient")]
    pub active: Option<bool>,
    /// Revoked.
    #[serde(deserialize_with = "lenient")]
    pub revoked: Option<bool>,
    /// Fine-grained: permissions instead of scopes.
    #[serde(deserialize_with = "lenient")]
    pub granular: Option<bool>,
}

impl Token {
    /// True when the token has that scope by its name.
    pub fn has(&self, scope: &str) -> bool {
        self.scopes
            .as_ref()
            .is_some_and(|scopes| scopes.iter().any(|s| s == scope))
    }

    /// True when the token may do what that scope of the manifest is for, by this scope or a wider one.
    pub fn covers(&self, scope: &str) -> bool {
        match scope {
            "read_api" => self.has("read_api") || self.has("api"),
            "read_user" => self.has("read_user") || self.covers("read_api"),
            // `/jwt/auth` gives `read_api` the ability to pull too.
            "read_registry" => self.has("read_registry") || self.covers("read_api"),
            other => self.has(other),
        }
    }

    /// When the token ends.
    pub fn expires(&self) -> Option<Timestamp> {
        time::parse(self.expires_at.as_deref()?)
    }
}

/// What `GET /user` tells.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct User {
    /// Name for signing in.
    #[serde(deserialize_with = "lenient")]
    pub username: String,
    /// `active`, `blocked`, …
    #[serde(deserialize_with = "lenient")]
    pub state: Option<String>,
    /// The account of a project or group access token.
    #[serde(deserialize_with = "lenient")]
    pub bot: bool,
    /// Only there for administrators.
    #[serde(deserialize_with = "lenient")]
    pub is_admin: Option<bool>,
    /// External users see only what they are members of.
    #[serde(deserialize_with = "lenient")]
    pub external: bool,
}

/// What `GET /metadata` (or `/version`) tells.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// `18.1.1-ee`.
    #[serde(deserialize_with = "lenient")]
    pub version: Option<String>,
    /// The build is the Enterprise Edition; says nothing of the tier.
    #[serde(deserialize_with = "lenient")]
    pub enterprise: Option<bool>,
}

impl Metadata {
    /// Major and minor version.
    pub fn major_minor(&self) -> Option<(u32, u32)> {
        let mut parts = self
            .version
            .as_deref()?
            .trim()
            .trim_start_matches('v')
            .split(['.', '-', '+']);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }

    /// `ee`, `ce`, or nothing where neither is said.
    pub fn edition(&self) -> Option<&'static str> {
        let version = self.version.as_deref().unwrap_or_default();
        match self.enterprise {
            Some(true) => Some("ee"),
            Some(false) => Some("ce"),
            None if version.ends_with("-ee") => Some("ee"),
            None if version.ends_with("-ce") => Some("ce"),
            None => None,
        }
    }

    /// The edition for people. The tier is a licence on top of the build, and no endpoint tells it to an
    /// ordinary user.
    pub fn edition_words(&self) -> &'static str {
        match self.edition() {
            Some("ee") => "Enterprise Edition build (its tier is not told)",
            Some(_) => "Community Edition",
            None => "edition not told",
        }
    }
}

/// Path of the token's own page, since 15.5.
pub const TOKEN_PATH: &str = "personal_access_tokens/self";

/// Reads the answer to [`TOKEN_PATH`]: the token itself, or `None` where this GitLab is too old to tell.
pub fn token(api: &Api<'_, '_>, answer: Fetched) -> Result<Option<Token>, Failure> {
    let url = api.url(TOKEN_PATH);
    match answer.status {
        // Older versions take `self` for a number: 404, or 400.
        400 | 404 => Ok(None),
        _ => read_object(&url, &api.judge(&url, answer)?).map(Some),
    }
}

/// The user that the token stands for.
pub fn user(api: &Api<'_, '_>) -> Result<User, Failure> {
    api.json("user")
}

/// Version and edition; `None` where neither endpoint is there.
pub fn metadata(api: &Api<'_, '_>) -> Result<Option<Metadata>, Failure> {
    for path in ["metadata", "version"] {
        match api.json::<Metadata>(path) {
            Ok(metadata) if metadata.version.is_some() => return Ok(Some(metadata)),
            Ok(_) | Err(Failure::NotFound(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::gitlab::testing::session;
    use crate::http::Headers;
    use crate::http::Method::Get;
    use crate::http::script::{Reply, Script};

    const API: &str = "https://gitlab.example/api/v4";

    fn scoped(scopes: &[&str]) -> Token {
        let scopes = scopes.iter().map(|&s| s.to_owned()).collect();
        Token {
            scopes: Some(scopes),
            ..Token::default()
        }
    }

    #[test]
    fn wider_scopes_cover_narrower_ones() {
        for (scopes, read_user, read_api, read_registry) in [
            (&["api"][..], true, true, true),
            (&["read_api"], true, true, true),
            (&["read_user"], true, false, false),
            (&["read_registry"], false, false, true),
            (&["read_user", "read_registry"], true, false, true),
            (&[], false, false, false),
        ] {
            let token = scoped(scopes);
            let found = (
                token.covers("read_user"),
                token.covers("read_api"),
                token.covers("read_registry"),
            );
            assert_eq!(found, (read_user, read_api, read_registry), "{scopes:?}");
        }
    }

    #[test]
    fn a_token_is_read_whatever_its_other_fields_became() {
        let body = r#"{"id":"x","name":null,"scopes":["api",],"#;
        assert!(serde_json::from_str::<Token>(body).is_err());
        let body = r#"{"id":{},"name":7,"scopes":["api"],"expires_at":"2026-01-01","granular":"maybe","x":1}"#;
        let token: Token = serde_json::from_str(body).unwrap();
        assert!(token.has("api") && token.granular.is_none());
        assert_eq!(token.expires().unwrap().to_string(), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn an_older_gitlab_that_does_not_know_self_is_not_a_failure() {
        let script = Script::new();
        let session = session(&script, "https://gitlab.example/");
        let api = Api::new(&session);
        for (status, body) in [
            (404, r#"{"error":"404 Not Found"}"#),
            (400, r#"{"error":"id is invalid"}"#),
        ] {
            let answer = Fetched {
                status,
                headers: Headers::default(),
                body: body.as_bytes().to_vec(),
            };
            assert!(token(&api, answer).unwrap().is_none());
        }
        let answer = Fetched {
            status: 401,
            headers: Headers::default(),
            body: b"{}".to_vec(),
        };
        assert!(matches!(
            token(&api, answer),
            Err(Failure::Unauthenticated(_))
        ));
        assert!(api.refusal().is_some());
    }

    #[test]
    fn the_version_comes_from_the_older_endpoint_where_the_newer_is_missing() {
        let script = Script::new()
            .on(
                Get,
                format!("{API}/metadata"),
                Reply::json(404, r#"{"error":"404 Not Found"}"#),
            )
            .on(
                Get,
                format!("{API}/version"),
                Reply::json(200, r#"{"version":"14.10.5-ee","revision":"x"}"#),
            );
        let session = session(&script, "https://gitlab.example");
        let metadata = metadata(&Api::new(&session)).unwrap().unwrap();
        assert_eq!(
            (metadata.major_minor(), metadata.edition()),
            (Some((14, 10)), Some("ee"))
        );
    }

    #[test]
    fn versions_are_read_as_gitlab_writes_them() {
        for (version, expected) in [
            ("18.1.1-ee", Some((18, 1))),
            ("15.11.0", Some((15, 11))),
            ("17.0.0-pre", Some((17, 0))),
            ("eighteen", None),
            ("18", None),
            ("", None),
        ] {
            let metadata = Metadata {
                version: Some(version.to_owned()),
                enterprise: None,
            };
            assert_eq!(metadata.major_minor(), expected, "{version}");
        }
    }

    #[test]
    fn an_enterprise_build_is_not_called_a_tier() {
        let metadata = Metadata {
            version: Some("18.1.1".to_owned()),
            enterprise: Some(true),
        };
        assert!(metadata.edition_words().contains("tier is not told"));
        let metadata = Metadata {
            version: Some("18.1.1".to_owned()),
            enterprise: Some(false),
        };
        assert_eq!(metadata.edition_words(), "Community Edition");
    }
}
