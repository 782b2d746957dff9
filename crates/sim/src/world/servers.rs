//! What the servers want done.

use std::time::Duration;

use quorate_server::Service;
use quorate_world::observe;

use super::{SimWorld, Wake};
use crate::agenda::{Place, Who};
use crate::lan::{SERVER_MAC, SERVER_PORT};
use crate::machine::{After, MachineWake};
use crate::servers::ServerOutput;

impl SimWorld {
    /// Carries out what the servers want.
    pub(super) fn drain_servers(&mut self) {
        while let Some(output) = self.servers.poll() {
            match output {
                ServerOutput::Wire(source, target, payload) => {
                    let from = (SERVER_MAC, source);
                    self.lan.send(SERVER_PORT, from, target, &payload, self.now);
                }
                ServerOutput::Loopback(message) if self.servers.loses(&message) => {}
                ServerOutput::Loopback(message) => {
                    let reason = match message.service {
                        Service::Dns => "an UPDATE arrives",
                        Service::Dhcp | Service::Ddns => "the reply to an UPDATE arrives",
                    };
                    let (at, wake) = (self.now + LOOPBACK, Wake::Loopback(message));
                    self.agenda.put(at, Who::Servers, reason, wake);
                }
                ServerOutput::Stream(stream, payload) => {
                    if let Some((index, life)) = self.servers.opener(stream)
                        && self.machines[index].life() == life
                    {
                        let answered = MachineWake::StreamAnswered(payload);
                        let after = After::Exactly(STREAM);
                        self.wake_later(index, after, "an answer by TCP arrives", answered);
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
        let deadline = self.servers.poll_timeout();
        self.agenda
            .set_deadline(Place::Servers, deadline, Wake::Servers);
    }
}

/// From one socket of the servers to another.
const LOOPBACK: Duration = Duration::from_micros(20);
/// One way by TCP.
const STREAM: Duration = Duration::from_micros(200);
