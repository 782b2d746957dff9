//! Commands to the client, its effects and its events.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use crate::{Malformed, MessageType};

/// What the owner of the client can request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Power is on. With `previous`, ask for that address first (INIT-REBOOT).
    Start { previous: Option<Ipv4Addr> },
    /// Give the lease back and stop.
    Release,
    /// Another host answers ARP for the address.
    Conflict,
    /// Power is off: stop without a word.
    Stop,
}

/// What the client wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Look for another user of `addr`, and answer [`Command::Conflict`] if there is one.
    Probe { addr: Ipv4Addr },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message left; `attempt` counts from 1 within one exchange.
    Sent { kind: MessageType, attempt: u32 },
    /// This holds from now on.
    Configured(Configuration),
    /// The same configuration holds for longer.
    Renewed(Configuration),
    /// The address is not the client's any more.
    Lost { reason: LostReason },
    /// The address had another user and was refused.
    Declined { addr: Ipv4Addr },
    /// A message to this client was not used.
    Dropped {
        source: SocketAddr,
        reason: DropReason,
    },
}

/// What a lease configures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    pub addr: Ipv4Addr,
    pub prefix_len: u8,
    pub routers: Vec<Ipv4Addr>,
    pub dns: Vec<Ipv4Addr>,
    pub domain: Option<String>,
    pub hostname: Option<String>,
    pub server: Ipv4Addr,
    /// Option 67, else the `file` field.
    pub boot_file: Option<String>,
    /// The `siaddr` field.
    pub next_server: Option<Ipv4Addr>,
    pub lease_secs: u32,
    /// Seconds until RENEWING.
    pub t1: u32,
    /// Seconds until REBINDING.
    pub t2: u32,
}

/// Why an address is not the client's any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LostReason {
    Expired,
    Nak,
    Conflict,
    Released,
    Stopped,
}

impl fmt::Display for LostReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "lease expired",
            Self::Nak => "server refused",
            Self::Conflict => "address in use by another host",
            Self::Released => "released",
            Self::Stopped => "stopped",
        })
    }
}

/// Why a message to this client was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    Malformed(Malformed),
    /// Of an exchange that is over, or of none.
    OtherTransaction,
    /// Not what the client waits for in its state.
    Unexpected,
    /// Without server, address or lease time.
    Incomplete,
    /// From another server than the one asked.
    OtherServer,
    /// An address other than the one asked for.
    OtherAddress,
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Malformed(malformed) => return write!(f, "malformed: {malformed}"),
            Self::OtherTransaction => "of another transaction",
            Self::Unexpected => "not expected in this state",
            Self::Incomplete => "no server, address or lease time",
            Self::OtherServer => "from another server",
            Self::OtherAddress => "for another address",
        };
        f.write_str(text)
    }
}
