//! The step before etcd: `quorate await-peers` without sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use quorate_await_peers::{Command as Tell, Config, Effect, Event, PeerWait, Probe, Verdict};
use quorate_core::{Channel, Datagram, Destination, Engine as _, Output, Transmit};
use quorate_etcd::{PeerUrl, Scheme};
use quorate_node::{Command, ExitStatus};

use crate::agenda::{Token, Who};
use crate::etcd::Phase;
use crate::lan::Target;
use crate::machine::effects::SPAWN;
use crate::servers::DNS_PORT;
use crate::world::{MachineWake, SimWorld, Wake};

/// One such process.
#[derive(Debug)]
pub(crate) struct Waiting {
    unit: String,
    scheme: Scheme,
    engine: PeerWait,
    /// Its UDP socket.
    port: u16,
    pub(crate) deadline: Option<Token>,
}

impl SimWorld {
    /// The unit of this machine starts the step with these arguments.
    pub(crate) fn start_await_peers(&mut self, index: usize, unit: String, args: &[String]) {
        let machine = &mut self.machines[index];
        let Some(life) = &mut machine.on else { return };
        life.pids += 1;
        let pid = life.pids;
        let servers = life.dns.iter();
        let servers = servers.map(|addr| SocketAddr::new(IpAddr::V4(*addr), DNS_PORT));
        let config = config(args, servers.collect());
        let rejoins = machine.data_dir.is_some();
        if rejoins {
            life.hosts.clear();
        }
        let started = Command::UnitStarted {
            unit: unit.clone(),
            pid: Some(pid),
        };
        self.answer(index, SPAWN, "a process runs", started);
        let (Some(config), false) = (config, rejoins) else {
            let code = if rejoins { 0 } else { USAGE };
            return self.step_exits(index, unit, code);
        };
        let machine = &mut self.machines[index];
        let seed = machine.seed.child(&format!("wait {} {pid}", machine.life));
        let port = PORT_MIN + u16::try_from(seed.random().below(PORTS)).unwrap_or(0);
        let (scheme, mut engine) = (config.own.scheme, PeerWait::new(config, seed));
        if let Some(tape) = &machine.tape {
            engine.set_delay_hook(tape.delay_hook(&machine.role.name));
        }
        let waiting = Waiting {
            unit,
            scheme,
            engine,
            port,
            deadline: None,
        };
        let after = machine.draw("a wait begins", LOAD);
        let begins = self.later(index, after, "a wait begins", MachineWake::Waiting);
        if let Some(life) = &mut self.machines[index].on {
            let deadline = Some(begins);
            life.waiting = Some(Box::new(Waiting {
                deadline,
                ..waiting
            }));
        }
    }

    pub(crate) fn await_peers_due(&mut self, index: usize) {
        let now = self.clocks();
        if let Some(waiting) = self.waiting(index) {
            waiting.deadline = None;
            waiting.engine.command(Tell::Begin, now);
            waiting.engine.handle_timeout(now);
        }
        self.drain_await_peers(index);
    }

    /// An answer goes to whoever asks on this machine.
    pub(crate) fn dns_answered(
        &mut self,
        index: usize,
        source: SocketAddr,
        channel: Channel,
        payload: &[u8],
    ) {
        let now = self.clocks();
        let Some(waiting) = self.waiting(index) else {
            return self.resolver_answered(index, payload);
        };
        let datagram = Datagram {
            source,
            destination: SocketAddr::from((Ipv4Addr::UNSPECIFIED, waiting.port)),
            channel,
            payload,
        };
        waiting.engine.handle_datagram(datagram, now);
        self.drain_await_peers(index);
    }

    /// The step's look at a peer's port has come to an end.
    pub(crate) fn peer_probed(&mut self, index: usize, peer: SocketAddr) {
        let now = self.clocks();
        let found = self.found_at(index, peer);
        if let Some(waiting) = self.waiting(index) {
            waiting.engine.command(Tell::Probed { peer, found }, now);
        }
        self.drain_await_peers(index);
    }

    /// The step is gone before its end.
    pub(crate) fn stop_await_peers(&mut self, index: usize) {
        let life = self.machines[index].on.as_mut();
        if let Some(waiting) = life.and_then(|life| life.waiting.take())
            && let Some(token) = waiting.deadline
        {
            self.agenda.cancel(token);
        }
    }

    fn waiting(&mut self, index: usize) -> Option<&mut Waiting> {
        let life = self.machines[index].on.as_mut()?;
        life.waiting.as_deref_mut()
    }

    fn drain_await_peers(&mut self, index: usize) {
        while let Some(output) = self.waiting(index).and_then(|w| w.engine.poll()) {
            match output {
                Output::Transmit(transmit) => self.send_question(index, &transmit),
                Output::Effect(Effect::AskByStream { payload, .. }) => {
                    let asked = MachineWake::StreamAsked(payload);
                    self.later(index, STREAM, "a question by TCP arrives", asked);
                }
                Output::Effect(Effect::Probe { peer }) => {
                    let after = self.machines[index].draw("a look at a peer", LOOK);
                    let probed = MachineWake::Probed { peer };
                    self.later(index, after, "a look at a peer", probed);
                }
                Output::Event(Event::Waiting(_)) => {}
                Output::Event(Event::Ended(verdict)) => {
                    return self.await_peers_ended(index, verdict);
                }
                Output::Write { write, .. } => match write {},
            }
        }
        let life_number = self.machines[index].life;
        if let Some(life) = &mut self.machines[index].on
            && let Some(waiting) = &mut life.waiting
        {
            let deadline = waiting.engine.poll_timeout();
            let who = Who::Machine(index);
            self.agenda
                .renew(&mut waiting.deadline, deadline, who, || Wake::Machine {
                    index,
                    life: life_number,
                    what: MachineWake::Waiting,
                });
        }
        self.update_lan_deadline();
    }

    fn await_peers_ended(&mut self, index: usize, verdict: Verdict) {
        let Some(life) = &mut self.machines[index].on else {
            return;
        };
        let unit = life.waiting.as_ref().map(|waiting| waiting.unit.clone());
        let code = match verdict {
            Verdict::Ready(ready) => {
                life.hosts = ready.addresses;
                0
            }
            Verdict::NotListed { .. } => 1,
        };
        self.stop_await_peers(index);
        if let Some(unit) = unit {
            self.step_exits(index, unit, code);
        }
    }

    fn step_exits(&mut self, index: usize, unit: String, code: i32) {
        let status = ExitStatus::Code { code };
        let exited = Command::UnitExited { unit, status };
        self.answer(index, EXIT, "a step has ended", exited);
    }

    fn send_question(&mut self, index: usize, transmit: &Transmit) {
        let machine = &self.machines[index];
        let Some(life) = &machine.on else { return };
        let (Some(addr), Some(waiting)) = (life.addr, &life.waiting) else {
            return;
        };
        let Destination::Udp(SocketAddr::V4(to)) = transmit.destination else {
            return;
        };
        let from = SocketAddrV4::new(addr, waiting.port);
        let (port, from) = (machine.port, (machine.role.mac, from));
        let payload = &transmit.payload;
        self.lan
            .send(port, from, Target::Udp(to), payload, self.now);
    }

    /// What a connection to `peer` finds. It is never cut short; cables count.
    fn found_at(&mut self, index: usize, peer: SocketAddr) -> Probe {
        let scheme = self.waiting(index).map(|waiting| waiting.scheme);
        let IpAddr::V4(addr) = peer.ip() else {
            return Probe::Closed;
        };
        let machine = self
            .lan
            .neighbour(addr)
            .and_then(|mac| self.by_mac.get(&mac))
            .map(|other| &self.machines[*other]);
        let Some(machine) = machine else {
            return Probe::Closed;
        };
        let linked = self.lan.reaches_peers(machine.port)
            && self.lan.reaches_peers(self.machines[index].port);
        let etcd = machine.on.as_ref().and_then(|life| life.etcd.as_ref());
        match etcd.map(|process| &process.phase) {
            // The kernel of one that hangs takes the connection; nobody answers on it.
            Some(Phase::Running)
                if linked && scheme == Some(Scheme::Http) && !machine.is_frozen() =>
            {
                Probe::Serves
            }
            Some(Phase::Running | Phase::Asking(_)) if linked && scheme == Some(Scheme::Https) => {
                Probe::Open
            }
            Some(
                Phase::Loading
                | Phase::Looking(_)
                | Phase::Asking(_)
                | Phase::Waiting
                | Phase::Running,
            )
            | None => Probe::Closed,
        }
    }
}

/// Reads the command line that the seed's unit gives.
fn config(args: &[String], servers: Vec<SocketAddr>) -> Option<Config> {
    let value = |flag: &str| {
        let at = args.iter().position(|word| word == flag)?;
        args.get(at + 1).cloned()
    };
    let own: PeerUrl = value("--initial-advertise-peer-urls")?.parse().ok()?;
    Some(Config {
        own,
        domain: value("--discovery-srv")?,
        srv_name: value("--discovery-srv-name"),
        servers,
    })
}

const fn micros(least: u64, most: u64) -> (Duration, Duration) {
    (Duration::from_micros(least), Duration::from_micros(most))
}

/// quorate until its first question; longer than the kernel takes to start it.
const LOAD: (Duration, Duration) = micros(2_500, 8_000);
/// Longer than that, too: a step that has nothing to wait for.
const EXIT: (Duration, Duration) = micros(2_500, 5_000);
/// A connection, and one question on it.
const LOOK: (Duration, Duration) = micros(300, 1_500);
/// One way by TCP.
const STREAM: Duration = Duration::from_micros(200);
/// What clap exits with.
const USAGE: i32 = 2;
/// Linux's ephemeral ports.
const PORT_MIN: u16 = 32_768;
const PORTS: u64 = 28_232;
