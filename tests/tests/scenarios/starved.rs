//! Runs on a host that is too slow. It is made so at a known moment: processes of the run are
//! stopped, which for their clocks is the same.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use quorate_tests::stories::{check, check_exit, cli, text, wait_for};

use super::kill;
use super::left::{self, Process};

/// The machine has no power yet when the servers answer.
const STORY: &str = r#"
title = "one machine, some seconds after its servers"
[etcd]
[[machines]]
name = "solo"
class = "etcd"
power_on = "4s"
[expect]
formed_within = "8s"
"#;

/// Servers that stand still until the end break the story, and cannot be asked for evidence. On a
/// host that was starved neither proves anything.
pub(crate) fn a_starved_run_is_inconclusive() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let run = Run::begin(dir.path())?;
    let (servers, others) = run.processes()?;
    signal("STOP", servers.iter().chain(&others))?;
    thread::sleep(LATE);
    signal("CONT", &others)?;
    let output = run.child.wait_with_output()?;
    check_exit(&output, 4)?;
    let got = text(&output.stdout);
    let first = got.lines().next().unwrap_or_default();
    let why = "INCONCLUSIVE a thread that slept for 10 ms woke up ";
    check(first.starts_with(why), why, &got)?;
    let what = "the servers do not answer";
    check(got.contains(what), what, &got)
}

/// The same story with nobody stopped; and with all stopped for some time before it begins, which
/// breaks nothing, so that there is nothing to excuse.
pub(crate) fn a_late_run_that_holds_passes() -> Result<(), Failed> {
    for stopped in [false, true] {
        let dir = tempfile::tempdir()?;
        let run = Run::begin(dir.path())?;
        if stopped {
            let (servers, others) = run.processes()?;
            let all = || servers.iter().chain(&others);
            signal("STOP", all())?;
            thread::sleep(LATE);
            signal("CONT", all())?;
        }
        let output = run.child.wait_with_output()?;
        check_exit(&output, 0)?;
    }
    Ok(())
}

/// A run whose servers answer.
struct Run {
    child: Child,
}

impl Run {
    fn begin(dir: &Path) -> Result<Self, Failed> {
        let file: PathBuf = dir.join("late.toml");
        fs::write(&file, STORY)?;
        let mut child = cli()
            .arg("run")
            .arg(file)
            .env("TMPDIR", dir)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().ok_or("its standard error")?;
        let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
        let ready = lines.find(|line| line.contains("the servers answer"));
        // What else it says does not matter, as long as it can say it.
        thread::spawn(move || lines.for_each(drop));
        check(ready.is_some(), "servers that answer", "the end of the run")?;
        Ok(Self { child })
    }

    /// Those of the servers, and those of the runner.
    fn processes(&self) -> Result<(Vec<Process>, Vec<Process>), Failed> {
        let all = wait_for(Duration::from_secs(10), || {
            let all = left::descendants(self.child.id()).into_iter();
            let (servers, others): (Vec<_>, Vec<_>) = all.partition(is_servers);
            (!servers.is_empty()).then_some((servers, others))
        });
        all.ok_or_else(|| "no process is the servers".into())
    }
}

fn is_servers(process: &Process) -> bool {
    let line = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    line.split(|byte| *byte == 0).any(|word| word == b"serve")
}

fn signal<'a>(
    signal: &str,
    processes: impl IntoIterator<Item = &'a Process>,
) -> Result<(), Failed> {
    let mut processes = processes.into_iter();
    processes.try_for_each(|process| kill(signal, &process.pid.to_string()))
}

/// Longer than a thread of a fair host sleeps. The time itself is what the tests are about.
const LATE: Duration = Duration::from_millis(1_500);
