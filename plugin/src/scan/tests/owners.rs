//! The owners of a project, as a scan tells them.

use super::*;
use crate::contract::Context;

/// A project without vulnerabilities, whatever is asked of it.
const GRAPHQL: &str = r#"{"data":{"project":{"vulnerabilities":{"nodes":[],"pageInfo":{"hasNextPage":false}},
    "vulnerabilityStatistic":{"total":0},"securityScanners":null}}}"#;
const API: &str = "https://gitlab.example/api/v4";

/// A scan of a repository of project 34, in which GitLab's API answers files and members with `owners`.
fn scanned(repository: u64, owners: fn(&str) -> Reply, sink: Recorder) -> Scanned {
    let simulated = Simulated::new(true);
    simulated.tag("1", &simulated.debian(&["bash"]));
    let script = Script::new().otherwise(move |request| {
        let Some(path) = request.url.strip_prefix(API) else {
            return match request.url.contains("/api/graphql") {
                true => Reply::json(200, GRAPHQL),
                false => simulated.answer(request),
            };
        };
        if path.contains("/repository/files/") || path.contains("/members/") {
            return owners(path);
        }
        let project = json!({"id": 34, "path_with_namespace": "Acme/App", "default_branch": "main",
            "topics": ["pci"], "permissions": {"group_access": {"access_level": 30}}});
        let row = json!({"id": repository, "path": PATH, "project_id": 34,
            "location": format!("{HOST}/{PATH}")});
        match path.split('?').next() {
            Some("/projects/34") => Reply::json(200, project.to_string()),
            Some(path) if path.starts_with("/registry/repositories/") => {
                Reply::json(200, row.to_string())
            }
            _ => Reply::json(200, "[]").with("x-next-page", ""),
        }
    });
    let mut sink = sink;
    let result = {
        let session = Session {
            settings: Settings::sample(BASE),
            client: script.client(),
        };
        let request = ScanRequest {
            location: format!("repository/34/{repository}"),
            cursor: None,
        };
        crate::scan::scan(&session, &request, &mut sink)
    };
    Scanned {
        result,
        sink,
        script,
    }
}

fn known(path: &str) -> Reply {
    if path.contains("/files/docs%2FCODEOWNERS/") {
        return Reply::text(200, "[Core]\n* @ada\n");
    }
    if path.contains("/members/") {
        let rows = json!([{"username": "ada", "access_level": 50, "state": "active"}]);
        return Reply::json(200, rows.to_string()).with("x-next-page", "");
    }
    Reply::json(404, r#"{"message":"404 File Not Found"}"#)
}

fn hidden(_: &str) -> Reply {
    Reply::json(403, r#"{"message":"403 Forbidden"}"#)
}

fn down(_: &str) -> Reply {
    Reply::status(503)
}

fn context(scanned: &Scanned) -> Vec<(&str, &str)> {
    let mut all = scanned.sink.observations().filter_map(|seen| match seen {
        Observation::Context(Context { attributes, .. }) => Some(attributes),
        _ => None,
    });
    let attributes = all.next().unwrap();
    assert!(all.next().is_none(), "one context a scan");
    let pairs = attributes.iter();
    pairs
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect()
}

fn asked(scanned: &Scanned) -> usize {
    let lines = scanned.script.lines();
    let of_owners = |line: &&String| line.contains("/files/") || line.contains("/members/");
    lines.iter().filter(of_owners).count()
}

#[test]
fn owners_are_told_with_the_topics_and_asked_for_once_a_project_and_day() {
    let first = scanned(56, known, Recorder::default());
    let told = context(&first);
    for pair in [
        ("topics", "pci"),
        ("codeowners-path", "docs/CODEOWNERS"),
        ("codeowners", "[Core]\n* @ada\n"),
        ("maintainers", "@ada"),
    ] {
        assert!(told.contains(&pair), "{told:?}");
    }
    assert_eq!(asked(&first), 4);
    let cache = first.sink.cache.clone();
    let kept = Recorder {
        cache,
        ..Recorder::default()
    };
    // Another repository of the project.
    let second = scanned(57, hidden, kept);
    assert_eq!(asked(&second), 0);
    let same = |scanned: &Scanned| {
        let told = context(scanned).into_iter();
        let owners = told.filter(|(key, _)| key.starts_with("codeowners") || *key == "maintainers");
        owners
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(same(&second), same(&first));
}

#[test]
fn owners_that_can_not_be_read_are_said_and_leave_the_scan_complete() {
    let good = scanned(56, known, Recorder::default());
    let good = good.result.unwrap();
    assert!(good.complete);
    for (owners, reason, kept) in [
        (hidden as fn(&str) -> Reply, SkipReason::Forbidden, true),
        (down, SkipReason::Unreachable, false),
    ] {
        let scanned = scanned(56, owners, Recorder::default());
        let summary = scanned.result.as_ref().unwrap();
        assert!(summary.complete, "{reason:?}");
        assert_eq!(summary.images, 1);
        assert_eq!(summary.skipped, good.skipped + 2);
        let told: Vec<_> = scanned
            .skipped()
            .into_iter()
            .filter(|(_, why)| *why == reason)
            .collect();
        assert_eq!(
            told,
            [("CODEOWNERS", reason), ("project members", reason)],
            "{reason:?}"
        );
        // The topics are told all the same.
        assert!(context(&scanned).contains(&("topics", "pci")));
        let is_kept = scanned
            .sink
            .cache
            .keys()
            .any(|key| key.starts_with("owners"));
        assert_eq!(is_kept, kept, "{reason:?}");
    }
}
