//! `quorate sweep`: one scenario under many seeds, in the world `sim`.

use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use quorate_scenario::{Story, WorldError};
use quorate_sim::{Failure, Options};
use serde_json::json;

use crate::cli::{Format, SweepArgs};
use crate::{exit, simulate};

pub(crate) fn run(args: &SweepArgs) -> ExitCode {
    let (story, _) = match simulate::load(&args.scenario) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    let options = match simulate::options(args.etcd.as_deref(), &story, args.from) {
        Ok((options, _)) => options,
        Err(code) => return code,
    };
    let seeds = args.from..args.from.saturating_add(args.seeds);
    let began = Instant::now();
    match sweep(&story, &options, seeds.clone(), !args.calm) {
        Ok(failures) => {
            let secs = began.elapsed().as_secs_f64();
            tell(args, &seeds, &failures, secs);
            ExitCode::from(u8::from(!failures.is_empty()))
        }
        Err(error) => {
            eprintln!("the world `sim` broke: {error}");
            exit::cannot_run()
        }
    }
}

/// Sweeps on every processor.
fn sweep(
    story: &Story,
    options: &Options,
    seeds: Range<u64>,
    faults: bool,
) -> Result<Vec<Failure>, WorldError> {
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
                    let swept = quorate_sim::sweep(story, options, part.clone(), faults);
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
    let found = found.into_inner().expect("no holder of this lock panics");
    found.map(quorate_sim::merge)
}

fn tell(args: &SweepArgs, seeds: &Range<u64>, failures: &[Failure], secs: f64) {
    let count = seeds.end - seeds.start;
    if args.format == Format::Json {
        let rows: Vec<_> = failures
            .iter()
            .map(|failure| {
                json!({
                    "link": failure.link,
                    "seeds": failure.seeds,
                    "finding": failure.finding,
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
        println!(
            "  again: quorate run {} --world sim{faults} --seed {first}",
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
