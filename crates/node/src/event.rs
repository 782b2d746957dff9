//! What a driver reports to a node, and what a node reports and asks of its driver.
//!
//! Events travel as JSON lines from the agent to the runner, tagged by `type`. Those marked
//! *order* must be carried out by the driver, which answers with the command that they name.

use std::net::Ipv4Addr;

use quorate_dhcp::client::Configuration;
use serde::{Deserialize, Serialize};

use crate::unit::EnvironmentFile;

/// What the driver asks of the node or reports to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The machine gets power. Ignored when it has.
    PowerOn,
    /// [`Event::Configure`] is done.
    InterfaceConfigured,
    /// [`Event::Configure`] could not be done.
    InterfaceFailed { why: String },
    /// Another station uses the address of the last [`Event::Probe`], or the leased one.
    Conflict,
    /// What came of [`Event::FetchSeed`]: the body of the answer, or why there is none.
    SeedFetched {
        url: String,
        outcome: Result<Vec<u8>, String>,
    },
    /// What came of [`Event::InstallFile`].
    FileInstalled {
        path: String,
        outcome: Result<(), String>,
    },
    /// The process of [`Event::StartUnit`] runs.
    UnitStarted { unit: String, pid: Option<u32> },
    /// The process of [`Event::StartUnit`] has ended, or could not be started.
    UnitExited { unit: String, status: ExitStatus },
    /// Something else that the driver had to do has failed; the node only reports it.
    ReportFailure { what: String },
    /// The machine is asked to stop: units first, then the lease, then [`Event::PoweredOff`].
    PowerOff,
}

/// What the node asks for, and what it reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    PoweredOn,
    /// A DHCP message left. `attempt` counts retransmissions of one exchange from 1.
    DhcpSent {
        message: String,
        attempt: u32,
    },
    /// A DHCP message was not understood or not wanted.
    DhcpDropped {
        reason: String,
    },
    /// *Order*: see whether another station uses `addr` (RFC 5227 §2.1); answer only a use, with
    /// [`Command::Conflict`].
    Probe {
        addr: Ipv4Addr,
    },
    /// The address was in use and has been declined.
    Declined {
        addr: Ipv4Addr,
    },
    Leased(Lease),
    LeaseRenewed {
        lease_secs: u32,
    },
    /// *Order*: the addresses of the interface are no longer ours; take them off it.
    LeaseLost {
        reason: String,
    },
    /// *Order*: put the address on the interface, and the routes and name servers in place.
    /// Answered by [`Command::InterfaceConfigured`] or [`Command::InterfaceFailed`].
    Configure {
        addr: Ipv4Addr,
        prefix_len: u8,
        routers: Vec<Ipv4Addr>,
        dns: Vec<Ipv4Addr>,
    },
    /// *Order*: this is the machine's name now.
    SetHostname {
        hostname: String,
    },
    /// *Order*: GET this. Answered by [`Command::SeedFetched`].
    FetchSeed {
        url: String,
    },
    /// The seed, or a file of it, was not there; the node asks again.
    SeedRetry {
        url: String,
        why: String,
        retry_in_ms: u64,
    },
    /// The lease names no seed.
    NoSeed {
        boot_file: Option<String>,
    },
    /// The seed was read; what it asks for follows.
    SeedApplied {
        instance_id: Option<String>,
    },
    /// *Order*: write this file. Answered by [`Command::FileInstalled`].
    InstallFile {
        path: String,
        permissions: u32,
        content: String,
    },
    /// *Order*: start this process with exactly this environment and what the files add to it, as
    /// the leader of a process group of its own. Answered by [`Command::UnitStarted`] and [`Command::UnitExited`].
    StartUnit {
        unit: String,
        step: Step,
        argv: Vec<String>,
        env: Vec<(String, String)>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        env_files: Vec<EnvironmentFile>,
        /// `RLIMIT_NOFILE`, soft and hard.
        open_files: Option<(u64, u64)>,
        /// Counts the starts of this unit from 1.
        attempt: u32,
    },
    UnitUp {
        unit: String,
        pid: Option<u32>,
    },
    UnitExited {
        unit: String,
        step: Step,
        status: ExitStatus,
        restart_in_ms: Option<u64>,
    },
    /// The unit stays down: its restart policy or its start limit says so.
    UnitGaveUp {
        unit: String,
        why: String,
    },
    /// *Order*: send this signal to the unit's process group. Answered by
    /// [`Command::UnitExited`] when it has ended.
    StopUnit {
        unit: String,
        signal: StopSignal,
    },
    /// The seed asks for something that a node does not do, so it was left out.
    Unsupported {
        what: String,
    },
    /// Something failed that the node cannot put right.
    Failure {
        what: String,
    },
    /// Nothing of the machine runs any more.
    PoweredOff,
}

/// What a DHCP server gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub addr: Ipv4Addr,
    pub prefix_len: u8,
    pub server: Ipv4Addr,
    pub hostname: Option<String>,
    pub domain: Option<String>,
    pub routers: Vec<Ipv4Addr>,
    pub dns: Vec<Ipv4Addr>,
    pub lease_secs: u32,
    pub boot_file: Option<String>,
}

impl From<&Configuration> for Lease {
    fn from(configuration: &Configuration) -> Self {
        Self {
            addr: configuration.addr,
            prefix_len: configuration.prefix_len,
            server: configuration.server,
            hostname: configuration.hostname.clone(),
            domain: configuration.domain.clone(),
            routers: configuration.routers.clone(),
            dns: configuration.dns.clone(),
            lease_secs: configuration.lease_secs,
            boot_file: configuration.boot_file.clone(),
        }
    }
}

/// Which command of a unit a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Step {
    /// `ExecStartPre=`, counted from 0.
    Pre { index: usize },
    /// `ExecStart=`.
    Main,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum ExitStatus {
    Code {
        code: i32,
    },
    Signal {
        signal: i32,
    },
    /// It never ran.
    NotStarted {
        why: String,
    },
}

/// How firmly a unit is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopSignal {
    Term,
    Kill,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_a_json_line() {
        let events = [
            Event::PoweredOn,
            Event::Leased(Lease {
                addr: Ipv4Addr::new(10, 77, 0, 11),
                prefix_len: 24,
                server: Ipv4Addr::new(10, 77, 0, 2),
                hostname: Some("n1".into()),
                domain: None,
                routers: vec![],
                dns: vec![Ipv4Addr::new(10, 77, 0, 2)],
                lease_secs: 60,
                boot_file: None,
            }),
            Event::StartUnit {
                unit: "etcd.service".into(),
                step: Step::Pre { index: 1 },
                argv: vec!["/usr/bin/etcd".into()],
                env: vec![("A".into(), "b c".into())],
                env_files: Vec::new(),
                open_files: Some((1, u64::MAX)),
                attempt: 3,
            },
            Event::UnitExited {
                unit: "etcd.service".into(),
                step: Step::Main,
                status: ExitStatus::Signal { signal: 9 },
                restart_in_ms: Some(100),
            },
        ];
        for event in events {
            let line = serde_json::to_string(&event).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Event>(&line).unwrap(), event);
        }
    }
}
