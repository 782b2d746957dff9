//! Events of the sockets that are tasks of their own, on their way to the main loop.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quorate_server::Event;
use tokio::sync::mpsc;

/// Where such a socket reports what happened.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    events: mpsc::Sender<Event>,
    lost: Arc<AtomicU64>,
}

/// Where the main loop finds it.
#[derive(Debug)]
pub(crate) struct Reports {
    events: mpsc::Receiver<Event>,
    lost: Arc<AtomicU64>,
}

/// Both ends of a bounded queue.
pub(crate) fn channel() -> (Reporter, Reports) {
    let (sender, receiver) = mpsc::channel(EVENTS_MAX);
    let lost = Arc::new(AtomicU64::new(0));
    let reporter = Reporter {
        events: sender,
        lost: Arc::clone(&lost),
    };
    let reports = Reports {
        events: receiver,
        lost,
    };
    (reporter, reports)
}

impl Reporter {
    /// Reports it, or counts it while the main loop has enough to do.
    pub(crate) fn report(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reports what was refused to whom.
    pub(crate) fn refused(&self, service: &str, source: IpAddr, why: String) {
        self.report(Event::Refused {
            service: service.to_owned(),
            source: Some(source),
            why,
        });
    }
}

impl Reports {
    /// The next event.
    pub(crate) async fn receive(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// What else is there, up to a batch, and how many there was no room for.
    pub(crate) fn drain(&mut self) -> Vec<Event> {
        let more = std::iter::from_fn(|| self.events.try_recv().ok());
        let mut events: Vec<_> = more.take(BATCH_MAX).collect();
        let count = self.lost.swap(0, Ordering::Relaxed);
        if count > 0 {
            events.push(Event::LinesDropped { count });
        }
        events
    }
}

const EVENTS_MAX: usize = 4_096;
const BATCH_MAX: usize = 256;
