//! `list-locations`: the whole tree, each place once, whatever GitLab does in between.

use std::collections::{BTreeMap, BTreeSet};

use ox_harness::image::Image;
use ox_harness::rig::{NAME, Rig, draft};
use ox_harness::sim::{
    Fault, FeatureAccess, GitLab, Modes, Namespace, Organisation, Place, Reply, Running, Trouble,
    Version, Visibility, acme, level, scope,
};
use ox_host::contract::SkipReason;
use ox_host::host::{Filter, LocationRow};

/// What a place is, from the organisation alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Expected {
    kind: &'static str,
    path: String,
    parent: Option<String>,
    scannable: bool,
    refused: bool,
}

/// Everything that a user is a member of, directly or from above.
fn expected(org: &Organisation, user: &str) -> BTreeSet<Expected> {
    let user = org.users.iter().find(|u| u.username == user).unwrap();
    let group = |id: u64| org.groups.iter().find(|g| g.id == id).unwrap();
    let in_group = |mut id: u64| loop {
        let here = group(id);
        if here.members.iter().any(|(member, _)| *member == user.id) {
            return true;
        }
        match here.parent {
            Some(parent) => id = parent,
            None => return false,
        }
    };
    let place = |kind, path: &str, parent: Option<&str>| Expected {
        kind,
        path: path.to_owned(),
        parent: parent.map(str::to_owned),
        scannable: false,
        refused: false,
    };
    let mut all = BTreeSet::new();
    for it in org.groups.iter().filter(|g| in_group(g.id)) {
        let parent = it.parent.map(|id| group(id).full_path.clone());
        all.insert(place("group", &it.full_path, parent.as_deref()));
    }
    for project in &org.projects {
        let (seen, holder) = match project.namespace {
            Namespace::Group(id) => (in_group(id), group(id).full_path.clone()),
            Namespace::User(id) => (id == user.id, user.username.clone()),
        };
        if !seen {
            continue;
        }
        if project.namespace == Namespace::User(user.id) {
            all.insert(place("user-namespace", &user.username, None));
        }
        let refused =
            project.registry == FeatureAccess::Disabled || project.marked_for_deletion_on.is_some();
        all.insert(Expected {
            refused,
            ..place("project", &project.full_path, Some(&holder))
        });
        let rows = org.repositories.iter().filter(|r| r.project == project.id);
        for row in rows.filter(|_| !refused) {
            let refused = row.status.is_some();
            all.insert(Expected {
                refused,
                scannable: !refused,
                ..place("image-repository", &row.path, Some(&project.full_path))
            });
        }
    }
    all
}

fn found(rows: &[LocationRow]) -> BTreeSet<Expected> {
    let paths: BTreeMap<&str, &str> = rows
        .iter()
        .map(|row| (row.location.id.as_str(), row.location.path.as_str()))
        .collect();
    assert_eq!(paths.len(), rows.len(), "an id comes twice");
    let place = |row: &LocationRow| Expected {
        kind: match row.location.kind.as_str() {
            "group" => "group",
            "user-namespace" => "user-namespace",
            "project" => "project",
            "image-repository" => "image-repository",
            other => panic!("a location of the kind {other}"),
        },
        path: row.location.path.clone(),
        parent: row
            .location
            .parent
            .as_ref()
            .map(|id| paths[id.as_str()].to_owned()),
        scannable: row.location.scannable,
        refused: row.location.unscannable.is_some(),
    };
    let all: BTreeSet<Expected> = rows.iter().map(place).collect();
    assert_eq!(all.len(), rows.len(), "a path comes twice");
    all
}

fn wanted(gitlab: &Running, user: &str) -> BTreeSet<Expected> {
    gitlab.world(|world| expected(&world.organisation, user))
}

#[track_caller]
fn assert_same(found: &BTreeSet<Expected>, wanted: &BTreeSet<Expected>) {
    let missing: Vec<_> = wanted.difference(found).collect();
    let more: Vec<_> = found.difference(wanted).collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "missing {missing:#?}, too many {more:#?}"
    );
}

/// The organisation of the demo, and beside it what it lacks: a row that is being deleted.
fn whole() -> Organisation {
    let mut org = acme::organisation();
    let project = org.projects.iter().find(|p| p.path == "search").unwrap().id;
    let going = org.repository(project, "old/index");
    org.change_repository(going, |row| row.status = Some("delete_ongoing".to_owned()));
    org
}

#[tokio::test]
async fn the_tree_is_that_of_the_organisation() {
    let gitlab = GitLab::start(whole(), Modes::default()).unwrap();
    let rig = Rig::connected(&gitlab, acme::TOKEN).await.unwrap();
    let rows = rig.locations().await.unwrap();
    assert_same(&found(&rows), &wanted(&gitlab, "mira"));

    let row = |path: &str, kind: &str| {
        let fits = |row: &&LocationRow| row.location.path == path && row.location.kind == kind;
        rows.iter().find(fits).unwrap().location.clone()
    };
    let has = |path: &str, key: &str, value: &str| {
        let project = row(path, "project");
        let pair = (key.to_owned(), value.to_owned());
        assert!(
            project.attributes.contains(&pair),
            "{pair:?} is not in {project:#?}"
        );
    };
    // The case of a project is kept, that of an image is low; the image at the root has the project's name.
    assert_eq!(
        row("northwind/shop/web-store", "image-repository").name,
        "web-store"
    );
    assert_eq!(
        row("northwind/shop/web-store/jobs/mailer", "image-repository").name,
        "jobs/mailer"
    );
    has("northwind/Shop/Web-Store", "topics", "customer-facing");
    has("northwind/Shop/Web-Store", "topics", "javascript");
    has("northwind/Shop/Web-Store", "default-branch", "main");
    has("northwind/Shop/Web-Store", "visibility", "private");
    has("northwind/archive/Intranet-2019", "archived", "true");
    for (path, kind, word) in [
        ("northwind/archive/handbook", "project", "switched off"),
        ("northwind/archive/prototype", "project", "2025-12-24"),
        (
            "northwind/shop/search/old/index",
            "image-repository",
            "delete_ongoing",
        ),
    ] {
        let why = row(path, kind).unscannable.unwrap();
        assert_eq!(why.reason, SkipReason::UnavailableHere);
        assert!(why.why.message.contains(word), "{why:?}");
    }

    // Full pages, and nothing that makes GitLab ask the registry.
    let log = gitlab.log();
    let lists = log.iter().filter(|entry| entry.query.contains("page="));
    for entry in lists {
        assert!(entry.query.contains("per_page=100"), "{entry:?}");
        assert!(!entry.query.contains("tags"), "{entry:?}");
    }
    let places = rows
        .iter()
        .filter(|r| r.location.kind != "image-repository")
        .count();
    assert!(
        log.len() <= 3 * places + 5,
        "{} requests for {places} places",
        log.len()
    );
}

#[tokio::test]
async fn an_administrator_and_an_old_gitlab_list_the_same_way() {
    for version in [Version::V13_12, Version::V15_11] {
        let gitlab = GitLab::start(whole(), Modes::version(version)).unwrap();
        let rig = Rig::connected(&gitlab, acme::TOKEN).await.unwrap();
        let rows = rig.locations().await.unwrap();
        // Before 15.0 nothing tells that an image repository is being deleted.
        let wanted = wanted(&gitlab, "mira").into_iter().map(|mut place| {
            if version == Version::V13_12 && place.kind == "image-repository" {
                (place.refused, place.scannable) = (false, true);
            }
            place
        });
        assert_same(&found(&rows), &wanted.collect());
    }
    let gitlab = GitLab::start(whole(), Modes::default()).unwrap();
    let rig = Rig::connected(&gitlab, acme::TOKEN_ADMIN).await.unwrap();
    let rows = rig.locations().await.unwrap();
    let paths: BTreeSet<&str> = rows.iter().map(|row| row.location.path.as_str()).collect();
    gitlab.world(|world| {
        for project in &world.organisation.projects {
            assert!(
                paths.contains(project.full_path.as_str()),
                "{}",
                project.full_path
            );
        }
    });
}

#[tokio::test]
async fn who_is_a_member_of_a_project_alone_is_shown_that_project() {
    let gitlab = GitLab::start(whole(), Modes::default()).unwrap();
    let rig = Rig::connected(&gitlab, acme::TOKEN_BOT).await.unwrap();
    let rows = rig.locations().await.unwrap();
    let images: Vec<&str> = rows
        .iter()
        .filter(|row| row.location.scannable)
        .map(|row| row.location.path.as_str())
        .collect();
    assert_eq!(
        images,
        [
            "northwind/shop/web-store",
            "northwind/shop/web-store/jobs/mailer"
        ]
    );
}

#[tokio::test]
async fn what_merely_is_public_is_left_out_and_told() {
    let mut org = whole();
    let harbour = org.groups.iter().find(|g| g.path == "harbour").unwrap().id;
    for group in &mut org.groups {
        if group.id == harbour {
            group.visibility = Visibility::Public;
            group.members.clear();
        }
    }
    // A member of one project of the group only; the other is everybody's.
    let mira = org.users.iter().find(|u| u.username == "mira").unwrap().id;
    let own = org.project(harbour, "crane", |p| {
        p.members.push((mira, level::REPORTER));
    });
    org.repository(own, "");
    let open = org.project(harbour, "tide-tables", |p| {
        p.visibility = Visibility::Public;
    });
    org.repository(open, "");
    let gitlab = GitLab::start(org, Modes::default()).unwrap();
    let rig = Rig::connected(&gitlab, acme::TOKEN).await.unwrap();
    let rows = rig.locations().await.unwrap();
    let has = |path: &str| rows.iter().any(|row| row.location.path == path);
    assert!(has("harbour/crane"));
    assert!(!has("harbour/tide-tables"));
}

#[tokio::test]
async fn a_gitlab_that_knows_itself_by_another_name_is_used_by_the_one_entered() {
    let modes = Modes {
        relative_root: "/gitlab".to_owned(),
        // What GitLab believes of itself is not what it was entered as.
        external_url: Some("https://git.inside.example/gitlab".to_owned()),
        ..Modes::default()
    };
    let gitlab = GitLab::start(wide(130), modes).unwrap();
    let rig = Rig::connected(&gitlab, "glpat-ada").await.unwrap();
    let rows = rig.locations().await.unwrap();
    assert_same(&found(&rows), &wanted(&gitlab, "ada"));
    // The registry sends its clients to that name as well; the token stays with the one that was entered.
    let report = rig.scan(&["wide/project-0000"]).await.unwrap();
    // (A reporter is not told of vulnerabilities, so the scan is not called complete.)
    assert_eq!(report.counts.images, 1, "{report:#?}");
}

#[tokio::test]
async fn a_group_that_is_closed_costs_only_itself() {
    for status in [403, 404] {
        let gitlab = GitLab::start(whole(), Modes::default()).unwrap();
        let shop = gitlab.world(|world| {
            let groups = &world.organisation.groups;
            groups
                .iter()
                .find(|g| g.full_path == "northwind/Shop")
                .unwrap()
                .id
        });
        let rig = Rig::connected(&gitlab, acme::TOKEN).await.unwrap();
        let body = serde_json::json!({ "message": if status == 403 { "403 Forbidden" } else { "404 Group Not Found" } });
        let closed = Fault::new(Trouble::Answer(Reply::json(status, &body)));
        gitlab.fault(
            closed
                .at(Place::Api)
                .path(&format!("/groups/{shop}/"))
                .always(),
        );
        let rows = rig.locations().await.unwrap();
        let mut wanted = wanted(&gitlab, "mira");
        wanted.retain(|place| !place.path.to_lowercase().starts_with("northwind/shop/"));
        assert_same(&found(&rows), &wanted);
        let filter = Filter {
            connection: Some(NAME.to_owned()),
            ..Filter::default()
        };
        let told = rig.host.skipped(&filter).unwrap();
        assert!(!told.is_empty(), "the closed group is told");
    }
}

/// A group with so many projects, and three subgroups; every tenth project has an image.
fn wide(projects: usize) -> Organisation {
    let mut org = Organisation::new();
    let ada = org.user("ada");
    org.token(ada, "glpat-ada", &scope::CONNECTOR);
    let group = org.group(None, "wide", |g| g.members.push((ada, level::REPORTER)));
    let image = Image::amd64().build();
    for number in 0..projects {
        let project = org.project(group, &format!("project-{number:04}"), |_| {});
        if number % 10 == 0 {
            let repository = org.repository(project, "");
            org.push(repository, "1", &image);
        }
    }
    for name in ["one", "two", "three"] {
        let below = org.group(Some(group), name, |_| {});
        let project = org.project(below, "tool", |_| {});
        org.repository(project, "a/b/c");
    }
    let own = org.project(Namespace::User(ada), "sandbox", |_| {});
    org.repository(own, "");
    org
}

#[tokio::test]
async fn throttling_and_faults_in_the_middle_do_not_shorten_the_list() {
    let gitlab = GitLab::start(wide(230), Modes::default()).unwrap();
    let rig = Rig::connected(&gitlab, "glpat-ada").await.unwrap();
    for (trouble, after) in [
        (Trouble::rack_attack(1), 3),
        (Trouble::application_limit(), 5),
        (Trouble::gateway(502), 7),
        (Trouble::HangUp, 9),
        (Trouble::Cut(40), 11),
    ] {
        gitlab.fault(Fault::new(trouble).at(Place::Api).after(after));
    }
    let rows = rig.locations().await.unwrap();
    assert_same(&found(&rows), &wanted(&gitlab, "ada"));
    assert!(gitlab.count(|entry| entry.status == 429) == 2);
}

#[tokio::test]
async fn totals_are_not_needed() {
    let modes = Modes {
        count_limit: 50,
        ..Modes::default()
    };
    let gitlab = GitLab::start(wide(230), modes).unwrap();
    let rig = Rig::connected(&gitlab, "glpat-ada").await.unwrap();
    assert_same(
        &found(&rig.locations().await.unwrap()),
        &wanted(&gitlab, "ada"),
    );
}

#[tokio::test]
async fn the_list_of_all_projects_does_not_run_into_the_offset_limit() {
    // Projects of many users, which only the list of all projects leads to.
    let mut org = wide(5);
    let ada = org.users[0].id;
    for number in 0..150 {
        let user = org.user(&format!("user-{number:03}"));
        let project = org.project(Namespace::User(user), "notes", |p| {
            p.members.push((ada, level::REPORTER));
        });
        org.repository(project, "");
    }
    let modes = Modes {
        offset_limit: 100,
        ..Modes::default()
    };
    let gitlab = GitLab::start(org, modes).unwrap();
    let rig = Rig::connected_as(&gitlab, draft(&gitlab.base_url(), "glpat-ada"))
        .await
        .unwrap();
    let rows = rig.locations().await.unwrap();
    let images = rows.iter().filter(|row| row.location.scannable).count();
    assert_eq!(images, 150 + 1 + 3 + 1);
    assert_eq!(gitlab.count(|entry| entry.status == 405), 0);
}

#[tokio::test]
async fn a_moved_project_is_listed_where_it_is_now() {
    let gitlab = GitLab::start(whole(), Modes::default()).unwrap();
    let rig = Rig::connected(&gitlab, acme::TOKEN).await.unwrap();
    let rows = rig.locations().await.unwrap();
    let planner = |row: &&LocationRow| row.location.path.contains("berth");
    let paths: Vec<&str> = rows
        .iter()
        .filter(planner)
        .map(|row| row.location.path.as_str())
        .collect();
    assert_eq!(
        paths,
        ["harbour/berth-planner", "harbour/berth-planner"],
        "project and image"
    );

    // Renamed between listing and scan: the number of the project leads to it all the same.
    gitlab.world(|world| {
        for project in &mut world.organisation.projects {
            if project.full_path == "harbour/berth-planner" {
                project.full_path = "harbour/planner".to_owned();
                project.path = "planner".to_owned();
            }
        }
        for row in &mut world.organisation.repositories {
            if row.path == "harbour/berth-planner" {
                row.path = "harbour/planner".to_owned();
            }
        }
        let stored = &mut world.organisation.store.repositories;
        let images = stored.remove("harbour/berth-planner").unwrap();
        stored.insert("harbour/planner".to_owned(), images);
    });
    let report = rig.scan(&["harbour/**"]).await.unwrap();
    assert!(report.complete, "{report:#?}");
    assert_eq!(rig.images("harbour/planner").unwrap().len(), 1);
}
