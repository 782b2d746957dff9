//! Which address a client gets, and what that changes in the lease database (RFC 2131 §4.3).

use std::net::Ipv4Addr;

use quorate_core::{Bug, Now};

use super::database::{Binding, Phase};
use super::event::{DropReason, Event};
use super::grant::Origin;
use super::identity::identify;
use super::lease::{Lease, LeaseRecord, LeaseState, NameUpdates, RelayRecord};
use super::query::Query;
use super::reply::Reply;
use super::{Held, Server, instant_in};
use crate::wire::{MessageType, code};

impl Server {
    /// Finds the client an address and holds it for the time of an offer.
    pub(super) fn offer(&mut self, query: &Query<'_>, now: Now) -> Result<Lease, DropReason> {
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
    pub(super) fn bind(&mut self, query: &Query<'_>, origin: Origin, addr: Ipv4Addr, now: Now) {
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
    pub(super) fn withdraw_offer(&mut self, query: &Query<'_>) {
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

    /// Remembers the last client of an address, if it can be assigned again; `order` is its place
    /// among the lapsed, the last when none is given.
    pub(super) fn lapse(&mut self, subnet: usize, lease: Lease, revoked: bool, order: Option<u64>) {
        let reserved = self.config.subnets[subnet]
            .reserved
            .contains_key(&lease.addr);
        if reserved || self.database.is_dynamic(subnet, lease.addr) {
            self.database.insert_lapsed(subnet, lease, revoked, order);
        }
    }

    /// Ends the lease of `addr`.
    pub(super) fn end(
        &mut self,
        addr: Ipv4Addr,
        state: LeaseState,
        event: impl FnOnce(Lease) -> Event,
    ) {
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
