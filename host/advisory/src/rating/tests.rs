#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;

use super::*;

/// A word and what it means.
type Said = (&'static str, Option<Level>);

#[test]
fn every_source_s_words_mean_what_the_source_says() {
    use Level::*;
    let rows: &[(&str, &[Said])] = &[
        (
            "Debian",
            &[
                ("unimportant", Some(Low)),
                ("low", Some(Low)),
                ("low**", Some(Low)),
                ("medium", Some(Medium)),
                ("high", Some(High)),
                ("high**", Some(High)),
                ("not yet assigned", None),
                ("end-of-life", None),
            ],
        ),
        (
            "Ubuntu",
            &[
                ("negligible", Some(Info)),
                ("low", Some(Low)),
                ("medium", Some(Medium)),
                ("high", Some(High)),
                ("critical", Some(Critical)),
                ("untriaged", None),
            ],
        ),
        (
            "Red Hat, AlmaLinux, Rocky, SUSE",
            &[
                ("Low", Some(Low)),
                ("Moderate", Some(Medium)),
                ("Important", Some(High)),
                ("Critical", Some(Critical)),
            ],
        ),
        (
            "GHSA",
            &[
                ("LOW", Some(Low)),
                ("MODERATE", Some(Medium)),
                ("HIGH", Some(High)),
                ("CRITICAL", Some(Critical)),
            ],
        ),
        (
            "GitLab",
            &[
                ("Info", Some(Info)),
                ("Unknown", None),
                ("Low", Some(Low)),
                ("Medium", Some(Medium)),
                ("High", Some(High)),
                ("Critical", Some(Critical)),
            ],
        ),
    ];
    for (source, words) in rows {
        for (word, level) in *words {
            assert_eq!(of_word(word), *level, "{source}: {word}");
        }
    }
}

#[test]
fn bands_are_those_of_each_version() {
    use Level::*;
    for (score, two, three) in [
        (0.0, Info, Info),
        (0.1, Low, Low),
        (3.9, Low, Low),
        (4.0, Medium, Medium),
        (6.9, Medium, Medium),
        (7.0, High, High),
        (8.9, High, High),
        (9.0, High, Critical),
        (10.0, High, Critical),
    ] {
        assert_eq!(of_score(Version::V2, score), two, "{score}");
        for version in [Version::V30, Version::V31, Version::V4] {
            assert_eq!(of_score(version, score), three, "{version} {score}");
        }
    }
}

#[test]
fn a_rating_is_a_vector_or_a_word_and_else_it_says_why_not() {
    let vector = rate("CVSS_V3", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H").unwrap();
    assert_eq!(
        (vector.level, vector.cvss.unwrap().score),
        (Level::Critical, 9.8)
    );
    assert_eq!(rate("Ubuntu", "high").unwrap().level, Level::High);
    assert!(matches!(
        rate("word", "untriaged"),
        Err(NoRating::NotRated(_))
    ));
    assert!(matches!(rate("word", ""), Err(NoRating::NotRated(_))));
    let unknown = rate("word", "spicy").unwrap_err();
    assert!(unknown.to_string().contains("spicy"));
    assert!(matches!(rate("CVSS_V3", "9.8"), Err(NoRating::Cvss(_))));
}

#[test]
fn each_word_is_in_the_table_once() {
    for one in WORDS {
        assert_eq!(
            WORDS.iter().filter(|other| other.word == one.word).count(),
            1
        );
        assert_eq!(one.word, one.word.to_lowercase());
    }
}

proptest! {
    #[test]
    fn no_rating_makes_it_panic(kind in "(CVSS_V[234]|word|Ubuntu|.*)", value in ".*") {
        let _ = rate(&kind, &value);
    }
}
