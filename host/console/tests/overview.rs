//! The pages around the queue: what holds of every page, and that hostile text stays text.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../examples/look/overview.rs"]
mod samples;

use ox_console::html;
use ox_console::pages::advisories::Alarm;
use ox_console::pages::changes::State;
use ox_console::pages::images::Shown;
use ox_console::text::plain;
use proptest::prelude::*;

/// The tags of a page, each with what stands in it.
fn tags(page: &str) -> Vec<&str> {
    page.split('<')
        .skip(1)
        .map(|tag| tag.split('>').next().unwrap())
        .collect()
}

#[test]
fn no_page_needs_what_the_policy_of_content_forbids() {
    for (name, page) in samples::pages() {
        for tag in tags(&page) {
            for word in [
                " style=",
                " onclick=",
                " onload=",
                " onerror=",
                "javascript:",
            ] {
                assert!(!tag.contains(word), "{name}: <{tag}>");
            }
        }
        let scripts = page.matches("<script").count();
        assert_eq!((scripts, page.matches("<style").count()), (1, 0), "{name}");
    }
}

#[test]
fn headings_tables_fields_and_drawings_have_names() {
    for (name, page) in samples::pages() {
        let tags = tags(&page);
        let starts = |word: &str| tags.iter().filter(|tag| tag.starts_with(word)).count();
        assert_eq!(starts("h1"), 1, "{name}");
        assert_eq!(starts("table"), starts("caption"), "{name}");
        for tag in &tags {
            let is = |word: &str| tag.split(' ').next() == Some(word);
            if is("th") {
                assert!(tag.contains("scope="), "{name}: <{tag}>");
            }
            if is("svg") {
                let named = tag.contains("role=\"img\"") && tag.contains("aria-labelledby=");
                assert!(
                    named || tag.contains("aria-hidden=\"true\""),
                    "{name}: <{tag}>"
                );
            }
            let hidden = tag.contains("type=\"hidden\"");
            if (is("input") && !hidden) || is("select") || is("textarea") {
                let id = tag
                    .split("id=\"")
                    .nth(1)
                    .unwrap()
                    .split('"')
                    .next()
                    .unwrap();
                assert!(
                    page.contains(&format!("<label for=\"{id}\"")),
                    "{name}: {id}"
                );
            }
        }
        let mut last = 1;
        for level in tags.iter().filter_map(|tag| tag.strip_prefix('h')) {
            let Some(level) = level.chars().next().and_then(|one| one.to_digit(10)) else {
                continue;
            };
            assert!(level <= last + 1, "{name}: h{level} after h{last}");
            last = level;
        }
    }
}

#[test]
fn ids_are_unique_and_what_refers_to_one_finds_it() {
    for (name, page) in samples::pages() {
        let of = |key: &str| -> Vec<String> {
            tags(&page)
                .into_iter()
                .filter_map(|tag| tag.split(&format!(" {key}=\"")).nth(1)?.split('"').next())
                .flat_map(|value| value.split(' ').map(str::to_owned).collect::<Vec<_>>())
                .collect()
        };
        let ids = of("id");
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{name}: {ids:?}");
        for key in ["aria-labelledby", "aria-describedby", "for"] {
            for one in of(key) {
                assert!(unique.contains(&one), "{name}: {key} {one}");
            }
        }
    }
}

#[test]
fn the_first_run_says_what_to_do_and_shows_no_empty_tables() {
    let page = html(&samples::first_run());
    assert!(page.contains("Import advisories") && page.contains("The trend begins"));
    assert_eq!(
        page.matches("button primary").count(),
        1,
        "one step is next"
    );
    assert!(!page.contains("weigh most"));
}

#[test]
fn an_admin_edits_the_policy_and_others_read_it() {
    let mut page = samples::policy(Some(samples::fault("it is no number")));
    assert!(html(&page).contains("aria-invalid") && html(&page).contains("Line 5, column 8"));
    page.chrome.person.as_mut().unwrap().role = "analyst";
    assert!(!html(&page).contains("<textarea"));
}

/// Every page with a text in every place that somebody else writes.
fn with(text: &str) -> Vec<String> {
    let text = plain(text);
    let mut line = samples::image_line("x", &["1"], [1, 0, 0, 0, 0, 0], true);
    for place in [
        &mut line.repository,
        &mut line.platform,
        &mut line.system,
        &mut line.base,
        &mut line.connection,
        &mut line.digest,
    ] {
        place.clone_from(&text);
    }
    line.tags = vec![text.clone()];
    let mut images = samples::images("scanned", Shown::Scanned(vec![line]));
    images.query.clone_from(&text);
    images.location.clone_from(&text);
    let mut image = samples::image();
    image.name.clone_from(&text);
    image.tags = vec![text.clone()];
    image.facts = vec![("runs", text.clone())];
    image.layers[0].command.clone_from(&text);
    image.layers[0].digest.clone_from(&text);
    image.findings[0].title.clone_from(&text);
    image.findings[0].seen.clone_from(&text);
    if let Some(base) = &mut image.base {
        base.name.clone_from(&text);
        base.why.clone_from(&text);
    }
    if let Some(packages) = &mut image.packages {
        packages[0].name.clone_from(&text);
        packages[0].path.clone_from(&text);
    }
    let mut groups = samples::skips();
    groups[0].lines[0].name.clone_from(&text);
    groups[0].lines[0].message.clone_from(&text);
    let skipped = samples::images("skipped", Shown::Skipped(groups));
    let mut compared = samples::compared();
    compared.kinds[0].causes[0].cause.clone_from(&text);
    compared.kinds[0].causes[0].lines[0].title.clone_from(&text);
    compared.kinds[0].causes[0].lines[0].what.clone_from(&text);
    let mut advisory = samples::advisory();
    advisory.summary.clone_from(&text);
    advisory.details = vec![text.clone()];
    advisory.aliases = vec![(text.clone(), None)];
    advisory.references = vec![("web".to_owned(), text.clone(), None)];
    let mut advisories = samples::advisories(Alarm::Old(text.clone()));
    advisories.sources[0].origin.clone_from(&text);
    advisories.not_found = Some(text.clone());
    let mut dashboard = samples::dashboard();
    dashboard.attention[0].text.clone_from(&text);
    dashboard.repositories[0].name.clone_from(&text);
    dashboard.since[0].connection.clone_from(&text);
    let mut policy = samples::policy(Some(samples::fault(&text)));
    policy.text.clone_from(&text);
    vec![
        html(&images),
        html(&image),
        html(&skipped),
        html(&samples::changes(State::Compared(compared))),
        html(&advisory),
        html(&advisories),
        html(&dashboard),
        html(&policy),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn text_from_outside_is_never_markup(text in "[a-z<>\"'&/={}%# \u{202e}]{1,40}") {
        // Every tag of the page is the same as with a text that means nothing: none is new, none is changed
        // but for the text itself inside an attribute's value.
        for (page, quiet) in with(&text).iter().zip(with("x")) {
            let shape = |page: &str| (page.matches('<').count(), page.matches('>').count(), page.matches('"').count());
            prop_assert_eq!(shape(page), shape(&quiet), "{}", text);
            let turns = page.contains('\u{202e}');
            prop_assert!(!turns);
        }
    }
}
