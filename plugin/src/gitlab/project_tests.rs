//! What a scan is told of one image repository.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use serde_json::{Value, json};

use super::*;
use crate::gitlab::testing::session;
use crate::http::Method::Get;
use crate::http::script::{Reply, Script};

const API: &str = "https://gitlab.example/api/v4";

fn project() -> Value {
    json!({
        "id": 34, "path_with_namespace": "Acme/Shop", "default_branch": "main", "topics": ["x"],
        "container_registry_access_level": "enabled", "container_registry_image_prefix": "registry.example:5050/acme/shop",
        "permissions": {"project_access": null, "group_access": {"access_level": 30}},
    })
}

fn row() -> Value {
    json!({"id": 56, "name": "App", "path": "acme/shop/App", "project_id": 34, "location": "registry.example:5050/acme/shop/app", "status": null})
}

fn script(project: &Value, row: Reply) -> Script {
    Script::new()
        .on(
            Get,
            format!("{API}/projects/34"),
            Reply::json(200, project.to_string()),
        )
        .on(Get, format!("{API}/registry/repositories/56"), row)
}

fn facts(script: &Script) -> Result<RepositoryFacts, Failure> {
    repository(&session(script, "https://gitlab.example"), 34, 56)
}

#[test]
fn two_requests_tell_everything_and_the_path_is_lower_case() {
    let script = script(&project(), Reply::json(200, row().to_string()));
    let facts = facts(&script).unwrap();
    assert_eq!(facts.path, "acme/shop/app");
    assert_eq!(facts.project_path, "Acme/Shop");
    assert_eq!(facts.registry_host, "registry.example:5050");
    assert_eq!(
        (facts.default_branch.as_deref(), facts.role),
        (Some("main"), Some(30))
    );
    assert!(facts.unscannable.is_none());
    assert_eq!(script.lines().len(), 2);
}

#[test]
fn an_older_gitlab_is_asked_for_the_list() {
    let script = script(&project(), Reply::json(404, r#"{"error":"404 Not Found"}"#)).on(
        Get,
        format!("{API}/projects/34/registry/repositories?per_page=100&page=1"),
        Reply::json(200, json!([{"id": 1, "path": "x"}, row()]).to_string())
            .with("x-next-page", ""),
    );
    assert_eq!(facts(&script).unwrap().path, "acme/shop/app");
}

#[test]
fn a_repository_that_moved_or_went_is_not_found() {
    let mut moved = row();
    moved["project_id"] = json!(99);
    assert!(matches!(
        facts(&script(&project(), Reply::json(200, moved.to_string()))),
        Err(Failure::NotFound(_))
    ));
    let script = script(
        &project(),
        Reply::json(404, r#"{"message":"404 Not found"}"#),
    )
    .on(
        Get,
        format!("{API}/projects/34/registry/repositories?per_page=100&page=1"),
        Reply::json(200, "[]"),
    );
    assert!(matches!(facts(&script), Err(Failure::NotFound(_))));
}

#[test]
fn the_host_comes_from_the_project_where_the_row_does_not_tell() {
    let mut bare = row();
    bare["location"] = json!(null);
    assert_eq!(
        facts(&script(&project(), Reply::json(200, bare.to_string())))
            .unwrap()
            .registry_host,
        "registry.example:5050"
    );
    let mut none = project();
    none["container_registry_image_prefix"] = json!(null);
    let silent = script(&none, Reply::json(200, bare.to_string()));
    assert!(matches!(facts(&silent), Err(Failure::UnexpectedAnswer(_))));
}

#[test]
fn a_repository_being_deleted_is_not_scannable() {
    let mut leaving = row();
    leaving["status"] = json!("delete_scheduled");
    let facts = facts(&script(&project(), Reply::json(200, leaving.to_string()))).unwrap();
    assert!(
        facts
            .unscannable
            .unwrap()
            .why
            .message
            .contains("delete_scheduled")
    );
}

#[test]
fn a_host_is_what_stands_before_the_first_slash_and_nothing_odd() {
    for (location, host) in [
        ("registry.example:5050/a/b", Some("registry.example:5050")),
        ("https://registry.example/a", Some("registry.example")),
        ("[::1]:5000/a", Some("[::1]:5000")),
        ("user@evil.example/a", None),
        ("/a", None),
        ("", None),
        ("a b/c", None),
    ] {
        assert_eq!(host_of(location), host, "{location}");
    }
}

#[test]
fn the_projects_path_is_what_stands_before_the_name() {
    let path = |name: &str, path: &str| {
        serde_json::from_value::<Repository>(json!({"id": 1, "name": name, "path": path}))
            .unwrap()
            .project_path()
    };
    assert_eq!(path("", "acme/shop"), "acme/shop");
    assert_eq!(path("web/api", "acme/shop/web/api"), "acme/shop");
    assert_eq!(path("other", "acme/shop/web"), "acme/shop/web");
}
