//! Dashboard, images, changes, advisories and policy, asked over the router.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use axum::http::StatusCode;

use crate::host::Counts;
use crate::scan::script::{digest, image, location, packages, skipped};
use crate::serve::auth::Role;
use crate::serve::auth::tests::Daemon;
use crate::store::tests::new_connection;
use crate::store::{BeginScan, LocationEnd, LocationState};

/// A daemon with one scanned connection, and a session of a role.
async fn scanned(role: Role) -> (Daemon, String) {
    let daemon = Daemon::start().await;
    let store = daemon.server.host.store();
    let connection = store
        .save_connection(new_connection(Some("a/b c")))
        .unwrap()
        .id;
    store
        .record_listing(connection, vec![location("acme/api")], Vec::new(), true)
        .await
        .unwrap();
    let locations = store
        .locations(connection)
        .unwrap()
        .iter()
        .map(|one| one.id)
        .collect();
    let scan = store
        .begin_scan(BeginScan {
            connection,
            locations,
            partial_plan: false,
            fresh: true,
            resume: None,
        })
        .await
        .unwrap();
    let target = scan.targets[0].location;
    let start = store.start_attempt(scan.id, target).await.unwrap();
    let batch = vec![
        image(1, 2, true),
        packages(1, &["zlib1g", "libssl3"]),
        image(2, 3, true),
        skipped("<script>alert(1)</script>"),
    ];
    store
        .commit_batch(scan.id, target, start.attempt, batch, "1".to_owned())
        .await
        .unwrap();
    let end = LocationEnd {
        state: LocationState::Complete,
        summary: Counts::default(),
        reason: None,
    };
    store
        .end_location(scan.id, target, start.attempt, end, Counts::default(), 1)
        .await
        .unwrap();
    store.end_scan(scan.id, true).await.unwrap();
    let session = daemon.user("ada", role).await;
    (daemon, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_answers_an_empty_and_a_scanned_host() {
    let empty = Daemon::start().await;
    let nobody = empty.user("ada", Role::Viewer).await;
    let (full, viewer) = scanned(Role::Viewer).await;
    for path in [
        "/dashboard",
        "/dashboard?days=90",
        "/images",
        "/images?tab=skipped",
        "/images?tab=failed",
        "/images?q=%25&connection=nobody&location=x",
        "/changes",
        "/changes?from=9&to=-1&connection=nobody",
        "/advisories",
        "/advisories?not=CVE-1",
        "/policy",
    ] {
        for (daemon, session) in [(&empty, &nobody), (&full, &viewer)] {
            let answer = daemon.get(path).session(session).send().await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
            assert!(answer.text.contains("<h1"), "{path}");
            assert!(!answer.text.contains("<script>alert"), "{path}");
        }
        let stranger = full.get(path).send().await;
        assert_ne!(stranger.status, StatusCode::OK, "{path} needs somebody");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_host_shows_the_three_steps_and_a_scanned_one_what_is_left_of_them() {
    let empty = Daemon::start().await;
    let nobody = empty.user("ada", Role::Viewer).await;
    let text = empty.get("/dashboard").session(&nobody).send().await.text;
    assert!(text.contains("Connect an account") && text.contains("Import advisories"));
    assert_eq!(text.matches("class=\"done\"").count(), 0);
    let (full, viewer) = scanned(Role::Viewer).await;
    let text = full.get("/dashboard").session(&viewer).send().await.text;
    assert_eq!(text.matches("class=\"done\"").count(), 2, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_images_leads_to_their_pages_whatever_the_connection_is_called() {
    let (daemon, session) = scanned(Role::Viewer).await;
    let list = daemon.get("/images").session(&session).send().await.text;
    let begin = list.find("/images/a%2Fb%20c/").expect("a link to an image");
    let href: String = list[begin..].chars().take_while(|c| *c != '"').collect();
    let page = daemon.get(&href).session(&session).send().await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text);
    assert!(page.text.contains(&digest(1)) && page.text.contains("zlib1g"));
    let gone = format!("/images/a%2Fb%20c/{}", digest(9));
    let gone = daemon.get(&gone).session(&session).send().await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn bills_of_materials_are_files_and_a_half_received_inventory_makes_none() {
    let (daemon, session) = scanned(Role::Viewer).await;
    let base = format!("/images/a%2Fb%20c/{}", digest(1));
    for (file, word) in [
        ("sbom.cdx.json", "CycloneDX"),
        ("sbom.spdx.json", "SPDX-2.3"),
        ("image.json", "image-report"),
    ] {
        let answer = daemon
            .get(&format!("{base}/{file}"))
            .session(&session)
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{file}");
        assert!(answer.text.contains(word), "{file}: {}", answer.text);
        let name = answer.header("content-disposition");
        assert!(
            name.starts_with("attachment; filename=\"image-")
                && name.ends_with(&format!("{file}\""))
        );
        let _: serde_json::Value = serde_json::from_str(&answer.text).unwrap();
    }
    let half = format!("/images/a%2Fb%20c/{}/sbom.cdx.json", digest(2));
    let half = daemon.get(&half).session(&session).send().await;
    assert_eq!(half.status, StatusCode::CONFLICT);
    let other = daemon
        .get(&format!("{base}/x.json"))
        .session(&session)
        .send()
        .await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_with_a_fault_is_told_by_its_line_and_not_set_and_a_check_sets_nothing() {
    let (daemon, session) = scanned(Role::Admin).await;
    let send = |text: &'static str, what: &'static str| {
        let fields = [("text", text), ("do", what)];
        daemon
            .post("/policy")
            .session(&session)
            .form(&fields)
            .send()
    };
    let bad = send("[sla]\nenabled = true\nnear = \"<b>soon\"\n", "save").await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.text.contains("Line 3"), "{}", bad.text);
    assert!(bad.text.contains("&#60;b&#62;soon") && !bad.text.contains("<b>soon"));
    let checked = send("[sla]\r\nnear = 5\r\n", "check").await;
    assert_eq!(checked.status, StatusCode::OK);
    assert!(checked.text.contains("This can be used"));
    assert_eq!(daemon.server.host.policy().unwrap(), None);
    let saved = send("[sla]\r\nnear = 5\r\n", "save").await;
    assert_eq!(
        (saved.status, saved.location()),
        (StatusCode::SEE_OTHER, "/policy")
    );
    let policy = daemon.server.host.policy().unwrap().unwrap();
    assert_eq!(
        (policy.text.as_str(), policy.by.as_str()),
        ("[sla]\nnear = 5\n", "ada")
    );
    let shown = daemon.get("/policy").session(&session).send().await.text;
    assert!(shown.contains("near = 5") && shown.contains("Set by ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_administrator_sets_the_policy_or_updates_the_advisories() {
    let (daemon, session) = scanned(Role::Analyst).await;
    for path in ["/policy", "/advisories/update"] {
        let answer = daemon
            .post(path)
            .session(&session)
            .form(&[("text", ""), ("do", "save")])
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
    }
    let page = daemon.get("/policy").session(&session).send().await.text;
    assert!(!page.contains("<textarea"));
    assert_eq!(daemon.server.host.policy().unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_not_there_leads_back_and_says_so() {
    let (daemon, session) = scanned(Role::Viewer).await;
    let asked = daemon
        .get("/advisories/look?id=CVE-1%2F..")
        .session(&session)
        .send()
        .await;
    assert_eq!(asked.location(), "/advisories/CVE-1%2F..");
    let record = daemon.get(asked.location()).session(&session).send().await;
    assert_eq!(record.location(), "/advisories?not=CVE-1%2F..");
    let page = daemon
        .get(record.location())
        .session(&session)
        .send()
        .await
        .text;
    assert!(page.contains("CVE-1/.."), "{page}");
}
