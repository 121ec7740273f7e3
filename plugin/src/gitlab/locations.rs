//! The tree: groups and personal namespaces, their projects, the projects' image repositories.
//!
//! What is listed is what the token's user is a member of, never what merely is public: on gitlab.com the
//! latter is everybody's. (An administrator of a self-managed GitLab is taken to mean all of it.)
//!
//! Calls know nothing of each other, so what the next page needs travels in the cursor. Pages by number
//! shift when something is created, moved or deleted meanwhile; the cursor remembers the entries of the
//! page before, and how many there were: repeated ones are dropped, and when there are fewer than before the
//! last page is read once more for what slid into it.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::account;
use super::api::{Api, Listing, Mark, PAGE_CAP, Page, lenient};
use super::errors::{explain, explanation};
use super::project::{Project, REPOSITORY_PAGES, Repository, repositories, repository_page};
use crate::contract::{
    Attribute, Explanation, Failure, Location, LocationPage, Skip, SkipReason, SkipSubject, Skipped,
};
use crate::session::Session;

/// Kind of a group or subgroup.
pub const KIND_GROUP: &str = "group";
/// Kind of a personal namespace.
pub const KIND_USER: &str = "user-namespace";
/// Kind of a project.
pub const KIND_PROJECT: &str = "project";
/// Kind of an image repository: the one that is scanned.
pub const KIND_REPOSITORY: &str = "image-repository";

/// Pages of the top that one call reads, so that it ends in time; the cursor goes on.
const TOP_PAGES: usize = 30;

/// Bytes of a cursor that is handed out; the contract allows 4 KiB.
const CURSOR_CAP: usize = 4000;

/// Bytes of remembered names and numbers in the cursor of the top.
const MEMORY_CAP: usize = 1600;

/// Pages of a group's image repositories that are read to find the projects that have none.
const PRUNE_PAGES: usize = 3;

/// Projects from which on it is cheaper to ask the group which of them have images than to ask each.
const PRUNE_FROM: usize = 3;

/// A place in the tree, by its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `group/12`
    Group(u64),
    /// `user/7`: the personal namespace of that user.
    User(u64),
    /// `project/34`
    Project(u64),
    /// `repository/34/56`: project and image repository.
    Repository(u64, u64),
}

impl Place {
    /// Reads an identifier that [`list`] handed out.
    pub fn parse(id: &str) -> Option<Self> {
        let (kind, rest) = id.split_once('/')?;
        match kind {
            "group" => Some(Self::Group(rest.parse().ok()?)),
            "user" => Some(Self::User(rest.parse().ok()?)),
            "project" => Some(Self::Project(rest.parse().ok()?)),
            "repository" => {
                let (project, repository) = rest.split_once('/')?;
                Some(Self::Repository(project.parse().ok()?, repository.parse().ok()?))
            }
            _ => None,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Group(id) => write!(formatter, "group/{id}"),
            Self::User(id) => write!(formatter, "user/{id}"),
            Self::Project(id) => write!(formatter, "project/{id}"),
            Self::Repository(project, id) => write!(formatter, "repository/{project}/{id}"),
        }
    }
}

/// One page of the locations below `parent`.
pub fn list(session: &Session<'_>, parent: Option<&str>, cursor: Option<&str>) -> Result<LocationPage, Failure> {
    let api = Api::new(session);
    let place = match parent {
        Some(id) => Some(Place::parse(id).ok_or_else(|| {
            Failure::NotFound(explain(
                format!("There is no location {}.", super::errors::quote(id)),
                "List the locations again from the top.",
            ))
        })?),
        None => None,
    };
    match place {
        None => top(&api, read_cursor(cursor)?),
        Some(Place::Group(id)) => below_group(&api, id, read_cursor(cursor)?),
        Some(Place::User(id)) => below_user(&api, id, read_cursor(cursor)?),
        Some(Place::Project(id)) => below_project(&api, id),
        Some(Place::Repository(..)) => Ok(page(Vec::new(), Vec::new())),
    }
}

fn read_cursor<T: for<'de> Deserialize<'de> + Default>(cursor: Option<&str>) -> Result<T, Failure> {
    let Some(cursor) = cursor else { return Ok(T::default()) };
    serde_json::from_str(cursor).map_err(|_| {
        Failure::UnexpectedAnswer(explain(
            "The cursor of the listing is not one that this version of the connector hands out.",
            "List the locations again from the beginning.",
        ))
    })
}

fn write_cursor<T: Serialize>(cursor: &T) -> Result<Option<String>, Failure> {
    match serde_json::to_string(cursor) {
        Ok(text) if text.len() <= CURSOR_CAP => Ok(Some(text)),
        _ => Err(Failure::OverLimit(explain(
            "The position in the listing does not fit into a cursor.",
            "GitLab's link to the next page is unusually long; report it with the version of GitLab.",
        ))),
    }
}

fn page(locations: Vec<Location>, skipped: Vec<Skipped>) -> LocationPage {
    LocationPage { locations, next: None, skipped }
}

// ---- One list, a page at a time ---------------------------------------------------------------------

/// Something with a number.
trait Entry: for<'de> Deserialize<'de> {
    fn id(&self) -> u64;
}

impl Entry for Group {
    fn id(&self) -> u64 {
        self.id
    }
}

impl Entry for Project {
    fn id(&self) -> u64 {
        self.id
    }
}

/// Where a list goes on.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stream {
    #[serde(rename = "m")]
    mark: Mark,
    /// Entries of the page before.
    #[serde(rename = "r", default)]
    recent: Vec<u64>,
    /// How many entries there were in all.
    #[serde(rename = "t", default)]
    total: Option<u64>,
}

impl Stream {
    fn numbered() -> Self {
        Self { mark: Mark::Page(1), recent: Vec::new(), total: None }
    }

    fn keyset() -> Self {
        Self { mark: Mark::Keyset, recent: Vec::new(), total: None }
    }

    /// Takes a page in: its new entries, and where the list goes on.
    fn take<T: Entry>(
        self,
        api: &Api<'_, '_>,
        listing: &Listing,
        page: Page<T>,
        skipped: &mut Vec<Skipped>,
    ) -> Result<(Vec<T>, Option<Self>), Failure> {
        let mut seen: HashSet<u64> = self.recent.iter().copied().collect();
        let mut items = Vec::new();
        let shrunk = matches!((self.total, page.total), (Some(before), Some(now)) if now < before);
        if let (true, Mark::Page(number @ 2..)) = (shrunk, &self.mark) {
            items.extend(api.page::<T>(listing, &Mark::Page(number - 1))?.items);
        }
        let recent = page.items.iter().map(Entry::id).collect();
        items.extend(page.items);
        items.retain(|item| seen.insert(item.id()));
        if page.unreadable > 0 {
            skipped.push(skip(
                SkipSubject::Location,
                listing.path(),
                SkipReason::Corrupt,
                explain(
                    format!("{} entries of the list {} can't be read.", page.unreadable, listing.path()),
                    "This GitLab may be newer than the connector; update it.",
                ),
            ));
        }
        if let Some(fault) = page.fault {
            skipped.push(skip(SkipSubject::Location, listing.path(), SkipReason::Corrupt, fault));
        }
        let next = page.next.map(|mark| Self { mark, recent, total: page.total.or(self.total) });
        Ok((items, next))
    }

    /// Reads the page it stands at. What is closed to the user is a `skipped`, and the end of this list only.
    fn step<T: Entry>(
        self,
        api: &Api<'_, '_>,
        listing: &Listing,
        name: &str,
        skipped: &mut Vec<Skipped>,
    ) -> Result<(Vec<T>, Option<Self>), Failure> {
        match api.page::<T>(listing, &self.mark) {
            Ok(page) => self.take(api, listing, page, skipped),
            Err(failure) => {
                skipped.push(closed(failure, name)?);
                Ok((Vec::new(), None))
            }
        }
    }
}

fn skip(subject: SkipSubject, name: &str, reason: SkipReason, why: Explanation) -> Skipped {
    Skipped { subject, name: name.to_owned(), image: None, skip: Skip { reason, why } }
}

/// A failure of one place that must not end the listing of the others; any other failure is given back.
fn closed(failure: Failure, name: &str) -> Result<Skipped, Failure> {
    let reason = match &failure {
        Failure::Forbidden(lack) if lack.missing_scopes.is_empty() => SkipReason::Forbidden,
        Failure::NotFound(_) => SkipReason::Gone,
        Failure::OverLimit(_) => SkipReason::OverLimit,
        _ => return Err(failure),
    };
    Ok(skip(SkipSubject::Location, name, reason, explanation(&failure)))
}

// ---- The top ------------------------------------------------------------------------------------------

/// A group, as REST describes it.
#[derive(Debug, Deserialize)]
struct Group {
    id: u64,
    #[serde(default, deserialize_with = "lenient")]
    name: String,
    full_path: String,
    #[serde(default, deserialize_with = "lenient")]
    web_url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    visibility: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    parent_id: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    marked_for_deletion_on: Option<String>,
}

impl Group {
    fn location(self, parent: Option<Place>) -> Location {
        let mut attributes: Vec<Attribute> = Vec::new();
        attributes.extend(self.visibility.map(|value| ("visibility".to_owned(), value)));
        attributes.extend(self.marked_for_deletion_on.map(|value| ("marked-for-deletion".to_owned(), value)));
        Location {
            id: Place::Group(self.id).to_string(),
            kind: KIND_GROUP.to_owned(),
            name: if self.name.is_empty() { last(&self.full_path) } else { self.name },
            path: self.full_path,
            parent: parent.map(|parent| parent.to_string()),
            scannable: false,
            has_children: true,
            unscannable: None,
            web_url: self.web_url,
            attributes,
        }
    }
}

fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// Where the top goes on: first all groups, then the projects that the user is a member of.
#[derive(Debug, Serialize, Deserialize)]
struct TopCursor {
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

fn top(api: &Api<'_, '_>, mut at: TopCursor) -> Result<LocationPage, Failure> {
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
            let listing = Listing::new("projects", &format!("{}order_by=id&sort=asc", membership(admin)));
            let (projects, next) = stream.step::<Project>(api, &listing, "projects", &mut out.skipped)?;
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
        let Some(owner) = &project.owner else { return Some(project_location(project, None)) };
        if at.users.contains(&owner.id) {
            return None;
        }
        at.users.push(owner.id);
        return Some(Location {
            id: Place::User(owner.id).to_string(),
            kind: KIND_USER.to_owned(),
            name: if namespace.name.is_empty() { namespace.full_path.clone() } else { namespace.name },
            path: namespace.full_path,
            parent: None,
            scannable: false,
            has_children: true,
            unscannable: None,
            web_url: namespace.web_url,
            attributes: Vec::new(),
        });
    }
    let root = project.path_with_namespace.split('/').next().unwrap_or_default().to_lowercase();
    match &at.names {
        Some(names) if !names.contains(&root) => Some(project_location(project, None)),
        _ => None,
    }
}

fn is_admin(api: &Api<'_, '_>) -> Result<bool, Failure> {
    match account::user(api) {
        Ok(user) => Ok(user.is_admin == Some(true)),
        Err(Failure::Forbidden(_) | Failure::NotFound(_) | Failure::UnexpectedAnswer(_)) => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn membership(admin: bool) -> &'static str {
    if admin { "" } else { "membership=true&" }
}

// ---- Below a group, a user, a project ------------------------------------------------------------------

/// Where the children of a group go on: both lists at the same time.
#[derive(Debug, Serialize, Deserialize)]
struct GroupCursor {
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
    let filter = if members_only { "&min_access_level=10" } else { "" };
    Listing::new(
        format!("groups/{id}/projects"),
        &format!("with_shared=false&include_subgroups=false&order_by=id&sort=asc{filter}"),
    )
}

fn below_group(api: &Api<'_, '_>, id: u64, mut at: GroupCursor) -> Result<LocationPage, Failure> {
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
        let answer = answers.next().unwrap_or_else(|| Err(Failure::Stopped));
        let read = answer.and_then(|answer| {
            api.read_page::<Group>(&subgroups, &stream.mark, &api.url(subgroups.path()), answer)
        });
        match read {
            Ok(page) => {
                let (groups, next) = stream.take(api, &subgroups, page, &mut out.skipped)?;
                at.subgroups = next;
                out.locations.extend(groups.into_iter().map(|group| group.location(Some(place))));
            }
            Err(failure) => out.skipped.push(closed(failure, &name)?),
        }
    }
    if let Some(stream) = at.projects.take() {
        let answer = answers.next().unwrap_or_else(|| Err(Failure::Stopped));
        let read = answer.and_then(|answer| {
            api.read_page::<Project>(&projects, &stream.mark, &api.url(projects.path()), answer)
        });
        match read {
            Ok(page) => {
                let (listing, page) = members(api, id, &mut at, &stream, projects, page, &mut out.skipped)?;
                let (projects, next) = stream.take(api, &listing, page, &mut out.skipped)?;
                at.projects = next;
                out.locations.extend(with_images(api, id, projects)?);
            }
            // One sentence is enough when the whole group is closed.
            Err(failure) => match closed(failure, &name)? {
                again if out.skipped.iter().any(|s| s.name == name && s.skip.reason == again.skip.reason) => {}
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
    let all_private = page.items.iter().all(|project| project.visibility.as_deref() == Some("private"));
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
        Err(failure @ (Failure::Unauthenticated(_) | Failure::RateLimited(_) | Failure::Unavailable(_))) => {
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
fn with_images(api: &Api<'_, '_>, group: u64, projects: Vec<Project>) -> Result<Vec<Location>, Failure> {
    let candidates = projects.iter().filter(|project| project.unscannable().is_none()).count();
    let used = if candidates >= PRUNE_FROM { projects_with_images(api, group)? } else { None };
    Ok(projects
        .into_iter()
        .map(|project| {
            let empty = used.as_ref().is_some_and(|used| !used.contains(&project.id));
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
        if page.unreadable > 0 || page.fault.is_some() || page.items.iter().any(|r| r.project_id.is_none()) {
            return Ok(None);
        }
        found.extend(page.items.iter().filter_map(|repository| repository.project_id));
        match page.next {
            Some(next) => mark = next,
            None => return Ok(Some(found)),
        }
    }
    Ok(None)
}

fn project_location(project: Project, parent: Option<Place>) -> Location {
    let unscannable = project.unscannable();
    Location {
        id: Place::Project(project.id).to_string(),
        kind: KIND_PROJECT.to_owned(),
        name: last(&project.path_with_namespace),
        parent: parent.map(|parent| parent.to_string()),
        scannable: false,
        has_children: unscannable.is_none(),
        unscannable,
        attributes: project.attributes(),
        web_url: project.web_url,
        path: project.path_with_namespace,
    }
}

/// Where the projects of a user go on.
#[derive(Debug, Serialize, Deserialize)]
struct UserCursor {
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
        Self { projects: Stream::keyset(), admin: None, picked: false }
    }
}

fn below_user(api: &Api<'_, '_>, id: u64, mut at: UserCursor) -> Result<LocationPage, Failure> {
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
    out.locations.extend(theirs.map(|project| project_location(project, Some(place))));
    if let Some(projects) = next {
        out.next = write_cursor(&UserCursor { projects, admin: Some(admin), picked: at.picked })?;
    }
    Ok(out)
}

/// All image repositories of a project in one page: their order is not fixed, so only one call can tell
/// which come twice, and few projects have more than one page of them.
fn below_project(api: &Api<'_, '_>, id: u64) -> Result<LocationPage, Failure> {
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
                format!("{} image repositories of project {id} can't be read.", page.unreadable),
                "This GitLab may be newer than the connector; update it.",
            );
            out.skipped.push(skip(SkipSubject::Location, &place.to_string(), SkipReason::Corrupt, why));
        }
        if let Some(fault) = page.fault {
            out.skipped.push(skip(SkipSubject::Location, &place.to_string(), SkipReason::Corrupt, fault));
        }
        let new = page.items.into_iter().filter(|repository| seen.insert(repository.id));
        out.locations.extend(new.map(|repository| repository_location(api, id, &repository)));
        match page.next {
            Some(next) => mark = next,
            None => return Ok(out),
        }
    }
    let why = explain(
        format!("Project {id} has more than {} image repositories; the rest is not listed.", seen.len()),
        "Delete image repositories that nobody needs, or spread them over several projects.",
    );
    out.skipped.push(skip(SkipSubject::Location, &place.to_string(), SkipReason::OverLimit, why));
    Ok(out)
}

fn repository_location(api: &Api<'_, '_>, project: u64, repository: &Repository) -> Location {
    let unscannable = repository.unscannable();
    Location {
        id: Place::Repository(project, repository.id).to_string(),
        kind: KIND_REPOSITORY.to_owned(),
        name: repository.label(),
        path: repository.image_path(),
        parent: Some(Place::Project(project).to_string()),
        scannable: unscannable.is_none(),
        has_children: false,
        unscannable,
        web_url: repository_page(api, &repository.project_path(), repository.id),
        attributes: repository.attributes(),
    }
}

#[cfg(test)]
#[path = "locations_tests.rs"]
mod tests;
