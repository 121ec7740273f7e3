//! CODEOWNERS, in GitLab's dialect.
//!
//! What is said before the first heading is a section without name. A heading is `[Name]`, `^[Name]` (its
//! approval is optional), `[Name][2]` (so many approvals) and the owners of what names none. Sections of the
//! same name, whatever its case, are one. In each section the last pattern that takes a path says who owns
//! it; `!pattern` takes paths out of a section for good. Owners are `@user`, `@group/sub`, `@@role` and
//! addresses; other words are passed over. A heading that can't be read is an entry, as GitLab has it.

use std::collections::HashMap;

use super::glob::{Budget, Exhausted, takes};
use crate::remediation::is_hidden;

/// Bytes of a file that are read.
pub const MAX_BYTES: usize = 512 * 1024;
/// Entries that are kept.
pub const MAX_ENTRIES: usize = 5_000;
/// Bytes of a pattern.
const MAX_PATTERN: usize = 1_024;
/// Bytes of a path that is asked for.
const MAX_PATH: usize = 1_024;
/// Owners of one entry or heading.
const MAX_OWNERS: usize = 50;
/// Bytes of an owner's name.
const MAX_OWNER: usize = 255;
/// Characters of a section's name that are shown.
const MAX_SECTION: usize = 100;
/// Sections.
const MAX_SECTIONS: usize = 500;
/// Steps of all patterns for one path.
const MAX_STEPS: u64 = 5_000_000;

/// A file, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CodeOwners {
    sections: Vec<Section>,
    /// What was left out because of a cap, in a sentence.
    pub cut: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Section {
    /// Empty for what stands before the first heading.
    name: String,
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// As it is matched: beginning with `/`.
    pattern: String,
    /// True for the pattern that takes everything.
    is_general: bool,
    is_exclusion: bool,
    owners: Vec<String>,
    line: usize,
}

/// Who owns a path by one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned<'c> {
    /// The section; empty for the one without name.
    pub section: &'c str,
    /// Line of the entry, from 1.
    pub line: usize,
    /// True when the entry is about everything (`*`), and says nothing of this path in particular.
    pub is_general: bool,
    /// Owners, in the order of the line; never empty.
    pub owners: &'c [String],
}

impl CodeOwners {
    /// Reads a file. Every text is one.
    pub fn parse(text: &str) -> Self {
        let mut file = Self::default();
        let mut by_name: HashMap<String, usize> = HashMap::from([(String::new(), 0)]);
        file.sections.push(Section::default());
        let mut current = 0;
        let mut defaults: Vec<String> = Vec::new();
        let mut entries = 0;
        let (whole, text) = (text.len(), floor(text, MAX_BYTES));
        if text.len() < whole {
            file.cut = Some(format!(
                "CODEOWNERS has more than {MAX_BYTES} bytes; what follows was not read"
            ));
        }
        for (number, line) in (1..).zip(text.split('\n')) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some((name, owners)) = heading(line) {
                let key = name.to_lowercase();
                defaults = owners_of(owners);
                current = match by_name.get(&key) {
                    Some(index) => *index,
                    None if file.sections.len() >= MAX_SECTIONS => {
                        file.cut = Some(format!(
                            "CODEOWNERS has more than {MAX_SECTIONS} sections; the others were not read"
                        ));
                        break;
                    }
                    None => {
                        file.sections.push(Section {
                            name: shown(name),
                            entries: Vec::new(),
                        });
                        by_name.insert(key, file.sections.len() - 1);
                        file.sections.len() - 1
                    }
                };
                continue;
            }
            if entries == MAX_ENTRIES {
                file.cut = Some(format!(
                    "CODEOWNERS has more than {MAX_ENTRIES} entries; the others were not read"
                ));
                break;
            }
            if let (Some(entry), Some(section)) = (
                entry(line, number, &defaults),
                file.sections.get_mut(current),
            ) {
                entries += 1;
                section.entries.push(entry);
            }
        }
        file
    }

    /// True when it says nothing.
    pub fn is_empty(&self) -> bool {
        self.sections
            .iter()
            .all(|section| section.entries.is_empty())
    }

    /// Who owns a path, by each section that says so, in the order of the file. An error when the patterns
    /// are so many and so long that the work was given up.
    pub fn of_path(&self, path: &str) -> Result<Vec<Owned<'_>>, TooMuchWork> {
        let path = format!("/{}", floor(path.trim_start_matches('/'), MAX_PATH));
        let mut budget = Budget(MAX_STEPS);
        let mut found = Vec::new();
        for section in &self.sections {
            let mut last: Option<&Entry> = None;
            // An exclusion counts wherever it stands, so they come first.
            let mut is_excluded = false;
            for entry in section.entries.iter().filter(|entry| entry.is_exclusion) {
                is_excluded = is_excluded || takes(&entry.pattern, &path, &mut budget)?;
            }
            if is_excluded {
                continue;
            }
            for entry in section.entries.iter().rev() {
                if !entry.is_exclusion && takes(&entry.pattern, &path, &mut budget)? {
                    last = Some(entry);
                    break;
                }
            }
            if let Some(entry) = last.filter(|entry| !entry.owners.is_empty()) {
                found.push(Owned {
                    section: &section.name,
                    line: entry.line,
                    is_general: entry.is_general,
                    owners: &entry.owners,
                });
            }
        }
        Ok(found)
    }
}

/// The patterns of a CODEOWNERS file were too many or too long for one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the patterns of CODEOWNERS take more than {MAX_STEPS} steps for one path, so its owners are not known; shorten \
     the file"
)]
pub struct TooMuchWork;

impl From<Exhausted> for TooMuchWork {
    fn from(_: Exhausted) -> Self {
        Self
    }
}

/// The name of a section, as it can be shown.
fn shown(name: &str) -> String {
    name.chars()
        .filter(|letter| !letter.is_control() && !is_hidden(*letter))
        .take(MAX_SECTION)
        .collect()
}

/// Name and owners of a heading; `None` when the line is none.
fn heading(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
    let (name, mut rest) = rest.split_once(']')?;
    let name = name.trim();
    if name.is_empty() {
        return None;
    }
    // The count of approvals; one that is no number counts as 1, here as nothing.
    if let Some(count) = rest.strip_prefix('[') {
        rest = count.split_once(']')?.1;
    }
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some((name, rest.trim()))
}

fn entry(line: &str, number: usize, defaults: &[String]) -> Option<Entry> {
    let (is_exclusion, line) = match line.strip_prefix('!') {
        Some(line) => (true, line),
        None => (false, line),
    };
    let end = line
        .char_indices()
        .scan(false, |is_escaped, (index, letter)| {
            let was_escaped = *is_escaped;
            *is_escaped = letter == '\\' && !was_escaped;
            Some((index, letter, was_escaped))
        })
        .find(|(_, letter, was_escaped)| letter.is_whitespace() && !was_escaped)
        .map_or(line.len(), |(index, _, _)| index);
    let (pattern, owners) = line.split_at(end);
    if pattern.is_empty() || pattern.len() > MAX_PATTERN {
        return None;
    }
    let owners = match owners_of(owners) {
        own if own.is_empty() && owners.trim().is_empty() => defaults.to_vec(),
        own => own,
    };
    Some(Entry {
        is_general: pattern == "*" || pattern == "/**/*" || pattern == "**/*",
        pattern: normal(pattern),
        is_exclusion,
        owners: if is_exclusion { Vec::new() } else { owners },
        line: number,
    })
}

/// As it is matched. Escaped spaces and `\#` stay: in a pattern, `\` takes the next letter as it is.
fn normal(pattern: &str) -> String {
    if pattern == "*" {
        return "/**/*".to_owned();
    }
    let mut normal = String::with_capacity(pattern.len() + 8);
    if !pattern.starts_with('/') {
        normal.push_str("/**/");
    }
    normal.push_str(pattern);
    if pattern.ends_with('/') {
        normal.push_str("**/*");
    }
    normal
}

/// The words that can be owners.
fn owners_of(text: &str) -> Vec<String> {
    let mut owners: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if owners.len() < MAX_OWNERS && is_owner(word) && !owners.iter().any(|one| one == word) {
            owners.push(word.to_owned());
        }
    }
    owners
}

fn is_owner(word: &str) -> bool {
    let is_bad = |letter: char| letter.is_control() || is_hidden(letter);
    if word.len() > MAX_OWNER || word.chars().any(is_bad) {
        return false;
    }
    match word.strip_prefix('@') {
        Some(name) => {
            let name = name.strip_prefix('@').unwrap_or(name);
            name.starts_with(|first: char| first.is_alphanumeric() || first == '_')
                && name.chars().all(|letter| {
                    letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.' | '/')
                })
        }
        None => is_address(word),
    }
}

/// `name@host`, roughly.
pub(super) fn is_address(word: &str) -> bool {
    word.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty()
            && !host.contains('@')
            && host.contains('.')
            && !host.starts_with('.')
            && !host.ends_with('.')
    })
}

/// The beginning of a text, not cut within a letter.
pub(super) fn floor(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
#[path = "codeowners_tests.rs"]
mod tests;
