//! One scenario, again and again.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{BenchError, Paper, load};

/// A scenario in a world, and the targets, in seconds, that the median has to keep.
pub(crate) struct Series {
    pub(crate) scenario: &'static str,
    pub(crate) world: &'static str,
    pub(crate) targets: &'static [(Measure, f64)],
}

/// What a run takes, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    /// From power-on until every cluster has formed.
    Formed,
    /// Until the last machine had its lease, from its own power-on.
    AllLeased,
    /// p99 of the wait for a lease, from power-on.
    LeaseP99,
    /// p99 from the first DISCOVER to its ACK.
    AckP99,
    /// Until the last SRV set was complete, from the power-on of its members.
    Srv,
    /// Until nothing was left of machines, servers and network.
    TornDown,
    /// From the first word of the report until the program has ended.
    Exit,
    /// From starting the program until it has ended.
    Wall,
}

impl Measure {
    const ALL: [Self; 8] = [
        Self::Formed,
        Self::AllLeased,
        Self::LeaseP99,
        Self::AckP99,
        Self::Srv,
        Self::TornDown,
        Self::Exit,
        Self::Wall,
    ];

    const fn words(self) -> &'static str {
        match self {
            Self::Formed => "power-on to formed",
            Self::AllLeased => "power-on to last lease",
            Self::LeaseP99 => "power-on to lease, p99",
            Self::AckP99 => "DISCOVER to ACK, p99",
            Self::Srv => "power-on to last SRV set",
            Self::TornDown => "teardown",
            Self::Exit => "report to exit",
            Self::Wall => "start to exit",
        }
    }

    fn of(self, run: &Run) -> Option<f64> {
        let nanos = |value: &Value| value.as_u64().map(|nanos| nanos as f64 / 1e9);
        let report = &run.report;
        match self {
            Self::Formed => nanos(&report["formed_at"]),
            Self::AllLeased => nanos(&report["leases"][0]["since_power_on"]["max"]),
            Self::LeaseP99 => nanos(&report["leases"][0]["since_power_on"]["p99"]),
            Self::AckP99 => nanos(&report["leases"][0]["discover_to_ack"]["p99"]),
            Self::Srv => {
                let links = report["latencies"].as_array()?;
                let srv = links.iter().find(|link| link["link"] == "srv")?;
                nanos(&srv["since_power_on"]["max"])
            }
            Self::TornDown => nanos(&report["torn_down"]),
            Self::Exit => Some(run.exit.as_secs_f64()),
            Self::Wall => Some(run.wall.as_secs_f64()),
        }
    }
}

/// One run that came to an end.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) report: Value,
    /// The last that it said on standard error.
    pub(crate) said: String,
    exit: Duration,
    wall: Duration,
}

impl Run {
    /// The world cannot run on this host: no failure of the program.
    pub(crate) fn is_not_here(&self) -> bool {
        self.code == Some(NOT_HERE) && !self.said.contains(" broke: ")
    }

    /// Why it did not pass, on one line.
    pub(crate) fn why(&self) -> String {
        let finding = &self.report["findings"][0];
        let why = match (self.report["why"].as_str(), finding["what"].as_str()) {
            (Some(why), _) => why.to_owned(),
            (None, Some(what)) => format!(
                "{} {}: {what}",
                finding["link"].as_str().unwrap_or_default(),
                finding["machine"].as_str().unwrap_or("all")
            ),
            (None, None) => self.said.trim().replace('\n', "; "),
        };
        match self.code {
            Some(code) => format!("exit {code}: {why}"),
            None => format!("killed after {PATIENCE:?} or by a signal: {why}"),
        }
    }
}

/// True when every round passed and every target is met.
pub(crate) fn measure(
    series: &Series,
    rounds: usize,
    paper: &mut Paper,
) -> Result<bool, BenchError> {
    let Series {
        scenario, world, ..
    } = series;
    paper.line(&format!(
        "\n{scenario}, world {world}, {rounds} rounds; load {}",
        load()
    ))?;
    let file = root().join(format!("scenarios/{scenario}.toml"));
    let mut passed = Vec::new();
    for round in 1..=rounds {
        let run = run(&file, world, round)?;
        match run.code {
            Some(0) => {
                eprintln!("round {round}: {:.2} s", run.wall.as_secs_f64());
                passed.push(run);
            }
            _ if run.is_not_here() => {
                paper.line(&format!("  not run: {}", run.why()))?;
                return Ok(true);
            }
            Some(_) | None => paper.line(&format!("  round {round}: {}", run.why()))?,
        }
    }
    paper.line(&format!("  {} of {rounds} passed", passed.len()))?;
    if let Some(run) = passed.first() {
        let etcd = run.report["etcd"].as_str().unwrap_or_default();
        paper.line(&format!("  etcd {etcd}"))?;
    }
    let mut is_met = passed.len() == rounds;
    for measure in Measure::ALL {
        let times: Vec<f64> = passed.iter().filter_map(|run| measure.of(run)).collect();
        let target = series.targets.iter().find(|(what, _)| *what == measure);
        let target = target.map(|(_, most)| *most);
        if let Some((line, met)) = row(measure.words(), times, target) {
            paper.line(&line)?;
            is_met &= met;
        }
    }
    Ok(is_met)
}

/// A line of a table, and whether the median keeps the target; `None` without any time.
pub(crate) fn row(what: &str, mut times: Vec<f64>, most: Option<f64>) -> Option<(String, bool)> {
    times.sort_by(f64::total_cmp);
    let (least, greatest) = (*times.first()?, *times.last()?);
    let median = median(&times)?;
    let met = most.is_none_or(|most| median <= most);
    let target = match (most, met) {
        (None, _) => String::new(),
        (Some(most), true) => format!("  at most {most:.2} s: met"),
        (Some(most), false) => format!("  at most {most:.2} s: MISSED"),
    };
    let line = format!(
        "  {what:26} median {median:7.3} s  min {least:7.3}  max {greatest:7.3}  of {}{target}",
        times.len()
    );
    Some((line, met))
}

/// Of values in order.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(values[middle - 1], upper))
}

/// Runs a scenario once. One that does not end is killed, and nothing is left of it.
pub(crate) fn run(file: &Path, world: &str, seed: usize) -> Result<Run, BenchError> {
    let begun = Instant::now();
    let child = cli()?
        .arg("run")
        .arg(file)
        .args(["--world", world, "--format", "json"])
        .args(["--seed", &seed.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (code, first, out, said) = watch(child)?;
    let ended = Instant::now();
    Ok(Run {
        code,
        report: serde_json::from_slice(&out).unwrap_or_default(),
        said,
        exit: ended.duration_since(first.unwrap_or(ended)),
        wall: ended.duration_since(begun),
    })
}

type Watched = (Option<i32>, Option<Instant>, Vec<u8>, String);

/// Exit code, when it said its first word, what it said, and how standard error ended.
pub(crate) fn watch(mut child: Child) -> Result<Watched, BenchError> {
    let (mut stdout, mut stderr) = (
        child.stdout.take().ok_or("standard output is piped")?,
        child.stderr.take().ok_or("standard error is piped")?,
    );
    let noted = thread::spawn(move || {
        let mut noted = Vec::new();
        // What was read until it broke is all there is to show.
        let _ = stderr.read_to_end(&mut noted);
        let text = String::from_utf8_lossy(&noted).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.len().saturating_sub(LINES_KEPT);
        lines[last..].join("\n")
    });
    let (sender, ended) = channel();
    let reader = thread::spawn(move || {
        let (mut first, mut out, mut buffer) = (None, Vec::new(), vec![0; 1 << 16]);
        while let Ok(count @ 1..) = stdout.read(&mut buffer) {
            first.get_or_insert_with(Instant::now);
            out.extend_from_slice(&buffer[..count]);
        }
        // No one waits for it any more when the run was killed.
        let _ = sender.send(());
        (first, out)
    });
    if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
        child.kill()?;
    }
    let code = child.wait()?.code();
    let (first, out) = reader.join().map_err(|_| "the reader panicked")?;
    let said = noted.join().map_err(|_| "the reader panicked")?;
    Ok((code, first, out, said))
}

/// This program as the command line.
pub(crate) fn cli() -> Result<Command, BenchError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.env(AS_CLI, "1").stdin(Stdio::null());
    Ok(command)
}

/// True when this process is such a child.
pub(crate) fn is_cli() -> bool {
    std::env::var_os(AS_CLI).is_some()
}

pub(crate) fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).into()
}

/// Set for a child that shall be the command line.
const AS_CLI: &str = "QUORATE_BENCH_AS_CLI";
/// What the command line exits with where a world cannot run.
pub(crate) const NOT_HERE: i32 = 3;
/// No run, and no comparison, lasts longer.
const PATIENCE: Duration = Duration::from_secs(3_600);
const LINES_KEPT: usize = 5;
