//! An inventory as a connector would bring it: images that share bases and packages, made of the names and
//! versions of the real advisories and of names that no advisory knows. The same numbers make the same one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ox_advisory::index::Index;
use ox_advisory::matching::Advisories;
use ox_advisory::osv::Event;
use ox_advisory::version::order_of;
use ox_host::contract::{
    ConfigFacts, Image, Layer, Location, Observation, OperatingSystem, Package, PackageBatch,
    PackageOrigin, Platform,
};
use ox_host::host::{Counts, NetworkOptions};
use ox_host::store::{BeginScan, LocationEnd, LocationState, NewConnection, Store};

/// The release that all images are of.
const RELEASE: &str = "AlmaLinux:9";
/// Images of a repository.
const TAGS: usize = 4;
/// Base images that the repositories are built on.
const BASES: usize = 20;
/// Packages of a base; with those that a repository and an image have of their own it makes a hundred.
const OF_BASE: usize = 30;
const SYSTEM_OF_REPOSITORY: usize = 10;
const OF_REPOSITORY: usize = 50;
const OF_IMAGE: usize = 10;
/// Of a hundred names, so many stand in an advisory, where there are as many.
const KNOWN: usize = 70;

/// How much is made.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) images: usize,
    /// Distinct packages.
    pub(crate) distinct: usize,
}

/// Small and always the same (SplitMix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most.max(1) as u64).unwrap_or(0)
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let at = self.below(all.len());
        all.get(at)
    }
}

/// The folder with the public data; says so where there is none.
pub(crate) fn public_data(question: &str) -> Option<PathBuf> {
    let named = std::env::var_os("OX_TEST_DATA").map(PathBuf::from);
    let beside = || {
        let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        folders.find_map(|one| Some(one.join("shared/data")).filter(|data| data.is_dir()))
    };
    let found = named
        .or_else(beside)
        .filter(|data| data.join("advisories").is_dir());
    if found.is_none() {
        eprintln!("{question}: skipped, OX_TEST_DATA names no folder with `advisories` in it\n");
    }
    found
}

/// Packages that images are made of, by where they come from.
struct Pools {
    system: Vec<Package>,
    languages: Vec<Vec<Package>>,
}

/// Fills a store through the verbs that a scan uses. The index must have its advisories.
pub(crate) async fn fill(folder: &Path, index: &Index, size: Size) -> anyhow::Result<()> {
    let store = Store::open(folder)?;
    let connection = store
        .save_connection(NewConnection {
            name: Some("bench".to_owned()),
            connector: "gitlab-registry".to_owned(),
            source_tool: "GitLab".to_owned(),
            display_name: "bench on gitlab.test".to_owned(),
            ephemeral: false,
            settings: Vec::new(),
            secrets: Vec::new(),
            network: NetworkOptions::default(),
            verified: None,
        })?
        .id;
    let mut chance = Chance(4);
    let pools = pools(index, size.distinct, &mut chance)?;
    let repositories = size.images.div_ceil(TAGS);
    let locations = (0..repositories).map(location).collect();
    store
        .record_listing(connection, locations, Vec::new(), true)
        .await?;
    let known = store.locations(connection)?;
    let scan = store
        .begin_scan(BeginScan {
            connection,
            locations: known.iter().map(|one| one.id).collect(),
            partial_plan: false,
            fresh: false,
            resume: None,
        })
        .await?;
    let draw = |pool: &[Package], many: usize, chance: &mut Chance| -> Vec<Package> {
        (0..many).filter_map(|_| chance.of(pool).cloned()).collect()
    };
    let bases: Vec<Vec<Package>> = (0..BASES)
        .map(|_| draw(&pools.system, OF_BASE, &mut chance))
        .collect();
    for (at, one) in scan.targets.iter().enumerate() {
        let languages = chance.of(&pools.languages).context("no packages")?;
        let mut shared = chance.of(&bases).cloned().unwrap_or_default();
        shared.extend(draw(&pools.system, SYSTEM_OF_REPOSITORY, &mut chance));
        shared.extend(draw(languages, OF_REPOSITORY, &mut chance));
        let attempt = store.start_attempt(scan.id, one.location).await?.attempt;
        for tag in 0..TAGS.min(size.images - at * TAGS) {
            let mut packages = shared.clone();
            packages.extend(draw(languages, OF_IMAGE, &mut chance));
            let image = image(&one.path, tag, packages.len(), &mut chance);
            let batch = PackageBatch {
                image: image.digest.clone(),
                packages,
            };
            let observations = vec![Observation::Image(image), Observation::Packages(batch)];
            let cursor = format!("{tag}");
            store
                .commit_batch(scan.id, one.location, attempt, observations, cursor)
                .await?;
        }
        let end = LocationEnd {
            state: LocationState::Complete,
            summary: Counts::default(),
            reason: None,
        };
        store
            .end_location(scan.id, one.location, attempt, end, Counts::default(), 1)
            .await?;
    }
    store.end_scan(scan.id, true).await?;
    Ok(())
}

fn location(number: usize) -> Location {
    let path = format!(
        "group-{:02}/project-{:03}/app-{number:04}",
        number % 40,
        number / 3
    );
    Location {
        id: format!("repository/{number}"),
        kind: "image-repository".to_owned(),
        name: format!("app-{number:04}"),
        parent: None,
        scannable: true,
        has_children: false,
        unscannable: None,
        web_url: Some(format!(
            "https://gitlab.test/{path}/container_registry/{number}"
        )),
        attributes: vec![
            (
                "project".to_owned(),
                path.rsplit_once('/').map_or("", |(one, _)| one).to_owned(),
            ),
            ("visibility".to_owned(), "private".to_owned()),
        ],
        path,
    }
}

fn digest(chance: &mut Chance) -> String {
    let hex: String = (0..4).map(|_| format!("{:016x}", chance.next())).collect();
    format!("sha256:{hex}")
}

fn image(path: &str, tag: usize, packages: usize, chance: &mut Chance) -> Image {
    let layer = |chance: &mut Chance, command: &str| Layer {
        digest: digest(chance),
        diff_id: Some(digest(chance)),
        media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
        size: 30_000_000,
        command: Some(command.to_owned()),
    };
    Image {
        digest: digest(chance),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        registry: "registry.gitlab.test".to_owned(),
        repository: path.to_owned(),
        tags: vec![format!("1.{tag}.0")],
        index: None,
        platform: Platform {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            variant: None,
            os_version: None,
        },
        size: 90_000_000,
        pushed: Some(format!("2026-0{}-01T10:00:00Z", tag + 1)),
        config: ConfigFacts {
            digest: digest(chance),
            created: Some(format!("2026-0{}-01T09:00:00Z", tag + 1)),
            author: None,
            user: "app".to_owned(),
            env_names: vec!["PATH".to_owned()],
            labels: Vec::new(),
            exposed_ports: Vec::new(),
            entrypoint: vec!["/app".to_owned()],
            command: Vec::new(),
            working_dir: None,
            volumes: Vec::new(),
            history: Vec::new(),
        },
        layers: vec![
            layer(chance, "ADD almalinux-9.tar.xz /"),
            layer(chance, "COPY . /app"),
        ],
        operating_system: Some(OperatingSystem {
            id: "almalinux".to_owned(),
            version_id: Some("9.4".to_owned()),
            pretty_name: Some("AlmaLinux 9.4".to_owned()),
            attributes: vec![("osv-ecosystem".to_owned(), RELEASE.to_owned())],
        }),
        package_count: u32::try_from(packages).unwrap_or(0),
        complete: true,
        attributes: Vec::new(),
    }
}

fn pools(index: &Index, distinct: usize, chance: &mut Chance) -> anyhow::Result<Pools> {
    let names = index.touched_since(0)?;
    let mut pool = |ecosystem: &str, percent: usize| -> anyhow::Result<Vec<Package>> {
        let many = distinct * percent / 100;
        let of_it = names.iter().filter(|(of, _)| of == ecosystem);
        let mut of_it: Vec<&str> = of_it.map(|(_, name)| name.as_str()).collect();
        let mut seen = HashSet::new();
        let mut packages = Vec::new();
        while packages.len() < many * KNOWN / 100 && !of_it.is_empty() {
            let at = chance.below(of_it.len());
            let name = of_it.swap_remove(at);
            if let Some(version) = version(index, ecosystem, name, chance)?
                && seen.insert(name.to_owned())
            {
                packages.push(package(ecosystem, name, &version));
            }
        }
        for number in packages.len()..many {
            let name = match ecosystem {
                "Go" => format!("example.test/team/module-{number}"),
                _ => format!("own-package-{number}"),
            };
            packages.push(package(ecosystem, &name, &format!("1.{}.0", number % 30)));
        }
        Ok(packages)
    };
    Ok(Pools {
        system: pool("AlmaLinux", 40)?,
        languages: vec![pool("PyPI", 24)?, pool("Go", 24)?, pool("crates.io", 12)?],
    })
}

/// A version such as images have: mostly the one that the newest advisory asks for, sometimes an older one.
fn version(
    index: &Index,
    ecosystem: &str,
    name: &str,
    chance: &mut Chance,
) -> anyhow::Result<Option<String>> {
    let release = if ecosystem == "AlmaLinux" {
        RELEASE
    } else {
        ecosystem
    };
    let mut fixed = Vec::new();
    for advisory in index.about(ecosystem, name)? {
        let of_release = advisory
            .affected
            .iter()
            .filter(|one| one.ecosystem == release);
        for event in of_release
            .flat_map(|one| &one.ranges)
            .flat_map(|range| &range.events)
        {
            if let Event::Fixed(version) = event {
                fixed.push(version.clone());
            }
        }
    }
    let Some(order) = order_of(release) else {
        return Ok(None);
    };
    fixed.sort_by(|a, b| order.compare(a, b));
    fixed.dedup();
    let back = match chance.below(100) {
        0..75 => 0,
        75..92 => 1,
        _ => chance.below(6),
    };
    Ok(fixed
        .into_iter()
        .rev()
        .nth(back)
        .filter(|version| version != "0"))
}

fn package(ecosystem: &str, name: &str, version: &str) -> Package {
    let (format, path, origin) = match ecosystem {
        "AlmaLinux" => (
            "rpm",
            "var/lib/rpm/rpmdb.sqlite",
            PackageOrigin::OperatingSystem,
        ),
        "PyPI" => (
            "python",
            "usr/lib/python3.9/site-packages/METADATA",
            PackageOrigin::UserLayer,
        ),
        "Go" => ("go-binary", "app/server", PackageOrigin::UserLayer),
        _ => ("rust-binary", "app/server", PackageOrigin::UserLayer),
    };
    let purl = match format {
        "rpm" => format!("pkg:rpm/almalinux/{name}@{version}?arch=x86_64&distro=almalinux-9.4"),
        "python" => format!("pkg:pypi/{name}@{version}"),
        "go-binary" => format!("pkg:golang/{name}@v{version}"),
        _ => format!("pkg:cargo/{name}@{version}"),
    };
    let source = (format == "rpm").then(|| name.split('-').next().unwrap_or(name).to_owned());
    Package {
        format: format.to_owned(),
        name: name.to_owned(),
        version: if format == "go-binary" {
            format!("v{version}")
        } else {
            version.to_owned()
        },
        architecture: (format == "rpm").then(|| "x86_64".to_owned()),
        source_version: source.as_ref().map(|_| version.to_owned()),
        source_name: source,
        purl,
        licences: vec!["MIT".to_owned()],
        path: path.to_owned(),
        layer: u32::from(origin == PackageOrigin::UserLayer),
        origin,
        owner: None,
        attributes: Vec::new(),
    }
}
