//! Which files a package owns, of those that matter: a file of a language package that an operating-system
//! package brought is told from one that somebody installed beside it.

use super::{Found, may_be_evidence};
use crate::contract::SkipReason;

/// Bytes that the keys of owned files of one database may take. A distribution with 3,000 packages and
/// Node.js' modules takes 2 MiB.
pub const MAX_OWNED_BYTES: usize = 4 << 20;
/// Files that are looked at in one database; the largest distributions have a tenth.
const MAX_FILES: usize = 4 << 20;
/// Longest key that is looked at, as in Linux.
const MAX_KEY: usize = 4096;
/// What a key takes besides its text.
const KEY_BYTES: usize = 24;

/// Takes in the owned files of one database.
#[derive(Debug)]
pub struct Owned {
    left: usize,
    seen: usize,
    full: bool,
    key: Vec<u8>,
}

impl Default for Owned {
    fn default() -> Self {
        Self {
            left: MAX_OWNED_BYTES,
            seen: 0,
            full: false,
            key: Vec::new(),
        }
    }
}

impl Owned {
    /// Adds the file `name` in `folder` to `keys` if it may matter. Either may begin or end with slashes.
    pub fn add(&mut self, folder: &[u8], name: &[u8], keys: &mut Vec<String>) {
        self.key.clear();
        if self.seen >= MAX_FILES {
            self.full = true;
            return;
        }
        self.seen += 1;
        if folder.len().saturating_add(name.len()) >= MAX_KEY {
            return;
        }
        // The spelling of a database is plain nearly always; what isn't becomes the key that it means.
        for part in [folder, name] {
            for step in part.split(|byte| *byte == b'/') {
                if step.is_empty() || step == b"." {
                    continue;
                }
                // A path out of its folder is no file of an archive, and owns nothing.
                if step == b".." {
                    return;
                }
                if !self.key.is_empty() {
                    self.key.push(b'/');
                }
                self.key.extend_from_slice(step);
            }
        }
        // As the keys of a layer are made.
        let key = String::from_utf8_lossy(&self.key);
        if key.is_empty() || !may_be_evidence(&key) {
            return;
        }
        let bytes = key.len() + KEY_BYTES;
        if bytes > self.left {
            self.full = true;
            return;
        }
        self.left -= bytes;
        keys.push(key.into_owned());
    }

    /// Says so when there were too many. `whose` is what they are ("files of its package").
    pub fn finish(&self, whose: &str, found: &mut Found) {
        if self.full {
            found.note(
                SkipReason::OverLimit,
                format!(
                    "{whose} are more than {MAX_FILES}, or those that matter take more than {MAX_OWNED_BYTES} \
                     bytes; of the rest it is not known that an operating-system package owns them"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "tests"
    )]

    use super::*;

    #[test]
    fn a_path_that_leads_out_owns_nothing() {
        let mut keys = Vec::new();
        let mut owned = Owned::default();
        for path in [
            "usr/../bin/x",
            "../bin/x",
            "/usr/bin/../../etc",
            "./usr//bin/x",
        ] {
            owned.add(b"", path.as_bytes(), &mut keys);
        }
        assert_eq!(keys, ["usr/bin/x"]);
    }

    #[test]
    fn only_files_that_may_be_evidence_are_kept_and_by_the_key_of_the_layer() {
        let mut owned = Owned::default();
        let mut keys = Vec::new();
        for (folder, name) in [
            ("/usr/bin/", "python3"),
            ("usr/sbin", "x"),
            ("", "/./usr//bin/y"),
            ("/usr/share/man", "bin"),
            ("/usr/lib", "libx.so"),
            ("", "/."),
        ] {
            owned.add(folder.as_bytes(), name.as_bytes(), &mut keys);
        }
        assert_eq!(keys, ["usr/bin/python3", "usr/sbin/x", "usr/bin/y"]);
    }

    #[test]
    fn files_without_end_stop_being_looked_at() {
        let mut owned = Owned::default();
        let mut keys = Vec::new();
        owned.seen = MAX_FILES - 1;
        owned.add(b"/usr/bin", b"last", &mut keys);
        owned.add(b"/usr/bin", b"too-many", &mut keys);
        assert_eq!(keys, ["usr/bin/last"]);
        assert!(owned.full);
    }

    #[test]
    fn too_many_are_told_and_take_no_more_memory() {
        let mut owned = Owned::default();
        let mut keys = Vec::new();
        for number in 0..200_000 {
            owned.add(b"/usr/bin", format!("{number:0>40}").as_bytes(), &mut keys);
        }
        let bytes: usize = keys.iter().map(|key| key.len() + KEY_BYTES).sum();
        assert!(bytes <= MAX_OWNED_BYTES);
        let mut found = Found::default();
        owned.finish("files of its packages", &mut found);
        assert_eq!(found.notes[0].reason, SkipReason::OverLimit);
    }
}
