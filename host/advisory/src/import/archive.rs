//! The records of a zip, one after the other in the sequence of its directory. Nothing is held but one
//! record; every count and size that the archive chooses has a limit.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::DeflateDecoder;
use rawzip::{
    CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder,
};

use super::records::{Entries, Entry, Stop, Take, file_name};
use crate::osv::MAX_RECORD_BYTES;

/// Entries of one archive; the largest export has some 300,000.
pub(crate) const MAX_ENTRIES: u64 = 2_000_000;
/// Uncompressed bytes of one archive.
const MAX_BYTES: u64 = 32 << 30;
/// Uncompressed bytes up to which no ratio is asked about.
const RATIO_FREE_BYTES: u64 = 1 << 30;
/// How many times the size of the archive its contents may be beyond that. JSON packs four to twenty times;
/// only entries that overlap exceed it by much.
const MAX_RATIO: u64 = 200;

/// Why an archive can't be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("it can't be opened: {0}")]
    Io(#[from] std::io::Error),
    #[error("it is no whole zip archive ({0}); fetch it again")]
    Zip(String),
    #[error("it has more than {MAX_ENTRIES} entries")]
    Entries,
    #[error("it holds more than {0} bytes, which no export of its size does")]
    Bytes(u64),
}

impl From<rawzip::Error> for Trouble {
    fn from(error: rawzip::Error) -> Self {
        Self::Zip(error.to_string())
    }
}

/// A zip of records.
pub(crate) struct Archive {
    archive: ZipArchive<FileReader>,
    bytes_limit: u64,
}

impl Archive {
    pub(crate) fn open(path: &Path) -> Result<Self, Trouble> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let archive = ZipArchive::from_file(file, &mut buffer)?;
        if archive.entries_hint() > MAX_ENTRIES {
            return Err(Trouble::Entries);
        }
        Ok(Self {
            archive,
            bytes_limit: size
                .saturating_mul(MAX_RATIO)
                .clamp(RATIO_FREE_BYTES, MAX_BYTES),
        })
    }

    fn contents(
        &self,
        method: CompressionMethod,
        place: ZipArchiveEntryWayfinder,
        contents: &mut Vec<u8>,
    ) -> Result<(), String> {
        contents.clear();
        let entry = self
            .archive
            .get_entry(place)
            .map_err(|error| error.to_string())?;
        let limit = MAX_RECORD_BYTES as u64 + 1;
        let read = match method {
            CompressionMethod::STORE => entry
                .verifying_reader(entry.reader())
                .take(limit)
                .read_to_end(contents),
            CompressionMethod::DEFLATE => {
                let unpacked = DeflateDecoder::new(entry.reader());
                entry
                    .verifying_reader(unpacked)
                    .take(limit)
                    .read_to_end(contents)
            }
            _ => return Err("it is packed in a way that is not read (only deflate is)".to_owned()),
        };
        read.map_err(|error| format!("it can't be unpacked: {error}"))?;
        if contents.len() > MAX_RECORD_BYTES {
            return Err(crate::osv::BrokenRecord::TooLarge.to_string());
        }
        Ok(())
    }

    fn walk(&self, step: u64, take: &mut Take<'_>) -> Result<Result<(), Stop>, Trouble> {
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let mut entries = self.archive.entries(&mut buffer);
        let mut contents = Vec::new();
        let (mut seen, mut bytes) = (0, 0);
        while let Some(entry) = entries.next_entry()? {
            seen += 1;
            if seen > MAX_ENTRIES {
                return Err(Trouble::Entries);
            }
            if entry.is_dir() || (seen - 1) % step != 0 {
                continue;
            }
            let name = file_name(&String::from_utf8_lossy(entry.file_path().as_ref()));
            if !is_record(&name) {
                continue;
            }
            let (method, place) = (entry.compression_method(), entry.wayfinder());
            let result = self.contents(method, place, &mut contents);
            bytes += contents.len() as u64;
            if bytes > self.bytes_limit {
                return Err(Trouble::Bytes(self.bytes_limit));
            }
            let entry = Entry {
                name: &name,
                contents: result.map(|()| contents.as_slice()),
            };
            if let Err(stop) = take(entry) {
                return Ok(Err(stop));
            }
        }
        Ok(Ok(()))
    }
}

pub(super) fn is_record(name: &str) -> bool {
    name.get(name.len().saturating_sub(5)..)
        .is_some_and(|ending| ending.eq_ignore_ascii_case(".json"))
}

impl Entries for Archive {
    fn total(&self) -> Option<u64> {
        Some(self.archive.entries_hint())
    }

    fn each(&self, step: u64, take: &mut Take<'_>) -> Result<(), Stop> {
        self.walk(step, take)
            .unwrap_or_else(|trouble| Err(Stop::Failed(trouble.to_string())))
    }
}
