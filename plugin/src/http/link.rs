//! `Link` header fields (RFC 8288), as far as paging needs them.

use super::Headers;

/// Bytes of the longest field that is read; GitLab's own are below 4 KiB.
const LONGEST_FIELD: usize = 32 * 1024;

/// One link of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The target as written: absolute, or relative to the address that was asked for.
    pub target: String,
    /// Relation types, in lower case.
    pub relations: Vec<String>,
}

/// The target of the first link with that relation (`next`), in any of the answer's `Link` fields.
pub fn target(headers: &Headers, relation: &str) -> Option<String> {
    headers
        .all("link")
        .flat_map(parse)
        .find(|link| link.relations.iter().any(|found| found == relation))
        .map(|link| link.target)
}

/// Every link of one field. What can't be read is passed over up to the next `<`; a field that is too long
/// has no links.
pub fn parse(field: &str) -> Vec<Link> {
    let mut links = Vec::new();
    if field.len() > LONGEST_FIELD {
        return links;
    }
    let mut rest = field;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, parameters)) = after.split_once('>') else {
            break;
        };
        let mut link = Link {
            target: target.trim().to_owned(),
            relations: Vec::new(),
        };
        rest = read_parameters(parameters, &mut link);
        links.push(link);
    }
    links
}

/// Reads `;name=value` until the comma that ends the link; answers what is behind it.
fn read_parameters<'a>(mut rest: &'a str, link: &mut Link) -> &'a str {
    let mut seen_relation = false;
    loop {
        rest = rest.trim_start();
        let Some(parameter) = rest.strip_prefix(';') else {
            return rest.strip_prefix(',').unwrap_or(rest);
        };
        let name_end = parameter.find(['=', ';', ',']).unwrap_or(parameter.len());
        let (name, behind) = parameter
            .split_at_checked(name_end)
            .unwrap_or((parameter, ""));
        let Some(written) = behind.strip_prefix('=') else {
            rest = behind;
            continue;
        };
        let (value, behind) = read_value(written.trim_start());
        rest = behind;
        // Only the first `rel` counts (RFC 8288, 3.3).
        if name.trim().eq_ignore_ascii_case("rel") && !seen_relation {
            seen_relation = true;
            link.relations = value
                .split_ascii_whitespace()
                .map(str::to_ascii_lowercase)
                .collect();
        }
    }
}

/// A quoted or bare value, and what is behind it.
fn read_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.trim().to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, quoted.get(at + 1..).unwrap_or("")),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(field: &str) -> Option<String> {
        target(
            &Headers::new([("Link".to_owned(), field.to_owned())]),
            "next",
        )
    }

    #[test]
    fn the_next_page_is_found_among_gitlabs_links() {
        let field = r#"<https://gitlab.example/api/v4/groups?page=1>; rel="prev", <https://gitlab.example/api/v4/groups?id_after=3&page=3>; rel="next", <https://gitlab.example/api/v4/groups?page=1>; rel="first""#;
        assert_eq!(
            next(field).as_deref(),
            Some("https://gitlab.example/api/v4/groups?id_after=3&page=3")
        );
    }

    #[test]
    fn relations_are_read_quoted_bare_and_in_any_case() {
        for field in [
            "</v2/a/tags/list?last=b&n=1>; rel=next",
            "</v2/a/tags/list?last=b&n=1>;REL=\"NEXT\"",
            "</v2/a/tags/list?last=b&n=1> ; title=\"a, <b>; rel=prev\" ; rel=\"last next\"",
            "</v2/a/tags/list?last=b&n=1>; crossorigin; rel = next",
        ] {
            assert_eq!(
                next(field).as_deref(),
                Some("/v2/a/tags/list?last=b&n=1"),
                "{field}"
            );
        }
    }

    #[test]
    fn links_with_commas_in_their_target_stay_whole() {
        assert_eq!(
            next("<http://a/?x=1,2;3>; rel=next").as_deref(),
            Some("http://a/?x=1,2;3")
        );
    }

    #[test]
    fn other_relations_are_not_the_next_page() {
        assert_eq!(next("<http://a/>; rel=\"previous\""), None);
        assert_eq!(next("<http://a/>; title=next"), None);
        assert_eq!(next("<http://a/>; rel=prev; rel=next"), None);
        assert_eq!(next("<http://a/"), None);
        assert_eq!(next(""), None);
    }

    #[test]
    fn several_fields_are_looked_at() {
        let headers = Headers::new([
            ("link".to_owned(), "<http://a/>; rel=first".to_owned()),
            ("Link".to_owned(), "<http://b/>; rel=next".to_owned()),
        ]);
        assert_eq!(target(&headers, "next").as_deref(), Some("http://b/"));
    }

    proptest! {
        #[test]
        fn no_field_makes_it_panic_or_hang(field in "[<>;,=\"\\\\ a-zé]{0,200}") {
            for link in parse(&field) {
                prop_assert!(field.contains(&link.target));
            }
        }

        #[test]
        fn what_was_written_is_read(
            links in proptest::collection::vec(("[!-;=?-~]{1,40}", "[a-z]{1,8}", any::<bool>()), 0..6)
        ) {
            let written: Vec<_> = links
                .iter()
                .map(|(target, relation, quoted)| {
                    let quote = if *quoted { "\"" } else { "" };
                    format!("<{target}>; rel={quote}{relation}{quote}")
                })
                .collect();
            let read = parse(&written.join(", "));
            prop_assert_eq!(read.len(), links.len());
            for (found, (target, relation, _)) in read.iter().zip(&links) {
                prop_assert_eq!(&found.target, target);
                prop_assert_eq!(&found.relations, &vec![relation.clone()]);
            }
        }
    }
}
