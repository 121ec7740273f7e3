//! The pages of the console, without the host: plain data goes in, HTML comes out.
//!
//! A page is a struct with a template of the same name in `templates/`. It has no rule in it and asks nobody, so
//! every page and every state of it (empty, partial, failed, hostile text) can be rendered and looked at with
//! `cargo run -p ox-console --example look FOLDER`.
//!
//! Everything that is shown may have been written by somebody hostile: a label of an image, the name of a file,
//! an advisory. Templates escape by themselves; `|safe` is used for what this crate rendered, and for nothing
//! else. Text from outside goes through [`text`] first, links through [`text::link`].

pub mod assets;
pub mod chart;
pub mod chrome;
pub mod pages;
pub mod parts;
pub mod text;

pub use askama::Template;
pub use chrome::{Chrome, Flash, Person, Section, Theme};

/// Renders a page. A template that can't be rendered is a fault of this crate; the page says so.
pub fn html(page: &impl Template) -> String {
    page.render().unwrap_or_else(|error| {
        format!("<!doctype html><title>Error</title><p>This page could not be rendered: {error}")
    })
}
