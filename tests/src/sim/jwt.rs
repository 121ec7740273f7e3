//! `GET /jwt/auth`: the token service of the registry.

use super::access::Reading;
use super::auth::basic;
use super::http::{Incoming, Reply};
use super::modes::Registry;
use super::organisation::{FeatureAccess, Namespace, Project, stamp};
use super::people::{Token, TokenKind, User, level};
use super::world::World;
use serde_json::{Value, json};

/// What a credential may do with images.
struct Bearer {
    user: Option<User>,
    name: String,
    kind: &'static str,
    pulls: bool,
    pushes: bool,
    /// Deploy tokens reach one project only.
    project: Option<u64>,
}

pub(crate) fn answer(world: &mut World, request: &Incoming) -> Reply {
    if !request.reads() || request.param("service") != Some("container_registry") {
        return Reply::message(404, "404 Not Found");
    }
    if world
        .modes
        .ban_after_failures
        .is_some_and(|most| world.failed_sign_ins >= most)
    {
        return Reply::text(403, "Forbidden\n");
    }
    if world.modes.registry == Registry::Disabled {
        return refusal(404, "UNAVAILABLE", "registry not enabled");
    }
    let bearer = match request.header("authorization") {
        Some(_) => match basic(request).and_then(|(user, secret)| sign_in(world, &user, &secret)) {
            Some(bearer) => {
                world.failed_sign_ins = 0;
                Some(bearer)
            }
            None => {
                world.failed_sign_ins += 1;
                return denied_sign_in(world);
            }
        },
        None => None,
    };
    if bearer
        .as_ref()
        .is_some_and(|bearer| !bearer.pulls && !bearer.pushes)
    {
        return refusal(403, "DENIED", "access forbidden");
    }
    let scopes: Vec<String> = request
        .params("scope")
        .flat_map(|value| value.split(' '))
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect();
    let mut access = Vec::new();
    for scope in &scopes {
        match grant(world, bearer.as_ref(), scope) {
            Ok(Some(record)) => access.push(record),
            Ok(None) => {}
            Err(reply) => return reply,
        }
    }
    if bearer.is_none() && access.is_empty() {
        return refusal(403, "DENIED", "access forbidden");
    }
    Reply::json(
        200,
        &json!({ "token": token(world, bearer.as_ref(), access) }),
    )
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({ "errors": [{ "code": code, "message": message }], "http_status": status });
    Reply::json(status, &body)
}

fn denied_sign_in(world: &World) -> Reply {
    let message = format!(
        "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was \
         incorrect or you're required to use a token instead of a password. If a token was provided, it was \
         either incorrect, expired, or improperly scoped. See {}/help/topics/git/troubleshooting_git.md\
         #error-on-git-fetch-http-basic-access-denied",
        world.url()
    );
    Reply::json(
        401,
        &json!({ "errors": [{ "code": "UNAUTHORIZED", "message": message }] }),
    )
}

fn sign_in(world: &World, username: &str, secret: &str) -> Option<Bearer> {
    let organisation = &world.organisation;
    let token = organisation
        .tokens
        .iter()
        .find(|token| token.value == secret)?;
    if token.revoked || token.expired() {
        return None;
    }
    let job_name = username == "gitlab-ci-token" || username.ends_with("-ci-token");
    let user = token.user.and_then(|id| organisation.find_user(id));
    if user.is_some_and(|user| user.blocked) {
        return None;
    }
    let bearer = |kind, token: &Token| Bearer {
        name: user.map_or_else(|| username.to_owned(), |user| user.username.clone()),
        user: user.cloned(),
        kind,
        pulls: token.has_any(&["api", "read_api", "read_registry"]),
        pushes: token.has_any(&["api", "write_registry"]),
        project: None,
    };
    match &token.kind {
        TokenKind::Job if job_name => Some(Bearer {
            pulls: true,
            ..bearer("build", token)
        }),
        TokenKind::Job => None,
        _ if job_name => None,
        TokenKind::Deploy {
            username: exact,
            project,
        } if exact == username => Some(Bearer {
            project: Some(*project),
            ..bearer("deploy_token", token)
        }),
        TokenKind::Deploy { .. } => None,
        TokenKind::Personal if username.is_empty() => None,
        TokenKind::Personal => Some(bearer("personal_access_token", token)),
        TokenKind::OAuth => Some(bearer("oauth", token)),
    }
}

/// The access record for one scope; none when it is denied, which nobody is told.
fn grant(world: &mut World, bearer: Option<&Bearer>, scope: &str) -> Result<Option<Value>, Reply> {
    let mut parts = scope.splitn(2, ':');
    let (kind, rest) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let Some((name, actions)) = rest.rsplit_once(':') else {
        return Ok(None);
    };
    let admin = bearer
        .and_then(|bearer| bearer.user.as_ref())
        .is_some_and(|user| user.admin);
    if kind == "registry" && name == "catalog" && actions == "*" && admin {
        return Ok(Some(
            json!({ "type": "registry", "name": "catalog", "actions": ["*"] }),
        ));
    }
    if kind != "repository" {
        return Ok(None);
    }
    let Some(project) = world.organisation.project_of_image(name).cloned() else {
        return Ok(None);
    };
    if world.organisation.project_ip_restricted(&project) {
        return Err(Reply::of(
            500,
            "text/html",
            "<html><body>500 Internal Server Error</body></html>",
        ));
    }
    let granted: Vec<&str> = actions
        .split(',')
        .filter(|action| may(world, bearer, &project, action))
        .collect();
    if granted.is_empty() {
        return Ok(None);
    }
    if granted.contains(&"push") {
        ensure_repository(world, &project, name);
    }
    let root = match project.namespace {
        Namespace::Group(group) => group,
        Namespace::User(user) => user,
    };
    Ok(Some(json!({
        "type": "repository", "name": name, "actions": granted,
        "meta": { "project_path": project.full_path.to_lowercase(), "project_id": project.id,
                  "root_namespace_id": root },
    })))
}

fn may(world: &World, bearer: Option<&Bearer>, project: &Project, action: &str) -> bool {
    let user = bearer.and_then(|bearer| bearer.user.as_ref());
    let organisation = &world.organisation;
    if let Some(own) = bearer.and_then(|bearer| bearer.project) {
        return action == "pull"
            && own == project.id
            && project.registry != FeatureAccess::Disabled
            && bearer.is_some_and(|bearer| bearer.pulls);
    }
    match action {
        "pull" => {
            bearer.is_none_or(|bearer| bearer.pulls)
                && organisation.reads_registry(user, project) == Reading::Allowed
        }
        "push" => {
            bearer.is_some_and(|bearer| bearer.pushes)
                && !project.archived
                && organisation.reads_registry(user, project) == Reading::Allowed
                && organisation.project_level(user, project) >= level::DEVELOPER
        }
        _ => false,
    }
}

/// GitLab makes the row when a push is authorised, not when it happens.
fn ensure_repository(world: &mut World, project: &Project, path: &str) {
    let organisation = &mut world.organisation;
    if organisation
        .repositories
        .iter()
        .any(|repository| repository.path == path)
    {
        return;
    }
    let above = project.full_path.to_lowercase();
    let name = path
        .strip_prefix(&above)
        .unwrap_or("")
        .trim_start_matches('/')
        .to_owned();
    organisation.repository(project.id, &name);
}

fn token(world: &World, bearer: Option<&Bearer>, access: Vec<Value>) -> String {
    let now = jiff::Timestamp::now().as_second();
    let lifetime = i64::try_from(world.modes.jwt_lifetime.as_secs()).unwrap_or(300);
    let user = json!({
        "token_type": bearer.map_or("anonymous", |bearer| bearer.kind),
        "username": bearer.map(|bearer| bearer.name.as_str()),
        "user_id": bearer.and_then(|bearer| bearer.user.as_ref()).map(|user| user.id),
    });
    let claims = json!({
        "iss": "gitlab-issuer",
        "sub": bearer.map_or("", |bearer| bearer.name.as_str()),
        "aud": "container_registry",
        "iat": now, "nbf": now - 5, "exp": now + lifetime,
        "jti": format!("{}-{}", stamp(world.requests), world.requests),
        "auth_type": bearer.map_or("none", |bearer| bearer.kind),
        "access": access,
        "user": world.keys.sign(&json!({ "user_info": user })),
    });
    world.keys.sign(&claims)
}
