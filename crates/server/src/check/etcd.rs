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
    /// The key and its value, as the service has them.
    service: (&'static str, String),
    unit: (&'static str, String),
    follows: &'static str,
}

fn compare(
    view: &View<'_>,
    (service_place, service): (usize, &RawService),
    (unit_place, seed): (usize, &SeedEtcd),
) -> Vec<Finding> {
    let disagree = shared(service, &seed.unit).into_iter();
    let disagree = disagree.filter(|it| it.service.1 != it.unit.1);
    let mut findings: Vec<_> = disagree
        .map(|it| {
            let ((service_key, says), (unit_key, does)) = (&it.service, &it.unit);
            let what = format!(
                "class {:?}: {} is {says} in the SRV records and {does} in the etcd unit: {}",
                seed.class, it.what, it.follows
            );
            Finding::error(it.code, what)
                .at(
                    format!("ddns.services.{service_place}.{service_key}"),
                    format!("{service_key}: {says}"),
                )
                .at(
                    format!("seed.etcd.{unit_place}.unit.{unit_key}"),
                    format!("{unit_key}: {does}"),
                )
                .help(remedy(&it))
        })
        .collect();
    findings.extend(discovery_domain(view, (unit_place, seed)));
    findings
}

fn shared(service: &RawService, unit: &EtcdUnit) -> [Shared; 4] {
    let set = match service.set {
        RawSet::Plain => PeerScheme::Http,
        RawSet::Ssl => PeerScheme::Https,
    };
    let srv_name = |name: &Option<String>| {
        let name = name
            .as_ref()
            .map(|name| format!("{:?}", name.to_ascii_lowercase()));
        name.unwrap_or_else(|| LEFT_OUT.to_owned())
    };
    let lonely = "no member finds the others";
    [
        Shared {
            code: "peer-scheme",
            what: "how peers talk",
            service: ("set", set.as_str().to_owned()),
            unit: ("peer_scheme", unit.peer_scheme.as_str().to_owned()),
            follows: lonely,
        },
        Shared {
            code: "srv-name",
            what: "the SRV name",
            service: ("srv_name", srv_name(&service.srv_name)),
            unit: ("discovery_srv_name", srv_name(&unit.discovery_srv_name)),
            follows: lonely,
        },
        Shared {
            code: "peer-port",
            what: "the peer port",
            service: ("peer_port", service.peer_port.to_string()),
            unit: ("peer_port", unit.peer_port.to_string()),
            follows: lonely,
        },
        Shared {
            code: "client-port",
            what: "the client port",
            service: ("client_port", service.client_port.to_string()),
            unit: ("client_port", unit.client_port.to_string()),
            follows: "no client finds the members",
        },
    ]
}

fn remedy(it: &Shared) -> String {
    let ((service_key, says), (unit_key, does)) = (&it.service, &it.unit);
    if it.code == "peer-scheme" {
        let set = if does == "https" { "ssl" } else { "plain" };
        return format!("write peer_scheme = {says:?} in the unit, or set = {set:?}");
    }
    let write = |key: &str, value: &str, place: &str| match value {
        LEFT_OUT => format!("leave {key} out of the {place}"),
        value => format!("write {key} = {value} in the {place}"),
    };
    let unit = write(unit_key, says, "unit");
    format!("{unit}, or {}", write(service_key, does, "service"))
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
    let mut units = view.units();
    // A class that is not there is reported as such.
    if units.next().is_none()
        || view
            .units()
            .any(|(_, seed)| view.class(&seed.class).is_none())
    {
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

const LEFT_OUT: &str = "left out";
