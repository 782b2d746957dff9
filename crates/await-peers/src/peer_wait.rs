//! The state machine of one member's wait.
//!
//! ```text
//!   Idle ── Begin ──► Set ── it lists us ──► Addresses ── all there ──► Turn ──► Done
//!                      ▲  │ none              │ one is missing
//!                      │  ▼                   ▼
//!                      └── Pause ◄────────────┘
//! ```
//!
//! A question that gets no answer is asked again for ever. An answer that something is missing ends
//! the round: after a pause everything is asked anew, since the set may have changed as well.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quorate_core::{
    Datagram, Deadline, DelayHook, Delays, Engine, Instant, Now, OutputOf, Queue, Random, Seed,
    Ticket,
};
use quorate_dns::{RData, RecordType};
use quorate_etcd::{PeerUrl, service_name};

use crate::event::{Command, Effect, Event, NoData, Ready, Reason, Verdict};
use crate::resolver::{Reply, Resolver, Send, address, host};
use crate::turn::Turn;

/// The member that waits, as etcd's own flags describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `--initial-advertise-peer-urls`; its scheme says which SRV set is asked for.
    pub own: PeerUrl,
    /// `--discovery-srv`
    pub domain: String,
    /// `--discovery-srv-name`
    pub srv_name: Option<String>,
    /// The name servers of `/etc/resolv.conf`, with their ports.
    pub servers: Vec<SocketAddr>,
}

/// The engine.
#[derive(Debug)]
pub struct PeerWait {
    config: Config,
    owner: String,
    resolver: Resolver,
    random: Random,
    delays: Delays,
    state: State,
    began: Instant,
    /// Since when whole sets have lacked this member.
    unlisted_since: Option<Instant>,
    reported: Option<Reason>,
    queue: Queue<Effect, Event, Infallible>,
}

#[derive(Debug)]
enum State {
    Idle,
    Set,
    Addresses {
        records: BTreeSet<(String, u16)>,
        found: BTreeMap<String, Ipv4Addr>,
    },
    Pause {
        until: Instant,
    },
    Turn {
        ready: Ready,
        turn: Turn,
    },
    Done,
}

impl PeerWait {
    /// A wait that has not begun.
    pub fn new(config: Config, seed: Seed) -> Self {
        let scheme = config.own.scheme;
        Self {
            owner: service_name(scheme, config.srv_name.as_deref(), &config.domain),
            resolver: Resolver::new(config.servers.clone(), seed.child("queries").random()),
            random: seed.child("pauses").random(),
            config,
            delays: Delays::default(),
            state: State::Idle,
            began: Instant::ZERO,
            unlisted_since: None,
            reported: None,
            queue: Queue::default(),
        }
    }

    /// From now on `hook` is asked how long to wait between rounds.
    pub fn set_delay_hook(&mut self, hook: Arc<dyn DelayHook>) {
        self.delays.set_delay_hook(hook);
    }

    fn begin_round(&mut self, now: Instant) {
        self.resolver.forget();
        self.state = State::Set;
        let owner = self.owner.clone();
        self.ask(&owner, RecordType::SRV, now);
    }

    /// Asks; what is no name at all can have no answer.
    fn ask(&mut self, name: &str, kind: RecordType, now: Instant) {
        let mut out = Vec::new();
        let asked = self.resolver.ask(name, kind, now, &mut out);
        self.send(out);
        if let Err(why) = asked {
            let reply = Reply {
                asked: name.to_owned(),
                kind,
                data: Err(why),
                additional: Vec::new(),
            };
            self.handle_reply(reply, now);
        }
    }

    fn send(&mut self, out: Vec<Send>) {
        for send in out {
            match send {
                Send::Datagram(transmit) => self.queue.transmit(transmit),
                Send::Stream {
                    id,
                    server,
                    payload,
                } => self.queue.effect(Effect::AskByStream {
                    id,
                    server,
                    payload,
                }),
            }
        }
    }

    fn handle_reply(&mut self, reply: Reply, now: Instant) {
        match (&mut self.state, reply.data) {
            (State::Set, Ok(data)) if reply.kind == RecordType::SRV => {
                let records = data.iter().filter_map(record).collect();
                self.handle_set(records, reply.additional, now);
            }
            (State::Set, Err(why)) => {
                let owner = self.owner.clone();
                self.pause(Reason::Set { owner, why }, now);
            }
            (State::Addresses { found, .. }, Ok(data)) => {
                // etcd takes the first one, too.
                if let Some(addr) = data.iter().find_map(address) {
                    found.insert(reply.asked, addr);
                }
                self.conclude(now);
            }
            (State::Addresses { .. }, Err(why)) => {
                let host = reply.asked;
                self.pause(Reason::Address { host, why }, now);
            }
            (
                State::Idle | State::Set | State::Pause { .. } | State::Turn { .. } | State::Done,
                _,
            ) => {}
        }
    }

    /// A target is asked for unless its address came with the set (RFC 2782, usage rules).
    fn handle_set(
        &mut self,
        records: BTreeSet<(String, u16)>,
        additional: Vec<(String, Ipv4Addr)>,
        now: Instant,
    ) {
        if records.is_empty() {
            let (owner, why) = (self.owner.clone(), NoData::NoHost);
            return self.pause(Reason::Set { owner, why }, now);
        }
        let hosts: BTreeSet<String> = records
            .iter()
            .map(|(host, _)| host.clone())
            .chain([self.config.own.host.clone()])
            .collect();
        let literal = |host: &String| Some((host.clone(), host.parse().ok()?));
        // Of several addresses the first one is left, as etcd takes that.
        let came = additional.into_iter().rev();
        let found: BTreeMap<String, Ipv4Addr> = came
            .filter(|(host, _)| hosts.contains(host))
            .chain(hosts.iter().filter_map(literal))
            .collect();
        let open: Vec<String> = hosts
            .into_iter()
            .filter(|host| !found.contains_key(host))
            .collect();
        self.state = State::Addresses { records, found };
        for host in open {
            // One that is no name has ended the round.
            if matches!(self.state, State::Addresses { .. }) {
                self.ask(&host, RecordType::A, now);
            }
        }
        self.conclude(now);
    }

    /// Goes on when the last address is there.
    fn conclude(&mut self, now: Instant) {
        if !self.resolver.is_idle() {
            return;
        }
        let State::Addresses { records, found } = &self.state else {
            return;
        };
        let own = found
            .get(&self.config.own.host)
            .map(|addr| (*addr, self.config.own.port));
        // In the order in which etcd sorts their URLs.
        let mut peers: Vec<(String, SocketAddr)> = records
            .iter()
            .filter_map(|(host, port)| {
                let addr = SocketAddr::from((*found.get(host)?, *port));
                Some((format!("{host}:{port}"), addr))
            })
            .collect();
        peers.sort_unstable();
        // As etcd does it: the target with our address and port is this member, whatever its name is.
        let place = peers
            .iter()
            .position(|(_, peer)| own.is_some_and(|own| *peer == SocketAddr::from(own)));
        let Some(place) = place else {
            return self.handle_unlisted(now);
        };
        let ready = Ready {
            addresses: found.clone(),
            members: peers.len(),
            place,
        };
        let earlier: Vec<SocketAddr> = peers[..place].iter().map(|(_, peer)| *peer).collect();
        let mut looks = Vec::new();
        match Turn::begin(&earlier, now, &mut looks) {
            Some(turn) => {
                self.state = State::Turn { ready, turn };
                self.report(Reason::Turn { ahead: place });
                self.look(looks);
            }
            None => self.end(Verdict::Ready(ready)),
        }
    }

    fn handle_unlisted(&mut self, now: Instant) {
        let (owner, own) = (self.owner.clone(), self.config.own.to_string());
        let since = *self.unlisted_since.get_or_insert(now);
        if now.since(since) < UNLISTED_MAX {
            self.pause(Reason::Listing { owner, own }, now);
        } else {
            self.end(Verdict::NotListed { owner, own });
        }
    }

    /// Waits before the next round, longer the longer it has been going on.
    fn pause(&mut self, reason: Reason, now: Instant) {
        if !matches!(reason, Reason::Listing { .. }) {
            self.unlisted_since = None;
        }
        self.resolver.forget();
        let whole = (now.since(self.began) / 8).clamp(PAUSE_MIN, PAUSE_MAX);
        let spread = u64::try_from(whole.as_nanos() / 2).unwrap_or(u64::MAX);
        let drawn = whole * 3 / 4 + Duration::from_nanos(self.random.below(spread));
        let what = format_args!("the wait for peers goes on");
        let until = now + self.delays.decide(what, drawn);
        self.state = State::Pause { until };
        self.report(reason);
    }

    fn report(&mut self, reason: Reason) {
        if self.reported.as_ref() != Some(&reason) {
            self.reported = Some(reason.clone());
            self.queue.event(Event::Waiting(reason));
        }
    }

    fn look(&mut self, peers: Vec<SocketAddr>) {
        for peer in peers {
            self.queue.effect(Effect::Probe { peer });
        }
    }

    fn check_turn(&mut self, now: Instant) {
        let State::Turn { ready, turn } = &mut self.state else {
            return;
        };
        let mut looks = Vec::new();
        if turn.is_over(now, &mut looks) {
            let ready = ready.clone();
            self.end(Verdict::Ready(ready));
        } else {
            self.look(looks);
        }
    }

    fn end(&mut self, verdict: Verdict) {
        self.resolver.forget();
        self.state = State::Done;
        self.queue.event(Event::Ended(verdict));
    }
}

impl Engine for PeerWait {
    type Command = Command;
    type Effect = Effect;
    type Event = Event;
    type Write = Infallible;

    fn command(&mut self, command: Command, now: Now) {
        match (command, &mut self.state) {
            (Command::Begin, State::Idle) => {
                self.began = now.instant;
                self.begin_round(now.instant);
            }
            (Command::Probed { peer, found }, State::Turn { turn, .. }) => {
                turn.handle_probed(peer, found, now.instant);
                self.check_turn(now.instant);
            }
            (Command::Begin | Command::Probed { .. }, _) => {}
        }
    }

    fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Now) {
        let mut out = Vec::new();
        let reply = self.resolver.handle(datagram, now.instant, &mut out);
        self.send(out);
        if let Some(reply) = reply {
            self.handle_reply(reply, now.instant);
        }
    }

    fn handle_written(&mut self, _: Ticket, _: Now) {}

    fn handle_write_failed(&mut self, _: Ticket, _: Now) {}

    fn handle_timeout(&mut self, now: Now) {
        let now = now.instant;
        match &self.state {
            State::Pause { until } if *until <= now => self.begin_round(now),
            State::Set | State::Addresses { .. } => {
                let silent = self.resolver.poll_timeout();
                if silent.is_some_and(|deadline| deadline.at <= now) {
                    self.handle_silence(now);
                }
            }
            State::Turn { .. } => self.check_turn(now),
            State::Idle | State::Pause { .. } | State::Done => {}
        }
    }

    fn poll(&mut self) -> Option<OutputOf<Self>> {
        self.queue.pop()
    }

    fn poll_timeout(&self) -> Option<Deadline> {
        match &self.state {
            State::Idle | State::Done => None,
            State::Set | State::Addresses { .. } => self.resolver.poll_timeout(),
            State::Pause { until } => Some(Deadline::new(*until, "look for the peers again")),
            State::Turn { turn, .. } => Some(turn.poll_timeout()),
        }
    }
}

impl PeerWait {
    /// Asks again, and says what for.
    fn handle_silence(&mut self, now: Instant) {
        let why = NoData::Silence;
        let host = self.resolver.open().next().unwrap_or_default().to_owned();
        let reason = match &self.state {
            State::Addresses { .. } => Reason::Address { host, why },
            State::Idle | State::Set | State::Pause { .. } | State::Turn { .. } | State::Done => {
                Reason::Set { owner: host, why }
            }
        };
        self.report(reason);
        let mut out = Vec::new();
        self.resolver.handle_timeout(now, &mut out);
        self.send(out);
    }
}

/// Host and port of an SRV record. A target that is the root means that there is no service
/// (RFC 2782).
fn record(data: &RData) -> Option<(String, u16)> {
    let RData::SRV(srv) = data else { return None };
    let host = host(&srv.target);
    (!host.is_empty()).then_some((host, srv.port))
}

/// The pause between two rounds is an eighth of the time that has passed, within these bounds
/// and a quarter either way.
const PAUSE_MIN: Duration = Duration::from_millis(25);
const PAUSE_MAX: Duration = Duration::from_secs(1);
/// How long a set may lack this member before etcd is left to complain.
const UNLISTED_MAX: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
