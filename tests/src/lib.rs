//! The reference harness.

pub mod component;
