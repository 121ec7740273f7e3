//! One location that fails does so alone; what a scan did not see is closed only when it saw all.

use ox_harness::sim::{Fault, Place, Reply, Trouble};

use super::*;

fn outcomes(scan: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let locations = scan["locations"].as_array().unwrap();
    locations
        .iter()
        .map(|one| (text(&one["path"]), text(&one["outcome"])))
        .collect()
}

#[test]
fn a_location_that_answers_nonsense_fails_alone_and_with_its_reason() {
    let stage = Stage::small().connected();
    let trouble = Trouble::Answer(Reply::of(200, "text/html", "<html>Welcome!</html>"));
    let fault = Fault::new(trouble).at(Place::Registry);
    stage.gitlab.fault(fault.path("acme/shop/web").always());
    let ended = stage.ox(&["scan", "work", "--format", "json"]).must(0);
    let scan = ended.json();
    for (path, outcome) in outcomes(&scan) {
        let right = if path == "acme/shop/web" {
            "failed"
        } else {
            "complete"
        };
        assert_eq!(outcome, right, "{path}: {scan}");
    }
    let failed = &scan["locations"].as_array().unwrap()[3];
    assert_eq!(failed["path"], "acme/shop/web");
    assert_eq!(failed["failure"], "connectivity", "{failed}");
    assert!(failed["message"].as_str().unwrap().len() > 20, "{failed}");
    assert_eq!(stage.state().images.len(), 8);
    assert_eq!(scan["complete"], false);
    // The next scan makes up for it.
    stage.gitlab.clear_faults();
    stage.ox(&["scan", "work", "--require-complete"]).must(0);
    assert_eq!(stage.state().images.len(), 10);
}

#[test]
fn a_location_that_reaches_a_limit_fails_alone_and_names_it() {
    let mut org = small();
    let tools = org.projects.iter().find(|p| p.path == "tools").unwrap().id;
    let big = org.repository(tools, "big");
    let layer = root::debian(400).layer.build();
    org.push(big, "all", &Image::amd64().layer(layer).build());
    let stage = Stage::of(org).connected();
    let arguments = [
        "scan",
        "work",
        "--format",
        "json",
        "--limit",
        "emitted-observations=300",
    ];
    let ended = stage.ox(&arguments).must(0);
    let scan = ended.json();
    for (path, outcome) in outcomes(&scan) {
        let right = if path == "acme/tools/big" {
            "failed"
        } else {
            "complete"
        };
        assert_eq!(outcome, right, "{path}: {scan}");
    }
    let table = stage
        .ox(&[
            "scan",
            "work",
            "--fresh",
            "--limit",
            "emitted-observations=300",
        ])
        .must(0);
    assert!(
        table.stdout.contains("✗ acme/tools/big"),
        "{}",
        table.stdout
    );
    assert!(
        table.stdout.contains("emitted-observations"),
        "{}",
        table.stdout
    );
    let line = table
        .stdout
        .lines()
        .find(|line| line.starts_with("Not complete"));
    assert!(line.unwrap().contains("acme/tools/big"), "{}", table.stdout);
}

#[test]
fn an_image_whose_tag_is_gone_is_marked_and_kept_after_a_whole_scan() {
    let stage = Stage::small().connected();
    stage.ox(&["scan", "work"]).must(0);
    let marked = "SELECT digest FROM image WHERE gone_at IS NOT NULL";
    assert!(stage.query(marked).is_empty());
    stage.gitlab.world(|world| {
        world.organisation.store.delete_tag("acme/shop/api", "1.0");
    });
    stage.ox(&["scan", "work"]).must(0);
    assert_eq!(stage.state().images.len(), 9);
    assert_eq!(stage.query(marked).len(), 1, "marked");
    assert_eq!(
        stage.query("SELECT record FROM image").len(),
        10,
        "and kept"
    );
    // It comes back when the tag does.
    let org = small();
    stage
        .gitlab
        .world(|world| world.organisation.store = org.store);
    stage.ox(&["scan", "work"]).must(0);
    assert!(stage.query(marked).is_empty());
    assert_eq!(stage.state().images.len(), 10);
}

#[test]
fn a_partial_scan_closes_nothing() {
    let mut org = small();
    let broken = Layer::new().file("x", "y").build();
    let broken = broken.claim_digest(&ox_harness::image::digest_of(b"something else"));
    let api = org.repositories[0].id;
    org.push(api, "broken", &Image::amd64().layer(broken).build());
    let stage = Stage::of(org).connected();
    stage.ox(&["scan", "work"]).must(0);
    let before = stage.state().images.len();
    stage.gitlab.world(|world| {
        world.organisation.store.delete_tag("acme/shop/api", "1.0");
    });
    stage.ox(&["scan", "work"]).must(0);
    assert_eq!(stage.state().images.len(), before);
    let marked = stage.query("SELECT digest FROM image WHERE gone_at IS NOT NULL");
    assert!(marked.is_empty(), "{marked:?}");
}
