//! The exit codes that scripts depend on: each is reached here by what its meaning says.

use ox_harness::sim::{Fault, Place, Reply, Trouble};

use super::*;

/// A port where nobody listens.
fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn the_codes_are_the_documented_ones() {
    let folder = tempfile::tempdir().unwrap();
    let help = Run::new(folder.path(), &["--help"]).end().must(0).stdout;
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "10", "11", "130"] {
        let line = format!("  {code:>3}  ");
        assert!(help.lines().any(|text| text.starts_with(&line)), "{help}");
    }
}

#[test]
fn two_for_what_can_not_be_understood_or_does_not_exist() {
    let stage = Stage::small();
    for arguments in [
        &["frobnicate"][..],
        &["scan"],
        &["scan", "nobody"],
        &["verify", "nobody"],
        &["findings", "--connection", "nobody"],
        &[
            "connect",
            "no-such-connector",
            "--url",
            "https://x.example",
            "--token-stdin",
        ],
        &["connections", "--limit", "speed=9"],
        &["connections", "--limit", "memory=lots"],
        &["select", "nobody", "--include", "a["],
    ] {
        let ended = stage.ox(arguments).must(2);
        assert!(ended.stderr.contains("error:"), "{}", ended.stderr);
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
}

#[test]
fn three_for_a_setting_or_a_file_that_can_not_be_used() {
    let stage = Stage::small();
    let url = stage.gitlab.base_url();
    let connect = [
        "connect",
        "gitlab-registry",
        "--token-env",
        VARIABLE,
        "--url",
    ];
    for (address, more) in [
        ("ftp://git.example.com", vec![]),
        ("http://git.example.com", vec![]),
        (&*url, vec!["--set", "newest-tags=some"]),
        (&*url, vec!["--proxy", "gopher://proxy"]),
        (&*url, vec!["--platform", "not a platform"]),
    ] {
        let ended = stage
            .ox(&[&connect[..], &[address], &more].concat())
            .must(3);
        assert!(ended.stderr.contains("error:"), "{}", ended.stderr);
    }
    assert_eq!(stage.gitlab.count(|_| true), 0);
}

#[test]
fn three_for_a_component_that_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let file = folder.path().join("bad.wasm");
    for (bytes, word) in [
        (&b"hello"[..], "not a WebAssembly component"),
        (b"\0asm\x01\0\0\0", "core WebAssembly module"),
        (b"\0asm\x0d\0\x01\0", "ox:connector"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let path = file.to_str().unwrap();
        for arguments in [
            &["plugin", "inspect", path][..],
            &["plugin", "install", path],
            &["plugin", "list", "--plugin", path],
        ] {
            let ended = Run::new(&data, arguments).end().must(3);
            assert!(ended.stderr.contains(word), "{}", ended.stderr);
            assert!(ended.stderr.contains("bad.wasm"), "{}", ended.stderr);
        }
    }
    let missing = ["plugin", "inspect", "/nowhere/at-all.wasm"];
    let ended = Run::new(&data, &missing).end().must(3);
    assert!(ended.stderr.contains("at-all.wasm"), "{}", ended.stderr);
}

#[test]
fn inspect_shows_the_version_of_the_contract() {
    let folder = data_folder();
    let file = CONNECTOR.to_str().unwrap();
    let data = folder.path().join("data");
    let ended = Run::new(&data, &["plugin", "inspect", file]).end().must(0);
    assert!(
        ended.stdout.contains("ox:connector@0.1.0"),
        "{}",
        ended.stdout
    );
    let json = ["plugin", "inspect", file, "--json"];
    let json = Run::new(&data, &json).end().must(0).json();
    assert_eq!(json["contract"], "ox:connector@0.1.0");
}

#[test]
fn four_when_the_token_is_taken_back_and_a_new_one_goes_on() {
    let whole = Stage::small().connected();
    whole.ox(&["scan", "work"]).must(0);

    let stage = Stage::small().connected();
    stage.gitlab.fault(
        Fault::new(Trouble::change(|world| world.organisation.revoke(TOKEN)))
            .at(Place::Registry)
            .after(6),
    );
    let ended = stage.ox(&["scan", "work", "--jobs", "1"]).must(4);
    assert!(ended.stderr.contains("error:"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint:"), "{}", ended.stderr);
    stage.gitlab.clear_faults();

    let fresh = "glpat-the-next-token-of-alice";
    stage.gitlab.world(|world| {
        let alice = world.organisation.users[0].id;
        world.organisation.token(alice, fresh, &scope::CONNECTOR);
    });
    let url = stage.gitlab.base_url();
    let connect = [
        "connect",
        "gitlab-registry",
        "--url",
        &url,
        "--name",
        "work",
    ];
    let connect = [&connect[..], &["--token-env", VARIABLE]].concat();
    stage.run(&connect).env(VARIABLE, fresh).end().must(0);
    stage.ox(&["scan", "work"]).must(0);
    assert_eq!(stage.state(), whole.state());
}

#[test]
fn four_when_no_location_may_be_read() {
    let stage = Stage::small().connected();
    let denied = serde_json::json!({ "errors": [{ "code": "DENIED",
        "message": "requested access to the resource is denied" }] });
    let trouble = Trouble::Answer(Reply::json(403, &denied));
    stage
        .gitlab
        .fault(Fault::new(trouble).at(Place::Registry).always());
    stage.ox(&["scan", "work"]).must(4);
}

#[test]
fn five_when_nobody_answers() {
    let stage = Stage::small();
    let url = nobody();
    let arguments = ["connect", "gitlab-registry", "--url", &url];
    let ended = stage
        .ox(&[&arguments[..], &["--token-env", VARIABLE]].concat())
        .must(5);
    assert!(ended.stdout.contains('✗'), "{}", ended.stdout);
}

#[test]
fn five_when_what_every_location_answers_makes_no_sense() {
    let stage = Stage::small().connected();
    let trouble = Trouble::Answer(Reply::of(200, "text/html", "<html>Welcome!</html>"));
    stage
        .gitlab
        .fault(Fault::new(trouble).at(Place::Registry).always());
    let ended = stage.ox(&["scan", "work"]).must(5);
    assert!(ended.stdout.contains("✗ acme/tools"), "{}", ended.stdout);
}

#[test]
fn six_for_a_part_that_was_not_looked_at() {
    let mut org = small();
    let broken = Layer::new().file("x", "y").build();
    let broken = broken.claim_digest(&ox_harness::image::digest_of(b"something else"));
    let tools = org.repositories.last().unwrap().id;
    org.push(tools, "broken", &Image::amd64().layer(broken).build());
    let stage = Stage::of(org).connected();
    let ended = stage.ox(&["scan", "work"]).must(0);
    // Which location is not complete is said, not only that one is.
    let line = ended
        .stdout
        .lines()
        .find(|line| line.starts_with("Not complete"));
    assert!(line.unwrap().contains("acme/tools"), "{}", ended.stdout);
    assert!(!line.unwrap().contains("acme/shop"), "{}", ended.stdout);
    stage.ox(&["scan", "work", "--require-complete"]).must(6);
}

#[test]
fn seven_when_every_location_reaches_a_limit() {
    let stage = Stage::small().connected();
    let limit = ["--limit", "emitted-observations=1"];
    let ended = stage.ox(&[&["scan", "work"][..], &limit].concat()).must(7);
    assert!(
        ended.stdout.contains("emitted-observations"),
        "{}",
        ended.stdout
    );
}

#[test]
fn ten_for_findings_and_eleven_for_nothing_to_do() {
    let stage = Stage::small().connected();
    with_findings(&stage.gitlab);
    stage.ox(&["scan", "work", "--fail-on", "high"]).must(10);
    stage.ox(&["scan", "work", "--fail-on", "critical"]).must(0);
    stage
        .ox(&["select", "work", "--include", "nothing/of/that/name"])
        .must(0);
    let ended = stage.ox(&["scan", "work"]).must(11);
    assert!(
        ended.stderr.contains("nothing is selected"),
        "{}",
        ended.stderr
    );
}
