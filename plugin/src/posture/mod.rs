//! How an image is set up: what of its config and its files is a risk, whatever packages it holds.
//!
//! ```text
//! rules    what is a fault, as data
//! eol      until when operating systems get fixes, as data
//! traces   what one layer shows while it is read (caches: which files are caches)
//! overlay  the traces of all layers, one on top of the other
//! config   rules about the config and the history
//! files    rules about permissions and about what was left behind
//! shell    commands of the history
//! ```
//!
//! There is one finding a rule and image at most, with the places as evidence: a person decides once. A
//! rule is silent where nothing tells (no config, no history, a base image that can't be told from the
//! rest), and about what the base image brings, except where that matters whoever brought it.

pub mod caches;
pub mod config;
pub mod eol;
pub mod files;
pub mod overlay;
pub mod rules;
pub mod shell;
pub mod traces;

pub use rules::{RULES, Rule};

use crate::contract::{
    Attribute, Finding, FindingKind, FindingState, Identifier, Image, Link, Package, Severity,
};
use crate::image::base::{self, Base};
use crate::image::merge::Secret;
use traces::{Special, Traces};

/// Places that a finding tells; of more, the number.
pub const MAX_PLACES: usize = 20;
/// Bytes of a command that are told.
const MAX_COMMAND: usize = 512;

/// All that is known of an image once its layers are read, for those who judge it.
pub struct Inspected<'i> {
    /// The image as it is emitted.
    pub image: &'i Image,
    /// Its packages.
    pub packages: &'i [Package],
    /// Its base image.
    pub base: Option<&'i Base>,
    /// Secrets in its files.
    pub secrets: &'i [Secret],
    /// Secrets in its config: where (`env NAME`, `label NAME`, `history 3`), and what.
    pub config_secrets: &'i [(String, crate::secret::Hit)],
    /// Files and folders with special permissions, each with its layer.
    pub special: &'i [(u32, Special)],
    /// What else each layer shows.
    pub traces: &'i [Traces],
    /// True when signatures stand beside images of this repository, and whether one is for this image.
    pub signed: Option<bool>,
    /// Seconds since 1970.
    pub now: u64,
}

impl Inspected<'_> {
    fn is_windows(&self) -> bool {
        self.image.platform.os == "windows"
    }

    /// True when a layer is not the base image's, as far as that is known.
    fn is_own(&self, layer: u32) -> bool {
        self.base.is_none_or(|base| layer >= base.layers)
    }

    /// The steps of the history that are not the base image's.
    fn own_steps(&self) -> &[crate::contract::HistoryStep] {
        let config = &self.image.config;
        let below = self.base.map_or(0, |base| base::steps(config, base.layers));
        config.history.get(below..).unwrap_or_default()
    }
}

/// What a rule says of an image.
pub(crate) struct Told {
    rule: &'static Rule,
    /// More exact than the rule's own.
    title: Option<String>,
    severity: Severity,
    /// What was seen, in whole sentences.
    seen: String,
    evidence: Vec<Attribute>,
    source: Option<&'static str>,
}

impl Told {
    fn new(rule: &'static Rule, seen: String) -> Self {
        Self {
            rule,
            title: None,
            severity: rule.severity,
            seen,
            evidence: Vec::new(),
            source: None,
        }
    }

    fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    fn evidence(mut self, evidence: Vec<Attribute>) -> Self {
        self.evidence = evidence;
        self
    }

    /// The id holds the image's digest, not a tag: a tag that moves leads to another image, which may be
    /// without the fault, and one image has the fault once whatever its tags.
    fn finding(self, inspected: &Inspected<'_>) -> Finding {
        let Self {
            rule,
            title,
            severity,
            seen,
            evidence,
            source,
        } = self;
        let image = inspected.image;
        let mut identifiers = vec![identifier("ox-posture", rule.id, rule.title, None)];
        if let Some(number) = rule.cis {
            let name = format!("CIS Docker Benchmark {number}");
            identifiers.push(identifier(
                "cis",
                number,
                &name,
                Some(rules::CIS_URL.to_owned()),
            ));
        }
        if let Some(number) = rule.cwe {
            let url = format!("https://cwe.mitre.org/data/definitions/{number}.html");
            identifiers.push(identifier(
                "cwe",
                &number.to_string(),
                &format!("CWE-{number}"),
                Some(url),
            ));
        }
        let reference = match image.tags.first() {
            Some(tag) => format!("{}:{tag}", image.repository),
            None => format!("{}@{}", image.repository, image.digest),
        };
        Finding {
            id: format!("posture/{}/{}", rule.id, image.digest),
            source: "connector".to_owned(),
            kind: FindingKind::Misconfiguration,
            title: title.unwrap_or_else(|| rule.title.to_owned()),
            description: format!("{seen} {}", rule.why),
            severity,
            severity_as_said: word(severity).to_owned(),
            state: FindingState::Detected,
            state_reason: None,
            no_longer_detected: false,
            identifiers,
            scanner_id: "gitlab-registry".to_owned(),
            scanner_name: "GitLab Container Registry connector".to_owned(),
            scanner_vendor: "OX".to_owned(),
            package_name: None,
            package_version: None,
            operating_system: image.operating_system.as_ref().map(|os| {
                let version = os.version_id.as_deref().unwrap_or_default();
                format!("{} {version}", os.id).trim_end().to_owned()
            }),
            image_reference: Some(reference),
            image_digest: Some(image.digest.clone()),
            solution: Some(rule.remedy.to_owned()),
            links: source
                .map(|url| Link {
                    name: None,
                    url: url.to_owned(),
                })
                .into_iter()
                .collect(),
            cvss: Vec::new(),
            detected_at: None,
            changed_at: None,
            web_url: None,
            evidence,
            attributes: vec![("rule".to_owned(), rule.id.to_owned())],
        }
    }
}

fn identifier(kind: &str, value: &str, name: &str, url: Option<String>) -> Identifier {
    Identifier {
        kind: kind.to_owned(),
        value: value.to_owned(),
        name: name.to_owned(),
        url,
    }
}

/// A severity's word.
pub fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Unknown => "unknown",
        Severity::Info => "info",
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// A pair of evidence.
fn pair(key: &str, value: impl Into<String>) -> Attribute {
    (key.to_owned(), value.into())
}

fn clip(command: &str) -> String {
    command.chars().take(MAX_COMMAND).collect()
}

/// `1 file`, `2 files`.
fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// What is wrong with how the image is set up, in the order of [`RULES`].
pub fn findings(inspected: &Inspected<'_>) -> Vec<Finding> {
    let mut told = Vec::new();
    config::judge(inspected, &mut told);
    if !inspected.is_windows() {
        files::judge(inspected, &mut told);
    }
    let place = |told: &Told| RULES.iter().position(|rule| rule.id == told.rule.id);
    told.sort_by_key(place);
    told.into_iter()
        .map(|told| told.finding(inspected))
        .collect()
}

#[cfg(test)]
mod tests;
