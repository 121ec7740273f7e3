//! Makes sure that Rust's standard library for wasm32-wasip2 is there, which the component needs.
//!
//! rustup first. Where rustup can't (an offline mirror, a compiler without rustup), that one library is
//! built from Debian's package of its sources, with the compiler that is there; the machine's own apt
//! set-up is read and not changed. Else one sentence says what is missing.

mod debian;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::process::{exists, run};

/// The target that the component is built for.
pub const TARGET: &str = "wasm32-wasip2";

/// For questions to the compiler.
const QUICK: Duration = Duration::from_secs(60);
/// For one download or build.
const SLOW: Duration = Duration::from_secs(600);

/// Makes sure of the target, installing it when it is missing.
pub fn ensure_target() -> anyhow::Result<()> {
    let folder = library_folder()?;
    if is_complete(&folder) {
        return Ok(());
    }
    // One at a time: test programs may run side by side.
    let lock = std::env::temp_dir().join("ox-wasm-target.lock");
    let lock =
        fs::File::create(&lock).with_context(|| format!("can't write {}", lock.display()))?;
    lock.lock()
        .context("can't lock the set-up of the wasm32-wasip2 target")?;
    if is_complete(&folder) {
        return Ok(());
    }
    let by_rustup = by_rustup(&folder);
    let Err(rustup) = by_rustup else {
        return Ok(());
    };
    let Err(debian) = debian::build(&folder) else {
        return Ok(());
    };
    bail!(
        "Rust's standard library for {TARGET} is missing ({}): install it with `rustup target add {TARGET}` \
         (tried: {rustup:#}), or on Debian let the set-up build it from the packages rust-src, in exactly the \
         compiler's version, and wasi-libc (tried: {debian:#}).",
        folder.display()
    )
}

fn by_rustup(folder: &Path) -> anyhow::Result<()> {
    if !exists("rustup") {
        bail!("there is no rustup");
    }
    // In the workspace, so that it is the toolchain that the workspace is built with.
    let mut command = Command::new("rustup");
    command
        .args(["target", "add", TARGET])
        .current_dir(crate::component::workspace());
    run(
        "installing the wasm32-wasip2 target with rustup",
        &mut command,
        SLOW,
    )?;
    if !is_complete(folder) {
        bail!("rustup installed it somewhere else than where rustc looks");
    }
    Ok(())
}

/// Where rustc looks for the target's libraries.
fn library_folder() -> anyhow::Result<PathBuf> {
    let mut command = Command::new("rustc");
    command
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(crate::component::workspace());
    let printed = run("asking rustc for its libraries", &mut command, QUICK)
        .context("Rust 1.95 or newer is needed (https://rustup.rs)")?;
    Ok(PathBuf::from(printed.trim()))
}

/// `1.95.0`, of the compiler that builds the workspace.
fn compiler_version() -> anyhow::Result<String> {
    let mut command = Command::new("rustc");
    command
        .arg("--version")
        .current_dir(crate::component::workspace());
    let printed = run("asking rustc for its version", &mut command, QUICK)?;
    let version = printed
        .split_whitespace()
        .nth(1)
        .context("rustc says no version")?;
    Ok(version.to_owned())
}

fn is_complete(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}
