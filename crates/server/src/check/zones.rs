//! Zones: the name server that they name, and names that they keep from machines.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use quorate_dns::{Name, text};

use super::finding::Finding;
use super::view::{View, name};
use crate::config::{Dns, RawZone};

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(dns) = view.dns else { return };
    for (place, zone) in dns.zones.iter().enumerate() {
        primary(view, dns, (place, zone), findings);
    }
    bootstrap(view, dns, findings);
    taken_names(view, findings);
    grants(view, dns, findings);
}

/// The name server of a zone has an address, and it is one of ours.
fn primary(
    view: &View<'_>,
    dns: &Dns,
    (place, zone): (usize, &RawZone),
    findings: &mut Vec<Finding>,
) {
    let Some(server) =
        name(&zone.name).and_then(|origin| text::parse_name(&zone.primary_ns, &origin).ok())
    else {
        return;
    };
    // What another server answers is not known here.
    let Some(home) = view.zone_of(&server) else {
        return;
    };
    let shown = text::name(&server);
    let path = format!("dns.zones.{place}.primary_ns");
    let addrs: Vec<_> = view
        .addr_records()
        .filter(|(_, owner, _)| **owner == server)
        .collect();
    if let Some((at, _, addr)) = addrs.first() {
        let is_ours = |addr: &IpAddr| dns.listen.iter().any(|listen| serves(*listen, *addr));
        if addrs.iter().any(|(_, _, addr)| is_ours(addr)) {
            return;
        }
        let what = format!("{shown} is at {addr}, where [dns] does not listen");
        let is_local = matches!(addr, IpAddr::V4(addr) if view.subnet(*addr).is_some());
        let finding = match is_local {
            true => Finding::error("name-server", what),
            false => Finding::warning("name-server", what),
        };
        let line = view
            .record_path(*at, &server)
            .unwrap_or_else(|| path.clone());
        let finding = finding.at(line, format!("{shown} is at {addr}"));
        findings.push(
            finding
                .at("dns.listen", format!("served at {}", listed(&dns.listen)))
                .help("write one address in both"),
        );
        return;
    }
    let is_leased = |label: &str| {
        let mut hosts = view
            .hosts()
            .filter_map(|(_, host)| host.hostname.as_deref());
        hosts.any(|host| host.eq_ignore_ascii_case(label))
    };
    if shown.split('.').next().is_some_and(is_leased) {
        return;
    }
    findings.push(no_address(view, dns, (&path, &shown), home));
}

fn no_address(view: &View<'_>, dns: &Dns, (path, shown): (&str, &str), home: usize) -> Finding {
    let other = view.addr_records().find(|(at, _, addr)| {
        *at == home && dns.listen.iter().any(|listen| serves(*listen, *addr))
    });
    let what = format!("the name server {shown} has no address");
    if let Some((at, owner, addr)) = other {
        let line = view.record_path(at, owner).unwrap_or_default();
        let written = text::name(owner);
        return Finding::error("name-server", what)
            .at(path, format!("primary_ns: {shown}"))
            .at(
                line,
                format!("{addr}, where [dns] listens, is called {written}"),
            )
            .help("write one name in both");
    }
    Finding::warning("name-server", what)
        .at(path, format!("primary_ns: {shown}"))
        .at(
            format!("dns.zones.{home}.records"),
            "no A or AAAA record of that name",
        )
        .help(format!(
            "add a record: \"{shown} 60 IN A ADDRESS\", with an address of [dns] listen"
        ))
}

/// True when the listener may be reached at this address.
fn serves(listen: SocketAddr, addr: IpAddr) -> bool {
    listen.ip() == addr || (listen.ip().is_unspecified() && (listen.is_ipv6() || addr.is_ipv4()))
}

fn listed(addrs: &[SocketAddr]) -> String {
    let texts: Vec<_> = addrs.iter().map(ToString::to_string).collect();
    texts.join(", ")
}

/// Members that ask too early must not be told for long that there is nothing.
fn bootstrap(view: &View<'_>, dns: &Dns, findings: &mut Vec<Finding>) {
    let Some(ddns) = view.ddns.filter(|ddns| !ddns.services.is_empty()) else {
        return;
    };
    let Some(place) = view.zone(&ddns.forward_zone) else {
        return;
    };
    if !dns.zones[place].bootstrap && view.updates_come_here() {
        findings.push(
            Finding::warning(
                "bootstrap",
                format!(
                    "{}: resolvers may believe for 30 s that there are no SRV records, while members wait for them",
                    dns.zones[place].name
                ),
            )
            .at(format!("dns.zones.{place}.bootstrap"), "bootstrap = false")
            .at("ddns.services.0", "published there")
            .help("write bootstrap = true in the zone"),
        );
    }
}

/// A machine whose name is taken by a record never gets it (RFC 4703 §5.3).
fn taken_names(view: &View<'_>, findings: &mut Vec<Finding>) {
    let Some(zone) = view.forward_zone.as_ref().and_then(|zone| name(zone)) else {
        return;
    };
    if !view.updates_come_here() {
        return;
    }
    let owners: BTreeMap<Name, usize> = view
        .records
        .iter()
        .enumerate()
        .flat_map(|(at, records)| {
            records
                .iter()
                .map(move |record| (record.name.to_lowercase(), at))
        })
        .collect();
    for (place, host) in view.hosts() {
        let Some(hostname) = &host.hostname else {
            continue;
        };
        let Ok(owner) = text::parse_name(hostname, &zone) else {
            continue;
        };
        let owner = owner.to_lowercase();
        let Some(line) = owners
            .get(&owner)
            .and_then(|at| view.record_path(*at, &owner))
        else {
            continue;
        };
        findings.push(
            Finding::error(
                "name-taken",
                format!("host {hostname:?} never gets its name: a record of [dns] has it"),
            )
            .at(
                format!("dhcp.hosts.{place}.hostname"),
                format!("host {hostname:?}"),
            )
            .at(line, "has that name")
            .help("leave the record out: the lease makes it; or give the host another name"),
        );
    }
}

/// A permission for names that no zone has.
fn grants(view: &View<'_>, dns: &Dns, findings: &mut Vec<Finding>) {
    use quorate_dns::policy::RawNames;
    for (place, grant) in dns.update.iter().enumerate() {
        let (RawNames::Exact(text) | RawNames::Subdomain(text)) = &grant.names else {
            continue;
        };
        let Some(top) = name(text) else { continue };
        let mut origins = dns.zones.iter().filter_map(|zone| name(&zone.name));
        if origins.any(|origin| origin.zone_of(&top) || top.zone_of(&origin)) {
            continue;
        }
        let near = view.nearest_zone(text);
        let mut finding = Finding::error(
            "grant",
            format!("[dns] update: no zone has names under {text}"),
        )
        .at(format!("dns.update.{place}.names"), "permits nothing");
        if let Some((at, zone)) = near {
            finding = finding.at(format!("dns.zones.{at}.name"), format!("there is {zone}"));
        }
        let help = near.map_or_else(String::new, |(_, zone)| format!("write a name in {zone}"));
        findings.push(finding.help(help));
    }
}
