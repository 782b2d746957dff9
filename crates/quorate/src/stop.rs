//! How one thread ends the run of another.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Ends a run from another thread. Copies end the same run.
#[derive(Clone, Debug, Default)]
pub struct StopHandle(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// The process of the run.
    Running(OwnedFd),
    Stopped,
}

impl StopHandle {
    /// Kills the run that goes on, of which nothing is left, and lets no other begin.
    pub fn stop(&self) {
        let mut state = self.state();
        if let State::Running(pidfd) = &*state {
            // Too late when it has just ended.
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
        }
        *state = State::Stopped;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        matches!(*self.state(), State::Stopped)
    }

    /// `child` is the run that [`stop`](Self::stop) ends.
    pub(crate) fn set_running(&self, child: &Child) -> io::Result<()> {
        let mut state = self.state();
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pidfd = pidfd_open(pid.ok_or(io::ErrorKind::InvalidData)?, PidfdFlags::empty())?;
        if matches!(*state, State::Stopped) {
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        } else {
            *state = State::Running(pidfd);
        }
        Ok(())
    }

    pub(crate) fn set_idle(&self) {
        let mut state = self.state();
        if matches!(*state, State::Running(_)) {
            *state = State::Idle;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
