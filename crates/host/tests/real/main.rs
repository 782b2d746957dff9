//! Namespaces, the switch and machines on the real kernel.
//!
//! A test harness with threads cannot enter a sandbox, so this program starts itself again for each
//! case, as each user that it can be, and looks at how that ended.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a case reports to the one who started it"
)]

mod cases;
mod deaths;
mod machines;
mod wires;

use std::fs::{self, Permissions};
use std::io;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed};
use quorate_host::{machine, sandbox};
use quorate_needs::{Need, Test};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// How long a case may take, all in all.
const PATIENCE: Duration = Duration::from_secs(60);
/// The user that has nothing.
const NOBODY: u32 = 65_534;
/// What a case exits with when there can be no sandbox.
const NO_SANDBOX: u8 = 3;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [machine::HIDDEN_VERB] => machine::main(machines::agent),
        ["echo", port] => echo(port.parse().unwrap()),
        ["case", name, dir] => run_case(name, Path::new(dir)),
        _ => {
            let mut arguments = Arguments::from_args();
            // Each case has processes enough of its own.
            arguments.test_threads.get_or_insert(1);
            quorate_needs::run(&arguments, tests())
        }
    }
}

/// What a machine runs that answers datagrams.
fn echo(port: u16) -> ExitCode {
    let socket = UdpSocket::bind(("0.0.0.0", port)).unwrap();
    let mut buffer = [0; 2048];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).unwrap();
        socket.send_to(&buffer[..length], from).unwrap();
    }
}

/// Runs one case in a sandbox.
fn run_case(name: &str, dir: &Path) -> ExitCode {
    let case = cases::ALL
        .iter()
        .chain(&deaths::LIVES)
        .chain(&wires::ALL)
        .find(|(n, _)| *n == name);
    let (_, case) = case.expect("a case of that name");
    if let Err(error) = sandbox::enter() {
        eprintln!("{error}: {}", error.remedy().unwrap_or("no remedy known"));
        return ExitCode::from(NO_SANDBOX);
    }
    case(dir)
}

type Run = Box<dyn FnOnce(&Bench) -> Result<(), Failed> + Send>;

/// Every case and every death, as each user.
fn tests() -> Vec<Test> {
    let root = rustix::process::geteuid().is_root();
    let users: &[(&str, Option<u32>)] = match root {
        true => &[("root", None), ("nobody", Some(NOBODY))],
        false => &[("user", None)],
    };
    let mut tests = Vec::new();
    for (user, uid) in users {
        let uid = *uid;
        // Copies a large program, which `--list` does not need.
        let bench = Arc::new(LazyLock::new(move || Bench::new(uid)));
        let mut add = |name: &str, run: Run| {
            let bench = Arc::clone(&bench);
            let run = move || run(&bench);
            tests.push(Test::fallible(
                format!("{user}::{name}"),
                &[Need::Host],
                run,
            ));
        };
        for (name, _) in cases::ALL.into_iter().chain(wires::ALL) {
            add(name, Box::new(move |bench| bench.passes(name)));
        }
        for (name, death) in deaths::ALL {
            add(name, Box::new(death));
        }
    }
    tests
}

/// Where and as whom cases run.
struct Bench {
    dir: tempfile::TempDir,
    program: PathBuf,
    uid: Option<u32>,
}

impl Bench {
    fn new(uid: Option<u32>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        // Another user may not be able to reach the target directory.
        let program = dir.path().join("real");
        fs::copy("/proc/self/exe", &program).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        Self { dir, program, uid }
    }

    /// A command that runs the case, in a directory of its own.
    fn command(&self, case: &str) -> io::Result<Command> {
        let dir = self.dir.path().join(case);
        fs::create_dir_all(&dir)?;
        let mut command = Command::new(&self.program);
        command.arg("case").arg(case).arg(&dir).stdin(Stdio::null());
        if let Some(uid) = self.uid {
            chown(&dir, Some(uid), Some(uid))?;
            command.uid(uid).gid(uid);
        }
        Ok(command)
    }

    /// Runs a case to its end, which must be success.
    fn passes(&self, case: &str) -> Result<(), Failed> {
        let mut command = self.command(case)?;
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let pid = Pid::from_child(&child);
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from)?;
        if !ended_within(&pidfd, PATIENCE)? {
            pidfd_send_signal(&pidfd, Signal::KILL).map_err(io::Error::from)?;
        }
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.code() {
            Some(0) => Ok(()),
            _ => Err(format!("{}\n{said}", output.status).into()),
        }
    }
}

/// Waits for the process to end; false when it does not.
fn ended_within(process: &OwnedFd, patience: Duration) -> io::Result<bool> {
    let patience = Timespec {
        tv_sec: patience.as_secs().cast_signed(),
        tv_nsec: 0,
    };
    let mut ended = [PollFd::new(process, PollFlags::IN)];
    Ok(poll(&mut ended, Some(&patience))? > 0)
}
