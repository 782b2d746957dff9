//! What a machine does once it has an address: it uses an etcd cluster.
//!
//! ```text
//!   Asleep ──► Set ──► Address ──► Calling ──► Asleep, and the next member
//!     ▲         │ none   │ none      │ refused
//!     └─────────┴────────┴───────────┘
//! ```

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use quorate_core::{Instant, Random};
use quorate_dns::client::{Answer, encode_query};
use quorate_dns::{Name, RData, RecordType, text};
use quorate_fabric::frame::TcpSegment;

use crate::call::{Call, Out, Outcome};

/// The cluster that a machine uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Services {
    /// Where its client SRV records stand: `_etcd-client._tcp.lab.test`.
    pub owner: String,
}

/// A machine as a client.
#[derive(Debug)]
pub(crate) struct Client {
    owner: Option<String>,
    random: Random,
    state: State,
    /// Counts members that were called.
    calls: usize,
}

#[derive(Debug)]
enum State {
    Off,
    Asleep { until: Instant },
    Asking(Asked),
    Calling { host: String, call: Call },
}

/// One question to the name server.
#[derive(Debug)]
struct Asked {
    name: Name,
    host: String,
    /// The port to call, once the host is known.
    port: Option<u16>,
    kind: RecordType,
    id: u16,
    local_port: u16,
    until: Instant,
}

/// What a client wants done, and what it reports.
#[derive(Debug)]
pub(crate) enum ClientOutput {
    /// To the name server, from this port.
    Query {
        local_port: u16,
        payload: Vec<u8>,
    },
    Segment(Out),
    /// A member has answered.
    Reached {
        host: String,
        peer: SocketAddrV4,
    },
}

impl Client {
    /// A client that sleeps. `number` spreads the machines over the members.
    pub(crate) fn new(services: Option<&Services>, number: usize, random: Random) -> Self {
        Self {
            owner: services.map(|services| services.owner.clone()),
            random,
            state: State::Off,
            calls: number,
        }
    }

    /// The machine has an address.
    pub(crate) fn begin(&mut self, now: Instant, out: &mut Vec<ClientOutput>) {
        if let State::Off = self.state {
            self.look_up(now, out);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Off => None,
            State::Asleep { until } => Some(*until),
            State::Asking(asked) => Some(asked.until),
            State::Calling { call, .. } => Some(call.until()),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Vec<ClientOutput>) {
        match &mut self.state {
            State::Asleep { until } if *until <= now => self.look_up(now, out),
            // No answer: from the beginning.
            State::Asking(asked) if asked.until <= now => self.look_up(now, out),
            State::Calling { call, .. } => {
                let mut segments = Vec::new();
                let outcome = call.handle_timeout(now, &mut segments);
                out.extend(segments.into_iter().map(ClientOutput::Segment));
                self.conclude(outcome, now);
            }
            State::Off | State::Asleep { .. } | State::Asking(_) => {}
        }
    }

    /// Handles an answer that came to `port`.
    pub(crate) fn handle_answer(
        &mut self,
        addr: Ipv4Addr,
        port: u16,
        payload: &[u8],
        now: Instant,
        out: &mut Vec<ClientOutput>,
    ) {
        let State::Asking(asked) = &self.state else {
            return;
        };
        if asked.local_port != port {
            return;
        }
        let Ok(answer) = Answer::read(payload, &asked.name, asked.kind, asked.id) else {
            return;
        };
        match asked.port {
            None => {
                let mut members: Vec<(String, u16)> = answer
                    .data(&asked.name, RecordType::SRV)
                    .filter_map(member)
                    .collect();
                members.sort_unstable();
                if members.is_empty() {
                    return self.sleep(PAUSE, now);
                }
                let (host, port) = members.swap_remove(self.calls % members.len());
                self.ask(host, Some(port), RecordType::A, now, out);
            }
            Some(port) => {
                let found = answer.data(&asked.name, RecordType::A).find_map(address);
                let host = asked.host.clone();
                match found {
                    None => self.sleep(PAUSE, now),
                    Some(member) => {
                        let local = SocketAddrV4::new(addr, self.ephemeral());
                        let peer = SocketAddrV4::new(member, port);
                        let (sequence, mut segments) = (self.random.next_u32(), Vec::new());
                        let call = Call::begin(local, peer, sequence, now, &mut segments);
                        out.extend(segments.into_iter().map(ClientOutput::Segment));
                        self.state = State::Calling { host, call };
                    }
                }
            }
        }
    }

    /// Handles a segment; false when it belongs to no connection.
    pub(crate) fn handle_segment(
        &mut self,
        segment: &TcpSegment<'_>,
        now: Instant,
        out: &mut Vec<ClientOutput>,
    ) -> bool {
        let State::Calling { host, call } = &mut self.state else {
            return false;
        };
        if !call.owns(segment) {
            return false;
        }
        let mut segments = Vec::new();
        let outcome = call.handle(segment, now, &mut segments);
        if outcome == Some(Outcome::Answered) {
            let (host, peer) = (host.clone(), segment.source);
            out.push(ClientOutput::Reached { host, peer });
        }
        out.extend(segments.into_iter().map(ClientOutput::Segment));
        self.conclude(outcome, now);
        true
    }

    fn conclude(&mut self, outcome: Option<Outcome>, now: Instant) {
        match outcome {
            None => return,
            Some(Outcome::Answered) => self.sleep(PERIOD, now),
            Some(Outcome::Failed) => self.sleep(PAUSE, now),
        }
        self.calls = self.calls.wrapping_add(1);
    }

    fn look_up(&mut self, now: Instant, out: &mut Vec<ClientOutput>) {
        match self.owner.clone() {
            Some(owner) => self.ask(owner, None, RecordType::SRV, now, out),
            None => self.state = State::Off,
        }
    }

    fn ask(
        &mut self,
        host: String,
        port: Option<u16>,
        kind: RecordType,
        now: Instant,
        out: &mut Vec<ClientOutput>,
    ) {
        let Ok(name) = text::parse_name(&host, &Name::root()) else {
            return self.sleep(PERIOD, now);
        };
        let id = u16::try_from(self.random.below(1 << 16)).unwrap_or(0);
        let local_port = self.ephemeral();
        let payload = encode_query(&name, kind, id);
        self.state = State::Asking(Asked {
            name,
            host,
            port,
            kind,
            id,
            local_port,
            until: now + self.about(ANSWER_MAX),
        });
        out.push(ClientOutput::Query {
            local_port,
            payload,
        });
    }

    fn sleep(&mut self, about: Duration, now: Instant) {
        let until = now + self.about(about);
        self.state = State::Asleep { until };
    }

    /// Within a quarter of `time` either way, so that a thousand machines do not march in step.
    fn about(&mut self, time: Duration) -> Duration {
        let spread = u64::try_from(time.as_nanos() / 2).unwrap_or(u64::MAX);
        time * 3 / 4 + Duration::from_nanos(self.random.below(spread))
    }

    fn ephemeral(&mut self) -> u16 {
        PORT_MIN + u16::try_from(self.random.below(PORTS)).unwrap_or(0)
    }
}

fn member(data: &RData) -> Option<(String, u16)> {
    if let RData::SRV(srv) = data {
        let host = text::name(&srv.target).trim_end_matches('.').to_owned();
        Some((host, srv.port))
    } else {
        None
    }
}

const fn address(data: &RData) -> Option<Ipv4Addr> {
    if let RData::A(a) = data {
        Some(a.0)
    } else {
        None
    }
}

/// resolv.conf(5) has 5 s; machines of quorate are configured with 1 s.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Between two looks at what is not there.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two connections.
const PERIOD: Duration = Duration::from_secs(10);
/// Linux's ephemeral ports.
const PORT_MIN: u16 = 32_768;
const PORTS: u64 = 28_232;
