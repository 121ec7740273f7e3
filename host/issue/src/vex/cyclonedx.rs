//! CycloneDX 1.4 to 1.6: the `vulnerabilities` that have an `analysis`.
//!
//! What a vulnerability affects is named by reference: a component of the same document, a BOM-Link whose end
//! is a package URL, or a package URL itself. A package below a container is a package of that image; one that
//! stands alone is meant of the document's own subject when that is an image, and else wherever it is.

use std::collections::HashMap;

use serde_json::Value;

use super::product::Product;
use super::purl::{Purl, decode};
use super::{
    Budget, MAX_COMPONENTS, MAX_PRODUCTS, MAX_STATEMENTS, Statement, Status, VexError, text,
};

const FORMAT: &str = "CycloneDX";
const KNOWN: &str = "1.4, 1.5 and 1.6";
/// Other ids of one vulnerability.
const MAX_ALIASES: usize = 200;

/// A component and the image that it is in.
#[derive(Clone, Copy)]
struct Part<'d> {
    component: &'d Value,
    image: Option<&'d Value>,
}

pub(super) fn statements(document: &Value) -> Result<Vec<Statement>, VexError> {
    let version = document.get("specVersion").and_then(Value::as_str);
    if !matches!(version, Some("1.4" | "1.5" | "1.6")) {
        return Err(VexError::UnknownVersion {
            format: FORMAT,
            version: version.unwrap_or_default().chars().take(40).collect(),
            known: KNOWN,
        });
    }
    let list = match document.get("vulnerabilities") {
        Some(Value::Array(list)) => list.as_slice(),
        None => &[],
        Some(_) => return Err(VexError::wrong("vulnerabilities", "a list is expected")),
    };
    if list.len() > MAX_STATEMENTS {
        return Err(VexError::TooMany {
            most: MAX_STATEMENTS,
            what: "vulnerabilities",
        });
    }
    let parts = parts(document, &mut Budget::new(MAX_COMPONENTS, "components"))?;
    let mut budget = Budget::new(MAX_PRODUCTS, "affected components and versions");
    let mut statements = Vec::new();
    for (place, value) in list.iter().enumerate() {
        if let Some(one) = statement(document, value, place, &parts, &mut budget)? {
            statements.push(one);
        }
    }
    Ok(statements)
}

/// All components by their reference. serde_json has bounded how deep they can be.
fn parts<'d>(
    document: &'d Value,
    budget: &mut Budget,
) -> Result<HashMap<&'d str, Part<'d>>, VexError> {
    let subject = document
        .get("metadata")
        .and_then(|metadata| metadata.get("component"));
    let image = subject.filter(|one| is_image(one));
    let mut parts = HashMap::new();
    let mut open: Vec<Part<'d>> = Vec::new();
    open.extend(subject.map(|component| Part {
        component,
        image: None,
    }));
    if let Some(Value::Array(list)) = document.get("components") {
        open.extend(list.iter().map(|component| Part { component, image }));
    }
    while let Some(part) = open.pop() {
        budget.take()?;
        if let Some(reference) = part.component.get("bom-ref").and_then(Value::as_str) {
            parts.insert(reference, part);
        }
        let inside = if is_image(part.component) {
            Some(part.component)
        } else {
            part.image
        };
        if let Some(Value::Array(list)) = part.component.get("components") {
            open.extend(list.iter().map(|component| Part {
                component,
                image: inside,
            }));
        }
    }
    Ok(parts)
}

fn is_image(component: &Value) -> bool {
    component.get("type").and_then(Value::as_str) == Some("container")
}

fn statement(
    document: &Value,
    value: &Value,
    place: usize,
    parts: &HashMap<&str, Part<'_>>,
    budget: &mut Budget,
) -> Result<Option<Statement>, VexError> {
    let at = |part: &str| format!("vulnerabilities[{place}]{part}");
    // A vulnerability without an analysis is a finding, not a statement.
    let Some(analysis) = value.get("analysis") else {
        return Ok(None);
    };
    let status = match analysis.get("state").and_then(Value::as_str) {
        Some("not_affected" | "false_positive") => Status::NotAffected,
        Some("resolved" | "resolved_with_pedigree") => Status::Fixed,
        Some("exploitable") => Status::Affected,
        Some("in_triage") => Status::UnderInvestigation,
        None => return Ok(None),
        Some(other) => {
            return Err(VexError::wrong(
                at(".analysis.state"),
                format!(
                    "{:?} is no state; they are resolved, resolved_with_pedigree, exploitable, in_triage, false_positive and not_affected",
                    other.chars().take(40).collect::<String>()
                ),
            ));
        }
    };
    let mut vulnerabilities: Vec<String> = text(value.get("id")).into_iter().collect();
    if vulnerabilities.is_empty() {
        return Err(VexError::wrong(
            at(".id"),
            "the id of a vulnerability is expected",
        ));
    }
    if let Some(Value::Array(references)) = value.get("references") {
        let others = references.iter().take(MAX_ALIASES);
        vulnerabilities.extend(others.filter_map(|one| text(one.get("id"))));
    }
    let Some(Value::Array(affects)) = value.get("affects") else {
        return Err(VexError::wrong(
            at(".affects"),
            "nothing is named, so it is not known what the statement is about",
        ));
    };
    let mut products = Vec::new();
    for one in affects {
        budget.take()?;
        let reference = one.get("ref").and_then(Value::as_str).unwrap_or_default();
        let product = referred(reference, parts);
        versions(one, product, status, &mut products, budget)?;
    }
    if products.is_empty() {
        return Err(VexError::wrong(
            at(".affects"),
            "nothing is named, so it is not known what the statement is about",
        ));
    }
    let responses = match analysis.get("response") {
        Some(Value::Array(list)) => list
            .iter()
            .take(10)
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(", "),
        _ => String::new(),
    };
    Ok(Some(Statement {
        vulnerabilities,
        products,
        status,
        justification: text(analysis.get("justification")).or_else(|| {
            let state = analysis.get("state").and_then(Value::as_str);
            (state == Some("false_positive")).then(|| "false_positive".to_owned())
        }),
        impact: text(analysis.get("detail")),
        action: text(value.get("recommendation"))
            .or_else(|| Some(responses).filter(|text| !text.is_empty())),
        author: author(document),
        timestamp: text(analysis.get("lastUpdated"))
            .or_else(|| text(analysis.get("firstIssued")))
            .or_else(|| text(value.get("updated")))
            .or_else(|| {
                text(
                    document
                        .get("metadata")
                        .and_then(|one| one.get("timestamp")),
                )
            }),
        document: text(document.get("serialNumber")),
    }))
}

fn author(document: &Value) -> Option<String> {
    let metadata = document.get("metadata")?;
    let first = metadata.get("authors").and_then(|list| list.get(0));
    let name = |value: Option<&Value>| text(value.and_then(|one| one.get("name")));
    name(first)
        .or_else(|| name(metadata.get("supplier")))
        .or_else(|| name(metadata.get("manufacturer")))
        .or_else(|| name(metadata.get("manufacture")))
}

/// What a reference leads to.
fn referred(reference: &str, parts: &HashMap<&str, Part<'_>>) -> Product {
    if let Some(part) = parts.get(reference) {
        return match (is_image(part.component), part.image) {
            (true, _) | (false, None) => component(part.component),
            (false, Some(image)) => {
                let inner = component(part.component);
                let mut product = component(image);
                match inner.package {
                    Some(package) => product.subcomponents.push(package),
                    None => product = Product::unknown("a component without a package URL"),
                }
                product
            }
        };
    }
    // `urn:cdx:<serial>/<version>#<bom-ref>`: the reference of another document, often a package URL.
    let target = match reference.strip_prefix("urn:cdx:") {
        Some(link) => link.split_once('#').map(|(_, target)| decode(target)),
        None => Some(reference.to_owned()),
    };
    match target {
        Some(target) if Purl::parse(&target).is_some() => Product::new(Some(&target), None, None),
        _ => Product::unknown("a reference that leads nowhere"),
    }
}

fn component(value: &Value) -> Product {
    let field = |name: &str| value.get(name).and_then(Value::as_str);
    let purl = field("purl").or_else(|| field("bom-ref").filter(|one| Purl::parse(one).is_some()));
    if !is_image(value) {
        return match purl {
            Some(purl) => Product::new(None, Some(purl), None),
            None => Product::unknown("a component without a package URL"),
        };
    }
    let hash = match value.get("hashes") {
        Some(Value::Array(list)) => list
            .iter()
            .take(50)
            .find(|one| one.get("alg").and_then(Value::as_str) == Some("SHA-256"))
            .and_then(|one| one.get("content").and_then(Value::as_str)),
        _ => None,
    };
    // Without a package URL an image is its name and version: a tag, or a digest.
    let name = field("name").map(|name| match field("version") {
        Some(version) if version.starts_with("sha256:") => format!("{name}@{version}"),
        Some(version) if !name.contains('@') => format!("{name}:{version}"),
        _ => name.to_owned(),
    });
    Product::new(name.as_deref(), purl, hash)
}

/// One product for each version that is stated; a range covers nothing here.
fn versions(
    value: &Value,
    product: Product,
    status: Status,
    products: &mut Vec<Product>,
    budget: &mut Budget,
) -> Result<(), VexError> {
    let Some(Value::Array(list)) = value.get("versions") else {
        products.push(product);
        return Ok(());
    };
    if list.is_empty() {
        products.push(product);
        return Ok(());
    }
    for one in list {
        budget.take()?;
        // A version that is listed as affected is not one that the statement clears.
        let excepted = matches!(status, Status::NotAffected | Status::Fixed)
            && matches!(
                one.get("status").and_then(Value::as_str),
                Some("affected" | "unknown")
            );
        let Some(version) = one.get("version").and_then(Value::as_str) else {
            products.push(Product::unknown("a range of versions"));
            continue;
        };
        if excepted {
            products.push(Product::unknown("a version that is listed as affected"));
            continue;
        }
        let mut product = product.clone();
        let purl = match (&mut product.package, product.subcomponents.as_mut_slice()) {
            (Some(package), _) => Some(package),
            (None, [package]) => Some(package),
            _ => None,
        };
        match purl {
            Some(purl) => purl.version = Some(version.chars().take(500).collect()),
            // An image's own version is its tag or digest; the product says it already, or it is every one.
            None if product.image.as_ref().is_some_and(|image| {
                image.digest.as_deref() == Some(version) || image.tag.as_deref() == Some(version)
            }) => {}
            None => product = Product::unknown("a version of something that has none"),
        }
        products.push(product);
    }
    Ok(())
}
