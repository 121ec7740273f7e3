//! Images: a config and a manifest over layers.

use super::artefact::{Artefact, Blob, Platform, digest_of};
use super::layer::{BuiltLayer, Compression};
use super::media;
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// When every image was built, unless the test says otherwise.
pub(crate) const BUILT_AT: &str = "2025-01-01T00:00:00Z";

/// An image in the making.
#[derive(Clone, Debug)]
pub struct Image {
    platform: Platform,
    layers: Vec<BuiltLayer>,
    config: Value,
    oci: bool,
    config_media_type: Option<String>,
    artifact_type: Option<String>,
    subject: Option<Value>,
    annotations: Map<String, Value>,
    raw_config: Option<Vec<u8>>,
}

impl Image {
    /// An OCI image without layers.
    pub fn new(platform: Platform) -> Self {
        let mut config = json!({
            "created": BUILT_AT,
            "os": platform.os,
            "architecture": platform.architecture,
            "config": { "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] },
        });
        if let (Some(variant), Some(map)) = (&platform.variant, config.as_object_mut()) {
            map.insert("variant".to_owned(), variant.as_str().into());
        }
        Self {
            platform,
            layers: Vec::new(),
            config,
            oci: true,
            config_media_type: None,
            artifact_type: None,
            subject: None,
            annotations: Map::new(),
            raw_config: None,
        }
    }

    /// `linux/amd64`, the usual one.
    pub fn amd64() -> Self {
        Self::new(Platform::amd64())
    }

    /// Adds a layer above those it has.
    #[must_use]
    pub fn layer(mut self, layer: impl Into<BuiltLayer>) -> Self {
        self.layers.push(layer.into());
        self
    }

    /// Changes the config document (`created`, `author`, `config.User`, …). `rootfs` and `history` are
    /// written from the layers, unless they are there already.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.config);
        self
    }

    /// Config and manifest as Docker writes them.
    #[must_use]
    pub fn docker(mut self) -> Self {
        self.oci = false;
        self
    }

    /// Config and manifest as the OCI has them (the default).
    #[must_use]
    pub fn oci(mut self) -> Self {
        self.oci = true;
        self
    }

    /// An annotation of the manifest.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), value.into());
        self
    }

    /// Another media type of the config: what tells a chart from an image.
    #[must_use]
    pub fn config_media_type(mut self, media_type: &str) -> Self {
        self.config_media_type = Some(media_type.to_owned());
        self
    }

    /// The config blob is exactly these bytes.
    #[must_use]
    pub fn raw_config(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.raw_config = Some(bytes.into());
        self
    }

    /// `artifactType` of the manifest.
    #[must_use]
    pub fn artifact_type(mut self, artifact_type: &str) -> Self {
        self.artifact_type = Some(artifact_type.to_owned());
        self
    }

    /// The manifest refers to another one.
    #[must_use]
    pub fn subject(mut self, other: &Artefact) -> Self {
        self.subject = Some(json!({
            "mediaType": other.media_type, "digest": other.digest, "size": other.manifest.len(),
        }));
        self
    }

    /// Writes config and manifest.
    pub fn build(&self) -> Artefact {
        let config = Bytes::from(
            self.raw_config
                .clone()
                .unwrap_or_else(|| self.config_bytes()),
        );
        let config_digest = digest_of(&config);
        let config_type = self.config_media_type.clone().unwrap_or_else(|| {
            (if self.oci {
                media::OCI_CONFIG
            } else {
                media::DOCKER_CONFIG
            })
            .to_owned()
        });
        let media_type = if self.oci {
            media::OCI_MANIFEST
        } else {
            media::DOCKER_MANIFEST
        };
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type,
            "config": { "mediaType": config_type, "digest": config_digest, "size": config.len() },
            "layers": self.layers.iter().map(|l| self.descriptor(l)).collect::<Vec<_>>(),
        });
        if let Some(map) = manifest.as_object_mut() {
            if let Some(kind) = &self.artifact_type {
                map.insert("artifactType".to_owned(), kind.as_str().into());
            }
            if let Some(subject) = &self.subject {
                map.insert("subject".to_owned(), subject.clone());
            }
            if !self.annotations.is_empty() {
                map.insert("annotations".to_owned(), self.annotations.clone().into());
            }
        }
        let manifest = Bytes::from(manifest.to_string());
        let layers: u64 = self.layers.iter().map(|layer| layer.size).sum();
        let mut blobs = vec![Blob {
            digest: config_digest.clone(),
            bytes: config.clone(),
        }];
        blobs.extend(
            self.layers
                .iter()
                .filter(|layer| layer.stored)
                .map(|layer| Blob {
                    digest: layer.digest.clone(),
                    bytes: layer.bytes.clone(),
                }),
        );
        Artefact {
            media_type: media_type.to_owned(),
            digest: digest_of(&manifest),
            size: layers + config.len() as u64 + manifest.len() as u64,
            manifest,
            config_digest: Some(config_digest),
            config_media_type: Some(config_type),
            artifact_type: self.artifact_type.clone(),
            subject: self
                .subject
                .as_ref()
                .and_then(|s| s["digest"].as_str())
                .map(str::to_owned),
            platform: Some(self.platform.clone()),
            blobs,
            children: Vec::new(),
            descriptor_annotations: Vec::new(),
        }
    }

    fn config_bytes(&self) -> Vec<u8> {
        let mut config = self.config.clone();
        if let Some(map) = config.as_object_mut() {
            let diff_ids: Vec<_> = self
                .layers
                .iter()
                .map(|layer| layer.diff_id.clone())
                .collect();
            map.entry("rootfs")
                .or_insert_with(|| json!({ "type": "layers", "diff_ids": diff_ids }));
            map.entry("history").or_insert_with(|| {
                let steps = self.layers.iter();
                steps
                    .map(|l| json!({ "created": BUILT_AT, "created_by": l.command }))
                    .collect()
            });
        }
        config.to_string().into_bytes()
    }

    fn descriptor(&self, layer: &BuiltLayer) -> Value {
        let foreign = layer.url.is_some();
        let usual = match (self.oci, layer.compression, foreign) {
            (false, Compression::Plain, false) => "application/vnd.docker.image.rootfs.diff.tar",
            (false, _, true) => "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
            (false, _, false) => "application/vnd.docker.image.rootfs.diff.tar.gzip",
            (true, Compression::Plain, false) => "application/vnd.oci.image.layer.v1.tar",
            (true, Compression::Zstd, false) => "application/vnd.oci.image.layer.v1.tar+zstd",
            (true, Compression::Gzip, false) => "application/vnd.oci.image.layer.v1.tar+gzip",
            (true, _, true) => "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        };
        let media_type = layer.media_type.as_deref().unwrap_or(usual);
        let mut value =
            json!({ "mediaType": media_type, "digest": layer.digest, "size": layer.size });
        if let (Some(url), Some(map)) = (&layer.url, value.as_object_mut()) {
            map.insert("urls".to_owned(), json!([url]));
        }
        value
    }
}

impl From<Image> for Artefact {
    fn from(image: Image) -> Self {
        image.build()
    }
}

impl From<&Artefact> for Artefact {
    fn from(artefact: &Artefact) -> Self {
        artefact.clone()
    }
}
