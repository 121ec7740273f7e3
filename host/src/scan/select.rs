//! Which locations are scanned.
//!
//! Patterns are globs over paths: `*` and `?` stop at `/`, `**` does not. A pattern without a wildcard
//! means the location of that path and everything below it, which is what people mean by a group's name.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::contract::Location;
use crate::host::{NewLocations, Selection};

/// Most patterns of one list.
const PATTERNS: usize = 10_000;
/// Longest pattern, in bytes.
const PATTERN_BYTES: usize = 4096;

/// A list of patterns, ready to match.
pub struct Patterns {
    set: GlobSet,
}

impl Patterns {
    /// Reads patterns; the error is a sentence that names the one that can't be read.
    pub fn new(patterns: &[String]) -> Result<Self, String> {
        if patterns.len() > PATTERNS {
            return Err(format!(
                "{} patterns are given, and the limit is {PATTERNS}",
                patterns.len()
            ));
        }
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let text = pattern.trim_matches('/');
            if pattern.len() > PATTERN_BYTES {
                return Err(format!("a pattern has more than {PATTERN_BYTES} bytes"));
            }
            let mut add = |text: &str| match GlobBuilder::new(text).literal_separator(true).build()
            {
                Ok(glob) => {
                    set.add(glob);
                    Ok(())
                }
                Err(error) => Err(format!(
                    "the pattern {pattern:?} can't be read: {}",
                    error.kind()
                )),
            };
            add(text)?;
            if !text.contains(['*', '?', '[', '{', '\\']) {
                add(&format!("{text}/**"))?;
            }
        }
        let set = set
            .build()
            .map_err(|error| format!("the patterns are too large together: {error}"))?;
        Ok(Self { set })
    }

    /// True when there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// True when one of the patterns matches.
    pub fn matches(&self, path: &str) -> bool {
        self.set.is_match(path)
    }
}

/// A selection, ready to decide.
pub struct Matcher {
    include: Patterns,
    exclude: Patterns,
    new_locations: NewLocations,
}

impl Matcher {
    /// Reads the patterns of a selection.
    pub fn new(selection: &Selection) -> Result<Self, String> {
        Ok(Self {
            include: Patterns::new(&selection.include)?,
            exclude: Patterns::new(&selection.exclude)?,
            new_locations: selection.new_locations,
        })
    }

    /// Whether a location is scanned, and why not.
    pub fn decide(&self, location: &Location, known: bool) -> Result<(), String> {
        if let Some(skip) = &location.unscannable {
            return Err(skip.why.message.clone());
        }
        if !location.scannable {
            return Err("this kind of location holds others and is not scanned itself".to_owned());
        }
        if !self.include.is_empty() && !self.include.matches(&location.path) {
            return Err("no include pattern matches it".to_owned());
        }
        if self.exclude.matches(&location.path) {
            return Err("an exclude pattern matches it".to_owned());
        }
        if !known && self.new_locations == NewLocations::Exclude {
            return Err(
                "it is new, and new locations are left out until the selection is saved again"
                    .to_owned(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use super::*;
    use crate::scan::script::location;

    fn matches(pattern: &str, path: &str) -> bool {
        Patterns::new(&[pattern.to_owned()]).unwrap().matches(path)
    }

    #[test]
    fn a_star_stops_at_a_slash_and_two_do_not() {
        assert!(matches("acme/*", "acme/api"));
        assert!(!matches("acme/*", "acme/shop/api"));
        assert!(matches("acme/**", "acme/shop/api"));
        assert!(matches("acme/**/api", "acme/api"));
        assert!(!matches("acme/?", "acme//"));
        assert!(matches("**", "anything/at/all"));
    }

    #[test]
    fn a_plain_path_means_what_is_below_it_too() {
        assert!(matches("acme/shop", "acme/shop"));
        assert!(matches("acme/shop", "acme/shop/api"));
        assert!(!matches("acme/shop", "acme/shopping"));
        assert!(matches("/acme/shop/", "acme/shop/api"));
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_named() {
        let error = Patterns::new(&["acme/[a".to_owned()]).err().unwrap();
        assert!(error.contains("acme/[a"), "{error}");
    }

    fn decide(selection: &Selection, path: &str, known: bool) -> Result<(), String> {
        Matcher::new(selection)
            .unwrap()
            .decide(&location(path), known)
    }

    #[test]
    fn exclude_beats_include_and_new_ones_follow_the_choice() {
        let mut selection = Selection {
            include: vec!["acme/**".to_owned()],
            exclude: vec!["**/attic".to_owned()],
            new_locations: NewLocations::Exclude,
        };
        assert!(decide(&selection, "acme/api", true).is_ok());
        assert!(
            decide(&selection, "other/api", true)
                .unwrap_err()
                .contains("include")
        );
        assert!(
            decide(&selection, "acme/attic", true)
                .unwrap_err()
                .contains("exclude")
        );
        assert!(
            decide(&selection, "acme/api", false)
                .unwrap_err()
                .contains("new")
        );
        selection.new_locations = NewLocations::Include;
        assert!(decide(&selection, "acme/api", false).is_ok());
    }
}
