//! The questions of one discovery, asked of a DNS server one after the other.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::{Channel, Deadline, Instant, Random, StreamId};
use quorate_dns::client::{Answer, encode_query};
use quorate_dns::{Name, RData, RecordType, text};
use quorate_etcd::{Discovery, LookupError, Scheme, SrvRecord, View, service_name};

/// The questions of one discovery, asked as Go's resolver does.
#[derive(Debug)]
pub(crate) struct Lookup {
    server: SocketAddr,
    random: Random,
    open: VecDeque<Question>,
    asked: Option<Asked>,
    view: View,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    Address(String),
    Services(Scheme, String),
}

/// The question that waits for its answer.
#[derive(Debug)]
struct Asked {
    question: Question,
    name: Name,
    id: u16,
    channel: Channel,
    attempt: u32,
    until: Instant,
}

/// A query to send.
#[derive(Debug)]
pub(crate) struct Query {
    /// The local port, when it goes by UDP.
    pub(crate) port: u16,
    pub(crate) stream: bool,
    pub(crate) payload: Vec<u8>,
}

impl Lookup {
    /// The first look at the DNS, by this server.
    pub(crate) fn new(
        discovery: &Discovery,
        domain: &str,
        server: SocketAddr,
        hosts: &BTreeMap<String, Ipv4Addr>,
        random: Random,
    ) -> Self {
        let services = |scheme| {
            let owner = service_name(scheme, discovery.srv_name.as_deref(), domain);
            Question::Services(scheme, owner)
        };
        let own = discovery.advertised.iter();
        let mut open: VecDeque<_> = own
            .filter(|url| !hosts.contains_key(&url.host))
            .map(|url| Question::Address(url.host.clone()))
            .collect();
        open.extend([services(Scheme::Https), services(Scheme::Http)]);
        Self {
            server,
            random,
            open,
            asked: None,
            view: View {
                ssl: Ok(Vec::new()),
                plain: Ok(Vec::new()),
                // No server is asked for what /etc/hosts says.
                addresses: hosts
                    .iter()
                    .map(|(host, addr)| (host.clone(), Ok(vec![IpAddr::V4(*addr)])))
                    .collect(),
            },
        }
    }

    /// What has been seen, once every question is answered.
    pub(crate) fn finished(&self) -> Option<&View> {
        (self.asked.is_none() && self.open.is_empty()).then_some(&self.view)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        let asked = self.asked.as_ref()?;
        Some(Deadline::new(asked.until, "a resolver gives up waiting"))
    }

    /// The next query, if none is under way.
    pub(crate) fn next(&mut self, now: Instant) -> Option<Query> {
        if self.asked.is_some() {
            return None;
        }
        let question = self.open.pop_front()?;
        let (Question::Address(text) | Question::Services(_, text)) = &question;
        let Ok(name) = text::parse_name(text, &Name::root()) else {
            let missing = Err(self.failure(text, "no such host"));
            self.answered(question, missing);
            return self.next(now);
        };
        Some(self.ask(question, name, 1, false, now))
    }

    /// The answer may have come too late or not at all: asks again, or gives up.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Query> {
        let asked = self.asked.take_if(|asked| asked.until <= now)?;
        if asked.attempt < ATTEMPTS {
            return Some(self.ask(asked.question, asked.name, asked.attempt + 1, false, now));
        }
        let (Question::Address(text) | Question::Services(_, text)) = &asked.question;
        let silence = Err(self.failure(text, "i/o timeout"));
        self.answered(asked.question, silence);
        self.next(now)
    }

    /// Reads a message, and asks what comes next if it was the answer.
    pub(crate) fn handle(&mut self, payload: &[u8], now: Instant) -> Option<Query> {
        let asked = self.asked.as_ref()?;
        let kind = asked.question.kind();
        let answer = Answer::read(payload, &asked.name, kind, asked.id).ok()?;
        let asked = self.asked.take()?;
        if answer.truncated && asked.channel == Channel::Udp {
            return Some(self.ask(asked.question, asked.name, asked.attempt, true, now));
        }
        let data: Vec<RData> = answer.data(&asked.name, kind).cloned().collect();
        let (Question::Address(text) | Question::Services(_, text)) = &asked.question;
        let seen = if data.is_empty() {
            Err(self.failure(text, "no such host"))
        } else {
            Ok(data)
        };
        self.answered(asked.question, seen);
        self.next(now)
    }

    fn ask(
        &mut self,
        question: Question,
        name: Name,
        attempt: u32,
        stream: bool,
        now: Instant,
    ) -> Query {
        let id = u16::from_le_bytes([
            self.random.next_u32().to_le_bytes()[0],
            self.random.next_u32().to_le_bytes()[0],
        ]);
        let port = PORT_MIN + u16::try_from(self.random.below(PORTS)).unwrap_or(0);
        let payload = encode_query(&name, question.kind(), id);
        let channel = if stream {
            Channel::Stream(StreamId(id.into()))
        } else {
            Channel::Udp
        };
        self.asked = Some(Asked {
            question,
            name,
            id,
            channel,
            attempt,
            until: now + ANSWER_MAX,
        });
        Query {
            port,
            stream,
            payload,
        }
    }

    fn answered(&mut self, question: Question, seen: Result<Vec<RData>, LookupError>) {
        match question {
            Question::Address(host) => {
                let addresses = seen.map(|data| data.iter().filter_map(address).collect());
                self.view.addresses.insert(host, addresses);
            }
            Question::Services(scheme, _) => {
                let records = seen.map(|data| {
                    let mut records: Vec<_> = data.iter().filter_map(service).collect();
                    // RFC 2782: among equal priorities and weights the order is random.
                    self.random.shuffle(&mut records);
                    records
                });
                for record in records.iter().flatten() {
                    self.ask_later(&record.target);
                }
                match scheme {
                    Scheme::Https => self.view.ssl = records,
                    Scheme::Http => self.view.plain = records,
                }
            }
        }
    }

    fn ask_later(&mut self, target: &str) {
        let host = target.trim_end_matches('.').to_owned();
        let question = Question::Address(host.clone());
        if !self.view.addresses.contains_key(&host) && !self.open.contains(&question) {
            self.open.push_back(question);
        }
    }

    /// An error in the words of Go's resolver.
    fn failure(&self, name: &str, why: &str) -> LookupError {
        LookupError(format!("lookup {name} on {}: {why}", self.server))
    }
}

impl Question {
    const fn kind(&self) -> RecordType {
        match self {
            Self::Address(_) => RecordType::A,
            Self::Services(..) => RecordType::SRV,
        }
    }
}

fn address(data: &RData) -> Option<IpAddr> {
    if let RData::A(a) = data {
        Some(IpAddr::V4(a.0))
    } else {
        None
    }
}

fn service(data: &RData) -> Option<SrvRecord> {
    if let RData::SRV(srv) = data {
        Some(SrvRecord {
            target: text::name(&srv.target),
            port: srv.port,
        })
    } else {
        None
    }
}

/// resolv.conf(5): `timeout` and `attempts`.
const ANSWER_MAX: Duration = Duration::from_secs(5);
const ATTEMPTS: u32 = 2;
/// Linux's ephemeral ports.
const PORT_MIN: u16 = 32_768;
const PORTS: u64 = 28_232;
