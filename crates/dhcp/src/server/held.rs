//! What waits for the disk, and how it is taken back when the disk refuses it.
//!
//! The database changes at once, so that two clients that ask in one batch do not get one address;
//! the answer waits. A write that fails undoes its change, and those behind it first.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::{Bug, Instant, Now, Ticket, Transmit};

use super::Server;
use super::binding::{Binding, Phase};
use super::event::{DropReason, Event, Sender};
use super::lease::{LeaseRecord, ServerRecord};
use crate::CLIENT_PORT;
use crate::wire::MessageType;

/// What follows the sync of one record.
#[derive(Debug)]
pub(super) struct Held {
    reply: Option<Transmit>,
    event: Option<Event>,
    undo: Undo,
}

/// What the database was before.
#[derive(Debug)]
enum Undo {
    /// What stood at the address.
    Binding {
        addr: Ipv4Addr,
        before: Option<Box<Binding>>,
    },
    /// A step of the clock is never undone: it is written again.
    Clock { secs: i64 },
}

/// Steps of the wall clock that the disk refused, in sum, and when they are written again.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwedStep {
    pub(super) secs: i64,
    pub(super) at: Instant,
}

impl Server {
    /// Keeps what a record promises until it is on disk; `before` stood at its address.
    pub(super) fn hold(
        &mut self,
        record: LeaseRecord,
        reply: Option<Transmit>,
        event: Event,
        before: Option<Binding>,
    ) {
        // First: the dates of this record are those of the new clock.
        self.write_owed_step();
        let addr = record.lease.addr;
        let ticket = self.queue.write(ServerRecord::Lease(record));
        let reply = reply.and_then(|reply| {
            if self.config.mutant.is(Bug::AckBeforeDurable) {
                self.queue.transmit(reply);
                return None;
            }
            Some(reply)
        });
        let before = before.map(Box::new);
        let held = Held {
            reply,
            event: Some(event),
            undo: Undo::Binding { addr, before },
        };
        self.held.insert(ticket, held);
    }

    pub(super) fn write_step(&mut self, secs: i64) {
        self.write_owed_step();
        let ticket = self.queue.write(ServerRecord::ClockSet { secs });
        let held = Held {
            reply: None,
            event: None,
            undo: Undo::Clock { secs },
        };
        self.held.insert(ticket, held);
    }

    pub(super) fn write_owed_step(&mut self) {
        if let Some(owed) = self.owed_step.take() {
            self.write_step(owed.secs);
        }
    }

    /// Everything up to `ticket` is on disk.
    pub(super) fn release_held(&mut self, ticket: Ticket) {
        while let Some(entry) = self.held.first_entry().filter(|e| *e.key() <= ticket) {
            let Held { reply, event, .. } = entry.remove();
            if let Some(reply) = reply {
                self.queue.transmit(reply);
            }
            if let Some(event) = event {
                self.queue.event(event);
            }
        }
    }

    /// Goes back to what was before `failed`, the last change first.
    pub(super) fn undo_held(&mut self, failed: Ticket, now: Now) {
        let undone = self.held.split_off(&failed);
        for held in undone.into_values().rev() {
            match held.undo {
                Undo::Binding { addr, before } => {
                    self.database.remove(addr);
                    if let Some(before) = before {
                        self.put_back(*before, now);
                    }
                }
                Undo::Clock { secs } => {
                    let owed = self.owed_step.map_or(0, |owed| owed.secs);
                    let at = now.instant + WRITE_AGAIN;
                    let secs = owed + secs;
                    self.owed_step = Some(OwedStep { secs, at });
                }
            }
            if let (Some(_), Some(Event::Leased { lease, .. })) = (held.reply, held.event) {
                let giaddr = lease.relay.as_ref().map(|relay| relay.giaddr);
                self.queue.event(Event::Dropped {
                    sender: Sender {
                        source: SocketAddr::from((lease.addr, CLIENT_PORT)),
                        mac: Some(lease.mac),
                        message: Some(MessageType::Request),
                        giaddr,
                    },
                    reason: DropReason::NotWritten,
                });
            }
        }
    }

    fn put_back(&mut self, mut before: Binding, now: Now) {
        // What fell due is written again, and the disk is to be there by then.
        if let Phase::Bound { until } = &mut before.phase {
            *until = (*until).max(now.instant + WRITE_AGAIN);
        }
        let lease = &before.lease;
        let is_named_twice =
            before.phase.is_active() && self.database.named(&lease.hostname).is_some();
        let is_counted_twice = match (&lease.class, lease.index) {
            (Some(class), Some(index)) => !self.database.ordinal_is_free(class, index),
            _ => false,
        };
        if is_named_twice || is_counted_twice {
            self.forget_offers();
        }
        self.database.insert(before);
    }

    /// An offer that was made since may have the name or the ordinal of a lease that is put back, and
    /// a lease comes first. Offers bind nobody; their clients get what they ask for if it is open.
    fn forget_offers(&mut self) {
        let offers = self.database.iter();
        let offers = offers.filter(|(_, stored)| matches!(stored.phase, Phase::Offered { .. }));
        let addrs: Vec<Ipv4Addr> = offers.map(|(addr, _)| addr).collect();
        for addr in addrs {
            self.database.remove(addr);
        }
    }
}

/// How long after the disk refused it something is written again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);
