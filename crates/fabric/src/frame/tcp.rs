//! TCP segments in frames (RFC 9293), as far as a short exchange needs them: no options, no
//! urgent data.

use std::net::SocketAddrV4;

use etherparse::{EtherType, Ethernet2Slice, IpNumber, Ipv4Slice, PacketBuilder, TcpSlice};
use quorate_core::MacAddr;

use super::ipv4::{ETHERNET_HEADER_LEN, TTL, header_checksum_holds};

/// One segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSegment<'a> {
    pub source: SocketAddrV4,
    pub destination: SocketAddrV4,
    pub sequence: u32,
    /// The acknowledgement number, when ACK is set.
    pub acknowledged: Option<u32>,
    pub flags: TcpFlags,
    pub payload: &'a [u8],
}

/// The flags beside ACK. PSH is set on every segment that carries data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags {
    pub syn: bool,
    pub fin: bool,
    pub rst: bool,
}

/// Builds one segment in one frame, from the first hardware address to the second.
///
/// # Panics
/// When the payload does not fit an IPv4 packet.
pub fn tcp_frame(
    (source_mac, destination_mac): (MacAddr, MacAddr),
    tcp: &TcpSegment<'_>,
) -> Vec<u8> {
    let mut packet = PacketBuilder::ethernet2(source_mac.0, destination_mac.0)
        .ipv4(tcp.source.ip().octets(), tcp.destination.ip().octets(), TTL)
        .tcp(
            tcp.source.port(),
            tcp.destination.port(),
            tcp.sequence,
            WINDOW,
        );
    if let Some(number) = tcp.acknowledged {
        packet = packet.ack(number);
    }
    if tcp.flags.syn {
        packet = packet.syn();
    }
    if tcp.flags.fin {
        packet = packet.fin();
    }
    if tcp.flags.rst {
        packet = packet.rst();
    }
    if !tcp.payload.is_empty() {
        packet = packet.psh();
    }
    let mut frame = Vec::with_capacity(packet.size(tcp.payload.len()));
    packet
        .write(&mut frame, tcp.payload)
        .expect("a short exchange fits a packet, and a Vec takes every write");
    frame
}

/// Reads a segment whose checksums hold.
pub fn parse_tcp(frame: &[u8]) -> Option<TcpSegment<'_>> {
    let ethernet = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
    if ethernet.ether_type() != EtherType::IPV4 {
        return None;
    }
    let packet = Ipv4Slice::from_slice(ethernet.payload_slice()).ok()?;
    let header = packet.header();
    if packet.payload_ip_number() != IpNumber::TCP
        || packet.is_payload_fragmented()
        || !header_checksum_holds(header.slice())
    {
        return None;
    }
    let tcp = TcpSlice::from_slice(packet.payload().payload).ok()?;
    let (source, destination) = (header.source_addr(), header.destination_addr());
    let right = tcp
        .calc_checksum_ipv4(source.octets(), destination.octets())
        .ok()?;
    if tcp.checksum() != right {
        return None;
    }
    // The payload must outlive the slices above, so it is cut from the frame itself.
    let start =
        ETHERNET_HEADER_LEN + usize::from(header.ihl()) * 4 + usize::from(tcp.data_offset()) * 4;
    let payload = frame.get(start..start + tcp.payload().len())?;
    Some(TcpSegment {
        source: SocketAddrV4::new(source, tcp.source_port()),
        destination: SocketAddrV4::new(destination, tcp.destination_port()),
        sequence: tcp.sequence_number(),
        acknowledged: tcp.ack().then(|| tcp.acknowledgment_number()),
        flags: TcpFlags {
            syn: tcp.syn(),
            fin: tcp.fin(),
            rst: tcp.rst(),
        },
        payload,
    })
}

/// The window: a peer may send this much ahead.
const WINDOW: u16 = 32_768;
