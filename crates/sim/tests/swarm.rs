//! Faults from the seed: nothing may split while they last, and all must converge after them.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use std::time::Duration;

use quorate_core::Instant;
use quorate_scenario::fault::{Fault, FaultKind, Whom};
use quorate_scenario::{Link, Story, What};
use quorate_sim::{Options, Swarm, run, sweep};

const SEEDS: std::ops::Range<u64> = 0..60;

/// Five members and a few others, switched on while things go wrong.
fn story(gate: bool) -> Story {
    let text = format!(
        r#"
        title = "faults"
        [etcd]
        members = 5
        gate = {gate}
        [expect]
        formed_within = "2m"
        [[machines]]
        name = "n"
        count = 5
        class = "etcd"
        spread = "6s"
        [[machines]]
        name = "p"
        count = 5
        class = "plain"
        spread = "6s"
        "#
    );
    Story::parse("faults", &text).unwrap()
}

fn options() -> Options {
    Options {
        etcd_version: (3, 5),
        seed: 0,
        steps_max: None,
        swarm: None,
    }
}

#[test]
fn with_the_gate_no_fault_breaks_anything() {
    let failures = sweep(&story(true), &options(), SEEDS, true).unwrap();
    assert_eq!(failures, []);
}

#[test]
fn without_the_gate_clusters_split() {
    let failures = sweep(&story(false), &options(), SEEDS, true).unwrap();
    let split = failures
        .iter()
        .find(|failure| failure.link == Link::ClusterId);
    let split = split.unwrap_or_else(|| panic!("{failures:#?}"));
    assert!(split.seeds.len() > 10, "{split:#?}");
}

/// A run with these faults.
fn outcome_with(story: &Story, seed: u64, faults: Vec<Fault>) -> quorate_scenario::Outcome {
    let options = Options {
        seed,
        swarm: Some(Swarm { faults }),
        ..options()
    };
    run(story, options).unwrap()
}

fn first_broken(outcome: &quorate_scenario::Outcome) -> Option<Link> {
    outcome
        .verdict
        .findings()
        .first()
        .map(|finding| finding.link)
}

/// The whole time.
fn fault(what: FaultKind, whom: Whom, amount: i64) -> Fault {
    Fault {
        what,
        whom,
        from: Duration::ZERO,
        lasts: Duration::from_secs(10),
        amount,
    }
}

#[test]
fn a_run_with_faults_is_the_same_run_again() {
    let story = story(true);
    for seed in 0..10 {
        let transcript = || {
            let outcome = outcome_with(&story, seed, Swarm::draw(seed, &story).faults);
            serde_json::to_string(&outcome.observations).unwrap()
        };
        assert_eq!(transcript(), transcript(), "seed {seed}");
    }
}

#[test]
fn the_draws_reach_every_kind_of_fault_and_leave_each_out() {
    let story = story(true);
    let draws: Vec<Swarm> = SEEDS.map(|seed| Swarm::draw(seed, &story)).collect();
    for what in FaultKind::ALL {
        let has = |swarm: &&Swarm| swarm.faults.iter().any(|fault| fault.what == what);
        let count = draws.iter().filter(has).count();
        if what == FaultKind::DiskLies {
            assert_eq!(count, 0);
        } else {
            assert!((10..50).contains(&count), "{what:?}: {count}");
        }
    }
}

/// The consequences of the faults: all observations except that they begin.
fn transcript(story: &Story, faults: Vec<Fault>) -> String {
    let outcome = outcome_with(story, 1, faults);
    let mut seen = outcome.observations;
    seen.retain(|one| !matches!(one.what, What::FaultBegan { .. }));
    serde_json::to_string(&seen).unwrap()
}

#[test]
fn each_kind_of_fault_makes_another_run() {
    let story = story(true);
    // The end of a fault that changes nothing is there in both.
    let calm = transcript(&story, vec![fault(FaultKind::Delay, Whom::ALL_MACHINES, 0)]);
    for (what, amount) in [
        (FaultKind::Loss, 300_000),
        (FaultKind::Duplicate, 300_000),
        (FaultKind::Reorder, 300_000),
        (FaultKind::Corrupt, 300_000),
        (FaultKind::Delay, 5_000),
        (FaultKind::Jitter, 5_000),
        (FaultKind::UpdateLoss, 300_000),
        (FaultKind::Crash, 0),
        (FaultKind::PowerCut, 0),
    ] {
        let whom = if what.is_of_servers() {
            Whom::SERVERS
        } else {
            Whom::ALL_MACHINES
        };
        let run = transcript(&story, vec![fault(what, whom, amount)]);
        assert_ne!(run, calm, "{what:?}");
    }
}

#[test]
fn who_is_not_heard_or_does_not_hear_has_no_lease() {
    let story = story(true);
    for what in [
        FaultKind::Mute,
        FaultKind::Deaf,
        FaultKind::CutToServers,
        FaultKind::CutFromServers,
    ] {
        let silent = vec![fault(what, Whom::Machines(vec!["p1".to_owned()]), 0)];
        let outcome = outcome_with(&story, 1, silent);
        let leased = |machine: &str| {
            let mut seen = outcome.observations.iter();
            let first = seen.find(|seen| {
                seen.machine.as_deref() == Some(machine) && matches!(seen.what, What::Leased { .. })
            });
            first.unwrap().at.since(Instant::ZERO)
        };
        assert!(leased("p1") > Duration::from_secs(10), "{what:?}");
        assert!(leased("p2") < Duration::from_secs(10), "{what:?}");
    }
}

/// Deadlines have their own clock: machines that know no date do exactly as those that do.
#[test]
fn the_wall_clocks_of_machines_change_nothing() {
    let story = story(true);
    let wrong = |what, amount| transcript(&story, vec![fault(what, Whom::ALL_MACHINES, amount)]);
    let calm = wrong(FaultKind::ClockSkew, 0);
    for (what, amount) in [
        (FaultKind::ClockSkew, 1_000_000),
        (FaultKind::ClockSkew, -1_000_000),
        (FaultKind::ClockDrift, -1_000_000),
        (FaultKind::DeadRtc, 0),
    ] {
        assert_eq!(wrong(what, amount), calm, "{what:?} {amount}");
    }
}

#[test]
fn faults_end() {
    let story = story(true);
    for seed in SEEDS {
        let healed = Swarm::draw(seed, &story).healed_at();
        assert!(
            healed.since(Instant::ZERO) < Duration::from_secs(16),
            "{healed:?}"
        );
    }
}

/// The sweep has teeth: on a disk that says "written" too early, servers that crash forget what
/// they promised, and the first broken promise is a lease.
#[test]
fn a_disk_that_lies_is_found() {
    let story = story(true);
    let found = SEEDS.filter(|seed| {
        let mut faults = Swarm::draw(*seed, &story).faults;
        faults.push(fault(FaultKind::DiskLies, Whom::SERVERS, 500_000));
        first_broken(&outcome_with(&story, *seed, faults)) == Some(Link::Ack)
    });
    assert!(
        found.take(3).count() == 3,
        "fewer than three of {SEEDS:?} found it"
    );
}

/// What the gate cannot prevent: etcd leaves out an SRV record whose target does not resolve,
/// without a word, when any other does. A resolver that has asked twice in vain is enough. With
/// the wait for the peers before etcd starts, none of the same worlds splits.
#[test]
fn lost_dns_answers_split_a_cluster_in_spite_of_the_gate_unless_machines_wait() {
    let at_once = |waits: bool| {
        let text = format!(
            r#"
            title = "three members, at once"
            [etcd]
            members = 3
            await = {waits}
            [expect]
            formed_within = "2m"
            [[machines]]
            name = "n"
            count = 3
            class = "etcd"
            "#
        );
        Story::parse("at once", &text).unwrap()
    };
    let (plain, waiting) = (at_once(false), at_once(true));
    let lose = |what: FaultKind| {
        matches!(
            what,
            FaultKind::Loss
                | FaultKind::Corrupt
                | FaultKind::Mute
                | FaultKind::Deaf
                | FaultKind::CutToServers
                | FaultKind::CutFromServers
        )
    };
    let mut splits = 0;
    for seed in 0..150 {
        let mut faults = Swarm::draw(seed, &plain).faults;
        let waited = outcome_with(&waiting, seed, faults.clone());
        let findings = waited.verdict.findings().iter();
        let mut links = findings.map(|finding| finding.link);
        assert!(links.all(|link| link != Link::ClusterId), "seed {seed}");
        if first_broken(&outcome_with(&plain, seed, faults.clone())) == Some(Link::ClusterId) {
            splits += 1;
            faults.retain(|fault| !lose(fault.what));
            assert_eq!(
                first_broken(&outcome_with(&plain, seed, faults)),
                None,
                "seed {seed}"
            );
        }
    }
    assert!(splits > 0);
}

/// Three machines renew while the clock of the servers is wrong, and what was written down says
/// so. It is put right while nothing else happens; then the servers crash. Had the kernel not informed them of
/// the clock, they would find every lease at its end, and take the names away.
#[test]
fn servers_that_are_idle_hear_that_their_clock_was_set() {
    let text = r#"
        title = "the clock is wrong while all machines renew"
        [dhcp]
        lease = "60s"
        [etcd]
        members = 3
        [[machines]]
        name = "n"
        count = 3
        class = "etcd"
        [[faults]]
        what = "clock-skew"
        whom = "servers"
        from = "29s"
        lasts = "3s"
        amount = "-200s"
        [[faults]]
        what = "crash"
        whom = "servers"
        from = "34s"
        lasts = "10ms"
    "#;
    let story = Story::parse("idle", text).unwrap();
    for seed in 0..3 {
        let options = Options { seed, ..options() };
        let outcome = run(&story, options).unwrap();
        let renewed = outcome.observations.iter().filter(|seen| {
            let during = Duration::from_secs(29)..Duration::from_secs(32);
            matches!(seen.what, What::Leased { renewed: true, .. })
                && during.contains(&seen.at.since(Instant::ZERO))
        });
        assert_eq!(renewed.count(), 3, "seed {seed}");
        assert_eq!(outcome.verdict.findings(), [], "seed {seed}");
        let lost = outcome.observations.iter().find(|seen| {
            matches!(&seen.what, What::ZoneChanged { removed, .. }
                if removed.iter().any(|record| record.contains(" IN A ")))
        });
        assert_eq!(lost, None, "seed {seed}");
    }
}
