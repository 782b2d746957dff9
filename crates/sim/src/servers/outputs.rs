//! What comes to the servers, and what they want done.

use std::net::SocketAddrV4;
use std::time::Duration;

use quorate_core::{Channel, StreamId};
use quorate_fabric::frame::parse_udp;
use quorate_scenario::Fate;
use quorate_scenario::decision::SERVERS;
use quorate_server::Service;
use quorate_world::observe;

use crate::agenda::{Place, Who};
use crate::chance::naming;
use crate::lan::{SERVER_MAC, SERVER_PORT};
use crate::servers::{Message, ServerOutput, Servers};
use crate::world::{MachineWake, SimWorld, Wake};

impl SimWorld {
    pub(crate) fn frame_to_servers(&mut self, frame: &[u8]) {
        let Some(udp) = parse_udp(frame) else { return };
        let ours = udp.destination_mac == SERVER_MAC || udp.destination_mac.is_group();
        if let Some(message) = Servers::door(udp.source, udp.destination, udp.payload)
            && ours
        {
            self.message_to_servers(message);
        }
    }

    pub(crate) fn message_to_servers(&mut self, message: Message) {
        self.servers.take(message, self.clocks());
        self.drain_servers();
    }

    /// A machine asks the DNS by TCP.
    pub(crate) fn stream_to_servers(&mut self, index: usize, question: Vec<u8>) {
        let id = self.streams.len();
        self.streams.push((index, self.machines[index].life));
        if let Some(mut message) = self.question_of(index, question) {
            message.channel = Channel::Stream(StreamId(id as u64));
            self.message_to_servers(message);
        }
    }

    /// Carries out what the servers want.
    pub(crate) fn drain_servers(&mut self) {
        let mut outs = std::mem::take(&mut self.servers.out);
        for out in outs.drain(..) {
            match out {
                ServerOutput::Wire(port, target, payload) => {
                    let source = SocketAddrV4::new(self.story.network.server(), port);
                    self.lan.send(
                        SERVER_PORT,
                        (SERVER_MAC, source),
                        target,
                        &payload,
                        self.now,
                    );
                }
                ServerOutput::Loopback(message) if self.loses(&message.payload) => {}
                ServerOutput::Loopback(message) => {
                    let reason = match message.service {
                        Service::Dns => "an UPDATE arrives",
                        Service::Dhcp | Service::Ddns => "the reply to an UPDATE arrives",
                    };
                    let at = self.now + LOOPBACK;
                    self.agenda
                        .put(at, Who::Servers, reason, Wake::Loopback(message));
                }
                ServerOutput::Stream(StreamId(id), payload) => {
                    let opened = usize::try_from(id).ok().and_then(|id| self.streams.get(id));
                    if let Some(&(index, life)) = opened
                        && self.machines[index].life == life
                    {
                        let what = MachineWake::StreamAnswered(payload);
                        self.later(index, STREAM, "an answer by TCP arrives", what);
                    }
                }
                ServerOutput::Sync(start, time) => {
                    let (at, wake) = (self.now + time, Wake::Synced(start));
                    self.agenda.put(at, Who::Servers, "the disk is done", wake);
                }
                ServerOutput::Event(event) => {
                    if let Some((machine, what)) = observe::server_event(event) {
                        self.observe_now(machine, what);
                    }
                }
            }
        }
        // The room is used again: servers have something to say in nearly every step.
        assert!(
            self.servers.out.is_empty(),
            "nothing above asks the servers"
        );
        self.servers.out = outs;
        let deadline = self.servers.poll_timeout();
        self.agenda.settle(Place::Servers, deadline, Wake::Servers);
        self.update_lan_deadline();
    }

    /// An UPDATE or its reply is lost.
    fn loses(&mut self, payload: &[u8]) -> bool {
        let drawn = self.update_loss.strikes(&mut self.losses);
        match &self.tape {
            Some(tape) => tape.strikes(SERVERS, naming::of_dns(payload), &Fate::Lost, drawn),
            None => drawn,
        }
    }
}

/// From one socket of the servers to another.
const LOOPBACK: Duration = Duration::from_micros(20);
/// One way by TCP.
const STREAM: Duration = Duration::from_micros(200);
