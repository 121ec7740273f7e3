//! Records that lie as files in a folder, or one such file.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::records::{Entries, Entry, Stop, Take, file_name};
use crate::osv::MAX_RECORD_BYTES;

/// Files in their sequence.
pub(super) struct Files(pub(super) Vec<PathBuf>);

impl Entries for Files {
    fn total(&self) -> Option<u64> {
        Some(self.0.len() as u64)
    }

    fn each(&self, step: u64, take: &mut Take<'_>) -> Result<(), Stop> {
        let mut contents = Vec::new();
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        for path in self.0.iter().step_by(step) {
            let read = read(path, &mut contents);
            take(Entry {
                name: &file_name(&path.to_string_lossy()),
                contents: read.map(|()| contents.as_slice()),
            })?;
        }
        Ok(())
    }
}

fn read(path: &Path, contents: &mut Vec<u8>) -> Result<(), String> {
    contents.clear();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut limited = file.take(MAX_RECORD_BYTES as u64 + 1);
    limited
        .read_to_end(contents)
        .map_err(|error| error.to_string())?;
    if contents.len() > MAX_RECORD_BYTES {
        return Err(crate::osv::BrokenRecord::TooLarge.to_string());
    }
    Ok(())
}
