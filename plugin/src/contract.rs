//! The contract's types and imports, generated from `wit/`.
//!
//! They compile natively too (the imports then panic when called), so the core uses the contract's own
//! records and needs no second set.

#![allow(
    missing_docs,
    unused_lifetimes,
    unreachable_pub,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    clippy::allow_attributes_without_reason,
    reason = "generated code; the documentation stands in wit/"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "ox:connector/contract",
    pub_export_macro: true,
    additional_derives: [PartialEq, Clone, serde::Serialize, serde::Deserialize],
});

pub use exports::ox::connector::connector::Guest;
pub use ox::connector::types::*;
pub use ox::connector::{cache, egress, log, sink};
