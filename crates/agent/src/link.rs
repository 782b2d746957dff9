//! One interface: DHCP and ARP frames while there is no address, then the address itself.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};

use quorate_core::{Channel, Datagram, Destination, MacAddr, Transmit};
use quorate_netlink::Netlink;
use quorate_netlink::packet::{Accept, PacketSocket};

use crate::frame::{self, CLIENT_PORT, EVERYTHING, NOTHING, TO_DHCP_CLIENT, Udp};

/// The interface that a machine boots from, and all its sockets.
#[derive(Debug)]
pub(crate) struct Link {
    netlink: Netlink,
    index: u32,
    mac: MacAddr,
    /// Receives every DHCP message, to whatever address; sends what has no route yet.
    pub(crate) dhcp: PacketSocket,
    /// Sends what has one. What it receives, `dhcp` has received too; it is here so that the
    /// kernel does not answer the server's unicast with "port unreachable".
    pub(crate) udp: Option<UdpSocket>,
    /// Listens while an address is probed. Afterwards it stays open and deaf, because closing a
    /// packet socket takes the kernel some 20 ms, which every boot would wait for.
    arp: Option<PacketSocket>,
    /// The address that is being probed.
    probed: Option<Ipv4Addr>,
    /// The station that the last DHCP message came from.
    server: Option<(Ipv4Addr, MacAddr)>,
}

/// Longer than any frame of the MTUs in use.
const FRAME_BYTES_MAX: usize = 10_000;

impl Link {
    /// Brings the interface up, and loopback with it, as an operating system would have.
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let mut netlink = Netlink::open()?;
        let index = netlink.link_index(interface)?;
        let mac = netlink.mac(interface)?;
        let loopback = netlink.link_index("lo")?;
        netlink.link_up(loopback)?;
        netlink.link_up(index)?;
        let dhcp = PacketSocket::open(index, Accept::Ipv4)?;
        dhcp.attach_filter(&TO_DHCP_CLIENT)?;
        Ok(Self {
            netlink,
            index,
            mac,
            dhcp,
            udp: None,
            arp: None,
            probed: None,
            server: None,
        })
    }

    pub(crate) const fn mac(&self) -> MacAddr {
        self.mac
    }

    /// Hands the next DHCP message to `handle`; false when there is none.
    pub(crate) fn receive(&mut self, handle: impl FnOnce(Datagram<'_>)) -> io::Result<bool> {
        let mut buffer = [0; FRAME_BYTES_MAX];
        let Some(frame) = received(&self.dhcp, &mut buffer)? else {
            return Ok(false);
        };
        // Frames that came in before the filter was there pass it by.
        let udp = frame::read_udp(frame).filter(|udp| udp.destination.1 == CLIENT_PORT);
        if let (Some(udp), Some(sender)) = (udp, frame::sender(frame)) {
            self.server = Some((udp.source.0, sender));
            let (source, destination) = udp.ends();
            handle(Datagram {
                source,
                destination,
                channel: Channel::Udp,
                payload: udp.payload,
            });
        }
        Ok(true)
    }

    /// Empties the UDP socket.
    pub(crate) fn discard_udp(&self) {
        if let Some(udp) = &self.udp {
            while udp.recv(&mut [0; 1]).is_ok() {}
        }
    }

    /// Begins to look for another user of `addr`.
    pub(crate) fn probe(&mut self, addr: Ipv4Addr) -> io::Result<()> {
        let socket = match self.arp.take() {
            Some(socket) => socket,
            None => PacketSocket::open(self.index, Accept::Arp)?,
        };
        // What came in before it was deaf speaks of another time.
        while received(&socket, &mut [0; FRAME_BYTES_MAX])?.is_some() {}
        socket.attach_filter(&EVERYTHING)?;
        let socket = self.arp.insert(socket);
        socket.send(&frame::arp_probe(self.mac, addr))?;
        self.probed = Some(addr);
        Ok(())
    }

    /// Stops looking.
    pub(crate) fn end_probe(&mut self) -> io::Result<()> {
        match (self.probed.take(), &self.arp) {
            (Some(_), Some(socket)) => socket.attach_filter(&NOTHING),
            (_, _) => Ok(()),
        }
    }

    /// The socket that hears of a conflict, while there is a probe.
    pub(crate) fn probe_socket(&self) -> Option<&PacketSocket> {
        self.probed.and(self.arp.as_ref())
    }

    /// True when the probe has found another user of its address, which ends it.
    pub(crate) fn probe_conflicts(&mut self) -> io::Result<bool> {
        let (Some(addr), Some(socket)) = (self.probed, &self.arp) else {
            return Ok(false);
        };
        let mut buffer = [0; FRAME_BYTES_MAX];
        while let Some(frame) = received(socket, &mut buffer)? {
            if frame::conflicts(frame, self.mac, addr) {
                self.end_probe()?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends what the engine wants sent. `leaving`: the address goes with this message.
    pub(crate) fn send(&self, transmit: &Transmit, leaving: bool) -> io::Result<()> {
        match transmit.destination {
            Destination::Broadcast { port } => {
                self.send_frame(transmit, Ipv4Addr::BROADCAST, port, MacAddr::BROADCAST)
            }
            Destination::Link { mac, addr, port } => self.send_frame(transmit, addr, port, mac),
            Destination::Udp(SocketAddr::V4(to)) => match self.server {
                // The kernel may have to ask for the server's MAC address first, and forgets the
                // message when the address is taken off the interface meanwhile.
                Some((addr, mac)) if leaving && addr == *to.ip() => {
                    self.send_frame(transmit, addr, to.port(), mac)
                }
                Some(_) | None => self.send_routed(&transmit.payload, to),
            },
            Destination::Udp(SocketAddr::V6(_)) | Destination::Stream(_) => {
                Err(io::ErrorKind::Unsupported.into())
            }
        }
    }

    /// Puts the address on the interface, and the default route through the first router. An
    /// address that is there already stays untouched, and so do the connections that use it.
    pub(crate) fn configure(
        &mut self,
        addr: Ipv4Addr,
        prefix_len: u8,
        router: Option<Ipv4Addr>,
    ) -> io::Result<()> {
        self.end_probe()?;
        let present = self.netlink.addresses(self.index)?;
        if present != [(addr, prefix_len)] {
            self.netlink.flush_addresses(self.index)?;
            self.netlink.add_address(self.index, addr, prefix_len)?;
        }
        if let Some(router) = router {
            self.netlink.add_route(None, router, self.index)?;
        }
        // Let go first: the port is one.
        self.udp = None;
        let udp = UdpSocket::bind((addr, CLIENT_PORT))?;
        udp.set_nonblocking(true)?;
        self.udp = Some(udp);
        self.dhcp.send(&frame::arp_announcement(self.mac, addr))
    }

    /// Removes every address from the interface.
    pub(crate) fn deconfigure(&mut self) -> io::Result<()> {
        self.udp = None;
        self.end_probe()?;
        self.netlink.flush_addresses(self.index)
    }

    fn send_frame(
        &self,
        transmit: &Transmit,
        addr: Ipv4Addr,
        port: u16,
        mac: MacAddr,
    ) -> io::Result<()> {
        let SocketAddr::V4(source) = transmit.source else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let udp = Udp {
            source: (*source.ip(), source.port()),
            destination: (addr, port),
            payload: &transmit.payload,
        };
        let frame = udp
            .frame(self.mac, mac)
            .ok_or(io::ErrorKind::InvalidInput)?;
        self.dhcp.send(&frame)
    }

    fn send_routed(&self, payload: &[u8], to: SocketAddrV4) -> io::Result<()> {
        let udp = self.udp.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        udp.send_to(payload, to)?;
        Ok(())
    }
}

/// The next frame of a socket, when there is one.
fn received<'a>(socket: &PacketSocket, buffer: &'a mut [u8]) -> io::Result<Option<&'a [u8]>> {
    match socket.recv(buffer) {
        Ok(length) => Ok(Some(&buffer[..length])),
        // A link that goes down says so once; its frames come again when it is up.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::NetworkDown
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
