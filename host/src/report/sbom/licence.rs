//! What a package states as its licence: an id of the SPDX list, an expression of them, or just words.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use spdx::{AdditionItem, Expression, LicenseItem, ParseMode};

/// Longest text that may be an expression, in bytes. The longest honest ones have a few hundred.
const MAX_EXPRESSION: usize = 2048;
/// Characters of the words that an id of our own repeats.
const MAX_WORDS: usize = 40;

/// As old documents write it, too; nothing that SPDX does not allow.
const MODE: ParseMode = ParseMode {
    allow_slash_as_or_operator: false,
    allow_imprecise_license_names: false,
    allow_postfix_plus_on_gpl: true,
    allow_deprecated: true,
    allow_unknown: false,
};

/// One stated licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Licence<'a> {
    /// An id of the SPDX list.
    Id(&'static str),
    /// A valid expression that is more than an id, with the references of its own that it uses.
    Expression {
        /// With operators in capitals.
        text: String,
        /// `LicenseRef-…` in it.
        references: Vec<String>,
    },
    /// Anything else.
    Words(&'a str),
}

impl<'a> Licence<'a> {
    /// What the text is.
    pub(super) fn of(text: &'a str) -> Self {
        let trimmed = text.trim();
        if let Some(id) = spdx::license_id(trimmed)
            && id.name == trimmed
        {
            return Self::Id(id.name);
        }
        Self::expression(trimmed).unwrap_or(Self::Words(text))
    }

    fn expression(text: &str) -> Option<Self> {
        if text.len() > MAX_EXPRESSION {
            return None;
        }
        let parsed = Expression::parse_mode(text, MODE).ok()?;
        let mut references = Vec::new();
        for requirement in parsed.requirements() {
            if let LicenseItem::Other(reference) = &requirement.req.license {
                // One into another document leads nowhere from ours.
                if reference.doc_ref.is_some() {
                    return None;
                }
                references.push(reference.to_string());
            }
            if let Some(AdditionItem::Other(_)) = requirement.req.addition {
                return None;
            }
        }
        Some(Self::Expression {
            text: in_capitals(text),
            references,
        })
    }
}

/// The same expression with its operators in capitals, as the specification writes them.
fn in_capitals(text: &str) -> String {
    let spaced = text.replace('(', " ( ").replace(')', " ) ");
    let words = spaced.split_ascii_whitespace().map(|word| {
        for operator in ["AND", "OR", "WITH"] {
            if word.eq_ignore_ascii_case(operator) {
                return operator;
            }
        }
        word
    });
    let joined = words.collect::<Vec<_>>().join(" ");
    joined.replace("( ", "(").replace(" )", ")")
}

/// Words that became references, with what they stand for.
#[derive(Debug, Default)]
pub(super) struct Extracted(pub(super) BTreeMap<String, String>);

impl Extracted {
    /// The licences of a package as one expression; all apply, as far as is stated. `None` where none is.
    pub(super) fn declared(&mut self, stated: &[String]) -> Option<String> {
        let mut parts: Vec<(String, bool)> = Vec::new();
        for text in stated {
            let part = match Licence::of(text) {
                Licence::Id(id) => (id.to_owned(), false),
                Licence::Expression { text, references } => {
                    for reference in references {
                        self.0
                            .entry(reference)
                            .or_insert_with(|| "As a package states it.".to_owned());
                    }
                    let compound = text.contains(" OR ") || text.contains(" AND ");
                    (text, compound)
                }
                Licence::Words(words) => (self.reference(words), false),
            };
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        if let [(only, _)] = parts.as_slice() {
            return Some(only.clone());
        }
        let parts = parts.into_iter().map(|(text, compound)| match compound {
            true => format!("({text})"),
            false => text,
        });
        let joined = parts.collect::<Vec<_>>().join(" AND ");
        (!joined.is_empty()).then_some(joined)
    }

    /// A reference for words that are no expression: readable, and unique by a hash of them.
    fn reference(&mut self, words: &str) -> String {
        let mut readable = String::new();
        for c in words.chars() {
            if readable.len() >= MAX_WORDS {
                break;
            }
            if c.is_ascii_alphanumeric() || c == '.' {
                readable.push(c);
            } else if !readable.ends_with('-') {
                readable.push('-');
            }
        }
        let hash = super::hex(&Sha256::digest(words.as_bytes()));
        let hash: String = hash.chars().take(8).collect();
        let readable = readable.trim_matches('-');
        let id = if readable.is_empty() {
            format!("LicenseRef-{hash}")
        } else {
            format!("LicenseRef-{readable}-{hash}")
        };
        self.0.insert(id.clone(), words.to_owned());
        id
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn declared(stated: &[&str]) -> (Option<String>, BTreeMap<String, String>) {
        let mut extracted = Extracted::default();
        let stated: Vec<String> = stated.iter().map(|text| (*text).to_owned()).collect();
        (extracted.declared(&stated), extracted.0)
    }

    #[test]
    fn ids_expressions_and_words_are_told_apart() {
        assert_eq!(Licence::of("MIT"), Licence::Id("MIT"));
        assert_eq!(Licence::of("GPL-2.0"), Licence::Id("GPL-2.0"));
        for words in ["mit", "public-domain", "GPL", "MIT License", "MIT/ISC", ""] {
            assert_eq!(Licence::of(words), Licence::Words(words));
        }
        let text = "(MIT or Apache-2.0) and GPL-2.0-only with Classpath-exception-2.0";
        let expected = Licence::Expression {
            text: "(MIT OR Apache-2.0) AND GPL-2.0-only WITH Classpath-exception-2.0".to_owned(),
            references: Vec::new(),
        };
        assert_eq!(Licence::of(text), expected);
        for refused in [
            "DocumentRef-a:LicenseRef-b",
            "MIT WITH AdditionRef-x",
            "MIT AND",
        ] {
            assert_eq!(Licence::of(refused), Licence::Words(refused));
        }
    }

    #[test]
    fn several_licences_become_one_expression_and_each_once() {
        let (text, extracted) = declared(&["MIT", "MIT", "ISC OR Zlib", "public-domain"]);
        let text = text.unwrap();
        assert!(
            text.starts_with("MIT AND (ISC OR Zlib) AND LicenseRef-public-domain-"),
            "{text}"
        );
        assert_eq!(extracted.len(), 1);
        assert_eq!(declared(&[]).0, None);
        let (_, extracted) = declared(&["LicenseRef-Own AND MIT"]);
        assert!(extracted.contains_key("LicenseRef-Own"));
    }

    #[test]
    fn an_endless_expression_is_words() {
        let long = "MIT AND ".repeat(10_000) + "MIT";
        assert!(matches!(Licence::of(&long), Licence::Words(_)));
        let deep = "(".repeat(1_000) + "MIT" + &")".repeat(1_000);
        let _ = Licence::of(&deep);
    }

    proptest! {
        #[test]
        fn whatever_is_stated_the_declared_expression_is_valid(stated in prop::collection::vec(
            prop_oneof![".{0,40}", "(MIT|GPL-2.0-or-later|\\(|\\)| |AND|OR|LicenseRef-a|x){0,8}"], 0..4)) {
            let mut extracted = Extracted::default();
            if let Some(text) = extracted.declared(&stated) {
                let parsed = Expression::parse_mode(&text, MODE);
                prop_assert!(parsed.is_ok(), "{text:?}: {parsed:?}");
                for id in extracted.0.keys() {
                    let rest = id.strip_prefix("LicenseRef-").unwrap();
                    prop_assert!(!rest.is_empty());
                    prop_assert!(rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-'));
                }
            }
        }
    }
}
