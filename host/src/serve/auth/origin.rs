//! Whether a request is meant for this host, and whether it comes from its own pages.
//!
//! A page of somebody else may make a browser send requests here. It can't read the answers, and the session's
//! cookie does not travel with them; this is the second wall. And a name that its owner points to 127.0.0.1
//! (DNS rebinding) would make somebody else's page one of ours, so only names that are ours are answered to.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, Uri, header};

use crate::serve::ServeOptions;
use crate::serve::api::{ApiError, ErrorCode};

/// The names that are ours.
pub(super) struct Names {
    listen: SocketAddr,
    public: Option<Public>,
}

struct Public {
    scheme: String,
    host: String,
    origin: String,
}

impl Names {
    pub(super) fn of(options: &ServeOptions) -> Self {
        let public = options
            .public_url
            .as_deref()
            .and_then(|text| url::Url::parse(text).ok())
            .and_then(|url| {
                Some(Public {
                    scheme: url.scheme().to_owned(),
                    host: url.host_str()?.to_ascii_lowercase(),
                    origin: url.origin().ascii_serialization(),
                })
            });
        Self {
            listen: options.listen,
            public,
        }
    }

    /// True when people come over https.
    pub(super) fn is_secure(&self) -> bool {
        self.public
            .as_ref()
            .is_some_and(|public| public.scheme == "https")
    }

    /// True when something stands before this host.
    pub(super) fn has_proxy(&self) -> bool {
        self.public.is_some()
    }

    /// Refuses a request that was sent to a name that is not ours.
    pub(super) fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let named = host_of(uri, headers);
        if named.is_some_and(|authority| self.is_ours(authority)) {
            return Ok(());
        }
        let called = named.map_or_else(
            || "a request without a host name".to_owned(),
            |name| format!("the name {:?}", name.chars().take(100).collect::<String>()),
        );
        Err(ApiError::new(
            ErrorCode::Forbidden,
            format!("this host does not answer to {called}"),
        )
        .hint("open it by the address that it printed at its start, or start it with --public-url and this name"))
    }

    fn is_ours(&self, authority: &str) -> bool {
        let host = host_part(authority).to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            // Nobody can point an address elsewhere: only names are rebound.
            return address.is_loopback()
                || address == self.listen.ip()
                || self.listen.ip().is_unspecified()
                || self.is_public(host);
        }
        host == "localhost" || self.is_public(host)
    }

    fn is_public(&self, host: &str) -> bool {
        self.public
            .as_ref()
            .is_some_and(|public| public.host == host)
    }

    /// Refuses a request that changes something and does not come from a page of this host.
    pub(super) fn check_own_page(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
        let refused = |why: &str| {
            Err(ApiError::new(ErrorCode::Forbidden, why).hint(
                "go back to the console, load the page again and repeat it there; programs use an API token",
            ))
        };
        if let Some(site) = headers.get("sec-fetch-site") {
            return match site.as_bytes() {
                b"same-origin" | b"none" => Ok(()),
                _ => refused("this request comes from a page of another site, so it was not done"),
            };
        }
        let Some(origin) = headers.get(header::ORIGIN) else {
            return refused(
                "this request does not say which page it comes from, so it was not done",
            );
        };
        let ours = origin
            .to_str()
            .is_ok_and(|origin| self.is_own_origin(origin, host_of(uri, headers)));
        if ours {
            Ok(())
        } else {
            refused("this request comes from a page of another site, so it was not done")
        }
    }

    fn is_own_origin(&self, origin: &str, named: Option<&str>) -> bool {
        if let Some(public) = &self.public
            && origin.eq_ignore_ascii_case(&public.origin)
        {
            return true;
        }
        let Some((scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        // Where people come over https, a page that came over http may be anybody's.
        let plain_is_fine = !(self.is_secure() && self.is_public(host_part(authority)));
        (scheme == "https" || scheme == "http" && plain_is_fine)
            && named.is_some_and(|named| named.eq_ignore_ascii_case(authority))
            && self.is_ours(authority)
    }
}

/// The name that a request was sent to. An absolute address in the request line counts before the header.
fn host_of<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    if let Some(authority) = uri.authority() {
        return Some(authority.as_str());
    }
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next()?.to_str().ok()?;
    // Two of them mean different things to different programs.
    hosts.next().is_none().then_some(host)
}

/// An authority without its port.
fn host_part(authority: &str) -> &str {
    if let Some(end) = authority.find(']') {
        return authority.get(..=end).unwrap_or(authority);
    }
    authority.split(':').next().unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn names(listen: &str, public: Option<&str>) -> Names {
        Names::of(&ServeOptions {
            listen: listen.parse().unwrap(),
            public_url: public.map(str::to_owned),
            ..ServeOptions::default()
        })
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn answers(names: &Names, host: &str) -> bool {
        names
            .check_host(&Uri::from_static("/"), &headers(&[("host", host)]))
            .is_ok()
    }

    #[test]
    fn only_names_that_are_ours_are_answered_to() {
        let local = names("127.0.0.1:8470", None);
        for ours in [
            "localhost",
            "localhost:8470",
            "LOCALHOST.:1",
            "127.0.0.1:8470",
            "127.9.9.9",
            "[::1]:8470",
        ] {
            assert!(answers(&local, ours), "{ours}");
        }
        for other in [
            "evil.example",
            "evil.example:8470",
            "localhost.evil.example",
            "127.0.0.1.evil.example:8470",
            "192.0.2.1",
            "[2001:db8::1]:8470",
            "",
            "localhost@evil.example",
            "[::1",
        ] {
            assert!(!answers(&local, other), "{other}");
        }
        let none = local.check_host(&Uri::from_static("/"), &HeaderMap::new());
        assert!(none.is_err());
        let two = headers(&[("host", "localhost"), ("host", "evil.example")]);
        assert!(local.check_host(&Uri::from_static("/"), &two).is_err());
        let absolute = Uri::from_static("http://evil.example/");
        let host = headers(&[("host", "localhost")]);
        assert!(local.check_host(&absolute, &host).is_err());
    }

    #[test]
    fn a_host_that_listens_everywhere_answers_to_any_address_and_to_its_public_name() {
        let open = names("0.0.0.0:8470", Some("https://ox.example.com"));
        assert!(answers(&open, "192.0.2.1:8470"));
        assert!(answers(&open, "ox.example.com"));
        assert!(answers(&open, "OX.example.com:443"));
        assert!(!answers(&open, "other.example.com"));
        assert!(!answers(&names("192.0.2.1:80", None), "192.0.2.2"));
        assert!(answers(&names("192.0.2.1:80", None), "192.0.2.1"));
    }

    fn from_own_page(names: &Names, pairs: &[(&'static str, &str)]) -> bool {
        names
            .check_own_page(&Uri::from_static("/x"), &headers(pairs))
            .is_ok()
    }

    #[test]
    fn a_change_comes_from_our_own_page_or_is_refused() {
        let local = names("127.0.0.1:8470", None);
        let host = ("host", "localhost:8470");
        for (pairs, fine) in [
            (vec![("sec-fetch-site", "same-origin")], true),
            (vec![("sec-fetch-site", "none")], true),
            (vec![("sec-fetch-site", "same-site")], false),
            (vec![("sec-fetch-site", "cross-site")], false),
            (
                vec![
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://localhost:8470"),
                ],
                false,
            ),
            (vec![("origin", "http://localhost:8470")], true),
            (vec![("origin", "http://localhost:9999")], false),
            (vec![("origin", "http://evil.example")], false),
            (vec![("origin", "null")], false),
            (vec![], false),
        ] {
            let mut all = vec![host];
            all.extend(pairs);
            assert_eq!(from_own_page(&local, &all), fine, "{all:?}");
        }
    }

    #[test]
    fn behind_a_proxy_the_public_origin_is_ours_over_https_alone() {
        let behind = names("127.0.0.1:8470", Some("https://ox.example.com"));
        let public = ("origin", "https://ox.example.com");
        assert!(from_own_page(
            &behind,
            &[("host", "ox.example.com"), public]
        ));
        assert!(from_own_page(
            &behind,
            &[("host", "127.0.0.1:8470"), public]
        ));
        let plain = ("origin", "http://ox.example.com");
        assert!(!from_own_page(
            &behind,
            &[("host", "ox.example.com"), plain]
        ));
    }
}
