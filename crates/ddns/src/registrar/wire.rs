//! UPDATEs out, replies in: the window, the copies, and whose reply it is.

use std::net::{Ipv4Addr, SocketAddr};

use quorate_core::{Bug, Channel, Datagram, Destination, Now, StreamId, Transmit};
use quorate_dns::ResponseCode;
use quorate_dns::client::{self, ReplyError};
use thiserror::Error;

use super::Registrar;
use crate::Event;
use crate::change::{PATIENCE_MIN, SentUpdate, State, jittered};
use crate::step::Step;

/// The largest UPDATE sent as a datagram, which needs no fragments anywhere (DNS flag day 2020).
pub const UDP_PAYLOAD_OCTETS: usize = 1232;

/// A copy is signed anew when its signature is this old; servers allow 300 s.
const SIGNATURE_SECS_MAX: u64 = 120;

/// Why a datagram is no reply to an UPDATE that waits for one.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum StrayReply {
    #[error("{0} is not the server")]
    Source(SocketAddr),
    #[error("shorter than an ID")]
    Short,
    #[error("no such request")]
    NoSuchRequest,
    #[error("the reply came over another transport")]
    OtherTransport,
    #[error(transparent)]
    Reply(#[from] ReplyError),
}

impl Registrar {
    /// Sends what is ready, as far as the window goes.
    pub(super) fn send_ready(&mut self, now: Now) {
        while !self.in_flight.is_full() {
            let Some(number) = self.ready.pop_first() else {
                return;
            };
            let Some(change) = self.changes.get(&number) else {
                continue;
            };
            if let State::Ready { step } = change.state {
                let id = self
                    .in_flight
                    .allocate(number, &mut self.random, now.instant);
                self.send_step(number, step, id, now);
            }
        }
    }

    /// Encodes the step and sends it.
    pub(super) fn send_step(&mut self, number: u64, step: Step, id: u16, now: Now) {
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        let request = change.aim.request(step, id, &self.config);
        let signature = self.config.key.as_ref().map(|key| (key, now.wall));
        let sent = SentUpdate {
            encoded: request.encode(signature),
            stream: None,
            signed_at: now.wall,
            deadline: now.instant,
        };
        change.state = State::AwaitingReply { step, sent };
        self.send_copy(number, now);
    }

    /// Sends the encoded UPDATE, perhaps not for the first time.
    pub(super) fn send_copy(&mut self, number: u64, now: Now) {
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        let wait = change.next_wait(&mut self.random, &self.delays);
        change.attempt += 1;
        change.sent_last = Some(now.instant);
        let State::AwaitingReply { sent, .. } = &mut change.state else {
            return;
        };
        sent.deadline = now.instant + wait;
        let payload = sent.encoded.bytes.clone();
        let destination = if payload.len() <= UDP_PAYLOAD_OCTETS {
            Destination::Udp(self.config.server)
        } else {
            let stream = StreamId(self.next_stream);
            self.next_stream += 1;
            sent.stream = Some(stream);
            Destination::Stream(stream)
        };
        self.timers.insert((sent.deadline, number));
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
            State::AwaitingReply { step, sent } if sent.deadline <= now.instant => {
                let (step, id) = (*step, sent.encoded.id);
                if self.config.mutant.is(Bug::SilenceIsYes) {
                    return self.on_reply(number, step, ResponseCode::NoError, now);
                }
                let is_stale = sent.signed_at.secs_until(now.wall) > SIGNATURE_SECS_MAX
                    || now.wall < sent.signed_at;
                self.retrying(number, step, "no reply".to_owned());
                if is_stale {
                    self.send_step(number, step, id, now);
                } else {
                    self.send_copy(number, now);
                }
            }
            State::Unwritten
            | State::Queued
            | State::Ready { .. }
            | State::AwaitingReply { .. }
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
    ) -> Result<(u64, Step, ResponseCode), StrayReply> {
        if datagram.source != self.config.server {
            return Err(StrayReply::Source(datagram.source));
        }
        let id = datagram.payload.first_chunk::<2>();
        let id = u16::from_be_bytes(*id.ok_or(StrayReply::Short)?);
        let number = self.in_flight.change(id).ok_or(StrayReply::NoSuchRequest)?;
        let change = self.changes.get(&number).ok_or(StrayReply::NoSuchRequest)?;
        let State::AwaitingReply { step, sent } = &change.state else {
            return Err(StrayReply::NoSuchRequest);
        };
        let came_by = match datagram.channel {
            Channel::Udp => None,
            Channel::Stream(stream) => Some(stream),
        };
        if came_by != sent.stream {
            return Err(StrayReply::OtherTransport);
        }
        let signature = self.config.key.as_ref().map(|key| (key, now.wall));
        let rcode = client::read_reply(datagram.payload, &sent.encoded, signature);
        Ok((number, *step, rcode?))
    }

    /// A reply shows that the server is there: changes that have waited long try again soon.
    pub(super) fn shorten_waits(&mut self, now: Now) {
        let soon = now.instant + PATIENCE_MIN * 2;
        let awaiting: Vec<u64> = self.in_flight.changes().collect();
        for number in awaiting {
            let Some(change) = self.changes.get_mut(&number) else {
                continue;
            };
            let drawn = match &change.state {
                State::AwaitingReply { sent, .. } if sent.deadline > soon => {
                    self.timers.remove(&(sent.deadline, number));
                    jittered(PATIENCE_MIN, &mut self.random)
                }
                State::AwaitingReply { .. }
                | State::Unwritten
                | State::Queued
                | State::Ready { .. }
                | State::Pausing { .. } => continue,
            };
            let deadline = now.instant + change.pause(drawn, &self.delays);
            if let State::AwaitingReply { sent, .. } = &mut change.state {
                sent.deadline = deadline;
            }
            self.timers.insert((deadline, number));
            change.patience = PATIENCE_MIN;
        }
    }
}
