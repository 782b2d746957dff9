//! Every member that is on runs, is a voter and knows a leader.

use quorate_etcd::{LogEvent, PeerUrl, Verdict};

use super::Case;
use super::group::Group;
use crate::link::Link;
use crate::progress::MachineProgress;
use crate::verdict::{Finding, FindingId};

/// Every member that is on has its seed: nothing after that can come without it.
pub(super) fn every_member_has_its_seed(case: &Case<'_>, group: &Group<'_>) -> Vec<Finding> {
    let machines = group.machines.iter();
    let without = machines.filter(|machine| {
        let reached = |link| machine.reached.contains_key(&link);
        machine.expected() && reached(Link::Name) && !reached(Link::Seed)
    });
    let finding = |machine: &&MachineProgress| {
        let error = case.last_note(&machine.name, "://");
        let unknown = error.is_none();
        let cause = error.map_or_else(
            || "it gets no answer from the seed server, or did not ask it".to_owned(),
            |error| format!("its seed was not there: {error}"),
        );
        Finding {
            unsure: unknown,
            ..Finding::new(FindingId::NoSeed, Link::Seed, "has a name and no seed")
                .at(&machine.name)
                .because(
                    cause,
                    "fetch the address of option 67 of its lease on that machine: curl -v URL/user-data",
                )
                .or_late(true)
        }
    };
    without.map(finding).collect()
}

/// Every member that is on is a voter and knows a leader.
pub(super) fn every_member_is_healthy(case: &Case<'_>, group: &Group<'_>) -> Vec<Finding> {
    let machines = group.machines.iter();
    machines
        .filter(|machine| machine.expected() && machine.reached.contains_key(&Link::Seed))
        .filter_map(|machine| unhealthy(case, group, machine))
        .map(|(finding, machine)| finding.at(machine))
        .collect()
}

fn unhealthy(
    case: &Case<'_>,
    group: &Group<'_>,
    machine: &MachineProgress,
) -> Option<(Finding, String)> {
    let want = group.size();
    let finding = match machine.voters {
        Some(voters) if voters == want => return None,
        Some(voters) => wrong_count(voters, want),
        None if machine.starts == 0 => not_started(case, machine),
        None if ends(machine) => exits(group, machine),
        None if machine.identity.is_none() => silent(case, machine),
        None => Finding::new(
            FindingId::NoLeader,
            Link::Quorum,
            "has the right cluster ID and does not answer as a member with a leader",
        )
        .because(
            "its peers do not reach it, or the election has not ended",
            "connect to port 2380 of each peer on that machine and back; read its etcd log",
        )
        .or_late(true)
        .not_sure(),
    };
    Some((finding, machine.name.clone()))
}

fn wrong_count(voters: usize, want: usize) -> Finding {
    let what = format!("counts {voters} voters of {want}");
    let finding = Finding::new(FindingId::WrongVoterCount, Link::Voter, what);
    if voters > want {
        return finding.because(
            "somebody has added a member by hand, which counts for the quorum whether it was started or not",
            "etcdctl member list shows it without a name: start it, or etcdctl member remove ID",
        );
    }
    finding
        .because(
            "a member was removed by hand, or the others have not published their names yet",
            "etcdctl member list on all members",
        )
        .or_late(true)
}

/// The service ends again and again.
fn ends(machine: &MachineProgress) -> bool {
    machine.same_exits >= 2 || (machine.same_exits == 1 && !machine.holds(Link::Etcd))
}

/// Why etcd ends, in its own words.
fn exits(group: &Group<'_>, machine: &MachineProgress) -> Finding {
    let words = machine.last_words.clone().unwrap_or_default();
    let what = match machine.identity {
        None => format!("etcd has not bootstrapped in {} starts", machine.starts),
        Some(_) => format!("etcd ends at every start, {} by now", machine.starts),
    };
    let peers = group.expected.peers.iter();
    let members: Vec<PeerUrl> = peers.filter_map(|(_, url)| url.parse().ok()).collect();
    let events = [LogEvent::Fatal { error: words }];
    let diagnosis = quorate_etcd::diagnose(&quorate_etcd::Evidence {
        members: &members,
        token: &group.expected.token,
        events: &events,
    });
    let id = id_of(&diagnosis.verdict);
    // The network and the time explain the others.
    let may_be_late = matches!(
        id,
        FindingId::DnsFailed
            | FindingId::EtcdExits
            | FindingId::SelfMissing
            | FindingId::EtcdKilled
    );
    Finding {
        unsure: id == FindingId::EtcdExits,
        ..Finding::new(id, Link::Etcd, what)
            .because(diagnosis.cause, diagnosis.fix)
            .or_late(may_be_late)
    }
}

fn id_of(verdict: &Verdict) -> FindingId {
    match verdict {
        Verdict::SelfMissing => FindingId::SelfMissing,
        Verdict::NoDns => FindingId::DnsFailed,
        Verdict::PlainSetOn34 => FindingId::PlainSetOn34,
        Verdict::Phantom { .. } => FindingId::Phantom,
        Verdict::Tls => FindingId::Tls,
        Verdict::DataLost => FindingId::DataLost,
        Verdict::DiscoveryDuplicate => FindingId::DiscoveryDuplicate,
        Verdict::DiskFull => FindingId::DiskFull,
        Verdict::DiskReadOnly => FindingId::DiskReadOnly,
        Verdict::NoPermission => FindingId::NoPermission,
        Verdict::PortInUse => FindingId::PortInUse,
        Verdict::DataDamaged => FindingId::DataDamaged,
        Verdict::NotExecutable => FindingId::NotExecutable,
        Verdict::Killed => FindingId::EtcdKilled,
        Verdict::Ok
        | Verdict::Starting
        | Verdict::WaitingQuorum
        | Verdict::Split { .. }
        | Verdict::Refused => FindingId::EtcdExits,
    }
}

/// The seed is applied and etcd was never started: the step before it waits for the peers.
fn not_started(case: &Case<'_>, machine: &MachineProgress) -> Finding {
    let finding = Finding::new(
        FindingId::EtcdNotStarted,
        Link::Srv,
        "waits for its peers, and has not started etcd",
    )
    .or_late(true);
    let fix =
        "ask for the SRV set and for each target on that machine: dig SRV _etcd-server._tcp.DOMAIN";
    match case.last_line(&machine.name) {
        Some(line) => finding.because(format!("its last word: {line}"), fix),
        None => finding
            .because(
                "it gets no answer from the DNS, or the set is not whole",
                fix,
            )
            .not_sure(),
    }
}

/// etcd runs, and nothing is known of its cluster.
fn silent(case: &Case<'_>, machine: &MachineProgress) -> Finding {
    // The step before etcd is over.
    let line = case.last_line(&machine.name);
    let (cause, fix) = match line.filter(|line| !line.starts_with("await-peers: ")) {
        Some(line) => (
            format!("its log ends with: {line}"),
            "mend what etcd says; its log is with the artifacts",
        ),
        None => (
            "it has said nothing: the program hangs, or is another one".to_owned(),
            "look at the process on that machine (ps, strace), and at its command line",
        ),
    };
    let what = "etcd runs, and has not bootstrapped";
    Finding::new(FindingId::EtcdSilent, Link::Etcd, what)
        .because(cause, fix)
        .or_late(true)
        .not_sure()
}
