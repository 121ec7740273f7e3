//! What there is to scan in a repository: tags to digests, digests to images, each once however many tags
//! and lists lead to it; and what the connection's options leave out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::attached::{self, Beside};
use super::skips::Skips;
use crate::contract::{Explanation, Failure, Platform, Skip, SkipReason, SkipSubject};
use crate::http::{Method, Request};
use crate::image::config;
use crate::registry::manifest::{self, Descriptor, Manifest};
use crate::registry::tags::{self, Tag};
use crate::registry::{Digest, Registry};
use crate::settings::Settings;
use crate::time;

/// Indexes within indexes that are followed. Nobody is known to use more than one.
const MAX_DEPTH: usize = 4;
/// Manifests of one repository that are looked at.
const MAX_MANIFESTS: usize = 200_000;
/// Layers of all planned images that are remembered; of images beyond it the manifest is read again when
/// their turn comes.
const MAX_KEPT_LAYERS: usize = 30_000;

/// One image to scan.
#[derive(Debug)]
pub(super) struct Planned {
    /// Its digest.
    pub(super) digest: Digest,
    /// Names of tags that lead to it.
    pub(super) tags: BTreeSet<String>,
    /// The index through which they do, if any does.
    pub(super) index: Option<Digest>,
    /// What the index says it runs on.
    pub(super) platform: Option<Platform>,
    /// When the newest of its tags was pushed.
    pub(super) pushed: Option<String>,
    /// What is attached to it and may say which packages it has: digests and tags of manifests.
    pub(super) attached: Vec<String>,
    /// Whether it is signed, where any image of the repository is.
    pub(super) signed: Option<bool>,
    /// Media type, config and layers; `None` when they have to be read again.
    pub(super) parts: Option<Parts>,
}

impl Planned {
    /// What tells it from the same image under other tags, for the cursor.
    pub(super) fn identity(&self) -> Digest {
        let mut text = self.digest.to_string();
        for part in self
            .index
            .iter()
            .map(Digest::as_str)
            .chain(self.tags.iter().map(String::as_str))
        {
            text.push(' ');
            text.push_str(part);
        }
        Digest::of(text.as_bytes())
    }
}

/// What an image is made of.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// Media type of the manifest.
    pub(super) media_type: String,
    /// The config.
    pub(super) config: Box<Descriptor>,
    /// Annotations of the manifest.
    pub(super) annotations: Vec<(String, String)>,
    /// The layers, the lowest first.
    pub(super) layers: Vec<Descriptor>,
}

/// Everything that a repository asks for.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Tags that the registry lists.
    pub(super) tags: u64,
    /// Images, those of the newest tags first.
    pub(super) images: Vec<Planned>,
    /// What was left out on the way.
    pub(super) skips: Skips,
}

impl Plan {
    /// What tells this list of images from another one.
    pub(super) fn identity(&self) -> Digest {
        let all: Vec<String> = self
            .images
            .iter()
            .map(|image| image.identity().to_string())
            .collect();
        Digest::of(all.join(" ").as_bytes())
    }
}

/// Lists tags and reads manifests.
pub(super) fn make(registry: &Registry<'_, '_>, repository: &str) -> Result<Plan, Failure> {
    let settings = &registry.session().settings;
    let mut plan = Plan::default();
    let listed = tags::list(registry, repository)?;
    plan.tags = listed.tags.len() as u64;
    for (name, skip) in listed.skipped {
        plan.skips.add(SkipSubject::Tag, name, None, skip);
    }
    if listed.tags.is_empty() {
        let message = if listed.unknown {
            "the registry does not know the repository: nothing was ever pushed, or all was deleted"
        } else {
            "the repository has no tags"
        };
        let skip = skip(
            SkipReason::Empty,
            message,
            "Nothing to do, unless there should be images: then push one.",
        );
        plan.skips
            .add(SkipSubject::Location, repository, None, skip);
        return Ok(plan);
    }
    let mut chosen = Vec::new();
    let mut beside = Beside::default();
    for tag in listed.tags {
        if let Some((image, kind)) = attached::of_tag(&tag.name) {
            beside.take(image, kind, &tag.name);
        }
        if let Some(skip) = manifest::not_an_image_by_tag(&tag.name) {
            plan.skips.add(SkipSubject::Tag, tag.name, None, skip);
        } else if let Some(why) = settings.tags.refusal(&tag.name) {
            let skip = skip(
                SkipReason::NotSelected,
                &why,
                "Change the patterns of the connection to scan it.",
            );
            plan.skips.add(SkipSubject::Tag, tag.name, None, skip);
        } else {
            chosen.push(tag);
        }
    }
    let by_time = settings.tags.newest.is_some() || settings.tags.max_age_days.is_some();
    let now = registry.session().client.transport().unix_now();
    let all_timed = chosen.iter().all(|tag| tag.pushed.is_some());
    if by_time && all_timed {
        chosen = choose_by_time(settings, chosen, now, &mut plan.skips);
    }
    let failed = tags::digests(registry, repository, &mut chosen)?;
    for (name, skip) in failed {
        plan.skips.add(SkipSubject::Tag, name, None, skip);
    }
    chosen.retain(|tag| tag.digest.is_some());
    let mut found = Finder::new(registry, repository);
    found.beside = beside;
    found.read(&chosen, &mut plan.skips)?;
    if by_time && !all_timed {
        found.date(&mut chosen)?;
        chosen = choose_by_time(settings, chosen, now, &mut plan.skips);
    }
    plan.images = found.images(&chosen, settings, &mut plan.skips);
    Ok(plan)
}

fn skip(reason: SkipReason, message: &str, hint: &str) -> Skip {
    Skip {
        reason,
        why: Explanation {
            message: message.to_owned(),
            hint: hint.to_owned(),
        },
    }
}

/// Applies the options that need times. A tag whose time nobody knows is kept by the age, and counts as the
/// oldest.
fn choose_by_time(
    settings: &Settings,
    mut tags: Vec<Tag>,
    now: u64,
    skips: &mut Skips,
) -> Vec<Tag> {
    if let Some(days) = settings.tags.max_age_days {
        tags.retain(|tag| {
            let old = tag
                .pushed
                .as_deref()
                .and_then(time::parse)
                .is_some_and(|pushed| time::is_older_than(pushed, days, now));
            if old {
                let message = format!("The connection takes only tags of the last {days} days.");
                let hint = "Change the age in the connection to scan it.";
                skips.add(
                    SkipSubject::Tag,
                    tag.name.clone(),
                    None,
                    skip(SkipReason::NotSelected, &message, hint),
                );
            }
            !old
        });
    }
    if let Some(newest) = settings.tags.newest {
        let key = |tag: &Tag| tag.pushed.as_deref().and_then(time::parse);
        tags.sort_by(|a, b| key(b).cmp(&key(a)).then_with(|| b.name.cmp(&a.name)));
        let rest = tags.split_off(
            tags.len()
                .min(usize::try_from(newest).unwrap_or(usize::MAX)),
        );
        let message =
            format!("The connection takes only the newest {newest} tags of a repository.");
        for tag in rest {
            let hint = "Raise the number in the connection to scan it.";
            skips.add(
                SkipSubject::Tag,
                tag.name,
                None,
                skip(SkipReason::NotSelected, &message, hint),
            );
        }
    }
    tags
}

#[allow(clippy::large_enum_variant, reason = "most nodes are images")]
enum Node {
    Image(Option<Parts>),
    Index(Vec<(Digest, Option<Platform>)>),
    Skipped,
}

/// Reads manifests, each once.
struct Finder<'r, 's, 't> {
    registry: &'r Registry<'s, 't>,
    repository: &'r str,
    nodes: HashMap<Digest, Node>,
    kept_layers: usize,
    beside: Beside,
    /// Digest of the config of each image, for times.
    configs: BTreeMap<Digest, Digest>,
}

impl<'r, 's, 't> Finder<'r, 's, 't> {
    fn new(registry: &'r Registry<'s, 't>, repository: &'r str) -> Self {
        Self {
            registry,
            repository,
            nodes: HashMap::new(),
            kept_layers: 0,
            beside: Beside::default(),
            configs: BTreeMap::new(),
        }
    }

    /// Reads the manifests of all tags, then of what those list, and so on.
    fn read(&mut self, tags: &[Tag], skips: &mut Skips) -> Result<(), Failure> {
        let roots: BTreeSet<Digest> = tags.iter().filter_map(|tag| tag.digest.clone()).collect();
        let mut level: Vec<Digest> = roots.into_iter().collect();
        for depth in 0..=MAX_DEPTH {
            if level.is_empty() {
                break;
            }
            let mut next = BTreeSet::new();
            let room = MAX_MANIFESTS.saturating_sub(self.nodes.len());
            for beyond in level.iter().skip(room) {
                let message = format!("the repository has more than {MAX_MANIFESTS} manifests");
                let hint = "Choose tags by patterns or number in the connection, or set up a clean-up policy.";
                skips.add(
                    SkipSubject::Image,
                    beyond.as_str(),
                    None,
                    skip(SkipReason::OverLimit, &message, hint),
                );
            }
            level.truncate(room);
            let requests: Vec<(Digest, Request)> = level
                .drain(..)
                .map(|digest| {
                    let request = manifest::request(
                        self.registry,
                        self.repository,
                        digest.as_str(),
                        Method::Get,
                    );
                    (digest, request)
                })
                .collect();
            let registry = self.registry;
            for (digest, answer) in
                registry.fetch_all(requests, self.repository, manifest::MAX_MANIFEST_BYTES)
            {
                let node = match answer {
                    Ok(answer) if answer.status == 200 => {
                        self.understand(&digest, manifest::parse(&answer), &mut next, skips)
                    }
                    Ok(answer) => {
                        let request = manifest::request(
                            registry,
                            self.repository,
                            digest.as_str(),
                            Method::Get,
                        );
                        let skip = manifest::skip(registry, &request, &answer, self.repository)?;
                        skips.add(SkipSubject::Image, digest.as_str(), None, skip);
                        Node::Skipped
                    }
                    Err(failure) => {
                        skips.add(SkipSubject::Image, digest.as_str(), None, of_one(failure)?);
                        Node::Skipped
                    }
                };
                self.nodes.insert(digest, node);
            }
            level = next
                .into_iter()
                .filter(|digest| !self.nodes.contains_key(digest))
                .collect();
            if depth == MAX_DEPTH {
                for digest in &level {
                    let message = format!("it lies more than {MAX_DEPTH} indexes deep");
                    let hint = "Push the index again without indexes in it.";
                    skips.add(
                        SkipSubject::Image,
                        digest.as_str(),
                        None,
                        skip(SkipReason::OverLimit, &message, hint),
                    );
                }
            }
        }
        Ok(())
    }

    fn understand(
        &mut self,
        digest: &Digest,
        read: Manifest,
        next: &mut BTreeSet<Digest>,
        skips: &mut Skips,
    ) -> Node {
        match read {
            Manifest::Other(skip) => {
                skips.add(SkipSubject::Image, digest.as_str(), None, skip);
                Node::Skipped
            }
            Manifest::Image {
                media_type,
                config,
                layers,
                annotations,
            } => {
                if let Ok(config) = &config.digest {
                    self.configs.insert(digest.clone(), config.clone());
                }
                self.kept_layers += layers.len() + 1;
                let keep = self.kept_layers <= MAX_KEPT_LAYERS;
                Node::Image(keep.then_some(Parts {
                    media_type,
                    config,
                    layers,
                    annotations,
                }))
            }
            Manifest::Index(children) => {
                let mut listed = Vec::new();
                let settings = &self.registry.session().settings;
                for child in children {
                    let name = child.written.clone();
                    let mut leave = |skip| {
                        skips.add(
                            SkipSubject::Image,
                            name.clone(),
                            Some(digest.as_str()),
                            skip,
                        );
                    };
                    if let (Some("attestation-manifest"), Some(image), Ok(attestation)) = (
                        child.reference_type.as_deref(),
                        &child.refers_to,
                        &child.digest,
                    ) {
                        self.beside.attach(image.clone(), attestation.as_str());
                    }
                    if let Some(skip) = manifest::not_an_image_by_index(&child) {
                        leave(skip);
                        continue;
                    }
                    let platform = manifest::said_platform(&child);
                    let Ok(child_digest) = child.digest else {
                        leave(skip(
                            SkipReason::Unsupported,
                            "the index names it by a digest that can't be checked",
                            "Push the image again by a tool that names images by sha256.",
                        ));
                        continue;
                    };
                    if let Some(platform) = &platform
                        && let Some(skip) = not_selected_platform(settings, platform)
                    {
                        leave(skip);
                        continue;
                    }
                    next.insert(child_digest.clone());
                    listed.push((child_digest, platform));
                }
                Node::Index(listed)
            }
        }
    }

    /// Gives the tags that have no time of their own the newest build time of their images.
    fn date(&self, tags: &mut [Tag]) -> Result<(), Failure> {
        let mut wanted: BTreeSet<&Digest> = BTreeSet::new();
        for tag in tags.iter().filter(|tag| tag.pushed.is_none()) {
            for image in tag.digest.iter().flat_map(|digest| self.reach(digest)) {
                wanted.extend(self.configs.get(&image.0));
            }
        }
        let requests: Vec<(Digest, Request)> = wanted
            .into_iter()
            .map(|digest| {
                (
                    digest.clone(),
                    super::layers::blob(self.registry, self.repository, digest),
                )
            })
            .collect();
        let mut created: HashMap<Digest, String> = HashMap::new();
        for (digest, answer) in
            self.registry
                .fetch_all(requests, self.repository, config::MAX_CONFIG_BYTES)
        {
            // A config that can't be read is told when the image's turn comes.
            if let Ok(answer) = answer
                && answer.status == 200
                && let Some(time) =
                    config::parse(&answer.body, "").and_then(|config| config.facts.created)
            {
                created.insert(digest, time);
            }
        }
        for tag in tags.iter_mut().filter(|tag| tag.pushed.is_none()) {
            let newest = tag
                .digest
                .iter()
                .flat_map(|digest| self.reach(digest))
                .filter_map(|image| created.get(self.configs.get(&image.0)?))
                .max_by_key(|time| time::parse(time))
                .cloned();
            tag.pushed = newest;
        }
        Ok(())
    }

    /// The images below a digest, each with its index and platform.
    fn reach(&self, root: &Digest) -> Vec<(Digest, Option<Digest>, Option<Platform>)> {
        let mut images = Vec::new();
        let mut seen = HashSet::new();
        let mut todo = vec![(root.clone(), None::<Digest>, None::<Platform>)];
        while let Some((digest, index, platform)) = todo.pop() {
            if !seen.insert(digest.clone()) {
                continue;
            }
            match self.nodes.get(&digest) {
                Some(Node::Image(_)) => images.push((digest, index, platform)),
                Some(Node::Index(children)) => {
                    for (child, platform) in children.iter().rev() {
                        todo.push((child.clone(), Some(digest.clone()), platform.clone()));
                    }
                }
                Some(Node::Skipped) | None => {}
            }
        }
        images
    }

    /// The images that the tags lead to.
    fn images(mut self, tags: &[Tag], settings: &Settings, skips: &mut Skips) -> Vec<Planned> {
        let mut order: Vec<&Tag> = tags.iter().collect();
        let key = |tag: &Tag| tag.pushed.as_deref().and_then(time::parse);
        order.sort_by(|a, b| key(b).cmp(&key(a)).then_with(|| a.name.cmp(&b.name)));
        let mut planned: Vec<Planned> = Vec::new();
        let mut places: HashMap<Digest, usize> = HashMap::new();
        for tag in order {
            let Some(root) = &tag.digest else { continue };
            let reached = self.reach(root);
            if reached.is_empty()
                && let Some(Node::Index(children)) = self.nodes.get(root)
                && children.is_empty()
            {
                let reason = if settings.platforms.is_empty() {
                    SkipReason::Empty
                } else {
                    SkipReason::NotSelected
                };
                let message = "its index lists no image that is scanned";
                skips.add(
                    SkipSubject::Tag,
                    tag.name.clone(),
                    None,
                    skip(reason, message, "Nothing to do."),
                );
            }
            for (digest, index, platform) in reached {
                let place = *places.entry(digest.clone()).or_insert_with(|| {
                    planned.push(Planned {
                        digest: digest.clone(),
                        tags: BTreeSet::new(),
                        index: index.clone(),
                        platform: platform.clone(),
                        pushed: tag.pushed.clone(),
                        attached: self.beside.of(&digest),
                        signed: None,
                        parts: match self.nodes.get_mut(&digest) {
                            Some(Node::Image(parts)) => parts.take(),
                            _ => None,
                        },
                    });
                    planned.len() - 1
                });
                if let Some(image) = planned.get_mut(place) {
                    image.tags.insert(tag.name.clone());
                    // One tag may lead to it directly and another through an index.
                    if image.index.is_none() {
                        image.index = index;
                    }
                    if image.platform.is_none() {
                        image.platform = platform;
                    }
                }
            }
        }
        for image in &mut planned {
            image.signed = self.beside.is_signed(&image.digest, image.index.as_ref());
        }
        planned
    }
}

/// The skip for a platform that the connection does not take.
pub(super) fn not_selected_platform(settings: &Settings, platform: &Platform) -> Option<Skip> {
    let taken = settings.takes_platform(
        &platform.os,
        &platform.architecture,
        platform.variant.as_deref(),
    );
    (!taken).then(|| {
        let message = format!(
            "the connection does not take images for {}/{}",
            platform.os, platform.architecture
        );
        skip(
            SkipReason::NotSelected,
            &message,
            "Change the platforms of the connection to scan it.",
        )
    })
}

/// What a failure means when it concerns one thing; handed on when it concerns everything.
pub(super) fn of_one(failure: Failure) -> Result<Skip, Failure> {
    match failure {
        Failure::UnexpectedAnswer(why) => Ok(Skip {
            reason: SkipReason::Corrupt,
            why,
        }),
        Failure::OverLimit(why) => Ok(Skip {
            reason: SkipReason::OverLimit,
            why,
        }),
        Failure::NotFound(why) => Ok(Skip {
            reason: SkipReason::Gone,
            why,
        }),
        other => Err(other),
    }
}
