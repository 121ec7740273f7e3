//! Scans one location: an image repository, from its tags to its packages, and what GitLab itself found
//! in it.
//!
//! Straight-line code. Each image is emitted with a cursor that covers it, so a scan that was interrupted
//! goes on behind the last image; what fails is skipped with its reason, unless it concerns everything.

mod attached;
mod cursor;
mod image;
mod layers;
mod owners;
mod plan;
mod skips;

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::contract::log::Level;
use crate::contract::sink::{Progress, ScanProgress};
use crate::contract::{
    Attribute, Context, Explanation, Failure, Finding, Observation, ScanRequest, ScanSummary, Skip,
    SkipReason, SkipSubject, Skipped,
};
use crate::gitlab::{self, findings::Vocabulary, owners::Owners};
use crate::registry::reference::is_repository;
use crate::registry::{Digest, Registry, RegistryInfo};
use crate::session::{Session, Sink};

use cursor::Cursor;
use skips::is_loss;

/// The name that goes with the token; the token service looks at the token only.
const USERNAME: &str = "ox-connector";
/// Observations of one batch.
const BATCH: usize = 200;

/// What is scanned.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Host of the registry, with its port where it has one.
    pub host: String,
    /// Path of the repository in the registry.
    pub path: String,
    /// Why it can't be scanned, if so.
    pub unscannable: Option<Skip>,
    /// Of the project and the repository: owners, topics, state.
    pub attributes: Vec<Attribute>,
    /// What could not be read of the owners. It closes nothing, so the scan may be complete all the same.
    pub notes: Vec<Skipped>,
}

/// Takes one finding after the other.
pub type TakeFinding<'f> = dyn FnMut(Finding) -> Result<(), Failure> + 'f;
/// Reads GitLab's own findings, and answers what could not be read.
pub type ReadFindings<'f> = dyn FnMut(&mut TakeFinding<'_>) -> Result<Vec<Skipped>, Failure> + 'f;

/// A scan under way.
struct Run<'r, 's, 't> {
    registry: &'r Registry<'s, 't>,
    repository: &'r str,
    sink: &'r mut dyn Sink,
    cursor: Cursor,
    /// The cursor before the present image.
    before_image: String,
    /// Layers that the host's cache had.
    known: HashSet<String>,
    shelf: layers::Shelf,
    /// Blobs in a row that failed on the wire.
    broken_row: u32,
    /// Why no blob can be fetched although the registry answers: its storage can't be reached from here.
    storage_down: Option<Explanation>,
    done: u64,
    total: u64,
}

impl Run<'_, '_, '_> {
    fn emit(&mut self, observations: Vec<Observation>, cursor: String) -> Result<(), Failure> {
        // Why the host stops is its own knowledge.
        self.sink
            .emit(observations, cursor)
            .map_err(|_| Failure::Stopped)
    }

    fn doing(&mut self, doing: &str) {
        let (done, total) = (self.done, self.total);
        self.sink.progress(Progress::Scan(ScanProgress {
            done,
            total,
            doing: doing.to_owned(),
        }));
    }
}

/// Scans one location of the kind `image-repository`.
pub fn scan(
    session: &Session<'_>,
    request: &ScanRequest,
    sink: &mut dyn Sink,
) -> Result<ScanSummary, Failure> {
    let (project, number) = location(&request.location)?;
    let facts = gitlab::project::repository(session, project, number)?;
    let mut attributes = facts.project_attributes.clone();
    attributes.extend(facts.attributes.iter().cloned());
    let owners = match facts.unscannable {
        None => owners::owners(session, &facts, sink)?,
        Some(_) => Owners::default(),
    };
    attributes.extend(owners.attributes);
    let target = Target {
        host: facts.registry_host.clone(),
        path: facts.path.clone(),
        unscannable: facts.unscannable.clone(),
        attributes,
        notes: owners.notes,
    };
    let key = format!("graphql/{}", day(session.client.transport().unix_now()));
    let kept: Option<Vocabulary> = sink
        .cache_get(&key)
        .and_then(|kept| serde_json::from_slice(&kept).ok());
    let mut vocabulary = kept.clone();
    let summary = repository(session, &target, request, sink, &mut |take| {
        gitlab::findings::for_repository(session, &facts, &mut vocabulary, take)
            .map(|outcome| outcome.notes)
    })?;
    if vocabulary != kept
        && let Some(vocabulary) = vocabulary
        && let Ok(bytes) = serde_json::to_vec(&vocabulary)
    {
        sink.cache_put(&key, &bytes);
    }
    Ok(summary)
}

/// Project and repository of a location (`repository/34/56`).
pub fn location(id: &str) -> Result<(u64, u64), Failure> {
    let mut parts = id.split('/');
    let number = |part: Option<&str>| part?.parse::<u64>().ok();
    match (
        parts.next(),
        number(parts.next()),
        number(parts.next()),
        parts.next(),
    ) {
        (Some("repository"), Some(project), Some(repository), None) => Ok((project, repository)),
        _ => Err(Failure::NotFound(Explanation {
            message: format!("{id:?} is no image repository of this connector."),
            hint: "List the locations again and scan one of those.".to_owned(),
        })),
    }
}

/// Scans a repository of which everything is known.
pub fn repository(
    session: &Session<'_>,
    target: &Target,
    request: &ScanRequest,
    sink: &mut dyn Sink,
    findings: &mut ReadFindings<'_>,
) -> Result<ScanSummary, Failure> {
    let cursor = match request
        .cursor
        .as_deref()
        .filter(|cursor| !cursor.is_empty())
    {
        None => Cursor::default(),
        Some(text) => Cursor::read(text).unwrap_or_else(|why| {
            sink.log(
                Level::Warn,
                &format!("The cursor can't be used, so the scan starts anew: {why}."),
            );
            Cursor::default()
        }),
    };
    if let Some(skip) = target.unscannable.clone() {
        let skipped = Skipped {
            subject: SkipSubject::Location,
            name: target.path.clone(),
            image: None,
            skip,
        };
        sink.emit(vec![Observation::Skipped(skipped)], cursor.write())
            .map_err(|_| Failure::Stopped)?;
        let mut summary = Cursor::default().summary(0, 0, 1);
        summary.complete = false;
        return Ok(summary);
    }
    let path = target.path.to_lowercase();
    if !is_repository(&path) {
        return Err(Failure::UnexpectedAnswer(Explanation {
            message: format!("GitLab names the repository {path:?}, which no registry can have."),
            hint: "Rename the project or the image in GitLab.".to_owned(),
        }));
    }
    let mut registry = Registry::connect(session, USERNAME, &target.host)?;
    // What it is changes rarely: a day's scans ask once. Should it have changed, the list of tags finds out.
    let key = format!(
        "registry/{}/{}",
        registry.url(""),
        day(session.client.transport().unix_now())
    );
    match sink
        .cache_get(&key)
        .and_then(|kept| serde_json::from_slice::<RegistryInfo>(&kept).ok())
    {
        Some(info) => registry.remember(info),
        None => {
            let info = registry.ping_for(&path)?;
            if let Ok(kept) = serde_json::to_vec(&info) {
                sink.cache_put(&key, &kept);
            }
        }
    }
    let plan = plan::make(&registry, &path)?;
    let listed_skips = plan.skips.len() + target.notes.len() as u64;
    let listed_loss = plan.skips.any_loss();
    let list = plan.identity();
    let mut run = Run {
        registry: &registry,
        repository: &path,
        sink,
        before_image: String::new(),
        cursor,
        known: HashSet::new(),
        shelf: layers::Shelf::default(),
        broken_row: 0,
        storage_down: None,
        done: 0,
        total: plan.images.len() as u64,
    };
    let mut first = plan.skips.into_observations();
    let notes = target.notes.iter().cloned();
    first.splice(0..0, notes.map(Observation::Skipped));
    if !target.attributes.is_empty() {
        first.insert(
            0,
            Observation::Context(Context {
                location: request.location.clone(),
                attributes: target.attributes.clone(),
            }),
        );
    }
    if !run.cursor.take_up(list.as_str()) {
        let message = "The tags have changed since the scan was interrupted, and more images were done than the cursor \
                       remembers, so it starts anew.";
        run.sink.log(Level::Info, message);
    }
    // An earlier call has told all this, unless the list has changed.
    let listed = Digest::of(format!("{first:?}").as_bytes())
        .as_str()
        .to_owned();
    if run.cursor.counts.listed.as_ref() != Some(&listed) {
        while !first.is_empty() {
            let rest = first.split_off(first.len().min(BATCH));
            let batch = std::mem::replace(&mut first, rest);
            if first.is_empty() {
                run.cursor.counts.listed = Some(listed.clone());
            }
            let cursor = run.cursor.write();
            run.emit(batch, cursor)?;
        }
    }
    run.before_image = run.cursor.write();
    for (place, planned) in plan.images.into_iter().enumerate() {
        if !run.cursor.is_done(place, &planned.identity()) {
            let name = planned
                .tags
                .first()
                .map_or_else(|| planned.digest.to_string(), |tag| format!("{path}:{tag}"));
            run.doing(&name);
            run.image(place, planned)?;
        }
        run.done += 1;
    }
    run.doing("what GitLab found");
    let (told, notes) = run.findings(findings)?;
    let total = run.total;
    run.done = total;
    run.doing("");
    let mut summary = run
        .cursor
        .summary(plan.tags, told, listed_skips + notes.len() as u64);
    summary.complete &= !listed_loss && !notes.iter().any(is_loss);
    if let Some(version) = &registry.info().version {
        summary
            .attributes
            .push(("registry.version".to_owned(), version.clone()));
    }
    Ok(summary)
}

impl Run<'_, '_, '_> {
    /// Emits GitLab's findings, and what is missing of them.
    fn findings(&mut self, read: &mut ReadFindings<'_>) -> Result<(u64, Vec<Skipped>), Failure> {
        let cursor = self.cursor.write();
        let mut batch = Vec::new();
        let mut told = 0;
        let notes = read(&mut |finding| {
            told += 1;
            batch.push(Observation::Finding(finding));
            if batch.len() < BATCH {
                return Ok(());
            }
            self.emit(std::mem::take(&mut batch), cursor.clone())
        });
        let notes = match notes {
            Ok(notes) => notes,
            Err(
                failure
                @ (Failure::Stopped | Failure::Unauthenticated(_) | Failure::RateLimited(_)),
            ) => {
                return Err(failure);
            }
            // The images are scanned, and that is what counts.
            Err(failure) => vec![Skipped {
                subject: SkipSubject::Source,
                name: "GitLab's findings".to_owned(),
                image: None,
                skip: of_source(failure),
            }],
        };
        batch.extend(notes.iter().cloned().map(Observation::Skipped));
        if !batch.is_empty() {
            self.emit(batch, cursor)?;
        }
        Ok((told, notes))
    }
}

/// Days since 1970.
fn day(unix: u64) -> u64 {
    unix / (24 * 60 * 60)
}

fn of_source(failure: Failure) -> Skip {
    match failure {
        Failure::Forbidden(lack) => Skip {
            reason: SkipReason::Forbidden,
            why: lack.why,
        },
        Failure::OverLimit(why) => Skip {
            reason: SkipReason::OverLimit,
            why,
        },
        Failure::NotFound(why) => Skip {
            reason: SkipReason::Empty,
            why,
        },
        Failure::UnexpectedAnswer(why)
        | Failure::Unavailable(why)
        | Failure::Unauthenticated(why) => Skip {
            reason: SkipReason::Unreachable,
            why,
        },
        Failure::InvalidSettings(fault) => Skip {
            reason: SkipReason::Unreachable,
            why: fault.why,
        },
        Failure::RateLimited(limit) => Skip {
            reason: SkipReason::Unreachable,
            why: limit.why,
        },
        Failure::Stopped => Skip {
            reason: SkipReason::Unreachable,
            why: Explanation {
                message: "the call was stopped".to_owned(),
                hint: String::new(),
            },
        },
    }
}
