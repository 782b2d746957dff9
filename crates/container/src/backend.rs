//! A story's machines as containers.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use quorate_host::lan::Lan;
use quorate_host::machine::AgentConfig;
use quorate_host::netns::NetNs;
use quorate_host::world::backend::{MachineBackend, PoweredOn};
use quorate_host::world::monotonic_ns;
use quorate_scenario::story::Machine as Role;

use crate::container::Container;
use crate::run_context::RunContext;
use crate::slot::{Slot, State};

/// Machines that are containers of one run.
#[derive(Debug)]
pub struct Containers {
    context: Arc<RunContext>,
    /// The namespace of the runner, where the segment is.
    segment: NetNs,
    slots: Vec<Slot>,
}

impl Containers {
    /// No machine yet, for a world in the calling thread's network namespace.
    ///
    /// # Errors
    /// When that namespace cannot be opened.
    pub fn new(context: Arc<RunContext>) -> io::Result<Self> {
        Ok(Self {
            context,
            segment: NetNs::current()?,
            slots: Vec::new(),
        })
    }
}

impl MachineBackend for Containers {
    fn install(&mut self, role: &Role, dir: &Path, lan: &Lan) -> io::Result<()> {
        fs::create_dir_all(dir.join("disk"))?;
        fs::create_dir_all(dir.join("log"))?;
        self.slots.push(Slot {
            name: role.name.clone(),
            mac: role.mac,
            dir: dir.to_owned(),
            cable: lan.lay(&role.name)?,
            linked: true,
            boots: 0,
            state: State::Empty,
        });
        Ok(())
    }

    fn wait_ready(&mut self) -> io::Result<()> {
        let machines: Vec<_> = self
            .slots
            .iter()
            .map(|slot| (slot.name.clone(), slot.dir.clone()))
            .collect();
        let started = self.context.start_all(&machines)?;
        for (slot, (container, control)) in self.slots.iter_mut().zip(started) {
            slot.boots = 1;
            slot.state = State::Held(container, control);
        }
        Ok(())
    }

    fn power_on(&mut self, index: usize, agent: AgentConfig, lan: &Lan) -> io::Result<PoweredOn> {
        let slot = &mut self.slots[index];
        let at_ns = monotonic_ns();
        let (container, control) = match std::mem::replace(&mut slot.state, State::Empty) {
            State::Held(container, control) => (container, control),
            State::Empty => {
                lan.remove(&slot.cable)?;
                slot.boots += 1;
                self.context.start_one(&slot.name, &slot.dir, slot.boots)?
            }
            State::On(..) => unreachable!("the world asks only for machines that are off"),
        };
        let events = slot.power_on(container, control, agent, lan, &self.segment)?;
        Ok(PoweredOn {
            at_ns,
            events: Box::new(events),
            shares_clock: true,
            marks: None,
        })
    }

    fn power_off(&mut self, index: usize) -> io::Result<()> {
        // Dropped, a container is killed and removed.
        self.slots[index].state = State::Empty;
        Ok(())
    }

    fn set_link(&mut self, index: usize, up: bool, lan: &Lan) -> io::Result<()> {
        self.slots[index].set_link(up, lan)
    }

    fn set_frozen(&mut self, index: usize, frozen: bool) -> io::Result<()> {
        self.slots[index].set_frozen(frozen)
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        let states = self.slots.drain(..).map(|slot| slot.state);
        Container::remove_all(states.filter_map(State::into_container));
    }
}
