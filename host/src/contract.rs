//! The contract's records as the host uses them, whatever version a component speaks.
//!
//! They are those of the newest version; `plugin/bindings` turns older ones into them, so nothing else in
//! the host knows that there are versions.

pub use crate::plugin::bindings::v0_1::ox::connector::log::Level as LogLevel;
pub use crate::plugin::bindings::v0_1::ox::connector::sink::{Progress, ScanProgress, Stop};
pub use crate::plugin::bindings::v0_1::ox::connector::types::*;
