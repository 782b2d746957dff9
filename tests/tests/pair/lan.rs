//! The two machines, the switch between them, and the transcript of what they send.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use quorate_core::laws::WALL_EPOCH;
use quorate_core::{
    Channel, Datagram, Destination, Engine as _, Instant, MacAddr, Now, Output, Seed, Ticket,
    Transmit,
};
use quorate_dhcp::client::{Client, ClientConfig, Command, Effect, Event};
use quorate_dhcp::server::{RawServerConfig, RawSubnet, Server, ServerConfig};
use quorate_dhcp::wire::{Message, code};
use quorate_dhcp::{CLIENT_PORT, SERVER_PORT};
use quorate_fabric::frame::{UdpFrame, parse_udp, udp_frame};
use quorate_fabric::switch::Direction;
use quorate_fabric::{DropReason, Faults, Passage, PortId, Rule, Switch};

const CLIENT_MAC: MacAddr = MacAddr([2, 0, 0x5e, 0x10, 0, 1]);
const SERVER_MAC: MacAddr = MacAddr([2, 0, 0x5e, 0x10, 0, 0xfe]);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// T1 is 200 s, T2 350 s.
const LEASE_SECS: u32 = 400;
/// From the switch to a machine.
const LINK_DELAY: Duration = Duration::from_millis(1);
/// From a write to its sync.
const DISK_DELAY: Duration = Duration::from_millis(5);

/// One of the two machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Client,
    Server,
}

pub(crate) struct Lan {
    pub(crate) switch: Switch,
    ports: BTreeMap<Side, PortId>,
    client: Client,
    pub(crate) server: Server,
    /// What each side learned from the frames it took, as an ARP cache does.
    neighbours: BTreeMap<(Side, Ipv4Addr), MacAddr>,
    syncs: Vec<(Instant, Ticket)>,
    instant: Instant,
    pub(crate) transcript: String,
}

impl Lan {
    pub(crate) fn new(seed: Seed) -> Self {
        let mut subnet = RawSubnet::new(
            "10.77.0.0/24".parse().expect("a subnet"),
            "10.77.0.10-10.77.0.200".parse().expect("a range"),
        );
        subnet.lease_secs = LEASE_SECS;
        let config = ServerConfig::validate(RawServerConfig::new(SERVER, subnet));
        let mut switch = Switch::new(seed.child("switch"));
        let ports = [Side::Client, Side::Server].map(|side| (side, switch.add_port()));
        let mut lan = Self {
            switch,
            ports: ports.into(),
            client: Client::new(ClientConfig::new(CLIENT_MAC), seed),
            server: Server::new(config.expect("a valid configuration"), seed),
            neighbours: BTreeMap::new(),
            syncs: Vec::new(),
            instant: Instant::ZERO,
            transcript: String::new(),
        };
        lan.set_faults(Faults::default());
        lan
    }

    /// Faults strike on the way out of the switch, so that a sender's line can show them.
    pub(crate) fn set_faults(&mut self, faults: Faults) {
        let delay = LINK_DELAY;
        for port in self.ports.values() {
            let faults = Faults { delay, ..faults };
            self.switch.set_faults(*port, Direction::FromSwitch, faults);
        }
    }

    pub(crate) fn cut(&mut self) {
        let [client, server] = [Side::Client, Side::Server].map(|side| self.ports[&side]);
        self.switch.add_rule(Rule::partition([client], [server]));
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.client.command(command, self.now());
        self.drain();
    }

    /// Lets everything happen that is due until `secs`.
    pub(crate) fn run_until(&mut self, secs: u64) {
        let end = Instant::ZERO + Duration::from_secs(secs);
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.instant = at;
            self.step();
        }
        self.instant = end;
    }

    fn next(&self) -> Option<Instant> {
        let deadlines = [
            self.client.poll_timeout(),
            self.server.poll_timeout(),
            self.switch.poll_timeout(),
        ];
        let deadlines = deadlines.into_iter().flatten().map(|deadline| deadline.at);
        let syncs = self.syncs.iter().map(|(at, _)| *at);
        let next = deadlines.chain(syncs).min();
        next.inspect(|at| assert!(*at >= self.instant, "a deadline was not met"))
    }

    fn step(&mut self) {
        let now = self.now();
        for (_, ticket) in self.syncs.extract_if(.., |(at, _)| *at <= now.instant) {
            self.server.handle_written(ticket, now);
        }
        self.switch.handle_timeout(now.instant);
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
        self.drain();
    }

    fn now(&self) -> Now {
        let secs = self.instant.as_nanos() / 1_000_000_000;
        Now::new(self.instant, WALL_EPOCH.plus_secs(secs))
    }

    fn drain(&mut self) {
        loop {
            if let Some(output) = self.client.poll() {
                match output {
                    Output::Transmit(transmit) => self.send(Side::Client, &transmit),
                    // The address has no other user here.
                    Output::Effect(Effect::Probe { .. }) => {}
                    Output::Event(event) => self.note_event(&event),
                    Output::Write { .. } => unreachable!("a client writes nothing"),
                }
            } else if let Some(output) = self.server.poll() {
                match output {
                    Output::Transmit(transmit) => self.send(Side::Server, &transmit),
                    Output::Effect(effect) => match effect {},
                    Output::Event(_) => {}
                    Output::Write { ticket, .. } => {
                        self.syncs.push((self.instant + DISK_DELAY, ticket));
                    }
                }
            } else if let Some((port, frame)) = self.switch.poll() {
                let side = self.ports.iter().find(|(_, its)| **its == port);
                let (side, _) = side.expect("every port has a machine");
                self.receive(*side, &frame);
            } else {
                return;
            }
        }
    }

    /// Makes a frame of what an engine wants sent.
    fn send(&mut self, from: Side, transmit: &Transmit) {
        let source = match transmit.source {
            SocketAddr::V4(source) => source,
            SocketAddr::V6(source) => panic!("DHCPv4 from {source}"),
        };
        let (mac, destination) = match transmit.destination {
            Destination::Broadcast { port } => (
                MacAddr::BROADCAST,
                SocketAddrV4::new(Ipv4Addr::BROADCAST, port),
            ),
            Destination::Link { mac, addr, port } => (mac, SocketAddrV4::new(addr, port)),
            Destination::Udp(SocketAddr::V4(to)) => {
                let mac = self.neighbours.get(&(from, *to.ip()));
                (*mac.expect("unicast goes to a neighbour"), to)
            }
            Destination::Udp(SocketAddr::V6(_)) | Destination::Stream(_) => {
                unreachable!("DHCPv4 has neither")
            }
        };
        let frame = udp_frame(from.mac(), mac, source, destination, &transmit.payload);
        let corrupted = self.switch.counters().corrupted;
        let mut passage = Passage::default();
        let port = self.ports[&from];
        self.switch
            .pass_frame(port, &frame, self.instant, &mut passage);
        assert!(passage.ports.is_empty(), "every link has a delay");
        let mut fate = String::new();
        for (_, reason) in &passage.drops {
            let reason = match reason {
                DropReason::Rule(_) => "cut off",
                DropReason::Lost => "lost",
                DropReason::Malformed
                | DropReason::LinkDown
                | DropReason::QueueFull
                | DropReason::Overflow => panic!("nobody asked for {reason:?}"),
            };
            write!(fate, " ✗ {reason}").expect("a String takes every write");
        }
        if self.switch.counters().corrupted > corrupted {
            fate.push_str(" ✗ one bit flips");
        }
        let sent = parse_udp(&frame).expect("what was built can be read");
        self.note(&format!("{}{fate}", line(&sent)));
    }

    /// What the network stack of a machine does with a frame: everything that is not for this
    /// machine, or damaged, ends here.
    fn receive(&mut self, side: Side, frame: &[u8]) {
        let Some(udp) = parse_udp(frame) else {
            return self.note(&format!("  {side:?} takes no damaged frame"));
        };
        let is_ours =
            udp.destination_mac == side.mac() || udp.destination_mac == MacAddr::BROADCAST;
        let addr = *udp.destination.ip();
        // A client without an address reads its port raw, whatever the address (RFC 2131 §4.1).
        let is_for_us = addr.is_broadcast() || self.addr(side).is_none_or(|own| own == addr);
        if !is_ours || !is_for_us || udp.destination.port() != side.port() {
            return;
        }
        if !udp.source.ip().is_unspecified() {
            self.neighbours
                .insert((side, *udp.source.ip()), udp.source_mac);
        }
        let now = self.now();
        let datagram = Datagram {
            source: udp.source.into(),
            destination: udp.destination.into(),
            channel: Channel::Udp,
            payload: udp.payload,
        };
        match side {
            Side::Client => self.client.handle_datagram(datagram, now),
            Side::Server => self.server.handle_datagram(datagram, now),
        }
    }

    pub(crate) fn addr(&self, side: Side) -> Option<Ipv4Addr> {
        match side {
            Side::Client => Some(self.client.configuration()?.addr),
            Side::Server => Some(SERVER),
        }
    }

    fn note_event(&mut self, event: &Event) {
        match event {
            Event::Configured(c) => self.note(&format!("  uses {}/{}", c.addr, c.prefix_len)),
            Event::Renewed(c) => self.note(&format!("  keeps {}", c.addr)),
            Event::Lost { reason } => self.note(&format!("  loses its address: {reason}")),
            Event::Dropped { reason, .. } => self.note(&format!("  ignores a reply: {reason}")),
            Event::Sent { .. } | Event::Declined { .. } => {}
        }
    }

    fn note(&mut self, what: &str) {
        let secs = self.instant.as_nanos() as f64 / 1e9;
        writeln!(self.transcript, "{secs:7.3} {what}").expect("a String takes every write");
    }
}

impl Side {
    fn mac(self) -> MacAddr {
        match self {
            Self::Client => CLIENT_MAC,
            Self::Server => SERVER_MAC,
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Client => CLIENT_PORT,
            Self::Server => SERVER_PORT,
        }
    }
}

/// One message as it lies in its frame; MACs by their last two octets.
fn line(udp: &UdpFrame<'_>) -> String {
    let message = Message::decode(udp.payload).expect("engines send what can be read");
    let mac = |mac: MacAddr| mac.to_string()[12..].to_owned();
    let mut line = format!(
        "{} → {} {:13} → {:18} {:8}",
        mac(udp.source_mac),
        mac(udp.destination_mac),
        udp.source.to_string(),
        udp.destination.to_string(),
        message.kind,
    );
    let options = &message.options;
    let addrs = [
        ("ciaddr", Some(message.ciaddr)),
        ("yiaddr", Some(message.yiaddr)),
        ("50", options.addr(code::REQUESTED_ADDR)),
        ("54", options.addr(code::SERVER_ID)),
    ];
    for (name, addr) in addrs {
        if let Some(addr) = addr.filter(|addr| !addr.is_unspecified()) {
            write!(line, " {name}={addr}").expect("a String takes every write");
        }
    }
    for (name, code) in [
        ("51", code::LEASE_SECS),
        ("58", code::T1_SECS),
        ("59", code::T2_SECS),
    ] {
        if let Some(secs) = options.u32(code) {
            write!(line, " {name}={secs}").expect("a String takes every write");
        }
    }
    line
}
