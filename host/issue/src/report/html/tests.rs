//! What the page promises: nothing in it can do anything, all of it can be read, every link leads somewhere.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::report::tests::text_of;
use crate::report::{Format, samples, write};

#[test]
fn the_page_escapes_everything_and_links_only_to_http() {
    let (page, _) = text_of(Format::Html, &samples::issues());
    assert!(!page.contains("<script"));
    assert!(!page.contains("<img"));
    assert!(!page.contains("onerror=alert(2)>"));
    for (place, _) in page.match_indices("href=\"") {
        let target = &page[place + 6..];
        assert!(
            ["#", "https://", "http://"]
                .iter()
                .any(|start| target.starts_with(start)),
            "{}",
            &target[..40]
        );
    }
    assert!(!page.contains("evil.example/\""));
    assert!(
        !page.contains(" style="),
        "the policy allows no style of its own"
    );
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn the_page_shows_the_whole_chain_of_a_severity() {
    let (page, _) = text_of(Format::Html, &[samples::vulnerability()]);
    // The list above names the greatest factors, too.
    let section = page.split("<article").nth(1).unwrap();
    let at = |part: &str| {
        section
            .find(part)
            .unwrap_or_else(|| panic!("{part} is not there"))
    };
    let chain = [
        "CVSS 3.1 score 9.8",
        "Unlikely exploited",
        "In latest",
        "Rank 3.50",
        "Environment unknown",
    ];
    let places: Vec<usize> = chain.iter().map(|part| at(part)).collect();
    assert!(places.is_sorted());
}

#[test]
fn every_anchor_of_the_page_leads_somewhere() {
    let (page, _) = text_of(Format::Html, &samples::issues());
    let ids: Vec<&str> = page
        .match_indices(" id=\"")
        .map(|(at, start)| page[at + start.len()..].split('"').next().unwrap())
        .collect();
    let distinct: BTreeSet<&&str> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "an id stands twice");
    for attribute in ["href=\"#", "aria-labelledby=\""] {
        for (at, start) in page.match_indices(attribute) {
            let target = page[at + start.len()..].split('"').next().unwrap();
            assert!(ids.contains(&target), "#{target} leads nowhere");
        }
    }
}

#[test]
fn a_page_of_too_many_issues_says_how_many_are_missing() {
    let issues = vec![samples::misconfiguration(); MAX_ISSUES + 2];
    let mut out = Vec::new();
    let written = write(Format::Html, &issues, &samples::meta(), &mut out).unwrap();
    assert_eq!(written.issues, MAX_ISSUES as u64);
    assert_eq!(written.left_out[0].count, 2);
    let page = String::from_utf8(out).unwrap();
    assert!(page.contains("2 issues left out: a page shows the first 5,000"));
    assert!(page.contains("<b>5,002</b>"), "the tiles count all of them");
}

/// Relative luminance and contrast as WCAG 2 computes them.
fn contrast(one: &str, other: &str) -> f64 {
    let luminance = |colour: &str| {
        let hex = colour.trim_start_matches('#');
        let hex = if hex.len() == 3 {
            hex.chars().flat_map(|digit| [digit, digit]).collect()
        } else {
            hex.to_owned()
        };
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_text_of_the_page_has_the_contrast_of_wcag_aa_in_light_and_dark() {
    let style = super::STYLE;
    let blocks: Vec<BTreeMap<&str, &str>> = style
        .match_indices(":root{")
        .map(|(at, start)| {
            style[at + start.len()..]
                .split('}')
                .next()
                .unwrap()
                .split(';')
                .filter_map(|part| part.trim().split_once(":#"))
                .collect()
        })
        .collect();
    assert_eq!(blocks.len(), 3, "light, dark, print");
    for colours in blocks {
        for text in [
            "--ink", "--soft", "--accent", "--s5", "--s4", "--s3", "--s2", "--s1", "--s0", "--up",
            "--down",
        ] {
            for ground in ["--ground", "--card", "--code"] {
                let ratio = contrast(colours[text], colours[ground]);
                assert!(ratio >= 4.5, "{text} on {ground}: {ratio:.2}");
            }
        }
    }
}

#[test]
fn the_policy_of_the_page_names_the_style_that_is_in_it() {
    let (page, _) = text_of(Format::Html, &[]);
    let style = page
        .split("<style>")
        .nth(1)
        .unwrap()
        .split("</style>")
        .next()
        .unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    // `+` and `=` are no markup and stay as they are.
    assert!(page.contains(&format!("style-src 'sha256-{hash}'")));
}
