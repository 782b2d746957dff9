//! What comes of a host that is too slow for its own clocks: how that is measured, and which
//! errors it explains.

use std::io;
use std::time::Duration;

use quorate_scenario::WorldError;

use super::pulse::Pulse;
use super::waits::Waits;
use crate::lan::LanCounters;

/// All that shows that a host is starved.
#[derive(Debug)]
pub(super) struct Lateness {
    pulse: Pulse,
    waits: Waits,
}

impl Lateness {
    /// Measures from now on.
    pub(super) fn measure() -> Self {
        Self {
            pulse: Pulse::start(),
            waits: Waits::start(),
        }
    }

    /// Why what was seen may be this host's fault. `counters` are the switch's, if there is one.
    pub(super) fn starved(&self, counters: Option<LanCounters>) -> Option<String> {
        // Frames for a machine that is off fail to be sent, which is as it should be.
        let lost = counters.map_or(0, |counters| counters.ring_full);
        if lost > 0 {
            return Some(format!("the switch lost {lost} frames for want of time"));
        }
        let late = self.pulse.latest();
        if late > LATE_MAX {
            let late = late.as_millis();
            return Some(format!(
                "a thread that slept for 10 ms woke up {late} ms late"
            ));
        }
        self.waits.worst().map(|wait| wait.shown())
    }
}

/// A part of the world that failed, or that was late: sockets with a time limit say `WouldBlock`
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

/// etcd's default election timeout: a host that sleeps longer breaks elections by itself.
pub(super) const LATE_MAX: Duration = Duration::from_millis(1_000);

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
