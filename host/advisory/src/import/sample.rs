//! Made-up exports for tests: always the same from the same numbers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use serde_json::{Value, json};

/// A record of one package with one fixed range.
pub(crate) fn record(id: &str, ecosystem: &str, name: &str, fixed: &str, modified: &str) -> Value {
    json!({
        "schema_version": "1.7.5",
        "id": id,
        "modified": modified,
        "published": "2024-01-01T00:00:00Z",
        "summary": format!("{name} is broken"),
        "details": "It breaks. ".repeat(40),
        "affected": [{
            "package": {"ecosystem": ecosystem, "name": name},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
        }]
    })
}

/// The text of a record and the name of its file.
pub(crate) fn file(record: &Value) -> (String, Vec<u8>) {
    let id = record["id"].as_str().unwrap();
    (format!("{id}.json"), serde_json::to_vec(record).unwrap())
}

pub(crate) fn zip_bytes(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
    for (name, contents) in files {
        let (mut entry, config) = archive
            .new_file(name.as_str())
            .compression_method(rawzip::CompressionMethod::DEFLATE)
            .start()
            .unwrap();
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::fast()));
        writer.write_all(contents).unwrap();
        let (encoder, descriptor) = writer.finish().unwrap();
        encoder.finish().unwrap();
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    bytes
}

/// Writes `<folder>/<ecosystem>/all.zip`.
pub(crate) fn export(folder: &Path, ecosystem: &str, records: &[Value]) -> PathBuf {
    let files: Vec<_> = records.iter().map(file).collect();
    let path = folder.join(ecosystem).join("all.zip");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, zip_bytes(&files)).unwrap();
    path
}

/// `count` records of an ecosystem. Another `edition` has some changed, some withdrawn, some gone and some
/// new.
pub(crate) fn records(ecosystem: &str, count: usize, edition: usize) -> Vec<Value> {
    let mut records = Vec::new();
    for number in 0..count {
        if edition > 0 && number % 11 == 3 {
            continue;
        }
        let again = edition > 0 && number % 7 == 1;
        let fixed = format!("{}.{}", number % 13, if again { edition } else { 0 });
        let modified = format!("202{}-02-03T04:05:06Z", if again { 6 } else { 5 });
        let id = format!("TEST-{}-{number}", ecosystem.replace(' ', ""));
        let name = format!("package-{}", number % 97);
        let mut record = record(&id, ecosystem, &name, &fixed, &modified);
        record["aliases"] = json!([format!("CVE-2024-{}", 1000 + number)]);
        if number % 17 == 5 || (again && number % 3 == 0) {
            record["withdrawn"] = json!("2025-03-03T00:00:00Z");
        }
        records.push(record);
    }
    for number in 0..edition * 10 {
        let id = format!("TEST-NEW-{}-{number}", ecosystem.replace(' ', ""));
        records.push(record(
            &id,
            ecosystem,
            "package-new",
            "1",
            "2026-01-01T00:00:00Z",
        ));
    }
    records
}

/// Made scores in the real format, from a fixed seed.
pub(crate) fn epss(day: &str, count: u64, seed: u64) -> Vec<u8> {
    let mut text =
        format!("#model_version:v2025.03.14,score_date:{day}T00:00:00Z\ncve,epss,percentile\n");
    let mut state = seed;
    for number in 0..count {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let score = (state >> 40) % 100_000;
        text.push_str(&format!(
            "CVE-2024-{},0.{score:05},0.{:05}\n",
            1000 + number,
            score / 2
        ));
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

/// A KEV catalogue of some CVEs.
pub(crate) fn kev(cves: &[&str]) -> Vec<u8> {
    let entries: Vec<_> = cves
        .iter()
        .map(|cve| {
            json!({
                "cveID": cve, "vendorProject": "Maker", "product": "Thing", "vulnerabilityName": "Thing breaks",
                "dateAdded": "2024-05-06", "shortDescription": "It breaks.", "requiredAction": "Mend it.",
                "dueDate": "2024-06-06", "knownRansomwareCampaignUse": "Known", "notes": "", "cwes": ["CWE-79"]
            })
        })
        .collect();
    let catalogue = json!({
        "title": "Known", "catalogVersion": "2024.05.06", "dateReleased": "2024-05-06T15:00:00.0000Z",
        "count": entries.len(), "vulnerabilities": entries
    });
    serde_json::to_vec(&catalogue).unwrap()
}
