//! Whose word counts first.

use super::*;

fn start(change: impl FnOnce(&mut Facts)) -> (Severity, String) {
    let verdict = weighed(change);
    (verdict.original, verdict.original_why)
}

#[test]
fn the_distribution_s_word_for_its_package_counts_before_all() {
    let (severity, why) = start(|facts| {
        facts.package.as_mut().unwrap().urgency = Some("unimportant".to_owned());
        facts.ratings = vec![rating("NVD", "CVSS_V3", NETWORK)];
    });
    assert_eq!(severity, Severity::Low);
    assert!(why.contains("unimportant") && why.contains("Low"), "{why}");
}

#[test]
fn an_urgency_that_is_no_rating_leaves_it_to_the_others() {
    let (severity, _) = start(|facts| {
        facts.package.as_mut().unwrap().urgency = Some("not yet assigned".to_owned());
        facts.ratings = vec![rating("NVD", "CVSS_V3", NETWORK)];
    });
    assert_eq!(severity, Severity::Critical);
}

#[test]
fn a_distribution_rates_its_own_packages_not_those_of_a_language() {
    let ratings = || {
        vec![
            rating("NVD", "CVSS_V3", NETWORK),
            rating("GHSA", "word", "CRITICAL"),
            rating("AlmaLinux", "word", "Moderate"),
        ]
    };
    let (severity, why) = start(|facts| facts.ratings = ratings());
    assert_eq!(
        (severity, why.as_str()),
        (
            Severity::Medium,
            "AlmaLinux rates it Moderate, which is Medium here"
        )
    );
    let (severity, why) = start(|facts| {
        facts.ratings = ratings();
        facts.package.as_mut().unwrap().format = "npm".to_owned();
    });
    assert_eq!(
        (severity, why.as_str()),
        (Severity::Critical, "GHSA rates it CRITICAL")
    );
}

#[test]
fn a_word_counts_before_a_score_and_newer_scores_before_older_ones() {
    let v2 = rating("NVD", "CVSS_V2", "AV:N/AC:L/Au:N/C:C/I:C/A:C");
    let v3 = rating("NVD", "CVSS_V3", NETWORK);
    let v4 = rating(
        "CNA",
        "CVSS_V4",
        "CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N",
    );
    let word = rating("GitLab", "word", "low");
    assert_eq!(
        start(|facts| facts.ratings = vec![v2.clone()]).0,
        Severity::High
    );
    let (severity, why) = start(|facts| facts.ratings = vec![v2.clone(), v3.clone()]);
    assert_eq!(
        (severity, why.as_str()),
        (Severity::Critical, "CVSS 3.1 score 9.8 of NVD")
    );
    assert_eq!(
        start(|facts| facts.ratings = vec![v2.clone(), v3.clone(), v4.clone()]).0,
        Severity::Medium
    );
    assert_eq!(
        start(|facts| facts.ratings = vec![v2, v3, v4, word]).0,
        Severity::Low
    );
}

#[test]
fn nothing_that_can_be_read_counts_as_medium_and_says_so() {
    let (severity, why) = start(|facts| facts.ratings = vec![rating("Alpine", "word", "unknown")]);
    assert_eq!(severity, Severity::Medium);
    assert!(why.contains("counts as Medium"), "{why}");
    let broken = weighed(|facts| facts.ratings = vec![rating("NVD", "CVSS_V3", "CVSS:3.1/AV:N")]);
    assert!(
        broken.original_why.contains("has no AC"),
        "{}",
        broken.original_why
    );
    assert!(misses(&broken, Input::Rating));
    assert!(!misses(&weighed(|_| ()), Input::Rating));
}
