//! A model of one etcd process: discovery over the wire, and what its disk keeps.
//!
//! ```text
//!   Loading ── data directory ─────────────────────────► Running
//!      │                                                    ▲
//!      │                                                    │ one answered, or none is left
//!      ├── none ──► Looking ── finds a cluster ──► Asking ──┤
//!      │               └────── Discovery fails: exit status 1, with etcd's own words
//!      ├── none, and --initial-cluster ──────────► Asking ──┤
//!      └── none, and --discovery ──► Waiting ── all came ───┘
//! ```

mod bootstrap;
pub(crate) mod cluster;
pub(crate) mod flags;
mod members;
pub(crate) mod registry;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::{Channel, Deadline, Instant, Random};
use quorate_dns::client::{Answer, encode_query};
use quorate_dns::{Name, RData, RecordType, text};
use quorate_etcd::{
    Bootstrap, ClusterId, Discovery, LookupError, MemberId, PeerUrl, Scheme, SrvRecord, View,
    given, service_name,
};

use crate::etcd::flags::{DiscoveryMethod, Flags};

/// What a member's data directory keeps over restarts and power cycles.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    pub(crate) cluster_id: ClusterId,
    pub(crate) member_id: MemberId,
    /// The members of the cluster, itself among them.
    pub(crate) members: usize,
    /// What was written and has reached this member.
    pub(crate) store: BTreeMap<String, String>,
}

impl Asking {
    /// What the member `own` asks the others of its cluster.
    fn new(own: &str, bootstrap: Bootstrap) -> Self {
        let others = bootstrap.members.iter().filter(|(name, _)| *name != own);
        let mut urls: Vec<&PeerUrl> = others.flat_map(|(_, urls)| urls).collect();
        urls.sort_by_cached_key(ToString::to_string);
        let all = bootstrap.members.values().flatten();
        let mut records: Vec<_> = all
            .map(|url| format!("{}:{}", url.host, url.port))
            .collect();
        records.sort_unstable();
        Self {
            records,
            peers: urls.into_iter().map(|url| url.host.clone()).collect(),
            next: 0,
            question: 0,
            data_dir: DataDir {
                cluster_id: bootstrap.cluster_id,
                member_id: bootstrap.member_id,
                members: bootstrap.members.len(),
                store: BTreeMap::new(),
            },
        }
    }
}

/// One process. `pid` tells it from those before it.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) unit: String,
    pub(crate) flags: Flags,
    pub(crate) phase: Phase,
}

#[derive(Debug)]
pub(crate) enum Phase {
    /// The program is read and its disk is opened.
    Loading,
    Looking(Box<Lookup>),
    /// Its peer port is open, and it asks the others for their members before it serves that
    /// question itself.
    Asking(Box<Asking>),
    /// Written down at the discovery service, waiting for the others.
    Waiting,
    Running,
}

/// A member that asks its peers, one after the other, whether it has bootstrapped before.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) data_dir: DataDir,
    /// `HOST:PORT` of all members, itself among them, sorted.
    pub(crate) records: Vec<String>,
    /// Hosts of the others, in the order of their URLs.
    pub(crate) peers: Vec<String>,
    /// Which of them is asked.
    pub(crate) next: usize,
    /// Counts the questions, to tell a late end of one from that of the next.
    pub(crate) question: u32,
}

impl Process {
    /// What discovery makes of what was seen; `None` while it has not seen all.
    ///
    /// # Errors
    /// With etcd's own words.
    pub(crate) fn discover(&self) -> Option<Result<Asking, String>> {
        let (Phase::Looking(lookup), DiscoveryMethod::Records { discovery, .. }) =
            (&self.phase, &self.flags.way)
        else {
            return None;
        };
        let found = discovery.run(lookup.finished()?);
        let asking = |found| Asking::new(&self.flags.name, found);
        Some(found.map(asking).map_err(|error| error.to_string()))
    }

    /// What it makes of a set that it was given, under this token.
    ///
    /// # Errors
    /// With etcd's own words.
    pub(crate) fn accept(&self, set: &[(String, PeerUrl)], token: &str) -> Result<Asking, String> {
        given::bootstrap(&self.flags.name, &self.flags.advertised, token, set)
            .map(|set| Asking::new(&self.flags.name, set))
            .map_err(|error| error.to_string())
    }
}

/// The questions of one discovery, asked one after the other as Go's resolver does.
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
                // What /etc/hosts says, nobody is asked for.
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
            let missing = Err(self.trouble(text, "no such host"));
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
        let silence = Err(self.trouble(text, "i/o timeout"));
        self.answered(asked.question, silence);
        self.next(now)
    }

    /// Takes a message, and asks what comes next if it was the answer.
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
            Err(self.trouble(text, "no such host"))
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
            Channel::Stream(quorate_core::StreamId(id.into()))
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

    fn answered(&mut self, question: Question, seen: Result<Vec<RData>, String>) {
        let seen = seen.map_err(LookupError);
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
    fn trouble(&self, name: &str, why: &str) -> String {
        format!("lookup {name} on {}: {why}", self.server)
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
