//! Bills of materials that an image carries: SPDX 2 and CycloneDX 1, in JSON. Bitnami, Wolfi, Chainguard and
//! many builds put one beside what they install; where there is no package database it is all there is.
//!
//! What it states completes what others read: a package that a database names, too, is told once, by the
//! database.

use std::collections::HashSet;
use std::io::{self, Read};

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};

use super::lines::MAX_FIELD;
use super::{About, Cataloguer, File, Found, FoundPackage, Release};
use crate::contract::SkipReason;
use crate::image::purl;

/// Bytes of a file that is read: it is held while it is parsed, and half as much again of what it says.
pub const MAX_FILE_BYTES: u64 = 12 << 20;
/// Components within components that are followed.
const MAX_DEPTH: usize = 16;
/// Licences of one package.
const MAX_LICENCES: usize = 16;

/// Reads bills of materials.
pub struct Sbom;

impl Cataloguer for Sbom {
    fn id(&self) -> &'static str {
        "sbom"
    }

    fn version(&self) -> u32 {
        1
    }

    fn about(&self) -> About {
        About {
            title: "Bills of materials (Bitnami, Wolfi, Chainguard, builds)",
            reads: "*.spdx.json, .spdx-*.spdx, *.cdx.json, bom.json, *.bom.json, sbom*.json",
            tells: "what SPDX 2.2 and 2.3 or CycloneDX 1.2 to 1.6 in JSON state, where nothing else does",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        let name = file.name;
        if let Some(stem) = name.strip_suffix(".json") {
            return stem.ends_with(".spdx")
                || stem.ends_with(".cdx")
                || stem.ends_with(".bom")
                || stem == "bom"
                || stem.starts_with("sbom");
        }
        name.ends_with(".spdx")
    }

    fn recognises(&self, head: &[u8]) -> bool {
        let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
        head.trim_ascii_start().first() == Some(&b'{')
    }

    fn is_inventory(&self) -> bool {
        false
    }

    fn only_completes(&self) -> bool {
        true
    }

    fn max_file_bytes(&self) -> u64 {
        MAX_FILE_BYTES
    }

    fn parse(
        &self,
        _file: &File<'_>,
        contents: &mut dyn Read,
        found: &mut Found,
    ) -> io::Result<()> {
        let mut bytes = Vec::new();
        contents.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            found.note(
                SkipReason::OverLimit,
                format!("it has more than {MAX_FILE_BYTES} bytes and was passed over"),
            );
            return Ok(());
        }
        read(&bytes, found);
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, _release: Option<&Release>) -> String {
        let version = Some(package.version.as_str()).filter(|version| !version.is_empty());
        purl::format("generic", "", &package.name, version, &[], "")
    }
}

/// Reads a bill of materials; also one that is attached to an image, alone or as what an attestation states.
/// False when it is none.
pub fn read(bytes: &[u8], found: &mut Found) -> bool {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut document = serde_json::Deserializer::from_slice(bytes);
    let read = Document::deserialize(&mut document);
    let document = match read {
        Ok(document) => document,
        Err(error) => {
            found.note(
                SkipReason::Corrupt,
                format!("it is no bill of materials in JSON ({error})"),
            );
            return false;
        }
    };
    let format = if let Some(version) = &document.spdx_version {
        version.replacen("SPDX-", "spdx-", 1)
    } else if document.bom_format.as_deref() == Some("CycloneDX") {
        let version = document.spec_version.as_deref().unwrap_or_default();
        format!("cyclonedx-{version}")
    } else {
        // Other tools use such names, too.
        return false;
    };
    let mut taken = Taken {
        found,
        format: clip(&format),
        seen: HashSet::new(),
    };
    let root = document.described();
    for package in document.packages.0 {
        let is_root = package.id.as_ref().is_some_and(|id| root.contains(id));
        if !taken.spdx(package, is_root) {
            return true;
        }
    }
    taken.components(document.components.0, 0);
    true
}

/// A list, or something else in its place, which is passed over.
#[derive(Debug)]
struct List<T>(Vec<T>);

/// An entry of a list. What is not kept takes no memory.
trait Entry {
    fn matters(&self) -> bool {
        true
    }
}

impl Entry for String {}
impl Entry for SpdxPackage {}
impl Entry for Reference {
    fn matters(&self) -> bool {
        self.kind == "purl"
    }
}
impl Entry for Relationship {
    /// There is one for each file, as a rule.
    fn matters(&self) -> bool {
        self.kind == "DESCRIBES"
    }
}
impl Entry for Component {}
impl Entry for LicenceChoice {}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + Entry> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Entry> Visitor<'de> for Entries<T> {
            type Value = List<T>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = entries.next_element::<T>()? {
                    if entry.matters() {
                        list.push(entry);
                    }
                }
                Ok(List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<List<T>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(List::default())
            }

            fn visit_unit<E: de::Error>(self) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_str<E: de::Error>(self, _: &str) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_bool<E: de::Error>(self, _: bool) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_u64<E: de::Error>(self, _: u64) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_i64<E: de::Error>(self, _: i64) -> Result<List<T>, E> {
                Ok(List::default())
            }

            fn visit_f64<E: de::Error>(self, _: f64) -> Result<List<T>, E> {
                Ok(List::default())
            }
        }
        deserializer.deserialize_any(Entries(std::marker::PhantomData))
    }
}

/// Either kind of document; what is not asked for is not kept.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Document {
    #[serde(rename = "spdxVersion")]
    spdx_version: Option<String>,
    #[serde(rename = "documentDescribes")]
    described: List<String>,
    packages: List<SpdxPackage>,
    relationships: List<Relationship>,
    #[serde(rename = "bomFormat")]
    bom_format: Option<String>,
    #[serde(rename = "specVersion")]
    spec_version: Option<String>,
    components: List<Component>,
}

impl Document {
    /// The things that the document is about, which are no packages within them.
    fn described(&self) -> HashSet<String> {
        let mut all: HashSet<String> = self
            .relationships
            .0
            .iter()
            .filter(|relation| relation.from == "SPDXRef-DOCUMENT")
            .map(|relation| relation.to.clone())
            .collect();
        all.extend(self.described.0.iter().cloned());
        all
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Relationship {
    #[serde(rename = "spdxElementId")]
    from: String,
    #[serde(rename = "relatedSpdxElement")]
    to: String,
    #[serde(rename = "relationshipType")]
    kind: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SpdxPackage {
    #[serde(rename = "SPDXID")]
    id: Option<String>,
    name: String,
    #[serde(rename = "versionInfo")]
    version: Option<String>,
    #[serde(rename = "licenseDeclared")]
    declared: Option<String>,
    #[serde(rename = "licenseConcluded")]
    concluded: Option<String>,
    #[serde(rename = "primaryPackagePurpose")]
    purpose: Option<String>,
    #[serde(rename = "externalRefs")]
    references: List<Reference>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reference {
    #[serde(rename = "referenceType")]
    kind: String,
    #[serde(rename = "referenceLocator")]
    locator: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Component {
    #[serde(rename = "type")]
    kind: String,
    group: Option<String>,
    name: String,
    version: Option<String>,
    purl: Option<String>,
    licenses: List<LicenceChoice>,
    components: List<Component>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct LicenceChoice {
    expression: Option<String>,
    license: Option<Licence>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Licence {
    id: Option<String>,
    name: Option<String>,
}

struct Taken<'f> {
    found: &'f mut Found,
    format: String,
    seen: HashSet<(String, String)>,
}

impl Taken<'_> {
    /// False when the file may not say more.
    fn spdx(&mut self, package: SpdxPackage, is_root: bool) -> bool {
        let purl = package
            .references
            .0
            .iter()
            .find_map(|reference| stated_purl(&reference.locator));
        let is_thing = matches!(
            package.purpose.as_deref(),
            Some(
                "FILE"
                    | "CONTAINER"
                    | "OPERATING-SYSTEM"
                    | "OPERATING_SYSTEM"
                    | "SOURCE"
                    | "ARCHIVE"
                    | "DEVICE"
            )
        );
        // The image itself, and files; an application that Bitnami ships is described and has a purl.
        if is_thing || (is_root && purl.is_none()) || purl.as_deref().is_some_and(is_image) {
            return true;
        }
        let licences = [package.declared, package.concluded]
            .into_iter()
            .flatten()
            .find(|licence| !matches!(licence.as_str(), "NOASSERTION" | "NONE" | ""))
            .map(|licence| vec![clip(&licence)])
            .unwrap_or_default();
        let version = package.version.filter(|version| version != "NOASSERTION");
        self.take(&package.name, version, purl, licences)
    }

    fn components(&mut self, components: Vec<Component>, depth: usize) -> bool {
        for component in components {
            let purl = component.purl.as_deref().and_then(stated_purl);
            let is_package = match component.kind.as_str() {
                "library" | "framework" | "application" | "platform" => true,
                "operating-system"
                | "file"
                | "container"
                | "device"
                | "firmware"
                | "data"
                | "cryptographic-asset" => false,
                _ => purl.is_some(),
            };
            if is_package && !purl.as_deref().is_some_and(is_image) {
                let licences = component
                    .licenses
                    .0
                    .into_iter()
                    .filter_map(|choice| {
                        choice.expression.or_else(|| {
                            let licence = choice.license?;
                            licence.id.or(licence.name)
                        })
                    })
                    .filter(|licence| !licence.is_empty())
                    .take(MAX_LICENCES)
                    .map(|licence| clip(&licence))
                    .collect();
                let name = match component.group.as_deref() {
                    Some(group) if !group.is_empty() => format!("{group}/{}", component.name),
                    _ => component.name,
                };
                if !self.take(&name, component.version, purl, licences) {
                    return false;
                }
            }
            if component.components.0.is_empty() {
                continue;
            }
            if depth >= MAX_DEPTH {
                self.found.note(
                    SkipReason::OverLimit,
                    format!("components more than {MAX_DEPTH} deep were passed over"),
                );
                continue;
            }
            if !self.components(component.components.0, depth + 1) {
                return false;
            }
        }
        true
    }

    fn take(
        &mut self,
        name: &str,
        version: Option<String>,
        purl: Option<String>,
        licences: Vec<String>,
    ) -> bool {
        let version = clip(version.unwrap_or_default().trim());
        let version = match &purl {
            Some(purl) if version.is_empty() => purl_version(purl),
            _ => version,
        };
        let name = clip(name.trim());
        // Without a version nothing can be said of it.
        if name.is_empty() || version.is_empty() {
            return true;
        }
        let key = match &purl {
            Some(purl) => (purl.clone(), String::new()),
            None => (name.clone(), version.clone()),
        };
        if !self.seen.insert(key) {
            return true;
        }
        self.found.push(FoundPackage {
            name,
            version,
            licences,
            purl,
            attributes: vec![("sbom.format".to_owned(), self.format.clone())],
            ..FoundPackage::default()
        })
    }
}

/// A package URL as it is stated, when it has the shape of one.
fn stated_purl(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = text.strip_prefix("pkg:")?.trim_start_matches('/');
    let (kind, rest) = rest.split_once('/')?;
    let typed = kind.starts_with(|first: char| first.is_ascii_alphabetic())
        && kind
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b".-+".contains(&byte));
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\'));
    let end = rest.find(['@', '?', '#']).unwrap_or(rest.len());
    // A scope may be written with its `@` as it is.
    let named = end > 0 || rest.starts_with('@');
    (typed && plain && named && text.len() <= MAX_FIELD).then(|| text.to_owned())
}

/// True for a package URL of an image, not of a package in it.
fn is_image(purl: &str) -> bool {
    purl.starts_with("pkg:oci/") || purl.starts_with("pkg:docker/")
}

fn purl_version(purl: &str) -> String {
    let end = purl.find(['?', '#']).unwrap_or(purl.len());
    let path = purl.get(..end).unwrap_or_default();
    match path.rsplit_once('@') {
        Some((before, version)) if !before.ends_with('/') => {
            percent_encoding::percent_decode_str(version)
                .decode_utf8_lossy()
                .into_owned()
        }
        _ => String::new(),
    }
}

fn clip(text: &str) -> String {
    let mut end = text.len().min(MAX_FIELD);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
#[path = "sbom_tests.rs"]
mod tests;
