//! GitLab's own registry API: tags with their digests in one listing. Needs the metadata database, an
//! ordinary pull JWT, and a slash at the end.

use super::super::http::{Incoming, Reply, decoded};
use super::super::store::{StoredManifest, StoredRepository, StoredTag};
use super::super::world::World;
use super::{
    REGISTRY_VERSION, authorise, not_found, refusal, unknown_name, unsupported, valid_name,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Tags of a page, where the request does not say, and at most.
const DEFAULT_PAGE: usize = 100;
const MAX_PAGE: usize = 1_000;

pub(super) fn answer(world: &World, request: &Incoming) -> Reply {
    if !request.path.ends_with('/') {
        let query = match request.raw_query.as_str() {
            "" => String::new(),
            query => format!("?{query}"),
        };
        return Reply::new(301).header("location", format!("{}/{query}", request.path));
    }
    if !request.reads() {
        return unsupported();
    }
    let path = decoded(
        request
            .path
            .trim_start_matches("/gitlab/v1/")
            .trim_end_matches('/'),
    );
    if path.is_empty() {
        return match authorise(world, request, None) {
            Err(reply) => reply,
            Ok(()) if !world.modes.has_database() => without_database(),
            Ok(()) => Reply::json(200, &json!({})),
        };
    }
    let Some(rest) = path.strip_prefix("repositories/") else {
        return not_found();
    };
    let parts: Vec<&str> = rest.split('/').collect();
    let (name, what) = match parts.as_slice() {
        [name @ .., "tags", "list"] => (name.join("/"), What::Tags),
        [name @ .., "tags", "detail", tag] => (name.join("/"), What::Tag(tag)),
        name => (name.join("/"), What::Repository),
    };
    if !valid_name(&name) {
        return not_found();
    }
    if let Err(reply) = authorise(world, request, Some(&name)) {
        return reply;
    }
    if !world.modes.has_database() {
        return without_database();
    }
    let Some(repository) = world.organisation.store.repositories.get(&name) else {
        return unknown_name(&name);
    };
    match what {
        What::Tags => tags(request, &name, repository),
        What::Tag(tag) => detail(&name, tag, repository),
        What::Repository => facts(request, &name, repository),
    }
}

enum What<'a> {
    Tags,
    Tag(&'a str),
    Repository,
}

fn without_database() -> Reply {
    Reply::new(404).header("gitlab-container-registry-version", REGISTRY_VERSION)
}

fn bad_value(parameter: &str, why: &str) -> Reply {
    refusal(
        400,
        "INVALID_QUERY_PARAMETER_VALUE",
        "the value of a query parameter is invalid",
        json!({ "parameter": parameter, "reason": why }),
    )
}

fn tag_text(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Time of a row for `published_at`.
fn published(tag: &StoredTag) -> &str {
    tag.updated_at.as_deref().unwrap_or(&tag.created_at)
}

fn tags(request: &Incoming, name: &str, repository: &StoredRepository) -> Reply {
    let wanted = match request.param("n") {
        None => DEFAULT_PAGE,
        Some(text) => match text.parse::<usize>() {
            Ok(n) if (1..=MAX_PAGE).contains(&n) => n,
            Ok(_) => return bad_value("n", "must be from 1 to 1000"),
            Err(_) => {
                return refusal(
                    400,
                    "INVALID_QUERY_PARAMETER_TYPE",
                    "the value of a query parameter is of an invalid type",
                    json!({ "parameter": "n", "type": "integer" }),
                );
            }
        },
    };
    let (last, before) = (request.param("last"), request.param("before"));
    if last.is_some() && before.is_some() {
        return bad_value("last", "mutually exclusive with before");
    }
    let (part, exact) = (request.param("name"), request.param("name_exact"));
    if part.is_some() && exact.is_some() {
        return bad_value("name", "mutually exclusive with name_exact");
    }
    if [part, exact]
        .into_iter()
        .flatten()
        .any(|text| !tag_text(text))
    {
        return bad_value(
            "name",
            "must be of letters, digits, dots, underscores and hyphens",
        );
    }
    let sort = request.param("sort").unwrap_or("name");
    let by_time = match sort {
        "name" | "-name" => false,
        "published_at" | "-published_at" => true,
        _ => return bad_value("sort", "must be name, -name, published_at or -published_at"),
    };
    let mut rows: Vec<(&String, &StoredTag)> = repository
        .tags
        .iter()
        .filter(|(tag, _)| part.is_none_or(|part| tag.contains(part)))
        .filter(|(tag, _)| exact.is_none_or(|exact| *tag == exact))
        .collect();
    if by_time {
        rows.sort_by_key(|(tag, row)| (published(row), *tag));
    }
    if sort.starts_with('-') {
        rows.reverse();
    }
    let marker = |(tag, row): &(&String, &StoredTag)| match by_time {
        true => STANDARD.encode(format!(
            "{}000Z|{tag}",
            published(row).trim_end_matches('Z')
        )),
        false => (*tag).clone(),
    };
    let place = |mark: &str| rows.iter().position(|row| marker(row) == mark);
    let by_name = |mark: &str, rows: &[(&String, &StoredTag)]| match sort.starts_with('-') {
        true => rows
            .iter()
            .take_while(|(tag, _)| tag.as_str() > mark)
            .count(),
        false => rows
            .iter()
            .take_while(|(tag, _)| tag.as_str() < mark)
            .count(),
    };
    let (start, end) = match (last, before, exact) {
        (_, _, Some(_)) => (0, rows.len()),
        (Some(mark), ..) => {
            let start = place(mark).map(|at| at + 1);
            let start = start.unwrap_or_else(|| {
                if by_time {
                    rows.len()
                } else {
                    by_name(mark, &rows)
                }
            });
            (start, (start + wanted).min(rows.len()))
        }
        (None, Some(mark), _) => {
            let end = place(mark).unwrap_or_else(|| if by_time { 0 } else { by_name(mark, &rows) });
            (end.saturating_sub(wanted), end)
        }
        (None, None, None) => (0, wanted.min(rows.len())),
    };
    let page = rows.get(start..end).unwrap_or_default();
    let referrers = request.param("referrers") == Some("true");
    let types: Option<Vec<&str>> = request
        .param("referrer_type")
        .map(|t| t.split(',').collect());
    let body: Vec<Value> = page
        .iter()
        .map(|(tag, row)| {
            let mut value = tag_row(tag, row, repository);
            if let (true, Some(map)) = (referrers, value.as_object_mut()) {
                let found = referrers_of(repository, &row.digest, types.as_deref());
                if !found.is_empty() {
                    map.insert("referrers".to_owned(), found.into());
                }
            }
            value
        })
        .collect();
    let mut links = Vec::new();
    let address = |key: &str, row: &(&String, &StoredTag)| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        // `referrers` is lost here, in the real registry too.
        for (key, value) in [("name", part), ("sort", request.param("sort"))] {
            if let Some(value) = value {
                query.append_pair(key, value);
            }
        }
        query
            .append_pair(key, &marker(row))
            .append_pair("n", &wanted.to_string());
        format!(
            "</gitlab/v1/repositories/{name}/tags/list/?{}>",
            query.finish()
        )
    };
    if let Some(first) = page.first().filter(|_| start > 0) {
        links.push(format!("{}; rel=\"previous\"", address("before", first)));
    }
    if let Some(last) = page.last().filter(|_| end < rows.len()) {
        links.push(format!("{}; rel=\"next\"", address("last", last)));
    }
    let reply = Reply::json(200, &body.into());
    if links.is_empty() {
        reply
    } else {
        reply.header("link", links.join(", "))
    }
}

fn tag_row(tag: &str, row: &StoredTag, repository: &StoredRepository) -> Value {
    let manifest = repository.manifests.get(&row.digest);
    let mut value = json!({
        "name": tag, "digest": row.digest,
        "media_type": manifest.map_or("", |manifest| manifest.media_type.as_str()),
        "size_bytes": manifest.map_or(0, |manifest| manifest.size),
        "created_at": row.created_at, "published_at": published(row),
    });
    if let Some(map) = value.as_object_mut() {
        if let Some(config) = manifest.and_then(|manifest| manifest.config_digest.as_deref()) {
            map.insert("config_digest".to_owned(), config.into());
        }
        if let Some(updated) = &row.updated_at {
            map.insert("updated_at".to_owned(), updated.as_str().into());
        }
    }
    value
}

fn referrers_of(repository: &StoredRepository, digest: &str, types: Option<&[&str]>) -> Vec<Value> {
    let mut found: Vec<(&String, &str)> = repository
        .manifests
        .iter()
        .filter(|(_, manifest)| manifest.subject.as_deref() == Some(digest))
        .filter_map(|(digest, manifest)| Some((digest, manifest.artifact_type.as_deref()?)))
        .filter(|(_, kind)| types.is_none_or(|types| types.contains(kind)))
        .collect();
    found.sort();
    found
        .iter()
        .map(|(digest, kind)| json!({ "artifactType": kind, "digest": digest }))
        .collect()
}

fn detail(name: &str, tag: &str, repository: &StoredRepository) -> Reply {
    if !tag_text(tag) {
        return refusal(
            400,
            "TAG_INVALID",
            "manifest tag did not match URI",
            Value::Null,
        );
    }
    let Some(row) = repository.tags.get(tag) else {
        let message = "tag name for repository does not exist";
        return refusal(404, "TAG_UNKNOWN", message, json!({ "tagName": tag }));
    };
    let Some(manifest) = repository.manifests.get(&row.digest) else {
        return unknown_name(name);
    };
    let mut value = json!({
        "repository": name, "name": tag, "image": image(repository, &row.digest, manifest),
        "created_at": row.created_at, "published_at": published(row),
    });
    if let (Some(updated), Some(map)) = (&row.updated_at, value.as_object_mut()) {
        map.insert("updated_at".to_owned(), updated.as_str().into());
    }
    Reply::json(200, &value)
}

fn image(repository: &StoredRepository, digest: &str, manifest: &StoredManifest) -> Value {
    let mut inner = Map::new();
    inner.insert("digest".to_owned(), digest.into());
    inner.insert("media_type".to_owned(), manifest.media_type.as_str().into());
    if !manifest.children.is_empty() {
        let children = manifest.children.iter().filter_map(|digest| {
            // One level: what an index in an index refers to is not followed.
            let child = repository.manifests.get(digest)?;
            let plain = StoredManifest {
                children: Vec::new(),
                ..child.clone()
            };
            Some(image(repository, digest, &plain))
        });
        inner.insert("references".to_owned(), children.collect());
    }
    let mut value = json!({ "size_bytes": manifest.size, "manifest": inner });
    if let (Some(config), Some(map)) = (&manifest.config_digest, value.as_object_mut()) {
        let mut facts =
            json!({ "digest": config, "media_type": manifest.config_media_type.as_deref() });
        if let (Some(platform), Some(facts)) = (&manifest.platform, facts.as_object_mut()) {
            let platform = json!({ "architecture": platform.architecture, "os": platform.os });
            facts.insert("platform".to_owned(), platform);
        }
        map.insert("config".to_owned(), facts);
    }
    value
}

fn facts(request: &Incoming, name: &str, repository: &StoredRepository) -> Reply {
    let mut value = json!({
        "name": name.rsplit('/').next(), "path": name, "created_at": repository.created_at,
    });
    match request.param("size") {
        None => {}
        Some("self") => {
            let sizes = repository
                .tags
                .values()
                .filter_map(|tag| repository.manifests.get(&tag.digest));
            let size: u64 = sizes.map(|manifest| manifest.size).sum();
            if let Some(map) = value.as_object_mut() {
                map.insert("size_bytes".to_owned(), size.into());
                map.insert("size_precision".to_owned(), "default".into());
            }
        }
        // Needs the right to pull everything below, which nobody gets from `/jwt/auth`.
        Some("self_with_descendants") => {
            return refusal(401, "UNAUTHORIZED", "authentication required", Value::Null);
        }
        Some(_) => return bad_value("size", "must be self or self_with_descendants"),
    }
    let newest = repository.tags.values().map(published).max();
    if let (Some(newest), Some(map)) = (newest, value.as_object_mut()) {
        map.insert("last_published_at".to_owned(), newest.into());
    }
    Reply::json(200, &value)
}
