//! A value that is given to a name, in the ways that configuration and programs have for it: `NAME=value`,
//! `name: value`, `"name": "value"`, `name => 'value'`, `<name>value</name>`, `key="name" value="…"`,
//! `--name value`.

use std::ops::Range;

use super::noise;
use super::places::Style;
use super::rules::{self, Pattern, Rule};
use super::shape;

/// Bytes of a name.
const MAX_NAME: usize = 80;
/// Bytes of a value; longer ones are texts.
const MAX_VALUE: usize = 512;
/// Blanks between a name and its value.
const MAX_BLANKS: usize = 40;

/// A name and what it is given.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assigned {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
    /// The value stands in quotes or in an element.
    pub(super) quoted: bool,
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// The assignment to the name that has a keyword at `at`.
pub(super) fn find(text: &[u8], at: usize, length: usize, style: Style) -> Option<Assigned> {
    let (name, mut at) = name(text, at, length)?;
    let get = |at: usize| text.get(at).copied();
    let before = name.start.checked_sub(1).and_then(get);
    if get(at) == Some(b'>') && before == Some(b'<') {
        let value = text.get(at + 1..)?;
        let end = value
            .iter()
            .take(MAX_VALUE)
            .position(|byte| matches!(byte, b'<' | b'\n' | b'\r'))?;
        let start = at + 1;
        return (text.get(start + end) == Some(&b'<')).then_some(Assigned {
            name,
            value: start..start + end,
            quoted: true,
        });
    }
    let mut closed = false;
    if get(at) == Some(b'\\') {
        at += 1;
    }
    if matches!(get(at), Some(b'"' | b'\'' | b'`')) {
        at += 1;
        closed = true;
    }
    if get(at) == Some(b']') && closed {
        at += 1;
    }
    let blanks = blanks(text, at);
    let spaced = blanks > 0;
    at += blanks;
    // The keyword may have the separator in it (`pwd=`).
    let inside = !closed && !spaced && name.end > at;
    let separator = at;
    at = match (get(at), get(at + 1), get(at + 2)) {
        _ if inside => at,
        (Some(b'='), Some(b'>'), _) | (Some(b':'), Some(b'='), _) => at + 2,
        (Some(b'='), Some(b'=' | b'~'), _) | (Some(b':'), Some(b':'), _) => return None,
        (Some(b'='), ..) => at + 1,
        // `name:value` of a list is none; YAML has a blank there, JSON a quote.
        (Some(b':'), next, _)
            if closed || matches!(next, Some(b' ' | b'\t' | b'"' | b'\'' | b'\\')) =>
        {
            at + 1
        }
        (Some(b','), ..) if closed && is_definition(text, name.start) => at + 1,
        (Some(b'v' | b'V'), Some(b'a' | b'A'), _) if closed && spaced => {
            let rest = text.get(at..at + 6)?;
            if !rest.eq_ignore_ascii_case(b"value=") {
                return None;
            }
            at + 6
        }
        // `--password value`, `machine h login l password p`
        _ if spaced
            && (style == Style::Spaced
                || (style.takes_bare()
                    && text.get(name.start.saturating_sub(2)..name.start) == Some(b"--"))) =>
        {
            at
        }
        _ => return None,
    };
    let blanks = self::blanks(text, at);
    // In a command other words follow; elsewhere what has other words behind it is a sentence.
    let tight = (!spaced && blanks == 0 && get(separator) == Some(b'=')) || separator == at;
    at += blanks;
    value(
        text,
        at,
        if tight && style == Style::Data {
            Style::Spaced
        } else {
            style
        },
        name,
    )
}

/// The name around a keyword, and where it ends.
fn name(text: &[u8], at: usize, length: usize) -> Option<(Range<usize>, usize)> {
    let before = text
        .get(..at)?
        .iter()
        .rev()
        .take(MAX_NAME)
        .take_while(|byte| is_name(**byte))
        .count();
    let mut start = at - before;
    while start < at && matches!(text.get(start), Some(b'-' | b'.')) {
        start += 1;
    }
    // A keyword may begin or end with a quote.
    if text.get(start) == Some(&b'"') {
        start += 1;
    }
    let tail = text
        .get(at + length..)?
        .iter()
        .take(MAX_NAME)
        .take_while(|byte| is_name(**byte))
        .count();
    let mut end = at + length + tail;
    while end > start && !text.get(end - 1).copied().is_some_and(is_name) {
        end -= 1;
    }
    (end > start && end - start <= MAX_NAME).then_some((start..end, end))
}

fn blanks(text: &[u8], at: usize) -> usize {
    text.get(at..)
        .unwrap_or_default()
        .iter()
        .take(MAX_BLANKS)
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

/// True for `define('NAME', 'value')`.
fn is_definition(text: &[u8], name: usize) -> bool {
    let from = name.saturating_sub(12);
    text.get(from..name)
        .is_some_and(|before| before.windows(7).any(|window| window == b"define("))
}

fn value(text: &[u8], mut at: usize, style: Style, name: Range<usize>) -> Option<Assigned> {
    let get = |at: usize| text.get(at).copied();
    // Kinds of strings: bytes, raw, Unicode.
    if matches!(get(at), Some(b'b' | b'B' | b'r' | b'u' | b'@'))
        && matches!(get(at + 1), Some(b'"' | b'\''))
    {
        at += 1;
    }
    let escaped = get(at) == Some(b'\\');
    if escaped {
        at += 1;
    }
    if let Some(quote @ (b'"' | b'\'' | b'`')) = get(at) {
        let start = at + 1;
        let mut end = start;
        loop {
            match get(end)? {
                byte if byte == quote => break,
                b'\\' if escaped => break,
                b'\\' => end += 2,
                b'\n' | b'\r' | 0 => return None,
                _ => end += 1,
            }
            if end - start > MAX_VALUE {
                return None;
            }
        }
        // What goes on behind the quote is put together by a program; the first part is no secret.
        if get(start) == Some(quote) {
            return None;
        }
        return Some(Assigned {
            name,
            value: start..end,
            quoted: true,
        });
    }
    if escaped || !style.takes_bare() {
        return None;
    }
    let rest = text.get(at..)?;
    let mut length = rest
        .iter()
        .take(MAX_VALUE)
        .take_while(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'`'))
        .count();
    while length > 0 && matches!(rest.get(length - 1), Some(b',' | b';')) {
        length -= 1;
    }
    let value = rest.get(..length)?;
    // A line of a program, a reference, a part of a URL.
    let cut = value
        .iter()
        .position(|byte| matches!(byte, b'&' | b';' | b','))
        .unwrap_or(length);
    let head = value.get(..cut)?;
    if head.iter().any(|byte| {
        matches!(
            byte,
            b'(' | b')' | b'{' | b'}' | b'[' | b']' | b'<' | b'>' | b'\\' | b'|'
        )
    }) || matches!(head.first(), Some(b'!' | b'&' | b'*' | b'#') | None)
    {
        return None;
    }
    // In a language for data the value is all of the line.
    if style != Style::Spaced {
        let behind = rest.get(length..)?;
        let end = behind
            .iter()
            .take(MAX_BLANKS)
            .position(|byte| !matches!(byte, b' ' | b'\t'));
        let text_goes_on = end.and_then(|end| behind.get(end)).is_some_and(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'(' | b'{' | b'+' | b'?' | b'=' | b'|')
        });
        if text_goes_on && end > Some(0) && style == Style::Data {
            return None;
        }
    }
    Some(Assigned {
        name,
        value: at..at + cut,
        quoted: false,
    })
}

/// A name in lower case without what joins its words.
fn plain(name: &[u8]) -> String {
    name.iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| char::from(byte.to_ascii_lowercase()))
        .collect()
}

/// The rule by which a value is a secret. `careful` in files where people write down secrets and nothing
/// else, and in variables of an image: there a weak password counts, too.
pub(super) fn judge(
    name: &[u8],
    value: &[u8],
    quoted: bool,
    style: Style,
    key: &str,
) -> Option<&'static Rule> {
    let plain = plain(name);
    for rule in rules::all() {
        let Pattern::Named(names, parts) = rule.pattern else {
            continue;
        };
        if names.iter().any(|name| plain.contains(name))
            && shape::is_whole(value, parts)
            && noise::entropy(value) >= rule.entropy
            && !noise::is_example(value)
            && super::check::passes(
                rule.check,
                &super::check::Candidate {
                    text: value,
                    start: 0,
                    end: value.len(),
                    secret: value,
                    key,
                },
            )
        {
            return Some(rule);
        }
    }
    if value.iter().any(|byte| !byte.is_ascii_graphic()) || style == Style::Prose {
        return None;
    }
    let stem = stem(&plain);
    if is_other(stem) {
        return None;
    }
    if PASSWORDS.iter().any(|end| stem.ends_with(end)) {
        return is_password(value, quoted, style)
            .then(|| rules::all().find(|rule| matches!(rule.pattern, Pattern::Assigned)))
            .flatten();
    }
    if KEYS.iter().any(|end| stem.ends_with(end)) {
        return is_key(value, style)
            .then(|| rules::all().find(|rule| matches!(rule.pattern, Pattern::AssignedKey)))
            .flatten();
    }
    None
}

/// What the names of passwords end with.
const PASSWORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "pass",
    "redisauth",
];
/// What the names of keys and tokens end with.
const KEYS: &[&str] = &[
    "secret",
    "token",
    "apikey",
    "secretkey",
    "accesskey",
    "authkey",
    "privatekey",
    "encryptionkey",
    "signingkey",
    "masterkey",
    "accountkey",
    "appkey",
    "servicekey",
    "storagekey",
    "secretkeybase",
    "secretvalue",
    "licensekey",
    "npmauth",
    "secretid",
];

/// A name without what says of which installation it is.
fn stem(plain: &str) -> &str {
    let mut stem = plain.trim_end_matches(|last: char| last.is_ascii_digit());
    for end in [
        "prod",
        "production",
        "live",
        "staging",
        "dev",
        "main",
        "value",
    ] {
        if let Some(shorter) = stem.strip_suffix(end)
            && shorter.len() > 3
        {
            stem = shorter;
        }
    }
    stem
}

/// Names that end like secrets' and hold other things.
fn is_other(stem: &str) -> bool {
    const ENDS: &[&str] = &[
        "csrftoken",
        "xsrftoken",
        "nexttoken",
        "pagetoken",
        "eostoken",
        "bostoken",
        "padtoken",
        "unktoken",
        "septoken",
        "clstoken",
        "masktoken",
        "maxtoken",
        "publictoken",
        "continuationtoken",
        "cancellationtoken",
        "syncapikey",
        "nopass",
        "bypass",
        "compass",
        "multipass",
        "renderpass",
        "onepass",
        "twopass",
        "singlepass",
        "firstpass",
        "secondpass",
        "publicapikey",
        "imagepullsecret",
        "existingsecret",
        "ondarkpwd",
        "oldpwd",
        "searchapikey",
        "publicaccesskey",
        "tlssecret",
        "stoptoken",
        "starttoken",
        "endtoken",
    ];
    ENDS.iter().any(|end| stem.ends_with(end)) || stem == "pass" || stem == "pwd"
}

fn is_password(value: &[u8], quoted: bool, style: Style) -> bool {
    // `password= name=`: an empty one, and what comes next.
    let empty = value
        .strip_suffix(b"=")
        .is_some_and(|name| name.iter().all(u8::is_ascii_alphabetic));
    if empty || noise::is_no_password(value) {
        return false;
    }
    match style {
        Style::Spaced | Style::Secret => value.len() >= 5,
        Style::Data => value.len() >= 7 && noise::is_strong(value) && noise::entropy(value) >= 250,
        Style::Code => {
            quoted
                && value.len() >= 8
                && noise::is_strong(value)
                && noise::entropy(value) >= 280
                && !value.ends_with(b":")
                && !value.contains(&b'=')
                && !value.contains(&b',')
                && !value.contains(&b'(')
        }
        Style::Prose => false,
    }
}

fn is_key(value: &[u8], style: Style) -> bool {
    if noise::is_placeholder(value) || noise::is_place(value) {
        return false;
    }
    let written = value
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+/=_.~-:!@#%^*".contains(byte));
    let least = match style {
        Style::Secret | Style::Spaced => 10,
        Style::Data => 16,
        Style::Code | Style::Prose => 20,
    };
    let lots = value.len() >= 32 && noise::entropy(value) >= 420;
    written
        && value.len() >= least
        && noise::entropy(value) >= if value.len() < 20 { 290 } else { 320 }
        && (noise::is_random(value)
            || (lots
                && value.iter().any(u8::is_ascii_digit)
                && noise::is_strong(value)
                && !value.contains(&b'.')))
}
