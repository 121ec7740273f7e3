//! Coming in, accounts, settings, the audit log and errors, in the states that matter.

use ox_console::pages::account::{Account, Settings, TokenRow, UserPage, UserRow};
use ox_console::pages::audit::{Audit, AuditLine};
use ox_console::pages::entry::{Problem, SetUp, SignIn};
use ox_console::parts::{Choice, Pager, When};
use ox_console::{Chrome, Person, Section, Theme, html};

/// Text of somebody who wants out of the page.
const HOSTILE: &str = "\"><script>alert(1)</script><img src=x onerror=alert(2)>";
const NOW: &str = "2026-11-23T02:00:00Z";

fn chrome(title: &str, section: Section, role: &'static str) -> Chrome {
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

fn roles() -> Vec<Choice> {
    vec![
        Choice::new("viewer", "Viewer: reads", true),
        Choice::new("analyst", "Analyst: works on issues, asks for scans", false),
        Choice::new(
            "admin",
            "Admin: connects accounts, changes connectors, users and policy",
            false,
        ),
    ]
}

fn token(id: i64, name: &str, state: (&'static str, &str), live: bool) -> TokenRow {
    TokenRow {
        id,
        name: name.to_owned(),
        beginning: "oxh_1a2b3c".to_owned(),
        role: "viewer",
        state: (state.0, state.1.to_owned()),
        created: when("2026-11-01T08:00:00Z"),
        used: live.then(|| when("2026-11-23T01:58:00Z")),
        live,
    }
}

fn tokens() -> Vec<TokenRow> {
    vec![
        token(3, "nightly report", ("good", "ends in 88 days"), true),
        token(2, HOSTILE, ("good", "active"), true),
        token(1, "old laptop", ("bad", "revoked 3 days ago"), false),
    ]
}

fn user(name: &str, role: &'static str, enabled: bool) -> UserRow {
    UserRow {
        name: name.to_owned(),
        href: format!("/settings/users/{name}"),
        role,
        enabled,
        tokens: 2,
        seen: enabled.then(|| when("2026-11-23T01:10:00Z")),
        you: name == "ada",
    }
}

fn account() -> Account {
    Account {
        chrome: chrome("Your account", Section::None, "admin"),
        name: "ada".to_owned(),
        role: "admin",
        sessions: 2,
        password_error: None,
        token_error: None,
        token_name: String::new(),
        new_token: None,
        roles: roles(),
        days: vec![
            Choice::new("30", "In 30 days", false),
            Choice::new("90", "In 90 days", true),
            Choice::new("", "Never", false),
        ],
        tokens: tokens(),
    }
}

fn settings(role: &'static str) -> Settings {
    let is_admin = role == "admin";
    Settings {
        chrome: chrome("Settings", Section::Settings, role),
        error: is_admin.then(|| "there is a user \"bob\" already; choose another name".to_owned()),
        name: String::new(),
        roles: roles(),
        users: match is_admin {
            true => vec![
                user("ada", "admin", true),
                user("bob", "analyst", true),
                user(
                    "carl.with.a.very.long.name@subsidiary.example.com",
                    "viewer",
                    false,
                ),
            ],
            false => Vec::new(),
        },
        more: vec![
            (
                "Policy".to_owned(),
                "/policy".to_owned(),
                "What raises and lowers severities, applications and owners, deadlines.".to_owned(),
            ),
            (
                "Connector versions".to_owned(),
                "/plugins".to_owned(),
                "Install, swap and roll back versions of connectors.".to_owned(),
            ),
        ],
        facts: vec![
            ("Version".to_owned(), "0.1.0".to_owned()),
            ("Listens on".to_owned(), "127.0.0.1:8470".to_owned()),
        ],
    }
}

fn line(who: &str, action: &str, subject: &str, outcome: (&'static str, &str)) -> AuditLine {
    AuditLine {
        when: when("2026-11-23T01:52:11Z"),
        who: who.to_owned(),
        actor: (who != "somebody unknown").then(|| who.to_owned()),
        via: "console",
        action: action.to_owned(),
        subject: subject.to_owned(),
        outcome: (outcome.0, outcome.1.to_owned()),
        details: vec![("request".to_owned(), "1f2e3d4c5b6a7988".to_owned())],
    }
}

fn audit(lines: Vec<AuditLine>) -> Audit {
    Audit {
        chrome: chrome("Audit", Section::Audit, "admin"),
        actors: vec![
            Choice::new("ada", "ada", true),
            Choice::new("host", "host", false),
        ],
        actions: vec![Choice::new("signed in", "signed in", false)],
        subject: HOSTILE.to_owned(),
        from: "2026-11-01".to_owned(),
        until: String::new(),
        filtered: true,
        error: Some(
            "\"yesterday\" is no day; write it like 2026-11-23. It was left out.".to_owned(),
        ),
        pager: Pager {
            summary: "The newest 50 rows".to_owned(),
            first: None,
            next: Some("/audit?before=7".to_owned()),
        },
        csv: "/audit.csv".to_owned(),
        lines,
    }
}

/// The pages by name.
pub(crate) fn pages() -> Vec<(&'static str, String)> {
    let sign_in = |error: Option<&str>, nobody_yet| SignIn {
        chrome: Chrome::open("Sign in"),
        error: error.map(str::to_owned),
        name: if error.is_some() {
            "ada".to_owned()
        } else {
            String::new()
        },
        next: "/".to_owned(),
        nobody_yet,
    };
    vec![
        (
            "signin",
            html(&sign_in(
                Some("This name and password do not go together."),
                false,
            )),
        ),
        ("signin-nobody", html(&sign_in(None, true))),
        (
            "setup",
            html(&SetUp {
                chrome: Chrome::open("The first account"),
                error: Some("The password has fewer than 12 characters.".to_owned()),
                name: "ada".to_owned(),
                token: "0123".to_owned(),
            }),
        ),
        ("account", html(&account())),
        (
            "account-new-token",
            html(&Account {
                new_token: Some((
                    "nightly report".to_owned(),
                    format!("oxh_{}", "0123456789abcdef".repeat(4)),
                )),
                password_error: Some("That is not your present password.".to_owned()),
                ..account()
            }),
        ),
        ("settings", html(&settings("admin"))),
        ("settings-viewer", html(&settings("viewer"))),
        (
            "user",
            html(&UserPage {
                chrome: chrome("bob", Section::Settings, "admin"),
                user: user("bob", "analyst", true),
                created: when("2026-10-01T08:00:00Z"),
                disabled: None,
                sessions: 1,
                error: None,
                roles: roles(),
                tokens: tokens(),
            }),
        ),
        (
            "audit",
            html(&audit(vec![
                line("ada", "added a user", "bob", ("good", "done")),
                line(
                    "bob",
                    "excluded an issue",
                    HOSTILE,
                    ("bad", "refused (403)"),
                ),
                line("the host", "missed a run", "acme", ("good", "done")),
                line(
                    "somebody unknown",
                    "was refused to sign in",
                    "192.0.2.7",
                    ("bad", "refused (401)"),
                ),
            ])),
        ),
        ("audit-empty", html(&audit(Vec::new()))),
        (
            "problem",
            html(&Problem {
                chrome: chrome("Not found", Section::None, "viewer"),
                status: 404,
                message: "There is nothing at this address".to_owned(),
                hint: String::new(),
                back: Some(("To the dashboard".to_owned(), "/dashboard".to_owned())),
            }),
        ),
    ]
}
