//! The engine: bindings in, UPDATEs out, one after the other for each name.
//!
//! ```text
//! Bound, Ended ──► Write(Wanted | Unwanted) ──handle_written──► first in its queues? ──► window
//!                                                                                         │
//!   cohort gate ◄── Write(Done) ◄── applied ◄── verdict on the reply ◄── UPDATE ◄─────────┘
//!        └──► Write(Announced) ──► as above              └── no reply, or refused: again, later
//! ```

mod gate;
mod progress;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use quorate_core::{
    Datagram, Deadline, DelayHook, Delays, Engine, Instant, Now, OutputOf, Queue, Random, Seed,
    Ticket,
};

pub use wire::UDP_PAYLOAD_OCTETS;

use crate::change::{Change, State};
use crate::cohort::{Cohort, SetStatus};
use crate::in_flight::InFlight;
use crate::key_queues::KeyQueues;
use crate::registrations::{Registration, RegistrationStatus, Registrations};
use crate::step::Aim;
use crate::{Binding, Command, Config, Event, OutboxRecord, Outcome};

/// Publishes the names of leases, and the services of those who hold them.
#[derive(Debug)]
pub struct Registrar {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) delays: Delays,
    pub(crate) registrations: Registrations,
    pub(crate) changes: BTreeMap<u64, Change>,
    pub(crate) cohorts: Vec<Cohort>,
    /// Services whose members may have changed since their gate was last decided.
    pub(crate) undecided: BTreeSet<usize>,
    pub(crate) next_change: u64,
    next_stream: u64,
    unwritten: BTreeMap<Ticket, Pending>,
    /// What the disk refused: written again then, or before the next record.
    refused: Option<(Instant, Vec<Pending>)>,
    pub(crate) key_queues: KeyQueues,
    ready: BTreeSet<u64>,
    in_flight: InFlight,
    timers: BTreeSet<(Instant, u64)>,
    pub(crate) start: Start,
    queue: Queue<Infallible, Event, OutboxRecord>,
}

/// A record that is not on disk.
#[derive(Clone, Copy, Debug)]
enum Pending {
    Introduced(u64),
    Done(u64, Outcome),
}

/// Whether the registrar has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// With nothing to continue.
    Fresh,
    /// With records to continue from; the first call brings the time.
    Resuming,
    /// Names rest until then: copies that an earlier registrar sent may still arrive.
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
            delays: Delays::default(),
            registrations: Registrations::default(),
            changes: BTreeMap::new(),
            cohorts,
            next_change: 1,
            next_stream: 1,
            unwritten: BTreeMap::new(),
            refused: None,
            key_queues: KeyQueues::default(),
            ready: BTreeSet::new(),
            in_flight: InFlight::default(),
            timers: BTreeSet::new(),
            start: Start::Fresh,
            queue: Queue::default(),
        }
    }

    /// From now on `hook` is asked how long to wait.
    pub fn set_delay_hook(&mut self, hook: Arc<dyn DelayHook>) {
        self.delays.set_delay_hook(hook);
    }

    /// The bindings whose names should be in the zones.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.registrations
            .iter()
            .map(|registration| &registration.binding)
    }

    /// True when every change is acknowledged.
    pub fn is_idle(&self) -> bool {
        self.changes.is_empty()
    }

    fn bind(&mut self, binding: Binding, now: Now) {
        let binding = match binding.normalized() {
            Ok(binding) if self.config.fqdn(&binding.hostname).is_some() => binding,
            Ok(binding) => {
                return self.drop_binding(&binding, "the name is too long with its zone");
            }
            Err((binding, reason)) => return self.drop_binding(&binding, reason),
        };
        let Some(registration) = self.registrations.get(binding.addr) else {
            return self.publish(binding, false);
        };
        if registration.binding == binding {
            return;
        }
        if registration.binding.is_covered_by(&binding) {
            self.replace(binding, now);
        } else {
            self.end(binding.addr, now);
            self.publish(binding, false);
        }
    }

    fn publish(&mut self, binding: Binding, may_be_published: bool) {
        self.report_zoneless(&binding);
        let change = self.admit(Aim::Publish(binding.clone()));
        let registration = Registration {
            binding,
            change,
            status: RegistrationStatus::Underway,
            may_be_published,
        };
        self.touch(&registration.binding);
        self.registrations.insert(registration);
    }

    /// Publishes the binding in place of the one that its address has, which it covers.
    fn replace(&mut self, binding: Binding, now: Now) {
        let Some(former) = self.registrations.get(binding.addr).cloned() else {
            return;
        };
        self.touch(&former.binding);
        // Retracted before, cancelled after: the new change must not queue behind the one that it
        // replaces, and the record of the new one must precede the end of the old one.
        let retracted = self.retract(former.change);
        let may_be_published = former.may_be_published || retracted.is_none();
        self.publish(binding, may_be_published);
        self.cancel(former.change, retracted, now);
    }

    fn end(&mut self, addr: Ipv4Addr, now: Now) {
        let Some(gone) = self.registrations.remove(addr) else {
            return;
        };
        self.touch(&gone.binding);
        let retracted = self.retract(gone.change);
        // Withdrawn before the successor is published: both touch the name, and queues keep the
        // order in which changes enter them.
        if gone.may_be_published || retracted.is_none() {
            self.admit(Aim::Withdraw(gone.binding.clone()));
        }
        self.promote_successor(&gone.binding, gone.change, now);
        self.cancel(gone.change, retracted, now);
    }

    /// A client with two leases is found at the newer one. When that ends, the older lease
    /// succeeds; its change is older than `before`, those of leases that have taken the name over
    /// since are newer. Even a lease that was never published has a successor: the names of older
    /// leases may have been withdrawn because this one was to replace them.
    fn promote_successor(&mut self, gone: &Binding, before: u64, now: Now) {
        let shares_name = |registration: &&Registration| {
            registration.binding.has_owner_of(gone)
                && registration.binding.forward
                && registration.status != RegistrationStatus::Conflict
        };
        let successor = self.registrations.named(&gone.hostname).filter(shares_name);
        let successor = successor.max_by_key(|registration| registration.change);
        let successor = successor.filter(|successor| gone.forward && successor.change < before);
        if let Some(successor) = successor.map(|successor| successor.binding.clone()) {
            self.replace(successor, now);
        }
    }

    /// Takes a change back if no UPDATE of it was ever sent, so that leases that come and go
    /// while the server is away do not pile up. Returns the changes that are first in a queue now.
    fn retract(&mut self, number: u64) -> Option<Vec<u64>> {
        let change = self.changes.get(&number).filter(|c| c.is_unsent())?;
        let behind = self.key_queues.remove(number, &change.aim);
        self.changes.remove(&number);
        Some(behind)
    }

    /// Writes down that a change was retracted. The change that replaces it must be written down
    /// first: a crash between the two records must not forget names that are in the zones.
    fn cancel(&mut self, change: u64, retracted: Option<Vec<u64>>, now: Now) {
        let Some(behind) = retracted else {
            return;
        };
        self.write(Pending::Done(change, Outcome::Cancelled));
        for next in behind {
            self.start(next, now);
        }
    }

    /// Writes the change down; it starts when that is on disk.
    fn admit(&mut self, aim: Aim) -> u64 {
        let change = self.next_change;
        self.next_change += 1;
        // In its queues at once, although it starts later: its place is that of its number.
        self.key_queues.push(change, &aim);
        self.changes.insert(change, Change::new(aim));
        self.write(Pending::Introduced(change));
        change
    }

    /// Writes down what is to be on disk, behind all that the disk has refused: a change that ended
    /// and did not would begin again after a restart, and bring back names that have gone since.
    fn write(&mut self, pending: Pending) {
        let refused = self.refused.take().map(|(_, refused)| refused);
        for pending in refused.into_iter().flatten().chain([pending]) {
            let record = match pending {
                // Retracted meanwhile, if it is not there.
                Pending::Introduced(number) => {
                    let change = self.changes.get(&number);
                    change.map(|change| self.record(number, &change.aim))
                }
                Pending::Done(change, outcome) => Some(OutboxRecord::Done { change, outcome }),
            };
            if let Some(record) = record {
                let ticket = self.queue.write(record);
                self.unwritten.insert(ticket, pending);
            }
        }
    }

    /// Writes down again what the disk refused.
    fn write_refused(&mut self, now: Instant) {
        if let Some((_, mut refused)) = self.refused.take_if(|(at, _)| *at <= now)
            && let Some(last) = refused.pop()
        {
            self.refused = Some((now, refused));
            self.write(last);
        }
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

    /// Continues the outbox at the first call after a restart, which brings the time from which
    /// names rest.
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
        // The crash may have come between the record of an end and that of its successor.
        for (number, binding) in withdrawn {
            self.promote_successor(&binding, number, now);
        }
        let numbers: Vec<u64> = self.changes.keys().copied().collect();
        for number in numbers {
            self.start(number, now);
        }
        self.decide_all();
    }

    /// The binding is published nowhere.
    fn drop_binding(&mut self, binding: &Binding, reason: &str) {
        let Binding { hostname, addr, .. } = binding;
        self.drop_message(format!("{addr} with the name {hostname:?}: {reason}"));
    }

    /// A binding that is to lead from its address to its name cannot without a zone for that.
    fn report_zoneless(&mut self, binding: &Binding) {
        if binding.reverse && self.config.reverse_zone(binding.addr).is_none() {
            self.drop_binding(binding, "no reverse zone has the address");
        }
    }

    fn drop_message(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        self.queue.event(Event::Dropped { reason });
    }
}

impl Engine for Registrar {
    type Command = Command;
    type Effect = Infallible;
    type Event = Event;
    type Write = OutboxRecord;

    fn command(&mut self, command: Command, now: Now) {
        self.resume(now);
        match command {
            Command::Bound(binding) => self.bind(binding, now),
            Command::Ended { addr } => self.end(addr, now),
        }
        self.decide_all();
        self.send_ready(now);
    }

    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Now) {
        self.resume(now);
        match self.read(datagram, now) {
            Ok((number, step, rcode)) => {
                self.on_reply(number, step, rcode, now);
                self.shorten_waits(now);
            }
            Err(stray) => self.drop_message(stray.to_string()),
        }
        self.send_ready(now);
    }

    fn handle_written(&mut self, ticket: Ticket, now: Now) {
        self.resume(now);
        while let Some(entry) = self.unwritten.first_entry().filter(|e| *e.key() <= ticket) {
            let Pending::Introduced(number) = entry.remove() else {
                continue;
            };
            if let Some(change) = self.changes.get_mut(&number) {
                change.state = State::Queued;
            }
            self.start(number, now);
        }
        self.send_ready(now);
    }

    fn handle_write_failed(&mut self, failed: Ticket, now: Now) {
        let failed = self.unwritten.split_off(&failed);
        if failed.is_empty() {
            return;
        }
        let at = now.instant + WRITE_AGAIN;
        let (_, refused) = self.refused.get_or_insert_with(|| (at, Vec::new()));
        refused.extend(failed.into_values());
    }

    fn handle_timeout(&mut self, now: Now) {
        self.resume(now);
        self.write_refused(now.instant);
        while let Some((at, number)) = self.timers.first().copied().filter(|t| t.0 <= now.instant) {
            self.timers.remove(&(at, number));
            self.expire(number, now);
        }
        self.send_ready(now);
    }

    fn poll(&mut self) -> Option<OutputOf<Self>> {
        self.queue.pop()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        if self.start == Start::Resuming {
            return Some(Deadline::new(Instant::ZERO, "continue the outbox"));
        }
        let update = self.timers.first();
        let update = update.map(|(at, _)| Deadline::new(*at, "an UPDATE is due again"));
        let refused = self.refused.as_ref();
        let refused = refused.map(|(at, _)| Deadline::new(*at, "records are written again"));
        Deadline::earliest(update, refused)
    }
}

/// How long after the disk refused a record it is written again.
const WRITE_AGAIN: Duration = Duration::from_secs(1);

impl RegistrationStatus {
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Applied | Outcome::Cancelled => Self::Registered,
            Outcome::Conflict => Self::Conflict,
        }
    }
}

impl SetStatus {
    pub(crate) fn of(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Applied | Outcome::Cancelled => Self::Frozen,
            Outcome::Conflict => Self::Conflict,
        }
    }
}
