//! Northwind on a working day: what makes the organisation of [`acme`](super::acme) look alive for the demo,
//! and what its people do between two scans. All of it happens to a server that runs.

use super::Running;
use super::acme::{Bases, labelled};
use super::findings::Finding;
use super::organisation::moment;
use crate::image::{Artefact, Layer, sample};

/// The ledger's images.
pub const LEDGER: &str = "northwind/shop/payments/ledger";
/// The shop's images.
pub const STORE: &str = "northwind/shop/web-store";
/// Where nothing was pushed until [`new_importer`].
pub const IMPORTER: &str = "northwind/shop/catalogue/importer";

/// The shop's projects were worked on this week, and their images pushed since; the platform's have been left
/// alone for long. The shop's last release but one has a library that the newer ones do without. GitLab's scanner has looked at the ledger, and a team has dismissed one of its findings.
pub fn everyday(gitlab: &Running) {
    let old = [("lodash", "4.17.20"), ("semver", "5.7.1")];
    gitlab.push(STORE, "4.1.0", &store_image("4.1.0", &old));
    let today = jiff::Timestamp::now().as_second();
    let host = gitlab.registry_host();
    gitlab.world(|world| {
        let organisation = &mut world.organisation;
        for project in &mut organisation.projects {
            if project.full_path.starts_with("northwind/Shop/") {
                project.last_activity_at = moment(today - 86_400);
            }
        }
        let repositories = organisation.store.repositories.iter_mut();
        for (_, repository) in repositories.filter(|(path, _)| path.starts_with("northwind/shop/"))
        {
            // In the order in which they were pushed, an hour apart, since the day before yesterday.
            let mut tags: Vec<_> = repository.tags.values_mut().collect();
            tags.sort_by(|a, b| a.created_at.cmp(&b.created_at));
            for (hour, tag) in (0..).zip(tags) {
                tag.created_at = moment(today - 2 * 86_400 + hour * 3_600);
                tag.updated_at = None;
            }
        }
        let ledger = organisation
            .projects
            .iter()
            .find(|project| project.full_path == "northwind/Shop/payments/ledger")
            .map(|project| project.id);
        let image = format!("{host}/{LEDGER}:2025.6");
        for (cve, package, version, severity, dismissed) in [
            (
                "CVE-2021-44228",
                "org.apache.logging.log4j:log4j-core",
                "2.14.1",
                "CRITICAL",
                None,
            ),
            (
                "CVE-2022-1471",
                "org.yaml:snakeyaml",
                "1.33",
                "CRITICAL",
                Some("NOT_APPLICABLE"),
            ),
        ] {
            let mut finding = Finding::new(cve, package, version, &image);
            severity.clone_into(&mut finding.severity);
            finding.dismissal_reason = dismissed.map(str::to_owned);
            if dismissed.is_some() {
                "DISMISSED".clone_into(&mut finding.state);
            }
            if let Some(ledger) = ledger {
                organisation.vulnerability(ledger, &finding);
            }
        }
    });
}

/// The shop's image: the runtime and what npm installed beside it.
fn store_image(version: &str, modules: &[(&str, &str)]) -> Artefact {
    let manifest = format!("{{\"name\":\"web-store\",\"version\":\"{version}\"}}");
    let layer = Layer::new()
        .file("srv/app/package.json", manifest)
        .whiteout("usr/local/lib/node_modules/npm/package.json");
    let layer = sample::node_modules(layer, "srv/app", modules);
    labelled(
        Bases::new().debian_image(layer),
        "https://gitlab.example/northwind/Shop/Web-Store",
    )
    .build()
}

/// The shop's team builds its image again, under the same tags, with a lodash that is mended.
pub fn rebuild_store(gitlab: &Running) {
    let modules = [
        ("express", "4.19.2"),
        ("lodash", "4.17.21"),
        ("@babel/runtime", "7.24.7"),
    ];
    let image = store_image("4.2.1", &modules);
    gitlab.push(STORE, "4.2.0", &image);
    gitlab.push(STORE, "latest", &image);
}

/// The tag of the shop's last release but one is cleaned up.
pub fn delete_old_release(gitlab: &Running) {
    gitlab.delete_tag(STORE, "4.1.0");
}

/// A new service gets its first image, with an old library in it.
pub fn new_importer(gitlab: &Running) {
    let modules = [("lodash", "4.17.20"), ("express", "4.19.2")];
    let layer = sample::node_modules(Layer::new(), "srv/importer", &modules);
    let image = labelled(
        Bases::new().debian_image(layer),
        "https://gitlab.example/northwind/Shop/catalogue",
    );
    gitlab.push(IMPORTER, "0.1.0", &image.build());
}
