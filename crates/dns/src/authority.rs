//! The engine: zones that answer, change by UPDATE, and survive.
//!
//! Two versions of each zone are kept. Queries read the *published* one, which is on disk.
//! UPDATEs read and change the *head*, so that one sees what those before it did even while
//! their writes are still under way. Head becomes published write by write:
//!
//! ```text
//!   UPDATE ── evaluate against head ── diff ──► head, Write(journal)
//!                                                        │ handle_written
//!                              published ◄── diff ───────┴──► NOERROR leaves
//! ```
//!
//! A reply that depends on a head which is not on disk yet, be it NOERROR without a change or
//! an unmet prerequisite, waits for that write too: no client may learn what a crash could
//! undo.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;

use hickory_proto::op::{Message, OpCode, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use quorate_core::{
    Bug, Channel, Datagram, Deadline, Destination, Engine, Now, OutputOf, Queue, Ticket, Transmit,
    Wall,
};

use crate::answer::{self, Asker, Body};
use crate::config::Config;
use crate::journal::Journal;
use crate::policy::Requester;
use crate::reply::{self, Reply, Security};
use crate::request::{self, Fault};
use crate::rrset::Rrset;
use crate::serial::Serial;
use crate::tsig::{self, Refusal};
use crate::update::{self, Rejection};
use crate::zone::{Diff, Touched, Zone};
use crate::zones::Zones;

/// UPDATEs that may wait for the disk; more get SERVFAIL.
const PENDING_MAX: usize = 4096;
/// Why an UPDATE gets SERVFAIL when the disk fails.
const NOT_WRITTEN: &str = "the change could not be written";

/// What happened, for logs, counters and oracles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A query was answered.
    Queried {
        name: Name,
        kind: RecordType,
        rcode: ResponseCode,
        source: SocketAddr,
    },
    /// A change is on disk, published, and its NOERROR leaves with this event.
    UpdateApplied {
        zone: Name,
        serial: Serial,
        added: Vec<Record>,
        removed: Vec<Record>,
        /// The key that signed it.
        key: Option<Name>,
        /// Who sent it; `None` for a change of our own.
        source: Option<SocketAddr>,
    },
    /// An UPDATE changed nothing because a rule, a prerequisite or the policy stands against it.
    UpdateRefused {
        rcode: ResponseCode,
        reason: &'static str,
        source: SocketAddr,
    },
    /// A message that is no request we know, or whose signature does not hold, got an error.
    Rejected {
        rcode: ResponseCode,
        reason: &'static str,
        source: SocketAddr,
    },
    /// A message got no reply at all.
    Dropped {
        reason: &'static str,
        source: SocketAddr,
    },
}

/// The authoritative server.
#[derive(Debug)]
pub struct Authority {
    config: Config,
    published: Zones,
    head: Zones,
    pending: VecDeque<Pending>,
    queue: Queue<Infallible, Event, Journal>,
}

/// A reply that waits for the disk.
#[derive(Debug)]
struct Pending {
    ticket: Ticket,
    change: Option<Change>,
    /// `None` for a change of our own.
    reply: Option<(Reply, ReturnPath)>,
}

#[derive(Debug)]
struct Change {
    zone: Name,
    diff: Diff,
    /// What the diff made of head.
    touched: Touched,
    key: Option<Name>,
}

/// Where the reply to a request goes.
#[derive(Clone, Copy, Debug)]
struct ReturnPath {
    source: SocketAddr,
    destination: SocketAddr,
    channel: Channel,
}

impl Authority {
    /// The zones as configured.
    pub fn new(config: Config) -> Self {
        Self::restore(config, [])
    }

    /// The zones as configured and then changed by what an earlier authority wrote, in order.
    ///
    /// Changes to zones that are no longer configured are skipped. Where configuration and
    /// journal disagree about a record (the SOA, say), the journal wins.
    pub fn restore(config: Config, journals: impl IntoIterator<Item = Journal>) -> Self {
        let mut head = Zones::new(config.zones.iter().cloned());
        for journal in journals {
            if let Some(zone) = head.get_mut(&journal.zone) {
                zone.apply(&journal.diff());
            }
        }
        Self {
            config,
            published: head.clone(),
            head,
            pending: VecDeque::new(),
            queue: Queue::default(),
        }
    }

    /// The published zones.
    pub fn zones(&self) -> impl Iterator<Item = &Zone> {
        self.published.iter()
    }

    /// What `name` itself owns of this type in the published zones.
    pub fn lookup(&self, name: &Name, kind: RecordType) -> Option<&Rrset> {
        self.published.find(name)?.rrset(name, kind)
    }

    fn handle_message(&mut self, message: &Message, payload: &[u8], path: ReturnPath, now: Now) {
        let security = match message.signature() {
            None => Security::Unsigned,
            Some(record) => {
                match tsig::verify_request(payload, record, &self.config.keys, now.wall) {
                    Ok(signer) => Security::Signed(signer),
                    Err(refusal) => return self.refuse_signature(message, refusal, path, now.wall),
                }
            }
        };
        // RFC 6891 §6.1.3.
        if message.version() > 0 {
            let body = Body::error(ResponseCode::BADVERS);
            let reply = self.reply(message, body, security, path);
            self.reject(reply, ResponseCode::BADVERS, "EDNS version", path, now.wall);
        } else if message.metadata.op_code == OpCode::Update {
            self.update(message, security, path, now);
        } else {
            self.query(message, security, path, now.wall);
        }
    }

    fn query(&mut self, message: &Message, security: Security, path: ReturnPath, now: Wall) {
        let Some(question) = message.queries.first() else {
            return;
        };
        let asker = Asker {
            is_stream: path.is_stream(),
            may_transfer: self.config.transfer.permits(requester(&security, path)),
        };
        let body = answer::answer(&self.published, question, asker);
        let event = Event::Queried {
            name: question.name.clone(),
            kind: question.query_type,
            rcode: body.rcode,
            source: path.source,
        };
        let reply = self.reply(message, body, security, path);
        self.send(reply.into_bytes(now), path);
        self.queue.event(event);
    }

    fn update(&mut self, message: &Message, security: Security, path: ReturnPath, now: Now) {
        if self.config.mutant.is(Bug::UpdateNotAtomic) {
            self.published = self.head.clone();
        }
        // The reply takes `security` with it.
        let key = requester(&security, path).key.cloned();
        let is_overloaded = self.pending.len() >= PENDING_MAX;
        let outcome = if is_overloaded {
            Err(Rejection {
                rcode: ResponseCode::ServFail,
                reason: "too many updates wait for the disk",
            })
        } else {
            self.evaluate(message, &security, path)
        };
        let rcode = match &outcome {
            Ok(_) => ResponseCode::NoError,
            Err(rejection) => {
                self.queue.event(Event::UpdateRefused {
                    rcode: rejection.rcode,
                    reason: rejection.reason,
                    source: path.source,
                });
                rejection.rcode
            }
        };
        let reply = self.reply(message, Body::error(rcode), security, path);
        let change = outcome.ok().filter(|(_, diff)| !diff.is_empty());
        let (ticket, change) = match change {
            Some((origin, diff)) => {
                // Head moves now, before the journal is on disk: the next UPDATE must see this
                // one, or both could meet the same prerequisite (RFC 2136 §3.7).
                let (ticket, touched) = self.advance_head(&origin, &diff);
                let change = Change {
                    zone: origin,
                    diff,
                    touched,
                    key,
                };
                (Some(ticket), Some(change))
            }
            // SERVFAIL was not derived from head, so it reveals nothing and need not wait.
            None if is_overloaded => (None, None),
            // Any other reply may depend on every change in head: it waits for the newest one.
            None => (self.pending.back().map(|last| last.ticket), None),
        };
        match ticket {
            Some(ticket) => self.pending.push_back(Pending {
                ticket,
                change,
                reply: Some((reply, path)),
            }),
            None => self.send(reply.into_bytes(now.wall), path),
        }
    }

    /// Which zone the UPDATE changes, and how.
    fn evaluate(
        &self,
        message: &Message,
        security: &Security,
        path: ReturnPath,
    ) -> Result<(Name, Diff), Rejection> {
        let origin = update::zone_section(message)?;
        let zone = self.head.get(origin).ok_or(Rejection {
            rcode: ResponseCode::NotAuth,
            reason: "not our zone",
        })?;
        let requester = requester(security, path);
        let config = &self.config;
        let diff = update::evaluate(zone, message, requester, &config.policy, config.limits)?;
        Ok((zone.origin().clone(), diff))
    }

    fn advance_head(&mut self, origin: &Name, diff: &Diff) -> (Ticket, Touched) {
        let zone = self
            .head
            .get_mut(origin)
            .expect("a diff is of a zone in head");
        let serial_from = zone.serial();
        let touched = zone.apply(diff);
        let serial_to = zone.serial();
        let journal = Journal::new(origin.clone(), serial_from, serial_to, diff.clone());
        (self.queue.write(journal), touched)
    }

    fn publish(&mut self, change: Change, source: Option<SocketAddr>) {
        let zone = self
            .published
            .get_mut(&change.zone)
            .expect("head and published have the same zones");
        if self.config.mutant.is(Bug::UpdateNotAtomic) {
            let mut first = change.diff.clone();
            let is_soa = |record: &mut Record| record.record_type() == RecordType::SOA;
            first.added.pop_if(|last| !is_soa(last));
            zone.apply(&first);
        } else {
            zone.adopt(change.touched);
        }
        self.queue.event(Event::UpdateApplied {
            serial: zone.serial(),
            zone: change.zone,
            added: change.diff.added,
            removed: change.diff.removed,
            key: change.key,
            source,
        });
    }

    /// Takes a change out of head that is not published.
    fn undo(&mut self, change: &Change) {
        let published = self.published.get(&change.zone);
        if let (Some(head), Some(published)) = (self.head.get_mut(&change.zone), published) {
            head.adopt(published.touched(&change.touched));
        }
    }

    /// Moves every zone `steps` versions ahead, whether the disk takes that or not: an earlier
    /// server may have announced versions to secondaries that its log has lost.
    pub fn skip_serials(&mut self, steps: u32) {
        let origins: Vec<Name> = self.head.iter().map(|zone| zone.origin().clone()).collect();
        for origin in origins {
            let Some(diff) = self.head.get(&origin).map(|zone| zone.skip_diff(steps)) else {
                continue;
            };
            let (ticket, touched) = self.advance_head(&origin, &diff);
            if let Some(published) = self.published.get_mut(&origin) {
                published.adopt(touched);
            }
            self.pending.push_back(Pending {
                ticket,
                change: None,
                reply: None,
            });
        }
    }

    fn refuse_signature(
        &mut self,
        message: &Message,
        refusal: Refusal,
        path: ReturnPath,
        now: Wall,
    ) {
        let rcode = match &refusal {
            Refusal::Malformed(_) => ResponseCode::FormErr,
            Refusal::Untrusted { .. } | Refusal::Unacceptable { .. } => ResponseCode::NotAuth,
        };
        let reason = refusal.name();
        let body = Body::error(rcode);
        let reply = self.reply(message, body, Security::Refused(refusal), path);
        self.reject(reply, rcode, reason, path, now);
    }

    fn reject(
        &mut self,
        reply: Reply,
        rcode: ResponseCode,
        reason: &'static str,
        path: ReturnPath,
        now: Wall,
    ) {
        self.send(reply.into_bytes(now), path);
        self.queue.event(Event::Rejected {
            rcode,
            reason,
            source: path.source,
        });
    }

    fn reply(&self, request: &Message, body: Body, security: Security, path: ReturnPath) -> Reply {
        let udp_payload_octets = self.config.udp_payload_octets;
        Reply::new(
            request,
            body,
            security,
            path.is_stream(),
            udp_payload_octets,
        )
    }

    fn send(&mut self, payload: Vec<u8>, path: ReturnPath) {
        let destination = match path.channel {
            Channel::Udp => Destination::Udp(path.source),
            Channel::Stream(stream) => Destination::Stream(stream),
        };
        self.queue.transmit(Transmit {
            source: path.destination,
            destination,
            payload,
        });
    }
}

impl Engine for Authority {
    type Command = Infallible;
    type Effect = Infallible;
    type Event = Event;
    type Write = Journal;

    fn command(&mut self, command: Infallible, _now: Now) {
        match command {}
    }

    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Now) {
        let path = ReturnPath {
            source: datagram.source,
            destination: datagram.destination,
            channel: datagram.channel,
        };
        let source = path.source;
        match request::read(datagram.payload) {
            Ok(message) => self.handle_message(&message, datagram.payload, path, now),
            Err(Fault::Silent(reason)) => self.queue.event(Event::Dropped { reason, source }),
            Err(Fault::Error {
                header,
                rcode,
                reason,
            }) => {
                self.send(reply::bare(header, rcode), path);
                self.queue.event(Event::Rejected {
                    rcode,
                    reason,
                    source,
                });
            }
        }
    }

    fn handle_written(&mut self, ticket: Ticket, now: Now) {
        let is_done = |oldest: &Pending| oldest.ticket <= ticket;
        while self.pending.front().is_some_and(is_done) {
            let Some(done) = self.pending.pop_front() else {
                return;
            };
            // Published first: a client that asks after NOERROR must find what it added.
            if let Some(change) = done.change {
                let path = done.reply.as_ref().map(|(_, path)| path.source);
                self.publish(change, path);
            }
            if let Some((reply, path)) = done.reply {
                self.send(reply.into_bytes(now.wall), path);
            }
        }
    }

    fn handle_write_failed(&mut self, failed: Ticket, now: Now) {
        let kept = self.pending.partition_point(|one| one.ticket < failed);
        for undone in self.pending.split_off(kept) {
            if let Some(change) = &undone.change {
                self.undo(change);
            }
            // Also where nothing was to change: the answer depended on what is undone.
            let Some((mut reply, path)) = undone.reply else {
                continue;
            };
            reply.fail(ResponseCode::ServFail);
            self.reject(reply, ResponseCode::ServFail, NOT_WRITTEN, path, now.wall);
        }
        // What is still under way may have touched the same names.
        for change in self.pending.iter().filter_map(|one| one.change.as_ref()) {
            if let Some(head) = self.head.get_mut(&change.zone) {
                head.adopt(change.touched.clone());
            }
        }
    }

    fn handle_timeout(&mut self, _now: Now) {}

    fn poll(&mut self) -> Option<OutputOf<Self>> {
        self.queue.pop()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }
}

impl ReturnPath {
    fn is_stream(self) -> bool {
        matches!(self.channel, Channel::Stream(_))
    }
}

fn requester(security: &Security, path: ReturnPath) -> Requester<'_> {
    Requester {
        source: path.source.ip(),
        key: match security {
            Security::Signed(signer) => Some(signer.key.name()),
            Security::Unsigned | Security::Refused(_) => None,
        },
    }
}
