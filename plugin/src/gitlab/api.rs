//! REST: one request, many at once, and lists a page at a time.
//!
//! Lists are read leniently: an entry that can't be read is counted, never the end of the list. The way to
//! the next page comes from the headers, not from totals, and is always taken relative to the configured
//! address: behind proxies GitLab's own links can name a host that only it knows.

use std::cell::{Cell, RefCell};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::{DeserializeOwned, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::errors::{classify, explain, from_transport, not_json};
use crate::contract::{Explanation, Failure};
use crate::http::{Fetched, Request, link};
use crate::session::Session;

/// Entries of a page that are asked for: the most that GitLab gives.
pub const PER_PAGE: u64 = 100;

/// Bytes of the longest page of a list. A full page of projects with long descriptions is below 2 MiB.
pub const PAGE_CAP: usize = 16 * 1024 * 1024;

/// Bytes of the longest single object.
pub const OBJECT_CAP: usize = 8 * 1024 * 1024;

/// Pages of one list that are followed by number; a server that goes on for ever ends here.
const LAST_PAGE: u64 = 20_000;

/// Bytes of the longest link to a next page: it travels in cursors of at most 4 KiB.
const LINK_CAP: usize = 2048;

/// Where REST begins below the configured address.
const ROOT: &str = "/api/v4/";

/// Everything but letters, digits and what is safe in one segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'~')
    .remove(b'.');

/// A path or name as one segment of an address (`group%2Fsub%2Fproject`).
pub fn segment(text: &str) -> String {
    if text == "." || text == ".." {
        return text.replace('.', "%2E");
    }
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// A value that may be missing, null, or of another type than expected: then it is the default. For fields
/// that we can do without, so that a changed one does not cost the whole answer.
pub fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// GitLab's API for the length of one call of the host.
pub struct Api<'s, 't> {
    session: &'s Session<'t>,
    /// The failure of the request that showed the token to be bad; every later one answers the same.
    refused: RefCell<Option<Failure>>,
    accepted: Cell<bool>,
}

impl<'s, 't> Api<'s, 't> {
    /// The API of the configured address.
    pub fn new(session: &'s Session<'t>) -> Self {
        Self {
            session,
            refused: RefCell::new(None),
            accepted: Cell::new(false),
        }
    }

    /// The same, for a token that GitLab has accepted in this session already.
    pub fn known_good(session: &'s Session<'t>) -> Self {
        Self {
            accepted: Cell::new(true),
            ..Self::new(session)
        }
    }

    /// The session that it was made of.
    pub fn session(&self) -> &'s Session<'t> {
        self.session
    }

    /// The configured address without a slash at its end.
    pub fn base(&self) -> &'s str {
        self.session.settings.base_text()
    }

    /// True once GitLab has answered a request with this token.
    pub fn accepted(&self) -> bool {
        self.accepted.get()
    }

    /// The failure that showed the token to be bad, if one did.
    pub fn refusal(&self) -> Option<Failure> {
        self.refused.borrow().clone()
    }

    /// Seconds since 1970.
    pub fn now(&self) -> u64 {
        self.session.client.transport().unix_now()
    }

    /// The absolute address of a path below `/api/v4/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{ROOT}{path}", self.base())
    }

    /// A GET of a path below `/api/v4/`, with the token.
    pub fn request(&self, path: &str) -> Request {
        self.authorize(Request::get(self.url(path)))
    }

    /// Puts the token's stand-in on a request.
    pub fn authorize(&self, request: Request) -> Request {
        request
            .with("private-token", self.session.settings.token.as_str())
            .with("accept", "application/json")
    }

    /// Sends a request and answers whatever came. After a refused token nothing is sent any more.
    pub fn raw(&self, request: &Request, cap: usize) -> Result<Fetched, Failure> {
        if let Some(failure) = self.refusal() {
            return Err(failure);
        }
        let answer = self
            .session
            .client
            .fetch(request, cap)
            .map_err(from_transport)?;
        self.note_success(&answer);
        Ok(answer)
    }

    /// Sends a request; anything but a success is a failure.
    pub fn fetch(&self, request: &Request, cap: usize) -> Result<Fetched, Failure> {
        let answer = self.raw(request, cap)?;
        self.judge(&request.url, answer)
    }

    /// [`Api::fetch`] for something that GitLab may refuse with a 401 although the token is good (an
    /// artifact that only developers see): the refusal is not held against the token.
    pub fn fetch_guarded(&self, request: &Request, cap: usize) -> Result<Fetched, Failure> {
        let answer = self.raw(request, cap)?;
        if (200..300).contains(&answer.status) {
            Ok(answer)
        } else {
            Err(self.failure(&request.url, &answer))
        }
    }

    /// [`Api::fetch`] for several requests that overlap, answered in their order. Until the token was
    /// accepted once they go one by one, so that a bad one is not tried as often as the window is wide.
    pub fn fetch_all(&self, requests: Vec<Request>, cap: usize) -> Vec<Result<Fetched, Failure>> {
        let mut requests = requests.into_iter();
        let mut answers = Vec::with_capacity(requests.len());
        while !self.accepted.get() {
            let Some(request) = requests.next() else {
                return answers;
            };
            answers.push(self.fetch(&request, cap));
        }
        let keyed = requests.map(|request| (request.url.clone(), request));
        let rest = self.session.client.fetch_overlapped(keyed, cap);
        answers.extend(rest.map(|(url, answer)| self.judge(&url, answer.map_err(from_transport)?)));
        answers
    }

    /// What an answer that is no success means.
    pub fn failure(&self, url: &str, answer: &Fetched) -> Failure {
        classify(url, answer, self.session.client.asked_wait(&answer.headers))
    }

    fn note_success(&self, answer: &Fetched) {
        self.accepted
            .set(self.accepted.get() || (200..300).contains(&answer.status));
    }

    /// Judges an answer to a request with the token: anything but a success is a failure, and a token that
    /// was refused is remembered.
    pub fn judge(&self, url: &str, answer: Fetched) -> Result<Fetched, Failure> {
        self.note_success(&answer);
        if (200..300).contains(&answer.status) {
            return Ok(answer);
        }
        let failure = self.failure(url, &answer);
        if matches!(failure, Failure::Unauthenticated(_)) {
            self.refused
                .borrow_mut()
                .get_or_insert_with(|| failure.clone());
        }
        Err(failure)
    }

    /// One object below `/api/v4/`.
    pub fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let request = self.request(path);
        let answer = self.fetch(&request, OBJECT_CAP)?;
        read_object(&request.url, &answer)
    }

    /// One page of a list.
    pub fn page<T: DeserializeOwned>(
        &self,
        listing: &Listing,
        mark: &Mark,
    ) -> Result<Page<T>, Failure> {
        let request = self.page_request(listing, mark);
        let answer = self.raw(&request, PAGE_CAP)?;
        self.read_page(listing, mark, &request.url, answer)
    }

    /// The request for one page of a list.
    pub fn page_request(&self, listing: &Listing, mark: &Mark) -> Request {
        self.request(&match mark {
            Mark::Page(number) => {
                format!(
                    "{}?{}per_page={PER_PAGE}&page={number}",
                    listing.path,
                    listing.parameters()
                )
            }
            Mark::Keyset => {
                format!(
                    "{}?{}pagination=keyset&per_page={PER_PAGE}",
                    listing.path,
                    listing.parameters()
                )
            }
            Mark::Link(path) => path.clone(),
        })
    }

    /// Reads the answer to [`Api::page_request`].
    pub fn read_page<T: DeserializeOwned>(
        &self,
        listing: &Listing,
        mark: &Mark,
        url: &str,
        answer: Fetched,
    ) -> Result<Page<T>, Failure> {
        if answer.status == 405 && *mark == Mark::Keyset {
            // This version does not page that list by keyset yet.
            return self.page(listing, &Mark::Page(1));
        }
        let answer = self.judge(url, answer)?;
        let Lenient { items, seen } = serde_json::from_slice::<Lenient<T>>(&answer.body)
            .map_err(|_| not_json(url, &answer))?;
        let unreadable = seen.saturating_sub(items.len());
        let mut page = Page {
            items,
            unreadable,
            next: None,
            fault: None,
            total: number(&answer, "x-total"),
        };
        match next_mark(mark, seen, &answer) {
            Ok(next) => page.next = next,
            Err(what) => {
                page.fault = Some(explain(
                    format!(
                        "The list {} {what}, so the rest of it is missing.",
                        listing.path
                    ),
                    "Something between here and GitLab may change its headers; report it if it stays.",
                ));
            }
        }
        Ok(page)
    }
}

/// A list below `/api/v4/`.
#[derive(Clone, Debug)]
pub struct Listing {
    path: String,
    query: String,
}

impl Listing {
    /// `path` below `/api/v4/`, and the parameters of every page (`order_by=id&sort=asc`).
    pub fn new(path: impl Into<String>, query: &str) -> Self {
        Self {
            path: path.into(),
            query: query.to_owned(),
        }
    }

    /// The path below `/api/v4/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    fn parameters(&self) -> String {
        if self.query.is_empty() {
            String::new()
        } else {
            format!("{}&", self.query)
        }
    }
}

/// Which page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mark {
    /// By number, from 1.
    #[serde(rename = "p")]
    Page(u64),
    /// The first page by keyset; falls back to numbers where the list has no keyset.
    #[serde(rename = "k")]
    Keyset,
    /// What a link said: path and query below `/api/v4/`.
    #[serde(rename = "l")]
    Link(String),
}

/// One page of a list.
#[derive(Debug)]
pub struct Page<T> {
    /// What could be read.
    pub items: Vec<T>,
    /// Entries that could not be read.
    pub unreadable: usize,
    /// The next page; `None` after the last.
    pub next: Option<Mark>,
    /// Why the list ends here although it seems to go on.
    pub fault: Option<Explanation>,
    /// Entries in all, where the server says so. Only for noticing that entries went away.
    pub total: Option<u64>,
}

fn next_mark(mark: &Mark, seen: usize, answer: &Fetched) -> Result<Option<Mark>, &'static str> {
    if let Mark::Page(current) = mark {
        return match answer.headers.get("x-next-page").map(str::trim) {
            Some("") => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(LAST_PAGE..) => Err("has more pages than are followed"),
                Ok(next) if next > *current => Ok(Some(Mark::Page(next))),
                _ => Err("names a page before this one as the next"),
            },
            None if *current >= LAST_PAGE => Err("has more pages than are followed"),
            None => match link::target(&answer.headers, "next") {
                Some(target) => linked(mark, &target).map(Some),
                // A proxy that drops both headers must not cut the list short.
                None if answer.headers.get("link").is_none() && seen as u64 >= PER_PAGE => {
                    Ok(Some(Mark::Page(current.saturating_add(1))))
                }
                None => Ok(None),
            },
        };
    }
    match link::target(&answer.headers, "next") {
        // An empty page ends a keyset list, whatever its link says.
        Some(target) if seen > 0 => linked(mark, &target).map(Some),
        _ => Ok(None),
    }
}

fn linked(mark: &Mark, target: &str) -> Result<Mark, &'static str> {
    let Some((_, path)) = target.split_once(ROOT) else {
        return Err("has a link that leads out of the API");
    };
    if path.len() > LINK_CAP || path.contains(|c: char| c.is_control() || c == ' ' || c == '#') {
        return Err("has a link that is too long or not an address");
    }
    let next = Mark::Link(path.to_owned());
    if next == *mark {
        Err("names the same page as the next")
    } else {
        Ok(next)
    }
}

fn number(answer: &Fetched, name: &str) -> Option<u64> {
    answer.headers.get(name)?.trim().parse().ok()
}

/// Reads one object.
pub fn read_object<T: DeserializeOwned>(url: &str, answer: &Fetched) -> Result<T, Failure> {
    // By way of a value, so that a key that comes twice is the last one instead of an error.
    serde_json::from_slice::<Value>(&answer.body)
        .and_then(serde_json::from_value)
        .map_err(|_| not_json(url, answer))
}

/// A list of which the entries that can't be read are passed over.
struct Lenient<T> {
    items: Vec<T>,
    seen: usize,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: DeserializeOwned> Visitor<'de> for Entries<T> {
            type Value = Lenient<T>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut all = Lenient {
                    items: Vec::new(),
                    seen: 0,
                };
                // More than a page was never asked for; what is beyond stays unread, and is counted.
                while all.seen < 10 * PER_PAGE as usize {
                    let Some(value) = list.next_element::<Value>()? else {
                        return Ok(all);
                    };
                    all.seen += 1;
                    all.items.extend(serde_json::from_value(value).ok());
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    all.seen += 1;
                }
                Ok(all)
            }
        }
        deserializer.deserialize_seq(Entries(std::marker::PhantomData))
    }
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
