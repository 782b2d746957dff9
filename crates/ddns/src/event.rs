//! Commands to the registrar, and its events.

use std::net::Ipv4Addr;

use crate::Binding;

/// What happened to a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// A lease began, or was renewed; when nothing changed this costs nothing.
    Bound(Binding),
    /// The lease of this address ended.
    Ended { addr: Ipv4Addr },
}

/// What happened, for logs, counters and oracles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server acknowledged the A record.
    NamePublished { hostname: String, addr: Ipv4Addr },
    /// The server acknowledged the PTR record.
    ReversePublished { hostname: String, addr: Ipv4Addr },
    /// The server acknowledged that the names of the binding are gone.
    Withdrawn { hostname: String, addr: Ipv4Addr },
    /// The name is somebody else's; this binding gets none until it changes.
    Conflict { hostname: String, addr: Ipv4Addr },
    /// The number of members that could be announced has changed, and is not enough yet.
    GateWaiting {
        service: String,
        have: usize,
        want: usize,
    },
    /// There are enough; the set goes out as soon as it is written down.
    GateOpened {
        service: String,
        members: Vec<String>,
    },
    /// The server acknowledged the SRV records of these hostnames.
    ServicePublished {
        service: String,
        members: Vec<String>,
    },
    /// The SRV set exists and is not ours; it is left alone for good.
    ServiceConflict { service: String },
    /// A member came after the set was complete; it has A and PTR only.
    Late { service: String, hostname: String },
    /// An UPDATE is sent again: `reason` is the response code, or that there was no reply.
    Retrying {
        what: String,
        attempt: u32,
        reason: String,
    },
    /// A message or a command led to nothing.
    Dropped { reason: String },
}
