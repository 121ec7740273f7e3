//! Scheme, host and port: what a policy speaks of.
//!
//! An [`Origin`] is always in one normal form (lower case, punycode, no trailing dot, canonical addresses),
//! so that comparing two of them is comparing what would be dialled. Requests are rebuilt from it; nothing
//! is sent to a spelling that was not judged.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// `http` or `https`; nothing else leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The port that is left out when an origin is written.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// `http` or `https`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// Where a request goes, by name or by address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name, lower case, punycode, without trailing dot.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

impl Host {
    /// The registrable domain (`example.co.uk` of `registry.example.co.uk`). `None` for addresses, for names
    /// of one label, and for names that are a public suffix themselves: each of those stands alone.
    pub fn registrable_domain(&self) -> Option<&str> {
        match self {
            Self::Name(name) => psl::domain_str(name),
            Self::V4(_) | Self::V6(_) => None,
        }
    }

    /// Whether both belong to one site: the same host, or the same registrable domain.
    pub fn same_site(&self, other: &Self) -> bool {
        self == other
            || matches!(
                (self.registrable_domain(), other.registrable_domain()),
                (Some(a), Some(b)) if a == b
            )
    }

    /// Whether this says loopback in so many letters: `localhost`, 127.0.0.0/8, `::1`.
    pub fn is_literal_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost",
            Self::V4(ip) => ip.is_loopback(),
            Self::V6(ip) => *ip == Ipv6Addr::LOCALHOST,
        }
    }

    pub(super) fn from_url(host: url::Host<&str>) -> Result<Self, OriginError> {
        Ok(match host {
            url::Host::Ipv4(ip) => Self::V4(ip),
            url::Host::Ipv6(ip) => Self::V6(ip),
            url::Host::Domain(name) => {
                let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
                if name.is_empty() || name.len() > MAX_NAME || name.split('.').any(bad_label) {
                    return Err(OriginError::Host);
                }
                Self::Name(name)
            }
        })
    }
}

/// Bytes of a DNS name.
const MAX_NAME: usize = 253;

/// DNS labels have 1 to 63 letters, digits and hyphens (and, in the wild, underscores).
fn bad_label(label: &str) -> bool {
    label.is_empty()
        || label.len() > 63
        || !label
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(ip) => ip.fmt(f),
            Self::V6(ip) => write!(f, "[{ip}]"),
        }
    }
}

/// Scheme, host and port. Written as `https://gitlab.example.com`, with `:port` unless it is the scheme's own.
///
/// ```
/// # use ox_host::egress::Origin;
/// let origin: Origin = "HTTPS://GitLab.Example.com:443".parse().unwrap();
/// assert_eq!(origin.to_string(), "https://gitlab.example.com");
/// assert!("ftp://example.com".parse::<Origin>().is_err());
/// assert!("https://user@example.com".parse::<Origin>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    /// Scheme.
    pub scheme: Scheme,
    /// Host.
    pub host: Host,
    /// Port.
    pub port: u16,
}

/// Why a text is no origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// It can't be read at all.
    #[error("is not an address; write it as https://host or https://host:port")]
    Syntax,
    /// Not http or https.
    #[error("has a scheme other than http and https")]
    Scheme,
    /// No host, or one that can't be a host.
    #[error("has no usable host name")]
    Host,
    /// `user:password@`.
    #[error("holds a user name or password; leave it out")]
    UserInfo,
    /// A path, a query or a fragment.
    #[error("has a path; write scheme, host and port only")]
    Path,
}

impl Origin {
    /// The origin of a URL, whatever its path. User information is refused.
    pub fn of_url(url: &url::Url) -> Result<Self, OriginError> {
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(OriginError::Scheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(OriginError::UserInfo);
        }
        let host = Host::from_url(url.host().ok_or(OriginError::Host)?)?;
        let port = url.port().unwrap_or(scheme.default_port());
        if port == 0 {
            return Err(OriginError::Syntax);
        }
        Ok(Self { scheme, host, port })
    }

    /// Reads the origin out of any http(s) URL, path or not.
    pub fn parse_url(text: &str) -> Result<Self, OriginError> {
        Self::of_url(&url::Url::parse(text).map_err(|_| OriginError::Syntax)?)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // `url` forgives a good deal (spaces, backslashes, tabs); an origin that somebody wrote down on
        // purpose has none of it.
        if text.bytes().any(|b| b <= b' ' || b == b'\\' || b == 0x7f) || !text.contains("://") {
            return Err(OriginError::Syntax);
        }
        let url = url::Url::parse(text).map_err(|_| OriginError::Syntax)?;
        let origin = Self::of_url(&url)?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(OriginError::Path);
        }
        Ok(origin)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

impl serde::Serialize for Origin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Origin {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse()
            .map_err(|why| serde::de::Error::custom(format_args!("{text:?} {why}")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn o(text: &str) -> Origin {
        text.parse().unwrap()
    }

    #[test]
    fn spellings_of_one_origin_are_one_origin() {
        let plain = o("https://gitlab.example.com");
        for other in [
            "HTTPS://GITLAB.EXAMPLE.COM",
            "https://gitlab.example.com:443",
            "https://gitlab.example.com/",
            "https://gitlab.example.com.",
        ] {
            assert_eq!(o(other), plain, "{other}");
        }
        assert_eq!(
            o("https://bücher.example").to_string(),
            "https://xn--bcher-kva.example"
        );
        assert_eq!(o("http://0x7f.1:8080").to_string(), "http://127.0.0.1:8080");
        assert_eq!(o("http://[0:0::1]:80").to_string(), "http://[::1]");
        assert_ne!(o("http://[::ffff:127.0.0.1]"), o("http://127.0.0.1"));
    }

    #[test]
    fn what_is_no_origin_is_refused_with_the_reason() {
        for (text, why) in [
            ("example.com", OriginError::Syntax),
            ("ftp://example.com", OriginError::Scheme),
            ("https://", OriginError::Syntax),
            ("https://u:p@example.com", OriginError::UserInfo),
            ("https://u@example.com", OriginError::UserInfo),
            ("https://example.com/a", OriginError::Path),
            ("https://example.com?q", OriginError::Path),
            ("https://example.com#f", OriginError::Path),
            ("https://exa mple.com", OriginError::Syntax),
            ("https://example.com\\@evil.test", OriginError::Syntax),
            ("https://example.com:0", OriginError::Syntax),
            ("https://a..b", OriginError::Host),
            ("https://.", OriginError::Host),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(why), "{text}");
        }
    }

    #[test]
    fn sites_follow_the_public_suffix_list() {
        let same = |a: &str, b: &str| o(a).host.same_site(&o(b).host);
        assert!(same(
            "https://gitlab.example.com",
            "https://registry.example.com"
        ));
        assert!(same("https://a.example.co.uk", "https://b.example.co.uk"));
        assert!(same("https://a.corp.internal", "https://b.corp.internal"));
        assert!(!same("https://example.co.uk", "https://other.co.uk"));
        assert!(!same("https://one.github.io", "https://two.github.io"));
        assert!(!same("https://co.uk", "https://other.co.uk"));
        assert!(!same("https://localhost", "https://a.localhost"));
        assert!(!same("https://10.0.0.1", "https://10.0.0.2"));
        assert!(!same("https://example.com", "https://notexample.com"));
        assert!(same("https://10.0.0.1", "https://10.0.0.1:5050"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics_and_display_reads_back(text in ".{0,60}") {
            if let Ok(origin) = text.parse::<Origin>() {
                prop_assert_eq!(origin.to_string().parse::<Origin>().unwrap(), origin);
            }
        }

        #[test]
        fn url_like_texts_read_back(scheme in "https?", host in "[A-Za-z0-9.:\\[\\]%_-]{1,30}", port in proptest::option::of(any::<u16>())) {
            let port = port.map(|p| format!(":{p}")).unwrap_or_default();
            if let Ok(origin) = format!("{scheme}://{host}{port}").parse::<Origin>() {
                prop_assert_eq!(origin.to_string().parse::<Origin>().unwrap(), origin);
            }
        }
    }
}
