//! What people do with issues, one or many at once, with a way back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use ox_console::pages::issue::Conflict;
use ox_console::{Section, text};
use ox_issue::issue::ExclusionKind;
use ox_issue::severity::Severity;
use serde_json::json;

use super::listing::clipped;
use super::query::{Asked, address, time};
use super::{fault, issue_number, reading};
use crate::serve::Server;
use crate::serve::api::{ApiError, ErrorCode};
use crate::serve::auth::{Analyst, Told};
use crate::serve::bus::Topic;
use crate::serve::console::frame::{Frame, done, page};
use crate::store::issues::{AT_ONCE, UndoWork, Work, Worked, version};

/// Actions that can be undone, of everybody.
const KEPT: usize = 200;
/// How long an answer waits for what depends on an edit.
const PATIENCE: Duration = Duration::from_secs(2);

/// What can be undone, in memory: after a restart the history tells what was done, and a person does it.
#[derive(Default)]
pub(super) struct Desk {
    kept: Mutex<(u64, VecDeque<Undo>)>,
}

struct Undo {
    number: u64,
    by: i64,
    back: Vec<UndoWork>,
}

impl Desk {
    fn keep(&self, by: i64, back: Vec<UndoWork>) -> u64 {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.0 += 1;
        let number = kept.0;
        if kept.1.len() == KEPT {
            kept.1.pop_front();
        }
        kept.1.push_back(Undo { number, by, back });
        number
    }

    fn take(&self, number: u64, by: i64) -> Option<Vec<UndoWork>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept
            .1
            .iter()
            .position(|one| one.number == number && one.by == by)?;
        kept.1.remove(at).map(|one| one.back)
    }
}

/// The fields of a form; of one that comes several times, the first.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(super) fn read(body: &str) -> Self {
        Self(
            url::form_urlencoded::parse(body.as_bytes())
                .into_owned()
                .take(AT_ONCE * 2)
                .collect(),
        )
    }

    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.trim())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn some(&self, name: &str) -> Option<String> {
        Some(self.get(name))
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }
}

/// Weighs what waits, for a moment in the sight of who asked and then behind them; and tells who looks.
pub(super) async fn settle(server: &Arc<Server>) {
    let host = server.host.clone();
    let bus = server.bus.clone();
    let settled = tokio::spawn(async move {
        if let Err(error) = host.settle_queue().await {
            tracing::warn!(%error, "the queue could not be brought up to date after an edit");
        }
        bus.publish(Topic::Queue, "", json!({ "cause": "work" }));
    });
    // Not an error: it goes on.
    let _ = tokio::time::timeout(PATIENCE, settled).await;
}

pub(super) fn exclusion_kind(word: &str) -> ExclusionKind {
    match word {
        "false-positive" => ExclusionKind::FalsePositive,
        "snoozed" => ExclusionKind::Snoozed,
        _ => ExclusionKind::Excluded,
    }
}

fn invalid(field: &str, sentence: &str) -> ApiError {
    ApiError::new(ErrorCode::Invalid, sentence).field(field)
}

/// When something ends: a day, or a time.
pub(super) fn until(fields: &Fields, name: &str) -> Result<Option<String>, ApiError> {
    fields
        .some(name)
        .map(|value| {
            time(&value)
                .ok_or_else(|| invalid(name, "the end is no day; write for example 2026-12-31"))
        })
        .transpose()
}

fn severity(word: &str) -> Result<Option<Severity>, ApiError> {
    if word.is_empty() {
        return Ok(None);
    }
    word.parse()
        .map(Some)
        .map_err(|_| invalid("severity", "this is none of the six severities"))
}

/// What a form wants, by the action that it names.
fn wanted(action: &str, fields: &Fields, me: &str) -> Result<Work, ApiError> {
    // The form of many issues has all its fields in one; those of single actions have their own names.
    let either = |one: &str, other: &str| {
        Some(fields.get(one))
            .filter(|value| !value.is_empty())
            .unwrap_or_else(|| fields.get(other))
            .to_owned()
    };
    match action {
        "assign-me" => Ok(Work::Assign {
            to: Some(me.to_owned()),
        }),
        "assign" => Ok(Work::Assign {
            to: if fields.get("me") == "yes" {
                Some(me.to_owned())
            } else {
                fields.some("to")
            },
        }),
        "severity" => {
            let severity = severity(&either("to-severity", "severity"))?;
            let reason = either("severity-reason", "reason");
            if severity.is_some() && reason.is_empty() {
                return Err(invalid(
                    "reason",
                    "a severity of one's own needs a reason; say why, so that others can judge it later",
                ));
            }
            Ok(Work::Severity { severity, reason })
        }
        "exclude" => Ok(Work::Exclude {
            kind: exclusion_kind(fields.get("kind")),
            reason: either("why", "reason"),
            until: until(fields, "until")?,
        }),
        "comment" => Ok(Work::Comment {
            text: either("comment", "text"),
        }),
        _ => Err(ApiError::new(
            ErrorCode::BadRequest,
            "the form does not say what is to be done",
        )),
    }
}

/// What was wanted, in words.
fn words(work: &Work) -> Vec<(String, String)> {
    let pair = |label: &str, value: &str| (label.to_owned(), clipped(value, 400));
    match work {
        Work::Assign { to } => vec![pair("Assigned to", to.as_deref().unwrap_or("nobody"))],
        Work::Severity { severity, reason } => vec![
            pair(
                "Severity",
                severity.map_or("as the rules say", Severity::word),
            ),
            pair("Reason", reason),
        ],
        Work::Exclude {
            kind,
            reason,
            until,
        } => vec![
            pair("Exclude", super::listing::kind_words(*kind)),
            pair("Reason", reason),
            pair("Until", until.as_deref().unwrap_or("without an end")),
        ],
        Work::Comment { text } => vec![pair("Comment", text)],
    }
}

/// What was done, in a sentence.
fn sentence(work: &Work, on: &[i64], left: usize) -> String {
    let issues = match on {
        [] => {
            return match work {
                Work::Exclude { .. } => {
                    "Nothing was excluded: what is chosen is closed or excluded already.".to_owned()
                }
                _ => "Nothing had to be changed: it is so already.".to_owned(),
            };
        }
        [one] => format!("OX-{one}"),
        many => text::counted(many.len() as u64, "issue", "issues"),
    };
    let many = on.len() > 1;
    let (is, has) = if many { ("are", "have") } else { ("is", "has") };
    let mut sentence = match work {
        Work::Assign { to: Some(to) } => format!("{issues} {is} given to {}.", clipped(to, 120)),
        Work::Assign { to: None } => format!("{issues} {is} given to nobody."),
        Work::Severity {
            severity: Some(severity),
            ..
        } => format!("{issues} {is} set to {severity}."),
        Work::Severity { severity: None, .. } => {
            format!("{issues} {has} the severity that the rules say.")
        }
        Work::Exclude { until, .. } => match until {
            Some(until) => format!("{issues} {is} excluded until {} UTC.", text::moment(until)),
            None => format!("{issues} {is} excluded."),
        },
        Work::Comment { .. } => format!("The comment stands at {issues}."),
    };
    if left > 0 {
        let left = text::counted(left as u64, "issue", "issues");
        sentence.push_str(&format!(" {left} did not have to be changed."));
    }
    sentence
}

/// Everything about one action that its answer needs.
struct Action<'a> {
    server: &'a Arc<Server>,
    desk: &'a Desk,
    frame: &'a Frame,
    actor: &'a crate::serve::auth::Actor,
    /// Where the form came from.
    next: &'a str,
    /// Where it posts to.
    action: String,
    fields: &'a Fields,
}

impl Action<'_> {
    async fn run(self, on: Vec<(i64, Option<String>)>, work: Work) -> Result<Response, ApiError> {
        let host = &self.server.host;
        let worked = host
            .work_on(on.clone(), work.clone(), &self.actor.name)
            .await;
        match worked.map_err(fault)? {
            Worked::Changed(changed) => self.conflict(&on, &changed, &work).await,
            Worked::Done { issues, left, undo } => {
                if !matches!(work, Work::Comment { .. }) && !issues.is_empty() {
                    settle(self.server).await;
                }
                let undo = (!undo.is_empty()).then(|| {
                    let number = self.desk.keep(self.actor.user, undo);
                    ("Undo".to_owned(), format!("/issues/undo/{number}"))
                });
                let tone = if issues.is_empty() { "note" } else { "good" };
                let mut response = done(self.next, tone, sentence(&work, &issues, left), undo);
                let subject = match issues.as_slice() {
                    [one] => format!("OX-{one}"),
                    many => format!("{} issues", many.len()),
                };
                let record: Vec<(String, String)> = words(&work);
                response.extensions_mut().insert(Told {
                    subject,
                    record: json!({
                        "issues": issues.iter().take(50).collect::<Vec<_>>(),
                        "what": record,
                    }),
                });
                Ok(response)
            }
        }
    }

    /// Nothing was done: what is, what was wanted, and the choice.
    async fn conflict(
        self,
        on: &[(i64, Option<String>)],
        changed: &[i64],
        work: &Work,
    ) -> Result<Response, ApiError> {
        let first = changed.first().copied().unwrap_or_default();
        let (now, fresh) = reading(self.server, move |host| {
            let issue = host.issue(first).map_err(fault)?.issue;
            let mut now = vec![
                (
                    "Issue".to_owned(),
                    format!("OX-{first} {}", clipped(&issue.title, 200)),
                ),
                ("Severity".to_owned(), issue.severity.word().to_owned()),
                (
                    "Assigned to".to_owned(),
                    clipped(issue.assignee.as_deref().unwrap_or("nobody"), 200),
                ),
            ];
            if let Some(exclusion) = &issue.exclusion {
                let words = super::listing::kind_words(exclusion.kind);
                now.push((
                    "Excluded".to_owned(),
                    format!("{words}, by {}", clipped(&exclusion.by, 200)),
                ));
            }
            if let ox_issue::issue::Status::Resolved { how: why }
            | ox_issue::issue::Status::Removed { why } = &issue.status
            {
                now.push(("Closed".to_owned(), clipped(why, 300)));
            }
            Ok((now, version(&issue)))
        })
        .await?;
        let mut fields: Vec<(String, String)> = self
            .fields
            .0
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "version" | "issue"))
            .cloned()
            .collect();
        if self.action == "/issues/bulk" {
            // Again without states: all the same.
            fields.extend(
                on.iter()
                    .map(|(id, _)| ("issue".to_owned(), id.to_string())),
            );
        } else {
            fields.push(("version".to_owned(), fresh));
        }
        let names: Vec<String> = changed
            .iter()
            .take(10)
            .map(|id| format!("OX-{id}"))
            .collect();
        let more = match changed.len().saturating_sub(names.len()) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let was = if changed.len() == 1 { "was" } else { "were" };
        let shown = Conflict {
            chrome: self.frame.chrome("It changed meanwhile", Section::Issues),
            sentence: format!(
                "{}{more} {was} changed after you opened the page, so nothing was done.",
                names.join(", ")
            ),
            wanted: words(work),
            now,
            action: self.action,
            fields,
            back: crate::serve::console::frame::own(self.next).to_owned(),
        };
        Ok((StatusCode::CONFLICT, page(&shown)).into_response())
    }
}

/// `POST /issues/{id}/{action}`.
pub(super) async fn one(
    State(server): State<Arc<Server>>,
    Analyst(actor): Analyst,
    Extension(desk): Extension<Arc<Desk>>,
    frame: Frame,
    Path((id, action)): Path<(String, String)>,
    body: String,
) -> Result<Response, ApiError> {
    let id = issue_number(&id)?;
    let fields = Fields::read(&body);
    let here = format!("/issues/{id}");
    let next = fields.some("next").unwrap_or_else(|| here.clone());
    if action == "include" {
        return include(&server, &actor, &fields, id, &next).await;
    }
    let work = wanted(&action, &fields, &actor.name)?;
    let looked_at = match work {
        Work::Comment { .. } => None,
        _ => Some(fields.some("version").ok_or_else(|| {
            ApiError::new(
                ErrorCode::PreconditionRequired,
                "the form does not say which state of the issue it edits",
            )
            .hint("Load the page of the issue again.")
        })?),
    };
    Action {
        server: &server,
        desk: &desk,
        frame: &frame,
        actor: &actor,
        next: &next,
        action: format!("{here}/{action}"),
        fields: &fields,
    }
    .run(vec![(id, looked_at)], work)
    .await
}

/// Ends the exclusion that keeps an issue out of the queue.
async fn include(
    server: &Arc<Server>,
    actor: &crate::serve::auth::Actor,
    fields: &Fields,
    id: i64,
    next: &str,
) -> Result<Response, ApiError> {
    let number: i64 = fields
        .get("exclusion")
        .parse()
        .map_err(|_| invalid("exclusion", "the form does not name an exclusion"))?;
    let host = &server.host;
    host.end_exclusion_soon(number, &actor.name)
        .await
        .map_err(fault)?;
    settle(server).await;
    let mut response = done(
        next,
        "good",
        format!("The exclusion of OX-{id} is ended."),
        None,
    );
    response.extensions_mut().insert(Told {
        subject: format!("OX-{id}"),
        record: json!({ "exclusion": number }),
    });
    Ok(response)
}

/// `POST /issues/bulk`.
pub(super) async fn bulk(
    State(server): State<Arc<Server>>,
    Analyst(actor): Analyst,
    Extension(desk): Extension<Arc<Desk>>,
    frame: Frame,
    body: String,
) -> Result<Response, ApiError> {
    let fields = Fields::read(&body);
    let asked = Asked::read(fields.get("query"));
    let next = address(&asked.write());
    let work = wanted(fields.get("act"), &fields, &actor.name)?;
    let on = if fields.get("reach") == "all" {
        let (filter, order) = (asked.filter.clone(), asked.order(AT_ONCE + 1));
        let found = reading(&server, move |host| {
            host.issues(&filter, &order).map_err(fault)
        })
        .await?;
        found
            .issues
            .into_iter()
            .map(|issue| (issue.id, None))
            .collect()
    } else {
        let mut on: Vec<(i64, Option<String>)> = Vec::new();
        for one in fields.all("issue") {
            let (id, version) = match one.split_once(':') {
                Some((id, version)) => (id, Some(version.to_owned())),
                None => (one, None),
            };
            let id = issue_number(id)?;
            if !on.iter().any(|(other, _)| *other == id) {
                on.push((id, version));
            }
        }
        on
    };
    if on.is_empty() {
        return Ok(done(
            &next,
            "note",
            "No issue is chosen: tick some in the list, or choose all of the list.",
            None,
        ));
    }
    // A comment changes nothing that somebody else may have changed.
    let on = match work {
        Work::Comment { .. } => on.into_iter().map(|(id, _)| (id, None)).collect(),
        _ => on,
    };
    Action {
        server: &server,
        desk: &desk,
        frame: &frame,
        actor: &actor,
        next: &next,
        action: "/issues/bulk".to_owned(),
        fields: &fields,
    }
    .run(on, work)
    .await
}

/// `POST /issues/undo/{number}`.
pub(super) async fn undo(
    State(server): State<Arc<Server>>,
    Analyst(actor): Analyst,
    Extension(desk): Extension<Arc<Desk>>,
    Path(number): Path<u64>,
    body: String,
) -> Result<Response, ApiError> {
    let fields = Fields::read(&body);
    let next = fields.some("next").unwrap_or_else(|| "/issues".to_owned());
    let Some(back) = desk.take(number, actor.user) else {
        return Ok(done(
            &next,
            "bad",
            "This can't be undone any more. The history of each issue tells what was done.",
            None,
        ));
    };
    let (back, left) = server
        .host
        .undo_work(back, &actor.name)
        .await
        .map_err(fault)?;
    settle(&server).await;
    let issues = text::counted(back as u64, "issue", "issues");
    let message = match left {
        0 => format!("Undone: {issues} as before."),
        left => format!(
            "Undone: {issues} as before. {} changed since and left as it is now.",
            text::counted(left as u64, "issue was", "issues were")
        ),
    };
    let mut response = done(&next, "good", message, None);
    response.extensions_mut().insert(Told {
        subject: issues,
        record: json!({ "undone": number }),
    });
    Ok(response)
}
