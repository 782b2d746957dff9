//! The wire: one switch, and who is at which port.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use quorate_core::{Deadline, Destination, Instant, MacAddr, Seed, Transmit};
use quorate_fabric::frame::udp_frame;
use quorate_fabric::switch::Direction;
use quorate_fabric::{Faults, PortId, Switch};

use crate::agenda::Token;

/// The segment of the story.
#[derive(Debug)]
pub(crate) struct Lan {
    switch: Switch,
    /// Hardware addresses by address: ARP, already answered.
    neighbours: BTreeMap<Ipv4Addr, MacAddr>,
    linked: Vec<bool>,
    pub(crate) deadline: Option<Token>,
}

impl Lan {
    /// A segment with the servers' port, which is the first one.
    pub(crate) fn new(seed: Seed, server: Ipv4Addr) -> Self {
        let mut lan = Self {
            switch: Switch::new(seed),
            neighbours: BTreeMap::from([(server, SERVER_MAC)]),
            linked: Vec::new(),
            deadline: None,
        };
        let port = lan.plug(Faults::default());
        assert_eq!(port, SERVER_PORT);
        lan.switch.snoop_dhcp([port]);
        lan
    }

    /// A cable with these faults, on top of the time that a frame takes.
    pub(crate) fn plug(&mut self, faults: Faults) -> PortId {
        let port = self.switch.add_port();
        self.linked.push(true);
        self.set_faults(port, faults);
        port
    }

    pub(crate) fn set_faults(&mut self, port: PortId, faults: Faults) {
        let faults = Faults {
            delay: faults.delay + HOP_DELAY,
            jitter: faults.jitter + HOP_JITTER,
            ..faults
        };
        for direction in [Direction::ToSwitch, Direction::FromSwitch] {
            self.switch.set_faults(port, direction, faults);
        }
    }

    pub(crate) fn set_link(&mut self, port: PortId, up: bool) {
        self.linked[port.0 as usize] = up;
        self.switch.set_link(port, up);
    }

    pub(crate) fn is_linked(&self, port: PortId) -> bool {
        self.linked[port.0 as usize]
    }

    /// `mac` uses `addr` from now on.
    pub(crate) fn learn(&mut self, addr: Ipv4Addr, mac: MacAddr) {
        self.neighbours.insert(addr, mac);
    }

    /// Frames a message and sends it from `port`.
    pub(crate) fn send(
        &mut self,
        port: PortId,
        from: (MacAddr, SocketAddrV4),
        to: Target,
        payload: &[u8],
        now: Instant,
    ) {
        let (source_mac, source) = from;
        let (mac, destination) = match to {
            Target::Broadcast(to) => (
                MacAddr::BROADCAST,
                SocketAddrV4::new(Ipv4Addr::BROADCAST, to),
            ),
            Target::Link(mac, to) => (mac, to),
            Target::Udp(to) => match self.neighbours.get(to.ip()) {
                Some(mac) => (*mac, to),
                // Nobody answers the ARP request.
                None => return,
            },
        };
        let frame = udp_frame(source_mac, mac, source, destination, payload);
        self.switch.handle_frame(port, &frame, now);
    }

    /// Lands what is due and answers the frames that arrive now.
    pub(crate) fn arrivals(&mut self, now: Instant) -> Vec<(PortId, Arc<[u8]>)> {
        self.switch.handle_timeout(now);
        std::iter::from_fn(|| self.switch.poll()).collect()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        self.switch.poll_timeout()
    }
}

/// Where a datagram goes, on a wire that speaks IPv4 only.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    Broadcast(u16),
    Link(MacAddr, SocketAddrV4),
    Udp(SocketAddrV4),
}

impl Target {
    /// Where an engine meant its message to go; `None` for a stream.
    pub(crate) fn of(transmit: &Transmit) -> Option<Self> {
        match transmit.destination {
            Destination::Broadcast { port } => Some(Self::Broadcast(port)),
            Destination::Link { mac, addr, port } => {
                Some(Self::Link(mac, SocketAddrV4::new(addr, port)))
            }
            Destination::Udp(SocketAddr::V4(to)) => Some(Self::Udp(to)),
            Destination::Udp(SocketAddr::V6(_)) | Destination::Stream(_) => None,
        }
    }
}

/// The servers' port on the switch.
pub(crate) const SERVER_PORT: PortId = PortId(0);
/// Locally administered, and none of the machines'.
pub(crate) const SERVER_MAC: MacAddr = MacAddr([0x02, 0x71, 0xff, 0xff, 0xff, 0xfe]);
/// A kernel and a cable, one way.
const HOP_DELAY: Duration = Duration::from_micros(30);
const HOP_JITTER: Duration = Duration::from_micros(40);
