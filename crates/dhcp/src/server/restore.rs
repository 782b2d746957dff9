//! From records to a server that keeps every promise in them, and back.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use quorate_core::{Bug, Now, Seed};

use super::binding::{Binding, Packer, Phase, Stored};
use super::event::{DropReason, Event, Sender};
use super::lease::{LeaseRecord, LeaseState, ServerRecord};
use super::validate::ServerConfig;
use super::{Server, clock_steps, instant_in};
use crate::name;

impl Server {
    /// A server that continues where the one that wrote `records` stopped. No record makes it fail:
    /// one that fits no subnet becomes an [`Event::Dropped`](super::Event::Dropped).
    pub fn restore(
        config: ServerConfig,
        seed: Seed,
        records: impl IntoIterator<Item = impl Into<ServerRecord>>,
        now: Now,
    ) -> Self {
        let mut server = Self::new(config, seed);
        server.set_offset(clock_steps::offset_secs(now));
        let mut doubted = 0;
        for (position, record) in last_records(records) {
            doubted += usize::from(server.enter_record(record, position as u64, now));
        }
        if doubted > 0 {
            server.queue.event(Event::ClockDoubted { leases: doubted });
        }
        server
    }

    /// The last record of every address that the server remembers: what a compaction of the
    /// lease database keeps. Oldest lapsed first.
    pub fn records(&self) -> Vec<LeaseRecord> {
        let mut records: Vec<(u64, LeaseRecord)> = Vec::new();
        for (addr, stored) in self.database.iter() {
            let (order, state) = match stored.phase {
                Phase::Offered { lapsed: None, .. } => continue,
                Phase::Offered {
                    lapsed: Some(order),
                    ..
                }
                | Phase::Lapsed { order } => (order, LeaseState::Released),
                Phase::Revoked { order } => (order, LeaseState::Revoked),
                Phase::Bound { .. } => (u64::MAX, LeaseState::Bound),
                Phase::Declined { .. } => (u64::MAX, LeaseState::Declined),
            };
            let lease = self.database.lease_of(addr, stored);
            records.push((order, LeaseRecord { state, lease }));
        }
        records.sort_by_key(|(order, _)| *order);
        records.into_iter().map(|(_, record)| record).collect()
    }

    /// True when it is a lease whose end is past, and that is held all the same.
    fn enter_record(&mut self, record: LeaseRecord, order: u64, now: Now) -> bool {
        let Some(subnet) = self.config.subnet_of(record.lease.addr) else {
            let sender = Sender {
                source: SocketAddr::from((record.lease.addr, 0)),
                mac: Some(record.lease.mac),
                message: None,
                giaddr: None,
            };
            self.drop_message(sender, DropReason::RecordOutside);
            return false;
        };
        let left = self.time_left(&record, subnet, now);
        let LeaseRecord { state, mut lease } = record;
        if let (Some(class), Some(index)) = (&lease.class, lease.index)
            && !self.database.ordinal_is_free(class, index)
        {
            lease.index = None;
        }
        let forgets = self.config.mutant.is(Bug::RestartForgetsLeases);
        if forgets && state == LeaseState::Bound {
            return false;
        }
        let until = instant_in(now, left.secs);
        let phase = match state {
            LeaseState::Bound => Phase::Bound { until },
            // The newest come first, and as many as may rest at a time.
            LeaseState::Declined if self.may_rest(subnet) => Phase::Declined { until },
            LeaseState::Declined => return false,
            LeaseState::Released | LeaseState::Expired | LeaseState::Revoked => {
                let revoked = state == LeaseState::Revoked;
                if revoked || self.database.of_client(subnet, &lease.client).is_none() {
                    self.lapse(subnet, lease, revoked, Some(order));
                }
                return false;
            }
        };
        // Only an edited file promises one name twice, or the name of another address.
        let own = name::addr_name(lease.addr);
        let alien = lease.hostname.starts_with(name::ADDR_NAME_PREFIX) && lease.hostname != own;
        if phase.is_active() && (alien || self.database.named(&lease.hostname).is_some()) {
            lease.hostname = own;
        }
        let is_doubted = left.is_doubted && phase.is_bound();
        self.database.insert(Binding {
            subnet,
            is_known: self.config.host(&lease.client, lease.mac).is_some(),
            lease,
            phase,
            is_doubted,
        });
        is_doubted
    }

    fn may_rest(&self, subnet: usize) -> bool {
        let (resting, _) = self.database.declined();
        let pool = self.database.pool(subnet);
        resting < self.config.limits.declined_max && pool.declined_too_many().is_none()
    }
}

/// The last record of each address, which holds, with its position and its dates on today's clock.
/// Packed until it is entered: a site has a million of them.
fn last_records(
    records: impl IntoIterator<Item = impl Into<ServerRecord>>,
) -> impl Iterator<Item = (usize, LeaseRecord)> {
    let mut packer = Packer::default();
    let mut last: BTreeMap<Ipv4Addr, Last> = BTreeMap::new();
    let mut steps_secs = 0;
    for (position, record) in records.into_iter().enumerate() {
        match record.into() {
            ServerRecord::Lease(LeaseRecord { state, lease }) => {
                let addr = lease.addr;
                let stored = Box::new(packer.pack(Binding {
                    subnet: 0,
                    phase: Phase::Lapsed { order: 0 },
                    lease,
                    is_known: false,
                    is_doubted: false,
                }));
                let before_secs = steps_secs;
                let record = Last {
                    addr,
                    position,
                    before_secs,
                    state,
                    stored,
                };
                last.insert(addr, record);
            }
            ServerRecord::ClockSet { secs } => steps_secs += secs,
        }
    }
    let mut last: Vec<Last> = last.into_values().collect();
    // What is promised has precedence over what is remembered, and the newer over the
    // older: a client that moved left no record that its former address forgot it.
    last.sort_by_key(|record| {
        let promised = matches!(record.state, LeaseState::Bound | LeaseState::Declined);
        (!promised, Reverse(record.position))
    });
    last.into_iter().map(move |record| {
        packer.offset_secs = steps_secs - record.before_secs;
        let lease = packer.lease(record.addr, &record.stored);
        let state = record.state;
        (record.position, LeaseRecord { state, lease })
    })
}

/// The last record of an address so far.
struct Last {
    addr: Ipv4Addr,
    position: usize,
    /// By how much the clock was set before it was written, in sum.
    before_secs: i64,
    state: LeaseState,
    stored: Box<Stored>,
}
