//! The server's configuration as people write it; [`ServerConfig::validate`] makes it usable.
//!
//! [`ServerConfig::validate`]: super::ServerConfig::validate

use std::net::Ipv4Addr;

use quorate_core::MacAddr;
use serde::{Deserialize, Serialize};

use crate::net::{AddrRange, Ipv4Net};

/// Everything the server needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawServerConfig {
    /// Option 54, and the source of replies. The subnet it is in serves clients that no relay
    /// agent speaks for.
    pub server_id: Ipv4Addr,
    pub subnets: Vec<RawSubnet>,
    #[serde(default)]
    pub hosts: Vec<RawHost>,
    /// The first that matches wins.
    #[serde(default)]
    pub classes: Vec<RawClass>,
    /// What firmware boots. The first that matches wins over the class.
    #[serde(default)]
    pub boot: Vec<RawBoot>,
    /// Labels that no client gets by asking, such as `ns1`.
    #[serde(default)]
    pub reserved_names: Vec<String>,
    /// Update the DNS also for clients that want to do it themselves (RFC 4702 §4).
    #[serde(default = "yes")]
    pub override_client_updates: bool,
    #[serde(default)]
    pub limits: Limits,
}

impl RawServerConfig {
    /// A server with one subnet and nothing else.
    pub fn new(server_id: Ipv4Addr, subnet: RawSubnet) -> Self {
        Self {
            server_id,
            subnets: vec![subnet],
            hosts: Vec::new(),
            classes: Vec::new(),
            boot: Vec::new(),
            reserved_names: Vec::new(),
            override_client_updates: true,
            limits: Limits::default(),
        }
    }
}

/// One link's addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawSubnet {
    /// `10.77.0.0/24`.
    pub net: Ipv4Net,
    /// `10.77.0.10-10.77.0.200`; none: reservations only.
    #[serde(default)]
    pub pools: Vec<AddrRange>,
    /// Parts of the pools that are not given out.
    #[serde(default)]
    pub exclude: Vec<AddrRange>,
    #[serde(default)]
    pub routers: Vec<Ipv4Addr>,
    #[serde(default)]
    pub dns: Vec<Ipv4Addr>,
    #[serde(default)]
    pub domain: Option<String>,
    #[serde(default = "lease_secs")]
    pub lease_secs: u32,
}

impl RawSubnet {
    /// A subnet with one pool and nothing else.
    pub fn new(net: Ipv4Net, pool: AddrRange) -> Self {
        Self {
            net,
            pools: vec![pool],
            exclude: Vec::new(),
            routers: Vec::new(),
            dns: Vec::new(),
            domain: None,
            lease_secs: lease_secs(),
        }
    }
}

/// What is set aside for one machine, named by exactly one of `mac` and `client_id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawHost {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddr>,
    /// Option 61 in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addr: Option<Ipv4Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// The class, in the place of the one that matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
}

/// What machines of one kind get. All matchers given must match; with none any client does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawClass {
    pub name: String,
    /// Leading octets of `chaddr`, `02:00:5e`.
    #[serde(default)]
    pub mac_prefix: Option<String>,
    /// The beginning of option 60.
    #[serde(default)]
    pub vendor_class: Option<String>,
    /// The beginning of option 77, or of one of its items (RFC 3004).
    #[serde(default)]
    pub user_class: Option<String>,
    /// A label with `{mac}`, `{ip}` or `{index}`.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Let clients name themselves by option 81 or 12.
    #[serde(default)]
    pub client_hostname: bool,
    /// Option 67 and the `file` field; with the same placeholders.
    #[serde(default)]
    pub boot_file: Option<String>,
    /// The `siaddr` field.
    #[serde(default)]
    pub next_server: Option<Ipv4Addr>,
    #[serde(default)]
    pub options: Vec<RawOption>,
}

/// What firmware of one kind gets in the place of its class's boot file: a machine is the same
/// machine, of the same class, while its ROM, its boot loader and its system ask one after the
/// other. All matchers given must match; with none any client does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBoot {
    /// Any of these in option 93 (RFC 4578 §2.1, and IANA's registry after it): 0 is BIOS, 7 and 9
    /// are UEFI on x86-64, 11 is UEFI on 64-bit ARM, 16 is UEFI on x86-64 that boots by HTTP.
    #[serde(default)]
    pub architectures: Vec<u16>,
    /// As for classes; likewise the next one.
    #[serde(default)]
    pub vendor_class: Option<String>,
    #[serde(default)]
    pub user_class: Option<String>,
    /// As for classes.
    pub boot_file: String,
    #[serde(default)]
    pub next_server: Option<Ipv4Addr>,
    #[serde(default)]
    pub options: Vec<RawOption>,
}

/// One more option, its value given in exactly one of three ways.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawOption {
    pub code: u8,
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default)]
    pub hex: Option<String>,
    #[serde(default)]
    pub addrs: Option<Vec<Ipv4Addr>>,
    /// Send it also to clients that did not ask for it.
    #[serde(default)]
    pub always: bool,
}

/// What bounds the server's memory and promises.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// How long an offer holds its address.
    pub offer_secs: u32,
    /// Offers outstanding at once; further DISCOVERs are dropped.
    pub offers_max: usize,
    /// How long a declined address rests.
    pub decline_secs: u32,
    /// Addresses resting at once; one more lets the oldest go.
    pub declined_max: usize,
    /// Records waiting for the disk; further REQUESTs are dropped.
    pub writes_max: usize,
    /// T1 and T2 are brought forward by up to this part, at random, so that clients which
    /// booted together do not renew together (RFC 2131 §4.4.5).
    pub renewal_fuzz_percent: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            offer_secs: 30,
            offers_max: 4_096,
            decline_secs: 600,
            declined_max: 256,
            writes_max: 65_536,
            renewal_fuzz_percent: 0,
        }
    }
}

fn yes() -> bool {
    true
}

/// One hour.
fn lease_secs() -> u32 {
    3_600
}
