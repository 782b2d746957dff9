//! `quorate run` in the worlds `host`, `container` and `vm`, from outside of the sandbox.

use std::io::{self, IsTerminal as _, Write as _};
use std::process::{Child, Command, Stdio};

use quorate::World;
use quorate::runner::{
    Etcd, Job, Machines, ReportDir, RunDir, find_etcd, machines, run_dir_parent, which_are_virtual,
};
use quorate_container::Engine;
use quorate_scenario::Story;

use super::interrupt::Interrupts;
use crate::args::RunArgs;
use crate::error::CliError;
use crate::live;
use crate::notes::note;
use crate::run_view::{HIDDEN_VERB, RunView, Steps};
use crate::scenario_file::{drawn, load};

/// Runs the scenario in a sandbox; answers the exit code.
pub(super) fn run(args: &RunArgs, world: World, verbose: bool) -> Result<u8, CliError> {
    // First of all: from here on a signal ends all that was started.
    let interrupts = Interrupts::watch().map_err(|source| CliError::System {
        what: "no signals",
        source,
    })?;
    let prepared = prepare(args, world)?;
    let report = prepared.report.clone();
    let (mut child, dir) = interrupts.start(|| prepared.start(args, verbose))?;
    let status = child.wait().map_err(|source| CliError::System {
        what: "the run cannot be waited for",
        source,
    })?;
    if dir.is_kept() {
        note(format_args!("kept: {}", dir.path().display()));
    }
    drop(dir);
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    if let Some(signal) = interrupts.ended_run(code) {
        clear_picture();
        show_rest(report.as_ref());
        return Err(CliError::Interrupted { signal });
    }
    if code.is_none() {
        clear_picture();
    }
    Ok(code.unwrap_or(KILLED))
}

/// All that a run needs, apart from a directory and a process.
struct Prepared {
    story: (Story, String),
    machines: Machines,
    world: World,
    report: Option<ReportDir>,
}

fn prepare(args: &RunArgs, world: World) -> Result<Prepared, CliError> {
    let (story, text) = load(&args.scenario)?;
    let (story, text) = drawn(&story, text, args.seed);
    if let Some(sizes) = &story.sizes {
        note(format_args!("seed {} draws {sizes}", args.seed));
    }
    check_support(args, &story, world)?;
    // Made now, so that a wrong path is reported before the run.
    let report = args.report.as_deref().map(ReportDir::new).transpose()?;
    let machines = match world {
        World::Container => containers(args, &story)?,
        World::Host | World::Vm | World::Sim => {
            machines(etcd(args, &story)?, &story, world, &Steps)?
        }
    };
    Ok(Prepared {
        story: (story, text),
        machines,
        world,
        report,
    })
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

impl Prepared {
    /// Starts this program again as the run.
    fn start(self, args: &RunArgs, verbose: bool) -> Result<(Child, RunDir), CliError> {
        let parent = match (self.world, args.keep) {
            (World::Container, false) => run_dir_parent(),
            _ => std::env::temp_dir(),
        };
        let dir = RunDir::new(&parent, args.keep).map_err(|source| CliError::System {
            what: "no run directory",
            source,
        })?;
        if let Some(report) = &self.report {
            report.clear()?;
        }
        let scenario = args.scenario.canonicalize();
        let job = Job {
            scenario: scenario.unwrap_or_else(|_| args.scenario.clone()),
            text: self.story.1,
            machines: self.machines,
            seed: args.seed,
            run_dir: dir.path().to_owned(),
            keep: args.keep,
            view: RunView {
                format: args.format,
                report: self.report.map(|dir| dir.path().to_owned()),
                verbose,
                live: None,
            },
        };
        let child = spawn(&job).map_err(|source| CliError::System {
            what: "cannot start a run",
            source,
        })?;
        Ok((child, dir))
    }
}

fn spawn(job: &Job<RunView>) -> io::Result<Child> {
    let job = serde_json::to_vec(job)?;
    let mut child = Command::new("/proc/self/exe")
        .arg(HIDDEN_VERB)
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A process that ends without reading it says why by its exit code.
        let _ = stdin.write_all(&job);
    }
    Ok(child)
}

/// Removes the picture of a run that could not do it.
fn clear_picture() {
    if io::stderr().is_terminal() {
        let _ = write!(io::stderr(), "{}", live::CLEAR);
    }
}

/// Says where the report of an interrupted run is.
fn show_rest(report: Option<&ReportDir>) {
    let page = report.map(|dir| dir.path().join("report.html"));
    if let Some(page) = page.filter(|page| page.is_file()) {
        note(format_args!("what was seen by then: {}", page.display()));
    }
}

/// What shells answer for a process that SIGKILL ended.
const KILLED: u8 = 137;
