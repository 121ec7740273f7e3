//! Names, versions and places that somebody chose in order to do harm.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;

use super::tests::{command, of, package};
use super::*;

#[test]
fn hostile_names_and_versions_stay_one_word_or_give_no_command() {
    for (name, fixed, expected) in [
        ("a;rm -rf /", "1", "npm install 'a;rm -rf /@1'"),
        ("a$(id)", "1", "npm install 'a$(id)@1'"),
        ("a'b", "1", "npm install 'a'\\''b@1'"),
        ("a", "1 && id", "npm install 'a@1 && id'"),
        ("a", "`id`", "npm install 'a@`id`'"),
        ("--global", "1", "none"),
        ("a\nRUN id", "1", "none"),
        ("a", "1\u{1b}[2J", "none"),
        ("a\u{202e}b", "1", "none"),
        ("", "1", "none"),
    ] {
        assert_eq!(command("npm", name, fixed), expected, "{name:?} {fixed:?}");
    }
    assert_eq!(command("java", "a:b'; id", "1"), "none");
    assert_eq!(command("r", "x\"); system(\"id", "1"), "none");
    assert_eq!(command("dotnet", "A", "-x"), "none");
    assert!(command("dpkg", "a", "~1").contains("ge '~1' &&"));
    assert!(command("dpkg", "a", "1:2~b").contains("ge 1:2~b &&"));
    let advice = of(package("npm", "x\u{1b}[31m\u{202e}\ny", Some("1")));
    assert!(!advice.summary.chars().any(char::is_control) && !advice.summary.contains('\u{202e}'));
    assert!(advice.summary.contains("can't be put into a command"));
    assert_eq!(advice.fixed_version.as_deref(), Some("1"));
}

/// The words of a command as a shell takes it apart: quotes only, for what [`word`] writes.
fn shell_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut now: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => words.extend(now.take()),
            '\'' => {
                let word = now.get_or_insert_default();
                loop {
                    match letters.next()? {
                        '\'' => break,
                        other => word.push(other),
                    }
                }
            }
            '\\' => now.get_or_insert_default().push(letters.next()?),
            ';' | '&' | '|' | '$' | '`' | '(' | ')' | '<' | '>' | '"' | '*' | '?' | '#' | '\n' => {
                return None;
            }
            other => now.get_or_insert_default().push(other),
        }
    }
    words.extend(now);
    Some(words)
}

proptest! {
    #[test]
    fn whatever_a_name_is_it_stays_one_word(name in ".{1,40}", fixed in ".{1,20}") {
        if let Some(command) = of(package("npm", &name, Some(&fixed))).command {
            let words = shell_words(&command).unwrap();
            prop_assert_eq!(words, ["npm".to_owned(), "install".to_owned(), format!("{name}@{fixed}")]);
        }
    }

    #[test]
    fn any_input_is_answered_in_one_line_of_a_dockerfile(
        kind in proptest::sample::select(vec![Kind::Vulnerability, Kind::Secret, Kind::Misconfiguration, Kind::Other]),
        format in proptest::sample::select(vec!["dpkg", "apk", "rpm", "npm", "java", "go-binary", "r", "?"]),
        name in ".{0,40}", fixed in proptest::option::of(".{0,20}"), base in proptest::option::of(".{0,40}"),
        place in proptest::option::of("(?s).{0,40}"), solution in proptest::option::of("(?s).{0,200}"), from_base: bool,
    ) {
        let advice = advise(&Input {
            kind,
            package: Some(Package { from_base: Some(from_base), ..package(format, &name, fixed.as_deref()) }),
            base: Base { name: base.as_deref(), digest: None },
            place: place.as_deref(),
            solution: solution.as_deref(),
            rule: Some("set-uid"),
            ..Input::default()
        });
        prop_assert!(!advice.summary.is_empty());
        prop_assert!(!advice.summary.chars().any(char::is_control));
        if let Some(command) = advice.command {
            prop_assert!(!command.chars().any(char::is_control), "{command:?}");
        }
    }
}
