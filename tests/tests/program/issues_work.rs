//! What people do with issues: exclude, snooze, override, assign, comment, set a policy. All of it survives the
//! next scan, and ends when it should.

use ox_harness::advisories::Edition;

use super::issues::{LODASH, STORE, import, list, number, scan, shop, show, story};
use super::*;

fn scanned() -> Stage {
    let stage = shop();
    scan(&stage);
    stage
}

fn is_open(stage: &Stage, number: &str) -> bool {
    let open = list(stage, &["--location", STORE]);
    open.iter().any(|one| one["number"].to_string() == number)
}

/// A moment from now, RFC 3339.
fn soon(seconds: i64) -> String {
    let now = jiff::Timestamp::now().as_millisecond();
    jiff::Timestamp::from_millisecond(now + seconds * 1000)
        .unwrap()
        .to_string()
}

#[test]
fn an_exclusion_survives_a_scan_and_ends_by_itself() {
    let stage = scanned();
    let number = number(&stage, LODASH, STORE);
    let until = soon(3);
    let asked = jiff::Timestamp::now();
    stage
        .ox(&[
            "issue",
            "exclude",
            &number,
            "--reason",
            "it is not reached",
            "--until",
            &until,
            "--as",
            "mira",
        ])
        .must(0);
    assert!(!is_open(&stage, &number));
    scan(&stage);
    let shown = show(&stage, &number);
    // On a machine that is very slow it is over already.
    if jiff::Timestamp::now().duration_since(asked).as_secs() < 2 {
        assert_eq!(shown["issue"]["exclusion"]["reason"], "it is not reached");
        assert_eq!(shown["issue"]["exclusion"]["by"], "mira");
        assert!(!is_open(&stage, &number));
    }
    while jiff::Timestamp::now() < until.parse().unwrap() {
        std::thread::sleep(Duration::from_millis(50));
    }
    scan(&stage);
    assert!(is_open(&stage, &number));
    assert!(show(&stage, &number)["issue"]["exclusion"].is_null());
    let active = stage.ox(&["exclusions", "--json"]).must(0).json();
    assert_eq!(
        active["exclusions"].as_array().unwrap().len(),
        0,
        "{active}"
    );
    let all = stage.ox(&["exclusions", "--all", "--json"]).must(0).json();
    assert_eq!(all["exclusions"].as_array().unwrap().len(), 1, "{all}");
}

#[test]
fn an_excluded_issue_is_put_back_by_hand() {
    let stage = scanned();
    let number = number(&stage, LODASH, STORE);
    stage
        .ox(&[
            "issue",
            "false-positive",
            &number,
            "--reason",
            "we have our own templates",
        ])
        .must(0);
    assert!(!is_open(&stage, &number));
    scan(&stage);
    assert!(!is_open(&stage, &number));
    stage.ox(&["issue", "include", &number]).must(0);
    assert!(is_open(&stage, &number));
    let kinds = story(&show(&stage, &number));
    assert!(kinds.contains(&"excluded".to_owned()), "{kinds:?}");
    assert!(kinds.contains(&"exclusion-ended".to_owned()), "{kinds:?}");
    stage.ox(&["issue", "snooze", &number, "30d"]).must(0);
    assert!(!is_open(&stage, &number));
    let twice = stage.ox(&["issue", "include", &number]);
    assert_eq!(twice.code, 0, "{}", twice.stderr);
    assert!(
        stage
            .ox(&["issue", "include", &number])
            .must(2)
            .stderr
            .contains("not excluded")
    );
}

#[test]
fn an_exclusion_of_a_rule_covers_what_comes_later() {
    let stage = shop();
    let add = [
        "exclusions",
        "add",
        "--rule",
        LODASH,
        "--reason",
        "accepted by the board",
    ];
    let said = stage.ox(&add).must(0).stdout;
    scan(&stage);
    let excluded = list(&stage, &["--standing", "excluded"]);
    assert_eq!(excluded.len(), 1, "{excluded:?}");
    let id = said.split_whitespace().last().unwrap();
    // It is not the issue's own: it is ended for all that it covers.
    let number = number(&stage, LODASH, STORE);
    let refused = stage.ox(&["issue", "include", &number]).must(2);
    assert!(
        refused.stderr.contains(&format!("exclusions end {id}")),
        "{}",
        refused.stderr
    );
    stage.ox(&["exclusions", "end", id]).must(0);
    assert!(list(&stage, &["--standing", "excluded"]).is_empty());
    for scope in [
        ["--package", "openssl"],
        ["--location", "acme/shop/api"],
        ["--application", "acme/tools"],
    ] {
        let before = list(&stage, &["--standing", "excluded"]).len();
        stage
            .ox(&[&["exclusions", "add", "--reason", "no"][..], &scope].concat())
            .must(0);
        assert!(
            list(&stage, &["--standing", "excluded"]).len() > before,
            "{scope:?}"
        );
    }
}

#[test]
fn a_vex_document_excludes_what_it_calls_not_affected() {
    let stage = scanned();
    let document = serde_json::json!({
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://acme.example/vex/1",
        "author": "acme", "timestamp": "2026-01-01T00:00:00Z", "version": 1,
        "statements": [{
            "vulnerability": { "name": LODASH }, "status": "not_affected",
            "justification": "vulnerable_code_not_in_execute_path",
            "products": [{ "@id": "pkg:npm/lodash@4.17.20" }],
        }],
    });
    let file = stage.folder.path().join("vex.json");
    std::fs::write(&file, document.to_string()).unwrap();
    stage
        .ox(&["exclusions", "vex", file.to_str().unwrap()])
        .must(0);
    let excluded = list(&stage, &["--standing", "excluded"]);
    assert_eq!(excluded.len(), 1, "{excluded:?}");
    std::fs::write(&file, "{}").unwrap();
    let refused = stage.ox(&["exclusions", "vex", file.to_str().unwrap()]);
    assert_ne!(refused.code, 0, "{refused:?}");
    assert!(refused.stderr.contains("error:"), "{}", refused.stderr);
}

#[test]
fn a_severity_that_a_person_set_stays_until_it_is_given_back() {
    let stage = scanned();
    let number = number(&stage, LODASH, STORE);
    let before = show(&stage, &number)["issue"]["severity"].clone();
    assert_ne!(before, "Low");
    stage
        .ox(&[
            "issue",
            "severity",
            &number,
            "low",
            "--reason",
            "behind a gateway",
            "--as",
            "mira",
        ])
        .must(0);
    scan(&stage);
    import(&stage, Edition::Second);
    let shown = show(&stage, &number);
    assert_eq!(shown["issue"]["severity"], "Low");
    assert_eq!(
        shown["issue"]["verdict"]["severity"], before,
        "the rules' own is kept"
    );
    let page = stage.ox(&["issue", "show", &number]).must(0).stdout;
    assert!(
        page.contains("behind a gateway") && page.contains("mira"),
        "{page}"
    );
    stage.ox(&["issue", "severity", &number, "auto"]).must(0);
    assert_eq!(show(&stage, &number)["issue"]["severity"], before);
    let wrong = stage
        .ox(&["issue", "severity", &number, "terrible"])
        .must(2);
    assert!(wrong.stderr.contains("auto"), "{}", wrong.stderr);
}

#[test]
fn who_works_on_it_and_what_they_say_is_kept() {
    let stage = scanned();
    let number = number(&stage, LODASH, STORE);
    stage
        .ox(&["issue", "assign", &number, "jonas", "--as", "mira"])
        .must(0);
    stage
        .ox(&[
            "issue",
            "comment",
            &number,
            "it goes out on \u{1b}[31mMonday",
            "--as",
            "jonas",
        ])
        .must(0);
    scan(&stage);
    let shown = show(&stage, &number);
    assert_eq!(shown["issue"]["assignee"], "jonas");
    assert_eq!(shown["issue"]["comments"], 1);
    let page = stage.ox(&["issue", "show", &number]).must(0).stdout;
    assert!(
        page.contains("Monday") && !page.contains('\u{1b}'),
        "{page}"
    );
    assert_eq!(list(&stage, &["--assignee", "jonas"]).len(), 1);
    let nobody = list(&stage, &["--assignee", ""]).len();
    assert_eq!(nobody + 1, list(&stage, &[]).len());
    stage.ox(&["issue", "assign", &number]).must(0);
    assert!(list(&stage, &["--assignee", "jonas"]).is_empty());
}

#[test]
fn a_policy_weighs_everything_again_without_asking_gitlab() {
    let stage = scanned();
    let number = number(&stage, LODASH, STORE);
    let score = |shown: &Value| -> f64 {
        let factors = shown["issue"]["verdict"]["factors"].as_array().unwrap();
        factors
            .iter()
            .map(|one| one["change"].as_f64().unwrap())
            .sum()
    };
    let before = score(&show(&stage, &number));
    let file = stage.folder.path().join("policy.toml");
    std::fs::write(
        &file,
        "[[application]]\nname = \"Storefront\"\nteam = \"Shop\"\nservice = \"store\"\npriority = \"critical\"\n\
         environment = \"production\"\ninternet-facing = true\nowners = [\"@mira\"]\n\
         match = { project = \"acme/shop\" }\n[sla.days]\nhigh = 5\n",
    )
    .unwrap();
    stage.gitlab.clear_log();
    stage
        .ox(&["policy", "check", file.to_str().unwrap()])
        .must(0);
    assert_eq!(score(&show(&stage, &number)), before, "only checked");
    stage
        .ox(&["policy", "set", file.to_str().unwrap(), "--as", "ines"])
        .must(0);
    assert_eq!(stage.gitlab.count(|_| true), 0);
    let shown = show(&stage, &number);
    assert!((score(&shown) - before - 1.2).abs() < 1e-9, "{shown}");
    assert_eq!(shown["issue"]["context"]["application"], "Storefront");
    assert_eq!(story(&shown).last().unwrap(), "changed");
    for filter in [
        ["--application", "Storefront"],
        ["--team", "Shop"],
        ["--service", "store"],
        ["--environment", "production"],
        ["--priority", "critical"],
        ["--owner", "@mira"],
    ] {
        let found = list(&stage, &filter);
        assert!(
            found.iter().any(|one| one["number"].to_string() == number),
            "{filter:?}"
        );
        assert!(
            found.len() < list(&stage, &[]).len(),
            "{filter:?}: not the tools'"
        );
    }
    let policy = stage.ox(&["policy", "show"]).must(0);
    assert!(policy.stdout.contains("Storefront"), "{}", policy.stdout);
    assert!(policy.stderr.contains("ines"), "{}", policy.stderr);
}

#[test]
fn a_policy_that_is_wrong_is_refused_with_its_line_and_column() {
    let stage = scanned();
    let file = stage.folder.path().join("policy.toml");
    let before = stage.ox(&["policy", "show"]).must(0).stdout;
    for (text, place) in [
        (
            "[sla]\nenabled = true\n\n[[application]]\nnmae = \"x\"\n",
            "5",
        ),
        ("[sla.days]\nhigh = \"soon\"\n", "2"),
        ("[[application]\n", "1"),
        ("[severity.epss]\nlow = \"a lot\"\n", "severity"),
    ] {
        std::fs::write(&file, text).unwrap();
        for verb in ["check", "set"] {
            let refused = stage.ox(&["policy", verb, file.to_str().unwrap()]).must(3);
            assert!(refused.stderr.contains(place), "{text}: {}", refused.stderr);
        }
    }
    std::fs::write(&file, "[sla.days]\nhigh = \"soon\"\n").unwrap();
    let refused = stage
        .ox(&["policy", "check", file.to_str().unwrap()])
        .must(3);
    let error = refused.stderr;
    assert!(
        error.contains("line 2") && error.contains("column"),
        "{error}"
    );
    assert_eq!(stage.ox(&["policy", "show"]).must(0).stdout, before);
    let missing = stage.ox(&["policy", "set", "/nowhere/policy.toml"]).must(3);
    assert!(missing.stderr.contains("policy.toml"), "{}", missing.stderr);
}
