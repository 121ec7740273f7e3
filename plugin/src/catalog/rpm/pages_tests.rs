#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use super::*;

/// What happened: a row that became whole, or one that was lost.
fn events(
    limit: usize,
    act: impl FnOnce(&mut Chains<u32>, &mut dyn FnMut(Event<'_, u32>) -> bool),
) -> Vec<String> {
    let mut log = Vec::new();
    let mut chains = Chains::with_limit(limit);
    act(&mut chains, &mut |event| match event {
        Event::Whole(tag, _) => {
            log.push(format!("whole {tag}"));
            true
        }
        Event::Lost(tag) => {
            log.push(format!("lost {tag}"));
            false
        }
    });
    log
}

#[test]
fn pages_come_before_or_after_their_row() {
    let log = events(1 << 20, |chains, event| {
        chains.page(5, 6, &[1; 10], event);
        chains.row(1, &[0; 4], 20, 5, event);
        chains.page(6, 0, &[1; 10], event);
        chains.row(2, &[0; 4], 4, 0, event);
        chains.finish(event);
        assert_eq!(chains.retained, 0);
    });
    assert_eq!(log, ["whole 1", "whole 2"]);
}

#[test]
fn the_oldest_pages_of_nobody_are_given_up_first() {
    let log = events(4096, |chains, event| {
        chains.row(1, &[], 900, 2, event);
        for number in 100..200 {
            chains.page(number, 0, &[0; 300], event);
            assert!(chains.retained <= 4096);
        }
        chains.page(2, 3, &[0; 300], event);
        for number in 200..300 {
            chains.page(number, 0, &[0; 300], event);
        }
        chains.page(3, 4, &[0; 300], event);
        chains.row(2, &[], 300, 299, event);
        chains.row(3, &[], 300, 100, event);
        chains.page(4, 0, &[0; 300], event);
        chains.finish(event);
    });
    assert_eq!(log, ["whole 2", "whole 1", "lost 3"]);
}

#[test]
fn rows_that_wait_for_more_than_fits_are_lost_and_free_what_they_held() {
    let log = events(4096, |chains, event| {
        chains.row(1, &[], 100_000, 2, event);
        chains.row(2, &[], 3900, 2, event);
        for number in 2..30 {
            chains.page(number, number + 1, &[0; 300], event);
            assert!(chains.retained <= 4096 + 300);
        }
        chains.row(3, &[], 300, 50, event);
        chains.page(50, 0, &[0; 300], event);
        chains.finish(event);
    });
    assert_eq!(log, ["lost 1", "lost 2", "whole 3"]);
}

#[test]
fn circles_and_empty_pages_end() {
    let log = events(1 << 20, |chains, event| {
        chains.page(5, 5, &[0; 10], event);
        chains.page(6, 7, &[0; 10], event);
        chains.page(7, 6, &[], event);
        chains.row(1, &[], 1000, 5, event);
        chains.row(2, &[], 1000, 6, event);
        chains.row(3, &[], 1 << 30, 5, event);
        chains.row(4, &[], 10, 0, event);
    });
    assert_eq!(log, ["lost 1", "lost 2", "lost 3", "lost 4"]);
}

#[test]
fn a_value_that_makes_no_sense_leaves_its_pages_to_others() {
    let mut chains = Chains::with_limit(1 << 20);
    let mut whole = Vec::new();
    let mut event = |event: Event<'_, u32>| match event {
        Event::Whole(tag, _) => {
            whole.push(tag);
            tag == 2
        }
        Event::Lost(_) => false,
    };
    chains.page(5, 0, &[0; 10], &mut event);
    chains.row(1, &[], 10, 5, &mut event);
    chains.row(2, &[], 10, 5, &mut event);
    chains.row(3, &[], 10, 5, &mut event);
    assert_eq!(whole, [1, 2]);
}

#[test]
fn rows_without_end_stop_being_followed() {
    let mut chains = Chains::with_limit(1 << 20);
    let mut event = |_: Event<'_, u32>| false;
    chains.page(5, 5, &[0; 1], &mut event);
    let mut rows = 0;
    while !chains.is_exhausted() {
        chains.row(1, &[], 1 << 19, 5, &mut event);
        rows += 1;
    }
    assert!(rows <= MAX_ROWS);
}
