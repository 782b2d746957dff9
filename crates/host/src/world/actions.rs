//! What a step does to one machine: power, cable, freeze, reset, disk speed.

use std::io;

use quorate_scenario::story::Class;
use quorate_scenario::{Action, What};

use super::backend::MachineBackend;
use super::follow;
use super::member::{self, Address, Pace, Watch};
use super::servers::Servers;
use super::{HostWorld, Place, Power, agent_config, monotonic_ns};

impl<R: MachineBackend> HostWorld<R> {
    pub(super) fn power_on(&mut self, slot_index: usize) -> io::Result<()> {
        let slot = &mut self.slots[slot_index];
        if matches!(slot.power, Power::On { .. }) {
            return Ok(());
        }
        let lan = self.lan.as_ref().expect("deployed before power-on");
        let index = match slot.place {
            Place::Backend(index) => index,
            Place::Row(number) => {
                slot.power = Power::on(None);
                self.report(slot_index, What::Did(Action::PowerOn));
                let hollow = self
                    .hollow
                    .as_ref()
                    .expect("a hollow machine stands in the row");
                hollow.power_on(number);
                return lan.nudge();
            }
        };
        let watch = self.watch(slot_index, Address::default())?;
        let slot = &mut self.slots[slot_index];
        let address = watch.as_ref().map(Watch::address);
        let on = self
            .backend
            .power_on(index, agent_config(self.options.seed), lan)?;
        let name = slot.role.name.clone();
        // The receiver lives as long as the world does.
        let _ = self
            .observations
            .send((on.at_ns, Some(name.clone()), What::Did(Action::PowerOn)));
        if let Some(marks) = on.marks {
            follow::follow_boot(marks, name.clone(), self.observations.clone())?;
        }
        let follower = follow::Follower {
            name,
            dir: slot.dir.clone(),
            address,
            shares_clock: on.shares_clock,
            observations: self.observations.clone(),
        };
        follower.follow(on.events)?;
        slot.power = Power::on(watch);
        Ok(())
    }

    /// Watches the member on a machine of class etcd from now on.
    fn watch(&self, index: usize, address: Address) -> io::Result<Option<Watch>> {
        let slot = &self.slots[index];
        if slot.role.class != Class::Etcd {
            return Ok(None);
        }
        let servers = self.servers.as_ref().expect("deployed before power-on");
        let members = self.story.machines.iter();
        let members = members.filter(|role| role.class == Class::Etcd).count();
        let pace = Pace::of(&slot.role, member::period(members));
        let place = (slot.role.name.as_str(), slot.dir.as_path());
        Watch::start(place, &servers.ns, pace, address, self.observations.clone()).map(Some)
    }

    /// A machine that is off stays off.
    pub(super) fn reset(&mut self, index: usize) -> io::Result<()> {
        let slot = &mut self.slots[index];
        let Power::On { watch, .. } = &mut slot.power else {
            return Ok(());
        };
        let is_reset = match slot.place {
            Place::Backend(index) => self.backend.reset(index)?,
            Place::Row(_) => false,
        };
        if !is_reset {
            self.power_off(index)?;
            return self.power_on(index);
        }
        // An answer of the member that is gone must not count for the next one.
        let address = watch.take().map(|watch| watch.address());
        self.report(index, What::Did(Action::Reset));
        let watch = match address {
            Some(address) => self.watch(index, address)?,
            None => None,
        };
        self.slots[index].power = Power::on(watch);
        Ok(())
    }

    /// Reports a note where the speed of a disk cannot be set.
    pub(super) fn set_disk(&mut self, index: usize, iops: Option<u32>) -> io::Result<()> {
        let slot = &self.slots[index];
        let is_done = match slot.place {
            Place::Backend(index) => self.backend.set_disk(index, iops)?,
            Place::Row(_) => false,
        };
        let what = match iops {
            _ if !is_done => {
                let text = "unsupported here: its disk has no speed to set; left out".to_owned();
                What::Note { text }
            }
            Some(iops) => What::Did(Action::DiskSlow { iops }),
            None => What::Did(Action::DiskFast),
        };
        self.report(index, what);
        Ok(())
    }

    pub(super) fn power_off(&mut self, index: usize) -> io::Result<()> {
        let slot = &mut self.slots[index];
        if let Power::On { watch, .. } = std::mem::replace(&mut slot.power, Power::Off) {
            drop(watch);
            match (slot.place, &self.hollow) {
                (Place::Backend(index), _) => self.backend.power_off(index)?,
                (Place::Row(number), Some(hollow)) => hollow.power_off(number),
                (Place::Row(_), None) => {}
            }
            self.report(index, What::Did(Action::PowerOff));
        }
        Ok(())
    }

    pub(super) fn set_link(&mut self, index: usize, up: bool) -> io::Result<()> {
        let lan = self.lan.as_ref().expect("deployed before its first step");
        let slot = &self.slots[index];
        match (slot.place, &self.hollow) {
            (Place::Backend(index), _) => self.backend.set_link(index, up, lan)?,
            (Place::Row(number), Some(hollow)) => hollow.set_link(number, up),
            (Place::Row(_), None) => {}
        }
        self.slots[index].linked = up;
        let what = if up {
            What::Did(Action::LinkUp)
        } else {
            What::Did(Action::LinkDown)
        };
        self.report(index, what);
        if let Some(watch) = self.slots[index].watch() {
            watch.forget();
        }
        Ok(())
    }

    /// One that is off, or hangs already, is left as it is.
    pub(super) fn set_frozen(&mut self, index: usize, freeze: bool) -> io::Result<()> {
        let slot = &mut self.slots[index];
        match &mut slot.power {
            Power::On { frozen, .. } if *frozen != freeze => *frozen = freeze,
            Power::On { .. } | Power::Off => return Ok(()),
        }
        match (slot.place, &self.hollow) {
            (Place::Backend(index), _) => self.backend.set_frozen(index, freeze)?,
            (Place::Row(number), Some(hollow)) => {
                hollow.set_frozen(number, freeze);
                if let Some(lan) = &self.lan {
                    lan.nudge()?;
                }
            }
            (Place::Row(_), None) => {}
        }
        let what = if freeze {
            What::Did(Action::Freeze)
        } else {
            What::Did(Action::Thaw)
        };
        self.report(index, what);
        if let Some(watch) = self.slots[index].watch() {
            watch.forget();
        }
        Ok(())
    }
    pub(super) fn stop_servers(&mut self) -> io::Result<()> {
        self.running_servers().kill()?;
        self.report_servers(Action::ServersStop);
        Ok(())
    }

    pub(super) fn start_servers(&mut self) -> io::Result<()> {
        let observations = self.observations.clone();
        self.running_servers().start_again(observations)?;
        self.report_servers(Action::ServersStart);
        Ok(())
    }

    fn running_servers(&mut self) -> &mut Servers {
        self.servers
            .as_mut()
            .expect("deployed before its first step")
    }

    fn report_servers(&self, action: Action) {
        // The receiver lives as long as the world does.
        let _ = self
            .observations
            .send((monotonic_ns(), None, What::Did(action)));
    }
}
