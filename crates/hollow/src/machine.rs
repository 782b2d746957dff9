//! One machine: its node, and what a kernel does for it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use quorate_core::{
    Channel, Datagram, Destination, Engine as _, Instant, MacAddr, Now, Output, Seed, Transmit,
};
use quorate_dhcp::client::ClientConfig;
use quorate_fabric::frame::{
    ArpFrame, ArpVerb, TcpFlags, TcpSegment, UdpFrame, arp_frame, tcp_frame, udp_frame,
};
use quorate_node::{Command, Effect, ExitStatus, Node};

use crate::call::Out;
use crate::client::{Client, ClientOutput, Services};
use crate::event::Event;

/// A machine, on or off.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) mac: MacAddr,
    number: usize,
    seed: Seed,
    services: Option<Services>,
    linked: bool,
    /// Counts power-ons.
    lives: u32,
    life: Option<Life>,
}

/// What is gone without power.
#[derive(Debug)]
struct Life {
    node: Node,
    client: Client,
    interface: Option<Interface>,
    neighbours: BTreeMap<Ipv4Addr, MacAddr>,
    /// Frames whose destination is being asked for.
    sought: BTreeMap<Ipv4Addr, Sought>,
}

#[derive(Clone, Debug)]
struct Interface {
    addr: Ipv4Addr,
    prefix_len: u8,
    router: Option<Ipv4Addr>,
    dns: Option<Ipv4Addr>,
}

#[derive(Debug)]
struct Sought {
    frames: Vec<Vec<u8>>,
    tries: u32,
    until: Instant,
}

/// What a machine puts out.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) events: Vec<Event>,
}

impl Machine {
    pub(crate) fn new(mac: MacAddr, number: usize, services: Option<Services>, seed: Seed) -> Self {
        Self {
            mac,
            number,
            seed,
            services,
            linked: true,
            lives: 0,
            life: None,
        }
    }

    pub(crate) const fn is_on(&self) -> bool {
        self.life.is_some()
    }

    pub(crate) fn addr(&self) -> Option<Ipv4Addr> {
        let life = self.life.as_ref()?;
        life.interface.as_ref().map(|interface| interface.addr)
    }

    pub(crate) fn power_on(&mut self, first_retry: Duration, now: Now, out: &mut Outbox) {
        if self.life.is_some() {
            return;
        }
        self.lives += 1;
        let mut dhcp = ClientConfig::new(self.mac);
        dhcp.first_retry = first_retry;
        dhcp.probe = Duration::ZERO;
        let config = quorate_node::Config {
            dhcp,
            previous: None,
            datasource: quorate_node::Datasource::Lease,
        };
        let seed = self.seed.child(&format!("life {}", self.lives));
        let client = seed.child("client").random();
        let mut node = Node::new(config, seed);
        node.command(Command::PowerOn, now);
        self.life = Some(Life {
            node,
            client: Client::new(self.services.as_ref(), self.number, client),
            interface: None,
            neighbours: BTreeMap::new(),
            sought: BTreeMap::new(),
        });
        self.drain_node(now, out);
    }

    /// The power is cut, without a word to the node.
    pub(crate) fn power_off(&mut self) {
        self.life = None;
    }

    pub(crate) fn set_link(&mut self, up: bool) {
        self.linked = up;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let life = self.life.as_ref()?;
        let node = life.node.poll_timeout().map(|deadline| deadline.at);
        let sought = life.sought.values().map(|sought| sought.until).min();
        [node, life.client.poll_timeout(), sought]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Now, out: &mut Outbox) {
        let Some(life) = &mut self.life else { return };
        life.node.handle_timeout(now);
        let mut outputs = Vec::new();
        life.client.handle_timeout(now.instant, &mut outputs);
        self.seek_again(now.instant, out);
        self.handle_client(outputs, now.instant, out);
        self.drain_node(now, out);
    }

    pub(crate) fn handle_arp(&mut self, arp: &ArpFrame, now: Now, out: &mut Outbox) {
        let Some(life) = self.life.as_mut().filter(|_| self.linked) else {
            return;
        };
        let Some(interface) = &life.interface else {
            return;
        };
        if arp.target != interface.addr {
            return;
        }
        match arp.operation {
            ArpVerb::Request => {
                life.neighbours.insert(arp.sender, arp.sender_mac);
                out.frames.push(arp_frame(&arp.reply(self.mac)));
            }
            ArpVerb::Reply => {
                life.neighbours.insert(arp.sender, arp.sender_mac);
                if let Some(sought) = life.sought.remove(&arp.sender) {
                    for mut frame in sought.frames {
                        frame[..6].copy_from_slice(&arp.sender_mac.0);
                        out.frames.push(frame);
                    }
                }
            }
        }
        self.drain_node(now, out);
    }

    pub(crate) fn handle_udp(&mut self, udp: &UdpFrame<'_>, now: Now, out: &mut Outbox) {
        let Some(life) = self.life.as_mut().filter(|_| self.linked) else {
            return;
        };
        if udp.destination.port() == DHCP_CLIENT_PORT {
            let datagram = Datagram {
                source: SocketAddr::V4(udp.source),
                destination: SocketAddr::V4(udp.destination),
                channel: Channel::Udp,
                payload: udp.payload,
            };
            life.node.handle_datagram(datagram, now);
        } else if let Some(interface) = &life.interface
            && udp.source.port() == DNS_PORT
            && interface.addr == *udp.destination.ip()
            && interface.dns == Some(*udp.source.ip())
        {
            let mut outputs = Vec::new();
            let port = udp.destination.port();
            let addr = interface.addr;
            life.client
                .handle_answer(addr, port, udp.payload, now.instant, &mut outputs);
            self.handle_client(outputs, now.instant, out);
        }
        self.drain_node(now, out);
    }

    pub(crate) fn handle_tcp(&mut self, segment: &TcpSegment<'_>, now: Now, out: &mut Outbox) {
        let Some(life) = self.life.as_mut().filter(|_| self.linked) else {
            return;
        };
        let ours = life
            .interface
            .as_ref()
            .is_some_and(|interface| interface.addr == *segment.destination.ip());
        if !ours {
            return;
        }
        let mut outputs = Vec::new();
        let handled = life
            .client
            .handle_segment(segment, now.instant, &mut outputs);
        self.handle_client(outputs, now.instant, out);
        // RFC 9293 §3.10.7.1: no connection, so it is reset, unless it is a reset itself.
        if !handled && !segment.flags.rst && (segment.flags.syn || !segment.payload.is_empty()) {
            let length = u32::try_from(segment.payload.len()).unwrap_or(0);
            let counted = length.wrapping_add(u32::from(segment.flags.syn));
            let reset = Out {
                local: segment.destination,
                peer: segment.source,
                sequence: segment.acknowledged.unwrap_or(0),
                acknowledged: Some(segment.sequence.wrapping_add(counted)),
                flags: TcpFlags {
                    rst: true,
                    ..TcpFlags::default()
                },
                payload: &[],
            };
            self.handle_client(vec![ClientOutput::Segment(reset)], now.instant, out);
        }
        self.drain_node(now, out);
    }

    /// Carries out what the node asks for until it is quiet.
    fn drain_node(&mut self, now: Now, out: &mut Outbox) {
        while let Some(life) = &mut self.life {
            match life.node.poll() {
                Some(Output::Transmit(transmit)) => self.send_dhcp(&transmit, now.instant, out),
                Some(Output::Effect(effect)) => self.carry_out(effect, now, out),
                Some(Output::Event(event)) => out.events.push(Event::Node {
                    machine: self.number,
                    event,
                }),
                Some(Output::Write { write, .. }) => match write {},
                None => break,
            }
        }
    }

    fn carry_out(&mut self, effect: Effect, now: Now, out: &mut Outbox) {
        let Some(life) = &mut self.life else { return };
        match effect {
            Effect::Configure {
                addr,
                prefix_len,
                routers,
                dns,
            } => {
                let mac = self.mac;
                out.events.push(Event::Addressed { addr, mac });
                life.interface = Some(Interface {
                    addr,
                    prefix_len,
                    router: routers.first().copied(),
                    dns: dns.first().copied(),
                });
                // RFC 5227 §2.3, as the agent does.
                let announcement = ArpFrame::request(mac, addr, addr);
                if self.linked {
                    out.frames.push(arp_frame(&announcement));
                }
                life.node.command(Command::InterfaceConfigured, now);
                let mut outputs = Vec::new();
                life.client.begin(now.instant, &mut outputs);
                self.handle_client(outputs, now.instant, out);
            }
            Effect::Deconfigure => life.interface = None,
            Effect::FetchSeed { url } => {
                let outcome = Err("a hollow machine fetches no seed".to_owned());
                life.node
                    .command(Command::SeedFetched { url, outcome }, now);
            }
            Effect::InstallFile { path, .. } => {
                let outcome = Err("a hollow machine has no disk".to_owned());
                let done = Command::FileInstalled { path, outcome };
                life.node.command(done, now);
            }
            Effect::StartUnit { unit, .. } => {
                let why = "a hollow machine runs no program".to_owned();
                let status = ExitStatus::NotStarted { why };
                life.node.command(Command::UnitExited { unit, status }, now);
            }
            // No other machine is asked whether it uses the address: silence means that none does.
            Effect::Probe { .. } | Effect::EndProbe => {}
            // A hollow machine has no use for a name, and none of its units ever runs.
            Effect::SetHostname { .. } | Effect::StopUnit { .. } => {}
        }
    }

    fn handle_client(&mut self, outputs: Vec<ClientOutput>, now: Instant, out: &mut Outbox) {
        for output in outputs {
            match output {
                ClientOutput::Query {
                    local_port,
                    payload,
                } => {
                    let life = self.life.as_ref();
                    let interface = life.and_then(|life| life.interface.clone());
                    if let Some(interface) = interface
                        && let Some(server) = interface.dns
                    {
                        let from = SocketAddrV4::new(interface.addr, local_port);
                        let to = SocketAddrV4::new(server, DNS_PORT);
                        let frame = udp_frame(self.mac, UNKNOWN_MAC, from, to, &payload);
                        self.route(server, frame, now, out);
                    }
                }
                ClientOutput::Segment(segment) => {
                    let peer = *segment.peer.ip();
                    let frame = tcp_frame(
                        (self.mac, UNKNOWN_MAC),
                        &TcpSegment {
                            source: segment.local,
                            destination: segment.peer,
                            sequence: segment.sequence,
                            acknowledged: segment.acknowledged,
                            flags: segment.flags,
                            payload: segment.payload,
                        },
                    );
                    self.route(peer, frame, now, out);
                }
                ClientOutput::Reached { host, peer } => out.events.push(Event::Reached {
                    machine: self.number,
                    host,
                    peer,
                }),
            }
        }
    }

    fn send_dhcp(&mut self, transmit: &Transmit, now: Instant, out: &mut Outbox) {
        let addr = self.addr();
        let routed = matches!(transmit.destination, Destination::Udp(_));
        // A broadcast of a client that has no lease comes from nowhere (RFC 2131 §4.1).
        let source = match transmit.source.ip() {
            IpAddr::V4(ip) if !ip.is_unspecified() => ip,
            IpAddr::V4(_) | IpAddr::V6(_) => {
                addr.filter(|_| routed).unwrap_or(Ipv4Addr::UNSPECIFIED)
            }
        };
        let from = SocketAddrV4::new(source, DHCP_CLIENT_PORT);
        let frame = |mac, to| udp_frame(self.mac, mac, from, to, &transmit.payload);
        match transmit.destination {
            Destination::Broadcast { port } => {
                let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, port);
                if self.linked {
                    out.frames.push(frame(MacAddr::BROADCAST, to));
                }
            }
            Destination::Link { mac, addr, port } => {
                if self.linked {
                    out.frames.push(frame(mac, SocketAddrV4::new(addr, port)));
                }
            }
            Destination::Udp(SocketAddr::V4(to)) => {
                let frame = frame(UNKNOWN_MAC, to);
                self.route(*to.ip(), frame, now, out);
            }
            Destination::Udp(SocketAddr::V6(_)) | Destination::Stream(_) => {}
        }
    }

    /// Sends a frame on its way to `to`, whose hardware address may have to be asked for.
    fn route(&mut self, to: Ipv4Addr, mut frame: Vec<u8>, now: Instant, out: &mut Outbox) {
        let Some(life) = self.life.as_mut().filter(|_| self.linked) else {
            return;
        };
        let Some(interface) = &life.interface else {
            return;
        };
        let host_bits = u32::MAX
            .checked_shr(interface.prefix_len.into())
            .unwrap_or(0);
        let near = (to.to_bits() | host_bits) == (interface.addr.to_bits() | host_bits);
        let Some(hop) = Some(to).filter(|_| near).or(interface.router) else {
            return;
        };
        if let Some(mac) = life.neighbours.get(&hop) {
            frame[..6].copy_from_slice(&mac.0);
            return out.frames.push(frame);
        }
        let sought = life.sought.entry(hop).or_insert_with(|| {
            let request = ArpFrame::request(self.mac, interface.addr, hop);
            out.frames.push(arp_frame(&request));
            Sought {
                frames: Vec::new(),
                tries: 1,
                until: now + ARP_RETRY,
            }
        });
        if sought.frames.len() < SOUGHT_FRAMES_MAX {
            sought.frames.push(frame);
        }
    }

    fn seek_again(&mut self, now: Instant, out: &mut Outbox) {
        let Some(life) = &mut self.life else { return };
        let Some(interface) = &life.interface else {
            life.sought.clear();
            return;
        };
        let (mac, addr, linked) = (self.mac, interface.addr, self.linked);
        life.sought.retain(|hop, sought| {
            if sought.until > now {
                return true;
            }
            if sought.tries == ARP_TRIES {
                return false;
            }
            sought.tries += 1;
            sought.until = now + ARP_RETRY;
            if linked {
                out.frames
                    .push(arp_frame(&ArpFrame::request(mac, addr, *hop)));
            }
            true
        });
    }
}

/// A destination that is not known yet.
const UNKNOWN_MAC: MacAddr = MacAddr([0; 6]);
/// As Linux does it: three questions, a second apart; three frames wait meanwhile.
const ARP_RETRY: Duration = Duration::from_secs(1);
const ARP_TRIES: u32 = 3;
const SOUGHT_FRAMES_MAX: usize = 3;
const DHCP_CLIENT_PORT: u16 = 68;
const DNS_PORT: u16 = 53;
