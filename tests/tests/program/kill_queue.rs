//! `kill -9` while advisories are imported and while the queue is brought up to date: run again, all is as if
//! nothing had happened, and nothing is there twice.

use std::collections::BTreeMap;

use ox_advisory::index::Index;
use ox_host::contract::{
    ConfigFacts, Image as Seen, Layer as SeenLayer, Location, Observation, OperatingSystem,
    Package, PackageBatch, PackageOrigin, Platform,
};
use ox_host::host::{Counts, NetworkOptions};
use ox_host::store::{BeginScan, LocationEnd, LocationState, NewConnection, Store};
use serde_json::json;

use super::kill::{Chance, seed};
use super::*;

/// Programs that are killed in one test.
const KILLS: usize = 8;
/// Programs that are started for it, at most: some end before their time has come.
const STARTS: usize = 24;
/// Repositories of the made inventory, images of each, packages of each image.
const REPOSITORIES: usize = 30;
const IMAGES: usize = 2;
const PACKAGES: usize = 24;
/// Names of packages in it; advisories speak of the even ones.
const NAMES: usize = 60;

/// A record that concerns every version of a package below `fixed`.
fn record(ecosystem: &str, number: usize, name: &str, fixed: &str) -> Value {
    json!({
        "schema_version": "1.7.0",
        "id": format!("TEST-2026-{number}"),
        "aliases": [format!("CVE-2026-{}", 10_000 + number)],
        "modified": "2026-03-01T00:00:00Z",
        "published": "2026-02-01T00:00:00Z",
        "summary": format!("{name} is broken in way {number}"),
        "details": "It breaks. ".repeat(40),
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
        "affected": [{
            "package": {"ecosystem": release(ecosystem), "name": name},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
        }]
    })
}

/// The ecosystem as records of it have it.
fn release(ecosystem: &str) -> &str {
    match ecosystem {
        "Debian" => "Debian:12",
        other => other,
    }
}

/// Writes an export of each ecosystem as a folder of records.
fn export(folder: &Path, records: &[(&str, usize, String)]) {
    for (ecosystem, number, name) in records {
        let folder = folder.join(ecosystem);
        std::fs::create_dir_all(&folder).unwrap();
        let text = record(ecosystem, *number, name, "9.0.0").to_string();
        std::fs::write(folder.join(format!("TEST-2026-{number}.json")), text).unwrap();
    }
}

/// Starts the program again and again and kills it at some time before the time that it takes undisturbed;
/// then lets it end. Answers how many were killed while they worked.
fn disturbed(data: &Path, arguments: &[&str], takes: Duration, chance: &mut Chance) -> usize {
    let mut kills = 0;
    for _ in 0..STARTS {
        if kills == KILLS {
            break;
        }
        let after = chance.below(u64::try_from(takes.as_micros()).unwrap());
        let mut going = Run::new(data, arguments).begin();
        std::thread::sleep(Duration::from_micros(after));
        let over = going.is_over();
        if !over {
            going.signal("-KILL");
        }
        let ended = going.end();
        if over {
            assert_eq!(ended.code, 0, "{ended:?}");
        } else {
            kills += 1;
        }
    }
    Run::new(data, arguments).end().must(0);
    kills
}

fn dump(data: &Path) -> Vec<String> {
    Index::open(data).unwrap().dump().unwrap()
}

/// Imports one folder undisturbed into one data folder, and killed again and again into another.
fn killed_import(from: &Path, chance: &mut Chance, seed: u64) {
    let (calm, data) = (data_folder(), data_folder());
    let (calm, data) = (calm.path().join("data"), data.path().join("data"));
    let arguments = ["advisories", "import", from.to_str().unwrap()];
    let whole = Run::new(&calm, &arguments).end().must(0);
    let kills = disturbed(&data, &arguments, whole.took, chance);
    assert!(kills > 0, "seed {seed}: nothing was killed in time");
    let expected = dump(&calm);
    assert!(expected.len() > 100, "{}", expected.len());
    assert!(
        dump(&data) == expected,
        "seed {seed}: after {kills} kills another index came out"
    );
}

#[test]
fn a_killed_import_of_advisories_ends_as_if_it_never_had_been() {
    let seed = seed();
    eprintln!("OX_SEED={seed}");
    let mut chance = Chance(seed);
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..1500)
        .map(|number| {
            (
                ["PyPI", "npm", "crates.io"][number % 3],
                number,
                format!("name-{}", number % 400),
            )
        })
        .collect();
    export(folder.path(), &records);
    killed_import(folder.path(), &mut chance, seed);
}

#[test]
fn a_killed_import_of_real_advisories_ends_as_if_it_never_had_been() {
    let Some(real) = std::env::var_os("OX_TEST_DATA").map(PathBuf::from) else {
        eprintln!("skipped: OX_TEST_DATA names no folder");
        return;
    };
    let seed = seed();
    eprintln!("OX_SEED={seed}");
    let mut chance = Chance(seed);
    // Two of them: what a kill does between sources is seen, too.
    let folder = tempfile::tempdir().unwrap();
    for ecosystem in ["Go", "Rust"] {
        let zip = real.join("advisories").join(ecosystem).join("all.zip");
        if !zip.is_file() {
            eprintln!("skipped: {} is not there", zip.display());
            return;
        }
        std::fs::create_dir(folder.path().join(ecosystem)).unwrap();
        std::fs::copy(zip, folder.path().join(ecosystem).join("all.zip")).unwrap();
    }
    killed_import(folder.path(), &mut chance, seed);
}

/// Each row of the queue by what it is about, without times, numbers and addresses.
#[derive(Debug, PartialEq, Eq)]
struct Queue {
    components: BTreeMap<String, usize>,
    issues: BTreeMap<String, usize>,
    words: BTreeMap<String, usize>,
    occurrences: BTreeMap<String, usize>,
    events: BTreeMap<String, usize>,
    waiting: BTreeMap<String, usize>,
}

/// Takes every time and number out of a record.
fn timeless(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for key in ["first_seen", "last_seen", "closed_at", "at", "due"] {
                object.remove(key);
            }
            object.values_mut().for_each(timeless);
        }
        Value::Array(all) => all.iter_mut().for_each(timeless),
        _ => {}
    }
}

fn queue(data: &Path, hosts: &[String]) -> Queue {
    let store = rusqlite::Connection::open(data.join("store.db")).unwrap();
    let rows = |sql: &str| -> BTreeMap<String, usize> {
        let mut statement = store.prepare(sql).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        let mut all = BTreeMap::new();
        while let Some(row) = rows.next().unwrap() {
            let mut line = String::new();
            for column in 0..columns {
                let mut text = match row.get::<_, rusqlite::types::Value>(column).unwrap() {
                    rusqlite::types::Value::Text(text) => text,
                    other => format!("{other:?}"),
                };
                if text.starts_with(['{', '['])
                    && let Ok(mut value) = serde_json::from_str::<Value>(&text)
                {
                    timeless(&mut value);
                    text = value.to_string();
                }
                for host in hosts {
                    text = text.replace(host, "host.test");
                }
                line.push_str(&text);
                line.push('|');
            }
            *all.entry(line).or_default() += 1;
        }
        all
    };
    // What is counted beside the issues is what counting them would say.
    let sorts = "connection_id, state, is_excluded, severity, original";
    assert_eq!(
        rows(&format!("SELECT {sorts}, issues, found FROM issue_tally WHERE issues <> 0")),
        rows(&format!(
            "SELECT connection_id, state, excluded IS NOT NULL AS is_excluded, severity, original, count(*), sum(found)
             FROM issue GROUP BY {sorts}"
        ))
    );
    let issue = "location.path, issue.kind, issue.subject, issue.primary_id";
    let of_issue =
        "JOIN issue ON issue.id = issue_id JOIN location ON location.id = issue.location_id";
    Queue {
        components: rows(
            "SELECT record, ecosystem, name, source_name, generation, matches,
                    (SELECT count(*) FROM package WHERE component_id = component.id) FROM component",
        ),
        issues: rows(&format!(
            "SELECT {issue}, state, severity, verdict, original, title, package, fixable, known_exploited, epss,
                    application, owner, occurrences, found, due IS NULL, excluded, exclusion, assignee, own_severity,
                    comments, closed_at IS NULL, issue.record
             FROM issue JOIN location ON location.id = issue.location_id"
        )),
        words: rows(&format!("SELECT {issue}, issue_word.kind, word FROM issue_word {of_issue}")),
        occurrences: rows(&format!(
            "SELECT {issue}, image.repository, image.digest, occurrence.path, version
             FROM occurrence {of_issue} JOIN image ON image.id = image_id"
        )),
        events: rows(&format!(
            "SELECT {issue}, issue_event.kind, issue_event.record FROM issue_event {of_issue}"
        )),
        waiting: rows("SELECT path FROM pending JOIN location ON location.id = location_id"),
    }
}

fn same(killed: &Queue, calm: &Queue, seed: u64) {
    assert_eq!(killed.waiting, BTreeMap::new(), "seed {seed}");
    for (what, killed, calm) in [
        ("component", &killed.components, &calm.components),
        ("issue", &killed.issues, &calm.issues),
        ("issue_word", &killed.words, &calm.words),
        ("occurrence", &killed.occurrences, &calm.occurrences),
        ("issue_event", &killed.events, &calm.events),
    ] {
        assert!(!calm.is_empty(), "no {what}");
        for (row, count) in calm {
            let there = killed.get(row).copied().unwrap_or(0);
            assert_eq!(
                there, *count,
                "seed {seed}: {what} is there {there} times: {row}"
            );
        }
        let more: Vec<&String> = killed
            .keys()
            .filter(|row| !calm.contains_key(*row))
            .collect();
        assert!(more.is_empty(), "seed {seed}: {what} too many: {more:?}");
    }
}

/// A data folder as a scan left it that was killed before the queue was made.
async fn scanned(data: &Path) {
    let store = Store::open(data).unwrap();
    let new = NewConnection {
        name: Some("made".to_owned()),
        connector: "gitlab-registry".to_owned(),
        source_tool: "GitLab".to_owned(),
        display_name: "made on gitlab.test".to_owned(),
        ephemeral: false,
        settings: Vec::new(),
        secrets: Vec::new(),
        network: NetworkOptions::default(),
        verified: None,
    };
    let connection = store.save_connection(new).unwrap().id;
    let locations = (0..REPOSITORIES).map(location).collect();
    store
        .record_listing(connection, locations, Vec::new(), true)
        .await
        .unwrap();
    let locations = store
        .locations(connection)
        .unwrap()
        .iter()
        .map(|one| one.id)
        .collect();
    let begin = BeginScan {
        connection,
        locations,
        partial_plan: false,
        fresh: false,
        resume: None,
    };
    let scan = store.begin_scan(begin).await.unwrap();
    for (number, target) in scan.targets.iter().enumerate() {
        let attempt = store
            .start_attempt(scan.id, target.location)
            .await
            .unwrap()
            .attempt;
        let mut observations = Vec::new();
        for image in 0..IMAGES {
            let packages: Vec<Package> = (0..PACKAGES)
                .map(|one| package((number * 7 + one + image) % NAMES))
                .collect();
            let image = image_of(&target.path, number, image, packages.len());
            let batch = PackageBatch {
                image: image.digest.clone(),
                packages,
            };
            observations.extend([Observation::Image(image), Observation::Packages(batch)]);
        }
        let commit = store.commit_batch(
            scan.id,
            target.location,
            attempt,
            observations,
            "1".to_owned(),
        );
        commit.await.unwrap();
        let end = LocationEnd {
            state: LocationState::Complete,
            summary: Counts::default(),
            reason: None,
        };
        let ended =
            store.end_location(scan.id, target.location, attempt, end, Counts::default(), 1);
        ended.await.unwrap();
    }
    store.end_scan(scan.id, true).await.unwrap();
}

fn location(number: usize) -> Location {
    let path = format!("acme/project-{}/app-{number}", number / 4);
    Location {
        id: format!("repository/{number}"),
        kind: "image-repository".to_owned(),
        name: format!("app-{number}"),
        path,
        parent: None,
        scannable: true,
        has_children: false,
        unscannable: None,
        web_url: None,
        attributes: Vec::new(),
    }
}

fn digest(number: usize) -> String {
    format!("sha256:{number:064x}")
}

fn image_of(path: &str, number: usize, tag: usize, packages: usize) -> Seen {
    let number = number * 10 + tag;
    Seen {
        digest: digest(number + 1),
        media_type: "application/vnd.oci.image.manifest.v1+json".to_owned(),
        registry: "registry.test".to_owned(),
        repository: path.to_owned(),
        tags: vec![format!("1.{tag}")],
        index: None,
        platform: Platform {
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            variant: None,
            os_version: None,
        },
        size: 1000,
        pushed: Some("2026-01-02T00:00:00Z".to_owned()),
        config: ConfigFacts {
            digest: digest(number + 1_000_000),
            created: Some("2026-01-01T00:00:00Z".to_owned()),
            author: None,
            user: String::new(),
            env_names: Vec::new(),
            labels: Vec::new(),
            exposed_ports: Vec::new(),
            entrypoint: Vec::new(),
            command: Vec::new(),
            working_dir: None,
            volumes: Vec::new(),
            history: Vec::new(),
        },
        layers: vec![SeenLayer {
            digest: digest(number + 2_000_000),
            diff_id: None,
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
            size: 1000,
            command: None,
        }],
        operating_system: Some(OperatingSystem {
            id: "debian".to_owned(),
            version_id: Some("12".to_owned()),
            pretty_name: None,
            attributes: vec![("osv-ecosystem".to_owned(), "Debian:12".to_owned())],
        }),
        package_count: u32::try_from(packages).unwrap(),
        complete: true,
        attributes: Vec::new(),
    }
}

fn package(name: usize) -> Package {
    let (name, version) = (format!("name-{name}"), "1.2.3".to_owned());
    Package {
        format: "python".to_owned(),
        purl: format!("pkg:pypi/{name}@{version}"),
        name,
        version,
        architecture: None,
        source_name: None,
        source_version: None,
        licences: Vec::new(),
        path: "usr/lib/python3/METADATA".to_owned(),
        layer: 0,
        origin: PackageOrigin::UserLayer,
        owner: None,
        attributes: Vec::new(),
    }
}

/// Runs a comparison again when midnight (UTC) came between its two sides: ages are told in days.
fn on_one_day(comparison: fn()) {
    let day = || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.unwrap().as_secs() / (24 * 60 * 60)
    };
    let before = day();
    let outcome = std::panic::catch_unwind(comparison);
    match outcome {
        Err(_) if day() != before => comparison(),
        Err(panic) => std::panic::resume_unwind(panic),
        Ok(()) => {}
    }
}

#[test]
fn a_queue_that_is_killed_while_it_is_made_ends_as_if_it_never_had_been() {
    on_one_day(killed_queue);
}

fn killed_queue() {
    let seed = seed();
    eprintln!("OX_SEED={seed}");
    let mut chance = Chance(seed);
    let exports = tempfile::tempdir().unwrap();
    let records: Vec<_> = (0..NAMES)
        .map(|number| ("PyPI", number, format!("name-{}", number / 2 * 2)))
        .collect();
    export(exports.path(), &records);
    let arguments = ["advisories", "import", exports.path().to_str().unwrap()];

    let (calm, killed) = (data_folder(), data_folder());
    let (calm, data) = (calm.path().join("data"), killed.path().join("data"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(scanned(&calm));
    // The same bytes: what differs afterwards came of the kills.
    std::fs::copy(calm.join("store.db"), data.join("store.db")).unwrap();
    std::fs::copy(calm.join("secret.key"), data.join("secret.key")).unwrap();

    let whole = Run::new(&calm, &arguments).end().must(0);
    let kills = disturbed(&data, &arguments, whole.took, &mut chance);
    assert!(kills > 0, "seed {seed}: nothing was killed in time");
    let (expected, found) = (queue(&calm, &[]), queue(&data, &[]));
    assert!(
        expected.issues.len() >= REPOSITORIES,
        "{}",
        expected.issues.len()
    );
    same(&found, &expected, seed);
}

#[test]
fn a_scan_that_is_killed_while_its_queue_is_made_ends_as_if_it_never_had_been() {
    on_one_day(killed_scan);
}

fn killed_scan() {
    let seed = seed();
    eprintln!("OX_SEED={seed}");
    let mut chance = Chance(seed);
    let exports = tempfile::tempdir().unwrap();
    let records: Vec<_> = (10..40)
        .map(|number| ("Debian", number, format!("acme{number}")))
        .collect();
    export(exports.path(), &records);
    let from = exports.path().to_str().unwrap().to_owned();

    let of = |stage: &Stage| {
        let registry = stage.gitlab.registry_host();
        let url = stage.gitlab.base_url();
        let host = url.split_once("://").unwrap().1.to_owned();
        queue(&stage.data(), &[registry, host])
    };
    let prepared = || {
        let stage = Stage::small().connected();
        with_findings(&stage.gitlab);
        stage.ox(&["advisories", "import", &from]).must(0);
        stage
    };
    let calm = prepared();
    let whole = calm.ox(&["scan", "work"]).must(0);
    let stage = prepared();
    // Some of the kills fall into the scan, some into the queue after it.
    let kills = disturbed(&stage.data(), &["scan", "work"], whole.took, &mut chance);
    assert!(kills > 0, "seed {seed}: nothing was killed in time");
    same(&of(&stage), &of(&calm), seed);
}
