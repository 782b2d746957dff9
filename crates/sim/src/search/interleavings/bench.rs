//! A registrar and a DNS server; between them, UPDATEs that arrive when the caller says so.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use quorate_core::{Channel, Datagram, Engine as _, Instant, Now, Output, Seed, Wall};
use quorate_ddns::{Binding, Command, Registrar};
use quorate_dns::client::{Answer, encode_query};
use quorate_dns::policy::{RawGrant, RawNames};
use quorate_dns::{Authority, Name, RData, Record, RecordType, text};
use quorate_etcd::{LookupError, Scheme, SrvRecord, View, service_name};

pub(super) const DOMAIN: &str = "lab.test";

pub(super) struct Bench {
    members: usize,
    registrar: Registrar,
    authority: Authority,
    updates: Vec<Vec<u8>>,
    /// How many members have an address yet. They get theirs in the order of their numbers.
    named: usize,
    /// What each UPDATE added.
    pub(super) records: Vec<String>,
    /// What a reader sees before the first UPDATE, and after each.
    pub(super) views: Vec<View>,
}

impl Bench {
    /// All members have their leases, and nothing has arrived.
    pub(super) fn new(members: usize, gate: bool) -> Self {
        let mut bench = Self {
            members,
            registrar: Registrar::new(registrar(members, gate), Seed::new(1)),
            authority: Authority::new(zone()),
            updates: Vec::new(),
            named: 0,
            records: Vec::new(),
            views: Vec::new(),
        };
        for number in 1..=members {
            bench
                .registrar
                .command(Command::Bound(binding(number)), NOW);
            bench.drain_registrar();
        }
        let view = bench.view();
        bench.views.push(view);
        bench
    }

    /// How many UPDATEs could arrive next.
    pub(super) fn under_way(&self) -> usize {
        self.updates.len()
    }

    /// Lets one of them arrive, and its reply. False when the same order with other names comes
    /// up elsewhere.
    pub(super) fn deliver(&mut self, choice: usize) -> bool {
        let update = self.updates.remove(choice);
        let (replies, added) = self.ask(&update);
        for reply in replies {
            self.registrar
                .handle_datagram(datagram(SERVER, CLIENT, &reply), NOW);
            self.drain_registrar();
        }
        let name = name_of(&added);
        if let Some(number) = name.strip_prefix("A n") {
            self.named += 1;
            if number != self.named.to_string() {
                return false;
            }
        }
        self.records.push(name);
        let view = self.view();
        self.views.push(view);
        true
    }

    fn drain_registrar(&mut self) {
        while let Some(output) = self.registrar.poll() {
            match output {
                Output::Transmit(transmit) => self.updates.push(transmit.payload),
                Output::Write { ticket, .. } => self.registrar.handle_written(ticket, NOW),
                Output::Effect(effect) => match effect {},
                Output::Event(_) => {}
            }
        }
    }

    /// What the DNS server answers, and which records that added.
    fn ask(&mut self, message: &[u8]) -> (Vec<Vec<u8>>, Vec<Record>) {
        self.authority
            .handle_datagram(datagram(CLIENT, SERVER, message), NOW);
        let (mut replies, mut records) = (Vec::new(), Vec::new());
        while let Some(output) = self.authority.poll() {
            match output {
                Output::Transmit(transmit) => replies.push(transmit.payload),
                Output::Write { ticket, .. } => self.authority.handle_written(ticket, NOW),
                Output::Event(quorate_dns::Event::UpdateApplied { added, .. }) => {
                    records.extend(added);
                }
                Output::Effect(effect) => match effect {},
                Output::Event(_) => {}
            }
        }
        (replies, records)
    }

    fn view(&mut self) -> View {
        let services = |bench: &mut Self, scheme| {
            let owner = service_name(scheme, None, DOMAIN);
            bench.look_up(&owner, RecordType::SRV, service)
        };
        let ssl = services(self, Scheme::Https);
        let plain = services(self, Scheme::Http);
        let addresses = (1..=self.members)
            .map(|number| {
                let host = format!("n{number}.{DOMAIN}");
                let found = self.look_up(&host, RecordType::A, address);
                (host, found)
            })
            .collect::<BTreeMap<_, _>>();
        View {
            ssl,
            plain,
            addresses,
        }
    }

    fn look_up<T>(
        &mut self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, LookupError> {
        let owner = text::parse_name(name, &Name::root()).expect("names here are names");
        let (replies, _) = self.ask(&encode_query(&owner, kind, QUERY_ID));
        let reply = replies.first().expect("a question is answered");
        let answer = Answer::read(reply, &owner, kind, QUERY_ID);
        let answer = answer.map_err(|error| LookupError(error.to_string()))?;
        let found: Vec<T> = answer.data(&owner, kind).filter_map(read).collect();
        if found.is_empty() {
            return Err(LookupError(format!("lookup {name}: no such host")));
        }
        Ok(found)
    }
}

fn registrar(members: usize, gate: bool) -> quorate_ddns::Config {
    let raw = quorate_ddns::RawConfig {
        server: SERVER,
        forward_zone: DOMAIN.to_owned(),
        // No member that starts looks at PTR records.
        reverse_zones: Vec::new(),
        ttl_secs: quorate_ddns::DEFAULT_TTL_SECS,
        services: vec![quorate_ddns::RawService {
            name: "etcd".to_owned(),
            class: CLASS.to_owned(),
            members,
            gate,
            set: quorate_ddns::RawSet::Plain,
            srv_name: None,
            peer_port: quorate_ddns::DEFAULT_PEER_PORT,
            client_port: quorate_ddns::DEFAULT_CLIENT_PORT,
            priority: 0,
            weight: 0,
            ttl_secs: None,
        }],
    };
    quorate_ddns::Config::new(&raw, None).expect("the configuration is a constant")
}

fn zone() -> quorate_dns::Config {
    let raw = quorate_dns::RawConfig {
        zones: vec![quorate_dns::RawZone {
            name: DOMAIN.to_owned(),
            bootstrap: true,
            default_ttl_secs: None,
            primary_ns: "ns".to_owned(),
            records: Vec::new(),
        }],
        update: vec![RawGrant {
            key: None,
            sources: vec!["127.0.0.1/32".to_owned()],
            names: RawNames::Subdomain(DOMAIN.to_owned()),
            types: vec!["ANY".to_owned()],
        }],
        ..quorate_dns::RawConfig::default()
    };
    quorate_dns::Config::new(&raw, Vec::new()).expect("the configuration is a constant")
}

fn binding(number: usize) -> Binding {
    let hostname = format!("n{number}");
    let host = u8::try_from(number).expect("there are few members");
    Binding {
        addr: Ipv4Addr::new(10, 77, 0, host),
        class: Some(CLASS.to_owned()),
        dhcid_kind: 1,
        dhcid_id: hostname.as_bytes().to_vec(),
        hostname,
        forward: true,
        reverse: true,
    }
}

/// `A n1`; `SRV n1 n2` for the server set, which is the one that members read.
fn name_of(added: &[Record]) -> String {
    let host = |name: &Name| {
        let full = text::name(name);
        full.split('.').next().unwrap_or_default().to_owned()
    };
    let mut targets: Vec<String> = added
        .iter()
        .filter(|record| text::name(&record.name).starts_with("_etcd-server."))
        .filter_map(|record| {
            if let RData::SRV(srv) = &record.data {
                Some(host(&srv.target))
            } else {
                None
            }
        })
        .collect();
    targets.sort();
    let is_a = |record: &&Record| record.record_type() == RecordType::A;
    match added.iter().find(is_a) {
        Some(record) => format!("A {}", host(&record.name)),
        None => format!("SRV {}", targets.join(" ")),
    }
}

fn datagram(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Datagram<'_> {
    Datagram {
        source,
        destination,
        channel: Channel::Udp,
        payload,
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

fn address(data: &RData) -> Option<IpAddr> {
    if let RData::A(a) = data {
        Some(IpAddr::V4(a.0))
    } else {
        None
    }
}

const CLASS: &str = "etcd";
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53);
const CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_053);
const QUERY_ID: u16 = 1;
/// Nothing here takes time.
const NOW: Now = Now::new(Instant::ZERO, Wall::from_unix_secs(1_767_225_600));
