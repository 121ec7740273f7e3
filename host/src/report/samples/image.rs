//! One image with all that a report about it can show.

use super::{digest, finding, findings, images, packages, s, skipped};
use crate::contract::*;
use crate::host::FindingRow;
use crate::report::detail::Detail;

/// What the connector itself sees in an image.
pub(crate) fn seen() -> Vec<FindingRow> {
    let of = |id: &str, kind, severity, title: &str, evidence: &[(&str, &str)]| {
        let mut row = finding(id, severity, FindingState::Detected, "", title);
        let finding = &mut row.finding;
        finding.source = s("connector");
        finding.kind = kind;
        finding.scanner_id = s("gitlab-registry");
        finding.identifiers = vec![Identifier {
            kind: s("ox"),
            value: s(id),
            name: s(id),
            url: None,
        }];
        finding.package_name = None;
        finding.package_version = None;
        finding.cvss.clear();
        finding.links.clear();
        finding.evidence = evidence
            .iter()
            .map(|&(key, value)| (s(key), s(value)))
            .collect();
        row
    };
    vec![
        of(
            "gitlab-token",
            FindingKind::Secret,
            Severity::Critical,
            "GitLab personal access token in a file",
            &[
                ("path", "srv/app/.env"),
                ("line", "3"),
                ("layer", "2"),
                ("match", "glpat-****"),
            ],
        ),
        of(
            "runs-as-root",
            FindingKind::Misconfiguration,
            Severity::Medium,
            "The image runs as root",
            &[("match", "no USER")],
        ),
        of(
            "world-writable",
            FindingKind::Misconfiguration,
            Severity::Low,
            "A file that everybody may write",
            &[
                ("path", "srv/app/run.sh"),
                ("layer", &digest('c')),
                ("mode", "0777"),
            ],
        ),
    ]
}

fn package(format: &str, name: &str, version: &str, layer: u32, licences: &[&str]) -> Package {
    Package {
        format: s(format),
        name: s(name),
        version: s(version),
        architecture: None,
        source_name: None,
        source_version: None,
        purl: format!("pkg:{format}/{name}@{version}"),
        licences: licences.iter().map(|licence| s(licence)).collect(),
        path: s("srv/app/package.json"),
        layer,
        origin: PackageOrigin::UserLayer,
        owner: None,
        attributes: vec![],
    }
}

/// One image with a base, two layers above it, and findings.
pub(crate) fn detail() -> Detail {
    let mut row = images().swap_remove(0);
    let layer = |digit, size, command: &str| Layer {
        digest: digest(digit),
        diff_id: None,
        media_type: s("application/vnd.oci.image.layer.v1.tar+gzip"),
        size,
        command: Some(s(command)),
    };
    row.image.layers.push(layer(
        'b',
        2_204_112,
        "RUN /bin/sh -c apt-get update && apt-get install --yes --no-install-recommends python3 # buildkit",
    ));
    row.image
        .layers
        .push(layer('c', 48_201, "COPY . /srv # buildkit"));
    row.image.pushed = Some(s("2026-11-02T10:31:00Z"));
    row.image.package_count = 6;
    row.image.attributes = vec![
        (s("base.layers"), s("1")),
        (s("base.name"), s("docker.io/library/debian:12")),
        (
            s("base.why"),
            s("the label org.opencontainers.image.base.name names it"),
        ),
    ];
    if let Some(system) = &mut row.image.operating_system {
        system.attributes.push((s("osv-ecosystem"), s("Debian:12")));
    }
    let mut also = row.clone();
    also.location = s("acme/shop/mirror");
    also.image.repository = s("acme/shop/mirror");

    let mut all = packages();
    let mut python = all.remove(1);
    python.name = s("python3-yaml");
    python.version = s("6.0-3");
    python.purl = s("pkg:deb/debian/python3-yaml@6.0-3?arch=amd64");
    python.licences = vec![s("MIT"), s("public-domain")];
    python.layer = 1;
    python.origin = PackageOrigin::OperatingSystem;
    let mut libc = all.first().cloned().into_iter().collect::<Vec<_>>();
    for package in &mut libc {
        package.name = s("libc6");
        package.version = s("2.36-9");
        package.purl = s("pkg:deb/debian/libc6@2.36-9?arch=amd64");
        package.licences = vec![s(
            "LGPL-2.1-or-later AND (GPL-2.0-or-later OR BSD-3-Clause)",
        )];
    }
    all.extend(libc);
    let mut tzdata = python.clone();
    tzdata.name = s("tzdata");
    tzdata.purl = s("pkg:deb/debian/tzdata@6.0-3?arch=amd64");
    tzdata.licences.clear();
    tzdata.layer = 0;
    all.extend([tzdata, python]);
    let mut yaml = package("python", "PyYAML", "6.0", 1, &["MIT"]);
    yaml.path = s("usr/lib/python3/dist-packages/PyYAML-6.0.egg-info");
    yaml.purl = s("pkg:pypi/pyyaml@6.0");
    yaml.owner = Some(s("python3-yaml"));
    let mut scoped = package("npm", "@acme/left-pad", "1.3.0", 2, &["WTFPL OR ISC"]);
    scoped.purl = s("pkg:npm/%40acme/left-pad@1.3.0");
    all.extend([yaml, scoped]);

    let mut found = seen();
    let mut vulnerable = findings().swap_remove(0);
    vulnerable.finding.package_name = Some(s("libc6"));
    vulnerable.finding.package_version = Some(s("2.36-9"));
    vulnerable.finding.evidence.clear();
    found.push(vulnerable);
    let mut skipped = skipped().split_off(4);
    for row in &mut skipped {
        row.skipped.image = Some(digest('1'));
    }
    Detail {
        row,
        tag: None,
        also: vec![also],
        packages: Some(all),
        findings: found,
        skipped,
    }
}
