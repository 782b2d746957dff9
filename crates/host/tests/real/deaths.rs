//! How a world ends, seen from outside.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Child, ExitCode, Stdio};
use std::time::Duration;

use libtest_mimic::Failed;
use quorate_host::machine::{Init, Machine, MachineSpec};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

use crate::cases::{self, Case};
use crate::{Bench, PATIENCE, ended_within};

pub(crate) const LIVES: [(&str, Case); 2] = [("linger", linger), ("exit_with_7", exit_with_7)];

type Death = fn(&Bench) -> Result<(), Failed>;

pub(crate) const ALL: [(&str, Death); 6] = [
    ("kill_9_of_the_outer_process_leaves_nothing", |bench| {
        killed(bench, 0)
    }),
    ("kill_9_of_the_middle_process_leaves_nothing", |bench| {
        killed(bench, 1)
    }),
    ("kill_9_of_init_leaves_nothing", |bench| killed(bench, 2)),
    ("kill_9_of_the_runner_leaves_nothing", |bench| {
        killed(bench, 3)
    }),
    (
        "a_signal_to_the_outer_process_reaches_the_runner",
        signalled,
    ),
    ("the_runner_decides_the_exit_status", status),
];

/// A world with two machines, in which nothing happens until it dies.
fn linger(dir: &Path) -> ExitCode {
    let bench = cases::Bench::cabled(2, dir);
    let script = "setsid sleep 1000 & echo up; wait";
    let power_on = |n: usize| {
        Machine::power_on(&MachineSpec {
            hostname: format!("n{n}"),
            net: &bench.nets[n],
            dir: dir.join(format!("n{n}")),
            binds: Vec::new(),
            init: Init::Exec {
                argv: ["sh", "-c", script].map(String::from).to_vec(),
                address: None,
            },
        })
    };
    let mut machines = [0, 1].map(|n| power_on(n).unwrap());
    for machine in &mut machines {
        let mut stdout = BufReader::new(machine.stdout().unwrap());
        stdout.read_line(&mut String::new()).unwrap();
    }
    println!("up");
    machines[0].wait().unwrap();
    ExitCode::SUCCESS
}

fn exit_with_7(_: &Path) -> ExitCode {
    ExitCode::from(7)
}

/// Starts `linger` and waits until everything in it runs. Answers the outer process and
/// descriptors of it and all its descendants, by depth in the chain of the first four.
fn alive(bench: &Bench) -> Result<(Child, Vec<Pid>, Vec<OwnedFd>), Failed> {
    let mut outer = bench.command("linger")?.stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    let stdout = outer.stdout.as_mut().expect("it is piped");
    BufReader::new(stdout).read_line(&mut line)?;
    if line != "up\n" {
        return Err(format!("it did not start: {:?}", outer.wait()?.code()).into());
    }
    let parents = parents();
    let children = |of: Pid| {
        parents
            .iter()
            .filter(move |(_, p)| **p == of)
            .map(|(c, _)| *c)
    };
    let mut family = vec![Pid::from_child(&outer)];
    let mut next = 0;
    while next < family.len() {
        let grown: Vec<_> = children(family[next]).collect();
        family.extend(grown);
        next += 1;
    }
    // Four in a chain, and for each machine a namespace holder, PID 1, the shell and a sleeper.
    if family.len() != 12 {
        return Err(format!("12 processes were expected: {family:?}").into());
    }
    let fds = family
        .iter()
        .map(|pid| pidfd_open(*pid, PidfdFlags::empty()));
    let fds = fds
        .collect::<Result<_, _>>()
        .map_err(std::io::Error::from)?;
    Ok((outer, family, fds))
}

/// The parent of every process.
fn parents() -> HashMap<Pid, Pid> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted");
    let parent = |entry: fs::DirEntry| {
        let pid = Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (_, fields) = stat.rsplit_once(") ")?;
        Some((pid, Pid::from_raw(fields.split(' ').nth(1)?.parse().ok()?)?))
    };
    entries.filter_map(|entry| parent(entry.ok()?)).collect()
}

/// Waits until all of them have ended. Ends those that have not, and says so.
fn all_gone(fds: &[OwnedFd]) -> Result<(), Failed> {
    let mut outlived = Vec::new();
    for (n, fd) in fds.iter().enumerate() {
        // One that lives on after the first wait needs no second.
        let patience = if outlived.is_empty() {
            PATIENCE
        } else {
            Duration::ZERO
        };
        if !ended_within(fd, patience)? {
            outlived.push(n);
        }
    }
    if outlived.is_empty() {
        return Ok(());
    }
    for n in &outlived {
        pidfd_send_signal(&fds[*n], Signal::KILL).map_err(std::io::Error::from)?;
    }
    Err(format!("of the family, these lived on: {outlived:?}").into())
}

fn killed(bench: &Bench, victim: usize) -> Result<(), Failed> {
    let (mut outer, family, fds) = alive(bench)?;
    kill_process(family[victim], Signal::KILL).map_err(std::io::Error::from)?;
    let gone = all_gone(&fds);
    outer.wait()?;
    gone
}

fn signalled(bench: &Bench) -> Result<(), Failed> {
    let (mut outer, _, fds) = alive(bench)?;
    kill_process(Pid::from_child(&outer), Signal::TERM).map_err(std::io::Error::from)?;
    let gone = all_gone(&fds);
    let code = outer.wait()?.code();
    gone?;
    match code {
        Some(143) => Ok(()),
        code => Err(format!("{code:?} is not 128 + SIGTERM").into()),
    }
}

fn status(bench: &Bench) -> Result<(), Failed> {
    match bench.command("exit_with_7")?.status()?.code() {
        Some(7) => Ok(()),
        code => Err(format!("{code:?} is not the runner's 7").into()),
    }
}
