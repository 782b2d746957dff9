//! The configuration with what several checks ask of it.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use quorate_boot::Facts;
use quorate_core::MacAddr;
use quorate_ddns::RawService;
use quorate_dhcp::name::{Template, Values, addr_name};
use quorate_dhcp::server::{RawClass, RawHost};
use quorate_dns::{Name, RData, Record, text};

use crate::config::{Boot, Config, Ddns, Dhcp, Dns, Seed, SeedEtcd};

pub(super) struct View<'a> {
    pub(super) config: &'a Config,
    pub(super) dhcp: Option<&'a Dhcp>,
    pub(super) dns: Option<&'a Dns>,
    pub(super) ddns: Option<&'a Ddns>,
    pub(super) seed: Option<&'a Seed>,
    pub(super) boot: Option<&'a Boot>,
    /// The zone that names go to. When `[dns]` has no such zone, the one that was probably meant:
    /// one mistake is one finding.
    pub(super) forward_zone: Option<String>,
    /// The records of each zone of `[dns]`, those that can be read.
    pub(super) records: Vec<Vec<Record>>,
}

/// A machine of which the file knows enough to render its seed.
pub(super) struct Known {
    /// Where the file says it: a host, or a class.
    pub(super) path: String,
    pub(super) facts: Facts,
}

impl<'a> View<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        let mut view = Self {
            config,
            dhcp: config.dhcp(),
            dns: config.dns(),
            ddns: config.ddns(),
            seed: config.seed(),
            boot: config.boot(),
            forward_zone: None,
            records: Vec::new(),
        };
        view.records = view.zone_records();
        view.forward_zone = view.ddns.map(|ddns| {
            let written = &ddns.forward_zone;
            let is_ours = view.updates_come_here() && view.zone(written).is_none();
            let meant = view.nearest_zone(written).filter(|_| is_ours);
            meant.map_or_else(|| domain(written), |(_, zone)| domain(zone))
        });
        view
    }

    fn zone_records(&self) -> Vec<Vec<Record>> {
        let zones = self.dns.into_iter().flat_map(|dns| &dns.zones);
        let records = zones.map(|zone| {
            let origin = name(&zone.name).unwrap_or_default();
            let lines = zone.records.iter();
            let read = lines.filter_map(|line| text::parse_record(line, &origin, 60).ok());
            read.collect()
        });
        records.collect()
    }

    pub(super) fn services(&self) -> impl Iterator<Item = (usize, &'a RawService)> {
        let services = self.ddns.into_iter().flat_map(|ddns| &ddns.services);
        services.enumerate()
    }

    pub(super) fn units(&self) -> impl Iterator<Item = (usize, &'a SeedEtcd)> {
        let units = self.seed.into_iter().flat_map(|seed| &seed.etcd);
        units.enumerate()
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = (usize, &'a RawHost)> {
        let hosts = self.dhcp.into_iter().flat_map(|dhcp| &dhcp.hosts);
        hosts.enumerate()
    }

    pub(super) fn hosts_of(&self, class: &str) -> impl Iterator<Item = (usize, &'a RawHost)> {
        self.hosts()
            .filter(move |(_, host)| host.class.as_deref() == Some(class))
    }

    pub(super) fn classes(&self) -> impl Iterator<Item = (usize, &'a RawClass)> {
        let classes = self.dhcp.into_iter().flat_map(|dhcp| &dhcp.classes);
        classes.enumerate()
    }

    pub(super) fn class(&self, name: &str) -> Option<(usize, &'a RawClass)> {
        self.classes().find(|(_, class)| class.name == name)
    }

    /// True when a client that the file does not name may be of the class.
    pub(super) fn is_matched(&self, class: &str) -> bool {
        let all = |class: &RawClass| {
            class.mac_prefix.is_none() && class.vendor_class.is_none() && class.user_class.is_none()
        };
        let mut before = self.classes().take_while(|(_, other)| other.name != class);
        self.class(class).is_some() && !before.any(|(_, other)| all(other))
    }

    /// The subnets that machines of a class may be in, by position.
    pub(super) fn subnets_of(&self, class: &str) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut is_free = self.is_matched(class);
        for (_, host) in self.hosts_of(class) {
            match host.addr {
                Some(addr) => found.extend(self.subnet(addr)),
                None => is_free = true,
            }
        }
        if let Some(dhcp) = self.dhcp.filter(|_| is_free) {
            let subnets = dhcp.subnets.iter().enumerate();
            let pooled = subnets.filter(|(_, subnet)| !subnet.pools.is_empty());
            found.extend(pooled.map(|(place, _)| place));
        }
        found
    }

    pub(super) fn subnet(&self, addr: Ipv4Addr) -> Option<usize> {
        let subnets = self.dhcp.into_iter().flat_map(|dhcp| &dhcp.subnets);
        subnets.into_iter().position(|it| it.net.contains(addr))
    }

    /// The zone of `[dns]` that is called so.
    pub(super) fn zone(&self, zone: &str) -> Option<usize> {
        let dns = self.dns?;
        let wanted = domain(zone);
        dns.zones.iter().position(|it| domain(&it.name) == wanted)
    }

    /// The zone of `[dns]` that a name is in.
    pub(super) fn zone_of(&self, name: &Name) -> Option<usize> {
        let zones = self.dns?.zones.iter().enumerate();
        let within = zones.filter_map(|(place, zone)| {
            let origin = self::name(&zone.name)?;
            origin.zone_of(name).then(|| (origin.num_labels(), place))
        });
        within.max().map(|(_, place)| place)
    }

    /// The zone of `[dns]` whose name is the most alike.
    pub(super) fn nearest_zone(&self, wanted: &str) -> Option<(usize, &'a str)> {
        let zones = self.dns?.zones.iter().map(|zone| zone.name.as_str());
        nearest(wanted, zones)
    }

    /// True when `[ddns]` sends to our own DNS server.
    pub(super) fn updates_come_here(&self) -> bool {
        let (Some(ddns), Some(dns)) = (self.ddns, self.dns) else {
            return false;
        };
        dns.listen
            .iter()
            .any(|listen| reaches(*listen, ddns.server, &self.own_addrs()))
    }

    /// Addresses that are certainly this server's.
    pub(super) fn own_addrs(&self) -> BTreeSet<IpAddr> {
        let dns = self.dns.into_iter().flat_map(|dns| &dns.listen);
        let seed = self.seed.map(|seed| seed.listen);
        let tftp = self.boot.and_then(|boot| boot.tftp);
        let listen = dns.copied().chain(seed).chain(tftp).map(|addr| addr.ip());
        let server_id = self.dhcp.map(|dhcp| IpAddr::V4(dhcp.server_id));
        let all = listen.chain(server_id);
        all.filter(|addr| !addr.is_unspecified()).collect()
    }

    /// Every address record of the zones, with its owner.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "records of all other types have no address"
    )]
    pub(super) fn addr_records(&self) -> impl Iterator<Item = (usize, &Name, IpAddr)> {
        let zones = self.records.iter().enumerate();
        zones.flat_map(|(zone, records)| {
            records.iter().filter_map(move |record| match &record.data {
                RData::A(addr) => Some((zone, &record.name, IpAddr::V4(addr.0))),
                RData::AAAA(addr) => Some((zone, &record.name, IpAddr::V6(addr.0))),
                _ => None,
            })
        })
    }

    /// The line of a zone's records whose owner this is.
    pub(super) fn record_path(&self, zone: usize, owner: &Name) -> Option<String> {
        let raw = self.dns?.zones.get(zone)?;
        let origin = name(&raw.name)?;
        let line = raw.records.iter().position(|line| {
            text::parse_record(line, &origin, 60).is_ok_and(|record| record.name == *owner)
        })?;
        Some(format!("dns.zones.{zone}.records.{line}"))
    }

    /// The machines of a class that the file names, or what one of them would be like.
    pub(super) fn known(&self, class: &str) -> Vec<Known> {
        let hosts = self.hosts_of(class);
        let mut known: Vec<_> = hosts
            .filter_map(|(place, host)| {
                Some(Known {
                    path: format!("dhcp.hosts.{place}"),
                    facts: self.facts(class, Some(host))?,
                })
            })
            .collect();
        if let Some((place, _)) = self.class(class)
            && known.is_empty()
        {
            known.extend(self.facts(class, None).map(|facts| Known {
                path: format!("dhcp.classes.{place}"),
                facts,
            }));
        }
        known
    }

    fn facts(&self, class: &str, host: Option<&RawHost>) -> Option<Facts> {
        let mut subnets = self.dhcp?.subnets.iter();
        let addr = host.and_then(|host| host.addr);
        let subnet = match addr {
            Some(addr) => subnets.find(|subnet| subnet.net.contains(addr)),
            None => subnets.find(|subnet| !subnet.pools.is_empty()),
        }?;
        let addr = addr.or_else(|| Some(subnet.pools.first()?.first))?;
        let mac = host.and_then(|host| host.mac).unwrap_or(EXAMPLE);
        let template = self.class(class).and_then(|(_, it)| it.hostname.as_deref());
        let values = Values {
            mac,
            addr,
            index: 1,
        };
        let filled = template
            .and_then(Template::parse)
            .map(|it| it.fill(values).to_ascii_lowercase());
        let hostname = host.and_then(|host| host.hostname.clone()).or(filled);
        Some(Facts {
            mac,
            addr,
            prefix_len: subnet.net.prefix_len(),
            hostname: hostname.unwrap_or_else(|| addr_name(addr)),
            domain: subnet.domain.as_deref().map(domain).unwrap_or_default(),
            gateway: subnet.routers.first().copied(),
            dns: subnet.dns.clone(),
            instance_id: "quorate-check".to_owned(),
            class: Some(class.to_owned()),
        })
    }
}

/// True when what is sent to `addr` comes to the listener.
pub(super) fn reaches(listen: SocketAddr, addr: SocketAddr, own: &BTreeSet<IpAddr>) -> bool {
    let here = || own.contains(&addr.ip()) || addr.ip().is_loopback();
    listen.port() == addr.port()
        && (listen.ip() == addr.ip() || (listen.ip().is_unspecified() && here()))
}

/// A domain in the one way to write it that can be compared.
pub(super) fn domain(text: &str) -> String {
    text.trim_end_matches('.').to_ascii_lowercase()
}

pub(super) fn name(text: &str) -> Option<Name> {
    let name = text::parse_name(text, &Name::root()).ok()?;
    Some(name.to_lowercase())
}

/// The candidate that is the most alike, with its position.
pub(super) fn nearest<'t>(
    wanted: &str,
    candidates: impl Iterator<Item = &'t str>,
) -> Option<(usize, &'t str)> {
    candidates
        .enumerate()
        .min_by_key(|(_, candidate)| distance(wanted, candidate))
}

/// Levenshtein's.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// A machine that nobody has.
const EXAMPLE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
