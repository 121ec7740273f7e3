//! Connecting: the ticks, when an account is saved, and the ways of a token.

use super::*;

#[test]
fn a_green_account_is_saved_and_its_ticks_are_the_data() {
    let stage = Stage::small();
    let ended = stage.connect("work");
    assert!(ended.stdout.contains('✓'), "{}", ended.stdout);
    assert!(ended.stdout.contains("Saved as work"), "{}", ended.stdout);
    assert!(!ended.stdout.contains('✗'), "{}", ended.stdout);
    assert!(
        ended.stderr.contains("ox-host scan work"),
        "{}",
        ended.stderr
    );
    let list = stage.ox(&["connections"]).must(0);
    assert!(list.stdout.contains("work"), "{}", list.stdout);
    let again = stage.ox(&["verify", "work"]).must(0);
    assert!(again.stdout.contains('✓') && !again.stdout.contains('✗'));
}

#[test]
fn an_account_that_is_not_green_is_saved_only_when_told_to() {
    let stage = Stage::small();
    stage.gitlab.world(|world| world.organisation.revoke(TOKEN));
    let url = stage.gitlab.base_url();
    let arguments = [
        "connect",
        "gitlab-registry",
        "--url",
        &url,
        "--token-env",
        VARIABLE,
        "--name",
        "w",
    ];
    let refused = stage.ox(&arguments).must(4);
    assert!(refused.stdout.contains('✗'), "{}", refused.stdout);
    assert!(refused.stderr.contains("Not saved"), "{}", refused.stderr);
    assert!(!stage.ox(&["connections"]).must(0).stdout.contains('w'));
    let anyway = [&arguments[..], &["--save-anyway"]].concat();
    let saved = stage.ox(&anyway).must(0);
    assert!(saved.stdout.contains("Saved as w"), "{}", saved.stdout);
    stage.ox(&["verify", "w"]).must(4);
}

#[test]
fn a_token_comes_from_a_variable_a_file_or_standard_input() {
    let stage = Stage::small();
    let url = stage.gitlab.base_url();
    let file = stage.folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let base = ["connect", "gitlab-registry", "--url", &url, "--name"];
    for (name, way) in [
        ("by-env", vec!["--token-env", VARIABLE]),
        ("by-file", vec!["--token-file", file.to_str().unwrap()]),
        ("by-stdin", vec!["--token-stdin"]),
    ] {
        let arguments = [&base[..], &[name], &way[..]].concat();
        stage
            .run(&arguments)
            .input(&format!("{TOKEN}\r\n"))
            .end()
            .must(0);
    }
    let list = stage.ox(&["connections", "--json"]).must(0).json();
    assert_eq!(list["connections"].as_array().unwrap().len(), 3);
}

#[test]
fn a_token_on_the_command_line_is_refused_with_the_three_ways_and_not_repeated() {
    let stage = Stage::small();
    let url = stage.gitlab.base_url();
    let secret = "glpat-NEVER-Echo-This-0123456789";
    let joined = format!("--token={secret}");
    for way in [vec!["--token", secret], vec![&*joined]] {
        for front in [
            vec!["connect", "gitlab-registry", "--url", &url],
            vec!["scan", "--url", &url],
        ] {
            let ended = stage.ox(&[front, way.clone()].concat()).must(2);
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert!(!said.contains("NEVER-Echo"), "{said}");
            for other in ["--token-stdin", "--token-file", "--token-env"] {
                assert!(said.contains(other), "{said}");
            }
        }
    }
    // Not as a stray word either.
    let stray = stage.ox(&["connections", secret]).must(2);
    assert!(!stray.stderr.contains("NEVER-Echo"), "{}", stray.stderr);
    assert_eq!(
        stage.gitlab.count(|_| true),
        0,
        "nothing was sent with a refused token"
    );
}

#[test]
fn several_accounts_stand_beside_each_other_and_one_can_be_forgotten() {
    let one = Stage::small().connected();
    with_findings(&one.gitlab);
    let other = GitLab::start(small(), Modes::default()).unwrap();
    let url = other.base_url();
    let token = ["--token-env", VARIABLE, "--name", "other"];
    let arguments = [&["connect", "gitlab-registry", "--url", &url][..], &token].concat();
    one.ox(&arguments).must(0);
    one.ox(&["scan", "work"]).must(0);
    one.ox(&["scan", "other"]).must(0);
    let count = |name: &str| {
        let list = one.ox(&["images", "--connection", name, "--format", "jsonl"]);
        list.must(0).lines().len()
    };
    assert_eq!((count("work"), count("other")), (10, 10));
    let findings = |name: &str| {
        let form = ["--kind", "vulnerability", "--format", "jsonl"];
        let list = one.ox(&[&["findings", "--connection", name], &form[..]].concat());
        list.must(0).lines().len()
    };
    assert_eq!((findings("work"), findings("other")), (3, 0));
    let all = one.ox(&["images", "--format", "jsonl"]).must(0).lines();
    assert_eq!(all.len(), 20);

    one.ox(&["disconnect", "work"]).must(0);
    one.ox(&["images", "--connection", "work"]).must(2);
    assert_eq!(count("other"), 10);
    assert!(
        one.query("SELECT record FROM finding WHERE source <> 'connector'")
            .is_empty()
    );
}
