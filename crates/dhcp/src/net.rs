//! Subnets and address ranges, as configuration writes them.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A subnet: `10.77.0.0/24`, no host bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ipv4Net {
    addr: Ipv4Addr,
    prefix_len: u8,
}

impl Ipv4Net {
    /// The subnet of `prefix_len` bits that begins with `addr`.
    pub fn new(addr: Ipv4Addr, prefix_len: u8) -> Option<Self> {
        if prefix_len > 32 {
            return None;
        }
        let net = Self { addr, prefix_len };
        (addr.to_bits() & !net.mask().to_bits() == 0).then_some(net)
    }

    /// The address with all host bits clear.
    pub fn network(self) -> Ipv4Addr {
        self.addr
    }

    /// How many leading bits name the subnet.
    pub fn prefix_len(self) -> u8 {
        self.prefix_len
    }

    /// The subnet mask, option 1.
    pub fn mask(self) -> Ipv4Addr {
        let bits = u32::MAX.checked_shl(32 - u32::from(self.prefix_len));
        Ipv4Addr::from_bits(bits.unwrap_or(0))
    }

    /// The last address, which is the directed broadcast where there is one.
    pub fn last(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.addr.to_bits() | !self.mask().to_bits())
    }

    /// True when `addr` is in the subnet.
    pub fn contains(self, addr: Ipv4Addr) -> bool {
        addr.to_bits() & self.mask().to_bits() == self.addr.to_bits()
    }

    /// True when `addr` is in the subnet and can be a host's (RFC 3021 for /31).
    pub fn contains_host(self, addr: Ipv4Addr) -> bool {
        let edge = self.prefix_len < 31 && (addr == self.addr || addr == self.last());
        self.contains(addr) && !edge
    }

    /// True when the two share an address.
    pub fn overlaps(self, other: Self) -> bool {
        self.contains(other.addr) || other.contains(self.addr)
    }
}

/// Consecutive addresses: `10.77.0.10-10.77.0.200`, or one: `10.77.0.10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddrRange {
    pub first: Ipv4Addr,
    pub last: Ipv4Addr,
}

impl AddrRange {
    /// True when `addr` is in the range.
    pub fn contains(self, addr: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&addr)
    }
}

/// The text is neither of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    #[error("not a subnet: write address/prefix with no host bit set, as in 10.77.0.0/24")]
    Subnet,
    #[error("not a range: write first-last, as in 10.77.0.10-10.77.0.200")]
    Range,
}

impl FromStr for Ipv4Net {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let (addr, prefix_len) = text.split_once('/').ok_or(NetError::Subnet)?;
        let addr = addr.parse().map_err(|_| NetError::Subnet)?;
        let prefix_len = prefix_len.parse().map_err(|_| NetError::Subnet)?;
        Self::new(addr, prefix_len).ok_or(NetError::Subnet)
    }
}

impl FromStr for AddrRange {
    type Err = NetError;

    fn from_str(text: &str) -> Result<Self, NetError> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let first = first.trim().parse().map_err(|_| NetError::Range)?;
        let last = last.trim().parse().map_err(|_| NetError::Range)?;
        if last < first {
            return Err(NetError::Range);
        }
        Ok(Self { first, last })
    }
}

impl TryFrom<String> for Ipv4Net {
    type Error = NetError;

    fn try_from(text: String) -> Result<Self, NetError> {
        text.parse()
    }
}

impl TryFrom<String> for AddrRange {
    type Error = NetError;

    fn try_from(text: String) -> Result<Self, NetError> {
        text.parse()
    }
}

impl From<Ipv4Net> for String {
    fn from(net: Ipv4Net) -> Self {
        net.to_string()
    }
}

impl From<AddrRange> for String {
    fn from(range: AddrRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for Ipv4Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix_len)
    }
}

impl fmt::Display for AddrRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_reads_what_it_writes_and_knows_its_edges() {
        let net: Ipv4Net = "10.77.0.0/24".parse().unwrap();
        assert_eq!(net.to_string(), "10.77.0.0/24");
        assert_eq!(net.mask(), Ipv4Addr::new(255, 255, 255, 0));
        assert_eq!(net.last(), Ipv4Addr::new(10, 77, 0, 255));
        assert!(net.contains_host([10, 77, 0, 1].into()));
        assert!(!net.contains_host([10, 77, 0, 0].into()));
        assert!(!net.contains_host([10, 77, 0, 255].into()));
        assert!(!net.contains([10, 77, 1, 0].into()));
        let all: Ipv4Net = "0.0.0.0/0".parse().unwrap();
        assert!(all.overlaps(net) && net.overlaps(all));
    }

    #[test]
    fn what_is_no_subnet_or_range_is_refused() {
        for text in [
            "10.77.0.1/24",
            "10.77.0.0",
            "10.77.0.0/33",
            "10.77.0/24",
            "",
        ] {
            assert_eq!(text.parse::<Ipv4Net>(), Err(NetError::Subnet), "{text:?}");
        }
        for text in ["10.77.0.9-10.77.0.1", "10.77.0.1-", "a-b", ""] {
            assert_eq!(text.parse::<AddrRange>(), Err(NetError::Range), "{text:?}");
        }
    }
}
