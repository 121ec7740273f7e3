//! Patterns over the paths of locations: `*` stops at `/`, `**` does not.

use globset::{GlobBuilder, GlobMatcher};

use super::errors::{CliError, CliResult};

/// Compiles one pattern.
pub(crate) fn compile(pattern: &str) -> CliResult<GlobMatcher> {
    GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
        .map(|glob| glob.compile_matcher())
        .map_err(|error| {
            CliError::usage(
                format!("the pattern {pattern:?} can't be used: {}", error.kind()),
                "write for example acme/shop/*, acme/** or **/api",
            )
        })
}

/// Refuses patterns that can't be used.
pub(crate) fn check(patterns: &[String]) -> CliResult<()> {
    patterns
        .iter()
        .try_for_each(|pattern| compile(pattern).map(drop))
}

/// A sentence for each pattern that matches none of the paths.
pub(crate) fn unmatched(patterns: &[String], paths: &[&str]) -> CliResult<Vec<String>> {
    let mut sentences = Vec::new();
    for pattern in patterns {
        let matches = |pattern: &str| -> CliResult<bool> {
            let glob = compile(pattern)?;
            Ok(paths.iter().any(|path| glob.is_match(path)))
        };
        if matches(pattern)? {
            continue;
        }
        let below = format!("{}/**", pattern.trim_end_matches('/'));
        let mut sentence = format!("{pattern} matches no location");
        if matches(&below)? {
            sentence.push_str(&format!("; {below} takes everything below it"));
        }
        sentences.push(sentence);
    }
    Ok(sentences)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_star_stops_at_a_slash() {
        assert!(compile("acme/*").unwrap().is_match("acme/shop"));
        assert!(!compile("acme/*").unwrap().is_match("acme/shop/api"));
        assert!(compile("acme/**").unwrap().is_match("acme/shop/api"));
        assert!(compile("**/api").unwrap().is_match("acme/shop/api"));
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_named_with_the_better_one() {
        let patterns = [
            "acme/shop".to_owned(),
            "nope/**".to_owned(),
            "**/api".to_owned(),
        ];
        let sentences = unmatched(&patterns, &["acme/shop/api"]).unwrap();
        assert_eq!(
            sentences,
            [
                "acme/shop matches no location; acme/shop/** takes everything below it",
                "nope/** matches no location",
            ]
        );
    }

    #[test]
    fn a_broken_pattern_is_refused() {
        assert!(
            check(&["a[".to_owned()])
                .unwrap_err()
                .message
                .contains("a[")
        );
    }
}
