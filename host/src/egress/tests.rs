//! The egress side against real servers on 127.0.0.1. Nothing leaves the machine: what would, is refused
//! before it is dialled, and the fake resolver counts who was asked.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod answers;
mod gate;
mod secrets;
mod support;
mod tls;
