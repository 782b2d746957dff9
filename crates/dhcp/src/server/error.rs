//! Why a configuration cannot be used.

use std::net::Ipv4Addr;

use super::lease::ClientKey;
use crate::net::{AddrRange, Ipv4Net};

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("no subnet is configured")]
    NoSubnet,
    #[error("subnets {0} and {1} overlap")]
    SubnetsOverlap(Ipv4Net, Ipv4Net),
    #[error("range {range} is not within the hosts of subnet {net}")]
    RangeOutside { range: AddrRange, net: Ipv4Net },
    #[error("pools {0} and {1} overlap")]
    PoolsOverlap(AddrRange, AddrRange),
    #[error("lease_secs of subnet {net} is {lease_secs}: write 4 or more")]
    LeaseSecs { net: Ipv4Net, lease_secs: u32 },
    #[error("domain {0:?} is not dot-separated labels of letters, digits and hyphens")]
    Domain(String),
    #[error("host {0} must have exactly one of mac and client_id")]
    HostKey(usize),
    #[error("client_id {0:?} is not 2 to 255 octets in hexadecimal")]
    ClientId(String),
    #[error("two hosts have the key {0}")]
    DuplicateHost(ClientKey),
    #[error("two hosts reserve {0}")]
    DuplicateAddr(Ipv4Addr),
    #[error("two hosts have the name {0:?}")]
    DuplicateHostname(String),
    #[error("host address {0} is in no subnet, or not a host's")]
    HostOutside(Ipv4Addr),
    #[error("host address {0} is the server's own")]
    HostIsServer(Ipv4Addr),
    #[error("{0:?} is not a label of letters, digits and inner hyphens, or begins with ip-")]
    Hostname(String),
    #[error("there is no class {0:?}")]
    UnknownClass(String),
    #[error("two classes have the name {0:?}")]
    DuplicateClass(String),
    #[error("mac_prefix {0:?} is not 1 to 6 octets in hexadecimal")]
    MacPrefix(String),
    #[error(
        "hostname template {0:?} does not always give a label: use letters, digits, hyphens, \
         {{mac}}, {{ip}} and {{index}}, at most 61 long when filled in, not beginning with ip-"
    )]
    HostnameTemplate(String),
    #[error("boot file {0:?} is longer than 127 octets or has an unknown placeholder")]
    BootFile(String),
    #[error("option {0} must have exactly one of text, hex (octet pairs) and addrs")]
    OptionValue(u8),
    #[error("option {0} is decided by the server, or listed twice")]
    OptionCode(u8),
}
