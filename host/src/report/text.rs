//! Text for screens: made inert, measured, cut, wrapped; and numbers as people read them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Characters of one text that are looked at before it is cut. A hostile image can put megabytes into a
/// label; no report shows more than this of it.
pub const MAX_TEXT_CHARS: usize = 4096;

/// Makes foreign text harmless on a screen: control characters (and with them every escape sequence), line
/// breaks, and the characters that reorder or hide text become visible stand-ins or a space.
pub fn inert(text: &str) -> String {
    let mut clean = String::with_capacity(text.len().min(MAX_TEXT_CHARS));
    for (count, c) in text.chars().enumerate() {
        if count == MAX_TEXT_CHARS {
            clean.push('…');
            break;
        }
        match c {
            '\n' | '\r' | '\t' | '\u{85}' | '\u{2028}' | '\u{2029}' => clean.push(' '),
            c if is_unsafe(c) => clean.push('\u{fffd}'),
            c => clean.push(c),
        }
    }
    clean
}

/// The same for JSON: serialised text keeps its meaning, because every character that a terminal could
/// obey is written as an escape. In JSON such characters can only stand inside a string.
pub fn inert_json(json: &str) -> String {
    let mut clean = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_unsafe(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                clean.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Control characters, and format characters that change the order of text or hide it.
fn is_unsafe(c: char) -> bool {
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

/// Columns that the text takes on a screen.
pub fn width(text: &str) -> usize {
    text.width()
}

/// Cuts a text to so many columns, with `…` at the end when something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let room = columns.saturating_sub(1);
    let mut taken = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > room {
            break;
        }
        used += wide;
        taken.push(c);
    }
    if columns > 0 {
        taken.push('…');
    }
    taken
}

/// Fills a text with spaces to so many columns.
pub fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The text in lines of at most so many columns, broken between words; a word that is longer stays whole
/// (an address is better copied than broken). `None` makes one line.
pub fn wrap(text: &str, columns: Option<usize>) -> Vec<String> {
    let Some(columns) = columns else {
        return vec![text.to_owned()];
    };
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// `1,204`.
pub fn number(value: u64) -> String {
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

/// `1,204 packages`, `1 package`.
pub fn count(value: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(value), if value == 1 { one } else { many })
}

/// `41.2 MiB`.
pub fn bytes(value: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let mut amount = value as f64;
    let mut name = "B";
    for unit in UNITS {
        amount /= 1024.0;
        name = unit;
        if amount < 1023.95 {
            break;
        }
    }
    format!("{amount:.1} {name}")
}

/// `87 ms`, `3.4 s`, `2 min 05 s`, `1 h 02 min`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match milliseconds {
        0..1000 => format!("{milliseconds} ms"),
        1000..60_000 => format!("{seconds}.{} s", milliseconds % 1000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `2026-11-22 14:08` of an RFC 3339 time; what is none stays as it is.
pub fn minute(time: &str) -> String {
    match time.parse::<jiff::Timestamp>() {
        Ok(at) => at.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => inert(time),
    }
}

/// The first twelve digits of a digest, as lists show it (`sha256:9f86d081884c`).
pub fn short_digest(digest: &str) -> String {
    match digest.split_once(':') {
        Some((algorithm, hex)) => {
            format!(
                "{}:{}",
                inert(algorithm),
                inert(&hex.chars().take(12).collect::<String>())
            )
        }
        None => cut(&inert(digest), 19),
    }
}

/// An address without the name and password that may stand in it (`http://…@proxy:3128`).
pub fn without_userinfo(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((_, host)) = authority.rsplit_once('@') else {
        return address.to_owned();
    };
    let separator = if scheme.is_empty() { "" } else { "://" };
    format!("{scheme}{separator}…@{host}{path}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_reordering_characters_do_not_reach_the_screen() {
        let evil = "a\u{1b}[31mred\u{202e}evil\u{9b}2J\u{200b}b\r\nc\u{7f}";
        let clean = inert(evil);
        assert!(!clean.chars().any(is_unsafe), "{clean:?}");
        assert!(clean.starts_with("a\u{fffd}[31mred"));
        assert!(clean.contains("b  c"));
    }

    #[test]
    fn json_keeps_its_meaning_when_it_is_made_inert() {
        let value = serde_json::json!({"a": "\u{9b}2J\u{202e}\u{7f}\u{e0041}\nß"});
        let text = inert_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.contains('\u{9b}') && !text.contains('\u{e0041}'));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
    }

    #[test]
    fn a_cut_never_exceeds_its_columns() {
        assert_eq!(cut("abcdef", 6), "abcdef");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("abc", 0), "");
        assert_eq!(
            inert(&"x".repeat(MAX_TEXT_CHARS * 2)).chars().count(),
            MAX_TEXT_CHARS + 1
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(number(0), "0");
        assert_eq!(number(999), "999");
        assert_eq!(number(1_204), "1,204");
        assert_eq!(number(12_345_678), "12,345,678");
        assert_eq!(count(1, "tag", "tags"), "1 tag");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(43_201_331), "41.2 MiB");
        assert_eq!(bytes(1024 * 1024 - 1), "1.0 MiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
        assert_eq!(duration(87), "87 ms");
        assert_eq!(duration(3_449), "3.4 s");
        assert_eq!(duration(125_000), "2 min 05 s");
        assert_eq!(duration(3_720_000), "1 h 02 min");
    }

    #[test]
    fn times_and_digests_are_short_and_odd_ones_harmless() {
        assert_eq!(minute("2026-11-22T14:08:31Z"), "2026-11-22 14:08");
        assert_eq!(minute("yesterday\u{1b}"), "yesterday\u{fffd}");
        assert_eq!(
            short_digest("sha256:9f86d081884c7d659a2f"),
            "sha256:9f86d081884c"
        );
        assert_eq!(short_digest("nonsense"), "nonsense");
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(
            without_userinfo("http://me:pw@proxy:3128/x@y"),
            "http://…@proxy:3128/x@y"
        );
        assert_eq!(without_userinfo("me:p@w@proxy:3128"), "…@proxy:3128");
        assert_eq!(
            without_userinfo("http://proxy:3128/a@b"),
            "http://proxy:3128/a@b"
        );
    }

    #[test]
    fn lines_break_between_words_and_never_in_an_address() {
        assert_eq!(wrap("one two three", Some(7)), ["one two", "three"]);
        assert_eq!(
            wrap("see https://example.com/long now", Some(8)),
            ["see", "https://example.com/long", "now"]
        );
        assert_eq!(wrap("one two", None), ["one two"]);
    }
}
