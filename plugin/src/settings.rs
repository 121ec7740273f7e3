//! The form: its fields, and what `configure` makes of what was entered.
//!
//! The one place that knows the setting keys. Everything else takes a [`Settings`].

use url::Url;

/// The settings in their normal form.
#[derive(Clone, Debug)]
pub struct Settings {
    /// GitLab's base address with its relative root, without a trailing slash and without `/api/v4`.
    pub base: Url,
    /// The stand-in for the token (the host puts the token in its place).
    pub token: String,
    /// Which tags are read.
    pub tags: TagOptions,
    /// Which platforms are read; empty means all. `os/architecture[/variant]`.
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
