//! Everything that is stored about one location and that its issues are made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Group;
use crate::contract::{Finding, Image, Location, Package};

/// What is known of one location.
#[derive(Clone, Debug)]
pub struct LocationInputs {
    /// Row of the connection.
    pub connection: i64,
    /// Its name.
    pub connection_name: String,
    /// The tool that it speaks with ("GitLab").
    pub source_tool: String,
    /// Row of the location.
    pub row: i64,
    /// As it was listed last.
    pub location: Location,
    /// Since when it is no longer listed.
    pub gone_at: Option<String>,
    /// What holds it (the project), as it was listed last.
    pub holder: Option<Location>,
    /// The images that are there.
    pub images: Vec<ImageInput>,
    /// Packages of those images that advisories speak of.
    pub packages: Vec<PackageInput>,
    /// What they say, by component.
    pub groups: BTreeMap<i64, Arc<Vec<Group>>>,
    /// What tools found and still find.
    pub findings: Vec<FindingInput>,
    /// Scanned images that its images may be built on.
    pub bases: Vec<BaseInput>,
    /// What the connector knows of the location besides.
    pub context: Vec<(String, String)>,
}

/// An image that is there.
#[derive(Clone, Debug)]
pub struct ImageInput {
    /// Row.
    pub row: i64,
    /// The image.
    pub image: Image,
    /// RFC 3339.
    pub first_seen: String,
    /// True when all of it was read.
    pub complete: bool,
    /// True when its operating system gets no fixes any more, as the connector found.
    pub has_ended: bool,
}

/// A scanned image of a repository that an image here is built on.
#[derive(Clone, Debug)]
pub struct BaseInput {
    /// Its repository, with the registry's host.
    pub repository: String,
    /// Its first tag.
    pub tag: Option<String>,
    /// Digest of its manifest.
    pub digest: String,
    /// When it was pushed, or made.
    pub pushed: Option<String>,
    /// True when all of it was read.
    pub complete: bool,
    /// Versions of its packages and source packages, by name in lower case.
    pub packages: BTreeMap<String, Vec<String>>,
}

/// A package that advisories speak of.
#[derive(Clone, Debug)]
pub struct PackageInput {
    /// Index into the images.
    pub image: usize,
    /// The package.
    pub package: Package,
    /// Row of its component.
    pub component: i64,
    /// The component.
    pub looked_up: Arc<ox_advisory::matching::Component>,
}

/// A finding that is there.
#[derive(Clone, Debug)]
pub struct FindingInput {
    /// The finding.
    pub finding: Finding,
    /// RFC 3339.
    pub first_seen: String,
}
