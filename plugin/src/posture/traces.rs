//! What a layer shows of its set-up while it is read: files with special permissions, caches that were left.

use serde::{Deserialize, Serialize};

use crate::catalog::File;
use crate::image::tar::Kind;

/// Goes up when other traces would be kept of the same bytes: part of the layer's cache key.
pub const VERSION: u32 = 1;

/// Of one layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traces {
    /// Files and folders whose permissions let others do more than usual.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub special: Vec<Special>,
}

/// A file or folder with special permissions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Special {
    /// Its key.
    pub path: String,
    /// Permissions (`0o7777`).
    pub mode: u32,
    /// Number of its owner.
    pub uid: u64,
}

impl Traces {
    /// Looks at one member of the archive. Called for every one: be quick.
    pub fn see(&mut self, _kind: Kind, _file: &File<'_>) {}
}
