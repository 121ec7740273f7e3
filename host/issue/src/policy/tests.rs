#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;

use super::*;

fn faults(text: &str) -> String {
    Policy::parse(text).unwrap_err().to_string()
}

#[test]
fn the_default_file_means_the_default_policy() {
    assert_eq!(
        Policy::parse(Policy::default_text()).unwrap(),
        Policy::default()
    );
    assert_eq!(Policy::parse("").unwrap(), Policy::default());
}

#[test]
fn the_meaning_of_the_default_file_does_not_change_unnoticed() {
    insta::assert_json_snapshot!(Policy::parse(Policy::default_text()).unwrap(), @r####"
{
  "severity": {
    "max-steps-down": 2,
    "max-steps-up": 2,
    "known-exploited-floor": "High",
    "appoxalypse-epss": 0.5
  },
  "sla": {
    "enabled": true,
    "start": null,
    "near_days": 3,
    "days": {
      "Low": 180,
      "Medium": 90,
      "High": 30,
      "Critical": 7,
      "Appoxalypse": 2
    }
  },
  "applications": [],
  "teams": [],
  "owners": [],
  "environments": [],
  "labels": {
    "service": [
      "com.example.service"
    ],
    "team": [
      "com.example.team"
    ],
    "owner": [
      "maintainer",
      "org.opencontainers.image.authors",
      "org.opencontainers.image.vendor"
    ],
    "branch": [
      "org.opencontainers.image.ref.name",
      "com.gitlab.ci.tagorbranch"
    ]
  },
  "standards": [
    "cis-docker",
    "nist-ssdf",
    "pci-dss",
    "iso-27001"
  ]
}
"####);
}

/// Lines that begin with `#` and no space are examples.
#[test]
fn the_examples_of_the_default_file_can_be_used_as_they_are() {
    let text: String = Policy::default_text()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(example) if example.starts_with(|first: char| first != ' ') => {
                format!("{example}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let policy = Policy::parse(&text).unwrap();
    assert_eq!(policy.applications.len(), 2);
    assert_eq!(
        (
            policy.teams.len(),
            policy.owners.len(),
            policy.environments.len()
        ),
        (1, 1, 2)
    );
    assert_eq!(policy.applications[0].priority.as_deref(), Some("critical"));
    assert_eq!(
        policy.applications[1].matches.label["com.example.tier"].len(),
        2
    );
    assert_eq!(policy.sla.start.as_deref(), Some("2026-01-01"));
}

#[test]
fn a_fault_names_line_column_key_and_what_was_probably_meant() {
    insta::assert_snapshot!(faults(r#"
[slaa]
near = 3

[sla]
near = "soon"
start = 2026-13-01
[sla.days]
critical = -1
hihg = 5

[[application]]
nmae = "shop"
priority = "urgent"
internet_facing = true
data = ["personel", 5]
match = { projekt = "a/**", group = "a[", label = { x = "" } }

[[application]]
name = "tools"

[[team]]
name = "storefront"
[[application]]
name = "x"
team = "storefrunt"
match = { project = "x" }

[[environment]]
name = "production"
match = { tags = "v*" }

[compliance]
standards = ["pci", "sox"]
"#.replace("2026-13-01", "\"2026-13-01\"").as_str()), @r####"
line 2, column 2: there is no key "slaa"; did you mean sla?
line 6, column 8: sla.near: it has to be a whole number of days, not a text; write one from 0 to 3650
line 7, column 9: sla.start: it has to be a day; write it as year, month and day: 2026-01-31
line 9, column 12: sla.days.critical: it is no number of days that is allowed; write one from 1 to 3650
line 10, column 1: sla.days: there is no key "hihg"; did you mean high?
line 12, column 1: application[1]: it has no name; write name = "shop"
line 13, column 1: application[1]: there is no key "nmae"; did you mean name?
line 14, column 12: application[1].priority: "urgent" is not known here; known: critical, high, medium and low
line 15, column 1: application[1]: there is no key "internet_facing"; did you mean internet-facing?
line 16, column 9: application[1].data[1]: "personel" is not known here; did you mean "personal"?
line 16, column 21: application[1].data[2]: it has to be a text, not a number; put it into quotes
line 17, column 11: application[1].match: there is no key "projekt"; did you mean project?
line 17, column 37: application[1].match.group: the pattern "a[" can't be used: unclosed character class; missing ']'; write for example acme/shop/*, acme/** or {api,worker}
line 17, column 57: application[1].match.label.x: it is empty; write something, or take the key out
line 19, column 1: application[2]: it does not say what it is for; write match = { project = "acme/shop/**" }
line 26, column 8: application[3].team: no [[team]] has the name "storefrunt"; did you mean "storefront"?
line 31, column 11: environment[1].match: there is no key "tags"; did you mean tag?
line 34, column 14: compliance.standards[1]: "pci" is not known here; known: cis-docker, nist-ssdf, pci-dss and iso-27001
line 34, column 21: compliance.standards[2]: "sox" is not known here; known: cis-docker, nist-ssdf, pci-dss and iso-27001
"####);
}

#[test]
fn a_fault_of_the_syntax_has_its_place() {
    insta::assert_snapshot!(faults("[sla]\nnear = \n"), @r####"line 2, column 8: this is not TOML: string values must be quoted, expected literal string"####);
    insta::assert_snapshot!(faults("[sla]\nnear = 1\nnear = 2\n"), @r####"line 3, column 1: this is not TOML: duplicate key"####);
    insta::assert_snapshot!(faults("a = \"é\u{1}\""), @r####"line 1, column 7: this is not TOML: invalid basic string, expected non-double-quote visible characters, `\`"####);
}

#[test]
fn a_mark_of_the_encoding_moves_no_place() {
    assert_eq!(faults("\u{feff}slb = 1"), faults("slb = 1"));
    assert_eq!(Policy::parse("\u{feff}").unwrap(), Policy::default());
}

#[test]
fn a_section_of_the_wrong_kind_is_a_fault() {
    insta::assert_snapshot!(faults("severity = 1\nsla = [1]\napplication = 3\nlabels = true\n"), @r####"
line 1, column 12: severity: it has to be a table, not a number; write [severity]
line 2, column 7: sla: it has to be a table, not a list; write [sla]
line 3, column 15: application: it has to be a list of tables, not a number; write [[application]]
line 4, column 10: labels: it has to be a table, not true or false; write [labels]
"####);
    insta::assert_snapshot!(faults("[application]\nname = \"x\"\n"), @r####"line 1, column 1: application: it has to be a list of tables, not a table; write [[application]]"####);
    insta::assert_snapshot!(faults("[[owner]]\nowners = []\nmatch = {}\n[[owner]]\nmatch = { project = [] }"), @r####"
line 1, column 1: owner[1]: it has no owners; write owners = ["@mira"]
line 1, column 1: owner[1]: it does not say what it is for; write match = { project = "acme/shop/**" }
line 4, column 1: owner[2]: it has no owners; write owners = ["@mira"]
line 5, column 21: owner[2].match.project: the list is empty, so nothing would match; write a pattern, or take the key out
"####);
}

#[test]
fn what_is_too_much_is_a_fault() {
    let many = "[[team]]\nname = \"a\"\n".repeat(2_001);
    assert!(faults(&many).contains("there are more than 2000"));
    let list = format!("[labels]\nteam = [{}]", "\"a\",".repeat(201));
    assert!(faults(&list).contains("more than 200 values"));
    let long = format!("[[team]]\nname = {:?}", "a".repeat(257));
    assert!(faults(&long).contains("longer than 256 bytes"));
    assert!(faults(&"#".repeat(MAX_BYTES + 1)).contains("1048577 bytes"));
    let patterns = format!(
        "[[team]]\nname = \"a\"\nmatch = {{ project = [{}] }}\n",
        "\"a\",".repeat(200)
    );
    assert!(faults(&patterns.repeat(26)).contains("more than 5000 patterns"));
    assert!(Policy::parse(&patterns.repeat(25)).is_ok());
    let deep = format!("severity = {}", "[".repeat(5_000));
    assert!(!faults(&deep).is_empty());
}

#[test]
fn of_many_faults_the_first_are_told_and_the_others_counted() {
    let text: String = (0..100)
        .map(|n| format!("key{:03} = 1\n", 100 - n))
        .collect();
    let error = Policy::parse(&text).unwrap_err();
    assert_eq!((error.faults.len(), error.more), (20, 80));
    // The first in the file, whatever the order in which they were found.
    assert!(
        error
            .faults
            .iter()
            .zip(1..)
            .all(|(fault, line)| fault.line == line)
    );
    assert!(error.to_string().ends_with("… and 80 more"));
}

#[test]
fn a_rule_of_severity_is_tuned_and_a_misspelt_one_is_a_fault_with_its_place() {
    let policy = Policy::parse(
        "[severity]\nmax-steps-down = 1\n[severity.rules.known-exploited]\nchange = 1.25\n",
    )
    .unwrap();
    assert_eq!(policy.severity.max_steps_down, 1);
    assert_eq!(policy.severity.rules["known-exploited"].change, Some(1.25));
    let wrong = faults("[sla]\n[severity.rules.known-exploted]\nchange = 1.0\n");
    assert!(
        wrong.starts_with("line 2") && wrong.contains("did you mean \"known-exploited\"?"),
        "{wrong}"
    );
    let wild = faults("[severity.rules.known-exploited]\nchange = 99.0\n");
    assert!(wild.contains("must be from"), "{wild}");
    assert_eq!(
        faults("[severity]\nx = { a = [1, nan] }"),
        "line 1, column 1: severity: it holds a number that is too large, or no number; write a finite number"
    );
}

#[test]
fn days_can_be_changed_and_taken_away() {
    let policy = Policy::parse("[sla]\nenabled = false\nstart = 2026-02-03\n[sla.days]\ncritical = 1\nlow = \"none\"\ninfo = 365").unwrap();
    let days: Vec<(String, u32)> = policy
        .sla
        .days
        .iter()
        .map(|(severity, days)| (severity.to_string(), *days))
        .collect();
    let expected = [
        ("Info", 365),
        ("Medium", 90),
        ("High", 30),
        ("Critical", 1),
        ("Appoxalypse", 2),
    ];
    assert_eq!(days, expected.map(|(word, days)| (word.to_owned(), days)));
    assert!(!policy.sla.enabled);
}

#[test]
fn the_digest_is_of_the_meaning() {
    let digest = |text: &str| Policy::parse(text).unwrap().digest();
    let plain = digest("[sla]\nnear = 4\nenabled = true\n");
    assert_eq!(plain, digest("# why\nsla = { enabled = true,   near = 4 }"));
    assert_ne!(plain, digest("[sla]\nnear = 5"));
    assert_ne!(digest(""), digest("[severity]\nmax-steps-up = 1"));
    assert_ne!(
        digest("[[owner]]\nowners=\"a\"\nmatch={project=\"a\"}"),
        digest("[[owner]]\nowners=\"a\"\nmatch={project=\"b\"}")
    );
    assert!(plain.starts_with("sha256:") && plain.len() == 71);
}

#[test]
fn chosen_standards_stand_in_the_order_of_the_table() {
    let policy =
        Policy::parse("[compliance]\nstandards = [\"pci-dss\", \"CIS-Docker\", \"pci-dss\"]")
            .unwrap();
    assert_eq!(policy.standards, ["cis-docker", "pci-dss"]);
    assert_eq!(
        Policy::parse("[compliance]\nstandards = []")
            .unwrap()
            .standards,
        Vec::<String>::new()
    );
}

#[test]
fn a_path_pattern_stops_at_a_slash_and_a_word_pattern_does_not() {
    let path = |pattern: &str, text: &str| Pattern::path(pattern).unwrap().takes(text);
    assert!(path("acme/*", "acme/shop") && path("ACME/*", "acme/Shop"));
    assert!(!path("acme/*", "acme/shop/api") && path("acme/**", "acme/shop/api"));
    assert!(path("/acme/shop/", "acme/shop") && path("{a,b}/c", "b/c"));
    assert!(Pattern::word("https://*").unwrap().takes("https://a/b"));
    assert!(Pattern::word("[").is_err());
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "(?s).{0,300}") {
        if let Err(error) = Policy::parse(&text) {
            prop_assert!(!error.faults.is_empty());
            let lines = text.split('\n').count();
            prop_assert!(error.faults.iter().all(|one| one.line <= lines));
        }
    }

    #[test]
    fn any_keys_and_values_are_answered(
        section in proptest::sample::select(vec!["[sla]", "[[application]]", "[[team]]", "[[owner]]", "[[environment]]",
            "[labels]", "[compliance]", "[sla.days]", "[severity]", "[x]"]),
        key in "(name|match|owners|near|start|days|data|priority|standards|high|team|[a-z-]{1,8})",
        value in "(1|-1|1.5|true|\"[a-z*{\\[]{0,6}\"|\\[\\]|\\[\"a\", 1\\]|\\{ project = \"a\" \\}|\\{ label = \\{ a = \"b\" \\} \\}|2026-01-01|inf)",
    ) {
        let text = format!("{section}\n{key} = {value}\n");
        if let Ok(policy) = Policy::parse(&text) {
            prop_assert_eq!(policy.digest(), Policy::parse(&text).unwrap().digest());
        }
    }

    #[test]
    fn the_nearest_word_of_a_word_is_itself(index in 0usize..8) {
        let words = ["name", "service", "team", "priority", "environment", "internet-facing", "data", "owners"];
        prop_assert_eq!(error::nearest(words[index], &words), Some(words[index]));
    }
}
