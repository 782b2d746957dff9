//! One queue for each hostname and each address: changes that share one happen in order.
//!
//! A change stands in the queue of each of its keys and may start when it is first in all of
//! them. A change enters all its queues at once, so the oldest change of all is always first in
//! each of its queues and no circle of changes waits for itself.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_core::Instant;

use crate::step::Aim;

/// How long a copy of an UPDATE may still be under way after the last one was sent. A late
/// copy of "add" that overtakes the "delete" behind it would bring a name back from the dead,
/// so a name rests this long between two changes.
pub(crate) const QUIET_TIME: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Host(String),
    Addr(Ipv4Addr),
}

/// What a change touches.
pub(crate) fn keys(aim: &Aim) -> Vec<Key> {
    match aim {
        Aim::Publish(binding) | Aim::Withdraw(binding) => {
            vec![Key::Host(binding.hostname.clone()), Key::Addr(binding.addr)]
        }
        // The names of members must not be withdrawn before the server has replied to the set.
        Aim::Announce { members, .. } => members.iter().cloned().map(Key::Host).collect(),
    }
}

/// All queues, and which keys rest.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyQueues {
    queues: BTreeMap<Key, VecDeque<u64>>,
    resting: BTreeMap<Key, Instant>,
    by_end: VecDeque<(Instant, Key)>,
}

impl KeyQueues {
    pub(crate) fn push(&mut self, change: u64, aim: &Aim) {
        for key in keys(aim) {
            self.queues.entry(key).or_default().push_back(change);
        }
    }

    /// True when nothing older shares a key with the change.
    pub(crate) fn is_first(&self, change: u64, aim: &Aim) -> bool {
        let first = |key: &Key| self.queues.get(key).and_then(VecDeque::front);
        keys(aim).iter().all(|key| first(key) == Some(&change))
    }

    /// Removes the change and returns those that have become first in one of its queues.
    pub(crate) fn remove(&mut self, change: u64, aim: &Aim) -> Vec<u64> {
        let mut next = Vec::new();
        for key in keys(aim) {
            let Some(queue) = self.queues.get_mut(&key) else {
                continue;
            };
            queue.retain(|other| *other != change);
            match queue.front() {
                Some(first) => next.push(*first),
                None => {
                    self.queues.remove(&key);
                }
            }
        }
        next.sort_unstable();
        next.dedup();
        next
    }

    /// The changes of this key, oldest first.
    pub(crate) fn pending(&self, key: &Key) -> impl Iterator<Item = u64> + '_ {
        self.queues.get(key).into_iter().flatten().copied()
    }

    /// The keys of the change rest from its last transmit on.
    pub(crate) fn rest(&mut self, aim: &Aim, sent_last: Instant, now: Instant) {
        while self.by_end.front().is_some_and(|(end, _)| *end <= now) {
            if let Some((end, key)) = self.by_end.pop_front()
                && self.resting.get(&key) == Some(&end)
            {
                self.resting.remove(&key);
            }
        }
        let end = sent_last + QUIET_TIME;
        for key in keys(aim) {
            self.resting.insert(key.clone(), end);
            self.by_end.push_back((end, key));
        }
    }

    /// When the keys of the change have rested.
    pub(crate) fn rested_at(&self, aim: &Aim) -> Instant {
        let ends = keys(aim);
        let ends = ends.iter().filter_map(|key| self.resting.get(key));
        ends.max().copied().unwrap_or(Instant::ZERO)
    }
}
