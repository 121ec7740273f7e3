//! How an image is set up: what of its config and its files is a risk, whatever packages it holds.

pub mod overlay;
pub mod traces;

use crate::contract::{Finding, Image, Package};
use crate::image::base::Base;
use crate::image::merge::Secret;
use traces::{Special, Traces};

/// All that is known of an image once its layers are read, for those who judge it.
pub struct Inspected<'i> {
    /// The image as it is emitted.
    pub image: &'i Image,
    /// Its packages.
    pub packages: &'i [Package],
    /// Its base image.
    pub base: Option<&'i Base>,
    /// Secrets in its files.
    pub secrets: &'i [Secret],
    /// Secrets in its config: where (`env NAME`, `label NAME`, `history 3`), and what.
    pub config_secrets: &'i [(String, crate::secret::Hit)],
    /// Files and folders with special permissions, each with its layer.
    pub special: &'i [(u32, Special)],
    /// What else each layer shows.
    pub traces: &'i [Traces],
    /// True when signatures stand beside images of this repository, and whether one is for this image.
    pub signed: Option<bool>,
    /// Seconds since 1970.
    pub now: u64,
}

/// What is wrong with how the image is set up.
pub fn findings(_inspected: &Inspected<'_>) -> Vec<Finding> {
    Vec::new()
}
