//! The two clocks that engines are told.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quorate_core::{Instant, Now, Wall};
use rustix::time::{ClockId, clock_gettime};

/// Reads the monotonic and the wall clock. The world of a daemon begins at boot, so that the
/// instants of several daemons on one machine compare.
pub(crate) fn now() -> Now {
    let monotonic = clock_gettime(ClockId::Monotonic);
    let nanos = monotonic.tv_sec as u64 * 1_000_000_000 + monotonic.tv_nsec as u64;
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or(Duration::ZERO);
    Now::new(
        Instant::from_nanos(nanos),
        Wall::from_unix_secs(wall.as_secs()),
    )
}
