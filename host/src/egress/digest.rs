//! `ox-expect-digest`: the host hashes a body as it streams, so no connector can forget to.

use http::header::{HeaderMap, HeaderName};
use sha2::{Digest as _, Sha256, Sha512};

use super::fault::{Code, Fault};

/// The request header that says what the body must hash to. Kept by the host, never sent.
pub const DIGEST_HEADER: HeaderName = HeaderName::from_static("ox-expect-digest");

/// What a body must hash to.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    algorithm: Algorithm,
    hex: String,
}

#[derive(Clone, Copy, Debug)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Expected {
    /// Takes the header off a request.
    pub(super) fn take(headers: &mut HeaderMap) -> Result<Option<Self>, Fault> {
        let bad = || {
            Fault::connector(
                Code::Denied,
                format!(
                    "The connector sent a header {DIGEST_HEADER} that is not one of sha256:<64 hex digits> and sha512:<128 hex digits>."
                ),
            )
        };
        let mut values = headers.get_all(DIGEST_HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(bad());
        }
        let text = value.to_str().map_err(|_| bad())?.trim();
        let (algorithm, hex) = text.split_once(':').ok_or_else(bad)?;
        let algorithm = match (algorithm, hex.len()) {
            ("sha256", 64) => Algorithm::Sha256,
            ("sha512", 128) => Algorithm::Sha512,
            _ => return Err(bad()),
        };
        if !hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(bad());
        }
        let expected = Self {
            algorithm,
            hex: hex.to_owned(),
        };
        headers.remove(DIGEST_HEADER);
        Ok(Some(expected))
    }

    /// Begins to hash.
    pub(super) fn hasher(self) -> Hasher {
        match self.algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new(), self.hex),
            Algorithm::Sha512 => Hasher::Sha512(Box::new(Sha512::new()), self.hex),
        }
    }
}

/// A hash in progress, with what it must become.
#[derive(Debug)]
pub(super) enum Hasher {
    Sha256(Sha256, String),
    Sha512(Box<Sha512>, String),
}

impl Hasher {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash, _) => hash.update(bytes),
            Self::Sha512(hash, _) => hash.update(bytes),
        }
    }

    /// Compares. `place` is where the body came from.
    pub(super) fn finish(self, place: &str) -> Result<(), Fault> {
        let (name, seen, expected) = match self {
            Self::Sha256(hash, expected) => ("sha256", hex(&hash.finalize()), expected),
            Self::Sha512(hash, expected) => ("sha512", hex(&hash.finalize()), expected),
        };
        if seen == expected {
            return Ok(());
        }
        Err(Fault::new(
            Code::Internal,
            format!(
                "digest: the content of {place} hashes to {name}:{seen}, not to {name}:{expected}"
            ),
            "The content is damaged in the registry's storage or was changed on the way; push it again.",
        ))
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn take(values: &[&str]) -> Result<Option<Expected>, Fault> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(DIGEST_HEADER, value.parse().unwrap());
        }
        let taken = Expected::take(&mut headers)?;
        assert!(headers.is_empty());
        Ok(taken)
    }

    fn check(digest: &str, body: &[u8]) -> Result<(), Fault> {
        let mut hasher = take(&[digest]).unwrap().unwrap().hasher();
        hasher.update(body);
        hasher.finish("here")
    }

    #[test]
    fn the_right_content_passes_and_any_other_fails() {
        let sha256 = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let sha512 = "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f";
        for digest in [sha256, sha512] {
            assert!(check(digest, b"abc").is_ok());
            let fault = check(digest, b"abd").unwrap_err();
            assert!(fault.message.starts_with("digest: "), "{}", fault.message);
        }
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        let hex = "a".repeat(64);
        assert!(take(&[]).unwrap().is_none());
        for bad in [
            "",
            "sha256",
            "sha256:abc",
            "md5:abc",
            &format!("sha256:{}", hex.to_uppercase()),
            &format!("sha512:{hex}"),
        ] {
            assert!(take(&[bad]).is_err(), "{bad}");
        }
        assert!(take(&[&format!("sha256:{hex}"), &format!("sha256:{hex}")]).is_err());
    }
}
