//! One cluster: one ID, the predicted one; n voters; writes that arrive.

use std::collections::BTreeMap;

use quorate_etcd::{ClusterId, LogEvent, PeerUrl, Verdict as DiagnosisVerdict};

use super::Case;
use super::group::Group;
use crate::link::Link;
use crate::progress::MachineProgress;
use crate::story::Discovery;
use crate::verdict::{Finding, FindingId};

/// Every member that made up its mind made it up the same way, and rightly.
///
/// A wrong ID is decoded: it is a hash of the peer URLs that the member saw, so one of the
/// subsets of the right ones gives it back.
pub(super) fn split(case: &Case<'_>, group: &Group<'_>) -> Option<Finding> {
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
    let (_, wrong) = parts.iter().find(|(id, _)| **id != predicted)?;
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
    let judged: Vec<(FindingId, String, String)> = wrong
        .iter()
        .filter_map(|machine| why(case, group, machine))
        .collect();
    let (id, cause, fix) = judged.into_iter().next()?;
    let finding = Finding::new(id, Link::ClusterId, what).because(cause, fix);
    Some(Finding { machine, ..finding })
}

/// Why this member computed another ID than the predicted one.
fn why(
    case: &Case<'_>,
    group: &Group<'_>,
    machine: &MachineProgress,
) -> Option<(FindingId, String, String)> {
    let (cluster, member) = machine.identity?;
    let peers = || group.expected.peers.iter();
    let members: Vec<PeerUrl> = peers().filter_map(|(_, url)| url.parse().ok()).collect();
    let scheme = peers().find_map(|(_, url)| url.split_once("://"))?.0;
    let records = machine.records.iter().enumerate();
    let found = records.map(|(number, record)| LogEvent::Bootstrap {
        node: format!("{number}={scheme}://{record}"),
    });
    let started = LogEvent::Started {
        member,
        cluster,
        restarted: false,
    };
    let events: Vec<LogEvent> = found.chain([started]).collect();
    let diagnosis = quorate_etcd::diagnose(&quorate_etcd::Evidence {
        members: &members,
        token: &group.expected.token,
        events: &events,
    });
    let wipe =
        "then wipe the data directories of the members with a wrong ID: a split does not heal";
    Some(match diagnosis.verdict {
        DiagnosisVerdict::Phantom { .. } => (FindingId::Phantom, diagnosis.cause, diagnosis.fix),
        DiagnosisVerdict::Split { saw: Some(_), .. } => {
            let (why, fix) = why_part_of_set(case);
            let cause =
                format!("{why}; etcd reads the set once, at its first start, and never again");
            (FindingId::PartOfSet, cause, format!("{fix}, {wipe}"))
        }
        DiagnosisVerdict::Split { saw: None, .. }
        | DiagnosisVerdict::Ok
        | DiagnosisVerdict::Starting
        | DiagnosisVerdict::WaitingQuorum
        | DiagnosisVerdict::SelfMissing
        | DiagnosisVerdict::NoDns
        | DiagnosisVerdict::Tls
        | DiagnosisVerdict::PlainSetOn34
        | DiagnosisVerdict::DataLost
        | DiagnosisVerdict::DiscoveryDuplicate
        | DiagnosisVerdict::DiskFull
        | DiagnosisVerdict::DiskReadOnly
        | DiagnosisVerdict::NoPermission
        | DiagnosisVerdict::PortInUse
        | DiagnosisVerdict::DataDamaged
        | DiagnosisVerdict::NotExecutable
        | DiagnosisVerdict::Killed
        | DiagnosisVerdict::Refused => (
            FindingId::ForeignId,
            format!("{}; the DNS is not the cause", diagnosis.cause),
            format!(
                "compare --initial-cluster-token and the peer URLs of {} with those of the others, {wipe}",
                machine.name
            ),
        ),
    })
}

/// Why a member's cluster has some of the story's records and not all, and what to do.
fn why_part_of_set(case: &Case<'_>) -> (&'static str, &'static str) {
    if case.story.etcd.discovery != Discovery::Dns {
        (
            "the members were given different sets",
            "compare their command lines",
        )
    } else if case.story.etcd.gate {
        (
            "it left peers out whose addresses it could not resolve in time",
            "ask the DNS server for each target on that machine (dig), mend the way to it",
        )
    } else {
        (
            "the members read different SRV sets",
            "publish the whole set at once ([etcd] gate = true)",
        )
    }
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
                id: FindingId::WrongMemberId,
                link: Link::ClusterId,
                machine: Some(name.clone()),
                what: format!("is member {member}, not {right}"),
                cause: "it advertises another peer URL, or was added again after it lost its disk"
                    .to_owned(),
                fix: "compare its --initial-advertise-peer-urls with its SRV record".to_owned(),
                may_be_late: false,
                unsure: false,
                consequences: Vec::new(),
            });
        }
    }
    findings
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
                id: FindingId::WrongVoters,
                link: Link::Voter,
                machine: Some(member.machine.clone()),
                what: format!("lists the voters {have:?}, not {want:?}"),
                cause: "its view of the cluster is another one".to_owned(),
                fix: "compare the cluster IDs and the member lists of all members".to_owned(),
                may_be_late: have.iter().all(|name| want.contains(name)),
                unsure: false,
                consequences: Vec::new(),
            });
        }
    }
    findings
}
