//! Leases that want names, found by address, hostname and class.
//!
//! A rack has tens of thousands of them, and each change asks who else has its name and how many
//! of its class are there: nobody may look through all to answer that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::Binding;

/// A lease that wants its names published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) binding: Binding,
    /// The change that publishes it.
    pub(crate) change: u64,
    pub(crate) standing: Registration,
    /// An earlier change may have put its names into the zones already.
    pub(crate) is_out: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    Underway,
    Registered,
    Conflict,
}

/// All of them. [`insert`](Self::insert) and [`remove`](Self::remove) keep the indexes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    by_addr: BTreeMap<Ipv4Addr, Held>,
    by_hostname: Index,
    by_class: Index,
}

type Index = BTreeMap<String, BTreeSet<Ipv4Addr>>;

impl Roster {
    pub(crate) fn get(&self, addr: Ipv4Addr) -> Option<&Held> {
        self.by_addr.get(&addr)
    }

    /// In the order of addresses.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Held> {
        self.by_addr.values()
    }

    /// Those with this hostname, in the order of addresses.
    pub(crate) fn named(&self, hostname: &str) -> impl Iterator<Item = &Held> {
        self.found(self.by_hostname.get(hostname))
    }

    /// Those of this class, in the order of addresses.
    pub(crate) fn of_class(&self, class: &str) -> impl Iterator<Item = &Held> {
        self.found(self.by_class.get(class))
    }

    /// In the place of what was held at the address.
    pub(crate) fn insert(&mut self, held: Held) {
        let addr = held.binding.addr;
        self.remove(addr);
        enter(&mut self.by_hostname, &held.binding.hostname, addr);
        if let Some(class) = &held.binding.class {
            enter(&mut self.by_class, class, addr);
        }
        self.by_addr.insert(addr, held);
    }

    pub(crate) fn remove(&mut self, addr: Ipv4Addr) -> Option<Held> {
        let held = self.by_addr.remove(&addr)?;
        leave(&mut self.by_hostname, &held.binding.hostname, addr);
        if let Some(class) = &held.binding.class {
            leave(&mut self.by_class, class, addr);
        }
        Some(held)
    }

    /// What became of the names at this address, if this change still is what publishes them.
    pub(crate) fn set_standing(&mut self, addr: Ipv4Addr, change: u64, standing: Registration) {
        let held = self.by_addr.get_mut(&addr);
        if let Some(held) = held.filter(|held| held.change == change) {
            held.standing = standing;
        }
    }

    fn found<'a>(
        &'a self,
        addrs: Option<&'a BTreeSet<Ipv4Addr>>,
    ) -> impl Iterator<Item = &'a Held> {
        let addrs = addrs.into_iter().flatten();
        addrs.map(|addr| &self.by_addr[addr])
    }
}

fn enter(index: &mut Index, key: &str, addr: Ipv4Addr) {
    index.entry(key.to_owned()).or_default().insert(addr);
}

fn leave(index: &mut Index, key: &str, addr: Ipv4Addr) {
    if let Some(addrs) = index.get_mut(key) {
        addrs.remove(&addr);
        if addrs.is_empty() {
            index.remove(key);
        }
    }
}
