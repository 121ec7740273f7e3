//! The orders of versions, one file an order, behind one trait.
//!
//! An order is total over all strings, so that sorting can't fail or depend on the input's sequence; what is
//! not a version by the order's grammar sorts by a fallback that the order documents, and
//! [`Order::is_version`] says so. Matching asks it first and doesn't judge what it can't read.

use std::cmp::Ordering;

/// How one kind of version is compared.
pub trait Order: Send + Sync {
    /// Its name, as messages and the command line have it (`dpkg`, `pep440`).
    fn name(&self) -> &'static str;

    /// Compares two versions. Total: reflexive, antisymmetric and transitive over all strings.
    fn compare(&self, a: &str, b: &str) -> Ordering;

    /// True when the grammar of the order takes it.
    fn is_version(&self, version: &str) -> bool;
}

/// The order of an ecosystem's versions, by its name without release (`Debian`); `None` when it is unknown.
pub fn order_of(_ecosystem: &str) -> Option<&'static dyn Order> {
    None
}
