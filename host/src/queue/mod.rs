//! One queue: how what was found becomes what people work on.
//!
//! Three steps, each a function of what is stored, so that a killed program begins the interrupted one again
//! and ends in the same rows:
//! 1. *look up*: the packages of new inventories become components (`store::components`);
//! 2. *match*: the advisories are asked about components, all of them once and later only those whose
//!    advisories changed ([`rematch`]);
//! 3. *weigh*: for each location that any of this touched, the issues that should be there are composed
//!    ([`compose`]), judged ([`judge`]) and laid beside those that are there ([`life`]), in one transaction.
//!
//! None of it asks GitLab anything.

mod compose;
mod evidence;
mod facts;
mod findings;
mod group;
mod inputs;
mod judge;
mod life;
mod linked;
mod rematch;
mod remedy;
mod shown;
mod surroundings;
mod vex;

pub use compose::{Draft, Hit, Place, compose};
pub use group::{Group, GroupHead};
pub use inputs::{BaseInput, FindingInput, ImageInput, LocationInputs, PackageInput};
pub use judge::{Book, CONNECTOR, JUDGE_VERSION, Judged, OWN_MATCH, Threats, judge};
pub use life::{Closing, Fate, Seen, Successor, fate};
pub use rematch::groups_of;
pub use vex::{excludes as vex_excludes, reason as vex_reason};
