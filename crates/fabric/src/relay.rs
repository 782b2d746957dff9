//! A router with a DHCP relay agent, between one rack and the servers' segment (RFC 1542 §4, RFC
//! 3046), as a pure function of frames.
//!
//! ```text
//!   rack                                     relay                                servers
//!    │ DISCOVER, broadcast                     │ giaddr, hops + 1, option 82          │
//!    │ ──────────────────────────────────────► │ ───────────────────────────────────► │
//!    │            OFFER, to chaddr or to all   │            OFFER, to giaddr, option 82│
//!    │ ◄────────────────────────────────────── │ ◄─────────────────────────────────── │
//!    │ ◄══════ everything else that is IPv4, one hop further (RFC 1812 §5.3) ═══════► │
//! ```
//!
//! It keeps no state. Who has which hardware address is asked of the driver, whose ARP it is.

use std::net::{Ipv4Addr, SocketAddrV4};

use quorate_core::MacAddr;

use crate::frame::{ETHERNET_HEADER_LEN, parse_udp, udp_frame};

/// One of its two interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Rack,
    Core,
}

/// An interface's own addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    pub mac: MacAddr,
    pub addr: Ipv4Addr,
}

/// The router of one rack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Its address is the rack's gateway, and giaddr.
    pub rack: Interface,
    /// The length of the rack's prefix.
    pub rack_prefix_len: u8,
    pub core: Interface,
    /// Where DHCP messages go.
    pub server: Ipv4Addr,
    /// Sub-option 1 of option 82, at most 253 octets: what the operator calls the rack's port.
    pub circuit_id: Vec<u8>,
}

/// A frame to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    pub side: Side,
    pub frame: Vec<u8>,
}

impl Relay {
    /// What becomes of a frame that arrived at this side; `None` when it goes no further.
    /// `neighbour` is the hardware address of an address on the links, if anybody has it.
    pub fn handle_frame(
        &self,
        from: Side,
        frame: &[u8],
        neighbour: impl Fn(Ipv4Addr) -> Option<MacAddr>,
    ) -> Option<Forward> {
        let (_, destination) = crate::frame::addresses(frame)?;
        let own = match from {
            Side::Rack => self.rack,
            Side::Core => self.core,
        };
        if destination != own.mac && !destination.is_group() {
            return None;
        }
        if let Some(udp) = parse_udp(frame)
            && udp.destination.port() == SERVER_PORT
        {
            let to = *udp.destination.ip();
            match from {
                Side::Rack if to.is_broadcast() || to == self.rack.addr => {
                    return self.to_server(udp.payload, neighbour);
                }
                Side::Core if to == self.rack.addr => return self.to_client(udp.payload),
                Side::Rack | Side::Core => {}
            }
        }
        if destination.is_group() {
            return None;
        }
        self.route(from, frame, neighbour)
    }

    /// RFC 1542 §4.1.1: a client's message goes on to the server.
    fn to_server(
        &self,
        payload: &[u8],
        neighbour: impl Fn(Ipv4Addr) -> Option<MacAddr>,
    ) -> Option<Forward> {
        let mut message = Bootp::new(payload)?;
        if message.op() != BOOTREQUEST || message.hops() >= HOPS_MAX {
            return None;
        }
        message.add_hop();
        // Only the first relay agent says where the client is, and only it adds option 82 (RFC
        // 3046 §2.1); a client that claims to have come through one is not believed.
        if message.giaddr().is_unspecified() {
            if message.has_agent_option() {
                return None;
            }
            message.set_giaddr(self.rack.addr);
            message.add_agent_option(&self.circuit_id);
        }
        let frame = udp_frame(
            self.core.mac,
            neighbour(self.server)?,
            SocketAddrV4::new(self.rack.addr, SERVER_PORT),
            SocketAddrV4::new(self.server, SERVER_PORT),
            &message.bytes,
        );
        let side = Side::Core;
        Some(Forward { side, frame })
    }

    /// RFC 1542 §4.1.2: a server's message goes to the client, who may have no address yet.
    fn to_client(&self, payload: &[u8]) -> Option<Forward> {
        let mut message = Bootp::new(payload)?;
        if message.op() != BOOTREPLY || message.giaddr() != self.rack.addr {
            return None;
        }
        message.remove_agent_option();
        let (mac, addr) = if message.wants_broadcast() {
            (MacAddr::BROADCAST, Ipv4Addr::BROADCAST)
        } else {
            (message.chaddr(), message.yiaddr())
        };
        let frame = udp_frame(
            self.rack.mac,
            mac,
            SocketAddrV4::new(self.rack.addr, SERVER_PORT),
            SocketAddrV4::new(addr, CLIENT_PORT),
            &message.bytes,
        );
        let side = Side::Rack;
        Some(Forward { side, frame })
    }

    /// RFC 1812 §5.3: one hop further, or no further.
    fn route(
        &self,
        from: Side,
        frame: &[u8],
        neighbour: impl Fn(Ipv4Addr) -> Option<MacAddr>,
    ) -> Option<Forward> {
        let packet = frame.get(ETHERNET_HEADER_LEN..)?;
        let is_ipv4 = frame.get(12..14)? == ETHERTYPE_IPV4 && packet.first()? >> 4 == 4;
        let ttl = *packet.get(8)?;
        let to = Ipv4Addr::from(*packet.get(16..20)?.first_chunk::<4>()?);
        let side = match from {
            Side::Rack if !self.is_in_rack(to) => Side::Core,
            Side::Core if self.is_in_rack(to) => Side::Rack,
            Side::Rack | Side::Core => return None,
        };
        if !is_ipv4 || ttl <= 1 || to.is_broadcast() || to.is_multicast() {
            return None;
        }
        let source = match side {
            Side::Rack => self.rack.mac,
            Side::Core => self.core.mac,
        };
        let mut frame = frame.to_vec();
        frame[..6].copy_from_slice(&neighbour(to)?.0);
        frame[6..12].copy_from_slice(&source.0);
        let header = &mut frame[ETHERNET_HEADER_LEN..];
        header[8] = ttl - 1;
        // RFC 1624 §3: HC' = ~(~HC + ~m + m'), here for the word with the TTL.
        let old = u16::from_be_bytes([ttl, header[9]]);
        let new = u16::from_be_bytes([ttl - 1, header[9]]);
        let sum = u16::from_be_bytes([header[10], header[11]]);
        let sum = !ones_sum(ones_sum(!sum, !old), new);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        Some(Forward { side, frame })
    }

    fn is_in_rack(&self, addr: Ipv4Addr) -> bool {
        let mask = u32::MAX
            .checked_shl(32 - u32::from(self.rack_prefix_len))
            .unwrap_or(0);
        addr.to_bits() & mask == self.rack.addr.to_bits() & mask
    }
}

/// A DHCP message, of which a relay agent knows the fixed part and where options begin.
struct Bootp {
    bytes: Vec<u8>,
}

impl Bootp {
    /// `None` for what is too short, of another hardware, or has no options.
    fn new(payload: &[u8]) -> Option<Self> {
        let has_cookie = payload.get(OPTIONS_AT - 4..OPTIONS_AT)? == MAGIC_COOKIE;
        let is_ethernet = payload[1..3] == [1, 6];
        (has_cookie && is_ethernet).then(|| Self {
            bytes: payload.to_vec(),
        })
    }

    fn op(&self) -> u8 {
        self.bytes[0]
    }

    fn hops(&self) -> u8 {
        self.bytes[3]
    }

    fn add_hop(&mut self) {
        self.bytes[3] += 1;
    }

    /// RFC 2131 §2, figure 2.
    fn wants_broadcast(&self) -> bool {
        self.bytes[10] & 0x80 != 0
    }

    fn yiaddr(&self) -> Ipv4Addr {
        self.addr(16)
    }

    fn giaddr(&self) -> Ipv4Addr {
        self.addr(GIADDR_AT)
    }

    fn set_giaddr(&mut self, addr: Ipv4Addr) {
        self.bytes[GIADDR_AT..GIADDR_AT + 4].copy_from_slice(&addr.octets());
    }

    fn chaddr(&self) -> MacAddr {
        let octets = self.bytes[28..].first_chunk::<6>();
        MacAddr(*octets.expect("the fixed part is there"))
    }

    fn addr(&self, at: usize) -> Ipv4Addr {
        let octets = self.bytes[at..].first_chunk::<4>();
        Ipv4Addr::from(*octets.expect("the fixed part is there"))
    }

    /// Where an option begins and how long it is with its header.
    fn find(&self, wanted: u8) -> Option<(usize, usize)> {
        let mut at = OPTIONS_AT;
        loop {
            let code = *self.bytes.get(at)?;
            if code == wanted {
                let len = match code {
                    END => 1,
                    _ => 2 + usize::from(*self.bytes.get(at + 1)?),
                };
                return (at + len <= self.bytes.len()).then_some((at, len));
            }
            at += match code {
                PAD => 1,
                END => return None,
                _ => 2 + usize::from(*self.bytes.get(at + 1)?),
            };
        }
    }

    fn has_agent_option(&self) -> bool {
        self.find(RELAY_AGENT).is_some()
    }

    /// RFC 3046 §2.1: it is the last one before the end.
    fn add_agent_option(&mut self, circuit_id: &[u8]) {
        let Ok(len) = u8::try_from(circuit_id.len()) else {
            return;
        };
        let Some(((at, _), option_len)) = self.find(END).zip(len.checked_add(2)) else {
            return;
        };
        let header = [RELAY_AGENT, option_len, CIRCUIT_ID, len];
        let option = header.iter().chain(circuit_id).copied();
        self.bytes.splice(at..at, option);
    }

    fn remove_agent_option(&mut self) {
        if let Some((at, len)) = self.find(RELAY_AGENT) {
            self.bytes.drain(at..at + len);
        }
    }
}

/// RFC 1071: the ones' complement sum.
fn ones_sum(a: u16, b: u16) -> u16 {
    let (sum, carry) = a.overflowing_add(b);
    sum + u16::from(carry)
}

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const BOOTREQUEST: u8 = 1;
const BOOTREPLY: u8 = 2;
/// RFC 1542 §4.1.1.
const HOPS_MAX: u8 = 16;
const GIADDR_AT: usize = 24;
/// The fixed part and the magic cookie (RFC 2131 §3).
const OPTIONS_AT: usize = 240;
const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
const PAD: u8 = 0;
const RELAY_AGENT: u8 = 82;
const CIRCUIT_ID: u8 = 1;
const END: u8 = 255;

#[cfg(test)]
mod tests;
