//! Whether this host is too slow for its own clocks, and which errors that explains.

use std::io;

use quorate_scenario::WorldError;

use super::latency_probe::LatencyProbe;
use super::run_queue::{DELAY_MAX, RunQueueDelays};
use crate::lan::LanCounters;

/// The measurements that show an overloaded host.
#[derive(Debug)]
pub(super) struct Overload {
    probe: LatencyProbe,
    delays: RunQueueDelays,
}

impl Overload {
    /// Measures from now on.
    pub(super) fn measure() -> Self {
        Self {
            probe: LatencyProbe::start(),
            delays: RunQueueDelays::start(),
        }
    }

    /// Why what was seen may be this host's fault. `counters` are the switch's, if there is one.
    pub(super) fn starved(&self, counters: Option<LanCounters>) -> Option<String> {
        // Frames for a machine that is off cannot be sent; they do not count.
        let lost = counters.map_or(0, |counters| counters.ring_full);
        if lost > 0 {
            return Some(format!("the switch lost {lost} frames for want of time"));
        }
        let late = self.probe.latest();
        if late > DELAY_MAX {
            let late = late.as_millis();
            return Some(format!(
                "a thread that slept for 10 ms woke up {late} ms late"
            ));
        }
        self.delays.worst().map(|delay| delay.shown())
    }
}

/// The error of a part of the world that failed, or that answered late: sockets with a time limit say `WouldBlock`
/// when it is over, and `Interrupted` when this process was stopped meanwhile (signal(7)).
pub(super) fn broken(what: &str, error: &io::Error) -> WorldError {
    let is_late = matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    );
    match is_late {
        true => WorldError::Late(format!("{what}: no answer in time ({error})")),
        false => WorldError::Broken(format!("{what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_time_limit_is_late_and_no_other_is() {
        for (error, late) in [
            (io::Error::from_raw_os_error(libc::EAGAIN), true),
            (io::Error::from_raw_os_error(libc::EINTR), true),
            (io::Error::from_raw_os_error(libc::ETIMEDOUT), true),
            (io::ErrorKind::TimedOut.into(), true),
            (io::Error::from_raw_os_error(libc::ECONNREFUSED), false),
            (io::Error::other("they ended"), false),
        ] {
            let is_late = matches!(broken("the servers", &error), WorldError::Late(_));
            assert_eq!(is_late, late, "{error}");
        }
    }
}
