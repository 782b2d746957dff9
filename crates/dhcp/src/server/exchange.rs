//! What each client message changes in the lease database (RFC 2131 §4.3).

use std::net::Ipv4Addr;

use quorate_core::{Bug, Now};

use super::database::{Binding, Phase};
use super::event::{DropReason, Event};
use super::grant::{Origin, Refusal};
use super::identity::{class_of, identify};
use super::lease::{Lease, LeaseRecord, LeaseState, NameUpdates, RelayRecord};
use super::reply::Reply;
use super::{Held, Query, Server, instant_in};
use crate::wire::{MessageType, code};

impl Server {
    /// RFC 2131 §4.3.1.
    pub(super) fn on_discover(&mut self, query: &Query<'_>, now: Now) {
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
    pub(super) fn on_request(&mut self, query: &Query<'_>, now: Now) {
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
    pub(super) fn on_decline(&mut self, query: &Query<'_>, now: Now) {
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
    pub(super) fn on_release(&mut self, query: &Query<'_>) {
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
    pub(super) fn on_inform(&mut self, query: &Query<'_>) {
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

    /// Finds the client an address and holds it for the time of an offer.
    fn offer(&mut self, query: &Query<'_>, now: Now) -> Result<Lease, DropReason> {
        let mine = self
            .database
            .of_client(query.subnet, &query.client)
            .map(|b| (b.lease.addr, b.phase));
        let reserved = self.reserved(query);
        if let Some((addr, phase)) = mine
            && reserved.is_none_or(|reserved| reserved == addr)
            && self.may_hold(query, addr)
        {
            if matches!(phase, Phase::Bound { .. }) {
                return Ok(self.lease_at(addr));
            }
            if !phase.is_active() && self.offers_full() {
                return Err(DropReason::TooManyOffers);
            }
            return Ok(self.enter_offer(query, addr, now));
        }
        if self.offers_full() {
            return Err(DropReason::TooManyOffers);
        }
        let addr = match reserved.filter(|addr| self.is_open(query, *addr)) {
            Some(addr) => addr,
            None => self.choose(query).ok_or(DropReason::PoolExhausted)?,
        };
        if let Some((old, phase)) = mine {
            self.leave(old, phase);
        }
        Ok(self.enter_offer(query, addr, now))
    }

    /// An address for a client without a claim: the one it requests if that has no binding,
    /// else any.
    fn choose(&self, query: &Query<'_>) -> Option<Ipv4Addr> {
        let requested = query.message.options.addr(code::REQUESTED_ADDR);
        requested
            .filter(|addr| self.database.is_free(query.subnet, *addr))
            .or_else(|| self.database.spare(query.subnet))
    }

    /// Enters the client's offer for `addr`.
    fn enter_offer(&mut self, query: &Query<'_>, addr: Ipv4Addr, now: Now) -> Lease {
        self.evict(query, addr);
        let before = self.database.remove(addr);
        let own = before.filter(|binding| binding.lease.client == query.client);
        let lapsed = own.as_ref().and_then(|binding| match binding.phase {
            Phase::Offered { lapsed, .. } => lapsed,
            Phase::Lapsed { order } => Some(order),
            Phase::Bound { .. } | Phase::Revoked { .. } | Phase::Declined { .. } => None,
        });
        let mut lease = match own {
            Some(binding) => binding.lease,
            None => self.blank(query, addr, now),
        };
        lease.mac = query.message.chaddr;
        identify(&mut lease, &self.config, &mut self.database, &query.message);
        let until = instant_in(now, u64::from(self.config.limits.offer_secs));
        self.database.insert(Binding {
            subnet: query.subnet,
            lease: lease.clone(),
            phase: Phase::Offered { until, lapsed },
        });
        lease
    }

    /// Makes the promise: the database changes now, the ACK leaves after the record is on disk.
    fn bind(&mut self, query: &Query<'_>, origin: Origin, addr: Ipv4Addr, now: Now) {
        let other = self.database.of_client(query.subnet, &query.client);
        if let Some((old, phase)) = other
            .map(|b| (b.lease.addr, b.phase))
            .filter(|o| o.0 != addr)
        {
            self.leave(old, phase);
        }
        self.evict(query, addr);
        let before = self
            .database
            .remove(addr)
            .filter(|b| b.lease.client == query.client);
        let held = before
            .as_ref()
            .is_some_and(|b| matches!(b.phase, Phase::Bound { .. }));
        let mut lease = match before {
            Some(binding) => binding.lease,
            None => self.blank(query, addr, now),
        };
        lease.mac = query.message.chaddr;
        // Renewing changes the end of a lease and nothing else: names do not flap.
        let renewing = matches!(origin, Origin::Renewing | Origin::Rebinding);
        if !(renewing && held) {
            identify(&mut lease, &self.config, &mut self.database, &query.message);
        }
        if !held {
            lease.start = now.wall;
        }
        if let Some(relay) = relay_record(query) {
            lease.relay = Some(relay);
        }
        let subnet = &self.config.subnets[query.subnet];
        let secs = u64::from(subnet.lease_secs);
        lease.domain = subnet.domain.clone();
        lease.end = now.wall.plus_secs(secs);
        self.database.insert(Binding {
            subnet: query.subnet,
            lease: lease.clone(),
            phase: Phase::Bound {
                until: instant_in(now, secs),
            },
        });
        let class = match &lease.class {
            Some(name) => self.config.class(name),
            None => None,
        };
        let reply = Reply {
            config: &self.config,
            query,
        };
        let ack = reply.lease(MessageType::Ack, &lease, class, &mut self.random);
        let kind = origin.kind();
        let record = LeaseRecord {
            state: LeaseState::Bound,
            lease: lease.clone(),
        };
        self.hold(record, Some(ack), Event::Leased { lease, kind });
    }

    /// Ends the lease that the same machine has at `addr` under another identifier.
    fn evict(&mut self, query: &Query<'_>, addr: Ipv4Addr) {
        let other = |b: &&Binding| b.lease.client != query.client;
        if let Some(phase) = self.database.at(addr).filter(other).map(|b| b.phase) {
            self.leave(addr, phase);
        }
    }

    /// The client took another server's offer: ours is open again.
    fn withdraw_offer(&mut self, query: &Query<'_>) {
        let mine = self.database.of_client(query.subnet, &query.client);
        if let Some((addr, phase @ Phase::Offered { .. })) = mine.map(|b| (b.lease.addr, b.phase)) {
            self.leave(addr, phase);
        }
    }

    /// The client moves on from `addr`: an offer is forgotten, a lease is given back.
    fn leave(&mut self, addr: Ipv4Addr, phase: Phase) {
        match phase {
            Phase::Bound { .. } => {
                self.end(addr, LeaseState::Released, |lease| Event::Released {
                    lease,
                });
            }
            Phase::Offered { .. } | Phase::Lapsed { .. } => {
                self.database.remove(addr);
            }
            Phase::Revoked { .. } | Phase::Declined { .. } => {}
        }
    }

    fn offers_full(&self) -> bool {
        self.database.offers() >= self.config.limits.offers_max
    }

    fn lease_at(&self, addr: Ipv4Addr) -> Lease {
        let binding = self
            .database
            .at(addr)
            .expect("the caller found its binding");
        binding.lease.clone()
    }

    /// A lease that has neither name nor end yet.
    fn blank(&self, query: &Query<'_>, addr: Ipv4Addr, now: Now) -> Lease {
        Lease {
            addr,
            client: query.client.clone(),
            mac: query.message.chaddr,
            hostname: String::new(),
            domain: self.config.subnets[query.subnet].domain.clone(),
            class: None,
            index: None,
            fqdn: None,
            updates: NameUpdates {
                forward: true,
                reverse: true,
            },
            start: now.wall,
            end: now.wall,
            relay: relay_record(query),
        }
    }

    /// Keeps what a record promises until it is on disk.
    pub(super) fn hold(
        &mut self,
        record: LeaseRecord,
        reply: Option<quorate_core::Transmit>,
        event: Event,
    ) {
        let ticket = self.queue.write(record);
        let reply = reply.and_then(|reply| {
            if self.config.mutant.is(Bug::AckBeforeDurable) {
                self.queue.transmit(reply);
                return None;
            }
            Some(reply)
        });
        self.held.insert(ticket, Held { reply, event });
    }
}

fn relay_record(query: &Query<'_>) -> Option<RelayRecord> {
    let giaddr = query.message.giaddr;
    let agent = query.relay.clone().unwrap_or_default();
    (giaddr != Ipv4Addr::UNSPECIFIED).then_some(RelayRecord {
        giaddr,
        circuit_id: agent.circuit_id,
        remote_id: agent.remote_id,
    })
}
