//! Samples of the pages around the queue: dashboard, images, changes, advisories, policy.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "samples are made up"
)]

use ox_console::chart::{Chart, Day};
use ox_console::pages::advisories::{
    Advisories, Advisory, AffectedLine, Alarm, ConcernedLine, EcosystemLine, FeedLine,
    ScheduleFacts, SourceLine,
};
use ox_console::pages::changes::{
    CauseGroup, ChangeLine, Changes, Compared, Kind, State as ChangesState,
};
use ox_console::pages::dashboard::{
    AgeLine, Attention, Coverage, Dashboard, MttrLine, RunLine, SinceLine, Sla, Step, TopLine,
};
use ox_console::pages::images::{
    BaseImage, FailedLine, Finding, ImageLine, ImagePage, Images, Layer, PackageLine,
    SeverityCount, Shown, SkipGroup, SkipLine, Tab,
};
use ox_console::pages::policy::{Checked, Fault, Number, Policy, Rule};
use ox_console::parts::{Badge, Choice, Pager, When};
use ox_console::{Chrome, Person, Section, Theme, html};
use ox_issue::Severity;

const NOW: &str = "2026-11-23T02:00:00Z";

pub(crate) fn chrome(title: &str, section: Section, here: &str) -> Chrome {
    Chrome {
        title: title.to_owned(),
        section,
        person: Some(Person {
            name: "ada".to_owned(),
            role: "admin",
        }),
        flash: None,
        theme: Theme::System,
        here: here.to_owned(),
    }
}

fn when(stamp: &str) -> When {
    When::new(stamp, NOW)
}

pub(crate) fn counts(numbers: [u64; 6]) -> Vec<SeverityCount> {
    Severity::ALL
        .into_iter()
        .zip(numbers)
        .filter(|(_, count)| *count > 0)
        .map(|(severity, count)| count_of(severity, count))
        .collect()
}

fn count_of(severity: Severity, count: u64) -> SeverityCount {
    SeverityCount {
        badge: Badge::of(severity),
        count,
        href: format!("/issues?severity={}", severity.word().to_lowercase()),
    }
}

pub(crate) fn image_line(
    repository: &str,
    tags: &[&str],
    numbers: [u64; 6],
    complete: bool,
) -> ImageLine {
    ImageLine {
        href: "/image".to_owned(),
        repository: format!("registry.acme.example/{repository}"),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        more_tags: if tags.len() > 2 { 14 } else { 0 },
        digest: "sha256:9f86d081884c".to_owned(),
        platform: "linux/amd64".to_owned(),
        system: "debian 12".to_owned(),
        base: "docker.io/library/python:3.11-slim-bookworm".to_owned(),
        packages: "412".to_owned(),
        issues: counts(numbers),
        complete,
        connection: "acme".to_owned(),
        location: repository.to_owned(),
        first_seen: when("2026-10-01T00:00:00Z"),
        last_seen: when("2026-11-22T23:00:00Z"),
    }
}

fn tabs(current: usize) -> Vec<Tab> {
    [
        ("Scanned", "/images", 1284),
        ("Not scanned", "/images-skipped", 93),
        ("Failed or partial", "/images-failed", 2),
    ]
    .into_iter()
    .enumerate()
    .map(|(at, (label, href, count))| Tab {
        label,
        href: href.to_owned(),
        count: Some(count),
        current: at == current,
    })
    .collect()
}

pub(crate) fn images(tab: &'static str, shown: Shown) -> Images {
    Images {
        chrome: chrome("Images", Section::Images, "/images"),
        tabs: tabs(match tab {
            "scanned" => 0,
            "skipped" => 1,
            _ => 2,
        }),
        tab,
        query: String::new(),
        connections: vec![
            Choice::new("", "All", true),
            Choice::new("acme", "acme", false),
        ],
        location: String::new(),
        reason: String::new(),
        shown,
        pager: Pager {
            summary: "1\u{202f}284 images".to_owned(),
            first: None,
            next: Some("/images?after=x".to_owned()),
        },
        filtered: false,
        connected: true,
    }
}

pub(crate) fn skip_line(subject: &'static str, name: &str, message: &str, hint: &str) -> SkipLine {
    SkipLine {
        subject,
        name: name.to_owned(),
        image: (subject == "layer" || subject == "file").then(|| "/image".to_owned()),
        location: "shop/checkout/api".to_owned(),
        message: message.to_owned(),
        hint: hint.to_owned(),
        seen: when("2026-11-22T23:00:00Z"),
    }
}

pub(crate) fn skips() -> Vec<SkipGroup> {
    vec![
        SkipGroup {
            reason: "over-limit".to_owned(),
            phrase: "over a limit".to_owned(),
            worrying: true,
            count: 1,
            lines: vec![skip_line(
                "layer",
                "sha256:41c2ee4b94f1",
                "The layer unpacks to more than 8 GiB.",
                "Raise the limit layer-bytes, or make the image smaller.",
            )],
            all: None,
        },
        SkipGroup {
            reason: "not-an-image".to_owned(),
            phrase: "not an image".to_owned(),
            worrying: false,
            count: 92,
            lines: vec![
                skip_line(
                    "tag",
                    "sha256-9f86d081884c7d65.sig",
                    "It is a signature.",
                    "",
                ),
                skip_line("tag", "chart-1.4.2", "It is a Helm chart.", ""),
            ],
            all: Some("/images?tab=skipped&reason=not-an-image".to_owned()),
        },
    ]
}

pub(crate) fn failed() -> Vec<FailedLine> {
    vec![
        FailedLine {
            location: "platform/base-images/jdk".to_owned(),
            connection: "acme".to_owned(),
            failed: true,
            class: "permission".to_owned(),
            message: "The registry says 403 to the token.".to_owned(),
            hint: "Give the token's user at least the role Reporter in this project.".to_owned(),
            skipped: None,
            at: Some(when("2026-11-22T23:00:00Z")),
        },
        FailedLine {
            location: "shop/checkout/api".to_owned(),
            connection: "acme".to_owned(),
            failed: false,
            class: String::new(),
            message: "Parts of it were not looked at.".to_owned(),
            hint: String::new(),
            skipped: Some("/images?tab=skipped".to_owned()),
            at: Some(when("2026-11-22T23:00:00Z")),
        },
    ]
}

pub(crate) fn image() -> ImagePage {
    let layer = |index: usize, of, command: &str, packages: &str, findings: &str| Layer {
        index,
        digest: format!("sha256:{index:064}"),
        short: format!("sha256:{index:012}"),
        size: "28.4 MiB".to_owned(),
        command: command.to_owned(),
        of,
        packages: packages.to_owned(),
        packages_href: (packages != "0").then(|| "#packages".to_owned()),
        findings: findings.to_owned(),
    };
    let package =
        |name: &str, version: &str, format: &str, ecosystem: &str, layer: &str| PackageLine {
            name: name.to_owned(),
            version: version.to_owned(),
            format: format.to_owned(),
            ecosystem: ecosystem.to_owned(),
            licences: "Zlib".to_owned(),
            layer: layer.to_owned(),
            origin: "base-image",
            path: "var/lib/dpkg/status".to_owned(),
        };
    ImagePage {
        chrome: chrome("shop/checkout/api", Section::Images, "/image"),
        name: "registry.acme.example/shop/checkout/api:1.4".to_owned(),
        complete: false,
        incomplete: "A part of it could not be read; see below what and why.".to_owned(),
        facts: vec![
            (
                "index",
                "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
                    .to_owned(),
            ),
            ("platform", "linux/amd64".to_owned()),
            ("size", "142.3 MiB in 4 layers".to_owned()),
            (
                "time",
                "created 2026-11-20 09:12, pushed 2026-11-20 09:14".to_owned(),
            ),
            (
                "runs",
                "python -m checkout, as root (no user is set) in /srv".to_owned(),
            ),
            ("ports", "8080/tcp".to_owned()),
            (
                "system",
                "Debian GNU/Linux 12 (bookworm); advisories of Debian:12".to_owned(),
            ),
            ("location", "shop/checkout/api of acme".to_owned()),
        ],
        digest: "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
            .to_owned(),
        tags: vec![
            "1.4".to_owned(),
            "latest".to_owned(),
            "main-20261120".to_owned(),
        ],
        base: Some(BaseImage {
            name: "docker.io/library/python:3.11-slim-bookworm".to_owned(),
            digest: String::new(),
            layers: "the lowest 2 layers".to_owned(),
            why: "the label org.opencontainers.image.base.name says so".to_owned(),
        }),
        issues: counts([1, 3, 12, 40, 0, 2]),
        issues_href: "/issues?digest=sha256:9f86".to_owned(),
        downloads: vec![
            ("SBOM, CycloneDX", "/x".to_owned()),
            ("SBOM, SPDX", "/x".to_owned()),
            ("JSON", "/x".to_owned()),
        ],
        no_downloads: None,
        layers: vec![
            layer(
                0,
                "base",
                "/bin/sh -c #(nop) ADD file:1234 in / ",
                "88",
                "4",
            ),
            layer(
                1,
                "base",
                "RUN /bin/sh -c set -eux; apt-get update; apt-get install -y --no-install-recommends ca-certificates netbase tzdata; rm -rf /var/lib/apt/lists/* # buildkit; and much more of the same that goes on and on until nobody reads it any more",
                "12",
                "0",
            ),
            layer(2, "own", "COPY . /srv # buildkit", "0", "2"),
            layer(3, "own", "", "214", "31"),
        ],
        findings: vec![Finding {
            badge: Badge::of(Severity::Critical),
            kind: "secret",
            title: "GitHub personal access token".to_owned(),
            seen: "ghp_****************".to_owned(),
            place: "srv/.env:3".to_owned(),
            layer: "2".to_owned(),
            state: "detected".to_owned(),
        }],
        more_findings: 0,
        skipped: vec![skips().remove(0)],
        formats: vec![
            Choice::new("", "All", true),
            Choice {
                count: Some(88),
                ..Choice::new("dpkg", "dpkg", false)
            },
        ],
        layer_choices: vec![
            Choice::new("", "All", true),
            Choice {
                count: Some(88),
                ..Choice::new("0", "0", false)
            },
        ],
        query: String::new(),
        packages: Some(vec![
            package("zlib1g", "1:1.2.13.dfsg-1", "dpkg", "Debian:12", "0"),
            package("libssl3", "3.0.11-1~deb12u2", "dpkg", "Debian:12", "0"),
            package("requests", "2.31.0", "python", "PyPI", "3"),
            package(
                "checkout",
                "0.1",
                "python",
                "not looked up: they are the image's own program",
                "3",
            ),
        ]),
        pager: Pager {
            summary: "1–100 of 314 packages".to_owned(),
            first: None,
            next: Some("#packages".to_owned()),
        },
        also: vec!["shop/checkout/api-canary: canary".to_owned()],
        licences: vec![
            ("MIT".to_owned(), "120".to_owned()),
            ("GPL-2.0-or-later".to_owned(), "44".to_owned()),
        ],
    }
}

pub(crate) fn changes(state: ChangesState) -> Changes {
    Changes {
        chrome: chrome("Changes", Section::Changes, "/changes"),
        connections: vec![
            Choice::new("acme", "acme", true),
            Choice::new("other", "other", false),
        ],
        from: vec![
            Choice::new("3", "Scan 3, 2026-11-21 03:17 (2 days ago)", true),
            Choice::new("0", "The beginning", false),
        ],
        to: vec![Choice::new(
            "4",
            "Scan 4, 2026-11-22 03:17 (23 hours ago)",
            true,
        )],
        state,
    }
}

pub(crate) fn compared() -> Compared {
    let line = |id: u32, severity, before: Option<Severity>, title: &str, what: &str| ChangeLine {
        issue: format!("OX-{id}"),
        href: format!("/issues/{id}"),
        badge: Badge::of(severity),
        before: before.map(Badge::of),
        title: title.to_owned(),
        location: "shop/checkout/api".to_owned(),
        what: what.to_owned(),
        at: when("2026-11-22T03:20:00Z"),
    };
    let kind = |word, label, meaning, causes: Vec<CauseGroup>| Kind {
        word,
        label,
        meaning,
        count: causes.iter().map(|cause| cause.count).sum(),
        causes,
    };
    Compared {
        sentence: "From scan 3 (2 days ago) to scan 4 (23 hours ago).".to_owned(),
        is_first: false,
        warning: None,
        kinds: vec![
            kind(
                "opened",
                "New",
                "Issues that were not there before.",
                vec![
                    CauseGroup {
                        cause: "by scan 4".to_owned(),
                        count: 128,
                        lines: vec![
                            line(
                                17,
                                Severity::Critical,
                                None,
                                "CVE-2023-45853 in zlib1g",
                                "found as Critical",
                            ),
                            line(
                                18,
                                Severity::Medium,
                                None,
                                "CVE-2024-0001 in libssl3",
                                "found as High, weighed as Medium",
                            ),
                        ],
                    },
                    CauseGroup {
                        cause: "by an update of the advisories".to_owned(),
                        count: 1,
                        lines: vec![line(
                            19,
                            Severity::High,
                            None,
                            "CVE-2026-1234 in requests",
                            "found as High",
                        )],
                    },
                ],
            ),
            kind(
                "severity",
                "Changed severity",
                "They are weighed otherwise than before.",
                vec![CauseGroup {
                    cause: "by an update of KEV or EPSS".to_owned(),
                    count: 1,
                    lines: vec![line(
                        4,
                        Severity::Appoxalypse,
                        Some(Severity::High),
                        "CVE-2021-44228 in log4j-core",
                        "severity High → Appoxalypse; new factor: Exploited in the wild",
                    )],
                }],
            ),
            kind(
                "reopened",
                "Back",
                "They were closed, and are there again.",
                vec![],
            ),
            kind(
                "resolved",
                "Resolved",
                "Their cause is mended.",
                vec![CauseGroup {
                    cause: "by scan 4".to_owned(),
                    count: 12,
                    lines: vec![line(
                        2,
                        Severity::Low,
                        None,
                        "CVE-2020-0001 in curl",
                        "web-store:1.5 has curl 8.1",
                    )],
                }],
            ),
            kind(
                "removed",
                "Removed",
                "What had them is no longer there.",
                vec![],
            ),
        ],
    }
}

pub(crate) fn source(name: &str, is_old: bool) -> SourceLine {
    SourceLine {
        name: name.to_owned(),
        records: "41\u{202f}203".to_owned(),
        withdrawn: "12".to_owned(),
        broken: if is_old {
            "2".to_owned()
        } else {
            String::new()
        },
        broken_first: if is_old {
            vec!["DSA-1.json: it is no JSON at line 1".to_owned()]
        } else {
            Vec::new()
        },
        newest: Some(when(if is_old {
            "2026-10-01T00:00:00Z"
        } else {
            "2026-11-22T20:00:00Z"
        })),
        is_old,
        imported: when("2026-11-22T21:00:00Z"),
        checked: when("2026-11-23T01:00:00Z"),
        origin: "https://osv-vulnerabilities.storage.googleapis.com/Debian/all.zip".to_owned(),
    }
}

pub(crate) fn advisories(alarm: Alarm) -> Advisories {
    let missing = alarm == Alarm::Missing;
    Advisories {
        chrome: chrome("Advisories", Section::Advisories, "/advisories"),
        sources: if missing {
            Vec::new()
        } else {
            vec![
                source(
                    "Debian",
                    alarm != Alarm::Fine(String::new()) && matches!(alarm, Alarm::Old(_)),
                ),
                source("npm", false),
                source("PyPI", false),
            ]
        },
        feeds: vec![
            FeedLine {
                name: "KEV",
                meaning: "Vulnerabilities that are known to be exploited.",
                there: (!missing).then(|| source("KEV", false)),
                missing: "No issue can be raised because it is known to be exploited.",
            },
            FeedLine {
                name: "EPSS",
                meaning: "How likely a vulnerability is exploited in the next 30 days.",
                there: None,
                missing: "How likely a vulnerability is exploited changes no severity.",
            },
        ],
        generation: "14".to_owned(),
        size: "210.4 MiB".to_owned(),
        ecosystems: vec![
            EcosystemLine {
                name: "Debian:12".to_owned(),
                packages: "18\u{202f}204".to_owned(),
                covered: true,
            },
            EcosystemLine {
                name: "npm".to_owned(),
                packages: "9\u{202f}120".to_owned(),
                covered: true,
            },
            EcosystemLine {
                name: "Alpine:v3.20".to_owned(),
                packages: "310".to_owned(),
                covered: false,
            },
        ],
        not_looked_up: vec![
            (
                "the operating system's own package has them; its advisories speak for them"
                    .to_owned(),
                "812".to_owned(),
            ),
            (
                "they are the image's own program".to_owned(),
                "40".to_owned(),
            ),
        ],
        schedule: Some(ScheduleFacts {
            cron: "40 2 * * * Europe/Berlin".to_owned(),
            enabled: true,
            next: Some(when("2026-11-23T03:00:00Z")),
            last: Some(when("2026-11-22T02:41:00Z")),
        }),
        running: None,
        not_found: missing.then(|| "CVE-2099-1".to_owned()),
        alarm,
    }
}

pub(crate) fn advisory() -> Advisory {
    Advisory {
        chrome: chrome("DSA-5631-1", Section::Advisories, "/advisory"),
        id: "DEBIAN-CVE-2023-45853".to_owned(),
        summary: "MiniZip in zlib through 1.3 has an integer overflow.".to_owned(),
        withdrawn: Some(when("2026-11-01T00:00:00Z")),
        informational: None,
        facts: vec![
            ("source", "Debian".to_owned()),
            ("published", "2023-10-14 02:15".to_owned()),
            ("changed", "2026-01-12 10:00".to_owned()),
            ("scored", "CVSS_V3 CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H".to_owned()),
        ],
        aliases: vec![("CVE-2023-45853".to_owned(), Some("/advisory".to_owned())), ("GHSA-xxxx".to_owned(), None)],
        upstream: vec![],
        exploited: Some("since 2024-01-02".to_owned()),
        epss: Some("1.2 % likely to be exploited in the next 30 days".to_owned()),
        details: vec!["MiniZip in zlib through 1.3 has an integer overflow and resultant heap-based buffer overflow in zipOpenNewFileInZip4_64 via a long filename, comment, or extra field.".to_owned()],
        affected: vec![AffectedLine {
            ecosystem: "Debian:12".to_owned(),
            package: "zlib".to_owned(),
            ranges: vec!["≥ 0 < 1:1.3.dfsg-3".to_owned()],
            versions: String::new(),
            urgency: "unimportant".to_owned(),
        }],
        more_affected: 3,
        references: vec![
            ("web".to_owned(), "https://www.example.org/zlib".to_owned(), Some("https://www.example.org/zlib".to_owned())),
            ("web".to_owned(), "javascript:alert(1)".to_owned(), None),
        ],
        issues: 3,
        issues_href: "/issues?cve=CVE-2023-45853".to_owned(),
        first_issues: vec![ConcernedLine {
            issue: "OX-17".to_owned(),
            href: "/issues/17".to_owned(),
            badge: Badge::of(Severity::Critical),
            title: "CVE-2023-45853 in zlib1g".to_owned(),
            location: "shop/checkout/api".to_owned(),
        }],
    }
}

pub(crate) fn days(number: u64) -> Vec<Day> {
    let start: jiff::civil::Date = "2026-10-25".parse().unwrap();
    (0..number)
        .map(|at| {
            let day = start
                .checked_add(jiff::Span::new().days(i64::try_from(at).unwrap()))
                .unwrap();
            Day {
                day: day.to_string(),
                open: [
                    40 + at % 7,
                    120 - at,
                    260 + (at * 13) % 40,
                    190 - 2 * at + (at * at) % 11,
                    44 + (at * 5) % 9,
                    at / 9,
                ],
                opened: at % 5,
                closed: at % 3,
            }
        })
        .collect()
}

pub(crate) fn dashboard() -> Dashboard {
    let ages = |severity, counts: [u64; 4]| {
        let all: u64 = counts.iter().sum();
        let mut begin = 0;
        AgeLine {
            badge: Badge::of(severity),
            counts: counts
                .iter()
                .map(|one| (one.to_string(), (*one > 0).then(|| "/issues".to_owned())))
                .collect(),
            bar: counts
                .iter()
                .map(|one| {
                    let width = u32::try_from(one * 1000 / all.max(1)).unwrap();
                    begin += width;
                    (begin - width, width)
                })
                .collect(),
        }
    };
    let top = |name: &str, weight: &str, part, numbers| TopLine {
        name: name.to_owned(),
        href: "/issues".to_owned(),
        weight: weight.to_owned(),
        part,
        counts: counts(numbers),
    };
    Dashboard {
        chrome: chrome("Dashboard", Section::Dashboard, "/dashboard"),
        steps: Vec::new(),
        attention: vec![
            Attention {
                tone: "bad",
                text: "The connection acme could not be verified 2 hours ago.".to_owned(),
                label: "Look at it",
                href: "/connectors".to_owned(),
            },
            Attention {
                tone: "bad",
                text: "4 issues are past their deadline.".to_owned(),
                label: "Show them",
                href: "/issues?sla=overdue".to_owned(),
            },
            Attention {
                tone: "warn",
                text: "2 locations failed in their last scan.".to_owned(),
                label: "See why",
                href: "/images?tab=failed".to_owned(),
            },
        ],
        open: Severity::ALL
            .into_iter()
            .zip([3, 47, 142, 300, 92, 0])
            .map(|(severity, count)| count_of(severity, count))
            .collect(),
        open_total: "584".to_owned(),
        since: vec![SinceLine {
            connection: "acme".to_owned(),
            at: when("2026-11-22T03:20:00Z"),
            opened: "129".to_owned(),
            reopened: "0".to_owned(),
            closed: "12".to_owned(),
            href: "/changes".to_owned(),
        }],
        trend: Chart::new(&days(30)),
        days: 30,
        ages: vec![
            ages(Severity::Appoxalypse, [1, 2, 0, 0]),
            ages(Severity::Critical, [10, 20, 12, 5]),
            ages(Severity::High, [100, 20, 12, 10]),
        ],
        sla: Sla {
            enabled: true,
            overdue: (4, "/issues?sla=overdue".to_owned()),
            near: (11, "/issues?sla=near".to_owned()),
            near_days: 3,
        },
        mttr: vec![
            MttrLine {
                badge: Badge::of(Severity::Critical),
                mean: Some("4 days".to_owned()),
                resolved: "31".to_owned(),
            },
            MttrLine {
                badge: Badge::of(Severity::High),
                mean: None,
                resolved: "1".to_owned(),
            },
        ],
        repositories: vec![
            top(
                "shop/checkout/api",
                "1\u{202f}204",
                1000,
                [2, 14, 40, 3, 0, 0],
            ),
            top(
                "platform/base-images/jdk",
                "640",
                530,
                [0, 9, 22, 60, 12, 0],
            ),
            top(
                "data/etl/a-project-with-a-rather-long-name/that-goes-on",
                "120",
                100,
                [0, 1, 8, 0, 0, 0],
            ),
        ],
        applications: vec![top("shop", "1\u{202f}300", 1000, [2, 20, 48, 3, 0, 0])],
        coverage: Coverage {
            selected: 42,
            not_selected: 7,
            complete: 36,
            partial: 2,
            failed: 2,
            never: 2,
            images: 1272,
            images_partial: 12,
            left_out: vec![(
                "not an image".to_owned(),
                "92".to_owned(),
                "/images".to_owned(),
            )],
        },
        advisories: Alarm::Fine("212\u{202f}040 records of 9 sources".to_owned()),
        running: vec![RunLine {
            what: "Scan of acme".to_owned(),
            how: "scanning, 3 of 42 locations".to_owned(),
            href: "/runs/9".to_owned(),
            at: Some(when("2026-11-23T01:58:00Z")),
        }],
        next: vec![RunLine {
            what: "Update of the advisories".to_owned(),
            how: String::new(),
            href: "/advisories".to_owned(),
            at: Some(when("2026-11-23T03:00:00Z")),
        }],
    }
}

pub(crate) fn first_run() -> Dashboard {
    Dashboard {
        steps: vec![
            Step {
                done: true,
                title: "Connect an account",
                text: "Tell the host where your GitLab is, and a token that may read it.",
                label: "Connect",
                href: "/connectors",
            },
            Step {
                done: false,
                title: "Import advisories",
                text: "So that packages can be matched against what is known.",
                label: "Advisories",
                href: "/advisories",
            },
            Step {
                done: false,
                title: "Scan",
                text: "Reads every image of the locations that you selected.",
                label: "Scan",
                href: "/runs",
            },
        ],
        attention: Vec::new(),
        open: Severity::ALL
            .into_iter()
            .map(|severity| count_of(severity, 0))
            .collect(),
        open_total: "0".to_owned(),
        since: Vec::new(),
        trend: None,
        ages: Vec::new(),
        mttr: Vec::new(),
        repositories: Vec::new(),
        applications: Vec::new(),
        coverage: Coverage::default(),
        advisories: Alarm::Missing,
        running: Vec::new(),
        next: Vec::new(),
        ..dashboard()
    }
}

pub(crate) fn policy(checked: Option<Checked>) -> Policy {
    Policy {
        chrome: chrome("Policy", Section::Settings, "/policy"),
        text: "[severity]\nmax-steps-down = 2\n\n[sla]\nnear = 3\n".to_owned(),
        is_default: false,
        set: Some(("ada".to_owned(), when("2026-11-20T00:00:00Z"))),
        checked,
        deadlines: vec![
            (Badge::of(Severity::Critical), "7 days".to_owned()),
            (Badge::of(Severity::Info), "no deadline".to_owned()),
        ],
        bounds: vec![
            ("falls at most", "2 severities".to_owned(), false),
            ("rises at most", "1 severity".to_owned(), true),
        ],
        rules: vec![Rule {
            id: "known-exploited",
            category: "Exploitable",
            name: "Exploited in the wild",
            meaning: "The vulnerability is in CISA's catalogue of those that are known to be exploited.",
            enabled: true,
            numbers: vec![Number {
                name: "change",
                value: "+1.50".to_owned(),
                default: Some("+1.00".to_owned()),
                when: "is in the catalogue",
            }],
        }],
        default_text: "# The policy of ox-host.\n".to_owned(),
    }
}

pub(crate) fn fault(message: &str) -> Checked {
    Checked::Bad {
        faults: vec![Fault {
            line: 5,
            column: 8,
            key: "sla.near".to_owned(),
            message: message.to_owned(),
            hint: "write for example near = 3".to_owned(),
        }],
        more: 2,
    }
}

/// Every page with its name.
pub(crate) fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("dashboard", html(&dashboard())),
        ("dashboard-first", html(&first_run())),
        (
            "images",
            html(&images(
                "scanned",
                Shown::Scanned(vec![
                    image_line(
                        "shop/checkout/api",
                        &["1.4", "latest", "main-20261120"],
                        [1, 3, 12, 40, 0, 2],
                        false,
                    ),
                    image_line(
                        "platform/base-images/jdk",
                        &["21"],
                        [0, 0, 0, 0, 0, 0],
                        true,
                    ),
                    image_line(
                        "data/etl/a-project-with-a-rather-long-name/that-goes-on/worker",
                        &[],
                        [0, 120, 1400, 88, 2, 1],
                        true,
                    ),
                ]),
            )),
        ),
        (
            "images-skipped",
            html(&images("skipped", Shown::Skipped(skips()))),
        ),
        (
            "images-failed",
            html(&images("failed", Shown::Failed(failed()))),
        ),
        (
            "images-empty",
            html(&Images {
                connected: false,
                ..images("scanned", Shown::Scanned(Vec::new()))
            }),
        ),
        ("image", html(&image())),
        (
            "changes",
            html(&changes(ChangesState::Compared(compared()))),
        ),
        (
            "changes-none",
            html(&changes(ChangesState::NothingConnected)),
        ),
        (
            "advisories",
            html(&advisories(Alarm::Fine(
                "212\u{202f}040 records of 9 sources".to_owned(),
            ))),
        ),
        (
            "advisories-old",
            html(&advisories(Alarm::Old(
                "The advisories of Debian are older than 7 days.".to_owned(),
            ))),
        ),
        ("advisories-missing", html(&advisories(Alarm::Missing))),
        ("advisory", html(&advisory())),
        ("policy", html(&policy(None))),
        ("policy-bad", html(&policy(Some(fault("it is no number"))))),
    ]
}
