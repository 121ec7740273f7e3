//! The OX GitLab Container Registry connector.
//!
//! Pure core, thin shell: `exports.rs` holds the exports and nothing else, `http/wasi.rs` is the only place
//! that speaks to the host's HTTP, and everything else builds and is tested natively.

pub mod catalog;
pub mod contract;
#[cfg(target_arch = "wasm32")]
mod exports;
pub mod gitlab;
pub mod http;
pub mod image;
pub mod posture;
pub mod registry;
pub mod scan;
pub mod secret;
pub mod session;
pub mod settings;
pub mod time;
pub mod verify;
