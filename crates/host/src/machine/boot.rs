//! From the hidden verb to a machine's init: the namespace holder and PID 1.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{self, Command};

use quorate_netlink::Netlink;
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::UnshareFlags;

use super::{AgentConfig, BootRequest, Init, Report, StaticAddress, rootfs};
use crate::lan::MACHINE_INTERFACE;
use crate::netns;
use crate::process::{Fork, HeldSignals, die_with_parent_outside, fork, stand_by};

/// What this program does under [`HIDDEN_VERB`](super::HIDDEN_VERB): becomes the machine that
/// its standard input describes. `agent` runs in the machine's PID 1, with the configuration of
/// [`Init::Agent`], and ends the machine with its exit code.
///
/// Call it first thing in `main`: the process must have one thread. `T` is
/// [`ExitCode`](std::process::ExitCode), or the code as a number.
pub fn main<T: From<u8>>(agent: impl FnOnce(AgentConfig) -> T) -> T {
    let started = stdin_stream().and_then(|control| {
        let mut request = String::new();
        BufReader::new(&control).read_line(&mut request)?;
        Ok((control, serde_json::from_str::<BootRequest>(&request)?))
    });
    // Without the control socket the error can only go to the console's log.
    let Ok((control, request)) = started else {
        return T::from(FAILURE);
    };
    match become_pid_1(&request, &control) {
        Ok(()) => run(request.init, &control, agent),
        Err(error) => fail(&control, &error),
    }
}

/// Makes the namespaces and goes on in their PID 1. The namespace holder stays in here.
fn become_pid_1(request: &BootRequest, control: &UnixStream) -> io::Result<()> {
    netns::unshare(
        UnshareFlags::NEWNS | UnshareFlags::NEWUTS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC,
    )?;
    let signals = HeldSignals::hold()?;
    let (lifeline, holder_end) = UnixStream::pair()?;
    if let Fork::Parent { child } = fork()? {
        hold(child, &signals, control, &holder_end);
    }
    drop(holder_end);
    drop(signals);
    die_with_parent_outside(&lifeline)?;
    rustix::system::sethostname(request.hostname.as_bytes())?;
    rootfs::enter(request)
}

/// Stands by for PID 1, and exits with its status. `_lifeline` closes with this process.
fn hold(pid_1: Pid, signals: &HeldSignals, control: &UnixStream, _lifeline: &UnixStream) -> ! {
    let pid = pid_1.as_raw_nonzero().get();
    let noted = report(control, &Report::Started { pid }).and_then(|()| (&*control).read(&mut [0]));
    // PID 1 is not reaped, and its number not used again, before the other side has a
    // descriptor of it. When there is no other side any more, there is no machine.
    if !matches!(noted, Ok(1)) {
        let _ = kill_process(pid_1, Signal::KILL);
    }
    process::exit(stand_by(pid_1, signals).unwrap_or(u8::MAX).into());
}

fn run<T: From<u8>>(init: Init, control: &UnixStream, agent: impl FnOnce(AgentConfig) -> T) -> T {
    let ready = || {
        report(control, &Report::Booted)?;
        detach_stdin()
    };
    match init {
        Init::Agent { config } => match ready() {
            Ok(()) => agent(*config),
            Err(error) => fail(control, &error),
        },
        Init::Exec { argv, address } => {
            let configured = address.map_or(Ok(()), configure);
            match configured.and_then(|()| ready()).and_then(|()| exec(&argv)) {
                Ok(status) => T::from(status),
                Err(error) => fail(control, &error),
            }
        }
    }
}

/// Runs a program as a child until it ends, as the init that reaps every orphan.
fn exec(argv: &[String]) -> io::Result<u8> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let signals = HeldSignals::hold()?;
    match fork()? {
        Fork::Parent { child } => stand_by(child, &signals),
        Fork::Child => {
            drop(signals);
            let error = Command::new(program).args(arguments).exec();
            // The one place for it: standard error is the machine's console.
            let _ = writeln!(io::stderr(), "cannot run {program}: {error}");
            // As a shell does when it cannot run a command.
            process::exit(127);
        }
    }
}

fn configure(address: StaticAddress) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    let index = netlink.link_index(MACHINE_INTERFACE)?;
    netlink.link_up(index)?;
    netlink.add_address(index, address.addr, address.prefix)?;
    match address.gateway {
        Some(gateway) => netlink.add_route(None, gateway, index),
        None => Ok(()),
    }
}

/// Reports the error on the control socket and on the console.
fn fail<T: From<u8>>(control: &UnixStream, error: &io::Error) -> T {
    let reason = error.to_string();
    let _ = writeln!(io::stderr(), "the machine does not boot: {reason}");
    // After the boot the other end is closed.
    let _ = report(control, &Report::Failed { reason });
    T::from(FAILURE)
}

fn report(mut control: &UnixStream, report: &Report) -> io::Result<()> {
    let mut text = serde_json::to_vec(report)?;
    text.push(b'\n');
    control.write_all(&text)
}

/// Standard input as the stream that it is.
fn stdin_stream() -> io::Result<UnixStream> {
    let stream = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(UnixStream::from(stream))
}

/// The machine itself has no standard input.
fn detach_stdin() -> io::Result<()> {
    let null = std::fs::File::open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(())
}

const FAILURE: u8 = 1;
