//! The top: all groups, then what the user is a member of besides them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::entry::{Group, project_location};
use super::stream::Stream;
use super::{KIND_USER, Place, is_admin, membership, page, write_cursor};
use crate::contract::{Failure, Location, LocationPage};
use crate::gitlab::api::{Api, Listing};
use crate::gitlab::project::Project;

/// Pages of the top that one call reads, so that it ends in time; the cursor goes on.
const TOP_PAGES: usize = 30;

/// Bytes of remembered names and numbers in the cursor of the top.
const MEMORY_CAP: usize = 1600;

/// Where the top goes on: first all groups, then the projects that the user is a member of.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TopCursor {
    #[serde(rename = "g")]
    groups: Option<Stream>,
    #[serde(rename = "p")]
    projects: Option<Stream>,
    /// Paths of the groups that were answered; `None` when there are too many to remember.
    #[serde(rename = "n")]
    names: Option<BTreeSet<String>>,
    /// Users whose namespaces were answered.
    #[serde(rename = "u")]
    users: Vec<u64>,
    /// The user is an administrator; not known before it was asked.
    #[serde(rename = "a")]
    admin: Option<bool>,
}

impl Default for TopCursor {
    fn default() -> Self {
        Self {
            groups: Some(Stream::numbered()),
            projects: Some(Stream::keyset()),
            names: Some(BTreeSet::new()),
            users: Vec::new(),
            admin: None,
        }
    }
}

impl TopCursor {
    /// Forgets what does not fit into a cursor. Without the names, projects of groups that GitLab does not
    /// list are not looked for any more (GitLab lists the groups of every project that one is a member of);
    /// a forgotten user may be answered again.
    fn shrink(&mut self) {
        let bytes: usize = self.names.iter().flatten().map(|name| name.len() + 3).sum();
        if bytes > MEMORY_CAP {
            self.names = None;
        }
        let most = MEMORY_CAP / 20;
        let excess = self.users.len().saturating_sub(most);
        self.users.drain(..excess);
    }
}

/// One page of the top.
pub(super) fn list(api: &Api<'_, '_>, mut at: TopCursor) -> Result<LocationPage, Failure> {
    let mut out = page(Vec::new(), Vec::new());
    for _ in 0..TOP_PAGES {
        if let Some(stream) = at.groups.take() {
            let listing = Listing::new("groups", "top_level_only=true&order_by=id&sort=asc");
            let (groups, next) = stream.step::<Group>(api, &listing, "groups", &mut out.skipped)?;
            at.groups = next;
            for group in groups.into_iter().filter(|group| group.parent_id.is_none()) {
                if let Some(names) = &mut at.names {
                    names.insert(group.full_path.to_lowercase());
                }
                out.locations.push(group.location(None));
            }
        } else if let Some(stream) = at.projects.take() {
            let admin = match at.admin {
                Some(admin) => admin,
                None => is_admin(api)?,
            };
            at.admin = Some(admin);
            let listing = Listing::new(
                "projects",
                &format!("{}order_by=id&sort=asc", membership(admin)),
            );
            let (projects, next) =
                stream.step::<Project>(api, &listing, "projects", &mut out.skipped)?;
            at.projects = next;
            for project in projects {
                out.locations.extend(beside_groups(&mut at, project));
            }
        }
        if at.groups.is_none() && at.projects.is_none() {
            return Ok(out);
        }
    }
    at.shrink();
    out.next = write_cursor(&at)?;
    Ok(out)
}

/// The location at the top that a project of the user brings, besides the groups: the personal namespace
/// that holds it, or the project itself when its group is not among those listed.
fn beside_groups(at: &mut TopCursor, project: Project) -> Option<Location> {
    let namespace = project.namespace.clone().unwrap_or_default();
    if namespace.kind == "user" {
        let Some(owner) = &project.owner else {
            return Some(project_location(project, None));
        };
        if at.users.contains(&owner.id) {
            return None;
        }
        at.users.push(owner.id);
        return Some(Location {
            id: Place::User(owner.id).to_string(),
            kind: KIND_USER.to_owned(),
            name: if namespace.name.is_empty() {
                namespace.full_path.clone()
            } else {
                namespace.name
            },
            path: namespace.full_path,
            parent: None,
            scannable: false,
            has_children: true,
            unscannable: None,
            web_url: namespace.web_url,
            attributes: Vec::new(),
        });
    }
    let root = project
        .path_with_namespace
        .split('/')
        .next()
        .unwrap_or_default()
        .to_lowercase();
    match &at.names {
        Some(names) if !names.contains(&root) => Some(project_location(project, None)),
        _ => None,
    }
}
