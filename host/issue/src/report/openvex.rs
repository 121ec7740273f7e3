//! OpenVEX 0.2.0.
//!
//! A statement for each issue about a vulnerability. The product is the image by its digest, the
//! subcomponent the package. A fix is stated of the fixed version of the package in any image of the
//! repository, because the images that are known had the old one.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::state::{self, Stated};
use super::stream::JsonStream;
use super::text::{cut, cut_lines, inert, seconds, time};
use super::{ReportMeta, TOOL, Written, ids};
use crate::Issue;
use crate::facts::Kind;

const CONTEXT: &str = "https://openvex.dev/ns/v0.2.0";
const MAX_TEXT: usize = 8_000;

const NO_VULNERABILITY: &str = "a VEX document is about vulnerabilities only";
const GONE: &str = "what had it is gone, of which a VEX document has nothing to say";
const NO_FIXED_VERSION: &str = "resolved, but by which version is not known";

pub(super) fn write<I>(issues: I, meta: &ReportMeta, out: &mut dyn io::Write) -> io::Result<Written>
where
    I: Iterator,
    I::Item: Borrow<Issue>,
{
    let made = seconds(meta.generated_at);
    let mut json = JsonStream::open(out)?;
    json.field("@context", &CONTEXT)?;
    let author = match inert(&meta.author.name) {
        name if name.trim().is_empty() => TOOL.to_owned(),
        name => name,
    };
    json.field("author", &author)?;
    json.field("timestamp", &made)?;
    json.field("version", &1)?;
    json.field("tooling", &format!("{TOOL} {}", meta.tool_version))?;
    let mut written = Written::default();
    let mut content = Sha256::new();
    json.open_list("statements")?;
    for issue in issues {
        let issue = issue.borrow();
        if issue.kind != Kind::Vulnerability {
            written.leave_out(NO_VULNERABILITY);
            continue;
        }
        let stated = state::of(issue);
        let products = match stated {
            Stated::Gone => {
                written.leave_out(GONE);
                continue;
            }
            Stated::Fixed => fixed_products(issue),
            _ => products(issue),
        };
        let Some(products) = products else {
            written.leave_out(NO_FIXED_VERSION);
            continue;
        };
        let statement = statement(issue, stated, products, &made);
        content.update(statement.to_string());
        json.element(&statement)?;
        written.issues += 1;
    }
    json.close_list()?;
    let content: String = content
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    json.field(
        "@id",
        &format!(
            "urn:uuid:{}",
            ids::uuid(["openvex", &meta.tool_version, &made, &content])
        ),
    )?;
    json.finish()?;
    Ok(written)
}

fn statement(issue: &Issue, stated: Stated, products: Vec<Value>, made: &str) -> Value {
    let ids = ids::vulnerability_ids(issue);
    let mut vulnerability = json!({"name": inert(&issue.primary)});
    if let (Value::Object(vulnerability), Some(aliases)) = (
        &mut vulnerability,
        ids.get(1..).filter(|more| !more.is_empty()),
    ) {
        let aliases: BTreeSet<String> = aliases.iter().map(|id| inert(id)).collect();
        vulnerability.insert(
            "aliases".to_owned(),
            aliases.into_iter().collect::<Vec<_>>().into(),
        );
    }
    let mut statement = Map::new();
    let mut add = |key: &str, value: Value| {
        statement.insert(key.to_owned(), value);
    };
    add("vulnerability", vulnerability);
    add(
        "timestamp",
        state::since(issue)
            .and_then(time)
            .unwrap_or_else(|| made.to_owned())
            .into(),
    );
    add("products", products.into());
    add(
        "status",
        match stated {
            Stated::UnderInvestigation => "under_investigation",
            Stated::Accepted => "affected",
            Stated::FalsePositive | Stated::NotAffected | Stated::Mitigated => "not_affected",
            Stated::Fixed | Stated::Gone => "fixed",
        }
        .into(),
    );
    let number = format!("OX-{}: {}", issue.id, cut(&issue.title, 1_000));
    let why = cut_lines(&state::why(issue), MAX_TEXT);
    match stated {
        // The schema takes either a justification or an impact statement.
        Stated::Mitigated => {
            add("status_notes", format!("{number}\n{why}").into());
            add("justification", "inline_mitigations_already_exist".into());
        }
        Stated::FalsePositive | Stated::NotAffected => {
            add("status_notes", number.into());
            add("impact_statement", why.into());
        }
        Stated::Accepted => {
            add("status_notes", number.into());
            add("action_statement", format!("Accepted: {why}").into());
        }
        Stated::UnderInvestigation | Stated::Fixed | Stated::Gone => {
            add("status_notes", format!("{number}\n{why}").into());
        }
    }
    Value::Object(statement)
}

fn identified(purl: &str) -> Value {
    json!({"@id": purl, "identifiers": {"purl": purl}})
}

/// The images that have it, each with its packages.
fn products(issue: &Issue) -> Option<Vec<Value>> {
    if issue.occurrences.is_empty() {
        let purl = issue
            .package
            .as_ref()
            .map(|package| ids::package_purl(&package.name, "", &package.purl));
        return Some(vec![repository(issue, purl.as_deref())]);
    }
    let mut images: BTreeMap<String, (&str, BTreeSet<String>)> = BTreeMap::new();
    for one in &issue.occurrences {
        let image = ids::image_purl(&ids::image_name(issue, one), &one.digest);
        let (_, packages) = images
            .entry(image)
            .or_insert_with(|| (one.digest.as_str(), BTreeSet::new()));
        if let Some(package) = &issue.package {
            packages.insert(ids::package_purl(&package.name, &one.version, &one.purl));
        }
    }
    Some(
        images
            .into_iter()
            .map(|(image, (digest, packages))| {
                let mut product = identified(&image);
                if let Value::Object(product) = &mut product {
                    if let Some(hash) = ids::sha256(digest) {
                        product.insert("hashes".to_owned(), json!({"sha-256": hash}));
                    }
                    if !packages.is_empty() {
                        let packages: Vec<Value> =
                            packages.iter().map(|purl| identified(purl)).collect();
                        product.insert("subcomponents".to_owned(), packages.into());
                    }
                }
                product
            })
            .collect(),
    )
}

/// The repository, with the fixed version of the package.
fn fixed_products(issue: &Issue) -> Option<Vec<Value>> {
    let package = issue.package.as_ref()?;
    let version = issue.remediation.fixed_version.as_deref()?;
    let purl = ids::package_purl(&package.name, "", &package.purl);
    let purl = ids::purl_with_version(&purl, version);
    Some(vec![repository(issue, Some(&purl))])
}

/// Every image of the issue's repository, or a package in them.
fn repository(issue: &Issue, package: Option<&str>) -> Value {
    let mut product = identified(&ids::image_purl(&ids::repository_name(issue), ""));
    if let (Value::Object(product), Some(purl)) = (&mut product, package) {
        product.insert("subcomponents".to_owned(), json!([identified(purl)]));
    }
    product
}
