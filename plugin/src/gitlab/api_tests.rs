//! Each shape of paging, and the token that is tried once.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use super::*;
use crate::gitlab::testing::session;
use crate::http::Method::Get;
use crate::http::script::{Reply, Script};

const BASE: &str = "https://gitlab.example/root";

#[derive(Debug, Deserialize)]
struct Row {
    id: u64,
}

fn listing() -> Listing {
    Listing::new("groups", "order_by=id&sort=asc")
}

fn url(rest: &str) -> String {
    format!("{BASE}/api/v4/groups?order_by=id&sort=asc&{rest}")
}

fn rows(ids: std::ops::Range<u64>) -> String {
    let all: Vec<String> = ids.map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    format!("[{}]", all.join(","))
}

/// Ids of every page, and the fault at the end.
fn walk(script: &Script, mark: Mark) -> Result<(Vec<u64>, Option<String>), Failure> {
    let session = session(script, BASE);
    let api = Api::new(&session);
    let (mut ids, mut mark) = (Vec::new(), mark);
    loop {
        let page: Page<Row> = api.page(&listing(), &mark)?;
        ids.extend(page.items.iter().map(|row| row.id));
        match page.next {
            Some(next) => mark = next,
            None => return Ok((ids, page.fault.map(|f| f.message))),
        }
    }
}

#[test]
fn numbered_pages_follow_the_header_and_never_the_totals() {
    let script = Script::new()
        .on(
            Get,
            url("per_page=100&page=1"),
            Reply::json(200, rows(0..2))
                .with("x-next-page", "2")
                .with("x-total", "2"),
        )
        .on(
            Get,
            url("per_page=100&page=2"),
            Reply::json(200, rows(2..4)).with("x-next-page", ""),
        );
    assert_eq!(
        walk(&script, Mark::Page(1)).unwrap(),
        (vec![0, 1, 2, 3], None)
    );
}

#[test]
fn numbered_pages_follow_the_link_where_the_header_is_gone() {
    let link = r#"<http://internal:8080/root/api/v4/groups?page=2&per_page=100>; rel="next""#;
    let script = Script::new()
        .on(
            Get,
            url("per_page=100&page=1"),
            Reply::json(200, rows(0..1)).with("link", link),
        )
        .on(
            Get,
            format!("{BASE}/api/v4/groups?page=2&per_page=100"),
            Reply::json(200, rows(1..2)),
        );
    assert_eq!(walk(&script, Mark::Page(1)).unwrap(), (vec![0, 1], None));
}

#[test]
fn a_full_page_without_any_header_is_not_taken_for_the_last() {
    let script = Script::new()
        .on(
            Get,
            url("per_page=100&page=1"),
            Reply::json(200, rows(0..100)),
        )
        .on(
            Get,
            url("per_page=100&page=2"),
            Reply::json(200, rows(100..101)),
        );
    assert_eq!(walk(&script, Mark::Page(1)).unwrap().0.len(), 101);
}

#[test]
fn a_keyset_link_is_taken_relative_to_the_configured_address() {
    for target in [
        "https://gitlab.internal/api/v4/groups?id_after=1&pagination=keyset",
        "http://gitlab.example/root/api/v4/groups?id_after=1&pagination=keyset",
        "/root/api/v4/groups?id_after=1&pagination=keyset",
    ] {
        let script = Script::new()
            .on(
                Get,
                url("pagination=keyset&per_page=100"),
                Reply::json(200, rows(0..2)).with("link", format!(r#"<{target}>; rel="next""#)),
            )
            .on(
                Get,
                format!("{BASE}/api/v4/groups?id_after=1&pagination=keyset"),
                Reply::json(200, "[]"),
            );
        assert_eq!(
            walk(&script, Mark::Keyset).unwrap(),
            (vec![0, 1], None),
            "{target}"
        );
        assert_eq!(script.lines().len(), 2);
    }
}

#[test]
fn keyset_that_is_refused_becomes_numbered_pages() {
    let refusal = r#"{"error":"Keyset pagination is not yet available for this type of request"}"#;
    let script = Script::new()
        .on(
            Get,
            url("pagination=keyset&per_page=100"),
            Reply::json(405, refusal),
        )
        .on(
            Get,
            url("per_page=100&page=1"),
            Reply::json(200, rows(0..2)).with("x-next-page", ""),
        );
    assert_eq!(walk(&script, Mark::Keyset).unwrap(), (vec![0, 1], None));
}

#[test]
fn an_offset_beyond_the_limit_is_said_to_be_one() {
    let refusal =
        r#"{"error":"Offset pagination has a maximum allowed offset of 50000 for requests"}"#;
    let script = Script::new().on(Get, url("per_page=100&page=501"), Reply::json(405, refusal));
    assert!(matches!(
        walk(&script, Mark::Page(501)),
        Err(Failure::OverLimit(_))
    ));
}

#[test]
fn a_list_that_leads_back_to_itself_ends_with_a_fault() {
    let script = Script::new().on(
        Get,
        url("per_page=100&page=1"),
        Reply::json(200, rows(0..2)).with("x-next-page", "1"),
    );
    let (ids, fault) = walk(&script, Mark::Page(1)).unwrap();
    assert_eq!(ids, [0, 1]);
    assert!(fault.unwrap().contains("before this one"));

    let link = format!(r#"<{BASE}/api/v4/groups?id_after=1>; rel="next""#);
    let script = Script::new()
        .on(
            Get,
            url("pagination=keyset&per_page=100"),
            Reply::json(200, rows(0..2)).with("link", link.clone()),
        )
        .on(
            Get,
            format!("{BASE}/api/v4/groups?id_after=1"),
            Reply::json(200, rows(0..2)).with("link", link),
        );
    assert!(
        walk(&script, Mark::Keyset)
            .unwrap()
            .1
            .unwrap()
            .contains("same page")
    );
    assert_eq!(script.lines().len(), 2);
}

#[test]
fn a_link_out_of_the_api_is_not_followed() {
    let script = Script::new().on(
        Get,
        url("pagination=keyset&per_page=100"),
        Reply::json(200, rows(0..1)).with("link", r#"<https://evil.example/steal>; rel="next""#),
    );
    assert!(walk(&script, Mark::Keyset).unwrap().1.is_some());
    assert_eq!(script.lines().len(), 1);
}

#[test]
fn entries_that_can_not_be_read_are_counted_and_the_rest_is_kept() {
    let script = Script::new().on(
        Get,
        url("per_page=100&page=1"),
        Reply::json(
            200,
            r#"[{"id":1},{"id":"x"},7,{"id":2,"id":3,"new":[{}]},null]"#,
        ),
    );
    let session = session(&script, BASE);
    let page: Page<Row> = Api::new(&session).page(&listing(), &Mark::Page(1)).unwrap();
    assert_eq!(
        page.items.iter().map(|row| row.id).collect::<Vec<_>>(),
        [1, 3]
    );
    assert_eq!(page.unreadable, 3);
}

#[test]
fn what_is_not_a_list_is_an_unexpected_answer() {
    for body in [
        "{}",
        "<html>Sign in</html>",
        "[{\"id\":1}",
        "",
        &"[".repeat(100_000),
        "\u{fffd}\0",
    ] {
        let script = Script::new().on(Get, url("per_page=100&page=1"), Reply::bytes(200, body));
        assert!(
            matches!(
                walk(&script, Mark::Page(1)),
                Err(Failure::UnexpectedAnswer(_))
            ),
            "{body:.20}"
        );
    }
}

#[test]
fn a_refused_token_is_not_sent_again() {
    let script = Script::new().otherwise(|_| Reply::json(401, r#"{"message":"401 Unauthorized"}"#));
    let session = session(&script, BASE);
    let api = Api::new(&session);
    for _ in 0..3 {
        assert!(matches!(
            api.json::<Value>("user"),
            Err(Failure::Unauthenticated(_))
        ));
    }
    let both = vec![api.request("a"), api.request("b")];
    assert!(
        api.fetch_all(both, 10)
            .iter()
            .all(|r| matches!(r, Err(Failure::Unauthenticated(_))))
    );
    assert_eq!(script.lines().len(), 1);
}

#[test]
fn the_first_requests_of_a_session_do_not_overlap_so_that_a_bad_token_is_tried_once() {
    let script = Script::new().otherwise(|_| Reply::json(401, r#"{"message":"401 Unauthorized"}"#));
    let session = session(&script, BASE);
    let api = Api::new(&session);
    let many = (0..10)
        .map(|n| api.request(&format!("projects/{n}")))
        .collect();
    assert_eq!(api.fetch_all(many, 10).len(), 10);
    assert_eq!(script.lines().len(), 1);
}

#[test]
fn a_refusal_of_one_guarded_thing_is_not_held_against_the_token() {
    let script = Script::new()
        .on(
            Get,
            format!("{BASE}/api/v4/secret"),
            Reply::json(401, r#"{"message":"401 Unauthorized"}"#),
        )
        .on(Get, format!("{BASE}/api/v4/user"), Reply::json(200, "{}"));
    let session = session(&script, BASE);
    let api = Api::new(&session);
    assert!(api.fetch_guarded(&api.request("secret"), 10).is_err());
    assert!(!api.accepted());
    assert!(api.json::<Value>("user").is_ok());
    assert!(api.accepted());
}

#[test]
fn the_token_travels_in_its_header_only() {
    let script = Script::new().otherwise(|_| Reply::json(200, "{}"));
    let session = session(&script, BASE);
    let _ = Api::new(&session).json::<Value>("user").unwrap();
    let request = &script.requests()[0];
    assert_eq!(request.url, format!("{BASE}/api/v4/user"));
    let token: Vec<&String> = request
        .headers
        .iter()
        .filter(|(_, value)| value.contains("stand-in"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(token, ["private-token"]);
}

#[test]
fn a_segment_never_leaves_its_place() {
    assert_eq!(
        segment("group/sub project/a.b-c_d?#"),
        "group%2Fsub%20project%2Fa.b-c_d%3F%23"
    );
    assert_eq!(segment(".."), "%2E%2E");
}
