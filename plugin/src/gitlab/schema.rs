//! `gl-container-scanning-report.json`, schemas 2.3 to 15.x, read leniently and one vulnerability at a time.
//!
//! GitLab refuses reports whose schema it does not support; we read what is there. A vulnerability that
//! can't be read is counted and passed over. The text is gone through twice, since what the remediations say
//! stands behind the vulnerabilities that they are for.

use std::collections::HashMap;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::api::lenient;
use super::project::RepositoryFacts;
use super::reference::Reference;
use super::vulnerability::severity;
use crate::contract::{Attribute, Cvss, Finding, FindingKind, FindingState, Identifier, Link};
use crate::time;

/// The source of these findings.
pub const SOURCE: &str = "gitlab-report";

/// Remediations that are kept; each stands for one or more vulnerabilities.
const REMEDIATIONS: usize = 50_000;

/// What a report holds besides its findings.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// Version of the schema, as written.
    pub version: String,
    /// Vulnerabilities that can't be read.
    pub unreadable: usize,
    /// Vulnerabilities of images that are not in this registry.
    pub elsewhere: usize,
    /// The scanner says that it failed.
    pub failed_scan: bool,
}

/// Reads a report and hands over the findings about images of that repository, until `emit` answers false.
pub fn read(
    bytes: &[u8],
    facts: &RepositoryFacts,
    emit: &mut dyn FnMut(Finding) -> bool,
) -> Result<Read, serde_json::Error> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut head = Head::default();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Document(&mut head).deserialize(&mut reader)?;
    reader.end()?;

    let mut read = Read {
        version: head.version.clone(),
        unreadable: 0,
        elsewhere: 0,
        failed_scan: head.scan.status.as_deref() == Some("failure"),
    };
    let mut body = Body {
        head: &head,
        facts,
        emit,
        unreadable: 0,
        elsewhere: 0,
        stopped: false,
    };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let ended = Document(&mut body).deserialize(&mut reader);
    read.unreadable = body.unreadable;
    read.elsewhere = body.elsewhere;
    if !body.stopped {
        ended?;
    }
    Ok(read)
}

/// What one pass over a report does with its parts.
trait Pass {
    fn vulnerabilities(&self) -> bool;
    /// One entry of `vulnerabilities` or `remediations`; false ends the pass.
    fn entry(&mut self, value: Value) -> bool;
    fn field(&mut self, key: &str, value: Value);
}

struct Document<'p, P>(&'p mut P);

impl<'de, P: Pass> DeserializeSeed<'de> for Document<'_, P> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, P: Pass> Visitor<'de> for Document<'_, P> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a container scanning report")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "vulnerabilities" if self.0.vulnerabilities() => {
                    map.next_value_seed(Entries(self.0))?;
                }
                "remediations" if !self.0.vulnerabilities() => {
                    map.next_value_seed(Entries(self.0))?;
                }
                "version" | "scan" if !self.0.vulnerabilities() => {
                    let value = map.next_value()?;
                    self.0.field(&key, value);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct Entries<'p, P>(&'p mut P);

impl<'de, P: Pass> DeserializeSeed<'de> for Entries<'_, P> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, P: Pass> Visitor<'de> for Entries<'_, P> {
    type Value = ();

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element()? {
            if !self.0.entry(value) {
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// First pass: everything but the vulnerabilities.
#[derive(Default)]
struct Head {
    version: String,
    scan: Scan,
    /// What to do, by the vulnerability's identifier.
    remediations: HashMap<String, String>,
}

impl Pass for Head {
    fn vulnerabilities(&self) -> bool {
        false
    }

    fn entry(&mut self, value: Value) -> bool {
        let remediation: Remediation = serde_json::from_value(value).unwrap_or_default();
        for fix in remediation.fixes {
            if self.remediations.len() < REMEDIATIONS && !remediation.summary.is_empty() {
                let key = if fix.id.is_empty() { fix.cve } else { fix.id };
                self.remediations
                    .entry(key)
                    .or_insert_with(|| remediation.summary.clone());
            }
        }
        true
    }

    fn field(&mut self, key: &str, value: Value) {
        match key {
            "version" => self.version = value.as_str().unwrap_or_default().to_owned(),
            _ => self.scan = serde_json::from_value(value).unwrap_or_default(),
        }
    }
}

/// Second pass: the vulnerabilities.
struct Body<'b> {
    head: &'b Head,
    facts: &'b RepositoryFacts,
    emit: &'b mut dyn FnMut(Finding) -> bool,
    unreadable: usize,
    elsewhere: usize,
    stopped: bool,
}

impl Pass for Body<'_> {
    fn vulnerabilities(&self) -> bool {
        true
    }

    fn entry(&mut self, value: Value) -> bool {
        let Ok(entry) = serde_json::from_value::<Entry>(value) else {
            self.unreadable += 1;
            return true;
        };
        let Some(image) = &entry.location.image else {
            self.unreadable += 1;
            return true;
        };
        let image = Reference::parse(image);
        if !image
            .as_ref()
            .is_some_and(|i| i.belongs_to(&self.facts.registry_host, &self.facts.path))
        {
            let host = &self.facts.registry_host;
            self.elsewhere += usize::from(!image.is_some_and(|image| image.is_at(host)));
            return true;
        }
        let digest = image.and_then(|image| image.digest);
        let go_on = (self.emit)(entry.into_finding(self.head, digest));
        self.stopped |= !go_on;
        go_on
    }

    fn field(&mut self, _: &str, _: Value) {}
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Scan {
    #[serde(deserialize_with = "lenient")]
    scanner: Scanner,
    #[serde(deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(deserialize_with = "lenient")]
    end_time: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Scanner {
    #[serde(deserialize_with = "lenient")]
    id: String,
    #[serde(deserialize_with = "lenient")]
    name: String,
    #[serde(deserialize_with = "lenient")]
    version: String,
    #[serde(deserialize_with = "lenient")]
    vendor: Named,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Named {
    #[serde(deserialize_with = "lenient")]
    name: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Remediation {
    #[serde(deserialize_with = "lenient")]
    fixes: Vec<Fix>,
    #[serde(deserialize_with = "lenient")]
    summary: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Fix {
    #[serde(deserialize_with = "lenient")]
    id: String,
    #[serde(deserialize_with = "lenient")]
    cve: String,
}

/// One entry of `vulnerabilities`, of any schema.
#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(default, deserialize_with = "lenient")]
    id: String,
    #[serde(default, deserialize_with = "lenient")]
    name: String,
    /// Schemas before 15.
    #[serde(default, deserialize_with = "lenient")]
    message: String,
    /// Schemas before 15: the key that remediations name.
    #[serde(default, deserialize_with = "lenient")]
    cve: String,
    #[serde(default, deserialize_with = "lenient")]
    confidence: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    scanner: Option<Scanner>,
    #[serde(default, deserialize_with = "lenient")]
    description: String,
    #[serde(default, deserialize_with = "lenient")]
    severity: String,
    #[serde(default, deserialize_with = "lenient")]
    solution: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    identifiers: Vec<RawIdentifier>,
    #[serde(default, deserialize_with = "lenient")]
    links: Vec<RawLink>,
    #[serde(default, deserialize_with = "lenient")]
    flags: Vec<Flag>,
    #[serde(default, deserialize_with = "lenient")]
    cvss_vectors: Vec<Vector>,
    location: Place,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawIdentifier {
    #[serde(rename = "type", deserialize_with = "lenient")]
    kind: String,
    #[serde(deserialize_with = "lenient")]
    name: String,
    #[serde(deserialize_with = "lenient")]
    value: String,
    #[serde(deserialize_with = "lenient")]
    url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawLink {
    #[serde(deserialize_with = "lenient")]
    name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Flag {
    #[serde(rename = "type", deserialize_with = "lenient")]
    kind: String,
    #[serde(deserialize_with = "lenient")]
    description: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Vector {
    #[serde(deserialize_with = "lenient")]
    vendor: String,
    #[serde(deserialize_with = "lenient")]
    vector: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Place {
    #[serde(deserialize_with = "lenient")]
    image: Option<String>,
    #[serde(deserialize_with = "lenient")]
    operating_system: Option<String>,
    #[serde(deserialize_with = "lenient")]
    default_branch_image: Option<String>,
    #[serde(deserialize_with = "lenient")]
    dependency: Dependency,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dependency {
    #[serde(deserialize_with = "lenient")]
    package: Named,
    #[serde(deserialize_with = "lenient")]
    version: Option<String>,
}

impl Entry {
    /// Its own identifier. One that merely repeats the CVE does not tell packages apart, so those and
    /// missing ones are made of what the finding is.
    fn key(&self, scanner: &str) -> String {
        let repeats = self
            .identifiers
            .iter()
            .any(|i| i.value == self.id || i.name == self.id);
        if !self.id.is_empty() && !repeats {
            return self.id.clone();
        }
        let mut hash = Sha256::new();
        let mut feed = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        };
        feed(scanner);
        feed(self.location.image.as_deref().unwrap_or_default());
        feed(
            self.location
                .dependency
                .package
                .name
                .as_deref()
                .unwrap_or_default(),
        );
        feed(
            self.location
                .dependency
                .version
                .as_deref()
                .unwrap_or_default(),
        );
        let mut identifiers: Vec<_> = self
            .identifiers
            .iter()
            .map(|i| (&i.kind, &i.value))
            .collect();
        identifiers.sort();
        for (kind, value) in identifiers {
            feed(kind);
            feed(value);
        }
        if self.identifiers.is_empty() {
            feed(&self.name);
            feed(&self.message);
        }
        let digest = hash.finalize();
        digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn into_finding(self, head: &Head, image_digest: Option<String>) -> Finding {
        let scanner = self
            .scanner
            .as_ref()
            .filter(|own| !own.id.is_empty())
            .unwrap_or(&head.scan.scanner);
        let remedy = head
            .remediations
            .get(&self.id)
            .or_else(|| head.remediations.get(&self.cve));
        let first = self
            .identifiers
            .first()
            .map(|identifier| identifier.name.clone());
        let title = [
            self.name.clone(),
            self.message.clone(),
            first.unwrap_or_default(),
        ];
        let mut attributes: Vec<Attribute> = vec![("schema".to_owned(), head.version.clone())];
        let mut add = |key: &str, value: Option<String>| {
            attributes.extend(
                value
                    .filter(|v| !v.is_empty())
                    .map(|value| (key.to_owned(), value)),
            );
        };
        add("scanner-version", Some(scanner.version.clone()));
        add("confidence", self.confidence.clone());
        add(
            "default-branch-image",
            self.location.default_branch_image.clone(),
        );
        for flag in &self.flags {
            if flag.kind == "flagged-as-likely-false-positive" {
                add("false-positive", Some("true".to_owned()));
                add("false-positive-reason", flag.description.clone());
            } else {
                add("flag", Some(flag.kind.clone()));
            }
        }
        Finding {
            id: self.key(&scanner.id),
            source: SOURCE.to_owned(),
            kind: FindingKind::Vulnerability,
            title: title
                .into_iter()
                .find(|title| !title.is_empty())
                .unwrap_or_default(),
            severity: severity(&self.severity),
            scanner_id: scanner.id.clone(),
            scanner_name: scanner.name.clone(),
            scanner_vendor: scanner.vendor.name.clone().unwrap_or_default(),
            solution: self
                .solution
                .filter(|text| !text.is_empty())
                .or_else(|| remedy.cloned()),
            description: self.description,
            severity_as_said: self.severity,
            // A report knows no decisions; those are in the vulnerability report.
            state: FindingState::Detected,
            state_reason: None,
            no_longer_detected: false,
            identifiers: self
                .identifiers
                .into_iter()
                .map(|raw| Identifier {
                    kind: raw.kind.to_ascii_lowercase(),
                    name: if raw.name.is_empty() {
                        raw.value.clone()
                    } else {
                        raw.name
                    },
                    value: raw.value,
                    url: raw.url,
                })
                .collect(),
            package_name: self.location.dependency.package.name,
            package_version: self.location.dependency.version,
            operating_system: self.location.operating_system,
            image_reference: self.location.image,
            image_digest,
            links: self
                .links
                .into_iter()
                .filter(|link| !link.url.is_empty())
                .map(|link| Link {
                    name: link.name,
                    url: link.url,
                })
                .collect(),
            cvss: self
                .cvss_vectors
                .into_iter()
                .filter(|cvss| !cvss.vector.is_empty())
                .map(|cvss| Cvss {
                    vendor: cvss.vendor,
                    vector: cvss.vector,
                    score: None,
                })
                .collect(),
            // Times of a report have no zone and are in UTC.
            detected_at: head.scan.end_time.as_deref().and_then(|time| {
                time::normal(time).or_else(|| time::normal(&format!("{}Z", time.trim())))
            }),
            changed_at: None,
            web_url: None,
            evidence: Vec::new(),
            attributes,
        }
    }
}

#[cfg(test)]
#[path = "schema_tests.rs"]
mod tests;
