//! Rules about the config and the history of an image.

use super::rules::{
    ADD_NOT_COPY, ADD_URL, CHMOD_777, LATEST_ONLY, NO_HEALTHCHECK, OLD_BASE, OS_ENDED,
    OS_ENDS_SOON, PIPE_TO_SHELL, PRIVILEGED_PORT, ROOT_USER, UNSIGNED,
};
use super::{Inspected, MAX_PLACES, Told, clip, count, eol, pair, shell};
use crate::contract::{Attribute, ConfigFacts, Severity};
use crate::image::base;
use crate::image::step::{Instruction, Step};
use crate::time;

/// Days after which a base image is old.
pub const OLD_BASE_DAYS: u32 = 180;
/// Ports below need a privilege, where the platform does not lower the limit.
const FIRST_FREE_PORT: u16 = 1024;
/// The port of SSH, which has a rule of its own.
pub(super) const SSH_PORT: u16 = 22;

/// Judges config, history, tags and operating system.
pub(super) fn judge(inspected: &Inspected<'_>, told: &mut Vec<Told>) {
    let image = inspected.image;
    if is_known(&image.config) {
        told.extend(root_user(inspected));
        told.extend(privileged_ports(&image.config));
        told.extend(no_healthcheck(inspected));
    }
    steps(inspected, told);
    told.extend(end_of_life(inspected));
    told.extend(old_base(inspected));
    if image.tags == ["latest"] {
        let seen = "Only the tag latest leads to this image.".to_owned();
        told.push(Told::new(&LATEST_ONLY, seen).evidence(vec![pair("tag", "latest")]));
    }
    if inspected.signed == Some(false) {
        let seen = "Signatures stand beside other images of the repository, and none for this one.";
        told.push(Told::new(&UNSIGNED, seen.to_owned()));
    }
}

/// A config that could not be read looks like one without settings. One that really has none tells no more.
fn is_known(config: &ConfigFacts) -> bool {
    !(config.history.is_empty()
        && config.entrypoint.is_empty()
        && config.command.is_empty()
        && config.env_names.is_empty()
        && config.user.is_empty())
}

fn root_user(inspected: &Inspected<'_>) -> Option<Told> {
    let user = inspected.image.config.user.trim();
    let name = user.split(':').next().unwrap_or_default();
    let is_root = if inspected.is_windows() {
        // Which user an empty one is depends on the Windows that it is built on.
        name.eq_ignore_ascii_case("ContainerAdministrator")
    } else {
        name.is_empty() || name == "root" || (name.parse() == Ok(0_u64))
    };
    if !is_root {
        return None;
    }
    let seen = if user.is_empty() {
        "No step sets a USER, so its processes are root.".to_owned()
    } else {
        format!("USER is {user}.")
    };
    Some(Told::new(&ROOT_USER, seen).evidence(vec![pair("user", user)]))
}

/// The ports that `EXPOSE` lists (`80/tcp`, `8000-8010`): the first of each range.
pub(super) fn ports(config: &ConfigFacts) -> impl Iterator<Item = (u16, &str)> {
    config.exposed_ports.iter().filter_map(|exposed| {
        let number = exposed.split(['/', '-']).next()?;
        Some((number.parse().ok()?, exposed.as_str()))
    })
}

fn privileged_ports(config: &ConfigFacts) -> Option<Told> {
    let found: Vec<&str> = ports(config)
        .filter(|(port, _)| (1..FIRST_FREE_PORT).contains(port) && *port != SSH_PORT)
        .map(|(_, exposed)| exposed)
        .collect();
    if found.is_empty() {
        return None;
    }
    let shown: Vec<&str> = found.iter().copied().take(MAX_PLACES).collect();
    let evidence = shown.iter().map(|port| pair("port", *port)).collect();
    let seen = format!("It exposes {}.", shown.join(", "));
    Some(Told::new(&PRIVILEGED_PORT, seen).evidence(evidence))
}

fn no_healthcheck(inspected: &Inspected<'_>) -> Option<Told> {
    let config = &inspected.image.config;
    let steps = || config.history.iter().map(Step::of);
    // Only Dockerfiles have it, so nothing is told of others.
    if !steps().any(|step| step.tool.reads_dockerfiles()) || starts_a_shell(config) {
        return None;
    }
    let last = steps().rfind(|step| step.instruction == Instruction::Healthcheck);
    match last {
        None => Some(Told::new(
            &NO_HEALTHCHECK,
            "No step of the history is a HEALTHCHECK.".to_owned(),
        )),
        Some(step) if step.rest.contains("NONE") => {
            let seen = "The last HEALTHCHECK of the history is NONE.".to_owned();
            Some(Told::new(&NO_HEALTHCHECK, seen).evidence(vec![pair("command", clip(step.rest))]))
        }
        Some(_) => None,
    }
}

/// True for images to build upon: by themselves they start nothing but a shell.
fn starts_a_shell(config: &ConfigFacts) -> bool {
    let started: Vec<&String> = config.entrypoint.iter().chain(&config.command).collect();
    match started.as_slice() {
        [] => true,
        [one] => matches!(
            one.rsplit('/').next(),
            Some("sh" | "bash" | "ash" | "dash" | "zsh")
        ),
        _ => false,
    }
}

/// Commands that one rule is about.
#[derive(Default)]
struct Found {
    commands: Vec<String>,
    all: u64,
    unprotected: bool,
}

impl Found {
    fn note(&mut self, command: &str) {
        self.all = self.all.saturating_add(1);
        if self.commands.len() < MAX_PLACES {
            self.commands.push(clip(command));
        }
    }

    fn evidence(&self) -> Vec<Attribute> {
        let mut evidence: Vec<Attribute> = self
            .commands
            .iter()
            .map(|command| pair("command", command.clone()))
            .collect();
        let more = self.all.saturating_sub(self.commands.len() as u64);
        if more > 0 {
            evidence.push(pair("more", more.to_string()));
        }
        evidence
    }

    fn steps(&self) -> String {
        match self.all {
            1 => "1 step does".to_owned(),
            all => format!("{all} steps do"),
        }
    }
}

/// Rules about the steps that are not the base image's.
fn steps(inspected: &Inspected<'_>, told: &mut Vec<Told>) {
    let (mut piped, mut urls, mut copies, mut chmods) = (
        Found::default(),
        Found::default(),
        Found::default(),
        Found::default(),
    );
    for history in inspected.own_steps() {
        let step = Step::of(history);
        match step.instruction {
            Instruction::Run => {
                if let Some(found) = shell::piped_to_shell(step.rest) {
                    piped.unprotected |= found.unprotected;
                    piped.note(found.command);
                }
                if let Some(found) = shell::chmod_for_all(step.rest) {
                    chmods.note(found);
                }
            }
            Instruction::Add | Instruction::Copy => {
                if step.flag("chmod").is_some_and(shell::lets_all_write) {
                    chmods.note(&history.command);
                }
                if step.instruction == Instruction::Add {
                    add(&step, &history.command, &mut urls, &mut copies);
                }
            }
            _ => {}
        }
    }
    if piped.all > 0 {
        let severity = if piped.unprotected {
            Severity::Medium
        } else {
            PIPE_TO_SHELL.severity
        };
        let how = if piped.unprotected {
            ", and not even the server it comes from is checked"
        } else {
            ""
        };
        let seen = format!("{} so{how}.", piped.steps());
        told.push(
            Told::new(&PIPE_TO_SHELL, seen)
                .severity(severity)
                .evidence(piped.evidence()),
        );
    }
    if urls.all > 0 {
        let severity = if urls.unprotected {
            Severity::Medium
        } else {
            ADD_URL.severity
        };
        told.push(
            Told::new(&ADD_URL, format!("{} so.", urls.steps()))
                .severity(severity)
                .evidence(urls.evidence()),
        );
    }
    if copies.all > 0 {
        let seen = format!("{} so.", copies.steps());
        told.push(Told::new(&ADD_NOT_COPY, seen).evidence(copies.evidence()));
    }
    // Where all layers were read the files themselves tell, and better: the bits may be gone again.
    if chmods.all > 0 && !inspected.image.complete {
        let seen = format!("{} so, and not all layers could be read.", chmods.steps());
        told.push(Told::new(&CHMOD_777, seen).evidence(chmods.evidence()));
    }
}

fn add(step: &Step<'_>, command: &str, urls: &mut Found, copies: &mut Found) {
    let Some((sources, _)) = step.operands() else {
        return;
    };
    if sources.iter().any(|source| is_remote(source)) {
        // (The history of BuildKit leaves the flag out; others keep it.)
        if step.flag("checksum").is_none() {
            urls.unprotected |= sources.iter().any(|source| {
                source.starts_with("http://")
                    || source.starts_with("ftp://")
                    || source.starts_with("git://")
            });
            urls.note(command);
        }
        return;
    }
    // The classic builder keeps the digest of a file and not its name, which may be an archive's.
    let needs_add = |source: &String| {
        base::is_archive(source) || source.starts_with("file:") || source.starts_with("multi:")
    };
    if !sources.iter().any(needs_add) {
        copies.note(command);
    }
}

fn is_remote(source: &str) -> bool {
    ["http://", "https://", "ftp://", "git://", "git@", "ssh://"]
        .iter()
        .any(|scheme| source.starts_with(scheme))
}

fn end_of_life(inspected: &Inspected<'_>) -> Option<Told> {
    let os = inspected.image.operating_system.as_ref()?;
    let (distribution, release) = eol::find(os)?;
    let name = format!("{} {}", distribution.title, release.version);
    let ends = release.ends;
    let (rule, severity, title, seen) = match release.standing(eol::day(inspected.now)?) {
        eol::Standing::Supported => return None,
        eol::Standing::EndsIn(days) => (
            &OS_ENDS_SOON,
            OS_ENDS_SOON.severity,
            format!("{name} is near its end of life"),
            format!(
                "Support of {name} ends on {ends}, in {}.",
                count(u64::try_from(days).ok()?, "day")
            ),
        ),
        eol::Standing::EndedUnless(until) => (
            &OS_ENDED,
            Severity::Medium,
            format!("{name} is past its end of life"),
            format!(
                "Support of {name} ended on {ends}; with {} there are fixes until {until}.",
                distribution.extension
            ),
        ),
        eol::Standing::Ended => (
            &OS_ENDED,
            OS_ENDED.severity,
            format!("{name} is past its end of life"),
            format!("Support of {name} ended on {ends}."),
        ),
    };
    let mut told = Told::new(rule, seen)
        .severity(severity)
        .evidence(vec![pair("release", name), pair("ends", ends.to_string())]);
    told.title = Some(title);
    told.source = Some(distribution.source);
    Some(told)
}

fn old_base(inspected: &Inspected<'_>) -> Option<Told> {
    let known = inspected.base.filter(|base| base.layers > 0)?;
    let made = base::created(&inspected.image.config, known.layers)?;
    if !time::is_older_than(made, OLD_BASE_DAYS, inspected.now) {
        return None;
    }
    let days = time::days_until(made, inspected.now)?.unsigned_abs();
    let mut evidence = vec![
        pair("created", made.to_string()),
        pair("days", days.to_string()),
        pair("layers", known.layers.to_string()),
    ];
    let name = known.name.as_deref().unwrap_or("The base image");
    evidence.extend(known.name.iter().map(|name| pair("base", name.clone())));
    let lowest = match known.layers {
        1 => "lowest layer".to_owned(),
        layers => format!("lowest {layers} layers"),
    };
    let seen = format!(
        "{name} was made {} ago (the {lowest}: {}).",
        count(days, "day"),
        known.why
    );
    Some(Told::new(&OLD_BASE, seen).evidence(evidence))
}
