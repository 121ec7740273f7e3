//! What all of the API have in common, against a router without a network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower_service::Service;

use crate::host::{Host, HostOptions};
use crate::serve::auth::{Actor, Role, Via};
use crate::serve::bus::Topic;
use crate::serve::{ServeOptions, Server};

struct World {
    server: Arc<Server>,
    router: Router,
    _folder: tempfile::TempDir,
}

async fn world_of(role: Role) -> World {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::open(HostOptions {
        data_dir: folder.path().to_owned(),
        cache_dir: None,
        jobs: 1,
        plugin: None,
        limits: Vec::new(),
    })
    .await
    .unwrap();
    let server = Server::new(host, ServeOptions::default()).await.unwrap();
    let actor = Actor {
        user: 7,
        name: "mira".to_owned(),
        role,
        via: Via::Api,
    };
    let router = super::routes()
        .layer(Extension(actor))
        .with_state(server.clone());
    World {
        server,
        router,
        _folder: folder,
    }
}

async fn world() -> World {
    world_of(Role::Admin).await
}

struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Value,
}

impl World {
    async fn send(&self, request: Request<Body>) -> Response<Body> {
        self.router.clone().call(request).await.unwrap()
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.send(request).await;
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    async fn put(&self, path: &str, tag: Option<&str>, body: Value) -> Answer {
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(tag.map(|tag| ("if-match", tag)));
        self.ask("PUT", path, &headers, &body.to_string()).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_has_the_envelope() {
    let world = world().await;
    for (method, path, body, status, code) in [
        ("GET", "/api/v1/nothing", "", 404, "not-found"),
        ("GET", "/api/v2/issues", "", 404, "not-found"),
        ("GET", "/api", "", 404, "not-found"),
        ("PATCH", "/api/v1/issues", "", 405, "method-not-allowed"),
        ("GET", "/api/v1/issues/17", "", 404, "not-found"),
        ("GET", "/api/v1/issues/seventeen", "", 404, "not-found"),
        ("GET", "/api/v1/issues?severty=high", "", 400, "bad-request"),
        ("GET", "/api/v1/issues?limit=0", "", 400, "bad-request"),
        ("GET", "/api/v1/issues?after=nowhere", "", 422, "invalid"),
        (
            "GET",
            "/api/v1/issues?connection=none",
            "",
            404,
            "not-found",
        ),
        ("GET", "/api/v1/connections/none", "", 404, "not-found"),
        ("POST", "/api/v1/exclusions", "{", 400, "bad-request"),
        ("POST", "/api/v1/exclusions", "[]", 422, "invalid"),
        (
            "POST",
            "/api/v1/exclusions",
            r#"{"covers":{"scope":"issue","id":1},"reason":"x","by":"me"}"#,
            422,
            "invalid",
        ),
        (
            "POST",
            "/api/v1/exclusions",
            r#"{"covers":{"scope":"issue","id":1,"name":"x"},"reason":"x"}"#,
            422,
            "invalid",
        ),
    ] {
        let headers = [("content-type", "application/json")];
        let answer = world.ask(method, path, &headers, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(answer.body["error"]["code"], code, "{method} {path}");
        let message = answer.body["error"]["message"].as_str().unwrap();
        assert!(!message.is_empty(), "{method} {path}");
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/json");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_not_taken_is_told_with_those_that_are() {
    let world = world().await;
    let answer = world.ask("DELETE", "/api/v1/policy", &[], "").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let allow = answer.headers[header::ALLOW].to_str().unwrap();
    assert!(allow.contains("GET") && allow.contains("PUT"), "{allow}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_another_type_or_size_is_refused() {
    let world = world().await;
    let plain = [("content-type", "text/plain")];
    let answer = world.ask("POST", "/api/v1/exclusions", &plain, "{}").await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let json = [("content-type", "application/json; charset=utf-8")];
    let large = format!("{:?}", "x".repeat(super::extract::BODY_BYTES));
    let answer = world.ask("POST", "/api/v1/exclusions", &json, &large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.body["error"]["code"], "too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_what_somebody_else_changed_is_refused() {
    let world = world().await;
    let read = world.get("/api/v1/policy").await;
    let tag = read.headers[header::ETAG].to_str().unwrap().to_owned();
    assert_eq!(
        world
            .ask(
                "GET",
                "/api/v1/policy",
                &[("if-none-match", tag.as_str())],
                ""
            )
            .await
            .status,
        StatusCode::NOT_MODIFIED
    );
    let text = json!({"text": "[sla]\nnear = 3\n"});
    let blind = world.put("/api/v1/policy", None, text.clone()).await;
    assert_eq!(
        blind.status,
        StatusCode::PRECONDITION_REQUIRED,
        "{}",
        blind.body
    );
    let first = world.put("/api/v1/policy", Some(&tag), text.clone()).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    assert_eq!(first.body["policy"]["by"], "mira");
    let late = world.put("/api/v1/policy", Some(&tag), text.clone()).await;
    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(late.body["error"]["code"], "changed");
    let again = first.headers[header::ETAG].to_str().unwrap();
    let second = world.put("/api/v1/policy", Some(again), text).await;
    assert_eq!(second.status, StatusCode::OK, "{}", second.body);
    let broken = world
        .put("/api/v1/policy", Some("*"), json!({"text": "[nothing]"}))
        .await;
    assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exclusion_is_made_read_listed_page_by_page_and_ended() {
    let world = world().await;
    let json = [("content-type", "application/json")];
    for name in ["a", "b", "c"] {
        let body = json!({"covers": {"scope": "application", "name": name}, "reason": "not ours"});
        let made = world
            .ask("POST", "/api/v1/exclusions", &json, &body.to_string())
            .await;
        assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
        let place = made.headers[header::LOCATION].to_str().unwrap();
        assert_eq!(world.get(place).await.body["by"], "mira");
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/exclusions?limit=2".to_owned();
    loop {
        let page = world.get(&path).await;
        assert_eq!(page.body["meta"]["total"], 3);
        let rows = page.body["exclusions"].as_array().unwrap().clone();
        seen.extend(rows.iter().map(|row| row["id"].as_i64().unwrap()));
        match page.body["meta"]["next"].as_str() {
            Some(next) => path = format!("/api/v1/exclusions?limit=2&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, [3, 2, 1]);
    let ended = world.ask("DELETE", "/api/v1/exclusions/2", &[], "").await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let again = world.ask("DELETE", "/api/v1/exclusions/2", &[], "").await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    let gone = world.ask("DELETE", "/api/v1/exclusions/9", &[], "").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_changes_nothing() {
    let world = world_of(Role::Viewer).await;
    assert_eq!(world.get("/api/v1/issues").await.status, StatusCode::OK);
    for (method, path) in [
        ("PUT", "/api/v1/policy"),
        ("POST", "/api/v1/connections"),
        ("DELETE", "/api/v1/connections/x"),
        ("POST", "/api/v1/connections/x/scans"),
        ("PUT", "/api/v1/connections/x/selection"),
        ("POST", "/api/v1/issues/bulk"),
        ("PUT", "/api/v1/issues/1/assignee"),
        ("POST", "/api/v1/exclusions"),
        ("POST", "/api/v1/plugins"),
        ("POST", "/api/v1/runs/1/cancel"),
        ("POST", "/api/v1/advisories/updates"),
    ] {
        let json = [("content-type", "application/json")];
        let answer = world.ask(method, path, &json, "{}").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
        assert_eq!(answer.body["error"]["code"], "forbidden");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_goes_on_behind_the_last_event_and_ends_with_the_daemon() {
    let world = world().await;
    for number in 1..=3 {
        world
            .server
            .bus
            .publish(Topic::Run, number.to_string(), json!({"n": number}));
    }
    world
        .server
        .bus
        .publish(Topic::Connection, "acme", Value::Null);
    let request = Request::builder()
        .uri("/api/v1/events?topic=run")
        .header("last-event-id", "1")
        .body(Body::empty())
        .unwrap();
    let response = world.send(request).await;
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/event-stream"
    );
    let mut body = response.into_body();
    let mut text = String::new();
    while text.matches("id: ").count() < 2 {
        let frame = body.frame().await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    let ids: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("id:"))
        .collect();
    assert_eq!(ids, ["id: 2", "id: 3"], "{text}");
    world.server.stopping.cancel();
    // It ends, or this waits for ever.
    while body.frame().await.is_some() {}
    let wrong = world
        .ask("GET", "/api/v1/events", &[("last-event-id", "x")], "")
        .await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_sent_with_its_number_and_topic() {
    let world = world().await;
    world
        .server
        .bus
        .publish(Topic::RunLine, "5", json!("one\ntwo"));
    let request = Request::builder()
        .uri("/api/v1/events?after=0")
        .body(Body::empty())
        .unwrap();
    let mut body = world.send(request).await.into_body();
    let frame = body.frame().await.unwrap().unwrap();
    let text = String::from_utf8(frame.data_ref().unwrap().to_vec()).unwrap();
    assert!(
        text.contains("id: 1\n") && text.contains("event: run-line\n"),
        "{text}"
    );
    let data = text
        .lines()
        .find_map(|line| line.strip_prefix("data: "))
        .unwrap();
    let event: crate::serve::bus::BusEvent = serde_json::from_str(data).unwrap();
    assert_eq!(event.data, json!("one\ntwo"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_good_for_one_request() {
    use super::once::{Answer, once};
    let world = world().await;
    let actor = Actor {
        user: 7,
        name: "mira".to_owned(),
        role: Role::Admin,
        via: Via::Api,
    };
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("idempotency-key", "k-1".parse().unwrap());
    let done = std::sync::atomic::AtomicU32::new(0);
    let work = async || {
        let number = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Answer {
            status: StatusCode::ACCEPTED,
            location: Some(format!("/api/v1/runs/{number}")),
            body: json!({"n": number}),
        })
    };
    let first = once(&world.server, &actor, &headers, "a", b"x", work).await;
    let again = once(&world.server, &actor, &headers, "a", b"x", work).await;
    let (first, again) = (first.unwrap(), again.unwrap());
    assert_eq!(
        first.headers()[header::LOCATION],
        again.headers()[header::LOCATION]
    );
    assert_eq!(again.status(), StatusCode::ACCEPTED);
    assert!(again.headers().contains_key("idempotency-replayed"));
    let other = once(&world.server, &actor, &headers, "a", b"y", work).await;
    assert_eq!(other.unwrap_err().code, super::ErrorCode::Invalid);
    let somebody = Actor { user: 8, ..actor };
    once(&world.server, &somebody, &headers, "a", b"y", work)
        .await
        .unwrap();
    assert_eq!(done.into_inner(), 2);
}

#[test]
fn the_description_is_whole_and_frozen() {
    let api = super::openapi();
    let value = serde_json::to_value(&api).unwrap();
    assert!(value["openapi"].as_str().unwrap().starts_with("3.1"));
    let tags: Vec<_> = value["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut names = std::collections::BTreeSet::new();
    for (path, item) in value["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            let tag = operation["tags"][0].as_str().unwrap();
            assert!(tags.contains(&tag), "{what} has the tag {tag}");
            assert!(operation["summary"].is_string(), "{what} has no summary");
            let id = operation["operationId"].as_str().unwrap();
            assert!(names.insert(id.to_owned()), "{id} is there twice");
            for (status, response) in operation["responses"].as_object().unwrap() {
                if status.starts_with(['4', '5']) {
                    let schema = &response["content"]["application/json"]["schema"]["$ref"];
                    assert_eq!(schema, "#/components/schemas/ErrorBody", "{what} {status}");
                }
            }
        }
    }
    // Every reference leads somewhere.
    let text = value.to_string();
    let schemas = value["components"]["schemas"].as_object().unwrap();
    for part in text.split("\"#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is not described");
    }
    insta::assert_snapshot!("openapi", api.to_pretty_json().unwrap());
}
