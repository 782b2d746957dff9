//! A: one run of the command line, watched from outside.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::BenchError;

/// Set for a child that shall be the command line.
const AS_CLI: &str = "QUORATE_BENCH_AS_CLI";
/// How often the processes of a run are looked at until one of them is etcd.
const LOOK_PERIOD: Duration = Duration::from_millis(2);

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// From starting the program until it has ended with its verdict.
    pub(crate) wall: Duration,
    /// Until the first process that is etcd is seen.
    pub(crate) before_etcd: Duration,
    /// By the run's own account: from power-on until all three are healthy.
    pub(crate) formed: Duration,
    /// Of that, since the first start of etcd.
    pub(crate) etcd_alone: Duration,
}

/// True when this process is such a child.
pub(crate) fn is_cli() -> bool {
    std::env::var_os(AS_CLI).is_some()
}

/// The etcd that runs use, fetched if need be.
pub(crate) fn etcd() -> Result<PathBuf, BenchError> {
    let output = cli()?
        .args(["etcd", "fetch", "3.5", "--format", "json"])
        .output()?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let path = report["etcd"].as_str().ok_or("no path of etcd")?;
    Ok(path.into())
}

/// One run that must pass.
pub(crate) fn run(etcd: &Path) -> Result<Times, BenchError> {
    let story = root().join("scenarios/three-members.toml");
    let begun = Instant::now();
    let mut child = cli()?
        .arg("run")
        .arg(story)
        .arg("--etcd")
        .arg(etcd)
        .args(["--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let before_etcd = wait_for_etcd(&mut child, begun)?;
    let output = child.wait_with_output()?;
    let wall = begun.elapsed();
    let report: Value = serde_json::from_slice(&output.stdout)?;
    if report["verdict"] != "pass" {
        return Err(format!("a run that did not pass: {report}").into());
    }
    let nanos = |key: &str| report[key].as_u64().ok_or(format!("no {key} in {report}"));
    let (formed, first_exec) = (nanos("formed_at")?, nanos("first_exec_at")?);
    Ok(Times {
        wall,
        before_etcd,
        formed: Duration::from_nanos(formed),
        etcd_alone: Duration::from_nanos(formed - first_exec),
    })
}

fn wait_for_etcd(run: &mut Child, begun: Instant) -> Result<Duration, BenchError> {
    while !has_etcd_below(run.id()) {
        if run.try_wait()?.is_some() {
            return Err("a run ended before it started etcd".into());
        }
        std::thread::sleep(LOOK_PERIOD);
    }
    Ok(begun.elapsed())
}

/// True when etcd, discovering its peers, is among the descendants of this process.
fn has_etcd_below(root: u32) -> bool {
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        // Not the same as a process that is about to become etcd: its arguments are in place.
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let comm = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        let discovers = arguments
            .split(|byte| *byte == 0)
            .any(|argument| argument == b"--discovery-srv");
        if comm == b"etcd\n" && discovers {
            return true;
        }
        let tasks = fs::read_dir(format!("/proc/{pid}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            open.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
        }
    }
    false
}

fn cli() -> Result<Command, BenchError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(AS_CLI, "1").stdin(Stdio::null());
    Ok(command)
}

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).into()
}
