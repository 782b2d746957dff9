//! Who holds which address: the engines write it, the servers of seeds and boot files read it.
//!
//! An address has one holder. A MAC address may hold several addresses: firmware and the system that
//! it starts are two clients, and so is a stranger that copies somebody's MAC address. None of them
//! changes what the others hold.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, PoisonError, RwLock};

use quorate_boot::Facts;
use quorate_core::MacAddr;

/// What is known of every machine that holds a lease.
#[derive(Clone, Debug, Default)]
pub struct Directory(Arc<RwLock<Holders>>);

#[derive(Debug, Default)]
struct Holders {
    by_addr: BTreeMap<Ipv4Addr, Arc<Facts>>,
    by_mac: BTreeSet<(MacAddr, Ipv4Addr)>,
}

impl Directory {
    /// The machine holds a lease. Returns another address that its MAC address holds, if the lease
    /// is new here.
    pub(crate) fn insert(&self, facts: Facts) -> Option<Ipv4Addr> {
        let mut holders = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (mac, addr) = (facts.mac, facts.addr);
        let before = holders.by_addr.insert(addr, Arc::new(facts));
        if let Some(before) = &before {
            holders.by_mac.remove(&(before.mac, addr));
        }
        holders.by_mac.insert((mac, addr));
        if before.is_some_and(|before| before.mac == mac) {
            return None;
        }
        let mut of_mac = holders.by_mac.range((mac, FIRST)..=(mac, LAST));
        let (_, other) = of_mac.find(|(_, other)| *other != addr)?;
        Some(*other)
    }

    /// Nobody holds the address any more.
    pub(crate) fn remove(&self, addr: Ipv4Addr) {
        let mut holders = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(gone) = holders.by_addr.remove(&addr) {
            holders.by_mac.remove(&(gone.mac, addr));
        }
    }

    /// The machine that holds the address.
    pub(crate) fn holder(&self, addr: IpAddr) -> Option<Arc<Facts>> {
        let IpAddr::V4(addr) = addr.to_canonical() else {
            return None;
        };
        let holders = self.0.read().unwrap_or_else(PoisonError::into_inner);
        holders.by_addr.get(&addr).cloned()
    }

    /// The lowest address that the MAC address holds.
    pub(crate) fn addr(&self, mac: MacAddr) -> Option<Ipv4Addr> {
        let holders = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut of_mac = holders.by_mac.range((mac, FIRST)..=(mac, LAST));
        of_mac.next().map(|(_, addr)| *addr)
    }
}

const FIRST: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
const LAST: Ipv4Addr = Ipv4Addr::BROADCAST;

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(mac: u32, addr: u32) -> Facts {
        let [a, b, c, d] = mac.to_be_bytes();
        Facts {
            mac: MacAddr([2, 0, a, b, c, d]),
            addr: Ipv4Addr::from_bits(addr),
            prefix_len: 8,
            hostname: format!("m-{mac}"),
            domain: String::new(),
            gateway: None,
            dns: Vec::new(),
            instance_id: String::new(),
            class: None,
        }
    }

    #[test]
    fn a_second_lease_of_a_mac_takes_nothing_of_the_first() {
        let directory = Directory::default();
        assert_eq!(directory.insert(facts(1, 10)), None);
        assert_eq!(directory.insert(facts(1, 10)), None, "renewed");
        assert_eq!(
            directory.insert(facts(1, 11)),
            Some(Ipv4Addr::from_bits(10))
        );
        assert_eq!(directory.insert(facts(1, 11)), None, "reported once");
        let holder = |addr: u32| directory.holder(Ipv4Addr::from_bits(addr).into());
        assert!(holder(10).is_some() && holder(11).is_some());
        directory.remove(Ipv4Addr::from_bits(11));
        assert_eq!(holder(10).unwrap().hostname, "m-1");
        assert_eq!(holder(11), None);
        // An address that changes hands.
        assert_eq!(directory.insert(facts(2, 10)), None);
        assert_eq!(directory.addr(facts(1, 0).mac), None);
    }

    #[test]
    fn a_look_up_costs_the_same_with_many_leases() {
        const LEASES: u32 = 200_000;
        let directory = Directory::default();
        for n in 0..LEASES {
            directory.insert(facts(n, n));
        }
        // Minutes, when each walks all.
        for n in 0..LEASES {
            let addr = Ipv4Addr::from_bits(n / 19 * 19);
            assert!(directory.holder(addr.into()).is_some());
        }
    }
}
