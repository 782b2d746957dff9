//! What happens to machines, and what a node's orders mean here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use quorate_core::{Channel, Datagram, Destination, Engine as _, Output, Transmit};
use quorate_fabric::frame::parse_udp;
use quorate_node::{Command, Effect, Event, ExitStatus};
use quorate_scenario::{Action, What};
use quorate_server::Service;
use quorate_world::servers::{ETCD_INSIDE, QUORATE_INSIDE};

use crate::agenda::Who;
use crate::etcd::flags::Flags;
use crate::etcd::{Phase, Process};
use crate::lan::Target;
use crate::servers::{DNS_PORT, Message};
use crate::world::{MachineWake, SimWorld, Wake};

impl SimWorld {
    /// The story presses the power button.
    pub(crate) fn switch(&mut self, index: usize, on: bool) {
        self.machines[index].switched_on = on;
        self.update_power(index);
    }

    /// A machine that is off has nothing to begin anew.
    pub(crate) fn reset(&mut self, index: usize) {
        if self.machines[index].on.is_some() {
            self.switch(index, false);
            self.switch(index, true);
        }
    }

    /// A machine is on when it is switched on and has power.
    pub(crate) fn update_power(&mut self, index: usize) {
        let machine = &self.machines[index];
        match (machine.switched_on && machine.has_mains, &machine.on) {
            (true, None) => self.power_on(index),
            (false, Some(_)) => self.power_off(index),
            (true, Some(_)) | (false, None) => {}
        }
    }

    fn power_on(&mut self, index: usize) {
        self.machines[index].begin_life();
        self.observe_machine(index, What::Did(Action::PowerOn));
        let now = self.clocks_of(index);
        if let Some(life) = &mut self.machines[index].on {
            life.node.command(Command::PowerOn, now);
        }
        self.drain_node(index);
    }

    /// The power is cut: nobody is asked, and only the disk stays.
    fn power_off(&mut self, index: usize) {
        let Some(life) = self.machines[index].on.take() else {
            return;
        };
        let waiting = life.waiting.as_ref().and_then(|waiting| waiting.deadline);
        for token in [life.deadline, life.resolver, waiting]
            .into_iter()
            .flatten()
        {
            self.agenda.cancel(token);
        }
        self.observe_machine(index, What::Did(Action::PowerOff));
        self.update_connection(index);
    }

    pub(crate) fn set_link(&mut self, index: usize, up: bool) {
        self.lan.set_link(self.machines[index].port, up);
        self.observe_machine(
            index,
            if up {
                What::Did(Action::LinkUp)
            } else {
                What::Did(Action::LinkDown)
            },
        );
        if let Some(life) = &mut self.machines[index].on {
            life.told = None;
        }
        self.update_connection(index);
    }

    pub(crate) fn frame_to_machine(&mut self, index: usize, frame: &[u8]) {
        let Some(udp) = parse_udp(frame) else { return };
        let now = self.clocks_of(index);
        let machine = &mut self.machines[index];
        let ours = udp.destination_mac == machine.role.mac || udp.destination_mac.is_group();
        let Some(life) = machine.on.as_mut().filter(|_| ours) else {
            return;
        };
        if udp.destination.port() == DHCP_CLIENT_PORT {
            let datagram = Datagram {
                source: SocketAddr::V4(udp.source),
                destination: SocketAddr::V4(udp.destination),
                channel: Channel::Udp,
                payload: udp.payload,
            };
            life.node.handle_datagram(datagram, now);
            self.drain_node(index);
        } else if udp.source.port() == DNS_PORT && life.addr == Some(*udp.destination.ip()) {
            let source = SocketAddr::V4(udp.source);
            self.dns_answered(index, source, Channel::Udp, udp.payload);
        }
    }

    /// Carries out what the node wants until it is quiet.
    pub(crate) fn drain_node(&mut self, index: usize) {
        loop {
            let Some(life) = &mut self.machines[index].on else {
                return;
            };
            match life.node.poll() {
                Some(Output::Transmit(transmit)) => self.send_dhcp(index, &transmit),
                Some(Output::Effect(effect)) => self.carry_out(index, effect),
                Some(Output::Event(event)) => self.report(index, event),
                Some(Output::Write { write, .. }) => match write {},
                None => break,
            }
        }
        let machine = &mut self.machines[index];
        if let Some(life) = &mut machine.on {
            let deadline = life.node.poll_timeout();
            let wake = Wake::Machine {
                index,
                life: machine.life,
                what: MachineWake::Due,
            };
            self.agenda
                .renew(&mut life.deadline, deadline, Who::Machine(index), || wake);
        }
        self.update_lan_deadline();
    }

    fn send_dhcp(&mut self, index: usize, transmit: &Transmit) {
        let machine = &self.machines[index];
        let addr = machine.on.as_ref().and_then(|life| life.addr);
        let routed = matches!(transmit.destination, Destination::Udp(_));
        // A broadcast of a client that has no lease comes from nowhere (RFC 2131 §4.1).
        let source = match transmit.source.ip() {
            IpAddr::V4(ip) if !ip.is_unspecified() => ip,
            IpAddr::V4(_) | IpAddr::V6(_) => {
                addr.filter(|_| routed).unwrap_or(Ipv4Addr::UNSPECIFIED)
            }
        };
        let from = SocketAddrV4::new(source, DHCP_CLIENT_PORT);
        if let Some(target) = Target::of(transmit) {
            let from = (machine.role.mac, from);
            self.lan
                .send(machine.port, from, target, &transmit.payload, self.now);
        }
    }

    fn report(&mut self, index: usize, event: Event) {
        if let Some(life) = &mut self.machines[index].on {
            let words = life.last_words.clone();
            if let Some(what) = life.observer.observe(event, || words) {
                self.observe_machine(index, what);
            }
        }
    }

    fn carry_out(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Probe { addr } => self.probe(index, addr),
            Effect::Deconfigure => {
                if let Some(life) = &mut self.machines[index].on {
                    life.addr = None;
                }
            }
            Effect::Configure { addr, dns, .. } => {
                let mac = self.machines[index].role.mac;
                self.lan.learn(addr, mac);
                if let Some(life) = &mut self.machines[index].on {
                    life.addr = Some(addr);
                    life.dns = dns;
                }
                self.answer(
                    index,
                    CONFIGURE,
                    "the interface is configured",
                    Command::InterfaceConfigured,
                );
            }
            Effect::FetchSeed { url } => {
                let reason = "a request for a seed arrives";
                let after = self.machines[index].draw(reason, REQUEST);
                self.later(index, after, reason, MachineWake::SeedAsked { url });
            }
            Effect::InstallFile { path, .. } => {
                let done = Command::FileInstalled {
                    path,
                    outcome: Ok(()),
                };
                self.answer(index, INSTALL, "a file is written", done);
            }
            Effect::StartUnit { unit, argv, .. } => self.start_unit(index, unit, &argv),
            Effect::StopUnit { unit, .. } => {
                self.stop_await_peers(index);
                if let Some(life) = &mut self.machines[index].on {
                    life.etcd = None;
                }
                self.update_connection(index);
                let status = ExitStatus::Signal { signal: SIGTERM };
                self.answer(
                    index,
                    SPAWN,
                    "a process has ended",
                    Command::UnitExited { unit, status },
                );
            }
            // A probe has no socket here, and a machine goes by the name of its role.
            Effect::EndProbe | Effect::SetHostname { .. } => {}
        }
    }

    /// Tells the node after a drawn time what came of an order.
    pub(crate) fn answer(
        &mut self,
        index: usize,
        time: (Duration, Duration),
        reason: &'static str,
        command: Command,
    ) {
        let after = self.machines[index].draw(reason, time);
        self.later(index, after, reason, MachineWake::Tell(command));
    }

    /// RFC 5227 §2.1.1: whoever uses the address and is plugged in defends it.
    fn probe(&mut self, index: usize, addr: Ipv4Addr) {
        let used = self.machines.iter().enumerate().any(|(other, machine)| {
            let life = machine.on.as_ref();
            other != index
                && self.lan.reaches_peers(machine.port)
                && life.is_some_and(|life| life.addr == Some(addr))
        });
        if used && self.lan.reaches_peers(self.machines[index].port) {
            self.answer(index, REQUEST, "an ARP reply arrives", Command::Conflict);
        }
    }

    /// A GET reaches the servers, or nobody.
    pub(crate) fn seed_asked(&mut self, index: usize, url: String) {
        let machine = &self.machines[index];
        let addr = machine.on.as_ref().and_then(|life| life.addr);
        let base = format!("http://{}/", self.story.network.server());
        let path = url.strip_prefix(&base).map(|path| format!("/{path}"));
        let linked = self.lan.reaches_servers(machine.port);
        let answer = match (path, addr) {
            (Some(path), Some(addr)) if linked => self.servers.get(&path, addr),
            _ => None,
        };
        self.drain_servers();
        let (time, outcome) = match answer {
            Some(answer) if answer.status == 200 => (REQUEST, Ok(answer.body.into_bytes())),
            Some(answer) => (REQUEST, Err(format!("http status: {}", answer.status))),
            None => (SILENCE, Err("timeout: global".to_owned())),
        };
        self.answer(
            index,
            time,
            "a seed arrives",
            Command::SeedFetched { url, outcome },
        );
    }

    fn start_unit(&mut self, index: usize, unit: String, argv: &[String]) {
        let release = self.release;
        let flags = match argv.split_first() {
            Some((program, args)) if program == ETCD_INSIDE => Flags::parse(args, release),
            Some((program, args)) if program == QUORATE_INSIDE => {
                return self.start_await_peers(index, unit, args);
            }
            Some(_) | None => {
                let why = "No such file or directory (os error 2)".to_owned();
                let status = ExitStatus::NotStarted { why };
                let exited = Command::UnitExited { unit, status };
                return self.answer(index, SPAWN, "a process has not started", exited);
            }
        };
        let Some(life) = &mut self.machines[index].on else {
            return;
        };
        life.pids += 1;
        let pid = life.pids;
        match flags {
            Ok(flags) => {
                life.etcd = Some(Process {
                    pid,
                    unit: unit.clone(),
                    flags,
                    phase: Phase::Loading,
                });
                let started = Command::UnitStarted {
                    unit,
                    pid: Some(pid),
                };
                self.answer(index, SPAWN, "a process runs", started);
                let reason = "etcd has started";
                let after = self.machines[index].draw(reason, LOAD);
                self.later(index, after, reason, MachineWake::Loaded { pid });
            }
            Err(words) => {
                life.last_words = Some(words);
                let status = ExitStatus::Code { code: USAGE };
                self.answer(
                    index,
                    SPAWN,
                    "etcd has ended",
                    Command::UnitExited { unit, status },
                );
            }
        }
    }

    /// A DNS question of the machine, as it reaches its server.
    pub(crate) fn question_of(&self, index: usize, payload: Vec<u8>) -> Option<Message> {
        let machine = &self.machines[index];
        let addr = machine.on.as_ref()?.addr?;
        self.lan.reaches_servers(machine.port).then(|| Message {
            service: Service::Dns,
            source: SocketAddr::new(addr.into(), STREAM_PORT),
            destination: SocketAddr::new(self.story.network.server().into(), DNS_PORT),
            channel: Channel::Udp,
            payload,
        })
    }
}

const fn micros(least: u64, most: u64) -> (Duration, Duration) {
    (Duration::from_micros(least), Duration::from_micros(most))
}

/// netlink, and a file in `/etc`.
const CONFIGURE: (Duration, Duration) = micros(300, 3_000);
/// One way of an HTTP exchange.
const REQUEST: (Duration, Duration) = micros(150, 900);
/// A client that waits for an answer that does not come.
const SILENCE: (Duration, Duration) = micros(5_000_000, 5_000_001);
const INSTALL: (Duration, Duration) = micros(50, 800);
pub(crate) const SPAWN: (Duration, Duration) = micros(300, 2_000);
/// etcd until its first look at its disk or at the DNS.
const LOAD: (Duration, Duration) = micros(12_000, 45_000);

const DHCP_CLIENT_PORT: u16 = 68;
const STREAM_PORT: u16 = 40_000;
const SIGTERM: i32 = 15;
/// What Go's `flag` package exits with.
const USAGE: i32 = 2;
