//! The pages, one file for each part of the console.

pub mod account;
pub mod audit;
pub mod connectors;
pub mod entry;
pub mod issue;
pub mod issues;
pub mod locations;
pub mod plugins;
pub mod runs;

pub mod advisories;
pub mod changes;
pub mod dashboard;
pub mod images;
