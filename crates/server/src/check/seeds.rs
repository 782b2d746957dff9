//! The seed of every machine that the file names, rendered.

use std::collections::BTreeMap;

use quorate_boot::{EtcdUnit, Facts, File, UnitError, seed_file};

use super::finding::{Finding, Place};
use super::view::{Known, View};
use crate::config::SeedEtcd;

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Finding>) {
    for (place, seed) in view.units() {
        let known = view.known(&seed.class);
        let mut failures: BTreeMap<String, (UnitError, Vec<&Known>)> = BTreeMap::new();
        for machine in &known {
            if let Err(error) = render(&machine.facts, &seed.unit) {
                let entry = failures.entry(error.to_string());
                entry.or_insert_with(|| (error, Vec::new())).1.push(machine);
            }
        }
        if known.is_empty()
            && let Err(error) = render(&nobody(), &seed.unit)
        {
            failures.insert(error.to_string(), (error, Vec::new()));
        }
        for (error, machines) in failures.into_values() {
            findings.push(failed((place, seed), &error, &machines));
        }
        initial_cluster(view, (place, seed), findings);
    }
}

fn render(facts: &Facts, unit: &EtcdUnit) -> Result<(), UnitError> {
    seed_file(facts, Some(unit), File::UserData).map(drop)
}

fn failed((place, seed): (usize, &SeedEtcd), error: &UnitError, machines: &[&Known]) -> Finding {
    let unit = format!("seed.etcd.{place}.unit");
    let (key, note, help) = match error {
        UnitError::NumericName { name } => (
            String::new(),
            "etcd would be called by its host's name",
            format!("write a name with a letter, as in \"n{name}\""),
        ),
        UnitError::NoName => (
            String::new(),
            "etcd is called by its host's name",
            "write hostname".to_owned(),
        ),
        UnitError::NoPeers => (
            ".discovery_srv".to_owned(),
            "no way to find peers",
            "write discovery_srv = the forward_zone of [ddns]".to_owned(),
        ),
        UnitError::SeveralMethods => (
            ".discovery_srv".to_owned(),
            "more than one way to find peers",
            "leave one of discovery_srv, initial_cluster and discovery_url".to_owned(),
        ),
        UnitError::Binary { binary } => (
            program_key(&seed.unit, binary).to_owned(),
            "systemd starts no such program",
            "write the absolute path on the machine, as /usr/bin/etcd".to_owned(),
        ),
        UnitError::Word { .. } => (
            String::new(),
            "cannot be written into a unit",
            "leave the character out".to_owned(),
        ),
    };
    let names: Vec<_> = machines
        .iter()
        .map(|machine| machine.facts.hostname.as_str())
        .collect();
    let whose = match names.as_slice() {
        [] => "no seed can be rendered".to_owned(),
        [one] => format!("the seed of {one} cannot be rendered"),
        [some @ .., last] if names.len() <= NAMED_MAX => {
            format!(
                "the seeds of {} and {last} cannot be rendered",
                some.join(", ")
            )
        }
        [first, ..] => format!(
            "the seeds of {first} and {} others cannot be rendered",
            names.len() - 1
        ),
    };
    let is_host_s = matches!(error, UnitError::NumericName { .. } | UnitError::NoName);
    let shown = if is_host_s { machines.len() } else { 1 };
    let hosts = machines.iter().take(shown.min(NAMED_MAX)).map(|machine| {
        let path = match is_host_s {
            true => format!("{}.hostname", machine.path),
            false => machine.path.clone(),
        };
        Place::new(path, format!("the seed of {}", machine.facts.hostname))
    });
    let finding = Finding::error("seed", format!("{whose}: {error}"));
    finding
        .at_each(hosts)
        .at(format!("{unit}{key}"), note)
        .help(help)
}

/// The key that names this program.
fn program_key(unit: &EtcdUnit, program: &str) -> &'static str {
    match unit.binary == program {
        true => ".binary",
        false => ".await",
    }
}

/// Members that know their peers by heart must know themselves.
fn initial_cluster(
    view: &View<'_>,
    (place, seed): (usize, &SeedEtcd),
    findings: &mut Vec<Finding>,
) {
    let unit = &seed.unit;
    if unit.initial_cluster.is_empty() {
        return;
    }
    for machine in view.known(&seed.class) {
        let facts = &machine.facts;
        let (scheme, port) = (unit.peer_scheme.as_str(), unit.peer_port);
        let own = format!("{}={scheme}://{}:{port}", facts.hostname, facts.fqdn());
        if unit.initial_cluster.contains(&own) || machine.path.starts_with("dhcp.classes") {
            continue;
        }
        let prefix = format!("{}=", facts.hostname);
        let near = unit
            .initial_cluster
            .iter()
            .position(|entry| entry.starts_with(&prefix));
        let path = match near {
            Some(at) => format!("seed.etcd.{place}.unit.initial_cluster.{at}"),
            None => format!("seed.etcd.{place}.unit.initial_cluster"),
        };
        findings.push(
            Finding::error(
                "initial-cluster",
                format!(
                    "etcd on {} does not find itself in initial_cluster",
                    facts.hostname
                ),
            )
            .at(
                format!("{}.hostname", machine.path),
                format!("it calls itself {own}"),
            )
            .at(path, "which is not here")
            .help(format!("write {own:?}")),
        );
    }
}

/// For classes that no machine is known of.
fn nobody() -> Facts {
    Facts {
        mac: quorate_core::MacAddr::default(),
        addr: std::net::Ipv4Addr::UNSPECIFIED,
        prefix_len: 32,
        hostname: "unknown".to_owned(),
        domain: "invalid".to_owned(),
        gateway: None,
        dns: Vec::new(),
        instance_id: String::new(),
        class: None,
    }
}

const NAMED_MAX: usize = 5;
