//! Frames on their way through the switch, and those that are delayed.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use quorate_core::Instant;

use crate::port::PortId;

/// A frame and what happens to it next.
#[derive(Clone, Debug)]
pub(super) struct Leg<'a> {
    pub(super) from: PortId,
    pub(super) next: Stage,
    pub(super) body: Body<'a>,
}

/// What happens next to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The switch finds out where it goes.
    Lookup,
    /// It leaves the switch on the link of port `to`.
    Leave { to: PortId },
    /// The machine at port `to` has it.
    Deliver { to: PortId },
}

/// The bytes of a frame: the driver's own for as long as they pass straight through.
#[derive(Clone, Debug)]
pub(super) enum Body<'a> {
    Passing(&'a [u8]),
    Kept(Arc<[u8]>),
}

/// A frame under way.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) at: Instant,
    /// Frames that arrive together arrive in the order they were sent.
    order: u64,
    pub(super) from: PortId,
    pub(super) next: Stage,
    pub(super) frame: Arc<[u8]>,
}

/// All frames under way, the next to arrive first.
#[derive(Debug, Default)]
pub(super) struct InTransit {
    heap: BinaryHeap<Reverse<Pending>>,
    pushed: u64,
}

impl<'a> Leg<'a> {
    pub(super) fn towards(self, next: Stage) -> Self {
        Self { next, ..self }
    }

    /// The same with one bit changed, counted from the front.
    pub(super) fn with_flipped_bit(self, bit: u64) -> Self {
        let mut bytes = self.body.bytes().to_vec();
        if let Some(byte) = usize::try_from(bit / 8).ok().and_then(|n| bytes.get_mut(n)) {
            *byte ^= 1 << (bit % 8);
        }
        Self {
            body: Body::Kept(bytes.into()),
            ..self
        }
    }
}

impl Stage {
    /// The port that the frame is meant for, once that is known.
    pub(super) fn port(self) -> Option<PortId> {
        match self {
            Self::Lookup => None,
            Self::Leave { to } | Self::Deliver { to } => Some(to),
        }
    }
}

impl Body<'_> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Body::Passing(bytes) => bytes,
            Body::Kept(bytes) => bytes,
        }
    }

    fn keep(self) -> Arc<[u8]> {
        match self {
            Body::Passing(bytes) => Arc::from(bytes),
            Body::Kept(bytes) => bytes,
        }
    }
}

impl InTransit {
    pub(super) fn push(&mut self, at: Instant, leg: Leg<'_>) {
        self.pushed += 1;
        self.heap.push(Reverse(Pending {
            at,
            order: self.pushed,
            from: leg.from,
            next: leg.next,
            frame: leg.body.keep(),
        }));
    }

    /// The next one that arrives at `now` or before.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Pending> {
        if self.next_arrival()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse(pending)| pending)
    }

    /// When the next one arrives.
    pub(super) fn next_arrival(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(pending)| pending.at)
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}

impl Ord for Pending {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl PartialOrd for Pending {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pending {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pending {}
