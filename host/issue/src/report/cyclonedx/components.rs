//! The images that issues affect, each with its packages.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::super::ids;
use super::{MAX_LIST, Variant};
use crate::Issue;

/// The components, gathered while vulnerabilities are written.
#[derive(Default)]
pub(super) struct Components {
    /// By package URL of the image.
    pub(super) images: BTreeMap<String, Image>,
}

#[derive(Default)]
pub(super) struct Image {
    name: String,
    digest: String,
    tags: BTreeSet<String>,
    system: Option<String>,
    platform: String,
    /// By reference.
    packages: BTreeMap<String, Package>,
}

#[derive(Default)]
pub(super) struct Package {
    name: String,
    version: String,
    purl: String,
    paths: BTreeSet<String>,
    layer: Option<String>,
    origin: String,
}

impl Components {
    /// References of what the issue affects, each with the versions there.
    pub(super) fn affected(&mut self, issue: &Issue) -> BTreeMap<String, BTreeSet<String>> {
        let mut affected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for one in &issue.occurrences {
            let name = ids::image_name(issue, one);
            let reference = ids::image_purl(&name, &one.digest);
            let image = self.images.entry(reference.clone()).or_default();
            image.name = name;
            image.digest.clone_from(&one.digest);
            image.platform.clone_from(&one.platform);
            if image.system.is_none() {
                image.system.clone_from(&one.operating_system);
            }
            image.tags.extend(one.tags.iter().take(MAX_LIST).cloned());
            let Some(package) = &issue.package else {
                affected.entry(reference).or_default();
                continue;
            };
            let purl = ids::package_purl(&package.name, &one.version, &one.purl);
            let reference = format!("{reference}#{purl}");
            let part = image.packages.entry(reference.clone()).or_default();
            part.name.clone_from(&package.name);
            part.version.clone_from(&one.version);
            part.purl = purl;
            part.origin.clone_from(&one.origin);
            if part.layer.is_none() {
                part.layer.clone_from(&one.layer_digest);
            }
            if !one.path.is_empty() && part.paths.len() < MAX_LIST {
                part.paths.insert(one.path.clone());
            }
            affected
                .entry(reference)
                .or_default()
                .insert(one.version.clone());
        }
        if affected.is_empty() {
            let name = ids::repository_name(issue);
            let reference = ids::image_purl(&name, "");
            self.images.entry(reference.clone()).or_default().name = name;
            affected.entry(reference).or_default();
        }
        affected
    }
}

pub(super) fn component(reference: &str, image: &Image, variant: Variant) -> Value {
    let packages: Vec<Value> = image
        .packages
        .iter()
        .map(|(reference, package)| {
            let mut part = Map::new();
            part.insert("type".to_owned(), "library".into());
            part.insert("bom-ref".to_owned(), reference.as_str().into());
            part.insert("name".to_owned(), package.name.as_str().into());
            if !package.version.is_empty() {
                part.insert("version".to_owned(), package.version.as_str().into());
            }
            part.insert("purl".to_owned(), package.purl.as_str().into());
            if variant == Variant::Full {
                if !package.paths.is_empty() {
                    let places: Vec<Value> = package
                        .paths
                        .iter()
                        .map(|path| json!({"location": path}))
                        .collect();
                    part.insert("evidence".to_owned(), json!({"occurrences": places}));
                }
                let mut properties = Properties::default();
                properties.add("ox:origin", &package.origin);
                properties.add(
                    "ox:layer:digest",
                    package.layer.as_deref().unwrap_or_default(),
                );
                properties.into(&mut part);
            }
            Value::Object(part)
        })
        .collect();
    let mut component = Map::new();
    component.insert("type".to_owned(), "container".into());
    component.insert("bom-ref".to_owned(), reference.into());
    component.insert("name".to_owned(), image.name.as_str().into());
    if !image.digest.is_empty() {
        component.insert("version".to_owned(), image.digest.as_str().into());
    }
    if let Some(hash) = ids::sha256(&image.digest) {
        component.insert(
            "hashes".to_owned(),
            json!([{"alg": "SHA-256", "content": hash}]),
        );
    }
    component.insert("purl".to_owned(), reference.into());
    let mut properties = Properties::default();
    for tag in &image.tags {
        properties.add("ox:tag", tag);
    }
    properties.add("ox:platform", &image.platform);
    properties.add(
        "ox:operating-system",
        image.system.as_deref().unwrap_or_default(),
    );
    properties.into(&mut component);
    if !packages.is_empty() {
        component.insert("components".to_owned(), packages.into());
    }
    Value::Object(component)
}

/// Names and values; empty ones are left out.
#[derive(Default)]
pub(super) struct Properties(Vec<Value>);

impl Properties {
    pub(super) fn add(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.0.push(json!({"name": name, "value": value}));
        }
    }

    pub(super) fn into(self, object: &mut Map<String, Value>) {
        if !self.0.is_empty() {
            object.insert("properties".to_owned(), self.0.into());
        }
    }
}
