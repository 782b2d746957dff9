//! What must hold over time: leases that are renewed and never lost, and a quorum that is not
//! gone for long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quorate_core::Instant;

use super::Case;
use crate::link::Link;
use crate::observation::What;
use crate::verdict::{Finding, FindingId};

/// In a story that expects renewals, each machine that is on has so many, and no lease was lost.
pub(super) fn leases_are_kept(case: &Case<'_>) -> Vec<Finding> {
    let want = case.story.expect.renewals;
    if want == 0 {
        return Vec::new();
    }
    let mut renewed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut lost: BTreeMap<&str, &str> = BTreeMap::new();
    for observation in case.observations {
        let Some(machine) = observation.machine.as_deref() else {
            continue;
        };
        if let What::Leased { renewed: true, .. } = &observation.what {
            *renewed.entry(machine).or_default() += 1;
        } else if let What::LeaseLost { reason } = &observation.what {
            lost.insert(machine, reason);
        }
    }
    let mut findings = Vec::new();
    for machine in case.progress.iter().filter(|machine| machine.expected()) {
        let machine = machine.name.as_str();
        let have = renewed.get(machine).copied().unwrap_or(0);
        let (id, what, cause) = if let Some(reason) = lost.get(machine) {
            (
                FindingId::LeaseLost,
                "lost its lease".to_owned(),
                (*reason).to_owned(),
            )
        } else if have < want {
            (
                FindingId::NotRenewed,
                format!("renewed its lease {have} times, not {want}"),
                "the server was away for too long, or did not answer".to_owned(),
            )
        } else {
            continue;
        };
        findings.push(Finding {
            id,
            link: Link::Ack,
            machine: Some(machine.to_owned()),
            what,
            cause,
            fix: "a lease is asked for again at a half and at seven eighths of its time (RFC 2131 §4.4.5): make it longer than the longest outage"
                .to_owned(),
            may_be_late: true,
unsure: false,
consequences: Vec::new(),
        });
    }
    findings
}

/// In a story that bounds it: once a cluster has formed, it is never without a majority of
/// healthy members for longer.
pub(super) fn quorum_is_kept(case: &Case<'_>) -> Vec<Finding> {
    let Some(most) = case.story.expect.quorum_gap else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for cluster in &case.story.clusters {
        let names: BTreeSet<&str> = case
            .story
            .members_of(cluster)
            .map(|machine| machine.name.as_str())
            .collect();
        let gap = longest_gap(case, &names, cluster.size());
        if gap > most {
            findings.push(Finding {
                id: FindingId::QuorumGap,
                link: Link::Quorum,
                machine: None,
                what: format!(
                    "cluster {} had no quorum for {:.1} s, and may have none for {:.1} s",
                    cluster.name,
                    gap.as_secs_f64(),
                    most.as_secs_f64()
                ),
                cause: "more members were away at one time than a quorum can miss, or an election took long"
                    .to_owned(),
                fix: "wait longer from one restart to the next".to_owned(),
                may_be_late: true,
unsure: false,
consequences: Vec::new(),
            });
        }
    }
    findings
}

/// The longest time without a majority of healthy members, after all were healthy once.
fn longest_gap(case: &Case<'_>, names: &BTreeSet<&str>, members: usize) -> Duration {
    let mut healthy: BTreeSet<&str> = BTreeSet::new();
    let mut has_formed = false;
    let mut since: Option<Instant> = None;
    let mut longest = Duration::ZERO;
    for observation in case.observations {
        let Some(machine) = observation.machine.as_deref().filter(|m| names.contains(m)) else {
            continue;
        };
        let is_gone = if let What::Did(action) = observation.what {
            action.interrupts()
        } else {
            matches!(
                observation.what,
                What::Unhealthy { .. } | What::ServiceExited { .. }
            )
        };
        if let What::Healthy { .. } = observation.what {
            healthy.insert(machine);
        } else if is_gone {
            healthy.remove(machine);
        }
        has_formed |= healthy.len() == members;
        let has_quorum = healthy.len() > members / 2;
        if let (true, Some(began)) = (has_quorum, since) {
            longest = longest.max(observation.at.since(began));
            since = None;
        } else if has_formed && !has_quorum {
            since.get_or_insert(observation.at);
        }
    }
    longest
}
