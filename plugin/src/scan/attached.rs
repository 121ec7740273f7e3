//! What is attached to an image and says which packages it has: bills of materials that a build attested
//! (BuildKit puts them into the index, cosign beside the image under a tag made of its digest) or that were
//! pushed as they are.
//!
//! They complete what the image's files say. One that can't be read is skipped by itself; the image is
//! scanned all the same.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::Run;
use super::image::unreachable;
use super::layers::blob;
use super::plan::{Planned, of_one};
use super::skips::Skips;
use crate::catalog::{Found, sbom};
use crate::contract::{Explanation, Failure, Skip, SkipReason, SkipSubject};
use crate::http::Method;
use crate::image::merge::Merge;
use crate::registry::Digest;
use crate::registry::manifest::{self, Descriptor};

/// Things attached to one image that are looked at, and bills of materials in them that are read.
const MAX_ATTACHED: usize = 16;
/// Bytes of one of them, which is held while it is read.
const MAX_BYTES: usize = sbom::MAX_FILE_BYTES as usize;
/// Lists within lists that are followed: of what refers to an image, and of its parts.
const MAX_DEPTH: usize = 2;

/// The envelope of a signed statement.
#[derive(Deserialize)]
struct Envelope {
    payload: String,
}

/// How a bill of materials is wrapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrapping {
    /// A signed envelope around a statement.
    Envelope,
    /// A statement.
    Statement,
    /// Nothing.
    None,
}

/// What stands beside images.
#[derive(Default)]
pub(super) struct Beside {
    /// By the digest of the image: digests and tags of manifests.
    attached: HashMap<Digest, Vec<String>>,
    /// Images with a signature, and indexes.
    signed: HashSet<Digest>,
}

impl Beside {
    /// Notes a tag that is made of an image's digest.
    pub(super) fn take(&mut self, image: Digest, kind: &str, reference: &str) {
        match kind {
            "sig" => {
                self.signed.insert(image);
            }
            "att" | "sbom" | "" => self.attach(image, reference),
            _ => {}
        }
    }

    /// Notes a manifest that is about an image.
    pub(super) fn attach(&mut self, image: Digest, reference: &str) {
        let attached = self.attached.entry(image).or_default();
        // One more than is read, so that it is told.
        if attached.len() <= MAX_ATTACHED && !attached.iter().any(|one| one == reference) {
            attached.push(reference.to_owned());
        }
    }

    /// What is attached to an image.
    pub(super) fn of(&mut self, image: &Digest) -> Vec<String> {
        self.attached.remove(image).unwrap_or_default()
    }

    /// Whether an image is signed, by itself or as a part of its index; `None` where none is.
    pub(super) fn is_signed(&self, image: &Digest, index: Option<&Digest>) -> Option<bool> {
        (!self.signed.is_empty()).then(|| {
            self.signed.contains(image) || index.is_some_and(|index| self.signed.contains(index))
        })
    }
}

impl Run<'_, '_, '_> {
    /// Reads what is attached to an image into its inventory. True when a signature is among it.
    pub(super) fn attached(
        &mut self,
        planned: &Planned,
        top: u32,
        merge: &mut Merge,
        skips: &mut Skips,
    ) -> Result<bool, Failure> {
        let image = planned.digest.as_str();
        let mut signed = false;
        let mut left = MAX_ATTACHED;
        let mut todo: Vec<(String, usize)> = planned
            .attached
            .iter()
            .rev()
            .map(|reference| (reference.clone(), 0))
            .collect();
        while let Some((reference, depth)) = todo.pop() {
            if left == 0 {
                let message = format!(
                    "more than {MAX_ATTACHED} things are attached to the image; those beyond were passed over"
                );
                let hint = "Delete old attestations from the registry.";
                skips.add(
                    SkipSubject::Source,
                    reference,
                    Some(image),
                    skip(SkipReason::OverLimit, message, hint),
                );
                break;
            }
            left -= 1;
            let parts = match self.parts_of(&reference)? {
                Ok(parts) => parts,
                // It went while the scan ran, or is something else.
                Err(skip) => {
                    skips.add(SkipSubject::Source, reference, Some(image), skip);
                    continue;
                }
            };
            for part in parts {
                signed |= is_signature(&part);
                if part.is_manifest() {
                    let known = &part.digest;
                    if let Ok(digest) = known
                        && depth < MAX_DEPTH
                        && digest.as_str() != image
                        && tells_packages(&part)
                    {
                        todo.push((digest.as_str().to_owned(), depth + 1));
                    }
                    continue;
                }
                let Some(wrapping) = wrapping(&part) else {
                    continue;
                };
                match self.bill(&part, wrapping)? {
                    Ok(found) => {
                        merge.attach(format!("attestation {}", part.written), found, top);
                    }
                    Err(mut skip) => {
                        skip.why.message = format!(
                            "a bill of materials that is attached to the image could not be read: {}",
                            skip.why.message
                        );
                        skips.add(SkipSubject::Source, part.written, Some(image), skip);
                    }
                }
            }
        }
        Ok(signed)
    }

    /// What a manifest that is attached to an image consists of.
    fn parts_of(&mut self, reference: &str) -> Result<Result<Vec<Descriptor>, Skip>, Failure> {
        let request = manifest::request(self.registry, self.repository, reference, Method::Get);
        let answer = self.registry.fetch(
            request.clone(),
            self.repository,
            manifest::MAX_MANIFEST_BYTES,
        );
        Ok(match answer {
            Ok(answer) if answer.status == 200 => Ok(manifest::parts(&answer)),
            Ok(answer) => Err(manifest::skip(
                self.registry,
                &request,
                &answer,
                self.repository,
            )?),
            Err(failure) => Err(of_one(failure)?),
        })
    }

    /// Fetches and reads a bill of materials.
    fn bill(
        &mut self,
        part: &Descriptor,
        wrapping: Wrapping,
    ) -> Result<Result<Found, Skip>, Failure> {
        let Ok(digest) = &part.digest else {
            return Ok(Err(corrupt("it has no digest that can be checked")));
        };
        if part.size > MAX_BYTES as u64 {
            let message = format!("it has {} bytes; {MAX_BYTES} are read", part.size);
            let hint = "Nothing to do: what the image's own files say was read.";
            return Ok(Err(skip(SkipReason::OverLimit, message, hint)));
        }
        if let Some(why) = &self.storage_down {
            return Ok(Err(unreachable(why.clone())));
        }
        let request = blob(self.registry, self.repository, digest);
        let answer = self
            .registry
            .fetch_or_trouble(request.clone(), self.repository, MAX_BYTES)?;
        let answer = match answer {
            Ok(answer) if answer.status == 200 => answer,
            Ok(answer) => return Ok(Err(self.blob_skip(&request, &answer)?)),
            Err(error) => return Ok(Err(self.blob_trouble(error)?)),
        };
        self.broken_row = 0;
        let mut found = Found::default();
        let read = match wrapping {
            Wrapping::None => sbom::read(&answer.body, &mut found),
            Wrapping::Statement => sbom::read_statement(&answer.body, &mut found),
            Wrapping::Envelope => {
                let payload = serde_json::from_slice::<Envelope>(&answer.body)
                    .ok()
                    .and_then(|envelope| STANDARD.decode(envelope.payload).ok());
                drop(answer);
                let Some(payload) = payload else {
                    return Ok(Err(corrupt("it is no signed envelope")));
                };
                sbom::read_statement(&payload, &mut found)
            }
        };
        if !read && found.notes.is_empty() {
            return Ok(Err(corrupt("it is neither SPDX nor CycloneDX in JSON")));
        }
        Ok(Ok(found))
    }
}

/// Whether a part is a bill of materials, and how it is wrapped, by what its manifest says of it.
fn wrapping(part: &Descriptor) -> Option<Wrapping> {
    let kind = part.media_type.as_str();
    if kind.contains("dsse") || kind.contains("in-toto") {
        // Provenance and test results are attested, too. What does not say is no bill of materials.
        let predicate = part.predicate.as_deref()?;
        is_bill(predicate).then_some(if kind.contains("dsse") {
            Wrapping::Envelope
        } else {
            Wrapping::Statement
        })
    } else {
        (kind.contains("json") && is_bill(kind)).then_some(Wrapping::None)
    }
}

/// True for the name of a format of bills of materials, wherever it stands.
fn is_bill(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("spdx") || text.contains("cyclonedx")
}

/// True for a manifest in a list of what refers to an image that may hold a bill of materials.
fn tells_packages(part: &Descriptor) -> bool {
    part.artifact_type.as_deref().is_none_or(|kind| {
        is_bill(kind)
            || kind.contains("attestation")
            || kind.contains("in-toto")
            || kind.contains("dsse")
    })
}

fn is_signature(part: &Descriptor) -> bool {
    let says = |kind: &str| kind.contains("simplesigning") || kind.contains("notary.signature");
    says(&part.media_type) || part.artifact_type.as_deref().is_some_and(says)
}

fn skip(reason: SkipReason, message: String, hint: &str) -> Skip {
    Skip {
        reason,
        why: Explanation {
            message,
            hint: hint.to_owned(),
        },
    }
}

fn corrupt(message: &str) -> Skip {
    let hint = "Attach it again, or delete it from the registry.";
    skip(SkipReason::Corrupt, message.to_owned(), hint)
}

/// The image that a tag made of a digest belongs to, and what the tag is (`sig`, `att`, `sbom`, or nothing
/// for the list of all that refers to it).
pub(super) fn of_tag(tag: &str) -> Option<(Digest, &str)> {
    let rest = tag.strip_prefix("sha256-")?;
    let (hex, kind) = rest.split_at_checked(64)?;
    let digest = Digest::parse(&format!("sha256:{hex}")).ok()?;
    let kind = match kind {
        "" => "",
        kind => kind.strip_prefix('.')?,
    };
    Some((digest, kind))
}
