//! `quorate compare`: the same machines with each method of discovery, in turns.

mod table;

use std::time::Duration;

use quorate::runner::{RunRequest, StopHandle, run as run_scenario};
use quorate_core::Instant;
use quorate_scenario::{Link, Outcome, Verdict};
use serde::Serialize;

use crate::args::{CompareArgs, Format};
use crate::edit::Edit;
use crate::error::CliError;
use crate::notes::note;
use crate::output::{print, print_json};
use crate::scenario_file::load;
use crate::signals::stop_on_signals;

/// One method of discovery, and how each of its runs ended.
#[derive(Clone, Debug, Serialize)]
struct MethodRuns {
    discovery: String,
    /// From the last power-on to health, in seconds; `None` for a run that did not pass.
    healthy_secs: Vec<Option<f64>>,
    /// What the first run that did not pass found first.
    first_failure: Option<String>,
    late: Option<Late>,
}

/// What happened to the cluster when its last member came late.
#[derive(Clone, Debug, Serialize)]
struct Late {
    /// When the others were healthy, after their power-on.
    others_secs: Option<f64>,
    /// True when that was before the late one had power.
    without_it: bool,
    /// From its own power-on to its health.
    joined_secs: Option<f64>,
}

pub(crate) fn run(args: &CompareArgs) -> Result<u8, CliError> {
    let (story, text) = load(&args.scenario)?;
    let edit = Edit::new(&text);
    let stop = stop_on_signals()?;
    let mut methods: Vec<MethodRuns> = args
        .discovery
        .iter()
        .map(|method| MethodRuns::new(method.word()))
        .collect();
    let all_ran = rounds(args, &edit, &mut methods, &stop);
    match args.format {
        Format::Human => print(table::table(&story.title, args.late, &methods))?,
        Format::Json => print_json(&table::json(&story.title, args.late, &methods))?,
    }
    all_ran?;
    let all_passed = methods.iter().all(|method| method.first_failure.is_none());
    Ok(u8::from(!all_passed))
}

/// Every round runs each method once, and each round begins with another one, so that other load on
/// this host meets all of them.
fn rounds(
    args: &CompareArgs,
    edit: &Edit,
    methods: &mut [MethodRuns],
    stop: &StopHandle,
) -> Result<(), CliError> {
    let count = methods.len();
    for round in 0..args.runs {
        for turn in 0..count {
            let method = &mut methods[(turn + round) % count];
            let mut edit = edit.clone();
            edit.set_discovery(&method.discovery);
            let seed = args.seed + round as u64;
            let outcome = run_scenario(&request(args, &edit, seed), stop)?;
            method.push(&outcome);
            let shown = match method.healthy_secs.last() {
                Some(Some(secs)) => format!("healthy after {secs:.2} s"),
                Some(None) | None => "did not pass".to_owned(),
            };
            let (round, runs) = (round + 1, args.runs);
            note(format_args!(
                "round {round} of {runs}: {:6} {shown}",
                method.discovery
            ));
        }
    }
    for method in methods {
        let mut edit = edit.clone();
        edit.set_discovery(&method.discovery);
        let Some(name) = edit.delay_last_member(args.late) else {
            continue;
        };
        let secs = args.late.as_secs_f64();
        note(format_args!(
            "{:6} with {name} {secs} s late",
            method.discovery
        ));
        let outcome = run_scenario(&request(args, &edit, args.seed), stop)?;
        method.late = Some(late(&outcome, &name));
    }
    Ok(())
}

fn request(args: &CompareArgs, edit: &Edit, seed: u64) -> RunRequest {
    RunRequest {
        name: args.scenario.display().to_string(),
        text: edit.text(),
        world: args.world.into(),
        etcd: args.etcd.clone(),
        seed,
        report: None,
    }
}

impl MethodRuns {
    fn new(discovery: &str) -> Self {
        Self {
            discovery: discovery.to_owned(),
            healthy_secs: Vec::new(),
            first_failure: None,
            late: None,
        }
    }

    fn push(&mut self, outcome: &Outcome) {
        let passed = outcome.verdict == Verdict::Pass;
        self.healthy_secs.push(healthy(outcome).filter(|_| passed));
        if let Some(finding) = outcome.verdict.findings().first() {
            let machine = finding.machine.as_deref().unwrap_or("all");
            let shown = format!("{} {machine}: {}", finding.link, finding.what);
            self.first_failure.get_or_insert(shown);
        }
    }
}

/// From the last machine's power-on to the cluster's health, in seconds.
fn healthy(outcome: &Outcome) -> Option<f64> {
    let on = outcome
        .progress
        .iter()
        .filter_map(|machine| machine.reached.get(&Link::Power));
    Some(secs(*on.max()?, outcome.formed_at?))
}

fn late(outcome: &Outcome, name: &str) -> Late {
    let reached = |link: Link, is_late: bool| {
        let machines = outcome.progress.members();
        let machines = machines.filter(move |machine| (machine.name == name) == is_late);
        let reached: Option<Vec<Instant>> = machines
            .map(|machine| machine.reached.get(&link).copied())
            .collect();
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
