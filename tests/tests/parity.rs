//! The worlds `sim` and `host` run the same stories: what is observed in both is compared, up to
//! the differences that [`DIFFERENCES`] declares. Anything else that differs is a failure that
//! shows both sides.
//!
//! This program is also the `quorate` that it tests.

#[path = "parity/trace.rs"]
mod trace;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed};
use quorate_needs::{Need, Test};
use quorate_scenario::Observation;
use quorate_tests::stories::{cli, is_command_line, scenario};

use trace::Trace;

/// Stories that both worlds run.
const STORIES: [&str; 9] = [
    "five-members",
    "frozen-machine",
    "gradual-records",
    "link-down",
    "old-etcd",
    "one-machine",
    "power-cycle",
    "three-members",
    "two-clusters",
];

/// What may differ, and why. [`trace`] leaves out exactly these.
const DIFFERENCES: [(&str, &str); 9] = [
    (
        "times",
        "kernels and disks take the time they take; the model draws its own",
    ),
    (
        "order among machines",
        "which of several machines is first is a race in `host` and a draw in `sim`",
    ),
    (
        "whether a machine's name or its seed is first",
        "both follow from its lease, one on the servers, one on the machine",
    ),
    (
        "addresses",
        "they are leased in the order of the DISCOVERs, which is that race",
    ),
    (
        "how often",
        "DISCOVERs, starts of etcd and answers to health checks repeat until something else has happened",
    ),
    (
        "last words of etcd",
        "which lookup fails first is that race; the exit status is compared",
    ),
    (
        "voters on the way",
        "members are counted one by one while they come up; the last count is compared",
    ),
    (
        "absence of a leader on the way",
        "elections are real in `host`; the last state is compared",
    ),
    (
        "notes and serials",
        "retries and the number of zone versions follow from times; the zones' content is compared",
    ),
];

fn main() -> ExitCode {
    if is_command_line() {
        return quorate_cli::main();
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(2);
    let needs = [Need::Host, Need::Etcd("3.5"), Need::Etcd("3.4")];
    let compared = STORIES.map(|name| Test::fallible(name, &needs, move || compare(name)));
    let shown = Test::fallible("a_difference_is_shown", &[], a_difference_is_shown);
    quorate_needs::run(&arguments, compared.into_iter().chain([shown]))
}

/// What was observed in one world.
fn observed(name: &str, world: &str) -> Result<Vec<Observation>, Failed> {
    let dir = tempfile::tempdir()?;
    let report = dir.path().join("report");
    let output = cli()
        .args(["run", "--world", world, "--report"])
        .arg(&report)
        .arg(scenario(name))
        .env("TMPDIR", dir.path())
        .output()?;
    if !matches!(output.status.code(), Some(0 | 1)) {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{world}: exit {:?}: {why}", output.status.code()).into());
    }
    let events = std::fs::read_to_string(report.join("events.jsonl"))?;
    events
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|error| format!("{line}: {error}").into()))
        .collect()
}

fn compare(name: &str) -> Result<(), Failed> {
    let host = Trace::new(&observed(name, "host")?);
    let sim = Trace::new(&observed(name, "sim")?);
    differ(&host, &sim)
}

fn differ(host: &Trace, sim: &Trace) -> Result<(), Failed> {
    if host == sim {
        return Ok(());
    }
    let declared: Vec<String> = DIFFERENCES
        .iter()
        .map(|(what, why)| format!("  {what}: {why}"))
        .collect();
    Err(format!(
        "the worlds differ in more than\n{}\n{}",
        declared.join("\n"),
        trace::side_by_side(host, sim)
    )
    .into())
}

/// A comparison that finds nothing would find nothing here.
fn a_difference_is_shown() -> Result<(), Failed> {
    let sim = observed("three-members", "sim")?;
    let mut other = sim.clone();
    let seeded = other.iter().position(|one| {
        one.machine.as_deref() == Some("n2") && one.what == quorate_scenario::What::Seeded
    });
    other.remove(seeded.ok_or("n2 was not seeded")?);
    let Err(failed) = differ(&Trace::new(&sim), &Trace::new(&other)) else {
        return Err("a seed less is no difference".into());
    };
    let shown = failed.message().unwrap_or_default();
    let line = shown.lines().find(|line| line.starts_with('≠'));
    match line {
        Some(line) if line.contains("seeded") => Ok(()),
        _ => Err(shown.into()),
    }
}
