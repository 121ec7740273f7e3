//! GitLab itself: REST, GraphQL, the token, the tree of locations, and the findings of its own scanners.
//!
//! Everything goes through an [`Api`]: it puts the token's stand-in on each request, turns every refusal
//! into a [`Failure`](crate::contract::Failure) with its own sentence, and never tries a refused token twice.

pub mod account;
pub mod api;
pub mod errors;
pub mod findings;
pub mod graphql;
pub mod locations;
pub mod owners;
pub mod project;
pub mod reference;
pub mod report;
pub mod schema;
pub mod vulnerability;

#[cfg(test)]
pub(crate) mod testing;

pub use api::Api;
