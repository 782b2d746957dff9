//! Which records of the outbox a log must keep: those of changes that are not done, and of names
//! and sets that are in the zones.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::{OutboxRecord, Outcome};

/// Sees every record of a log, and knows which of them a registrar that continues needs. It knows
/// no configuration: the sets of services that are not configured today are kept.
#[derive(Debug, Default)]
pub struct OutboxFold {
    changes: BTreeMap<u64, Kept>,
    /// Changes that left nothing to keep.
    ended: BTreeSet<u64>,
    /// The change that publishes the lease of each address.
    registrations: BTreeMap<Ipv4Addr, u64>,
}

#[derive(Debug)]
struct Kept {
    aim: KeptAim,
    introduced: u64,
    done: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
enum KeptAim {
    Publish(Ipv4Addr),
    Withdraw,
    Announce,
}

impl OutboxFold {
    /// The next record; `place` says where it is.
    pub fn push(&mut self, record: &OutboxRecord, place: u64) {
        let change = record.change();
        let aim = match record {
            OutboxRecord::Done { outcome, .. } => return self.finish(change, *outcome, place),
            OutboxRecord::Wanted { binding, .. } => KeptAim::Publish(binding.addr),
            OutboxRecord::Unwanted { .. } => KeptAim::Withdraw,
            OutboxRecord::Announced { .. } => KeptAim::Announce,
        };
        if self.ended.contains(&change) || self.changes.contains_key(&change) {
            return;
        }
        let kept = Kept {
            aim,
            introduced: place,
            done: None,
        };
        self.changes.insert(change, kept);
        let replaced = match record {
            OutboxRecord::Wanted { binding, .. } => self.registrations.insert(binding.addr, change),
            OutboxRecord::Unwanted { binding, .. } => self.registrations.remove(&binding.addr),
            OutboxRecord::Announced { .. } | OutboxRecord::Done { .. } => None,
        };
        if let Some(replaced) = replaced
            && self
                .changes
                .get(&replaced)
                .is_some_and(|kept| kept.done.is_some())
        {
            self.drop_change(replaced);
        }
    }

    /// The places of the records to keep, in order.
    pub fn into_places(self) -> Vec<u64> {
        let places = self.changes.into_values();
        let mut places: Vec<u64> = places
            .flat_map(|kept| std::iter::once(kept.introduced).chain(kept.done))
            .collect();
        places.sort_unstable();
        places
    }

    fn finish(&mut self, change: u64, outcome: Outcome, place: u64) {
        let Some(kept) = self.changes.get_mut(&change) else {
            return;
        };
        match kept.aim {
            KeptAim::Announce => kept.done = Some(place),
            KeptAim::Withdraw => self.drop_change(change),
            KeptAim::Publish(addr) => {
                let is_current = self.registrations.get(&addr) == Some(&change);
                if is_current && outcome != Outcome::Cancelled {
                    kept.done = Some(place);
                    return;
                }
                if is_current {
                    self.registrations.remove(&addr);
                }
                self.drop_change(change);
            }
        }
    }

    fn drop_change(&mut self, change: u64) {
        self.changes.remove(&change);
        self.ended.insert(change);
    }
}
