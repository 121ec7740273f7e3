//! Ecosystems, as OSV writes them: a name, and for most distributions a release after a colon.

use std::borrow::Cow;
use std::fmt;

/// An ecosystem string of OSV, taken apart at its first colon (`Debian:12`, `npm`, `Ubuntu:22.04:LTS`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ecosystem {
    /// What the bulk export has a folder for (`Debian`).
    pub name: String,
    /// The release (`12`, `22.04:LTS`), a module list or a repository; `None` where there is none.
    pub suffix: Option<String>,
}

impl Ecosystem {
    /// Takes a string apart. Every string is one: records may name ecosystems that nobody knows yet.
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((name, suffix)) => Self {
                name: name.to_owned(),
                suffix: Some(suffix.to_owned()),
            },
            None => Self {
                name: text.to_owned(),
                suffix: None,
            },
        }
    }
}

impl fmt::Display for Ecosystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.suffix {
            Some(suffix) => write!(f, "{}:{suffix}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A package's name in the form in which names of its ecosystem (without release) are equal.
pub fn normalise_name<'n>(ecosystem: &str, name: &'n str) -> Cow<'n, str> {
    match ecosystem {
        "PyPI" => pep_503(name),
        // Go's paths, Maven's coordinates and old names of npm have case.
        "NuGet" | "Packagist" | "GitHub Actions" | "VSCode" => {
            if name.chars().any(char::is_uppercase) {
                Cow::Owned(name.to_lowercase())
            } else {
                Cow::Borrowed(name)
            }
        }
        _ => Cow::Borrowed(name),
    }
}

/// Lower case, runs of `-`, `_` and `.` as one hyphen.
fn pep_503(name: &str) -> Cow<'_, str> {
    let is_mark = |byte: u8| matches!(byte, b'-' | b'_' | b'.');
    let bytes = name.as_bytes();
    let is_normal = !bytes.windows(2).any(|pair| pair == b"--")
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-');
    if is_normal {
        return Cow::Borrowed(name);
    }
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        if u8::try_from(letter).is_ok_and(is_mark) {
            if !normal.ends_with('-') {
                normal.push('-');
            }
        } else {
            normal.extend(letter.to_lowercase());
        }
    }
    Cow::Owned(normal)
}
