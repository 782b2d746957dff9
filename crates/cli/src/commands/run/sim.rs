//! `quorate run --world sim`: virtual time, in this process.

use quorate::World;
use quorate::runner::sim_options;
use quorate_sim::Swarm;

use crate::args::RunArgs;
use crate::draw::Draw;
use crate::error::CliError;
use crate::notes::note;
use crate::results::{Asked, claim, write_and_print};
use crate::scenario_file::{drawn, load};
use crate::sim_log;

/// Runs the scenario on virtual time; answers the exit code.
pub(super) fn run(args: &RunArgs) -> Result<u8, CliError> {
    let (mut story, text) = load(&args.scenario)?;
    if let Some(left_out) = story.without_vms() {
        note(format_args!("note: {left_out}"));
    }
    story.etcd.gate &= !args.no_gate;
    let (story, text) = drawn(&story, text, args.seed);
    let (mut options, version) = sim_options(args.etcd.as_deref(), &story, args.seed)?;
    let report = claim(args.report.as_deref())?;
    options.swarm = args.faults.then(|| Swarm::draw(args.seed, &story));
    let draw = Draw::of(&story, &options);
    draw.note();
    let outcome = match &args.record {
        None => quorate_sim::run(&story, options),
        Some(file) => {
            sim_log::record((&args.scenario, &text), &story, options, file)?.map(|run| run.outcome)
        }
    };
    let mut outcome = outcome.map_err(sim_log::broken)?;
    draw.add_to(&mut outcome);
    let asked = Asked {
        scenario: &args.scenario,
        report: report.as_deref(),
        world: World::Sim,
        format: args.format,
        seed: args.seed,
        etcd: &format!("{version} (model)"),
        torn_down: None,
    };
    write_and_print(asked, (&story, &text), &outcome, |_| Ok(()))
}
