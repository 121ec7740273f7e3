//! Foreign text made harmless, for every format; and numbers, times and addresses as reports write them.

use jiff::Timestamp;

/// Characters of one text that a report repeats; an advisory's description may be a book.
pub(super) const MAX_TEXT_CHARS: usize = 16_384;
/// An address that is longer is no link.
const MAX_URL: usize = 2_048;

/// Control characters, and format characters that change the order of text or hide it.
pub(super) fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// One line: breaks become spaces, whatever would reorder or hide text becomes `U+FFFD`.
pub(super) fn inert(text: &str) -> String {
    clean(text, MAX_TEXT_CHARS, false)
}

/// The same with its line breaks.
pub(super) fn inert_lines(text: &str) -> String {
    clean(text, MAX_TEXT_CHARS, true)
}

/// The same as [`inert`], with at most so many characters, the last of which is `…` when some are missing.
pub(super) fn cut(text: &str, chars: usize) -> String {
    clean(text, chars, false)
}

/// The same as [`inert_lines`], with at most so many characters.
pub(super) fn cut_lines(text: &str, chars: usize) -> String {
    clean(text, chars, true)
}

fn clean(text: &str, chars: usize, lines: bool) -> String {
    let mut clean = String::with_capacity(text.len().min(chars));
    let mut characters = text.chars().peekable();
    let mut count = 0;
    while let Some(c) = characters.next() {
        count += 1;
        if count == chars && characters.peek().is_some() {
            clean.push('…');
            break;
        }
        match c {
            '\r' if characters.peek() == Some(&'\n') => count -= 1,
            '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' if lines => clean.push('\n'),
            '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push(' '),
            c if is_unsafe(c) => clean.push('\u{fffd}'),
            c => clean.push(c),
        }
    }
    clean
}

/// Writes what may be obeyed by a terminal as JSON's escapes. In JSON such characters can only stand inside
/// a string, so the meaning stays.
pub(super) fn inert_json(json: &str, clean: &mut String) {
    use std::fmt::Write;
    if json.bytes().all(|byte| matches!(byte, b'\n' | b' '..=b'~')) {
        clean.push_str(json);
        return;
    }
    for c in json.chars() {
        if c != '\n' && is_unsafe(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                // Writing into a string doesn't fail.
                let _ = write!(clean, "\\u{unit:04x}");
            }
        } else {
            clean.push(c);
        }
    }
}

/// The address, when it may be a link: http or https, plain characters, no user name in it.
pub(super) fn link(url: &str) -> Option<&str> {
    let rest = ["https://", "http://"].iter().find_map(|scheme| {
        let start = url.get(..scheme.len())?;
        start
            .eq_ignore_ascii_case(scheme)
            .then(|| url.get(scheme.len()..))?
    })?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    (url.len() <= MAX_URL
        && !authority.is_empty()
        && !authority.contains('@')
        && is_uri_text(url)
        && url.matches('#').count() <= 1)
        .then_some(url)
}

/// Only characters that stand in a URI, and each `%` with two digits.
pub(super) fn is_uri_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().enumerate().all(|(place, &byte)| match byte {
        b'%' => [1, 2]
            .iter()
            .all(|next| bytes.get(place + next).is_some_and(u8::is_ascii_hexdigit)),
        b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | b'[' | b']' => false,
        byte => byte.is_ascii_graphic(),
    })
}

/// Percent-encodes all but letters, digits, `.`, `-`, `_`, `~` and what else is named.
pub(super) fn encode(text: &str, keep: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~".contains(&byte) || keep.contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// RFC 3339 in UTC with whole seconds, when the text is a time.
pub(super) fn time(text: &str) -> Option<String> {
    text.parse::<Timestamp>().ok().map(seconds)
}

/// RFC 3339 in UTC with whole seconds.
pub(super) fn seconds(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `2026-11-22 14:08` of a time; what is none stays as it is.
pub(super) fn minute(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => cut(text, 40),
    }
}

/// `2026-11-22` of a time; what is none stays as it is.
pub(super) fn day(text: &str) -> String {
    match text.parse::<Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d").to_string(),
        Err(_) => cut(text, 40),
    }
}

/// `1,204`.
pub(super) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `+0.5`, `-1`, `0`: a change of severity.
pub(super) fn signed(change: f64) -> String {
    let rounded = (change * 100.0).round() / 100.0;
    if rounded == 0.0 || !rounded.is_finite() {
        "0".to_owned()
    } else {
        format!("{rounded:+}")
    }
}

/// A fraction between 0 and 1 as percents with at most so many decimals ("97.3"), or `None` when it is no number.
pub(super) fn percent(fraction: f64, decimals: usize) -> Option<String> {
    fraction.is_finite().then(|| {
        let text = format!("{:.decimals$}", fraction.clamp(0.0, 1.0) * 100.0);
        match text.split_once('.') {
            Some((_, rest)) if rest.bytes().all(|digit| digit == b'0') => {
                text.split('.').next().unwrap_or_default().to_owned()
            }
            _ => text,
        }
    })
}

/// The first twelve digits of a digest (`sha256:9f86d081884c`).
pub(super) fn short_digest(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) => format!(
            "{}:{}",
            cut(algorithm, 12),
            hex.chars()
                .filter(char::is_ascii_alphanumeric)
                .take(12)
                .collect::<String>()
        ),
        None => cut(digest, 19),
    }
}
