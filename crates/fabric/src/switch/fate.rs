//! Who decides the fate of frames: chance, or a policy that overrules it.

use quorate_core::Instant;

use super::passage::Passage;
use crate::link::Transit;
use crate::port::{Direction, PortId};

/// Has the last word on what befalls frames, so that a run can be recorded and replayed.
pub trait FatePolicy {
    /// What happens to `frame` in this direction of the link at `port`, which it enters at
    /// `now`; `drawn` is what the faults of the link decided.
    fn decide(
        &mut self,
        at: (PortId, Direction),
        frame: &[u8],
        now: Instant,
        drawn: Transit,
    ) -> Transit;
}

/// A policy that leaves all to chance.
#[derive(Debug)]
pub(super) struct AsDrawn;

impl FatePolicy for AsDrawn {
    fn decide(&mut self, _: (PortId, Direction), _: &[u8], _: Instant, drawn: Transit) -> Transit {
        drawn
    }
}

/// Where what becomes of a frame is written, and who decides it.
pub(super) struct Course<'a> {
    pub(super) passage: &'a mut Passage,
    pub(super) policy: &'a mut dyn FatePolicy,
}
