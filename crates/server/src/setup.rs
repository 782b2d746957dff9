//! From the configuration to engines' configurations, with what its sections need of each
//! other: TSIG keys, and grants for them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use quorate_core::Mutant;
use quorate_dhcp::server::RawSubnet;
use quorate_dns::policy::{RawGrant, RawNames};
use quorate_dns::tsig::{Algorithm, Key, KeyError};
use thiserror::Error;

use crate::boot::{self, BootError};
use crate::config::{Config, Ddns, Dhcp, Dns};

/// The validated configurations of the engines that run.
#[derive(Debug, Default)]
pub struct Setup {
    pub(crate) dhcp: Option<quorate_dhcp::ServerConfig>,
    pub(crate) dns: Option<quorate_dns::Config>,
    pub(crate) ddns: Option<quorate_ddns::Config>,
    /// Sorted by address.
    pub(crate) subnets: Vec<SubnetFacts>,
}

/// What the seed of every machine of a subnet contains about its network.
#[derive(Clone, Debug)]
pub(crate) struct SubnetFacts {
    pub(crate) net: quorate_dhcp::net::Ipv4Net,
    pub(crate) gateway: Option<Ipv4Addr>,
    pub(crate) dns: Vec<Ipv4Addr>,
}

/// The TSIG keys of one server.
#[derive(Debug, Default)]
pub struct Keys {
    /// What others sign with.
    pub dns: Vec<Key>,
    /// What our UPDATEs are signed with.
    pub ddns: Option<Key>,
    /// True when `ddns` is ours alone, so that our DNS server must learn it.
    pub made: bool,
}

/// A section does not configure a service.
#[derive(Debug, Error)]
pub enum SetupError {
    #[error("[dhcp]: {0}")]
    Dhcp(#[from] quorate_dhcp::ConfigError),
    #[error("[dns]: {0}")]
    Dns(#[from] quorate_dns::ConfigError),
    #[error("[ddns]: {0}")]
    Ddns(#[from] quorate_ddns::ConfigError),
    #[error("[seed]: two units for machines of class {0:?}: write one table for each class")]
    DuplicateClass(String),
    #[error("[boot]: {0}")]
    Boot(#[from] BootError),
}

impl Setup {
    /// Validates every section that is enabled.
    ///
    /// # Errors
    /// With the first section that configures nothing that could run.
    pub fn new(config: &Config, keys: Keys) -> Result<Self, SetupError> {
        let mut setup = Self::default();
        boot::check(config)?;
        if let Some(dhcp) = config.dhcp() {
            let mut raw = dhcp.server();
            raw.boot.extend(boot::rules(config));
            setup.dhcp = Some(quorate_dhcp::ServerConfig::validate(raw)?);
            setup.subnets = subnets(dhcp);
        }
        if let Some(dns) = config.dns() {
            let raw = zones(dns, config.ddns(), keys.ddns.as_ref());
            setup.dns = Some(quorate_dns::Config::new(&raw, keys.all())?);
        }
        if let Some(ddns) = config.ddns() {
            setup.ddns = Some(quorate_ddns::Config::new(&registrar(ddns), keys.ddns)?);
        }
        let mut classes = BTreeSet::new();
        for etcd in config.seed().iter().flat_map(|seed| &seed.etcd) {
            if !classes.insert(&etcd.class) {
                return Err(SetupError::DuplicateClass(etcd.class.clone()));
            }
        }
        Ok(setup)
    }

    /// See [`quorate_core::mutant`].
    #[doc(hidden)]
    pub fn set_mutant(&mut self, mutant: Mutant) {
        self.dhcp
            .iter_mut()
            .for_each(|config| config.set_mutant(mutant));
        self.dns
            .iter_mut()
            .for_each(|config| config.set_mutant(mutant));
        self.ddns
            .iter_mut()
            .for_each(|config| config.set_mutant(mutant));
    }
}

impl Keys {
    /// Every key that the DNS server accepts.
    fn all(&self) -> Vec<Key> {
        let own = self.ddns.iter().filter(|_| self.made).cloned();
        self.dns.iter().cloned().chain(own).collect()
    }
}

/// The key between our registrar and our DNS server, when the configuration names none. `secret`
/// must have [`OWN_KEY_LEN`] octets that cannot be guessed.
///
/// # Errors
/// When the secret is too short.
pub fn own_key(secret: Vec<u8>) -> Result<Key, KeyError> {
    let name = quorate_dns::text::parse_name(OWN_KEY_NAME, &quorate_dns::Name::root())
        .expect("the constant is a name");
    Key::new(&name, OWN_KEY_ALGORITHM, secret)
}

/// The DNS configuration, with the grants that our own registrar needs.
pub(crate) fn zones(dns: &Dns, ddns: Option<&Ddns>, key: Option<&Key>) -> quorate_dns::RawConfig {
    let mut raw = quorate_dns::RawConfig {
        zones: dns.zones.clone(),
        update: dns.update.clone(),
        transfer: dns.transfer.clone(),
        ..quorate_dns::RawConfig::default()
    };
    let own = ddns.filter(|ddns| ddns.key_file.is_none());
    if let (Some(ddns), Some(key)) = (own, key) {
        let zones = std::iter::once(&ddns.forward_zone).chain(&ddns.reverse_zones);
        raw.update.extend(zones.map(|zone| RawGrant {
            key: Some(quorate_dns::text::name(key.name())),
            sources: Vec::new(),
            names: RawNames::Subdomain(zone.clone()),
            types: ["A", "PTR", "DHCID", "SRV"].map(str::to_owned).to_vec(),
        }));
    }
    raw
}

/// The registrar's configuration.
pub(crate) fn registrar(ddns: &Ddns) -> quorate_ddns::RawConfig {
    quorate_ddns::RawConfig {
        server: ddns.server,
        forward_zone: ddns.forward_zone.clone(),
        reverse_zones: ddns.reverse_zones.clone(),
        ttl_secs: ddns.ttl_secs,
        services: ddns.services.clone(),
    }
}

/// What the seeds of each subnet's machines contain about their network, sorted by address.
fn subnets(dhcp: &Dhcp) -> Vec<SubnetFacts> {
    let facts = |subnet: &RawSubnet| SubnetFacts {
        net: subnet.net,
        gateway: subnet.routers.first().copied(),
        dns: subnet.dns.clone(),
    };
    let mut subnets: Vec<_> = dhcp.subnets.iter().map(facts).collect();
    subnets.sort_unstable_by_key(|subnet| subnet.net.network());
    subnets
}

const OWN_KEY_NAME: &str = "quorate-ddns.";
const OWN_KEY_ALGORITHM: Algorithm = Algorithm::HmacSha256;
/// As long as the algorithm's output (RFC 2104 §3).
pub const OWN_KEY_LEN: usize = OWN_KEY_ALGORITHM.mac_len();
