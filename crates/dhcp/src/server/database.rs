//! The lease database: every address that has a client or a former one, with its indexes.
//!
//! One entry an address, so its size is bounded by the pools and reservations whatever clients
//! do. [`LeaseDatabase::insert`] and [`LeaseDatabase::remove`] are the only two operations that touch the indexes,
//! and they are each other's inverse; everything else is built from them.
//!
//! ```text
//!             DISCOVER            REQUEST
//!   free ───────────────► Offered ───────► Bound ──────────► Lapsed ──► free / stolen (LRU)
//!                           │  ▲             │ │ expiry,       │
//!                gives way, │  └─────────────┼─┼───────────────┘ same client again
//!                runs out   ▼                │ └─ DECLINE ─► Declined ─► free
//!                          free, Lapsed ◄────┘ RELEASE
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;
use std::num::NonZeroU32;

use quorate_core::Instant;

use super::binding::{Binding, Packer, Phase, Stored};
use super::free_set::FreeSet;
use super::lease::{ClientKey, Lease};
use super::offers::Offers;
use super::pool::SubnetPool;
use super::validate::Subnet;
use crate::name;

/// The bindings of all addresses, with their indexes.
#[derive(Clone, Debug)]
pub(super) struct LeaseDatabase {
    /// Boxed: a map's nodes are half empty.
    bindings: BTreeMap<Ipv4Addr, Box<Stored>>,
    packer: Packer,
    /// Hash of subnet and client → address; the binding says which client it is.
    clients: BTreeSet<(u64, Ipv4Addr)>,
    /// Likewise of the names that do not follow from the address.
    names: BTreeSet<(u64, Ipv4Addr)>,
    timers: BTreeSet<(Instant, Ipv4Addr)>,
    /// Class → ordinals that are not in use.
    ordinals: BTreeMap<String, FreeSet>,
    pools: Vec<SubnetPool>,
    offers: Offers,
    declined: BTreeSet<(Instant, Ipv4Addr)>,
    bound: usize,
    order_next: u64,
    /// Calls so far, so that a test can see that their number is linear.
    #[cfg(test)]
    operations: std::cell::Cell<u64>,
}

impl LeaseDatabase {
    pub(super) fn new(subnets: &[Subnet]) -> Self {
        Self {
            bindings: BTreeMap::new(),
            packer: Packer::default(),
            clients: BTreeSet::new(),
            names: BTreeSet::new(),
            timers: BTreeSet::new(),
            ordinals: BTreeMap::new(),
            pools: subnets.iter().map(SubnetPool::new).collect(),
            offers: Offers::default(),
            declined: BTreeSet::new(),
            bound: 0,
            order_next: 0,
            #[cfg(test)]
            operations: std::cell::Cell::new(0),
        }
    }

    /// From now on dates are what the monotonic clock shows, and this many seconds more. No date
    /// is touched: a step of the wall clock costs the same however many leases there are.
    pub(super) fn set_offset(&mut self, secs: i64) {
        self.packer.offset_secs = secs;
    }

    /// Enters `binding` at its address, which must have none.
    pub(super) fn insert(&mut self, binding: Binding) {
        self.count();
        let addr = binding.lease.addr;
        let stored = self.packer.pack(binding);
        self.enter_indexes(addr, &stored);
        let before = self.bindings.insert(addr, Box::new(stored));
        assert!(before.is_none(), "{addr} has a binding already");
    }

    fn enter_indexes(&mut self, addr: Ipv4Addr, stored: &Stored) {
        let (subnet, phase) = (stored.subnet(), stored.phase);
        self.pools[subnet].enter(addr, stored);
        if phase.has_client() {
            // The last one of a client counts.
            let hash = client_hash(subnet, &stored.client);
            if let Some(other) = self.addr_of_client(subnet, &stored.client) {
                self.clients.remove(&(hash, other));
            }
            self.clients.insert((hash, addr));
        }
        if let Some(name) = stored.given_name().filter(|_| phase.is_active())
            && self.named(name).is_none()
        {
            self.names.insert((text_hash(name), addr));
        }
        if let Some(until) = phase.until() {
            self.timers.insert((until, addr));
        }
        match phase {
            Phase::Offered { order, .. } if !stored.is_known => {
                self.offers.insert(subnet, stored.source(), order, addr);
            }
            Phase::Declined { until } => {
                self.declined.insert((until, addr));
            }
            Phase::Bound { .. } => self.bound += 1,
            Phase::Offered { .. } | Phase::Lapsed { .. } | Phase::Revoked { .. } => {}
        }
        if let Some((class, index)) = self.ordinal_of(stored) {
            self.ordinals_of(&class).remove(index);
        }
    }

    /// Removes the binding of `addr`, and with it its client, name, ordinal and timer.
    pub(super) fn remove(&mut self, addr: Ipv4Addr) -> Option<Binding> {
        self.count();
        let stored = self.bindings.remove(&addr)?;
        let (subnet, phase) = (stored.subnet(), stored.phase);
        self.pools[subnet].leave(addr, &stored);
        if phase.has_client() {
            let hash = client_hash(subnet, &stored.client);
            self.clients.remove(&(hash, addr));
        }
        if let Some(name) = stored.given_name() {
            self.names.remove(&(text_hash(name), addr));
        }
        if let Some(until) = phase.until() {
            self.timers.remove(&(until, addr));
        }
        match phase {
            Phase::Offered { order, .. } => {
                self.offers.remove(subnet, stored.source(), order, addr);
            }
            Phase::Declined { until } => {
                self.declined.remove(&(until, addr));
            }
            Phase::Bound { .. } => self.bound -= 1,
            Phase::Lapsed { .. } | Phase::Revoked { .. } => {}
        }
        if let Some((class, index)) = self.ordinal_of(&stored) {
            self.ordinals_of(&class).insert(index);
        }
        Some(self.packer.unpack(addr, &stored))
    }

    /// Enters `lease` as lapsed, at place `order` of those that other clients may get, else last.
    pub(super) fn insert_lapsed(
        &mut self,
        subnet: usize,
        lease: Lease,
        revoked: bool,
        order: Option<u64>,
    ) {
        let order = order.unwrap_or(self.order_next);
        self.order_next = self.order_next.max(order + 1);
        let phase = if revoked {
            Phase::Revoked { order }
        } else {
            Phase::Lapsed { order }
        };
        self.insert(Binding {
            subnet,
            lease,
            phase,
            is_known: false,
            is_doubted: false,
        });
    }

    /// A place behind all others.
    pub(super) fn next_order(&mut self) -> u64 {
        let order = self.order_next;
        self.order_next += 1;
        order
    }

    pub(super) fn at(&self, addr: Ipv4Addr) -> Option<&Stored> {
        self.count();
        self.bindings.get(&addr).map(|stored| &**stored)
    }

    pub(super) fn lease_at(&self, addr: Ipv4Addr) -> Option<Lease> {
        Some(self.packer.lease(addr, self.at(addr)?))
    }

    /// Where a client is, or was.
    pub(super) fn of_client(&self, subnet: usize, client: &ClientKey) -> Option<(Ipv4Addr, Phase)> {
        self.count();
        let addr = self.addr_of_client(subnet, client)?;
        Some((addr, self.bindings.get(&addr)?.phase))
    }

    fn addr_of_client(&self, subnet: usize, client: &ClientKey) -> Option<Ipv4Addr> {
        let is_theirs = |addr: &Ipv4Addr| {
            let stored = self.bindings.get(addr);
            stored.is_some_and(|stored| stored.subnet() == subnet && stored.client == *client)
        };
        with_hash(&self.clients, client_hash(subnet, client)).find(is_theirs)
    }

    /// Who holds a name.
    pub(super) fn named(&self, name: &str) -> Option<Ipv4Addr> {
        self.count();
        let holds = |addr: &Ipv4Addr| {
            let stored = self.bindings.get(addr);
            stored.is_some_and(|s| s.phase.is_active() && s.has_hostname(*addr, name))
        };
        match name::addr_of_name(name) {
            Some(addr) => Some(addr).filter(holds),
            None => with_hash(&self.names, text_hash(name)).find(holds),
        }
    }

    pub(super) fn pool(&self, subnet: usize) -> &SubnetPool {
        self.count();
        &self.pools[subnet]
    }

    pub(super) fn pool_mut(&mut self, subnet: usize) -> &mut SubnetPool {
        &mut self.pools[subnet]
    }

    /// The lowest ordinal of `class` that is not in use.
    pub(super) fn ordinal(&mut self, class: &str) -> Option<u32> {
        self.ordinals_of(class).first()
    }

    pub(super) fn ordinal_is_free(&mut self, class: &str, index: u32) -> bool {
        self.ordinals_of(class).contains(index)
    }

    /// The next address whose time is up, with the moment.
    pub(super) fn next_timer(&self) -> Option<(Instant, Ipv4Addr)> {
        self.timers.first().copied()
    }

    /// Offers that may give way: those of clients without a reservation.
    pub(super) fn offers(&self) -> &Offers {
        &self.offers
    }

    /// How many addresses rest, and which has rested longest.
    pub(super) fn declined(&self) -> (usize, Option<Ipv4Addr>) {
        let oldest = self.declined.first().map(|(_, addr)| *addr);
        (self.declined.len(), oldest)
    }

    /// Every address with its binding.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Ipv4Addr, &Stored)> {
        self.iter_from(Ipv4Addr::UNSPECIFIED)
    }

    /// Those from this address on.
    pub(super) fn iter_from(&self, first: Ipv4Addr) -> impl Iterator<Item = (Ipv4Addr, &Stored)> {
        let bindings = self.bindings.range(first..);
        bindings.map(|(addr, stored)| (*addr, &**stored))
    }

    pub(super) fn bound_len(&self) -> usize {
        self.bound
    }

    pub(super) fn lease_of(&self, addr: Ipv4Addr, stored: &Stored) -> Lease {
        self.packer.lease(addr, stored)
    }

    fn ordinal_of(&self, stored: &Stored) -> Option<(String, u32)> {
        let class = self.packer.text(stored.class)?;
        Some((class.to_owned(), stored.index.map(NonZeroU32::get)?))
    }

    fn ordinals_of(&mut self, class: &str) -> &mut FreeSet {
        self.count();
        if !self.ordinals.contains_key(class) {
            let all = FreeSet::from_ranges([1..=u32::MAX]);
            self.ordinals.insert(class.to_owned(), all);
        }
        self.ordinals.get_mut(class).expect("it was just entered")
    }

    fn count(&self) {
        #[cfg(test)]
        self.operations.set(self.operations.get() + 1);
    }

    #[cfg(test)]
    pub(super) fn operations(&self) -> u64 {
        self.operations.get()
    }
}

fn client_hash(subnet: usize, client: &ClientKey) -> u64 {
    let mut hasher = DefaultHasher::new();
    (subnet, client).hash(&mut hasher);
    hasher.finish()
}

fn text_hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// The addresses that were entered under this hash: one, but for an accident.
fn with_hash(index: &BTreeSet<(u64, Ipv4Addr)>, hash: u64) -> impl Iterator<Item = Ipv4Addr> {
    let range = (hash, Ipv4Addr::UNSPECIFIED)..=(hash, Ipv4Addr::BROADCAST);
    index.range(range).map(|(_, addr)| *addr)
}
