//! Maven's order (`ComparableVersion`): numbers and words; a dash, or a change between digits and letters,
//! opens a list within the list, which is always the last in it. Words that count are
//! `alpha < beta < milestone < rc < snapshot < "" (ga, final, release) < sp`, and others come after.
//! At one place, a word is below a list, and a list below a number.
//!
//! Maven's own comparison is no order: `1 < 1-1 < 1.0.alpha < 1`, and `1 < 1.x < 1-alpha < 1`. Here what
//! follows at a place is first told apart by whether it makes the version lower or higher than nothing would,
//! and then by Maven's rules. That changes pairs of such a circle only: something lower than nothing
//! (`.0.alpha`, `-alpha`) against something higher (`-1`, `.x`, `.sp`).
//!
//! The written rules and the tool differ in two places. A dash between what means nothing and a number is
//! dropped, as the rules and the public vectors have it (`1-ga-1` is `1-1`; the tool keeps an empty list). And
//! since 3.8.7 the tool reads `.x1` as `-x1`; this is the order before that, which is OSV's, by which the
//! ranges of advisories are made. Of a million pairs of real versions, 42 tell the two apart.
//!
//! Own code: the crates don't know the later words and aren't total.

use std::cmp::Ordering;

use super::text::{is_zero, numbers};

/// Words that count, in their order. The empty one is the release.
const WORDS: &[&str] = &["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];

enum Item<'v> {
    Word(&'v str),
    Number(&'v [u8]),
}

impl<'v> Item<'v> {
    fn new(text: &'v str, is_number: bool, before_digit: bool) -> Self {
        if is_number {
            return Self::Number(text.as_bytes());
        }
        Self::Word(match text {
            "a" if before_digit => "alpha",
            "b" if before_digit => "beta",
            "m" if before_digit => "milestone",
            "cr" => "rc",
            "ga" | "final" | "release" => "",
            other => other,
        })
    }

    /// Against nothing in its place.
    fn sign(&self) -> Ordering {
        match self {
            Self::Word(word) => place(word).cmp(&place("")),
            Self::Number(number) if is_zero(number) => Ordering::Equal,
            Self::Number(_) => Ordering::Greater,
        }
    }
}

/// A word's place among those that count; after them, the word.
fn place(word: &str) -> (usize, &str) {
    match WORDS.iter().position(|one| *one == word) {
        Some(place) => (place, ""),
        None => (WORDS.len(), word),
    }
}

/// One list, and what each of its ends is against nothing. The next list is the last thing in it.
struct List<'v> {
    items: Vec<Item<'v>>,
    /// For each item, and for the place after them.
    signs: Vec<Ordering>,
}

/// Reads a version in lower case.
fn read(version: &str) -> Vec<List<'_>> {
    let mut lists: Vec<Vec<Item<'_>>> = vec![Vec::new()];
    let mut rest = version;
    loop {
        let end = rest.find(['.', '-']).unwrap_or(rest.len());
        let (mut word, after) = rest.split_at(end);
        let sign = after.bytes().next();
        if word.is_empty() && sign.is_some() {
            add(&mut lists, Item::Number(b""));
        }
        while let Some(first) = word.bytes().next() {
            let is_number = first.is_ascii_digit();
            let change = word
                .find(|letter: char| letter.is_ascii_digit() != is_number)
                .unwrap_or(word.len());
            let (text, left) = word.split_at(change);
            add(&mut lists, Item::new(text, is_number, !left.is_empty()));
            if !left.is_empty() {
                lists.push(Vec::new());
            }
            word = left;
        }
        match sign {
            None => break,
            Some(b'-') => lists.push(Vec::new()),
            Some(_) => {}
        }
        rest = after.get(1..).unwrap_or_default();
    }
    normalised(lists)
}

fn add<'v>(lists: &mut [Vec<Item<'v>>], item: Item<'v>) {
    if let Some(list) = lists.last_mut() {
        list.push(item);
    }
}

/// Without what means nothing at the end of a list, from the innermost out, and with the signs.
fn normalised(lists: Vec<Vec<Item<'_>>>) -> Vec<List<'_>> {
    let mut inside_out: Vec<List<'_>> = Vec::with_capacity(lists.len());
    for (depth, mut items) in lists.into_iter().enumerate().rev() {
        while items.last().is_some_and(|item| item.sign().is_eq()) {
            items.pop();
        }
        let inner = inside_out
            .last()
            .and_then(|list| list.signs.first())
            .copied();
        // A list that holds nothing of its own isn't there: `1-ga-1` is `1-1`.
        if items.is_empty() && (inner.is_none() || depth > 0) {
            continue;
        }
        let mut signs = vec![inner.unwrap_or(Ordering::Equal)];
        for item in items.iter().rev() {
            let rest = signs.last().copied().unwrap_or(Ordering::Equal);
            signs.push(item.sign().then(rest));
        }
        signs.reverse();
        inside_out.push(List { items, signs });
    }
    inside_out.reverse();
    inside_out
}

pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim().to_lowercase(), b.trim().to_lowercase());
    let (a, b) = (read(&a), read(&b));
    let (mut depth, mut index) = (0, 0);
    loop {
        let (left, right) = (a.get(depth), b.get(depth));
        let sign = |list: Option<&List<'_>>| {
            list.and_then(|list| list.signs.get(index))
                .copied()
                .unwrap_or(Ordering::Equal)
        };
        let order = sign(left).cmp(&sign(right));
        if order.is_ne() || sign(left).is_eq() {
            return order;
        }
        let order = match (
            left.and_then(|list| list.items.get(index)),
            right.and_then(|list| list.items.get(index)),
        ) {
            (Some(Item::Word(a)), Some(Item::Word(b))) => place(a).cmp(&place(b)),
            (Some(Item::Number(a)), Some(Item::Number(b))) => numbers(a, b),
            (Some(Item::Word(_)), _) | (None, Some(Item::Number(_))) => Ordering::Less,
            (Some(Item::Number(_)), _) | (None, Some(Item::Word(_))) => Ordering::Greater,
            // Both have a list here: something is lower or higher than nothing.
            (None, None) => {
                depth += 1;
                index = 0;
                continue;
            }
        };
        if order.is_ne() {
            return order;
        }
        index += 1;
    }
}

/// Maven compares any text. A version has no blanks, and a number or a known word in it; `${revision}` and
/// `LATEST` are none.
pub(super) fn is_version(version: &str) -> bool {
    let version = version.trim();
    version.bytes().any(|byte| byte.is_ascii_digit())
        && version
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"${}[](),:/\\\"<>|?*".contains(&byte))
}
