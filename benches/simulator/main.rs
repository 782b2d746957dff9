//! What a machine costs in the world `sim`, by how many there are, and how fast an hour passes.
//! See benches/README.md.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![expect(clippy::disallowed_methods, reason = "wall time is what is measured")]

use std::process::{Command, ExitCode};
use std::time::Instant;

use quorate_scenario::{Outcome, Story, What};
use quorate_sim::{Options, run};
use serde::{Deserialize, Serialize};

/// The program's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Set for the child that makes one measurement: memory is measured by process.
const CASE: &str = "QUORATE_BENCH_CASE";

/// One measurement.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    machines: usize,
    wall_secs: f64,
    /// Of the processor, in user space.
    user_secs: f64,
    virtual_secs: f64,
    /// `VmHWM`.
    peak_mib: f64,
    observations: usize,
    renewals: usize,
    passed: bool,
}

fn main() -> ExitCode {
    if let Ok(case) = std::env::var(CASE) {
        return child(&case);
    }
    // Cargo adds options of its own.
    let counts: Vec<usize> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let counts = if counts.is_empty() {
        COUNTS.to_vec()
    } else {
        counts
    };
    println!(
        "| machines | wall, median s | user s | \u{b5}s a machine | \u{b5}s / (machine · log2 n) | peak MiB | verdict |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: | ---: | --- |");
    for count in counts {
        let Some(measured) = median(&format!("racks {count}")) else {
            return ExitCode::from(3);
        };
        let each = measured.wall_secs * 1e6 / measured.machines as f64;
        println!(
            "| {} | {:.3} | {:.2} | {each:.0} | {:.1} | {:.0} | {} |",
            measured.machines,
            measured.wall_secs,
            measured.user_secs,
            each / (measured.machines as f64).log2(),
            measured.peak_mib,
            verdict(&measured)
        );
    }
    let Some(hour) = median("hour") else {
        return ExitCode::from(3);
    };
    println!(
        "\nan hour of {} machines with leases of {LEASE_SECS} s: {} renewals in {:.2} s, {:.0} \u{d7} real time, {:.0} MiB, {}",
        hour.machines,
        hour.renewals,
        hour.wall_secs,
        hour.virtual_secs / hour.wall_secs,
        hour.peak_mib,
        verdict(&hour)
    );
    ExitCode::SUCCESS
}

const fn verdict(measured: &Measured) -> &'static str {
    if measured.passed { "pass" } else { "FAIL" }
}

/// The round with the middle time.
fn median(case: &str) -> Option<Measured> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let program = std::env::current_exe().ok()?;
        let output = Command::new(program).env(CASE, case).output().ok()?;
        if !output.status.success() {
            eprintln!("{case}: {}", String::from_utf8_lossy(&output.stderr));
            return None;
        }
        rounds.push(serde_json::from_slice::<Measured>(&output.stdout).ok()?);
    }
    rounds.sort_by(|a, b| a.wall_secs.total_cmp(&b.wall_secs));
    let middle = rounds.len() / 2;
    rounds.into_iter().nth(middle)
}

fn child(case: &str) -> ExitCode {
    let text = match case.split_once(' ') {
        Some((_, count)) => racks(count.parse().unwrap_or(1_000)),
        None => hour(),
    };
    match measure(&text) {
        Ok(measured) => {
            println!("{}", serde_json::json!(measured));
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn measure(text: &str) -> Result<Measured, String> {
    let begun = Instant::now();
    let story = Story::parse("bench", text).map_err(|error| format!("{error:?}"))?;
    let options = Options {
        etcd_version: (3, 5),
        seed: 1,
        steps_max: Some(u64::MAX),
        swarm: None,
    };
    let outcome = run(&story, options).map_err(|error| error.to_string())?;
    let wall_secs = begun.elapsed().as_secs_f64();
    let renewed = |what: &What| matches!(what, What::Leased { renewed: true, .. });
    let Outcome { observations, .. } = &outcome;
    Ok(Measured {
        machines: story.machines.len(),
        wall_secs,
        user_secs: user_secs().unwrap_or(f64::NAN),
        virtual_secs: outcome.ended_at.as_nanos() as f64 / 1e9,
        peak_mib: peak_mib().unwrap_or(f64::NAN),
        observations: observations.len(),
        renewals: observations
            .iter()
            .filter(|seen| renewed(&seen.what))
            .count(),
        passed: outcome.verdict.findings().is_empty(),
    })
}

fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// proc_pid_stat(5): `utime`, in hundredths of a second.
fn user_secs() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let ticks: f64 = after_name.split_whitespace().nth(11)?.parse().ok()?;
    Some(ticks / 100.0)
}

/// As `scenarios/datacenter-10k.toml`, with so many machines; more than that come rack by rack,
/// as in `datacenter-100k.toml`.
fn racks(machines: usize) -> String {
    let clusters = machines / 3;
    let every_micros = if machines > 10_000 { 200 } else { 0 };
    let spare = machines - clusters * 3;
    let spare = match spare {
        0 => String::new(),
        spare => format!("[[machines]]\nname = \"spare\"\ncount = {spare}\nclass = \"plain\"\n"),
    };
    format!(
        r#"
title = "racks"
[network]
subnet = "10.0.0.0/8"
[racks]
machines = 40
[etcd]
clusters = {clusters}
members = 3
[expect]
formed_within = "2m"
[[machines]]
name = "n"
count = {}
class = "etcd"
every = "{every_micros}us"
spread = "1s"
{spare}"#,
        clusters * 3
    )
}

/// A cluster and many machines that do nothing but renew.
fn hour() -> String {
    format!(
        r#"
title = "an hour"
[network]
subnet = "10.64.0.0/16"
[dhcp]
lease = "{LEASE_SECS}s"
[etcd]
members = 3
[[machines]]
name = "n"
count = 3
class = "etcd"
[[machines]]
name = "p"
count = 497
class = "plain"
spread = "30s"
[[steps]]
after_formed = "1h"
do = "link-down"
machine = "p1"
[[steps]]
after_formed = "60m 1s"
do = "link-up"
machine = "p1"
"#
    )
}

const COUNTS: [usize; 3] = [500, 1_000, 10_000];
const ROUNDS: usize = 3;
/// Each machine renews twice a minute.
const LEASE_SECS: u32 = 60;
