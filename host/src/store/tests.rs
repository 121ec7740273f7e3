#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod files;
mod issues;

use super::*;
use crate::contract::{FindingKind, Observation, Severity};
use crate::host::{Counts, Filter, LocationOutcome, NetworkOptions};
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
            resume: None,
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
        let packages = self.store.packages("main", &digest(seed)).unwrap()?;
        Some(packages.into_iter().map(|package| package.name).collect())
    }
}

/// Everything that was found, without times, row numbers and attempts: what two stores must agree on.
pub(crate) fn dump(store: &Store) -> Vec<String> {
    let queries = [
        "SELECT 'location ' || path || ' ' || coalesce(scanned_complete, '-') FROM location",
        "SELECT 'image ' || l.path || ' ' || i.record || (i.gone_at IS NULL) FROM image i JOIN location l ON l.id = i.location_id",
        "SELECT 'tag ' || l.path || ' ' || i.digest || ' ' || t.tag FROM image_tag t JOIN image i ON i.id = t.image_id JOIN location l ON l.id = i.location_id",
        "SELECT 'inventory ' || connection_id || ' ' || digest || ' ' || (location_id IS NULL) || ' ' || announced || ' ' || received FROM inventory",
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
async fn what_another_connection_says_of_the_same_digest_stays_with_it() {
    let mut fixture = fixture(&["acme/api"]).await;
    let main = fixture.connection;
    let batch = |names: &[&str], complete| {
        let count = u32::try_from(names.len()).unwrap();
        vec![vec![image(1, count, complete), packages(1, names)]]
    };
    let own = batch(&["a", "b"], false);
    fixture.scan(own, LocationState::Partial).await;

    // A second account, whose connector claims the same digest with an inventory that looks better.
    let store = Arc::clone(&fixture.store);
    let other = store
        .save_connection(new_connection(Some("other")))
        .unwrap();
    let listed = vec![location("acme/api")];
    store
        .record_listing(other.id, listed, Vec::new(), true)
        .await
        .unwrap();
    fixture.connection = other.id;
    let claimed = batch(&["harmless"], true);
    fixture.scan(claimed, LocationState::Complete).await;

    let names = |connection: &str| -> Vec<String> {
        let packages = store.packages(connection, &digest(1)).unwrap().unwrap();
        packages.into_iter().map(|package| package.name).collect()
    };
    assert_eq!(names("main"), ["a", "b"]);
    assert_eq!(names("other"), ["harmless"]);
    // The complete inventory of the one does not keep the incomplete one of the other from being renewed.
    fixture.connection = main;
    let own = batch(&["a", "c"], false);
    fixture.scan(own, LocationState::Partial).await;
    assert_eq!(names("main"), ["a", "c"]);
    let both = store.inventories_like(None, "sha256:01").unwrap();
    assert_eq!(both.len(), 2);
    let one = store.inventories_like(Some("other"), "sha256:01").unwrap();
    assert_eq!(one, [("other".to_owned(), digest(1))]);

    assert!(store.remove_connection("other").unwrap());
    assert_eq!(
        names("main"),
        ["a", "c"],
        "they go with their connection only"
    );
    assert_eq!(store.inventories_like(None, "sha256:").unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_connector_sees_is_a_finding_of_each_image_and_what_a_tool_says_is_one() {
    let fixture = fixture(&["acme/api"]).await;
    let of = |source: &str, seed| {
        let Observation::Finding(mut finding) = finding("same", Severity::High) else {
            panic!("a finding is a finding");
        };
        finding.source = source.to_owned();
        finding.kind = FindingKind::Secret;
        finding.image_digest = Some(digest(seed));
        Observation::Finding(finding)
    };
    let batch = vec![
        image(1, 0, true),
        image(2, 0, true),
        of("connector", 1),
        of("connector", 2),
        of("gitlab-report", 1),
        of("gitlab-report", 2),
    ];
    fixture
        .scan(vec![batch.clone()], LocationState::Complete)
        .await;
    let many = |image: Option<u8>, kinds: &[FindingKind]| {
        let filter = Filter {
            image: image.map(digest),
            kinds: kinds.to_vec(),
            ..Filter::default()
        };
        fixture.store.findings(&filter).unwrap().len()
    };
    assert_eq!(many(None, &[]), 3);
    assert_eq!((many(Some(1), &[]), many(Some(2), &[])), (1, 2));
    assert_eq!(many(None, &[FindingKind::Secret]), 3);
    assert_eq!(many(None, &[FindingKind::Licence, FindingKind::Other]), 0);
    let images = fixture.store.images(&Filter::default()).unwrap();
    let counted: Vec<_> = images
        .iter()
        .map(|row| (row.secrets, row.misconfigurations))
        .collect();
    assert_eq!(counted, [(1, 0), (2, 0)]);
    // The next scan finds the same ones again, and an image that is clean now loses its own.
    fixture
        .scan(vec![batch[..3].to_vec()], LocationState::Complete)
        .await;
    assert_eq!((many(None, &[]), many(Some(1), &[])), (1, 1));
}

#[tokio::test]
async fn images_are_found_by_their_repository() {
    let fixture = fixture(&["acme/api"]).await;
    let batch = vec![image(1, 0, true), image(2, 0, true)];
    fixture.scan(vec![batch], LocationState::Complete).await;
    let many = |name: &str| {
        let filter = Filter {
            repository: Some(name.to_owned()),
            ..Filter::default()
        };
        fixture.store.images(&filter).unwrap().len()
    };
    assert_eq!(many("acme/api"), 2);
    assert_eq!(many("Acme/API"), 2);
    assert_eq!(many("registry.example.com/acme/api"), 2);
    assert_eq!(many("acme"), 0);
    assert_eq!(many("acme/%"), 0);
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
async fn a_context_that_grows_without_end_is_the_fault_of_its_batch() {
    let fixture = fixture(&["acme/api"]).await;
    let scan = fixture.begin(true).await;
    let location = scan.targets[0].location;
    let start = fixture
        .store
        .start_attempt(scan.id, location)
        .await
        .unwrap();
    for number in 0..3 {
        let text = number.to_string().repeat(3 << 20);
        let batch = vec![context("p", "note", &text)];
        let stored = fixture
            .store
            .commit_batch(scan.id, location, start.attempt, batch, number.to_string())
            .await;
        match stored {
            Ok(()) => assert!(number < 2),
            Err(error) => {
                assert!(number == 2 && error.is_fault_of_the_batch(), "{error}");
                assert!(error.to_string().contains("8388608"), "{error}");
            }
        }
    }
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
        resume: None,
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
        resume: None,
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
