//! The rack: a story's machines as containers.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use quorate_host::lan::Lan;
use quorate_host::netns::NetNs;
use quorate_host::world::monotonic_ns;
use quorate_host::world::rack::{PoweredOn, Rack};
use quorate_scenario::story::Machine as Role;
use serde_json::Value;

use crate::bay::{Bay, State};
use crate::container::Container;
use crate::site::Site;

/// Machines that are containers of a site.
#[derive(Debug)]
pub struct Containers {
    site: Arc<Site>,
    /// The namespace of the runner, where the segment is.
    segment: NetNs,
    bays: Vec<Bay>,
}

impl Containers {
    /// An empty rack, for a world in the calling thread's network namespace.
    ///
    /// # Errors
    /// When that namespace cannot be opened.
    pub fn new(site: Arc<Site>) -> io::Result<Self> {
        Ok(Self {
            site,
            segment: NetNs::current()?,
            bays: Vec::new(),
        })
    }
}

impl Rack for Containers {
    fn install(&mut self, role: &Role, dir: &Path, lan: &Lan) -> io::Result<()> {
        fs::create_dir_all(dir.join("disk"))?;
        fs::create_dir_all(dir.join("log"))?;
        self.bays.push(Bay {
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

    fn settle(&mut self) -> io::Result<()> {
        let machines: Vec<_> = self
            .bays
            .iter()
            .map(|bay| (bay.name.clone(), bay.dir.clone()))
            .collect();
        let started = self.site.start_all(&machines)?;
        for (bay, (container, line)) in self.bays.iter_mut().zip(started) {
            bay.boots = 1;
            bay.state = State::Held(container, line);
        }
        Ok(())
    }

    fn power_on(&mut self, index: usize, agent: Value, lan: &Lan) -> io::Result<PoweredOn> {
        let bay = &mut self.bays[index];
        let at_ns = monotonic_ns();
        let (container, line) = match std::mem::replace(&mut bay.state, State::Empty) {
            State::Held(container, line) => (container, line),
            State::Empty => {
                lan.remove(&bay.cable)?;
                bay.boots += 1;
                self.site.start_one(&bay.name, &bay.dir, bay.boots)?
            }
            State::On(..) => unreachable!("the world asks only for machines that are off"),
        };
        let told = bay.power_on(container, line, agent, lan, &self.segment)?;
        Ok(PoweredOn {
            at_ns,
            told: Box::new(told),
            shares_clock: true,
            marks: None,
        })
    }

    fn power_off(&mut self, index: usize) -> io::Result<()> {
        // Dropped, a container is killed and removed.
        self.bays[index].state = State::Empty;
        Ok(())
    }

    fn set_link(&mut self, index: usize, up: bool, lan: &Lan) -> io::Result<()> {
        self.bays[index].set_link(up, lan)
    }

    fn set_frozen(&mut self, index: usize, frozen: bool) -> io::Result<()> {
        self.bays[index].set_frozen(frozen)
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        let states = self.bays.drain(..).map(|bay| bay.state);
        Container::remove_all(states.filter_map(State::into_container));
    }
}
