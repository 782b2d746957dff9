//! The seam between stories and worlds.

use quorate_core::Instant;
use thiserror::Error;

use crate::action::Action;
use crate::evidence::Evidence;
use crate::observation::Observation;

/// A place where stories happen. Every world reports the same observations. A world that runs in
/// real time waits within its calls, a simulated one returns from them at once.
pub trait World {
    /// Time since the story began, as this world counts it.
    fn now(&self) -> Instant;

    /// Builds the network, the servers and the machines (all switched off), and returns when
    /// the servers answer. The story begins when this returns.
    ///
    /// # Errors
    /// When this world cannot run here, or its servers do not come up.
    fn deploy(&mut self) -> Result<(), WorldError>;

    /// Does `action` to `machine`, an index into the story's machines; `None` is for what is done
    /// to the servers ([`Action::is_of_servers`]).
    ///
    /// # Errors
    /// When the world itself fails; what happens to the machine is observed instead.
    fn apply(&mut self, action: Action, machine: Option<usize>) -> Result<(), WorldError>;

    /// Who leads this of the story's clusters now, as an index into its machines; `None` when
    /// nobody says so.
    ///
    /// # Errors
    /// When the world itself fails.
    fn leader(&mut self, cluster: usize) -> Result<Option<usize>, WorldError>;

    /// Waits until something was observed or `until` has come; answers what was observed, in
    /// order of time.
    ///
    /// # Errors
    /// When the world itself fails.
    fn observe(&mut self, until: Instant) -> Result<Vec<Observation>, WorldError>;

    /// Writes a value through each member that is healthy; [`collect`](Self::collect) looks for
    /// all of them.
    ///
    /// # Errors
    /// When the world itself fails; a value that a member does not take is one that is missing
    /// later.
    fn write(&mut self) -> Result<(), WorldError>;

    /// Asks servers and members for the state that oracles judge.
    ///
    /// # Errors
    /// When the world itself fails.
    fn collect(&mut self) -> Result<Evidence, WorldError>;

    /// Faults that the story does not name, drawn ones, last until then and a while longer: the
    /// story need not form before. `None` without any.
    fn drawn_faults_until(&self) -> Option<Instant> {
        None
    }

    /// The last fault is over by then, and what comes of it is there: a story that formed in time is
    /// judged not before.
    fn judged_at(&self) -> Instant {
        Instant::ZERO
    }

    /// Why what has happened so far may be the fault of a host that is too slow, when it may.
    fn starved(&self) -> Option<String> {
        None
    }
}

/// The world, not the story, failed.
#[derive(Debug, Error)]
pub enum WorldError {
    /// Something that this world needs is not there.
    #[error("{what}\n  {remedy}")]
    Unsupported { what: String, remedy: String },
    /// A part of the world did not answer in time.
    #[error("{0}")]
    Late(String),
    /// A part of the world broke.
    #[error("{0}")]
    Broken(String),
}
