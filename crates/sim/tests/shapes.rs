//! What load shapes expect fails when it does not hold.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use std::path::Path;

use quorate_scenario::{Finding, Link, Story, What};
use quorate_sim::{Options, run};

const OPTIONS: Options = Options {
    etcd_version: (3, 5),
    seed: 1,
    steps_max: None,
    swarm: None,
};

/// What is found first in a scenario of the repository of which `old` was replaced.
fn first_finding(name: &str, old: &str, new: &str) -> Option<Finding> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let text = std::fs::read_to_string(dir.join(name)).unwrap();
    assert!(text.contains(old), "{old:?} is not in {name}");
    let story = Story::parse(name, &text.replace(old, new)).unwrap();
    let outcome = run(&story, OPTIONS).unwrap();
    outcome.verdict.findings().first().cloned()
}

#[test]
fn an_outage_longer_than_a_lease_loses_it() {
    let finding = first_finding("mass-renewal.toml", "at = \"6s\"", "at = \"20s\"").unwrap();
    assert_eq!(finding.link, Link::Ack);
    assert_eq!(finding.what, "lost its lease");
}

#[test]
fn machines_that_are_restarted_together_lose_the_quorum() {
    let together = first_finding(
        "rolling-restart.toml",
        "every = \"5s\"",
        "every = \"100ms\"",
    );
    assert_eq!(together, None, "and get it back within four seconds");
    let slow = "every = \"100ms\"\ndown = \"6s\"";
    let long = first_finding(
        "rolling-restart.toml",
        "every = \"5s\"\ndown = \"1s\"",
        slow,
    );
    let finding = long.unwrap();
    assert_eq!(finding.link, Link::Quorum);
    assert!(
        finding.what.contains("had no quorum for"),
        "{}",
        finding.what
    );
}

#[test]
fn every_machine_leases_again_after_an_avalanche() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let story = Story::load(&dir.join("avalanche.toml")).unwrap();
    let outcome = run(&story, OPTIONS).unwrap();
    for machine in &story.machines {
        let leased = outcome.observations.iter().filter(|observation| {
            observation.machine.as_deref() == Some(&machine.name)
                && matches!(observation.what, What::Leased { renewed: false, .. })
        });
        assert_eq!(leased.count(), 2, "{}: once in each life", machine.name);
    }
}
