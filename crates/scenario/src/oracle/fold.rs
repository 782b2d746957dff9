//! What follows from what: a finding that another one explains is told below it.

use std::collections::BTreeMap;

use super::Case;
use crate::verdict::{Finding, FindingId};

/// The causes, each with its consequences, in the order of the boot chain.
pub(super) fn consequences(case: &Case<'_>, mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by_key(|finding| (finding.link, finding.unsure));
    let clusters: BTreeMap<&str, Option<usize>> = case
        .story
        .machines
        .iter()
        .map(|machine| (machine.name.as_str(), machine.cluster))
        .collect();
    let cluster = |finding: &Finding| {
        let machine = finding.machine.as_deref()?;
        clusters.get(machine).copied().flatten()
    };
    let (follow, mut causes): (Vec<Finding>, Vec<Finding>) = findings
        .into_iter()
        .partition(|finding| rank(finding.id) > 0);
    // The stronger a finding is, the more can follow from it.
    let mut follow = follow;
    follow.sort_by_key(|finding| (rank(finding.id), finding.link));
    for finding in follow {
        let of = cluster(&finding);
        let explains = |cause: &&mut Finding| {
            let is_there = cluster(cause).is_none() || of.is_none() || cluster(cause) == of;
            let is_sound = finding.may_be_late || !cause.may_be_late;
            let is_earlier = cause.link <= finding.link;
            is_there && is_sound && is_earlier && rank(cause.id) < rank(finding.id)
        };
        match causes.iter_mut().find(explains) {
            Some(cause) => cause.consequences.push(finding),
            None => causes.push(finding),
        }
    }
    causes.sort_by_key(|finding| (finding.link, finding.unsure));
    causes
}

/// 0 for what has its cause in itself; what has a higher one follows from what has a lower one.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a new kind has its cause in itself until it is listed here"
)]
const fn rank(id: FindingId) -> u8 {
    match id {
        FindingId::EtcdNotStarted | FindingId::WrongSrvSet | FindingId::WrongRegistry => 1,
        FindingId::EtcdSilent | FindingId::WrongVoterCount => 2,
        FindingId::WrongVoters | FindingId::NoLeader => 3,
        FindingId::WriteFailed | FindingId::NotProved | FindingId::StepUndone => 4,
        FindingId::FormedLate => 5,
        _ => 0,
    }
}
