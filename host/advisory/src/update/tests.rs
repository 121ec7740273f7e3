#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor};
use std::path::PathBuf;
use std::sync::Mutex;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::import::Counts;
use crate::import::sample::{self, file, record, records, zip_bytes};
use crate::matching::Advisories;

const BASE: &str = "https://mirror.example/osv";

/// A mirror in memory.
#[derive(Default)]
struct Mirror {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    asked: Mutex<Vec<String>>,
    /// Bodies break off after so many bytes.
    breaks_after: Mutex<Option<u64>>,
}

impl Mirror {
    fn put(&self, path: &str, bytes: Vec<u8>) {
        self.files.lock().unwrap().insert(path.to_owned(), bytes);
    }

    /// `<ecosystem>/all.zip`, the list of changes and every record by itself.
    fn publish(&self, ecosystem: &str, records: &[Value]) {
        let files: Vec<_> = records.iter().map(file).collect();
        self.put(&format!("{BASE}/{ecosystem}/all.zip"), zip_bytes(&files));
        let mut lines: Vec<_> = records
            .iter()
            .map(|record| {
                format!(
                    "{},{}",
                    record["modified"].as_str().unwrap(),
                    record["id"].as_str().unwrap()
                )
            })
            .collect();
        lines.sort();
        lines.reverse();
        self.put(
            &format!("{BASE}/{ecosystem}/modified_id.csv"),
            lines.join("\n").into_bytes(),
        );
        for (name, text) in files {
            self.put(&format!("{BASE}/{ecosystem}/{name}"), text);
        }
    }

    /// What was asked since the last time, without the base.
    fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.asked.lock().unwrap());
        asked.iter().map(|url| url.replace(BASE, "")).collect()
    }
}

struct Breaking(Cursor<Vec<u8>>, u64);

impl Read for Breaking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.1 - self.0.position()).unwrap();
        if left == 0 {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let length = buffer.len().min(left);
        self.0.read(&mut buffer[..length])
    }
}

impl Fetch for Mirror {
    fn get(&self, request: &Request<'_>) -> Result<Response, FetchError> {
        let mut asked = request.url.to_owned();
        let files = self.files.lock().unwrap();
        let path = percent_encoding::percent_decode_str(request.url)
            .decode_utf8()
            .unwrap();
        let Some(bytes) = files.get(path.as_ref()) else {
            self.asked.lock().unwrap().push(format!("{asked} 404"));
            let body = Box::new(io::empty());
            return Ok(Response {
                status: 404,
                etag: None,
                length: None,
                body,
            });
        };
        let etag = format!(
            "\"{}\"",
            Sha256::digest(bytes)
                .iter()
                .take(6)
                .map(|b| format!("{b:02x}"))
                .collect::<String>()
        );
        let (mut status, mut bytes) = (200, bytes.clone());
        if request.etag == Some(&etag) {
            (status, bytes) = (304, Vec::new());
        }
        if let Some((from, of)) = request.resume.filter(|(_, of)| *of == etag) {
            let _ = of;
            (status, bytes) = (206, bytes.split_off(usize::try_from(from).unwrap()));
            asked.push_str(&format!(" from {from}"));
        }
        self.asked.lock().unwrap().push(if status == 304 {
            format!("{asked} 304")
        } else {
            asked
        });
        let length = Some(bytes.len() as u64);
        let body: Box<dyn Read + Send> = match *self.breaks_after.lock().unwrap() {
            Some(after) => Box::new(Breaking(Cursor::new(bytes), after)),
            None => Box::new(Cursor::new(bytes)),
        };
        Ok(Response {
            status,
            etag: Some(etag),
            length,
            body,
        })
    }
}

struct Place {
    _home: TempDir,
    folder: PathBuf,
    index: Index,
    mirror: Mirror,
    options: Options,
}

impl Place {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("index");
        Self {
            index: Index::open(&folder).unwrap(),
            _home: home,
            folder,
            mirror: Mirror::default(),
            options: Options {
                base: BASE.to_owned(),
                ecosystems: vec!["npm".to_owned()],
                kev: None,
                epss: None,
                ..Options::default()
            },
        }
    }

    fn run(&self) -> Vec<Ended> {
        let report = run(
            &self.index,
            &self.mirror,
            &self.options,
            &(),
            &Cancel::new(),
        )
        .unwrap();
        report
            .outcomes
            .into_iter()
            .map(|outcome| outcome.result)
            .collect()
    }

    fn counts(&self) -> Counts {
        match self.run().as_slice() {
            [Ended::Imported(counts)] => counts.clone(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_first_time_all_then_only_what_changed() {
    let place = Place::new();
    let mut list = records("npm", 400, 0);
    place.mirror.publish("npm", &list);
    assert_eq!(place.counts().added, 400);
    assert_eq!(
        place.mirror.asked(),
        ["/npm/modified_id.csv", "/npm/all.zip"]
    );
    let files: Vec<_> = fs::read_dir(&place.folder)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        !files
            .iter()
            .any(|name| name.to_string_lossy().starts_with("download")),
        "{files:?}"
    );

    let before = place.index.generation().unwrap();
    assert_eq!(place.run(), [Ended::Unchanged]);
    assert_eq!(place.mirror.asked(), ["/npm/modified_id.csv"]);
    assert_eq!(place.run(), [Ended::Unchanged]);
    assert_eq!(place.mirror.asked(), ["/npm/modified_id.csv 304"]);
    assert_eq!(place.index.generation().unwrap(), before);

    list[1] = record(
        "TEST-npm-1",
        "npm",
        "package-1",
        "99",
        "2026-03-01T00:00:00Z",
    );
    list.push(record(
        "TEST:new 1".replace(' ', "_").as_str(),
        "npm",
        "fresh",
        "1",
        "2026-03-02T00:00:00Z",
    ));
    list[2]["withdrawn"] = json!("2026-03-01T00:00:00Z");
    list[2]["modified"] = json!("2026-03-01T00:00:00Z");
    place.mirror.publish("npm", &list);
    let counts = place.counts();
    assert_eq!((counts.added, counts.changed, counts.withdrawn), (1, 2, 25));
    assert_eq!(
        place.mirror.asked(),
        [
            "/npm/modified_id.csv",
            "/npm/TEST%3Anew_1.json",
            "/npm/TEST-npm-2.json",
            "/npm/TEST-npm-1.json"
        ]
    );
    assert_eq!(counts.touched, 3);
    assert_eq!(place.index.about("npm", "fresh").unwrap().len(), 1);
    assert_eq!(place.run(), [Ended::Unchanged]);

    // The same as from the whole file.
    let other = Place::new();
    other.mirror.publish("npm", &list);
    other.run();
    let names: Vec<_> = other.index.touched_since(0).unwrap();
    for (ecosystem, name) in names {
        assert_eq!(
            place.index.about(&ecosystem, &name).unwrap(),
            other.index.about(&ecosystem, &name).unwrap()
        );
    }
}

#[test]
fn when_too_much_changed_the_whole_file_is_taken_and_what_is_gone_is_noticed() {
    let mut place = Place::new();
    place.mirror.publish("npm", &records("npm", 400, 0));
    place.run();
    place.mirror.asked();
    place.options.one_by_one = 5;
    place.mirror.publish("npm", &records("npm", 400, 1));
    let counts = place.counts();
    assert!(counts.removed > 30, "{counts:?}");
    assert_eq!(
        place.mirror.asked(),
        [
            "/npm/modified_id.csv",
            "/npm/modified_id.csv",
            "/npm/all.zip"
        ]
    );
}

#[test]
fn after_a_while_the_whole_file_is_asked_for_again() {
    let mut place = Place::new();
    place.mirror.publish("npm", &records("npm", 50, 0));
    place.run();
    place.mirror.asked();
    place.options.whole_after_days = 0;
    let before = place.index.generation().unwrap();
    assert_eq!(place.run(), [Ended::Unchanged]);
    assert_eq!(
        place.mirror.asked(),
        ["/npm/modified_id.csv", "/npm/all.zip 304"]
    );
    assert_eq!(place.index.generation().unwrap(), before);
}

#[test]
fn a_list_that_is_cut_off_does_not_hide_changes() {
    let place = Place::new();
    let mut list = records("npm", 50, 0);
    place.mirror.publish("npm", &list);
    place.run();
    for (number, record) in list.iter_mut().enumerate().take(10) {
        record["modified"] = json!(format!("2026-04-{:02}T00:00:00Z", number + 1));
    }
    place.mirror.publish("npm", &list);
    let url = format!("{BASE}/npm/modified_id.csv");
    let text = place.mirror.files.lock().unwrap()[&url].clone();
    let lines: Vec<_> = text.split(|b| *b == b'\n').take(3).collect();
    place.mirror.put(&url, lines.join(&b'\n'));
    assert_eq!(place.counts().changed, 10);
}

#[test]
fn a_fetch_that_breaks_off_is_resumed_where_it_ended() {
    let place = Place::new();
    place.mirror.publish("npm", &records("npm", 900, 0));
    let size = place.mirror.files.lock().unwrap()[&format!("{BASE}/npm/all.zip")].len() as u64;
    let step = size / 6 + 1;
    *place.mirror.breaks_after.lock().unwrap() = Some(step);
    // Four attempts of a sixth each are not enough.
    let ended = place.run();
    assert!(
        matches!(&ended[0], Ended::Failed(reason) if reason.contains("broke off")),
        "{ended:?}"
    );
    assert_eq!(place.index.status().unwrap().sources.len(), 0);
    let asked = place.mirror.asked();
    assert_eq!(asked[2], format!("/npm/all.zip from {step}"));
    assert_eq!(
        fs::metadata(place.folder.join("download-npm.part"))
            .unwrap()
            .len(),
        4 * step
    );
    // The next run takes the rest.
    assert_eq!(place.counts().added, 900);
    assert_eq!(
        place.mirror.asked()[1],
        format!("/npm/all.zip from {}", 4 * step)
    );
}

#[test]
fn a_part_of_a_file_that_changed_meanwhile_is_no_part_of_the_new_one() {
    let place = Place::new();
    let url = format!("{BASE}/npm/all.zip");
    place.mirror.put(&url, b"the new file".to_vec());
    let part = download::Part::of(&place.folder, "npm");
    let about = |etag: &str| {
        fs::write(part.path(), b"the old").unwrap();
        let about = format!("{url}\n{etag}\n");
        fs::write(place.folder.join("download-npm.about"), about).unwrap();
    };
    let get = || {
        let got = part.get(&place.mirror, &url, None, &mut |_, _| true);
        let etag = got.unwrap().unwrap().unwrap();
        assert_eq!(fs::read(part.path()).unwrap(), b"the new file");
        etag
    };
    about("\"old\"");
    let etag = get();
    // A weak ETag, and another address, promise nothing.
    about(&format!("W/{etag}"));
    get();
    about(&etag);
    let other = format!("{BASE}/other/all.zip");
    place.mirror.put(&other, b"the new file".to_vec());
    part.get(&place.mirror, &other, None, &mut |_, _| true)
        .unwrap();
    assert_eq!(fs::read(part.path()).unwrap(), b"the new file");
    assert_eq!(
        place.mirror.asked(),
        ["/npm/all.zip", "/npm/all.zip", "/other/all.zip"]
    );
}

#[test]
fn a_source_that_fails_voids_no_other() {
    let mut place = Place::new();
    place.mirror.publish("npm", &records("npm", 10, 0));
    place.options.ecosystems = ["Nope", "npm", "Maven", ".."].map(str::to_owned).to_vec();
    place.mirror.put(
        &format!("{BASE}/Maven/all.zip"),
        b"<html>sign in</html>".to_vec(),
    );
    let (kev, epss) = (
        "https://kev.example/kev.json",
        "https://epss.example/epss.csv.gz",
    );
    place.options.kev = Some(kev.to_owned());
    place.options.epss = Some(epss.to_owned());
    place.mirror.put(kev, b"<html>".to_vec());
    place.mirror.put(epss, sample::epss("2026-05-18", 10, 7));
    let report = run(
        &place.index,
        &place.mirror,
        &place.options,
        &(),
        &Cancel::new(),
    )
    .unwrap();
    assert!(report.incomplete());
    let told: Vec<_> = report
        .outcomes
        .iter()
        .map(|outcome| match &outcome.result {
            Ended::Failed(reason) => {
                format!("{}: {}", outcome.source, reason.split(" (").next().unwrap())
            }
            other => format!(
                "{}: {}",
                outcome.source,
                matches!(other, Ended::Imported(_))
            ),
        })
        .collect();
    assert_eq!(
        told,
        [
            "Nope: https://mirror.example/osv/Nope/all.zip is not there",
            "npm: true",
            "Maven: https://mirror.example/osv/Maven/all.zip: it is no whole zip archive",
            "..: \"..\" is no name of an ecosystem",
            "KEV: https://kev.example/kev.json: it is no KEV catalogue in JSON: expected value at line 1 column 1",
            "EPSS: true",
        ]
    );
    // The feeds are asked for with what they were.
    place.mirror.put(kev, sample::kev(&["CVE-2024-1001"]));
    place.run();
    place.mirror.asked();
    let ended = place.run();
    assert_eq!(ended[4..], [Ended::Unchanged, Ended::Unchanged]);
    let asked = place.mirror.asked();
    assert_eq!(
        asked[asked.len() - 2..],
        [format!("{kev} 304"), format!("{epss} 304")]
    );
}

#[test]
fn a_changed_record_that_is_broken_or_missing_is_named_and_the_rest_is_taken() {
    let place = Place::new();
    let mut list = records("npm", 20, 0);
    place.mirror.publish("npm", &list);
    place.run();
    for number in [1, 2, 3] {
        list[number]["modified"] = json!(format!("2026-04-0{number}T00:00:00Z"));
    }
    place.mirror.publish("npm", &list);
    place
        .mirror
        .files
        .lock()
        .unwrap()
        .remove(&format!("{BASE}/npm/TEST-npm-1.json"));
    place
        .mirror
        .put(&format!("{BASE}/npm/TEST-npm-2.json"), b"{".to_vec());
    let counts = place.counts();
    assert_eq!((counts.changed, counts.broken), (1, 2));
    let named: Vec<_> = counts
        .broken_first
        .iter()
        .map(|broken| broken.name.as_str())
        .collect();
    assert_eq!(named, ["TEST-npm-2.json", "TEST-npm-1.json"]);
    assert_eq!(place.index.status().unwrap().sources[0].broken, 2);
}

#[test]
fn without_names_what_is_there_is_brought_up_to_date() {
    let mut place = Place::new();
    place.mirror.publish("npm", &records("npm", 20, 0));
    place.run();
    place.options.ecosystems.clear();
    assert_eq!(place.run(), [Ended::Unchanged]);
}

#[test]
fn a_cancelled_update_keeps_the_old_state_and_what_came() {
    struct StopAtOnce(Cancel);
    impl Progress for StopAtOnce {
        fn report(&self, step: Step<'_>) {
            if matches!(step, Step::Downloading { bytes: 1.., .. }) {
                self.0.cancel();
            }
        }
    }
    let place = Place::new();
    place.mirror.publish("npm", &records("npm", 20, 0));
    let progress = StopAtOnce(Cancel::new());
    let report = run(
        &place.index,
        &place.mirror,
        &place.options,
        &progress,
        &progress.0,
    )
    .unwrap();
    assert_eq!(report.outcomes[0].result, Ended::Cancelled);
    assert_eq!(place.index.generation().unwrap(), 0);
    assert_eq!(place.counts().added, 20);
}
