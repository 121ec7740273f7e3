//! Takes secrets out of whatever leaves the egress side: headers, bodies, errors, log lines.
//!
//! Every form that a server is likely to echo is looked for: the text itself, in either case,
//! percent-encoded, escaped for JSON or HTML, hexadecimal, and base64 at each of its three alignments. What is found is overwritten with as many asterisks, so that
//! lengths that were announced stay true.
//!
//! Layers of gigabytes go through here and next to none of them mentions a secret, so one vectorised pass
//! over all forms at once asks whether there is anything to do; only then each form is looked for by itself.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use aho_corasick::packed::Searcher;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use bytes::{Bytes, BytesMut};
use memchr::memmem::Finder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::secret::SecretString;

/// Secrets shorter than this, in bytes, are not looked for: they would match ordinary text everywhere. No
/// credential that is one is so short, and calls refuse one that is.
pub(crate) const MIN_SECRET: usize = 4;
/// Encoded forms shorter than this are not looked for.
const MIN_ENCODED: usize = 6;
const MASK: u8 = b'*';
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Knows the secrets of a call (or of anything else) and removes them.
#[derive(Clone, Default)]
pub struct Redactor {
    needles: Vec<Finder<'static>>,
    /// Finds some form, in one pass. None where the processor has no instructions for it.
    any: Option<Searcher>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.needles.len())
    }
}

impl Redactor {
    /// Looks for all of these.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        Self::of_texts(secrets.into_iter().map(SecretString::expose))
    }

    pub(super) fn of_texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms: Vec<Vec<u8>> = Vec::new();
        for text in texts {
            for form in forms_of(text) {
                if !forms.contains(&form) {
                    forms.push(form);
                }
            }
        }
        Self {
            needles: forms
                .iter()
                .map(|form| Finder::new(form).into_owned())
                .collect(),
            any: Searcher::new(&forms),
        }
    }

    /// Whether any form of a secret is in there.
    pub fn mentions(&self, bytes: &[u8]) -> bool {
        match &self.any {
            Some(any) => any.find(bytes).is_some(),
            None => self
                .needles
                .iter()
                .any(|needle| needle.find(bytes).is_some()),
        }
    }

    /// The text, with asterisks where a secret was.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.mentions(text.as_bytes()) {
            return Cow::Borrowed(text);
        }
        let mut bytes = text.as_bytes().to_vec();
        self.mask(&mut bytes);
        Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Overwrites in place; whether anything was there.
    pub fn mask(&self, bytes: &mut [u8]) -> bool {
        let ranges = self.ranges(bytes);
        for range in &ranges {
            if let Some(found) = bytes.get_mut(range.clone()) {
                found.fill(MASK);
            }
        }
        !ranges.is_empty()
    }

    /// For a body that comes in pieces.
    pub(super) fn stream(self: &Arc<Self>) -> RedactStream {
        RedactStream {
            redactor: Arc::clone(self),
            held: Bytes::new(),
        }
    }

    fn ranges(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        if !self.mentions(bytes) {
            return ranges;
        }
        // Each by itself: forms may overlap, and all of each has to go.
        for needle in &self.needles {
            let length = needle.needle().len();
            ranges.extend(needle.find_iter(bytes).map(|at| at..at + length));
        }
        ranges
    }

    /// Bytes at the end that may be the beginning of a secret.
    fn open_end(&self, bytes: &[u8]) -> usize {
        let longest_open = |needle: &Finder<'_>| {
            let needle = needle.needle();
            (1..needle.len().min(bytes.len() + 1))
                .rev()
                .find(|&n| needle.get(..n).is_some_and(|head| bytes.ends_with(head)))
                .unwrap_or(0)
        };
        self.needles.iter().map(longest_open).max().unwrap_or(0)
    }
}

/// A body on its way: holds back only what could be the beginning of a secret.
#[derive(Debug)]
pub(super) struct RedactStream {
    redactor: Arc<Redactor>,
    held: Bytes,
}

impl RedactStream {
    /// Takes a piece; gives what is settled (possibly nothing). Without a secret in it nothing is copied.
    pub(super) fn push(&mut self, piece: Bytes) -> Bytes {
        if self.redactor.needles.is_empty() {
            return piece;
        }
        let data = if self.held.is_empty() {
            piece
        } else {
            let mut joined = BytesMut::with_capacity(self.held.len() + piece.len());
            joined.extend_from_slice(&self.held);
            joined.extend_from_slice(&piece);
            joined.freeze()
        };
        let cut = data.len() - self.redactor.open_end(&data);
        let mut data = self.mask_before(data, cut);
        self.held = data.split_off(cut);
        data
    }

    /// The rest.
    pub(super) fn finish(&mut self) -> Bytes {
        let held = std::mem::take(&mut self.held);
        let all = held.len();
        self.mask_before(held, all)
    }

    /// Masks what begins before `cut`. What begins behind it is complete in `held` and found again: it may be
    /// the beginning of a longer secret.
    fn mask_before(&self, data: Bytes, cut: usize) -> Bytes {
        let mut ranges = self.redactor.ranges(&data);
        ranges.retain(|range| range.start < cut);
        if ranges.is_empty() {
            return data;
        }
        let mut masked = data.to_vec();
        for range in ranges {
            if let Some(found) = masked.get_mut(range) {
                found.fill(MASK);
            }
        }
        masked.into()
    }
}

fn forms_of(text: &str) -> Vec<Vec<u8>> {
    if text.len() < MIN_SECRET {
        return Vec::new();
    }
    let upper = utf8_percent_encode(text, UNRESERVED).to_string();
    let json = serde_json::to_string(text).unwrap_or_default();
    let json = json.trim_matches('"').to_owned();
    let mut forms = vec![
        text.to_owned(),
        lower_case_escapes(&upper),
        upper.replace("%20", "+"),
        upper,
        json.replace('/', "\\/"),
        json,
        // Names of hosts and headers, and logs, lose their case.
        text.to_ascii_lowercase(),
        text.to_ascii_uppercase(),
        hex(text.as_bytes(), false),
        hex(text.as_bytes(), true),
        careful_json(text, false),
        careful_json(text, true),
        html(text, "&#39;"),
        html(text, "&#x27;"),
    ];
    for padding in 0..3 {
        let mut bytes = vec![0; padding];
        bytes.extend_from_slice(text.as_bytes());
        // Only the characters that the secret alone decides: those that share bits with the padding or with
        // what follows differ from case to case.
        let first = (padding * 8).div_ceil(6);
        let end = bytes.len() * 8 / 6;
        for encoded in [
            STANDARD_NO_PAD.encode(&bytes),
            URL_SAFE_NO_PAD.encode(&bytes),
        ] {
            if let Some(form) = encoded.get(first..end)
                && form.len() >= MIN_ENCODED
            {
                forms.push(form.to_owned());
            }
        }
    }
    forms
        .into_iter()
        .filter(|form| form.len() >= MIN_SECRET)
        .map(String::into_bytes)
        .collect()
}

/// As encoders for the web write JSON: whatever means something in HTML, and whatever is not ASCII, as
/// `\u003c`.
fn careful_json(text: &str, upper: bool) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '<' | '>' | '&' | '\'' | '+' | '=' | '/' | '`' | '\u{0}'..='\u{1f}' | '\u{7f}'.. => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    escaped.push_str("\\u");
                    escaped.push_str(&hex(&unit.to_be_bytes(), upper));
                }
            }
            plain => escaped.push(plain),
        }
    }
    escaped
}

fn html(text: &str, apostrophe: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', apostrophe)
}

fn hex(bytes: &[u8], upper: bool) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = if upper {
            write!(text, "{byte:02X}")
        } else {
            write!(text, "{byte:02x}")
        };
        text
    })
}

/// `%2F` as `%2f`; letters that are not part of an escape stay.
fn lower_case_escapes(encoded: &str) -> String {
    let mut escape = 0;
    encoded
        .chars()
        .map(|c| {
            if c == '%' {
                escape = 2;
                c
            } else if escape > 0 {
                escape -= 1;
                c.to_ascii_lowercase()
            } else {
                c
            }
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "glpat-a/B \"ü%x_1234567";

    fn redactor(texts: &[&str]) -> Arc<Redactor> {
        Arc::new(Redactor::of_texts(texts.iter().copied()))
    }

    fn streamed(redactor: &Arc<Redactor>, data: &[u8], piece: usize) -> Vec<u8> {
        let mut stream = redactor.stream();
        let mut out = Vec::new();
        for chunk in data.chunks(piece.max(1)) {
            out.extend_from_slice(&stream.push(Bytes::copy_from_slice(chunk)));
        }
        out.extend_from_slice(&stream.finish());
        out
    }

    #[test]
    fn every_likely_form_is_removed() {
        let r = redactor(&[SECRET]);
        let percent = utf8_percent_encode(SECRET, UNRESERVED).to_string();
        for echo in [
            SECRET.to_owned(),
            percent.clone(),
            lower_case_escapes(&percent),
            serde_json::to_string(SECRET).unwrap(),
        ] {
            let text = format!("before {echo} after");
            let clean = r.text(&text);
            assert_eq!(clean.len(), text.len());
            assert!(
                clean.starts_with("before ") && clean.ends_with(" after"),
                "{clean}"
            );
            assert!(
                clean.contains("****") && !clean.contains("1234567"),
                "{clean}"
            );
        }
        for lead in ["", "u", "us", "user:", "x-oauth:"] {
            let encoded = STANDARD_NO_PAD.encode(format!("{lead}{SECRET}tail"));
            assert!(r.text(&encoded).contains("********"), "{lead}");
            assert!(
                r.text(&URL_SAFE_NO_PAD.encode(format!("{lead}{SECRET}")))
                    .contains("********")
            );
        }
        assert_eq!(r.text("nothing here"), "nothing here");
    }

    #[test]
    fn case_hexadecimal_and_the_escapes_of_the_web_hide_nothing() {
        let secret = "gl<&'pat>+Ab=/\u{fc}";
        let r = redactor(&[secret]);
        let hexadecimal: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
        for echo in [
            secret.to_ascii_lowercase(),
            secret.to_ascii_uppercase(),
            hexadecimal.to_uppercase(),
            hexadecimal,
            r"gl\u003c\u0026\u0027pat\u003e\u002bAb\u003d\u002f\u00fc".to_owned(),
            r"gl\u003C\u0026\u0027pat\u003E\u002BAb\u003D\u002F\u00FC".to_owned(),
            "gl&lt;&amp;&#39;pat&gt;+Ab=/\u{fc}".to_owned(),
            "gl&lt;&amp;&#x27;pat&gt;+Ab=/\u{fc}".to_owned(),
        ] {
            let clean = r.text(&echo);
            assert!(clean.chars().all(|c| c == '*'), "{echo}: {clean}");
        }
    }

    #[test]
    fn a_secret_that_begins_like_another_is_removed_whole_across_pieces() {
        let r = redactor(&["abcdefgh", "abcdefghijkl"]);
        for piece in 1..20 {
            assert_eq!(
                streamed(&r, b"-abcdefghijkl-abcdefgh-", piece),
                b"-************-********-",
                "{piece}"
            );
        }
    }

    #[test]
    fn without_a_secret_nothing_is_held_or_copied() {
        let r = redactor(&["abcdefgh"]);
        let mut stream = r.stream();
        let piece = Bytes::from_static(b"0123456789");
        assert_eq!(stream.push(piece.clone()).as_ptr(), piece.as_ptr());
        assert_eq!(&stream.push(Bytes::from_static(b"x abc"))[..], b"x ");
        assert_eq!(&stream.push(Bytes::from_static(b" y"))[..], b"abc y");
    }

    proptest! {
        #[test]
        fn one_pass_sees_what_a_pass_for_each_form_sees(
            texts in proptest::collection::vec("[a-c]{4,8}", 1..6), data in "[a-c]{0,200}",
        ) {
            let r = Redactor::of_texts(texts.iter().map(String::as_str));
            let each = r.needles.iter().any(|needle| needle.find(data.as_bytes()).is_some());
            prop_assert_eq!(r.mentions(data.as_bytes()), each);
        }

        #[test]
        fn however_it_is_cut_the_secret_is_gone_and_the_rest_is_there(
            before in "[a-z ]{0,30}", after in "[a-z ]{0,30}", piece in 1usize..40,
        ) {
            let r = redactor(&[SECRET]);
            let data = format!("{before}{SECRET}{after}");
            let out = streamed(&r, data.as_bytes(), piece);
            let expected = format!("{before}{}{after}", "*".repeat(SECRET.len()));
            prop_assert_eq!(String::from_utf8(out).unwrap(), expected);
        }

        #[test]
        fn any_bytes_keep_their_length(data in proptest::collection::vec(any::<u8>(), 0..300), piece in 1usize..50) {
            let r = redactor(&["abcdefgh", SECRET]);
            prop_assert_eq!(streamed(&r, &data, piece).len(), data.len());
        }
    }
}
