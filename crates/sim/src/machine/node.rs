//! A machine's node: what it wants done, and what that means here.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use quorate_core::{Channel, Datagram, Destination, Engine as _, Now, Output, Transmit};
use quorate_fabric::frame::parse_udp;
use quorate_node::{Command, Effect as NodeEffect, Event, ExitStatus};
use quorate_server::SeedAnswer;
use quorate_world::servers::{ETCD_INSIDE, QUORATE_INSIDE};

use super::wake::micros;
use super::{Effect, Machine, MachineWake, Range, Timer};
use crate::lan::Target;
use crate::servers::DNS_PORT;

impl Machine {
    pub(crate) fn handle_command(&mut self, command: Command, now: Now, out: &mut Vec<Effect>) {
        if let Some(life) = &mut self.on {
            life.node.command(command, now);
        }
        self.drain_node(out);
    }

    pub(crate) fn handle_frame(&mut self, frame: &[u8], now: Now, out: &mut Vec<Effect>) {
        let Some(udp) = parse_udp(frame) else { return };
        let ours = udp.destination_mac == self.role.mac || udp.destination_mac.is_group();
        let Some(life) = self.on.as_mut().filter(|_| ours) else {
            return;
        };
        let source = SocketAddr::V4(udp.source);
        if udp.destination.port() == DHCP_CLIENT_PORT {
            let datagram = Datagram {
                source,
                destination: SocketAddr::V4(udp.destination),
                channel: Channel::Udp,
                payload: udp.payload,
            };
            life.node.handle_datagram(datagram, now);
            self.drain_node(out);
        } else if udp.source.port() == DNS_PORT && life.addr == Some(*udp.destination.ip()) {
            self.handle_dns_answer(source, (Channel::Udp, udp.payload), now, out);
        }
    }

    /// A GET was answered, or was not.
    pub(crate) fn handle_seed(
        &mut self,
        url: String,
        answer: Option<SeedAnswer>,
        out: &mut Vec<Effect>,
    ) {
        let (range, outcome) = match answer {
            Some(answer) if answer.status == 200 => (REQUEST, Ok(answer.body.into_bytes())),
            Some(answer) => (REQUEST, Err(format!("http status: {}", answer.status))),
            None => (SILENCE, Err("timeout: global".to_owned())),
        };
        let fetched = Command::SeedFetched { url, outcome };
        out.push(Effect::command("a seed arrives", range, fetched));
    }

    /// Another machine has the address that this one asked about.
    pub(crate) fn handle_conflict(&mut self, out: &mut Vec<Effect>) {
        let conflict = Command::Conflict;
        out.push(Effect::command("an ARP reply arrives", REQUEST, conflict));
    }

    /// Carries out what the node wants until it is quiet.
    pub(super) fn drain_node(&mut self, out: &mut Vec<Effect>) {
        loop {
            let Some(life) = &mut self.on else { return };
            match life.node.poll() {
                Some(Output::Transmit(transmit)) => self.send_dhcp(transmit, out),
                Some(Output::Effect(effect)) => self.carry_out(effect, out),
                Some(Output::Event(event)) => self.report(event, out),
                Some(Output::Write { write, .. }) => match write {},
                None => {
                    let deadline = life.node.poll_timeout();
                    out.push(Effect::SetTimer(Timer::Node, deadline));
                    return;
                }
            }
        }
    }

    fn send_dhcp(&self, transmit: Transmit, out: &mut Vec<Effect>) {
        let routed = matches!(transmit.destination, Destination::Udp(_));
        // A broadcast of a client that has no lease comes from nowhere (RFC 2131 §4.1).
        let source = match transmit.source.ip() {
            IpAddr::V4(ip) if !ip.is_unspecified() => ip,
            IpAddr::V4(_) | IpAddr::V6(_) => {
                let own = self.addr().filter(|_| routed);
                own.unwrap_or(Ipv4Addr::UNSPECIFIED)
            }
        };
        if let Some(target) = Target::of(&transmit) {
            out.push(Effect::Send {
                source: SocketAddrV4::new(source, DHCP_CLIENT_PORT),
                target,
                payload: transmit.payload,
            });
        }
    }

    fn report(&mut self, event: Event, out: &mut Vec<Effect>) {
        let Some(life) = &mut self.on else { return };
        let words = life.last_words.clone();
        let what = life.observer.observe(event, || words);
        out.extend(what.map(Effect::Observe));
    }

    fn carry_out(&mut self, effect: NodeEffect, out: &mut Vec<Effect>) {
        let Some(life) = &mut self.on else { return };
        match effect {
            NodeEffect::Probe { addr } => out.push(Effect::ProbeAddress(addr)),
            NodeEffect::Deconfigure => life.addr = None,
            NodeEffect::Configure { addr, dns, .. } => {
                out.push(Effect::UseAddress(addr));
                life.addr = Some(addr);
                life.dns = dns;
                let reason = "the interface is configured";
                let done = Command::InterfaceConfigured;
                out.push(Effect::command(reason, CONFIGURE, done));
            }
            NodeEffect::FetchSeed { url } => {
                let reason = "a request for a seed arrives";
                let asked = MachineWake::SeedAsked { url };
                out.push(Effect::wake(reason, REQUEST, asked));
            }
            NodeEffect::InstallFile { path, .. } => {
                let outcome = Ok(());
                let done = Command::FileInstalled { path, outcome };
                out.push(Effect::command("a file is written", INSTALL, done));
            }
            NodeEffect::StartUnit { unit, argv, .. } => self.start_unit(unit, &argv, out),
            NodeEffect::StopUnit { unit, .. } => {
                self.stop_await_peers(out);
                self.stop_etcd(out);
                let status = ExitStatus::Signal { signal: SIGTERM };
                let exited = Command::UnitExited { unit, status };
                out.push(Effect::command("a process has ended", SPAWN, exited));
            }
            // A probe has no socket here, and a machine goes by the name of its role.
            NodeEffect::EndProbe | NodeEffect::SetHostname { .. } => {}
        }
    }

    fn start_unit(&mut self, unit: String, argv: &[String], out: &mut Vec<Effect>) {
        match argv.split_first() {
            Some((program, args)) if program == ETCD_INSIDE => self.start_etcd(unit, args, out),
            Some((program, args)) if program == QUORATE_INSIDE => {
                self.start_await_peers(unit, args, out);
            }
            Some(_) | None => {
                let why = "No such file or directory (os error 2)".to_owned();
                let status = ExitStatus::NotStarted { why };
                let exited = Command::UnitExited { unit, status };
                out.push(Effect::command("a process has not started", SPAWN, exited));
            }
        }
    }
}

/// netlink, and a file in `/etc`.
const CONFIGURE: Range = micros(300, 3_000);
/// One way of an HTTP exchange.
const REQUEST: Range = micros(150, 900);
/// A client that waits for an answer that does not come.
const SILENCE: Range = micros(5_000_000, 5_000_001);
const INSTALL: Range = micros(50, 800);
/// A process starts, or ends by a signal.
pub(super) const SPAWN: Range = micros(300, 2_000);

const DHCP_CLIENT_PORT: u16 = 68;
const SIGTERM: i32 = 15;
