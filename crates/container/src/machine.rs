//! PID 1 of a container: waits on the control socket for power, makes its cable, and starts the
//! agent.
//!
//! It stays beside the agent and obeys the control socket: it can stop every other process, so that the
//! machine hangs, and ends them all when the runner is gone. Stopped itself it could do neither.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::thread;

use quorate_host::lan::{MACHINE_INTERFACE, finish_checksums};
use quorate_host::machine::AgentConfig;
use quorate_host::process::{Fork, HeldSignals, fork, stand_by};
use quorate_netlink::{Netlink, Veth};
use quorate_world::servers::ETCD_INSIDE;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::boot;
use crate::control::{self, Answer, PowerOn};
use crate::reaper;

/// The first argument under which this program is the PID 1 of a container. See [`main`].
pub const HIDDEN_VERB: &str = "__container";

/// What PID 1 is to be, as the second argument.
pub(crate) const MACHINE: &str = "machine";
pub(crate) const REAPER: &str = "reaper";
pub(crate) const ETCD_VERSION: &str = "etcd-version";

/// What this program does under [`HIDDEN_VERB`]. `agent` runs in a machine with its
/// configuration, prints its events on standard output, and ends the machine with its exit code.
pub fn main<T: From<u8>>(agent: impl FnOnce(AgentConfig) -> T) -> T {
    let mut arguments = std::env::args().skip(2);
    let role = arguments.next().unwrap_or_default();
    let argument = arguments.next().unwrap_or_default();
    match role.as_str() {
        MACHINE => {
            let code = machine(&argument, agent);
            code.unwrap_or_else(|error| fail(&error))
        }
        REAPER => match reaper::main(&argument) {
            Ok(()) => T::from(0),
            Err(error) => fail(&error),
        },
        ETCD_VERSION => match etcd_version() {
            Ok(code) => T::from(code),
            Err(error) => fail(&error),
        },
        _ => fail(&io::Error::other("this verb is for `quorate run` only")),
    }
}

fn machine<T: From<u8>>(name: &str, agent: impl FnOnce(AgentConfig) -> T) -> io::Result<T> {
    let console = File::options().create(true).append(true).open(CONSOLE)?;
    rustix::stdio::dup2_stderr(&console)?;
    find_etcd()?;
    boot::install()?;
    let control = control::connect(name)?;
    let Some((request, ns)) = control::await_power_on(&control)? else {
        return Ok(T::from(0));
    };
    let plugged = forget_the_host().and_then(|()| plug(&request, ns.as_fd()));
    if let Err(error) = plugged {
        let why = error.to_string();
        control::answer(&control, &Answer::Failed { why })?;
        return Err(error);
    }
    // Every descriptor of the segment keeps it alive.
    drop(ns);
    control::answer(&control, &Answer::Plugged)?;
    rustix::stdio::dup2_stdout(&control)?;
    let signals = HeldSignals::hold()?;
    match fork()? {
        Fork::Child => {
            drop((signals, control));
            Ok(agent(request.agent))
        }
        Fork::Parent { child } => {
            obey(control)?;
            Ok(T::from(stand_by(child, &signals)?))
        }
    }
}

/// Leaves a fresh installation, which knows nothing of a network. The engine has written what
/// it knows of the host's into these files.
fn forget_the_host() -> io::Result<()> {
    rustix::system::sethostname(b"localhost")?;
    for (path, text) in [
        ("/etc/hostname", "localhost\n"),
        ("/etc/hosts", "127.0.0.1 localhost\n"),
        ("/etc/resolv.conf", ""),
    ] {
        // In place: the engine has mounted them.
        fs::write(path, text)?;
    }
    Ok(())
}

/// Makes the cable: the card in this namespace, the other end in the segment's.
fn plug(request: &PowerOn, segment: std::os::fd::BorrowedFd<'_>) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    netlink.link_up(LOOPBACK)?;
    netlink.add_veth(&Veth {
        name: MACHINE_INTERFACE,
        mac: Some(request.mac),
        peer_name: &request.cable,
        peer_mac: None,
        peer_ns: segment,
    })?;
    finish_checksums(MACHINE_INTERFACE)
}

/// Obeys the runner. When the runner is gone, ends the machine, and with it every process in its
/// PID namespace.
fn obey(control: UnixStream) -> io::Result<()> {
    let follow = move || {
        while let Some(frozen) = control::await_freeze(&control) {
            let signal = if frozen { Signal::STOP } else { Signal::CONT };
            // To every process but this one (kill(2): -1), at one time. There may be none.
            let _ = kill_process_group(Pid::INIT, signal);
        }
        process::exit(0);
    };
    thread::Builder::new()
        .name("control".to_owned())
        .spawn(follow)
        .map(drop)
}

/// Puts etcd where units expect it, in an image that has it elsewhere.
fn find_etcd() -> io::Result<PathBuf> {
    let expected = Path::new(ETCD_INSIDE);
    if expected.exists() {
        return Ok(expected.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|dir| dir.join("etcd"))
        .find(|path| path.is_file())
        .ok_or_else(|| io::Error::other("the image has no etcd in its PATH"))?;
    if let Some(dir) = expected.parent() {
        fs::create_dir_all(dir)?;
    }
    symlink(&found, expected)?;
    Ok(found)
}

/// Lets the image's etcd say its version.
fn etcd_version() -> io::Result<u8> {
    let status = Command::new(find_etcd()?).arg("--version").status()?;
    Ok(u8::from(!status.success()))
}

/// On the console once there is one, else where the engine keeps what a container says.
fn fail<T: From<u8>>(error: &io::Error) -> T {
    use std::io::Write as _;
    let _ = writeln!(io::stderr(), "the container does not boot: {error}");
    T::from(1)
}

const CONSOLE: &str = "/var/log/console.log";
/// The index of `lo` in every network namespace.
const LOOPBACK: u32 = 1;
