//! Builds what the tests and the demo run: the connector, guests made for tests, and the host's program.
//!
//! Components are built by a nested cargo with a target folder of their own (`target/component`), so that
//! neither build throws away what the other one made. A guest for tests is a package in
//! `tests/guests/<name>`, a workspace member with `crate-type = ["cdylib"]`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};

use crate::process::run;
use crate::toolchain;

/// For one build. A cold build of the host takes minutes on a small machine.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);
/// The connector's file, in the folder where the host looks for it.
const CONNECTOR: &str = "gitlab-registry.wasm";

/// The workspace's folder.
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// The connector as a component, in the folder `connectors` beside the programs of this build, where the
/// host looks for it. Built once a process; quick when nothing has changed.
pub fn connector() -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || {
        let manifest = workspace().join("plugin/Cargo.toml");
        let built = component("the connector", &manifest)?;
        let folder = programs()?.join("connectors");
        fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        let file = folder.join(CONNECTOR);
        publish(&built, &file)?;
        Ok(file)
    };
    once(&BUILT, build)
}

/// A guest made for tests, from `tests/guests/<name>`.
pub fn guest(name: &str) -> anyhow::Result<PathBuf> {
    // The same guest may be asked for by many tests of one process.
    static BUILT: Mutex<Vec<(String, PathBuf)>> = Mutex::new(Vec::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, file)) = built.iter().find(|(known, _)| known == name) {
        return Ok(file.clone());
    }
    let manifest = workspace()
        .join("tests/guests")
        .join(name)
        .join("Cargo.toml");
    let file = component(&format!("the guest {name}"), &manifest)?;
    built.push((name.to_owned(), file.clone()));
    Ok(file)
}

/// The host's program, of the same profile as this one.
pub fn ox_host() -> anyhow::Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || {
        let programs = programs()?;
        let target = programs
            .parent()
            .context("the folder of the programs has no parent")?;
        let profile = match programs.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(other) => other,
        };
        // In the environment of the outer build: with other flags everything would be built again. And
        // without `-p`: it would choose other features of the dependencies, with the same effect.
        let mut command = cargo();
        without_package(&mut command);
        command
            .args([
                "build",
                "--bin",
                "ox-host",
                "--message-format=json-render-diagnostics",
            ])
            .args(["--profile", profile, "--target-dir"])
            .arg(target);
        let messages = run("building the host", &mut command, BUILD_LIMIT)?;
        artifact(&messages, None, &|message| {
            message
                .get("executable")
                .and_then(|path| path.as_str())
                .filter(|path| is_named(path, "ox-host"))
        })
        .context("cargo built no ox-host")
    };
    once(&BUILT, build)
}

/// Takes out what cargo tells the program that it runs about its package. There are build scripts (ring's)
/// that run again when that differs, and with them everything above them is built again.
fn without_package(command: &mut Command) {
    const OURS: [&str; 6] = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_CRATE_NAME",
        "CARGO_BIN_",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
    ];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if OURS.iter().any(|ours| text.starts_with(ours)) {
            command.env_remove(&name);
        }
    }
}

/// Takes out of a nested cargo's environment what an outer one, or its user, has put in for another build;
/// what says how to reach registries stays.
pub(crate) fn clean_environment(command: &mut Command) {
    const KEPT: [&str; 8] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTRY_",
        "CARGO_REGISTRIES_",
        "CARGO_SOURCE_",
        "CARGO_BUILD_JOBS",
        "CARGO_TERM_",
    ];
    const FLAGS: [&str; 4] = [
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
        "RUSTC_WORKSPACE_WRAPPER",
        "LLVM_PROFILE_FILE",
    ];
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let cargos = text.starts_with("CARGO") && !KEPT.iter().any(|kept| text.starts_with(kept));
        if cargos || FLAGS.contains(&&*text) {
            command.env_remove(&name);
        }
    }
}

/// Builds the package of that manifest for wasm32-wasip2.
fn component(what: &str, manifest: &Path) -> anyhow::Result<PathBuf> {
    toolchain::ensure_target()?;
    let programs = programs()?;
    let target = programs
        .parent()
        .context("the folder of the programs has no parent")?
        .join("component");
    let mut command = cargo();
    clean_environment(&mut command);
    command
        .args([
            "build",
            "--profile",
            "component",
            "--target",
            toolchain::TARGET,
        ])
        .args([
            "--message-format=json-render-diagnostics",
            "--manifest-path",
        ])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target);
    let messages = run(
        &format!("building {what} for {}", toolchain::TARGET),
        &mut command,
        BUILD_LIMIT,
    )?;
    artifact(&messages, Some(manifest), &|message| {
        let files = message.get("filenames")?.as_array()?;
        files
            .iter()
            .filter_map(|file| file.as_str())
            .find(|file| file.ends_with(".wasm"))
    })
    .with_context(|| format!("cargo built no component of {}", manifest.display()))
}

/// The cargo that runs this program, else the one in the path; started in the workspace.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace());
    command
}

/// The folder of the programs of this build: `target/debug`.
fn programs() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("this program does not know where it is")?;
    let folder = program.parent().context("this program is in no folder")?;
    let inner = folder
        .file_name()
        .is_some_and(|name| name == "deps" || name == "examples");
    let folder = if inner {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    Ok(folder.to_owned())
}

/// The file that `pick` finds in what cargo says about artifacts (of that manifest).
fn artifact(
    messages: &str,
    manifest: Option<&Path>,
    pick: &dyn Fn(&serde_json::Value) -> Option<&str>,
) -> Option<PathBuf> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter(|message| {
            message
                .get("reason")
                .is_some_and(|reason| reason == "compiler-artifact")
        })
        .filter(|message| {
            let of = message.get("manifest_path").and_then(|path| path.as_str());
            manifest.is_none_or(|manifest| of.is_some_and(|path| Path::new(path) == manifest))
        })
        .find_map(|message| pick(&message).map(PathBuf::from))
}

fn is_named(path: &str, name: &str) -> bool {
    Path::new(path).file_stem().is_some_and(|stem| stem == name)
}

/// Copies the file so that nobody ever sees half of it; leaves one alone that is the same already, so that
/// a host that watches it does not swap for nothing.
fn publish(from: &Path, to: &Path) -> anyhow::Result<()> {
    let bytes = fs::read(from).with_context(|| format!("can't read {}", from.display()))?;
    if fs::read(to).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = to.parent().context("a file without a folder")?;
    let staged = tempfile::NamedTempFile::new_in(folder)?;
    // With the permissions of the original: those of a temporary file are its owner's only.
    fs::copy(from, staged.path())?;
    staged
        .persist(to)
        .with_context(|| format!("can't write {}", to.display()))?;
    Ok(())
}

/// The value, made by the first caller; an error is kept too, so that it is not waited for again.
fn once<T: Clone>(
    cell: &OnceLock<Result<T, String>>,
    make: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    cell.get_or_init(|| make().map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!(error))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_artifact_is_that_of_the_manifest_asked_for() {
        let messages = r#"
            {"reason":"compiler-artifact","manifest_path":"/w/other/Cargo.toml","filenames":["/t/other.wasm"]}
            {"reason":"build-script-executed"}
            not json
            {"reason":"compiler-artifact","manifest_path":"/w/plugin/Cargo.toml","filenames":["/t/p.rlib","/t/p.wasm"]}
        "#;
        let found = artifact(
            messages,
            Some(Path::new("/w/plugin/Cargo.toml")),
            &|message| {
                message
                    .get("filenames")?
                    .as_array()?
                    .iter()
                    .filter_map(|f| f.as_str())
                    .find(|f| f.ends_with(".wasm"))
            },
        );
        assert_eq!(found, Some(PathBuf::from("/t/p.wasm")));
        assert_eq!(
            artifact(messages, Some(Path::new("/w/none/Cargo.toml")), &|_| Some(
                "x"
            )),
            None
        );
    }

    #[test]
    fn a_published_file_is_replaced_whole_and_left_alone_when_it_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::write(&from, "one").unwrap();
        publish(&from, &to).unwrap();
        let written = fs::metadata(&to).unwrap().modified().unwrap();
        publish(&from, &to).unwrap();
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), written);
        fs::write(&from, "two").unwrap();
        publish(&from, &to).unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"two");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            2,
            "nothing is left behind"
        );
    }

    #[test]
    fn an_error_is_kept_and_not_waited_for_again() {
        let cell = OnceLock::new();
        let first = once::<u8>(&cell, || Err(anyhow!("inner").context("outer"))).unwrap_err();
        let second = once(&cell, || Ok(1)).unwrap_err();
        assert_eq!(first.to_string(), "outer: inner");
        assert_eq!(second.to_string(), "outer: inner");
    }
}
