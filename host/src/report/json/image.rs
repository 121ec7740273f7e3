//! Images and their packages, as JSON.

use serde::{Deserialize, Serialize};

use super::enums::PackageOrigin;
use super::{Attributes, attributes, document, line, pairs};
use crate::contract;
use crate::contract::Package as SeenPackage;
use crate::host::ImageRow;

/// An image of a location.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Image {
    /// Name of the connection.
    pub connection: String,
    /// Path of the location.
    pub location: String,
    /// `sha256:…` of its manifest.
    pub digest: String,
    /// Media type of its manifest.
    pub media_type: String,
    /// Host of the registry.
    pub registry: String,
    /// Repository in it.
    pub repository: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Digest of the index that lists it.
    pub index: Option<String>,
    /// What it runs on.
    pub platform: Platform,
    /// Bytes of its layers, packed.
    pub size: u64,
    /// RFC 3339.
    pub pushed: Option<String>,
    /// What its configuration says.
    pub config: Config,
    /// Its layers, the lowest first.
    pub layers: Vec<Layer>,
    /// Null where none was found.
    pub operating_system: Option<OperatingSystem>,
    /// How many packages were found in it.
    pub package_count: u32,
    /// Secrets that were found in it and that nobody has closed.
    pub secrets: u32,
    /// The same for its configuration.
    pub misconfigurations: u32,
    /// Whether all of it could be read.
    pub complete: bool,
    /// What else the connector says.
    pub attributes: Attributes,
    /// RFC 3339.
    pub first_seen: String,
    /// RFC 3339.
    pub last_seen: String,
}

/// What an image runs on.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Platform {
    /// `linux`.
    pub os: String,
    /// `amd64`.
    pub architecture: String,
    /// `v7`.
    pub variant: Option<String>,
    /// Of Windows.
    pub os_version: Option<String>,
}

/// What an image's configuration says.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ImageConfig)]
pub struct Config {
    /// `sha256:…`.
    pub digest: String,
    /// RFC 3339.
    pub created: Option<String>,
    /// Who made it, as it says.
    pub author: Option<String>,
    /// The user that it runs as.
    pub user: String,
    /// Names of its environment variables; never their values.
    pub env_names: Vec<String>,
    /// Its labels.
    pub labels: Attributes,
    /// `8080/tcp`.
    pub exposed_ports: Vec<String>,
    /// What is run.
    pub entrypoint: Vec<String>,
    /// Its arguments.
    pub command: Vec<String>,
    /// Where it is run.
    pub working_dir: Option<String>,
    /// Volumes.
    pub volumes: Vec<String>,
    /// How it was built.
    pub history: Vec<Step>,
}

/// A step of an image's history.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = HistoryStep)]
pub struct Step {
    /// RFC 3339.
    pub created: Option<String>,
    /// The command.
    pub command: String,
    /// A comment.
    pub comment: Option<String>,
    /// It made no layer.
    pub empty_layer: bool,
}

/// A layer.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = ImageLayer)]
pub struct Layer {
    /// `sha256:…`.
    pub digest: String,
    /// Digest of what it unpacks to.
    pub diff_id: Option<String>,
    /// How it is packed.
    pub media_type: String,
    /// Bytes, packed.
    pub size: u64,
    /// What made it.
    pub command: Option<String>,
}

/// An operating system.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OperatingSystem {
    /// `debian`.
    pub id: String,
    /// `12`.
    pub version_id: Option<String>,
    /// "Debian GNU/Linux 12 (bookworm)".
    pub pretty_name: Option<String>,
    /// What else `os-release` says.
    pub attributes: Attributes,
}

impl From<&ImageRow> for Image {
    fn from(row: &ImageRow) -> Self {
        let image = row.image.clone();
        Self {
            connection: row.connection.clone(),
            location: row.location.clone(),
            digest: image.digest,
            media_type: image.media_type,
            registry: image.registry,
            repository: image.repository,
            tags: image.tags,
            index: image.index,
            platform: Platform {
                os: image.platform.os,
                architecture: image.platform.architecture,
                variant: image.platform.variant,
                os_version: image.platform.os_version,
            },
            size: image.size,
            pushed: image.pushed,
            config: config(image.config),
            layers: image
                .layers
                .into_iter()
                .map(|layer| Layer {
                    digest: layer.digest,
                    diff_id: layer.diff_id,
                    media_type: layer.media_type,
                    size: layer.size,
                    command: layer.command,
                })
                .collect(),
            operating_system: image.operating_system.map(|os| OperatingSystem {
                attributes: attributes(&os.attributes),
                id: os.id,
                version_id: os.version_id,
                pretty_name: os.pretty_name,
            }),
            package_count: image.package_count,
            secrets: row.secrets,
            misconfigurations: row.misconfigurations,
            complete: image.complete,
            attributes: attributes(&image.attributes),
            first_seen: row.first_seen.clone(),
            last_seen: row.last_seen.clone(),
        }
    }
}

fn config(config: contract::ConfigFacts) -> Config {
    Config {
        digest: config.digest,
        created: config.created,
        author: config.author,
        user: config.user,
        env_names: config.env_names,
        labels: attributes(&config.labels),
        exposed_ports: config.exposed_ports,
        entrypoint: config.entrypoint,
        command: config.command,
        working_dir: config.working_dir,
        volumes: config.volumes,
        history: config
            .history
            .into_iter()
            .map(|step| Step {
                created: step.created,
                command: step.command,
                comment: step.comment,
                empty_layer: step.empty_layer,
            })
            .collect(),
    }
}

impl From<Image> for ImageRow {
    fn from(json: Image) -> Self {
        Self {
            connection: json.connection,
            location: json.location,
            secrets: json.secrets,
            misconfigurations: json.misconfigurations,
            first_seen: json.first_seen,
            last_seen: json.last_seen,
            image: contract::Image {
                digest: json.digest,
                media_type: json.media_type,
                registry: json.registry,
                repository: json.repository,
                tags: json.tags,
                index: json.index,
                platform: contract::Platform {
                    os: json.platform.os,
                    architecture: json.platform.architecture,
                    variant: json.platform.variant,
                    os_version: json.platform.os_version,
                },
                size: json.size,
                pushed: json.pushed,
                config: contract::ConfigFacts {
                    digest: json.config.digest,
                    created: json.config.created,
                    author: json.config.author,
                    user: json.config.user,
                    env_names: json.config.env_names,
                    labels: pairs(json.config.labels),
                    exposed_ports: json.config.exposed_ports,
                    entrypoint: json.config.entrypoint,
                    command: json.config.command,
                    working_dir: json.config.working_dir,
                    volumes: json.config.volumes,
                    history: json
                        .config
                        .history
                        .into_iter()
                        .map(|step| contract::HistoryStep {
                            created: step.created,
                            command: step.command,
                            comment: step.comment,
                            empty_layer: step.empty_layer,
                        })
                        .collect(),
                },
                layers: json
                    .layers
                    .into_iter()
                    .map(|layer| contract::Layer {
                        digest: layer.digest,
                        diff_id: layer.diff_id,
                        media_type: layer.media_type,
                        size: layer.size,
                        command: layer.command,
                    })
                    .collect(),
                operating_system: json.operating_system.map(|os| contract::OperatingSystem {
                    id: os.id,
                    version_id: os.version_id,
                    pretty_name: os.pretty_name,
                    attributes: pairs(os.attributes),
                }),
                package_count: json.package_count,
                complete: json.complete,
                attributes: pairs(json.attributes),
            },
        }
    }
}

/// A package of an image.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Package {
    /// `dpkg`, `npm`, …
    pub format: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// `amd64`.
    pub architecture: Option<String>,
    /// The package that it was built from.
    pub source_name: Option<String>,
    /// The version of that.
    pub source_version: Option<String>,
    /// Package URL.
    pub purl: String,
    /// Licences, as it states them.
    pub licences: Vec<String>,
    /// The file that says that it is there.
    pub path: String,
    /// Index of the layer.
    pub layer: u32,
    /// What put it there.
    pub origin: PackageOrigin,
    /// The package that owns the file.
    pub owner: Option<String>,
    /// What else the connector says.
    pub attributes: Attributes,
}

impl From<&SeenPackage> for Package {
    fn from(package: &SeenPackage) -> Self {
        let package = package.clone();
        Self {
            format: package.format,
            name: package.name,
            version: package.version,
            architecture: package.architecture,
            source_name: package.source_name,
            source_version: package.source_version,
            purl: package.purl,
            licences: package.licences,
            path: package.path,
            layer: package.layer,
            origin: package.origin.into(),
            owner: package.owner,
            attributes: attributes(&package.attributes),
        }
    }
}

impl From<Package> for SeenPackage {
    fn from(json: Package) -> Self {
        Self {
            format: json.format,
            name: json.name,
            version: json.version,
            architecture: json.architecture,
            source_name: json.source_name,
            source_version: json.source_version,
            purl: json.purl,
            licences: json.licences,
            path: json.path,
            layer: json.layer,
            origin: json.origin.into(),
            owner: json.owner,
            attributes: pairs(json.attributes),
        }
    }
}

#[derive(Serialize)]
struct Images {
    images: Vec<Image>,
}

#[derive(Serialize)]
struct Packages<'a> {
    image: &'a str,
    packages: Vec<Package>,
}

#[derive(Serialize)]
struct PackageLine<'a> {
    image: &'a str,
    #[serde(flatten)]
    package: Package,
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
