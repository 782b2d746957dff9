//! Ethernet frames that carry ARP, or UDP or TCP over IPv4: built, and read back.
//!
//! Reading never panics and answers `None` for whatever is not exactly such a frame: a wrong
//! checksum, a fragment, a length that does not add up.

use std::net::{Ipv4Addr, SocketAddrV4};

use etherparse::{
    ArpEthIpv4Packet, ArpOperation, ArpPacket, ArpPacketSlice, EtherType, Ethernet2Slice, IpNumber,
    Ipv4Slice, PacketBuilder, UdpSlice,
};
use quorate_core::MacAddr;

/// The most bytes of payload that fit one UDP datagram over IPv4 without options.
pub const UDP_PAYLOAD_LEN_MAX: usize = 65_535 - 20 - 8;

/// One UDP datagram as it lies in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UdpFrame<'a> {
    pub source_mac: MacAddr,
    pub destination_mac: MacAddr,
    pub source: SocketAddrV4,
    pub destination: SocketAddrV4,
    pub payload: &'a [u8],
}

/// One ARP message for IPv4 over Ethernet (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpFrame {
    pub operation: ArpVerb,
    pub sender_mac: MacAddr,
    pub sender: Ipv4Addr,
    /// Who is asked for, all zero in a request.
    pub target_mac: MacAddr,
    pub target: Ipv4Addr,
}

/// What an ARP message does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpVerb {
    /// Who has the target address?
    Request,
    /// The sender has the sender address.
    Reply,
}

/// Whether the UDP checksum of a frame is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    /// A wrong one makes the frame unreadable.
    Verify,
    /// A sender with checksum offload left it half done: take the frame as it is.
    Offloaded,
}

/// The addresses of any Ethernet frame, or `None` when it is too short to have them.
pub fn addresses(frame: &[u8]) -> Option<(MacAddr, MacAddr)> {
    let (destination, rest) = frame.split_first_chunk::<6>()?;
    let (source, rest) = rest.split_first_chunk::<6>()?;
    (rest.len() >= 2).then_some((MacAddr(*source), MacAddr(*destination)))
}

/// Builds one UDP datagram in one frame.
///
/// # Panics
/// When the payload is longer than [`UDP_PAYLOAD_LEN_MAX`].
pub fn udp_frame(
    source_mac: MacAddr,
    destination_mac: MacAddr,
    source: SocketAddrV4,
    destination: SocketAddrV4,
    payload: &[u8],
) -> Vec<u8> {
    assert!(payload.len() <= UDP_PAYLOAD_LEN_MAX, "{}", payload.len());
    let packet = PacketBuilder::ethernet2(source_mac.0, destination_mac.0)
        .ipv4(source.ip().octets(), destination.ip().octets(), TTL)
        .udp(source.port(), destination.port());
    let mut frame = Vec::with_capacity(packet.size(payload.len()));
    packet
        .write(&mut frame, payload)
        .expect("the length was checked, and a Vec takes every write");
    frame
}

/// Reads a UDP datagram whose checksums hold.
pub fn parse_udp(frame: &[u8]) -> Option<UdpFrame<'_>> {
    parse_udp_with(frame, Checksums::Verify)
}

/// Reads a UDP datagram, with a choice about its UDP checksum. The one of the IPv4 header is
/// always verified, since no sender leaves it half done.
pub fn parse_udp_with(frame: &[u8], checksums: Checksums) -> Option<UdpFrame<'_>> {
    let ethernet = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
    if ethernet.ether_type() != EtherType::IPV4 {
        return None;
    }
    let packet = Ipv4Slice::from_slice(ethernet.payload_slice()).ok()?;
    let header = packet.header();
    if packet.payload_ip_number() != IpNumber::UDP
        || packet.is_payload_fragmented()
        || !header_checksum_holds(header.slice())
    {
        return None;
    }
    let datagram = UdpSlice::from_slice(packet.payload().payload).ok()?;
    // The payload must outlive the slices above, so it is cut from the frame itself.
    let ip_header_len = usize::from(header.ihl()) * 4;
    let start = ETHERNET_HEADER_LEN + ip_header_len + UDP_HEADER_LEN;
    let payload = frame.get(start..start + datagram.payload().len())?;
    let source = header.source_addr();
    let destination = header.destination_addr();
    if checksums == Checksums::Verify && !udp_checksum_holds(&datagram, source, destination) {
        return None;
    }
    Some(UdpFrame {
        source_mac: MacAddr(ethernet.source()),
        destination_mac: MacAddr(ethernet.destination()),
        source: SocketAddrV4::new(source, datagram.source_port()),
        destination: SocketAddrV4::new(destination, datagram.destination_port()),
        payload,
    })
}

/// Builds an ARP message. Requests go to everybody, replies to their target.
pub fn arp_frame(arp: &ArpFrame) -> Vec<u8> {
    let (operation, link_destination) = match arp.operation {
        ArpVerb::Request => (ArpOperation::REQUEST, MacAddr::BROADCAST),
        ArpVerb::Reply => (ArpOperation::REPLY, arp.target_mac),
    };
    let packet = ArpEthIpv4Packet {
        operation,
        sender_mac: arp.sender_mac.0,
        sender_ipv4: arp.sender.octets(),
        target_mac: arp.target_mac.0,
        target_ipv4: arp.target.octets(),
    };
    let mut frame = Vec::with_capacity(ETHERNET_HEADER_LEN + ArpEthIpv4Packet::LEN);
    PacketBuilder::ethernet2(arp.sender_mac.0, link_destination.0)
        .arp(ArpPacket::from(packet))
        .write(&mut frame)
        .expect("a Vec takes every write");
    frame
}

/// Reads an ARP request or reply for IPv4 over Ethernet.
pub fn parse_arp(frame: &[u8]) -> Option<ArpFrame> {
    let ethernet = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
    if ethernet.ether_type() != EtherType::ARP {
        return None;
    }
    let packet = ArpPacketSlice::from_slice(ethernet.payload_slice()).ok()?;
    let packet = ArpEthIpv4Packet::try_from(packet.to_packet()).ok()?;
    let operation = match packet.operation {
        ArpOperation::REQUEST => ArpVerb::Request,
        ArpOperation::REPLY => ArpVerb::Reply,
        _ => return None,
    };
    Some(ArpFrame {
        operation,
        sender_mac: MacAddr(packet.sender_mac),
        sender: packet.sender_ipv4_addr(),
        target_mac: MacAddr(packet.target_mac),
        target: packet.target_ipv4_addr(),
    })
}

impl ArpFrame {
    /// The question who has `target`.
    pub fn request(sender_mac: MacAddr, sender: Ipv4Addr, target: Ipv4Addr) -> Self {
        Self {
            operation: ArpVerb::Request,
            sender_mac,
            sender,
            target_mac: MacAddr::default(),
            target,
        }
    }

    /// The answer that `mac` has the address this message asks for.
    pub fn reply(&self, mac: MacAddr) -> Self {
        Self {
            operation: ArpVerb::Reply,
            sender_mac: mac,
            sender: self.target,
            target_mac: self.sender_mac,
            target: self.sender,
        }
    }
}

fn udp_checksum_holds(datagram: &UdpSlice<'_>, source: Ipv4Addr, destination: Ipv4Addr) -> bool {
    let sent = datagram.checksum();
    // RFC 768: zero means that the sender computed none.
    if sent == 0 {
        return true;
    }
    datagram
        .to_header()
        .calc_checksum_ipv4_raw(source.octets(), destination.octets(), datagram.payload())
        .is_ok_and(|right| right == sent)
}

const UDP_HEADER_LEN: usize = 8;

mod ipv4;
mod tcp;

pub use ipv4::ETHERNET_HEADER_LEN;
use ipv4::{TTL, header_checksum_holds};

pub use tcp::{TcpFlags, TcpSegment, parse_tcp, tcp_frame};

#[cfg(test)]
mod tests;
