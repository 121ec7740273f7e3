//! What Red Hat and its kin ask for besides the order of versions: like is compared with like.
//!
//! Modules build a package several times, one stream beside the other, and versions of two streams say
//! nothing about one another; nor do those of a module and of the plain distribution. A version without a
//! release is not RPM's and is compared with none that has one.

/// True when an installed version may be compared with a boundary of a record.
pub(super) fn is_comparable(installed: &str, boundary: &str) -> bool {
    if matches!(boundary, "0" | "*") {
        return true;
    }
    match (has_release(installed), has_release(boundary)) {
        (false, true) => false,
        (true, true) => is_modular(installed) == is_modular(boundary),
        // SUSE's and others' records may name a bare version.
        (_, false) => true,
    }
}

fn has_release(version: &str) -> bool {
    version.contains('-')
}

/// Built for a module: `1.18.3-1.module_el8.3.0+2023+d2377ea3`, `….module+el8.1.0+2940+55ca6856`.
pub(super) fn is_modular(version: &str) -> bool {
    version.contains(".module_") || version.contains(".module+")
}

/// Module and stream of `rpm.modularity`, which goes on with version and context: `nodejs:10:8030…:229f0a1c`.
pub(super) fn stream(label: &str) -> Option<String> {
    let mut parts = label.split(':');
    let (module, stream) = (parts.next()?, parts.next()?);
    (!module.is_empty() && !stream.is_empty()).then(|| format!("{module}:{stream}"))
}

/// Module and stream that a record's summary names first, when the stream is a number: `nodejs`, `10`.
pub(super) fn numbered_stream(summary: &str) -> Option<(&str, &str)> {
    summary.split([' ', ',', '(', ')']).find_map(|word| {
        let (module, stream) = word.split_once(':')?;
        let is_number = stream.starts_with(|letter: char| letter.is_ascii_digit())
            && stream
                .chars()
                .all(|letter| letter.is_ascii_digit() || letter == '.');
        (!module.is_empty() && is_number).then_some((module, stream))
    })
}

/// True when a version, without its epoch, begins with the number of a stream: `1:10.19.0-1.module…` is of
/// `10`, and none of `12`.
pub(super) fn begins_with_stream(version: &str, stream: &str) -> bool {
    let version = version.split_once(':').map_or(version, |(_, rest)| rest);
    version
        .strip_prefix(stream)
        .is_some_and(|rest| !rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// True when a record's summary (`Important: nodejs:10 security update`) names another stream of the module.
pub(super) fn names_other_stream(summary: &str, stream: &str) -> bool {
    let Some((module, _)) = stream.split_once(':') else {
        return false;
    };
    let mut names_other = false;
    for word in summary.split([' ', ',', '(', ')']) {
        if word == stream {
            return false;
        }
        names_other |= word
            .strip_prefix(module)
            .and_then(|rest| rest.strip_prefix(':'))
            .is_some_and(|rest| !rest.is_empty());
    }
    names_other
}
