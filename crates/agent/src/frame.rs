//! Ethernet frames of a machine that has no address yet: DHCP in UDP in IPv4, and ARP.

use std::net::{Ipv4Addr, SocketAddr};

use etherparse::{
    ArpEthIpv4Packet, ArpOperation, NetSlice, PacketBuilder, SlicedPacket, TransportSlice,
};
use quorate_core::MacAddr;
use quorate_netlink::packet::Instruction;

/// The port that a DHCP client listens on (RFC 2131 §4.1).
pub(crate) const CLIENT_PORT: u16 = 68;

/// Accepts whole frames of IPv4, UDP, to port 68, that are no later fragment.
pub(crate) const TO_DHCP_CLIENT: [Instruction; 11] = [
    (LOAD_HALF, 0, 0, 12),
    (JUMP_EQUAL, 0, 8, 0x0800),
    (LOAD_BYTE, 0, 0, 23),
    (JUMP_EQUAL, 0, 6, 17),
    (LOAD_HALF, 0, 0, 20),
    (JUMP_SET, 4, 0, 0x1fff),
    (LOAD_X_HEADER_LEN, 0, 0, 14),
    (LOAD_HALF_AFTER_X, 0, 0, 16),
    (JUMP_EQUAL, 0, 1, CLIENT_PORT as u32),
    (RETURN, 0, 0, 0xffff),
    (RETURN, 0, 0, 0),
];

/// Accepts every frame.
pub(crate) const EVERYTHING: [Instruction; 1] = [(RETURN, 0, 0, 0xffff)];

/// Accepts no frame.
pub(crate) const NOTHING: [Instruction; 1] = [(RETURN, 0, 0, 0)];

const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const LOAD_HALF_AFTER_X: u16 = 0x48;
const LOAD_X_HEADER_LEN: u16 = 0xb1;
const JUMP_EQUAL: u16 = 0x15;
const JUMP_SET: u16 = 0x45;
const RETURN: u16 = 0x06;

const TIME_TO_LIVE: u8 = 64;

/// A UDP datagram on its way, without its link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Udp<'a> {
    pub(crate) source: (Ipv4Addr, u16),
    pub(crate) destination: (Ipv4Addr, u16),
    pub(crate) payload: &'a [u8],
}

impl Udp<'_> {
    /// The frame that carries this from one station to another. `None` when the payload is too
    /// long for one IPv4 packet.
    pub(crate) fn frame(&self, from: MacAddr, to: MacAddr) -> Option<Vec<u8>> {
        let builder = PacketBuilder::ethernet2(from.0, to.0)
            .ipv4(
                self.source.0.octets(),
                self.destination.0.octets(),
                TIME_TO_LIVE,
            )
            .udp(self.source.1, self.destination.1);
        let mut frame = Vec::with_capacity(builder.size(self.payload.len()));
        builder.write(&mut frame, self.payload).ok()?;
        Some(frame)
    }

    /// The datagram's two ends as socket addresses.
    pub(crate) fn ends(&self) -> (SocketAddr, SocketAddr) {
        (self.source.into(), self.destination.into())
    }
}

/// The UDP datagram in a frame. `None` when there is none, or a checksum is wrong.
pub(crate) fn read_udp(frame: &[u8]) -> Option<Udp<'_>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let (Some(NetSlice::Ipv4(ip)), Some(TransportSlice::Udp(udp))) =
        (&packet.net, &packet.transport)
    else {
        return None;
    };
    let header = ip.header().to_header();
    if header.calc_header_checksum() != header.header_checksum {
        return None;
    }
    let right = udp
        .to_header()
        .calc_checksum_ipv4_raw(header.source, header.destination, udp.payload())
        .ok()?;
    let pseudo = pseudo_header_sum(header.source, header.destination, udp.length());
    if ![0, right, pseudo].contains(&udp.checksum()) {
        return None;
    }
    Some(Udp {
        source: (header.source.into(), udp.source_port()),
        destination: (header.destination.into(), udp.destination_port()),
        payload: udp.payload(),
    })
}

/// The station that sent a frame.
pub(crate) fn sender(frame: &[u8]) -> Option<MacAddr> {
    frame.get(6..12)?.try_into().ok().map(MacAddr)
}

/// What a sender on the same host leaves in the checksum field for hardware to complete: on a
/// virtual interface there is none, and the frame arrives so (`TP_STATUS_CSUMNOTREADY`).
fn pseudo_header_sum(source: [u8; 4], destination: [u8; 4], length: u16) -> u16 {
    const UDP: u32 = 17;
    let words = |a: [u8; 4]| {
        u32::from(u16::from_be_bytes([a[0], a[1]])) + u32::from(u16::from_be_bytes([a[2], a[3]]))
    };
    let sum = words(source) + words(destination) + UDP + u32::from(length);
    let folded = (sum & 0xffff) + (sum >> 16);
    ((folded & 0xffff) + (folded >> 16)) as u16
}

/// The ARP probe for `addr`: a request with no sender address, so that no cache changes
/// (RFC 5227 §2.1.1).
pub(crate) fn arp_probe(mac: MacAddr, addr: Ipv4Addr) -> Vec<u8> {
    arp_request(mac, Ipv4Addr::UNSPECIFIED, addr)
}

/// The ARP announcement of `addr`, which replaces what others had cached for it (RFC 5227 §2.3).
pub(crate) fn arp_announcement(mac: MacAddr, addr: Ipv4Addr) -> Vec<u8> {
    arp_request(mac, addr, addr)
}

fn arp_request(mac: MacAddr, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let arp = ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: mac.0,
        sender_ipv4: sender.octets(),
        target_mac: [0; 6],
        target_ipv4: target.octets(),
    };
    let builder = PacketBuilder::ethernet2(mac.0, MacAddr::BROADCAST.0).arp(arp.into());
    let mut frame = Vec::with_capacity(builder.size());
    builder
        .write(&mut frame)
        .expect("a vector takes what is written to it");
    frame
}

/// True when an ARP frame shows that a station other than `mac` has `addr`, or probes for it
/// (RFC 5227 §2.1.1).
pub(crate) fn conflicts(frame: &[u8], mac: MacAddr, addr: Ipv4Addr) -> bool {
    let arp = SlicedPacket::from_ethernet(frame)
        .ok()
        .and_then(|packet| match packet.net {
            Some(NetSlice::Arp(arp)) => arp.to_packet().try_eth_ipv4().ok(),
            Some(NetSlice::Ipv4(_) | NetSlice::Ipv6(_)) | None => None,
        });
    arp.is_some_and(|arp| {
        let probes = arp.operation == ArpOperation::REQUEST
            && arp.sender_ipv4_addr().is_unspecified()
            && arp.target_ipv4_addr() == addr;
        arp.sender_mac != mac.0 && (arp.sender_ipv4_addr() == addr || probes)
    })
}

#[cfg(test)]
mod tests;
