//! What the page of an issue tells on its first screen, whatever the width of that screen.

use serde_json::json;

use super::*;
use crate::report::issues;

/// An issue that factors lowered from Critical to High, found by one rule in three images.
fn lowered() -> IssueDetail {
    let factor = |name: &str, change: f64| {
        json!({"rule": "r", "category": "Reachable", "short_name": name, "change": change, "evidence": [],
            "reason": "The youngest image that has it was made 690 days ago and pushed 431 days ago, which is long."})
    };
    let source = |digest: &str, tag: &str| {
        json!({"tool": "OX connector", "scanner": null, "id": format!("posture/old-base/sha256:{digest}"),
            "severity": "critical", "state": null, "state_reason": null, "certainty": null, "url": null,
            "evidence": [{"label": "days", "value": "691"}, {"label": "image", "value": format!("web:{tag}")}]})
    };
    let occurrence = |digest: &str, tag: &str| {
        json!({"repository": "shop/web", "digest": format!("sha256:{digest}"), "tags": [tag],
            "platform": "linux/amd64", "operating_system": null, "layer": null, "layer_digest": null,
            "layer_command": null, "from_base": null, "path": "", "version": "", "purl": "",
            "origin": "", "first_seen": "2026-11-22T22:22:56Z"})
    };
    let issue = json!({
        "id": 7, "kind": "misconfiguration", "title": "The base image is old",
        "description": "The base image was made 691 days ago.",
        "status": {"state": "open"}, "against_last_scan": "new", "severity": "High",
        "verdict": {"original": "Critical", "original_why": "OX connector rates it critical",
            "factors": [factor("Old images only", -0.4), factor("Exposes ports", 0.1),
                factor("Private project", -0.3), factor("Business priority", 0.0)],
            "score": 3.4, "severity": "High", "held": null},
        "override_": null, "primary": "old-base",
        "identifiers": [{"kind": "rule", "value": "old-base", "same": true},
            {"kind": "cis", "value": "4.4", "same": false}],
        "cvss": [], "epss": null, "known_exploited": null, "references": [], "package": null,
        "remediation": {"summary": "Rebuild on the present base image.", "fixed_version": null,
            "command": "docker build --pull .", "base_image": null},
        "sources": [source("4d", "1"), source("66", "2"), source("77", "3")],
        "occurrences": [occurrence("4d", "1"), occurrence("66", "2"), occurrence("77", "3")],
        "connection": "northwind", "source_tool": "GitLab", "location": "shop/web", "project": "shop/web",
        "registry": null, "web_url": null,
        "context": {"application": "shop", "service": null, "team": null, "priority": null,
            "environment": null, "owners": []},
        "compliance": [
            {"standard": "PCI DSS 4.0.1", "control": "2.2.1", "description": ""},
            {"standard": "PCI DSS 4.0.1", "control": "6.3.3", "description": ""}],
        "category": "Misconfiguration in container",
        "sla": {"due": "2026-11-23T00:00:00Z", "state": "near", "days_left": 1},
        "assignee": null, "comments": 0, "exclusion": null,
        "first_seen": "2026-11-22T22:22:56Z", "last_seen": "2026-11-22T22:22:56Z", "closed_at": null
    });
    IssueDetail {
        issue: serde_json::from_value(issue).unwrap(),
        details: None,
        history: Vec::new(),
    }
}

fn on(width: usize) -> Look {
    Look {
        width: Some(width),
        colour: false,
    }
}

#[test]
fn why_and_what_to_do_are_on_the_first_screen() {
    for width in [80, 100, 140] {
        let page = page(&lowered(), false, on(width));
        let screen: Vec<&str> = page.lines().take(24).collect();
        let screen = screen.join("\n");
        assert!(screen.contains("Why it is High and not Critical"), "{page}");
        assert!(
            screen.contains(
                "Lowered from Critical by Old images only (−0.40), Private project (−0.30)."
            ),
            "{page}"
        );
        assert!(screen.contains("docker build --pull ."), "{page}");
        assert!(
            page.lines().all(|line| super::width(line) <= width),
            "{page}"
        );
    }
}

#[test]
fn a_sentence_of_the_ladder_goes_on_below_its_beginning() {
    let page = page(&lowered(), false, on(80));
    let lines: Vec<&str> = page.lines().collect();
    let place = lines
        .iter()
        .position(|line| line.starts_with("−0.40"))
        .unwrap();
    let column = lines[place].split("The youngest").next().unwrap();
    let indent = lines[place + 1].len() - lines[place + 1].trim_start().len();
    assert_eq!(super::width(column), indent, "{page}");
}

#[test]
fn what_is_not_known_is_a_line_until_all_is_asked_for() {
    let detail = lowered();
    let short = page(&detail, false, on(100));
    assert!(short.contains("Not known, and it would count: business priority (--all says why)."));
    let long = page(&detail, true, on(100));
    assert!(
        long.contains("  Business priority: The youngest image"),
        "{long}"
    );
}

#[test]
fn one_rule_in_many_images_is_one_source_and_ids_name_their_standard() {
    let page = page(&lowered(), false, on(100));
    assert!(
        page.contains("OX connector posture/old-base, critical, in 3 images\n"),
        "{page}"
    );
    assert!(page.contains("web:1 and 2 more\n"));
    assert!(page.contains("old-base, CIS Docker 4.4\n"));
    assert!(page.contains("PCI DSS 4.0.1: 2.2.1, 6.3.3\n"));
    assert!(page.contains("in 1 day\n"));
    // What stands below the title whole is not said again.
    assert_eq!(page.matches("made 691 days ago").count(), 1);
}

#[test]
fn signs_are_one_width_and_no_zero_has_one() {
    assert_eq!(signed(-0.3), "−0.30");
    assert_eq!(signed(1.0), "+1.00");
    assert_eq!(plain(-0.4), "−0.40");
    assert_eq!(plain(-0.0), "0.00");
    assert_eq!(plain(-0.001), "0.00");
}

#[test]
fn a_narrow_list_tells_the_issue_its_place_and_why_it_moved() {
    let issue = lowered().issue;
    let table = issues::table(&[issue], &[], on(100));
    insta::assert_snapshot!(table, @r"
    ID    SEVERITY  WAS       ISSUE                  LOCATION  DUE  WHY
    OX-7  High      Critical  The base image is old  shop/web  1 d  − Old images only
    ");
}
