//! Programs that say what they are built of: those of Go, and those of Rust that `cargo auditable` built.
//!
//! A program may be larger than all the memory there is, so it goes by in a window and what matters is told
//! as it passes: tables that say where it is stand behind it in most formats. One cataloguer reads both,
//! for a file is read once and a program of one may hold parts of the other.

mod executable;
mod go;
mod linked;
mod modules;
mod rust;
mod window;

use std::io::{self, Read};

use memchr::memmem;

use self::executable::{Layout, Magic};
use super::{About, Cataloguer, File, Found, FoundPackage, Release};
use crate::contract::SkipReason;
use crate::image::{paths, purl};

/// Bytes of a program. The largest met in practice have 500 MB.
const MAX_FILE_BYTES: u64 = 4 << 30;
/// Bytes at the beginning in which UPX leaves its mark.
const UPX_BYTES: usize = 4096;

/// What follows the last dot in names of files that are no programs, though whole trees of them are marked
/// as such at times.
const NO_PROGRAMS: &[&str] = &[
    "a", "bat", "bz2", "c", "cc", "cer", "cfg", "cjs", "class", "cmd", "conf", "cpp", "crt", "csh",
    "css", "csv", "db", "el", "fish", "gif", "go", "gz", "h", "hpp", "htm", "html", "ico", "ini",
    "ipynb", "jar", "java", "jpeg", "jpg", "js", "json", "jsx", "key", "ksh", "la", "lock", "log",
    "lua", "map", "md", "mjs", "mo", "pdf", "pem", "php", "pl", "pm", "png", "po", "ps1", "py",
    "pyc", "pyi", "rb", "rs", "rst", "scss", "sh", "sql", "svg", "tar", "tcl", "tgz", "toml", "ts",
    "tsx", "ttf", "txt", "war", "whl", "woff", "woff2", "xml", "xz", "yaml", "yml", "zip", "zsh",
];

/// Reads programs.
pub struct Binary;

impl Cataloguer for Binary {
    fn id(&self) -> &'static str {
        "binary"
    }

    fn version(&self) -> u32 {
        2
    }

    fn about(&self) -> About {
        About {
            title: "Go programs, Rust programs (cargo auditable)",
            reads: "every ELF, PE and Mach-O file that may be run",
            tells: "modules with replacements, checksums and the packages of them that are linked, Go's own \
                    version, settings of the build",
        }
    }

    fn wants(&self, file: &File<'_>) -> bool {
        let extension = file.name.rsplit_once('.').map(|(_, extension)| extension);
        match extension {
            // On Windows the name says it.
            Some("exe") => true,
            Some(extension) => file.is_executable() && !NO_PROGRAMS.contains(&extension),
            None => file.is_executable(),
        }
    }

    fn recognises(&self, head: &[u8]) -> bool {
        Magic::of(head).is_some()
    }

    /// What takes the place of a program matters, whatever it is.
    fn holds(&self, key: &str) -> bool {
        let folder = paths::split(key).0;
        matches!(paths::split(folder).1, "bin" | "sbin" | "libexec" | "games")
    }

    fn max_file_bytes(&self) -> u64 {
        MAX_FILE_BYTES
    }

    fn parse(&self, file: &File<'_>, contents: &mut dyn Read, found: &mut Found) -> io::Result<()> {
        let mut go: Option<go::Watch> = None;
        let mut linked = linked::Watch::default();
        let mut rust = rust::Watch::new();
        window::pass(contents, file.size, |view| {
            go.get_or_insert_with(|| {
                let head = view.data.get(..UPX_BYTES).unwrap_or(view.data);
                if memmem::find(head, b"UPX!").is_some() {
                    found.note(
                        SkipReason::Unsupported,
                        "it is packed by UPX, so what it is built of can't be seen".to_owned(),
                    );
                }
                go::Watch::new(Layout::read(view.data))
            })
            .see(view);
            linked.see(view);
            rust.see(view, found);
        })?;
        if let Some(info) = go.and_then(|go| go.finish(found)) {
            modules::packages(&info, linked.finish().as_deref(), found);
        }
        rust.finish(found);
        Ok(())
    }

    fn purl(&self, package: &FoundPackage, _release: Option<&Release>) -> String {
        let version = Some(package.version.as_str());
        if package.format.as_deref() == Some(rust::FORMAT) {
            return purl::format("cargo", "", &package.name, version, &[], "");
        }
        // The specification has Go's names in lower case.
        let name = package.name.to_lowercase();
        let (namespace, name) = paths::split(&name);
        purl::format("golang", namespace, name, version, &[], "")
    }
}

#[cfg(test)]
mod linked_tests;
#[cfg(test)]
mod tests;
