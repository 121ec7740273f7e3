//! `advisories`: what was imported, what it says, and what a broken source leaves alone.

use ox_harness::advisories::{self, Edition, Record};

use super::issues::{STORE, import, list, scan, shop};
use super::*;

#[test]
fn status_says_what_was_imported_and_what_it_covers() {
    let stage = shop();
    scan(&stage);
    let status = stage.ox(&["advisories", "status", "--json"]).must(0).json();
    let text = status.to_string();
    for source in [
        "Debian",
        "Alpine",
        "npm",
        "Maven",
        "PyPI",
        "Go",
        "crates.io",
    ] {
        assert!(text.contains(&format!("\"{source}\"")), "{source}: {text}");
    }
    for feed in ["kev", "epss"] {
        assert!(text.contains(&format!("\"{feed}\":{{")), "{feed}: {text}");
    }
    let table = stage.ox(&["advisories", "status"]).must(0).stdout;
    let debian = table
        .lines()
        .find(|line| line.starts_with("Debian "))
        .unwrap();
    assert_eq!(debian.split_whitespace().nth(1).unwrap(), "8", "{table}");
    assert!(table.contains("Debian:12"), "{table}");
    import(&stage, Edition::Second);
    let table = stage.ox(&["advisories", "status"]).must(0).stdout;
    let npm = table.lines().find(|line| line.starts_with("npm ")).unwrap();
    let columns: Vec<&str> = npm.split_whitespace().collect();
    assert_eq!((columns[1], columns[2]), ("6", "1"), "{table}");
}

#[test]
fn match_answers_for_package_urls_without_any_scan() {
    let stage = Stage::small();
    import(&stage, Edition::First);
    let purls = [
        "pkg:npm/lodash@4.17.20",
        "pkg:npm/lodash@4.17.21",
        "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
        "pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?distro=debian-12&upstream=zlib",
        "pkg:golang/golang.org/x/net@v0.23.0",
        "no purl at all",
    ];
    let lines = stage
        .ox(&[&["advisories", "match", "--json"][..], &purls].concat())
        .must(0)
        .lines();
    let ids = |at: usize| lines[at]["matches"].to_string();
    assert_eq!(lines.len(), purls.len());
    assert!(ids(0).contains("GHSA-35jh-r3h4-6jhm"), "{}", ids(0));
    assert!(!ids(1).contains("GHSA-35jh-r3h4-6jhm"), "{}", ids(1));
    assert!(ids(1).contains("GHSA-8p5q-j9m2-g8wr"), "{}", ids(1));
    assert!(ids(2).contains("GHSA-jfh8-c2jp-5v3q"), "{}", ids(2));
    assert!(ids(3).contains("DEBIAN-CVE-2023-45853"), "{}", ids(3));
    assert!(ids(4).contains("GO-2024-3333"), "{}", ids(4));
    assert!(lines[5]["not_matched"].is_string(), "{}", lines[5]);
    let piped = stage
        .run(&["advisories", "match"])
        .input("# a comment\npkg:npm/lodash@4.17.20\n\n")
        .end()
        .must(0)
        .stdout;
    assert!(piped.contains("GHSA-35jh-r3h4-6jhm"), "{piped}");
    assert_eq!(stage.gitlab.count(|_| true), 0);
}

#[test]
fn show_prints_a_record_and_compare_two_versions() {
    let stage = Stage::small();
    import(&stage, Edition::Second);
    let shown = stage
        .ox(&["advisories", "show", "GHSA-8p5q-j9m2-g8wr"])
        .must(0)
        .stdout;
    assert!(
        shown.contains("withdrawn") && shown.contains("CVE-2021-41720"),
        "{shown}"
    );
    let unknown = stage.ox(&["advisories", "show", "GHSA-none"]).must(2);
    assert!(
        unknown.stderr.contains("advisories status"),
        "{}",
        unknown.stderr
    );
    for (order, a, b, sign) in [
        ("Debian", "1.0~rc1", "1.0", '<'),
        ("apk", "1.2.5-r1", "1.2.5-r0", '>'),
        ("PyPI", "1.0.post1", "1.0", '>'),
        ("npm", "1.0.0", "1.0.0", '='),
    ] {
        let said = stage
            .ox(&["advisories", "compare", order, a, b])
            .must(0)
            .stdout;
        assert_eq!(said, format!("{a} {sign} {b}\n"));
    }
    let lines = stage
        .run(&["advisories", "compare", "dpkg"])
        .input("1 < 2\n2 < 1\n")
        .end()
        .must(1);
    assert!(
        lines.stdout.contains("2 comparisons, 1 wrong"),
        "{}",
        lines.stdout
    );
    stage
        .ox(&["advisories", "compare", "klingon", "1", "2"])
        .must(2);
    stage.ox(&["advisories", "compare", "dpkg", "1"]).must(2);
}

#[test]
fn a_source_that_is_broken_or_suddenly_small_leaves_the_queue_alone() {
    let stage = shop();
    scan(&stage);
    let before = list(&stage, &["--location", STORE]).len();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let npm = folder.path().join("npm");
    std::fs::create_dir(&npm).unwrap();
    std::fs::write(npm.join("all.zip"), "PK\u{3}\u{4} and then nothing").unwrap();
    let broken = stage.ox(&["advisories", "import", path]).must(3);
    assert!(broken.stderr.contains("npm"), "{}", broken.stderr);
    assert_eq!(list(&stage, &["--location", STORE]).len(), before);
    // One record where there were two hundred.
    let record = |number: usize| {
        Record::new(
            "RubyGems",
            &format!("GHSA-0000-0000-{number:04}"),
            "2020-01-01",
        )
        .affects("RubyGems", "nothing", &[("0", None)])
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let many: Vec<Record> = (0..200).map(record).collect();
    advisories::write_bulk(folder.path(), &many).unwrap();
    stage.ox(&["advisories", "import", path]).must(0);
    advisories::write_bulk(folder.path(), &[record(0)]).unwrap();
    let small = stage.ox(&["advisories", "import", path]).must(3);
    assert!(small.stderr.contains("RubyGems"), "{}", small.stderr);
    assert_eq!(list(&stage, &["--location", STORE]).len(), before);
    stage
        .ox(&["advisories", "import", path, "--accept-shrink"])
        .must(0);
    let nothing = tempfile::tempdir().unwrap();
    let empty = stage.ox(&["advisories", "import", nothing.path().to_str().unwrap()]);
    assert_ne!(empty.code, 0, "{empty:?}");
    assert!(empty.stderr.contains("error:"), "{}", empty.stderr);
}

#[test]
fn advisories_may_come_before_the_scan_or_after_it() {
    let before = shop();
    scan(&before);
    let mut org = small();
    let shop_id = org.projects.iter().find(|p| p.path == "shop").unwrap().id;
    let store = org.repository(shop_id, "store");
    let image = super::issues::store_image("4.17.20");
    org.push(store, "1.0", &image);
    org.push(store, "latest", &image);
    let after = Stage::of(org).connected();
    scan(&after);
    import(&after, Edition::First);
    let queue = |stage: &Stage| -> BTreeSet<String> {
        let all = list(stage, &[]);
        all.iter()
            .map(|one| {
                format!(
                    "{} {} {}",
                    one["title"], one["severity"], one["fingerprint"]
                )
            })
            .collect()
    };
    let titles = |stage: &Stage| -> BTreeSet<String> {
        queue(stage)
            .iter()
            .map(|one| one.rsplit_once(' ').unwrap().0.to_owned())
            .collect()
    };
    assert_eq!(titles(&before), titles(&after));
    assert_eq!(queue(&before).len(), queue(&after).len());
}
