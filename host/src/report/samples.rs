//! Rows for the tests of reports and commands: small, varied, and with hostile text among them.

mod image;

use crate::contract::*;
use crate::host::{
    Connection, Counts, FindingRow, ImageRow, Inspection, LocationOutcome, LocationReport,
    LocationRow, NetworkOptions, NewLocations, ScanReport, Selection, SkippedRow,
};

pub(crate) use image::{detail, seen};

fn s(text: &str) -> String {
    text.to_owned()
}

fn field(key: &str, kind: FieldKind, required: bool, default: Option<&str>, help: &str) -> Field {
    Field {
        key: s(key),
        label: s(key),
        help: s(help),
        kind,
        required,
        default: default.map(s),
        advanced: !required,
    }
}

fn step(id: &str, label: &str) -> StepInfo {
    StepInfo {
        id: s(id),
        label: s(label),
    }
}

pub(crate) fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        id: s("gitlab-registry"),
        name: s("GitLab Container Registry"),
        version: s("0.1.0"),
        category: s("Registry"),
        source_tool: s("GitLab"),
        description: s(
            "Reads the images of a GitLab and what GitLab's own scanners say about them.",
        ),
        fields: vec![
            field("url", FieldKind::Url, true, None, "Address of GitLab."),
            field(
                "token",
                FieldKind::Secret,
                true,
                None,
                "A personal access token.",
            ),
            field(
                "tags-include",
                FieldKind::Patterns,
                false,
                None,
                "Only tags that match.",
            ),
            field(
                "newest-tags",
                FieldKind::Number,
                false,
                Some("0"),
                "Only the newest tags.",
            ),
            field(
                "plain-http",
                FieldKind::Toggle,
                false,
                Some("false"),
                "Allow plain http.",
            ),
        ],
        verify_steps: vec![
            step("address", "Address reachable"),
            step("tls", "Certificate trusted"),
            step("token", "Token accepted"),
            step("token-expiry", "Token stays valid"),
            step("registry-sign-in", "Registry lets us in"),
            step("pull", "An image can be read"),
        ],
        scopes: vec![
            ScopeInfo {
                name: s("read_api"),
                purpose: s("Lists groups, projects and findings."),
            },
            ScopeInfo {
                name: s("read_registry"),
                purpose: s("Reads images."),
            },
        ],
        location_kinds: vec![
            KindInfo {
                id: s("group"),
                label: s("Group"),
                scannable: false,
            },
            KindInfo {
                id: s("image-repository"),
                label: s("Image repository"),
                scannable: true,
            },
        ],
        emits: vec![
            s("image"),
            s("packages"),
            s("finding"),
            s("context"),
            s("skipped"),
        ],
        attributes: vec![],
    }
}

fn result(id: &str, status: StepStatus, seen: &str, hint: &str) -> StepResult {
    StepResult {
        id: s(id),
        status,
        seen: s(seen),
        hint: s(hint),
    }
}

pub(crate) fn green_verification() -> Verification {
    Verification {
        steps: vec![
            result(
                "address",
                StepStatus::Passed,
                "https://gitlab.example.com, 12 ms",
                "",
            ),
            result("tls", StepStatus::Passed, "TLS 1.3", ""),
            result("token", StepStatus::Passed, "glados", ""),
            result(
                "token-expiry",
                StepStatus::Warning,
                "expires 2026-12-01, in 9 days",
                "Rotate the token before then, so that scans go on.",
            ),
            result(
                "registry-sign-in",
                StepStatus::Passed,
                "registry.example.com",
                "",
            ),
            result("pull", StepStatus::Passed, "acme/shop/api:latest", ""),
        ],
        attributes: vec![(s("gitlab.version"), s("18.1.1-ee"))],
    }
}

pub(crate) fn mixed_verification() -> Verification {
    let mut steps = green_verification().steps;
    steps.truncate(4);
    steps.push(result(
        "registry-sign-in",
        StepStatus::Failed,
        "https://registry.example.com/v2/ answered 403: access \u{1b}[31mdenied",
        "Give the token the scope read_registry: User settings > Access tokens.",
    ));
    steps.push(result("pull", StepStatus::Skipped, "not tried", ""));
    Verification {
        steps,
        attributes: vec![],
    }
}

pub(crate) fn connection() -> Connection {
    Connection {
        name: s("work"),
        connector: s("gitlab-registry"),
        display_name: s("gitlab.example.com"),
        settings: vec![(s("url"), s("https://gitlab.example.com/"))],
        network: NetworkOptions {
            ca_pem: vec![s("-----BEGIN CERTIFICATE-----")],
            client_pem: Some(s("-----BEGIN PRIVATE KEY-----")),
            proxy: Some(s("http://me:hunter22@proxy:3128")),
            allow: vec![s("https://minio.internal:9000")],
            insecure_tls: true,
        },
        selection: Selection {
            include: vec![s("acme/**")],
            exclude: vec![s("**/old")],
            new_locations: NewLocations::Exclude,
        },
        created_at: s("2026-11-20T09:00:00Z"),
        verified: Some((s("2026-11-22T14:08:31Z"), true)),
    }
}

fn location(id: &str, kind: &str, path: &str, parent: Option<&str>) -> LocationRow {
    let scannable = kind == "image-repository";
    LocationRow {
        location: Location {
            id: s(id),
            kind: s(kind),
            name: path.rsplit('/').next().map(s).unwrap_or_default(),
            path: s(path),
            parent: parent.map(s),
            scannable,
            has_children: !scannable,
            unscannable: None,
            web_url: Some(format!("https://gitlab.example.com/{path}")),
            attributes: vec![(s("topics"), s("payments")), (s("topics"), s("pci"))],
        },
        selected: scannable,
        reason: None,
        last_scan: None,
    }
}

pub(crate) fn locations() -> Vec<LocationRow> {
    let mut rows = vec![
        location("g1", "group", "acme", None),
        location("p1", "project", "acme/shop", Some("g1")),
        location("r1", "image-repository", "acme/shop/api", Some("p1")),
        location("r2", "image-repository", "acme/shop/old", Some("p1")),
        location("p2", "project", "acme/tools", Some("g1")),
        location("r3", "image-repository", "acme/tools/builder", Some("p2")),
        location(
            "r4",
            "image-repository",
            "lost/\u{202e}evil",
            Some("nowhere"),
        ),
    ];
    for row in &mut rows {
        match row.location.id.as_str() {
            "r1" => row.last_scan = Some((s("2026-11-22T14:10:00Z"), true)),
            "r2" => {
                row.selected = false;
                row.reason = Some(s("left out by **/old"));
            }
            "r3" => {
                row.location.scannable = false;
                row.selected = false;
                row.location.unscannable = Some(Skip {
                    reason: SkipReason::UnavailableHere,
                    why: Explanation {
                        message: s("The registry of acme/tools is switched off."),
                        hint: s("Switch it on under Settings > General > Visibility."),
                    },
                });
            }
            "r4" => row.last_scan = Some((s("2026-11-22T14:10:00Z"), false)),
            _ => {}
        }
    }
    rows
}

fn finding(
    id: &str,
    severity: Severity,
    state: FindingState,
    package: &str,
    title: &str,
) -> FindingRow {
    FindingRow {
        connection: s("work"),
        source_tool: s("GitLab"),
        location: s("acme/shop/api"),
        finding: Finding {
            id: s(id),
            source: s("gitlab-report"),
            kind: FindingKind::Vulnerability,
            title: s(title),
            description: s("A long text."),
            severity,
            severity_as_said: super::words::severity(severity).to_uppercase(),
            state,
            state_reason: None,
            no_longer_detected: false,
            identifiers: vec![
                Identifier {
                    kind: s("cwe"),
                    value: s("79"),
                    name: s("CWE-79"),
                    url: None,
                },
                Identifier {
                    kind: s("cve"),
                    value: id.to_uppercase(),
                    name: id.to_uppercase(),
                    url: Some(format!("https://example.com/{id}")),
                },
            ],
            scanner_id: s("trivy"),
            scanner_name: s("Trivy"),
            scanner_vendor: s("GitLab"),
            package_name: Some(s(package)),
            package_version: Some(s("1.2.3-4")),
            operating_system: Some(s("debian 12")),
            image_reference: Some(s("registry.example.com/acme/shop/api:latest")),
            image_digest: Some(digest('1')),
            solution: Some(s("Upgrade to 1.2.3-5")),
            links: vec![Link {
                name: None,
                url: s("https://example.com"),
            }],
            cvss: vec![Cvss {
                vendor: s("NVD"),
                vector: s("CVSS:3.1/AV:N"),
                score: Some(9.8),
            }],
            detected_at: Some(s("2026-11-01T00:00:00Z")),
            changed_at: None,
            web_url: None,
            evidence: vec![(s("path"), s("/usr/lib/libssl.so.3"))],
            attributes: vec![],
        },
        first_seen: s("2026-11-20T09:00:00Z"),
        last_seen: s("2026-11-22T14:10:00Z"),
    }
}

pub(crate) fn findings() -> Vec<FindingRow> {
    use FindingState as F;
    vec![
        finding(
            "cve-2026-0001",
            Severity::Critical,
            F::Detected,
            "openssl",
            "Heap overflow in the TLS 1.3 handshake of OpenSSL lets a server run code",
        ),
        finding(
            "cve-2026-0002",
            Severity::High,
            F::Confirmed,
            "zlib1g",
            "Out-of-bounds write",
        ),
        finding(
            "cve-2025-0003",
            Severity::High,
            F::Dismissed,
            "libc6",
            "Double free in \u{1b}[2Jglob",
        ),
        finding(
            "cve-2024-0004",
            Severity::Low,
            F::Detected,
            "tar",
            "Path confusion\nsecond line",
        ),
    ]
}

pub(crate) fn images() -> Vec<ImageRow> {
    let layer = Layer {
        digest: digest('a'),
        diff_id: Some(digest('b')),
        media_type: s("application/vnd.oci.image.layer.v1.tar+gzip"),
        size: 29_000_000,
        command: Some(s("ADD rootfs.tar.xz /")),
    };
    let image = Image {
        digest: digest('1'),
        media_type: s("application/vnd.oci.image.manifest.v1+json"),
        registry: s("registry.example.com"),
        repository: s("acme/shop/api"),
        tags: vec![s("1.4"), s("latest")],
        index: Some(digest('2')),
        platform: Platform {
            os: s("linux"),
            architecture: s("arm64"),
            variant: Some(s("v8")),
            os_version: None,
        },
        size: 29_001_204,
        pushed: None,
        config: ConfigFacts {
            digest: digest('3'),
            created: Some(s("2026-11-01T00:00:00Z")),
            author: None,
            user: s(""),
            env_names: vec![s("PATH")],
            labels: vec![(s("maintainer"), s("shop"))],
            exposed_ports: vec![s("8080/tcp")],
            entrypoint: vec![s("/api")],
            command: vec![],
            working_dir: Some(s("/srv")),
            volumes: vec![],
            history: vec![HistoryStep {
                created: None,
                command: s("ADD rootfs.tar.xz /"),
                comment: None,
                empty_layer: false,
            }],
        },
        layers: vec![layer],
        operating_system: Some(OperatingSystem {
            id: s("debian"),
            version_id: Some(s("12")),
            pretty_name: Some(s("Debian GNU/Linux 12 (bookworm)")),
            attributes: vec![(s("version-codename"), s("bookworm"))],
        }),
        package_count: 1_204,
        complete: true,
        attributes: vec![],
    };
    let mut broken = image.clone();
    broken.digest = digest('4');
    broken.tags = (0..6).map(|n| format!("nightly-{n}")).collect();
    broken.complete = false;
    broken.operating_system = None;
    broken.package_count = 7;
    [image, broken]
        .into_iter()
        .map(|image| ImageRow {
            connection: s("work"),
            location: s("acme/shop/api"),
            secrets: u32::from(image.complete),
            misconfigurations: 2 * u32::from(image.complete),
            image,
            first_seen: s("2026-11-20T09:00:00Z"),
            last_seen: s("2026-11-22T14:10:00Z"),
        })
        .collect()
}

pub(crate) fn packages() -> Vec<Package> {
    let openssl = Package {
        format: s("dpkg"),
        name: s("libssl3"),
        version: s("3.0.11-1~deb12u2"),
        architecture: Some(s("amd64")),
        source_name: Some(s("openssl")),
        source_version: Some(s("3.0.11-1~deb12u2")),
        purl: s("pkg:deb/debian/libssl3@3.0.11-1~deb12u2?arch=amd64"),
        licences: vec![s("Apache-2.0")],
        path: s("var/lib/dpkg/status"),
        layer: 0,
        origin: PackageOrigin::BaseImage,
        owner: None,
        attributes: vec![],
    };
    let mut tar = openssl.clone();
    tar.name = s("tar");
    tar.source_name = Some(s("tar"));
    tar.licences.clear();
    tar.layer = 2;
    vec![openssl, tar]
}

fn skip(
    subject: SkipSubject,
    name: &str,
    reason: SkipReason,
    message: &str,
    hint: &str,
) -> SkippedRow {
    SkippedRow {
        connection: s("work"),
        location: s("acme/shop/api"),
        skipped: Skipped {
            subject,
            name: s(name),
            image: None,
            skip: Skip {
                reason,
                why: Explanation {
                    message: s(message),
                    hint: s(hint),
                },
            },
        },
        seen: s("2026-11-22T14:10:00Z"),
    }
}

pub(crate) fn skipped() -> Vec<SkippedRow> {
    let mut rows: Vec<_> = (0..4)
        .map(|n| {
            skip(
                SkipSubject::Tag,
                &format!("pr-{n}"),
                SkipReason::NotSelected,
                "The tag matches the exclude pattern pr-*.",
                "",
            )
        })
        .collect();
    rows.push(skip(
        SkipSubject::Layer,
        &digest('c'),
        SkipReason::Corrupt,
        "The layer's bytes do not have the digest that the manifest states.",
        "Push the image again.",
    ));
    rows
}

fn located(
    path: &str,
    outcome: LocationOutcome,
    counts: Counts,
    milliseconds: u64,
) -> LocationReport {
    LocationReport {
        path: s(path),
        outcome,
        counts,
        milliseconds,
    }
}

pub(crate) fn scan_report() -> ScanReport {
    let counts = Counts {
        tags: 31,
        images: 14,
        packages: 1_204,
        findings: 37,
        skipped: 5,
        layers_read: 9,
        layers_reused: 22,
        requests: 86,
        bytes_read: 43_201_331,
    };
    let small = Counts {
        tags: 2,
        images: 1,
        packages: 88,
        ..Counts::default()
    };
    let failed = LocationOutcome::Failed {
        class: crate::host::FailureClass::Connectivity,
        message: s(
            "https://registry.example.com/v2/acme/tools/manifests/1 answered 502 five times.",
        ),
        hint: s("Try again later; what was read before is kept."),
    };
    ScanReport {
        scan: 7,
        connection: s("work"),
        started_at: s("2026-11-22T14:08:31Z"),
        milliseconds: 3_449,
        locations: vec![
            located("acme/shop/api", LocationOutcome::Complete, counts, 2_100),
            located("acme/shop/web", LocationOutcome::Partial, small, 640),
            located("acme/tools/builder", failed, Counts::default(), 12_000),
        ],
        counts,
        refused: vec![s(
            "https://minio.internal:9000 (storage of the registry): --allow https://minio.internal:9000",
        )],
        complete: false,
        queue: crate::host::Gathered::default(),
    }
}

pub(crate) fn inspected() -> Inspection {
    Inspection {
        manifest: manifest(),
        digest: digest('7'),
        size: 1_834_112,
        imports: vec![
            s("ox:connector/sink@0.1.0"),
            s("wasi:http/outgoing-handler@0.2.12"),
        ],
        exports: vec![s("ox:connector/connector@0.1.0")],
        limits: vec![(s("memory"), s("256.0 MiB"))],
    }
}
