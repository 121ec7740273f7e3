//! `META-INF/MANIFEST.MF` and `pom.properties`: names and values, line by line.

use std::io::{self, Read};

use crate::catalog::lines::{Lines, MAX_FIELD, field, text};

/// Fields of a manifest's main section that tell of the archive as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// `Implementation-Title`.
    pub(super) title: Option<String>,
    /// `Implementation-Version`.
    pub(super) version: Option<String>,
    /// `Implementation-Vendor-Id`, which Maven fills with the group.
    pub(super) vendor_id: Option<String>,
    /// `Bundle-SymbolicName` without its directives.
    pub(super) symbolic_name: Option<String>,
    /// `Bundle-Version`.
    pub(super) bundle_version: Option<String>,
    /// `Specification-Version`.
    pub(super) specification_version: Option<String>,
    /// `Short-Name` of a Jenkins plug-in.
    pub(super) plugin: Option<String>,
    /// `Plugin-Version`.
    pub(super) plugin_version: Option<String>,
    /// `Group-Id` of a Jenkins plug-in.
    pub(super) plugin_group: Option<String>,
    /// `Bundle-License` and `Plugin-License-Name`.
    pub(super) licences: Vec<String>,
}

/// Licences of one manifest or project that are kept.
pub(super) const MAX_LICENCES: usize = 16;

impl Manifest {
    fn take(&mut self, line: &[u8]) {
        let Some((name, value)) = field(line) else {
            return;
        };
        let name = name.trim_ascii();
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        let value = text(value);
        // Left to be filled in by a build that did not, or by a translation.
        if value.is_empty() || value.contains("${") || value.starts_with('%') {
            return;
        }
        let slot = if is("Implementation-Title") {
            &mut self.title
        } else if is("Implementation-Version") {
            &mut self.version
        } else if is("Implementation-Vendor-Id") {
            &mut self.vendor_id
        } else if is("Bundle-SymbolicName") {
            let name = value.split(';').next().unwrap_or_default().trim();
            self.symbolic_name = Some(name.to_owned()).filter(|name| !name.is_empty());
            return;
        } else if is("Bundle-Version") {
            &mut self.bundle_version
        } else if is("Specification-Version") {
            &mut self.specification_version
        } else if is("Short-Name") {
            &mut self.plugin
        } else if is("Plugin-Version") {
            &mut self.plugin_version
        } else if is("Group-Id") {
            &mut self.plugin_group
        } else if is("Bundle-License") {
            self.bundle_licences(&value);
            return;
        } else if name
            .get(..19)
            .is_some_and(|start| start.eq_ignore_ascii_case(b"Plugin-License-Name"))
        {
            if self.licences.len() < MAX_LICENCES {
                self.licences.push(value);
            }
            return;
        } else {
            return;
        };
        *slot = Some(value);
    }

    /// `Apache-2.0;link="https://…", "A name, with a comma"`.
    fn bundle_licences(&mut self, value: &str) {
        let mut quoted = false;
        let parts = value.split(|letter| {
            quoted ^= letter == '"';
            letter == ',' && !quoted
        });
        for part in parts.take(MAX_LICENCES) {
            let name = part.split(';').next().unwrap_or_default();
            let name = name.trim().trim_matches('"').trim();
            if !name.is_empty() && !name.starts_with("<<") && self.licences.len() < MAX_LICENCES {
                self.licences.push(name.to_owned());
            }
        }
    }

    pub(super) fn weight(&self) -> usize {
        [
            &self.title,
            &self.version,
            &self.vendor_id,
            &self.symbolic_name,
            &self.bundle_version,
            &self.specification_version,
            &self.plugin,
            &self.plugin_version,
            &self.plugin_group,
        ]
        .into_iter()
        .map(|text| text.as_ref().map_or(0, String::len))
        .sum::<usize>()
            + self
                .licences
                .iter()
                .map(|text| text.len() + 24)
                .sum::<usize>()
    }
}

/// Reads the main section of a manifest, and answers whether its end was met. A line that begins with a
/// space goes on with the one before.
pub(super) fn parse(contents: &mut dyn Read) -> io::Result<(Manifest, bool)> {
    let mut manifest = Manifest::default();
    let mut lines = Lines::new(contents);
    let mut whole = Vec::new();
    let mut ended = false;
    while let Some(line) = lines.advance()? {
        match line.split_first() {
            None => {
                ended = true;
                break;
            }
            Some((b' ', rest)) => {
                if whole.len() < 4 * MAX_FIELD {
                    whole.extend_from_slice(rest);
                }
            }
            Some(_) => {
                manifest.take(&whole);
                whole.clear();
                whole.extend_from_slice(line);
            }
        }
    }
    manifest.take(&whole);
    Ok((manifest, ended))
}

/// Group, artifact and version of a `pom.properties`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Properties {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: String,
}

/// Reads a `pom.properties`.
pub(super) fn properties(contents: &mut dyn Read) -> io::Result<Properties> {
    let mut properties = Properties::default();
    let mut lines = Lines::new(contents);
    while let Some(line) = lines.advance()? {
        let line = line.trim_ascii();
        let Some(at) = line.iter().position(|byte| matches!(byte, b'=' | b':')) else {
            continue;
        };
        let (name, value) = line.split_at(at);
        let slot = match name.trim_ascii() {
            b"groupId" => &mut properties.group,
            b"artifactId" => &mut properties.artifact,
            b"version" => &mut properties.version,
            _ => continue,
        };
        *slot = text(value.get(1..).unwrap_or_default());
    }
    Ok(properties)
}
