//! One module per version of the contract that this host speaks.
pub mod v0_1;
