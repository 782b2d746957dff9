//! From records to a server that keeps every promise in them, and back.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use quorate_core::{Bug, Now, Seed};

use super::database::{Binding, Phase};
use super::event::DropReason;
use super::lease::{LeaseRecord, LeaseState};
use super::validate::ServerConfig;
use super::{Server, clock_steps, instant_in};
use crate::name;

impl Server {
    /// A server that continues where the one that wrote `records` stopped. No record makes it fail:
    /// one that fits no subnet becomes an [`Event::Dropped`](super::Event::Dropped).
    pub fn restore(
        config: ServerConfig,
        seed: Seed,
        records: impl IntoIterator<Item = LeaseRecord>,
        now: Now,
    ) -> Self {
        let mut server = Self::new(config, seed);
        server.offset_secs = Some(clock_steps::offset_secs(now));
        // The last record of each address holds.
        let mut last: BTreeMap<Ipv4Addr, (usize, LeaseRecord)> = BTreeMap::new();
        for (position, record) in records.into_iter().enumerate() {
            last.insert(record.lease.addr, (position, record));
        }
        let mut last: Vec<_> = last.into_values().collect();
        // What is promised has precedence over what is remembered, and the newer over the
        // older: a client that moved left no record that its former address forgot it.
        last.sort_by_key(|(position, record)| {
            let promised = matches!(record.state, LeaseState::Bound | LeaseState::Declined);
            (!promised, Reverse(*position))
        });
        for (position, record) in last {
            server.enter_record(record, position as u64, now);
        }
        server
    }

    /// The last record of every address that the server remembers: what a compaction of the
    /// lease database keeps. Oldest lapsed first.
    pub fn records(&self) -> Vec<LeaseRecord> {
        let mut records: Vec<(u64, LeaseRecord)> = Vec::new();
        for binding in self.database.iter() {
            let (order, state) = match binding.phase {
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
            let lease = binding.lease.clone();
            records.push((order, LeaseRecord { state, lease }));
        }
        records.sort_by_key(|(order, _)| *order);
        records.into_iter().map(|(_, record)| record).collect()
    }

    fn enter_record(&mut self, record: LeaseRecord, order: u64, now: Now) {
        let Some(subnet) = self.config.subnet_of(record.lease.addr) else {
            let source = SocketAddr::from((record.lease.addr, 0));
            return self.drop_datagram(source, DropReason::RecordOutside);
        };
        let secs = self.secs_left(&record, subnet, now);
        let LeaseRecord { state, mut lease } = record;
        if let (Some(class), Some(index)) = (&lease.class, lease.index)
            && !self.database.ordinal_is_free(class, index)
        {
            lease.index = None;
        }
        let forgets = self.config.mutant.is(Bug::RestartForgetsLeases);
        if forgets && state == LeaseState::Bound {
            return;
        }
        let until = instant_in(now, secs);
        let phase = match state {
            LeaseState::Bound => Phase::Bound { until },
            LeaseState::Declined => Phase::Declined { until },
            LeaseState::Released | LeaseState::Expired | LeaseState::Revoked => {
                let revoked = state == LeaseState::Revoked;
                if revoked || self.database.of_client(subnet, &lease.client).is_none() {
                    self.lapse(subnet, lease, revoked, Some(order));
                }
                return;
            }
        };
        // Only an edited file promises one name twice, or the name of another address.
        let own = name::addr_name(lease.addr);
        let alien = lease.hostname.starts_with(name::ADDR_NAME_PREFIX) && lease.hostname != own;
        if phase.is_active() && (alien || self.database.named(&lease.hostname).is_some()) {
            lease.hostname = own;
        }
        self.database.insert(Binding {
            subnet,
            lease,
            phase,
        });
    }
}
