//! The queue with samples: usual, empty, hostile.

use ox_console::pages::issue::*;
use ox_console::pages::issues::*;
use ox_console::parts::{Badge, Choice, Pager, When};
use ox_console::{Chrome, Flash, Person, Section, Theme, html};
use ox_issue::Severity::{self, Appoxalypse, Critical, High, Info, Low, Medium};

const NOW: &str = "2026-11-23T02:00:00Z";

fn text(text: &str) -> String {
    text.to_owned()
}

fn chrome(title: &str, theme: Theme) -> Chrome {
    Chrome {
        title: text(title),
        section: Section::Issues,
        person: Some(Person {
            name: text("mira"),
            role: "analyst",
        }),
        flash: None,
        theme,
        here: text("/issues"),
    }
}

fn choice(value: &str, count: u64, chosen: bool) -> Choice {
    Choice {
        value: value.to_lowercase(),
        label: text(value),
        chosen,
        count: Some(count),
    }
}

fn many(name: &str, label: &str, choices: Vec<Choice>) -> Filter {
    Filter {
        name: text(name),
        label: text(label),
        help: String::new(),
        active: choices.iter().filter(|one| one.chosen).count(),
        input: Input::Many(choices),
    }
}

fn words(name: &str, label: &str, example: &str) -> Filter {
    Filter {
        name: text(name),
        label: text(label),
        help: String::new(),
        active: 0,
        input: Input::Words {
            used: Vec::new(),
            known: vec![text("shop"), text("billing")],
            example: text(example),
        },
    }
}

struct Sample {
    severity: Severity,
    before: Option<Severity>,
    title: &'static str,
    package: &'static str,
    location: &'static str,
    category: &'static str,
    owner: &'static str,
    seen: &'static str,
    count: &'static str,
    marks: Vec<(&'static str, &'static str)>,
}

fn samples() -> Vec<Sample> {
    let one =
        |severity, before, title, package, location, category, owner, seen, count, marks| Sample {
            severity,
            before,
            title,
            package,
            location,
            category,
            owner,
            seen,
            count,
            marks,
        };
    vec![
        one(
            Appoxalypse,
            Some(Critical),
            "AWS secret access key in srv/.env",
            "",
            "acme/shop/web-store",
            "Secret in container",
            "@mira",
            "2026-11-22T23:00:00Z",
            "1",
            vec![("New", "busy"), ("Public image", "warn")],
        ),
        one(
            Critical,
            None,
            "CVE-2021-44228 in log4j-core",
            "log4j-core 2.14.1",
            "acme/billing/invoices",
            "Vulnerable dependency in Java archive",
            "@jun",
            "2026-11-02T08:00:00Z",
            "14",
            vec![
                ("Known exploited", "bad"),
                ("Fix: 2.17.1", "good"),
                ("2 days overdue", "bad"),
            ],
        ),
        one(
            High,
            Some(Critical),
            "CVE-2023-45853 in zlib1g",
            "zlib1g 1:1.2.13.dfsg-1",
            "acme/shop/web-store",
            "Vulnerable dependency from base image",
            "@mira",
            "2026-10-02T08:00:00Z",
            "212",
            vec![("Fix: 1:1.3.dfsg-1", "good")],
        ),
        one(
            High,
            Some(Medium),
            "CVE-2024-3094 in liblzma5",
            "liblzma5 5.6.0-1",
            "acme/platform/build-tools",
            "Vulnerable dependency from operating system",
            "platform-team",
            "2026-11-20T08:00:00Z",
            "3",
            vec![("Changed", "busy")],
        ),
        one(
            Medium,
            None,
            "The image runs as root",
            "",
            "acme/shop/checkout",
            "Misconfiguration in container",
            "@mira",
            "2026-08-14T08:00:00Z",
            "9",
            vec![],
        ),
        one(
            Medium,
            Some(High),
            "CVE-2022-40897 in setuptools",
            "setuptools 58.1.0",
            "acme/ml/train",
            "Vulnerable dependency from user code",
            "",
            "2026-05-01T08:00:00Z",
            "31",
            vec![("Fix: 65.5.1", "good"), ("Given to mira", "info")],
        ),
        one(
            Low,
            Some(Medium),
            "CVE-2016-2781 in coreutils",
            "coreutils 9.1-1",
            "acme/shop/web-store",
            "Vulnerable dependency from base image",
            "@mira",
            "2025-10-02T08:00:00Z",
            "212",
            vec![],
        ),
        one(
            Info,
            None,
            "Licence GPL-3.0-only is not approved",
            "readline 8.2",
            "acme/ml/train",
            "Unapproved licence in container",
            "",
            "2026-01-02T08:00:00Z",
            "2",
            vec![],
        ),
    ]
}

fn list(theme: Theme, list: List, total: u64) -> Issues {
    let tile = |severity: Severity, count, found, chosen| Tile {
        badge: Badge::of(severity),
        count,
        found,
        chosen,
        href: text("/issues.html"),
    };
    let tab = |label: &str, chosen| Tab {
        label: text(label),
        href: text("/groups.html"),
        chosen,
    };
    let view = |name: &str, chosen, changed| View {
        name: text(name),
        href: text("/issues.html"),
        chosen,
        changed,
    };
    Issues {
        chrome: chrome("Active issues", theme),
        funnel: Funnel {
            found: 1_204_331,
            prioritised: 861_220,
            issues: 12_408,
            tiles: vec![
                tile(Appoxalypse, 3, 0, false),
                tile(Critical, 41, 20_114, false),
                tile(High, 1_220, 301_442, false),
                tile(Medium, 4_800, 512_220, false),
                tile(Low, 5_911, 340_000, false),
                tile(Info, 433, 30_555, false),
            ],
        },
        views: vec![
            view("All open", false, false),
            view("Critical & fixable", false, false),
            view("New since last scan", false, false),
            view("Overdue", false, false),
            view("Increased by OX", false, false),
            view("Known exploited", false, false),
            view("Checkout team", true, true),
        ],
        view: Some(CurrentView {
            id: Some(3),
            name: text("Checkout team"),
            changed: true,
        }),
        search: String::new(),
        filters: vec![
            many(
                "source-tool",
                "Source tool",
                vec![choice("GitLab", 12_408, true)],
            ),
            many(
                "severity",
                "Severity",
                vec![choice("Critical", 41, false), choice("High", 1220, false)],
            ),
            many(
                "reprioritised",
                "Reprioritised",
                vec![
                    choice("Increased", 12, false),
                    choice("Decreased", 8000, false),
                ],
            ),
            many(
                "factor",
                "Factor",
                vec![choice("Known exploited", 41, false)],
            ),
            many(
                "status",
                "Status",
                vec![choice("New", 12, false), choice("Changed", 8000, false)],
            ),
            many(
                "category",
                "Category",
                vec![choice("Secret in container", 12, false)],
            ),
            words("application", "Application", "shop"),
            words("owner", "Owner", "@mira"),
        ],
        more: vec![
            words("package", "Package", "openssl"),
            words("cve", "CVE or other id", "CVE-2024-3094"),
            many(
                "severity-before",
                "Severity before",
                vec![choice("Critical", 41, false), choice("High", 1220, false)],
            ),
            Filter {
                name: text("seen"),
                label: text("First seen"),
                help: String::new(),
                active: 0,
                input: Input::Dates {
                    from: String::new(),
                    until: String::new(),
                },
            },
            Filter {
                name: text("min-epss"),
                label: text("EPSS at least"),
                help: text("A probability, 0 to 1."),
                active: 0,
                input: Input::Number {
                    value: String::new(),
                    example: text("0.1"),
                },
            },
        ],
        kept: Vec::new(),
        chips: vec![
            Chip {
                label: text("Source tool"),
                value: text("GitLab"),
                remove: text("/issues.html"),
            },
            Chip {
                label: text("Team"),
                value: text("checkout"),
                remove: text("/issues.html"),
            },
        ],
        clear: Some(text("/issues.html")),
        notices: Vec::new(),
        coverage: Some(Coverage {
            sentence: text(
                "2 of 14 locations were not scanned completely: their issues may be more than these.",
            ),
            link: (text("What was not scanned"), text("/images")),
        }),
        groupings: vec![
            tab("List", true),
            tab("CVE", false),
            tab("Package", false),
            tab("Image", false),
            tab("Application", false),
        ],
        columns: vec![choice("Category", 0, true), choice("Deadline", 0, false)],
        columns_kept: Vec::new(),
        list,
        query: text("source-tool=GitLab&team=checkout"),
        total,
        bulk_limit: 1000,
        exports: [
            "CSV",
            "JSON",
            "JSON lines",
            "SARIF",
            "CycloneDX",
            "CycloneDX VEX",
            "OpenVEX",
            "GitLab report",
            "OX upload",
            "HTML page",
        ]
        .map(|one| (text(one), text("/issues/export?format=csv")))
        .to_vec(),
    }
}

fn rows(hostile: bool) -> List {
    let head = |label: &str, sorted, number| Head {
        label: text(label),
        href: Some(text("/issues.html")),
        sorted,
        number,
    };
    let evil = "<script>alert(1)</script>\u{202e}\"'><img src=x onerror=alert(1)>";
    List::Rows {
        severity: head("Severity", "descending", false),
        title: head("Issue", "", false),
        heads: vec![
            head("Category", "", false),
            head("Application", "", false),
            head("Owner", "", false),
            head("First seen", "", false),
            head("Occurrences", "", true),
        ],
        rows: samples()
            .into_iter()
            .enumerate()
            .map(|(at, one)| Row {
                id: at as i64 + 11,
                href: text("/issue.html"),
                badge: Badge::of(one.severity),
                before: one.before.map(Badge::of),
                moved: match one.before {
                    Some(before) if before > one.severity => "down",
                    Some(_) => "up",
                    None => "",
                },
                title: if hostile {
                    evil.repeat(3)
                } else {
                    text(one.title)
                },
                package: if hostile {
                    evil.to_owned()
                } else {
                    text(one.package)
                },
                location: text(one.location),
                marks: one
                    .marks
                    .into_iter()
                    .map(|(word, tone)| (text(word), tone))
                    .collect(),
                cells: vec![
                    Cell::Text(text(one.category)),
                    Cell::Text(text(one.location.split('/').nth(1).unwrap_or(""))),
                    Cell::Text(text(one.owner)),
                    Cell::When(When::new(one.seen, NOW)),
                    Cell::Number(text(one.count)),
                ],
                version: text("0011223344556677"),
            })
            .collect(),
        pager: Pager {
            summary: text("1–50 of 12 408 issues"),
            first: None,
            next: Some(text("/issues.html")),
        },
    }
}

fn groups() -> List {
    let group = |name: &str, worst, counts: &[(Severity, u64)]| Group {
        name: text(name),
        href: text("/issues.html"),
        worst: Badge::of(worst),
        issues: counts.iter().map(|one| one.1).sum(),
        counts: counts
            .iter()
            .map(|(severity, count)| (Badge::of(*severity), *count))
            .collect(),
        fixable: 12,
        exploited: u64::from(worst > High),
    };
    List::Groups {
        by: text("Package"),
        groups: vec![
            group(
                "log4j-core",
                Critical,
                &[(Critical, 2), (High, 14), (Medium, 3)],
            ),
            group("openssl", High, &[(High, 120), (Medium, 41), (Low, 300)]),
            group("zlib1g", Medium, &[(Medium, 41), (Low, 300)]),
        ],
        more: Some(text("The 200 worst groups are shown.")),
    }
}

fn step(
    class: &'static str,
    change: &str,
    name: &str,
    category: &'static str,
    reason: &str,
    severity: Severity,
    score: &str,
) -> Step {
    Step {
        class,
        change: text(change),
        name: text(name),
        category,
        reason: text(reason),
        evidence: match class {
            "up" | "down" => vec![Shown {
                label: text("EPSS"),
                value: text("0.0031 of 2026-11-20"),
                link: Some(text("https://example.com/epss")),
                is_snippet: false,
            }],
            _ => Vec::new(),
        },
        badge: Badge::of(severity),
        score: text(score),
    }
}

fn issue(theme: Theme) -> Issue {
    let when = |stamp: &str| When::new(stamp, NOW);
    Issue {
        chrome: Chrome {
            flash: Some(Flash {
                tone: "good",
                message: text("OX-12 is given to mira."),
                undo: Some((text("Undo"), text("/issues/undo/1"))),
            }),
            ..chrome("OX-12 CVE-2023-45853 in zlib1g", theme)
        },
        id: 12,
        title: text("CVE-2023-45853 in zlib1g"),
        lead: text("An integer overflow in MiniZip leads to a heap buffer overflow."),
        badge: Badge::of(High),
        before: Some(Badge::of(Critical)),
        marks: vec![
            (text("Fix: 1:1.3.dfsg-1"), "good"),
            (text("10 days overdue"), "bad"),
        ],
        decision: None,
        ladder: Ladder {
            title: text("Why it is High and not Critical"),
            answer: text(
                "The tool says Critical (CVSS 3.1 score 9.8 of the advisory). OX lowers it to High, most of all because EPSS expects an exploit in 0.3 % of cases in the next 30 days (−0.75). Against that: The image with the tag latest has it (+0.25).",
            ),
            steps: vec![
                step(
                    "from",
                    "tool",
                    "Critical",
                    "",
                    "CVSS 3.1 score 9.8 of the advisory",
                    Critical,
                    "4.00",
                ),
                step(
                    "down",
                    "−0.75",
                    "Unlikely exploited",
                    "Exploitable",
                    "EPSS expects an exploit in 0.3 % of cases in the next 30 days.",
                    High,
                    "3.25",
                ),
                step(
                    "up",
                    "+0.25",
                    "In latest",
                    "Reachable",
                    "The image with the tag latest of acme/shop/web-store has it.",
                    High,
                    "3.50",
                ),
                step(
                    "held",
                    "held",
                    "Held",
                    "",
                    "Nothing that is not known to be exploited rises above what the tool says.",
                    High,
                    "3.50",
                ),
                step(
                    "to",
                    "OX",
                    "High",
                    "",
                    "Lowered from Critical",
                    High,
                    "3.50",
                ),
            ],
            unknown: vec![Unknown {
                name: text("Environment unknown"),
                category: "Damage",
                reason: text("No policy says where acme/shop runs."),
            }],
        },
        remedy: Remedy {
            summary: text(
                "Upgrade zlib1g to 1:1.3.dfsg-1 or later, or move to a base image that has it.",
            ),
            fixed_version: Some(text("1:1.3.dfsg-1")),
            command: Some(text(
                "RUN apt-get update && apt-get install -y --only-upgrade zlib1g",
            )),
            base_image: Some(text("debian:13-slim")),
        },
        facts: vec![
            Fact {
                label: "Known as",
                values: vec![
                    (
                        text("CVE-2023-45853"),
                        Some(text("https://nvd.nist.gov/vuln/detail/CVE-2023-45853")),
                    ),
                    (text("CWE-190"), None),
                ],
            },
            Fact {
                label: "CVSS",
                values: vec![(
                    text("9.8 CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H (NVD)"),
                    None,
                )],
            },
            Fact {
                label: "EPSS",
                values: vec![(text("0.31 %, percentile 70"), None)],
            },
            Fact {
                label: "Package",
                values: vec![(
                    text("zlib1g (source zlib), Debian:12"),
                    Some(text("/issues?package=zlib1g")),
                )],
            },
            Fact {
                label: "Application",
                values: vec![(text("shop"), Some(text("/issues?application=shop")))],
            },
            Fact {
                label: "Owners",
                values: vec![(text("@mira (codeowners)"), None)],
            },
            Fact {
                label: "Deadline",
                values: vec![(text("2026-11-12, 10 days late"), None)],
            },
        ],
        sources: vec![Source {
            tool: text("OSV match"),
            id: text("DEBIAN-CVE-2023-45853"),
            said: text("certain"),
            evidence: vec![
                Shown {
                    label: text("Range"),
                    value: text("Debian:12 zlib from 0 before 1:1.3.dfsg-1"),
                    link: None,
                    is_snippet: false,
                },
                Shown {
                    label: text("Line"),
                    value: text("3: AWS_KEY=wJal…EKEY\n4: DEBUG=1"),
                    link: None,
                    is_snippet: true,
                },
            ],
            link: Some(text(
                "https://gitlab.example.com/acme/shop/-/security/vulnerabilities/4711",
            )),
        }],
        occurrences: Occurrences {
            summary: text("In 2 images of acme/shop/web-store"),
            rows: vec![Occurrence {
                image: text("acme/shop/web-store:1.4"),
                tags: vec![text("latest")],
                digest: format!("sha256:{}", "a".repeat(64)),
                short: text("sha256:aaaaaaaaaaaa"),
                platform: text("linux/amd64"),
                system: text("Debian GNU/Linux 12 (bookworm)"),
                version: text("1:1.2.13.dfsg-1"),
                path: text("var/lib/dpkg/status"),
                layer: text("Layer 1, of the base image"),
                command: text("ADD rootfs.tar.xz /"),
            }],
            pager: None,
        },
        about: blocks(
            "MiniZip in zlib through 1.3 has an **integer overflow** in `zipOpenNewFileInZip4_64`.\n\n- via a long filename\n- or a [comment](https://example.com)\n\n```\nzip -9 x\n```\n<script>alert(1)</script>",
        ),
        about_cut: false,
        compliance: vec![(
            text("PCI DSS 4.0"),
            text("6.3.3"),
            text("Known vulnerabilities are mended in time."),
        )],
        references: vec![Reference {
            label: text("https://security-tracker.debian.org/tracker/CVE-2023-45853"),
            href: Some(text(
                "https://security-tracker.debian.org/tracker/CVE-2023-45853",
            )),
        }],
        history: vec![
            Happened {
                when: when("2026-11-22T08:00:00Z"),
                sentence: text("Given to mira, by jun"),
            },
            Happened {
                when: when("2026-10-02T08:00:00Z"),
                sentence: text("Found as Critical, weighed as High, by scan 4"),
            },
        ],
        comments: vec![Comment {
            by: text("jun"),
            when: when("2026-11-22T08:00:00Z"),
            text: text("The base image has it.\nI asked the platform team."),
        }],
        edit: Edit {
            version: text("0011"),
            assignee: text("mira@example.com"),
            me: text("mira"),
            severities: vec![
                Choice::new("", "As the rules say (High)", true),
                Choice::new("critical", "Critical", false),
            ],
            is_set: false,
            earliest: text("2026-11-24"),
        },
        list: text("/issues.html"),
        previous: None,
        next: Some(text("/issue.html")),
    }
}

pub(crate) fn pages() -> Vec<(&'static str, String)> {
    let mut all = vec![
        ("issues", html(&list(Theme::Light, rows(false), 12_408))),
        ("issues-dark", html(&list(Theme::Dark, rows(false), 412))),
        ("issues-hostile", html(&list(Theme::Light, rows(true), 412))),
        ("groups", html(&list(Theme::Light, groups(), 412))),
        ("issue", html(&issue(Theme::Light))),
        ("issue-dark", html(&issue(Theme::Dark))),
    ];
    all.push((
        "issues-empty",
        html(&list(
            Theme::Light,
            List::Empty(Empty {
                title: text("No issue is like that"),
                sentence: text("Take a filter away, or look at all that is open."),
                action: Some((text("All open issues"), text("/issues"))),
            }),
            0,
        )),
    ));
    all.push((
        "exclusions",
        html(&Exclusions {
            chrome: chrome("Exclusions", Theme::Light),
            rows: vec![ExclusionRow {
                id: 1,
                kind: text("Accepted"),
                covers: text("rule posture/root-user in application shop"),
                href: None,
                reason: text("The sandbox maps users."),
                by: text("jun"),
                at: When::new("2026-11-02T08:00:00Z", NOW),
                until: Some(When::new("2026-12-24T00:00:00Z", NOW)),
                ended: None,
            }],
            ended: false,
            error: Some(text(
                "an exclusion needs a reason; say why, so that others can judge it later",
            )),
            entered: ExclusionForm::default(),
            more: None,
        }),
    ));
    all.push((
        "conflict",
        html(&Conflict {
            chrome: chrome("It changed meanwhile", Theme::Light),
            sentence: text("OX-12 was changed while you looked at it, so nothing was done yet."),
            wanted: vec![(text("Assignee"), text("mira"))],
            now: vec![
                (text("Assignee"), text("jun")),
                (text("Severity"), text("High")),
            ],
            action: text("/issues/12/assign"),
            fields: vec![(text("to"), text("mira"))],
            back: text("/issues/12"),
        }),
    ));
    all
}
