//! Users, the token's own description, and the instance.

use super::super::auth::{READ, READ_USER, caller, unauthorized};
use super::super::http::{Incoming, Reply};
use super::super::organisation::stamp;
use super::super::people::{TokenKind, User};
use super::super::world::World;
use super::Routed;
use serde_json::{Value, json};

pub(super) fn answer(world: &World, request: &Incoming, parts: &[&str]) -> Routed {
    let version = world.modes.version;
    match parts {
        ["user"] => Some(me(world, request)),
        ["users", id] => Some(other(world, request, id)),
        ["metadata"] if version.at_least(15, 2) => Some(metadata(world, request)),
        ["version"] => Some(version_only(world, request)),
        _ => None,
    }
}

/// The short form that listings have.
pub(super) fn basic(world: &World, user: &User) -> Value {
    json!({
        "id": user.id, "username": user.username, "name": user.name,
        "state": if user.blocked { "blocked" } else { "active" }, "locked": false,
        "avatar_url": null, "web_url": format!("{}/{}", world.url(), user.username),
    })
}

fn me(world: &World, request: &Incoming) -> Result<Reply, Reply> {
    let caller = caller(world, request, &READ_USER)?;
    let (user, _) = caller.signed_in()?;
    let mut value = json!({
        "id": user.id, "username": user.username, "name": user.name, "state": "active",
        "locked": false, "avatar_url": null, "web_url": format!("{}/{}", world.url(), user.username),
        "created_at": stamp(user.id), "bio": "", "location": null, "public_email": null,
        "linkedin": "", "twitter": "", "discord": "", "website_url": "", "organization": "",
        "job_title": "", "pronouns": null, "bot": user.bot, "work_information": null,
        "followers": 0, "following": 0, "local_time": null, "last_sign_in_at": stamp(user.id + 1),
        "confirmed_at": stamp(user.id), "last_activity_on": "2025-06-01",
        "email": format!("{}@example.com", user.username), "theme_id": 1, "color_scheme_id": 1,
        "projects_limit": 100_000, "current_sign_in_at": null, "identities": [],
        "can_create_group": true, "can_create_project": true, "two_factor_enabled": true,
        "external": false, "private_profile": false,
        "commit_email": format!("{}@example.com", user.username),
    });
    if let (true, Some(map)) = (user.admin, value.as_object_mut()) {
        map.insert("is_admin".to_owned(), true.into());
        map.insert("note".to_owned(), Value::Null);
        map.insert("namespace_id".to_owned(), user.id.into());
        map.insert("created_by".to_owned(), Value::Null);
    }
    Ok(Reply::json(200, &value))
}

fn other(world: &World, request: &Incoming, id: &str) -> Result<Reply, Reply> {
    let caller = caller(world, request, &READ_USER)?;
    caller.signed_in()?;
    let user = id
        .parse()
        .ok()
        .and_then(|id| world.organisation.find_user(id));
    let user = user.ok_or_else(|| super::hidden("User"))?;
    Ok(Reply::json(200, &basic(world, user)))
}

fn full_version(world: &World) -> String {
    let suffix = if world.modes.edition.enterprise() {
        "-ee"
    } else {
        ""
    };
    format!("{}{suffix}", world.modes.version)
}

fn metadata(world: &World, request: &Incoming) -> Result<Reply, Reply> {
    caller(world, request, &READ_USER)?.signed_in()?;
    let mut value = json!({
        "version": full_version(world), "revision": "ceb07b24cb0",
        "kas": { "enabled": false, "externalUrl": null, "version": null },
    });
    if let Some(map) = value.as_object_mut() {
        if world.modes.version.at_least(15, 6) {
            map.insert(
                "enterprise".to_owned(),
                world.modes.edition.enterprise().into(),
            );
        }
        if let (true, Some(kas)) = (
            world.modes.version.at_least(17, 6),
            map.get_mut("kas").and_then(Value::as_object_mut),
        ) {
            kas.insert("externalK8sProxyUrl".to_owned(), Value::Null);
        }
    }
    Ok(Reply::json(200, &value))
}

fn version_only(world: &World, request: &Incoming) -> Result<Reply, Reply> {
    caller(world, request, &READ_USER)?.signed_in()?;
    Ok(Reply::json(
        200,
        &json!({ "version": full_version(world), "revision": "ceb07b24cb0" }),
    ))
}

pub(super) fn tokens(world: &World, request: &Incoming, parts: &[&str]) -> Routed {
    let version = world.modes.version;
    match parts {
        ["personal_access_tokens", "self"] if version.at_least(15, 5) => {
            Some(describe_self(world, request))
        }
        // The older route takes a number only.
        ["personal_access_tokens", "self"] => Some(
            caller(world, request, &READ)
                .and_then(|caller| caller.signed_in().map(|_| ()))
                .and(Err(super::hidden("Personal Access Token"))),
        ),
        ["personal_access_tokens", "self", "associations"] if version.at_least(17, 4) => {
            Some(associations(world, request))
        }
        _ => None,
    }
}

fn describe_self(world: &World, request: &Incoming) -> Result<Reply, Reply> {
    let caller = caller(world, request, &[])?;
    let (user, token) = caller.signed_in()?;
    if token.kind != TokenKind::Personal {
        return Err(unauthorized());
    }
    let mut value = json!({
        "id": token.id, "name": token.name, "revoked": token.revoked, "created_at": stamp(token.id),
        "scopes": token.scopes, "user_id": user.id, "last_used_at": stamp(token.id + 10),
        "active": !token.revoked && !token.expired(), "expires_at": token.expires_at,
    });
    if let Some(map) = value.as_object_mut() {
        if world.modes.version.at_least(17, 6) {
            map.insert("description".to_owned(), Value::Null);
        }
        if token.granular {
            map.insert("granular".to_owned(), true.into());
            map.insert("expired".to_owned(), false.into());
        }
    }
    Ok(Reply::json(200, &value))
}

fn associations(world: &World, request: &Incoming) -> Result<Reply, Reply> {
    let caller = caller(world, request, &READ)?;
    let (user, _) = caller.signed_in()?;
    let organisation = &world.organisation;
    let groups: Vec<Value> = organisation
        .groups
        .iter()
        .filter(|group| organisation.group_level(Some(user), group.id) > 0)
        .map(|group| {
            json!({
                "id": group.id, "web_url": format!("{}/groups/{}", world.url(), group.full_path),
                "name": group.name, "parent_id": group.parent, "organization_id": 1,
                "access_levels": organisation.group_level(Some(user), group.id),
                "visibility": group.visibility.as_str(),
            })
        })
        .collect();
    let projects: Vec<Value> = organisation
        .projects
        .iter()
        .filter(|project| organisation.member_level(Some(user), project) > 0)
        .map(|project| super::projects::simple(world, project))
        .collect();
    Ok(Reply::json(
        200,
        &json!({ "groups": groups, "projects": projects }),
    ))
}
