//! The fates of frames in the choice log: a policy above the switch.

use quorate_core::{Instant, MacAddr};
use quorate_fabric::frame;
use quorate_fabric::{Direction, FatePolicy, PortId, Transit};
use quorate_scenario::Fate;
use quorate_scenario::decision::Arrival;

use super::cable::{HOP_DELAY, HOP_JITTER, Plug};
use crate::chance::choice_log::ChoiceLog;
use crate::chance::naming;

/// The choice log, and which station is at which port.
#[derive(Debug)]
pub(super) struct FrameFates {
    choices: ChoiceLog,
    ports: Vec<(String, MacAddr)>,
}

/// The fates of frames on these cables.
pub(super) struct FramePolicy<'a> {
    fates: &'a FrameFates,
    plugs: &'a [Plug],
}

impl FrameFates {
    /// Names and hardware addresses in the order of their ports, the servers first.
    pub(super) fn new(choices: ChoiceLog, ports: Vec<(String, MacAddr)>) -> Self {
        Self { choices, ports }
    }

    pub(super) fn policy<'a>(&'a self, plugs: &'a [Plug]) -> FramePolicy<'a> {
        FramePolicy { fates: self, plugs }
    }

    /// What the frame is called on the cable of this port. On the servers' it says whose it is.
    fn name(&self, port: PortId, mac: MacAddr, bytes: &[u8]) -> String {
        let name = naming::of_frame(bytes, mac);
        let peer = (port.0 == 0)
            .then(|| frame::addresses(bytes))
            .flatten()
            .and_then(|(source, destination)| {
                let mut machines = self.ports.iter().skip(1);
                machines.find(|(_, mac)| *mac == source || *mac == destination)
            });
        match peer {
            Some((machine, _)) => format!("{name} of {machine}"),
            None => name,
        }
    }
}

impl FatePolicy for FramePolicy<'_> {
    fn decide(
        &mut self,
        (port, direction): (PortId, Direction),
        bytes: &[u8],
        now: Instant,
        drawn: Transit,
    ) -> Transit {
        let index = port.0 as usize;
        let (Some((of, mac)), Some(plug)) = (self.fates.ports.get(index), self.plugs.get(index))
        else {
            return drawn;
        };
        // A cable that is silent in this direction does not leave anything to chance.
        if plug.is_silent(direction) || drawn == Transit::QueueFull {
            return drawn;
        }
        let what = self.fates.name(port, *mac, bytes);
        match self.fates.choices.frame(of, what, fate(drawn, now)) {
            None if fate(drawn, now).is_none() => drawn,
            None => Transit::Arrives {
                at: now + HOP_DELAY + HOP_JITTER,
                duplicated: false,
                flipped_bit: None,
            },
            Some(Fate::Arrives(arrival)) => Transit::Arrives {
                at: now + arrival.after,
                duplicated: arrival.twice,
                flipped_bit: arrival.flipped_bit,
            },
            Some(Fate::Lost | Fate::Takes(_) | Fate::Chosen(_) | Fate::Lie) => Transit::Lost,
        }
    }
}

/// `None` for a frame that arrives as most do: once, whole, and no later than on a good cable.
fn fate(transit: Transit, now: Instant) -> Option<Fate> {
    match transit {
        Transit::Lost | Transit::QueueFull => Some(Fate::Lost),
        Transit::Arrives {
            at,
            duplicated: twice,
            flipped_bit,
        } => {
            let after = at.since(now);
            let ordinary = !twice && flipped_bit.is_none() && after <= HOP_DELAY + HOP_JITTER;
            (!ordinary).then_some(Fate::Arrives(Arrival {
                after,
                twice,
                flipped_bit,
            }))
        }
    }
}
