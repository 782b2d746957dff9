//! Between discovery and the first log: etcd asks its peers whether it was a member before.
//!
//! A member's peer port is open while it asks, and it serves nobody yet. Members that look at
//! the same moment therefore wait for each other, [`ASK_MAX`] for each peer; a peer whose etcd
//! does not run refuses at once, and the first that answers is enough. So do etcd 3.4 and 3.5
//! (`isMemberBootstrapped`, with the default `BootstrapTimeout`).

use std::time::Duration;

use crate::etcd::{Asking, Phase};
use crate::world::{MachineWake, SimWorld};

/// How a question to one peer begins.
enum Peer {
    Refuses,
    Serves,
    /// Takes the question and does not answer yet, or is out of reach.
    Silent,
}

impl SimWorld {
    /// Discovery has found a cluster.
    pub(crate) fn ask_peers(&mut self, index: usize, asking: Asking) {
        if let Some(life) = &mut self.machines[index].on
            && let Some(process) = &mut life.etcd
        {
            process.phase = Phase::Asking(Box::new(asking));
        }
        self.ask_next(index);
    }

    pub(crate) fn peer_answers(&mut self, index: usize, pid: u32, question: u32) {
        if self.is_asking(index, pid, question) {
            self.bootstrapped(index);
        }
    }

    pub(crate) fn peer_silent(&mut self, index: usize, pid: u32, question: u32) {
        if self.is_asking(index, pid, question) {
            if let Some((_, asking)) = self.asking(index) {
                asking.next += 1;
            }
            self.ask_next(index);
        }
    }

    /// The first peer from here on that does not refuse.
    fn ask_next(&mut self, index: usize) {
        loop {
            let Some((pid, asking)) = self.asking(index) else {
                return;
            };
            asking.question += 1;
            let (question, host) = (asking.question, asking.peers.get(asking.next).cloned());
            let Some(host) = host else {
                return self.bootstrapped(index);
            };
            match self.peer(index, &host) {
                Peer::Refuses => {
                    if let Some((_, asking)) = self.asking(index) {
                        asking.next += 1;
                    }
                }
                Peer::Serves => {
                    let after = self.machines[index].draw("a peer answers", ANSWER);
                    let what = MachineWake::PeerAnswers { pid, question };
                    self.later(index, after, "a peer answers", what);
                    return;
                }
                Peer::Silent => {
                    let what = MachineWake::PeerSilent { pid, question };
                    self.later(index, ASK_MAX, "a peer does not answer", what);
                    return;
                }
            }
        }
    }

    /// It has its answer: writes its first log, serves, and answers those who ask it.
    fn bootstrapped(&mut self, index: usize) {
        let Some((_, asking)) = self.asking(index) else {
            return;
        };
        let (data_dir, peers) = (asking.data_dir.clone(), asking.peers.clone());
        self.machines[index].data_dir = Some(data_dir);
        self.run_member(index);
        for host in peers {
            let Some(peer) = self.index_of(&host) else {
                continue;
            };
            let Some((pid, asking)) = self.asking(peer) else {
                continue;
            };
            let (question, asked) = (asking.question, asking.peers.get(asking.next).cloned());
            let asks_us = asked.and_then(|host| self.index_of(&host)) == Some(index);
            if asks_us && self.are_linked(index, peer) {
                let after = self.machines[peer].draw("a peer answers", ANSWER);
                let what = MachineWake::PeerAnswers { pid, question };
                self.later(peer, after, "a peer answers", what);
            }
        }
    }

    fn peer(&self, index: usize, host: &str) -> Peer {
        let Some(peer) = self.index_of(host) else {
            return Peer::Silent;
        };
        let Some(life) = self.machines[peer].on.as_ref() else {
            return Peer::Silent;
        };
        if !self.are_linked(index, peer) {
            return Peer::Silent;
        }
        match life.etcd.as_ref().map(|process| &process.phase) {
            None | Some(Phase::Loading | Phase::Looking(_)) => Peer::Refuses,
            Some(Phase::Asking(_) | Phase::Waiting) => Peer::Silent,
            Some(Phase::Running) if self.machines[peer].is_frozen() => Peer::Silent,
            Some(Phase::Running) => Peer::Serves,
        }
    }

    fn are_linked(&self, one: usize, other: usize) -> bool {
        let linked = |index: usize| self.lan.reaches_peers(self.machines[index].port);
        linked(one) && linked(other)
    }

    fn index_of(&self, host: &str) -> Option<usize> {
        let domain = &self.story.network.domain;
        let name = host.strip_suffix(domain)?.strip_suffix('.')?;
        self.by_name.get(name).copied()
    }

    fn is_asking(&mut self, index: usize, pid: u32, question: u32) -> bool {
        let asking = self.asking(index);
        asking.is_some_and(|(running, asking)| running == pid && asking.question == question)
    }

    fn asking(&mut self, index: usize) -> Option<(u32, &mut Asking)> {
        let process = self.machines[index].on.as_mut()?.etcd.as_mut()?;
        match &mut process.phase {
            Phase::Asking(asking) => Some((process.pid, asking)),
            Phase::Loading | Phase::Looking(_) | Phase::Waiting | Phase::Running => None,
        }
    }
}

/// `BootstrapTimeout` by default.
const ASK_MAX: Duration = Duration::from_secs(1);
/// A question and its answer.
const ANSWER: (Duration, Duration) = (Duration::from_micros(300), Duration::from_micros(1_500));
