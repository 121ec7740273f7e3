#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::contract::{Observation, Severity};
use crate::host::{Counts, Filter, LocationOutcome, NetworkOptions, NewLocations, Selection};
use crate::scan::script::{context, digest, finding, image, location, packages, skipped};
use crate::secret::SecretString;

/// A store with one connection and its listed locations.
pub(crate) struct Fixture {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: Arc<Store>,
    pub(crate) connection: i64,
}

pub(crate) fn new_connection(name: Option<&str>) -> NewConnection {
    NewConnection {
        name: name.map(str::to_owned),
        connector: "gitlab-registry".to_owned(),
        source_tool: "GitLab".to_owned(),
        display_name: "gitlab.example.com".to_owned(),
        ephemeral: false,
        settings: vec![("url".to_owned(), "https://gitlab.example.com".to_owned())],
        secrets: vec![(
            "token".to_owned(),
            SecretString::new("glpat-very-secret".to_owned()),
        )],
        network: NetworkOptions::default(),
        verified: None,
    }
}

pub(crate) async fn fixture(paths: &[&str]) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::open(&folder.path().join("data")).unwrap());
    let connection = store
        .save_connection(new_connection(Some("main")))
        .unwrap()
        .id;
    let listed = paths.iter().map(|path| location(path)).collect();
    store
        .record_listing(connection, listed, Vec::new(), true)
        .await
        .unwrap();
    Fixture {
        folder,
        store,
        connection,
    }
}

impl Fixture {
    pub(crate) fn all(&self) -> Vec<i64> {
        self.store
            .locations(self.connection)
            .unwrap()
            .iter()
            .map(|known| known.id)
            .collect()
    }

    pub(crate) fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    async fn begin(&self, fresh: bool) -> ScanRow {
        let begin = BeginScan {
            connection: self.connection,
            locations: self.all(),
            partial_plan: false,
            fresh,
        };
        self.store.begin_scan(begin).await.unwrap()
    }

    /// Scans the first location with these batches.
    async fn scan(&self, batches: Vec<Vec<Observation>>, state: LocationState) -> i64 {
        let scan = self.begin(true).await;
        let location = scan.targets[0].location;
        let start = self.store.start_attempt(scan.id, location).await.unwrap();
        for (number, batch) in batches.into_iter().enumerate() {
            self.store
                .commit_batch(scan.id, location, start.attempt, batch, number.to_string())
                .await
                .unwrap();
        }
        self.end(scan.id, location, start.attempt, state).await;
        self.store.end_scan(scan.id, true).await.unwrap();
        scan.id
    }

    async fn end(&self, scan: i64, location: i64, attempt: i64, state: LocationState) {
        let end = LocationEnd {
            state,
            summary: Counts::default(),
            reason: None,
        };
        self.store
            .end_location(scan, location, attempt, end, Counts::default(), 1)
            .await
            .unwrap();
    }

    fn finding_ids(&self) -> Vec<String> {
        let rows = self.store.findings(&Filter::default()).unwrap();
        rows.into_iter().map(|row| row.finding.id).collect()
    }

    fn package_names(&self, seed: u8) -> Option<Vec<String>> {
        let packages = self.store.packages(&digest(seed)).unwrap()?;
        Some(packages.into_iter().map(|package| package.name).collect())
    }
}

/// Everything that was found, without times, row numbers and attempts: what two stores must agree on.
pub(crate) fn dump(store: &Store) -> Vec<String> {
    let queries = [
        "SELECT 'location ' || path || ' ' || coalesce(scanned_complete, '-') FROM location",
        "SELECT 'image ' || l.path || ' ' || i.record || (i.gone_at IS NULL) FROM image i JOIN location l ON l.id = i.location_id",
        "SELECT 'tag ' || l.path || ' ' || i.digest || ' ' || t.tag FROM image_tag t JOIN image i ON i.id = t.image_id JOIN location l ON l.id = i.location_id",
        "SELECT 'inventory ' || digest || ' ' || (location_id IS NULL) || ' ' || announced || ' ' || received FROM inventory",
        "SELECT 'package ' || i.digest || ' ' || p.seq || ' ' || p.record FROM package p JOIN inventory i ON i.id = p.inventory_id",
        "SELECT 'finding ' || l.path || ' ' || f.record || (f.gone_at IS NULL) FROM finding f JOIN location l ON l.id = f.location_id",
        "SELECT 'skipped ' || l.path || ' ' || s.record FROM skipped s JOIN location l ON l.id = s.location_id",
        "SELECT 'context ' || subject || ' ' || record FROM context",
        "SELECT 'ended ' || l.path || ' ' || s.state || ' ' || coalesce(s.cursor, '-') FROM scan_location s JOIN location l ON l.id = s.location_id",
    ];
    store
        .read(|tx| {
            let mut lines = Vec::new();
            for query in queries {
                let mut statement = tx.prepare(query)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    lines.push(row.get::<_, String>(0)?);
                }
            }
            lines.sort();
            Ok(lines)
        })
        .unwrap()
}

#[tokio::test]
async fn an_inventory_is_seen_only_when_its_last_package_has_come() {
    let fixture = fixture(&["acme/api"]).await;
    fixture
        .scan(
            vec![vec![image(1, 1, true), packages(1, &["old"])]],
            LocationState::Complete,
        )
        .await;
    let scan = fixture.begin(true).await;
    let place = scan.targets[0].location;
    let start = fixture.store.start_attempt(scan.id, place).await.unwrap();
    let commit = |batch, cursor: &str| {
        fixture
            .store
            .commit_batch(scan.id, place, start.attempt, batch, cursor.to_owned())
    };
    commit(vec![image(1, 3, true), packages(1, &["a", "b"])], "1")
        .await
        .unwrap();
    assert_eq!(
        fixture.package_names(1).unwrap(),
        ["old"],
        "the old inventory is seen until then"
    );
    commit(vec![packages(1, &["c"])], "2").await.unwrap();
    assert_eq!(fixture.package_names(1).unwrap(), ["a", "b", "c"]);
    let refused = commit(vec![packages(1, &["d"])], "3").await;
    assert!(
        matches!(refused, Err(StoreError::Contract(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_batch_that_breaks_the_contract_is_refused_whole() {
    let fixture = fixture(&["acme/api"]).await;
    let scan = fixture.begin(true).await;
    let place = scan.targets[0].location;
    let start = fixture.store.start_attempt(scan.id, place).await.unwrap();
    let batch = vec![
        finding("f", Severity::High),
        image(1, 1, true),
        packages(1, &["a", "b"]),
    ];
    let refused = fixture
        .store
        .commit_batch(scan.id, place, start.attempt, batch, "1".to_owned())
        .await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("announced 1 packages, and 2 came")
    );
    assert!(fixture.finding_ids().is_empty());
    let again = fixture.store.start_attempt(scan.id, place).await.unwrap();
    assert_eq!(again.cursor, None, "the cursor was not stored either");
}

#[tokio::test]
async fn a_complete_inventory_is_not_replaced_by_an_incomplete_one() {
    let fixture = fixture(&["acme/api"]).await;
    fixture
        .scan(
            vec![vec![image(1, 2, true), packages(1, &["a", "b"])]],
            LocationState::Complete,
        )
        .await;
    fixture
        .scan(
            vec![vec![image(1, 1, false), packages(1, &["a"])]],
            LocationState::Partial,
        )
        .await;
    assert_eq!(fixture.package_names(1).unwrap(), ["a", "b"]);
    fixture
        .scan(
            vec![vec![image(1, 1, true), packages(1, &["c"])]],
            LocationState::Complete,
        )
        .await;
    assert_eq!(fixture.package_names(1).unwrap(), ["c"]);
}

#[tokio::test]
async fn an_inventory_that_never_came_whole_is_said_and_the_location_is_partial() {
    let fixture = fixture(&["acme/api"]).await;
    fixture
        .scan(
            vec![vec![finding("f", Severity::Low)]],
            LocationState::Complete,
        )
        .await;
    let batch = vec![image(1, 3, true), packages(1, &["a"])];
    let id = fixture.scan(vec![batch], LocationState::Complete).await;
    assert_eq!(fixture.package_names(1), None);
    let skipped = fixture.store.skipped(&Filter::default()).unwrap();
    assert!(
        skipped[0]
            .skipped
            .skip
            .why
            .message
            .contains("announced 3 packages"),
        "{skipped:?}"
    );
    let report = fixture
        .store
        .location_report(id, fixture.all()[0])
        .unwrap()
        .unwrap();
    assert!(matches!(report.outcome, LocationOutcome::Partial));
    assert_eq!(fixture.finding_ids(), ["f"], "a partial end closes nothing");
}

#[tokio::test]
async fn a_batch_of_a_superseded_attempt_is_refused() {
    let fixture = fixture(&["acme/api"]).await;
    let scan = fixture.begin(false).await;
    let place = scan.targets[0].location;
    let old = fixture.store.start_attempt(scan.id, place).await.unwrap();
    let new = fixture.store.start_attempt(scan.id, place).await.unwrap();
    let commit = |attempt| {
        let batch = vec![finding("f", Severity::High)];
        fixture
            .store
            .commit_batch(scan.id, place, attempt, batch, "1".to_owned())
    };
    assert!(matches!(
        commit(old.attempt).await,
        Err(StoreError::Superseded { .. })
    ));
    assert!(fixture.finding_ids().is_empty());
    commit(new.attempt).await.unwrap();
    fixture
        .store
        .suspend(scan.id, place, new.attempt, Counts::default(), 1)
        .await
        .unwrap();
    assert!(
        matches!(
            commit(new.attempt).await,
            Err(StoreError::Superseded { .. })
        ),
        "suspended"
    );
    let last = fixture.store.start_attempt(scan.id, place).await.unwrap();
    assert_eq!(last.cursor.as_deref(), Some("1"));
    fixture
        .end(scan.id, place, last.attempt, LocationState::Complete)
        .await;
    assert!(
        matches!(
            commit(last.attempt).await,
            Err(StoreError::Superseded { .. })
        ),
        "ended"
    );
}

#[tokio::test]
async fn only_a_complete_end_marks_what_was_not_seen_as_gone() {
    let fixture = fixture(&["acme/api"]).await;
    let both = vec![
        finding("a", Severity::Low),
        finding("b", Severity::High),
        image(1, 0, true),
    ];
    fixture.scan(vec![both], LocationState::Complete).await;
    assert_eq!(fixture.finding_ids(), ["b", "a"], "worst first");
    fixture
        .scan(
            vec![vec![finding("a", Severity::Low)]],
            LocationState::Partial,
        )
        .await;
    assert_eq!(fixture.finding_ids().len(), 2);
    fixture.scan(vec![], LocationState::Failed).await;
    assert_eq!(fixture.finding_ids().len(), 2);
    fixture
        .scan(
            vec![vec![finding("a", Severity::Low)]],
            LocationState::Complete,
        )
        .await;
    assert_eq!(fixture.finding_ids(), ["a"]);
    assert!(fixture.store.images(&Filter::default()).unwrap().is_empty());
    let kept = dump(&fixture.store)
        .iter()
        .filter(|line| line.starts_with("finding"))
        .count();
    assert_eq!(kept, 2, "marked, not deleted");
    fixture
        .scan(
            vec![vec![finding("b", Severity::High)]],
            LocationState::Partial,
        )
        .await;
    assert_eq!(fixture.finding_ids(), ["b", "a"], "seen again");
}

#[tokio::test]
async fn skips_stay_until_the_location_is_scanned_again() {
    let fixture = fixture(&["acme/api"]).await;
    let names = || -> Vec<String> {
        let rows = fixture.store.skipped(&Filter::default()).unwrap();
        rows.into_iter().map(|row| row.skipped.name).collect()
    };
    fixture
        .scan(
            vec![vec![skipped("one"), skipped("two")]],
            LocationState::Complete,
        )
        .await;
    assert_eq!(names(), ["one", "two"]);
    fixture.scan(vec![], LocationState::Failed).await;
    assert_eq!(
        names(),
        ["one", "two"],
        "a scan that saw nothing replaces nothing"
    );
    fixture
        .scan(vec![vec![skipped("three")]], LocationState::Partial)
        .await;
    assert_eq!(names(), ["three"]);
    fixture.scan(vec![], LocationState::Complete).await;
    assert!(names().is_empty());
}

#[tokio::test]
async fn contexts_of_one_scan_add_up_and_the_next_scan_replaces_them() {
    let fixture = fixture(&["acme/api"]).await;
    let first = vec![
        context("p", "topics", "a"),
        context("p", "topics", "b"),
        context("p", "topics", "a"),
    ];
    fixture.scan(vec![first], LocationState::Complete).await;
    let values = || -> Vec<String> {
        let contexts = fixture.store.contexts(fixture.connection, "p").unwrap();
        contexts
            .into_iter()
            .flat_map(|context| context.attributes)
            .map(|(_, value)| value)
            .collect()
    };
    assert_eq!(values(), ["a", "b"]);
    fixture
        .scan(
            vec![vec![context("p", "topics", "c")]],
            LocationState::Complete,
        )
        .await;
    assert_eq!(values(), ["c"]);
}

#[tokio::test]
async fn a_listing_that_is_empty_or_suddenly_small_closes_nothing() {
    let fixture = fixture(&["a", "b", "c", "d"]).await;
    let gone = || {
        let known = fixture.store.locations(fixture.connection).unwrap();
        known.iter().filter(|known| known.gone_at.is_some()).count()
    };
    let list = |paths: &[&str], whole| {
        let listed = paths.iter().map(|path| location(path)).collect();
        fixture
            .store
            .record_listing(fixture.connection, listed, Vec::new(), whole)
    };
    assert!(
        list(&[], true)
            .await
            .unwrap()
            .guard
            .unwrap()
            .contains("empty")
    );
    assert!(
        list(&["a"], true)
            .await
            .unwrap()
            .guard
            .unwrap()
            .contains("3 of 4")
    );
    assert!(
        list(&["a", "b", "c"], false)
            .await
            .unwrap()
            .guard
            .unwrap()
            .contains("not whole")
    );
    assert_eq!(gone(), 0);
    let said = fixture.store.skipped(&Filter::default()).unwrap();
    assert_eq!(said.len(), 1, "and it is said");
    let outcome = list(&["a", "b", "c"], true).await.unwrap();
    assert_eq!((outcome.gone, gone()), (1, 1));
    list(&["a", "b", "c", "d"], true).await.unwrap();
    assert_eq!(gone(), 0, "back again");
}

#[tokio::test]
async fn an_interrupted_scan_is_gone_on_with_and_a_fresh_one_begins_anew() {
    let fixture = fixture(&["a", "b", "c"]).await;
    let scan = fixture.begin(false).await;
    let (a, b) = (scan.targets[0].location, scan.targets[1].location);
    let at_a = fixture.store.start_attempt(scan.id, a).await.unwrap();
    fixture
        .end(scan.id, a, at_a.attempt, LocationState::Complete)
        .await;
    let at_b = fixture.store.start_attempt(scan.id, b).await.unwrap();
    fixture
        .store
        .commit_batch(scan.id, b, at_b.attempt, vec![], "half".to_owned())
        .await
        .unwrap();
    // And here the process dies.
    let resumed = fixture.begin(false).await;
    assert_eq!((resumed.id, resumed.resumed), (scan.id, true));
    let paths: Vec<_> = resumed
        .targets
        .iter()
        .map(|target| target.path.as_str())
        .collect();
    assert_eq!(paths, ["b", "c"]);
    assert_eq!(
        fixture
            .store
            .start_attempt(scan.id, b)
            .await
            .unwrap()
            .cursor
            .as_deref(),
        Some("half")
    );

    // One location by name takes its cursor over and leaves the others to the next whole scan.
    let only_b = BeginScan {
        connection: fixture.connection,
        locations: vec![b],
        partial_plan: true,
        fresh: false,
    };
    let only_b = fixture.store.begin_scan(only_b).await.unwrap();
    assert_ne!(only_b.id, scan.id);
    let start = fixture.store.start_attempt(only_b.id, b).await.unwrap();
    assert_eq!(start.cursor.as_deref(), Some("half"));
    fixture
        .end(only_b.id, b, start.attempt, LocationState::Complete)
        .await;
    assert!(
        fixture
            .store
            .end_scan(only_b.id, true)
            .await
            .unwrap()
            .ended_at
            .is_some()
    );

    let fresh = fixture.begin(true).await;
    assert_ne!(fresh.id, scan.id);
    assert_eq!(fresh.targets.len(), 3);
    assert_eq!(
        fixture
            .store
            .start_attempt(fresh.id, b)
            .await
            .unwrap()
            .cursor,
        None
    );
    assert!(
        fixture.store.start_attempt(scan.id, b).await.is_err(),
        "the old scan is over"
    );
}

#[tokio::test]
async fn a_location_that_is_no_longer_selected_does_not_keep_a_scan_open() {
    let fixture = fixture(&["a", "b"]).await;
    let scan = fixture.begin(false).await;
    let a = scan.targets[0].location;
    let only_a = BeginScan {
        connection: fixture.connection,
        locations: vec![a],
        partial_plan: false,
        fresh: false,
    };
    let resumed = fixture.store.begin_scan(only_a).await.unwrap();
    assert_eq!((resumed.id, resumed.targets.len()), (scan.id, 1));
    let start = fixture.store.start_attempt(scan.id, a).await.unwrap();
    fixture
        .end(scan.id, a, start.attempt, LocationState::Complete)
        .await;
    assert!(
        fixture
            .store
            .end_scan(scan.id, true)
            .await
            .unwrap()
            .complete
    );
}

#[tokio::test]
async fn secrets_come_back_and_are_nowhere_in_the_files() {
    let fixture = fixture(&[]).await;
    let mut new = new_connection(Some("with network"));
    new.network.client_pem = Some("-----BEGIN PRIVATE KEY-----".to_owned());
    new.network.proxy = Some("http://user:hunter2@proxy:3128".to_owned());
    let record = fixture.store.save_connection(new).unwrap();
    let shown = serde_json::to_string(&record.connection).unwrap();
    assert!(
        !shown.contains("hunter2") && !shown.contains("PRIVATE"),
        "{shown}"
    );
    assert!(shown.contains("http://***@proxy:3128"), "{shown}");
    let (secrets, network) = fixture.store.secrets(record.id).unwrap();
    assert_eq!(secrets[0].1.expose(), "glpat-very-secret");
    assert_eq!(
        network.client_pem.as_deref(),
        Some("-----BEGIN PRIVATE KEY-----")
    );
    assert_eq!(
        network.proxy.as_deref(),
        Some("http://user:hunter2@proxy:3128")
    );
    for entry in std::fs::read_dir(fixture.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for secret in ["glpat-very-secret", "hunter2", "PRIVATE KEY"] {
            assert!(
                memchr::memmem::find(&bytes, secret.as_bytes()).is_none(),
                "{secret} in {path:?}"
            );
        }
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{path:?} is open to others");
    }
    let mode = std::fs::metadata(fixture.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn a_ciphertext_that_was_moved_to_another_row_does_not_open() {
    let fixture = fixture(&[]).await;
    let other = fixture
        .store
        .save_connection(new_connection(Some("other")))
        .unwrap()
        .id;
    let main = fixture.connection;
    fixture
        .store
        .write_now(move |tx| {
            tx.execute(
                "UPDATE secret SET (nonce, ciphertext) =
                     (SELECT nonce, ciphertext FROM secret WHERE connection_id = ?1) WHERE connection_id = ?2",
                [main, other],
            )?;
            Ok(())
        })
        .unwrap();
    assert!(fixture.store.secrets(main).is_ok());
    let error = fixture.store.secrets(other).unwrap_err();
    assert!(error.to_string().contains("does not open"), "{error}");
}

fn reopen_error(path: &Path) -> String {
    Store::open(path)
        .err()
        .expect("it must be refused")
        .to_string()
}

#[tokio::test]
async fn a_wrong_missing_or_readable_key_file_is_refused_at_start() {
    let fixture = fixture(&[]).await;
    let (path, key) = (fixture.path(), fixture.path().join("secret.key"));
    drop(fixture.store);
    drop(Store::open(&path).unwrap());
    let good = std::fs::read(&key).unwrap();

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(reopen_error(&path).contains("chmod 600"));
    std::fs::remove_file(&key).unwrap();
    assert!(reopen_error(&path).contains("is missing"));
    assert!(!key.exists(), "no new key beside secrets of an old one");

    let write = |bytes: &[u8]| {
        std::fs::write(&key, bytes).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    write(b"nonsense");
    assert!(reopen_error(&path).contains("damaged"));
    write(format!("ox-host-key-1:{}=\n", "A".repeat(43)).as_bytes());
    assert!(reopen_error(&path).contains("not the one"));
    write(&good);
    assert!(Store::open(&path).is_ok());
}

#[tokio::test]
async fn a_second_owner_reads_and_is_refused_to_write() {
    let fixture = fixture(&["acme/api"]).await;
    fixture
        .scan(
            vec![vec![finding("f", Severity::High)]],
            LocationState::Complete,
        )
        .await;
    let second = Store::open(&fixture.path()).unwrap();
    assert!(!second.is_owner());
    assert_eq!(second.findings(&Filter::default()).unwrap().len(), 1);
    let refused = second
        .save_connection(new_connection(Some("x")))
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains(&format!("process {}", std::process::id())),
        "{refused}"
    );
    drop(fixture.store);
    drop(second);
    assert!(
        Store::open(&fixture.folder.path().join("data"))
            .unwrap()
            .is_owner()
    );
}

fn sql(path: &Path, sql: &str) {
    rusqlite::Connection::open(path.join("store.db"))
        .unwrap()
        .execute_batch(sql)
        .unwrap();
}

#[tokio::test]
async fn a_newer_a_foreign_and_a_damaged_database_are_refused_with_a_sentence() {
    let fixture = fixture(&["acme/api"]).await;
    let path = fixture.path();
    drop(fixture.store);
    sql(&path, "PRAGMA user_version = 99");
    assert!(reopen_error(&path).contains("newer ox-host"));
    sql(&path, "PRAGMA user_version = 1; PRAGMA application_id = 7");
    assert!(reopen_error(&path).contains("not a store"));
    sql(
        &path,
        &format!("PRAGMA application_id = {}", schema::APPLICATION_ID),
    );
    drop(Store::open(&path).unwrap());

    let database = path.join("store.db");
    let good = std::fs::read(&database).unwrap();
    let mut flipped = good.clone();
    for byte in &mut flipped[4096..8192] {
        *byte ^= 0x55;
    }
    std::fs::write(&database, &flipped).unwrap();
    let error = reopen_error(&path);
    assert!(
        error.contains("damaged") && error.contains("backup"),
        "{error}"
    );
    std::fs::write(
        &database,
        b"this was never a database, and it is long enough to be looked at",
    )
    .unwrap();
    let error = reopen_error(&path);
    assert!(
        error.contains("damaged") && error.contains("store.db"),
        "{error}"
    );
    std::fs::write(&database, &good).unwrap();
    assert!(Store::open(&path).is_ok());
}

#[test]
fn a_migration_that_breaks_off_leaves_an_empty_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut connection = rusqlite::Connection::open(&path).unwrap();
    // What the first step wants to make is there already in part: the step fails in its middle.
    connection
        .execute_batch("PRAGMA application_id = 1331185747")
        .unwrap();
    connection
        .execute_batch("CREATE TABLE finding (x)")
        .unwrap();
    assert!(schema::migrate(&mut connection, &path).is_err());
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .unwrap();
    assert_eq!(tables, 1);
    connection.execute_batch("DROP TABLE finding").unwrap();
    schema::migrate(&mut connection, &path).unwrap();
    schema::migrate(&mut connection, &path).unwrap();
    assert_eq!(
        schema::format_of(&connection, &path).unwrap(),
        schema::FORMAT
    );
}

#[tokio::test]
async fn the_cache_forgets_the_least_recently_used_and_keeps_connections_apart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open::open(folder.path(), 100).unwrap();
    let one = store
        .save_connection(new_connection(Some("one")))
        .unwrap()
        .id;
    let two = store
        .save_connection(new_connection(Some("two")))
        .unwrap()
        .id;
    for key in ["a", "b"] {
        store
            .cache_put(one, key.to_owned(), vec![1; 40])
            .await
            .unwrap();
    }
    assert_eq!(store.cache_get(two, "a").unwrap(), None);
    let old = "UPDATE cache SET last_used = last_used - CASE key WHEN 'b' THEN 9000 ELSE 8000 END";
    store
        .write_now(move |tx| Ok(tx.execute_batch(old)?))
        .unwrap();
    assert!(
        store.cache_get(one, "b").unwrap().is_some(),
        "read, so its stamp is renewed"
    );
    store
        .cache_put(one, "c".to_owned(), vec![1; 40])
        .await
        .unwrap();
    assert_eq!(store.cache_get(one, "a").unwrap(), None);
    assert!(store.cache_get(one, "b").unwrap().is_some());
    assert!(store.cache_get(one, "c").unwrap().is_some());
    store
        .cache_put(one, "large".to_owned(), vec![1; CACHE_VALUE_BYTES + 1])
        .await
        .unwrap();
    assert_eq!(store.cache_get(one, "large").unwrap(), None);
}

#[tokio::test]
async fn saving_again_keeps_what_was_found_and_another_account_does_not_inherit_it() {
    let fixture = fixture(&["acme/api"]).await;
    fixture
        .scan(
            vec![vec![image(1, 1, true), packages(1, &["a"])]],
            LocationState::Complete,
        )
        .await;
    let selection = Selection {
        include: vec!["acme/**".to_owned()],
        exclude: Vec::new(),
        new_locations: NewLocations::Exclude,
    };
    fixture
        .store
        .save_selection(fixture.connection, &selection)
        .unwrap();
    let mut again = new_connection(Some("main"));
    again.secrets = vec![(
        "token".to_owned(),
        SecretString::new("glpat-rotated".to_owned()),
    )];
    let again = fixture.store.save_connection(again).unwrap();
    assert_eq!(
        (again.id, &again.connection.selection),
        (fixture.connection, &selection)
    );
    assert_eq!(
        fixture.store.secrets(again.id).unwrap().0[0].1.expose(),
        "glpat-rotated"
    );
    assert_eq!(fixture.store.images(&Filter::default()).unwrap().len(), 1);

    let mut other = new_connection(Some("main"));
    other.display_name = "git.other.org".to_owned();
    fixture.store.save_connection(other).unwrap();
    assert!(fixture.store.images(&Filter::default()).unwrap().is_empty());
    assert_eq!(
        fixture.package_names(1),
        None,
        "inventories that no image leads to go too"
    );
    assert_eq!(fixture.store.connections().unwrap().len(), 1);
}

#[tokio::test]
async fn names_are_made_unique_and_bad_ones_are_refused() {
    let fixture = fixture(&[]).await;
    let name = |wanted: Option<&str>| {
        fixture
            .store
            .save_connection(new_connection(wanted))
            .map(|record| record.connection.name)
    };
    assert_eq!(name(None).unwrap(), "gitlab.example.com");
    assert_eq!(name(None).unwrap(), "gitlab.example.com (2)");
    for bad in ["", " x", "a\u{1b}[31m", "once:x", &"x".repeat(101)] {
        assert!(name(Some(bad)).is_err(), "{bad:?}");
    }
    let mut once = new_connection(None);
    once.ephemeral = true;
    let once = fixture.store.save_connection(once).unwrap();
    assert_eq!(once.connection.name, "once:gitlab.example.com");
    assert!(
        fixture.store.secrets(once.id).unwrap().0.is_empty(),
        "its secrets are not stored"
    );
    assert_eq!(
        fixture.store.connections().unwrap().len(),
        3,
        "and it is not listed"
    );
}
