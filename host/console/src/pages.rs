//! The pages, one file for each part of the console.

pub mod entry;

pub mod advisories;
pub mod changes;
pub mod dashboard;
pub mod images;
