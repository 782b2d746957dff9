//! The step before etcd: `quorate await-peers` without sockets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use quorate_await_peers::{
    Command as AwaitCommand, Config, Effect as AwaitEffect, Event, PeerWait, Probe, Verdict,
};
use quorate_core::{Channel, Datagram, Destination, Engine as _, Now, Output, Transmit};
use quorate_etcd::{PeerUrl, Scheme};
use quorate_node::{Command, ExitStatus};

use super::member::STREAM;
use super::node::SPAWN;
use super::step::AwaitPeers;
use super::wake::micros;
use super::{After, Effect, Machine, MachineWake, Range, Timer};
use crate::etcd::PeerPort;
use crate::lan::Target;
use crate::servers::DNS_PORT;

impl Machine {
    pub(super) fn awaits_peers(&self) -> bool {
        let life = self.on.as_ref();
        life.is_some_and(|life| life.await_peers.is_some())
    }

    /// Its unit starts the step with these arguments.
    pub(super) fn start_await_peers(
        &mut self,
        unit: String,
        args: &[String],
        out: &mut Vec<Effect>,
    ) {
        let Some(life) = &mut self.on else { return };
        let pid = life.next_pid();
        let servers = life.dns.iter();
        let servers = servers.map(|addr| SocketAddr::new(IpAddr::V4(*addr), DNS_PORT));
        let config = config(args, servers.collect());
        let rejoins = self.data_dir.is_some();
        if rejoins {
            life.hosts.clear();
        }
        let started = Command::UnitStarted {
            unit: unit.clone(),
            pid: Some(pid),
        };
        out.push(Effect::command("a process runs", SPAWN, started));
        let (Some(config), false) = (config, rejoins) else {
            let code = if rejoins { 0 } else { USAGE };
            return step_exits(unit, code, out);
        };
        let seed = self.seed.child(&format!("wait {} {pid}", self.life));
        let port = PORT_MIN + u16::try_from(seed.random().below(PORTS)).unwrap_or(0);
        let (scheme, mut engine) = (config.own.scheme, PeerWait::new(config, seed));
        if let Some(choices) = &self.choices {
            engine.set_delay_hook(choices.delay_hook(&self.role.name));
        }
        life.await_peers = Some(Box::new(AwaitPeers {
            unit,
            scheme,
            engine,
            port,
        }));
        out.push(Effect::StartTimer(Timer::AwaitPeers, LOAD, "a wait begins"));
    }

    pub(super) fn await_peers_due(&mut self, now: Now, out: &mut Vec<Effect>) {
        if let Some(step) = self.step() {
            step.engine.command(AwaitCommand::Begin, now);
            step.engine.handle_timeout(now);
        }
        self.drain_await_peers(out);
    }

    pub(super) fn await_peers_answered(
        &mut self,
        source: SocketAddr,
        (channel, payload): (Channel, &[u8]),
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if let Some(step) = self.step() {
            let datagram = Datagram {
                source,
                destination: SocketAddr::from((Ipv4Addr::UNSPECIFIED, step.port)),
                channel,
                payload,
            };
            step.engine.handle_datagram(datagram, now);
        }
        self.drain_await_peers(out);
    }

    /// The step's look at a peer's port found this; `None` is a peer out of reach or that hangs.
    /// A connection is never cut short.
    pub(crate) fn handle_probe(
        &mut self,
        peer: SocketAddr,
        (port, is_frozen): (Option<PeerPort>, bool),
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if let Some(step) = self.step() {
            let found = match (port, step.scheme) {
                // The kernel of one that hangs accepts the connection; etcd does not answer.
                (Some(PeerPort::Serves), Scheme::Http) if !is_frozen => Probe::Serves,
                (Some(PeerPort::Serves | PeerPort::Asks), Scheme::Https) => Probe::Open,
                (Some(_) | None, Scheme::Http | Scheme::Https) => Probe::Closed,
            };
            step.engine
                .command(AwaitCommand::Probed { peer, found }, now);
        }
        self.drain_await_peers(out);
    }

    /// The step is gone before its end.
    pub(super) fn stop_await_peers(&mut self, out: &mut Vec<Effect>) {
        let life = self.on.as_mut();
        if life.and_then(|life| life.await_peers.take()).is_some() {
            out.push(Effect::SetTimer(Timer::AwaitPeers, None));
        }
    }

    fn step(&mut self) -> Option<&mut AwaitPeers> {
        let life = self.on.as_mut()?;
        life.await_peers.as_deref_mut()
    }

    fn drain_await_peers(&mut self, out: &mut Vec<Effect>) {
        while let Some(output) = self.step().and_then(|step| step.engine.poll()) {
            match output {
                Output::Transmit(transmit) => self.send_question(transmit, out),
                Output::Effect(AwaitEffect::AskByStream { payload, .. }) => {
                    out.push(Effect::Wake {
                        after: After::Exactly(STREAM),
                        reason: "a question by TCP arrives",
                        wake: MachineWake::StreamAsked(payload),
                    })
                }
                Output::Effect(AwaitEffect::Probe { peer }) => {
                    let probed = MachineWake::Probed { peer };
                    out.push(Effect::wake("a look at a peer", LOOK, probed));
                }
                Output::Event(Event::Waiting(_)) => {}
                Output::Event(Event::Ended(verdict)) => {
                    return self.await_peers_ended(verdict, out);
                }
                Output::Write { write, .. } => match write {},
            }
        }
        if let Some(step) = self.step() {
            let deadline = step.engine.poll_timeout();
            out.push(Effect::SetTimer(Timer::AwaitPeers, deadline));
        }
    }

    fn await_peers_ended(&mut self, verdict: Verdict, out: &mut Vec<Effect>) {
        let Some(life) = &mut self.on else { return };
        let unit = life.await_peers.as_ref().map(|step| step.unit.clone());
        let code = match verdict {
            Verdict::Ready(ready) => {
                life.hosts = ready.addresses;
                0
            }
            Verdict::NotListed { .. } => 1,
        };
        self.stop_await_peers(out);
        if let Some(unit) = unit {
            step_exits(unit, code, out);
        }
    }

    fn send_question(&mut self, transmit: Transmit, out: &mut Vec<Effect>) {
        let (Some(addr), Some(step)) = (self.addr(), self.step()) else {
            return;
        };
        if let Destination::Udp(SocketAddr::V4(to)) = transmit.destination {
            out.push(Effect::Send {
                source: SocketAddrV4::new(addr, step.port),
                target: Target::Udp(to),
                payload: transmit.payload,
            });
        }
    }
}

fn step_exits(unit: String, code: i32, out: &mut Vec<Effect>) {
    let status = ExitStatus::Code { code };
    let exited = Command::UnitExited { unit, status };
    out.push(Effect::command("a step has ended", EXIT, exited));
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

/// quorate until its first question; longer than the kernel takes to start it.
const LOAD: Range = micros(2_500, 8_000);
/// Longer than that, too: a step that has nothing to wait for.
const EXIT: Range = micros(2_500, 5_000);
/// A connection, and one question on it.
const LOOK: Range = micros(300, 1_500);
/// What clap exits with.
const USAGE: i32 = 2;
/// Linux's ephemeral ports.
const PORT_MIN: u16 = 32_768;
const PORTS: u64 = 28_232;
