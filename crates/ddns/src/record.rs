//! What the registrar writes down before it acts, and after.

use serde::{Deserialize, Serialize};

use crate::Binding;

/// One durable step of the outbox. Changes are numbered in the order in which they were asked
/// for; a number is introduced once and then done once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum OutboxRecord {
    /// These names shall be in the zones.
    Wanted { change: u64, binding: Binding },
    /// These names shall be gone.
    Unwanted { change: u64, binding: Binding },
    /// The SRV records of these hostnames shall be in the zone.
    Announced {
        change: u64,
        service: String,
        members: Vec<String>,
    },
    /// The server has acknowledged the change, or refused it for good.
    Done { change: u64, outcome: Outcome },
}

impl OutboxRecord {
    /// The number of the change.
    pub fn change(&self) -> u64 {
        match self {
            Self::Wanted { change, .. }
            | Self::Unwanted { change, .. }
            | Self::Announced { change, .. }
            | Self::Done { change, .. } => *change,
        }
    }
}

/// How a change ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The zones are as the change wants them. An announced set that was held back is frozen.
    Applied,
    /// The name, or the SRV set, is somebody else's.
    Conflict,
    /// A later change made it needless before anything was sent.
    Cancelled,
}
