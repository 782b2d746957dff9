//! Which address a client gets, and what that changes in the lease database (RFC 2131 §4.3).

use std::net::Ipv4Addr;

use quorate_core::Now;

use super::binding::{Binding, Phase};
use super::event::{DropReason, Event};
use super::grant::Origin;
use super::identity::identify;
use super::lease::{Lease, LeaseRecord, LeaseState, NameUpdates, RelayRecord};
use super::offers::Source;
use super::query::Query;
use super::reply::Reply;
use super::{Server, instant_in};
use crate::wire::{MessageType, code};

impl Server {
    /// Finds the client an address and holds it for the time of an offer.
    pub(super) fn offer(&mut self, query: &Query<'_>, now: Now) -> Result<Lease, DropReason> {
        let mine = self.database.of_client(query.subnet, &query.client);
        let reserved = self.reserved(query);
        if let Some((addr, phase)) = mine
            && reserved.is_none_or(|reserved| reserved == addr)
            && self.may_hold(query, addr)
        {
            if phase.is_bound() {
                return Ok(self.held_lease(addr));
            }
            if !phase.is_active() {
                self.make_room(query, now);
            }
            return Ok(self.enter_offer(query, addr, now));
        }
        let addr = match reserved.filter(|addr| self.is_open(query, *addr, now)) {
            Some(addr) => addr,
            None => self.choose(query, now)?,
        };
        // Looked up again: an offer that gave way may have been this client's.
        if let Some((old, phase)) = self.database.of_client(query.subnet, &query.client) {
            self.leave(old, phase);
        }
        self.make_room(query, now);
        Ok(self.enter_offer(query, addr, now))
    }

    /// An address for a client without a claim: the one it requests if that has no binding,
    /// else any. When none is left one is taken back: an offer, then a lease that is held only because
    /// the clock may be wrong.
    fn choose(&mut self, query: &Query<'_>, now: Now) -> Result<Ipv4Addr, DropReason> {
        let refused = self.refuse_room(query);
        let pool = self.database.pool(query.subnet);
        if refused.is_none() {
            let requested = query.message.options.addr(code::REQUESTED_ADDR);
            let requested = requested.filter(|addr| pool.is_free(*addr));
            if let Some(addr) = requested.or_else(|| pool.spare()) {
                return Ok(addr);
            }
        }
        if refused == Some(DropReason::PortShare) {
            return Err(DropReason::PortShare);
        }
        let offers = self.database.offers();
        if let Some(addr) = offers.oldest_of_greediest(Some(query.subnet)) {
            self.give_way(addr, now);
            return Ok(addr);
        }
        if let Some(reason) = refused {
            return Err(reason);
        }
        let doubted = self.database.pool(query.subnet).doubted();
        let addr = doubted.ok_or(DropReason::PoolExhausted)?;
        self.end(addr, LeaseState::Expired, |lease| Event::Expired { lease });
        Ok(addr)
    }

    /// Why this client may have none of the addresses that nobody has, if it may not.
    pub(super) fn refuse_room(&self, query: &Query<'_>) -> Option<DropReason> {
        if query.is_known {
            return None;
        }
        let pool = self.database.pool(query.subnet);
        let source = Source::of(relay_record(query).as_ref());
        if pool.is_share_used(source) {
            return Some(DropReason::PortShare);
        }
        pool.is_kept_back(self.config.roaming)
            .then_some(DropReason::PoolExhausted)
    }

    /// Before one more offer: the oldest of whoever has most gives way, if the table is full.
    fn make_room(&mut self, query: &Query<'_>, now: Now) {
        let offers = self.database.offers();
        if !query.is_known
            && offers.len() >= self.config.limits.offers_max
            && let Some(addr) = offers.oldest_of_greediest(None)
        {
            self.give_way(addr, now);
        }
    }

    /// Takes an offer back. Its client may still ask for it, and gets the address unless another
    /// one was faster: while offers give way, they bind nobody.
    fn give_way(&mut self, addr: Ipv4Addr, now: Now) {
        let until = instant_in(now, u64::from(self.config.limits.offer_secs));
        if let Some(subnet) = self.forget_offer(addr) {
            self.database.pool_mut(subnet).contested_until = Some(until);
        }
    }

    /// Ends an offer: who was remembered at the address is remembered again. The subnet.
    pub(super) fn forget_offer(&mut self, addr: Ipv4Addr) -> Option<usize> {
        let mut binding = self.database.remove(addr)?;
        let subnet = binding.subnet;
        if let Phase::Offered {
            lapsed: Some(order),
            ..
        } = binding.phase
        {
            binding.phase = Phase::Lapsed { order };
            self.database.insert(binding);
        }
        Some(subnet)
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
        if let Some(relay) = relay_record(query) {
            lease.relay = Some(relay);
        }
        identify(&mut lease, &self.config, &mut self.database, &query.message);
        let until = instant_in(now, u64::from(self.config.limits.offer_secs));
        let order = self.database.next_order();
        self.database.insert(Binding {
            subnet: query.subnet,
            lease: lease.clone(),
            phase: Phase::Offered {
                until,
                lapsed,
                order,
            },
            is_known: query.is_known,
            is_doubted: false,
        });
        lease
    }

    /// Makes the promise: the database changes now, the ACK leaves after the record is on disk.
    pub(super) fn bind(&mut self, query: &Query<'_>, origin: Origin, addr: Ipv4Addr, now: Now) {
        let other = self.database.of_client(query.subnet, &query.client);
        if let Some((old, phase)) = other.filter(|o| o.0 != addr) {
            self.leave(old, phase);
        }
        self.evict(query, addr);
        let before = self.database.remove(addr);
        let before = before.filter(|b| b.lease.client == query.client);
        let held = before.as_ref().is_some_and(|b| b.phase.is_bound());
        let mut lease = match &before {
            Some(binding) => binding.lease.clone(),
            None => self.blank(query, addr, now),
        };
        lease.mac = query.message.chaddr;
        // Renewing changes the end of a lease and nothing else: names do not flap.
        let renewing = matches!(origin, Origin::Renewing | Origin::Rebinding);
        if !(renewing && held)
            && let Some(refusal) =
                identify(&mut lease, &self.config, &mut self.database, &query.message)
        {
            self.queue.event(Event::NameRefused {
                sender: query.sender(),
                refusal,
                given: lease.hostname.clone(),
            });
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
            is_known: query.is_known,
            is_doubted: false,
        });
        self.acknowledge(query, origin, lease, before);
    }

    /// Has the lease written, and answered when it is.
    fn acknowledge(
        &mut self,
        query: &Query<'_>,
        origin: Origin,
        lease: Lease,
        before: Option<Binding>,
    ) {
        let class = match &lease.class {
            Some(name) => self.config.class(name),
            None => None,
        };
        let reply = Reply {
            config: &self.config,
            query,
        };
        let (ack, omitted) = reply.lease(MessageType::Ack, &lease, class, &mut self.random);
        self.report_omitted(query, omitted);
        let kind = origin.kind();
        let state = LeaseState::Bound;
        let record = LeaseRecord {
            state,
            lease: lease.clone(),
        };
        self.hold(record, Some(ack), Event::Leased { lease, kind }, before);
    }

    /// Ends the lease that the same machine has at `addr` under another identifier, or the offer that
    /// was made to another one.
    fn evict(&mut self, query: &Query<'_>, addr: Ipv4Addr) {
        let at = self.database.at(addr);
        let other = at.filter(|stored| stored.client != query.client);
        if let Some(phase) = other.map(|stored| stored.phase) {
            self.leave(addr, phase);
        }
    }

    /// The client took another server's offer: ours is open again.
    pub(super) fn withdraw_offer(&mut self, query: &Query<'_>) {
        let mine = self.database.of_client(query.subnet, &query.client);
        if let Some((addr, phase @ Phase::Offered { .. })) = mine {
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

    fn held_lease(&self, addr: Ipv4Addr) -> Lease {
        let lease = self.database.lease_at(addr);
        lease.expect("the caller found its binding")
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
        if reserved || self.database.pool(subnet).is_dynamic(lease.addr) {
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
        self.lapse(binding.subnet, lease.clone(), revoked, None);
        let record = LeaseRecord {
            state,
            lease: lease.clone(),
        };
        self.hold(record, None, event(lease), Some(binding));
    }
}

pub(super) fn relay_record(query: &Query<'_>) -> Option<RelayRecord> {
    let giaddr = query.message.giaddr;
    let agent = query.relay.clone().unwrap_or_default();
    (giaddr != Ipv4Addr::UNSPECIFIED).then_some(RelayRecord {
        giaddr,
        circuit_id: agent.circuit_id,
        remote_id: agent.remote_id,
    })
}
