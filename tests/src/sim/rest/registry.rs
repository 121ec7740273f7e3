//! GitLab's own view of the image repositories: rows of its database, and tags that it asks the registry
//! for.

use super::super::access::Reading;
use super::super::auth::Caller;
use super::super::http::{Incoming, Reply, decoded};
use super::super::modes::{Registry, Version};
use super::super::organisation::{Namespace, Project, Repository, stamp};
use super::super::paging;
use super::super::params;
use super::super::people::level;
use super::super::store::{StoredManifest, StoredRepository, StoredTag};
use super::super::world::World;
use super::{Routed, hidden, reader};
use crate::image::media;
use serde_json::{Value, json};

pub(super) fn answer(world: &World, request: &Incoming, parts: &[&str]) -> Routed {
    let version = world.modes.version;
    match parts {
        ["projects", id, "registry", "repositories"] => Some(of_project(world, request, id)),
        ["groups", id, "registry", "repositories"] => Some(of_group(world, request, id)),
        ["registry", "repositories", id] if version.at_least(13, 6) => {
            Some(one(world, request, id))
        }
        ["projects", id, "registry", "repositories", row, "tags"] => {
            Some(tags(world, request, id, row))
        }
        ["projects", id, "registry", "repositories", row, "tags", tag] => {
            Some(tag_detail(world, request, id, row, tag))
        }
        [
            "projects",
            id,
            "registry",
            "protection",
            "repository" | "tag",
            "rules",
        ] if version.at_least(17, 8) => Some(protection_rules(world, request, id)),
        _ => None,
    }
}

pub(crate) fn unreachable() -> Reply {
    Reply::message(
        503,
        "We are having trouble connecting to the Container Registry. If this error persists, please review \
         the troubleshooting documentation.",
    )
}

/// True when GitLab can ask the registry.
pub(crate) fn registry_answers(world: &World) -> bool {
    !world.modes.registry_down
        && matches!(world.modes.registry, Registry::Database | Registry::Legacy)
}

fn location(world: &World, path: &str) -> String {
    format!("{}/{path}", world.registry_host().unwrap_or_default())
}

fn entity(
    world: &World,
    repository: &Repository,
    with_tags: bool,
    with_count: bool,
) -> Result<Value, Reply> {
    let mut value = json!({
        "id": repository.id, "name": repository.name, "path": repository.path,
        "project_id": repository.project, "location": location(world, &repository.path),
        "created_at": stamp(repository.id),
        "cleanup_policy_started_at": repository.cleanup_policy_started_at,
    });
    let Some(map) = value.as_object_mut() else {
        return Ok(Value::Null);
    };
    if world.modes.version.at_least(15, 0) {
        map.insert("status".to_owned(), repository.status.clone().into());
    }
    if with_tags || with_count {
        if !registry_answers(world) {
            return Err(unreachable());
        }
        let stored = world.organisation.store.repositories.get(&repository.path);
        let names: Vec<&String> = stored.map(|s| s.tags.keys().collect()).unwrap_or_default();
        if with_count {
            map.insert("tags_count".to_owned(), names.len().into());
        }
        if with_tags {
            let rows = names.iter().map(|tag| tag_name(world, repository, tag));
            map.insert("tags".to_owned(), rows.collect());
        }
    }
    Ok(value)
}

fn tag_name(world: &World, repository: &Repository, tag: &str) -> Value {
    let path = format!("{}:{tag}", repository.path);
    json!({ "name": tag, "path": path, "location": location(world, &path) })
}

/// The project, when the caller may read its registry.
fn readable<'a>(
    world: &'a World,
    request: &Incoming,
    caller: &Caller,
    segment: &str,
) -> Result<&'a Project, Reply> {
    let project = super::project(world, request, caller, segment)?;
    match world.organisation.reads_registry(caller.user(), project) {
        Reading::Allowed => Ok(project),
        Reading::Forbidden => Err(Reply::message(403, "403 Forbidden")),
        Reading::Hidden => Err(hidden("Project")),
    }
}

fn of_project(world: &World, request: &Incoming, segment: &str) -> Result<Reply, Reply> {
    let caller = reader(world, request)?;
    let project = readable(world, request, &caller, segment)?;
    if paging::wants_keyset(request)? {
        return Err(paging::no_keyset());
    }
    let with_tags = params::flag(request, "tags")?.unwrap_or(false);
    let with_count = params::flag(request, "tags_count")?.unwrap_or(false);
    let rows: Result<Vec<Value>, Reply> = world
        .organisation
        .repositories
        .iter()
        .filter(|repository| repository.project == project.id)
        .map(|repository| entity(world, repository, with_tags, with_count))
        .collect();
    paging::offset(world, request, &rows?)
}

fn of_group(world: &World, request: &Incoming, segment: &str) -> Result<Reply, Reply> {
    let caller = reader(world, request)?;
    let organisation = &world.organisation;
    let user = caller.user();
    let group = super::group(world, &caller, segment)?;
    if organisation.group_level(user, group.id) < level::REPORTER {
        return Err(Reply::message(403, "403 Forbidden"));
    }
    if paging::wants_keyset(request)? {
        return Err(paging::no_keyset());
    }
    let old = !world.modes.version.at_least(15, 0);
    let with_tags = old && params::flag(request, "tags")?.unwrap_or(false);
    let with_count = old && params::flag(request, "tags_count")?.unwrap_or(false);
    let rows: Result<Vec<Value>, Reply> = organisation
        .repositories
        .iter()
        .filter(|repository| {
            organisation.find_project(repository.project).is_some_and(|project| {
                matches!(project.namespace, Namespace::Group(own) if organisation.is_within(own, group.id))
                    && organisation.reads_registry(user, project) == Reading::Allowed
            })
        })
        .map(|repository| entity(world, repository, with_tags, with_count))
        .collect();
    paging::offset(world, request, &rows?)
}

fn one(world: &World, request: &Incoming, id: &str) -> Result<Reply, Reply> {
    let caller = reader(world, request)?;
    caller.signed_in()?;
    let organisation = &world.organisation;
    let row = organisation
        .repositories
        .iter()
        .find(|row| row.id.to_string() == id);
    let row = row.ok_or_else(|| hidden("Container Repository"))?;
    let project = organisation
        .find_project(row.project)
        .ok_or_else(|| hidden("Project"))?;
    if organisation.reads_registry(caller.user(), project) != Reading::Allowed {
        return Err(Reply::message(403, "403 Forbidden"));
    }
    let with_tags = params::flag(request, "tags")?.unwrap_or(false);
    let with_count = params::flag(request, "tags_count")?.unwrap_or(false);
    let mut value = entity(world, row, with_tags, with_count)?;
    if let Some(map) = value.as_object_mut() {
        if params::flag(request, "size")?.unwrap_or(false) {
            if !registry_answers(world) {
                return Err(unreachable());
            }
            let stored = organisation.store.repositories.get(&row.path);
            let size = stored.filter(|_| world.modes.has_database()).map(|stored| {
                let all = stored
                    .tags
                    .values()
                    .filter_map(|tag| stored.manifests.get(&tag.digest));
                all.map(|manifest| manifest.size).sum::<u64>()
            });
            map.insert("size".to_owned(), size.into());
        }
        if organisation.project_level(caller.user(), project) >= level::MAINTAINER {
            let path = format!(
                "{}/api/v4/projects/{}/registry/repositories/{}",
                world.url(),
                project.id,
                row.id
            );
            map.insert("delete_api_path".to_owned(), path.into());
        }
    }
    Ok(Reply::json(200, &value))
}

/// The row of a project, and what the registry has of it.
fn row_of<'a>(
    world: &'a World,
    request: &Incoming,
    segment: &str,
    id: &str,
) -> Result<(&'a Repository, Option<&'a StoredRepository>), Reply> {
    let caller = reader(world, request)?;
    let project = readable(world, request, &caller, segment)?;
    let rows = &world.organisation.repositories;
    let row = rows
        .iter()
        .find(|row| row.project == project.id && row.id.to_string() == id);
    let row = row.ok_or_else(|| hidden("Container Repository"))?;
    let invalid = row
        .name
        .split('/')
        .any(|part| part.starts_with('_') || part.ends_with('-'));
    if !registry_answers(world) || invalid {
        return Err(unreachable());
    }
    Ok((row, world.organisation.store.repositories.get(&row.path)))
}

fn tags(world: &World, request: &Incoming, segment: &str, id: &str) -> Result<Reply, Reply> {
    let keyset = paging::wants_keyset(request)?;
    let (row, stored) = row_of(world, request, segment, id)?;
    let names = stored.into_iter().flat_map(|stored| stored.tags.keys());
    if !keyset {
        let names = names.take(world.modes.tags_fetched);
        let rows: Vec<Value> = names.map(|tag| tag_name(world, row, tag)).collect();
        return paging::offset(world, request, &rows);
    }
    if !world.modes.has_database() || !world.modes.version.at_least(16, 10) {
        return Err(paging::no_keyset());
    }
    let descending = params::descending(request, false)?;
    let last = request.param("last");
    let mut names: Vec<&String> = names
        .filter(|tag| {
            last.is_none_or(|last| {
                if descending {
                    tag.as_str() < last
                } else {
                    tag.as_str() > last
                }
            })
        })
        .collect();
    if descending {
        names.reverse();
    }
    let more = names.len() > paging::per_page(request)?;
    let rows: Vec<Value> = names.iter().map(|tag| tag_name(world, row, tag)).collect();
    let name = |row: &Value| {
        row.get("name")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let mut reply = paging::keyset(world, request, &rows, "last", name)?;
    if !more {
        reply.headers.retain(|(name, _)| name != "link");
    }
    Ok(reply)
}

fn tag_detail(
    world: &World,
    request: &Incoming,
    segment: &str,
    id: &str,
    tag: &str,
) -> Result<Reply, Reply> {
    let (row, stored) = row_of(world, request, segment, id)?;
    let name = decoded(tag);
    let missing = || hidden("Tag");
    let stored = stored.ok_or_else(missing)?;
    let found = stored.tags.get(&name).ok_or_else(missing)?;
    let manifest = stored.manifests.get(&found.digest).ok_or_else(missing)?;
    let facts = match world.modes.has_database() {
        true => database_facts(found, manifest),
        false => legacy_facts(world, stored, found, manifest)?,
    };
    let mut value = tag_name(world, row, &name);
    if let (Some(map), Value::Object(facts)) = (value.as_object_mut(), facts) {
        map.extend(facts);
    }
    Ok(Reply::json(200, &value))
}

fn database_facts(tag: &StoredTag, manifest: &StoredManifest) -> Value {
    let config = manifest
        .config_digest
        .as_deref()
        .unwrap_or("")
        .trim_start_matches("sha256:");
    json!({
        "revision": config, "short_revision": config.get(..9).unwrap_or(config), "digest": tag.digest,
        "created_at": tag.created_at.replace('Z', "+00:00"), "total_size": manifest.size,
    })
}

/// Without the database GitLab asks for the manifest and its config, with an old `Accept`.
fn legacy_facts(
    world: &World,
    stored: &StoredRepository,
    tag: &StoredTag,
    manifest: &StoredManifest,
) -> Result<Value, Reply> {
    let version = world.modes.version;
    let multi = matches!(
        manifest.media_type.as_str(),
        media::OCI_INDEX | media::DOCKER_LIST
    );
    if multi && version == Version::V19_0_2 {
        return Err(Reply::message(500, "500 Internal Server Error"));
    }
    if multi && version > Version::V19_0_2 {
        return Ok(
            json!({ "revision": null, "short_revision": null, "digest": tag.digest,
                          "created_at": null, "total_size": null }),
        );
    }
    let missing = || hidden("Tag");
    let manifest = match manifest.media_type.as_str() {
        media::OCI_INDEX | media::OCI_MANIFEST if multi => return Err(missing()),
        media::DOCKER_LIST => {
            super::super::registry::amd64_of(stored, manifest).ok_or_else(missing)?
        }
        _ => manifest,
    };
    let document: Value = serde_json::from_slice(&manifest.bytes).map_err(|_| missing())?;
    let layers = document.get("layers").and_then(Value::as_array);
    let size: u64 = layers
        .into_iter()
        .flatten()
        .filter_map(|l| l.get("size").and_then(Value::as_u64))
        .sum();
    let config = manifest.config_digest.as_deref().unwrap_or("");
    let blob = world.organisation.store.blobs.get(config);
    let facts = blob.and_then(|bytes| serde_json::from_slice::<Value>(bytes).ok());
    let created = facts
        .and_then(|facts| facts.get("created").cloned())
        .unwrap_or(Value::Null);
    let hex = config.trim_start_matches("sha256:");
    Ok(
        json!({ "revision": hex, "short_revision": hex.get(..9).unwrap_or(hex),
               "digest": tag.digest, "created_at": created, "total_size": size }),
    )
}

fn protection_rules(world: &World, request: &Incoming, segment: &str) -> Result<Reply, Reply> {
    let caller = reader(world, request)?;
    caller.signed_in()?;
    let project = super::project(world, request, &caller, segment)?;
    if world.organisation.project_level(caller.user(), project) < level::MAINTAINER {
        return Err(Reply::message(403, "403 Forbidden"));
    }
    Ok(Reply::json(200, &json!([])))
}
