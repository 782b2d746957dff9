//! The engines of one daemon, and the one log that makes their promises durable.
//!
//! ```text
//!  datagrams ─► engines ─► writes ─► log ─┬─ one sync for all ─► handle_written ─► replies
//!               DHCP ── lease ──► DDNS ───┘
//! ```
//!
//! Whatever arrived while the disk was busy shares the next sync. A lease and the intention to
//! publish it are in one batch, so that neither survives a crash without the other.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use quorate_boot::Facts;
use quorate_core::{Datagram, Deadline, Engine, Now, Output, Seed, Ticket, Transmit};
use quorate_ddns::{Binding, OutboxRecord, Registrar};
use quorate_dhcp::{ClientKey, Lease, LeaseRecord, LeaseState, Server};
use quorate_dns::{Authority, Journal};
use quorate_store::{Log, StoreError};
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::seed_port::Directory;
use crate::translate;

/// Which engine something belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Dhcp,
    Dns,
    Ddns,
}

/// One durable line of the log.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Record {
    Lease(LeaseRecord),
    Zone(Journal),
    Outbox(OutboxRecord),
}

/// What every machine of a subnet is told, for its seed.
#[derive(Clone, Debug)]
pub(crate) struct SubnetFacts {
    pub(crate) net: quorate_dhcp::net::Ipv4Net,
    pub(crate) gateway: Option<Ipv4Addr>,
    pub(crate) dns: Vec<Ipv4Addr>,
}

/// The validated configurations of the engines that run.
#[derive(Debug, Default)]
pub(crate) struct Setup {
    pub(crate) dhcp: Option<quorate_dhcp::ServerConfig>,
    pub(crate) dns: Option<quorate_dns::Config>,
    pub(crate) ddns: Option<quorate_ddns::Config>,
    pub(crate) subnets: Vec<SubnetFacts>,
}

/// The engines, their log, and what they want done.
#[derive(Debug)]
pub(crate) struct Engines {
    dhcp: Option<Server>,
    dns: Option<Authority>,
    ddns: Option<Registrar>,
    subnets: Vec<SubnetFacts>,
    directory: Directory,
    log: Log,
    /// Appended to the log and not synced: what to tell which engine then.
    promises: Vec<(Service, Ticket)>,
    compacted_bytes: u64,
    /// Messages that may leave now.
    pub(crate) transmits: Vec<(Service, Transmit)>,
    /// What happened, in order.
    pub(crate) events: Vec<Event>,
}

impl Engines {
    /// Engines that take up where those that wrote `records` to `log` were.
    pub(crate) fn restore(
        setup: Setup,
        (log, records): (Log, Vec<Vec<u8>>),
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
            promises: Vec::new(),
            transmits: Vec::new(),
            events: Vec::new(),
        };
        engines.reconcile(now);
        Ok(engines)
    }

    /// What the leases say is published, whatever the outbox remembers.
    fn reconcile(&mut self, now: Now) {
        let leases: Vec<Lease> = self
            .dhcp
            .iter()
            .flat_map(|dhcp| dhcp.leases().cloned())
            .collect();
        for lease in leases {
            self.directory.insert(self.facts(&lease));
            if let Some(ddns) = &mut self.ddns {
                ddns.command(quorate_ddns::Command::Bound(binding(&lease)), now);
            }
        }
    }

    /// Gives a message to the engine it came for.
    pub(crate) fn take(
        &mut self,
        service: Service,
        datagram: Datagram<'_>,
        now: Now,
    ) -> Result<(), StoreError> {
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
    pub(crate) fn tick(&mut self, now: Now) -> Result<(), StoreError> {
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

    /// Syncs what was written and releases what waited for it.
    pub(crate) fn commit(&mut self, now: Now) -> Result<(), StoreError> {
        while !self.promises.is_empty() {
            self.log.sync()?;
            for (service, ticket) in std::mem::take(&mut self.promises) {
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

    /// The earliest deadline of all engines.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let dhcp = self.dhcp.as_ref().and_then(Engine::poll_timeout);
        let dns = self.dns.as_ref().and_then(Engine::poll_timeout);
        let ddns = self.ddns.as_ref().and_then(Engine::poll_timeout);
        Deadline::earliest(dhcp, Deadline::earliest(dns, ddns))
    }

    /// The active leases.
    pub(crate) fn leases(&self) -> impl Iterator<Item = &Lease> {
        self.dhcp.iter().flat_map(Server::leases)
    }

    /// Every published zone: name, serial, and records in presentation format.
    pub(crate) fn zones(&self) -> BTreeMap<String, (u32, Vec<String>)> {
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

    fn drain(&mut self, now: Now) -> Result<(), StoreError> {
        loop {
            if let Some(output) = self.dhcp.as_mut().and_then(Engine::poll) {
                self.take_dhcp(output, now)?;
            } else if let Some(output) = self.ddns.as_mut().and_then(Engine::poll) {
                match output {
                    Output::Transmit(transmit) => self.transmits.push((Service::Ddns, transmit)),
                    Output::Write { ticket, write } => {
                        self.append(Service::Ddns, ticket, &Record::Outbox(write))?;
                    }
                    Output::Event(event) => self.events.extend(translate::ddns(event)),
                }
            } else if let Some(output) = self.dns.as_mut().and_then(Engine::poll) {
                match output {
                    Output::Transmit(transmit) => self.transmits.push((Service::Dns, transmit)),
                    Output::Write { ticket, write } => {
                        self.append(Service::Dns, ticket, &Record::Zone(write))?;
                    }
                    Output::Event(event) => self.events.extend(translate::dns(event)),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn take_dhcp(
        &mut self,
        output: Output<quorate_dhcp::server::Event, LeaseRecord>,
        now: Now,
    ) -> Result<(), StoreError> {
        match output {
            Output::Transmit(transmit) => self.transmits.push((Service::Dhcp, transmit)),
            Output::Write { ticket, write } => {
                // Told before the sync, so that its intention is in the same batch.
                if let Some(ddns) = &mut self.ddns {
                    ddns.command(intention(&write), now);
                }
                self.append(Service::Dhcp, ticket, &Record::Lease(write))?;
            }
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
    ) -> Result<(), StoreError> {
        self.log.append(&encode(record))?;
        self.promises.push((service, ticket));
        Ok(())
    }

    /// Replaces the log by what is true now.
    fn compact(&mut self) -> Result<(), StoreError> {
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
        let subnet = self
            .subnets
            .iter()
            .find(|subnet| subnet.net.contains(lease.addr));
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

fn encode(record: &Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have string keys and no failing parts")
}

/// What a lease record means for the DNS.
fn intention(record: &LeaseRecord) -> quorate_ddns::Command {
    match record.state {
        LeaseState::Bound => quorate_ddns::Command::Bound(binding(&record.lease)),
        LeaseState::Released | LeaseState::Expired | LeaseState::Declined | LeaseState::Revoked => {
            quorate_ddns::Command::Ended {
                addr: record.lease.addr,
            }
        }
    }
}

fn binding(lease: &Lease) -> Binding {
    let (dhcid_kind, dhcid_id) = dhcid(&lease.client);
    Binding {
        addr: lease.addr,
        hostname: lease.hostname.clone(),
        class: lease.class.clone(),
        dhcid_kind,
        dhcid_id,
        forward: lease.updates.forward,
        reverse: lease.updates.reverse,
    }
}

/// The identifier type and identifier of a client (RFC 4701 §3.3).
fn dhcid(client: &ClientKey) -> (u16, Vec<u8>) {
    match client {
        ClientKey::Mac(mac) => {
            let mut identifier = vec![HTYPE_ETHERNET];
            identifier.extend(mac.0);
            (0, identifier)
        }
        // RFC 4361 §6.1: type 255, four octets of IAID, then the DUID.
        ClientKey::Id(id) if id.first() == Some(&255) && id.len() > 5 => (2, id[5..].to_vec()),
        ClientKey::Id(id) => (1, id.clone()),
    }
}

const HTYPE_ETHERNET: u8 = 1;
/// A log smaller than this is not worth rewriting.
const COMPACTION_BYTES_MIN: u64 = 16 << 20;
/// Rewritten when it has grown to this many times what was worth keeping.
const COMPACTION_GROWTH: u64 = 4;
