//! Questions to name servers, each asked again and again until it is answered.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::{Channel, Datagram, Deadline, Destination, Instant, Random, StreamId, Transmit};
use quorate_dns::client::{Answer, encode_query};
use quorate_dns::{Name, RData, RecordType, ResponseCode, text};

use crate::event::NoData;

/// What goes out.
#[derive(Debug)]
pub(crate) enum Send {
    Datagram(Transmit),
    /// The answer did not fit into a datagram.
    Stream {
        id: StreamId,
        server: SocketAddr,
        payload: Vec<u8>,
    },
}

/// One question that was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) asked: String,
    pub(crate) kind: RecordType,
    /// The data, or why there is none.
    pub(crate) data: Result<Vec<RData>, NoData>,
    /// Addresses that the server added, of whatever host, in its order.
    pub(crate) additional: Vec<(String, Ipv4Addr)>,
}

/// The open questions.
#[derive(Debug)]
pub(crate) struct Resolver {
    servers: Vec<SocketAddr>,
    random: Random,
    open: Vec<Asked>,
    /// Counts queries; a query that went unanswered goes to the next server.
    queries: usize,
}

#[derive(Debug)]
struct Asked {
    text: String,
    name: Name,
    kind: RecordType,
    id: u16,
    server: SocketAddr,
    by_stream: bool,
    wait: Duration,
    until: Instant,
}

impl Resolver {
    /// A resolver that asks `servers`, or the one on this machine (resolv.conf(5)).
    pub(crate) fn new(mut servers: Vec<SocketAddr>, random: Random) -> Self {
        if servers.is_empty() {
            servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, DNS_PORT)));
        }
        Self {
            servers,
            random,
            open: Vec::new(),
            queries: 0,
        }
    }

    /// True when every question has its answer.
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Forgets what was asked.
    pub(crate) fn forget(&mut self) {
        self.open.clear();
    }

    /// What is asked and not answered.
    pub(crate) fn open(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(|asked| asked.text.as_str())
    }

    /// Asks for the records of `kind` that `text` owns; an error when that is no name.
    pub(crate) fn ask(
        &mut self,
        text: &str,
        kind: RecordType,
        now: Instant,
        out: &mut Vec<Send>,
    ) -> Result<(), NoData> {
        let name = text::parse_name(text, &Name::root())?;
        let asked = Asked {
            text: text.to_owned(),
            name,
            kind,
            id: 0,
            server: self.servers[0],
            by_stream: false,
            wait: WAIT_FIRST,
            until: now,
        };
        self.open.push(asked);
        let last = self.open.len() - 1;
        self.send(last, now, out);
        Ok(())
    }

    /// Handles a message; answers the reply in it, if it answers a question.
    pub(crate) fn handle(
        &mut self,
        datagram: Datagram<'_>,
        now: Instant,
        out: &mut Vec<Send>,
    ) -> Option<Reply> {
        let by_stream = matches!(datagram.channel, Channel::Stream(_));
        let (index, answer) = self.open.iter().enumerate().find_map(|(index, asked)| {
            if asked.by_stream != by_stream || asked.server != datagram.source {
                return None;
            }
            let read = Answer::read(datagram.payload, &asked.name, asked.kind, asked.id);
            Some((index, read.ok()?))
        })?;
        if answer.truncated && !by_stream {
            let asked = &mut self.open[index];
            asked.by_stream = true;
            asked.wait = WAIT_STREAM;
            self.send(index, now, out);
            return None;
        }
        let asked = self.open.swap_remove(index);
        let says = [ResponseCode::NoError, ResponseCode::NXDomain].contains(&answer.rcode);
        let data = if says {
            data(&answer, &asked)
        } else {
            Err(NoData::Refused {
                server: asked.server,
                rcode: answer.rcode,
            })
        };
        if data.is_err() {
            self.queries += 1;
        }
        Some(Reply {
            asked: asked.text,
            kind: asked.kind,
            data,
            additional: additional(&answer),
        })
    }

    /// Asks again what was not answered in time.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Vec<Send>) {
        for index in 0..self.open.len() {
            if self.open[index].until <= now {
                let asked = &mut self.open[index];
                asked.by_stream = false;
                asked.wait = (asked.wait * 2).clamp(WAIT_FIRST, WAIT_MAX);
                self.queries += 1;
                self.send(index, now, out);
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        let first = self.open.iter().map(|asked| asked.until).min()?;
        Some(Deadline::new(first, "ask a name server again"))
    }

    fn send(&mut self, index: usize, now: Instant, out: &mut Vec<Send>) {
        let id = u16::try_from(self.random.below(1 << 16)).unwrap_or(0);
        let asked = &mut self.open[index];
        asked.id = id;
        asked.until = now + asked.wait;
        let payload = encode_query(&asked.name, asked.kind, id);
        if asked.by_stream {
            let (id, server) = (StreamId(id.into()), asked.server);
            out.push(Send::Stream {
                id,
                server,
                payload,
            });
            return;
        }
        asked.server = self.servers[self.queries % self.servers.len()];
        out.push(Send::Datagram(Transmit {
            source: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            destination: Destination::Udp(asked.server),
            payload,
        }));
    }
}

/// What the answer says of the question, aliases followed.
fn data(answer: &Answer, asked: &Asked) -> Result<Vec<RData>, NoData> {
    let mut owner = &asked.name;
    for _ in 0..ALIASES_MAX {
        let found: Vec<RData> = answer.data(owner, asked.kind).cloned().collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let alias = answer.data(owner, RecordType::CNAME).next();
        let Some(RData::CNAME(alias)) = alias else {
            break;
        };
        owner = &alias.0;
    }
    let server = asked.server;
    Err(NoData::Absent { server })
}

/// The addresses of the additional section.
fn additional(answer: &Answer) -> Vec<(String, Ipv4Addr)> {
    let records = answer.additionals.iter();
    records
        .filter_map(|record| Some((host(&record.name), address(&record.data)?)))
        .collect()
}

/// A host as URLs write it.
pub(crate) fn host(name: &Name) -> String {
    text::name(name).trim_end_matches('.').to_owned()
}

/// The address of an A record.
pub(crate) const fn address(data: &RData) -> Option<Ipv4Addr> {
    if let RData::A(a) = data {
        Some(a.0)
    } else {
        None
    }
}

/// How long an answer may take before the question is asked again; doubles up to [`WAIT_MAX`].
/// A name server on the same LAN needs a few milliseconds, one with a rack to serve some more.
const WAIT_FIRST: Duration = Duration::from_millis(250);
const WAIT_MAX: Duration = Duration::from_secs(2);
/// A connection, a question and an answer.
const WAIT_STREAM: Duration = Duration::from_secs(2);
const ALIASES_MAX: usize = 8;
const DNS_PORT: u16 = 53;
