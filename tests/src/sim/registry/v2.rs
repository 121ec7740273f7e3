//! The distribution API: ping, tags, manifests, blobs.

use super::super::http::{Incoming, Reply, decoded};
use super::super::storage;
use super::super::store::{StoredManifest, StoredRepository};
use super::super::world::World;
use super::{
    REGISTRY_VERSION, authorise, not_found, refusal, unknown_name, unsupported, valid_digest,
    valid_name,
};
use crate::image::media;
use serde_json::{Value, json};

/// Tags of a page, where the request does not say.
const DEFAULT_PAGE: usize = 100;

pub(super) fn answer(world: &World, request: &Incoming) -> Reply {
    if request.path == "/v2" {
        return Reply::new(301).header("location", "/v2/");
    }
    if request.path == "/v2/" {
        return ping(world, request);
    }
    let path = decoded(request.path.trim_start_matches("/v2/"));
    if path == "_catalog" {
        // Nobody but an administrator may, and no connector should want to.
        return authorise(world, request, Some("catalog"))
            .err()
            .unwrap_or_else(not_found);
    }
    let parts: Vec<&str> = path.split('/').collect();
    let [name @ .., kind, last] = parts.as_slice() else {
        return not_found();
    };
    let name = name.join("/");
    if !valid_name(&name) {
        return not_found();
    }
    let known = match (*kind, *last) {
        ("tags", "list") => true,
        ("manifests", reference) => !reference.is_empty(),
        ("blobs", digest) => digest.contains(':'),
        _ => false,
    };
    if !known {
        return not_found();
    }
    if !request.reads() {
        return unsupported();
    }
    if let Err(reply) = authorise(world, request, Some(&name)) {
        return reply;
    }
    let repository = world.organisation.store.repositories.get(&name);
    match *kind {
        "tags" => tags(world, request, &name, repository),
        "manifests" => manifest(request, repository, last),
        _ => blob(world, request, repository, last),
    }
}

fn ping(world: &World, request: &Incoming) -> Reply {
    if !request.reads() {
        return unsupported();
    }
    if let Err(reply) = authorise(world, request, None) {
        return reply;
    }
    Reply::json(200, &json!({}))
        .header("gitlab-container-registry-version", REGISTRY_VERSION)
        .header("gitlab-container-registry-features", "tag_delete")
        .header(
            "gitlab-container-registry-database-enabled",
            if world.modes.has_database() {
                "true"
            } else {
                "false"
            },
        )
}

fn tags(
    world: &World,
    request: &Incoming,
    name: &str,
    repository: Option<&StoredRepository>,
) -> Reply {
    let Some(repository) = repository else {
        return unknown_name(name);
    };
    let all = repository.tags.keys();
    if !world.modes.has_database() {
        // A file system lists in its own order, whole.
        let mut tags: Vec<&String> = all.collect();
        tags.reverse();
        return Reply::json(200, &json!({ "name": name, "tags": none_if_empty(&tags) }));
    }
    let wanted = request
        .param("n")
        .and_then(|n| n.parse::<usize>().ok())
        .filter(|n| *n > 0);
    let wanted = wanted.unwrap_or(DEFAULT_PAGE);
    let after = request.param("last").unwrap_or("");
    let mut tags: Vec<&String> = all
        .filter(|tag| tag.as_str() > after)
        .take(wanted.saturating_add(1))
        .collect();
    let more = tags.len() > wanted;
    tags.truncate(wanted);
    let reply = Reply::json(200, &json!({ "name": name, "tags": none_if_empty(&tags) }));
    match tags.last().filter(|_| more) {
        Some(last) => {
            let link = format!("</v2/{name}/tags/list?last={last}&n={wanted}>; rel=\"next\"");
            reply.header("link", link)
        }
        None => reply,
    }
}

/// Go's encoder writes an empty list as null.
fn none_if_empty(tags: &[&String]) -> Value {
    if tags.is_empty() {
        Value::Null
    } else {
        json!(tags)
    }
}

fn unknown_manifest(message: &str, detail: &Value) -> Reply {
    refusal(404, "MANIFEST_UNKNOWN", message, detail.clone())
}

fn manifest(request: &Incoming, repository: Option<&StoredRepository>, reference: &str) -> Reply {
    let by_tag = !reference.contains(':');
    let detail = match by_tag {
        true => json!({ "Tag": reference }),
        false => json!({ "Revision": reference }),
    };
    let unknown = || unknown_manifest("manifest unknown", &detail);
    let Some(repository) = repository else {
        return unknown();
    };
    let digest = match by_tag {
        true => repository
            .tags
            .get(reference)
            .map(|tag| tag.digest.as_str()),
        false => Some(reference).filter(|digest| valid_digest(digest)),
    };
    let Some((digest, stored)) =
        digest.and_then(|digest| repository.manifests.get(digest).map(|m| (digest, m)))
    else {
        return unknown();
    };
    let accepts = |media_type: &str| {
        request
            .headers
            .get_all("accept")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| {
                value
                    .split(',')
                    .any(|one| one.split(';').next().unwrap_or("").trim() == media_type)
            })
    };
    match stored.media_type.as_str() {
        media::DOCKER_SCHEMA1 => refusal(
            400,
            "MANIFEST_INVALID",
            "Schema 1 manifest not supported",
            Value::Null,
        ),
        media::OCI_MANIFEST if !accepts(media::OCI_MANIFEST) => unknown_manifest(
            "OCI manifest found, but accept header does not support OCI manifests",
            &detail,
        ),
        media::OCI_INDEX if !accepts(media::OCI_INDEX) => unknown_manifest(
            "OCI index found, but accept header does not support OCI indexes",
            &detail,
        ),
        media::DOCKER_LIST if by_tag && !accepts(media::DOCKER_LIST) => {
            match rewritten(repository, stored) {
                Some((digest, child)) => serve(request, digest, child),
                None => unknown(),
            }
        }
        _ => serve(request, digest, stored),
    }
}

/// What an old client gets for a manifest list: its `linux/amd64` image.
pub(super) fn rewritten<'a>(
    repository: &'a StoredRepository,
    list: &'a StoredManifest,
) -> Option<(&'a str, &'a StoredManifest)> {
    list.children.iter().find_map(|digest| {
        let child = repository.manifests.get(digest)?;
        let platform = child.platform.as_ref()?;
        (platform.os == "linux" && platform.architecture == "amd64")
            .then_some((digest.as_str(), child))
    })
}

fn serve(request: &Incoming, digest: &str, stored: &StoredManifest) -> Reply {
    let etag = format!("\"{digest}\"");
    let mark = |reply: Reply| {
        reply
            .header("docker-content-digest", digest)
            .header("etag", etag.clone())
    };
    if request
        .header("if-none-match")
        .is_some_and(|given| given.trim_matches('"') == digest)
    {
        return mark(Reply::new(304));
    }
    mark(Reply::of(200, &stored.media_type, stored.bytes.clone()))
}

fn blob(
    world: &World,
    request: &Incoming,
    repository: Option<&StoredRepository>,
    digest: &str,
) -> Reply {
    if !valid_digest(digest) {
        return refusal(
            400,
            "DIGEST_INVALID",
            "provided digest did not match uploaded content",
            Value::Null,
        );
    }
    let known = repository.is_some_and(|repository| repository.blobs.contains(digest));
    let Some(bytes) = world.organisation.store.blobs.get(digest).filter(|_| known) else {
        return refusal(
            404,
            "BLOB_UNKNOWN",
            "blob unknown to registry",
            json!(digest),
        );
    };
    if world.modes.redirect_blobs {
        let address = storage::signed_address(world, request.method.as_str(), digest);
        let escaped = address.replace('&', "&amp;");
        let body = format!("<a href=\"{escaped}\">Temporary Redirect</a>.\n\n");
        return Reply::of(307, "text/html; charset=utf-8", body).header("location", address);
    }
    storage::content(request, bytes, &format!("\"{digest}\""))
        .header("docker-content-digest", digest)
        .header("cache-control", "max-age=31536000")
}
