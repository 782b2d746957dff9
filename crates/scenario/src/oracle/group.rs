//! One cluster, and all that was seen of it.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use crate::evidence::{Member, Registered, Srv, Write};
use crate::expected::ExpectedCluster;
use crate::progress::MachineProgress;
use crate::story::Cluster;

/// One cluster's part of a case.
pub(super) struct Group<'a> {
    pub(super) expected: &'a ExpectedCluster,
    /// In the order of the story.
    pub(super) machines: Vec<&'a MachineProgress>,
    pub(super) members: Vec<&'a Member>,
    pub(super) writes: Vec<&'a Write>,
    pub(super) kept: Vec<&'a Write>,
    pub(super) srv: Vec<&'a Srv>,
    pub(super) registry: Vec<&'a Registered>,
    /// Its name, when there are others.
    name: Option<&'a str>,
    /// `--discovery-srv-name` of its members.
    srv_name: Option<&'a str>,
}

impl Group<'_> {
    /// How many voters it shall have.
    pub(super) fn size(&self) -> usize {
        self.expected.peers.len()
    }

    /// What the gate calls it.
    pub(super) fn service(&self) -> String {
        self.srv_name
            .map_or_else(|| "etcd".to_owned(), |name| format!("etcd-{name}"))
    }

    /// `the cluster`, or `cluster c7` when there are others.
    pub(super) fn called(&self) -> String {
        self.name.map_or_else(
            || "the cluster".to_owned(),
            |name| format!("cluster {name}"),
        )
    }
}

/// Every cluster of the story, in order.
pub(super) fn all<'a>(case: &Case<'a>) -> Vec<Group<'a>> {
    let clusters = &case.story.clusters;
    let alone = clusters.len() == 1;
    let expected = &case.expected.clusters;
    let mut groups: Vec<Group<'a>> = clusters
        .iter()
        .zip(expected)
        .map(|(cluster, expected)| new(case, cluster, expected, alone))
        .collect();
    let members = case.progress.members();
    let by_machine: BTreeMap<&str, usize> = members
        .filter_map(|machine| Some((machine.name.as_str(), machine.cluster?)))
        .collect();
    let owners = expected.iter().map(|cluster| cluster.srv_owner.as_str());
    let by_owner: BTreeMap<&str, usize> = owners.zip(0..).collect();
    let evidence = case.evidence;
    for member in &evidence.members {
        if let Some(&group) = by_machine.get(member.machine.as_str()) {
            groups[group].members.push(member);
        }
    }
    for write in &evidence.writes {
        if let Some(&group) = by_machine.get(write.through.as_str()) {
            groups[group].writes.push(write);
        }
    }
    for write in &evidence.kept {
        if let Some(&group) = by_machine.get(write.through.as_str()) {
            groups[group].kept.push(write);
        }
    }
    for srv in &evidence.srv {
        if let Some(&group) = by_owner.get(srv.owner.as_str()) {
            groups[group].srv.push(srv);
        }
    }
    let urls = expected.iter().map(|cluster| cluster.registry.as_deref());
    let by_url: BTreeMap<&str, usize> = urls
        .zip(0..)
        .filter_map(|(url, n)| Some((url?, n)))
        .collect();
    for entry in &evidence.registry {
        if let Some(&group) = by_url.get(entry.url.as_str()) {
            groups[group].registry.push(entry);
        }
    }
    groups
}

fn new<'a>(
    case: &Case<'a>,
    cluster: &'a Cluster,
    expected: &'a ExpectedCluster,
    alone: bool,
) -> Group<'a> {
    Group {
        expected,
        machines: case.progress.of(cluster).collect(),
        members: Vec::new(),
        writes: Vec::new(),
        kept: Vec::new(),
        srv: Vec::new(),
        registry: Vec::new(),
        name: (!alone).then_some(cluster.name.as_str()),
        srv_name: cluster.srv_name.as_deref(),
    }
}

/// How what `owner` serves differs from the cohort, if it does.
pub(super) fn not_the_cohort(
    owner: &str,
    want: &BTreeSet<String>,
    have: &BTreeSet<String>,
) -> Option<String> {
    let list = |set: Vec<&str>| set.join(", ");
    let missing = list(want.difference(have).map(String::as_str).collect());
    let foreign = list(have.difference(want).map(String::as_str).collect());
    if missing.is_empty() && foreign.is_empty() {
        return None;
    }
    let mut what = format!("{owner} is not the cohort:");
    if !missing.is_empty() {
        what.push_str(&format!(" missing {missing}"));
    }
    if !foreign.is_empty() {
        what.push_str(&format!(" foreign {foreign}"));
    }
    Some(what)
}
