//! The engine: bindings in, UPDATEs out, one after the other for each name.
//!
//! ```text
//! Bound, Ended ──► Write(Wanted | Unwanted) ──handle_written──► first in its lanes? ──► window
//!                                                                                         │
//!   cohort gate ◄── Write(Done) ◄── applied ◄── verdict on the reply ◄── UPDATE ◄─────────┘
//!        └──► Write(Announced) ──► as above              └── no reply, or refused: again, later
//! ```

mod gate;
mod progress;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use quorate_core::{
    Datagram, Deadline, Engine, Instant, Now, Output, Pauses, Prompter, Queue, Random, Seed, Ticket,
};

pub use wire::UDP_PAYLOAD_OCTETS;

use crate::change::{Change, State};
use crate::cohort::{Cohort, Standing};
use crate::flights::Flights;
use crate::lanes::Lanes;
use crate::roster::{Held, Registration, Roster};
use crate::step::Aim;
use crate::{Binding, Command, Config, Event, OutboxRecord, Outcome};

/// Publishes the names of leases, and the services of those who hold them.
#[derive(Debug)]
pub struct Registrar {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) pauses: Pauses,
    pub(crate) held: Roster,
    pub(crate) changes: BTreeMap<u64, Change>,
    pub(crate) cohorts: Vec<Cohort>,
    /// Services whose members may have changed since somebody looked at their gate.
    pub(crate) undecided: BTreeSet<usize>,
    pub(crate) next_change: u64,
    next_stream: u64,
    unwritten: BTreeMap<Ticket, u64>,
    pub(crate) lanes: Lanes,
    ready: BTreeSet<u64>,
    flights: Flights,
    timers: BTreeSet<(Instant, u64)>,
    pub(crate) start: Start,
    queue: Queue<Event, OutboxRecord>,
}

/// Whether the registrar has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With nothing to continue.
    Fresh,
    /// With records to continue from, but nobody has told the time yet.
    Resuming,
    /// Names rest until then: copies of what an earlier registrar sent may be on their way.
    Resumed(Instant),
}

impl Registrar {
    /// A registrar with an empty outbox.
    pub fn new(config: Config, seed: Seed) -> Self {
        let cohorts = config.services.iter().map(|_| Cohort::default()).collect();
        Self {
            undecided: (0..config.services.len()).collect(),
            config,
            random: seed.random(),
            pauses: Pauses::default(),
            held: Roster::default(),
            changes: BTreeMap::new(),
            cohorts,
            next_change: 1,
            next_stream: 1,
            unwritten: BTreeMap::new(),
            lanes: Lanes::default(),
            ready: BTreeSet::new(),
            flights: Flights::default(),
            timers: BTreeSet::new(),
            start: Start::Fresh,
            queue: Queue::default(),
        }
    }

    /// From now on `prompter` is asked how long to wait.
    pub fn follow(&mut self, prompter: Arc<dyn Prompter>) {
        self.pauses.follow(prompter);
    }

    /// The bindings whose names should be in the zones.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.held.iter().map(|held| &held.binding)
    }

    /// True when every change is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.changes.is_empty()
    }

    fn bind(&mut self, binding: Binding, now: Now) {
        let binding = match binding.normalized() {
            Ok(binding) if self.config.fqdn(&binding.hostname).is_some() => binding,
            Ok(_) => return self.drop_message("the name is too long with its zone"),
            Err(reason) => return self.drop_message(reason),
        };
        let Some(held) = self.held.get(binding.addr) else {
            return self.publish(binding, false);
        };
        if held.binding == binding {
            return;
        }
        if held.binding.is_covered_by(&binding) {
            self.replace(binding, now);
        } else {
            self.end(binding.addr, now);
            self.publish(binding, false);
        }
    }

    fn publish(&mut self, binding: Binding, is_out: bool) {
        let change = self.admit(Aim::Publish(binding.clone()));
        let held = Held {
            binding,
            change,
            standing: Registration::Underway,
            is_out,
        };
        self.touch(&held.binding);
        self.held.insert(held);
    }

    /// Publishes the binding in place of the one that its address has, which it covers.
    fn replace(&mut self, binding: Binding, now: Now) {
        let Some(former) = self.held.get(binding.addr).cloned() else {
            return;
        };
        self.touch(&former.binding);
        let retracted = self.retract(former.change);
        let is_out = former.is_out || retracted.is_none();
        self.publish(binding, is_out);
        self.cancel(former.change, retracted, now);
    }

    fn end(&mut self, addr: Ipv4Addr, now: Now) {
        let Some(gone) = self.held.remove(addr) else {
            return;
        };
        self.touch(&gone.binding);
        let retracted = self.retract(gone.change);
        if gone.is_out || retracted.is_none() {
            self.admit(Aim::Withdraw(gone.binding.clone()));
        }
        self.appoint_heir(&gone.binding, gone.change, now);
        self.cancel(gone.change, retracted, now);
    }

    /// A client with two leases is found at the newer one; when that ends, at the older, which
    /// `before` tells from those that took the name over since. Even a lease that never came
    /// into the zones has an heir: those before it may have been withdrawn counting on it.
    fn appoint_heir(&mut self, gone: &Binding, before: u64, now: Now) {
        let shares_name = |held: &&Held| {
            held.binding.has_owner_of(gone)
                && held.binding.forward
                && held.standing != Registration::Conflict
        };
        let heir = self.held.named(&gone.hostname).filter(shares_name);
        let heir = heir.max_by_key(|held| held.change);
        let heir = heir.filter(|heir| gone.forward && heir.change < before);
        if let Some(heir) = heir.map(|heir| heir.binding.clone()) {
            self.replace(heir, now);
        }
    }

    /// Takes a change back if nothing of it was ever sent, so that leases that come and go
    /// while the server is away do not pile up. Answers those that stand behind it now.
    fn retract(&mut self, number: u64) -> Option<Vec<u64>> {
        let change = self.changes.get(&number).filter(|c| c.is_unsent())?;
        let behind = self.lanes.leave(number, &change.aim);
        self.changes.remove(&number);
        Some(behind)
    }

    /// Writes down that a change was retracted. Whatever takes its place is written down
    /// before: a crash between the two must not forget names that are in the zones.
    fn cancel(&mut self, change: u64, retracted: Option<Vec<u64>>, now: Now) {
        let Some(behind) = retracted else {
            return;
        };
        let outcome = Outcome::Cancelled;
        self.queue.write(OutboxRecord::Done { change, outcome });
        for next in behind {
            self.start(next, now);
        }
    }

    /// Writes the change down; it starts when that is on disk.
    fn admit(&mut self, aim: Aim) -> u64 {
        let change = self.next_change;
        self.next_change += 1;
        let ticket = self.queue.write(self.record(change, &aim));
        self.lanes.enter(change, &aim);
        self.changes.insert(change, Change::new(aim));
        self.unwritten.insert(ticket, change);
        change
    }

    pub(crate) fn record(&self, change: u64, aim: &Aim) -> OutboxRecord {
        match aim {
            Aim::Publish(binding) => OutboxRecord::Wanted {
                change,
                binding: binding.clone(),
            },
            Aim::Withdraw(binding) => OutboxRecord::Unwanted {
                change,
                binding: binding.clone(),
            },
            Aim::Announce { service, members } => OutboxRecord::Announced {
                change,
                service: self.config.services[*service].label.clone(),
                members: members.clone(),
            },
        }
    }

    /// The first call after a restart tells the time from which names rest.
    fn resume(&mut self, now: Now) {
        if self.start != Start::Resuming {
            return;
        }
        self.start = Start::Resumed(now.instant);
        let changes = self.changes.iter();
        let withdrawn: Vec<(u64, Binding)> = changes
            .filter_map(|(number, change)| match &change.aim {
                Aim::Withdraw(binding) => Some((*number, binding.clone())),
                Aim::Publish(_) | Aim::Announce { .. } => None,
            })
            .collect();
        // The crash may have come between the record of an end and that of its heir.
        for (number, binding) in withdrawn {
            self.appoint_heir(&binding, number, now);
        }
        let numbers: Vec<u64> = self.changes.keys().copied().collect();
        for number in numbers {
            self.start(number, now);
        }
        self.decide_all();
    }

    fn drop_message(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        self.queue.event(Event::Dropped { reason });
    }
}

impl Engine for Registrar {
    type Command = Command;
    type Event = Event;
    type Write = OutboxRecord;

    fn command(&mut self, command: Command, now: Now) {
        self.resume(now);
        match command {
            Command::Bound(binding) => self.bind(binding, now),
            Command::Ended { addr } => self.end(addr, now),
        }
        self.decide_all();
        self.pump(now);
    }

    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Now) {
        self.resume(now);
        match self.read(datagram, now) {
            Ok((number, step, rcode)) => {
                self.settle(number, step, rcode, now);
                self.hasten(now);
            }
            Err(reason) => self.drop_message(reason),
        }
        self.pump(now);
    }

    fn handle_written(&mut self, ticket: Ticket, now: Now) {
        self.resume(now);
        while let Some(entry) = self.unwritten.first_entry().filter(|e| *e.key() <= ticket) {
            let number = entry.remove();
            if let Some(change) = self.changes.get_mut(&number) {
                change.state = State::Queued;
            }
            self.start(number, now);
        }
        self.pump(now);
    }

    fn handle_timeout(&mut self, now: Now) {
        self.resume(now);
        while let Some((at, number)) = self.timers.first().copied().filter(|t| t.0 <= now.instant) {
            self.timers.remove(&(at, number));
            self.expire(number, now);
        }
        self.pump(now);
    }

    fn poll(&mut self) -> Option<Output<Event, OutboxRecord>> {
        self.queue.pop()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        if self.start == Start::Resuming {
            return Some(Deadline::new(Instant::ZERO, "continue the outbox"));
        }
        let (at, _) = self.timers.first()?;
        Some(Deadline::new(*at, "an UPDATE is due again"))
    }
}

impl Registration {
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Applied | Outcome::Cancelled => Self::Registered,
            Outcome::Conflict => Self::Conflict,
        }
    }
}

impl Standing {
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Applied | Outcome::Cancelled => Self::Frozen,
            Outcome::Conflict => Self::Conflict,
        }
    }
}
