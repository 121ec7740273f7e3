//! The pages, one file for each part of the console.

pub mod entry;
