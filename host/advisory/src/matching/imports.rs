//! Go's records name the packages of a module that are concerned (`imports`). A program's build information
//! names its modules only, so mostly it can't be told whether such a package was linked. What can be told: a
//! program (`package main`) is in no other program, and the program's own path says which one it is.

use super::{Certainty, Component};
use crate::osv::Import;

/// Import paths that a match carries.
pub(super) const MAX_IMPORTS: usize = 20;
/// Import paths that a sentence names.
const MAX_NAMED: usize = 3;

/// Modules that are programs first. Used as a library, they bring a client or a few types along; records
/// without `imports` mostly speak of the program.
const PROGRAMS: &[&str] = &[
    "github.com/argoproj/argo-cd",
    "github.com/containerd/containerd",
    "github.com/docker/cli",
    "github.com/docker/docker",
    "github.com/hashicorp/consul",
    "github.com/hashicorp/nomad",
    "github.com/hashicorp/vault",
    "github.com/moby/buildkit",
    "github.com/moby/moby",
    "github.com/opencontainers/runc",
    "github.com/prometheus/prometheus",
    "github.com/traefik/traefik",
    "go.etcd.io/etcd",
    "k8s.io/kubernetes",
];

/// Whether the code concerned may be in the program.
pub(super) enum Presence {
    /// It can't be: only other programs are concerned.
    Absent,
    /// It may be.
    Open(Certainty, Option<String>),
}

/// Judges the packages that a record names of the component's module (`module`: as the record has it).
pub(super) fn presence(component: &Component, module: &str, imports: &[&Import]) -> Presence {
    let main = component.main_path.as_deref();
    let unstated = component.by_name_only && main.is_none();
    if imports.is_empty() {
        if unstated && is_program(module) {
            return Presence::Open(
                Certainty::Likely,
                Some(format!(
                    "{module} is a program first, and whether this is the program or a library in another one \
                     is not stated."
                )),
            );
        }
        if main.is_none() && is_program(module) {
            return Presence::Open(
                Certainty::Unsure,
                Some(format!(
                    "{module} is a program first, and here it is a library in another program: what the \
                     advisory speaks of may not be in it."
                )),
            );
        }
        return Presence::Open(Certainty::Certain, None);
    }
    let elsewhere: Vec<Elsewhere> = imports
        .iter()
        .map(|import| elsewhere(component, import))
        .collect();
    // On another platform than the program's.
    if elsewhere.iter().all(|where_| *where_ == Elsewhere::Yes) {
        return Presence::Absent;
    }
    if elsewhere.iter().all(|where_| *where_ != Elsewhere::No) {
        return Presence::Open(
            Certainty::Unsure,
            Some(format!(
                "Only programs for {} are concerned, and for what this one was built is not stated.",
                platforms(imports)
            )),
        );
    }
    let mut best: Option<Linked> = None;
    let here = imports.iter().zip(&elsewhere);
    for (import, _) in here.filter(|(_, elsewhere)| **elsewhere != Elsewhere::Yes) {
        let linked = linked(main, import);
        best = Some(best.map_or(linked, |best| best.max(linked)));
    }
    let named = named(imports);
    match best {
        Some(Linked::Yes) => Presence::Open(Certainty::Certain, None),
        Some(Linked::No) if unstated => Presence::Open(
            Certainty::Unsure,
            Some(format!(
                "Only a program of the module is concerned ({named}), and whether this is it is not stated."
            )),
        ),
        Some(Linked::No) => Presence::Absent,
        Some(Linked::Hardly) => Presence::Open(
            Certainty::Unsure,
            Some(format!(
                "Only parts of a program of the module are concerned ({named}), and that is not this program."
            )),
        ),
        Some(Linked::Perhaps) | None if main.is_none() && !unstated && is_program(module) => {
            Presence::Open(
                Certainty::Unsure,
                Some(format!(
                    "{module} is a program first, and here it is a library in another program, which may not \
                 hold {named}."
                )),
            )
        }
        Some(Linked::Perhaps) | None => Presence::Open(
            Certainty::Likely,
            Some(format!(
                "Only {named} is concerned, and the program does not say which packages of the module it holds."
            )),
        ),
    }
}

/// Whether a package is concerned only on platforms that the program was not built for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Elsewhere {
    No,
    /// The program's platform isn't known, and those concerned are not what images mostly hold.
    Perhaps,
    Yes,
}

fn elsewhere(component: &Component, import: &Import) -> Elsewhere {
    let (os, arch) = component
        .platform
        .as_ref()
        .map_or(("", ""), |(os, arch)| (os.as_str(), arch.as_str()));
    let of = |named: &[String], built: &str, usual: &[&str]| {
        if named.is_empty() || named.iter().any(|one| one == built) {
            Elsewhere::No
        } else if !built.is_empty() {
            Elsewhere::Yes
        } else if named.iter().any(|one| usual.contains(&one.as_str())) {
            Elsewhere::No
        } else {
            Elsewhere::Perhaps
        }
    };
    match (
        of(&import.goos, os, &["linux"]),
        of(&import.goarch, arch, &["amd64", "arm64"]),
    ) {
        (Elsewhere::Yes, _) | (_, Elsewhere::Yes) => Elsewhere::Yes,
        (Elsewhere::Perhaps, _) | (_, Elsewhere::Perhaps) => Elsewhere::Perhaps,
        _ => Elsewhere::No,
    }
}

/// The platforms that a record names, for a sentence.
fn platforms(imports: &[&Import]) -> String {
    let mut names: Vec<&str> = imports
        .iter()
        .flat_map(|import| import.goos.iter().chain(&import.goarch))
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MAX_NAMED * 4);
    names.join(", ")
}

/// Whether a package is in the program.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Linked {
    No,
    Hardly,
    Perhaps,
    Yes,
}

fn linked(main: Option<&str>, import: &Import) -> Linked {
    let path = import.path.as_str();
    if main == Some(path) {
        return Linked::Yes;
    }
    // A program can't be imported.
    if import.symbols.iter().any(|name| name == "main") {
        return Linked::No;
    }
    let Some(folder) = program(path) else {
        return Linked::Perhaps;
    };
    match main {
        Some(main) if main == folder || is_below(main, folder) => Linked::Yes,
        // A program elsewhere in the module may be made of all of it.
        Some(main) if program(main).is_none() => Linked::Perhaps,
        // Go's own: nothing imports them.
        _ if path.starts_with("cmd/") => Linked::No,
        _ => Linked::Hardly,
    }
}

/// The folder of the program that a package belongs to, by the custom of putting programs into `cmd/NAME`.
fn program(path: &str) -> Option<&str> {
    let at = if path.starts_with("cmd/") {
        0
    } else {
        path.find("/cmd/")? + 1
    };
    let name = at + "cmd/".len();
    let rest = path.get(name..)?;
    let end = rest.find('/').map_or(path.len(), |end| name + end);
    path.get(..end)
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

fn is_program(module: &str) -> bool {
    let bare = match module.rsplit_once("/v") {
        Some((bare, major)) if major.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        _ => module,
    };
    PROGRAMS.contains(&bare)
}

fn named(imports: &[&Import]) -> String {
    let mut named: Vec<&str> = imports
        .iter()
        .take(MAX_NAMED)
        .map(|import| import.path.as_str())
        .collect();
    let more = imports.len().saturating_sub(MAX_NAMED);
    let count = format!("{more} more");
    if more > 0 {
        named.push(&count);
    }
    match named.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, first)) => format!("{} or {last}", first.join(", ")),
        None => String::new(),
    }
}

/// True for a version that names a commit: `v0.0.0-20210421170649-83a5a9bb288b`, `1.2.4-0.20…-…`.
pub(super) fn is_pseudo(version: &str) -> bool {
    let version = version.split('+').next().unwrap_or_default();
    let Some((before, hash)) = version.rsplit_once('-') else {
        return false;
    };
    let time = before.rsplit(['-', '.']).next().unwrap_or_default();
    hash.len() == 12
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
        && time.len() == 14
        && time.bytes().all(|byte| byte.is_ascii_digit())
}
