//! Every call that reaches the disk fails once (SQLite's way of testing): after each of them nothing
//! acknowledged is lost, nothing is half there, no serial goes back, and the service goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quorate_core::{Channel, MacAddr};
use quorate_dhcp::wire::code;
use quorate_dhcp::{Message, MessageType};
use quorate_dns::client::{UpdateRequest, read_reply};
use quorate_dns::{Name, ResponseCode, text};

use super::*;

/// Rounds of the mixed load.
const ROUNDS: u8 = 24;

#[test]
fn every_call_to_the_disk_fails_once() {
    let mut clean = World::new(None);
    clean.run();
    let calls = clean.engines.journal_mut().calls;
    assert!(clean.compactions > 0, "the log was rewritten on the way");
    assert!(calls > 100, "{calls}");
    for failing in 1..=calls {
        let mut world = World::new(Some(failing));
        world.run();
        world.recover();
        world.check(&format!("call {failing}"));
        world.restart();
        world.check(&format!("call {failing}, after a restart"));
    }
}

/// A disk that is full for a while: the same, and what needs no disk is answered all the time.
#[test]
fn queries_go_on_while_nothing_can_be_written() {
    let mut world = World::new(None);
    world.lease(1);
    assert_eq!(world.update(1), ResponseCode::NoError);
    world.engines.journal_mut().is_full = true;
    assert_eq!(world.lease(2), None, "a REQUEST gets no answer");
    assert_eq!(world.update(2), ResponseCode::ServFail);
    assert!(world.is_published("u1a"));
    assert!(!world.is_published("u2a"));
    assert_eq!(world.inform(1), Some(MessageType::Ack));
    let before = world.engines.journal_mut().calls;
    for n in 3..30 {
        assert_eq!(world.update(n), ResponseCode::ServFail);
    }
    let tries = world.engines.journal_mut().calls - before;
    assert!(
        tries < 10,
        "{tries} tries: the disk is left alone for a while"
    );
    world.engines.journal_mut().is_full = false;
    world.recover();
    world.check("the disk is back");
    let events: Vec<_> = world
        .events
        .iter()
        .map(|event| {
            serde_json::to_value(event).unwrap()["event"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        })
        .filter(|event| event.starts_with("log-"))
        .collect();
    assert_eq!(events, ["log-failed", "log-recovered"]);
}

/// A log that lost its end: the event says so, and no secondary waits for a serial that it has.
#[test]
fn a_cut_log_is_said_and_the_serial_skips_what_may_have_been_told() {
    let mut world = World::new(None);
    for n in 0..5 {
        assert_eq!(world.update(n), ResponseCode::NoError);
    }
    let seen = world.serial();
    let mut memory = std::mem::take(world.engines.journal_mut());
    let lost = memory.durable.split_off(memory.durable.len() - 2);
    memory.lost_bytes = lost.iter().map(|record| record.len() as u64).sum();
    world.restart_on(memory);
    assert!(world.serial() > seen, "{} after {seen}", world.serial());
    assert!(matches!(world.events.last(), Some(Event::LogCut { .. })));
}

struct World {
    engines: Engines<Memory>,
    now: Now,
    id: u16,
    leased: BTreeMap<MacAddr, Ipv4Addr>,
    added: BTreeSet<String>,
    serial_seen: u32,
    compactions: usize,
    events: Vec<Event>,
}

impl World {
    fn new(failing: Option<usize>) -> Self {
        let memory = Memory {
            failing,
            ..Memory::default()
        };
        let now = Now::new(Instant::ZERO, Wall::from_unix_secs(1_767_225_600));
        Self {
            engines: started(memory, now),
            now,
            id: 0,
            leased: BTreeMap::new(),
            added: BTreeSet::new(),
            serial_seen: 0,
            compactions: 0,
            events: Vec::new(),
        }
    }

    /// The mixed load: leases, UPDATEs, what the registrar makes of the leases, compactions.
    fn run(&mut self) {
        for n in 0..ROUNDS {
            if let Some(addr) = self.lease(n) {
                self.leased.insert(mac(n), addr);
            }
            if self.update(n) == ResponseCode::NoError {
                self.added.insert(format!("u{n}"));
            }
            // An earlier client asks again.
            if n % 3 == 0
                && let Some(addr) = self.lease(n / 2)
            {
                self.leased.insert(mac(n / 2), addr);
            }
            self.pass(Duration::from_millis(700));
        }
    }

    /// Everything fails once only, and time passes.
    fn recover(&mut self) {
        for _ in 0..60 {
            self.pass(Duration::from_secs(1));
        }
        assert!(
            self.lease(200)
                .is_some_and(|addr| self.leased.insert(mac(200), addr).is_none())
        );
        assert_eq!(self.update(200), ResponseCode::NoError);
        self.added.insert("u200".to_owned());
        for _ in 0..60 {
            self.pass(Duration::from_secs(1));
        }
    }

    fn check(&mut self, when: &str) {
        let leases: BTreeMap<_, _> = self.engines.leases().map(|l| (l.mac, l.addr)).collect();
        for (mac, addr) in &self.leased {
            assert_eq!(leases.get(mac), Some(addr), "{when}: {mac}");
        }
        for n in (0..ROUNDS).chain([200]) {
            let both = ["a", "b"].map(|half| self.is_published(&format!("u{n}{half}")));
            assert_eq!(both[0], both[1], "{when}: half of u{n}");
            if self.added.contains(&format!("u{n}")) {
                assert!(both[0], "{when}: u{n}");
            }
        }
        for mac in self.leased.keys() {
            let name = format!("m-{}", String::from(*mac).replace(':', ""));
            assert!(self.is_published(&name), "{when}: {name}");
        }
        let serial = self.serial();
        assert!(
            serial >= self.serial_seen,
            "{when}: {serial} after {}",
            self.serial_seen
        );
    }

    /// The power goes, and comes back.
    fn restart(&mut self) {
        let memory = std::mem::take(self.engines.journal_mut());
        self.restart_on(memory);
        for _ in 0..30 {
            self.pass(Duration::from_secs(1));
        }
    }

    fn restart_on(&mut self, mut memory: Memory) {
        memory.pending.clear();
        (memory.has_failed, memory.failing, memory.compaction) = (false, None, None);
        self.engines = started(memory, self.now);
        self.commit_all();
    }

    /// DISCOVER to ACK.
    fn lease(&mut self, n: u8) -> Option<Ipv4Addr> {
        let discover = self.message(MessageType::Discover, n);
        let (kind, offer) = self.dhcp(&discover)?;
        assert_eq!(kind, MessageType::Offer);
        let mut request = self.message(MessageType::Request, n);
        request.options.set_addrs(code::REQUESTED_ADDR, &[offer]);
        request
            .options
            .set_addrs(code::SERVER_ID, &[[10, 77, 0, 2].into()]);
        let (kind, addr) = self.dhcp(&request)?;
        assert_eq!(kind, MessageType::Ack);
        Some(addr)
    }

    fn inform(&mut self, n: u8) -> Option<MessageType> {
        let mut inform = self.message(MessageType::Inform, n);
        inform.ciaddr = [10, 77, 0, 200].into();
        self.dhcp(&inform).map(|(kind, _)| kind)
    }

    fn message(&mut self, kind: MessageType, n: u8) -> Message<'static> {
        self.id += 1;
        Message {
            giaddr: [10, 77, 0, 3].into(),
            hops: 1,
            ..Message::request(kind, u32::from(self.id), mac(n))
        }
    }

    fn dhcp(&mut self, message: &Message<'_>) -> Option<(MessageType, Ipv4Addr)> {
        let payload = message.encode();
        let replies = self.exchange(Service::Dhcp, "10.77.0.3:67", &payload);
        let reply = Message::decode(replies.first()?).unwrap();
        Some((reply.kind, reply.yiaddr))
    }

    /// Two names at once, so that half of it shows.
    fn update(&mut self, n: u8) -> ResponseCode {
        self.id += 1;
        let zone = name("lab.test");
        let add = |half: &str| text::parse_record(&format!("u{n}{half} A 10.0.0.1"), &zone, 60);
        let update = UpdateRequest::new(zone.clone(), self.id)
            .add(add("a").unwrap())
            .add(add("b").unwrap())
            .encode(None);
        let replies = self.exchange(Service::Dns, "10.77.0.3:1053", &update.bytes);
        let rcode = read_reply(&replies[0], &update, None).unwrap();
        self.serial_seen = self.serial_seen.max(self.serial());
        rcode
    }

    fn exchange(&mut self, service: Service, source: &str, payload: &[u8]) -> Vec<Vec<u8>> {
        let source: std::net::SocketAddr = source.parse().unwrap();
        self.deliver(service, source, Channel::Udp, payload);
        let mut replies = self.commit_all();
        replies.retain(|(from, _)| *from == service);
        replies.into_iter().map(|(_, payload)| payload).collect()
    }

    fn deliver(
        &mut self,
        service: Service,
        source: std::net::SocketAddr,
        channel: Channel,
        payload: &[u8],
    ) {
        let datagram = Datagram {
            source,
            destination: "10.77.0.2:53".parse().unwrap(),
            channel,
            payload,
        };
        self.engines.handle_datagram(service, datagram, self.now);
    }

    /// Commits and carries messages between registrar and DNS server until both are quiet.
    /// Answers what leaves for others.
    fn commit_all(&mut self) -> Vec<(Service, Vec<u8>)> {
        let mut out = Vec::new();
        loop {
            self.engines.commit(self.now);
            let events = std::mem::take(&mut self.engines.events);
            let compacted = |event: &&Event| matches!(event, Event::Compacted { .. });
            self.compactions += events.iter().filter(compacted).count();
            self.events.extend(events);
            let transmits = std::mem::take(&mut self.engines.transmits);
            if transmits.is_empty() {
                return out;
            }
            for (service, transmit) in transmits {
                let of_registrar = REGISTRAR.parse().unwrap();
                let to_registrar = transmit.destination == Destination::Udp(of_registrar);
                if service == Service::Ddns {
                    self.deliver(Service::Dns, of_registrar, Channel::Udp, &transmit.payload);
                } else if service == Service::Dns && to_registrar {
                    let server = "10.77.0.2:53".parse().unwrap();
                    self.deliver(Service::Ddns, server, Channel::Udp, &transmit.payload);
                } else {
                    out.push((service, transmit.payload));
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now.instant + time;
        let start = self.now;
        while let Some(next) = self.engines.deadline().filter(|next| next.at <= end) {
            self.now.instant = self.now.instant.max(next.at);
            self.engines.tick(self.now);
            self.commit_all();
        }
        self.now.instant = end;
        self.now.wall = start.wall.plus_secs(time.as_secs());
        self.commit_all();
    }

    fn is_published(&self, host: &str) -> bool {
        let owner = name(&format!("{host}.lab.test"));
        let mut zones = self.engines.published();
        zones.any(|zone| zone.rrset(&owner, quorate_dns::RecordType::A).is_some())
    }

    fn serial(&self) -> u32 {
        self.engines
            .published()
            .map(|zone| zone.serial().0)
            .max()
            .unwrap_or_default()
    }
}

fn started(memory: Memory, now: Now) -> Engines<Memory> {
    let records = memory.durable.clone();
    let log = (memory, records);
    Engines::restore(mixed(), log, Seed::new(1), Directory::default(), now).unwrap()
}

fn mixed() -> Setup {
    let config: Config = serde_json::from_value(json!({
        "state_dir": "unused",
        "dhcp": {
            "interface": "eth0",
            "server_id": "10.77.0.2",
            "subnets": [{ "net": "10.77.0.0/24", "pools": ["10.77.0.10-10.77.0.199"] }],
            "classes": [{ "name": "any", "hostname": "m-{mac}" }],
        },
        "dns": {
            "listen": ["10.77.0.2:53"],
            "zones": [{ "name": "lab.test", "primary_ns": "ns" }],
            "update": [{
                "sources": ["10.77.0.0/24"],
                "names": { "subdomain": "lab.test" },
                "types": ["ANY"],
            }],
        },
        "ddns": { "server": "10.77.0.2:53", "forward_zone": "lab.test" },
    }))
    .unwrap();
    let secret = vec![7; crate::setup::OWN_KEY_LEN];
    let keys = Keys {
        ddns: Some(crate::setup::own_key(secret).unwrap()),
        made: true,
        ..Keys::default()
    };
    Setup::new(&config, keys).unwrap()
}

fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

fn name(text: &str) -> Name {
    text::parse_name(text, &Name::root()).unwrap()
}

/// Where the registrar hears replies.
const REGISTRAR: &str = "10.77.0.2:40053";
