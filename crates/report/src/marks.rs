//! Moments that concern the whole run: steps, the gate, the cluster.

use std::borrow::Cow;

use quorate_core::Instant;
use quorate_scenario::{Action, Outcome, What};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// One moment that readers want to see beside everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// Nanoseconds since the story began.
    pub at: u64,
    pub kind: MarkKind,
    /// The machine that it happened to, if it was one.
    pub machine: Option<String>,
}

/// The kinds of marks; one word in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkKind {
    /// A step or a fault did this to a machine, or to the servers.
    Did(Action),
    /// The gate let an SRV set through.
    GateOpened,
    /// A machine began with a clock that is wrong.
    WrongClock,
    /// The cluster had formed.
    Formed,
}

impl MarkKind {
    fn all() -> impl Iterator<Item = Self> {
        let actions = Action::ALL.into_iter().map(Self::Did);
        actions.chain([Self::GateOpened, Self::WrongClock, Self::Formed])
    }

    /// As JSON has it.
    const fn word(self) -> &'static str {
        match self {
            Self::Did(action) => action.word(),
            Self::GateOpened => "gate-opened",
            Self::WrongClock => "wrong-clock",
            Self::Formed => "formed",
        }
    }

    /// As people read it.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Did(action) => action.label(),
            Self::GateOpened => "gate opened",
            Self::WrongClock => "wrong clock",
            Self::Formed => "formed",
        }
    }
}

impl Serialize for MarkKind {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for MarkKind {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let word = String::deserialize(from)?;
        let unknown = || de::Error::custom(format!("{word:?} is no kind of a mark"));
        let found = Self::all().find(|kind| kind.word() == word);
        found.ok_or_else(unknown)
    }
}

impl JsonSchema for MarkKind {
    fn schema_name() -> Cow<'static, str> {
        "MarkKind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words: Vec<_> = Self::all().map(Self::word).collect();
        json_schema!({ "description": "The kinds of marks.", "type": "string", "enum": words })
    }
}

/// In order of time. The first power-on of a machine is no mark: its row begins there.
pub(crate) fn marks(outcome: &Outcome) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut mark = |at: Instant, kind, machine: Option<&String>| {
        marks.push(Mark {
            at: at.as_nanos(),
            kind,
            machine: machine.cloned(),
        });
    };
    for observation in &outcome.observations {
        let kind = match observation.what {
            What::GateOpened { .. } => MarkKind::GateOpened,
            What::ClockRead { ahead_secs, .. } if ahead_secs.unsigned_abs() > CLOCK_SECS_MAX => {
                MarkKind::WrongClock
            }
            What::Did(Action::PowerOn) => continue,
            What::Did(action) => MarkKind::Did(action),
            What::ServersReady
            | What::FaultBegan { .. }
            | What::SrvRead { .. }
            | What::Booting { .. }
            | What::DhcpSent { .. }
            | What::Leased { .. }
            | What::LeaseLost { .. }
            | What::NamePublished { .. }
            | What::ReversePublished { .. }
            | What::Seeded
            | What::ServiceStarted { .. }
            | What::ServiceExited { .. }
            | What::Identified { .. }
            | What::Healthy { .. }
            | What::Unhealthy { .. }
            | What::ZoneChanged { .. }
            | What::GateWaiting { .. }
            | What::SrvPublished { .. }
            | What::Refused { .. }
            | What::SlowWrite { .. }
            | What::ClockRead { .. }
            | What::ClockDrift { .. }
            | What::Note { .. } => continue,
        };
        mark(observation.at, kind, observation.machine.as_ref());
    }
    for progress in outcome.progress.iter() {
        for boot in progress.boots.iter().skip(1) {
            mark(
                boot.on,
                MarkKind::Did(Action::PowerOn),
                Some(&progress.name),
            );
        }
    }
    if let Some(at) = outcome.formed_at {
        mark(at, MarkKind::Formed, None);
    }
    marks.sort_by_key(|mark| mark.at);
    marks
}

/// Clocks that differ by no more are right: a clock is read some time before it is reported.
const CLOCK_SECS_MAX: u64 = 60;
