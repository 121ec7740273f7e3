//! What holds whatever the bytes are.

use gitlab_registry_connector::catalog::{Cataloguer, Found, MAX_FOUND_BYTES};
use gitlab_registry_connector::image::layer::{self, LayerInventory};

/// Bytes that the reading of one file may need at a time: what a parser may hold, and what it has found,
/// which grows by doubling.
pub const FILE_MEMORY: usize = (24 << 20) + 2 * MAX_FOUND_BYTES;
/// The same for a layer: buffers of decoders come to it.
pub const LAYER_MEMORY: usize = FILE_MEMORY + (20 << 20);
/// What lies between a weight and a cap: one record, and the lists that are weighed elsewhere.
const SLACK: usize = 64 << 10;

/// Of what one file says.
pub fn found(by: &dyn Cataloguer, found: &Found) {
    assert!(
        found.weight() <= MAX_FOUND_BYTES + SLACK,
        "it keeps {} bytes",
        found.weight()
    );
    assert!(found.notes.len() <= 8, "{} notes", found.notes.len());
    for note in &found.notes {
        assert!(note.why.message.len() < 4096, "a note of a page");
    }
    for package in &found.packages {
        let purl = package
            .purl
            .clone()
            .unwrap_or_else(|| by.purl(package, None));
        assert!(purl.starts_with("pkg:"), "{purl}");
        if package.purl.is_none() {
            let odd = |letter: char| letter.is_whitespace() || letter.is_control();
            assert!(!purl.contains(odd), "{purl:?}");
        }
        package.owns.iter().for_each(|owned| key(owned));
    }
    found.owns.iter().for_each(|owned| key(owned));
    let text = serde_json::to_vec(found).expect("it goes into the cache");
    let again: Found = serde_json::from_slice(&text).expect("it comes out of the cache");
    assert_eq!(found, &again, "the cache changes it");
}

/// Of a path in an image.
pub fn key(key: &str) {
    let odd = |part: &str| matches!(part, "" | "." | "..");
    assert!(!key.split('/').any(odd), "the key {key:?} leads elsewhere");
}

/// Of what one layer says.
pub fn layer(layer: &LayerInventory) {
    let files = layer.files.iter().map(|file| &file.path);
    let links = layer.links.iter().map(|link| &link.path);
    let targets = layer
        .links
        .iter()
        .filter(|link| link.hard)
        .map(|link| &link.target);
    let secrets = layer.secrets.iter().map(|file| &file.path);
    let special = layer.traces.special.iter().map(|special| &special.path);
    files
        .chain(links)
        .chain(targets)
        .chain(secrets)
        .chain(special)
        .chain(&layer.whiteouts)
        .chain(&layer.folders)
        .chain(&layer.others)
        .for_each(|path| key(path));
    // The root has no key, and may be opaque.
    layer
        .opaque
        .iter()
        .filter(|path| !path.is_empty())
        .for_each(|path| key(path));
    let weight: usize = layer.files.iter().map(|file| file.found.weight()).sum();
    assert!(
        weight <= layer::MAX_FOUND_BYTES + MAX_FOUND_BYTES + SLACK,
        "it keeps {weight} bytes"
    );
    let text = serde_json::to_vec(layer).expect("it goes into the cache");
    let again: LayerInventory = serde_json::from_slice(&text).expect("it comes out of the cache");
    assert_eq!(layer, &again, "the cache changes it");
}
