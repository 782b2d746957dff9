//! A machine: a PID 1 of its own on a root file system of its own, in a network namespace that
//! outlives its power cycles.
//!
//! [`Machine::power_on`] starts this same program again under the hidden verb
//! [`HIDDEN_VERB`], for which the program calls [`main`] before it starts any thread. That
//! process (the *namespace holder*) makes the namespaces and stands by; its child is the machine's PID 1.
//!
//! What survives a power cycle is what survives one in metal: the network card (the namespace)
//! and the disk (`/var/lib` and `/var/log`, two directories of the machine's run directory).

mod boot;
mod freeze;
mod rootfs;

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::netns::NetNs;
pub use boot::main;
pub use quorate_agent::Config as AgentConfig;

/// The first argument under which this program is a machine. See [`main`].
pub const HIDDEN_VERB: &str = "__machine";

/// The variable under which a process of a world takes its part before `main`; handed on to
/// every machine by one that has it.
pub const BEFORE_MAIN: &str = "QUORATE_BEFORE_MAIN";

/// Where this program lies in every machine.
pub const PROGRAM: &str = quorate_world::servers::QUORATE_INSIDE;

/// A machine to power on.
#[derive(Clone, Debug)]
pub struct MachineSpec<'a> {
    pub hostname: String,
    /// The namespace with the machine's network card.
    pub net: &'a NetNs,
    /// The machine's run directory on the host. Holds `disk`, `log` and `log/console.log`;
    /// created when missing.
    pub dir: PathBuf,
    /// More of the host to show inside.
    pub binds: Vec<Bind>,
    pub init: Init,
}

/// A file or directory of the host that a machine sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    pub host: PathBuf,
    /// The absolute path inside.
    pub inside: PathBuf,
    pub read_only: bool,
}

/// What PID 1 of a machine does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Init {
    /// Runs the agent that [`main`] was given, in PID 1 itself.
    Agent { config: Box<AgentConfig> },
    /// Runs one program as a child, and ends with it.
    Exec {
        argv: Vec<String>,
        /// Given to `eth0` before, which is then up.
        address: Option<StaticAddress>,
    },
}

/// An address that needs no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StaticAddress {
    pub addr: Ipv4Addr,
    pub prefix: u8,
    pub gateway: Option<Ipv4Addr>,
}

/// What crosses from [`Machine::power_on`] to the namespace holder, as one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
struct BootRequest {
    hostname: String,
    dir: PathBuf,
    binds: Vec<Bind>,
    init: Init,
}

/// What comes back, one line each.
#[derive(Debug, Serialize, Deserialize)]
enum Report {
    /// PID 1 exists, and has this number in the sandbox.
    Started { pid: i32 },
    /// Its root file system is there, and its init starts now.
    Booted,
    /// It is not coming.
    Failed { reason: String },
}

/// A machine that was powered on. Powered off when dropped.
#[derive(Debug)]
pub struct Machine {
    holder: Child,
    pid: Pid,
    pidfd: OwnedFd,
    stdout: Option<ChildStdout>,
}

impl Machine {
    /// Powers a machine on. Answers when its root file system is there and its init starts.
    pub fn power_on(spec: &MachineSpec<'_>) -> io::Result<Self> {
        fs::create_dir_all(spec.dir.join("disk"))?;
        fs::create_dir_all(spec.dir.join("log"))?;
        let dir = spec.dir.canonicalize()?;
        let console = File::options()
            .create(true)
            .append(true)
            .open(dir.join("log").join("console.log"))?;
        let (mut control, theirs) = UnixStream::pair()?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg(HIDDEN_VERB)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", "/root")
            .envs(std::env::var_os(BEFORE_MAIN).map(|set| (BEFORE_MAIN, set)))
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::piped())
            .stderr(console);
        // A process begins in the network namespace of the thread that starts it.
        let mut holder = spec.net.run(|| command.spawn())??;
        // Closes our copy of its end, so that we notice when it dies.
        drop(command);
        let request = BootRequest {
            hostname: spec.hostname.clone(),
            dir,
            binds: spec.binds.clone(),
            init: spec.init.clone(),
        };
        serde_json::to_writer(&control, &request)?;
        control.write_all(b"\n")?;
        match await_boot(&control) {
            Ok((pid, pidfd)) => Ok(Self {
                stdout: holder.stdout.take(),
                holder,
                pid,
                pidfd,
            }),
            Err(error) => {
                // Without its control socket it ends what it has begun.
                drop(control);
                holder.wait()?;
                Err(error)
            }
        }
    }

    /// The number of its PID 1 in the sandbox.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// What PID 1 and its children write to standard output; once.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.stdout.take()
    }

    /// Cuts the power: every process of the machine is gone when this returns. Harmless when
    /// the machine is off.
    pub fn power_off(&mut self) -> io::Result<ExitStatus> {
        self.cut_power()?;
        self.wait()
    }

    /// Cuts the power without waiting for what the kernel still has to do.
    pub fn cut_power(&self) -> io::Result<()> {
        match pidfd_send_signal(&self.pidfd, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks PID 1 to end (SIGTERM), as a power button does.
    pub fn press_power_button(&self) -> io::Result<()> {
        match pidfd_send_signal(&self.pidfd, Signal::TERM) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Stops every process of the machine where it stands. Harmless when the machine is off.
    pub fn freeze(&self) -> io::Result<()> {
        freeze::stop_all(self.pid, &self.pidfd)
    }

    /// Lets them all go on.
    pub fn thaw(&self) -> io::Result<()> {
        freeze::continue_all(self.pid, &self.pidfd)
    }

    /// Waits until the machine is off by itself. Its status is that of its init.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.holder.wait()
    }

    /// The status of a machine that is off, `None` while it is on.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.holder.try_wait()
    }
}

impl AsFd for Machine {
    /// Becomes readable when PID 1 has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Callers who need the error use `power_off`.
        let _ = self.power_off();
    }
}

/// Reads the reports of the namespace holder and of PID 1, which come in any order, until the machine
/// has booted.
fn await_boot(mut control: &UnixStream) -> io::Result<(Pid, OwnedFd)> {
    let mut started = None;
    let mut booted = false;
    for report in BufReader::new(control).lines() {
        match serde_json::from_str(&report?)? {
            Report::Started { pid } => {
                let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidData)?;
                started = Some((pid, pidfd_open(pid, PidfdFlags::empty())?));
                control.write_all(NOTED)?;
            }
            Report::Booted => booted = true,
            Report::Failed { reason } => return Err(io::Error::other(reason)),
        }
        if booted && let Some(started) = started.take() {
            return Ok(started);
        }
    }
    Err(io::Error::other(
        "the machine ended while it was booting; its console.log may say why",
    ))
}

/// Acknowledges the report of PID 1 to the namespace holder.
const NOTED: &[u8] = b"\n";
