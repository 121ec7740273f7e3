//! Signatures of component files: Ed25519 over the bytes of the file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

/// Bytes of a public key.
const KEY_BYTES: usize = 32;
/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 64;

/// The public key that signatures of components have to verify under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginKey([u8; KEY_BYTES]);

impl PluginKey {
    /// Reads a key that is written in base64.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let bytes = STANDARD
            .decode(text.trim())
            .context("the key for plugins is not base64")?;
        let bytes: [u8; KEY_BYTES] = bytes.try_into().map_err(|bytes: Vec<u8>| {
            anyhow::anyhow!(
                "the key for plugins has {} bytes; the public key of Ed25519 has {KEY_BYTES}",
                bytes.len()
            )
        })?;
        Ok(Self(bytes))
    }

    /// Whether the signature (64 bytes, or their base64) is one of that file.
    pub(super) fn verify(&self, file: &[u8], signature: Option<&[u8]>) -> Result<(), String> {
        let Some(signature) = signature else {
            return Err(
                "A signature is asked for, and none came with the file; hand FILE.wasm.sig over with it."
                    .to_owned(),
            );
        };
        let decoded;
        let signature = if signature.len() == SIGNATURE_BYTES {
            signature
        } else {
            decoded = STANDARD.decode(signature.trim_ascii()).unwrap_or_default();
            &decoded
        };
        if signature.len() != SIGNATURE_BYTES {
            return Err(format!(
                "The signature is neither {SIGNATURE_BYTES} bytes nor their base64; it is made with Ed25519 over \
                 the bytes of the file."
            ));
        }
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(file, signature)
            .map_err(|_| {
                "The signature does not verify under the configured key: the file was changed, or somebody else \
                 signed it."
                    .to_owned()
            })
    }
}

/// Where the signature of a file stands: `FILE.sig`.
pub(super) fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use ring::rand::SystemRandom;
    use ring::signature::{Ed25519KeyPair, KeyPair};

    use super::*;

    fn pair() -> (Ed25519KeyPair, PluginKey) {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap();
        let key = PluginKey::parse(&STANDARD.encode(pair.public_key())).unwrap();
        (pair, key)
    }

    #[test]
    fn a_signature_counts_as_bytes_or_as_base64_and_for_its_file_alone() {
        let (pair, key) = pair();
        let signature = pair.sign(b"file");
        let text = format!("{}\n", STANDARD.encode(signature.as_ref()));
        assert_eq!(key.verify(b"file", Some(signature.as_ref())), Ok(()));
        assert_eq!(key.verify(b"file", Some(text.as_bytes())), Ok(()));
        let other = key.verify(b"other", Some(signature.as_ref())).unwrap_err();
        assert!(other.contains("does not verify"), "{other}");
    }

    #[test]
    fn no_signature_a_cut_one_and_one_of_another_key_are_refused() {
        let (pair, key) = pair();
        let (_, other) = self::pair();
        let signature = pair.sign(b"file");
        assert!(key.verify(b"file", None).unwrap_err().contains("none came"));
        assert!(key.verify(b"file", Some(b"abc")).is_err());
        assert!(other.verify(b"file", Some(signature.as_ref())).is_err());
    }

    #[test]
    fn a_key_that_is_none_is_said() {
        assert!(PluginKey::parse("§").is_err());
        let short = PluginKey::parse("AAAA").unwrap_err().to_string();
        assert!(short.contains("has 3 bytes"), "{short}");
    }
}
