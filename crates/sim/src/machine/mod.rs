//! One machine: its place on the wire, its life while it has power, its disk.
//!
//! Things happen to it as [`MachineWake`]s and frames; what it wants done it pushes as
//! [`Effect`]s, which the world carries out in order.

mod await_peers;
mod bootstrap;
mod clock;
mod freeze;
pub(crate) mod machines;
mod member;
mod node;
mod power;
mod step;
mod wake;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use quorate_core::{Channel, Engine as _, Instant, MacAddr, Now, Random, Seed};
use quorate_etcd::Release;
use quorate_fabric::PortId;
use quorate_node::Node;
use quorate_scenario::What;
use quorate_scenario::story::Machine as Role;
use quorate_world::observe::MachineObserver;

use crate::agenda::Token;
use crate::chance::choice_log::ChoiceLog;
use crate::etcd::{DataDir, Process};
use step::AwaitPeers;

pub(crate) use clock::Clock;
pub(crate) use wake::{After, Effect, MachineWake, Range, Timer};

/// One machine of the story.
#[derive(Debug)]
pub(crate) struct Machine {
    role: Role,
    port: PortId,
    seed: Seed,
    /// The etcd that it pretends to run.
    release: Release,
    /// Times that this machine takes: disks, processes, requests.
    random: Random,
    choices: Option<ChoiceLog>,
    /// Counts power-ons: what was under way for an earlier life concerns no later one.
    life: u32,
    on: Option<Box<Life>>,
    /// The story wants it to be on.
    switched_on: bool,
    /// There is power at its socket.
    has_mains: bool,
    clock: Clock,
    /// What a power cycle leaves of etcd.
    data_dir: Option<DataDir>,
}

/// What a machine is while it has power.
#[derive(Debug)]
struct Life {
    node: Node,
    observer: MachineObserver,
    addr: Option<Ipv4Addr>,
    /// The name servers of `/etc/resolv.conf`.
    dns: Vec<Ipv4Addr>,
    /// What `/etc/hosts` says beside `localhost`.
    hosts: BTreeMap<String, Ipv4Addr>,
    timers: [Option<Token>; 3],
    /// The step before etcd.
    await_peers: Option<Box<AwaitPeers>>,
    etcd: Option<Process>,
    /// Counts processes.
    pids: u32,
    /// How etcd's log ends.
    last_words: Option<String>,
    /// What was reported last of the member's health.
    reported: Option<What>,
    /// While it hangs: what has happened to it meanwhile, in order.
    frozen: Option<Vec<MachineWake>>,
}

impl Machine {
    /// A machine without power.
    pub(crate) fn new(role: Role, port: PortId, seed: Seed, release: Release) -> Self {
        Self {
            random: seed.child("times").random(),
            choices: None,
            role,
            port,
            seed,
            release,
            life: 0,
            on: None,
            switched_on: false,
            has_mains: true,
            clock: Clock::default(),
            data_dir: None,
        }
    }

    pub(crate) fn set_choices(&mut self, choices: ChoiceLog) {
        self.choices = Some(choices);
    }

    pub(crate) fn set_clock(&mut self, clock: Clock) {
        self.clock = clock;
    }

    pub(crate) fn name(&self) -> &str {
        &self.role.name
    }

    pub(crate) const fn mac(&self) -> MacAddr {
        self.role.mac
    }

    pub(crate) const fn port(&self) -> PortId {
        self.port
    }

    /// The cluster of the story that it is to be a member of.
    pub(crate) const fn cluster(&self) -> Option<usize> {
        self.role.cluster
    }

    /// The number of its life, or of the last one.
    pub(crate) const fn life(&self) -> u32 {
        self.life
    }

    /// The address of its interface.
    pub(crate) fn addr(&self) -> Option<Ipv4Addr> {
        self.on.as_ref()?.addr
    }

    /// Both of its clocks, when the world's is at `now`.
    pub(crate) fn clocks(&self, now: Instant) -> Now {
        self.clock.read(now)
    }

    /// The agenda's entry of a timer; `None` without power.
    pub(crate) fn timer(&mut self, timer: Timer) -> Option<&mut Option<Token>> {
        let life = self.on.as_mut()?;
        Some(&mut life.timers[timer as usize])
    }

    /// How long `what` takes: a time drawn from the range.
    pub(crate) fn draw(&mut self, what: &str, (least, most): Range) -> Duration {
        let nanos = u64::try_from((most - least).as_nanos()).unwrap_or(u64::MAX);
        let drawn = least + Duration::from_nanos(self.random.below(nanos));
        match &self.choices {
            Some(choices) => choices.time(&self.role.name, what, drawn),
            None => drawn,
        }
    }

    /// A deadline of the machine has come.
    pub(crate) fn handle_timer(&mut self, timer: Timer, now: Now, out: &mut Vec<Effect>) {
        let Some(life) = &mut self.on else { return };
        life.timers[timer as usize] = None;
        match timer {
            Timer::Node => {
                life.node.handle_timeout(now);
                self.drain_node(out);
            }
            Timer::AwaitPeers => self.await_peers_due(now, out),
            Timer::Resolver => self.resolver_due(now.instant, out),
        }
    }

    /// A DNS answer is for the step before etcd while that runs, and for etcd afterwards.
    pub(crate) fn handle_dns_answer(
        &mut self,
        source: SocketAddr,
        (channel, payload): (Channel, &[u8]),
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if self.awaits_peers() {
            self.await_peers_answered(source, (channel, payload), now, out);
        } else {
            self.resolver_answered(payload, now.instant, out);
        }
    }
}
