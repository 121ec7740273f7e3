//! Images of real things: the layers that `tests/peers/real-images` made, the RPM databases that others
//! published, and two formats of which no package is at hand, written as their tools write them. Each with
//! what the ecosystem's own tool says is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde_json::json;

use crate::component;
use crate::image::{Artefact, BuiltLayer, Image, Layer, root};
use crate::peers::{absent, debian_root, program};
use crate::purl::{Kind, Package};

/// Layers of which each makes an image above Debian.
const ABOVE_DEBIAN: [&str; 9] = [
    "apt", "pip", "npm", "gem", "composer", "java", "go", "rust", "dotnet",
];
/// What the large image is made of.
const EVERYTHING: [&str; 5] = ["apt", "pip", "npm", "java", "go"];

/// How far the list of an ecosystem's own tool goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All there is, and nothing else.
    Whole,
    /// All of it is there, and there may be more: a jar that Maven did not make, say.
    AtLeast,
}

/// What is known to be in an image, of one kind.
#[derive(Clone, Debug)]
pub struct Truth {
    /// The tool that says so.
    pub tool: &'static str,
    /// How far it goes.
    pub reach: Reach,
    /// The packages.
    pub packages: BTreeSet<Package>,
}

/// An image, and what is known of it.
#[derive(Clone, Debug)]
pub struct Real {
    /// Its tag.
    pub name: String,
    /// The image.
    pub image: Artefact,
    /// What is in it, by kind; kinds that no tool of an ecosystem lists are absent.
    pub truth: BTreeMap<Kind, Truth>,
}

/// The folder that `tests/peers/real-images` filled.
#[derive(Debug)]
pub struct RealImages {
    folder: PathBuf,
    base: BuiltLayer,
    base_truth: Truth,
}

impl RealImages {
    /// Reads the Debian root; none where it or the folder in `OX_REAL_IMAGES` is absent.
    ///
    /// # Errors
    /// When they are there and can't be read.
    pub fn open() -> anyhow::Result<Option<Self>> {
        let Some(folder) = std::env::var_os("OX_REAL_IMAGES").map(PathBuf::from) else {
            absent("OX_REAL_IMAGES names no folder that tests/peers/real-images filled")?;
            return Ok(None);
        };
        let Some(debian) = debian_root("bookworm")? else {
            return Ok(None);
        };
        let packages = debian.packages.iter().filter_map(|line| {
            let mut words = line.split(' ');
            Some(Package::new(Kind::Deb, words.next()?, words.next()?))
        });
        Ok(Some(Self {
            base_truth: Truth {
                tool: "dpkg-query",
                reach: Reach::Whole,
                packages: packages.collect(),
            },
            base: Layer::from_folder(&debian.root)?
                .command("ADD debian-12.tar / # the base")
                .build(),
            folder,
        }))
    }

    /// The Debian layer that most images stand on.
    pub fn base(&self) -> &BuiltLayer {
        &self.base
    }

    /// The layer of that name; none where it was not made.
    ///
    /// # Errors
    /// When it is there and can't be read.
    pub fn layer(&self, name: &str) -> anyhow::Result<Option<BuiltLayer>> {
        let path = self.folder.join(format!("layers/{name}.tar.gz"));
        if !path.is_file() {
            absent(&format!("{} was not made", path.display()))?;
            return Ok(None);
        }
        let bytes = std::fs::read(&path)?;
        let layer = BuiltLayer::gzipped(bytes, &format!("RUN install {name}"))
            .with_context(|| path.display().to_string())?;
        Ok(Some(layer))
    }

    /// All images, each made when it is asked for: together they don't fit into memory.
    pub fn names(&self) -> Vec<String> {
        let own = ["rpm-sqlite", "rpm-ndb", "rpm-bdb", "alpine", "conda"];
        ABOVE_DEBIAN
            .iter()
            .chain(&own)
            .map(|name| (*name).to_owned())
            .collect()
    }

    /// The image of that name; none where what it is made of is absent.
    ///
    /// # Errors
    /// When something of it can't be read.
    pub fn image(&self, name: &str) -> anyhow::Result<Option<Real>> {
        match name {
            "rpm-sqlite" => rpm(
                name,
                "var/lib/rpm/rpmdb.sqlite",
                "mariner2.rpmdb.sqlite",
                MARINER,
            ),
            "rpm-ndb" => rpm(
                name,
                "usr/lib/sysimage/rpm/Packages.db",
                "sle15.Packages.db",
                SLE,
            ),
            "rpm-bdb" => rpm(name, "var/lib/rpm/Packages", "libuuid.Packages", CENTOS),
            "alpine" => Ok(Some(alpine())),
            "conda" => Ok(Some(conda(&self.base, &self.base_truth))),
            _ => self.above_debian(name),
        }
    }

    fn above_debian(&self, name: &str) -> anyhow::Result<Option<Real>> {
        let Some(layer) = self.layer(name)? else {
            return Ok(None);
        };
        let path = self.folder.join(format!("truth/{name}.tsv"));
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut truth = truth(&text)?;
        truth
            .entry(Kind::Deb)
            .or_insert_with(|| self.base_truth.clone());
        Ok(Some(Real {
            name: name.to_owned(),
            image: Image::amd64().layer(&self.base).layer(&layer).build(),
            truth,
        }))
    }

    /// One image of all: Debian's packages, Python, npm, Java and Go.
    ///
    /// # Errors
    /// When a layer can't be read.
    pub fn everything(&self) -> anyhow::Result<Option<Artefact>> {
        let mut image = Image::amd64().layer(&self.base);
        for name in EVERYTHING {
            let Some(layer) = self.layer(name)? else {
                return Ok(None);
            };
            image = image.layer(&layer);
        }
        Ok(Some(image.build()))
    }
}

/// `type name version path`, with tabs.
fn truth(text: &str) -> anyhow::Result<BTreeMap<Kind, Truth>> {
    let mut all: BTreeMap<Kind, Truth> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.split('\t');
        let (Some(kind), Some(name), Some(version)) = (words.next(), words.next(), words.next())
        else {
            bail!("a line of the truth is none: {line}");
        };
        let (kind, tool, reach) = match kind {
            "deb" => (Kind::Deb, "dpkg-query", Reach::Whole),
            "python" => (Kind::Pypi, "importlib.metadata", Reach::Whole),
            "npm" => (Kind::Npm, "npm ls", Reach::AtLeast),
            "gem" => (Kind::Gem, "RubyGems", Reach::Whole),
            "php" => (Kind::Composer, "composer show", Reach::Whole),
            "java" => (Kind::Maven, "pom.properties", Reach::AtLeast),
            "go" => (Kind::Golang, "go version -m", Reach::Whole),
            "rust" => (Kind::Cargo, "cargo auditable", Reach::Whole),
            "dotnet" => (Kind::Nuget, "deps.json", Reach::Whole),
            // In the list of the build, not in the program.
            "rust-build" => continue,
            other => bail!("nobody knows the kind {other}"),
        };
        let entry = all.entry(kind).or_insert_with(|| Truth {
            tool,
            reach,
            packages: BTreeSet::new(),
        });
        entry.packages.insert(Package::new(kind, name, version));
    }
    Ok(all)
}

const MARINER: &str = "NAME=\"Common Base Linux Mariner\"\nVERSION=\"2.0.20220226\"\nID=mariner\nVERSION_ID=\"2.0\"\n\
                       PRETTY_NAME=\"CBL-Mariner/Linux\"\n";
const SLE: &str = "NAME=\"SLES\"\nVERSION=\"15-SP3\"\nVERSION_ID=\"15.3\"\nID=\"sles\"\nID_LIKE=\"suse\"\n\
                   PRETTY_NAME=\"SUSE Linux Enterprise Server 15 SP3\"\n";
const CENTOS: &str = "NAME=\"CentOS Linux\"\nVERSION=\"8\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\n\
                      VERSION_ID=\"8\"\nPRETTY_NAME=\"CentOS Linux 8\"\n";

/// Where the data that is shared between projects lies.
fn shared(name: &str) -> anyhow::Result<Option<PathBuf>> {
    let folder = std::env::var_os("OX_SHARED_DATA").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| component::workspace().join("../shared/data"));
    let path = folder.join(name);
    if !path.is_file() {
        // Not a program that CI could install: elsewhere there is none.
        let _ = absent_data(&path);
        return Ok(None);
    }
    Ok(Some(path))
}

#[expect(clippy::print_stderr, reason = "what is left out has to be said")]
fn absent_data(path: &Path) -> anyhow::Result<()> {
    eprintln!("skipped: {} is not there", path.display());
    Ok(())
}

/// One published RPM database, in the place where its distribution keeps it.
fn rpm(name: &str, place: &str, data: &str, release: &str) -> anyhow::Result<Option<Real>> {
    let (Some(path), Some(rpm)) = (shared(&format!("rpmdb/{data}"))?, program("rpm")?) else {
        return Ok(None);
    };
    let bytes = std::fs::read(&path)?;
    // Debian's rpm reads two of the three kinds.
    let backend = match name {
        "rpm-sqlite" => Some("sqlite"),
        "rpm-bdb" => Some("bdb_ro"),
        _ => None,
    };
    let mut truth = BTreeMap::new();
    if let Some(backend) = backend {
        let file = place.rsplit('/').next().unwrap_or(place);
        truth.insert(
            Kind::Rpm,
            Truth {
                tool: "rpm -qa",
                reach: Reach::Whole,
                packages: rpm_says(&rpm, file, &bytes, backend)?,
            },
        );
    }
    let layer = Layer::new()
        .file("etc/os-release", release)
        .file("usr/lib/os-release", release)
        .file(place, bytes)
        .command("ADD root.tar / # rpm")
        .build();
    Ok(Some(Real {
        name: name.to_owned(),
        image: Image::amd64().layer(layer).build(),
        truth,
    }))
}

/// What Debian's rpm lists of a database.
fn rpm_says(
    rpm: &Path,
    file: &str,
    bytes: &[u8],
    backend: &str,
) -> anyhow::Result<BTreeSet<Package>> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join(file), bytes)?;
    let output = Command::new(rpm)
        .args(["-qa", "--nosignature", "--nodigest"])
        .args(["--define", &format!("_db_backend {backend}"), "--dbpath"])
        .arg(folder.path())
        .args(["--qf", "%{NAME}\\t%{EPOCHNUM}\\t%{VERSION}-%{RELEASE}\\n"])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let packages = text.lines().filter_map(|line| {
        let mut words = line.split('\t');
        let (name, epoch, version) = (words.next()?, words.next()?, words.next()?);
        let version = match epoch {
            "0" => version.to_owned(),
            epoch => format!("{epoch}:{version}"),
        };
        Some(Package::new(Kind::Rpm, name, &version))
    });
    let packages: BTreeSet<Package> = packages.collect();
    if packages.is_empty() {
        bail!(
            "rpm lists nothing of {file}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(packages)
}

/// As apk writes its database; no mirror of Alpine is at hand.
fn alpine() -> Real {
    let root = root::alpine(60);
    let packages = root.packages.iter();
    let packages = packages.map(|one| Package::new(Kind::Apk, &one.name, &one.version));
    Real {
        name: "alpine".to_owned(),
        truth: BTreeMap::from([(
            Kind::Apk,
            Truth {
                tool: "as written",
                reach: Reach::Whole,
                packages: packages.collect(),
            },
        )]),
        image: Image::amd64().layer(root.layer).build(),
    }
}

/// As conda writes its records; none of its channels is at hand.
fn conda(base: &BuiltLayer, base_truth: &Truth) -> Real {
    const RECORDS: [(&str, &str, &str, &str); 6] = [
        ("python", "3.11.7", "h955ad1f_0", "PSF-2.0"),
        ("openssl", "3.0.12", "h7f8727e_0", "Apache-2.0"),
        ("numpy", "1.26.3", "py311h08b1b3b_0", "BSD-3-Clause"),
        ("ca-certificates", "2023.12.12", "h06a4308_0", "MPL-2.0"),
        ("libffi", "3.4.4", "h6a678d5_0", "MIT"),
        ("tzdata", "2023d", "h04d1e81_0", "LicenseRef-Public-Domain"),
    ];
    let mut layer = Layer::new()
        .dir("opt/conda/conda-meta")
        .file("opt/conda/conda-meta/history", "==> 2024-01-10 <==\n");
    for (name, version, build, licence) in RECORDS {
        let record = json!({
            "build": build, "build_number": 0, "channel": "https://repo.anaconda.com/pkgs/main/linux-64",
            "constrains": [], "depends": ["libgcc-ng >=11.2.0"], "license": licence, "name": name,
            "files": [format!("lib/{name}.so")], "fn": format!("{name}-{version}-{build}.conda"),
            "md5": "0123456789abcdef0123456789abcdef", "subdir": "linux-64", "version": version,
            "url": format!("https://repo.anaconda.com/pkgs/main/linux-64/{name}-{version}-{build}.conda"),
        });
        layer = layer.file(
            &format!("opt/conda/conda-meta/{name}-{version}-{build}.json"),
            record.to_string(),
        );
    }
    let packages = RECORDS
        .iter()
        .map(|(name, version, ..)| Package::new(Kind::Conda, name, version));
    let truth = Truth {
        tool: "as written",
        reach: Reach::Whole,
        packages: packages.collect(),
    };
    Real {
        name: "conda".to_owned(),
        image: Image::amd64()
            .layer(base)
            .layer(layer.command("RUN conda install"))
            .build(),
        truth: BTreeMap::from([(Kind::Conda, truth), (Kind::Deb, base_truth.clone())]),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_truth_is_sorted_by_kind_and_build_dependencies_are_not_in_it() {
        let text = "python\tPyYAML\t6.0\tusr/lib\nrust\tserde\t1.0.1\topt/uv\nrust-build\tcc\t1.2.0\topt/uv\n";
        let truth = truth(text).unwrap();
        let python = truth.get(&Kind::Pypi).unwrap();
        assert!(
            python
                .packages
                .contains(&Package::new(Kind::Pypi, "pyyaml", "6.0"))
        );
        assert_eq!(truth.get(&Kind::Cargo).unwrap().packages.len(), 1);
        assert!(super::truth("nonsense").is_err());
        assert!(super::truth("cobol\ta\t1\t").is_err());
    }
}
