//! One image: its config, and what its layers amount to, as observations.

use super::layers::blob;
use super::plan::{Parts, Planned, not_selected_platform, of_one};
use super::skips::Skips;
use super::{BATCH, Run};
use crate::contract::{
    self, ConfigFacts, Explanation, Failure, Finding, Image, Observation, PackageBatch, Platform,
    Skip, SkipReason, SkipSubject,
};
use crate::http::{Fetched, Method, Request};
use crate::image::base;
use crate::image::config::{self, Config};
use crate::posture::{self, Inspected};
use crate::registry::manifest::{self, Descriptor, Manifest};
use crate::secret;

/// Packages of one batch.
const BATCH_PACKAGES: usize = 5000;
/// Bytes of one batch, about; the contract allows 8 MiB.
const BATCH_BYTES: usize = 4 << 20;
/// Tags of one image that are told.
const MAX_TAGS: usize = 10_000;

/// An image, and what is in it.
struct Scanned {
    image: Image,
    packages: Vec<contract::Package>,
    findings: Vec<Finding>,
}

impl Run<'_, '_, '_> {
    /// Scans one image and emits it.
    pub(super) fn image(&mut self, place: usize, planned: Planned) -> Result<(), Failure> {
        let identity = planned.identity();
        let digest = planned.digest.as_str().to_owned();
        let mut skips = Skips::default();
        let scanned = match self.parts(&planned, &mut skips)? {
            Some(parts) => self.read_image(planned, &parts, &mut skips)?,
            None => None,
        };
        let counts = &mut self.cursor.counts;
        counts.incomplete |= skips.any_loss();
        counts.skipped = counts.skipped.saturating_add(skips.len());
        let mut observations = Vec::new();
        let mut packages = Vec::new();
        let mut told = Vec::new();
        if let Some(Scanned {
            image,
            packages: found,
            findings,
        }) = scanned
        {
            counts.images = counts.images.saturating_add(1);
            counts.packages = counts.packages.saturating_add(found.len() as u64);
            observations.push(Observation::Image(image));
            packages = found;
            counts.findings = counts.findings.saturating_add(findings.len() as u64);
            told = findings;
        }
        // The image is done with its last batch only: until then the cursor is the one before it.
        let before = std::mem::take(&mut self.before_image);
        for skipped in skips.into_observations() {
            if observations.len() >= BATCH {
                self.emit(std::mem::take(&mut observations), before.clone())?;
            }
            observations.push(skipped);
        }
        for finding in told {
            if observations.len() >= BATCH {
                self.emit(std::mem::take(&mut observations), before.clone())?;
            }
            observations.push(Observation::Finding(finding));
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        for package in packages {
            bytes += weight(&package);
            batch.push(package);
            if batch.len() >= BATCH_PACKAGES || bytes >= BATCH_BYTES {
                let packages = std::mem::take(&mut batch);
                bytes = 0;
                observations.push(Observation::Packages(PackageBatch {
                    image: digest.clone(),
                    packages,
                }));
                self.emit(std::mem::take(&mut observations), before.clone())?;
            }
        }
        if !batch.is_empty() {
            observations.push(Observation::Packages(PackageBatch {
                image: digest.clone(),
                packages: batch,
            }));
        }
        self.cursor.finish(place, &identity);
        let cursor = self.cursor.write();
        self.before_image.clone_from(&cursor);
        self.emit(observations, cursor)
    }

    /// Config and layers of an image; read again when the plan did not keep them.
    fn parts(&mut self, planned: &Planned, skips: &mut Skips) -> Result<Option<Parts>, Failure> {
        if let Some(parts) = &planned.parts {
            return Ok(Some(parts.clone()));
        }
        let request = manifest::request(
            self.registry,
            self.repository,
            planned.digest.as_str(),
            Method::Get,
        );
        let skip = match self.registry.fetch(
            request.clone(),
            self.repository,
            manifest::MAX_MANIFEST_BYTES,
        ) {
            Ok(answer) if answer.status == 200 => match manifest::parse(&answer) {
                Manifest::Image {
                    media_type,
                    config,
                    layers,
                    annotations,
                } => {
                    return Ok(Some(Parts {
                        annotations,
                        media_type,
                        config,
                        layers,
                    }));
                }
                Manifest::Other(skip) => skip,
                Manifest::Index(_) => {
                    corrupt("its manifest is an index now and was an image before")
                }
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
    ) -> Result<Option<Scanned>, Failure> {
        let digest = planned.digest.as_str().to_owned();
        let config = match self.config(&parts.config)? {
            Ok(config) => Some(config),
            Err(mut skip) => {
                skip.why.message = format!(
                    "the config of the image could not be read: {}",
                    skip.why.message
                );
                skips.add(
                    SkipSubject::Image,
                    parts.config.written.as_str(),
                    Some(&digest),
                    skip,
                );
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
        let (facts, diff_ids, config_secrets) = match config {
            Some(config) => {
                if config.cut {
                    let message = "the config says more than is kept of one; the rest was left out"
                        .to_owned();
                    let why = Explanation {
                        message,
                        hint: "Nothing to do: packages are not concerned.".to_owned(),
                    };
                    skips.add(
                        SkipSubject::File,
                        "config",
                        Some(&digest),
                        Skip {
                            reason: SkipReason::OverLimit,
                            why,
                        },
                    );
                }
                (config.facts, config.diff_ids, config.secrets)
            }
            None => (no_facts(&parts.config.written), Vec::new(), Vec::new()),
        };
        let diff_ids = if diff_ids.len() == parts.layers.len() {
            diff_ids
        } else {
            Vec::new()
        };
        let count = u32::try_from(parts.layers.len()).unwrap_or(u32::MAX);
        let base = base::of(&facts, &parts.annotations, count);
        let release = inventory.release;
        let packages: Vec<contract::Package> = inventory
            .packages
            .into_iter()
            .map(|entry| {
                entry.into_contract(release.as_ref(), base.as_ref().map(|base| base.layers))
            })
            .collect();
        let commands = config::layer_commands(&facts.history, parts.layers.len());
        let layers =
            parts
                .layers
                .iter()
                .zip(commands)
                .enumerate()
                .map(|(index, (layer, command))| contract::Layer {
                    digest: layer.written.clone(),
                    diff_id: diff_ids.get(index).cloned(),
                    media_type: layer.media_type.clone(),
                    size: layer.size,
                    command,
                });
        let mut attributes = Vec::new();
        if planned.tags.len() > MAX_TAGS {
            attributes.push(("tags.count".to_owned(), planned.tags.len().to_string()));
        }
        if let Some(base) = &base {
            attributes.push(("base.layers".to_owned(), base.layers.to_string()));
            attributes.push(("base.why".to_owned(), base.why.clone()));
        }
        // The image may name its base although its layers don't show where that ends.
        let (base_name, base_digest) = base::named(&facts, &parts.annotations);
        attributes.extend(base_name.map(|name| ("base.name".to_owned(), name)));
        attributes.extend(base_digest.map(|digest| ("base.digest".to_owned(), digest)));
        let image = Image {
            media_type: parts.media_type.clone(),
            registry: self.registry.host().to_owned(),
            repository: self.repository.to_owned(),
            tags: planned.tags.into_iter().take(MAX_TAGS).collect(),
            index: planned.index.map(|index| index.as_str().to_owned()),
            platform,
            size: parts.layers.iter().fold(parts.config.size, |sum, layer| {
                sum.saturating_add(layer.size)
            }),
            pushed: planned.pushed,
            config: facts,
            layers: layers.collect(),
            operating_system,
            package_count: u32::try_from(packages.len()).unwrap_or(u32::MAX),
            complete: !skips.any_gap(),
            attributes,
            digest,
        };
        let inspected = Inspected {
            image: &image,
            packages: &packages,
            base: base.as_ref(),
            secrets: &inventory.secrets,
            config_secrets: &config_secrets,
            special: &inventory.special,
            traces: &inventory.traces,
            signed: None,
            now: self.registry.session().client.transport().unix_now(),
        };
        let mut passed_over = Vec::new();
        let mut findings = secret::findings::findings(&inspected, &mut passed_over);
        findings.extend(posture::findings(&inspected));
        for (path, skip) in passed_over {
            let (subject, name) = match path.as_str() {
                "" => (SkipSubject::Image, image.digest.as_str()),
                path => (SkipSubject::File, path),
            };
            skips.add(subject, name, Some(&image.digest), skip);
        }
        Ok(Some(Scanned {
            image,
            packages,
            findings,
        }))
    }

    fn config(&mut self, descriptor: &Descriptor) -> Result<Result<Config, Skip>, Failure> {
        let Ok(digest) = &descriptor.digest else {
            return Ok(Err(corrupt(&format!(
                "the config has no digest that can be checked ({:?})",
                descriptor.written
            ))));
        };
        let request = blob(self.registry, self.repository, digest);
        if let Some(why) = &self.storage_down {
            return Ok(Err(unreachable(why.clone())));
        }
        let answer = self.registry.fetch_or_trouble(
            request.clone(),
            self.repository,
            config::MAX_CONFIG_BYTES,
        )?;
        Ok(match answer {
            Ok(answer) if answer.status == 200 => {
                self.broken_row = 0;
                config::parse(&answer.body, digest.as_str())
                    .ok_or_else(|| corrupt("it is no JSON object"))
            }
            Ok(answer) => Err(self.blob_skip(&request, &answer)?),
            Err(error) => Err(self.blob_trouble(error)?),
        })
    }

    /// What an answer that is no blob means for this one.
    pub(super) fn blob_skip(&self, request: &Request, answer: &Fetched) -> Result<Skip, Failure> {
        match answer.status {
            401 | 429 => Err(self.registry.explain(request, answer, self.repository)),
            404 => Ok(Skip {
                reason: SkipReason::Unreachable,
                why: Explanation {
                    message: format!("the registry does not have the blob ({})", request.url),
                    hint: "Push the image again: a part of it is missing in the registry."
                        .to_owned(),
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
}

/// What the image runs on: its config knows, the index says more of variants.
fn platform(config: Option<&Config>, index: Option<&Platform>) -> Platform {
    let none = Platform {
        os: String::new(),
        architecture: String::new(),
        variant: None,
        os_version: None,
    };
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

/// The skip for what could not be fetched.
pub(super) fn unreachable(why: Explanation) -> Skip {
    Skip {
        reason: SkipReason::Unreachable,
        why,
    }
}

fn corrupt(message: &str) -> Skip {
    let hint = "Push the image again; if that does not help, rebuild it.".to_owned();
    Skip {
        reason: SkipReason::Corrupt,
        why: Explanation {
            message: message.to_owned(),
            hint,
        },
    }
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
        + package
            .licences
            .iter()
            .map(|text| text.len() + 16)
            .sum::<usize>()
        + package
            .attributes
            .iter()
            .map(|(key, value)| key.len() + value.len() + 32)
            .sum::<usize>()
}
