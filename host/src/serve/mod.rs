//! `ox-host serve`: the host as the thing that stays up.
//!
//! ```text
//!              ┌──────────── console (pages)      schedule ─┐
//!   browser ──▶│  auth ─▶                                   ├─▶ runs ─▶ Host::scan, Host::update_advisories
//!   programs ─▶│  (who, role, audit)  ─▶ api (/api/v1) ─────┘     │
//!              └──────────── /metrics, /healthz, /readyz          ▼
//!                                                       bus ─▶ SSE, metrics
//! ```
//!
//! Pages and the API are thin: each handler takes what came in, asks [`auth`] for the role it needs, calls the
//! host or [`runs`], and renders. What was asked for is in the store before the answer says so, so a restart
//! goes on where the last process ended: nothing that matters is in memory alone.

pub mod api;
pub mod attempts;
pub mod auth;
pub mod bus;
pub mod console;
mod listen;
pub mod metrics;
mod options;
pub mod plugins;
pub mod runs;
pub mod schedule;
mod server;
mod slow;

pub use listen::serve;
pub use options::ServeOptions;
pub use server::Server;
