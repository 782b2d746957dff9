//! Scenarios in people's own programs and tests.

use std::path::{Path, PathBuf};

use quorate_scenario::{LoadError, Outcome, Story, StoryError};

use crate::run::{RunError, RunRequest, run};
use crate::run_future::RunFuture;
use crate::stop::StopHandle;
use crate::world::World;

/// A scenario, and the world where it runs.
///
/// That is `host` unless another one is chosen: namespaces, servers and etcd as processes of this
/// machine, without root. A test of the standard harness looks like this:
///
/// ```no_run
/// quorate::before_main!();
///
/// # fn main() {}
/// #[test]
/// fn three_machines_find_each_other() {
///     let scenario = quorate::Scenario::load("scenarios/three-members.toml").unwrap();
///     let outcome = scenario.run_blocking().unwrap();
///     assert_eq!(outcome.verdict.findings(), []);
/// }
/// ```
///
/// The world `sim` is quick and needs nothing:
///
/// ```
/// use std::time::Duration;
/// use quorate::{Group, Scenario, Verdict, World};
///
/// let scenario = Scenario::builder("a late third machine")
///     .machines(Group::etcd("n").count(3).every(Duration::from_secs(2)))
///     .machines(Group::plain("worker").count(20))
///     .build()?
///     .world(World::Sim);
/// let outcome = scenario.run_blocking()?;
/// assert_eq!(outcome.verdict, Verdict::Pass);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scenario {
    story: Story,
    request: RunRequest,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// When it cannot be read, or has errors; the error shows where and what to write.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| LoadError::Read {
            path: name.clone(),
            source,
        })?;
        Ok(Self::parse(&name, &text)?)
    }

    /// A scenario in the format of the files; `name` is what errors call it.
    ///
    /// # Errors
    /// When it has errors.
    pub fn parse(name: &str, text: &str) -> Result<Self, StoryError> {
        Ok(Self {
            story: Story::parse(name, text)?,
            request: RunRequest {
                name: name.to_owned(),
                text: text.to_owned(),
                world: World::Host,
                etcd: None,
                seed: 1,
                report: None,
            },
        })
    }

    /// Where it runs.
    #[must_use]
    pub fn world(mut self, world: World) -> Self {
        self.request.world = world;
        self
    }

    /// The etcd to run, which overrides the scenario's: a version ("3.5") or a path.
    #[must_use]
    pub fn etcd(mut self, etcd: impl Into<String>) -> Self {
        self.request.etcd = Some(etcd.into());
        self
    }

    /// Where all random draws come from. Default: 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.request.seed = seed;
        self
    }

    /// Writes events, frames, leases, zones and logs into this directory (world `host` only).
    #[must_use]
    pub fn report(mut self, dir: impl Into<PathBuf>) -> Self {
        self.request.report = Some(dir.into());
        self
    }

    /// The story, as it was understood.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// The scenario as a file says it.
    pub fn text(&self) -> &str {
        &self.request.text
    }

    /// Runs the scenario to its end, on a thread of its own: any executor will do. When the
    /// future is dropped the run is killed, and nothing is left of it.
    ///
    /// # Errors
    /// When there is no outcome: no etcd, a host without namespaces, a world that broke. A
    /// scenario that failed is an outcome.
    pub async fn run(&self) -> Result<Outcome, RunError> {
        RunFuture::start(self.request.clone()).await
    }

    /// The same, in place.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_blocking(&self) -> Result<Outcome, RunError> {
        run(&self.request, &StopHandle::default())
    }
}
