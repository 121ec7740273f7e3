//! What else a token has to be: its checksum, its inner form.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::noise;
use super::rules::Check;

/// Takes base64 with padding and without, and cut anywhere.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const PLAIN: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const URL: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);
/// Bytes of a token that are decoded.
const MAX_DECODED: usize = 8 * 1024;
/// Where a shared access signature's other parts stand, at most so far away.
const AROUND: usize = 400;

/// What a check looks at.
pub(super) struct Candidate<'t> {
    pub(super) text: &'t [u8],
    /// Where the token begins and ends.
    pub(super) start: usize,
    pub(super) end: usize,
    /// What is secret of it.
    pub(super) secret: &'t [u8],
    /// Key of the file.
    pub(super) key: &'t str,
}

/// True when the candidate passes.
pub(super) fn passes(check: Check, candidate: &Candidate<'_>) -> bool {
    let secret = candidate.secret;
    match check {
        Check::None => true,
        Check::Crc32 => has_crc32(secret),
        Check::Crc32IfShort => secret.len() != 36 || has_crc32(secret),
        Check::Jwt => candidate
            .text
            .get(candidate.start..candidate.end)
            .is_some_and(is_jwt),
        Check::Sas => {
            let from = candidate.start.saturating_sub(AROUND);
            let to = candidate
                .end
                .saturating_add(AROUND)
                .min(candidate.text.len());
            let around = candidate.text.get(from..to).unwrap_or_default();
            let has = |name: &[u8]| around.windows(name.len()).any(|window| window == name);
            has(b"sv=2") && (has(b"se=2") || has(b"si="))
        }
        Check::EncodedPem => candidate
            .text
            .get(candidate.start..candidate.end)
            .and_then(decode)
            .is_some_and(|pem| {
                pem.windows(16).any(|window| window == b"PRIVATE KEY-----")
                    && !pem.windows(9).any(|window| window == b"ENCRYPTED")
            }),
        Check::Mixed => {
            secret.iter().any(u8::is_ascii_digit) && secret.iter().any(u8::is_ascii_alphabetic)
        }
        Check::InFile(part) => crate::image::paths::split(candidate.key).1.contains(part),
        Check::AfterSk => candidate
            .text
            .get(candidate.start..candidate.end)
            .is_some_and(|token| token.starts_with(b"sk-")),
    }
}

/// Base64 of either alphabet, as far as it is any.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.get(..MAX_DECODED).unwrap_or(text);
    // Four characters are three bytes; one alone at the end is none.
    let whole = match text.len() % 4 {
        1 => text.len() - 1,
        _ => text.len(),
    };
    let text = text.get(..whole)?;
    let engine = if text.iter().any(|byte| matches!(byte, b'-' | b'_')) {
        &URL
    } else {
        &PLAIN
    };
    engine.decode(text).ok()
}

fn has_crc32(secret: &[u8]) -> bool {
    let Some((random, check)) = secret.split_at_checked(30) else {
        return false;
    };
    checksum(random) == check
}

/// The last six characters of a token with these before them.
pub(super) fn checksum(random: &[u8]) -> [u8; 6] {
    base62(crc32(random))
}

/// CRC-32 as in gzip.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

/// Six digits to the base of 62: digits, capital letters, small ones.
fn base62(mut number: u32) -> [u8; 6] {
    let mut text = [b'0'; 6];
    for digit in text.iter_mut().rev() {
        let rest = (number % 62) as u8;
        number /= 62;
        *digit = match rest {
            0..=9 => b'0' + rest,
            10..=35 => b'A' + rest - 10,
            _ => b'a' + rest - 36,
        };
    }
    text
}

/// True for a signed token that opens something: not the one of every tutorial, not one that anybody may
/// have.
fn is_jwt(token: &[u8]) -> bool {
    let mut parts = token.split(|byte| *byte == b'.');
    let (Some(header), Some(claims), Some(signature)) = (parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let object = |part: &[u8]| {
        decode(part).and_then(|bytes| {
            serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).ok()
        })
    };
    let (Some(header), Some(claims)) = (object(header), object(claims)) else {
        return false;
    };
    let text = |name: &str| claims.get(name).and_then(serde_json::Value::as_str);
    let made_up = matches!(
        text("sub"),
        Some("1234567890" | "example" | "test" | "user")
    ) || matches!(text("name"), Some("John Doe"))
        || claims
            .values()
            .filter_map(serde_json::Value::as_str)
            .any(|value| value.contains("example.") || value.contains("joe"));
    let public = text("role") == Some("anon");
    header
        .get("alg")
        .and_then(serde_json::Value::as_str)
        .is_some_and(|algorithm| !algorithm.eq_ignore_ascii_case("none"))
        && !claims.is_empty()
        && !made_up
        && !public
        && !noise::is_example(signature)
}

/// What a password is kept by, where user and password are given in base64; `None` when it is not such a
/// pair, or one that nobody uses.
pub(super) fn is_basic(encoded: &[u8]) -> bool {
    let Some(decoded) = decode(encoded) else {
        return false;
    };
    let Some(colon) = decoded.iter().position(|byte| *byte == b':') else {
        return false;
    };
    let (user, password) = decoded.split_at(colon);
    let password = password.get(1..).unwrap_or_default();
    !user.is_empty()
        && password.len() >= 4
        && decoded
            .iter()
            .all(|byte| byte.is_ascii_graphic() || *byte == b' ')
        && !noise::is_no_password(password)
        && password != user
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_forge() {
        // A token that its owner published after it had ended.
        let random = ["zQWBuTSOoRi4A9s", "pHcVY5ncnsDkxkJ"].concat();
        assert_eq!(&base62(crc32(random.as_bytes())), b"0mLq17");
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn base64_is_read_with_and_without_padding() {
        for text in ["dXNlcjpwYQ==", "dXNlcjpwYQ", "dXNlcjpwYQ="] {
            assert_eq!(
                decode(text.as_bytes()).as_deref(),
                Some(&b"user:pa"[..]),
                "{text}"
            );
        }
        assert!(decode(b"!!!!").is_none());
    }
}
