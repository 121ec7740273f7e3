#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;

use super::*;
use crate::scan::Matcher;
use crate::scan::script::location;

fn selection(chosen: &[&str], left: &[&str], new: NewLocations) -> (Vec<String>, Vec<String>) {
    let mut leaves: Vec<(&str, bool)> = chosen.iter().map(|path| (*path, true)).collect();
    leaves.extend(left.iter().map(|path| (*path, false)));
    let selection = selection_of(&leaves, new, None).unwrap();
    (selection.include, selection.exclude)
}

const NONE: [String; 0] = [];

#[test]
fn everything_and_nothing_are_short() {
    for new in [NewLocations::Include, NewLocations::Exclude] {
        assert_eq!(selection(&["a/b", "c"], &[], new), (vec![], vec![]));
        assert_eq!(
            selection(&[], &["a/b", "c"], new),
            (vec![], vec!["**".to_owned()])
        );
    }
}

#[test]
fn a_whole_group_is_one_pattern() {
    let (include, exclude) = selection(
        &["acme/shop/api", "acme/shop/web", "other/x"],
        &["acme/attic/a", "acme/attic/b", "acme/attic/c"],
        NewLocations::Include,
    );
    assert_eq!(include, NONE);
    assert_eq!(exclude, ["acme/attic/**"]);
    let (include, exclude) = selection(
        &["acme/shop/api", "acme/shop/web"],
        &["acme/attic/a", "other/a", "other/b", "third/c"],
        NewLocations::Exclude,
    );
    assert_eq!(include, ["acme/shop/**"]);
    assert_eq!(exclude, NONE);
}

#[test]
fn one_that_is_left_out_of_a_large_group_is_one_pattern_more() {
    let many: Vec<String> = (0..50).map(|n| format!("acme/shop/r{n}")).collect();
    let mut chosen: Vec<&str> = many.iter().map(String::as_str).collect();
    let left = [chosen.pop().unwrap(), "b/1", "c/1", "d/1"];
    let (include, exclude) = selection(&chosen, &left, NewLocations::Exclude);
    assert_eq!(include, ["acme/shop/**"]);
    assert_eq!(exclude, ["acme/shop/r49"]);
}

#[test]
fn where_new_locations_are_monitored_only_what_is_switched_off_is_named() {
    let (include, exclude) = selection(&["a/x"], &["a/y", "b/z"], NewLocations::Include);
    assert_eq!(include, NONE);
    assert_eq!(exclude, ["a/y", "b/**"]);
}

#[test]
fn a_project_with_an_image_of_its_own_name_is_told_from_what_is_below_it() {
    let (include, exclude) = selection(
        &["acme/api", "z/1", "z/2"],
        &["acme/api/debug"],
        NewLocations::Include,
    );
    assert_eq!((include.len(), exclude.len()), (0, 1));
    let (include, exclude) = selection(
        &["acme/api/debug", "z/1", "z/2"],
        &["acme/api"],
        NewLocations::Include,
    );
    assert_eq!(include, NONE);
    assert_eq!(exclude, ["acme/ap[i]"]);
}

#[test]
fn what_a_person_wrote_stays_while_it_says_the_same() {
    let current = Selection {
        include: Vec::new(),
        exclude: vec!["**/attic-*".to_owned()],
        new_locations: NewLocations::Include,
    };
    let leaves = [("a/attic-1", false), ("a/b", true)];
    let kept = selection_of(&leaves, NewLocations::Include, Some(&current)).unwrap();
    assert_eq!(kept, current);
    let leaves = [("a/attic-1", true), ("a/b", true)];
    let made = selection_of(&leaves, NewLocations::Include, Some(&current)).unwrap();
    assert_eq!(made.exclude, NONE);
}

#[test]
fn two_locations_of_one_path_cannot_be_told_apart_and_it_says_so() {
    let error = selection_of(&[("a", true), ("a", false)], NewLocations::Include, None);
    assert!(error.unwrap_err().contains("\"a\""));
}

#[test]
fn a_path_of_many_parts_is_no_deep_recursion() {
    let long = "a/".repeat(100_000) + "b";
    let leaves = [(long.as_str(), true), ("c", false), ("d", true)];
    // Longer than a pattern may be: an answer, whichever.
    let _ = selection_of(&leaves, NewLocations::Exclude, None);
}

/// Parts that look like patterns, like each other, and like nothing at all.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[ab]",
        2 => "[a-c]{1,2}",
        1 => "[ab*?\\[\\]{}!,\\\\^-]{1,3}",
        1 => "[äß☃.]{1,2}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_patterns_take_exactly_what_was_chosen(
        leaves in proptest::collection::btree_map(
            proptest::collection::vec(part(), 1..5).prop_map(|parts| parts.join("/")),
            any::<bool>(),
            0..24,
        ),
        monitors_new in any::<bool>(),
    ) {
        let new_locations = if monitors_new { NewLocations::Include } else { NewLocations::Exclude };
        let leaves: Vec<(&str, bool)> = leaves.iter().map(|(path, chosen)| (path.as_str(), *chosen)).collect();
        let selection = smallest(&leaves, new_locations);
        let matcher = Matcher::new(&selection).unwrap();
        for (path, chosen) in &leaves {
            let taken = matcher.decide(&location(path), true).is_ok();
            prop_assert_eq!(taken, *chosen, "{} by {:?}", path, selection);
        }
        // Never more patterns than ticks that differ from the start.
        let chosen = leaves.iter().filter(|(_, chosen)| *chosen).count();
        let patterns = selection.include.len() + selection.exclude.len();
        let most = if monitors_new { leaves.len() - chosen } else { chosen.min(leaves.len() - chosen) };
        prop_assert!(patterns <= most.max(1), "{:?} for {:?}", selection, leaves);
        if monitors_new {
            prop_assert!(selection.include.is_empty());
        }
    }
}
