//! What is wrong with a policy file, where, and what was probably meant.

use std::fmt;

/// Faults that are told of one file; the rest is counted.
pub const MAX_FAULTS: usize = 20;
/// Longer keys and words are not compared with the known ones.
const MAX_COMPARED: usize = 64;

/// A policy file can't be used. All its faults are told at once, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicyError {
    /// At most [`MAX_FAULTS`].
    pub faults: Vec<Fault>,
    /// Faults beyond those.
    pub more: usize,
}

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Where in the file's structure (`application[2].priority`); empty for a fault of the syntax.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for PolicyError {}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n… and {more} more"),
        }
    }
}

/// Line and column of a byte, both from 1; the column counts characters.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text
        .char_indices()
        .take_while(|(index, _)| *index < at)
        .map(|(_, letter)| letter);
    let (mut line, mut column) = (1, 1);
    for letter in before {
        if letter == '\n' {
            line += 1;
            column = 1;
        } else {
            column += 1;
        }
    }
    (line, column)
}

/// The known word that is nearest to what was written, when it is near enough to be meant.
pub(super) fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    if written.len() > MAX_COMPARED {
        return None;
    }
    let plain = plain(written);
    known
        .iter()
        .map(|word| (distance(&plain, &self::plain(word)), *word))
        .filter(|(far, word)| *far <= 1 + word.len() / 4)
        .min_by_key(|(far, _)| *far)
        .map(|(_, word)| word)
}

/// `internet_facing` and `InternetFacing` are as near to `internet-facing` as it gets.
fn plain(word: &str) -> Vec<char> {
    word.chars()
        .filter(|letter| !matches!(letter, '-' | '_' | ' '))
        .flat_map(char::to_lowercase)
        .collect()
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b) {
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = changed.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// `a, b and c`.
pub(super) fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}
