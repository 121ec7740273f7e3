//! The files of a store: secrets, keys, owners, formats, the cache, and what a connection is called.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::*;
use super::{fixture, new_connection};
use crate::contract::Severity;
use crate::host::{Filter, NewLocations, Selection};
use crate::scan::script::{finding, image, packages};
use crate::secret::SecretString;

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
    let format = schema::FORMAT;
    sql(
        &path,
        &format!("PRAGMA user_version = {format}; PRAGMA application_id = 7"),
    );
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

#[test]
fn a_store_of_the_first_format_keeps_its_findings_and_forgets_whose_packages_it_can_not_tell() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let mut connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(schema::FIRST).unwrap();
    connection
        .execute_batch(&format!(
            r#"PRAGMA application_id = {}; PRAGMA user_version = 1;
            INSERT INTO connection VALUES (1, 'a', 'x', 'X', 'a', 0, '[]', '{{}}', '{{}}', 't', NULL, NULL, NULL);
            INSERT INTO location (id, connection_id, external_id, kind, path, scannable, record, first_seen,
                                  last_seen) VALUES (1, 1, 'l', 'k', 'p', 1, '{{}}', 't', 't');
            INSERT INTO finding (connection_id, location_id, source, external_id, severity, record, generation,
                                 first_seen, last_seen)
                VALUES (1, 1, 's', 'f', 1, '{{"kind": "Secret"}}', 1, 't', 't');
            INSERT INTO inventory (digest, complete, discard, announced, received, stored_at)
                VALUES ('sha256:0', 1, 0, 0, 0, 't');"#,
            schema::APPLICATION_ID
        ))
        .unwrap();
    schema::migrate(&mut connection, &path).unwrap();
    let found: String = connection
        .query_row("SELECT kind FROM finding", [], |row| row.get(0))
        .unwrap();
    assert_eq!(found, "secret");
    let inventories: i64 = connection
        .query_row("SELECT count(*) FROM inventory", [], |row| row.get(0))
        .unwrap();
    assert_eq!(inventories, 0);
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
