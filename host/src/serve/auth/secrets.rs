//! Random secrets, and the hash that is kept of them.

use sha2::{Digest, Sha256};

use crate::host::SecretString;
use crate::store::accounts::SecretHash;

/// What every API token begins with, so that people and secret scanners know one when they see it.
pub(super) const TOKEN_WORD: &str = "oxh_";
/// Characters of a token that may be shown: the word and a few more.
pub(super) const SHOWN: usize = TOKEN_WORD.len() + 6;

/// 32 random bytes in hexadecimal, after a word.
pub(super) fn random(word: &str) -> anyhow::Result<SecretString> {
    let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
    let mut text = String::with_capacity(word.len() + 64);
    text.push_str(word);
    text.push_str(&hex(bytes.as_slice()));
    Ok(SecretString::new(text))
}

/// What is kept of a secret. These are 256 random bits, so a fast hash is enough: there is nothing to guess.
pub(super) fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
