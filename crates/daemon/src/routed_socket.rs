//! Datagrams that the kernel routes, each group of addresses with room of its own.
//!
//! A datagram to an address that answers no ARP request waits for seconds, and fills the send buffer
//! of its socket meanwhile. Whoever writes such an address into a request must not stop the replies
//! to others: so there are many sockets, one for each group of addresses. They only send.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::SocketAddrV4;

use etherparse::PacketBuilder;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Sends UDP from one address and port.
#[derive(Debug)]
pub(crate) struct RoutedSocket {
    sockets: Vec<Socket>,
    source: SocketAddrV4,
    /// Which socket an address has is not known to who chooses addresses.
    groups: RandomState,
}

impl RoutedSocket {
    /// Needs `CAP_NET_RAW`: an ordinary socket at the same port would take requests from the one
    /// that reads them.
    pub(crate) fn open(interface: &str, source: SocketAddrV4) -> io::Result<Self> {
        let sockets: io::Result<_> = (0..GROUPS).map(|_| open(interface)).collect();
        Ok(Self {
            sockets: sockets?,
            source,
            groups: RandomState::new(),
        })
    }

    /// Sends `payload` by the first socket that has room, beginning with that of its group.
    pub(crate) fn send(&self, payload: &[u8], to: SocketAddrV4) -> io::Result<()> {
        let packet = PacketBuilder::ipv4(self.source.ip().octets(), to.ip().octets(), TTL)
            .udp(self.source.port(), to.port());
        let mut bytes = Vec::with_capacity(packet.size(payload.len()));
        packet
            .write(&mut bytes, payload)
            .map_err(io::Error::other)?;
        // A raw socket has no ports.
        let addr = SockAddr::from(SocketAddrV4::new(*to.ip(), 0));
        let first = self.groups.hash_one(to.ip()) as usize % self.sockets.len();
        let (before, from) = self.sockets.split_at(first);
        for socket in from.iter().chain(before) {
            match socket.send_to(&bytes, &addr) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return sent.map(drop),
            }
        }
        Err(io::ErrorKind::WouldBlock.into())
    }
}

fn open(interface: &str) -> io::Result<Socket> {
    let raw = Some(Protocol::from(nix::libc::IPPROTO_RAW));
    let socket = Socket::new(Domain::IPV4, Type::RAW, raw)?;
    socket.set_nonblocking(true)?;
    socket.bind_device(Some(interface.as_bytes()))?;
    // More than the kernel keeps for one address that does not answer, where it grants that.
    socket.set_send_buffer_size(SEND_BUFFER_OCTETS)?;
    Ok(socket)
}

/// As many as leave room for the rest of a /24 when half of its addresses do not answer.
const GROUPS: usize = 64;
const SEND_BUFFER_OCTETS: usize = 1 << 20;
const TTL: u8 = 64;
