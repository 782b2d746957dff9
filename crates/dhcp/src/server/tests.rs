//! The server's tests: a bench that plays the link and the disk, and the subjects.

mod boot;
mod clock_steps;
mod durability;
mod failed_writes;
mod hostile;
mod laws;
mod naming;
mod relay;
mod scale;
mod settings;
mod table;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::laws::WALL_EPOCH;
use quorate_core::{
    Channel, Datagram, Destination, Engine, Instant, MacAddr, Now, Output, Seed, Ticket, Transmit,
};

use super::*;
use crate::wire::{Message, Op};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const BROADCAST: Ipv4Addr = Ipv4Addr::BROADCAST;

/// A server with a pool of 10.77.0.10–10.77.0.13, leases of 100 s, offers of 30 s.
fn raw() -> RawServerConfig {
    let mut subnet = RawSubnet::new(
        "10.77.0.0/24".parse().unwrap(),
        "10.77.0.10-10.77.0.13".parse().unwrap(),
    );
    subnet.lease_secs = 100;
    subnet.domain = Some("lab.example".to_owned());
    subnet.dns = vec![SERVER];
    subnet.routers = vec![SERVER];
    RawServerConfig::new(SERVER, subnet)
}

fn addr(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, host)
}

fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

fn key(n: u8) -> ClientKey {
    ClientKey::Mac(mac(n))
}

/// A server, its clock, and what its disk holds.
struct Bench {
    server: Server,
    now: Now,
    disk: Vec<ServerRecord>,
    unsynced: Option<Ticket>,
}

/// What one call put out.
#[derive(Debug, Default)]
struct Outputs {
    transmits: Vec<Transmit>,
    events: Vec<Event>,
}

impl Outputs {
    fn reply(&self) -> Message<'_> {
        assert_eq!(self.transmits.len(), 1, "one reply in {self:?}");
        Message::decode(&self.transmits[0].payload).unwrap()
    }

    fn destination(&self) -> Destination {
        assert_eq!(self.transmits.len(), 1, "one reply in {self:?}");
        self.transmits[0].destination
    }
}

impl Bench {
    fn new(raw: RawServerConfig) -> Self {
        let config = ServerConfig::validate(raw).unwrap();
        Self {
            server: Server::new(config, Seed::new(1)),
            now: Now::new(Instant::ZERO, WALL_EPOCH),
            disk: Vec::new(),
            unsynced: None,
        }
    }

    /// The same disk, a new process.
    fn restart(&mut self, raw: RawServerConfig) {
        let config = ServerConfig::validate(raw).unwrap();
        let records = self.disk.clone();
        self.server = Server::restore(config, Seed::new(2), records, self.now);
        self.unsynced = None;
    }

    /// Delivers a broadcast message (unicast when it has a `ciaddr`) and syncs what it writes.
    fn send(&mut self, message: &Message<'_>) -> Outputs {
        let unicast = message.ciaddr != Ipv4Addr::UNSPECIFIED;
        self.send_to(if unicast { SERVER } else { BROADCAST }, message)
    }

    fn send_to(&mut self, destination: Ipv4Addr, message: &Message<'_>) -> Outputs {
        let mut outputs = self.send_unsynced(destination, message);
        let synced = self.sync();
        outputs.transmits.extend(synced.transmits);
        outputs.events.extend(synced.events);
        outputs
    }

    fn send_unsynced(&mut self, destination: Ipv4Addr, message: &Message<'_>) -> Outputs {
        let payload = message.encode();
        self.server.handle_datagram(
            Datagram {
                source: SocketAddr::from((message.ciaddr, 68)),
                destination: SocketAddr::from((destination, 67)),
                channel: Channel::Udp,
                payload: &payload,
            },
            self.now,
        );
        self.drain()
    }

    fn sync(&mut self) -> Outputs {
        if let Some(ticket) = self.unsynced.take() {
            self.server.handle_written(ticket, self.now);
        }
        self.drain()
    }

    fn pass(&mut self, secs: u64) -> Outputs {
        let instant = self.now.instant + Duration::from_secs(secs);
        self.now = Now::new(instant, self.now.wall.plus_secs(secs));
        self.server.handle_timeout(self.now);
        let mut outputs = self.drain();
        let synced = self.sync();
        outputs.events.extend(synced.events);
        outputs
    }

    fn drain(&mut self) -> Outputs {
        let mut outputs = Outputs::default();
        while let Some(output) = self.server.poll() {
            match output {
                Output::Transmit(transmit) => outputs.transmits.push(transmit),
                Output::Effect(effect) => match effect {},
                Output::Event(event) => outputs.events.push(event),
                Output::Write { ticket, write } => {
                    self.unsynced = Some(ticket);
                    self.disk.push(write);
                }
            }
        }
        outputs
    }

    /// DISCOVER to ACK; answers the lease.
    fn lease(&mut self, discover: &Message<'static>) -> Lease {
        let offer = self.send(discover);
        let outputs = self.send(&selecting(discover, offer.reply().yiaddr));
        assert_eq!(outputs.reply().kind, MessageType::Ack);
        match outputs.events.as_slice() {
            [Event::Leased { lease, .. }]
            | [Event::NameRefused { .. }, Event::Leased { lease, .. }] => lease.clone(),
            other => panic!("not one lease: {other:?}"),
        }
    }
}

fn discover(n: u8) -> Message<'static> {
    Message::request(MessageType::Discover, u32::from(n), mac(n))
}

/// The REQUEST that follows `discover` when this server offered `addr`.
fn selecting(discover: &Message<'static>, addr: Ipv4Addr) -> Message<'static> {
    let mut message = discover.clone();
    message.kind = MessageType::Request;
    message.options.set_addrs(code::SERVER_ID, &[SERVER]);
    message.options.set_addrs(code::REQUESTED_ADDR, &[addr]);
    message
}

fn reboot(n: u8, addr: Ipv4Addr) -> Message<'static> {
    let mut message = Message::request(MessageType::Request, u32::from(n), mac(n));
    message.options.set_addrs(code::REQUESTED_ADDR, &[addr]);
    message
}

/// A REQUEST with `ciaddr`: RENEWING to the server, REBINDING to everyone.
fn extending(n: u8, addr: Ipv4Addr) -> Message<'static> {
    let mut message = Message::request(MessageType::Request, u32::from(n), mac(n));
    message.ciaddr = addr;
    message
}

fn decline(n: u8, addr: Ipv4Addr) -> Message<'static> {
    let mut message = selecting(&discover(n), addr);
    message.kind = MessageType::Decline;
    message
}

fn release(n: u8, addr: Ipv4Addr) -> Message<'static> {
    let mut message = Message::request(MessageType::Release, u32::from(n), mac(n));
    message.ciaddr = addr;
    message
}

fn with_option(mut message: Message<'static>, code: u8, value: &[u8]) -> Message<'static> {
    message.options.set(code, value.to_vec());
    message
}
