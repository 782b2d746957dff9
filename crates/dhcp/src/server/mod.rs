//! The server engine (RFC 2131 §4.3).
//!
//! ```text
//!   client                                server
//!     │ DISCOVER ─────────────────────────► │ choose, hold for offer_secs
//!     │ ◄───────────────────────────── OFFER│
//!     │ REQUEST ──────────────────────────► │ bind it, write the record …
//!     │                                     │ … handle_written
//!     │ ◄─────────────────────────────── ACK│ Event::Leased
//! ```
//!
//! An ACK leaves only after its record is on disk; several may be in flight, and
//! [`Server::restore`] makes a server from the records that keeps every promise in them. Offers are in
//! memory only: a REQUEST for a forgotten one is granted if the address is still open.
//!
//! - [`config`] as written, [`ServerConfig`] as validated
//! - `database`: addresses, clients, names, ordinals and timers, always consistent; of it `binding`
//!   is one address, `pool` one subnet, `offers` what is promised for seconds, and by whom it is asked for
//! - `held`: what waits for the disk, and is undone when the disk refuses it
//! - `query`: which client sent a message; `matching`: its class, and what its firmware boots
//! - `grant`: may it have the address; `allocate`: which address it gets; `identity`: its ordinal
//!   and name; `reply`: the answer
//! - `restore`: from records and back; `clock_steps`: how far the dates in them can be trusted

pub mod config;

mod allocate;
mod binding;
mod clock_steps;
mod database;
mod error;
mod event;
mod free_set;
mod grant;
mod held;
mod identity;
mod lease;
mod matching;
mod offers;
mod options;
mod pool;
mod query;
mod reply;
mod restore;
mod validate;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use quorate_core::{
    Bug, Datagram, Deadline, Engine, Instant, Now, OutputOf, Queue, Random, Seed, Ticket,
};

pub use config::{Limits, RawBoot, RawClass, RawHost, RawOption, RawServerConfig, RawSubnet};
pub use error::ConfigError;
pub use event::{Command, DropReason, Event, LeaseKind, NakReason, NameRefusal, Sender};
pub use lease::{
    ClientKey, ClientKeyError, Lease, LeaseRecord, LeaseState, NameUpdates, RelayRecord,
    ServerRecord,
};
pub use validate::ServerConfig;

use binding::Phase;
use database::LeaseDatabase;
use grant::{Origin, Refusal};
use held::{Held, OwedStep};
use matching::class_of;
use query::Query;
use reply::Reply;

use crate::wire::{MessageType, code};

/// The server engine.
#[derive(Debug)]
pub struct Server {
    config: ServerConfig,
    random: Random,
    database: LeaseDatabase,
    /// What the wall clock shows more than the monotonic one, at its last known step.
    offset_secs: Option<i64>,
    /// What waits for the disk, by ticket.
    held: BTreeMap<Ticket, Held>,
    owed_step: Option<OwedStep>,
    queue: Queue<Infallible, Event, ServerRecord>,
}

impl Server {
    /// A server that has promised nothing yet.
    pub fn new(config: ServerConfig, seed: Seed) -> Self {
        Self {
            database: LeaseDatabase::new(&config.subnets),
            random: seed.child("dhcp-server").random(),
            config,
            offset_secs: None,
            held: BTreeMap::new(),
            owed_step: None,
            queue: Queue::default(),
        }
    }

    /// The active leases, by address. Includes those whose record is not on disk yet.
    pub fn leases(&self) -> impl Iterator<Item = Lease> {
        self.leases_from(Ipv4Addr::UNSPECIFIED)
    }

    /// How many there are.
    pub fn leases_len(&self) -> usize {
        self.database.bound_len()
    }

    /// The active lease of this address.
    pub fn active_lease(&self, addr: Ipv4Addr) -> Option<Lease> {
        let stored = self.database.at(addr).filter(|s| s.phase.is_bound())?;
        Some(self.database.lease_of(addr, stored))
    }

    /// The active leases from this address on, in order.
    pub fn leases_from(&self, first: Ipv4Addr) -> impl Iterator<Item = Lease> {
        let from = self.database.iter_from(first);
        let bound = from.filter(|(_, stored)| stored.phase.is_bound());
        bound.map(|(addr, stored)| self.database.lease_of(addr, stored))
    }

    /// RFC 2131 §4.3.1.
    fn on_discover(&mut self, query: &Query<'_>, now: Now) {
        let offered = self.offer(query, now);
        match offered {
            Err(reason) => self.drop_message(query.sender(), reason),
            Ok(lease) => {
                let class = class_of(&self.config, &query.client, &query.message);
                let reply = Reply {
                    config: &self.config,
                    query,
                };
                // What does not fit is reported with the ACK.
                let (offer, _) = reply.lease(MessageType::Offer, &lease, class, &mut self.random);
                self.queue.transmit(offer);
                self.queue.event(Event::Offered {
                    addr: lease.addr,
                    client: lease.client,
                    mac: lease.mac,
                    hostname: lease.hostname,
                    firmware: self.config.boot_of(&query.message).is_some(),
                });
            }
        }
    }

    /// RFC 2131 §4.3.2.
    fn on_request(&mut self, query: &Query<'_>, now: Now) {
        let Some(origin) = Origin::of(query) else {
            return self.drop_message(query.sender(), DropReason::NoSuchState);
        };
        let renews = matches!(origin, Origin::Renewing | Origin::Rebinding);
        if renews && self.config.mutant.is(Bug::RenewalIgnored) {
            return;
        }
        if self.held.len() >= self.config.limits.writes_max {
            return self.drop_message(query.sender(), DropReason::DiskBehind);
        }
        match self.grant(query, origin, now) {
            Ok(addr) => self.bind(query, origin, addr, now),
            Err(Refusal::Silence(reason)) => {
                if reason == DropReason::OtherServer {
                    self.withdraw_offer(query);
                }
                self.drop_message(query.sender(), reason);
            }
            Err(Refusal::Nak(reason)) => {
                let reply = Reply {
                    config: &self.config,
                    query,
                };
                let nak = reply.nak(reason);
                let addr = match origin {
                    Origin::Selecting { requested, .. } | Origin::InitReboot { requested } => {
                        requested
                    }
                    Origin::Renewing | Origin::Rebinding => query.message.ciaddr,
                };
                self.queue.transmit(nak);
                self.queue.event(Event::Nak {
                    sender: query.sender(),
                    addr,
                    reason,
                });
            }
        }
    }

    /// RFC 2131 §4.3.3: the address rests, and the client gets another one. Only an address that
    /// the client was leased can be in the way of another host: it has not used any other.
    fn on_decline(&mut self, query: &Query<'_>, now: Now) {
        let addr = query.message.options.addr(code::REQUESTED_ADDR);
        let Some(addr) = addr.filter(|addr| self.holds(query, *addr)) else {
            return self.drop_message(query.sender(), DropReason::NotHeld);
        };
        self.end_a_rest(query.subnet);
        let Some(before) = self.database.remove(addr) else {
            return;
        };
        let mut binding = before.clone();
        binding.is_doubted = false;
        let secs = u64::from(self.config.limits.decline_secs);
        let until = instant_in(now, secs);
        binding.phase = Phase::Declined { until };
        binding.lease.end = now.wall.plus_secs(secs);
        // The ordinal goes with the client, not with the address.
        let lease = binding.lease.clone();
        binding.lease.index = None;
        let record = LeaseRecord {
            state: LeaseState::Declined,
            lease: binding.lease.clone(),
        };
        self.database.insert(binding);
        let mac = query.message.chaddr;
        let event = Event::Declined { addr, mac, lease };
        self.hold(record, None, event, Some(before));
    }

    /// Before one more address rests: the one that has rested longest goes back, if there are too
    /// many of its subnet or of all.
    fn end_a_rest(&mut self, subnet: usize) {
        if let Some(oldest) = self.database.pool(subnet).declined_too_many() {
            self.database.remove(oldest);
        }
        let (resting, oldest) = self.database.declined();
        if let Some(oldest) = oldest.filter(|_| resting >= self.config.limits.declined_max) {
            self.database.remove(oldest);
        }
    }

    /// RFC 2131 §4.3.4. A RELEASE has no answer, so nothing shows whether its sender has the address
    /// but that he sends from it (RFC 2131 §4.4.6: it is unicast by the client that has it).
    fn on_release(&mut self, query: &Query<'_>) {
        let addr = query.message.ciaddr;
        let stored = self.database.at(addr).filter(|_| self.holds(query, addr));
        let reason = match stored {
            None => Some(DropReason::NotHeld),
            Some(stored) if stored.mac != query.message.chaddr => Some(DropReason::OtherCard),
            Some(_) if query.source.ip() != IpAddr::V4(addr) => Some(DropReason::OtherSource),
            Some(_) => None,
        };
        if let Some(reason) = reason {
            return self.drop_message(query.sender(), reason);
        }
        self.end(addr, LeaseState::Released, |lease| Event::Released {
            lease,
        });
    }

    /// RFC 2131 §4.3.5.
    fn on_inform(&mut self, query: &Query<'_>) {
        let addr = query.message.ciaddr;
        if addr == Ipv4Addr::UNSPECIFIED {
            return self.drop_message(query.sender(), DropReason::NoSuchState);
        }
        let class = class_of(&self.config, &query.client, &query.message);
        let reply = Reply {
            config: &self.config,
            query,
        };
        let (ack, omitted) = reply.inform(class);
        self.queue.transmit(ack);
        let mac = query.message.chaddr;
        self.queue.event(Event::Informed { addr, mac });
        self.report_omitted(query, omitted);
    }

    /// Options that the client asked for, and that there was no room for.
    fn report_omitted(&mut self, query: &Query<'_>, options: Vec<u8>) {
        if !options.is_empty() {
            let sender = query.sender();
            self.queue.event(Event::OptionsOmitted { sender, options });
        }
    }

    fn drop_message(&mut self, sender: Sender, reason: DropReason) {
        self.queue.event(Event::Dropped { sender, reason });
    }
}

impl Engine for Server {
    type Command = Command;
    type Effect = Infallible;
    type Event = Event;
    type Write = ServerRecord;

    fn command(&mut self, command: Command, now: Now) {
        self.handle_clock_step(now);
        let Command::Revoke { addr } = command;
        if self.database.at(addr).is_some_and(|s| s.phase.is_bound()) {
            self.end(addr, LeaseState::Revoked, |lease| Event::Revoked { lease });
        }
    }

    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Now) {
        self.handle_clock_step(now);
        let query = match self.query(&datagram) {
            Ok(query) => query,
            Err(reason) => return self.drop_message(Sender::peek(&datagram), reason),
        };
        match query.message.kind {
            MessageType::Discover => self.on_discover(&query, now),
            MessageType::Request => self.on_request(&query, now),
            MessageType::Decline => self.on_decline(&query, now),
            MessageType::Release => self.on_release(&query),
            MessageType::Inform => self.on_inform(&query),
            MessageType::Offer | MessageType::Ack | MessageType::Nak => {
                self.drop_message(query.sender(), DropReason::NotARequest);
            }
        }
    }

    fn handle_written(&mut self, ticket: Ticket, _now: Now) {
        self.release_held(ticket);
    }

    fn handle_write_failed(&mut self, failed: Ticket, now: Now) {
        // No ACK leaves: its client asks again, as if its message had been lost.
        self.undo_held(failed, now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.handle_clock_step(now);
        if self.owed_step.is_some_and(|owed| owed.at <= now.instant) {
            self.write_owed_step();
        }
        while let Some((_, addr)) = self
            .database
            .next_timer()
            .filter(|(at, _)| *at <= now.instant)
        {
            match self.database.at(addr).map(|binding| binding.phase) {
                Some(Phase::Bound { .. }) => {
                    self.end(addr, LeaseState::Expired, |lease| Event::Expired { lease });
                }
                Some(Phase::Offered { .. }) => {
                    self.forget_offer(addr);
                }
                Some(Phase::Declined { .. } | Phase::Lapsed { .. } | Phase::Revoked { .. })
                | None => {
                    self.database.remove(addr);
                }
            }
        }
    }

    fn poll(&mut self) -> Option<OutputOf<Self>> {
        self.queue.pop()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        let owed = self.owed_step.as_ref();
        let owed = owed.map(|owed| Deadline::new(owed.at, "a clock step is written again"));
        Deadline::earliest(owed, self.next_lease_deadline())
    }
}

impl Server {
    fn next_lease_deadline(&self) -> Option<Deadline> {
        let (at, addr) = self.database.next_timer()?;
        let reason = match self.database.at(addr)?.phase {
            Phase::Bound { .. } => "lease expires",
            Phase::Offered { .. } => "offer runs out",
            Phase::Declined { .. } => "declined address has rested",
            Phase::Lapsed { .. } | Phase::Revoked { .. } => "nothing",
        };
        Some(Deadline::new(at, reason))
    }
}

/// The instant `secs` from now.
fn instant_in(now: Now, secs: u64) -> Instant {
    now.instant + Duration::from_secs(secs)
}
