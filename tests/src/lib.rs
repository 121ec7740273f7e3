//! The reference harness: a simulated GitLab that refuses what GitLab refuses, real images made in memory,
//! real peers, the builder of the component and of test guests, and what the integration tests and the demo
//! share.

pub mod advisories;
pub mod compare;
pub mod component;
pub mod image;
pub mod instance;
pub mod measure;
pub mod peers;
mod process;
pub mod program;
pub mod purl;
pub mod real;
pub mod rig;
pub mod scanners;
pub mod sim;
pub mod toolchain;
