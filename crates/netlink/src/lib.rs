//! Synchronous rtnetlink: the few requests that give a machine its interface, address and
//! routes.
//!
//! Everything here blocks for one round trip to the kernel, some tens of microseconds, and
//! works in the network namespace that was the thread's own when [`Netlink::open`] ran. The
//! kernel's refusals come back as [`io::Error`]s with its errno.
//!
//! - `message`: the bytes
//! - `socket`: one request out, its acknowledgement in
//! - [`packet`]: beside them, whole frames on one interface, for machines without an address

mod message;
pub mod packet;
mod socket;

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use quorate_core::MacAddr;

use crate::message::{Request, find_attribute, u32_at};
use crate::socket::Socket;

/// A conversation with the routing tables of one network namespace.
#[derive(Debug)]
pub struct Netlink {
    socket: Socket,
}

/// A pair of virtual Ethernet interfaces to make: one end here, the other in another
/// namespace.
#[derive(Clone, Copy, Debug)]
pub struct Veth<'a> {
    /// The name of the end in this namespace, at most 15 bytes.
    pub name: &'a str,
    /// The kernel draws one when absent; so it does for the peer.
    pub mac: Option<MacAddr>,
    /// The name of the end in `peer_ns`, at most 15 bytes.
    pub peer_name: &'a str,
    pub peer_mac: Option<MacAddr>,
    /// The network namespace that the other end appears in, down and without an address.
    pub peer_ns: BorrowedFd<'a>,
}

/// An interface as the kernel describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Link {
    index: u32,
    mac: MacAddr,
    flags: u32,
}

impl Netlink {
    /// Opens a conversation in the calling thread's network namespace.
    pub fn open() -> io::Result<Self> {
        let socket = Socket::open()?;
        Ok(Self { socket })
    }

    /// The index of the interface called `name`; `ENODEV` when there is none.
    pub fn link_index(&mut self, name: &str) -> io::Result<u32> {
        self.link(name).map(|link| link.index)
    }

    /// The link-layer address of the interface called `name`.
    pub fn mac(&mut self, name: &str) -> io::Result<MacAddr> {
        self.link(name).map(|link| link.mac)
    }

    /// True when the interface called `name` is up and its cable leads to something that is up.
    pub fn carrier(&mut self, name: &str) -> io::Result<bool> {
        self.link(name).map(|link| link.flags & IFF_LOWER_UP != 0)
    }

    /// Sets the interface up. Harmless when it is.
    pub fn link_up(&mut self, index: u32) -> io::Result<()> {
        self.set_flags(index, IFF_UP)
    }

    /// Sets the interface down, which also drops its routes.
    pub fn link_down(&mut self, index: u32) -> io::Result<()> {
        self.set_flags(index, 0)
    }

    /// Makes a pair of virtual Ethernet interfaces. Both ends start down.
    pub fn add_veth(&mut self, veth: &Veth<'_>) -> io::Result<()> {
        // The peer must not be asked to come up here: its other half is not, and the kernel
        // answers ENOTCONN. One queue a side, because one thread reads all of them.
        let queues = 1u32.to_ne_bytes();
        let ns = veth.peer_ns.as_raw_fd().to_ne_bytes();
        let peer = |data: Request| {
            data.nested(VETH_INFO_PEER, &link_body(0, 0, 0), |peer| {
                with_mac(peer, veth.peer_mac)
                    .attribute(IFLA_IFNAME, &name_bytes(veth.peer_name))
                    .attribute(IFLA_NET_NS_FD, &ns)
                    .attribute(IFLA_NUM_TX_QUEUES, &queues)
                    .attribute(IFLA_NUM_RX_QUEUES, &queues)
            })
        };
        let request = Request::new(RTM_NEWLINK, CREATE_NEW, &link_body(0, 0, 0));
        let request = with_mac(request, veth.mac)
            .attribute(IFLA_IFNAME, &name_bytes(veth.name))
            .attribute(IFLA_NUM_TX_QUEUES, &queues)
            .attribute(IFLA_NUM_RX_QUEUES, &queues)
            .nested(IFLA_LINKINFO, &[], |link| {
                link.attribute(IFLA_INFO_KIND, b"veth")
                    .nested(IFLA_INFO_DATA, &[], peer)
            });
        self.call(request)
    }

    /// Removes the interface, and with it the other end of a pair.
    pub fn delete_link(&mut self, index: u32) -> io::Result<()> {
        self.call(Request::new(RTM_DELLINK, ACK, &link_body(index, 0, 0)))
    }

    /// Gives the interface an address, with the broadcast address of its prefix. Harmless when
    /// it has it.
    pub fn add_address(&mut self, index: u32, addr: Ipv4Addr, prefix: u8) -> io::Result<()> {
        let host_bits = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
        let mut request = Request::new(RTM_NEWADDR, REPLACE, &address_body(index, prefix))
            .attribute(IFA_LOCAL, &addr.octets())
            .attribute(IFA_ADDRESS, &addr.octets());
        // RFC 3021: a prefix of 31 or 32 bits has no broadcast address.
        if prefix < 31 {
            let broadcast = Ipv4Addr::from_bits(addr.to_bits() | host_bits);
            request = request.attribute(IFA_BROADCAST, &broadcast.octets());
        }
        self.call(request)
    }

    /// The IPv4 addresses of the interface with their prefix lengths.
    pub fn addresses(&mut self, index: u32) -> io::Result<Vec<(Ipv4Addr, u8)>> {
        let mut found = Vec::new();
        let request = Request::new(RTM_GETADDR, DUMP, &address_body(0, 0));
        self.socket.call(request, |kind, body| {
            if kind == RTM_NEWADDR && u32_at(body, 4) == Some(index) {
                found.extend(read_address(body));
            }
        })?;
        Ok(found)
    }

    /// Takes every IPv4 address from the interface; their routes go with them.
    pub fn flush_addresses(&mut self, index: u32) -> io::Result<()> {
        for (addr, prefix) in self.addresses(index)? {
            let request = Request::new(RTM_DELADDR, ACK, &address_body(index, prefix))
                .attribute(IFA_LOCAL, &addr.octets());
            match self.call(request) {
                // Removing a primary address takes its secondaries with it.
                Err(error) if error.raw_os_error() == Some(EADDRNOTAVAIL) => {}
                other => other?,
            }
        }
        Ok(())
    }

    /// Routes `destination` (the default route when `None`) through `gateway`, replacing the
    /// route to the same destination. An unspecified gateway means that the destination is on
    /// the link (RFC 3442).
    pub fn add_route(
        &mut self,
        destination: Option<(Ipv4Addr, u8)>,
        gateway: Ipv4Addr,
        index: u32,
    ) -> io::Result<()> {
        let (addr, prefix) = destination.unwrap_or((Ipv4Addr::UNSPECIFIED, 0));
        let on_link = gateway.is_unspecified();
        let scope = if on_link {
            RT_SCOPE_LINK
        } else {
            RT_SCOPE_UNIVERSE
        };
        let body = [
            AF_INET,
            prefix,
            0,
            0,
            RT_TABLE_MAIN,
            RTPROT_BOOT,
            scope,
            RTN_UNICAST,
            0,
            0,
            0,
            0,
        ];
        let mut request = Request::new(RTM_NEWROUTE, REPLACE, &body);
        if prefix > 0 {
            request = request.attribute(RTA_DST, &addr.octets());
        }
        if !on_link {
            request = request.attribute(RTA_GATEWAY, &gateway.octets());
        }
        self.call(request.attribute(RTA_OIF, &index.to_ne_bytes()))
    }

    /// Adds a permanent neighbour entry: `addr` is at this MAC address. Such entries do not count against the
    /// neighbour table's limit, which all namespaces of a host share.
    pub fn add_neighbour_permanent(
        &mut self,
        index: u32,
        addr: Ipv4Addr,
        mac: MacAddr,
    ) -> io::Result<()> {
        let mut body = [0; 12];
        body[0] = AF_INET;
        body[4..8].copy_from_slice(&index.to_ne_bytes());
        body[8..10].copy_from_slice(&NUD_PERMANENT.to_ne_bytes());
        let request = Request::new(RTM_NEWNEIGH, REPLACE, &body)
            .attribute(NDA_DST, &addr.octets())
            .attribute(NDA_LLADDR, &mac.0);
        self.call(request)
    }

    fn link(&mut self, name: &str) -> io::Result<Link> {
        let mut found = None;
        let request = Request::new(RTM_GETLINK, ACK, &link_body(0, 0, 0))
            .attribute(IFLA_IFNAME, &name_bytes(name));
        self.socket.call(request, |kind, body| {
            if kind == RTM_NEWLINK {
                found = read_link(body);
            }
        })?;
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn set_flags(&mut self, index: u32, flags: u32) -> io::Result<()> {
        let body = link_body(index, flags, IFF_UP);
        self.call(Request::new(RTM_NEWLINK, ACK, &body))
    }

    fn call(&mut self, request: Request) -> io::Result<()> {
        self.socket.call(request, |_, _| {})
    }
}

fn with_mac(request: Request, mac: Option<MacAddr>) -> Request {
    match mac {
        Some(mac) => request.attribute(IFLA_ADDRESS, &mac.0),
        None => request,
    }
}

/// `struct ifinfomsg`: of `flags`, the bits in `change` are set.
fn link_body(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut body = [0; 16];
    body[4..8].copy_from_slice(&index.to_ne_bytes());
    body[8..12].copy_from_slice(&flags.to_ne_bytes());
    body[12..].copy_from_slice(&change.to_ne_bytes());
    body
}

fn read_link(body: &[u8]) -> Option<Link> {
    let attributes = body.get(16..)?;
    // The loopback interface of some kernels has no address.
    let mac = find_attribute(attributes, IFLA_ADDRESS)
        .and_then(<[u8]>::first_chunk)
        .map_or_else(MacAddr::default, |octets| MacAddr(*octets));
    Some(Link {
        index: u32_at(body, 4)?,
        mac,
        flags: u32_at(body, 8)?,
    })
}

/// `struct ifaddrmsg`.
fn address_body(index: u32, prefix: u8) -> [u8; 8] {
    let mut body = [AF_INET, prefix, 0, 0, 0, 0, 0, 0];
    body[4..].copy_from_slice(&index.to_ne_bytes());
    body
}

fn read_address(body: &[u8]) -> Option<(Ipv4Addr, u8)> {
    let octets: &[u8; 4] = find_attribute(body.get(8..)?, IFA_LOCAL)?.first_chunk()?;
    Some((Ipv4Addr::from(*octets), *body.get(1)?))
}

/// Names end with a zero byte.
fn name_bytes(name: &str) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

// linux/netlink.h
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_REPLACE: u16 = 0x100;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;

const ACK: u16 = NLM_F_REQUEST | NLM_F_ACK;
const CREATE_NEW: u16 = ACK | NLM_F_CREATE | NLM_F_EXCL;
const REPLACE: u16 = ACK | NLM_F_CREATE | NLM_F_REPLACE;
const DUMP: u16 = NLM_F_REQUEST | NLM_F_DUMP;

// linux/rtnetlink.h
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_GETLINK: u16 = 18;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;
const RTM_NEWROUTE: u16 = 24;
const RTM_NEWNEIGH: u16 = 28;
const RT_TABLE_MAIN: u8 = 254;
const RTPROT_BOOT: u8 = 3;
const RT_SCOPE_UNIVERSE: u8 = 0;
const RT_SCOPE_LINK: u8 = 253;
const RTN_UNICAST: u8 = 1;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;

// linux/if_link.h, linux/veth.h, linux/if.h
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_NUM_TX_QUEUES: u16 = 31;
const IFLA_NUM_RX_QUEUES: u16 = 32;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const IFF_UP: u32 = 1;
const IFF_LOWER_UP: u32 = 1 << 16;

// linux/if_addr.h, linux/neighbour.h
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const NDA_DST: u16 = 1;
const NDA_LLADDR: u16 = 2;
const NUD_PERMANENT: u16 = 0x80;

// The one address family here, and errnos with a meaning.
const AF_INET: u8 = 2;
const EADDRNOTAVAIL: i32 = 99;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_is_first_and_has_no_mac() {
        let mut netlink = Netlink::open().unwrap();
        assert_eq!(netlink.link_index("lo").unwrap(), 1);
        assert_eq!(netlink.mac("lo").unwrap(), MacAddr::default());
        assert!(netlink.carrier("lo").unwrap());
        let addresses = netlink.addresses(1).unwrap();
        assert!(
            addresses.contains(&(Ipv4Addr::LOCALHOST, 8)),
            "{addresses:?}"
        );
    }

    #[test]
    fn a_missing_interface_is_enodev() {
        let error = Netlink::open().unwrap().link_index("nowhere0").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(19), "{error}");
    }
}
