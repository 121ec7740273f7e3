//! Below a project and a user, and what identifiers and odd entries lead to.

use super::*;
use crate::gitlab::project::REPOSITORY_PAGES;

#[test]
fn a_project_answers_its_image_repositories_once_the_root_one_by_the_projects_name() {
    let script = Script::new()
        .on(
            Get,
            images(34, 1),
            Reply::json(
                200,
                json!([image(1, 34, ""), image(2, 34, "web/api")]).to_string(),
            )
            .with("x-next-page", "2"),
        )
        .on(
            Get,
            images(34, 2),
            ok(&json!([
                image(2, 34, "web/api"),
                with(image(3, 34, "old"), json!({"status": "delete_ongoing"}))
            ])),
        );
    let (all, skipped) = walk(&script, Some("project/34"));
    assert!(skipped.is_empty());
    assert_eq!(
        ids(&all),
        ["repository/34/1", "repository/34/2", "repository/34/3"]
    );
    let names: Vec<(&str, &str)> = all
        .iter()
        .map(|l| (l.name.as_str(), l.path.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("shop", "acme/shop"),
            ("web/api", "acme/shop/web/api"),
            ("old", "acme/shop/old")
        ]
    );
    assert_eq!(
        all.iter().map(|l| l.scannable).collect::<Vec<_>>(),
        [true, true, false]
    );
    assert!(
        all[2]
            .unscannable
            .as_ref()
            .unwrap()
            .why
            .message
            .contains("delete_ongoing")
    );
    for (key, value) in [
        ("project", "acme/shop"),
        ("image-path", "acme/shop/web/api"),
        ("registry", "registry.example:5050"),
        ("created", "2024-01-10T13:38:57.391Z"),
    ] {
        assert!(
            all[1]
                .attributes
                .contains(&(key.to_owned(), value.to_owned())),
            "{key}"
        );
    }
    assert_eq!(
        all[1].web_url.as_deref(),
        Some("https://gitlab.example/root/acme/shop/container_registry/2")
    );
}

#[test]
fn a_project_whose_registry_is_closed_is_a_note() {
    let script = Script::new().on(
        Get,
        images(34, 1),
        Reply::json(403, r#"{"message":"403 Forbidden"}"#),
    );
    let (all, skipped) = walk(&script, Some("project/34"));
    assert!(all.is_empty());
    assert_eq!(skipped[0].skip.reason, SkipReason::Forbidden);
}

#[test]
fn image_repositories_without_end_stop_at_the_cap_with_a_note() {
    let script = Script::new().otherwise(|request| {
        let page: u64 = request.url.rsplit_once("page=").unwrap().1.parse().unwrap();
        Reply::json(200, json!([image(page, 34, "x")]).to_string())
            .with("x-next-page", (page + 1).to_string())
    });
    let (all, skipped) = walk(&script, Some("project/34"));
    assert_eq!(
        (all.len(), skipped[0].skip.reason),
        (REPOSITORY_PAGES, SkipReason::OverLimit)
    );
}

#[test]
fn a_personal_namespace_answers_its_projects_and_is_picked_out_where_the_list_is_closed() {
    let theirs =
        "users/7/projects?membership=true&order_by=id&sort=asc&pagination=keyset&per_page=100";
    let own = |id: u64, owner: u64| with(project(id, "jane/p"), json!({"owner": {"id": owner}}));
    let script = Script::new().on(Get, url("user"), user(false)).on(
        Get,
        url(theirs),
        ok(&json!([own(1, 7)])),
    );
    let (all, _) = walk(&script, Some("user/7"));
    assert_eq!(
        (ids(&all), all[0].parent.as_deref()),
        (vec!["project/1"], Some("user/7"))
    );

    let script = Script::new()
        .on(Get, url("user"), user(false))
        .on(
            Get,
            url(theirs),
            Reply::json(404, r#"{"message":"404 User Not Found"}"#),
        )
        .on(
            Get,
            url(MINE),
            ok(&json!([own(1, 7), own(2, 8), project(3, "acme/x")])),
        );
    assert_eq!(ids(&walk(&script, Some("user/7")).0), ["project/1"]);
}

#[test]
fn identifiers_are_read_as_they_are_written_and_nothing_else_is() {
    for place in [
        Place::Group(12),
        Place::User(7),
        Place::Project(34),
        Place::Repository(34, 56),
    ] {
        assert_eq!(Place::parse(&place.to_string()), Some(place));
    }
    for id in [
        "",
        "group",
        "group/",
        "group/x",
        "group/-1",
        "repository/1",
        "repository/1/2/3",
        "other/1",
        "project/99999999999999999999",
    ] {
        assert_eq!(Place::parse(id), None, "{id}");
    }
    let script = Script::new();
    let session = session(&script, BASE);
    assert!(matches!(
        list(&session, Some("x"), None),
        Err(Failure::NotFound(_))
    ));
    assert!(matches!(
        list(&session, None, Some("{")),
        Err(Failure::UnexpectedAnswer(_))
    ));
    assert!(
        list(&session, Some("repository/1/2"), None)
            .unwrap()
            .locations
            .is_empty()
    );
}

#[test]
fn entries_that_can_not_be_read_are_noted() {
    let script = Script::new()
        .on(
            Get,
            subgroups(2, 1),
            ok(&json!([{"id": "x"}, group(3, "acme/infra", Some(2))])),
        )
        .on(Get, projects(2, "", 1), ok(&json!([])));
    let (all, skipped) = walk(&script, Some("group/2"));
    assert_eq!(
        (ids(&all), skipped[0].skip.reason),
        (vec!["group/3"], SkipReason::Corrupt)
    );
}
