//! What the package is: a kernel in a container, a vendored copy, a test's, the base image's, and how sure the
//! match is.

use ox_advisory::matching::Certainty;

use super::VULNERABILITY;
use crate::factor::Category;
use crate::facts::PackageFacts;
use crate::severity::case::{Case, listed, quoted};
use crate::severity::input::Input;
use crate::severity::original::SYSTEM_FORMATS;
use crate::severity::rule::{Change, Judged, Rule, evidence};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "kernel-package",
        category: Category::Reachable,
        short_name: "Kernel package",
        meaning: "A kernel, its modules or headers in an image never run: containers use the kernel of their host.",
        kinds: VULNERABILITY,
        needs: &[Input::Package],
        changes: &[Change {
            name: "kernel",
            short_name: "Kernel package in container",
            default: -1.5,
            when: "the package is of the Linux kernel",
        }],
        thresholds: &[],
        bounds: false,
        judge: kernel,
    },
    Rule {
        id: "test-only",
        category: Category::Reachable,
        short_name: "For tests only",
        meaning: "The package is for tests or development, by its package manager or its place.",
        kinds: VULNERABILITY,
        needs: &[Input::TestOnly],
        changes: &[Change {
            name: "yes",
            short_name: "For tests only",
            default: -0.75,
            when: "it is for tests or development only",
        }],
        thresholds: &[],
        bounds: false,
        judge: test_only,
    },
    Rule {
        id: "match-certainty",
        category: Category::Reachable,
        short_name: "Match not certain",
        meaning: "How sure it is that the advisory concerns this package.",
        kinds: VULNERABILITY,
        needs: &[],
        changes: &[
            Change {
                name: "likely",
                short_name: "Match is likely only",
                default: -0.15,
                when: "name and version match, the code concerned may not be there",
            },
            Change {
                name: "unsure",
                short_name: "Match is unsure",
                default: -0.5,
                when: "something is missing to tell, as a version that is none",
            },
        ],
        thresholds: &[],
        bounds: false,
        judge: certainty,
    },
    Rule {
        id: "go-packages",
        category: Category::Reachable,
        short_name: "Concerned code not told",
        meaning: "The advisory names Go packages of the module; whether the program has them is not told.",
        kinds: VULNERABILITY,
        needs: &[],
        changes: &[Change {
            name: "not-told",
            short_name: "Concerned code not told",
            default: -0.2,
            when: "the advisory names packages and nothing tells that they are linked",
        }],
        thresholds: &[],
        bounds: false,
        judge: go_packages,
    },
    Rule {
        id: "vendored",
        category: Category::Reachable,
        short_name: "Vendored copy",
        meaning: "Every copy lies within another package, which often uses a part of it only.",
        kinds: VULNERABILITY,
        needs: &[Input::Package],
        changes: &[Change {
            name: "yes",
            short_name: "Vendored copy",
            default: -0.2,
            when: "all its paths are in a folder of vendored code",
        }],
        thresholds: &[],
        bounds: false,
        judge: vendored,
    },
    Rule {
        id: "unowned",
        category: Category::Exploitable,
        short_name: "No package manager's",
        meaning: "It was found by what is in a file; no package manager knows it, so none updates it.",
        kinds: VULNERABILITY,
        needs: &[Input::Package],
        changes: &[Change {
            name: "yes",
            short_name: "No package manager's",
            default: 0.05,
            when: "it was found in an archive or a program",
        }],
        thresholds: &[],
        bounds: false,
        judge: unowned,
    },
    Rule {
        id: "origin",
        category: Category::Reachable,
        short_name: "Origin",
        meaning: "Who put it there: the base image, which others look after and everybody has, or your own layers.",
        kinds: VULNERABILITY,
        needs: &[Input::Origin],
        changes: &[
            Change {
                name: "base-image",
                short_name: "From the base image",
                default: -0.15,
                when: "only base images bring it",
            },
            Change {
                name: "user-layer",
                short_name: "From your own layer",
                default: 0.1,
                when: "a layer above the base image brings it",
            },
        ],
        thresholds: &[],
        bounds: false,
        judge: origin,
    },
];

/// True for what is of the Linux kernel: it may be on the disk of an image, it never runs from there.
pub(crate) fn is_kernel(package: &PackageFacts) -> bool {
    if !SYSTEM_FORMATS.contains(&package.format.as_str()) {
        return false;
    }
    let name = package.name.as_str();
    const PREFIXES: &[&str] = &[
        "linux-headers-",
        "linux-image-",
        "linux-modules-",
        "linux-kbuild-",
        "linux-source-",
        "linux-compiler-",
        "kernel-modules",
        "kernel-devel",
        "kernel-core",
        "kernel-default",
        "kernel-rt",
        "kernel-uek",
        "kernel-lt",
        "kernel-ml",
    ];
    const NAMES: &[&str] = &[
        "linux",
        "linux-libc-dev",
        "linux-headers",
        "linux-lts",
        "linux-virt",
        "linux-edge",
        "linux-zen",
        "linux-hardened",
        "linux-api-headers",
        "linux-glibc-devel",
        "kernel",
        "kernel-headers",
        "kernel-core",
        "kernel-srpm-macros",
    ];
    let source = package.source_name.as_deref().unwrap_or_default();
    NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || matches!(
            source,
            "linux" | "kernel" | "kernel-headers" | "linux-headers" | "linux-lts"
        )
        || source.starts_with("linux-signed")
}

fn kernel(case: &Case<'_>) -> Judged {
    let Some(package) = case.package().filter(|package| is_kernel(package)) else {
        return Judged::Nothing;
    };
    let reason = format!(
        "{} is of the Linux kernel; a container runs on the kernel of its host, never on this one.",
        quoted(&package.name)
    );
    Judged::applies(
        "kernel",
        reason,
        vec![evidence("Package", quoted(&package.name))],
    )
}

fn test_only(case: &Case<'_>) -> Judged {
    let Some(package) = case.package() else {
        return Judged::Nothing;
    };
    match package.test_only {
        Some(true) => {
            let reason = format!(
                "{} is for tests or development only.",
                quoted(&package.name)
            );
            let shown = package.paths.iter().take(3);
            Judged::applies(
                "yes",
                reason,
                shown.map(|path| evidence("Path", quoted(path))).collect(),
            )
        }
        Some(false) => Judged::Nothing,
        // Only these have such a mark; of the others there is nothing to be known.
        None if matches!(package.format.as_str(), "npm" | "composer") => {
            Judged::not_known(Input::TestOnly)
        }
        None => Judged::Nothing,
    }
}

fn certainty(case: &Case<'_>) -> Judged {
    let Some(package) = case.package() else {
        return Judged::Nothing;
    };
    let (change, what) = match package.certainty {
        // What the packages say is the same doubt; it counts once.
        Some(Certainty::Likely) if names_go_packages(package) && go_packages_count(case) => {
            return Judged::Nothing;
        }
        Some(Certainty::Likely) => ("likely", "likely, not certain"),
        Some(Certainty::Unsure) => ("unsure", "unsure"),
        _ => return Judged::Nothing,
    };
    let doubt = match package.doubt.as_deref().map(quoted) {
        Some(doubt) if !doubt.is_empty() => format!(": {}", doubt.trim_end_matches('.')),
        _ => String::new(),
    };
    let reason = format!(
        "That the advisory concerns {} is {what}{doubt}.",
        quoted(&package.name)
    );
    Judged::applies(change, reason, Vec::new())
}

fn names_go_packages(package: &PackageFacts) -> bool {
    package.format.starts_with("go") && !package.imports.is_empty()
}

fn go_packages_count(case: &Case<'_>) -> bool {
    RULES
        .iter()
        .any(|rule| rule.id == "go-packages" && case.tuning.counts(rule))
}

fn go_packages(case: &Case<'_>) -> Judged {
    let Some(package) = case.package().filter(|package| names_go_packages(package)) else {
        return Judged::Nothing;
    };
    let reason = format!(
        "The advisory concerns {} of {}; whether the program has that in it is not told.",
        listed(package.imports.iter().map(String::as_str)),
        quoted(&package.name),
    );
    let shown = package.imports.iter().take(3);
    Judged::applies(
        "not-told",
        reason,
        shown
            .map(|path| evidence("Go package", quoted(path)))
            .collect(),
    )
}

fn is_vendored(path: &str) -> bool {
    path.split('/').any(|part| {
        matches!(
            part,
            "vendor"
                | "_vendor"
                | "vendored"
                | "third_party"
                | "third-party"
                | "_bundled"
                | "bundled"
        )
    })
}

fn vendored(case: &Case<'_>) -> Judged {
    let Some(package) = case.package() else {
        return Judged::Nothing;
    };
    // Composer installs into `vendor`: there it is the ordinary place.
    let ordinary = package.format == "composer";
    if ordinary || package.paths.is_empty() || !package.paths.iter().all(|path| is_vendored(path)) {
        return Judged::Nothing;
    }
    let reason = format!(
        "Every copy is within other software: {}.",
        listed(package.paths.iter().map(String::as_str))
    );
    Judged::applies("yes", reason, Vec::new())
}

fn unowned(case: &Case<'_>) -> Judged {
    let Some(package) = case.package() else {
        return Judged::not_known(Input::Package);
    };
    let format = package.format.as_str();
    if !(matches!(format, "java" | "java-archive")
        || format.starts_with("go")
        || format.starts_with("rust"))
    {
        return Judged::Nothing;
    }
    let reason = format!(
        "{} is built into a file; no package manager updates it, only a new build does.",
        quoted(&package.name)
    );
    Judged::applies("yes", reason, vec![evidence("Format", quoted(format))])
}

fn origin(case: &Case<'_>) -> Judged {
    let origins = case
        .package()
        .map_or(&[][..], |package| &package.origins[..]);
    if origins.iter().any(|one| one == "user-layer") {
        let reason = "A layer above the base image brings it: it is yours to change.";
        return Judged::applies("user-layer", reason.to_owned(), Vec::new());
    }
    if origins.is_empty() || origins.iter().any(|one| one == "unknown") {
        return Judged::not_known(Input::Origin);
    }
    if origins.iter().all(|one| one == "base-image") {
        let reason =
            "Only the base image brings it: who makes that fixes it, and a rebuild takes the fix.";
        return Judged::applies("base-image", reason.to_owned(), Vec::new());
    }
    Judged::Nothing
}
