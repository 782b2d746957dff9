//! `quorate run`: everything that happens outside of the sandbox.
//!
//! Reads the scenario, gets etcd, and starts this program again in a sandbox, where
//! [`RunView`] shows the run. Stays behind to pass signals on and to clean up.

mod sim;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use quorate::World;
use quorate::runner::{
    Etcd, Job, Machines, RunDir, find_etcd, machines, run_dir_parent, which_are_virtual,
};
use quorate_container::Engine;
use quorate_scenario::Story;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::args::RunArgs;
use crate::error::{CliError, INTERRUPTED};
use crate::live;
use crate::output::note;
use crate::run_view::{HIDDEN_VERB, RunView, Steps};
use crate::scenario_file::{drawn, load};

pub(crate) fn run(args: &RunArgs, verbose: bool) -> Result<u8, CliError> {
    let world = World::from(args.world);
    if world != World::Sim {
        only_in_sim(args)?;
    }
    if world != World::Container && args.image.is_some() {
        return Err(CliError::Option {
            option: "--image",
            why: "only the world `container` runs images: --world container".to_owned(),
        });
    }
    match world {
        World::Sim => sim::run(args),
        World::Host | World::Container | World::Vm => in_sandbox(args, world, verbose),
    }
}

/// Refuses what the world `sim` alone can do.
fn only_in_sim(args: &RunArgs) -> Result<(), CliError> {
    let options = [
        ("--faults", args.faults),
        ("--no-gate", args.no_gate),
        ("--record", args.record.is_some()),
    ];
    match options.into_iter().find(|(_, is_given)| *is_given) {
        Some((option, _)) => Err(CliError::Option {
            option,
            why: "unsupported here: only the world `sim` has it; use --world sim".to_owned(),
        }),
        None => Ok(()),
    }
}

fn in_sandbox(args: &RunArgs, world: World, verbose: bool) -> Result<u8, CliError> {
    let (job, dir) = prepare(args, world, verbose)?;
    let code = start(&job).and_then(wait);
    if dir.is_kept() {
        note(format_args!("kept: {}", dir.path().display()));
    }
    code.map_err(|source| CliError::System {
        what: "cannot start a run",
        source,
    })
}

fn prepare(
    args: &RunArgs,
    world: World,
    verbose: bool,
) -> Result<(Job<RunView>, RunDir), CliError> {
    let (story, text) = load(&args.scenario)?;
    let (story, text) = drawn(&story, text, args.seed);
    if let Some(sizes) = &story.sizes {
        note(format_args!("seed {} draws {sizes}", args.seed));
    }
    check_support(args, &story, world)?;
    let machines = match world {
        World::Container => containers(args, &story)?,
        World::Host | World::Vm | World::Sim => {
            machines(etcd(args, &story)?, &story, world, &Steps)?
        }
    };
    let report = match &args.report {
        Some(dir) => Some(make(dir).map_err(|source| CliError::Write {
            path: dir.clone(),
            source,
        })?),
        None => None,
    };
    let parent = match (world, args.keep) {
        (World::Container, false) => run_dir_parent(),
        _ => std::env::temp_dir(),
    };
    let dir = RunDir::new(&parent, args.keep).map_err(|source| CliError::System {
        what: "no run directory",
        source,
    })?;
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
        view: RunView {
            format: args.format,
            report,
            verbose,
            live: None,
        },
    };
    Ok((job, dir))
}

/// Refuses what this world cannot do, and notes what it leaves out.
fn check_support(args: &RunArgs, story: &Story, world: World) -> Result<(), CliError> {
    story
        .supported_in(world.kind(), args.etcd.as_deref())
        .map_err(CliError::Unsupported)?;
    if which_are_virtual(world).is_none()
        && let Some(left_out) = story.without_vms()
    {
        note(format_args!("note: {left_out}"));
    }
    Ok(())
}

/// What the containers are made of. Before anything is fetched or started, this asks whether there
/// is an engine.
fn containers(args: &RunArgs, story: &Story) -> Result<Machines, CliError> {
    Engine::connect()?;
    match &args.image {
        Some(image) => Ok(Machines::Image(image.clone())),
        None => etcd(args, story).map(Machines::Containers),
    }
}

/// The etcd that the command line names, else the story, else the default one.
fn etcd(args: &RunArgs, story: &Story) -> Result<Etcd, CliError> {
    let etcd = find_etcd(args.etcd.as_deref(), story.etcd.version.as_deref(), &Steps)?;
    Ok(etcd.into())
}

/// The report directory, made now, so that a wrong path is reported before the run.
fn make(dir: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    dir.canonicalize()
}

fn start(job: &Job<RunView>) -> io::Result<Child> {
    let mut child = Command::new("/proc/self/exe")
        .arg(HIDDEN_VERB)
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&serde_json::to_vec(job)?)?;
    }
    Ok(child)
}

/// Waits for the run. A terminal's Ctrl-C reaches it without our help; it must only not end us
/// before it has ended. SIGTERM comes to us alone and is passed on.
fn wait(mut child: Child) -> io::Result<u8> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    thread::spawn(move || {
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
    if was_killed && io::stderr().is_terminal() {
        // The picture of a run that could not remove it.
        let _ = write!(io::stderr(), "{}", live::CLEAR);
    }
    if code == Some(INTERRUPTED) {
        note("interrupted; nothing is left of the run");
    }
    Ok(code.unwrap_or(KILLED))
}

/// What shells answer for a process that SIGKILL ended.
const KILLED: u8 = 137;
