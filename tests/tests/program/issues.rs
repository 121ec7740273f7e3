//! The life of issues over several scans: what opens them, what closes them, and with which sentence.

use ox_harness::advisories::{self, Edition, Record};
use ox_harness::image::{Artefact, sample};
use ox_harness::sim::{Fault, Place, Reply, Trouble};

use super::*;

/// The repository whose images change.
pub(super) const STORE: &str = "acme/shop/store";
/// In every test's store image.
pub(super) const LODASH: &str = "CVE-2021-23337";

/// An image with lodash of that version on a Debian root.
pub(super) fn store_image(lodash: &str) -> Artefact {
    let layer = sample::node_modules(Layer::new(), "srv/store", &[("lodash", lodash)]);
    Image::amd64()
        .layer(root::debian(40).layer)
        .layer(layer)
        .build()
}

/// The small organisation and a store with an old lodash under two tags; our advisories are imported.
pub(super) fn shop() -> Stage {
    let mut org = small();
    let shop = org.projects.iter().find(|p| p.path == "shop").unwrap().id;
    let store = org.repository(shop, "store");
    let image = store_image("4.17.20");
    org.push(store, "1.0", &image);
    org.push(store, "latest", &image);
    let stage = Stage::of(org).connected();
    import(&stage, Edition::First);
    stage
}

/// Imports our advisories; always from the same folder, as an operator does.
pub(super) fn import(stage: &Stage, edition: Edition) -> Ended {
    let folder = stage.folder.path().join("advisories");
    advisories::write(&folder, edition, &[]).unwrap();
    stage
        .ox(&["advisories", "import", folder.to_str().unwrap()])
        .must(0)
}

/// Imports a folder with just these records.
pub(super) fn import_records(stage: &Stage, records: &[Record]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    advisories::write_bulk(folder.path(), records).unwrap();
    stage
        .ox(&["advisories", "import", folder.path().to_str().unwrap()])
        .must(0)
}

pub(super) fn scan(stage: &Stage) {
    stage.ox(&["scan", "work"]).must(0);
}

/// The issues of a list.
pub(super) fn list(stage: &Stage, filter: &[&str]) -> Vec<Value> {
    let ended = stage.ox(&[&["issues", "--format", "jsonl"], filter].concat());
    let mut lines = ended.must(0).lines();
    lines.retain(|line| line["kind"] == "issue");
    lines
}

/// The number of the only issue of a CVE in a location, wherever it stands.
pub(super) fn number(stage: &Stage, id: &str, location: &str) -> String {
    let filter = ["--cve", id, "--location", location, "--standing", "all"];
    let found = list(stage, &filter);
    assert_eq!(found.len(), 1, "{id} in {location}: {found:?}");
    found[0]["number"].to_string()
}

/// Everything about an issue.
pub(super) fn show(stage: &Stage, number: &str) -> Value {
    stage
        .ox(&["issue", "show", number, "--json"])
        .must(0)
        .json()
}

/// Kinds of events, oldest first.
pub(super) fn story(shown: &Value) -> Vec<String> {
    let events = shown["history"].as_array().unwrap().iter();
    events
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect()
}

/// The sentence with which it was closed.
fn ending(shown: &Value) -> (String, String) {
    let status = &shown["issue"]["status"];
    let why = status["how"].as_str().or_else(|| status["why"].as_str());
    (
        status["state"].as_str().unwrap().to_owned(),
        why.unwrap_or_default().to_owned(),
    )
}

#[test]
fn a_scan_opens_issues_and_the_same_scan_again_changes_nothing() {
    let stage = shop();
    scan(&stage);
    let first = list(&stage, &["--standing", "all"]);
    assert!(first.iter().all(|one| one["against_last_scan"] == "new"));
    assert!(first.len() > 20, "{}", first.len());
    scan(&stage);
    let mut second = list(&stage, &["--standing", "all"]);
    assert!(second.iter().all(|one| one["against_last_scan"] == "same"));
    for (before, after) in first.iter().zip(&mut second) {
        let after = after.as_object_mut().unwrap();
        for key in ["against_last_scan", "last_seen"] {
            after.insert(key.to_owned(), before[key].clone());
        }
    }
    // The deadline's days may have gone down by one; nothing else may differ.
    let bare = |list: &[Value]| -> Vec<String> {
        let ids = list.iter();
        ids.map(|one| {
            format!(
                "{} {} {} {}",
                one["id"], one["severity"], one["factors"], one["occurrences"]
            )
        })
        .collect()
    };
    assert_eq!(bare(&first), bare(&second));
    let diff = stage.ox(&["diff"]).must(0).stdout;
    assert!(diff.contains("Nothing changed"), "{diff}");
    let number = number(&stage, LODASH, STORE);
    assert_eq!(story(&show(&stage, &number)), ["opened"]);
}

#[test]
fn one_issue_for_many_tags_and_images() {
    let stage = shop();
    stage.gitlab.push(STORE, "1.1", &{
        let other = Layer::new().file("srv/other", "another image");
        let layer = sample::node_modules(other, "srv/store", &[("lodash", "4.17.20")]);
        Image::amd64()
            .layer(root::debian(40).layer)
            .layer(layer)
            .build()
    });
    scan(&stage);
    let shown = show(&stage, &number(&stage, LODASH, STORE));
    let places = shown["issue"]["occurrences"].as_array().unwrap();
    let text = shown["issue"]["occurrences"].to_string();
    assert_eq!(places.len(), 2, "{text}");
    for tag in ["1.0", "1.1", "latest"] {
        assert!(text.contains(&format!("\"{tag}\"")), "{tag}: {text}");
    }
    // Two binary packages of one source are one issue, too.
    let openssl = show(&stage, &number(&stage, "CVE-2024-6119", STORE));
    let ids = openssl["issue"]["identifiers"].to_string();
    assert!(
        ids.contains("DSA-5764-1") && ids.contains("DEBIAN-CVE-2024-6119"),
        "{ids}"
    );
}

#[test]
fn a_rebuilt_image_resolves_and_the_sentence_names_it() {
    let stage = shop();
    scan(&stage);
    let number = number(&stage, LODASH, STORE);
    let mended = store_image("4.17.21");
    stage.gitlab.push(STORE, "1.0", &mended);
    scan(&stage);
    assert_eq!(
        ending(&show(&stage, &number)).0,
        "open",
        "`latest` still has it"
    );
    stage.gitlab.push(STORE, "latest", &mended);
    scan(&stage);
    let shown = show(&stage, &number);
    let (state, how) = ending(&shown);
    assert_eq!(state, "resolved", "{shown}");
    assert!(how.contains("store:") && how.contains("4.17.21"), "{how}");
    assert_eq!(story(&shown).last().unwrap(), "resolved");
    let diff = stage.ox(&["diff", "--connection", "work"]).must(0).stdout;
    let resolved = diff.split("Resolved").nth(1).unwrap();
    assert!(resolved.contains(&format!("OX-{number} ")), "{diff}");
    assert!(resolved.contains("4.17.21"), "{diff}");
    // It comes back with the old image.
    stage.gitlab.push(STORE, "latest", &store_image("4.17.20"));
    scan(&stage);
    let shown = show(&stage, &number);
    assert_eq!(ending(&shown).0, "open");
    assert_eq!(shown["issue"]["against_last_scan"], "reopened");
    let kinds = story(&shown);
    assert_eq!(
        (
            kinds.first().unwrap().as_str(),
            kinds.last().unwrap().as_str()
        ),
        ("opened", "reopened")
    );
    let back = stage.ox(&["issues", "--status", "reopened"]).must(0).stdout;
    assert!(back.contains(&format!("OX-{number} ")), "{back}");
}

#[test]
fn deleted_tags_remove_and_do_not_resolve() {
    let stage = shop();
    stage.gitlab.push(STORE, "safe", &store_image("4.17.21"));
    scan(&stage);
    let number = number(&stage, LODASH, STORE);
    stage.gitlab.delete_tag(STORE, "1.0");
    stage.gitlab.delete_tag(STORE, "latest");
    scan(&stage);
    let (state, why) = ending(&show(&stage, &number));
    assert_eq!(state, "removed", "{why}");
    assert!(why.contains("deleted") && why.contains("store:"), "{why}");
    let diff = stage.ox(&["diff", "--json"]).must(0).json();
    let of_it = diff["changes"].as_array().unwrap().iter();
    let kinds: Vec<_> = of_it
        .filter(|change| change["issue"].to_string() == number)
        .map(|change| change["kind"].clone())
        .collect();
    assert_eq!(kinds, ["removed"]);
}

#[test]
fn a_partial_scan_closes_no_issue() {
    let stage = shop();
    scan(&stage);
    let number = number(&stage, LODASH, STORE);
    let broken = Layer::new().file("x", "y").build();
    let broken = broken.claim_digest(&ox_harness::image::digest_of(b"something else"));
    let broken = Image::amd64().layer(broken).build();
    stage.gitlab.push(STORE, "1.0", &broken);
    stage.gitlab.push(STORE, "latest", &broken);
    scan(&stage);
    let open = list(&stage, &["--location", STORE]);
    assert!(
        open.iter().any(|one| one["number"].to_string() == number),
        "{open:?}"
    );
    // Nor does one that the registry stops.
    let trouble = Trouble::Answer(Reply::of(500, "text/plain", "down"));
    let fault = Fault::new(trouble)
        .at(Place::Registry)
        .path("acme/shop/api")
        .always();
    stage.gitlab.fault(fault);
    let before = list(&stage, &["--location", "acme/shop/api"]).len();
    stage.ox(&["scan", "work"]);
    assert!(before > 0);
    assert_eq!(list(&stage, &["--location", "acme/shop/api"]).len(), before);
}

#[test]
fn a_repository_that_is_deleted_takes_its_issues_with_it() {
    let stage = shop();
    scan(&stage);
    let number = number(&stage, LODASH, STORE);
    let others = list(&stage, &["--location", "acme/shop/api"]).len();
    stage.gitlab.delete_repository(STORE);
    scan(&stage);
    let (state, why) = ending(&show(&stage, &number));
    assert_eq!(state, "removed");
    assert!(why.contains(STORE), "{why}");
    assert_eq!(list(&stage, &["--location", "acme/shop/api"]).len(), others);
}

#[test]
fn a_repository_that_is_suddenly_empty_is_not_believed_the_first_time() {
    let mut org = small();
    let shop = org.projects.iter().find(|p| p.path == "shop").unwrap().id;
    let store = org.repository(shop, "store");
    for (tag, version) in [
        ("1.0", "4.17.20"),
        ("1.1", "4.17.19"),
        ("1.2", "4.17.18"),
        ("1.3", "4.17.17"),
    ] {
        org.push(store, tag, &store_image(version));
    }
    let stage = Stage::of(org).connected();
    import(&stage, Edition::First);
    scan(&stage);
    let number = number(&stage, LODASH, STORE);
    stage.gitlab.delete_tags(STORE);
    scan(&stage);
    assert_eq!(ending(&show(&stage, &number)).0, "open");
    scan(&stage);
    assert_eq!(ending(&show(&stage, &number)).0, "removed");
}

#[test]
fn a_finding_of_gitlab_joins_our_match_and_what_it_dismissed_stays_dismissed() {
    let stage = shop();
    let image = format!("{}/{STORE}:1.0", stage.gitlab.registry_host());
    stage.gitlab.world(|world| {
        let projects = &world.organisation.projects;
        let shop = projects
            .iter()
            .find(|p| p.full_path == "acme/shop")
            .unwrap()
            .id;
        let same = Finding::new("CVE-2023-45853", "zlib1g", "1:1.2.13.dfsg-1", &image);
        let mut dismissed = Finding::new("CVE-2023-5678", "libssl3", "3.0.11-1~deb12u2", &image);
        dismissed.state = "DISMISSED".to_owned();
        dismissed.dismissal_reason = Some("MITIGATING_CONTROL".to_owned());
        world.organisation.vulnerability(shop, &same);
        world.organisation.vulnerability(shop, &dismissed);
    });
    scan(&stage);
    let zlib = show(&stage, &number(&stage, "CVE-2023-45853", STORE));
    let sources = zlib["issue"]["sources"].as_array().unwrap();
    let mut tools: Vec<_> = sources
        .iter()
        .map(|one| one["tool"].as_str().unwrap())
        .collect();
    tools.sort_unstable();
    tools.dedup();
    assert_eq!(tools, ["GitLab", "OSV match"], "{zlib}");
    assert_eq!(
        zlib["issue"]["verdict"]["original"], "High",
        "GitLab's word counts"
    );
    let openssl = number(&stage, "CVE-2023-5678", STORE);
    for _ in 0..2 {
        let excluded = list(&stage, &["--standing", "excluded"]);
        let numbers: Vec<_> = excluded
            .iter()
            .map(|one| one["number"].to_string())
            .collect();
        assert_eq!(numbers, [openssl.as_str()]);
        let shown = show(&stage, &openssl);
        let exclusion = &shown["issue"]["exclusion"];
        assert_eq!(exclusion["kind"], "dismissed-in-tool", "{exclusion}");
        assert!(
            exclusion["reason"]
                .to_string()
                .to_lowercase()
                .contains("mitigating"),
            "{exclusion}"
        );
        scan(&stage);
    }
    let refused = stage.ox(&["issue", "include", &openssl]).must(2);
    assert!(refused.stderr.contains("dismissed"), "{}", refused.stderr);
    // The other locations' issue of the same CVE is another issue, and open.
    assert_eq!(list(&stage, &["--cve", "CVE-2023-5678"]).len(), 4);
}

#[test]
fn a_withdrawn_advisory_removes_and_a_new_one_opens_without_asking_gitlab() {
    let mut org = small();
    let shop = org.projects.iter().find(|p| p.path == "shop").unwrap().id;
    let store = org.repository(shop, "store");
    let modules = [("lodash", "4.17.20"), ("@babel/runtime", "7.24.7")];
    let layer = sample::node_modules(Layer::new(), "srv/store", &modules);
    org.push(
        store,
        "1.0",
        &Image::amd64()
            .layer(root::debian(40).layer)
            .layer(layer)
            .build(),
    );
    let stage = Stage::of(org).connected();
    import(&stage, Edition::First);
    scan(&stage);
    let number = number(&stage, "GHSA-8p5q-j9m2-g8wr", STORE);
    assert!(list(&stage, &["--cve", "CVE-2025-27789"]).is_empty());
    stage.gitlab.clear_log();
    let said = import(&stage, Edition::Second).stdout;
    assert_eq!(stage.gitlab.count(|_| true), 0, "{:?}", stage.gitlab.log());
    assert!(
        said.contains("1 new") || said.contains("1 opened") || said.contains('1'),
        "{said}"
    );
    let (state, why) = ending(&show(&stage, &number));
    assert_eq!(state, "removed");
    assert!(
        why.contains("GHSA-8p5q-j9m2-g8wr") || why.contains("CVE-2021-41720"),
        "{why}"
    );
    assert!(why.contains("withdrawn"), "{why}");
    let new = list(&stage, &["--cve", "CVE-2025-27789"]);
    assert_eq!(new.len(), 1, "{new:?}");
    assert_eq!(new[0]["against_last_scan"], "new");
    // Told again, nothing changes.
    import(&stage, Edition::Second);
    assert_eq!(story(&show(&stage, &number)), ["opened", "removed"]);
    // And it comes back when those who published it take that back.
    import(&stage, Edition::First);
    assert_eq!(ending(&show(&stage, &number)).0, "open");
}

#[test]
fn an_advisory_whose_range_shrinks_removes_and_says_that_it_no_longer_says_so() {
    let stage = shop();
    scan(&stage);
    let number = number(&stage, LODASH, STORE);
    let record = |fixed| {
        Record::new("npm", "GHSA-35jh-r3h4-6jhm", "2021-05-06")
            .aliases(&[LODASH])
            .changed("2026-01-01")
            .rated("HIGH", &[])
            .affects("npm", "lodash", &[("0", Some(fixed))])
    };
    import_records(&stage, &[record("4.17.20")]);
    let (state, why) = ending(&show(&stage, &number));
    assert_eq!(state, "removed", "{why}");
    assert!(why.contains("no longer say"), "{why}");
}
