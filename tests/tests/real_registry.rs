//! Real images in a real registry, read by the real program: what it finds is what `dpkg-query` says. And
//! what an instance needs for a layer does not grow with the layer.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use ox_harness::image::{Artefact, BuiltLayer, Image, Layer};
use ox_harness::instance::Instance;
use ox_harness::peers::{DebianRoot, Installation, debian_root};
use ox_harness::program::OxHost;
use ox_harness::sim::{GitLab, Modes, Organisation, level, scope};
use ox_host::contract::{Observation, SkipSubject};
use serde_json::Value;

const TOKEN: &str = "glpat-real-registry";
const REPOSITORY: &str = "quarry/stones/debian";

/// One project with one repository, and someone who may read it.
fn organisation() -> (Organisation, u64) {
    let mut org = Organisation::new();
    let reader = org.user("reader");
    org.token(reader, TOKEN, &scope::CONNECTOR);
    let group = org.group(None, "quarry", |group| {
        group.members.push((reader, level::DEVELOPER));
    });
    let project = org.project(group, "stones", |_| {});
    let repository = org.repository(project, "debian");
    (org, repository)
}

/// The lines that `dpkg-query` would print for what was found.
fn as_dpkg_query(packages: &[Value]) -> BTreeSet<String> {
    let text = |package: &Value, key: &str| package[key].as_str().map(str::to_owned);
    packages
        .iter()
        .map(|package| {
            assert_eq!(package["format"], "dpkg", "{package}");
            let name = text(package, "name").unwrap();
            let version = text(package, "version").unwrap();
            let architecture = text(package, "architecture").unwrap();
            let source = text(package, "source_name").unwrap_or_else(|| name.clone());
            let source_version = text(package, "source_version").unwrap_or_else(|| version.clone());
            format!("{name} {version} {architecture} {source} {source_version}")
        })
        .collect()
}

/// What apt leaves behind when it removes one package and purges another: a database without them.
fn later_layer(root: &Path, removed: &str, purged: &str) -> BuiltLayer {
    let status = fs::read_to_string(root.join("var/lib/dpkg/status")).unwrap();
    let is = |stanza: &str, name: &str| stanza.starts_with(&format!("Package: {name}\n"));
    let stanzas: Vec<String> = status
        .split("\n\n")
        .filter(|stanza| !is(stanza, purged))
        .map(|stanza| {
            if is(stanza, removed) {
                stanza.replace("install ok installed", "deinstall ok config-files")
            } else {
                stanza.to_owned()
            }
        })
        .collect();
    let changed = stanzas.join("\n\n");
    assert!(changed.len() < status.len() && changed.contains("deinstall ok config-files"));
    let folder = tempfile::tempdir().unwrap();
    let dpkg = folder.path().join("var/lib/dpkg");
    fs::create_dir_all(dpkg.join("info")).unwrap();
    fs::write(dpkg.join("status"), changed).unwrap();
    fs::write(dpkg.join(format!("info/.wh.{purged}.list")), "").unwrap();
    Layer::from_folder(folder.path())
        .unwrap()
        .command("RUN apt-get remove")
        .build()
}

fn the_inventory_is_what_dpkg_query_says(suite: &str, version: &str) {
    let Some(DebianRoot { root, packages, .. }) = debian_root(suite).unwrap() else {
        return;
    };
    let Some(site) = Installation::start(organisation().0).unwrap() else {
        return;
    };
    let whole: BTreeSet<String> = packages.iter().cloned().collect();
    let name = |line: &String| line.split(' ').next().unwrap().to_owned();
    let (removed, purged) = (name(&packages[0]), name(&packages[1]));
    let mut changed = whole.clone();
    changed.remove(&packages[0]);
    changed.remove(&packages[1]);

    let layer = Layer::from_folder(&root).unwrap();
    let gzip = layer.clone().gzip().build();
    let zstd = layer.zstd().build();
    let later = later_layer(&root, &removed, &purged);
    let images: [(&str, Artefact, &BTreeSet<String>); 3] = [
        ("one", Image::amd64().layer(&gzip).build(), &whole),
        (
            "two",
            Image::amd64().docker().layer(&gzip).layer(&later).build(),
            &changed,
        ),
        ("zstd", Image::amd64().layer(&zstd).build(), &whole),
    ];
    for (tag, image, _) in &images {
        if !site.open.push(image, REPOSITORY, tag).unwrap() {
            return;
        }
    }

    let host = OxHost::new().unwrap();
    let url = site.gitlab.base_url();
    let (scan, _) = host.scan(&url, TOKEN, REPOSITORY).unwrap();
    assert_eq!(scan["complete"], true, "{scan:#}");
    let counts = &scan["counts"];
    assert_eq!((&counts["images"], &counts["tags"]), (&3.into(), &3.into()));
    // Two images share the large layer, and it was read once.
    assert_eq!(counts["layers_read"], 3, "{counts}");
    assert_eq!(counts["layers_reused"], 1, "{counts}");
    let rows: BTreeMap<&str, &Value> = scan["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| (image["digest"].as_str().unwrap(), image))
        .collect();
    for (tag, image, expected) in &images {
        let row = rows[image.digest.as_str()];
        assert_eq!(row["tags"], serde_json::json!([tag]));
        let system = &row["operating_system"];
        assert_eq!(
            (&system["id"], &system["version_id"]),
            (&"debian".into(), &version.into()),
            "{suite} {tag}"
        );
        let found = as_dpkg_query(&host.packages(&image.digest).unwrap());
        let missing: Vec<_> = expected.difference(&found).collect();
        let invented: Vec<_> = found.difference(expected).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "{suite} {tag}: not found {missing:?}, not in dpkg-query {invented:?}"
        );
    }

    // A second scan asks for manifests only: no layer is read again.
    let (again, _) = host.scan(&url, TOKEN, REPOSITORY).unwrap();
    assert_eq!(again["counts"]["layers_read"], 0, "{}", again["counts"]);
    assert_eq!(again["counts"]["packages"], counts["packages"]);
}

#[test]
fn the_inventory_of_debian_12_is_what_dpkg_query_says() {
    the_inventory_is_what_dpkg_query_says("bookworm", "12");
}

#[test]
fn the_inventory_of_debian_13_is_what_dpkg_query_says() {
    the_inventory_is_what_dpkg_query_says("trixie", "13");
}

/// A layer with one file of that many zeros.
fn zeros(mebibytes: u64, pack: impl FnOnce(Layer) -> Layer) -> BuiltLayer {
    let folder = tempfile::tempdir().unwrap();
    let file = fs::File::create(folder.path().join("zeros")).unwrap();
    file.set_len(mebibytes << 20).unwrap();
    pack(Layer::from_folder(folder.path()).unwrap()).build()
}

/// The most memory that an instance had while it scanned an image of that one layer.
async fn memory_for(component: &Path, layer: BuiltLayer) -> u64 {
    let (mut org, repository) = organisation();
    let image = Image::amd64().layer(layer).build();
    org.push(repository, "one", &image);
    let gitlab = GitLab::start(org, Modes::default()).unwrap();
    let instance = Instance::load(component, &gitlab.base_url(), TOKEN)
        .await
        .unwrap();
    let (usage, observations) = instance.scan(REPOSITORY).await.unwrap();
    let skipped: Vec<_> = observations
        .iter()
        .filter(|one| matches!(one, Observation::Skipped(skipped) if skipped.subject == SkipSubject::Layer))
        .collect();
    assert!(skipped.is_empty(), "the layer was not read: {skipped:?}");
    usage.memory_peak
}

/// How a layer is compressed.
type Packing = fn(Layer) -> Layer;

#[tokio::test(flavor = "multi_thread")]
async fn what_an_instance_needs_does_not_grow_with_the_layer() {
    let component = ox_harness::component::connector().unwrap();
    let packings: [(&str, u64, Packing); 3] = [
        ("plain", 400, Layer::plain),
        ("gzip", 1000, Layer::gzip),
        ("zstd", 1000, Layer::zstd),
    ];
    for (name, mebibytes, pack) in packings {
        let small = memory_for(&component, zeros(20, pack)).await;
        let large = memory_for(&component, zeros(mebibytes, pack)).await;
        assert!(
            large <= small + (1 << 20),
            "{name}: 20 MiB took {small} bytes, {mebibytes} MiB took {large}"
        );
        assert!(large <= 32 << 20, "{name}: {large} bytes");
    }
}
