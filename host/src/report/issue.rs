//! One issue on one screen: what it is, why it is as severe as it is, what to do, and what shows it.
//!
//! The first screen answers the questions in the order in which they are asked: what, why this severity,
//! what to do. Facts, evidence, places and history come below.

use ox_issue::Issue;
use ox_issue::issue::{Occurrence, Status};
use ox_issue::report::{Said, known_as, said};
use ox_issue::severity::{Step, StepKind, ladder, not_known};

use super::issues::{day, exclusion_word, sla_tone, tone};
use super::look::{Look, Tone};
use super::table::{Column, Table};
use super::text::{count, inert, minute, number, pad, short_digest, width, wrap};
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
/// Lines of the description that stand below the title.
const HEAD_LINES: usize = 3;
/// Columns of a fact's label, with the space before and after it.
const LABEL: usize = 14;
/// Columns that a sentence of the ladder has at least, however narrow the screen.
const SENTENCE: usize = 24;
/// Columns from which on the ladder has room for a factor's category.
const WITH_KIND: usize = 116;
/// Columns from which on it has room for the running sum.
const WITH_SUM: usize = 92;
/// Columns from which on a digest stands beside the tags of an image.
const WITH_DIGEST: usize = 100;

/// The page of an issue. `all` shows everything that is otherwise cut.
pub fn page(detail: &IssueDetail, all: bool, look: Look) -> String {
    let issue = &detail.issue;
    let mut out = String::new();
    head(&mut out, issue, look);
    severity(&mut out, issue, all, look);
    remediation(&mut out, issue, look);
    facts(&mut out, issue, look);
    evidence(&mut out, issue, all, look);
    occurrences(&mut out, issue, all, look);
    about(&mut out, detail, all, look);
    history(&mut out, &detail.history, all, look);
    out
}

fn heading(out: &mut String, text: &str, look: Look) {
    out.push('\n');
    out.push_str(&look.strong(&inert(text)));
    out.push('\n');
}

/// The text in lines, each after so many spaces.
fn indented(out: &mut String, text: &str, indent: usize, tone: Tone, look: Look) {
    let room = look
        .width
        .map(|width| width.saturating_sub(indent).max(SENTENCE));
    for line in wrap(&inert(text), room) {
        out.push_str(&format!(
            "{}{}\n",
            " ".repeat(indent),
            look.tone(tone, &line)
        ));
    }
}

fn fact(out: &mut String, label: &str, value: &str, look: Look) {
    toned_fact(out, label, value, Tone::Plain, look);
}

fn toned_fact(out: &mut String, label: &str, value: &str, tone: Tone, look: Look) {
    if value.is_empty() {
        return;
    }
    let room = look
        .width
        .map(|width| width.saturating_sub(LABEL).max(SENTENCE));
    let mut label = label;
    for line in wrap(&inert(value), room) {
        let before = pad(&format!("  {label}"), LABEL);
        out.push_str(&format!(
            "{}{}\n",
            look.faint(&before),
            look.tone(tone, &line)
        ));
        label = "";
    }
}

fn head(out: &mut String, issue: &Issue, look: Look) {
    out.push_str(&format!(
        "{}  {}  {}\n",
        look.strong(&format!("OX-{}", issue.id)),
        look.tone(tone(issue.severity), issue.severity.word()),
        look.strong(&inert(&issue.title)),
    ));
    let lines = description(issue, look);
    let more = lines.len() > HEAD_LINES;
    for (place, line) in lines.iter().take(HEAD_LINES).enumerate() {
        let end = if more && place + 1 == HEAD_LINES {
            " …"
        } else {
            ""
        };
        out.push_str(&format!("{line}{end}\n"));
    }
    let closed = match &issue.status {
        Status::Open => None,
        Status::Resolved { how } => Some(("resolved", how)),
        Status::Removed { why } => Some(("removed", why)),
    };
    if let Some((label, why)) = closed {
        fact(out, label, why, look);
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
        toned_fact(out, "not in queue", &text, Tone::Warn, look);
    }
}

/// The first paragraph of the description, in lines that fit.
fn description(issue: &Issue, look: Look) -> Vec<String> {
    let first = issue.description.lines().next().unwrap_or_default();
    if first.trim().is_empty() {
        return Vec::new();
    }
    wrap(&inert(first), look.width)
}

/// What it is known as, whose it is, and by when it is due.
fn facts(out: &mut String, issue: &Issue, look: Look) {
    heading(out, "Facts", look);
    let ids: Vec<String> = issue.identifiers.iter().take(12).map(known_as).collect();
    fact(out, "known as", &ids.join(", "), look);
    if let Some(package) = &issue.package {
        let source = match &package.source_name {
            Some(source) if *source != package.name => format!(" (source {source})"),
            _ => String::new(),
        };
        let mut text = format!("{} {}{source}", package.name, package.versions.join(", "));
        let of = [&package.ecosystem, &package.format];
        if let Some(of) = of.into_iter().find(|one| !one.is_empty()) {
            text.push_str(&format!(", {of}"));
        }
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
        let days = count(sla.days_left.unsigned_abs(), "day", "days");
        let text = match sla.days_left {
            ..0 => format!("{}, {days} late", day(&sla.due)),
            0 => format!("{}, today", day(&sla.due)),
            _ => format!("{}, in {days}", day(&sla.due)),
        };
        toned_fact(out, "due", &text, sla_tone(sla.state), look);
    }
    // A standard once, with all of its controls.
    let mut standards: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in &issue.compliance {
        match standards.iter_mut().find(|(name, _)| *name == one.standard) {
            Some((_, controls)) => controls.push(&one.control),
            None => standards.push((&one.standard, vec![&one.control])),
        }
    }
    let mut label = "compliance";
    for (standard, controls) in standards {
        fact(
            out,
            label,
            &format!("{standard}: {}", controls.join(", ")),
            look,
        );
        label = "";
    }
}

/// The ladder: a reader who was never told finds here why the tool's severity is not the one that is shown.
fn severity(out: &mut String, issue: &Issue, all: bool, look: Look) {
    let verdict = &issue.verdict;
    let title = if issue.severity == verdict.original {
        format!("Why it is {}", issue.severity)
    } else {
        format!("Why it is {} and not {}", issue.severity, verdict.original)
    };
    heading(out, &title, look);
    if let Some(summary) = in_a_sentence(issue) {
        indented(out, &summary, 0, Tone::Plain, look);
    }
    let mut rungs: Vec<Rung> = ladder(verdict).iter().map(Rung::of).collect();
    if let Some(own) = &issue.override_ {
        rungs.push(Rung {
            change: 0.0,
            cells: [
                String::new(),
                String::new(),
                own.severity.word().to_owned(),
                String::new(),
                "Set by a person".to_owned(),
            ],
            tone: tone(own.severity),
            strong: true,
            because: format!(
                "{} set it on {}: {}",
                inert(&own.by),
                day(&inert(&own.at)),
                inert(&own.reason)
            ),
        });
    }
    rungs_table(out, &rungs, look);
    let unknown: Vec<_> = not_known(verdict).collect();
    if unknown.is_empty() {
        return;
    }
    if all {
        indented(out, "Not known, and it would count:", 0, Tone::Faint, look);
        for factor in unknown {
            let text = format!("{}: {}", factor.short_name, factor.reason);
            indented(out, &text, 2, Tone::Faint, look);
        }
        return;
    }
    let names: Vec<String> = unknown
        .iter()
        .map(|factor| factor.short_name.to_lowercase())
        .collect();
    let text = format!(
        "Not known, and it would count: {} (--all says why).",
        names.join(", ")
    );
    indented(out, &text, 0, Tone::Faint, look);
}

/// Why it moved, in one sentence: the factors that moved it, the greatest first.
fn in_a_sentence(issue: &Issue) -> Option<String> {
    let verdict = &issue.verdict;
    if let Some(own) = &issue.override_ {
        return Some(format!(
            "{} set it to {}; the rules make it {}.",
            own.by, own.severity, verdict.severity
        ));
    }
    let up = match verdict.severity.cmp(&verdict.original) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Less => false,
    };
    let parts: Vec<String> = verdict
        .factors
        .iter()
        .filter(|factor| factor.change != 0.0 && (factor.change > 0.0) == up)
        .map(|factor| format!("{} ({})", factor.short_name, signed(factor.change)))
        .collect();
    let shown = parts.get(..3).unwrap_or(&parts).join(", ");
    let more = match parts.len().saturating_sub(3) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(format!(
        "{} from {} by {}{more}.",
        if up { "Raised" } else { "Lowered" },
        verdict.original,
        if shown.is_empty() { "a bound" } else { &shown },
    ))
}

/// One line of the ladder: change, sum, severity, category and factor, and the sentence.
struct Rung {
    change: f64,
    cells: [String; 5],
    tone: Tone,
    strong: bool,
    because: String,
}

impl Rung {
    fn of(step: &Step) -> Self {
        Self {
            change: step.change.unwrap_or_default(),
            cells: [
                step.change.map(signed).unwrap_or_default(),
                plain(step.score),
                step.severity.word().to_owned(),
                step.category
                    .map_or_else(String::new, |one| format!("{one:?}")),
                inert(&step.label),
            ],
            tone: tone(step.severity),
            strong: step.kind != StepKind::Factor,
            because: inert(&step.reason),
        }
    }
}

/// Unlike other tables this one wraps its last column: its sentences are what it is for.
fn rungs_table(out: &mut String, rungs: &[Rung], look: Look) {
    const HEADINGS: [&str; 5] = ["", "SUM", "SEVERITY", "KIND", "FACTOR"];
    let room = look.width.unwrap_or(usize::MAX);
    let shown = [true, room >= WITH_SUM, true, room >= WITH_KIND, true];
    let mut widths = HEADINGS.map(width);
    for rung in rungs {
        for (widest, cell) in widths.iter_mut().zip(&rung.cells) {
            *widest = (*widest).max(width(cell));
        }
    }
    let before: usize = widths
        .iter()
        .zip(shown)
        .filter(|(_, shown)| *shown)
        .map(|(width, _)| width + 2)
        .sum();
    let line = |cells: [(&str, Tone); 5]| {
        let mut line = String::new();
        for (place, (((cell, tone), width_of), shown)) in
            cells.into_iter().zip(widths).zip(shown).enumerate()
        {
            if !shown {
                continue;
            }
            let fill = " ".repeat(width_of.saturating_sub(width(cell)));
            // Numbers stand to the right.
            if place < 2 {
                line.push_str(&format!("{fill}{}  ", look.tone(tone, cell)));
            } else {
                line.push_str(&format!("{}{fill}  ", look.tone(tone, cell)));
            }
        }
        line
    };
    out.push_str(&line(HEADINGS.map(|heading| (heading, Tone::Faint))));
    out.push_str(&format!("{}\n", look.faint("BECAUSE")));
    for rung in rungs {
        let [change, sum, severity, kind, factor] = &rung.cells;
        let label = if rung.strong {
            Tone::Strong
        } else {
            Tone::Plain
        };
        let moved = if rung.change > 0.0 {
            Tone::Bad
        } else {
            Tone::Good
        };
        let mut start = line([
            (change, moved),
            (sum, Tone::Faint),
            (severity, rung.tone),
            (kind, Tone::Faint),
            (factor, label),
        ]);
        let room = look
            .width
            .map(|width| width.saturating_sub(before).max(SENTENCE));
        for part in wrap(&rung.because, room) {
            start.push_str(&part);
            out.push_str(start.trim_end());
            out.push('\n');
            start = " ".repeat(before);
        }
    }
}

/// `+1.00`, `−0.30`.
fn signed(change: f64) -> String {
    if change < 0.0 {
        plain(change)
    } else {
        format!("+{change:.2}")
    }
}

/// `3.50`, `−0.40`, and never a zero with a sign.
fn plain(score: f64) -> String {
    let digits = format!("{:.2}", score.abs());
    if score < 0.0 && digits.bytes().any(|digit| matches!(digit, b'1'..=b'9')) {
        format!("−{digits}")
    } else {
        digits
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
    let groups: Vec<Said<'_>> = if all {
        let sources = issue.sources.iter();
        sources
            .map(|source| Said {
                source,
                id: &source.id,
                times: 1,
            })
            .collect()
    } else {
        said(&issue.sources)
    };
    let shown = if all { groups.len() } else { SOURCES };
    for said in groups.iter().take(shown) {
        let source = said.source;
        let mut line = source.tool.clone();
        if let Some(scanner) = &source.scanner {
            line.push_str(&format!(" ({scanner})"));
        }
        line.push_str(&format!(" {}", said.id));
        for word in [&source.severity, &source.certainty, &source.state]
            .into_iter()
            .flatten()
        {
            line.push_str(&format!(", {word}"));
        }
        if let Some(reason) = &source.state_reason {
            line.push_str(&format!(" ({reason})"));
        }
        if said.times > 1 {
            line.push_str(&format!(", in {} images", number(said.times as u64)));
        }
        indented(out, &line, 2, Tone::Strong, look);
        let labels = source.evidence.iter().map(|one| width(&inert(&one.label)));
        let label = labels.max().unwrap_or_default().clamp(8, 24);
        for one in &source.evidence {
            out.push_str(&format!(
                "    {}  {}\n",
                look.faint(&pad(&inert(&one.label), label)),
                inert(&said.value(one))
            ));
        }
        if let Some(url) = &source.url {
            out.push_str(&format!("    {}\n", look.faint(&inert(url))));
        }
    }
    rest(out, groups.len(), shown, look);
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
    let Some(first) = occurrences.first() else {
        return;
    };
    let images = count(super::issues::images(issue), "image", "images");
    // The repository stands in the heading where it is one, so that tags have the room.
    let one_repository = occurrences
        .iter()
        .all(|one| one.repository == first.repository);
    let title = if one_repository && !first.repository.is_empty() {
        format!("Where it is: {images} of {}", first.repository)
    } else {
        format!("Where it is: {images}")
    };
    heading(out, &title, look);
    let shown = if all { occurrences.len() } else { OCCURRENCES };
    let with_digest = look.width.is_none_or(|width| width >= WITH_DIGEST);
    let mut table = Table::new([
        Column::text(if one_repository { "TAG" } else { "IMAGE" }),
        Column::fixed("DIGEST"),
        Column::fixed("PLATFORM"),
        Column::text("INSTALLED"),
        Column::text("FILE"),
        Column::number("LAYER"),
        Column::fixed("OF"),
        Column::text("COMMAND"),
    ]);
    for one in occurrences.iter().take(shown) {
        table.row([
            image(one, one_repository).into(),
            if with_digest {
                short_digest(&one.digest)
            } else {
                String::new()
            }
            .into(),
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

/// The tags of an image, after its repository where that is not told already.
fn image(one: &Occurrence, told: bool) -> String {
    let repository = if told { "" } else { &one.repository };
    let colon = if told { "" } else { ":" };
    match one.tags.as_slice() {
        [] if told => format!("no tag, {}", short_digest(&one.digest)),
        [] => format!("{repository}@{}", short_digest(&one.digest)),
        [tag] => format!("{repository}{colon}{tag}"),
        [tag, more @ ..] => format!("{repository}{colon}{tag} +{}", more.len()),
    }
}

fn about(out: &mut String, detail: &IssueDetail, all: bool, look: Look) {
    let issue = &detail.issue;
    let text = detail
        .details
        .as_deref()
        .unwrap_or(&issue.description)
        .trim();
    let lines: Vec<String> = text
        .lines()
        .flat_map(|line| wrap(&inert(line), look.width.or(Some(110))))
        .collect();
    // What stands below the title whole is not said again.
    let told = text == issue.description.trim()
        && text.lines().count() < 2
        && description(issue, look).len() <= HEAD_LINES;
    if !told && !text.is_empty() {
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

/// Why something happened to an issue, in words.
pub(crate) fn cause(scan: Option<i64>, cause: &str) -> String {
    match (scan, cause) {
        (Some(scan), _) => format!("by scan {scan}"),
        (None, "advisories") => "by an update of the advisories".to_owned(),
        (None, "threats") => "by an update of KEV or EPSS".to_owned(),
        (None, "policy") => "by a change of the policy".to_owned(),
        (None, "inputs") => {
            "because what is known of its project or application changed".to_owned()
        }
        (None, "inventory") => "by what was read of the image".to_owned(),
        (None, "listing") => "by a listing of locations".to_owned(),
        (None, "exclusion") => "because an exclusion began or ended".to_owned(),
        (None, "day") => "because a day passed".to_owned(),
        (None, "work") => "after somebody worked on it".to_owned(),
        (None, who) => format!("by {who}"),
    }
}

/// What happened to an issue, in words, without why: the kind of the event and its record.
pub(crate) fn what(kind: &str, record: &serde_json::Value) -> String {
    let text = |value: Option<&serde_json::Value>| {
        let text = value.and_then(serde_json::Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let changes = || {
        let list = record.get("changes").and_then(serde_json::Value::as_array);
        let list: Vec<&str> = list
            .into_iter()
            .flatten()
            .filter_map(serde_json::Value::as_str)
            .collect();
        list.join("; ")
    };
    let status = |key: &str| text(record.get("status").and_then(|status| status.get(key)));
    match kind {
        "opened" => {
            let (original, severity) = (text(record.get("original")), text(record.get("severity")));
            if original == severity {
                format!("found as {severity}")
            } else {
                format!("found as {original}, weighed as {severity}")
            }
        }
        "changed" | "reopened" => changes(),
        "resolved" => status("how"),
        "removed" => status("why"),
        "kept" => text(record.get("why")),
        "severity" => match text(record.get("severity")).as_str() {
            "" => "given back to the rules".to_owned(),
            severity => format!("set to {severity}: {}", text(record.get("reason"))),
        },
        _ => String::new(),
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
    let by = cause(event.scan, &event.cause);
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
        "changed" => format!("{}, {by}", changes()),
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

#[cfg(test)]
#[path = "issue_tests.rs"]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests;
