//! Ctrl-C for verbs that run many stories.

use std::io;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::tell::Stop;

/// The first SIGINT or SIGTERM ends the run that goes on, and no other begins; this process lives
/// to tell what it has.
pub(crate) fn on_signals(stop: &Stop) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let stop = stop.clone();
    let listen = move || {
        for _ in signals.forever() {
            stop.stop();
        }
    };
    thread::Builder::new()
        .name("signals".into())
        .spawn(listen)
        .map(drop)
}
