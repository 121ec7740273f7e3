//! GitLab's container-scanning report, schema 15.2.1.
//!
//! GitLab knows an image and a package, so an issue is one entry for each image and version that has it.
//! Secrets and misconfiguration have no place in this schema, and neither has a decision other than "likely
//! a false positive": what is left out is told in `scan.messages`. Appoxalypse is GitLab's Critical.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::io;

use serde_json::{Map, Value, json};

use super::said::{counted, unknown};
use super::state::{self, Stated};
use super::stream::JsonStream;
use super::text::{cut, cut_lines, inert, link, percent, signed};
use super::{ReportMeta, TOOL, Written, ids};
use crate::facts::Kind;
use crate::issue::{IssuePackage, Occurrence};
use crate::{Issue, Severity};

/// Version of the schema.
const SCHEMA_VERSION: &str = "15.2.1";
const SCHEMA: &str = "https://gitlab.com/gitlab-org/security-products/security-report-schemas/-/raw/v15.2.1/dist/container-scanning-report-format.json";
/// Limits of the schema.
const MAX_NAME: usize = 255;
const MAX_SOLUTION: usize = 7_000;
const MAX_VECTORS: usize = 10;
/// Identifiers and links of one entry; GitLab keeps 20 of the one.
const MAX_LIST: usize = 20;

const NOT_A_PACKAGE: &str =
    "GitLab's report holds vulnerable packages only, and this is about something else";
const DECIDED: &str = "closed or excluded, for which GitLab's report has no word";
const NOWHERE: &str = "no image has it";

pub(super) fn write<I>(issues: I, meta: &ReportMeta, out: &mut dyn io::Write) -> io::Result<Written>
where
    I: Iterator,
    I::Item: Borrow<Issue>,
{
    let mut json = JsonStream::open(out)?;
    json.field("version", &SCHEMA_VERSION)?;
    json.field("schema", &SCHEMA)?;
    let mut written = Written::default();
    json.open_list("vulnerabilities")?;
    for issue in issues {
        let issue = issue.borrow();
        let package = match &issue.package {
            Some(package) if issue.kind == Kind::Vulnerability => package,
            _ => {
                written.leave_out(NOT_A_PACKAGE);
                continue;
            }
        };
        let flag = match state::of(issue) {
            Stated::UnderInvestigation if state::is_open(issue) => false,
            Stated::FalsePositive | Stated::NotAffected => true,
            _ => {
                written.leave_out(DECIDED);
                continue;
            }
        };
        if issue.occurrences.is_empty() {
            written.leave_out(NOWHERE);
            continue;
        }
        written.issues += 1;
        let mut seen = BTreeSet::new();
        for occurrence in &issue.occurrences {
            if seen.insert((
                &occurrence.repository,
                &occurrence.digest,
                &occurrence.version,
            )) {
                json.element(&entry(issue, package, occurrence, flag))?;
            }
        }
    }
    json.close_list()?;
    // After the entries, because what was left out is known only now.
    let at = meta.generated_at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let tool = |id: &str, name: &str| json!({"id": id, "name": name, "version": filled(&meta.tool_version, "unknown"), "vendor": {"name": "OX"}});
    let messages: Vec<Value> = written
        .notes()
        .map(|note| json!({"level": "info", "value": note}))
        .collect();
    json.field(
        "scan",
        &json!({
            "analyzer": tool(TOOL, "OX reference host"),
            "scanner": tool("ox-gitlab-registry", "OX GitLab Container Registry connector"),
            "type": "container_scanning",
            "start_time": at,
            "end_time": at,
            "status": "success",
            "messages": messages,
        }),
    )?;
    json.field("remediations", &Vec::<Value>::new())?;
    json.finish()?;
    Ok(written)
}

fn filled(text: &str, otherwise: &str) -> String {
    match inert(text) {
        text if text.trim().is_empty() => otherwise.to_owned(),
        text => text,
    }
}

fn entry(issue: &Issue, package: &IssuePackage, occurrence: &Occurrence, flag: bool) -> Value {
    let id = ids::uuid([
        ids::fingerprint(issue).as_str(),
        &occurrence.repository,
        &occurrence.digest,
        &occurrence.version,
    ]);
    let mut entry = json!({
        "id": id,
        "name": cut(&issue.title, MAX_NAME),
        "description": cut_lines(&issue.description, super::text::MAX_TEXT_CHARS),
        "severity": match issue.severity {
            Severity::Appoxalypse | Severity::Critical => "Critical",
            other => other.word(),
        },
        "identifiers": identifiers(issue),
        "links": issue.references.iter().filter_map(|url| link(url)).take(MAX_LIST)
            .map(|url| json!({"url": url})).collect::<Vec<_>>(),
        "location": {
            "dependency": {
                "package": {"name": inert(&package.name)},
                "version": inert(&occurrence.version),
            },
            "operating_system": filled(occurrence.operating_system.as_deref().unwrap_or_default(), "unknown"),
            "image": filled(&ids::image_reference(issue, occurrence), "unknown"),
        },
        "details": details(issue, occurrence),
    });
    let Value::Object(fields) = &mut entry else {
        return entry;
    };
    let solution = cut_lines(&solution(issue), MAX_SOLUTION);
    if !solution.is_empty() {
        fields.insert("solution".to_owned(), solution.into());
    }
    let vectors: Vec<Value> = issue
        .cvss
        .iter()
        .filter(|one| is_vector(&one.vector))
        .take(MAX_VECTORS)
        .map(|one| json!({"vendor": filled(&one.source, "unknown"), "vector": one.vector}))
        .collect();
    if !vectors.is_empty() {
        fields.insert("cvss_vectors".to_owned(), vectors.into());
    }
    if flag {
        fields.insert(
            "flags".to_owned(),
            json!([{
                "type": "flagged-as-likely-false-positive",
                "origin": TOOL,
                "description": inert(&state::why(issue)),
            }]),
        );
    }
    entry
}

fn solution(issue: &Issue) -> String {
    let remediation = &issue.remediation;
    let mut solution = remediation.summary.clone();
    if let Some(command) = &remediation.command {
        if !solution.is_empty() {
            solution.push('\n');
        }
        solution.push_str(command);
    }
    solution
}

/// The first is GitLab's primary identifier and never missing.
fn identifiers(issue: &Issue) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let kind = if issue.primary.starts_with("CVE-") {
        "cve"
    } else {
        "ox_advisory"
    };
    let primary = filled(&issue.primary, &format!("OX-{}", issue.id));
    let stated = issue
        .identifiers
        .iter()
        .filter(|one| !one.value.trim().is_empty());
    if !stated.clone().any(|one| one.value == issue.primary) {
        all.push(json!({"type": kind, "name": primary, "value": primary}));
    }
    for one in stated.take(MAX_LIST) {
        let value = inert(&one.value);
        let mut identifier =
            json!({"type": filled(&one.kind, "ox_advisory"), "name": value, "value": value});
        if let (Value::Object(identifier), Some(url)) =
            (&mut identifier, one.url.as_deref().and_then(link))
        {
            identifier.insert("url".to_owned(), url.into());
        }
        if one.value == issue.primary {
            all.insert(0, identifier);
        } else {
            all.push(identifier);
        }
    }
    all
}

/// What a person sees on GitLab's page of the vulnerability.
fn details(issue: &Issue, occurrence: &Occurrence) -> Map<String, Value> {
    let mut details = Map::new();
    let mut text = |key: &str, name: &str, value: String| {
        if !value.is_empty() {
            details.insert(
                key.to_owned(),
                json!({"name": name, "type": "text", "value": value}),
            );
        }
    };
    text("ox_severity", "OX severity", issue.severity.to_string());
    text(
        "ox_severity_before",
        "Severity before prioritisation",
        format!(
            "{} ({})",
            issue.verdict.original,
            cut(&issue.verdict.original_why, 500)
        ),
    );
    text("digest", "Image digest", inert(&occurrence.digest));
    text("path", "Path in the image", inert(&occurrence.path));
    text("origin", "Origin", inert(&occurrence.origin));
    text(
        "layer_command",
        "Command of the layer",
        cut(
            occurrence.layer_command.as_deref().unwrap_or_default(),
            1_000,
        ),
    );
    if let Some(epss) = &issue.epss
        && let (Some(score), Some(percentile)) =
            (percent(epss.score, 2), percent(epss.percentile, 1))
    {
        text(
            "epss",
            "EPSS",
            format!("{score} % in 30 days, percentile {percentile}"),
        );
    }
    if let Some(known) = &issue.known_exploited {
        text(
            "kev",
            "Known exploited",
            format!("in the KEV catalogue since {}", inert(&known.added)),
        );
    }
    let entry = |value: String| json!({"type": "text", "value": value});
    let mut factors: Vec<Value> = counted(&issue.verdict)
        .take(50)
        .map(|one| {
            entry(format!(
                "[{:?}] {} {}: {}",
                one.category,
                inert(&one.short_name),
                signed(one.change),
                inert(&one.reason)
            ))
        })
        .collect();
    factors.extend(unknown(&issue.verdict).map(entry));
    if !factors.is_empty() {
        details.insert(
            "ox_factors".to_owned(),
            json!({"name": "Severity factors", "type": "list", "items": factors}),
        );
    }
    details
}

/// A CVSS 2 or 3 vector as the schema takes it; it knows no CVSS 4.
fn is_vector(vector: &str) -> bool {
    const V2: [(&str, &[&str]); 14] = [
        ("AV", &["N", "A", "L"]),
        ("AC", &["L", "M", "H"]),
        ("Au", &["M", "S", "N"]),
        ("C", &["N", "P", "C"]),
        ("I", &["N", "P", "C"]),
        ("A", &["N", "P", "C"]),
        ("E", &["U", "POC", "F", "H", "ND"]),
        ("RL", &["OF", "TF", "W", "U", "ND"]),
        ("RC", &["UC", "UR", "C", "ND"]),
        ("CDP", &["N", "L", "LM", "MH", "H", "ND"]),
        ("TD", &["N", "L", "M", "H", "ND"]),
        ("CR", &["L", "M", "H", "ND"]),
        ("IR", &["L", "M", "H", "ND"]),
        ("AR", &["L", "M", "H", "ND"]),
    ];
    const V3: [(&str, &[&str]); 22] = [
        ("AV", &["N", "A", "L", "P"]),
        ("AC", &["L", "H"]),
        ("PR", &["N", "L", "H"]),
        ("UI", &["N", "R"]),
        ("S", &["U", "C"]),
        ("C", &["N", "L", "H"]),
        ("I", &["N", "L", "H"]),
        ("A", &["N", "L", "H"]),
        ("E", &["X", "U", "P", "F", "H"]),
        ("RL", &["X", "O", "T", "W", "U"]),
        ("RC", &["X", "U", "R", "C"]),
        ("CR", &["X", "L", "M", "H"]),
        ("IR", &["X", "L", "M", "H"]),
        ("AR", &["X", "L", "M", "H"]),
        ("MAV", &["X", "N", "A", "L", "P"]),
        ("MAC", &["X", "L", "H"]),
        ("MPR", &["X", "N", "L", "H"]),
        ("MUI", &["X", "N", "R"]),
        ("MS", &["X", "U", "C"]),
        ("MC", &["X", "N", "L", "H"]),
        ("MI", &["X", "N", "L", "H"]),
        ("MA", &["X", "N", "L", "H"]),
    ];
    let three = vector
        .strip_prefix("CVSS:3.0/")
        .or_else(|| vector.strip_prefix("CVSS:3.1/"));
    let (metrics, least, table): (&str, usize, &[(&str, &[&str])]) = match three {
        Some(metrics) => (metrics, 32, &V3),
        None => (vector, 16, &V2),
    };
    (least..=128).contains(&vector.len())
        && metrics.split('/').all(|metric| {
            metric.split_once(':').is_some_and(|(name, value)| {
                table
                    .iter()
                    .any(|(known, values)| *known == name && values.contains(&value))
            })
        })
}
