//! What is fuzzed, and by which rules. Cataloguers come from their table: a new one needs nothing here.

use std::io::{self, Read, Write};
use std::sync::Arc;

use gitlab_registry_connector::catalog::{self, CATALOGUERS, Cataloguer, Found, HEAD_BYTES};
use gitlab_registry_connector::http::{Fetched, Headers};
use gitlab_registry_connector::image::decompress::{Inflated, Trouble};
use gitlab_registry_connector::image::layer::{self, LayerInventory};
use gitlab_registry_connector::image::merge::Merge;
use gitlab_registry_connector::image::{config, tar};
use gitlab_registry_connector::registry::manifest;
use gitlab_registry_connector::secret;

use crate::memory::measured;
use crate::pieces::{Failing, Pieces};
use crate::{Chosen, archive, rules, samples};

/// Bytes that are inflated of one input.
const INFLATED: u64 = 8 << 20;
const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

enum Target {
    Catalogue(&'static dyn Cataloguer, Vec<String>),
    Secrets(Vec<&'static str>),
    Layer,
    Tar,
    Decompress,
    Merge,
    Config,
    Manifest,
}

fn secret_paths() -> Vec<&'static str> {
    let all = samples::all_paths().iter().copied();
    all.filter(|path| secret::wants(&samples::file(path, 1000)))
        .collect()
}

fn target(name: &str) -> Option<Target> {
    if let Some(id) = name.strip_prefix("catalog-") {
        let one = catalog::by_id(id)?;
        let paths = samples::paths(one);
        assert!(
            !paths.is_empty(),
            "{id} wants no path of samples.rs: add one there"
        );
        return Some(Target::Catalogue(one, paths));
    }
    Some(match name {
        "secrets" => Target::Secrets(secret_paths()),
        "layer" => Target::Layer,
        "tar" => Target::Tar,
        "decompress" => Target::Decompress,
        "merge" => Target::Merge,
        "config" => Target::Config,
        "manifest" => Target::Manifest,
        _ => return None,
    })
}

/// All names.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = CATALOGUERS
        .iter()
        .map(|one| format!("catalog-{}", one.id()))
        .collect();
    let others = ["layer", "tar", "decompress", "merge", "config", "manifest"];
    names.extend(others.map(str::to_owned));
    if !secret_paths().is_empty() {
        names.push("secrets".to_owned());
    }
    names
}

/// The target of a name.
pub fn by_name(name: &str) -> Option<Chosen> {
    let target = Arc::new(target(name)?);
    let again = Arc::clone(&target);
    Some(Chosen {
        run: Box::new(move |data| run(&target, data)),
        seeds: Box::new(move || seeds(&again)),
    })
}

fn run(target: &Target, data: &[u8]) {
    match target {
        Target::Catalogue(by, paths) => catalogue(*by, paths, data),
        Target::Secrets(paths) => secrets(paths, data),
        Target::Layer => whole_layer(&mended(data)),
        Target::Tar => walk(&mended(data)),
        Target::Decompress => inflate(data),
        Target::Merge => merge(data),
        Target::Config => {
            let text = |config: Option<config::Config>| format!("{config:?}");
            let first = config::parse(data, DIGEST);
            if let Some(config) = &first {
                for layers in [0, 1, 7] {
                    let commands = config::layer_commands(&config.facts.history, layers);
                    assert_eq!(commands.len(), layers);
                }
            }
            assert_eq!(text(first), text(config::parse(data, DIGEST)));
        }
        Target::Manifest => {
            let media = "application/vnd.oci.image.manifest.v1+json".to_owned();
            let answer = Fetched {
                status: 200,
                headers: Headers::new([("content-type".to_owned(), media)]),
                body: data.to_vec(),
            };
            let first = format!("{:?}", manifest::parse(&answer));
            assert_eq!(first, format!("{:?}", manifest::parse(&answer)));
        }
    }
}

fn catalogue(by: &dyn Cataloguer, paths: &[String], data: &[u8]) {
    let Some((choice, contents)) = data.split_first() else {
        return;
    };
    let file = samples::file(&paths[usize::from(*choice) % paths.len()], contents.len());
    if !by.recognises(&contents[..contents.len().min(HEAD_BYTES)]) {
        return;
    }
    let parse = |reader: &mut dyn Read| {
        let mut found = Found::default();
        by.parse(&file, reader, &mut found).map(|()| found)
    };
    let (first, peak) = measured(|| parse(&mut &contents[..]));
    let first = first.expect("an error though the reader had none");
    assert!(peak <= rules::FILE_MEMORY, "it needed {peak} bytes");
    rules::found(by, &first);
    let again = parse(&mut Pieces::new(contents)).expect("an error though the reader had none");
    assert_eq!(
        first, again,
        "the same bytes in other pieces say something else"
    );
    let mut failing = Failing::new(&contents[..contents.len() / 2]);
    let result = parse(&mut failing);
    assert!(
        result.is_err() || !failing.told,
        "the reader's error was swallowed"
    );
}

fn secrets(paths: &[&str], data: &[u8]) {
    let Some((choice, contents)) = data.split_first().filter(|_| !paths.is_empty()) else {
        return;
    };
    let file = samples::file(paths[usize::from(*choice) % paths.len()], contents.len());
    if !secret::recognises(&contents[..contents.len().min(HEAD_BYTES)]) {
        return;
    }
    let read = |reader: &mut dyn Read| {
        let mut hits = Vec::new();
        secret::read(&file, reader, &mut hits).map(|()| hits)
    };
    let (first, peak) = measured(|| read(&mut &contents[..]));
    assert!(peak <= rules::FILE_MEMORY, "it needed {peak} bytes");
    let first = first.expect("an error though the reader had none");
    let again = read(&mut Pieces::new(contents)).expect("an error though the reader had none");
    assert_eq!(
        first, again,
        "the same bytes in other pieces say something else"
    );
    let mut failing = Failing::new(&contents[..contents.len() / 2]);
    let result = read(&mut failing);
    assert!(
        result.is_err() || !failing.told,
        "the reader's error was swallowed"
    );
}

/// Half of all inputs have their checksums put right: few would ever get past one.
fn mended(data: &[u8]) -> Vec<u8> {
    match data.split_first() {
        Some((choice, rest)) if choice & 1 == 0 => archive::mend(rest),
        Some((_, rest)) => rest.to_vec(),
        None => Vec::new(),
    }
}

fn whole_layer(data: &[u8]) {
    let (first, peak) = measured(|| layer::read(data));
    assert!(peak <= rules::LAYER_MEMORY, "it needed {peak} bytes");
    if let Ok(layer) = &first {
        rules::layer(layer);
    }
    // How an error is put may depend on where a decoder stood when it was found.
    let (first, again) = (first.ok(), layer::read(Pieces::new(data)).ok());
    assert_eq!(
        first, again,
        "the same bytes in other pieces say something else"
    );
    let failing = Failing::new(&data[..data.len() / 2]);
    assert!(
        layer::read(failing).is_err(),
        "a layer that did not arrive was read"
    );
}

fn walk(data: &[u8]) {
    let members = |reader: &mut dyn Read| {
        let mut walker = tar::Walker::new(reader);
        let mut all = Vec::new();
        let mut skip = false;
        loop {
            match walker.advance() {
                Ok(Some(member)) => {
                    let mut contents = Vec::new();
                    if !skip && let Err(error) = walker.contents().read_to_end(&mut contents) {
                        return (all, Some(error.to_string()));
                    }
                    skip = !skip;
                    assert!(contents.len() as u64 <= member.size);
                    let names = (walker.path().to_vec(), walker.link().to_vec());
                    all.push((member, names, contents));
                }
                Ok(None) => return (all, None),
                Err(error) => return (all, Some(error.to_string())),
            }
        }
    };
    let (first, peak) = measured(|| members(&mut &data[..]));
    assert!(peak <= rules::LAYER_MEMORY, "it needed {peak} bytes");
    assert_eq!(first, members(&mut Pieces::new(data)));
}

fn inflate(data: &[u8]) {
    let read = |reader: &mut dyn Read| {
        let mut out = Vec::new();
        let result = Inflated::open(reader).and_then(|inflated| {
            let mut inflated = inflated.take(INFLATED);
            inflated.read_to_end(&mut out).map_err(Trouble::from_io)
        });
        (result.map_err(|error| error.to_string()).err(), out)
    };
    let (first, peak) = measured(|| read(&mut &data[..]));
    assert!(
        peak <= rules::LAYER_MEMORY + 2 * INFLATED as usize,
        "it needed {peak} bytes"
    );
    let again = read(&mut Pieces::new(data));
    // How an error is put may depend on where the decoder stood when it was found.
    assert_eq!(
        first.0.is_some(),
        again.0.is_some(),
        "the same bytes in other pieces end otherwise"
    );
    // What comes before an error may be more or less, by how it is read.
    let common = first.1.len().min(again.1.len());
    assert!(first.1[..common] == again.1[..common]);
    assert!(first.0.is_some() || first.1.len() == again.1.len());
}

/// Layers from a script: what each two bytes say is a member, or the end of a layer.
fn scripted(data: &[u8]) -> Vec<Vec<u8>> {
    let mut paths: Vec<String> = CATALOGUERS
        .iter()
        .flat_map(|one| samples::paths(*one).into_iter().take(3))
        .collect();
    for path in [
        "var",
        "var/lib",
        "usr/lib",
        "lib",
        "usr",
        "etc",
        "app",
        "app/x",
        "root/.ssh",
    ] {
        paths.push(path.to_owned());
    }
    let contents = samples::contents();
    let mut layers = vec![Vec::new()];
    let mut bytes = data.iter().copied();
    while let (Some(what), Some(place), Some(more)) = (bytes.next(), bytes.next(), bytes.next()) {
        let path = &paths[usize::from(place) % paths.len()];
        let other = &paths[usize::from(more) % paths.len()];
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(layer) = layers.last_mut() else {
            break;
        };
        match what % 12 {
            0..=3 => {
                let contents = &contents[usize::from(more) % contents.len()];
                archive::append(layer, path, b'0', 0o755, "", contents);
            }
            4 => archive::append(layer, path, b'0', 0o644, "", &data[..data.len().min(300)]),
            5 => archive::append(layer, path, b'2', 0o777, other, b""),
            6 => archive::append(layer, path, b'2', 0o777, &format!("../{other}"), b""),
            7 => archive::append(layer, path, b'1', 0o755, other, b""),
            8 => archive::append(layer, path, b'5', 0o755, "", b""),
            9 => archive::append(layer, &format!("{folder}/.wh.{name}"), b'0', 0, "", b""),
            10 => archive::append(layer, &format!("{folder}/.wh..wh..opq"), b'0', 0, "", b""),
            _ if layers.len() < 6 => layers.push(Vec::new()),
            _ => break,
        }
    }
    layers
}

fn merge(data: &[u8]) {
    let layers: Vec<LayerInventory> = scripted(data)
        .iter()
        .filter_map(|bytes| layer::read(&bytes[..]).ok())
        .collect();
    layers.iter().for_each(rules::layer);
    let merged = || {
        let mut merge = Merge::default();
        for (index, layer) in layers.iter().enumerate() {
            merge.apply(index as u32, layer.clone());
        }
        let inventory = merge.finish();
        let release = inventory.release.clone();
        for secret in &inventory.secrets {
            rules::key(&secret.path);
            assert!(secret.removed.is_none_or(|layer| layer > secret.layer));
        }
        let notes = format!("{:?} {:?}", inventory.notes, inventory.special);
        let packages: Vec<_> = inventory
            .packages
            .into_iter()
            .map(|entry| entry.into_contract(release.as_ref(), Some(1)))
            .collect();
        (packages, notes)
    };
    let (packages, notes) = merged();
    for package in &packages {
        rules::key(package.path.split("!/").next().unwrap_or_default());
        assert!((package.layer as usize) < layers.len());
        assert!(package.purl.starts_with("pkg:"), "{}", package.purl);
    }
    let again = merged();
    assert_eq!(packages, again.0);
    assert_eq!(notes, again.1);
}

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let with = |first: usize, rest: &[u8]| [&[first as u8], rest].concat();
    let chosen = |count: usize, use_it: &dyn Fn(&[u8]) -> bool| -> Vec<Vec<u8>> {
        let contents = samples::contents();
        let each = |path| {
            let wanted = contents.iter().filter(|contents| use_it(contents));
            wanted.map(move |contents| with(path, contents))
        };
        (0..count).flat_map(each).collect()
    };
    let head = |contents: &[u8]| contents[..contents.len().min(HEAD_BYTES)].to_vec();
    match target {
        Target::Catalogue(by, paths) => chosen(paths.len(), &|contents| by.recognises(&head(contents))),
        Target::Secrets(paths) => chosen(paths.len(), &|contents| secret::recognises(&head(contents))),
        Target::Layer | Target::Tar => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            for script in scripts() {
                all.extend(scripted(&script).iter().map(|layer| with(0, layer)));
            }
            if matches!(target, Target::Layer) {
                let packed: Vec<_> = all.iter().map(|layer| with(1, &gzip(&layer[1..]))).collect();
                all.extend(packed);
            }
            all
        }
        Target::Decompress => {
            let mut all: Vec<_> = samples::contents().iter().map(|contents| gzip(contents)).collect();
            // A zstd frame of one raw block.
            all.push(b"\x28\xb5\x2f\xfd\x20\x03\x19\x00\x00abc".to_vec());
            all
        }
        Target::Merge => scripts(),
        Target::Config => vec![
            br#"{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","config":{"User":"root","Env":["PATH=/bin","TOKEN=x"],"Labels":{"a":"b"},"ExposedPorts":{"80/tcp":{}},"Entrypoint":["/app"],"Cmd":null,"Volumes":{"/data":{}}},"rootfs":{"type":"layers","diff_ids":["sha256:aa"]},"history":[{"created_by":"/bin/sh -c #(nop) CMD","empty_layer":true},{"created_by":"COPY . ."}]}"#.to_vec(),
        ],
        Target::Manifest => vec![
            format!(r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{DIGEST}","size":2}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"{DIGEST}","size":2}}],"annotations":{{"a":"b"}}}}"#).into_bytes(),
            format!(r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{{"digest":"{DIGEST}","size":2,"platform":{{"os":"linux","architecture":"arm64","variant":"v8"}}}}]}}"#).into_bytes(),
        ],
    }
}

/// Scripts for [`scripted`]: files, a link over a folder, whiteouts, hard links.
fn scripts() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = (0..20).map(|place| vec![0, place, place]).collect();
    all.push(vec![0, 1, 1, 11, 0, 0, 9, 1, 0, 0, 2, 2]);
    all.push(vec![0, 3, 3, 7, 4, 3, 11, 0, 0, 5, 20, 21, 8, 22, 0]);
    all
}

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let written: io::Result<()> = encoder.write_all(data);
    written.and_then(|()| encoder.finish()).expect("memory")
}
