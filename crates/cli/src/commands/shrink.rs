//! `quorate shrink`: from a failing run to a small scenario that fails the same way.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quorate::runner::sim_options;
use quorate_scenario::{Decision, Finding, Story};
use quorate_sim::shrink::{Progress, ShrinkError, Shrunk, cargo_test, repeats, shrink};
use quorate_sim::{Options, Swarm};
use serde_json::json;

use crate::args::{Format, ShrinkArgs};
use crate::draw::Draw;
use crate::error::CliError;
use crate::output::{print, print_json};
use crate::{scenario_file, sim_log};

/// A failing run.
struct Source {
    story: Story,
    options: Options,
    decisions: Option<Vec<Decision>>,
}

pub(crate) fn run(args: &ShrinkArgs) -> Result<u8, CliError> {
    let source = load(args)?;
    let began = Instant::now();
    let shrunk = search(&source, args.within);
    let secs = began.elapsed().as_secs_f64();
    let shrunk = shrunk.map_err(|error| match error {
        ShrinkError::World(error) => sim_log::broken(error),
        source @ (ShrinkError::AllIsWell | ShrinkError::NotRepeated) => CliError::Shrink {
            path: args.source.clone(),
            source,
        },
    })?;
    let test = args.out.with_extension("rs");
    write(args, &source, &shrunk, &test).map_err(|source| CliError::Write {
        path: args.out.clone(),
        source,
    })?;
    match args.format {
        Format::Human => print(human(args, &source, &shrunk, secs, &test))?,
        Format::Json => print_json(&json(args, &source, &shrunk, secs, &test))?,
    }
    Ok(0)
}

/// A log knows all; a scenario needs a seed.
fn load(args: &ShrinkArgs) -> Result<Source, CliError> {
    let is_log = args.source.extension().is_some_and(|ext| ext == "jsonl");
    if is_log {
        let log = sim_log::load(&args.source)?;
        return Ok(Source {
            story: log.story()?,
            options: log.options(),
            decisions: Some(log.decisions),
        });
    }
    let (mut story, _) = scenario_file::load(&args.source)?;
    story.etcd.gate &= !args.no_gate;
    let story = story.drawn(args.seed).into_owned();
    let (mut options, _) = sim_options(args.etcd.as_deref(), &story, args.seed)?;
    options.swarm = args.faults.then(|| Swarm::draw(args.seed, &story));
    Draw::of(&story, &options).note();
    Ok(Source {
        story,
        options,
        decisions: None,
    })
}

fn search(source: &Source, within: Duration) -> Result<Shrunk, ShrinkError> {
    let progress = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}")
        .expect("the template is a constant");
    progress.set_style(style);
    let began = Instant::now();
    let mut go_on = |at: Progress| {
        let Progress {
            runs,
            machines,
            faults,
        } = at;
        progress.set_message(format!(
            "{runs} runs: {machines} machines, {faults} faults left"
        ));
        began.elapsed() < within
    };
    let decisions = source.decisions.as_deref();
    let shrunk = shrink(&source.story, &source.options, decisions, &mut go_on);
    progress.finish_and_clear();
    shrunk
}

fn write(args: &ShrinkArgs, source: &Source, shrunk: &Shrunk, test: &Path) -> io::Result<()> {
    let name = file_name(&args.out);
    let text = format!(
        "# {}: {}\n# Made by `quorate shrink`; `quorate run {name} --world sim` shows it.\n{}",
        shrunk.finding.link, shrunk.finding.what, shrunk.draft
    );
    std::fs::write(&args.out, text)?;
    let version = source.options.etcd_version;
    std::fs::write(test, cargo_test(&name, version, &shrunk.finding))
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn json(
    args: &ShrinkArgs,
    source: &Source,
    shrunk: &Shrunk,
    secs: f64,
    test: &Path,
) -> serde_json::Value {
    json!({
        "scenario": args.out,
        "test": test,
        "machines": shrunk.draft.machines().count(),
        "faults": shrunk.draft.faults.len() + shrunk.draft.decisions.len(),
        "finding": shrunk.finding,
        "runs": shrunk.runs,
        "secs": secs,
        "cut_short": shrunk.is_cut_short,
        "repeats": repeats(shrunk, &source.options, 1..=REPEATS),
        "of": REPEATS,
    })
}

fn human(args: &ShrinkArgs, source: &Source, shrunk: &Shrunk, secs: f64, test: &Path) -> String {
    let mut out = String::new();
    let (before, drawn) = (source.story.machines.len(), source.options.swarm.as_ref());
    let drawn = drawn.map_or(0, |swarm| swarm.faults.len());
    let Finding { link, what, .. } = &shrunk.finding;
    let machine = shrunk.finding.machine.as_deref().unwrap_or_default();
    let machines = shrunk.draft.machines().count();
    let faults = shrunk.draft.faults.len() + shrunk.draft.decisions.len();
    let runs = shrunk.runs;
    let _ = writeln!(
        out,
        "FAIL {link} {machine}: {what}\n\
         {before} machines and {drawn} faults are now {machines} and {faults}; \
         {runs} runs in {secs:.1} s"
    );
    if shrunk.is_cut_short {
        out.push_str("the time was up: --within more may leave less\n");
    }
    let again = repeats(shrunk, &source.options, 1..=REPEATS);
    let (scenario, test) = (args.out.display(), test.display());
    let _ = writeln!(
        out,
        "it fails so under {again} of {REPEATS} seeds\n  \
         scenario: quorate run {scenario} --world sim\n  \
         test:     {test}"
    );
    out
}

/// Seeds under which the result runs once more.
const REPEATS: u64 = 10;
