//! Indexes and manifest lists: one name for the images of several platforms.

use super::artefact::{Artefact, digest_of};
use super::media;
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// An index in the making.
#[derive(Clone, Debug)]
pub struct Index {
    media_type: &'static str,
    children: Vec<Artefact>,
    annotations: Map<String, Value>,
    dangling: Vec<Value>,
}

impl Index {
    /// An OCI index.
    pub fn oci() -> Self {
        Self::of(media::OCI_INDEX)
    }

    /// A Docker manifest list.
    pub fn docker() -> Self {
        Self::of(media::DOCKER_LIST)
    }

    fn of(media_type: &'static str) -> Self {
        Self {
            media_type,
            children: Vec::new(),
            annotations: Map::new(),
            dangling: Vec::new(),
        }
    }

    /// Adds an image, an attestation or another index.
    #[must_use]
    pub fn child(mut self, child: impl Into<Artefact>) -> Self {
        self.children.push(child.into());
        self
    }

    /// Names a manifest that the registry does not have.
    #[must_use]
    pub fn dangling(mut self, digest: &str, platform: &str) -> Self {
        self.dangling.push(json!({
            "mediaType": media::OCI_MANIFEST, "digest": digest, "size": 500,
            "platform": super::Platform::parse(platform).json(),
        }));
        self
    }

    /// An annotation of the index.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.into());
        self
    }

    /// Writes the index.
    pub fn build(&self) -> Artefact {
        let mut manifests: Vec<Value> = self.children.iter().map(descriptor).collect();
        manifests.extend(self.dangling.iter().cloned());
        let mut index =
            json!({ "schemaVersion": 2, "mediaType": self.media_type, "manifests": manifests });
        if let (false, Some(map)) = (self.annotations.is_empty(), index.as_object_mut()) {
            map.insert("annotations".to_owned(), self.annotations.clone().into());
        }
        let manifest = Bytes::from(index.to_string());
        Artefact {
            media_type: self.media_type.to_owned(),
            digest: digest_of(&manifest),
            manifest,
            config_digest: None,
            config_media_type: None,
            artifact_type: None,
            subject: None,
            platform: None,
            size: 0,
            blobs: Vec::new(),
            children: self.children.clone(),
            descriptor_annotations: Vec::new(),
        }
    }
}

fn descriptor(child: &Artefact) -> Value {
    let mut value = json!({
        "mediaType": child.media_type, "digest": child.digest, "size": child.manifest.len(),
    });
    if let Some(map) = value.as_object_mut() {
        if let Some(platform) = &child.platform {
            map.insert("platform".to_owned(), platform.json());
        }
        if !child.descriptor_annotations.is_empty() {
            let all = child.descriptor_annotations.iter();
            map.insert(
                "annotations".to_owned(),
                all.map(|(k, v)| (k.clone(), Value::from(v.as_str())))
                    .collect::<Map<_, _>>()
                    .into(),
            );
        }
    }
    value
}

impl From<Index> for Artefact {
    fn from(index: Index) -> Self {
        index.build()
    }
}
