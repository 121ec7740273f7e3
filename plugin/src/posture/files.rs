//! Rules about permissions of files, and about what a build left behind.

use super::config::{SSH_PORT, ports};
use super::rules::{
    DOCKER_SOCKET, GIT_FOLDER, PACKAGE_CACHE, Rule, SET_UID, SET_UID_BASE, SET_UID_SHELL,
    SHELL_HISTORY, SSH_HOST_KEY, SSH_SERVER, WORLD_WRITABLE,
};
use super::traces::{Left, LeftKind, Special};
use super::{Inspected, MAX_PLACES, Told, clip, count, pair};
use crate::contract::{Attribute, Severity};
use crate::image::paths;

/// Caches smaller than this are not worth a word.
const MIN_CACHE_BYTES: u64 = 1 << 20;

/// Judges files.
pub(super) fn judge(inspected: &Inspected<'_>, told: &mut Vec<Told>) {
    permissions(inspected, told);
    told.extend(package_caches(inspected));
    left_behind(inspected, told);
}

fn permissions(inspected: &Inspected<'_>, told: &mut Vec<Told>) {
    let known = inspected.base.is_some();
    let mut shells = Vec::new();
    let mut added = Vec::new();
    let mut brought = Vec::new();
    let mut writable = Vec::new();
    for (layer, special) in inspected.special {
        let at = (*layer, special);
        if special.sets_id() {
            if gives_root(special) {
                shells.push(at);
            } else if known && inspected.is_own(*layer) {
                added.push(at);
            } else {
                brought.push(at);
            }
        }
        if special.is_writable() && inspected.is_own(*layer) {
            writable.push(at);
        }
    }
    // What was only counted may be of either kind; the base image's is nobody's fault.
    let more = inspected
        .traces
        .iter()
        .zip(0..)
        .filter(|(_, layer)| inspected.is_own(*layer))
        .fold(0, |sum: u64, (traces, _)| {
            sum.saturating_add(traces.more_special)
        });
    if !shells.is_empty() {
        let seen = format!("{} so: {}.", does(&shells), names(&shells));
        told.push(Told::new(&SET_UID_SHELL, seen).evidence(files(inspected, &shells, 0)));
    }
    if !added.is_empty() {
        let seen = format!(
            "The layers above the base image hold {}: {}.",
            programs(&added),
            names(&added)
        );
        told.push(Told::new(&SET_UID, seen).evidence(files(inspected, &added, more)));
    }
    if !brought.is_empty() {
        let seen = if known {
            format!("It brings {}: {}.", programs(&brought), names(&brought))
        } else {
            format!(
                "The image holds {} ({}); which layers are the base image's is not known.",
                programs(&brought),
                names(&brought)
            )
        };
        let mut one = Told::new(&SET_UID_BASE, seen).evidence(files(inspected, &brought, 0));
        if !known {
            one.title = Some("The image holds set-uid or set-gid programs".to_owned());
        }
        told.push(one);
    }
    if !writable.is_empty() {
        let severity = if writable.iter().any(|(_, special)| is_program(special)) {
            Severity::Medium
        } else {
            WORLD_WRITABLE.severity
        };
        let number = match writable.len() {
            1 => "1 is".to_owned(),
            number => format!("{number} are"),
        };
        let seen = format!("{number} so: {}.", names(&writable));
        told.push(
            Told::new(&WORLD_WRITABLE, seen)
                .severity(severity)
                .evidence(files(inspected, &writable, more)),
        );
    }
}

type At<'i> = (u32, &'i Special);

fn does(found: &[At<'_>]) -> String {
    match found.len() {
        1 => "1 program does".to_owned(),
        number => format!("{number} programs do"),
    }
}

fn programs(found: &[At<'_>]) -> String {
    count(found.len() as u64, "set-uid or set-gid program")
}

/// The first names.
fn names(found: &[At<'_>]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = found
        .iter()
        .take(SHOWN)
        .map(|(_, special)| format!("/{}", special.path))
        .collect();
    let more = found.len().saturating_sub(SHOWN);
    match more {
        0 => shown.join(", "),
        _ => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Files with their permissions, each behind the layer that holds it and its command.
fn files(inspected: &Inspected<'_>, found: &[At<'_>], more: u64) -> Vec<Attribute> {
    let mut found: Vec<At<'_>> = found.to_vec();
    found.sort_by(|one, other| (one.0, &one.1.path).cmp(&(other.0, &other.1.path)));
    let mut evidence = Vec::new();
    let mut present = None;
    for (layer, special) in found.iter().take(MAX_PLACES) {
        if present != Some(*layer) {
            present = Some(*layer);
            evidence.extend(layer_of(inspected, *layer));
        }
        evidence.push(pair("path", format!("/{}", special.path)));
        evidence.push(pair("mode", format!("{:04o}", special.mode)));
        evidence.push(pair("uid", special.uid.to_string()));
    }
    let more = more.saturating_add(found.len().saturating_sub(MAX_PLACES) as u64);
    if more > 0 {
        evidence.push(pair("more", more.to_string()));
    }
    if inspected.traces.iter().any(|traces| traces.cut) {
        let why = "a layer holds more files than are compared: some of these may be replaced by it";
        evidence.push(pair("note", why));
    }
    evidence
}

fn layer_of(inspected: &Inspected<'_>, layer: u32) -> Vec<Attribute> {
    let layer = usize::try_from(layer).unwrap_or(usize::MAX);
    let Some(layer) = inspected.image.layers.get(layer) else {
        return Vec::new();
    };
    let mut evidence = vec![pair("layer", layer.digest.clone())];
    if let Some(command) = &layer.command {
        evidence.push(pair("layer.command", clip(command)));
    }
    evidence
}

/// True for programs that hand the rights of root to whoever starts them: shells, interpreters, and tools
/// that start others or write any file.
fn gives_root(special: &Special) -> bool {
    const NAMES: &[&str] = &[
        "ash", "awk", "bash", "busybox", "cat", "chmod", "chown", "cp", "csh", "curl", "dash",
        "dd", "docker", "ed", "emacs", "env", "expect", "find", "fish", "gawk", "gdb", "git",
        "ksh", "less", "lua", "make", "mawk", "more", "mv", "nano", "nc", "ncat", "nice", "nmap",
        "node", "perl", "php", "python", "rsync", "ruby", "sed", "sh", "socat", "strace", "tar",
        "tclsh", "tcsh", "tee", "timeout", "vi", "vim", "wget", "xargs", "zsh",
    ];
    let is_root_for_all =
        special.mode & 0o4000 != 0 && special.mode & 0o001 != 0 && special.uid == 0;
    let name = paths::split(&special.path).1;
    let name = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    is_root_for_all && NAMES.contains(&name.trim_end_matches('-'))
}

/// True for what programs are made of: whoever may write it decides what others run.
fn is_program(special: &Special) -> bool {
    !special.folder
        && ["bin/", "sbin/", "lib/", "lib64/", "usr/", "etc/", "opt/"]
            .iter()
            .any(|folder| special.path.starts_with(folder))
}

fn package_caches(inspected: &Inspected<'_>) -> Option<Told> {
    let mut evidence = Vec::new();
    let mut parts: Vec<(&str, u64)> = Vec::new();
    let (mut bytes, mut was_removed) = (0_u64, false);
    for (traces, layer) in inspected.traces.iter().zip(0_u32..) {
        if traces.caches.is_empty() || !inspected.is_own(layer) {
            continue;
        }
        evidence.extend(layer_of(inspected, layer));
        for cache in &traces.caches {
            let (what, instead) = cache.kind.about();
            bytes = bytes.saturating_add(cache.bytes);
            was_removed |= cache.removed.is_some();
            evidence.push(pair("cache", what));
            evidence.push(pair("files", cache.files.to_string()));
            evidence.push(pair("bytes", cache.bytes.to_string()));
            evidence.push(pair("instead", instead));
            match parts.iter_mut().find(|(known, _)| *known == what) {
                Some((_, sum)) => *sum = sum.saturating_add(cache.bytes),
                None => parts.push((what, cache.bytes)),
            }
        }
    }
    if bytes < MIN_CACHE_BYTES {
        return None;
    }
    parts.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let parts: Vec<String> = parts
        .iter()
        .map(|(what, bytes)| format!("{what} ({})", size(*bytes)))
        .collect();
    let after = if was_removed {
        " A later step removes some of it, which does not make the image smaller."
    } else {
        ""
    };
    let seen = format!("{} unpacked: {}.{after}", size(bytes), parts.join(", "));
    Some(Told::new(&PACKAGE_CACHE, seen).evidence(evidence))
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    const MEGABYTE: u64 = 1_000_000;
    match bytes {
        MEGABYTE.. => format!("{}.{} MB", bytes / MEGABYTE, bytes % MEGABYTE / 100_000),
        _ => format!("{} kB", bytes / 1000),
    }
}

/// Where something of one kind was left.
fn places<'i>(inspected: &Inspected<'i>, kind: LeftKind, only_own: bool) -> Vec<(u32, &'i Left)> {
    inspected
        .traces
        .iter()
        .zip(0_u32..)
        .filter(|(_, layer)| !only_own || inspected.is_own(*layer))
        .flat_map(|(traces, layer)| traces.left.iter().map(move |left| (layer, left)))
        .filter(|(_, left)| left.kind == kind)
        .collect()
}

/// A finding on things that stay in their layer, removed or not.
fn stays(
    inspected: &Inspected<'_>,
    rule: &'static Rule,
    kind: LeftKind,
    only_own: bool,
) -> Option<Told> {
    let found = places(inspected, kind, only_own);
    let (_, first) = found.first()?;
    let more = match found.len() - 1 {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let removed = if found.iter().all(|(_, left)| left.removed.is_some()) {
        " A later layer removes it, and the layer that brought it is still pulled with the image."
    } else {
        ""
    };
    let seen = format!("/{}{more}.{removed}", first.path);
    Some(Told::new(rule, seen).evidence(left_evidence(inspected, &found)))
}

fn left_evidence(inspected: &Inspected<'_>, found: &[(u32, &Left)]) -> Vec<Attribute> {
    let mut evidence = Vec::new();
    let mut present = None;
    for (layer, left) in found.iter().take(MAX_PLACES) {
        if present != Some(*layer) {
            present = Some(*layer);
            evidence.extend(layer_of(inspected, *layer));
        }
        evidence.push(pair("path", format!("/{}", left.path)));
        let by = left
            .removed
            .and_then(|by| inspected.image.layers.get(usize::try_from(by).ok()?));
        evidence.extend(by.map(|by| pair("removed-by", by.digest.clone())));
    }
    let more = found.len().saturating_sub(MAX_PLACES);
    if more > 0 {
        evidence.push(pair("more", more.to_string()));
    }
    let counted = inspected
        .traces
        .iter()
        .fold(0, |sum: u64, traces| sum.saturating_add(traces.more_left));
    if counted > 0 && !evidence.is_empty() {
        let note = format!("{counted} more files of this and other kinds were only counted");
        evidence.push(pair("note", note));
    }
    evidence
}

fn left_behind(inspected: &Inspected<'_>, told: &mut Vec<Told>) {
    told.extend(ssh_server(inspected));
    told.extend(stays(inspected, &SSH_HOST_KEY, LeftKind::HostKey, false));
    told.extend(stays(inspected, &SHELL_HISTORY, LeftKind::History, false));
    told.extend(stays(inspected, &GIT_FOLDER, LeftKind::Git, true));
    let volume = inspected
        .image
        .config
        .volumes
        .iter()
        .find(|volume| volume.ends_with("/docker.sock"));
    let socket = stays(inspected, &DOCKER_SOCKET, LeftKind::DockerSocket, false);
    told.extend(volume.map_or(socket, |volume| {
        let seen = format!("It has a volume {volume}.");
        Some(Told::new(&DOCKER_SOCKET, seen).evidence(vec![pair("volume", clip(volume))]))
    }));
}

fn ssh_server(inspected: &Inspected<'_>) -> Option<Told> {
    let mut found = places(inspected, LeftKind::SshServer, false);
    // One that was removed can't be started.
    found.retain(|(_, left)| left.removed.is_none());
    let port = ports(&inspected.image.config)
        .find(|(port, _)| *port == SSH_PORT)
        .map(|(_, exposed)| exposed);
    let mut evidence = left_evidence(inspected, &found);
    evidence.extend(port.map(|port| pair("port", port)));
    let (seen, severity) = match (found.first(), port) {
        (None, None) => return None,
        (Some((_, left)), None) => (format!("It is /{}.", left.path), SSH_SERVER.severity),
        (Some((_, left)), Some(port)) => (
            format!(
                "It is /{}, and the image exposes its port {port}.",
                left.path
            ),
            Severity::Medium,
        ),
        (None, Some(port)) => (
            format!("The image exposes its port {port}."),
            SSH_SERVER.severity,
        ),
    };
    Some(
        Told::new(&SSH_SERVER, seen)
            .severity(severity)
            .evidence(evidence),
    )
}
