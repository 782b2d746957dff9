//! `quorate compare`: the same machines with each way to find peers, in turns.

mod table;

use std::process::ExitCode;
use std::time::Duration;

use quorate_core::Instant;
use quorate_scenario::{Link, Outcome, Verdict};
use serde::Serialize;

use crate::cli::{CompareArgs, Format};
use crate::edit::Edit;
use crate::stop::on_signals;
use crate::tell::{Order, RunError, Stop, tell};
use crate::{exit, simulate};

/// One way, and what came of it in each round.
#[derive(Clone, Debug, Serialize)]
struct Way {
    discovery: String,
    /// From the last power-on to health, in seconds; `None` for a run that did not pass.
    healthy_secs: Vec<Option<f64>>,
    /// What the first run that did not pass found first.
    first_failure: Option<String>,
    late: Option<Late>,
}

/// What became of the cluster when its last member came late.
#[derive(Clone, Debug, Serialize)]
struct Late {
    /// When the others were healthy, after their power-on.
    others_secs: Option<f64>,
    /// True when that was before the late one had power.
    without_it: bool,
    /// From its own power-on to its health.
    joined_secs: Option<f64>,
}

pub(crate) fn run(args: &CompareArgs) -> ExitCode {
    let (story, text) = match simulate::load(&args.scenario) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let Some(edit) = Edit::new(&text) else {
        return exit::bad_input();
    };
    let stop = Stop::default();
    if let Err(error) = on_signals(&stop) {
        eprintln!("no signals: {error}");
        return exit::cannot_run();
    }
    let mut ways: Vec<Way> = args
        .discovery
        .iter()
        .map(|way| Way::new(way.word()))
        .collect();
    let told = rounds(args, &edit, &mut ways, &stop);
    match args.format {
        Format::Human => print!("{}", table::table(&story.title, args.late, &ways)),
        Format::Json => println!("{:#}", table::json(&story.title, args.late, &ways)),
    }
    match told {
        Ok(()) if ways.iter().all(|way| way.first_failure.is_none()) => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(RunError::Interrupted) => {
            eprintln!("interrupted; nothing is left of the runs");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            eprintln!("{error}");
            exit::cannot_run()
        }
    }
}

/// Every round tells each way once; who begins takes turns, so that whatever else this host does
/// meets all of them.
fn rounds(args: &CompareArgs, edit: &Edit, ways: &mut [Way], stop: &Stop) -> Result<(), RunError> {
    let count = ways.len();
    for round in 0..args.runs {
        for turn in 0..count {
            let way = &mut ways[(turn + round) % count];
            let mut edit = edit.clone();
            edit.set_discovery(&way.discovery);
            let seed = args.seed + round as u64;
            let outcome = tell(&order(args, &edit, seed), stop)?;
            way.take(&outcome);
            let shown = match way.healthy_secs.last() {
                Some(Some(secs)) => format!("healthy after {secs:.2} s"),
                Some(None) | None => "did not pass".to_owned(),
            };
            eprintln!(
                "round {} of {}: {:6} {shown}",
                round + 1,
                args.runs,
                way.discovery
            );
        }
    }
    for way in ways {
        let mut edit = edit.clone();
        edit.set_discovery(&way.discovery);
        let Some(name) = edit.delay_last_member(args.late) else {
            continue;
        };
        eprintln!(
            "{:6} with {name} {} s late",
            way.discovery,
            args.late.as_secs_f64()
        );
        let outcome = tell(&order(args, &edit, args.seed), stop)?;
        way.late = Some(late(&outcome, &name));
    }
    Ok(())
}

fn order(args: &CompareArgs, edit: &Edit, seed: u64) -> Order {
    Order {
        name: args.scenario.display().to_string(),
        text: edit.text(),
        world: args.world,
        etcd: args.etcd.clone(),
        seed,
        report: None,
    }
}

impl Way {
    fn new(discovery: &str) -> Self {
        Self {
            discovery: discovery.to_owned(),
            healthy_secs: Vec::new(),
            first_failure: None,
            late: None,
        }
    }

    fn take(&mut self, outcome: &Outcome) {
        let passed = outcome.verdict == Verdict::Pass;
        self.healthy_secs.push(healthy(outcome).filter(|_| passed));
        if let Some(finding) = outcome.verdict.findings().first() {
            let machine = finding.machine.as_deref().unwrap_or("all");
            let told = format!("{} {machine}: {}", finding.link, finding.what);
            self.first_failure.get_or_insert(told);
        }
    }
}

/// From the last machine's power-on to the cluster's health, in seconds.
fn healthy(outcome: &Outcome) -> Option<f64> {
    let on = outcome
        .progress
        .iter()
        .filter_map(|lane| lane.reached.get(&Link::Power));
    Some(secs(*on.max()?, outcome.formed_at?))
}

fn late(outcome: &Outcome, name: &str) -> Late {
    let reached = |link: Link, is_late: bool| {
        let lanes = outcome.progress.members();
        let lanes = lanes.filter(move |lane| (lane.name == name) == is_late);
        let reached: Option<Vec<Instant>> =
            lanes.map(|lane| lane.reached.get(&link).copied()).collect();
        reached.and_then(|all| all.into_iter().max())
    };
    let (others, first) = (reached(Link::Quorum, false), reached(Link::Power, false));
    let (joined, on) = (reached(Link::Quorum, true), reached(Link::Power, true));
    Late {
        others_secs: others.zip(first).map(|(at, on)| secs(on, at)),
        without_it: others.zip(on).is_some_and(|(at, on)| at < on),
        joined_secs: joined.zip(on).map(|(at, on)| secs(on, at)),
    }
}

fn secs(from: Instant, to: Instant) -> f64 {
    let took: Duration = to.since(from);
    took.as_secs_f64()
}

/// What shells answer for a process that SIGINT ended.
const INTERRUPTED: u8 = 130;
