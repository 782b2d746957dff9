//! One Ethernet segment between network namespaces, switched in this process.
//!
//! A dedicated thread drives [`quorate_fabric::Switch`] over one packet socket that hears every
//! cable at once, through a ring that it shares with the kernel, and one that sends. A frame
//! that meets no fault goes from that ring straight back to the kernel. One socket rather than
//! one per port: closing a packet socket takes the kernel some 18 ms.
//!
//! - `driver`: the thread
//! - `ring`: frames from the kernel; `sender`: frames to it
//! - `wire`: frames from and to a machine that is a process, such as QEMU
//! - `capture`: the pcapng file, written by a thread of its own; `label` says what its frames are
//! - `offload`: makes a machine's kernel finish its checksums

mod capture;
mod driver;
mod label;
mod offload;
mod ring;
mod sender;
mod wire;

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use quorate_core::{MacAddr, Seed};
pub use quorate_fabric::switch::Direction;
use quorate_fabric::{Counters, Faults, PortId, Rule, RuleId};
use quorate_netlink::{Netlink, Veth};
use rustix::event::{EventfdFlags, eventfd};
use rustix::fd::OwnedFd;

use crate::netns::NetNs;
use capture::Capture;
use driver::Driver;
pub(crate) use label::SERVERS;
pub use offload::finish_checksums;

/// How a segment is made.
#[derive(Clone, Debug)]
pub struct LanOptions {
    /// Where every frame is written down, in pcapng.
    pub capture: Option<PathBuf>,
    /// What the faults draw from.
    pub seed: Seed,
}

/// Stations without a kernel, behind one port. They live in the switch thread.
pub trait Guests: std::fmt::Debug + Send {
    /// A frame leaves the switch at their port.
    fn handle_frame(&mut self, frame: &[u8]);
    /// Does what is due, and answers the next frame that they send.
    fn poll(&mut self) -> Option<Vec<u8>>;
    /// How long they can be left alone.
    fn wait_max(&self) -> Option<Duration>;
}

/// One cable to plug in.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    /// The machine's name, which the capture shows.
    pub name: &'a str,
    /// The address of the interface `eth0` that appears in `ns`, down and without an address.
    pub mac: MacAddr,
    pub ns: &'a NetNs,
}

/// A cable that is laid, but whose ends are not there yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cable {
    pub port: PortId,
    /// What the interface at this end is to be called.
    pub name: String,
}

/// What the segment has done so far. Anything in the four after the first means that the host was
/// too slow or refused frames, and that what was observed may be its fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LanCounters {
    pub switch: Counters,
    /// Frames that the kernel had no room for in the ring.
    pub ring_full: u64,
    /// Frames longer than a slot of the ring.
    pub too_long: u64,
    /// Frames that the kernel refused to send.
    pub send_failed: u64,
    /// Frames that the capture had no room for.
    pub capture_full: u64,
    /// Frames for a machine at a wire that took none: it is frozen, or far behind.
    pub wire_full: u64,
}

/// A running segment. Stops when dropped.
#[derive(Debug)]
pub struct Lan {
    commands: Sender<Command>,
    wakeup: Arc<OwnedFd>,
    netlink: Mutex<Netlink>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Something for the driver to do between two frames.
type Command = Box<dyn FnOnce(&mut Driver) + Send>;

impl Lan {
    /// Starts a segment without ports in the calling thread's network namespace.
    pub fn start(options: LanOptions) -> io::Result<Self> {
        let netlink = Netlink::open()?;
        let wakeup = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let (commands, inbox) = channel();
        let capture = options
            .capture
            .as_deref()
            .map(Capture::create)
            .transpose()?;
        let mut driver = Driver::new(options.seed, capture)?;
        let thread = thread::Builder::new().name("switch".into());
        let thread = thread.spawn({
            let wakeup = Arc::clone(&wakeup);
            move || driver.run(&inbox, &wakeup)
        })?;
        Ok(Self {
            commands,
            wakeup,
            netlink: Mutex::new(netlink),
            thread: Some(thread),
        })
    }

    /// Plugs a cable into `port.ns`, where its end is called `eth0`.
    pub fn plug(&self, port: Port<'_>) -> io::Result<PortId> {
        let cable = self.lay(port.name)?;
        self.netlink().add_veth(&Veth {
            name: &cable.name,
            mac: None,
            peer_name: MACHINE_INTERFACE,
            peer_mac: Some(port.mac),
            peer_ns: port.ns.as_fd(),
        })?;
        port.ns.run(|| finish_checksums(MACHINE_INTERFACE))??;
        self.connect(&cable)?;
        Ok(cable.port)
    }

    /// Lays a cable to the machine `name`, for its machine to make: a pair of interfaces, one
    /// of them in this segment's namespace and called as the cable says.
    pub fn lay(&self, name: &str) -> io::Result<Cable> {
        let label = name.to_owned();
        let (name, port) = self.ask(move |driver| driver.add_port(&label))??;
        Ok(Cable { port, name })
    }

    /// Lets stations without a kernel in, behind a port of their own. There is one such port.
    pub fn invite(&self, name: &str, guests: Box<dyn Guests>) -> io::Result<PortId> {
        let label = name.to_owned();
        self.ask(move |driver| driver.invite(&label, guests))?
    }

    /// Lets the guests do what has become due outside of the switch thread.
    pub fn nudge(&self) -> io::Result<()> {
        self.wake()
    }

    /// From now on what DHCP clients broadcast goes to these ports only.
    pub fn snoop_dhcp(&self, servers: Vec<PortId>) -> io::Result<()> {
        self.ask(move |driver| driver.switch().snoop_dhcp(servers))
    }

    /// From now on frames cross the cable, whose ends are there. Again after it was made anew.
    pub fn connect(&self, cable: &Cable) -> io::Result<()> {
        let index = {
            let mut netlink = self.netlink();
            let index = netlink.link_index(&cable.name)?;
            netlink.link_up(index)?;
            index
        };
        let port = cable.port;
        self.ask(move |driver| driver.connect(port, index))
    }

    /// From now on the machine at the other end of `stream` is at the port of a cable that was
    /// laid; it hangs up by closing it. Frames on it are as QEMU's `-netdev stream` has them: each
    /// behind its length, four octets in network order.
    pub fn wire(&self, port: PortId, stream: UnixStream) -> io::Result<()> {
        self.ask(move |driver| driver.wire(port, stream))?
    }

    /// Takes a cable away that may be there, with both its ends. It can be made again.
    pub fn remove(&self, cable: &Cable) -> io::Result<()> {
        let mut netlink = self.netlink();
        let removed = netlink
            .link_index(&cable.name)
            .and_then(|index| netlink.delete_link(index));
        match removed {
            // It goes by itself, some time after the machine's namespace did.
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(()),
            other => other,
        }
    }

    /// Sets the link of a port up or down, as pulling its cable does: the machine's kernel sees
    /// its carrier go.
    pub fn set_link(&self, port: PortId, up: bool) -> io::Result<()> {
        match self.ask(move |driver| driver.set_link(port, up))?? {
            Some(index) if up => self.netlink().link_up(index),
            Some(index) => self.netlink().link_down(index),
            // A machine at a wire has a carrier of its own.
            None => Ok(()),
        }
    }

    /// Adds a rule for frames to come.
    pub fn apply(&self, rule: Rule) -> io::Result<RuleId> {
        self.ask(move |driver| driver.switch().add_rule(rule))
    }

    /// Removes a rule; false when it is not there.
    pub fn revoke(&self, rule: RuleId) -> io::Result<bool> {
        self.ask(move |driver| driver.switch().remove_rule(rule))
    }

    /// Removes all rules.
    pub fn heal(&self) -> io::Result<()> {
        self.ask(|driver| driver.switch().clear_rules())
    }

    /// Changes what befalls frames on one direction of the link at a port.
    pub fn set_faults(&self, port: PortId, direction: Direction, faults: Faults) -> io::Result<()> {
        self.ask(move |driver| driver.switch().set_faults(port, direction, faults))
    }

    /// What the segment has done so far.
    pub fn counters(&self) -> io::Result<LanCounters> {
        self.ask(Driver::counters)?
    }

    /// Stops the segment; the capture is complete when this returns.
    pub fn stop(mut self) -> io::Result<LanCounters> {
        let counters = self.counters();
        self.join()?;
        counters
    }

    /// Has the driver do `work` between two frames, and waits for the answer.
    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Driver) -> T + Send + 'static,
    ) -> io::Result<T> {
        let (reply, answer) = channel();
        let command: Command = Box::new(move |driver| {
            // The receiver is gone only when its thread is being unwound.
            let _ = reply.send(work(driver));
        });
        let stopped = || io::Error::other("the switch has stopped");
        self.commands.send(command).map_err(|_| stopped())?;
        self.wake()?;
        answer.recv().map_err(|_| stopped())
    }

    fn netlink(&self) -> MutexGuard<'_, Netlink> {
        self.netlink.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) -> io::Result<()> {
        rustix::io::write(&*self.wakeup, &1u64.to_ne_bytes())?;
        Ok(())
    }

    fn join(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else {
            return Ok(());
        };
        // The driver ends when there is no sender any more.
        self.commands = channel().0;
        self.wake()?;
        thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the switch thread panicked")))
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        // Callers who need the error use `stop`.
        let _ = self.join();
    }
}

/// The one interface of a machine.
pub const MACHINE_INTERFACE: &str = "eth0";
