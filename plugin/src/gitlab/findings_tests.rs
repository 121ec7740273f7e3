//! Which source is taken, how the query is fitted to the server, and what is noted.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::cell::RefCell;

use super::*;
use crate::gitlab::testing::{facts, session};
use crate::http::Request;
use crate::http::script::{Reply, Script};

const BASE: &str = "https://gitlab.example";

fn node(id: u64, image: &str) -> Value {
    json!({"uuid": format!("u{id}"), "title": "t", "severity": "HIGH", "state": "DETECTED", "location": {"image": image}})
}

fn nodes(ids: std::ops::Range<u64>) -> Vec<Value> {
    ids.map(|id| node(id, "registry.example:5050/acme/shop/app:1.0"))
        .collect()
}

fn page(nodes: &[Value], next: Option<&str>) -> Reply {
    let info = json!({"hasNextPage": next.is_some(), "endCursor": next});
    Reply::json(
        200,
        json!({"data": {"project": {"vulnerabilities": {"nodes": nodes, "pageInfo": info}}}})
            .to_string(),
    )
}

fn error(message: &str) -> Reply {
    Reply::json(
        200,
        json!({"data": null, "errors": [{"message": message}]}).to_string(),
    )
}

fn undefined(kind: &str, field: &str) -> Reply {
    let message = format!("Field '{field}' doesn't exist on type '{kind}'");
    let extensions = json!({"code": "undefinedField", "typeName": kind, "fieldName": field});
    Reply::json(
        200,
        json!({"errors": [{"message": message, "extensions": extensions}]}).to_string(),
    )
}

fn names(kind: &str, list: &str, names: &[&str]) -> (String, Reply) {
    let all: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    let body = json!({"data": {"__type": {list: all}}});
    (kind.to_owned(), Reply::json(200, body.to_string()))
}

/// A GitLab whose introspection shows `fields`, whose REST has no reports, and which answers the rest.
fn gitlab(
    fields: &'static [&'static str],
    answer: impl Fn(&str, &Value) -> Reply + 'static,
) -> Script {
    Script::new().otherwise(move |request: &Request| {
        if request.url.contains("/jobs?") {
            return Reply::json(200, "[]");
        }
        if request.url.contains("/api/v4/") {
            return Reply::json(404, r#"{"message":"404 Not Found"}"#);
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let text = body["query"].as_str().unwrap();
        assert!(text.len() < 10_000);
        for (kind, reply) in [
            names("\"Vulnerability\"", "fields", fields),
            names(
                "\"VulnerabilityReportType\"",
                "enumValues",
                &["CONTAINER_SCANNING", "CONTAINER_SCANNING_FOR_REGISTRY"],
            ),
        ] {
            if text.contains(&format!("__type(name:{kind})")) {
                return reply;
            }
        }
        answer(text, &body["variables"])
    })
}

fn read(script: &Script) -> Result<(FindingsOutcome, Vec<String>), Failure> {
    let session = session(script, BASE);
    let mut ids = Vec::new();
    let outcome = for_repository(&session, &facts(), &mut None, &mut |finding| {
        ids.push(finding.id);
        Ok(())
    })?;
    assert_eq!(outcome.count, ids.len() as u64);
    Ok((outcome, ids))
}

fn reasons(outcome: &FindingsOutcome) -> Vec<SkipReason> {
    outcome.notes.iter().map(|note| note.skip.reason).collect()
}

#[test]
fn every_page_is_read_and_only_the_repositorys_own_are_handed_over() {
    let script = gitlab(&["id"], |_, variables| match variables["after"].as_str() {
        None => page(
            &[
                &nodes(0..2)[..],
                &[node(9, "registry.example:5050/acme/shop/app-base:1")],
            ]
            .concat(),
            Some("c1"),
        ),
        Some("c1") => page(&nodes(2..3), None),
        other => panic!("{other:?}"),
    });
    let (outcome, ids) = read(&script).unwrap();
    assert_eq!(
        (outcome.source, ids),
        (
            Some(SOURCE),
            vec!["u0".to_owned(), "u1".to_owned(), "u2".to_owned()]
        )
    );
    assert!(outcome.notes.is_empty());
}

#[test]
fn newer_fields_are_asked_for_only_where_introspection_shows_them() {
    let seen = std::rc::Rc::new(RefCell::new(Vec::new()));
    for fields in [&["webUrl", "cvss"][..], &["id"]] {
        let seen = seen.clone();
        let script = gitlab(
            Box::leak(fields.to_vec().into_boxed_slice()),
            move |text, _| {
                seen.borrow_mut().push(text.to_owned());
                page(&nodes(0..1), None)
            },
        );
        read(&script).unwrap();
    }
    let seen = seen.borrow();
    assert!(
        seen[0].contains("webUrl")
            && seen[0].contains("cvss {")
            && !seen[0].contains("reachability")
    );
    assert!(!seen[1].contains("webUrl") && !seen[1].contains("cvss"));
    assert!(
        seen.iter()
            .all(|text| text.contains("[CONTAINER_SCANNING, CONTAINER_SCANNING_FOR_REGISTRY]"))
    );
    assert!(
        seen.iter()
            .all(|text| text.contains("[DETECTED, CONFIRMED, RESOLVED, DISMISSED]"))
    );
}

#[test]
fn introspection_is_asked_once_and_what_it_showed_is_used_again() {
    let seen = std::rc::Rc::new(RefCell::new(Vec::new()));
    let asked = seen.clone();
    let script = gitlab(&["webUrl"], move |text, _| {
        asked.borrow_mut().push(text.to_owned());
        page(&nodes(0..1), None)
    });
    let session = session(&script, BASE);
    let mut vocabulary = None;
    let mut read = || {
        for_repository(&session, &facts(), &mut vocabulary, &mut |_| Ok(())).unwrap();
        script.requests().len()
    };
    let first = read();
    assert_eq!(read() - first, first - 2);
    let seen = seen.borrow();
    assert_eq!(seen[0], seen[1]);
    assert!(seen[1].contains("webUrl"));
}

#[test]
fn the_newer_report_type_is_left_out_where_introspection_is_closed() {
    let script = Script::new().otherwise(|request| {
        let text = String::from_utf8(request.body.clone()).unwrap();
        if text.contains("__type(") {
            return error("introspection is off");
        }
        assert!(!text.contains("FOR_REGISTRY"));
        page(&nodes(0..1), None)
    });
    assert_eq!(read(&script).unwrap().1, ["u0"]);
}

#[test]
fn a_field_that_an_older_version_lacks_is_left_out_and_the_rest_is_read() {
    for (kind, field) in [
        ("Vulnerability", "presentOnDefaultBranch"),
        (
            "VulnerabilityLocationContainerScanning",
            "containerRepositoryUrl",
        ),
    ] {
        let script = gitlab(&["id"], move |text, _| {
            if text.contains(field) {
                undefined(kind, field)
            } else {
                page(&nodes(0..1), None)
            }
        });
        let (outcome, ids) = read(&script).unwrap();
        assert_eq!((outcome.source, ids.len()), (Some(SOURCE), 1), "{field}");
    }
}

#[test]
fn pages_shrink_until_the_query_is_simple_enough_then_fields_go() {
    let script = gitlab(&["severityOverrides", "cvss"], |text, variables| {
        let first = variables["first"].as_u64().unwrap();
        if first > 25 {
            return error("Query has complexity of 301, which exceeds max complexity of 250");
        }
        if text.contains("severityOverrides") && first > 5 {
            return Reply::json(
                503,
                r#"{"errors":[{"message":"Request timed out. Please try a less complex query"}]}"#,
            );
        }
        if text.contains("severityOverrides") {
            return error("Timeout on Vulnerability.severityOverrides");
        }
        page(&nodes(0..1), None)
    });
    let (outcome, ids) = read(&script).unwrap();
    assert_eq!((outcome.source, ids.len()), (Some(SOURCE), 1));
}

#[test]
fn a_server_that_always_times_out_is_a_note_in_the_end() {
    let script = gitlab(&["cvss"], |_, _| {
        error("Timeout on Project.vulnerabilities")
    });
    let (outcome, _) = read(&script).unwrap();
    assert_eq!(outcome.source, None);
    assert_eq!(outcome.note().unwrap().skip.reason, SkipReason::Unreachable);
    assert!(script.lines().len() < 30);
}

#[test]
fn what_was_read_before_the_trouble_is_kept() {
    let script = gitlab(&[], |_, variables| match variables["after"].as_str() {
        None => page(&nodes(0..2), Some("c1")),
        Some(_) => error("Something else"),
    });
    let (outcome, ids) = read(&script).unwrap();
    assert_eq!(
        (outcome.source, ids.len(), reasons(&outcome)),
        (Some(SOURCE), 2, vec![SkipReason::Unsupported])
    );
}

#[test]
fn a_cursor_that_leads_nowhere_ends_the_reading() {
    let script = gitlab(&[], |_, _| page(&nodes(0..1), Some("same")));
    let (outcome, _) = read(&script).unwrap();
    assert!(
        outcome.notes[0]
            .skip
            .why
            .message
            .contains("same as this one")
    );
}

#[test]
fn the_community_edition_has_no_vulnerability_report() {
    let script = gitlab(&[], |_, _| undefined("Project", "vulnerabilities"));
    let (outcome, _) = read(&script).unwrap();
    assert_eq!(
        reasons(&outcome),
        [SkipReason::NotLicensed, SkipReason::Empty]
    );
    assert!(
        outcome.notes[0]
            .skip
            .why
            .message
            .contains("Community Edition")
    );
}

#[test]
fn an_empty_list_without_a_statistic_is_a_missing_licence_and_with_one_is_clean() {
    let licence = |statistic: Value| {
        gitlab(&[], move |text, _| {
            if text.contains("vulnerabilityStatistic") {
                return Reply::json(
                    200,
                    json!({"data": {"project": {"vulnerabilityStatistic": statistic}}}).to_string(),
                );
            }
            if text.contains("securityScanners") {
                return Reply::json(
                    200,
                    r#"{"data":{"project":{"securityScanners":{"enabled":["SAST"],"pipelineRun":[]}}}}"#,
                );
            }
            page(&[], None)
        })
    };
    let (outcome, _) = read(&licence(Value::Null)).unwrap();
    assert_eq!(
        (outcome.source, reasons(&outcome)),
        (None, vec![SkipReason::NotLicensed, SkipReason::Empty])
    );
    let (outcome, _) = read(&licence(json!({"total": 0}))).unwrap();
    assert_eq!(
        (outcome.source, reasons(&outcome)),
        (Some(SOURCE), vec![SkipReason::Empty])
    );
    assert!(outcome.notes[0].skip.why.message.contains("has not run"));
}

#[test]
fn an_empty_list_does_not_hide_what_the_reports_of_ci_know() {
    let script = Script::new().otherwise(|request: &Request| {
        if request.url.contains("/artifacts/") {
            let image = "registry.example:5050/acme/shop/app:1";
            let report = json!({ "version": "15.0.4", "vulnerabilities": [
                { "id": "r1", "severity": "High", "location": { "image": image } },
            ] });
            return Reply::json(200, report.to_string());
        }
        if request.url.contains("/jobs?") {
            let job = json!([{ "id": 1, "name": "scan", "ref": "main", "artifacts": [
                { "file_type": "archive" }, { "file_type": "container_scanning" },
            ] }]);
            return Reply::json(200, job.to_string());
        }
        let asked = String::from_utf8_lossy(&request.body).into_owned();
        if asked.contains("vulnerabilityStatistic") {
            return Reply::json(
                200,
                r#"{"data":{"project":{"vulnerabilityStatistic":{"total":0}}}}"#,
            );
        }
        if asked.contains("vulnerabilities(") {
            return page(&[], None);
        }
        Reply::json(200, r#"{"data":{"project":{},"__type":null}}"#)
    });
    let (outcome, ids) = read(&script).unwrap();
    assert_eq!(ids, ["r1"]);
    assert_eq!(outcome.source, Some(report::SOURCE));
    assert!(outcome.notes.is_empty());
}

#[test]
fn no_list_at_all_is_the_role_or_the_licence() {
    let null = || {
        gitlab(&[], |_, _| {
            Reply::json(200, r#"{"data":{"project":{"vulnerabilities":null}}}"#)
        })
    };
    let (outcome, _) = read(&null()).unwrap();
    assert_eq!(reasons(&outcome)[0], SkipReason::NotLicensed);

    let script = null();
    let session = session(&script, BASE);
    let reporter = RepositoryFacts {
        role: Some(20),
        ..facts()
    };
    let outcome = for_repository(&session, &reporter, &mut None, &mut |_| Ok(())).unwrap();
    assert_eq!(reasons(&outcome)[0], SkipReason::Forbidden);
    assert!(outcome.notes[0].skip.why.hint.contains("Developer"));
}

#[test]
fn a_token_that_graphql_refuses_is_a_note_and_one_that_rest_refuses_is_a_failure() {
    let invalid = || Reply::json(401, r#"{"errors":[{"message":"Invalid token"}]}"#);
    let script = Script::new().otherwise(move |request| {
        if request.url.contains("graphql") {
            invalid()
        } else {
            Reply::json(404, r#"{"message":"404 Not Found"}"#)
        }
    });
    let (outcome, _) = read(&script).unwrap();
    assert_eq!(reasons(&outcome)[0], SkipReason::Forbidden);

    let script = Script::new().otherwise(move |request| {
        if request.url.contains("graphql") {
            invalid()
        } else {
            Reply::json(401, r#"{"message":"401 Unauthorized"}"#)
        }
    });
    assert!(matches!(read(&script), Err(Failure::Unauthenticated(_))));
}

#[test]
fn the_callers_failure_ends_it() {
    let script = gitlab(&[], |_, _| page(&nodes(0..2), None));
    let session = session(&script, BASE);
    let failure = for_repository(&session, &facts(), &mut None, &mut |_| {
        Err(Failure::Stopped)
    })
    .unwrap_err();
    assert_eq!(failure, Failure::Stopped);
}

#[test]
fn vulnerabilities_without_an_image_or_an_identifier_are_counted() {
    let nameless = json!({"location": {"image": "registry.example:5050/acme/shop/app:1"}});
    let script = gitlab(&[], move |_, _| {
        page(&[json!({"uuid": "x"}), nameless.clone(), json!(7)], None)
    });
    let (outcome, _) = read(&script).unwrap();
    assert_eq!(
        reasons(&outcome),
        [SkipReason::Corrupt, SkipReason::Unsupported]
    );
    assert!(outcome.notes[0].skip.why.message.starts_with("2 "));
}
