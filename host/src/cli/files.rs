//! Documents that are written to files, and the time that they say they were made at.

use std::io::Write;
use std::path::Path;

use jiff::Timestamp;

use super::errors::{CliError, CliResult};

/// The time that a document says it was made at: now, or that of SOURCE_DATE_EPOCH, by which builds that can
/// be repeated byte for byte set it.
pub(crate) fn made() -> CliResult<Timestamp> {
    let variable = "SOURCE_DATE_EPOCH";
    match std::env::var(variable) {
        Err(_) => Ok(Timestamp::now()),
        Ok(text) => text
            .trim()
            .parse()
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .ok_or_else(|| {
                CliError::settings(
                    format!("{variable} is {text:?}"),
                    "it has to be a number of seconds since 1970, or not set",
                )
            }),
    }
}

/// Writes a file whole or not at all: beside it first, then in its place.
pub(crate) fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    // What is no file (a pipe, a device) is written to, not replaced.
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return std::fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .write_all(text.as_bytes());
    }
    let name = path.file_name().ok_or_else(|| {
        std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "it is not the name of a file",
        )
    })?;
    let mut beside = std::ffi::OsString::from(".");
    beside.push(name);
    beside.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(beside);
    let written = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_whole_or_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("api.json");
        write_whole(&path, "one").unwrap();
        write_whole(&path, "two").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "two");
        let names = || std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names(), 1, "nothing else is left");
        assert!(write_whole(&folder.path().join("no/such/folder"), "x").is_err());
        assert!(write_whole(folder.path(), "x").is_err(), "a folder");
        assert_eq!(names(), 1);
    }
}
