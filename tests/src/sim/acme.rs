//! A company with all that a company's GitLab has: for the demo and the end-to-end tests. Every name is
//! invented.
//!
//! ```text
//! northwind                      group
//!   northwind/platform           base images, a tool with 1,250 tags, a chart
//!   northwind/Shop               services, mixed case, several images a project
//!     northwind/Shop/payments    a subgroup of its own
//!   northwind/archive            what is archived, switched off, private or going away
//! harbour                        a second group; one of its projects is shared with northwind
//! mira                           a user's own namespace
//! ```

use super::findings::{Finding, report};
use super::modes::Modes;
use super::organisation::{FeatureAccess, Namespace, Organisation, Visibility};
use super::people::{TokenKind, level, scope};
use super::server::{GitLab, Running};
use super::wares;
use crate::image::{
    Artefact, BuiltLayer, Image, Index, Layer, Platform, cosign_signature, helm_chart, root,
    sample, sbom_attestation, schema1,
};
use serde_json::json;

/// Good for everything that the connector does; its user is a developer in both groups.
pub const TOKEN: &str = "glpat-mira-connector";
/// An administrator's.
pub const TOKEN_ADMIN: &str = "glpat-root-admin";
/// Only `read_user`.
pub const TOKEN_READ_USER: &str = "glpat-mira-read-user";
/// Only `read_api`: REST works, and so do pulls.
pub const TOKEN_READ_API: &str = "glpat-mira-read-api";
/// Only `read_registry`: pulls work, REST does not.
pub const TOKEN_READ_REGISTRY: &str = "glpat-mira-read-registry";
/// Its last day has come.
pub const TOKEN_EXPIRED: &str = "glpat-mira-expired";
/// Taken back.
pub const TOKEN_REVOKED: &str = "glpat-mira-revoked";
/// Of a project's bot, a reporter in `northwind/Shop/Web-Store`.
pub const TOKEN_BOT: &str = "glpat-project-bot";
/// A deploy token of `northwind/Shop/Web-Store`, for the user name [`DEPLOY_USER`].
pub const TOKEN_DEPLOY: &str = "gldt-web-store";
/// The user name of [`TOKEN_DEPLOY`].
pub const DEPLOY_USER: &str = "gitlab+deploy-token-1";
/// Fine-grained.
pub const TOKEN_GRANULAR: &str = "glpat-mira-granular";
/// May do everything: what `skopeo` pushes with.
pub const TOKEN_API: &str = "glpat-mira-api";
/// Expires within two weeks of today.
pub const TOKEN_EXPIRING: &str = "glpat-mira-expiring";
/// Of a user who is blocked.
pub const TOKEN_BLOCKED: &str = "glpat-blocked";
/// A reporter's: images, but no vulnerabilities.
pub const TOKEN_REPORTER: &str = "glpat-jonas-reporter";

/// Tags of the repository with many.
pub const MANY_TAGS: usize = 1_250;
/// CODEOWNERS of `northwind/Shop/Web-Store`: a section of its own for what money goes through.
const STOREFRONT: &str = "\
# Whoever changes the shop asks one of these.
* @ines

[Storefront] @northwind/Shop
*
/docs/ docs@northwind.example

[Checkout][2] @jonas
/checkout/ @jonas @ines
/images/web\\ store/
";
/// CODEOWNERS of `northwind/Shop/payments/ledger`: one section must, one may.
const LEDGER: &str = "\
[Ledger] @northwind/Shop/payments
*.java
/config/ @@maintainers

^[Documentation]
*.md @mira
";
/// Stands for the registry's host until the simulator listens.
const HOST: &str = "registry.placeholder";

/// Starts a simulator with the organisation.
///
/// # Errors
/// As [`GitLab::start`].
pub fn start(modes: Modes) -> anyhow::Result<Running> {
    let running = GitLab::start(organisation(), modes)?;
    running.world(|world| {
        let host = world
            .registry_host()
            .unwrap_or_else(|| "registry.example.com".to_owned());
        for project in &mut world.organisation.projects {
            for row in &mut project.vulnerabilities {
                let image = row
                    .pointer("/location/image")
                    .and_then(|image| image.as_str());
                let image = image.map(|image| image.replace(HOST, &host));
                if let (Some(place), Some(image)) = (row.pointer_mut("/location/image"), image) {
                    *place = image.into();
                }
            }
            for job in &mut project.jobs {
                for bytes in job.files.values_mut() {
                    if let Ok(text) = std::str::from_utf8(bytes) {
                        *bytes = text.replace(HOST, &host).into();
                    }
                }
            }
        }
    });
    Ok(running)
}

/// The organisation itself. References in findings name a placeholder host: [`start`] writes the real one.
pub fn organisation() -> Organisation {
    let mut org = Organisation::new();
    let people = people(&mut org);
    let bases = Bases::new();
    let northwind = org.group(None, "northwind", |g| {
        g.members.push((people.mira, level::DEVELOPER));
        g.members.push((people.ines, level::OWNER));
        "Everything that Northwind runs".clone_into(&mut g.description);
    });
    let shop = org.group(Some(northwind), "Shop", |g| {
        g.members.push((people.jonas, level::REPORTER));
    });
    platform(&mut org, northwind, &bases);
    let store = services(&mut org, shop, &bases, &people);
    payments(&mut org, shop, &bases);
    retired(&mut org, northwind, &bases);
    let harbour = org.group(None, "harbour", |g| {
        g.members.push((people.mira, level::DEVELOPER));
    });
    let shared = org.project(harbour, "berth-planner", |p| {
        p.shared_with.push((northwind, level::REPORTER));
        p.topics = vec!["go".to_owned(), "planning".to_owned()];
        p.former_paths.push("harbour/berthplan".to_owned());
    });
    let image = bases
        .alpine_image(Layer::new().file_mode(
            "usr/bin/berth-planner",
            0o755,
            wares::berth_planner(),
        ))
        .build();
    let repository = org.repository(shared, "");
    org.push(repository, "2.4.0", &image);
    org.push(repository, "latest", &image);
    let own = org.project(Namespace::User(people.mira), "sandbox", |p| {
        p.description = Some("Trying things out".to_owned());
    });
    let repository = org.repository(own, "");
    let trial = bases
        .debian_image(Layer::new().file("home/mira/notes.txt", "hello"))
        .docker()
        .build();
    org.push(repository, "trial", &trial);
    let open = org.group(None, "open-tools", |g| g.visibility = Visibility::Public);
    let open = org.project(open, "linter", |p| p.visibility = Visibility::Public);
    let repository = org.repository(open, "");
    org.push(repository, "1.0", &image);
    tokens(&mut org, &people, store);
    org
}

struct People {
    root: u64,
    mira: u64,
    ines: u64,
    jonas: u64,
    blocked: u64,
    bot: u64,
}

fn people(org: &mut Organisation) -> People {
    People {
        root: org.user_with("root", |u| u.admin = true),
        mira: org.user_with("mira", |u| "Mira Solberg".clone_into(&mut u.name)),
        ines: org.user_with("ines", |u| "Ines Duarte".clone_into(&mut u.name)),
        jonas: org.user_with("jonas", |u| "Jonas Weiss".clone_into(&mut u.name)),
        blocked: org.user_with("former", |u| u.blocked = true),
        bot: org.user_with("project_1_bot_7f3a9c", |u| u.bot = true),
    }
}

fn tokens(org: &mut Organisation, people: &People, store: u64) {
    let mira = people.mira;
    org.token_with(mira, TOKEN, &scope::CONNECTOR, |t| {
        t.expires_at = Some(in_days(200));
    });
    org.token(people.root, TOKEN_ADMIN, &scope::API);
    org.token(mira, TOKEN_READ_USER, &["read_user"]);
    org.token(mira, TOKEN_READ_API, &["read_api"]);
    org.token(mira, TOKEN_READ_REGISTRY, &["read_registry"]);
    org.token(mira, TOKEN_API, &scope::API);
    org.token_with(mira, TOKEN_EXPIRED, &scope::CONNECTOR, |t| {
        t.expires_at = Some("2024-02-29".to_owned());
    });
    org.token_with(mira, TOKEN_EXPIRING, &scope::CONNECTOR, |t| {
        t.expires_at = Some(in_days(13));
    });
    org.token_with(mira, TOKEN_REVOKED, &scope::CONNECTOR, |t| t.revoked = true);
    org.token_with(mira, TOKEN_GRANULAR, &[], |t| t.granular = true);
    org.token(people.blocked, TOKEN_BLOCKED, &scope::CONNECTOR);
    org.token(people.jonas, TOKEN_REPORTER, &scope::CONNECTOR);
    org.token(people.bot, TOKEN_BOT, &["read_api", "read_registry"]);
    let bot = people.bot;
    org.change_project(store, |p| p.members.push((bot, level::REPORTER)));
    org.deploy_token(store, DEPLOY_USER, TOKEN_DEPLOY, &["read_registry"]);
    org.token_with(mira, "glcbt-64_job", &[], |t| t.kind = TokenKind::Job);
}

fn in_days(days: i64) -> String {
    let then = jiff::Timestamp::now().as_second() + days * 86_400;
    let then = jiff::Timestamp::from_second(then).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    then.to_zoned(jiff::tz::TimeZone::UTC).date().to_string()
}

/// Layers that many images stand on.
pub(super) struct Bases {
    debian: BuiltLayer,
    alpine: BuiltLayer,
    runtime: BuiltLayer,
}

impl Bases {
    pub(super) fn new() -> Self {
        let runtime = Layer::new()
            .file("usr/local/bin/node", vec![0x7f; 4_096])
            .file(
                "usr/local/lib/node_modules/npm/package.json",
                r#"{"name":"npm","version":"10.7.0"}"#,
            )
            .command("RUN /bin/sh -c install-node 20.14.0 # buildkit");
        Self {
            debian: root::debian(64).layer.build(),
            alpine: root::alpine(16).layer.build(),
            runtime: runtime.build(),
        }
    }

    pub(super) fn debian_image(&self, app: Layer) -> Image {
        Image::amd64()
            .layer(&self.debian)
            .layer(&self.runtime)
            .layer(app)
    }

    fn alpine_image(&self, app: Layer) -> Image {
        Image::amd64().layer(&self.alpine).layer(app)
    }
}

pub(super) fn labelled(image: Image, source: &str) -> Image {
    let label = source.to_owned();
    image.config(move |config| {
        if let Some(inner) = config
            .get_mut("config")
            .and_then(|inner| inner.as_object_mut())
        {
            inner.insert("User".to_owned(), "app".into());
            inner.insert("ExposedPorts".to_owned(), json!({ "8080/tcp": {} }));
            inner.insert("Entrypoint".to_owned(), json!(["/usr/bin/app"]));
            inner.insert(
                "Labels".to_owned(),
                json!({ "org.opencontainers.image.source": label }),
            );
        }
    })
}

fn platform(org: &mut Organisation, northwind: u64, bases: &Bases) {
    let group = org.group(Some(northwind), "platform", |_| {});
    let base = org.project(group, "base-images", |p| {
        p.topics = vec!["base".to_owned(), "platform".to_owned()];
        p.files.insert("CODEOWNERS".to_owned(), "* @ines\n".into());
    });
    let debian = org.repository(base, "debian");
    let plain = Image::amd64().layer(&bases.debian).build();
    let arm = Image::new(Platform::arm64()).layer(&bases.debian).build();
    let multi = Index::oci()
        .child(&plain)
        .child(&arm)
        .child(sbom_attestation(&plain, &wares::BUILDER_SAW))
        .build();
    org.push(debian, "12", &multi);
    org.push(debian, "12.5", &multi);
    let (tag, signature) = cosign_signature(&multi);
    org.push(debian, &tag, &signature);
    let alpine = org.repository(base, "alpine");
    let old = Image::amd64().docker().layer(&bases.alpine).build();
    let old_arm = Image::new(Platform::parse("linux/arm/v7"))
        .docker()
        .layer(&bases.alpine)
        .build();
    org.push(
        alpine,
        "3.20",
        &Index::docker().child(&old).child(&old_arm).build(),
    );
    let builder = org.project(group, "ci-runner", |p| p.topics = vec!["ci".to_owned()]);
    let many = org.repository(builder, "");
    let variants: Vec<Artefact> = (0..5)
        .map(|n| {
            bases
                .alpine_image(Layer::new().file("etc/build", format!("{n}")))
                .build()
        })
        .collect();
    for (number, image) in (0..MANY_TAGS).zip(variants.iter().cycle()) {
        org.push(many, &format!("build-{number:04}"), image);
    }
    let charts = org.project(group, "charts", |_| {});
    let chart = org.repository(charts, "web-store");
    org.push(chart, "1.8.0", &helm_chart("web-store", "1.8.0"));
}

fn services(org: &mut Organisation, shop: u64, bases: &Bases, people: &People) -> u64 {
    let store = org.project(shop, "Web-Store", |p| {
        p.topics = vec!["javascript".to_owned(), "customer-facing".to_owned()];
        p.description = Some("What customers see".to_owned());
        p.members.push((people.ines, level::MAINTAINER));
        p.files
            .insert(".gitlab/CODEOWNERS".to_owned(), STOREFRONT.into());
    });
    let repository = org.repository(store, "");
    let app = |version: &str| {
        let layer = Layer::new()
            .file(
                "srv/app/package.json",
                format!("{{\"name\":\"web-store\",\"version\":\"{version}\"}}"),
            )
            .whiteout("usr/local/lib/node_modules/npm/package.json");
        let modules = [
            ("express", "4.19.2"),
            ("lodash", "4.17.20"),
            ("@babel/runtime", "7.24.7"),
        ];
        let layer = sample::node_modules(layer, "srv/app", &modules);
        let nested = [("debug", "2.6.9"), ("ms", "2.0.0")];
        let layer = sample::node_modules(layer, "srv/app/node_modules/express", &nested);
        labelled(
            bases.debian_image(layer),
            "https://gitlab.example/northwind/Shop/Web-Store",
        )
        .build()
    };
    let current = app("4.2.0");
    org.push(repository, "4.1.0", &app("4.1.0"));
    org.push(repository, "4.2.0", &current);
    org.push(repository, "latest", &current);
    org.push(
        repository,
        "legacy",
        &schema1("northwind/shop/web-store", "legacy"),
    );
    let worker = org.repository(store, "jobs/mailer");
    let mailer = Layer::new()
        .file("srv/mailer/run", "#!/bin/sh\n")
        .file("srv/mailer/.env", sample::forgotten_keys());
    let wheels = [
        ("requests", "2.31.0", "Apache 2.0"),
        ("urllib3", "1.26.18", "MIT"),
        ("PyYAML", "6.0.1", "MIT"),
    ];
    let folder = "usr/local/lib/python3.11/site-packages";
    let zstd = bases.debian_image(sample::site_packages(mailer, folder, &wheels).zstd());
    org.push(worker, "4.2.0", &zstd.build());
    let image = format!("{HOST}/northwind/shop/web-store:4.2.0");
    let vulnerable = [
        (
            "CVE-2023-0286",
            "libssl3",
            "3.0.11-1~deb12u2",
            "HIGH",
            "DETECTED",
        ),
        (
            "CVE-2023-45853",
            "zlib1g",
            "1:1.2.13.dfsg-1",
            "CRITICAL",
            "DETECTED",
        ),
        (
            "CVE-2023-4911",
            "libc6",
            "2.36-9+deb12u4",
            "HIGH",
            "CONFIRMED",
        ),
        ("CVE-2022-3219", "bash", "5.2.15-2+b2", "LOW", "DISMISSED"),
        (
            "CVE-2023-31484",
            "perl-base",
            "5.36.0-7+deb12u1",
            "MEDIUM",
            "RESOLVED",
        ),
        (
            "CVE-2011-3374",
            "base-files",
            "12.4+deb12u5",
            "INFO",
            "DETECTED",
        ),
    ];
    for (cve, package, version, severity, state) in vulnerable {
        let mut finding = Finding::new(cve, package, version, &image);
        severity.clone_into(&mut finding.severity);
        state.clone_into(&mut finding.state);
        if severity == "CRITICAL" {
            let vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned();
            finding.cvss = Some((vector, 9.8));
            finding.enrichment = Some((0.42, true));
        }
        finding.dismissal_reason = (state == "DISMISSED").then(|| "ACCEPTABLE_RISK".to_owned());
        org.vulnerability(store, &finding);
    }
    let search = org.project(shop, "search", |p| p.topics = vec!["rust".to_owned()]);
    let repository = org.repository(search, "");
    org.push(
        repository,
        "1.9.3",
        &bases
            .alpine_image(Layer::new().file_mode("usr/bin/search", 0o755, wares::search()))
            .build(),
    );
    let image = format!("{HOST}/northwind/shop/search:1.9.3");
    org.scan_job(
        search,
        &report(&[
            Finding::new("CVE-2024-5535", "libssl3", "3.3.1-r3", &image),
            Finding::new("CVE-2023-42363", "busybox", "1.36.1-r29", &image),
        ]),
    );
    let nightly = org.project(shop, "catalogue", |_| {});
    let stale = org.repository(nightly, "");
    org.change_repository(stale, |row| row.status = Some("delete_ongoing".to_owned()));
    let empty = org.repository(nightly, "importer");
    org.empty_repository(empty);
    org.repository(nightly, "never-pushed");
    store
}

fn payments(org: &mut Organisation, shop: u64, bases: &Bases) {
    let group = org.group(Some(shop), "payments", |_| {});
    let ledger = org.project(group, "ledger", |p| {
        p.topics = vec!["java".to_owned(), "pci".to_owned()];
        p.files.insert("docs/CODEOWNERS".to_owned(), LEDGER.into());
        // GitLab looks no further than the first.
        let unused = "* @mira\n".into();
        p.files.insert(".gitlab/CODEOWNERS".to_owned(), unused);
    });
    let repository = org.repository(ledger, "");
    let good = labelled(
        bases.debian_image(Layer::new().file("opt/ledger/ledger.jar", wares::ledger())),
        "https://gitlab.example/northwind/Shop/payments/ledger",
    );
    org.push(repository, "2025.6", &good.build());
    let foreign = Layer::new().file("windows", "layer").build();
    let foreign = foreign.foreign("https://elsewhere.example/layer.tar.gz");
    let mixed = Image::amd64()
        .docker()
        .layer(&bases.debian)
        .layer(foreign)
        .build();
    org.push(repository, "with-foreign-layer", &mixed);
    let broken = Layer::new().file("opt/ledger/patch", "patched").build();
    let broken = broken.claim_digest(&crate::image::digest_of(b"something else"));
    org.push(
        repository,
        "broken",
        &Image::amd64().layer(&bases.debian).layer(broken).build(),
    );
    let gateway = org.project(group, "gateway", |p| {
        p.registry = FeatureAccess::Private;
        p.topics = vec!["go".to_owned(), "pci".to_owned()];
    });
    let repository = org.repository(gateway, "proxy/edge");
    let edge = bases.alpine_image(Layer::new().file("usr/bin/edge", "ELF").plain());
    org.push(repository, "stable", &edge.config(wares::careless).build());
}

fn retired(org: &mut Organisation, northwind: u64, bases: &Bases) {
    let group = org.group(Some(northwind), "archive", |_| {});
    let old = org.project(group, "Intranet-2019", |p| p.archived = true);
    let repository = org.repository(old, "");
    org.push(
        repository,
        "final",
        &bases
            .debian_image(Layer::new().file("srv/intranet", "old"))
            .build(),
    );
    let off = org.project(group, "handbook", |p| p.registry = FeatureAccess::Disabled);
    org.repository(off, "");
    let going = org.project(group, "prototype", |p| {
        p.marked_for_deletion_on = Some("2025-12-24".to_owned());
    });
    let repository = org.repository(going, "");
    org.push(
        repository,
        "demo",
        &bases.alpine_image(Layer::new().file("demo", "x")).build(),
    );
}
