//! Who answers for a project: the CODEOWNERS file of its default branch, and its maintainers.
//!
//! Owners are told for routing only. What can't be read of them is a note; it never costs the scan, and it
//! never keeps the scan from being complete: nothing is closed because an owner was not seen.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::api::{Api, Listing, Mark, lenient, segment};
use super::errors::{explain, explanation, from_transport, looks_like_html};
use super::findings::note;
use super::project::RepositoryFacts;
use crate::contract::{Attribute, Failure, SkipReason, Skipped};
use crate::http::{Fetched, Request};
use crate::session::Session;
use crate::time;

/// Where GitLab looks for the file, in its order: the first that is there counts, the others don't.
pub const PLACES: [&str; 3] = ["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"];

/// Bytes of the longest file that is told: as long as a text of an observation may be.
pub const CODEOWNERS_CAP: usize = 64 * 1024;

/// Maintainers that are told.
pub const MAX_MAINTAINERS: usize = 50;

/// Pages of members that are followed: 2,000 members, those without a say among them.
const MEMBER_PAGES: usize = 20;

/// Role from which on a member answers for the project.
const MAINTAINER: u32 = 40;

/// Bytes of the longest name of a user.
const USERNAME_CAP: usize = 255;

/// What the file is called in notes.
const FILE: &str = "CODEOWNERS";

/// What the list of members is called in notes.
const MEMBERS: &str = "project members";

/// Who answers for a project, and what could not be read of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Owners {
    /// `codeowners` and `codeowners-path`, `maintainers` (repeats).
    pub attributes: Vec<Attribute>,
    /// What could not be read, and why.
    pub notes: Vec<Skipped>,
}

impl Owners {
    /// True when another try on the same day would say the same.
    pub fn is_lasting(&self) -> bool {
        let passing = |note: &Skipped| note.skip.reason == SkipReason::Unreachable;
        !self.notes.iter().any(passing)
    }

    fn lack(&mut self, name: &str, failure: Failure) -> Result<(), Failure> {
        let reason = match &failure {
            Failure::Stopped => return Err(failure),
            // The project itself was read a moment ago: what is not there is hidden.
            Failure::Forbidden(_) | Failure::Unauthenticated(_) | Failure::NotFound(_) => {
                SkipReason::Forbidden
            }
            Failure::OverLimit(_) => SkipReason::OverLimit,
            _ => SkipReason::Unreachable,
        };
        self.notes.push(note(name, reason, explanation(&failure)));
        Ok(())
    }
}

/// Reads the owners of a repository's project. Only a stop is a failure.
pub fn of_project(session: &Session<'_>, facts: &RepositoryFacts) -> Result<Owners, Failure> {
    let api = Api::known_good(session);
    let mut owners = Owners::default();
    // A project whose repository is switched off has no file, whoever asks.
    if facts.has_code {
        codeowners(&api, facts, &mut owners)?;
    }
    maintainers(&api, facts, &mut owners)?;
    Ok(owners)
}

fn codeowners(
    api: &Api<'_, '_>,
    facts: &RepositoryFacts,
    owners: &mut Owners,
) -> Result<(), Failure> {
    // Where the role hides the branch, or there is none yet, GitLab's answer to HEAD says which it is.
    let branch = segment(facts.default_branch.as_deref().unwrap_or("HEAD"));
    let request = |place: &&'static str| -> (&'static str, Request) {
        let path = format!(
            "projects/{}/repository/files/{}/raw?ref={branch}",
            facts.project_id,
            segment(place)
        );
        (place, api.request(&path))
    };
    let requests: Vec<(&str, Request)> = PLACES.iter().map(request).collect();
    let urls: Vec<String> = requests.iter().map(|(_, one)| one.url.clone()).collect();
    let answers = api
        .session()
        .client
        .fetch_overlapped(requests, CODEOWNERS_CAP);
    for ((place, answer), url) in answers.zip(urls) {
        let answer = match answer.map_err(from_transport) {
            Ok(answer) => answer,
            // It is there, and it is the one that counts.
            Err(Failure::OverLimit(_)) => {
                owners.notes.push(too_long(place, facts));
                return Ok(());
            }
            Err(failure) => return owners.lack(FILE, failure),
        };
        match answer.status {
            200..300 => {
                take(place, &answer, facts, owners);
                return Ok(());
            }
            404 => {}
            // As long as one is not known, those behind it say nothing.
            _ => return owners.lack(FILE, api.failure(&url, &answer)),
        }
    }
    Ok(())
}

fn take(place: &str, answer: &Fetched, facts: &RepositoryFacts, owners: &mut Owners) {
    let kind = answer.headers.get("content-type").unwrap_or_default();
    // GitLab says text/plain of every file, lest a browser runs it.
    if kind.starts_with("text/html") && looks_like_html(&answer.body) {
        let why = explain(
            format!(
                "A web page came instead of the file {place} of {}.",
                facts.project_path
            ),
            "A proxy or a sign-in page may stand in front of GitLab; let it pass requests to /api/.",
        );
        owners.notes.push(note(FILE, SkipReason::Unreachable, why));
        return;
    }
    // Letters that are none grow when they are replaced.
    let text = String::from_utf8_lossy(&answer.body);
    if text.len() > CODEOWNERS_CAP {
        owners.notes.push(too_long(place, facts));
        return;
    }
    let mut add = |key: &str, value: &str| {
        owners.attributes.push((key.to_owned(), value.to_owned()));
    };
    add("codeowners-path", place);
    add("codeowners", &text);
}

fn too_long(place: &str, facts: &RepositoryFacts) -> Skipped {
    let why = explain(
        format!(
            "The file {place} of {} has more than {} KiB, so the owners that it names are not known.",
            facts.project_path,
            CODEOWNERS_CAP / 1024
        ),
        "Make the file shorter: one line for a folder does for all that is in it.",
    );
    note(FILE, SkipReason::OverLimit, why)
}

/// A member of a project, direct or inherited.
#[derive(Debug, Deserialize)]
struct Member {
    username: String,
    #[serde(default, deserialize_with = "lenient")]
    access_level: u32,
    /// Of the user: `blocked`, `deactivated`, ….
    #[serde(default, deserialize_with = "lenient")]
    state: Option<String>,
    /// Of the membership: `awaiting`.
    #[serde(default, deserialize_with = "lenient")]
    membership_state: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    expires_at: Option<String>,
}

impl Member {
    /// True for a person who answers for the project now.
    fn is_maintainer(&self, now: u64) -> bool {
        let active = |state: &Option<String>| state.as_deref().is_none_or(|text| text == "active");
        let ended = |day: &str| {
            let end = time::parse(day);
            end.is_some_and(|end| time::is_older_than(end, 0, now))
        };
        self.access_level >= MAINTAINER
            && active(&self.state)
            && active(&self.membership_state)
            && !self.expires_at.as_deref().is_some_and(ended)
            && !is_bot(&self.username)
    }
}

/// True for the users that GitLab makes for access tokens of a project or group (`project_7_bot_1f…`).
fn is_bot(username: &str) -> bool {
    let rest = ["project_", "group_"]
        .iter()
        .find_map(|kind| username.strip_prefix(kind));
    rest.and_then(|rest| rest.split_once("_bot"))
        .is_some_and(|(number, end)| {
            !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
                && (end.is_empty() || end.starts_with('_') || end.bytes().all(is_digit))
        })
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// True for what GitLab takes as the name of a user.
fn is_username(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && text.len() <= USERNAME_CAP && text.bytes().all(fits)
}

fn maintainers(
    api: &Api<'_, '_>,
    facts: &RepositoryFacts,
    owners: &mut Owners,
) -> Result<(), Failure> {
    let listing = Listing::new(format!("projects/{}/members/all", facts.project_id), "");
    let now = api.now();
    let mut mark = Mark::Page(1);
    let mut names: BTreeSet<String> = BTreeSet::new();
    let mut odd: usize = 0;
    let mut more = false;
    for page in 0..MEMBER_PAGES {
        let answer = match api.page::<Member>(&listing, &mark) {
            Ok(answer) => answer,
            Err(failure) => {
                owners.lack(MEMBERS, failure)?;
                break;
            }
        };
        odd += answer.unreadable;
        for member in answer.items {
            if !is_username(&member.username) {
                odd += 1;
            } else if member.is_maintainer(now) {
                names.insert(member.username);
            }
        }
        if let Some(fault) = answer.fault {
            let fault = note(MEMBERS, SkipReason::Unreachable, fault);
            owners.notes.push(fault);
        }
        let Some(next) = answer.next else { break };
        mark = next;
        more = page + 1 == MEMBER_PAGES;
    }
    let project = &facts.project_path;
    let mut say = |reason, message: String, hint: &str| {
        owners
            .notes
            .push(note(MEMBERS, reason, explain(message, hint)));
    };
    if odd > 0 {
        say(
            SkipReason::Corrupt,
            format!("{odd} members of {project} can't be read."),
            "This GitLab may be newer than the connector; update it.",
        );
    }
    if more {
        say(
            SkipReason::OverLimit,
            format!(
                "{project} has more members than the {} that were looked at, so some of its maintainers \
                 may be missing.",
                MEMBER_PAGES * 100
            ),
            "Name the owners of its images in a CODEOWNERS file.",
        );
    }
    if names.len() > MAX_MAINTAINERS {
        say(
            SkipReason::OverLimit,
            format!(
                "{project} has {} maintainers and owners; the first {MAX_MAINTAINERS} by name are told.",
                names.len()
            ),
            "Name the owners of its images in a CODEOWNERS file.",
        );
    }
    let told = names.into_iter().take(MAX_MAINTAINERS);
    let attribute = |name: String| ("maintainers".to_owned(), format!("@{name}"));
    owners.attributes.extend(told.map(attribute));
    Ok(())
}

#[cfg(test)]
#[path = "owners_tests.rs"]
mod tests;
