//! The lease database: every address that has a client or a former one, with its indexes.
//!
//! One entry an address, so its size is bounded by the pools and reservations whatever clients
//! do. [`LeaseDatabase::insert`] and [`LeaseDatabase::remove`] are the only two operations that touch the indexes,
//! and they are each other's inverse; everything else is built from them.
//!
//! ```text
//!             DISCOVER            REQUEST
//!   free ───────────────► Offered ───────► Bound ──────────► Lapsed ──► free / stolen (LRU)
//!                           │  ▲             │ expiry,         │
//!                           │  └─────────────┼─────────────────┘ same client again
//!                           └── DECLINE ──► Declined ─► free
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use quorate_core::Instant;

use super::free_set::FreeSet;
use super::lease::{ClientKey, Lease};
use super::validate::Subnet;

/// Where an address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Promised for seconds, in memory only. `lapsed` is its place among the lapsed when the
    /// same client was remembered here.
    Offered {
        until: Instant,
        lapsed: Option<u64>,
    },
    Bound {
        until: Instant,
    },
    /// Without a client, but kept for its last one while others are free; lowest `order` goes
    /// first.
    Lapsed {
        order: u64,
    },
    /// [`Lapsed`](Self::Lapsed), and its last client has no claim.
    Revoked {
        order: u64,
    },
    /// An unknown host uses it.
    Declined {
        until: Instant,
    },
}

impl Phase {
    /// True while a client holds the address and its name.
    pub(super) fn is_active(self) -> bool {
        matches!(self, Self::Offered { .. } | Self::Bound { .. })
    }

    fn until(self) -> Option<Instant> {
        match self {
            Self::Offered { until, .. } | Self::Bound { until } | Self::Declined { until } => {
                Some(until)
            }
            Self::Lapsed { .. } | Self::Revoked { .. } => None,
        }
    }

    fn order(self) -> Option<u64> {
        match self {
            Self::Lapsed { order } | Self::Revoked { order } => Some(order),
            Self::Offered { .. } | Self::Bound { .. } | Self::Declined { .. } => None,
        }
    }

    /// True when the client is found by its key.
    fn has_client(self) -> bool {
        self.is_active() || matches!(self, Self::Lapsed { .. })
    }
}

/// One entry of the database.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) subnet: usize,
    pub(super) lease: Lease,
    pub(super) phase: Phase,
}

/// The bindings of all addresses, with their indexes.
#[derive(Clone, Debug)]
pub(super) struct LeaseDatabase {
    bindings: BTreeMap<Ipv4Addr, Binding>,
    clients: BTreeMap<(usize, ClientKey), Ipv4Addr>,
    names: BTreeMap<String, Ipv4Addr>,
    timers: BTreeSet<(Instant, Ipv4Addr)>,
    declined: BTreeSet<(Instant, Ipv4Addr)>,
    /// Class → ordinals that are not in use.
    ordinals: BTreeMap<String, FreeSet>,
    pools: Vec<SubnetPool>,
    offers: usize,
    order_next: u64,
    /// Calls so far, so that a test can see that their number is linear.
    #[cfg(test)]
    operations: std::cell::Cell<u64>,
}

/// One subnet's addresses to give out.
#[derive(Clone, Debug)]
struct SubnetPool {
    dynamic: FreeSet,
    /// `dynamic` without those that have a binding.
    free: FreeSet,
    /// Dynamic ones with a binding that may be given to another client.
    lapsed: BTreeSet<(u64, Ipv4Addr)>,
}

impl LeaseDatabase {
    pub(super) fn new(subnets: &[Subnet]) -> Self {
        let pool = |subnet: &Subnet| SubnetPool {
            dynamic: subnet.dynamic.clone(),
            free: subnet.dynamic.clone(),
            lapsed: BTreeSet::new(),
        };
        Self {
            bindings: BTreeMap::new(),
            clients: BTreeMap::new(),
            names: BTreeMap::new(),
            timers: BTreeSet::new(),
            declined: BTreeSet::new(),
            ordinals: BTreeMap::new(),
            pools: subnets.iter().map(pool).collect(),
            offers: 0,
            order_next: 0,
            #[cfg(test)]
            operations: std::cell::Cell::new(0),
        }
    }

    /// Enters `binding` at its address, which must have none.
    pub(super) fn insert(&mut self, binding: Binding) {
        self.count();
        let (addr, phase) = (binding.lease.addr, binding.phase);
        let pool = &mut self.pools[binding.subnet];
        pool.free.remove(addr.to_bits());
        if let Some(order) = phase
            .order()
            .filter(|_| pool.dynamic.contains(addr.to_bits()))
        {
            pool.lapsed.insert((order, addr));
        }
        if phase.has_client() {
            let client = (binding.subnet, binding.lease.client.clone());
            self.clients.insert(client, addr);
        }
        if phase.is_active() {
            let name = binding.lease.hostname.clone();
            self.names.entry(name).or_insert(addr);
        }
        if let Some(until) = phase.until() {
            self.timers.insert((until, addr));
        }
        match phase {
            Phase::Offered { .. } => self.offers += 1,
            Phase::Declined { until } => {
                self.declined.insert((until, addr));
            }
            Phase::Bound { .. } | Phase::Lapsed { .. } | Phase::Revoked { .. } => {}
        }
        if let (Some(class), Some(index)) = (&binding.lease.class, binding.lease.index) {
            self.ordinals_of(class).remove(index);
        }
        let before = self.bindings.insert(addr, binding);
        assert!(before.is_none(), "{addr} has a binding already");
    }

    /// Removes the binding of `addr`, and with it its client, name, ordinal and timer.
    pub(super) fn remove(&mut self, addr: Ipv4Addr) -> Option<Binding> {
        self.count();
        let binding = self.bindings.remove(&addr)?;
        let phase = binding.phase;
        let pool = &mut self.pools[binding.subnet];
        if pool.dynamic.contains(addr.to_bits()) {
            pool.free.insert(addr.to_bits());
        }
        if let Some(order) = phase.order() {
            pool.lapsed.remove(&(order, addr));
        }
        if phase.has_client() {
            let client = (binding.subnet, binding.lease.client.clone());
            if self.clients.get(&client) == Some(&addr) {
                self.clients.remove(&client);
            }
        }
        if phase.is_active() && self.names.get(&binding.lease.hostname) == Some(&addr) {
            self.names.remove(&binding.lease.hostname);
        }
        if let Some(until) = phase.until() {
            self.timers.remove(&(until, addr));
        }
        match phase {
            Phase::Offered { .. } => self.offers -= 1,
            Phase::Declined { until } => {
                self.declined.remove(&(until, addr));
            }
            Phase::Bound { .. } | Phase::Lapsed { .. } | Phase::Revoked { .. } => {}
        }
        if let (Some(class), Some(index)) = (&binding.lease.class, binding.lease.index) {
            self.ordinals_of(class).insert(index);
        }
        Some(binding)
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
        });
    }

    pub(super) fn at(&self, addr: Ipv4Addr) -> Option<&Binding> {
        self.count();
        self.bindings.get(&addr)
    }

    /// Where a client is, or was.
    pub(super) fn of_client(&self, subnet: usize, client: &ClientKey) -> Option<&Binding> {
        self.count();
        let addr = self.clients.get(&(subnet, client.clone()))?;
        self.bindings.get(addr)
    }

    /// Who holds a name.
    pub(super) fn named(&self, name: &str) -> Option<Ipv4Addr> {
        self.count();
        self.names.get(name).copied()
    }

    /// True when the address is in a pool and has no binding.
    pub(super) fn is_free(&self, subnet: usize, addr: Ipv4Addr) -> bool {
        self.pools[subnet].free.contains(addr.to_bits())
    }

    /// True when the address is in a pool, not excluded, not reserved.
    pub(super) fn is_dynamic(&self, subnet: usize, addr: Ipv4Addr) -> bool {
        self.pools[subnet].dynamic.contains(addr.to_bits())
    }

    /// The address for a client without a claim: the lowest that is free, else the one that
    /// lapsed longest ago.
    pub(super) fn spare(&self, subnet: usize) -> Option<Ipv4Addr> {
        self.count();
        let pool = &self.pools[subnet];
        let lapsed = || pool.lapsed.first().map(|(_, addr)| *addr);
        pool.free.first().map(Ipv4Addr::from_bits).or_else(lapsed)
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

    pub(super) fn offers(&self) -> usize {
        self.offers
    }

    /// How many addresses rest, and which has rested longest.
    pub(super) fn declined(&self) -> (usize, Option<Ipv4Addr>) {
        let oldest = self.declined.first().map(|(_, addr)| *addr);
        (self.declined.len(), oldest)
    }

    /// Every binding, by address.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Binding> {
        self.bindings.values()
    }

    /// Those from this address on.
    pub(super) fn iter_from(&self, first: Ipv4Addr) -> impl Iterator<Item = &Binding> {
        self.bindings.range(first..).map(|(_, binding)| binding)
    }

    /// The same with leases whose dates may change; nothing else of them may.
    pub(super) fn promises_mut(&mut self) -> impl Iterator<Item = (Phase, &mut Lease)> {
        let bindings = self.bindings.values_mut();
        bindings.map(|binding| (binding.phase, &mut binding.lease))
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
