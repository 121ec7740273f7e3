//! What is inside an image: its layers as streams, its config, and the inventory that the layers amount
//! to, one on top of the other.
//!
//! ```text
//! blob -> decompress -> tar -> layer (with the cataloguers) -> merge -> packages with a package URL
//! ```

pub mod base;
pub mod config;
pub mod decompress;
pub mod gzip;
pub mod layer;
pub mod merge;
pub mod paths;
pub mod purl;
pub mod step;
pub mod tar;
pub mod zip;

#[cfg(test)]
mod hostile_tests;
