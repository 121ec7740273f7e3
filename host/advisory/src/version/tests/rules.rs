//! What holds for every order and all strings.

use std::cmp::Ordering;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::version::{MAX_LENGTH, Order, by_name, orders};

/// What versions are made of, so that three random ones often begin alike.
const PIECES: &[&str] = &[
    "0",
    "00",
    "1",
    "01",
    "2",
    "10",
    "99999999999999999999",
    ".",
    "-",
    "_",
    "~",
    "^",
    "+",
    ":",
    "!",
    "#",
    " ",
    "v",
    "go",
    "a",
    "b",
    "c",
    "m",
    "p",
    "r",
    "-r",
    "-r1",
    "rc",
    "_rc",
    "cr",
    "alpha",
    "_alpha",
    "beta",
    "dev",
    ".dev",
    "post",
    "pre",
    "_p",
    "_git",
    "snapshot",
    "SNAPSHOT",
    "final",
    "ga",
    "sp",
    "xyz",
    "RC",
    "pl",
    "incompatible",
    "java",
    "x86_64",
    "é",
    "0.0",
    "1.0",
    ".0.",
    "-0-",
];

fn near_version() -> impl Strategy<Value = String> {
    vec(select(PIECES), 0..7).prop_map(|pieces| pieces.concat())
}

fn short() -> impl Strategy<Value = String> {
    vec(
        select(&["0", "1", ".", "-", "a", "rc", "x", "~", "+", "_p", "sp"][..]),
        0..6,
    )
    .prop_map(|pieces| pieces.concat())
}

fn any_string() -> impl Strategy<Value = String> {
    prop_oneof![4 => near_version(), 4 => short(), 1 => any::<String>()]
}

/// `compare` must behave as an order of these three, whichever way they are asked.
fn is_an_order(order: &dyn Order, [a, b, c]: [&str; 3]) {
    let name = order.name();
    for (a, b, c) in [
        (a, b, c),
        (a, c, b),
        (b, a, c),
        (b, c, a),
        (c, a, b),
        (c, b, a),
    ] {
        let (ab, bc, ac) = (
            order.compare(a, b),
            order.compare(b, c),
            order.compare(a, c),
        );
        assert_eq!(order.compare(a, a), Ordering::Equal, "{name}: {a:?}");
        assert_eq!(ab, order.compare(b, a).reverse(), "{name}: {a:?} {b:?}");
        if ab == bc {
            assert_eq!(ab, ac, "{name}: {a:?} {b:?} {c:?}");
        }
        if ab.is_eq() {
            assert_eq!(bc, ac, "{name}: {a:?} {b:?} {c:?}");
        }
        order.is_version(a);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_order_is_total(a in any_string(), b in any_string(), c in any_string()) {
        for order in orders() {
            is_an_order(*order, [&a, &b, &c]);
        }
    }

    /// A stable sort gives one sequence whatever the input's: the equal ones are then the only freedom.
    #[test]
    fn sorting_does_not_depend_on_the_sequence(mut all in vec(any_string(), 0..12)) {
        for order in orders() {
            all.sort_by(|a, b| order.compare(a, b).then_with(|| a.cmp(b)));
            let sorted = all.clone();
            all.reverse();
            all.sort_by(|a, b| order.compare(a, b).then_with(|| a.cmp(b)));
            prop_assert_eq!(&sorted, &all);
        }
    }

    #[test]
    fn a_higher_number_is_a_higher_version(major in 0..5_u64, a in 0..3000_u64, b in 0..3000_u64) {
        for order in orders() {
            let (left, right) = (format!("{major}.{a}.1"), format!("{major}.{b}.1"));
            prop_assert!(order.is_version(&left), "{} doesn't take {}", order.name(), left);
            prop_assert_eq!(order.compare(&left, &right), a.cmp(&b), "{}", order.name());
        }
    }
}

#[test]
fn every_pair_of_small_strings_is_in_order() {
    // All strings of up to three pieces, sorted: each must be at most any later one. A circle can't hide.
    const FEW: &[&str] = &[
        "0", "1", ".", "-", "a", "rc", "x", "~", "^", "+", "_p", "sp", "é",
    ];
    let mut all = vec![String::new()];
    let mut last = all.clone();
    for _ in 0..3 {
        last = last
            .iter()
            .flat_map(|start| FEW.iter().map(move |piece| format!("{start}{piece}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    for order in orders() {
        let mut sorted = all.clone();
        sorted.sort_by(|a, b| order.compare(a, b));
        let step = 7;
        for (place, a) in sorted.iter().enumerate().step_by(step) {
            for b in &sorted[place..] {
                assert!(
                    order.compare(a, b).is_le() && order.compare(b, a).is_ge(),
                    "{}: {a:?} {b:?}",
                    order.name()
                );
            }
        }
    }
}

#[test]
fn numbers_have_any_length() {
    let (a, b) = ("9".repeat(60), format!("1{}", "0".repeat(60)));
    for order in orders() {
        assert_eq!(order.compare(&a, &b), Ordering::Less, "{}", order.name());
        let padded = format!("000{a}");
        assert_eq!(
            order.compare(&a, &padded),
            Ordering::Equal,
            "{}",
            order.name()
        );
    }
}

#[test]
fn what_is_too_long_is_no_version_and_comes_first() {
    let (long, longer) = ("1".repeat(MAX_LENGTH + 1), "1".repeat(MAX_LENGTH + 2));
    for order in orders() {
        let name = order.name();
        assert!(order.is_version(&"1".repeat(MAX_LENGTH)), "{name}");
        assert!(!order.is_version(&long), "{name}");
        assert_eq!(order.compare(&long, ""), Ordering::Less, "{name}");
        assert_eq!(order.compare("0", &long), Ordering::Greater, "{name}");
        assert_eq!(order.compare(&long, &longer), Ordering::Less, "{name}");
    }
}

#[test]
fn nothing_is_no_version() {
    for order in orders() {
        for text in ["", " ", "\n", "-", "é"] {
            assert!(
                !order.is_version(text) || order.name() == "opam" && text == "-",
                "{} takes {text:?}",
                order.name()
            );
        }
    }
}

#[test]
fn orders_have_names() {
    for order in orders() {
        assert_eq!(by_name(order.name()).unwrap().name(), order.name());
    }
    let mut names: Vec<&str> = orders().iter().map(|order| order.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), orders().len());
    assert!(by_name("").is_none());
}
