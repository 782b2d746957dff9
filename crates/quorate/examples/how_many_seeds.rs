//! Without the gate a cluster can split, which is a matter of luck: of how many runs?
//!
//!     cargo run -p quorate --release --example how_many_seeds
#![allow(clippy::print_stdout, reason = "this is a command line")]

use std::error::Error;
use std::time::Duration;

use quorate::{Group, Scenario, Verdict, World};

fn main() -> Result<(), Box<dyn Error>> {
    for gate in [true, false] {
        let split = splits(gate, 50)?;
        println!("gate {gate}: {split} of 50 runs split the cluster");
    }
    Ok(())
}

/// How many of so many runs, each from a seed of its own, end with a split cluster.
pub(crate) fn splits(gate: bool, seeds: u64) -> Result<usize, Box<dyn Error>> {
    let scenario = Scenario::builder("five machines within three seconds")
        .machines(Group::etcd("n").count(5).spread(Duration::from_secs(3)))
        .gate(gate)
        // Machines start etcd as soon as they are up.
        .set("etcd", "await", false)
        .build()?
        .world(World::Sim);
    let mut split = 0;
    for seed in 0..seeds {
        let outcome = scenario.clone().seed(seed).run_blocking()?;
        split += usize::from(outcome.verdict != Verdict::Pass);
    }
    Ok(split)
}
