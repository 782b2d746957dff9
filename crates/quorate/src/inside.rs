//! One run, inside of its sandbox.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};

use quorate_core::Seed;
use quorate_host::sandbox;
use quorate_host::world::{HostWorld, Options};
use quorate_scenario::drive::{Expected, drive};
use quorate_scenario::{Story, WorldError};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

use crate::conclude::{Asked, conclude};
use crate::exit;
use crate::live::{Live, LiveMode};

/// The first argument under which this program is a run in a sandbox.
pub(crate) const HIDDEN_VERB: &str = "__inside";

/// What crosses from [`run`](crate::run), as JSON on standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) scenario: PathBuf,
    pub(crate) etcd: PathBuf,
    pub(crate) etcd_version: (u32, u32),
    /// Version and origin, for people.
    pub(crate) etcd_shown: String,
    pub(crate) seed: u64,
    pub(crate) run_dir: PathBuf,
    /// Machines' disks are in memory and end with the run.
    pub(crate) in_memory: bool,
    pub(crate) report: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) verbose: bool,
}

/// Reads the job, enters the sandbox, and runs it.
pub(crate) fn main() -> ExitCode {
    // Nobody is left to clean up, or to be told, when `quorate run` was killed.
    if set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
        return exit::cannot_run();
    }
    let mut text = String::new();
    let job = io::stdin()
        .read_to_string(&mut text)
        .and_then(|_| serde_json::from_str::<Job>(&text).map_err(io::Error::from));
    let Ok(job) = job else {
        eprintln!("this verb is for `quorate run` only");
        return exit::bad_input();
    };
    if let Err(error) = sandbox::enter() {
        eprintln!("the world `host` cannot run here: {error}");
        if let Some(remedy) = error.remedy() {
            eprintln!("  {remedy}");
        }
        return exit::cannot_run();
    }
    match run(&job) {
        Ok(code) => code,
        Err(Trouble::World(error)) => {
            eprintln!("the world `host` broke: {error}");
            exit::cannot_run()
        }
        Err(Trouble::Files(what, error)) => {
            eprintln!("{what}: {error}");
            exit::cannot_run()
        }
    }
}

/// Why a run has no verdict.
enum Trouble {
    World(WorldError),
    Files(String, io::Error),
}

fn run(job: &Job) -> Result<ExitCode, Trouble> {
    let files = |what: &Path| {
        let what = what.display().to_string();
        move |error| Trouble::Files(what, error)
    };
    let text = fs::read_to_string(&job.scenario).map_err(files(&job.scenario))?;
    // Read and checked outside a moment ago.
    let story = Story::parse(&job.scenario.display().to_string(), &text)
        .map_err(|error| Trouble::Files(error.to_string(), io::ErrorKind::InvalidData.into()))?;
    if job.in_memory {
        mount_memory(&job.run_dir).map_err(files(&job.run_dir))?;
    }
    let (major, minor) = job.etcd_version;
    let expected = Expected::new(&story, major, minor);
    let capture = job.run_dir.join(CAPTURE);
    let options = Options {
        etcd: job.etcd.clone(),
        etcd_version: job.etcd_version,
        seed: job.seed,
        run_dir: job.run_dir.clone(),
        capture: Some(capture),
    };
    let mut world = HostWorld::new(&story, &expected, options);
    let mut live = Live::new(&story, live_mode(job));
    let told = drive(
        &mut world,
        &story,
        &expected,
        Seed::new(job.seed),
        |observation, lanes| {
            live.saw(observation, lanes);
        },
    );
    let outcome = block_on(told).map_err(Trouble::World)?;
    live.finish();
    // Stops the switch, which completes the capture.
    drop(world);
    let asked = Asked {
        scenario: &job.scenario,
        report: job.report.as_deref(),
        json: job.json,
        seed: job.seed,
        etcd: &job.etcd_shown,
    };
    conclude(asked, (&story, &text), &outcome, |dir| {
        copy_files(dir, job, &story)
    })
    .map_err(|error| Trouble::Files("the artifacts".to_owned(), error))
}

/// What processes and the switch wrote.
fn copy_files(dir: &Path, job: &Job, story: &Story) -> io::Result<()> {
    fs::copy(job.run_dir.join(CAPTURE), dir.join(CAPTURE))?;
    let logs = dir.join("logs");
    copy_logs(&job.run_dir.join("servers"), &logs.join("servers"))?;
    for machine in &story.machines {
        let from = job.run_dir.join("machines").join(&machine.name);
        copy_logs(&from, &logs.join(&machine.name))?;
    }
    Ok(())
}

/// Copies what the machine in `from` wrote to `/var/log`.
fn copy_logs(from: &Path, to: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(from.join("log")) else {
        // It was never switched on.
        return Ok(());
    };
    fs::create_dir_all(to)?;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

fn live_mode(job: &Job) -> LiveMode {
    if job.json {
        LiveMode::Quiet
    } else if io::stderr().is_terminal() {
        LiveMode::Terminal
    } else {
        LiveMode::Plain {
            verbose: job.verbose,
        }
    }
}

/// Puts a file system in memory over the run directory, for this sandbox alone.
fn mount_memory(dir: &Path) -> io::Result<()> {
    use rustix::mount::{MountFlags, mount};
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount("quorate", dir, "tmpfs", flags, c"mode=0755")?)
}

/// Runs a future that waits in place.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}

const CAPTURE: &str = "capture.pcapng";
