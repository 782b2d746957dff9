//! Test programs whose cases run in a sandbox of their own: namespaces, the switch and daemons,
//! without root and without a trace.
//!
//! Namespaces can be made by a process with one thread only, and a test harness has several. So
//! a test program with `harness = false` hands its cases to [`main`], which starts the program
//! again for each:
//!
//! ```text
//!   interop_dns                       libtest-mimic: names, filters, report
//!     └ interop_dns __case NAME DIR   enters the sandbox, runs the case
//!         └ interop_dns serve …       the daemons, when a case starts them
//! ```
//!
//! A case that lacks what it needs is reported as ignored, with the reason in its line.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use quorate_host::sandbox;
use quorate_obtain::{Etcd, Request, Silent, obtain};

/// One test that runs in a sandbox.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub name: &'static str,
    pub needs: &'static [Need],
    /// Panics when what it tests is broken. Its argument is an empty directory, which is
    /// removed afterwards.
    pub run: fn(&Path),
}

/// What a case cannot do without, beside namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// A foreign program.
    Program(&'static str),
    /// An etcd of this version, with its etcdctl.
    Etcd(&'static str),
    /// A foreign program that calls itself at least this version, major and minor.
    Since(&'static str, [u32; 2]),
    /// Something that only the environment knows.
    Variable(&'static str),
}

/// The `main` of a test program that has these cases. Call it before the first thread starts.
pub fn main(cases: &[Case]) -> ExitCode {
    main_within(CASE_MAX, cases)
}

/// The same for cases that may take as long as this.
pub fn main_within(case_max: Duration, cases: &[Case]) -> ExitCode {
    if quorate::is_part_of_run() {
        return quorate::main();
    }
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if let [HIDDEN_VERB, name, dir] = words[..] {
        let case = cases.iter().find(|case| case.name == name);
        return inside(name, case.map(|case| case.run), Path::new(dir), case_max);
    }
    let arguments = Arguments::from_args();
    let trials = trials(cases, arguments.list);
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Trials for a harness that has others beside them; the program calls [`main`] with `cases`
/// when its first argument is [`HIDDEN_VERB`].
pub fn trials(cases: &[Case], list_only: bool) -> Vec<Trial> {
    let no_sandbox = if list_only { None } else { no_sandbox() };
    let trial = |case: &Case| {
        let name = case.name;
        let missing = || case.needs.iter().find_map(|need| need.missing());
        let reason = match &no_sandbox {
            _ if list_only => None,
            Some(reason) => Some(reason.clone()),
            None => missing(),
        };
        let trial = Trial::test(name, move || outside(name));
        match reason {
            Some(reason) => trial
                .with_kind(format!("not run: {reason}"))
                .with_ignored_flag(true),
            None => trial,
        }
    };
    cases.iter().map(trial).collect()
}

/// The path of a program; some are in directories that are not on everybody's `$PATH`.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(more)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

/// An etcd of this version; fetched when there is none.
pub fn etcd(version: &str) -> Result<Etcd, String> {
    let version = version
        .parse()
        .map_err(|error| format!("{version}: {error}"))?;
    let request = Request::new(None, Some(version)).map_err(|error| error.to_string())?;
    obtain(&request, &Silent).map_err(|error| error.to_string())
}

impl Need {
    /// Why it is not met.
    pub fn missing(self) -> Option<String> {
        match self {
            Self::Program(name) if program(name).is_some() => None,
            Self::Program(name) => Some(format!("{name} is not installed")),
            Self::Etcd(version) => match etcd(version) {
                Ok(etcd) if etcd.etcdctl.is_some() => None,
                Ok(etcd) => Some(format!("no etcdctl beside {}", etcd.etcd.display())),
                Err(error) => Some(error),
            },
            Self::Since(name, least) => {
                let has = match version(name) {
                    Ok(has) => has,
                    Err(missing) => return Some(missing),
                };
                let ([major, minor], [has_major, has_minor]) = (least, has);
                (has < least).then(|| {
                    format!("{name} is {has_major}.{has_minor}, this needs {major}.{minor}")
                })
            }
            Self::Variable(name) => std::env::var_os(name)
                .is_none()
                .then(|| format!("${name} is not set")),
        }
    }
}

/// What a program answers to `--version`: the last word of its first line.
fn version(name: &str) -> Result<[u32; 2], String> {
    let path = program(name).ok_or_else(|| format!("{name} is not installed"))?;
    let output = Command::new(path).arg("--version").output();
    let output = output.map_err(|error| format!("{name}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().next().unwrap_or_default();
    let word = line.split(' ').next_back().unwrap_or_default();
    let mut parts = word.split('.').map(str::parse);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => Ok([major, minor]),
        _ => Err(format!("{name} does not say its version: {line}")),
    }
}

/// Why there can be no sandbox here.
fn no_sandbox() -> Option<String> {
    let output = match start_inside(PROBE, Path::new("/")).output() {
        Ok(output) => output,
        Err(error) => return Some(format!("this program does not start: {error}")),
    };
    let said = String::from_utf8_lossy(&output.stderr);
    (!output.status.success()).then(|| said.trim().replace('\n', "; "))
}

/// Runs one case to its end.
fn outside(name: &str) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let output = start_inside(name, dir.path()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Err(format!("{}\n{said}", output.status).into())
}

fn start_inside(name: &str, dir: &Path) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args([HIDDEN_VERB, name]).arg(dir);
    command.stdin(Stdio::null());
    command
}

/// One case, in its sandbox.
#[expect(clippy::print_stderr, reason = "the harness shows it")]
fn inside(name: &str, run: Option<fn(&Path)>, dir: &Path, max: Duration) -> ExitCode {
    if let Err(error) = sandbox::enter() {
        eprintln!("{error}");
        if let Some(remedy) = error.remedy() {
            eprintln!("{remedy}");
        }
        return ExitCode::FAILURE;
    }
    let Some(run) = run else {
        assert_eq!(name, PROBE, "a case of that name");
        return ExitCode::SUCCESS;
    };
    let (_ended, end) = channel::<()>();
    thread::spawn(move || give_up_late(&end, max));
    run(dir);
    ExitCode::SUCCESS
}

/// Ends a case that hangs; the sandbox takes all its processes with it.
#[expect(clippy::print_stderr, reason = "the harness shows it")]
fn give_up_late(end: &Receiver<()>, max: Duration) {
    if end.recv_timeout(max) == Err(RecvTimeoutError::Timeout) {
        eprintln!("the case did not end within {max:?}");
        std::process::exit(1);
    }
}

/// The first argument under which this program runs a case, which is the second.
pub const HIDDEN_VERB: &str = "__case";
/// A case that does nothing.
const PROBE: &str = "";
const CASE_MAX: Duration = Duration::from_secs(180);
