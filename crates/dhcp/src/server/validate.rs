//! A configuration that holds together: what [`RawServerConfig`] becomes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use quorate_core::{MacAddr, Mutant};

use super::config::{Limits, RawBoot, RawClass, RawHost, RawServerConfig, RawSubnet};
use super::error::ConfigError;
use super::free_set::FreeSet;
use super::lease::{ClientKey, octets};
use super::options::{ExtraOption, boot_file, options};
use crate::name::{self, Template};
use crate::net::{AddrRange, Ipv4Net};

/// Long enough for T1, T2 and the end to be three different seconds.
const LEASE_SECS_MIN: u32 = 4;
/// A configuration that holds together.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(super) server_id: Ipv4Addr,
    pub(super) subnets: Vec<Subnet>,
    pub(super) hosts: BTreeMap<ClientKey, Host>,
    /// Hosts that get an address of a pool.
    pub(super) roaming: u64,
    /// The client that a label is set aside for; `None`: no client may have it.
    pub(super) names: BTreeMap<String, Option<ClientKey>>,
    pub(super) classes: Vec<Class>,
    /// Positions in `classes`.
    class_places: BTreeMap<String, usize>,
    /// First address → position in `subnets`, which do not overlap.
    subnet_places: BTreeMap<Ipv4Addr, usize>,
    pub(super) boot: Vec<Boot>,
    pub(super) override_client_updates: bool,
    pub(super) limits: Limits,
    pub(super) mutant: Mutant,
}

/// One link's addresses.
#[derive(Clone, Debug)]
pub(super) struct Subnet {
    pub(super) net: Ipv4Net,
    /// What may be given to anyone: pools without exclusions, reservations and the server.
    pub(super) dynamic: FreeSet,
    /// Reserved address → who for.
    pub(super) reserved: BTreeMap<Ipv4Addr, ClientKey>,
    pub(super) routers: Vec<Ipv4Addr>,
    pub(super) dns: Vec<Ipv4Addr>,
    pub(super) domain: Option<String>,
    pub(super) lease_secs: u32,
}

/// What is set aside for one machine.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) addr: Option<Ipv4Addr>,
    pub(super) hostname: Option<String>,
    pub(super) class: Option<String>,
}

/// What machines of one kind get.
#[derive(Clone, Debug)]
pub(super) struct Class {
    pub(super) name: String,
    pub(super) mac_prefix: Vec<u8>,
    pub(super) vendor_class: Option<String>,
    pub(super) user_class: Option<String>,
    pub(super) hostname: Option<Template>,
    pub(super) client_hostname: bool,
    pub(super) boot_file: Option<Template>,
    pub(super) next_server: Option<Ipv4Addr>,
    pub(super) options: BTreeMap<u8, ExtraOption>,
}

/// A [`RawBoot`] that holds together.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    pub(super) architectures: Vec<u16>,
    pub(super) vendor_class: Option<String>,
    pub(super) user_class: Option<String>,
    pub(super) boot_file: Template,
    pub(super) next_server: Option<Ipv4Addr>,
    pub(super) options: BTreeMap<u8, ExtraOption>,
}

impl ServerConfig {
    /// Checks `raw`.
    ///
    /// # Errors
    /// With the first thing that does not hold.
    pub fn validate(raw: RawServerConfig) -> Result<Self, ConfigError> {
        let RawServerConfig {
            server_id,
            subnets,
            hosts: raw_hosts,
            classes,
            boot,
            reserved_names,
            override_client_updates,
            limits,
        } = raw;
        let classes = self::classes(classes)?;
        let class_places: BTreeMap<String, usize> = classes
            .iter()
            .enumerate()
            .map(|(place, class)| (class.name.clone(), place))
            .collect();
        let mut names = BTreeMap::new();
        for text in reserved_names {
            names.insert(hostname(&text)?, None);
        }
        let mut hosts = BTreeMap::new();
        for (number, raw) in raw_hosts.into_iter().enumerate() {
            let (key, host) = host(number + 1, raw, &class_places)?;
            if let Some(name) = &host.hostname
                && names.insert(name.clone(), Some(key.clone())).is_some()
            {
                return Err(ConfigError::DuplicateHostname(name.clone()));
            }
            if hosts.insert(key.clone(), host).is_some() {
                return Err(ConfigError::DuplicateHost(key));
            }
        }
        let subnets = self::subnets(server_id, subnets, &hosts)?;
        let first = |subnet: &Subnet| subnet.net.network();
        Ok(Self {
            server_id,
            subnet_places: subnets.iter().map(first).zip(0..).collect(),
            subnets,
            class_places,
            roaming: hosts.values().filter(|host| host.addr.is_none()).count() as u64,
            hosts,
            names,
            classes,
            boot: boot.into_iter().map(self::boot).collect::<Result<_, _>>()?,
            override_client_updates,
            limits,
            mutant: Mutant::default(),
        })
    }

    /// See [`quorate_core::mutant`].
    #[doc(hidden)]
    pub const fn set_mutant(&mut self, mutant: Mutant) {
        self.mutant = mutant;
    }

    /// Option 54.
    pub fn server_id(&self) -> Ipv4Addr {
        self.server_id
    }

    /// The configured subnets.
    pub fn nets(&self) -> impl Iterator<Item = Ipv4Net> {
        self.subnets.iter().map(|subnet| subnet.net)
    }

    /// The number of the subnet that `addr` is in.
    pub(super) fn subnet_of(&self, addr: Ipv4Addr) -> Option<usize> {
        let (_, place) = self.subnet_places.range(..=addr).next_back()?;
        self.subnets[*place].net.contains(addr).then_some(*place)
    }

    /// The reservation for a client: by client identifier first, then by MAC.
    pub(super) fn host(&self, key: &ClientKey, mac: MacAddr) -> Option<(&ClientKey, &Host)> {
        let by_mac = || self.hosts.get_key_value(&ClientKey::Mac(mac));
        self.hosts.get_key_value(key).or_else(by_mac)
    }

    pub(super) fn class(&self, name: &str) -> Option<&Class> {
        let place = self.class_places.get(name)?;
        self.classes.get(*place)
    }
}

fn subnets(
    server_id: Ipv4Addr,
    raw: Vec<RawSubnet>,
    hosts: &BTreeMap<ClientKey, Host>,
) -> Result<Vec<Subnet>, ConfigError> {
    if raw.is_empty() {
        return Err(ConfigError::NoSubnet);
    }
    let mut subnets: Vec<Subnet> = Vec::with_capacity(raw.len());
    for raw in raw {
        if let Some(other) = subnets.iter().find(|other| other.net.overlaps(raw.net)) {
            return Err(ConfigError::SubnetsOverlap(other.net, raw.net));
        }
        subnets.push(subnet(server_id, raw)?);
    }
    for (key, host) in hosts {
        let Some(addr) = host.addr else { continue };
        if addr == server_id {
            return Err(ConfigError::HostIsServer(addr));
        }
        let subnet = subnets
            .iter_mut()
            .find(|subnet| subnet.net.contains_host(addr));
        let subnet = subnet.ok_or(ConfigError::HostOutside(addr))?;
        if subnet.reserved.insert(addr, key.clone()).is_some() {
            return Err(ConfigError::DuplicateAddr(addr));
        }
        subnet.dynamic.remove(addr.to_bits());
    }
    Ok(subnets)
}

fn subnet(server_id: Ipv4Addr, raw: RawSubnet) -> Result<Subnet, ConfigError> {
    let net = raw.net;
    for range in raw.pools.iter().chain(&raw.exclude) {
        if !net.contains_host(range.first) || !net.contains_host(range.last) {
            return Err(ConfigError::RangeOutside { range: *range, net });
        }
    }
    let mut pools = raw.pools;
    pools.sort();
    if let Some(pair) = pools.windows(2).find(|pair| pair[1].first <= pair[0].last) {
        return Err(ConfigError::PoolsOverlap(pair[0], pair[1]));
    }
    if raw.lease_secs < LEASE_SECS_MIN {
        let lease_secs = raw.lease_secs;
        return Err(ConfigError::LeaseSecs { net, lease_secs });
    }
    if let Some(domain) = raw.domain.as_ref().filter(|domain| !is_domain(domain)) {
        return Err(ConfigError::Domain(domain.clone()));
    }
    let mut dynamic = FreeSet::from_ranges(pools.iter().map(bits));
    for range in &raw.exclude {
        dynamic.remove_range(bits(range));
    }
    for addr in raw.routers.iter().chain([&server_id]) {
        dynamic.remove(addr.to_bits());
    }
    Ok(Subnet {
        net,
        dynamic,
        reserved: BTreeMap::new(),
        routers: raw.routers,
        dns: raw.dns,
        domain: raw.domain.map(|domain| domain.to_ascii_lowercase()),
        lease_secs: raw.lease_secs,
    })
}

fn host(
    number: usize,
    raw: RawHost,
    classes: &BTreeMap<String, usize>,
) -> Result<(ClientKey, Host), ConfigError> {
    let key = match (raw.mac, raw.client_id) {
        (Some(mac), None) => ClientKey::Mac(mac),
        (None, Some(text)) => match octets(&text) {
            Some(id) if (2..=255).contains(&id.len()) => ClientKey::Id(id),
            Some(_) | None => return Err(ConfigError::ClientId(text)),
        },
        (Some(_), Some(_)) | (None, None) => return Err(ConfigError::HostKey(number)),
    };
    if let Some(name) = &raw.class
        && !classes.contains_key(name)
    {
        return Err(ConfigError::UnknownClass(name.clone()));
    }
    let host = Host {
        addr: raw.addr,
        hostname: raw.hostname.as_deref().map(hostname).transpose()?,
        class: raw.class,
    };
    Ok((key, host))
}

fn classes(raw: Vec<RawClass>) -> Result<Vec<Class>, ConfigError> {
    let mut seen = BTreeSet::new();
    let mut classes = Vec::with_capacity(raw.len());
    for raw in raw {
        if !seen.insert(raw.name.clone()) {
            return Err(ConfigError::DuplicateClass(raw.name));
        }
        classes.push(class(raw)?);
    }
    Ok(classes)
}

fn class(raw: RawClass) -> Result<Class, ConfigError> {
    let mac_prefix = match raw.mac_prefix {
        None => Vec::new(),
        Some(text) => octets(&text)
            .filter(|prefix| (1..=6).contains(&prefix.len()))
            .ok_or(ConfigError::MacPrefix(text))?,
    };
    let hostname = raw
        .hostname
        .map(|text| Template::parse_label(&text).ok_or(ConfigError::HostnameTemplate(text)));
    Ok(Class {
        name: raw.name,
        mac_prefix,
        vendor_class: raw.vendor_class,
        user_class: raw.user_class,
        hostname: hostname.transpose()?,
        client_hostname: raw.client_hostname,
        boot_file: raw.boot_file.map(boot_file).transpose()?,
        next_server: raw.next_server,
        options: options(raw.options)?,
    })
}

fn boot(raw: RawBoot) -> Result<Boot, ConfigError> {
    Ok(Boot {
        architectures: raw.architectures,
        vendor_class: raw.vendor_class,
        user_class: raw.user_class,
        boot_file: boot_file(raw.boot_file)?,
        next_server: raw.next_server,
        options: options(raw.options)?,
    })
}

fn hostname(text: &str) -> Result<String, ConfigError> {
    name::label(text)
        .filter(|label| !label.starts_with(name::ADDR_NAME_PREFIX))
        .ok_or_else(|| ConfigError::Hostname(text.to_owned()))
}

/// Leaves room for a label of 63 octets in front (RFC 1035 §2.3.4).
fn is_domain(text: &str) -> bool {
    text.len() <= 253 - 64 && text.split('.').all(|part| name::label(part).is_some())
}

fn bits(range: &AddrRange) -> RangeInclusive<u32> {
    range.first.to_bits()..=range.last.to_bits()
}
