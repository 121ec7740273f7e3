//! A simulated GitLab, as strict as the real one: REST, GraphQL, the token service, the container registry
//! and the object storage behind it, on three ports of 127.0.0.1.
//!
//! It exists to catch a connector's mistakes, so whatever GitLab refuses is refused here, with GitLab's
//! status, headers and body: a scope that is missing, a page that is too deep, a field that this edition
//! lacks, an upper-case repository, a token sent to the storage. Everything is decided from an
//! [`Organisation`] (what there is) and [`Modes`] (how the installation is set up and what is broken today);
//! both can be changed while it runs. Nothing depends on chance, and on time only where tokens end.
//!
//! ```no_run
//! use ox_harness::{image::Image, sim::{GitLab, Modes, Organisation, level, scope}};
//! # fn main() -> anyhow::Result<()> {
//! let mut org = Organisation::new();
//! let alice = org.user("alice");
//! org.token(alice, "glpat-alice", &scope::CONNECTOR);
//! let acme = org.group(None, "acme", |g| g.members.push((alice, level::REPORTER)));
//! let shop = org.project(acme, "Shop", |_| {});
//! let repository = org.repository(shop, "");
//! org.push(repository, "1.0", &Image::amd64().build());
//! let gitlab = GitLab::start(org, Modes::default())?;
//! println!("{} {}", gitlab.base_url(), gitlab.registry_host());
//! # Ok(()) }
//! ```

mod access;
pub mod acme;

mod auth;
pub mod client;
mod fault;
mod findings;
mod graphql;
mod http;
mod jwt;
mod keys;
mod modes;
pub mod northwind;
mod organisation;
mod paging;
mod params;
mod people;
mod registry;
mod rest;
mod server;
mod storage;
mod store;
mod throttle;
mod wares;
mod world;

pub use self::http::Reply;
pub use fault::{Change, Fault, Place, Trouble};
pub use findings::{Finding, report};
pub use modes::{Edition, Modes, Registry, Version};
pub use organisation::{
    FeatureAccess, Group, Job, Namespace, Organisation, Project, Repository, Visibility,
};
pub use people::{Token, TokenKind, User, level, scope};
pub use server::{GitLab, Running};
pub use store::{Store, StoredManifest, StoredRepository, StoredTag};
pub use world::{LogEntry, World};
