//! The target's standard library, built from Debian's packages `rust-src` and `wasi-libc`.
//!
//! apt gets a source list, package lists and a cache of its own in a temporary folder; the mirrors are
//! those that the machine's own list names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::{QUICK, SLOW, TARGET, compiler_version};
use crate::process::{exists, run};

/// Files of wasi-libc that the linker wants beside the libraries.
const C_FILES: [&str; 3] = ["libc.a", "crt1-command.o", "crt1-reactor.o"];

/// Where new compilers appear, whatever release the machine runs: both packages are the same for all of
/// them (`Architecture: all`).
const SUITES: [&str; 3] = ["trixie-backports", "stable-backports", "sid"];

/// Builds the library and puts it where rustc looks.
pub(super) fn build(folder: &Path) -> anyhow::Result<()> {
    for program in ["apt-get", "apt-cache", "dpkg"] {
        if !exists(program) {
            bail!("this is no Debian: there is no {program}");
        }
    }
    if folder.exists() {
        bail!(
            "{} holds an incomplete library; remove it first",
            folder.display()
        );
    }
    let version = compiler_version()?;
    let work = tempfile::tempdir().context("can't make a temporary folder")?;
    let apt = Apt::set_up(work.path())?;
    apt.update()?;
    let sources = apt
        .version("rust-src", Some(&format!("{version}+")))
        .with_context(|| {
            format!(
                "no mirror has the sources of exactly the compiler's version, rust-src {version}"
            )
        })?;
    let libc = apt
        .version("wasi-libc", None)
        .context("no mirror has wasi-libc")?;
    let unpacked = work.path().join("unpacked");
    apt.unpack(
        &[format!("rust-src={sources}"), format!("wasi-libc={libc}")],
        &unpacked,
    )?;

    let library = library_sources(&unpacked)?;
    // Libraries left by an earlier build break every later one (E0464), so the folder is always a new one.
    let built = work.path().join("built");
    let mut cargo = Command::new("cargo");
    crate::component::clean_environment(&mut cargo);
    cargo
        .current_dir(&library)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("__CARGO_DEFAULT_LIB_METADATA", "stablestd")
        .env(
            "RUSTFLAGS",
            "-Zforce-unstable-if-unmarked -Cembed-bitcode=yes",
        )
        .args([
            "build",
            "--release",
            "--manifest-path",
            "sysroot/Cargo.toml",
        ])
        .args([
            "--features",
            "panic-unwind",
            "--target",
            TARGET,
            "--target-dir",
        ])
        .arg(&built);
    run(
        "building Rust's standard library for wasm32-wasip2 (less than a minute)",
        &mut cargo,
        SLOW,
    )?;
    let c_library = unpacked.join("usr/lib").join(TARGET);
    install(&built.join(TARGET).join("release/deps"), &c_library, folder)
}

/// Copies into a folder beside, which then gets its name at once: an interrupted copy is never found.
fn install(built: &Path, c_library: &Path, folder: &Path) -> anyhow::Result<()> {
    let parent = folder
        .parent()
        .context("the folder of the libraries has no parent")?;
    let writable = || format!("can't write to {}", parent.display());
    fs::create_dir_all(parent).with_context(writable)?;
    let staged = tempfile::tempdir_in(parent).with_context(writable)?;
    let libraries = fs::read_dir(built)?.flatten().map(|entry| entry.path());
    for library in libraries.filter(|path| {
        path.extension()
            .is_some_and(|extension| extension == "rlib")
    }) {
        let name = library.file_name().context("a library without a name")?;
        fs::copy(&library, staged.path().join(name))?;
    }
    let own = staged.path().join("self-contained");
    fs::create_dir(&own)?;
    for file in C_FILES {
        let from = c_library.join(file);
        fs::copy(&from, own.join(file)).with_context(|| format!("wasi-libc has no {file}"))?;
    }
    let staged = staged.keep();
    // A temporary folder is its owner's only.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&staged, fs::Permissions::from_mode(0o755))?;
    }
    fs::rename(&staged, folder).with_context(writable)
}

/// The folder `library` of the unpacked `rust-src`.
fn library_sources(unpacked: &Path) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(unpacked.join("usr/src")).context("rust-src has no sources")?;
    entries
        .flatten()
        .map(|entry| entry.path().join("library"))
        .find(|library| library.join("sysroot/Cargo.toml").is_file())
        .context("rust-src has no library/sysroot/Cargo.toml")
}

/// apt with everything of its own but the mirrors and the way to them.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn set_up(work: &Path) -> anyhow::Result<Self> {
        let folder = work.join("apt");
        for part in ["lists/partial", "cache/archives/partial", "download"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let codename = codename(
            &fs::read_to_string("/etc/os-release").context("there is no /etc/os-release")?,
        )
        .context("/etc/os-release names no release")?;
        let mirrors = mirrors(&own_lists(), &codename);
        if mirrors.is_empty() {
            bail!("the machine's apt sources name no mirror of Debian {codename}");
        }
        let mut list = String::new();
        for Mirror { options, address } in &mirrors {
            for suite in SUITES {
                list.push_str(&format!("deb {options}{address} {suite} main\n"));
            }
        }
        fs::write(folder.join("sources.list"), list)?;
        Ok(Self { folder })
    }

    fn command(&self, program: &str) -> Command {
        let folder = self.folder.display();
        let mut command = Command::new(program);
        for option in [
            format!("Dir::Etc::sourcelist={folder}/sources.list"),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            format!("Dir::State::lists={folder}/lists"),
            format!("Dir::Cache={folder}/cache"),
            // The temporary folder is its owner's only, so the downloads are too.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::Retries=2".to_owned(),
            "Acquire::http::Timeout=20".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        command
    }

    /// A mirror need not have every suite; what matters is what can be found afterwards.
    fn update(&self) -> anyhow::Result<()> {
        let mut command = self.command("apt-get");
        command.args(["-q", "update"]);
        let outcome = run(
            "looking for rust-src and wasi-libc on Debian's mirrors",
            &mut command,
            SLOW,
        );
        let found = fs::read_dir(self.folder.join("lists"))?.flatten().count() > 1;
        if found { Ok(()) } else { outcome.map(drop) }
    }

    /// The first version of the package that the mirrors have and that begins with `prefix`.
    fn version(&self, package: &str, prefix: Option<&str>) -> Option<String> {
        let mut command = self.command("apt-cache");
        command.args(["madison", package]);
        let table = run("choosing versions", &mut command, QUICK).ok()?;
        let versions = table
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(str::trim);
        versions
            .filter(|version| prefix.is_none_or(|prefix| version.starts_with(prefix)))
            .map(str::to_owned)
            .next()
    }

    fn unpack(&self, packages: &[String], to: &Path) -> anyhow::Result<()> {
        let download = self.folder.join("download");
        let mut command = self.command("apt-get");
        command
            .args(["-q", "download"])
            .args(packages)
            .current_dir(&download);
        run("downloading rust-src and wasi-libc", &mut command, SLOW)?;
        for package in fs::read_dir(&download)?.flatten() {
            let mut command = Command::new("dpkg");
            command.arg("-x").arg(package.path()).arg(to);
            run("unpacking a package", &mut command, SLOW)?;
        }
        Ok(())
    }
}

/// One mirror of the machine's list: its address, and its options as they stand in a one-line entry.
#[derive(Debug, PartialEq, Eq)]
struct Mirror {
    options: String,
    address: String,
}

/// The machine's own lists, in both of their forms.
fn own_lists() -> Vec<String> {
    let folder = Path::new("/etc/apt");
    let parts = fs::read_dir(folder.join("sources.list.d"))
        .into_iter()
        .flatten()
        .flatten();
    let mut files: Vec<PathBuf> = parts.map(|entry| entry.path()).collect();
    files.sort();
    files.insert(0, folder.join("sources.list"));
    files.retain(|file| {
        file.extension()
            .is_some_and(|form| form == "list" || form == "sources")
    });
    files
        .iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .collect()
}

/// The mirrors in those lists that have packages of the release itself; those of security updates and of
/// other vendors have neither backports nor sid.
fn mirrors(lists: &[String], codename: &str) -> Vec<Mirror> {
    let mut found = Vec::new();
    for list in lists {
        for entry in list
            .lines()
            .filter_map(one_line)
            .chain(list.split("\n\n").filter_map(stanza))
        {
            let Entry {
                options,
                addresses,
                suites,
                components,
            } = entry;
            let of_release = suites.iter().any(|suite| {
                let suite = suite.trim_end_matches('/');
                suite == codename || suite == "stable" || suite == format!("{codename}-updates")
            });
            if !of_release || !components.iter().any(|component| component == "main") {
                continue;
            }
            for address in addresses {
                let mirror = Mirror {
                    options: options.clone(),
                    address,
                };
                if !found.contains(&mirror) {
                    found.push(mirror);
                }
            }
        }
    }
    found
}

struct Entry {
    options: String,
    addresses: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
}

/// `deb [signed-by=…] http://… trixie main`
fn one_line(line: &str) -> Option<Entry> {
    let rest = line.trim().strip_prefix("deb ")?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(inside) => {
            let (options, rest) = inside.split_once(']')?;
            (format!("[{options}] "), rest)
        }
        None => (String::new(), rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(Entry {
        options,
        addresses: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.take_while(|word| !word.starts_with('#')).collect(),
    })
}

/// The same as a stanza of fields.
fn stanza(text: &str) -> Option<Entry> {
    let field = |name: &str| {
        text.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.trim_end()
                .eq_ignore_ascii_case(name)
                .then(|| value.trim())
        })
    };
    let words = |name: &str| -> Vec<String> {
        field(name)
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    if !words("Types").iter().any(|kind| kind == "deb") || field("Enabled") == Some("no") {
        return None;
    }
    let mut options = Vec::new();
    // A key that is written out in the stanza can't be repeated in one line; apt then uses its own keys.
    if let Some(key) = field("Signed-By").filter(|key| key.starts_with('/')) {
        options.push(format!("signed-by={key}"));
    }
    if let Some(trusted) = field("Trusted") {
        options.push(format!("trusted={trusted}"));
    }
    let options = if options.is_empty() {
        String::new()
    } else {
        format!("[{}] ", options.join(" "))
    };
    Some(Entry {
        options,
        addresses: words("URIs"),
        suites: words("Suites"),
        components: words("Components"),
    })
}

fn codename(os_release: &str) -> Option<String> {
    let value = os_release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    Some(value.trim().trim_matches('"').to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn mirror(options: &str, address: &str) -> Mirror {
        Mirror {
            options: options.to_owned(),
            address: address.to_owned(),
        }
    }

    #[test]
    fn mirrors_are_read_from_one_line_entries() {
        let list = "# deb http://old.example/debian trixie main\n\
                    deb http://one.example/debian trixie main contrib # ours\n\
                    deb [arch=amd64 signed-by=/k.gpg] https://two.example/debian/ trixie main\n\
                    deb-src http://three.example/debian trixie main\n\
                    deb http://one.example/debian trixie-updates main\n\
                    deb http://security.example/debian-security trixie-security main\n\
                    deb http://vendor.example/apt any stable-things\n";
        assert_eq!(
            mirrors(&[list.to_owned()], "trixie"),
            [
                mirror("", "http://one.example/debian"),
                mirror(
                    "[arch=amd64 signed-by=/k.gpg] ",
                    "https://two.example/debian/"
                ),
            ]
        );
    }

    #[test]
    fn mirrors_are_read_from_stanzas() {
        let list = "Types: deb deb-src\nURIs: http://one.example/debian\nSuites: trixie trixie-updates\n\
                    Components: main\nSigned-By: /usr/share/keyrings/k.gpg\n\n\
                    Types: deb\nURIs: http://one.example/debian-security\nSuites: trixie-security\n\
                    Components: main\n\n\
                    Types: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: trixie\n\
                    Components: main\n";
        assert_eq!(
            mirrors(&[list.to_owned()], "trixie"),
            [mirror(
                "[signed-by=/usr/share/keyrings/k.gpg] ",
                "http://one.example/debian"
            )]
        );
    }

    #[test]
    fn a_machine_without_debian_has_no_mirrors() {
        assert_eq!(
            mirrors(
                &["deb http://one.example/ubuntu noble main".to_owned()],
                "trixie"
            ),
            []
        );
        assert_eq!(codename("ID=alpine\n"), None);
        assert_eq!(
            codename("ID=debian\nVERSION_CODENAME=\"trixie\"\n").as_deref(),
            Some("trixie")
        );
    }

    #[test]
    fn an_interrupted_install_is_never_found() {
        let work = tempfile::tempdir().unwrap();
        let built = work.path().join("built");
        fs::create_dir(&built).unwrap();
        fs::write(built.join("libstd-1.rlib"), "std").unwrap();
        let folder = work.path().join("rustlib/wasm32-wasip2/lib");
        // wasi-libc is missing: the copy breaks off half way.
        assert!(install(&built, &work.path().join("none"), &folder).is_err());
        assert!(!folder.exists());
        assert!(!super::super::is_complete(&folder));

        let c_library = work.path().join("c");
        fs::create_dir(&c_library).unwrap();
        for file in C_FILES {
            fs::write(c_library.join(file), file).unwrap();
        }
        install(&built, &c_library, &folder).unwrap();
        assert!(super::super::is_complete(&folder));
        assert!(folder.join("self-contained/libc.a").is_file());
    }

    #[test]
    #[ignore = "downloads 60 MB from Debian's mirrors and compiles for a minute"]
    fn the_library_is_built_from_debians_sources() {
        let work = tempfile::tempdir().unwrap();
        let folder = work.path().join("rustlib/wasm32-wasip2/lib");
        build(&folder).unwrap();
        assert!(super::super::is_complete(&folder));
    }
}
