//! Three machines that know only their MAC addresses become one etcd cluster.
//!
//!     cargo run -p quorate --example first_cluster             # real etcd, in namespaces
//!     cargo run -p quorate --example first_cluster -- sim      # virtual time; needs nothing
#![allow(clippy::print_stdout, reason = "this is a command line")]

use std::error::Error;
use std::time::Duration;

use quorate::{Group, Outcome, RunError, Scenario, World};

quorate::before_main!();

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let is_sim = std::env::args().any(|word| word == "sim");
    let world = if is_sim { World::Sim } else { World::Host };
    let outcome = run(world).await?;
    for machine in outcome.progress.iter() {
        let address = outcome.evidence.leases.iter();
        let address = address.filter(|lease| lease.hostname.as_ref() == Some(&machine.name));
        for lease in address {
            println!("{} has {}, from {}", machine.name, lease.addr, lease.mac);
        }
    }
    for finding in outcome.verdict.findings() {
        println!("{}: {}", finding.link, finding.what);
    }
    println!("formed at {:?}", outcome.formed_at);
    Ok(())
}

/// Dropping the future ends the run, and nothing is left of it.
pub(crate) async fn run(world: World) -> Result<Outcome, RunError> {
    Scenario::builder("three machines find each other")
        .machines(Group::etcd("n").count(3).spread(Duration::from_secs(1)))
        .world(world)
        .run()
        .await
}
