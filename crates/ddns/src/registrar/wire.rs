//! UPDATEs out, replies in: the window, the copies, and whose reply it is.

use std::net::Ipv4Addr;

use quorate_core::{Bug, Channel, Datagram, Destination, Now, StreamId, Transmit};
use quorate_dns::{ResponseCode, client};

use super::Registrar;
use crate::Event;
use crate::change::{Flight, PATIENCE_MIN, State, jittered};
use crate::step::Step;

/// The largest UPDATE sent as a datagram, which needs no fragments anywhere (DNS flag day 2020).
pub const UDP_PAYLOAD_OCTETS: usize = 1232;

/// A copy is signed anew when its signature is this old; servers allow 300 s.
const SIGNATURE_SECS_MAX: u64 = 120;

impl Registrar {
    /// Sends what is ready, as far as the window goes.
    pub(super) fn pump(&mut self, now: Now) {
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
    pub(super) fn fly(&mut self, number: u64, step: Step, id: u16, now: Now) {
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
    pub(super) fn send(&mut self, number: u64, now: Now) {
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        let wait = change.next_wait(&mut self.random, &self.pauses);
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

    /// No reply came in time.
    pub(super) fn expire(&mut self, number: u64, now: Now) {
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
                if self.config.planted.is(Bug::SilenceIsYes) {
                    return self.settle(number, step, ResponseCode::NoError, now);
                }
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

    pub(super) fn retrying(&mut self, number: u64, step: Step, reason: String) {
        let Some(change) = self.changes.get(&number) else {
            return;
        };
        self.queue.event(Event::Retrying {
            what: change.aim.describe(step, &self.config),
            attempt: change.attempt,
            reason,
        });
    }

    /// Which change the datagram replies to, and what the server says.
    pub(super) fn read(
        &self,
        datagram: Datagram<'_>,
        now: Now,
    ) -> Result<(u64, Step, ResponseCode), String> {
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
        let signature = self.config.key.as_ref().map(|key| (key, now.wall));
        let rcode = client::read_reply(datagram.payload, &flight.encoded, signature);
        let rcode = rcode.map_err(|error| error.to_string())?;
        Ok((number, *step, rcode))
    }

    /// A reply shows that the server is there: whoever has been waiting long tries again soon.
    pub(super) fn hasten(&mut self, now: Now) {
        let soon = now.instant + PATIENCE_MIN * 2;
        let flying: Vec<u64> = self.flights.changes().collect();
        for number in flying {
            let Some(change) = self.changes.get_mut(&number) else {
                continue;
            };
            let drawn = match &change.state {
                State::Flying { flight, .. } if flight.deadline > soon => {
                    self.timers.remove(&(flight.deadline, number));
                    jittered(PATIENCE_MIN, &mut self.random)
                }
                State::Flying { .. }
                | State::Unwritten
                | State::Queued
                | State::Ready { .. }
                | State::Pausing { .. } => continue,
            };
            let deadline = now.instant + change.pause(drawn, &self.pauses);
            if let State::Flying { flight, .. } = &mut change.state {
                flight.deadline = deadline;
            }
            self.timers.insert((deadline, number));
            change.patience = PATIENCE_MIN;
        }
    }
}
