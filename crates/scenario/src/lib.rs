//! Stories, and how they are judged.
//!
//! A [`Story`] is what a scenario file says: machines, the network, the service, what happens
//! and what is expected. A [`World`] makes it happen and reports [`Observation`]s, the same
//! kinds in every world. [`drive()`] runs the story in a world; at its end the [`oracle`]s turn
//! observations and [`Evidence`] into a [`Verdict`] that names the first broken [`Link`] of the
//! boot chain.
//!
//! Nothing here knows a socket, a process or a clock: that is what worlds are for.

pub mod action;
mod amount;
pub mod check;
pub mod decision;
pub mod draft;
mod drawn;
pub mod drive;
pub mod evidence;
mod expected;
pub mod fault;
mod finding;
mod formation;
pub mod hardware;
pub mod link;
pub mod observation;
pub mod oracle;
mod problem;
pub mod progress;
pub mod raw;
pub mod recording;
mod refusal;
pub mod sizes;
pub mod story;
pub mod verdict;
pub mod world;
mod written;

pub use action::Action;
pub use check::{LoadError, Problem, StoryError};
pub use decision::{Decision, Fate, Occasion};
pub use drive::{Outcome, drive};
pub use evidence::Evidence;
pub use fault::Fault;
pub use link::Link;
pub use observation::{Observation, What};
pub use progress::MachineProgress;
pub use recording::Recording;
pub use refusal::WorldKind;
pub use sizes::Sizes;
pub use story::Story;
pub use verdict::{Finding, FindingId, Verdict};
pub use world::{World, WorldError};

/// The JSON Schema of a story file.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(raw::Story)
}
