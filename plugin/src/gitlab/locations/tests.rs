//! The tree, as GitLab's facts shape it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use serde_json::{Value, json};

mod leaves;

use super::*;
use crate::gitlab::testing::session;
use crate::http::Method::Get;
use crate::http::script::{Reply, Script};

const BASE: &str = "https://gitlab.example/root";
const TOP: &str = "groups?top_level_only=true&order_by=id&sort=asc&per_page=100&page=1";
const MINE: &str = "projects?membership=true&order_by=id&sort=asc&pagination=keyset&per_page=100";

fn url(path: &str) -> String {
    format!("{BASE}/api/v4/{path}")
}

fn subgroups(id: u64, page: u64) -> String {
    url(&format!(
        "groups/{id}/subgroups?order_by=id&sort=asc&per_page=100&page={page}"
    ))
}

fn projects(id: u64, filter: &str, page: u64) -> String {
    url(&format!(
        "groups/{id}/projects?with_shared=false&include_subgroups=false&order_by=id&sort=asc{filter}&per_page=100&page={page}"
    ))
}

fn images(id: u64, page: u64) -> String {
    url(&format!(
        "projects/{id}/registry/repositories?per_page=100&page={page}"
    ))
}

fn ok(body: &Value) -> Reply {
    Reply::json(200, body.to_string()).with("x-next-page", "")
}

fn group(id: u64, path: &str, parent: Option<u64>) -> Value {
    json!({"id": id, "name": path.to_uppercase(), "full_path": path, "parent_id": parent, "visibility": "private",
           "web_url": format!("{BASE}/{path}")})
}

fn project(id: u64, path: &str) -> Value {
    json!({
        "id": id, "path_with_namespace": path, "visibility": "private", "topics": ["a", "b"], "archived": false,
        "default_branch": "main", "last_activity_at": "2026-01-10T13:38:57.391Z",
        "container_registry_access_level": "enabled",
        "container_registry_image_prefix": format!("registry.example:5050/{}", path.to_lowercase()),
        "namespace": {"id": 1, "name": "Acme", "kind": "group", "full_path": path.rsplit_once('/').unwrap().0},
    })
}

fn with(mut value: Value, changes: Value) -> Value {
    let (Value::Object(map), Value::Object(changes)) = (&mut value, changes) else {
        panic!()
    };
    map.extend(changes);
    value
}

fn image(id: u64, project: u64, name: &str) -> Value {
    let path = if name.is_empty() {
        "acme/shop".to_owned()
    } else {
        format!("acme/shop/{name}")
    };
    json!({"id": id, "name": name, "path": path, "project_id": project, "location": format!("registry.example:5050/{path}"),
           "created_at": "2024-01-10T13:38:57.391Z", "status": null})
}

fn user(admin: bool) -> Reply {
    ok(&if admin {
        json!({"id": 1, "username": "root", "is_admin": true})
    } else {
        json!({"id": 7, "username": "jane"})
    })
}

/// Every page below `parent`: locations by path, and what was skipped.
fn walk(script: &Script, parent: Option<&str>) -> (Vec<Location>, Vec<Skipped>) {
    let session = session(script, BASE);
    let (mut all, mut skipped, mut cursor) = (Vec::new(), Vec::new(), None);
    for _ in 0..50 {
        let page = list(&session, parent, cursor.as_deref()).unwrap();
        all.extend(page.locations);
        skipped.extend(page.skipped);
        cursor = page.next;
        match &cursor {
            Some(cursor) => assert!(cursor.len() <= 4096),
            None => return (all, skipped),
        }
    }
    panic!("the listing does not end");
}

fn ids(locations: &[Location]) -> Vec<&str> {
    locations
        .iter()
        .map(|location| location.id.as_str())
        .collect()
}

#[test]
fn the_top_is_the_groups_and_the_personal_namespaces_of_member_projects() {
    let personal = |id| {
        with(
            project(id, &format!("jane/p{id}")),
            json!({"namespace": {"kind": "user", "name": "Jane", "full_path": "jane"}, "owner": {"id": 7}}),
        )
    };
    let script = Script::new()
        .on(
            Get,
            url(TOP),
            ok(&json!([
                group(2, "acme", None),
                group(3, "lost/child", Some(9))
            ])),
        )
        .on(Get, url("user"), user(false))
        .on(
            Get,
            url(MINE),
            ok(&json!([
                project(34, "Acme/Shop"),
                personal(40),
                personal(41),
                project(50, "stray/only")
            ])),
        );
    let (all, skipped) = walk(&script, None);
    assert_eq!(ids(&all), ["group/2", "user/7", "project/50"]);
    assert!(skipped.is_empty());
    assert_eq!(
        (
            all[1].kind.as_str(),
            all[1].name.as_str(),
            all[1].path.as_str()
        ),
        (KIND_USER, "Jane", "jane")
    );
    assert_eq!(
        (all[0].name.as_str(), all[0].path.as_str()),
        ("ACME", "acme")
    );
    assert!(
        all.iter().all(|location| location.parent.is_none()
            && !location.scannable
            && location.has_children)
    );
}

#[test]
fn only_an_administrator_is_shown_projects_without_membership() {
    let everything = "projects?order_by=id&sort=asc&pagination=keyset&per_page=100";
    let script = Script::new()
        .on(Get, url(TOP), ok(&json!([])))
        .on(Get, url("user"), user(true))
        .on(Get, url(everything), ok(&json!([])));
    assert!(walk(&script, None).0.is_empty());
}

#[test]
fn a_long_top_goes_on_behind_its_cursor_and_answers_each_namespace_once() {
    let personal = |id: u64| {
        with(
            project(id, "jane/p"),
            json!({"namespace": {"kind": "user", "name": "Jane", "full_path": "jane"}, "owner": {"id": 7}}),
        )
    };
    let script = Script::new()
        .on(Get, url(TOP), ok(&json!([group(2, "acme", None)])))
        .on(Get, url("user"), user(false))
        .otherwise(move |request| {
            let after = request
                .url
                .rsplit_once("id_after=")
                .map_or(0, |(_, id)| id.parse::<u64>().unwrap());
            let reply = Reply::json(
                200,
                json!([personal(after + 1), project(after + 2, "ACME/x")]).to_string(),
            );
            if after >= 200 {
                return Reply::json(200, "[]");
            }
            reply.with(
                "link",
                format!(
                    r#"<{BASE}/api/v4/projects?membership=true&id_after={}>; rel="next""#,
                    after + 2
                ),
            )
        });
    let (all, _) = walk(&script, None);
    assert_eq!(ids(&all), ["group/2", "user/7"]);
    assert_eq!(script.count(&url("user")), 1);
}

#[test]
fn a_group_answers_subgroups_and_projects_with_what_ownership_needs() {
    let script = Script::new()
        .on(
            Get,
            subgroups(2, 1),
            ok(&json!([group(3, "acme/infra", Some(2))])),
        )
        .on(
            Get,
            projects(2, "", 1),
            ok(&json!([project(34, "acme/Shop")])),
        );
    let (all, skipped) = walk(&script, Some("group/2"));
    assert_eq!(ids(&all), ["group/3", "project/34"]);
    assert!(skipped.is_empty());
    assert!(
        all.iter()
            .all(|location| location.parent.as_deref() == Some("group/2"))
    );
    let expected = [
        ("topics", "a"),
        ("topics", "b"),
        ("visibility", "private"),
        ("archived", "false"),
        ("default-branch", "main"),
        ("last-activity", "2026-01-10T13:38:57.391Z"),
        ("registry-access", "enabled"),
    ];
    let expected: Vec<_> = expected
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    assert_eq!(all[1].attributes, expected);
    assert_eq!(
        (all[1].name.as_str(), all[1].path.as_str()),
        ("Shop", "acme/Shop")
    );
    assert_eq!(
        script.lines().len(),
        2,
        "a private group needs no question about membership"
    );
}

#[test]
fn pages_of_both_lists_are_answered_once_though_entries_slide() {
    let page = |ids: std::ops::Range<u64>, next: &str, total: &str| {
        let all: Vec<Value> = ids.map(|id| project(id, &format!("acme/p{id}"))).collect();
        Reply::json(200, json!(all).to_string())
            .with("x-next-page", next)
            .with("x-total", total)
    };
    let off = |id| {
        with(
            project(id, &format!("acme/p{id}")),
            json!({"container_registry_access_level": "disabled"}),
        )
    };
    let script = Script::new()
        .on(Get, subgroups(2, 1), ok(&json!([])))
        // Project 1 is deleted after the first page, so 101 slides into it.
        .on(Get, projects(2, "", 1), page(1..101, "2", "150"))
        .on(Get, projects(2, "", 2), page(102..151, "3", "149"))
        .on(Get, projects(2, "", 1), page(2..102, "2", "149"))
        // One is moved in before the third page, so the last of the second comes again.
        .on(Get, projects(2, "", 3), ok(&json!([off(150), off(151)])))
        .on(
            Get,
            url("groups/2/registry/repositories?per_page=100&page=1"),
            Reply::json(403, r#"{"message":"403 Forbidden"}"#),
        );
    let (all, skipped) = walk(&script, Some("group/2"));
    let numbers: Vec<u64> = all
        .iter()
        .map(|l| l.id.strip_prefix("project/").unwrap().parse().unwrap())
        .collect();
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (1..152).collect::<Vec<_>>());
    assert!(skipped.is_empty());
    assert_eq!(script.count(&subgroups(2, 1)), 1);
}

#[test]
fn projects_of_others_in_a_public_group_are_left_out_with_a_note() {
    let public = |id| {
        with(
            project(id, &format!("acme/p{id}")),
            json!({"visibility": "public"}),
        )
    };
    let script = Script::new()
        .on(Get, subgroups(2, 1), ok(&json!([])))
        .on(Get, projects(2, "", 1), ok(&json!([public(1), public(2)])))
        .on(Get, url("user"), user(false))
        .on(
            Get,
            projects(2, "&min_access_level=10", 1),
            ok(&json!([public(2)])),
        );
    let (all, skipped) = walk(&script, Some("group/2"));
    assert_eq!(ids(&all), ["project/2"]);
    assert_eq!(
        (skipped.len(), skipped[0].skip.reason),
        (1, SkipReason::NotSelected)
    );
    assert!(
        skipped[0]
            .skip
            .why
            .message
            .starts_with("1 public or internal projects")
    );

    let script = Script::new()
        .on(Get, subgroups(2, 1), ok(&json!([])))
        .on(Get, projects(2, "", 1), ok(&json!([public(1), public(2)])))
        .on(Get, url("user"), user(true));
    assert_eq!(
        ids(&walk(&script, Some("group/2")).0),
        ["project/1", "project/2"]
    );
}

#[test]
fn projects_without_images_are_leaves_where_the_group_tells_cheaply() {
    let script = Script::new()
        .on(Get, subgroups(2, 1), ok(&json!([])))
        .on(
            Get,
            projects(2, "", 1),
            ok(&json!([
                project(1, "acme/a"),
                project(2, "acme/b"),
                project(3, "acme/c")
            ])),
        )
        .on(
            Get,
            url("groups/2/registry/repositories?per_page=100&page=1"),
            ok(&json!([image(5, 2, "x"), image(6, 99, "y")])),
        );
    let (all, _) = walk(&script, Some("group/2"));
    let leaves: Vec<bool> = all.iter().map(|location| location.has_children).collect();
    assert_eq!(leaves, [false, true, false]);
}

#[test]
fn projects_whose_images_can_not_be_read_say_why() {
    let script = Script::new().on(Get, subgroups(2, 1), ok(&json!([]))).on(
        Get,
        projects(2, "", 1),
        ok(&json!([
            with(project(1, "acme/off"), json!({"container_registry_access_level": "disabled"})),
            with(project(2, "acme/leaving"), json!({"marked_for_deletion_on": "2026-12-01"})),
            with(project(3, "acme/none"), json!({"container_registry_image_prefix": null})),
            with(project(4, "acme/old"), json!({"archived": true})),
            with(project(5, "acme/ancient"), json!({"container_registry_access_level": null, "container_registry_image_prefix": null, "container_registry_enabled": true})),
        ])),
    )
    .on(Get, url("groups/2/registry/repositories?per_page=100&page=1"), Reply::status(403));
    let (all, skipped) = walk(&script, Some("group/2"));
    assert!(skipped.is_empty());
    let why: Vec<Option<&str>> = all
        .iter()
        .map(|l| l.unscannable.as_ref().map(|s| s.why.message.as_str()))
        .collect();
    assert!(why[0].unwrap().contains("switched off"));
    assert!(why[1].unwrap().contains("marked for deletion (2026-12-01)"));
    assert!(why[2].unwrap().contains("no container registry"));
    assert_eq!(why[3..], [None, None]);
    assert_eq!(
        all.iter().map(|l| l.has_children).collect::<Vec<_>>(),
        [false, false, false, true, true]
    );
    assert!(
        all[3]
            .attributes
            .contains(&("archived".to_owned(), "true".to_owned()))
    );
}

#[test]
fn a_closed_group_is_one_note_and_no_failure() {
    let hidden = || Reply::json(404, r#"{"message":"404 Group Not Found"}"#);
    let script =
        Script::new()
            .on(Get, subgroups(2, 1), hidden())
            .on(Get, projects(2, "", 1), hidden());
    let (all, skipped) = walk(&script, Some("group/2"));
    assert!(all.is_empty());
    assert_eq!(
        (
            skipped.len(),
            skipped[0].name.as_str(),
            skipped[0].skip.reason
        ),
        (1, "group/2", SkipReason::Gone)
    );

    let script = Script::new()
        .on(
            Get,
            subgroups(2, 1),
            Reply::json(403, r#"{"message":"403 Forbidden"}"#),
        )
        .on(Get, projects(2, "", 1), ok(&json!([project(1, "acme/a")])));
    let (all, skipped) = walk(&script, Some("group/2"));
    assert_eq!(
        (ids(&all), skipped[0].skip.reason),
        (vec!["project/1"], SkipReason::Forbidden)
    );
}

#[test]
fn a_missing_scope_ends_the_listing_as_nothing_else_would_work() {
    let body = r#"{"error":"insufficient_scope","scope":"api read_api"}"#;
    let script = Script::new().otherwise(move |_| Reply::json(403, body));
    let session = session(&script, BASE);
    for parent in [None, Some("group/2"), Some("project/3"), Some("user/7")] {
        let failure = list(&session, parent, None).unwrap_err();
        assert!(
            matches!(failure, Failure::Forbidden(l) if l.missing_scopes == ["read_api"]),
            "{parent:?}"
        );
    }
}
