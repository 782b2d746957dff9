//! `quorate run`: everything that happens outside of the sandbox.
//!
//! Reads the scenario, gets etcd, and starts this program again in a sandbox (see
//! [`inside`](crate::inside)). Stays behind to pass signals on and to clean up.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, Stdio};

use quorate_scenario::Story;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::{RunArgs, World};
use crate::inside::{self, Etcd, Job};
use crate::run_dir::RunDir;
use crate::{contain, etcd, exit, live, metal, simulate};

pub(crate) fn run(args: &RunArgs, verbose: bool) -> ExitCode {
    match args.world {
        World::Host | World::Container | World::Vm
            if args.faults || args.no_gate || args.record.is_some() =>
        {
            let option = match (args.faults, args.no_gate) {
                (true, _) => "--faults",
                (false, true) => "--no-gate",
                (false, false) => "--record",
            };
            eprintln!("{option}: unsupported here: only the world `sim` has it; use --world sim");
            exit::bad_input()
        }
        World::Host | World::Vm | World::Sim if args.image.is_some() => {
            eprintln!("--image: only the world `container` runs images: --world container");
            exit::bad_input()
        }
        World::Host | World::Container | World::Vm => in_sandbox(args, verbose),
        World::Sim => simulate::run(args),
    }
}

fn in_sandbox(args: &RunArgs, verbose: bool) -> ExitCode {
    match prepare(args, verbose) {
        Ok((job, dir)) => {
            let code = start(&job);
            if dir.is_kept() {
                eprintln!("kept: {}", dir.path().display());
            }
            code
        }
        Err(code) => code,
    }
}

fn prepare(args: &RunArgs, verbose: bool) -> Result<(Job, RunDir), ExitCode> {
    let (story, text) = simulate::load(&args.scenario)?;
    let (story, text) = simulate::drawn(&story, text, args.seed);
    if let Some(sizes) = &story.sizes {
        eprintln!("seed {} draws {sizes}", args.seed);
    }
    if !story.network.racks.is_empty() {
        eprintln!("unsupported here: racks behind relays\n  use --world sim");
        return Err(exit::cannot_run());
    }
    if !(story.faults.is_empty() && story.decisions.is_empty()) {
        eprintln!("unsupported here: faults\n  --world sim has them");
        return Err(exit::cannot_run());
    }
    note_machines(args.world, &story);
    let machines = match args.world {
        World::Container => contain::machines(args, &story)?,
        World::Host | World::Vm | World::Sim => {
            let etcd = etcd_of(args, &story)?;
            metal::machines(etcd, &story, args.world, &etcd::Steps).map_err(|error| {
                eprintln!("{error}");
                exit::cannot_run()
            })?
        }
    };
    let cannot = |what: &str, error: std::io::Error| {
        eprintln!("{what}: {error}");
        exit::cannot_run()
    };
    let report = match &args.report {
        Some(dir) => Some(make(dir).map_err(|error| cannot(&dir.display().to_string(), error))?),
        None => None,
    };
    let parent = match (args.world, args.keep) {
        (World::Container, false) => contain::run_dir_parent(),
        _ => std::env::temp_dir(),
    };
    let dir = RunDir::new(&parent, args.keep).map_err(|error| cannot("no run directory", error))?;
    let scenario = args
        .scenario
        .canonicalize()
        .unwrap_or_else(|_| args.scenario.clone());
    let job = Job {
        scenario,
        text,
        machines,
        seed: args.seed,
        run_dir: dir.path().to_owned(),
        keep: args.keep,
        report,
        said: args.format.into(),
        verbose,
    };
    Ok((job, dir))
}

/// Says what of the story this world leaves out, which is no reason not to tell the rest.
pub(crate) fn note_machines(world: World, story: &Story) {
    if metal::which(world).is_none()
        && let Some(left_out) = story.without_vms()
    {
        eprintln!("note: {left_out}");
    }
}

/// The etcd that the command line names, else the story, else the default one.
pub(crate) fn etcd_of(args: &RunArgs, story: &Story) -> Result<Etcd, ExitCode> {
    let etcd = etcd::get(args.etcd.as_deref(), story.etcd.version.as_deref())?;
    Ok(Etcd {
        path: etcd.etcd.canonicalize().unwrap_or(etcd.etcd),
        version: (etcd.version.major, etcd.version.minor),
        shown: format!("{} ({})", etcd.version, etcd.origin),
    })
}

/// The report directory, made now, so that a wrong path is told before the run.
fn make(dir: &PathBuf) -> std::io::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    dir.canonicalize()
}

fn start(job: &Job) -> ExitCode {
    match spawn(job).and_then(wait) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cannot start a run: {error}");
            exit::cannot_run()
        }
    }
}

fn spawn(job: &Job) -> std::io::Result<Child> {
    let mut child = Command::new("/proc/self/exe")
        .arg(inside::HIDDEN_VERB)
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&serde_json::to_vec(job)?)?;
    }
    Ok(child)
}

/// Waits for the run. A terminal's Ctrl-C reaches it without our help; it must only not end us
/// before it has ended. SIGTERM comes to us alone and is passed on.
fn wait(mut child: Child) -> std::io::Result<ExitCode> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    std::thread::spawn(move || {
        for signal in signals.forever() {
            if let (SIGTERM, Some(pid)) = (signal, pid) {
                // Too late when it has just ended.
                let _ = kill_process(pid, Signal::TERM);
            }
        }
    });
    let status = child.wait()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    let was_killed = code.is_none_or(|code| code == INTERRUPTED);
    if was_killed && std::io::stderr().is_terminal() {
        // The picture of a run that could not take it away.
        eprint!("{}", live::CLEAR);
    }
    if code == Some(INTERRUPTED) {
        eprintln!("interrupted; nothing is left of the run");
    }
    Ok(code.map_or(ExitCode::from(KILLED), ExitCode::from))
}

/// What shells answer for a process that SIGINT ended.
const INTERRUPTED: u8 = 130;
/// What shells answer for a process that SIGKILL ended.
const KILLED: u8 = 137;
