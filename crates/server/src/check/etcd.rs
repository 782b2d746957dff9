//! What the SRV records of a class say, and what the etcd unit of the same class does.

use quorate_ddns::{RawService, RawSet};
use quorate_dns::{Name, RData, text};

use super::finding::Finding;
use super::view::{View, domain, name};
use crate::config::{EtcdUnit, PeerScheme, SeedEtcd};

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (place, seed) in view.units() {
        if seed.unit.discovery_srv.is_empty() {
            continue;
        }
        let services = view.services();
        let own = services.filter(|(_, service)| service.class == seed.class);
        let worst = own.map(|(at, service)| compare(view, (at, service), (place, seed)));
        match worst.min_by_key(Vec::len) {
            Some(disagreements) => findings.extend(disagreements),
            None => findings.extend(unpublished(view, place, seed)),
        }
    }
    unused(view, findings);
}

/// One value that both have.
struct Shared {
    code: &'static str,
    what: &'static str,
    service_key: &'static str,
    service: String,
    unit_key: &'static str,
    unit: String,
}

fn compare(
    view: &View<'_>,
    (service_place, service): (usize, &RawService),
    (unit_place, seed): (usize, &SeedEtcd),
) -> Vec<Finding> {
    let unit = &seed.unit;
    let mut findings: Vec<_> =
        shared(service, unit)
            .into_iter()
            .filter(|it| it.service != it.unit)
            .map(|it| {
                let path = format!("ddns.services.{service_place}.{}", it.service_key);
                let other = format!("seed.etcd.{unit_place}.unit.{}", it.unit_key);
                Finding::error(
                it.code,
                format!(
                    "class {:?}: {} is {} in the SRV records and {} in the etcd unit: no member \
                     finds the others",
                    seed.class, it.what, it.service, it.unit
                ),
            )
            .at(path, format!("published: {} = {}", it.service_key, it.service))
            .at(other, format!("run: {} = {}", it.unit_key, it.unit))
            .help(remedy(&it, service))
            })
            .collect();
    findings.extend(discovery_domain(view, (unit_place, seed)));
    findings
}

fn shared(service: &RawService, unit: &EtcdUnit) -> Vec<Shared> {
    let scheme = match unit.peer_scheme {
        PeerScheme::Http => "\"plain\" or \"http\"",
        PeerScheme::Https => "\"ssl\" or \"https\"",
    };
    let set = match service.set {
        RawSet::Plain => "\"plain\" or \"http\"",
        RawSet::Ssl => "\"ssl\" or \"https\"",
    };
    let srv_name = |name: &Option<String>| match name {
        Some(name) => format!("{:?}", name.to_ascii_lowercase()),
        None => "left out".to_owned(),
    };
    let row = |code, what, service_key, service, unit_key, unit| Shared {
        code,
        what,
        service_key,
        service,
        unit_key,
        unit,
    };
    vec![
        row(
            "peer-scheme",
            "how peers talk",
            "set",
            set.to_owned(),
            "peer_scheme",
            scheme.to_owned(),
        ),
        row(
            "srv-name",
            "the SRV name",
            "srv_name",
            srv_name(&service.srv_name),
            "discovery_srv_name",
            srv_name(&unit.discovery_srv_name),
        ),
        row(
            "peer-port",
            "the peer port",
            "peer_port",
            service.peer_port.to_string(),
            "peer_port",
            unit.peer_port.to_string(),
        ),
        row(
            "client-port",
            "the client port",
            "client_port",
            service.client_port.to_string(),
            "client_port",
            unit.client_port.to_string(),
        ),
    ]
}

fn remedy(it: &Shared, service: &RawService) -> String {
    if it.code == "peer-scheme" {
        let (scheme, set) = match service.set {
            RawSet::Plain => ("http", "ssl"),
            RawSet::Ssl => ("https", "plain"),
        };
        return format!("write peer_scheme = \"{scheme}\" in the unit, or set = \"{set}\"");
    }
    let (service_key, unit_key) = (it.service_key, it.unit_key);
    let unit = match it.service.as_str() {
        "left out" => format!("leave {unit_key} out of the unit"),
        value => format!("write {unit_key} = {value} in the unit"),
    };
    match it.unit.as_str() {
        "left out" => format!("{unit}, or leave {service_key} out of the service"),
        value => format!("{unit}, or {service_key} = {value} in the service"),
    }
}

fn discovery_domain(view: &View<'_>, (place, seed): (usize, &SeedEtcd)) -> Option<Finding> {
    let zone = view.forward_zone.as_ref()?;
    let asked = &seed.unit.discovery_srv;
    if domain(asked) == *zone {
        return None;
    }
    let finding = Finding::error(
        "discovery-domain",
        format!(
            "class {:?}: etcd asks for its peers in {asked}, and the SRV records are in {zone}",
            seed.class
        ),
    );
    let finding = finding
        .at(
            format!("seed.etcd.{place}.unit.discovery_srv"),
            format!("asked: {asked}"),
        )
        .at("ddns.forward_zone", format!("published: {zone}"));
    Some(finding.help(format!("write discovery_srv = {zone:?}")))
}

/// No service publishes what the unit asks for.
fn unpublished(view: &View<'_>, place: usize, seed: &SeedEtcd) -> Option<Finding> {
    let unknown = |class: &str| view.dhcp.is_some() && view.class(class).is_none();
    let mut services = view.services();
    // A class that is not there is reported as such.
    if unknown(&seed.class) || services.any(|(_, service)| unknown(&service.class)) {
        return None;
    }
    let owner = srv_owner(&seed.unit)?;
    if is_published_otherwise(view, &owner) {
        return None;
    }
    let what = format!(
        "class {:?}: etcd asks for the SRV records of {}, and no service publishes them",
        seed.class,
        text::name(&owner)
    );
    let here = view.zone_of(&owner).is_some() && view.ddns.is_some();
    let mut finding = match here {
        true => Finding::error("no-service", what),
        false => Finding::warning("no-service", what),
    };
    finding = finding.at(
        format!("seed.etcd.{place}.class"),
        format!("etcd runs on machines of class {:?}", seed.class),
    );
    for (at, service) in view.services() {
        finding = finding.at(
            format!("ddns.services.{at}.class"),
            format!("published for class {:?}", service.class),
        );
    }
    Some(finding.help(format!(
        "write a [[ddns.services]] with class = {:?}, or the same class in both",
        seed.class
    )))
}

fn srv_owner(unit: &EtcdUnit) -> Option<Name> {
    let ssl = match unit.peer_scheme {
        PeerScheme::Http => "",
        PeerScheme::Https => "-ssl",
    };
    let suffix = unit.discovery_srv_name.as_ref();
    let suffix = suffix.map_or_else(String::new, |name| format!("-{name}"));
    let zone = domain(&unit.discovery_srv);
    name(&format!("_etcd-server{ssl}{suffix}._tcp.{zone}."))
}

/// As a record of a zone, or by somebody who may.
fn is_published_otherwise(view: &View<'_>, owner: &Name) -> bool {
    let mut records = view.records.iter().flatten();
    let is_static =
        records.any(|record| record.name == *owner && matches!(record.data, RData::SRV(_)));
    let grants = view.dns.into_iter().flat_map(|dns| &dns.update);
    let may = grants.into_iter().any(|grant| {
        use quorate_dns::policy::RawNames;
        let covers = match &grant.names {
            RawNames::Exact(exact) => name(exact).is_some_and(|exact| exact == *owner),
            RawNames::Subdomain(top) => name(top).is_some_and(|top| top.zone_of(owner)),
            RawNames::Itself => false,
        };
        let srv = |kind: &String| ["SRV", "ANY"].contains(&kind.to_ascii_uppercase().as_str());
        covers && grant.types.iter().any(srv)
    });
    is_static || may
}

/// A service whose machines run no etcd of ours, where others do.
fn unused(view: &View<'_>, findings: &mut Vec<Finding>) {
    if view.units().next().is_none() {
        return;
    }
    for (place, service) in view.services() {
        let has_unit = view.units().any(|(_, seed)| seed.class == service.class);
        if has_unit || view.class(&service.class).is_none() {
            continue;
        }
        let units = view.units().map(|(at, seed)| {
            super::Place::new(
                format!("seed.etcd.{at}.class"),
                format!("etcd runs on machines of class {:?}", seed.class),
            )
        });
        findings.push(
            Finding::warning(
                "no-unit",
                format!(
                    "the service {:?} lists machines of class {:?}, and no seed lets them run etcd",
                    service.name, service.class
                ),
            )
            .at(
                format!("ddns.services.{place}.class"),
                format!("listed: class {:?}", service.class),
            )
            .at_each(units)
            .help("write the same class in both, or another [[seed.etcd]] for it"),
        );
    }
}
