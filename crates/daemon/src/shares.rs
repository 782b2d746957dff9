//! How much of one kind of thing each source holds at once: connections, or transfers.
//!
//! A source that has shown nothing yet gives way: whoever only connects, or writes a request under
//! a forged address, holds a place until somebody else wants it. So a stranger takes the places of
//! strangers, and whoever is served keeps its own.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tokio::sync::oneshot;

use crate::limits::ConnectionLimits;

/// The places that there are.
#[derive(Clone, Debug)]
pub(crate) struct Shares(Arc<Mutex<Places>>);

#[derive(Debug)]
struct Places {
    limits: ConnectionLimits,
    next: u64,
    /// By age.
    held: BTreeMap<u64, Place>,
    of_source: BTreeMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Place {
    source: IpAddr,
    is_proven: bool,
    /// Dropped when the place is taken away.
    _revoke: oneshot::Sender<()>,
}

/// A place that is held until this is dropped, or until somebody else needs it.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Shares,
    id: u64,
}

/// Whether somebody else has the place now.
#[derive(Debug)]
pub(crate) struct Revocation(oneshot::Receiver<()>);

/// There is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum Full {
    #[error("one source holds {0} at once already")]
    Source(usize),
    #[error("all sources hold {0} at once already")]
    All(usize),
}

impl Shares {
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self(Arc::new(Mutex::new(Places {
            limits,
            next: 0,
            held: BTreeMap::new(),
            of_source: BTreeMap::new(),
        })))
    }

    /// A place for `source`, which may be one that somebody else has not shown to need.
    pub(crate) fn admit(&self, source: IpAddr) -> Result<(Share, Revocation), Full> {
        let source = class(source);
        let mut places = self.places();
        let ConnectionLimits { all, per_source } = places.limits;
        if places.count(source) >= per_source {
            let oldest = places.oldest_unproven(|place| place.source == source);
            places.remove(oldest.ok_or(Full::Source(per_source))?);
        }
        if places.held.len() >= all {
            let oldest = places.oldest_unproven(|_| true);
            let oldest = oldest.or_else(|| places.oldest_of_greediest(source));
            places.remove(oldest.ok_or(Full::All(all))?);
        }
        let (revoke, revoked) = oneshot::channel();
        let id = places.next;
        places.next += 1;
        *places.of_source.entry(source).or_default() += 1;
        places.held.insert(
            id,
            Place {
                source,
                is_proven: false,
                _revoke: revoke,
            },
        );
        let shares = self.clone();
        Ok((Share { shares, id }, Revocation(revoked)))
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn count(&self, source: IpAddr) -> usize {
        self.of_source.get(&source).copied().unwrap_or_default()
    }

    fn oldest_unproven(&self, is_one: impl Fn(&Place) -> bool) -> Option<u64> {
        let mut held = self.held.iter();
        let (id, _) = held.find(|(_, place)| !place.is_proven && is_one(place))?;
        Some(*id)
    }

    /// Of the source that holds most, if it holds more than `newcomer` will.
    fn oldest_of_greediest(&self, newcomer: IpAddr) -> Option<u64> {
        let (greediest, count) = self.of_source.iter().max_by_key(|(_, count)| **count)?;
        if *count <= self.count(newcomer) + 1 {
            return None;
        }
        let mut held = self.held.iter();
        let (id, _) = held.find(|(_, place)| place.source == *greediest)?;
        Some(*id)
    }

    fn remove(&mut self, id: u64) {
        let Some(place) = self.held.remove(&id) else {
            return;
        };
        if let Some(count) = self.of_source.get_mut(&place.source) {
            *count -= 1;
            if *count == 0 {
                self.of_source.remove(&place.source);
            }
        }
    }
}

impl Share {
    /// The source has shown that it is there and wants something.
    pub(crate) fn prove(&self) {
        if let Some(place) = self.shares.places().held.get_mut(&self.id) {
            place.is_proven = true;
        }
    }

    /// It wants nothing any more, and keeps its place while nobody else wants it.
    pub(crate) fn rest(&self) {
        if let Some(place) = self.shares.places().held.get_mut(&self.id) {
            place.is_proven = false;
        }
    }
}

impl Revocation {
    /// Completes when somebody else has the place.
    pub(crate) async fn wait(self) {
        // Nothing is ever sent: the sender is dropped.
        let _ = self.0.await;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.shares.places().remove(self.id);
    }
}

/// A host has as many IPv6 addresses as it likes, of one /64 (RFC 4291 §2.5.1).
fn class(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(addr) => {
            let network = addr.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares() -> Shares {
        Shares::new(ConnectionLimits {
            all: 8,
            per_source: 3,
        })
    }

    fn source(n: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, n])
    }

    type Held = (Share, Revocation);

    fn is_revoked((_, revocation): &mut Held) -> bool {
        revocation.0.try_recv() == Err(oneshot::error::TryRecvError::Closed)
    }

    fn prove(held: &[Held]) {
        held.iter().for_each(|(share, _)| share.prove());
    }

    #[test]
    fn a_source_holds_no_more_than_its_share() {
        let shares = shares();
        let mut held: Vec<_> = (0..4).map(|_| shares.admit(source(1)).unwrap()).collect();
        assert!(
            is_revoked(&mut held[0]),
            "the oldest that shows nothing gives way"
        );
        assert!(!is_revoked(&mut held[1]));
        prove(&held);
        assert_eq!(shares.admit(source(1)).unwrap_err(), Full::Source(3));
        assert!(shares.admit(source(2)).is_ok());
        held.pop();
        assert!(shares.admit(source(1)).is_ok());
    }

    #[test]
    fn forged_sources_take_no_place_of_one_that_is_served() {
        let shares = shares();
        let mut served = shares.admit(source(1)).unwrap();
        served.0.prove();
        let forged: Vec<_> = (2..250).map(|n| shares.admit(source(n)).unwrap()).collect();
        assert!(!is_revoked(&mut served));
        // Those whose places were taken give nothing back a second time.
        drop(forged);
        assert_eq!(shares.places().held.len(), 1);
        assert_eq!(shares.places().of_source.len(), 1);
    }

    #[test]
    fn a_newcomer_gets_a_place_of_who_holds_most() {
        let shares = shares();
        let mut held: Vec<_> = [1, 1, 1, 2, 2, 2, 3, 3]
            .map(|n| shares.admit(source(n)).unwrap())
            .into();
        prove(&held);
        let newcomer = shares.admit(source(4)).unwrap();
        assert_eq!(
            held.iter_mut()
                .filter_map(|one| is_revoked(one).then_some(()))
                .count(),
            1
        );
        assert_eq!(shares.places().held.len(), 8);
        drop(newcomer);
    }

    #[test]
    fn when_all_hold_the_same_the_newcomer_waits() {
        let shares = shares();
        let held: Vec<_> = (0..8).map(|n| shares.admit(source(n)).unwrap()).collect();
        prove(&held);
        assert_eq!(shares.admit(source(9)).unwrap_err(), Full::All(8));
        held[3].0.rest();
        assert!(shares.admit(source(9)).is_ok());
    }

    #[test]
    fn the_addresses_of_one_network_are_one_source() {
        let shares = shares();
        let addr = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, n]);
        let held: Vec<_> = (0..3).map(|n| shares.admit(addr(n)).unwrap()).collect();
        prove(&held);
        assert_eq!(shares.admit(addr(3)).unwrap_err(), Full::Source(3));
    }
}
