//! The trait that every protocol engine implements, and the loop that drives one.
//!
//! A driver owns an engine, a clock, sockets and a disk. It calls the engine, drains
//! [`poll`](Engine::poll), and sleeps until something arrives or the deadline passes. That is all
//! that a driver does, and this is one:
//!
//! ```
//! use std::convert::Infallible;
//! use std::net::SocketAddr;
//! use std::time::Duration;
//!
//! use quorate_core::{
//!     Datagram, Deadline, Destination, Engine, Instant, Now, Output, OutputOf, Queue, Ticket,
//!     Transmit, Wall,
//! };
//!
//! /// Asks a server for its greeting, again each second until it answers, and keeps the answer.
//! #[derive(Default)]
//! struct Greeter {
//!     state: State,
//!     queue: Queue<Effect, Event, Vec<u8>>,
//! }
//!
//! /// A state has the data that only it needs: no deadline outside of `Asking`.
//! #[derive(Default)]
//! enum State {
//!     #[default]
//!     Idle,
//!     Asking { server: SocketAddr, until: Instant },
//!     Keeping(Ticket),
//! }
//!
//! #[derive(Debug)]
//! enum Command {
//!     Ask { server: SocketAddr },
//! }
//!
//! /// What the greeter wants done, besides messages and writes. The driver must do it.
//! #[derive(Debug, PartialEq)]
//! enum Effect {
//!     RingBell,
//! }
//!
//! /// What happened. Nothing depends on who reads it.
//! #[derive(Debug, PartialEq)]
//! enum Event {
//!     Kept,
//!     Dropped { from: SocketAddr },
//! }
//!
//! impl Greeter {
//!     fn ask(&mut self, server: SocketAddr, now: Instant) {
//!         self.queue.transmit(Transmit {
//!             source: ([0, 0, 0, 0], 0).into(),
//!             destination: Destination::Udp(server),
//!             payload: b"hello?".to_vec(),
//!         });
//!         let until = now + Duration::from_secs(1);
//!         self.state = State::Asking { server, until };
//!     }
//! }
//!
//! impl Engine for Greeter {
//!     type Command = Command;
//!     type Effect = Effect;
//!     type Event = Event;
//!     type Write = Vec<u8>;
//!
//!     fn command(&mut self, Command::Ask { server }: Command, now: Now) {
//!         self.ask(server, now.instant);
//!     }
//!
//!     // A packet cannot make an engine fail: what is not wanted becomes an event.
//!     fn handle_datagram(&mut self, datagram: Datagram<'_>, _: Now) {
//!         match self.state {
//!             State::Asking { server, .. } if datagram.source == server => {
//!                 let ticket = self.queue.write(datagram.payload.to_vec());
//!                 self.state = State::Keeping(ticket);
//!             }
//!             _ => self.queue.event(Event::Dropped { from: datagram.source }),
//!         }
//!     }
//!
//!     // Nothing is promised before it is on disk: the bell rings here and not on arrival.
//!     fn handle_written(&mut self, written: Ticket, _: Now) {
//!         if matches!(self.state, State::Keeping(ticket) if ticket <= written) {
//!             self.state = State::Idle;
//!             self.queue.event(Event::Kept);
//!             self.queue.effect(Effect::RingBell);
//!         }
//!     }
//!
//!     // The disk failed: what was not kept is asked for anew.
//!     fn handle_write_failed(&mut self, failed: Ticket, _: Now) {
//!         if matches!(self.state, State::Keeping(ticket) if ticket >= failed) {
//!             self.state = State::Idle;
//!         }
//!     }
//!
//!     fn handle_timeout(&mut self, now: Now) {
//!         match self.state {
//!             State::Asking { server, until } if until <= now.instant => {
//!                 self.ask(server, now.instant);
//!             }
//!             _ => {}
//!         }
//!     }
//!
//!     fn poll(&mut self) -> Option<OutputOf<Self>> {
//!         self.queue.pop()
//!     }
//!
//!     fn poll_timeout(&self) -> Option<Deadline> {
//!         match self.state {
//!             State::Asking { until, .. } => Some(Deadline::new(until, "ask again")),
//!             State::Idle | State::Keeping(_) => None,
//!         }
//!     }
//! }
//!
//! /// A driver. Its network loses the first message, and its clock jumps to the next deadline.
//! struct Driver {
//!     engine: Greeter,
//!     now: Now,
//!     sent: usize,
//!     disk: Vec<Vec<u8>>,
//!     bells: usize,
//!     events: Vec<Event>,
//! }
//!
//! impl Driver {
//!     fn run(&mut self) {
//!         loop {
//!             self.drain();
//!             // Not to be cached: every call may move the deadline.
//!             let Some(deadline) = self.engine.poll_timeout() else { return };
//!             self.now.instant = deadline.at;
//!             self.engine.handle_timeout(self.now);
//!         }
//!     }
//!
//!     /// Exhaustive: an effect that the engine learns to ask for does not compile here until
//!     /// the driver does it.
//!     fn drain(&mut self) {
//!         while let Some(output) = self.engine.poll() {
//!             match output {
//!                 Output::Transmit(transmit) => self.send(&transmit),
//!                 Output::Write { ticket, write } => {
//!                     self.disk.push(write);
//!                     self.engine.handle_written(ticket, self.now);
//!                 }
//!                 Output::Effect(Effect::RingBell) => self.bells += 1,
//!                 Output::Event(event) => self.events.push(event),
//!             }
//!         }
//!     }
//!
//!     fn send(&mut self, transmit: &Transmit) {
//!         self.sent += 1;
//!         let Destination::Udp(server) = transmit.destination else { return };
//!         if self.sent > 1 {
//!             let reply = Datagram {
//!                 source: server,
//!                 destination: transmit.source,
//!                 channel: quorate_core::Channel::Udp,
//!                 payload: b"hello!",
//!             };
//!             self.engine.handle_datagram(reply, self.now);
//!         }
//!     }
//! }
//!
//! let mut driver = Driver {
//!     engine: Greeter::default(),
//!     now: Now::new(Instant::ZERO, Wall::from_unix_secs(1_767_225_600)),
//!     sent: 0,
//!     disk: Vec::new(),
//!     bells: 0,
//!     events: Vec::new(),
//! };
//! let server = ([192, 0, 2, 1], 7).into();
//! driver.engine.command(Command::Ask { server }, driver.now);
//! driver.run();
//!
//! assert_eq!(driver.sent, 2, "the lost message was sent again");
//! assert_eq!(driver.now.instant, Instant::ZERO + Duration::from_secs(1));
//! assert_eq!(driver.disk, [b"hello!"]);
//! assert_eq!(driver.events, [Event::Kept]);
//! assert_eq!(driver.bells, 1);
//! ```

use std::fmt::Debug;

use crate::net::{Datagram, Transmit};
use crate::time::{Deadline, Now};

/// Names one durable write between the engine that asked for it and the driver that syncs it.
/// Tickets of one engine grow strictly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// One thing that an engine wants done, or reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output<F, E, W> {
    /// Send this.
    Transmit(Transmit),
    /// Make this durable, then call [`Engine::handle_written`] with the ticket. Whatever the
    /// write promises is not transmitted before that.
    Write { ticket: Ticket, write: W },
    /// Do this. The effect says which command answers it, if any does.
    Effect(F),
    /// This happened. A driver reports it, or drops it: the engine waits for nothing.
    Event(E),
}

/// What the engine `E` puts out.
pub type OutputOf<E> = Output<<E as Engine>::Effect, <E as Engine>::Event, <E as Engine>::Write>;

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
    /// What the engine wants done besides messages and writes;
    /// [`std::convert::Infallible`] when that is nothing.
    type Effect: Debug;
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
    /// The write with this ticket will not be on disk, and neither will any later one that this
    /// engine has asked for so far. The engine goes back to what is on disk, so that nothing
    /// of the change is seen again, and refuses, or leaves unanswered, whatever waited for it.
    ///
    /// It asks for no write in this call: the disk is not there. What must be written in any
    /// case it asks for again at a later deadline. An engine that writes nothing has nothing to do.
    fn handle_write_failed(&mut self, failed: Ticket, now: Now);
    /// The deadline may have passed (spurious calls are harmless).
    fn handle_timeout(&mut self, now: Now);
    /// The next thing to do, if any.
    fn poll(&mut self) -> Option<Output<Self::Effect, Self::Event, Self::Write>>;
    /// When to call [`handle_timeout`](Self::handle_timeout), and why.
    fn poll_timeout(&self) -> Option<Deadline>;
}

/// The outbound queue and ticket counter that engines share, so that each need not write one.
#[derive(Clone, Debug)]
pub struct Queue<F, E, W> {
    queue: std::collections::VecDeque<Output<F, E, W>>,
    next_ticket: u64,
}

impl<F, E, W> Default for Queue<F, E, W> {
    fn default() -> Self {
        Self {
            queue: std::collections::VecDeque::new(),
            next_ticket: 1,
        }
    }
}

impl<F, E, W> Queue<F, E, W> {
    /// Queues a message to the network.
    pub fn transmit(&mut self, transmit: Transmit) {
        self.queue.push_back(Output::Transmit(transmit));
    }

    /// Queues an effect.
    pub fn effect(&mut self, effect: F) {
        self.queue.push_back(Output::Effect(effect));
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
    pub fn pop(&mut self) -> Option<Output<F, E, W>> {
        self.queue.pop_front()
    }
}
