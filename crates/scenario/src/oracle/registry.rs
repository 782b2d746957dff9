//! etcd's discovery service: what it has written down is exactly the cohort.

use std::collections::BTreeSet;

use super::group::{Group, not_the_cohort};
use crate::link::Link;
use crate::verdict::{Finding, FindingId};

/// Every member that has a name is written down with the URL that it advertises, and nobody
/// else is: the first to come are the cluster.
pub(super) fn complete(group: &Group<'_>) -> Vec<Finding> {
    let Some(url) = &group.expected.registry else {
        return Vec::new();
    };
    let named = |machine: &&&crate::MachineProgress| machine.reached.contains_key(&Link::Name);
    if group.machines.iter().filter(named).count() < group.size() {
        // An earlier link is broken.
        return Vec::new();
    }
    let peers = group.expected.peers.iter();
    let want: BTreeSet<String> = peers.map(|(name, url)| format!("{name}={url}")).collect();
    let entries = group.registry.iter();
    let have: BTreeSet<String> = entries.map(|entry| entry.member.clone()).collect();
    let Some(what) = not_the_cohort(url, &want, &have) else {
        return Vec::new();
    };
    vec![Finding {
        id: FindingId::WrongRegistry,
        link: Link::Srv,
        machine: None,
        what,
        cause: "a member has not reached the discovery service, or somebody else came first"
            .to_owned(),
        fix: "read the member's etcd log; a directory serves one bootstrap, so make a new token"
            .to_owned(),
        may_be_late: have.is_subset(&want),
        unsure: false,
        consequences: Vec::new(),
    }]
}
