//! The processes of a machine's units.
//!
//! Each unit's process leads a process group. When it ends, what it left in its group is killed,
//! as systemd's `KillMode=control-group` would. Nothing outlives [`Processes`]: dropping it kills
//! every group.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::unit_log::UnitLogs;
use quorate_node::unit::{EnvironmentFile, read_environment};
use quorate_node::{ExitStatus, StopSignal};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus,
};

/// What to run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    pub(crate) unit: &'a str,
    pub(crate) argv: &'a [String],
    pub(crate) env: &'a [(String, String)],
    /// What stands in these goes before `env`.
    pub(crate) env_files: &'a [EnvironmentFile],
    /// `RLIMIT_NOFILE`, soft and hard.
    pub(crate) open_files: Option<(u64, u64)>,
}

/// The processes that run, by unit.
#[derive(Debug)]
pub(crate) struct Processes {
    running: BTreeMap<String, Pid>,
    log_dir: PathBuf,
    /// Where the output of every unit goes, if not to a file for each in `log_dir`.
    log_file: Option<PathBuf>,
    logs: UnitLogs,
    /// As PID 1 every orphan of the machine is ours to reap.
    is_init: bool,
}

impl Processes {
    pub(crate) fn new(log_dir: &Path, log_file: Option<PathBuf>) -> Self {
        Self {
            running: BTreeMap::new(),
            log_dir: log_dir.to_owned(),
            log_file,
            logs: UnitLogs::default(),
            is_init: rustix::process::getpid() == Pid::INIT,
        }
    }

    /// Starts a unit's process, its output appended to `<log_dir>/<unit>.log` or the one file.
    pub(crate) fn spawn(&mut self, program: &Program<'_>) -> io::Result<u32> {
        let (path, args) = program
            .argv
            .split_first()
            .ok_or(io::ErrorKind::InvalidInput)?;
        let own = || self.log_dir.join(format!("{}.log", program.unit));
        let log = self.log_file.clone().unwrap_or_else(own);
        let [stdout, stderr] = self.logs.open(&log)?;
        let mut command = Command::new(path);
        command
            .args(args)
            .env_clear()
            .envs(program.env.iter().map(|(name, value)| (name, value)))
            .envs(variables(program.env_files)?)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0);
        if let Some(wanted) = program.open_files {
            limit_open_files(&mut command, wanted);
        }
        let child = command.spawn()?;
        let pid = child.id();
        // The handle is let go: `reap` waits, and needs only the number.
        let raw = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let raw = raw.expect("the kernel's process numbers are positive and fit an i32");
        self.running.insert(program.unit.to_owned(), raw);
        Ok(pid)
    }

    /// Signals a unit's process group. A unit that does not run needs none.
    pub(crate) fn signal(&self, unit: &str, signal: StopSignal) {
        let signal = match signal {
            StopSignal::Term => Signal::TERM,
            StopSignal::Kill => Signal::KILL,
        };
        if let Some(pid) = self.running.get(unit) {
            signal_group(*pid, signal);
        }
    }

    /// The units whose process has ended, and how. What they said is in their logs.
    pub(crate) fn reap(&mut self) -> Vec<(String, ExitStatus)> {
        let mut ended = Vec::new();
        for (unit, pid) in self.running.clone() {
            let peek = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            if let Ok(Some(_)) = rustix::process::waitid(WaitId::Pid(pid), peek) {
                // Before its number is free to be used again.
                signal_group(pid, Signal::KILL);
                if let Ok(Some((_, status))) =
                    rustix::process::waitpid(Some(pid), WaitOptions::NOHANG)
                {
                    self.running.remove(&unit);
                    ended.push((unit, exit_status(status)));
                }
            }
        }
        while self.is_init {
            let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) else {
                break;
            };
            // A unit's process may have ended since the loop above.
            let unit = self.running.iter().find(|(_, running)| **running == pid);
            if let Some(unit) = unit.map(|(unit, _)| unit.clone()) {
                signal_group(pid, Signal::KILL);
                self.running.remove(&unit);
                ended.push((unit, exit_status(status)));
            }
        }
        if !ended.is_empty() {
            self.logs.catch_up();
        }
        ended
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for pid in self.running.values() {
            signal_group(*pid, Signal::KILL);
        }
        for pid in self.running.values() {
            // Killed, so this ends; a failure means that it is gone already.
            let _ = rustix::process::waitpid(Some(*pid), WaitOptions::empty());
        }
        self.logs.catch_up();
    }
}

/// The variables of the files as they are now: a step before may just have written them.
fn variables(files: &[EnvironmentFile]) -> io::Result<Vec<(String, String)>> {
    let mut variables = Vec::new();
    for file in files {
        let text = match std::fs::read_to_string(&file.path) {
            Err(_) if file.optional => continue,
            read => read
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.path)))?,
        };
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        variables.extend(read_environment(&text).map(owned));
    }
    Ok(variables)
}

/// The wanted limits, or as much of them as the hard limit allows a machine without
/// `CAP_SYS_RESOURCE` (root of a user namespace has none that counts here).
fn limit_open_files(command: &mut Command, (soft, hard): (u64, u64)) {
    let limit = |value| (value != u64::MAX).then_some(value);
    let ceiling = rustix::process::getrlimit(Resource::Nofile).maximum;
    let below = |wanted: u64| limit(wanted.min(ceiling.unwrap_or(u64::MAX)));
    let wanted = Rlimit {
        current: limit(soft),
        maximum: limit(hard),
    };
    let allowed = Rlimit {
        current: below(soft),
        maximum: below(hard),
    };
    let set = move || {
        let nofile = || Resource::Nofile;
        rustix::process::setrlimit(nofile(), wanted)
            .or_else(|_| rustix::process::setrlimit(nofile(), allowed))?;
        Ok(())
    };
    #[expect(unsafe_code, reason = "limits are set between fork and exec")]
    // SAFETY: the closure makes only system calls; it neither allocates nor takes a lock.
    unsafe {
        command.pre_exec(set);
    }
}

/// A group that is gone needs no signal.
fn signal_group(pid: Pid, signal: Signal) {
    if let Err(error) = rustix::process::kill_process_group(pid, signal)
        && error != rustix::io::Errno::SRCH
    {
        tracing::warn!(%error, ?pid, "a process group could not be signalled");
    }
}

fn exit_status(status: WaitStatus) -> ExitStatus {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitStatus::Code { code },
        (None, Some(signal)) => ExitStatus::Signal { signal },
        (None, None) => ExitStatus::NotStarted {
            why: format!("wait status {status:?}"),
        },
    }
}

#[cfg(test)]
mod tests;
