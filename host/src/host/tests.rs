#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::contract::{
    Failure, Field, FieldKind, Location, Origin, Severity, Skip, SkipReason, StepStatus,
};
use crate::plugin::Outlet;
use crate::scan::script::{Script, Scripted, finding, group, image, location, packages, page, why};
use crate::scan::{CallFailed, Fault};

/// One scripted connector for every account.
pub(crate) struct Scripts {
    pub(crate) script: Arc<Script>,
    secrets_to: Mutex<String>,
    /// The address that `configure` answers instead of the entered one.
    moves_to: Mutex<Option<String>>,
    accounts: Mutex<Vec<Account>>,
}

fn field(key: &str, kind: FieldKind, required: bool) -> Field {
    Field {
        key: key.to_owned(),
        label: key.to_uppercase(),
        help: "Fill it in.".to_owned(),
        kind,
        required,
        default: None,
        advanced: false,
    }
}

fn manifest() -> Manifest {
    let mut tags = field("tags", FieldKind::Text, false);
    tags.default = Some("*".to_owned());
    Manifest {
        id: "gitlab-registry".to_owned(),
        name: "GitLab Container Registry".to_owned(),
        version: "0.1.0".to_owned(),
        category: "Registry".to_owned(),
        source_tool: "GitLab".to_owned(),
        description: String::new(),
        fields: vec![
            field("url", FieldKind::Url, true),
            field("token", FieldKind::Secret, true),
            tags,
        ],
        verify_steps: Vec::new(),
        scopes: Vec::new(),
        location_kinds: Vec::new(),
        emits: Vec::new(),
        attributes: Vec::new(),
    }
}

#[async_trait]
impl Connectors for Scripts {
    async fn all(&self) -> Result<Vec<(Manifest, String)>, HostError> {
        Ok(vec![(manifest(), "sha256:00".to_owned())])
    }
    async fn manifest(&self, id: &str) -> Result<Manifest, HostError> {
        if id == manifest().id {
            return Ok(manifest());
        }
        Err(HostError::Unknown {
            what: "connector",
            name: id.to_owned(),
            list: "plugin list",
        })
    }
    async fn configure(
        &self,
        _: &str,
        account: &Account,
        _: Arc<dyn Outlet>,
        _: CancellationToken,
    ) -> Result<Result<Profile, CallFailed>, HostError> {
        let mut settings = account.settings.clone();
        settings[0].1 = match &*self.moves_to.lock().unwrap() {
            Some(elsewhere) => elsewhere.clone(),
            None => format!("{}/", account.operator_origin),
        };
        settings.push(("token".to_owned(), "a stand-in".to_owned()));
        let url = self.secrets_to.lock().unwrap().clone();
        let origins = vec![Origin {
            url,
            purpose: "API".to_owned(),
            secrets: true,
        }];
        Ok(Ok(Profile {
            display_name: "gitlab.example.com".to_owned(),
            settings,
            origins,
        }))
    }
    async fn connect(&self, _: &str, account: Account) -> Result<Arc<dyn Connector>, HostError> {
        self.accounts.lock().unwrap().push(account);
        Ok(self.script.clone())
    }
    async fn inspect(&self, _: &Path) -> Result<Inspection, HostError> {
        Err(anyhow::anyhow!("not in this test").into())
    }
}

pub(crate) struct World {
    pub(crate) host: Arc<Host>,
    pub(crate) scripts: Arc<Scripts>,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn world(script: Script) -> World {
    let folder = tempfile::tempdir().unwrap();
    let scripts = Arc::new(Scripts {
        script: Arc::new(script),
        secrets_to: Mutex::new("https://gitlab.example.com".to_owned()),
        moves_to: Mutex::default(),
        accounts: Mutex::default(),
    });
    let policy = Policy {
        backoff: Duration::from_millis(1),
        ..Policy::default()
    };
    let store = Store::open(folder.path()).unwrap();
    World {
        host: Host::with(2, store, scripts.clone(), policy),
        scripts,
        folder,
    }
}

fn draft() -> ConnectionDraft {
    ConnectionDraft {
        connector: "gitlab-registry".to_owned(),
        name: None,
        settings: vec![("url".to_owned(), "gitlab.example.com".to_owned())],
        secrets: vec![(
            "token".to_owned(),
            SecretString::new("glpat-secret".to_owned()),
        )],
        network: NetworkOptions::default(),
    }
}

fn everything() -> Selection {
    Selection {
        include: Vec::new(),
        exclude: Vec::new(),
        new_locations: NewLocations::Include,
    }
}

fn tree() -> Script {
    let good = |id: &str| Scripted {
        batches: vec![vec![
            finding(id, Severity::High),
            image(1, 1, true),
            packages(1, &["openssl"]),
        ]],
        ..Scripted::default()
    };
    let mut script = Script::flat(vec![
        ("acme/api", good("a")),
        ("acme/web", good("w")),
        ("acme/off", good("o")),
    ]);
    let off = Location {
        scannable: true,
        unscannable: Some(Skip {
            reason: SkipReason::UnavailableHere,
            why: why("The registry is off."),
        }),
        ..location("acme/off")
    };
    script
        .pages
        .insert(None, vec![page(vec![group("acme")], None)]);
    script.pages.insert(
        Some("acme".to_owned()),
        vec![page(
            vec![location("acme/api"), location("acme/web"), off],
            None,
        )],
    );
    script
}

pub(crate) async fn connected(world: &World) -> String {
    let trial = world
        .host
        .try_connection(draft(), &Silent, &CancellationToken::new())
        .await
        .unwrap();
    world.host.save_connection(&trial).unwrap().name
}

async fn scan(world: &World, name: &str, options: ScanOptions) -> Result<ScanReport, HostError> {
    world
        .host
        .scan(name, options, Arc::new(Silent), CancellationToken::new())
        .await
}

fn paths(report: &ScanReport) -> Vec<&str> {
    report
        .locations
        .iter()
        .map(|location| location.path.as_str())
        .collect()
}

async fn refusal(world: &World, draft: ConnectionDraft) -> String {
    let tried = world
        .host
        .try_connection(draft, &Silent, &CancellationToken::new())
        .await;
    tried.err().expect("it must be refused").to_string()
}

#[tokio::test]
async fn the_whole_path_from_a_draft_to_findings() {
    let world = world(tree());
    let name = connected(&world).await;
    assert_eq!(name, "gitlab.example.com");
    let connection = &world.host.connections().unwrap()[0];
    assert!(connection.verified.as_ref().unwrap().1);
    assert_eq!(
        connection.settings,
        [
            ("url".to_owned(), "https://gitlab.example.com/".to_owned()),
            ("tags".to_owned(), "*".to_owned())
        ],
        "in normal form, with the form's default, without the stand-in"
    );

    let rows = world
        .host
        .list_locations(&name, &Silent, &CancellationToken::new())
        .await
        .unwrap();
    let selected: Vec<_> = rows
        .iter()
        .filter(|row| row.selected)
        .map(|row| row.location.path.as_str())
        .collect();
    assert_eq!(selected, ["acme/api", "acme/web"]);
    let off = rows
        .iter()
        .find(|row| row.location.path == "acme/off")
        .unwrap();
    assert_eq!(off.reason.as_deref(), Some("The registry is off."));
    assert_eq!(rows[0].reason, None, "a group is no location to scan");

    let rows = world
        .host
        .select(
            &name,
            Selection {
                exclude: vec!["acme/web".to_owned()],
                ..everything()
            },
        )
        .unwrap();
    assert_eq!(rows.iter().filter(|row| row.selected).count(), 1);

    let report = scan(&world, &name, ScanOptions::default()).await.unwrap();
    assert!(report.complete);
    assert_eq!(paths(&report), ["acme/api"]);
    assert_eq!(
        (
            report.counts.findings,
            report.counts.images,
            report.counts.requests
        ),
        (1, 1, 3)
    );
    let findings = world.host.findings(&Filter::default()).unwrap();
    assert_eq!(
        (
            findings[0].source_tool.as_str(),
            findings[0].location.as_str()
        ),
        ("GitLab", "acme/api")
    );
    let images = world.host.images(&Filter {
        image: Some("sha256:0101".to_owned()),
        ..Filter::default()
    });
    assert_eq!(images.unwrap().len(), 1);
    assert_eq!(
        world.host.packages(None, "0101").unwrap()[0].name,
        "openssl"
    );
    assert!(world.host.packages(None, "ffff").is_err());
    let skipped = world.host.skipped(&Filter::default()).unwrap();
    assert_eq!(
        skipped[0].location, "acme/off",
        "what can't be scanned is said"
    );
    assert_eq!(world.host.scans(Some(&name)).unwrap()[0].unfinished, 0);
    let rows = world.host.known_locations(&name).unwrap();
    assert!(rows.iter().any(|row| {
        row.last_scan
            .as_ref()
            .is_some_and(|(_, complete)| *complete)
    }));

    world.host.remove_connection(&name).unwrap();
    assert!(world.host.findings(&Filter::default()).unwrap().is_empty());
    assert!(matches!(
        world.host.remove_connection(&name),
        Err(HostError::Unknown { .. })
    ));
}

#[tokio::test]
async fn filters_take_what_they_say() {
    let world = world(tree());
    let name = connected(&world).await;
    scan(&world, &name, ScanOptions::default()).await.unwrap();
    let count = |filter: Filter| world.host.findings(&filter).unwrap().len();
    assert_eq!(count(Filter::default()), 2);
    assert_eq!(
        count(Filter {
            locations: vec!["acme/w*".to_owned()],
            ..Filter::default()
        }),
        1
    );
    assert_eq!(
        count(Filter {
            source_tool: Some("gitlab".to_owned()),
            ..Filter::default()
        }),
        2
    );
    assert_eq!(
        count(Filter {
            source_tool: Some("other".to_owned()),
            ..Filter::default()
        }),
        0
    );
    assert_eq!(
        count(Filter {
            min_severity: Some(Severity::Critical),
            ..Filter::default()
        }),
        0
    );
    assert_eq!(
        count(Filter {
            min_severity: Some(Severity::High),
            ..Filter::default()
        }),
        2
    );
    assert_eq!(
        count(Filter {
            image: Some("sha256:99".to_owned()),
            ..Filter::default()
        }),
        0
    );
    let unknown = Filter {
        connection: Some("nobody".to_owned()),
        ..Filter::default()
    };
    assert!(matches!(
        world.host.findings(&unknown),
        Err(HostError::Unknown { .. })
    ));
}

#[tokio::test]
async fn only_the_asked_locations_are_scanned_and_unknown_ones_are_an_error() {
    let world = world(tree());
    let name = connected(&world).await;
    let only = |pattern: &str| ScanOptions {
        locations: vec![pattern.to_owned()],
        fresh: false,
        ..ScanOptions::default()
    };
    let report = scan(&world, &name, only("acme/web")).await.unwrap();
    assert_eq!(paths(&report), ["acme/web"]);
    let error = scan(&world, &name, only("acme/wbe")).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no location is called \"acme/wbe\""),
        "{error}"
    );
    assert_eq!(
        paths(&scan(&world, &name, only("acme/*")).await.unwrap()),
        ["acme/api", "acme/web"]
    );
}

#[tokio::test]
async fn a_scan_without_a_connection_stores_what_it_finds_and_no_secret() {
    let world = world(tree());
    let events: Arc<dyn Events> = Arc::new(Silent);
    let selection = Selection {
        include: vec!["acme/api".to_owned()],
        ..everything()
    };
    let report = world
        .host
        .scan_draft(
            draft(),
            selection,
            ScanOptions::default(),
            events,
            CancellationToken::new(),
        )
        .await
        .unwrap();
    assert_eq!(report.connection, "once:gitlab.example.com");
    assert_eq!(paths(&report), ["acme/api"]);
    let filter = Filter {
        connection: Some(report.connection.clone()),
        ..Filter::default()
    };
    assert_eq!(world.host.findings(&filter).unwrap().len(), 1);
    assert!(world.host.connections().unwrap().is_empty());
    let again = scan(&world, &report.connection, ScanOptions::default())
        .await
        .unwrap_err();
    assert!(
        again.to_string().contains("its token was not kept"),
        "{again}"
    );
    for entry in std::fs::read_dir(world.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert!(memchr::memmem::find(&bytes, b"glpat-secret").is_none());
    }
}

#[tokio::test]
async fn secrets_go_to_the_entered_address_only() {
    let world = world(tree());
    *world.scripts.secrets_to.lock().unwrap() = "https://evil.example.net".to_owned();
    let error = refusal(&world, draft()).await;
    assert!(
        error.contains("evil.example.net") && error.contains("https://gitlab.example.com"),
        "{error}"
    );
    *world.scripts.secrets_to.lock().unwrap() = "http://gitlab.example.com".to_owned();
    refusal(&world, draft()).await;
    assert!(
        world.scripts.accounts.lock().unwrap().is_empty(),
        "nothing was set up with the secret"
    );
}

#[tokio::test]
async fn a_connector_can_not_move_the_address_that_later_calls_start_from() {
    let world = world(tree());
    for elsewhere in [
        "https://evil.example.net",
        "http://gitlab.example.com",
        "https://gitlab.example.com:8443",
        "",
    ] {
        *world.scripts.moves_to.lock().unwrap() = Some(elsewhere.to_owned());
        let error = refusal(&world, draft()).await;
        assert!(error.contains("https://gitlab.example.com"), "{error}");
    }
    assert!(
        world.scripts.accounts.lock().unwrap().is_empty(),
        "nothing was set up with the secret"
    );
}

#[tokio::test]
async fn a_draft_that_does_not_fit_the_form_names_its_field() {
    let world = world(tree());
    let with = |change: &dyn Fn(&mut ConnectionDraft)| {
        let mut draft = draft();
        change(&mut draft);
        draft
    };
    let setting = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let cases: Vec<(ConnectionDraft, &str)> = vec![
        (with(&|draft| draft.settings.clear()), "url: URL is missing"),
        (
            with(&|draft| draft.secrets.clear()),
            "token: TOKEN is missing",
        ),
        (
            with(&|draft| draft.settings[0].1 = "  ".to_owned()),
            "url: URL is empty",
        ),
        (
            with(&|draft| draft.settings.push(setting("colour", "red"))),
            "colour: ",
        ),
        (
            with(&|draft| draft.settings.push(setting("token", "x"))),
            "token: It is a secret",
        ),
        (
            with(&|draft| draft.settings.push(setting("url", "b"))),
            "url: It is given twice",
        ),
        (
            with(&|draft| draft.settings[0].1 = "ftp://x".to_owned()),
            "url: \"ftp://x\" is not an address",
        ),
        (
            with(&|draft| draft.settings[0].1 = "https://u:hunter2@x".to_owned()),
            "user name or password",
        ),
        (
            with(&|draft| draft.settings[0].1 = "x".repeat(70_000)),
            "70000 bytes",
        ),
    ];
    for (draft, expected) in cases {
        let error = refusal(&world, draft).await;
        assert!(
            error.contains(expected) && !error.contains("hunter2"),
            "{expected}: {error}"
        );
    }
    let other = with(&|draft| draft.connector = "other".to_owned());
    assert!(
        refusal(&world, other)
            .await
            .contains("no connector is called \"other\"")
    );
}

#[tokio::test]
async fn a_bad_token_is_an_error_and_what_was_found_stays() {
    let world = world(tree());
    let name = connected(&world).await;
    scan(&world, &name, ScanOptions::default()).await.unwrap();
    let bad = Fault::Failure(Failure::Unauthenticated(why("The token was revoked.")));
    world
        .scripts
        .script
        .listing_faults
        .lock()
        .unwrap()
        .insert(None, [bad].into());
    let error = scan(&world, &name, ScanOptions::default())
        .await
        .unwrap_err();
    assert!(matches!(
        error,
        HostError::Connector(Failure::Unauthenticated(_))
    ));
    assert_eq!(world.host.findings(&Filter::default()).unwrap().len(), 2);
}

#[tokio::test]
async fn a_branch_that_fails_makes_the_scan_incomplete() {
    let world = world(tree());
    let name = connected(&world).await;
    scan(&world, &name, ScanOptions::default()).await.unwrap();
    let gone = Fault::Failure(Failure::NotFound(why("404.")));
    world
        .scripts
        .script
        .listing_faults
        .lock()
        .unwrap()
        .insert(Some("acme".to_owned()), [gone].into());
    let report = scan(&world, &name, ScanOptions::default()).await.unwrap();
    assert!(!report.complete && report.locations.is_empty());
    assert_eq!(
        world.host.findings(&Filter::default()).unwrap().len(),
        2,
        "nothing was closed"
    );
    let rows = world.host.known_locations(&name).unwrap();
    assert_eq!(rows.len(), 4, "nothing is gone");
}

#[tokio::test]
async fn new_locations_wait_when_the_selection_says_so() {
    let world = world(tree());
    let name = connected(&world).await;
    let only_known = Selection {
        new_locations: NewLocations::Exclude,
        ..everything()
    };
    let error = world
        .host
        .select(&name, only_known.clone())
        .unwrap_err()
        .to_string();
    assert!(error.contains("never listed"), "{error}");
    world
        .host
        .list_locations(&name, &Silent, &CancellationToken::new())
        .await
        .unwrap();
    world.host.select(&name, only_known).unwrap();
    let listed = [
        location("acme/api"),
        location("acme/web"),
        location("acme/new"),
    ];
    let id = world.host.record(&name).unwrap().id;
    world
        .host
        .store
        .record_listing(id, listed.to_vec(), Vec::new(), false)
        .await
        .unwrap();
    let rows = world.host.known_locations(&name).unwrap();
    let new = rows
        .iter()
        .find(|row| row.location.path == "acme/new")
        .unwrap();
    assert!(
        !new.selected && new.reason.as_deref().unwrap().contains("new"),
        "{new:?}"
    );
}

#[tokio::test]
async fn one_connection_is_not_scanned_twice_at_once() {
    let world = world(tree());
    let name = connected(&world).await;
    world
        .scripts
        .script
        .locations
        .lock()
        .unwrap()
        .get_mut("acme/api")
        .unwrap()
        .pace = Duration::from_millis(300);
    let (first, second) = tokio::join!(scan(&world, &name, ScanOptions::default()), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        scan(&world, &name, ScanOptions::default()).await
    });
    assert!(first.unwrap().complete);
    assert!(
        second
            .unwrap_err()
            .to_string()
            .contains("being scanned already")
    );
    assert!(scan(&world, &name, ScanOptions::default()).await.is_ok());
}

#[tokio::test]
async fn steps_of_a_verification_are_events_as_they_come() {
    struct Steps(Mutex<Vec<StepStatus>>);
    impl Events for Steps {
        fn event(&self, event: Event) {
            if let Event::Step(step) = event {
                self.0.lock().unwrap().push(step.status);
            }
        }
    }
    let world = world(tree());
    let name = connected(&world).await;
    let steps = Steps(Mutex::default());
    world
        .host
        .verify(&name, &steps, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(*steps.0.lock().unwrap(), [StepStatus::Passed]);
    let account = world.scripts.accounts.lock().unwrap().pop().unwrap();
    assert_eq!(account.secrets[0].1.expose(), "glpat-secret");
}
