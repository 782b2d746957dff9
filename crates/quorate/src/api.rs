//! Scenarios in people's own programs and tests.

mod builder;
mod telling;

use std::path::{Path, PathBuf};

use quorate_scenario::{LoadError, Outcome, Story, StoryError};

pub use builder::{Builder, Group, Step};

use crate::cli::World;
use crate::tell::{Order, RunError, Stop, tell};
use telling::Telling;

/// A story and where it is told.
///
/// It is told in the world `host` unless another one is chosen: namespaces, real servers and
/// real etcd on this machine, without root. In a test it needs no other line than these:
///
/// ```no_run
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
    order: Order,
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// When it cannot be read, or is no scenario; the error shows where and what to write.
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
    /// When it is no scenario.
    pub fn parse(name: &str, text: &str) -> Result<Self, StoryError> {
        Ok(Self {
            story: Story::parse(name, text)?,
            order: Order {
                name: name.to_owned(),
                text: text.to_owned(),
                world: World::Host,
                etcd: None,
                seed: 1,
                report: None,
            },
        })
    }

    /// A scenario, piece by piece.
    pub fn builder(title: impl Into<String>) -> Builder {
        Builder::new(title.into())
    }

    /// Where it is told.
    #[must_use]
    pub fn world(mut self, world: World) -> Self {
        self.order.world = world;
        self
    }

    /// The etcd to run, which overrides the scenario's: a version ("3.5") or a path.
    #[must_use]
    pub fn etcd(mut self, etcd: impl Into<String>) -> Self {
        self.order.etcd = Some(etcd.into());
        self
    }

    /// Where all random draws come from. Default: 1.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.order.seed = seed;
        self
    }

    /// Writes events, frames, leases, zones and logs into this directory (world `host` only).
    #[must_use]
    pub fn report(mut self, dir: impl Into<PathBuf>) -> Self {
        self.order.report = Some(dir.into());
        self
    }

    /// The story, as it was understood.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// The scenario as a file says it.
    pub fn text(&self) -> &str {
        &self.order.text
    }

    /// Tells the story to its end, on a thread of its own: any executor will do. When the
    /// future is dropped the run is killed, and nothing is left of it.
    ///
    /// # Errors
    /// When there is no outcome: no etcd, a host without namespaces, a world that broke. A
    /// story that failed is an outcome.
    pub async fn run(&self) -> Result<Outcome, RunError> {
        Telling::start(self.order.clone()).await
    }

    /// The same, in place.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_blocking(&self) -> Result<Outcome, RunError> {
        tell(&self.order, &Stop::default())
    }
}
