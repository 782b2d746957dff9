//! One etcd member: followed by its log, polled over its HTTP gateway.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use quorate_etcd::LogEvent;
use quorate_scenario::What;
use quorate_scenario::story::{Machine as Role, VM_PATIENCE};

use super::etcd_client::Client;
use super::{RawObservation, monotonic_ns};
use crate::netns::NetNs;

/// A member's address, once its agent has a lease.
pub(super) type Address = Arc<Mutex<Option<Ipv4Addr>>>;

/// etcd's log within a machine's run directory.
pub(super) const LOG_FILE: &str = "log/etcd.service.log";

/// How closely a member is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// How often its log is looked at.
    look: Duration,
    /// How often it is asked at most.
    ask: Duration,
    /// How long it may take to answer.
    pub(super) patience: Duration,
}

impl Pace {
    /// Of the member on this machine, which can be looked at once in every `period`.
    pub(super) fn of(role: &Role, period: Duration) -> Self {
        let slow = role.hardware.is_vm;
        Self {
            look: period,
            ask: if slow { VM_ASK } else { Duration::ZERO },
            patience: if slow { ASK_MAX * VM_PATIENCE } else { ASK_MAX },
        }
    }
}

/// Watches one member while its machine is on. Stops when dropped.
#[derive(Debug)]
pub(super) struct Watch {
    address: Address,
    log: PathBuf,
    /// How many octets of the log it has read.
    read: Arc<AtomicU64>,
    healthy: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    forget: Arc<AtomicBool>,
}

impl Watch {
    /// Starts to watch the member of the machine in `dir`, from `ns`; its lease will be, or is,
    /// written to `address`.
    pub(super) fn start(
        (name, dir): (&str, &Path),
        ns: &Arc<NetNs>,
        pace: Pace,
        address: Address,
        observations: Sender<RawObservation>,
    ) -> io::Result<Self> {
        let log = dir.join(LOG_FILE);
        let offset = log.metadata().map_or(0, |metadata| metadata.len());
        let watch = Self {
            address,
            log: log.clone(),
            read: Arc::new(AtomicU64::new(offset)),
            healthy: Arc::default(),
            stop: Arc::default(),
            forget: Arc::default(),
        };
        let mut watcher = Watcher {
            name: name.to_owned(),
            offset,
            read: Arc::clone(&watch.read),
            log,
            partial: String::new(),
            records: BTreeSet::new(),
            ready: false,
            reported: None,
            pace,
            asked: None,
            address: Arc::clone(&watch.address),
            healthy: Arc::clone(&watch.healthy),
            observations,
        };
        let (stop, forget) = (Arc::clone(&watch.stop), Arc::clone(&watch.forget));
        let run = move || {
            while !stop.load(Ordering::Relaxed) {
                if forget.swap(false, Ordering::Relaxed) {
                    watcher.reported = None;
                }
                watcher.read_log();
                watcher.ask();
                thread::sleep(pace.look);
            }
        };
        ns.spawn(&format!("{name} watch"), run)?;
        Ok(watch)
    }

    /// Where the machine's lease will be written.
    pub(super) fn address(&self) -> Address {
        Arc::clone(&self.address)
    }

    pub(super) fn known_address(&self) -> Option<Ipv4Addr> {
        *self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the member answered last.
    pub(super) fn is_healthy(&self) -> bool {
        self.healthy.load(Ordering::Relaxed)
    }

    /// Waits until all that the log has now was read and reported. The thread that reads it may be
    /// waiting for an answer; after `patience` it has had its time.
    pub(super) fn catch_up(&self, patience: Duration) {
        let length = self.log.metadata().map_or(0, |metadata| metadata.len());
        let end = Instant::now() + patience;
        while self.read.load(Ordering::Acquire) < length && Instant::now() < end {
            thread::sleep(PERIOD);
        }
    }

    /// Reports its health again, even if that has not changed.
    pub(super) fn forget(&self) {
        self.forget.store(true, Ordering::Relaxed);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What the watching thread knows.
#[derive(Debug)]
struct Watcher {
    name: String,
    log: PathBuf,
    offset: u64,
    read: Arc<AtomicU64>,
    /// A line of the log that has no end yet.
    partial: String,
    /// The SRV records that the member has read and makes its cluster of.
    records: BTreeSet<String>,
    /// etcd has said that it serves clients.
    ready: bool,
    /// What was reported last of its health.
    reported: Option<What>,
    pace: Pace,
    /// When it was asked last.
    asked: Option<Instant>,
    address: Address,
    healthy: Arc<AtomicBool>,
    observations: Sender<RawObservation>,
}

impl Watcher {
    fn read_log(&mut self) {
        let Ok(mut file) = File::open(&self.log) else {
            return;
        };
        // A log that was full is put away, and begun anew.
        if file.metadata().is_ok_and(|it| it.len() < self.offset) {
            self.offset = 0;
        }
        let mut bytes = Vec::new();
        let read = file
            .seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.read_to_end(&mut bytes));
        let Ok(read) = read else { return };
        self.offset += read as u64;
        self.partial.push_str(&String::from_utf8_lossy(&bytes));
        while let Some(end) = self.partial.find('\n') {
            let line: String = self.partial.drain(..=end).collect();
            if let Some(event) = quorate_etcd::log::parse_line(&line) {
                self.handle_log_event(&event);
            }
        }
        self.read.store(self.offset, Ordering::Release);
    }

    fn handle_log_event(&mut self, event: &LogEvent) {
        if let LogEvent::Bootstrap { node } = event {
            self.records.insert(record(node));
        } else if let LogEvent::Started {
            member, cluster, ..
        } = event
        {
            if !self.records.is_empty() {
                let records = std::mem::take(&mut self.records).into_iter().collect();
                self.report(What::SrvRead { records });
            }
            self.report(What::Identified {
                cluster_id: *cluster,
                member_id: *member,
            });
        } else if let LogEvent::Ready = event {
            self.ready = true;
        } else if let LogEvent::SlowSync { took } = event {
            self.report(What::SlowWrite { took: took.clone() });
        } else if let LogEvent::ClockDrift { drift } = event {
            self.report(What::ClockDrift {
                drift: drift.clone(),
            });
        } else if let LogEvent::Fatal { .. } = event {
            self.ready = false;
            self.records.clear();
        }
    }

    /// Polls the member's status, and reports what has changed.
    fn ask(&mut self) {
        let address = *self.address.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(address) = address.filter(|_| self.ready) else {
            return;
        };
        if self
            .asked
            .is_some_and(|asked| asked.elapsed() < self.pace.ask)
        {
            return;
        }
        self.asked = Some(Instant::now());
        let what = match Client::new(address, self.pace.patience).view() {
            Ok(view) => What::Healthy {
                cluster_id: view.cluster_id,
                member_id: view.member_id,
                voters: view.voters.len(),
            },
            Err(error) => match &self.reported {
                // One that never was healthy is still starting, which is no news.
                Some(What::Healthy { .. }) => What::Unhealthy {
                    why: error.to_string(),
                },
                Some(_) | None => return,
            },
        };
        self.healthy
            .store(matches!(what, What::Healthy { .. }), Ordering::Relaxed);
        if self.reported.as_ref() != Some(&what) {
            self.reported = Some(what.clone());
            self.report(what);
        }
    }

    fn report(&self, what: What) {
        // The receiver is gone only when the world is.
        let _ = self
            .observations
            .send((monotonic_ns(), Some(self.name.clone()), what));
    }
}

/// `n1.lab.test:2380` of `0=http://n1.lab.test:2380`
fn record(node: &str) -> String {
    let url = node.split_once('=').map_or(node, |(_, url)| url);
    url.split_once("://")
        .map_or(url, |(_, host)| host)
        .to_owned()
}

/// How often each of so many members is looked at: all of them together ask no more than a few
/// hundred times a second, or they would be busy with us.
pub(super) fn period(members: usize) -> Duration {
    let crowd = u32::try_from(members / CROWD).unwrap_or(u32::MAX);
    PERIOD * crowd.max(1)
}

const PERIOD: Duration = Duration::from_millis(20);
const CROWD: usize = 5;
/// An emulated processor has other things to do than to answer.
const VM_ASK: Duration = Duration::from_secs(1);
const ASK_MAX: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const STARTED: &str = r#"{"level":"info","msg":"starting local member","local-member-id":"a1","cluster-id":"c1"}"#;

    /// 3.5 with JSON, and 3.4 as it logs by default.
    #[test]
    fn a_member_reports_the_records_that_its_cluster_is_made_of() {
        let zap = r#"{"level":"info","msg":"got bootstrap from DNS for etcd-server","node":"n2=http://n2.lab.test:2380"}"#;
        let plain = "2026-11-22 23:55:01.294029 N | embed: got bootstrap from DNS for etcd-server at 0=https://n1.lab.test:2380";
        let (observations, seen) = mpsc::channel();
        let mut watcher = Watcher {
            name: "n2".to_owned(),
            log: PathBuf::new(),
            offset: 0,
            read: Arc::default(),
            partial: String::new(),
            records: BTreeSet::new(),
            ready: false,
            reported: None,
            pace: Pace {
                look: PERIOD,
                ask: Duration::ZERO,
                patience: ASK_MAX,
            },
            asked: None,
            address: Arc::default(),
            healthy: Arc::default(),
            observations,
        };
        for line in [zap, plain, STARTED] {
            watcher.handle_log_event(&quorate_etcd::log::parse_line(line).unwrap());
        }
        let records = vec!["n1.lab.test:2380".to_owned(), "n2.lab.test:2380".to_owned()];
        let first = seen.try_recv().unwrap();
        assert_eq!(first.2, What::SrvRead { records });
        assert!(matches!(
            seen.try_recv().unwrap().2,
            What::Identified { .. }
        ));
        // With the data directory that it has now, it reads no records.
        watcher.handle_log_event(&quorate_etcd::log::parse_line(STARTED).unwrap());
        assert!(matches!(
            seen.try_recv().unwrap().2,
            What::Identified { .. }
        ));
    }
}
