//! What may be asked for. Pure: no clock, no network, no runtime; matching allocates nothing.
//!
//! Deny by default. Allowed are the origins that `configure` declared and the host granted, the operator's
//! own site, and what the operator added with `--allow`. What an allowed name may resolve to is a second
//! question ([`Policy::addresses`]), asked for every address that is dialled.

use super::address::AddressClass;
use super::origin::{Host, Origin, Scheme};

/// The rule that lets a request pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// The origin of the URL that the operator entered.
    Operator,
    /// Added by the operator.
    Added,
    /// On the operator's own site.
    Site,
    /// Declared by the connector in `configure`.
    Granted,
}

/// Why a request does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The calls' gate is closed: `configure` still runs, or the call has ended.
    Closed,
    /// Nobody declared this origin.
    Undeclared,
    /// The operator's own site, by plain http although the operator's URL is https.
    PlainHttp,
}

/// How far the addresses behind a host may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRule {
    private: PrivateRule,
    loopback: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PrivateRule {
    Refused,
    /// A sibling on the operator's site: only when the operator's own host lives at a private address.
    AsOperator,
    Allowed,
}

/// The answer for one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AddressVerdict {
    Dial,
    /// Dial when the operator's own host is at a private address too.
    DialIfOperatorIsPrivate,
    Refuse,
}

impl AddressRule {
    pub(super) fn judge(self, class: AddressClass) -> AddressVerdict {
        match (class, self.private) {
            (AddressClass::Public, _) | (AddressClass::Private, PrivateRule::Allowed) => {
                AddressVerdict::Dial
            }
            (AddressClass::Private, PrivateRule::AsOperator) => {
                AddressVerdict::DialIfOperatorIsPrivate
            }
            (AddressClass::Loopback, _) if self.loopback => AddressVerdict::Dial,
            _ => AddressVerdict::Refuse,
        }
    }
}

/// The rules of one connection.
#[derive(Clone, Debug)]
pub struct Policy {
    operator: Origin,
    allow: Vec<Origin>,
}

impl Policy {
    /// From the origin of the operator's URL, and what the operator added.
    pub fn new(operator: Origin, allow: Vec<Origin>) -> Self {
        Self { operator, allow }
    }

    /// The origin of the operator's URL.
    pub fn operator(&self) -> &Origin {
        &self.operator
    }

    /// Judges an origin. `granted` is what this call's `configure` declared; `None` while it has not.
    pub fn judge(&self, origin: &Origin, granted: Option<&[Origin]>) -> Result<Allowance, Denied> {
        let granted = granted.ok_or(Denied::Closed)?;
        if *origin == self.operator {
            return Ok(Allowance::Operator);
        }
        if self.allow.contains(origin) {
            return Ok(Allowance::Added);
        }
        if granted.contains(origin) {
            return Ok(Allowance::Granted);
        }
        if origin.host.same_site(&self.operator.host) {
            return if origin.scheme == Scheme::Https || self.operator.scheme == Scheme::Http {
                Ok(Allowance::Site)
            } else {
                Err(Denied::PlainHttp)
            };
        }
        Err(Denied::Undeclared)
    }

    /// What the addresses behind a host may be. It depends on the connection alone, not on a call's grants:
    /// a pooled connection was dialled under the rule that holds for every later call as well.
    pub fn addresses(&self, host: &Host) -> AddressRule {
        let named = self.is_named(host);
        AddressRule {
            private: if named {
                PrivateRule::Allowed
            } else if host.same_site(&self.operator.host) {
                PrivateRule::AsOperator
            } else {
                PrivateRule::Refused
            },
            loopback: named && host.is_literal_loopback(),
        }
    }

    /// Whether the operator wrote this host down: in the URL, or with `--allow`.
    pub fn is_named(&self, host: &Host) -> bool {
        *host == self.operator.host || self.allow.iter().any(|origin| origin.host == *host)
    }

    /// The rule for the operator's own words, such as a proxy: anything that may be dialled at all.
    pub(super) fn operator_words() -> AddressRule {
        AddressRule {
            private: PrivateRule::Allowed,
            loopback: true,
        }
    }
}

/// The flag that would allow an origin.
pub(super) fn allow_flag(origin: &Origin) -> String {
    format!("--allow {origin}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn o(text: &str) -> Origin {
        text.parse().unwrap()
    }

    fn policy(operator: &str, allow: &[&str]) -> Policy {
        Policy::new(o(operator), allow.iter().map(|a| o(a)).collect())
    }

    fn judge(policy: &Policy, origin: &str, granted: &[&str]) -> Result<Allowance, Denied> {
        let granted: Vec<_> = granted.iter().map(|g| o(g)).collect();
        policy.judge(&o(origin), Some(&granted))
    }

    #[test]
    fn everything_is_refused_unless_a_rule_allows_it() {
        let p = policy(
            "https://gitlab.example.com",
            &["http://minio.internal:9000"],
        );
        let granted = ["https://cdn.storage.test"];
        use Allowance::{Added, Granted, Operator, Site};
        use Denied::{PlainHttp, Undeclared};
        for (origin, expected) in [
            ("https://gitlab.example.com", Ok(Operator)),
            ("https://registry.example.com", Ok(Site)),
            ("https://registry.example.com:5050", Ok(Site)),
            ("https://example.com", Ok(Site)),
            ("https://gitlab.example.com:8443", Ok(Site)),
            ("http://gitlab.example.com", Err(PlainHttp)),
            ("http://registry.example.com", Err(PlainHttp)),
            ("http://minio.internal:9000", Ok(Added)),
            ("https://minio.internal:9000", Err(Undeclared)),
            ("http://minio.internal", Err(Undeclared)),
            ("https://cdn.storage.test", Ok(Granted)),
            ("https://other.storage.test", Err(Undeclared)),
            ("https://cdn.storage.test:444", Err(Undeclared)),
            ("https://gitlab.example.com.evil.test", Err(Undeclared)),
            ("https://evilexample.com", Err(Undeclared)),
            ("https://169.254.169.254", Err(Undeclared)),
            ("https://127.0.0.1", Err(Undeclared)),
        ] {
            assert_eq!(judge(&p, origin, &granted), expected, "{origin}");
        }
    }

    #[test]
    fn a_closed_gate_refuses_even_the_operators_own_origin() {
        let p = policy("https://gitlab.example.com", &[]);
        assert_eq!(
            p.judge(&o("https://gitlab.example.com"), None),
            Err(Denied::Closed)
        );
    }

    #[test]
    fn plain_http_is_for_operators_who_entered_plain_http() {
        let p = policy("http://gitlab.example.com", &[]);
        assert_eq!(
            judge(&p, "http://registry.example.com:5000", &[]),
            Ok(Allowance::Site)
        );
        assert_eq!(
            judge(&p, "https://registry.example.com", &[]),
            Ok(Allowance::Site)
        );
        assert_eq!(judge(&p, "http://other.test", &[]), Err(Denied::Undeclared));
    }

    #[test]
    fn addresses_and_single_labels_are_their_own_site() {
        let p = policy("http://127.0.0.1:8080", &[]);
        assert_eq!(judge(&p, "http://127.0.0.1:5000", &[]), Ok(Allowance::Site));
        for other in [
            "http://127.0.0.2:8080",
            "http://localhost:8080",
            "http://[::1]:8080",
            "http://[::ffff:127.0.0.1]:8080",
        ] {
            assert_eq!(judge(&p, other, &[]), Err(Denied::Undeclared), "{other}");
        }
        let p = policy("https://gitlab", &[]);
        assert_eq!(judge(&p, "https://registry", &[]), Err(Denied::Undeclared));
        assert_eq!(judge(&p, "https://gitlab:5050", &[]), Ok(Allowance::Site));
    }

    #[test]
    fn addresses_follow_who_named_the_host() {
        use AddressVerdict::{Dial, DialIfOperatorIsPrivate, Refuse};
        let p = policy(
            "https://gitlab.example.com",
            &["https://minio.internal", "http://127.0.0.1:9000"],
        );
        let verdict = |host: &str, class| p.addresses(&o(host).host).judge(class);
        let never = AddressClass::Never("x");
        for (host, public, private, loopback) in [
            ("https://gitlab.example.com", Dial, Dial, Refuse),
            ("https://minio.internal", Dial, Dial, Refuse),
            ("https://127.0.0.1", Dial, Dial, Dial),
            ("https://[::ffff:127.0.0.1]", Dial, Refuse, Refuse),
            ("https://localhost", Dial, Refuse, Refuse),
            (
                "https://registry.example.com",
                Dial,
                DialIfOperatorIsPrivate,
                Refuse,
            ),
            ("https://cdn.test", Dial, Refuse, Refuse),
        ] {
            assert_eq!(verdict(host, AddressClass::Public), public, "{host}");
            assert_eq!(verdict(host, AddressClass::Private), private, "{host}");
            assert_eq!(verdict(host, AddressClass::Loopback), loopback, "{host}");
            assert_eq!(verdict(host, never), Refuse, "{host}");
        }
    }

    proptest! {
        #[test]
        fn no_other_site_gets_in(host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}", port in 1u16.., https in any::<bool>()) {
            let p = policy("https://gitlab.example.com", &[]);
            let scheme = if https { "https" } else { "http" };
            let Ok(origin) = format!("{scheme}://{host}:{port}").parse::<Origin>() else { return Ok(()) };
            let verdict = p.judge(&origin, Some(&[]));
            let inside = host == "example.com" || host.ends_with(".example.com");
            prop_assert_eq!(verdict.is_ok(), inside && https);
        }
    }
}
