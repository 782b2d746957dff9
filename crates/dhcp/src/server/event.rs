//! Commands to the server, and its events.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use quorate_core::MacAddr;

use super::{ClientKey, Lease};
use crate::{Malformed, MessageType};

/// What the owner of the server can request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// End the lease of this address now. Its client learns of it at its next renewal. No
    /// other client gets this address until no other address is left.
    Revoke { addr: Ipv4Addr },
}

/// What happened. An event about a lease follows the sync of its record, so an owner that acts
/// on it acts on a promise that survives; [`Server::leases`](super::Server::leases)
/// after a restart covers events that a crash swallowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Offered {
        addr: Ipv4Addr,
        client: ClientKey,
        mac: MacAddr,
        hostname: String,
        /// To what wants to boot, not to a system that runs.
        firmware: bool,
    },
    Leased {
        lease: Lease,
        kind: LeaseKind,
    },
    Released {
        lease: Lease,
    },
    Expired {
        lease: Lease,
    },
    /// The client found another host at the address it held.
    Declined {
        addr: Ipv4Addr,
        mac: MacAddr,
        lease: Lease,
    },
    Revoked {
        lease: Lease,
    },
    /// A parameter request by a host that has its address from elsewhere was answered.
    Informed {
        addr: Ipv4Addr,
        mac: MacAddr,
    },
    Nak {
        sender: Sender,
        addr: Ipv4Addr,
        reason: NakReason,
    },
    /// The wall clock was set. Every lease holds as long as before; its date is another.
    ClockSet {
        secs: i64,
    },
    /// At restore: by the wall clock so many leases ended while the server was away. They are held
    /// for one more lease time, in case that the clock is wrong.
    ClockDoubted {
        leases: usize,
    },
    /// Nothing was answered.
    Dropped {
        sender: Sender,
        reason: DropReason,
    },
    /// The reply had no room for these options, which the client asked for.
    OptionsOmitted {
        sender: Sender,
        options: Vec<u8>,
    },
    /// The client asked for a name, and got another one.
    NameRefused {
        sender: Sender,
        refusal: NameRefusal,
        given: String,
    },
}

/// Whose message it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    pub source: SocketAddr,
    /// `None` when the message is too short to have one; likewise the others.
    pub mac: Option<MacAddr>,
    pub message: Option<MessageType>,
    /// The relay agent, if one passed it on.
    pub giaddr: Option<Ipv4Addr>,
}

/// Why a client does not have the name that it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NameRefusal {
    /// Its first label is none of letters, digits and inner hyphens.
    NoLabel { wanted: String },
    /// It is set aside: for a host, for a class, or for an address.
    SetAside { wanted: String },
    /// Another client holds it.
    Taken { wanted: String },
}

impl NameRefusal {
    /// As the client wrote it: any text.
    pub fn wanted(&self) -> &str {
        match self {
            Self::NoLabel { wanted } | Self::SetAside { wanted } | Self::Taken { wanted } => wanted,
        }
    }
}

impl fmt::Display for NameRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLabel { .. } => "the name is no label of letters, digits and inner hyphens",
            Self::SetAside { .. } => "the name is set aside",
            Self::Taken { .. } => "another client holds the name",
        })
    }
}

/// How a client came to its ACK (RFC 2131 §4.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeaseKind {
    /// From SELECTING.
    New,
    /// From RENEWING.
    Renewed,
    /// From REBINDING.
    Rebound,
    /// From INIT-REBOOT.
    Rebooted,
}

/// Why a REQUEST was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NakReason {
    /// The address is not of the subnet the client is on.
    WrongNetwork,
    /// The client holds another address.
    OtherAddress,
    /// Another client holds or is reserved the address, or it is in no pool.
    NotAvailable,
    /// The client asked this server to extend a lease that it does not know.
    NoLease,
}

impl fmt::Display for NakReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WrongNetwork => "address not on this network",
            Self::OtherAddress => "client holds another address",
            Self::NotAvailable => "address not available",
            Self::NoLease => "no such lease",
        })
    }
}

/// Why nothing was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    Malformed(Malformed),
    /// A reply, or a message type that only servers send.
    NotARequest,
    /// `chaddr` is a group address.
    GroupAddress,
    /// More relay hops than RFC 1542 §4.1.1 allows.
    TooManyHops,
    /// `giaddr` is this server.
    RelayIsSelf,
    /// Neither `giaddr`, `ciaddr` nor the own link is in a configured subnet.
    NoSubnet,
    /// The client chose another server.
    OtherServer,
    /// A REQUEST that fits no state of RFC 2131 table 4.
    NoSuchState,
    /// INIT-REBOOT or REBINDING of a client without a record: another server may know it.
    UnknownClient,
    /// DECLINE or RELEASE of an address that the client was not leased.
    NotHeld,
    /// RELEASE from another hardware address than the lease's.
    OtherCard,
    /// RELEASE that was not sent from the address that it gives back.
    OtherSource,
    PoolExhausted,
    /// The port of the relay agent that it came by has most of the pool; the rest is for others.
    PortShare,
    /// Too many records wait for the disk.
    DiskBehind,
    /// The disk refused the record.
    NotWritten,
    /// At restore: a record for an address outside of every subnet.
    RecordOutside,
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Malformed(malformed) => return write!(f, "malformed: {malformed}"),
            Self::NotARequest => "not a client's message",
            Self::GroupAddress => "chaddr is a group address",
            Self::TooManyHops => "too many relay hops",
            Self::RelayIsSelf => "giaddr is this server",
            Self::NoSubnet => "no subnet for this client",
            Self::OtherServer => "client chose another server",
            Self::NoSuchState => "fits no state of a client",
            Self::UnknownClient => "client has no record here",
            Self::NotHeld => "client was not leased the address",
            Self::OtherCard => "client's hardware address is not the lease's",
            Self::OtherSource => "message was not sent from the address that it gives back",
            Self::PoolExhausted => "no address is left",
            Self::PortShare => "the relay's port has most of the addresses, and few are left",
            Self::DiskBehind => "too many records wait for the disk",
            Self::NotWritten => "the disk refused the record",
            Self::RecordOutside => "recorded address is in no subnet",
        };
        f.write_str(text)
    }
}
