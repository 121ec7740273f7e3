//! Each step, with what is seen and what it makes moot.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::cell::RefCell;

use serde_json::json;

use super::*;
use crate::contract::LackOfPermission;
use crate::http::Method::Get;
use crate::http::TroubleKind;
use crate::http::script::{Reply, Script};
use crate::settings::Settings;

const BASE: &str = "https://gitlab.example";
const API: &str = "https://gitlab.example/api/v4";
const MEMBERS: &str = "projects?membership=true&archived=false&order_by=last_activity_at&sort=desc&per_page=100&page=1";

/// A registry that answers what the test says.
struct Fake {
    ping: Result<RegistryFacts, Failure>,
    probe: Result<Option<String>, Failure>,
}

impl Registry for &Fake {
    fn ping(&mut self) -> Result<RegistryFacts, Failure> {
        self.ping.clone()
    }

    fn probe_manifest(&self, _: &str) -> Result<Option<String>, Failure> {
        self.probe.clone()
    }
}

fn open() -> Fake {
    Fake {
        ping: Ok(RegistryFacts {
            version: Some("4.32.0-gitlab".to_owned()),
            database: Some(true),
        }),
        probe: Ok(Some("latest".to_owned())),
    }
}

fn project(id: u64) -> Value {
    json!({
        "id": id, "path_with_namespace": format!("acme/p{id}"), "container_registry_access_level": "enabled",
        "container_registry_image_prefix": format!("registry.example:5050/acme/p{id}"),
    })
}

fn image(id: u64) -> Value {
    json!({"id": id, "name": "", "path": format!("acme/p{id}"), "location": format!("registry.example:5050/acme/p{id}")})
}

fn ok(value: &Value) -> Reply {
    Reply::json(200, value.to_string()).with("x-next-page", "")
}

fn token(changes: Value) -> Value {
    let mut token = json!({
        "id": 42, "name": "connector", "revoked": false, "active": true, "expires_at": "2027-11-01",
        "scopes": ["read_user", "read_registry", "read_api"],
    });
    let Value::Object(changes) = changes else {
        panic!()
    };
    token.as_object_mut().unwrap().extend(changes);
    token
}

/// A GitLab where all is well, but for what was scripted before.
fn gitlab(special: &[(&str, Reply)]) -> Script {
    let special: Vec<(String, Reply)> = special
        .iter()
        .map(|(path, reply)| (format!("{API}/{path}"), reply.clone()))
        .collect();
    Script::new().otherwise(move |request| {
        assert!(request.method == Get);
        if let Some((_, reply)) = special.iter().find(|(url, _)| *url == request.url) {
            return reply.clone();
        }
        match request.url.strip_prefix(&format!("{API}/")).unwrap() {
            "personal_access_tokens/self" => ok(&token(json!({}))),
            "user" => ok(&json!({"username": "jane", "state": "active"})),
            "metadata" => ok(&json!({"version": "18.1.1-ee", "enterprise": true})),
            MEMBERS => ok(&json!([project(1)])),
            "projects/1/registry/repositories?per_page=100&page=1" => ok(&json!([image(1)])),
            other => panic!("{other}"),
        }
    })
}

struct Seen {
    steps: Vec<StepResult>,
    attributes: Vec<Attribute>,
    connected: Vec<(String, String)>,
}

impl Seen {
    fn step(&self, id: &str) -> &StepResult {
        self.steps.iter().find(|step| step.id == id).unwrap()
    }

    fn statuses(&self) -> String {
        let letter = |step: &StepResult| match step.status {
            StepStatus::Passed => 'p',
            StepStatus::Warning => 'w',
            StepStatus::Failed => 'f',
            StepStatus::Skipped => 's',
        };
        self.steps.iter().map(letter).collect()
    }
}

fn run_at(base: &str, script: &Script, fake: &Fake) -> Seen {
    let session = Session {
        settings: Settings::sample(base),
        client: script.client(),
    };
    let connected = RefCell::new(Vec::new());
    let mut told = Vec::new();
    let connect = |user: &str, host: &str| -> Result<Box<dyn Registry + '_>, Failure> {
        connected
            .borrow_mut()
            .push((user.to_owned(), host.to_owned()));
        Ok(Box::new(fake))
    };
    let verification =
        verify_with(&session, &connect, &mut |step| told.push(step.clone())).unwrap();
    assert_eq!(told, verification.steps, "each step is told as it ends");
    let ids: Vec<&str> = verification
        .steps
        .iter()
        .map(|step| step.id.as_str())
        .collect();
    assert_eq!(ids, STEPS);
    for step in &verification.steps {
        assert!(!step.seen.is_empty());
        assert!(
            step.status != StepStatus::Failed || !step.hint.is_empty(),
            "{step:?}"
        );
        assert!(
            step.status != StepStatus::Passed || step.hint.is_empty(),
            "{step:?}"
        );
    }
    Seen {
        steps: verification.steps,
        attributes: verification.attributes,
        connected: connected.into_inner(),
    }
}

fn run(special: &[(&str, Reply)]) -> Seen {
    run_at(BASE, &gitlab(special), &open())
}

#[test]
fn a_good_connection_passes_every_step_and_says_what_was_seen() {
    let seen = run(&[]);
    assert_eq!(seen.statuses(), "ppppppppp", "{:?}", seen.steps);
    let expected = [
        ("token.scopes", "read_user read_registry read_api"),
        ("token.expires-at", "2027-11-01"),
        ("account.username", "jane"),
        ("account.admin", "false"),
        ("gitlab.version", "18.1.1-ee"),
        ("gitlab.edition", "ee"),
        ("registry.host", "registry.example:5050"),
        ("registry.version", "4.32.0-gitlab"),
        ("registry.database", "true"),
    ];
    assert_eq!(
        seen.attributes,
        expected.map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
    assert_eq!(
        seen.connected,
        [("jane".to_owned(), "registry.example:5050".to_owned())]
    );
}

#[test]
fn the_steps_are_those_of_the_manifest() {
    let manifest = crate::settings::manifest();
    let ids: Vec<&str> = manifest
        .verify_steps
        .iter()
        .map(|step| step.id.as_str())
        .collect();
    assert_eq!(ids, STEPS);
}

#[test]
fn a_server_that_can_not_be_reached_fails_at_the_address_and_a_certificate_at_tls() {
    let trouble = |kind| {
        let script = Script::new().otherwise(move |_| Reply::trouble(kind));
        run_at(BASE, &script, &open()).statuses()
    };
    for kind in [
        TroubleKind::Dns,
        TroubleKind::Connect,
        TroubleKind::Timeout,
        TroubleKind::Denied,
    ] {
        assert_eq!(trouble(kind), "fssssssss", "{kind:?}");
    }
    assert_eq!(trouble(TroubleKind::Tls), "pfsssssss");
}

#[test]
fn what_is_not_gitlab_fails_at_the_address() {
    for reply in [
        Reply::text(200, "<html>Sign in</html>"),
        Reply::text(404, "<html>nginx</html>"),
        Reply::text(503, "<html>down</html>"),
        Reply::text(401, "<html>proxy</html>"),
    ] {
        let seen = run(&[("personal_access_tokens/self", reply)]);
        assert_eq!(seen.statuses(), "fssssssss", "{:?}", seen.steps);
    }
}

#[test]
fn a_refused_token_is_sent_once_and_the_rest_is_skipped() {
    for body in [
        r#"{"message":"401 Unauthorized"}"#,
        r#"{"error":"invalid_token","error_description":"Token is expired. You can either"}"#,
        r#"{"error":"invalid_token","error_description":"Token was revoked. You have to"}"#,
    ] {
        let script = gitlab(&[("personal_access_tokens/self", Reply::json(401, body))]);
        let seen = run_at(BASE, &script, &open());
        assert_eq!(seen.statuses(), "ppfssssss");
        assert_eq!(script.lines().len(), 1);
    }
    let seen = run(&[(
        "personal_access_tokens/self",
        ok(&token(json!({"revoked": true, "active": false}))),
    )]);
    assert!(seen.statuses().starts_with("ppfs") && seen.step("token").seen.contains("revoked"));
    let blocked = Reply::json(
        403,
        r#"{"message":"403 Forbidden - Your account has been blocked."}"#,
    );
    let seen = run(&[("personal_access_tokens/self", blocked)]);
    assert!(seen.step("token").seen.contains("blocked"));
}

#[test]
fn each_missing_scope_is_named() {
    let scopes = |scopes: Value| {
        run(&[(
            "personal_access_tokens/self",
            ok(&token(json!({"scopes": scopes}))),
        )])
    };
    let seen = scopes(json!(["read_user"]));
    let step = seen.step("scopes");
    assert_eq!(step.status, StepStatus::Failed);
    assert!(
        step.seen.contains("read_registry, read_api") && step.seen.contains("it has: read_user"),
        "{step:?}"
    );
    assert!(
        scopes(json!([]))
            .step("scopes")
            .seen
            .contains("read_user, read_registry, read_api")
    );
    let seen = scopes(json!(["read_api"]));
    assert_eq!(seen.step("scopes").status, StepStatus::Passed);
    assert!(
        seen.step("scopes")
            .seen
            .contains("read_user, read_registry")
    );
    assert_eq!(
        scopes(json!(["api"])).step("scopes").status,
        StepStatus::Warning
    );
}

#[test]
fn scopes_that_are_not_told_are_tried() {
    let tried = "projects?membership=true&per_page=1";
    let granular = (
        "personal_access_tokens/self",
        ok(&token(json!({"granular": true, "scopes": []}))),
    );
    let good = run(&[granular.clone(), (tried, ok(&json!([])))]);
    assert_eq!(good.step("scopes").status, StepStatus::Passed);
    let refused = Reply::json(
        403,
        r#"{"error":"insufficient_scope","scope":"api read_api"}"#,
    );
    let bad = run(&[granular, (tried, refused)]);
    assert_eq!(bad.step("scopes").status, StepStatus::Failed);
    assert!(bad.step("scopes").seen.contains("read_api"));
    let old = (
        "personal_access_tokens/self",
        Reply::json(404, r#"{"error":"404 Not Found"}"#),
    );
    let seen = run(&[old, (tried, ok(&json!([])))]);
    assert_eq!(
        (seen.step("token").status, seen.step("expiry").status),
        (StepStatus::Passed, StepStatus::Skipped)
    );
}

#[test]
fn a_token_for_the_registry_alone_is_known_but_lacks_the_api() {
    let refused = || {
        Reply::json(
            403,
            r#"{"error":"insufficient_scope","scope":"api read_api read_user"}"#,
        )
    };
    let seen = run(&[
        ("personal_access_tokens/self", refused()),
        ("user", refused()),
        ("projects?membership=true&per_page=1", refused()),
        ("metadata", refused()),
        (MEMBERS, refused()),
    ]);
    assert_eq!(seen.statuses(), "pppfsfwfs", "{:?}", seen.steps);
    assert!(seen.step("scopes").seen.contains("read_user, read_api"));
}

#[test]
fn an_end_within_thirty_days_is_a_warning_with_the_date() {
    // The script's clock begins at 2026-11-22T14:08:00Z.
    for (date, status, words) in [
        ("2026-11-23", StepStatus::Warning, "within a day"),
        ("2026-11-24", StepStatus::Warning, "in 1 day"),
        ("2026-12-22", StepStatus::Warning, "in 29 days"),
        ("2026-12-23", StepStatus::Passed, "in 30 days"),
        ("2026-11-22", StepStatus::Failed, "ended on 2026-11-22"),
        ("soon", StepStatus::Warning, "can't be read"),
    ] {
        let seen = run(&[(
            "personal_access_tokens/self",
            ok(&token(json!({"expires_at": date}))),
        )]);
        let step = seen.step("expiry");
        assert_eq!(step.status, status, "{step:?}");
        assert!(
            step.seen.contains(words) && step.seen.contains(date),
            "{step:?}"
        );
    }
    let seen = run(&[(
        "personal_access_tokens/self",
        ok(&token(json!({"expires_at": null}))),
    )]);
    assert_eq!(seen.step("expiry").status, StepStatus::Passed);
}

#[test]
fn the_account_says_what_it_limits() {
    let account = |user: Value| {
        let seen = run(&[("user", ok(&user))]);
        let step = seen.step("account");
        (step.status, step.seen.clone())
    };
    let (status, seen) = account(json!({"username": "root", "state": "active", "is_admin": true}));
    assert!(status == StepStatus::Passed && seen.contains("administrator: every group"));
    let (_, seen) = account(json!({"username": "group_1_bot_x", "bot": true}));
    assert!(seen.contains("only that project or group"));
    let (_, seen) = account(json!({"username": "jane"}));
    assert!(seen.contains("not an administrator"));
    let (status, seen) = account(json!({"username": "jane", "state": "blocked"}));
    assert!(status == StepStatus::Failed && seen.contains("blocked"));
}

#[test]
fn older_versions_are_warnings_and_an_untold_one_too() {
    for (version, status) in [
        ("15.11.0", StepStatus::Passed),
        ("15.10.2-ee", StepStatus::Warning),
        ("13.12.0", StepStatus::Warning),
        ("12.0.0", StepStatus::Warning),
        ("odd", StepStatus::Warning),
    ] {
        let seen = run(&[("metadata", ok(&json!({ "version": version })))]);
        assert_eq!(seen.step("version").status, status, "{version}");
        assert!(seen.step("version").seen.contains(version));
    }
    let none = || Reply::json(404, r#"{"error":"404 Not Found"}"#);
    assert_eq!(
        run(&[("metadata", none()), ("version", none())])
            .step("version")
            .status,
        StepStatus::Warning
    );
}

#[test]
fn without_a_project_the_registry_is_a_warning_and_without_a_registry_a_failure() {
    let seen = run(&[(MEMBERS, ok(&json!([])))]);
    assert_eq!(seen.statuses(), "pppppppws", "{:?}", seen.steps);
    let mut none = project(1);
    none["container_registry_image_prefix"] = json!(null);
    let seen = run(&[(MEMBERS, ok(&json!([none])))]);
    assert_eq!(seen.statuses(), "pppppppfs");
    assert!(seen.connected.is_empty());
}

#[test]
fn an_administrator_without_a_membership_still_finds_the_registry() {
    let all = "projects?archived=false&order_by=last_activity_at&sort=desc&per_page=100&page=1";
    let seen = run(&[
        (MEMBERS, ok(&json!([]))),
        ("user", ok(&json!({"username": "root", "is_admin": true}))),
        (all, ok(&json!([project(1)]))),
    ]);
    assert_eq!(seen.statuses(), "ppppppppp");
}

#[test]
fn a_registry_that_does_not_let_in_and_one_without_images_are_told_apart() {
    let denied = || {
        Failure::Forbidden(LackOfPermission {
            missing_scopes: vec![],
            why: explain("m", "h"),
        })
    };
    let closed = Fake {
        ping: Err(denied()),
        ..open()
    };
    assert_eq!(run_at(BASE, &gitlab(&[]), &closed).statuses(), "pppppppfs");
    let empty = Fake {
        probe: Ok(None),
        ..open()
    };
    assert_eq!(run_at(BASE, &gitlab(&[]), &empty).statuses(), "pppppppps");
    let gone = Fake {
        probe: Err(Failure::NotFound(explain("m", "h"))),
        ..open()
    };
    assert_eq!(run_at(BASE, &gitlab(&[]), &gone).statuses(), "pppppppps");
    let refused = Fake {
        probe: Err(denied()),
        ..open()
    };
    assert_eq!(run_at(BASE, &gitlab(&[]), &refused).statuses(), "ppppppppf");
}

#[test]
fn one_closed_project_does_not_hide_the_others() {
    let seen = run(&[
        (MEMBERS, ok(&json!([project(2), project(1)]))),
        (
            "projects/2/registry/repositories?per_page=100&page=1",
            Reply::json(403, r#"{"message":"403 Forbidden"}"#),
        ),
    ]);
    assert_eq!(seen.statuses(), "ppppppppp");
    assert!(seen.step("pull").seen.starts_with("acme/p1"));
}

#[test]
fn plain_http_is_a_warning_unless_it_is_this_machine() {
    let at = |base: &'static str| {
        let script = Script::new().otherwise(move |request| {
            let path = request
                .url
                .strip_prefix(base)
                .unwrap()
                .strip_prefix("/api/v4/")
                .unwrap();
            match path {
                "personal_access_tokens/self" => ok(&token(json!({}))),
                "user" => ok(&json!({"username": "jane"})),
                "metadata" => ok(&json!({"version": "18.1.1"})),
                _ => ok(&json!([])),
            }
        });
        run_at(base, &script, &open()).step("tls").status
    };
    assert_eq!(at("http://gitlab.internal"), StepStatus::Warning);
    assert_eq!(at("http://127.0.0.1:8080/gitlab"), StepStatus::Skipped);
    assert_eq!(at("http://[::1]:8080"), StepStatus::Skipped);
}

#[test]
fn a_stop_ends_it() {
    let script = Script::new().otherwise(|_| Reply::trouble(TroubleKind::Stopped));
    let session = Session {
        settings: Settings::sample(BASE),
        client: script.client(),
    };
    let fake = open();
    let connect =
        |_: &str, _: &str| -> Result<Box<dyn Registry + '_>, Failure> { Ok(Box::new(&fake)) };
    assert_eq!(
        verify_with(&session, &connect, &mut |_| {}),
        Err(Failure::Stopped)
    );
}
