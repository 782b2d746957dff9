//! What a switch counts.

use super::passage::DropReason;

/// What a switch has done so far. At any moment
/// `received + copied + duplicated = delivered + dropped() + filtered + in flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames received from ports.
    pub received: u64,
    /// Copies made because a frame went to several ports.
    pub copied: u64,
    /// Copies made by a fault.
    pub duplicated: u64,
    /// Frames with a bit flipped by a fault.
    pub corrupted: u64,
    /// Frames given to ports.
    pub delivered: u64,
    /// Frames with no port to go to but the one they came from.
    pub filtered: u64,
    pub malformed: u64,
    pub link_down: u64,
    pub lost: u64,
    pub queue_full: u64,
    pub cut_off: u64,
    pub overflowed: u64,
}

impl Counters {
    /// Frames and copies that went no further, for whatever reason.
    pub fn dropped(&self) -> u64 {
        self.malformed
            + self.link_down
            + self.lost
            + self.queue_full
            + self.cut_off
            + self.overflowed
    }

    /// Those that were dropped for this reason.
    pub(super) const fn of(&mut self, reason: DropReason) -> &mut u64 {
        match reason {
            DropReason::Malformed => &mut self.malformed,
            DropReason::LinkDown => &mut self.link_down,
            DropReason::Lost => &mut self.lost,
            DropReason::QueueFull => &mut self.queue_full,
            DropReason::Rule(_) => &mut self.cut_off,
            DropReason::Overflow => &mut self.overflowed,
        }
    }
}
