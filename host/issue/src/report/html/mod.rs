//! A page that needs nothing else: no script, no font, no picture, no request.
//!
//! On top the funnel and how many issues there are of each severity; a table; then a section for each issue
//! with the chain from the tool's severity to ours, evidence, what to do, and where it is. The tiles of the
//! severities are filters by `:target`, so they work without a script. The policy of the page allows its one
//! style sheet, by its hash, and nothing besides: text that got past the escapes would still do nothing.
//! Severity is always a word, never a colour alone.

mod escape;
mod issue;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
mod tests;

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::io;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::text::{cut, day, number, seconds};
use super::{ReportMeta, Written, ids};
use crate::issue::{ExclusionKind, SlaState, Status};
use crate::{Issue, Severity};
use escape::Page;

const STYLE: &str = include_str!("style.css");
/// Issues that a page shows. A browser takes no more kindly, and no person reads them; the page and
/// [`Written`] tell of the others.
pub const MAX_ISSUES: usize = 5_000;

const TOO_MANY: &str = "a page shows the first 5,000; narrow the filter or choose another format";

pub(super) fn write<I>(issues: I, meta: &ReportMeta, out: &mut dyn io::Write) -> io::Result<Written>
where
    I: Iterator,
    I::Item: Borrow<Issue>,
{
    let mut written = Written::default();
    let mut counts = [0_u64; Severity::ALL.len()];
    let mut kept: Vec<I::Item> = Vec::new();
    for one in issues {
        if let Some(count) = counts.get_mut(usize::from(one.borrow().severity.rank())) {
            *count += 1;
        }
        if kept.len() < MAX_ISSUES {
            kept.push(one);
            written.issues += 1;
        } else {
            written.leave_out(TOO_MANY);
        }
    }
    // Within a severity the caller's order stays.
    kept.sort_by_key(|one| std::cmp::Reverse(one.borrow().severity));
    let mut page = Page::default();
    head(&mut page, meta);
    overview(&mut page, meta, &counts, &written);
    out.write_all(page.take().as_bytes())?;
    table(&kept, &counts, &mut page, out)?;
    if !kept.is_empty() {
        page.raw("<section aria-labelledby=\"details\"><h2 id=\"details\">Issues in detail</h2>\n");
    }
    for one in &kept {
        issue::section(&mut page, one.borrow());
        out.write_all(page.take().as_bytes())?;
    }
    if !kept.is_empty() {
        page.raw("</section>\n");
    }
    page.raw("</main>\n<footer><p>Made by ox-host ")
        .text(&meta.tool_version)
        .raw(". Nothing in this page is loaded from elsewhere; links lead to the pages of advisories and tools.</p></footer>\n</body>\n</html>\n");
    out.write_all(page.take().as_bytes())?;
    Ok(written)
}

/// The class of a severity.
fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Appoxalypse => "s5",
        Severity::Critical => "s4",
        Severity::High => "s3",
        Severity::Medium => "s2",
        Severity::Low => "s1",
        Severity::Info => "s0",
    }
}

fn head(page: &mut Page, meta: &ReportMeta) {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-")
        .text(&hash)
        .raw("'; base-uri 'none'; form-action 'none'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>Issues of container images, ")
        .text(&day(&seconds(meta.generated_at)))
        .raw("</title>\n<style>")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n<a class=\"skip\" href=\"#list\">Skip to the list</a>\n");
}

fn overview(page: &mut Page, meta: &ReportMeta, counts: &[u64; 6], written: &Written) {
    let made = seconds(meta.generated_at);
    page.raw("<header>\n<h1>Issues of container images</h1>\n<p class=\"soft\">")
        .text(if meta.filter.is_empty() {
            "All issues"
        } else {
            &meta.filter
        })
        .raw(" · <time datetime=\"")
        .text(&made)
        .raw("\">")
        .text(&super::text::minute(&made))
        .raw(" UTC</time></p>\n");
    if let Some(funnel) = meta.funnel {
        page.raw("<ol class=\"funnel\" aria-label=\"From findings to issues\">\n");
        for (value, words) in [
            (funnel.found, "findings from tools"),
            (funnel.prioritised, "after prioritisation"),
            (funnel.issues, "issues after aggregation"),
        ] {
            page.raw("<li><b>")
                .text(&number(value))
                .raw("</b><span>")
                .text(words)
                .raw("</span></li>\n");
        }
        page.raw("</ol>\n");
    }
    page.raw("</header>\n<main>\n<h2 id=\"severities\">By severity</h2>\n<ul class=\"tiles\" aria-labelledby=\"severities\">\n");
    for severity in Severity::ALL {
        let count = counts
            .get(usize::from(severity.rank()))
            .copied()
            .unwrap_or_default();
        page.raw("<li class=\"").raw(class(severity)).raw("\">");
        if count == 0 {
            page.raw("<div>");
        } else {
            page.raw("<a href=\"#only-").raw(class(severity)).raw("\">");
        }
        page.raw("<b>")
            .text(&number(count))
            .raw("</b><span>")
            .raw(severity.word())
            .raw("</span>")
            .raw(if count == 0 { "</div>" } else { "</a>" })
            .raw("</li>\n");
    }
    page.raw("</ul>\n");
    for note in written.notes() {
        page.raw("<p class=\"note\">").text(&note).raw("</p>\n");
    }
}

fn table<T: Borrow<Issue>>(
    issues: &[T],
    counts: &[u64; 6],
    page: &mut Page,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    page.raw("<h2 id=\"list\">The list</h2>\n");
    if issues.is_empty() {
        page.raw("<p>No issue matches the filter.</p>\n");
        return out.write_all(page.take().as_bytes());
    }
    for severity in Severity::ALL {
        let there = counts
            .get(usize::from(severity.rank()))
            .is_some_and(|&count| count > 0);
        if there {
            page.raw("<p class=\"note filter\" id=\"only-")
                .raw(class(severity))
                .raw("\">Only ")
                .raw(severity.word())
                .raw(" is shown. <a href=\"#list\">Show all</a></p>\n");
        }
    }
    page.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"List of issues\">\n<table>\n<caption>Issues by severity. A number leads to the issue’s details.</caption>\n<thead><tr><th scope=\"col\">Issue</th><th scope=\"col\">Severity</th><th scope=\"col\">Was</th><th scope=\"col\">What</th><th scope=\"col\">Fix</th><th scope=\"col\">Application</th><th scope=\"col\">Owner</th><th scope=\"col\">First seen</th><th scope=\"col\" class=\"n\">Images</th><th scope=\"col\">State</th></tr></thead>\n");
    let mut last = None;
    for one in issues {
        let issue = one.borrow();
        if last != Some(issue.severity) {
            if last.is_some() {
                page.raw("</tbody>\n");
            }
            page.raw("<tbody class=\"")
                .raw(class(issue.severity))
                .raw("\">\n");
            last = Some(issue.severity);
        }
        row(page, issue);
        out.write_all(page.take().as_bytes())?;
    }
    page.raw("</tbody>\n</table>\n</div>\n");
    out.write_all(page.take().as_bytes())
}

fn row(page: &mut Page, issue: &Issue) {
    let number = issue.id.to_string();
    page.raw("<tr><th scope=\"row\"><a href=\"#ox-")
        .text(&number)
        .raw("\">OX-")
        .text(&number)
        .raw("</a></th><td><span class=\"sev\">")
        .raw(issue.severity.word())
        .raw("</span></td><td>")
        .raw(if issue.verdict.original == issue.severity {
            ""
        } else {
            issue.verdict.original.word()
        })
        .raw("</td><td class=\"w\">")
        .text(&cut(&issue.title, 300))
        .raw("<br><span class=\"soft small\">")
        .text(&cut(&where_it_is(issue), 240))
        .raw("</span>");
    if let Some(why) = why(issue) {
        page.raw("<br><span class=\"small\">")
            .text(&cut(&why, 240))
            .raw("</span>");
    }
    page.raw("</td><td>")
        .text(&cut(
            issue.remediation.fixed_version.as_deref().unwrap_or("–"),
            80,
        ))
        .raw("</td><td class=\"a\">")
        .text(&cut(&issue.context.application, 120))
        .raw("</td><td>")
        .text(&cut(
            issue
                .context
                .owners
                .first()
                .map_or("–", |one| one.name.as_str()),
            120,
        ))
        .raw("</td><td><time datetime=\"")
        .text(&super::text::time(&issue.first_seen).unwrap_or_default())
        .raw("\">")
        .text(&day(&issue.first_seen))
        .raw("</time></td><td class=\"n\">")
        .text(&super::text::number(images(issue)))
        .raw("</td><td>")
        .raw(state(issue))
        .raw("</td></tr>\n");
}

/// How many images have it, whatever the number of files in each.
fn images(issue: &Issue) -> u64 {
    let digests: BTreeSet<&str> = issue
        .occurrences
        .iter()
        .map(|one| one.digest.as_str())
        .collect();
    digests.len() as u64
}

/// The package where the title does not name it, and the repository.
fn where_it_is(issue: &Issue) -> String {
    let repository = ids::repository_name(issue);
    match &issue.package {
        Some(package) if !issue.title.contains(&package.name) => {
            format!("{} · {repository}", package.name)
        }
        _ => repository,
    }
}

/// What moved it away from the tool's severity, in a line.
fn why(issue: &Issue) -> Option<String> {
    if let Some(own) = &issue.override_ {
        return Some(format!("Set by {}", own.by));
    }
    let verdict = &issue.verdict;
    let (word, up) = match verdict.severity.cmp(&verdict.original) {
        std::cmp::Ordering::Equal => return None,
        std::cmp::Ordering::Greater => ("Raised", true),
        std::cmp::Ordering::Less => ("Lowered", false),
    };
    let names: Vec<&str> = verdict
        .factors
        .iter()
        .filter(|one| one.change != 0.0 && (one.change > 0.0) == up)
        .map(|one| one.short_name.as_str())
        .take(2)
        .collect();
    Some(format!("{word}: {}", names.join(", ")))
}

/// One or two words on where it stands.
fn state(issue: &Issue) -> &'static str {
    match (&issue.status, &issue.exclusion) {
        (Status::Resolved { .. }, _) => "Resolved",
        (Status::Removed { .. }, _) => "Removed",
        (Status::Open, Some(exclusion)) => match exclusion.kind {
            ExclusionKind::Excluded => "Excluded",
            ExclusionKind::FalsePositive => "False positive",
            ExclusionKind::Snoozed => "Snoozed",
            ExclusionKind::DismissedInTool => "Dismissed in the tool",
            ExclusionKind::Vex => "Not affected (VEX)",
        },
        (Status::Open, None) => match issue.sla.as_ref().map(|one| one.state) {
            Some(SlaState::Overdue) => "Overdue",
            Some(SlaState::Near) => "Due soon",
            Some(SlaState::Within) | None => "Open",
        },
    }
}
