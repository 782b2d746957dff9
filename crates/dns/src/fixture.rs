//! What the tests of this crate share: a zone, nsupdate's words, and an authority on a bench.

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use quorate_core::{
    Channel, Datagram, Destination, Engine, Instant, Now, Output, StreamId, Ticket, Wall,
};

use crate::client::UpdateRequest;
use crate::policy::{RawGrant, RawNames, RawPeer};
use crate::tsig::Key;
use crate::{Authority, Config, Event, Journal, RawConfig, RawZone, text};

pub(crate) const NOW: Wall = Wall::from_unix_secs(1_767_225_600);

pub(crate) fn name(text: &str) -> Name {
    text::parse_name(text, &Name::root()).unwrap()
}

/// A record relative to `lab.example.`, TTL 60 unless it names one.
pub(crate) fn record(text: &str) -> Record {
    text::parse_record(text, &name("lab.example."), 60).unwrap()
}

pub(crate) fn key() -> Key {
    Key::from_base64(
        "ddns.",
        "hmac-sha256",
        "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0",
    )
    .unwrap()
}

fn raw_zone(name: &str, bootstrap: bool, records: &[&str]) -> RawZone {
    RawZone {
        name: name.to_owned(),
        bootstrap,
        default_ttl_secs: None,
        primary_ns: "ns.lab.example.".to_owned(),
        records: records.iter().map(|r| (*r).to_owned()).collect(),
    }
}

/// Two zones; all of loopback and the holder of [`key`] may change them, the key may
/// transfer them.
pub(crate) fn raw_config(records: &[&str]) -> RawConfig {
    let grant = |key: Option<&str>, sources: &[&str], top: &str| RawGrant {
        key: key.map(str::to_owned),
        sources: sources.iter().map(|s| (*s).to_owned()).collect(),
        names: RawNames::Subdomain(top.to_owned()),
        types: vec!["ANY".to_owned()],
    };
    RawConfig {
        zones: vec![
            raw_zone("lab.example.", false, records),
            raw_zone("boot.example.", true, &[]),
        ],
        update: vec![
            grant(None, &["127.0.0.0/8"], "example."),
            grant(Some("ddns."), &[], "example."),
        ],
        transfer: vec![RawPeer {
            key: Some("ddns.".to_owned()),
            sources: Vec::new(),
        }],
        ..RawConfig::default()
    }
}

pub(crate) fn config(records: &[&str]) -> Config {
    Config::new(&raw_config(records), vec![key()]).unwrap()
}

/// An UPDATE in nsupdate's words, names relative to `lab.example.`.
pub(crate) fn script(lines: &[&str]) -> UpdateRequest {
    let zone = name("lab.example.");
    let mut equals = Vec::new();
    let mut request = UpdateRequest::new(zone.clone(), 7);
    for line in lines {
        let (verb, rest) = line.split_once(' ').unwrap();
        let fields: Vec<&str> = rest.split(' ').collect();
        let owner = text::parse_name(fields[0], &zone).unwrap();
        let kind = fields.get(1).and_then(|field| text::parse_type(field));
        request = match (verb, kind, fields.len()) {
            ("yxdomain", None, 1) => request.require_name_exists(owner),
            ("nxdomain", None, 1) => request.require_name_absent(owner),
            ("nxrrset", Some(kind), 2) => request.require_rrset_absent(owner, kind),
            ("yxrrset", Some(kind), 2) => request.require_rrset_exists(owner, kind),
            ("yxrrset", Some(_), _) => {
                equals.push(record(rest));
                request
            }
            ("add", ..) => request.add(record(rest)),
            ("delete", None, 1) => request.delete_name(owner),
            ("delete", Some(kind), 2) => request.delete_rrset(owner, kind),
            ("delete", Some(_), _) => request.delete_record(record(rest)),
            _ => panic!("{line:?}"),
        };
    }
    request.require_rrset_equals(equals)
}

pub(crate) fn message(request: UpdateRequest) -> Message {
    Message::from_vec(&request.encode(None).bytes).unwrap()
}

/// A query with RD set, names relative to `lab.example.`.
pub(crate) fn query(owner: &str, kind: RecordType) -> Message {
    let mut message = Message::new(11, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    let owner = text::parse_name(owner, &name("lab.example.")).unwrap();
    message.add_query(Query::query(owner, kind));
    message
}

/// An authority, a clock, and what it asked for.
pub(crate) struct Bench {
    pub(crate) authority: Authority,
    pub(crate) now: Now,
    pub(crate) events: Vec<Event>,
    pub(crate) writes: Vec<Journal>,
    last_ticket: Option<Ticket>,
    /// The writes before it are on disk.
    synced: usize,
    replies: Vec<Vec<u8>>,
}

impl Bench {
    pub(crate) fn new(records: &[&str]) -> Self {
        Self::of(Authority::new(config(records)))
    }

    pub(crate) fn of(authority: Authority) -> Self {
        Self {
            authority,
            now: Now::new(Instant::ZERO, NOW),
            events: Vec::new(),
            writes: Vec::new(),
            last_ticket: None,
            synced: 0,
            replies: Vec::new(),
        }
    }

    /// Sends from loopback and answers what comes back at once.
    pub(crate) fn udp(&mut self, payload: &[u8]) -> Vec<Vec<u8>> {
        self.send("127.0.0.1:1053", Channel::Udp, payload)
    }

    pub(crate) fn stream(&mut self, payload: &[u8]) -> Vec<Vec<u8>> {
        self.send("127.0.0.1:1053", Channel::Stream(StreamId(3)), payload)
    }

    pub(crate) fn send(&mut self, source: &str, channel: Channel, payload: &[u8]) -> Vec<Vec<u8>> {
        let datagram = Datagram {
            source: source.parse().unwrap(),
            destination: "127.0.0.1:53".parse().unwrap(),
            channel,
            payload,
        };
        self.authority.handle_datagram(datagram, self.now);
        self.drain(Some((source, channel)))
    }

    /// All writes reach the disk.
    pub(crate) fn sync(&mut self) -> Vec<Vec<u8>> {
        if let Some(ticket) = self.last_ticket.take() {
            self.authority.handle_written(ticket, self.now);
            self.synced = self.writes.len();
        }
        self.drain(None)
    }

    /// The disk refuses all writes since the last sync. Answers the rcodes of what leaves.
    pub(crate) fn fail(&mut self) -> Vec<ResponseCode> {
        let mut replies = self.drain(None);
        let count = self.writes.drain(self.synced..).count();
        if let Some(Ticket(last)) = self.last_ticket.take() {
            let first = Ticket(last + 1 - count as u64);
            self.authority.handle_write_failed(first, self.now);
        }
        replies.extend(self.drain(None));
        let replies = replies
            .iter()
            .map(|reply| Message::from_vec(reply).unwrap());
        replies.map(|reply| reply.metadata.response_code).collect()
    }

    /// Sends an UPDATE, syncs, and answers its rcode.
    pub(crate) fn update(&mut self, lines: &[&str]) -> ResponseCode {
        let mut replies = self.udp(&script(lines).encode(None).bytes);
        replies.extend(self.sync());
        let [reply] = replies.as_slice() else {
            panic!("{} replies to {lines:?}", replies.len());
        };
        Message::from_vec(reply).unwrap().metadata.response_code
    }

    /// The published zone `lab.example.` as text.
    pub(crate) fn lines(&self) -> Vec<String> {
        let zone = self.authority.zones().last().unwrap();
        zone.records().map(|record| text::record(&record)).collect()
    }

    pub(crate) fn lookup(&self, owner: &str, kind: RecordType) -> Vec<String> {
        let owner = text::parse_name(owner, &name("lab.example.")).unwrap();
        let set = self.authority.lookup(&owner, kind);
        let data = set.into_iter().flat_map(|set| set.data());
        data.map(text::data).collect()
    }

    fn drain(&mut self, path: Option<(&str, Channel)>) -> Vec<Vec<u8>> {
        while let Some(output) = self.authority.poll() {
            match output {
                Output::Transmit(transmit) => {
                    if let Some((source, channel)) = path {
                        let expected = match channel {
                            Channel::Udp => Destination::Udp(source.parse().unwrap()),
                            Channel::Stream(stream) => Destination::Stream(stream),
                        };
                        assert_eq!(transmit.destination, expected);
                    }
                    self.replies.push(transmit.payload);
                }
                Output::Write { ticket, write } => {
                    self.last_ticket = Some(ticket);
                    self.writes.push(write);
                }
                Output::Effect(effect) => match effect {},
                Output::Event(event) => self.events.push(event),
            }
        }
        std::mem::take(&mut self.replies)
    }
}
