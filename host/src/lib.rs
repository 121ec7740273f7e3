//! The reference host for OX connectors.
//!
//! `plugin` runs a connector in its sandbox, `egress` is the only way out of it, `scan` plans and gathers,
//! `store` keeps what was gathered, `queue` makes issues of it, `host` is what the command line and later skins
//! call. What is known about vulnerabilities is the crate `ox-advisory`, what an issue is `ox-issue`.
pub mod cli;
pub mod contract;
pub mod egress;
pub mod host;
pub mod plugin;
pub mod queue;
pub mod report;
pub mod scan;
pub mod secret;
pub mod serve;
pub mod store;
pub mod tally;
