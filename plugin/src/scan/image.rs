//! One image: its config and its layers, read or taken from the cache, and what they amount to.

use std::collections::{HashMap, HashSet, VecDeque};

use super::Run;
use super::plan::{Parts, Planned, not_selected_platform, of_one};
use super::skips::Skips;
use crate::contract::{
    self, ConfigFacts, Explanation, Failure, Image, Observation, PackageBatch, Platform, Skip, SkipReason,
    SkipSubject,
};
use crate::http::{Fetched, Headers, Method, Request, Response, TransportError, TroubleKind};
use crate::image::config::{self, Config};
use crate::image::decompress::Trouble;
use crate::image::layer::{self, LayerInventory};
use crate::image::merge::Merge;
use crate::registry::manifest::{self, Descriptor, Manifest};
use crate::registry::{Digest, Registry};

/// Packages of one batch.
const BATCH_PACKAGES: usize = 5000;
/// Bytes of one batch, about; the contract allows 8 MiB.
const BATCH_BYTES: usize = 4 << 20;
/// Layers that are on their way at once: one is read while the next begins.
const LAYERS_UNDER_WAY: usize = 2;
/// Tries of one layer whose body breaks off.
const LAYER_TRIES: usize = 3;
/// Layers in a row that may fail on the wire before the wire is taken to be the trouble.
const MAX_BROKEN_ROW: u32 = 4;
/// Tags of one image that are told.
const MAX_TAGS: usize = 10_000;
/// Bytes of layers' inventories that a scan keeps itself, should the host's cache forget them.
const SHELF_BYTES: usize = 4 << 20;

/// A request for a blob; the host checks the digest.
pub(super) fn blob(registry: &Registry<'_, '_>, repository: &str, digest: &Digest) -> Request {
    Request::get(registry.url(&format!("v2/{repository}/blobs/{digest}"))).expect_digest(digest.as_str())
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
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= self.kept.remove(&oldest).map_or(0, |value| value.len());
        }
    }
}

impl Run<'_, '_, '_> {
    /// Scans one image and emits it. `false` when it turned out to be none that is wanted.
    pub(super) fn image(&mut self, planned: Planned) -> Result<(), Failure> {
        let digest = planned.digest.as_str().to_owned();
        let mut skips = Skips::default();
        let scanned = match self.parts(&planned, &mut skips)? {
            Some(parts) => self.read_image(planned, &parts, &mut skips)?,
            None => None,
        };
        self.cursor.counts.incomplete |= skips.any_loss();
        self.cursor.counts.skipped += skips.len();
        let mut observations = Vec::new();
        let mut packages = Vec::new();
        if let Some((image, found)) = scanned {
            self.cursor.counts.images += 1;
            self.cursor.counts.packages += found.len() as u64;
            self.cursor.counts.incomplete |= !image.complete;
            observations.push(Observation::Image(image));
            packages = found;
        }
        observations.extend(skips.into_observations());
        let before = std::mem::take(&mut self.before_image);
        let mut batch = Vec::new();
        let mut bytes = 0;
        for package in packages {
            bytes += weight(&package);
            batch.push(package);
            if batch.len() >= BATCH_PACKAGES || bytes >= BATCH_BYTES {
                let packages = std::mem::take(&mut batch);
                bytes = 0;
                observations.push(Observation::Packages(PackageBatch { image: digest.clone(), packages }));
                // The image is done with its last batch only.
                self.emit(std::mem::take(&mut observations), before.clone())?;
            }
        }
        if !batch.is_empty() {
            observations.push(Observation::Packages(PackageBatch { image: digest.clone(), packages: batch }));
        }
        self.cursor.finish(&digest);
        let cursor = self.cursor.write();
        self.before_image.clone_from(&cursor);
        self.emit(observations, cursor)
    }

    /// Config and layers of an image; read again when the plan did not keep them.
    fn parts(&mut self, planned: &Planned, skips: &mut Skips) -> Result<Option<Parts>, Failure> {
        if let Some(parts) = &planned.parts {
            return Ok(Some(parts.clone()));
        }
        let request = manifest::request(self.registry, self.repository, planned.digest.as_str(), Method::Get);
        let skip = match self.registry.fetch(request.clone(), self.repository, manifest::MAX_MANIFEST_BYTES) {
            Ok(answer) if answer.status == 200 => match manifest::parse(&answer) {
                Manifest::Image { media_type, config, layers } => {
                    return Ok(Some(Parts { media_type, config, layers }));
                }
                Manifest::Other(skip) => skip,
                Manifest::Index(_) => corrupt("its manifest is an index now and was an image before"),
            },
            Ok(answer) => manifest::skip(self.registry, &request, &answer, self.repository)?,
            Err(failure) => of_one(failure)?,
        };
        skips.add(SkipSubject::Image, planned.digest.as_str(), None, skip);
        Ok(None)
    }

    fn read_image(
        &mut self,
        planned: Planned,
        parts: &Parts,
        skips: &mut Skips,
    ) -> Result<Option<(Image, Vec<contract::Package>)>, Failure> {
        let digest = planned.digest.as_str().to_owned();
        let config = match self.config(&parts.config)? {
            Ok(config) => Some(config),
            Err(mut skip) => {
                skip.why.message = format!("the config of the image could not be read: {}", skip.why.message);
                skips.add(SkipSubject::Image, parts.config.written.as_str(), Some(&digest), skip);
                None
            }
        };
        let platform = platform(config.as_ref(), planned.platform.as_ref());
        if !platform.os.is_empty()
            && let Some(skip) = not_selected_platform(&self.registry.session().settings, &platform)
        {
            skips.add(SkipSubject::Image, digest, None, skip);
            return Ok(None);
        }
        let inventory = self.layers(&digest, &parts.layers, skips)?.finish();
        for (path, skip) in &inventory.notes {
            let (subject, name) = match path.as_str() {
                "" => (SkipSubject::Image, digest.as_str()),
                path => (SkipSubject::File, path),
            };
            skips.add(subject, name, Some(&digest), skip.clone());
        }
        let operating_system = inventory.operating_system();
        let release = inventory.release;
        let packages: Vec<contract::Package> =
            inventory.packages.into_iter().map(|entry| entry.into_contract(release.as_ref())).collect();
        let (facts, diff_ids) = match config {
            Some(config) => {
                if config.cut {
                    let message = "the config says more than is kept of one; the rest was left out".to_owned();
                    let why = Explanation { message, hint: "Nothing to do: packages are not concerned.".to_owned() };
                    skips.add(SkipSubject::File, "config", Some(&digest), Skip { reason: SkipReason::OverLimit, why });
                }
                (config.facts, config.diff_ids)
            }
            None => (no_facts(&parts.config.written), Vec::new()),
        };
        let diff_ids = if diff_ids.len() == parts.layers.len() { diff_ids } else { Vec::new() };
        let commands = config::layer_commands(&facts.history, parts.layers.len());
        let layers = parts.layers.iter().zip(commands).enumerate().map(|(index, (layer, command))| {
            contract::Layer {
                digest: layer.written.clone(),
                diff_id: diff_ids.get(index).cloned(),
                media_type: layer.media_type.clone(),
                size: layer.size,
                command,
            }
        });
        let mut attributes = Vec::new();
        if planned.tags.len() > MAX_TAGS {
            attributes.push(("tags.count".to_owned(), planned.tags.len().to_string()));
        }
        let image = Image {
            media_type: parts.media_type.clone(),
            registry: self.registry.host().to_owned(),
            repository: self.repository.to_owned(),
            tags: planned.tags.into_iter().take(MAX_TAGS).collect(),
            index: planned.index.map(|index| index.as_str().to_owned()),
            platform,
            size: parts.layers.iter().fold(parts.config.size, |sum, layer| sum.saturating_add(layer.size)),
            pushed: planned.pushed,
            config: facts,
            layers: layers.collect(),
            operating_system,
            package_count: u32::try_from(packages.len()).unwrap_or(u32::MAX),
            complete: !skips.any_loss(),
            attributes,
            digest,
        };
        Ok(Some((image, packages)))
    }

    fn config(&mut self, descriptor: &Descriptor) -> Result<Result<Config, Skip>, Failure> {
        let Ok(digest) = &descriptor.digest else {
            return Ok(Err(corrupt(&format!("the config has no digest that can be checked ({:?})", descriptor.written))));
        };
        let request = blob(self.registry, self.repository, digest);
        Ok(match self.registry.fetch(request.clone(), self.repository, config::MAX_CONFIG_BYTES) {
            Ok(answer) if answer.status == 200 => {
                config::parse(&answer.body, digest.as_str()).ok_or_else(|| corrupt("it is no JSON object"))
            }
            Ok(answer) => Err(self.blob_skip(&request, &answer)?),
            Err(failure) => Err(of_one(failure)?),
        })
    }

    /// What an answer that is no blob means for this one.
    fn blob_skip(&self, request: &Request, answer: &Fetched) -> Result<Skip, Failure> {
        match answer.status {
            401 | 429 => Err(self.registry.explain(request, answer, self.repository)),
            404 => Ok(Skip {
                reason: SkipReason::Unreachable,
                why: Explanation {
                    message: format!("the registry does not have the blob ({})", request.url),
                    hint: "Push the image again: a part of it is missing in the registry.".to_owned(),
                },
            }),
            _ => {
                let answered = crate::registry::Answered::read(answer);
                Ok(Skip {
                    reason: SkipReason::Unreachable,
                    why: Explanation {
                        message: format!(
                            "the blob could not be fetched (status {} {}: {})",
                            answered.status, answered.code, answered.message
                        ),
                        hint: "Look at the log of the registry and its storage; the next scan tries again.".to_owned(),
                    },
                })
            }
        }
    }

    /// Puts the layers one on top of the other.
    fn layers(&mut self, image: &str, layers: &[Descriptor], skips: &mut Skips) -> Result<Merge, Failure> {
        let mut merge = Merge::default();
        let (registry, repository) = (self.registry, self.repository);
        let mut asked = HashSet::new();
        let mut requests = Vec::new();
        for layer in layers {
            let Ok(digest) = &layer.digest else { continue };
            if manifest::unreadable_layer(layer).is_none()
                && asked.insert(digest.as_str())
                && !self.is_at_hand(digest.as_str())
            {
                requests.push(blob(registry, repository, digest));
            }
        }
        let wanted: HashSet<String> = requests.iter().map(|request| request.url.clone()).collect();
        // Signed when they are started: a token may end while a layer is read.
        let signed = requests.into_iter().map(|request| match registry.sign(request.clone(), repository) {
            Ok((signed, token)) => ((request.url, token), signed),
            // The answer will be 401, and the second try says what is wrong.
            Err(_) => ((request.url.clone(), None), request),
        });
        let mut answers = registry.session().client.overlapped_within(LAYERS_UNDER_WAY, signed);
        let mut read: HashSet<String> = HashSet::new();
        for (index, layer) in layers.iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            if let Some(skip) = manifest::unreadable_layer(layer) {
                skips.add(SkipSubject::Layer, layer.written.as_str(), Some(image), skip);
                continue;
            }
            let Ok(digest) = &layer.digest else { continue };
            let request = blob(registry, repository, digest);
            let mut first = None;
            if wanted.contains(&request.url) && read.insert(request.url.clone()) {
                first = answers.next();
            } else if let Some(inventory) = self.at_hand(digest.as_str()) {
                self.cursor.counts.layers_reused += 1;
                merge.apply(index, inventory);
                continue;
            }
            let first = first.map(|((_, token), answer)| match answer {
                Ok(response) if response.status == 401 && registry.renew(repository, token.as_deref()) => {
                    registry.stream(request.clone(), repository)
                }
                Ok(response) => Ok(response),
                Err(error) => Err(error.into()),
            });
            self.doing(&format!("layer {digest}"));
            match self.read_layer(&request, first)? {
                Ok(inventory) => {
                    self.cursor.counts.layers_read += 1;
                    self.broken_row = 0;
                    self.keep(digest.as_str(), &inventory);
                    merge.apply(index, inventory);
                }
                Err(skip) => {
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
        mut first: Option<Result<Response, Failure>>,
    ) -> Result<Result<LayerInventory, Skip>, Failure> {
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = match first.take() {
                Some(answer) => answer,
                None => self.registry.stream(request.clone(), self.repository),
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
                        body: response.read_capped(crate::http::ERROR_BODY_CAP).unwrap_or_default(),
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
                Err(Failure::Unavailable(why)) => {
                    self.broken_row += 1;
                    if self.broken_row >= MAX_BROKEN_ROW {
                        return Err(Failure::Unavailable(why));
                    }
                    return Ok(Err(Skip { reason: SkipReason::Unreachable, why }));
                }
                Err(Failure::UnexpectedAnswer(why)) => {
                    return Ok(Err(Skip { reason: SkipReason::Unreachable, why }));
                }
                Err(failure) => return of_one(failure).map(Err),
            };
            if tries < LAYER_TRIES {
                continue;
            }
            self.broken_row += 1;
            let why = Explanation { message: error.message, hint: error.hint };
            if self.broken_row >= MAX_BROKEN_ROW {
                return Err(Failure::Unavailable(why));
            }
            return Ok(Err(Skip { reason: SkipReason::Unreachable, why }));
        }
    }

    /// What is wrong with a layer, or an error that another try may get around.
    fn trouble(
        &self,
        trouble: Trouble,
        request: &Request,
    ) -> Result<Result<Skip, TransportError>, Failure> {
        let (reason, message, hint) = match trouble {
            Trouble::Transport(error) if error.kind == TroubleKind::Stopped => return Err(Failure::Stopped),
            Trouble::Transport(error) if error.is_passing() => return Ok(Err(error)),
            Trouble::Transport(error) => {
                let reason = match error.kind {
                    TroubleKind::OverLimit => SkipReason::OverLimit,
                    _ => SkipReason::Unreachable,
                };
                return Ok(Ok(Skip { reason, why: Explanation { message: error.message, hint: error.hint } }));
            }
            Trouble::Corrupt(why) => (SkipReason::Corrupt, why, "Push the image again; if that does not help, rebuild it."),
            Trouble::OverLimit(why) => {
                (SkipReason::OverLimit, why, "Look at who built this layer: no usual layer is like that.")
            }
            Trouble::Unsupported(why) => {
                (SkipReason::Unsupported, why, "Push the image again with gzip or zstd layers.")
            }
        };
        let message = format!("the layer can't be used: {message} ({})", request.url);
        Ok(Ok(Skip { reason, why: Explanation { message, hint: hint.to_owned() } }))
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

/// What the image runs on: its config knows, the index says more of variants.
fn platform(config: Option<&Config>, index: Option<&Platform>) -> Platform {
    let none = Platform { os: String::new(), architecture: String::new(), variant: None, os_version: None };
    let mut platform = config.map_or_else(|| none.clone(), |config| config.platform.clone());
    let index = index.cloned().unwrap_or(none);
    if platform.os.is_empty() {
        platform.os = index.os;
    }
    if platform.architecture.is_empty() {
        platform.architecture = index.architecture;
    }
    platform.variant = platform.variant.or(index.variant);
    platform.os_version = platform.os_version.or(index.os_version);
    platform
}

fn no_facts(digest: &str) -> ConfigFacts {
    ConfigFacts {
        digest: digest.to_owned(),
        created: None,
        author: None,
        user: String::new(),
        env_names: Vec::new(),
        labels: Vec::new(),
        exposed_ports: Vec::new(),
        entrypoint: Vec::new(),
        command: Vec::new(),
        working_dir: None,
        volumes: Vec::new(),
        history: Vec::new(),
    }
}

fn corrupt(message: &str) -> Skip {
    let hint = "Push the image again; if that does not help, rebuild it.".to_owned();
    Skip { reason: SkipReason::Corrupt, why: Explanation { message: message.to_owned(), hint } }
}

fn weight(package: &contract::Package) -> usize {
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    200 + package.name.len()
        + package.version.len()
        + package.purl.len()
        + package.path.len()
        + optional(&package.architecture)
        + optional(&package.source_name)
        + optional(&package.source_version)
        + package.licences.iter().map(|text| text.len() + 16).sum::<usize>()
        + package.attributes.iter().map(|(key, value)| key.len() + value.len() + 32).sum::<usize>()
}
