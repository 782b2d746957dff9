//! A configuration that holds together: what [`RawServerConfig`] becomes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use quorate_core::{MacAddr, Mutant};

use super::boot::Boot;
use super::config::{Limits, RawClass, RawHost, RawOption, RawServerConfig, RawSubnet};
use super::free_set::FreeSet;
use super::lease::{ClientKey, octets};
use crate::name::{self, Template};
use crate::net::{AddrRange, Ipv4Net};
use crate::wire::code;

/// Options that the protocol itself decides.
const CODES_RESERVED: [u8; 14] = [
    code::PAD,
    code::SUBNET_MASK,
    code::HOSTNAME,
    code::REQUESTED_ADDR,
    code::LEASE_SECS,
    code::OVERLOAD,
    code::MESSAGE_TYPE,
    code::SERVER_ID,
    code::PARAMETERS,
    code::T1_SECS,
    code::T2_SECS,
    code::CLIENT_ID,
    code::FQDN,
    code::RELAY_AGENT,
];
/// Long enough for T1, T2 and the end to be three different seconds.
const LEASE_SECS_MIN: u32 = 4;
/// The `file` field keeps one octet for its NUL.
const BOOT_FILE_LEN_MAX: usize = 127;

/// Why a configuration cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error("no subnet is configured")]
    NoSubnet,
    #[error("subnets {0} and {1} overlap")]
    SubnetsOverlap(Ipv4Net, Ipv4Net),
    #[error("range {range} is not within the hosts of subnet {net}")]
    RangeOutside { range: AddrRange, net: Ipv4Net },
    #[error("pools {0} and {1} overlap")]
    PoolsOverlap(AddrRange, AddrRange),
    #[error("lease_secs of subnet {net} is {lease_secs}: write 4 or more")]
    LeaseSecs { net: Ipv4Net, lease_secs: u32 },
    #[error("domain {0:?} is not dot-separated labels of letters, digits and hyphens")]
    Domain(String),
    #[error("host {0} must have exactly one of mac and client_id")]
    HostKey(usize),
    #[error("client_id {0:?} is not 2 to 255 octets in hexadecimal")]
    ClientId(String),
    #[error("two hosts have the key {0}")]
    DuplicateHost(ClientKey),
    #[error("two hosts reserve {0}")]
    DuplicateAddr(Ipv4Addr),
    #[error("two hosts have the name {0:?}")]
    DuplicateHostname(String),
    #[error("host address {0} is in no subnet, or not a host's")]
    HostOutside(Ipv4Addr),
    #[error("host address {0} is the server's own")]
    HostIsServer(Ipv4Addr),
    #[error("{0:?} is not a label of letters, digits and inner hyphens, or begins with ip-")]
    Hostname(String),
    #[error("there is no class {0:?}")]
    UnknownClass(String),
    #[error("two classes have the name {0:?}")]
    DuplicateClass(String),
    #[error("mac_prefix {0:?} is not 1 to 6 octets in hexadecimal")]
    MacPrefix(String),
    #[error(
        "hostname template {0:?} does not always give a label: use letters, digits, hyphens, \
         {{mac}}, {{ip}} and {{index}}, at most 61 long when filled in, not beginning with ip-"
    )]
    HostnameTemplate(String),
    #[error("boot file {0:?} is longer than 127 octets or has an unknown placeholder")]
    BootFile(String),
    #[error("option {0} must have exactly one of text, hex (octet pairs) and addrs")]
    OptionValue(u8),
    #[error("option {0} is decided by the server, or listed twice")]
    OptionCode(u8),
}

/// A configuration that holds together.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    pub(super) server_id: Ipv4Addr,
    pub(super) subnets: Vec<Subnet>,
    pub(super) hosts: BTreeMap<ClientKey, Host>,
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

/// A configured option's value.
#[derive(Clone, Debug)]
pub(super) struct ExtraOption {
    pub(super) value: Vec<u8>,
    pub(super) always: bool,
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
            hosts,
            names,
            classes,
            boot: boot.into_iter().map(Boot::new).collect::<Result<_, _>>()?,
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

pub(super) fn boot_file(text: String) -> Result<Template, ConfigError> {
    Template::parse(&text)
        .filter(|template| template.len_max() <= BOOT_FILE_LEN_MAX)
        .ok_or(ConfigError::BootFile(text))
}

pub(super) fn options(raw: Vec<RawOption>) -> Result<BTreeMap<u8, ExtraOption>, ConfigError> {
    let mut options = BTreeMap::new();
    for raw in raw {
        let (code, option) = option(raw)?;
        if CODES_RESERVED.contains(&code)
            || code == code::END
            || options.insert(code, option).is_some()
        {
            return Err(ConfigError::OptionCode(code));
        }
    }
    Ok(options)
}

fn option(raw: RawOption) -> Result<(u8, ExtraOption), ConfigError> {
    let code = raw.code;
    let value = match (raw.text, raw.hex, raw.addrs) {
        (Some(text), None, None) => Some(text.into_bytes()),
        (None, Some(hex), None) => octets(&hex),
        (None, None, Some(addrs)) => Some(addrs.iter().flat_map(Ipv4Addr::octets).collect()),
        _ => None,
    };
    let value = value.ok_or(ConfigError::OptionValue(code))?;
    let always = raw.always;
    Ok((code, ExtraOption { value, always }))
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
