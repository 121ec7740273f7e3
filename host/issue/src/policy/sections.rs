//! What each section of the policy file means.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use super::error::nearest;
use super::reader::{Table, Value, quoted};
use super::{
    Application, DATA, Environment, Labels, MAX_PATTERNS, Match, OwnerRule, PRIORITIES, Pattern,
    Policy, Team,
};
use crate::Severity;
use crate::compliance::STANDARDS;
use crate::severity::Tuning;
use crate::sla::Terms;

/// Days of the longest deadline.
const MAX_DAYS: u32 = 3_650;

/// Patterns that may still be compiled.
struct Budget(Cell<usize>);

/// Reads a whole file. Faults are told to the reader.
pub(super) fn read(root: &Table<'_, '_>) -> Policy {
    root.only(&[
        "severity",
        "sla",
        "application",
        "team",
        "owner",
        "environment",
        "labels",
        "compliance",
    ]);
    let budget = Budget(Cell::new(MAX_PATTERNS));
    let default = Policy::default();
    let severity = root.get("severity").and_then(|value| tuning(&value));
    let teams: Vec<Team> = each(root, "team", |table| team(table, &budget));
    Policy {
        severity: severity.unwrap_or(default.severity),
        sla: root.table("sla").map(sla).unwrap_or(default.sla),
        applications: each(root, "application", |table| {
            application(table, &budget, &teams)
        }),
        owners: each(root, "owner", |table| owner(table, &budget)),
        environments: each(root, "environment", |table| environment(table, &budget)),
        labels: root.table("labels").map(labels).unwrap_or(default.labels),
        standards: root
            .table("compliance")
            .and_then(standards)
            .unwrap_or(default.standards),
        teams,
    }
}

/// The section's own reader knows its names, limits and what was meant; the fault is told at the section.
fn tuning(value: &Value<'_, '_>) -> Option<Tuning> {
    value.table()?;
    match serde_json::from_value(value.json()?) {
        Ok(tuning) => Some(tuning),
        Err(error) => {
            value.tell(
                error.to_string(),
                "`ox-host policy factors` lists the rules, their numbers and their thresholds",
            );
            None
        }
    }
}

fn each<T>(root: &Table<'_, '_>, name: &str, read: impl Fn(&Table<'_, '_>) -> Option<T>) -> Vec<T> {
    root.tables(name).iter().filter_map(read).collect()
}

fn application(table: &Table<'_, '_>, budget: &Budget, teams: &[Team]) -> Option<Application> {
    table.only(&[
        "name",
        "service",
        "team",
        "priority",
        "environment",
        "internet-facing",
        "data",
        "owners",
        "match",
    ]);
    let mut data: Vec<String> = table
        .texts("data")
        .into_iter()
        .filter_map(|value| value.word(&DATA))
        .collect();
    data.sort();
    data.dedup();
    let read = Application {
        name: table.needed("name", "name = \"shop\"").unwrap_or_default(),
        service: table.text("service"),
        team: table.text("team"),
        priority: table.word("priority", &PRIORITIES),
        environment: table.text("environment").map(|name| name.to_lowercase()),
        internet_facing: table.flag("internet-facing"),
        data,
        owners: table.words("owners"),
        matches: needed_match(table, &Match::KEYS, budget),
    };
    // Where teams are listed at all, a team that is not is a slip of the pen.
    let known: Vec<&str> = teams.iter().map(|team| team.name.as_str()).collect();
    if let (Some(team), Some(value)) = (&read.team, table.get("team"))
        && !known.is_empty()
        && !known.contains(&team.as_str())
    {
        let hint = match nearest(team, &known) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("write a [[team]] with name = {team:?}"),
        };
        value.tell(format!("no [[team]] has the name {}", quoted(team)), hint);
    }
    Some(read)
}

fn team(table: &Table<'_, '_>, budget: &Budget) -> Option<Team> {
    table.only(&["name", "owners", "match"]);
    Some(Team {
        name: table.needed("name", "name = \"storefront\"")?,
        owners: table.words("owners"),
        matches: table
            .table("match")
            .map(|one| patterns(&one, &Match::KEYS, budget))
            .unwrap_or_default(),
    })
}

fn owner(table: &Table<'_, '_>, budget: &Budget) -> Option<OwnerRule> {
    table.only(&["owners", "match"]);
    let owners = table.words("owners");
    if owners.is_empty() && table.texts("owners").is_empty() {
        table.tell("it has no owners", "write owners = [\"@mira\"]");
    }
    Some(OwnerRule {
        owners,
        matches: needed_match(table, &Match::KEYS, budget),
    })
}

fn environment(table: &Table<'_, '_>, budget: &Budget) -> Option<Environment> {
    table.only(&["name", "match"]);
    Some(Environment {
        name: table
            .needed("name", "name = \"production\"")?
            .to_lowercase(),
        matches: needed_match(table, &Match::IMAGE_KEYS, budget),
    })
}

/// A table without patterns would hold for nothing (or everything): neither is meant.
fn needed_match(table: &Table<'_, '_>, known: &[&str], budget: &Budget) -> Match {
    let read = table
        .table("match")
        .map(|one| patterns(&one, known, budget))
        .unwrap_or_default();
    let said_something = table
        .get("match")
        .is_some_and(|value| value.table().is_none_or(|one| !one.all().is_empty()));
    if !said_something {
        table.tell(
            "it does not say what it is for",
            "write match = { project = \"acme/shop/**\" }",
        );
    }
    read
}

fn patterns(table: &Table<'_, '_>, known: &[&str], budget: &Budget) -> Match {
    table.only(known);
    let compile = |values: Vec<Value<'_, '_>>, is_path: bool| -> Vec<Pattern> {
        values
            .into_iter()
            .filter_map(|value| compile(&value, is_path, budget))
            .collect()
    };
    let list = |name: &str, is_path: bool| {
        let values = table.texts(name);
        if values.is_empty()
            && let Some(value) = table.get(name)
        {
            value.tell(
                "the list is empty, so nothing would match",
                "write a pattern, or take the key out",
            );
        }
        compile(values, is_path)
    };
    let label = table.table("label").map(|labels| {
        labels
            .all()
            .into_iter()
            .map(|(key, value)| (key.to_owned(), compile(value.texts(), false)))
            .collect::<BTreeMap<_, _>>()
    });
    Match {
        group: list("group", true),
        project: list("project", true),
        topic: list("topic", false),
        repository: list("repository", true),
        label: label.unwrap_or_default(),
        tag: list("tag", false),
        branch: list("branch", false),
    }
}

fn compile(value: &Value<'_, '_>, is_path: bool, budget: &Budget) -> Option<Pattern> {
    let text = value.text()?;
    let Some(left) = budget.0.get().checked_sub(1) else {
        value.tell(
            format!("the file has more than {MAX_PATTERNS} patterns"),
            "use patterns that take more at once",
        );
        return None;
    };
    budget.0.set(left);
    let compiled = if is_path {
        Pattern::path(&text)
    } else {
        Pattern::word(&text)
    };
    match compiled {
        Ok(pattern) => Some(pattern),
        Err(why) => {
            value.tell(
                format!("the pattern {} can't be used: {why}", quoted(&text)),
                "write for example acme/shop/*, acme/** or {api,worker}",
            );
            None
        }
    }
}

fn sla(table: Table<'_, '_>) -> Terms {
    table.only(&["enabled", "start", "near", "days"]);
    let mut terms = Terms::default();
    if let Some(flag) = table.flag("enabled") {
        terms.enabled = flag;
    }
    terms.start = table.get("start").and_then(|value| value.day());
    if let Some(near) = table
        .get("near")
        .and_then(|value| value.number(0..=MAX_DAYS))
    {
        terms.near_days = near;
    }
    let words: Vec<String> = Severity::ALL
        .iter()
        .map(|one| one.word().to_lowercase())
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some(days) = table.table("days") else {
        return terms;
    };
    days.only(&words);
    for (severity, word) in Severity::ALL.into_iter().zip(words) {
        let Some(value) = days.get(word) else {
            continue;
        };
        if value.is_none() {
            terms.days.remove(&severity);
        } else if let Some(count) = value.number(1..=MAX_DAYS) {
            terms.days.insert(severity, count);
        }
    }
    terms
}

fn labels(table: Table<'_, '_>) -> Labels {
    table.only(&["service", "team", "owner", "branch"]);
    let mut labels = Labels::default();
    for (name, keys) in [
        ("service", &mut labels.service),
        ("team", &mut labels.team),
        ("owner", &mut labels.owner),
        ("branch", &mut labels.branch),
    ] {
        if table.get(name).is_some() {
            *keys = table.words(name);
        }
    }
    labels
}

fn standards(table: Table<'_, '_>) -> Option<Vec<String>> {
    table.only(&["standards"]);
    let known: Vec<&str> = STANDARDS.iter().map(|one| one.id).collect();
    let value = table.get("standards")?;
    let chosen: BTreeSet<String> = value
        .texts()
        .into_iter()
        .filter_map(|value| value.word(&known))
        .collect();
    Some(
        known
            .into_iter()
            .filter(|id| chosen.contains(*id))
            .map(str::to_owned)
            .collect(),
    )
}
