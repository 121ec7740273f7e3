//! Patterns, and what they are held against.

use std::collections::BTreeMap;
use std::fmt;

use globset::{GlobBuilder, GlobMatcher};
use serde::{Serialize, Serializer};

use crate::facts::{ImageFacts, PlaceFacts};

/// A pattern in the way of a shell: `*` and `?` for letters, `[a-c]`, `{a,b}`. In paths `*` stops at `/` and
/// `**` does not. Letter case never counts: GitLab's paths and topics don't tell it apart either.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    glob: GlobMatcher,
}

impl Pattern {
    /// For paths.
    pub fn path(text: &str) -> Result<Self, String> {
        Self::compile(text.trim_matches('/'), true)
    }

    /// For words: tags, topics, values of labels.
    pub fn word(text: &str) -> Result<Self, String> {
        Self::compile(text, false)
    }

    fn compile(text: &str, is_path: bool) -> Result<Self, String> {
        let glob = GlobBuilder::new(text)
            .literal_separator(is_path)
            .case_insensitive(true)
            .backslash_escape(true)
            .build()
            .map_err(|error| error.kind().to_string())?;
        Ok(Self {
            text: text.to_owned(),
            glob: glob.compile_matcher(),
        })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// True when all of the text is as the pattern says.
    pub fn takes(&self, text: &str) -> bool {
        self.glob.is_match(text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

/// What something has to be for a rule to hold: every key that is given, each by one of its patterns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Match {
    /// The project's group, or any group above it.
    pub group: Vec<Pattern>,
    /// Path of the project.
    pub project: Vec<Pattern>,
    /// One of the project's topics.
    pub topic: Vec<Pattern>,
    /// Path of the image repository.
    pub repository: Vec<Pattern>,
    /// Labels of an image: key → patterns of the value.
    pub label: BTreeMap<String, Vec<Pattern>>,
    /// One of an image's tags.
    pub tag: Vec<Pattern>,
    /// A branch that an image was built from, as its labels say.
    pub branch: Vec<Pattern>,
}

/// What a [`Match`] is held against.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Where it is.
    pub place: &'a PlaceFacts,
    /// Keys of labels that name the branch.
    pub branch_labels: &'a [String],
    /// The project's default branch.
    pub default_branch: Option<&'a str>,
}

impl Match {
    /// Its keys, in the order in which the file and the sentences have them.
    pub const KEYS: [&'static str; 5] = ["group", "project", "topic", "repository", "label"];
    /// Those of environments.
    pub const IMAGE_KEYS: [&'static str; 7] = [
        "tag",
        "branch",
        "label",
        "repository",
        "project",
        "group",
        "topic",
    ];

    /// True when it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// By what it holds of the place (and of one of its images, where it speaks of images): the patterns, in
    /// words. `None` when it does not hold.
    pub fn of_place(&self, subject: Subject<'_>, images: &[ImageFacts]) -> Option<String> {
        if !self.speaks_of_images() {
            return self.of(subject, None);
        }
        images
            .iter()
            .find_map(|image| self.of(subject, Some(image)))
    }

    /// By what it holds of one image.
    pub fn of_image(&self, subject: Subject<'_>, image: &ImageFacts) -> Option<String> {
        self.of(subject, Some(image))
    }

    fn speaks_of_images(&self) -> bool {
        !(self.label.is_empty() && self.tag.is_empty() && self.branch.is_empty())
    }

    fn of(&self, subject: Subject<'_>, image: Option<&ImageFacts>) -> Option<String> {
        let place = subject.place;
        let labels = image.map_or(&[][..], |image| image.labels.as_slice());
        let tags = image.map_or(&[][..], |image| image.tags.as_slice());
        let mut why = Vec::new();
        let mut by = |key: &str, patterns: &[Pattern], texts: &mut dyn Iterator<Item = &str>| {
            if patterns.is_empty() {
                return Some(());
            }
            for text in texts {
                if let Some(one) = patterns.iter().find(|pattern| pattern.takes(text)) {
                    why.push(format!("{key} {}", one.text()));
                    return Some(());
                }
            }
            None
        };
        by("group", &self.group, &mut groups(&place.project))?;
        by(
            "project",
            &self.project,
            &mut std::iter::once(place.project.as_str()),
        )?;
        by(
            "topic",
            &self.topic,
            &mut place.topics.iter().map(String::as_str),
        )?;
        by(
            "repository",
            &self.repository,
            &mut std::iter::once(place.location.as_str()),
        )?;
        by("tag", &self.tag, &mut tags.iter().map(String::as_str))?;
        if !self.branch.is_empty() {
            let said = labels
                .iter()
                .filter(|(key, _)| subject.branch_labels.contains(key))
                .map(|(_, value)| value.as_str());
            let default = subject
                .default_branch
                .filter(|branch| tags.iter().any(|tag| tag == branch));
            by("branch", &self.branch, &mut said.chain(default))?;
        }
        for (key, patterns) in &self.label {
            let mut values = labels
                .iter()
                .filter(|(name, _)| name == key)
                .map(|(_, value)| value.as_str());
            by(&format!("label {key}"), patterns, &mut values)?;
        }
        Some(why.join(", "))
    }
}

/// The group of a project and every group above it, the nearest first.
fn groups(project: &str) -> impl Iterator<Item = &str> {
    let mut rest = project;
    std::iter::from_fn(move || {
        let (group, _) = rest.rsplit_once('/')?;
        rest = group;
        Some(group)
    })
}
