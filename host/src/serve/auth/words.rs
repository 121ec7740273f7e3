//! What is done, in words: the names of actions in the audit log, and the sentence that is read there.

use axum::http::Method;

use super::AuditRow;

/// Routes and what a request to them does, as it follows a name: "ada …". What is not here is written as method
/// and route.
const ACTIONS: &[(&str, &str)] = &[
    ("POST /signout", "signed out"),
    ("POST /account/password", "changed the own password"),
    ("POST /account/sessions", "ended the own sessions elsewhere"),
    ("POST /account/tokens", "made an API token"),
    ("POST /account/tokens/{id}/revoke", "revoked an API token"),
    ("POST /settings/users", "added a user"),
    (
        "POST /settings/users/{name}/role",
        "changed the role of a user",
    ),
    (
        "POST /settings/users/{name}/password",
        "reset the password of a user",
    ),
    ("POST /settings/users/{name}/disable", "disabled a user"),
    ("POST /settings/users/{name}/enable", "enabled a user"),
    ("POST /settings/tokens/{id}/revoke", "revoked an API token"),
];

/// The name of what a request does.
pub(super) fn action(method: &Method, route: &str) -> String {
    let operation = format!("{method} {route}");
    ACTIONS
        .iter()
        .find(|(known, _)| *known == operation)
        .map_or(operation, |(_, words)| (*words).to_owned())
}

/// A row as a sentence, without the time: "ada added a user: bob".
pub(in crate::serve) fn sentence(row: &AuditRow) -> String {
    let who = match row.actor.as_str() {
        "" => "somebody unknown",
        "host" => "the host",
        name => name,
    };
    let about = if row.subject.is_empty() {
        String::new()
    } else {
        format!(": {}", row.subject)
    };
    format!("{who} {}{about}", row.action)
}

/// How it ended, in words: the class of a label, and the label.
pub(in crate::serve) fn outcome(row: &AuditRow) -> (&'static str, String) {
    match row.status {
        0 if matches!(row.via.as_str(), "host" | "cli") => ("good", "done".to_owned()),
        0 => ("warn", "no answer".to_owned()),
        200..=399 => ("good", "done".to_owned()),
        401 | 403 => ("bad", format!("refused ({})", row.status)),
        400..=499 => ("warn", format!("not done ({})", row.status)),
        status => ("bad", format!("failed ({status})")),
    }
}
