//! SIGINT and SIGTERM end a run, whenever they come.
//!
//! While a run is prepared nothing of it is there yet, and this process ends with what it has started
//! to fetch. Later the run gets the signal, and some time to write what there is.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{self, Child};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use quorate::runner::RunDir;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::{CliError, SIGNALLED};

/// Watches for signals until the program ends.
#[derive(Debug)]
pub(super) struct Interrupts(Arc<Mutex<State>>);

#[derive(Debug)]
enum State {
    Preparing,
    Running {
        run: OwnedFd,
        /// The first signal that came.
        signal: Option<i32>,
    },
}

impl Interrupts {
    pub(super) fn watch() -> io::Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let interrupts = Self(Arc::new(Mutex::new(State::Preparing)));
        let watcher = Self(Arc::clone(&interrupts.0));
        let watch = move || signals.forever().for_each(|signal| watcher.handle(signal));
        thread::Builder::new().name("signals".into()).spawn(watch)?;
        Ok(interrupts)
    }

    /// Starts a run, to which signals go from now on. One that comes meanwhile waits.
    pub(super) fn start(
        &self,
        start: impl FnOnce() -> Result<(Child, RunDir), CliError>,
    ) -> Result<(Child, RunDir), CliError> {
        let mut state = self.state();
        let (child, dir) = start()?;
        let failed = |source| CliError::System {
            what: "cannot watch the run",
            source,
        };
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| failed(io::ErrorKind::InvalidData.into()))?;
        let run = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| failed(error.into()))?;
        *state = State::Running { run, signal: None };
        Ok((child, dir))
    }

    /// The signal that ended a run with this exit code, if one did.
    pub(super) fn ended_run(&self, code: Option<u8>) -> Option<u8> {
        let State::Running { signal, .. } = *self.state() else {
            return None;
        };
        let signal = u8::try_from(signal?).ok()?;
        // A run that had come to its end was not interrupted.
        code.is_none_or(|code| code == SIGNALLED + signal)
            .then_some(signal)
    }

    fn handle(&self, signal: i32) {
        match &mut *self.state() {
            State::Preparing => {
                end_children();
                let signal = u8::try_from(signal).unwrap_or_default();
                let code = CliError::Interrupted { signal }.report();
                process::exit(code.into());
            }
            State::Running { run, signal: first } => {
                // Too late when it has just ended. A terminal's Ctrl-C has reached it without our
                // help, and once more does no harm.
                let forwarded = match signal {
                    SIGTERM => Signal::TERM,
                    _ => Signal::INT,
                };
                let _ = pidfd_send_signal(&*run, forwarded);
                if first.replace(signal).is_none()
                    && let Ok(run) = run.try_clone()
                {
                    thread::spawn(move || kill_late(&run));
                }
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a run that does not end by itself. Nothing is left of it: its processes die with it.
fn kill_late(run: &OwnedFd) {
    thread::sleep(GRACE);
    let _ = pidfd_send_signal(run, Signal::KILL);
}

/// Ends what this process has started to fetch and make something.
fn end_children() {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten();
    let lists = tasks
        .filter_map(Result::ok)
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    for list in lists {
        for pid in list.split_whitespace() {
            if let Some(pid) = pid.parse().ok().and_then(Pid::from_raw) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// How long a run may write what there is.
const GRACE: Duration = Duration::from_millis(1_500);
