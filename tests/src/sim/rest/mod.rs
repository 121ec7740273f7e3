//! The REST API: routes on raw path segments, so that an encoded path stays one segment.

mod files;
mod groups;
mod jobs;
mod members;
mod projects;
mod registry;
mod users;

pub(crate) use registry::registry_answers;

use super::auth::{Caller, READ, caller};
use super::http::{Incoming, Reply, decoded};
use super::organisation::{Group, Project};
use super::world::World;

pub(crate) fn answer(world: &World, request: &Incoming) -> Reply {
    let path = request.path.trim_start_matches("/api/v4/");
    let parts: Vec<&str> = path.split('/').collect();
    route(world, request, &parts).unwrap_or_else(|reply| reply)
}

fn route(world: &World, request: &Incoming, parts: &[&str]) -> Result<Reply, Reply> {
    let known = match parts {
        ["user"] | ["users", _] | ["metadata"] | ["version"] => {
            users::answer(world, request, parts)
        }
        ["users", _, "projects"] => projects::of_user(world, request, parts),
        ["personal_access_tokens", ..] => users::tokens(world, request, parts),
        ["groups"] | ["groups", _] | ["groups", _, "subgroups" | "descendant_groups"] => {
            groups::answer(world, request, parts)
        }
        ["groups", _, "projects"] | ["projects"] | ["projects", _] => {
            projects::answer(world, request, parts)
        }
        ["groups" | "projects", _, "members", ..] => members::answer(world, request, parts),
        ["groups" | "projects", _, "registry", ..] | ["registry", ..] => {
            registry::answer(world, request, parts)
        }
        ["projects", _, "repository", "files", ..] => files::answer(world, request, parts),
        ["projects", _, "jobs", ..] | ["projects", _, "pipelines", ..] => {
            jobs::answer(world, request, parts)
        }
        ["projects", _, "vulnerability_findings" | "vulnerabilities"] => {
            jobs::vulnerability_findings(world, request, parts)
        }
        _ => None,
    };
    let known = known.unwrap_or_else(|| Err(Reply::error(404, "404 Not Found")))?;
    if !request.reads() {
        // The simulator only reads; what would change something is refused before it could.
        return Err(Reply::error(405, "405 Not Allowed"));
    }
    Ok(known)
}

/// What a handler answers: none for a route that does not exist.
type Routed = Option<Result<Reply, Reply>>;

fn reader(world: &World, request: &Incoming) -> Result<Caller, Reply> {
    caller(world, request, &READ)
}

fn hidden(what: &str) -> Reply {
    Reply::message(404, &format!("404 {what} Not Found"))
}

/// The project of a path segment: a number, or an encoded path. Old paths are answered with the new place.
fn project<'a>(
    world: &'a World,
    request: &Incoming,
    caller: &Caller,
    segment: &str,
) -> Result<&'a Project, Reply> {
    let organisation = &world.organisation;
    let text = decoded(segment);
    let found = match text.parse::<u64>() {
        Ok(id) => organisation.find_project(id),
        Err(_) => organisation.project_by_path(&text),
    };
    if let Some(found) = found.filter(|found| organisation.sees_project(caller.user(), found)) {
        return Ok(found);
    }
    let moved = organisation
        .projects
        .iter()
        .find(|project| {
            project
                .former_paths
                .iter()
                .any(|old| old.eq_ignore_ascii_case(&text))
        })
        .filter(|moved| organisation.sees_project(caller.user(), moved));
    match moved.filter(|_| world.modes.version.at_least(16, 7)) {
        Some(moved) => {
            let path = request.path.replacen(segment, &moved.id.to_string(), 1);
            let query = match request.raw_query.as_str() {
                "" => String::new(),
                query => format!("?{query}"),
            };
            let address = format!("{}{path}{query}", world.url());
            let text = format!("This resource has been moved permanently to {address}");
            Err(Reply::text(301, &text).header("location", address))
        }
        // Before 16.7 old paths were followed in silence.
        None => moved.ok_or_else(|| hidden("Project")),
    }
}

/// The group of a path segment.
fn group<'a>(world: &'a World, caller: &Caller, segment: &str) -> Result<&'a Group, Reply> {
    let organisation = &world.organisation;
    let text = decoded(segment);
    let found = match text.parse::<u64>() {
        Ok(id) => organisation.find_group(id),
        Err(_) => organisation.group_by_path(&text),
    };
    found
        .filter(|found| organisation.sees_group(caller.user(), found))
        .ok_or_else(|| hidden("Group"))
}
