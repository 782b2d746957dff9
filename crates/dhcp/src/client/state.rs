//! The states of RFC 2131 figure 5, each with what it needs and nothing else.

use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_core::{Deadline, Instant};

use super::event::Configuration;

/// Where a client stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Stopped,
    /// Waits before its first message.
    Init {
        until: Instant,
        next: Next,
    },
    /// Has sent DISCOVER.
    Selecting {
        exchange: Exchange,
    },
    /// Has sent REQUEST for an offer.
    Requesting {
        exchange: Exchange,
        offer: Offer,
    },
    /// Has sent REQUEST for the address it had before.
    Rebooting {
        exchange: Exchange,
        addr: Ipv4Addr,
    },
    /// Has an ACK; the driver looks for another user of the address.
    Probing {
        held: Held,
        until: Instant,
    },
    Bound {
        held: Held,
    },
    /// Has asked its server for more time.
    Renewing {
        held: Held,
        exchange: Exchange,
    },
    /// Has asked any server for more time.
    Rebinding {
        held: Held,
        exchange: Exchange,
    },
}

/// What comes after INIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Discover,
    Reboot { addr: Ipv4Addr },
}

/// One transaction: the same xid until it is answered or given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) xid: u32,
    /// When the first message left, for the `secs` field.
    pub(super) begun: Instant,
    /// When the last message left: an ACK's times count from here (RFC 2131 §4.4.1).
    pub(super) sent: Instant,
    /// Messages sent.
    pub(super) attempt: u32,
    pub(super) retry_at: Instant,
}

/// What a server offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) server: Ipv4Addr,
    pub(super) addr: Ipv4Addr,
}

/// A lease with its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) configuration: Configuration,
    pub(super) t1_at: Instant,
    pub(super) t2_at: Instant,
    pub(super) end_at: Instant,
}

impl Held {
    /// The lease of `configuration`, asked for at `sent`.
    pub(super) fn new(configuration: Configuration, sent: Instant) -> Self {
        let at = |secs: u32| sent + Duration::from_secs(u64::from(secs));
        Self {
            t1_at: at(configuration.t1),
            t2_at: at(configuration.t2),
            end_at: at(configuration.lease_secs),
            configuration,
        }
    }
}

impl State {
    /// The name in the RFC's figure.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Stopped => "STOPPED",
            Self::Init { .. } => "INIT",
            Self::Selecting { .. } => "SELECTING",
            Self::Requesting { .. } => "REQUESTING",
            Self::Rebooting { .. } => "REBOOTING",
            Self::Probing { .. } => "PROBING",
            Self::Bound { .. } => "BOUND",
            Self::Renewing { .. } => "RENEWING",
            Self::Rebinding { .. } => "REBINDING",
        }
    }

    /// The transaction that an answer must belong to.
    pub(super) fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::Selecting { exchange }
            | Self::Requesting { exchange, .. }
            | Self::Rebooting { exchange, .. }
            | Self::Renewing { exchange, .. }
            | Self::Rebinding { exchange, .. } => Some(exchange),
            Self::Stopped | Self::Init { .. } | Self::Probing { .. } | Self::Bound { .. } => None,
        }
    }

    /// The lease, also one that is still being probed.
    pub(super) fn held(&self) -> Option<&Held> {
        match self {
            Self::Probing { held, .. }
            | Self::Bound { held }
            | Self::Renewing { held, .. }
            | Self::Rebinding { held, .. } => Some(held),
            Self::Stopped
            | Self::Init { .. }
            | Self::Selecting { .. }
            | Self::Requesting { .. }
            | Self::Rebooting { .. } => None,
        }
    }

    /// When something is due, and what.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        Some(match self {
            Self::Stopped => return None,
            Self::Init { until, .. } => Deadline::new(*until, "start"),
            Self::Selecting { exchange } => Deadline::new(exchange.retry_at, "repeat DISCOVER"),
            Self::Requesting { exchange, .. } | Self::Rebooting { exchange, .. } => {
                Deadline::new(exchange.retry_at, "repeat REQUEST")
            }
            Self::Probing { held, until } => {
                let expiry = Deadline::new(held.end_at, "lease ends");
                let probe = Deadline::new(*until, "no conflict found");
                return Deadline::earliest(Some(expiry), Some(probe));
            }
            Self::Bound { held } => Deadline::new(held.t1_at, "renew (T1)"),
            Self::Renewing { held, exchange } => {
                let retry = Deadline::new(exchange.retry_at, "repeat renewal");
                let t2 = Deadline::new(held.t2_at, "rebind (T2)");
                return Deadline::earliest(Some(retry), Some(t2));
            }
            Self::Rebinding { held, exchange } => {
                let retry = Deadline::new(exchange.retry_at, "repeat rebinding");
                let end = Deadline::new(held.end_at, "lease ends");
                return Deadline::earliest(Some(retry), Some(end));
            }
        })
    }
}
