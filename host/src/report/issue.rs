//! One issue on one screen: what it is, why it is as severe as it is, what shows it, and what to do.

use ox_issue::Issue;
use ox_issue::issue::{Occurrence, Status};
use ox_issue::severity::{StepKind, ladder, not_known};

use super::issues::{day, exclusion_word, sla_tone, tone};
use super::look::{Look, Tone};
use super::table::{Cell, Column, Table};
use super::text::{count, inert, minute, number, short_digest, wrap};
use crate::host::IssueDetail;
use crate::store::issues::IssueEvent;

/// Occurrences that are shown unless all are asked for.
const OCCURRENCES: usize = 8;
/// Sources that are shown unless all are asked for.
const SOURCES: usize = 6;
/// Events that are shown unless all are asked for.
const EVENTS: usize = 10;
/// Lines of an advisory's text that are shown unless all is asked for.
const LINES: usize = 6;

/// The page of an issue. `all` shows everything that is otherwise cut.
pub fn page(detail: &IssueDetail, all: bool, look: Look) -> String {
    let issue = &detail.issue;
    let mut out = String::new();
    head(&mut out, issue, look);
    severity(&mut out, issue, look);
    remediation(&mut out, issue, look);
    evidence(&mut out, issue, all, look);
    occurrences(&mut out, issue, all, look);
    about(&mut out, detail, all, look);
    history(&mut out, &detail.history, all, look);
    out
}

fn heading(out: &mut String, text: &str, look: Look) {
    out.push('\n');
    out.push_str(&look.strong(text));
    out.push('\n');
}

fn fact(out: &mut String, label: &str, value: &str, look: Look) {
    if !value.is_empty() {
        let label = format!("{label:<12}");
        out.push_str(&format!("  {}{}\n", look.faint(&label), inert(value)));
    }
}

fn head(out: &mut String, issue: &Issue, look: Look) {
    out.push_str(&format!(
        "{}  {}  {}\n",
        look.strong(&format!("OX-{}", issue.id)),
        look.tone(tone(issue.severity), issue.severity.word()),
        look.strong(&inert(&issue.title)),
    ));
    let first_line = issue.description.lines().next().unwrap_or_default();
    for line in wrap(&inert(first_line), look.width).into_iter().take(3) {
        out.push_str(&format!("{line}\n"));
    }
    out.push('\n');
    match &issue.status {
        Status::Open => {}
        Status::Resolved { how } => fact(out, "resolved", how, look),
        Status::Removed { why } => fact(out, "removed", why, look),
    }
    if let Some(exclusion) = &issue.exclusion {
        let until = match &exclusion.until {
            Some(until) => format!(" until {}", day(until)),
            None => String::new(),
        };
        let text = format!(
            "{}{until}: {} ({}, by {})",
            exclusion_word(exclusion.kind),
            exclusion.reason,
            exclusion.scope,
            exclusion.by
        );
        fact(out, "not in queue", &text, look);
    }
    let ids: Vec<&str> = issue
        .identifiers
        .iter()
        .map(|one| one.value.as_str())
        .take(12)
        .collect();
    fact(out, "known as", &ids.join(", "), look);
    if let Some(package) = &issue.package {
        let source = match &package.source_name {
            Some(source) if *source != package.name => format!(" (source {source})"),
            _ => String::new(),
        };
        let text = format!(
            "{} {}{source}, {}",
            package.name,
            package.versions.join(", "),
            if package.ecosystem.is_empty() {
                &package.format
            } else {
                &package.ecosystem
            }
        );
        fact(out, "package", &text, look);
    }
    fact(out, "location", &issue.location, look);
    let context = &issue.context;
    let whose = [
        Some(context.application.as_str()),
        context.service.as_deref(),
        context.team.as_deref(),
        context.environment.as_deref(),
    ];
    let whose: Vec<&str> = whose.into_iter().flatten().collect();
    fact(out, "application", &whose.join(" · "), look);
    let owners: Vec<String> = context
        .owners
        .iter()
        .take(5)
        .map(|owner| format!("{} ({})", owner.name, owner.from))
        .collect();
    fact(out, "owners", &owners.join(", "), look);
    fact(
        out,
        "assignee",
        issue.assignee.as_deref().unwrap_or_default(),
        look,
    );
    fact(out, "category", &issue.category, look);
    fact(out, "first seen", &minute(&issue.first_seen), look);
    if let Some(sla) = &issue.sla {
        let text = match sla.days_left {
            days @ ..0 => format!("{}, {} days late", day(&sla.due), days.unsigned_abs()),
            days => format!("{}, in {days} days", day(&sla.due)),
        };
        let label = format!("{:<12}", "due");
        out.push_str(&format!(
            "  {}{}\n",
            look.faint(&label),
            look.tone(sla_tone(sla.state), &text)
        ));
    }
    let controls: Vec<String> = issue
        .compliance
        .iter()
        .map(|one| format!("{} {}", one.standard, one.control))
        .collect();
    fact(out, "compliance", &controls.join(", "), look);
}

/// The ladder: a reader who was never told finds here why the tool's severity is not the one that is shown.
fn severity(out: &mut String, issue: &Issue, look: Look) {
    let verdict = &issue.verdict;
    let title = if issue.severity == verdict.original {
        format!("Why it is {}", issue.severity)
    } else {
        format!("Why it is {} and not {}", issue.severity, verdict.original)
    };
    heading(out, &title, look);
    let mut table = Table::new([
        Column::number(""),
        Column::number("SUM"),
        Column::fixed("SEVERITY"),
        Column::fixed("KIND"),
        Column::fixed("FACTOR"),
        Column::text("BECAUSE"),
    ]);
    for step in ladder(verdict) {
        let change = step.change.unwrap_or_default();
        table.row([
            Cell::toned(
                step.change.map(signed).unwrap_or_default(),
                if change > 0.0 { Tone::Bad } else { Tone::Good },
            ),
            Cell::toned(format!("{:.2}", step.score), Tone::Faint),
            Cell::toned(step.severity.word(), tone(step.severity)),
            Cell::toned(
                step.category
                    .map_or_else(String::new, |one| format!("{one:?}")),
                Tone::Faint,
            ),
            match step.kind {
                StepKind::Factor => step.label.as_str().into(),
                _ => Cell::toned(&step.label, Tone::Strong),
            },
            step.reason.as_str().into(),
        ]);
    }
    // Sentences are what this table is for: they are not cut, the terminal wraps them.
    let wide = Look {
        width: None,
        ..look
    };
    out.push_str(&table.render(wide));
    let unknown: Vec<_> = not_known(verdict).collect();
    if !unknown.is_empty() {
        out.push_str(&look.faint("Not known, and it would count:\n"));
        for factor in unknown {
            out.push_str(&look.faint(&format!(
                "  {}: {}\n",
                inert(&factor.short_name),
                inert(&factor.reason)
            )));
        }
    }
    if let Some(own) = &issue.override_ {
        out.push_str(&format!(
            "{} set it to {} on {}: {}\n",
            inert(&own.by),
            look.tone(tone(own.severity), own.severity.word()),
            day(&own.at),
            inert(&own.reason)
        ));
    }
}

fn signed(change: f64) -> String {
    if change < 0.0 {
        format!("−{:.2}", change.abs())
    } else {
        format!("+{change:.2}")
    }
}

fn remediation(out: &mut String, issue: &Issue, look: Look) {
    let remediation = &issue.remediation;
    if remediation.summary.is_empty() {
        return;
    }
    heading(out, "What to do", look);
    for line in wrap(&inert(&remediation.summary), look.width) {
        out.push_str(&format!("{line}\n"));
    }
    if let Some(base) = &remediation.base_image {
        out.push_str(&format!("  {}\n", look.good(&inert(base))));
    }
    if let Some(command) = &remediation.command {
        for line in command.lines() {
            out.push_str(&format!("  {}\n", look.good(&inert(line))));
        }
    }
}

fn evidence(out: &mut String, issue: &Issue, all: bool, look: Look) {
    if issue.sources.is_empty() {
        return;
    }
    heading(out, "Who says so, and by what", look);
    let shown = if all { issue.sources.len() } else { SOURCES };
    for source in issue.sources.iter().take(shown) {
        let mut line = source.tool.clone();
        if let Some(scanner) = &source.scanner {
            line.push_str(&format!(" ({scanner})"));
        }
        line.push_str(&format!(" {}", source.id));
        if let Some(severity) = &source.severity {
            line.push_str(&format!(", {severity}"));
        }
        if let Some(certainty) = &source.certainty {
            line.push_str(&format!(", {certainty}"));
        }
        if let Some(state) = &source.state {
            line.push_str(&format!(", {state}"));
        }
        if let Some(reason) = &source.state_reason {
            line.push_str(&format!(" ({reason})"));
        }
        out.push_str(&format!("  {}\n", look.strong(&inert(&line))));
        for one in &source.evidence {
            let label = format!("{:<10}", one.label);
            out.push_str(&format!(
                "    {}{}\n",
                look.faint(&inert(&label)),
                inert(&one.value)
            ));
        }
        if let Some(url) = &source.url {
            out.push_str(&format!("    {}\n", look.faint(&inert(url))));
        }
    }
    rest(out, issue.sources.len(), shown, look);
}

fn rest(out: &mut String, all: usize, shown: usize, look: Look) {
    if let Some(more) = all.checked_sub(shown).filter(|more| *more > 0) {
        out.push_str(&look.faint(&format!(
            "  … and {} more (--all shows them)\n",
            number(more as u64)
        )));
    }
}

fn occurrences(out: &mut String, issue: &Issue, all: bool, look: Look) {
    let occurrences = &issue.occurrences;
    if occurrences.is_empty() {
        return;
    }
    let title = format!(
        "Where it is: {}",
        count(super::issues::images(issue), "image", "images")
    );
    heading(out, &title, look);
    let shown = if all { occurrences.len() } else { OCCURRENCES };
    let mut table = Table::new([
        Column::text("IMAGE"),
        Column::fixed("PLATFORM"),
        Column::text("INSTALLED"),
        Column::text("FILE"),
        Column::number("LAYER"),
        Column::fixed("OF"),
        Column::text("COMMAND"),
    ]);
    for one in occurrences.iter().take(shown) {
        table.row([
            image(one).into(),
            one.platform.as_str().into(),
            one.version.as_str().into(),
            one.path.as_str().into(),
            one.layer
                .map(|layer| (layer + 1).to_string())
                .unwrap_or_default()
                .into(),
            match one.from_base {
                Some(true) => "base image".into(),
                Some(false) => "own layer".into(),
                None => "".into(),
            },
            one.layer_command.as_deref().unwrap_or_default().into(),
        ]);
    }
    out.push_str(&table.render(look));
    rest(out, occurrences.len(), shown, look);
}

fn image(one: &Occurrence) -> String {
    match one.tags.as_slice() {
        [] => format!("{}@{}", one.repository, short_digest(&one.digest)),
        [tag] => format!("{}:{tag}", one.repository),
        [tag, more @ ..] => format!("{}:{tag} +{}", one.repository, more.len()),
    }
}

fn about(out: &mut String, detail: &IssueDetail, all: bool, look: Look) {
    let issue = &detail.issue;
    let text = detail.details.as_deref().unwrap_or(&issue.description);
    let lines: Vec<String> = text
        .lines()
        .flat_map(|line| wrap(&inert(line), look.width.or(Some(110))))
        .collect();
    if lines.len() > 1 {
        heading(out, "About it", look);
        let shown = if all { lines.len() } else { LINES };
        for line in lines.iter().take(shown) {
            out.push_str(&format!("{line}\n"));
        }
        rest(out, lines.len(), shown, look);
    }
    if !issue.cvss.is_empty() || !issue.references.is_empty() {
        heading(out, "Scores and pages", look);
        for one in issue.cvss.iter().take(4) {
            out.push_str(&format!(
                "  CVSS {} {:.1}  {}  {}\n",
                one.version,
                one.score,
                inert(&one.vector),
                look.faint(&inert(&one.source))
            ));
        }
        if let Some(epss) = &issue.epss {
            out.push_str(&format!(
                "  EPSS {:.2} %, percentile {:.1} % ({}, {})\n",
                epss.score * 100.0,
                epss.percentile * 100.0,
                epss.cve,
                epss.date
            ));
        }
        if let Some(known) = &issue.known_exploited {
            out.push_str(&format!(
                "  KEV  {} since {}{}\n",
                inert(&known.name),
                known.added,
                if known.ransomware {
                    ", used in ransomware campaigns"
                } else {
                    ""
                }
            ));
        }
        let shown = if all { issue.references.len() } else { 5 };
        for page in issue.references.iter().take(shown) {
            out.push_str(&format!("  {}\n", inert(page)));
        }
        rest(out, issue.references.len(), shown, look);
    }
}

fn history(out: &mut String, events: &[IssueEvent], all: bool, look: Look) {
    if events.is_empty() {
        return;
    }
    heading(out, "History", look);
    let skip = if all {
        0
    } else {
        events.len().saturating_sub(EVENTS)
    };
    if skip > 0 {
        out.push_str(&look.faint(&format!(
            "  … {} before (--all shows them)\n",
            number(skip as u64)
        )));
    }
    for event in events.iter().skip(skip) {
        out.push_str(&format!(
            "  {}  {}\n",
            look.faint(&minute(&event.at)),
            inert(&sentence(event))
        ));
    }
}

/// An event in words.
pub fn sentence(event: &IssueEvent) -> String {
    let text = |key: &str| {
        event
            .record
            .get(key)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let by = match (&event.scan, event.cause.as_str()) {
        (Some(scan), _) => format!("by scan {scan}"),
        (None, "advisories") => "by advisories that changed".to_owned(),
        (None, "threats") => "by KEV or EPSS that changed".to_owned(),
        (None, "policy") => "by the policy".to_owned(),
        (None, "inputs") => "because what issues are weighed by changed".to_owned(),
        (None, "inventory") => "by what was read of the image".to_owned(),
        (None, "listing") => "by a listing of locations".to_owned(),
        (None, "exclusion") => "because an exclusion began or ended".to_owned(),
        (None, "day") => "because a day passed".to_owned(),
        (None, "work") => "after somebody worked on it".to_owned(),
        (None, who) => format!("by {who}"),
    };
    let changes = || {
        let list = event.record.get("changes").and_then(|one| one.as_array());
        let list: Vec<&str> = list
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_str)
            .collect();
        list.join("; ")
    };
    let status = |key: &str| {
        event
            .record
            .get("status")
            .and_then(|status| status.get(key))
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    match event.kind.as_str() {
        "opened" => {
            let (original, severity) = (text("original"), text("severity"));
            if original == severity {
                format!("found as {severity}, {by}")
            } else {
                format!("found as {original}, weighed as {severity}, {by}")
            }
        }
        "changed" => format!("changed {by}: {}", changes()),
        "reopened" => format!("is back, {by}: {}", changes()),
        "resolved" => format!("resolved {by}: {}", status("how")),
        "removed" => format!("removed {by}: {}", status("why")),
        "kept" => format!("kept open {by}: {}", text("why")),
        "assigned" => match text("to").as_str() {
            "" => format!("given to nobody, {by}"),
            to => format!("given to {to}, {by}"),
        },
        "comment" => format!("{} says: {}", event.cause, text("text")),
        "severity" => match text("severity").as_str() {
            "" => format!("severity given back to the rules, {by}"),
            severity => format!("set to {severity} {by}: {}", text("reason")),
        },
        "excluded" => {
            let until = match text("until").as_str() {
                "" => String::new(),
                until => format!(" until {}", day(until)),
            };
            format!("excluded{until} {by}: {}", text("reason"))
        }
        "exclusion-ended" => format!("its exclusion was ended, {by}"),
        other => format!("{other} {by}"),
    }
}
