//! What a driver asks of a node or reports to it, and what happened in a node's life.
//!
//! Events travel as JSON lines from the agent to the runner, tagged by `type`. What the node wants
//! done is an [`Effect`](crate::Effect).

use std::net::Ipv4Addr;

use quorate_dhcp::client::Configuration;
use serde::{Deserialize, Serialize};

/// What the driver asks of the node or reports to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// The machine gets power. Ignored when it has.
    PowerOn,
    /// [`Configure`](crate::Effect::Configure) is done.
    InterfaceConfigured,
    /// [`Configure`](crate::Effect::Configure) could not be done.
    InterfaceFailed { why: String },
    /// Another machine uses the address of the last
    /// [`Probe`](crate::Effect::Probe), or the leased one.
    Conflict,
    /// What came of [`FetchSeed`](crate::Effect::FetchSeed): the body of the answer, or why
    /// there is none.
    SeedFetched {
        url: String,
        outcome: Result<Vec<u8>, String>,
    },
    /// What came of [`InstallFile`](crate::Effect::InstallFile).
    FileInstalled {
        path: String,
        outcome: Result<(), String>,
    },
    /// The process of [`StartUnit`](crate::Effect::StartUnit) runs.
    UnitStarted { unit: String, pid: Option<u32> },
    /// The process of [`StartUnit`](crate::Effect::StartUnit) has ended, or could not be started.
    UnitExited { unit: String, status: ExitStatus },
    /// Something else that the driver had to do has failed; the node only reports it.
    ReportFailure { what: String },
    /// The machine is asked to stop: units first, then the lease, then [`Event::PoweredOff`].
    PowerOff,
}

/// What happened.
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
    /// The address was in use and has been declined.
    Declined {
        addr: Ipv4Addr,
    },
    Leased(Lease),
    LeaseRenewed {
        lease_secs: u32,
    },
    /// The addresses of the interface are no longer the machine's.
    LeaseLost {
        reason: String,
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
    /// A process was asked for. `attempt` counts the starts of this unit from 1.
    UnitStarting {
        unit: String,
        step: Step,
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
            Event::UnitStarting {
                unit: "etcd.service".into(),
                step: Step::Pre { index: 1 },
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
