//! Manifests: what kind of thing lies behind a digest, and what it is made of.
//!
//! A registry holds more than images: charts, signatures, attestations, build caches, web assembly. Each
//! is told apart here, by what it says of itself, with a sentence for people.

use serde_json::Value;

use super::reference::{BadDigest, Digest};
use super::{Answered, Registry};
use crate::contract::{Explanation, Failure, Platform, Skip, SkipReason};
use crate::http::{Fetched, Method, Request};

/// Bytes of a manifest; registries take no larger ones.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// Layers of one image. Runtimes stop at 127.
pub const MAX_LAYERS: usize = 1000;
/// Entries of one index. The largest known have some dozens.
pub const MAX_CHILDREN: usize = 1000;
/// Bytes of a text of a manifest that are kept.
const MAX_TEXT: usize = 1024;

/// Everything that is understood. Without all four a registry hides or rewrites what it has.
const ACCEPT: &str = "application/vnd.docker.distribution.manifest.v2+json, \
                      application/vnd.oci.image.manifest.v1+json, \
                      application/vnd.docker.distribution.manifest.list.v2+json, \
                      application/vnd.oci.image.index.v1+json";

/// The config of a build cache. An index of the older form lists it beside its layers.
const BUILD_CACHE: &str = "application/vnd.buildkit.cacheconfig.v0";

/// The configs that images have.
const IMAGE_CONFIGS: [&str; 2] = [
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.oci.image.config.v1+json",
];

/// Annotations of a manifest that are kept.
pub const MAX_ANNOTATIONS: usize = 64;
/// Bytes of one that are kept.
pub const MAX_ANNOTATION: usize = 1024;

/// Something that a manifest names.
#[derive(Clone, Debug)]
pub struct Descriptor {
    /// Its digest, or why it can't be used.
    pub digest: Result<Digest, BadDigest>,
    /// The digest as written.
    pub written: String,
    /// What it is said to be.
    pub media_type: String,
    /// Bytes, as stated; 0 where the number is none.
    pub size: u64,
    /// It lies elsewhere (`urls`), as a rule because it may not be passed on.
    pub foreign: bool,
    /// `artifactType`, where it has one.
    pub artifact_type: Option<String>,
    /// `vnd.docker.reference.type`, where it has one.
    pub reference_type: Option<String>,
    /// `vnd.docker.reference.digest`: the image that it is about, where an index says so.
    pub refers_to: Option<Digest>,
    /// What a statement is about (`in-toto.io/predicate-type`, cosign's `predicateType`).
    pub predicate: Option<String>,
    /// What it runs on, where an index says so.
    pub platform: Option<Platform>,
}

impl Descriptor {
    /// True when it is a manifest, by its type.
    pub fn is_manifest(&self) -> bool {
        self.media_type.contains(".manifest.") || self.media_type.contains("image.index")
    }
}

/// What lies behind a digest.
#[derive(Clone, Debug)]
pub enum Manifest {
    /// An image for one platform.
    Image {
        /// Its media type.
        media_type: String,
        /// Its config.
        config: Box<Descriptor>,
        /// Its layers, the lowest first.
        layers: Vec<Descriptor>,
        /// What it says of itself: at most [`MAX_ANNOTATIONS`], each cut to [`MAX_ANNOTATION`] bytes.
        annotations: Vec<(String, String)>,
    },
    /// A list of others, by platform as a rule.
    Index(Vec<Descriptor>),
    /// Something else.
    Other(Skip),
}

fn annotations(value: Option<&Value>) -> Vec<(String, String)> {
    let Some(map) = value.and_then(Value::as_object) else {
        return Vec::new();
    };
    let cut = |text: &str| text.chars().take(MAX_ANNOTATION).collect::<String>();
    map.iter()
        .filter_map(|(key, value)| Some((cut(key), cut(value.as_str()?))))
        .take(MAX_ANNOTATIONS)
        .collect()
}

/// A request for a manifest, by tag or digest. By digest the host checks the answer.
pub fn request(
    registry: &Registry<'_, '_>,
    repository: &str,
    reference: &str,
    method: Method,
) -> Request {
    let url = registry.url(&format!("v2/{repository}/manifests/{reference}"));
    let request = match method {
        Method::Head => Request::head(url),
        _ => Request::get(url),
    };
    let request = request.with("accept", ACCEPT);
    if method == Method::Get && reference.starts_with("sha256:") {
        return request.expect_digest(reference);
    }
    request
}

/// The digest of a manifest that was read by tag: what its bytes are, not what a header says.
pub fn digest_of(answer: &Fetched) -> Digest {
    Digest::of(&answer.body)
}

fn skipped(reason: SkipReason, message: impl Into<String>, hint: &str) -> Skip {
    Skip {
        reason,
        why: Explanation {
            message: message.into(),
            hint: hint.to_owned(),
        },
    }
}

/// What an answer that is no manifest means for this one thing. Trouble that concerns everything else too
/// is a failure.
pub fn skip(
    registry: &Registry<'_, '_>,
    request: &Request,
    answer: &Fetched,
    repository: &str,
) -> Result<Skip, Failure> {
    let answered = Answered::read(answer);
    match (answered.status, answered.code.as_str()) {
        // The registry says so itself; a page or a plain 404 is from something in front of it.
        (404, code) if !code.is_empty() => Ok(skipped(
            SkipReason::Gone,
            format!(
                "it was there when the tags were listed and is no longer ({})",
                answered.message
            ),
            "Nothing to do: a clean-up policy or a person has deleted it meanwhile.",
        )),
        (400, "MANIFEST_INVALID") => Ok(skipped(
            SkipReason::Unsupported,
            format!("the registry can't serve it ({})", answered.message),
            "Images in the old form (schema 1) have to be pushed again by a present-day tool.",
        )),
        (401 | 429, _) => Err(registry.explain(request, answer, repository)),
        (500.., _) => Ok(skipped(
            SkipReason::Unreachable,
            format!(
                "the registry could not serve it (status {} {}: {})",
                answered.status, answered.code, answered.message
            ),
            "Look at the registry's log; the next scan tries again.",
        )),
        _ => Ok(skipped(
            SkipReason::Unreachable,
            format!(
                "the registry refused it (status {} {}: {})",
                answered.status, answered.code, answered.message
            ),
            "Look at the registry's log; the next scan tries again.",
        )),
    }
}

/// Reads a manifest.
pub fn parse(answer: &Fetched) -> Manifest {
    let corrupt = |message: &str| {
        Manifest::Other(skipped(
            SkipReason::Corrupt,
            message,
            "Push it again; if that does not help, look at the tool that pushed it.",
        ))
    };
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&answer.body) else {
        return corrupt("its manifest is no JSON object");
    };
    let stated = answer
        .headers
        .get("content-type")
        .map(|value| {
            value
                .split(';')
                .next()
                .unwrap_or_default()
                .trim()
                .to_ascii_lowercase()
        })
        .filter(|value| value.contains("manifest") || value.contains("image.index"));
    let media_type = stated
        .or_else(|| body.get("mediaType").and_then(Value::as_str).map(clip))
        // OCI manifests need not say what they are.
        .unwrap_or_else(|| {
            match (
                body.get("manifests"),
                body.get("schemaVersion").and_then(Value::as_u64),
            ) {
                (Some(_), _) => "application/vnd.oci.image.index.v1+json",
                (None, Some(1)) => "application/vnd.docker.distribution.manifest.v1+json",
                _ => "application/vnd.oci.image.manifest.v1+json",
            }
            .to_owned()
        });
    match media_type.as_str() {
        "application/vnd.docker.distribution.manifest.list.v2+json"
        | "application/vnd.oci.image.index.v1+json" => {
            if body.contains_key("layers") {
                return corrupt("its manifest is an index and an image at once");
            }
            let Some(children) = body.get("manifests").and_then(Value::as_array) else {
                return corrupt("its index lists nothing");
            };
            if children.len() > MAX_CHILDREN {
                return Manifest::Other(skipped(
                    SkipReason::OverLimit,
                    format!(
                        "its index has {} entries; at most {MAX_CHILDREN} are looked at",
                        children.len()
                    ),
                    "Split the index.",
                ));
            }
            let children: Vec<Descriptor> = children.iter().map(descriptor).collect();
            if children.iter().any(|child| child.media_type == BUILD_CACHE) {
                return Manifest::Other(other("a build cache (BuildKit)"));
            }
            Manifest::Index(children)
        }
        "application/vnd.docker.distribution.manifest.v2+json"
        | "application/vnd.oci.image.manifest.v1+json" => {
            if body.contains_key("manifests") {
                return corrupt("its manifest is an index and an image at once");
            }
            let Some(config) = body
                .get("config")
                .filter(|config| config.is_object())
                .map(descriptor)
            else {
                return corrupt("its manifest names no config");
            };
            let Some(layers) = body.get("layers").and_then(Value::as_array) else {
                return corrupt("its manifest lists no layers");
            };
            if layers.len() > MAX_LAYERS {
                return Manifest::Other(skipped(
                    SkipReason::OverLimit,
                    format!(
                        "it has {} layers; at most {MAX_LAYERS} are read",
                        layers.len()
                    ),
                    "Rebuild the image with fewer layers: no runtime takes more than 127.",
                ));
            }
            let layers: Vec<Descriptor> = layers.iter().map(descriptor).collect();
            let artifact = body.get("artifactType").and_then(Value::as_str).map(clip);
            match not_an_image(&config, &layers, artifact.as_deref()) {
                Some(skip) => Manifest::Other(skip),
                None => Manifest::Image {
                    media_type,
                    config: Box::new(config),
                    layers,
                    annotations: annotations(body.get("annotations")),
                },
            }
        }
        "application/vnd.docker.distribution.manifest.v1+json"
        | "application/vnd.docker.distribution.manifest.v1+prettyjws" => Manifest::Other(skipped(
            SkipReason::Unsupported,
            "it is an image in the old form (schema 1), which has no digests of its layers' contents",
            "Push it again by a present-day tool.",
        )),
        other => Manifest::Other(skipped(
            SkipReason::Unsupported,
            format!("its manifest is of a kind that is not read ({other})"),
            "Nothing to do, unless it is meant to be an image: then report it.",
        )),
    }
}

/// What a manifest that is no image consists of: its layers, or the manifests that it lists. Of one that is
/// not understood nothing.
pub fn parts(answer: &Fetched) -> Vec<Descriptor> {
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&answer.body) else {
        return Vec::new();
    };
    ["layers", "manifests"]
        .iter()
        .filter_map(|list| body.get(*list)?.as_array())
        .flatten()
        .take(MAX_CHILDREN)
        .map(descriptor)
        .collect()
}

/// A child of an index that need not be fetched to know that it is no image. One that merely has no platform
/// does: what it is shows in its manifest.
pub fn not_an_image_by_index(child: &Descriptor) -> Option<Skip> {
    if child.reference_type.as_deref() == Some("attestation-manifest") {
        return Some(other(
            "an attestation that the build attached to an image (provenance or SBOM)",
        ));
    }
    // Indexes repeat the type of the config here, which for an image is that of an image.
    if let Some(kind) = &child.artifact_type
        && !IMAGE_CONFIGS.contains(&kind.as_str())
    {
        return Some(artifact(kind));
    }
    let kind = child.media_type.as_str();
    let manifest = kind.is_empty() || kind.contains("manifest") || kind.contains("image.index");
    (!manifest).then(|| other(&format!("a part of the type {kind}, which is no manifest")))
}

/// The platform that an index names, if it names one.
pub fn said_platform(child: &Descriptor) -> Option<Platform> {
    let said = |text: &str| !text.is_empty() && text != "unknown";
    child
        .platform
        .clone()
        .filter(|platform| said(&platform.os) || said(&platform.architecture))
}

/// A tag that a signing tool made beside an image.
pub fn not_an_image_by_tag(tag: &str) -> Option<Skip> {
    let rest = tag.strip_prefix("sha256-")?;
    let (hex, kind) = rest.split_at_checked(64)?;
    if !hex
        .bytes()
        .all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
    {
        return None;
    }
    match kind {
        ".sig" => Some(other("the signature of an image (cosign)")),
        ".att" => Some(other("an attestation of an image (cosign)")),
        ".sbom" => Some(other("the bill of materials of an image (cosign)")),
        "" => Some(other(
            "the list of what refers to an image (signatures, attestations)",
        )),
        _ => None,
    }
}

fn other(what: &str) -> Skip {
    skipped(
        SkipReason::NotAnImage,
        format!("it is {what}"),
        "Nothing to do: there are no packages in it.",
    )
}

fn artifact(kind: &str) -> Skip {
    match kind {
        kind if kind.contains("attestation") || kind.contains("in-toto") => {
            other("an attestation of an image (provenance or SBOM)")
        }
        kind if kind.contains("sigstore") || kind.contains("cosign") || kind.contains("notary") => {
            other("the signature of an image")
        }
        kind => other(&format!("an artefact of the type {kind}")),
    }
}

fn not_an_image(
    config: &Descriptor,
    layers: &[Descriptor],
    artifact_type: Option<&str>,
) -> Option<Skip> {
    match config.media_type.as_str() {
        kind if IMAGE_CONFIGS.contains(&kind) => {
            // Signing tools use the config of an image around things that are none.
            let first = layers.first()?;
            if layers.iter().any(is_layer) {
                return None;
            }
            Some(match first.media_type.as_str() {
                kind if kind.contains("simplesigning") => {
                    other("the signature of an image (cosign)")
                }
                kind if kind.contains("in-toto") || kind.contains("dsse") => {
                    other("an attestation of an image (provenance or SBOM)")
                }
                kind if kind.contains("spdx")
                    || kind.contains("cyclonedx")
                    || kind.contains("syft") =>
                {
                    other("the bill of materials of an image")
                }
                kind => other(&format!("made of {kind}, which is no layer of an image")),
            })
        }
        "application/vnd.cncf.helm.config.v1+json" => Some(other("a Helm chart")),
        BUILD_CACHE => Some(other("a build cache (BuildKit)")),
        "application/vnd.oci.empty.v1+json" => {
            Some(artifact_type.map_or_else(|| other("an artefact without a config"), artifact))
        }
        kind if kind.contains("wasm") => Some(other("a WebAssembly module")),
        kind => Some(match artifact_type {
            Some(artifact_type) => artifact(artifact_type),
            None => other(&format!("an artefact with a config of the type {kind}")),
        }),
    }
}

fn clip(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

fn descriptor(value: &Value) -> Descriptor {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(clip);
    let annotation = |key: &str| {
        value
            .get("annotations")
            .and_then(|all| all.get(key))
            .and_then(Value::as_str)
            .map(clip)
    };
    let written = text("digest").unwrap_or_default();
    Descriptor {
        digest: Digest::parse(&written),
        written,
        media_type: text("mediaType").unwrap_or_default(),
        size: value.get("size").and_then(Value::as_u64).unwrap_or(0),
        foreign: value
            .get("urls")
            .and_then(Value::as_array)
            .is_some_and(|urls| !urls.is_empty()),
        artifact_type: text("artifactType"),
        reference_type: annotation("vnd.docker.reference.type"),
        refers_to: annotation("vnd.docker.reference.digest")
            .and_then(|digest| Digest::parse(&digest).ok()),
        predicate: annotation("in-toto.io/predicate-type").or_else(|| annotation("predicateType")),
        platform: value
            .get("platform")
            .filter(|platform| platform.is_object())
            .map(|platform| {
                let text = |key: &str| platform.get(key).and_then(Value::as_str).map(clip);
                Platform {
                    os: text("os").unwrap_or_default(),
                    architecture: text("architecture").unwrap_or_default(),
                    variant: text("variant").filter(|variant| !variant.is_empty()),
                    os_version: text("os.version").filter(|version| !version.is_empty()),
                }
            }),
    }
}

/// True for what may be an archive of files. What does not say is looked at.
fn is_layer(layer: &Descriptor) -> bool {
    let kind = layer.media_type.as_str();
    kind.is_empty()
        || ["rootfs", "image.layer", "tar", "octet-stream"]
            .iter()
            .any(|part| kind.contains(part))
}

/// A layer that can't be read, by what the manifest says of it.
pub fn unreadable_layer(layer: &Descriptor) -> Option<Skip> {
    let kind = layer.media_type.as_str();
    if !is_layer(layer) {
        return Some(other(&format!(
            "a part of the image of the type {kind}, which is no layer"
        )));
    }
    if kind.contains("encrypted") {
        return Some(skipped(
            SkipReason::Unsupported,
            format!("the layer is encrypted ({kind})"),
            "Nothing can be read in it without its key.",
        ));
    }
    // What may not be passed on may be there all the same; with `urls` it is elsewhere.
    if layer.foreign || kind.contains("foreign") {
        return Some(skipped(
            SkipReason::Unsupported,
            format!("the layer may not be passed on and lies outside the registry ({kind})"),
            "Nothing to do: it is part of a base image (Windows, as a rule) that its maker hands out.",
        ));
    }
    match layer.digest {
        Ok(_) => None,
        Err(BadDigest::Algorithm) => Some(skipped(
            SkipReason::Unsupported,
            format!(
                "the layer is named by a digest that can't be checked ({})",
                layer.written
            ),
            "Push the image again by a tool that names layers by sha256.",
        )),
        Err(BadDigest::Form) => Some(skipped(
            SkipReason::Corrupt,
            format!("the layer has no proper digest ({:?})", layer.written),
            "Push the image again.",
        )),
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
mod tests;
