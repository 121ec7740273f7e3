//! What a component may import, and which versions of the contract this host speaks.

/// Versions of `ox:connector` that this host speaks, newest first.
pub(crate) const CONTRACT_VERSIONS: &[&str] = &["0.1.0"];

/// The package of the contract.
const CONTRACT: &str = "ox:connector";

/// Interfaces of the contract that a component may import.
const CONTRACT_IMPORTS: &[&str] = &["types", "sink", "log", "cache", "egress"];

/// Interfaces of WASI that are granted. `wasi:cli` and `wasi:filesystem` are there because language runtimes
/// import them; they are empty: no environment, no arguments, no folder, no terminal.
const GRANTED: &[(&str, &[&str])] = &[
    ("wasi:http", &["types", "outgoing-handler"]),
    ("wasi:io", &["poll", "error", "streams"]),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"]),
    ("wasi:random", &["random", "insecure", "insecure-seed"]),
    (
        "wasi:cli",
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("wasi:filesystem", &["types", "preopens"]),
];

/// The track of WASI that is granted; later ones of it are compatible.
const WASI_TRACK: &str = "0.2.";

/// Whether a component may import that name (`wasi:io/streams@0.2.12`).
pub(crate) fn is_granted(import: &str) -> bool {
    let Some((package, interface, version)) = split(import) else {
        return false;
    };
    if package == CONTRACT {
        return CONTRACT_IMPORTS.contains(&interface) && CONTRACT_VERSIONS.contains(&version);
    }
    version.starts_with(WASI_TRACK)
        && GRANTED
            .iter()
            .any(|(granted, interfaces)| *granted == package && interfaces.contains(&interface))
}

/// The version of the contract that a component exports.
pub(crate) fn contract_version<'a>(exports: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    exports.into_iter().find_map(|export| match split(export) {
        Some((CONTRACT, "connector", version)) => Some(version),
        _ => None,
    })
}

/// `package:name/interface@version`.
fn split(name: &str) -> Option<(&str, &str, &str)> {
    let (name, version) = name.split_once('@')?;
    let (package, interface) = name.split_once('/')?;
    Some((package, interface, version))
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_http_and_what_runtimes_drag_in_is_granted() {
        for import in [
            "ox:connector/sink@0.1.0",
            "ox:connector/types@0.1.0",
            "wasi:http/outgoing-handler@0.2.12",
            "wasi:io/streams@0.2.0",
            "wasi:cli/environment@0.2.6",
            "wasi:filesystem/preopens@0.2.12",
        ] {
            assert!(is_granted(import), "{import}");
        }
    }

    #[test]
    fn everything_else_is_not() {
        for import in [
            "wasi:sockets/tcp@0.2.12",
            "wasi:sockets/ip-name-lookup@0.2.12",
            "wasi:http/incoming-handler@0.2.12",
            "wasi:http/types@0.3.0",
            "wasi:cli/command@0.2.12",
            "wasi:keyvalue/store@0.2.0",
            "wasi:io/streams",
            "ox:connector/sink@0.2.0",
            "ox:connector/secrets@0.1.0",
            "evil",
            "",
            "@",
            "/@0.2.0",
        ] {
            assert!(!is_granted(import), "{import}");
        }
    }

    #[test]
    fn the_version_is_that_of_the_exported_connector() {
        assert_eq!(
            contract_version(["a:b/c@1.0.0", "ox:connector/connector@0.7.1"]),
            Some("0.7.1")
        );
        assert_eq!(contract_version(["ox:connector/sink@0.1.0", "run"]), None);
    }
}
