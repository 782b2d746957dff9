//! Between discovery and the first log: etcd asks its peers whether it was a member before.

use std::time::Duration;

use super::wake::micros;
use super::{After, Effect, Machine, MachineWake, Range};
use crate::etcd::{Asking, PeerPort, Process};

impl Machine {
    /// Discovery has found a cluster.
    pub(super) fn ask_peers(&mut self, asking: Asking, out: &mut Vec<Effect>) {
        let process = self.on.as_mut().and_then(|life| life.etcd.as_mut());
        if let Some(process) = process {
            process.ask_peers(asking);
        }
        self.ask_next(out);
    }

    /// The host that its member asks for the members of their cluster.
    pub(crate) fn asked_peer(&self) -> Option<&str> {
        let process = self.on.as_ref()?.etcd.as_ref()?;
        process.asking()?.peer()
    }

    /// Its question reached a peer's port, or did not: `None` is a peer out of reach.
    pub(crate) fn handle_peer_port(&mut self, port: Option<PeerPort>, out: &mut Vec<Effect>) {
        let Some((pid, asking)) = self.asking() else {
            return;
        };
        let question = asking.question();
        match port {
            Some(PeerPort::Closed) => {
                asking.skip_peer();
                self.ask_next(out);
            }
            Some(PeerPort::Serves) => {
                let answers = MachineWake::PeerAnswers { pid, question };
                out.push(Effect::wake("a peer answers", ANSWER, answers));
            }
            Some(PeerPort::Asks | PeerPort::Waits) | None => out.push(Effect::Wake {
                after: After::Exactly(ASK_MAX),
                reason: "a peer does not answer",
                wake: MachineWake::PeerSilent { pid, question },
            }),
        }
    }

    /// The peer that it asks serves from now on, and answers.
    pub(crate) fn peer_serves(&mut self, out: &mut Vec<Effect>) {
        if let Some((pid, asking)) = self.asking() {
            let question = asking.question();
            let answers = MachineWake::PeerAnswers { pid, question };
            out.push(Effect::wake("a peer answers", ANSWER, answers));
        }
    }

    pub(crate) fn peer_answers(&mut self, pid: u32, question: u32, out: &mut Vec<Effect>) {
        if self.is_asking(pid, question) {
            self.bootstrapped(out);
        }
    }

    pub(crate) fn peer_silent(&mut self, pid: u32, question: u32, out: &mut Vec<Effect>) {
        if self.is_asking(pid, question) {
            if let Some((_, asking)) = self.asking() {
                asking.skip_peer();
            }
            self.ask_next(out);
        }
    }

    /// Asks the next peer; with none left it has not been a member before.
    fn ask_next(&mut self, out: &mut Vec<Effect>) {
        let Some((_, asking)) = self.asking() else {
            return;
        };
        match asking.next_question() {
            Some(host) => out.push(Effect::AskPeer { host }),
            None => self.bootstrapped(out),
        }
    }

    /// It has its answer: writes its first log, serves, and answers those who ask it.
    fn bootstrapped(&mut self, out: &mut Vec<Effect>) {
        let Some((_, asking)) = self.asking() else {
            return;
        };
        let (data_dir, peers) = (asking.data_dir().clone(), asking.peers().to_vec());
        self.begin_member(data_dir, out);
        out.push(Effect::AnswerPeers(peers));
    }

    fn is_asking(&mut self, pid: u32, question: u32) -> bool {
        let asking = self.asking();
        asking.is_some_and(|(running, asking)| running == pid && asking.question() == question)
    }

    fn asking(&mut self) -> Option<(u32, &mut Asking)> {
        let process: &mut Process = self.on.as_mut()?.etcd.as_mut()?;
        let pid = process.pid();
        Some((pid, process.asking_mut()?))
    }
}

/// `BootstrapTimeout` by default.
const ASK_MAX: Duration = Duration::from_secs(1);
/// A question and its answer.
const ANSWER: Range = micros(300, 1_500);
