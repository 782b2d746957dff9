//! The examples do what they say.

use quorate::{Verdict, World};

#[path = "../examples/first_cluster.rs"]
#[expect(dead_code, reason = "its command line is not run here")]
mod first_cluster;
#[path = "../examples/how_many_seeds.rs"]
#[expect(dead_code, reason = "its command line is not run here")]
mod how_many_seeds;
#[path = "../examples/hung_member.rs"]
#[expect(dead_code, reason = "its command line is not run here")]
mod hung_member;

#[test]
fn three_machines_find_each_other() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let outcome = runtime.unwrap().block_on(first_cluster::run(World::Sim));
    let outcome = outcome.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass);
    assert_eq!(outcome.evidence.leases.len(), 3);
}

#[test]
fn five_members_bear_one_that_hangs_and_two_do_not() {
    let five = hung_member::scenario(5).world(World::Sim);
    let outcome = five.run_blocking().unwrap();
    assert_eq!(outcome.verdict.findings(), []);
    let two = hung_member::scenario(2).world(World::Sim);
    let outcome = two.run_blocking().unwrap();
    let found = &outcome.verdict.findings()[0].what;
    assert!(found.contains("had no quorum"), "{found}");
}

#[test]
fn a_cluster_splits_without_the_gate_only() {
    assert_eq!(how_many_seeds::splits(true, 10).unwrap(), 0);
    assert!(how_many_seeds::splits(false, 10).unwrap() > 0);
}
