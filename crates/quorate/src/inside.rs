//! One run, inside of its sandbox.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use quorate_container::EngineError;
use quorate_core::Seed;
use quorate_host::sandbox;
use quorate_host::world::backend::{MachineBackend, Namespaces};
use quorate_host::world::{HostWorld, Options};
use quorate_obtain::Progress as _;
use quorate_scenario::drive::{Expected, drive};
use quorate_scenario::hardware::Virtual;
use quorate_scenario::{Story, WorldError};
use quorate_vm::{VirtualMachines, find_accelerator};
use rustix::process::{Signal, set_parent_process_death_signal};
use serde::{Deserialize, Serialize};

use crate::conclude::{Asked, Said, conclude, no_colour};
use crate::etcd::Steps;
use crate::live::{Live, LiveMode};
use crate::{contain, exit};

/// The first argument under which this program is a run in a sandbox.
pub(crate) const HIDDEN_VERB: &str = "__inside";

/// What crosses from [`run`](crate::run), as JSON on standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    /// What the scenario is called, and what it says.
    pub(crate) scenario: PathBuf,
    pub(crate) text: String,
    pub(crate) machines: Machines,
    pub(crate) seed: u64,
    pub(crate) run_dir: PathBuf,
    /// Machines' disks outlive the run.
    pub(crate) keep: bool,
    pub(crate) report: Option<PathBuf>,
    pub(crate) said: Said,
    pub(crate) verbose: bool,
}

/// What the machines are made of.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Machines {
    Namespaces(Etcd),
    /// Containers of an image that is made from this etcd.
    Containers(Etcd),
    /// Containers of this image.
    Image(String),
    /// Virtual machines, all of them or those that the story says; the others in namespaces.
    Virtual {
        etcd: Etcd,
        files: Box<quorate_vm::Files>,
        all: bool,
    },
}

impl Machines {
    const fn world(&self) -> &'static str {
        match self {
            Self::Namespaces(_) | Self::Virtual { all: false, .. } => "host",
            Self::Virtual { all: true, .. } => "vm",
            Self::Containers(_) | Self::Image(_) => "container",
        }
    }

    /// The program, when it is one of this host.
    fn etcd(&self) -> Option<PathBuf> {
        match self {
            Self::Namespaces(etcd) | Self::Containers(etcd) | Self::Virtual { etcd, .. } => {
                Some(etcd.path.clone())
            }
            Self::Image(_) => None,
        }
    }
}

/// The etcd that the machines run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Etcd {
    pub(crate) path: PathBuf,
    pub(crate) version: (u32, u32),
    /// Version and origin, for people.
    pub(crate) shown: String,
}

/// Reads the job, enters the sandbox, and runs it.
pub(crate) fn main<T: From<u8>>() -> T {
    // Nobody is left to clean up, or to be told, when `quorate run` was killed.
    if set_parent_process_death_signal(Some(Signal::KILL)).is_err() {
        return T::from(exit::CANNOT_RUN);
    }
    let mut text = String::new();
    let job = io::stdin()
        .read_to_string(&mut text)
        .and_then(|_| serde_json::from_str::<Job>(&text).map_err(io::Error::from));
    let Ok(job) = job else {
        eprintln!("this verb is for `quorate run` only");
        return T::from(exit::BAD_INPUT);
    };
    let world = job.machines.world();
    if let Err(error) = sandbox::enter() {
        eprintln!("the world `{world}` cannot run here: {error}");
        if let Some(remedy) = error.remedy() {
            eprintln!("  {remedy}");
        }
        return T::from(exit::CANNOT_RUN);
    }
    match run(&job) {
        Ok(code) => code,
        Err(Trouble::World(error @ WorldError::Unsupported { .. })) => {
            eprintln!("{error}");
            T::from(exit::CANNOT_RUN)
        }
        Err(Trouble::World(error)) => {
            eprintln!("the world `{world}` broke: {error}");
            T::from(exit::CANNOT_RUN)
        }
        Err(Trouble::Engine(error)) => {
            contain::show(&error);
            T::from(exit::CANNOT_RUN)
        }
        Err(Trouble::Files(what, error)) => {
            eprintln!("{what}: {error}");
            T::from(exit::CANNOT_RUN)
        }
    }
}

/// Why a run has no verdict.
pub(crate) enum Trouble {
    World(WorldError),
    Engine(EngineError),
    Files(String, io::Error),
}

fn run<T: From<u8>>(job: &Job) -> Result<T, Trouble> {
    let mount = || {
        if job.keep {
            return Ok(());
        }
        mount_memory(&job.run_dir)
            .map_err(|error| Trouble::Files(job.run_dir.display().to_string(), error))
    };
    match &job.machines {
        Machines::Virtual { etcd, files, .. } => {
            mount()?;
            let dir = job.run_dir.join("probe");
            let accelerator = find_accelerator(files, &dir, |what| Steps.step(what));
            let backend = VirtualMachines::new((**files).clone(), accelerator, etcd.path.clone());
            tell(job, backend, etcd.version, &etcd.shown)
        }
        Machines::Namespaces(etcd) => {
            mount()?;
            let backend = Namespaces::new(etcd.path.clone());
            tell(job, backend, etcd.version, &etcd.shown)
        }
        Machines::Containers(etcd) => contain::run(job, Some(etcd), ""),
        Machines::Image(image) => contain::run(job, None, image),
    }
}

/// Tells the story to a world with these machines, which run an etcd of this version.
pub(crate) fn tell<T: From<u8>>(
    job: &Job,
    backend: impl MachineBackend,
    etcd_version: (u32, u32),
    etcd_shown: &str,
) -> Result<T, Trouble> {
    // Read and checked outside a moment ago.
    let mut story = Story::parse(&job.scenario.display().to_string(), &job.text)
        .map_err(|error| Trouble::Files(error.to_string(), io::ErrorKind::InvalidData.into()))?;
    if let Machines::Virtual { all, .. } = &job.machines {
        story.virtualize(if *all { Virtual::All } else { Virtual::Wanted });
    }
    let (major, minor) = etcd_version;
    let expected = Expected::new(&story, major, minor);
    let capture = job.run_dir.join(CAPTURE);
    let options = Options {
        etcd_version,
        seed: job.seed,
        run_dir: job.run_dir.clone(),
        registry: job.machines.etcd(),
        capture: Some(capture),
    };
    let mut world = HostWorld::new(&story, &expected, backend, options);
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
    live.finish();
    let outcome = told.map_err(Trouble::World)?;
    let ended = Instant::now();
    // Stops the switch, which completes the capture.
    drop(world);
    let torn_down = Some(ended.elapsed());
    let asked = Asked {
        scenario: &job.scenario,
        report: job.report.as_deref(),
        world: job.machines.world(),
        said: job.said,
        seed: job.seed,
        etcd: etcd_shown,
        torn_down,
    };
    conclude(asked, (&story, &job.text), &outcome, |dir| {
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
    if job.said != Said::Report {
        LiveMode::Quiet
    } else if io::stderr().is_terminal() && can_move_its_cursor() {
        LiveMode::Terminal {
            colour: !no_colour(),
        }
    } else {
        LiveMode::Plain {
            verbose: job.verbose,
        }
    }
}

fn can_move_its_cursor() -> bool {
    std::env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

/// Puts a file system in memory over the run directory, for this sandbox alone.
fn mount_memory(dir: &Path) -> io::Result<()> {
    use rustix::mount::{MountFlags, mount};
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Ok(mount("quorate", dir, "tmpfs", flags, c"mode=0755")?)
}

const CAPTURE: &str = "capture.pcapng";
