//! The list as the page takes it: funnel, rows, groups, and why there is nothing.

use ox_console::pages::issues::{
    Cell, Empty, Funnel as FunnelPart, Group as GroupPart, Head, List, Row, Tab, Tile,
};
use ox_console::parts::{Badge, Choice, Pager, When};
use ox_console::text;
use ox_issue::Issue;
use ox_issue::issue::{AgainstLastScan, ExclusionKind, SlaState, Status};
use ox_issue::severity::Severity;

use super::query::{AGAINST, Asked, COLUMNS, GROUPINGS, address, written};
use super::version;
use crate::store::issues::{Funnel, Grouping, Groups, IssuePage, SeverityCounts, SortKey};

/// Longest title of a row, in characters.
const TITLE: usize = 300;
/// Longest other text of a row, in characters.
const SHORT: usize = 160;

/// Text from outside, no longer than that.
pub(super) fn clipped(value: &str, limit: usize) -> String {
    let value = text::plain(value);
    match value.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value,
    }
}

/// The funnel of everything but severities, and the tiles that filter by them.
pub(super) fn funnel(asked: &Asked, funnel: &Funnel) -> FunnelPart {
    let chosen = |severity: Severity| {
        (asked.filter.severity.is_empty() || asked.filter.severity.contains(&severity))
            && asked
                .filter
                .min_severity
                .is_none_or(|least| severity >= least)
    };
    let sum = |counts: &SeverityCounts| -> u64 {
        let taken = counts.iter().filter(|(severity, _)| chosen(*severity));
        taken.map(|(_, count)| count).sum()
    };
    let of = |counts: &SeverityCounts, severity: Severity| {
        let found = counts.iter().find(|(one, _)| *one == severity);
        found.map_or(0, |(_, count)| *count)
    };
    FunnelPart {
        found: funnel.found.iter().map(|(_, count)| count).sum(),
        prioritised: sum(&funnel.prioritised),
        issues: sum(&funnel.issues),
        tiles: Severity::ALL
            .into_iter()
            .map(|severity| {
                let mut other = asked.clone();
                let list = &mut other.filter.severity;
                let is_chosen = list.contains(&severity);
                if is_chosen {
                    list.retain(|one| *one != severity);
                } else {
                    list.push(severity);
                    list.sort();
                    list.reverse();
                }
                Tile {
                    badge: Badge::of(severity),
                    count: of(&funnel.issues, severity),
                    found: of(&funnel.found, severity),
                    chosen: is_chosen,
                    href: other.href(),
                }
            })
            .collect(),
    }
}

/// The columns that are shown.
pub(super) fn columns(asked: &Asked) -> Vec<&'static str> {
    COLUMNS
        .iter()
        .filter(|(name, _, _, usual)| {
            if asked.columns.is_empty() {
                *usual
            } else {
                asked.columns.iter().any(|one| one == name)
            }
        })
        .map(|(name, ..)| *name)
        .collect()
}

/// All columns, as the form offers them.
pub(super) fn column_choices(asked: &Asked) -> Vec<Choice> {
    let shown = columns(asked);
    COLUMNS
        .iter()
        .map(|(name, label, ..)| Choice::new(*name, *label, shown.contains(name)))
        .collect()
}

fn head(asked: &Asked, label: &str, sort: Option<SortKey>, number: bool) -> Head {
    let Some(sort) = sort else {
        return Head {
            label: label.to_owned(),
            href: None,
            sorted: "",
            number,
        };
    };
    let is_sorted = asked.sort == sort;
    // The natural end first; once more turns it round.
    let begins_down = matches!(
        sort,
        SortKey::Severity
            | SortKey::SeverityBefore
            | SortKey::Epss
            | SortKey::Occurrences
            | SortKey::FirstSeen
            | SortKey::Changed
    );
    let other = Asked {
        sort,
        reverse: is_sorted && !asked.reverse,
        after: None,
        ..asked.clone()
    };
    Head {
        label: label.to_owned(),
        href: Some(other.href()),
        sorted: match (is_sorted, begins_down != asked.reverse) {
            (false, _) => "",
            (true, true) => "descending",
            (true, false) => "ascending",
        },
        number,
    }
}

/// Rows of a page. `first` is true where the page begins at the beginning.
pub(super) fn rows(asked: &Asked, page: &IssuePage, now: &str) -> List {
    let shown = columns(asked);
    let heads = COLUMNS
        .iter()
        .filter(|(name, ..)| shown.contains(name))
        .map(|(name, label, sort, _)| {
            head(asked, label, *sort, matches!(*name, "occurrences" | "epss"))
        })
        .collect();
    let here = asked.write();
    let count = page.issues.len() as u64;
    let summary = match (&asked.after, &page.next) {
        (None, None) => text::counted(page.total, "issue", "issues"),
        (None, Some(_)) => format!(
            "1–{} of {}",
            text::count(count),
            text::counted(page.total, "issue", "issues")
        ),
        (Some(_), _) => format!(
            "{} more of {}",
            text::count(count),
            text::counted(page.total, "issue", "issues")
        ),
    };
    let place = |after: &str| {
        let mut query = here.clone();
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str("after=");
        query.push_str(&text::encode(after));
        address(&query)
    };
    List::Rows {
        heads,
        severity: head(asked, "Severity", Some(SortKey::Severity), false),
        title: head(asked, "Issue", Some(SortKey::Title), false),
        rows: page
            .issues
            .iter()
            .map(|issue| row(issue, &shown, &here, now))
            .collect(),
        pager: Pager {
            summary,
            first: asked.after.is_some().then(|| address(&here)),
            next: page.next.as_deref().map(place),
        },
    }
}

/// Where an issue is, with the list that it is opened from.
pub(super) fn issue_href(id: i64, list: &str) -> String {
    if list.is_empty() {
        format!("/issues/{id}")
    } else {
        format!("/issues/{id}?list={}", text::encode(list))
    }
}

/// The tool's severity, where it is another, and which way it was moved.
pub(super) fn before(issue: &Issue) -> (Option<Badge>, &'static str) {
    let original = issue.verdict.original;
    match issue.severity.cmp(&original) {
        std::cmp::Ordering::Equal => (None, ""),
        std::cmp::Ordering::Greater => (Some(Badge::of(original)), "up"),
        std::cmp::Ordering::Less => (Some(Badge::of(original)), "down"),
    }
}

/// What kind of exclusion, in words.
pub(super) fn kind_words(kind: ExclusionKind) -> &'static str {
    match kind {
        ExclusionKind::Excluded => "Accepted",
        ExclusionKind::FalsePositive => "False positive",
        ExclusionKind::Snoozed => "Snoozed",
        ExclusionKind::DismissedInTool => "Dismissed in the tool",
        ExclusionKind::Vex => "Not affected (VEX)",
    }
}

/// Words about an issue that one should see at once.
pub(super) fn marks(issue: &Issue) -> Vec<(String, &'static str)> {
    let mut all: Vec<(String, &'static str)> = Vec::new();
    match (&issue.status, &issue.exclusion) {
        (Status::Resolved { .. }, _) => all.push(("Resolved".to_owned(), "good")),
        (Status::Removed { .. }, _) => all.push(("Removed".to_owned(), "info")),
        (Status::Open, Some(exclusion)) => {
            all.push((kind_words(exclusion.kind).to_owned(), "warn"));
        }
        (Status::Open, None) => {}
    }
    if issue.known_exploited.is_some() {
        all.push(("Known exploited".to_owned(), "bad"));
    }
    match issue.against_last_scan {
        AgainstLastScan::New => all.push(("New".to_owned(), "busy")),
        AgainstLastScan::Changed => all.push(("Changed".to_owned(), "busy")),
        AgainstLastScan::Reopened => all.push(("Back".to_owned(), "busy")),
        AgainstLastScan::Same | AgainstLastScan::Closed => {}
    }
    if let Some(version) = &issue.remediation.fixed_version {
        all.push((format!("Fix: {}", clipped(version, 40)), "good"));
    }
    if let Some(sla) = &issue.sla {
        let days = text::counted(sla.days_left.unsigned_abs(), "day", "days");
        match sla.state {
            SlaState::Overdue => all.push((format!("{days} overdue"), "bad")),
            SlaState::Near => all.push((format!("{days} left"), "warn")),
            SlaState::Within => {}
        }
    }
    if issue.override_.is_some() {
        all.push(("Severity set by a person".to_owned(), "info"));
    }
    if let Some(to) = &issue.assignee {
        all.push((format!("Given to {}", clipped(to, 40)), "info"));
    }
    all
}

fn row(issue: &Issue, columns: &[&'static str], list: &str, now: &str) -> Row {
    let (was, moved) = before(issue);
    let package = issue.package.as_ref().map_or_else(String::new, |package| {
        let version = match package.versions.as_slice() {
            [] => String::new(),
            [one] => format!(" {one}"),
            [one, more @ ..] => format!(" {one} +{}", more.len()),
        };
        clipped(&format!("{}{version}", package.name), SHORT)
    });
    let cells = columns
        .iter()
        .map(|name| match *name {
            "category" => Cell::Text(clipped(&issue.category, SHORT)),
            "application" => Cell::Text(clipped(&issue.context.application, SHORT)),
            "owner" => Cell::Text(
                issue
                    .context
                    .owners
                    .first()
                    .map_or_else(String::new, |owner| clipped(&owner.name, SHORT)),
            ),
            "first-seen" => Cell::When(When::new(&issue.first_seen, now)),
            "occurrences" => Cell::Number(text::count(issue.occurrences.len() as u64)),
            "location" => Cell::Text(clipped(&issue.location, SHORT)),
            "package" => Cell::Text(package.clone()),
            "assignee" => Cell::Text(clipped(
                issue.assignee.as_deref().unwrap_or_default(),
                SHORT,
            )),
            "due" => match &issue.sla {
                Some(sla) => Cell::When(When::new(&sla.due, now)),
                None => Cell::Text(String::new()),
            },
            "epss" => Cell::Number(
                issue
                    .epss
                    .as_ref()
                    .map_or_else(String::new, |epss| format!("{:.2} %", epss.score * 100.0)),
            ),
            "before" => Cell::Text(issue.verdict.original.word().to_owned()),
            "status" => Cell::Text(
                AGAINST
                    .iter()
                    .find(|(one, _, _)| *one == issue.against_last_scan)
                    .map_or_else(String::new, |(_, _, words)| (*words).to_owned()),
            ),
            _ => Cell::Text(clipped(&issue.connection, SHORT)),
        })
        .collect();
    Row {
        id: issue.id,
        href: issue_href(issue.id, list),
        badge: Badge::of(issue.severity),
        before: was,
        moved,
        title: clipped(&issue.title, TITLE),
        package,
        location: clipped(&issue.location, SHORT),
        marks: marks(issue),
        cells,
        version: version(issue),
    }
}

/// Groups, each with the list of its issues.
pub(super) fn groups(asked: &Asked, by: Grouping, found: &Groups) -> List {
    let label = GROUPINGS
        .iter()
        .find(|(one, _, _)| *one == by)
        .map_or("", |(_, _, label)| *label);
    List::Groups {
        by: label.to_owned(),
        groups: found
            .groups
            .iter()
            .map(|group| {
                let mut list = Asked {
                    group: None,
                    after: None,
                    ..asked.clone()
                };
                let name = vec![group.name.clone()];
                match by {
                    Grouping::Cve => list.filter.id = name,
                    Grouping::Package => list.filter.package = name,
                    Grouping::Image => list.filter.location = name,
                    Grouping::Application => list.filter.application = name,
                }
                GroupPart {
                    name: clipped(&group.name, TITLE),
                    href: list.href(),
                    worst: Badge::of(group.worst),
                    issues: group.issues,
                    counts: group
                        .counts
                        .iter()
                        .filter(|(_, count)| *count > 0)
                        .map(|(severity, count)| (Badge::of(*severity), *count))
                        .collect(),
                    fixable: group.fixable,
                    exploited: group.exploited,
                }
            })
            .collect(),
        more: found.more.then(|| {
            format!(
                "The {} worst groups are shown. Filter to see others.",
                text::count(found.groups.len() as u64)
            )
        }),
    }
}

/// The ways to lay issues together.
pub(super) fn groupings(asked: &Asked) -> Vec<Tab> {
    let tab = |label: &str, group: Option<Grouping>| Tab {
        label: label.to_owned(),
        href: Asked {
            group,
            after: None,
            ..asked.clone()
        }
        .href(),
        chosen: asked.group == group,
    };
    let mut all = vec![tab("List", None)];
    all.extend(
        GROUPINGS
            .iter()
            .map(|(group, _, label)| tab(label, Some(*group))),
    );
    all
}

/// Why there is no issue, and what to do.
pub(super) fn nothing(asked: &Asked, connections: usize, scans: usize) -> List {
    let (title, sentence, action) = if connections == 0 {
        (
            "Nothing is connected yet",
            "Connect a GitLab account: what is found in its images appears here.",
            Some(("Connect GitLab", "/connectors")),
        )
    } else if !asked.is_plain() {
        (
            "No issue is like that",
            "Take a filter away, or look at all that is open.",
            Some(("All open issues", "/issues")),
        )
    } else if scans == 0 {
        (
            "Nothing was scanned yet",
            "A scan fills the queue. It can be asked for now, and goes on by its schedule.",
            Some(("Runs", "/runs")),
        )
    } else {
        (
            "Nothing is open",
            "Every issue is resolved, removed or excluded.",
            Some(("Issues wherever they stand", "/issues?standing=all")),
        )
    };
    List::Empty(Empty {
        title: title.to_owned(),
        sentence: sentence.to_owned(),
        action: action.map(|(label, href)| (label.to_owned(), href.to_owned())),
    })
}

/// A filter that can't be used.
pub(super) fn refused(sentence: &str) -> List {
    List::Empty(Empty {
        title: "This list can't be shown".to_owned(),
        sentence: clipped(sentence, 500),
        action: Some(("All open issues".to_owned(), address(&written(&[])))),
    })
}
