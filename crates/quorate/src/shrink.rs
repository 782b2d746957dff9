//! `quorate shrink`: from a failing run to a small scenario that fails the same way.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quorate_scenario::{Decision, Story};
use quorate_sim::shrink::{Progress, ShrinkError, Shrunk, cargo_test, repeats, shrink};
use quorate_sim::{Options, Swarm};
use serde_json::json;

use crate::cli::{Format, ShrinkArgs};
use crate::draw::Draw;
use crate::{exit, replay, simulate};

/// A failing run.
struct Source {
    story: Story,
    options: Options,
    decisions: Option<Vec<Decision>>,
}

pub(crate) fn run(args: &ShrinkArgs) -> ExitCode {
    let source = match load(args) {
        Ok(source) => source,
        Err(code) => return code,
    };
    let began = Instant::now();
    let shrunk = search(&source, args.within);
    let secs = began.elapsed().as_secs_f64();
    let shrunk = match shrunk {
        Ok(shrunk) => shrunk,
        Err(ShrinkError::World(error)) => return simulate::broken(&error),
        Err(error @ (ShrinkError::AllIsWell | ShrinkError::NotRepeated)) => {
            eprintln!("{}: {error}", args.source.display());
            return exit::bad_input();
        }
    };
    let test = args.out.with_extension("rs");
    if let Err(error) = write(args, &source, &shrunk, &test) {
        eprintln!("{}: {error}", args.out.display());
        return exit::cannot_run();
    }
    tell(args, &source, &shrunk, secs, &test);
    ExitCode::SUCCESS
}

/// A log knows all; a scenario needs a seed.
fn load(args: &ShrinkArgs) -> Result<Source, ExitCode> {
    let is_log = args.source.extension().is_some_and(|ext| ext == "jsonl");
    if is_log {
        let log = replay::load(&args.source)?;
        let story = log.story().map_err(|error| {
            exit::show(error);
            exit::bad_input()
        })?;
        return Ok(Source {
            story,
            options: log.options(),
            decisions: Some(log.decisions),
        });
    }
    let (mut story, _) = simulate::load(&args.source)?;
    story.etcd.gate &= !args.no_gate;
    let story = story.drawn(args.seed).into_owned();
    let options = simulate::options(args.etcd.as_deref(), &story, args.seed);
    let (mut options, _) = options.map_err(|error| {
        eprintln!("{error}");
        exit::bad_input()
    })?;
    options.swarm = args.faults.then(|| Swarm::draw(args.seed, &story));
    eprint!("{}", Draw::of(&story, &options));
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

fn tell(args: &ShrinkArgs, source: &Source, shrunk: &Shrunk, secs: f64, test: &PathBuf) {
    let machines = shrunk.draft.machines().count();
    let faults = shrunk.draft.faults.len() + shrunk.draft.decisions.len();
    let seeds = 1..=REPEATS;
    let again = repeats(shrunk, &source.options, seeds);
    if args.format == Format::Json {
        let told = json!({
            "scenario": args.out,
            "test": test,
            "machines": machines,
            "faults": faults,
            "finding": shrunk.finding,
            "runs": shrunk.runs,
            "secs": secs,
            "cut_short": shrunk.is_cut_short,
            "repeats": again,
            "of": REPEATS,
        });
        println!("{told:#}");
        return;
    }
    let (before, drawn) = (source.story.machines.len(), source.options.swarm.as_ref());
    let drawn = drawn.map_or(0, |swarm| swarm.faults.len());
    let machine = shrunk.finding.machine.as_deref().unwrap_or_default();
    println!(
        "FAIL {} {machine}: {}",
        shrunk.finding.link, shrunk.finding.what
    );
    println!(
        "{before} machines and {drawn} faults are now {machines} and {faults}; {} runs in {secs:.1} s",
        shrunk.runs
    );
    if shrunk.is_cut_short {
        println!("the time was up: --within more may leave less");
    }
    println!("it fails so under {again} of {REPEATS} seeds");
    println!("  scenario: quorate run {} --world sim", args.out.display());
    println!("  test:     {}", test.display());
}

/// Seeds under which the result is told once more.
const REPEATS: u64 = 10;
