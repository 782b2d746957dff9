//! What is wrong at this moment: faults begin and end, and those that hold together make up the
//! state of each cable, clock and power socket.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quorate_core::Instant;
use quorate_fabric::{Chance, Faults, PortId, RuleId};
use quorate_scenario::What;
use quorate_scenario::fault::{Fault, FaultKind, Group, Whom};
use quorate_scenario::story::Machine as Role;

use crate::agenda::Who;
use crate::lan::{Cable, SERVER_PORT};
use crate::machine::clock::Clock;
use crate::world::{SimWorld, Wake};

/// The faults of one run, and which of them hold now.
#[derive(Debug, Default)]
pub(crate) struct ActiveFaults {
    faults: Vec<(Fault, Targets)>,
    active: BTreeSet<usize>,
    cuts: BTreeMap<usize, RuleId>,
}

/// Whom a fault befalls, by index.
#[derive(Debug)]
enum Targets {
    Servers,
    AllMachines,
    Machines(BTreeSet<usize>),
}

/// One that a fault can befall.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Servers,
    Machine(usize),
}

/// A fault begins, or ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FaultChange {
    Begins(usize),
    Ends(usize),
}

impl ActiveFaults {
    /// Names of machines that the story does not have are nobody's.
    pub(crate) fn new(faults: Vec<Fault>, roles: &[Role]) -> Self {
        let index: BTreeMap<&str, usize> = roles
            .iter()
            .enumerate()
            .map(|(index, role)| (role.name.as_str(), index))
            .collect();
        let targets = |whom: &Whom| match whom {
            Whom::Group(Group::Servers) => Targets::Servers,
            Whom::Group(Group::AllMachines) => Targets::AllMachines,
            Whom::Machines(names) => {
                let known = names.iter().filter_map(|name| index.get(name.as_str()));
                Targets::Machines(known.copied().collect())
            }
        };
        Self {
            faults: faults
                .into_iter()
                .map(|fault| {
                    let targets = targets(&fault.whom);
                    (fault, targets)
                })
                .collect(),
            active: BTreeSet::new(),
            cuts: BTreeMap::new(),
        }
    }

    /// Every beginning and end. At one time in the order of the list, the beginning first.
    fn turns(&self) -> Vec<(Instant, FaultChange)> {
        let mut turns = Vec::new();
        for (index, (fault, _)) in self.faults.iter().enumerate() {
            turns.push((Instant::ZERO + fault.from, FaultChange::Begins(index)));
            turns.push((fault.until(), FaultChange::Ends(index)));
        }
        turns
    }

    /// What is wrong with `host` now.
    fn of(&self, host: Host) -> impl Iterator<Item = &Fault> {
        let active = self.active.iter().map(|index| &self.faults[*index]);
        active.filter_map(move |(fault, targets)| {
            let is_target = match (targets, host) {
                (Targets::Servers, Host::Servers) | (Targets::AllMachines, Host::Machine(_)) => {
                    true
                }
                (Targets::Machines(those), Host::Machine(index)) => those.contains(&index),
                (Targets::Servers, Host::Machine(_))
                | (Targets::AllMachines | Targets::Machines(_), Host::Servers) => false,
            };
            is_target.then_some(fault)
        })
    }

    fn has(&self, host: Host, what: FaultKind) -> bool {
        self.of(host).any(|fault| fault.what == what)
    }

    /// The worst of those that hold together.
    fn chance(&self, host: Host, what: FaultKind) -> Chance {
        let amounts = self.of(host).filter(|fault| fault.what == what);
        let ppm = amounts.map(|fault| fault.amount).max().unwrap_or(0);
        Chance::from_ppm(u32::try_from(ppm.max(0)).unwrap_or(u32::MAX))
    }

    fn time(&self, host: Host, what: FaultKind) -> Duration {
        let amounts = self.of(host).filter(|fault| fault.what == what);
        let micros = amounts.map(|fault| fault.amount).max().unwrap_or(0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }

    fn cable(&self, host: Host) -> Cable {
        Cable {
            faults: Faults {
                delay: self.time(host, FaultKind::Delay),
                jitter: self.time(host, FaultKind::Jitter),
                loss: self.chance(host, FaultKind::Loss),
                duplicate: self.chance(host, FaultKind::Duplicate),
                reorder: self.chance(host, FaultKind::Reorder),
                corrupt: self.chance(host, FaultKind::Corrupt),
                rate_bits_per_sec: None,
            },
            mute: self.has(host, FaultKind::Mute),
            deaf: self.has(host, FaultKind::Deaf),
            cut: self.has(host, FaultKind::CutToServers)
                || self.has(host, FaultKind::CutFromServers),
        }
    }

    fn clock(&self, host: Host) -> Clock {
        let mut clock = Clock::default();
        for fault in self.of(host) {
            let since = Instant::ZERO + fault.from;
            if fault.what == FaultKind::ClockSkew {
                clock.ahead_secs = clock.ahead_secs.saturating_add(fault.amount);
            } else if fault.what == FaultKind::ClockDrift {
                clock.gains.push((since, fault.amount));
            } else if fault.what == FaultKind::DeadRtc {
                clock.dead_since.get_or_insert(since);
            }
        }
        clock
    }

    /// Those whom the fault befalls, of so many machines.
    fn targets(&self, index: usize, machines: usize) -> Vec<Host> {
        match &self.faults[index].1 {
            Targets::Servers => vec![Host::Servers],
            Targets::AllMachines => (0..machines).map(Host::Machine).collect(),
            Targets::Machines(those) => those.iter().copied().map(Host::Machine).collect(),
        }
    }
}

impl SimWorld {
    /// Puts all of the trouble in.
    pub(crate) fn schedule_faults(&mut self) {
        for (at, turn) in self.faults.turns() {
            self.agenda
                .put(at, Who::World, "trouble", Wake::Trouble(turn));
        }
    }

    pub(crate) fn trouble(&mut self, turn: FaultChange) {
        let (index, begins) = match turn {
            FaultChange::Begins(index) => (index, true),
            FaultChange::Ends(index) => (index, false),
        };
        if begins {
            let fault = self.faults.faults[index].0.clone();
            self.observe_now(None, What::FaultBegan { fault });
            self.faults.active.insert(index);
        } else {
            self.faults.active.remove(&index);
        }
        let what = self.faults.faults[index].0.what;
        let targets = self.faults.targets(index, self.machines.len());
        match what {
            FaultKind::Loss
            | FaultKind::Duplicate
            | FaultKind::Reorder
            | FaultKind::Corrupt
            | FaultKind::Delay
            | FaultKind::Jitter
            | FaultKind::Mute
            | FaultKind::Deaf => targets.into_iter().for_each(|host| self.renew_cable(host)),
            FaultKind::CutToServers | FaultKind::CutFromServers => {
                self.cut(index, begins, what, &targets);
                targets.into_iter().for_each(|host| self.renew_cable(host));
            }
            FaultKind::ClockSkew | FaultKind::ClockDrift | FaultKind::DeadRtc => {
                targets.into_iter().for_each(|host| self.renew_clock(host));
            }
            FaultKind::PowerCut => targets.into_iter().for_each(|host| self.renew_power(host)),
            FaultKind::UpdateLoss => self.update_loss = self.faults.chance(Host::Servers, what),
            FaultKind::DiskLies => {
                let lies = self.faults.chance(Host::Servers, what);
                self.servers.set_disk_lies(lies);
            }
            FaultKind::Crash => self.renew_servers(),
        }
    }

    fn renew_cable(&mut self, host: Host) {
        let cable = self.faults.cable(host);
        match host {
            Host::Servers => self.lan.set_cable(SERVER_PORT, cable),
            Host::Machine(index) => {
                let port = self.machines[index].port;
                let before = self.lan.reaches_peers(port);
                self.lan.set_cable(port, cable);
                if before != self.lan.reaches_peers(port) {
                    self.update_connection(index);
                }
            }
        }
    }

    fn renew_clock(&mut self, host: Host) {
        let clock = self.faults.clock(host);
        match host {
            Host::Servers => {
                self.clock = clock;
                // The kernel tells a daemon when somebody sets the clock.
                self.servers.tick(self.clocks());
                self.drain_servers();
            }
            Host::Machine(index) => self.machines[index].clock = clock,
        }
    }

    fn renew_power(&mut self, host: Host) {
        if let Host::Machine(index) = host {
            self.machines[index].has_mains = !self.faults.has(host, FaultKind::PowerCut);
            self.update_power(index);
        }
    }

    fn renew_servers(&mut self) {
        if self.faults.has(Host::Servers, FaultKind::Crash) {
            self.servers.crash();
        } else {
            self.servers
                .start(self.clocks())
                .expect("the configuration and the log were good before");
        }
        self.drain_servers();
    }

    /// A rule of the switch between the servers and the targets, in one direction.
    fn cut(&mut self, index: usize, begins: bool, what: FaultKind, targets: &[Host]) {
        if let Some(rule) = self.faults.cuts.remove(&index) {
            self.lan.mend(rule);
        }
        if !begins {
            return;
        }
        let ports: Vec<PortId> = targets
            .iter()
            .filter_map(|host| match host {
                Host::Machine(index) => Some(self.machines[*index].port),
                Host::Servers => None,
            })
            .collect();
        let rule = if what == FaultKind::CutToServers {
            self.lan.cut(ports, vec![SERVER_PORT])
        } else {
            self.lan.cut(vec![SERVER_PORT], ports)
        };
        self.faults.cuts.insert(index, rule);
    }
}
