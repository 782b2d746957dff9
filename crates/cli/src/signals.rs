//! Ctrl-C for verbs that run many scenarios.

use std::thread;

use quorate::runner::StopHandle;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::error::CliError;

/// The first SIGINT or SIGTERM ends the run that goes on, and no other begins; this process lives
/// to print what it has.
pub(crate) fn stop_on_signals() -> Result<StopHandle, CliError> {
    let failed = |source| CliError::System {
        what: "no signals",
        source,
    };
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let stop = StopHandle::default();
    let handle = stop.clone();
    let listen = move || {
        for _ in signals.forever() {
            handle.stop();
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(listen)
        .map_err(failed)?;
    Ok(stop)
}
