//! What the driver reports to the engine, and what the engine wants done or reports.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use quorate_core::StreamId;
use quorate_dns::ResponseCode;
use quorate_dns::text::TextError;

use crate::turn::Probe;

/// What the driver reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Ignored but for the first time.
    Begin,
    /// What came of [`Effect::Probe`].
    Probed { peer: SocketAddr, found: Probe },
}

/// What the engine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send this to `server` as one message by TCP (RFC 1035 §4.2.2). The answer comes
    /// back as a message of the stream `id` from `server`; none need come.
    AskByStream {
        id: StreamId,
        server: SocketAddr,
        payload: Vec<u8>,
    },
    /// See whether this peer serves, and answer with [`Command::Probed`] in any case.
    Probe { peer: SocketAddr },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What the wait is for, whenever that is something else.
    Waiting(Reason),
    /// It is over. Nothing comes after this.
    Ended(Verdict),
}

/// What a member waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no SRV set.
    Set { owner: String, why: NoData },
    /// A target has no address.
    Address { host: String, why: NoData },
    /// The set does not list this member.
    Listing { owner: String, own: String },
    /// Members before this one begin.
    Turn { ahead: usize },
}

/// How a wait ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Ready(Ready),
    /// For some time there has been a whole set without this member. etcd will say the same in
    /// its own words and exit.
    NotListed {
        owner: String,
        own: String,
    },
}

/// Everything is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// The peers' hosts and this member's own, as etcd will ask for them.
    pub addresses: BTreeMap<String, Ipv4Addr>,
    pub members: usize,
    /// Counted from 0, in the order of the URLs.
    pub place: usize,
}

/// Why a question has no data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoData {
    /// What is asked for cannot be asked for.
    #[error(transparent)]
    NotAName(#[from] TextError),
    #[error("no name server answers")]
    Silence,
    #[error("{server} says {rcode}")]
    Refused {
        server: SocketAddr,
        rcode: ResponseCode,
    },
    #[error("{server} says there is none")]
    Absent { server: SocketAddr },
    /// Each target of the set is the root (RFC 2782).
    #[error("its records name no host")]
    NoHost,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Set { owner, why } => write!(f, "for the SRV records of {owner}: {why}"),
            Self::Address { host, why } => write!(f, "for the address of {host}: {why}"),
            Self::Listing { owner, own } => {
                write!(f, "for {own} to be among the SRV records of {owner}")
            }
            Self::Turn { ahead: 1 } => f.write_str("for the member before this one to begin"),
            Self::Turn { ahead } => {
                write!(f, "for one of the {ahead} members before this one to begin")
            }
        }
    }
}
