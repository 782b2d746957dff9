//! SRV records: complete, equal to the cohort, and never ahead of their addresses.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use super::group::{Group, not_the_cohort};
use crate::link::Link;
use crate::observation::What;
use crate::story::{Discovery, PEER_PORT};
use crate::verdict::{Finding, FindingId};

/// In no version of the zone does an SRV record lead to a name without an address: etcd skips
/// such a record without a word, and starts a smaller cluster.
pub(super) fn never_before_its_address(case: &Case<'_>) -> Vec<Finding> {
    let mut addresses: BTreeMap<&str, usize> = BTreeMap::new();
    let mut targets: BTreeMap<&str, usize> = BTreeMap::new();
    for observation in case.observations {
        let What::ZoneChanged {
            serial,
            added,
            removed,
            ..
        } = &observation.what
        else {
            continue;
        };
        // Only what a change touches can have become wrong by it.
        let mut touched = BTreeSet::new();
        let changes = removed.iter().map(|text| (text, false));
        for (text, is_added) in changes.chain(added.iter().map(|text| (text, true))) {
            let Some(record) = Record::parse(text) else {
                continue;
            };
            let Some(key) = record.key() else { continue };
            let set = if record.is_address() {
                &mut addresses
            } else {
                &mut targets
            };
            let count = set.entry(key).or_default();
            *count = if is_added {
                *count + 1
            } else {
                count.saturating_sub(1)
            };
            touched.insert(key);
        }
        let count = |set: &BTreeMap<&str, usize>, name: &str| set.get(name).map_or(0, |n| *n);
        let wrong = touched
            .into_iter()
            .find(|name| count(&targets, name) > 0 && count(&addresses, name) == 0);
        if let Some(target) = wrong {
            return vec![ahead(*serial, target)];
        }
    }
    Vec::new()
}

fn ahead(serial: u32, target: &str) -> Finding {
    Finding {
        id: FindingId::SrvBeforeAddress,
        link: Link::Srv,
        machine: target.split('.').next().map(str::to_owned),
        what: format!("at serial {serial} an SRV record leads to {target}, which has no address"),
        cause:
            "the SRV record was published before the A record, or the A record was removed first"
                .to_owned(),
        fix: "publish A, then PTR, then SRV; remove in the opposite order".to_owned(),
        may_be_late: false,
        unsure: false,
        consequences: Vec::new(),
    }
}

/// Never are the plain and the `-ssl` set of one cluster both there: etcd from 3.5 on merges them,
/// and its temporary names collide.
pub(super) fn one_set(case: &Case<'_>, group: &Group<'_>) -> Option<Finding> {
    let right = format!("{}.", group.expected.srv_owner);
    let other = match right.split_once("-ssl") {
        Some((head, tail)) => format!("{head}{tail}"),
        None => right.replacen("_etcd-server", "_etcd-server-ssl", 1),
    };
    let has = |owner: &str| {
        case.observations.iter().find_map(|observation| {
            let What::ZoneChanged { serial, added, .. } = &observation.what else {
                return None;
            };
            let mut records = added.iter().filter_map(|text| Record::parse(text));
            records
                .any(|record| record.kind == "SRV" && record.owner.eq_ignore_ascii_case(owner))
                .then_some(*serial)
        })
    };
    let serial = has(&right).and(has(&other))?;
    let what = format!("{right} and {other} are both there since serial {serial}");
    let cause = "etcd from 3.5 on merges the two sets, and gives two members one temporary name: each computes an ID of its own";
    let fix = format!(
        "remove the other set (nsupdate: update delete {other} SRV), wipe every data directory, start again"
    );
    let finding = Finding::new(FindingId::BothSrvSets, Link::Srv, what).because(cause, fix);
    Some(finding)
}

/// The SRV set that the DNS serves for a cluster is exactly the cohort, or empty when its
/// members find each other in another way.
pub(super) fn complete(case: &Case<'_>, group: &Group<'_>) -> Vec<Finding> {
    if case.evidence.servers_silent.is_some() {
        return Vec::new();
    }
    let domain = &case.story.network.domain;
    let by_srv = case.story.etcd.discovery == Discovery::Dns;
    let want: BTreeSet<String> = group
        .machines
        .iter()
        .filter(|_| by_srv)
        .filter(|machine| machine.reached.contains_key(&Link::Name))
        .map(|machine| format!("{}.{domain}:{PEER_PORT}", machine.name))
        .collect();
    if by_srv && want.len() < group.size() {
        // An earlier link is broken; with the gate there must be no set then.
        return Vec::new();
    }
    let have: BTreeSet<String> = group
        .srv
        .iter()
        .map(|srv| format!("{}:{}", srv.target, srv.port))
        .collect();
    let Some(what) = not_the_cohort(&group.expected.srv_owner, &want, &have) else {
        return Vec::new();
    };
    let (cause, fix) = case.servers_are_stopped().unwrap_or_else(|| {
        (
            "the service's records were not published, or another client wrote them".to_owned(),
            "see what the gate was waiting for, and who updated the zone, in the zone history"
                .to_owned(),
        )
    });
    vec![Finding {
        id: FindingId::WrongSrvSet,
        link: Link::Srv,
        machine: None,
        what,
        cause,
        fix,
        may_be_late: have.is_subset(&want),
        unsure: false,
        consequences: Vec::new(),
    }]
}

/// A record in presentation format: owner, TTL, class, type, data.
struct Record<'a> {
    owner: &'a str,
    kind: &'a str,
    data: &'a str,
}

impl<'a> Record<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let (owner, kind) = (words.next()?, words.nth(2)?);
        Some(Self {
            owner,
            kind,
            data: words.next_back()?,
        })
    }

    fn is_address(&self) -> bool {
        matches!(self.kind, "A" | "AAAA")
    }

    /// The name that must have an address: the owner of an address, the target of an SRV.
    fn key(&self) -> Option<&'a str> {
        match self.kind {
            "A" | "AAAA" => Some(self.owner),
            "SRV" => Some(self.data),
            _ => None,
        }
    }
}
