//! The trait that every protocol engine implements.

use std::fmt::Debug;

use crate::{Datagram, Deadline, Now, Transmit};

/// Names one durable write between the engine that asked for it and the driver that syncs it.
/// Tickets of one engine grow strictly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One thing an engine wants done, or wants known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<E, W> {
    /// Send this.
    Transmit(Transmit),
    /// Make this durable, then call [`Engine::handle_written`] with the ticket. Whatever the
    /// write promises is not transmitted before that.
    Write { ticket: Ticket, write: W },
    /// Report that this happened.
    Event(E),
}

/// A pure protocol state machine.
///
/// After *every* call that takes `&mut self` except [`poll`](Self::poll) itself, the driver
/// drains `poll` until it answers `None` and then looks at `poll_timeout` again. Time never
/// goes back between calls. A call with a time at which nothing is due changes nothing.
///
/// Engines never fail on input: what cannot be understood becomes an event that says so.
pub trait Engine {
    /// What the owner asks the engine to do.
    type Command: Debug;
    /// What the engine reports.
    type Event: Debug;
    /// What the engine needs on disk; [`std::convert::Infallible`] when it needs nothing.
    type Write: Debug;

    /// Handles a command of the owner.
    fn command(&mut self, command: Self::Command, now: Now);
    /// A message arrived.
    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Now);
    /// The write with this ticket is on disk, and so is every earlier one of this engine.
    fn handle_written(&mut self, ticket: Ticket, now: Now);
    /// The deadline may have passed (spurious calls are harmless).
    fn handle_timeout(&mut self, now: Now);
    /// The next thing to do, if any.
    fn poll(&mut self) -> Option<Output<Self::Event, Self::Write>>;
    /// When to call [`handle_timeout`](Self::handle_timeout), and why.
    fn poll_timeout(&self) -> Option<Deadline>;
}

/// The outbound queue and ticket counter that engines share, so that each need not write one.
#[derive(Clone, Debug)]
pub struct Queue<E, W> {
    queue: std::collections::VecDeque<Output<E, W>>,
    next_ticket: u64,
}

impl<E, W> Default for Queue<E, W> {
    fn default() -> Self {
        Self {
            queue: std::collections::VecDeque::new(),
            next_ticket: 1,
        }
    }
}

impl<E, W> Queue<E, W> {
    /// Queues a message to the network.
    pub fn transmit(&mut self, transmit: Transmit) {
        self.queue.push_back(Output::Transmit(transmit));
    }

    /// Queues an event.
    pub fn event(&mut self, event: E) {
        self.queue.push_back(Output::Event(event));
    }

    /// Queues a durable write and answers the ticket that will come back for it.
    pub fn write(&mut self, write: W) -> Ticket {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.queue.push_back(Output::Write { ticket, write });
        ticket
    }

    /// The oldest queued output.
    pub fn pop(&mut self) -> Option<Output<E, W>> {
        self.queue.pop_front()
    }
}
