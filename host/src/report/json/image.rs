//! Images and their packages, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{attributes, document, line};
use crate::contract::Package as SeenPackage;
use crate::host::ImageRow;
use crate::report::words;

#[derive(Serialize)]
pub(super) struct Image<'a> {
    connection: &'a str,
    location: &'a str,
    digest: &'a str,
    media_type: &'a str,
    registry: &'a str,
    repository: &'a str,
    tags: &'a [String],
    index: Option<&'a str>,
    platform: Platform<'a>,
    size: u64,
    pushed: Option<&'a str>,
    config: Config<'a>,
    layers: Vec<Layer<'a>>,
    operating_system: Option<OperatingSystem<'a>>,
    package_count: u32,
    secrets: u32,
    misconfigurations: u32,
    complete: bool,
    attributes: BTreeMap<&'a str, Vec<&'a str>>,
    first_seen: &'a str,
    last_seen: &'a str,
}

#[derive(Serialize)]
struct Platform<'a> {
    os: &'a str,
    architecture: &'a str,
    variant: Option<&'a str>,
    os_version: Option<&'a str>,
}

#[derive(Serialize)]
struct Config<'a> {
    digest: &'a str,
    created: Option<&'a str>,
    author: Option<&'a str>,
    user: &'a str,
    env_names: &'a [String],
    labels: BTreeMap<&'a str, Vec<&'a str>>,
    exposed_ports: &'a [String],
    entrypoint: &'a [String],
    command: &'a [String],
    working_dir: Option<&'a str>,
    volumes: &'a [String],
    history: Vec<Step<'a>>,
}

#[derive(Serialize)]
struct Step<'a> {
    created: Option<&'a str>,
    command: &'a str,
    comment: Option<&'a str>,
    empty_layer: bool,
}

#[derive(Serialize)]
struct Layer<'a> {
    digest: &'a str,
    diff_id: Option<&'a str>,
    media_type: &'a str,
    size: u64,
    command: Option<&'a str>,
}

#[derive(Serialize)]
struct OperatingSystem<'a> {
    id: &'a str,
    version_id: Option<&'a str>,
    pretty_name: Option<&'a str>,
    attributes: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> From<&'a ImageRow> for Image<'a> {
    fn from(row: &'a ImageRow) -> Self {
        let image = &row.image;
        Self {
            connection: &row.connection,
            location: &row.location,
            digest: &image.digest,
            media_type: &image.media_type,
            registry: &image.registry,
            repository: &image.repository,
            tags: &image.tags,
            index: image.index.as_deref(),
            platform: Platform {
                os: &image.platform.os,
                architecture: &image.platform.architecture,
                variant: image.platform.variant.as_deref(),
                os_version: image.platform.os_version.as_deref(),
            },
            size: image.size,
            pushed: image.pushed.as_deref(),
            config: config(&image.config),
            layers: image
                .layers
                .iter()
                .map(|layer| Layer {
                    digest: &layer.digest,
                    diff_id: layer.diff_id.as_deref(),
                    media_type: &layer.media_type,
                    size: layer.size,
                    command: layer.command.as_deref(),
                })
                .collect(),
            operating_system: image.operating_system.as_ref().map(|os| OperatingSystem {
                id: &os.id,
                version_id: os.version_id.as_deref(),
                pretty_name: os.pretty_name.as_deref(),
                attributes: attributes(&os.attributes),
            }),
            package_count: image.package_count,
            secrets: row.secrets,
            misconfigurations: row.misconfigurations,
            complete: image.complete,
            attributes: attributes(&image.attributes),
            first_seen: &row.first_seen,
            last_seen: &row.last_seen,
        }
    }
}

fn config(config: &crate::contract::ConfigFacts) -> Config<'_> {
    Config {
        digest: &config.digest,
        created: config.created.as_deref(),
        author: config.author.as_deref(),
        user: &config.user,
        env_names: &config.env_names,
        labels: attributes(&config.labels),
        exposed_ports: &config.exposed_ports,
        entrypoint: &config.entrypoint,
        command: &config.command,
        working_dir: config.working_dir.as_deref(),
        volumes: &config.volumes,
        history: config
            .history
            .iter()
            .map(|step| Step {
                created: step.created.as_deref(),
                command: &step.command,
                comment: step.comment.as_deref(),
                empty_layer: step.empty_layer,
            })
            .collect(),
    }
}

#[derive(Serialize)]
struct Package<'a> {
    format: &'a str,
    name: &'a str,
    version: &'a str,
    architecture: Option<&'a str>,
    source_name: Option<&'a str>,
    source_version: Option<&'a str>,
    purl: &'a str,
    licences: &'a [String],
    path: &'a str,
    layer: u32,
    origin: &'static str,
    owner: Option<&'a str>,
    attributes: BTreeMap<&'a str, Vec<&'a str>>,
}

impl<'a> From<&'a SeenPackage> for Package<'a> {
    fn from(package: &'a SeenPackage) -> Self {
        Self {
            format: &package.format,
            name: &package.name,
            version: &package.version,
            architecture: package.architecture.as_deref(),
            source_name: package.source_name.as_deref(),
            source_version: package.source_version.as_deref(),
            purl: &package.purl,
            licences: &package.licences,
            path: &package.path,
            layer: package.layer,
            origin: words::package_origin(package.origin),
            owner: package.owner.as_deref(),
            attributes: attributes(&package.attributes),
        }
    }
}

#[derive(Serialize)]
struct Images<'a> {
    images: Vec<Image<'a>>,
}

#[derive(Serialize)]
struct Packages<'a> {
    image: &'a str,
    packages: Vec<Package<'a>>,
}

#[derive(Serialize)]
struct PackageLine<'a> {
    image: &'a str,
    #[serde(flatten)]
    package: Package<'a>,
}

/// `{"kind": "images", "images": […]}`.
pub fn images(rows: &[ImageRow]) -> String {
    document(
        "images",
        Images {
            images: rows.iter().map(Image::from).collect(),
        },
    )
}

/// One `{"kind": "image", …}` a line.
pub fn image_lines(rows: &[ImageRow]) -> String {
    rows.iter()
        .map(|row| line("image", Image::from(row)))
        .collect()
}

/// `{"kind": "packages", "image": digest, "packages": […]}`.
pub fn packages(image: &str, rows: &[SeenPackage]) -> String {
    document(
        "packages",
        Packages {
            image,
            packages: rows.iter().map(Package::from).collect(),
        },
    )
}

/// One `{"kind": "package", "image": digest, …}` a line.
pub fn package_lines(image: &str, rows: &[SeenPackage]) -> String {
    rows.iter()
        .map(|row| {
            line(
                "package",
                PackageLine {
                    image,
                    package: row.into(),
                },
            )
        })
        .collect()
}
