//! What happens to a machine, and what a machine wants done.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use quorate_core::Deadline;
use quorate_etcd::ClusterId;
use quorate_node::Command;
use quorate_scenario::What;

use crate::agenda::Token;
use crate::lan::Target;

/// What happens to one machine, or reaches another host in its name.
#[derive(Debug)]
pub(crate) enum MachineWake {
    Timer(Timer),
    /// What came of something that its node wanted done.
    Command(Command),
    Frame(Arc<[u8]>),
    /// Its request for a seed reaches the servers.
    SeedAsked {
        url: String,
    },
    /// A DNS question by TCP reaches the servers; its answer reaches the machine.
    StreamAsked(Vec<u8>),
    StreamAnswered(Vec<u8>),
    /// Its etcd has started.
    EtcdLoaded {
        pid: u32,
    },
    /// A request of its etcd reaches the discovery service.
    RegistryAsked {
        pid: u32,
    },
    /// Its etcd is asked how it is.
    Watch,
    /// The step before etcd has looked at a peer's port.
    Probed {
        peer: SocketAddr,
    },
    /// A peer has answered etcd's question for its members, or has had its time.
    PeerAnswers {
        pid: u32,
        question: u32,
    },
    PeerSilent {
        pid: u32,
        question: u32,
    },
}

/// The deadlines of a machine, each with one entry of the agenda.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Of its node.
    Node,
    /// Of the step before etcd.
    AwaitPeers,
    /// Of etcd's resolver.
    Resolver,
}

/// What a machine wants done.
#[derive(Debug)]
pub(crate) enum Effect {
    Observe(What),
    /// A datagram leaves by its network card.
    Send {
        source: SocketAddrV4,
        target: Target,
        payload: Vec<u8>,
    },
    Wake {
        after: After,
        reason: &'static str,
        wake: MachineWake,
    },
    /// A timer starts, for a drawn time.
    StartTimer(Timer, Range, &'static str),
    /// A timer follows the deadline of its engine.
    SetTimer(Timer, Option<Deadline>),
    CancelTimer(Token),
    /// Its interface has this address.
    UseAddress(Ipv4Addr),
    /// It asks by ARP whether another machine has this address.
    ProbeAddress(Ipv4Addr),
    /// Its member belongs to this cluster of so many members.
    JoinCluster(ClusterId, usize),
    /// Its member may have come within reach of its peers, or out of it.
    UpdateConnection,
    /// Its member asks the member at `host` for the members of their cluster.
    AskPeer {
        host: String,
    },
    /// Its member serves: it answers those of these hosts that ask it.
    AnswerPeers(Vec<String>),
}

/// When something happens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum After {
    Exactly(Duration),
    /// A time drawn from the range, which the choice log has under this name.
    Drawn(&'static str, Range),
}

/// The least time, and what it stays below.
pub(crate) type Range = (Duration, Duration);

impl Effect {
    /// `wake` happens after a time drawn from `range`.
    pub(crate) const fn wake(reason: &'static str, range: Range, wake: MachineWake) -> Self {
        Self::Wake {
            after: After::Drawn(reason, range),
            reason,
            wake,
        }
    }

    /// The node gets `command` after a time drawn from `range`.
    pub(crate) const fn command(reason: &'static str, range: Range, command: Command) -> Self {
        Self::wake(reason, range, MachineWake::Command(command))
    }
}

/// A range in microseconds.
pub(crate) const fn micros(least: u64, most: u64) -> Range {
    (Duration::from_micros(least), Duration::from_micros(most))
}
