//! Pages of GraphQL: `first`, `last`, `after`, `before`, and cursors that say where a page ended.

use super::resolve::Failed;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

/// Rows of a page at most; of a repository's tags fewer.
const MAX_PAGE: u64 = 100;
const MAX_TAGS: u64 = 20;

fn max_page(ty: &str, field: &str) -> u64 {
    if ty == "ContainerRepositoryDetails" && field == "tags" {
        MAX_TAGS
    } else {
        MAX_PAGE
    }
}

/// Rows that a page of a field can have: what complexity is counted with.
pub(super) fn page_limit(ty: &str, field: &str, arguments: &Map<String, Value>) -> u64 {
    let asked = ["first", "last"]
        .iter()
        .filter_map(|name| arguments.get(*name)?.as_u64());
    asked.chain([max_page(ty, field)]).min().unwrap_or(MAX_PAGE)
}

/// A cursor: base64 JSON, with what the rows are sorted by.
fn cursor(row: &Value) -> String {
    let mark = json!({
        "severity": row.get("severity"), "id": row.get("id").or_else(|| row.get("name")),
    });
    STANDARD.encode(mark.to_string())
}

fn place(rows: &[Value], text: &str) -> Result<usize, Failed> {
    let bad = || Failed::Field("Please provide a valid cursor".to_owned());
    let mark: Value =
        serde_json::from_slice(&STANDARD.decode(text).map_err(|_| bad())?).map_err(|_| bad())?;
    let id = mark.get("id").ok_or_else(bad)?;
    rows.iter()
        .position(|row| row.get("id").or_else(|| row.get("name")) == Some(id))
        .ok_or_else(bad)
}

/// One page of the rows.
pub(super) fn connection(
    ty: &str,
    field: &str,
    rows: Vec<Value>,
    arguments: &Map<String, Value>,
) -> Result<Value, Failed> {
    let number = |name: &str| arguments.get(name).and_then(Value::as_i64);
    let text = |name: &str| arguments.get(name).and_then(Value::as_str);
    let (first, last) = (number("first"), number("last"));
    if first.is_some() && last.is_some() {
        return Err(Failed::Field(
            "Can only provide either `first` or `last`, not both".to_owned(),
        ));
    }
    if first.or(last).is_some_and(|number| number < 0) {
        return Err(Failed::Field(
            "`first` and `last` must not be negative".to_owned(),
        ));
    }
    let limit = usize::try_from(page_limit(ty, field, arguments)).unwrap_or(100);
    let start = match text("after").filter(|text| !text.is_empty()) {
        Some(text) => place(&rows, text)? + 1,
        None => 0,
    };
    let end = match text("before").filter(|text| !text.is_empty()) {
        Some(text) => place(&rows, text)?,
        None => rows.len(),
    };
    let (from, to) = match last {
        Some(_) => (end.saturating_sub(limit).max(start), end),
        None => (start, (start + limit).min(end)),
    };
    let page = rows.get(from..to).unwrap_or_default();
    Ok(json!({
        "nodes": page,
        "edges": page.iter().map(|row| json!({ "cursor": cursor(row), "node": row })).collect::<Vec<_>>(),
        "pageInfo": {
            "hasNextPage": to < rows.len(), "hasPreviousPage": from > 0,
            "startCursor": page.first().map(cursor), "endCursor": page.last().map(cursor),
        },
    }))
}
