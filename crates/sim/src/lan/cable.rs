//! Cables, and what is wrong with them.

use std::time::Duration;

use quorate_fabric::{Direction, Faults};

/// One end of a cable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plug {
    pub(super) rack: Option<usize>,
    pub(super) up: bool,
    pub(super) cable: Cable,
}

/// What is wrong with one cable; nothing, by default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cable {
    /// In both directions.
    pub(crate) faults: Faults,
    /// Nothing that is sent leaves it.
    pub(crate) mute: bool,
    /// Nothing arrives by it.
    pub(crate) deaf: bool,
    /// A rule of the switch keeps it from the servers, or them from it.
    pub(crate) cut: bool,
}

impl Plug {
    /// Frames pass in both directions.
    pub(super) const fn is_open(&self) -> bool {
        self.up && !self.cable.mute && !self.cable.deaf
    }

    /// Nothing passes in this direction, whatever is drawn.
    pub(super) const fn is_silent(&self, direction: Direction) -> bool {
        match direction {
            Direction::ToSwitch => self.cable.mute,
            Direction::FromSwitch => self.cable.deaf,
        }
    }
}

/// A kernel and a cable, one way.
pub(super) const HOP_DELAY: Duration = Duration::from_micros(30);
pub(super) const HOP_JITTER: Duration = Duration::from_micros(40);
