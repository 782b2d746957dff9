//! How far a machine is over time, as spans of one colour.

use quorate_core::Instant;
use quorate_scenario::progress::Turn;
use quorate_scenario::story::Class;
use quorate_scenario::{Link, MachineProgress};

/// What holds at a machine from one time to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) stage: Stage,
    /// The network cable is plugged in.
    pub(crate) linked: bool,
    /// The machine hangs.
    pub(crate) frozen: bool,
}

/// How far a machine is: one colour each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Off,
    /// The last link that holds, a later one is missing.
    At(Link),
    /// Every link holds.
    Done,
}

impl Stage {
    /// Every stage, in order.
    pub(crate) const ALL: [Self; 17] = [
        Self::Off,
        Self::At(Link::Power),
        Self::At(Link::Firmware),
        Self::At(Link::Script),
        Self::At(Link::Kernel),
        Self::At(Link::Initrd),
        Self::At(Link::Installer),
        Self::At(Link::Installed),
        Self::At(Link::Userspace),
        Self::At(Link::Discover),
        Self::At(Link::Ack),
        Self::At(Link::Name),
        Self::At(Link::Seed),
        Self::At(Link::Srv),
        Self::At(Link::Etcd),
        Self::At(Link::ClusterId),
        Self::Done,
    ];

    /// Where it is in [`Stage::ALL`].
    pub(crate) fn index(self) -> usize {
        let place = Self::ALL.iter().position(|stage| *stage == self);
        // What comes after the voter has no stage of its own.
        place.unwrap_or(Self::ALL.len() - 1)
    }

    pub(crate) fn of(link: Option<Link>, class: Class) -> Self {
        match link {
            None => Self::Off,
            Some(link) if Some(&link) == class.chain().last() => Self::Done,
            Some(link) => Self::At(link),
        }
    }
}

/// The spans of one machine, from its first power-on to the end of the story.
pub(crate) fn spans(progress: &MachineProgress, ended_at: Instant) -> Vec<Span> {
    let ends = progress.turns.iter().skip(1).map(|turn| turn.at);
    let turns = progress.turns.iter().zip(ends.chain([ended_at]));
    turns
        .map(|(turn, to)| Span {
            from: turn.at.as_nanos(),
            to: to.as_nanos().max(turn.at.as_nanos()),
            stage: stage(turn, progress.class),
            linked: turn.linked,
            frozen: turn.frozen,
        })
        .collect()
}

fn stage(turn: &Turn, class: Class) -> Stage {
    Stage::of(turn.link, class)
}
