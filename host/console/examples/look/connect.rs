//! The pages about connecting, in the states that matter.

use ox_console::pages::connectors::*;
use ox_console::pages::locations::{Holder, Leaf, Locations, TreeRow, Tri};
use ox_console::pages::plugins::{ConnectorVersions, Plugins, RemovePlugin, VersionRow};
use ox_console::pages::runs::{LocationRow, LogLine, May, RunPage, RunRow, Runs, SkipRow};
use ox_console::parts::{Choice, Pager, When};
use ox_console::{Chrome, Flash, Person, Section, Theme, html};

/// Text of somebody who wants out of the page.
#[allow(dead_code, reason = "the tests look for it in the pages")]
pub(crate) const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>";

const NOW: &str = "2026-11-23T02:00:00Z";

pub(crate) fn chrome(title: &str, section: Section, role: &'static str) -> Chrome {
    Chrome {
        title: title.to_owned(),
        section,
        person: Some(Person {
            name: "ada".to_owned(),
            role,
        }),
        flash: None,
        theme: Theme::System,
        here: section.path().to_owned(),
    }
}

fn when(stamp: &str) -> When {
    When::new(stamp, NOW)
}

fn field(name: &str, label: &str, input: Input, help: &str) -> FormField {
    FormField {
        name: name.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        input,
        required: false,
        value: String::new(),
        placeholder: String::new(),
        fault: None,
        is_kept: false,
    }
}

pub(crate) fn form() -> AccountForm {
    AccountForm {
        action: "/connectors/gitlab-registry/new".to_owned(),
        submit: "Connect",
        name: Some(String::new()),
        fields: vec![
            FormField {
                required: true,
                ..field(
                    "s.url",
                    "Host URL",
                    Input::Url,
                    "The address you open GitLab with, such as https://gitlab.com.",
                )
            },
            FormField {
                required: true,
                ..field(
                    "s.token",
                    "Token",
                    Input::Secret,
                    "A personal, group or project access token with the scopes read_user, read_registry and read_api.",
                )
            },
        ],
        advanced: vec![
            field(
                "s.http",
                "Allow plain http",
                Input::Toggle,
                "Only for networks that you trust.",
            ),
            field(
                "s.tags",
                "Only these tags",
                Input::Patterns,
                "Patterns, one a line (v*, latest).",
            ),
            field("s.newest", "Newest tags", Input::Number, "Empty takes all."),
        ],
        advanced_open: false,
        network: NetworkForm::default(),
    }
}

pub(crate) fn again() -> AccountForm {
    let mut form = form();
    form.action = "/attempts/1f2e/again".to_owned();
    form.submit = "Try again";
    if let [url, token] = form.fields.as_mut_slice() {
        url.value = "https://gitlab.example.com".to_owned();
        url.fault = Some(Fault {
            message: "There is no GitLab at that address.".to_owned(),
            hint: "Enter it as your browser shows it.".to_owned(),
        });
        token.is_kept = true;
    }
    form
}

pub(crate) fn steps(states: &[(StepState, &str, &str)]) -> Vec<Step> {
    let labels = [
        "GitLab answers at the address",
        "Its certificate is trusted",
        "The token is accepted",
        "The token has the scopes it needs",
        "The token does not end soon",
        "The registry lets the token in",
        "An image can be read",
    ];
    labels
        .iter()
        .enumerate()
        .map(|(at, label)| {
            let (state, seen, hint) =
                states
                    .get(at)
                    .copied()
                    .unwrap_or((StepState::Pending, "", ""));
            Step {
                label: (*label).to_owned(),
                state,
                seen: seen.to_owned(),
                hint: hint.to_owned(),
            }
        })
        .collect()
}

pub(crate) fn connectors(role: &'static str) -> Connectors {
    let account = |name: &str, verified, badges| AccountRow {
        name: name.to_owned(),
        href: "/connection".to_owned(),
        locations: "/locations".to_owned(),
        connector: "GitLab Container Registry".to_owned(),
        version: "0.1.0".to_owned(),
        verified,
        verified_at: Some(when("2026-11-22T09:00:00Z")),
        badges,
        last: Some(RunLink {
            href: "/run".to_owned(),
            state: State::new("Complete", "good"),
            at: when("2026-11-23T01:20:00Z"),
        }),
        next: Some(when("2026-11-24T03:17:00Z")),
        coverage: Coverage {
            complete: 45,
            selected: 48,
            scannable: 52,
        },
    };
    Connectors {
        chrome: chrome("Connectors", Section::Connectors, role),
        categories: vec![Category {
            name: "Registry".to_owned(),
            connectors: vec![ConnectorCard {
                name: "GitLab Container Registry".to_owned(),
                description: "Reads the container registry of gitlab.com or of a self-managed GitLab: lists its groups, projects and image repositories, and takes the inventory of every image.".to_owned(),
                version: "0.1.0".to_owned(),
                state: State::new("2 accounts", "good"),
                connect: "/connectors/gitlab-registry/new".to_owned(),
            }],
        }],
        accounts: vec![
            account("gitlab.example.com", State::new("Verified", "good"), Vec::new()),
            AccountRow {
                last: None,
                next: None,
                coverage: Coverage::default(),
                ..account(
                    "gitlab.internal/ops",
                    State::new("Not passed", "bad"),
                    vec![State::new("TLS not verified", "warn"), State::new("Failing", "bad")],
                )
            },
        ],
        fault: None,
    }
}

pub(crate) fn attempt(
    outcome: Outcome,
    steps: Vec<Step>,
    form: Option<AccountForm>,
) -> AttemptPage {
    AttemptPage {
        chrome: chrome(
            match outcome {
                Outcome::Running => "Connecting",
                Outcome::Failed { .. } => "Not connected",
                _ => "Connected",
            },
            Section::Connectors,
            "admin",
        ),
        id: "1f2e".to_owned(),
        back: ("Connectors".to_owned(), "/connectors".to_owned()),
        steps,
        progress: None,
        outcome,
        cancel: "/attempts/1f2e/stop".to_owned(),
        form,
    }
}

pub(crate) fn saved() -> Outcome {
    Outcome::Saved {
        title: "Connected",
        name: "gitlab.example.com".to_owned(),
        href: "/connections/gitlab.example.com".to_owned(),
        locations: "/connections/gitlab.example.com/locations".to_owned(),
        scan: "/connections/gitlab.example.com/scan".to_owned(),
    }
}

pub(crate) fn failed() -> Outcome {
    Outcome::Failed {
        fault: Fault {
            message: "The token lacks the scope read_registry.".to_owned(),
            hint: "Make one with the scopes read_user, read_registry and read_api.".to_owned(),
        },
        save_anyway: Some("/attempts/1f2e/save".to_owned()),
    }
}

pub(crate) fn run(state: State, bar: Option<(u64, u64)>) -> RunRow {
    RunRow {
        id: 17,
        href: "/runs/17".to_owned(),
        kind: "Scan",
        connection: Some((
            "gitlab.example.com".to_owned(),
            "/connections/gitlab.example.com".to_owned(),
        )),
        state,
        cause: "asked for by ada".to_owned(),
        asked: when("2026-11-23T01:55:00Z"),
        took: Some("4 min 10 s".to_owned()),
        progress: "12 of 48 locations".to_owned(),
        bar,
        troubled: Some("2 troubled".to_owned()),
    }
}

pub(crate) fn connection(role: &'static str) -> ConnectionPage {
    ConnectionPage {
        chrome: chrome("gitlab.example.com", Section::Connectors, role),
        name: "gitlab.example.com".to_owned(),
        href: "/connections/gitlab.example.com".to_owned(),
        connector: "GitLab Container Registry".to_owned(),
        version: "0.1.0".to_owned(),
        verified: State::new("Verified", "good"),
        verified_at: Some(when("2026-11-22T09:00:00Z")),
        badges: vec![State::new("TLS not verified", "warn")],
        facts: vec![
            ("Account".to_owned(), "gitlab.example.com".to_owned()),
            (
                "Host URL".to_owned(),
                "https://gitlab.example.com".to_owned(),
            ),
            ("Connected".to_owned(), "2026-10-01 08:00".to_owned()),
        ],
        next: Some(when("2026-11-24T03:17:00Z")),
        coverage: Coverage {
            complete: 45,
            selected: 48,
            scannable: 52,
        },
        runs: vec![
            run(State::new("Running", "busy"), Some((12, 48))),
            run(State::new("Partial", "warn"), Some((48, 48))),
        ],
        running: None,
        schedule: Some(ScheduleForm {
            action: "/connections/gitlab.example.com/schedule".to_owned(),
            presets: vec![
                Choice::new("daily", "Daily, at night", true),
                Choice::new("weekly", "Weekly, on Sunday night", false),
                Choice::new("hourly", "Every hour", false),
                Choice::new("own", "An expression of my own", false),
            ],
            cron: "17 3 * * *".to_owned(),
            time_zone: "Europe/Berlin".to_owned(),
            time_zones: vec!["Europe/Berlin".to_owned(), "UTC".to_owned()],
            jitter: 30,
            missed: vec![
                Choice::new("run", "is done once, as soon as possible", true),
                Choice::new("skip", "is left out", false),
            ],
            enabled: true,
            next: vec![
                "2026-11-24 03:17".to_owned(),
                "2026-11-25 03:17".to_owned(),
                "2026-11-26 03:17".to_owned(),
            ],
            fault: None,
        }),
        options: (role == "admin").then(again),
        fault: None,
    }
}

fn holder(name: &str, chosen: u64, all: u64, lazy: bool) -> TreeRow {
    TreeRow::Open(Holder {
        id: format!("at-{name}"),
        key: name.to_owned(),
        name: name.to_owned(),
        path: format!("acme/{name}"),
        kind: "Group".to_owned(),
        state: Tri::of(chosen, all),
        chosen,
        all,
        is_open: !lazy,
        lazy: lazy.then(|| "?open=x".to_owned()),
        attributes: vec!["private".to_owned()],
    })
}

fn leaf(name: &str, chosen: bool, unscannable: bool) -> TreeRow {
    TreeRow::Leaf(Leaf {
        name: name.to_owned(),
        path: format!("acme/shop/{name}"),
        kind: "Image repository".to_owned(),
        chosen,
        unscannable: unscannable.then(|| {
            (
                "The registry is off.".to_owned(),
                "Switch it on in the project's settings.".to_owned(),
            )
        }),
        attributes: vec![
            "active 3 days ago".to_owned(),
            "scanned 40 minutes ago".to_owned(),
        ],
        is_new: name == "web",
    })
}

pub(crate) fn locations(role: &'static str) -> Locations {
    Locations {
        chrome: chrome("Locations of gitlab.example.com", Section::Connectors, role),
        name: "gitlab.example.com".to_owned(),
        back: "/connections/gitlab.example.com".to_owned(),
        action: "/connections/gitlab.example.com/locations".to_owned(),
        search: String::new(),
        opened: Vec::new(),
        summary: "48 of 52 locations are scanned".to_owned(),
        listing: None,
        scan: "/connections/gitlab.example.com/scan".to_owned(),
        found: None,
        rows: vec![
            holder("acme", 3, 4, false),
            holder("shop", 1, 2, false),
            TreeRow::Shown("00:shop".to_owned()),
            leaf("api", true, false),
            leaf("web", false, false),
            leaf("old", false, true),
            TreeRow::Close,
            holder("platform", 2, 2, true),
            TreeRow::Close,
            TreeRow::Close,
        ],
        monitors_new: true,
        include: String::new(),
        exclude: "acme/shop/web".to_owned(),
        is_handwritten: true,
        patterns_open: false,
        fault: None,
    }
}

pub(crate) fn runs() -> Runs {
    Runs {
        chrome: chrome("Runs", Section::Runs, "analyst"),
        connections: vec![Choice::new(
            "gitlab.example.com",
            "gitlab.example.com",
            false,
        )],
        states: vec![
            Choice::new("running", "Running", true),
            Choice::new("failed", "Failed", false),
            Choice::new("complete", "Complete", false),
        ],
        runs: vec![
            run(State::new("Running", "busy"), Some((12, 48))),
            RunRow {
                id: 16,
                ..run(State::new("Complete", "good"), Some((48, 48)))
            },
        ],
        is_filtered: true,
        pager: Pager {
            summary: "2 runs".to_owned(),
            first: None,
            next: Some("/runs?before=1".to_owned()),
        },
    }
}

pub(crate) fn run_page(role: &'static str) -> RunPage {
    RunPage {
        chrome: chrome("Run 17", Section::Runs, role),
        run: run(State::new("Running", "busy"), Some((12, 48))),
        is_live: true,
        phase: "Scanning".to_owned(),
        message: None,
        numbers: vec![
            ("Images", "31".to_owned()),
            ("Packages", "12 450".to_owned()),
            ("Requests", "812".to_owned()),
            ("Read", "1.2 GiB".to_owned()),
            ("Layers reused", "214".to_owned()),
            ("Waits", "3, 12 s".to_owned()),
        ],
        doing: vec![(
            "acme/shop/api".to_owned(),
            "tag v1.12, layer 3 of 7".to_owned(),
        )],
        facts: vec![("Connector", "sha256:0123456789ab".to_owned())],
        locations: vec![LocationRow {
            path: "acme/shop/web".to_owned(),
            state: State::new("Failed", "bad"),
            fault: Some(Fault {
                message: "The registry answered 403.".to_owned(),
                hint: "Give the token read_registry.".to_owned(),
            }),
            found: "0 images".to_owned(),
            requests: "4".to_owned(),
            bytes: "1.2 KiB".to_owned(),
            took: "0.3 s".to_owned(),
        }],
        more_locations: None,
        only_troubled: (false, "?troubled=true".to_owned()),
        skips: vec![SkipRow {
            location: "acme/shop/api".to_owned(),
            what: "tag sha-1".to_owned(),
            why: "It is a signature.".to_owned(),
            hint: String::new(),
        }],
        more_skips: None,
        refused: vec!["https://minio.internal:9000".to_owned()],
        network: Some("/connections/gitlab.example.com#options".to_owned()),
        lines: vec![LogLine {
            time: "01:55:04".to_owned(),
            level: "warn".to_owned(),
            subject: "acme/shop/web".to_owned(),
            message: "403 for /v2/".to_owned(),
        }],
        may: if role == "viewer" {
            May::default()
        } else {
            May {
                cancel: true,
                pause: true,
                ..May::default()
            }
        },
    }
}

pub(crate) fn plugins(role: &'static str) -> Plugins {
    let version = |version: &str, state, refused: Option<&str>, active| VersionRow {
        digest: format!("sha256:{}", "0123456789abcdef".repeat(4)),
        short: "sha256:0123456789ab".to_owned(),
        version: version.to_owned(),
        contract: "0.1".to_owned(),
        state,
        size: "1.4 MiB".to_owned(),
        by: "ada".to_owned(),
        installed: when("2026-11-20T10:00:00Z"),
        activated: Some(when("2026-11-21T10:00:00Z")),
        in_flight: if active { 3 } else { 0 },
        steps: steps(&[(StepState::Passed, "1.4 MiB", "")]),
        refused: refused.map(str::to_owned),
        can_activate: !active,
        can_remove: !active,
    };
    Plugins {
        chrome: chrome("Versions of connectors", Section::Connectors, role),
        connectors: vec![ConnectorVersions {
            id: "gitlab-registry".to_owned(),
            versions: vec![
                version(
                    "0.3.0",
                    State::new("Refused", "bad"),
                    Some("It does not verify on gitlab.example.com."),
                    false,
                ),
                version("0.2.0", State::new("Active", "good"), None, true),
                version("0.1.0", State::new("Installed", ""), None, false),
            ],
            back_to: Some("0.1.0".to_owned()),
        }],
        is_signed: false,
    }
}

pub(crate) fn new_connection() -> NewConnection {
    NewConnection {
        chrome: chrome("Connect GitLab Container Registry", Section::Connectors, "admin"),
        connector: "GitLab Container Registry".to_owned(),
        description: "Reads the container registry of gitlab.com or of a self-managed GitLab. It only reads; nothing in GitLab is changed.".to_owned(),
        source_tool: "GitLab".to_owned(),
        scopes: [("read_user", "To show which account the token belongs to."), ("read_registry", "To read manifests and layers of images."), ("read_api", "To list groups, projects and image repositories.")]
            .map(|(name, purpose)| Scope { name: name.to_owned(), purpose: purpose.to_owned() })
            .into(),
        form: form(),
        fault: None,
    }
}

/// Every page, by the name of its file.
pub(crate) fn pages() -> Vec<(&'static str, String)> {
    let good = [(StepState::Passed, "200 OK", ""); 7];
    let half = [
        (StepState::Passed, "GitLab 18.1.1", ""),
        (StepState::Passed, "", ""),
        (StepState::Running, "", ""),
    ];
    let bad = [
        (StepState::Passed, "GitLab 18.1.1", ""),
        (
            StepState::Warning,
            "Certificates are not verified.",
            "Add the certificate of your authority instead.",
        ),
        (StepState::Passed, "ada", ""),
        (
            StepState::Failed,
            "The token lacks the scope read_registry.",
            "Make one with the scopes read_user, read_registry and read_api.",
        ),
        (StepState::Skipped, "", ""),
        (StepState::Skipped, "", ""),
        (StepState::Skipped, "", ""),
    ];
    let mut empty = connectors("viewer");
    empty.accounts.clear();
    let mut flashed = locations("admin");
    flashed.chrome.flash = Some(Flash {
        tone: "good",
        message: "Saved: 48 of 52 locations are scanned.".to_owned(),
        undo: None,
    });
    vec![
        ("connectors", html(&connectors("admin"))),
        ("connectors-empty", html(&empty)),
        ("connector-new", html(&new_connection())),
        (
            "attempt-running",
            html(&attempt(Outcome::Running, steps(&half), None)),
        ),
        ("attempt-saved", html(&attempt(saved(), steps(&good), None))),
        (
            "attempt-failed",
            html(&attempt(failed(), steps(&bad), Some(again()))),
        ),
        ("connection", html(&connection("admin"))),
        ("connection-viewer", html(&connection("viewer"))),
        (
            "connection-remove",
            html(&RemoveConnection {
                chrome: chrome("Delete", Section::Connectors, "admin"),
                name: "gitlab.example.com".to_owned(),
                href: "/connection".to_owned(),
                lost: vec![
                    "the stored credentials".to_owned(),
                    "the inventory of 31 images".to_owned(),
                ],
            }),
        ),
        ("locations", html(&flashed)),
        ("locations-viewer", html(&locations("viewer"))),
        ("runs", html(&runs())),
        ("run", html(&run_page("analyst"))),
        ("plugins", html(&plugins("admin"))),
        (
            "plugin-remove",
            html(&RemovePlugin {
                chrome: chrome("Remove", Section::Connectors, "admin"),
                what: "gitlab-registry 0.1.0".to_owned(),
                digest: "sha256:00".to_owned(),
            }),
        ),
    ]
}
