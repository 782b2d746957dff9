//! What happens to machines, and what they want done.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use quorate_core::{Channel, Now, StreamId};

use super::{SimWorld, Wake};
use crate::agenda::{Token, Who};
use crate::machine::{After, Effect, Machine, MachineWake};
use crate::servers::DNS_PORT;

impl SimWorld {
    /// Gives a machine something to do, and carries out what it wants done then, in order.
    pub(super) fn with_machine(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Machine, Now, &mut Vec<Effect>),
    ) {
        // What one effect leads to is carried out before the next one: the inner call finds an
        // empty room.
        let mut effects = std::mem::take(&mut self.effects);
        let machine = &mut self.machines[index];
        let now = machine.clocks(self.now);
        act(machine, now, &mut effects);
        for effect in effects.drain(..) {
            self.carry_out(index, effect);
        }
        self.effects = effects;
    }

    /// Something happens to this life of a machine, unless it hangs.
    pub(super) fn dispatch_to_machine(&mut self, index: usize, wake: MachineWake) {
        let Some(wake) = self.machines[index].unless_frozen(wake) else {
            return;
        };
        match wake {
            MachineWake::SeedAsked { url } => self.seed_asked(index, url),
            MachineWake::StreamAsked(payload) => self.stream_to_servers(index, payload),
            MachineWake::RegistryAsked { pid } => self.registry_asked(index, pid),
            MachineWake::Watch => self.watch(index),
            MachineWake::Probed { peer } => self.peer_probed(index, peer),
            MachineWake::StreamAnswered(payload) => {
                let source = SocketAddr::new(self.story.network.server().into(), DNS_PORT);
                let channel = Channel::Stream(StreamId(0));
                self.with_machine(index, |machine, now, out| {
                    machine.handle_dns_answer(source, (channel, &payload), now, out);
                });
            }
            MachineWake::Timer(timer) => self.with_machine(index, |machine, now, out| {
                machine.handle_timer(timer, now, out);
            }),
            MachineWake::Command(command) => self.with_machine(index, |machine, now, out| {
                machine.handle_command(command, now, out);
            }),
            MachineWake::Frame(frame) => self.with_machine(index, |machine, now, out| {
                machine.handle_frame(&frame, now, out);
            }),
            MachineWake::EtcdLoaded { pid } => self.with_machine(index, |machine, now, out| {
                machine.etcd_loaded(pid, now.instant, out);
            }),
            MachineWake::PeerAnswers { pid, question } => {
                self.with_machine(index, |machine, _, out| {
                    machine.peer_answers(pid, question, out);
                });
            }
            MachineWake::PeerSilent { pid, question } => {
                self.with_machine(index, |machine, _, out| {
                    machine.peer_silent(pid, question, out);
                });
            }
        }
    }

    fn carry_out(&mut self, index: usize, effect: Effect) {
        match effect {
            Effect::Observe(what) => {
                let name = self.machines[index].name().to_owned();
                self.observe_now(Some(name), what);
            }
            Effect::Send {
                source,
                target,
                payload,
            } => {
                let machine = &self.machines[index];
                let from = (machine.mac(), source);
                self.lan
                    .send(machine.port(), from, target, &payload, self.now);
            }
            Effect::Wake {
                after,
                reason,
                wake,
            } => {
                self.wake_later(index, after, reason, wake);
            }
            Effect::StartTimer(timer, range, reason) => {
                let after = After::Drawn(reason, range);
                let wake = MachineWake::Timer(timer);
                let token = self.wake_later(index, after, reason, wake);
                if let Some(slot) = self.machines[index].timer(timer) {
                    *slot = Some(token);
                }
            }
            Effect::SetTimer(timer, deadline) => {
                let machine = &mut self.machines[index];
                let life = machine.life();
                if let Some(slot) = machine.timer(timer) {
                    let wake = MachineWake::Timer(timer);
                    let wake = || Wake::Machine { index, life, wake };
                    self.agenda.renew(slot, deadline, Who::Machine(index), wake);
                }
            }
            Effect::CancelTimer(token) => self.agenda.cancel(token),
            Effect::UseAddress(addr) => self.lan.learn(addr, self.machines[index].mac()),
            Effect::ProbeAddress(addr) => self.probe_address(index, addr),
            Effect::JoinCluster(cluster, members) => self.clusters.join(cluster, members),
            Effect::UpdateConnection => self.update_connection(index),
            Effect::AskPeer { host } => self.ask_peer(index, &host),
            Effect::AnswerPeers(hosts) => self.answer_peers(index, &hosts),
        }
    }

    /// Puts in what will happen to this life of the machine.
    pub(super) fn wake_later(
        &mut self,
        index: usize,
        after: After,
        reason: &'static str,
        wake: MachineWake,
    ) -> Token {
        let machine = &mut self.machines[index];
        let after = match after {
            After::Exactly(after) => after,
            After::Drawn(what, range) => machine.draw(what, range),
        };
        let life = machine.life();
        let wake = Wake::Machine { index, life, wake };
        self.agenda
            .put(self.now + after, Who::Machine(index), reason, wake)
    }

    /// The story presses the power button.
    pub(super) fn switch(&mut self, index: usize, on: bool) {
        self.with_machine(index, |machine, now, out| machine.switch(on, now, out));
    }

    /// A machine that is off has nothing to begin anew.
    pub(super) fn reset(&mut self, index: usize) {
        if self.machines[index].is_on() {
            self.switch(index, false);
            self.switch(index, true);
        }
    }

    pub(super) fn set_link(&mut self, index: usize, up: bool) {
        self.lan.set_link(self.machines[index].port(), up);
        self.with_machine(index, |machine, _, out| machine.link_changed(up, out));
    }

    /// RFC 5227 §2.1.1: a station that uses the address and is plugged in defends it.
    fn probe_address(&mut self, index: usize, addr: Ipv4Addr) {
        let used = self.machines.iter().enumerate().any(|(other, machine)| {
            other != index && self.lan.reaches_peers(machine.port()) && machine.addr() == Some(addr)
        });
        if used && self.lan.reaches_peers(self.machines[index].port()) {
            self.with_machine(index, |machine, _, out| machine.handle_conflict(out));
        }
    }

    /// A GET reaches the servers, or is lost.
    fn seed_asked(&mut self, index: usize, url: String) {
        let machine = &self.machines[index];
        let base = format!("http://{}/", self.story.network.server());
        let path = url.strip_prefix(&base).map(|path| format!("/{path}"));
        let linked = self.lan.reaches_servers(machine.port());
        let answer = match (path, machine.addr()) {
            (Some(path), Some(addr)) if linked => self.servers.get(&path, addr),
            _ => None,
        };
        self.drain_servers();
        self.with_machine(index, |machine, _, out| {
            machine.handle_seed(url, answer, out);
        });
    }

    /// A machine asks the DNS by TCP.
    fn stream_to_servers(&mut self, index: usize, payload: Vec<u8>) {
        let machine = &self.machines[index];
        let stream = self.servers.open_stream(index, machine.life());
        if let Some(addr) = machine.addr()
            && self.lan.reaches_servers(machine.port())
        {
            self.servers.handle_stream(stream, addr, payload, self.now);
            self.drain_servers();
        }
    }

    /// The step before etcd connects to a peer's port.
    fn peer_probed(&mut self, index: usize, peer: SocketAddr) {
        let other = match peer.ip() {
            IpAddr::V4(addr) => self.lan.neighbour(addr),
            IpAddr::V6(_) => None,
        };
        let other = other.and_then(|mac| self.machines.by_mac(mac));
        let found = other.filter(|other| self.are_linked(index, *other));
        let found = found.map(|other| &self.machines[other]);
        let port = found.and_then(Machine::peer_port);
        let is_frozen = found.is_some_and(Machine::is_frozen);
        self.with_machine(index, |machine, now, out| {
            machine.handle_probe(peer, (port, is_frozen), now, out);
        });
    }
}
