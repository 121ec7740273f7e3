//! The tags of a repository, each with its digest.
//!
//! GitLab's own registry with a metadata database lists them with digest, type and times, a thousand a
//! page. Every other registry lists names, and each digest is asked for.

use std::collections::HashSet;

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
    let own = format!("gitlab/v1/repositories/{repository}/tags/list/?n={PAGE}");
    if registry.info().database {
        match pages(registry, repository, registry.url(&own), own_page) {
            // A proxy in front of the registry may let through /v2/ only.
            Err(Failure::NotFound(_) | Failure::UnexpectedAnswer(_) | Failure::Forbidden(_)) => {}
            listed => return listed,
        }
    }
    pages(registry, repository, registry.url(&format!("v2/{repository}/tags/list?n={PAGE}")), plain_page)
}

type PageReader = fn(&Value) -> Option<Vec<Result<Tag, String>>>;

fn pages(
    registry: &Registry<'_, '_>,
    repository: &str,
    first: String,
    read: PageReader,
) -> Result<Tags, Failure> {
    let mut listed = Tags { complete: true, ..Tags::default() };
    let mut seen: HashSet<String> = HashSet::new();
    let mut asked: HashSet<String> = HashSet::new();
    let mut next = Some(first);
    while let Some(url) = next.take() {
        let full = listed.tags.len() >= MAX_TAGS || asked.len() >= MAX_PAGES;
        if full || !asked.insert(url.clone()) {
            listed.complete = false;
            let (reason, message) = if full {
                (
                    SkipReason::OverLimit,
                    format!("{repository} has more tags than the {} that were listed", listed.tags.len()),
                )
            } else {
                (SkipReason::Corrupt, format!("the registry's list of tags leads back to a page it gave before ({url})"))
            };
            let why = Explanation {
                message,
                hint: "Set up a clean-up policy for the repository in GitLab.".to_owned(),
            };
            listed.skipped.push((repository.to_owned(), Skip { reason, why }));
            break;
        }
        let request = Request::get(url);
        let answer = registry.fetch(request.clone(), repository, MAX_PAGE_BYTES)?;
        if answer.status != 200 {
            // A repository that GitLab knows and its registry does not: a push that was authorised and
            // never came.
            if Answered::read(&answer).is("NAME_UNKNOWN") && listed.tags.is_empty() {
                return Ok(Tags { complete: true, unknown: true, ..Tags::default() });
            }
            return Err(registry.explain(&request, &answer, repository));
        }
        let Some(page) = serde_json::from_slice::<Value>(&answer.body).ok().as_ref().and_then(read) else {
            return Err(Failure::UnexpectedAnswer(Explanation {
                message: format!("The registry's list of tags at {} is not understood.", request.url),
                hint: "Check that a container registry is at this address, and not a web page.".to_owned(),
            }));
        };
        for tag in page {
            match tag {
                // Pages shift while tags come and go.
                Ok(tag) if is_tag(&tag.name) => {
                    if listed.tags.len() < MAX_TAGS && seen.insert(tag.name.clone()) {
                        listed.tags.push(tag);
                    }
                }
                Ok(Tag { name, .. }) | Err(name) => {
                    let why = Explanation {
                        message: "the registry lists a tag with a name that no tag can have".to_owned(),
                        hint: "Delete the tag, or report it to whoever runs the registry.".to_owned(),
                    };
                    listed.skipped.push((
                        name.chars().take(128).collect(),
                        Skip { reason: SkipReason::Corrupt, why },
                    ));
                }
            }
        }
        next = link::target(&answer.headers, "next").and_then(|link| registry.resolve(&request.url, &link));
    }
    Ok(listed)
}

/// A page of GitLab's own list.
fn own_page(page: &Value) -> Option<Vec<Result<Tag, String>>> {
    let tags = page.as_array()?;
    Some(
        tags.iter()
            .map(|tag| {
                let text = |key: &str| tag.get(key).and_then(Value::as_str);
                let name = text("name").ok_or_else(|| String::from("(without a name)"))?.to_owned();
                let pushed = text("published_at")
                    .or_else(|| text("updated_at"))
                    .or_else(|| text("created_at"))
                    .and_then(time::normal);
                let digest = text("digest").and_then(|digest| Digest::parse(digest).ok());
                Ok(Tag { name, digest, pushed })
            })
            .collect(),
    )
}

/// A page of the distribution specification's list.
fn plain_page(page: &Value) -> Option<Vec<Result<Tag, String>>> {
    match page.as_object()?.get("tags")? {
        Value::Null => Some(Vec::new()),
        Value::Array(tags) => Some(
            tags.iter()
                .map(|tag| match tag.as_str() {
                    Some(name) => Ok(Tag { name: name.to_owned(), digest: None, pushed: None }),
                    None => Err("(without a name)".to_owned()),
                })
                .collect(),
        ),
        _ => None,
    }
}

/// The first tag of an answer to the plain list.
pub(super) fn first(answer: &Fetched) -> Option<String> {
    let page = serde_json::from_slice::<Value>(&answer.body).ok()?;
    plain_page(&page)?.into_iter().flatten().map(|tag| tag.name).find(|name| is_tag(name))
}

/// Asks for the digests that are missing, many at once. A tag whose digest can't be told is answered with
/// the reason; trouble that concerns more than one tag is a failure.
pub fn digests(
    registry: &Registry<'_, '_>,
    repository: &str,
    tags: &mut [Tag],
) -> Result<Vec<(String, Skip)>, Failure> {
    let missing: Vec<(usize, Request)> = tags
        .iter()
        .enumerate()
        .filter(|(_, tag)| tag.digest.is_none())
        .map(|(index, tag)| (index, manifest::request(registry, repository, &tag.name, Method::Head)))
        .collect();
    let mut skipped = Vec::new();
    for (index, answer) in registry.fetch_all(missing, repository, manifest::MAX_MANIFEST_BYTES) {
        let answer = answer?;
        let Some(tag) = tags.get_mut(index) else { continue };
        if answer.status == 200
            && let Some(digest) =
                answer.headers.get("docker-content-digest").and_then(|digest| Digest::parse(digest).ok())
        {
            tag.digest = Some(digest);
            continue;
        }
        // Not every server answers HEAD as it should; GET says why, too.
        let request = manifest::request(registry, repository, &tag.name, Method::Get);
        let answer = registry.fetch(request.clone(), repository, manifest::MAX_MANIFEST_BYTES)?;
        match answer.status {
            200 => tag.digest = Some(manifest::digest_of(&answer)),
            _ => skipped.push((tag.name.clone(), manifest::skip(registry, &request, &answer, repository)?)),
        }
    }
    Ok(skipped)
}
