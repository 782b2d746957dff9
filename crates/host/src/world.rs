//! The world `host`: kernel stacks, server processes and real etcd, all in one sandbox.
//!
//! ```text
//!   servers ──┐                     `quorate serve`, as a user would run it
//!   n1 ───────┤  userspace switch   each machine: agent as PID 1, etcd as its unit
//!   n2 ───────┘
//! ```
//!
//! Threads read the events of servers and machines, follow each member's log and poll its status.
//! All observations arrive in one channel.
//!
//! - [`backend`]: what machines are made of; the world itself does not depend on it
//! - `servers`: the daemons' configuration and their control socket
//! - `registry`: etcd's discovery service, a real etcd, for stories that have it
//! - `hollow`: machines that live in the switch thread
//! - `actions`: what a step does to one machine
//! - `follow`: translates lines of processes into observations
//! - `member`: one etcd member, followed by its log and polled; `etcd_client`: its HTTP gateway
//! - `stub`: DNS questions; `collect`: the evidence at the end
//! - `overload`: whether this host was too slow: the `latency_probe` measures late wake-ups,
//!   `run_queue` how long threads waited for a processor

mod actions;
pub mod backend;
mod collect;
mod etcd_client;
mod follow;
mod hollow;
mod latency_probe;
mod member;
mod overload;
mod registry;
mod run_queue;
mod servers;
mod stub;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use quorate_core::{Instant, MacAddr, Seed};
use quorate_scenario::drive::Expected;
use quorate_scenario::evidence::LastLine;
use quorate_scenario::story::{Discovery, Machine as Role, Story};
use quorate_scenario::{Action, Evidence, Observation, What, World, WorldError};
use rustix::time::{ClockId, clock_gettime};

use crate::lan::{Lan, LanOptions, MACHINE_INTERFACE, Port, SERVERS};
use crate::machine::AgentConfig;
use crate::netns::NetNs;
use backend::{MachineBackend, Namespaces};
use collect::{Reached, Records, Written};
use etcd_client::Client;
use hollow::Hollow;
use member::{Pace, Watch};
use overload::{Overload, broken};
use registry::Registry;
use servers::Servers;

/// What a run in this world needs beside its story.
#[derive(Clone, Debug)]
pub struct Options {
    /// Major and minor version of the etcd that the machines run.
    pub etcd_version: (u32, u32),
    pub seed: u64,
    /// Holds everything that servers and machines write. Must exist.
    pub run_dir: PathBuf,
    /// The program that is etcd's discovery service, for stories that have one. Before 3.6.
    pub registry: Option<PathBuf>,
    /// Where every frame is written down.
    pub capture: Option<PathBuf>,
}

/// The world. Must be made inside a [`sandbox`](crate::sandbox), with no other world beside it.
#[derive(Debug)]
pub struct HostWorld<R = Namespaces> {
    story: Story,
    expected: Expected,
    options: Options,
    began_ns: u64,
    // Machines are dropped before the servers, and these before the cable between them.
    backend: R,
    hollow: Option<Hollow>,
    slots: Vec<Slot>,
    servers: Option<Servers>,
    registry: Option<Registry>,
    /// What [`World::write`] wrote.
    written: Vec<Written>,
    lan: Option<Lan>,
    overload: Overload,
    observations: Sender<RawObservation>,
    received: Receiver<RawObservation>,
}

/// What a thread observed, of which machine, and when on the clock that all processes share.
type RawObservation = (u64, Option<String>, What);

/// What is known of one machine.
#[derive(Debug)]
struct Slot {
    role: Role,
    place: Place,
    dir: PathBuf,
    power: Power,
    /// Its network cable is plugged in.
    linked: bool,
}

/// Where a machine stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// With the backend, by its index there.
    Backend(usize),
    /// In the row of hollow ones, by its number there.
    Row(usize),
}

#[derive(Debug)]
enum Power {
    Off,
    On {
        /// Of one that is to be a member.
        watch: Option<Watch>,
        frozen: bool,
    },
}

impl Power {
    const fn on(watch: Option<Watch>) -> Self {
        Self::On {
            watch,
            frozen: false,
        }
    }
}

impl Slot {
    /// The watch of a member that is on.
    const fn watch(&self) -> Option<&Watch> {
        match &self.power {
            Power::On { watch, .. } => watch.as_ref(),
            Power::Off => None,
        }
    }
}

impl Slot {
    /// The watch of a member that can answer.
    fn reached(&self) -> Option<&Watch> {
        let is_frozen = matches!(self.power, Power::On { frozen: true, .. });
        self.watch()
            .filter(|watch| self.linked && !is_frozen && watch.is_healthy())
    }
}

impl<R: MachineBackend> HostWorld<R> {
    /// A world for `story` with machines from `backend`; nothing runs yet.
    pub fn new(story: &Story, expected: &Expected, backend: R, options: Options) -> Self {
        let (observations, received) = channel();
        Self {
            story: story.clone(),
            expected: expected.clone(),
            options,
            began_ns: monotonic_ns(),
            backend,
            hollow: None,
            slots: Vec::new(),
            servers: None,
            registry: None,
            written: Vec::new(),
            lan: None,
            overload: Overload::measure(),
            observations,
            received,
        }
    }

    fn build(&mut self) -> io::Result<()> {
        let lan = Lan::start(LanOptions {
            capture: self.options.capture.clone(),
            seed: Seed::new(self.options.seed).child("lan"),
        })?;
        let ns = NetNs::new()?;
        let port = lan.plug(Port {
            name: SERVERS,
            mac: SERVER_MAC,
            ns: &ns,
        })?;
        if self.story.machines.iter().any(|role| role.hollow) {
            lan.snoop_dhcp(vec![port])?;
            let seed = Seed::new(self.options.seed).child("row");
            let hollow = Hollow::start(&self.story, seed, &ns, &lan, self.observations.clone())?;
            self.hollow = Some(hollow);
        }
        let netboot = self.backend.netboot(&agent_config(self.options.seed));
        let servers = Servers::start(
            &self.story,
            (&self.options, netboot),
            Arc::new(ns),
            self.observations.clone(),
        )?;
        self.servers = Some(servers);
        let (mut in_backend, mut in_row) = (0, 0);
        for role in self.story.machines.clone() {
            let dir = self.options.run_dir.join("machines").join(&role.name);
            let place = if role.hollow {
                in_row += 1;
                Place::Row(in_row - 1)
            } else {
                fs::create_dir_all(&dir)?;
                self.backend.install(&role, &dir, &lan)?;
                in_backend += 1;
                Place::Backend(in_backend - 1)
            };
            self.slots.push(Slot {
                role,
                place,
                dir,
                power: Power::Off,
                linked: true,
            });
        }
        self.backend.wait_ready()?;
        for text in self.backend.notes() {
            let _ = self
                .observations
                .send((monotonic_ns(), None, What::Note { text }));
        }
        self.registry = self.start_registry(&lan)?;
        self.lan = Some(lan);
        Ok(())
    }

    /// etcd's discovery service with a directory for each cluster, if the story has it.
    fn start_registry(&self, lan: &Lan) -> io::Result<Option<Registry>> {
        let (Some(etcd), Discovery::Etcd) = (&self.options.registry, self.story.etcd.discovery)
        else {
            return Ok(None);
        };
        let network = &self.story.network;
        let at = (network.registry(), network.prefix_len);
        let mut registry = Registry::start(lan, at, etcd, &self.options.run_dir)?;
        for cluster in &self.expected.clusters {
            if let Some(url) = &cluster.registry {
                registry.make(url, cluster.peers.len())?;
            }
        }
        Ok(Some(registry))
    }

    /// Why this world cannot run the story.
    fn unsupported(&self) -> Option<WorldError> {
        if self.story.etcd.discovery != Discovery::Etcd {
            return None;
        }
        let (major, minor) = self.options.etcd_version;
        let (what, remedy) = if (major, minor) >= V2_REMOVED {
            (
                format!(
                    "unsupported here: discovery = \"etcd\" on etcd {major}.{minor}, which has no v2 registry"
                ),
                "use etcd 3.5 or 3.4 (--etcd 3.5), or another discovery",
            )
        } else if self.options.registry.is_none() {
            (
                "unsupported here: discovery = \"etcd\" needs an etcd program on this host"
                    .to_owned(),
                "use --world host, or another discovery",
            )
        } else {
            return None;
        };
        let remedy = remedy.to_owned();
        Some(WorldError::Unsupported { what, remedy })
    }

    /// Reports something that has just happened to a machine.
    fn report(&self, index: usize, what: What) {
        let name = Some(self.slots[index].role.name.clone());
        // The receiver lives as long as the world does.
        let _ = self.observations.send((monotonic_ns(), name, what));
    }

    /// The members of each cluster that answer, and where. One without a leader answers nothing
    /// until its time is up; that it is without one has been observed already.
    fn healthy(&self) -> Vec<Vec<Reached>> {
        let reached = |index: &usize| {
            let slot = &self.slots[*index];
            let addr = slot.reached()?.known_address()?;
            Some((slot.role.name.clone(), addr))
        };
        let clusters = self.story.clusters.iter();
        clusters
            .map(|cluster| cluster.members.iter().filter_map(reached).collect())
            .collect()
    }

    /// What the service of each member wrote last that is on and not healthy.
    fn last_lines(&self) -> Vec<LastLine> {
        let slots = self.slots.iter().filter(|slot| {
            let watch = slot.watch();
            watch.is_some_and(|watch| !watch.is_healthy())
        });
        let last = |slot: &Slot| {
            Some(LastLine {
                machine: slot.role.name.clone(),
                line: follow::last_line(&slot.dir)?,
            })
        };
        slots.filter_map(last).collect()
    }

    /// An error when a part of the world has ended by itself.
    fn still_runs(&mut self) -> Result<(), WorldError> {
        if let Some(servers) = &mut self.servers {
            let running = servers.still_run();
            running.map_err(|error| broken("the servers", &error))?;
        }
        let running = self.backend.check();
        running.map_err(|error| broken("a machine", &error))
    }

    fn observation(&self, (at_ns, machine, what): RawObservation) -> Observation {
        let at = Instant::from_nanos(at_ns.saturating_sub(self.began_ns));
        Observation { at, machine, what }
    }
}

impl HostWorld {
    /// The network namespace of a machine, to look at the world from there.
    /// `None` before the world is deployed, for a name that the story does not have, and for a
    /// hollow machine.
    pub fn net(&self, machine: &str) -> Option<&NetNs> {
        let slot = self.slots.iter().find(|slot| slot.role.name == machine)?;
        match slot.place {
            Place::Backend(index) => Some(self.backend.net(index)),
            Place::Row(_) => None,
        }
    }
}

impl<R: MachineBackend> World for HostWorld<R> {
    fn now(&self) -> Instant {
        Instant::from_nanos(monotonic_ns().saturating_sub(self.began_ns))
    }

    fn deploy(&mut self) -> Result<(), WorldError> {
        if !self.story.network.racks.is_empty() {
            return Err(WorldError::Unsupported {
                what: "unsupported here: racks behind relays".to_owned(),
                remedy: "use the world `sim`".to_owned(),
            });
        }
        if let Some(unsupported) = self.unsupported() {
            return Err(unsupported);
        }
        self.build()
            .map_err(|error| broken("the servers and the network", &error))?;
        let servers = self.servers.as_mut().expect("just built");
        servers
            .wait_until_ready()
            .map_err(|error| broken("the servers", &error))?;
        self.began_ns = monotonic_ns();
        Ok(())
    }

    fn apply(&mut self, action: Action, machine: Option<usize>) -> Result<(), WorldError> {
        let index = || machine.expect("what is done to a machine says to which");
        let done = match action {
            Action::PowerOn => self.power_on(index()),
            Action::PowerOff => self.power_off(index()),
            Action::LinkDown => self.set_link(index(), false),
            Action::LinkUp => self.set_link(index(), true),
            Action::Freeze => self.set_frozen(index(), true),
            Action::Thaw => self.set_frozen(index(), false),
            Action::Reset => self.reset(index()),
            Action::DiskSlow { iops } => self.set_disk(index(), Some(iops)),
            Action::DiskFast => self.set_disk(index(), None),
            Action::ServersStop => self.stop_servers(),
            Action::ServersStart => self.start_servers(),
        };
        let of = machine.map_or("the servers", |index| &self.slots[index].role.name);
        done.map_err(|error| broken(of, &error))
    }

    fn leader(&mut self, cluster: usize) -> Result<Option<usize>, WorldError> {
        let servers = self.servers.as_ref().expect("deployed");
        let members = &self.story.clusters[cluster].members;
        let leads = |index: &usize| {
            let slot = &self.slots[*index];
            let watch = slot.reached()?;
            let patience = Pace::of(&slot.role, Duration::ZERO).patience;
            let client = Client::new(watch.known_address()?, patience);
            client.leads().ok()?.then_some(*index)
        };
        let found = servers.ns.run(|| members.iter().find_map(leads));
        found.map_err(|error| broken("asking who leads", &error))
    }

    fn observe(&mut self, until: Instant) -> Result<Vec<Observation>, WorldError> {
        let first = loop {
            let next = until.min(self.now() + LOOK_EVERY);
            match self.received.recv_timeout(next.since(self.now())) {
                Ok(raw) => break Some(raw),
                Err(RecvTimeoutError::Timeout) if next == until => break None,
                // A process that has ended reports nothing more.
                Err(RecvTimeoutError::Timeout) => self.still_runs()?,
                Err(RecvTimeoutError::Disconnected) => unreachable!("this world holds a sender"),
            }
        };
        let mut seen: Vec<_> = first.into_iter().chain(self.received.try_iter()).collect();
        // Threads race with each other, the shared clock does not.
        seen.sort_by_key(|(at, ..)| *at);
        self.still_runs()?;
        let seen = seen.into_iter().map(|raw| self.observation(raw));
        Ok(seen.collect())
    }

    fn write(&mut self) -> Result<(), WorldError> {
        let servers = self.servers.as_ref().expect("deployed");
        let members = self.healthy().concat();
        let written = servers.ns.run(|| collect::write(&self.story, &members));
        self.written = written.map_err(|error| broken("writing values", &error))?;
        Ok(())
    }

    fn collect(&mut self) -> Result<Evidence, WorldError> {
        let servers = self.servers.as_mut().expect("deployed");
        // The last step may have started them.
        let is_up = servers.wait_until_ready();
        let servers = self.servers.as_ref().expect("deployed");
        let records = match is_up {
            Ok(true) => Records::ask(&self.story, &self.expected, servers),
            Ok(false) => Err(io::Error::other("no process listens")),
            Err(error) => Err(error),
        };
        // The oracles judge what is missing.
        let (records, silent) = match records {
            Ok(records) => (records, None),
            Err(error) => (Records::default(), Some(error.to_string())),
        };
        let on = self.healthy();
        let story = (&self.story, &self.expected);
        let evidence = servers
            .ns
            .run(|| collect::evidence(story, records, &on, &self.written));
        let mut evidence = evidence.map_err(|error| broken("collecting the evidence", &error))?;
        evidence.servers_silent = silent;
        evidence.last_lines = self.last_lines();
        if let Some(registry) = &self.registry {
            let urls = self.expected.clusters.iter();
            evidence.registry = registry
                .registered(urls.filter_map(|cluster| cluster.registry.as_deref()))
                .map_err(|error| broken("the discovery service", &error))?;
        }
        // What the writes above cost a slow disk, its member says in its log.
        for slot in &self.slots {
            if let (Place::Backend(index), Some(watch)) = (slot.place, slot.watch())
                && self.backend.is_slow(index)
            {
                watch.catch_up(Pace::of(&slot.role, Duration::ZERO).patience);
            }
        }
        evidence.starved = self.starved();
        Ok(evidence)
    }

    fn starved(&self) -> Option<String> {
        let counters = self.lan.as_ref().and_then(|lan| lan.counters().ok());
        self.overload.starved(counters)
    }
}

fn agent_config(seed: u64) -> AgentConfig {
    AgentConfig {
        seed,
        first_retry_ms: FIRST_RETRY_MS,
        ..AgentConfig::new(MACHINE_INTERFACE)
    }
}

/// `CLOCK_MONOTONIC`, which every process of the host reads alike.
pub fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// Locally administered, and none of the machines'.
const SERVER_MAC: MacAddr = MacAddr([0x02, 0x71, 0xff, 0xff, 0xff, 0xfe]);
/// How long something may have ended before it is seen, when nothing else is.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The first DHCP retransmission. RFC 2131 §4.1 has 4 s, for 10 Mb/s networks of its day.
pub(crate) const FIRST_RETRY_MS: u64 = 1_000;
/// The first release whose etcd has no v2 store, and so no registry.
const V2_REMOVED: (u32, u32) = (3, 6);
