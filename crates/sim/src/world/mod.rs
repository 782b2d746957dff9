//! The world: what happens next, and to which part of it.
//!
//! Each part has its own state. The world gives a part what happens to it, and carries out what
//! the part wants done, which may be something that happens to another.

mod faults;
mod machines;
mod members;
mod servers;

use std::time::Duration;

use quorate_core::{Instant, Mutant, Seed};
use quorate_etcd::{ClusterId, Release};
use quorate_scenario::decision::SERVERS;
use quorate_scenario::drive::Expected;
use quorate_scenario::story::Story;
use quorate_scenario::{Action, Evidence, Observation, What, World, WorldError};

use crate::agenda::{Agenda, Place, Who};
use crate::chance::choice_log::ChoiceLog;
use crate::etcd::{Clusters, Registry};
use crate::evidence::{Collector, Kept, leader_of};
use crate::faults::{ActiveFaults, FaultChange};
use crate::lan::{Lan, SERVER_MAC, SERVER_PORT};
use crate::machine::machines::Machines;
use crate::machine::{Effect, Machine, MachineWake};
use crate::options::Options;
use crate::search::swarm::Swarm;
use crate::servers::{Message, Servers};

/// The world on virtual time.
#[derive(Debug)]
pub struct SimWorld {
    story: Story,
    expected: Expected,
    now: Instant,
    agenda: Agenda<Wake>,
    lan: Lan,
    servers: Servers,
    machines: Machines,
    clusters: Clusters,
    registry: Registry,
    faults: ActiveFaults,
    /// When what comes of faults beside the story must be there; `None` without any.
    drawn_until: Option<Instant>,
    /// The same of all faults.
    judged_at: Instant,
    seen: Vec<Observation>,
    /// Values that were written to be kept.
    kept: Vec<Kept>,
    /// Room for what a machine wants done, used again.
    effects: Vec<Effect>,
}

/// Something that happens.
#[derive(Debug)]
enum Wake {
    /// Frames arrive.
    Lan,
    /// A deadline of the servers' engines.
    Servers,
    /// The servers' disk is done, for the process of this start.
    Synced(u32),
    /// A message between two services arrives.
    Loopback(Message),
    /// It concerns this life of this machine only.
    Machine {
        index: usize,
        life: u32,
        wake: MachineWake,
    },
    Elected(ClusterId),
    Fault(FaultChange),
}

impl SimWorld {
    /// A world for `story`; nothing runs yet.
    pub fn new(story: &Story, expected: &Expected, options: Options) -> Self {
        let seed = Seed::new(options.seed).child("sim");
        let config = quorate_world::servers::config(story, options.etcd_version);
        let release = if options.etcd_version < (3, 5) {
            Release::V3_4
        } else {
            Release::V3_5
        };
        let server = story.network.server();
        let losses = seed.child("updates").random();
        let mut lan = Lan::new(seed.child("lan"), server);
        let machines: Vec<Machine> = story
            .machines
            .iter()
            .map(|role| {
                let port = lan.plug(role.rack);
                let seed = seed.child("machine").child(&role.name);
                Machine::new(role.clone(), port, seed, release)
            })
            .collect();
        lan.plug_relays(&story.network);
        let steps = STEPS_MIN + STEPS_PER_MACHINE * machines.len() as u64;
        let converged = |swarm: &Swarm| swarm.healed_at() + CONVERGENCE_MAX;
        let drawn = options.swarm.filter(|swarm| !swarm.faults.is_empty());
        let drawn_until = drawn.as_ref().map(converged);
        let mut all = drawn.unwrap_or_default();
        all.faults.extend(story.faults.iter().cloned());
        let judged_at = match all.faults.is_empty() {
            true => Instant::ZERO,
            false => converged(&all),
        };
        Self {
            story: story.clone(),
            expected: expected.clone(),
            now: Instant::ZERO,
            agenda: Agenda::new(options.steps_max.unwrap_or(steps)),
            lan,
            servers: Servers::new(config, server, seed.child("servers"), losses),
            machines: Machines::new(machines),
            clusters: Clusters::new(seed.child("elections").random()),
            registry: Registry::default(),
            faults: ActiveFaults::new(all.faults, &story.machines),
            drawn_until,
            judged_at,
            seen: Vec::new(),
            kept: Vec::new(),
            effects: Vec::new(),
        }
    }

    /// From now on chance goes by this choice log. Nothing runs yet.
    pub(crate) fn set_choices(&mut self, choices: &ChoiceLog) {
        let servers = (SERVERS.to_owned(), SERVER_MAC);
        let machines = self.machines.iter();
        let machines = machines.map(|machine| (machine.name().to_owned(), machine.mac()));
        let ports = std::iter::once(servers).chain(machines).collect();
        self.lan.set_choices(choices.clone(), ports);
        self.servers.set_choices(choices);
        self.clusters.set_choices(choices.clone());
        for machine in self.machines.iter_mut() {
            machine.set_choices(choices.clone());
        }
    }

    /// The servers' engines have this bug. Nothing runs yet.
    pub(crate) const fn set_mutant(&mut self, mutant: Mutant) {
        self.servers.set_mutant(mutant);
    }

    fn observe_now(&mut self, machine: Option<String>, what: What) {
        let at = self.now;
        self.seen.push(Observation { at, machine, what });
    }

    /// Lets the next thing happen, if it is not after `until`.
    fn step(&mut self, until: Instant) -> Result<bool, WorldError> {
        let next = self
            .agenda
            .next(until)
            .map_err(|exhausted| WorldError::Broken(exhausted.to_string()))?;
        let Some((at, wake)) = next else {
            return Ok(false);
        };
        self.now = at;
        self.dispatch(wake);
        self.update_lan_deadline();
        Ok(true)
    }

    fn dispatch(&mut self, wake: Wake) {
        match wake {
            Wake::Lan => {
                for (port, frame) in self.lan.arrivals(self.now) {
                    if port == SERVER_PORT {
                        self.servers.handle_frame(&frame, self.now);
                        self.drain_servers();
                    } else {
                        let index = port.0 as usize - 1;
                        self.dispatch_to_machine(index, MachineWake::Frame(frame));
                    }
                }
            }
            Wake::Servers => {
                self.servers.handle_timeout(self.now);
                self.drain_servers();
            }
            Wake::Synced(start) => {
                self.servers.handle_synced(start, self.now);
                self.drain_servers();
            }
            Wake::Loopback(message) => {
                self.servers.handle_message(message, self.now);
                self.drain_servers();
            }
            Wake::Machine { index, life, wake } => {
                if self.machines[index].life() == life {
                    self.dispatch_to_machine(index, wake);
                }
            }
            Wake::Elected(cluster) => self.elected(cluster),
            Wake::Fault(change) => self.fault_changes(change),
        }
    }

    /// Frames that were sent have moved the next arrival.
    fn update_lan_deadline(&mut self) {
        let deadline = self.lan.poll_timeout();
        self.agenda.set_deadline(Place::Lan, deadline, Wake::Lan);
    }

    /// Kills the servers, or starts them again with their disk.
    fn set_servers(&mut self, action: Action) -> Result<(), WorldError> {
        if action == Action::ServersStart {
            self.start_servers()?;
        } else {
            self.servers.crash();
        }
        self.observe_now(None, What::Did(action));
        self.drain_servers();
        Ok(())
    }

    fn start_servers(&mut self) -> Result<(), WorldError> {
        self.servers
            .start(self.now)
            .map_err(|error| WorldError::Broken(error.to_string()))
    }

    fn collector(&mut self) -> Collector<'_> {
        Collector {
            story: &self.story,
            expected: &self.expected,
            now: self.now,
            machines: &mut self.machines,
            clusters: &self.clusters,
            registry: &self.registry,
            servers: &mut self.servers,
        }
    }
}

impl World for SimWorld {
    fn now(&self) -> Instant {
        self.now
    }

    fn deploy(&mut self) -> Result<(), WorldError> {
        for (at, change) in self.faults.changes() {
            let wake = Wake::Fault(change);
            self.agenda.put(at, Who::World, "a fault changes", wake);
        }
        for cluster in &self.expected.clusters {
            if let Some(url) = &cluster.registry {
                self.registry.make(url.clone(), cluster.peers.len());
            }
        }
        self.start_servers()?;
        self.drain_servers();
        self.update_lan_deadline();
        Ok(())
    }

    fn apply(&mut self, action: Action, machine: Option<usize>) -> Result<(), WorldError> {
        let index = || machine.expect("what is done to a machine says to which");
        match action {
            Action::PowerOn => self.switch(index(), true),
            Action::PowerOff => self.switch(index(), false),
            Action::LinkDown => self.set_link(index(), false),
            Action::LinkUp => self.set_link(index(), true),
            Action::Freeze => self.with_machine(index(), |machine, _, out| machine.freeze(out)),
            Action::Thaw => self.with_machine(index(), |machine, _, out| machine.thaw(out)),
            Action::Reset => self.reset(index()),
            Action::DiskSlow { .. } | Action::DiskFast => {
                let text = "unsupported here: no member waits for its disk; left out".to_owned();
                let name = self.machines[index()].name().to_owned();
                self.observe_now(Some(name), What::Note { text });
            }
            Action::ServersStop | Action::ServersStart => self.set_servers(action)?,
        }
        self.update_lan_deadline();
        Ok(())
    }

    fn leader(&mut self, cluster: usize) -> Result<Option<usize>, WorldError> {
        let mut members = self.story.clusters[cluster].members.iter().copied();
        let leads = |index: &usize| leader_of(&self.machines, &self.clusters, *index) == Ok(*index);
        Ok(members.find(leads))
    }

    fn observe(&mut self, until: Instant) -> Result<Vec<Observation>, WorldError> {
        loop {
            // Once something was seen, what follows closely is returned together with it.
            let until = match self.seen.first() {
                Some(first) => until.min((first.at + TOGETHER).max(self.now)),
                None => until,
            };
            if !self.step(until)? {
                self.now = self.now.max(until);
                return Ok(std::mem::take(&mut self.seen));
            }
        }
    }

    fn write(&mut self) -> Result<(), WorldError> {
        let written = self.collector().write_to_keep();
        self.kept.extend(written);
        Ok(())
    }

    fn drawn_faults_until(&self) -> Option<Instant> {
        self.drawn_until
    }

    fn judged_at(&self) -> Instant {
        self.judged_at
    }

    fn collect(&mut self) -> Result<Evidence, WorldError> {
        let kept = std::mem::take(&mut self.kept);
        self.collector().evidence(&kept)
    }
}

/// As often as anybody looks.
const TOGETHER: Duration = Duration::from_millis(5);
/// Longer than the longest pauses of all that tries again: DHCP clients, 16 s; registrar; seeds.
const CONVERGENCE_MAX: Duration = Duration::from_secs(60);
const STEPS_MIN: u64 = 1_000_000;
const STEPS_PER_MACHINE: u64 = 20_000;
