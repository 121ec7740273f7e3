//! The pages about accounts, as they are used.

use super::*;

fn field<'a>(text: &'a str, start: &str) -> &'a str {
    let from = text.find(start).unwrap();
    text[from..].split(['<', '"']).next().unwrap()
}

#[tokio::test]
async fn one_changes_the_own_password_and_other_browsers_are_out() {
    let daemon = Daemon::start().await;
    let other = daemon.user("ada", Role::Viewer).await;
    let here = daemon.sign_in("ada", PASSWORD).await;
    let here = here.cookie("ox_session").unwrap();
    let change = |current: &str, new: &str| {
        daemon
            .post("/account/password")
            .session(&here)
            .form(&[("current", current), ("new", new)])
            .send()
    };
    let wrong = change("wrong horse battery", "another good password").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("not your present password"));
    let short = change(PASSWORD, "short").await;
    assert!(
        short
            .text
            .contains("The password has fewer than 12 characters")
    );
    let done = change(PASSWORD, "another good password").await;
    assert_eq!(done.location(), "/account");
    let fresh = done.cookie("ox_session").unwrap();
    for (session, status) in [
        (&fresh, StatusCode::OK),
        (&here, StatusCode::SEE_OTHER),
        (&other, StatusCode::SEE_OTHER),
    ] {
        let page = daemon.get("/account").session(session).send().await;
        assert_eq!(page.status, status);
    }
    assert_eq!(
        daemon.sign_in("ada", PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        daemon.sign_in("ada", "another good password").await.status,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn a_token_is_shown_once_and_opens_what_it_was_made_for() {
    let daemon = Daemon::start().await;
    let session = daemon.user("ada", Role::Analyst).await;
    let make = |name: &str, role: &str| {
        daemon
            .post("/account/tokens")
            .session(&session)
            .form(&[("name", name), ("role", role), ("days", "30")])
            .send()
    };
    let made = make("nightly <b>report</b>", "viewer").await;
    assert_eq!(made.status, StatusCode::OK);
    assert_eq!(made.header("cache-control"), "no-store");
    assert!(!made.text.contains("<b>"));
    let token = field(&made.text, "oxh_").to_owned();
    assert_eq!(token.len(), 68);
    let opened = daemon.get("/account").token(&token).send().await;
    assert_eq!(opened.status, StatusCode::OK);
    let again = daemon.get("/account").session(&session).send().await;
    assert!(!again.text.contains(&token) && again.text.contains(&token[..10]));
    let more = make("x", "admin").await;
    assert_eq!(more.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        more.text.contains("be made by the role analyst"),
        "{}",
        more.text
    );
}

#[tokio::test]
async fn an_administrator_sees_to_users_and_nobody_else_sees_them() {
    let daemon = Daemon::start().await;
    let admin = daemon.user("ada", Role::Admin).await;
    let add = [("name", "bob"), ("role", "analyst"), ("password", PASSWORD)];
    let added = daemon.post("/settings/users").session(&admin).form(&add);
    assert_eq!(added.send().await.location(), "/settings");
    let twice = daemon.post("/settings/users").session(&admin).form(&add);
    let twice = twice.send().await;
    assert_eq!(twice.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(twice.text.contains("There is a user"));
    let bob = daemon.sign_in("bob", PASSWORD).await;
    let bob = bob.cookie("ox_session").unwrap();
    let seen = daemon.get("/settings").session(&bob).send().await;
    assert!(seen.status.is_success() && !seen.text.contains("/settings/users/"));
    for (path, form) in [
        ("/settings/users", &add[..]),
        ("/settings/users/ada/role", &[("role", "viewer")]),
        ("/settings/users/ada/password", &[("password", "x")]),
        ("/settings/users/ada/disable", &[]),
        ("/settings/users/bob/role", &[("role", "admin")]),
    ] {
        let tried = daemon.post(path).session(&bob).form(form).send().await;
        assert_eq!(tried.status, StatusCode::FORBIDDEN, "{path}");
    }
    let role = daemon.post("/settings/users/bob/role").session(&admin);
    let role = role.form(&[("role", "viewer")]).send().await;
    assert_eq!(role.location(), "/settings/users/bob");
    // A viewer does not read the log.
    let log = daemon.get("/audit").session(&bob).send().await;
    assert_eq!(log.status, StatusCode::FORBIDDEN);
    daemon
        .post("/settings/users/bob/disable")
        .session(&admin)
        .send()
        .await;
    let out = daemon.get("/settings").session(&bob).send().await;
    assert_eq!(out.location(), "/signin?next=%2Fsettings");
    let page = daemon
        .get("/settings/users/bob")
        .session(&admin)
        .send()
        .await;
    assert!(page.text.contains("Enable bob"));
    let only = daemon
        .post("/settings/users/ada/disable")
        .session(&admin)
        .send()
        .await;
    assert!(only.text.contains("only administrator"));
    let unknown = daemon
        .get("/settings/users/eve")
        .session(&admin)
        .send()
        .await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_log_is_a_page_in_sentences_and_a_file() {
    let daemon = Daemon::start().await;
    let admin = daemon.user("ada", Role::Admin).await;
    for number in 0..60 {
        let subject = format!("=connection {number}");
        let done =
            daemon
                .server
                .accounts
                .audit_host("missed a run", &subject, serde_json::Value::Null);
        done.await.unwrap();
    }
    daemon.post("/signout").session(&admin).send().await;
    let admin = daemon.sign_in("ada", PASSWORD).await;
    let admin = admin.cookie("ox_session").unwrap();
    let first = daemon.get("/audit").session(&admin).send().await;
    assert!(first.text.contains("signed out") && first.text.contains("connection 59"));
    assert!(!first.text.contains("connection 3<"));
    let next = field(&first.text, "/audit?before=").replace("&#38;", "&");
    let second = daemon.get(&next).session(&admin).send().await;
    assert!(second.text.contains("connection 3<") && !second.text.contains("connection 59"));
    let found = daemon
        .get("/audit?actor=host&subject=connection+7&from=2020-01-01&until=")
        .session(&admin)
        .send()
        .await;
    assert!(found.text.contains("connection 7<") && !found.text.contains("connection 8<"));
    let file = daemon
        .get("/audit.csv?actor=host")
        .session(&admin)
        .send()
        .await;
    assert!(file.header("content-type").starts_with("text/csv"));
    assert_eq!(file.text.lines().count(), 61);
    assert!(file.text.contains("\"'=connection 59\""));
}

#[tokio::test]
async fn colours_are_chosen_with_or_without_an_account() {
    let daemon = Daemon::start().await;
    daemon.user("ada", Role::Viewer).await;
    let form = [("theme", "dark"), ("next", "/signin")];
    let chosen = daemon.post("/theme").form(&form).send().await;
    assert_eq!(chosen.location(), "/signin");
    assert_eq!(chosen.cookie("ox_theme").as_deref(), Some("dark"));
    let page = daemon
        .get("/signin")
        .with("cookie", "ox_theme=dark")
        .send()
        .await;
    assert!(page.text.contains("data-theme=\"dark\""));
}
