//! Where in the file the values stand that an engine's error speaks of.

use quorate_dhcp::server::{RawClass, RawServerConfig, RawSubnet};
use quorate_dhcp::{ClientKey, ConfigError as DhcpError};
use quorate_dns::ConfigError as DnsError;

use super::finding::Place;
use super::view::{View, domain};
use crate::boot::BootError;
use crate::config::{Ddns, Dns, RawHost, RawZone};

/// The keys, and the host that is at fault: its position in `raw`. `places` are its hosts'
/// positions in the file.
pub(super) fn dhcp(
    error: &DhcpError,
    raw: &RawServerConfig,
    places: &[usize],
) -> (Vec<String>, Option<usize>) {
    let hosts = |key: &str, is: &dyn Fn(&RawHost) -> bool| hosts(raw, places, key, is);
    let subnets = |key: &str, is: &dyn Fn(&RawSubnet) -> bool| subnets(raw, key, is);
    let classes = |key: &str, is: &dyn Fn(&RawClass) -> bool| classes(raw, key, is);
    match error {
        DhcpError::HostOutside(addr)
        | DhcpError::DuplicateAddr(addr)
        | DhcpError::HostIsServer(addr) => hosts("addr", &|host| host.addr == Some(*addr)),
        DhcpError::DuplicateHostname(name) | DhcpError::Hostname(name) => {
            let is_it = |text: &String| text.eq_ignore_ascii_case(name);
            let (mut paths, last) = hosts("hostname", &|host| {
                host.hostname.as_ref().is_some_and(is_it)
            });
            let reserved = raw.reserved_names.iter().position(is_it);
            paths.extend(reserved.map(|at| format!("dhcp.reserved_names.{at}")));
            (paths, last)
        }
        DhcpError::UnknownClass(class) => {
            hosts("class", &|host| host.class.as_ref() == Some(class))
        }
        DhcpError::ClientId(text) => {
            hosts("client_id", &|host| host.client_id.as_ref() == Some(text))
        }
        DhcpError::DuplicateHost(ClientKey::Mac(mac)) => {
            hosts("mac", &|host| host.mac == Some(*mac))
        }
        DhcpError::DuplicateHost(ClientKey::Id(_)) => {
            hosts("client_id", &|host| host.client_id.is_some())
        }
        DhcpError::HostKey(number) => {
            let at = number.checked_sub(1);
            let path = at
                .and_then(|at| places.get(at))
                .map(|place| format!("dhcp.hosts.{place}"));
            (path.into_iter().collect(), at)
        }
        DhcpError::SubnetsOverlap(a, b) => subnets("net", &|subnet| [*a, *b].contains(&subnet.net)),
        DhcpError::RangeOutside { net, .. } => subnets("pools", &|subnet| subnet.net == *net),
        DhcpError::LeaseSecs { net, .. } => subnets("lease_secs", &|subnet| subnet.net == *net),
        DhcpError::PoolsOverlap(a, _) => subnets("pools", &|subnet| subnet.pools.contains(a)),
        DhcpError::Domain(text) => {
            subnets("domain", &|subnet| subnet.domain.as_ref() == Some(text))
        }
        DhcpError::DuplicateClass(name) => classes("name", &|class| class.name == *name),
        DhcpError::MacPrefix(text) => classes("mac_prefix", &|class| {
            class.mac_prefix.as_ref() == Some(text)
        }),
        DhcpError::HostnameTemplate(text) => {
            classes("hostname", &|class| class.hostname.as_ref() == Some(text))
        }
        DhcpError::BootFile(text) => {
            classes("boot_file", &|class| class.boot_file.as_ref() == Some(text))
        }
        DhcpError::OptionValue(code) | DhcpError::OptionCode(code) => {
            classes("options", &|class| {
                class.options.iter().any(|option| option.code == *code)
            })
        }
        DhcpError::NoSubnet => (vec!["dhcp.subnets".to_owned()], None),
    }
}

fn hosts(
    raw: &RawServerConfig,
    places: &[usize],
    key: &str,
    is: &dyn Fn(&RawHost) -> bool,
) -> (Vec<String>, Option<usize>) {
    let all = raw.hosts.iter().enumerate();
    let found: Vec<_> = all.filter(|(_, host)| is(host)).map(|(at, _)| at).collect();
    let paths = found
        .iter()
        .map(|at| format!("dhcp.hosts.{}.{key}", places[*at]));
    (paths.collect(), found.last().copied())
}

fn subnets(
    raw: &RawServerConfig,
    key: &str,
    is: &dyn Fn(&RawSubnet) -> bool,
) -> (Vec<String>, Option<usize>) {
    let found = raw.subnets.iter().enumerate().filter(|(_, it)| is(it));
    let paths = found.map(|(at, _)| format!("dhcp.subnets.{at}.{key}"));
    (paths.collect(), None)
}

fn classes(
    raw: &RawServerConfig,
    key: &str,
    is: &dyn Fn(&RawClass) -> bool,
) -> (Vec<String>, Option<usize>) {
    let found = raw.classes.iter().enumerate().filter(|(_, it)| is(it));
    let paths = found.map(|(at, _)| format!("dhcp.classes.{at}.{key}"));
    (paths.collect(), None)
}

/// What is wrong in one zone.
pub(super) fn zone(error: &DnsError, zone: &RawZone, place: usize) -> String {
    let key = match error {
        DnsError::ZoneName(_) => "name".to_owned(),
        DnsError::Primary { .. } => "primary_ns".to_owned(),
        DnsError::Record { text, .. } | DnsError::Misplaced { text, .. } => {
            let line = zone.records.iter().position(|line| line == text);
            line.map_or_else(|| "records".to_owned(), |line| format!("records.{line}"))
        }
        DnsError::DuplicateZone(_)
        | DnsError::Update(_)
        | DnsError::Transfer(_)
        | DnsError::Keys(_)
        | DnsError::UdpPayload(_) => "name".to_owned(),
    };
    format!("dns.zones.{place}.{key}")
}

/// What is wrong between zones, or beside them.
pub(super) fn dns(error: &DnsError, dns: &Dns) -> Vec<String> {
    match error {
        DnsError::DuplicateZone(name) => {
            let zones = dns.zones.iter().enumerate();
            let same = zones.filter(|(_, zone)| domain(&zone.name) == domain(name));
            same.map(|(at, _)| format!("dns.zones.{at}.name")).collect()
        }
        DnsError::Update(_) => vec!["dns.update".to_owned()],
        DnsError::Transfer(_) => vec!["dns.transfer".to_owned()],
        DnsError::ZoneName(_)
        | DnsError::Primary { .. }
        | DnsError::Record { .. }
        | DnsError::Misplaced { .. }
        | DnsError::Keys(_)
        | DnsError::UdpPayload(_) => vec!["dns".to_owned()],
    }
}

/// What is wrong in one service, or in the zones of all.
pub(super) fn service(error: &quorate_ddns::ConfigError, ddns: &Ddns, place: usize) -> String {
    use quorate_ddns::ConfigError as Error;
    let key = match error {
        Error::Zone { name, .. } => return zone_key(name, ddns),
        Error::Service(_) => "name",
        Error::NoMembers { .. } | Error::TooManyMembers { .. } => "members",
        Error::Label { .. } | Error::ServiceTwice(_) => "srv_name",
    };
    format!("ddns.services.{place}.{key}")
}

fn zone_key(name: &str, ddns: &Ddns) -> String {
    let reverse = ddns.reverse_zones.iter().position(|zone| zone == name);
    match reverse {
        Some(at) => format!("ddns.reverse_zones.{at}"),
        None => "ddns.forward_zone".to_owned(),
    }
}

/// What is wrong between services.
pub(super) fn ddns(error: &quorate_ddns::ConfigError, ddns: &Ddns) -> Vec<Place> {
    use quorate_ddns::ConfigError as Error;
    match error {
        Error::Zone { name, .. } => vec![Place::new(zone_key(name, ddns), "here")],
        Error::ServiceTwice(label) => {
            let services = ddns.services.iter().enumerate();
            let same = services.filter(|(_, service)| match &service.srv_name {
                Some(name) => *label == format!("{}-{name}", service.name),
                None => *label == service.name,
            });
            same.map(|(at, _)| {
                Place::new(
                    format!("ddns.services.{at}"),
                    format!("publishes as {label}"),
                )
            })
            .collect()
        }
        Error::Service(_)
        | Error::NoMembers { .. }
        | Error::TooManyMembers { .. }
        | Error::Label { .. } => vec![Place::new("ddns.services", "here")],
    }
}

pub(super) fn boot(error: &BootError, view: &View<'_>) -> String {
    let scripts = || {
        view.boot
            .into_iter()
            .flat_map(|boot| &boot.scripts)
            .enumerate()
    };
    match error {
        BootError::SeedOff => "boot".to_owned(),
        BootError::NoUrl | BootError::Url => "boot.url".to_owned(),
        BootError::ScriptForNone => {
            let mut empty = scripts().filter(|(_, own)| own.macs.is_empty() && own.class.is_none());
            let at = empty.next().map_or(0, |(at, _)| at);
            format!("boot.scripts.{at}")
        }
        BootError::Script(_) => "boot.script".to_owned(),
    }
}
