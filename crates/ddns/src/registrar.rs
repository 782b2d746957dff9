//! The engine: bindings in, UPDATEs out, one after the other for each name.
//!
//! ```text
//! Bound, Ended ──► Write(Wanted | Unwanted) ──handle_written──► first in its lanes? ──► window
//!                                                                                         │
//!   cohort gate ◄── Write(Done) ◄── applied ◄── verdict on the reply ◄── UPDATE ◄─────────┘
//!        └──► Write(Announced) ──► as above              └── no reply, or refused: again, later
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use quorate_core::{
    Channel, Datagram, Deadline, Destination, Engine, Instant, Now, Output, Queue, Random, Seed,
    StreamId, Ticket, Transmit,
};
use quorate_dns::ResponseCode;
use quorate_dns::client::{self, Encoded};

use crate::change::{Change, Flight, PATIENCE_MIN, State, jittered};
use crate::cohort::{Announcement, Cohort, Decision, Standing};
use crate::flights::Flights;
use crate::lanes::{Lanes, SETTLE};
use crate::step::{Aim, Step, Verdict};
use crate::{Binding, Command, Config, Event, OutboxRecord, Outcome};

/// The largest UPDATE sent as a datagram, which needs no fragments anywhere (DNS flag day 2020).
pub const UDP_PAYLOAD_OCTETS: usize = 1232;

/// A copy is signed anew when its signature is this old; servers allow 300 s.
const SIGNATURE_SECS_MAX: u64 = 120;

/// Publishes the names of leases, and the services of those who hold them.
#[derive(Debug)]
pub struct Registrar {
    pub(crate) config: Config,
    pub(crate) random: Random,
    pub(crate) held: BTreeMap<Ipv4Addr, Held>,
    pub(crate) changes: BTreeMap<u64, Change>,
    pub(crate) cohorts: Vec<Cohort>,
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

/// A lease that wants its names published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) binding: Binding,
    /// The change that publishes it.
    pub(crate) change: u64,
    pub(crate) standing: Registration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registration {
    Underway,
    Registered,
    Conflict,
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
            config,
            random: seed.random(),
            held: BTreeMap::new(),
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

    /// The bindings whose names should be in the zones.
    pub fn bindings(&self) -> impl Iterator<Item = &Binding> {
        self.held.values().map(|held| &held.binding)
    }

    /// True when every change is acknowledged.
    pub fn is_settled(&self) -> bool {
        self.changes.is_empty()
    }

    fn bind(&mut self, binding: Binding) {
        let binding = match binding.normalized() {
            Ok(binding) if self.config.fqdn(&binding.hostname).is_some() => binding,
            Ok(_) => return self.drop_message("the name is too long with its zone"),
            Err(reason) => return self.drop_message(reason),
        };
        if let Some(held) = self.held.get(&binding.addr) {
            if held.binding == binding {
                return;
            }
            if !held.binding.is_covered_by(&binding) {
                self.withdraw(binding.addr);
            }
        }
        self.publish(binding);
    }

    fn publish(&mut self, binding: Binding) {
        let change = self.admit(Aim::Publish(binding.clone()));
        let held = Held {
            binding,
            change,
            standing: Registration::Underway,
        };
        self.held.insert(held.binding.addr, held);
    }

    fn withdraw(&mut self, addr: Ipv4Addr) {
        let Some(gone) = self.held.remove(&addr) else {
            return;
        };
        self.admit(Aim::Withdraw(gone.binding.clone()));
        // A client with two leases is found at the newer one; the older takes over again.
        let shares_name = |held: &&Held| {
            held.binding.hostname == gone.binding.hostname
                && held.binding.forward
                && held.standing != Registration::Conflict
        };
        let heir = self.held.values().filter(shares_name);
        let heir = heir.max_by_key(|held| held.change);
        if let Some(heir) = heir.filter(|heir| heir.change < gone.change && gone.binding.forward) {
            self.publish(heir.binding.clone());
        }
    }

    /// Writes the change down; it starts when that is on disk.
    fn admit(&mut self, aim: Aim) -> u64 {
        let change = self.next_change;
        self.next_change += 1;
        let ticket = self.queue.write(self.record(change, &aim));
        self.lanes.enter(change, &aim);
        self.changes
            .insert(change, Change::new(aim, State::Unwritten));
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

    /// Starts the change if its record is on disk and nothing older is in its way.
    fn start(&mut self, number: u64, now: Now) {
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        if !matches!(change.state, State::Queued) || !self.lanes.is_first(number, &change.aim) {
            return;
        }
        let Some(step) = change.aim.first_step(&self.config) else {
            return self.finish(number, Outcome::Applied, now);
        };
        let until = match change.aim {
            Aim::Publish(_) | Aim::Withdraw(_) => match self.start {
                Start::Fresh | Start::Resuming => self.lanes.rested_at(&change.aim),
                Start::Resumed(at) => self.lanes.rested_at(&change.aim).max(at + SETTLE),
            },
            // Sets are never changed, so no late copy can change them back.
            Aim::Announce { .. } => now.instant,
        };
        if until > now.instant {
            self.pause(number, step, until);
        } else {
            change.state = State::Ready { step };
            self.ready.insert(number);
        }
    }

    fn pause(&mut self, number: u64, step: Step, until: Instant) {
        if let Some(change) = self.changes.get_mut(&number) {
            change.state = State::Pausing { step, until };
            self.timers.insert((until, number));
        }
    }

    /// Sends what is ready, as far as the window goes.
    fn pump(&mut self, now: Now) {
        while !self.flights.is_full() {
            let Some(number) = self.ready.pop_first() else {
                return;
            };
            let Some(change) = self.changes.get(&number) else {
                continue;
            };
            if let State::Ready { step } = change.state {
                let id = self.flights.take_off(number, &mut self.random, now.instant);
                self.fly(number, step, id, now);
            }
        }
    }

    /// Encodes the step and sends it.
    fn fly(&mut self, number: u64, step: Step, id: u16, now: Now) {
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        let request = change.aim.request(step, id, &self.config);
        let signature = self.config.key.as_ref().map(|key| (key, now.wall));
        let flight = Flight {
            encoded: request.encode(signature),
            stream: None,
            signed_at: now.wall,
            deadline: now.instant,
        };
        change.state = State::Flying { step, flight };
        self.send(number, now);
    }

    /// Sends the flight, perhaps not for the first time.
    fn send(&mut self, number: u64, now: Now) {
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        let wait = change.next_wait(&mut self.random);
        change.attempt += 1;
        change.sent_last = Some(now.instant);
        let State::Flying { flight, .. } = &mut change.state else {
            return;
        };
        flight.deadline = now.instant + wait;
        let payload = flight.encoded.bytes.clone();
        let destination = if payload.len() <= UDP_PAYLOAD_OCTETS {
            Destination::Udp(self.config.server)
        } else {
            let stream = StreamId(self.next_stream);
            self.next_stream += 1;
            flight.stream = Some(stream);
            Destination::Stream(stream)
        };
        self.timers.insert((flight.deadline, number));
        self.queue.transmit(Transmit {
            source: (Ipv4Addr::UNSPECIFIED, 0).into(),
            destination,
            payload,
        });
    }

    fn retrying(&mut self, number: u64, step: Step, reason: String) {
        let Some(change) = self.changes.get(&number) else {
            return;
        };
        self.queue.event(Event::Retrying {
            what: change.aim.describe(step, &self.config),
            attempt: change.attempt,
            reason,
        });
    }

    /// No reply came in time.
    fn expire(&mut self, number: u64, now: Now) {
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        match &change.state {
            State::Pausing { step, until } if *until <= now.instant => {
                change.state = State::Ready { step: *step };
                self.ready.insert(number);
            }
            State::Flying { step, flight } if flight.deadline <= now.instant => {
                let (step, id) = (*step, flight.encoded.id);
                let is_stale = flight.signed_at.secs_until(now.wall) > SIGNATURE_SECS_MAX
                    || now.wall < flight.signed_at;
                self.retrying(number, step, "no reply".to_owned());
                if is_stale {
                    self.fly(number, step, id, now);
                } else {
                    self.send(number, now);
                }
            }
            State::Unwritten
            | State::Queued
            | State::Ready { .. }
            | State::Flying { .. }
            | State::Pausing { .. } => {}
        }
    }

    /// Which change the datagram replies to, and what the server says.
    fn read(&self, datagram: Datagram<'_>, now: Now) -> Result<(u64, Step, ResponseCode), String> {
        if datagram.source != self.config.server {
            return Err(format!("{} is not the server", datagram.source));
        }
        let id = datagram.payload.first_chunk::<2>();
        let id = u16::from_be_bytes(*id.ok_or("shorter than an ID")?);
        let number = self.flights.change(id).ok_or("no such request")?;
        let change = self.changes.get(&number).ok_or("no such request")?;
        let State::Flying { step, flight } = &change.state else {
            return Err("no such request".to_owned());
        };
        let came_by = match datagram.channel {
            Channel::Udp => None,
            Channel::Stream(stream) => Some(stream),
        };
        if came_by != flight.stream {
            return Err("the reply came another way".to_owned());
        }
        let request: &Encoded = &flight.encoded;
        let signature = self.config.key.as_ref().map(|key| (key, now.wall));
        let rcode = client::read_reply(datagram.payload, request, signature);
        let rcode = rcode.map_err(|error| error.to_string())?;
        Ok((number, *step, rcode))
    }

    fn settle(&mut self, number: u64, step: Step, rcode: ResponseCode, now: Now) {
        let verdict = step.judge(rcode);
        if let State::Flying { flight, .. } = &self.changes[&number].state {
            self.timers.remove(&(flight.deadline, number));
            self.flights.land(flight.encoded.id, now.instant);
        }
        match verdict {
            Verdict::Then(next) => {
                self.acknowledged(number, step);
                self.advance(number, next, now);
            }
            Verdict::Instead(next) => self.advance(number, next, now),
            Verdict::Applied => {
                self.acknowledged(number, step);
                self.finish(number, Outcome::Applied, now);
            }
            Verdict::Conflict => self.finish(number, Outcome::Conflict, now),
            Verdict::Over(next) => self.put_off(number, step, next, rcode, now),
            Verdict::Again => self.put_off(number, step, step, rcode, now),
        }
    }

    fn put_off(&mut self, number: u64, step: Step, next: Step, rcode: ResponseCode, now: Now) {
        self.retrying(number, step, format!("{rcode:?}"));
        if let Some(change) = self.changes.get_mut(&number) {
            let until = now.instant + change.next_wait(&mut self.random);
            self.pause(number, next, until);
        }
    }

    fn advance(&mut self, number: u64, next: Step, now: Now) {
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        match change.aim.settle(next, &self.config) {
            Some(step) => {
                change.progress();
                change.state = State::Ready { step };
                self.ready.insert(number);
            }
            None => self.finish(number, Outcome::Applied, now),
        }
    }

    fn acknowledged(&mut self, number: u64, step: Step) {
        let Aim::Publish(Binding { hostname, addr, .. }) = &self.changes[&number].aim else {
            return;
        };
        let (hostname, addr) = (hostname.clone(), *addr);
        match step {
            Step::Claim | Step::Reclaim => {
                self.queue.event(Event::NamePublished { hostname, addr });
            }
            Step::Point => self.queue.event(Event::ReversePublished { hostname, addr }),
            Step::Release
            | Step::Forget
            | Step::Unpoint
            | Step::Open
            | Step::Compare
            | Step::Join => {}
        }
    }

    /// The change is over: written down, told, and out of the way of those behind it.
    fn finish(&mut self, number: u64, outcome: Outcome, now: Now) {
        let Some(change) = self.changes.remove(&number) else {
            return;
        };
        self.queue.write(OutboxRecord::Done {
            change: number,
            outcome,
        });
        if let Some(sent_last) = change.sent_last
            && !matches!(change.aim, Aim::Announce { .. })
        {
            self.lanes.rest(&change.aim, sent_last, now.instant);
        }
        self.record_outcome(number, &change.aim, outcome);
        for next in self.lanes.leave(number, &change.aim) {
            self.start(next, now);
        }
        if let Aim::Publish(binding) = &change.aim
            && outcome == Outcome::Applied
        {
            self.tell_late(binding);
        }
        self.decide_all();
    }

    fn record_outcome(&mut self, number: u64, aim: &Aim, outcome: Outcome) {
        match aim {
            Aim::Publish(binding) => {
                let (hostname, addr) = (binding.hostname.clone(), binding.addr);
                let held = self.held.get_mut(&addr);
                if let Some(held) = held.filter(|held| held.change == number) {
                    held.standing = Registration::of(outcome);
                }
                if outcome == Outcome::Conflict {
                    self.queue.event(Event::Conflict { hostname, addr });
                }
            }
            Aim::Withdraw(binding) => self.queue.event(Event::Withdrawn {
                hostname: binding.hostname.clone(),
                addr: binding.addr,
            }),
            Aim::Announce { service, members } => {
                let announcement = self.cohorts[*service].announcements.get_mut(&number);
                if let Some(announcement) = announcement {
                    announcement.standing = Standing::of(outcome);
                }
                let service = self.config.services[*service].label.clone();
                self.queue.event(match outcome {
                    Outcome::Applied | Outcome::Cancelled => Event::ServicePublished {
                        service,
                        members: members.clone(),
                    },
                    Outcome::Conflict => Event::ServiceConflict { service },
                });
            }
        }
    }

    fn tell_late(&mut self, binding: &Binding) {
        for (service, cohort) in self.config.services.iter().zip(&self.cohorts) {
            let is_member = binding.class.as_ref() == Some(&service.class) && binding.forward;
            if is_member && cohort.is_closed(service) && !cohort.has_announced(&binding.hostname) {
                self.queue.event(Event::Late {
                    service: service.label.clone(),
                    hostname: binding.hostname.clone(),
                });
            }
        }
    }

    /// Looks at every gate.
    fn decide_all(&mut self) {
        for place in 0..self.cohorts.len() {
            let service = &self.config.services[place];
            if self.cohorts[place].is_closed(service) {
                continue;
            }
            let ready = ready_members(&self.held, &service.class);
            let label = service.label.clone();
            let (want, is_gated) = (service.members, service.gate);
            match self.cohorts[place].decide(service, &ready) {
                Decision::Nothing => {}
                Decision::Wait(have) => self.queue.event(Event::GateWaiting {
                    service: label,
                    have,
                    want,
                }),
                Decision::Announce(members) if is_gated => {
                    self.queue.event(Event::GateOpened {
                        service: label,
                        members: members.clone(),
                    });
                    self.announce(place, members);
                }
                Decision::Announce(members) => {
                    for member in members {
                        self.announce(place, vec![member]);
                    }
                }
            }
        }
    }

    fn announce(&mut self, service: usize, members: Vec<String>) {
        let change = self.admit(Aim::Announce {
            service,
            members: members.clone(),
        });
        let announcement = Announcement {
            members,
            standing: Standing::Underway,
        };
        self.cohorts[service]
            .announcements
            .insert(change, announcement);
    }

    /// The first call after a restart tells the time from which names rest.
    fn resume(&mut self, now: Now) {
        if self.start != Start::Resuming {
            return;
        }
        self.start = Start::Resumed(now.instant);
        let numbers: Vec<u64> = self.changes.keys().copied().collect();
        for number in numbers {
            self.start(number, now);
        }
        self.decide_all();
    }

    /// A reply shows that the server is there: whoever has been waiting long tries again soon.
    fn hasten(&mut self, now: Now) {
        let soon = now.instant + PATIENCE_MIN * 2;
        let flying: Vec<u64> = self.flights.changes().collect();
        for number in flying {
            let Some(change) = self.changes.get_mut(&number) else {
                continue;
            };
            if let State::Flying { flight, .. } = &mut change.state
                && flight.deadline > soon
            {
                self.timers.remove(&(flight.deadline, number));
                flight.deadline = now.instant + jittered(PATIENCE_MIN, &mut self.random);
                self.timers.insert((flight.deadline, number));
                change.patience = PATIENCE_MIN;
            }
        }
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
            Command::Bound(binding) => self.bind(binding),
            Command::Ended { addr } => self.withdraw(addr),
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

/// Hostnames of the class whose names are acknowledged, in the order they were asked for.
fn ready_members(held: &BTreeMap<Ipv4Addr, Held>, class: &str) -> Vec<String> {
    let is_ready = |held: &&Held| {
        held.standing == Registration::Registered
            && held.binding.forward
            && held.binding.class.as_deref() == Some(class)
    };
    let mut ready: Vec<&Held> = held.values().filter(is_ready).collect();
    ready.sort_unstable_by_key(|held| held.change);
    ready.iter().map(|h| h.binding.hostname.clone()).collect()
}
