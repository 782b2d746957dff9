//! The clocks of the machine.

use quorate_core::{Instant, Now, Wall};
use rustix::time::ClockId;

pub(crate) fn now() -> Now {
    let wall = rustix::time::clock_gettime(ClockId::Realtime);
    let secs = u64::try_from(wall.tv_sec).unwrap_or(0);
    Now::new(monotonic(), Wall::from_unix_secs(secs))
}

/// The engine's instants are the kernel's, so that its deadlines compare with `mono_ns`.
pub(crate) fn monotonic() -> Instant {
    let time = rustix::time::clock_gettime(ClockId::Monotonic);
    let secs = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Instant::from_nanos(secs.saturating_mul(1_000_000_000).saturating_add(nanos))
}
