//! What is known about vulnerabilities: sources and their age, what they cover, and what they say of packages.

use ox_advisory::import::{Ended, Outcome};
use ox_advisory::index::Record;
use ox_advisory::matching::{Because, Component, Match, NoLookup};

use super::issues::day;
use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{bytes, count, inert, number, wrap};
use crate::host::AdvisoryStatus;

/// Days after which advisories are called old.
const OLD_DAYS: i64 = 7;

/// One line for a source that was imported.
pub fn outcome(outcome: &Outcome, look: Look) -> String {
    let source = inert(&outcome.source);
    match &outcome.result {
        Ended::Imported(counts) => {
            let mut text = format!(
                "{} {source}: {} records, {} new, {} changed, {} gone",
                look.good("✓"),
                number(counts.records),
                number(counts.added),
                number(counts.changed),
                number(counts.removed)
            );
            if counts.withdrawn > 0 {
                text.push_str(&format!(", {} withdrawn", number(counts.withdrawn)));
            }
            if counts.broken > 0 {
                text.push_str(&look.warn(&format!(", {} broken", number(counts.broken))));
            }
            text.push('\n');
            for broken in counts.broken_first.iter().take(3) {
                text.push_str(&look.faint(&format!(
                    "    {}: {}\n",
                    inert(&broken.name),
                    inert(&broken.reason)
                )));
            }
            text
        }
        Ended::Unchanged => format!("{} {source}: unchanged\n", look.faint("=")),
        Ended::Failed(why) => format!("{} {source}: {}\n", look.bad("✗"), inert(why)),
        Ended::Cancelled => format!("{} {source}: cancelled\n", look.warn("–")),
    }
}

/// Everything that was imported, and what of the images it covers.
pub fn status(status: &AdvisoryStatus, look: Look) -> String {
    let index = &status.index;
    let mut table = Table::new([
        Column::text("SOURCE"),
        Column::number("RECORDS"),
        Column::number("WITHDRAWN"),
        Column::number("BROKEN"),
        Column::fixed("NEWEST"),
        Column::number("AGE"),
        Column::fixed("IMPORTED"),
        Column::text("FROM"),
    ]);
    let age = |days: Option<i64>| match days {
        Some(days) => Cell::toned(
            format!("{days} d"),
            if days > OLD_DAYS {
                Tone::Warn
            } else {
                Tone::Plain
            },
        ),
        None => "".into(),
    };
    for source in &index.sources {
        table.row([
            source.name.as_str().into(),
            number(source.records).into(),
            number(source.withdrawn).into(),
            Cell::toned(
                if source.broken == 0 {
                    String::new()
                } else {
                    number(source.broken)
                },
                Tone::Warn,
            ),
            source.newest.as_deref().map_or("", day).into(),
            age(source.age_days),
            day(&source.imported_at).into(),
            source.origin.as_str().into(),
        ]);
    }
    for (name, feed) in [("KEV", &index.kev), ("EPSS", &index.epss)] {
        if let Some(feed) = feed {
            table.row([
                name.into(),
                number(feed.entries).into(),
                "".into(),
                Cell::toned(
                    if feed.broken == 0 {
                        String::new()
                    } else {
                        number(feed.broken)
                    },
                    Tone::Warn,
                ),
                day(&feed.date).into(),
                age(feed.age_days),
                day(&feed.imported_at).into(),
                feed.origin.as_str().into(),
            ]);
        }
    }
    let mut out = table.render(look);
    if out.is_empty() {
        out.push_str("No advisories were imported, so packages are matched against nothing.\n");
        out.push_str(
            "`ox-host advisories update --ecosystem Debian --ecosystem npm …` fetches them.\n",
        );
    } else {
        out.push_str(&look.faint(&format!(
            "\nGeneration {}, {}\n",
            index.generation,
            bytes(index.bytes)
        )));
    }
    if index.kev.is_none() {
        out.push_str(
            "The KEV catalogue was not imported: no issue can be raised because it is known to be exploited.\n",
        );
    }
    if index.epss.is_none() {
        out.push_str(
            "EPSS scores were not imported: how likely a vulnerability is exploited changes no severity.\n",
        );
    }
    coverage(&mut out, status, look);
    out
}

fn coverage(out: &mut String, status: &AdvisoryStatus, look: Look) {
    let coverage = &status.coverage;
    if coverage.ecosystems.is_empty() && coverage.not_looked_up.is_empty() {
        return;
    }
    out.push('\n');
    let mut table = Table::new([
        Column::fixed("PACKAGES OF IMAGES"),
        Column::number("COUNT"),
        Column::text(""),
    ]);
    for (ecosystem, count, covered) in &coverage.ecosystems {
        table.row([
            ecosystem.as_str().into(),
            number(*count).into(),
            if *covered {
                "".into()
            } else {
                Cell::toned("no advisories of it were imported", Tone::Warn)
            },
        ]);
    }
    for (reason, count) in &coverage.not_looked_up {
        table.row([
            Cell::toned("not looked up", Tone::Faint),
            number(*count).into(),
            Cell::toned(reason_words(reason), Tone::Faint),
        ]);
    }
    out.push_str(&table.render(look));
}

/// Why packages are not looked up, in words.
pub(crate) fn reason_words(word: &str) -> &str {
    match word {
        "owned-by-system" => {
            "the operating system's own package has them; its advisories speak for them"
        }
        "no-version" => "no version is stated",
        "no-ecosystem" => "nobody publishes advisories for their kind or distribution",
        "own-program" => "they are the image's own program",
        "incomplete-name" => "their name is not whole",
        other => other,
    }
}

/// Why a package is not looked up, in words.
pub fn no_lookup(why: &NoLookup) -> String {
    match why {
        NoLookup::OwnedBySystem(owner) => format!("the operating system's package {owner} has it"),
        NoLookup::NoVersion => "it has no version".to_owned(),
        NoLookup::NoEcosystem => {
            "no ecosystem of OSV is known for it (--distro Debian:12 names the distribution)"
                .to_owned()
        }
        NoLookup::OwnProgram => "it is the image's own program".to_owned(),
        NoLookup::IncompleteName => "its name is not whole".to_owned(),
    }
}

/// A package URL, and what was found or why nothing could be.
pub type MatchRow = (String, Result<(Component, Vec<Match>), String>);

/// What the advisories say of packages.
pub fn matches(rows: &[MatchRow], look: Look) -> String {
    let mut table = Table::new([
        Column::text("PACKAGE"),
        Column::fixed("ADVISORY"),
        Column::fixed("SURE"),
        Column::text("FIXED IN"),
        Column::text("BECAUSE"),
    ]);
    let mut found = 0_u64;
    for (purl, answer) in rows {
        match answer {
            Err(why) => table.row([
                purl.as_str().into(),
                "".into(),
                "".into(),
                "".into(),
                Cell::toned(why, Tone::Warn),
            ]),
            Ok((_, matches)) => {
                for one in matches {
                    found += 1;
                    table.row([
                        purl.as_str().into(),
                        one.advisory.as_str().into(),
                        format!("{:?}", one.certainty).to_lowercase().into(),
                        one.fixed.as_deref().unwrap_or_default().into(),
                        because(one).into(),
                    ]);
                }
            }
        }
    }
    let mut out = table.render(look);
    out.push_str(&look.faint(&format!(
        "{}, {}\n",
        count(rows.len() as u64, "package", "packages"),
        count(found, "match", "matches")
    )));
    out
}

fn because(found: &Match) -> String {
    let mut text = match &found.because {
        Because::Listed => format!("{} is listed", found.compared),
        Because::InRange {
            introduced,
            fixed,
            last_affected,
        } => match (fixed, last_affected) {
            (Some(fixed), _) => format!("{introduced} ≤ {} < {fixed}", found.compared),
            (None, Some(last)) => format!("{introduced} ≤ {} ≤ {last}", found.compared),
            (None, None) => format!("{introduced} ≤ {}", found.compared),
        },
    };
    if let Some(doubt) = &found.doubt {
        text.push_str(&format!(" ({doubt})"));
    }
    text
}

/// One record.
pub fn record(record: &Record, look: Look) -> String {
    let head = &record.head;
    let mut out = format!(
        "{}  {}\n",
        look.strong(&inert(&head.id)),
        inert(&head.summary)
    );
    if let Some(withdrawn) = &head.withdrawn {
        out.push_str(&look.warn(&format!("withdrawn on {}\n", day(withdrawn))));
    }
    for (label, list) in [
        ("aliases", &head.aliases),
        ("upstream", &head.upstream),
        ("related", &head.related),
    ] {
        if !list.is_empty() {
            out.push_str(&format!(
                "{} {}\n",
                look.faint(label),
                inert(&list.join(", "))
            ));
        }
    }
    let mut table = Table::new([
        Column::text("ECOSYSTEM"),
        Column::text("PACKAGE"),
        Column::text("RANGES"),
        Column::number("VERSIONS"),
    ]);
    for one in &record.affected {
        let ranges: Vec<String> = one
            .ranges
            .iter()
            .chain(&one.custom_ranges)
            .map(|range| {
                let events: Vec<String> = range
                    .events
                    .iter()
                    .map(|event| {
                        use ox_advisory::osv::Event;
                        match event {
                            Event::Introduced(version) => format!("≥ {version}"),
                            Event::Fixed(version) => format!("< {version}"),
                            Event::LastAffected(version) => format!("≤ {version}"),
                            Event::Limit(version) => format!("limit {version}"),
                        }
                    })
                    .collect();
                events.join(" ")
            })
            .collect();
        table.row([
            one.ecosystem.as_str().into(),
            one.name.as_str().into(),
            ranges.join(" | ").into(),
            if one.versions.is_empty() {
                "".into()
            } else {
                one.versions.len().to_string().into()
            },
        ]);
    }
    out.push_str(&table.render(look));
    for line in head.details.lines().take(40) {
        for part in wrap(&inert(line), look.width) {
            out.push_str(&format!("{part}\n"));
        }
    }
    out
}
