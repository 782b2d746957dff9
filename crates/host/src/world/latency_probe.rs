//! Measures scheduling latency: how late a thread wakes up that sleeps for a short time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A thread that sleeps and measures how late it wakes. Stops when dropped.
#[derive(Debug)]
pub(super) struct LatencyProbe {
    latest_ms: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl LatencyProbe {
    pub(super) fn start() -> Self {
        let (latest_ms, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let probe = Self {
            latest_ms: Arc::clone(&latest_ms),
            stop: Arc::clone(&stop),
        };
        let measure = move || {
            while !stop.load(Ordering::Relaxed) {
                let before = Instant::now();
                thread::sleep(PERIOD);
                let late = before.elapsed().saturating_sub(PERIOD).as_millis();
                latest_ms.fetch_max(u64::try_from(late).unwrap_or(u64::MAX), Ordering::Relaxed);
            }
        };
        // Without the thread no run counts as starved: it fails instead of being inconclusive.
        let _ = thread::Builder::new()
            .name("latency probe".to_owned())
            .spawn(measure);
        probe
    }

    /// How late the latest wake-up was.
    pub(super) fn latest(&self) -> Duration {
        Duration::from_millis(self.latest_ms.load(Ordering::Relaxed))
    }
}

impl Drop for LatencyProbe {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

const PERIOD: Duration = Duration::from_millis(10);
