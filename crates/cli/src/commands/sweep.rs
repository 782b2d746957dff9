//! `quorate sweep`: one scenario under many seeds, in the world `sim`.

use std::fmt::Write as _;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quorate::runner::sim_options;
use quorate_scenario::{Finding, Story, WorldError};
use quorate_sim::{Difference, Failure, Options, Swarm};
use serde_json::json;

use crate::args::{Format, SweepArgs};
use crate::draw::Draw;
use crate::error::CliError;
use crate::notes::note;
use crate::output::{print, print_json};
use crate::scenario_file::load;
use crate::sim_log;

pub(crate) fn run(args: &SweepArgs, verbose: bool) -> Result<u8, CliError> {
    let (mut story, text) = load(&args.scenario)?;
    story.etcd.gate &= !args.no_gate;
    let (options, _) = sim_options(args.etcd.as_deref(), &story, args.from)?;
    let seeds = args.from..args.from.saturating_add(args.seeds);
    let began = Instant::now();
    if args.twice {
        return check_determinism(args, (&story, &options), &seeds, began);
    }
    let sweep = |part: Range<u64>| {
        if verbose {
            for seed in part.clone() {
                log(&draw(args, (&story, &options), seed), args.format);
            }
        }
        quorate_sim::sweep(&story, &options, part, !args.calm)
    };
    let failures = on_every_processor(&seeds, sweep).map_err(sim_log::broken)?;
    let failures = quorate_sim::merge(failures);
    let secs = began.elapsed().as_secs_f64();
    match args.format {
        Format::Human => print(human(args, &seeds, (&failures, secs)))?,
        Format::Json => print_json(&json(args, (&story, &options), &seeds, (&failures, secs)))?,
    }
    keep(args, (&story, &text), &options, &failures)?;
    Ok(u8::from(!failures.is_empty()))
}

/// What this seed draws.
fn draw(args: &SweepArgs, (story, options): (&Story, &Options), seed: u64) -> Draw {
    let options = Options {
        seed,
        swarm: (!args.calm).then(|| Swarm::draw(seed, story)),
        ..options.clone()
    };
    Draw::of(&story.drawn(seed), &options)
}

/// On standard error: lines for people, or one of JSON.
fn log(draw: &Draw, format: Format) {
    match format {
        Format::Human => draw.note(),
        Format::Json => note(json!({ "draw": draw })),
    }
}

/// Runs the first seed of each failure once more and writes down how it comes about.
fn keep(
    args: &SweepArgs,
    (story, text): (&Story, &str),
    options: &Options,
    failures: &[Failure],
) -> Result<(), CliError> {
    let Some(dir) = &args.keep else { return Ok(()) };
    std::fs::create_dir_all(dir).map_err(|source| CliError::Write {
        path: dir.clone(),
        source,
    })?;
    for failure in failures {
        let Some(&seed) = failure.seeds.first() else {
            continue;
        };
        let options = Options {
            seed,
            swarm: (!args.calm).then(|| Swarm::draw(seed, story)),
            ..options.clone()
        };
        let file = dir.join(format!("{}-seed-{seed}.jsonl", failure.link));
        sim_log::record((&args.scenario, text), story, options, &file)?.map_err(sim_log::broken)?;
        note(format_args!("kept: quorate replay {}", file.display()));
    }
    Ok(())
}

/// Runs each seed twice, and shows where two runs of one seed part.
fn check_determinism(
    args: &SweepArgs,
    (story, options): (&Story, &Options),
    seeds: &Range<u64>,
    began: Instant,
) -> Result<u8, CliError> {
    let run = |seed| {
        let swarm = (!args.calm).then(|| Swarm::draw(seed, story));
        let options = Options {
            seed,
            swarm,
            ..options.clone()
        };
        quorate_sim::run(&story.drawn(seed), options)
    };
    let differences = on_every_processor(seeds, |part| quorate_sim::check_determinism(part, run));
    let mut differences = differences.map_err(sim_log::broken)?;
    differences.sort_by_key(|difference| difference.seed);
    let (count, secs) = (seeds.end - seeds.start, began.elapsed().as_secs_f64());
    match args.format {
        Format::Human => {
            let lines = differences
                .iter()
                .map(|difference| format!("{difference}\n"));
            let verdict = verdict(differences.is_empty());
            let same = count - differences.len() as u64;
            print(format_args!(
                "{}{verdict} {same} of {count} double runs are the same, in {secs:.1} s\n",
                lines.collect::<String>()
            ))?;
        }
        Format::Json => print_json(&json!({
            "from": seeds.start,
            "seeds": count,
            "secs": secs,
            "differences": differences.iter().map(row).collect::<Vec<_>>(),
        }))?,
    }
    Ok(u8::from(!differences.is_empty()))
}

fn row(difference: &Difference) -> serde_json::Value {
    let Difference {
        seed,
        same,
        once,
        again,
    } = difference;
    json!({ "seed": seed, "same": same, "once": once, "again": again })
}

const fn verdict(passed: bool) -> &'static str {
    if passed { "PASS" } else { "FAIL" }
}

/// Does `work` to all parts of `seeds`, on every processor.
fn on_every_processor<T: Send>(
    seeds: &Range<u64>,
    work: impl Fn(Range<u64>) -> Result<Vec<T>, WorldError> + Sync,
) -> Result<Vec<T>, WorldError> {
    let progress =
        ProgressBar::with_draw_target(Some(seeds.end - seeds.start), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left")
        .expect("the template is a constant");
    progress.set_style(style);
    let next = AtomicU64::new(seeds.start);
    let found = Mutex::new(Ok(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let from = next.fetch_add(CHUNK, Ordering::Relaxed);
                    let part = from..from.saturating_add(CHUNK).min(seeds.end);
                    if part.is_empty() {
                        return;
                    }
                    let swept = work(part.clone());
                    progress.inc(part.end - part.start);
                    let mut found = found.lock().expect("no holder of this lock panics");
                    match (swept, found.as_mut()) {
                        (Ok(failures), Ok(all)) => all.extend(failures),
                        (Err(error), Ok(_)) => *found = Err(error),
                        (_, Err(_)) => return,
                    }
                }
            });
        }
    });
    progress.finish_and_clear();
    found.into_inner().expect("no holder of this lock panics")
}

fn json(
    args: &SweepArgs,
    drawn: (&Story, &Options),
    seeds: &Range<u64>,
    (failures, secs): (&[Failure], f64),
) -> serde_json::Value {
    let rows = failures.iter().map(|failure| {
        json!({
            "link": failure.link,
            "seeds": failure.seeds,
            "finding": failure.finding,
            "draw": failure.seeds.first().map(|seed| draw(args, drawn, *seed)),
        })
    });
    let rows: Vec<_> = rows.collect();
    let count = seeds.end - seeds.start;
    json!({ "from": seeds.start, "seeds": count, "secs": secs, "failures": rows })
}

fn human(args: &SweepArgs, seeds: &Range<u64>, (failures, secs): (&[Failure], f64)) -> String {
    let count = seeds.end - seeds.start;
    let mut out = String::new();
    for failure in failures {
        let Some(first) = failure.seeds.first() else {
            continue;
        };
        let Finding {
            what, cause, fix, ..
        } = &failure.finding;
        let machine = failure.finding.machine.as_deref().unwrap_or_default();
        let (link, failed) = (failure.link, failure.seeds.len());
        let faults = if args.calm { "" } else { " --faults" };
        let gate = if args.no_gate { " --no-gate" } else { "" };
        let scenario = args.scenario.display();
        let _ = writeln!(
            out,
            "FAIL {link} {machine}: {failed} of {count} seeds, first seed {first}: {what}\n  \
             cause: {cause}\n  \
             fix:   {fix}\n  \
             again: quorate run {scenario} --world sim{faults}{gate} --seed {first}"
        );
    }
    let failed: usize = failures.iter().map(|failure| failure.seeds.len()).sum();
    let verdict = verdict(failed == 0);
    let per_minute = count as f64 / secs * 60.0;
    let _ = writeln!(
        out,
        "{verdict} {failed} of {count} seeds failed, in {secs:.1} s ({per_minute:.0} seeds a minute)"
    );
    out
}

/// Seeds that a thread gets at once.
const CHUNK: u64 = 8;
