//! What changes when a fault begins or ends.

use quorate_fabric::PortId;
use quorate_scenario::What;

use super::SimWorld;
use crate::faults::{FaultChange, FaultEffect, Host};
use crate::lan::{Cable, SERVER_PORT};
use crate::machine::Clock;

impl SimWorld {
    pub(super) fn fault_changes(&mut self, change: FaultChange) {
        if let FaultChange::Begins(_) = change {
            let fault = self.faults.fault(change).clone();
            self.observe_now(None, What::FaultBegan { fault });
        }
        for effect in self.faults.apply(change, self.machines.len()) {
            self.carry_out_fault(effect);
        }
    }

    fn carry_out_fault(&mut self, effect: FaultEffect) {
        match effect {
            FaultEffect::Cable(host, cable) => self.set_cable(host, cable),
            FaultEffect::Clock(host, clock) => self.set_clock(host, clock),
            FaultEffect::Mains(index, mains) => self.with_machine(index, |machine, now, out| {
                machine.set_mains(mains, now, out);
            }),
            FaultEffect::UpdateLoss(loss) => self.servers.set_update_loss(loss),
            FaultEffect::DiskLies(lies) => self.servers.set_disk_lies(lies),
            FaultEffect::Servers(true) => {
                self.servers
                    .start(self.now)
                    .expect("the configuration and the log were good before");
                self.drain_servers();
            }
            FaultEffect::Servers(false) => {
                self.servers.crash();
                self.drain_servers();
            }
            FaultEffect::Cut {
                fault,
                to_servers,
                machines,
            } => {
                let ports = machines.iter().map(|index| self.machines[*index].port());
                let (ports, servers): (Vec<PortId>, _) = (ports.collect(), vec![SERVER_PORT]);
                if to_servers {
                    self.lan.cut(fault, ports, servers);
                } else {
                    self.lan.cut(fault, servers, ports);
                }
            }
            FaultEffect::Heal(fault) => self.lan.heal(fault),
        }
    }

    fn set_cable(&mut self, host: Host, cable: Cable) {
        match host {
            Host::Servers => self.lan.set_cable(SERVER_PORT, cable),
            Host::Machine(index) => {
                let port = self.machines[index].port();
                let before = self.lan.reaches_peers(port);
                self.lan.set_cable(port, cable);
                if before != self.lan.reaches_peers(port) {
                    self.update_connection(index);
                }
            }
        }
    }

    fn set_clock(&mut self, host: Host, clock: Clock) {
        match host {
            Host::Servers => {
                self.servers.set_clock(clock, self.now);
                self.drain_servers();
            }
            Host::Machine(index) => self.machines[index].set_clock(clock),
        }
    }
}
