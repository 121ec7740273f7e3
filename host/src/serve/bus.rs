//! What happens, in order, for whoever listens: the console's live parts, the API's event stream, the metrics.
//!
//! Every event has a number that only rises. The newest are kept, so a listener that was away for a moment
//! goes on from the last number it saw; one that was away for longer is told that it missed some and loads the
//! page again. Publishing never waits: a listener that is slow loses events, nothing else.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// Events that are kept for listeners that come back.
const KEPT: usize = 4096;

/// Events that a listener may be behind.
const BEHIND: usize = 1024;

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// A run was asked for, began, went on, paused or ended.
    Run,
    /// A line of a run's log.
    RunLine,
    /// A step of a verification.
    Verify,
    /// The queue changed.
    Queue,
    /// A connection was added, changed or removed.
    Connection,
    /// A version of a connector was installed, made active, refused or removed.
    Plugin,
    /// Advisories were imported.
    Advisories,
    /// The listener missed events: what it shows may be old.
    Missed,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BusEvent {
    /// Rises by one; not kept over restarts.
    pub seq: u64,
    /// RFC 3339.
    pub at: String,
    /// What it is about.
    pub topic: Topic,
    /// Which one: number of the run, name of the connection, digest, id of the verification.
    pub subject: String,
    /// What there is to know; depends on the topic.
    pub data: serde_json::Value,
}

/// The bus. One per daemon.
pub struct Bus {
    kept: Mutex<Kept>,
    sender: broadcast::Sender<BusEvent>,
}

struct Kept {
    next: u64,
    events: VecDeque<BusEvent>,
}

impl Default for Bus {
    fn default() -> Self {
        Self {
            kept: Mutex::new(Kept {
                next: 1,
                events: VecDeque::new(),
            }),
            sender: broadcast::Sender::new(BEHIND),
        }
    }
}

impl Bus {
    /// Tells everybody.
    pub fn publish(&self, topic: Topic, subject: impl Into<String>, data: serde_json::Value) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let event = BusEvent {
            seq: kept.next,
            at: crate::store::now(),
            topic,
            subject: subject.into(),
            data,
        };
        kept.next += 1;
        if kept.events.len() == KEPT {
            kept.events.pop_front();
        }
        kept.events.push_back(event.clone());
        // Inside the lock, so that everybody sees the order of the numbers. Nobody listening is no error.
        let _ = self.sender.send(event);
    }

    /// Listens: what is kept after `after` (everything from now on when `None`), then what comes.
    pub fn listen(&self, after: Option<u64>) -> Listener {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.sender.subscribe();
        let mut backlog = VecDeque::new();
        if let Some(after) = after {
            let oldest = kept.events.front().map_or(kept.next, |event| event.seq);
            // A number that was not given yet is one of an earlier process.
            if after.saturating_add(1) < oldest || after >= kept.next {
                backlog.push_back(missed(kept.next - 1));
            } else {
                let newer = kept.events.iter().filter(|event| event.seq > after);
                backlog.extend(newer.cloned());
            }
        }
        Listener { backlog, receiver }
    }
}

fn missed(seq: u64) -> BusEvent {
    BusEvent {
        seq,
        at: crate::store::now(),
        topic: Topic::Missed,
        subject: String::new(),
        data: serde_json::Value::Null,
    }
}

/// Somebody who listens.
pub struct Listener {
    backlog: VecDeque<BusEvent>,
    receiver: broadcast::Receiver<BusEvent>,
}

impl Listener {
    /// The next event; `None` when the daemon ends.
    pub async fn next(&mut self) -> Option<BusEvent> {
        if let Some(event) = self.backlog.pop_front() {
            return Some(event);
        }
        match self.receiver.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                let event = self.receiver.recv().await.ok()?;
                let missed = missed(event.seq - 1);
                self.backlog.push_back(event);
                Some(missed)
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )]

    use super::*;

    #[tokio::test]
    async fn a_listener_that_comes_back_goes_on_behind_the_last_event_it_saw() {
        let bus = Bus::default();
        for number in 0..3 {
            bus.publish(Topic::Run, number.to_string(), serde_json::Value::Null);
        }
        let mut listener = bus.listen(Some(1));
        bus.publish(Topic::Run, "3", serde_json::Value::Null);
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(listener.next().await.unwrap().seq);
        }
        assert_eq!(seen, [2, 3, 4]);
    }

    #[tokio::test]
    async fn a_listener_that_was_away_too_long_is_told_so() {
        let bus = Bus::default();
        for number in 0..KEPT + 10 {
            bus.publish(Topic::Run, number.to_string(), serde_json::Value::Null);
        }
        assert_eq!(
            bus.listen(Some(2)).next().await.unwrap().topic,
            Topic::Missed
        );
        // Of an earlier process, whose numbers went further.
        assert_eq!(
            bus.listen(Some(1 << 40)).next().await.unwrap().topic,
            Topic::Missed
        );
    }

    #[tokio::test]
    async fn a_slow_listener_is_told_what_it_missed_and_publishing_never_waits() {
        let bus = Bus::default();
        let mut listener = bus.listen(None);
        for number in 0..BEHIND * 2 {
            bus.publish(Topic::Run, number.to_string(), serde_json::Value::Null);
        }
        assert_eq!(listener.next().await.unwrap().topic, Topic::Missed);
        assert_eq!(listener.next().await.unwrap().topic, Topic::Run);
    }
}
