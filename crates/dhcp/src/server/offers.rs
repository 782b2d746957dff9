//! Who has offers outstanding, so that one who asks for everything cannot keep others from asking.
//!
//! A table has an end. When it is reached the oldest offer of the source with the most of them
//! gives way: a stranger who floods one port of a switch displaces only himself, and where all
//! share one link, an offer lives as long as the flood needs to fill the table.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::Ipv4Addr;

use super::lease::RelayRecord;

/// Where messages come from, as far as it is known: the server's own link, a relay agent, or a
/// port behind one (RFC 3046 §2.0). A hash: two that share one are one source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Source {
    hash: u64,
    /// The relay agent says which port it is.
    pub(super) is_port: bool,
}

impl Source {
    pub(super) fn of(relay: Option<&RelayRecord>) -> Self {
        let mut hasher = DefaultHasher::new();
        let circuit = relay.and_then(|relay| relay.circuit_id.as_ref());
        relay.map(|relay| relay.giaddr).hash(&mut hasher);
        circuit.hash(&mut hasher);
        Self {
            hash: hasher.finish(),
            is_port: circuit.is_some(),
        }
    }
}

/// The offers that may give way, by subnet and source.
#[derive(Clone, Debug, Default)]
pub(super) struct Offers {
    /// Oldest first.
    queues: BTreeMap<(usize, Source), BTreeSet<(u64, Ipv4Addr)>>,
    /// Subnet, number of offers, source: the last of a subnet is the greediest there.
    by_subnet: BTreeSet<(usize, usize, Source)>,
    /// Number of offers, subnet, source: the last is the greediest of all.
    by_len: BTreeSet<(usize, usize, Source)>,
    len: usize,
}

impl Offers {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, subnet: usize, source: Source, order: u64, addr: Ipv4Addr) {
        self.change(subnet, source, |queue| queue.insert((order, addr)));
    }

    pub(super) fn remove(&mut self, subnet: usize, source: Source, order: u64, addr: Ipv4Addr) {
        self.change(subnet, source, |queue| queue.remove(&(order, addr)));
    }

    /// The oldest offer of the source that has most of them, in the subnet or anywhere.
    pub(super) fn oldest_of_greediest(&self, subnet: Option<usize>) -> Option<Ipv4Addr> {
        let place = match subnet {
            None => self
                .by_len
                .last()
                .map(|(_, subnet, source)| (*subnet, *source)),
            Some(subnet) => {
                let last = self.by_subnet.range(..(subnet + 1, 0, LOWEST)).next_back();
                let last = last.filter(|(of, _, _)| *of == subnet);
                last.map(|(subnet, _, source)| (*subnet, *source))
            }
        };
        let (_, addr) = self.queues.get(&place?)?.first()?;
        Some(*addr)
    }

    fn change(
        &mut self,
        subnet: usize,
        source: Source,
        change: impl FnOnce(&mut BTreeSet<(u64, Ipv4Addr)>) -> bool,
    ) {
        let queue = self.queues.entry((subnet, source)).or_default();
        let before = queue.len();
        change(queue);
        let after = queue.len();
        self.len = self.len + after - before;
        self.by_subnet.remove(&(subnet, before, source));
        self.by_len.remove(&(before, subnet, source));
        if after == 0 {
            self.queues.remove(&(subnet, source));
        } else {
            self.by_subnet.insert((subnet, after, source));
            self.by_len.insert((after, subnet, source));
        }
    }
}

const LOWEST: Source = Source {
    hash: 0,
    is_port: false,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn source(giaddr: u8, circuit: Option<u8>) -> Source {
        Source::of(Some(&RelayRecord {
            giaddr: [10, 0, giaddr, 1].into(),
            circuit_id: circuit.map(|port| vec![port]),
            remote_id: None,
        }))
    }

    #[test]
    fn the_oldest_of_the_greediest_gives_way() {
        let addr = |host: u8| Ipv4Addr::new(10, 0, 0, host);
        let (one, two) = (source(1, Some(1)), source(1, Some(2)));
        assert_ne!(one, two);
        let mut offers = Offers::default();
        offers.insert(0, one, 1, addr(1));
        for host in 2..5 {
            offers.insert(0, two, host.into(), addr(host));
        }
        offers.insert(1, one, 9, addr(9));
        assert_eq!(offers.oldest_of_greediest(None), Some(addr(2)));
        assert_eq!(offers.oldest_of_greediest(Some(0)), Some(addr(2)));
        assert_eq!(offers.oldest_of_greediest(Some(1)), Some(addr(9)));
        assert_eq!(offers.oldest_of_greediest(Some(2)), None);
        for host in 2..5 {
            offers.remove(0, two, host.into(), addr(host));
        }
        assert_eq!(offers.oldest_of_greediest(Some(0)), Some(addr(1)));
        assert_eq!(offers.len(), 2);
        offers.remove(0, two, 2, addr(2));
        assert_eq!(offers.len(), 2, "what is not there is not removed");
    }
}
