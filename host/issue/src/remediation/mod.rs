//! What to do about an issue: a sentence or two, and a command or a line of a Dockerfile to copy.
//!
//! ```text
//! package  the command that brings a fixed version, by package manager
//! base     the base image to move to
//! setup    what to write instead, by rule of the connector
//! shell    names and versions from outside, made safe to be copied
//! ```

mod base;
mod package;
mod setup;
mod shell;

use ox_advisory::version::Order;

use crate::facts::Kind;
use crate::issue::Remediation;
use package::Manager;
use shell::{plain, shown, word};

pub(crate) use shell::is_hidden;

/// What is known of an issue when its remedy is sought.
#[derive(Clone, Copy, Default)]
pub struct Input<'a> {
    /// What it is about.
    pub kind: Kind,
    /// The connector's rule (`root-user`, `posture/root-user`).
    pub rule: Option<&'a str>,
    /// The package, for a vulnerability.
    pub package: Option<Package<'a>>,
    /// The package was made to do harm ([`crate::compliance::is_malicious`]).
    pub is_malicious: bool,
    /// The base image, as far as it is known.
    pub base: Base<'a>,
    /// Scanned images that may be base images to move to; those of other repositories are passed over.
    pub candidates: &'a [Candidate<'a>],
    /// The order of the package's versions; without, only equal versions are known to hold the fix.
    pub order: Option<&'a dyn Order>,
    /// The operating system, in words ("Debian GNU/Linux 11 (bullseye)").
    pub operating_system: Option<&'a str>,
    /// Its release gets no fixes any more.
    pub has_ended: bool,
    /// What kind of secret it is ("AWS secret access key").
    pub secret: Option<&'a str>,
    /// Where it is: a path, `env NAME`, `label NAME`, `history 3`.
    pub place: Option<&'a str>,
    /// What the tool itself says.
    pub solution: Option<&'a str>,
}

/// The package of a vulnerability.
#[derive(Clone, Copy, Debug, Default)]
pub struct Package<'a> {
    /// `dpkg`, `npm`, …
    pub format: &'a str,
    /// Package URL, with or without version; may be empty.
    pub purl: &'a str,
    /// Its name, as advisories speak of it: that of a source package, where they do.
    pub name: &'a str,
    /// What the operating system's package manager has of it, where that goes by other names (`libc6` of
    /// `glibc`); empty when it is `name` alone.
    pub installed: &'a [&'a str],
    /// Installed versions.
    pub versions: &'a [&'a str],
    /// The lowest version with the fix.
    pub fixed: Option<&'a str>,
    /// That it will not be fixed, in the distribution's words ("will not be fixed", "the release has ended").
    pub fix_refused: Option<&'a str>,
    /// Paths of the files that say so.
    pub paths: &'a [&'a str],
    /// True when every occurrence lies in a layer of the base image, false when none does.
    pub from_base: Option<bool>,
    /// `id` of the operating system (`debian`, `sles`).
    pub os: Option<&'a str>,
}

impl Package<'_> {
    /// A part of npm itself: the program that uses npm can't change it.
    fn is_of_npm(&self) -> bool {
        !self.paths.is_empty()
            && self
                .paths
                .iter()
                .all(|path| path.contains("node_modules/npm/node_modules/"))
    }

    /// Without a shell and a package manager nothing can be brought up to date in a step.
    fn is_distroless(&self) -> bool {
        self.paths
            .iter()
            .any(|path| path.contains("dpkg/status.d/"))
    }
}

/// What is known of the base image.
#[derive(Clone, Copy, Debug, Default)]
pub struct Base<'a> {
    /// Its reference (`docker.io/library/debian:12`).
    pub name: Option<&'a str>,
    /// Its digest.
    pub digest: Option<&'a str>,
}

/// A scanned image that may be one to move to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Candidate<'a> {
    /// Repository with the registry's host (`registry.example.com/acme/base/debian`).
    pub repository: &'a str,
    /// A tag of it.
    pub tag: Option<&'a str>,
    /// Digest of the manifest (of the index, where there is one).
    pub digest: &'a str,
    /// When it was pushed, or made; RFC 3339 in UTC.
    pub pushed: Option<&'a str>,
    /// Versions of the package in it; empty when it is not there.
    pub versions: &'a [&'a str],
    /// Its inventory is whole.
    pub is_complete: bool,
}

/// What to do.
pub fn advise(input: &Input<'_>) -> Remediation {
    match (input.kind, &input.package) {
        (Kind::Secret, _) => secret(input),
        (Kind::Misconfiguration, _) => misconfiguration(input),
        (Kind::Vulnerability, Some(package)) => vulnerability(input, package),
        _ => told(input.solution),
    }
}

/// What the tool says, or that nobody says anything.
fn told(solution: Option<&str>) -> Remediation {
    let summary = match solution.map(str::trim).filter(|text| !text.is_empty()) {
        Some(solution) => lines(solution),
        None => {
            "The tool says nothing of what to do; its description and references may.".to_owned()
        }
    };
    Remediation {
        summary,
        ..Remediation::default()
    }
}

/// A longer text of a tool: at most so many characters, one line.
fn lines(text: &str) -> String {
    text.split_whitespace()
        .flat_map(|word| [" ".to_owned(), shown(word)])
        .skip(1)
        .take(400)
        .collect()
}

fn vulnerability(input: &Input<'_>, package: &Package<'_>) -> Remediation {
    let name = shown(package.name);
    let base = input.base.name.and_then(plain);
    if input.is_malicious {
        return Remediation {
            summary: format!(
                "{name} was made to do harm. Remove it, find out what brought it in, and replace every secret that \
                 the build or the program could read; then rebuild and delete the images that hold it."
            ),
            ..Remediation::default()
        };
    }
    let Some(fixed) = package.fixed else {
        return without_fix(input, package, &name, base);
    };
    let fixed_shown = shown(fixed);
    let manager = Manager::of(package);
    let command = manager
        .filter(|manager| !(manager.is_system() && package.is_distroless()))
        .and_then(|manager| package::command(manager, package, fixed));
    let mut summary = String::new();
    if input.has_ended {
        let system = input
            .operating_system
            .map_or_else(|| "The release".to_owned(), shown);
        summary.push_str(&format!(
            "{system} gets no fixes any more: move to a newer release. "
        ));
    }
    let mut advice = Remediation {
        fixed_version: Some(fixed.to_owned()),
        ..Remediation::default()
    };
    if package.from_base == Some(true) {
        let from = base.map_or_else(
            || "the base image".to_owned(),
            |name| format!("the base image {name}"),
        );
        match base::better(&input.base, input.candidates, fixed, input.order) {
            Some((reference, one)) => {
                let what = match one.versions.first() {
                    Some(version) => format!("has {name} {}", shown(version)),
                    None => format!("is without {name}"),
                };
                summary.push_str(&format!(
                    "{name} comes with {from}. Move to {reference}, which {what}, and rebuild."
                ));
                advice.command = Some(format!("FROM {reference}"));
                advice.base_image = Some(reference);
            }
            None => {
                summary.push_str(&format!(
                    "{name} comes with {from}. Rebuild on one with {fixed_shown} or later \
                     (`docker build --pull` takes the present one)."
                ));
                if let Some(command) = command {
                    let until = match manager.is_some_and(Manager::is_system) {
                        true => {
                            " Until there is one, bring it up to date in the Dockerfile, behind FROM."
                        }
                        false => " Until there is one, the command brings the fixed version.",
                    };
                    summary.push_str(until);
                    advice.command = Some(command);
                } else if package.is_distroless() {
                    summary.push_str(
                        " It has no package manager, so a step of the Dockerfile can't bring it up to date.",
                    );
                }
            }
        }
        advice.summary = summary;
        return advice;
    }
    summary.push_str(&match manager {
        Some(Manager::Npm) if package.is_of_npm() => format!(
            "{name} is a part of npm itself, not of the program. Bring npm up to date, or leave it out of the image \
             that runs (a second stage); it needs {name} {fixed_shown} or later."
        ),
        Some(Manager::Go) if matches!(package.name, "stdlib" | "toolchain" | "go") => format!(
            "Build the program with Go {fixed_shown} or later."
        ),
        Some(_) if package.is_distroless() => format!(
            "Update {name} to {fixed_shown} or later: the image has no package manager, so rebuild on a base image \
             that holds it."
        ),
        Some(manager) => format!("Update {name} to {fixed_shown} or later, {}.", manager.place()),
        None => format!("Update {name} to {fixed_shown} or later."),
    });
    if command.is_none() && manager.is_some() && !package.is_distroless() {
        summary.push_str(
            " Its name or version can't be put into a command safely, so look at it before you write one.",
        );
    }
    advice.summary = summary;
    advice.command = command;
    advice
}

fn without_fix(
    input: &Input<'_>,
    package: &Package<'_>,
    name: &str,
    base: Option<&str>,
) -> Remediation {
    let system = input.operating_system.map(shown);
    let meanwhile = "remove the package where nothing needs it, keep what reaches it away from strangers, or \
                     exclude the issue with a reason and an end";
    let from = match (package.from_base, base) {
        (Some(true), Some(base)) => format!(" (it comes with the base image {base})"),
        (Some(true), None) => " (it comes with the base image)".to_owned(),
        _ => String::new(),
    };
    let summary = if input.has_ended {
        format!(
            "{} gets no fixes any more, so {name} stays as it is{from}. Move to a release that is supported: change \
             the tag in FROM and rebuild.",
            system.unwrap_or_else(|| "The release".to_owned())
        )
    } else if let Some(refused) = package.fix_refused {
        format!(
            "The distribution says of {name}: {}{from}. Move to a release that has the fix, or {meanwhile}.",
            shown(refused.trim().trim_end_matches('.'))
        )
    } else {
        format!(
            "There is no fixed version of {name} yet{from}. Until there is one: {meanwhile}. The issue changes by \
             itself when a fix is published."
        )
    };
    Remediation {
        summary,
        ..Remediation::default()
    }
}

fn secret(input: &Input<'_>) -> Remediation {
    let what = input.secret.map_or_else(
        || "the secret".to_owned(),
        |title| format!("the {}", shown(title)),
    );
    let place = input.place.unwrap_or_default().trim();
    let (where_, build, command) = match place.split_once(' ') {
        Some(("env", name)) => (
            format!("the variable {}", shown(name)),
            "Take ENV and ARG out of the Dockerfile: give it to the program when it runs, and to a step of the build \
             by a mount that leaves nothing behind.",
            mount(&name.to_lowercase(), None),
        ),
        Some((what @ ("label" | "history"), name)) => (
            match what {
                "label" => format!("the label {}", shown(name)),
                _ => format!("step {} of the history", shown(name)),
            },
            "Take it out of the Dockerfile: give it to the step of the build that needs it by a mount that leaves \
             nothing behind.",
            mount("build_secret", None),
        ),
        _ if place.is_empty() => (
            "the image".to_owned(),
            "Give it to the step of the build that needs it by a mount that leaves nothing behind.",
            mount("build_secret", None),
        ),
        _ => {
            let path = place
                .split("!/")
                .next()
                .unwrap_or(place)
                .trim_start_matches('/');
            let name = path
                .rsplit('/')
                .next()
                .unwrap_or(path)
                .trim_start_matches('.');
            (
                shown(place),
                "Keep the file out of every stage that ends up in the image (.dockerignore, a multi-stage build): a \
                 later layer that deletes it leaves it in the one before. What a build needs comes in by a mount \
                 that leaves nothing behind.",
                mount(name, Some(path)),
            )
        }
    };
    Remediation {
        summary: format!(
            "First revoke {what} in {where_} and make a new one: it has to be taken as known. {build} Then rebuild, \
             and delete the images that hold it from the registry."
        ),
        command: Some(command),
        ..Remediation::default()
    }
}

/// `RUN --mount=type=secret,id=…`
fn mount(name: &str, path: Option<&str>) -> String {
    let mut id: String = name
        .chars()
        .map(|letter| match letter.is_ascii_alphanumeric() {
            true => letter.to_ascii_lowercase(),
            false => '_',
        })
        .take(40)
        .collect();
    if id.trim_matches('_').is_empty() {
        id = "build_secret".to_owned();
    }
    let target = path
        .and_then(plain)
        .filter(|path| !path.contains(".."))
        .map(|path| format!(",target=/{path}"))
        .unwrap_or_default();
    format!("RUN --mount=type=secret,id={id}{target} COMMAND")
}

fn misconfiguration(input: &Input<'_>) -> Remediation {
    let rule = input
        .rule
        .map(|rule| rule.rsplit('/').next().unwrap_or(rule));
    let Some(known) = rule.and_then(setup::of) else {
        return told(input.solution);
    };
    let file = input
        .place
        .map(|place| format!("/{}", place.trim_start_matches('/')))
        .and_then(|place| word(&place));
    let base = input.base.name.and_then(plain);
    let mut summary = known.summary.to_owned();
    if known.is_about_base
        && let Some(base) = base
    {
        summary.push_str(&format!(" The base image is {base}."));
    }
    Remediation {
        summary,
        command: known
            .line
            .map(|line| line.replace("FILE", file.as_deref().unwrap_or("FILE"))),
        ..Remediation::default()
    }
}

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;
