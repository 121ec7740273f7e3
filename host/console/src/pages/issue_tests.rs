#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

#[test]
fn the_markdown_of_an_advisory_becomes_words_lists_code_and_links() {
    let all = blocks(
        "# Impact\nA **bad** `x`\nthing.\n\n- one\n- [two](https://a.example/b)\n\n```\n<b>\n```\nSee https://c.example/d.",
    );
    assert_eq!(
        all,
        [
            Block::Heading("Impact".to_owned()),
            Block::Paragraph(vec![
                Span::Text("A bad ".to_owned()),
                Span::Code("x".to_owned()),
                Span::Text(" thing.".to_owned()),
            ]),
            Block::List(vec![
                vec![Span::Text("one".to_owned())],
                vec![Span::Link(
                    "two".to_owned(),
                    "https://a.example/b".to_owned()
                )],
            ]),
            Block::Code("<b>\n".to_owned()),
            Block::Paragraph(vec![
                Span::Text("See ".to_owned()),
                Span::Link(
                    "https://c.example/d".to_owned(),
                    "https://c.example/d".to_owned()
                ),
                Span::Text(".".to_owned()),
            ]),
        ]
    );
}

#[test]
fn a_link_that_is_no_web_page_stays_words() {
    for evil in [
        "[x](javascript:alert(1))",
        "[x](data:text/html,x)",
        "<javascript:alert(1)>",
        "[x]( javascript:alert(1))",
    ] {
        for block in blocks(evil) {
            let Block::Paragraph(parts) = block else {
                unreachable!("{evil} is a paragraph")
            };
            assert!(
                parts.iter().all(|one| matches!(one, Span::Text(_))),
                "{evil}"
            );
        }
    }
}

proptest! {
    #[test]
    fn every_text_is_read_without_end_or_crash_and_links_are_web_pages(text in ".{0,400}", marks in "[\\[\\]()`<>#*\\-h:/t.ps \n1]{0,200}") {
        for markdown in [text, marks] {
            for block in blocks(&markdown) {
                let spans = match block {
                    Block::Paragraph(spans) => spans,
                    Block::List(items) => items.concat(),
                    Block::Heading(_) | Block::Code(_) => Vec::new(),
                };
                for span in spans {
                    if let Span::Link(_, href) = span {
                        prop_assert!(crate::text::link(&href).is_some());
                    }
                }
            }
        }
    }
}
