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
//! [`Server::restore`] makes of the records a server that keeps every promise. Offers are in
//! memory only: a REQUEST for a forgotten one is granted if the address is still open.
//!
//! - [`config`] as written, [`ServerConfig`] as validated
//! - `database`: addresses, clients, names, ordinals and timers, always consistent
//! - `boot`: boot files for firmware
//! - `clock_steps`: steps of the wall clock, and how far its dates can be trusted
//! - `exchange`: one client message, one step; `grant`: may it have the address; `identity`:
//!   class and name; `reply`: the answer

pub mod config;

mod boot;
mod clock_steps;
mod database;
mod event;
mod exchange;
mod free_set;
mod grant;
mod identity;
mod lease;
mod reply;
mod validate;

#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::{
    Bug, Datagram, Deadline, Engine, Instant, Now, Output, Queue, Random, Seed, Ticket, Transmit,
};

pub use config::{Limits, RawBoot, RawClass, RawHost, RawOption, RawServerConfig, RawSubnet};
pub use event::{Command, DropReason, Event, LeaseKind, NakReason};
pub use lease::{
    ClientKey, ClientKeyError, Lease, LeaseRecord, LeaseState, NameUpdates, RelayRecord,
};
pub use validate::{ConfigError, ServerConfig};

use database::{Binding, LeaseDatabase, Phase};

use crate::name;
use crate::relay::RelayAgent;
use crate::wire::{Message, MessageType, Op, code};

/// Relays beyond this many drop a message (RFC 1542 §4.1.1).
const HOPS_MAX: u8 = 16;

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
    queue: Queue<Event, LeaseRecord>,
}

/// What follows the sync of one record.
#[derive(Debug)]
struct Held {
    reply: Option<Transmit>,
    event: Event,
}

/// A client's message with what the server worked out about it.
struct Query<'a> {
    message: Message<'a>,
    client: ClientKey,
    subnet: usize,
    relay: Option<RelayAgent>,
    source: SocketAddr,
    destination: IpAddr,
}

impl Query<'_> {
    /// True when the client sent it to this server alone; a relay agent passes on broadcasts.
    fn was_unicast(&self) -> bool {
        let broadcast = match self.destination {
            IpAddr::V4(addr) => addr.is_broadcast(),
            IpAddr::V6(_) => false,
        };
        !broadcast && self.message.giaddr == Ipv4Addr::UNSPECIFIED
    }

    fn server_id_override(&self) -> Option<Ipv4Addr> {
        self.relay.as_ref()?.server_id_override
    }
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

    /// A server that continues where the one that wrote `records` stopped. No record makes it fail:
    /// one that fits no subnet becomes an [`Event::Dropped`].
    pub fn restore(
        config: ServerConfig,
        seed: Seed,
        records: impl IntoIterator<Item = LeaseRecord>,
        now: Now,
    ) -> Self {
        let mut server = Self::new(config, seed);
        server.offset_secs = Some(clock_steps::offset_secs(now));
        // The last record of each address holds.
        let mut last: BTreeMap<Ipv4Addr, (usize, LeaseRecord)> = BTreeMap::new();
        for (position, record) in records.into_iter().enumerate() {
            last.insert(record.lease.addr, (position, record));
        }
        let mut last: Vec<_> = last.into_values().collect();
        // What is promised has precedence over what is remembered, and the newer over the
        // older: a client that moved left no record that its former address forgot it.
        last.sort_by_key(|(position, record)| {
            let promised = matches!(record.state, LeaseState::Bound | LeaseState::Declined);
            (!promised, Reverse(*position))
        });
        for (position, record) in last {
            server.enter_record(record, position as u64, now);
        }
        server
    }

    /// The active leases, by address. Includes those whose record is not on disk yet.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        let bound = |binding: &&Binding| matches!(binding.phase, Phase::Bound { .. });
        self.database
            .iter()
            .filter(bound)
            .map(|binding| &binding.lease)
    }

    /// The last record of every address that the server remembers: what a compaction of the
    /// lease database keeps. Oldest lapsed first.
    pub fn records(&self) -> Vec<LeaseRecord> {
        let mut records: Vec<(u64, LeaseRecord)> = Vec::new();
        for binding in self.database.iter() {
            let (order, state) = match binding.phase {
                Phase::Offered { lapsed: None, .. } => continue,
                Phase::Offered {
                    lapsed: Some(order),
                    ..
                }
                | Phase::Lapsed { order } => (order, LeaseState::Released),
                Phase::Revoked { order } => (order, LeaseState::Revoked),
                Phase::Bound { .. } => (u64::MAX, LeaseState::Bound),
                Phase::Declined { .. } => (u64::MAX, LeaseState::Declined),
            };
            let lease = binding.lease.clone();
            records.push((order, LeaseRecord { state, lease }));
        }
        records.sort_by_key(|(order, _)| *order);
        records.into_iter().map(|(_, record)| record).collect()
    }

    fn enter_record(&mut self, record: LeaseRecord, order: u64, now: Now) {
        let Some(subnet) = self.config.subnet_of(record.lease.addr) else {
            let source = SocketAddr::from((record.lease.addr, 0));
            return self.drop_datagram(source, DropReason::RecordOutside);
        };
        let secs = self.secs_left(&record, subnet, now);
        let LeaseRecord { state, mut lease } = record;
        if let (Some(class), Some(index)) = (&lease.class, lease.index)
            && !self.database.ordinal_is_free(class, index)
        {
            lease.index = None;
        }
        let forgets = self.config.mutant.is(Bug::RestartForgetsLeases);
        if forgets && state == LeaseState::Bound {
            return;
        }
        let until = instant_in(now, secs);
        let phase = match state {
            LeaseState::Bound => Phase::Bound { until },
            LeaseState::Declined => Phase::Declined { until },
            LeaseState::Released | LeaseState::Expired | LeaseState::Revoked => {
                let revoked = state == LeaseState::Revoked;
                if revoked || self.database.of_client(subnet, &lease.client).is_none() {
                    self.lapse(subnet, lease, revoked, Some(order));
                }
                return;
            }
        };
        // Only an edited file promises one name twice, or the name of another address.
        let own = name::addr_name(lease.addr);
        let alien = lease.hostname.starts_with(name::ADDR_NAME_PREFIX) && lease.hostname != own;
        if phase.is_active() && (alien || self.database.named(&lease.hostname).is_some()) {
            lease.hostname = own;
        }
        self.database.insert(Binding {
            subnet,
            lease,
            phase,
        });
    }

    /// Remembers the last client of an address, if it can be assigned again; `order` is its place
    /// among the lapsed, the last when none is given.
    fn lapse(&mut self, subnet: usize, lease: Lease, revoked: bool, order: Option<u64>) {
        let reserved = self.config.subnets[subnet]
            .reserved
            .contains_key(&lease.addr);
        if reserved || self.database.is_dynamic(subnet, lease.addr) {
            self.database.insert_lapsed(subnet, lease, revoked, order);
        }
    }

    /// Ends the lease of `addr`.
    fn end(&mut self, addr: Ipv4Addr, state: LeaseState, event: impl FnOnce(Lease) -> Event) {
        let Some(binding) = self.database.remove(addr) else {
            return;
        };
        let lease = binding.lease.clone();
        let revoked = state == LeaseState::Revoked;
        self.lapse(binding.subnet, binding.lease, revoked, None);
        let record = LeaseRecord {
            state,
            lease: lease.clone(),
        };
        self.hold(record, None, event(lease));
    }

    /// Works out which client of which subnet sent it, or why it deserves no answer.
    fn query<'a>(&self, datagram: &Datagram<'a>) -> Result<Query<'a>, DropReason> {
        let message = Message::decode(datagram.payload).map_err(DropReason::Malformed)?;
        if message.op != Op::Request {
            return Err(DropReason::NotARequest);
        }
        if message.chaddr.is_group() {
            return Err(DropReason::GroupAddress);
        }
        if message.hops > HOPS_MAX {
            return Err(DropReason::TooManyHops);
        }
        if message.giaddr == self.config.server_id {
            return Err(DropReason::RelayIsSelf);
        }
        let relay = message
            .options
            .bytes(code::RELAY_AGENT)
            .and_then(RelayAgent::decode);
        let relayed = message.giaddr != Ipv4Addr::UNSPECIFIED;
        // Only a relay agent may speak as one (RFC 3046 §2.1).
        let relay = relay.filter(|_| relayed);
        let link = if relayed {
            let selection = relay.as_ref().and_then(|relay| relay.link_selection);
            selection.unwrap_or(message.giaddr)
        } else if message.ciaddr != Ipv4Addr::UNSPECIFIED {
            message.ciaddr
        } else {
            self.config.server_id
        };
        let subnet = self.config.subnet_of(link).ok_or(DropReason::NoSubnet)?;
        let client = self.client(&message);
        Ok(Query {
            message,
            client,
            subnet,
            relay,
            source: datagram.source,
            destination: datagram.destination.ip(),
        })
    }

    /// The client identifier, else the hardware address (RFC 2131 §4.2). But a reservation by
    /// hardware address is the machine's, whichever program speaks: a UEFI, a boot loader and a
    /// system each present an identifier of their own, or none, and are one machine.
    fn client(&self, message: &Message<'_>) -> ClientKey {
        let card = ClientKey::Mac(message.chaddr);
        match message.options.bytes(code::CLIENT_ID) {
            Some(id) => {
                let id = ClientKey::Id(id.to_vec());
                let hosts = &self.config.hosts;
                let reserved = hosts.contains_key(&card) && !hosts.contains_key(&id);
                if reserved { card } else { id }
            }
            None => card,
        }
    }

    fn drop_datagram(&mut self, source: SocketAddr, reason: DropReason) {
        self.queue.event(Event::Dropped { source, reason });
    }
}

impl Engine for Server {
    type Command = Command;
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

    fn poll(&mut self) -> Option<Output<Event, LeaseRecord>> {
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
