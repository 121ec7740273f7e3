//! The form: its fields, and what `configure` makes of what was entered.
//!
//! The one place that knows the setting keys. Everything else takes a [`Settings`].

mod address;
mod manifest;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use url::Url;

use crate::contract::{Explanation, Failure, FieldFault, Origin, Profile, Setting};

pub use manifest::manifest;

/// Keys of the fields.
mod key {
    pub(super) const URL: &str = "url";
    pub(super) const TOKEN: &str = "token";
    pub(super) const INSECURE_HTTP: &str = "insecure-http";
    pub(super) const TAGS_INCLUDE: &str = "tags-include";
    pub(super) const TAGS_EXCLUDE: &str = "tags-exclude";
    pub(super) const NEWEST_TAGS: &str = "newest-tags";
    pub(super) const MAX_AGE_DAYS: &str = "max-age-days";
    pub(super) const PLATFORMS: &str = "platforms";
}

/// Bytes of a token. GitLab's have some dozens; a stand-in of the host is short too.
const LONGEST_TOKEN: usize = 4096;
/// Lines of a field of patterns.
const MOST_PATTERNS: usize = 100;
/// Bytes of one pattern; a tag has at most 128.
const LONGEST_PATTERN: usize = 256;
/// Tags of a repository that can be asked for.
const MOST_TAGS: u32 = 1_000_000;
/// Days, about 100 years.
const MOST_DAYS: u32 = 36_500;
/// Characters of an unknown key that are shown.
const LONGEST_SHOWN: usize = 64;

/// The settings in their normal form.
#[derive(Clone, Debug)]
pub struct Settings {
    /// GitLab's base address with its relative root, without a trailing slash (but for the one that a bare
    /// host has) and without `/api/v4`. The helpers below append to it.
    pub base: Url,
    /// The stand-in for the token (the host puts the token in its place).
    pub token: String,
    /// Whether plain http is allowed towards hosts that are not loopback.
    pub insecure_http: bool,
    /// Which tags are read.
    pub tags: TagOptions,
    /// Which platforms are read; empty means all. `os/architecture[/variant]`, each part a pattern.
    pub platforms: Vec<String>,
}

/// What the options of a connection leave out.
#[derive(Clone, Debug, Default)]
pub struct TagOptions {
    /// Patterns a tag has to match one of; empty means all.
    pub include: Vec<String>,
    /// Patterns of tags that are left out.
    pub exclude: Vec<String>,
    /// Only the newest N tags of a repository.
    pub newest: Option<u32>,
    /// Only tags pushed within this many days (image's build time where the registry does not say).
    pub max_age_days: Option<u32>,
}

impl TagOptions {
    /// True when the name's patterns let the tag in. Number and age need the whole list: they are the
    /// scan's.
    pub fn matches(&self, tag: &str) -> bool {
        self.refusal(tag).is_none()
    }

    /// Why the patterns leave the tag out, as a sentence; `None` when they don't.
    pub fn refusal(&self, tag: &str) -> Option<String> {
        if let Some(pattern) = self
            .exclude
            .iter()
            .find(|pattern| fast_glob::glob_match(pattern, tag))
        {
            return Some(format!("The connection leaves out tags like {pattern:?}."));
        }
        let included = self.include.is_empty()
            || self
                .include
                .iter()
                .any(|pattern| fast_glob::glob_match(pattern, tag));
        (!included).then(|| {
            format!(
                "The connection takes only tags like {}.",
                self.include.join(", ")
            )
        })
    }
}

impl Settings {
    /// Address of a REST resource: `path` begins behind `/api/v4/` and is encoded already.
    pub fn api(&self, path: &str) -> String {
        format!(
            "{}/api/v4/{}",
            self.base_text(),
            path.trim_start_matches('/')
        )
    }

    /// Address of the GraphQL endpoint.
    pub fn graphql(&self) -> String {
        format!("{}/api/graphql", self.base_text())
    }

    /// Address of the token service of the registry, without a query.
    pub fn jwt(&self) -> String {
        format!("{}/jwt/auth", self.base_text())
    }

    /// The base address as text, without a slash at its end.
    pub fn base_text(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Scheme, host and port of the base address.
    pub fn origin(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// `host[:port][/root]`, the name of the account in lists.
    pub fn display_name(&self) -> String {
        self.base_text()
            .split_once("://")
            .map_or_else(String::new, |(_, rest)| rest.to_owned())
    }

    /// True when the connection takes images of that platform. A variant that is not said is the usual one
    /// (`arm64` is `arm64/v8`, `arm` is `arm/v7`); a pattern without a variant takes them all.
    pub fn takes_platform(&self, os: &str, architecture: &str, variant: Option<&str>) -> bool {
        let usual = match architecture {
            "arm64" => "v8",
            "arm" => "v7",
            _ => "",
        };
        let variant = variant.filter(|said| !said.is_empty()).unwrap_or(usual);
        self.platforms.is_empty()
            || self.platforms.iter().any(|pattern| {
                let mut parts = pattern.splitn(3, '/');
                [os, architecture, variant].iter().all(|part| {
                    parts.next().is_none_or(|pattern| {
                        fast_glob::glob_match(
                            pattern.as_bytes(),
                            part.to_ascii_lowercase().as_bytes(),
                        )
                    })
                })
            })
    }

    /// Settings of a GitLab at `base`, as tests of other modules need them.
    #[cfg(test)]
    pub fn sample(base: &str) -> Self {
        #![allow(clippy::unwrap_used, reason = "tests")]
        let entered = [
            (key::URL, base),
            (key::TOKEN, "stand-in"),
            (key::INSECURE_HTTP, "true"),
        ];
        configure(
            entered
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        )
        .unwrap()
        .0
    }
}

/// Checks what was entered, brings it to its normal form and says which origins are needed.
pub fn configure(entered: Vec<Setting>) -> Result<(Settings, Profile), Failure> {
    let entered = Entered::new(entered)?;
    let insecure_http = toggle(key::INSECURE_HTTP, entered.get(key::INSECURE_HTTP))?;
    let settings = Settings {
        base: address::read(entered.get(key::URL), insecure_http)
            .map_err(|(message, hint)| fault(key::URL, message, hint))?,
        token: token(entered.get(key::TOKEN))?,
        insecure_http,
        tags: TagOptions {
            include: tag_patterns(key::TAGS_INCLUDE, entered.get(key::TAGS_INCLUDE))?,
            exclude: tag_patterns(key::TAGS_EXCLUDE, entered.get(key::TAGS_EXCLUDE))?,
            newest: number(key::NEWEST_TAGS, entered.get(key::NEWEST_TAGS), MOST_TAGS)?,
            max_age_days: number(key::MAX_AGE_DAYS, entered.get(key::MAX_AGE_DAYS), MOST_DAYS)?,
        },
        platforms: platforms(entered.get(key::PLATFORMS))?,
    };
    let profile = Profile {
        display_name: settings.display_name(),
        settings: normal_form(&settings),
        origins: origins(&settings),
    };
    Ok((settings, profile))
}

/// What was entered, each key known and at most once there.
struct Entered(BTreeMap<&'static str, String>);

impl Entered {
    fn new(entered: Vec<Setting>) -> Result<Self, Failure> {
        const KEYS: [&str; 8] = [
            key::URL,
            key::TOKEN,
            key::INSECURE_HTTP,
            key::TAGS_INCLUDE,
            key::TAGS_EXCLUDE,
            key::NEWEST_TAGS,
            key::MAX_AGE_DAYS,
            key::PLATFORMS,
        ];
        let mut values = BTreeMap::new();
        for (name, value) in entered {
            let Some(known) = KEYS.iter().find(|key| **key == name) else {
                let shown: String = name.chars().take(LONGEST_SHOWN).collect();
                return Err(fault(
                    &shown,
                    format!("{shown:?} is not a setting of this connector."),
                    format!("Remove it; the settings are {}.", KEYS.join(", ")),
                ));
            };
            if values.insert(*known, value).is_some() {
                return Err(fault(
                    known,
                    format!("{known} is given twice."),
                    "Give it once.".to_owned(),
                ));
            }
        }
        Ok(Self(values))
    }

    /// The value without the blanks around it; empty when there is none.
    fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", |value| value.trim())
    }
}

fn fault(field: &str, message: impl Into<String>, hint: impl Into<String>) -> Failure {
    Failure::InvalidSettings(FieldFault {
        field: field.to_owned(),
        why: Explanation {
            message: message.into(),
            hint: hint.into(),
        },
    })
}

fn token(entered: &str) -> Result<String, Failure> {
    let hint = "Copy the token again from GitLab (User settings > Access tokens); it is one word such as glpat-….";
    if entered.is_empty() {
        return Err(fault(key::TOKEN, "The access token is missing.", hint));
    }
    if entered.len() > LONGEST_TOKEN {
        return Err(fault(
            key::TOKEN,
            format!("The access token is longer than {LONGEST_TOKEN} bytes."),
            hint,
        ));
    }
    // It travels in header fields: anything else could not be sent, or would be sent as another field.
    if !entered.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(fault(
            key::TOKEN,
            "The access token contains a blank, a line break or a character outside ASCII.",
            hint,
        ));
    }
    Ok(entered.to_owned())
}

fn toggle(field: &str, entered: &str) -> Result<bool, Failure> {
    match entered {
        "" | "false" => Ok(false),
        "true" => Ok(true),
        _ => Err(fault(
            field,
            format!("{field} is neither true nor false."),
            "Enter true or false.",
        )),
    }
}

fn number(field: &str, entered: &str, most: u32) -> Result<Option<u32>, Failure> {
    if entered.is_empty() {
        return Ok(None);
    }
    let digits = entered.bytes().all(|byte| byte.is_ascii_digit());
    match entered.parse::<u32>() {
        Ok(number) if digits && (1..=most).contains(&number) => Ok(Some(number)),
        _ => Err(fault(
            field,
            format!("{field} is not a whole number from 1 to {most}."),
            "Enter such a number, or leave the field empty for no limit.",
        )),
    }
}

/// The lines of a field of patterns, checked for number and length, without repetitions.
fn lines<'a>(field: &str, entered: &'a str) -> Result<Vec<&'a str>, Failure> {
    let mut lines = Vec::new();
    for line in entered
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        if line.len() > LONGEST_PATTERN {
            return Err(fault(
                field,
                format!("A pattern in {field} is longer than {LONGEST_PATTERN} bytes."),
                "Enter one pattern a line; a tag has at most 128 characters.",
            ));
        }
        if !lines.contains(&line) {
            lines.push(line);
        }
        if lines.len() > MOST_PATTERNS {
            return Err(fault(
                field,
                format!("{field} has more than {MOST_PATTERNS} patterns."),
                "Join some of them with * and ?.",
            ));
        }
    }
    Ok(lines)
}

fn tag_patterns(field: &str, entered: &str) -> Result<Vec<String>, Failure> {
    let checked = |line: &str| match line.chars().find(|c| !is_pattern_character(*c)) {
        None => Ok(collapse_stars(line)),
        Some(character) => Err(fault(
            field,
            format!("The pattern {line:?} contains {character:?}, which no tag can contain."),
            "Use letters, digits, '_', '.', '-', and * and ? as placeholders; one pattern a line.",
        )),
    };
    lines(field, entered)?.into_iter().map(checked).collect()
}

fn platforms(entered: &str) -> Result<Vec<String>, Failure> {
    let checked = |line: &str| {
        let parts: Vec<_> = line.split('/').collect();
        let sound = |part: &&str| !part.is_empty() && part.chars().all(is_pattern_character);
        if (2..=3).contains(&parts.len()) && parts.iter().all(sound) {
            return Ok(collapse_stars(&line.to_ascii_lowercase()));
        }
        Err(fault(
            key::PLATFORMS,
            format!("{line:?} is not a platform."),
            "Enter os/architecture or os/architecture/variant, such as linux/amd64, one a line.",
        ))
    };
    lines(key::PLATFORMS, entered)?
        .into_iter()
        .map(checked)
        .collect()
}

/// What tags and platforms are made of, and the two placeholders. Nothing else that the matcher would take
/// for syntax.
fn is_pattern_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '-' | '*' | '?')
}

/// `**` would mean something else to the matcher.
fn collapse_stars(pattern: &str) -> String {
    let mut collapsed = String::with_capacity(pattern.len());
    for character in pattern.chars() {
        if character != '*' || !collapsed.ends_with('*') {
            collapsed.push(character);
        }
    }
    collapsed
}

/// The settings to store: what was left empty or has its default is left out.
fn normal_form(settings: &Settings) -> Vec<Setting> {
    let Settings {
        base: _,
        token,
        insecure_http,
        tags,
        platforms,
    } = settings;
    let number = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    [
        (key::URL, settings.base_text().to_owned()),
        (key::TOKEN, token.clone()),
        (
            key::INSECURE_HTTP,
            if *insecure_http {
                "true".to_owned()
            } else {
                String::new()
            },
        ),
        (key::TAGS_INCLUDE, tags.include.join("\n")),
        (key::TAGS_EXCLUDE, tags.exclude.join("\n")),
        (key::NEWEST_TAGS, number(tags.newest)),
        (key::MAX_AGE_DAYS, number(tags.max_age_days)),
        (key::PLATFORMS, platforms.join("\n")),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| (key.to_owned(), value))
    .collect()
}

fn origins(settings: &Settings) -> Vec<Origin> {
    let origin = |url: &str, purpose: &str, secrets| Origin {
        url: url.to_owned(),
        purpose: purpose.to_owned(),
        secrets,
    };
    let base = settings.origin();
    let mut origins = vec![origin(
        &base,
        "GitLab API and sign-in to its registry",
        true,
    )];
    // Where a self-managed GitLab keeps its registry and blobs is only known when it has been asked.
    if base == "https://gitlab.com" {
        origins.push(origin(
            "https://registry.gitlab.com",
            "container registry",
            false,
        ));
        origins.push(origin(
            "https://cdn.registry.gitlab-static.net",
            "image layers (CDN)",
            false,
        ));
        origins.push(origin(
            "https://storage.googleapis.com",
            "image layers (storage)",
            false,
        ));
    }
    origins
}
