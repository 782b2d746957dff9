//! The engines of one server, and the one log that makes their promises durable.
//!
//! ```text
//!  datagrams ─► engines ─► writes ─► log ─┬─ one sync for all ─► handle_written ─► replies
//!               DHCP ── lease ──► DDNS ───┘
//! ```
//!
//! Whatever arrived while the disk was busy shares the next sync. A lease and the intention to
//! publish it are in one batch, so that neither survives a crash without the other. What follows
//! when the disk fails is in `batch`.

mod batch;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use quorate_boot::Facts;
use quorate_core::{
    Datagram, Deadline, DelayHook, Engine, Now, Output, OutputOf, Seed, Ticket, Transmit,
};
use quorate_ddns::Registrar;
use quorate_dhcp::server::ServerRecord;
use quorate_dhcp::{Lease, Server};
use quorate_dns::Authority;

use crate::directory::Directory;
use crate::event::Event;
use crate::journal::Journal;
use crate::record::{Record, Sorted, binding, encode, intention, read};
use crate::setup::{Setup, SubnetFacts};
use crate::translate;
use batch::{Compaction, DiskState};

/// Which engine something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Dhcp,
    Dns,
    Ddns,
}

/// An engine that waits for its write.
#[derive(Debug)]
struct Unsynced {
    service: Service,
    ticket: Ticket,
    /// Whose lease it is.
    addr: Option<Ipv4Addr>,
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
    /// Appended to the log and not synced.
    unsynced: Vec<Unsynced>,
    disk: DiskState,
    compaction: Compaction,
    /// Messages that may leave now.
    pub transmits: Vec<(Service, Transmit)>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

impl<J: Journal> Engines<J> {
    /// Engines that continue where those that wrote `records` to `log` stopped.
    ///
    /// # Errors
    /// When a record is not one of ours.
    pub fn restore<R: AsRef<[u8]>>(
        setup: Setup,
        (log, records): (J, Vec<R>),
        seed: Seed,
        directory: Directory,
        now: Now,
    ) -> Result<Self, serde_json::Error> {
        let Sorted {
            leases,
            zones,
            outbox,
        } = Sorted::new(&records)?;
        // Read one by one, and kept by nobody but the engine.
        let mut broken = None;
        let dhcp = setup.dhcp.map(|config| {
            let leases = read(&leases, &mut broken, Record::into_lease);
            Server::restore(config, seed, leases, now)
        });
        let dns = setup.dns.map(|config| {
            let journals = read(&zones, &mut broken, Record::into_journal);
            Authority::restore(config, journals)
        });
        let ddns = setup.ddns.map(|config| {
            let changes = read(&outbox, &mut broken, Record::into_change);
            Registrar::restore(config, seed, changes)
        });
        if let Some(error) = broken {
            return Err(error);
        }
        drop((leases, zones, outbox));
        drop(records);
        let mut engines = Self {
            dhcp,
            dns,
            ddns,
            subnets: setup.subnets,
            directory,
            log,
            unsynced: Vec::new(),
            disk: DiskState::Up,
            compaction: Compaction::default(),
            transmits: Vec::new(),
            events: Vec::new(),
        };
        engines.skip_lost_serials();
        engines.reconcile(now);
        Ok(engines)
    }

    /// When the log has lost its end, secondaries may know versions of the zones that it does not.
    fn skip_lost_serials(&mut self) {
        let bytes = self.log.lost_bytes();
        if bytes == 0 {
            return;
        }
        let versions = u32::try_from(bytes / VERSION_BYTES_MIN).unwrap_or(SERIALS_SKIPPED_MAX);
        let serials = versions.clamp(SERIALS_SKIPPED_MIN, SERIALS_SKIPPED_MAX);
        if let Some(dns) = &mut self.dns {
            dns.skip_serials(serials);
        }
        self.events.push(Event::LogCut { bytes, serials });
    }

    /// Brings the registrar into agreement with the leases, whatever its outbox holds: a crash may
    /// have lost an intention, never a lease.
    fn reconcile(&mut self, now: Now) {
        for lease in self.dhcp.iter().flat_map(Server::leases) {
            self.directory.insert(facts(&self.subnets, &lease));
        }
        let Some(ddns) = &mut self.ddns else { return };
        // Without a DHCP server here it is not known which leases are gone.
        let Some(dhcp) = &self.dhcp else { return };
        let leased: BTreeSet<_> = dhcp.leases().map(|lease| lease.addr).collect();
        let registered = ddns.bindings().map(|binding| binding.addr);
        let gone: Vec<_> = registered.filter(|addr| !leased.contains(addr)).collect();
        for addr in gone {
            ddns.command(quorate_ddns::Command::Ended { addr }, now);
        }
        // After the ends: an address that changed hands frees its old name first.
        for lease in dhcp.leases() {
            ddns.command(quorate_ddns::Command::Bound(binding(&lease)), now);
        }
    }

    /// Hands a message to the engine that it is for.
    pub fn handle_datagram(&mut self, service: Service, datagram: Datagram<'_>, now: Now) {
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
        self.drain(now);
    }

    /// Lets every engine whose deadline has come act. While the disk is down they wait for it:
    /// most of what is due is to be written.
    pub fn tick(&mut self, now: Now) {
        if self.disk.is_down_at(now.instant) {
            return;
        }
        self.dhcp
            .iter_mut()
            .for_each(|engine| engine.handle_timeout(now));
        self.dns
            .iter_mut()
            .for_each(|engine| engine.handle_timeout(now));
        self.ddns
            .iter_mut()
            .for_each(|engine| engine.handle_timeout(now));
        self.drain(now);
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
        let earliest = Deadline::earliest(dhcp, Deadline::earliest(dns, ddns));
        self.compaction.or_look(self.disk.or_retry(earliest))
    }

    /// The active leases.
    pub fn leases(&self) -> impl Iterator<Item = Lease> {
        self.dhcp.iter().flat_map(Server::leases)
    }

    /// The active leases from this address on, by address.
    pub fn leases_from(&self, first: Ipv4Addr) -> impl Iterator<Item = Lease> {
        self.dhcp
            .iter()
            .flat_map(move |dhcp| dhcp.leases_from(first))
    }

    /// Every published zone.
    pub fn published(&self) -> impl Iterator<Item = &quorate_dns::Zone> {
        self.dns.iter().flat_map(Authority::zones)
    }

    /// How many there are.
    pub fn leases_len(&self) -> usize {
        self.dhcp.as_ref().map_or(0, Server::leases_len)
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
    fn drain(&mut self, now: Now) {
        loop {
            if let Some(output) = self.dhcp.as_mut().and_then(Engine::poll) {
                self.handle_dhcp_output(output, now);
            } else if let Some(output) = self.ddns.as_mut().and_then(Engine::poll) {
                match output {
                    Output::Transmit(transmit) => self.transmits.push((Service::Ddns, transmit)),
                    Output::Write { ticket, write } => {
                        self.append(Service::Ddns, ticket, &Record::Outbox(write));
                    }
                    Output::Effect(effect) => match effect {},
                    Output::Event(event) => self.events.extend(translate::ddns(event)),
                }
            } else if let Some(output) = self.dns.as_mut().and_then(Engine::poll) {
                match output {
                    Output::Transmit(transmit) => self.transmits.push((Service::Dns, transmit)),
                    Output::Write { ticket, write } => {
                        self.append(Service::Dns, ticket, &Record::Zone(write));
                    }
                    Output::Effect(effect) => match effect {},
                    Output::Event(event) => self.events.extend(translate::dns(event)),
                }
            } else {
                return;
            }
        }
    }

    fn handle_dhcp_output(&mut self, output: OutputOf<Server>, now: Now) {
        match output {
            Output::Transmit(transmit) => self.transmits.push((Service::Dhcp, transmit)),
            Output::Write { ticket, write } => {
                // Now, not at `Event::Leased`, which comes after the sync: the registrar's
                // intention must be in the batch of the lease.
                if let (Some(ddns), ServerRecord::Lease(lease)) = (&mut self.ddns, &write) {
                    ddns.command(intention(lease), now);
                }
                self.append(Service::Dhcp, ticket, &Record::from(write));
            }
            Output::Effect(effect) => match effect {},
            Output::Event(event) => {
                if let quorate_dhcp::server::Event::Leased { lease, .. } = &event
                    && let Some(other) = self.directory.insert(facts(&self.subnets, lease))
                {
                    self.events.push(Event::MacShared {
                        mac: lease.mac,
                        addr: lease.addr,
                        other,
                    });
                }
                let event = translate::dhcp(event);
                if let Some(Event::LeaseEnded { addr, .. }) = &event {
                    self.directory.remove(*addr);
                }
                self.events.extend(event);
            }
        }
    }

    fn append(&mut self, service: Service, ticket: Ticket, record: &Record) {
        self.log.append(&encode(record));
        let addr = match record {
            Record::Lease(record) => Some(record.lease.addr),
            Record::Clock(_) | Record::Zone(_) | Record::Outbox(_) => None,
        };
        self.unsynced.push(Unsynced {
            service,
            ticket,
            addr,
        });
    }
}

fn facts(subnets: &[SubnetFacts], lease: &Lease) -> Facts {
    // They do not overlap: the DHCP server would have refused them.
    let begun = subnets.partition_point(|subnet| subnet.net.network() <= lease.addr);
    let subnet = subnets[..begun]
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

/// No version of a zone is written in less.
const VERSION_BYTES_MIN: u64 = 64;
/// Versions are skipped by the thousand, so that people see it.
const SERIALS_SKIPPED_MIN: u32 = 1000;
/// Far below half of the circle (RFC 1982 §3.2).
const SERIALS_SKIPPED_MAX: u32 = 1 << 24;

#[cfg(test)]
mod tests;
