//! What goes into an engine from the network, and what comes out.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An EUI-48 link-layer address, written `02:00:5e:10:00:01`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// All ones: every station on the link.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// True for broadcast and multicast addresses.
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is not six two-digit hexadecimal octets separated by colons or hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MacAddrError;

impl fmt::Display for MacAddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a MAC address: write six octets, as in 02:00:5e:10:00:01")
    }
}

impl std::error::Error for MacAddrError {}

impl FromStr for MacAddr {
    type Err = MacAddrError;

    fn from_str(text: &str) -> Result<Self, MacAddrError> {
        let mut octets = [0u8; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            let part = parts.next().ok_or(MacAddrError)?;
            let hex = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
            *octet = hex
                .then(|| u8::from_str_radix(part, 16).ok())
                .flatten()
                .ok_or(MacAddrError)?;
        }
        if parts.next().is_some() {
            return Err(MacAddrError);
        }
        Ok(Self(octets))
    }
}

impl TryFrom<String> for MacAddr {
    type Error = MacAddrError;

    fn try_from(text: String) -> Result<Self, MacAddrError> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

/// Names one stream (a TCP connection, or one request on it) between a driver and an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// How a message travelled, which bounds how large its answer may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// One UDP datagram; an answer goes back to its source.
    Udp,
    /// One length-delimited message of a stream; an answer goes back on the same stream.
    Stream(StreamId),
}

/// One message from the network.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The sender, as the IP header names it.
    pub source: SocketAddr,
    /// The local address it was sent to (may be a broadcast address).
    pub destination: SocketAddr,
    /// How it came.
    pub channel: Channel,
    pub payload: &'a [u8],
}

/// Where a message is meant to go. The engine decides, the driver realises it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// An ordinary routed UDP datagram.
    Udp(SocketAddr),
    /// The limited broadcast address on the link the engine serves.
    Broadcast { port: u16 },
    /// One UDP datagram framed straight to `mac`, because `addr` does not answer ARP yet
    /// (RFC 2131 §4.1).
    Link {
        mac: MacAddr,
        addr: Ipv4Addr,
        port: u16,
    },
    /// Back on the stream a message came from.
    Stream(StreamId),
}

/// One message to the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// The local address and port to send from; an unspecified address lets the driver choose.
    pub source: SocketAddr,
    pub destination: Destination,
    pub payload: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_address_reads_what_it_writes() {
        let mac: MacAddr = "02:00:5E-10:00:0f".parse().unwrap();
        assert_eq!(mac.to_string(), "02:00:5e:10:00:0f");
        assert_eq!(mac.to_string().parse(), Ok(mac));
    }

    #[test]
    fn what_is_not_a_mac_address_is_refused() {
        for text in [
            "",
            "02:00:5e:10:00",
            "02:00:5e:10:00:01:02",
            "2:0:5e:10:0:1",
            "+2:00:5e:10:00:01",
        ] {
            assert_eq!(text.parse::<MacAddr>(), Err(MacAddrError), "{text:?}");
        }
    }
}
