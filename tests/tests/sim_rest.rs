//! The simulated REST API refuses what GitLab refuses, in its words.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use ox_harness::sim::client::{Answer, get, send};
use ox_harness::sim::{Edition, FeatureAccess, Modes, Registry, Running, Version, acme, level};
use serde_json::Value;

fn api(gitlab: &Running, path: &str, token: &str) -> Answer {
    let url = format!("{}/api/v4{path}", gitlab.base_url());
    match token {
        "" => get(&url, &[]).unwrap(),
        token => get(&url, &[("private-token", token)]).unwrap(),
    }
}

fn project_id(gitlab: &Running, path: &str) -> u64 {
    gitlab.world(|world| {
        world
            .organisation
            .projects
            .iter()
            .find(|p| p.full_path == path)
            .map(|p| p.id)
            .unwrap()
    })
}

#[test]
fn each_bad_token_has_its_own_refusal() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let unknown = api(&gitlab, "/user", "glpat-none");
    assert_eq!(
        (unknown.status, unknown.text().as_str()),
        (401, r#"{"message":"401 Unauthorized"}"#)
    );
    let none = api(&gitlab, "/user", "");
    assert_eq!(
        (none.status, none.text().as_str()),
        (401, r#"{"message":"401 Unauthorized"}"#)
    );
    let expired = api(&gitlab, "/user", acme::TOKEN_EXPIRED);
    assert_eq!(expired.status, 401);
    assert_eq!(
        expired.json()["error_description"],
        "Token is expired. You can either do re-authorization or token refresh."
    );
    assert!(
        expired
            .header("www-authenticate")
            .unwrap()
            .contains("error=\"invalid_token\"")
    );
    let revoked = api(&gitlab, "/user", acme::TOKEN_REVOKED);
    assert_eq!(
        revoked.json()["error_description"],
        "Token was revoked. You have to re-authorize from the user."
    );
    let small = api(&gitlab, "/projects", acme::TOKEN_READ_USER);
    assert_eq!(
        (small.status, small.json()["scope"].as_str()),
        (403, Some("api read_api"))
    );
    assert_eq!(small.header("www-authenticate"), None);
    assert_eq!(
        api(&gitlab, "/projects", acme::TOKEN_READ_REGISTRY).status,
        403
    );
    assert_eq!(api(&gitlab, "/user", acme::TOKEN_READ_USER).status, 200);
    assert_eq!(api(&gitlab, "/user", acme::TOKEN_DEPLOY).status, 401);
    let blocked = api(&gitlab, "/user", acme::TOKEN_BLOCKED);
    assert_eq!(blocked.status, 403);
    assert!(
        blocked.json()["message"]
            .as_str()
            .unwrap()
            .starts_with("403 Forbidden - ")
    );
    let mine = api(
        &gitlab,
        "/personal_access_tokens/self",
        acme::TOKEN_READ_REGISTRY,
    );
    assert_eq!(mine.json()["scopes"], serde_json::json!(["read_registry"]));
    assert_eq!(
        api(
            &gitlab,
            "/personal_access_tokens/self",
            acme::TOKEN_GRANULAR
        )
        .json()["granular"],
        true
    );
}

#[test]
fn a_token_is_looked_for_in_gitlabs_order_and_never_twice() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let url = format!("{}/api/v4/user", gitlab.base_url());
    let good = format!("Bearer {}", acme::TOKEN);
    assert_eq!(get(&url, &[("authorization", &good)]).unwrap().status, 200);
    let both = get(
        &url,
        &[("private-token", "wrong"), ("authorization", &good)],
    )
    .unwrap();
    assert_eq!(both.status, 401, "PRIVATE-TOKEN comes first");
    let query = format!("{url}?private_token={}", acme::TOKEN);
    assert_eq!(
        get(&query, &[("private-token", "wrong")]).unwrap().status,
        200
    );
    let twice = get(
        &format!("{url}?access_token=x"),
        &[("authorization", &good)],
    )
    .unwrap();
    assert_eq!(
        (twice.status, twice.json()["error"].as_str()),
        (400, Some("invalid_request"))
    );
    let job = get(
        &url,
        &[("private-token", "glcbt-64_job"), ("authorization", &good)],
    )
    .unwrap();
    assert_eq!(job.status, 200, "a job token in PRIVATE-TOKEN is ignored");
}

#[test]
fn only_an_administrator_is_told_so() {
    let gitlab = acme::start(Modes::default()).unwrap();
    assert_eq!(
        api(&gitlab, "/user", acme::TOKEN_ADMIN).json()["is_admin"],
        true
    );
    assert!(
        api(&gitlab, "/user", acme::TOKEN)
            .json()
            .get("is_admin")
            .is_none()
    );
    assert_eq!(api(&gitlab, "/user", acme::TOKEN_BOT).json()["bot"], true);
}

#[test]
fn offset_pages_carry_their_headers_and_lose_totals_when_there_are_too_many() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let page = api(&gitlab, "/groups?per_page=2&page=2", acme::TOKEN);
    assert_eq!(page.header("x-page"), Some("2"));
    assert_eq!(page.header("x-next-page"), Some("3"));
    assert_eq!(page.header("x-prev-page"), Some("1"));
    let total: usize = page.header("x-total").unwrap().parse().unwrap();
    let link = page.header("link").unwrap().to_owned();
    assert!(link.contains(&format!(
        "<{}/api/v4/groups?page=3&per_page=2>; rel=\"next\"",
        gitlab.base_url()
    )));
    assert!(link.contains("rel=\"last\""));
    let last = api(
        &gitlab,
        &format!("/groups?per_page=100&page={}", total.div_ceil(100)),
        acme::TOKEN,
    );
    assert_eq!(last.header("x-next-page"), Some(""));
    gitlab.modes(|modes| modes.count_limit = 3);
    let many = api(&gitlab, "/groups?per_page=2", acme::TOKEN);
    assert_eq!(many.header("x-total"), None);
    assert!(!many.header("link").unwrap().contains("rel=\"last\""));
    assert_eq!(many.header("x-next-page"), Some("2"));
    assert_eq!(api(&gitlab, "/groups?per_page=0", acme::TOKEN).status, 400);
    assert_eq!(
        api(&gitlab, "/groups?page=x", acme::TOKEN).json()["error"],
        "page is invalid"
    );
    assert_eq!(
        api(&gitlab, "/groups?per_page=500", acme::TOKEN).header("x-per-page"),
        Some("100")
    );
}

#[test]
fn keyset_pages_end_with_an_empty_one_and_are_refused_where_gitlab_has_none() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let base = "/projects?membership=true&pagination=keyset&order_by=id&sort=asc&per_page=4";
    let mut url = format!("{}/api/v4{base}", gitlab.base_url());
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let page = get(&url, &[("private-token", acme::TOKEN)]).unwrap();
        assert_eq!(page.header("x-total"), None);
        let rows = page.json();
        let rows = rows.as_array().unwrap();
        seen.extend(rows.iter().map(|row| row["id"].as_u64().unwrap()));
        pages += 1;
        match page.header("link") {
            Some(link) => url = link[1..].split('>').next().unwrap().to_owned(),
            None => {
                assert!(rows.is_empty(), "the end is an empty page");
                break;
            }
        }
    }
    assert_eq!(seen.len().div_ceil(4) + 1, pages);
    assert!(seen.is_sorted());
    for path in [
        "/groups?pagination=keyset&order_by=name&sort=asc",
        "/projects?pagination=keyset&order_by=name",
        "/groups/northwind/projects?pagination=keyset",
        "/groups/northwind/registry/repositories?pagination=keyset",
    ] {
        let refused = api(&gitlab, path, acme::TOKEN);
        assert_eq!(refused.status, 405, "{path}");
        assert_eq!(
            refused.json()["error"],
            "Keyset pagination is not yet available for this type of request"
        );
    }
    let deep = api(&gitlab, "/projects?page=501&per_page=100", acme::TOKEN);
    assert_eq!(deep.status, 405);
    assert!(
        deep.json()["error"]
            .as_str()
            .unwrap()
            .contains("maximum allowed offset of 50000")
    );
}

#[test]
fn parameters_are_checked_and_unknown_ones_are_not() {
    let gitlab = acme::start(Modes::default()).unwrap();
    for (query, error) in [
        (
            "visibility=secret",
            "visibility does not have a valid value",
        ),
        (
            "min_access_level=21",
            "min_access_level does not have a valid value",
        ),
        ("archived=perhaps", "archived is invalid"),
        ("order_by=size", "order_by does not have a valid value"),
    ] {
        let refused = api(&gitlab, &format!("/projects?{query}"), acme::TOKEN);
        assert_eq!(
            (refused.status, refused.json()["error"].as_str()),
            (400, Some(error))
        );
    }
    assert_eq!(
        api(&gitlab, "/projects?no_such_thing=1", acme::TOKEN).status,
        200
    );
    assert_eq!(
        api(&gitlab, "/no/such/route", acme::TOKEN).json()["error"],
        "404 Not Found"
    );
    let id = project_id(&gitlab, "northwind/Shop/search");
    let url = format!("{}/api/v4/projects/{id}", gitlab.base_url());
    let refused = send("DELETE", &url, &[("private-token", acme::TOKEN_API)], b"").unwrap();
    assert_eq!(
        (refused.status, refused.json()["error"].as_str()),
        (405, Some("405 Not Allowed"))
    );
}

#[test]
fn paths_stay_encoded_and_moved_projects_are_redirected() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let path = "/projects/northwind%2FShop%2FWeb-Store";
    let project = api(&gitlab, path, acme::TOKEN).json();
    assert_eq!(project["path_with_namespace"], "northwind/Shop/Web-Store");
    assert_eq!(
        project["container_registry_image_prefix"],
        format!("{}/northwind/shop/web-store", gitlab.registry_host())
    );
    assert_eq!(
        api(&gitlab, "/projects/northwind/Shop/Web-Store", acme::TOKEN).status,
        404
    );
    let old = api(
        &gitlab,
        "/projects/harbour%2Fberthplan?simple=true",
        acme::TOKEN,
    );
    let id = project_id(&gitlab, "harbour/berth-planner");
    let address = format!("{}/api/v4/projects/{id}?simple=true", gitlab.base_url());
    assert_eq!(
        (old.status, old.header("location")),
        (301, Some(address.as_str()))
    );
    assert!(
        old.text()
            .starts_with("This resource has been moved permanently to ")
    );
    gitlab.modes(|modes| modes.version = Version::V15_11);
    assert_eq!(
        api(&gitlab, "/projects/harbour%2Fberthplan", acme::TOKEN).status,
        200
    );
    let hidden = api(&gitlab, "/projects/northwind%2FShop%2FWeb-Store", "");
    assert_eq!(hidden.json()["message"], "404 Project Not Found");
}

#[test]
fn shared_projects_show_in_both_groups_but_not_in_the_groups_registry() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let paths = |answer: Answer, key: &str| -> Vec<String> {
        let rows: Vec<Value> = answer.json().as_array().unwrap().clone();
        rows.iter()
            .map(|row| row[key].as_str().unwrap().to_owned())
            .collect()
    };
    let with = paths(
        api(&gitlab, "/groups/northwind/projects", acme::TOKEN),
        "path_with_namespace",
    );
    assert_eq!(with, ["harbour/berth-planner"]);
    let deep = "/groups/northwind/projects?with_shared=false&include_subgroups=true&per_page=100";
    let own = paths(api(&gitlab, deep, acme::TOKEN), "path_with_namespace");
    assert!(own.len() > 8 && own.iter().all(|path| path.starts_with("northwind/")));
    let images = "/groups/northwind/registry/repositories?per_page=100";
    let images = paths(api(&gitlab, images, acme::TOKEN), "path");
    assert!(images.contains(&"northwind/shop/web-store/jobs/mailer".to_owned()));
    assert!(
        !images
            .iter()
            .any(|path| path.contains("handbook") || path.starts_with("harbour"))
    );
    let shop = format!(
        "/projects/{}/registry/repositories",
        project_id(&gitlab, "northwind/archive/handbook")
    );
    assert_eq!(
        api(&gitlab, &shop, acme::TOKEN).json()["message"],
        "403 Forbidden"
    );
}

#[test]
fn the_registrys_troubles_show_only_where_gitlab_needs_it() {
    let gitlab = acme::start(Modes::default()).unwrap();
    gitlab.modes(|modes| modes.registry_down = true);
    let id = project_id(&gitlab, "northwind/Shop/Web-Store");
    let rows = api(
        &gitlab,
        &format!("/projects/{id}/registry/repositories"),
        acme::TOKEN,
    );
    assert_eq!(rows.status, 200);
    let row = rows.json()[0]["id"].as_u64().unwrap();
    let counted = format!("/projects/{id}/registry/repositories?tags_count=true");
    assert_eq!(api(&gitlab, &counted, acme::TOKEN).status, 503);
    let tags = format!("/projects/{id}/registry/repositories/{row}/tags");
    let down = api(&gitlab, &tags, acme::TOKEN);
    assert!(
        down.json()["message"]
            .as_str()
            .unwrap()
            .starts_with("We are having trouble connecting")
    );
    gitlab.modes(|modes| modes.registry_down = false);
    assert_eq!(api(&gitlab, &tags, acme::TOKEN).json()[0]["name"], "4.1.0");
    let keyset = format!("{tags}?pagination=keyset&per_page=2");
    assert!(
        api(&gitlab, &keyset, acme::TOKEN)
            .header("link")
            .unwrap()
            .contains("last=4.2.0")
    );
    gitlab.modes(|modes| modes.registry = Registry::Legacy);
    assert_eq!(api(&gitlab, &keyset, acme::TOKEN).status, 405);
    gitlab.modes(|modes| modes.registry = Registry::Disabled);
    let project = api(&gitlab, &format!("/projects/{id}"), acme::TOKEN).json();
    assert!(project.get("container_registry_image_prefix").is_none());
}

#[test]
fn the_tag_of_a_multi_arch_image_differs_by_version_and_database() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let id = project_id(&gitlab, "northwind/platform/base-images");
    let row = |path: &str| {
        let path = path.to_owned();
        gitlab.world(|w| {
            w.organisation
                .repositories
                .iter()
                .find(|r| r.path == path)
                .unwrap()
                .id
        })
    };
    let oci = row("northwind/platform/base-images/debian");
    let list = row("northwind/platform/base-images/alpine");
    let tag = |row: u64, tag: &str| {
        api(
            &gitlab,
            &format!("/projects/{id}/registry/repositories/{row}/tags/{tag}"),
            acme::TOKEN,
        )
    };
    let database = tag(oci, "12").json();
    assert_eq!(
        (
            database["revision"].as_str(),
            database["total_size"].as_u64()
        ),
        (Some(""), Some(0))
    );
    gitlab.modes(|modes| modes.registry = Registry::Legacy);
    assert_eq!(tag(oci, "12").json()["message"], "404 Tag Not Found");
    assert_eq!(
        tag(list, "3.20").json()["revision"].as_str().unwrap().len(),
        64
    );
    gitlab.modes(|modes| modes.version = Version::V19_0_2);
    assert_eq!(tag(oci, "12").status, 500);
    gitlab.modes(|modes| modes.version = Version(19, 1, 0));
    assert_eq!(tag(oci, "12").json()["revision"], Value::Null);
}

#[test]
fn versions_and_editions_have_what_they_have() {
    let gitlab = acme::start(Modes::version(Version::V13_12)).unwrap();
    assert_eq!(api(&gitlab, "/metadata", acme::TOKEN).status, 404);
    assert_eq!(
        api(&gitlab, "/version", acme::TOKEN).json()["version"],
        "13.12.15-ee"
    );
    assert_eq!(
        api(&gitlab, "/personal_access_tokens/self", acme::TOKEN).status,
        404
    );
    gitlab.modes(|modes| *modes = Modes::edition(Edition::Community));
    let metadata = api(&gitlab, "/metadata", acme::TOKEN).json();
    assert_eq!(
        (
            metadata["version"].as_str(),
            metadata["enterprise"].as_bool()
        ),
        (Some("18.5.1"), Some(false))
    );
}

#[test]
fn a_report_is_downloadable_only_as_a_path_of_the_archive() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let id = project_id(&gitlab, "northwind/Shop/search");
    let jobs = api(
        &gitlab,
        &format!("/projects/{id}/jobs?scope[]=success"),
        acme::TOKEN,
    )
    .json();
    assert_eq!(jobs[0]["artifacts"][0]["file_type"], "archive");
    assert_eq!(jobs[0]["artifacts"][1]["file_type"], "container_scanning");
    let job = jobs[0]["id"].as_u64().unwrap();
    let file = format!("/projects/{id}/jobs/{job}/artifacts/gl-container-scanning-report.json");
    let report = api(&gitlab, &file, acme::TOKEN);
    assert_eq!(report.json()["version"], "15.0.4");
    assert!(report.text().contains(&gitlab.registry_host()));
    let newest = format!(
        "/projects/{id}/jobs/artifacts/main/raw/gl-container-scanning-report.json?job=container_scanning"
    );
    assert_eq!(api(&gitlab, &newest, acme::TOKEN).body, report.body);
    gitlab.world(|world| {
        for project in world
            .organisation
            .projects
            .iter_mut()
            .filter(|project| project.id == id)
        {
            project.jobs[0].files.clear();
        }
    });
    assert_eq!(api(&gitlab, &file, acme::TOKEN).status, 404);
    assert_eq!(
        api(
            &gitlab,
            &format!("/projects/{id}/jobs?scope[]=done"),
            acme::TOKEN
        )
        .status,
        400
    );
    let owners = project_id(&gitlab, "northwind/Shop/Web-Store");
    let file = format!("/projects/{owners}/repository/files");
    let raw = api(
        &gitlab,
        &format!("{file}/.gitlab%2FCODEOWNERS/raw?ref=HEAD"),
        acme::TOKEN,
    );
    assert!(raw.text().contains("/checkout/ @jonas"));
    assert_eq!(
        api(
            &gitlab,
            &format!("{file}/.gitlab/CODEOWNERS/raw"),
            acme::TOKEN
        )
        .status,
        404
    );
    assert_eq!(
        api(&gitlab, &format!("{file}/CODEOWNERS/raw"), acme::TOKEN).status,
        404
    );
}

#[test]
fn files_are_read_by_whom_gitlab_lets_and_what_is_missing_has_its_word() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let ledger = project_id(&gitlab, "northwind/Shop/payments/ledger");
    let file = |place: &str| format!("/projects/{ledger}/repository/files/{place}/raw");
    let said = |answer: Answer| (answer.status, answer.json()["message"].clone());
    let raw = api(&gitlab, &file("docs%2FCODEOWNERS"), acme::TOKEN);
    assert!(raw.text().contains("^[Documentation]"));
    assert_eq!(raw.header("x-gitlab-file-path"), Some("docs/CODEOWNERS"));
    assert_eq!(
        said(api(&gitlab, &file("CODEOWNERS"), acme::TOKEN)),
        (404, "404 File Not Found".into())
    );
    let branch = format!("{}?ref=other", file("docs%2FCODEOWNERS"));
    assert_eq!(
        said(api(&gitlab, &branch, acme::TOKEN)),
        (404, "404 Commit Not Found".into())
    );
    let blank = format!("{}?ref=", file("docs%2FCODEOWNERS"));
    assert_eq!(api(&gitlab, &blank, acme::TOKEN).status, 400);
    let scope = api(
        &gitlab,
        &file("docs%2FCODEOWNERS"),
        acme::TOKEN_READ_REGISTRY,
    );
    assert_eq!(
        (scope.status, scope.json()["error"].clone()),
        (403, "insufficient_scope".into())
    );
    // The bot is no member there, so the project is not there for it.
    assert_eq!(
        said(api(&gitlab, &file("docs%2FCODEOWNERS"), acme::TOKEN_BOT)),
        (404, "404 Project Not Found".into())
    );
    // A guest sees the project, not its code.
    gitlab.world(|world| {
        let mira = world
            .organisation
            .users
            .iter()
            .find(|u| u.username == "mira");
        let mira = mira.unwrap().id;
        for group in &mut world.organisation.groups {
            group.members.retain(|(user, _)| *user != mira);
        }
        world
            .organisation
            .change_project(ledger, |p| p.members.push((mira, level::GUEST)));
    });
    assert_eq!(
        said(api(&gitlab, &file("docs%2FCODEOWNERS"), acme::TOKEN)),
        (403, "403 Forbidden".into())
    );
    let project = api(&gitlab, &format!("/projects/{ledger}"), acme::TOKEN);
    assert!(project.json().get("default_branch").is_none());
    // Switched off, it is closed to everyone; empty, it has no commit.
    gitlab.world(|world| {
        world
            .organisation
            .change_project(ledger, |p| p.repository = FeatureAccess::Disabled);
    });
    assert_eq!(
        said(api(&gitlab, &file("docs%2FCODEOWNERS"), acme::TOKEN_ADMIN)),
        (403, "403 Forbidden".into())
    );
    gitlab.world(|world| {
        world.organisation.change_project(ledger, |p| {
            p.repository = FeatureAccess::Enabled;
            p.default_branch = None;
        });
    });
    assert_eq!(
        said(api(&gitlab, &file("docs%2FCODEOWNERS"), acme::TOKEN_ADMIN)),
        (404, "404 Commit Not Found".into())
    );
}

#[test]
fn members_are_paged_and_told_with_their_highest_role() {
    let gitlab = acme::start(Modes::default()).unwrap();
    let store = project_id(&gitlab, "northwind/Shop/Web-Store");
    let all = format!("/projects/{store}/members/all");
    let rows = api(&gitlab, &all, acme::TOKEN).json();
    let role = |name: &str| {
        let rows = rows.as_array().unwrap();
        rows.iter()
            .find(|row| row["username"] == name)
            .map(|row| row["access_level"].as_u64().unwrap())
    };
    // Owner of the group, maintainer of the project.
    assert_eq!(role("ines"), Some(50));
    assert_eq!(role("mira"), Some(30));
    let direct = api(&gitlab, &format!("/projects/{store}/members"), acme::TOKEN).json();
    let direct: Vec<_> = direct
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["username"].clone(), row["access_level"].clone()))
        .collect();
    assert!(direct.contains(&("ines".into(), 40.into())), "{direct:?}");
    let page = api(&gitlab, &format!("{all}?per_page=1&page=2"), acme::TOKEN);
    assert_eq!(page.json().as_array().unwrap().len(), 1);
    assert_eq!(page.header("x-page"), Some("2"));
    assert_eq!(api(&gitlab, &all, acme::TOKEN_READ_REGISTRY).status, 403);
    assert_eq!(api(&gitlab, &all, "").status, 401);
    // Public, but none of the caller's.
    let open = project_id(&gitlab, "open-tools/linter");
    let closed = api(
        &gitlab,
        &format!("/projects/{open}/members/all"),
        acme::TOKEN_REPORTER,
    );
    assert_eq!(closed.status, 403);
}
