//! Scenarios in tests of the standard harness, as other people's tests are.
#![expect(clippy::unwrap_used, reason = "these are tests")]

mod block_on;

use std::path::Path;
use std::time::Duration;

use quorate::{Group, Scenario, Step, Verdict, World};

use block_on::block_on;

quorate::before_main!();

fn scenario(name: &str) -> Scenario {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    Scenario::load(dir.join(name)).unwrap()
}

#[test]
fn a_built_scenario_is_awaited() {
    let run = Scenario::builder("two and a latecomer")
        .machines(Group::etcd("n").count(3).every(Duration::from_millis(300)))
        .formed_within(Duration::from_secs(20))
        .world(World::Sim)
        .run();
    assert_eq!(block_on(run).unwrap().verdict, Verdict::Pass);
}

#[test]
fn a_story_that_fails_is_an_outcome() {
    let scenario = scenario("gradual-records.toml").world(World::Sim);
    let outcome = scenario.run_blocking().unwrap();
    let first = &outcome.verdict.findings()[0];
    assert!(first.what.contains("the cluster split into 3"), "{first:?}");
}

#[test]
fn what_is_built_wrong_says_what_to_write() {
    let error = Scenario::builder("none")
        .machines(Group::etcd("7"))
        .step(Step::at(Duration::ZERO, "power-off").machine("n9"))
        .build()
        .unwrap_err();
    let problems: Vec<String> = error.problems.iter().map(ToString::to_string).collect();
    assert!(
        problems
            .iter()
            .any(|p| p.contains("\"7\" cannot be the name")),
        "{problems:?}"
    );
    assert!(
        problems
            .iter()
            .any(|p| p.contains("no machine is called \"n9\"")),
        "{problems:?}"
    );
}
