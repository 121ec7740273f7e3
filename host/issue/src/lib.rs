//! What a person works on.
//!
//! A *finding* is what a tool says; an *issue* is what somebody does something about. `facts` is everything
//! that is known of an issue when it is weighed; `severity` turns the tool's severity into OX's by named
//! `factor`s; `policy` is the file with which an operator tunes that, maps applications and sets deadlines;
//! `issue` is the record that lists, pages and reports show; `report` writes it in the formats of others.
//! All of it is pure: no store, no clock, no network.

pub mod category;
pub mod compliance;
pub mod context;
pub mod exclusion;
pub mod factor;
pub mod facts;
pub mod issue;
pub mod policy;
pub mod remediation;
pub mod report;
pub mod severity;
pub mod sla;
pub mod vex;

pub use factor::{Category, Evidence, Factor, Verdict};
pub use issue::Issue;
pub use policy::{Policy, PolicyError};
pub use severity::Severity;
