//! The one thread that writes.
//!
//! A verb is a closure over a transaction. It is queued, run, committed, and only then answered, so an
//! answer is an acknowledgement. The queue needs no bound: everyone who asks waits for the answer, so it
//! is as long as there are callers.

use std::sync::mpsc;
use std::thread::JoinHandle;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::oneshot;

use super::{Result, StoreError};

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(mut connection: Connection) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new()
            .name("ox-store".to_owned())
            .spawn(move || {
                while let Ok(job) = queue.recv() {
                    job(&mut connection);
                }
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        self.submit(Box::new(move |connection| {
            // Whoever asked may be gone (cancelled); what was asked for is done all the same.
            let _ = answer.send(in_transaction(connection, verb));
        }))?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) fn run_now<T: Send + 'static>(
        &self,
        verb: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        self.submit(Box::new(move |connection| {
            let _ = answer.send(in_transaction(connection, verb));
        }))?;
        answered.recv().map_err(|_| StoreError::Closed)?
    }

    fn submit(&self, job: Job) -> Result<()> {
        let jobs = self.jobs.as_ref().ok_or(StoreError::Closed)?;
        jobs.send(job).map_err(|_| StoreError::Closed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // The thread ends after what is queued; a verb that panicked has ended it already.
            let _ = thread.join();
        }
    }
}

fn in_transaction<T>(
    connection: &mut Connection,
    verb: impl FnOnce(&Transaction<'_>) -> Result<T>,
) -> Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Dropped without a commit, a transaction rolls back.
    let value = verb(&transaction)?;
    transaction.commit()?;
    Ok(value)
}
