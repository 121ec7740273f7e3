//! The list of issues as an address, and back: what is filtered, how it is sorted and laid together.
//!
//! The names are those of the flags of `ox-host issues`. What can't be understood is left out of the filter and
//! told on the page, never guessed. Written again, an address is in one form: the same list has one address.

use std::fmt::Write as _;

use ox_console::text;
use ox_issue::facts::Kind;
use ox_issue::issue::AgainstLastScan;
use ox_issue::severity::Severity;

use crate::store::issues::{
    Grouping, IssueFilter, IssueOrder, Reprioritised, SlaFilter, SortKey, Standing,
};

/// Values of one filter.
const VALUES: usize = 100;
/// Characters of a value.
const LONG: usize = 500;

/// A list of issues that is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asked {
    /// Which issues.
    pub(crate) filter: IssueFilter,
    /// Sorted by what.
    pub(crate) sort: SortKey,
    /// The other way round.
    pub(crate) reverse: bool,
    /// Where the page begins.
    pub(crate) after: Option<String>,
    /// Laid together by what.
    pub(crate) group: Option<Grouping>,
    /// Columns; empty shows the usual ones.
    pub(crate) columns: Vec<String>,
    /// The saved view that it began with.
    pub(crate) view: Option<String>,
    /// What was not understood, in sentences.
    pub(crate) problems: Vec<String>,
}

type Texts = fn(&mut IssueFilter) -> &mut Vec<String>;

/// Filters that are words, by the names of their parameters.
const TEXTS: [(&str, Texts); 17] = [
    ("source-tool", |filter| &mut filter.source_tool),
    ("reported-by", |filter| &mut filter.reported_by),
    ("connection", |filter| &mut filter.connection),
    ("location", |filter| &mut filter.location),
    ("factor", |filter| &mut filter.factor),
    ("category", |filter| &mut filter.category),
    ("cve", |filter| &mut filter.id),
    ("package", |filter| &mut filter.package),
    ("application", |filter| &mut filter.application),
    ("owner", |filter| &mut filter.owner),
    ("team", |filter| &mut filter.team),
    ("service", |filter| &mut filter.service),
    ("environment", |filter| &mut filter.environment),
    ("priority", |filter| &mut filter.priority),
    ("repository", |filter| &mut filter.repository),
    ("tag", |filter| &mut filter.tag),
    ("compliance", |filter| &mut filter.compliance),
];

/// Where issues stand: value, parameter, words.
pub(super) const STANDINGS: [(Standing, &str, &str); 4] = [
    (Standing::Open, "open", "Open"),
    (Standing::Excluded, "excluded", "Excluded"),
    (Standing::Resolved, "resolved", "Resolved"),
    (Standing::Removed, "removed", "Removed"),
];
pub(super) const REPRIORITISED: [(Reprioritised, &str, &str); 3] = [
    (Reprioritised::Increased, "increased", "Increased by OX"),
    (Reprioritised::Decreased, "decreased", "Decreased by OX"),
    (Reprioritised::Unchanged, "unchanged", "Unchanged"),
];
pub(super) const KINDS: [(Kind, &str, &str); 5] = [
    (Kind::Vulnerability, "vulnerability", "Vulnerability"),
    (Kind::Secret, "secret", "Secret"),
    (
        Kind::Misconfiguration,
        "misconfiguration",
        "Misconfiguration",
    ),
    (Kind::Licence, "licence", "Licence"),
    (Kind::Other, "other", "Other"),
];
pub(super) const AGAINST: [(AgainstLastScan, &str, &str); 5] = [
    (AgainstLastScan::New, "new", "New"),
    (AgainstLastScan::Same, "same", "Same"),
    (AgainstLastScan::Changed, "changed", "Changed"),
    (AgainstLastScan::Reopened, "reopened", "Reopened"),
    (AgainstLastScan::Closed, "closed", "Closed"),
];
pub(super) const SLAS: [(SlaFilter, &str, &str); 4] = [
    (SlaFilter::Overdue, "overdue", "Overdue"),
    (SlaFilter::Near, "near", "Near"),
    (SlaFilter::Within, "within", "Within"),
    (SlaFilter::None, "none", "No deadline"),
];
pub(super) const SORTS: [(SortKey, &str); 12] = [
    (SortKey::Severity, "severity"),
    (SortKey::SeverityBefore, "before"),
    (SortKey::Epss, "epss"),
    (SortKey::Occurrences, "occurrences"),
    (SortKey::FirstSeen, "first-seen"),
    (SortKey::Changed, "changed"),
    (SortKey::Due, "due"),
    (SortKey::Package, "package"),
    (SortKey::Application, "application"),
    (SortKey::Location, "location"),
    (SortKey::Owner, "owner"),
    (SortKey::Title, "title"),
];
pub(super) const GROUPINGS: [(Grouping, &str, &str); 4] = [
    (Grouping::Cve, "cve", "CVE"),
    (Grouping::Package, "package", "Package"),
    (Grouping::Image, "image", "Image"),
    (Grouping::Application, "application", "Application"),
];

/// Columns that can be shown: name, head, what it sorts by, whether it is one of the usual ones.
pub(super) const COLUMNS: [(&str, &str, Option<SortKey>, bool); 13] = [
    ("category", "Category", None, true),
    (
        "application",
        "Application",
        Some(SortKey::Application),
        true,
    ),
    ("owner", "Owner", Some(SortKey::Owner), true),
    ("first-seen", "First seen", Some(SortKey::FirstSeen), true),
    (
        "occurrences",
        "Occurrences",
        Some(SortKey::Occurrences),
        true,
    ),
    ("location", "Location", Some(SortKey::Location), false),
    ("package", "Package", Some(SortKey::Package), false),
    ("assignee", "Assigned to", None, false),
    ("due", "Deadline", Some(SortKey::Due), false),
    ("epss", "EPSS", Some(SortKey::Epss), false),
    (
        "before",
        "Tool's severity",
        Some(SortKey::SeverityBefore),
        false,
    ),
    ("status", "Against last scan", None, false),
    ("connection", "Connection", None, false),
];

fn word_of<T: PartialEq + Copy, const N: usize>(
    table: &[(T, &'static str, &'static str); N],
    value: T,
) -> &'static str {
    table
        .iter()
        .find(|(one, _, _)| *one == value)
        .map_or("", |(_, word, _)| *word)
}

fn push<T: PartialEq>(list: &mut Vec<T>, value: T) {
    if !list.contains(&value) && list.len() < VALUES {
        list.push(value);
    }
}

impl Asked {
    /// From the query of an address, or from a form.
    pub(crate) fn read(query: &str) -> Self {
        let mut asked = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            if value.chars().count() > LONG {
                asked.problem(&name, "is too long");
                continue;
            }
            asked.one(&name, value);
        }
        asked
    }

    fn problem(&mut self, name: &str, why: &str) {
        if self.problems.len() < 10 {
            let name: String = text::plain(name).chars().take(60).collect();
            self.problems
                .push(format!("The filter “{name}” {why}, and was left out."));
        }
    }

    fn one(&mut self, name: &str, value: &str) {
        if let Some((_, list)) = TEXTS.iter().find(|(known, _)| *known == name) {
            push(list(&mut self.filter), value.to_owned());
            return;
        }
        let filter = &mut self.filter;
        let understood = match name {
            "issue" => number(value).map(|id| push(&mut filter.ids, id)),
            "severity" => each(value, |one| one.parse().ok(), &mut filter.severity),
            "severity-before" => each(value, |one| one.parse().ok(), &mut filter.severity_before),
            "min-severity" => value
                .parse()
                .ok()
                .map(|severity: Severity| filter.min_severity = Some(severity)),
            "standing" if value == "all" => {
                for (standing, _, _) in STANDINGS {
                    push(&mut filter.standing, standing);
                }
                Some(())
            }
            "standing" => each(value, |one| named(&STANDINGS, one), &mut filter.standing),
            "reprioritised" => {
                named(&REPRIORITISED, value).map(|one| push(&mut filter.reprioritised, one))
            }
            "kind" => named(&KINDS, value).map(|one| push(&mut filter.kind, one)),
            "status" => named(&AGAINST, value).map(|one| push(&mut filter.against_last_scan, one)),
            "sla" => named(&SLAS, value).map(|one| push(&mut filter.sla, one)),
            "fixable" => truth(value).map(|one| filter.fixable = Some(one)),
            "exploited" => truth(value).map(|one| filter.known_exploited = Some(one)),
            "min-epss" => value
                .parse::<f64>()
                .ok()
                .filter(|score| (0.0..=1.0).contains(score))
                .map(|score| filter.min_epss = Some(score)),
            "image" => {
                image(filter, value);
                Some(())
            }
            "digest" => {
                push(&mut filter.digest, value.to_owned());
                Some(())
            }
            "since" => time(value).map(|time| filter.first_seen_from = Some(time)),
            "until" => time(value).map(|time| filter.first_seen_until = Some(time)),
            "assignee" => {
                push(&mut filter.assignee, value.to_owned());
                Some(())
            }
            "unassigned" => truth(value).map(|yes| {
                if yes {
                    push(&mut filter.assignee, String::new());
                }
            }),
            "text" => {
                filter.text = Some(value.to_owned());
                Some(())
            }
            "sort" => SORTS
                .iter()
                .find(|(_, word)| *word == value)
                .map(|(sort, _)| self.sort = *sort),
            "reverse" => truth(value).map(|yes| self.reverse = yes),
            "after" => {
                self.after = Some(value.to_owned());
                Some(())
            }
            "group" => named(&GROUPINGS, value).map(|one| self.group = Some(one)),
            "columns" => {
                let mut known = Some(());
                for one in value.split(',') {
                    match COLUMNS.iter().find(|(name, ..)| *name == one) {
                        Some(_) => push(&mut self.columns, one.to_owned()),
                        None => known = None,
                    }
                }
                known
            }
            "view" => {
                self.view = Some(value.to_owned());
                Some(())
            }
            // The pane that is open, and whatever else does not choose issues.
            "open" | "occurrences" => Some(()),
            _ => {
                self.problem(name, "is not known");
                return;
            }
        };
        if understood.is_none() {
            let value: String = text::plain(value).chars().take(60).collect();
            self.problem(name, &format!("can't be “{value}”"));
        }
    }

    /// What is filtered by, as parameters.
    pub(crate) fn filters(&self) -> Vec<(&'static str, String)> {
        let mut all: Vec<(&'static str, String)> = Vec::new();
        let mut filter = self.filter.clone();
        for (name, list) in TEXTS {
            all.extend(list(&mut filter).drain(..).map(|value| (name, value)));
        }
        let severity = |one: &Severity| one.word().to_lowercase();
        all.extend(filter.ids.iter().map(|id| ("issue", id.to_string())));
        all.extend(
            filter
                .severity
                .iter()
                .map(|one| ("severity", severity(one))),
        );
        all.extend(
            filter
                .min_severity
                .iter()
                .map(|one| ("min-severity", severity(one))),
        );
        all.extend(
            filter
                .severity_before
                .iter()
                .map(|one| ("severity-before", severity(one))),
        );
        let words = |list: Vec<(&'static str, &'static str)>| {
            list.into_iter().map(|(name, word)| (name, word.to_owned()))
        };
        all.extend(words(
            filter
                .standing
                .iter()
                .map(|one| ("standing", word_of(&STANDINGS, *one)))
                .collect(),
        ));
        all.extend(words(
            filter
                .reprioritised
                .iter()
                .map(|one| ("reprioritised", word_of(&REPRIORITISED, *one)))
                .collect(),
        ));
        all.extend(words(
            filter
                .kind
                .iter()
                .map(|one| ("kind", word_of(&KINDS, *one)))
                .collect(),
        ));
        all.extend(words(
            filter
                .against_last_scan
                .iter()
                .map(|one| ("status", word_of(&AGAINST, *one)))
                .collect(),
        ));
        all.extend(words(
            filter
                .sla
                .iter()
                .map(|one| ("sla", word_of(&SLAS, *one)))
                .collect(),
        ));
        all.extend(
            filter
                .fixable
                .iter()
                .map(|one| ("fixable", one.to_string())),
        );
        all.extend(
            filter
                .known_exploited
                .iter()
                .map(|one| ("exploited", one.to_string())),
        );
        all.extend(
            filter
                .min_epss
                .iter()
                .map(|one| ("min-epss", one.to_string())),
        );
        all.extend(filter.digest.iter().map(|one| ("digest", one.clone())));
        all.extend(
            filter
                .first_seen_from
                .iter()
                .map(|one| ("since", short_time(one))),
        );
        all.extend(
            filter
                .first_seen_until
                .iter()
                .map(|one| ("until", short_time(one))),
        );
        for one in filter.assignee {
            all.push(if one.is_empty() {
                ("unassigned", "true".to_owned())
            } else {
                ("assignee", one)
            });
        }
        all.extend(filter.text.map(|one| ("text", one)));
        all
    }

    /// How it is shown, as parameters: order, groups, columns, view; not the page.
    pub(crate) fn manner(&self) -> Vec<(&'static str, String)> {
        let mut all: Vec<(&'static str, String)> = Vec::new();
        if self.sort != SortKey::default() {
            let word = SORTS.iter().find(|(one, _)| *one == self.sort);
            all.extend(word.map(|(_, word)| ("sort", (*word).to_owned())));
        }
        if self.reverse {
            all.push(("reverse", "true".to_owned()));
        }
        all.extend(
            self.group
                .map(|one| ("group", word_of(&GROUPINGS, one).to_owned())),
        );
        if !self.columns.is_empty() {
            all.push(("columns", self.columns.join(",")));
        }
        all.extend(self.view.clone().map(|one| ("view", one)));
        all
    }

    /// All of it, without the page.
    pub(crate) fn write(&self) -> String {
        let mut all = self.filters();
        all.extend(self.manner());
        written(&all)
    }

    /// Its address, without the page.
    pub(crate) fn href(&self) -> String {
        address(&self.write())
    }

    /// The order in which a page of so many is read.
    pub(crate) fn order(&self, limit: usize) -> IssueOrder {
        IssueOrder {
            by: self.sort,
            reverse: self.reverse,
            after: self.after.clone(),
            limit,
        }
    }

    /// True when it takes what everybody begins with.
    pub(crate) fn is_plain(&self) -> bool {
        self.filter == IssueFilter::default()
    }
}

/// Parameters as a query.
pub(crate) fn written(pairs: &[(&'static str, String)]) -> String {
    let mut query = String::new();
    for (name, value) in pairs {
        if !query.is_empty() {
            query.push('&');
        }
        let _ = write!(query, "{name}={}", text::encode(value));
    }
    query
}

/// The list with a query.
pub(crate) fn address(query: &str) -> String {
    if query.is_empty() {
        "/issues".to_owned()
    } else {
        format!("/issues?{query}")
    }
}

fn named<T: Copy, const N: usize>(table: &[(T, &str, &str); N], value: &str) -> Option<T> {
    table
        .iter()
        .find(|(_, word, _)| *word == value)
        .map(|(one, _, _)| *one)
}

/// Several values with commas between; `None` when one of them is not understood.
fn each<T: PartialEq>(
    value: &str,
    read: impl Fn(&str) -> Option<T>,
    list: &mut Vec<T>,
) -> Option<()> {
    let mut understood = Some(());
    for one in value.split(',') {
        match read(one.trim()) {
            Some(one) => push(list, one),
            None => understood = None,
        }
    }
    understood
}

fn truth(value: &str) -> Option<bool> {
    match value {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// `17` or `OX-17`.
fn number(value: &str) -> Option<i64> {
    let digits = value
        .strip_prefix("OX-")
        .or_else(|| value.strip_prefix("ox-"))
        .unwrap_or(value);
    digits.parse().ok().filter(|id| *id > 0)
}

/// `repository:tag`, a digest, or a beginning of one.
fn image(filter: &mut IssueFilter, value: &str) {
    if let Some((_, digest)) = value.split_once('@') {
        return push(&mut filter.digest, digest.to_owned());
    }
    let hex = value.strip_prefix("sha256:").unwrap_or(value);
    if hex.len() >= 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return push(&mut filter.digest, value.to_owned());
    }
    match value.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') && !repository.is_empty() => {
            push(&mut filter.repository, repository.to_owned());
            if !tag.is_empty() {
                push(&mut filter.tag, tag.to_owned());
            }
        }
        _ => push(&mut filter.repository, value.to_owned()),
    }
}

/// A day or a time, as the store writes it.
pub(super) fn time(value: &str) -> Option<String> {
    if let Ok(date) = value.parse::<jiff::civil::Date>() {
        let zoned = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        return Some(format!("{:.3}", zoned.timestamp()));
    }
    let time: jiff::Timestamp = value.parse().ok()?;
    Some(format!("{time:.3}"))
}

/// A time that is the beginning of a day is that day.
fn short_time(time: &str) -> String {
    time.strip_suffix("T00:00:00.000Z")
        .unwrap_or(time)
        .to_owned()
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
