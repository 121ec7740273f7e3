//! What GitLab's own scanners found in one image repository.
//!
//! First the vulnerability report, by GraphQL: it has the states that people set, but only with a licence
//! (and on a build) that has it. Otherwise the newest reports that CI jobs of the default branch left. What
//! could not be read, and why, is a note; it never costs the image scan.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::api::{Api, lenient};
use super::errors::{explain, explanation, quote};
use super::graphql::{Fault, Introspect, introspect, query};
use super::project::RepositoryFacts;
use super::report;
use super::vulnerability::{OPTIONAL, PORTABLE, SOURCE, Vulnerability};
use crate::contract::{Explanation, Failure, Finding, Skip, SkipReason, SkipSubject, Skipped};
use crate::session::Session;

/// Findings of a page that are asked for at first: the most that GitLab gives.
const FIRST_PAGE: u64 = 100;

/// Below this a page is not made smaller: then fields go.
const SMALLEST_PAGE: u64 = 5;

/// Pages of one project that are followed; with the smallest pages still 10,000 findings.
const PAGES: usize = 2_000;

/// Times that a query is changed to suit the server before it counts as refused.
const CHANGES: usize = 40;

/// Role that may read vulnerabilities.
const DEVELOPER: u32 = 30;

/// What the vulnerability report is called in notes.
const REPORT_NAME: &str = "GitLab vulnerability report";

/// Where the findings came from, and what is missing.
#[derive(Debug, Default)]
pub struct FindingsOutcome {
    /// `gitlab-graphql` or `gitlab-report`; `None` when neither could be read.
    pub source: Option<&'static str>,
    /// Findings that were handed over.
    pub count: u64,
    /// What could not be read, and why.
    pub notes: Vec<Skipped>,
}

impl FindingsOutcome {
    /// The first note.
    pub fn note(&self) -> Option<&Skipped> {
        self.notes.first()
    }
}

/// What introspection shows of the part of the schema that findings come from. It changes when the server is
/// upgraded; whoever keeps it spares two requests a scan. One that is too old does no harm: a query that the
/// server refuses is changed until it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vocabulary {
    /// Fields of `Vulnerability`; none where introspection is closed.
    pub fields: Vec<String>,
    /// Values of `VulnerabilityReportType`.
    pub report_types: Vec<String>,
}

/// Takes one finding; its failure ends the reading.
pub type Emit<'e> = dyn FnMut(Finding) -> Result<(), Failure> + 'e;

/// A note on a source of findings.
pub(super) fn note(name: &str, reason: SkipReason, why: Explanation) -> Skipped {
    Skipped {
        subject: SkipSubject::Source,
        name: name.to_owned(),
        image: None,
        skip: Skip { reason, why },
    }
}

/// Hands over every finding of GitLab's container scanning that is about an image of that repository. Only
/// a refused token, a stop, and what `emit` answers are failures. `vocabulary` is asked for where it is not
/// known, and left for the next time.
pub fn for_repository(
    session: &Session<'_>,
    facts: &RepositoryFacts,
    vocabulary: &mut Option<Vocabulary>,
    emit: &mut Emit<'_>,
) -> Result<FindingsOutcome, Failure> {
    let api = Api::known_good(session);
    let mut reading = Reading {
        api: &api,
        facts,
        out: FindingsOutcome::default(),
        vocabulary,
        unreadable: 0,
        unplaced: 0,
        elsewhere: 0,
    };
    let told = reading.graphql(emit)?;
    let mut out = reading.finish();
    match told {
        Told::All => out.source = Some(SOURCE),
        Told::Some(why) => {
            out.source = Some(SOURCE);
            out.notes.push(why);
        }
        Told::Clean(why) => {
            // What an unlicensed GitLab answers is not certain; if it is this, the reports know more. (With
            // a licence they can't: their findings would be in the list.)
            let report = report::for_repository(&api, facts, emit)?;
            out.count = report.count;
            if report.count > 0 {
                out.source = Some(report::SOURCE);
                out.notes.extend(report.notes);
            } else {
                out.source = Some(SOURCE);
                out.notes.extend(why);
            }
        }
        Told::Nothing(why) => {
            let report = report::for_repository(&api, facts, emit)?;
            out.count = report.count;
            if report.found {
                out.source = Some(report::SOURCE);
            }
            // With a report at hand a missing licence is nobody's trouble.
            if !report.found || why.skip.reason != SkipReason::NotLicensed {
                out.notes.push(why);
            }
            out.notes.extend(report.notes);
        }
    }
    Ok(out)
}

/// How far GraphQL led.
enum Told {
    All,
    /// Some were handed over, then it ended early.
    Some(Skipped),
    /// There are none, as it seems; and what is to be said about that.
    Clean(Option<Skipped>),
    /// None, and this is why.
    Nothing(Skipped),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Connection {
    #[serde(deserialize_with = "lenient")]
    nodes: Vec<Value>,
    #[serde(deserialize_with = "lenient")]
    page_info: PageInfo,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PageInfo {
    #[serde(deserialize_with = "lenient")]
    has_next_page: bool,
    #[serde(deserialize_with = "lenient")]
    end_cursor: Option<String>,
}

/// The fields and report types that this GitLab has.
#[derive(Debug)]
struct Shape {
    fields: Vec<String>,
    types: Vec<&'static str>,
}

impl Shape {
    fn query(&self) -> String {
        format!(
            "query oxContainerFindings($path: ID!, $first: Int!, $after: String) {{ project(fullPath: $path) {{ \
             vulnerabilities(reportType: [{}], state: [DETECTED, CONFIRMED, RESOLVED, DISMISSED], \
             first: $first, after: $after) {{ nodes {{ {} }} pageInfo {{ hasNextPage endCursor }} }} }} }}",
            self.types.join(", "),
            self.fields.join(" "),
        )
    }

    /// Leaves a field out, wherever it is; true when that changed something.
    fn drop_field(&mut self, kind: &str, name: &str) -> bool {
        let before = self.query();
        if kind == "Vulnerability" || kind.is_empty() {
            self.fields
                .retain(|field| field.split(' ').next() != Some(name));
        }
        if self.query() == before {
            for field in &mut self.fields {
                let words: Vec<&str> = field.split(' ').collect();
                let leaf = |at: usize| words.get(at + 1).is_none_or(|next| *next != "{");
                let kept: Vec<&str> = words
                    .iter()
                    .enumerate()
                    .filter(|(at, word)| !(*at > 0 && **word == name && leaf(*at)))
                    .map(|(_, word)| *word)
                    .collect();
                *field = kept.join(" ");
            }
        }
        self.query() != before
    }

    /// Leaves the most expensive optional field out; false when there is none left.
    fn drop_optional(&mut self) -> bool {
        let last = self
            .fields
            .iter()
            .rposition(|field| OPTIONAL.contains(&field.as_str()));
        last.map(|at| self.fields.remove(at)).is_some()
    }
}

struct Reading<'r, 's, 't> {
    api: &'r Api<'s, 't>,
    vocabulary: &'r mut Option<Vocabulary>,
    facts: &'r RepositoryFacts,
    out: FindingsOutcome,
    unreadable: usize,
    unplaced: usize,
    elsewhere: usize,
}

impl Reading<'_, '_, '_> {
    fn finish(mut self) -> FindingsOutcome {
        if self.unreadable > 0 {
            let why = explain(
                format!(
                    "{} vulnerabilities of {} can't be read.",
                    self.unreadable, self.facts.project_path
                ),
                "This GitLab may be newer than the connector; update it.",
            );
            self.out
                .notes
                .push(note(REPORT_NAME, SkipReason::Corrupt, why));
        }
        if self.unplaced > 0 {
            let why = explain(
                format!(
                    "{} container vulnerabilities of {} don't say which image they are about.",
                    self.unplaced, self.facts.project_path
                ),
                "Look at them in GitLab's vulnerability report.",
            );
            self.out
                .notes
                .push(note(REPORT_NAME, SkipReason::Unsupported, why));
        }
        if self.elsewhere > 0 {
            let why = explain(
                format!(
                    "{} container vulnerabilities of {} are about images outside of {}, so about none that \
                     is scanned here.",
                    self.elsewhere, self.facts.project_path, self.facts.registry_host
                ),
                "Look at them in GitLab's vulnerability report.",
            );
            self.out
                .notes
                .push(note(REPORT_NAME, SkipReason::NotSelected, why));
        }
        self.out
    }

    /// A failure ends everything; anything else becomes a note.
    fn graphql(&mut self, emit: &mut Emit<'_>) -> Result<Told, Failure> {
        let mut shape = match self.shape() {
            Ok(shape) => shape,
            Err(failure) => return self.ended(Fault::Failure(failure)),
        };
        let (mut after, mut first, mut seen) = (None::<String>, FIRST_PAGE, 0_usize);
        let mut pages = 0;
        loop {
            let connection = match self.page(&mut shape, &mut first, after.as_deref()) {
                Ok(Some(connection)) => connection,
                Ok(None) if pages == 0 => return Ok(Told::Nothing(self.closed())),
                Ok(None) => {
                    return self.ended(Fault::Said("the list was empty all at once".to_owned()));
                }
                Err(fault) => return self.ended(fault),
            };
            pages += 1;
            seen += connection.nodes.len();
            for node in connection.nodes {
                self.take(node, emit)?;
            }
            let PageInfo {
                has_next_page,
                end_cursor,
            } = connection.page_info;
            match end_cursor {
                _ if !has_next_page => break,
                Some(next) if after.as_ref() != Some(&next) && pages < PAGES => after = Some(next),
                Some(_) if pages >= PAGES => {
                    return self.ended(Fault::Said("there are too many pages".to_owned()));
                }
                _ => {
                    return self.ended(Fault::Said(
                        "the next page is the same as this one".to_owned(),
                    ));
                }
            }
        }
        if seen == 0 {
            self.why_empty()
        } else {
            Ok(Told::All)
        }
    }

    fn take(&mut self, node: Value, emit: &mut Emit<'_>) -> Result<(), Failure> {
        let Ok(vulnerability) = serde_json::from_value::<Vulnerability>(node) else {
            self.unreadable += 1;
            return Ok(());
        };
        if vulnerability.is_unplaced() {
            self.unplaced += 1;
        } else if vulnerability.belongs_to(self.facts) {
            match vulnerability.into_finding(self.api.base()) {
                Some(finding) => {
                    emit(finding)?;
                    self.out.count += 1;
                }
                None => self.unreadable += 1,
            }
        } else if vulnerability.is_elsewhere(self.facts) {
            self.elsewhere += 1;
        }
        Ok(())
    }

    fn shape(&mut self) -> Result<Shape, Failure> {
        let vocabulary = match self.vocabulary.take() {
            Some(known) => known,
            None => self.ask_for_vocabulary()?,
        };
        let known = &vocabulary.fields;
        let has = |field: &&&str| {
            let name = field.split(' ').next().unwrap_or_default();
            known.iter().any(|known| known == name)
        };
        let mut types = vec!["CONTAINER_SCANNING"];
        const NEWER: &str = "CONTAINER_SCANNING_FOR_REGISTRY";
        if vocabulary.report_types.iter().any(|value| value == NEWER) {
            types.push(NEWER);
        }
        let optional = OPTIONAL.iter().filter(has);
        let fields = PORTABLE
            .iter()
            .chain(optional)
            .map(|&field| field.to_owned())
            .collect();
        *self.vocabulary = Some(vocabulary);
        Ok(Shape { fields, types })
    }

    fn ask_for_vocabulary(&self) -> Result<Vocabulary, Failure> {
        let fields = introspect(self.api, "Vulnerability", Introspect::Fields)?;
        let report_types = if fields.is_empty() {
            Vec::new()
        } else {
            introspect(self.api, "VulnerabilityReportType", Introspect::EnumValues)?
        };
        Ok(Vocabulary {
            fields,
            report_types,
        })
    }

    /// One page, with the query changed until the server takes it. `None` when the project has no such list.
    fn page(
        &self,
        shape: &mut Shape,
        first: &mut u64,
        after: Option<&str>,
    ) -> Result<Option<Connection>, Fault> {
        let mut changes = 0;
        loop {
            let variables =
                json!({ "path": self.facts.project_path, "first": *first, "after": after });
            let fault = match query(self.api, &shape.query(), &variables) {
                Ok(data) => {
                    let list = data
                        .pointer("/project/vulnerabilities")
                        .filter(|list| list.is_object());
                    return Ok(list
                        .cloned()
                        .and_then(|list| serde_json::from_value(list).ok()));
                }
                Err(fault) => fault,
            };
            changes += 1;
            let changed = changes <= CHANGES
                && match &fault {
                    Fault::UndefinedFields(fields) => {
                        let mut any = false;
                        for (kind, name) in fields.iter().filter(|(kind, _)| kind != "Project") {
                            any |= shape.drop_field(kind, name);
                        }
                        any
                    }
                    Fault::TooComplex(_) | Fault::TimedOut(_) if *first > SMALLEST_PAGE => {
                        *first = (*first / 2).max(SMALLEST_PAGE);
                        true
                    }
                    Fault::TooComplex(_) | Fault::TimedOut(_) => shape.drop_optional(),
                    Fault::Said(message) if message.contains("CONTAINER_SCANNING_FOR_REGISTRY") => {
                        shape.types.len() > 1 && shape.types.pop().is_some()
                    }
                    _ => false,
                };
            if !changed {
                return Err(fault);
            }
        }
    }

    /// Why reading ended before its end: a failure of the call, or a note.
    fn ended(&self, fault: Fault) -> Result<Told, Failure> {
        let path = &self.facts.project_path;
        let (reason, why) = match fault {
            Fault::Failure(failure @ (Failure::Unauthenticated(_) | Failure::Stopped)) => {
                return Err(failure);
            }
            Fault::Failure(failure) => {
                let reason = match &failure {
                    Failure::Forbidden(_) => SkipReason::Forbidden,
                    Failure::NotFound(_) => SkipReason::Unsupported,
                    Failure::OverLimit(_) => SkipReason::OverLimit,
                    _ => SkipReason::Unreachable,
                };
                (reason, explanation(&failure))
            }
            Fault::UndefinedFields(_) => (
                SkipReason::NotLicensed,
                explain(
                    format!(
                        "This GitLab has no vulnerability report for {path} (Community Edition, or too old)."
                    ),
                    "GitLab Ultimate has it; otherwise let a CI job leave a container scanning report.",
                ),
            ),
            Fault::Denied(message) => (SkipReason::Forbidden, self.forbidden(&message).skip.why),
            Fault::TooComplex(message) => (
                SkipReason::OverLimit,
                explain(
                    format!(
                        "GitLab refuses even the smallest query for the vulnerabilities of {path} ({message})."
                    ),
                    "Let GitLab's administrator raise the limits of GraphQL.",
                ),
            ),
            Fault::TimedOut(message) => (
                SkipReason::Unreachable,
                explain(
                    format!(
                        "GitLab took too long to list the vulnerabilities of {path} ({}).",
                        quote(&message)
                    ),
                    "It is tried again with the next scan; GitLab's database may be busy.",
                ),
            ),
            Fault::Said(message) => (
                SkipReason::Unsupported,
                explain(
                    format!(
                        "GitLab's GraphQL does not list the vulnerabilities of {path} ({message})."
                    ),
                    "Report it with the version of GitLab.",
                ),
            ),
        };
        let why = note(REPORT_NAME, reason, why);
        Ok(if self.out.count > 0 {
            Told::Some(why)
        } else {
            Told::Nothing(why)
        })
    }

    fn forbidden(&self, said: &str) -> Skipped {
        let path = &self.facts.project_path;
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(" ({})", quote(said))
        };
        let why = explain(
            format!("The token's user may not read the vulnerabilities of {path}{said}."),
            "Give it the role Developer in the project or its group.",
        );
        note(REPORT_NAME, SkipReason::Forbidden, why)
    }

    /// The project answers no list at all: no licence for it, or not the role.
    fn closed(&self) -> Skipped {
        if self.facts.role.is_some_and(|role| role < DEVELOPER) {
            return self.forbidden("");
        }
        let why = explain(
            format!(
                "GitLab has no vulnerability report for {}: its licence does not include it.",
                self.facts.project_path
            ),
            "GitLab Ultimate has it (and the role Developer is needed to read it).",
        );
        note(REPORT_NAME, SkipReason::NotLicensed, why)
    }

    /// An empty list is what a project without a licence has, too. The statistic is only there with one.
    fn why_empty(&self) -> Result<Told, Failure> {
        const FIELDS: [&str; 2] = [
            "vulnerabilityStatistic { total }",
            "securityScanners { enabled pipelineRun }",
        ];
        let variables = json!({ "path": self.facts.project_path });
        let mut told = Vec::new();
        for field in FIELDS {
            let text =
                format!("query oxLicence($path: ID!) {{ project(fullPath: $path) {{ {field} }} }}");
            told.push(match query(self.api, &text, &variables) {
                Ok(data) => data.get("project").cloned(),
                Err(Fault::Failure(failure @ (Failure::Unauthenticated(_) | Failure::Stopped))) => {
                    return Err(failure);
                }
                Err(_) => None,
            });
        }
        let value = |at: usize, key: &str| {
            told.get(at)
                .and_then(Option::as_ref)
                .and_then(|p| p.get(key))
                .cloned()
        };
        let path = &self.facts.project_path;
        Ok(match value(0, "vulnerabilityStatistic") {
            Some(Value::Null) => Told::Nothing(self.closed()),
            // A role that may not read them sees an empty list, whatever the statistic says.
            Some(_) if self.facts.role.is_some_and(|role| role < DEVELOPER) => {
                Told::Nothing(self.forbidden(""))
            }
            Some(_) => {
                let ran = ["enabled", "pipelineRun"].iter().any(|list| {
                    let list = value(1, "securityScanners")
                        .and_then(|s| s.get(list).cloned())
                        .unwrap_or(Value::Null);
                    list.to_string().contains("CONTAINER_SCANNING")
                });
                if ran || value(1, "securityScanners").is_none_or(|scanners| scanners.is_null()) {
                    Told::Clean(None)
                } else {
                    let why = explain(
                        format!("GitLab's container scanning has not run in {path}."),
                        "Add GitLab's container scanning to the project's pipeline, or rely on this scan alone.",
                    );
                    Told::Clean(Some(note(REPORT_NAME, SkipReason::Empty, why)))
                }
            }
            None => {
                let why = explain(
                    format!(
                        "The vulnerability report of {path} is empty, and GitLab does not tell whether it is licensed."
                    ),
                    "GitLab Ultimate has the vulnerability report.",
                );
                Told::Nothing(note(REPORT_NAME, SkipReason::NotLicensed, why))
            }
        })
    }
}

#[cfg(test)]
#[path = "findings_tests.rs"]
mod tests;
