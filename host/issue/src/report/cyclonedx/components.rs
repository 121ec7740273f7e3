//! The images that issues affect, each with its packages.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use super::super::ids;
use super::super::stream::JsonStream;
use super::{MAX_LIST, Variant};
use crate::Issue;

/// The components, gathered while vulnerabilities are written. A hundred thousand issues have few texts
/// that differ, and each is kept once.
#[derive(Default)]
pub(super) struct Components {
    /// By package URL of the image.
    pub(super) images: BTreeMap<Rc<str>, Image>,
    texts: HashSet<Rc<str>>,
}

#[derive(Default)]
pub(super) struct Image {
    name: String,
    digest: String,
    tags: BTreeSet<Rc<str>>,
    system: Option<String>,
    platform: String,
    /// By package URL.
    packages: BTreeMap<Rc<str>, Package>,
}

struct Package {
    name: Rc<str>,
    version: Rc<str>,
    paths: Vec<Rc<str>>,
    layer: Option<Rc<str>>,
    origin: Rc<str>,
}

/// The one copy of a text.
fn once(texts: &mut HashSet<Rc<str>>, text: &str) -> Rc<str> {
    match texts.get(text) {
        Some(known) => Rc::clone(known),
        None => {
            let own: Rc<str> = text.into();
            texts.insert(Rc::clone(&own));
            own
        }
    }
}

impl Components {
    /// References of what the issue affects, each with the versions there.
    pub(super) fn affected(&mut self, issue: &Issue) -> BTreeMap<String, BTreeSet<String>> {
        let mut affected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for one in &issue.occurrences {
            let name = ids::image_name(issue, one);
            let reference = ids::image_purl(&name, &one.digest);
            let image = self.images.entry(reference.as_str().into()).or_default();
            image.name = name;
            image.digest.clone_from(&one.digest);
            image.platform.clone_from(&one.platform);
            if image.system.is_none() {
                image.system.clone_from(&one.operating_system);
            }
            for tag in one.tags.iter().take(MAX_LIST) {
                image.tags.insert(once(&mut self.texts, tag));
            }
            let Some(package) = &issue.package else {
                affected.entry(reference).or_default();
                continue;
            };
            let purl = ids::package_purl(&package.name, &one.version, &one.purl);
            let reference = format!("{reference}#{purl}");
            let texts = &mut self.texts;
            let purl = once(texts, &purl);
            let part = image.packages.entry(purl).or_insert_with(|| Package {
                name: once(texts, &package.name),
                version: once(texts, &one.version),
                paths: Vec::new(),
                layer: one.layer_digest.as_deref().map(|layer| once(texts, layer)),
                origin: once(texts, &one.origin),
            });
            let path = one.path.as_str();
            if !path.is_empty()
                && part.paths.len() < MAX_LIST
                && !part.paths.iter().any(|known| **known == *path)
            {
                part.paths.push(once(texts, path));
            }
            affected
                .entry(reference)
                .or_default()
                .insert(one.version.clone());
        }
        if affected.is_empty() {
            let name = ids::repository_name(issue);
            let reference = ids::image_purl(&name, "");
            self.images
                .entry(reference.as_str().into())
                .or_default()
                .name = name;
            affected.entry(reference).or_default();
        }
        affected
    }
}

/// Writes an image with its packages, a package at a time.
pub(super) fn component(
    json: &mut JsonStream<'_>,
    reference: &str,
    image: &Image,
    variant: Variant,
) -> io::Result<()> {
    json.open_element()?;
    json.field("type", &"container")?;
    json.field("bom-ref", &reference)?;
    json.field("name", &image.name)?;
    if !image.digest.is_empty() {
        json.field("version", &image.digest)?;
    }
    if let Some(hash) = ids::sha256(&image.digest) {
        json.field("hashes", &json!([{"alg": "SHA-256", "content": hash}]))?;
    }
    json.field("purl", &reference)?;
    let mut properties = Properties::default();
    for tag in &image.tags {
        properties.add("ox:tag", tag);
    }
    properties.add("ox:platform", &image.platform);
    properties.add(
        "ox:operating-system",
        image.system.as_deref().unwrap_or_default(),
    );
    if !properties.0.is_empty() {
        json.field("properties", &properties.0)?;
    }
    if !image.packages.is_empty() {
        json.open_list("components")?;
        for (purl, package) in &image.packages {
            json.element(&part(reference, purl, package, variant))?;
        }
        json.close_list()?;
    }
    json.close_object()
}

fn part(reference: &str, purl: &str, package: &Package, variant: Variant) -> Value {
    let mut part = Map::new();
    part.insert("type".to_owned(), "library".into());
    part.insert("bom-ref".to_owned(), format!("{reference}#{purl}").into());
    part.insert("name".to_owned(), (&*package.name).into());
    if !package.version.is_empty() {
        part.insert("version".to_owned(), (&*package.version).into());
    }
    part.insert("purl".to_owned(), purl.into());
    if variant == Variant::Full {
        if !package.paths.is_empty() {
            let mut paths: Vec<&str> = package.paths.iter().map(|path| &**path).collect();
            paths.sort_unstable();
            let places: Vec<Value> = paths
                .into_iter()
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
