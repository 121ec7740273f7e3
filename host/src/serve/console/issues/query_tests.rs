#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec("[a-zA-Z0-9@&=+%#?/ \"'<>äö-]{1,12}", 0..3).prop_map(|list| {
        let mut all: Vec<String> = Vec::new();
        for one in list {
            let one = one.trim().to_owned();
            if !one.is_empty() && !all.contains(&one) {
                all.push(one);
            }
        }
        all
    })
}

fn some<T: Clone + std::fmt::Debug + Copy + 'static, const N: usize>(
    table: &'static [(T, &'static str, &'static str); N],
) -> impl Strategy<Value = Vec<T>> {
    subsequence(
        table.iter().map(|(one, _, _)| *one).collect::<Vec<_>>(),
        0..=N,
    )
}

prop_compose! {
    fn asked()(
        words in vec(texts(), TEXTS.len()),
        severity in subsequence(Severity::ALL.to_vec(), 0..=6),
        before in subsequence(Severity::ALL.to_vec(), 0..=6),
        least in proptest::option::of(select(Severity::ALL.to_vec())),
        standing in some(&STANDINGS),
        moved in some(&REPRIORITISED),
        kind in some(&KINDS),
        against in some(&AGAINST),
        (sla, ids) in (some(&SLAS), vec(1_i64..i64::MAX, 0..2)),
        (fixable, exploited, epss) in (any::<Option<bool>>(), any::<Option<bool>>(), proptest::option::of(0.0..=1.0_f64)),
        (digest, assignee, text) in (texts(), texts(), proptest::option::of("[a-z&=% ]{0,5}[a-z&=%]")),
        (nobody, days) in (any::<bool>(), proptest::option::of(0_i64..40_000)),
        (sort, reverse, group) in (select(SORTS.to_vec()), any::<bool>(), proptest::option::of(select(GROUPINGS.to_vec()))),
        columns in subsequence(COLUMNS.to_vec(), 0..=COLUMNS.len()),
    ) -> Asked {
        let mut filter = IssueFilter {
            ids,
            severity,
            severity_before: before,
            min_severity: least,
            standing,
            reprioritised: moved,
            kind,
            against_last_scan: against,
            sla,
            fixable,
            known_exploited: exploited,
            min_epss: epss,
            digest,
            assignee,
            text: text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()),
            first_seen_from: days.map(|days| {
                format!("{:.3}", jiff::Timestamp::from_second(days * 86_400).unwrap())
            }),
            first_seen_until: days.map(|days| {
                format!("{:.3}", jiff::Timestamp::from_second(days * 86_400 + 1).unwrap())
            }),
            ..IssueFilter::default()
        };
        filter.ids.dedup();
        if nobody {
            filter.assignee.push(String::new());
        }
        for ((_, list), values) in TEXTS.iter().zip(words) {
            *list(&mut filter) = values;
        }
        Asked {
            filter,
            sort: sort.0,
            reverse,
            group: group.map(|one| one.0),
            columns: columns.iter().map(|one| one.0.to_owned()).collect(),
            ..Asked::default()
        }
    }
}

proptest! {
    #[test]
    fn a_list_is_the_same_after_its_address(asked in asked()) {
        let query = asked.write();
        let read = Asked::read(&query);
        prop_assert_eq!(&read, &asked, "{}", query);
        prop_assert_eq!(read.write(), query);
    }

    #[test]
    fn any_query_is_read_and_then_has_one_form(query in "[a-z=&%0-9,+.:@-]{0,200}") {
        let once = Asked::read(&query).write();
        prop_assert_eq!(Asked::read(&once).write(), once);
    }
}

#[test]
fn what_is_not_understood_is_told_and_left_out() {
    let asked = Asked::read("severity=dire&colour=red&min-epss=7&severity=high&fixable=perhaps");
    assert_eq!(asked.filter.severity, [Severity::High]);
    assert_eq!(asked.problems.len(), 4);
    assert!(asked.problems[0].contains("“severity” can't be “dire”"));
    assert!(asked.problems[1].contains("“colour” is not known"));
}

#[test]
fn an_image_is_found_by_tag_or_by_digest_as_on_the_command_line() {
    let asked = Asked::read("image=acme/shop:1.4&image=deadbeef01&image=x%40sha256:abcdefabcdef");
    assert_eq!(asked.filter.repository, ["acme/shop"]);
    assert_eq!(asked.filter.tag, ["1.4"]);
    assert_eq!(asked.filter.digest, ["deadbeef01", "sha256:abcdefabcdef"]);
}

#[test]
fn no_filter_takes_more_than_its_share_of_values() {
    let many: Vec<String> = (0..1000).map(|at| format!("package=p{at}")).collect();
    assert_eq!(Asked::read(&many.join("&")).filter.package.len(), VALUES);
    let long = format!("text={}", "a".repeat(10_000));
    let asked = Asked::read(&long);
    assert_eq!(asked.filter.text, None);
    assert_eq!(asked.problems.len(), 1);
}
