//! The pages, one file for each part of the console.

pub mod account;
pub mod audit;
pub mod entry;
