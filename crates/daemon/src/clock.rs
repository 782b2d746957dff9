//! The two clocks of engines, read from the kernel.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quorate_core::{Instant, Now, Wall};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use tokio::net::unix::pipe;

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

/// Notices when the wall clock is set: a server that has nothing else to do must learn of it,
/// since its records have dates.
#[derive(Debug)]
pub(crate) struct ChangeNotifier(pipe::Receiver);

impl ChangeNotifier {
    /// # Errors
    /// When the kernel gives no such timer.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
        let never = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: i64::MAX >> 32,
                tv_nsec: 0,
            },
        };
        // timerfd_create(2): an absolute timer of the wall clock is cancelled by a jump of it.
        let jumps = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        timerfd_settime(&timer, jumps, &never)?;
        // A timer is read like a pipe, and tokio has no safe type of its own for it.
        pipe::Receiver::from_owned_fd_unchecked(timer).map(Self)
    }

    /// Waits until the clock is set.
    pub(crate) async fn changed(&self) {
        loop {
            if self.0.readable().await.is_err() {
                return std::future::pending().await;
            }
            match self.0.try_read(&mut [0; 8]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // ECANCELED is the answer to be expected; the timer goes on.
                Ok(_) | Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future as _;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    /// A test cannot set the clock of its host. It can see that the kernel accepts the timer and
    /// that the timer is silent.
    #[tokio::test]
    async fn no_change_is_notified_by_itself() {
        let notifier = ChangeNotifier::new().unwrap();
        let mut context = Context::from_waker(Waker::noop());
        assert_eq!(pin!(notifier.changed()).poll(&mut context), Poll::Pending);
    }
}
