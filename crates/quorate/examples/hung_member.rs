//! A member hangs for longer than an election takes: does our cluster stay available?
//!
//!     cargo run -p quorate --example hung_member               # real etcd, in namespaces
//!     cargo run -p quorate --example hung_member -- sim
#![allow(clippy::print_stdout, reason = "this is a command line")]

use std::process::ExitCode;
use std::time::Duration;

use quorate::{Group, Scenario, Step, World};

quorate::before_main!();

fn main() -> ExitCode {
    let is_sim = std::env::args().any(|word| word == "sim");
    let world = if is_sim { World::Sim } else { World::Host };
    match scenario(5).world(world).run_blocking() {
        Ok(outcome) => {
            let findings = outcome.verdict.findings();
            findings
                .iter()
                .for_each(|found| println!("{}: {}", found.what, found.fix));
            println!("{:?}", outcome.verdict);
            ExitCode::from(outcome.verdict.exit_code())
        }
        Err(error) => {
            println!("{error}");
            ExitCode::from(3)
        }
    }
}

/// So many members, of which the first one hangs for ten seconds.
pub(crate) fn scenario(members: u32) -> Scenario {
    Scenario::builder("a member hangs")
        .machines(Group::etcd("n").count(members))
        .step(Step::after_formed(Duration::from_secs(1), "freeze").machine("n1"))
        .step(Step::after_formed(Duration::from_secs(11), "thaw").machine("n1"))
        .set("expect", "quorum_gap", "6s")
        .build()
        .expect("the scenario is right")
}
