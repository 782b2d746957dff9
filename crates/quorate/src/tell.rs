//! A story told in the world of choice, for whoever wants its outcome and no report.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use quorate_obtain::Silent;
use quorate_scenario::{Outcome, Recording, Story, StoryError, WorldError};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use thiserror::Error;

use crate::cli::World;
use crate::conclude::Said;
use crate::inside::{self, Etcd, Job, Machines};
use crate::run_dir::RunDir;
use crate::{before_main, contain, etcd, metal, simulate};

/// What is told, and where.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    /// What errors call the scenario.
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) world: World,
    /// A version or a path; else what the scenario names.
    pub(crate) etcd: Option<String>,
    pub(crate) seed: u64,
    /// Where artifacts are written, if anywhere.
    pub(crate) report: Option<PathBuf>,
}

/// Why there is no outcome.
#[derive(Debug, Error)]
pub enum RunError {
    /// The scenario is none.
    #[error("{}", whole(.0))]
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

fn whole(error: &StoryError) -> String {
    let problems = error.problems.iter().map(|problem| {
        let help = problem.help.as_deref().unwrap_or_default();
        format!("\n  {problem}: {help}")
    });
    format!("{error}{}", problems.collect::<String>())
}

/// Ends a run from another thread. Copies end the same run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<Mutex<State>>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    /// The process of the run.
    Running(OwnedFd),
    Stopped,
}

impl Stop {
    /// Nothing is left of a run that goes on, and none begins any more.
    pub(crate) fn stop(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let State::Running(pidfd) = &*state {
            // Too late when it has just ended.
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
        }
        *state = State::Stopped;
    }

    pub(crate) fn is_stopped(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*state, State::Stopped)
    }

    /// `child` is what there is to end.
    fn running(&self, child: &Child) -> io::Result<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pidfd = pidfd_open(pid.ok_or(io::ErrorKind::InvalidData)?, PidfdFlags::empty())?;
        if matches!(*state, State::Stopped) {
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        } else {
            *state = State::Running(pidfd);
        }
        Ok(())
    }

    fn ended(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*state, State::Running(_)) {
            *state = State::Idle;
        }
    }
}

/// Tells a story, in place.
///
/// # Errors
/// When there is no outcome to judge.
pub(crate) fn tell(order: &Order, stop: &Stop) -> Result<Outcome, RunError> {
    let story = Story::parse(&order.name, &order.text).map_err(Box::new)?;
    if stop.is_stopped() {
        return Err(RunError::Interrupted);
    }
    match order.world {
        World::Host | World::Container | World::Vm => in_sandbox(order, &story, stop),
        World::Sim => in_sim(order, &story.drawn(order.seed)),
    }
}

fn in_sim(order: &Order, story: &Story) -> Result<Outcome, RunError> {
    let (options, _) =
        simulate::options(order.etcd.as_deref(), story, order.seed).map_err(RunError::Etcd)?;
    match quorate_sim::run(story, options) {
        Ok(outcome) => Ok(outcome),
        Err(
            error @ (WorldError::Unsupported { .. } | WorldError::Late(_) | WorldError::Broken(_)),
        ) => Err(RunError::CannotRun(error.to_string())),
    }
}

fn in_sandbox(order: &Order, story: &Story, stop: &Stop) -> Result<Outcome, RunError> {
    let wanted = story.etcd.version.as_deref();
    let etcd = etcd::find(order.etcd.as_deref(), wanted, &Silent)
        .map_err(|error| RunError::Etcd(error.to_string()))?;
    let cannot = |error: io::Error| RunError::CannotRun(error.to_string());
    if let Some(dir) = &order.report {
        std::fs::create_dir_all(dir).map_err(cannot)?;
    }
    let report = order.report.as_ref().map(|dir| dir.canonicalize());
    let etcd = Etcd {
        path: etcd.etcd.canonicalize().unwrap_or(etcd.etcd),
        version: (etcd.version.major, etcd.version.minor),
        shown: format!("{} ({})", etcd.version, etcd.origin),
    };
    let (machines, parent) = match order.world {
        World::Container => (Machines::Containers(etcd), contain::run_dir_parent()),
        World::Host | World::Vm | World::Sim => {
            let machines = metal::machines(etcd, story, order.world, &Silent);
            (machines.map_err(RunError::CannotRun)?, std::env::temp_dir())
        }
    };
    let dir = RunDir::new(&parent, false).map_err(cannot)?;
    let job = Job {
        scenario: order.name.clone().into(),
        text: order.text.clone(),
        machines,
        seed: order.seed,
        run_dir: dir.path().to_owned(),
        keep: false,
        report: report.transpose().map_err(cannot)?,
        said: Said::Recording,
        verbose: false,
    };
    let (code, told, noted) = run(&job, stop).map_err(cannot)?;
    stop.ended();
    match serde_json::from_slice::<Recording>(&told) {
        Ok(recording) => Ok(recording.outcome(story)),
        Err(_) if code.is_none() || code == Some(INTERRUPTED) => Err(RunError::Interrupted),
        Err(_) if noted.trim().is_empty() => Err(RunError::CannotRun(NOT_OURS.to_owned())),
        Err(_) => Err(RunError::CannotRun(noted.trim().to_owned())),
    }
}

/// Runs a job to its end: exit code, standard output, standard error.
fn run(job: &Job, stop: &Stop) -> io::Result<(Option<i32>, Vec<u8>, String)> {
    let mut command = Command::new("/proc/self/exe");
    before_main::prepare(&mut command);
    let mut child = command
        .arg(inside::HIDDEN_VERB)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    stop.running(&child)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let noted = thread::spawn(move || {
        let mut noted = Vec::new();
        // What was read until it broke is all there is to show.
        let _ = stderr.map(|mut stderr| stderr.read_to_end(&mut noted));
        noted
    });
    let order = serde_json::to_vec(job)?;
    // A program that ends without reading it tells why by its exit code.
    let _ = stdin.map(|mut stdin| stdin.write_all(&order));
    let mut told = Vec::new();
    if let Some(mut stdout) = stdout {
        stdout.read_to_end(&mut told)?;
    }
    let code = child.wait()?.code();
    let noted = noted.join().unwrap_or_default();
    Ok((code, told, String::from_utf8_lossy(&noted).into_owned()))
}

/// What shells answer for a process that SIGINT ended.
const INTERRUPTED: i32 = 130;
/// The program was started again and did something else.
const NOT_OURS: &str = "this program is not `quorate` when it is started again; \
    call `quorate::main()` first thing in its `main` when `quorate::is_part_of_run()`";
