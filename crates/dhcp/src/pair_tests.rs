//! A client and a server on one link, in memory, with a transcript.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::laws::WALL_EPOCH;
use quorate_core::{
    Channel, Datagram, Deadline, Destination, Engine, Instant, MacAddr, Now, Output, Seed, Transmit,
};

use crate::client::{self, Client, ClientConfig};
use crate::server::{self, RawServerConfig, RawSubnet, Server, ServerConfig};
use crate::wire::Message;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// One way.
const LINK_DELAY: Duration = Duration::from_millis(1);
/// From a write to its sync.
const DISK_DELAY: Duration = Duration::from_millis(5);

/// Both engines, what is under way between them, and what was seen.
struct Link {
    client: Client,
    server: Server,
    instant: Instant,
    /// To the client or (false) to the server.
    in_flight: Vec<(Instant, bool, Transmit)>,
    syncs: Vec<(Instant, quorate_core::Ticket)>,
    /// The server hears unicast, broadcast.
    server_hears: (bool, bool),
    transcript: String,
}

impl Link {
    fn new(lease_secs: u32) -> Self {
        let mut subnet = RawSubnet::new(
            "10.77.0.0/24".parse().unwrap(),
            "10.77.0.10-10.77.0.200".parse().unwrap(),
        );
        subnet.lease_secs = lease_secs;
        let config = ServerConfig::validate(RawServerConfig::new(SERVER, subnet)).unwrap();
        let mut client = ClientConfig::new(MacAddr([2, 0, 0x5e, 0x10, 0, 1]));
        client.probe = Duration::from_millis(200);
        Self {
            client: Client::new(client, Seed::new(1)),
            server: Server::new(config, Seed::new(1)),
            instant: Instant::ZERO,
            in_flight: Vec::new(),
            syncs: Vec::new(),
            server_hears: (true, true),
            transcript: String::new(),
        }
    }

    fn now(&self) -> Now {
        let secs = self.instant.as_nanos() / 1_000_000_000;
        Now::new(self.instant, WALL_EPOCH.plus_secs(secs))
    }

    fn command(&mut self, command: client::Command) {
        self.client.command(command, self.now());
        self.drain();
    }

    /// Lets everything happen that is due until `secs`.
    fn run_until(&mut self, secs: u64) {
        let end = Instant::ZERO + Duration::from_secs(secs);
        while let Some(at) = self.next().filter(|at| *at <= end) {
            self.instant = at.max(self.instant);
            self.step();
        }
        self.instant = end;
    }

    fn next(&self) -> Option<Instant> {
        let deadlines = Deadline::earliest(self.client.poll_timeout(), self.server.poll_timeout());
        let in_flight = self.in_flight.iter().map(|(at, _, _)| *at);
        let syncs = self.syncs.iter().map(|(at, _)| *at);
        in_flight
            .chain(syncs)
            .chain(deadlines.map(|deadline| deadline.at))
            .min()
    }

    fn step(&mut self) {
        let (instant, now) = (self.instant, self.now());
        let is_due = |at: &Instant| *at <= instant;
        for (_, ticket) in self.syncs.extract_if(.., |(at, _)| is_due(at)) {
            self.server.handle_written(ticket, now);
        }
        let arrived: Vec<_> = self
            .in_flight
            .extract_if(.., |(at, _, _)| is_due(at))
            .collect();
        for (_, to_client, transmit) in arrived {
            self.deliver(to_client, &transmit);
        }
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
        self.drain();
    }

    fn deliver(&mut self, to_client: bool, transmit: &Transmit) {
        let destination = match transmit.destination {
            Destination::Udp(to) => to,
            Destination::Broadcast { port } => SocketAddr::from((Ipv4Addr::BROADCAST, port)),
            Destination::Link { addr, port, .. } => SocketAddr::from((addr, port)),
            Destination::Stream(_) => unreachable!("DHCP has no streams"),
        };
        let (unicast, broadcast) = self.server_hears;
        let datagram = Datagram {
            source: transmit.source,
            destination,
            channel: Channel::Udp,
            payload: &transmit.payload,
        };
        let is_broadcast = destination.ip() == Ipv4Addr::BROADCAST;
        if to_client {
            self.client.handle_datagram(datagram, self.now());
        } else if if is_broadcast { broadcast } else { unicast } {
            self.server.handle_datagram(datagram, self.now());
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.client.poll() {
            match output {
                Output::Transmit(transmit) => self.put_on_wire(false, transmit),
                Output::Effect(client::Effect::Probe { addr }) => {
                    self.note("client", &format!("probes {addr}"));
                }
                Output::Event(client::Event::Sent { .. }) => {}
                Output::Event(event) => self.note("client", &client_event(&event)),
                Output::Write { .. } => unreachable!("a client writes nothing"),
            }
        }
        while let Some(output) = self.server.poll() {
            match output {
                Output::Transmit(transmit) => self.put_on_wire(true, transmit),
                Output::Effect(effect) => match effect {},
                Output::Event(server::Event::Offered { .. }) => {}
                Output::Event(event) => self.note("server", &server_event(&event)),
                Output::Write { ticket, write } => {
                    let line = match write {
                        server::ServerRecord::Lease(record) => {
                            format!("{:?} {}", record.state, record.lease.addr)
                        }
                        server::ServerRecord::ClockSet { secs } => format!("clock {secs}"),
                    };
                    self.note("disk", &line);
                    self.syncs.push((self.instant + DISK_DELAY, ticket));
                }
            }
        }
    }

    fn put_on_wire(&mut self, to_client: bool, transmit: Transmit) {
        let message = Message::decode(&transmit.payload).unwrap();
        let to = match transmit.destination {
            Destination::Udp(to) => to.ip().to_string(),
            Destination::Broadcast { .. } => "everyone".to_owned(),
            Destination::Link { addr, .. } => format!("{addr} by link"),
            Destination::Stream(_) => unreachable!("DHCP has no streams"),
        };
        let arrow = if to_client { "◄──" } else { "──►" };
        let line = format!("{arrow} {:8} to {to}", message.kind);
        self.note("wire", &line);
        self.in_flight
            .push((self.instant + LINK_DELAY, to_client, transmit));
    }

    fn note(&mut self, who: &str, what: &str) {
        let secs = self.instant.as_nanos() as f64 / 1e9;
        writeln!(self.transcript, "{secs:8.3} {who:6} {what}").unwrap();
    }
}

fn client_event(event: &client::Event) -> String {
    match event {
        client::Event::Configured(c) => format!("configured {}/{}", c.addr, c.prefix_len),
        client::Event::Renewed(c) => format!("renewed {}", c.addr),
        client::Event::Lost { reason } => format!("lost: {reason}"),
        client::Event::Declined { addr } => format!("declined {addr}"),
        client::Event::Sent { .. } | client::Event::Dropped { .. } => format!("{event:?}"),
    }
}

fn server_event(event: &server::Event) -> String {
    match event {
        server::Event::Leased { lease, kind } => format!("leased {} ({kind:?})", lease.hostname),
        server::Event::Expired { lease } => format!("expired {}", lease.hostname),
        server::Event::Released { lease } => format!("released {}", lease.hostname),
        server::Event::Declined { addr, .. } => format!("declined {addr}"),
        server::Event::Offered { .. }
        | server::Event::Revoked { .. }
        | server::Event::Informed { .. }
        | server::Event::Nak { .. }
        | server::Event::ClockSet { .. }
        | server::Event::ClockDoubted { .. }
        | server::Event::OptionsOmitted { .. }
        | server::Event::NameRefused { .. }
        | server::Event::Dropped { .. } => format!("{event:?}"),
    }
}

#[test]
fn a_lease_from_discover_to_expiry() {
    let mut link = Link::new(100);
    link.command(client::Command::Start { previous: None });
    link.run_until(60);
    // The server stops hearing unicast: T1 passes in vain, T2 rebinds.
    link.server_hears = (false, true);
    link.run_until(150);
    // And then nothing at all.
    link.server_hears = (false, false);
    link.run_until(245);
    insta::assert_snapshot!(link.transcript, @r"
  0.000 wire   ──► DISCOVER to everyone
  0.001 wire   ◄── OFFER    to 10.77.0.10 by link
  0.002 wire   ──► REQUEST  to everyone
  0.003 disk   Bound 10.77.0.10
  0.008 wire   ◄── ACK      to 10.77.0.10 by link
  0.008 server leased ip-10-77-0-10 (New)
  0.009 client probes 10.77.0.10
  0.209 client configured 10.77.0.10/24
 50.002 wire   ──► REQUEST  to 10.77.0.1
 50.003 disk   Bound 10.77.0.10
 50.008 wire   ◄── ACK      to 10.77.0.10
 50.008 server leased ip-10-77-0-10 (Renewed)
 50.009 client renewed 10.77.0.10
100.002 wire   ──► REQUEST  to 10.77.0.1
137.002 wire   ──► REQUEST  to everyone
137.003 disk   Bound 10.77.0.10
137.008 wire   ◄── ACK      to 10.77.0.10
137.008 server leased ip-10-77-0-10 (Rebound)
137.009 client renewed 10.77.0.10
187.002 wire   ──► REQUEST  to 10.77.0.1
224.002 wire   ──► REQUEST  to everyone
237.002 client lost: lease expired
237.002 wire   ──► DISCOVER to everyone
237.003 disk   Expired 10.77.0.10
237.008 server expired ip-10-77-0-10
241.184 wire   ──► DISCOVER to everyone
");
}

#[test]
fn a_conflict_moves_the_client_and_rests_the_address() {
    let mut link = Link::new(100);
    link.command(client::Command::Start { previous: None });
    link.instant = Instant::ZERO;
    while link.client.state_name() != "PROBING" {
        link.instant = link.next().unwrap();
        link.step();
    }
    link.command(client::Command::Conflict);
    link.run_until(12);
    let configuration = link.client.configuration().unwrap();
    assert_eq!(configuration.addr, Ipv4Addr::new(10, 77, 0, 11));
    let leases: Vec<_> = link.server.leases().map(|lease| lease.addr).collect();
    assert_eq!(leases, [configuration.addr]);
}

#[test]
fn a_machine_that_returns_asks_for_its_former_address() {
    let mut link = Link::new(100);
    link.command(client::Command::Start { previous: None });
    link.run_until(1);
    let previous = link.client.configuration().map(|c| c.addr);
    link.command(client::Command::Stop);
    link.transcript.clear();
    link.command(client::Command::Start { previous });
    link.run_until(2);
    insta::assert_snapshot!(link.transcript, @r"
1.000 wire   ──► REQUEST  to everyone
1.001 disk   Bound 10.77.0.10
1.006 wire   ◄── ACK      to 10.77.0.10 by link
1.006 server leased ip-10-77-0-10 (Rebooted)
1.007 client probes 10.77.0.10
1.207 client configured 10.77.0.10/24
");
    link.command(client::Command::Release);
    link.run_until(3);
    assert_eq!(link.server.leases().count(), 0);
}
