//! Where one request goes, rebuilt from what the guest said.
//!
//! `wasi:http` hands over scheme, authority and path apart, and each of them is the guest's own text. A
//! [`Target`] is what remains after all of it was read strictly; only a target is ever sent.

use std::fmt;

use http::Uri;
use http::uri::PathAndQuery;

use super::fault::{Code, Fault};
use super::origin::{Host, Origin};

/// Origin, path and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) origin: Origin,
    path: PathAndQuery,
}

impl Target {
    /// Reads a guest's URI.
    pub(super) fn from_guest(uri: &Uri) -> Result<Self, Fault> {
        let bad = |why: &str| {
            Fault::connector(
                Code::Uri,
                format!("The connector asked for an address that {why}."),
            )
        };
        let scheme = uri.scheme_str().ok_or_else(|| bad("has no scheme"))?;
        let authority = uri.authority().ok_or_else(|| bad("has no host"))?.as_str();
        if authority.contains('@') {
            return Err(bad("holds a user name or password"));
        }
        if authority.contains('%') {
            return Err(bad("spells its host in percent-encoding"));
        }
        let origin: Origin = format!("{scheme}://{authority}")
            .parse()
            .map_err(|why| bad(&format!("{why}")))?;
        if let Host::V4(ip) = origin.host {
            // Octal, hexadecimal and shortened spellings hide an address from whoever reads the log.
            if uri.host() != Some(ip.to_string().as_str()) {
                return Err(bad(&format!(
                    "spells the IP address {ip} in an unusual way"
                )));
            }
        }
        let path = match uri.path_and_query() {
            None => PathAndQuery::from_static("/"),
            Some(path) if path.as_str().starts_with('/') => path.clone(),
            Some(path) if path.as_str().is_empty() => PathAndQuery::from_static("/"),
            Some(path) if path.as_str().starts_with('?') => format!("/{path}")
                .parse()
                .map_err(|_| bad("has an unusable query"))?,
            Some(_) => return Err(bad("has a path that does not begin with a slash")),
        };
        Ok(Self { origin, path })
    }

    /// Where a `Location` leads from here.
    pub(super) fn join(&self, location: &[u8]) -> Result<Self, Fault> {
        let bad = |why: &str| {
            Fault::new(
                Code::Protocol,
                format!("{self} redirects to an address that {why}."),
                "Look at the server's configuration.",
            )
        };
        let location = std::str::from_utf8(location).map_err(|_| bad("is not text"))?;
        let base = url::Url::parse(&self.url()).map_err(|_| bad("can't be read"))?;
        let url = base.join(location).map_err(|_| bad("can't be read"))?;
        let origin = Origin::of_url(&url).map_err(|why| bad(&why.to_string()))?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        let path = path.parse().map_err(|_| bad("has an unusable path"))?;
        Ok(Self { origin, path })
    }

    /// Path and query, as they are sent.
    pub(super) fn path(&self) -> &str {
        self.path.as_str()
    }

    /// The whole URL, query included. Queries hold signatures: it is for sending and comparing, not for logs.
    pub(super) fn url(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// For the client.
    pub(super) fn uri(&self) -> Result<Uri, Fault> {
        self.url()
            .parse()
            .map_err(|_| Fault::connector(Code::Uri, format!("The address {self} can't be sent.")))
    }
}

impl fmt::Display for Target {
    /// Without the query, for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.path.path())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn t(uri: &str) -> Result<Target, Fault> {
        Target::from_guest(&uri.parse().unwrap())
    }

    #[test]
    fn a_target_is_what_was_judged() {
        assert_eq!(
            t("https://GitLab.example.com.:443/a?b").unwrap().url(),
            "https://gitlab.example.com/a?b"
        );
        assert_eq!(t("https://h").unwrap().url(), "https://h/");
        assert_eq!(
            t("https://h//evil.test/x").unwrap().url(),
            "https://h//evil.test/x"
        );
        assert_eq!(
            t("https://h/http://evil.test/").unwrap().origin.to_string(),
            "https://h"
        );
    }

    #[test]
    fn tricks_in_the_authority_are_refused() {
        for uri in [
            "https://gitlab.example.com@evil.test/",
            "https://user:pw@gitlab.example.com/",
            "http://0x7f.0.0.1/",
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://2130706433/",
            "ftp://h/",
        ] {
            assert!(t(uri).is_err(), "{uri}");
        }
        assert!(t("http://127.0.0.1/").is_ok());
    }

    #[test]
    fn locations_are_read_relative_to_the_request() {
        let here = t("https://h/a/b?c").unwrap();
        for (location, url) in [
            ("d", "https://h/a/d"),
            ("/d?e", "https://h/d?e"),
            ("//o.test/x", "https://o.test/x"),
            ("http://o.test:81#frag", "http://o.test:81/"),
            ("https://O.TEST/%2e%2f?q=%41", "https://o.test/%2e%2f?q=%41"),
        ] {
            assert_eq!(
                here.join(location.as_bytes()).unwrap().url(),
                url,
                "{location}"
            );
        }
        for location in [
            "ftp://h/",
            "file:///etc/passwd",
            "https://u:p@h/",
            "https://",
            "gopher://h",
        ] {
            assert!(here.join(location.as_bytes()).is_err(), "{location}");
        }
        assert!(here.join(b"/\xff").is_err());
    }

    proptest! {
        #[test]
        fn any_location_is_sendable_or_refused(location in ".{0,80}") {
            if let Ok(next) = t("https://h/a").unwrap().join(location.as_bytes()) {
                let uri = next.uri().unwrap();
                prop_assert_eq!(uri.host().map(str::to_owned), Some(next.origin.host.to_string()));
            }
        }
    }
}
