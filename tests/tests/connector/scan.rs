//! `scan`: every image once, with exactly the packages that are in it, and a reason for all the rest.

use std::collections::BTreeSet;
use std::time::Duration;

use ox_harness::image::root::{self, ExpectedPackage};
use ox_harness::image::{
    Artefact, Image, Index, Layer, Platform, attestation, buildkit_cache, cosign_signature,
    digest_of, helm_chart, schema1,
};
use ox_harness::rig::{Rig, outcomes};
use ox_harness::sim::{
    Fault, GitLab, Modes, Organisation, Place, Registry, Running, Trouble, level, scope,
};
use ox_host::contract::{SkipReason, SkipSubject};
use ox_host::host::ScanReport;
use tokio::sync::OnceCell;

pub(crate) const TOKEN: &str = "glpat-ada";
/// Tags of `acme/app/many`.
const MANY: usize = 1_250;

/// An organisation with one project, `acme/App`.
pub(crate) fn acme() -> (Organisation, u64) {
    let mut org = Organisation::new();
    let ada = org.user("ada");
    org.token(ada, TOKEN, &scope::CONNECTOR);
    let group = org.group(None, "acme", |g| g.members.push((ada, level::DEVELOPER)));
    let project = org.project(group, "App", |_| {});
    (org, project)
}

/// Pushes images under their tags into a new repository of the project.
pub(crate) fn push(
    org: &mut Organisation,
    project: u64,
    name: &str,
    images: &[(&str, &Artefact)],
) -> u64 {
    let repository = org.repository(project, name);
    for (tag, image) in images {
        org.push(repository, tag, image);
    }
    repository
}

/// A Debian image with a second layer.
fn debian() -> Artefact {
    Image::amd64()
        .docker()
        .layer(root::debian(40).layer)
        .layer(Layer::new().file("srv/app", "app"))
        .build()
}

fn alpine() -> Artefact {
    Image::new(Platform::arm64())
        .layer(root::alpine(20).layer.zstd())
        .layer(Layer::new().file("srv/app", "app").plain())
        .build()
}

struct Images {
    index: Artefact,
    list: Artefact,
    hidden: Artefact,
    opaque: Artefact,
    updated: Artefact,
    distroless: Artefact,
    wrong: Artefact,
    foreign: Artefact,
    missing: Artefact,
    cut: Artefact,
}

fn images() -> Images {
    let status = |name: &str, version: &str| {
        format!(
            "Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n"
        )
    };
    let patch = Layer::new().file("opt/patch", "patched");
    let with = |layer: ox_harness::image::BuiltLayer| {
        Image::amd64()
            .layer(root::debian(12).layer)
            .layer(layer)
            .layer(Layer::new().file("srv/z", "z"))
            .build()
    };
    Images {
        index: Index::oci()
            .child(debian())
            .child(alpine())
            .child(attestation(&debian()))
            .build(),
        list: Index::docker()
            .child(debian())
            .child(
                Image::new(Platform::parse("linux/arm/v7"))
                    .docker()
                    .layer(root::alpine(7).layer)
                    .build(),
            )
            .build(),
        hidden: Image::amd64()
            .layer(root::alpine(9).layer)
            .layer(Layer::new().whiteout("lib/apk/db/installed"))
            .build(),
        opaque: Image::amd64()
            .layer(root::debian(9).layer)
            .layer(Layer::new().opaque("var/lib/dpkg"))
            .build(),
        // The database is written anew: one package went, one came, one stayed.
        updated: Image::amd64()
            .layer(Layer::new().file(
                "var/lib/dpkg/status",
                status("stays", "1.0-1") + &status("goes", "2.0-1"),
            ))
            .layer(Layer::new().file(
                "var/lib/dpkg/status",
                status("stays", "1.0-1") + &status("comes", "3.0-1"),
            ))
            .build(),
        distroless: Image::amd64()
            .layer(
                Layer::new()
                    .file(
                        "var/lib/dpkg/status.d/tzdata",
                        status("tzdata", "2024a-0+deb12u1"),
                    )
                    .file(
                        "var/lib/dpkg/status.d/base",
                        status("base-files", "12.4+deb12u5"),
                    ),
            )
            .build(),
        wrong: with(patch.build().claim_digest(&digest_of(b"something else"))),
        foreign: with(
            patch
                .build()
                .foreign("https://elsewhere.example/layer.tar.gz"),
        ),
        missing: with(Layer::new().file("opt/gone", "gone").build().missing()),
        cut: with(
            Layer::new()
                .file("a", "a")
                .truncated_file("b", 5_000)
                .build(),
        ),
    }
}

struct Scanned {
    gitlab: Running,
    rig: Rig,
    report: ScanReport,
    images: Images,
}

/// One scan that most of these tests look at.
async fn scanned() -> &'static Scanned {
    static SCANNED: OnceCell<Scanned> = OnceCell::const_new();
    SCANNED
        .get_or_init(|| async {
            let (mut org, project) = acme();
            let of = images();
            let (signature_tag, signature) = cosign_signature(&of.index);
            push(
                &mut org,
                project,
                "",
                &[("1.0", &debian()), ("latest", &debian())],
            );
            push(
                &mut org,
                project,
                "multi",
                &[
                    ("1", &of.index),
                    ("list", &of.list),
                    (&signature_tag, &signature),
                ],
            );
            push(
                &mut org,
                project,
                "odd",
                &[
                    ("chart", &helm_chart("web", "1.0.0")),
                    ("cache", &buildkit_cache()),
                    ("old", &schema1("acme/app/odd", "old")),
                ],
            );
            push(
                &mut org,
                project,
                "merged",
                &[
                    ("hidden", &of.hidden),
                    ("opaque", &of.opaque),
                    ("updated", &of.updated),
                    ("distroless", &of.distroless),
                ],
            );
            push(
                &mut org,
                project,
                "broken",
                &[
                    ("wrong", &of.wrong),
                    ("foreign", &of.foreign),
                    ("missing", &of.missing),
                    ("cut", &of.cut),
                    ("whole", &debian()),
                ],
            );
            let many = push(&mut org, project, "many", &[]);
            let kinds: Vec<Artefact> = (0..3)
                .map(|n| {
                    Image::amd64()
                        .layer(root::alpine(5).layer)
                        .layer(Layer::new().file("n", format!("{n}")))
                        .build()
                })
                .collect();
            for (number, image) in (0..MANY).zip(kinds.iter().cycle()) {
                org.push(many, &format!("t-{number:04}"), image);
            }
            let empty = push(&mut org, project, "empty", &[]);
            org.empty_repository(empty);
            push(&mut org, project, "ghost", &[]);
            let gitlab = GitLab::start(org, Modes::default()).unwrap();
            let rig = Rig::connected(&gitlab, TOKEN).await.unwrap();
            let report = rig.scan(&[]).await.unwrap();
            Scanned {
                gitlab,
                rig,
                report,
                images: of,
            }
        })
        .await
}

/// Asserts that an image has exactly these packages, all from that layer.
#[track_caller]
fn assert_packages(rig: &Rig, digest: &str, wanted: &[ExpectedPackage], layer: u32) {
    let packages = rig.packages(digest).unwrap();
    assert!(packages.iter().all(|p| p.layer == layer), "{packages:#?}");
    let found: BTreeSet<ExpectedPackage> = packages
        .into_iter()
        .map(|p| ExpectedPackage {
            source_name: p.source_name.unwrap_or_default(),
            source_version: p.source_version.unwrap_or_default(),
            architecture: p.architecture.unwrap_or_default(),
            name: p.name,
            version: p.version,
        })
        .collect();
    assert_eq!(
        found,
        wanted.iter().cloned().collect(),
        "packages of {digest}"
    );
}

fn names(rig: &Rig, digest: &str) -> Vec<String> {
    let packages = rig.packages(digest).unwrap().into_iter();
    let mut names: Vec<String> = packages
        .map(|p| format!("{} {} @{}", p.name, p.version, p.layer))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn packages_are_exactly_those_of_the_image_and_tags_share_it() {
    let Scanned { rig, .. } = scanned().await;
    let images = rig.images("acme/app").unwrap();
    assert_eq!(images.len(), 1, "{images:#?}");
    let image = &images[0];
    assert_eq!(image.digest, debian().digest);
    assert_eq!(image.tags, ["1.0", "latest"]);
    assert!(image.complete);
    assert_eq!(image.package_count, 40);
    let system = image.operating_system.as_ref().unwrap();
    assert_eq!(
        (system.id.as_str(), system.version_id.as_deref()),
        ("debian", Some("12"))
    );
    assert_eq!(image.layers.len(), 2);
    assert_packages(rig, &image.digest, &root::debian(40).packages, 0);
}

#[tokio::test]
async fn an_index_is_its_images_and_its_attestation_is_none() {
    let Scanned { rig, images, .. } = scanned().await;
    let found = rig.images("acme/app/multi").unwrap();
    let platforms: BTreeSet<(String, Option<String>)> = found
        .iter()
        .map(|image| {
            (
                image.platform.architecture.clone(),
                image.platform.variant.clone(),
            )
        })
        .collect();
    let expected = [("amd64", None), ("arm", Some("v7")), ("arm64", Some("v8"))];
    let expected = expected.map(|(a, v)| (a.to_owned(), v.map(str::to_owned)));
    assert_eq!(platforms, expected.into());
    assert_packages(rig, &alpine().digest, &root::alpine(20).packages, 0);
    let both = found
        .iter()
        .find(|image| image.digest == debian().digest)
        .unwrap();
    assert_eq!(both.tags, ["1", "list"], "one image, through two lists");
    let index = both.index.as_deref().unwrap();
    assert!([images.index.digest.as_str(), images.list.digest.as_str()].contains(&index));

    let (signature_tag, _) = cosign_signature(&images.index);
    let reasons = rig.reasons("acme/app/multi").unwrap();
    let of = |reason| {
        let fits = reasons.iter().filter(move |(_, r)| *r == reason);
        fits.map(|(name, _)| name.clone()).collect::<BTreeSet<_>>()
    };
    let attested = attestation(&debian()).digest;
    assert_eq!(of(SkipReason::NotAnImage), [attested, signature_tag].into());
}

#[tokio::test]
async fn what_is_no_image_says_what_it_is() {
    let Scanned { rig, .. } = scanned().await;
    assert!(rig.images("acme/app/odd").unwrap().is_empty());
    let told = rig.skipped("acme/app/odd").unwrap();
    for (word, reason) in [
        ("Helm", SkipReason::NotAnImage),
        ("build cache", SkipReason::NotAnImage),
        ("schema 1", SkipReason::Unsupported),
    ] {
        let of = |reason| move |s: &&ox_host::contract::Skipped| s.skip.reason == reason;
        let mut messages = told
            .iter()
            .filter(of(reason))
            .map(|s| s.skip.why.message.to_lowercase());
        assert!(
            messages.any(|m| m.contains(&word.to_lowercase())),
            "{word}: {told:#?}"
        );
    }
}

#[tokio::test]
async fn layers_are_put_on_top_of_each_other() {
    let Scanned { rig, images, .. } = scanned().await;
    assert!(
        names(rig, &images.hidden.digest).is_empty(),
        "a whiteout hides the database"
    );
    assert!(
        names(rig, &images.opaque.digest).is_empty(),
        "an opaque folder hides the database"
    );
    let updated = names(rig, &images.updated.digest);
    assert_eq!(updated, ["comes 3.0-1 @1", "stays 1.0-1 @0"]);
    let distroless = names(rig, &images.distroless.digest);
    assert_eq!(
        distroless,
        ["base-files 12.4+deb12u5 @0", "tzdata 2024a-0+deb12u1 @0"]
    );
}

#[tokio::test]
async fn a_bad_layer_costs_only_itself() {
    let Scanned {
        rig,
        report,
        images,
        ..
    } = scanned().await;
    assert_eq!(outcomes(report)["acme/app/broken"], "partial");
    let stored = rig.images("acme/app/broken").unwrap();
    assert_eq!(stored.len(), 5);
    for (artefact, reason) in [
        (&images.wrong, Some(SkipReason::Corrupt)),
        (&images.foreign, Some(SkipReason::Unsupported)),
        (&images.missing, None),
        (&images.cut, Some(SkipReason::Corrupt)),
    ] {
        let image = stored.iter().find(|i| i.digest == artefact.digest).unwrap();
        assert!(!image.complete, "{:?}", image.tags);
        assert_packages(rig, &artefact.digest, &root::debian(12).packages, 0);
        let told = rig.skipped("acme/app/broken").unwrap();
        let told: Vec<_> = told
            .iter()
            .filter(|s| s.image.as_deref() == Some(&artefact.digest))
            .collect();
        assert_eq!(told.len(), 1, "{:?}: {told:#?}", image.tags);
        assert_eq!(told[0].subject, SkipSubject::Layer);
        assert!(
            reason.is_none_or(|reason| told[0].skip.reason == reason),
            "{told:#?}"
        );
        assert!(!told[0].skip.why.message.is_empty());
    }
    let whole = stored.iter().find(|i| i.digest == debian().digest).unwrap();
    assert!(whole.complete);
}

#[tokio::test]
async fn many_tags_are_few_images_and_few_requests() {
    let Scanned {
        gitlab,
        rig,
        report,
        ..
    } = scanned().await;
    let images = rig.images("acme/app/many").unwrap();
    assert_eq!(images.len(), 3);
    let tags: usize = images.iter().map(|image| image.tags.len()).sum();
    assert_eq!(tags, MANY);
    let location = report
        .locations
        .iter()
        .find(|l| l.path == "acme/app/many")
        .unwrap();
    assert_eq!(location.counts.tags, MANY as u64);
    let requests = gitlab.count(|e| e.place == Place::Registry && e.path.contains("acme/app/many"));
    assert!(requests < 30, "{requests} requests");
}

#[tokio::test]
async fn repositories_without_tags_are_empty_and_no_fault() {
    let Scanned { rig, report, .. } = scanned().await;
    for path in ["acme/app/empty", "acme/app/ghost"] {
        assert_eq!(outcomes(report)[path], "complete");
        let told = rig.skipped(path).unwrap();
        let told = told
            .iter()
            .find(|s| s.subject == SkipSubject::Location)
            .unwrap();
        assert_eq!(told.skip.reason, SkipReason::Empty);
    }
}

#[tokio::test]
async fn the_token_is_never_in_an_address_and_never_at_the_storage() {
    let Scanned { gitlab, .. } = scanned().await;
    for entry in gitlab.log() {
        assert!(
            !format!("{}?{}", entry.path, entry.query).contains(TOKEN),
            "{entry:?}"
        );
        if entry.place == Place::Storage {
            let bare = |name: &String| name != "authorization" && name != "private-token";
            assert!(entry.headers.iter().all(bare), "{entry:?}");
            assert_eq!(entry.status, 200, "{entry:?}");
        }
        let token = |name: &String| name == "private-token";
        assert!(entry.place != Place::Registry || !entry.headers.iter().any(token));
    }
}

#[tokio::test]
async fn a_second_scan_reads_no_layer_again() {
    let (mut org, project) = acme();
    push(
        &mut org,
        project,
        "",
        &[("1.0", &debian()), ("2.0", &alpine())],
    );
    let gitlab = GitLab::start(org, Modes::default()).unwrap();
    let rig = Rig::connected(&gitlab, TOKEN).await.unwrap();
    let first = rig.scan(&[]).await.unwrap();
    assert_eq!(
        (first.counts.layers_read, first.counts.layers_reused),
        (4, 0)
    );
    let before = rig.inventory().unwrap();
    gitlab.clear_log();
    let second = rig.scan(&[]).await.unwrap();
    assert_eq!(
        (second.counts.layers_read, second.counts.layers_reused),
        (0, 4)
    );
    let layers: BTreeSet<String> = [debian(), alpine()]
        .iter()
        .flat_map(|image| image.blobs.iter())
        .map(|blob| blob.digest.clone())
        .filter(|digest| {
            ![debian().config_digest, alpine().config_digest].contains(&Some(digest.clone()))
        })
        .collect();
    let again =
        |e: &ox_harness::sim::LogEntry| layers.iter().any(|digest| e.path.contains(&digest[7..]));
    assert_eq!(gitlab.count(again), 0);
    assert_eq!(rig.inventory().unwrap(), before);
}

#[tokio::test]
async fn repositories_scanned_at_the_same_time_read_their_common_base_once() {
    let (mut org, project) = acme();
    let base = root::debian(40).layer.build();
    for name in ["one", "two", "three", "four"] {
        let own = Layer::new().file("srv/app", name).build();
        let image = Image::amd64().layer(&base).layer(&own).build();
        push(&mut org, project, name, &[("1.0", &image)]);
    }
    let gitlab = GitLab::start(org, Modes::default()).unwrap();
    let path = format!("/blobs/{}", base.digest);
    // Late enough for the other instance to come to the same layer meanwhile.
    gitlab.fault(
        Fault::new(Trouble::Late(Duration::from_millis(500)))
            .at(Place::Registry)
            .path(&path)
            .always(),
    );
    let rig = Rig::connected(&gitlab, TOKEN).await.unwrap();
    let report = rig.scan(&[]).await.unwrap();
    assert_eq!(
        (report.counts.layers_read, report.counts.layers_reused),
        (5, 3)
    );
    assert_eq!(gitlab.count(|e| e.path.contains(&path)), 1);
}

#[tokio::test]
async fn every_kind_of_installation_gives_the_same_inventory() {
    let scan = async |modes: Modes| {
        let (mut org, project) = acme();
        let of = images();
        push(
            &mut org,
            project,
            "",
            &[("1.0", &debian()), ("2.0", &alpine())],
        );
        push(
            &mut org,
            project,
            "multi",
            &[("1", &of.index), ("list", &of.list)],
        );
        let gitlab = GitLab::start(org, modes).unwrap();
        let rig = Rig::connected(&gitlab, TOKEN).await.unwrap();
        let report = rig.scan(&[]).await.unwrap();
        assert!(report.complete, "{report:#?}");
        let storage = gitlab.count(|e| e.place == Place::Storage);
        (rig.inventory().unwrap(), storage)
    };
    let (usual, storage) = scan(Modes::default()).await;
    assert_eq!(usual.len(), 5);
    assert!(storage > 0);
    let legacy = Modes {
        registry: Registry::Legacy,
        ..Modes::default()
    };
    assert_eq!(scan(legacy).await.0, usual, "without the metadata database");
    let direct = Modes {
        redirect_blobs: false,
        ..Modes::default()
    };
    assert_eq!(scan(direct).await, (usual.clone(), 0), "without redirects");
    let below = Modes {
        relative_root: "/gitlab".to_owned(),
        ..Modes::default()
    };
    assert_eq!(scan(below).await.0, usual, "below a relative root");
    let old = Modes {
        version: ox_harness::sim::Version::V13_12,
        registry: Registry::Legacy,
        edition: ox_harness::sim::Edition::Community,
        ..Modes::default()
    };
    assert_eq!(scan(old).await.0, usual, "an old one");
    let multi = Modes {
        version: ox_harness::sim::Version::V19_0_2,
        registry: Registry::Legacy,
        ..Modes::default()
    };
    assert_eq!(
        scan(multi).await.0,
        usual,
        "the one that fails at multi-arch tags"
    );
}
