//! The in-flight table: which message ID belongs to which change.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use quorate_core::{Instant, Random};

/// UPDATEs outstanding at once: enough to keep a server's disk busy, not so many that a reply
/// drowns in its socket buffer.
pub(crate) const WINDOW: usize = 64;

/// How long an ID rests after the reply to its UPDATE, so that a late second reply is not
/// mistaken for the reply to another UPDATE.
const ID_REST: Duration = Duration::from_secs(10);
/// IDs that rest at once; under more load they rest for a shorter time.
const RESTING_MAX: usize = 32_768;

/// The message IDs in use, by change.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight {
    by_id: BTreeMap<u16, u64>,
    resting: BTreeSet<u16>,
    by_end: VecDeque<(Instant, u16)>,
}

impl InFlight {
    pub(crate) fn is_full(&self) -> bool {
        self.by_id.len() >= WINDOW
    }

    pub(crate) fn change(&self, id: u16) -> Option<u64> {
        self.by_id.get(&id).copied()
    }

    pub(crate) fn changes(&self) -> impl Iterator<Item = u64> + '_ {
        self.by_id.values().copied()
    }

    /// An unpredictable ID that no recent UPDATE had.
    pub(crate) fn allocate(&mut self, change: u64, random: &mut Random, now: Instant) -> u16 {
        while let Some((_, id)) = self.by_end.front().filter(|(end, _)| *end <= now) {
            self.resting.remove(id);
            self.by_end.pop_front();
        }
        loop {
            let [high, low, ..] = random.next_u32().to_be_bytes();
            let id = u16::from_be_bytes([high, low]);
            if !self.by_id.contains_key(&id) && !self.resting.contains(&id) {
                self.by_id.insert(id, change);
                return id;
            }
        }
    }

    pub(crate) fn release(&mut self, id: u16, now: Instant) {
        if self.by_id.remove(&id).is_none() {
            return;
        }
        if self.resting.len() >= RESTING_MAX
            && let Some((_, oldest)) = self.by_end.pop_front()
        {
            self.resting.remove(&oldest);
        }
        self.resting.insert(id);
        self.by_end.push_back((now + ID_REST, id));
    }
}
