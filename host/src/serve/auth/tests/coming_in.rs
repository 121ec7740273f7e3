//! Signing in and out, the first account, sessions, and how often one may try.

use std::sync::atomic::Ordering;

use super::*;
use crate::store::Store;

#[tokio::test]
async fn the_printed_link_makes_the_first_account_once_and_signs_in() {
    let daemon = Daemon::start().await;
    let accounts = &daemon.server.accounts;
    let old = accounts.first_run_link("http://127.0.0.1:8470/").unwrap();
    let link = accounts.first_run_link("http://127.0.0.1:8470/").unwrap();
    let path = |link: &str| {
        link.strip_prefix("http://127.0.0.1:8470")
            .unwrap()
            .to_owned()
    };
    let token = link.split_once("token=").unwrap().1.to_owned();

    // Only the newest, and not without it.
    for wrong in [&path(&old), "/setup", "/setup?token=", "/setup?token=0000"] {
        let answer = daemon.get(wrong).send().await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{wrong}");
    }
    assert_eq!(daemon.get(&path(&link)).send().await.status, StatusCode::OK);
    let make = |token: &str, name: &str, password: &str| {
        daemon
            .post("/setup")
            .form(&[("token", token), ("name", name), ("password", password)])
            .send()
    };
    assert_eq!(
        make("", "ada", PASSWORD).await.status,
        StatusCode::FORBIDDEN
    );
    // A password that is too short says so and costs nothing.
    let short = make(&token, "ada", "short").await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(short.text.contains("12 characters") && short.text.contains(&token));

    let made = make(&token, "ada", PASSWORD).await;
    assert_eq!(made.status, StatusCode::SEE_OTHER);
    let session = made.cookie("ox_session").unwrap();
    let in_now = daemon.get("/account").session(&session).send().await;
    assert_eq!(in_now.status, StatusCode::OK);
    assert_eq!(accounts.user("ada").unwrap().role, Role::Admin);

    assert_eq!(
        make(&token, "eve", PASSWORD).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(
        daemon.get(&path(&link)).send().await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(accounts.first_run_link("http://127.0.0.1:8470"), None);
    assert_eq!(accounts.users().unwrap().len(), 1);
}

#[tokio::test]
async fn two_who_follow_the_link_at_once_make_one_account() {
    let daemon = Daemon::start().await;
    let accounts = &daemon.server.accounts;
    let link = accounts.first_run_link("").unwrap();
    let token = link.split_once("token=").unwrap().1;
    let password = || SecretString::new(PASSWORD.to_owned());
    let (one, other) = tokio::join!(
        accounts.set_up(token, "ada", password()),
        accounts.set_up(token, "eve", password())
    );
    assert!(one.is_ok() != other.is_ok());
    assert_eq!(accounts.users().unwrap().len(), 1);
}

#[tokio::test]
async fn signing_in_leads_to_where_one_wanted_and_never_to_another_host() {
    let daemon = Daemon::start().await;
    daemon.user("ada", Role::Viewer).await;
    for (next, location) in [
        ("/runs?state=open", "/runs?state=open"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
        ("/\\evil.example", "/"),
    ] {
        let answer = daemon
            .post("/signin")
            .form(&[("name", "ADA"), ("password", PASSWORD), ("next", next)])
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(answer.location(), location);
        let cookie = answer.header("set-cookie");
        assert!(
            cookie.ends_with("; HttpOnly; SameSite=Strict; Path=/"),
            "{cookie}"
        );
    }
}

#[tokio::test]
async fn a_cookie_is_secure_where_people_come_over_https() {
    let options = ServeOptions {
        public_url: Some("https://ox.example.com".to_owned()),
        ..ServeOptions::default()
    };
    let daemon = Daemon::with(options, |routes| routes).await;
    daemon.user("ada", Role::Viewer).await;
    let cookie = daemon.sign_in("ada", PASSWORD).await;
    assert!(cookie.header("set-cookie").contains("; Secure"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_get_the_same_answer_after_the_same_work() {
    let daemon = Daemon::start().await;
    daemon.user("ada", Role::Viewer).await;
    daemon.user("gone", Role::Viewer).await;
    daemon.server.accounts.disable("gone").await.unwrap();
    let checked = || {
        daemon
            .server
            .accounts
            .passwords
            .checked
            .load(Ordering::Relaxed)
    };
    let long = "x".repeat(5000);
    let mut texts = Vec::new();
    for (name, password) in [
        ("ada", "wrong horse battery"),
        ("nobody", "wrong horse battery"),
        ("gone", PASSWORD),
        ("ada", long.as_str()),
        ("nobody", long.as_str()),
    ] {
        let before = checked();
        let answer = daemon.sign_in(name, password).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.cookie("ox_session"), None);
        assert_eq!(
            checked() - before,
            1,
            "{name}: one check of a hash, known or not"
        );
        texts.push(answer.text.replace(&format!("value=\"{name}\""), "value"));
    }
    texts.dedup();
    assert_eq!(texts.len(), 1);
}

#[tokio::test]
async fn signing_in_gets_slower_and_says_when_to_come_back() {
    let daemon = Daemon::start().await;
    daemon.user("ada", Role::Viewer).await;
    for name in ["ada", "nobody"] {
        for _ in 0..5 {
            let answer = daemon.sign_in(name, "wrong horse battery").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        }
        // The right one, too: who guesses must not learn it.
        let answer = daemon.sign_in(name, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.header("retry-after"), "1");
        assert!(answer.text.contains("Wait 1 second"));
    }
}

#[tokio::test]
async fn many_tries_at_once_count_as_many() {
    let daemon = Daemon::start().await;
    daemon.user("ada", Role::Viewer).await;
    let tries = (0..12).map(|_| daemon.sign_in("ada", "wrong horse battery"));
    let answers = futures_util::future::join_all(tries).await;
    let checked = answers
        .iter()
        .filter(|answer| answer.status == StatusCode::UNAUTHORIZED)
        .count();
    assert_eq!(checked, 5);
}

#[tokio::test]
async fn a_session_that_came_with_the_browser_is_never_the_one_that_is_used() {
    let daemon = Daemon::start().await;
    let before = daemon.user("ada", Role::Viewer).await;
    let planted = "f".repeat(64);
    for session in [&planted, &before] {
        let answer = daemon
            .post("/signin")
            .session(session)
            .form(&[("name", "ada"), ("password", PASSWORD)])
            .send()
            .await;
        let fresh = answer.cookie("ox_session").unwrap();
        assert_ne!(&fresh, session);
        // And the one before is over.
        let old = daemon.get("/account").session(session).send().await;
        assert_eq!(old.status, StatusCode::SEE_OTHER);
        let new = daemon.get("/account").session(&fresh).send().await;
        assert_eq!(new.status, StatusCode::OK);
    }
}

/// Changes the store behind the daemon's back.
fn behind(daemon: &Daemon, sql: &str) {
    let path = daemon.folder.path().join("data/store.db");
    let connection = rusqlite::Connection::open(path).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0);
}

async fn is_in(daemon: &Daemon, session: &str) -> bool {
    daemon.get("/account").session(session).send().await.status == StatusCode::OK
}

#[tokio::test]
async fn a_session_ends_when_it_idles_when_it_is_old_and_when_its_user_goes() {
    let daemon = Daemon::start().await;
    daemon.user("root", Role::Admin).await;
    let session = daemon.user("ada", Role::Viewer).await;
    let ago = |hours: i64| {
        let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        format!("{then:.3}")
    };
    assert!(is_in(&daemon, &session).await);
    // Used eleven hours ago: it goes on, and that counts.
    let seen = |hours| format!("UPDATE session SET last_seen = '{}'", ago(hours));
    behind(&daemon, &seen(11));
    assert!(is_in(&daemon, &session).await);
    behind(&daemon, &seen(13));
    assert!(!is_in(&daemon, &session).await);
    behind(&daemon, &seen(0));
    assert!(is_in(&daemon, &session).await);
    behind(
        &daemon,
        &format!("UPDATE session SET expires_at = '{}'", ago(1)),
    );
    assert!(!is_in(&daemon, &session).await);

    let accounts = &daemon.server.accounts;
    let begin = async || {
        let id = accounts.user("ada").unwrap().id;
        let secret = accounts.begin_session(id, None).await.unwrap();
        secret.expose().to_owned()
    };
    let session = begin().await;
    assert!(is_in(&daemon, &session).await);
    let new = SecretString::new("another good password".to_owned());
    accounts.set_password("ada", new).await.unwrap();
    assert!(
        !is_in(&daemon, &session).await,
        "a new password ends sessions"
    );
    let session = begin().await;
    accounts.disable("ada").await.unwrap();
    assert!(!is_in(&daemon, &session).await, "so does being disabled");
    accounts.enable("ada").await.unwrap();
    assert!(!is_in(&daemon, &session).await, "and they do not come back");
    let session = begin().await;
    let out = daemon.post("/signout").session(&session).send().await;
    assert_eq!(out.location(), "/signin");
    assert_eq!(out.cookie("ox_session").as_deref(), Some(""));
    assert!(!is_in(&daemon, &session).await);
}

#[tokio::test]
async fn a_role_counts_from_the_next_request_on_and_the_last_administrator_stays() {
    let daemon = Daemon::start().await;
    let session = daemon.user("ada", Role::Admin).await;
    let accounts = &daemon.server.accounts;
    for refused in [
        accounts.set_role("ada", Role::Viewer).await,
        accounts.disable("ada").await,
    ] {
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .contains("only administrator")
        );
    }
    daemon.user("bob", Role::Admin).await;
    let (_, token) = daemon.token("ada", Role::Admin).await;
    let allowed = async || {
        let page = daemon.get("/settings/users/bob").session(&session);
        let program = daemon.get("/settings/users/bob").token(&token);
        (page.send().await.status, program.send().await.status)
    };
    assert_eq!(allowed().await, (StatusCode::OK, StatusCode::OK));
    accounts.set_role("ada", Role::Viewer).await.unwrap();
    // A token never may more than its user, whatever it was made for.
    assert_eq!(
        allowed().await,
        (StatusCode::FORBIDDEN, StatusCode::FORBIDDEN)
    );
}

#[tokio::test]
async fn no_secret_is_in_a_file_of_the_store() {
    let daemon = Daemon::start().await;
    daemon.user("root", Role::Admin).await;
    let link = daemon.server.accounts.first_run_link("");
    assert_eq!(link, None);
    daemon.user("ada", Role::Analyst).await;
    let answer = daemon.sign_in("ada", PASSWORD).await;
    let session = answer.cookie("ox_session").unwrap();
    let (_, token) = daemon.token("ada", Role::Analyst).await;
    // Somebody types the password where the name belongs.
    daemon
        .sign_in("my dear secret 12345", "whatever it may be")
        .await;
    daemon.get("/account").session(&session).send().await;
    let folder = daemon.folder.path().join("data");
    let mut read = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        read += bytes.len();
        for secret in [PASSWORD, &session, &token, "my dear secret 12345"] {
            let found = memchr::memmem::find(&bytes, secret.as_bytes());
            assert_eq!(found, None, "{} in {}", secret, path.display());
        }
    }
    assert!(read > 100_000);
    assert!(Store::open(&folder).is_ok());
}
