//! What was seen to happen: the one vocabulary of every world.

use std::net::Ipv4Addr;

use quorate_core::Instant;
use quorate_etcd::{ClusterId, MemberId};
use serde::{Deserialize, Serialize};

use crate::action::Action;
use crate::fault::Fault;
use crate::link::Link;

/// One thing that happened at one time, to one machine or to all of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// Since the story began.
    pub at: Instant,
    /// `None` for what concerns the servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    #[serde(flatten)]
    pub what: What,
}

/// The kinds of things that happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// The world's servers answer; the first machine may be switched on.
    ServersReady,
    /// A fault begins. It says itself how long it lasts.
    FaultBegan { fault: Fault },
    /// The member says that its disk took so long to keep what it wrote.
    SlowWrite { took: String },
    /// The machine, which has no system yet, has come to a link of its boot.
    Booting { link: Link },
    /// The machine, whose clock is its own, begins and takes this for the time.
    ClockRead {
        /// Seconds since 1970.
        unix_secs: u64,
        /// By how much its clock is ahead of the world's; negative when it is behind.
        ahead_secs: i64,
    },
    /// The member says that a peer's clock differs from its own by so much.
    ClockDrift { drift: String },
    /// The machine's DHCP client sent a message.
    DhcpSent { message: String, attempt: u32 },
    /// The machine has an address (again, when `renewed`).
    Leased {
        addr: Ipv4Addr,
        hostname: Option<String>,
        lease_secs: u32,
        renewed: bool,
    },
    /// The machine's lease ended and nothing replaced it.
    LeaseLost { reason: String },
    /// The A record is in the zone, durable and served.
    NamePublished { addr: Ipv4Addr },
    /// The PTR record likewise.
    ReversePublished { addr: Ipv4Addr },
    /// The machine has applied its seed.
    Seeded,
    /// The machine started the service's process.
    ServiceStarted { attempt: u32 },
    /// The process ended.
    ServiceExited {
        status: String,
        last_words: Option<String>,
    },
    /// The member makes its cluster of the SRV records that it has read: `TARGET:PORT`, sorted.
    SrvRead { records: Vec<String> },
    /// etcd bootstrapped, which fixes both IDs for the life of its disk.
    Identified {
        cluster_id: ClusterId,
        member_id: MemberId,
    },
    /// The member answers with its view of the cluster and knows a leader.
    Healthy {
        cluster_id: ClusterId,
        member_id: MemberId,
        voters: usize,
    },
    /// The member was healthy and no longer answers so.
    Unhealthy { why: String },
    /// A zone has a new version.
    ZoneChanged {
        zone: String,
        serial: u32,
        added: Vec<String>,
        removed: Vec<String>,
    },
    /// The cohort gate holds the SRV set back.
    GateWaiting {
        /// `etcd`, or `etcd-NAME` for one with `--discovery-srv-name NAME`.
        service: String,
        have: usize,
        want: usize,
    },
    /// The cohort gate let the SRV set through.
    GateOpened { members: Vec<String> },
    /// The SRV records of these machines are in the zone, durable and served.
    SrvPublished { members: Vec<String> },
    /// A server refused or dropped something.
    Refused { by: String, why: String },
    /// What this world cannot show, or what a reader should know.
    Note { text: String },
    /// This was done to the machine, or to the servers; its word is the kind of the event.
    #[serde(untagged)]
    Did(Action),
}
