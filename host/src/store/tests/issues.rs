//! The life of issues: what opens, closes, keeps and reopens them, through the store's own verbs.

mod findings;
mod life;
mod pages;
mod properties;
mod work;
mod world;
