//! Secrets that were left in an image: in its files, and in its config. Rules are data; a value that was
//! found is masked at once and kept nowhere.

pub mod findings;

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::catalog::File;

/// Goes up when other secrets would be found in the same bytes: part of the layer's cache key.
pub const VERSION: u32 = 1;

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
pub fn wants(_file: &File<'_>) -> bool {
    false
}

/// True when a file that begins like this is text.
pub fn recognises(_head: &[u8]) -> bool {
    false
}

/// Reads one file. Errors are the reader's only.
pub fn read(_file: &File<'_>, _contents: &mut dyn Read, _hits: &mut Vec<Hit>) -> io::Result<()> {
    Ok(())
}
