//! From the configuration to engines' configurations, with what its sections need of each
//! other: TSIG keys, and grants for them.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use quorate_dns::policy::{RawGrant, RawNames};
use quorate_dns::tsig::{Algorithm, Key, parse_key_file};

use crate::config::{Config, ConfigError, Ddns, Dhcp, Dns};
use crate::engines::{Setup, SubnetFacts};

/// Validates every section that is enabled, and reads or makes the keys that they need.
pub(crate) fn new(config: &Config) -> Result<Setup, ConfigError> {
    let keys = load(config)?;
    let mut setup = Setup::default();
    if let Some(dhcp) = config.dhcp.as_ref().filter(|section| section.enable) {
        setup.dhcp = Some(quorate_dhcp::ServerConfig::validate(dhcp.server())?);
        setup.subnets = subnets(dhcp);
    }
    if let Some(dns) = config.dns.as_ref().filter(|section| section.enable) {
        let raw = zones(dns, config.ddns.as_ref(), keys.ddns.as_ref());
        setup.dns = Some(quorate_dns::Config::new(&raw, keys.all())?);
    }
    if let Some(ddns) = config.ddns.as_ref().filter(|section| section.enable) {
        setup.ddns = Some(quorate_ddns::Config::new(&registrar(ddns), keys.ddns)?);
    }
    Ok(setup)
}

/// The TSIG keys of this daemon.
#[derive(Debug, Default)]
struct Keys {
    dns: Vec<Key>,
    /// What UPDATEs are signed with.
    ddns: Option<Key>,
    /// True when `ddns` is ours alone, so that `dns` must learn it.
    made: bool,
}

impl Keys {
    /// Every key that the DNS server accepts.
    fn all(&self) -> Vec<Key> {
        let own = self.ddns.iter().filter(|_| self.made).cloned();
        self.dns.iter().cloned().chain(own).collect()
    }
}

/// Reads the key files that `config` names, and makes the key that it does without.
fn load(config: &Config) -> Result<Keys, ConfigError> {
    let mut keys = Keys::default();
    if let Some(dns) = &config.dns {
        for path in &dns.key_files {
            keys.dns.extend(read(path)?);
        }
    }
    let Some(ddns) = config.ddns.as_ref().filter(|section| section.enable) else {
        return Ok(keys);
    };
    keys.ddns = match (&ddns.key_file, &config.dns) {
        (Some(path), _) => read(path)?.into_iter().next(),
        (None, Some(dns)) if dns.enable => {
            keys.made = true;
            Some(own_key(&config.state_dir.join("ddns.key"))?)
        }
        (None, _) => None,
    };
    Ok(keys)
}

fn read(path: &Path) -> Result<Vec<Key>, ConfigError> {
    let fail = |message: String| ConfigError::Key {
        path: path.display().to_string(),
        message,
    };
    let text = fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
    parse_key_file(&text).map_err(|error| fail(error.to_string()))
}

/// The key in `path`; made at the first start, readable by its owner only.
fn own_key(path: &Path) -> Result<Key, ConfigError> {
    let fail = |message: String| ConfigError::Key {
        path: path.display().to_string(),
        message,
    };
    if let Ok(keys) = read(path)
        && let Some(key) = keys.into_iter().next()
    {
        return Ok(key);
    }
    let mut secret = vec![0; Algorithm::HmacSha256.mac_len()];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut secret))
        .map_err(|error| fail(error.to_string()))?;
    let name = quorate_dns::text::parse_name(OWN_KEY_NAME, &quorate_dns::Name::root())
        .expect("the constant is a name");
    let key = Key::new(&name, Algorithm::HmacSha256, secret).map_err(|e| fail(e.to_string()))?;
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| {
            file.write_all(key.to_file().as_bytes())?;
            file.sync_all()
        })
        .map_err(|error| fail(error.to_string()))?;
    Ok(key)
}

/// The DNS configuration, with the grants that our own registrar needs.
fn zones(dns: &Dns, ddns: Option<&Ddns>, key: Option<&Key>) -> quorate_dns::RawConfig {
    let mut raw = quorate_dns::RawConfig {
        zones: dns.zones.clone(),
        update: dns.update.clone(),
        transfer: dns.transfer.clone(),
        ..quorate_dns::RawConfig::default()
    };
    let own = ddns.filter(|ddns| ddns.enable && ddns.key_file.is_none());
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
fn registrar(ddns: &Ddns) -> quorate_ddns::RawConfig {
    quorate_ddns::RawConfig {
        server: ddns.server,
        forward_zone: ddns.forward_zone.clone(),
        reverse_zones: ddns.reverse_zones.clone(),
        ttl_secs: ddns.ttl_secs,
        services: ddns.services.clone(),
    }
}

/// What the seeds of each subnet's machines say about their network.
fn subnets(dhcp: &Dhcp) -> Vec<SubnetFacts> {
    dhcp.subnets
        .iter()
        .map(|subnet| SubnetFacts {
            net: subnet.net,
            gateway: subnet.routers.first().copied(),
            dns: subnet.dns.clone(),
        })
        .collect()
}

const OWN_KEY_NAME: &str = "quorate-ddns.";
