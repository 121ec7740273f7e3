//! The program as its users see it, against a host in memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::io::ErrorKind;
use std::sync::Arc;

use clap::{CommandFactory, Parser};
use serde_json::Value;

use super::args::Cli;
use super::context::Context;
use super::exit::Exit;
use super::output::{Output, lock, mask_tokens};
use super::testing::{Broken, Capture, Fake, Ran, Shared, run, run_with};
use crate::contract::{Explanation, Failure};
use crate::host::{HostError, LocationOutcome, NewLocations};
use crate::report::{Look, samples};

const TOKEN: &str = "glpat-s3cretS3cret-1234567";

/// A file that holds the token; it lives as long as the folder.
fn token_file() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, format!("{TOKEN}\n")).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

async fn connect(fake: Fake, more: &[&str]) -> Ran {
    let (_dir, file) = token_file();
    let mut args = vec![
        "connect",
        "gitlab-registry",
        "--url",
        "https://gitlab.example.com",
        "--token-file",
        &file,
    ];
    args.extend(more);
    run_with(fake, &args).await
}

fn red() -> Fake {
    Fake {
        verification: samples::mixed_verification(),
        ..Fake::default()
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn help_reads_well() {
    let mut program = Cli::command().term_width(100);
    insta::assert_snapshot!("help", program.render_help());
    program.build();
    for command in program.get_subcommands_mut() {
        let name = format!("help_{}", command.get_name());
        insta::assert_snapshot!(name.clone(), command.render_long_help());
        for inner in command.get_subcommands_mut() {
            let name = format!("{name}_{}", inner.get_name());
            insta::assert_snapshot!(name, inner.render_long_help());
        }
    }
}

#[tokio::test]
async fn connect_prints_ticks_and_saves_when_green() {
    let ran = connect(Fake::default(), &[]).await;
    assert_eq!(ran.exit, Exit::Ok);
    insta::assert_snapshot!(ran.stdout);
    insta::assert_snapshot!("connect_remarks", ran.stderr);
    assert_eq!(*lock(&ran.fake.saved), ["gitlab.example.com"]);
    let draft = lock(&ran.fake.draft).take().unwrap();
    assert_eq!(
        draft.settings,
        [("url".to_owned(), "https://gitlab.example.com".to_owned())]
    );
    assert_eq!(draft.secrets[0].0, "token");
    assert_eq!(draft.secrets[0].1.expose(), TOKEN);
}

#[tokio::test]
async fn connect_saves_a_red_account_only_when_told_to() {
    let ran = connect(red(), &[]).await;
    assert_eq!(ran.exit, Exit::Permission);
    assert!(lock(&ran.fake.saved).is_empty());
    assert!(ran.stderr.contains("--save-anyway"));
    let ran = connect(red(), &["--save-anyway", "--name", "work"]).await;
    assert_eq!(ran.exit, Exit::Ok);
    assert_eq!(*lock(&ran.fake.saved), ["work"]);
    assert!(ran.stdout.contains("in place of the earlier one"));
}

#[tokio::test]
async fn connect_as_json_is_one_document_that_says_whether_it_was_saved() {
    let ran = connect(red(), &["--json"]).await;
    let value = json(&ran.stdout);
    assert_eq!(
        (&value["saved"], &value["verified"]),
        (&Value::Bool(false), &Value::Bool(false))
    );
    assert_eq!(value["steps"].as_array().unwrap().len(), 6);
    let ran = connect(Fake::default(), &["--json"]).await;
    assert_eq!(json(&ran.stdout)["saved"], true);
}

#[tokio::test]
async fn a_token_on_the_command_line_is_refused_and_not_repeated() {
    for command in [&["connect", "gitlab-registry"][..], &["scan"]] {
        for given in [
            vec![format!("--token={TOKEN}")],
            vec!["--token".to_owned(), TOKEN.to_owned()],
        ] {
            let mut args = command.to_vec();
            args.extend(["--url", "https://gitlab.com"]);
            args.extend(given.iter().map(String::as_str));
            let ran = run(&args).await;
            assert_eq!(ran.exit, Exit::Usage);
            assert!(!ran.stderr.contains(TOKEN) && ran.stdout.is_empty());
            for way in ["--token-stdin", "--token-file", "--token-env"] {
                assert!(ran.stderr.contains(way), "{}", ran.stderr);
            }
        }
    }
}

#[test]
fn a_token_in_the_wrong_place_is_masked_in_the_usage_error() {
    let error = Cli::try_parse_from(["ox-host", "connect", "gitlab-registry", TOKEN]).unwrap_err();
    let text = error.render().to_string();
    assert!(
        text.contains(TOKEN),
        "clap repeats it, so the mask matters: {text}"
    );
    assert!(!mask_tokens(&text).contains("s3cret"));
}

#[tokio::test]
async fn a_secret_is_never_printed_whatever_the_connector_says() {
    let mut fake = red();
    fake.leak = Some(format!("the token is {TOKEN}, really"));
    fake.verification.steps[0].seen = format!("GET /?private_token={TOKEN}");
    fake.verification.steps[4].hint = TOKEN.to_owned();
    for more in [&["-vv"][..], &["--json"], &["--progress", "json"]] {
        let mut leaking = red();
        leaking.leak.clone_from(&fake.leak);
        leaking.verification = fake.verification.clone();
        let ran = connect(leaking, more).await;
        assert!(
            !ran.stdout.contains("s3cret") && !ran.stderr.contains("s3cret"),
            "{more:?}"
        );
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains('…'));
    }
    let failing = Fake {
        failure: std::sync::Mutex::new(Some(HostError::Connector(Failure::Unauthenticated(
            Explanation {
                message: format!("{TOKEN} is not known"),
                hint: TOKEN.to_owned(),
            },
        )))),
        ..Fake::default()
    };
    let ran = connect(failing, &[]).await;
    assert_eq!(ran.exit, Exit::Permission);
    assert!(!ran.stderr.contains("s3cret"));
}

#[tokio::test]
async fn verify_answers_the_code_of_the_first_failed_step() {
    let ran = run(&["verify", "work"]).await;
    assert_eq!(ran.exit, Exit::Ok);
    assert!(
        ran.stderr
            .contains("certificates of this connection are not verified")
    );
    let ran = run_with(red(), &["verify", "work", "--json"]).await;
    assert_eq!(ran.exit, Exit::Permission);
    assert_eq!(json(&ran.stdout)["saved"], Value::Null);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_usage_error_everywhere() {
    for args in [
        &["verify", "nope"][..],
        &["locations", "nope"],
        &["select", "nope"],
        &["scan", "nope"],
        &["disconnect", "nope"],
        &["findings", "--connection", "nope"],
    ] {
        let ran = run(args).await;
        assert_eq!(ran.exit, Exit::Usage, "{args:?}");
        assert!(ran.stderr.contains("ox-host connections"), "{}", ran.stderr);
        assert_eq!(ran.stdout, "");
    }
}

#[tokio::test]
async fn lists_are_tables_documents_or_lines() {
    for command in ["findings", "images", "skipped"] {
        assert!(run(&[command]).await.stdout.lines().count() > 2);
        let document = json(&run(&[command, "--format", "json"]).await.stdout);
        assert_eq!(document["schema_version"], 1);
        let lines = run(&[command, "--format", "jsonl"]).await.stdout;
        assert!(
            lines.lines().count() >= 2 && lines.lines().all(|line| json(line)["kind"].is_string())
        );
    }
    for args in [
        &["connections", "--json"][..],
        &["locations", "work", "--json"],
        &["select", "work", "--json"],
        &["disconnect", "work", "--json"],
        &["plugin", "list", "--json"],
        &["plugin", "inspect", "x.wasm", "--json"],
        &["scan", "work", "--format", "json"],
        &["verify", "work", "--json"],
    ] {
        let ran = run(args).await;
        assert!(json(&ran.stdout)["kind"].is_string(), "{args:?}");
    }
}

#[tokio::test]
async fn locations_are_listed_when_none_are_known_or_when_asked() {
    let fake = Fake {
        known: std::sync::Mutex::default(),
        ..Fake::default()
    };
    let ran = run_with(fake, &["locations", "work", "--tree"]).await;
    assert!(ran.stdout.contains("└─"));
    let ran = run(&["locations", "work", "--refresh"]).await;
    assert!(ran.stdout.contains("acme/shop/api"));
}

#[tokio::test]
async fn select_saves_what_was_given_and_warns_of_patterns_that_match_nothing() {
    let args = [
        "select",
        "work",
        "--include",
        "acme/shop",
        "--new-locations",
        "exclude",
    ];
    let ran = run(&args).await;
    assert_eq!(ran.exit, Exit::Ok);
    let selection = lock(&ran.fake.selection).take().unwrap();
    assert_eq!(selection.include, ["acme/shop"]);
    assert_eq!(selection.new_locations, NewLocations::Exclude);
    assert!(
        ran.stderr
            .contains("acme/shop/** takes everything below it"),
        "{}",
        ran.stderr
    );
    assert_eq!(
        run(&["select", "work", "--include", "a["]).await.exit,
        Exit::Usage
    );
}

#[tokio::test]
async fn a_scan_prints_its_summary_and_its_progress_elsewhere() {
    let ran = run(&["scan", "work", "--location", "acme/**", "--fresh"]).await;
    assert_eq!(ran.exit, Exit::Ok);
    insta::assert_snapshot!("scan_stdout", ran.stdout);
    insta::assert_snapshot!("scan_stderr", ran.stderr);
    let options = lock(&ran.fake.options).take().unwrap();
    assert!(options.fresh);
    assert_eq!(options.locations, ["acme/**"]);
}

#[tokio::test]
async fn quiet_leaves_only_data() {
    let ran = run(&["scan", "work", "-q"]).await;
    assert_eq!(ran.stderr, "");
    assert!(!ran.stdout.is_empty());
}

#[tokio::test]
async fn a_scan_of_findings_that_are_too_severe_ends_with_their_code() {
    assert_eq!(
        run(&["scan", "work", "--fail-on", "critical"]).await.exit,
        Exit::Findings
    );
    assert_eq!(
        run(&["scan", "work", "--require-complete"]).await.exit,
        Exit::Partial
    );
    let mut fake = Fake::default();
    fake.report
        .locations
        .retain(|one| one.path != "acme/shop/api");
    let ran = run_with(fake, &["scan", "work", "--fail-on", "low"]).await;
    assert_eq!(
        ran.exit,
        Exit::Ok,
        "findings of locations that were not scanned do not count"
    );
}

#[tokio::test]
async fn a_scan_of_nothing_says_so() {
    let mut fake = Fake::default();
    fake.report.locations.clear();
    let ran = run_with(fake, &["scan", "work"]).await;
    assert_eq!(ran.exit, Exit::NothingSelected);
    assert!(ran.stderr.contains("nothing is selected"));
}

#[tokio::test]
async fn a_scan_that_fails_everywhere_is_no_success() {
    let mut fake = Fake::default();
    for location in &mut fake.report.locations {
        location.outcome = LocationOutcome::Failed {
            class: crate::host::FailureClass::Connectivity,
            message: "502".to_owned(),
            hint: String::new(),
        };
    }
    assert_eq!(
        run_with(fake, &["scan", "work"]).await.exit,
        Exit::Connectivity
    );
}

#[tokio::test]
async fn a_scan_without_a_connection_takes_the_form_and_a_selection() {
    let (_dir, file) = token_file();
    let ran = run(&[
        "scan",
        "--url",
        "gitlab.com",
        "--token-file",
        &file,
        "--include",
        "acme/**",
        "--newest-tags",
        "3",
        "--format",
        "jsonl",
    ])
    .await;
    assert_eq!(ran.exit, Exit::Ok, "{}", ran.stderr);
    let draft = lock(&ran.fake.draft).take().unwrap();
    assert_eq!(
        draft.settings[1],
        ("newest-tags".to_owned(), "3".to_owned())
    );
    assert_eq!(
        lock(&ran.fake.selection).take().unwrap().include,
        ["acme/**"]
    );
    let last = ran.stdout.lines().last().unwrap();
    assert_eq!(json(last)["kind"], "scan");
}

#[tokio::test]
async fn a_connected_account_is_not_scanned_with_another_form() {
    let ran = run(&["scan", "work", "--newest-tags", "3"]).await;
    assert_eq!(ran.exit, Exit::Usage);
}

#[tokio::test]
async fn an_interrupted_scan_says_how_to_go_on() {
    let capture = Capture::new();
    let cli = Cli::try_parse_from(["ox-host", "scan", "work"]).unwrap();
    let fake = Arc::new(Fake {
        endless: true,
        ..Fake::default()
    });
    let context = Context::new(fake, capture.output(), &cli.global);
    let cancel = context.cancel.clone();
    let (exit, ()) = tokio::join!(cli.command.run(&context), async {
        tokio::task::yield_now().await;
        cancel.cancel();
    });
    assert_eq!(exit.unwrap(), Exit::Interrupted);
    assert!(
        capture
            .stderr()
            .contains("`ox-host scan work` goes on from there")
    );
}

#[tokio::test]
async fn the_connectors_failure_becomes_an_error_a_hint_and_a_code() {
    let failing = |failure| Fake {
        failure: std::sync::Mutex::new(Some(HostError::Connector(failure))),
        ..Fake::default()
    };
    let why = Explanation {
        message: "https://gitlab.example.com refused the connection.".to_owned(),
        hint: "Is it up?".to_owned(),
    };
    let ran = run_with(
        failing(Failure::Unavailable(why.clone())),
        &["scan", "work"],
    )
    .await;
    assert_eq!(ran.exit, Exit::Connectivity);
    assert_eq!(
        ran.stderr,
        "error: https://gitlab.example.com refused the connection.\nhint: Is it up?\n"
    );
    let args = ["scan", "work", "--progress", "json"];
    let ran = run_with(failing(Failure::OverLimit(why)), &args).await;
    assert_eq!(ran.exit, Exit::Limit);
    let line = json(&ran.stderr);
    assert_eq!((&line["kind"], &line["exit"]), (&"error".into(), &7.into()));
}

#[tokio::test]
async fn packages_are_found_by_a_beginning_of_the_digest() {
    let ran = run(&["images", "--packages", "1111"]).await;
    assert!(ran.stdout.contains("libssl3"), "{}", ran.stderr);
    let ran = run(&["images", "--packages", "sha256:"]).await;
    assert_eq!(ran.exit, Exit::Usage);
    assert!(ran.stderr.contains("2 images"));
    assert_eq!(
        run(&["images", "--packages", "ffff"]).await.exit,
        Exit::Usage
    );
}

#[tokio::test]
async fn one_image_is_shown_by_any_of_its_names() {
    let digest = samples::digest('1');
    let by_digest = format!("acme/shop/api@{digest}");
    for name in [
        "acme/shop/api:1.4",
        "registry.example.com/acme/shop/api:latest",
        "sha256:11111111",
        "11111111",
        &by_digest,
    ] {
        let ran = run(&["image", name]).await;
        assert_eq!(ran.exit, Exit::Ok, "{name}: {}", ran.stderr);
        assert!(ran.stdout.contains(&digest), "{name}: {}", ran.stdout);
    }
    let ran = run(&["image", "sha256:11111111", "--format", "json"]).await;
    assert_eq!(json(&ran.stdout)["kind"], "image-report");
    // The index of the samples leads to both images.
    let index = samples::digest('2');
    let ran = run(&["image", &index]).await;
    assert!(ran.stderr.contains("names 2 images"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_reference_to_several_images_or_none_ends_in_commands_to_copy() {
    let errors = |args: Vec<&'static str>| async move {
        let ran = run(&args).await;
        assert_eq!(ran.exit, Exit::Usage, "{args:?}");
        assert_eq!(ran.stdout, "");
        ran.stderr
    };
    insta::assert_snapshot!(errors(vec!["image", "acme/shop/api"]).await, @r#"
    error: acme/shop/api names 2 images
    hint: say which one is meant:
      ox-host image acme/shop/api@sha256:111111111111  # linux/arm64/v8 1.4 latest
      ox-host image acme/shop/api@sha256:444444444444  # linux/arm64/v8 nightly-0 nightly-1 nightly-2
    "#);
    insta::assert_snapshot!(errors(vec!["image", "acme/shop/api:2.0"]).await, @r#"
    error: no image of acme/shop/api has the tag "2.0"
    hint: its tags are 1.4, latest, nightly-0, nightly-1, nightly-2, nightly-3, nightly-4, nightly-5
    "#);
    insta::assert_snapshot!(errors(vec!["image", "acme/shop/nothing"]).await, @r#"
    error: no image is called "acme/shop/nothing"
    hint: `ox-host images` lists them
    "#);
    insta::assert_snapshot!(
        errors(vec!["image", "acme/shop/api:1.4", "--platform", "linux/amd64"]).await, @r#"
    error: acme/shop/api:1.4 is not there for linux/amd64
    hint: choose one that is:
      ox-host image acme/shop/api:1.4 --platform linux/arm64/v8
    "#);
    insta::assert_snapshot!(errors(vec!["image", "sha256:1111"]).await, @r#"
    error: sha256:1111 is too short to tell images apart
    hint: give at least 8 digits of the digest
    "#);
}

#[tokio::test]
async fn the_platform_may_be_said_with_its_variant_or_without() {
    for platform in ["linux/arm64", "linux/arm64/v8", "Linux/ARM64"] {
        let ran = run(&["image", "acme/shop/api:1.4", "--platform", platform]).await;
        assert_eq!(ran.exit, Exit::Ok, "{platform}: {}", ran.stderr);
    }
    for platform in ["linux/arm", "linux", "arm64", "linux/arm64/v7"] {
        let ran = run(&["image", "acme/shop/api:1.4", "--platform", platform]).await;
        let expected = if platform == "linux" {
            Exit::Ok
        } else {
            Exit::Usage
        };
        assert_eq!(ran.exit, expected, "{platform}: {}", ran.stderr);
    }
}

#[tokio::test]
async fn the_packages_of_an_image_are_filtered() {
    let list = |more: Vec<&'static str>| async move {
        let args = [
            &[
                "image",
                "acme/shop/api:1.4",
                "--packages",
                "--format",
                "json",
            ][..],
            &more,
        ];
        let ran = run(&args.concat()).await;
        assert_eq!(ran.exit, Exit::Ok, "{}", ran.stderr);
        let rows = json(&ran.stdout)["packages"].as_array().unwrap().clone();
        rows.iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(list(vec![]).await, ["libssl3", "tar"]);
    assert_eq!(list(vec!["--name", "lib*"]).await, ["libssl3"]);
    assert_eq!(list(vec!["--layer", "2"]).await, ["tar"]);
    assert_eq!(
        list(vec!["--package-format", "npm"]).await,
        Vec::<String>::new()
    );
    let ran = run(&["image", "acme/shop/api:1.4", "--packages", "--name", "["]).await;
    assert_eq!(ran.exit, Exit::Usage);
}

#[tokio::test]
async fn an_sbom_goes_to_stdout_or_whole_into_a_file() {
    let ran = run(&["image", "acme/shop/api:1.4", "--sbom", "cyclonedx"]).await;
    assert_eq!(json(&ran.stdout)["bomFormat"], "CycloneDX");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("api.spdx.json");
    let path = file.to_str().unwrap();
    let ran = run(&[
        "image",
        "acme/shop/api:1.4",
        "--sbom",
        "spdx",
        "--output",
        path,
    ])
    .await;
    assert_eq!((ran.exit, ran.stdout.as_str()), (Exit::Ok, ""));
    assert!(ran.stderr.contains("2 packages"), "{}", ran.stderr);
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(json(&written)["spdxVersion"], "SPDX-2.3");
    let nowhere = folder.path().join("no/such.json");
    let path = nowhere.to_str().unwrap();
    let ran = run(&[
        "image",
        "acme/shop/api:1.4",
        "--sbom",
        "spdx",
        "--output",
        path,
    ])
    .await;
    assert_eq!(ran.exit, Exit::Unexpected);
    for refused in [
        &["image", "a:1", "--output", "x"][..],
        &["image", "a:1", "--sbom", "spdx", "--packages"],
        &["image", "a:1", "--sbom", "spdx", "--format", "json"],
        &["image", "a:1", "--layer", "1"],
    ] {
        let args = ["ox-host"].iter().chain(refused);
        assert!(Cli::try_parse_from(args).is_err(), "{refused:?}");
    }
}

#[tokio::test]
async fn findings_are_chosen_by_kind_and_image() {
    let args = ["findings", "--kind", "secret", "--kind", "misconfiguration"];
    let ran = run(&[&args[..], &["--image", "1111"]].concat()).await;
    assert_eq!(ran.exit, Exit::Ok, "{}", ran.stderr);
    let filter = lock(&ran.fake.filter).clone().unwrap();
    use crate::contract::FindingKind;
    assert_eq!(
        filter.kinds,
        [FindingKind::Secret, FindingKind::Misconfiguration]
    );
    assert_eq!(filter.image.as_deref(), Some("sha256:1111"));
}

async fn run_to(stdout: Box<dyn std::io::Write + Send>, args: &[&str]) -> (Exit, String) {
    let stderr = Shared::default();
    let out = Arc::new(Output::to(stdout, Box::new(stderr.clone()), Look::PLAIN));
    let cli = Cli::try_parse_from(["ox-host"].iter().chain(args)).unwrap();
    let exit = super::run(cli, Arc::new(Fake::default()), out).await;
    (exit, stderr.text())
}

#[tokio::test]
async fn a_reader_that_went_away_is_no_error_and_hides_no_exit_code() {
    let broken = || Box::new(Broken(ErrorKind::BrokenPipe));
    let (exit, stderr) = run_to(broken(), &["findings"]).await;
    assert_eq!((exit, stderr.as_str()), (Exit::Ok, ""));
    let (exit, _) = run_to(broken(), &["scan", "work", "--fail-on", "high"]).await;
    assert_eq!(exit, Exit::Findings);
}

#[tokio::test]
async fn a_full_disk_is_an_error() {
    let (exit, stderr) = run_to(Box::new(Broken(ErrorKind::StorageFull)), &["findings"]).await;
    assert_eq!(exit, Exit::Unexpected);
    assert!(stderr.contains("could not be written"));
}

#[test]
fn the_data_folder_follows_the_flag_then_xdg_then_home() {
    let variables = |name: &str| match name {
        "XDG_DATA_HOME" => Some("/xdg".into()),
        "HOME" => Some("/home/me".into()),
        _ => None,
    };
    let dir = |given: Option<&str>| super::data_dir(given.map(Into::into), variables).unwrap();
    assert_eq!(dir(Some("here")).to_str(), Some("here"));
    assert_eq!(dir(None).to_str(), Some("/xdg/ox-host"));
    let home = |name: &str| (name == "HOME").then(|| "/home/me".into());
    let path = super::data_dir(None, home).unwrap();
    assert_eq!(path.to_str(), Some("/home/me/.local/share/ox-host"));
    assert_eq!(
        super::data_dir(None, |_| None).unwrap_err().exit,
        Exit::Settings
    );
}

#[test]
fn names_are_quoted_for_the_shell_where_they_need_it() {
    assert_eq!(
        super::connect::quoted("gitlab.example.com/x"),
        "gitlab.example.com/x"
    );
    assert_eq!(super::connect::quoted("my work"), "'my work'");
    assert_eq!(super::connect::quoted("it's"), r"'it'\''s'");
}
