//! How a person names one image: `[registry/]repository[:tag][@sha256:…]`, or a digest alone.

use super::errors::{CliError, CliResult};

/// Fewest digits of a digest that are taken for its beginning.
const MIN_DIGITS: usize = 8;

/// What a reference says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Repository, with the registry's host or without.
    pub(crate) name: Option<String>,
    /// Tag.
    pub(crate) tag: Option<String>,
    /// `algorithm:hex`, or the beginning of it.
    pub(crate) digest: Option<String>,
}

impl Reference {
    pub(crate) fn parse(text: &str) -> CliResult<Self> {
        let text = text.trim();
        let text = ["docker://", "https://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .unwrap_or(text);
        if let Some(digest) = digest(text)? {
            return Ok(Self {
                digest: Some(digest),
                ..Self::default()
            });
        }
        let (name, digest) = match text.rsplit_once('@') {
            Some((name, after)) => {
                let Some(digest) = digest(after)? else {
                    return Err(refused(
                        text,
                        "after @ comes a digest, for example @sha256:9f86d081884c",
                    ));
                };
                (name, Some(digest))
            }
            None => (text, None),
        };
        // A colon before the last slash is that of a port.
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name.get(last..).and_then(|last| last.split_once(':')) {
            Some((_, tag)) => {
                let end = name.len().saturating_sub(tag.len() + 1);
                (name.get(..end).unwrap_or(name), Some(tag))
            }
            None => (name, None),
        };
        let name = name.trim_matches('/');
        if name.is_empty() || tag.is_some_and(str::is_empty) {
            return Err(refused(
                text,
                "write for example acme/shop/api:1.4, acme/shop/api@sha256:9f86d081884c or sha256:9f86d081884c",
            ));
        }
        Ok(Self {
            name: Some(name.to_owned()),
            tag: tag.map(str::to_owned),
            digest,
        })
    }

    /// The digest that a name without a slash may have been meant as.
    pub(crate) fn as_digest(&self) -> Option<String> {
        match self {
            Self {
                name: Some(name),
                tag: None,
                digest: None,
            } if is_hex(name) && name.len() >= MIN_DIGITS => {
                Some(format!("sha256:{}", name.to_lowercase()))
            }
            _ => None,
        }
    }
}

fn refused(text: &str, hint: &str) -> CliError {
    CliError::usage(format!("{text:?} names no image"), hint)
}

/// The text as a digest; `None` when it is none, an error when it is too short for one.
fn digest(text: &str) -> CliResult<Option<String>> {
    let Some((algorithm, hex)) = text.split_once(':') else {
        return Ok(None);
    };
    if !matches!(algorithm, "sha256" | "sha384" | "sha512") || !is_hex(hex) {
        return Ok(None);
    }
    if hex.len() < MIN_DIGITS {
        return Err(CliError::usage(
            format!("{text} is too short to tell images apart"),
            format!("give at least {MIN_DIGITS} digits of the digest"),
        ));
    }
    Ok(Some(text.to_lowercase()))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, String, String) {
        let reference = Reference::parse(text).unwrap();
        let or = |part: Option<String>| part.unwrap_or_default();
        (or(reference.name), or(reference.tag), or(reference.digest))
    }

    fn of(name: &str, tag: &str, digest: &str) -> (String, String, String) {
        (name.to_owned(), tag.to_owned(), digest.to_owned())
    }

    #[test]
    fn every_usual_form_is_understood() {
        assert_eq!(parsed("acme/api:1.4"), of("acme/api", "1.4", ""));
        assert_eq!(parsed("acme/api"), of("acme/api", "", ""));
        assert_eq!(
            parsed("localhost:5000/acme/api"),
            of("localhost:5000/acme/api", "", "")
        );
        assert_eq!(
            parsed("docker://localhost:5000/acme/api:1"),
            of("localhost:5000/acme/api", "1", "")
        );
        assert_eq!(
            parsed("acme/api@sha256:0123ABCD"),
            of("acme/api", "", "sha256:0123abcd")
        );
        assert_eq!(
            parsed("acme/api:1@sha256:01234567"),
            of("acme/api", "1", "sha256:01234567")
        );
        assert_eq!(parsed("sha256:01234567"), of("", "", "sha256:01234567"));
        assert_eq!(parsed("sha256:latest"), of("sha256", "latest", ""));
    }

    #[test]
    fn a_bare_beginning_of_a_digest_may_be_one() {
        let meant = |text| Reference::parse(text).unwrap().as_digest();
        assert_eq!(meant("0123abcd").as_deref(), Some("sha256:0123abcd"));
        assert_eq!(meant("0123abc"), None);
        assert_eq!(meant("acme/0123abcd"), None);
    }

    #[test]
    fn what_names_no_image_is_refused_with_an_example() {
        for text in [
            "",
            "sha256:0123",
            "acme/api@1.4",
            ":1.4",
            "acme/api:",
            "@",
            "//",
        ] {
            let error = Reference::parse(text).unwrap_err();
            assert!(!error.hint.is_empty(), "{text}");
        }
    }
}
