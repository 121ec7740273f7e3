//! The layers of an image, from the registry or from the cache, put one on top of the other.
//!
//! While one is read the next is on its way. Whatever happens to one layer, the others are read; only when
//! several in a row fail on the wire is the wire taken to be the trouble.

use std::collections::{HashMap, HashSet, VecDeque};

use super::Run;
use super::image::unreachable;
use super::skips::Skips;
use crate::contract::{Explanation, Failure, Skip, SkipReason, SkipSubject};
use crate::http::{Fetched, Headers, Request, Response, TransportError, TroubleKind};
use crate::image::decompress::Trouble;
use crate::image::layer::{self, LayerInventory};
use crate::image::merge::Merge;
use crate::registry::manifest::{self, Descriptor};
use crate::registry::{Digest, Registry};

/// Layers that are on their way at once: one is read while the next begins.
const LAYERS_UNDER_WAY: usize = 2;
/// Tries of one layer whose body breaks off.
const LAYER_TRIES: usize = 3;
/// Blobs in a row that may fail on the wire before the wire is taken to be the trouble.
const MAX_BROKEN_ROW: u32 = 4;
/// Bytes of layers' inventories that a scan keeps itself, should the host's cache forget them.
const SHELF_BYTES: usize = 4 << 20;

/// A request for a blob; the host checks the digest.
pub(super) fn blob(registry: &Registry<'_, '_>, repository: &str, digest: &Digest) -> Request {
    Request::get(registry.url(&format!("v2/{repository}/blobs/{digest}")))
        .expect_digest(digest.as_str())
}

/// Inventories of the layers read last, as they go to the cache.
#[derive(Default)]
pub(super) struct Shelf {
    kept: HashMap<String, Vec<u8>>,
    order: VecDeque<String>,
    bytes: usize,
}

impl Shelf {
    fn put(&mut self, digest: &str, value: Vec<u8>) {
        if value.len() > SHELF_BYTES / 2 || self.kept.contains_key(digest) {
            return;
        }
        self.bytes += value.len();
        self.order.push_back(digest.to_owned());
        self.kept.insert(digest.to_owned(), value);
        while self.bytes > SHELF_BYTES {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            self.bytes -= self.kept.remove(&oldest).map_or(0, |value| value.len());
        }
    }
}

impl Run<'_, '_, '_> {
    /// Puts the layers one on top of the other.
    pub(super) fn layers(
        &mut self,
        image: &str,
        layers: &[Descriptor],
        skips: &mut Skips,
    ) -> Result<Merge, Failure> {
        let mut merge = Merge::default();
        let (registry, repository) = (self.registry, self.repository);
        let mut asked = HashSet::new();
        let mut requests = Vec::new();
        for layer in layers {
            let Ok(digest) = &layer.digest else { continue };
            if self.storage_down.is_none()
                && manifest::unreadable_layer(layer).is_none()
                && asked.insert(digest.as_str())
                && !self.is_at_hand(digest.as_str())
            {
                requests.push(blob(registry, repository, digest));
            }
        }
        let wanted: HashSet<String> = requests.iter().map(|request| request.url.clone()).collect();
        // Signed when they are started: a token may end while a layer is read.
        let signed =
            requests
                .into_iter()
                .map(|request| match registry.sign(request.clone(), repository) {
                    Ok((signed, token)) => ((request.url, token), signed),
                    // The answer will be 401, and the second try says what is wrong.
                    Err(_) => ((request.url.clone(), None), request),
                });
        let mut answers = registry
            .session()
            .client
            .overlapped_within(LAYERS_UNDER_WAY, signed);
        let mut read: HashSet<String> = HashSet::new();
        for (index, layer) in layers.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            if let Some(skip) = manifest::unreadable_layer(layer) {
                skips.add(
                    SkipSubject::Layer,
                    layer.written.as_str(),
                    Some(image),
                    skip,
                );
                continue;
            }
            let Ok(digest) = &layer.digest else { continue };
            let request = blob(registry, repository, digest);
            let mut first = None;
            if wanted.contains(&request.url) && read.insert(request.url.clone()) {
                first = answers.next();
            } else if let Some(inventory) = self.at_hand(digest.as_str()) {
                self.cursor.counts.layers_reused =
                    self.cursor.counts.layers_reused.saturating_add(1);
                merge.apply(index, inventory);
                continue;
            }
            let first = first.map(|((_, token), answer)| {
                registry.second_stream(answer, request.clone(), repository, token.as_deref())
            });
            self.doing(&format!("layer {digest}"));
            match self.read_layer(&request, first)? {
                Ok(inventory) => {
                    self.cursor.counts.layers_read =
                        self.cursor.counts.layers_read.saturating_add(1);
                    self.broken_row = 0;
                    self.keep(digest.as_str(), &inventory);
                    merge.apply(index, inventory);
                }
                Err(skip) => {
                    // Another scan may be waiting for it.
                    self.sink.cache_put(&layer::cache_key(digest.as_str()), &[]);
                    skips.add(SkipSubject::Layer, digest.as_str(), Some(image), skip);
                }
            }
        }
        Ok(merge)
    }

    /// Reads one layer, from the answer that is there already or from a new one.
    fn read_layer(
        &mut self,
        request: &Request,
        mut first: Option<Result<Result<Response, TransportError>, Failure>>,
    ) -> Result<Result<LayerInventory, Skip>, Failure> {
        let mut tries = 0;
        loop {
            if let Some(why) = &self.storage_down {
                return Ok(Err(unreachable(why.clone())));
            }
            tries += 1;
            let answer = match first.take() {
                Some(answer) => answer?,
                None => self.registry.stream(request.clone(), self.repository)?,
            };
            let error = match answer {
                Ok(response) if response.status == 200 => match layer::read(response.body) {
                    Ok(inventory) => return Ok(Ok(inventory)),
                    Err(trouble) => match self.trouble(trouble, request)? {
                        Ok(skip) => return Ok(Err(skip)),
                        Err(error) => error,
                    },
                },
                Ok(mut response) => {
                    let answer = Fetched {
                        status: response.status,
                        body: response
                            .read_capped(crate::http::ERROR_BODY_CAP)
                            .unwrap_or_default(),
                        headers: std::mem::replace(&mut response.headers, Headers::new([])),
                    };
                    let skip = self.blob_skip(request, &answer)?;
                    if answer.status >= 500 {
                        self.broken_row += 1;
                        if self.broken_row >= MAX_BROKEN_ROW {
                            return Err(Failure::Unavailable(skip.why));
                        }
                    }
                    return Ok(Err(skip));
                }
                // The client has tried again already.
                Err(error) => return self.blob_trouble(error).map(Err),
            };
            if tries >= LAYER_TRIES {
                return self.blob_trouble(error).map(Err);
            }
        }
    }

    /// What trouble on the wire means for one blob. Registries hand their blobs out from a storage host that
    /// may be out of reach from here: then all that manifests tell is still worth having, and the rest is
    /// skipped. A wire that keeps breaking is trouble of the whole scan, which may pass.
    pub(super) fn blob_trouble(&mut self, error: TransportError) -> Result<Skip, Failure> {
        let TransportError {
            kind,
            message,
            hint,
        } = error;
        let reason = match kind {
            TroubleKind::Stopped => return Err(Failure::Stopped),
            TroubleKind::Digest => SkipReason::Corrupt,
            TroubleKind::OverLimit => SkipReason::OverLimit,
            _ => SkipReason::Unreachable,
        };
        let away = matches!(
            kind,
            TroubleKind::Denied | TroubleKind::Tls | TroubleKind::Dns | TroubleKind::Connect
        );
        let hint = if away && hint.is_empty() {
            "See that this host may reach the storage behind the registry, or let the administrator switch off \
             the registry's redirects to it."
                .to_owned()
        } else {
            hint
        };
        let why = Explanation { message, hint };
        if reason == SkipReason::Unreachable {
            self.broken_row += 1;
            if self.broken_row >= MAX_BROKEN_ROW {
                if !away || !self.registry.is_alive() {
                    return Err(Failure::Unavailable(why));
                }
                self.storage_down = Some(why.clone());
            }
        }
        Ok(Skip { reason, why })
    }

    /// What is wrong with a layer, or an error that another try may get around.
    fn trouble(
        &mut self,
        trouble: Trouble,
        request: &Request,
    ) -> Result<Result<Skip, TransportError>, Failure> {
        let (reason, message, hint) = match trouble {
            Trouble::Transport(error) if error.is_passing() => return Ok(Err(error)),
            Trouble::Transport(error) => return self.blob_trouble(error).map(Ok),
            Trouble::Corrupt(why) => (
                SkipReason::Corrupt,
                why,
                "Push the image again; if that does not help, rebuild it.",
            ),
            Trouble::OverLimit(why) => (
                SkipReason::OverLimit,
                why,
                "Look at who built this layer: no usual layer is like that.",
            ),
            Trouble::Unsupported(why) => (
                SkipReason::Unsupported,
                why,
                "Push the image again with gzip or zstd layers.",
            ),
        };
        let message = format!("the layer can't be used: {message} ({})", request.url);
        Ok(Ok(Skip {
            reason,
            why: Explanation {
                message,
                hint: hint.to_owned(),
            },
        }))
    }

    fn is_at_hand(&mut self, digest: &str) -> bool {
        self.known.contains(digest) || self.shelf.kept.contains_key(digest) || {
            let cached = self.sink.cache_get(&layer::cache_key(digest)).is_some();
            if cached && self.known.len() < 100_000 {
                self.known.insert(digest.to_owned());
            }
            cached
        }
    }

    fn at_hand(&mut self, digest: &str) -> Option<LayerInventory> {
        if let Some(bytes) = self.shelf.kept.get(digest) {
            return serde_json::from_slice(bytes).ok();
        }
        let bytes = self.sink.cache_get(&layer::cache_key(digest))?;
        serde_json::from_slice(&bytes).ok()
    }

    fn keep(&mut self, digest: &str, inventory: &LayerInventory) {
        if let Ok(bytes) = serde_json::to_vec(inventory) {
            self.sink.cache_put(&layer::cache_key(digest), &bytes);
            self.shelf.put(digest, bytes);
        }
    }
}
