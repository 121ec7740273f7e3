//! The comparison as a person reads it.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::reasons::{Way, Who};
use super::{Counts, Difference, Line};
use crate::purl::Kind;

/// Packages of one class of differences that are named.
const NAMED: usize = 6;
/// Of a class that counts as a failure.
const NAMED_FAILURES: usize = 40;

/// The head of the table.
///
/// # Errors
/// When it can't be written.
pub fn head(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<11} {:<9} {:<18} {:>6}  {:>18} {:>18} {:>18}",
        "image", "kind", "truth", "there", "connector", "trivy", "syft"
    )
}

/// The lines of one image: packages found, `-` those missed, `+` those that are not there.
///
/// # Errors
/// When they can't be written.
pub fn lines(out: &mut impl Write, image: &str, lines: &[Line]) -> io::Result<()> {
    for line in lines {
        let (tool, number) = line.truth.map_or(("-", String::new()), |(tool, number)| {
            (tool, number.to_string())
        });
        write!(out, "{image:<11} {:<9} {tool:<18} {number:>6} ", line.kind)?;
        for who in [Who::Ours, Who::Trivy, Who::Syft] {
            write!(
                out,
                " {:>18}",
                line.counts.get(&who).map_or(String::new(), counts)
            )?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn counts(counts: &Counts) -> String {
    let mut text = counts.found.to_string();
    if counts.missed > 0 {
        text.push_str(&format!(" -{}", counts.missed));
    }
    if counts.wrong > 0 {
        text.push_str(&format!(" +{}", counts.wrong));
    }
    text
}

/// Who, which way, of which kind, and why.
type Class = (Who, Way, Kind, Option<&'static str>);

/// The differences by class, with a few of each by name.
///
/// # Errors
/// When they can't be written.
pub fn classes(out: &mut impl Write, all: &[(String, Difference)]) -> io::Result<()> {
    let mut classes: BTreeMap<Class, Vec<&(String, Difference)>> = BTreeMap::new();
    for one in all {
        let difference = &one.1;
        let class = (
            difference.who,
            difference.way,
            difference.package.kind,
            difference.reason,
        );
        classes.entry(class).or_default().push(one);
    }
    for ((who, way, kind, reason), members) in classes {
        let way = match way {
            Way::Finds => "finds besides",
            Way::Misses => "does not find",
        };
        writeln!(
            out,
            "{} {way} {} {kind}: {}",
            who.name(),
            members.len(),
            reason.unwrap_or("UNEXPLAINED")
        )?;
        // What has a reason is not looked at one by one.
        let named = match (reason, who) {
            (Some(_), _) => 2,
            (None, Who::Ours) => NAMED_FAILURES,
            (None, _) => NAMED,
        };
        for (image, one) in members.iter().take(named).map(|one| (&one.0, &one.1)) {
            writeln!(
                out,
                "    {image}: {} ({}){}",
                one.package,
                one.against,
                if one.path.is_empty() {
                    String::new()
                } else {
                    format!(" in {}", one.path)
                }
            )?;
        }
        if let Some(more) = members.len().checked_sub(named).filter(|more| *more > 0) {
            writeln!(out, "    … and {more} more")?;
        }
    }
    Ok(())
}
