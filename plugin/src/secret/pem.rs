//! Private keys: blocks between `-----BEGIN … PRIVATE KEY-----` and their end, on lines or with `\n` written
//! out, and PuTTY's files.

use std::ops::Range;

use super::check::decode;
use super::noise;

/// What the head of a block may be away from its words.
const MAX_LABEL: usize = 48;
/// Base64 of a key that is looked at; an Ed25519 key in PKCS #8 has 64 characters.
const MIN_BODY: usize = 60;
const MAX_BODY: usize = 700;
/// How much of a text is looked through for them.
const MAX_TEXT: usize = 2048;
/// Where the other fields of a service account's key file stand.
const BEFORE: usize = 600;

/// A private key in a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// From its first to its last character that was looked at.
    pub(super) all: Range<usize>,
    /// Its kind, as its first line says (`RSA PRIVATE KEY`).
    pub(super) label: String,
    /// It is encrypted.
    pub(super) locked: bool,
    /// It is part of a service account's key file.
    pub(super) service_account: bool,
}

/// The key whose block begins at `at` (at its dashes, or at PuTTY's first word).
pub(super) fn find(text: &[u8], at: usize) -> Option<Key> {
    let rest = text.get(at..)?;
    if rest
        .get(..20)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"PuTTY-User-Key-File-"))
    {
        return putty(rest, at);
    }
    let label = rest.strip_prefix(b"-----BEGIN ")?;
    let label = label.get(..MAX_LABEL).unwrap_or(label);
    let end = label.windows(5).position(|window| window == b"-----")?;
    let label = label.get(..end)?;
    if !(label.ends_with(b"PRIVATE KEY") || label == b"PGP PRIVATE KEY BLOCK") {
        return None;
    }
    let start = 11 + end + 5;
    let (body, length, headers) = body(rest.get(start..)?);
    if body.len() < MIN_BODY || noise::entropy(&body) < 400 {
        return None;
    }
    let decoded = decode(&body)?;
    let mut locked = label.starts_with(b"ENCRYPTED") || headers;
    let right = if decoded.starts_with(b"openssh-key-v1\0") {
        locked = decoded.get(19..23) != Some(b"none");
        true
    } else if label.starts_with(b"PGP") {
        // The tag of a secret key, in either form of packets.
        decoded
            .first()
            .is_some_and(|tag| matches!(tag, 0x94..=0x97 | 0xC5))
    } else {
        // Encrypted in the old way it is noise; else a sequence.
        headers || decoded.first() == Some(&0x30)
    };
    let from = at.saturating_sub(BEFORE);
    let before = text.get(from..at)?;
    let service_account = before.windows(14).any(|window| window == b"private_key_id");
    right.then(|| Key {
        all: at..at + start + length,
        label: String::from_utf8_lossy(label).into_owned(),
        locked,
        service_account,
    })
}

/// The base64 behind the first line, how much of the text it takes, and whether headers say that it is
/// encrypted.
fn body(text: &[u8]) -> (Vec<u8>, usize, bool) {
    let text = text.get(..MAX_TEXT).unwrap_or(text);
    let mut body = Vec::with_capacity(MAX_BODY);
    let mut headers = false;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => body.push(*byte),
            b'\\' => {
                // An escaped end of line, in JSON, in a string of a program, in a variable.
                while text.get(at + 1) == Some(&b'\\') {
                    at += 1;
                }
                match text.get(at + 1) {
                    Some(b'n' | b'r' | b't') => at += 1,
                    _ => break,
                }
            }
            b':' => {
                // `Proc-Type: 4,ENCRYPTED`: no key, but a header; what was taken of its name goes.
                let end = text
                    .get(at..)
                    .unwrap_or_default()
                    .iter()
                    .position(|byte| matches!(byte, b'\n' | b'\\'))
                    .map_or(text.len(), |length| at + length);
                let value = text.get(at..end).unwrap_or_default();
                headers |= value.windows(9).any(|window| window == b"ENCRYPTED");
                body.clear();
                at = end;
                continue;
            }
            b' ' | b'\t' | b'\r' | b'\n' | b'"' | b'\'' | b',' | b';' => {}
            // A dash is in the name of a header, or begins the last line; a plus may join strings.
            b'-' if text.get(at..at + 5) != Some(b"-----") => {}
            _ => break,
        }
        at += 1;
        if body.len() >= MAX_BODY {
            break;
        }
    }
    (body, at, headers)
}

fn putty(text: &[u8], at: usize) -> Option<Key> {
    let head = text.get(..MAX_TEXT).unwrap_or(text);
    let find = |what: &[u8]| head.windows(what.len()).position(|window| window == what);
    let lines = find(b"Private-Lines:")?;
    let encryption = find(b"Encryption: ")?;
    let none = head
        .get(encryption + 12..)
        .is_some_and(|rest| rest.starts_with(b"none"));
    Some(Key {
        all: at..at + lines,
        label: "PuTTY key".to_owned(),
        locked: !none,
        service_account: false,
    })
}
