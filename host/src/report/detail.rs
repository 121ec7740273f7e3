//! All that is known of one image, and what can be counted of it: once for the screen, for JSON and for SBOMs.

use std::collections::{BTreeMap, HashMap};

use crate::contract::{Attribute, Finding, FindingKind, Package, PackageOrigin};
use crate::host::{FindingRow, ImageRow, SkippedRow};

/// One image with everything that was found in it.
#[derive(Clone, Debug)]
pub struct Detail {
    /// The image, at the place that was asked for.
    pub row: ImageRow,
    /// The tag by which it was asked for.
    pub tag: Option<String>,
    /// The same image elsewhere in the same connection.
    pub also: Vec<ImageRow>,
    /// Its packages; `None` when they have never come whole.
    pub packages: Option<Vec<Package>>,
    /// Its findings, worst first.
    pub findings: Vec<FindingRow>,
    /// What of it was not looked at.
    pub skipped: Vec<SkippedRow>,
}

/// The base image, as far as the connector could tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Base<'a> {
    /// How many of the lowest layers are its.
    pub layers: Option<usize>,
    /// Its reference.
    pub name: Option<&'a str>,
    /// Its digest.
    pub digest: Option<&'a str>,
    /// How this is known.
    pub why: Option<&'a str>,
}

/// A layer, and what it brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerRow<'a> {
    /// Counted from 0, the lowest.
    pub index: usize,
    /// Digest of the blob.
    pub digest: &'a str,
    /// Bytes of the blob.
    pub size: u64,
    /// What made it.
    pub command: Option<&'a str>,
    /// Whether it is the base image's; `None` when that is not known.
    pub base: Option<bool>,
    /// Packages that it brought.
    pub packages: usize,
    /// Findings that lead to it, by their evidence or by their package.
    pub findings: usize,
}

/// Packages of one format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FormatRow<'a> {
    /// Its name.
    pub format: &'a str,
    /// How many packages.
    pub packages: usize,
    /// Those whose files a package of the operating system owns.
    pub owned: usize,
    /// Those that the base image brought.
    pub in_base: usize,
}

/// Licences as stated, most packages first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Licences<'a> {
    /// Licence, and how many packages state it.
    pub rows: Vec<(&'a str, usize)>,
    /// Packages that state none.
    pub none: usize,
}

/// The first value of a key.
pub(crate) fn attribute<'a>(list: &'a [Attribute], key: &str) -> Option<&'a str> {
    list.iter()
        .find(|(known, _)| known == key)
        .map(|(_, value)| value.as_str())
        .filter(|value| !value.is_empty())
}

/// `registry/repository`.
pub(crate) fn name(image: &crate::contract::Image) -> String {
    if image.registry.is_empty() {
        image.repository.clone()
    } else {
        format!("{}/{}", image.registry, image.repository)
    }
}

/// `repository:tag` for each tag, `repository@digest` where there is none, with the registry's host.
pub(crate) fn references(row: &ImageRow) -> Vec<String> {
    let image = &row.image;
    let name = name(image);
    if image.tags.is_empty() {
        return vec![format!("{name}@{}", image.digest)];
    }
    let tagged = image.tags.iter().map(|tag| format!("{name}:{tag}"));
    tagged.collect()
}

/// `os/architecture/variant`.
pub(crate) fn platform(image: &crate::contract::Image) -> String {
    let platform = &image.platform;
    let mut text = format!("{}/{}", platform.os, platform.architecture);
    if let Some(variant) = &platform.variant {
        text.push('/');
        text.push_str(variant);
    }
    text
}

impl Detail {
    /// The packages; none where they are not known.
    pub fn packages(&self) -> &[Package] {
        self.packages.as_deref().unwrap_or_default()
    }

    /// The base image; `None` when nothing tells of one.
    pub fn base(&self) -> Option<Base<'_>> {
        let of = |key| attribute(&self.row.image.attributes, key);
        let base = Base {
            layers: of("base.layers").and_then(|number| number.parse().ok()),
            name: of("base.name"),
            digest: of("base.digest"),
            why: of("base.why"),
        };
        (base != Base::default()).then_some(base)
    }

    /// The name under which OSV knows the operating system's advisories.
    pub fn ecosystem(&self) -> Option<&str> {
        let system = self.row.image.operating_system.as_ref()?;
        attribute(&system.attributes, "osv-ecosystem")
    }

    /// The layers, lowest first.
    pub fn layers(&self) -> Vec<LayerRow<'_>> {
        let base = self.base().and_then(|base| base.layers);
        let mut layers: Vec<LayerRow<'_>> = self
            .row
            .image
            .layers
            .iter()
            .enumerate()
            .map(|(index, layer)| LayerRow {
                index,
                digest: &layer.digest,
                size: layer.size,
                command: layer.command.as_deref(),
                base: base.map(|base| index < base),
                packages: 0,
                findings: 0,
            })
            .collect();
        let mut places = HashMap::new();
        for package in self.packages() {
            let place = usize::try_from(package.layer).unwrap_or(usize::MAX);
            if let Some(layer) = layers.get_mut(place) {
                layer.packages += 1;
            }
            places.insert((package.name.as_str(), package.version.as_str()), place);
        }
        for row in &self.findings {
            let finding = &row.finding;
            let place = self.layer_of(finding).or_else(|| {
                let name = finding.package_name.as_deref()?;
                let version = finding.package_version.as_deref()?;
                places.get(&(name, version)).copied()
            });
            if let Some(layer) = place.and_then(|place| layers.get_mut(place)) {
                layer.findings += 1;
            }
        }
        layers
    }

    /// The layer that a finding's evidence names, by its number or its digest.
    pub fn layer_of(&self, finding: &Finding) -> Option<usize> {
        let said = attribute(&finding.evidence, "layer")?;
        said.parse().ok().or_else(|| {
            let layers = &self.row.image.layers;
            layers.iter().position(|layer| layer.digest == said)
        })
    }

    /// True when a package came with the base image.
    pub fn in_base(&self, package: &Package) -> bool {
        let layers = self.base().and_then(|base| base.layers);
        package.origin == PackageOrigin::BaseImage
            || layers.is_some_and(|layers| {
                usize::try_from(package.layer).is_ok_and(|layer| layer < layers)
            })
    }

    /// Packages by format, most first.
    pub fn formats(&self) -> Vec<FormatRow<'_>> {
        let mut formats: BTreeMap<&str, FormatRow<'_>> = BTreeMap::new();
        for package in self.packages() {
            let row = formats.entry(&package.format).or_default();
            row.format = &package.format;
            row.packages += 1;
            row.owned += usize::from(package.owner.is_some());
            row.in_base += usize::from(self.in_base(package));
        }
        let mut rows: Vec<_> = formats.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.packages));
        rows
    }

    /// Licences, as the packages state them.
    pub fn licences(&self) -> Licences<'_> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut none = 0;
        for package in self.packages() {
            let mut stated: Vec<&str> = package.licences.iter().map(String::as_str).collect();
            stated.sort_unstable();
            stated.dedup();
            none += usize::from(stated.is_empty());
            for licence in stated {
                *counts.entry(licence).or_default() += 1;
            }
        }
        let mut rows: Vec<_> = counts.into_iter().collect();
        rows.sort_by_key(|&(_, packages)| std::cmp::Reverse(packages));
        Licences { rows, none }
    }

    /// Findings of one kind, worst first.
    pub fn of_kind(&self, kind: FindingKind) -> impl Iterator<Item = &FindingRow> {
        self.findings
            .iter()
            .filter(move |row| row.finding.kind == kind)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::super::samples;

    #[test]
    fn what_a_layer_brought_is_counted_by_evidence_and_by_package() {
        let detail = samples::detail();
        let layers = detail.layers();
        let told: Vec<_> = layers
            .iter()
            .map(|layer| (layer.base, layer.packages, layer.findings))
            .collect();
        assert_eq!(
            told,
            [(Some(true), 3, 1), (Some(false), 2, 0), (Some(false), 1, 2)]
        );
    }

    #[test]
    fn a_layer_number_from_nowhere_counts_nowhere() {
        let mut detail = samples::detail();
        detail.packages.as_mut().unwrap()[0].layer = u32::MAX;
        detail.findings[0].finding.evidence = vec![("layer".to_owned(), "99999999".to_owned())];
        let layers = detail.layers();
        assert_eq!(layers.iter().map(|layer| layer.packages).sum::<usize>(), 5);
    }

    #[test]
    fn a_licence_counts_once_for_each_package() {
        let mut detail = samples::detail();
        for package in detail.packages.as_mut().unwrap() {
            package.licences = vec!["MIT".to_owned(), "MIT".to_owned()];
        }
        let licences = detail.licences();
        assert_eq!(licences.rows, [("MIT", 6)]);
        assert_eq!(licences.none, 0);
    }

    #[test]
    fn without_attributes_nothing_is_said_of_a_base() {
        let mut detail = samples::detail();
        detail.row.image.attributes.clear();
        assert_eq!(detail.base(), None);
        assert!(detail.layers().iter().all(|layer| layer.base.is_none()));
    }
}
