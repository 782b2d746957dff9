//! Machines that hang: what happens to one is kept until it goes on.

use std::sync::Arc;
use std::time::Duration;

use quorate_scenario::{Action, What};

use crate::world::{MachineWake, SimWorld};

impl SimWorld {
    /// Nothing moves on the machine any more. One without power has nothing that could.
    pub(crate) fn freeze(&mut self, index: usize) {
        let Some(life) = &mut self.machines[index].on else {
            return;
        };
        if life.frozen.is_none() {
            life.frozen = Some(Vec::new());
            self.observe_machine(index, What::Did(Action::Freeze));
            self.update_connection(index);
        }
    }

    /// It goes on where it stood, late for all that was due.
    pub(crate) fn thaw(&mut self, index: usize) {
        let Some(life) = &mut self.machines[index].on else {
            return;
        };
        let Some(kept) = life.frozen.take() else {
            return;
        };
        life.told = None;
        self.observe_machine(index, What::Did(Action::Thaw));
        for what in kept {
            self.later(index, Duration::ZERO, "a machine thaws", what);
        }
        self.update_connection(index);
    }

    /// What happens to a machine now; `None` when it has no power, or is kept.
    pub(crate) fn unless_frozen(&mut self, index: usize, what: MachineWake) -> Option<MachineWake> {
        let life = self.machines[index].on.as_mut()?;
        match (&mut life.frozen, &what) {
            (None, _) => return Some(what),
            // It has left the machine already, or happens to somebody who looks at it.
            (
                Some(_),
                MachineWake::SeedAsked { .. } | MachineWake::StreamAsked(_) | MachineWake::Watch,
            ) => return Some(what),
            (Some(kept), MachineWake::Frame(_)) => {
                let frames = kept
                    .iter()
                    .filter(|what| matches!(what, MachineWake::Frame(_)));
                if frames.count() < FRAMES_MAX {
                    kept.push(what);
                }
            }
            (Some(kept), _) => kept.push(what),
        }
        None
    }

    /// A frame has come to a machine's port.
    pub(crate) fn frame_arrives(&mut self, index: usize, frame: Arc<[u8]>) {
        if let Some(MachineWake::Frame(frame)) =
            self.unless_frozen(index, MachineWake::Frame(frame))
        {
            self.frame_to_machine(index, &frame);
        }
    }
}

/// A socket's receive buffer has no room for more.
const FRAMES_MAX: usize = 256;
