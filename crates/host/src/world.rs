//! The world `host`: kernel stacks, server processes and real etcd, all in one sandbox.
//!
//! ```text
//!   servers ──┐                     `quorate serve`, as anybody would run it
//!   n1 ───────┤  userspace switch   each machine: agent as PID 1, etcd as its unit
//!   n2 ───────┘
//! ```
//!
//! Threads read what servers and machines tell, follow each member's log and ask it how it is;
//! all of it comes together in one channel of observations.
//!
//! - `servers`: the daemons' configuration and their control socket
//! - `tell`: from lines of processes to observations
//! - `member`: one etcd member, followed by its log and asked over HTTP
//! - `stub`: DNS questions; `collect`: the evidence at the end

mod collect;
mod member;
mod pulse;
mod servers;
mod stub;
mod tell;

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

use quorate_core::{Instant, MacAddr, Seed};
use quorate_fabric::PortId;
use quorate_scenario::drive::Expected;
use quorate_scenario::story::{Action, Class, Machine as Role, Story};
use quorate_scenario::{Evidence, Observation, What, World, WorldError};
use quorate_stage::servers::ETCD_INSIDE;
use rustix::time::{ClockId, clock_gettime};

use crate::lan::{Lan, LanOptions, Port};
use crate::machine::{Bind, Init, Machine, MachineSpec};
use crate::netns::NetNs;
use member::Watch;
use pulse::Pulse;
use servers::Servers;

/// What a run in this world needs beside its story.
#[derive(Clone, Debug)]
pub struct Options {
    /// The etcd program that the machines run.
    pub etcd: PathBuf,
    /// Major and minor version of that program.
    pub etcd_version: (u32, u32),
    pub seed: u64,
    /// Holds everything that servers and machines write. Must exist.
    pub run_dir: PathBuf,
    /// Where every frame is written down.
    pub capture: Option<PathBuf>,
}

/// The world. Must be made inside a [`sandbox`](crate::sandbox), with no other world beside it.
#[derive(Debug)]
pub struct HostWorld {
    story: Story,
    expected: Expected,
    options: Options,
    began_ns: u64,
    // Machines are dropped before the servers, and these before the cable between them.
    slots: Vec<Slot>,
    servers: Option<Servers>,
    lan: Option<Lan>,
    pulse: Pulse,
    tell: Sender<Told>,
    told: Receiver<Told>,
}

/// Something that a thread saw, on the clock that all processes share.
type Told = (u64, Option<String>, What);

/// One machine's place: its cable, and the machine itself while it is on.
#[derive(Debug)]
struct Slot {
    role: Role,
    ns: NetNs,
    port: PortId,
    dir: PathBuf,
    on: Option<(Machine, Option<Watch>)>,
}

impl HostWorld {
    /// A world for `story`; nothing runs yet.
    pub fn new(story: &Story, expected: &Expected, options: Options) -> Self {
        let (tell, told) = channel();
        Self {
            story: story.clone(),
            expected: expected.clone(),
            options,
            began_ns: monotonic_ns(),
            slots: Vec::new(),
            servers: None,
            lan: None,
            pulse: Pulse::start(),
            tell,
            told,
        }
    }

    /// The network namespace of a machine, for whoever wants to look at the world from there.
    /// `None` before the world is deployed, and for a name that the story does not have.
    pub fn net(&self, machine: &str) -> Option<&NetNs> {
        let slot = self.slots.iter().find(|slot| slot.role.name == machine);
        slot.map(|slot| &slot.ns)
    }

    fn build(&mut self) -> io::Result<()> {
        let lan = Lan::start(LanOptions {
            capture: self.options.capture.clone(),
            seed: Seed::new(self.options.seed).child("lan"),
        })?;
        let ns = NetNs::new()?;
        lan.plug(Port {
            name: "servers",
            mac: SERVER_MAC,
            ns: &ns,
        })?;
        let servers = Servers::start(&self.story, &self.options, Arc::new(ns), self.tell.clone())?;
        self.servers = Some(servers);
        for role in self.story.machines.clone() {
            let ns = NetNs::new()?;
            let port = lan.plug(Port {
                name: &role.name,
                mac: role.mac,
                ns: &ns,
            })?;
            let dir = self.options.run_dir.join("machines").join(&role.name);
            fs::create_dir_all(&dir)?;
            self.slots.push(Slot {
                role,
                ns,
                port,
                dir,
                on: None,
            });
        }
        self.lan = Some(lan);
        Ok(())
    }

    fn power_on(&mut self, index: usize) -> io::Result<()> {
        let slot = &mut self.slots[index];
        if slot.on.is_some() {
            return Ok(());
        }
        let at = monotonic_ns();
        let spec = MachineSpec {
            // A machine knows its MAC address and nothing else; its name comes with the lease.
            hostname: "localhost".to_owned(),
            net: &slot.ns,
            dir: slot.dir.clone(),
            binds: vec![Bind {
                host: self.options.etcd.clone(),
                inside: ETCD_INSIDE.into(),
                read_only: true,
            }],
            init: Init::Agent {
                config: agent_config(self.options.seed),
            },
        };
        let watch = (slot.role.class == Class::Etcd)
            .then(|| {
                let servers = self.servers.as_ref().expect("deployed before power-on");
                Watch::start(&slot.role.name, &slot.dir, &servers.ns, self.tell.clone())
            })
            .transpose()?;
        let address = watch.as_ref().map(Watch::address);
        let mut machine = Machine::power_on(&spec)?;
        let name = slot.role.name.clone();
        // The receiver lives as long as the world does.
        let _ = self.tell.send((at, Some(name.clone()), What::PoweredOn));
        if let Some(stdout) = machine.take_stdout() {
            tell::follow_machine(stdout, name, slot.dir.clone(), address, self.tell.clone())?;
        }
        slot.on = Some((machine, watch));
        Ok(())
    }

    fn power_off(&mut self, index: usize) -> io::Result<()> {
        let slot = &mut self.slots[index];
        if let Some((mut machine, watch)) = slot.on.take() {
            drop(watch);
            machine.power_off()?;
            let name = Some(slot.role.name.clone());
            let _ = self.tell.send((monotonic_ns(), name, What::PoweredOff));
        }
        Ok(())
    }

    fn set_link(&mut self, index: usize, up: bool) -> io::Result<()> {
        let lan = self.lan.as_ref().expect("deployed before its first step");
        let slot = &self.slots[index];
        lan.set_link(slot.port, up)?;
        let what = if up { What::LinkUp } else { What::LinkDown };
        let _ = self
            .tell
            .send((monotonic_ns(), Some(slot.role.name.clone()), what));
        if let Some((_, Some(watch))) = &slot.on {
            watch.forget();
        }
        Ok(())
    }

    /// Why what was seen may be this host's fault.
    fn starved(&self) -> Option<String> {
        let counters = self.lan.as_ref().and_then(|lan| lan.counters().ok())?;
        // Frames for a machine that is off fail to be sent, which is as it should be.
        if counters.ring_full > 0 {
            let lost = counters.ring_full;
            return Some(format!("the switch lost {lost} frames for want of time"));
        }
        let late = self.pulse.latest();
        (late > PULSE_LATE_MAX_MS)
            .then(|| format!("a thread that slept for 10 ms woke up {late} ms late"))
    }

    fn observation(&self, (at_ns, machine, what): Told) -> Observation {
        let at = Instant::from_nanos(at_ns.saturating_sub(self.began_ns));
        Observation { at, machine, what }
    }
}

impl World for HostWorld {
    fn now(&self) -> Instant {
        Instant::from_nanos(monotonic_ns().saturating_sub(self.began_ns))
    }

    async fn deploy(&mut self) -> Result<(), WorldError> {
        self.build()
            .map_err(|error| broken("the servers and the network", &error))?;
        let servers = self.servers.as_mut().expect("just built");
        servers
            .wait_until_ready()
            .map_err(|error| broken("the servers", &error))?;
        self.began_ns = monotonic_ns();
        Ok(())
    }

    async fn apply(&mut self, action: Action, index: usize) -> Result<(), WorldError> {
        let done = match action {
            Action::PowerOn => self.power_on(index),
            Action::PowerOff => self.power_off(index),
            Action::LinkDown => self.set_link(index, false),
            Action::LinkUp => self.set_link(index, true),
        };
        done.map_err(|error| broken(&self.slots[index].role.name, &error))
    }

    async fn observe(&mut self, until: Instant) -> Result<Vec<Observation>, WorldError> {
        let first = match self.told.recv_timeout(until.since(self.now())) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => return Ok(Vec::new()),
            Err(RecvTimeoutError::Disconnected) => unreachable!("this world holds a sender"),
        };
        let mut seen = vec![first];
        seen.extend(self.told.try_iter());
        // Threads race with each other, the shared clock does not.
        seen.sort_by_key(|(at, ..)| *at);
        let seen: Vec<_> = seen
            .into_iter()
            .map(|told| self.observation(told))
            .collect();
        if let Some(servers) = &mut self.servers {
            servers
                .still_run()
                .map_err(|error| broken("the servers", &error))?;
        }
        Ok(seen)
    }

    async fn collect(&mut self) -> Result<Evidence, WorldError> {
        let servers = self.servers.as_ref().expect("deployed");
        // A member without a leader answers nothing until its time is up; that it is without
        // one has been observed already.
        let on: Vec<_> = self
            .slots
            .iter()
            .filter_map(|slot| Some((slot, slot.on.as_ref()?.1.as_ref()?)))
            .filter(|(_, watch)| watch.is_healthy())
            .filter_map(|(slot, watch)| Some((slot.role.name.clone(), watch.known_address()?)))
            .collect();
        let mut evidence = collect::evidence(&self.story, &self.expected, servers, &on)
            .map_err(|error| broken("collecting the evidence", &error))?;
        evidence.starved = self.starved();
        Ok(evidence)
    }
}

fn broken(what: &str, error: &io::Error) -> WorldError {
    WorldError::Broken(format!("{what}: {error}"))
}

fn agent_config(seed: u64) -> serde_json::Value {
    serde_json::json!({
        "interface": "eth0",
        "seed": seed,
        "first_retry_ms": FIRST_RETRY_MS,
    })
}

/// `CLOCK_MONOTONIC`, which every process of the host reads alike.
fn monotonic_ns() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}

/// Locally administered, and none of the machines'.
const SERVER_MAC: MacAddr = MacAddr([0x02, 0x71, 0xff, 0xff, 0xff, 0xfe]);
/// The first DHCP retransmission. RFC 2131 §4.1 has 4 s, for 10 Mb/s networks of its day.
const FIRST_RETRY_MS: u64 = 1_000;
/// etcd's default election timeout: a host that sleeps longer breaks elections by itself.
const PULSE_LATE_MAX_MS: u64 = 1_000;
