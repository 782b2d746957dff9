//! One cluster: one ID, the predicted one; n voters; writes that arrive.

use std::collections::BTreeMap;

use quorate_etcd::ClusterId;

use super::Case;
use super::group::Group;
use crate::evidence::Write;
use crate::link::Link;
use crate::progress::MachineProgress;
use crate::story::Discovery;
use crate::verdict::Finding;

/// Every member that made up its mind made it up the same way, and rightly.
///
/// A wrong ID is decoded: it is a hash of the peer URLs that the member saw, so one of the
/// subsets of the right ones gives it back.
pub(super) fn split(case: &Case<'_>, group: &Group<'_>) -> Vec<Finding> {
    let mut by_id: BTreeMap<ClusterId, Vec<&MachineProgress>> = BTreeMap::new();
    for machine in &group.machines {
        if let Some((cluster, _)) = machine.identity {
            by_id.entry(cluster).or_default().push(machine);
        }
    }
    let predicted = group.expected.cluster_id;
    // In the order in which the members made up their minds, which shows how it came about.
    let mut parts: Vec<_> = by_id.iter().collect();
    parts.sort_by_key(|(_, machines)| {
        machines
            .iter()
            .filter_map(|machine| machine.reached.get(&Link::ClusterId))
            .min()
            .copied()
    });
    let Some((_, wrong)) = parts.iter().find(|(id, _)| **id != predicted) else {
        return Vec::new();
    };
    let machine = wrong.first().map(|machine| machine.name.clone());
    let shown: Vec<String> = parts
        .iter()
        .map(|(id, machines)| part(group, **id, machines))
        .collect();
    let called = group.called();
    let what = match shown.as_slice() {
        [one] => format!("{called} has a wrong ID: {one}; the right one is {predicted}"),
        several => format!(
            "{called} split into {}: {}",
            several.len(),
            several.join("; ")
        ),
    };
    let by_srv = case.story.etcd.discovery == Discovery::Dns;
    let (cause, fix) = if !by_srv {
        (
            "the members were given different sets, or another token; etcd reads its set once, at its first start, and never again",
            "compare their command lines, then wipe the data directories of the members with a wrong ID: a split does not heal",
        )
    } else if case.story.etcd.gate {
        (
            "a member left peers out whose addresses it could not resolve in time; etcd reads the set once, at its first start, and never again",
            "mend the way to the DNS server, then wipe the data directories of the members with a wrong ID: a split does not heal",
        )
    } else {
        (
            "the members read different SRV sets; etcd reads the set once, at its first start, and never again",
            "publish the whole set at once ([etcd] gate = true), then wipe the members' data directories: a split does not heal",
        )
    };
    vec![Finding {
        link: Link::ClusterId,
        machine,
        what,
        cause: cause.to_owned(),
        fix: fix.to_owned(),
        may_be_late: false,
    }]
}

/// `d1f8… on n2 (saw n1 n2)`
fn part(group: &Group<'_>, id: ClusterId, machines: &[&MachineProgress]) -> String {
    let names = machines
        .iter()
        .map(|machine| machine.name.as_str())
        .collect::<Vec<_>>()
        .join(" ");
    let right = if id == group.expected.cluster_id {
        ", the right one"
    } else {
        ""
    };
    format!("{id} on {names} (saw {}{right})", seen(group, id))
}

/// The names of the members whose records give `id`.
fn seen(group: &Group<'_>, id: ClusterId) -> String {
    let peers = &group.expected.peers;
    let urls: Vec<&str> = peers.iter().map(|(_, url)| url.as_str()).collect();
    let subsets = match quorate_etcd::invert(&urls, &group.expected.token, id) {
        Ok(subsets) => subsets,
        Err(too_many) => return too_many.to_string(),
    };
    let Some(subset) = subsets.first() else {
        return "records that are not this story's".to_owned();
    };
    let names = peers
        .iter()
        .filter(|(_, url)| subset.contains(url))
        .map(|(name, _)| name.as_str());
    names.collect::<Vec<_>>().join(" ")
}

/// Every member is the one that its peer URL makes it, whatever was done to it: one that lost
/// its disk and came back as somebody new has broken the votes it cast.
pub(super) fn members_keep_their_ids(group: &Group<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for ((name, url), machine) in group.expected.peers.iter().zip(&group.machines) {
        let Some((_, member)) = machine.identity else {
            continue;
        };
        let right = quorate_etcd::member_id(&[url], &group.expected.token);
        if member != right {
            findings.push(Finding {
                link: Link::ClusterId,
                machine: Some(name.clone()),
                what: format!("is member {member}, not {right}"),
                cause: "it advertises another peer URL, or was added again after it lost its disk"
                    .to_owned(),
                fix: "compare its --initial-advertise-peer-urls with its SRV record".to_owned(),
                may_be_late: false,
            });
        }
    }
    findings
}

/// Every member that is on is a voter and knows a leader.
pub(super) fn every_member_is_healthy(group: &Group<'_>) -> Vec<Finding> {
    let machines = group.machines.iter();
    machines
        .filter(|machine| machine.expected() && machine.reached.contains_key(&Link::Seed))
        .filter_map(|machine| unhealthy(group, machine))
        .collect()
}

fn unhealthy(group: &Group<'_>, machine: &MachineProgress) -> Option<Finding> {
    let want = group.size();
    let finding = |link, what: String, cause: String, fix: &str| Finding {
        link,
        machine: Some(machine.name.clone()),
        what,
        cause,
        fix: fix.to_owned(),
        may_be_late: true,
    };
    if machine.identity.is_none() {
        let cause = machine
            .last_words
            .clone()
            .unwrap_or_else(|| "etcd has said nothing".to_owned());
        let what = format!("etcd has not bootstrapped in {} starts", machine.starts);
        let is_known = cause.contains("duplicate id");
        let fix = if is_known {
            "it was written down before it lost its disk, and nothing takes the entry away: make a new directory (token) at the discovery service for all members"
        } else {
            "mend what etcd says; its log is with the artifacts"
        };
        return Some(Finding {
            may_be_late: !is_known,
            ..finding(Link::Etcd, what, cause, fix)
        });
    }
    match machine.voters {
        Some(voters) if voters == want => None,
        Some(voters) => Some(Finding {
            // A member that is late has not yet given the others its name.
            may_be_late: voters < want,
            ..finding(
                Link::Voter,
                format!("counts {voters} voters of {want}"),
                "a member was removed, or added by hand".to_owned(),
                "compare the member lists of all members",
            )
        }),
        None => Some(finding(
            Link::Quorum,
            "has the right cluster ID and does not answer as a member with a leader".to_owned(),
            quorum_cause(group),
            "bring the missing members up; read this member's etcd log",
        )),
    }
}

fn quorum_cause(group: &Group<'_>) -> String {
    let machines = group.machines.iter();
    let up = machines
        .filter(|machine| machine.expected() && machine.identity.is_some())
        .count();
    let want = group.size();
    let quorum = want / 2 + 1;
    if up < quorum {
        format!("{up} of {want} members are up, and a quorum is {quorum}")
    } else {
        "its peers do not reach it, or the election has not ended".to_owned()
    }
}

/// All members give the same list, and it names every member of the cluster.
pub(super) fn member_lists_agree(group: &Group<'_>) -> Vec<Finding> {
    let machines = group.machines.iter();
    let mut want: Vec<&str> = machines.map(|machine| machine.name.as_str()).collect();
    want.sort_unstable();
    let mut findings = Vec::new();
    for member in &group.members {
        let mut have: Vec<&str> = member.voters.iter().map(String::as_str).collect();
        have.sort_unstable();
        if have != want {
            findings.push(Finding {
                link: Link::Voter,
                machine: Some(member.machine.clone()),
                what: format!("lists the voters {have:?}, not {want:?}"),
                cause: "its view of the cluster is another one".to_owned(),
                fix: "compare the cluster IDs and the member lists of all members".to_owned(),
                may_be_late: have.iter().all(|name| want.contains(name)),
            });
        }
    }
    findings
}

/// A value written through each member was read through every other.
pub(super) fn writes_arrive(case: &Case<'_>, group: &Group<'_>) -> Vec<Finding> {
    let Some((write, why)) = worst(&group.writes) else {
        return unwritten(case, group);
    };
    vec![Finding {
        link: Link::Writes,
        machine: Some(write.through.clone()),
        what: format!(
            "a value written through {} was not read through {}",
            write.through, write.read
        ),
        cause: why.clone(),
        fix: "check the leader and the logs of both members".to_owned(),
        may_be_late: !write.is_lost,
    }]
}

/// The first value that is lost, or else the first that failed, and why.
fn worst<'a>(writes: &[&'a Write]) -> Option<(&'a Write, &'a String)> {
    let failed = || writes.iter().copied();
    let failed = || failed().filter_map(|write| Some((write, write.failed.as_ref()?)));
    let lost = failed().find(|(write, _)| write.is_lost);
    lost.or_else(|| failed().next())
}

/// In a story that looks for it, what was written through each member when all had formed is read
/// through each that is on.
pub(super) fn data_is_kept(case: &Case<'_>, group: &Group<'_>) -> Vec<Finding> {
    if !case.story.expect.data_kept {
        return Vec::new();
    }
    let up: Vec<&&MachineProgress> = group
        .machines
        .iter()
        .filter(|machine| machine.expected())
        .collect();
    if up
        .iter()
        .any(|machine| machine.voters != Some(group.size()))
    {
        // An earlier link is broken.
        return Vec::new();
    }
    let failed = worst(&group.kept);
    let looked_for =
        |machine: &&&MachineProgress| group.kept.iter().any(|write| write.read == machine.name);
    let (machine, what, cause, fix) = match (failed, up.iter().find(|machine| !looked_for(machine)))
    {
        (Some((write, why)), _) => (
            &write.read,
            format!(
                "what was written through {} before is not there",
                write.through
            ),
            why.clone(),
            "a majority of the members began anew with empty disks: look for etcd's data where it lay before",
        ),
        (None, Some(machine)) => (
            &machine.name,
            "nobody looked there for what was written before".to_owned(),
            "the cluster had not formed when it was to be written to".to_owned(),
            "mend what kept the cluster from forming",
        ),
        (None, None) => return Vec::new(),
    };
    vec![Finding {
        link: Link::Writes,
        machine: Some(machine.clone()),
        what,
        cause,
        fix: fix.to_owned(),
        may_be_late: failed.is_none_or(|(write, _)| !write.is_lost),
    }]
}

/// A cluster that is whole but was never written to has not been proved.
fn unwritten(case: &Case<'_>, group: &Group<'_>) -> Vec<Finding> {
    let up: Vec<&&MachineProgress> = group
        .machines
        .iter()
        .filter(|machine| machine.expected())
        .collect();
    let healthy = up
        .iter()
        .all(|machine| machine.voters == Some(group.size()));
    let pairs = up.len() * up.len().saturating_sub(1).max(1);
    let tried = group.writes.len();
    if !healthy || tried >= pairs {
        return Vec::new();
    }
    // Of several clusters the machine shows which one.
    let machine = up.first().filter(|_| case.story.clusters.len() > 1);
    vec![Finding {
        link: Link::Writes,
        machine: machine.map(|machine| machine.name.clone()),
        what: format!("{tried} of {pairs} writes were tried"),
        cause: "the world stopped before the cluster was proved".to_owned(),
        fix: "report it: this is a bug of the world".to_owned(),
        may_be_late: true,
    }]
}
