//! Answers the router solicitations of machines that boot: there is no IPv6 router here.
//!
//! iPXE configures IPv4 and IPv6 side by side, and goes on when both have come to an end: without
//! a router that is after four solicitations, 13 s later. A router advertisement with a lifetime
//! of zero is from a host that is no default router (RFC 4861 §4.2); without a prefix in it, a
//! host is done with what there is to configure. Other hosts learn nothing from it either.

use std::io;
use std::net::Ipv6Addr;

use etherparse::{Icmpv6Slice, LinkSlice, NetSlice, PacketBuilder, SlicedPacket, TransportSlice};
use quorate_core::MacAddr;
use quorate_netlink::Netlink;
use quorate_netlink::packet::{Accept, Instruction, PacketSocket};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Answers router solicitations on one interface.
#[derive(Debug)]
pub(crate) struct AdvertSocket {
    socket: AsyncFd<PacketSocket>,
    mac: MacAddr,
}

impl AdvertSocket {
    /// Opens the socket. Needs `CAP_NET_RAW`, and a runtime.
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let mut netlink = Netlink::open()?;
        let index = netlink.link_index(interface)?;
        let mac = netlink.mac(interface)?;
        let socket = PacketSocket::open(index, Accept::Ipv6)?;
        socket.attach_filter(&SOLICITATIONS)?;
        socket.join(ALL_ROUTERS_MAC)?;
        Ok(Self {
            socket: register(socket)?,
            mac,
        })
    }

    /// Answers until the task is dropped, or the interface is gone.
    pub(crate) async fn serve(self) {
        let mut buffer = [0; FRAME_OCTETS_MAX];
        loop {
            let received = self
                .socket
                .async_io(Interest::READABLE, |socket| socket.recv(&mut buffer))
                .await;
            match received {
                Ok(len) => {
                    if let Some(answer) = answer(&buffer[..len], self.mac)
                        && let Err(error) = self.socket.get_ref().send(&answer)
                    {
                        tracing::debug!(%error, "router advertisement not sent");
                    }
                }
                // While the interface is down; it comes up again.
                Err(error) if error.raw_os_error() == Some(nix::libc::ENETDOWN) => {}
                Err(error) => {
                    tracing::warn!(%error, "router solicitations are not answered any more");
                    return;
                }
            }
        }
    }
}

#[expect(unsafe_code, reason = "tokio wants to be promised that it stays open")]
fn register(socket: PacketSocket) -> io::Result<AsyncFd<PacketSocket>> {
    // SAFETY: the socket owns its one descriptor, answers the same one each time, and closes it
    // when it is dropped, which the AsyncFd that owns it does last.
    unsafe { Ok(AsyncFd::register_with_interest(socket, Interest::READABLE)?) }
}

/// The advertisement that answers the solicitation in `frame`, if it is one.
fn answer(frame: &[u8], mac: MacAddr) -> Option<Vec<u8>> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(LinkSlice::Ethernet2(ethernet)) = &packet.link else {
        return None;
    };
    let Some(NetSlice::Ipv6(ip)) = &packet.net else {
        return None;
    };
    let Some(TransportSlice::Icmpv6(icmp)) = &packet.transport else {
        return None;
    };
    // RFC 4861 §6.1.1: not from beyond a router, and whole.
    let valid = ip.header().hop_limit() == HOP_LIMIT && is_solicitation(icmp, ip.header());
    let asker = ip.header().source_addr();
    // RFC 4861 §6.2.6. (iPXE drops a frame to a group whose Ethernet address is its own.)
    let to = if asker.is_unspecified() {
        (ALL_NODES_MAC, ALL_NODES)
    } else {
        (MacAddr(ethernet.source()), asker)
    };
    valid.then(|| advertisement(mac, to))?
}

fn is_solicitation(icmp: &Icmpv6Slice<'_>, ip: etherparse::Ipv6HeaderSlice<'_>) -> bool {
    icmp.type_u8() == ROUTER_SOLICITATION
        && icmp.code_u8() == 0
        && icmp.is_checksum_valid(ip.source(), ip.destination())
}

fn advertisement(from: MacAddr, (mac, to): (MacAddr, Ipv6Addr)) -> Option<Vec<u8>> {
    // Hop limit, flags, router lifetime, reachable time, retransmission timer: all say nothing.
    let mut payload = vec![0; 8];
    payload.extend([SOURCE_LINK_LAYER_ADDRESS, 1]);
    payload.extend(from.0);
    let source = link_local(from).octets();
    let frame = PacketBuilder::ethernet2(from.0, mac.0)
        .ipv6(source, to.octets(), HOP_LIMIT)
        .icmpv6_raw(ROUTER_ADVERTISEMENT, 0, [0; 4]);
    let mut bytes = Vec::with_capacity(frame.size(payload.len()));
    frame.write(&mut bytes, &payload).ok()?;
    Some(bytes)
}

/// RFC 4291 appendix A.
const fn link_local(mac: MacAddr) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac.0;
    Ipv6Addr::new(
        0xfe80,
        0,
        0,
        0,
        ((a ^ 2) as u16) << 8 | b as u16,
        (c as u16) << 8 | 0xff,
        0xfe00 | d as u16,
        (e as u16) << 8 | f as u16,
    )
}

/// Accepts ICMPv6 router solicitations without extension headers.
const SOLICITATIONS: [Instruction; 8] = [
    (LOAD_HALF, 0, 0, 12),
    (JUMP_EQUAL, 0, 5, 0x86dd),
    (LOAD_BYTE, 0, 0, 20),
    (JUMP_EQUAL, 0, 3, 58),
    (LOAD_BYTE, 0, 0, 54),
    (JUMP_EQUAL, 0, 1, ROUTER_SOLICITATION as u32),
    (RETURN, 0, 0, 0xffff),
    (RETURN, 0, 0, 0),
];

const LOAD_HALF: u16 = 0x28;
const LOAD_BYTE: u16 = 0x30;
const JUMP_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const ROUTER_SOLICITATION: u8 = 133;
const ROUTER_ADVERTISEMENT: u8 = 134;
/// RFC 4861 §4.6.1.
const SOURCE_LINK_LAYER_ADDRESS: u8 = 1;
const HOP_LIMIT: u8 = 255;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Of ff02::1 and ff02::2 (RFC 2464 §7).
const ALL_NODES_MAC: MacAddr = MacAddr([0x33, 0x33, 0, 0, 0, 1]);
const ALL_ROUTERS_MAC: MacAddr = MacAddr([0x33, 0x33, 0, 0, 0, 2]);
const FRAME_OCTETS_MAX: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xfe]);
    const ROM: [u8; 6] = [2, 0, 0, 0, 0, 1];
    const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

    fn solicitation(kind: u8, hop_limit: u8) -> Vec<u8> {
        solicitation_from(link_local(MacAddr(ROM)), kind, hop_limit)
    }

    fn solicitation_from(source: Ipv6Addr, kind: u8, hop_limit: u8) -> Vec<u8> {
        let source = source.octets();
        let frame = PacketBuilder::ethernet2(ROM, ALL_ROUTERS_MAC.0)
            .ipv6(source, ALL_ROUTERS.octets(), hop_limit)
            .icmpv6_raw(kind, 0, [0; 4]);
        let mut bytes = Vec::new();
        frame.write(&mut bytes, &[1, 1, 2, 0, 0, 0, 0, 1]).unwrap();
        bytes
    }

    #[test]
    fn a_solicitation_is_answered_by_a_host_that_routes_nothing() {
        let answer = answer(&solicitation(ROUTER_SOLICITATION, 255), SERVER).unwrap();
        assert_eq!(answer[..6], ROM);
        let packet = SlicedPacket::from_ethernet(&answer).unwrap();
        let Some(NetSlice::Ipv6(ip)) = &packet.net else {
            panic!("{packet:?}");
        };
        assert_eq!(ip.header().hop_limit(), 255);
        assert_eq!(
            ip.header().source_addr(),
            "fe80::ff:fe00:fe".parse::<Ipv6Addr>().unwrap()
        );
        let Some(TransportSlice::Icmpv6(icmp)) = &packet.transport else {
            panic!("{packet:?}");
        };
        assert_eq!(icmp.type_u8(), ROUTER_ADVERTISEMENT);
        assert_eq!(ip.header().destination_addr(), link_local(MacAddr(ROM)));
        assert!(icmp.is_checksum_valid(ip.header().source(), ip.header().destination()));
        // Cur hop limit, flags, lifetime.
        assert_eq!(icmp.slice()[4..8], [0; 4]);
    }

    #[test]
    fn a_solicitation_without_a_source_is_answered_to_all_nodes() {
        let asked = solicitation_from(Ipv6Addr::UNSPECIFIED, ROUTER_SOLICITATION, 255);
        let answer = answer(&asked, SERVER).unwrap();
        assert_eq!(answer[..6], ALL_NODES_MAC.0);
        assert_eq!(answer[38..54], ALL_NODES.octets());
    }

    #[test]
    fn nothing_else_is_answered() {
        assert_eq!(
            answer(&solicitation(ROUTER_ADVERTISEMENT, 255), SERVER),
            None
        );
        assert_eq!(answer(&solicitation(ROUTER_SOLICITATION, 64), SERVER), None);
        let whole = solicitation(ROUTER_SOLICITATION, 255);
        for len in 0..whole.len() {
            assert_eq!(answer(&whole[..len], SERVER), None, "{len} octets");
        }
        let mut damaged = whole;
        damaged[60] ^= 1;
        assert_eq!(answer(&damaged, SERVER), None);
    }
}
