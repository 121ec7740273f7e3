//! Digests, as names of things.

use std::fmt::{self, Write};

use sha2::{Digest as _, Sha256};

/// A digest that can be asked for and checked: `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

/// Why a text is no [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadDigest {
    /// Well formed, but by an algorithm whose digests can't be checked.
    Algorithm,
    /// Not a digest.
    Form,
}

impl Digest {
    /// Reads a digest.
    pub fn parse(text: &str) -> Result<Self, BadDigest> {
        let text = text.trim();
        let (algorithm, hex) = text.split_once(':').ok_or(BadDigest::Form)?;
        let is_hex = |hex: &str| hex.bytes().all(|byte| byte.is_ascii_hexdigit());
        match algorithm {
            "sha256" if hex.len() == 64 && is_hex(hex) => {
                Ok(Self(format!("sha256:{}", hex.to_ascii_lowercase())))
            }
            "sha256" => Err(BadDigest::Form),
            _ if (32..=256).contains(&hex.len())
                && is_hex(hex)
                && (1..=32).contains(&algorithm.len())
                && algorithm
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+._-".contains(&byte)) =>
            {
                Err(BadDigest::Algorithm)
            }
            _ => Err(BadDigest::Form),
        }
    }

    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut text = "sha256:".to_owned();
        for byte in Sha256::digest(bytes) {
            // Writing to a String can't fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// `sha256:…`
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// True for what GitLab's registry takes as the path of a repository; nothing else goes into an address.
pub fn is_repository(path: &str) -> bool {
    !path.is_empty()
        && path.len() <= 1024
        && path.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|byte| {
                    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
                })
        })
}

/// True for a well-formed tag.
pub fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && !tag.starts_with(['.', '-'])
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_checked_is_a_digest() {
        let hex = "ab".repeat(32);
        assert!(Digest::parse(&format!("sha256:{hex}")).is_ok());
        assert_eq!(Digest::parse(&format!("sha512:{hex}{hex}")), Err(BadDigest::Algorithm));
        for text in ["", "sha256:", "sha256:ab", &hex, "sha256:../../../etc", &format!("sha256:{hex}0")] {
            assert_eq!(Digest::parse(text), Err(BadDigest::Form), "{text}");
        }
    }

    #[test]
    fn nothing_else_gets_into_an_address() {
        assert!(is_repository("group/sub_x/app.y-z"));
        for path in ["", "Group/app", "a//b", "../x", "a/..", "a?b", "a b", "a/%2e"] {
            assert!(!is_repository(path), "{path}");
        }
        assert!(is_tag("v1.0-rc_1") && !is_tag("a/b") && !is_tag(".a") && !is_tag(""));
    }
}
