//! Which job's report is read, and what is said when there is none.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use serde_json::{Value, json};

use super::*;
use crate::gitlab::testing::{facts, session};
use crate::http::Method::Get;
use crate::http::script::{Reply, Script};

const API: &str = "https://gitlab.example/api/v4/projects/34";

fn jobs_url() -> String {
    format!(
        "{API}/jobs?scope%5B%5D=success&scope%5B%5D=failed&order_by=id&sort=desc&pagination=keyset&per_page=100"
    )
}

fn job(id: u64, name: &str, branch: &str, types: &[&str]) -> Value {
    let artifacts: Vec<Value> = types
        .iter()
        .map(|t| json!({"file_type": t, "filename": null}))
        .collect();
    json!({"id": id, "name": name, "ref": branch, "tag": false, "artifacts": artifacts, "artifacts_expire_at": null})
}

fn full(id: u64, name: &str) -> Value {
    job(id, name, "main", &["archive", "container_scanning"])
}

fn report(ids: &[&str]) -> Reply {
    let all: Vec<Value> = ids
        .iter()
        .map(|id| json!({"id": id, "location": {"image": "registry.example:5050/acme/shop/app:1"}}))
        .collect();
    Reply::json(
        200,
        json!({"version": "15.0.4", "vulnerabilities": all}).to_string(),
    )
}

fn file(job: u64) -> String {
    format!("{API}/jobs/{job}/artifacts/gl-container-scanning-report.json")
}

fn latest() -> String {
    format!(
        "{API}/jobs/artifacts/main/raw/gl-container-scanning-report.json?job=container_scanning"
    )
}

fn missing_file() -> Reply {
    Reply::json(404, r#"{"message":"404 Not Found"}"#)
}

fn script(jobs: &[Value]) -> Script {
    Script::new().on(Get, jobs_url(), Reply::json(200, json!(jobs).to_string()))
}

fn read(script: &Script) -> Result<(ReportOutcome, Vec<String>), Failure> {
    let session = session(script, "https://gitlab.example");
    let mut ids = Vec::new();
    let outcome = for_repository(&Api::known_good(&session), &facts(), &mut |finding| {
        ids.push(finding.id);
        Ok(())
    })?;
    Ok((outcome, ids))
}

fn why(outcome: &ReportOutcome) -> (SkipReason, &str) {
    (
        outcome.notes[0].skip.reason,
        &outcome.notes[0].skip.why.message,
    )
}

#[test]
fn the_newest_job_of_each_name_on_the_default_branch_counts() {
    let script = script(&[
        full(9, "scan: [api]"),
        job(
            8,
            "scan: [web]",
            "feature",
            &["archive", "container_scanning"],
        ),
        full(7, "scan: [web]"),
        full(6, "scan: [api]"),
        job(5, "build", "main", &["archive"]),
    ])
    .on(Get, file(9), report(&["a", "b"]))
    .on(Get, file(7), report(&["b", "c"]));
    let (outcome, ids) = read(&script).unwrap();
    assert!(outcome.found && outcome.notes.is_empty());
    assert_eq!(
        (outcome.count, ids),
        (3, vec!["a".to_owned(), "b".to_owned(), "c".to_owned()])
    );
}

#[test]
fn a_report_under_another_name_is_found_by_its_type() {
    let mut odd = full(9, "x");
    odd["artifacts"][1]["filename"] = json!("gl-cs-custom.json.gz");
    let script = script(&[odd]).on(
        Get,
        format!("{API}/jobs/9/artifacts/gl-cs-custom.json"),
        report(&["a"]),
    );
    assert_eq!(read(&script).unwrap().1, ["a"]);
}

#[test]
fn jobs_are_looked_through_over_pages_and_the_template_is_the_last_resort() {
    let link = |n: u64| format!(r#"<{API}/jobs?cursor={n}>; rel="next""#);
    let busy = |n: u64| Reply::json(200, json!([job(n, "build", "main", &[])]).to_string());
    let mut script = Script::new().on(Get, jobs_url(), busy(900).with("link", link(1)));
    for n in 1..10 {
        script = script.on(
            Get,
            format!("{API}/jobs?cursor={n}"),
            busy(900 - n).with("link", link(n + 1)),
        );
    }
    let script = script.on(Get, latest(), report(&["a"]));
    let (outcome, ids) = read(&script).unwrap();
    assert!(outcome.found);
    assert_eq!(ids, ["a"]);
    assert_eq!(script.lines().len(), JOB_PAGES + 1);
}

#[test]
fn no_report_at_all_is_an_empty_source() {
    let script = script(&[]).on(Get, latest(), missing_file());
    let (outcome, _) = read(&script).unwrap();
    assert!(!outcome.found);
    assert_eq!(why(&outcome).0, SkipReason::Empty);
}

#[test]
fn an_expired_and_an_undownloadable_report_say_so() {
    let mut expired = full(9, "scan");
    expired["artifacts_expire_at"] = json!("2025-01-01T00:00:00Z");
    let (outcome, _) = read(&script(&[expired]).on(Get, file(9), missing_file())).unwrap();
    assert_eq!(why(&outcome).0, SkipReason::Gone);
    assert!(why(&outcome).1.contains("expired (2025-01-01"));

    let reports_only = job(9, "scan", "main", &["container_scanning"]);
    let (outcome, _) = read(&script(&[reports_only]).on(Get, file(9), missing_file())).unwrap();
    assert_eq!(why(&outcome).0, SkipReason::Unsupported);
    assert!(outcome.notes[0].skip.why.hint.contains("artifacts:paths"));

    let (outcome, _) = read(&script(&[full(9, "scan")]).on(Get, file(9), missing_file())).unwrap();
    assert_eq!(why(&outcome).0, SkipReason::Gone);
}

#[test]
fn an_artifact_that_is_closed_is_a_note_and_a_dead_token_a_failure() {
    let refused = || Reply::json(401, r#"{"message":"401 Unauthorized"}"#);
    let user = "https://gitlab.example/api/v4/user";
    let one = script(&[full(9, "scan")]).on(Get, file(9), refused()).on(
        Get,
        user,
        Reply::json(200, "{}"),
    );
    assert_eq!(why(&read(&one).unwrap().0).0, SkipReason::Forbidden);
    let dead = script(&[full(9, "scan")])
        .on(Get, file(9), refused())
        .on(Get, user, refused());
    assert!(matches!(read(&dead), Err(Failure::Unauthenticated(_))));
}

#[test]
fn a_broken_report_does_not_cost_the_others() {
    let script = script(&[full(9, "a"), full(8, "b")])
        .on(Get, file(9), Reply::json(200, "{\"vulnerabilities\":["))
        .on(Get, file(8), report(&["x"]));
    let (outcome, ids) = read(&script).unwrap();
    assert_eq!((ids.len(), why(&outcome).0), (1, SkipReason::Corrupt));
}

#[test]
fn closed_jobs_still_leave_the_templates_report() {
    let script = Script::new()
        .on(
            Get,
            jobs_url(),
            Reply::json(403, r#"{"message":"403 Forbidden"}"#),
        )
        .on(Get, latest(), report(&["a"]));
    let (outcome, ids) = read(&script).unwrap();
    assert_eq!((ids.len(), why(&outcome).0), (1, SkipReason::Forbidden));
}

#[test]
fn a_project_without_a_default_branch_has_no_report_and_no_request() {
    let script = Script::new();
    let session = session(&script, "https://gitlab.example");
    let empty = RepositoryFacts {
        default_branch: None,
        ..facts()
    };
    let outcome = for_repository(&Api::new(&session), &empty, &mut |_| Ok(())).unwrap();
    assert_eq!(
        (outcome.notes[0].skip.reason, script.lines().len()),
        (SkipReason::Empty, 0)
    );
}
