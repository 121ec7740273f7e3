//! Cases by hand, a table an order: chains that rise, strings that are equal, and what is a version.

use std::io::Cursor;

use crate::version::{Order, Wrong, by_name, check_vectors, order_of};

/// Each line rises from left to right, and so does each pair in it.
fn rises(order: &str, chains: &[&str]) {
    let order: &dyn Order = by_name(order).unwrap();
    for chain in chains {
        let chain: Vec<&str> = chain.split_whitespace().collect();
        for (place, lower) in chain.iter().enumerate() {
            for higher in &chain[place + 1..] {
                assert!(
                    order.compare(lower, higher).is_lt() && order.compare(higher, lower).is_gt(),
                    "{}: {lower} is not below {higher}",
                    order.name()
                );
            }
        }
    }
}

/// All of a line are equal.
fn equal(order: &str, lines: &[&[&str]]) {
    let order = by_name(order).unwrap();
    for line in lines {
        for (a, b) in line.iter().zip(&line[1..]) {
            assert!(
                order.compare(a, b).is_eq() && order.compare(b, a).is_eq(),
                "{}: {a:?} is not {b:?}",
                order.name()
            );
        }
    }
}

fn takes(order: &str, versions: &[&str]) {
    let order = by_name(order).unwrap();
    for version in versions {
        assert!(
            order.is_version(version),
            "{} refuses {version:?}",
            order.name()
        );
    }
}

fn refuses(order: &str, versions: &[&str]) {
    let order = by_name(order).unwrap();
    for version in versions {
        assert!(
            !order.is_version(version),
            "{} takes {version:?}",
            order.name()
        );
    }
}

#[test]
fn dpkg_puts_a_tilde_before_the_end_and_letters_before_signs() {
    rises(
        "dpkg",
        &[
            "1~~ 1~~a 1~ 1 1a 1b 1+ 1+deb12u1 1.0 1.1 1.10 2 1:0 1:0-1 2:0",
            "1.0-1~bpo12+1 1.0-1 1.0-1+b1 1.0-1.1 1.0-2 1.0-10 1.0.1-1",
            "5.15-2 5.15-2ubuntu1 5.15-2ubuntu1.1 5.15-2+b7",
            "1.2-3-4 1.2-4-1",
        ],
    );
    equal(
        "dpkg",
        &[&["1", "1-0", "0:1", "00:01-00", " 1 "], &["1.0", "1.00"]],
    );
    takes(
        "dpkg",
        &["0", "1:2.3-4", "2.36-9+deb12u7", "1.0~rc1-1", "1:1:2-3"],
    );
    refuses(
        "dpkg",
        &["a:1", ":1", "1:", "1-", "1_2", "1.0 2", "1.0-1_2"],
    );
}

#[test]
fn rpm_puts_a_tilde_before_the_end_and_a_caret_behind_it() {
    rises(
        "rpm",
        &[
            "1.0~beta 1.0~rc1 1.0~rc1^git1 1.0 1.0^ 1.0^git1 1.0^git2 1.0a 1.0.1 1.1 1.10 1:0",
            "1 1- 1-0 1-1 1-1.el9 1-1.1 1-2",
            "3.10.0-229.1.2.ael7b 3.10.0-229.1.2.el7 3.10.0-229.4.2.ael7b",
            "1.1.1k-7.el8_6 1.1.1k-9.el8_7 1.1.1k-12.el8_9",
        ],
    );
    equal(
        "rpm",
        &[
            &["1.0", "0:1.0", "1.00", "1_0", "1.0.", ":1.0"],
            &["1.1.α", "1.1.β"],
            &["a:1", "a_1"],
        ],
    );
    takes(
        "rpm",
        &["0", "1:1.1.1k-12.el8_9", "4.14.3", "1.0~rc1^git1-0.1"],
    );
    refuses("rpm", &["~", "1.0 2", "-"]);
}

#[test]
fn apk_reads_suffixes_letters_and_revisions() {
    rises(
        "apk",
        &[
            "1.2_alpha 1.2_alpha1 1.2_beta 1.2_pre 1.2_rc1 1.2_rc1-r1 1.2 1.2-r0 1.2-r1 1.2-r10 1.2_cvs \
             1.2_svn 1.2_git20240101 1.2_hg 1.2_p 1.2_p1 1.2a 1.2a1 1.2b 1.2.0 1.2.1 1.3 10",
            "1.0_rc1_pre1 1.0_rc1 1.0_rc1_p1",
            "1.2~abc 1.2~abd 1.2_p1",
            "1.01 1.02 1.1 1.9 1.10",
            "6.6.2_p1 6.6.2p1-r0 6.6.2p1-r1 6.6.2p2-r0 6.6.4p1-r0",
            "1-ruff 1 1-r0",
        ],
    );
    equal(
        "apk",
        &[&["1.2-r1", "1.2-r01"], &["01.2", "1.2"], &["1-r", "1-r0"]],
    );
    takes(
        "apk",
        &[
            "0",
            "1.2.3a_rc1_p2~0ab-r4",
            "20240101-r0",
            "6.6.2p1-r1",
            "3.1.4-r5",
        ],
    );
    refuses(
        "apk",
        &[
            "1.2-3",
            "1.2_foo",
            "1.",
            ".1",
            "a",
            "1.2-r1_p1",
            "1.2A",
            "1.2ab",
            "1.2-rx",
            "1.2~",
            "1.2-r1-r2",
        ],
    );
}

#[test]
fn pep440_knows_all_spellings() {
    rises(
        "pep440",
        &[
            "1.0.dev0 1.0a0.dev1 1.0a0 1.0a1.dev1 1.0a1 1.0a1.post1 1.0b1 1.0rc1 1.0rc2 1.0 1.0+a 1.0+a.b \
             1.0+a.1 1.0+0 1.0+1 1.0.post0.dev1 1.0.post0 1.0.post1 1.0.1 1.1 1.10 1!0",
            // From before the PEP: below any version, words by their letters, numbers filled up.
            "also_none not-a-version 0.0.dev0",
            "0.1-bulbasaur 0.1-charmander 0.9-doduo 0.1.dev0",
        ],
    );
    equal(
        "pep440",
        &[
            &["1.0", "1", "v1.0.0", " 1.0 ", "0!1", "01.0"],
            &["1.0a1", "1.0-alpha-1", "1.0_ALPHA_1", "1.0.a.1", "1.0A1"],
            &["1.0rc1", "1.0c1", "1.0pre1", "1.0-preview_1"],
            &["1.0.post1", "1.0-1", "1.0r1", "1.0-rev.1", "1.0post1"],
            &["1.0+ubuntu.1", "1.0+Ubuntu-1", "1.0+ubuntu_1"],
            &["1.0a", "1.0a0", "1.0a-"],
        ],
    );
    takes(
        "pep440",
        &["0", "1!2.3a4.post5.dev6+local.7", "2024.1", "1.0-1"],
    );
    refuses(
        "pep440",
        &[
            "1.0+", "1.0+a..b", "1.0-", "1..0", "1.0x", "!1", "1!", "1.0-1-1", "latest",
        ],
    );
}

#[test]
fn semver_is_read_loosely() {
    rises(
        "semver",
        &[
            "0 0.0.1-0 0.0.1-1 0.0.1-1.a 0.0.1-a 0.0.1-a.1 0.0.1-a-b 0.0.1-b 0.0.1 0.1 0.10.0 1 1.0.0.1 1.0.1",
            "1.2.3-beta 1.2.3-beta.2 1.2.3-beta.10 1.2.3-beta2 1.2.3",
        ],
    );
    equal(
        "semver",
        &[
            &[
                "1.2.3",
                "v1.2.3",
                "=1.2.3",
                " = v1.2.3",
                "1.2.3+build",
                "01.2.3",
            ],
            &["1", "1.0", "1.0.0"],
            &["1.2.3-beta", "1.2.3beta", "1.2.3-beta+b"],
            &["latest", "0-latest"],
        ],
    );
    takes(
        "semver",
        &[
            "0",
            "1.2",
            "v1.2.3",
            "1.2.3-alpha.1+build.5",
            "1.2.11.1",
            "0.0.0-0",
        ],
    );
    refuses(
        "semver",
        &[
            "latest",
            "1.2.3-a..b",
            "1.2.x y",
            "^1.2.3",
            "1.2.3-ä",
            ">=1",
        ],
    );
}

#[test]
fn go_knows_pseudo_versions_and_toolchains() {
    rises(
        "go",
        &[
            "v0.0.0-20190308221718-c2843e01d9a2 v0.0.0-20200622213623-75b288015ac9 v0.0.1",
            "v1.2.3-0.20200101000000-abcdefabcdef v1.2.3-pre v1.2.3 v1.2.4-0.20200101000000-abcdefabcdef",
            "go1.9.7 go1.20.14 go1.21beta1 go1.21rc2 go1.21rc10 go1.21.0 1.21.1-0 go1.21.1 1.22.0-rc.1 1.22.0",
        ],
    );
    equal(
        "go",
        &[
            &["v2.0.0+incompatible", "v2.0.0", "2.0.0"],
            &["go1.21rc2", "1.21rc2", "1.21.0-rc.2", "v1.21.0-rc.2"],
            &[
                "go1.22.3",
                "go1.22.3-fips",
                "go1.22.3 X:boringcrypto",
                "go1.22.3 (Red Hat 1.22.3-1.el9)",
                "1.22.3",
            ],
            &["go1.21", "1.21.0"],
        ],
    );
    takes(
        "go",
        &[
            "go1.22.3",
            "1.21rc2",
            "v0.0.0-20190308221718-c2843e01d9a2",
            "v2.0.0+incompatible",
        ],
    );
    refuses(
        "go",
        &["devel go1.22-abcdef", "(devel)", "golang", "go", "master"],
    );
}

#[test]
fn maven_knows_its_words_and_lists() {
    rises(
        "maven",
        &[
            "1-alpha-1 1-alpha-2 1-beta-1 1-milestone-1 1-rc-1 1-rc-2 1-SNAPSHOT 1 1-sp 1-sp-1 1-abc 1-xyz 1-1 1-2 \
             1.0.1 1.1",
            "4.0.0.Alpha1 4.0.0.Beta1 4.0.0.CR1 4.0.0.Final 4.0.1.Final",
            "2.0.0.M1 2.0.0.RC1 2.0.0.RELEASE 2.0.1.RELEASE",
            "31.0-android 31.0-jre 31.1-android",
            "1-rc-SNAPSHOT 1-rc 1-SNAPSHOT 1",
        ],
    );
    // Maven itself goes round: 1 < 1-1 < 1.0.alpha < 1, and 1 < 1.x < 1-alpha < 1.
    rises("maven", &["1.alpha 1-alpha 1.0.alpha 1 1.x 1-1"]);
    equal(
        "maven",
        &[
            &[
                "1",
                "1.0",
                "1-0",
                "1.ga",
                "1-final",
                "1.RELEASE",
                "1.0.0-0.0",
                "1.",
                "01",
            ],
            &["1a1", "1-alpha-1", "1.0a1"],
            &["1cr", "1-RC"],
            &["1-1", "1-ga-1", "1--1"],
        ],
    );
    takes(
        "maven",
        &["0", "1.0-SNAPSHOT", "31.1-jre", "5.0.0.Final-redhat-1"],
    );
    refuses("maven", &["${project.version}", "[1,2)", "LATEST", "1 2"]);
}

#[test]
fn rubygems_read_letters_as_pre_releases_and_no_platforms() {
    rises(
        "rubygems",
        &[
            "1.0.a 1.0.a.2 1.0.a10 1.0.b1 1.0.pre 1.0.pre.1 1.0.rc1 1 1.0.1.a 1.0.1 1.1 1.10",
            "1.0-a 1.0-b 1.0",
        ],
    );
    equal(
        "rubygems",
        &[
            &["1", "1.0", "1.0.0", " 1 "],
            &["1.0.a2", "1.a.2", "1.0.a.2.0"],
            &[
                "1.13.0-x86_64-linux",
                "1.13.0",
                "1.13.0-java",
                "1.13.0-aarch64-linux-gnu",
            ],
            &["1.0-a", "1.0.pre.a"],
        ],
    );
    takes(
        "rubygems",
        &[
            "0",
            "1.2.3",
            "4.0.0.beta1",
            "1.0-rc.1",
            "1.13.0-x86_64-linux",
        ],
    );
    refuses("rubygems", &["a", "1.", "1..2", "1_2", "1.0-"]);
}

#[test]
fn packagist_compares_as_php_does() {
    rises(
        "packagist",
        &[
            "1.0-foo 1.0-dev 1.0-alpha 1.0-alpha2 1.0-beta1 1.0-RC1 1.0RC2 1.0 1.0.0 1.0.1 1.0pl1 1.1 1.10",
            "dev-main 0.1",
            "1.0. 1.0",
            "1:2 1.0-dev 1.0",
        ],
    );
    equal(
        "packagist",
        &[
            &["v1.0", "1.0", "V1.0"],
            &["1.0-beta.2", "1.0b2", "1.0_beta+2"],
            &["1.0RC1", "1.0-rc.1"],
        ],
    );
    takes("packagist", &["0", "v1.2.3-beta1", "1.0.0.0"]);
    refuses("packagist", &["dev-main", "master", "", "v"]);
}

#[test]
fn nuget_has_four_numbers_and_no_case() {
    rises(
        "nuget",
        &[
            "1.0.0-alpha 1.0.0-Beta 1.0.0-beta.2 1.0.0-beta.10 1.0.0-beta2 1.0.0 1.0.0.1-a 1.0.0.1 1.0.1",
        ],
    );
    equal(
        "nuget",
        &[
            &["1.0", "1.0.0.0", "1.0.0+build", "1.00"],
            &["1.0.0-BETA", "1.0.0-beta"],
        ],
    );
    takes("nuget", &["0", "1.0.0.1-Beta.2+abc"]);
    refuses("nuget", &["1.2.3.4.5", "latest", "[1.0,2.0)"]);
}

#[test]
fn the_smaller_languages_have_their_rules() {
    rises("cran", &["0.1 0.1-0 0.1-1 0.1.2 0.9 0.75 1.0"]);
    equal("cran", &[&["0.1-2", "0.1.2", "0.01.02"]]);
    refuses("cran", &["", "1.a", "1..2"]);
    rises("hackage", &["0 0.1 0.1.0 0.1.0.0 0.1.26.0 0.11 1"]);
    refuses("hackage", &["1-2", "1.a"]);
    rises(
        "pub",
        &["1.0.0-a 1.0.0-a+1 1.0.0 1.0.0+1 1.0.0+9 1.0.0+10 1.0.0+a 1.0.0+a.1 1.0.1"],
    );
    rises("opam", &["1.0~beta 1.0 1.0+dev 1.0.1 1.0.10"]);
    takes("opam", &["v0.16.0", "4.14.1+options", "1.0~beta1"]);
    refuses("opam", &["1:2", "a b"]);
    rises(
        "generic",
        &["1.0-dev 1.0-alpha 1.0-rc1 v1.0 1.0-custom 1.0.0 1.0.1 1.1 1.10"],
    );
    equal("generic", &[&["v1.0-RC1", "1.0_rc.1"]]);
}

#[test]
fn every_ecosystem_of_osv_has_its_order() {
    for (ecosystem, order) in [
        ("Debian", "dpkg"),
        ("Ubuntu:22.04:LTS", "dpkg"),
        ("Alpine", "apk"),
        ("Wolfi", "apk"),
        ("Chainguard", "apk"),
        ("MinimOS", "apk"),
        ("Red Hat", "rpm"),
        ("Rocky Linux", "rpm"),
        ("AlmaLinux:9", "rpm"),
        ("SUSE", "rpm"),
        ("openSUSE", "rpm"),
        ("Mageia", "rpm"),
        ("Azure Linux", "rpm"),
        ("Photon OS", "rpm"),
        ("openEuler", "rpm"),
        ("Bitnami", "semver"),
        ("npm", "semver"),
        ("crates.io", "semver"),
        ("Hex", "semver"),
        ("ConanCenter", "semver"),
        ("SwiftURL", "semver"),
        ("Julia", "semver"),
        ("GitHub Actions", "semver"),
        ("Kubernetes", "semver"),
        ("VSCode", "semver"),
        ("PyPI", "pep440"),
        ("Go", "go"),
        ("Maven:https://maven.google.com", "maven"),
        ("RubyGems", "rubygems"),
        ("Packagist", "packagist"),
        ("NuGet", "nuget"),
        ("CRAN", "cran"),
        ("Hackage", "hackage"),
        ("Pub", "pub"),
        ("opam", "opam"),
        ("Echo", "dpkg"),
        ("CleanStart", "apk"),
        ("Root:Alpine:3.18", "apk"),
        ("Root:PyPI", "pep440"),
        ("Linux", "generic"),
    ] {
        assert_eq!(order_of(ecosystem).unwrap().name(), order, "{ecosystem}");
    }
    for unknown in ["", "debian", "Root", "Root:Root:Root:Alpine", "GIT", "Nix"] {
        assert!(order_of(unknown).is_none(), "{unknown}");
    }
}

#[test]
fn a_report_counts_and_names_wrong_lines() {
    let lines = "# a comment\n// another\n\n1.0 < 1.1\n1.1 < 1.0\r\n1.0 == 1.0\n1 <= 2\n2 >= 3\n\
                 1.0 is 1.0\n1.0 < 1.1 # more\njust one\n1.0 = 1.0.1";
    let report = check_vectors(by_name("semver").unwrap(), Cursor::new(lines)).unwrap();
    assert_eq!(
        (report.compared, report.wrong, report.blank, report.unread),
        (6, 3, 3, 3)
    );
    assert_eq!(report.first_unread, [9, 10, 11]);
    assert_eq!(
        report.first_wrong[0],
        Wrong {
            line: 5,
            left: "1.1".to_owned(),
            expected: "<",
            found: ">",
            right: "1.0".to_owned(),
        }
    );
    assert_eq!(
        report.first_wrong[2].to_string(),
        "line 12: 1.0 = 1.0.1, but the order says 1.0 < 1.0.1"
    );
}

#[test]
fn a_report_keeps_a_hundred_lines_and_no_endless_one() {
    let endless = "1".repeat(300_000);
    let lines = format!("{}{endless} < 2\n1 < 2\n{endless}", "2 < 1\n".repeat(250));
    let report = check_vectors(by_name("rpm").unwrap(), Cursor::new(lines)).unwrap();
    assert_eq!((report.compared, report.wrong), (251, 250));
    assert_eq!(report.first_wrong.len(), 100);
    assert_eq!(report.first_unread, [251, 253]);
}
