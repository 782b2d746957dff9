//! Power and cable.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_core::{Engine as _, Now};
use quorate_dhcp::client::ClientConfig;
use quorate_node::{Command, Node};
use quorate_scenario::{Action, What};
use quorate_world::observe::MachineObserver;

use super::{Effect, Life, Machine};

impl Machine {
    pub(crate) const fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// The story presses the power button.
    pub(crate) fn switch(&mut self, on: bool, now: Now, out: &mut Vec<Effect>) {
        self.switched_on = on;
        self.update_power(now, out);
    }

    /// There is power at its socket from now on, or none.
    pub(crate) fn set_mains(&mut self, mains: bool, now: Now, out: &mut Vec<Effect>) {
        self.has_mains = mains;
        self.update_power(now, out);
    }

    /// Its cable was plugged in or pulled.
    pub(crate) fn link_changed(&mut self, up: bool, out: &mut Vec<Effect>) {
        let action = if up { Action::LinkUp } else { Action::LinkDown };
        out.push(Effect::Observe(What::Did(action)));
        if let Some(life) = &mut self.on {
            life.reported = None;
        }
        out.push(Effect::UpdateConnection);
    }

    /// A machine is on when it is switched on and has power.
    fn update_power(&mut self, now: Now, out: &mut Vec<Effect>) {
        match (self.switched_on && self.has_mains, &self.on) {
            (true, None) => self.power_on(now, out),
            (false, Some(_)) => self.power_off(out),
            (true, Some(_)) | (false, None) => {}
        }
    }

    fn power_on(&mut self, now: Now, out: &mut Vec<Effect>) {
        out.push(Effect::Observe(What::Did(Action::PowerOn)));
        self.begin_life().node.command(Command::PowerOn, now);
        self.drain_node(out);
    }

    /// The power is cut: no process can do anything about it, and only the disk stays.
    fn power_off(&mut self, out: &mut Vec<Effect>) {
        let Some(life) = self.on.take() else { return };
        let timers = life.timers.into_iter().flatten();
        out.extend(timers.map(Effect::CancelTimer));
        out.push(Effect::Observe(What::Did(Action::PowerOff)));
        out.push(Effect::UpdateConnection);
    }

    /// Begins a life. It draws its own numbers, as a real boot does.
    fn begin_life(&mut self) -> &mut Life {
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
        if let Some(choices) = &self.choices {
            node.set_delay_hook(choices.delay_hook(&self.role.name));
        }
        self.on.insert(Box::new(Life::new(node)))
    }
}

impl Life {
    fn new(node: Node) -> Self {
        Self {
            node,
            observer: MachineObserver::default(),
            addr: None,
            dns: Vec::new(),
            hosts: BTreeMap::new(),
            timers: [None; 3],
            await_peers: None,
            etcd: None,
            pids: 0,
            last_words: None,
            reported: None,
            frozen: None,
        }
    }

    /// The number of a new process.
    pub(super) const fn next_pid(&mut self) -> u32 {
        self.pids += 1;
        self.pids
    }
}

/// As the world `host` sets it: RFC 2131 §4.1 has 4 s, for networks of its day.
const FIRST_RETRY: Duration = Duration::from_secs(1);
