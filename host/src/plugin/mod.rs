//! Connectors: load, limit, call.
//!
//! A component is somebody else's program. It gets one store per call, no files, no sockets, no environment,
//! a way out that the egress side guards, and budgets for everything that it could use up ([`Limits`]). What
//! it hands over is weighed, checked and cleaned before the host sees it. However a call ends - an answer, a
//! crash, a limit, the clock - the host goes on, and the error says which it was.
//!
//! ```text
//! Sandbox ── load ──▶ LoadedConnector ── configure / verify / list_locations / scan ──▶ CallEnd | CallError
//!    engine, linker,      InstancePre, manifest           one Store per call:
//!    code cache, ticks                                    limiter, meter, way out, outlet
//! ```
pub mod bindings;
mod call;
mod check;
mod clean;
mod code_cache;
mod contract_0_1;
mod engine;
mod error;
mod interfaces;
mod limits;
mod load;
mod meter;
mod outlet;
mod request_texts;
mod stdio;
mod store_data;
mod way;

pub use crate::egress::EgressCounters;
pub use call::{CallEnd, CallSetup, CallUsage};
pub use error::{CallError, LoadError, SandboxError};
pub use limits::{BadLimit, Limit, Limits, Unit};
pub use load::{LoadStage, LoadedConnector, Sandbox, SandboxOptions};
pub use outlet::Outlet;
pub use way::{NoWay, Opened, Way, Ways};
