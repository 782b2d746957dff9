//! One run on machines of any kind.

use std::io;
use std::path::PathBuf;
use std::time::Instant;

use quorate_container::EngineError;
use quorate_core::Seed;
use quorate_host::sandbox::SandboxError;
use quorate_host::world::backend::MachineBackend;
use quorate_host::world::{HostWorld, Options};
use quorate_scenario::drive::{Expected, drive};
use quorate_scenario::hardware::Virtual;
use quorate_scenario::progress::StoryProgress;
use quorate_scenario::{Observation, Story, StoryError, WorldError};
use thiserror::Error;

use crate::exit::{BAD_INPUT, CANNOT_RUN};
use crate::interrupt::SharedView;
use crate::job::{Etcd, Job, Machines};
use crate::view::{CAPTURE, Ended, RunFacts, View};
use crate::world::World;

/// Why a run has no verdict.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("this verb is for `quorate run` only")]
    NoJob,
    #[error("the world `{0}` cannot run here: {1}{remedy}", remedy = indented(.1.remedy()))]
    Sandbox(World, SandboxError),
    #[error("{0}")]
    Unsupported(WorldError),
    #[error("the world `{0}` broke: {1}")]
    Broke(World, WorldError),
    #[error("the world `container` cannot run here: {0}{remedy}", remedy = indented(.0.remedy()))]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Story(#[from] StoryError),
    #[error("{0}: {1}")]
    Files(String, io::Error),
}

fn indented(remedy: Option<impl std::fmt::Display>) -> String {
    remedy.map_or_else(String::new, |remedy| format!("\n  {remedy}"))
}

impl Failure {
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::NoJob => BAD_INPUT,
            Self::Sandbox(..)
            | Self::Unsupported(_)
            | Self::Broke(..)
            | Self::Engine(_)
            | Self::Story(_)
            | Self::Files(..) => CANNOT_RUN,
        }
    }
}

/// Runs the job in a world with these machines, which run this etcd. Answers the exit code.
pub(crate) fn run_on<V: View>(
    job: Job<V>,
    backend: impl MachineBackend,
    etcd: &Etcd,
) -> Result<u8, Failure> {
    // Read and checked outside a moment ago.
    let mut story = Story::parse(&job.scenario.display().to_string(), &job.text)?;
    if let Machines::Virtual { all, .. } = &job.machines {
        story.virtualize(if *all { Virtual::All } else { Virtual::Wanted });
    }
    let (major, minor) = etcd.version;
    let expected = Expected::new(&story, major, minor);
    let options = Options {
        etcd_version: etcd.version,
        seed: job.seed,
        run_dir: job.run_dir.clone(),
        registry: registry(&job.machines),
        capture: Some(job.run_dir.join(CAPTURE)),
    };
    let facts = RunFacts {
        scenario: job.scenario,
        text: job.text,
        world: job.machines.world(),
        seed: job.seed,
        etcd: etcd.shown.clone(),
        predicted: expected.cluster_ids().collect(),
        run_dir: job.run_dir,
    };
    let mut world = HostWorld::new(&story, &expected, backend, options);
    let mut view = job.view;
    view.begin(&story);
    let shared = SharedView::new(view, &story, &facts)
        .map_err(|error| Failure::Files("signals".to_owned(), error))?;
    let seed = Seed::new(facts.seed);
    let watch = |observation: &Observation, progress: &StoryProgress| {
        shared.observe(observation, progress);
    };
    let driven = drive(&mut world, &story, &expected, seed, watch);
    let mut view = shared.into_view();
    view.finish();
    let outcome = driven.map_err(|error| match error {
        error @ WorldError::Unsupported { .. } => Failure::Unsupported(error),
        error @ (WorldError::Late(_) | WorldError::Broken(_)) => Failure::Broke(facts.world, error),
    })?;
    let ended = Instant::now();
    // Stops the switch, which completes the capture.
    drop(world);
    let ended = Ended {
        story: &story,
        outcome: &outcome,
        facts: &facts,
        torn_down: Some(ended.elapsed()),
    };
    Ok(view.end(&ended))
}

/// The program that serves etcd's discovery service, when it is one of this host.
fn registry(machines: &Machines) -> Option<PathBuf> {
    machines.etcd().map(|etcd| etcd.path.clone())
}
