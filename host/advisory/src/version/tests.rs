//! Tests of the orders: cases by hand, rules that hold for all strings, and the public vectors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it skips"
)]

mod cases;
mod public;
mod rules;
