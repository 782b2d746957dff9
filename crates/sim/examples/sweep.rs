//! One story under many seeds, with the faults of each:
//! `cargo run --release -p quorate-sim --example sweep -- scenarios/three-members.toml 1000`.
#![expect(clippy::print_stdout, reason = "an example prints")]
#![expect(clippy::disallowed_methods, reason = "wall time is what is measured")]

use std::path::Path;
use std::time::Instant;

use quorate_scenario::Story;
use quorate_sim::{Options, sweep};

fn main() {
    let mut args = std::env::args().skip(1);
    let file = args.next().unwrap_or_default();
    let seeds = args
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(100);
    let story = match Story::load(Path::new(&file)) {
        Ok(story) => story,
        Err(error) => return println!("{error}"),
    };
    let options = Options {
        etcd_version: (3, 5),
        seed: 0,
        steps_max: None,
        swarm: None,
    };
    let begun = Instant::now();
    match sweep(&story, &options, 0..seeds, true) {
        Ok(failures) => {
            for failure in failures {
                let (count, first) = (failure.seeds.len(), &failure.seeds[0]);
                let what = &failure.finding.what;
                println!(
                    "{}: {count} seeds, the first is {first}: {what}",
                    failure.link
                );
            }
            let secs = begun.elapsed().as_secs_f64();
            let pace = seeds as f64 / secs * 60.0;
            println!("{seeds} seeds in {secs:.1} s, {pace:.0} a minute");
        }
        Err(error) => println!("{error}"),
    }
}
