//! What people and programs read: tables, summaries, JSON and JSON lines.
//!
//! Pure functions from rows to text. Nothing here writes, asks a terminal or knows a flag: the caller says
//! how wide the screen is and whether it has colours ([`Look`]). Whatever comes from outside goes through
//! [`text::inert`] before it becomes part of a line, because an image can choose its own words.

pub mod advisories;
pub mod connections;
pub mod connector;
pub mod detail;
pub mod diff;
pub mod exclusions;
pub mod findings;
pub mod gathered;
pub mod image;
pub mod images;
pub mod issue;
pub mod issues;
pub mod json;
pub mod locations;
mod look;
pub mod sbom;
pub mod scan;
pub mod skipped;
pub mod steps;
mod table;
pub mod text;
pub mod words;

#[cfg(test)]
pub(crate) mod samples;

pub use look::Look;
