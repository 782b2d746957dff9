//! How small shrink makes ten distinct splits of `scenarios/swarm-50.toml` without the gate, and
//! how long it takes.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is a command line, and it measures time"
)]

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use quorate_scenario::{Link, Story};
use quorate_sim::shrink::{repeats, shrink};
use quorate_sim::{Options, Swarm, run};

const SCENARIO: &str = include_str!("../../scenarios/swarm-50.toml");
const SPLITS_DEFAULT: usize = 10;
/// What issue 3 asks for.
const WITHIN: Duration = Duration::from_secs(60);
const MACHINES_MAX: usize = 5;
const FAULTS_MAX: usize = 3;
const REPEATS: u64 = 10;

fn main() -> ExitCode {
    // `cargo bench` adds `--bench`; a number is the number of splits.
    let splits = std::env::args().find_map(|argument| argument.parse().ok());
    match measure(splits.unwrap_or(SPLITS_DEFAULT)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("not measured: {error}");
            ExitCode::from(3)
        }
    }
}

fn measure(splits: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut drawing = Story::parse("swarm-50.toml", SCENARIO)?;
    drawing.etcd.gate = false;
    let (mut seen, mut small) = (BTreeSet::new(), 0);
    println!("  seed  faults  machines  faults  runs    secs  again  split");
    for seed in 1.. {
        if seen.len() == splits {
            break;
        }
        let story = drawing.drawn(seed).into_owned();
        let options = Options {
            swarm: Some(Swarm::draw(seed, &story)),
            ..Options::calm((3, 5), seed)
        };
        let outcome = run(&story, options.clone())?;
        let first = outcome.verdict.findings().first().cloned();
        let Some(first) = first.filter(|first| first.link == Link::ClusterId) else {
            continue;
        };
        if !seen.insert(first.what.clone()) {
            continue;
        }
        let began = Instant::now();
        let shrunk = shrink(&story, &options, None, &mut |_| began.elapsed() < WITHIN)?;
        let secs = began.elapsed().as_secs_f64();
        let machines = shrunk.sketch.devices().count();
        let faults = shrunk.sketch.faults.len() + shrunk.sketch.decisions.len();
        let again = repeats(&shrunk, &options, 1..=REPEATS);
        let drawn = options.swarm.map_or(0, |swarm| swarm.faults.len());
        let what: String = shrunk.finding.what.chars().take(40).collect();
        let runs = shrunk.runs;
        println!(
            "{seed:6}  {drawn:6}  {machines:8}  {faults:6}  {runs:4}  {secs:6.2}  {again:2}/{REPEATS}  {what}"
        );
        let is_small = machines <= MACHINES_MAX && faults <= FAULTS_MAX;
        small += usize::from(is_small && secs <= WITHIN.as_secs_f64() && again == 10);
    }
    let met = if small * 10 >= splits * 8 {
        "met"
    } else {
        "missed"
    };
    println!(
        "target {met}: {small} of {splits} have at most {MACHINES_MAX} machines and {FAULTS_MAX} \
         faults within {WITHIN:?} and fail again {REPEATS} of {REPEATS} times; at least 80% shall"
    );
    Ok(())
}
