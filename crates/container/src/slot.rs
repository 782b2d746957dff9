//! One machine's slot.

use std::io::{self, BufReader};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use quorate_core::MacAddr;
use quorate_host::lan::{Cable, Lan};
use quorate_host::machine::AgentConfig;
use quorate_host::netns::NetNs;

use crate::container::Container;
use crate::control::{self, PowerOn};

/// What belongs to one machine: its cable, its directory, and the container while there is one.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) name: String,
    pub(crate) mac: MacAddr,
    /// Holds `disk` and `log`.
    pub(crate) dir: PathBuf,
    pub(crate) cable: Cable,
    pub(crate) linked: bool,
    /// How often a container was started.
    pub(crate) boots: u32,
    pub(crate) state: State,
}

/// Where the machine's container is.
#[derive(Debug)]
pub(crate) enum State {
    /// There is none.
    Empty,
    /// Its PID 1 waits for power.
    Held(Container, UnixStream),
    /// It runs; PID 1 listens.
    On(Container, UnixStream),
}

impl State {
    pub(crate) fn into_container(self) -> Option<Container> {
        match self {
            Self::Empty => None,
            Self::Held(container, _) | Self::On(container, _) => Some(container),
        }
    }
}

impl Slot {
    /// Gives power to the PID 1 that waits, and plugs the cable in. Answers its agent's events.
    pub(crate) fn power_on(
        &mut self,
        container: Container,
        control: UnixStream,
        agent: AgentConfig,
        lan: &Lan,
        segment: &NetNs,
    ) -> io::Result<BufReader<UnixStream>> {
        self.state = State::On(container, control.try_clone()?);
        let request = PowerOn {
            mac: self.mac,
            cable: self.cable.name.clone(),
            agent,
        };
        control::power_on(control, &request, segment.as_fd(), || {
            lan.connect(&self.cable)?;
            match self.linked {
                true => Ok(()),
                false => lan.set_link(self.cable.port, false),
            }
        })
    }

    /// Pulls the cable, or plugs it in again; that of a machine that is off, when it is on.
    pub(crate) fn set_link(&mut self, up: bool, lan: &Lan) -> io::Result<()> {
        self.linked = up;
        match self.state {
            State::On(..) => lan.set_link(self.cable.port, up),
            State::Empty | State::Held(..) => Ok(()),
        }
    }

    /// Stops every process of a machine that is on, or lets them go on.
    pub(crate) fn set_frozen(&mut self, frozen: bool) -> io::Result<()> {
        match &self.state {
            State::On(_, control) => control::set_frozen(control, frozen),
            State::Empty | State::Held(..) => Ok(()),
        }
    }
}
