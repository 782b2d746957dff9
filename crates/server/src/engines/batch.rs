//! The batch: one sync for all that was appended, and what follows when the disk fails.
//!
//! ```text
//!        sync fails                       retry: reopen
//!   Up ─────────────► Down until retry ◄──────────────┐ fails
//!    ▲                     │                          │
//!    └─────────────────────┴── reopened, and synced ──┘
//! ```
//!
//! While it is down every batch fails at once: engines go back to what is on disk and go on from
//! memory. Only promises end: a REQUEST gets no answer, an UPDATE gets SERVFAIL.

use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_core::{Deadline, Engine, Instant, Now, Ticket};

use super::{Engines, Journal, Service};
use crate::event::Event;
use crate::record::binding;

/// Whether anything can be promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DiskState {
    Up,
    Down {
        retry_at: Instant,
        backoff: Duration,
        /// Batches that failed since it was up.
        refused: u64,
    },
}

/// Whether the log is being rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Compaction {
    #[default]
    Idle,
    Running {
        bytes_before: u64,
        /// When to look whether it is done.
        look_at: Instant,
    },
    /// It failed, and is begun again then.
    Resting { until: Instant },
}

impl DiskState {
    pub(super) fn is_down_at(self, now: Instant) -> bool {
        matches!(self, Self::Down { retry_at, .. } if now < retry_at)
    }

    /// While the disk is down nothing is due before it is tried again.
    pub(super) fn or_retry(self, earliest: Option<Deadline>) -> Option<Deadline> {
        match self {
            Self::Up => earliest,
            Self::Down { retry_at, .. } => Some(Deadline::new(retry_at, "the log is tried again")),
        }
    }
}

impl Compaction {
    pub(super) fn or_look(self, earliest: Option<Deadline>) -> Option<Deadline> {
        match self {
            Self::Running { look_at, .. } => {
                let look = Deadline::new(look_at, "the log may be rewritten");
                Deadline::earliest(earliest, Some(look))
            }
            Self::Idle | Self::Resting { .. } => earliest,
        }
    }
}

impl<J: Journal> Engines<J> {
    /// Syncs what was written and releases the outputs that waited for it. What the disk refuses
    /// ends in the engines that asked for it; everything else goes on.
    pub fn commit(&mut self, now: Now) {
        self.retry(now);
        while !self.unsynced.is_empty() {
            match self.log.sync() {
                Ok(()) => self.release_batch(now),
                Err(error) => {
                    self.go_down(&error, now);
                    self.fail_batch(now);
                }
            }
            self.drain(now);
        }
        self.compact_in_time(now);
    }

    /// Tries a log that failed again, when it is time.
    fn retry(&mut self, now: Now) {
        let DiskState::Down {
            retry_at,
            backoff,
            refused,
        } = self.disk
        else {
            return;
        };
        if now.instant < retry_at {
            return;
        }
        match self.log.reopen() {
            Ok(()) => {
                self.disk = DiskState::Up;
                self.events.push(Event::LogRecovered { refused });
                // Now what fell due while it was down.
                self.tick(now);
            }
            Err(_) => {
                let backoff = (backoff * 2).min(BACKOFF_MAX);
                self.disk = DiskState::Down {
                    retry_at: now.instant + backoff,
                    backoff,
                    refused,
                };
            }
        }
    }

    fn release_batch(&mut self, now: Now) {
        // Taken out first: an engine that hears of its write may want the next one, which
        // belongs to the next sync.
        for done in std::mem::take(&mut self.unsynced) {
            let ticket = done.ticket;
            match done.service {
                Service::Dhcp => self
                    .dhcp
                    .iter_mut()
                    .for_each(|e| e.handle_written(ticket, now)),
                Service::Dns => self
                    .dns
                    .iter_mut()
                    .for_each(|e| e.handle_written(ticket, now)),
                Service::Ddns => self
                    .ddns
                    .iter_mut()
                    .for_each(|e| e.handle_written(ticket, now)),
            }
        }
    }

    /// The engines go back to what is on disk.
    fn fail_batch(&mut self, now: Now) {
        let failed = std::mem::take(&mut self.unsynced);
        let first = |service: Service| -> Option<Ticket> {
            let of_it = failed.iter().find(|one| one.service == service);
            of_it.map(|one| one.ticket)
        };
        if let (Some(engine), Some(ticket)) = (&mut self.dns, first(Service::Dns)) {
            engine.handle_write_failed(ticket, now);
        }
        if let (Some(engine), Some(ticket)) = (&mut self.ddns, first(Service::Ddns)) {
            engine.handle_write_failed(ticket, now);
        }
        if let (Some(engine), Some(ticket)) = (&mut self.dhcp, first(Service::Dhcp)) {
            engine.handle_write_failed(ticket, now);
        }
        let addrs: Vec<Ipv4Addr> = failed.iter().filter_map(|one| one.addr).collect();
        self.reconcile_addrs(&addrs, now);
    }

    /// The registrar heard of these leases before they were on disk, and now they are not.
    fn reconcile_addrs(&mut self, addrs: &[Ipv4Addr], now: Now) {
        let (Some(dhcp), Some(ddns)) = (&self.dhcp, &mut self.ddns) else {
            return;
        };
        for addr in addrs.iter().copied() {
            let command = match dhcp.active_lease(addr) {
                Some(lease) => quorate_ddns::Command::Bound(binding(&lease)),
                None => quorate_ddns::Command::Ended { addr },
            };
            ddns.command(command, now);
        }
    }

    /// A batch has failed, on the disk or because the disk has failed before.
    fn go_down(&mut self, error: &J::Error, now: Now) {
        if let DiskState::Down { refused, .. } = &mut self.disk {
            *refused += 1;
            return;
        }
        let why = error.to_string();
        self.events.push(Event::LogFailed { why });
        self.disk = DiskState::Down {
            retry_at: now.instant + INITIAL_BACKOFF,
            backoff: INITIAL_BACKOFF,
            refused: 1,
        };
    }

    /// Has the log rewritten when it has outgrown what was worth keeping. That goes on beside
    /// everything else; nothing here costs more when there is more to keep.
    fn compact_in_time(&mut self, now: Now) {
        match self.compaction {
            Compaction::Running {
                bytes_before,
                look_at: _,
            } => self.end_compaction(bytes_before, now),
            Compaction::Resting { until } if now.instant < until => {}
            Compaction::Idle | Compaction::Resting { .. } => {
                let bytes_before = self.log.len_bytes();
                let worth = self.log.live_bytes().saturating_mul(COMPACTION_GROWTH);
                if self.disk != DiskState::Up
                    || bytes_before <= worth.max(self.log.compaction_bytes_min())
                {
                    return;
                }
                match self.log.start_compaction() {
                    Ok(()) => {
                        let look_at = now.instant + COMPACTION_LOOK;
                        self.compaction = Compaction::Running {
                            bytes_before,
                            look_at,
                        };
                    }
                    Err(error) => self.rest_compaction(&error, now),
                }
            }
        }
    }

    fn end_compaction(&mut self, bytes_before: u64, now: Now) {
        // A log that failed is reopened first.
        let done = match self.disk {
            DiskState::Up => self.log.poll_compaction(),
            DiskState::Down { .. } => None,
        };
        match done {
            None => {
                let look_at = now.instant + COMPACTION_LOOK;
                self.compaction = Compaction::Running {
                    bytes_before,
                    look_at,
                };
            }
            Some(Ok(())) => {
                self.compaction = Compaction::Idle;
                let bytes = self.log.len_bytes();
                self.events.push(Event::Compacted {
                    bytes_before,
                    bytes,
                });
            }
            Some(Err(error)) => self.rest_compaction(&error, now),
        }
    }

    fn rest_compaction(&mut self, error: &J::Error, now: Now) {
        let why = error.to_string();
        self.events.push(Event::CompactionFailed { why });
        let until = now.instant + COMPACTION_REST;
        self.compaction = Compaction::Resting { until };
    }
}

/// Rewritten when it has grown to this many times what was worth keeping.
const COMPACTION_GROWTH: u64 = 3;
const COMPACTION_LOOK: Duration = Duration::from_millis(50);
/// A compaction that failed is tried again after this long.
const COMPACTION_REST: Duration = Duration::from_secs(30);
/// A log that failed is tried again after this long, then after twice as long, and so on.
const INITIAL_BACKOFF: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(8);
