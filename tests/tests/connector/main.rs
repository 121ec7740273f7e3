//! The connector in the real host against the simulated GitLab: what a person sees of `verify`, the whole
//! tree of locations, the inventory of images, GitLab's own findings, and all of it on a bad day.
//!
//! What is expected is written down from the organisation and the images themselves, never from what the
//! connector answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod findings;
mod locations;
mod options;
mod scan;
mod trouble;
mod verify;
