//! Translates the events that processes print, one JSON line each, into observations.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use quorate_agent::Report;
use quorate_daemon::Event as ServeEvent;
use quorate_node::event::Event as NodeEvent;
use quorate_scenario::{Link, What};
use quorate_world::observe::{BootObserver, MachineObserver, server_event};

use super::member::{Address, LOG_FILE};
use super::{RawObservation, monotonic_ns};

/// Follows the daemons until they end.
pub(super) fn follow_servers(
    stdout: ChildStdout,
    boots: Option<BootObserver>,
    observations: Sender<RawObservation>,
    ready: Sender<()>,
) -> io::Result<()> {
    let read = move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str::<quorate_daemon::Line>(&line) else {
                continue;
            };
            if matches!(line.event, ServeEvent::Ready { .. }) {
                let _ = ready.send(());
            }
            let booting = boots.as_ref().and_then(|boots| boots.observe(&line.event));
            if let Some((machine, what)) = booting {
                let _ = observations.send((line.mono_ns, Some(machine), what));
            }
            if let Some((machine, what)) = server_event(line.event)
                && observations.send((line.mono_ns, machine, what)).is_err()
            {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("servers".to_owned())
        .spawn(read)
        .map(drop)
}

/// Reports the links of its boot that a machine's console shows, until the machine is off.
pub(super) fn follow_boot(
    marks: Receiver<(u64, Link)>,
    name: String,
    observations: Sender<RawObservation>,
) -> io::Result<()> {
    let thread = thread::Builder::new().name(format!("{name} boot"));
    let read = move || {
        for (at_ns, link) in marks {
            let seen = (at_ns, Some(name.clone()), What::Booting { link });
            if observations.send(seen).is_err() {
                return;
            }
        }
    };
    thread.spawn(read).map(drop)
}

/// Follows the agent of one machine.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    /// Where the lease is noted.
    pub(super) address: Option<Address>,
    /// The machine's clock is ours. An event of any other machine counts from when it arrives.
    pub(super) shares_clock: bool,
    pub(super) observations: Sender<RawObservation>,
}

impl Follower {
    /// Reads `events` until the machine is off.
    pub(super) fn follow(self, events: impl Read + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name(format!("{} agent", self.name));
        let read = move || {
            let mut observer = MachineObserver::default();
            let log = self.dir.join(LOG_FILE);
            let mut read = log.metadata().map_or(0, |it| it.len() as usize);
            for line in BufReader::new(events).lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str::<quorate_agent::Line>(&line) else {
                    continue;
                };
                let at_ns = match self.shares_clock {
                    true => line.mono_ns,
                    false => monotonic_ns(),
                };
                let Report::Event(event) = line.report else {
                    continue;
                };
                if let (NodeEvent::Leased(lease), Some(address)) = (&event, &self.address) {
                    *address.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.addr);
                }
                if let (NodeEvent::PoweredOn, false) = (&event, self.shares_clock) {
                    let what = clock_read(line.wall_secs);
                    if self
                        .observations
                        .send((at_ns, Some(self.name.clone()), what))
                        .is_err()
                    {
                        return;
                    }
                }
                let last_words = || {
                    let (words, length) = last_words(&log, read);
                    read = length;
                    words
                };
                let Some(what) = observer.observe(event, last_words) else {
                    continue;
                };
                let seen = (at_ns, Some(self.name.clone()), what);
                if self.observations.send(seen).is_err() {
                    return;
                }
            }
        };
        thread.spawn(read).map(drop)
    }
}

/// The time on a machine's clock, and how far ahead of this host's it is.
fn clock_read(unix_secs: u64) -> What {
    let ours = SystemTime::now().duration_since(UNIX_EPOCH);
    let ours = ours.map_or(0, |since| since.as_secs());
    let signed = |secs: u64| i64::try_from(secs).unwrap_or(i64::MAX);
    What::ClockRead {
        unix_secs,
        ahead_secs: signed(unix_secs) - signed(ours),
    }
}

/// Why etcd ended, as its log says that it wrote after the first `read` octets of it; and how long
/// the log is now.
fn last_words(log: &Path, read: usize) -> (Option<String>, usize) {
    let Ok(bytes) = fs::read(log) else {
        return (None, 0);
    };
    // A log that was full is put away, and begun anew.
    let new = bytes.get(read..).unwrap_or(&bytes);
    let tail = &new[new.len().saturating_sub(LOG_TAIL_OCTETS)..];
    let words = quorate_etcd::log::last_words(&String::from_utf8_lossy(tail));
    (words, bytes.len())
}

/// The last line that the service of the machine in `dir` wrote, or the step before it.
pub(super) fn last_line(dir: &Path) -> Option<String> {
    let bytes = fs::read(dir.join(LOG_FILE)).ok()?;
    let tail = &bytes[bytes.len().saturating_sub(LOG_TAIL_OCTETS)..];
    let text = String::from_utf8_lossy(tail);
    let before = text.lines().rev().find(|line| !line.trim().is_empty());
    let before = before.filter(|line| line.starts_with("await-peers: "));
    match before {
        Some(line) => Some(line.to_owned()),
        None => quorate_etcd::log::last_words(&text),
    }
}

const LOG_TAIL_OCTETS: usize = 16 << 10;
