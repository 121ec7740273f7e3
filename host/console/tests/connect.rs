//! The pages about connecting: what matters of their states, and that text from outside stays text.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../examples/look/connect.rs"]
#[allow(dead_code, reason = "the example uses the rest")]
mod samples;

use ox_console::pages::connectors::{Outcome, State, StepState};
use ox_console::{Section, html};
use samples::{
    HOSTILE, attempt, chrome, connection, connectors, failed, form, locations, run_page, saved,
    steps,
};

/// What every page keeps to: one first heading, no style and no script in it, labels that lead somewhere.
#[test]
fn every_page_keeps_to_the_rules_of_the_console() {
    for (name, page) in samples::pages() {
        assert_eq!(page.matches("<h1").count(), 1, "{name}: one h1");
        assert!(!page.contains(" style="), "{name}: no style attribute");
        assert_eq!(
            page.matches("<script").count(),
            1,
            "{name}: one script, by address"
        );
        assert!(
            !page.contains(" onclick=") && !page.contains("javascript:"),
            "{name}"
        );
        for part in page.split("<label for=\"").skip(1) {
            let id = part.split('"').next().unwrap();
            assert!(
                page.contains(&format!("id=\"{id}\"")),
                "{name}: a label for {id}"
            );
        }
        for part in page.split("aria-describedby=\"").skip(1) {
            for id in part.split('"').next().unwrap().split(' ') {
                assert!(
                    page.contains(&format!("id=\"{id}\"")),
                    "{name}: described by {id}"
                );
            }
        }
        let mut ids: Vec<&str> = page
            .split(" id=\"")
            .skip(1)
            .map(|part| part.split('"').next().unwrap())
            .collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}: ids are there once");
        for table in page.split("<table").skip(1) {
            let table = table.split("</table>").next().unwrap();
            assert!(
                table.contains("<caption") && table.contains("scope=\"col\""),
                "{name}: tables say what they hold"
            );
        }
    }
}

#[test]
fn an_attempt_that_goes_on_reloads_itself_without_scripts_and_one_that_ended_does_not() {
    let running = html(&attempt(
        Outcome::Running,
        steps(&[(StepState::Running, "", "")]),
        None,
    ));
    assert!(running.contains("<noscript><meta http-equiv=\"refresh\""));
    assert!(running.contains("class=\"running\"") && running.contains("class=\"pending\""));
    assert!(running.contains("data-live=\"verify:1f2e\""));
    let ended = html(&attempt(saved(), Vec::new(), None));
    assert!(!ended.contains("http-equiv"));
    assert!(ended.contains("id=\"ended\">Connected") && ended.contains("Choose locations"));
}

#[test]
fn what_failed_says_why_and_what_to_do_and_can_be_tried_again() {
    let bad = [(
        StepState::Failed,
        "The token lacks a scope.",
        "Make another one.",
    )];
    let page = html(&attempt(failed(), steps(&bad), Some(samples::again())));
    for text in [
        "Failed",
        "The token lacks a scope.",
        "Make another one.",
        "Save anyway",
        "Try again",
        "aria-invalid=\"true\"",
        "Leave it empty to keep",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.contains("action=\"/attempts/1f2e/save\""));
}

#[test]
fn a_secret_is_never_written_into_a_page() {
    let mut form = form();
    form.fields[1].value = "glpat-secret".to_owned();
    let page = html(&attempt(failed(), Vec::new(), Some(form)));
    assert!(!page.contains("glpat-secret"));
}

#[test]
fn what_a_role_may_not_do_is_not_offered() {
    let viewer = html(&connection("viewer"));
    for gone in [
        "/scan\"",
        "/verify\"",
        "/remove\"",
        "Save schedule",
        "s.token",
    ] {
        assert!(!viewer.contains(gone), "{gone}");
    }
    let analyst = html(&connection("analyst"));
    assert!(analyst.contains("/scan\"") && !analyst.contains("/verify\""));
    assert!(!html(&connectors("analyst")).contains("/connectors/gitlab-registry/new"));
    let gear = html(&locations("viewer"));
    assert!(!gear.contains(">Save<") && !gear.contains("<select"));
    assert!(!html(&run_page("viewer")).contains("/cancel"));
    assert!(!html(&samples::plugins("viewer")).contains("method=\"post\" action=\"/plugins"));
}

#[test]
fn the_gear_says_how_every_part_stands_and_why_a_location_cannot_be_scanned() {
    let page = html(&locations("admin"));
    assert_eq!(page.matches("data-state=\"mixed\"").count(), 2);
    assert_eq!(page.matches("data-state=\"on\"").count(), 1);
    assert!(page.contains("3 of 4") && page.contains("The registry is off."));
    assert!(
        page.contains("name=\"on\" value=\"acme/shop/api\" aria-label=\"acme/shop/api\" checked")
    );
    // Without a script a holder is chosen by a list.
    assert!(page.contains("<noscript><p class=\"whole\">"));
}

#[test]
fn text_from_outside_stays_text() {
    let mut page = connectors("admin");
    page.accounts[0].name = HOSTILE.to_owned();
    page.accounts[0].badges = vec![State::new(HOSTILE, "bad").because(HOSTILE)];
    page.categories[0].connectors[0].description = HOSTILE.to_owned();
    inert("connectors", &html(&page));

    let mut page = locations("admin");
    page.include = format!("</textarea>{HOSTILE}");
    page.search = HOSTILE.to_owned();
    for row in &mut page.rows {
        match row {
            ox_console::pages::locations::TreeRow::Open(holder) => {
                holder.name = HOSTILE.to_owned();
                holder.key = HOSTILE.to_owned();
                holder.attributes = vec![HOSTILE.to_owned()];
            }
            ox_console::pages::locations::TreeRow::Leaf(leaf) => {
                leaf.path = HOSTILE.to_owned();
                leaf.name = HOSTILE.to_owned();
                leaf.unscannable = Some((HOSTILE.to_owned(), HOSTILE.to_owned()));
            }
            _ => {}
        }
    }
    inert("locations", &html(&page));

    let mut page = run_page("admin");
    page.lines[0].message = HOSTILE.to_owned();
    page.lines[0].subject = HOSTILE.to_owned();
    page.refused = vec![HOSTILE.to_owned()];
    page.skips[0].what = HOSTILE.to_owned();
    page.locations[0].path = HOSTILE.to_owned();
    page.message = Some(HOSTILE.to_owned());
    inert("run", &html(&page));

    let mut form = form();
    form.fields[0].label = HOSTILE.to_owned();
    form.fields[0].name = HOSTILE.to_owned();
    form.fields[0].value = HOSTILE.to_owned();
    form.network.ca_pem = format!("</textarea>{HOSTILE}");
    let bad = [(StepState::Failed, HOSTILE, HOSTILE)];
    inert(
        "attempt",
        &html(&attempt(failed(), steps(&bad), Some(form))),
    );
    let mut title = attempt(saved(), Vec::new(), None);
    title.chrome = chrome(HOSTILE, Section::Connectors, "admin");
    inert("title", &html(&title));
}

fn inert(name: &str, page: &str) {
    assert_eq!(page.matches("<script").count(), 1, "{name}");
    assert!(!page.contains("<img src=x"), "{name}");
    assert!(page.contains("alert(1)"), "{name}: it is shown, as text");
    for area in page.split("</textarea>").skip(1) {
        assert!(
            !area.starts_with('"'),
            "{name}: nothing breaks out of a field"
        );
    }
}
