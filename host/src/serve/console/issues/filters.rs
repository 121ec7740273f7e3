//! The filters of the list: what can be chosen, what is used, and how each is taken away.

use ox_console::pages::issues::{Chip, Filter, Input};
use ox_console::parts::Choice;
use ox_console::text;
use ox_issue::severity::Severity;

use super::listing::clipped;
use super::query::{AGAINST, Asked, KINDS, REPRIORITISED, SLAS, STANDINGS, address, written};
use crate::store::issues::{Choices, Facets};

/// Every filter: parameter and what people read. The order is that of the page.
const LABELS: [(&str, &str); 32] = [
    ("source-tool", "Source tool"),
    ("connection", "Connection"),
    ("severity", "Severity"),
    ("severity-before", "Severity before"),
    ("min-severity", "Severity at least"),
    ("reprioritised", "Reprioritised"),
    ("factor", "Factor"),
    ("status", "Against last scan"),
    ("standing", "Standing"),
    ("category", "Category"),
    ("kind", "Kind"),
    ("fixable", "Fix"),
    ("exploited", "Known exploited"),
    ("min-epss", "EPSS at least"),
    ("package", "Package"),
    ("cve", "CVE or other id"),
    ("application", "Application"),
    ("owner", "Owner"),
    ("team", "Team"),
    ("service", "Service"),
    ("environment", "Environment"),
    ("priority", "Business priority"),
    ("location", "Location"),
    ("repository", "Image repository"),
    ("tag", "Image tag"),
    ("digest", "Image digest"),
    ("since", "First seen from"),
    ("until", "First seen before"),
    ("sla", "Deadline"),
    ("compliance", "Compliance"),
    ("assignee", "Assigned to"),
    ("text", "Text"),
];

fn label(name: &str) -> &'static str {
    match name {
        "reported-by" => "Reported by",
        "issue" => "Issue",
        "unassigned" => "Assigned to",
        _ => LABELS
            .iter()
            .find(|(one, _)| *one == name)
            .map_or("", |(_, label)| *label),
    }
}

/// A value as people read it.
fn words(name: &str, value: &str) -> String {
    fn of<T, const N: usize>(table: &[(T, &str, &str); N], value: &str) -> Option<String> {
        let found = table.iter().find(|(_, word, _)| *word == value);
        found.map(|(_, _, words)| (*words).to_owned())
    }
    let known = match name {
        "severity" | "severity-before" | "min-severity" => value
            .parse::<Severity>()
            .ok()
            .map(|severity| severity.word().to_owned()),
        "standing" => of(&STANDINGS, value),
        "reprioritised" => of(&REPRIORITISED, value),
        "kind" => of(&KINDS, value),
        "status" => of(&AGAINST, value),
        "sla" => of(&SLAS, value),
        "fixable" => Some(if value == "true" { "Known" } else { "None yet" }.to_owned()),
        "exploited" => Some(if value == "true" { "Yes" } else { "No" }.to_owned()),
        "factor" => Some(factor_words(value)),
        "category" => Some(category_words(value)),
        "issue" => Some(format!("OX-{value}")),
        "unassigned" => Some("nobody".to_owned()),
        _ => None,
    };
    known.unwrap_or_else(|| clipped(value, 80))
}

/// A rule in the words of its factor: `known-exploited` is "Known exploited".
fn factor_words(rule: &str) -> String {
    let mut words = clipped(rule, 80).replace('-', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// A category as OX writes it.
fn category_words(category: &str) -> String {
    ox_issue::category::ALL
        .iter()
        .find(|one| one.eq_ignore_ascii_case(category))
        .map_or_else(|| clipped(category, 80), |one| (*one).to_owned())
}

/// What is filtered by, each with the list without it.
pub(super) fn chips(asked: &Asked) -> Vec<Chip> {
    let pairs = asked.filters();
    let manner = asked.manner();
    pairs
        .iter()
        .enumerate()
        .map(|(place, (name, value))| {
            let mut without: Vec<(&'static str, String)> = pairs
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != place)
                .map(|(_, pair)| pair.clone())
                .collect();
            without.extend(manner.iter().cloned());
            Chip {
                label: label(name).to_owned(),
                value: words(name, value),
                remove: address(&written(&without)),
            }
        })
        .collect()
}

/// The list without filters, sorted and shown as it is.
pub(super) fn clear(asked: &Asked) -> Option<String> {
    (!asked.is_plain()).then(|| {
        let kept: Vec<(&'static str, String)> = asked
            .manner()
            .into_iter()
            .filter(|(name, _)| *name != "view")
            .collect();
        address(&written(&kept))
    })
}

fn filter(name: &str, help: &str, active: usize, input: Input) -> Filter {
    Filter {
        name: name.to_owned(),
        label: label(name).to_owned(),
        help: help.to_owned(),
        active,
        input,
    }
}

/// Choices of a fixed table.
fn table<T: PartialEq + Copy, const N: usize>(
    name: &str,
    table: &[(T, &str, &str); N],
    used: &[T],
    counts: &[(T, Option<u64>)],
) -> Filter {
    let choices = table
        .iter()
        .map(|(one, word, words)| Choice {
            count: counts
                .iter()
                .find(|(other, _)| other == one)
                .and_then(|(_, count)| *count),
            ..Choice::new(*word, *words, used.contains(one))
        })
        .collect();
    filter(name, "", used.len(), Input::Many(choices))
}

/// Choices that the store knows, and those that are used without being known.
fn counted(name: &str, known: &[Choices], used: &[String]) -> Filter {
    let is_used = |value: &str| used.iter().any(|one| one.eq_ignore_ascii_case(value));
    let mut choices: Vec<Choice> = known
        .iter()
        .map(|one| Choice {
            count: one.issues,
            ..Choice::new(&one.value, clipped(&one.value, 80), is_used(&one.value))
        })
        .collect();
    for one in used {
        if !known
            .iter()
            .any(|known| known.value.eq_ignore_ascii_case(one))
        {
            choices.push(Choice::new(one, clipped(one, 80), true));
        }
    }
    filter(name, "", used.len(), Input::Many(choices))
}

/// The same for words that are shown in other words.
fn named(name: &str, known: &[String], used: &[String]) -> Filter {
    let mut all: Vec<&String> = known.iter().collect();
    all.extend(
        used.iter()
            .filter(|one| !known.iter().any(|known| known.eq_ignore_ascii_case(one))),
    );
    let choices = all
        .into_iter()
        .map(|value| {
            let is_used = used.iter().any(|one| one.eq_ignore_ascii_case(value));
            Choice::new(value, words(name, value), is_used)
        })
        .collect();
    filter(name, "", used.len(), Input::Many(choices))
}

/// Words that are typed, with what there is.
fn typed(name: &str, help: &str, example: &str, known: &[String], used: &[String]) -> Filter {
    filter(
        name,
        help,
        used.len(),
        Input::Words {
            used: used.to_vec(),
            known: known.to_vec(),
            example: example.to_owned(),
        },
    )
}

fn yes_or_no(name: &str, used: Option<bool>, any: &str, yes: &str, no: &str) -> Filter {
    filter(
        name,
        "",
        usize::from(used.is_some()),
        Input::One(vec![
            Choice::new("", any, used.is_none()),
            Choice::new("true", yes, used == Some(true)),
            Choice::new("false", no, used == Some(false)),
        ]),
    )
}

fn severities(name: &str, used: &[Severity], count: &dyn Fn(Severity) -> Option<u64>) -> Filter {
    let choices = Severity::ALL
        .into_iter()
        .map(|severity| Choice {
            count: count(severity),
            ..Choice::new(
                severity.word().to_lowercase(),
                severity.word(),
                used.contains(&severity),
            )
        })
        .collect();
    filter(name, "", used.len(), Input::Many(choices))
}

/// The filters that are always there, and those behind "More filters".
pub(super) fn all(
    asked: &Asked,
    facets: &Facets,
    by_severity: &[(Severity, u64)],
) -> (Vec<Filter>, Vec<Filter>) {
    let used = &asked.filter;
    let count = |severity: Severity| {
        let found = by_severity.iter().find(|(one, _)| *one == severity);
        found.map(|(_, count)| *count)
    };
    let before = |severity: Severity| {
        let found = facets
            .severity_before
            .iter()
            .find(|(one, _)| *one == severity);
        found.and_then(|(_, count)| *count)
    };
    let mut assignees = typed(
        "assignee",
        "",
        "a name",
        &facets.assignee,
        &used
            .assignee
            .iter()
            .filter(|one| !one.is_empty())
            .cloned()
            .collect::<Vec<_>>(),
    );
    assignees.active = used.assignee.len();
    let bar = vec![
        counted("source-tool", &facets.source_tool, &used.source_tool),
        counted("connection", &facets.connection, &used.connection),
        severities("severity", &used.severity, &count),
        table(
            "reprioritised",
            &REPRIORITISED,
            &used.reprioritised,
            &facets.reprioritised,
        ),
        named("factor", &facets.factor, &used.factor),
        table("status", &AGAINST, &used.against_last_scan, &[]),
        named("category", &facets.category, &used.category),
        typed(
            "application",
            "",
            "a name",
            &facets.application,
            &used.application,
        ),
        typed("owner", "", "@name", &facets.owner, &used.owner),
    ];
    let more = vec![
        severities("severity-before", &used.severity_before, &before),
        table("standing", &STANDINGS, &used.standing, &facets.standing),
        table("kind", &KINDS, &used.kind, &[]),
        table("sla", &SLAS, &used.sla, &[]),
        yes_or_no(
            "fixable",
            used.fixable,
            "Any",
            "A fix is known",
            "No fix yet",
        ),
        yes_or_no(
            "exploited",
            used.known_exploited,
            "Any",
            "In the KEV catalogue",
            "Not in it",
        ),
        typed(
            "package",
            "Its source package counts, too.",
            "openssl",
            &[],
            &used.package,
        ),
        typed("cve", "", "CVE-2024-3094", &[], &used.id),
        typed(
            "location",
            "* stops at /, ** does not.",
            "acme/shop/**",
            &[],
            &used.location,
        ),
        typed(
            "repository",
            "",
            "acme/shop/web-store",
            &[],
            &used.repository,
        ),
        typed("tag", "", "latest", &[], &used.tag),
        typed(
            "digest",
            "Or the beginning of one.",
            "sha256:4d26",
            &[],
            &used.digest,
        ),
        typed("team", "", "a team", &facets.team, &used.team),
        typed("service", "", "a service", &facets.service, &used.service),
        typed(
            "environment",
            "",
            "production",
            &facets.environment,
            &used.environment,
        ),
        typed("priority", "", "critical", &facets.priority, &used.priority),
        typed(
            "compliance",
            "A standard, or one of its controls.",
            "PCI DSS 4.0.1",
            &facets.standard,
            &used.compliance,
        ),
        assignees,
        filter(
            "seen",
            "",
            usize::from(used.first_seen_from.is_some())
                + usize::from(used.first_seen_until.is_some()),
            Input::Dates {
                from: day(used.first_seen_from.as_deref()),
                until: day(used.first_seen_until.as_deref()),
            },
        ),
        filter(
            "min-epss",
            "A probability from 0 to 1.",
            usize::from(used.min_epss.is_some()),
            Input::Number {
                value: used
                    .min_epss
                    .map_or_else(String::new, |score| score.to_string()),
                example: "0.1".to_owned(),
            },
        ),
        named("reported-by", &facets.reported_by, &used.reported_by),
    ];
    let more = more
        .into_iter()
        .map(|mut one| {
            if one.name == "seen" {
                one.label = "First seen".to_owned();
            }
            one
        })
        .collect();
    (bar, more)
}

fn day(time: Option<&str>) -> String {
    let day = time.and_then(|time| time.get(..10));
    day.map(text::plain).unwrap_or_default()
}

/// What the form of the filters keeps: what it has no field for.
pub(super) fn kept(asked: &Asked) -> Vec<(String, String)> {
    asked
        .manner()
        .into_iter()
        .chain(
            asked
                .filters()
                .into_iter()
                .filter(|(name, _)| matches!(*name, "issue" | "min-severity" | "unassigned")),
        )
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
