//! Namespaces for a whole world, without root, that leave nothing behind.
//!
//! Four processes, each the parent of the next:
//!
//! 1. *outer*, which called [`enter`]: stays outside, passes signals on and exits with the
//!    runner's status;
//! 2. *middle*: made the namespaces, but is itself not in the PID namespace it made;
//! 3. *init*, PID 1: mounts /proc and /sys and reaps orphans. When it dies, the kernel kills
//!    every process in the namespace;
//! 4. *runner*, PID 2, where [`enter`] returns. It is not PID 1 itself, so that waiting for its
//!    own children does not race with reaping orphans.
//!
//! Each asks the kernel to be killed when its parent dies, so kill -9 of any one ends all.

mod error;

use std::fs;
use std::io::{self, BufRead, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process;

use quorate_netlink::Netlink;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::process::{Pid, Resource, Rlimit, getegid, geteuid, getrlimit, setrlimit};
use rustix::thread::UnshareFlags;

use crate::netns;
use crate::process::{
    Fork, HeldSignals, die_with, die_with_parent_outside, fork, is_single_threaded, stand_by,
};
pub use error::{SandboxError, Stage};

/// Moves the rest of the program into namespaces of its own, as their root.
///
/// Returns only in the runner, or in the calling process with an error when the namespaces
/// cannot be had. When the runner ends, the calling process exits with its status (128 and
/// the signal's number when a signal ended it) and never returns.
///
/// Call it first thing in a process with one thread.
pub fn enter() -> Result<(), SandboxError> {
    if !is_single_threaded() {
        return Err(SandboxError::Threads);
    }
    let failed = |error| SandboxError::at(Stage::Fork, &error);
    let signals = HeldSignals::hold().map_err(failed)?;
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let outer = rustix::process::getpid();
    match fork().map_err(failed)? {
        Fork::Parent { child } => {
            drop(theirs);
            wait_ready(child, &ours)?;
            let status = stand_by(child, &signals).map_err(failed)?;
            process::exit(status.into());
        }
        Fork::Child => {
            drop(ours);
            let mut report = Report { outer: theirs };
            let result = become_runner(outer, &signals, &mut report);
            match result {
                Ok(()) => {
                    drop(signals);
                    Ok(())
                }
                Err(error) => {
                    report.fail(error);
                    process::exit(1);
                }
            }
        }
    }
}

/// The outer process's part of the set-up: gives the middle one its users, and waits until the
/// runner runs.
fn wait_ready(middle: Pid, stream: &UnixStream) -> Result<(), SandboxError> {
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(|error| SandboxError::at(Stage::Fork, &error))?;
        match line.as_str() {
            MAP_ME => {
                map_users(middle).map_err(|error| SandboxError::at(Stage::MapUsers, &error))?;
                (&*stream)
                    .write_all(b"\n")
                    .map_err(|error| SandboxError::at(Stage::MapUsers, &error))?;
            }
            READY => return Ok(()),
            failure => return Err(SandboxError::from_line(failure)),
        }
    }
    Err(SandboxError::Vanished)
}

/// Maps this process's user to root in the namespaces of `middle`. Root keeps all the users it
/// has, so that it can still use every user's files; any other user can map only itself.
fn map_users(middle: Pid) -> io::Result<()> {
    let pid = middle.as_raw_nonzero();
    let write = |name: &str, text: &str| fs::write(format!("/proc/{pid}/{name}"), text);
    let all = |map: &str| {
        let own = fs::read_to_string(format!("/proc/self/{map}"))?;
        write(map, &identity_map(&own))
    };
    let privileged = geteuid().is_root();
    if !(privileged && all("uid_map").is_ok()) {
        write("uid_map", &format!("0 {} 1\n", geteuid().as_raw()))?;
    }
    if !(privileged && all("gid_map").is_ok()) {
        // user_namespaces(7): without privilege in the parent namespace, a group may be mapped
        // only after setgroups was given up.
        write("setgroups", "deny")?;
        write("gid_map", &format!("0 {} 1\n", getegid().as_raw()))?;
    }
    Ok(())
}

/// The map that gives a child namespace every id of this one: lines of `inside outside count`.
fn identity_map(map: &str) -> String {
    let line = |line: &str| {
        let mut fields = line.split_whitespace();
        let (inside, count) = (fields.next()?, fields.nth(1)?);
        Some(format!("{inside} {inside} {count}\n"))
    };
    map.lines().filter_map(line).collect()
}

/// Middle, init and runner. Returns in the runner; the other two stand by in here, and exit.
fn become_runner(
    outer: Pid,
    signals: &HeldSignals,
    report: &mut Report,
) -> Result<(), (Stage, io::Error)> {
    // Set again below: entering a user namespace may clear it.
    die_with(outer).map_err(|error| (Stage::Fork, error))?;
    unshare(report)?;
    die_with(outer).map_err(|error| (Stage::Fork, error))?;

    let (lifeline, parent_end) = UnixStream::pair().map_err(|error| (Stage::Fork, error))?;
    if let Fork::Parent { child } = fork().map_err(|error| (Stage::Fork, error))? {
        // `parent_end` closes when this process ends, and not before.
        leave(stand_by(child, signals), parent_end);
    }
    drop(parent_end);
    die_with_parent_outside(&lifeline).map_err(|error| (Stage::Fork, error))?;
    mount_own().map_err(|error| (Stage::Mount, error))?;

    let init = rustix::process::getpid();
    if let Fork::Parent { child } = fork().map_err(|error| (Stage::Fork, error))? {
        leave(stand_by(child, signals), lifeline);
    }
    die_with(init).map_err(|error| (Stage::Fork, error))?;
    prepare_runner().map_err(|error| (Stage::Prepare, error))?;
    report.ready().map_err(|error| (Stage::Fork, error))
}

/// Enters the namespaces. Root of a host that has user namespaces switched off does without.
fn unshare(report: &mut Report) -> Result<(), (Stage, io::Error)> {
    let own = UnshareFlags::NEWNET
        | UnshareFlags::NEWNS
        | UnshareFlags::NEWPID
        | UnshareFlags::NEWUTS
        | UnshareFlags::NEWIPC;
    match netns::unshare(own | UnshareFlags::NEWUSER) {
        Ok(()) => report.map_me().map_err(|error| (Stage::MapUsers, error)),
        Err(_) if geteuid().is_root() && netns::unshare(own).is_ok() => Ok(()),
        Err(error) => Err((Stage::Unshare, error)),
    }
}

/// Ends this process with the status of the one it stood by for.
fn leave(status: io::Result<u8>, lifeline: UnixStream) -> ! {
    let status = status.unwrap_or(u8::MAX);
    drop(lifeline);
    process::exit(status.into());
}

/// Mounts that show the new namespaces instead of the host's.
fn mount_own() -> io::Result<()> {
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", flags, None)?;
    // A container may show a part of /sys only, and then refuses a whole one. Nothing here
    // depends on it.
    let _ = mount("sysfs", "/sys", "sysfs", flags, None);
    Ok(())
}

fn prepare_runner() -> io::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?;
    netns::prepare()?;
    Netlink::open()?.link_up(LOOPBACK)
}

/// The control socket to the outer process, open until the runner runs.
#[derive(Debug)]
struct Report {
    outer: UnixStream,
}

impl Report {
    /// Asks for users, and waits until they are there.
    fn map_me(&mut self) -> io::Result<()> {
        self.say(MAP_ME)?;
        let mut answer = String::new();
        match BufReader::new(&self.outer).read_line(&mut answer)? {
            // The outer process met an error, and knows it better.
            0 => process::exit(1),
            _ => Ok(()),
        }
    }

    fn ready(&mut self) -> io::Result<()> {
        self.say(READY)?;
        self.outer.shutdown(std::net::Shutdown::Both)
    }

    fn fail(&mut self, (stage, error): (Stage, io::Error)) {
        // It may be gone already.
        let _ = self.say(&error::to_line(stage, &error));
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.outer.write_all(format!("{line}\n").as_bytes())
    }
}

const MAP_ME: &str = "map me";
const READY: &str = "ready";
/// The index of `lo` in every network namespace.
const LOOPBACK: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_users_of_this_namespace_are_handed_on() {
        let rootless = "         0       1000          1\n         1     100000      65536\n";
        assert_eq!(identity_map(rootless), "0 0 1\n1 1 65536\n");
        let whole = "         0          0 4294967295\n";
        assert_eq!(identity_map(whole), "0 0 4294967295\n");
    }
}
