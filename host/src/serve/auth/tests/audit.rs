//! No change without a row.

use axum::Extension;
use axum::response::IntoResponse;
use axum::routing::{any, post};
use serde_json::json;

use super::*;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{Admin, AuditFilter, Did, Told};

async fn with_routes() -> Daemon {
    Daemon::with(ServeOptions::default(), |routes| {
        routes
            .route("/thing/{id}", any(async || "done"))
            .route("/refused", post(async |_: Admin| "done"))
            .route(
                "/failed",
                post(async || ApiError::new(ErrorCode::Conflict, "not now")),
            )
            .route("/broken", post(async || -> String { panic!("broken") }))
            .route(
                "/told",
                post(async || {
                    let told = Told {
                        subject: "OX-17".to_owned(),
                        record: json!({"reason": "because"}),
                    };
                    (Extension(told), Extension(Did("excluded an issue")), "done").into_response()
                }),
            )
    })
    .await
}

fn row(actor: &str, action: &str, subject: &str, status: u16) -> (String, String, String, u16) {
    (
        actor.to_owned(),
        action.to_owned(),
        subject.to_owned(),
        status,
    )
}

#[tokio::test]
async fn every_change_has_a_row_whatever_the_handler_does() {
    let daemon = with_routes().await;
    let session = daemon.user("ada", Role::Analyst).await;
    let (_, token) = daemon.token("ada", Role::Viewer).await;
    for (path, expected) in [
        ("/thing/7", row("ada", "POST /thing/{id}", "/thing/7", 200)),
        ("/refused", row("ada", "POST /refused", "/refused", 403)),
        ("/failed", row("ada", "POST /failed", "/failed", 409)),
        ("/broken", row("ada", "POST /broken", "/broken", 500)),
        ("/told", row("ada", "excluded an issue", "OX-17", 200)),
    ] {
        daemon.post(path).session(&session).send().await;
        // Nothing is waited for: the row is there before the answer.
        assert_eq!(daemon.log()[0], expected);
        daemon.post(path).token(&token).send().await;
        assert_eq!(daemon.log()[0], expected);
    }
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        let before = daemon.log().len();
        daemon
            .ask(method, "/thing/7")
            .session(&session)
            .send()
            .await;
        assert_eq!(daemon.log().len(), before + 1);
    }
    let before = daemon.log();
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        daemon
            .ask(method, "/thing/7")
            .session(&session)
            .send()
            .await;
    }
    daemon.post("/nowhere").session(&session).send().await;
    assert_eq!(daemon.log(), before, "who only looks is not written down");

    let rows = daemon
        .server
        .accounts
        .audit(&AuditFilter::default(), None, 100)
        .unwrap();
    let told = rows.iter().find(|row| row.subject == "OX-17").unwrap();
    assert_eq!(told.via, "api");
    assert_eq!(told.record["reason"], "because");
    assert_eq!(told.record["request"].as_str().unwrap().len(), 16);
}

#[tokio::test]
async fn a_change_is_done_and_written_to_its_end_when_whoever_asked_hangs_up() {
    let daemon = Daemon::with(ServeOptions::default(), |routes| {
        routes.route(
            "/slow",
            post(async || {
                tokio::time::sleep(std::time::Duration::from_millis(150)).await;
                "done"
            }),
        )
    })
    .await;
    let session = daemon.user("ada", Role::Admin).await;
    let asked = daemon.post("/slow").session(&session).send();
    let hung_up = tokio::time::timeout(std::time::Duration::from_millis(50), asked).await;
    assert!(hung_up.is_err());
    assert_eq!(daemon.log()[0], row("ada", "POST /slow", "/slow", 0));
    for _ in 0..200 {
        if daemon.log()[0].3 != 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(daemon.log()[0], row("ada", "POST /slow", "/slow", 200));
}

#[tokio::test]
async fn coming_in_and_being_refused_is_written_without_what_was_typed() {
    let daemon = Daemon::start().await;
    daemon.user("ada", Role::Admin).await;
    daemon.sign_in("ada", PASSWORD).await;
    assert_eq!(daemon.log()[0], row("ada", "signed in", "", 303));
    daemon.sign_in("ada", "wrong horse battery").await;
    assert_eq!(
        daemon.log()[0],
        row("ada", "was refused to sign in", "", 401)
    );
    daemon.sign_in("hunter2 typed here", "x").await;
    assert_eq!(daemon.log()[0], row("", "was refused to sign in", "", 401));
}

#[tokio::test]
async fn the_log_is_found_by_who_what_and_when_and_read_page_by_page() {
    let daemon = Daemon::start().await;
    let accounts = &daemon.server.accounts;
    for number in 0..25 {
        let subject = format!("connection {number}");
        accounts
            .audit_host("missed a run", &subject, json!({}))
            .await
            .unwrap();
    }
    daemon.user("ada", Role::Admin).await;
    daemon.sign_in("ada", PASSWORD).await;
    let all = AuditFilter::default();
    let mut before = None;
    let mut seen = Vec::new();
    loop {
        let page = accounts.audit(&all, before, 10).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        seen.extend(page);
    }
    assert_eq!(seen.len(), 26);
    assert!(seen.windows(2).all(|pair| pair[0].id > pair[1].id));
    let found = |filter: AuditFilter| accounts.audit(&filter, None, 100).unwrap().len();
    let host = AuditFilter {
        actor: Some("host".to_owned()),
        ..all.clone()
    };
    assert_eq!(found(host), 25);
    let signed_in = AuditFilter {
        action: Some("signed in".to_owned()),
        ..all.clone()
    };
    assert_eq!(found(signed_in), 1);
    let subject = AuditFilter {
        subject: Some("ION 2".to_owned()),
        ..all.clone()
    };
    assert_eq!(found(subject), 6);
    let later = AuditFilter {
        from: Some("2999-01-01T00:00:00Z".to_owned()),
        ..all.clone()
    };
    assert_eq!(found(later), 0);
    let earlier = AuditFilter {
        until: Some("2999-01-01T00:00:00Z".to_owned()),
        ..all
    };
    assert_eq!(found(earlier), 26);
    let (actors, actions) = accounts.audit_words().unwrap();
    assert_eq!(actors, ["ada", "host"]);
    assert_eq!(actions, ["missed a run", "signed in"]);
}
