//! The DHCP server's sockets: one interface, port 67.
//!
//! Requests come in by an ordinary UDP socket. Replies go out by it too, except those to a
//! client that has no address yet: it answers no ARP request, so its reply is framed straight
//! to its hardware address (RFC 2131 §4.1).

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

/// Sockets on the one interface that DHCP is served on.
#[derive(Debug)]
pub(crate) struct DhcpSocket {
    udp: UdpSocket,
    link: PacketSocket,
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
        socket.set_reuse_address(true)?;
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
            Destination::Udp(to) => self.udp.try_send_to(&transmit.payload, to).map(drop),
            Destination::Broadcast { port } => {
                let to = SocketAddr::new(Ipv4Addr::BROADCAST.into(), port);
                self.udp.try_send_to(&transmit.payload, to).map(drop)
            }
            Destination::Link { mac, addr, port } => {
                let frame = PacketBuilder::ethernet2(self.mac.0, mac.0)
                    .ipv4(self.server.octets(), addr.octets(), REPLY_TTL)
                    .udp(SERVER_PORT, port);
                let mut bytes = Vec::with_capacity(frame.size(transmit.payload.len()));
                frame
                    .write(&mut bytes, &transmit.payload)
                    .map_err(io::Error::other)?;
                self.link.send(&bytes)
            }
            Destination::Stream(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// RFC 2131 §4.1.
const SERVER_PORT: u16 = 67;
const RECV_BUFFER_OCTETS: usize = 4 << 20;
const REPLY_TTL: u8 = 64;
