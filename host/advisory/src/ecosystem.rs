//! Ecosystems, as OSV writes them: a name, and for most distributions a release after a colon.

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
