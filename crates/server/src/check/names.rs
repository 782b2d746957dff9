//! Names of machines: the domain of their subnet, the zones that they are published in.

use std::net::Ipv4Addr;

use quorate_dns::Name;

use super::finding::{Finding, Place};
use super::view::{View, domain, name};
use crate::config::{Ddns, RawSubnet};

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(ddns) = view.ddns else { return };
    domains(view, findings);
    if view.updates_come_here() {
        zones_exist(view, ddns, findings);
    } else {
        elsewhere(view, ddns, findings);
    }
    reverse(view, ddns, findings);
}

/// Machines call themselves by the domain of their subnet, peers look them up in the zone.
fn domains(view: &View<'_>, findings: &mut Vec<Finding>) {
    let (Some(dhcp), Some(zone)) = (view.dhcp, &view.forward_zone) else {
        return;
    };
    for (place, subnet) in dhcp.subnets.iter().enumerate() {
        let own = subnet.domain.as_deref().map(domain).unwrap_or_default();
        if own == *zone {
            continue;
        }
        let strays = strays(view, place);
        if own.is_empty() && strays.is_none() {
            continue;
        }
        let is_called = match &subnet.domain {
            Some(written) => format!("machines of {} are called NAME.{written}", subnet.net),
            None => format!("machines of {} have no domain", subnet.net),
        };
        let what = format!("{is_called}, and their names are published as NAME.{zone}");
        let mut finding = match strays {
            Some((true, class)) => Finding::error(
                "domain",
                format!(
                    "{what}: etcd on machines of class {class:?} never finds itself among its peers"
                ),
            ),
            Some((false, _)) | None => Finding::warning("domain", what),
        };
        finding = finding
            .at(
                format!("dhcp.subnets.{place}.domain"),
                format!(
                    "domain = {:?}",
                    subnet.domain.as_deref().unwrap_or_default()
                ),
            )
            .at("ddns.forward_zone", format!("published in {zone}"));
        findings.push(finding.help(format!("write domain = {zone:?}")));
    }
}

/// A class of members that may be in the subnet: whether they can be nowhere better, and its name.
fn strays<'a>(view: &View<'a>, subnet: usize) -> Option<(bool, &'a str)> {
    let (dhcp, zone) = (view.dhcp?, view.forward_zone.as_ref()?);
    let fits = |it: &RawSubnet| it.domain.as_deref().map(domain).as_ref() == Some(zone);
    let classes = view.services().map(|(_, service)| service.class.as_str());
    let within = classes.filter(|class| view.subnets_of(class).contains(&subnet));
    let reserved = |class: &str| {
        let mut addrs = view.hosts_of(class).filter_map(|(_, host)| host.addr);
        addrs.any(|addr| dhcp.subnets[subnet].net.contains(addr))
    };
    let stuck = |class: &str| {
        let subnets = view.subnets_of(class);
        reserved(class) || !subnets.iter().any(|place| fits(&dhcp.subnets[*place]))
    };
    within.map(|class| (stuck(class), class)).max()
}

/// UPDATEs to our own DNS server are for zones that it has.
fn zones_exist(view: &View<'_>, ddns: &Ddns, findings: &mut Vec<Finding>) {
    let forward = ("ddns.forward_zone".to_owned(), &ddns.forward_zone);
    let reverse = ddns.reverse_zones.iter().enumerate();
    let reverse = reverse.map(|(at, zone)| (format!("ddns.reverse_zones.{at}"), zone));
    for (path, zone) in std::iter::once(forward).chain(reverse) {
        if view.zone(zone).is_some() || name(zone).is_none() {
            continue;
        }
        let mut finding = Finding::error(
            "no-zone",
            format!("[ddns] sends UPDATEs for {zone} to [dns], which has no such zone"),
        )
        .at(path, format!("UPDATEs for {zone}"));
        let near = view.nearest_zone(zone);
        if let Some((place, near)) = near {
            finding = finding.at(
                format!("dns.zones.{place}.name"),
                format!("there is {near}"),
            );
        }
        let or = near.map_or_else(String::new, |(_, near)| format!("write {near:?}, or "));
        findings.push(finding.help(format!("{or}add a [[dns.zones]] with name = {zone:?}")));
    }
}

/// UPDATEs to another server, although ours is there.
fn elsewhere(view: &View<'_>, ddns: &Ddns, findings: &mut Vec<Finding>) {
    let Some(dns) = view.dns else { return };
    let (server, zone) = (ddns.server, &ddns.forward_zone);
    let listen =
        dns.listen.iter().enumerate().map(|(at, listen)| {
            Place::new(format!("dns.listen.{at}"), format!("served at {listen}"))
        });
    let listen: Vec<_> = listen.collect();
    let is_ours = view.zone(zone).is_some();
    let own_key = ddns.key_file.is_none();
    let same_host = dns.listen.iter().any(|listen| listen.ip() == server.ip());
    let help = match dns.listen.first() {
        Some(listen) if !listen.ip().is_unspecified() => format!("write server = \"{listen}\""),
        Some(_) | None => "write an address of [dns] as server".to_owned(),
    };
    if is_ours {
        let what =
            format!("[ddns] sends UPDATEs for {zone} to {server}, and [dns] serves it elsewhere");
        let finding = match own_key || same_host {
            true => Finding::error("update-server", what),
            false => Finding::warning("update-server", what),
        };
        let finding = finding.at("ddns.server", format!("sent to {server}"));
        findings.push(finding.at_each(listen).help(help));
    } else if own_key {
        findings.push(
            Finding::error(
                "update-key",
                format!("[ddns] signs UPDATEs for {server} with a key that only [dns] knows"),
            )
            .at(
                "ddns.server",
                format!("sent to {server}, which does not know the key"),
            )
            .at_each(listen)
            .help(format!(
                "name a key that {server} knows as key_file, or {help}"
            )),
        );
    }
}

/// PTR records need a zone that their address is in.
fn reverse(view: &View<'_>, ddns: &Ddns, findings: &mut Vec<Finding>) {
    let Some(dhcp) = view.dhcp else { return };
    let zones: Vec<_> = ddns.reverse_zones.iter().map(|zone| name(zone)).collect();
    let covered = |addr: Ipv4Addr| {
        let owner = owner(addr);
        zones.iter().flatten().any(|zone| zone.zone_of(&owner))
    };
    let mut used = vec![false; zones.len()];
    for (place, subnet) in dhcp.subnets.iter().enumerate() {
        let blocks = blocks(subnet);
        for (zone, used) in zones.iter().zip(&mut used) {
            let Some(zone) = zone else { continue };
            *used |= blocks
                .iter()
                .any(|addr| zone.zone_of(&owner(*addr)) || is_below(zone, *addr));
        }
        let Some(addr) = blocks.iter().find(|addr| !covered(**addr)) else {
            continue;
        };
        let [a, b, c, _] = addr.octets();
        let wanted = format!("{c}.{b}.{a}.in-addr.arpa");
        let is_deliberate = zones.is_empty() && !is_served(view, *addr);
        if subnet.pools.is_empty() && view.hosts().all(|(_, host)| host.addr.is_none())
            || is_deliberate
        {
            continue;
        }
        findings.push(
            Finding::warning(
                "reverse-zone",
                format!(
                    "addresses such as {addr} of {} lead to no name: no reverse zone has them",
                    subnet.net
                ),
            )
            .at(
                format!("dhcp.subnets.{place}.net"),
                format!("{}", subnet.net),
            )
            .at("ddns.reverse_zones", "none of these")
            .help(format!(
                "add {wanted:?} to reverse_zones, and a [[dns.zones]] for it"
            )),
        );
    }
    let nets = || dhcp.subnets.iter().enumerate();
    for (place, _) in used.iter().enumerate().filter(|(_, used)| !**used) {
        if zones[place].is_none() {
            continue;
        }
        let nets = nets()
            .map(|(at, it)| Place::new(format!("dhcp.subnets.{at}.net"), format!("{}", it.net)));
        findings.push(
            Finding::error(
                "reverse-zone",
                format!("no subnet has an address in {}", ddns.reverse_zones[place]),
            )
            .at(format!("ddns.reverse_zones.{place}"), "never used")
            .at_each(nets)
            .help(
                "write the octets of a subnet in reverse, as 0.20.10.in-addr.arpa for 10.20.0.0/24",
            ),
        );
    }
}

/// True when `[dns]` has a zone for the address's PTR.
fn is_served(view: &View<'_>, addr: Ipv4Addr) -> bool {
    view.zone_of(&owner(addr)).is_some()
}

/// True for a zone of a part of the address's last octet.
fn is_below(zone: &Name, addr: Ipv4Addr) -> bool {
    let [a, b, c, _] = addr.octets();
    let block = name(&format!("{c}.{b}.{a}.in-addr.arpa."));
    block.is_some_and(|block| block.zone_of(zone))
}

fn owner(addr: Ipv4Addr) -> Name {
    let [a, b, c, d] = addr.octets();
    name(&format!("{d}.{c}.{b}.{a}.in-addr.arpa.")).unwrap_or_default()
}

/// An address of each block of 256 that the subnet has a part of, up to a bound.
fn blocks(subnet: &RawSubnet) -> Vec<Ipv4Addr> {
    let (first, last) = (subnet.net.network().to_bits(), subnet.net.last().to_bits());
    let starts = (first >> 8)..=(last >> 8);
    let addr =
        |block: u32| Ipv4Addr::from_bits((block << 8).max(first).saturating_add(1).min(last));
    starts.take(BLOCKS_MAX).map(addr).collect()
}

const BLOCKS_MAX: usize = 1_024;
