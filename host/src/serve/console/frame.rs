//! What is around a page: who is signed in, the theme, the message of what was just done.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use ox_console::{Chrome, Flash, Person, Section, Template, Theme};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::serve::api::ApiError;
use crate::serve::auth::{Actor, Role};

/// The cookie that a message travels in, from the form to the page after it.
const FLASH: &str = "ox_flash";
/// The cookie of the theme.
pub(super) const THEME: &str = "ox_theme";
/// Longest message that travels, in bytes.
const LONGEST: usize = 1500;

/// What is around the page of this request. Nobody has to be signed in for it: a handler takes
/// [`Viewer`](crate::serve::auth::Viewer) and the like besides.
pub struct Frame {
    actor: Option<Actor>,
    theme: Theme,
    flash: Option<Flash>,
    here: String,
}

impl Frame {
    /// The chrome of a page.
    #[must_use]
    pub fn chrome(&self, title: impl Into<String>, section: Section) -> Chrome {
        Chrome {
            title: title.into(),
            section,
            person: self.actor.as_ref().map(|actor| Person {
                name: actor.name.clone(),
                role: match actor.role {
                    Role::Admin => "admin",
                    Role::Analyst => "analyst",
                    Role::Viewer => "viewer",
                },
            }),
            flash: self.flash.clone(),
            theme: self.theme,
            here: self.here.clone(),
        }
    }
}

impl Frame {
    /// What is around the page of a request, where there is no handler to extract it.
    pub(in crate::serve) fn of(headers: &HeaderMap, uri: &Uri, actor: Option<Actor>) -> Self {
        Self {
            actor,
            theme: cookie(headers, THEME).map_or(Theme::System, |word| Theme::of(&word)),
            flash: cookie(headers, FLASH).and_then(|text| flash_of(&text)),
            here: uri
                .path_and_query()
                .map_or_else(|| "/".to_owned(), ToString::to_string),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Frame {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let actor = parts.extensions.get::<Actor>().cloned();
        Ok(Self::of(&parts.headers, &parts.uri, actor))
    }
}

/// A cookie of a request.
pub(in crate::serve) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
}

/// A page. The message that it shows, if any, is not shown again.
pub fn page(page: &impl Template) -> Response {
    let mut response = Html(ox_console::html(page)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(
        header::SET_COOKIE,
        HeaderValue::from_static("ox_flash=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"),
    );
    response
}

/// What a form is answered with: go there, and read this. `to` is a path of this console; anything else leads to
/// its beginning.
pub fn done(
    to: &str,
    tone: &'static str,
    message: impl Into<String>,
    undo: Option<(String, String)>,
) -> Response {
    let message: String = message.into();
    let (label, action) = undo.unwrap_or_default();
    let text = [tone, clip(&message), &label, &action]
        .map(|part| utf8_percent_encode(part, NON_ALPHANUMERIC).to_string())
        .join("|");
    let mut response = Redirect::to(own(to)).into_response();
    let cookie = format!("{FLASH}={text}; Path=/; Max-Age=60; HttpOnly; SameSite=Strict");
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response
}

/// A path of this console, whatever a form says: no other host, no scheme.
pub(in crate::serve) fn own(to: &str) -> &str {
    let plain = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains('\\')
        && to.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { to } else { "/" }
}

fn clip(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

fn flash_of(text: &str) -> Option<Flash> {
    let mut parts = text
        .split('|')
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned());
    let (tone, message, label, action) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let tone = match tone.as_str() {
        "good" => "good",
        "bad" => "bad",
        _ => "note",
    };
    let undo = (!label.is_empty()).then(|| (label, own(&action).to_owned()));
    Some(Flash {
        tone,
        message,
        undo,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_message_survives_its_way_through_the_cookie() {
        let undo = Some(("Undo".to_owned(), "/issues/undo/7".to_owned()));
        let response = done(
            "/issues?a=b",
            "good",
            "3 issues; \"done\" | ✓",
            undo.clone(),
        );
        assert_eq!(response.headers()[header::LOCATION], "/issues?a=b");
        let set = response.headers()[header::SET_COOKIE].to_str().unwrap();
        let value = set.split(';').next().unwrap().split_once('=').unwrap().1;
        let flash = flash_of(value).unwrap();
        assert_eq!(flash.message, "3 issues; \"done\" | ✓");
        assert_eq!(flash.undo, undo);
    }

    #[test]
    fn a_form_never_leads_to_another_host() {
        for evil in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "javascript:x",
            "/a\nb",
        ] {
            assert_eq!(own(evil), "/", "{evil}");
        }
    }
}
