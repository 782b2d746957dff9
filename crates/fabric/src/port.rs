//! The names of a switch's parts.

/// One port of one switch, numbered from zero in the order they were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortId(pub u32);

/// One direction of the link at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the machine into the switch.
    ToSwitch,
    /// Out of the switch to the machine.
    FromSwitch,
}

/// Names one segment of one switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct SegmentId(pub u32);
