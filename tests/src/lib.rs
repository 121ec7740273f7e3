//! The reference harness: everything that the connector and the host are tested with.

pub mod component;
mod process;
pub mod toolchain;
