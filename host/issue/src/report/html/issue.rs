//! The section of one issue.

use super::super::said::{Said, known_as, said};
use super::super::text::{cut, cut_lines, day, link, minute, number, percent, short_digest};
use super::super::{csv, ids, state as stated};
use super::escape::Page;
use super::{class, state};
use crate::Issue;
use crate::factor::{Evidence, Factor, Verdict};
use crate::issue::{Control, Exclusion, Occurrence, SlaState, Status};
use crate::severity::{StepKind, ladder as steps, not_known};

/// Of each list in a section; how many more there are is told.
const MAX_ITEMS: usize = 50;
/// Of its first paragraph, below the title.
const MAX_LEAD: usize = 600;
/// Of the advisory's text.
const MAX_DESCRIPTION: usize = 6_000;

pub(super) fn section(page: &mut Page, issue: &Issue) {
    let number = issue.id.to_string();
    page.raw("<article class=\"")
        .raw(class(issue.severity))
        .raw("\" id=\"ox-")
        .text(&number)
        .raw("\" aria-labelledby=\"t-")
        .text(&number)
        .raw("\">\n<p class=\"top\"><span class=\"sev\">")
        .raw(issue.severity.word())
        .raw("</span><span>OX-")
        .text(&number)
        .raw("</span><span>")
        .raw(csv::kind(issue.kind))
        .raw("</span><span>")
        .text(&issue.category)
        .raw("</span><span>")
        .raw(state(issue))
        .raw("</span></p>\n<h3 id=\"t-")
        .text(&number)
        .raw("\">")
        .text(&issue.title)
        .raw("</h3>\n");
    lead(page, issue);
    decision(page, issue);
    ladder(page, issue);
    remedy(page, issue);
    facts(page, issue);
    sources(page, issue);
    occurrences(page, issue);
    description(page, issue);
    page.raw("<p class=\"back small\"><a href=\"#list\">Back to the list</a></p>\n</article>\n");
}

/// The first paragraph of the description.
fn lead(page: &mut Page, issue: &Issue) {
    let first = first_paragraph(issue);
    if !first.is_empty() {
        page.raw("<p>").prose(&cut(first, MAX_LEAD)).raw("</p>\n");
    }
}

fn first_paragraph(issue: &Issue) -> &str {
    let first = issue.description.trim().lines().next();
    first.unwrap_or_default().trim()
}

/// Why it is not in the queue.
fn decision(page: &mut Page, issue: &Issue) {
    if stated::is_open(issue) {
        return;
    }
    page.raw("<p class=\"note\"><strong>")
        .raw(state(issue))
        .raw(".</strong> ");
    match (&issue.status, &issue.exclusion) {
        (Status::Resolved { how: why } | Status::Removed { why }, _) => {
            page.text(why);
            if let Some(at) = &issue.closed_at {
                page.raw(" <span class=\"soft\">")
                    .text(&minute(at))
                    .raw("</span>");
            }
        }
        (Status::Open, Some(exclusion)) => excluded(page, exclusion),
        (Status::Open, None) => {}
    }
    page.raw("</p>\n");
}

fn excluded(page: &mut Page, exclusion: &Exclusion) {
    page.text(&exclusion.reason)
        .raw(" <span class=\"soft\">Covers ")
        .text(&exclusion.scope)
        .raw("; by ")
        .text(&exclusion.by)
        .raw(" on ")
        .text(&day(&exclusion.at));
    match &exclusion.until {
        Some(until) => page.raw("; ends on ").text(&day(until)),
        None => page.raw("; without an end"),
    };
    page.raw(".</span>");
}

/// The chain from the tool's severity to ours, with where it stands after each step.
fn ladder(page: &mut Page, issue: &Issue) {
    let verdict = &issue.verdict;
    page.raw("<h4>Why it is ").raw(issue.severity.word());
    if issue.severity != verdict.original {
        page.raw(" and not ").raw(verdict.original.word());
    }
    page.raw("</h4>\n<ol class=\"ladder\">\n<li class=\"")
        .raw(class(verdict.original))
        .raw("\"><span class=\"step\">from</span><div><p><span class=\"sev\">")
        .raw(verdict.original.word())
        .raw("</span></p><p class=\"ev\">")
        .prose(&verdict.original_why)
        .raw("</p></div></li>\n");
    let counted: Vec<&Factor> = verdict
        .factors
        .iter()
        .filter(|one| one.change != 0.0)
        .collect();
    let steps = steps(verdict);
    let factors = steps.iter().filter(|one| one.kind == StepKind::Factor);
    for (factor, step) in counted.iter().zip(factors).take(MAX_ITEMS) {
        page.raw("<li><span class=\"step ")
            .raw(if factor.change > 0.0 { "up" } else { "down" })
            .raw("\">")
            .text(&signed(factor.change))
            .raw("</span><div><p><strong>")
            .text(&factor.short_name)
            .raw("</strong> <span class=\"soft small\">")
            .text(&format!("{:?}", factor.category))
            .raw("</span></p><p>")
            .prose(&factor.reason)
            .raw("</p>");
        for evidence in factor.evidence.iter().take(MAX_ITEMS) {
            page.raw("<p class=\"ev\">");
            shown(page, evidence);
            page.raw("</p>");
        }
        page.raw("</div><p class=\"sum ")
            .raw(class(step.severity))
            .raw("\"><span class=\"sev\">")
            .raw(step.severity.word())
            .raw("</span> ")
            .text(&sum(step.score))
            .raw("</p></li>\n");
    }
    more(
        page,
        counted.len(),
        "factors",
        "<li><span class=\"step\"></span><div>",
        "</div></li>\n",
    );
    if let Some(held) = &verdict.held {
        page.raw("<li><span class=\"step\">held</span><div><p>")
            .prose(held)
            .raw("</p></div></li>\n");
    }
    if let Some(person) = &issue.override_ {
        page.raw("<li><span class=\"step\">set</span><div><p><strong>")
            .raw(person.severity.word())
            .raw("</strong> by ")
            .text(&person.by)
            .raw(" on ")
            .text(&day(&person.at))
            .raw("</p><p>")
            .text(&person.reason)
            .raw("</p></div></li>\n");
    }
    page.raw("<li class=\"end ")
        .raw(class(issue.severity))
        .raw("\"><span class=\"step\">to</span><div><p><span class=\"sev\">")
        .raw(issue.severity.word())
        .raw("</span></p>");
    if issue.override_.is_none() && verdict.score.is_finite() {
        page.raw("<p class=\"ev\">Rank ")
            .text(&sum(verdict.score))
            .raw(" on the scale from 0 (Info) to 5 (Appoxalypse).</p>");
    }
    page.raw("</div></li>\n</ol>\n");
    unknown(page, verdict);
}

/// What is not known and would count: one line, and the sentences behind it.
fn unknown(page: &mut Page, verdict: &Verdict) {
    let unknown: Vec<&Factor> = not_known(verdict).collect();
    if unknown.is_empty() {
        return;
    }
    let names: Vec<String> = unknown
        .iter()
        .take(MAX_ITEMS)
        .map(|one| one.short_name.to_lowercase())
        .collect();
    page.raw("<details class=\"small\"><summary>Not known, and it would count: ")
        .text(&names.join(", "))
        .raw("</summary>\n<ul class=\"plain\">\n");
    for factor in unknown.iter().take(MAX_ITEMS) {
        page.raw("<li><strong>")
            .text(&factor.short_name)
            .raw("</strong> <span class=\"soft\">")
            .text(&format!("{:?}", factor.category))
            .raw("</span> ")
            .prose(&factor.reason)
            .raw("</li>\n");
    }
    more(page, unknown.len(), "things", "<li>", "</li>\n");
    page.raw("</ul></details>\n");
}

/// `+1.00`, `−0.30`.
fn signed(change: f64) -> String {
    if change > 0.0 {
        format!("+{change:.2}")
    } else {
        sum(change)
    }
}

/// `3.50`, `−0.40`, and never a zero with a sign.
fn sum(score: f64) -> String {
    let digits = format!("{:.2}", score.abs());
    if score < 0.0 && digits.bytes().any(|digit| matches!(digit, b'1'..=b'9')) {
        format!("−{digits}")
    } else {
        digits
    }
}

fn shown(page: &mut Page, evidence: &Evidence) {
    page.text(&evidence.label).raw(": ");
    match &evidence.link {
        Some(url) => page.link(url, &evidence.value),
        None => page.text(&evidence.value),
    };
}

fn more(
    page: &mut Page,
    all: usize,
    what: &'static str,
    before: &'static str,
    after: &'static str,
) {
    if all > MAX_ITEMS {
        page.raw(before)
            .text(&format!(
                "and {} more {what}",
                number((all - MAX_ITEMS) as u64)
            ))
            .raw(after);
    }
}

fn remedy(page: &mut Page, issue: &Issue) {
    let remedy = &issue.remediation;
    if remedy.summary.is_empty() && remedy.command.is_none() && remedy.base_image.is_none() {
        return;
    }
    page.raw("<h4>What to do</h4>\n<p>")
        .prose(&remedy.summary)
        .raw("</p>\n");
    if let Some(command) = &remedy.command {
        page.raw("<pre><code>")
            .lines(command)
            .raw("</code></pre>\n");
    }
    if let Some(image) = &remedy.base_image {
        page.raw("<p>The base image <code>")
            .text(image)
            .raw("</code> has the fix.</p>\n");
    }
}

fn facts(page: &mut Page, issue: &Issue) {
    page.raw("<h4>Facts</h4>\n<dl>\n");
    fact(page, "Known as", |page| {
        for (place, id) in issue.identifiers.iter().take(MAX_ITEMS).enumerate() {
            if place > 0 {
                page.raw(", ");
            }
            match &id.url {
                Some(url) => page.link(url, &known_as(id)),
                None => page.text(&known_as(id)),
            };
        }
        if issue.identifiers.is_empty() {
            page.text(&issue.primary);
        }
    });
    for one in issue.cvss.iter().take(5) {
        fact(page, "CVSS", |page| {
            page.text(&format!("{:.1}", one.score))
                .raw(" <span class=\"soft small\">")
                .text(&one.vector)
                .raw(" (")
                .text(&one.source)
                .raw(")</span>");
        });
    }
    if let Some(epss) = &issue.epss
        && let (Some(score), Some(percentile)) =
            (percent(epss.score, 2), percent(epss.percentile, 1))
    {
        fact(page, "EPSS", |page| {
            page.text(&format!("{score} % in 30 days, percentile {percentile}"))
                .raw(" <span class=\"soft small\">")
                .text(&epss.date)
                .raw("</span>");
        });
    }
    if let Some(known) = &issue.known_exploited {
        fact(page, "Known exploited", |page| {
            page.raw("in the KEV catalogue since ").text(&known.added);
            if known.ransomware {
                page.raw(", used in ransomware campaigns");
            }
        });
    }
    if let Some(package) = &issue.package {
        fact(page, "Package", |page| {
            page.text(&package.name)
                .raw(" <span class=\"soft small\">")
                .text(&package.ecosystem)
                .raw("</span>");
        });
        let versions: Vec<&str> = package
            .versions
            .iter()
            .take(MAX_ITEMS)
            .map(String::as_str)
            .collect();
        text(page, "Installed", &versions.join(", "));
        text(
            page,
            "Fixed in",
            issue
                .remediation
                .fixed_version
                .as_deref()
                .unwrap_or("no version yet"),
        );
    }
    text(page, "Application", &issue.context.application);
    text(
        page,
        "Service",
        issue.context.service.as_deref().unwrap_or_default(),
    );
    text(
        page,
        "Team",
        issue.context.team.as_deref().unwrap_or_default(),
    );
    text(
        page,
        "Business priority",
        issue.context.priority.as_deref().unwrap_or_default(),
    );
    text(
        page,
        "Environment",
        issue.context.environment.as_deref().unwrap_or_default(),
    );
    let owners: Vec<String> = issue
        .context
        .owners
        .iter()
        .take(10)
        .map(|one| format!("{} ({})", one.name, one.from))
        .collect();
    text(page, "Owners", &owners.join(", "));
    text(
        page,
        "Assignee",
        issue.assignee.as_deref().unwrap_or_default(),
    );
    if let Some(sla) = &issue.sla {
        text(
            page,
            "Deadline",
            &format!(
                "{}, {}",
                day(&sla.due),
                match sla.state {
                    SlaState::Overdue => format!("{} overdue", days(sla.days_left)),
                    SlaState::Near | SlaState::Within => format!("{} left", days(sla.days_left)),
                }
            ),
        );
    }
    fact(page, "Repository", |page| {
        let name = ids::repository_name(issue);
        match issue.web_url.as_deref() {
            Some(url) => page.link(url, &name),
            None => page.text(&name),
        };
    });
    text(
        page,
        "Seen",
        &format!(
            "first {}, last {}",
            minute(&issue.first_seen),
            minute(&issue.last_seen)
        ),
    );
    compliance(page, &issue.compliance);
    page.raw("</dl>\n");
}

/// A standard once, with its controls; what each asks for is a click away.
fn compliance(page: &mut Page, controls: &[Control]) {
    let mut standards: Vec<&str> = Vec::new();
    for one in controls {
        if !standards.contains(&one.standard.as_str()) {
            standards.push(&one.standard);
        }
    }
    for standard in standards {
        fact(page, "Compliance", |page| {
            let of = || controls.iter().filter(|one| one.standard == standard);
            let names: Vec<&str> = of().take(20).map(|one| one.control.as_str()).collect();
            page.raw("<details><summary>")
                .text(standard)
                .raw(": ")
                .text(&names.join(", "))
                .raw("</summary><ul class=\"plain\">");
            for one in of().take(20) {
                page.raw("<li>")
                    .text(&one.control)
                    .raw(" <span class=\"soft\">")
                    .text(&one.description)
                    .raw("</span></li>");
            }
            page.raw("</ul></details>");
        });
    }
}

fn days(days: i64) -> String {
    match days.unsigned_abs() {
        1 => "1 day".to_owned(),
        many => format!("{many} days"),
    }
}

fn fact(page: &mut Page, name: &'static str, value: impl FnOnce(&mut Page)) {
    page.raw("<dt>").raw(name).raw("</dt><dd>");
    value(page);
    page.raw("</dd>\n");
}

fn text(page: &mut Page, name: &'static str, value: &str) {
    if !value.is_empty() {
        fact(page, name, |page| {
            page.text(value);
        });
    }
}

fn sources(page: &mut Page, issue: &Issue) {
    if issue.sources.is_empty() {
        return;
    }
    page.raw("<h4>Who says so</h4>\n");
    let all = said(&issue.sources);
    for one in all.iter().take(MAX_ITEMS) {
        one_source(page, one);
    }
    more(page, all.len(), "sources", "<p class=\"soft\">", "</p>\n");
}

fn one_source(page: &mut Page, said: &Said<'_>) {
    let source = said.source;
    page.raw("<p><strong>").text(&source.tool).raw("</strong>");
    if let Some(scanner) = &source.scanner {
        page.raw(" (").text(scanner).raw(")");
    }
    page.raw(": ");
    match &source.url {
        Some(url) => page.link(url, said.id),
        None => page.text(said.id),
    };
    if said.times > 1 {
        page.text(&format!(" in {} images", number(said.times as u64)));
    }
    let words = [
        ("severity", &source.severity),
        ("match", &source.certainty),
        ("state", &source.state),
        ("reason", &source.state_reason),
    ];
    for (name, value) in words {
        if let Some(value) = value {
            page.raw(" <span class=\"soft\">· ")
                .raw(name)
                .raw(" ")
                .text(value)
                .raw("</span>");
        }
    }
    page.raw("</p>\n");
    if !source.evidence.is_empty() {
        page.raw("<dl class=\"small\">\n");
        for evidence in source.evidence.iter().take(MAX_ITEMS) {
            page.raw("<dt>").text(&evidence.label).raw("</dt><dd>");
            match &evidence.link {
                Some(url) => page.link(url, &said.value(evidence)),
                None => page.text(&said.value(evidence)),
            };
            page.raw("</dd>\n");
        }
        page.raw("</dl>\n");
        more(
            page,
            source.evidence.len(),
            "pieces of evidence",
            "<p class=\"soft small\">",
            "</p>\n",
        );
    }
}

fn occurrences(page: &mut Page, issue: &Issue) {
    if issue.occurrences.is_empty() {
        return;
    }
    page.raw("<h4>Where it is</h4>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Images that have OX-")
        .text(&issue.id.to_string())
        .raw("\">\n<table>\n<thead><tr><th scope=\"col\">Image</th><th scope=\"col\">Digest</th><th scope=\"col\">Platform</th><th scope=\"col\">Version</th><th scope=\"col\">Path</th><th scope=\"col\">Layer</th></tr></thead>\n<tbody>\n");
    for one in issue.occurrences.iter().take(MAX_ITEMS) {
        occurrence(page, one);
    }
    page.raw("</tbody>\n</table>\n</div>\n");
    more(
        page,
        issue.occurrences.len(),
        "places",
        "<p class=\"soft small\">",
        "</p>\n",
    );
}

fn occurrence(page: &mut Page, one: &Occurrence) {
    page.raw("<tr><th scope=\"row\">").text(&one.repository);
    for tag in one.tags.iter().take(10) {
        page.raw("<br><span class=\"soft\">:")
            .text(tag)
            .raw("</span>");
    }
    page.raw("</th><td><code title=\"")
        .text(&cut(&one.digest, 200))
        .raw("\">")
        .text(&short_digest(&one.digest))
        .raw("</code></td><td>")
        .text(&one.platform)
        .raw("</td><td>")
        .text(&one.version)
        .raw("</td><td><code>")
        .text(&one.path)
        .raw("</code></td><td>");
    if let Some(layer) = one.layer {
        page.text(&layer.to_string());
    }
    match one.from_base {
        Some(true) => page.raw(", of the base image"),
        Some(false) => page.raw(", of this image"),
        None => page,
    };
    if let Some(command) = &one.layer_command {
        page.raw("<br><code class=\"soft\">")
            .text(&cut(command, 300))
            .raw("</code>");
    }
    page.raw("</td></tr>\n");
}

fn description(page: &mut Page, issue: &Issue) {
    let text = issue.description.trim();
    // What stands below the title whole is not said again.
    if text != first_paragraph(issue) || text.chars().count() > MAX_LEAD {
        page.raw("<h4>Description</h4>\n<p class=\"text\">")
            .lines(&cut_lines(text, MAX_DESCRIPTION))
            .raw("</p>\n");
    }
    let pages: Vec<&str> = issue
        .references
        .iter()
        .filter_map(|url| link(url))
        .take(20)
        .collect();
    if !pages.is_empty() {
        page.raw("<details class=\"small\"><summary>")
            .text(&match pages.len() {
                1 => "1 reference".to_owned(),
                many => format!("{many} references"),
            })
            .raw("</summary>\n<ul class=\"plain\">\n");
        for url in pages {
            page.raw("<li>").link(url, url).raw("</li>\n");
        }
        page.raw("</ul></details>\n");
    }
}
