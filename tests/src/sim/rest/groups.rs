//! Groups and subgroups.

use super::super::auth::Caller;
use super::super::http::{Incoming, Reply};
use super::super::organisation::{Group, Visibility, stamp};
use super::super::paging;
use super::super::params;
use super::super::world::World;
use super::{Routed, reader};
use serde_json::{Value, json};

pub(super) fn answer(world: &World, request: &Incoming, parts: &[&str]) -> Routed {
    match parts {
        ["groups"] => Some(list(world, request, None)),
        ["groups", id] => Some(one(world, request, id)),
        ["groups", id, "subgroups"] => Some(list(world, request, Some((id, false)))),
        ["groups", id, "descendant_groups"] => Some(list(world, request, Some((id, true)))),
        _ => None,
    }
}

fn entity(world: &World, group: &Group) -> Value {
    let organisation = &world.organisation;
    let mut names = vec![group.name.as_str()];
    let mut above = group.parent.and_then(|id| organisation.find_group(id));
    while let Some(group) = above {
        names.insert(0, &group.name);
        above = group.parent.and_then(|id| organisation.find_group(id));
    }
    let mut value = json!({
        "id": group.id, "web_url": format!("{}/groups/{}", world.url(), group.full_path),
        "name": group.name, "path": group.path, "description": group.description,
        "visibility": group.visibility.as_str(), "share_with_group_lock": false,
        "require_two_factor_authentication": false, "two_factor_grace_period": 48,
        "project_creation_level": "developer", "auto_devops_enabled": null,
        "subgroup_creation_level": "maintainer", "emails_disabled": false, "mentions_disabled": null,
        "lfs_enabled": true, "default_branch": null, "default_branch_protection": 2,
        "avatar_url": null, "request_access_enabled": true, "full_name": names.join(" / "),
        "full_path": group.full_path, "created_at": stamp(group.id), "parent_id": group.parent,
        "organization_id": 1, "shared_runners_setting": "enabled", "ldap_cn": null, "ldap_access": null,
    });
    if let (true, Some(map)) = (world.modes.edition.enterprise(), value.as_object_mut()) {
        let day = group.marked_for_deletion_on.clone();
        map.insert("marked_for_deletion_on".to_owned(), day.into());
    }
    value
}

fn list(world: &World, request: &Incoming, below: Option<(&str, bool)>) -> Result<Reply, Reply> {
    let caller = reader(world, request)?;
    let organisation = &world.organisation;
    let user = caller.user();
    let parent = match below {
        Some((segment, deep)) => Some((super::group(world, &caller, segment)?.id, deep)),
        None => None,
    };
    let admin = user.is_some_and(|user| user.admin);
    let everything = params::flag(request, "all_available")?.unwrap_or(admin) || user.is_none();
    let owned = params::flag(request, "owned")?.unwrap_or(false);
    let top_level = params::flag(request, "top_level_only")?.unwrap_or(false);
    let visibility = params::visibility(request)?;
    let least = params::min_access_level(request)?;
    let descending = params::descending(request, false)?;
    let order = params::choice(request, "order_by", &["name", "path", "id", "similarity"])?
        .unwrap_or("name");
    let search = request.param("search").map(str::to_lowercase);
    let skipped: Vec<&str> = request.params("skip_groups[]").collect();
    let mut groups: Vec<&Group> = organisation
        .groups
        .iter()
        .filter(|group| organisation.sees_group(user, group))
        .filter(|group| match parent {
            Some((parent, false)) => group.parent == Some(parent),
            Some((parent, true)) => group.id != parent && organisation.is_within(group.id, parent),
            None => everything || organisation.belongs_to_group(user, group),
        })
        .filter(|group| !top_level || group.parent.is_none())
        .filter(|group| !owned || organisation.group_level(user, group.id) >= 50)
        .filter(|group| visibility.is_none_or(|wanted| group.visibility.as_str() == wanted))
        .filter(|group| least.is_none_or(|least| organisation.group_level(user, group.id) >= least))
        .filter(|group| !skipped.contains(&group.id.to_string().as_str()))
        .filter(|group| {
            search.as_ref().is_none_or(|text| {
                group.name.to_lowercase().contains(text) || group.path.to_lowercase().contains(text)
            })
        })
        .collect();
    groups.sort_by_key(|group| {
        let text = match order {
            "path" => group.path.to_lowercase(),
            "id" => String::new(),
            _ => group.name.to_lowercase(),
        };
        (text, group.id)
    });
    if descending {
        groups.reverse();
    }
    if paging::wants_keyset(request)? {
        return keyset(
            world,
            request,
            &caller,
            &groups,
            below.is_none() && order == "name" && !descending,
        );
    }
    if user.is_none() {
        paging::within_offset_limit(world, request, "Group")?;
    }
    let rows: Vec<Value> = groups.iter().map(|group| entity(world, group)).collect();
    paging::offset(world, request, &rows)
}

/// For anonymous callers, by name.
fn keyset(
    world: &World,
    request: &Incoming,
    caller: &Caller,
    groups: &[&Group],
    possible: bool,
) -> Result<Reply, Reply> {
    if caller.user().is_some() || !possible {
        return Err(paging::no_keyset());
    }
    let after = request.param("cursor").unwrap_or("");
    let rows: Vec<Value> = groups
        .iter()
        .filter(|group| group.visibility == Visibility::Public && group.name.as_str() > after)
        .map(|group| entity(world, group))
        .collect();
    paging::keyset(world, request, &rows, "cursor", |row| {
        row.get("name")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    })
}

fn one(world: &World, request: &Incoming, segment: &str) -> Result<Reply, Reply> {
    let caller = reader(world, request)?;
    let group = super::group(world, &caller, segment)?;
    let mut value = entity(world, group);
    if let (true, Some(map)) = (
        params::flag(request, "with_projects")?.unwrap_or(true),
        value.as_object_mut(),
    ) {
        let (own, shared) = super::projects::of_group_entity(world, &caller, group);
        map.insert("projects".to_owned(), own.into());
        map.insert("shared_projects".to_owned(), shared.into());
    }
    Ok(Reply::json(200, &value))
}
