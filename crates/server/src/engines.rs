//! The engines of one server, and the one log that makes their promises durable.
//!
//! ```text
//!  datagrams ─► engines ─► writes ─► log ─┬─ one sync for all ─► handle_written ─► replies
//!               DHCP ── lease ──► DDNS ───┘
//! ```
//!
//! Whatever arrived while the disk was busy shares the next sync. A lease and the intention to
//! publish it are in one batch, so that neither survives a crash without the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use quorate_boot::Facts;
use quorate_core::{
    Datagram, Deadline, DelayHook, Engine, Now, Output, OutputOf, Seed, Ticket, Transmit,
};
use quorate_ddns::Registrar;
use quorate_dhcp::{Lease, Server};
use quorate_dns::Authority;

use crate::event::Event;
use crate::record::{Record, binding, encode, intention};
use crate::seeds::Directory;
use crate::setup::{Setup, SubnetFacts};
use crate::translate;

/// Which engine something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Dhcp,
    Dns,
    Ddns,
}

/// Where records become durable: a log on a disk, or a simulated one.
pub trait Journal {
    type Error;

    /// Adds a record to the batch.
    ///
    /// # Errors
    /// When nothing can be promised any more; likewise for the others.
    fn append(&mut self, record: &[u8]) -> Result<(), Self::Error>;

    /// Makes the batch durable.
    ///
    /// # Errors
    /// When it may not be durable.
    fn sync(&mut self) -> Result<(), Self::Error>;

    /// How large the log is, with the batch.
    fn len_bytes(&self) -> u64;

    /// Replaces the whole log by `records`, durably and atomically. The batch is dropped.
    ///
    /// # Errors
    /// When the log may still be the old one.
    fn rewrite(&mut self, records: &[Vec<u8>]) -> Result<(), Self::Error>;
}

/// The engines, their log, and their outputs.
#[derive(Debug)]
pub struct Engines<J> {
    dhcp: Option<Server>,
    dns: Option<Authority>,
    ddns: Option<Registrar>,
    /// Sorted by address.
    subnets: Vec<SubnetFacts>,
    directory: Directory,
    log: J,
    /// Appended to the log and not synced: the engines that wait, with their tickets.
    unsynced: Vec<(Service, Ticket)>,
    compacted_bytes: u64,
    /// Messages that may leave now.
    pub transmits: Vec<(Service, Transmit)>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

impl<J: Journal> Engines<J> {
    /// Engines that continue where those that wrote `records` to `log` stopped.
    pub fn restore(
        setup: Setup,
        (log, records): (J, Vec<Vec<u8>>),
        seed: Seed,
        directory: Directory,
        now: Now,
    ) -> Result<Self, serde_json::Error> {
        let (mut leases, mut journals, mut outbox) = (Vec::new(), Vec::new(), Vec::new());
        for record in &records {
            match serde_json::from_slice(record)? {
                Record::Lease(lease) => leases.push(lease),
                Record::Zone(journal) => journals.push(journal),
                Record::Outbox(change) => outbox.push(change),
            }
        }
        let mut engines = Self {
            dhcp: setup
                .dhcp
                .map(|config| Server::restore(config, seed, leases, now)),
            dns: setup.dns.map(|config| Authority::restore(config, journals)),
            ddns: setup
                .ddns
                .map(|config| Registrar::restore(config, seed, outbox)),
            subnets: setup.subnets,
            directory,
            compacted_bytes: log.len_bytes(),
            log,
            unsynced: Vec::new(),
            transmits: Vec::new(),
            events: Vec::new(),
        };
        engines.reconcile(now);
        Ok(engines)
    }

    /// Brings the registrar into agreement with the leases, whatever its outbox holds: a crash may
    /// have lost an intention, never a lease.
    fn reconcile(&mut self, now: Now) {
        let leases: Vec<Lease> = self
            .dhcp
            .iter()
            .flat_map(|dhcp| dhcp.leases().cloned())
            .collect();
        for lease in &leases {
            self.directory.insert(self.facts(lease));
        }
        let Some(ddns) = &mut self.ddns else { return };
        // Without a DHCP server here it is not known which leases are gone.
        if self.dhcp.is_some() {
            let leased: BTreeSet<_> = leases.iter().map(|lease| lease.addr).collect();
            let registered = ddns.bindings().map(|binding| binding.addr);
            let gone: Vec<_> = registered.filter(|addr| !leased.contains(addr)).collect();
            for addr in gone {
                ddns.command(quorate_ddns::Command::Ended { addr }, now);
            }
        }
        // After the ends: an address that changed hands frees its old name first.
        for lease in &leases {
            ddns.command(quorate_ddns::Command::Bound(binding(lease)), now);
        }
    }

    /// Hands a message to the engine that it is for.
    pub fn handle_datagram(
        &mut self,
        service: Service,
        datagram: Datagram<'_>,
        now: Now,
    ) -> Result<(), J::Error> {
        match service {
            Service::Dhcp => self
                .dhcp
                .iter_mut()
                .for_each(|e| e.handle_datagram(datagram, now)),
            Service::Dns => self
                .dns
                .iter_mut()
                .for_each(|e| e.handle_datagram(datagram, now)),
            Service::Ddns => self
                .ddns
                .iter_mut()
                .for_each(|e| e.handle_datagram(datagram, now)),
        }
        self.drain(now)
    }

    /// Lets every engine whose deadline has come act.
    pub fn tick(&mut self, now: Now) -> Result<(), J::Error> {
        self.dhcp
            .iter_mut()
            .for_each(|engine| engine.handle_timeout(now));
        self.dns
            .iter_mut()
            .for_each(|engine| engine.handle_timeout(now));
        self.ddns
            .iter_mut()
            .for_each(|engine| engine.handle_timeout(now));
        self.drain(now)
    }

    /// Syncs what was written and releases the outputs that waited for it.
    pub fn commit(&mut self, now: Now) -> Result<(), J::Error> {
        while !self.unsynced.is_empty() {
            self.log.sync()?;
            // Taken out first: an engine that hears of its write may want the next one, which
            // belongs to the next sync.
            for (service, ticket) in std::mem::take(&mut self.unsynced) {
                match service {
                    Service::Dhcp => self
                        .dhcp
                        .iter_mut()
                        .for_each(|e| e.handle_written(ticket, now)),
                    Service::Dns => self
                        .dns
                        .iter_mut()
                        .for_each(|e| e.handle_written(ticket, now)),
                    Service::Ddns => self
                        .ddns
                        .iter_mut()
                        .for_each(|e| e.handle_written(ticket, now)),
                }
            }
            self.drain(now)?;
        }
        if self.log.len_bytes() > COMPACTION_BYTES_MIN.max(self.compacted_bytes * COMPACTION_GROWTH)
        {
            self.compact()?;
        }
        Ok(())
    }

    /// True while something that was promised is not durable: [`commit`](Self::commit) has
    /// to wait for the disk.
    pub fn awaits_disk(&self) -> bool {
        !self.unsynced.is_empty()
    }

    /// The log, for a world that has power over its disk.
    pub const fn journal_mut(&mut self) -> &mut J {
        &mut self.log
    }

    /// From now on `hook` is asked how long the registrar waits.
    pub fn set_delay_hook(&mut self, hook: Arc<dyn DelayHook>) {
        if let Some(ddns) = &mut self.ddns {
            ddns.set_delay_hook(hook);
        }
    }

    /// Ends the engines. What the journal does not hold is forgotten.
    pub fn into_journal(self) -> J {
        self.log
    }

    /// The earliest deadline of all engines.
    pub fn deadline(&self) -> Option<Deadline> {
        let dhcp = self.dhcp.as_ref().and_then(Engine::poll_timeout);
        let dns = self.dns.as_ref().and_then(Engine::poll_timeout);
        let ddns = self.ddns.as_ref().and_then(Engine::poll_timeout);
        Deadline::earliest(dhcp, Deadline::earliest(dns, ddns))
    }

    /// The active leases.
    pub fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.dhcp.iter().flat_map(Server::leases)
    }

    /// Every published zone: name, serial, and records in presentation format.
    pub fn zones(&self) -> BTreeMap<String, (u32, Vec<String>)> {
        let zones = self.dns.iter().flat_map(Authority::zones);
        zones
            .map(|zone| {
                let records = zone
                    .records()
                    .map(|record| quorate_dns::text::record(&record));
                (
                    quorate_dns::text::name(zone.origin()),
                    (zone.serial().0, records.collect()),
                )
            })
            .collect()
    }

    /// Empties the engines. The order matters twice:
    ///
    /// - DHCP comes before DDNS, and both before the caller syncs: a lease commands the registrar,
    ///   so its intention lands in the same batch, behind the lease. When a crash tears the batch
    ///   between the two, [`reconcile`](Self::reconcile) takes the intention from the lease.
    /// - One output at a time, from the first engine that has any: an output of DHCP may give DDNS
    ///   more to do, so no engine is done before all are.
    fn drain(&mut self, now: Now) -> Result<(), J::Error> {
        loop {
            if let Some(output) = self.dhcp.as_mut().and_then(Engine::poll) {
                self.handle_dhcp_output(output, now)?;
            } else if let Some(output) = self.ddns.as_mut().and_then(Engine::poll) {
                match output {
                    Output::Transmit(transmit) => self.transmits.push((Service::Ddns, transmit)),
                    Output::Write { ticket, write } => {
                        self.append(Service::Ddns, ticket, &Record::Outbox(write))?;
                    }
                    Output::Effect(effect) => match effect {},
                    Output::Event(event) => self.events.extend(translate::ddns(event)),
                }
            } else if let Some(output) = self.dns.as_mut().and_then(Engine::poll) {
                match output {
                    Output::Transmit(transmit) => self.transmits.push((Service::Dns, transmit)),
                    Output::Write { ticket, write } => {
                        self.append(Service::Dns, ticket, &Record::Zone(write))?;
                    }
                    Output::Effect(effect) => match effect {},
                    Output::Event(event) => self.events.extend(translate::dns(event)),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn handle_dhcp_output(&mut self, output: OutputOf<Server>, now: Now) -> Result<(), J::Error> {
        match output {
            Output::Transmit(transmit) => self.transmits.push((Service::Dhcp, transmit)),
            Output::Write { ticket, write } => {
                // Now, not at `Event::Leased`, which comes after the sync: the registrar's
                // intention must be in the batch of the lease.
                if let Some(ddns) = &mut self.ddns {
                    ddns.command(intention(&write), now);
                }
                self.append(Service::Dhcp, ticket, &Record::Lease(write))?;
            }
            Output::Effect(effect) => match effect {},
            Output::Event(event) => {
                if let quorate_dhcp::server::Event::Leased { lease, .. } = &event {
                    self.directory.insert(self.facts(lease));
                }
                let event = translate::dhcp(event);
                if let Some(Event::LeaseEnded { mac, .. }) = &event {
                    self.directory.remove(*mac);
                }
                self.events.extend(event);
            }
        }
        Ok(())
    }

    fn append(
        &mut self,
        service: Service,
        ticket: Ticket,
        record: &Record,
    ) -> Result<(), J::Error> {
        self.log.append(&encode(record))?;
        self.unsynced.push((service, ticket));
        Ok(())
    }

    /// Replaces the log by what is true now.
    fn compact(&mut self) -> Result<(), J::Error> {
        let leases = self
            .dhcp
            .iter()
            .flat_map(Server::records)
            .map(Record::Lease);
        let zones = self
            .dns
            .iter()
            .flat_map(Authority::checkpoint)
            .map(Record::Zone);
        let outbox = self
            .ddns
            .iter()
            .flat_map(Registrar::checkpoint)
            .map(Record::Outbox);
        let records: Vec<_> = leases
            .chain(zones)
            .chain(outbox)
            .map(|r| encode(&r))
            .collect();
        self.log.rewrite(&records)?;
        self.compacted_bytes = self.log.len_bytes();
        Ok(())
    }

    fn facts(&self, lease: &Lease) -> Facts {
        // They do not overlap: the DHCP server would have refused them.
        let begun = self
            .subnets
            .partition_point(|subnet| subnet.net.network() <= lease.addr);
        let subnet = self.subnets[..begun]
            .last()
            .filter(|subnet| subnet.net.contains(lease.addr));
        Facts {
            mac: lease.mac,
            addr: lease.addr,
            prefix_len: subnet.map_or(32, |subnet| subnet.net.prefix_len()),
            hostname: lease.hostname.clone(),
            domain: lease.domain.clone().unwrap_or_default(),
            gateway: subnet.and_then(|subnet| subnet.gateway),
            dns: subnet.map(|subnet| subnet.dns.clone()).unwrap_or_default(),
            // A machine that is installed anew keeps its MAC address, and its seed with it.
            instance_id: format!("quorate-{}", String::from(lease.mac).replace(':', "")),
            class: lease.class.clone(),
        }
    }
}

/// A log smaller than this is not worth rewriting.
const COMPACTION_BYTES_MIN: u64 = 16 << 20;
/// Rewritten when it has grown to this many times what was worth keeping.
const COMPACTION_GROWTH: u64 = 4;

#[cfg(test)]
mod tests;
