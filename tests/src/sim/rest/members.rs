//! Members of groups and projects, direct and inherited.

use super::super::http::{Incoming, Reply};
use super::super::organisation::{Namespace, stamp};
use super::super::paging;
use super::super::world::World;
use super::{Routed, reader};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(super) fn answer(world: &World, request: &Incoming, parts: &[&str]) -> Routed {
    match parts {
        [kind, id, "members"] => Some(list(world, request, kind, id, false)),
        [kind, id, "members", "all"] => Some(list(world, request, kind, id, true)),
        _ => None,
    }
}

fn list(
    world: &World,
    request: &Incoming,
    kind: &str,
    segment: &str,
    all: bool,
) -> Result<Reply, Reply> {
    let caller = reader(world, request)?;
    caller.signed_in()?;
    let organisation = &world.organisation;
    let mut direct: Vec<(u64, u8)> = Vec::new();
    let mut group = None;
    let level = if kind == "projects" {
        let project = super::project(world, request, &caller, segment)?;
        direct.extend(&project.members);
        match project.namespace {
            Namespace::Group(id) => group = Some(id),
            Namespace::User(id) => direct.push((id, 50)),
        }
        if all {
            for (shared, most) in &project.shared_with {
                // Those of an invited group are its members, inherited ones included.
                let groups = organisation.lineage(*shared).into_iter();
                let members = groups.flat_map(|group| &group.members);
                direct.extend(members.map(|(user, level)| (*user, (*level).min(*most))));
            }
        }
        organisation.project_level(caller.user(), project)
    } else {
        let found = super::group(world, &caller, segment)?;
        direct.extend(&found.members);
        group = found.parent;
        organisation.group_level(caller.user(), found.id)
    };
    if level == 0 {
        return Err(Reply::message(403, "403 Forbidden"));
    }
    while let (true, Some(found)) = (all, group.and_then(|id| organisation.find_group(id))) {
        direct.extend(&found.members);
        group = found.parent;
    }
    let mut highest: BTreeMap<u64, u8> = BTreeMap::new();
    for (user, level) in direct {
        let entry = highest.entry(user).or_default();
        *entry = level.max(*entry);
    }
    let query = request.param("query").map(str::to_lowercase);
    let rows: Vec<Value> = highest
        .into_iter()
        .filter_map(|(user, level)| Some((organisation.find_user(user)?, level)))
        .filter(|(user, _)| {
            query.as_ref().is_none_or(|text| {
                user.username.contains(text) || user.name.to_lowercase().contains(text)
            })
        })
        .map(|(user, level)| {
            let mut value = super::users::basic(world, user);
            if let (Some(map), Value::Object(more)) = (
                value.as_object_mut(),
                json!({ "access_level": level, "created_at": stamp(user.id + 3), "expires_at": null }),
            ) {
                map.extend(more);
                if world.modes.edition.enterprise() {
                    map.insert("membership_state".to_owned(), "active".into());
                }
            }
            value
        })
        .collect();
    paging::offset(world, request, &rows)
}
