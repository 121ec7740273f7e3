//! OX's filters as flags: several values of one flag are "or", several flags are "and".

use clap::{Args, ValueEnum};
use ox_issue::Severity;
use ox_issue::facts::Kind;
use ox_issue::issue::AgainstLastScan;

use crate::cli::errors::{CliError, CliResult};
use crate::cli::globs;
use crate::store::issues::{IssueFilter, Reprioritised, SlaFilter, Standing};

/// Where issues stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum StandingChoice {
    /// Open and not excluded
    Open,
    /// Excluded, snoozed, a false positive, or dismissed in the tool
    Excluded,
    Resolved,
    Removed,
    /// All of them
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReprioritisedChoice {
    Increased,
    Decreased,
    Unchanged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AgainstChoice {
    New,
    Same,
    Changed,
    Reopened,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SlaChoice {
    Overdue,
    Near,
    Within,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum IssueKindChoice {
    Vulnerability,
    Secret,
    Misconfiguration,
    Licence,
    Other,
}

/// Which issues a list takes.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Filters (repeatable; several values of one are \"or\")")]
pub(crate) struct IssueFlags {
    /// Only what came through this tool ("GitLab")
    #[arg(long, value_name = "TOOL")]
    source_tool: Vec<String>,
    /// Only what this one says ("GitLab", "OSV match", "OX connector")
    #[arg(long, value_name = "SOURCE")]
    reported_by: Vec<String>,
    /// Only this connection
    #[arg(long, value_name = "NAME")]
    connection: Vec<String>,
    /// Only locations whose path matches; `*` stops at `/`, `**` does not
    #[arg(long, value_name = "GLOB")]
    location: Vec<String>,
    /// Only these severities
    #[arg(long, value_name = "SEVERITY", value_delimiter = ',')]
    severity: Vec<Severity>,
    /// Only this severity and worse
    #[arg(long, value_name = "SEVERITY")]
    min_severity: Option<Severity>,
    /// Only what the tool gave these severities (Severity Before Prioritization)
    #[arg(long, value_name = "SEVERITY", value_delimiter = ',')]
    severity_before: Vec<Severity>,
    /// Only what was moved this way (Severity Reprioritized)
    #[arg(long, value_enum)]
    reprioritised: Vec<ReprioritisedChoice>,
    /// Only with this factor ("known-exploited")
    #[arg(long, value_name = "RULE")]
    factor: Vec<String>,
    /// Only of this kind
    #[arg(long, value_enum)]
    kind: Vec<IssueKindChoice>,
    /// Only of this category
    #[arg(long, value_name = "CATEGORY")]
    category: Vec<String>,
    /// Only with this CVE or other id
    #[arg(long, value_name = "ID")]
    cve: Vec<String>,
    /// Only of this package (its source package's name, too)
    #[arg(long, value_name = "PACKAGE")]
    package: Vec<String>,
    /// Only what a newer version mends (`--fixable false`: only what none does)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    fixable: Option<bool>,
    /// Only what is known to be exploited
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    exploited: Option<bool>,
    /// Only with at least this EPSS score, 0 to 1
    #[arg(long, value_name = "SCORE")]
    min_epss: Option<f64>,
    /// Only of this application
    #[arg(long, value_name = "NAME")]
    application: Vec<String>,
    /// Only of this owner
    #[arg(long, value_name = "NAME")]
    owner: Vec<String>,
    /// Only of this team
    #[arg(long, value_name = "NAME")]
    team: Vec<String>,
    /// Only of this service
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Only of this environment
    #[arg(long, value_name = "NAME")]
    environment: Vec<String>,
    /// Only of this business priority
    #[arg(long, value_name = "PRIORITY")]
    priority: Vec<String>,
    /// Only in this repository, with its registry's host or without
    #[arg(long, value_name = "REPOSITORY")]
    repository: Vec<String>,
    /// Only in images with this tag
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only in this image: `repository:tag`, a digest, or a beginning of one
    #[arg(long, value_name = "IMAGE")]
    image: Vec<String>,
    /// Only seen first on this day or after it (2026-01-31, or a time)
    #[arg(long, value_name = "DAY")]
    since: Option<String>,
    /// Only seen first before this day
    #[arg(long, value_name = "DAY")]
    until: Option<String>,
    /// Only what is so against the last scan
    #[arg(long, value_enum)]
    status: Vec<AgainstChoice>,
    /// Where issues stand (open unless told otherwise)
    #[arg(long, value_enum, value_delimiter = ',')]
    standing: Vec<StandingChoice>,
    /// Only with such a deadline
    #[arg(long, value_enum)]
    sla: Vec<SlaChoice>,
    /// Only of this standard ("PCI DSS 4.0.1"), or of one of its controls ("PCI DSS 4.0.1 6.3.3")
    #[arg(long, value_name = "STANDARD")]
    compliance: Vec<String>,
    /// Only what is given to this person; empty means to nobody
    #[arg(long, value_name = "NAME")]
    assignee: Vec<String>,
    /// Only with this text in title, ids, package, application or location
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

impl IssueFlags {
    /// As the store takes them.
    pub(crate) fn filter(&self) -> CliResult<IssueFilter> {
        globs::check(&self.location)?;
        let mut filter = IssueFilter {
            source_tool: self.source_tool.clone(),
            reported_by: self.reported_by.clone(),
            connection: self.connection.clone(),
            location: self.location.clone(),
            severity: self.severity.clone(),
            min_severity: self.min_severity,
            severity_before: self.severity_before.clone(),
            factor: self.factor.clone(),
            category: self.category.clone(),
            id: self.cve.clone(),
            package: self.package.clone(),
            fixable: self.fixable,
            known_exploited: self.exploited,
            min_epss: self.min_epss,
            application: self.application.clone(),
            owner: self.owner.clone(),
            team: self.team.clone(),
            service: self.service.clone(),
            environment: self.environment.clone(),
            priority: self.priority.clone(),
            repository: self.repository.clone(),
            tag: self.tag.clone(),
            first_seen_from: self.since.as_deref().map(time).transpose()?,
            first_seen_until: self.until.as_deref().map(time).transpose()?,
            compliance: self.compliance.clone(),
            assignee: self.assignee.clone(),
            text: self.text.clone(),
            ..IssueFilter::default()
        };
        for image in &self.image {
            match image_of(image) {
                Image::Digest(digest) => filter.digest.push(digest),
                Image::Tagged { repository, tag } => {
                    filter.repository.push(repository);
                    filter.tag.extend(tag);
                }
            }
        }
        for standing in &self.standing {
            filter.standing.extend(match standing {
                StandingChoice::Open => &[Standing::Open][..],
                StandingChoice::Excluded => &[Standing::Excluded],
                StandingChoice::Resolved => &[Standing::Resolved],
                StandingChoice::Removed => &[Standing::Removed],
                StandingChoice::All => &[
                    Standing::Open,
                    Standing::Excluded,
                    Standing::Resolved,
                    Standing::Removed,
                ],
            });
        }
        filter.reprioritised = self
            .reprioritised
            .iter()
            .map(|one| match one {
                ReprioritisedChoice::Increased => Reprioritised::Increased,
                ReprioritisedChoice::Decreased => Reprioritised::Decreased,
                ReprioritisedChoice::Unchanged => Reprioritised::Unchanged,
            })
            .collect();
        filter.kind = self
            .kind
            .iter()
            .map(|one| match one {
                IssueKindChoice::Vulnerability => Kind::Vulnerability,
                IssueKindChoice::Secret => Kind::Secret,
                IssueKindChoice::Misconfiguration => Kind::Misconfiguration,
                IssueKindChoice::Licence => Kind::Licence,
                IssueKindChoice::Other => Kind::Other,
            })
            .collect();
        filter.against_last_scan = self
            .status
            .iter()
            .map(|one| match one {
                AgainstChoice::New => AgainstLastScan::New,
                AgainstChoice::Same => AgainstLastScan::Same,
                AgainstChoice::Changed => AgainstLastScan::Changed,
                AgainstChoice::Reopened => AgainstLastScan::Reopened,
                AgainstChoice::Closed => AgainstLastScan::Closed,
            })
            .collect();
        // What is closed stands elsewhere than what is asked for by default.
        if self.status.contains(&AgainstChoice::Closed) && self.standing.is_empty() {
            filter.standing = vec![Standing::Open, Standing::Resolved, Standing::Removed];
        }
        filter.sla = self
            .sla
            .iter()
            .map(|one| match one {
                SlaChoice::Overdue => SlaFilter::Overdue,
                SlaChoice::Near => SlaFilter::Near,
                SlaChoice::Within => SlaFilter::Within,
                SlaChoice::None => SlaFilter::None,
            })
            .collect();
        Ok(filter)
    }

    /// In words, for the head of a report.
    pub(crate) fn words(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut add = |label: &str, values: Vec<String>| {
            if !values.is_empty() {
                parts.push(format!("{label} {}", values.join(" or ")));
            }
        };
        let severities = |list: &[Severity]| list.iter().map(ToString::to_string).collect();
        let choices = |list: &[String]| list.to_vec();
        add("source tool", choices(&self.source_tool));
        add("reported by", choices(&self.reported_by));
        add("connection", choices(&self.connection));
        add("location", choices(&self.location));
        add("severity", severities(&self.severity));
        add(
            "severity at least",
            self.min_severity.iter().map(ToString::to_string).collect(),
        );
        add("severity before", severities(&self.severity_before));
        add("factor", choices(&self.factor));
        add("category", choices(&self.category));
        add("id", choices(&self.cve));
        add("package", choices(&self.package));
        add(
            "fixable",
            self.fixable.iter().map(ToString::to_string).collect(),
        );
        add(
            "exploited",
            self.exploited.iter().map(ToString::to_string).collect(),
        );
        add(
            "EPSS at least",
            self.min_epss.iter().map(ToString::to_string).collect(),
        );
        add("application", choices(&self.application));
        add("owner", choices(&self.owner));
        add("team", choices(&self.team));
        add("service", choices(&self.service));
        add("environment", choices(&self.environment));
        add("priority", choices(&self.priority));
        add("repository", choices(&self.repository));
        add("tag", choices(&self.tag));
        add("image", choices(&self.image));
        add("first seen since", self.since.iter().cloned().collect());
        add("first seen before", self.until.iter().cloned().collect());
        let words = |list: Vec<String>| list;
        add("kind", words(names(&self.kind)));
        add("reprioritised", words(names(&self.reprioritised)));
        add("status", words(names(&self.status)));
        add("standing", words(names(&self.standing)));
        add("deadline", words(names(&self.sla)));
        add("compliance", choices(&self.compliance));
        add("assignee", choices(&self.assignee));
        add("text", self.text.iter().cloned().collect());
        parts.join(", ")
    }
}

/// Names of choices, as they are typed.
fn names<T: ValueEnum>(list: &[T]) -> Vec<String> {
    list.iter()
        .filter_map(|one| Some(one.to_possible_value()?.get_name().to_owned()))
        .collect()
}

/// What a person writes to name an image.
enum Image {
    Digest(String),
    Tagged {
        repository: String,
        tag: Option<String>,
    },
}

fn image_of(text: &str) -> Image {
    if let Some((_, digest)) = text.split_once('@') {
        return Image::Digest(digest.to_owned());
    }
    let hex = text.strip_prefix("sha256:").unwrap_or(text);
    if hex.len() >= 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Image::Digest(text.to_owned());
    }
    match text.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => Image::Tagged {
            repository: repository.to_owned(),
            tag: Some(tag.to_owned()),
        },
        _ => Image::Tagged {
            repository: text.to_owned(),
            tag: None,
        },
    }
}

/// A day or a time, as the store writes it.
fn time(text: &str) -> CliResult<String> {
    let wrong = |error: jiff::Error| {
        CliError::usage(
            format!("{text:?} is neither a day nor a time: {error}"),
            "write for example 2026-01-31 or 2026-01-31T12:00:00Z",
        )
    };
    if let Ok(date) = text.parse::<jiff::civil::Date>() {
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).map_err(wrong)?;
        return Ok(format!("{:.3}", zoned.timestamp()));
    }
    let time: jiff::Timestamp = text.parse().map_err(wrong)?;
    Ok(format!("{time:.3}"))
}
