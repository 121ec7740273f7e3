//! What is due, and who is next.
//!
//! Level-triggered: a pass looks at the store and begins what waits and has a place. It happens at every wish, at
//! every end and every few seconds; a pass too many does nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::going::Going;
use super::watch::Watcher;
use super::{RunKind, Runs, Stop};
use crate::host::{Events, HostError, Silent};
use crate::store::{TaskRow, WaitingTask};

/// The longest time between two passes.
const POLL: Duration = Duration::from_secs(5);
/// Wait after a pass that failed.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

impl Runs {
    /// Begins to serve wishes. What the last process was doing when it ended waits again, and goes on.
    pub async fn start(self: &Arc<Self>) -> Result<(), HostError> {
        let again = self.host.store().queue_running_tasks().await?;
        if again > 0 {
            tracing::info!(runs = again, "runs of the last process go on");
        }
        let runs = self.clone();
        tokio::spawn(async move { runs.dispatch().await });
        Ok(())
    }

    /// Begins nothing more, stops what runs in order, and waits for that as long as it may. True when everything
    /// came to its end; what did not is gone on with all the same by the next process.
    pub async fn drain(&self, within: Duration) -> bool {
        self.closed.cancel();
        let going: Vec<_> = self.all_going().values().cloned().collect();
        for one in &going {
            one.stop(Stop::Drain);
        }
        let all = async {
            for one in &going {
                one.over.cancelled().await;
            }
        };
        tokio::time::timeout(within, all).await.is_ok()
    }

    /// True while runs are begun.
    pub fn is_open(&self) -> bool {
        !self.closed.is_cancelled()
    }

    /// The queue is brought up to what is stored as soon as nothing else does that.
    pub fn gather_soon(&self) {
        self.gather.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    async fn dispatch(self: Arc<Self>) {
        while self.is_open() {
            let wait = match self.pass().await {
                Ok(()) => POLL,
                Err(error) => {
                    tracing::error!("what is due could not be looked up: {error}");
                    AFTER_FAILURE
                }
            };
            tokio::select! {
                () = self.wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
                () = self.closed.cancelled() => {}
            }
        }
    }

    /// One look at what waits.
    async fn pass(self: &Arc<Self>) -> Result<(), HostError> {
        self.stop_orphans()?;
        let (mut scans, mut updates) = self.busy();
        for WaitingTask { id, kind } in self.host.store().waiting_tasks()? {
            let (busy, places) = match kind {
                RunKind::Scan => (&mut scans, self.places),
                // Apart from scans: new advisories never wait for a long scan.
                RunKind::Advisories => (&mut updates, 1),
            };
            if *busy >= places || !self.is_open() {
                continue;
            }
            if self.begin(id).await? {
                *busy += 1;
            }
        }
        if scans == 0 && updates == 0 && self.gather.swap(false, Ordering::AcqRel) {
            let runs = self.clone();
            tokio::spawn(async move { runs.gather_now().await });
        }
        Ok(())
    }

    /// How many scans and updates go on.
    fn busy(&self) -> (usize, usize) {
        let going = self.all_going();
        let scans = going
            .values()
            .filter(|one| one.kind == RunKind::Scan)
            .count();
        (scans, going.len() - scans)
    }

    /// Stops runs whose connection was removed: there is no row of them any more.
    fn stop_orphans(&self) -> Result<(), HostError> {
        let going: Vec<_> = self
            .all_going()
            .iter()
            .map(|(id, going)| (*id, going.clone()))
            .collect();
        for (id, going) in going {
            if self.host.store().task(id)?.is_none() {
                going.stop(Stop::Gone);
            }
        }
        Ok(())
    }

    async fn begin(self: &Arc<Self>, id: i64) -> Result<bool, HostError> {
        let Some(waiting) = self.host.store().task(id)? else {
            return Ok(false);
        };
        let plugin = self.digest_for(&waiting).await;
        let Some(task) = self.host.store().start_task(id, plugin).await? else {
            return Ok(false);
        };
        let watcher = Watcher::new(id, self.host.store().clone(), self.bus.clone());
        let going = Going::new(task.run.kind, watcher);
        self.all_going().insert(id, going.clone());
        self.tell(&self.shown(task.clone()));
        tokio::spawn(self.clone().do_run(task, going));
        Ok(true)
    }

    /// The version of the connector that a run begins with; it is the one that it ends with.
    async fn digest_for(&self, task: &TaskRow) -> Option<String> {
        let name = task.run.connection.as_deref()?;
        let connector = self
            .host
            .store()
            .connection(name)
            .ok()??
            .connection
            .connector;
        let known = self.host.connectors().await.ok()?;
        let found = known
            .into_iter()
            .find(|(manifest, _)| manifest.id == connector);
        found.map(|(_, digest)| digest)
    }

    async fn gather_now(&self) {
        let events: Arc<dyn Events> = Arc::new(Silent);
        match self.host.gather(&events).await {
            Ok(gathered) => self.gathered(&gathered),
            Err(error) => tracing::error!("the queue could not be brought up to date: {error}"),
        }
    }
}
