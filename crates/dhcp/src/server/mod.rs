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
//! - `database`: addresses, clients, names, ordinals and timers, always consistent
//! - `query`: which client sent a message; `matching`: its class, and what its firmware boots
//! - `grant`: may it have the address; `allocate`: which address it gets; `identity`: its ordinal
//!   and name; `reply`: the answer
//! - `restore`: from records and back; `clock_steps`: how far the dates in them can be trusted

pub mod config;

mod allocate;
mod clock_steps;
mod database;
mod error;
mod event;
mod free_set;
mod grant;
mod identity;
mod lease;
mod matching;
mod options;
mod query;
mod reply;
mod restore;
mod validate;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::{
    Bug, Datagram, Deadline, Engine, Instant, Now, OutputOf, Queue, Random, Seed, Ticket, Transmit,
};

pub use config::{Limits, RawBoot, RawClass, RawHost, RawOption, RawServerConfig, RawSubnet};
pub use error::ConfigError;
pub use event::{Command, DropReason, Event, LeaseKind, NakReason};
pub use lease::{
    ClientKey, ClientKeyError, Lease, LeaseRecord, LeaseState, NameUpdates, RelayRecord,
};
pub use validate::ServerConfig;

use database::{Binding, LeaseDatabase, Phase};
use grant::{Origin, Refusal};
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
    queue: Queue<Infallible, Event, LeaseRecord>,
}

/// What follows the sync of one record.
#[derive(Debug)]
struct Held {
    reply: Option<Transmit>,
    event: Event,
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
            queue: Queue::default(),
        }
    }

    /// The active leases, by address. Includes those whose record is not on disk yet.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        let bound = |binding: &&Binding| matches!(binding.phase, Phase::Bound { .. });
        self.database
            .iter()
            .filter(bound)
            .map(|binding| &binding.lease)
    }

    /// The active lease of this address.
    pub fn active_lease(&self, addr: Ipv4Addr) -> Option<&Lease> {
        let binding = self.database.at(addr)?;
        matches!(binding.phase, Phase::Bound { .. }).then_some(&binding.lease)
    }

    /// The active leases from this address on, in order.
    pub fn leases_from(&self, first: Ipv4Addr) -> impl Iterator<Item = &Lease> {
        let bound = |binding: &&Binding| matches!(binding.phase, Phase::Bound { .. });
        let from = self.database.iter_from(first).filter(bound);
        from.map(|binding| &binding.lease)
    }

    /// RFC 2131 §4.3.1.
    fn on_discover(&mut self, query: &Query<'_>, now: Now) {
        let offered = self.offer(query, now);
        match offered {
            Err(reason) => self.drop_datagram(query.source, reason),
            Ok(lease) => {
                let class = class_of(&self.config, &query.client, &query.message);
                let reply = Reply {
                    config: &self.config,
                    query,
                };
                let offer = reply.lease(MessageType::Offer, &lease, class, &mut self.random);
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
            return self.drop_datagram(query.source, DropReason::NoSuchState);
        };
        let renews = matches!(origin, Origin::Renewing | Origin::Rebinding);
        if renews && self.config.mutant.is(Bug::RenewalIgnored) {
            return;
        }
        if self.held.len() >= self.config.limits.writes_max {
            return self.drop_datagram(query.source, DropReason::DiskBehind);
        }
        match self.grant(query, origin) {
            Ok(addr) => self.bind(query, origin, addr, now),
            Err(Refusal::Silence(reason)) => {
                if reason == DropReason::OtherServer {
                    self.withdraw_offer(query);
                }
                self.drop_datagram(query.source, reason);
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
                    mac: query.message.chaddr,
                    addr,
                    reason,
                });
            }
        }
    }

    /// RFC 2131 §4.3.3: the address rests, and the client gets another one.
    fn on_decline(&mut self, query: &Query<'_>, now: Now) {
        let addr = query.message.options.addr(code::REQUESTED_ADDR);
        let Some(addr) = addr.filter(|addr| self.holds(query, *addr)) else {
            return self.drop_datagram(query.source, DropReason::NotHeld);
        };
        let (resting, oldest) = self.database.declined();
        if resting >= self.config.limits.declined_max
            && let Some(oldest) = oldest
        {
            self.database.remove(oldest);
        }
        let Some(mut binding) = self.database.remove(addr) else {
            return;
        };
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
        self.hold(record, None, Event::Declined { addr, mac, lease });
    }

    /// RFC 2131 §4.3.4.
    fn on_release(&mut self, query: &Query<'_>) {
        let addr = query.message.ciaddr;
        let bound = |binding: &Binding| matches!(binding.phase, Phase::Bound { .. });
        if !self.holds(query, addr) || !self.database.at(addr).is_some_and(bound) {
            return self.drop_datagram(query.source, DropReason::NotHeld);
        }
        self.end(addr, LeaseState::Released, |lease| Event::Released {
            lease,
        });
    }

    /// RFC 2131 §4.3.5.
    fn on_inform(&mut self, query: &Query<'_>) {
        let addr = query.message.ciaddr;
        if addr == Ipv4Addr::UNSPECIFIED {
            return self.drop_datagram(query.source, DropReason::NoSuchState);
        }
        let class = class_of(&self.config, &query.client, &query.message);
        let reply = Reply {
            config: &self.config,
            query,
        };
        let ack = reply.inform(class);
        self.queue.transmit(ack);
        let mac = query.message.chaddr;
        self.queue.event(Event::Informed { addr, mac });
    }

    fn drop_datagram(&mut self, source: SocketAddr, reason: DropReason) {
        self.queue.event(Event::Dropped { source, reason });
    }
}

impl Engine for Server {
    type Command = Command;
    type Effect = Infallible;
    type Event = Event;
    type Write = LeaseRecord;

    fn command(&mut self, command: Command, now: Now) {
        self.handle_clock_step(now);
        let Command::Revoke { addr } = command;
        let phase = self.database.at(addr).map(|binding| binding.phase);
        if let Some(Phase::Bound { .. }) = phase {
            self.end(addr, LeaseState::Revoked, |lease| Event::Revoked { lease });
        }
    }

    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Now) {
        self.handle_clock_step(now);
        let query = match self.query(&datagram) {
            Ok(query) => query,
            Err(reason) => return self.drop_datagram(datagram.source, reason),
        };
        match query.message.kind {
            MessageType::Discover => self.on_discover(&query, now),
            MessageType::Request => self.on_request(&query, now),
            MessageType::Decline => self.on_decline(&query, now),
            MessageType::Release => self.on_release(&query),
            MessageType::Inform => self.on_inform(&query),
            MessageType::Offer | MessageType::Ack | MessageType::Nak => {
                self.drop_datagram(query.source, DropReason::NotARequest);
            }
        }
    }

    fn handle_written(&mut self, ticket: Ticket, _now: Now) {
        while let Some(entry) = self
            .held
            .first_entry()
            .filter(|entry| *entry.key() <= ticket)
        {
            let Held { reply, event } = entry.remove();
            if let Some(reply) = reply {
                self.queue.transmit(reply);
            }
            self.queue.event(event);
        }
    }

    fn handle_write_failed(&mut self, failed: Ticket, _now: Now) {
        // Without an ACK the client asks again, and that writes the record anew.
        self.held.split_off(&failed);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.handle_clock_step(now);
        while let Some((_, addr)) = self
            .database
            .next_timer()
            .filter(|(at, _)| *at <= now.instant)
        {
            match self.database.at(addr).map(|binding| binding.phase) {
                Some(Phase::Bound { .. }) => {
                    self.end(addr, LeaseState::Expired, |lease| Event::Expired { lease });
                }
                Some(Phase::Offered { lapsed, .. }) => {
                    let offered = self.database.remove(addr);
                    if let (Some(mut binding), Some(order)) = (offered, lapsed) {
                        binding.phase = Phase::Lapsed { order };
                        self.database.insert(binding);
                    }
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
