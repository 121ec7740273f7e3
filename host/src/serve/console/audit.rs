//! The audit log as a page, and as a file for a spreadsheet.

use std::fmt::Write;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use ox_console::Section;
use ox_console::pages::audit::{Audit, AuditLine};
use ox_console::parts::{Choice, Pager, When};
use ox_console::text;
use serde::Deserialize;
use serde_json::Value;

use super::{Frame, page};
use crate::serve::Server;
use crate::serve::api::ApiError;
use crate::serve::auth::{Analyst, AuditFilter, AuditRow, outcome, sentence};

/// Rows of a page, and of a file.
const PAGE: usize = 50;
const FILE: usize = 10_000;

pub(super) fn routes() -> Router<Arc<Server>> {
    Router::new()
        .route("/audit", get(audit))
        .route("/audit.csv", get(csv))
}

/// The filter as it stands in the address.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    actor: String,
    action: String,
    subject: String,
    from: String,
    until: String,
    before: String,
}

impl Wanted {
    fn filter(&self) -> (AuditFilter, Option<String>) {
        let given = |text: &str| {
            let text = text.trim();
            (!text.is_empty()).then(|| text.chars().take(300).collect::<String>())
        };
        let mut wrong = None;
        let mut day = |text: &str, days_later: i64| -> Option<String> {
            let text = given(text)?;
            let moment = text
                .parse::<Date>()
                .ok()
                .and_then(|day| {
                    day.checked_add(jiff::Span::new().try_days(days_later).ok()?)
                        .ok()
                })
                .and_then(|day| day.to_zoned(TimeZone::UTC).ok());
            if moment.is_none() {
                wrong = Some(format!(
                    "\"{}\" is no day; write it like 2026-11-23. It was left out.",
                    text::plain(&text)
                ));
            }
            moment.map(|moment| format!("{:.3}", moment.timestamp()))
        };
        let from = day(&self.from, 0);
        let until = day(&self.until, 1);
        let filter = AuditFilter {
            actor: given(&self.actor),
            action: given(&self.action),
            subject: given(&self.subject),
            from,
            until,
        };
        (filter, wrong)
    }

    /// The address of the same filter.
    fn address(&self, path: &str, before: Option<i64>) -> String {
        let mut pairs: Vec<(&str, String)> = [
            ("actor", &self.actor),
            ("action", &self.action),
            ("subject", &self.subject),
            ("from", &self.from),
            ("until", &self.until),
        ]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name, text::encode(value)))
        .collect();
        pairs.extend(before.map(|before| ("before", before.to_string())));
        let query: Vec<String> = pairs
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        match query.is_empty() {
            true => path.to_owned(),
            false => format!("{path}?{}", query.join("&")),
        }
    }
}

async fn audit(
    State(server): State<Arc<Server>>,
    Analyst(_): Analyst,
    Query(wanted): Query<Wanted>,
    frame: Frame,
) -> Result<Response, ApiError> {
    let now = crate::store::now();
    let (filter, error) = wanted.filter();
    let before = wanted.before.parse().ok();
    let mut rows = server.accounts.audit(&filter, before, PAGE + 1)?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let next = rows.last().filter(|_| more).map(|row| row.id);
    let (actors, actions) = server.accounts.audit_words()?;
    let choices = |words: Vec<String>, chosen: &str| -> Vec<Choice> {
        let choice = |word: String| {
            let label = text::plain(&word);
            let chosen = word == chosen;
            Choice::new(word, label, chosen)
        };
        words.into_iter().map(choice).collect()
    };
    let rows_read = text::counted(rows.len() as u64, "row", "rows");
    Ok(page(&Audit {
        chrome: frame.chrome("Audit", Section::Audit),
        actors: choices(actors, &wanted.actor),
        actions: choices(actions, &wanted.action),
        subject: wanted.subject.clone(),
        from: wanted.from.clone(),
        until: wanted.until.clone(),
        filtered: filter != AuditFilter::default(),
        error,
        lines: rows.iter().map(|row| line(row, &now)).collect(),
        pager: Pager {
            summary: match (before, more) {
                (None, false) => format!("{rows_read}, newest first"),
                (None, true) => format!("The newest {rows_read}"),
                (Some(_), _) => format!("{rows_read} further back"),
            },
            first: before.map(|_| wanted.address("/audit", None)),
            next: next.map(|next| wanted.address("/audit", Some(next))),
        },
        csv: wanted.address("/audit.csv", None),
    }))
}

fn line(row: &AuditRow, now: &str) -> AuditLine {
    let (who, actor) = match row.actor.as_str() {
        "" => ("somebody unknown".to_owned(), None),
        "host" => ("the host".to_owned(), Some(row.actor.clone())),
        name => (text::plain(name), Some(name.to_owned())),
    };
    AuditLine {
        when: When::new(&row.at, now),
        who,
        actor,
        via: match row.via.as_str() {
            "console" => "console",
            "api" => "API",
            "cli" => "command line",
            _ => "the host itself",
        },
        action: text::plain(&row.action),
        subject: text::plain(&row.subject),
        outcome: outcome(row),
        details: details(&row.record),
    }
}

fn details(record: &Value) -> Vec<(String, String)> {
    let said = |value: &Value| match value {
        Value::String(text) => text::plain(text),
        other => text::plain(&other.to_string()),
    };
    match record {
        Value::Null => Vec::new(),
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (text::plain(name), said(value)))
            .collect(),
        other => vec![("about".to_owned(), said(other))],
    }
}

async fn csv(
    State(server): State<Arc<Server>>,
    Analyst(_): Analyst,
    Query(wanted): Query<Wanted>,
) -> Result<Response, ApiError> {
    let (filter, _) = wanted.filter();
    let before = wanted.before.parse().ok();
    let rows = tokio::task::spawn_blocking(move || server.accounts.audit(&filter, before, FILE));
    let rows = rows
        .await
        .map_err(|error| crate::host::HostError::Other(error.into()))??;
    let mut file = "id,at,actor,via,action,subject,status,sentence,record\r\n".to_owned();
    for row in &rows {
        let cells = [
            row.actor.as_str(),
            &row.via,
            &row.action,
            &row.subject,
            &row.status.to_string(),
            &sentence(row),
            &row.record.to_string(),
        ]
        .map(cell);
        // Writing to a text can't fail.
        let _ = write!(file, "{},{},{}\r\n", row.id, row.at, cells.join(","));
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"audit.csv\"",
        ),
    ];
    Ok((headers, file).into_response())
}

/// A cell that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    let text = text::plain(text);
    let guard = match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => "'",
        false => "",
    };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_whatever_is_in_it() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
    }

    #[test]
    fn a_filter_says_what_it_does_not_understand_and_survives_its_address() {
        let wanted = Wanted {
            actor: "ada".to_owned(),
            subject: "a&b=c".to_owned(),
            from: "2026-11-01".to_owned(),
            until: "yesterday".to_owned(),
            ..Wanted::default()
        };
        let (filter, wrong) = wanted.filter();
        assert_eq!(filter.from.as_deref(), Some("2026-11-01T00:00:00.000Z"));
        assert_eq!(filter.until, None);
        assert!(wrong.is_some_and(|wrong| wrong.contains("yesterday")));
        assert_eq!(
            wanted.address("/audit", Some(7)),
            "/audit?actor=ada&subject=a%26b%3Dc&from=2026-11-01&until=yesterday&before=7"
        );
        let day = Wanted {
            until: "2026-11-30".to_owned(),
            ..Wanted::default()
        };
        let (filter, _) = day.filter();
        assert_eq!(filter.until.as_deref(), Some("2026-12-01T00:00:00.000Z"));
    }
}
