//! A registrar, an authority, their disks, and a wire that may lose, repeat and reorder.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::laws::{Input, WALL_EPOCH};
use quorate_core::{
    Channel, Datagram, Destination, Engine, Instant, Now, Output, Random, Seed, StreamId, Ticket,
};
use quorate_dns::policy::{RawGrant, RawNames};
use quorate_dns::tsig::Key;
use quorate_dns::{Authority, Journal, Name, RData, Record, RecordType, text};

use crate::{
    Binding, Command, Config, Event, OutboxFold, OutboxRecord, RawConfig, RawService, RawSet,
    Registrar,
};

pub(super) const SERVER: &str = "127.0.0.53:53";
const CLIENT: &str = "127.0.0.1:40000";

/// What the wire and the disks do, in percent and milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Faults {
    pub(super) drop_percent: u64,
    pub(super) duplicate_percent: u64,
    pub(super) delay_millis_max: u64,
    pub(super) disk_millis_max: u64,
}

pub(super) const CALM: Faults = Faults {
    drop_percent: 0,
    duplicate_percent: 0,
    delay_millis_max: 1,
    disk_millis_max: 1,
};

/// What is going to happen.
#[derive(Debug)]
enum Due {
    ToServer(Channel, Vec<u8>),
    ToRegistrar(Channel, Vec<u8>),
    ServerDisk,
    RegistrarDisk,
}

/// A disk that forgets in a crash what it has not synced.
#[derive(Debug)]
pub(super) struct Disk<W> {
    pub(super) synced: Vec<W>,
    pub(super) waiting: Vec<(Ticket, W)>,
}

/// One version of a zone as it was published: what came, and what went.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) added: Vec<Record>,
    pub(super) removed: Vec<Record>,
    /// Targets of added SRV records that have no A in this version.
    pub(super) dangling: Vec<Name>,
}

pub(super) struct World {
    pub(super) registrar: Registrar,
    pub(super) authority: Authority,
    pub(super) registrar_disk: Disk<OutboxRecord>,
    pub(super) authority_disk: Disk<Journal>,
    pub(super) faults: Faults,
    pub(super) events: Vec<Event>,
    pub(super) versions: Vec<Version>,
    /// Every UPDATE sent.
    pub(super) sent: Vec<(Channel, Vec<u8>)>,
    /// The registrar's life so far, to be lived again under the laws.
    pub(super) inputs: Vec<Input<Command>>,
    pub(super) is_server_up: bool,
    /// What the server's wall clock shows more than the registrar's.
    pub(super) server_ahead_secs: u64,
    raw: RawConfig,
    pub(super) zones: quorate_dns::RawConfig,
    key: Option<Key>,
    now: Instant,
    due: BTreeMap<(Instant, u64), Due>,
    next_due: u64,
    lives: u64,
    random: Random,
}

pub(super) fn key() -> Key {
    Key::from_base64(
        "ddns.",
        "hmac-sha256",
        "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0",
    )
    .unwrap()
}

/// Three etcd members behind the gate.
pub(super) fn raw_service() -> RawService {
    RawService {
        name: "etcd".to_owned(),
        class: "etcd".to_owned(),
        members: 3,
        gate: true,
        set: RawSet::Plain,
        srv_name: None,
        peer_port: 2380,
        client_port: 2379,
        priority: 0,
        weight: 0,
        ttl_secs: None,
    }
}

pub(super) fn raw_config() -> RawConfig {
    RawConfig {
        server: SERVER.parse().unwrap(),
        forward_zone: "lab.test".to_owned(),
        reverse_zones: vec![
            "77.10.in-addr.arpa".to_owned(),
            "0.77.10.in-addr.arpa".to_owned(),
        ],
        ttl_secs: 60,
        services: vec![raw_service()],
    }
}

/// `n1` of class etcd at 10.77.0.1; the client is known by the hostname.
pub(super) fn member(number: u8) -> Binding {
    let hostname = format!("n{number}");
    Binding {
        addr: Ipv4Addr::new(10, 77, 0, number),
        class: Some("etcd".to_owned()),
        dhcid_kind: 1,
        dhcid_id: hostname.as_bytes().to_vec(),
        hostname,
        forward: true,
        reverse: true,
    }
}

fn zones(records: &[&str]) -> quorate_dns::RawConfig {
    let zone = |name: &str, records: &[&str]| quorate_dns::RawZone {
        name: name.to_owned(),
        bootstrap: true,
        default_ttl_secs: None,
        primary_ns: "ns.lab.test.".to_owned(),
        records: records.iter().map(|text| (*text).to_owned()).collect(),
    };
    let grant = |key: Option<&str>, sources: &[&str]| RawGrant {
        key: key.map(str::to_owned),
        sources: sources.iter().map(|text| (*text).to_owned()).collect(),
        names: RawNames::Subdomain(".".to_owned()),
        types: vec!["ANY".to_owned()],
    };
    quorate_dns::RawConfig {
        zones: vec![
            zone("lab.test", records),
            zone("77.10.in-addr.arpa", &[]),
            zone("0.77.10.in-addr.arpa", &[]),
        ],
        update: vec![grant(None, &["127.0.0.0/8"]), grant(Some("ddns."), &[])],
        ..quorate_dns::RawConfig::default()
    }
}

impl World {
    pub(super) fn new(seed: u64, raw: RawConfig, records: &[&str], key: Option<Key>) -> Self {
        let zones = zones(records);
        let config = Config::new(&raw, key.clone()).unwrap();
        let keys = key.iter().cloned().collect();
        Self {
            registrar: Registrar::new(config, Seed::new(seed)),
            authority: Authority::new(quorate_dns::Config::new(&zones, keys).unwrap()),
            registrar_disk: Disk::default(),
            authority_disk: Disk::default(),
            faults: CALM,
            events: Vec::new(),
            versions: Vec::new(),
            sent: Vec::new(),
            inputs: Vec::new(),
            is_server_up: true,
            server_ahead_secs: 0,
            raw,
            zones,
            key,
            now: Instant::ZERO,
            due: BTreeMap::new(),
            next_due: 0,
            lives: 0,
            random: Seed::new(seed).child("world").random(),
        }
    }

    pub(super) fn plain() -> Self {
        Self::new(1, raw_config(), &[], None)
    }

    pub(super) fn now(&self) -> Now {
        let secs = self.now.as_nanos() / 1_000_000_000;
        Now::new(self.now, WALL_EPOCH.plus_secs(secs))
    }

    fn server_now(&self) -> Now {
        let now = self.now();
        Now::new(now.instant, now.wall.plus_secs(self.server_ahead_secs))
    }

    pub(super) fn bind(&mut self, binding: Binding) {
        self.command(Command::Bound(binding));
    }

    pub(super) fn end(&mut self, addr: Ipv4Addr) {
        self.command(Command::Ended { addr });
    }

    pub(super) fn command(&mut self, command: Command) {
        self.inputs.push(Input::Command(command.clone()));
        self.registrar.command(command, self.now());
        self.drain_registrar();
    }

    /// Everything that happens within `duration`.
    pub(super) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.step(end) {}
        self.advance(end);
    }

    /// Until every change is acknowledged.
    ///
    /// # Panics
    /// When that takes more than ten minutes.
    pub(super) fn run_until_idle(&mut self) {
        let end = self.now + Duration::from_secs(600);
        while !self.registrar.is_idle() {
            assert!(
                self.step(end),
                "not idle after ten minutes: {:?}",
                self.registrar.checkpoint()
            );
        }
    }

    pub(super) fn crash_server(&mut self) {
        self.authority_disk.crash();
        let keys = self.key.iter().cloned().collect();
        let config = quorate_dns::Config::new(&self.zones, keys).unwrap();
        self.authority = Authority::restore(config, self.authority_disk.synced.iter().cloned());
    }

    /// Restarts the registrar; its owner announces all of its leases again.
    pub(super) fn crash_registrar<'a>(&mut self, live: impl Iterator<Item = &'a Binding> + Clone) {
        self.registrar_disk.crash();
        self.lives += 1;
        let config = Config::new(&self.raw, self.key.clone()).unwrap();
        let seed = Seed::new(self.lives).child("registrar");
        let records = self.registrar_disk.synced.iter().map(through_json);
        self.registrar = Registrar::restore(config, seed, records);
        self.inputs.clear();
        let is_live = |addr| live.clone().any(|binding| binding.addr == addr);
        let gone: Vec<Ipv4Addr> = self.registrar.bindings().map(|b| b.addr).collect();
        for addr in gone.into_iter().filter(|addr| !is_live(*addr)) {
            self.end(addr);
        }
        for binding in live {
            self.bind(binding.clone());
        }
    }

    /// The disk fails: what waits for it never gets there.
    pub(super) fn refuse_writes(&mut self) {
        let refused = std::mem::take(&mut self.registrar_disk.waiting);
        if let Some((first, _)) = refused.first() {
            self.registrar.handle_write_failed(*first, self.now());
            self.drain_registrar();
        }
    }

    /// Replaces what is on disk by less that says the same.
    pub(super) fn compact(&mut self) {
        self.registrar_disk.synced = fold(&self.registrar_disk.synced);
    }

    /// The published data of this type at this name.
    pub(super) fn lookup(&self, name: &str, kind: RecordType) -> Vec<String> {
        let name = text::parse_name(name, &Name::root()).unwrap();
        let set = self.authority.lookup(&name, kind);
        let data = set.into_iter().flat_map(|set| set.data());
        data.map(text::data).collect()
    }

    fn step(&mut self, end: Instant) -> bool {
        let deadline = self
            .registrar
            .poll_timeout()
            .map(|deadline| deadline.at.max(self.now));
        let due = self.due.first_key_value().map(|(at, _)| at.0);
        let is_timeout = deadline.is_some_and(|at| due.is_none_or(|due| at < due));
        let Some(at) = (if is_timeout { deadline } else { due }).filter(|at| *at <= end) else {
            return false;
        };
        self.advance(at);
        if is_timeout {
            self.registrar.handle_timeout(self.now());
            self.drain_registrar();
        } else if let Some((_, due)) = self.due.pop_first() {
            self.happen(due);
        }
        true
    }

    fn advance(&mut self, to: Instant) {
        self.inputs.push(Input::Pass(to.since(self.now)));
        self.now = to;
    }

    fn happen(&mut self, due: Due) {
        let now = self.now();
        match due {
            Due::ToServer(channel, payload) if self.is_server_up => {
                let now = self.server_now();
                self.authority
                    .handle_datagram(datagram(CLIENT, SERVER, channel, &payload), now);
                self.drain_authority();
            }
            Due::ToServer(..) => {}
            Due::ToRegistrar(channel, payload) => {
                let datagram = datagram(SERVER, CLIENT, channel, &payload);
                self.inputs.push(Input::Datagram {
                    source: datagram.source,
                    destination: datagram.destination,
                    channel,
                    payload: payload.clone(),
                });
                self.registrar.handle_datagram(datagram, now);
                self.drain_registrar();
            }
            Due::ServerDisk => {
                // One version at a time, to look at each.
                let now = self.server_now();
                while let Some(ticket) = self.authority_disk.sync_one() {
                    self.authority.handle_written(ticket, now);
                    self.drain_authority();
                }
            }
            Due::RegistrarDisk => {
                self.inputs.push(Input::Sync);
                if let Some(ticket) = self.registrar_disk.sync_all() {
                    self.registrar.handle_written(ticket, now);
                    self.drain_registrar();
                }
            }
        }
    }

    fn drain_registrar(&mut self) {
        while let Some(output) = self.registrar.poll() {
            match output {
                Output::Transmit(transmit) => {
                    let channel = match transmit.destination {
                        Destination::Udp(to) => {
                            assert_eq!(to, SERVER.parse().unwrap());
                            Channel::Udp
                        }
                        Destination::Stream(stream) => Channel::Stream(stream),
                        Destination::Broadcast { .. } | Destination::Link { .. } => {
                            panic!("UPDATEs are routed")
                        }
                    };
                    self.sent.push((channel, transmit.payload.clone()));
                    self.carry(|payload| Due::ToServer(channel, payload), &transmit.payload);
                }
                Output::Write { ticket, write } => {
                    self.registrar_disk.waiting.push((ticket, write));
                    self.later(self.faults.disk_millis_max, Due::RegistrarDisk);
                }
                Output::Effect(effect) => match effect {},
                Output::Event(event) => self.events.push(event),
            }
        }
    }

    fn drain_authority(&mut self) {
        while let Some(output) = self.authority.poll() {
            match output {
                Output::Transmit(transmit) => {
                    let channel = match transmit.destination {
                        Destination::Stream(StreamId(stream)) => Channel::Stream(StreamId(stream)),
                        Destination::Udp(_)
                        | Destination::Broadcast { .. }
                        | Destination::Link { .. } => Channel::Udp,
                    };
                    self.carry(
                        |payload| Due::ToRegistrar(channel, payload),
                        &transmit.payload,
                    );
                }
                Output::Write { ticket, write } => {
                    self.authority_disk.waiting.push((ticket, write));
                    self.later(self.faults.disk_millis_max, Due::ServerDisk);
                }
                Output::Event(quorate_dns::Event::UpdateApplied { added, removed, .. }) => {
                    let dangling = self.dangling(&added);
                    self.versions.push(Version {
                        added,
                        removed,
                        dangling,
                    });
                }
                Output::Effect(effect) => match effect {},
                Output::Event(_) => {}
            }
        }
    }

    fn dangling(&self, added: &[Record]) -> Vec<Name> {
        let target = |record: &Record| {
            let RData::SRV(srv) = &record.data else {
                return None;
            };
            Some(srv.target.clone())
        };
        let targets = added.iter().filter_map(target);
        let has_a = |target: &Name| self.authority.lookup(target, RecordType::A).is_some();
        targets.filter(|target| !has_a(target)).collect()
    }

    fn carry(&mut self, due: impl Fn(Vec<u8>) -> Due, payload: &[u8]) {
        let Faults {
            drop_percent,
            duplicate_percent,
            delay_millis_max,
            ..
        } = self.faults;
        if self.random.below(100) < drop_percent {
            return;
        }
        let copies = 1 + u64::from(self.random.below(100) < duplicate_percent);
        for _ in 0..copies {
            self.later(delay_millis_max, due(payload.to_vec()));
        }
    }

    fn later(&mut self, millis_max: u64, due: Due) {
        let micros = self.random.below(millis_max * 1_000);
        let at = self.now + Duration::from_micros(micros);
        self.due.insert((at, self.next_due), due);
        self.next_due += 1;
    }
}

impl<W> Default for Disk<W> {
    fn default() -> Self {
        Self {
            synced: Vec::new(),
            waiting: Vec::new(),
        }
    }
}

impl<W> Disk<W> {
    pub(super) fn sync_one(&mut self) -> Option<Ticket> {
        if self.waiting.is_empty() {
            return None;
        }
        let (ticket, write) = self.waiting.remove(0);
        self.synced.push(write);
        Some(ticket)
    }

    fn sync_all(&mut self) -> Option<Ticket> {
        std::iter::from_fn(|| self.sync_one()).last()
    }

    fn crash(&mut self) {
        self.waiting.clear();
    }
}

fn through_json(record: &OutboxRecord) -> OutboxRecord {
    serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap()
}

fn datagram<'a>(
    source: &str,
    destination: &str,
    channel: Channel,
    payload: &'a [u8],
) -> Datagram<'a> {
    let addr = |text: &str| -> SocketAddr { text.parse().unwrap() };
    Datagram {
        source: addr(source),
        destination: addr(destination),
        channel,
        payload,
    }
}

/// What a log keeps of these records.
pub(super) fn fold(records: &[OutboxRecord]) -> Vec<OutboxRecord> {
    let mut fold = OutboxFold::default();
    for (place, record) in records.iter().enumerate() {
        fold.push(record, place as u64);
    }
    let places = fold.into_places().into_iter();
    places
        .map(|place| records[place as usize].clone())
        .collect()
}
