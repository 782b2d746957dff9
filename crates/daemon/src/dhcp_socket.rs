//! The DHCP server's sockets: one interface, port 67.
//!
//! Requests come in by an ordinary UDP socket, and replies to everybody go out by it. A reply to a
//! client of this link is framed straight to its hardware address, which the request shows: the
//! client may have no address yet (RFC 2131 §4.1), or none that answers ARP requests. What the kernel
//! has to route, to relay agents and to clients behind routers, leaves by sockets of its own.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::AsRawFd as _;

use etherparse::PacketBuilder;
use nix::libc::in_pktinfo;
use nix::sys::socket::sockopt::Ipv4PacketInfo;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt};
use quorate_core::{Destination, MacAddr, Transmit};
use quorate_netlink::Netlink;
use quorate_netlink::packet::{Accept, PacketSocket};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use crate::routed_socket::RoutedSocket;

/// Sockets on the one interface that DHCP is served on.
#[derive(Debug)]
pub(crate) struct DhcpSocket {
    udp: UdpSocket,
    link: PacketSocket,
    routed: RoutedSocket,
    /// The addresses of the interface, with their prefix lengths.
    networks: Vec<(Ipv4Addr, u8)>,
    mac: MacAddr,
    server: Ipv4Addr,
}

/// One request as it came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    pub(crate) len: usize,
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
}

impl DhcpSocket {
    /// Opens both sockets. Needs `CAP_NET_BIND_SERVICE` and `CAP_NET_RAW`, and a runtime.
    pub(crate) fn open(interface: &str, server: Ipv4Addr) -> io::Result<Self> {
        let mut netlink = Netlink::open()?;
        let index = netlink.link_index(interface)?;
        let mac = netlink.mac(interface)?;
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_broadcast(true)?;
        socket.set_nonblocking(true)?;
        // A rack that comes back from a power cut asks all at once; the kernel grants what its
        // rmem_max allows.
        socket.set_recv_buffer_size(RECV_BUFFER_OCTETS)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        setsockopt(&socket, Ipv4PacketInfo, &true)?;
        let any = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SERVER_PORT);
        socket.bind(&any.into())?;
        Ok(Self {
            udp: UdpSocket::from_std(socket.into())?,
            link: PacketSocket::open(index, Accept::Nothing)?,
            routed: RoutedSocket::open(interface, SocketAddrV4::new(server, SERVER_PORT))?,
            networks: netlink.addresses(index)?,
            mac,
            server,
        })
    }

    /// Waits until a request is there.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.udp.readable().await
    }

    /// Receives one request, if one is there: its length, its source and where it was sent. A
    /// server treats broadcast and unicast REQUESTs differently (RFC 2131 §4.3.2).
    pub(crate) fn try_recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        self.udp.try_io(Interest::READABLE, || {
            let mut control = nix::cmsg_space!(in_pktinfo);
            let mut parts = [IoSliceMut::new(buffer)];
            let message = recvmsg::<SockaddrIn>(
                self.udp.as_raw_fd(),
                &mut parts,
                Some(&mut control),
                MsgFlags::MSG_DONTWAIT,
            )?;
            let to = message.cmsgs()?.find_map(|control| {
                let ControlMessageOwned::Ipv4PacketInfo(info) = control else {
                    return None;
                };
                Some(Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr)))
            });
            let source = message.address.ok_or(io::ErrorKind::InvalidData)?;
            Ok(Received {
                len: message.bytes,
                source: SocketAddr::V4(source.into()),
                destination: SocketAddr::new(to.unwrap_or(self.server).into(), SERVER_PORT),
            })
        })
    }

    /// Sends a reply to the destination that the engine chose.
    pub(crate) fn send(&self, transmit: &Transmit) -> io::Result<()> {
        match transmit.destination {
            Destination::Udp(SocketAddr::V4(to)) => match chaddr(&transmit.payload) {
                Some(mac) if to.port() == CLIENT_PORT && self.is_on_link(*to.ip()) => {
                    self.frame(&transmit.payload, mac, to)
                }
                _ => self.routed.send(&transmit.payload, to),
            },
            Destination::Udp(SocketAddr::V6(_)) => Err(io::ErrorKind::Unsupported.into()),
            Destination::Broadcast { port } => {
                let to = SocketAddr::new(Ipv4Addr::BROADCAST.into(), port);
                self.udp.try_send_to(&transmit.payload, to).map(drop)
            }
            Destination::Link { mac, addr, port } => {
                self.frame(&transmit.payload, mac, SocketAddrV4::new(addr, port))
            }
            Destination::Stream(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn frame(&self, payload: &[u8], mac: MacAddr, to: SocketAddrV4) -> io::Result<()> {
        let frame = PacketBuilder::ethernet2(self.mac.0, mac.0)
            .ipv4(self.server.octets(), to.ip().octets(), REPLY_TTL)
            .udp(SERVER_PORT, to.port());
        let mut bytes = Vec::with_capacity(frame.size(payload.len()));
        frame.write(&mut bytes, payload).map_err(io::Error::other)?;
        self.link.send(&bytes)
    }

    fn is_on_link(&self, addr: Ipv4Addr) -> bool {
        self.networks.iter().any(|(ours, prefix_len)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(*prefix_len));
            (ours.to_bits() ^ addr.to_bits()) & mask.unwrap_or_default() == 0
        })
    }
}

/// The hardware address of the client that a message of RFC 2131 is for.
fn chaddr(message: &[u8]) -> Option<MacAddr> {
    let head = message.get(..CHADDR.end)?;
    if head[1..3] != [HTYPE_ETHERNET, 6] {
        return None;
    }
    let mac = MacAddr(head[CHADDR].try_into().ok()?);
    let is_group = mac.0[0] & 1 == 1;
    (!is_group && mac != MacAddr::default()).then_some(mac)
}

/// RFC 2131 §4.1.
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const HTYPE_ETHERNET: u8 = 1;
/// RFC 2131 §2, figure 1.
const CHADDR: std::ops::Range<usize> = 28..34;
const RECV_BUFFER_OCTETS: usize = 4 << 20;
const REPLY_TTL: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hardware_address_is_that_of_an_ethernet_client() {
        let mut message = vec![2, 1, 6, 0];
        message.resize(28, 0);
        message.extend([2, 0, 0, 0, 0, 7]);
        message.resize(300, 0);
        assert_eq!(chaddr(&message), Some(MacAddr([2, 0, 0, 0, 0, 7])));
        assert_eq!(chaddr(&message[..33]), None);
        for (at, octet) in [(1, 6), (2, 8), (28, 1)] {
            let mut other = message.clone();
            other[at] = octet;
            assert_eq!(chaddr(&other), None, "octet {at}");
        }
        message[28..34].fill(0);
        assert_eq!(chaddr(&message), None);
    }
}
