//! Servers and machines that are not there, and who waits for them.

use super::Case;
use super::group::Group;
use crate::link::Link;
use crate::observation::What;
use crate::progress::MachineProgress;
use crate::story::Discovery;
use crate::verdict::{Finding, FindingId};

/// DHCP, DNS and seeds answer.
pub(super) fn servers_answer(case: &Case<'_>) -> Option<Finding> {
    let why = case.evidence.servers_silent.as_ref()?;
    let (cause, fix) = case.servers_are_stopped().unwrap_or_else(|| {
        (
            format!("they do not answer: {why}"),
            "look at the process of `quorate serve` and at its log; start it again".to_owned(),
        )
    });
    let machines = || case.progress.iter().filter(|machine| machine.expected());
    let without = |link: &Link| {
        let lacks = |machine: &MachineProgress| {
            machine.class.chain().contains(link) && !machine.reached.contains_key(link)
        };
        machines().any(lacks)
    };
    let needs = [Link::Ack, Link::Name, Link::Seed, Link::Srv];
    let link = needs.into_iter().find(without).unwrap_or(Link::Ack);
    let what = "the servers do not answer: nothing is known of leases, names and records";
    let is_stopped = case.servers_are_stopped().is_some();
    let finding = Finding::new(FindingId::ServersSilent, link, what).because(cause, fix);
    Some(finding.or_late(!is_stopped))
}

/// Nobody waits for a machine that cannot come.
pub(super) fn nobody_is_waited_for(case: &Case<'_>, group: &Group<'_>) -> Vec<Finding> {
    let (who, have) = match case.story.etcd.discovery {
        Discovery::Dns => match gate(case, group) {
            Some(have) => ("the gate", have),
            None => return Vec::new(),
        },
        Discovery::Etcd => {
            if group
                .machines
                .iter()
                .any(|machine| machine.identity.is_some())
            {
                return Vec::new();
            }
            let there = group.machines.iter().filter(|machine| machine.starts > 0);
            ("the discovery service", there.count())
        }
        Discovery::Static => return Vec::new(),
    };
    let want = group.size();
    let missing = group
        .machines
        .iter()
        .filter(|machine| is_missing(case, machine));
    let finding = |machine: &&MachineProgress| {
        let name = &machine.name;
        let what = format!(
            "{}, and {who} waits for it: it has {have} of {want} members",
            absence(machine)
        );
        Finding::new(FindingId::GateWaits, broken_link(machine), what)
            .at(name)
            .because(
                format!("no member may start before all {want} are known; {name} is not"),
                format!("{}, or take it out of `members`", remedy(machine)),
            )
    };
    missing.map(finding).collect()
}

/// How many members the gate has, while it waits.
fn gate(case: &Case<'_>, group: &Group<'_>) -> Option<usize> {
    let is_open = |machine: &&MachineProgress| machine.reached.contains_key(&Link::Srv);
    if group.machines.iter().any(is_open) {
        return None;
    }
    let service = group.service();
    case.observations.iter().rev().find_map(|observation| {
        if let What::GateWaiting {
            service: of, have, ..
        } = &observation.what
        {
            (*of == service).then_some(*have)
        } else {
            None
        }
    })
}

/// It cannot come by itself, and is not known.
fn is_missing(case: &Case<'_>, machine: &MachineProgress) -> bool {
    let is_known = match case.story.etcd.discovery {
        Discovery::Dns => machine.reached.contains_key(&Link::Name),
        Discovery::Etcd | Discovery::Static => machine.starts > 0,
    };
    !machine.expected() && !is_known
}

/// Every cluster has as many members up as a quorum takes.
pub(super) fn enough_are_up(group: &Group<'_>) -> Option<Finding> {
    let want = group.size();
    let quorum = want / 2 + 1;
    let (up, away): (Vec<&MachineProgress>, _) = group
        .machines
        .iter()
        .partition(|machine| machine.expected());
    if up.len() >= quorum {
        return None;
    }
    let (up, first) = (up.len(), away.first()?);
    let states: Vec<String> = away
        .iter()
        .map(|machine| format!("{} {}", machine.name, absence(machine)))
        .collect();
    let what = format!(
        "{up} of {want} members of {} are up, and a quorum is {quorum}: {}",
        group.called(),
        states.join(", ")
    );
    let missing = quorum - up;
    let cause = format!("without {missing} more nobody leads, and nothing is written");
    Some(
        Finding::new(FindingId::QuorumLost, Link::Quorum, what)
            .at(&first.name)
            .because(cause, remedy(first)),
    )
}

/// What keeps a machine from working.
fn absence(machine: &MachineProgress) -> &'static str {
    if !machine.powered {
        "has no power"
    } else if machine.frozen {
        "hangs"
    } else {
        "is not plugged into the network"
    }
}

fn remedy(machine: &MachineProgress) -> String {
    let name = &machine.name;
    if !machine.powered {
        format!("switch {name} on")
    } else if machine.frozen {
        format!("reset {name}")
    } else {
        format!("plug the cable of {name} in")
    }
}

/// The first link that the machine does not reach now.
fn broken_link(machine: &MachineProgress) -> Link {
    if !machine.powered {
        return Link::Power;
    }
    let mut chain = machine.class.chain().iter().copied();
    let broken = chain.find(|link| !machine.holds(*link));
    broken.unwrap_or(Link::Discover)
}
