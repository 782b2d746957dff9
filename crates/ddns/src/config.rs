//! What an operator says: server, zones, and the services whose members are announced.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};

use quorate_core::{Bug, Mutant};
use quorate_dns::rdata::SRV;
use quorate_dns::text::{self, TextError};
use quorate_dns::tsig::Key;
use quorate_dns::{Name, RData, Record};
use serde::{Deserialize, Serialize};

use crate::binding::reverse_name;

/// TTL of everything published whose configuration names none.
pub const DEFAULT_TTL_SECS: u32 = 60;
/// etcd's ports (IANA).
pub const DEFAULT_PEER_PORT: u16 = 2380;
pub const DEFAULT_CLIENT_PORT: u16 = 2379;

/// The configuration as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawConfig {
    /// Where UPDATEs go.
    pub server: SocketAddr,
    /// `lab.test`
    pub forward_zone: String,
    /// `0.77.10.in-addr.arpa`; the longest that contains the PTR owner is used.
    #[serde(default)]
    pub reverse_zones: Vec<String>,
    #[serde(default = "default_ttl_secs")]
    pub ttl_secs: u32,
    #[serde(default)]
    pub services: Vec<RawService>,
}

/// One service as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawService {
    /// `etcd`, whose record names are the ones known here.
    pub name: String,
    /// Bindings of this class are members.
    pub class: String,
    /// How many members the cluster begins with.
    pub members: usize,
    /// Hold the set back until it is whole. Without it, machines that boot one by one see
    /// different sets and form different clusters.
    #[serde(default = "default_gate")]
    pub gate: bool,
    /// Which of the two server sets; never both, which splits etcd 3.5 and later.
    pub set: RawSet,
    /// etcd's `--discovery-srv-name`.
    pub srv_name: Option<String>,
    #[serde(default = "default_peer_port")]
    pub peer_port: u16,
    #[serde(default = "default_client_port")]
    pub client_port: u16,
    #[serde(default)]
    pub priority: u16,
    #[serde(default)]
    pub weight: u16,
    pub ttl_secs: Option<u32>,
}

impl RawService {
    /// A service with etcd's ports and the plain set, gated.
    pub fn new(name: impl Into<String>, class: impl Into<String>, members: usize) -> Self {
        Self {
            name: name.into(),
            class: class.into(),
            members,
            gate: default_gate(),
            set: RawSet::Plain,
            srv_name: None,
            peer_port: default_peer_port(),
            client_port: default_client_port(),
            priority: 0,
            weight: 0,
            ttl_secs: None,
        }
    }
}

/// How peers talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RawSet {
    /// `_etcd-server._tcp`, http.
    Plain,
    /// `_etcd-server-ssl._tcp`, https.
    Ssl,
}

fn default_ttl_secs() -> u32 {
    DEFAULT_TTL_SECS
}

fn default_gate() -> bool {
    true
}

fn default_peer_port() -> u16 {
    DEFAULT_PEER_PORT
}

fn default_client_port() -> u16 {
    DEFAULT_CLIENT_PORT
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("zone {name:?}: {error}")]
    Zone { name: String, error: TextError },
    #[error("service {0:?} is not known: only etcd's record names are")]
    Service(String),
    #[error("two services publish as {0}: give one of them another srv_name")]
    ServiceTwice(String),
    #[error("service {service}: a cluster has at least one member")]
    NoMembers { service: String },
    #[error(
        "service {service}: {members} members do not fit into one UPDATE, which takes {members_max}"
    )]
    TooManyMembers {
        service: String,
        members: usize,
        members_max: usize,
    },
    #[error("service {service}: {label:?} is no label of a domain name")]
    Label { service: String, label: String },
}

/// A configuration that a registrar can work with.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) server: SocketAddr,
    pub(crate) key: Option<Key>,
    pub(crate) forward_zone: Name,
    pub(crate) reverse_zones: Vec<Name>,
    pub(crate) ttl_secs: u32,
    pub(crate) services: Vec<Service>,
    /// Positions in `services`.
    by_label: BTreeMap<String, usize>,
    by_class: BTreeMap<String, Vec<usize>>,
    pub(crate) mutant: Mutant,
}

/// One service and its record names.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// `etcd`, or `etcd-NAME`: what events and records call it.
    pub(crate) label: String,
    pub(crate) class: String,
    pub(crate) members: usize,
    pub(crate) gate: bool,
    pub(crate) server_owner: Name,
    client_owner: Name,
    raw: RawService,
    ttl_secs: u32,
}

impl Config {
    /// Checks what was written; UPDATEs are signed when there is a `key`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new(raw: &RawConfig, key: Option<Key>) -> Result<Self, ConfigError> {
        let forward_zone = zone(&raw.forward_zone)?;
        let reverse_zones = raw.reverse_zones.iter().map(|name| zone(name));
        let reverse_zones = reverse_zones.collect::<Result<Vec<_>, _>>()?;
        let mut services: Vec<Service> = Vec::new();
        let mut by_label = BTreeMap::new();
        let mut by_class: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, raw_service) in raw.services.iter().enumerate() {
            let service = Service::new(raw_service, &forward_zone, raw.ttl_secs)?;
            if by_label.insert(service.label.clone(), place).is_some() {
                return Err(ConfigError::ServiceTwice(service.label));
            }
            by_class
                .entry(service.class.clone())
                .or_default()
                .push(place);
            services.push(service);
        }
        Ok(Self {
            server: raw.server,
            key,
            forward_zone,
            reverse_zones,
            ttl_secs: raw.ttl_secs,
            services,
            by_label,
            by_class,
            mutant: Mutant::default(),
        })
    }

    /// See [`quorate_core::mutant`].
    #[doc(hidden)]
    pub fn set_mutant(&mut self, mutant: Mutant) {
        self.mutant = mutant;
        if mutant.is(Bug::GateOpensEarly) {
            let gated = self.services.iter_mut().filter(|service| service.gate);
            gated.for_each(|service| service.members -= 1);
        }
    }

    /// The hostname with the forward zone behind it; `None` when that is too long for a name.
    pub(crate) fn fqdn(&self, hostname: &str) -> Option<Name> {
        text::parse_name(hostname, &self.forward_zone).ok()
    }

    /// The longest reverse zone that the address's PTR lies in.
    pub(crate) fn reverse_zone(&self, addr: Ipv4Addr) -> Option<&Name> {
        let owner = reverse_name(addr);
        let zones = self
            .reverse_zones
            .iter()
            .filter(|zone| zone.zone_of(&owner));
        zones.max_by_key(|zone| zone.num_labels())
    }

    pub(crate) fn service(&self, label: &str) -> Option<usize> {
        self.by_label.get(label).copied()
    }

    /// The services whose members are of this class, with their positions.
    pub(crate) fn services_of(&self, class: &str) -> impl Iterator<Item = (usize, &Service)> {
        let places = self.by_class.get(class).into_iter().flatten();
        places.map(|place| (*place, &self.services[*place]))
    }
}

impl Service {
    fn new(raw: &RawService, zone: &Name, ttl_secs: u32) -> Result<Self, ConfigError> {
        if raw.name != "etcd" {
            return Err(ConfigError::Service(raw.name.clone()));
        }
        let suffix = match &raw.srv_name {
            Some(name) => format!("-{name}"),
            None => String::new(),
        };
        let label = format!("etcd{suffix}");
        let server = match raw.set {
            RawSet::Plain => format!("_etcd-server{suffix}"),
            RawSet::Ssl => format!("_etcd-server-ssl{suffix}"),
        };
        // Client URLs are http whatever the peers speak.
        let client = format!("_etcd-client{suffix}");
        let owner = |first: String| {
            let is_label = !first.contains(['.', '\\', '"', '@']) && !first.ends_with('-');
            let name = text::parse_name(&format!("{first}._tcp"), zone).ok();
            name.filter(|_| is_label).ok_or(ConfigError::Label {
                service: label.clone(),
                label: first,
            })
        };
        let service = Self {
            class: raw.class.clone(),
            members: raw.members,
            gate: raw.gate,
            server_owner: owner(server)?,
            client_owner: owner(client)?,
            raw: raw.clone(),
            ttl_secs: raw.ttl_secs.unwrap_or(ttl_secs),
            label,
        };
        service.check_members(zone)?;
        Ok(service)
    }

    fn check_members(&self, zone: &Name) -> Result<(), ConfigError> {
        let members_max = self.members_max(zone);
        if self.members == 0 {
            let service = self.label.clone();
            return Err(ConfigError::NoMembers { service });
        }
        if self.members > members_max {
            return Err(ConfigError::TooManyMembers {
                service: self.label.clone(),
                members: self.members,
                members_max,
            });
        }
        Ok(())
    }

    /// How many members' server and client records one UPDATE holds, whatever their hostnames.
    ///
    /// Counted without compression: targets have none (RFC 2782), and of owners hickory
    /// compresses only the first hundred or so.
    fn members_max(&self, zone: &Name) -> usize {
        const MESSAGE_LEN_MAX: usize = 65_535;
        /// Header, zone section, prerequisite, and the longest TSIG.
        const OVERHEAD_LEN_MAX: usize = 12 + 2 * (255 + 10) + 1_024;
        /// TYPE, CLASS, TTL, RDLENGTH; priority, weight, port.
        const FIXED_LEN: usize = 10 + 6;
        const LABEL_LEN_MAX: usize = 64;
        let target_len = LABEL_LEN_MAX + zone.len() + 1;
        let owners_len = self.server_owner.len() + self.client_owner.len() + 2;
        let member_len = owners_len + 2 * (FIXED_LEN + target_len);
        (MESSAGE_LEN_MAX - OVERHEAD_LEN_MAX) / member_len
    }

    /// The server set of these hosts.
    pub(crate) fn server_set<'a>(
        &'a self,
        targets: impl Iterator<Item = Name> + 'a,
    ) -> impl Iterator<Item = Record> + 'a {
        targets.map(|target| self.srv(&self.server_owner, self.raw.peer_port, target))
    }

    /// The client set of these hosts.
    pub(crate) fn client_set<'a>(
        &'a self,
        targets: impl Iterator<Item = Name> + 'a,
    ) -> impl Iterator<Item = Record> + 'a {
        targets.map(|target| self.srv(&self.client_owner, self.raw.client_port, target))
    }

    fn srv(&self, owner: &Name, port: u16, target: Name) -> Record {
        let srv = SRV::new(self.raw.priority, self.raw.weight, port, target);
        Record::from_rdata(owner.clone(), self.ttl_secs, RData::SRV(srv))
    }
}

fn zone(text: &str) -> Result<Name, ConfigError> {
    text::parse_name(text, &Name::root())
        .map(|name| name.to_lowercase())
        .map_err(|error| ConfigError::Zone {
            name: text.to_owned(),
            error,
        })
}
