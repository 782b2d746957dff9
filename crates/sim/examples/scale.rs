//! What a machine costs, by how many there are:
//! `cargo run --release -p quorate-sim --example scale -- 1000 2000 4000`.
#![expect(clippy::print_stdout, reason = "an example prints")]
#![expect(clippy::disallowed_methods, reason = "wall time is what is measured")]

use std::time::Instant;

use quorate_scenario::Story;
use quorate_sim::{Options, run};

fn main() {
    println!(
        "{:>10} {:>10} {:>14} {:>12}  verdict",
        "machines", "wall s", "\u{b5}s a machine", "observations"
    );
    for count in std::env::args().skip(1) {
        let Ok(machines) = count.parse::<u32>() else {
            println!("{count:?} is not a number of machines");
            continue;
        };
        let text = STORY.replace("COUNT", &count);
        let story = match Story::parse("scale", &text) {
            Ok(story) => story,
            Err(error) => {
                println!("{machines}: {error}");
                continue;
            }
        };
        let options = Options {
            etcd_version: (3, 5),
            seed: 1,
            steps_max: None,
            swarm: None,
        };
        let begun = Instant::now();
        let outcome = run(&story, options);
        let secs = begun.elapsed().as_secs_f64();
        match outcome {
            Ok(outcome) => println!(
                "{machines:>10} {secs:>10.3} {:>14.1} {:>12}  {:?}",
                secs * 1e6 / f64::from(machines),
                outcome.observations.len(),
                outcome.verdict,
            ),
            Err(error) => println!("{machines:>10} {error}"),
        }
    }
}

const STORY: &str = r#"
title = "machines beside a cluster"
[network]
subnet = "10.64.0.0/16"
[etcd]
members = 3
[[machines]]
name = "n"
count = 3
class = "etcd"
[[machines]]
name = "plain"
count = COUNT
class = "plain"
spread = "5s"
"#;
