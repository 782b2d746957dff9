//! Where members of etcd meet: their clusters, their peers, the discovery service.

use quorate_etcd::ClusterId;

use super::{SimWorld, Wake};
use crate::agenda::Who;
use crate::etcd::{ClusterEffect, PeerPort, StartError};
use crate::machine::{After, MachineWake};

impl SimWorld {
    /// The machine's member may have come within reach of its peers, or out of it.
    pub(super) fn update_connection(&mut self, index: usize) {
        let machine = &self.machines[index];
        let Some(membership) = machine.membership() else {
            return;
        };
        let reached = self.lan.reaches_peers(machine.port()) && !machine.is_frozen();
        let connected = membership.serves.is_some() && reached;
        // The flags are gone with the process; what follows then waits as etcd does by default.
        let timeouts = membership.serves.unwrap_or_default();
        let id = membership.cluster_id;
        let effects = self.clusters.set_connected(id, index, connected, timeouts);
        for effect in effects {
            self.carry_out_for_cluster(effect);
        }
    }

    fn carry_out_for_cluster(&mut self, effect: ClusterEffect) {
        match effect {
            ClusterEffect::CancelElection(token) => self.agenda.cancel(token),
            ClusterEffect::Elect(id, after) => {
                let (at, wake) = (self.now + after, Wake::Elected(id));
                let token = self
                    .agenda
                    .put(at, Who::Cluster, "a leader is elected", wake);
                self.clusters.set_election(id, token);
            }
            ClusterEffect::Watch(member) => self.watch_soon(member),
            ClusterEffect::MissLeader(member, after) => {
                let reason = "a member misses its leader";
                self.wake_later(member, After::Exactly(after), reason, MachineWake::Watch);
            }
        }
    }

    pub(super) fn elected(&mut self, id: ClusterId) {
        let name = |index: usize| self.machines[index].name().to_owned();
        for member in self.clusters.elect(id, name) {
            self.watch_soon(member);
        }
    }

    fn watch_soon(&mut self, index: usize) {
        self.with_machine(index, |machine, _, out| machine.watch_soon(out));
    }

    /// Asks a member how it is, and reports what is new.
    pub(super) fn watch(&mut self, index: usize) {
        let Some(membership) = self.machines[index].membership() else {
            return;
        };
        let Some(status) = self.clusters.status(membership.cluster_id, index) else {
            return;
        };
        if let Some(leader) = status.leader {
            self.machines.replicate(leader, index);
        }
        for peer in status.news_for {
            self.watch_soon(peer);
        }
        let voters = status.leader.map(|_| status.voters);
        self.with_machine(index, |machine, _, out| machine.report_health(voters, out));
    }

    /// A request of the machine's etcd arrives at the discovery service: the member is written
    /// down, or hears who the members are.
    pub(super) fn registry_asked(&mut self, index: usize, pid: u32) {
        let linked = self.lan.reaches_servers(self.machines[index].port());
        let Some(registration) = self.machines[index].registration(pid) else {
            return;
        };
        if !linked {
            return self.with_machine(index, |machine, _, out| machine.retry_registry(pid, out));
        }
        if !registration.is_made {
            if let Err(error) = self.registry.join(&registration) {
                let error = StartError::from(error);
                return self.with_machine(index, |machine, _, out| machine.etcd_fails(&error, out));
            }
            self.machines[index].wait_for_registry();
        }
        let url = registration.url;
        let Some(set) = self.registry.set(&url) else {
            return;
        };
        self.with_machine(index, |machine, _, out| {
            machine.handle_registry_set(&set, &url, out);
        });
        // Those who watch the directory hear of it.
        for other in 0..self.machines.len() {
            if self.machines[other].waits_at(&url) {
                self.with_machine(other, |machine, _, out| machine.ask_registry(out));
            }
        }
    }

    /// The machine's etcd asks the member at `host` for the members of their cluster.
    pub(super) fn ask_peer(&mut self, index: usize, host: &str) {
        let peer = self.index_of(host);
        let peer = peer.filter(|peer| self.are_linked(index, *peer));
        let port = peer.and_then(|peer| {
            let machine = &self.machines[peer];
            let port = machine.peer_port()?;
            let answers = port != PeerPort::Serves || !machine.is_frozen();
            answers.then_some(port)
        });
        self.with_machine(index, |machine, _, out| machine.handle_peer_port(port, out));
    }

    /// The machine's etcd serves: it answers those of its peers that ask it.
    pub(super) fn answer_peers(&mut self, index: usize, hosts: &[String]) {
        for host in hosts {
            let Some(peer) = self.index_of(host) else {
                continue;
            };
            let asked = self.machines[peer].asked_peer();
            let asks_us = asked.and_then(|host| self.index_of(host)) == Some(index);
            if asks_us && self.are_linked(index, peer) {
                self.with_machine(peer, |machine, _, out| machine.peer_serves(out));
            }
        }
    }

    pub(super) fn are_linked(&self, one: usize, other: usize) -> bool {
        let linked = |index: usize| self.lan.reaches_peers(self.machines[index].port());
        linked(one) && linked(other)
    }

    /// The machine of this name in the story's domain.
    fn index_of(&self, host: &str) -> Option<usize> {
        let domain = &self.story.network.domain;
        let name = host.strip_suffix(domain)?.strip_suffix('.')?;
        self.machines.by_name(name)
    }
}
