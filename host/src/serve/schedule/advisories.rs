//! From where the daemon brings the advisories up to date: from where they came before.

use std::collections::BTreeMap;

use ox_advisory::update;

use crate::host::{Host, HostError, UpdateOptions};

/// True when advisories were brought up to date over the network before. Only then does the daemon do that by
/// itself: a host that is kept apart from the network, or has no advisories at all, is never surprised by it.
pub(super) fn was_updated(host: &Host) -> Result<bool, HostError> {
    let status = host.advisories()?.status().map_err(anyhow::Error::from)?;
    let feeds = status.kev.iter().chain(status.epss.iter());
    let mut origins = status
        .sources
        .iter()
        .map(|source| &source.origin)
        .chain(feeds.map(|feed| &feed.origin));
    Ok(origins.any(|origin| is_web(origin)))
}

/// The same places again. Where nothing was imported, the public ones, for what the packages of images are.
pub(crate) fn update_options(host: &Host) -> Result<UpdateOptions, HostError> {
    let index = host.advisories()?;
    let status = index.status().map_err(anyhow::Error::from)?;
    let mut bases = BTreeMap::<&str, usize>::new();
    for source in status
        .sources
        .iter()
        .filter(|source| source.ecosystem.is_some())
    {
        if is_web(&source.origin) {
            *bases.entry(&source.origin).or_default() += 1;
        }
    }
    let usual = update::Options::default();
    let base = bases
        .into_iter()
        .max_by_key(|(_, many)| *many)
        .map(|(base, _)| base.to_owned());
    // Whoever has a mirror of the export does not mean the public feeds.
    let mirrored = base.as_ref().is_some_and(|base| *base != usual.base);
    let feed = |known: Option<String>, usual: Option<String>| match known {
        Some(origin) if is_web(&origin) => Some(origin),
        // From a file: whoever keeps it that way goes on doing so.
        Some(_) => None,
        None if mirrored => None,
        None => usual,
    };
    let ecosystems = if status.sources.is_empty() {
        host.advisory_status()?.coverage.ecosystems
    } else {
        Vec::new()
    };
    let mut names: Vec<String> = ecosystems
        .iter()
        .map(|(name, _, _)| ox_advisory::Ecosystem::parse(name).name)
        .collect();
    names.sort();
    names.dedup();
    Ok(UpdateOptions {
        update: update::Options {
            kev: feed(status.kev.map(|feed| feed.origin), usual.kev.clone()),
            epss: feed(status.epss.map(|feed| feed.origin), usual.epss.clone()),
            base: base.unwrap_or_else(|| usual.base.clone()),
            ecosystems: names,
            ..usual
        },
        ..UpdateOptions::default()
    })
}

fn is_web(origin: &str) -> bool {
    origin.starts_with("https://") || origin.starts_with("http://")
}
