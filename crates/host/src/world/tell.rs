//! Reads what processes tell, one JSON line each, into observations.

use std::fs;
use std::io::{self, BufRead as _, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use quorate_etcd::LogEvent;
use quorate_node::event::Event as NodeEvent;
use quorate_serve::Event as ServeEvent;
use quorate_stage::tell::{MachineTeller, of_servers};

use super::Told;
use super::member::LOG_FILE;

/// A member's address, once its agent has told it.
pub(super) type Address = Arc<Mutex<Option<Ipv4Addr>>>;

/// Reads what the daemons tell until they end.
pub(super) fn follow_servers(
    stdout: ChildStdout,
    tell: Sender<Told>,
    ready: Sender<()>,
) -> io::Result<()> {
    let read = move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str::<quorate_serve::Line>(&line) else {
                continue;
            };
            if matches!(line.event, ServeEvent::Ready { .. }) {
                let _ = ready.send(());
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

/// Reads what a machine's agent tells until the machine is off. `address` learns the lease.
pub(super) fn follow_machine(
    told: impl Read + Send + 'static,
    name: String,
    dir: PathBuf,
    address: Option<Address>,
    tell: Sender<Told>,
) -> io::Result<()> {
    let thread = thread::Builder::new().name(format!("{name} agent"));
    let read = move || {
        let mut teller = MachineTeller::default();
        for line in BufReader::new(told).lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str::<quorate_agent::Line>(&line) else {
                continue;
            };
            if let (NodeEvent::Leased(lease), Some(address)) = (&line.event, &address) {
                *address.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease.addr);
            }
            let Some(what) = teller.what(line.event, || last_words(&dir.join(LOG_FILE))) else {
                continue;
            };
            if tell.send((line.mono_ns, Some(name.clone()), what)).is_err() {
                return;
            }
        }
    };
    thread.spawn(read).map(drop)
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
