//! Below a group, a personal namespace, a project.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::entry::{Group, project_location, repository_location};
use super::stream::Stream;
use super::{Place, closed, is_admin, membership, page, skip, write_cursor};
use crate::contract::{Failure, Location, LocationPage, SkipReason, SkipSubject, Skipped};
use crate::gitlab::api::{Api, Listing, Mark, PAGE_CAP, Page};
use crate::gitlab::errors::explain;
use crate::gitlab::project::{Project, REPOSITORY_PAGES, Repository, repositories};

/// Pages of a group's image repositories that are read to find the projects that have none.
const PRUNE_PAGES: usize = 3;

/// Projects from which on it is cheaper to ask the group which of them have images than to ask each.
const PRUNE_FROM: usize = 3;

/// Where the children of a group go on: both lists at the same time.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GroupCursor {
    #[serde(rename = "g")]
    subgroups: Option<Stream>,
    #[serde(rename = "p")]
    projects: Option<Stream>,
    /// Only projects that the user is a member of; not known before a project was seen that others see too.
    #[serde(rename = "o")]
    members_only: Option<bool>,
}

impl Default for GroupCursor {
    fn default() -> Self {
        Self {
            subgroups: Some(Stream::numbered()),
            projects: Some(Stream::numbered()),
            members_only: None,
        }
    }
}

/// The projects of a group, without those that are only shared into it. Level 10 is the lowest role that
/// makes a member, so it is the filter for membership that this list has.
fn group_projects(id: u64, members_only: bool) -> Listing {
    let filter = if members_only {
        "&min_access_level=10"
    } else {
        ""
    };
    Listing::new(
        format!("groups/{id}/projects"),
        &format!("with_shared=false&include_subgroups=false&order_by=id&sort=asc{filter}"),
    )
}

/// One page of a group's children: subgroups and projects.
pub(super) fn group(
    api: &Api<'_, '_>,
    id: u64,
    mut at: GroupCursor,
) -> Result<LocationPage, Failure> {
    let mut out = page(Vec::new(), Vec::new());
    let place = Place::Group(id);
    let name = place.to_string();
    let subgroups = Listing::new(format!("groups/{id}/subgroups"), "order_by=id&sort=asc");
    let projects = group_projects(id, at.members_only == Some(true));

    let requests = [(&subgroups, &at.subgroups), (&projects, &at.projects)]
        .into_iter()
        .filter_map(|(listing, stream)| Some(api.page_request(listing, &stream.as_ref()?.mark)))
        .collect();
    let mut answers = api.fetch_all(requests, PAGE_CAP).into_iter();

    if let Some(stream) = at.subgroups.take() {
        let answer = answers.next().unwrap_or(Err(Failure::Stopped));
        let read = answer.and_then(|answer| {
            api.read_page::<Group>(&subgroups, &stream.mark, &api.url(subgroups.path()), answer)
        });
        match read {
            Ok(page) => {
                let (groups, next) = stream.take(api, &subgroups, page, &mut out.skipped)?;
                at.subgroups = next;
                out.locations
                    .extend(groups.into_iter().map(|group| group.location(Some(place))));
            }
            Err(failure) => out.skipped.push(closed(failure, &name)?),
        }
    }
    if let Some(stream) = at.projects.take() {
        let answer = answers.next().unwrap_or(Err(Failure::Stopped));
        let read = answer.and_then(|answer| {
            api.read_page::<Project>(&projects, &stream.mark, &api.url(projects.path()), answer)
        });
        match read {
            Ok(page) => {
                let (listing, page) =
                    members(api, id, &mut at, &stream, projects, page, &mut out.skipped)?;
                let (projects, next) = stream.take(api, &listing, page, &mut out.skipped)?;
                at.projects = next;
                out.locations.extend(with_images(api, id, projects)?);
            }
            // One sentence is enough when the whole group is closed.
            Err(failure) => match closed(failure, &name)? {
                again
                    if out
                        .skipped
                        .iter()
                        .any(|s| s.name == name && s.skip.reason == again.skip.reason) => {}
                first => out.skipped.push(first),
            },
        }
    }
    if at.subgroups.is_some() || at.projects.is_some() {
        out.next = write_cursor(&at)?;
    }
    Ok(out)
}

/// Narrows a page down to the user's own projects when it shows some that everybody sees.
fn members(
    api: &Api<'_, '_>,
    id: u64,
    at: &mut GroupCursor,
    stream: &Stream,
    listing: Listing,
    page: Page<Project>,
    skipped: &mut Vec<Skipped>,
) -> Result<(Listing, Page<Project>), Failure> {
    let all_private = page
        .items
        .iter()
        .all(|project| project.visibility.as_deref() == Some("private"));
    if at.members_only.is_some() || all_private {
        return Ok((listing, page));
    }
    let members_only = !is_admin(api)?;
    at.members_only = Some(members_only);
    if !members_only {
        return Ok((listing, page));
    }
    let narrow = group_projects(id, true);
    let own = match api.page::<Project>(&narrow, &stream.mark) {
        Ok(own) => own,
        Err(
            failure @ (Failure::Unauthenticated(_)
            | Failure::RateLimited(_)
            | Failure::Unavailable(_)),
        ) => {
            return Err(failure);
        }
        Err(_) => {
            at.members_only = Some(false);
            return Ok((listing, page));
        }
    };
    let count = |page: &Page<Project>| page.total.unwrap_or(page.items.len() as u64);
    let left_out = count(&page).saturating_sub(count(&own));
    if left_out > 0 {
        skipped.push(skip(
            SkipSubject::Location,
            &Place::Group(id).to_string(),
            SkipReason::NotSelected,
            explain(
                format!(
                    "{left_out} public or internal projects of this group are left out, because the token's \
                     user is not a member of them."
                ),
                "Make the user a member of the group if they should be scanned.",
            ),
        ));
    }
    Ok((narrow, own))
}

/// Locations of projects. Where the group's own list of image repositories is short, the projects that are
/// not in it are known to have none, and nobody needs to ask each.
fn with_images(
    api: &Api<'_, '_>,
    group: u64,
    projects: Vec<Project>,
) -> Result<Vec<Location>, Failure> {
    let candidates = projects
        .iter()
        .filter(|project| project.unscannable().is_none())
        .count();
    let used = if candidates >= PRUNE_FROM {
        projects_with_images(api, group)?
    } else {
        None
    };
    Ok(projects
        .into_iter()
        .map(|project| {
            let empty = used
                .as_ref()
                .is_some_and(|used| !used.contains(&project.id));
            let mut location = project_location(project, Some(Place::Group(group)));
            location.has_children &= !empty;
            location
        })
        .collect())
}

/// Projects of a group and its subgroups that have image repositories; `None` when that can't be told
/// cheaply.
fn projects_with_images(api: &Api<'_, '_>, group: u64) -> Result<Option<HashSet<u64>>, Failure> {
    let listing = Listing::new(format!("groups/{group}/registry/repositories"), "");
    let (mut found, mut mark) = (HashSet::new(), Mark::Page(1));
    for _ in 0..PRUNE_PAGES {
        let page = match api.page::<Repository>(&listing, &mark) {
            Ok(page) => page,
            Err(failure @ Failure::Unauthenticated(_)) => return Err(failure),
            Err(_) => return Ok(None),
        };
        if page.unreadable > 0
            || page.fault.is_some()
            || page.items.iter().any(|r| r.project_id.is_none())
        {
            return Ok(None);
        }
        found.extend(
            page.items
                .iter()
                .filter_map(|repository| repository.project_id),
        );
        match page.next {
            Some(next) => mark = next,
            None => return Ok(Some(found)),
        }
    }
    Ok(None)
}

/// Where the projects of a user go on.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UserCursor {
    #[serde(rename = "p")]
    projects: Stream,
    #[serde(rename = "a")]
    admin: Option<bool>,
    /// The list of that user's projects is closed; theirs are picked from those that one is a member of.
    #[serde(rename = "w", default)]
    picked: bool,
}

impl Default for UserCursor {
    fn default() -> Self {
        Self {
            projects: Stream::keyset(),
            admin: None,
            picked: false,
        }
    }
}

/// One page of a user's own projects.
pub(super) fn user(
    api: &Api<'_, '_>,
    id: u64,
    mut at: UserCursor,
) -> Result<LocationPage, Failure> {
    let mut out = page(Vec::new(), Vec::new());
    let place = Place::User(id);
    let admin = match at.admin {
        Some(admin) => admin,
        None => is_admin(api)?,
    };
    let query = format!("{}order_by=id&sort=asc", membership(admin));
    let mut read = Err(Failure::Stopped);
    let mut listing = Listing::new(format!("users/{id}/projects"), &query);
    if !at.picked {
        read = api.page::<Project>(&listing, &at.projects.mark);
        at.picked = matches!(read, Err(Failure::NotFound(_) | Failure::Forbidden(_)));
    }
    if at.picked {
        listing = Listing::new("projects", &query);
        read = api.page::<Project>(&listing, &at.projects.mark);
    }
    let read = match read {
        Ok(read) => read,
        Err(failure) => {
            out.skipped.push(closed(failure, &place.to_string())?);
            return Ok(out);
        }
    };
    let (projects, next) = at.projects.take(api, &listing, read, &mut out.skipped)?;
    let theirs = projects.into_iter().filter(|project| match &project.owner {
        Some(owner) => owner.id == id,
        None => !at.picked,
    });
    out.locations
        .extend(theirs.map(|project| project_location(project, Some(place))));
    if let Some(projects) = next {
        out.next = write_cursor(&UserCursor {
            projects,
            admin: Some(admin),
            picked: at.picked,
        })?;
    }
    Ok(out)
}

/// All image repositories of a project in one page: their order is not fixed, so only one call can tell
/// which come twice, and few projects have more than one page of them.
pub(super) fn project(api: &Api<'_, '_>, id: u64) -> Result<LocationPage, Failure> {
    let mut out = page(Vec::new(), Vec::new());
    let place = Place::Project(id);
    let (listing, mut mark) = (repositories(id), Mark::Page(1));
    let mut seen = HashSet::new();
    for _ in 0..REPOSITORY_PAGES {
        let page = match api.page::<Repository>(&listing, &mark) {
            Ok(page) => page,
            Err(failure) => {
                out.skipped.push(closed(failure, &place.to_string())?);
                return Ok(out);
            }
        };
        if page.unreadable > 0 {
            let why = explain(
                format!(
                    "{} image repositories of project {id} can't be read.",
                    page.unreadable
                ),
                "This GitLab may be newer than the connector; update it.",
            );
            out.skipped.push(skip(
                SkipSubject::Location,
                &place.to_string(),
                SkipReason::Corrupt,
                why,
            ));
        }
        if let Some(fault) = page.fault {
            out.skipped.push(skip(
                SkipSubject::Location,
                &place.to_string(),
                SkipReason::Corrupt,
                fault,
            ));
        }
        let new = page
            .items
            .into_iter()
            .filter(|repository| seen.insert(repository.id));
        out.locations
            .extend(new.map(|repository| repository_location(api, id, &repository)));
        match page.next {
            Some(next) => mark = next,
            None => return Ok(out),
        }
    }
    let why = explain(
        format!(
            "Project {id} has more than {} image repositories; the rest is not listed.",
            seen.len()
        ),
        "Delete image repositories that nobody needs, or spread them over several projects.",
    );
    out.skipped.push(skip(
        SkipSubject::Location,
        &place.to_string(),
        SkipReason::OverLimit,
        why,
    ));
    Ok(out)
}
