#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::*;
use crate::contract::sink::Stop;
use crate::contract::{Image, PackageBatch};
use crate::http::script::{Reply, START, Script};
use crate::http::{Request, TroubleKind};
use crate::image::config;
use crate::image::layer::tests::archive;
use crate::session::Recorder;
use crate::settings::Settings;

mod attached;
mod owners;
mod robust;

const BASE: &str = "https://gitlab.example";
const HOST: &str = "registry.example:5050";
const PATH: &str = "acme/app";
const OCI: &str = "application/vnd.oci.image.manifest.v1+json";
const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A registry that holds what a test put in, behind GitLab's token service.
#[derive(Clone, Default)]
pub(crate) struct Simulated(Rc<State>);

#[derive(Default)]
struct State {
    manifests: RefCell<BTreeMap<String, (String, Vec<u8>)>>,
    blobs: RefCell<BTreeMap<String, Vec<u8>>>,
    tags: RefCell<Vec<(String, String, Option<String>)>>,
    database: bool,
    /// Answers instead of the usual ones, by a part of the address.
    faults: RefCell<Vec<(String, Reply)>>,
}

impl Simulated {
    pub(crate) fn new(database: bool) -> Self {
        Self(Rc::new(State {
            database,
            ..State::default()
        }))
    }

    pub(crate) fn blob(&self, bytes: &[u8]) -> String {
        let digest = Digest::of(bytes).as_str().to_owned();
        self.0
            .blobs
            .borrow_mut()
            .insert(digest.clone(), bytes.to_vec());
        digest
    }

    fn manifest(&self, media_type: &str, body: serde_json::Value) -> String {
        let bytes = serde_json::to_vec(&body).unwrap();
        let digest = Digest::of(&bytes).as_str().to_owned();
        self.0
            .manifests
            .borrow_mut()
            .insert(digest.clone(), (media_type.to_owned(), bytes));
        digest
    }

    fn tag(&self, name: &str, digest: &str) {
        self.0
            .tags
            .borrow_mut()
            .push((name.to_owned(), digest.to_owned(), None));
    }

    fn pushed(&self, name: &str, digest: &str, time: &str) {
        self.0
            .tags
            .borrow_mut()
            .push((name.to_owned(), digest.to_owned(), Some(time.to_owned())));
    }

    fn fault(&self, part: &str, reply: Reply) {
        self.0.faults.borrow_mut().push((part.to_owned(), reply));
    }

    fn config(&self, architecture: &str, created: &str) -> String {
        self.blob(
            &serde_json::to_vec(
                &json!({"os": "linux", "architecture": architecture, "created": created}),
            )
            .unwrap(),
        )
    }

    fn image_of(&self, config: &str, layers: &[String]) -> String {
        let size = |digest: &String| self.0.blobs.borrow().get(digest).map_or(7, Vec::len);
        let layers: Vec<_> = layers
            .iter()
            .map(|digest| json!({"mediaType": GZIP, "digest": digest, "size": size(digest)}))
            .collect();
        self.manifest(
            OCI,
            json!({"schemaVersion": 2, "layers": layers,
                   "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2}}),
        )
    }

    pub(crate) fn layer(&self, members: &[(&str, &str)]) -> String {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&archive(members)).unwrap();
        self.blob(&encoder.finish().unwrap())
    }

    /// An image of one layer with these Debian packages.
    fn debian(&self, packages: &[&str]) -> String {
        let status: String = packages
            .iter()
            .map(|name| format!("Package: {name}\nVersion: 1\n\n"))
            .collect();
        let layer = self.layer(&[
            ("etc/os-release", "ID=debian\nVERSION_ID=12\n"),
            ("var/lib/dpkg/status", &status),
        ]);
        self.image_of(&self.config("amd64", "2026-01-01T00:00:00Z"), &[layer])
    }

    fn answer(&self, request: &Request) -> Reply {
        for (part, reply) in self.0.faults.borrow().iter() {
            if request.url.contains(part.as_str()) {
                return reply.clone();
            }
        }
        let header = |name: &str| {
            request
                .headers
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        if let Some(query) = request.url.strip_prefix("https://gitlab.example/jwt/auth?") {
            assert!(header("authorization").unwrap().starts_with("Basic "));
            let claims = json!({"iat": START, "exp": START + 300, "scope": query});
            return Reply::json(
                200,
                json!({"token": format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims.to_string()))})
                    .to_string(),
            );
        }
        let path = request
            .url
            .strip_prefix("https://registry.example:5050/")
            .unwrap_or_else(|| panic!("{}", request.url));
        if header("authorization").is_none_or(|value| !value.starts_with("Bearer ")) {
            return Reply::json(401, "{}").with(
                "www-authenticate",
                format!("Bearer realm=\"{BASE}/jwt/auth\",service=\"container_registry\""),
            );
        }
        let own = format!("gitlab/v1/repositories/{PATH}/tags/list/");
        if path == "v2/" {
            return Reply::json(200, "{}")
                .with("gitlab-container-registry-version", "4.32.0-gitlab")
                .with(
                    "gitlab-container-registry-database-enabled",
                    self.0.database.to_string(),
                );
        }
        if path.starts_with(&own) && self.0.database {
            let tags: Vec<_> = self.0.tags.borrow().iter()
                .map(|(name, digest, pushed)| json!({"name": name, "digest": digest, "published_at": pushed}))
                .collect();
            return Reply::json(200, json!(tags).to_string());
        }
        let path = path
            .strip_prefix(&format!("v2/{PATH}/"))
            .unwrap_or_else(|| panic!("{}", request.url));
        if path.starts_with("tags/list") {
            let tags: Vec<_> = self
                .0
                .tags
                .borrow()
                .iter()
                .map(|(name, ..)| name.clone())
                .collect();
            return Reply::json(
                200,
                json!({"name": PATH, "tags": if tags.is_empty() { None } else { Some(tags) }})
                    .to_string(),
            );
        }
        if let Some(reference) = path.strip_prefix("manifests/") {
            assert_eq!(
                header("accept")
                    .unwrap()
                    .matches("application/vnd.")
                    .count(),
                4
            );
            let digest = self
                .0
                .tags
                .borrow()
                .iter()
                .find(|(name, ..)| name == reference)
                .map_or_else(|| reference.to_owned(), |(_, digest, _)| digest.clone());
            return match self.0.manifests.borrow().get(&digest) {
                Some((media_type, bytes)) => Reply::bytes(200, bytes.clone())
                    .with("content-type", media_type.as_str())
                    .with("docker-content-digest", digest),
                None => Reply::json(
                    404,
                    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                ),
            };
        }
        let digest = path.strip_prefix("blobs/").unwrap();
        assert_eq!(header("ox-expect-digest"), Some(digest));
        match self.0.blobs.borrow().get(digest) {
            Some(bytes) => Reply::bytes(200, bytes.clone()),
            None => Reply::json(
                404,
                r#"{"errors":[{"code":"BLOB_UNKNOWN","message":"blob unknown to registry"}]}"#,
            ),
        }
    }

    pub(crate) fn script(&self) -> Script {
        let this = self.clone();
        Script::new().otherwise(move |request| this.answer(request))
    }
}

struct Scanned {
    result: Result<ScanSummary, Failure>,
    sink: Recorder,
    script: Script,
}

impl Scanned {
    fn images(&self) -> Vec<&Image> {
        self.sink
            .observations()
            .filter_map(|seen| match seen {
                Observation::Image(image) => Some(image),
                _ => None,
            })
            .collect()
    }

    fn packages(&self, image: &str) -> Vec<String> {
        self.sink
            .observations()
            .filter_map(|seen| match seen {
                Observation::Packages(PackageBatch {
                    image: of,
                    packages,
                }) if of == image => Some(packages),
                _ => None,
            })
            .flatten()
            .map(|package| package.name.clone())
            .collect()
    }

    fn skipped(&self) -> Vec<(&str, SkipReason)> {
        self.sink
            .observations()
            .filter_map(|seen| match seen {
                Observation::Skipped(skipped) => Some((skipped.name.as_str(), skipped.skip.reason)),
                _ => None,
            })
            .collect()
    }

    fn blobs_read(&self) -> usize {
        self.script
            .lines()
            .iter()
            .filter(|line| line.contains("/blobs/"))
            .count()
    }
}

fn scan_with(
    simulated: &Simulated,
    settings: Settings,
    cursor: Option<String>,
    mut sink: Recorder,
) -> Scanned {
    let script = simulated.script();
    let result = {
        let session = Session {
            settings,
            client: script.client(),
        };
        let target = Target {
            host: HOST.to_owned(),
            path: "Acme/App".to_owned(),
            ..Target::default()
        };
        let request = ScanRequest {
            location: "repository/1/2".to_owned(),
            cursor,
        };
        repository(&session, &target, &request, &mut sink, &mut |_| {
            Ok(Vec::new())
        })
    };
    Scanned {
        result,
        sink,
        script,
    }
}

fn scan(simulated: &Simulated) -> Scanned {
    scan_with(simulated, Settings::sample(BASE), None, Recorder::default())
}

#[test]
fn every_tag_and_platform_is_scanned_once_with_its_packages() {
    for database in [true, false] {
        let registry = Simulated::new(database);
        let amd = registry.debian(&["bash", "libc6"]);
        let arm_layer = registry.layer(&[
            ("lib/apk/db/installed", "P:musl\nV:1\n\n"),
            ("etc/os-release", "ID=alpine\n"),
        ]);
        let arm = registry.image_of(
            &registry.config("arm64", "2026-01-01T00:00:00Z"),
            &[arm_layer],
        );
        let index = registry.manifest(OCI_INDEX, json!({"schemaVersion": 2, "manifests": [
            {"mediaType": OCI, "digest": amd, "size": 1, "platform": {"os": "linux", "architecture": "amd64"}},
            {"mediaType": OCI, "digest": arm, "size": 1, "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}},
            {"mediaType": OCI, "digest": Digest::of(b"att").as_str(), "size": 1, "platform": {"os": "unknown", "architecture": "unknown"},
             "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
        ]}));
        registry.tag("1.0", &index);
        registry.tag("latest", &index);
        registry.tag("amd64", &amd);
        registry.tag(&format!("sha256-{}.sig", "ab".repeat(32)), &amd);
        let scanned = scan(&registry);
        let summary = scanned.result.as_ref().unwrap();
        assert!(summary.complete, "{:?}", scanned.skipped());
        assert_eq!(
            (
                summary.tags,
                summary.images,
                summary.packages,
                summary.layers_read
            ),
            (4, 2, 3, 2)
        );
        let images = scanned.images();
        let amd_image = images.iter().find(|image| image.digest == amd).unwrap();
        // However the newest of its tags leads to it.
        assert_eq!(amd_image.index.as_deref(), Some(index.as_str()));
        assert_eq!(amd_image.tags, ["1.0", "amd64", "latest"]);
        assert_eq!(amd_image.operating_system.as_ref().unwrap().id, "debian");
        assert_eq!(amd_image.package_count, 2);
        assert_eq!(
            (amd_image.registry.as_str(), amd_image.repository.as_str()),
            (HOST, PATH)
        );
        let arm_image = images.iter().find(|image| image.digest == arm).unwrap();
        assert_eq!(arm_image.platform.variant.as_deref(), Some("v8"));
        assert_eq!(arm_image.index.as_deref(), Some(index.as_str()));
        assert_eq!(scanned.packages(&amd), ["bash", "libc6"]);
        assert!(
            scanned
                .skipped()
                .iter()
                .all(|(_, reason)| *reason == SkipReason::NotAnImage)
        );
        assert_eq!(scanned.skipped().len(), 2);
        assert_eq!(summary.skipped, 2);
    }
}

#[test]
fn a_layer_is_read_once_and_a_rescan_reads_none() {
    let registry = Simulated::new(true);
    let base = registry.layer(&[("var/lib/dpkg/status", "Package: a\nVersion: 1\n")]);
    for n in 0..3 {
        let own = registry.layer(&[("opt/file", &n.to_string())]);
        let config = registry.config(&format!("arch{n}"), "2026-01-01T00:00:00Z");
        let image = registry.image_of(&config, &[base.clone(), own.clone(), own]);
        registry.tag(&format!("v{n}"), &image);
    }
    let first = scan(&registry);
    let summary = first.result.as_ref().unwrap();
    assert_eq!((summary.layers_read, summary.layers_reused), (4, 5));
    assert_eq!(first.blobs_read(), 4 + 3);
    let again = scan_with(
        &registry,
        Settings::sample(BASE),
        None,
        Recorder {
            cache: first.sink.cache,
            ..Recorder::default()
        },
    );
    let summary = again.result.as_ref().unwrap();
    assert_eq!(
        (summary.layers_read, summary.layers_reused, summary.packages),
        (0, 9, 3)
    );
    assert_eq!(again.blobs_read(), 3);
}

#[test]
fn what_fails_is_skipped_with_its_reason_and_the_rest_is_scanned() {
    let registry = Simulated::new(true);
    let good = registry.debian(&["bash"]);
    registry.tag("good", &good);
    registry.tag("gone", Digest::of(b"gone").as_str());
    let missing = registry.image_of(
        &registry.config("b", ""),
        &[Digest::of(b"missing").as_str().to_owned()],
    );
    registry.tag("missing-layer", &missing);
    let junk = registry.blob(b"this is no archive at all");
    let broken = registry.image_of(&registry.config("c", ""), std::slice::from_ref(&junk));
    registry.tag("broken-layer", &broken);
    let wrong = registry.layer(&[("a", "b")]);
    registry.0.blobs.borrow_mut().insert(
        wrong.clone(),
        archive(&[("var/lib/dpkg/status", "Package: evil\nVersion: 1\n")]),
    );
    let swapped = registry.image_of(&registry.config("d", ""), std::slice::from_ref(&wrong));
    registry.tag("swapped-layer", &swapped);
    let chart = registry.manifest(OCI, json!({"schemaVersion": 2, "layers": [],
        "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": good, "size": 2}}));
    registry.tag("chart", &chart);
    let scanned = scan(&registry);
    let summary = scanned.result.as_ref().unwrap();
    assert!(!summary.complete);
    assert_eq!(summary.images, 4);
    let skipped = scanned.skipped();
    for (name, reason) in [
        (Digest::of(b"gone").as_str(), SkipReason::Gone),
        (Digest::of(b"missing").as_str(), SkipReason::Unreachable),
        (junk.as_str(), SkipReason::Corrupt),
        (wrong.as_str(), SkipReason::Corrupt),
        (chart.as_str(), SkipReason::NotAnImage),
    ] {
        assert!(
            skipped.contains(&(name, reason)),
            "{name} {reason:?} in {skipped:?}"
        );
    }
    assert!(scanned.packages(&swapped).is_empty());
    assert!(scanned.sink.cache.keys().all(|key| !key.contains(&wrong)));
    for image in scanned.images() {
        assert_eq!(image.complete, image.digest == good);
    }
}

#[test]
fn a_scan_that_was_stopped_goes_on_behind_the_last_image() {
    let registry = Simulated::new(true);
    for n in 0..5 {
        let image = registry.debian(&[&format!("package{n}")]);
        registry.pushed(
            &format!("v{n}"),
            &image,
            &format!("2026-01-0{}T00:00:00Z", n + 1),
        );
    }
    let whole = scan(&registry);
    let stopped = scan_with(
        &registry,
        Settings::sample(BASE),
        None,
        Recorder {
            stop_after: Some((2, Stop::Cancelled)),
            ..Recorder::default()
        },
    );
    assert!(matches!(stopped.result, Err(Failure::Stopped)));
    assert_eq!(stopped.images().len(), 2);
    let resumed = scan_with(
        &registry,
        Settings::sample(BASE),
        stopped.sink.cursor(),
        Recorder::default(),
    );
    assert_eq!(resumed.images().len(), 3);
    assert_eq!(
        resumed.result.as_ref().unwrap(),
        whole.result.as_ref().unwrap()
    );
    let anew = scan_with(
        &registry,
        Settings::sample(BASE),
        Some("{\"v\":99}".to_owned()),
        Recorder::default(),
    );
    assert_eq!(anew.images().len(), 5);
    assert_eq!(anew.sink.log.len(), 1);
}

#[test]
fn options_leave_out_tags_and_platforms_and_say_so() {
    for database in [true, false] {
        let registry = Simulated::new(database);
        for (tag, day) in [("v1", 1), ("v2", 2), ("v3", 3), ("dev-x", 4)] {
            let layer = registry.layer(&[("x", tag)]);
            let time = format!("2026-11-{day:02}T00:00:00Z");
            let image = registry.image_of(&registry.config("amd64", &time), &[layer]);
            registry.pushed(tag, &image, &time);
        }
        let mut settings = Settings::sample(BASE);
        settings.tags.exclude = vec!["dev-*".to_owned()];
        settings.tags.newest = Some(2);
        let scanned = scan_with(&registry, settings.clone(), None, Recorder::default());
        assert!(scanned.result.as_ref().unwrap().complete);
        let tags: Vec<_> = scanned
            .images()
            .iter()
            .flat_map(|image| image.tags.clone())
            .collect();
        assert_eq!(tags, ["v3", "v2"], "database {database}");
        assert_eq!(
            scanned.skipped(),
            [
                ("dev-x", SkipReason::NotSelected),
                ("v1", SkipReason::NotSelected)
            ]
        );
        settings.tags.newest = None;
        settings.tags.max_age_days = Some(21);
        let scanned = scan_with(&registry, settings.clone(), None, Recorder::default());
        assert_eq!(scanned.images().len(), 2, "database {database}");
        settings.platforms = vec!["linux/arm64".to_owned()];
        let scanned = scan_with(&registry, settings, None, Recorder::default());
        assert!(scanned.images().is_empty());
        assert!(scanned.result.unwrap().complete);
    }
}

#[test]
fn an_empty_or_unknown_repository_is_told_and_complete() {
    let scanned = scan(&Simulated::new(false));
    assert!(scanned.result.as_ref().unwrap().complete);
    assert_eq!(scanned.skipped(), [(PATH, SkipReason::Empty)]);
    let unknown = Simulated::new(true);
    unknown.fault(
        "tags/list",
        Reply::json(404, r#"{"errors":[{"code":"NAME_UNKNOWN","message":"x"}]}"#),
    );
    let scanned = scan(&unknown);
    assert!(scanned.result.is_ok(), "{:?}", scanned.result);
    assert_eq!(scanned.skipped(), [(PATH, SkipReason::Empty)]);
}

#[test]
fn trouble_that_concerns_everything_is_a_failure_and_a_bad_token_is_tried_once() {
    let registry = Simulated::new(true);
    registry.tag("v1", &registry.debian(&["a"]));
    registry.fault(
        "/jwt/auth",
        Reply::json(
            401,
            r#"{"errors":[{"code":"UNAUTHORIZED","message":"HTTP Basic: Access denied."}]}"#,
        ),
    );
    let scanned = scan(&registry);
    assert!(matches!(scanned.result, Err(Failure::Unauthenticated(_))));
    assert_eq!(
        scanned
            .script
            .lines()
            .iter()
            .filter(|line| line.contains("/jwt/auth"))
            .count(),
        1
    );
    let refused = Simulated::new(true);
    refused.tag("v1", &refused.debian(&["a"]));
    refused.fault(
        "/v2/acme",
        Reply::json(401, "{}").with(
            "www-authenticate",
            "Bearer realm=\"x\",error=\"insufficient_scope\"",
        ),
    );
    refused.fault("/gitlab/v1", Reply::json(401, "{}"));
    assert!(matches!(scan(&refused).result, Err(Failure::Forbidden(_))));
}
