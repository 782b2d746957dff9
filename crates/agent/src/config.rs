//! What an agent is configured with.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use quorate_node::Datasource;
use serde::{Deserialize, Serialize};

/// One machine, as its agent is configured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The interface to boot from.
    pub interface: String,
    /// Sent in DHCP option 12, and the machine's name when neither lease nor seed gives one.
    #[serde(default)]
    pub hostname: Option<String>,
    /// Sent in DHCP option 61 as text of type 0 (RFC 2132 §9.14). The server goes by the MAC
    /// address when absent.
    #[serde(default)]
    pub client_id: Option<String>,
    /// DHCP option 60.
    #[serde(default)]
    pub vendor_class: Option<String>,
    /// DHCP option 77.
    #[serde(default)]
    pub user_class: Option<String>,
    /// The address to ask for first (INIT-REBOOT).
    #[serde(default)]
    pub previous: Option<Ipv4Addr>,
    /// Feeds transaction identifiers and jitter. Two machines may share one: each draws from a
    /// stream named after its MAC address.
    #[serde(default)]
    pub seed: u64,
    /// The delay of the first DHCP retransmission (RFC 2131 §4.1: 4 s).
    #[serde(default = "first_retry_ms")]
    pub first_retry_ms: u64,
    /// How long an ARP probe listens before a lease is used; no probe when absent.
    #[serde(default)]
    pub probe_ms: Option<u64>,
    /// Where the seed is.
    #[serde(default)]
    pub datasource: Datasource,
    /// Where units of the seed are written.
    #[serde(default = "unit_dir")]
    pub unit_dir: PathBuf,
    /// Where `resolv.conf`, `hostname` and `hosts` are.
    #[serde(default = "etc_dir")]
    pub etc_dir: PathBuf,
    /// Where the output of each unit goes, as `<unit>.log`.
    #[serde(default = "log_dir")]
    pub log_dir: PathBuf,
    /// Where the output of every unit goes instead: a serial port that the host reads.
    #[serde(default)]
    pub log_file: Option<PathBuf>,
}

impl Config {
    /// A machine that boots from `interface` with the defaults of a real one.
    pub fn new(interface: impl Into<String>) -> Self {
        Self {
            interface: interface.into(),
            hostname: None,
            client_id: None,
            vendor_class: None,
            user_class: None,
            previous: None,
            datasource: Datasource::Lease,
            seed: 0,
            first_retry_ms: first_retry_ms(),
            probe_ms: None,
            unit_dir: unit_dir(),
            etc_dir: etc_dir(),
            log_dir: log_dir(),
            log_file: None,
        }
    }
}

fn first_retry_ms() -> u64 {
    4_000
}

fn unit_dir() -> PathBuf {
    "/etc/systemd/system".into()
}

fn etc_dir() -> PathBuf {
    "/etc".into()
}

fn log_dir() -> PathBuf {
    "/var/log".into()
}
