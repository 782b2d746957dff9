//! `quorate.toml`: what the services do, and where.
//!
//! A section that is absent, or says `enable = false`, is a service that does not run.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

pub use quorate_boot::{EtcdUnit, PeerScheme, Script};
use quorate_core::MacAddr;
pub use quorate_ddns::{DEFAULT_TTL_SECS, RawService, RawSet};
pub use quorate_dhcp::net::{AddrRange, Ipv4Net};
use quorate_dhcp::server::RawServerConfig;
pub use quorate_dhcp::server::{Limits, RawBoot, RawClass, RawHost, RawSubnet};
pub use quorate_dns::RawZone;
use serde::{Deserialize, Serialize};

mod one_or_many;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where leases, zones and keys are kept; created 0700 when it is absent.
    pub state_dir: PathBuf,
    #[serde(default)]
    pub dhcp: Option<Dhcp>,
    #[serde(default)]
    pub dns: Option<Dns>,
    #[serde(default)]
    pub ddns: Option<Ddns>,
    #[serde(default)]
    pub seed: Option<Seed>,
    #[serde(default)]
    pub boot: Option<Boot>,
}

/// The DHCPv4 server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dhcp {
    #[serde(default = "yes")]
    pub enable: bool,
    /// The interface to serve; relay agents reach the server through it too.
    pub interface: String,
    /// The server's own address on that interface (option 54).
    pub server_id: Ipv4Addr,
    pub subnets: Vec<RawSubnet>,
    #[serde(default)]
    pub classes: Vec<RawClass>,
    /// What firmware boots, by its kind.
    #[serde(default)]
    pub boot: Vec<RawBoot>,
    #[serde(default)]
    pub hosts: Vec<RawHost>,
    #[serde(default)]
    pub reserved_names: Vec<String>,
    #[serde(default = "yes")]
    pub override_client_updates: bool,
    #[serde(default)]
    pub limits: Limits,
}

impl Config {
    /// The section, unless it is switched off; likewise for the others.
    pub fn dhcp(&self) -> Option<&Dhcp> {
        self.dhcp.as_ref().filter(|section| section.enable)
    }

    pub fn dns(&self) -> Option<&Dns> {
        self.dns.as_ref().filter(|section| section.enable)
    }

    pub fn ddns(&self) -> Option<&Ddns> {
        self.ddns.as_ref().filter(|section| section.enable)
    }

    pub fn seed(&self) -> Option<&Seed> {
        self.seed.as_ref().filter(|section| section.enable)
    }

    pub fn boot(&self) -> Option<&Boot> {
        self.boot.as_ref().filter(|section| section.enable)
    }
}

impl Dhcp {
    pub(crate) fn server(&self) -> RawServerConfig {
        RawServerConfig {
            server_id: self.server_id,
            subnets: self.subnets.clone(),
            hosts: self.hosts.clone(),
            classes: self.classes.clone(),
            boot: self.boot.clone(),
            reserved_names: self.reserved_names.clone(),
            override_client_updates: self.override_client_updates,
            limits: self.limits.clone(),
        }
    }
}

/// The authoritative DNS server, updates included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    #[serde(default = "yes")]
    pub enable: bool,
    /// UDP and TCP are served on each.
    pub listen: Vec<SocketAddr>,
    #[serde(default)]
    pub zones: Vec<RawZone>,
    /// Who may change what.
    #[serde(default)]
    pub update: Vec<quorate_dns::policy::RawGrant>,
    /// Who may transfer zones.
    #[serde(default)]
    pub transfer: Vec<quorate_dns::policy::RawPeer>,
    /// TSIG keys in BIND's key-file format.
    #[serde(default)]
    pub key_files: Vec<PathBuf>,
}

/// From leases to names and services: UPDATEs to a DNS server, ours or another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ddns {
    #[serde(default = "yes")]
    pub enable: bool,
    /// The server that gets the UPDATEs.
    pub server: SocketAddr,
    /// The TSIG key to sign with. Without one, and with our own DNS server in this file, a key
    /// is made in `state_dir` and both use it.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    pub forward_zone: String,
    #[serde(default)]
    pub reverse_zones: Vec<String>,
    #[serde(default = "ttl_secs")]
    pub ttl_secs: u32,
    #[serde(default)]
    pub services: Vec<RawService>,
}

/// NoCloud seeds over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seed {
    #[serde(default = "yes")]
    pub enable: bool,
    pub listen: SocketAddr,
    /// What machines of one class run; a table, or an array of them for several classes.
    #[serde(default, deserialize_with = "one_or_many::deserialize")]
    pub etcd: Vec<SeedEtcd>,
}

/// The etcd unit that the seeds of one class install.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeedEtcd {
    pub class: String,
    pub unit: EtcdUnit,
}

/// Network boot. Files go over the HTTP server of `[seed]`, under `/boot/`; the script for iPXE
/// under `/ipxe/<mac>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Boot {
    #[serde(default = "yes")]
    pub enable: bool,
    /// Directories of boot files; a file hides its namesakes in later ones.
    pub files: Vec<PathBuf>,
    /// Where firmware asks for its boot loader by TFTP.
    #[serde(default)]
    pub tftp: Option<SocketAddr>,
    /// How machines reach the HTTP server. Default: the `server_id` of `[dhcp]` and the port of
    /// `[seed]`.
    #[serde(default)]
    pub url: Option<String>,
    /// Answer IPv6 router solicitations on the interface of `[dhcp]`: there is no router. iPXE
    /// waits 13 seconds for one otherwise. Switch it off where there is one.
    #[serde(default = "yes")]
    pub no_ipv6_router: bool,
    /// What machines boot that nothing in `scripts` is for.
    pub script: Script,
    /// What some machines boot instead; the first one that is for a machine counts.
    #[serde(default)]
    pub scripts: Vec<ScriptFor>,
}

/// What some machines boot: those with one of the addresses, or of the class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptFor {
    #[serde(default)]
    pub macs: Vec<MacAddr>,
    #[serde(default)]
    pub class: Option<String>,
    pub script: Script,
}

impl ScriptFor {
    /// True when this is what the machine boots.
    pub fn is_for(&self, mac: MacAddr, class: Option<&str>) -> bool {
        self.macs.contains(&mac) || (self.class.is_some() && self.class.as_deref() == class)
    }
}

/// Short, since names appear while people wait for them.
const fn ttl_secs() -> u32 {
    DEFAULT_TTL_SECS
}

const fn yes() -> bool {
    true
}
