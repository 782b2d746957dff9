//! Machines that hang: what happens to one is kept until it goes on.

use std::time::Duration;

use quorate_scenario::{Action, What};

use super::{After, Effect, Machine, MachineWake};

impl Machine {
    /// It has power, and hangs.
    pub(crate) fn is_frozen(&self) -> bool {
        self.on.as_ref().is_some_and(|life| life.frozen.is_some())
    }

    /// Nothing moves on the machine any more. One without power has nothing that could.
    pub(crate) fn freeze(&mut self, out: &mut Vec<Effect>) {
        let Some(life) = &mut self.on else { return };
        if life.frozen.is_none() {
            life.frozen = Some(Vec::new());
            out.push(Effect::Observe(What::Did(Action::Freeze)));
            out.push(Effect::UpdateConnection);
        }
    }

    /// It goes on where it stood, late for all that was due.
    pub(crate) fn thaw(&mut self, out: &mut Vec<Effect>) {
        let Some(life) = &mut self.on else { return };
        let Some(kept) = life.frozen.take() else {
            return;
        };
        life.reported = None;
        out.push(Effect::Observe(What::Did(Action::Thaw)));
        out.extend(kept.into_iter().map(|wake| Effect::Wake {
            after: After::Exactly(Duration::ZERO),
            reason: "a machine thaws",
            wake,
        }));
        out.push(Effect::UpdateConnection);
    }

    /// What happens to it now; `None` when it has no power, or hangs and keeps it for later.
    pub(crate) fn unless_frozen(&mut self, wake: MachineWake) -> Option<MachineWake> {
        let life = self.on.as_mut()?;
        match (&mut life.frozen, &wake) {
            (None, _) => return Some(wake),
            // It has left the machine already, or is asked of the machine from outside.
            (
                Some(_),
                MachineWake::SeedAsked { .. } | MachineWake::StreamAsked(_) | MachineWake::Watch,
            ) => return Some(wake),
            (Some(kept), MachineWake::Frame(_)) => {
                let is_frame = |wake: &&MachineWake| matches!(wake, MachineWake::Frame(_));
                if kept.iter().filter(is_frame).count() < FRAMES_MAX {
                    kept.push(wake);
                }
            }
            (Some(kept), _) => kept.push(wake),
        }
        None
    }
}

/// A socket's receive buffer has no room for more.
const FRAMES_MAX: usize = 256;
