//! What holds for any text in any place of an issue.

use proptest::prelude::*;
use serde_json::Value;

use super::samples::{hostile_with, meta, vulnerability};
use super::tests::records;
use super::text::is_unsafe;
use super::{Format, csv, write};
use crate::issue::{Exclusion, ExclusionKind};
use crate::vex;

/// Texts with what the formats must escape.
fn texts() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[=+@\\-\t\r\n\"',;<>&\\[\\]{}%#?/:\\\\ ]{0,6}",
        Just("</style><script>".to_owned()),
        Just("\u{202e}\u{2066}\u{1b}[2J\u{feff}".to_owned()),
        Just("https://a.example/".to_owned()),
        Just("pkg:deb/debian/a@1?arch=x#y".to_owned()),
    ];
    proptest::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn text_of(format: Format, text: &str) -> String {
    let mut out = Vec::new();
    write(format, [hostile_with(1, text)], &meta(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cell_is_read_back_as_it_was_written_and_is_no_formula(text in texts()) {
        let cell = csv::defused(&text);
        prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']));
        prop_assert!(!cell.chars().any(is_unsafe));
        let document = text_of(Format::Csv, &text);
        let records = records(&document);
        prop_assert_eq!(records.len(), 2);
        prop_assert_eq!(records[1].len(), csv::COLUMNS.len());
        prop_assert_eq!(&records[1][7], &cell);
    }

    #[test]
    fn a_page_has_the_same_elements_whatever_the_texts(text in texts()) {
        let page = text_of(Format::Html, &text);
        prop_assert!(!page.chars().any(|c| c != '\n' && is_unsafe(c)));
        let body = page.split("</style>").nth(1).unwrap();
        for (place, _) in body.match_indices('<') {
            let name: String = body[place + 1..].trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
            prop_assert!(
                ["head", "body", "html", "a", "header", "h1", "h2", "h3", "h4", "p", "ol", "ul", "li", "b", "span", "main", "time",
                 "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "br", "section", "article", "strong", "dl", "dt",
                 "dd", "pre", "code", "details", "summary", "footer"].contains(&name.as_str()),
                "{}", name
            );
        }
        for (place, _) in body.match_indices("href=\"") {
            let target = &body[place + 6..];
            prop_assert!(["#", "https://", "http://", "HTTPS://", "HTTP://"].iter().any(|start| target.starts_with(start)));
        }
    }

    #[test]
    fn every_json_is_json_and_harmless_on_a_terminal(text in texts()) {
        for format in Format::ALL {
            if matches!(format, Format::Csv | Format::Html) {
                continue;
            }
            let document = text_of(format, &text);
            prop_assert!(!document.chars().any(|c| c != '\n' && is_unsafe(c)), "{}", format);
            prop_assert!(serde_json::from_str::<Value>(&document).is_ok(), "{}", format);
        }
    }

    #[test]
    fn what_we_state_is_read_back_and_covers_what_it_is_about(
        name in "[a-z][a-z0-9+.-]{0,12}",
        version in "[0-9][0-9a-z.+~:-]{0,12}",
        repository in "[a-z]{1,6}(/[a-z0-9._-]{1,8}){0,3}",
        port in proptest::option::of(1000..9999_u16),
    ) {
        let mut issue = vulnerability();
        let host = port.map_or("r.example".to_owned(), |port| format!("r.example:{port}"));
        issue.registry = Some(host.clone());
        issue.location.clone_from(&repository);
        issue.exclusion = Some(Exclusion {
            id: Some(1),
            kind: ExclusionKind::FalsePositive,
            scope: "this issue".to_owned(),
            reason: "It is not called.".to_owned(),
            by: "mira".to_owned(),
            at: "2026-11-01T00:00:00Z".to_owned(),
            until: None,
        });
        let encode = |text: &str| super::text::encode(text, b"");
        let purl = format!("pkg:deb/debian/{}@{}?arch=amd64", encode(&name), encode(&version));
        issue.package.as_mut().unwrap().name = name;
        for one in &mut issue.occurrences {
            one.repository.clone_from(&repository);
            one.version.clone_from(&version);
            one.purl.clone_from(&purl);
        }
        for format in [Format::OpenVex, Format::CycloneDx, Format::CycloneDxVex] {
            let mut out = Vec::new();
            write(format, [&issue], &meta(), &mut out).unwrap();
            let statements = vex::read(&out).unwrap();
            prop_assert_eq!(statements.len(), 1);
            prop_assert_eq!(statements[0].status, vex::Status::NotAffected);
            let ids = ["CVE-2023-45853"];
            for one in &issue.occurrences {
                let subject = vex::Subject {
                    vulnerabilities: &ids,
                    package: Some(&one.purl),
                    registry: Some(&host),
                    repository: &one.repository,
                    digest: &one.digest,
                    tags: &one.tags,
                };
                prop_assert!(statements[0].covers(&subject), "{}: {:?} {:?}", format, statements, subject);
                let other = purl.replace("arch=amd64", "arch=s390x");
                let others = [
                    vex::Subject { package: Some(&other), ..subject },
                    vex::Subject { digest: "sha256:0", ..subject },
                    vex::Subject { vulnerabilities: &["CVE-1"], ..subject },
                    vex::Subject { repository: "elsewhere", ..subject },
                ];
                for other in others {
                    prop_assert!(!statements[0].covers(&other), "{:?}", other);
                }
            }
        }
    }
}
