//! The few elements of a `pom.xml` that tell what it is and under which licence: a reader of tags that
//! forgives what is not XML.

use super::manifest::MAX_LICENCES;
use crate::catalog::lines::text;

/// Elements within each other that are told apart.
const MAX_DEPTH: usize = 8;

/// What a `pom.xml` says of its project. Of its parent, what it does not say itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Project {
    pub(super) group: String,
    pub(super) artifact: String,
    pub(super) version: String,
    pub(super) licences: Vec<String>,
}

impl Project {
    pub(super) fn weight(&self) -> usize {
        self.group.len()
            + self.artifact.len()
            + self.version.len()
            + self
                .licences
                .iter()
                .map(|text| text.len() + 24)
                .sum::<usize>()
    }
}

fn find(data: &[u8], what: &[u8]) -> Option<usize> {
    data.windows(what.len()).position(|window| window == what)
}

/// Reads the project. Whatever does not make sense says nothing.
pub(super) fn parse(data: &[u8]) -> Project {
    let mut project = Project::default();
    let (mut parent_group, mut parent_version) = (String::new(), String::new());
    let (mut name, mut url) = (String::new(), String::new());
    let mut path: Vec<&[u8]> = Vec::new();
    // Elements below the deepest that is told apart.
    let mut below: usize = 0;
    let mut value: Vec<u8> = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.iter().position(|byte| *byte == b'<') {
        let (before, tag) = rest.split_at(at);
        value.extend_from_slice(before.get(..before.len().min(4096)).unwrap_or_default());
        let passed: &[&[u8]] = &[b"<!--", b"-->", b"<?", b"?>"];
        let skip = passed.chunks_exact(2).find_map(|pair| match pair {
            [open, close] if tag.starts_with(open) => Some(*close),
            _ => None,
        });
        if let Some(close) = skip {
            let Some(end) = find(tag, close) else { break };
            rest = tag.get(end + close.len()..).unwrap_or_default();
            continue;
        }
        if let Some(text) = tag.strip_prefix(b"<![CDATA[") {
            let Some(end) = find(text, b"]]>") else { break };
            value.extend_from_slice(text.get(..end.min(4096)).unwrap_or_default());
            rest = text.get(end + 3..).unwrap_or_default();
            continue;
        }
        let Some(end) = tag.iter().position(|byte| *byte == b'>') else {
            break;
        };
        let inner = tag.get(1..end).unwrap_or_default();
        rest = tag.get(end + 1..).unwrap_or_default();
        if inner.starts_with(b"/") {
            if below > 0 {
                below -= 1;
            } else {
                match path.as_slice() {
                    [b"project", b"groupId"] => project.group = plain(&value),
                    [b"project", b"artifactId"] => project.artifact = plain(&value),
                    [b"project", b"version"] => project.version = plain(&value),
                    [b"project", b"parent", b"groupId"] => parent_group = plain(&value),
                    [b"project", b"parent", b"version"] => parent_version = plain(&value),
                    [b"project", b"licenses", b"license", b"name"] => name = plain(&value),
                    [b"project", b"licenses", b"license", b"url"] => url = plain(&value),
                    [b"project", b"licenses", b"license"] => {
                        let (name, url) = (std::mem::take(&mut name), std::mem::take(&mut url));
                        let stated = if name.is_empty() { url } else { name };
                        if !stated.is_empty() && project.licences.len() < MAX_LICENCES {
                            project.licences.push(stated);
                        }
                    }
                    _ => {}
                }
                path.pop();
            }
        } else if !inner.starts_with(b"!") && !inner.ends_with(b"/") {
            let name = inner
                .split(|byte| byte.is_ascii_whitespace())
                .next()
                .unwrap_or_default();
            let name = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
            if path.len() < MAX_DEPTH && below == 0 {
                path.push(name);
            } else {
                below += 1;
            }
        }
        value.clear();
    }
    if project.group.is_empty() {
        project.group = parent_group;
    }
    if project.version.is_empty() {
        project.version = parent_version;
    }
    project
}

/// The text of an element, its line breaks and entities resolved.
fn plain(value: &[u8]) -> String {
    let value = text(value);
    if !value.contains(['&', '\n', '\t', '\r']) && !value.contains("  ") {
        return value;
    }
    let words: Vec<&str> = value.split_whitespace().collect();
    words
        .join(" ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}
