//! Which packages an archive is and holds, by what it says: Maven's own descriptors first, then the
//! manifest together with the file name.
//!
//! What an archive without a descriptor is called is told best by its file name (`name-1.2.3.jar`): titles in
//! manifests are prose as often as names. The manifest completes it, and stands for it where the file
//! was renamed. An archive of which neither says a version is nobody's package.

use std::collections::{HashMap, HashSet};

use super::known;
use super::manifest::{Manifest, Properties};
use super::pom::Project;
use crate::catalog::FoundPackage;
use crate::image::paths;

/// A Maven descriptor inside an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pom {
    group: String,
    artifact: String,
    version: String,
    licences: Vec<String>,
    /// Path of the descriptor in the archive.
    entry: String,
}

impl Pom {
    /// A `pom.properties`; what it leaves out, its folder says.
    pub(super) fn new(entry: &str, folder: &str, said: Properties) -> Self {
        let (group, artifact) = folder.split_once('/').unwrap_or_default();
        let or = |stated: String, else_: &str| {
            if is_id(&stated) {
                stated
            } else {
                else_.to_owned()
            }
        };
        Self {
            group: or(said.group, group),
            artifact: or(said.artifact, artifact),
            version: said.version,
            licences: Vec::new(),
            entry: entry.to_owned(),
        }
    }

    pub(super) fn weight(&self) -> usize {
        2 * (self.group.len() + self.artifact.len() + self.version.len()) + self.entry.len()
    }

    fn is_usable(&self) -> bool {
        is_id(&self.artifact) && is_version(&self.version)
    }
}

/// All that an archive says of packages.
#[derive(Default)]
pub(super) struct Said {
    pub(super) manifest: Manifest,
    pub(super) poms: Vec<Pom>,
}

impl Said {
    /// `pom.xml`s with their entries and folders: each completes the `pom.properties` beside it, or stands
    /// for it.
    pub(super) fn add_projects(&mut self, projects: Vec<(Project, String, String)>) {
        let beside: HashMap<String, usize> = self
            .poms
            .iter()
            .enumerate()
            .map(|(index, pom)| (paths::split(&pom.entry).0.to_owned(), index))
            .collect();
        for (project, entry, folder) in projects {
            let pom = beside
                .get(paths::split(&entry).0)
                .and_then(|index| self.poms.get_mut(*index));
            if let Some(pom) = pom {
                pom.licences = project.licences;
                if !is_version(&pom.version) {
                    pom.version = project.version;
                }
                continue;
            }
            let properties = Properties {
                group: project.group,
                artifact: project.artifact,
                version: project.version,
            };
            let mut pom = Pom::new(&entry, &folder, properties);
            pom.licences = project.licences;
            self.poms.push(pom);
        }
    }
}

/// A word that group, artifact or module names are made of.
fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// Something that can be a version, and not what a build left to be filled in.
fn is_version(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().any(|byte| byte.is_ascii_digit())
        && !text.contains(['$', '{', '@'])
        && !text.bytes().any(|byte| byte.is_ascii_whitespace())
}

/// What a file name says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) version: Option<String>,
}

/// Ends of file names that tell which part of an artifact it is.
const CLASSIFIERS: &[&str] = &[
    "all",
    "bin",
    "dist",
    "exec",
    "fat",
    "jar",
    "javadoc",
    "linux",
    "macos",
    "natives",
    "nodeps",
    "osx",
    "runtime",
    "shaded",
    "shadow",
    "sources",
    "standalone",
    "test",
    "tests",
    "uber",
    "windows",
    "with",
];

/// Words that belong to a version although they do not begin with a digit.
const QUALIFIERS: &[&str] = &[
    "alpha",
    "android",
    "b",
    "beta",
    "build",
    "cr",
    "dev",
    "final",
    "ga",
    "incubating",
    "jre",
    "m",
    "milestone",
    "p",
    "pre",
    "preview",
    "r",
    "rc",
    "redhat",
    "release",
    "rev",
    "snapshot",
    "sp",
];

fn begins_version(part: &str) -> bool {
    let mut letters = part.bytes();
    match letters.next() {
        Some(b'v' | b'V') => letters.next().is_some_and(|byte| byte.is_ascii_digit()),
        Some(byte) => byte.is_ascii_digit(),
        None => false,
    }
}

fn is_qualifier(part: &str) -> bool {
    let word = part.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    QUALIFIERS.iter().any(|one| one.eq_ignore_ascii_case(word))
}

/// Splits a file name without its suffix into name and version: `log4j-1.2-api-2.19.0`,
/// `guava-31.1-jre`, `netty-4.1.9.Final-linux-x86_64`. The version begins with the first part that begins
/// with a digit, unless a word follows that is none of a version, and then another number.
pub(super) fn split(stem: &str) -> Named {
    let mut parts = Vec::new();
    let mut at = 0;
    for part in stem.split('-') {
        parts.push((at, part));
        at += part.len() + 1;
    }
    let mut begin = None;
    for (index, (_, part)) in parts.iter().enumerate().skip(1) {
        let follows = begins_version(part);
        match begin {
            None if follows => begin = Some(index),
            Some(_) if CLASSIFIERS.contains(part) => break,
            Some(_) if !follows && !is_qualifier(part) => {
                let later = parts
                    .iter()
                    .enumerate()
                    .skip(index)
                    .take_while(|(_, (_, part))| !CLASSIFIERS.contains(part))
                    .find(|(_, (_, part))| begins_version(part) && part.contains('.'));
                if let Some((later, _)) = later {
                    begin = Some(later);
                }
                break;
            }
            _ => {}
        }
    }
    let Some(begin) = begin else {
        return split_at_underscore(stem);
    };
    let start = parts.get(begin).map_or(stem.len(), |(at, _)| *at);
    let end = parts
        .iter()
        .skip(begin + 1)
        .find(|(_, part)| CLASSIFIERS.contains(part))
        .map_or(stem.len(), |(at, _)| at.saturating_sub(1));
    let version = stem.get(start..end).unwrap_or_default();
    // `3.x` is a family of versions.
    let is_whole = is_version(version) && !version.split('.').any(|part| part == "x");
    Named {
        name: stem
            .get(..start.saturating_sub(1))
            .unwrap_or_default()
            .to_owned(),
        version: is_whole.then(|| version.to_owned()),
    }
}

/// `org.eclipse.osgi_3.18.0.v2022`, but not `spark-core_2.12`, which is a version of Scala.
fn split_at_underscore(stem: &str) -> Named {
    if let Some((name, version)) = stem.rsplit_once('_')
        && version.split('.').count() > 2
        && begins_version(version)
    {
        return Named {
            name: name.to_owned(),
            version: Some(version.to_owned()),
        };
    }
    Named {
        name: stem.to_owned(),
        version: None,
    }
}

/// The packages of an archive with that file name, itself first; [`FoundPackage::inside`] of those that
/// were packed into it is the entry that says so.
pub(super) fn packages(said: Said, file_name: &str) -> Vec<FoundPackage> {
    let stem = file_name
        .rsplit_once('.')
        .map_or(file_name, |(stem, _)| stem);
    let named = split(stem);
    let Said { manifest, poms } = said;
    let poms: Vec<Pom> = poms.into_iter().filter(Pom::is_usable).collect();
    let own = own(&poms, &manifest, stem, &named);
    let mut all = Vec::new();
    if own.is_none() {
        all.extend(by_manifest(&manifest, &named));
    }
    for (index, pom) in poms.into_iter().enumerate() {
        let is_own = own == Some(index);
        let licences = match pom.licences {
            none if none.is_empty() && is_own => manifest.licences.clone(),
            licences => licences,
        };
        let package = FoundPackage {
            name: full_name(&pom.group, &pom.artifact),
            version: pom.version,
            licences,
            attributes: identity("pom.properties", false),
            inside: (!is_own).then_some(pom.entry),
            ..FoundPackage::default()
        };
        if is_own {
            all.insert(0, package);
        } else {
            all.push(package);
        }
    }
    let mut seen = HashSet::new();
    all.retain(|package| seen.insert((package.name.clone(), package.version.clone())));
    all
}

fn full_name(group: &str, artifact: &str) -> String {
    if group.is_empty() {
        artifact.to_owned()
    } else {
        format!("{group}:{artifact}")
    }
}

fn identity(by: &str, inferred: bool) -> Vec<(String, String)> {
    let mut attributes = vec![("java.identity".to_owned(), by.to_owned())];
    if inferred {
        attributes.push(("java.group".to_owned(), "inferred".to_owned()));
    }
    attributes
}

/// The descriptor of the archive itself, among those of what was packed into it.
fn own(poms: &[Pom], manifest: &Manifest, stem: &str, named: &Named) -> Option<usize> {
    let stated = stated_versions(manifest)
        .next()
        .or(named.version.as_deref());
    let called = |artifact: &str| {
        manifest.title.as_deref() == Some(artifact)
            || manifest.plugin.as_deref() == Some(artifact)
            || manifest.symbolic_name.as_deref().is_some_and(|symbolic| {
                symbolic == artifact
                    || symbolic
                        .strip_suffix(artifact)
                        .is_some_and(|rest| rest.ends_with(['.', '-']))
            })
    };
    let mut best: Option<(u8, usize, usize)> = None;
    for (index, pom) in poms.iter().enumerate() {
        let rest = stem.strip_prefix(pom.artifact.as_str());
        let in_full = rest
            .and_then(|rest| rest.strip_prefix('-'))
            .and_then(|rest| rest.strip_prefix(pom.version.as_str()))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']));
        let same_version = stated.is_some_and(|stated| is_same(stated, &pom.version));
        // What was packed in may have brought its manifest along; the file name is the archive's own.
        let fits = named
            .version
            .as_deref()
            .is_none_or(|version| is_same(version, &pom.version));
        let rank = if in_full {
            5
        } else if rest == Some("") || named.name == pom.artifact {
            4
        } else if fits && called(&pom.artifact) {
            3
        } else if fits
            && (same_version && is_alike(&named.name, &pom.artifact)
                || poms.len() == 1 && (same_version || stated.is_none()))
        {
            2
        } else {
            continue;
        };
        let candidate = (rank, pom.artifact.len(), index);
        if best.is_none_or(|(rank, length, _)| (candidate.0, candidate.1) > (rank, length)) {
            best = Some(candidate);
        }
    }
    best.map(|(_, _, index)| index)
}

/// The same name but for digits and what joins words: distributions call `maven-core` `maven3-core`.
fn is_alike(one: &str, other: &str) -> bool {
    let letters = |text: &'_ str| -> String {
        text.chars()
            .filter(char::is_ascii_alphabetic)
            .collect::<String>()
            .to_ascii_lowercase()
    };
    letters(one) == letters(other)
}

/// `1.2.3` and `1.2.3.RELEASE`, `1.2.3-SNAPSHOT` and `1.2.3.SNAPSHOT`.
fn is_same(one: &str, other: &str) -> bool {
    let (long, short) = if one.len() < other.len() {
        (other, one)
    } else {
        (one, other)
    };
    long.strip_prefix(short)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
        || one.replace('-', ".") == other.replace('-', ".")
}

/// Versions that a manifest states, the most telling first.
fn stated_versions(manifest: &Manifest) -> impl Iterator<Item = &str> {
    [
        &manifest.plugin_version,
        &manifest.version,
        &manifest.bundle_version,
        &manifest.specification_version,
    ]
    .into_iter()
    .filter_map(Option::as_deref)
    // `1.2 (private-0a1b2c-me)`, as Jenkins has it; `1.0 build 5`.
    .filter_map(|version| version.split_ascii_whitespace().next())
    .filter(|version| is_version(version) && begins_version(version))
}

/// The archive itself by manifest and file name.
fn by_manifest(manifest: &Manifest, named: &Named) -> Option<FoundPackage> {
    let plugin = manifest.plugin.as_deref().filter(|name| is_id(name));
    let stated = stated_versions(manifest).next();
    let from_file = named.version.as_deref().filter(|_| plugin.is_none());
    let version = from_file.or(stated)?;
    let agrees = stated_versions(manifest).any(|stated| is_same(stated, version));
    let by = if agrees { "manifest" } else { "file-name" };
    // A manifest of another version is that of something packed in.
    let foreign = Manifest::default();
    let manifest = if agrees || stated.is_none() {
        manifest
    } else {
        &foreign
    };
    let symbolic = manifest.symbolic_name.as_deref().filter(|name| is_id(name));
    let last = symbolic.map(|name| name.rsplit('.').next().unwrap_or(name));
    let title = manifest
        .title
        .as_deref()
        .filter(|title| is_id(title) && !is_version(title));
    let name = Some(named.name.as_str()).filter(|name| is_id(name));
    let mut candidates = match from_file {
        Some(_) => [plugin, name, title, last],
        None => [plugin, title, last, name],
    }
    .into_iter()
    .flatten();
    // A name that is known is right, wherever it stands.
    let artifact = candidates
        .clone()
        .find(|name| known::group(name, version).is_some())
        .or_else(|| candidates.next())?;
    let (group, inferred) = group(manifest, artifact, version);
    Some(FoundPackage {
        name: full_name(group.unwrap_or_default(), artifact),
        version: version.to_owned(),
        licences: manifest.licences.clone(),
        attributes: identity(by, inferred),
        ..FoundPackage::default()
    })
}

/// Group of an archive without a descriptor, and whether that was concluded and not stated.
fn group<'m>(manifest: &'m Manifest, artifact: &str, version: &str) -> (Option<&'m str>, bool) {
    /// Those below which whole foundations and companies publish, each thing in a group of its own.
    const ROOFS: &[&str] = &[
        "com.github",
        "com.google",
        "com.ibm",
        "com.oracle",
        "com.sun",
        "io.github",
        "org.apache",
        "org.eclipse",
        "org.jboss",
    ];
    let is_group = |group: &&str| is_id(group) && group.contains('.') && !ROOFS.contains(group);
    if let Some(group) = manifest.plugin_group.as_deref().filter(is_group) {
        return (Some(group), false);
    }
    if let Some(group) = known::group(artifact, version) {
        return (Some(group), true);
    }
    if let Some(group) = manifest.vendor_id.as_deref().filter(is_group) {
        return (Some(group), false);
    }
    // `org.freemarker.freemarker` is in `org.freemarker`; `org.objenesis` in a group of that name, as are
    // those right below a roof.
    let Some(symbolic) = manifest.symbolic_name.as_deref() else {
        return (None, false);
    };
    let above = symbolic
        .strip_suffix(artifact)
        .and_then(|rest| rest.strip_suffix('.'));
    let group = match above {
        Some(above) if is_group(&above) => Some(above),
        Some(above) if is_id(above) => Some(symbolic).filter(is_group),
        _ => None,
    };
    (group, group.is_some())
}
