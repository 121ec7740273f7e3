//! Builds components for the tests, once per process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// The component of a guest in `tests/guests`.
#[expect(
    clippy::panic,
    reason = "a test that can't have its component can't go on"
)]
pub fn guest(name: &str) -> PathBuf {
    static BUILDING: Mutex<()> = Mutex::new(());
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new(env!("CARGO"))
        .current_dir(&root)
        .args([
            "build",
            "--quiet",
            "--package",
            name,
            "--target",
            "wasm32-wasip2",
            "--profile",
            "component",
        ])
        .status();
    match built {
        Ok(status) if status.success() => {}
        other => panic!("the component {name} was not built: {other:?}"),
    }
    root.join("target/wasm32-wasip2/component")
        .join(format!("{}.wasm", name.replace('-', "_")))
}
