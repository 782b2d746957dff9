//! Moments that concern the whole run: steps, the gate, the cluster.

use quorate_core::Instant;
use quorate_scenario::{Outcome, What};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One moment that readers want to see beside everything else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Mark {
    /// Nanoseconds since the story began.
    pub at: u64,
    pub kind: MarkKind,
    /// The machine that it happened to, if it was one.
    pub machine: Option<String>,
}

/// The kinds of marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MarkKind {
    /// A step pulled the plug.
    PowerOff,
    /// A step switched a machine on again.
    PowerOn,
    /// A step pulled the network cable.
    LinkDown,
    /// A step plugged it in.
    LinkUp,
    /// A step made a machine hang.
    Freeze,
    /// A step let it go on.
    Thaw,
    /// A step pressed the reset button.
    Reset,
    /// A step made a disk slow.
    DiskSlow,
    /// A step made it fast again.
    DiskFast,
    /// A step killed the servers.
    ServersStop,
    /// A step started them again.
    ServersStart,
    /// The gate let an SRV set through.
    GateOpened,
    /// A machine began with a clock that is wrong.
    WrongClock,
    /// The cluster had formed.
    Formed,
}

impl MarkKind {
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::PowerOff => "power off",
            Self::PowerOn => "power on",
            Self::LinkDown => "cable out",
            Self::LinkUp => "cable in",
            Self::Freeze => "freeze",
            Self::Thaw => "thaw",
            Self::Reset => "reset",
            Self::DiskSlow => "slow disk",
            Self::DiskFast => "fast disk",
            Self::ServersStop => "servers stop",
            Self::ServersStart => "servers start",
            Self::GateOpened => "gate opened",
            Self::WrongClock => "wrong clock",
            Self::Formed => "formed",
        }
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
            What::PoweredOff => MarkKind::PowerOff,
            What::LinkDown => MarkKind::LinkDown,
            What::LinkUp => MarkKind::LinkUp,
            What::Frozen => MarkKind::Freeze,
            What::Thawed => MarkKind::Thaw,
            What::Reset => MarkKind::Reset,
            What::DiskSlow { .. } => MarkKind::DiskSlow,
            What::DiskFast => MarkKind::DiskFast,
            What::GateOpened { .. } => MarkKind::GateOpened,
            What::ClockRead { ahead_secs, .. } if ahead_secs.unsigned_abs() > CLOCK_SECS_MAX => {
                MarkKind::WrongClock
            }
            What::ServersStopped => MarkKind::ServersStop,
            What::ServersStarted => MarkKind::ServersStart,
            What::ServersReady
            | What::FaultBegan { .. }
            | What::SrvRead { .. }
            | What::PoweredOn
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
            mark(boot.on, MarkKind::PowerOn, Some(&progress.name));
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
