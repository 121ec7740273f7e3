//! `ox:connector@0.1.0`, generated from `wit/`.

#![allow(
    missing_docs,
    unreachable_pub,
    unused_lifetimes,
    clippy::all,
    clippy::pedantic,
    clippy::restriction,
    clippy::allow_attributes_without_reason,
    reason = "generated code; the documentation stands in wit/"
)]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "ox:connector/contract",
    imports: { default: async | trappable },
    exports: { default: async },
    require_store_data_send: true,
    additional_derives: [PartialEq, Clone, serde::Serialize, serde::Deserialize],
});
