//! Container scanning reports that CI jobs of the default branch left as artifacts.
//!
//! They exist in every edition. Which job made one is told by the type of its artifacts, not by its name:
//! jobs are renamed, and a matrix makes many. Of each name the newest report counts, since every job of a
//! matrix looks at another image.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use super::api::{Api, Listing, Mark, lenient, segment};
use super::errors::{explain, explanation};
use super::findings::{Emit, note};
use super::project::RepositoryFacts;
use super::schema;
use crate::contract::{Explanation, Failure, SkipReason, Skipped};
use crate::time;

pub use super::schema::SOURCE;

/// Pages of jobs that are looked through, newest first: the last 500 jobs.
const JOB_PAGES: usize = 5;

/// Reports that are read at most: jobs of a large matrix.
const REPORTS: usize = 20;

/// Bytes of the longest report. 20,000 vulnerabilities with their descriptions fit.
pub const REPORT_CAP: usize = 64 * 1024 * 1024;

/// Name of a report where the job does not tell another.
const FILE: &str = "gl-container-scanning-report.json";

/// Name of the job in GitLab's own template.
const JOB: &str = "container_scanning";

/// What reports are called in notes.
const NAME: &str = "GitLab container scanning report";

/// What was read.
#[derive(Debug, Default)]
pub struct ReportOutcome {
    /// A report was read to its end.
    pub found: bool,
    /// Findings that were handed over.
    pub count: u64,
    /// What could not be read, and why.
    pub notes: Vec<Skipped>,
}

#[derive(Debug, Deserialize)]
struct Job {
    id: u64,
    #[serde(default, deserialize_with = "lenient")]
    name: String,
    #[serde(rename = "ref", default, deserialize_with = "lenient")]
    branch: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    tag: bool,
    #[serde(default, deserialize_with = "lenient")]
    artifacts: Vec<Artifact>,
    #[serde(default, deserialize_with = "lenient")]
    artifacts_expire_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Artifact {
    #[serde(deserialize_with = "lenient")]
    file_type: String,
    #[serde(deserialize_with = "lenient")]
    filename: Option<String>,
}

impl Job {
    fn has(&self, file_type: &str) -> bool {
        self.artifacts
            .iter()
            .any(|artifact| artifact.file_type == file_type)
    }

    /// Name of the report in the job's archive.
    fn file(&self) -> &str {
        self.artifacts
            .iter()
            .find(|artifact| artifact.file_type == "container_scanning")
            .and_then(|artifact| artifact.filename.as_deref())
            .map(|name| name.strip_suffix(".gz").unwrap_or(name))
            .filter(|name| name.ends_with(".json"))
            .unwrap_or(FILE)
    }
}

/// Hands over what the newest reports say about images of that repository.
pub fn for_repository(
    api: &Api<'_, '_>,
    facts: &RepositoryFacts,
    emit: &mut Emit<'_>,
) -> Result<ReportOutcome, Failure> {
    let mut out = ReportOutcome::default();
    let Some(branch) = facts.default_branch.as_deref() else {
        let why = explain(
            format!(
                "{} has no default branch that the token's user can see, so no report of it.",
                facts.project_path
            ),
            "Give the user the role Reporter if the project has a repository.",
        );
        out.notes.push(note(NAME, SkipReason::Empty, why));
        return Ok(out);
    };
    let jobs = match jobs(api, facts, branch) {
        Ok(jobs) => jobs,
        Err(failure) => {
            out.notes.push(unreadable(failure)?);
            Vec::new()
        }
    };
    let mut seen = HashSet::new();
    for job in jobs.iter().take(REPORTS) {
        let path = format!(
            "projects/{}/jobs/{}/artifacts/{}",
            facts.project_id,
            job.id,
            segment(job.file())
        );
        match download(api, &path)? {
            Ok(bytes) => take(&bytes, &job.name, facts, &mut seen, emit, &mut out)?,
            Err(failure) => out.notes.push(missing(api, job, failure)?),
        }
    }
    if jobs.len() > REPORTS {
        let why = explain(
            format!(
                "{} jobs of {} leave reports; the first {REPORTS} were read.",
                jobs.len(),
                facts.project_path
            ),
            "Let fewer jobs scan several images each.",
        );
        out.notes.push(note(NAME, SkipReason::OverLimit, why));
    }
    if jobs.is_empty() {
        // The job may be older than the ones looked through; GitLab finds the one of its template itself.
        let path = format!(
            "projects/{}/jobs/artifacts/{}/raw/{FILE}?job={JOB}",
            facts.project_id,
            segment(branch)
        );
        match download(api, &path)? {
            Ok(bytes) => take(&bytes, JOB, facts, &mut seen, emit, &mut out)?,
            Err(Failure::NotFound(_)) if out.notes.is_empty() => {
                let why = explain(
                    format!(
                        "No job on the branch {branch} of {} has left a container scanning report.",
                        facts.project_path
                    ),
                    "Add GitLab's container scanning to the pipeline (it is free), or rely on this scan alone.",
                );
                out.notes.push(note(NAME, SkipReason::Empty, why));
            }
            Err(failure) if out.notes.is_empty() => out.notes.push(unreadable(failure)?),
            Err(_) => {}
        }
    }
    Ok(out)
}

/// The newest job of each name on that branch that left a report, newest first.
fn jobs(api: &Api<'_, '_>, facts: &RepositoryFacts, branch: &str) -> Result<Vec<Job>, Failure> {
    let listing = Listing::new(
        format!("projects/{}/jobs", facts.project_id),
        "scope%5B%5D=success&scope%5B%5D=failed&order_by=id&sort=desc",
    );
    let (mut mark, mut newest) = (Mark::Keyset, BTreeMap::<String, Job>::new());
    for _ in 0..JOB_PAGES {
        let page = api.page::<Job>(&listing, &mark)?;
        let reports = page.items.into_iter().filter(|job| {
            !job.tag && job.branch.as_deref() == Some(branch) && job.has("container_scanning")
        });
        for job in reports {
            match newest.get(&job.name) {
                Some(known) if known.id >= job.id => {}
                _ => {
                    newest.insert(job.name.clone(), job);
                }
            }
        }
        match page.next {
            // Jobs of the same pipeline are next to each other, but a page may cut it in two.
            Some(next) if newest.is_empty() || mark == Mark::Keyset => mark = next,
            _ => break,
        }
    }
    let mut newest: Vec<Job> = newest.into_values().collect();
    newest.sort_by_key(|job| std::cmp::Reverse(job.id));
    Ok(newest)
}

/// The file; what GitLab refuses stands inside, what ends everything outside.
fn download(api: &Api<'_, '_>, path: &str) -> Result<Result<Vec<u8>, Failure>, Failure> {
    match api.fetch_guarded(&api.request(path), REPORT_CAP) {
        Ok(answer) => Ok(Ok(answer.body)),
        Err(Failure::Stopped) => Err(Failure::Stopped),
        // A 401 here may be about the artifact alone: only the token's own page can tell.
        Err(Failure::Unauthenticated(why)) => match api.json::<serde_json::Value>("user") {
            Err(failure @ Failure::Unauthenticated(_)) => Err(failure),
            _ => Ok(Err(Failure::Forbidden(crate::contract::LackOfPermission {
                missing_scopes: Vec::new(),
                why,
            }))),
        },
        Err(failure) => Ok(Err(failure)),
    }
}

fn take(
    bytes: &[u8],
    job: &str,
    facts: &RepositoryFacts,
    seen: &mut HashSet<String>,
    emit: &mut Emit<'_>,
    out: &mut ReportOutcome,
) -> Result<(), Failure> {
    let mut refused = None;
    let mut count = 0;
    let read = schema::read(bytes, facts, &mut |mut finding| {
        if seen.insert(finding.id.clone()) {
            finding.attributes.push(("job".to_owned(), job.to_owned()));
            if let Err(failure) = emit(finding) {
                refused = Some(failure);
                return false;
            }
            count += 1;
        }
        true
    });
    out.count += count;
    if let Some(failure) = refused {
        return Err(failure);
    }
    match read {
        Ok(read) => {
            out.found = true;
            if read.unreadable > 0 {
                let why = explain(
                    format!(
                        "{} vulnerabilities in the report of the job {job} (schema {}) can't be read.",
                        read.unreadable, read.version
                    ),
                    "Update the scanner that writes the report.",
                );
                out.notes.push(note(NAME, SkipReason::Corrupt, why));
            }
            if read.elsewhere > 0 {
                let why = explain(
                    format!(
                        "{} vulnerabilities in the report of the job {job} are about images outside of {}, so \
                         about none that is scanned here.",
                        read.elsewhere, facts.registry_host
                    ),
                    "Look at them in the job's report in GitLab.",
                );
                out.notes.push(note(NAME, SkipReason::NotSelected, why));
            }
            if read.failed_scan {
                let why = explain(
                    format!(
                        "The report of the job {job} says that its scan failed, so it may be incomplete."
                    ),
                    "Look at the job's log in GitLab.",
                );
                out.notes.push(note(NAME, SkipReason::Corrupt, why));
            }
        }
        Err(error) => {
            let why = explain(
                format!("The report of the job {job} is broken: {error}."),
                "Look at the job's log in GitLab, and run the pipeline again.",
            );
            out.notes.push(note(NAME, SkipReason::Corrupt, why));
        }
    }
    Ok(())
}

/// A note for a job whose report could not be fetched.
fn missing(api: &Api<'_, '_>, job: &Job, failure: Failure) -> Result<Skipped, Failure> {
    let now = i64::try_from(api.now()).unwrap_or(i64::MAX);
    let expires = job.artifacts_expire_at.as_deref();
    let expired = expires
        .and_then(time::parse)
        .is_some_and(|time| time.as_second() <= now);
    let name = &job.name;
    let (reason, why): (SkipReason, Explanation) = match &failure {
        Failure::NotFound(_) if expired => (
            SkipReason::Gone,
            explain(
                format!(
                    "The report of the job {name} has expired ({}).",
                    expires.unwrap_or("date not told")
                ),
                "Run the pipeline of the default branch again, or let its artifacts expire later.",
            ),
        ),
        Failure::NotFound(_) if !job.has("archive") => (
            SkipReason::Unsupported,
            explain(
                format!("The job {name} has a report that GitLab does not let anybody download."),
                format!(
                    "Name {} in the job's artifacts:paths too, as GitLab's template does.",
                    job.file()
                ),
            ),
        ),
        Failure::NotFound(_) => (
            SkipReason::Gone,
            explain(
                format!(
                    "The archive of the job {name} does not hold {}.",
                    job.file()
                ),
                "Name the report in the job's artifacts:paths, at the top of the project's folder.",
            ),
        ),
        _ => return unreadable(failure),
    };
    Ok(note(NAME, reason, why))
}

fn unreadable(failure: Failure) -> Result<Skipped, Failure> {
    let reason = match &failure {
        Failure::Unauthenticated(_) | Failure::Stopped => return Err(failure),
        Failure::Forbidden(_) => SkipReason::Forbidden,
        Failure::NotFound(_) => SkipReason::Gone,
        Failure::OverLimit(_) => SkipReason::OverLimit,
        _ => SkipReason::Unreachable,
    };
    Ok(note(NAME, reason, explanation(&failure)))
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
