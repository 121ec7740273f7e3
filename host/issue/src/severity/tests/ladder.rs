//! What a person reads.

use super::*;

/// Why a Critical is only Medium here.
fn dropped() -> Verdict {
    weighed(|facts| {
        facts.ratings = vec![
            rating("GitLab", "word", "Critical"),
            rating("NVD", "CVSS_V3", LOCAL),
        ];
        facts.threats[0].epss = Some(epss(0.0004, 0.12));
        facts.package.as_mut().unwrap().name = "linux-libc-dev".to_owned();
        facts.business.internet_facing = None;
        facts.business.data.clear();
    })
}

#[test]
fn why_a_critical_dropped_is_told_in_one_screen() {
    insta::assert_snapshot!(explain(&dropped()));
}

#[test]
fn why_a_high_became_appoxalypse_is_told_in_one_screen() {
    let verdict = weighed(|facts| {
        facts.ratings = vec![
            rating("GHSA", "word", "HIGH"),
            rating("NVD", "CVSS_V3", NETWORK),
        ];
        facts.threats[0].known_exploited = Some(known(true));
        facts.threats[0].epss = Some(epss(0.942, 0.998));
        facts.images[0].latest = true;
        facts.place.visibility = Some("public".to_owned());
        facts.package.as_mut().unwrap().fixed = Some("1:1.3".to_owned());
    });
    insta::assert_snapshot!(explain(&verdict));
}

#[test]
fn each_step_has_the_score_and_severity_after_it() {
    let steps = ladder(&dropped());
    assert_eq!(
        (steps[0].score, steps[0].severity),
        (4.0, Severity::Critical)
    );
    assert_eq!(steps[1].label, "Kernel package in container");
    assert_eq!(
        (steps[1].change, steps[1].score, steps[1].severity),
        (Some(-1.5), 2.5, Severity::High)
    );
    assert!(steps.iter().all(|step| step.change != Some(0.0)));
}

#[test]
fn a_diff_names_what_is_new_increased_decreased_and_removed() {
    let old = weighed(|facts| {
        facts.threats[0].epss = Some(epss(0.2, 0.9));
        facts.images[0].latest = true;
        facts.place.visibility = Some("internal".to_owned());
        facts.place.archived = Some(true);
    });
    let new = weighed(|facts| {
        facts.threats[0].epss = Some(epss(0.7, 0.99));
        facts.threats[0].known_exploited = Some(known(false));
        facts.place.visibility = Some("private".to_owned());
    });
    let changes = diff(&old, &new);
    let status = |rule: &str| {
        let one = changes.iter().find(|one| one.rule == rule).unwrap();
        (one.status, one.before, one.after, one.change)
    };
    assert_eq!(changes[0].rule, "known-exploited");
    assert_eq!(status("known-exploited"), (DiffStatus::New, 0.0, 1.0, 1.0));
    assert_eq!(status("epss"), (DiffStatus::Increased, 0.4, 0.75, 0.35));
    assert_eq!(
        status("visibility"),
        (DiffStatus::Decreased, 0.05, -0.1, -0.15)
    );
    assert_eq!(
        status("archived-project"),
        (DiffStatus::Removed, -0.5, 0.0, 0.5)
    );
    assert_eq!(changes.len(), 5);
}

#[test]
fn a_factor_that_went_because_its_input_did_says_so() {
    let old = weighed(|facts| facts.threats[0].known_exploited = Some(known(false)));
    let new = weighed(|facts| facts.inputs.kev = None);
    let changes = diff(&old, &new);
    assert_eq!(changes[0].status, DiffStatus::Removed);
    assert_eq!(changes[0].short_name, "Known exploited");
    assert!(
        changes[0].reason.contains("is not known"),
        "{}",
        changes[0].reason
    );
}
