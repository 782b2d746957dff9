//! One machine: its place on the wire, its life while it has power, its disk.

pub(crate) mod await_peers;
pub(crate) mod clock;
pub(crate) mod effects;
mod freeze;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use quorate_core::{Random, Seed};
use quorate_dhcp::client::ClientConfig;
use quorate_fabric::PortId;
use quorate_node::Node;
use quorate_scenario::What;
use quorate_scenario::story::Machine as Role;
use quorate_world::observe::MachineObserver;

use crate::agenda::Token;
use crate::chance::choice_log::ChoiceLog;
use crate::etcd::{DataDir, Process};
use crate::machine::await_peers::Waiting;
use crate::machine::clock::Clock;
use crate::world::MachineWake;

/// One machine of the story.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) role: Role,
    pub(crate) port: PortId,
    pub(crate) seed: Seed,
    /// Times that this machine takes: disks, processes, requests.
    pub(crate) random: Random,
    pub(crate) tape: Option<ChoiceLog>,
    /// Counts power-ons: what was under way for an earlier life concerns nobody.
    pub(crate) life: u32,
    pub(crate) on: Option<Box<Life>>,
    /// The story wants it to be on.
    pub(crate) switched_on: bool,
    /// There is power at its socket.
    pub(crate) has_mains: bool,
    pub(crate) clock: Clock,
    /// What a power cycle leaves of etcd.
    pub(crate) data_dir: Option<DataDir>,
}

/// What a machine is while it has power.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) node: Node,
    pub(crate) observer: MachineObserver,
    pub(crate) addr: Option<Ipv4Addr>,
    /// The name servers of `/etc/resolv.conf`.
    pub(crate) dns: Vec<Ipv4Addr>,
    /// What `/etc/hosts` says beside `localhost`.
    pub(crate) hosts: BTreeMap<String, Ipv4Addr>,
    pub(crate) deadline: Option<Token>,
    /// The step before etcd.
    pub(crate) waiting: Option<Box<Waiting>>,
    pub(crate) etcd: Option<Process>,
    pub(crate) resolver: Option<Token>,
    /// Counts processes.
    pub(crate) pids: u32,
    /// How etcd's log ends.
    pub(crate) last_words: Option<String>,
    /// What was told last of the member's health.
    pub(crate) told: Option<What>,
    /// While it hangs: what has happened to it meanwhile, in order.
    pub(crate) frozen: Option<Vec<MachineWake>>,
}

impl Machine {
    /// A machine without power.
    pub(crate) fn new(role: Role, port: PortId, seed: Seed) -> Self {
        Self {
            random: seed.child("times").random(),
            tape: None,
            role,
            port,
            seed,
            life: 0,
            on: None,
            switched_on: false,
            has_mains: true,
            clock: Clock::default(),
            data_dir: None,
        }
    }

    /// Begins a life. It draws its own numbers, as a real boot does.
    pub(crate) fn begin_life(&mut self) {
        self.life += 1;
        let mut dhcp = ClientConfig::new(self.role.mac);
        dhcp.first_retry = FIRST_RETRY;
        dhcp.probe = Duration::ZERO;
        let config = quorate_node::Config {
            dhcp,
            previous: None,
            datasource: quorate_node::Datasource::Lease,
        };
        let seed = self.seed.child(&format!("life {}", self.life));
        let mut node = Node::new(config, seed);
        if let Some(tape) = &self.tape {
            node.set_delay_hook(tape.delay_hook(&self.role.name));
        }
        self.on = Some(Box::new(Life {
            node,
            observer: MachineObserver::default(),
            addr: None,
            dns: Vec::new(),
            hosts: BTreeMap::new(),
            deadline: None,
            waiting: None,
            etcd: None,
            resolver: None,
            pids: 0,
            last_words: None,
            told: None,
            frozen: None,
        }));
    }

    /// It has power, and hangs.
    pub(crate) fn is_frozen(&self) -> bool {
        self.on.as_ref().is_some_and(|life| life.frozen.is_some())
    }

    /// How long `what` takes: a time drawn from `least..most`.
    pub(crate) fn draw(&mut self, what: &str, (least, most): (Duration, Duration)) -> Duration {
        let nanos = u64::try_from((most - least).as_nanos()).unwrap_or(u64::MAX);
        let drawn = least + Duration::from_nanos(self.random.below(nanos));
        match &self.tape {
            Some(tape) => tape.time(&self.role.name, what, drawn),
            None => drawn,
        }
    }
}

/// As the world `host` sets it: RFC 2131 §4.1 has 4 s, for networks of its day.
const FIRST_RETRY: Duration = Duration::from_secs(1);
