//! CycloneDX 1.6 with vulnerabilities, and its VEX part alone.
//!
//! A vulnerability stands for each issue (`bom-ref` is its number), because what was decided differs from
//! place to place. It affects the packages of images: an image is a component with the packages below it, so
//! the same package in two images is two components. Vulnerabilities come first and components after them,
//! so that nothing but the distinct components is kept. An issue without a package affects its images.
//!
//! The full document has every issue. The VEX part has vulnerabilities only, with what was decided, and
//! leaves out what is gone.

mod components;

use std::borrow::Borrow;
use std::io;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::state::{self, Stated};
use super::stream::JsonStream;
use super::text::{cut_lines, inert, link, percent, seconds, signed, time};
use super::{ReportMeta, TOOL, Written, ids};
use crate::facts::Kind;
use crate::issue::{CvssScore, Status};
use crate::{Issue, Severity};
use components::{Components, Properties, component};

const SCHEMA: &str = "http://cyclonedx.org/schema/bom-1.6.schema.json";
/// Reference of what the document is about.
const QUEUE: &str = "issues";
/// Advisories, references and paths of one issue or component.
const MAX_LIST: usize = 100;

const NO_VULNERABILITY: &str = "a VEX document is about vulnerabilities only";
const GONE: &str = "what had it is gone, of which a VEX document has nothing to say";

/// How much is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// Everything.
    Full,
    /// What was decided.
    Vex,
}

pub(super) fn write<I>(
    issues: I,
    meta: &ReportMeta,
    variant: Variant,
    out: &mut dyn io::Write,
) -> io::Result<Written>
where
    I: Iterator,
    I::Item: Borrow<Issue>,
{
    let mut json = JsonStream::open(out)?;
    json.field("$schema", &SCHEMA)?;
    json.field("bomFormat", &"CycloneDX")?;
    json.field("specVersion", &"1.6")?;
    json.field("version", &1)?;
    let mut written = Written::default();
    let mut components = Components::default();
    let mut content = Sha256::new();
    json.open_list("vulnerabilities")?;
    for issue in issues {
        let issue = issue.borrow();
        if variant == Variant::Vex {
            if issue.kind != Kind::Vulnerability {
                written.leave_out(NO_VULNERABILITY);
                continue;
            }
            if state::of(issue) == Stated::Gone {
                written.leave_out(GONE);
                continue;
            }
        }
        let one = vulnerability(issue, variant, &mut components);
        content.update(ids::fingerprint(issue));
        content.update(one.to_string());
        json.element(&one)?;
        written.issues += 1;
    }
    json.close_list()?;
    json.field(
        "metadata",
        &json!({
            "timestamp": seconds(meta.generated_at),
            "tools": {"components": [{"type": "application", "name": TOOL, "version": meta.tool_version}]},
            "authors": [{"name": filled(&meta.author.name, TOOL)}],
            "component": {
                "type": "application",
                "bom-ref": QUEUE,
                "name": "Issues of container images",
                "description": filled(&meta.filter, "All issues."),
            },
        }),
    )?;
    json.open_list("components")?;
    for (reference, image) in &components.images {
        component(&mut json, reference, image, variant)?;
    }
    json.close_list()?;
    // The id follows from what the document says, so it is known last.
    let content: String = content
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let form = if variant == Variant::Full {
        "cyclonedx"
    } else {
        "cyclonedx-vex"
    };
    let made = seconds(meta.generated_at);
    json.field(
        "serialNumber",
        &format!(
            "urn:uuid:{}",
            ids::uuid([form, &meta.tool_version, &made, &meta.filter, &content])
        ),
    )?;
    json.finish()?;
    Ok(written)
}

fn filled(text: &str, otherwise: &str) -> String {
    if text.trim().is_empty() {
        otherwise.to_owned()
    } else {
        text.to_owned()
    }
}

fn vulnerability(issue: &Issue, variant: Variant, components: &mut Components) -> Value {
    let mut one = Map::new();
    one.insert("bom-ref".to_owned(), format!("OX-{}", issue.id).into());
    one.insert("id".to_owned(), inert(&issue.primary).into());
    if let Some(primary) = issue
        .identifiers
        .iter()
        .find(|id| id.value == issue.primary)
    {
        let mut source = json!({"name": source_name(&primary.kind)});
        if let (Value::Object(source), Some(url)) =
            (&mut source, primary.url.as_deref().and_then(link))
        {
            source.insert("url".to_owned(), url.into());
        }
        one.insert("source".to_owned(), source);
    }
    let references: Vec<Value> = issue
        .identifiers
        .iter()
        .filter(|id| id.value != issue.primary && !id.value.is_empty() && id.kind != "cwe")
        .take(MAX_LIST)
        .map(|id| json!({"id": inert(&id.value), "source": {"name": source_name(&id.kind)}}))
        .collect();
    if !references.is_empty() {
        one.insert("references".to_owned(), references.into());
    }
    if variant == Variant::Full {
        full(issue, &mut one);
    }
    let stated = state::of(issue);
    if let Some(analysis) = analysis(issue, stated, variant) {
        one.insert("analysis".to_owned(), analysis);
    }
    let status = match stated {
        Stated::FalsePositive | Stated::NotAffected | Stated::Mitigated => "unaffected",
        _ => "affected",
    };
    let fixed = issue.remediation.fixed_version.as_deref();
    let affects: Vec<Value> = components
        .affected(issue)
        .into_iter()
        .map(|(reference, versions)| {
            let mut all: Vec<Value> = versions
                .iter()
                .filter(|version| !version.is_empty())
                .map(|version| json!({"version": inert(version), "status": status}))
                .collect();
            if let (Some(fixed), Stated::Fixed) = (fixed, stated) {
                all.push(json!({"version": inert(fixed), "status": "unaffected"}));
            }
            let mut affects = json!({"ref": reference});
            if let (Value::Object(affects), false) = (&mut affects, all.is_empty()) {
                affects.insert("versions".to_owned(), all.into());
            }
            affects
        })
        .collect();
    one.insert("affects".to_owned(), affects.into());
    Value::Object(one)
}

fn source_name(kind: &str) -> String {
    match kind {
        "cve" => "NVD".to_owned(),
        "ghsa" => "GitHub Advisories".to_owned(),
        other => filled(&inert(other), "unknown"),
    }
}

/// What the VEX part does without.
fn full(issue: &Issue, one: &mut Map<String, Value>) {
    let mut ratings: Vec<Value> = issue
        .cvss
        .iter()
        .filter_map(rating)
        .take(MAX_LIST)
        .collect();
    ratings.push(json!({
        "source": {"name": filled(&issue.source_tool, "unknown")},
        "severity": severity(issue.verdict.original),
        "method": "other",
        "justification": filled(&issue.verdict.original_why, "The tool says so."),
    }));
    ratings.push(json!({
        "source": {"name": "OX"},
        "severity": severity(issue.severity),
        "method": "other",
        "justification": chain(issue),
    }));
    one.insert("ratings".to_owned(), ratings.into());
    let cwes = ids::cwes(issue);
    if !cwes.is_empty() {
        one.insert("cwes".to_owned(), cwes.into());
    }
    one.insert(
        "description".to_owned(),
        cut_lines(&issue.title, 1_000).into(),
    );
    if !issue.description.is_empty() {
        one.insert(
            "detail".to_owned(),
            cut_lines(&issue.description, super::text::MAX_TEXT_CHARS).into(),
        );
    }
    let remediation = &issue.remediation;
    if !remediation.summary.is_empty() {
        let mut text = inert(&remediation.summary);
        if let Some(command) = &remediation.command {
            text.push('\n');
            text.push_str(&cut_lines(command, 4_000));
        }
        one.insert("recommendation".to_owned(), text.into());
    }
    let advisories: Vec<Value> = issue
        .references
        .iter()
        .filter_map(|url| link(url))
        .take(MAX_LIST)
        .map(|url| json!({"url": url}))
        .collect();
    if !advisories.is_empty() {
        one.insert("advisories".to_owned(), advisories.into());
    }
    let mut properties = Properties::default();
    properties.add("ox:kind", super::csv::kind(issue.kind));
    properties.add("ox:severity", issue.severity.word());
    properties.add("ox:severity-before", issue.verdict.original.word());
    for factor in &issue.verdict.factors {
        properties.add(
            &format!("ox:factor:{}", filled(&inert(&factor.rule), "unknown")),
            &format!(
                "[{:?}] {} {}: {}",
                factor.category,
                inert(&factor.short_name),
                signed(factor.change),
                inert(&factor.reason)
            ),
        );
    }
    if let Some(epss) = &issue.epss {
        properties.add("ox:epss:score", &epss.score.to_string());
        properties.add(
            "ox:epss:percentile",
            &percent(epss.percentile, 3).unwrap_or_default(),
        );
    }
    if let Some(known) = &issue.known_exploited {
        properties.add("ox:kev:added", &inert(&known.added));
        properties.add(
            "ox:kev:ransomware",
            if known.ransomware { "true" } else { "false" },
        );
    }
    properties.add("ox:category", &inert(&issue.category));
    properties.add("ox:application", &inert(&issue.context.application));
    properties.add("ox:location", &inert(&issue.location));
    properties.add("ox:first-seen", &inert(&issue.first_seen));
    properties.add(
        "ox:status",
        match issue.status {
            Status::Open => "open",
            Status::Resolved { .. } => "resolved",
            Status::Removed { .. } => "removed",
        },
    );
    properties.into(one);
}

fn rating(cvss: &CvssScore) -> Option<Value> {
    let method = match cvss.version.as_str() {
        "2.0" => "CVSSv2",
        "3.0" => "CVSSv3",
        "3.1" => "CVSSv31",
        "4.0" => "CVSSv4",
        _ => "other",
    };
    cvss.score.is_finite().then(|| {
        json!({
            "source": {"name": filled(&inert(&cvss.source), "unknown")},
            "score": cvss.score,
            "severity": match cvss.score {
                score if score >= 9.0 => "critical",
                score if score >= 7.0 => "high",
                score if score >= 4.0 => "medium",
                score if score > 0.0 => "low",
                _ => "none",
            },
            "method": method,
            "vector": inert(&cvss.vector),
        })
    })
}

fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Appoxalypse | Severity::Critical => "critical",
        Severity::High => "high",
        Severity::Medium => "medium",
        Severity::Low => "low",
        Severity::Info => "info",
    }
}

fn chain(issue: &Issue) -> String {
    let mut chain = issue.verdict.original.word().to_owned();
    for factor in super::said::counted(&issue.verdict) {
        chain.push_str(&format!(
            "; {} {}",
            inert(&factor.short_name),
            signed(factor.change)
        ));
    }
    if let Some(person) = &issue.override_ {
        chain.push_str(&format!("; set by {}", inert(&person.by)));
    }
    chain.push_str(&format!("; {}", issue.severity));
    chain
}

fn analysis(issue: &Issue, stated: Stated, variant: Variant) -> Option<Value> {
    let (state, more) = match stated {
        Stated::UnderInvestigation if variant == Variant::Full && issue.exclusion.is_none() => {
            return None;
        }
        Stated::UnderInvestigation => ("in_triage", None),
        Stated::Accepted => ("exploitable", Some(("response", json!(["will_not_fix"])))),
        Stated::FalsePositive => ("false_positive", None),
        Stated::NotAffected => ("not_affected", None),
        Stated::Mitigated => (
            "not_affected",
            Some(("justification", json!("protected_by_mitigating_control"))),
        ),
        Stated::Fixed | Stated::Gone => ("resolved", None),
    };
    let mut analysis = Map::new();
    analysis.insert("state".to_owned(), state.into());
    if let Some((name, value)) = more {
        analysis.insert(name.to_owned(), value);
    }
    analysis.insert(
        "detail".to_owned(),
        cut_lines(&state::why(issue), 8_000).into(),
    );
    if let Some(at) = state::since(issue).and_then(time) {
        analysis.insert("lastUpdated".to_owned(), at.into());
    }
    Some(Value::Object(analysis))
}
