//! Ruby gems as installed: `specifications/*.gemspec`, and `specifications/default/*.gemspec` for those that
//! came with Ruby itself.
//!
//! They are Ruby programs, but RubyGems writes them itself, one assignment of literals a line. Only those are
//! read; a file that a person wrote has the `# stub:` line or the name of the file to go by.

use std::io::{self, Read};

use super::lines::{Lines, text};
use super::{About, Cataloguer, File, Found, FoundPackage, Release, licence};
use crate::contract::SkipReason;
use crate::image::{paths, purl};

/// Bytes of a file. Lists of files make some of 100 KiB.
const MAX_BYTES: u64 = 8 << 20;
/// Licences of one gem.
const MAX_LICENCES: usize = 32;
/// The platform of a gem that runs anywhere.
const ANYWHERE: &str = "ruby";

/// Reads the specifications of installed gems.
pub struct Ruby;

/// `None` when it is no installed specification, otherwise whether it is one of Ruby's own.
fn is_default(key: &str) -> Option<bool> {
    let (folder, name) = paths::split(key);
    if !name.ends_with(".gemspec") {
        return None;
    }
    let (above, last) = paths::split(folder);
    match last {
        "specifications" => Some(false),
        "default" if paths::split(above).1 == "specifications" => Some(true),
        _ => None,
    }
}

#[derive(Default)]
struct Specification {
    name: Option<String>,
    version: Option<String>,
    platform: Option<String>,
    licences: Vec<String>,
}

impl Specification {
    fn take(&mut self, line: &str) {
        if let Some(stub) = line.strip_prefix("# stub: ") {
            self.stub(stub);
            return;
        }
        let Some((left, value)) = line.split_once('=') else {
            return;
        };
        let left = left.trim_end();
        let (value, Some((variable, field))) = (value.trim(), left.split_once('.')) else {
            return;
        };
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if variable.is_empty() || !variable.chars().all(is_name) {
            return;
        }
        match field {
            "name" => self.name = literal(value).or(self.name.take()),
            "version" => self.version = literal(value).or(self.version.take()),
            "platform" => self.platform = literal(value).or(self.platform.take()),
            "license" | "licenses" => self.licences = literals(value),
            _ => {}
        }
    }

    /// `NAME VERSION PLATFORM REQUIRE-PATHS`, for readers in a hurry.
    fn stub(&mut self, stub: &str) {
        let mut words = stub.split(' ');
        if let (Some(name), Some(version), Some(platform)) =
            (words.next(), words.next(), words.next())
            && version.starts_with(|letter: char| letter.is_ascii_digit())
        {
            self.name.get_or_insert_with(|| name.to_owned());
            self.version.get_or_insert_with(|| version.to_owned());
            self.platform.get_or_insert_with(|| platform.to_owned());
        }
    }
}

/// The first string of a value: `"x".freeze`, `'x'`, `%q<x>`, `Gem::Version.new("x")`.
fn literal(value: &str) -> Option<String> {
    let at = value.find(['"', '\'', '%'])?;
    // `Gem::Version.new(` may stand before it, and nothing that calculates.
    let before = value.get(..at)?;
    let is_plain = before.is_empty()
        || before.starts_with("Gem::") && before.ends_with(['(', '[']) && !before.contains('+');
    if !is_plain {
        return None;
    }
    string(value.get(at..)?).map(|(string, _)| string)
}

/// All strings of a value, as licences.
fn literals(value: &str) -> Vec<String> {
    let mut licences = Vec::new();
    let mut rest = value;
    while licences.len() < MAX_LICENCES {
        let Some((stated, after)) = rest
            .find(['"', '\'', '%'])
            .and_then(|at| string(rest.get(at..)?))
        else {
            break;
        };
        let licence = licence::normalise(&stated);
        if !licence.is_empty() && !licences.contains(&licence) {
            licences.push(licence);
        }
        rest = after;
    }
    licences
}

/// A string literal at the start, and what follows it. Escapes other than those of quotes are kept as they
/// are: names and versions have none.
fn string(value: &str) -> Option<(String, &str)> {
    let mut letters = value.char_indices();
    let (_, mut open) = letters.next()?;
    if open == '%' {
        let (_, next) = letters.next()?;
        open = next;
        if matches!(next, 'q' | 'Q') {
            open = letters.next()?.1;
        }
    }
    let close = match open {
        '<' => '>',
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '"' | '\'' | '|' | '!' => open,
        _ => return None,
    };
    let mut string = String::new();
    let mut escaped = false;
    for (at, letter) in letters {
        match letter {
            _ if escaped => {
                if !matches!(letter, '"' | '\'' | '\\') {
                    string.push('\\');
                }
                string.push(letter);
                escaped = false;
            }
            '\\' => escaped = true,
            _ if letter == close => {
                let rest = value.get(at + letter.len_utf8()..)?;
                // What is put together at run time (`#{…}`) is no literal.
                let is_literal = open == '\'' || !string.contains("#{");
                return is_literal.then(|| (text(string.as_bytes()), rest));
            }
            _ => string.push(letter),
        }
    }
    None
}

/// Name, version and platform by the name of the file: `NAME-VERSION[-PLATFORM].gemspec`.
fn by_file_name(name: &str) -> Option<(&str, &str, Option<&str>)> {
    let stem = name.strip_suffix(".gemspec")?;
    let at = stem.match_indices('-').find_map(|(at, _)| {
        stem.get(at + 1..)?
            .starts_with(|letter: char| letter.is_ascii_digit())
            .then_some(at)
    })?;
    let rest = stem.get(at + 1..)?;
    let (version, platform) = match rest.split_once('-') {
        Some((version, platform)) => (version, Some(platform)),
        None => (rest, None),
    };
    Some((stem.get(..at)?, version, platform))
}

impl Cataloguer for Ruby {
    fn id(&self) -> &'static str {
        "ruby"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "Ruby gems",
            reads: "**/specifications/*.gemspec, **/specifications/default/*.gemspec",
            tells: "platform, licence, whether it came with Ruby",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        file.name.ends_with(".gemspec") && is_default(file.key).is_some()
    }

    fn max_file_bytes(&self) -> u64 {
        MAX_BYTES
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        let mut lines = Lines::new(contents);
        let mut read = Specification::default();
        while let Some(line) = lines.advance()? {
            read.take(String::from_utf8_lossy(line).trim());
        }
        if let (None, Some((name, version, platform))) = (&read.version, by_file_name(file.name)) {
            read.name.get_or_insert_with(|| text(name.as_bytes()));
            read.version = Some(text(version.as_bytes()));
            read.platform = read
                .platform
                .or(platform.map(|platform| text(platform.as_bytes())));
        }
        let (Some(name), Some(version)) = (read.name, read.version) else {
            found.note(
                SkipReason::Corrupt,
                "neither the file nor its name states a name and a version".to_owned(),
            );
            return Ok(());
        };
        let attributes = if is_default(file.key) == Some(true) {
            vec![("gem.default".to_owned(), "true".to_owned())]
        } else {
            Vec::new()
        };
        found.push(FoundPackage {
            name,
            version,
            architecture: read.platform.filter(|platform| platform != ANYWHERE),
            licences: read.licences,
            attributes,
            ..FoundPackage::default()
        });
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, _release: Option<&Release>) -> String {
        purl::format(
            "gem",
            "",
            &package.name,
            Some(&package.version),
            &[(
                "platform",
                package.architecture.as_deref().unwrap_or_default(),
            )],
            "",
        )
    }
}

#[cfg(test)]
#[path = "ruby_tests.rs"]
mod tests;
