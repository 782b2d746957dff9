//! Values that are written arrive, and stay.

use super::Case;
use super::group::Group;
use crate::evidence::Write;
use crate::link::Link;
use crate::progress::MachineProgress;
use crate::verdict::{Finding, FindingId};

/// A value written through each member was read through every other.
pub(super) fn writes_arrive(case: &Case<'_>, group: &Group<'_>) -> Vec<Finding> {
    let Some((write, why)) = worst(&group.writes) else {
        return unwritten(case, group);
    };
    vec![Finding {
        id: FindingId::WriteFailed,
        link: Link::Writes,
        machine: Some(write.through.clone()),
        what: format!(
            "a value written through {} was not read through {}",
            write.through, write.read
        ),
        cause: why.clone(),
        fix: "check the leader and the logs of both members".to_owned(),
        may_be_late: !write.is_lost,
        unsure: false,
        consequences: Vec::new(),
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
        id: match failed {
            Some(_) => FindingId::ValueLost,
            None => FindingId::NotProved,
        },
        link: Link::Writes,
        machine: Some(machine.clone()),
        what,
        cause,
        fix: fix.to_owned(),
        may_be_late: failed.is_none_or(|(write, _)| !write.is_lost),
        unsure: false,
        consequences: Vec::new(),
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
        id: FindingId::NotProved,
        link: Link::Writes,
        machine: machine.map(|machine| machine.name.clone()),
        what: format!("{tried} of {pairs} writes were tried"),
        cause: "the world stopped before the cluster was proved".to_owned(),
        fix: "report it: this is a bug of the world".to_owned(),
        may_be_late: true,
        unsure: false,
        consequences: Vec::new(),
    }]
}
