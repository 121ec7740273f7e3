//! Plan, run in parallel, gather.
//!
//! [`plan`] lists the locations, [`select`] says which are scanned, [`run`] scans them with several
//! instances of the connector at once, and [`outlet`] puts what they emit into the store. [`retry`] holds
//! the one table that says what a failure makes the host do. The connector itself is behind a narrow
//! trait ([`runner`]), so all of this is tested without a sandbox.

mod choose;
mod flights;
mod location;
mod outlet;
mod plan;
mod retry;
mod run;
mod runner;
#[cfg(test)]
pub(crate) mod script;
mod select;
#[cfg(test)]
mod tests;

pub use choose::selection_of;
pub use outlet::{EventOutlet, StoreOutlet};
pub use plan::{Listing, ListingLimits, list_all};
pub use retry::{Policy, ScanStop};
pub use run::{ScanJob, ScanRun, run_scan};
pub use runner::{CallFailed, Connector, Ended, Fault, Traffic};
pub use select::{Matcher, Patterns};
