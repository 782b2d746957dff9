//! What is known of one address, and how the database keeps it: in a quarter of the memory, since a
//! site has a million of them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::num::NonZeroU32;

use quorate_core::{Instant, MacAddr, Wall};

use super::lease::{ClientKey, Lease, NameUpdates, RelayRecord};
use super::offers::Source;
use crate::FqdnFlags;
use crate::name;

/// Where an address stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Promised for seconds, in memory only. `lapsed` is its place among the lapsed when the
    /// same client was remembered here; the lowest `order` is the oldest offer.
    Offered {
        until: Instant,
        lapsed: Option<u64>,
        order: u64,
    },
    Bound {
        until: Instant,
    },
    /// Without a client, but kept for its last one while others are free; lowest `order` goes
    /// first.
    Lapsed {
        order: u64,
    },
    /// [`Lapsed`](Self::Lapsed), and its last client has no claim.
    Revoked {
        order: u64,
    },
    /// An unknown host uses it.
    Declined {
        until: Instant,
    },
}

impl Phase {
    /// True while a client holds the address and its name.
    pub(super) fn is_active(self) -> bool {
        matches!(self, Self::Offered { .. } | Self::Bound { .. })
    }

    pub(super) fn is_bound(self) -> bool {
        matches!(self, Self::Bound { .. })
    }

    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Self::Offered { until, .. } | Self::Bound { until } | Self::Declined { until } => {
                Some(until)
            }
            Self::Lapsed { .. } | Self::Revoked { .. } => None,
        }
    }

    /// True when the client is found by its key.
    pub(super) fn has_client(self) -> bool {
        self.is_active() || matches!(self, Self::Lapsed { .. })
    }
}

/// One entry of the database.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) subnet: usize,
    pub(super) lease: Lease,
    pub(super) phase: Phase,
    /// The client has a reservation, be it one without an address.
    pub(super) is_known: bool,
    /// Its end was past when the server started, and no clock is to be believed so far.
    pub(super) is_doubted: bool,
}

/// A [`Binding`] at rest. What many of them share is a number, a name that follows from the address
/// is left out, and dates are what the monotonic clock showed then, so that a step of the wall
/// clock changes none of them.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) client: ClientKey,
    /// `None`: the one made from the address.
    hostname: Option<Box<str>>,
    relay: Option<Box<RelayRecord>>,
    pub(super) phase: Phase,
    start_secs: i64,
    end_secs: i64,
    subnet: u32,
    domain: Shared,
    pub(super) class: Shared,
    pub(super) index: Option<NonZeroU32>,
    pub(super) mac: MacAddr,
    fqdn: Option<FqdnFlags>,
    updates: NameUpdates,
    pub(super) is_known: bool,
    pub(super) is_doubted: bool,
}

impl Stored {
    pub(super) fn subnet(&self) -> usize {
        self.subnet as usize
    }

    pub(super) fn has_hostname(&self, addr: Ipv4Addr, hostname: &str) -> bool {
        match &self.hostname {
            Some(own) => **own == *hostname,
            None => name::addr_name(addr) == hostname,
        }
    }

    /// The hostname, unless it follows from the address.
    pub(super) fn given_name(&self) -> Option<&str> {
        self.hostname.as_deref()
    }

    pub(super) fn source(&self) -> Source {
        Source::of(self.relay.as_deref())
    }
}

/// A text that many leases share; `None` is no text.
type Shared = Option<NonZeroU32>;

/// Packs bindings, and unpacks them.
#[derive(Clone, Debug, Default)]
pub(super) struct Packer {
    /// What the wall clock shows more than the monotonic one.
    pub(super) offset_secs: i64,
    texts: Vec<String>,
    places: BTreeMap<String, NonZeroU32>,
}

impl Packer {
    pub(super) fn pack(&mut self, binding: Binding) -> Stored {
        let Binding {
            subnet,
            lease,
            phase,
            is_known,
            is_doubted,
        } = binding;
        let own = lease.hostname == name::addr_name(lease.addr);
        Stored {
            hostname: (!own).then(|| lease.hostname.into_boxed_str()),
            relay: lease.relay.map(Box::new),
            phase,
            start_secs: self.monotonic(lease.start),
            end_secs: self.monotonic(lease.end),
            subnet: u32::try_from(subnet).expect("a configuration has fewer subnets"),
            domain: lease.domain.map(|domain| self.share(domain)),
            class: lease.class.map(|class| self.share(class)),
            index: lease.index.and_then(NonZeroU32::new),
            client: lease.client,
            mac: lease.mac,
            fqdn: lease.fqdn,
            updates: lease.updates,
            is_known,
            is_doubted,
        }
    }

    pub(super) fn unpack(&self, addr: Ipv4Addr, stored: &Stored) -> Binding {
        Binding {
            subnet: stored.subnet(),
            lease: self.lease(addr, stored),
            phase: stored.phase,
            is_known: stored.is_known,
            is_doubted: stored.is_doubted,
        }
    }

    pub(super) fn lease(&self, addr: Ipv4Addr, stored: &Stored) -> Lease {
        let hostname = stored.given_name().map(str::to_owned);
        Lease {
            addr,
            client: stored.client.clone(),
            mac: stored.mac,
            hostname: hostname.unwrap_or_else(|| name::addr_name(addr)),
            domain: self.text(stored.domain).map(str::to_owned),
            class: self.text(stored.class).map(str::to_owned),
            index: stored.index.map(NonZeroU32::get),
            fqdn: stored.fqdn,
            updates: stored.updates,
            start: self.wall(stored.start_secs),
            end: self.wall(stored.end_secs),
            relay: stored.relay.as_deref().cloned(),
        }
    }

    pub(super) fn text(&self, shared: Shared) -> Option<&str> {
        let place = shared?.get() as usize - 1;
        Some(&self.texts[place])
    }

    /// Texts are those of a configuration, or of the records of an earlier one: they are few, and
    /// none is ever forgotten.
    fn share(&mut self, text: String) -> NonZeroU32 {
        if let Some(place) = self.places.get(&text) {
            return *place;
        }
        self.texts.push(text.clone());
        let place = u32::try_from(self.texts.len())
            .ok()
            .and_then(NonZeroU32::new);
        let place = place.expect("there are fewer texts than addresses");
        self.places.insert(text, place);
        place
    }

    fn monotonic(&self, wall: Wall) -> i64 {
        wall.as_unix_secs().cast_signed() - self.offset_secs
    }

    fn wall(&self, secs: i64) -> Wall {
        Wall::from_unix_secs(u64::try_from(secs + self.offset_secs).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With its place in a map, its client's and its timer's, a lease is to stay below 700 octets.
    #[test]
    fn a_binding_at_rest_is_small() {
        assert!(size_of::<Stored>() <= 160, "{}", size_of::<Stored>());
    }
}
