//! Each factor of the vulnerability and its package: up, down, and not known.

use super::*;

#[test]
fn what_is_in_the_kev_catalogue_rises() {
    let verdict = weighed(|facts| facts.threats[0].known_exploited = Some(known(false)));
    assert_eq!(number(&verdict, "known-exploited"), Some(1.0));
    let factor = of(&verdict, "known-exploited").unwrap();
    assert!(factor.reason.contains("CVE-2021-44228") && factor.reason.contains("2021-12-10"));
    let links: Vec<_> = factor
        .evidence
        .iter()
        .filter_map(|one| one.link.as_deref())
        .collect();
    assert!(
        links.contains(&"https://nvd.nist.gov/vuln/detail/CVE-2021-44228"),
        "{links:?}"
    );
    assert!(
        links
            .iter()
            .any(|link| link.starts_with("https://www.cisa.gov/"))
    );
}

#[test]
fn what_is_not_in_the_catalogue_has_no_factor_but_without_a_catalogue_it_is_not_known() {
    let verdict = weighed(|_| ());
    assert_eq!(number(&verdict, "known-exploited"), None);
    let verdict = weighed(|facts| facts.inputs.kev = None);
    assert_eq!(number(&verdict, "known-exploited"), Some(0.0));
    assert!(misses(&verdict, Input::Kev));
    let reason = &of(&verdict, "known-exploited").unwrap().reason;
    assert!(reason.contains("ox-host advisories import"), "{reason}");
    // Ransomware asks for the same: it is said once.
    assert_eq!(number(&verdict, "ransomware"), None);
}

#[test]
fn without_a_cve_neither_kev_nor_epss_can_tell() {
    let verdict = weighed(|facts| {
        facts.threats[0] = Threat {
            id: "GHSA-x".to_owned(),
            ..Threat::default()
        }
    });
    assert!(misses(&verdict, Input::Cve));
    assert_eq!(number(&verdict, "epss"), None);
}

#[test]
fn ransomware_raises_above_known_exploited() {
    let without = weighed(|facts| facts.threats[0].known_exploited = Some(known(false)));
    let with = weighed(|facts| facts.threats[0].known_exploited = Some(known(true)));
    assert_eq!(number(&without, "ransomware"), None);
    assert_eq!(number(&with, "ransomware"), Some(0.5));
    assert_eq!(with.score, without.score + 0.5);
}

#[test]
fn epss_raises_by_score_or_percentile_and_lowers_by_both_only() {
    let change = |score, percentile| {
        number(
            &weighed(|facts| facts.threats[0].epss = Some(epss(score, percentile))),
            "epss",
        )
    };
    assert_eq!(change(0.942, 0.998), Some(0.75));
    assert_eq!(change(0.5, 0.9), Some(0.75));
    assert_eq!(change(0.49, 0.9), Some(0.4));
    assert_eq!(change(0.1, 0.9), Some(0.4));
    assert_eq!(change(0.01, 0.95), Some(0.4));
    assert_eq!(change(0.02, 0.8), None);
    assert_eq!(change(0.0004, 0.12), Some(-0.4));
    assert_eq!(change(0.0004, 0.5), None);
    assert_eq!(change(0.005, 0.12), None);
}

#[test]
fn the_reason_of_epss_has_score_percentile_and_day() {
    let verdict = weighed(|facts| facts.threats[0].epss = Some(epss(0.942, 0.998)));
    let factor = of(&verdict, "epss").unwrap();
    assert!(
        factor
            .reason
            .starts_with("EPSS 94.2 % (percentile 99.8 %) on 2026-05-18: CVE-2021-44228"),
        "{}",
        factor.reason
    );
    assert_eq!(
        factor.evidence[0].link.as_deref(),
        Some("https://api.first.org/data/v1/epss?cve=CVE-2021-44228")
    );
}

#[test]
fn a_low_epss_lowers_nothing_that_has_an_exploit() {
    let low = |facts: &mut Facts| facts.threats[0].epss = Some(epss(0.0004, 0.12));
    assert_eq!(number(&weighed(low), "epss"), Some(-0.4));
    let exploit = weighed(|facts| {
        low(facts);
        facts.threats[0]
            .exploits
            .push("https://example.com/poc".to_owned());
    });
    assert_eq!(number(&exploit, "epss"), None);
    let exploited = weighed(|facts| {
        low(facts);
        facts.threats[0].known_exploited = Some(known(false));
    });
    assert_eq!(number(&exploited, "epss"), None);
}

#[test]
fn while_kev_or_epss_are_not_there_a_low_epss_lowers_nothing() {
    let low = |facts: &mut Facts| facts.threats[0].epss = Some(epss(0.0004, 0.12));
    let no_kev = weighed(|facts| {
        low(facts);
        facts.inputs.kev = None;
    });
    assert_eq!(number(&no_kev, "epss"), None);
    assert!(misses(&no_kev, Input::Kev));
    let no_epss = weighed(|facts| {
        facts.threats[0].epss = None;
        facts.inputs.epss = None;
    });
    assert_eq!(number(&no_epss, "epss"), Some(0.0));
    assert!(misses(&no_epss, Input::Epss));
    let half = weighed(|facts| {
        low(facts);
        facts.threats.push(Threat {
            id: "CVE-2026-0001".to_owned(),
            ..Threat::default()
        });
    });
    assert_eq!(number(&half, "epss"), Some(0.0));
    assert!(misses(&half, Input::EpssScore));
}

#[test]
fn a_score_that_is_no_share_is_as_none() {
    for score in [f64::NAN, -1.0, 94.2] {
        let verdict = weighed(|facts| facts.threats[0].epss = Some(epss(score, 0.1)));
        assert_eq!(number(&verdict, "epss"), Some(0.0), "{score}");
    }
}

#[test]
fn a_public_exploit_raises_and_is_linked_only_where_it_is_a_web_page() {
    let verdict = weighed(|facts| {
        facts.threats[0].exploits = vec![
            "https://example.com/poc".to_owned(),
            "javascript:alert(1)".to_owned(),
        ];
    });
    let factor = of(&verdict, "public-exploit").unwrap();
    assert_eq!(factor.change, 0.4);
    assert_eq!(
        factor.evidence[0].link.as_deref(),
        Some("https://example.com/poc")
    );
    assert_eq!(factor.evidence[1].link, None);
    assert_eq!(number(&weighed(|_| ()), "public-exploit"), None);
    let verdict = weighed(|facts| facts.inputs.advisories = false);
    assert!(misses(&verdict, Input::Advisories));
}

#[test]
fn the_attack_vector_counts_by_how_near_an_attacker_must_be() {
    let change = |letter: &str| {
        let vector = format!("CVSS:3.1/AV:{letter}/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H");
        number(
            &weighed(|facts| facts.ratings = vec![rating("NVD", "CVSS_V3", &vector)]),
            "attack-vector",
        )
    };
    assert_eq!(change("N"), Some(0.1));
    assert_eq!(change("A"), Some(-0.1));
    assert_eq!(change("L"), Some(-0.5));
    assert_eq!(change("P"), Some(-1.0));
}

#[test]
fn privileges_and_interaction_lower_where_they_are_needed() {
    let verdict =
        |vector: &str| weighed(|facts| facts.ratings = vec![rating("NVD", "CVSS_V3", vector)]);
    let open = verdict(NETWORK);
    assert_eq!(number(&open, "privileges-required"), Some(0.05));
    assert_eq!(number(&open, "user-interaction"), Some(0.05));
    let closed = verdict("CVSS:3.1/AV:N/AC:L/PR:H/UI:R/S:U/C:H/I:H/A:H");
    assert_eq!(number(&closed, "privileges-required"), Some(-0.25));
    assert_eq!(number(&closed, "user-interaction"), Some(-0.15));
    let active = verdict("CVSS:4.0/AV:N/AC:L/AT:N/PR:L/UI:A/VC:N/VI:N/VA:N/SC:L/SI:L/SA:N");
    assert_eq!(number(&active, "privileges-required"), Some(-0.1));
    assert_eq!(number(&active, "user-interaction"), Some(-0.2));
}

#[test]
fn without_a_vector_that_is_said_once() {
    let verdict = weighed(|facts| facts.ratings = vec![rating("GHSA", "word", "HIGH")]);
    assert_eq!(
        unknowns(&verdict)
            .iter()
            .filter(|name| *name == "a CVSS vector")
            .count(),
        1
    );
}

#[test]
fn of_several_vectors_the_newest_version_counts() {
    let verdict = weighed(|facts| {
        facts.ratings = vec![
            rating("NVD", "CVSS_V3", LOCAL),
            rating(
                "CNA",
                "CVSS_V4",
                "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N",
            ),
        ];
    });
    assert_eq!(number(&verdict, "attack-vector"), Some(0.1));
}

#[test]
fn a_kernel_package_in_a_container_falls_strongly() {
    for (name, source) in [
        ("linux-libc-dev", Some("linux")),
        ("kernel-headers", None),
        ("linux-image-6.1.0-18-amd64", None),
        ("bpftool", Some("linux")),
    ] {
        let verdict = weighed(|facts| {
            let package = facts.package.as_mut().unwrap();
            package.name = name.to_owned();
            package.source_name = source.map(str::to_owned);
        });
        assert_eq!(number(&verdict, "kernel-package"), Some(-1.5), "{name}");
    }
    for name in ["zlib1g", "linux-pam", "util-linux", "kernelshark"] {
        let verdict = weighed(|facts| facts.package.as_mut().unwrap().name = name.to_owned());
        assert_eq!(number(&verdict, "kernel-package"), None, "{name}");
    }
    let npm = weighed(|facts| {
        let package = facts.package.as_mut().unwrap();
        (package.format, package.name) = ("npm".to_owned(), "kernel".to_owned());
    });
    assert_eq!(number(&npm, "kernel-package"), None);
}

#[test]
fn what_is_for_tests_falls_and_npm_without_a_mark_is_not_known() {
    let test = |format: &str, mark| {
        weighed(|facts| {
            let package = facts.package.as_mut().unwrap();
            package.format = format.to_owned();
            package.test_only = mark;
        })
    };
    assert_eq!(number(&test("npm", Some(true)), "test-only"), Some(-0.75));
    assert_eq!(number(&test("npm", Some(false)), "test-only"), None);
    assert!(misses(&test("npm", None), Input::TestOnly));
    assert_eq!(number(&test("dpkg", None), "test-only"), None);
}

#[test]
fn an_unsure_match_falls_with_its_doubt() {
    let verdict = |certainty| {
        weighed(|facts| {
            let package = facts.package.as_mut().unwrap();
            package.certainty = Some(certainty);
            package.doubt = Some("the version is no version".to_owned());
        })
    };
    assert_eq!(
        number(&verdict(Certainty::Certain), "match-certainty"),
        None
    );
    assert_eq!(
        number(&verdict(Certainty::Likely), "match-certainty"),
        Some(-0.15)
    );
    let unsure = verdict(Certainty::Unsure);
    let factor = of(&unsure, "match-certainty").unwrap();
    assert_eq!(factor.change, -0.5);
    assert!(factor.reason.contains("the version is no version"));
}

#[test]
fn go_packages_that_are_not_told_to_be_linked_lower_instead_of_the_likely_match() {
    let verdict = weighed(|facts| {
        let package = facts.package.as_mut().unwrap();
        package.format = "go-binary".to_owned();
        package.certainty = Some(Certainty::Likely);
        package.imports = vec!["net/http".to_owned()];
    });
    assert_eq!(number(&verdict, "go-packages"), Some(-0.2));
    assert!(
        of(&verdict, "go-packages")
            .unwrap()
            .reason
            .contains("net/http")
    );
    assert_eq!(number(&verdict, "match-certainty"), None);
}

#[test]
fn a_vendored_copy_falls_only_where_every_copy_is_one() {
    let verdict = |format: &str, paths: &[&str]| {
        weighed(|facts| {
            let package = facts.package.as_mut().unwrap();
            package.format = format.to_owned();
            package.paths = paths.iter().map(|path| (*path).to_owned()).collect();
        })
    };
    let pip = "usr/lib/python3/site-packages/pip/_vendor/urllib3/METADATA";
    assert_eq!(number(&verdict("python", &[pip]), "vendored"), Some(-0.2));
    assert_eq!(
        number(
            &verdict("python", &[pip, "srv/urllib3/METADATA"]),
            "vendored"
        ),
        None
    );
    assert_eq!(
        number(&verdict("composer", &["srv/vendor/a/b"]), "vendored"),
        None
    );
}

#[test]
fn what_no_package_manager_knows_rises_a_little() {
    let verdict = weighed(|facts| facts.package.as_mut().unwrap().format = "java".to_owned());
    assert_eq!(number(&verdict, "unowned"), Some(0.05));
    assert_eq!(number(&weighed(|_| ()), "unowned"), None);
    assert!(misses(
        &weighed(|facts| facts.package = None),
        Input::Package
    ));
}

#[test]
fn the_base_image_lowers_and_an_own_layer_raises() {
    let verdict = |origins: &[&str]| {
        weighed(|facts| {
            facts.package.as_mut().unwrap().origins =
                origins.iter().map(|one| (*one).to_owned()).collect();
        })
    };
    assert_eq!(number(&verdict(&["base-image"]), "origin"), Some(-0.15));
    assert_eq!(
        number(&verdict(&["base-image", "operating-system"]), "origin"),
        None
    );
    assert_eq!(
        number(&verdict(&["base-image", "user-layer"]), "origin"),
        Some(0.1)
    );
    assert!(misses(&verdict(&[]), Input::Origin));
    assert!(misses(&verdict(&["base-image", "unknown"]), Input::Origin));
}
