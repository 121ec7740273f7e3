//! A manifest with all that it refers to: what one push brings to a registry.

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// `sha256:…` of some bytes.
pub fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(bytes)))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Operating system and processor of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`, `arm64`, …
    pub architecture: String,
    /// `v7`, `v8`.
    pub variant: Option<String>,
}

impl Platform {
    /// `linux/amd64`.
    pub fn amd64() -> Self {
        Self::parse("linux/amd64")
    }

    /// `linux/arm64/v8`.
    pub fn arm64() -> Self {
        Self::parse("linux/arm64/v8")
    }

    /// From `os/architecture[/variant]`; what is missing is `unknown`.
    pub fn parse(text: &str) -> Self {
        let mut parts = text.split('/');
        let mut next = || parts.next().map(str::to_owned);
        let os = next().unwrap_or_else(|| "unknown".to_owned());
        let architecture = next().unwrap_or_else(|| "unknown".to_owned());
        Self {
            os,
            architecture,
            variant: next(),
        }
    }

    /// As a manifest list and an index write it.
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut value = serde_json::json!({ "os": self.os, "architecture": self.architecture });
        if let (Some(variant), Some(map)) = (&self.variant, value.as_object_mut()) {
            map.insert("variant".to_owned(), variant.as_str().into());
        }
        value
    }
}

/// A blob as the registry stores it.
#[derive(Clone, Debug)]
pub struct Blob {
    /// The name it is stored under. Differs from the digest of `bytes` when a test lies.
    pub digest: String,
    /// What is served.
    pub bytes: Bytes,
}

/// A manifest, its blobs and its children.
#[derive(Clone, Debug)]
pub struct Artefact {
    /// Media type of the manifest.
    pub media_type: String,
    /// The manifest itself.
    pub manifest: Bytes,
    /// Digest of the manifest.
    pub digest: String,
    /// Digest of the config; none for indexes.
    pub config_digest: Option<String>,
    /// Media type of the config; none for indexes.
    pub config_media_type: Option<String>,
    /// `artifactType`, where the manifest states one.
    pub artifact_type: Option<String>,
    /// Digest of the `subject`, where the manifest states one.
    pub subject: Option<String>,
    /// Platform, for images and attestations.
    pub platform: Option<Platform>,
    /// Bytes of layers, config and manifest; 0 for indexes, as the registry says.
    pub size: u64,
    /// Config and layers.
    pub blobs: Vec<Blob>,
    /// What an index points at.
    pub children: Vec<Artefact>,
    /// Annotations that an index puts on the descriptor (attestations).
    pub descriptor_annotations: Vec<(String, String)>,
}

impl Artefact {
    /// True for indexes and manifest lists.
    pub fn is_index(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            super::media::OCI_INDEX | super::media::DOCKER_LIST
        )
    }

    /// Writes the artefact as an OCI image layout under a name, for programs that push (`skopeo`).
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn write_layout(&self, folder: &std::path::Path, name: &str) -> std::io::Result<()> {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs)?;
        self.write_blobs(&blobs)?;
        std::fs::write(
            folder.join("oci-layout"),
            "{\"imageLayoutVersion\":\"1.0.0\"}",
        )?;
        let index = serde_json::json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": self.media_type, "digest": self.digest, "size": self.manifest.len(),
                "annotations": { "org.opencontainers.image.ref.name": name },
            }],
        });
        std::fs::write(folder.join("index.json"), index.to_string())
    }

    fn write_blobs(&self, folder: &std::path::Path) -> std::io::Result<()> {
        let own = Blob {
            digest: self.digest.clone(),
            bytes: self.manifest.clone(),
        };
        for blob in self.blobs.iter().chain([&own]) {
            std::fs::write(
                folder.join(blob.digest.trim_start_matches("sha256:")),
                &blob.bytes,
            )?;
        }
        self.children
            .iter()
            .try_for_each(|child| child.write_blobs(folder))
    }

    /// True for what the registry records as an OCI type.
    pub fn is_oci(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            super::media::OCI_INDEX | super::media::OCI_MANIFEST
        )
    }
}
