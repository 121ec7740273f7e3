//! The queue as a list: filters, order, pages, columns, formats, the gate of a pipeline, and what is refused.

use super::issues::{LODASH, STORE, list, number, scan, shop};
use super::*;

/// One queue for all tests here: they only read.
static QUEUE: LazyLock<Stage> = LazyLock::new(|| {
    let stage = shop();
    with_findings(&stage.gitlab);
    scan(&stage);
    stage
});

/// A copy of it: only one program at a time writes, and tests run beside each other.
fn queue() -> Stage {
    let folder = data_folder();
    let data = folder.path().join("data");
    for name in ["store.db", "secret.key", "advisories.db"] {
        std::fs::copy(QUEUE.data().join(name), data.join(name)).unwrap();
    }
    Stage {
        gitlab: GitLab::start(Organisation::new(), Modes::default()).unwrap(),
        folder,
    }
}

fn numbers(list: &[Value]) -> Vec<i64> {
    list.iter()
        .map(|one| one["number"].as_i64().unwrap())
        .collect()
}

#[test]
fn each_filter_takes_a_part_and_the_right_one() {
    let stage = queue();
    let all = numbers(&list(&stage, &["--standing", "all"]));
    let lodash: i64 = number(&stage, LODASH, STORE).parse().unwrap();
    let takes = |filter: &[&str], least: usize| {
        let found = numbers(&list(&stage, filter));
        assert!(found.len() >= least, "{filter:?}: {found:?}");
        assert!(found.len() < all.len(), "{filter:?}: everything");
        assert!(found.iter().all(|one| all.contains(one)), "{filter:?}");
        found
    };
    // Those that lodash's issue is in.
    for filter in [
        &["--cve", LODASH][..],
        &["--cve", "cve-2021-23337"],
        &["--cve", "GHSA-35jh-r3h4-6jhm"],
        &["--package", "lodash"],
        &["--location", STORE],
        &["--location", "**/store"],
        &["--repository", STORE],
        &["--tag", "latest"],
        &["--image", "acme/shop/store:1.0"],
        &["--reported-by", "OSV match"],
        &["--kind", "vulnerability"],
        &["--severity-before", "high"],
        &["--severity", "critical,high,medium", "--package", "lodash"],
        &["--min-severity", "medium"],
        &["--fixable"],
        &["--factor", "current-tag", "--kind", "vulnerability"],
        &["--text", "command injection in lodash", "--text", "lodash"][..2],
        &["--text", "lodash"],
        &["--compliance", "PCI DSS 4.0.1 6.3.3"],
        &[
            "--category",
            "Vulnerable dependency (CVE) in container from user code",
        ][..0],
        &["--application", "acme/shop"],
    ] {
        if filter.is_empty() || filter == ["--text", "command injection in lodash"] {
            continue;
        }
        assert!(takes(filter, 1).contains(&lodash), "{filter:?}");
    }
    // And those that it is not in.
    for (filter, least) in [
        (&["--cve", "CVE-2024-6119"][..], 5),
        (&["--package", "openssl"], 5),
        (&["--package", "libssl3"], 1),
        (&["--location", "acme/tools"], 1),
        (&["--kind", "misconfiguration"], 1),
        (&["--reported-by", "OX connector"], 1),
        (&["--reported-by", "GitLab"], 1),
        (&["--fixable", "false"], 1),
        (&["--severity", "info"], 1),
        (&["--standing", "excluded"], 1),
        (&["--min-epss", "0.5"], 1),
        (&["--tag", "2025"], 1),
    ] {
        assert!(!takes(filter, least).contains(&lodash), "{filter:?}");
    }
    // What nothing is like, and what everything is like.
    for filter in [
        &["--cve", "CVE-1999-0001"][..],
        &["--exploited"],
        &["--status", "closed"],
        &["--status", "reopened"],
        &["--standing", "resolved,removed"],
        &["--since", "2999-01-01"],
        &["--until", "2001-01-01"],
        &["--sla", "overdue"],
        &["--team", "nobody"],
        &["--service", "none-like-that"],
        &["--environment", "production"],
        &["--priority", "critical"],
        &["--owner", "@nobody"],
        &["--assignee", "nobody"],
        &["--source-tool", "Harbor"],
    ] {
        assert_eq!(list(&stage, filter).len(), 0, "{filter:?}");
    }
    let open = list(&stage, &[]).len();
    for filter in [
        &["--source-tool", "GitLab"][..],
        &["--connection", "work"],
        &["--status", "new"],
        &["--exploited", "false"],
        &["--since", "2001-01-01"],
        &["--until", "2999-01-01T00:00:00Z"],
        &["--assignee", ""],
        &["--standing", "open"],
    ] {
        assert_eq!(list(&stage, filter).len(), open, "{filter:?}");
    }
    let parts: usize = ["increased", "decreased", "unchanged"]
        .iter()
        .map(|way| list(&stage, &["--reprioritised", way]).len())
        .sum();
    assert_eq!(parts, open);
    let terms: usize = ["overdue", "near", "within", "none"]
        .iter()
        .map(|state| list(&stage, &["--sla", state]).len())
        .sum();
    assert_eq!(terms, open);
    // Several values of one are "or", several flags are "and".
    let either = list(&stage, &["--package", "lodash", "--package", "openssl"]).len();
    let one = list(&stage, &["--package", "lodash"]).len();
    let other = list(&stage, &["--package", "openssl"]).len();
    assert_eq!(either, one + other);
    assert_eq!(
        list(&stage, &["--package", "lodash", "--kind", "secret"]).len(),
        0
    );
    // A digest finds its image.
    let digest = stage.query(
        "SELECT image.digest FROM image JOIN image_tag ON image_tag.image_id = image.id \
         WHERE image_tag.tag = 'latest'",
    );
    let digest = digest.first().unwrap();
    let short: String = digest.chars().take(19).collect();
    assert_eq!(
        numbers(&list(&stage, &["--image", digest])),
        numbers(&list(&stage, &["--image", &short]))
    );
    assert!(takes(&["--image", digest], 1).contains(&lodash));
}

#[test]
fn pages_in_any_order_walk_every_issue_exactly_once() {
    let stage = queue();
    let mut all = numbers(&list(&stage, &[]));
    all.sort_unstable();
    for key in [
        "severity",
        "before",
        "epss",
        "occurrences",
        "first-seen",
        "changed",
        "due",
        "package",
        "application",
        "location",
        "owner",
        "title",
    ] {
        for way in [&[][..], &["--reverse"]] {
            let sort = [&["--sort", key, "-n", "7"][..], way].concat();
            let mut walked = Vec::new();
            let mut after: Option<String> = None;
            loop {
                let rest: Vec<&str> = after.iter().flat_map(|place| ["--after", place]).collect();
                // A table says where the next page begins.
                let columns = ["issues", "--columns", "id"];
                let page = stage.ox(&[&columns[..], &sort, &rest].concat()).must(0);
                let ids = page
                    .stdout
                    .lines()
                    .filter_map(|line| line.trim().strip_prefix("OX-"));
                walked.extend(ids.map(|id| id.parse::<i64>().unwrap()));
                assert!(walked.len() <= all.len(), "{key}: in a circle");
                let next = page
                    .stderr
                    .lines()
                    .find_map(|line| line.split_once("--after "));
                match next {
                    Some((_, place)) => after = Some(place.trim().trim_matches('\'').to_owned()),
                    None => break,
                }
            }
            let order = walked.clone();
            walked.sort_unstable();
            assert_eq!(walked, all, "{key} {way:?}");
            // The whole list is in the same order as its pages.
            let whole = [&["--sort", key][..], way].concat();
            assert_eq!(numbers(&list(&stage, &whole)), order, "{key} {way:?}");
        }
    }
}

#[test]
fn the_worst_come_first() {
    let stage = queue();
    let rank = |one: &Value| {
        let words = ["Info", "Low", "Medium", "High", "Critical", "Appoxalypse"];
        let word = one["severity"].as_str().unwrap().to_owned();
        words.iter().position(|known| *known == word).unwrap()
    };
    let ranks: Vec<usize> = list(&stage, &[]).iter().map(rank).collect();
    assert!(ranks.is_sorted_by(|a, b| a >= b), "{ranks:?}");
    let ranks: Vec<usize> = list(&stage, &["--reverse"]).iter().map(rank).collect();
    assert!(ranks.is_sorted(), "{ranks:?}");
}

#[test]
fn every_format_can_be_read_and_has_the_same_issues() {
    let stage = queue();
    let open = list(&stage, &[]).len();
    let read = |format: &str| stage.ox(&["issues", "--format", format]).must(0).stdout;
    let json = |format: &str| -> Value { serde_json::from_str(&read(format)).unwrap() };
    assert_eq!(json("json")["issues"].as_array().unwrap().len(), open);
    let sarif = json("sarif");
    assert_eq!(sarif["version"], "2.1.0");
    assert!(!sarif["runs"][0]["results"].as_array().unwrap().is_empty());
    for format in ["cyclonedx", "cyclonedx-vex"] {
        let bom = json(format);
        assert_eq!(bom["bomFormat"], "CycloneDX");
        assert!(
            !bom["vulnerabilities"].as_array().unwrap().is_empty(),
            "{format}"
        );
    }
    assert!(
        json("openvex")["@context"]
            .as_str()
            .unwrap()
            .contains("openvex")
    );
    let gitlab = json("gitlab");
    assert_eq!(gitlab["scan"]["type"], "container_scanning");
    assert!(!gitlab["vulnerabilities"].as_array().unwrap().is_empty());
    assert!(json("ox").is_object());
    let html = read("html");
    assert!(
        html.starts_with("<!doctype html>") || html.starts_with("<!DOCTYPE html>"),
        "{html:.60}"
    );
    assert!(
        html.contains("lodash") && !html.contains("src=\"http"),
        "self-contained"
    );
    let csv = read("csv");
    let head = csv.lines().next().unwrap().split(',').count();
    assert!(head > 20 && csv.contains("lodash"), "{head}");
    let table = read("table");
    assert!(table.contains("lodash"), "{table}");
    // Written to a file it is the same, and a file that is there is replaced whole.
    let file = stage.folder.path().join("queue.csv");
    std::fs::write(&file, "old").unwrap();
    let output = [
        "issues",
        "--format",
        "csv",
        "--output",
        file.to_str().unwrap(),
    ];
    assert_eq!(stage.ox(&output).must(0).stdout, "");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), csv);
    let nowhere = stage.folder.path().join("no/such/folder/queue.csv");
    let output = [
        "issues",
        "--format",
        "csv",
        "--output",
        nowhere.to_str().unwrap(),
    ];
    assert!(stage.ox(&output).must(3).stderr.contains("queue.csv"));
}

#[test]
fn columns_are_chosen_and_a_wrong_one_is_named() {
    let stage = queue();
    let known = stage.ox(&["issues", "--columns", "help"]).must(0).stdout;
    for name in known.lines() {
        let ended = stage.ox(&["issues", "--columns", name, "-n", "3"]).must(0);
        assert!(
            ended.stdout.lines().count() >= 4,
            "{name}: {}",
            ended.stdout
        );
    }
    let wrong = stage.ox(&["issues", "--columns", "id,colour"]).must(2);
    assert!(
        wrong.stderr.contains("colour") && wrong.stderr.contains("severity"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn the_funnel_narrows() {
    let stage = queue();
    let shown = stage.ox(&["issues", "--funnel", "-n", "1"]).must(0).stdout;
    let count = |word: &str| -> usize {
        let line = shown.lines().find(|line| line.starts_with(word)).unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .replace(',', "")
            .parse()
            .unwrap()
    };
    let (found, prioritised, issues) = (count("found"), count("prioritised"), count("issues"));
    assert!(found >= prioritised && prioritised >= issues, "{shown}");
    assert_eq!(issues, list(&stage, &[]).len());
}

#[test]
fn the_gate_looks_at_the_filtered_list_only() {
    let stage = queue();
    let gate = |more: &[&str]| stage.ox(&[&["issues"][..], more].concat());
    let failed = gate(&["--fail-on", "low"]).must(10);
    assert!(failed.stderr.contains("--fail-on"), "{}", failed.stderr);
    // In every format, and whatever page is shown.
    gate(&["--fail-on", "low", "--format", "sarif"]).must(10);
    gate(&["--fail-on", "low", "-n", "1"]).must(10);
    gate(&["--fail-on", "low", "--severity", "info"]).must(0);
    gate(&["--fail-on", "appoxalypse"]).must(0);
    gate(&["--fail-on", "info", "--cve", "CVE-1999-0001"]).must(0);
    let lodash = number(&stage, LODASH, STORE);
    gate(&["--fail-on", "low", "--package", "lodash"]).must(10);
    for one in list(&stage, &["--package", "lodash"]) {
        let number = one["number"].to_string();
        stage
            .ox(&["issue", "exclude", &number, "--reason", "known"])
            .must(0);
    }
    gate(&["--fail-on", "low", "--package", "lodash"]).must(0);
    assert!(!lodash.is_empty());
}

#[test]
fn what_can_not_be_meant_is_refused_with_what_to_do() {
    let stage = queue();
    for (arguments, word) in [
        (&["issue", "show", "99999"][..], "99999"),
        (&["issue", "show", "OX-x"], "OX-17"),
        (&["issue", "comment", "99999", "x"], "99999"),
        (
            &[
                "issue", "exclude", "1", "--reason", "x", "--until", "someday",
            ],
            "someday",
        ),
        (&["issue", "snooze", "1", "2026-13-01"], "2026-13-01"),
        (&["issues", "--since", "yesterday"], "yesterday"),
        (&["issues", "--severity", "dire"], "dire"),
        (&["issues", "--format", "pdf"], "pdf"),
        (&["issues", "--connection", "nobody"], "nobody"),
        (&["issues", "--location", "a["], "a["),
        (&["issues", "--after", "nonsense"], "nonsense"),
        (&["diff", "1", "1"], "1"),
        (&["diff", "7", "8"], "8"),
        (&["exclusions", "end", "99"], "99"),
        (&["exclusions", "add", "--reason", "x"], "--rule"),
    ] {
        let ended = stage.ox(arguments).must(2);
        assert!(
            ended.stderr.contains("error:"),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert!(
            ended.stderr.contains(word),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[test]
fn scans_are_listed_and_any_two_are_compared() {
    let stage = shop();
    let none = stage.ox(&["scans"]).must(0);
    assert!(
        none.stderr.contains("Nothing was scanned"),
        "{}",
        none.stderr
    );
    scan(&stage);
    stage
        .gitlab
        .push(STORE, "latest", &super::issues::store_image("4.17.21"));
    scan(&stage);
    stage
        .gitlab
        .push(STORE, "1.0", &super::issues::store_image("4.17.21"));
    scan(&stage);
    let scans = stage.ox(&["scans", "--json"]).must(0).json();
    let ids: Vec<_> = scans["scans"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["scan"].clone())
        .collect();
    assert_eq!(ids, [3, 2, 1], "newest first");
    let number = number(&stage, LODASH, STORE);
    let kinds = |from: &str, to: &str| -> Vec<String> {
        let diff = stage.ox(&["diff", from, to, "--json"]).must(0).json();
        let of_it = diff["changes"].as_array().unwrap().clone();
        of_it
            .iter()
            .filter(|change| change["issue"].to_string() == number)
            .map(|change| change["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(kinds("0", "1"), ["opened"]);
    assert_eq!(kinds("2", "3"), ["resolved"]);
    assert_eq!(kinds("1", "3").last().unwrap(), "resolved");
    assert_eq!(kinds("0", "3").last().unwrap(), "resolved");
}
