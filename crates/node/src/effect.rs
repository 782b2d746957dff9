//! What a node wants done: all that needs a kernel, a network or a clock.

use std::convert::Infallible;
use std::net::Ipv4Addr;

use quorate_core::Queue;
use serde::{Deserialize, Serialize};

use crate::event::{Event, Step};
use crate::unit::EnvironmentFile;

/// What a node puts out.
pub type Outbox = Queue<Effect, Event, Infallible>;

/// The driver does this, and answers with the command that is named here. Agents log effects as
/// JSON, tagged by `type`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Effect {
    /// See whether another machine uses `addr` (RFC 5227 §2.1); answer only a use, with
    /// [`Command::Conflict`](crate::Command::Conflict). [`Configure`](Self::Configure) and
    /// [`Deconfigure`](Self::Deconfigure) end the probe, too.
    Probe { addr: Ipv4Addr },
    /// Stop looking for another user of the address.
    EndProbe,
    /// Put the address on the interface, and the routes and name servers in place. Answered by
    /// [`Command::InterfaceConfigured`](crate::Command::InterfaceConfigured) or
    /// [`Command::InterfaceFailed`](crate::Command::InterfaceFailed).
    Configure {
        addr: Ipv4Addr,
        prefix_len: u8,
        routers: Vec<Ipv4Addr>,
        dns: Vec<Ipv4Addr>,
    },
    /// Remove every address from the interface.
    Deconfigure,
    /// Name the machine so.
    SetHostname { hostname: String },
    /// GET this. Answered by [`Command::SeedFetched`](crate::Command::SeedFetched).
    FetchSeed { url: String },
    /// Write this file. Answered by [`Command::FileInstalled`](crate::Command::FileInstalled).
    InstallFile {
        path: String,
        permissions: u32,
        content: String,
    },
    /// Start this process with exactly this environment and what the files add to it, as the
    /// leader of a process group of its own. Answered by
    /// [`Command::UnitStarted`](crate::Command::UnitStarted) and
    /// [`Command::UnitExited`](crate::Command::UnitExited).
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
    /// Send this signal to the unit's process group. Answered by
    /// [`Command::UnitExited`](crate::Command::UnitExited) when it has ended.
    StopUnit { unit: String, signal: StopSignal },
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
    fn effects_survive_a_json_line() {
        let effects = [
            Effect::Deconfigure,
            Effect::StartUnit {
                unit: "etcd.service".into(),
                step: Step::Pre { index: 1 },
                argv: vec!["/usr/bin/etcd".into()],
                env: vec![("A".into(), "b c".into())],
                env_files: Vec::new(),
                open_files: Some((1, u64::MAX)),
                attempt: 3,
            },
            Effect::StopUnit {
                unit: "etcd.service".into(),
                signal: StopSignal::Kill,
            },
        ];
        for effect in effects {
            let line = serde_json::to_string(&effect).unwrap();
            assert!(!line.contains('\n'));
            assert_eq!(serde_json::from_str::<Effect>(&line).unwrap(), effect);
        }
    }
}
