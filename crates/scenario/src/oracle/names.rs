//! Names: A and PTR records equal the lease database.

use std::collections::BTreeMap;

use super::Case;
use crate::link::Link;
use crate::verdict::{Finding, FindingId};

/// Each lease with a host name resolves to its address, and only to it, and back.
pub(super) fn equal_leases(case: &Case<'_>) -> Vec<Finding> {
    let names = case.evidence.names.iter();
    let by_hostname: BTreeMap<&str, _> = names.map(|name| (name.hostname.as_str(), name)).collect();
    let mut findings = Vec::new();
    for lease in &case.evidence.leases {
        let Some(hostname) = &lease.hostname else {
            continue;
        };
        let fqdn = format!("{hostname}.{}", case.story.network.domain);
        let Some(name) = by_hostname.get(hostname.as_str()) else {
            findings.push(broken(
                hostname,
                format!("{fqdn} was not looked up"),
                UNKNOWN,
            ));
            continue;
        };
        if name.forward != [lease.addr] {
            let what = format!(
                "{fqdn} resolves to {:?}, the lease says {}",
                name.forward, lease.addr
            );
            findings.push(broken(hostname, what, UNPUBLISHED));
        }
        if name.reverse != [fqdn.as_str()] {
            let what = format!(
                "{} leads back to {:?}, the lease says {fqdn}",
                lease.addr, name.reverse
            );
            findings.push(broken(hostname, what, UNPUBLISHED));
        }
    }
    findings
}

fn broken(machine: &str, what: String, cause: &str) -> Finding {
    Finding {
        id: FindingId::WrongName,
        link: Link::Name,
        machine: Some(machine.to_owned()),
        what,
        cause: cause.to_owned(),
        fix: "look for its UPDATE in the zone history: refused, retried, or never sent".to_owned(),
        may_be_late: true,
        unsure: false,
        consequences: Vec::new(),
    }
}

const UNPUBLISHED: &str = "the DNS update of the lease has not arrived, or was undone";
const UNKNOWN: &str = "the run ended before the name could be asked for";
