//! Bad days: what passes is waited for and the result is that of a good day; what doesn't ends at once.

use std::time::{Duration, Instant};

use ox_harness::image::{Artefact, Image, Index, Layer, Platform, root};
use ox_harness::rig::{Inventory, Rig, outcomes};
use ox_harness::sim::{
    Fault, GitLab, Modes, Organisation, Place, Registry, Reply, Running, Trouble,
};
use ox_host::contract::{Failure, SkipReason};
use ox_host::host::HostError;

use super::scan::{TOKEN, acme, push};

fn image(number: u32) -> Artefact {
    Image::amd64()
        .layer(root::debian(30).layer)
        .layer(
            Layer::new()
                .file("n", vec![b'x'; 2_000])
                .file("m", number.to_string()),
        )
        .build()
}

/// Three repositories with images that share a layer.
fn some() -> Organisation {
    let (mut org, project) = acme();
    let arm = Image::new(Platform::arm64())
        .layer(root::alpine(8).layer)
        .build();
    let both = Index::oci().child(image(9)).child(&arm).build();
    push(&mut org, project, "", &[("1", &image(1)), ("2", &image(2))]);
    push(&mut org, project, "web", &[("1", &image(3)), ("2", &both)]);
    push(&mut org, project, "web/api", &[("1", &image(4))]);
    org
}

async fn scanned_with(modes: Modes, prepare: impl FnOnce(&Running)) -> (Running, Rig, Inventory) {
    let gitlab = GitLab::start(some(), modes).unwrap();
    let rig = Rig::connected(&gitlab, TOKEN).await.unwrap();
    prepare(&gitlab);
    let report = rig.scan(&[]).await.unwrap();
    assert!(report.complete, "{report:#?}");
    let inventory = rig.inventory().unwrap();
    (gitlab, rig, inventory)
}

async fn undisturbed() -> Inventory {
    let (_, _, inventory) = scanned_with(Modes::default(), |_| {}).await;
    assert_eq!(inventory.len(), 6);
    inventory
}

#[tokio::test]
async fn faults_that_pass_leave_no_trace_in_the_result() {
    let (gitlab, _, disturbed) = scanned_with(Modes::default(), |gitlab| {
        let at = |place, after, trouble| {
            gitlab.fault(Fault::new(trouble).at(place).after(after));
        };
        at(Place::Api, 2, Trouble::rack_attack(1));
        at(Place::Api, 4, Trouble::application_limit());
        at(Place::Api, 6, Trouble::HangUp);
        at(Place::Jwt, 1, Trouble::gateway(502));
        at(Place::Jwt, 2, Trouble::rack_attack(1));
        at(Place::Registry, 3, Trouble::registry_limit(0.3));
        at(Place::Registry, 6, Trouble::gateway(503));
        at(Place::Registry, 8, Trouble::Cut(30));
        at(Place::Registry, 11, Trouble::HangUp);
        at(Place::Storage, 0, Trouble::Cut(100));
        at(Place::Storage, 3, Trouble::HangUp);
        at(Place::Storage, 5, Trouble::gateway(500));
        at(Place::GraphQl, 0, Trouble::gateway(504));
    })
    .await;
    assert_eq!(disturbed, undisturbed().await);
    let seen = |status| gitlab.count(|entry| entry.status == status);
    assert!(
        seen(429) >= 4 && seen(0) >= 3 && seen(502) >= 1,
        "the faults took place"
    );
}

#[tokio::test]
async fn storms_of_server_errors_are_sat_out() {
    let (_, _, disturbed) = scanned_with(Modes::default(), |gitlab| {
        for place in [Place::Api, Place::Registry, Place::Storage] {
            gitlab.fault(
                Fault::new(Trouble::gateway(503))
                    .at(place)
                    .after(2)
                    .times(4),
            );
            gitlab.fault(Fault::new(Trouble::HangUp).at(place).after(9).times(2));
        }
    })
    .await;
    assert_eq!(disturbed, undisturbed().await);
}

#[tokio::test]
async fn a_limit_on_requests_is_obeyed_by_its_headers() {
    let wait = Duration::from_secs(2);
    let (gitlab, _, disturbed) = scanned_with(Modes::default(), |gitlab| {
        gitlab.fault(Fault::new(Trouble::rack_attack(2)).at(Place::Api).after(3));
        gitlab.fault(
            Fault::new(Trouble::registry_limit(1.5))
                .at(Place::Registry)
                .after(5),
        );
    })
    .await;
    assert_eq!(disturbed, undisturbed().await);
    assert!(
        gitlab.count(|entry| entry.status == 429) <= 2 + 16,
        "it asked on while told to wait {wait:?}"
    );
}

#[tokio::test]
async fn tokens_that_live_for_seconds_are_renewed_in_time() {
    let modes = Modes {
        jwt_lifetime: Duration::from_secs(2),
        jwt_leeway: Duration::ZERO,
        latency: Duration::from_millis(120),
        ..Modes::default()
    };
    let (gitlab, _, disturbed) = scanned_with(modes, |_| {}).await;
    assert_eq!(disturbed, undisturbed().await);
    let (tokens, all) = (gitlab.jwt_requests(), gitlab.log().len());
    assert!(
        tokens < all / 2,
        "{tokens} of {all} requests were for a token"
    );
}

#[tokio::test]
async fn a_token_revoked_in_the_middle_ends_everything_and_is_not_tried_on() {
    let mut org = some();
    let project = org.projects[0].id;
    for number in 0..6 {
        push(
            &mut org,
            project,
            &format!("more-{number}"),
            &[("1", &image(20 + number))],
        );
    }
    let gitlab = GitLab::start(org, Modes::default()).unwrap();
    let rig = Rig::connected(&gitlab, TOKEN).await.unwrap();
    let revoke = Trouble::change(|world| world.organisation.revoke(TOKEN));
    gitlab.fault(Fault::new(revoke).at(Place::Storage).after(3));
    let Err(HostError::Connector(Failure::Unauthenticated(why))) = rig.scan(&[]).await else {
        panic!("the scan went on: {:#?}", gitlab.log());
    };
    assert!(
        why.message.contains("revoked") || why.message.contains("accept"),
        "{why:?}"
    );
    assert!(!why.hint.is_empty());
    // Two instances run, and each may have had a window of requests under way; none of them tries again.
    let refused = gitlab.count(|entry| entry.status == 401 && entry.place != Place::Registry);
    assert!((1..=6).contains(&refused), "{refused} refusals");
}

#[tokio::test]
async fn a_tag_that_vanishes_in_the_middle_is_gone_and_the_rest_is_scanned() {
    for registry in [Registry::Database, Registry::Legacy] {
        let gitlab = GitLab::start(
            some(),
            Modes {
                registry: registry.clone(),
                ..Modes::default()
            },
        )
        .unwrap();
        let rig = Rig::connected(&gitlab, TOKEN).await.unwrap();
        let clean_up = Trouble::change(|world| {
            let stored = world
                .organisation
                .store
                .repositories
                .get_mut("acme/app")
                .unwrap();
            if let Some(tag) = stored.tags.remove("1") {
                stored.manifests.remove(&tag.digest);
            }
        });
        gitlab.fault(
            Fault::new(clean_up)
                .at(Place::Registry)
                .path("acme/app/manifests/"),
        );
        let report = rig.scan(&["acme/app"]).await.unwrap();
        assert_eq!(outcomes(&report)["acme/app"], "complete", "{registry:?}");
        let images = rig.images("acme/app").unwrap();
        assert_eq!(images.len(), 1, "{registry:?}");
        assert_eq!(images[0].tags, ["2"]);
        let reasons = rig.reasons("acme/app").unwrap();
        assert!(
            reasons
                .iter()
                .any(|(_, reason)| *reason == SkipReason::Gone),
            "{reasons:?}"
        );
    }
}

#[tokio::test]
async fn a_project_closed_to_the_user_fails_alone() {
    let gitlab = GitLab::start(some(), Modes::default()).unwrap();
    let rig = Rig::connected(&gitlab, TOKEN).await.unwrap();
    // The token service drops what it denies and answers 200; the registry then says 401.
    let denied = serde_json::json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "authentication required",
        "detail": [{ "Type": "repository", "Class": "", "Name": "acme/app/web/api", "Action": "pull" }] }] });
    let realm = format!(
        "Bearer realm=\"{}/jwt/auth\",service=\"container_registry\",scope=\"repository:acme/app/web/api:pull\",error=\"insufficient_scope\"",
        gitlab.base_url()
    );
    let reply = Reply::json(401, &denied).header("www-authenticate", realm);
    gitlab.fault(
        Fault::new(Trouble::Answer(reply))
            .at(Place::Registry)
            .path("acme/app/web/api")
            .always(),
    );
    let report = rig.scan(&[]).await.unwrap();
    let ends = outcomes(&report);
    assert_eq!(ends["acme/app"], "complete");
    assert_eq!(ends["acme/app/web"], "complete");
    assert!(
        ends["acme/app/web/api"].contains("read acme/app/web/api"),
        "{ends:#?}"
    );
    let tried =
        gitlab.count(|entry| entry.place == Place::Registry && entry.path.contains("web/api"));
    assert!(tried <= 4, "{tried} tries");
}

#[tokio::test]
async fn storage_that_may_not_be_reached_keeps_what_the_manifests_say() {
    let modes = Modes {
        storage_url: Some("http://10.1.2.3:9000".to_owned()),
        ..Modes::default()
    };
    let gitlab = GitLab::start(some(), modes).unwrap();
    let rig = Rig::connected(&gitlab, TOKEN).await.unwrap();
    let began = Instant::now();
    let report = rig.scan(&["acme/app"]).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(!report.complete);
    assert!(
        report
            .refused
            .iter()
            .any(|line| line.contains("http://10.1.2.3:9000")),
        "{report:#?}"
    );
}
