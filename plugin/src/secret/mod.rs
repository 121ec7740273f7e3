//! Secrets that were left in an image: in its files, and in its config. Rules are data; a value that was
//! found is masked at once and kept nowhere.
//!
//! A file is read when its path lets hope for something that the image's maker put there ([`wants`]), it
//! begins like text, and it has at most 4 MiB (32 MiB where its name says that it holds secrets). Programs,
//! archives and larger files are not read; nothing is said about them.

mod assign;
mod check;
pub mod findings;
mod mask;
mod noise;
mod pem;
mod places;
mod prefilter;
pub mod rules;
mod scan;
mod shape;
mod url;
mod utf16;

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::catalog::File;
use crate::catalog::lines::Lines;
use places::{Place, Style};
use rules::Pattern;
use scan::Matches;

/// Goes up when other secrets would be found in the same bytes: part of the layer's cache key.
pub const VERSION: u32 = 2;

/// Secrets of one file that are told. One more is kept, to show that there are more.
pub const MAX_FILE_HITS: usize = 100;

/// A secret, without its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// Id of the rule.
    #[serde(rename = "r")]
    pub rule: String,
    /// Line, counted from 1; 0 where lines mean nothing.
    #[serde(rename = "n", default)]
    pub line: u32,
    /// Enough of it to recognise it by, and not more (`glpat-****`).
    #[serde(rename = "m")]
    pub masked: String,
}

/// True when a file may hold secrets that matter, by its name, place and size.
pub fn wants(file: &File<'_>) -> bool {
    places::wants(file)
}

/// True when a file that begins like this is text.
pub fn recognises(head: &[u8]) -> bool {
    !head.is_empty() && (utf16::begins(head).is_some() || !head.contains(&0))
}

/// Reads one file. Errors are the reader's only.
pub fn read(file: &File<'_>, contents: &mut dyn Read, hits: &mut Vec<Hit>) -> io::Result<()> {
    let place = places::of(file);
    if place.pgpass {
        return pgpass(contents, hits);
    }
    let mut matches = Matches::default();
    let mut contents = utf16::Narrow::new(contents);
    scan::stream(&mut contents, file.size, &place, &mut matches)?;
    hits.extend(matches.into_hits());
    Ok(())
}

/// `host:port:database:user:password`, where a backslash takes the meaning from what is behind it.
fn pgpass(contents: &mut dyn Read, hits: &mut Vec<Hit>) -> io::Result<()> {
    let Some(rule) = scan::with(|pattern| matches!(pattern, Pattern::Pgpass)) else {
        return Ok(());
    };
    let mut lines = Lines::new(contents);
    let mut number = 0_u32;
    while let Some(line) = lines.advance()? {
        number = number.saturating_add(1);
        if line.starts_with(b"#") || hits.len() > MAX_FILE_HITS {
            continue;
        }
        let mut before = 0;
        let mut colons = line.iter().enumerate().filter(|(_, byte)| {
            let escaped = before == b'\\';
            before = **byte;
            **byte == b':' && !escaped
        });
        let password = colons
            .nth(3)
            .and_then(|(at, _)| line.get(at + 1..))
            .unwrap_or_default();
        if password.len() >= 3 && !noise::is_no_password(password) {
            hits.push(Hit {
                rule: rule.id.to_owned(),
                line: number,
                masked: mask::assigned(b"password"),
            });
        }
    }
    Ok(())
}

/// Looks at one setting: a variable, a build argument, a label.
pub fn in_setting(name: &str, value: &str, hits: &mut Vec<Hit>) {
    let place = setting(name);
    let mut matches = Matches::default();
    scan::text(value.as_bytes(), &place, &mut matches);
    let first = hits.len();
    hits.extend(matches.into_hits().map(|hit| Hit { line: 0, ..hit }));
    if hits.len() == first
        && let Some(rule) = assign::judge(
            name.as_bytes(),
            value.trim().as_bytes(),
            true,
            Style::Secret,
            "",
        )
    {
        hits.push(Hit {
            rule: rule.id.to_owned(),
            line: 0,
            masked: mask::assigned(name.as_bytes()),
        });
    }
}

/// Looks at a command, and answers it without what is secret in it.
pub fn in_command(command: &str, hits: &mut Vec<Hit>) -> String {
    let mut matches = Matches::default();
    let place = Place {
        style: Style::Data,
        ..setting("")
    };
    scan::text(command.as_bytes(), &place, &mut matches);
    let mut text = String::with_capacity(command.len());
    let mut values: Vec<(usize, usize)> = matches
        .values()
        .map(|value| (value.start as usize, value.end as usize))
        .collect();
    values.sort_unstable();
    let mut at = 0;
    for (start, end) in values {
        text.push_str(command.get(at..start).unwrap_or_default());
        text.push_str("****");
        at = end;
    }
    text.push_str(command.get(at..).unwrap_or_default());
    hits.extend(matches.into_hits().map(|hit| Hit { line: 0, ..hit }));
    text
}

fn setting(name: &str) -> Place<'_> {
    Place {
        key: name,
        style: Style::Secret,
        vendor: false,
        pgpass: false,
    }
}

#[cfg(test)]
#[path = "corpus_tests.rs"]
mod corpus_tests;
#[cfg(test)]
#[path = "tests.rs"]
mod tests;
