//! The world: what happens next, and to whom.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quorate_core::{Channel, Engine as _, Instant, MacAddr, Now, Random, Seed, StreamId};
use quorate_etcd::{ClusterId, Release};
use quorate_fabric::Chance;
use quorate_node::Command;
use quorate_scenario::decision::SERVERS;
use quorate_scenario::drive::Expected;
use quorate_scenario::story::{Machine as Role, Story};
use quorate_scenario::{Action, Evidence, Observation, What, World, WorldError};
use quorate_world::servers as stage;

use crate::agenda::{Agenda, Place, Token, Who};
use crate::chance::choice_log::ChoiceLog;
use crate::etcd::cluster::Clusters;
use crate::etcd::registry::Registry;
use crate::faults::{ActiveFaults, FaultChange};
use crate::lan::{Lan, SERVER_MAC, SERVER_PORT};
use crate::machine::Machine;
use crate::machine::clock::Clock;
use crate::search::swarm::Swarm;
use crate::servers::{DNS_PORT, Message, Servers};

/// What a run in this world needs beside its story.
#[derive(Clone, Debug)]
pub struct Options {
    /// Major and minor version of the etcd that machines pretend to run.
    pub etcd_version: (u32, u32),
    /// Everything that is drawn comes from here.
    pub seed: u64,
    /// The most steps that the run may take; `None` lets it grow with the number of machines.
    pub steps_max: Option<u64>,
    /// What goes wrong beside the story.
    pub swarm: Option<Swarm>,
}

impl Options {
    /// Nothing goes wrong but what the story says.
    pub const fn calm(etcd_version: (u32, u32), seed: u64) -> Self {
        Self {
            etcd_version,
            seed,
            steps_max: None,
            swarm: None,
        }
    }
}

/// The world on virtual time.
#[derive(Debug)]
pub struct SimWorld {
    pub(crate) story: Story,
    pub(crate) expected: Expected,
    pub(crate) release: Release,
    pub(crate) now: Instant,
    pub(crate) agenda: Agenda<Wake>,
    pub(crate) lan: Lan,
    pub(crate) servers: Servers,
    /// The servers'.
    pub(crate) clock: Clock,
    pub(crate) machines: Vec<Machine>,
    /// Machines by their hardware address, and by their name.
    pub(crate) by_mac: BTreeMap<MacAddr, usize>,
    pub(crate) by_name: BTreeMap<String, usize>,
    pub(crate) clusters: Clusters,
    pub(crate) registry: Registry,
    /// Elections.
    pub(crate) random: Random,
    pub(crate) faults: ActiveFaults,
    /// Not before this, when there is trouble beside the story.
    judged_at: Instant,
    pub(crate) update_loss: Chance,
    pub(crate) losses: Random,
    /// Who opened which stream to the servers: by position.
    pub(crate) streams: Vec<(usize, u32)>,
    seen: Vec<Observation>,
    /// Through which machines a value was written to be kept, and what came of that.
    pub(crate) written: Vec<(usize, Result<(), String>)>,
    pub(crate) tape: Option<ChoiceLog>,
}

/// Something that happens.
#[derive(Debug)]
pub(crate) enum Wake {
    /// Frames arrive.
    Lan,
    /// A deadline of the servers' engines.
    Servers,
    /// The servers' disk is done, for the process of this start.
    Synced(u32),
    Loopback(Message),
    /// It concerns this life of this machine only.
    Machine {
        index: usize,
        life: u32,
        what: MachineWake,
    },
    Elected(ClusterId),
    Trouble(FaultChange),
}

/// What happens to one machine.
#[derive(Debug)]
pub(crate) enum MachineWake {
    /// Its node's deadline.
    Due,
    /// What came of an order.
    Tell(Command),
    /// Its request for a seed reaches the servers.
    SeedAsked {
        url: String,
    },
    /// The resolver of its etcd waits no longer.
    Resolver,
    /// A DNS question by TCP reaches the servers; its answer the resolver.
    StreamAsked(Vec<u8>),
    StreamAnswered(Vec<u8>),
    /// Its etcd has started.
    Loaded {
        pid: u32,
    },
    /// A request of its etcd reaches the discovery service.
    Registry {
        pid: u32,
    },
    /// Somebody asks its etcd how it is.
    Watch,
    /// A deadline of the step before etcd.
    Waiting,
    /// That step has looked at a peer's port.
    Probed {
        peer: SocketAddr,
    },
    /// A peer has answered etcd's question for its members, or has had its time.
    PeerAnswers {
        pid: u32,
        question: u32,
    },
    PeerSilent {
        pid: u32,
        question: u32,
    },
    /// A frame that has waited at its port.
    Frame(Arc<[u8]>),
}

impl SimWorld {
    /// A world for `story`; nothing runs yet.
    pub fn new(story: &Story, expected: &Expected, options: Options) -> Self {
        let seed = Seed::new(options.seed).child("sim");
        let config = stage::config(story, options.etcd_version);
        let server = story.network.server();
        let mut lan = Lan::new(seed.child("lan"), server);
        let machines: Vec<Machine> = story
            .machines
            .iter()
            .map(|role| {
                let port = lan.plug(role.rack);
                let seed = seed.child("machine").child(&role.name);
                Machine::new(role.clone(), port, seed)
            })
            .collect();
        lan.plug_relays(&story.network);
        let steps = STEPS_MIN + STEPS_PER_MACHINE * machines.len() as u64;
        Self {
            story: story.clone(),
            expected: expected.clone(),
            release: if options.etcd_version < (3, 5) {
                Release::V3_4
            } else {
                Release::V3_5
            },
            now: Instant::ZERO,
            agenda: Agenda::new(options.steps_max.unwrap_or(steps)),
            lan,
            servers: Servers::new(config, server, seed.child("servers")),
            clock: Clock::default(),
            by_mac: by(&machines, |role| role.mac),
            by_name: by(&machines, |role| role.name.clone()),
            machines,
            clusters: Clusters::default(),
            registry: Registry::default(),
            random: seed.child("elections").random(),
            judged_at: options
                .swarm
                .as_ref()
                .map_or(Instant::ZERO, |swarm| swarm.healed_at() + CONVERGENCE_MAX),
            faults: ActiveFaults::new(options.swarm.unwrap_or_default().faults, &story.machines),
            update_loss: Chance::NEVER,
            losses: seed.child("updates").random(),
            streams: Vec::new(),
            seen: Vec::new(),
            written: Vec::new(),
            tape: None,
        }
    }

    /// From now on chance goes by this tape. Nothing runs yet.
    pub(crate) fn follow(&mut self, tape: &ChoiceLog) {
        let servers = (SERVERS.to_owned(), SERVER_MAC);
        let machines = self.machines.iter();
        let machines = machines.map(|machine| (machine.role.name.clone(), machine.role.mac));
        let ports = std::iter::once(servers).chain(machines).collect();
        self.lan.follow(tape.clone(), ports);
        self.servers.follow(tape);
        for machine in &mut self.machines {
            machine.tape = Some(tape.clone());
        }
        self.tape = Some(tape.clone());
    }

    /// Both clocks of the servers' host.
    pub(crate) fn clocks(&self) -> Now {
        self.clock.read(self.now)
    }

    /// Both clocks of a machine.
    pub(crate) fn clocks_of(&self, index: usize) -> Now {
        self.machines[index].clock.read(self.now)
    }

    pub(crate) fn observe_now(&mut self, machine: Option<String>, what: What) {
        let at = self.now;
        self.seen.push(Observation { at, machine, what });
    }

    /// Kills the servers, or starts them again with their disk.
    fn set_servers(&mut self, action: Action) -> Result<(), WorldError> {
        if action == Action::ServersStart {
            let now = self.clocks();
            self.servers.start(now).map_err(WorldError::Broken)?;
        } else {
            self.servers.crash();
        }
        self.observe_now(None, What::Did(action));
        self.drain_servers();
        Ok(())
    }

    pub(crate) fn observe_machine(&mut self, index: usize, what: What) {
        let name = self.machines[index].role.name.clone();
        self.observe_now(Some(name), what);
    }

    /// Puts in what will happen to this life of the machine.
    pub(crate) fn later(
        &mut self,
        index: usize,
        after: Duration,
        reason: &'static str,
        what: MachineWake,
    ) -> Token {
        let life = self.machines[index].life;
        let wake = Wake::Machine { index, life, what };
        self.agenda
            .put(self.now + after, Who::Machine(index), reason, wake)
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
        Ok(true)
    }

    fn dispatch(&mut self, wake: Wake) {
        match wake {
            Wake::Lan => {
                for (port, frame) in self.lan.arrivals(self.now) {
                    if port == SERVER_PORT {
                        self.frame_to_servers(&frame);
                    } else {
                        self.frame_arrives(port.0 as usize - 1, frame);
                    }
                }
                self.update_lan_deadline();
            }
            Wake::Servers => {
                self.servers.tick(self.clocks());
                self.drain_servers();
            }
            Wake::Synced(start) => {
                self.servers.synced(start, self.clocks());
                self.drain_servers();
            }
            Wake::Loopback(message) => self.message_to_servers(message),
            Wake::Machine { index, life, what } => {
                if self.machines[index].life == life
                    && let Some(what) = self.unless_frozen(index, what)
                {
                    self.dispatch_to_machine(index, what);
                }
            }
            Wake::Elected(cluster) => self.elected(cluster),
            Wake::Trouble(turn) => self.trouble(turn),
        }
    }

    pub(crate) fn dispatch_to_machine(&mut self, index: usize, what: MachineWake) {
        let now = self.clocks_of(index);
        match what {
            MachineWake::Due => {
                if let Some(life) = &mut self.machines[index].on {
                    life.deadline = None;
                    life.node.handle_timeout(now);
                }
                self.drain_node(index);
            }
            MachineWake::Tell(command) => {
                if let Some(life) = &mut self.machines[index].on {
                    life.node.command(command, now);
                }
                self.drain_node(index);
            }
            MachineWake::SeedAsked { url } => self.seed_asked(index, url),
            MachineWake::Resolver => self.resolver_due(index),
            MachineWake::StreamAsked(payload) => self.stream_to_servers(index, payload),
            MachineWake::StreamAnswered(payload) => {
                let source = SocketAddr::new(self.story.network.server().into(), DNS_PORT);
                let channel = Channel::Stream(StreamId(0));
                self.dns_answered(index, source, channel, &payload);
            }
            MachineWake::Loaded { pid } => self.etcd_loaded(index, pid),
            MachineWake::Registry { pid } => self.registry_asked(index, pid),
            MachineWake::Watch => self.watch(index),
            MachineWake::Waiting => self.await_peers_due(index),
            MachineWake::Probed { peer } => self.peer_probed(index, peer),
            MachineWake::PeerAnswers { pid, question } => self.peer_answers(index, pid, question),
            MachineWake::PeerSilent { pid, question } => self.peer_silent(index, pid, question),
            MachineWake::Frame(frame) => self.frame_to_machine(index, &frame),
        }
    }

    pub(crate) fn update_lan_deadline(&mut self) {
        let deadline = self.lan.poll_timeout();
        self.agenda.settle(Place::Lan, deadline, Wake::Lan);
    }
}

impl World for SimWorld {
    fn now(&self) -> Instant {
        self.now
    }

    fn deploy(&mut self) -> Result<(), WorldError> {
        self.schedule_faults();
        for cluster in &self.expected.clusters {
            if let Some(url) = &cluster.registry {
                self.registry.make(url.clone(), cluster.peers.len());
            }
        }
        self.servers
            .start(self.clocks())
            .map_err(WorldError::Broken)?;
        self.drain_servers();
        Ok(())
    }

    fn apply(&mut self, action: Action, machine: Option<usize>) -> Result<(), WorldError> {
        let index = || machine.expect("what is done to a machine says to which");
        match action {
            Action::PowerOn => self.switch(index(), true),
            Action::PowerOff => self.switch(index(), false),
            Action::LinkDown => self.set_link(index(), false),
            Action::LinkUp => self.set_link(index(), true),
            Action::Freeze => self.freeze(index()),
            Action::Thaw => self.thaw(index()),
            Action::Reset => self.reset(index()),
            Action::DiskSlow { .. } | Action::DiskFast => {
                let text = "unsupported here: no member waits for its disk; left out".to_owned();
                self.observe_machine(index(), What::Note { text });
            }
            Action::ServersStop | Action::ServersStart => self.set_servers(action)?,
        }
        Ok(())
    }

    fn leader(&mut self, cluster: usize) -> Result<Option<usize>, WorldError> {
        let mut members = self.story.clusters[cluster].members.iter().copied();
        let leads = |index: &usize| self.leader_of(*index) == Ok(*index);
        Ok(members.find(leads))
    }

    fn observe(&mut self, until: Instant) -> Result<Vec<Observation>, WorldError> {
        loop {
            // Once something was seen, what follows closely is told together with it.
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
        self.write_once();
        Ok(())
    }

    fn collect(&mut self) -> Result<Evidence, WorldError> {
        // A story may end in the midst of trouble. What is judged is what becomes of it: all
        // must be well a bounded time after the last of it.
        while self.step(self.judged_at)? {}
        self.now = self.now.max(self.judged_at);
        self.evidence()
    }
}

/// Where each machine stands, by what names it.
fn by<K: Ord>(machines: &[Machine], key: fn(&Role) -> K) -> BTreeMap<K, usize> {
    let numbered = machines.iter().enumerate();
    numbered
        .map(|(index, machine)| (key(&machine.role), index))
        .collect()
}

/// As often as anybody looks.
const TOGETHER: Duration = Duration::from_millis(5);
/// Longer than the longest pauses of all that tries again: DHCP clients, 16 s; registrar; seeds.
const CONVERGENCE_MAX: Duration = Duration::from_secs(60);
const STEPS_MIN: u64 = 1_000_000;
const STEPS_PER_MACHINE: u64 = 20_000;
