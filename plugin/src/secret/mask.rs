//! What of a secret is told: enough to recognise it by, by somebody who has it.
//!
//! Of a token the part that all of its kind have (`glpat-`) and, where at least twenty characters are
//! secret, the last two of them: whoever looks for it among their tokens needs no more, and whoever does not
//! have it is no nearer. Of a password nothing, for it may be short; the name that it is given to is told
//! instead, and of a URL its scheme and host.

/// Stands for what is left out.
const STARS: &str = "****";
/// Secret characters from which the last two are told.
const LONG: usize = 20;
/// Bytes of a name that are told.
const MAX_NAME: usize = 48;

/// A token, of which `given` is what all of its kind begin with.
pub(super) fn token(given: &[u8], secret: &[u8]) -> String {
    let end = secret
        .len()
        .checked_sub(2)
        .filter(|_| secret.len() >= LONG)
        .and_then(|last| secret.get(last..))
        .filter(|end| end.iter().all(u8::is_ascii_graphic))
        .unwrap_or_default();
    format!("{}{STARS}{}", text(given), text(end))
}

/// A value that a name is given.
pub(super) fn assigned(name: &[u8]) -> String {
    let name = name.get(..MAX_NAME).unwrap_or(name);
    format!("{}={STARS}", text(name))
}

/// A URL with a password.
pub(super) fn url(scheme: &[u8], host: &[u8]) -> String {
    let host = host.get(..MAX_NAME).unwrap_or(host);
    format!("{}{STARS}@{}", text(scheme), text(host))
}

/// A private key.
pub(super) fn key(label: &str) -> String {
    format!("-----BEGIN {label}-----{STARS}")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
