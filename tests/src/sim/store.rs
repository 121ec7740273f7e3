//! What the registry holds: repositories with tags and manifests, and blobs that they share.

use crate::image::{Artefact, Platform};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A manifest, and what the registry's database knows of it.
#[derive(Clone, Debug)]
pub struct StoredManifest {
    /// Media type.
    pub media_type: String,
    /// The bytes.
    pub bytes: Bytes,
    /// Digest of the config, none for indexes.
    pub config_digest: Option<String>,
    /// Media type of the config.
    pub config_media_type: Option<String>,
    /// Bytes of layers, config and manifest; 0 for indexes.
    pub size: u64,
    /// Sum of the layers.
    pub platform: Option<Platform>,
    /// Digests of an index's children.
    pub children: Vec<String>,
    /// `artifactType`.
    pub artifact_type: Option<String>,
    /// Digest of the subject.
    pub subject: Option<String>,
}

/// A tag.
#[derive(Clone, Debug)]
pub struct StoredTag {
    /// The manifest it names.
    pub digest: String,
    /// When it was made.
    pub created_at: String,
    /// When it was last moved.
    pub updated_at: Option<String>,
}

/// A repository.
#[derive(Clone, Debug, Default)]
pub struct StoredRepository {
    /// Tags in lexical order.
    pub tags: BTreeMap<String, StoredTag>,
    /// Manifests by digest.
    pub manifests: HashMap<String, StoredManifest>,
    /// Digests of the blobs that may be read through it.
    pub blobs: BTreeSet<String>,
    /// When it was made.
    pub created_at: String,
}

/// Everything.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// Repositories by path.
    pub repositories: BTreeMap<String, StoredRepository>,
    /// Blobs by digest.
    pub blobs: HashMap<String, Bytes>,
}

impl Store {
    /// Makes a repository known.
    pub fn create(&mut self, path: &str, moment: &str) -> &mut StoredRepository {
        self.repositories
            .entry(path.to_owned())
            .or_insert_with(|| StoredRepository {
                created_at: moment.to_owned(),
                ..StoredRepository::default()
            })
    }

    /// Pushes an artefact with everything below it, and points a tag at it.
    pub fn push(&mut self, path: &str, tag: &str, artefact: &Artefact, moment: &str) {
        self.add(path, artefact, moment);
        let tags = &mut self.create(path, moment).tags;
        match tags.get_mut(tag) {
            Some(old) => {
                old.digest.clone_from(&artefact.digest);
                old.updated_at = Some(moment.to_owned());
            }
            None => {
                let new = StoredTag {
                    digest: artefact.digest.clone(),
                    created_at: moment.to_owned(),
                    updated_at: None,
                };
                tags.insert(tag.to_owned(), new);
            }
        }
    }

    fn add(&mut self, path: &str, artefact: &Artefact, moment: &str) {
        for child in &artefact.children {
            self.add(path, child, moment);
        }
        for blob in &artefact.blobs {
            self.blobs.insert(blob.digest.clone(), blob.bytes.clone());
        }
        let repository = self.create(path, moment);
        repository
            .blobs
            .extend(artefact.blobs.iter().map(|blob| blob.digest.clone()));
        repository.manifests.insert(
            artefact.digest.clone(),
            StoredManifest {
                media_type: artefact.media_type.clone(),
                bytes: artefact.manifest.clone(),
                config_digest: artefact.config_digest.clone(),
                config_media_type: artefact.config_media_type.clone(),
                size: artefact.size,
                platform: artefact.platform.clone(),
                children: artefact
                    .children
                    .iter()
                    .map(|child| child.digest.clone())
                    .collect(),
                artifact_type: artefact.artifact_type.clone(),
                subject: artefact.subject.clone(),
            },
        );
    }

    /// Removes a tag; the manifest stays, as in a registry.
    pub fn delete_tag(&mut self, path: &str, tag: &str) {
        if let Some(repository) = self.repositories.get_mut(path) {
            repository.tags.remove(tag);
        }
    }

    /// Removes a blob everywhere.
    pub fn delete_blob(&mut self, digest: &str) {
        self.blobs.remove(digest);
    }
}
