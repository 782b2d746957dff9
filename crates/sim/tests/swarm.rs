//! Trouble from the seed: nothing may split while it lasts, and all must converge after it.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use quorate_fabric::Chance;
use quorate_scenario::{Link, Story};
use quorate_sim::{Options, Swarm, run, sweep};

const SEEDS: std::ops::Range<u64> = 0..60;

/// Five members and a few others, switched on while things go wrong.
fn story(gate: bool) -> Story {
    let text = format!(
        r#"
        title = "trouble"
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
    Story::parse("trouble", &text).unwrap()
}

fn options() -> Options {
    Options {
        etcd_version: (3, 5),
        seed: 0,
        steps_max: None,
        swarm: None,
    }
}

/// The members come up over six seconds, so that none has asked twice in vain for an address
/// before the wire is healed: see [`lost_dns_answers_split_a_cluster_in_spite_of_the_gate`].
#[test]
fn with_the_gate_no_trouble_breaks_anything() {
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

#[test]
fn a_troubled_run_is_the_same_run_again() {
    let story = story(true);
    for seed in 0..10 {
        let told = || {
            let swarm = Some(Swarm::draw(seed, story.machines.len()));
            let outcome = run(
                &story,
                Options {
                    seed,
                    swarm,
                    ..options()
                },
            )
            .unwrap();
            serde_json::to_string(&outcome.observations).unwrap()
        };
        assert_eq!(told(), told(), "seed {seed}");
    }
}

#[test]
fn the_draws_reach_every_kind_of_trouble() {
    let draws: Vec<Swarm> = SEEDS.map(|seed| Swarm::draw(seed, 10)).collect();
    let some = |is: fn(&Swarm) -> bool| draws.iter().any(is) && !draws.iter().all(is);
    assert!(some(|swarm| swarm.cables.loss > Chance::NEVER));
    assert!(some(|swarm| swarm.update_loss > Chance::NEVER));
    assert!(some(|swarm| !swarm.crashes.is_empty()));
    assert!(some(|swarm| !swarm.power_cuts.is_empty()));
}

/// The sweep has teeth: on a disk that says "written" too early, servers that crash forget what
/// they promised, and the first broken promise is a lease.
#[test]
fn a_disk_that_lies_is_found() {
    let story = story(true);
    let found = SEEDS.filter(|seed| {
        let mut swarm = Swarm::draw(*seed, story.machines.len());
        swarm.disk_lies = Chance::from_ppm(500_000);
        let options = Options {
            seed: *seed,
            swarm: Some(swarm),
            ..options()
        };
        let outcome = run(&story, options).unwrap();
        let findings = outcome.verdict.findings();
        findings
            .first()
            .is_some_and(|finding| finding.link == Link::Ack)
    });
    assert!(
        found.take(3).count() == 3,
        "fewer than three of {SEEDS:?} found it"
    );
}

/// What the gate cannot prevent: etcd leaves out an SRV record whose target does not resolve,
/// without a word, when any other does. A resolver that has asked twice in vain is enough.
#[test]
fn lost_dns_answers_split_a_cluster_in_spite_of_the_gate() {
    let text = r#"
        title = "three members, at once"
        [etcd]
        members = 3
        [expect]
        formed_within = "2m"
        [[machines]]
        name = "n"
        count = 3
        class = "etcd"
    "#;
    let story = Story::parse("at once", text).unwrap();
    let first_broken = |seed: u64, loss: Option<Chance>| {
        let mut swarm = Swarm::draw(seed, story.machines.len());
        swarm.cables.loss = loss.unwrap_or(swarm.cables.loss);
        let options = Options {
            seed,
            swarm: Some(swarm),
            ..options()
        };
        let outcome = run(&story, options).unwrap();
        let findings = outcome.verdict.findings();
        findings.first().map(|finding| finding.link)
    };
    let splits: Vec<u64> = (0..150)
        .filter(|seed| first_broken(*seed, None) == Some(Link::ClusterId))
        .collect();
    assert!(!splits.is_empty());
    for seed in splits {
        assert_eq!(first_broken(seed, Some(Chance::NEVER)), None, "seed {seed}");
    }
}
