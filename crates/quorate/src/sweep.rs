//! `quorate sweep`: one scenario under many seeds, in the world `sim`.

use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quorate_scenario::{Story, WorldError};
use quorate_sim::{Difference, Failure, Options, Swarm};
use serde_json::json;

use crate::cli::{Format, SweepArgs};
use crate::draw::Draw;
use crate::{exit, simulate};

pub(crate) fn run(args: &SweepArgs, verbose: bool) -> ExitCode {
    let (mut story, text) = match simulate::load(&args.scenario) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    story.etcd.gate &= !args.no_gate;
    let options = match simulate::options(args.etcd.as_deref(), &story, args.from) {
        Ok((options, _)) => options,
        Err(error) => {
            eprintln!("{error}");
            return exit::bad_input();
        }
    };
    let seeds = args.from..args.from.saturating_add(args.seeds);
    let began = Instant::now();
    if args.twice {
        return twice(args, (&story, &options), &seeds, began);
    }
    let sweep = |part: Range<u64>| {
        if verbose {
            let draws = part
                .clone()
                .map(|seed| draw(args, (&story, &options), seed));
            let draws: Vec<String> = draws.map(|draw| told(&draw, args.format)).collect();
            eprint!("{}", draws.concat());
        }
        quorate_sim::sweep(&story, &options, part, !args.calm)
    };
    match on_every_processor(&seeds, sweep).map(quorate_sim::merge) {
        Ok(failures) => {
            let secs = began.elapsed().as_secs_f64();
            tell(args, (&story, &options), &seeds, (&failures, secs));
            if let Err(code) = keep(args, (&story, &text), &options, &failures) {
                return code;
            }
            ExitCode::from(u8::from(!failures.is_empty()))
        }
        Err(error) => simulate::broken(&error),
    }
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
fn told(draw: &Draw, format: Format) -> String {
    match format {
        Format::Human => draw.to_string(),
        Format::Json => format!("{}\n", json!({ "draw": draw })),
    }
}

/// Runs the first seed of each failure once more and writes down how it comes about.
fn keep(
    args: &SweepArgs,
    (story, text): (&Story, &str),
    options: &Options,
    failures: &[Failure],
) -> Result<(), ExitCode> {
    let Some(dir) = &args.keep else { return Ok(()) };
    std::fs::create_dir_all(dir).map_err(|error| {
        eprintln!("{}: {error}", dir.display());
        exit::cannot_run()
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
        simulate::record((&args.scenario, text), story, options, &file)?
            .map_err(|error| simulate::broken(&error))?;
        eprintln!("kept: quorate replay {}", file.display());
    }
    Ok(())
}

/// Runs each seed twice, and tells where two runs of one seed part.
fn twice(
    args: &SweepArgs,
    (story, options): (&Story, &Options),
    seeds: &Range<u64>,
    began: Instant,
) -> ExitCode {
    let tell = |seed| {
        let swarm = (!args.calm).then(|| Swarm::draw(seed, story));
        let options = Options {
            seed,
            swarm,
            ..options.clone()
        };
        quorate_sim::run(&story.drawn(seed), options)
    };
    let mut differences =
        match on_every_processor(seeds, |part| quorate_sim::check_determinism(part, tell)) {
            Ok(differences) => differences,
            Err(error) => return simulate::broken(&error),
        };
    differences.sort_by_key(|difference| difference.seed);
    let (count, secs) = (seeds.end - seeds.start, began.elapsed().as_secs_f64());
    if args.format == Format::Json {
        let rows: Vec<_> = differences
            .iter()
            .map(
                |Difference {
                     seed,
                     same,
                     once,
                     again,
                 }| {
                    json!({ "seed": seed, "same": same, "once": once, "again": again })
                },
            )
            .collect();
        let told =
            json!({ "from": seeds.start, "seeds": count, "secs": secs, "differences": rows });
        println!("{told:#}");
    } else {
        for difference in &differences {
            println!("{difference}");
        }
        let verdict = if differences.is_empty() {
            "PASS"
        } else {
            "FAIL"
        };
        let same = count - differences.len() as u64;
        println!("{verdict} {same} of {count} double runs are the same, in {secs:.1} s");
    }
    ExitCode::from(u8::from(!differences.is_empty()))
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

fn tell(
    args: &SweepArgs,
    drawn: (&Story, &Options),
    seeds: &Range<u64>,
    (failures, secs): (&[Failure], f64),
) {
    let count = seeds.end - seeds.start;
    if args.format == Format::Json {
        let rows: Vec<_> = failures
            .iter()
            .map(|failure| {
                json!({
                    "link": failure.link,
                    "seeds": failure.seeds,
                    "finding": failure.finding,
                    "draw": failure.seeds.first().map(|seed| draw(args, drawn, *seed)),
                })
            })
            .collect();
        let told = json!({ "from": seeds.start, "seeds": count, "secs": secs, "failures": rows });
        println!("{told:#}");
        return;
    }
    for failure in failures {
        let Some(first) = failure.seeds.first() else {
            continue;
        };
        let machine = failure.finding.machine.as_deref().unwrap_or_default();
        println!(
            "FAIL {} {machine}: {} of {count} seeds, first seed {first}: {}",
            failure.link,
            failure.seeds.len(),
            failure.finding.what
        );
        println!("  cause: {}", failure.finding.cause);
        println!("  fix:   {}", failure.finding.fix);
        let faults = if args.calm { "" } else { " --faults" };
        let gate = if args.no_gate { " --no-gate" } else { "" };
        println!(
            "  again: quorate run {} --world sim{faults}{gate} --seed {first}",
            args.scenario.display()
        );
    }
    let failed: usize = failures.iter().map(|failure| failure.seeds.len()).sum();
    let verdict = if failed == 0 { "PASS" } else { "FAIL" };
    let per_minute = count as f64 / secs * 60.0;
    println!(
        "{verdict} {failed} of {count} seeds failed, in {secs:.1} s ({per_minute:.0} seeds a minute)"
    );
}

/// Seeds that a thread takes at once.
const CHUNK: u64 = 8;
