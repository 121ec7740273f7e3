//! The tags of a repository, each with its digest.
//!
//! GitLab's own registry with a metadata database lists them with digest, type and times, a thousand a
//! page. Every other registry lists names, and each digest is asked for.

use std::collections::HashSet;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::reference::{Digest, is_tag};
use super::{Answered, Registry, manifest};
use crate::contract::{Explanation, Failure, Skip, SkipReason};
use crate::http::{Fetched, Method, Request, link};
use crate::time;

/// Bytes of one page of tags: a thousand of GitLab's own entries take half a megabyte, 100,000 names at
/// once five.
pub const MAX_PAGE_BYTES: usize = 16 << 20;
/// Tags of one repository that are kept. The largest known has half a million, most of them left over.
pub const MAX_TAGS: usize = 100_000;
/// Pages that are read.
const MAX_PAGES: usize = 2_000;
/// Tags asked for at once.
const PAGE: usize = 1000;

/// One tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name.
    pub name: String,
    /// What it leads to, once that is known.
    pub digest: Option<Digest>,
    /// When it was pushed last, where the registry says so.
    pub pushed: Option<String>,
}

/// The tags that were listed, and what of them could not be.
#[derive(Debug, Default)]
pub struct Tags {
    /// In the order of the registry.
    pub tags: Vec<Tag>,
    /// Names that were left out, and why.
    pub skipped: Vec<(String, Skip)>,
    /// False when there are more than were listed.
    pub complete: bool,
    /// The registry does not know the repository: nothing was ever pushed.
    pub unknown: bool,
}

/// Lists the tags. Digests may be missing: see [`digests`].
pub fn list(registry: &Registry<'_, '_>, repository: &str) -> Result<Tags, Failure> {
    if registry.info().database {
        let own = Listing {
            path: format!("gitlab/v1/repositories/{repository}/tags/list/"),
            read: own_page,
        };
        match own.pages(registry, repository) {
            // A proxy in front of the registry may let through /v2/ only.
            Err(
                Failure::NotFound(_)
                | Failure::UnexpectedAnswer(_)
                | Failure::Forbidden(_)
                | Failure::Unavailable(_),
            ) => {}
            listed => return listed,
        }
    }
    let plain = Listing {
        path: format!("v2/{repository}/tags/list"),
        read: plain_page,
    };
    plain.pages(registry, repository)
}

/// One of the two lists.
struct Listing {
    path: String,
    read: fn(&[u8]) -> Option<Page>,
}

/// Some of the tags.
#[derive(Debug, Default)]
struct Page {
    /// What can be read, and the names of what can't.
    tags: Vec<Result<Tag, String>>,
    /// How many there are; more than are kept where a server answers all at once.
    seen: usize,
}

impl Listing {
    fn pages(&self, registry: &Registry<'_, '_>, repository: &str) -> Result<Tags, Failure> {
        let mut listed = Tags {
            complete: true,
            ..Tags::default()
        };
        let mut seen: HashSet<String> = HashSet::new();
        let mut asked: HashSet<String> = HashSet::new();
        let mut next = Some(registry.url(&format!("{}?n={PAGE}", self.path)));
        while let Some(url) = next.take() {
            if listed.tags.len() >= MAX_TAGS || asked.len() >= MAX_PAGES {
                listed.cut_short(repository, SkipReason::OverLimit, &too_many(repository));
                break;
            }
            if !asked.insert(url.clone()) {
                let message = format!(
                    "the registry's list of tags leads back to a page it gave before ({url})"
                );
                listed.cut_short(repository, SkipReason::Corrupt, &message);
                break;
            }
            let request = Request::get(url);
            let answer = registry.fetch(request.clone(), repository, MAX_PAGE_BYTES)?;
            let answered = Answered::read(&answer);
            if answer.status == 400 && asked.len() == 1 && is_about_the_number(&answered) {
                // It gives fewer at once than we ask for, and does not say how many.
                next = Some(registry.url(&self.path));
                continue;
            }
            if answer.status != 200 {
                // A repository that GitLab knows and its registry does not: a push that was authorised and
                // never came.
                if answered.is("NAME_UNKNOWN") && listed.tags.is_empty() {
                    return Ok(Tags {
                        complete: true,
                        unknown: true,
                        ..Tags::default()
                    });
                }
                return Err(registry.explain(&request, &answer, repository));
            }
            let Some(page) = (self.read)(&answer.body) else {
                return Err(Failure::UnexpectedAnswer(Explanation {
                    message: format!(
                        "The registry's list of tags at {} is not understood.",
                        request.url
                    ),
                    hint: "Check that a container registry is at this address, and not a web page."
                        .to_owned(),
                }));
            };
            let entries = page.seen;
            let fresh = listed.take(repository, page, &mut seen);
            next = match link::target(&answer.headers, "next") {
                Some(link) => {
                    let next = registry.resolve(&request.url, &link);
                    if next.is_none() {
                        let message = format!(
                            "the registry's list of tags goes on at {link:?}, which is no list of tags"
                        );
                        listed.cut_short(repository, SkipReason::Corrupt, &message);
                    }
                    next
                }
                // A proxy that drops the header must not cut the list short. (Registries that give all at
                // once give more, or the same again.)
                None if entries == PAGE && fresh > 0 && answer.headers.get("link").is_none() => {
                    listed.tags.last().map(|last| {
                        registry.url(&format!("{}?n={PAGE}&last={}", self.path, last.name))
                    })
                }
                None => None,
            };
        }
        Ok(listed)
    }
}

impl Tags {
    /// Adds a page; answers how many of its tags were not there before.
    fn take(&mut self, repository: &str, page: Page, seen: &mut HashSet<String>) -> usize {
        let before = self.tags.len();
        let mut left_out = page.seen > page.tags.len();
        for tag in page.tags {
            match tag {
                // Pages shift while tags come and go.
                Ok(tag) if is_tag(&tag.name) => {
                    if self.tags.len() >= MAX_TAGS {
                        left_out |= !seen.contains(&tag.name);
                    } else if seen.insert(tag.name.clone()) {
                        self.tags.push(tag);
                    }
                }
                Ok(Tag { name, .. }) | Err(name) => {
                    let why = Explanation {
                        message: "the registry lists a tag with a name that no tag can have"
                            .to_owned(),
                        hint: "Delete the tag, or report it to whoever runs the registry."
                            .to_owned(),
                    };
                    self.skipped.push((
                        name.chars().take(128).collect(),
                        Skip {
                            reason: SkipReason::Corrupt,
                            why,
                        },
                    ));
                }
            }
        }
        if left_out {
            self.cut_short(repository, SkipReason::OverLimit, &too_many(repository));
        }
        self.tags.len() - before
    }

    /// Notes, once, that there are more tags than were listed.
    fn cut_short(&mut self, repository: &str, reason: SkipReason, message: &str) {
        if std::mem::replace(&mut self.complete, false) {
            let why = Explanation {
                message: message.to_owned(),
                hint: "Set up a clean-up policy for the repository in GitLab, or look at the registry and the \
                       proxy in front of it."
                    .to_owned(),
            };
            self.skipped
                .push((repository.to_owned(), Skip { reason, why }));
        }
    }
}

fn too_many(repository: &str) -> String {
    format!("{repository} has more than the {MAX_TAGS} tags that are listed of one repository")
}

/// True when the registry does not take `n`.
fn is_about_the_number(answered: &Answered) -> bool {
    matches!(
        answered.code.as_str(),
        "PAGINATION_NUMBER_INVALID"
            | "INVALID_QUERY_PARAMETER_VALUE"
            | "INVALID_QUERY_PARAMETER_TYPE"
    )
}

/// A page of GitLab's own list.
fn own_page(body: &[u8]) -> Option<Page> {
    entries(&mut serde_json::Deserializer::from_slice(body), |tag| {
        let text = |key: &str| tag.get(key).and_then(Value::as_str);
        let name = text("name")
            .ok_or_else(|| String::from("(without a name)"))?
            .to_owned();
        let pushed = ["published_at", "updated_at", "created_at"]
            .into_iter()
            .find_map(|key| text(key).and_then(time::normal));
        let digest = text("digest").and_then(|digest| Digest::parse(digest).ok());
        Ok(Tag {
            name,
            digest,
            pushed,
        })
    })
    .ok()
}

/// A page of the distribution specification's list.
fn plain_page(body: &[u8]) -> Option<Page> {
    #[derive(Deserialize)]
    struct Plain {
        tags: Names,
    }
    struct Names(Page);
    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: Deserializer<'de>>(list: D) -> Result<Self, D::Error> {
            entries(list, |tag| match tag {
                Value::String(name) => Ok(Tag {
                    name,
                    digest: None,
                    pushed: None,
                }),
                _ => Err("(without a name)".to_owned()),
            })
            .map(Self)
        }
    }
    Some(serde_json::from_slice::<Plain>(body).ok()?.tags.0)
}

/// Reads a list entry by entry: half a million of them at once would not fit into an instance.
fn entries<'de, D: Deserializer<'de>>(
    list: D,
    read: fn(Value) -> Result<Tag, String>,
) -> Result<Page, D::Error> {
    struct Entries(fn(Value) -> Result<Tag, String>);
    impl<'de> Visitor<'de> for Entries {
        type Value = Page;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a list of tags")
        }

        // `null` where there are none.
        fn visit_unit<E: serde::de::Error>(self) -> Result<Page, E> {
            Ok(Page::default())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Page, A::Error> {
            let mut page = Page::default();
            while page.tags.len() < MAX_TAGS {
                let Some(entry) = list.next_element::<Value>()? else {
                    return Ok(page);
                };
                page.seen += 1;
                page.tags.push((self.0)(entry));
            }
            while list.next_element::<IgnoredAny>()?.is_some() {
                page.seen += 1;
            }
            Ok(page)
        }
    }
    list.deserialize_any(Entries(read))
}

/// The first tag of an answer to the plain list.
pub(super) fn first(answer: &Fetched) -> Option<String> {
    plain_page(&answer.body)?
        .tags
        .into_iter()
        .flatten()
        .map(|tag| tag.name)
        .find(|name| is_tag(name))
}

/// Asks for the digests that are missing, many at once. A tag whose digest can't be told is answered with
/// the reason; trouble that concerns more than one tag is a failure.
pub fn digests(
    registry: &Registry<'_, '_>,
    repository: &str,
    tags: &mut [Tag],
) -> Result<Vec<(String, Skip)>, Failure> {
    let missing: Vec<usize> = tags
        .iter()
        .enumerate()
        .filter(|(_, tag)| tag.digest.is_none())
        .map(|(index, _)| index)
        .collect();
    let requests = |tags: &[Tag], wanted: Vec<usize>, method| -> Vec<(usize, Request)> {
        let request = |index: usize| {
            let name = &tags.get(index)?.name;
            Some((index, manifest::request(registry, repository, name, method)))
        };
        wanted.into_iter().filter_map(request).collect()
    };
    let mut untold = Vec::new();
    let heads = requests(tags, missing, Method::Head);
    for (index, answer) in registry.fetch_all(heads, repository, manifest::MAX_MANIFEST_BYTES) {
        let answer = answer?;
        let digest = answer
            .headers
            .get("docker-content-digest")
            .and_then(|digest| Digest::parse(digest).ok());
        match (tags.get_mut(index), digest) {
            (Some(tag), Some(digest)) if answer.status == 200 => tag.digest = Some(digest),
            _ => untold.push(index),
        }
    }
    // Not every server answers HEAD as it should; GET says why, too.
    let mut skipped = Vec::new();
    let gets = requests(tags, untold, Method::Get);
    for (index, answer) in registry.fetch_all(gets, repository, manifest::MAX_MANIFEST_BYTES) {
        let Some(tag) = tags.get_mut(index) else {
            continue;
        };
        let skip = match answer {
            Ok(answer) if answer.status == 200 => {
                tag.digest = Some(manifest::digest_of(&answer));
                continue;
            }
            Ok(answer) => {
                let request = manifest::request(registry, repository, &tag.name, Method::Get);
                manifest::skip(registry, &request, &answer, repository)?
            }
            // Larger than a manifest may be.
            Err(Failure::OverLimit(why)) => Skip {
                reason: SkipReason::OverLimit,
                why,
            },
            Err(failure) => return Err(failure),
        };
        skipped.push((tag.name.clone(), skip));
    }
    Ok(skipped)
}
