//! A test as people write it in their own repositories; the guide shows it.

use std::time::Duration;

use quorate::{Group, Scenario, Step, World};

#[test]
fn our_rack_survives_a_hung_member() {
    let scenario = Scenario::builder("our rack")
        .machines(Group::etcd("n").count(3).spread(Duration::from_secs(2)))
        .machines(Group::plain("worker").count(20))
        .step(Step::after_formed(Duration::from_secs(1), "freeze").machine("n2"))
        .step(Step::after_formed(Duration::from_secs(9), "thaw").machine("n2"))
        .build()
        .unwrap();
    let outcome = scenario.world(World::Sim).run_blocking().unwrap();
    assert_eq!(outcome.verdict.findings(), []);
}
