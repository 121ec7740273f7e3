//! The tree: groups and personal namespaces, their projects, the projects' image repositories.
//!
//! What is listed is what the token's user is a member of, never what merely is public: on gitlab.com the
//! latter is everybody's. (An administrator of a self-managed GitLab is taken to mean all of it.)
//!
//! Calls know nothing of each other, so what the next page needs travels in the cursor. Pages by number
//! shift when something is created, moved or deleted meanwhile; the cursor remembers the entries of the
//! page before, and how many there were: repeated ones are dropped, and when there are fewer than before the
//! last page is read once more for what slid into it.

mod below;
mod entry;
mod stream;
#[cfg(test)]
mod tests;
mod top;

use serde::{Deserialize, Serialize};

use super::account;
use super::api::Api;
use super::errors::{explain, explanation, quote};
use crate::contract::{
    Explanation, Failure, Location, LocationPage, Skip, SkipReason, SkipSubject, Skipped,
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

/// Bytes of a cursor that is handed out; the contract allows 4 KiB.
const CURSOR_CAP: usize = 4000;

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
                Some(Self::Repository(
                    project.parse().ok()?,
                    repository.parse().ok()?,
                ))
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
pub fn list(
    session: &Session<'_>,
    parent: Option<&str>,
    cursor: Option<&str>,
) -> Result<LocationPage, Failure> {
    let api = Api::new(session);
    let place = match parent {
        Some(id) => Some(Place::parse(id).ok_or_else(|| {
            Failure::NotFound(explain(
                format!("There is no location {}.", quote(id)),
                "List the locations again from the top.",
            ))
        })?),
        None => None,
    };
    match place {
        None => top::list(&api, read_cursor(cursor)?),
        Some(Place::Group(id)) => below::group(&api, id, read_cursor(cursor)?),
        Some(Place::User(id)) => below::user(&api, id, read_cursor(cursor)?),
        Some(Place::Project(id)) => below::project(&api, id),
        Some(Place::Repository(..)) => Ok(page(Vec::new(), Vec::new())),
    }
}

fn read_cursor<T: for<'de> Deserialize<'de> + Default>(cursor: Option<&str>) -> Result<T, Failure> {
    let Some(cursor) = cursor else {
        return Ok(T::default());
    };
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
    LocationPage {
        locations,
        next: None,
        skipped,
    }
}

fn skip(subject: SkipSubject, name: &str, reason: SkipReason, why: Explanation) -> Skipped {
    Skipped {
        subject,
        name: name.to_owned(),
        image: None,
        skip: Skip { reason, why },
    }
}

/// A failure of one place that must not end the listing of the others; any other failure is given back.
fn closed(failure: Failure, name: &str) -> Result<Skipped, Failure> {
    let reason = match &failure {
        Failure::Forbidden(lack) if lack.missing_scopes.is_empty() => SkipReason::Forbidden,
        Failure::NotFound(_) => SkipReason::Gone,
        Failure::OverLimit(_) => SkipReason::OverLimit,
        _ => return Err(failure),
    };
    Ok(skip(
        SkipSubject::Location,
        name,
        reason,
        explanation(&failure),
    ))
}

fn is_admin(api: &Api<'_, '_>) -> Result<bool, Failure> {
    match account::user(api) {
        Ok(user) => Ok(user.is_admin == Some(true)),
        Err(Failure::Forbidden(_) | Failure::NotFound(_) | Failure::UnexpectedAnswer(_)) => {
            Ok(false)
        }
        Err(failure) => Err(failure),
    }
}

fn membership(admin: bool) -> &'static str {
    if admin { "" } else { "membership=true&" }
}
