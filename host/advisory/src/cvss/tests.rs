#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;

/// `vector score # note`, a line.
fn known() -> Vec<(&'static str, f64)> {
    include_str!("vectors.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let mut words = line.split(' ');
            (
                words.next().unwrap(),
                words.next().unwrap().parse().unwrap(),
            )
        })
        .collect()
}

/// Every combination of base metrics, the last metric changing fastest.
fn every(prefix: &str, metrics: &[(&str, &str)]) -> Vec<String> {
    let mut all = vec![prefix.to_owned()];
    for (index, (name, values)) in metrics.iter().enumerate() {
        let slash = if index == 0 { "" } else { "/" };
        all = all
            .iter()
            .flat_map(|start| {
                values
                    .chars()
                    .map(move |one| format!("{start}{slash}{name}:{one}"))
            })
            .collect();
    }
    all
}

fn digest(vectors: &[String]) -> String {
    let mut hash = Sha256::new();
    for vector in vectors {
        let cvss: Cvss = vector.parse().unwrap();
        assert_eq!(cvss.vector, *vector);
        hash.update(format!("{vector} {:.1}\n", cvss.score));
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

const V2: &[(&str, &str)] = &[
    ("AV", "LAN"),
    ("AC", "HML"),
    ("Au", "MSN"),
    ("C", "NPC"),
    ("I", "NPC"),
    ("A", "NPC"),
];
const V3: &[(&str, &str)] = &[
    ("AV", "NALP"),
    ("AC", "LH"),
    ("PR", "NLH"),
    ("UI", "NR"),
    ("S", "UC"),
    ("C", "NLH"),
    ("I", "NLH"),
    ("A", "NLH"),
];
const V4: &[(&str, &str)] = &[
    ("AV", "NALP"),
    ("AC", "LH"),
    ("AT", "NP"),
    ("PR", "NLH"),
    ("UI", "NPA"),
    ("VC", "HLN"),
    ("VI", "HLN"),
    ("VA", "HLN"),
    ("SC", "HLN"),
    ("SI", "HLN"),
    ("SA", "HLN"),
];

#[test]
fn published_vectors_have_their_published_scores() {
    let known = known();
    for version in [Version::V2, Version::V30, Version::V31, Version::V4] {
        let of_it = known
            .iter()
            .filter(|(text, _)| text.parse::<Cvss>().unwrap().version == version);
        assert!(of_it.count() >= 40, "{version}");
    }
    for (text, score) in known {
        let cvss: Cvss = text.parse().unwrap();
        assert_eq!(cvss.score, score, "{text}");
    }
}

/// The digests are of what Red Hat's calculator (Python, 3.6) says, written as `vector score` a line.
#[test]
fn every_base_vector_has_the_score_that_another_implementation_gives() {
    let all = [
        (
            every("", V2),
            "efed619b32adeeb5402004b8a9180ce9e25cc70b2b2453f48d631a941c756a01",
        ),
        (
            every("CVSS:3.0/", V3),
            "f134f613e8657354166688dd681b0bde4b5b0ef798d03734f8c13de9c801e467",
        ),
        (
            every("CVSS:3.1/", V3),
            "874ef5781e529c4aa11859daef0797794432114393bc0e08ba97cd30b9272480",
        ),
        (
            every("CVSS:4.0/", V4),
            "3e71127d206a943d510f7324d2d7fd463e43d947e834bf7d001df9779df3405f",
        ),
    ];
    for (vectors, expected) in all {
        assert_eq!(digest(&vectors), expected, "of {}…", vectors[0]);
    }
}

#[test]
fn threat_and_environment_do_not_change_the_base_score() {
    for (with, without) in [
        (
            "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N/E:U",
            "CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
        ),
        (
            "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:N/E:F/RL:X",
            "CVSS:3.1/AV:N/AC:L/PR:H/UI:N/S:U/C:L/I:L/A:N",
        ),
        (
            "AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F/RL:OF/RC:C/CDP:N/TD:N/CR:M/IR:M/AR:H",
            "AV:N/AC:L/Au:N/C:N/I:N/A:C",
        ),
    ] {
        let with: Cvss = with.parse().unwrap();
        assert_eq!(with, without.parse().unwrap());
    }
}

#[test]
fn spellings_of_feeds_mean_the_same() {
    let plain: Cvss = "AV:N/AC:L/Au:N/C:P/I:N/A:N".parse().unwrap();
    for text in [
        "(AV:N/AC:L/Au:N/C:P/I:N/A:N)",
        "CVSS2#AV:N/AC:L/Au:N/C:P/I:N/A:N",
        "CVSS:2.0/AV:N/AC:L/Au:N/C:P/I:N/A:N",
        " AV:N/AC:L/Au:N/C:P/I:N/A:N\n",
    ] {
        assert_eq!(text.parse::<Cvss>().unwrap(), plain, "{text}");
    }
    let small: Cvss = "CVSS:3.1/av:n/ac:l/pr:n/ui:n/s:u/c:h/i:h/a:h"
        .parse()
        .unwrap();
    assert_eq!(small.vector, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H");
    let shuffled: Cvss = "CVSS:3.1/A:H/C:H/I:H/S:U/UI:N/PR:N/AC:L/AV:N"
        .parse()
        .unwrap();
    assert_eq!(shuffled, small);
}

#[test]
fn metrics_of_all_versions_are_read() {
    let read = |text: &str| {
        let cvss: Cvss = text.parse().unwrap();
        (cvss.attack_vector, cvss.privileges, cvss.interaction)
    };
    assert_eq!(
        read("AV:A/AC:L/Au:M/C:P/I:N/A:N"),
        (AttackVector::Adjacent, Privileges::High, None)
    );
    assert_eq!(
        read("AV:L/AC:L/Au:S/C:P/I:N/A:N"),
        (AttackVector::Local, Privileges::Low, None)
    );
    assert_eq!(
        read("CVSS:3.1/AV:P/AC:L/PR:H/UI:R/S:U/C:H/I:H/A:H"),
        (
            AttackVector::Physical,
            Privileges::High,
            Some(Interaction::Required)
        )
    );
    assert_eq!(
        read("CVSS:4.0/AV:N/AC:L/AT:N/PR:L/UI:A/VC:N/VI:N/VA:N/SC:L/SI:L/SA:N"),
        (
            AttackVector::Network,
            Privileges::Low,
            Some(Interaction::Active)
        )
    );
    assert_eq!(
        read("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:P/VC:N/VI:N/VA:N/SC:L/SI:L/SA:N"),
        (
            AttackVector::Network,
            Privileges::None,
            Some(Interaction::Required)
        )
    );
}

#[test]
fn a_broken_vector_is_refused_with_what_is_wrong() {
    for (text, why) in [
        ("", "empty"),
        ("CVSS:3.1", "is not a metric"),
        ("CVSS:3.3/AV:N", "\"3.3\" is not known"),
        ("CVSS:5.0/AV:N/AC:L", "\"5.0\" is not known"),
        ("XXX:3.0/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N", "XXX"),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N", "has no A,"),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A-N", "\"A-N\""),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/X:N", "X"),
        ("CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:X/A:N", "Integrity"),
        (
            "CVSS:3.1/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N/AV:N",
            "AV is there twice",
        ),
        (
            "CVSS:3.1/CVSS:3.0/AV:P/AC:H/PR:H/UI:R/S:U/C:N/I:N/A:N",
            "CVSS",
        ),
        ("AV:N/AC:L/Au:N/C:N/I:N", "has no A,"),
        ("AV:N/AC:L/Au:N/C:N/I:N/A:", "\"A:\""),
        ("AV:L/AC:H/Au:N/C:C/I:C/A:C?notaurl=1", "Availability"),
        ("AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", "PR"),
        ("CVSS:4.0///////////////////", "is not a metric"),
        (
            "CVSS:4.0/AV:/AC:L/AT:N/PR:H/UI:N/VC:L/SC:N/VI:L/SI:N/VA:N/SA:N",
            "\"AV:\"",
        ),
        (
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N",
            "has no SA",
        ),
        (
            "CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:🚮",
            "SA",
        ),
    ] {
        let error = text.parse::<Cvss>().unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    let long = format!("CVSS:3.1/{}", "AV:N/".repeat(200));
    assert!(matches!(
        long.parse::<Cvss>(),
        Err(CvssError::TooLong(1009))
    ));
}

/// A vector in which every part may be wrong.
fn nearly() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "(AV|AC|AT|PR|UI|S|C|I|A|Au|VC|VI|VA|SC|SI|SA|E|MAV):[A-Z]{0,2}",
        "[A-Za-z:/]{0,6}",
        "\\PC{0,4}",
    ];
    (
        prop_oneof![
            Just(""),
            Just("CVSS:3.0/"),
            Just("CVSS:3.1/"),
            Just("CVSS:4.0/"),
            Just("CVSS2#")
        ],
        prop::collection::vec(part, 0..14),
    )
        .prop_map(|(prefix, parts)| format!("{prefix}{}", parts.join("/")))
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_score_is_a_tenth_within_ten(text in prop_oneof![nearly(), ".*"]) {
        if let Ok(cvss) = text.parse::<Cvss>() {
            prop_assert!((0.0..=10.0).contains(&cvss.score));
            prop_assert_eq!((cvss.score * 10.0).round() / 10.0, cvss.score);
        }
    }

    #[test]
    fn a_vector_without_one_of_its_metrics_is_refused(
        version in 0_usize..4,
        which in 0_usize..120_000,
        left_out in 0_usize..11,
    ) {
        let all = match version {
            0 => every("", V2),
            1 => every("CVSS:3.0/", V3),
            2 => every("CVSS:3.1/", V3),
            _ => every("CVSS:4.0/", &V4[..6]).iter().map(|start| format!("{start}/VI:N/VA:N/SC:N/SI:N/SA:N")).collect(),
        };
        let whole = &all[which % all.len()];
        prop_assert!(whole.parse::<Cvss>().is_ok());
        let mut parts: Vec<&str> = whole.split('/').collect();
        let first = usize::from(version != 0);
        parts.remove(first + left_out % (parts.len() - first));
        let text = parts.join("/");
        let missing = matches!(text.parse::<Cvss>(), Err(CvssError::Missing { .. } | CvssError::Metric { .. }));
        prop_assert!(missing, "{}", text);
    }

    #[test]
    fn what_is_written_is_read_as_the_same(which in 0_usize..104_976) {
        let all = every("CVSS:4.0/", &V4[..6]);
        let text = format!("{}/VI:L/VA:N/SC:N/SI:H/SA:N", all[which % all.len()]);
        let cvss: Cvss = text.parse().unwrap();
        prop_assert_eq!(cvss.vector.parse::<Cvss>().unwrap(), cvss);
    }
}
