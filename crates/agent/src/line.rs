//! The agent's output: one JSON object a line.

use quorate_node::{Effect, Event};
use serde::{Deserialize, Serialize};

/// One line of the agent's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// `CLOCK_MONOTONIC`, which every process of a host reads alike.
    pub mono_ns: u64,
    /// The wall clock of the machine: seconds since 1970.
    pub wall_secs: u64,
    #[serde(flatten)]
    pub report: Report,
}

/// What a line reports, under a key of its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    /// This happened.
    Event(Event),
    /// The agent does this for the node.
    Effect(Effect),
}
