//! The node agent: drives one machine's life on a real kernel.
//!
//! [`run`] is the driver of a [`quorate_node::Node`] in one network namespace, as PID 1 of a
//! machine or as an ordinary process. One thread waits in `poll(2)` for frames, signals, ended
//! fetches and the engine's deadline; HTTP alone happens on helper threads.
//!
//! - `driver`: the loop, and what each of the engine's requests means
//! - `link`: the interface: frames in and out, address, routes
//! - `frame`: DHCP and ARP frames, and the filter that lets DHCP in
//! - `fetch`: HTTP
//! - `processes`: units' processes, and reaping; `unit_log`: what they say, which has bounds
//! - `peers`: the wait for etcd's peers, a step of its unit
//! - `system_files`: names and name servers
//!
//! Everything the engine says is written as JSON lines, each a [`Line`].
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

mod driver;
mod fetch;
mod frame;
mod link;
mod peers;
mod processes;
mod system_files;
mod unit_log;

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;

pub use quorate_node::Datasource;
use quorate_node::{Effect, Event};
use serde::{Deserialize, Serialize};

pub use driver::run;
pub use peers::{AwaitPeers, Awaited, await_peers};

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
    /// Where the output of every unit goes instead: a serial port that somebody reads.
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

/// One line of the agent's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `CLOCK_MONOTONIC`, which every process of a host reads alike.
    pub mono_ns: u64,
    /// The wall clock of the machine: seconds since 1970.
    pub wall_secs: u64,
    #[serde(flatten)]
    pub report: Report,
}

/// What a line reports, under a key of its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// This happened.
    Event(Event),
    /// The agent does this for the node.
    Effect(Effect),
}

/// The agent cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("interface {interface}: {source}")]
    Interface {
        interface: String,
        #[source]
        source: io::Error,
    },
    #[error("signals cannot be received: {0}")]
    Signals(#[source] io::Error),
    #[error("fetches cannot be waited for: {0}")]
    Fetches(#[source] io::Error),
    #[error("events cannot be written: {0}")]
    Events(#[source] io::Error),
    #[error("poll: {0}")]
    Poll(#[source] io::Error),
}
