//! No account, no data; roles; other people's pages; headers; errors as pages.

use axum::routing::{get, post};

use super::*;
use crate::serve::auth::{Admin, Analyst, Viewer};

/// Every address that the console and the API have: what stands behind `.route("` and `path = "` in their source,
/// with something in the place of what varies.
fn addresses() -> Vec<String> {
    fn collect(folder: &std::path::Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("tests") {
                    collect(&path, found);
                }
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let in_api = path.components().any(|part| part.as_os_str() == "api");
            for mark in [".route(", "path = "] {
                for after in text.split(mark).skip(1) {
                    let Some(literal) = after.trim_start().strip_prefix('"') else {
                        continue;
                    };
                    let literal = literal.split('"').next().unwrap();
                    if literal.starts_with('/') {
                        found.push(literal.to_owned());
                        if in_api && !literal.starts_with("/api") {
                            found.push(format!("/api/v1{literal}"));
                        }
                    }
                }
            }
        }
    }
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/serve");
    let mut found = Vec::new();
    for part in ["console", "api"] {
        collect(&source.join(part), &mut found);
    }
    let mut found: Vec<String> = found
        .into_iter()
        .map(|path| {
            path.split('/')
                .map(|part| if part.starts_with('{') { "1" } else { part })
                .collect::<Vec<_>>()
                .join("/")
        })
        .collect();
    found.extend(["/api/v1".to_owned(), "/nowhere".to_owned()]);
    found.sort();
    found.dedup();
    found
}

#[tokio::test]
async fn without_an_account_there_is_no_data_at_any_address() {
    let daemon = Daemon::start().await;
    daemon.user("ada", Role::Admin).await;
    let addresses = addresses();
    assert!(addresses.len() > 10, "{addresses:?}");
    let open = ["/signin", "/setup", "/theme"];
    for path in &addresses {
        if open.contains(&path.as_str()) {
            continue;
        }
        for method in [
            Method::GET,
            Method::HEAD,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ] {
            let as_page = daemon.ask(method.clone(), path).send().await;
            if path == "/api" || path.starts_with("/api/") {
                assert_eq!(as_page.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            } else {
                assert_eq!(as_page.status, StatusCode::SEE_OTHER, "{method} {path}");
                assert!(as_page.location().starts_with("/signin"), "{method} {path}");
            }
            let by_script = daemon
                .ask(method.clone(), path)
                .with("sec-fetch-mode", "cors")
                .with("accept", "*/*")
                .send()
                .await;
            assert_eq!(
                by_script.status,
                StatusCode::UNAUTHORIZED,
                "{method} {path}"
            );
            for wrong in ["oxh_0000", "", "x"] {
                let program = daemon.ask(method.clone(), path).token(wrong).send().await;
                assert_eq!(program.status, StatusCode::UNAUTHORIZED, "{method} {path}");
            }
            let stale = daemon.ask(method.clone(), path).session("00").send().await;
            assert!(!stale.status.is_success(), "{method} {path}");
        }
    }
    assert_eq!(daemon.log().len(), 0, "nobody who is not in fills the log");
}

#[tokio::test]
async fn who_is_sent_to_sign_in_comes_back_to_where_they_were() {
    let daemon = Daemon::start().await;
    daemon.user("ada", Role::Viewer).await;
    let answer = daemon.get("/issues?severity=critical&x=1").send().await;
    assert_eq!(
        answer.location(),
        "/signin?next=%2Fissues%3Fseverity%3Dcritical%26x%3D1"
    );
    let page = daemon.get(answer.location()).send().await;
    assert!(
        page.text
            .contains(r#"value="/issues?severity=critical&#38;x=1""#),
        "{}",
        page.text
    );
    // A form of a page that was open for too long.
    let form = daemon
        .post("/runs/7/cancel")
        .with("referer", "http://127.0.0.1:8470/runs/7")
        .send()
        .await;
    assert_eq!(form.location(), "/signin?next=%2Fruns%2F7");
}

#[tokio::test]
async fn a_link_from_elsewhere_takes_one_step_on_our_own_page_so_that_the_session_comes_along() {
    let daemon = Daemon::start().await;
    let session = daemon.user("ada", Role::Viewer).await;
    let there = "/account?a=1&b=\"><script>alert(1)</script>";
    let there = there
        .replace('"', "%22")
        .replace('<', "%3C")
        .replace('>', "%3E");
    // The browser keeps the cookie back, as it is `Strict`.
    let first = daemon
        .get(&there)
        .with("sec-fetch-site", "cross-site")
        .send()
        .await;
    assert_eq!(first.status, StatusCode::OK);
    assert!(
        first
            .text
            .contains(r#"content="0;url=/account?a=1&amp;b=%22%3E"#),
        "{}",
        first.text
    );
    assert!(!first.text.contains("<script"));
    let second = daemon.get("/account").session(&session).send().await;
    assert_eq!(second.status, StatusCode::OK);
    // Without one it ends at the door, and not in a circle.
    let door = daemon.get(&there).send().await;
    assert!(door.location().starts_with("/signin"));
}

#[tokio::test]
async fn each_role_may_do_what_it_may_and_no_more() {
    let daemon = Daemon::with(ServeOptions::default(), |routes| {
        routes
            .route(
                "/for/viewer",
                get(async |_: Viewer| "data").post(async |_: Viewer| "data"),
            )
            .route(
                "/for/analyst",
                get(async |_: Analyst| "data").post(async |_: Analyst| "data"),
            )
            .route(
                "/for/admin",
                get(async |_: Admin| "data").post(async |_: Admin| "data"),
            )
    })
    .await;
    for role in Role::ALL {
        let session = daemon.user(role.word(), role).await;
        for needed in Role::ALL {
            let path = format!("/for/{}", needed.word());
            let (_, token) = daemon.token(role.word(), role).await;
            for method in [Method::GET, Method::POST] {
                let page = daemon
                    .ask(method.clone(), &path)
                    .session(&session)
                    .send()
                    .await;
                let program = daemon.ask(method, &path).token(&token).send().await;
                for answer in [page, program] {
                    let expected = match role >= needed {
                        true => StatusCode::OK,
                        false => StatusCode::FORBIDDEN,
                    };
                    assert_eq!(answer.status, expected, "{role:?} at {path}");
                    assert_eq!(answer.text == "data", role >= needed);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_token_may_less_than_its_user_and_nothing_once_it_is_revoked_or_over() {
    let daemon = Daemon::with(ServeOptions::default(), |routes| {
        routes.route("/for/admin", get(async |_: Admin| "data"))
    })
    .await;
    let session = daemon.user("ada", Role::Admin).await;
    let (_, reader) = daemon.token("ada", Role::Viewer).await;
    let (id, token) = daemon.token("ada", Role::Admin).await;
    let status = async |token: &str| daemon.get("/for/admin").token(token).send().await.status;
    assert_eq!(status(&reader).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&token).await, StatusCode::OK);
    let revoked = daemon
        .post(&format!("/account/tokens/{id}/revoke"))
        .session(&session)
        .send()
        .await;
    assert_eq!(revoked.status, StatusCode::SEE_OTHER);
    assert_eq!(status(&token).await, StatusCode::UNAUTHORIZED);

    let accounts = &daemon.server.accounts;
    let actor = Actor {
        user: accounts.user("ada").unwrap().id,
        name: "ada".to_owned(),
        role: Role::Analyst,
        via: Via::Api,
    };
    let more = accounts.make_token(&actor, "x", Role::Admin, None).await;
    assert!(more.unwrap_err().to_string().contains("admin"));
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_millis(300)).to_string();
    let (_, short) = accounts
        .make_token(&actor, "x", Role::Viewer, Some(&soon))
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(350)).await;
    assert_eq!(status(short.expose()).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn one_user_does_not_revoke_the_token_of_another() {
    let daemon = Daemon::start().await;
    daemon.user("ada", Role::Admin).await;
    let session = daemon.user("bob", Role::Analyst).await;
    let (id, token) = daemon.token("ada", Role::Admin).await;
    let path = format!("/account/tokens/{id}/revoke");
    let tried = daemon.post(&path).session(&session).send().await;
    assert_eq!(tried.status, StatusCode::NOT_FOUND);
    let still = daemon.get("/account").token(&token).send().await;
    assert_eq!(still.status, StatusCode::OK);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let daemon = Daemon::start().await;
    let session = daemon.user("ada", Role::Admin).await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("x-nothing", "at all"),
    ] {
        let change = |path: &str| {
            daemon
                .post(path)
                .without("sec-fetch-site")
                .with(name, value)
                .session(&session)
        };
        let out = change("/signout").send().await;
        assert_eq!(out.status, StatusCode::FORBIDDEN, "{name}: {value}");
        // Signing somebody in as somebody else is a trick, too.
        let form = [("name", "ada"), ("password", PASSWORD)];
        let signed_in = change("/signin").form(&form).send().await;
        assert_eq!(signed_in.status, StatusCode::FORBIDDEN, "{name}: {value}");
        assert_eq!(signed_in.cookie("ox_session"), None);
    }
    let still = daemon.get("/account").session(&session).send().await;
    assert_eq!(still.status, StatusCode::OK);
    let own = daemon
        .post("/signout")
        .without("sec-fetch-site")
        .with("origin", "http://127.0.0.1:8470")
        .session(&session);
    assert_eq!(own.send().await.location(), "/signin");
}

#[tokio::test]
async fn a_name_that_is_not_ours_gets_nothing_even_with_a_session() {
    let daemon = Daemon::start().await;
    let session = daemon.user("ada", Role::Admin).await;
    for path in ["/account", "/signin", "/nowhere", "/api/v1/users"] {
        let answer = daemon
            .get(path)
            .with("host", "rebound.example:8470")
            .session(&session)
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(
            answer.text.contains("does not answer to the name"),
            "{}",
            answer.text
        );
    }
    // A program that has a token is no page.
    let (_, token) = daemon.token("ada", Role::Viewer).await;
    let program = daemon
        .get("/account")
        .with("host", "ox-host.internal")
        .token(&token);
    assert_eq!(program.send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_answer_has_its_headers_and_an_error_is_a_page_for_people_and_an_envelope_for_programs()
 {
    let daemon = Daemon::with(ServeOptions::default(), |routes| {
        routes
            .route(
                "/broken",
                get(async || -> String { panic!("a secret detail") }),
            )
            .route(
                "/broken/change",
                post(async || -> String { panic!("a secret detail") }),
            )
            .route(
                "/api/v1/broken",
                get(async || -> String { panic!("a secret detail") }),
            )
            .route("/number/{id}", get(async |_: axum::extract::Path<u32>| ""))
    })
    .await;
    let session = daemon.user("ada", Role::Admin).await;
    let asset = ox_console::assets::sheet();
    let cases = [
        (Method::GET, "/account", 200),
        (Method::GET, "/signin", 303),
        (Method::GET, asset, 200),
        (Method::GET, "/nowhere", 404),
        (Method::GET, "/signout", 405),
        (Method::GET, "/number/x", 400),
        (Method::GET, "/broken", 500),
        (Method::POST, "/broken/change", 500),
        (Method::GET, "/api/v1/broken", 500),
        (Method::GET, "/api/v1/nowhere", 404),
    ];
    for (method, path, status) in cases {
        let answer = daemon.ask(method, path).session(&session).send().await;
        assert_eq!(answer.status.as_u16(), status, "{path}");
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
             form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(answer.header("x-request-id").len(), 16);
        assert_eq!(
            answer.header("cache-control") == "no-store",
            path != asset,
            "{path}"
        );
        assert!(!answer.text.contains("secret detail"));
        if status >= 400 {
            if path.starts_with("/api") {
                let envelope: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
                assert!(envelope["error"]["message"].is_string());
            } else {
                assert!(answer.text.contains("<h1"), "{path}: {}", answer.text);
                assert!(answer.text.contains(&status.to_string()));
                assert!(answer.header("content-type").starts_with("text/html"));
                // The navigation is there: one goes on.
                assert!(answer.text.contains("href=\"/issues\""));
            }
        }
        if status == 500 && !path.starts_with("/api") {
            assert!(answer.text.contains(answer.header("x-request-id")));
        }
        if status == 405 {
            assert_eq!(answer.header("allow"), "POST");
        }
    }
}

#[tokio::test]
async fn a_stream_of_events_ends_with_what_opened_it() {
    let daemon = Daemon::with(ServeOptions::default(), |routes| {
        routes.route(
            "/stream",
            get(async |_: Viewer| {
                let endless = futures_util::stream::pending::<Result<String, std::io::Error>>();
                let kind = [(header::CONTENT_TYPE, "text/event-stream")];
                (kind, Body::from_stream(endless))
            }),
        )
    })
    .await;
    daemon.user("root", Role::Admin).await;
    let session = daemon.user("ada", Role::Viewer).await;
    daemon.user("bob", Role::Viewer).await;
    let (id, token) = daemon.token("bob", Role::Viewer).await;
    let by_browser = daemon.get("/stream").session(&session).send();
    let by_program = daemon.get("/stream").token(&token).send();
    let ends = async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let accounts = &daemon.server.accounts;
        accounts.disable("ada").await.unwrap();
        let root = Actor {
            user: accounts.user("root").unwrap().id,
            name: "root".to_owned(),
            role: Role::Admin,
            via: Via::Console,
        };
        accounts.revoke_token(&root, id).await.unwrap();
    };
    // It would wait for ever.
    let (browser, program, ()) = tokio::join!(by_browser, by_program, ends);
    assert_eq!(browser.status, StatusCode::OK);
    assert_eq!(program.status, StatusCode::OK);
}
