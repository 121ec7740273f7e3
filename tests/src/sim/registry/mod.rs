//! The container registry: the distribution API under `/v2/` and GitLab's own under `/gitlab/v1/`.

mod gitlab;
mod v2;

use super::http::{Incoming, Reply};
use super::modes::Registry;
use super::world::World;
use serde_json::{Value, json};

/// The version that it says it is.
const REGISTRY_VERSION: &str = "4.32.0-gitlab";

pub(crate) fn answer(world: &World, request: &Incoming) -> Reply {
    if world.modes.registry == Registry::Disabled {
        return Reply::text(502, "Bad Gateway\n");
    }
    if world.modes.registry_down {
        return refusal(503, "UNAVAILABLE", "service unavailable", Value::Null);
    }
    let reply = match request.path.as_str() {
        path if path.starts_with("/v2/") || path == "/v2" => v2::answer(world, request),
        path if path.starts_with("/gitlab/v1") => gitlab::answer(world, request),
        _ => not_found(),
    };
    reply
        .header("docker-distribution-api-version", "registry/2.0")
        .header("x-content-type-options", "nosniff")
}

/// The router's own answer: no JSON.
fn not_found() -> Reply {
    Reply::of(404, "text/plain; charset=utf-8", "404 page not found\n")
}

fn refusal(status: u16, code: &str, message: &str, detail: Value) -> Reply {
    let mut error = json!({ "code": code, "message": message });
    if let (false, Some(map)) = (detail.is_null(), error.as_object_mut()) {
        map.insert("detail".to_owned(), detail);
    }
    Reply::json(status, &json!({ "errors": [error] }))
}

fn unknown_name(name: &str) -> Reply {
    refusal(
        404,
        "NAME_UNKNOWN",
        "repository name not known to registry",
        json!({ "name": name }),
    )
}

fn unsupported() -> Reply {
    refusal(
        405,
        "UNSUPPORTED",
        "The operation is unsupported.",
        Value::Null,
    )
}

/// Path components of lower-case letters, digits and single separators, as the registry's router has them.
fn valid_name(name: &str) -> bool {
    let component = |part: &str| {
        let bytes = part.as_bytes();
        let plain = |byte: Option<&u8>| {
            byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        plain(bytes.first())
            && plain(bytes.last())
            && bytes
                .iter()
                .all(|byte| plain(Some(byte)) || matches!(byte, b'.' | b'_' | b'-'))
    };
    !name.is_empty() && name.len() <= 255 && name.split('/').all(component)
}

/// `sha256:` and 64 lower-case hexadecimal digits.
fn valid_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Checks the JWT: signature, time, issuer, audience, and (where a name is given) the right to pull.
fn authorise(world: &World, request: &Incoming, name: Option<&str>) -> Result<(), Reply> {
    let challenge = |error: Option<&str>| {
        let mut header = format!(
            "Bearer realm=\"{}/jwt/auth\",service=\"container_registry\"",
            world.url()
        );
        let mut detail = Value::Null;
        if let Some(name) = name {
            header.push_str(&format!(",scope=\"repository:{name}:pull\""));
            detail = json!([{ "Type": "repository", "Class": "", "Name": name, "ProjectPath": "",
                              "Action": "pull" }]);
        }
        if let Some(error) = error {
            header.push_str(&format!(",error=\"{error}\""));
        }
        let body = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "authentication required",
                                        "detail": detail }] });
        Err(Reply::json(401, &body).header("www-authenticate", header))
    };
    let Some(jwt) = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "))
    else {
        return challenge(None);
    };
    let Some(claims) = world.keys.claims(jwt.trim()) else {
        return challenge(Some("invalid_token"));
    };
    let now = jiff::Timestamp::now().as_second();
    let leeway = i64::try_from(world.modes.jwt_leeway.as_secs()).unwrap_or(60);
    let text = |key: &str| claims.get(key).and_then(Value::as_str);
    let time = |key: &str| claims.get(key).and_then(Value::as_i64);
    let good = text("iss") == Some("gitlab-issuer")
        && text("aud") == Some("container_registry")
        && time("exp").is_some_and(|end| now < end + leeway)
        && time("nbf").is_some_and(|start| now >= start - leeway);
    if !good {
        return challenge(Some("invalid_token"));
    }
    let granted = |name: &str| {
        let access = claims.get("access").and_then(Value::as_array);
        access.into_iter().flatten().any(|record| {
            record.get("type").and_then(Value::as_str) == Some("repository")
                && record.get("name").and_then(Value::as_str) == Some(name)
                && record
                    .get("actions")
                    .and_then(Value::as_array)
                    .is_some_and(|actions| actions.iter().any(|action| action == "pull"))
        })
    };
    match name {
        Some(name) if !granted(name) => challenge(Some("insufficient_scope")),
        _ => Ok(()),
    }
}

/// The `linux/amd64` child of a manifest list.
pub(crate) fn amd64_of<'a>(
    repository: &'a super::store::StoredRepository,
    list: &'a super::store::StoredManifest,
) -> Option<&'a super::store::StoredManifest> {
    v2::rewritten(repository, list).map(|(_, manifest)| manifest)
}
