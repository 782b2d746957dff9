//! May this client have this address? The decisions of RFC 2131 §4.3.2, which change nothing.

use std::net::Ipv4Addr;

use quorate_core::Now;

use super::Server;
use super::binding::{Phase, Stored};
use super::event::{DropReason, LeaseKind, NakReason};
use super::query::Query;
use crate::wire::code;

/// The client state that a REQUEST comes from, recognised by its fields (RFC 2131 table 4). Never by
/// ports, which relays and address translators change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Selecting {
        server: Ipv4Addr,
        requested: Ipv4Addr,
    },
    InitReboot {
        requested: Ipv4Addr,
    },
    Renewing,
    Rebinding,
}

impl Origin {
    pub(super) fn of(query: &Query<'_>) -> Option<Self> {
        let message = &query.message;
        let configured = message.ciaddr != Ipv4Addr::UNSPECIFIED;
        let server = message.options.addr(code::SERVER_ID);
        let requested = message.options.addr(code::REQUESTED_ADDR);
        match (server, requested, configured) {
            (Some(server), Some(requested), false) => Some(Self::Selecting { server, requested }),
            (None, Some(requested), false) => Some(Self::InitReboot { requested }),
            (None, None, true) if query.was_unicast() => Some(Self::Renewing),
            (None, None, true) => Some(Self::Rebinding),
            _ => None,
        }
    }

    pub(super) fn kind(self) -> LeaseKind {
        match self {
            Self::Selecting { .. } => LeaseKind::New,
            Self::InitReboot { .. } => LeaseKind::Rebooted,
            Self::Renewing => LeaseKind::Renewed,
            Self::Rebinding => LeaseKind::Rebound,
        }
    }
}

/// What a REQUEST that gets no ACK gets.
pub(super) enum Refusal {
    Nak(NakReason),
    Silence(DropReason),
}

impl Server {
    /// Decides about a REQUEST: the address it gets.
    pub(super) fn grant(
        &self,
        query: &Query<'_>,
        origin: Origin,
        now: Now,
    ) -> Result<Ipv4Addr, Refusal> {
        let net = self.config.subnets[query.subnet].net;
        let mine = self.database.of_client(query.subnet, &query.client);
        match origin {
            Origin::Selecting { server, .. } if !self.is_me(query, server) => {
                Err(Refusal::Silence(DropReason::OtherServer))
            }
            Origin::Selecting { requested, .. } => {
                // Also an offer that ran out, or that a restart forgot, is kept if it can be.
                let own = mine.is_some_and(|(addr, _)| addr == requested);
                let elsewhere = mine.is_some_and(|(_, phase)| phase.is_active()) && !own;
                if !net.contains_host(requested) {
                    Err(Refusal::Nak(NakReason::WrongNetwork))
                } else if elsewhere {
                    Err(Refusal::Nak(NakReason::OtherAddress))
                } else if own && self.may_hold(query, requested)
                    || self.is_open(query, requested, now)
                {
                    Ok(requested)
                } else {
                    Err(Refusal::Nak(NakReason::NotAvailable))
                }
            }
            Origin::InitReboot { requested } => {
                if !net.contains_host(requested) {
                    return Err(Refusal::Nak(NakReason::WrongNetwork));
                }
                match mine {
                    None => Err(Refusal::Silence(DropReason::UnknownClient)),
                    Some((addr, _)) => self.extend(query, addr, requested),
                }
            }
            Origin::Renewing | Origin::Rebinding => match mine {
                Some((addr, _)) => self.extend(query, addr, query.message.ciaddr),
                None if origin == Origin::Renewing => Err(Refusal::Nak(NakReason::NoLease)),
                None if self
                    .database
                    .at(query.message.ciaddr)
                    .is_some_and(|b| b.phase.is_active()) =>
                {
                    Err(Refusal::Nak(NakReason::NotAvailable))
                }
                None => Err(Refusal::Silence(DropReason::UnknownClient)),
            },
        }
    }

    /// A client that is, or was, at `addr` wants to keep `wanted`.
    fn extend(
        &self,
        query: &Query<'_>,
        addr: Ipv4Addr,
        wanted: Ipv4Addr,
    ) -> Result<Ipv4Addr, Refusal> {
        if addr != wanted {
            Err(Refusal::Nak(NakReason::OtherAddress))
        } else if !self.may_hold(query, addr) {
            Err(Refusal::Nak(NakReason::NotAvailable))
        } else {
            Ok(addr)
        }
    }

    /// The address set aside for this client in this subnet.
    pub(super) fn reserved(&self, query: &Query<'_>) -> Option<Ipv4Addr> {
        let (_, host) = self.config.host(&query.client, query.message.chaddr)?;
        let net = self.config.subnets[query.subnet].net;
        host.addr.filter(|addr| net.contains(*addr))
    }

    /// True unless the address is set aside for another client, or another one for this.
    pub(super) fn may_hold(&self, query: &Query<'_>, addr: Ipv4Addr) -> bool {
        let set_aside = self.config.subnets[query.subnet]
            .reserved
            .contains_key(&addr);
        match self.reserved(query) {
            Some(reserved) => reserved == addr,
            None => !set_aside,
        }
    }

    /// True when this client can be given `addr`, at which it is not.
    pub(super) fn is_open(&self, query: &Query<'_>, addr: Ipv4Addr, now: Now) -> bool {
        let own = self.reserved(query) == Some(addr);
        let pool = self.database.pool(query.subnet);
        let stored = self.database.at(addr);
        // Firmware and system of one machine have different identifiers.
        let same_card = own && stored.is_some_and(|s| s.mac == query.message.chaddr);
        let vacant = match stored.map(|stored| stored.phase) {
            None | Some(Phase::Lapsed { .. } | Phase::Revoked { .. }) => {
                own || self.refuse_room(query).is_none()
            }
            Some(Phase::Offered { .. }) => {
                // While offers give way this client may have had one of this address, too.
                let contested = pool
                    .contested_until
                    .is_some_and(|until| now.instant < until);
                same_card || contested && stored.is_some_and(|stored| !stored.is_known)
            }
            Some(Phase::Bound { .. }) => same_card,
            Some(Phase::Declined { .. }) => false,
        };
        vacant && (own || self.may_hold(query, addr) && pool.is_dynamic(addr))
    }

    /// True when the message is addressed to us and its client was leased the address.
    pub(super) fn holds(&self, query: &Query<'_>, addr: Ipv4Addr) -> bool {
        let server = query.message.options.addr(code::SERVER_ID);
        let held = |s: &Stored| s.phase.is_bound() && s.client == query.client;
        server.is_none_or(|server| self.is_me(query, server))
            && self.database.at(addr).is_some_and(held)
    }

    fn is_me(&self, query: &Query<'_>, server: Ipv4Addr) -> bool {
        server == self.config.server_id || Some(server) == query.server_id_override()
    }
}
