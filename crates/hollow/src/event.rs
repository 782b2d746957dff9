//! What a row of machines reports.

use std::net::{Ipv4Addr, SocketAddrV4};

use quorate_core::MacAddr;
use quorate_node::Event as NodeEvent;

/// What a row reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What the node of a machine says.
    Node { machine: usize, event: NodeEvent },
    /// A machine uses this address from now on; no frame of it has left yet.
    Addressed { addr: Ipv4Addr, mac: MacAddr },
    /// A member of the cluster has answered a machine.
    Reached {
        machine: usize,
        host: String,
        peer: SocketAddrV4,
    },
}
