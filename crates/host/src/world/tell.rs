//! Reads what processes tell, one JSON line each, into observations.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use quorate_daemon::Event as ServeEvent;
use quorate_etcd::LogEvent;
use quorate_node::event::Event as NodeEvent;
use quorate_scenario::{Link, What};
use quorate_world::tell::{BootTeller, MachineTeller, of_servers};

use super::member::LOG_FILE;
use super::{Told, monotonic_ns};

/// A member's address, once its agent has told it.
pub(super) type Address = Arc<Mutex<Option<Ipv4Addr>>>;

/// Reads what the daemons tell until they end.
pub(super) fn follow_servers(
    stdout: ChildStdout,
    boots: Option<BootTeller>,
    tell: Sender<Told>,
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
            let booting = boots.as_ref().and_then(|boots| boots.what(&line.event));
            if let Some((machine, what)) = booting {
                let _ = tell.send((line.mono_ns, Some(machine), what));
            }
            if let Some((machine, what)) = of_servers(line.event)
                && tell.send((line.mono_ns, machine, what)).is_err()
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

/// Tells what a machine's console shows of its boot until the machine is off.
pub(super) fn follow_boot(
    marks: Receiver<(u64, Link)>,
    name: String,
    tell: Sender<Told>,
) -> io::Result<()> {
    let thread = thread::Builder::new().name(format!("{name} boot"));
    let read = move || {
        for (at_ns, link) in marks {
            let told = (at_ns, Some(name.clone()), What::Booting { link });
            if tell.send(told).is_err() {
                return;
            }
        }
    };
    thread.spawn(read).map(drop)
}

/// Whoever listens to one machine.
#[derive(Debug)]
pub(super) struct Follower {
    pub(super) name: String,
    pub(super) dir: PathBuf,
    /// Learns the lease.
    pub(super) address: Option<Address>,
    /// The machine's clock is ours; what another one tells happens when it is heard.
    pub(super) shares_clock: bool,
    pub(super) tell: Sender<Told>,
}

impl Follower {
    /// Reads what the machine's agent tells until the machine is off.
    pub(super) fn follow(self, told: impl Read + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name(format!("{} agent", self.name));
        let read = move || {
            let mut teller = MachineTeller::default();
            for line in BufReader::new(told).lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str::<quorate_agent::Line>(&line) else {
                    continue;
                };
                let at_ns = match self.shares_clock {
                    true => line.mono_ns,
                    false => monotonic_ns(),
                };
                if let (NodeEvent::Leased(lease), Some(address)) = (&line.event, &self.address) {
                    *address.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.addr);
                }
                if let (NodeEvent::PoweredOn, false) = (&line.event, self.shares_clock) {
                    let what = clock_read(line.wall_secs);
                    if self
                        .tell
                        .send((at_ns, Some(self.name.clone()), what))
                        .is_err()
                    {
                        return;
                    }
                }
                let last_words = || last_words(&self.dir.join(LOG_FILE));
                let Some(what) = teller.what(line.event, last_words) else {
                    continue;
                };
                let told = (at_ns, Some(self.name.clone()), what);
                if self.tell.send(told).is_err() {
                    return;
                }
            }
        };
        thread.spawn(read).map(drop)
    }
}

/// What a machine takes for the time, beside what this host does.
fn clock_read(unix_secs: u64) -> What {
    let ours = SystemTime::now().duration_since(UNIX_EPOCH);
    let ours = ours.map_or(0, |since| since.as_secs());
    let signed = |secs: u64| i64::try_from(secs).unwrap_or(i64::MAX);
    What::ClockRead {
        unix_secs,
        ahead_secs: signed(unix_secs) - signed(ours),
    }
}

/// Why etcd ended, as the end of its log says.
fn last_words(log: &Path) -> Option<String> {
    let bytes = fs::read(log).ok()?;
    let tail = &bytes[bytes.len().saturating_sub(LOG_TAIL_OCTETS)..];
    let text = String::from_utf8_lossy(tail);
    let fatal = |event| {
        if let LogEvent::Fatal { error } = event {
            Some(error)
        } else {
            None
        }
    };
    quorate_etcd::log::parse(&text).filter_map(fatal).last()
}

const LOG_TAIL_OCTETS: usize = 16 << 10;
