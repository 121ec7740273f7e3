//! Issues that the tests of all formats write: what is usual, what was decided, and what is hostile.

mod hostile;

use crate::factor::{Category, Evidence, Factor, Verdict};
use crate::facts::Kind;
use crate::issue::*;
use crate::report::{Author, Funnel, ReportMeta};
use crate::{Issue, Severity};
pub(crate) use hostile::{hostile, hostile_with};

pub(crate) fn meta() -> ReportMeta {
    ReportMeta {
        tool_version: "0.1.0".to_owned(),
        generated_at: "2026-11-22T14:08:31Z".parse().unwrap(),
        filter: "severity at least Medium, application shop".to_owned(),
        funnel: Some(Funnel {
            found: 1204,
            prioritised: 318,
            issues: 41,
        }),
        author: Author {
            name: "Mira Lindqvist".to_owned(),
            email: "mira@example.com".to_owned(),
        },
    }
}

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

fn text(text: &str) -> String {
    text.to_owned()
}

/// An open issue about a vulnerability of a Debian package, which GitLab told of too.
pub(crate) fn vulnerability() -> Issue {
    let occurrence = |tag: &str, platform: &str, digit: char| Occurrence {
        repository: text("acme/shop/web-store"),
        digest: digest(digit),
        tags: vec![text(tag), text("latest")],
        platform: text(platform),
        operating_system: Some(text("Debian GNU/Linux 12 (bookworm)")),
        layer: Some(0),
        layer_digest: Some(digest('e')),
        layer_command: Some(text("ADD rootfs.tar.xz /")),
        from_base: Some(true),
        path: text("var/lib/dpkg/status"),
        version: text("1:1.2.13.dfsg-1"),
        purl: text("pkg:deb/debian/zlib1g@1:1.2.13.dfsg-1?arch=amd64&distro=debian-12"),
        origin: text("base-image"),
        first_seen: text("2026-10-02T08:00:00Z"),
    };
    Issue {
        id: 12,
        kind: Kind::Vulnerability,
        title: text("CVE-2023-45853 in zlib1g"),
        description: text(
            "An integer overflow in MiniZip leads to a heap buffer overflow.\n\nMiniZip is not a supported part of zlib.",
        ),
        status: Status::Open,
        against_last_scan: AgainstLastScan::Changed,
        severity: Severity::High,
        verdict: Verdict {
            original: Severity::Critical,
            original_why: text("CVSS 3.1 score 9.8 of the advisory"),
            factors: vec![
                Factor {
                    rule: text("epss-low"),
                    category: Category::Exploitable,
                    short_name: text("Unlikely exploited"),
                    reason: text("EPSS expects an exploit in 0.3 % of cases in the next 30 days."),
                    change: -0.75,
                    evidence: vec![Evidence {
                        label: text("EPSS"),
                        value: text("0.0031 of 2026-11-20"),
                        link: Some(text(
                            "https://api.first.org/data/v1/epss?cve=CVE-2023-45853",
                        )),
                    }],
                },
                Factor {
                    rule: text("latest-tag"),
                    category: Category::Reachable,
                    short_name: text("In latest"),
                    reason: text("The image with the tag latest of acme/shop/web-store has it."),
                    change: 0.25,
                    evidence: vec![Evidence {
                        label: text("Tag"),
                        value: text("latest"),
                        link: None,
                    }],
                },
                Factor {
                    rule: text("environment"),
                    category: Category::Damage,
                    short_name: text("Environment unknown"),
                    reason: text("No policy says where acme/shop runs."),
                    change: 0.0,
                    evidence: Vec::new(),
                },
            ],
            score: 3.5,
            severity: Severity::High,
            held: None,
        },
        override_: None,
        primary: text("CVE-2023-45853"),
        identifiers: vec![
            Identifier {
                kind: text("cve"),
                value: text("CVE-2023-45853"),
                same: true,
                url: Some(text("https://nvd.nist.gov/vuln/detail/CVE-2023-45853")),
            },
            Identifier {
                kind: text("advisory"),
                value: text("DEBIAN-CVE-2023-45853"),
                same: true,
                url: None,
            },
            Identifier {
                kind: text("cwe"),
                value: text("CWE-190"),
                same: true,
                url: None,
            },
        ],
        cvss: vec![CvssScore {
            source: text("NVD"),
            version: text("3.1"),
            vector: text("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
            score: 9.8,
        }],
        epss: Some(ox_advisory::epss::Score {
            cve: text("CVE-2023-45853"),
            score: 0.0031,
            percentile: 0.70123,
            date: text("2026-11-20"),
        }),
        known_exploited: None,
        references: vec![
            text("https://security-tracker.debian.org/tracker/CVE-2023-45853"),
            text("http://www.openwall.com/lists/oss-security/2023/10/20/9"),
        ],
        package_names: Vec::new(),
        package: Some(IssuePackage {
            ecosystem: text("Debian:12"),
            format: text("dpkg"),
            name: text("zlib1g"),
            source_name: Some(text("zlib")),
            versions: vec![text("1:1.2.13.dfsg-1")],
            purl: text("pkg:deb/debian/zlib1g"),
        }),
        remediation: Remediation {
            summary: text(
                "Upgrade zlib1g to 1:1.3.dfsg-1 or later, or move to a base image that has it.",
            ),
            fixed_version: Some(text("1:1.3.dfsg-1")),
            command: Some(text(
                "RUN apt-get update && apt-get install -y --only-upgrade zlib1g",
            )),
            base_image: Some(text("debian:13-slim")),
        },
        sources: vec![
            Source {
                tool: text("OSV match"),
                scanner: None,
                id: text("DEBIAN-CVE-2023-45853"),
                severity: None,
                state: None,
                state_reason: None,
                evidence: vec![
                    Evidence {
                        label: text("Range"),
                        value: text("Debian:12 zlib from 0 before 1:1.3.dfsg-1"),
                        link: None,
                    },
                    Evidence {
                        label: text("File"),
                        value: text("var/lib/dpkg/status"),
                        link: None,
                    },
                ],
                certainty: Some(text("certain")),
                url: None,
            },
            Source {
                tool: text("GitLab"),
                scanner: Some(text("Trivy")),
                id: text("4711"),
                severity: Some(text("Critical")),
                state: Some(text("detected")),
                state_reason: None,
                evidence: Vec::new(),
                certainty: None,
                url: Some(text(
                    "https://gitlab.example.com/acme/shop/-/security/vulnerabilities/4711",
                )),
            },
        ],
        occurrences: vec![
            occurrence("1.4", "linux/amd64", 'a'),
            occurrence("1.3", "linux/arm64", 'b'),
        ],
        connection: text("acme"),
        source_tool: text("GitLab"),
        location: text("acme/shop/web-store"),
        project: text("acme/shop"),
        registry: Some(text("registry.example.com")),
        web_url: Some(text(
            "https://gitlab.example.com/acme/shop/container_registry/7",
        )),
        context: BusinessContext {
            application: text("shop"),
            service: Some(text("web-store")),
            team: Some(text("checkout")),
            priority: Some(text("high")),
            environment: None,
            owners: vec![Owner {
                name: text("@mira"),
                from: text("codeowners"),
            }],
        },
        compliance: vec![Control {
            standard: text("PCI DSS 4.0"),
            control: text("6.3.3"),
            description: text("Known vulnerabilities are mended in time."),
        }],
        category: text("Vulnerable dependency from base image"),
        sla: Some(Sla {
            due: text("2026-11-12T08:00:00Z"),
            state: SlaState::Overdue,
            days_left: -10,
        }),
        assignee: Some(text("mira@example.com")),
        comments: 2,
        exclusion: None,
        first_seen: text("2026-10-02T08:00:00Z"),
        last_seen: text("2026-11-22T06:00:00Z"),
        closed_at: None,
    }
}

/// A secret that the connector saw.
pub(crate) fn secret() -> Issue {
    let mut issue = vulnerability();
    issue.id = 13;
    issue.kind = Kind::Secret;
    issue.title = text("AWS secret access key in srv/.env");
    issue.description =
        text("A file of the image holds what looks like a secret access key of AWS.");
    issue.against_last_scan = AgainstLastScan::New;
    issue.severity = Severity::Appoxalypse;
    issue.verdict = Verdict {
        original: Severity::Critical,
        original_why: text("the connector rates this rule Critical"),
        factors: vec![Factor {
            rule: text("visibility-public"),
            category: Category::Reachable,
            short_name: text("Public project"),
            reason: text("Everybody can pull the images of acme/shop."),
            change: 1.0,
            evidence: vec![Evidence {
                label: text("Visibility"),
                value: text("public"),
                link: None,
            }],
        }],
        score: 5.0,
        severity: Severity::Appoxalypse,
        held: None,
    };
    issue.primary = text("secret/aws-secret-access-key");
    issue.identifiers = vec![Identifier {
        kind: text("rule"),
        value: text("secret/aws-secret-access-key"),
        same: true,
        url: None,
    }];
    issue.cvss = Vec::new();
    issue.epss = None;
    issue.references = Vec::new();
    issue.package = None;
    issue.remediation = Remediation {
        summary: text(
            "Revoke the key, then build the image without the file: a later layer does not remove it.",
        ),
        ..Remediation::default()
    };
    issue.sources = vec![Source {
        tool: text("OX connector"),
        scanner: None,
        id: text("secret/aws-secret-access-key:srv/.env:3"),
        severity: Some(text("critical")),
        state: None,
        state_reason: None,
        evidence: vec![
            Evidence {
                label: text("Masked value"),
                value: text("wJal…EKEY"),
                link: None,
            },
            Evidence {
                label: text("Line"),
                value: text("3"),
                link: None,
            },
        ],
        certainty: None,
        url: None,
    }];
    issue.occurrences.truncate(1);
    for one in &mut issue.occurrences {
        one.path = text("srv/.env");
        one.version = String::new();
        one.purl = String::new();
        one.from_base = Some(false);
        one.layer = Some(4);
        one.layer_command = Some(text("COPY . /srv # buildkit"));
        one.origin = text("user-layer");
    }
    issue.category = text("Secret in container");
    issue.sla = None;
    issue
}

/// A misconfiguration whose severity a person set.
pub(crate) fn misconfiguration() -> Issue {
    let mut issue = secret();
    issue.id = 14;
    issue.kind = Kind::Misconfiguration;
    issue.title = text("acme/shop/web-store runs as root");
    issue.description = text("The image sets no user, so its process runs as root.");
    issue.against_last_scan = AgainstLastScan::Same;
    issue.severity = Severity::Low;
    issue.verdict.original = Severity::Medium;
    issue.verdict.factors = Vec::new();
    issue.verdict.score = 2.0;
    issue.verdict.severity = Severity::Medium;
    issue.override_ = Some(SeverityOverride {
        severity: Severity::Low,
        reason: text("The cluster refuses to start it as root."),
        by: text("mira"),
        at: text("2026-11-03T10:00:00Z"),
    });
    issue.primary = text("posture/runs-as-root");
    issue.identifiers = vec![Identifier {
        kind: text("rule"),
        value: text("posture/runs-as-root"),
        same: true,
        url: None,
    }];
    issue.remediation = Remediation {
        summary: text("Name a user in the Dockerfile."),
        fixed_version: None,
        command: Some(text("USER 10001:10001")),
        base_image: None,
    };
    for source in &mut issue.sources {
        source.id = text("posture/runs-as-root");
        source.evidence = Vec::new();
    }
    for one in &mut issue.occurrences {
        one.path = String::new();
    }
    issue.category = text("Misconfiguration in container");
    issue.compliance = vec![Control {
        standard: text("CIS Docker 1.6.0"),
        control: text("4.1"),
        description: text("A user for the container is made."),
    }];
    issue
}

/// A false positive, for a time.
pub(crate) fn excluded() -> Issue {
    let mut issue = vulnerability();
    issue.id = 15;
    issue.title = text("CVE-2024-2961 in libc6");
    issue.primary = text("CVE-2024-2961");
    issue.identifiers = vec![Identifier {
        kind: text("cve"),
        value: text("CVE-2024-2961"),
        same: true,
        url: None,
    }];
    issue.severity = Severity::Medium;
    issue.known_exploited = Some(ox_advisory::kev::Known {
        cve: text("CVE-2024-2961"),
        name: text("glibc iconv"),
        added: text("2026-01-09"),
        due: text("2026-01-30"),
        ransomware: true,
        action: text("Apply updates."),
    });
    if let Some(package) = &mut issue.package {
        package.name = text("libc6");
        package.source_name = Some(text("glibc"));
        package.versions = vec![text("2.36-9+deb12u4")];
        package.purl = text("pkg:deb/debian/libc6");
    }
    for one in &mut issue.occurrences {
        one.version = text("2.36-9+deb12u4");
        one.purl = text("pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12");
    }
    issue.exclusion = Some(Exclusion {
        id: Some(3),
        kind: ExclusionKind::FalsePositive,
        scope: text("this issue"),
        reason: text("The image has no gconv modules."),
        by: text("mira"),
        at: text("2026-11-01T09:30:00Z"),
        until: Some(text("2027-02-01T00:00:00Z")),
    });
    issue
}

/// Mended.
pub(crate) fn resolved() -> Issue {
    let mut issue = vulnerability();
    issue.id = 16;
    issue.title = text("CVE-2022-37434 in zlib1g");
    issue.primary = text("CVE-2022-37434");
    issue.identifiers = Vec::new();
    issue.status = Status::Resolved {
        how: text("web-store:1.5 has zlib1g 1:1.3.dfsg-1"),
    };
    issue.against_last_scan = AgainstLastScan::Closed;
    issue.closed_at = Some(text("2026-11-20T06:00:00Z"));
    issue
}

/// One of each, in this order.
pub(crate) fn issues() -> Vec<Issue> {
    vec![
        vulnerability(),
        secret(),
        misconfiguration(),
        excluded(),
        resolved(),
        hostile(),
    ]
}
