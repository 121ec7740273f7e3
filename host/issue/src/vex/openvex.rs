//! OpenVEX: 0.2.0, and the two versions before it.

use serde_json::Value;

use super::product::Product;
use super::purl::Purl;
use super::{Budget, MAX_PRODUCTS, MAX_STATEMENTS, MAX_TEXT, Statement, Status, VexError, text};

const FORMAT: &str = "OpenVEX";
const KNOWN: &str = "0.0.0 to 0.2.0";
const CONTEXT: &str = "https://openvex.dev/ns";
/// Aliases of one vulnerability.
const MAX_ALIASES: usize = 200;

/// The version in a context; `None` when it is no context of OpenVEX. One without a version is the first.
pub(super) fn version(context: &Value) -> Option<&str> {
    let rest = context.as_str()?.strip_prefix(CONTEXT)?;
    if rest.is_empty() || rest == "/" {
        return Some("0.0.1");
    }
    let version = rest.strip_prefix('/')?;
    Some(version.strip_prefix('v').unwrap_or(version))
}

pub(super) fn statements(document: &Value, version: &str) -> Result<Vec<Statement>, VexError> {
    if !matches!(
        version.split('.').take(2).collect::<Vec<_>>()[..],
        ["0", "0" | "1" | "2"]
    ) {
        return Err(VexError::UnknownVersion {
            format: FORMAT,
            version: version.chars().take(40).collect(),
            known: KNOWN,
        });
    }
    let list = document
        .get("statements")
        .and_then(Value::as_array)
        .ok_or_else(|| VexError::wrong("statements", "a list of statements is expected"))?;
    if list.len() > MAX_STATEMENTS {
        return Err(VexError::TooMany {
            most: MAX_STATEMENTS,
            what: "statements",
        });
    }
    let mut budget = Budget::new(MAX_PRODUCTS, "products and subcomponents");
    list.iter()
        .enumerate()
        .map(|(place, value)| statement(document, value, place, &mut budget))
        .collect()
}

fn statement(
    document: &Value,
    value: &Value,
    place: usize,
    budget: &mut Budget,
) -> Result<Statement, VexError> {
    let at = |part: &str| format!("statements[{place}]{part}");
    if !value.is_object() {
        return Err(VexError::wrong(at(""), "an object is expected"));
    }
    let status = match value.get("status").and_then(Value::as_str) {
        Some("not_affected") => Status::NotAffected,
        Some("affected") => Status::Affected,
        Some("fixed") => Status::Fixed,
        Some("under_investigation") => Status::UnderInvestigation,
        other => {
            return Err(VexError::wrong(
                at(".status"),
                format!(
                    "{} is no status; they are not_affected, affected, fixed and under_investigation",
                    other.map_or_else(
                        || "nothing".to_owned(),
                        |text| format!("{:?}", text.chars().take(40).collect::<String>())
                    )
                ),
            ));
        }
    };
    let vulnerabilities = vulnerabilities(value.get("vulnerability"));
    if vulnerabilities.is_empty() {
        return Err(VexError::wrong(
            at(".vulnerability.name"),
            "the id of a vulnerability is expected",
        ));
    }
    // Before 0.2 subcomponents stood beside the products.
    let shared = subcomponents(value.get("subcomponents"), budget)?;
    let list = match value.get("products") {
        Some(Value::Array(list)) => list.as_slice(),
        Some(one @ (Value::Object(_) | Value::String(_))) => std::slice::from_ref(one),
        _ => &[],
    };
    if list.is_empty() {
        return Err(VexError::wrong(
            at(".products"),
            "no product is named, so it is not known what the statement is about",
        ));
    }
    let mut products = Vec::new();
    for one in list {
        budget.take()?;
        products.push(product(one, &shared, budget)?);
    }
    Ok(Statement {
        vulnerabilities,
        products,
        status,
        justification: text(value.get("justification")),
        impact: text(value.get("impact_statement")).or_else(|| text(value.get("status_notes"))),
        action: text(value.get("action_statement")),
        author: text(value.get("author"))
            .or_else(|| text(document.get("author")))
            .or_else(|| text(value.get("supplier"))),
        timestamp: text(value.get("last_updated"))
            .or_else(|| text(value.get("timestamp")))
            .or_else(|| text(document.get("last_updated")))
            .or_else(|| text(document.get("timestamp"))),
        document: text(document.get("@id")),
    })
}

/// Before 0.2 it was a text.
fn vulnerabilities(value: Option<&Value>) -> Vec<String> {
    let mut ids = Vec::new();
    let mut add = |id: Option<&Value>| {
        if let Some(id) = text(id) {
            ids.push(id.chars().take(200).collect());
        }
    };
    match value {
        Some(Value::String(_)) => add(value),
        Some(Value::Object(object)) => {
            add(object.get("name"));
            if object.get("name").is_none() {
                // Some have it in the id only (`https://nvd.nist.gov/vuln/detail/CVE-2024-1`).
                let id = object.get("@id").and_then(Value::as_str);
                add(id
                    .and_then(|id| id.rsplit('/').next())
                    .map(|last| Value::String(last.to_owned()))
                    .as_ref());
            }
            if let Some(Value::Array(aliases)) = object.get("aliases") {
                for alias in aliases.iter().take(MAX_ALIASES) {
                    add(Some(alias));
                }
            }
        }
        _ => {}
    }
    ids
}

fn product(value: &Value, shared: &[Purl], budget: &mut Budget) -> Result<Product, VexError> {
    let mut product = component(value);
    let own = subcomponents(value.get("subcomponents"), budget)?;
    let stated = value
        .get("subcomponents")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty());
    if stated && own.is_empty() {
        // It means a part that can't be compared: not the whole.
        return Ok(Product::unknown("subcomponents without a package URL"));
    }
    product.subcomponents = if own.is_empty() {
        for _ in shared {
            budget.take()?;
        }
        shared.to_vec()
    } else {
        own
    };
    Ok(product)
}

fn component(value: &Value) -> Product {
    if let Some(id) = value.as_str() {
        return Product::new(Some(id), None, None);
    }
    let hash = value.get("hashes").and_then(|hashes| {
        hashes
            .get("sha-256")
            .or_else(|| hashes.get("sha256"))
            .and_then(Value::as_str)
    });
    let identifiers = value.get("identifiers");
    Product::new(
        value
            .get("@id")
            .and_then(Value::as_str)
            .filter(|id| id.len() <= MAX_TEXT),
        identifiers
            .and_then(|one| one.get("purl"))
            .and_then(Value::as_str),
        hash,
    )
}

fn subcomponents(value: Option<&Value>, budget: &mut Budget) -> Result<Vec<Purl>, VexError> {
    let mut parts = Vec::new();
    let Some(Value::Array(list)) = value else {
        return Ok(parts);
    };
    for one in list {
        budget.take()?;
        if let Some(purl) = component(one).package {
            parts.push(purl);
        }
    }
    Ok(parts)
}
