//! Whether a version is affected, by one element of a record's `affected`, and what says so.
//!
//! A version is affected when it is listed in `versions`, or when it lies in any of the ranges. A range is a
//! line of events: `introduced` opens it, `fixed` closes it before that version, `last_affected` after it.
//! Events are sorted by the ecosystem's order first, records don't always do that. At one version
//! `introduced` and an end may meet: an open range is closed and opened again (one branch ends where the next
//! begins), a closed one stays closed (an empty range).
//!
//! An element without ranges and versions says nothing; `GIT` ranges are passed over and the others looked
//! at. Work grows with the events as sorting does, and linearly with the versions that are listed.

use std::cmp::Ordering;

use crate::matching::Because;
use crate::osv::{Affected, Event};
use crate::version::Order;

/// The version before all others.
const BEGINNING: &str = "0";
/// The limit after all versions.
const NO_LIMIT: &str = "*";
/// Boundaries that are tried as the version that fixes.
const MAX_FIXES: usize = 64;

/// How versions of an ecosystem are compared.
#[derive(Clone, Copy)]
pub struct Rule<'o> {
    /// The order; without one only what is listed and what affects every version can be judged.
    pub order: Option<&'o dyn Order>,
    /// True where one version has several spellings (`1.0`, `1.0.0`, `v1.0`), so that equality in the list is
    /// that of the order, too.
    pub respelled: bool,
    /// RPM: compare without the epoch where only one side has it. The epoch of a source package isn't stated
    /// in the packages that were built from it, which may have another one.
    pub blind_to_epoch: bool,
}

impl std::fmt::Debug for Rule<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule")
            .field("order", &self.order.map(Order::name))
            .field("respelled", &self.respelled)
            .field("blind_to_epoch", &self.blind_to_epoch)
            .finish()
    }
}

impl<'o> Rule<'o> {
    /// The rule of an ecosystem, by its name without release.
    pub fn of(ecosystem: &str, order: Option<&'o dyn Order>) -> Self {
        Self {
            order,
            respelled: matches!(
                ecosystem,
                "PyPI" | "RubyGems" | "Packagist" | "NuGet" | "Maven"
            ),
            blind_to_epoch: false,
        }
    }

    fn is_version(&self, version: &str) -> bool {
        self.order.is_some_and(|order| order.is_version(version))
    }

    /// Compares two boundaries.
    fn boundaries(&self, a: &str, b: &str) -> Ordering {
        match (a == BEGINNING, b == BEGINNING) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self
                .order
                .map_or(Ordering::Equal, |order| order.compare(a, b)),
        }
    }

    /// Compares the installed version with a boundary.
    fn installed(&self, version: &str, boundary: &str) -> Ordering {
        if !self.blind_to_epoch {
            return self.boundaries(version, boundary);
        }
        match (epoch(version), epoch(boundary)) {
            ((0, _), (0, _)) => self.boundaries(version, boundary),
            ((0, version), (_, boundary)) | ((_, version), (0, boundary))
                if boundary != BEGINNING =>
            {
                self.boundaries(version, boundary)
            }
            _ => self.boundaries(version, boundary),
        }
    }
}

/// Epoch and rest of an RPM's version.
fn epoch(version: &str) -> (u32, &str) {
    match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    }
}

/// What says that a version is affected, and what speaks against being sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The list or the range.
    pub because: Because,
    /// What could not be read on the way.
    pub doubt: Option<Doubt>,
}

/// Why a finding is not sure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The installed version is none of the order; the record says that every version is affected.
    Installed,
    /// A boundary of the range is no version of the order, so where it lies is a guess.
    Boundary(String),
    /// A boundary stands in Go's `custom_ranges`: its source does not count as Go's module system does.
    Custom,
}

/// What an element says about a version; `None` when it is not affected, or nothing is said about it.
pub fn judge(affected: &Affected, version: &str, rule: Rule<'_>) -> Option<Finding> {
    if affected.versions.iter().any(|listed| listed == version) {
        return Some(Finding {
            because: Because::Listed,
            doubt: None,
        });
    }
    let readable = rule.is_version(version);
    for line in lines(affected, rule) {
        if let Some(finding) = line.judge(version, readable, rule) {
            return Some(finding);
        }
    }
    (readable && rule.respelled && is_listed_otherwise(affected, version, rule)).then_some(
        Finding {
            because: Because::Listed,
            doubt: None,
        },
    )
}

/// True when the version is a boundary that fixes, and none that opens a range: a record of several branches
/// may leave out where the later ones begin, and then claims what it fixed.
pub fn is_fix(affected: &Affected, version: &str, rule: Rule<'_>) -> bool {
    let mut fixes = false;
    for event in events(affected) {
        match event {
            Event::Fixed(at) => fixes |= rule.installed(version, at) == Ordering::Equal,
            Event::Introduced(at) => {
                if rule.installed(version, at) == Ordering::Equal {
                    return false;
                }
            }
            Event::LastAffected(_) | Event::Limit(_) => {}
        }
    }
    fixes
}

/// True when a range begins with this very version.
pub fn begins_at(affected: &Affected, version: &str, rule: Rule<'_>) -> bool {
    events(affected).any(|event| match event {
        Event::Introduced(at) => at != BEGINNING && rule.installed(version, at) == Ordering::Equal,
        _ => false,
    })
}

/// The lowest version above the installed one that some element says fixes it, and that none says opens
/// another range.
pub fn fix<'a>(
    elements: impl Iterator<Item = &'a Affected> + Clone,
    version: &str,
    rule: Rule<'_>,
) -> Option<&'a str> {
    if !rule.is_version(version) {
        return None;
    }
    let mut above: Vec<&'a str> = elements
        .clone()
        .flat_map(events)
        .filter_map(|event| match event {
            Event::Fixed(at) if rule.installed(version, at) == Ordering::Less => Some(at.as_str()),
            _ => None,
        })
        .collect();
    if above.len() > 1 {
        above.sort_by(|a, b| rule.boundaries(a, b).then_with(|| a.cmp(b)));
        above.dedup();
    }
    above.into_iter().take(MAX_FIXES).find(|fix| {
        !elements
            .clone()
            .any(|element| begins_at(element, fix, rule))
    })
}

/// All events, of both kinds of ranges.
fn events(affected: &Affected) -> impl Iterator<Item = &Event> {
    affected
        .ranges
        .iter()
        .chain(&affected.custom_ranges)
        .filter(|range| range.kind != "GIT")
        .flat_map(|range| &range.events)
}

/// PEP 440 and others have many spellings of one version. Most of a list differs in the first number, which
/// is cheap to see.
fn is_listed_otherwise(affected: &Affected, version: &str, rule: Rule<'_>) -> bool {
    let Some(order) = rule.order else {
        return false;
    };
    let first = first_number(version);
    affected.versions.iter().any(|listed| {
        first_number(listed) == first
            && order.is_version(listed)
            && order.compare(version, listed) == Ordering::Equal
    })
}

fn first_number(version: &str) -> &str {
    let digits = version.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let end = digits
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(digits.len());
    digits
        .get(..end)
        .unwrap_or_default()
        .trim_start_matches('0')
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Introduced,
    Fixed,
    LastAffected,
}

#[derive(Clone, Copy)]
struct Point<'a> {
    kind: Kind,
    at: &'a str,
    custom: bool,
}

/// A range, its events in order.
struct Line<'a> {
    points: Vec<Point<'a>>,
    limits: Vec<&'a str>,
}

/// The lines of an element. Go's records that could not place all versions have the rest in `custom_ranges`:
/// where `ranges` only says "from the beginning on", those say it all; where it says more, both are halves of
/// one line.
fn lines<'a>(affected: &'a Affected, rule: Rule<'_>) -> Vec<Line<'a>> {
    let plain = affected.ranges.iter().filter(|range| range.kind != "GIT");
    if affected.custom_ranges.is_empty() {
        return plain
            .map(|range| Line::new(range.events.iter().map(|event| (event, false)), rule))
            .collect();
    }
    let custom = affected
        .custom_ranges
        .iter()
        .filter(|range| range.kind != "GIT");
    let says_more = plain.clone().any(
        |range| !matches!(range.events.as_slice(), [Event::Introduced(at)] if at == BEGINNING),
    );
    if !says_more {
        return custom
            .map(|range| Line::new(range.events.iter().map(|event| (event, true)), rule))
            .collect();
    }
    let plain = plain
        .filter(
            |range| !matches!(range.events.as_slice(), [Event::Introduced(at)] if at == BEGINNING),
        )
        .flat_map(|range| range.events.iter().map(|event| (event, false)));
    let custom = custom.flat_map(|range| range.events.iter().map(|event| (event, true)));
    vec![Line::new(plain.chain(custom), rule)]
}

impl<'a> Line<'a> {
    fn new(events: impl Iterator<Item = (&'a Event, bool)>, rule: Rule<'_>) -> Self {
        let mut line = Self {
            points: Vec::new(),
            limits: Vec::new(),
        };
        for (event, custom) in events {
            let (kind, at) = match event {
                Event::Introduced(at) => (Kind::Introduced, at),
                Event::Fixed(at) => (Kind::Fixed, at),
                Event::LastAffected(at) => (Kind::LastAffected, at),
                Event::Limit(at) => {
                    line.limits.push(at);
                    continue;
                }
            };
            line.points.push(Point { kind, at, custom });
        }
        if line.points.len() > 1 {
            line.points.sort_by(|a, b| rule.boundaries(a.at, b.at));
        }
        line
    }

    fn judge(&self, version: &str, readable: bool, rule: Rule<'_>) -> Option<Finding> {
        if !readable {
            // Only what holds for all versions holds for one that can't be placed.
            let is_all = matches!(self.points.as_slice(), [point] if point.kind == Kind::Introduced && point.at == BEGINNING);
            let unlimited = self.limits.iter().all(|limit| *limit == NO_LIMIT);
            return (is_all && unlimited).then(|| Finding {
                because: Because::InRange {
                    introduced: BEGINNING.to_owned(),
                    fixed: None,
                    last_affected: None,
                },
                doubt: Some(Doubt::Installed),
            });
        }
        let within =
            |limit: &&str| **limit == *NO_LIMIT || rule.installed(version, limit) == Ordering::Less;
        if !self.limits.is_empty() && !self.limits.iter().any(within) {
            return None;
        }
        let (begin, end) = self.interval(version, rule)?;
        let at = |kind| {
            end.filter(|end| end.kind == kind)
                .map(|end| end.at.to_owned())
        };
        let unreadable = [Some(begin), end]
            .into_iter()
            .flatten()
            .find(|point| point.at != BEGINNING && !rule.is_version(point.at));
        let doubt = match unreadable {
            Some(point) => Some(Doubt::Boundary(point.at.to_owned())),
            None if begin.custom || end.is_some_and(|end| end.custom) => Some(Doubt::Custom),
            None => None,
        };
        Some(Finding {
            because: Because::InRange {
                introduced: begin.at.to_owned(),
                fixed: at(Kind::Fixed),
                last_affected: at(Kind::LastAffected),
            },
            doubt,
        })
    }

    /// The points between which a version is affected.
    fn interval(&self, version: &str, rule: Rule<'_>) -> Option<(Point<'a>, Option<Point<'a>>)> {
        let mut open: Option<Point<'a>> = None;
        let mut rest = self.points.as_slice();
        while let Some(first) = rest.first() {
            let length = rest
                .iter()
                .position(|point| rule.boundaries(first.at, point.at) != Ordering::Equal)
                .unwrap_or(rest.len());
            let (here, later) = rest.split_at(length);
            let of = |kind| here.iter().find(|point| point.kind == kind).copied();
            let (begins, fixed, last) = (
                of(Kind::Introduced),
                of(Kind::Fixed),
                of(Kind::LastAffected),
            );
            let placed = rule.installed(version, first.at);
            // What ends here, seen from the version.
            let ends = match placed {
                Ordering::Less => break,
                Ordering::Equal => fixed,
                Ordering::Greater => fixed.or(last),
            };
            open = match (begins, ends, open) {
                (Some(_), Some(_), None) | (None, Some(_), _) => None,
                (Some(begins), Some(_), Some(_)) => Some(begins),
                (begins, None, open) => open.or(begins),
            };
            if placed == Ordering::Equal && last.is_some() && open.is_some() {
                return open.map(|open| (open, last));
            }
            rest = later;
        }
        let end = || rest.iter().find(|point| point.kind != Kind::Introduced);
        open.map(|open| (open, end().copied()))
    }
}

#[cfg(test)]
mod tests;
