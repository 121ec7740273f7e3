//! The pages, one file for each part of the console.

pub mod entry;
pub mod issue;
pub mod issues;
