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
    ("POST /settings/tokens/{id}/revoke", "revoked an API token"),
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
    // Connections
    ("POST /connectors/{id}/new", "connected an account"),
    ("POST /api/v1/connections", "connected an account"),
    ("POST /attempts/{id}/again", "tried an account again"),
    (
        "POST /attempts/{id}/save",
        "saved an account without a green check",
    ),
    ("POST /attempts/{id}/stop", "stopped a verification"),
    ("POST /connections/{name}", "changed a connection"),
    ("POST /connections/{name}/remove", "removed a connection"),
    ("DELETE /api/v1/connections/{name}", "removed a connection"),
    ("POST /connections/{name}/verify", "verified a connection"),
    (
        "POST /api/v1/connections/{name}/verifications",
        "verified a connection",
    ),
    (
        "POST /connections/{name}/locations",
        "chose what is scanned of a connection",
    ),
    (
        "PUT /api/v1/connections/{name}/selection",
        "chose what is scanned of a connection",
    ),
    (
        "POST /connections/{name}/locations/refresh",
        "listed the locations of a connection",
    ),
    (
        "POST /api/v1/connections/{name}/locations/refresh",
        "listed the locations of a connection",
    ),
    (
        "PUT /api/v1/connections/{name}/schedule",
        "changed when a connection is scanned",
    ),
    // Runs
    ("POST /connections/{name}/scan", "asked for a scan"),
    ("POST /api/v1/connections/{name}/scans", "asked for a scan"),
    ("POST /runs/{id}/cancel", "cancelled a run"),
    ("POST /runs/{id}/pause", "paused a run"),
    ("POST /runs/{id}/resume", "resumed a run"),
    ("POST /runs/{id}/retry", "retried what failed in a run"),
    ("POST /api/v1/runs/{id}/cancel", "cancelled a run"),
    ("POST /api/v1/runs/{id}/pause", "paused a run"),
    ("POST /api/v1/runs/{id}/resume", "resumed a run"),
    (
        "POST /api/v1/runs/{id}/retry",
        "retried what failed in a run",
    ),
    (
        "POST /runs/advisories",
        "asked for an update of the advisories",
    ),
    (
        "POST /advisories/update",
        "asked for an update of the advisories",
    ),
    (
        "POST /api/v1/advisories/updates",
        "asked for an update of the advisories",
    ),
    // The queue
    ("POST /issues/{id}/{action}", "worked on an issue"),
    ("POST /issues/bulk", "worked on several issues"),
    ("POST /api/v1/issues/bulk", "worked on several issues"),
    ("POST /issues/undo/{number}", "took back a change of issues"),
    ("PUT /api/v1/issues/{id}/assignee", "assigned an issue"),
    (
        "PUT /api/v1/issues/{id}/severity",
        "set the severity of an issue",
    ),
    ("POST /api/v1/issues/{id}/comments", "commented on an issue"),
    ("POST /exclusions", "made an exclusion"),
    ("POST /api/v1/exclusions", "made an exclusion"),
    ("POST /exclusions/{id}/end", "ended an exclusion"),
    ("DELETE /api/v1/exclusions/{id}", "ended an exclusion"),
    ("POST /api/v1/exclusions/vex", "imported a VEX document"),
    ("POST /issues/views", "saved a view"),
    ("POST /issues/views/{id}", "changed a saved view"),
    // Connectors and policy
    ("POST /plugins", "installed a connector"),
    ("POST /api/v1/plugins", "installed a connector"),
    (
        "POST /plugins/activate",
        "swapped to a version of a connector",
    ),
    (
        "POST /api/v1/plugins/{digest}/activate",
        "swapped to a version of a connector",
    ),
    ("POST /plugins/roll-back", "rolled a connector back"),
    (
        "POST /api/v1/connectors/{id}/rollback",
        "rolled a connector back",
    ),
    ("POST /plugins/remove", "removed a version of a connector"),
    (
        "DELETE /api/v1/plugins/{digest}",
        "removed a version of a connector",
    ),
    ("POST /policy", "changed the policy"),
    ("PUT /api/v1/policy", "changed the policy"),
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
