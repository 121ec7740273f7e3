//! One issue as its page takes it.

use ox_console::pages::issue::{
    Comment, Decision, Edit, Fact, Happened, Issue as IssuePage, LONGEST, Occurrence, Occurrences,
    Reference, Remedy, Source, blocks,
};
use ox_console::parts::{Badge, Pager, When};
use ox_console::{Chrome, text};
use ox_issue::Issue;
use ox_issue::issue::{SlaState, Status};
use ox_issue::report::{known_as, said};

use super::listing::{before, clipped, issue_href, kind_words, marks};
use super::query::{Asked, address};
use super::{fault, ladder, version};
use crate::host::{Host, IssueDetail};
use crate::serve::api::ApiError;
use crate::serve::auth::Actor;
use crate::store::issues::IssueOrder;

/// Occurrences of a page.
const PLACES: usize = 20;
/// Of each other list.
const MOST: usize = 50;
/// Events of the history.
const EVENTS: usize = 100;

/// Where an issue was opened from.
pub(super) struct Around {
    /// The list.
    pub(super) list: Asked,
    /// Which page of occurrences, from 0.
    places: usize,
}

impl Around {
    pub(super) fn read(query: &str) -> Self {
        let mut list = Asked::default();
        let mut places = 0;
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "list" => list = Asked::read(&value),
                "places" => places = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        Self { list, places }
    }
}

/// The issues before and after it in the list that it was opened from.
pub(super) fn neighbours(
    host: &Host,
    issue: &Issue,
    around: &Around,
) -> Result<(Option<String>, Option<String>), ApiError> {
    let list = around.list.write();
    let beside = |reverse: bool| -> Result<Option<String>, ApiError> {
        let order = IssueOrder {
            by: around.list.sort,
            reverse: around.list.reverse != reverse,
            after: Some(host.place_of(issue.id, around.list.sort).map_err(fault)?),
            limit: 1,
        };
        let page = match host.issues(&around.list.filter, &order) {
            Ok(page) => page,
            // A list that can't be read any more has no neighbours.
            Err(_) => return Ok(None),
        };
        Ok(page.issues.first().map(|one| issue_href(one.id, &list)))
    };
    Ok((beside(true)?, beside(false)?))
}

/// The page.
pub(super) fn page(
    chrome: Chrome,
    detail: &IssueDetail,
    actor: &Actor,
    around: &Around,
    (previous, next): (Option<String>, Option<String>),
    now: &str,
) -> IssuePage {
    let issue = &detail.issue;
    let list = around.list.write();
    let long = detail.details.as_deref().unwrap_or(&issue.description);
    let cut = cut(long, LONGEST);
    let (was, _) = before(issue);
    let mut chrome = chrome;
    chrome.title = format!("OX-{} {}", issue.id, clipped(&issue.title, 120));
    IssuePage {
        chrome,
        id: issue.id,
        title: clipped(&issue.title, 400),
        lead: lead(issue),
        badge: Badge::of(issue.severity),
        before: was,
        marks: marks(issue),
        decision: decision(issue),
        ladder: ladder::of(issue),
        remedy: Remedy {
            summary: clipped(&issue.remediation.summary, 1_000),
            fixed_version: issue
                .remediation
                .fixed_version
                .as_deref()
                .map(|one| clipped(one, 300)),
            command: issue
                .remediation
                .command
                .as_deref()
                .map(|one| clipped(one, 4_000)),
            base_image: issue
                .remediation
                .base_image
                .as_deref()
                .map(|one| clipped(one, 300)),
        },
        facts: facts(issue, now),
        sources: sources(issue),
        occurrences: occurrences(issue, around, &list),
        about: blocks(cut),
        about_cut: cut.len() < long.len(),
        compliance: issue
            .compliance
            .iter()
            .take(MOST)
            .map(|one| {
                (
                    clipped(&one.standard, 120),
                    clipped(&one.control, 120),
                    clipped(&one.description, 300),
                )
            })
            .collect(),
        references: issue
            .references
            .iter()
            .take(MOST)
            .map(|one| Reference {
                label: clipped(one, 300),
                href: text::link(one).map(str::to_owned),
            })
            .chain(issue.web_url.iter().map(|one| Reference {
                label: format!(
                    "{} in {}",
                    clipped(&issue.location, 160),
                    clipped(&issue.source_tool, 60)
                ),
                href: text::link(one).map(str::to_owned),
            }))
            .collect(),
        history: detail
            .history
            .iter()
            .rev()
            .filter(|event| event.kind != "comment")
            .take(EVENTS)
            .map(|event| {
                let sentence = clipped(&crate::report::issue::sentence(event), 1_000);
                let mut letters = sentence.chars();
                let upper = letters
                    .next()
                    .map_or_else(String::new, |first| first.to_uppercase().collect());
                Happened {
                    when: When::new(&event.at, now),
                    sentence: upper + letters.as_str(),
                }
            })
            .collect(),
        comments: detail
            .history
            .iter()
            .filter(|event| event.kind == "comment")
            .map(|event| Comment {
                by: clipped(&event.cause, 200),
                when: When::new(&event.at, now),
                text: clipped(
                    event
                        .record
                        .get("text")
                        .and_then(serde_json::Value::as_str)
                        .unwrap_or_default(),
                    10_000,
                ),
            })
            .collect(),
        edit: Edit {
            version: version(issue),
            assignee: text::plain(issue.assignee.as_deref().unwrap_or_default()),
            me: actor.name.clone(),
            severities: ladder::choices(issue),
            is_set: issue.override_.is_some(),
            earliest: tomorrow(now),
        },
        list: address(&list),
        previous,
        next,
    }
}

fn tomorrow(now: &str) -> String {
    let day = now
        .parse::<jiff::Timestamp>()
        .ok()
        .and_then(|now| now.checked_add(jiff::SignedDuration::from_hours(24)).ok());
    day.map_or_else(String::new, |day| day.strftime("%Y-%m-%d").to_string())
}

fn cut(value: &str, limit: usize) -> &str {
    let mut end = value.len().min(limit);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap_or_default()
}

/// The first paragraph of the description.
fn lead(issue: &Issue) -> String {
    let first = issue.description.trim().lines().next().unwrap_or_default();
    let first = clipped(first.trim_start_matches('#').trim(), 400);
    if first == issue.title {
        String::new()
    } else {
        first
    }
}

fn decision(issue: &Issue) -> Option<Decision> {
    match (&issue.status, &issue.exclusion) {
        (Status::Resolved { how: why }, _) => Some(("Resolved", why)),
        (Status::Removed { why }, _) => Some(("Removed", why)),
        (Status::Open, _) => None,
    }
    .map(|(state, why)| Decision {
        state: state.to_owned(),
        why: clipped(why, 1_000),
        more: issue
            .closed_at
            .as_deref()
            .map_or_else(String::new, |at| format!("{} UTC", text::moment(at))),
        exclusion: None,
    })
    .or_else(|| {
        issue.exclusion.as_ref().map(|exclusion| {
            let until = exclusion.until.as_deref().map_or_else(
                || "without an end".to_owned(),
                |until| format!("until {} UTC", text::moment(until)),
            );
            Decision {
                state: kind_words(exclusion.kind).to_owned(),
                why: clipped(&exclusion.reason, 1_000),
                more: format!(
                    "Covers {}; by {} on {} UTC, {until}.",
                    clipped(&exclusion.scope, 300),
                    clipped(&exclusion.by, 200),
                    text::moment(&exclusion.at)
                ),
                exclusion: exclusion.id,
            }
        })
    })
}

fn facts(issue: &Issue, now: &str) -> Vec<Fact> {
    let mut all: Vec<Fact> = Vec::new();
    let mut add = |label: &'static str, values: Vec<(String, Option<String>)>| {
        let values: Vec<(String, Option<String>)> = values
            .into_iter()
            .filter(|(value, _)| !value.is_empty())
            .take(MOST)
            .collect();
        if !values.is_empty() {
            all.push(Fact { label, values });
        }
    };
    let plain = |value: String| vec![(value, None)];
    let filtered = |name: &str, value: &str| {
        vec![(
            clipped(value, 200),
            Some(format!("/issues?{name}={}", text::encode(value))),
        )]
    };
    add(
        "Known as",
        issue
            .identifiers
            .iter()
            .take(MOST)
            .map(|id| {
                let href = id.url.as_deref().and_then(text::link).map(str::to_owned);
                (clipped(&known_as(id), 120), href)
            })
            .collect(),
    );
    add(
        "CVSS",
        issue
            .cvss
            .iter()
            .take(5)
            .map(|one| {
                (
                    format!(
                        "{:.1} {} ({})",
                        one.score,
                        clipped(&one.vector, 120),
                        clipped(&one.source, 60)
                    ),
                    None,
                )
            })
            .collect(),
    );
    if let Some(epss) = &issue.epss {
        add(
            "EPSS",
            plain(format!(
                "{:.2} % in 30 days, percentile {:.1} ({})",
                epss.score * 100.0,
                epss.percentile * 100.0,
                clipped(&epss.date, 20)
            )),
        );
    }
    if let Some(known) = &issue.known_exploited {
        let ransom = if known.ransomware {
            ", used in ransomware campaigns"
        } else {
            ""
        };
        add(
            "Known exploited",
            plain(format!(
                "in the KEV catalogue since {}{ransom}",
                clipped(&known.added, 20)
            )),
        );
    }
    if let Some(package) = &issue.package {
        add("Package", filtered("package", &package.name));
        if let Some(source) = package
            .source_name
            .as_ref()
            .filter(|one| **one != package.name)
        {
            add("Source package", filtered("package", source));
        }
        add("Ecosystem", plain(clipped(&package.ecosystem, 120)));
        add(
            "Installed",
            package
                .versions
                .iter()
                .take(10)
                .map(|one| (clipped(one, 120), None))
                .collect(),
        );
        add(
            "Fixed in",
            plain(issue.remediation.fixed_version.as_deref().map_or_else(
                || "no version yet".to_owned(),
                |version| clipped(version, 120),
            )),
        );
    }
    add("Category", filtered("category", &issue.category));
    add("Location", filtered("location", &issue.location));
    add("Connection", filtered("connection", &issue.connection));
    let context = &issue.context;
    add("Application", filtered("application", &context.application));
    for (label, name, value) in [
        ("Service", "service", &context.service),
        ("Team", "team", &context.team),
        ("Priority", "priority", &context.priority),
        ("Environment", "environment", &context.environment),
    ] {
        if let Some(value) = value {
            add(label, filtered(name, value));
        }
    }
    add(
        "Owners",
        context
            .owners
            .iter()
            .take(10)
            .map(|one| {
                (
                    format!("{} ({})", clipped(&one.name, 120), clipped(&one.from, 60)),
                    Some(format!("/issues?owner={}", text::encode(&one.name))),
                )
            })
            .collect(),
    );
    if let Some(sla) = &issue.sla {
        let days = text::counted(sla.days_left.unsigned_abs(), "day", "days");
        add(
            "Deadline",
            plain(format!(
                "{}, {}",
                text::moment(&sla.due),
                match sla.state {
                    SlaState::Overdue => format!("{days} overdue"),
                    SlaState::Near | SlaState::Within => format!("{days} left"),
                }
            )),
        );
    }
    add(
        "First seen",
        plain(format!(
            "{} ({})",
            text::moment(&issue.first_seen),
            text::ago(&issue.first_seen, now)
        )),
    );
    add(
        "Last seen",
        plain(format!(
            "{} ({})",
            text::moment(&issue.last_seen),
            text::ago(&issue.last_seen, now)
        )),
    );
    all
}

fn sources(issue: &Issue) -> Vec<Source> {
    said(&issue.sources)
        .into_iter()
        .take(MOST)
        .map(|one| {
            let source = one.source;
            let scanner = source.scanner.as_deref();
            let words = [
                source
                    .severity
                    .as_deref()
                    .map(|word| format!("severity {}", clipped(word, 40))),
                source.state.as_deref().map(|word| clipped(word, 40)),
                source
                    .state_reason
                    .as_deref()
                    .map(|word| clipped(word, 200)),
                source.certainty.as_deref().map(|word| clipped(word, 40)),
            ];
            Source {
                tool: match scanner {
                    Some(scanner) => {
                        format!("{} ({})", clipped(&source.tool, 80), clipped(scanner, 80))
                    }
                    None => clipped(&source.tool, 80),
                },
                id: clipped(one.id, 200),
                said: words.into_iter().flatten().collect::<Vec<_>>().join(", "),
                evidence: source
                    .evidence
                    .iter()
                    .take(MOST)
                    .map(|evidence| {
                        let mut shown = ladder::shown(evidence);
                        shown.value = clipped(&one.value(evidence), 2_000);
                        shown
                    })
                    .collect(),
                link: source
                    .url
                    .as_deref()
                    .and_then(text::link)
                    .map(str::to_owned),
            }
        })
        .collect()
}

fn occurrences(issue: &Issue, around: &Around, list: &str) -> Occurrences {
    let all = issue.occurrences.len();
    let first = around.places.saturating_mul(PLACES);
    let href = |places: usize| {
        format!(
            "/issues/{}?places={places}&list={}#occurrences",
            issue.id,
            text::encode(list)
        )
    };
    let rows: Vec<Occurrence> = issue
        .occurrences
        .iter()
        .skip(first)
        .take(PLACES)
        .map(|one| {
            let mut tags = one.tags.iter();
            let layer = match (one.layer, one.from_base) {
                (None, _) => String::new(),
                (Some(layer), from) => format!(
                    "Layer {}{}",
                    u64::from(layer) + 1,
                    match from {
                        Some(true) => ", of the base image",
                        Some(false) => ", of this image",
                        None => "",
                    }
                ),
            };
            Occurrence {
                image: match tags.next() {
                    Some(tag) => format!("{}:{}", clipped(&one.repository, 200), clipped(tag, 80)),
                    None => clipped(&one.repository, 200),
                },
                tags: tags.take(8).map(|tag| clipped(tag, 80)).collect(),
                digest: text::plain(&one.digest),
                short: text::short_digest(&text::plain(&one.digest)),
                platform: clipped(&one.platform, 60),
                system: clipped(one.operating_system.as_deref().unwrap_or_default(), 120),
                version: clipped(&one.version, 120),
                path: clipped(&one.path, 400),
                layer,
                command: clipped(one.layer_command.as_deref().unwrap_or_default(), 300),
            }
        })
        .collect();
    let images = text::counted(all as u64, "place", "places");
    Occurrences {
        summary: if all == 0 {
            "No image is known to have it".to_owned()
        } else {
            format!("In {images}")
        },
        pager: (all > PLACES).then(|| Pager {
            summary: format!(
                "{}–{} of {}",
                text::count((first + 1).min(all) as u64),
                text::count((first + rows.len()) as u64),
                text::count(all as u64)
            ),
            first: (first > 0).then(|| href(0)),
            next: (first + rows.len() < all && !rows.is_empty()).then(|| href(around.places + 1)),
        }),
        rows,
    }
}
