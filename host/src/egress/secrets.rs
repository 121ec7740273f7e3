//! The connector holds a random stand-in; the secret itself is put in its place here, on the way out.
//!
//! Only in `PRIVATE-TOKEN`, `Authorization: Bearer` and `Authorization: Basic`, only towards the origin of
//! the operator's URL, and only once the connector has declared that origin as one that carries secrets. A
//! stand-in anywhere else means that the connector tried to send the secret somewhere: the request is
//! refused, so that a mistake is found and not papered over.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::fault::{Code, Fault};
use super::origin::Origin;
use super::redact::Redactor;
use super::target::Target;
use crate::secret::SecretString;

/// GitLab's own header for personal, project and group access tokens.
pub(super) const PRIVATE_TOKEN: HeaderName = HeaderName::from_static("private-token");

/// How often percent-encoding is taken off when a stand-in is looked for.
const DECODE_ROUNDS: usize = 3;

/// A random text that stands for a secret during one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandIn(String);

impl StandIn {
    /// A new one; no two are alike. Letters and digits only, so that no encoding changes it by accident.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 20];
        getrandom::fill(&mut bytes)?;
        let mut text = String::from("oxstandin");
        for byte in bytes {
            text.push_str(&format!("{byte:02x}"));
        }
        Ok(Self(text))
    }

    /// What the connector gets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The secrets of one call.
#[derive(Debug)]
pub(super) struct Secrets {
    pairs: Vec<(StandIn, SecretString)>,
    stand_ins: Redactor,
}

/// Where the secrets may go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate<'a> {
    /// The origin of the operator's URL.
    pub(super) origin: &'a Origin,
    /// Whether the connector declared it as one that carries secrets.
    pub(super) declared: bool,
}

impl Secrets {
    pub(super) fn new(pairs: &[(StandIn, SecretString)]) -> Self {
        Self {
            stand_ins: Redactor::of_texts(pairs.iter().map(|(stand_in, _)| stand_in.as_str())),
            pairs: pairs.to_vec(),
        }
    }

    /// Puts the secrets where their stand-ins stand, or says why not. Answers whether there was one.
    pub(super) fn apply(
        &self,
        headers: &mut HeaderMap,
        target: &Target,
        body: &[u8],
        gate: Gate<'_>,
    ) -> Result<bool, Fault> {
        if self.pairs.is_empty() {
            return Ok(false);
        }
        let mut carries = false;
        if self.is_in(target.path().as_bytes()) || self.is_in(target.origin.to_string().as_bytes())
        {
            // The message must not show the path: it may name what the server would log.
            return Err(misplaced("in the URL", &target.origin));
        }
        if self.is_in(body) {
            return Err(misplaced("in the body", &target.origin));
        }
        if let Some(name) = headers
            .keys()
            .find(|name| self.is_in(name.as_str().as_bytes()))
        {
            let _ = name;
            return Err(misplaced("in the name of a header", &target.origin));
        }
        for (name, value) in headers.iter_mut() {
            let Some(real) = self.replacement(name, value) else {
                if self.is_in(value.as_bytes()) {
                    return Err(misplaced(&format!("in the header {name}"), &target.origin));
                }
                continue;
            };
            if target.origin != *gate.origin {
                return Err(misplaced(&format!("in the header {name}"), &target.origin));
            }
            if !gate.declared {
                return Err(Fault::connector(
                    Code::Denied,
                    format!(
                        "The connector sent a secret to {} without having declared, in `configure`, that this origin carries secrets.",
                        target.origin
                    ),
                ));
            }
            let mut real = HeaderValue::from_bytes(&real).map_err(|_| {
                Fault::new(
                    Code::Denied,
                    "The secret holds characters that can't be sent in a header, such as a line break.",
                    "Enter it again, without spaces or line breaks around it.",
                )
            })?;
            real.set_sensitive(true);
            *value = real;
            carries = true;
        }
        Ok(carries)
    }

    /// The value with the secret in it, when this is one of the three places.
    fn replacement(&self, name: &HeaderName, value: &HeaderValue) -> Option<Zeroizing<Vec<u8>>> {
        let text = value.to_str().ok()?.trim();
        if *name == PRIVATE_TOKEN {
            return self
                .secret_of(text)
                .map(|s| Zeroizing::new(s.as_bytes().to_vec()));
        }
        if *name != AUTHORIZATION {
            return None;
        }
        let (scheme, credentials) = text.split_once(' ')?;
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            let secret = self.secret_of(credentials)?;
            Some(Zeroizing::new(format!("Bearer {secret}").into_bytes()))
        } else if scheme.eq_ignore_ascii_case("basic") {
            let decoded = STANDARD
                .decode(credentials)
                .or_else(|_| STANDARD_NO_PAD.decode(credentials))
                .ok()?;
            let decoded = String::from_utf8(decoded).ok()?;
            let (user, password) = decoded.split_once(':')?;
            if self.is_in(user.as_bytes()) {
                return None;
            }
            let plain = Zeroizing::new(format!("{user}:{}", self.secret_of(password)?));
            Some(Zeroizing::new(
                format!("Basic {}", STANDARD.encode(plain.as_bytes())).into_bytes(),
            ))
        } else {
            None
        }
    }

    fn secret_of(&self, text: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(stand_in, _)| stand_in.as_str() == text)
            .map(|(_, secret)| secret.expose())
    }

    /// Whether a stand-in is in there, in any form.
    fn is_in(&self, bytes: &[u8]) -> bool {
        if self.stand_ins.mentions(bytes) {
            return true;
        }
        let mut decoded = bytes.to_vec();
        for _ in 0..DECODE_ROUNDS {
            if !decoded.contains(&b'%') {
                return false;
            }
            decoded = percent_encoding::percent_decode(&decoded).collect();
            if self.stand_ins.mentions(&decoded) {
                return true;
            }
        }
        false
    }
}

fn misplaced(place: &str, origin: &Origin) -> Fault {
    Fault::connector(
        Code::Denied,
        format!(
            "The connector put a secret {place} of a request to {origin}. Secrets go only to the address of the connection, in PRIVATE-TOKEN or Authorization, so the request was not sent."
        ),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;

    const REAL: &str = "glpat-real-value-0001";

    struct Case {
        secrets: Secrets,
        stand_in: String,
    }

    impl Case {
        fn new() -> Self {
            let stand_in = StandIn::random().unwrap();
            Self {
                stand_in: stand_in.as_str().to_owned(),
                secrets: Secrets::new(&[(stand_in, SecretString::new(REAL.into()))]),
            }
        }

        fn send(
            &self,
            url: &str,
            header: (&str, &str),
            body: &str,
            declared: bool,
        ) -> Result<String, Fault> {
            let s = |text: &str| text.replace("{S}", &self.stand_in);
            let origin: Origin = "https://gitlab.example.com".parse().unwrap();
            let target = Target::from_guest(&s(url).parse().unwrap()).unwrap();
            let mut headers = HeaderMap::new();
            headers.insert(
                HeaderName::from_bytes(s(header.0).as_bytes()).unwrap(),
                s(header.1).parse().unwrap(),
            );
            let gate = Gate {
                origin: &origin,
                declared,
            };
            self.secrets
                .apply(&mut headers, &target, s(body).as_bytes(), gate)?;
            Ok(headers
                .values()
                .next()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned())
        }
    }

    const HOME: &str = "https://gitlab.example.com/api/v4/user";

    #[test]
    fn the_three_places_get_the_secret() {
        let c = Case::new();
        assert_eq!(
            c.send(HOME, ("private-token", "{S}"), "", true).unwrap(),
            REAL
        );
        assert_eq!(
            c.send(HOME, ("authorization", "Bearer {S}"), "", true)
                .unwrap(),
            format!("Bearer {REAL}")
        );
        let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(
            c.send(
                HOME,
                ("authorization", &basic(format!("me:{}", c.stand_in))),
                "",
                true
            )
            .unwrap(),
            basic(format!("me:{REAL}"))
        );
    }

    #[test]
    fn every_other_place_is_refused() {
        let c = Case::new();
        let x = ("x", "y");
        let b64 = STANDARD.encode(format!("ab{}", c.stand_in));
        let percent: String = c.stand_in.bytes().map(|b| format!("%{b:02X}")).collect();
        for (url, header, body) in [
            ("https://gitlab.example.com/?private_token={S}", x, ""),
            ("https://gitlab.example.com/{S}/x", x, ""),
            (&format!("https://gitlab.example.com/{percent}"), x, ""),
            (
                &format!("https://gitlab.example.com/{}", percent.replace('%', "%25")),
                x,
                "",
            ),
            (&format!("https://gitlab.example.com/?q={b64}"), x, ""),
            (HOME, ("x-other", "{S}"), ""),
            (HOME, ("{S}", "y"), ""),
            (HOME, ("cookie", "t={S}"), ""),
            (HOME, ("job-token", "{S}"), ""),
            (HOME, ("private-token", "{S}x"), ""),
            (HOME, ("authorization", "Digest {S}"), ""),
            (
                HOME,
                (
                    "authorization",
                    &format!("Basic {}", STANDARD.encode(format!("{}:x", c.stand_in))),
                ),
                "",
            ),
            (HOME, x, "password={S}"),
            (HOME, x, b64.as_str()),
            (HOME, x, percent.as_str()),
            ("https://evil.example.com/", ("private-token", "{S}"), ""),
            (
                "https://gitlab.example.com:8443/",
                ("private-token", "{S}"),
                "",
            ),
            (
                "http://gitlab.example.com/",
                ("authorization", "Bearer {S}"),
                "",
            ),
        ] {
            let fault = c.send(url, header, body, true).unwrap_err();
            assert_eq!(fault.code, Code::Denied, "{url} {header:?} {body}");
            assert!(!fault.message.contains(&c.stand_in), "{}", fault.message);
        }
        assert!(c.send(HOME, ("private-token", "{S}"), "", false).is_err());
    }

    #[test]
    fn requests_without_a_stand_in_pass_as_they_are() {
        let c = Case::new();
        assert_eq!(
            c.send(
                "https://cdn.test/?a=%41",
                ("authorization", "Bearer jwt"),
                "b%",
                true
            )
            .unwrap(),
            "Bearer jwt"
        );
    }

    #[test]
    fn stand_ins_are_never_alike() {
        assert_ne!(StandIn::random().unwrap(), StandIn::random().unwrap());
    }
}
