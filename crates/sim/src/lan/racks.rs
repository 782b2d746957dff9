//! Racks on the wire: each a segment of its own, with a relay between it and the servers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use quorate_core::MacAddr;
use quorate_fabric::relay::{Interface, Side};
use quorate_fabric::{PortId, Relay, SegmentId};
use quorate_scenario::story::{Network, Rack};

/// Every rack of the story; without any, all machines are on the servers' segment.
#[derive(Debug, Default)]
pub(crate) struct Racks {
    relays: Vec<Relay>,
    /// First address of each rack → its position.
    by_prefix: BTreeMap<Ipv4Addr, usize>,
    /// Each relay has two ports from here on: the rack's, then the servers'.
    first_port: u32,
}

impl Racks {
    /// The racks of `network`, whose relays are plugged in from this port on.
    pub(crate) fn new(network: &Network, first_port: PortId) -> Self {
        let racks = network.racks.iter();
        Self {
            by_prefix: racks.clone().map(|rack| rack.prefix).zip(0..).collect(),
            relays: racks.map(|rack| relay(rack, network.server())).collect(),
            first_port: first_port.0,
        }
    }

    pub(crate) fn relays(&self) -> usize {
        self.relays.len()
    }

    /// The segment of those in this rack, or of the servers.
    pub(crate) fn segment(rack: Option<usize>) -> SegmentId {
        let number = rack.map_or(0, |rack| rack + 1);
        SegmentId(u32::try_from(number).expect("fewer racks than 2^32"))
    }

    /// Which relay's port it is, and which side of it; `None` for everybody else's.
    pub(crate) fn side(&self, port: PortId) -> Option<(usize, Side)> {
        let offset = port.0.checked_sub(self.first_port)?;
        let index = usize::try_from(offset / 2).ok()?;
        let side = if offset % 2 == 0 {
            Side::Rack
        } else {
            Side::Core
        };
        (index < self.relays.len()).then_some((index, side))
    }

    pub(crate) fn port(&self, rack: usize, side: Side) -> PortId {
        let rack = u32::try_from(rack).expect("fewer racks than 2^32");
        let offset = match side {
            Side::Rack => 0,
            Side::Core => 1,
        };
        PortId(self.first_port + 2 * rack + offset)
    }

    pub(crate) fn relay(&self, rack: usize) -> &Relay {
        &self.relays[rack]
    }

    /// The router that a station in `from` sends packets for `to` to; `None` when it is on the
    /// link.
    pub(crate) fn router(&self, from: Option<usize>, to: Ipv4Addr) -> Option<MacAddr> {
        let there = self.rack_of(to);
        match (from, there) {
            (None, Some(rack)) => Some(self.relays[rack].core.mac),
            (Some(rack), _) if there != from => Some(self.relays[rack].rack.mac),
            (None | Some(_), _) => None,
        }
    }

    fn rack_of(&self, addr: Ipv4Addr) -> Option<usize> {
        let (prefix, rack) = self.by_prefix.range(..=addr).next_back()?;
        let host_bits = 32 - u32::from(self.relays[*rack].rack_prefix_len);
        let distance = addr.to_bits() - prefix.to_bits();
        (u64::from(distance) < 1 << host_bits).then_some(*rack)
    }
}

fn relay(rack: &Rack, server: Ipv4Addr) -> Relay {
    let [.., a, b, c] = (rack.number as u64).to_be_bytes();
    Relay {
        rack: Interface {
            mac: MacAddr([0x02, 0x72, 0, a, b, c]),
            addr: rack.gateway(),
        },
        rack_prefix_len: rack.prefix_len,
        core: Interface {
            mac: MacAddr([0x02, 0x72, 1, a, b, c]),
            addr: rack.uplink,
        },
        server,
        circuit_id: format!("rack{}", rack.number).into_bytes(),
    }
}
