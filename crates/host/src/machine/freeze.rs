//! A machine that hangs: each of its processes is stopped.
//!
//! Those of a machine are those of its PID namespace. PID 1 takes SIGSTOP from out here, as it
//! takes SIGKILL (pid_namespaces(7)); SIGCONT wakes every stopped process, whatever it does with
//! the signal (signal(7)).

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// Stops the machine with this PID 1, and returns when all of its processes were signalled.
pub(super) fn stop_all(pid_1: Pid, pidfd: &OwnedFd) -> io::Result<()> {
    send(pidfd, Signal::STOP)?;
    // One that runs may start another while the list is read. A stopped process does not.
    let mut signalled = Vec::new();
    loop {
        let found = others(pid_1)?;
        let new: Vec<Pid> = found
            .into_iter()
            .filter(|p| !signalled.contains(p))
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        for pid in new {
            signal(pid_1, pid, Signal::STOP)?;
            signalled.push(pid);
        }
    }
}

/// Lets the machine go on: PID 1 last, so that it finds the others as it left them.
pub(super) fn continue_all(pid_1: Pid, pidfd: &OwnedFd) -> io::Result<()> {
    for pid in others(pid_1)? {
        signal(pid_1, pid, Signal::CONT)?;
    }
    send(pidfd, Signal::CONT)
}

/// The machine's processes but PID 1.
fn others(pid_1: Pid) -> io::Result<Vec<Pid>> {
    let Some(ns) = namespace(pid_1)? else {
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.parse().ok());
        let Some(pid) = number.and_then(Pid::from_raw).filter(|pid| *pid != pid_1) else {
            continue;
        };
        if namespace(pid)?.as_ref() == Some(&ns) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// The PID namespace of a process; `None` when it is gone.
fn namespace(pid: Pid) -> io::Result<Option<PathBuf>> {
    match fs::read_link(format!("/proc/{}/ns/pid", pid.as_raw_nonzero())) {
        Ok(ns) => Ok(Some(ns)),
        // A zombie has none.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Sends a signal to a process of the machine, unless another process has its number by now.
fn signal(pid_1: Pid, pid: Pid, signal: Signal) -> io::Result<()> {
    let pidfd = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(pidfd) => pidfd,
        Err(Errno::SRCH) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    if namespace(pid)?.is_some() && namespace(pid)? == namespace(pid_1)? {
        send(&pidfd, signal)?;
    }
    Ok(())
}

fn send(pidfd: &OwnedFd, signal: Signal) -> io::Result<()> {
    match pidfd_send_signal(pidfd, signal) {
        Ok(()) | Err(Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
