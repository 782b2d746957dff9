//! A row against servers on the other side of its port: the real engines of DHCP and DNS, a
//! kernel that answers ARP, and one member that speaks TCP.

use std::net::{SocketAddr, SocketAddrV4};

use proptest::prelude::*;
use quorate_core::{Channel, Datagram, Destination, Engine as _, Output, Wall};
use quorate_dhcp::server::{RawServerConfig, RawSubnet, Server, ServerConfig};
use quorate_dns::{Authority, RawConfig, RawZone};
use quorate_fabric::frame::{
    ArpFrame, ArpVerb, TcpFlags, TcpSegment, arp_frame, parse_tcp, tcp_frame, udp_frame,
};

use super::*;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const SERVER_MAC: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);

fn mac(number: u8) -> MacAddr {
    MacAddr([2, 9, 0, 0, 0, number])
}

/// Both sides of the port.
struct Bench {
    row: Row,
    dhcp: Server,
    dns: Authority,
    now: Instant,
    /// What has left the row.
    frames: Vec<Vec<u8>>,
    events: Vec<Event>,
    member: Member,
}

/// What the member's kernel does with a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Member {
    Serves,
    Refuses,
    Silent,
}

impl Bench {
    fn new(machines: u8) -> Self {
        let mut subnet = RawSubnet::new(
            "10.0.0.0/24".parse().unwrap(),
            "10.0.0.10-10.0.0.250".parse().unwrap(),
        );
        subnet.dns = vec![SERVER];
        let dhcp = ServerConfig::validate(RawServerConfig::new(SERVER, subnet)).unwrap();
        let zone = RawZone {
            name: "lab".into(),
            bootstrap: true,
            default_ttl_secs: None,
            primary_ns: "ns".into(),
            records: vec![
                "_etcd-client._tcp 60 IN SRV 0 0 2379 n1.lab.".into(),
                format!("n1 60 IN A {SERVER}"),
            ],
        };
        let dns = RawConfig {
            zones: vec![zone],
            ..RawConfig::default()
        };
        let mut row = Row::new(Seed::new(1), Duration::from_secs(1));
        for number in 0..machines {
            let owner = "_etcd-client._tcp.lab".to_owned();
            row.add(mac(number), Some(Services { owner }));
        }
        Self {
            row,
            dhcp: Server::new(dhcp, Seed::new(2)),
            dns: Authority::new(quorate_dns::Config::new(&dns, Vec::new()).unwrap()),
            now: Instant::ZERO,
            frames: Vec::new(),
            events: Vec::new(),
            member: Member::Serves,
        }
    }

    fn clocks(&self) -> Now {
        Now::new(self.now, Wall::from_unix_secs(1_767_225_600))
    }

    fn power_on_all(&mut self) {
        for machine in 0..self.row.len() {
            self.row.power_on(machine, self.clocks());
        }
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            while let Some(event) = self.row.poll_event() {
                self.events.push(event);
            }
            let Some(frame) = self.row.poll_frame() else {
                return;
            };
            self.frames.push(frame.clone());
            for answer in self.answers(&frame) {
                self.row.handle_frame(&answer, self.clocks());
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(deadline) = self.row.poll_timeout()
            && deadline.at <= until
        {
            self.now = deadline.at;
            self.row.handle_timeout(self.clocks());
            self.drain();
        }
        self.now = until;
    }

    fn answers(&mut self, frame: &[u8]) -> Vec<Vec<u8>> {
        if let Some(arp) = parse_arp(frame) {
            let asked = arp.operation == ArpVerb::Request && arp.target == SERVER;
            return Vec::from_iter(asked.then(|| arp_frame(&arp.reply(SERVER_MAC))));
        }
        if let Some(segment) = parse_tcp(frame) {
            let (client, _) = addresses(frame).unwrap();
            return Vec::from_iter(self.member_answers(client, &segment));
        }
        let udp = parse_udp(frame).unwrap();
        let datagram = Datagram {
            source: SocketAddr::V4(udp.source),
            destination: SocketAddr::V4(udp.destination),
            channel: Channel::Udp,
            payload: udp.payload,
        };
        let now = self.clocks();
        let mut transmits = Vec::new();
        if udp.destination.port() == 53 {
            self.dns.handle_datagram(datagram, now);
            while let Some(output) = self.dns.poll() {
                if let Output::Transmit(transmit) = output {
                    transmits.push(transmit);
                }
            }
        } else {
            self.dhcp.handle_datagram(datagram, now);
            while let Some(output) = self.dhcp.poll() {
                match output {
                    Output::Transmit(transmit) => transmits.push(transmit),
                    Output::Write { ticket, .. } => self.dhcp.handle_written(ticket, now),
                    Output::Effect(effect) => match effect {},
                    Output::Event(_) => {}
                }
            }
        }
        let from = SocketAddrV4::new(SERVER, udp.destination.port());
        transmits
            .iter()
            .map(|transmit| {
                let (mac, to) = match transmit.destination {
                    Destination::Udp(SocketAddr::V4(to)) => (udp.source_mac, to),
                    Destination::Link { mac, addr, port } => (mac, SocketAddrV4::new(addr, port)),
                    Destination::Broadcast { port } => (
                        MacAddr::BROADCAST,
                        SocketAddrV4::new(Ipv4Addr::BROADCAST, port),
                    ),
                    other @ (Destination::Udp(SocketAddr::V6(_)) | Destination::Stream(_)) => {
                        panic!("{other:?}")
                    }
                };
                udp_frame(SERVER_MAC, mac, from, to, &transmit.payload)
            })
            .collect()
    }

    fn member_answers(&self, client: MacAddr, segment: &TcpSegment<'_>) -> Option<Vec<u8>> {
        let counted = u32::try_from(segment.payload.len()).unwrap()
            + u32::from(segment.flags.syn)
            + u32::from(segment.flags.fin);
        let mut answer = TcpSegment {
            source: segment.destination,
            destination: segment.source,
            sequence: segment.acknowledged.unwrap_or(7_000),
            acknowledged: Some(segment.sequence.wrapping_add(counted)),
            flags: TcpFlags::default(),
            payload: &[],
        };
        match self.member {
            Member::Silent => return None,
            Member::Refuses => answer.flags.rst = true,
            Member::Serves if segment.flags.syn => answer.flags.syn = true,
            Member::Serves if segment.payload.starts_with(b"GET /version ") => {
                answer.payload = b"HTTP/1.1 200 OK\r\n\r\n{}";
            }
            Member::Serves => return None,
        }
        Some(tcp_frame((SERVER_MAC, client), &answer))
    }

    fn addresses(&self) -> Vec<Ipv4Addr> {
        let addressed = |event: &Event| match event {
            Event::Addressed { addr, .. } => Some(*addr),
            Event::Node { .. } | Event::Reached { .. } => None,
        };
        self.events.iter().filter_map(addressed).collect()
    }

    fn reached(&self) -> usize {
        let reached = |event: &&Event| matches!(event, Event::Reached { .. });
        self.events.iter().filter(reached).count()
    }
}

#[test]
fn every_machine_leases_an_address_of_its_own_and_reaches_the_cluster() {
    let mut bench = Bench::new(200);
    bench.power_on_all();
    bench.pass(Duration::from_secs(2));
    let mut addresses = bench.addresses();
    assert_eq!(addresses.len(), 200);
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), 200);
    assert_eq!(bench.reached(), 200);
    // Again and again.
    bench.pass(Duration::from_secs(30));
    assert!(bench.reached() >= 400, "{}", bench.reached());
}

/// n machines that ask at once cost the row no n² frames.
#[test]
fn what_is_broadcast_concerns_one_machine() {
    let mut bench = Bench::new(100);
    bench.power_on_all();
    bench.pass(Duration::from_secs(2));
    // DISCOVER, REQUEST, announcement, a question of ARP, two of DNS, three segments.
    assert_eq!(bench.frames.len(), 100 * 9);
    let target = bench.addresses()[7];
    let request = ArpFrame::request(SERVER_MAC, SERVER, target);
    let before = bench.frames.len();
    bench.row.handle_frame(&arp_frame(&request), bench.clocks());
    bench.drain();
    let replies = &bench.frames[before..];
    assert_eq!(replies.len(), 1);
    let reply = parse_arp(&replies[0]).unwrap();
    assert_eq!((reply.operation, reply.sender), (ArpVerb::Reply, target));
}

#[test]
fn a_member_that_refuses_or_is_silent_is_asked_again() {
    for member in [Member::Refuses, Member::Silent] {
        let mut bench = Bench::new(3);
        bench.member = member;
        bench.power_on_all();
        bench.pass(Duration::from_secs(20));
        assert_eq!(bench.reached(), 0);
        bench.member = Member::Serves;
        bench.pass(Duration::from_secs(20));
        assert!(bench.reached() >= 3);
    }
}

#[test]
fn a_machine_without_a_cable_or_without_power_says_nothing() {
    let mut bench = Bench::new(2);
    bench.power_on_all();
    bench.row.set_link(0, false);
    bench.row.power_off(1);
    bench.frames.clear();
    bench.pass(Duration::from_secs(60));
    assert_eq!(bench.frames, Vec::<Vec<u8>>::new());
    let before = bench.reached();
    bench.row.set_link(0, true);
    bench.row.power_on(1, bench.clocks());
    bench.drain();
    bench.pass(Duration::from_secs(60));
    assert!(bench.reached() > before);
    let addresses = bench.addresses();
    assert_eq!(addresses.last(), addresses.get(1), "its lease is its own");
}

#[test]
fn a_machine_that_hangs_does_nothing_and_then_what_it_should_have_done() {
    let mut bench = Bench::new(2);
    bench.power_on_all();
    bench.pass(Duration::from_secs(2));
    let addr = bench.addresses()[0];
    bench.row.freeze(0);
    bench.row.power_off(1);
    bench.frames.clear();
    bench.pass(Duration::from_secs(60));
    let request = ArpFrame::request(SERVER_MAC, SERVER, addr);
    bench.row.handle_frame(&arp_frame(&request), bench.clocks());
    bench.drain();
    assert_eq!(bench.frames, Vec::<Vec<u8>>::new());
    let before = bench.reached();
    bench.row.thaw(0, bench.clocks());
    bench.drain();
    let reply = parse_arp(&bench.frames[0]).unwrap();
    assert_eq!((reply.operation, reply.sender), (ArpVerb::Reply, addr));
    bench.pass(Duration::ZERO);
    assert!(bench.reached() > before, "it was due long ago");
    // Power ends it, and begins anew.
    bench.row.freeze(0);
    bench.row.power_off(0);
    bench.row.power_on(0, bench.clocks());
    bench.row.freeze(1);
    bench.drain();
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.addresses().last(), Some(&addr));
}

/// A segment of no connection is reset, as every kernel does it.
#[test]
fn who_connects_to_a_machine_is_refused() {
    let mut bench = Bench::new(1);
    bench.power_on_all();
    bench.pass(Duration::from_secs(2));
    let segment = TcpSegment {
        source: SocketAddrV4::new(SERVER, 4_000),
        destination: SocketAddrV4::new(bench.addresses()[0], 22),
        sequence: 100,
        acknowledged: None,
        flags: TcpFlags {
            syn: true,
            ..TcpFlags::default()
        },
        payload: &[],
    };
    bench.frames.clear();
    let frame = tcp_frame((SERVER_MAC, mac(0)), &segment);
    bench.row.handle_frame(&frame, bench.clocks());
    bench.drain();
    let reset = parse_tcp(&bench.frames[0]).unwrap();
    assert!(reset.flags.rst);
    assert_eq!(reset.acknowledged, Some(101));
}

proptest! {
    /// Whatever arrives: nothing fails, and the drain ends.
    #[test]
    fn no_frame_is_too_strange(
        frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..120), 0..20),
        flips in proptest::collection::vec((0usize..64, any::<u8>()), 0..20),
    ) {
        let mut bench = Bench::new(2);
        bench.power_on_all();
        let genuine: Vec<Vec<u8>> = bench.frames.clone();
        let broken = flips.into_iter().filter_map(|(at, with)| {
            let mut frame = genuine.get(at % genuine.len())?.clone();
            let index = at * 7 % frame.len();
            frame[index] ^= with;
            frame[..6].copy_from_slice(&mac(0).0);
            Some(frame)
        });
        for frame in frames.into_iter().chain(broken) {
            bench.row.handle_frame(&frame, bench.clocks());
            bench.drain();
        }
        bench.pass(Duration::from_secs(5));
    }
}
