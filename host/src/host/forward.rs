//! Events from calls that own their listener to a listener that is only borrowed.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Event, Events};

/// Events that may wait. A listener that is slower than that misses some; nothing depends on them.
const WAITING: usize = 4096;

struct Forward(mpsc::Sender<Event>);

impl Events for Forward {
    fn event(&self, event: Event) {
        let _ = self.0.try_send(event);
    }
}

/// Does the work, and hands its events over as they come.
pub(super) async fn forwarding<T, F: Future<Output = T>>(
    events: &dyn Events,
    work: impl FnOnce(Arc<dyn Events>) -> F,
) -> T {
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let mut work = std::pin::pin!(work(Arc::new(Forward(sender))));
    loop {
        tokio::select! {
            biased;
            Some(event) = receiver.recv() => events.event(event),
            value = &mut work => {
                while let Ok(event) = receiver.try_recv() {
                    events.event(event);
                }
                return value;
            }
        }
    }
}
