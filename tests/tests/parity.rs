//! The worlds `sim` and `host` tell the same stories: what is observed in both is compared, up to
//! the differences that [`DIFFERENCES`] declares. Anything else that differs is a failure that
//! shows both sides.
//!
//! This program is also the `quorate` that it tests: under [`AS_CLI`] it is the command line.

#[path = "parity/trace.rs"]
mod trace;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use quorate_scenario::Observation;

use trace::Trace;

/// Set for a child that shall be the command line.
const AS_CLI: &str = "QUORATE_TEST_AS_CLI";

/// Stories that both worlds tell.
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
    if quorate::is_part_of_run() || std::env::var_os(AS_CLI).is_some() {
        return quorate::main();
    }
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(2);
    let missing = if arguments.list {
        None
    } else {
        what_is_missing()
    };
    let mut trials: Vec<Trial> = STORIES
        .into_iter()
        .map(|name| Trial::test(name, move || compare(name)))
        .collect();
    if let Some(reason) = missing {
        let kind = format!("not run: {}", reason.lines().next().unwrap_or_default());
        let skip = |trial: Trial| trial.with_kind(&kind).with_ignored_flag(true);
        trials = trials.into_iter().map(skip).collect();
    }
    trials.push(Trial::test("a_difference_is_shown", a_difference_is_shown));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Why no scenario can run in `host` here: no namespaces, or no etcd.
fn what_is_missing() -> Option<String> {
    for version in ["3.5", "3.4"] {
        let fetched = cli().args(["etcd", "fetch", version]).output().ok()?;
        if !fetched.status.success() {
            return Some(String::from_utf8_lossy(&fetched.stderr).into_owned());
        }
    }
    let story = scenario("one-machine");
    let tried = cli().arg("run").arg(story).output().ok()?;
    (tried.status.code() == Some(3)).then(|| String::from_utf8_lossy(&tried.stderr).into_owned())
}

fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../scenarios/{name}.toml"))
}

/// The command line, with a terminal's behaviour off.
fn cli() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.env(AS_CLI, "1").stdin(Stdio::null());
    command
}

/// What was observed in one world.
fn told(name: &str, world: &str) -> Result<Vec<Observation>, Failed> {
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
    let host = Trace::new(&told(name, "host")?);
    let sim = Trace::new(&told(name, "sim")?);
    judge(&host, &sim)
}

fn judge(host: &Trace, sim: &Trace) -> Result<(), Failed> {
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
    let sim = told("three-members", "sim")?;
    let mut other = sim.clone();
    let seeded = other.iter().position(|one| {
        one.machine.as_deref() == Some("n2") && one.what == quorate_scenario::What::Seeded
    });
    other.remove(seeded.ok_or("n2 was not seeded")?);
    let Err(failed) = judge(&Trace::new(&sim), &Trace::new(&other)) else {
        return Err("a seed less is no difference".into());
    };
    let shown = failed.message().unwrap_or_default();
    let line = shown.lines().find(|line| line.starts_with('≠'));
    match line {
        Some(line) if line.contains("seeded") => Ok(()),
        _ => Err(shown.into()),
    }
}
