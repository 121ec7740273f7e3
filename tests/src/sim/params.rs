//! Parameters of REST requests, checked as Grape checks them. Unknown ones are ignored.

use super::http::{Incoming, Reply};

/// A whole number.
pub(crate) fn number(request: &Incoming, name: &str) -> Result<Option<u64>, Reply> {
    match request.param(name) {
        None | Some("") => Ok(None),
        Some(text) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(Reply::error(400, &format!("{name} is invalid"))),
        },
    }
}

/// `true` or `false`, in Grape's spellings.
pub(crate) fn flag(request: &Incoming, name: &str) -> Result<Option<bool>, Reply> {
    match request.param(name).map(str::to_ascii_lowercase).as_deref() {
        None | Some("") => Ok(None),
        Some("true" | "t" | "1" | "on") => Ok(Some(true)),
        Some("false" | "f" | "0" | "off") => Ok(Some(false)),
        Some(_) => Err(Reply::error(400, &format!("{name} is invalid"))),
    }
}

/// One of a few words.
pub(crate) fn choice<'a>(
    request: &'a Incoming,
    name: &str,
    allowed: &[&str],
) -> Result<Option<&'a str>, Reply> {
    match request.param(name) {
        None => Ok(None),
        Some(text) if allowed.contains(&text) => Ok(Some(text)),
        Some(_) => Err(Reply::error(
            400,
            &format!("{name} does not have a valid value"),
        )),
    }
}

/// `min_access_level`.
pub(crate) fn min_access_level(request: &Incoming) -> Result<Option<u8>, Reply> {
    const LEVELS: [&str; 7] = ["5", "10", "15", "20", "30", "40", "50"];
    if number(request, "min_access_level")?.is_none() {
        return Ok(None);
    }
    let level = choice(request, "min_access_level", &LEVELS)?;
    Ok(level.and_then(|level| level.parse().ok()))
}

/// `visibility`.
pub(crate) fn visibility(request: &Incoming) -> Result<Option<&str>, Reply> {
    choice(request, "visibility", &["private", "internal", "public"])
}

/// `sort`: true for descending.
pub(crate) fn descending(request: &Incoming, default: bool) -> Result<bool, Reply> {
    Ok(choice(request, "sort", &["asc", "desc"])?.map_or(default, |sort| sort == "desc"))
}
