//! Redirects, followed by the host. Pure: says what to do, and which headers go along.

use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{Method, StatusCode};

use super::fault::{Code, Fault};
use super::origin::Scheme;
use super::secrets::PRIVATE_TOKEN;
use super::target::Target;

/// Headers that carry a credential; they stay behind when the origin changes.
const CREDENTIALS: [HeaderName; 5] = [
    PRIVATE_TOKEN,
    AUTHORIZATION,
    COOKIE,
    HeaderName::from_static("job-token"),
    HeaderName::from_static("deploy-token"),
];

/// The hops of one request.
#[derive(Debug)]
pub(super) struct Trail {
    seen: Vec<String>,
    limit: usize,
}

impl Trail {
    pub(super) fn new(start: &Target, limit: usize) -> Self {
        Self {
            seen: vec![start.url()],
            limit,
        }
    }

    /// Where an answer leads. `None` when it is the last one: not a redirect, one without an address, or
    /// one to a request that must not be repeated.
    pub(super) fn next(
        &mut self,
        method: &Method,
        here: &Target,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Option<Target>, Fault> {
        let follows = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
            && matches!(*method, Method::GET | Method::HEAD);
        let Some(location) = headers.get(LOCATION).filter(|_| follows) else {
            return Ok(None);
        };
        let next = here.join(location.as_bytes())?;
        if here.origin.scheme == Scheme::Https && next.origin.scheme == Scheme::Http {
            return Err(Fault::new(
                Code::Denied,
                format!(
                    "{here} redirects from https to plain http ({}), which is never followed.",
                    next.origin
                ),
                "Put the server's external URL right, so that it redirects to https.",
            ));
        }
        let url = next.url();
        if self.seen.contains(&url) {
            return Err(Fault::new(
                Code::Loop,
                format!("{here} redirects in a circle, back to {next}."),
                "Look at the server's external URL and at the proxies before it.",
            ));
        }
        if self.seen.len() > self.limit {
            return Err(Fault::new(
                Code::Loop,
                format!(
                    "{here} redirects once more, after the {} redirects that are followed.",
                    self.limit
                ),
                "Look at the server's external URL and at the proxies before it.",
            ));
        }
        self.seen.push(url);
        Ok(Some(next))
    }
}

/// Takes what must stay behind when the origin changes.
pub(super) fn drop_credentials(headers: &mut HeaderMap) {
    for name in CREDENTIALS {
        headers.remove(name);
    }
}

/// Takes the headers that speak of one connection only, and those that a `Connection` header names.
pub(super) fn drop_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(http::header::CONNECTION)
        .iter()
        .filter_map(|value: &HeaderValue| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    ] {
        headers.remove(name);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn t(url: &str) -> Target {
        Target::from_guest(&url.parse().unwrap()).unwrap()
    }

    fn location(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(LOCATION, value.parse().unwrap())])
    }

    fn step(method: Method, status: u16, to: &str) -> Result<Option<Target>, Fault> {
        let here = t("https://a.test/x");
        Trail::new(&here, 5).next(
            &method,
            &here,
            StatusCode::from_u16(status).unwrap(),
            &location(to),
        )
    }

    #[test]
    fn get_and_head_are_followed_and_nothing_else() {
        for status in [301, 302, 303, 307, 308] {
            assert_eq!(
                step(Method::GET, status, "/y").unwrap(),
                Some(t("https://a.test/y"))
            );
            assert_eq!(
                step(Method::HEAD, status, "/y").unwrap(),
                Some(t("https://a.test/y"))
            );
            assert_eq!(step(Method::POST, status, "/y").unwrap(), None);
        }
        for status in [200, 300, 304, 305, 404] {
            assert_eq!(step(Method::GET, status, "/y").unwrap(), None);
        }
        let here = t("https://a.test/x");
        let lost =
            Trail::new(&here, 5).next(&Method::GET, &here, StatusCode::FOUND, &HeaderMap::new());
        assert_eq!(lost.unwrap(), None);
    }

    #[test]
    fn https_never_leads_to_http() {
        assert_eq!(
            step(Method::GET, 302, "http://a.test/x").unwrap_err().code,
            Code::Denied
        );
    }

    #[test]
    fn circles_and_long_chains_end() {
        assert_eq!(step(Method::GET, 302, "/x").unwrap_err().code, Code::Loop);
        let mut here = t("https://a.test/0");
        let mut trail = Trail::new(&here, 5);
        for hop in 1..=5 {
            let to = location(&format!("/{hop}"));
            here = trail
                .next(&Method::GET, &here, StatusCode::FOUND, &to)
                .unwrap()
                .unwrap();
        }
        let end = trail.next(&Method::GET, &here, StatusCode::FOUND, &location("/6"));
        assert_eq!(end.unwrap_err().code, Code::Loop);
    }

    #[test]
    fn headers_of_one_connection_are_dropped() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "x-private, close"),
            ("x-private", "1"),
            ("te", "trailers"),
            ("etag", "2"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        drop_hop_by_hop(&mut headers);
        assert_eq!(
            headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["etag"]
        );
    }
}
