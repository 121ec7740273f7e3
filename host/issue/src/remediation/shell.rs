//! Names and versions from images and advisories, made safe to be shown and copied.
//!
//! Whoever made an image chose the names in it, and somebody may paste a command that holds one. A word that
//! has anything but harmless letters in it is put into single quotes, and one that could be taken for an
//! option, or that no command line can hold, gives no command at all.

/// Bytes of a word in a command.
const MAX_WORD: usize = 300;
/// Characters of a name in a sentence.
const MAX_SHOWN: usize = 120;

/// A word of a command line; `None` when it can't be one.
pub(super) fn word(text: &str) -> Option<String> {
    let fits = !text.is_empty()
        && text.len() <= MAX_WORD
        && !text.starts_with('-')
        && !text
            .chars()
            .any(|letter| letter.is_control() || is_hidden(letter));
    if !fits {
        return None;
    }
    let mut before = '=';
    let is_plain = text.chars().all(|letter| {
        // A tilde is a folder at the beginning of a word, and of a value.
        let is_harmless = letter.is_ascii_alphanumeric()
            || matches!(
                letter,
                '@' | '%' | '+' | '=' | ':' | ',' | '.' | '/' | '_' | '-'
            )
            || (letter == '~' && !matches!(before, '=' | ':'));
        before = letter;
        is_harmless
    });
    Some(match is_plain {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    })
}

/// A name or version as it is (not a word that may be quoted), where it has harmless letters only.
pub(super) fn plain(text: &str) -> Option<&str> {
    let fits = !text.is_empty()
        && text.len() <= MAX_WORD
        && !text.starts_with('-')
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'@' | b'+' | b':' | b'.' | b'/' | b'_' | b'-' | b'~')
        });
    fits.then_some(text)
}

/// A text in a sentence: on one line, not too long, nothing in it that a terminal acts on.
pub(super) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .map(|letter| match letter.is_control() || is_hidden(letter) {
            true => '\u{fffd}',
            false => letter,
        })
        .take(MAX_SHOWN)
        .collect();
    if shown.len() < text.len() && text.chars().count() > MAX_SHOWN {
        shown.push('…');
    }
    shown
}

/// Letters that turn the direction of what follows, or that are not seen.
pub(crate) fn is_hidden(letter: char) -> bool {
    matches!(letter,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
