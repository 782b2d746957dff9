//! One subnet's addresses to give out, and how many of them one source may have.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use quorate_core::Instant;

use super::binding::{Phase, Stored};
use super::free_set::FreeSet;
use super::offers::Source;
use super::validate::Subnet;

#[derive(Clone, Debug)]
pub(super) struct SubnetPool {
    dynamic: FreeSet,
    dynamic_len: u64,
    /// `dynamic` without those that have a binding.
    free: FreeSet,
    free_len: u64,
    /// Dynamic ones with a binding that may be given to another client.
    lapsed: BTreeSet<(u64, Ipv4Addr)>,
    /// Leases whose end was past when the server started, by end.
    doubted: BTreeSet<(Instant, Ipv4Addr)>,
    declined: BTreeSet<(Instant, Ipv4Addr)>,
    /// Dynamic addresses that clients with a reservation hold.
    known_held: u64,
    /// Addresses that clients behind each port hold, where relay agents say which port it is.
    held_by_port: BTreeMap<Source, u64>,
    /// Until then an offer may have given way whose client still wants it.
    pub(super) contested_until: Option<Instant>,
}

impl SubnetPool {
    pub(super) fn new(subnet: &Subnet) -> Self {
        let dynamic_len = subnet.dynamic.len();
        Self {
            dynamic: subnet.dynamic.clone(),
            dynamic_len,
            free: subnet.dynamic.clone(),
            free_len: dynamic_len,
            lapsed: BTreeSet::new(),
            doubted: BTreeSet::new(),
            declined: BTreeSet::new(),
            known_held: 0,
            held_by_port: BTreeMap::new(),
            contested_until: None,
        }
    }

    /// A binding was entered at `addr`.
    pub(super) fn enter(&mut self, addr: Ipv4Addr, stored: &Stored) {
        let is_dynamic = self.dynamic.contains(addr.to_bits());
        if is_dynamic && self.free.remove(addr.to_bits()) {
            self.free_len -= 1;
        }
        match stored.phase {
            Phase::Offered { .. } | Phase::Bound { .. } if is_dynamic => {
                self.known_held += u64::from(stored.is_known);
                let source = stored.source();
                if source.is_port {
                    *self.held_by_port.entry(source).or_default() += 1;
                }
            }
            Phase::Lapsed { order } | Phase::Revoked { order } if is_dynamic => {
                self.lapsed.insert((order, addr));
            }
            Phase::Declined { until } => {
                self.declined.insert((until, addr));
            }
            Phase::Offered { .. }
            | Phase::Bound { .. }
            | Phase::Lapsed { .. }
            | Phase::Revoked { .. } => {}
        }
        if let (Phase::Bound { until }, true) = (stored.phase, stored.is_doubted && is_dynamic) {
            self.doubted.insert((until, addr));
        }
    }

    /// The binding of `addr` was removed: the inverse of [`enter`](Self::enter).
    pub(super) fn leave(&mut self, addr: Ipv4Addr, stored: &Stored) {
        let is_dynamic = self.dynamic.contains(addr.to_bits());
        if is_dynamic && !self.free.contains(addr.to_bits()) {
            self.free.insert(addr.to_bits());
            self.free_len += 1;
        }
        match stored.phase {
            Phase::Offered { .. } | Phase::Bound { .. } if is_dynamic => {
                self.known_held -= u64::from(stored.is_known);
                let source = stored.source();
                if let Some(held) = self.held_by_port.get_mut(&source) {
                    *held -= 1;
                    if *held == 0 {
                        self.held_by_port.remove(&source);
                    }
                }
            }
            Phase::Lapsed { order } | Phase::Revoked { order } => {
                self.lapsed.remove(&(order, addr));
            }
            Phase::Declined { until } => {
                self.declined.remove(&(until, addr));
            }
            Phase::Offered { .. } | Phase::Bound { .. } => {}
        }
        if let Phase::Bound { until } = stored.phase {
            self.doubted.remove(&(until, addr));
        }
    }

    /// True when the address is in a pool and has no binding.
    pub(super) fn is_free(&self, addr: Ipv4Addr) -> bool {
        self.free.contains(addr.to_bits())
    }

    /// True when the address is in a pool, not excluded, not reserved.
    pub(super) fn is_dynamic(&self, addr: Ipv4Addr) -> bool {
        self.dynamic.contains(addr.to_bits())
    }

    /// The address for a client without a claim: the lowest that is free, else the one that
    /// lapsed longest ago.
    pub(super) fn spare(&self) -> Option<Ipv4Addr> {
        let lapsed = || self.lapsed.first().map(|(_, addr)| *addr);
        self.free.first().map(Ipv4Addr::from_bits).or_else(lapsed)
    }

    /// The lease that ended first of those whose end was past when the server started.
    pub(super) fn doubted(&self) -> Option<Ipv4Addr> {
        self.doubted.first().map(|(_, addr)| *addr)
    }

    /// The address that has rested longest, when one more may not rest beside it.
    pub(super) fn declined_too_many(&self) -> Option<Ipv4Addr> {
        let most = (self.dynamic_len / DECLINED_PART).max(1);
        let (_, oldest) = self.declined.first()?;
        (self.declined.len() as u64 >= most).then_some(*oldest)
    }

    /// True when clients without a reservation may not have the last addresses: of `roaming` clients
    /// with a reservation that names no address, some are yet to come.
    pub(super) fn is_kept_back(&self, roaming: u64) -> bool {
        let to_come = roaming.saturating_sub(self.known_held);
        let kept = to_come.min(self.dynamic_len / KEPT_PART);
        kept > 0 && self.room() <= kept
    }

    /// True when this port has most of the pool, and the rest is little and for other ports.
    pub(super) fn is_share_used(&self, source: Source) -> bool {
        let held = self.held_by_port.get(&source).copied().unwrap_or(0);
        let has_neighbours = self.held_by_port.len() > 1;
        has_neighbours
            && held > self.dynamic_len / 2
            && self.room() <= self.dynamic_len / SHARE_PART
    }

    fn room(&self) -> u64 {
        self.free_len + self.lapsed.len() as u64
    }
}

/// Declined addresses may rest up to this part of a pool: a tenth.
const DECLINED_PART: u64 = 10;
/// Likewise what is kept back for clients with a reservation.
const KEPT_PART: u64 = 10;
/// And the rest that a port with most of a pool leaves to others.
const SHARE_PART: u64 = 8;
