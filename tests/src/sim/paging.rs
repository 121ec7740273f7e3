//! Pages of REST listings: by offset with their headers, by keyset with a link, and what is refused.

use super::http::{Incoming, Reply};
use super::params::number;
use super::world::World;
use serde_json::Value;

/// Rows of a page where the request does not say, and at most.
const DEFAULT_PAGE: u64 = 20;
const MAX_PAGE: u64 = 100;

/// Rows of a page, clamped.
pub(crate) fn per_page(request: &Incoming) -> Result<usize, Reply> {
    let wanted = number(request, "per_page")?.unwrap_or(DEFAULT_PAGE);
    if wanted == 0 {
        return Err(Reply::error(400, "per_page has a value not allowed"));
    }
    Ok(usize::try_from(wanted.min(MAX_PAGE)).unwrap_or(20))
}

/// True when keyset paging is asked for.
pub(crate) fn wants_keyset(request: &Incoming) -> Result<bool, Reply> {
    let asked = super::params::choice(request, "pagination", &["keyset", "offset", "legacy"]);
    Ok(asked? == Some("keyset"))
}

/// The refusal of keyset paging.
pub(crate) fn no_keyset() -> Reply {
    Reply::error(
        405,
        "Keyset pagination is not yet available for this type of request",
    )
}

/// The address of a request with some parameters changed, absolute, as GitLab's links are.
fn link(world: &World, request: &Incoming, changes: &[(&str, String)]) -> String {
    let kept = request.query.iter().filter(|(key, _)| {
        key != "private_token"
            && key != "access_token"
            && !changes.iter().any(|(name, _)| name == key)
    });
    let mut pairs: Vec<(&str, &str)> = kept.map(|(k, v)| (k.as_str(), v.as_str())).collect();
    pairs.extend(changes.iter().map(|(key, value)| (*key, value.as_str())));
    pairs.sort_by_key(|(key, _)| *key);
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    format!("{}{}?{}", world.url(), request.path, query.finish())
}

/// A page by offset.
pub(crate) fn offset(world: &World, request: &Incoming, rows: &[Value]) -> Result<Reply, Reply> {
    let per_page = per_page(request)?;
    let page = number(request, "page")?.unwrap_or(1).max(1);
    let page = usize::try_from(page).unwrap_or(usize::MAX);
    let start = (page - 1).saturating_mul(per_page).min(rows.len());
    let end = start.saturating_add(per_page).min(rows.len());
    let pages = rows.len().div_ceil(per_page).max(1);
    let next = (end < rows.len()).then_some(page + 1);
    let previous = (page > 1).then(|| page - 1);
    let counted = rows.len() <= world.modes.count_limit;
    let to = |page: usize, rel: &str| {
        let changes = [
            ("page", page.to_string()),
            ("per_page", per_page.to_string()),
        ];
        format!("<{}>; rel=\"{rel}\"", link(world, request, &changes))
    };
    let mut links = Vec::new();
    links.extend(previous.map(|page| to(page, "prev")));
    links.extend(next.map(|page| to(page, "next")));
    links.push(to(1, "first"));
    if counted {
        links.push(to(pages, "last"));
    }
    let text = |page: Option<usize>| page.map(|page| page.to_string()).unwrap_or_default();
    let mut reply = Reply::json(200, &rows.get(start..end).unwrap_or_default().into())
        .header("x-page", page.to_string())
        .header("x-per-page", per_page.to_string())
        .header("x-next-page", text(next))
        .header("x-prev-page", text(previous))
        .header("link", links.join(", "));
    if counted {
        reply = reply
            .header("x-total", rows.len().to_string())
            .header("x-total-pages", pages.to_string());
    }
    Ok(reply)
}

/// Refuses pages that are too deep, for what can be paged by keyset.
pub(crate) fn within_offset_limit(
    world: &World,
    request: &Incoming,
    kind: &str,
) -> Result<(), Reply> {
    let page = number(request, "page")?.unwrap_or(1);
    let rows = page.saturating_mul(per_page(request)? as u64);
    let limit = world.modes.offset_limit;
    if rows <= limit as u64 {
        return Ok(());
    }
    Err(Reply::error(
        405,
        &format!(
            "Offset pagination has a maximum allowed offset of {limit} for requests that return objects of \
             type {kind}. Remaining records can be retrieved using keyset pagination."
        ),
    ))
}

/// A page by keyset: `rows` are those after the marker. The link is left out only on an empty page.
pub(crate) fn keyset(
    world: &World,
    request: &Incoming,
    rows: &[Value],
    marker: &str,
    value_of: impl Fn(&Value) -> String,
) -> Result<Reply, Reply> {
    let per_page = per_page(request)?;
    let page = rows.get(..per_page.min(rows.len())).unwrap_or_default();
    let reply = Reply::json(200, &page.into());
    Ok(match page.last() {
        Some(last) => {
            let changes = [(marker, value_of(last)), ("per_page", per_page.to_string())];
            reply.header(
                "link",
                format!("<{}>; rel=\"next\"", link(world, request, &changes)),
            )
        }
        None => reply,
    })
}
