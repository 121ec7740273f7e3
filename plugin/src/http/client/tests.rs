#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::io::Read;
use std::time::Duration;

use super::super::Method::{Get, Head};
use super::super::script::{Reply, START, Script};
use super::super::{RetryPolicy, TroubleKind};
use super::*;

const URL: &str = "https://gitlab.example/api/v4/user";
const SECOND: Duration = Duration::from_secs(1);

fn body(response: Result<Response, TransportError>) -> String {
    let mut text = String::new();
    response.unwrap().body.read_to_string(&mut text).unwrap();
    text
}

fn urls(count: usize) -> impl Iterator<Item = (usize, Request)> {
    (0..count).map(|n| (n, Request::get(format!("https://gitlab.example/{n}"))))
}

#[test]
fn passing_statuses_are_tried_again() {
    for status in [429, 500, 502, 503, 504] {
        let script = Script::new().on(Get, URL, Reply::status(status)).on(
            Get,
            URL,
            Reply::text(200, "there"),
        );
        assert_eq!(body(script.client().send(&Request::get(URL))), "there");
        assert_eq!(script.count(URL), 2, "{status}");
    }
}

#[test]
fn final_statuses_are_answered_as_they_came() {
    for status in [200, 204, 301, 400, 401, 403, 404, 405, 409, 501] {
        let script = Script::new().on(Get, URL, Reply::text(status, "as it is"));
        let response = script.client().send(&Request::get(URL));
        assert_eq!(response.as_ref().unwrap().status, status);
        assert_eq!(body(response), "as it is");
        assert_eq!(script.count(URL), 1, "{status}");
        assert!(script.sleeps().is_empty());
    }
}

#[test]
fn passing_trouble_is_tried_again_and_other_trouble_is_not() {
    for (kind, tries) in [
        (TroubleKind::Dropped, 2),
        (TroubleKind::Timeout, 2),
        (TroubleKind::Connect, 2),
        (TroubleKind::Dns, 2),
        (TroubleKind::Denied, 1),
        (TroubleKind::Tls, 1),
        (TroubleKind::Stopped, 1),
    ] {
        let script =
            Script::new()
                .on(Get, URL, Reply::trouble(kind))
                .on(Get, URL, Reply::status(200));
        let answer = script.client().send(&Request::get(URL));
        assert_eq!(answer.is_ok(), tries == 2, "{kind:?}");
        assert_eq!(script.count(URL), tries, "{kind:?}");
    }
}

#[test]
fn a_registry_whose_storage_dropped_the_connection_is_asked_again() {
    let reset = r#"{"errors":[{"code":"CONNECTIONRESET","message":"connection reset by peer"}]}"#;
    let script =
        Script::new()
            .on(Get, URL, Reply::json(400, reset))
            .on(Get, URL, Reply::text(200, "there"));
    assert_eq!(body(script.client().send(&Request::get(URL))), "there");

    let other = r#"{"errors":[{"code":"NAME_INVALID","message":"invalid repository name"}]}"#;
    let script = Script::new().on(Get, URL, Reply::json(400, other));
    assert_eq!(
        body(script.client().send(&Request::get(URL))),
        other,
        "the peek must not eat the body"
    );
    assert_eq!(script.count(URL), 1);
}

#[test]
fn the_last_answer_is_handed_up_when_the_tries_are_used_up() {
    let script = Script::new().on(Get, URL, Reply::text(503, "still away"));
    let fetched = script.client().fetch(&Request::get(URL), 10).unwrap();
    assert_eq!(
        (fetched.status, fetched.body.as_slice()),
        (503, b"still away".as_slice())
    );
    assert_eq!(script.count(URL), RetryPolicy::default().attempts as usize);

    let script = Script::new().on(Get, URL, Reply::trouble(TroubleKind::Connect));
    let error = script.client().send(&Request::get(URL)).err().unwrap();
    assert_eq!(error.kind, TroubleKind::Connect);
    assert_eq!(script.count(URL), RetryPolicy::default().attempts as usize);
}

#[test]
fn waits_grow_and_are_drawn_at_random() {
    let script = Script::new().on(Get, URL, Reply::status(503));
    let _ = script.client().send(&Request::get(URL));
    let sleeps = script.sleeps();
    for (n, sleep) in sleeps.iter().enumerate() {
        assert!(
            *sleep <= RetryPolicy::default().first_wait * (1 << n),
            "{sleeps:?}"
        );
    }
    assert!(
        sleeps.iter().max().unwrap() > &RetryPolicy::default().first_wait,
        "{sleeps:?}"
    );
    assert!(
        sleeps.windows(2).any(|pair| pair[1] != pair[0] * 2),
        "no jitter: {sleeps:?}"
    );
}

#[test]
fn the_wait_that_was_asked_for_is_kept() {
    for (name, value) in [
        ("Retry-After", "7".to_owned()),
        ("Retry-After", "6.500000".to_owned()),
        ("RateLimit-Reset", (START + 7).to_string()),
        (
            "RateLimit-ResetTime",
            "Sun, 22 Nov 2026 14:08:07 GMT".to_owned(),
        ),
    ] {
        let script = Script::new()
            .on(
                Get,
                URL,
                Reply::text(429, "Retry later\n").with(name, &value),
            )
            .on(Get, URL, Reply::status(200));
        assert_eq!(
            script.client().send(&Request::get(URL)).unwrap().status,
            200
        );
        let slept: Duration = script.sleeps().iter().sum();
        assert!(
            slept >= SECOND * 13 / 2 && slept < SECOND * 8,
            "{name}: {slept:?}"
        );
    }
}

#[test]
fn a_wait_that_is_too_long_is_handed_up_unslept() {
    for value in ["3600", "99999999999999999999999999", "86400.5"] {
        let script = Script::new().on(Get, URL, Reply::status(429).with("Retry-After", value));
        let client = script.client();
        let response = client.send(&Request::get(URL)).unwrap();
        assert_eq!(response.status, 429);
        assert!(client.asked_wait(&response.headers).unwrap() >= SECOND * 3600);
        assert!(script.sleeps().is_empty());
        assert_eq!(script.count(URL), 1);
    }
}

#[test]
fn absurd_waits_fall_back_to_backoff() {
    for value in ["-5", "soon", "", "NaN", "-99999999999999999999"] {
        let script = Script::new()
            .on(Get, URL, Reply::status(429).with("Retry-After", value))
            .on(Get, URL, Reply::status(200));
        assert_eq!(
            script.client().send(&Request::get(URL)).unwrap().status,
            200
        );
        assert!(
            script.sleeps().iter().sum::<Duration>() <= SECOND,
            "{value:?}"
        );
    }
}

#[test]
fn an_allowance_that_is_used_up_is_waited_for_before_the_next_request() {
    let exhausted = Reply::status(200)
        .with("RateLimit-Remaining", "0")
        .with("RateLimit-Reset", (START + 30).to_string());
    let script = Script::new()
        .on(Get, URL, exhausted)
        .on(Get, URL, Reply::status(200));
    let elsewhere = "https://registry.example/v2/";
    let script = script.on(Get, elsewhere, Reply::status(200));
    let client = script.client();
    client.send(&Request::get(URL)).unwrap();
    client.send(&Request::get(elsewhere)).unwrap();
    assert!(
        script.sleeps().is_empty(),
        "another origin has its own allowance"
    );
    client.send(&Request::get(URL)).unwrap();
    assert_eq!(script.sleeps(), [SECOND * 30]);
}

#[test]
fn an_allowance_that_comes_back_tomorrow_is_not_waited_for_until_then() {
    let exhausted = Reply::status(200)
        .with("RateLimit-Remaining", "0")
        .with("RateLimit-Reset", u64::MAX.to_string());
    let script = Script::new()
        .on(Get, URL, exhausted)
        .on(Get, URL, Reply::status(200));
    let client = script.client();
    client.send(&Request::get(URL)).unwrap();
    client.send(&Request::get(URL)).unwrap();
    assert_eq!(script.sleeps(), [RetryPolicy::default().longest_wait]);
}

#[test]
fn a_dead_server_is_not_asked_again_and_again_for_every_request() {
    let script = Script::new().otherwise(|_| Reply::trouble(TroubleKind::Connect));
    let client = script.client();
    let failed = urls(50)
        .filter(|(_, request)| client.send(request).is_err())
        .count();
    assert_eq!(failed, 50);
    let policy = RetryPolicy::default();
    assert!(
        script.requests().len() <= 50 + policy.budget as usize,
        "{}",
        script.requests().len()
    );
}

#[test]
fn progress_gives_the_budget_back() {
    // Every second answer is a 503: many more failures than the budget, none of them in a row.
    let script = Script::new();
    let script = urls(100).fold(script, |script, (_, request)| {
        script
            .on(Get, &request.url, Reply::status(503))
            .on(Get, &request.url, Reply::status(200))
    });
    let client = script.client();
    for (key, answer) in client.overlapped(urls(100)) {
        assert_eq!(answer.unwrap().status, 200, "{key}");
    }
}

#[test]
fn time_lost_to_a_silent_server_has_an_end() {
    let silent = Reply::trouble(TroubleKind::Timeout).delay(SECOND * 60);
    let script = Script::new().on(Get, URL, silent);
    assert!(script.client().send(&Request::get(URL)).is_err());
    assert_eq!(script.count(URL), 2);
}

#[test]
fn a_body_that_breaks_is_fetched_again() {
    let script = Script::new()
        .on(Get, URL, Reply::text(200, "all of it").drop_after(3))
        .on(Get, URL, Reply::text(200, "all of it"));
    assert_eq!(
        script.client().fetch(&Request::get(URL), 100).unwrap().body,
        b"all of it"
    );
    assert_eq!(script.count(URL), 2);
    assert_eq!(script.in_flight(), 0);
}

#[test]
fn a_body_with_the_wrong_digest_is_not_fetched_again() {
    let script = Script::new().on(Get, URL, Reply::text(200, "something else"));
    let request = Request::get(URL).expect_digest("sha256:00");
    assert_eq!(
        script.client().fetch(&request, 100).unwrap_err().kind,
        TroubleKind::Digest
    );
    assert_eq!(script.count(URL), 1);
}

#[test]
fn a_body_over_the_cap_is_an_error_of_that_kind() {
    let script = Script::new().on(Get, URL, Reply::text(200, "12345"));
    assert_eq!(
        script.client().fetch(&Request::get(URL), 5).unwrap().body,
        b"12345"
    );
    assert_eq!(
        script
            .client()
            .fetch(&Request::get(URL), 4)
            .unwrap_err()
            .kind,
        TroubleKind::OverLimit
    );
    // The page of an angry proxy is cut, not refused: its status is what matters.
    let script = Script::new().on(Get, URL, Reply::bytes(404, vec![b'x'; 2 * ERROR_BODY_CAP]));
    assert_eq!(
        script
            .client()
            .fetch(&Request::get(URL), 4)
            .unwrap()
            .body
            .len(),
        ERROR_BODY_CAP
    );
}

#[test]
fn many_requests_overlap_within_the_window_and_are_answered_in_order() {
    let script = Script::new().otherwise(|request| Reply::text(200, &request.url).delay(SECOND));
    let client = script.client();
    let mut order = Vec::new();
    for (key, answer) in client.fetch_overlapped(urls(64), 1000) {
        assert_eq!(
            answer.unwrap().body,
            format!("https://gitlab.example/{key}").into_bytes()
        );
        order.push(key);
    }
    assert_eq!(order, (0..64).collect::<Vec<_>>());
    assert_eq!(script.most_in_flight(), WINDOW);
    assert!(
        client.transport().monotonic() <= SECOND * 5,
        "{:?}",
        client.transport().monotonic()
    );
    assert_eq!(script.in_flight(), 0);
}

#[test]
fn a_dropped_body_gives_its_place_back() {
    let script = Script::new().otherwise(|_| Reply::text(200, "long").delay(SECOND));
    let client = script.client();
    for (_, answer) in client.overlapped_within(4, urls(40)) {
        drop(answer);
    }
    assert_eq!(script.most_in_flight(), 4);
    assert!(client.transport().monotonic() <= SECOND * 11);
}

#[test]
fn kept_bodies_slow_down_but_never_stop() {
    let script = Script::new().otherwise(|_| Reply::text(200, "kept"));
    let client = script.client();
    let kept: Vec<_> = client.overlapped(urls(40)).collect();
    assert_eq!(kept.len(), 40);
    for (_, answer) in kept {
        assert_eq!(body(answer), "kept");
    }
    assert_eq!(client.under_way.get(), 0);
}

#[test]
fn a_request_in_the_middle_that_fails_is_retried_in_its_place() {
    let script = Script::new()
        .on(Get, "https://gitlab.example/1", Reply::status(502))
        .on(
            Get,
            "https://gitlab.example/1",
            Reply::text(200, "one").drop_after(1),
        )
        .on(Get, "https://gitlab.example/1", Reply::text(200, "one"))
        .otherwise(|_| Reply::text(200, "other"));
    let client = script.client();
    let bodies: Vec<_> = client
        .fetch_overlapped(urls(3), 10)
        .map(|(_, f)| f.unwrap().body)
        .collect();
    assert_eq!(
        bodies,
        [b"other".to_vec(), b"one".to_vec(), b"other".to_vec()]
    );
}

#[test]
fn requests_that_were_throttled_together_wait_once() {
    let script = urls(WINDOW).fold(Script::new(), |script, (_, request)| {
        script
            .on(
                Get,
                &request.url,
                Reply::status(429).with("Retry-After", "10"),
            )
            .on(Get, &request.url, Reply::status(200))
    });
    let client = script.client();
    assert!(
        client
            .overlapped(urls(WINDOW))
            .all(|(_, answer)| answer.unwrap().status == 200)
    );
    assert!(
        client.transport().monotonic() < SECOND * 12,
        "{:?}",
        script.sleeps()
    );
}

#[test]
fn a_crowded_server_gets_fewer_requests_at_a_time_for_a_while() {
    let script = Script::new()
        .on(Get, URL, Reply::status(429))
        .on(Get, URL, Reply::status(429))
        .on(Get, URL, Reply::status(200))
        .otherwise(|_| Reply::status(200).delay(SECOND));
    let client = script.client();
    client.send(&Request::get(URL)).unwrap();
    assert_eq!(client.fetch_overlapped(urls(3), 10).count(), 3);
    assert_eq!(script.most_in_flight(), 3);
    assert_eq!(client.fetch_overlapped(urls(200), 10).count(), 200);
    assert_eq!(script.most_in_flight(), WINDOW);
    assert!(client.transport().monotonic() > SECOND * (200 / 16));
    client.peer(URL, |peer| assert_eq!(peer.narrowed, 0));
    for _ in 0..40 {
        client.peer(URL, |peer| peer.heed_crowding(429));
    }
    // Never none at all.
    assert_eq!(client.fetch_overlapped(urls(3), 10).count(), 3);
}

#[test]
fn the_answers_under_way_are_taken_before_a_pause() {
    let last = Reply::status(200)
        .with("RateLimit-Remaining", "0")
        .with("RateLimit-Reset", (START + 60).to_string());
    let script = Script::new()
        .on(Get, "https://gitlab.example/0", last)
        .otherwise(|_| Reply::status(200));
    let client = script.client();
    let mut answers = client.overlapped(urls(WINDOW + 4));
    for _ in 0..WINDOW {
        assert!(answers.next().unwrap().1.is_ok());
    }
    assert!(script.sleeps().is_empty());
    assert_eq!(answers.count(), 4);
    assert_eq!(script.sleeps().len(), 1);
}

#[test]
fn a_head_keeps_no_place() {
    let script = Script::new().on(Head, URL, Reply::status(200));
    let client = script.client();
    let kept = client.send(&Request::head(URL)).unwrap();
    assert_eq!(client.under_way.get(), 0);
    drop(kept);
}

#[test]
fn origins_end_where_the_path_begins() {
    assert_eq!(
        origin("https://gitlab.example:8443/api?x#y"),
        "https://gitlab.example:8443"
    );
    assert_eq!(origin("http://[::1]:5000?x"), "http://[::1]:5000");
    assert_eq!(origin("https://gitlab.example"), "https://gitlab.example");
    assert_eq!(origin("nonsense"), "nonsense");
}

#[test]
fn origins_without_end_are_forgotten() {
    let script = Script::new().otherwise(|_| Reply::status(200));
    let client = script.client();
    for n in 0..10 * MOST_PEERS {
        client
            .send(&Request::get(format!("https://host{n}.example/")))
            .unwrap();
    }
    assert!(client.peers.borrow().len() <= MOST_PEERS);
}
