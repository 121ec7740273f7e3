//! Software bills of materials: one image's inventory in the two forms that other tools read.
//!
//! Both forms say the same things of the same list ([`Source`]): which packages, where each was found and by
//! what, in which layer, who owns it. The order, the ids and the document's own id follow from the inventory
//! alone, so two documents about the same inventory differ in their time only. The structs are our own and
//! hold just what is written: every text comes from an image that may be hostile, and what may stand where
//! (an id, an expression, a package URL) is decided here, not by a library's defaults.

mod cyclonedx;
mod licence;
mod spdx;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests;

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::detail::{Detail, attribute};
use super::text::inert_json;
use crate::contract::{Package, PackageOrigin};

/// Which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// CycloneDX 1.6, JSON.
    CycloneDx,
    /// SPDX 2.3, JSON.
    Spdx,
}

/// The document for an image, made at that time (RFC 3339 in UTC, whole seconds).
pub fn write(form: Form, detail: &Detail, made: &str) -> String {
    let source = Source::new(detail, made);
    let mut text = match form {
        Form::CycloneDx => serde_json::to_string_pretty(&cyclonedx::document(&source)),
        Form::Spdx => serde_json::to_string_pretty(&spdx::document(&source)),
    }
    // Our types have text keys and no maps of other things: serialising them can't fail.
    .unwrap_or_default();
    text.push('\n');
    inert_json(&text)
}

/// Name of the program, as the documents call it.
const TOOL: &str = "ox-host";
/// Its version.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Digits of a hash that tell two packages apart.
const KEY_DIGITS: usize = 16;

/// What both forms write.
struct Source<'a> {
    detail: &'a Detail,
    made: &'a str,
    /// Packages in the order of the document.
    items: Vec<Item<'a>>,
}

/// A package of the document.
struct Item<'a> {
    package: &'a Package,
    /// Unique in the document, and the same in the next one.
    key: String,
    /// Package URL, where it can be one.
    purl: Option<&'a str>,
    /// Place of the operating-system package that owns its files.
    owner: Option<usize>,
}

impl<'a> Source<'a> {
    fn new(detail: &'a Detail, made: &'a str) -> Self {
        let mut packages: Vec<&Package> = detail.packages().iter().collect();
        packages.sort_by(|one, other| order(one).cmp(&order(other)));
        let mut systems = HashMap::new();
        for (place, package) in packages.iter().enumerate() {
            // A package that something else owns is none of the system's own, whatever its name.
            if package.owner.is_none() && is_of_the_system(package) {
                systems.entry(package.name.as_str()).or_insert(place);
            }
        }
        let mut seen: HashMap<String, u32> = HashMap::new();
        let items = packages
            .iter()
            .map(|&package| {
                let hash = key(package);
                let again = seen.entry(hash.clone()).or_default();
                *again += 1;
                Item {
                    package,
                    key: match *again {
                        1 => hash,
                        again => format!("{hash}-{again}"),
                    },
                    purl: is_purl(&package.purl).then_some(package.purl.as_str()),
                    owner: package
                        .owner
                        .as_deref()
                        .and_then(|name| systems.get(name).copied()),
                }
            })
            .collect();
        Self {
            detail,
            made,
            items,
        }
    }

    /// `registry/repository`.
    fn name(&self) -> String {
        super::detail::name(&self.detail.row.image)
    }

    /// Hex of the image's digest, where it is SHA-256.
    fn sha256(&self) -> Option<&'a str> {
        let hex = self.detail.row.image.digest.strip_prefix("sha256:")?;
        (hex.len() == 64).then_some(hex)
    }

    /// Package URL of the image.
    fn purl(&self) -> String {
        let image = &self.detail.row.image;
        let last = image.repository.rsplit('/').next().unwrap_or_default();
        let mut qualifiers = vec![
            ("arch", image.platform.architecture.clone()),
            ("repository_url", self.name().to_lowercase()),
            ("tag", image.tags.first().cloned().unwrap_or_default()),
        ];
        qualifiers.retain(|(_, value)| !value.is_empty());
        let mut purl = format!(
            "pkg:oci/{}@{}",
            encode(&last.to_lowercase()),
            encode(&image.digest)
        );
        for (place, (name, value)) in qualifiers.iter().enumerate() {
            let joint = if place == 0 { '?' } else { '&' };
            purl.push_str(&format!("{joint}{name}={}", encode(value)));
        }
        purl
    }

    /// An id that follows from the image, its inventory and the form: RFC 9562's version 8.
    fn uuid(&self, form: &str) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        add(form);
        add(VERSION);
        add(&self.name());
        add(&self.detail.row.image.digest);
        for item in &self.items {
            add(&item.key);
            add(&item.package.licences.join("\n"));
        }
        let mut hex: Vec<char> = hex(&hash.finalize()).chars().take(32).collect();
        if let Some(version) = hex.get_mut(12) {
            *version = '8';
        }
        if let Some(variant) = hex.get_mut(16) {
            *variant = 'a';
        }
        let mut uuid = String::with_capacity(36);
        for (place, digit) in hex.into_iter().enumerate() {
            if matches!(place, 8 | 12 | 16 | 20) {
                uuid.push('-');
            }
            uuid.push(digit);
        }
        uuid
    }
}

/// What tells packages apart, in the order of the document.
fn order(package: &Package) -> (&str, &str, &str, &str, &str, u32) {
    (
        &package.format,
        &package.name,
        &package.version,
        package.architecture.as_deref().unwrap_or_default(),
        &package.path,
        package.layer,
    )
}

fn key(package: &Package) -> String {
    let (format, name, version, architecture, path, layer) = order(package);
    let mut hash = Sha256::new();
    for text in [format, name, version, architecture, path] {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    }
    hash.update(layer.to_le_bytes());
    let digits = hex(&hash.finalize());
    digits.chars().take(KEY_DIGITS).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The formats of package managers that install files of the system.
fn is_of_the_system(package: &Package) -> bool {
    package.origin == PackageOrigin::OperatingSystem
        || matches!(
            package.format.as_str(),
            "dpkg" | "apk" | "rpm" | "opkg" | "pacman"
        )
}

/// `pkg:type/…`: the connector's word, and not taken on trust.
fn is_purl(text: &str) -> bool {
    text.strip_prefix("pkg:")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(kind, rest)| {
            !kind.is_empty()
                && !rest.is_empty()
                && kind
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b".+-".contains(&byte))
        })
        && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Percent-encodes all but letters, digits, `.`, `-`, `_`, `~` and the colon.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// How a package was told from other things, in CycloneDX's words, and how sure that is.
fn technique(package: &Package) -> (&'static str, f32) {
    let of = |key| attribute(&package.attributes, key);
    if of("sbom.format").is_some() {
        return ("attestation", 0.7);
    }
    if of("java.identity").is_some_and(|how| how.contains("name")) {
        return ("filename", 0.5);
    }
    let format = package.format.as_str();
    if format.contains("binary") || format.starts_with("go") || format.starts_with("rust") {
        return ("binary-analysis", 0.9);
    }
    ("manifest-analysis", 1.0)
}

/// What is known of the image besides its packages, as names and values.
fn facts(detail: &Detail) -> Vec<(String, String)> {
    let image = &detail.row.image;
    let config = &image.config;
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| facts.push((format!("ox:{name}"), value.to_owned()));
    add("registry", &image.registry);
    add("repository", &image.repository);
    for tag in &image.tags {
        add("tag", tag);
    }
    add("platform", &super::detail::platform(image));
    add("config:digest", &config.digest);
    let user = if config.user.is_empty() {
        "root"
    } else {
        &config.user
    };
    add("config:user", user);
    for word in &config.entrypoint {
        add("config:entrypoint", word);
    }
    for word in &config.command {
        add("config:command", word);
    }
    for port in &config.exposed_ports {
        add("config:exposed-port", port);
    }
    for name in &config.env_names {
        add("config:env-name", name);
    }
    for volume in &config.volumes {
        add("config:volume", volume);
    }
    for (name, value) in [
        ("config:working-dir", &config.working_dir),
        ("config:created", &config.created),
        ("config:author", &config.author),
        ("pushed", &image.pushed),
        ("index", &image.index),
    ] {
        if let Some(value) = value {
            add(name, value);
        }
    }
    for (key, value) in &config.labels {
        add(&format!("label:{key}"), value);
    }
    for (key, value) in &image.attributes {
        add(key, value);
    }
    for (index, layer) in image.layers.iter().enumerate() {
        add(&format!("layer:{index}:digest"), &layer.digest);
        add(&format!("layer:{index}:size"), &layer.size.to_string());
        if let Some(diff_id) = &layer.diff_id {
            add(&format!("layer:{index}:diff-id"), diff_id);
        }
        if let Some(command) = &layer.command {
            add(&format!("layer:{index}:command"), command);
        }
    }
    add("complete", if image.complete { "true" } else { "false" });
    facts
}

/// What is known of a package that neither form has a place for.
fn properties(source: &Source<'_>, item: &Item<'_>) -> Vec<(String, String)> {
    let package = item.package;
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| facts.push((format!("ox:{name}"), value.to_owned()));
    add("format", &package.format);
    add("path", &package.path);
    add("layer", &package.layer.to_string());
    let layers = &source.detail.row.image.layers;
    if let Some(layer) = usize::try_from(package.layer)
        .ok()
        .and_then(|place| layers.get(place))
    {
        add("layer:digest", &layer.digest);
    }
    add("origin", super::words::package_origin(package.origin));
    for (name, value) in [
        ("owner", &package.owner),
        ("architecture", &package.architecture),
        ("source-name", &package.source_name),
        ("source-version", &package.source_version),
    ] {
        if let Some(value) = value {
            add(name, value);
        }
    }
    for (key, value) in &package.attributes {
        add(key, value);
    }
    facts
}
