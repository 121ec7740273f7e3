//! Compiled code, kept between runs.
//!
//! Machine code that is loaded is run, with the host's rights. So an entry is used only when this host wrote
//! it: each carries an authentication code made with a key that lies beside it, in a folder that nobody else
//! may enter, over the digest of the component, the engine's settings and the code. What is corrupt, stale
//! or foreign is compiled again, and replaced, without a word: a cache that can't help must not hurt either.
//! The code is read into memory before it is checked, so it can't change between the check and its use.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use ring::hmac;
use wasmtime::Engine;
use wasmtime::component::Component;

/// Entries that the folder keeps; the oldest go first.
const MAX_ENTRIES: usize = 32;

/// Largest entry that is read, in bytes. Compiled code is about three times its component.
const MAX_ENTRY_BYTES: u64 = 1 << 30;

/// Bytes of the key file.
const KEY_BYTES: usize = 32;

/// Bytes of the authentication code at the beginning of an entry (HMAC with SHA-256).
const TAG_BYTES: usize = 32;

const KEY_FILE: &str = "code.key";
const SUFFIX: &str = "cwasm";

/// Turns components into code, by way of the folder where there is one.
#[derive(Debug)]
pub(crate) struct CodeCache {
    folder: Option<(PathBuf, hmac::Key)>,
    compiled: AtomicU64,
    reused: AtomicU64,
}

impl CodeCache {
    /// A cache in that folder, which is made when it is missing. Without one everything is compiled.
    pub(crate) fn open(folder: Option<&Path>) -> io::Result<Self> {
        let folder = match folder {
            Some(path) => {
                make_private(path)?;
                Some((path.to_owned(), read_or_make_key(&path.join(KEY_FILE))?))
            }
            None => None,
        };
        Ok(Self {
            folder,
            compiled: AtomicU64::new(0),
            reused: AtomicU64::new(0),
        })
    }

    /// How many components were compiled since the start.
    pub(crate) fn compiled(&self) -> u64 {
        self.compiled.load(Ordering::Relaxed)
    }

    /// How many components came from the folder since the start.
    pub(crate) fn reused(&self) -> u64 {
        self.reused.load(Ordering::Relaxed)
    }

    /// The code of a component; `digest` is the hex SHA-256 of `bytes`. Takes seconds: never on an
    /// executor's thread.
    pub(crate) fn component(
        &self,
        engine: &Engine,
        digest: &str,
        bytes: &[u8],
    ) -> wasmtime::Result<Component> {
        let name = entry_name(engine, digest);
        if let Some((folder, key)) = &self.folder
            && let Some(component) = load(engine, key, &name, &folder.join(&name))
        {
            self.reused.fetch_add(1, Ordering::Relaxed);
            tracing::debug!(entry = name, "compiled code reused");
            return Ok(component);
        }
        let component = Component::from_binary(engine, bytes)?;
        tracing::debug!(entry = name, "compiled");
        self.compiled.fetch_add(1, Ordering::Relaxed);
        if let Some((folder, key)) = &self.folder {
            let stored = component
                .serialize()
                .map_err(io::Error::other)
                .and_then(|code| store(folder, key, &name, &code));
            if let Err(error) = stored {
                tracing::debug!(%error, "compiled code was not kept");
            }
        }
        Ok(component)
    }
}

/// One name for one component under one set of engine settings.
fn entry_name(engine: &Engine, digest: &str) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{digest}-{:016x}.{SUFFIX}", hasher.finish())
}

fn load(engine: &Engine, key: &hmac::Key, name: &str, path: &Path) -> Option<Component> {
    let mut entry = Vec::new();
    let file = fs::File::open(path).ok()?;
    file.take(MAX_ENTRY_BYTES).read_to_end(&mut entry).ok()?;
    let (tag, signed) = entry.split_at_checked(TAG_BYTES)?;
    if hmac::verify(key, signed, tag).is_err() {
        tracing::debug!(entry = name, "compiled code is not ours; compiling again");
        return None;
    }
    // The name is signed too: the code of one component is not that of another.
    let code = signed.strip_prefix(name.as_bytes())?;
    // SAFETY: the bytes are what `Component::serialize` answered in a process of this host: only such a
    // process knows the key. They are in memory, so they are the bytes that were checked.
    #[expect(unsafe_code, reason = "the only way to load compiled code")]
    let component = unsafe { Component::deserialize(engine, code) };
    component.ok()
}

fn store(folder: &Path, key: &hmac::Key, name: &str, code: &[u8]) -> io::Result<()> {
    forget_oldest(folder)?;
    let temporary = folder.join(temporary_name()?);
    let written = create_private(&temporary).and_then(|mut file| {
        let mut context = hmac::Context::with_key(key);
        context.update(name.as_bytes());
        context.update(code);
        file.write_all(context.sign().as_ref())?;
        file.write_all(name.as_bytes())?;
        file.write_all(code)?;
        fs::rename(&temporary, folder.join(name))
    });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// A name that nobody else uses or can know.
fn temporary_name() -> io::Result<String> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(format!(".{:016x}.tmp", u64::from_le_bytes(random)))
}

/// Makes room for one more entry.
fn forget_oldest(folder: &Path) -> io::Result<()> {
    let mut entries: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|extension| extension == SUFFIX)
        })
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    entries.sort();
    let surplus = (entries.len() + 1).saturating_sub(MAX_ENTRIES);
    for (_, path) in entries.into_iter().take(surplus) {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// The key, if it is one that only this host can have made; a new one otherwise.
fn read_or_make_key(path: &Path) -> io::Result<hmac::Key> {
    // A file that is made now shows who this process is, whatever name or mapping it runs under.
    let temporary = path.with_file_name(temporary_name()?);
    let mut ours = create_private(&temporary)?;
    let key = read_or_link_key(path, &temporary, &mut ours);
    let _ = fs::remove_file(&temporary);
    key
}

/// Tries before giving up on a key file that comes back: nobody but this host should make one.
const KEY_TRIES: usize = 3;

fn read_or_link_key(path: &Path, temporary: &Path, ours: &mut fs::File) -> io::Result<hmac::Key> {
    let mut written = false;
    for _ in 0..KEY_TRIES {
        match fs::symlink_metadata(path) {
            Ok(found) if is_private(&found, &ours.metadata()?) => {
                let bytes = fs::read(path)?;
                if bytes.len() == KEY_BYTES {
                    return Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes));
                }
                // A key of another length was cut off; what it signed is compiled again.
                fs::remove_file(path)?;
            }
            // Somebody else's, or one that others could read, or a link: whoever knows the key can sign
            // code that would run here. It goes, and with it all that it signed.
            Ok(_) => fs::remove_file(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        if !std::mem::replace(&mut written, true) {
            let mut key = [0; KEY_BYTES];
            getrandom::fill(&mut key).map_err(io::Error::other)?;
            ours.write_all(&key)?;
        }
        // Two processes may start at once: the first key stays, and both use it.
        match fs::hard_link(temporary, path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("the key file is changed by somebody else"))
}

/// A file of the same owner as `ours` that nobody else may read or write.
#[cfg(unix)]
fn is_private(found: &fs::Metadata, ours: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    found.is_file() && found.uid() == ours.uid() && found.mode() & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(found: &fs::Metadata, _: &fs::Metadata) -> bool {
    found.is_file()
}

#[cfg(unix)]
fn make_private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    // Also where it was there before: an entry that somebody else may write is no entry of ours. Only an
    // owner may do this, so another one's folder is refused here.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// The smallest component: nothing in it.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn entries(folder: &Path) -> Vec<PathBuf> {
        let mut found: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == SUFFIX)
            })
            .collect();
        found.sort();
        found
    }

    fn compile(folder: &Path, digest: &str) -> CodeCache {
        let cache = CodeCache::open(Some(folder)).unwrap();
        let engine = crate::plugin::engine::start(512 << 10).unwrap();
        cache.component(&engine, digest, EMPTY).unwrap();
        cache
    }

    #[test]
    fn a_second_start_compiles_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(compile(folder.path(), "aa").compiled(), 1);
        let second = compile(folder.path(), "aa");
        assert_eq!((second.compiled(), second.reused()), (0, 1));
        assert_eq!(
            compile(folder.path(), "bb").compiled(),
            1,
            "another component is another entry"
        );
    }

    #[test]
    fn nobody_else_may_read_or_write_the_folder_and_its_files() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("a/b");
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        compile(&folder, "aa");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join(KEY_FILE)), 0o600);
        assert_eq!(mode(&entries(&folder)[0]), 0o600);
    }

    #[test]
    fn a_changed_cut_or_renamed_entry_is_compiled_again_and_replaced() {
        let folder = tempfile::tempdir().unwrap();
        compile(folder.path(), "aa");
        let entry = entries(folder.path()).remove(0);
        let good = fs::read(&entry).unwrap();

        let mut changed = good.clone();
        let last = changed.len() - 1;
        changed[last] ^= 1;
        for bad in [&changed[..], &good[..good.len() / 2], &good[..7], b""] {
            fs::write(&entry, bad).unwrap();
            assert_eq!(compile(folder.path(), "aa").compiled(), 1);
            assert_eq!(
                compile(folder.path(), "aa").compiled(),
                0,
                "the good entry is back"
            );
        }

        let other = entry.with_file_name(
            entry
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .replace("aa", "bb"),
        );
        fs::copy(&entry, other).unwrap();
        assert_eq!(
            compile(folder.path(), "bb").compiled(),
            1,
            "the code of one is not that of another"
        );
    }

    #[test]
    fn code_that_another_host_wrote_is_not_loaded() {
        let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        compile(theirs.path(), "aa");
        CodeCache::open(Some(ours.path())).unwrap();
        let foreign = entries(theirs.path()).remove(0);
        fs::copy(&foreign, ours.path().join(foreign.file_name().unwrap())).unwrap();
        assert_eq!(compile(ours.path(), "aa").compiled(), 1);
    }

    #[test]
    fn a_key_that_somebody_else_may_know_is_replaced_and_what_it_signed_is_not_loaded() {
        let (folder, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = folder.path().join(KEY_FILE);
        compile(folder.path(), "aa");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(compile(folder.path(), "aa").compiled(), 1, "readable");
        assert_eq!(compile(folder.path(), "aa").compiled(), 0);

        let planted = theirs.path().join("key");
        fs::rename(&key, &planted).unwrap();
        std::os::unix::fs::symlink(&planted, &key).unwrap();
        assert_eq!(compile(folder.path(), "aa").compiled(), 1, "a link");
        assert!(fs::symlink_metadata(&key).unwrap().is_file());
        assert!(planted.exists(), "what a link leads to is left alone");
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name.to_string_lossy().ends_with("tmp"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }

    #[test]
    fn the_folder_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..MAX_ENTRIES + 5 {
            fs::write(folder.path().join(format!("{number}.{SUFFIX}")), b"old").unwrap();
        }
        compile(folder.path(), "aa");
        assert_eq!(entries(folder.path()).len(), MAX_ENTRIES);
    }

    #[test]
    fn without_a_folder_everything_is_compiled_and_nothing_is_written() {
        let cache = CodeCache::open(None).unwrap();
        let engine = crate::plugin::engine::start(512 << 10).unwrap();
        cache.component(&engine, "aa", EMPTY).unwrap();
        cache.component(&engine, "aa", EMPTY).unwrap();
        assert_eq!((cache.compiled(), cache.reused()), (2, 0));
    }
}
