//! SARIF 2.1.0.
//!
//! One run; a rule for each id that issues are known by, a result for each issue. Results come first and
//! rules after them, so that nothing but the rules is kept. `partialFingerprints` name the issue and not its
//! number, so code scanning follows it from upload to upload. What was excluded is a suppressed result, what
//! is closed an absent one; neither is left out.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::io;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::said::{counted, unknown};
use super::stream::JsonStream;
use super::text::{cut, cut_lines, encode, inert, link, seconds, signed, time};
use super::{ReportMeta, TOOL, Written, ids};
use crate::issue::{AgainstLastScan, ExclusionKind, Occurrence, Status};
use crate::{Issue, Severity};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// Places of one result; readers show few.
const MAX_LOCATIONS: usize = 50;
/// Name of the folder that paths in an image start from.
const ROOT: &str = "IMAGE";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    name: String,
    short_description: Text,
    full_description: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    help_uri: Option<String>,
    help: Help,
    default_configuration: Configuration,
    properties: RuleProperties,
    #[serde(skip)]
    worst: Severity,
    #[serde(skip)]
    score: Option<f64>,
}

#[derive(Serialize)]
struct Text {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: Vec<String>,
    precision: &'static str,
    #[serde(rename = "security-severity")]
    security_severity: String,
}

pub(super) fn write<I>(issues: I, meta: &ReportMeta, out: &mut dyn io::Write) -> io::Result<Written>
where
    I: Iterator,
    I::Item: Borrow<Issue>,
{
    let mut json = JsonStream::open(out)?;
    json.field("$schema", &SCHEMA)?;
    json.field("version", &"2.1.0")?;
    json.open_list("runs")?;
    json.open_element()?;
    let mut written = Written::default();
    let mut rules: Vec<Rule> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    json.open_list("results")?;
    for issue in issues {
        let issue = issue.borrow();
        let id = rule_id(issue);
        let place = *known.entry(id.clone()).or_insert_with(|| {
            rules.push(rule(&id, issue));
            rules.len() - 1
        });
        if let Some(rule) = rules.get_mut(place) {
            rule.worst = rule.worst.max(issue.severity);
        }
        json.element(&result(issue, &id, place))?;
        written.issues += 1;
    }
    json.close_list()?;
    for rule in &mut rules {
        rule.default_configuration.level = level(rule.worst);
        rule.properties.security_severity = security_severity(rule.worst, rule.score);
    }
    json.open_object("tool")?;
    json.open_object("driver")?;
    json.field("name", &TOOL)?;
    json.field("fullName", &"OX reference host for container registries")?;
    json.field("version", &meta.tool_version)?;
    json.open_list("rules")?;
    for rule in &rules {
        json.element(rule)?;
    }
    json.close_list()?;
    json.close_object()?;
    json.close_object()?;
    json.field(
        "invocations",
        &json!([{"executionSuccessful": true, "endTimeUtc": seconds(meta.generated_at)}]),
    )?;
    json.field("columnKind", &"utf16CodeUnits")?;
    json.field(
        "originalUriBaseIds",
        &json!({ROOT: {"description": {"text": "The root of the image that the logical locations of a result name."}}}),
    )?;
    let mut properties = Map::new();
    properties.insert("filter".to_owned(), meta.filter.clone().into());
    if let Some(funnel) = meta.funnel {
        properties.insert(
            "funnel".to_owned(),
            json!({"found": funnel.found, "prioritised": funnel.prioritised, "issues": funnel.issues}),
        );
    }
    json.field("properties", &properties)?;
    json.close_object()?;
    json.close_list()?;
    json.finish()?;
    Ok(written)
}

fn rule_id(issue: &Issue) -> String {
    let id = cut(&issue.primary, 255);
    if id.trim().is_empty() {
        super::csv::kind(issue.kind).to_owned()
    } else {
        id
    }
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Appoxalypse | Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    }
}

/// The CVSS score where it lies in the severity's own band, else the middle of the band: a reader that
/// makes a severity of the number comes to ours.
pub(super) fn security_severity(severity: Severity, score: Option<f64>) -> String {
    let (least, most, middle) = match severity {
        Severity::Appoxalypse => (10.0, 10.0, 10.0),
        Severity::Critical => (9.1, 10.0, 9.5),
        Severity::High => (7.0, 8.9, 8.0),
        Severity::Medium => (4.0, 6.9, 5.5),
        Severity::Low => (0.1, 3.9, 2.0),
        Severity::Info => (0.0, 0.0, 0.0),
    };
    let score = score.filter(|score| (least..=most).contains(score));
    format!("{:.1}", score.unwrap_or(middle))
}

fn rule(id: &str, issue: &Issue) -> Rule {
    let help = issue
        .identifiers
        .iter()
        .filter_map(|one| one.url.as_deref())
        .chain(issue.references.iter().map(String::as_str))
        .find_map(link);
    let mut tags = vec![
        "security".to_owned(),
        "container".to_owned(),
        super::csv::kind(issue.kind).to_owned(),
    ];
    tags.extend(
        ids::cwes(issue)
            .iter()
            .map(|number| format!("external/cwe/cwe-{number}")),
    );
    let description = match issue.description.trim() {
        "" => inert(&issue.title),
        description => cut_lines(description, 4_000),
    };
    Rule {
        id: id.to_owned(),
        name: id
            .split(|c: char| !c.is_ascii_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join("_"),
        short_description: Text {
            text: cut(&issue.title, 1_000),
        },
        full_description: Text {
            text: description.clone(),
        },
        help_uri: help.map(str::to_owned),
        help: Help {
            text: description,
            // As code: a foreign text must not be able to draw a picture or a link in somebody's page.
            markdown: help.map_or_else(
                || "See the results for what to do.".to_owned(),
                |page| format!("Described at <{page}>. See the results for what to do."),
            ),
        },
        default_configuration: Configuration { level: "none" },
        properties: RuleProperties {
            tags,
            precision: "high",
            security_severity: String::new(),
        },
        worst: issue.severity,
        score: issue.cvss.first().map(|one| one.score),
    }
}

/// Plain text of a message: what would be taken for a link in it is not.
fn message(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in cut_lines(text, 4_000).chars() {
        if matches!(c, '\\' | '[' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn result(issue: &Issue, id: &str, place: usize) -> Value {
    let mut text = message(&issue.title);
    text.push_str(&format!(
        ".\n{} (before: {}).",
        issue.severity, issue.verdict.original
    ));
    for factor in counted(&issue.verdict) {
        text.push_str(&format!(
            "\n{} {}",
            signed(factor.change),
            message(&factor.reason)
        ));
    }
    if let Some(unknown) = unknown(&issue.verdict) {
        text.push_str(&format!("\n{}.", message(&unknown)));
    }
    if !issue.remediation.summary.is_empty() {
        text.push('\n');
        text.push_str(&message(&issue.remediation.summary));
    }
    let more = issue.occurrences.len().saturating_sub(MAX_LOCATIONS);
    if more > 0 {
        text.push_str(&format!("\nIt is in {more} more places."));
    }
    let closed = issue.status != Status::Open;
    let mut result = json!({
        "ruleId": id,
        "ruleIndex": place,
        "kind": "fail",
        "level": level(issue.severity),
        "message": {"text": text},
        "locations": locations(issue),
        "partialFingerprints": {"oxIssue/v1": ids::fingerprint(issue)},
        "baselineState": match issue.against_last_scan {
            _ if closed => "absent",
            AgainstLastScan::New | AgainstLastScan::Reopened => "new",
            AgainstLastScan::Same => "unchanged",
            AgainstLastScan::Changed => "updated",
            AgainstLastScan::Closed => "absent",
        },
        "suppressions": suppressions(issue),
        "properties": properties(issue),
    });
    let rank = (issue.verdict.score * 20.0).clamp(0.0, 100.0);
    if let (Value::Object(result), true) = (&mut result, rank.is_finite()) {
        result.insert("rank".to_owned(), ((rank * 10.0).round() / 10.0).into());
        if let Some(page) = issue.web_url.as_deref().and_then(link) {
            result.insert("hostedViewerUri".to_owned(), page.into());
        }
    }
    result
}

fn locations(issue: &Issue) -> Vec<Value> {
    let line = issue
        .sources
        .iter()
        .flat_map(|source| &source.evidence)
        .find(|one| one.label.eq_ignore_ascii_case("line"))
        .and_then(|one| one.value.parse::<u32>().ok())
        .filter(|&line| line > 0 && line <= i32::MAX.unsigned_abs());
    if issue.occurrences.is_empty() {
        let name = inert(&ids::repository_name(issue));
        return vec![json!({"logicalLocations": [{"name": name, "kind": "repository"}]})];
    }
    issue
        .occurrences
        .iter()
        .take(MAX_LOCATIONS)
        .map(|one| location(issue, one, line))
        .collect()
}

fn location(issue: &Issue, occurrence: &Occurrence, line: Option<u32>) -> Value {
    let image = inert(&ids::image_reference(issue, occurrence));
    let exact = inert(&format!(
        "{}@{}",
        ids::image_name(issue, occurrence),
        occurrence.digest
    ));
    let mut logical = vec![json!({
        "name": image,
        "fullyQualifiedName": exact,
        "kind": "image",
    })];
    if let Some(package) = &issue.package {
        let name = inert(&package.name);
        let version = inert(&occurrence.version);
        logical.push(json!({
            "name": name,
            "fullyQualifiedName": format!("{exact}/{}", ids::package_purl(&package.name, &occurrence.version, &occurrence.purl)),
            "decoratedName": format!("{name} {version}"),
            "kind": "package",
        }));
    }
    let mut location = json!({"logicalLocations": logical, "message": {"text": message(&image)}});
    let path = uri_path(&occurrence.path);
    if let (Value::Object(location), false) = (&mut location, path.is_empty()) {
        let mut physical = json!({"artifactLocation": {"uri": path, "uriBaseId": ROOT}});
        if let (Value::Object(physical), Some(line)) = (&mut physical, line) {
            physical.insert("region".to_owned(), json!({"startLine": line}));
        }
        location.insert("physicalLocation".to_owned(), physical);
    }
    location
}

/// A path in an image as a relative reference: no `..`, nothing that a reader could take for a scheme or host.
pub(super) fn uri_path(path: &str) -> String {
    path.split('/')
        .filter(|part| !matches!(*part, "" | "." | ".."))
        .map(|part| encode(part, b"+"))
        .collect::<Vec<_>>()
        .join("/")
}

fn suppressions(issue: &Issue) -> Vec<Value> {
    let Some(exclusion) = &issue.exclusion else {
        return Vec::new();
    };
    let kind = match exclusion.kind {
        ExclusionKind::Excluded => "Excluded",
        ExclusionKind::FalsePositive => "False positive",
        ExclusionKind::Snoozed => "Snoozed",
        ExclusionKind::DismissedInTool => "Dismissed in the tool",
        ExclusionKind::Vex => "Not affected by a VEX document",
    };
    let mut why = format!(
        "{kind} ({}): {}",
        inert(&exclusion.scope),
        inert(&super::state::why(issue))
    );
    if let Some(at) = time(&exclusion.at) {
        why.push_str(&format!(" Since {at}."));
    }
    vec![json!({"kind": "external", "status": "accepted", "justification": why})]
}

fn properties(issue: &Issue) -> Value {
    let factors: Vec<Value> = issue
        .verdict
        .factors
        .iter()
        .map(|one| {
            json!({
                "rule": one.rule,
                "category": format!("{:?}", one.category),
                "name": one.short_name,
                "change": if one.change.is_finite() { one.change } else { 0.0 },
                "reason": one.reason,
            })
        })
        .collect();
    json!({
        "issue": format!("OX-{}", issue.id),
        "severity": issue.severity,
        "severityBefore": issue.verdict.original,
        "factors": factors,
        "application": issue.context.application,
        "fixedVersion": issue.remediation.fixed_version,
        "firstSeen": issue.first_seen,
    })
}
