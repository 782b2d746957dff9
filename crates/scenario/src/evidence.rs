//! What a world collects at the end of a story, for the oracles.

use std::net::Ipv4Addr;

use quorate_core::MacAddr;
use quorate_etcd::{ClusterId, MemberId};
use serde::{Deserialize, Serialize};

/// The state of the world when the story ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// The server's lease database: active leases only.
    pub leases: Vec<Lease>,
    /// What the DNS answered for the name and the address of every lease.
    pub names: Vec<Name>,
    /// What the DNS answered for the service.
    pub srv: Vec<Srv>,
    /// What etcd's discovery service had written down, in stories that have one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub registry: Vec<Registered>,
    /// What every member answered that could be asked.
    pub members: Vec<Member>,
    /// What happened to one value for each pair of members.
    pub writes: Vec<Write>,
    /// What became of values that were written when every cluster had formed, in stories that look
    /// for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<Write>,
    /// Why nothing is known of leases, names and records, when the servers did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub servers_silent: Option<String>,
    /// The last line in the log of each service that runs and is not healthy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_lines: Vec<LastLine>,
    /// Why times and failures of this run cannot be trusted, when they cannot.
    pub starved: Option<String>,
}

/// What a service wrote last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastLine {
    pub machine: String,
    pub line: String,
}

impl Evidence {
    /// True when nothing was collected.
    pub fn is_empty(&self) -> bool {
        let starved = self.starved.clone();
        *self
            == Self {
                starved,
                ..Self::default()
            }
    }

    /// Of a run that was too late to collect any.
    pub(crate) fn without(starved: String) -> Self {
        Self {
            starved: Some(starved),
            ..Self::default()
        }
    }
}

/// One active lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    pub addr: Ipv4Addr,
    pub mac: MacAddr,
    pub hostname: Option<String>,
}

/// The answers for one leased machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name {
    pub hostname: String,
    /// A records of the name.
    pub forward: Vec<Ipv4Addr>,
    /// PTR records of the leased address, without trailing dots.
    pub reverse: Vec<String>,
}

/// One SRV record of the service's server set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Srv {
    /// Without trailing dots.
    pub owner: String,
    pub target: String,
    pub port: u16,
}

/// One member in a directory of etcd's discovery service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// The directory.
    pub url: String,
    /// `name=peer URL`
    pub member: String,
}

/// One member's own view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub machine: String,
    pub cluster_id: ClusterId,
    pub member_id: MemberId,
    /// Names of the voters in its member list; empty for one that has not started.
    pub voters: Vec<String>,
}

/// One value, written through one member and read through another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    pub through: String,
    pub read: String,
    /// Why it did not arrive, when it did not.
    pub failed: Option<String>,
    /// The cluster had taken it, and answers something else.
    #[serde(default)]
    pub is_lost: bool,
}

impl Write {
    /// A value under `key` that was `taken` when it was written through one member, or why it was
    /// not; `look` reads the key through another one.
    pub fn looked_for(
        (through, read): (&str, &str),
        (key, value): (&str, &str),
        taken: Result<(), String>,
        look: impl FnOnce() -> Result<Option<String>, String>,
    ) -> Self {
        let (failed, is_lost) = match taken.and_then(|()| look()) {
            Ok(Some(got)) if got == value => (None, false),
            Ok(Some(got)) => (Some(format!("{read} answers {got:?}")), true),
            Ok(None) => (Some(format!("{read} has no key {key}")), true),
            Err(why) => (Some(why), false),
        };
        Self {
            through: through.to_owned(),
            read: read.to_owned(),
            failed,
            is_lost,
        }
    }
}
