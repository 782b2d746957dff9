//! Leases that want names, found by address, hostname and class.
//!
//! A site has tens of thousands of them, and each change asks who else has its name and how many
//! of its class are there. Indexes answer that without a look at every lease.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::Binding;

/// A lease that wants its names published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registration {
    pub(crate) binding: Binding,
    /// The change that publishes it.
    pub(crate) change: u64,
    pub(crate) status: RegistrationStatus,
    /// An earlier change may have put its names into the zones already.
    pub(crate) may_be_published: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegistrationStatus {
    Underway,
    Registered,
    Conflict,
}

/// All of them. [`insert`](Self::insert) and [`remove`](Self::remove) keep the indexes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Registrations {
    by_addr: BTreeMap<Ipv4Addr, Registration>,
    by_hostname: Index,
    by_class: Index,
}

type Index = BTreeMap<String, BTreeSet<Ipv4Addr>>;

impl Registrations {
    pub(crate) fn get(&self, addr: Ipv4Addr) -> Option<&Registration> {
        self.by_addr.get(&addr)
    }

    /// In the order of addresses.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Registration> {
        self.by_addr.values()
    }

    /// Those with this hostname, in the order of addresses.
    pub(crate) fn named(&self, hostname: &str) -> impl Iterator<Item = &Registration> {
        self.found(self.by_hostname.get(hostname))
    }

    /// Those of this class, in the order of addresses.
    pub(crate) fn of_class(&self, class: &str) -> impl Iterator<Item = &Registration> {
        self.found(self.by_class.get(class))
    }

    /// Replaces the registration of the same address.
    pub(crate) fn insert(&mut self, registration: Registration) {
        let addr = registration.binding.addr;
        self.remove(addr);
        enter(&mut self.by_hostname, &registration.binding.hostname, addr);
        if let Some(class) = &registration.binding.class {
            enter(&mut self.by_class, class, addr);
        }
        self.by_addr.insert(addr, registration);
    }

    pub(crate) fn remove(&mut self, addr: Ipv4Addr) -> Option<Registration> {
        let registration = self.by_addr.remove(&addr)?;
        leave(&mut self.by_hostname, &registration.binding.hostname, addr);
        if let Some(class) = &registration.binding.class {
            leave(&mut self.by_class, class, addr);
        }
        Some(registration)
    }

    /// Sets the status of the registration at this address, if this change still publishes it.
    pub(crate) fn set_status(&mut self, addr: Ipv4Addr, change: u64, status: RegistrationStatus) {
        let registration = self.by_addr.get_mut(&addr);
        if let Some(registration) =
            registration.filter(|registration| registration.change == change)
        {
            registration.status = status;
        }
    }

    fn found<'a>(
        &'a self,
        addrs: Option<&'a BTreeSet<Ipv4Addr>>,
    ) -> impl Iterator<Item = &'a Registration> {
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
