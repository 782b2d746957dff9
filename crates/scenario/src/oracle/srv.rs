//! SRV records: complete, equal to the cohort, and never ahead of their addresses.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use crate::link::Link;
use crate::observation::What;
use crate::story::PEER_PORT;
use crate::verdict::Finding;

/// In no version of the zone does an SRV record lead to a name without an address: etcd skips
/// such a record without a word, and starts a smaller cluster.
pub(super) fn never_before_its_address(case: &Case<'_>) -> Vec<Finding> {
    let mut addresses: BTreeMap<String, usize> = BTreeMap::new();
    let mut targets: BTreeMap<String, usize> = BTreeMap::new();
    let mut findings = Vec::new();
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
        for record in removed.iter().filter_map(|text| Record::parse(text)) {
            let set = if record.is_address() {
                &mut addresses
            } else {
                &mut targets
            };
            if let Some(count) = record.key().and_then(|key| set.get_mut(key)) {
                *count = count.saturating_sub(1);
            }
        }
        for record in added.iter().filter_map(|text| Record::parse(text)) {
            let set = if record.is_address() {
                &mut addresses
            } else {
                &mut targets
            };
            if let Some(key) = record.key() {
                *set.entry(key.to_owned()).or_default() += 1;
            }
        }
        for (target, count) in &targets {
            if *count > 0 && addresses.get(target).is_none_or(|count| *count == 0) {
                findings.push(Finding {
                    link: Link::Srv,
                    machine: target.split('.').next().map(str::to_owned),
                    what: format!("at serial {serial} an SRV record leads to {target}, which has no address"),
                    cause: "the SRV record was published before the A record, or the A record was removed first".to_owned(),
                    fix: "publish A, then PTR, then SRV; remove in the opposite order".to_owned(),
                });
            }
        }
    }
    findings.truncate(1);
    findings
}

/// The SRV set that the DNS serves is exactly the cohort.
pub(super) fn complete(case: &Case<'_>) -> Vec<Finding> {
    let want: BTreeSet<String> = case
        .story
        .members()
        .zip(case.lanes.members())
        .filter(|(_, lane)| lane.reached.contains_key(&Link::Name))
        .map(|(machine, _)| format!("{}.{}:{PEER_PORT}", machine.name, case.story.network.domain))
        .collect();
    if want.len() < case.story.etcd.members {
        // An earlier link is broken; with the gate there must be no set then.
        return Vec::new();
    }
    let have: BTreeSet<String> = case
        .evidence
        .srv
        .iter()
        .map(|srv| format!("{}:{}", srv.target, srv.port))
        .collect();
    if have == want {
        return Vec::new();
    }
    let list = |set: Vec<&String>| {
        set.iter()
            .map(|text| text.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let missing = list(want.difference(&have).collect());
    let foreign = list(have.difference(&want).collect());
    let mut what = format!("{} is not the cohort:", case.expected.srv_owner);
    if !missing.is_empty() {
        what.push_str(&format!(" missing {missing}"));
    }
    if !foreign.is_empty() {
        what.push_str(&format!(" foreign {foreign}"));
    }
    vec![Finding {
        link: Link::Srv,
        machine: None,
        what,
        cause: "the service's records were not published, or somebody else wrote them".to_owned(),
        fix: "see what the gate was waiting for, and who updated the zone, in the zone history"
            .to_owned(),
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
