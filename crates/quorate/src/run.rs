//! A scenario runs in a world, for a caller who wants its outcome and no printed report.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use quorate_obtain::Silent;
use quorate_scenario::{Outcome, Recording, Story, StoryError, WorldError};
use thiserror::Error;

use crate::etcd::{self, EtcdError};
use crate::exit::INTERRUPTED;
use crate::job::{Etcd, Job, Machines};
use crate::plays::Plays;
use crate::recorder::Recorder;
use crate::report_dir::{ReportDir, ReportDirError};
use crate::run_dir::RunDir;
use crate::stop::StopHandle;
use crate::world::World;
use crate::{containers, sandboxed, sim, virtual_machines};

/// What runs, and where.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// What errors call the scenario.
    pub name: String,
    /// The scenario itself, as a file has it.
    pub text: String,
    pub world: World,
    /// A version or a path; else what the scenario names.
    pub etcd: Option<String>,
    pub seed: u64,
    /// Where artifacts are written, if anywhere.
    pub report: Option<PathBuf>,
}

/// Why there is no outcome.
#[derive(Debug, Error)]
pub enum RunError {
    /// The scenario has errors, or something that its world refuses.
    #[error("{}", with_problems(.0))]
    Scenario(#[from] Box<StoryError>),
    /// There is no etcd of that version.
    #[error("no etcd: {0}")]
    Etcd(String),
    /// The world cannot run here, or broke. The first line says why.
    #[error("{0}")]
    CannotRun(String),
    /// A signal ended the run.
    #[error("interrupted")]
    Interrupted,
}

fn with_problems(error: &StoryError) -> String {
    let problems = error.problems.iter().map(|problem| {
        let help = problem.help.as_deref().unwrap_or_default();
        format!("\n  {problem}: {help}")
    });
    format!("{error}{}", problems.collect::<String>())
}

impl From<EtcdError> for RunError {
    fn from(error: EtcdError) -> Self {
        Self::Etcd(error.to_string())
    }
}

impl From<ReportDirError> for RunError {
    fn from(error: ReportDirError) -> Self {
        Self::CannotRun(error.to_string())
    }
}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::CannotRun(error.to_string())
    }
}

/// Runs a scenario to its end, in place.
///
/// # Errors
/// When there is no outcome to judge.
pub fn run(request: &RunRequest, stop: &StopHandle) -> Result<Outcome, RunError> {
    let story = Story::parse(&request.name, &request.text).map_err(Box::new)?;
    let kind = request.world.kind();
    let supported = story.supported_in(kind, request.etcd.as_deref());
    supported.map_err(Box::new)?;
    if stop.is_stopped() {
        return Err(RunError::Interrupted);
    }
    match request.world {
        World::Host | World::Container | World::Vm => in_sandbox(request, &story, stop),
        World::Sim => in_sim(request, &story.drawn(request.seed)),
    }
}

fn in_sim(request: &RunRequest, story: &Story) -> Result<Outcome, RunError> {
    let options = sim::options(request.etcd.as_deref(), story, request.seed);
    let (options, _) = options.map_err(|error| RunError::Etcd(error.to_string()))?;
    match quorate_sim::run(story, options) {
        Ok(outcome) => Ok(outcome),
        Err(
            error @ (WorldError::Unsupported { .. } | WorldError::Late(_) | WorldError::Broken(_)),
        ) => Err(RunError::CannotRun(error.to_string())),
    }
}

fn in_sandbox(request: &RunRequest, story: &Story, stop: &StopHandle) -> Result<Outcome, RunError> {
    if Plays::now() == Plays::Never {
        return Err(RunError::CannotRun(NEVER_PLAYS.to_owned()));
    }
    let wanted = story.etcd.version.as_deref();
    let etcd = etcd::find(request.etcd.as_deref(), wanted, &Silent)?;
    let report = request.report.as_deref().map(ReportDir::new).transpose()?;
    let etcd = Etcd::from(etcd);
    let (machines, parent) = match request.world {
        World::Container => (Machines::Containers(etcd), containers::run_dir_parent()),
        World::Host | World::Vm | World::Sim => {
            let machines = virtual_machines::machines(etcd, story, request.world, &Silent);
            let machines = machines.map_err(|error| RunError::CannotRun(error.to_string()))?;
            (machines, std::env::temp_dir())
        }
    };
    let dir = RunDir::new(&parent, false)?;
    if let Some(report) = &report {
        report.clear()?;
    }
    let job = Job {
        scenario: request.name.clone().into(),
        text: request.text.clone(),
        machines,
        seed: request.seed,
        run_dir: dir.path().to_owned(),
        keep: false,
        view: Recorder {
            report: report.map(|dir| dir.path().to_owned()),
        },
    };
    let (code, recording, log) = run_job(&job, stop)?;
    stop.set_idle();
    match serde_json::from_slice::<Recording>(&recording) {
        Ok(recording) => Ok(recording.outcome(story)),
        Err(_) if code.is_none() || code == Some(INTERRUPTED.into()) => Err(RunError::Interrupted),
        Err(_) if log.trim().is_empty() => Err(RunError::CannotRun(PLAYS_NOT.to_owned())),
        Err(_) => Err(RunError::CannotRun(log.trim().to_owned())),
    }
}

/// Runs a job to its end: exit code, standard output, standard error.
fn run_job(job: &Job<Recorder>, stop: &StopHandle) -> io::Result<(Option<i32>, Vec<u8>, String)> {
    let mut command = Command::new("/proc/self/exe");
    Plays::now().prepare(&mut command);
    let mut child = command
        .arg(sandboxed::HIDDEN_VERB)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    stop.set_running(&child)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let log = thread::spawn(move || {
        let mut log = Vec::new();
        // What was read until it broke is all there is to show.
        let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut log));
        log
    });
    let job = serde_json::to_vec(job)?;
    // A program that ends without reading it says why by its exit code.
    let _ = stdin.map(|mut stdin| stdin.write_all(&job));
    let mut recording = Vec::new();
    if let Some(mut stdout) = stdout {
        stdout.read_to_end(&mut recording)?;
    }
    let code = child.wait()?.code();
    let log = log.join().unwrap_or_default();
    Ok((code, recording, String::from_utf8_lossy(&log).into_owned()))
}

const NEVER_PLAYS: &str = "this program cannot be a part of a run: \
    write `quorate::before_main!();` at its root, or call `quorate::main()` first thing in its \
    `main` when `quorate::is_part_of_run()`";
/// The program was started again and did something else.
const PLAYS_NOT: &str = "this program did something else when it was started again as a part of a \
    run: call `quorate::main()` first thing in its `main` when `quorate::is_part_of_run()`";
