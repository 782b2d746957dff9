//! What is wrong at this moment: faults begin and end, and those that hold together make up the
//! state of each cable, clock and power socket. The world carries out what changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use quorate_core::Instant;
use quorate_fabric::{Chance, Faults};
use quorate_scenario::fault::{Fault, FaultKind, Group, Whom};
use quorate_scenario::story::Machine as Role;

use crate::lan::Cable;
use crate::machine::Clock;

/// The faults of one run, and which of them hold now.
#[derive(Debug, Default)]
pub(crate) struct ActiveFaults {
    faults: Vec<(Fault, Targets)>,
    active: BTreeSet<usize>,
}

/// Whom a fault concerns, by index.
#[derive(Debug)]
enum Targets {
    Servers,
    AllMachines,
    Machines(BTreeSet<usize>),
}

/// One host that a fault can concern.
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

/// What is different from now on.
#[derive(Debug)]
pub(crate) enum FaultEffect {
    Cable(Host, Cable),
    Clock(Host, Clock),
    /// There is power at this machine's socket, or none.
    Mains(usize, bool),
    /// How often UPDATEs and their replies are lost.
    UpdateLoss(Chance),
    /// How often the servers' disk says that it has written, and has not.
    DiskLies(Chance),
    /// The servers' process runs, or has crashed.
    Servers(bool),
    /// Nothing passes between the servers and these machines in one direction, because of this
    /// fault.
    Cut {
        fault: usize,
        to_servers: bool,
        machines: Vec<usize>,
    },
    /// The cut of this fault is over.
    Heal(usize),
}

impl ActiveFaults {
    /// Names of machines that the story does not have mean none.
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
        }
    }

    /// Every beginning and end. At one time in the order of the list, the beginning first.
    pub(crate) fn changes(&self) -> Vec<(Instant, FaultChange)> {
        let mut changes = Vec::new();
        for (index, (fault, _)) in self.faults.iter().enumerate() {
            changes.push((Instant::ZERO + fault.from, FaultChange::Begins(index)));
            changes.push((fault.until(), FaultChange::Ends(index)));
        }
        changes
    }

    /// A fault begins or ends; what that means, among so many machines.
    pub(crate) fn apply(&mut self, change: FaultChange, machines: usize) -> Vec<FaultEffect> {
        let (index, begins) = match change {
            FaultChange::Begins(index) => (index, true),
            FaultChange::Ends(index) => (index, false),
        };
        if begins {
            self.active.insert(index);
        } else {
            self.active.remove(&index);
        }
        let what = self.faults[index].0.what;
        let targets = self.targets(index, machines);
        let cables = || targets.iter().map(|host| self.cable_effect(*host));
        match what {
            FaultKind::Loss
            | FaultKind::Duplicate
            | FaultKind::Reorder
            | FaultKind::Corrupt
            | FaultKind::Delay
            | FaultKind::Jitter
            | FaultKind::Mute
            | FaultKind::Deaf => cables().collect(),
            FaultKind::CutToServers | FaultKind::CutFromServers => {
                let cut = if begins {
                    FaultEffect::Cut {
                        fault: index,
                        to_servers: what == FaultKind::CutToServers,
                        machines: targets.iter().filter_map(|host| host.machine()).collect(),
                    }
                } else {
                    FaultEffect::Heal(index)
                };
                std::iter::once(cut).chain(cables()).collect()
            }
            FaultKind::ClockSkew | FaultKind::ClockDrift | FaultKind::DeadRtc => targets
                .iter()
                .map(|host| FaultEffect::Clock(*host, self.clock(*host)))
                .collect(),
            FaultKind::PowerCut => targets
                .iter()
                .filter_map(|host| Some((host.machine()?, !self.has(*host, what))))
                .map(|(machine, mains)| FaultEffect::Mains(machine, mains))
                .collect(),
            FaultKind::UpdateLoss => {
                vec![FaultEffect::UpdateLoss(self.chance(Host::Servers, what))]
            }
            FaultKind::DiskLies => vec![FaultEffect::DiskLies(self.chance(Host::Servers, what))],
            FaultKind::Crash => vec![FaultEffect::Servers(!self.has(Host::Servers, what))],
        }
    }

    /// The fault that begins or ends.
    pub(crate) fn fault(&self, change: FaultChange) -> &Fault {
        let (FaultChange::Begins(index) | FaultChange::Ends(index)) = change;
        &self.faults[index].0
    }

    fn cable_effect(&self, host: Host) -> FaultEffect {
        FaultEffect::Cable(host, self.cable(host))
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

    /// Whom the fault concerns, of so many machines.
    fn targets(&self, index: usize, machines: usize) -> Vec<Host> {
        match &self.faults[index].1 {
            Targets::Servers => vec![Host::Servers],
            Targets::AllMachines => (0..machines).map(Host::Machine).collect(),
            Targets::Machines(those) => those.iter().copied().map(Host::Machine).collect(),
        }
    }
}

impl Host {
    const fn machine(self) -> Option<usize> {
        match self {
            Self::Servers => None,
            Self::Machine(index) => Some(index),
        }
    }
}
