//! How many of an image's lowest layers are its base image's, as far as the image itself tells.

use crate::contract::ConfigFacts;

/// What is known of the base image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Base {
    /// The lowest layers that are its.
    pub layers: u32,
    /// Reference of it, where the image names it.
    pub name: Option<String>,
    /// Digest of it, where the image names it.
    pub digest: Option<String>,
    /// How this is known, as the rest of a sentence.
    pub why: String,
}

/// Tells the base image's layers from those above. `None` when nothing tells.
pub fn of(_config: &ConfigFacts, _annotations: &[(String, String)], _layers: u32) -> Option<Base> {
    None
}
