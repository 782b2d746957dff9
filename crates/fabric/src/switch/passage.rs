//! What becomes of one frame.

use crate::port::PortId;
use crate::rule::RuleId;

/// Why a frame, or one copy of it, goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// Too short to have addresses.
    Malformed,
    /// The link of the sender or of the receiver is down.
    LinkDown,
    /// A link or a rule lost it by chance.
    Lost,
    /// A slow link has too much waiting.
    QueueFull,
    /// A rule cuts the two ports off from each other.
    Rule(RuleId),
    /// More than [`IN_FLIGHT_MAX`](super::IN_FLIGHT_MAX) frames are under way.
    Overflow,
}

/// What becomes of one frame at once.
#[derive(Clone, Debug, Default)]
pub struct Passage {
    /// The ports that this very frame goes to now (twice where it was duplicated).
    pub ports: Vec<PortId>,
    /// The copies that were dropped now, with the port each was meant for; `None` when it was
    /// lost before the switch knew.
    pub drops: Vec<(Option<PortId>, DropReason)>,
}
