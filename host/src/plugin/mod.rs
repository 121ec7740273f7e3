//! Connectors: load, limit, call.
pub mod bindings;
mod outlet;

pub use outlet::Outlet;
