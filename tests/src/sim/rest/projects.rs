//! Projects, of the instance, of a group, of a user.

use super::super::access::Reading;
use super::super::auth::Caller;
use super::super::http::{Incoming, Reply};
use super::super::organisation::{FeatureAccess, Group, Namespace, Project, stamp};
use super::super::paging;
use super::super::params;
use super::super::people::level;
use super::super::world::World;
use super::{Routed, reader};
use serde_json::{Map, Value, json};

const ORDERS: [&str; 8] = [
    "id",
    "name",
    "path",
    "created_at",
    "updated_at",
    "last_activity_at",
    "similarity",
    "star_count",
];

pub(super) fn answer(world: &World, request: &Incoming, parts: &[&str]) -> Routed {
    match parts {
        ["projects"] => Some(all(world, request)),
        ["projects", id] => Some(one(world, request, id)),
        ["groups", id, "projects"] => Some(of_group(world, request, id)),
        _ => None,
    }
}

fn namespace(world: &World, project: &Project) -> Value {
    let organisation = &world.organisation;
    match project.namespace {
        Namespace::Group(id) => organisation.find_group(id).map(|group| {
            json!({
                "id": group.id, "name": group.name, "path": group.path, "kind": "group",
                "full_path": group.full_path, "parent_id": group.parent, "avatar_url": null,
                "web_url": format!("{}/groups/{}", world.url(), group.full_path),
            })
        }),
        Namespace::User(id) => organisation.find_user(id).map(|user| {
            json!({
                "id": user.id, "name": user.name, "path": user.username, "kind": "user",
                "full_path": user.username, "parent_id": null, "avatar_url": null,
                "web_url": format!("{}/{}", world.url(), user.username),
            })
        }),
    }
    .unwrap_or(Value::Null)
}

/// The short form: nothing about the registry.
pub(super) fn simple(world: &World, project: &Project) -> Value {
    let namespace = namespace(world, project);
    let above = namespace
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("")
        .to_owned();
    let host = world.url().split("://").nth(1).unwrap_or("").to_owned();
    json!({
        "id": project.id, "description": project.description, "name": project.name,
        "name_with_namespace": format!("{above} / {}", project.name), "path": project.path,
        "path_with_namespace": project.full_path, "created_at": stamp(project.id),
        "default_branch": project.default_branch, "tag_list": project.topics,
        "topics": project.topics,
        "ssh_url_to_repo": format!("git@{host}:{}.git", project.full_path),
        "http_url_to_repo": format!("{}/{}.git", world.url(), project.full_path),
        "web_url": format!("{}/{}", world.url(), project.full_path), "avatar_url": null,
        "star_count": 0, "last_activity_at": project.last_activity_at,
        "visibility": project.visibility.as_str(), "namespace": namespace,
    })
}

fn put(value: &mut Value, more: Value) {
    if let (Some(map), Value::Object(more)) = (value.as_object_mut(), more) {
        map.extend(more);
    }
}

fn full(world: &World, caller: &Caller, project: &Project, statistics: bool) -> Value {
    let organisation = &world.organisation;
    let version = world.modes.version;
    let user = caller.user();
    let level = organisation.project_level(user, project);
    let mut value = simple(world, project);
    let registry = organisation.reads_registry(user, project) == Reading::Allowed;
    put(
        &mut value,
        json!({
            "archived": project.archived, "empty_repo": project.default_branch.is_none(),
            "creator_id": organisation.users.first().map(|user| user.id), "issues_enabled": true,
            "container_registry_enabled": registry,
            "container_registry_access_level": project.registry.as_str(),
            "repository_access_level": project.repository.as_str(),
            "container_expiration_policy": {
                "cadence": "1d", "enabled": false, "keep_n": 10, "older_than": "90d",
                "name_regex": ".*", "name_regex_keep": null, "next_run_at": stamp(project.id + 1),
            },
            "shared_with_groups": shares(world, project),
            "_links": { "self": format!("{}/api/v4/projects/{}", world.url(), project.id) },
        }),
    );
    if version.at_least(15, 10) {
        put(
            &mut value,
            json!({ "updated_at": project.last_activity_at }),
        );
    }
    if let Some(host) = world.registry_host() {
        let prefix = format!("{host}/{}", project.full_path.to_lowercase());
        put(
            &mut value,
            json!({ "container_registry_image_prefix": prefix }),
        );
    }
    if let Namespace::User(owner) = project.namespace
        && let Some(owner) = organisation.find_user(owner)
    {
        put(
            &mut value,
            json!({ "owner": super::users::basic(world, owner) }),
        );
    }
    if world.modes.edition.enterprise() {
        let day = project.marked_for_deletion_on.clone();
        put(
            &mut value,
            json!({ "marked_for_deletion_on": day, "marked_for_deletion_at": day,
                    "compliance_frameworks": [] }),
        );
    }
    if user.is_some() {
        let direct = project
            .members
            .iter()
            .find(|(id, _)| user.is_some_and(|user| user.id == *id));
        let group = match project.namespace {
            Namespace::Group(group) => organisation.group_level(user, group),
            Namespace::User(_) => 0,
        };
        let access = |level: u8| {
            if level == 0 {
                return Value::Null;
            }
            json!({ "access_level": level, "notification_level": 3 })
        };
        put(
            &mut value,
            json!({ "permissions": {
                "project_access": access(direct.map_or(0, |(_, level)| *level)),
                "group_access": access(group),
            }}),
        );
    }
    if statistics && level >= level::REPORTER {
        put(
            &mut value,
            json!({ "statistics": { "commit_count": 1, "storage_size": 0, "repository_size": 0,
                                    "container_registry_size": 0 } }),
        );
    }
    if !organisation.reads_code(user, project)
        && let Some(map) = value.as_object_mut()
    {
        // Who may not read the code does not learn the branch.
        map.remove("default_branch");
    }
    if project.registry == FeatureAccess::Disabled {
        put(&mut value, json!({ "container_registry_enabled": false }));
    }
    value
}

fn shares(world: &World, project: &Project) -> Vec<Value> {
    project
        .shared_with
        .iter()
        .filter_map(|(group, level)| Some((world.organisation.find_group(*group)?, level)))
        .map(|(group, level)| {
            json!({ "group_id": group.id, "group_name": group.name, "expires_at": null,
                    "group_full_path": group.full_path, "group_access_level": level })
        })
        .collect()
}

/// What a listing's filters leave over, in its order.
fn chosen<'a>(
    world: &'a World,
    request: &Incoming,
    caller: &Caller,
    candidates: impl Iterator<Item = &'a Project>,
) -> Result<Vec<&'a Project>, Reply> {
    let organisation = &world.organisation;
    let user = caller.user();
    let archived = params::flag(request, "archived")?;
    let active = params::flag(request, "active")?;
    let owned = params::flag(request, "owned")?.unwrap_or(false);
    let starred = params::flag(request, "starred")?.unwrap_or(false);
    let visibility = params::visibility(request)?;
    let least = params::min_access_level(request)?;
    let after = params::number(request, "id_after")?;
    let before = params::number(request, "id_before")?;
    let security = params::flag(request, "with_security_reports")?.unwrap_or(false);
    let order = params::choice(request, "order_by", &ORDERS)?.unwrap_or("created_at");
    let descending = params::descending(request, true)?;
    let search = request.param("search").map(str::to_lowercase);
    let topics: Vec<&str> = request
        .param("topic")
        .map(|t| t.split(',').collect())
        .unwrap_or_default();
    let mut projects: Vec<&Project> = candidates
        .filter(|p| organisation.sees_project(user, p))
        .filter(|p| archived.is_none_or(|wanted| p.archived == wanted))
        .filter(|p| {
            let is = !p.archived && p.marked_for_deletion_on.is_none();
            active.is_none_or(|wanted| is == wanted)
        })
        .filter(|p| !owned || organisation.member_level(user, p) >= level::OWNER)
        .filter(|_| !starred)
        .filter(|p| visibility.is_none_or(|wanted| p.visibility.as_str() == wanted))
        .filter(|p| least.is_none_or(|least| organisation.member_level(user, p) >= least))
        .filter(|p| after.is_none_or(|after| p.id > after) && before.is_none_or(|b| p.id < b))
        .filter(|p| !security || p.jobs.iter().any(|job| !job.reports.is_empty()))
        .filter(|p| {
            topics
                .iter()
                .all(|topic| p.topics.iter().any(|has| has == topic))
        })
        .filter(|p| {
            search.as_ref().is_none_or(|text| {
                p.name.to_lowercase().contains(text) || p.path.to_lowercase().contains(text)
            })
        })
        .collect();
    projects.sort_by_key(|p| {
        let text = match order {
            "name" => p.name.to_lowercase(),
            "path" => p.path.to_lowercase(),
            "last_activity_at" | "updated_at" => p.last_activity_at.clone(),
            _ => String::new(),
        };
        (text, p.id)
    });
    if descending {
        projects.reverse();
    }
    Ok(projects)
}

fn rows(
    world: &World,
    request: &Incoming,
    caller: &Caller,
    projects: &[&Project],
) -> Result<Vec<Value>, Reply> {
    let short = params::flag(request, "simple")?.unwrap_or(false) || caller.user().is_none();
    let statistics = params::flag(request, "statistics")?.unwrap_or(false);
    let row = |project: &&Project| match short {
        true => simple(world, project),
        false => full(world, caller, project, statistics),
    };
    Ok(projects.iter().map(row).collect())
}

/// A page of projects: by keyset where it is asked for (by id only), else by offset up to the limit.
fn page(
    world: &World,
    request: &Incoming,
    caller: &Caller,
    projects: &[&Project],
) -> Result<Reply, Reply> {
    let rows = rows(world, request, caller, projects)?;
    if !paging::wants_keyset(request)? {
        paging::within_offset_limit(world, request, "Project")?;
        return paging::offset(world, request, &rows);
    }
    if request.param("order_by") != Some("id") {
        return Err(paging::no_keyset());
    }
    let marker = if params::descending(request, true)? {
        "id_before"
    } else {
        "id_after"
    };
    paging::keyset(world, request, &rows, marker, |row| {
        row.get("id").map(ToString::to_string).unwrap_or_default()
    })
}

fn all(world: &World, request: &Incoming) -> Result<Reply, Reply> {
    let caller = reader(world, request)?;
    let membership = params::flag(request, "membership")?.unwrap_or(false);
    let organisation = &world.organisation;
    let candidates = organisation
        .projects
        .iter()
        .filter(|p| !membership || organisation.member_level(caller.user(), p) > 0);
    let projects = chosen(world, request, &caller, candidates)?;
    page(world, request, &caller, &projects)
}

pub(super) fn of_user(world: &World, request: &Incoming, parts: &[&str]) -> Routed {
    let ["users", id, "projects"] = parts else {
        return None;
    };
    let listing = || {
        let caller = reader(world, request)?;
        let user = world
            .organisation
            .users
            .iter()
            .find(|user| user.id.to_string() == *id || user.username == *id)
            .ok_or_else(|| super::hidden("User"))?;
        let own = Namespace::User(user.id);
        let candidates = world
            .organisation
            .projects
            .iter()
            .filter(|p| p.namespace == own);
        let projects = chosen(world, request, &caller, candidates)?;
        page(world, request, &caller, &projects)
    };
    Some(listing())
}

fn in_group(world: &World, project: &Project, group: u64, deep: bool) -> bool {
    match project.namespace {
        Namespace::Group(own) => own == group || deep && world.organisation.is_within(own, group),
        Namespace::User(_) => false,
    }
}

fn of_group(world: &World, request: &Incoming, segment: &str) -> Result<Reply, Reply> {
    let caller = reader(world, request)?;
    let group = super::group(world, &caller, segment)?;
    let shared = params::flag(request, "with_shared")?.unwrap_or(true);
    let deep = params::flag(request, "include_subgroups")?.unwrap_or(false);
    let candidates = world.organisation.projects.iter().filter(|p| {
        in_group(world, p, group.id, deep)
            || shared && p.shared_with.iter().any(|(with, _)| *with == group.id)
    });
    let projects = chosen(world, request, &caller, candidates)?;
    if paging::wants_keyset(request)? {
        return Err(paging::no_keyset());
    }
    let rows = rows(world, request, &caller, &projects)?;
    paging::offset(world, request, &rows)
}

/// `projects` and `shared_projects` of a group's own entity, the first hundred.
pub(super) fn of_group_entity(
    world: &World,
    caller: &Caller,
    group: &Group,
) -> (Vec<Value>, Vec<Value>) {
    let visible = |p: &&Project| world.organisation.sees_project(caller.user(), p);
    let projects = || world.organisation.projects.iter().filter(visible);
    let own = projects()
        .filter(|p| in_group(world, p, group.id, false))
        .take(100);
    let shared = projects().filter(|p| p.shared_with.iter().any(|(with, _)| *with == group.id));
    (
        own.map(|project| full(world, caller, project, false))
            .collect(),
        shared
            .take(100)
            .map(|project| full(world, caller, project, false))
            .collect(),
    )
}

fn one(world: &World, request: &Incoming, segment: &str) -> Result<Reply, Reply> {
    let caller = reader(world, request)?;
    let project = super::project(world, request, &caller, segment)?;
    let statistics = params::flag(request, "statistics")?.unwrap_or(false);
    if caller.user().is_none() {
        let mut value = simple(world, project);
        put(&mut value, Value::Object(Map::new()));
        return Ok(Reply::json(200, &value));
    }
    Ok(Reply::json(200, &full(world, &caller, project, statistics)))
}
