//! Connecting from the form to the choice of locations, through the routes, with a connector that follows a script.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use axum::{Extension, Router};
use tower_service::Service;

use crate::contract::{Location, LocationPage};
use crate::host::NewLocations;
use crate::host::tests::{World, world};
use crate::scan::script::{Script, Scripted, group, location, page};
use crate::serve::auth::{Actor, Role, Via};
use crate::serve::{ServeOptions, Server};

const TOKEN: &str = "glpat-very-secret";

struct Console {
    _world: World,
    server: Arc<Server>,
}

struct Answer {
    status: StatusCode,
    place: String,
    text: String,
}

impl Console {
    async fn with(script: Script) -> Self {
        let world = world(script);
        let server = Server::new(world.host.clone(), ServeOptions::default())
            .await
            .unwrap();
        Self {
            _world: world,
            server,
        }
    }

    fn router(&self, user: i64, role: Role) -> Router {
        let actor = Actor {
            user,
            name: format!("user-{user}"),
            role,
            via: Via::Console,
        };
        super::routes()
            .layer(Extension(actor))
            .with_state(self.server.clone())
    }

    async fn ask(
        &self,
        user: i64,
        role: Role,
        method: Method,
        path: &str,
        form: &[(&str, &str)],
    ) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        let response = self.router(user, role).call(request).await.unwrap();
        let status = response.status();
        let place = response.headers().get(header::LOCATION);
        let place = place
            .map(|place| place.to_str().unwrap().to_owned())
            .unwrap_or_default();
        let text = to_bytes(response.into_body(), 16 << 20).await.unwrap();
        Answer {
            status,
            place,
            text: String::from_utf8(text.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(1, Role::Admin, Method::GET, path, &[]).await
    }

    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.ask(1, Role::Admin, Method::POST, path, form).await
    }

    /// The page of an attempt, once it has ended.
    async fn ended(&self, path: &str) -> Answer {
        for _ in 0..2000 {
            let answer = self.get(path).await;
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
            if !answer.text.contains("http-equiv=\"refresh\"") {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the attempt did not end");
    }

    async fn connect(&self) -> Answer {
        let begun = self
            .post(
                "/connectors/gitlab-registry/new",
                &[
                    ("s.url", "gitlab.example.com"),
                    ("s.token", TOKEN),
                    ("name", "acme"),
                ],
            )
            .await;
        assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.text);
        let page = self.ended(&begun.place).await;
        // What follows by itself: the locations.
        for _ in 0..2000 {
            if !self
                .server
                .host
                .known_locations("acme")
                .unwrap_or_default()
                .is_empty()
            {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        page
    }
}

fn below(parent: &str, path: &str) -> Location {
    Location {
        parent: Some(parent.to_owned()),
        ..location(path)
    }
}

fn tree() -> Script {
    let mut script = Script::flat(vec![("acme/api", Scripted::default())]);
    let pages = |locations: Vec<Location>| -> Vec<LocationPage> { vec![page(locations, None)] };
    script
        .pages
        .insert(None, pages(vec![group("acme"), group("other")]));
    script.pages.insert(
        Some("acme".to_owned()),
        pages(vec![below("acme", "acme/api"), below("acme", "acme/web")]),
    );
    script.pages.insert(
        Some("other".to_owned()),
        pages(vec![
            below("other", "other/<script>alert(1)</script>"),
            below("other", "other/x*"),
        ]),
    );
    script
}

/// The values of an input of a page.
fn values(page: &str, name: &str) -> Vec<String> {
    let start = format!("name=\"{name}\" value=\"");
    page.split(&start)
        .skip(1)
        .map(|rest| {
            rest.split('"')
                .next()
                .unwrap()
                .replace("&#38;", "&")
                .replace("&#60;", "<")
                .replace("&#62;", ">")
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_connected_and_the_token_is_on_no_page() {
    let console = Console::with(tree()).await;
    let form = console.get("/connectors/gitlab-registry/new").await;
    assert!(form.text.contains("name=\"s.token\" type=\"password\""));
    let page = console.connect().await;
    assert!(
        page.text.contains("id=\"ended\">Connected"),
        "{}",
        page.text
    );
    assert!(page.text.contains("class=\"passed\""));
    for path in [
        "/connectors",
        "/connections/acme",
        "/connections/acme/remove",
    ] {
        let answer = console.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        assert!(answer.text.contains("acme"));
        assert!(!answer.text.contains(TOKEN), "{path}");
    }
    assert!(!page.text.contains(TOKEN));
    assert_eq!(
        console.server.host.connection("acme").unwrap().connector,
        "gitlab-registry"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_refuses_comes_back_at_its_field_and_the_token_need_not_be_entered_again() {
    let console = Console::with(tree()).await;
    let begun = console
        .post(
            "/connectors/gitlab-registry/new",
            &[("s.url", "ftp://gitlab.example.com"), ("s.token", TOKEN)],
        )
        .await;
    let page = console.ended(&begun.place).await;
    assert!(page.text.contains("aria-invalid=\"true\""), "{}", page.text);
    assert!(page.text.contains("value=\"ftp://gitlab.example.com\""));
    assert!(
        page.text
            .contains("Leave it empty to keep what was entered")
    );
    assert!(!page.text.contains(TOKEN) && !page.text.contains("Save anyway"));
    let again = console
        .post(
            &format!("{}/again", begun.place),
            &[
                ("s.url", "gitlab.example.com"),
                ("s.token", ""),
                ("name", "acme"),
            ],
        )
        .await;
    let page = console.ended(&again.place).await;
    assert!(
        page.text.contains("id=\"ended\">Connected"),
        "{}",
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_its_owners_alone_and_needs_an_administrator() {
    let console = Console::with(tree()).await;
    let begun = console
        .post(
            "/connectors/gitlab-registry/new",
            &[("s.url", "gitlab.example.com"), ("s.token", TOKEN)],
        )
        .await;
    let other = console
        .ask(2, Role::Admin, Method::GET, &begun.place, &[])
        .await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    for role in [Role::Viewer, Role::Analyst] {
        for (method, path) in [
            (Method::GET, "/connectors/gitlab-registry/new"),
            (Method::POST, "/connectors/gitlab-registry/new"),
            (Method::GET, begun.place.as_str()),
            (Method::POST, "/connections/acme/locations"),
            (Method::POST, "/connections/acme/locations/refresh"),
            (Method::POST, "/connections/acme/verify"),
            (Method::POST, "/connections/acme/schedule"),
            (Method::POST, "/connections/acme/remove"),
            (Method::POST, "/connections/acme"),
            (Method::POST, "/plugins"),
            (Method::POST, "/plugins/roll-back"),
        ] {
            let answer = console.ask(3, role, method, path, &[]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    let scan = console
        .ask(3, Role::Viewer, Method::POST, "/connections/acme/scan", &[])
        .await;
    assert_eq!(scan.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn ticks_become_the_selection_that_a_scan_takes() {
    let console = Console::with(tree()).await;
    console.connect().await;
    let gear = console.get("/connections/acme/locations").await;
    assert!(
        gear.text.contains("4 of 4 locations are scanned"),
        "{}",
        gear.text
    );
    assert!(!gear.text.contains("<script>alert"), "names are inert");
    let shown = values(&gear.text, "shown");
    let on = values(&gear.text, "on");
    assert_eq!((shown.len(), on.len()), (2, 4));
    let mut form: Vec<(&str, &str)> = shown
        .iter()
        .map(|token| ("shown", token.as_str()))
        .collect();
    form.extend(
        on.iter()
            .filter(|path| *path != "acme/web")
            .map(|path| ("on", path.as_str())),
    );
    form.push(("by", "tree"));
    let saved = console.post("/connections/acme/locations", &form).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);
    let selection = console.server.host.connection("acme").unwrap().selection;
    assert_eq!(selection.new_locations, NewLocations::Exclude);
    let rows = console.server.host.known_locations("acme").unwrap();
    let taken: Vec<&str> = rows
        .iter()
        .filter(|row| row.selected)
        .map(|row| row.location.path.as_str())
        .collect();
    assert_eq!(
        taken,
        ["acme/api", "other/<script>alert(1)</script>", "other/x*"]
    );
    // What a search shows is all that a save from it concerns.
    let found = console.get("/connections/acme/locations?q=API").await;
    let shown = values(&found.text, "shown");
    assert_eq!(values(&found.text, "on"), ["acme/api"]);
    console
        .post(
            "/connections/acme/locations",
            &[
                ("q", "API"),
                ("shown", &shown[0]),
                ("by", "tree"),
                ("monitor_new", "true"),
            ],
        )
        .await;
    let rows = console.server.host.known_locations("acme").unwrap();
    assert_eq!(rows.iter().filter(|row| row.selected).count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn ticks_are_never_read_against_other_locations_than_were_seen() {
    let console = Console::with(tree()).await;
    console.connect().await;
    let before = console.server.host.connection("acme").unwrap().selection;
    for shown in ["0011223344556677:acme", "0011223344556677:gone", "nonsense"] {
        let form = [("shown", shown), ("by", "tree"), ("monitor_new", "true")];
        let answer = console.post("/connections/acme/locations", &form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(
            console.server.host.connection("acme").unwrap().selection,
            before
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_that_cannot_be_read_come_back_with_the_reason() {
    let console = Console::with(tree()).await;
    console.connect().await;
    let form = [("include", "acme/[a"), ("exclude", ""), ("by", "patterns")];
    let answer = console.post("/connections/acme/locations", &form).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer.text.contains("acme/[a") && answer.text.contains("role=\"alert\""),
        "{}",
        answer.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_keeps_the_token_and_never_sends_it_elsewhere() {
    let console = Console::with(tree()).await;
    console.connect().await;
    let kept = console
        .post(
            "/connections/acme",
            &[("s.url", "gitlab.example.com"), ("s.tags", "v*")],
        )
        .await;
    let page = console.ended(&kept.place).await;
    assert!(page.text.contains("id=\"ended\">Saved"), "{}", page.text);
    let settings = console.server.host.connection("acme").unwrap().settings;
    assert!(
        settings.contains(&("tags".to_owned(), "v*".to_owned())),
        "{settings:?}"
    );
    let moved = console
        .post("/connections/acme", &[("s.url", "https://evil.example")])
        .await;
    let page = console.ended(&moved.place).await;
    assert!(page.text.contains("Enter it again"), "{}", page.text);
    assert!(page.text.contains("aria-invalid=\"true\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_never_taken_by_another_of_its_name() {
    let console = Console::with(tree()).await;
    console.connect().await;
    let form = [
        ("s.url", "gitlab.example.com"),
        ("s.token", TOKEN),
        ("name", "acme"),
    ];
    let answer = console.post("/connectors/gitlab-registry/new", &form).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.text.contains("is called"), "{}", answer.text);
    assert!(!answer.text.contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_sees_the_gear_and_can_change_nothing() {
    let console = Console::with(tree()).await;
    console.connect().await;
    let gear = console
        .ask(
            3,
            Role::Viewer,
            Method::GET,
            "/connections/acme/locations",
            &[],
        )
        .await;
    assert_eq!(gear.status, StatusCode::OK);
    assert!(!gear.text.contains("value=\"tree\"") && !gear.text.contains("/refresh\""));
    assert!(gear.text.matches("disabled").count() >= 4);
    let page = console
        .ask(3, Role::Viewer, Method::GET, "/connections/acme", &[])
        .await;
    assert!(
        !page.text.contains("/connections/acme/verify")
            && !page.text.contains("/connections/acme/scan")
    );
}
