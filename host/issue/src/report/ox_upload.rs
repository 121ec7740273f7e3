//! The file that OX takes for a manual upload of issues.
//!
//! Applications, and in each its findings. All numbers are strings; `epss` is a fraction of 1, `percentile`
//! goes to 100. Only the queue itself is uploaded: what is closed or excluded would come back as open.
//! Findings are gathered by application, so this format keeps what the caller handed over until its end.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::io;

use serde_json::{Map, Value, json};

use super::said::{counted, unknown};
use super::stream::JsonStream;
use super::text::{cut, cut_lines, inert, link, percent, seconds};
use super::{ReportMeta, Written, ids, state};
use crate::Issue;

const DECIDED: &str = "closed or excluded, and an upload would open them again";
/// Files of one finding, and images of one file.
const MAX_ASSETS: usize = 100;
/// Vulnerabilities of one finding.
const MAX_VULNERABILITIES: usize = 100;

pub(super) fn write<I>(issues: I, meta: &ReportMeta, out: &mut dyn io::Write) -> io::Result<Written>
where
    I: Iterator,
    I::Item: Borrow<Issue>,
{
    let mut written = Written::default();
    let mut applications: BTreeMap<String, Vec<I::Item>> = BTreeMap::new();
    for one in issues {
        let issue = one.borrow();
        if !state::is_open(issue) {
            written.leave_out(DECIDED);
            continue;
        }
        written.issues += 1;
        let name = [&issue.context.application, &issue.project, &issue.location]
            .into_iter()
            .map(|name| inert(name))
            .find(|name| !name.trim().is_empty());
        applications
            .entry(name.unwrap_or_else(|| "unknown".to_owned()))
            .or_default()
            .push(one);
    }
    let made = seconds(meta.generated_at);
    let mut json = JsonStream::open(out)?;
    json.field(
        "reportId",
        &ids::uuid(["ox-upload", &meta.tool_version, &made, &meta.filter]),
    )?;
    json.field("dateGenerated", &made)?;
    json.field(
        "testerInfo",
        &json!({"name": meta.author.name, "email": meta.author.email}),
    )?;
    json.open_list("applications")?;
    for (name, issues) in &applications {
        json.open_element()?;
        json.field("name", name)?;
        json.open_list("findings")?;
        for issue in issues {
            json.element(&finding(issue.borrow()))?;
        }
        json.close_list()?;
        json.close_object()?;
    }
    json.close_list()?;
    json.finish()?;
    Ok(written)
}

fn finding(issue: &Issue) -> Value {
    let mut finding = Map::new();
    let mut add = |key: &str, value: String| {
        if !value.is_empty() {
            finding.insert(key.to_owned(), value.into());
        }
    };
    add("id", format!("OX-{}", issue.id));
    let title = cut(&issue.title, 1_000);
    add(
        "title",
        if title.trim().is_empty() {
            format!("OX-{}", issue.id)
        } else {
            title
        },
    );
    add("severity", issue.severity.to_string());
    add("summary", cut_lines(&issue.description, 8_000));
    add("impact", cut_lines(&impact(issue), 8_000));
    let mut recommendation = issue.remediation.summary.clone();
    if let Some(command) = &issue.remediation.command {
        recommendation.push('\n');
        recommendation.push_str(command);
    }
    add("recommendation", cut_lines(recommendation.trim(), 8_000));
    let page = issue
        .identifiers
        .iter()
        .filter_map(|one| one.url.as_deref())
        .chain(issue.references.iter().map(String::as_str))
        .find_map(link);
    add("reference", page.unwrap_or_default().to_owned());
    let product = issue
        .sources
        .iter()
        .filter_map(|one| one.url.as_deref())
        .chain(issue.web_url.as_deref())
        .find_map(link);
    add(
        "linkToExternalProduct",
        product.unwrap_or_default().to_owned(),
    );
    if let Some(package) = &issue.package {
        add("libraryName", inert(&package.name));
        let versions: Vec<String> = package
            .versions
            .iter()
            .take(20)
            .map(|one| inert(one))
            .collect();
        add("libraryVersion", versions.join(", "));
    }
    finding.insert("assets".to_owned(), assets(issue).into());
    let vulnerabilities = vulnerabilities(issue);
    if !vulnerabilities.is_empty() {
        finding.insert("vulnerabilities".to_owned(), vulnerabilities.into());
    }
    let factors: Vec<Value> = issue
        .verdict
        .factors
        .iter()
        .filter(|one| one.change != 0.0)
        .map(|one| json!({"name": inert(&one.short_name), "type": format!("{:?}", one.category)}))
        .collect();
    if !factors.is_empty() {
        finding.insert("severityFactorsPerIssue".to_owned(), factors.into());
    }
    Value::Object(finding)
}

/// The chain from the tool's severity to ours: OX's own factors have a name and a category only.
fn impact(issue: &Issue) -> String {
    let mut lines = vec![format!(
        "Before prioritisation: {} ({}).",
        issue.verdict.original, issue.verdict.original_why
    )];
    lines.extend(counted(&issue.verdict).map(|one| one.reason.clone()));
    lines.extend(unknown(&issue.verdict).map(|line| format!("{line}.")));
    lines.extend(issue.verdict.held.clone());
    lines.extend(
        issue
            .override_
            .iter()
            .map(|one| format!("{} set {}: {}", one.by, one.severity, one.reason)),
    );
    lines.join("\n")
}

/// One asset a file, with the images that have it.
fn assets(issue: &Issue) -> Vec<Value> {
    let snippet = issue
        .sources
        .iter()
        .flat_map(|one| &one.evidence)
        .find(|one| one.label == "match" || one.label.to_lowercase().contains("masked"))
        .map(|one| cut(&one.value, 500));
    let mut files: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for one in &issue.occurrences {
        let path = if one.path.is_empty() {
            one.repository.as_str()
        } else {
            one.path.as_str()
        };
        if files.len() >= MAX_ASSETS && !files.contains_key(path) {
            continue;
        }
        let images = files.entry(path).or_default();
        if images.len() < MAX_ASSETS {
            let tags: Vec<String> = one.tags.iter().take(50).map(|tag| inert(tag)).collect();
            images.push(json!({
                "name": inert(&ids::image_name(issue, one)),
                "tags": tags,
                "sha": inert(&one.digest),
                "region": "",
            }));
        }
    }
    files
        .into_iter()
        .map(|(path, artifacts)| {
            let mut asset = json!({"filePath": inert(path), "artifacts": artifacts});
            if let (Value::Object(asset), Some(snippet)) = (&mut asset, &snippet) {
                asset.insert("snippet".to_owned(), snippet.as_str().into());
            }
            asset
        })
        .collect()
}

fn vulnerabilities(issue: &Issue) -> Vec<Value> {
    let worst = issue.cvss.first().filter(|one| one.score.is_finite());
    let exploit = issue
        .verdict
        .factors
        .iter()
        .filter(|one| one.rule.contains("exploit") && one.rule.contains("public"))
        .flat_map(|one| &one.evidence)
        .find_map(|one| one.link.as_deref().and_then(link));
    ids::vulnerability_ids(issue)
        .into_iter()
        .filter(|id| id.starts_with("CVE-"))
        .take(MAX_VULNERABILITIES)
        .map(|id| {
            let mut one = Map::new();
            one.insert("cve".to_owned(), inert(id).into());
            let mut add = |key: &str, value: Value| {
                one.insert(key.to_owned(), value);
            };
            // Scores are of the issue's worst; they are told with the id that it is known by.
            if id == issue.primary {
                if let Some(worst) = worst {
                    add("cvssScore", format!("{:.1}", worst.score).into());
                    add("cvssVersion", inert(&worst.version).into());
                    if let Some(vector) = attack_vector(&worst.vector) {
                        add("attackVector", vector.into());
                    }
                }
                add(
                    "cveDescription",
                    cut_lines(&issue.description, 4_000).into(),
                );
                if let Some(page) = exploit {
                    add("hasPublicExploit", true.into());
                    add("publicExploitLink", page.into());
                }
            }
            if let Some(epss) = issue.epss.as_ref().filter(|epss| epss.cve == id)
                && epss.score.is_finite()
                && let Some(percentile) = percent(epss.percentile, 3)
            {
                add("epss", format!("{}", epss.score.clamp(0.0, 1.0)).into());
                add("percentile", percentile.into());
            }
            if issue
                .known_exploited
                .as_ref()
                .is_some_and(|known| known.cve == id)
            {
                add("kev", true.into());
            }
            Value::Object(one)
        })
        .collect()
}

fn attack_vector(vector: &str) -> Option<&'static str> {
    vector.split('/').find_map(|metric| match metric {
        "AV:N" => Some("NETWORK"),
        "AV:A" => Some("ADJACENT_NETWORK"),
        "AV:L" => Some("LOCAL"),
        "AV:P" => Some("PHYSICAL"),
        _ => None,
    })
}
