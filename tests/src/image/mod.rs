//! Real container images, made in memory: layers as archives, configs, manifests and indexes with the
//! digests that follow from their bytes, and everything else that a registry holds besides images.
//!
//! The same calls make the same bytes: times are fixed, entries keep their order. What a test wants to be
//! wrong (a size, a digest, a missing blob) it says by name.

mod artefact;
mod build;
mod index;
mod layer;
mod other;
pub mod root;
pub mod sample;

pub use artefact::{Artefact, Blob, Platform, digest_of};
pub use build::Image;
pub use index::Index;
pub use layer::{BuiltLayer, Compression, Layer};
pub use other::{
    attestation, buildkit_cache, cosign_signature, helm_chart, sbom_attestation, schema1,
};

/// Media types of manifests, configs and layers.
pub mod media {
    /// Docker image manifest, version 2 schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image manifest, version 2 schema 1, signed.
    pub const DOCKER_SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI image index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// Config of a Docker image.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Config of an OCI image.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// The empty config (`{}`).
    pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
}
