//! Bugs that were put into the engines are found by the sweep: within so many seeds, and under a
//! seed that passes without the bug.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use std::time::Duration;

use quorate_core::{Bug, Mutant, Seed};
use quorate_scenario::fault::{Fault, FaultKind, Whom};
use quorate_scenario::{Finding, Link, Story};
use quorate_sim::{Options, Swarm, run_mutant};

fn story(lease: &str) -> Story {
    let text = format!(
        r#"
        title = "what is wrong with the servers?"
        [dhcp]
        lease = "{lease}"
        [etcd]
        members = 3
        [expect]
        formed_within = "2m"
        [[machines]]
        name = "n"
        count = 3
        class = "etcd"
        spread = "4s"
        [[machines]]
        name = "p"
        count = 7
        class = "plain"
        spread = "6s"
        "#
    );
    Story::parse("mutant", &text).unwrap()
}

fn findings(story: &Story, seed: u64, mutant: Mutant) -> Vec<Finding> {
    let mut swarm = Swarm::draw(seed, story);
    // What a crash shows, it shows while the disk is waited for: more of them save seeds.
    let mut random = Seed::new(seed).child("crashes").random();
    swarm.faults.extend((0..CRASHES).map(|_| Fault {
        what: FaultKind::Crash,
        whom: Whom::SERVERS,
        from: Duration::from_micros(random.below(8_000_000)),
        lasts: Duration::from_millis(10),
        amount: 0,
    }));
    let options = Options {
        etcd_version: (3, 5),
        seed,
        steps_max: None,
        swarm: Some(swarm),
    };
    let outcome = run_mutant(story, options, mutant).unwrap();
    outcome.verdict.findings().to_vec()
}

/// The first of so many seeds that shows the bug at this link, and passes without it.
fn found(bug: Bug, lease: &str, link: Link, seeds: u64) {
    let story = story(lease);
    let mut others = Vec::new();
    let found = (0..seeds).any(|seed| {
        let first = findings(&story, seed, Mutant::new(bug)).first().cloned();
        let shows = first.as_ref().is_some_and(|first| first.link == link);
        others.extend(first.filter(|_| !shows));
        shows && findings(&story, seed, Mutant::default()).is_empty()
    });
    assert!(
        found,
        "{bug:?} is not found in {seeds} seeds, but {others:#?}"
    );
}

const CRASHES: u64 = 20;

#[test]
fn an_ack_before_the_lease_is_durable() {
    found(Bug::AckBeforeDurable, "1h", Link::Ack, 100);
}

#[test]
fn a_lease_that_a_restart_gives_to_somebody_else() {
    found(Bug::RestartForgetsLeases, "1h", Link::Ack, 20);
}

#[test]
fn a_renewal_that_is_not_heard() {
    found(Bug::RenewalIgnored, "30s", Link::Srv, 20);
}

#[test]
fn an_update_that_is_not_atomic() {
    found(Bug::UpdateNotAtomic, "1h", Link::ClusterId, 100);
}

#[test]
fn srv_records_before_their_addresses() {
    found(Bug::SrvBeforeA, "1h", Link::Srv, 20);
}

#[test]
fn a_gate_that_opens_one_too_early() {
    found(Bug::GateOpensEarly, "1h", Link::Srv, 20);
}

#[test]
fn a_registrar_that_takes_silence_for_a_yes() {
    found(Bug::SilenceIsYes, "1h", Link::Name, 40);
}
