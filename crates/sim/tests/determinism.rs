//! Double runs are byte-identical, and a run that is not is shown where it parts.
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")
)]

use std::cell::Cell;
use std::path::Path;
use std::time::Duration;

use quorate_scenario::fault::{Fault, FaultKind, Whom};
use quorate_scenario::{Outcome, Story};
use quorate_sim::{Options, Swarm, check_determinism, run};

fn story(name: &str) -> Story {
    let file = format!("../../scenarios/{name}.toml");
    Story::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

fn outcome_of(story: &Story, seed: u64, swarm: Swarm) -> Outcome {
    let options = Options {
        etcd_version: (3, 5),
        seed,
        steps_max: None,
        swarm: Some(swarm),
    };
    run(story, options).unwrap()
}

#[test]
fn two_runs_of_one_seed_are_the_same() {
    for (name, seeds) in [
        ("three-members", 0..15),
        ("power-cycle", 0..5),
        ("swarm-50", 0..3),
    ] {
        let story = story(name);
        let run_seed = |seed| Ok(outcome_of(&story, seed, Swarm::draw(seed, &story)));
        assert_eq!(check_determinism(seeds, run_seed).unwrap(), []);
    }
}

/// A world that takes a number from anywhere but its seed.
#[test]
fn the_first_event_that_differs_is_shown() {
    let story = story("three-members");
    let elsewhere = Cell::new(0);
    let run_seed = |seed| {
        elsewhere.set(elsewhere.get() + 1);
        let late = Fault {
            what: FaultKind::Delay,
            whom: Whom::Machines(vec!["n2".to_owned()]),
            from: Duration::ZERO,
            lasts: Duration::from_secs(10),
            amount: 1_000 * elsewhere.get(),
        };
        Ok(outcome_of(&story, seed, Swarm { faults: vec![late] }))
    };
    let differences = check_determinism(1..2, run_seed).unwrap();
    let shown = differences[0].to_string();
    // The servers are ready, three machines come up and say DISCOVER; the next event of all is
    // the first that a later frame can change.
    assert!(differences[0].same > 3, "{shown}");
    let (once, again) = (differences[0].once.as_ref(), differences[0].again.as_ref());
    assert_ne!(once, again);
    assert!(
        shown.contains(once.unwrap()) && shown.contains(again.unwrap()),
        "{shown}"
    );
}
