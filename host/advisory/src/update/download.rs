//! Fetching a large file so that an interrupted fetch goes on where it ended, in this run or a later one.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::import::Stop;
use crate::index::owner_only;

use super::fetch::{self, Fetch, Request};

/// No export is larger.
const MAX_BYTES: u64 = 8 << 30;
/// How often a fetch that breaks off is resumed within one run.
const ATTEMPTS: u32 = 4;
/// Bytes between two reports of progress.
const REPORT_EVERY: u64 = 1 << 20;

/// A file that may be there in part, and beside it what it is a part of.
pub(super) struct Part {
    path: PathBuf,
    /// Address and ETag, a line each.
    about: PathBuf,
}

impl Part {
    pub(super) fn of(folder: &Path, name: &str) -> Self {
        // Names of ecosystems have spaces at most, but they come from outside.
        let plain = |c: char| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        };
        let name: String = name.chars().map(plain).collect();
        Self {
            path: folder.join(format!("download-{name}.part")),
            about: folder.join(format!("download-{name}.about")),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn forget(&self) {
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_file(&self.about);
    }

    /// Fetches all of it; answers its ETag. `None` when it is still what `known` says.
    pub(super) fn get(
        &self,
        fetch: &dyn Fetch,
        url: &str,
        known: Option<&str>,
        go_on: &mut dyn FnMut(u64, Option<u64>) -> bool,
    ) -> Result<Option<Option<String>>, Stop> {
        let mut attempt = 1;
        loop {
            match self.attempt(fetch, url, known, go_on) {
                Err(Attempt::BrokeOff(reason)) if attempt >= ATTEMPTS => {
                    return Err(Stop::Failed(reason));
                }
                Err(Attempt::BrokeOff(_)) => attempt += 1,
                Err(Attempt::Stop(stop)) => return Err(stop),
                Ok(done) => return Ok(done),
            }
        }
    }

    fn attempt(
        &self,
        fetch: &dyn Fetch,
        url: &str,
        known: Option<&str>,
        go_on: &mut dyn FnMut(u64, Option<u64>) -> bool,
    ) -> Result<Option<Option<String>>, Attempt> {
        let have = self.have(url);
        let request = Request {
            // A part of a newer file is worth more than the question whether there is one.
            etag: known.filter(|_| have.is_none()),
            resume: have.as_ref().map(|(bytes, etag)| (*bytes, etag.as_str())),
            ..Request::new(url)
        };
        let response = match fetch.get(&request) {
            // The part is longer than the file, or the server changed its mind: from the beginning.
            Ok(response) if response.status == 416 => {
                self.forget();
                return Err(Attempt::BrokeOff(format!("{url} has no such range")));
            }
            Ok(response) if response.status >= 500 || response.status == 429 => {
                let reason = format!("{url} answered {}; try again later", response.status);
                return Err(Attempt::BrokeOff(reason));
            }
            Ok(response) => fetch::usable(response, url).map_err(Attempt::Stop)?,
            Err(error) => return Err(Attempt::BrokeOff(format!("{url}: {error}"))),
        };
        if response.status == 304 {
            return Ok(None);
        }
        let start = match &have {
            Some((bytes, _)) if response.status == 206 => *bytes,
            _ => 0,
        };
        let etag = if start > 0 {
            have.map(|(_, etag)| etag)
        } else {
            response.etag
        };
        let mut file = self
            .file(url, start, etag.as_deref())
            .map_err(|error| self.refused(&error))?;
        let total = response.length.map(|length| start + length);
        if total.is_some_and(|total| total > MAX_BYTES) {
            return Err(Attempt::Stop(too_large(url)));
        }

        let (mut bytes, mut reported) = (start, start);
        let mut body = response.body;
        let mut chunk = vec![0; 128 << 10];
        loop {
            if bytes - reported >= REPORT_EVERY || bytes == start {
                reported = bytes;
                if !go_on(bytes, total) {
                    return Err(Attempt::Stop(Stop::Cancelled));
                }
            }
            let read = match body.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Attempt::BrokeOff(format!("{url} broke off: {error}"))),
            };
            bytes += read as u64;
            if bytes > MAX_BYTES {
                self.forget();
                return Err(Attempt::Stop(too_large(url)));
            }
            let part = chunk.get(..read).unwrap_or_default();
            file.write_all(part).map_err(|error| self.refused(&error))?;
        }
        if total.is_some_and(|total| total != bytes) {
            return Err(Attempt::BrokeOff(format!(
                "{url} broke off after {bytes} of {} bytes",
                total.unwrap_or_default()
            )));
        }
        go_on(bytes, Some(bytes));
        Ok(Some(etag))
    }

    /// How much of a file is there, and of which.
    fn have(&self, url: &str) -> Option<(u64, String)> {
        let mut about = String::new();
        File::open(&self.about)
            .ok()?
            .take(8192)
            .read_to_string(&mut about)
            .ok()?;
        let (of, etag) = about.trim_end().split_once('\n')?;
        let bytes = std::fs::metadata(&self.path).ok()?.len();
        // A weak ETag does not promise the same bytes.
        let usable = of == url && !etag.is_empty() && !etag.starts_with("W/") && bytes > 0;
        usable.then(|| (bytes, etag.to_owned()))
    }

    fn file(&self, url: &str, start: u64, etag: Option<&str>) -> std::io::Result<File> {
        let mut options = OpenOptions::new();
        owner_only(&mut options);
        if start > 0 {
            return options.append(true).open(&self.path);
        }
        self.forget();
        options.write(true).create(true).truncate(true);
        let file = options.open(&self.path)?;
        // After the file is empty: never a part of one file under the name of another.
        if let Some(etag) = etag.filter(|etag| !etag.contains(['\n', '\r'])) {
            options
                .open(&self.about)?
                .write_all(format!("{url}\n{etag}\n").as_bytes())?;
        }
        Ok(file)
    }

    fn refused(&self, error: &std::io::Error) -> Attempt {
        Attempt::Stop(Stop::Failed(format!(
            "can't write {}: {error}",
            self.path.display()
        )))
    }
}

enum Attempt {
    /// Worth another attempt.
    BrokeOff(String),
    Stop(Stop),
}

fn too_large(url: &str) -> Stop {
    Stop::Failed(format!("{url} is larger than {MAX_BYTES} bytes"))
}
