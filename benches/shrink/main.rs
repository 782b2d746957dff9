//! How small shrink makes ten distinct splits of `scenarios/swarm-50.toml` without the gate, and
//! how long it takes.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "this is a command line, and it measures time"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use quorate_scenario::fault::FaultKind;
use quorate_scenario::{Link, Story, WorldError};
use quorate_sim::shrink::{Kind, repeats, shrink};
use quorate_sim::{Options, Swarm, run};

const SCENARIO: &str = include_str!("../../scenarios/swarm-50.toml");
const SPLITS_DEFAULT: usize = 10;
/// So many splits of one cause are shown; the eleventh says no more than they do.
const ALIKE_MAX: usize = 2;
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
    let (mut seen, mut causes, mut small) = (BTreeSet::new(), BTreeMap::new(), 0);
    println!("  seed  faults  machines  faults  runs    secs  again  because of, then the split");
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
        if seen.contains(&first.what) {
            continue;
        }
        let cause = cause(&story, &options, &Kind::of(&first, &story))?;
        let alike: &mut usize = causes.entry(cause.clone()).or_default();
        if *alike == ALIKE_MAX {
            continue;
        }
        *alike += 1;
        seen.insert(first.what);
        let began = Instant::now();
        let shrunk = shrink(&story, &options, None, &mut |_| began.elapsed() < WITHIN)?;
        let secs = began.elapsed().as_secs_f64();
        let machines = shrunk.draft.machines().count();
        let faults = shrunk.draft.faults.len() + shrunk.draft.decisions.len();
        let again = repeats(&shrunk, &options, 1..=REPEATS);
        let drawn = options.swarm.map_or(0, |swarm| swarm.faults.len());
        let what: String = shrunk.finding.what.chars().take(40).collect();
        let runs = shrunk.runs;
        println!(
            "{seed:6}  {drawn:6}  {machines:8}  {faults:6}  {runs:4}  {secs:6.2}  {again:2}/{REPEATS}  {cause}; {what}"
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

/// Without which kinds of faults the run does not fail so; the order of starts, when it does
/// without any.
fn cause(story: &Story, options: &Options, goal: &Kind) -> Result<String, WorldError> {
    let fails_without = |left_out: &dyn Fn(FaultKind) -> bool| {
        let mut options = options.clone();
        if let Some(swarm) = &mut options.swarm {
            swarm.faults.retain(|fault| !left_out(fault.what));
        }
        let outcome = run(story, options)?;
        let first = outcome.verdict.findings().first();
        Ok(first.is_some_and(|first| Kind::of(first, story) == *goal))
    };
    if fails_without(&|_| true)? {
        return Ok("order of starts".to_owned());
    }
    let mut needed = Vec::new();
    for what in FaultKind::ALL {
        if !fails_without(&|other| other == what)? {
            needed.push(what.name());
        }
    }
    if needed.is_empty() {
        needed.push("any of several faults");
    }
    Ok(needed.join(" and "))
}
