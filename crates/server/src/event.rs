//! What happened in the services; daemons write each event as one JSON line.

use std::net::{IpAddr, Ipv4Addr};

use quorate_core::MacAddr;
use serde::{Deserialize, Serialize};

/// One event with the time at which it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `CLOCK_MONOTONIC`, in nanoseconds, so that lines of several processes of one machine
    /// compare.
    pub mono_ns: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// What happened. Names are without trailing dots, records in presentation format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Every configured service answers.
    Ready { leases: usize },
    /// An address was offered; nothing is promised yet.
    Offered {
        addr: Ipv4Addr,
        mac: MacAddr,
        /// To what wants to boot, not to a system that runs.
        #[serde(default)]
        firmware: bool,
    },
    /// A lease is durable; `kind` is new, renewed, rebound or rebooted.
    Leased {
        addr: Ipv4Addr,
        mac: MacAddr,
        hostname: String,
        class: Option<String>,
        kind: String,
    },
    /// Two clients have one MAC address and a lease each: a machine's firmware and its system, or a
    /// machine and a copy of its MAC address.
    MacShared {
        mac: MacAddr,
        addr: Ipv4Addr,
        /// The address that it holds already.
        other: Ipv4Addr,
    },
    /// A lease ended; `why` is released, expired, declined or revoked.
    LeaseEnded {
        addr: Ipv4Addr,
        mac: MacAddr,
        why: String,
    },
    /// The wall clock was set by so many seconds. Leases hold as long as before.
    ClockSet { secs: i64 },
    /// By the wall clock so many leases ended while the server was away. They are held for one more
    /// lease time, in case that the clock is wrong.
    ClockDoubted { leases: usize },
    /// The log could not be written. Queries are answered from memory, what was to be promised is
    /// not, and the log is tried again after a while.
    LogFailed { why: String },
    /// The log is written again. So many batches of writes were refused meanwhile.
    LogRecovered { refused: u64 },
    /// The log has lost its end since it was written. Zones skip so many serials, since
    /// secondaries may know versions that are lost.
    LogCut { bytes: u64, serials: u32 },
    /// The log could not be rewritten; it goes on as it is, and that is tried again.
    CompactionFailed { why: String },
    /// The log was rewritten.
    Compacted { bytes_before: u64, bytes: u64 },
    /// The DHCP server refused a request.
    Nak {
        addr: Ipv4Addr,
        mac: MacAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relay: Option<Ipv4Addr>,
        why: String,
    },
    /// The DHCP server did not answer. `message` is the type, `relay` the agent that passed it on;
    /// what is not there could not be read.
    DhcpDropped {
        source: IpAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mac: Option<MacAddr>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relay: Option<Ipv4Addr>,
        why: String,
    },
    /// The DHCP server answered with less than the client asked for.
    DhcpOmitted {
        mac: MacAddr,
        message: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        relay: Option<Ipv4Addr>,
        /// The options, or the name, as quoted text.
        what: String,
        why: String,
    },
    /// A service dropped or refused a message.
    Refused {
        service: String,
        source: Option<IpAddr>,
        why: String,
    },
    /// More of the same within one second: what is refused in a flood has one line a second.
    Repeated {
        service: String,
        why: String,
        count: u64,
    },
    /// Lines that nobody read in time.
    LinesDropped { count: u64 },
    /// A zone has a new version, durable and served.
    ZoneChanged {
        zone: String,
        serial: u32,
        added: Vec<String>,
        removed: Vec<String>,
        /// The TSIG key that signed the UPDATE.
        #[serde(default)]
        key: Option<String>,
        /// Who sent it.
        #[serde(default)]
        client: Option<IpAddr>,
    },
    /// The name leads to the address.
    NamePublished { hostname: String, addr: Ipv4Addr },
    /// The address leads to the name.
    ReversePublished { hostname: String, addr: Ipv4Addr },
    /// The name belongs to another client (RFC 4703 §5.3).
    NameConflict { hostname: String, addr: Ipv4Addr },
    /// The cohort gate holds the records of the service back.
    GateWaiting {
        service: String,
        have: usize,
        want: usize,
    },
    /// The cohort is complete.
    GateOpened {
        service: String,
        members: Vec<String>,
    },
    /// These members' SRV records are published.
    ServicePublished {
        service: String,
        members: Vec<String>,
    },
    /// A machine of the class came after the set was frozen; it joins by the member API.
    Late { service: String, hostname: String },
    /// An UPDATE is sent again.
    UpdateRetried {
        what: String,
        attempt: u32,
        why: String,
    },
    /// A machine fetched a file of its seed.
    SeedServed { mac: MacAddr, file: String },
    /// A machine fetched something to boot: its script, or a boot file by HTTP or TFTP.
    BootServed {
        addr: IpAddr,
        mac: Option<MacAddr>,
        file: String,
    },
}

impl Event {
    /// For [`DhcpDropped`](Self::DhcpDropped) and [`DhcpOmitted`](Self::DhcpOmitted): whose message
    /// it was, for people.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all other events have no DHCP message"
    )]
    pub fn dhcp_sender(&self) -> Option<String> {
        let (sender, message, relay) = match self {
            Self::DhcpDropped {
                source,
                mac,
                message,
                relay,
                ..
            } => {
                let sender = mac.map_or_else(|| source.to_string(), |mac| mac.to_string());
                (sender, message.as_deref(), relay)
            }
            Self::DhcpOmitted {
                mac,
                message,
                relay,
                ..
            } => (mac.to_string(), Some(message.as_str()), relay),
            _ => return None,
        };
        let message = message.unwrap_or("message");
        let by = relay.map_or_else(String::new, |relay| format!(" by {relay}"));
        Some(format!("{message} of {sender}{by}"))
    }
}
