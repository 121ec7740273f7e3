//! Who answers for a project, and what is said where that can't be read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::{Value, json};

use super::*;
use crate::gitlab::testing::{facts, session};
use crate::http::Method::Get;
use crate::http::TroubleKind;
use crate::http::script::{Reply, Script};

const BASE: &str = "https://gitlab.example";
const PROJECT: &str = "https://gitlab.example/api/v4/projects/34";

fn file(place: &str) -> String {
    let place = place.replace('/', "%2F");
    format!("{PROJECT}/repository/files/{place}/raw?ref=main")
}

fn members(page: u32) -> String {
    format!("{PROJECT}/members/all?per_page=100&page={page}")
}

fn absent() -> Reply {
    Reply::json(404, r#"{"message":"404 File Not Found"}"#)
}

fn text(body: impl Into<String>) -> Reply {
    Reply::text(200, body)
}

/// A project with the file in some places, and these members.
fn script(places: [Reply; 3], rows: &Value) -> Script {
    let mut script = Script::new().on(
        Get,
        members(1),
        Reply::json(200, rows.to_string()).with("x-next-page", ""),
    );
    for (place, reply) in PLACES.into_iter().zip(places) {
        script = script.on(Get, file(place), reply);
    }
    script
}

fn read(script: &Script) -> Owners {
    of_project(&session(script, BASE), &facts()).unwrap()
}

fn values<'o>(owners: &'o Owners, key: &str) -> Vec<&'o str> {
    let mine = owners.attributes.iter().filter(|(name, _)| name == key);
    mine.map(|(_, value)| value.as_str()).collect()
}

fn member(name: &str, level: u32) -> Value {
    json!({"id": 1, "username": name, "name": name, "state": "active", "membership_state": "active",
           "access_level": level, "expires_at": null})
}

#[test]
fn the_first_of_gitlabs_places_counts() {
    let none = json!([]);
    for (places, wanted) in [
        ([text("a"), text("b"), text("c")], Some((PLACES[0], "a"))),
        ([absent(), text("b"), text("c")], Some((PLACES[1], "b"))),
        ([absent(), absent(), text("c")], Some((PLACES[2], "c"))),
        // An empty file is a file: GitLab looks no further.
        ([text(""), text("b"), absent()], Some((PLACES[0], ""))),
        ([absent(), absent(), absent()], None),
    ] {
        let owners = read(&script(places, &none));
        let (path, text) = wanted.unzip();
        assert_eq!(
            values(&owners, "codeowners-path"),
            Vec::from_iter(path),
            "{wanted:?}"
        );
        assert_eq!(
            values(&owners, "codeowners"),
            Vec::from_iter(text),
            "{wanted:?}"
        );
        assert_eq!(owners.notes, []);
        assert!(owners.is_lasting());
    }
}

#[test]
fn maintainers_and_owners_who_are_active_are_told_by_name_and_once() {
    let mut blocked = member("blocked", 50);
    blocked["state"] = json!("blocked");
    let mut waiting = member("waiting", 40);
    waiting["membership_state"] = json!("awaiting");
    let mut ended = member("ended", 40);
    ended["expires_at"] = json!("2026-11-21");
    let mut lasting = member("lasting", 40);
    lasting["expires_at"] = json!("2026-11-23");
    // Versions that do not tell the states, and one that tells the level as something else.
    let bare = json!({"username": "bare", "access_level": 40});
    let odd = json!({"username": "odd", "access_level": "40"});
    let rows = json!([
        member("zoe", 40),
        member("ada", 50),
        member("zoe", 50),
        member("dev", 30),
        member("project_7_bot_0a1b", 40),
        member("group_7_bot2", 50),
        member("project_x_bot", 40),
        blocked,
        waiting,
        ended,
        lasting,
        bare,
        odd,
    ]);
    let owners = read(&script([absent(), absent(), absent()], &rows));
    assert_eq!(
        values(&owners, "maintainers"),
        ["@ada", "@bare", "@lasting", "@project_x_bot", "@zoe"]
    );
    assert_eq!(owners.notes, []);
}

#[test]
fn what_the_role_does_not_see_is_said_once_each_and_lasts() {
    let forbidden = || Reply::json(403, r#"{"message":"403 Forbidden"}"#);
    let script = Script::new().otherwise(move |_| forbidden());
    let owners = read(&script);
    assert_eq!(owners.attributes, []);
    let told: Vec<_> = owners
        .notes
        .iter()
        .map(|note| (note.name.as_str(), note.skip.reason))
        .collect();
    assert_eq!(
        told,
        [
            ("CODEOWNERS", SkipReason::Forbidden),
            ("project members", SkipReason::Forbidden)
        ]
    );
    assert!(owners.is_lasting());
    assert!(owners.notes[0].skip.why.hint.contains("Reporter"));
}

#[test]
fn a_refusal_of_owners_is_not_held_against_the_token() {
    let script = Script::new().otherwise(|_| Reply::json(401, r#"{"message":"401 Unauthorized"}"#));
    let owners = read(&script);
    assert!(
        owners
            .notes
            .iter()
            .all(|note| note.skip.reason == SkipReason::Forbidden),
        "{:?}",
        owners.notes
    );
    // Both are asked for: the first refusal does not silence the second.
    assert_eq!(owners.notes.len(), 2);
}

#[test]
fn members_that_are_hidden_are_no_members_that_are_missing() {
    let script = script([absent(), absent(), absent()], &json!([])).otherwise(|_| absent());
    let hidden = Script::new()
        .on(
            Get,
            members(1),
            Reply::json(404, r#"{"message":"404 Project Not Found"}"#),
        )
        .otherwise(|_| absent());
    assert_eq!(read(&script).notes, []);
    assert_eq!(read(&hidden).notes[0].skip.reason, SkipReason::Forbidden);
}

#[test]
fn a_file_that_is_too_long_hides_those_behind_it() {
    let long = "x".repeat(CODEOWNERS_CAP + 1);
    // Bytes that are no letters take three when they are replaced.
    let grows = Reply::bytes(200, vec![0xff; CODEOWNERS_CAP / 2]);
    for first in [text(long), grows] {
        let owners = read(&script([first, text("b"), text("c")], &json!([])));
        assert_eq!(owners.attributes, []);
        assert_eq!(owners.notes.len(), 1);
        assert_eq!(owners.notes[0].skip.reason, SkipReason::OverLimit);
        assert!(owners.notes[0].skip.why.message.contains("64 KiB"));
        assert!(owners.is_lasting());
    }
    let fits = "x".repeat(CODEOWNERS_CAP);
    let owners = read(&script(
        [text(fits.clone()), absent(), absent()],
        &json!([]),
    ));
    assert_eq!(values(&owners, "codeowners"), [fits]);
}

#[test]
fn trouble_that_passes_is_not_kept_and_does_not_let_a_later_place_count() {
    let page = || Reply::bytes(200, "<!DOCTYPE html><p>Sign in").with("content-type", "text/html");
    for first in [
        Reply::status(503),
        Reply::trouble(TroubleKind::Dropped),
        page(),
        Reply::text(403, "Forbidden"),
    ] {
        let owners = read(&script([first, text("b"), absent()], &json!([])));
        assert_eq!(values(&owners, "codeowners"), Vec::<&str>::new());
        assert_eq!(owners.notes[0].skip.reason, SkipReason::Unreachable);
        assert!(!owners.is_lasting());
    }
    // A page that a project keeps there is a file, as GitLab sends it.
    let own = text("<html> @ada");
    let owners = read(&script([own, absent(), absent()], &json!([])));
    assert_eq!(values(&owners, "codeowners"), ["<html> @ada"]);
}

#[test]
fn a_stop_ends_it() {
    let script = Script::new().otherwise(|_| Reply::trouble(TroubleKind::Stopped));
    let stopped = of_project(&session(&script, BASE), &facts());
    assert!(matches!(stopped, Err(Failure::Stopped)), "{stopped:?}");
}

#[test]
fn a_project_without_a_repository_is_not_asked_for_files() {
    let script = Script::new().on(
        Get,
        members(1),
        Reply::json(200, "[]").with("x-next-page", ""),
    );
    let off = RepositoryFacts {
        has_code: false,
        ..facts()
    };
    let owners = of_project(&session(&script, BASE), &off).unwrap();
    assert_eq!(owners, Owners::default());
    assert_eq!(script.lines().len(), 1);
}

#[test]
fn without_a_branch_head_is_asked_for_and_an_empty_repository_is_no_trouble() {
    let script = Script::new()
        .on(
            Get,
            members(1),
            Reply::json(200, "[]").with("x-next-page", ""),
        )
        .otherwise(|request| {
            assert!(request.url.ends_with("/raw?ref=HEAD"), "{}", request.url);
            Reply::json(404, r#"{"message":"404 Commit Not Found"}"#)
        });
    let empty = RepositoryFacts {
        default_branch: None,
        ..facts()
    };
    let owners = of_project(&session(&script, BASE), &empty).unwrap();
    assert_eq!(owners, Owners::default());
}

#[test]
fn a_branch_is_one_value_of_the_address() {
    let script = Script::new().otherwise(|request| {
        let url = request.url.as_str();
        assert!(
            !url.contains("/raw") || url.ends_with("?ref=a%26b%2Fc%23d"),
            "{url}"
        );
        Reply::json(404, "{}")
    });
    let odd = RepositoryFacts {
        default_branch: Some("a&b/c#d".to_owned()),
        ..facts()
    };
    assert!(of_project(&session(&script, BASE), &odd).is_ok());
}

#[test]
fn many_maintainers_are_cut_by_name_and_said() {
    let rows: Vec<Value> = (0..73)
        .rev()
        .map(|n| member(&format!("m{n:02}"), 40))
        .collect();
    let owners = read(&script([absent(), absent(), absent()], &json!(rows)));
    let told = values(&owners, "maintainers");
    assert_eq!(told.len(), MAX_MAINTAINERS);
    assert_eq!((told[0], told[49]), ("@m00", "@m49"));
    assert_eq!(owners.notes[0].skip.reason, SkipReason::OverLimit);
    assert!(owners.notes[0].skip.why.message.contains("73 maintainers"));
}

#[test]
fn pages_without_end_are_left_after_some() {
    let script = Script::new().otherwise(|request| {
        let Some((_, page)) = request.url.split_once("&page=") else {
            return absent();
        };
        let page: u32 = page.parse().unwrap();
        let rows = json!([member(&format!("m{page}"), 40), {"username": 7}, member("a b", 40)]);
        Reply::json(200, rows.to_string()).with("x-next-page", (page + 1).to_string())
    });
    let owners = read(&script);
    let asked = script.lines().len() - PLACES.len();
    assert_eq!(asked, MEMBER_PAGES);
    assert_eq!(values(&owners, "maintainers").len(), MEMBER_PAGES);
    let told: Vec<_> = owners.notes.iter().map(|note| note.skip.reason).collect();
    assert_eq!(told, [SkipReason::Corrupt, SkipReason::OverLimit]);
    assert!(
        owners.notes[0]
            .skip
            .why
            .message
            .starts_with("40 members of")
    );
}
