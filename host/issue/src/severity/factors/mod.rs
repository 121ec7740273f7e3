//! The rules, one file a family.

mod age;
mod business;
mod exploitation;
mod finding;
mod image;
mod package;
mod place;
mod remedy;
mod vector;

pub(crate) use business::environment_change;
pub(crate) use package::is_kernel;

use super::rule::Rule;
use crate::facts::Kind;

pub(crate) const VULNERABILITY: &[Kind] = &[Kind::Vulnerability];
/// What can be attacked or abused.
pub(crate) const ATTACKABLE: &[Kind] = &[Kind::Vulnerability, Kind::Misconfiguration, Kind::Other];
pub(crate) const EVERY: &[Kind] = &[
    Kind::Vulnerability,
    Kind::Secret,
    Kind::Misconfiguration,
    Kind::Licence,
    Kind::Other,
];

/// All, in the order in which they are declared.
pub(crate) fn all() -> impl Iterator<Item = &'static Rule> {
    [
        exploitation::RULES,
        vector::RULES,
        package::RULES,
        finding::RULES,
        image::RULES,
        age::RULES,
        place::RULES,
        business::RULES,
        remedy::RULES,
    ]
    .into_iter()
    .flatten()
}
