//! Leases: every machine has one, and no address is leased twice.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use quorate_core::MacAddr;

use super::Case;
use crate::link::Link;
use crate::observation::What;
use crate::verdict::{Finding, FindingId};

/// No two machines hold one address: not in the database, not as the machines saw it.
pub(super) fn unique(case: &Case<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut holder = BTreeMap::new();
    for lease in &case.evidence.leases {
        if let Some(other) = holder.insert(lease.addr, lease.mac) {
            findings.push(twice(
                lease.addr,
                &lease.mac.to_string(),
                &other.to_string(),
            ));
        }
    }
    let mut held: BTreeMap<Ipv4Addr, &str> = BTreeMap::new();
    let mut last: BTreeMap<&str, Ipv4Addr> = BTreeMap::new();
    for observation in case.observations {
        let Some(machine) = observation.machine.as_deref() else {
            continue;
        };
        let leased = if let What::Leased { addr, .. } = &observation.what {
            Some(*addr)
        } else if let What::LeaseLost { .. } = &observation.what {
            None
        } else {
            continue;
        };
        if let Some(before) = last.remove(machine)
            && held.get(&before) == Some(&machine)
        {
            held.remove(&before);
        }
        if let Some(addr) = leased {
            last.insert(machine, addr);
            if let Some(other) = held.insert(addr, machine) {
                findings.push(twice(addr, machine, other));
            }
        }
    }
    findings
}

fn twice(addr: Ipv4Addr, one: &str, other: &str) -> Finding {
    Finding {
        id: FindingId::LeasedTwice,
        link: Link::Ack,
        machine: Some(one.to_owned()),
        what: format!("{addr} is leased twice, to {other} and to {one}"),
        cause: "the DHCP server gave an address out that it had promised to another client"
            .to_owned(),
        fix: "report it with the lease database of this run: this is a server bug".to_owned(),
        may_be_late: false,
        unsure: false,
        consequences: Vec::new(),
    }
}

/// Every machine that is on has a lease in the server's database.
pub(super) fn every_machine_has_one(case: &Case<'_>) -> Vec<Finding> {
    let leases = case.evidence.leases.iter();
    let holders: BTreeSet<MacAddr> = leases.map(|lease| lease.mac).collect();
    let (cause, fix) = case.servers_are_stopped().unwrap_or_else(|| {
        (
            last_refusal(case).unwrap_or_else(|| "the server did not answer it".to_owned()),
            "look for its MAC address in the server's log and in the capture".to_owned(),
        )
    });
    let mut findings = Vec::new();
    let is_unknown = case.evidence.servers_silent.is_some();
    for (progress, machine) in case.progress.iter().zip(&case.story.machines) {
        let has_one = match is_unknown {
            true => progress.holds(Link::Ack),
            false => holders.contains(&machine.mac),
        };
        if !progress.expected() || has_one {
            continue;
        }
        let finding = if progress.reached.contains_key(&Link::Discover) {
            Finding {
                id: FindingId::NoLease,
                link: Link::Ack,
                machine: Some(machine.name.clone()),
                what: "asked for an address and has no lease".to_owned(),
                cause: cause.clone(),
                fix: fix.clone(),
                may_be_late: true,
                unsure: false,
                consequences: Vec::new(),
            }
        } else {
            Finding {
                id: FindingId::NeverAsked,
                link: Link::Discover,
                machine: Some(machine.name.clone()),
                what: "is on and never asked for an address".to_owned(),
                cause: "its node agent did not start, or its link is down".to_owned(),
                fix: "read its console.log".to_owned(),
                may_be_late: true,
                unsure: false,
                consequences: Vec::new(),
            }
        };
        findings.push(finding);
    }
    findings
}

/// What the DHCP server last refused, and why.
fn last_refusal(case: &Case<'_>) -> Option<String> {
    case.observations.iter().rev().find_map(|observation| {
        let What::Refused { by, why } = &observation.what else {
            return None;
        };
        (by == "dhcp").then(|| format!("the server refused: {why}"))
    })
}
