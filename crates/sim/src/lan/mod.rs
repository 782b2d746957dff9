//! The wire: one switch, who is at which port, and the relays between its segments.

mod cable;
mod frames;
mod racks;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use quorate_core::{Deadline, Destination, Instant, MacAddr, Seed, Transmit};
use quorate_fabric::frame::udp_frame;
use quorate_fabric::relay::Side;
use quorate_fabric::{Chance, Direction, Faults, PortId, Rule, RuleId, Switch};
use quorate_scenario::story::Network;

use crate::chance::choice_log::ChoiceLog;
use cable::{HOP_DELAY, HOP_JITTER, Plug};
use frames::FrameFates;
use racks::Racks;

pub(crate) use cable::Cable;

/// The network of the story.
#[derive(Debug)]
pub(crate) struct Lan {
    switch: Switch,
    racks: Racks,
    /// Hardware addresses by address: ARP, already answered.
    neighbours: BTreeMap<Ipv4Addr, MacAddr>,
    plugs: Vec<Plug>,
    /// Cuts that hold, by the fault that made them.
    cuts: BTreeMap<usize, RuleId>,
    /// Where the fates of frames are written down, or read.
    fates: Option<FrameFates>,
}

impl Lan {
    /// A network with the servers' port, which is the first one.
    pub(crate) fn new(seed: Seed, server: Ipv4Addr) -> Self {
        let mut lan = Self {
            switch: Switch::new(seed),
            racks: Racks::default(),
            neighbours: BTreeMap::from([(server, SERVER_MAC)]),
            plugs: Vec::new(),
            cuts: BTreeMap::new(),
            fates: None,
        };
        let port = lan.plug(None);
        assert_eq!(port, SERVER_PORT);
        lan.switch.snoop_dhcp([port]);
        lan
    }

    /// Plugs in the relay of every rack, behind all machines. A rack's router is inside the
    /// switch: a frame has a cable at either end of its path, and none in between.
    pub(crate) fn plug_relays(&mut self, network: &Network) {
        let next = u32::try_from(self.plugs.len()).expect("fewer ports than 2^32");
        self.racks = Racks::new(network, PortId(next));
        for rack in 0..self.racks.relays() {
            let ports = [Some(rack), None].map(|segment| self.add(segment));
            assert_eq!(
                ports,
                [Side::Rack, Side::Core].map(|side| self.racks.port(rack, side))
            );
            self.switch.snoop_dhcp([ports[0]]);
        }
    }

    /// A port in a rack, or beside the servers, with a good cable.
    pub(crate) fn plug(&mut self, rack: Option<usize>) -> PortId {
        let port = self.add(rack);
        self.set_cable(port, Cable::default());
        port
    }

    /// A port with no cable at all.
    fn add(&mut self, rack: Option<usize>) -> PortId {
        self.plugs.push(Plug {
            rack,
            up: true,
            cable: Cable::default(),
        });
        self.switch.add_port_in(Racks::segment(rack))
    }

    /// Exchanges the cable: its faults are on top of the time that a frame takes.
    pub(crate) fn set_cable(&mut self, port: PortId, cable: Cable) {
        self.plugs[port.0 as usize].cable = cable;
        let faults = Faults {
            delay: cable.faults.delay + HOP_DELAY,
            jitter: cable.faults.jitter + HOP_JITTER,
            ..cable.faults
        };
        let directions = [
            (Direction::ToSwitch, cable.mute),
            (Direction::FromSwitch, cable.deaf),
        ];
        for (direction, silent) in directions {
            let loss = if silent { Chance::ALWAYS } else { faults.loss };
            let faults = Faults { loss, ..faults };
            self.switch.set_faults(port, direction, faults);
        }
    }

    /// From now on nothing passes from those ports to these, until this fault ends.
    pub(crate) fn cut(&mut self, fault: usize, mut from: Vec<PortId>, mut to: Vec<PortId>) {
        self.heal(fault);
        // On a rack's segment its relay stands for the servers.
        for ports in [&mut from, &mut to] {
            if ports.contains(&SERVER_PORT) {
                let relays = 0..self.racks.relays();
                ports.extend(relays.map(|rack| self.racks.port(rack, Side::Rack)));
            }
        }
        let rule = self.switch.add_rule(Rule::partition_one_way(from, to));
        self.cuts.insert(fault, rule);
    }

    /// Undoes the [`cut`](Self::cut) of this fault.
    pub(crate) fn heal(&mut self, fault: usize) {
        if let Some(rule) = self.cuts.remove(&fault) {
            self.switch.remove_rule(rule);
        }
    }

    pub(crate) fn set_link(&mut self, port: PortId, up: bool) {
        self.plugs[port.0 as usize].up = up;
        self.switch.set_link(port, up);
    }

    /// True when two machines with such a cable can talk: TCP needs both directions.
    pub(crate) fn reaches_peers(&self, port: PortId) -> bool {
        self.plugs[port.0 as usize].is_open()
    }

    /// The same for the machine at `port` and the servers.
    pub(crate) fn reaches_servers(&self, port: PortId) -> bool {
        let cut = self.plugs[port.0 as usize].cable.cut;
        !cut && self.reaches_peers(port) && self.reaches_peers(SERVER_PORT)
    }

    /// The fates of frames go by this choice log. Ports are named in their order.
    pub(crate) fn set_choices(&mut self, choices: ChoiceLog, ports: Vec<(String, MacAddr)>) {
        self.fates = Some(FrameFates::new(choices, ports));
    }

    /// `mac` uses `addr` from now on.
    pub(crate) fn learn(&mut self, addr: Ipv4Addr, mac: MacAddr) {
        self.neighbours.insert(addr, mac);
    }

    /// Who uses `addr`, or did last.
    pub(crate) fn neighbour(&self, addr: Ipv4Addr) -> Option<MacAddr> {
        self.neighbours.get(&addr).copied()
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
            Target::Udp(to) => match self.next_hop(port, *to.ip()) {
                Some(mac) => (mac, to),
                // No station answers the ARP request.
                None => return,
            },
        };
        let frame = udp_frame(source_mac, mac, source, destination, payload);
        self.put(port, &frame, now);
    }

    /// Whose hardware address a packet from this port to `to` gets.
    fn next_hop(&self, port: PortId, to: Ipv4Addr) -> Option<MacAddr> {
        let from = self.plugs[port.0 as usize].rack;
        let router = self.racks.router(from, to);
        router.or_else(|| self.neighbours.get(&to).copied())
    }

    /// Sends a frame from `port`.
    fn put(&mut self, port: PortId, frame: &[u8], now: Instant) {
        match &self.fates {
            None => self.switch.handle_frame(port, frame, now),
            Some(fates) => {
                let mut policy = fates.policy(&self.plugs);
                self.switch.handle_frame_with(port, frame, now, &mut policy);
            }
        }
    }

    /// Delivers what is due and lets the relays forward; returns the frames that arrive now.
    pub(crate) fn arrivals(&mut self, now: Instant) -> Vec<(PortId, Arc<[u8]>)> {
        match &self.fates {
            None => self.switch.handle_timeout(now),
            Some(fates) => {
                let mut policy = fates.policy(&self.plugs);
                self.switch.handle_timeout_with(now, &mut policy);
            }
        }
        let mut arrived = Vec::new();
        while let Some((port, frame)) = self.switch.poll() {
            let Some((rack, side)) = self.racks.side(port) else {
                arrived.push((port, frame));
                continue;
            };
            let neighbour = |addr| self.neighbours.get(&addr).copied();
            let forward = self.racks.relay(rack).handle_frame(side, &frame, neighbour);
            if let Some(forward) = forward {
                let port = self.racks.port(rack, forward.side);
                self.put(port, &forward.frame, now);
            }
        }
        arrived
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
