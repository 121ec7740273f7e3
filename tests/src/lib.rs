//! The reference harness: a simulated GitLab that refuses what GitLab refuses, real images made in memory,
//! and what the integration tests and the demo share.

pub mod image;
pub mod sim;
