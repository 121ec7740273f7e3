//! What the host keeps: connections, locations, scans, and everything that was found.
//!
//! One SQLite database in the data folder, written by one thread ([`writer`]) and read through a small
//! pool of connections ([`pool`]). The rest of the host sees coarse verbs only: a verb is one transaction,
//! and it returns after the transaction is durable (`synchronous=FULL`). So what was acknowledged survives
//! `kill -9` and a power loss, and what was not acknowledged is not there at all.
//!
//! Rules that hold everywhere in here:
//! - A row about an image or a finding is never deleted because a scan did not see it. It is marked as
//!   gone, and only at the end of a location's scan that looked at all of the location.
//! - A batch is fenced: it names the attempt that it belongs to, and is refused when a newer attempt of
//!   that location has begun ([`scans`]).
//! - Secrets are stored encrypted, bound to their row ([`vault`]).

pub mod accounts;
mod cache;
mod changes;
mod components;
mod connections;
mod error;
mod idempotency;
mod images;
pub mod issues;
mod locations;
mod observe;
mod open;
mod overview;
mod plugin_versions;
mod policy;
mod pool;
mod query;
mod queue_days;
mod saved_views;
mod scans;
mod schedules;
mod schema;
mod tasks;
#[cfg(test)]
pub(crate) mod tests;
mod vault;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use cache::{CACHE_BYTES, CACHE_VALUE_BYTES};
pub use changes::{Change, ChangeCount, ChangeGroup, ScanStamp};
pub(crate) use components::origin_word;
pub use components::{Coverage, WaitingComponent};
pub use connections::{ConnectionRecord, NewConnection};
pub use error::StoreError;
pub use idempotency::KeptAnswer;
pub use images::{
    FailedLocation, IMAGES_PAGE, ImageEntry, ImageQuery, PackageEntry, Part, StoredImage,
};
pub use locations::{KnownLocation, ListingOutcome, ListingSkip};
pub(crate) use open::private_folder;
pub(crate) use overview::{AGES, day_before};
pub use overview::{Brought, Mended, Overview, Top, TrendDay};
pub use plugin_versions::{StoredVersion, VersionState};
pub use policy::StoredPolicy;
pub use queue_days::QueueDay;
pub use saved_views::SavedView;
pub use scans::{
    AttemptStart, BeginScan, FailureReason, LocationEnd, LocationState, ScanRow, ScanTarget,
    StoredReport,
};
pub use schedules::StoredSchedule;
pub use tasks::{NewTask, TASK_LINES, TaskOutcome, TaskRequest, TaskRow, TaskWish, WaitingTask};

/// Result of a store verb.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The store of one data folder.
///
/// The first process (or [`Store`]) to open a folder owns it and may write; later ones can read, and
/// their writing verbs are refused with a sentence that names the owner.
pub struct Store {
    folder: PathBuf,
    readers: pool::Readers,
    writer: Option<writer::Writer>,
    owner: open::Ownership,
    vault: Arc<vault::Vault>,
    cache_bytes: i64,
}

impl Store {
    /// Opens the store in a folder; makes both when missing.
    pub fn open(folder: &Path) -> Result<Self> {
        open::open(folder, CACHE_BYTES)
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// True when this store may write.
    pub fn is_owner(&self) -> bool {
        self.writer.is_some()
    }

    /// An error that names the owner, when somebody else owns the folder. To be asked before work that
    /// would end in a refused write.
    pub fn must_write(&self) -> Result<()> {
        self.writer().map(drop)
    }

    /// Takes the lock of a writer and gives it back: an error says that nothing can be written now.
    pub async fn can_write(&self) -> Result<()> {
        self.write(|tx| {
            tx.prepare_cached("DELETE FROM meta WHERE key = ''")?
                .execute([])?;
            Ok(())
        })
        .await
    }

    /// Runs a transaction on the writer thread and waits for it to be durable.
    async fn write<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer()?.run(verb).await
    }

    /// The same for callers that are not asynchronous. Blocks the thread for one transaction.
    fn write_now<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.writer()?.run_now(verb)
    }

    /// Reads in one snapshot.
    fn read<T>(&self, verb: impl FnOnce(&rusqlite::Transaction<'_>) -> Result<T>) -> Result<T> {
        self.readers.run(verb)
    }

    fn writer(&self) -> Result<&writer::Writer> {
        self.writer
            .as_ref()
            .ok_or_else(|| self.owner.refusal(&self.folder))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The order matters: no connection may be open when the folder is given to the next owner.
        drop(self.writer.take());
        self.readers.close();
        self.owner.release();
    }
}

/// The time, as the store writes it: RFC 3339 in UTC with milliseconds, so that text order is time order.
pub(crate) fn now() -> String {
    format!("{:.3}", jiff::Timestamp::now())
}
