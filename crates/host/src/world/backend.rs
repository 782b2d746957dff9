//! How a world makes its machines.

use std::fmt::Debug;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;

use quorate_fabric::PortId;
use quorate_scenario::Link;
use quorate_scenario::story::Machine as Role;
use quorate_world::servers::ETCD_INSIDE;
pub use quorate_world::servers::Install;

use super::monotonic_ns;
use crate::lan::{Lan, Port};
use crate::machine::{AgentConfig, Bind, Init, Machine, MachineSpec};
use crate::netns::NetNs;

/// Makes and controls the machines of a story, which it knows by their index.
pub trait MachineBackend: Debug {
    /// Adds the next machine, off. `dir` exists; what the machine writes to `/var/log` must
    /// appear in its `log`.
    fn install(&mut self, role: &Role, dir: &Path, lan: &Lan) -> io::Result<()>;

    /// What these machines boot over the network, if they do, with `agent` as the
    /// configuration of their agents.
    fn netboot(&self, agent: &AgentConfig) -> Option<NetBoot> {
        let _ = agent;
        None
    }

    /// What a reader should know of these machines.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Called once, after the last machine was added. When this returns, every machine can be
    /// powered on.
    fn wait_ready(&mut self) -> io::Result<()>;

    /// Powers a machine on that is off, without waiting for it. `agent` is the configuration
    /// of its agent.
    fn power_on(&mut self, index: usize, agent: AgentConfig, lan: &Lan) -> io::Result<PoweredOn>;

    /// Fails when a machine that was powered on has not come up.
    fn check(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Cuts the power of a machine that is on: none of its processes is left when this returns.
    /// Its disk is.
    fn power_off(&mut self, index: usize) -> io::Result<()>;

    /// Presses the reset button of a machine that is on: it loses its memory, keeps its disk,
    /// and its events continue on the same stream. False when machines of this kind have no such
    /// button: then nothing has happened.
    fn reset(&mut self, index: usize) -> io::Result<bool> {
        let _ = index;
        Ok(false)
    }

    /// Lets the disk of a machine do so many operations in a second, also when it is on for the next
    /// time; `None`: as many as it can. False when that cannot be done here.
    fn set_disk(&mut self, index: usize, iops: Option<u32>) -> io::Result<bool> {
        let _ = (index, iops);
        Ok(false)
    }

    /// True for a machine whose disk is limited.
    fn is_slow(&self, index: usize) -> bool {
        let _ = index;
        false
    }

    /// Pulls a machine's cable, or plugs it in again.
    fn set_link(&mut self, index: usize, up: bool, lan: &Lan) -> io::Result<()>;

    /// Makes a machine that is on hang, or lets it go on where it stood: power, cable and memory
    /// stay, and nothing on it runs. Its clock goes on.
    fn set_frozen(&mut self, index: usize, frozen: bool) -> io::Result<()>;
}

/// A machine that has just been powered on.
pub struct PoweredOn {
    /// When, on `CLOCK_MONOTONIC`.
    pub at_ns: u64,
    /// The events of its agent, each line a [`quorate_agent::Line`].
    pub events: Box<dyn Read + Send>,
    /// Its clock is this host's: the times of its events compare.
    pub shares_clock: bool,
    /// Links of its boot, each with the time on `CLOCK_MONOTONIC`, as its console shows them.
    pub marks: Option<Receiver<(u64, Link)>>,
}

/// What is booted over the network.
#[derive(Clone, Debug)]
pub struct NetBoot {
    /// Directories of this host with the files.
    pub dirs: Vec<PathBuf>,
    pub kernel: String,
    pub initrd: String,
    pub cmdline: String,
    /// For machines whose disks are empty.
    pub install: Option<Install>,
}

impl Debug for PoweredOn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoweredOn")
            .field("at_ns", &self.at_ns)
            .finish_non_exhaustive()
    }
}

/// Machines as namespaces of this host, inside the sandbox.
#[derive(Debug)]
pub struct Namespaces {
    etcd: PathBuf,
    slots: Vec<Slot>,
    /// Slots whose machine is coming up, when last looked at.
    starting: Vec<usize>,
}

/// One machine's cable, and the machine itself while it is on.
#[derive(Debug)]
struct Slot {
    ns: Arc<NetNs>,
    port: PortId,
    dir: PathBuf,
    power: Power,
}

#[derive(Debug)]
enum Power {
    Off,
    /// A thread puts the machine together, so that all come up at once.
    Starting(JoinHandle<io::Result<Machine>>),
    On(Machine),
}

impl Slot {
    /// Waits until its machine is on, if it is coming up.
    fn started(&mut self) -> io::Result<()> {
        self.power = match std::mem::replace(&mut self.power, Power::Off) {
            Power::Starting(thread) => {
                let panicked = |_| Err(io::Error::other("the thread that starts it panicked"));
                Power::On(thread.join().unwrap_or_else(panicked)?)
            }
            power @ (Power::Off | Power::On(_)) => power,
        };
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // A machine that is still coming up goes with its slot, not after it.
        let _ = self.started();
    }
}

/// The events of a machine's agent, from when the machine has started.
struct AgentOutput {
    promised: Receiver<ChildStdout>,
    given: Option<ChildStdout>,
}

impl Read for AgentOutput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given.is_none() {
            // A machine that does not come up emits nothing; `check` says why.
            self.given = self.promised.recv().ok();
        }
        self.given
            .as_mut()
            .map_or(Ok(0), |events| events.read(buffer))
    }
}

impl Namespaces {
    /// Machines that find the program `etcd` on their disk.
    pub const fn new(etcd: PathBuf) -> Self {
        Self {
            etcd,
            slots: Vec::new(),
            starting: Vec::new(),
        }
    }

    pub(super) fn net(&self, index: usize) -> &NetNs {
        &self.slots[index].ns
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        // Cut the power of all before waiting for any.
        for slot in &mut self.slots {
            let _ = slot.started();
            if let Power::On(machine) = &slot.power {
                let _ = machine.cut_power();
            }
        }
    }
}

impl MachineBackend for Namespaces {
    fn install(&mut self, role: &Role, dir: &Path, lan: &Lan) -> io::Result<()> {
        let ns = NetNs::new()?;
        let port = lan.plug(Port {
            name: &role.name,
            mac: role.mac,
            ns: &ns,
        })?;
        self.slots.push(Slot {
            ns: Arc::new(ns),
            port,
            dir: dir.to_owned(),
            power: Power::Off,
        });
        Ok(())
    }

    fn wait_ready(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn power_on(&mut self, index: usize, agent: AgentConfig, _lan: &Lan) -> io::Result<PoweredOn> {
        let slot = &mut self.slots[index];
        let at_ns = monotonic_ns();
        let (ns, dir, etcd) = (Arc::clone(&slot.ns), slot.dir.clone(), self.etcd.clone());
        let (give, promised) = channel();
        let start = move || {
            let spec = MachineSpec {
                // A machine knows its MAC address and nothing else; its name comes with the
                // lease.
                hostname: "localhost".to_owned(),
                net: &ns,
                dir,
                binds: vec![Bind {
                    host: etcd,
                    inside: ETCD_INSIDE.into(),
                    read_only: true,
                }],
                init: Init::Agent {
                    config: Box::new(agent),
                },
            };
            let mut machine = Machine::power_on(&spec)?;
            let events = machine.stdout().expect("asked for once");
            // The receiver is gone only when the world is.
            let _ = give.send(events);
            Ok(machine)
        };
        let thread = std::thread::Builder::new().name("power".to_owned());
        slot.power = Power::Starting(thread.spawn(start)?);
        self.starting.push(index);
        let events = AgentOutput {
            promised,
            given: None,
        };
        Ok(PoweredOn {
            at_ns,
            events: Box::new(events),
            shares_clock: true,
            marks: None,
        })
    }

    fn check(&mut self) -> io::Result<()> {
        for index in std::mem::take(&mut self.starting) {
            let slot = &mut self.slots[index];
            match &slot.power {
                Power::Starting(thread) if !thread.is_finished() => self.starting.push(index),
                Power::Starting(_) | Power::On(_) | Power::Off => slot.started()?,
            }
        }
        Ok(())
    }

    fn power_off(&mut self, index: usize) -> io::Result<()> {
        let slot = &mut self.slots[index];
        slot.started()?;
        match std::mem::replace(&mut slot.power, Power::Off) {
            Power::On(mut machine) => machine.power_off().map(drop),
            Power::Off | Power::Starting(_) => Ok(()),
        }
    }

    fn set_link(&mut self, index: usize, up: bool, lan: &Lan) -> io::Result<()> {
        lan.set_link(self.slots[index].port, up)
    }

    fn set_frozen(&mut self, index: usize, frozen: bool) -> io::Result<()> {
        let slot = &mut self.slots[index];
        slot.started()?;
        match &slot.power {
            Power::On(machine) if frozen => machine.freeze(),
            Power::On(machine) => machine.thaw(),
            Power::Off | Power::Starting(_) => Ok(()),
        }
    }
}
